/* origin.h - where a number that is not finite was born: the row, its place, the sample and the inputs, found in the run that failed.
 *
 * Everything is determined, so the call that failed is run again by the interpreter and looked at, back from what is not finite to the first row
 * whose own operands are. What an earlier statement left behind is followed into that statement's call, as far back as the run can be put.
 * An infinity that the program writes (a mask, a bound) is no origin, unless nothing else made what failed. */
#pragma once
#include "compiler/ir/ir.h"
#include "lang/source/source.h"
#include "runtime/program.h"
#include "runtime/trainer.h"

enum { ORIGIN_STEPS = 5, ORIGIN_OPERANDS = 3 };

typedef enum {
    ORIGIN_BORN,                                            /* step[0] made it of finite numbers */
    ORIGIN_REQUIRED,                                        /* what must hold does not: step[0] is the comparison, what it is about its first operand */
    ORIGIN_WRITTEN,                                         /* step[0] took an infinity or nan that the program writes */
    ORIGIN_DATA,                                            /* `given` was in a file */
    ORIGIN_CHECKPOINT,                                      /* `given` came with the checkpoint that the run began from */
    ORIGIN_BEFORE,                                          /* `given` was so where the calls that are known begin */
} OriginKind;

typedef struct OriginPlace {
    const char *file;
    uint32_t    line, column;                               /* line 0: nowhere */
    const char *text;                                       /* of the line; NULL: not at hand */
    const char *inside;                                     /* a definition's own place, "optim:31", where `line` is the program's that uses it; or NULL */
} OriginPlace;

typedef struct OriginNumber { const char *name; double value; } OriginNumber;      /* name: "D.Dense_1.w[0, 3]", "points.csv row 3, column 2", a let's; or NULL */

typedef struct OriginStep {
    const char  *op;                                        /* of compiler/ir/ops.def */
    const char  *text;                                      /* with its numbers: "log(0)", "1 / 0", "a sum of 64 numbers, the largest 3e+38" */
    double       value;
    OriginNumber operand[ORIGIN_OPERANDS];                  /* element by element: all; of a sum or product the largest term; of a whole matrix none */
    int          n_operands;
    int64_t      terms, largest;                            /* of a sum: how many, and which is the largest, from 0; else 0 */
    const char  *sample;                                    /* "sample 17 of x"; NULL: it is no sample's */
    const char  *element;                                   /* "element [3, 0]"; NULL: it is one number */
    const char  *turn;                                      /* "turn 4 of 10"; NULL: in no loop */
    bool         derivative;                                /* of what stands at the place; else that itself */
    OriginPlace  at;
    int          fn;
} OriginStep;

typedef struct Origin {
    OriginKind   kind;
    int          fn;                                        /* whose call made it; -1: none that is known */
    const char  *player;                                    /* of that call; or NULL */
    OriginStep   step[ORIGIN_STEPS];                        /* from the birth back to what made its operands so, all finite but the first */
    int          n_steps;
    OriginStep   turned;                                    /* where an infinity became nan on its way; op NULL: nowhere */
    OriginNumber given;                                     /* DATA, CHECKPOINT, BEFORE */
    const char  *first;                                     /* the slot whose first value it is, where that is so from the start; or NULL */
    const char  *hint;                                      /* what to write instead; or NULL */
} Origin;

typedef struct OriginAsk {
    const IrModule   *m;                                    /* functions and slots are p's, under the same numbers */
    const GanProgram *p;
    GanState         *state;                                /* before the call; where `past` goes back it is what that leaves, and the same again at the end */
    int               fn;                                   /* the function called; -1: the one that set `slot` last, of those in `past` */
    int               slot;                                 /* what is looked at; -1: what the trainer holds the call to: its losses and indices, then the slots it sets */
    const TrainerPast *past;                                /* the calls before it, the last one is the one at hand; NULL: only this one is known */
    const char       *checkpoint;                           /* the file whose tensors the run began with; or NULL */
    const Sources    *sources;                              /* for texts of lines; or NULL */
} OriginAsk;

/* False: it is not found (nothing is not finite, or there is no memory for a look). Texts live in `a`. */
bool origin_find(const OriginAsk *ask, Arena *a, Origin *out);

/* ---- in words */

typedef struct OriginNote { const char *file; uint32_t line, column; const char *text; const char *source; } OriginNote;     /* line 0: at no place; source: the line, or NULL */
enum { ORIGIN_NOTES = ORIGIN_STEPS + 2 };

int origin_notes(const Origin *o, Arena *a, OriginNote note[ORIGIN_NOTES]);        /* how many */
