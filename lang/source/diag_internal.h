/* diag_internal.h - the bag, shared by diag.c and diag_print.c. */
#pragma once
#include "lang/source/diag.h"

struct Diags {
    Arena   *arena;
    Sources *sources;
    Span     used_at;                                        /* see diags_used_at */
    Diag    *v[DIAGS_KEPT];
    int      n;
    int      count[DIAG_ADVICE + 1];                         /* by severity, kept or not */
    Diag     dummy;                                          /* stands for those not kept; its arena is NULL */
};
