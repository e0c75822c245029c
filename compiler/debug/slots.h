/* slots.h - what two programs' slots have in common. */
#pragma once
#include "runtime/program.h"

#include <string.h>

static inline bool slot_alike(const GanSlot *a, const GanSlot *b)           /* do values of one fit into the other? */
{
    return a->elem == b->elem && a->rank == b->rank && !memcmp(a->dim, b->dim, sizeof a->dim);
}

/* What a run has learnt: parameters, states, and those of optimisers. */
static inline bool slot_learns(const GanSlot *s) { return s->kind == GAN_PARAM || s->kind == GAN_STATE || s->kind == GAN_OPTIMIZER; }
