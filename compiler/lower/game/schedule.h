/* schedule.h - what the files of the schedule share: statements of the top level and of blocks become nodes of a tree. */
#pragma once
#include "compiler/lower/own/graph.h"

typedef struct Nodes {
    ARRAY(GanSchedule *) list;
    bool top;                                               /* of the top level: alternate and expect may stand here */
    const GanSchedule *rounds;                              /* the alternate block they are in, where every and stop when may stand; or NULL */
} Nodes;

/* ---- schedule.c */

GanSchedule *sched_node(Ctx *c, Nodes *to, GanScheduleKind kind, Span at);      /* appended, unless `to` is NULL */
void         sched_call(Ctx *c, Nodes *to, Part *p, GanScheduleKind kind, const char *name, Span at);
void         sched_line(Ctx *c, Part *p, const char *what, const char *name, Span at);     /* of the game's table */
const char  *sched_indexed(Ctx *c, const char *name);                           /* "G[kl]" inside loops at the top level */

AstList      sched_body(const Ast *for_);                                       /* its statements, without the line that says what the next round has */
Ctx          sched_round(Ctx *c, const Ast *for_, int64_t i, Value *item);      /* round i of a static loop among statements: a scope and an index of its own */

/* A condition as a part with one bool; or it is known now: then NULL, and *now. *ok is false after an error. */
Part *sched_condition(Ctx *c, const Ast *e, const char *name, bool *now, bool *ok);

/* ---- block.c: who is updated, and what changes, known before the statements are lowered */

void block_find_players(Ctx *c, const Ast *s, Block *b);                        /* s: a block or a statement */
void block_changes(Ctx *c, const Ast *s, Slots *out);                           /* every slot that it may change */

/* ---- keep.c: values that are computed once, where they stand */

void sched_sample(Ctx *c, const Ast *s, Nodes *to);
void sched_let(Ctx *c, const Ast *s, Nodes *to);
void keep_check(Lower *L);                                                      /* warns of single draws that the samples of a batch share */
void sched_data(Ctx *c, const Ast *s, Nodes *to);
/* What a static loop carries: its first values, or what the last line of the round at hand makes of them; bound in the scope of the next one
 * (NULL: there is none). False after an error. */
bool sched_carry(Ctx *c, const Ast *for_, Value **carried, bool first, Ctx *next, Nodes *to);
bool carry_here(Ctx *c, const Ast *for_, Value **carried, bool first, Ctx *next);       /* the same in the part at hand */
void sched_state(Ctx *c, const Ast *s);
void sched_assign(Ctx *c, const Ast *s, Nodes *to);
bool keep_assign(Ctx *c, const Ast *s);                                         /* s := e in the part and the environment at hand; false after an error */

/* ---- update.c */

/* An update, or statements that read the same starting point, or look ahead from it: what they change. False after an error. */
bool update_changes(Ctx *c, const Ast *s, Changes *out);
/* One side of an if in a part, on a condition that only the running program knows. */
typedef struct Side { Arm arm; IrVal *here, *outer; } Side;

IrVal *update_condition(Ctx *c, Value *v, Span at);                             /* one bool; NULL, reported, when it is none */
Side side_begin(Lower *L, int control, IrVal *cond, bool when);
void side_end(Lower *L, const Side *s);

/* copy, average (decay is not NULL): parameters and layer states of the target, in the environment and the part at hand. False after an error. */
bool update_blend(Ctx *c, const Ast *source, const Ast *target, const Ast *decay, Span at);
void sched_blend(Ctx *c, const Ast *source, const Ast *target, const Ast *decay, Nodes *to, Span at);  /* average; copy: decay NULL */

/* ---- ahead.c: what stands in `after` */

bool look_ahead(Ctx *c, const Ast *after, int64_t rounds);                      /* sets Lower.look_ahead; false after an error */

/* ---- report.c: what leaves the program */

const char *sched_report_name(Ctx *c, const Ast *s);                            /* with its indices; NULL after an error */
void sched_report(Ctx *c, const Ast *s, Nodes *to);
void sched_picture(Ctx *c, const Ast *s, Nodes *to);                            /* in picture.c */
void sched_stop(Ctx *c, const Ast *s, Nodes *to);
void sched_expect(Ctx *c, const Ast *s, Nodes *to);
void sched_report_watched(Ctx *c);                          /* what c->watch has seen, as far as it is numbers and conditions */
void sched_save(Ctx *c, const Ast *s, Nodes *to);

/* ---- schedule.c: the main file's statements -> L->root */

void   schedule_program(Ctx *c);                                                /* the main file's statements -> L->root */
