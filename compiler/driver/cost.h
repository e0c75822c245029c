/* cost.h - what a program's statements cost, counted on the IR that both engines run. */
#pragma once
#include "compiler/session/session.h"

typedef struct Cost {                                       /* of one function, once */
    double operations;                                      /* of numbers; an elementary function is one, a fused multiplication and addition two; at most, where loops end early */
    double read, written;                                   /* bytes of slots; of data what is drawn */
    double work;                                            /* bytes for values on the way, as the plan lays them out; -1: it cannot be planned */
} Cost;

Cost cost_of(const Session *s, int fn);

/* Tables for a person: players, then statements. After session_optimise. */
void cost_print(Session *s);
