/* nonfinite.h - what a command says of a call that left numbers that are not finite: where the first of them was born. */
#pragma once
#include "compiler/session/session.h"

/* A game's `failed`, whose `self` is the session: the words of origin_notes() become its notes. */
void nonfinite_explain(Game *g, int fn, GanState *state, const TrainerPast *past);
