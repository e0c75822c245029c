/* schedule.h - what the files of the schedule share: statements of the top level and of blocks become nodes of a tree. */
#pragma once
#include "compiler/lower/core.h"

typedef struct Nodes {
    ARRAY(GanSchedule *) list;
    bool top;                                               /* of the top level: alternate may stand here */
} Nodes;

GanSchedule *sched_node(Ctx *c, Nodes *to, GanScheduleKind kind, Span at);      /* appended, unless `to` is NULL */
void         sched_call(Ctx *c, Nodes *to, Fn *f, GanScheduleKind kind, const char *name, Span at);
void         sched_line(Ctx *c, Fn *f, const char *what, const char *name, Span at);   /* of the game's table */
const char  *sched_text(Lower *L, Span at);                                     /* the source */
const char  *sched_indexed(Ctx *c, const char *name);                           /* "G[kl]" inside loops at the top level */
void         sched_add_name(Lower *L, const char ***list, int *n, const char *name);

/* A condition as a function with one bool; or it is known now: then NULL, and *now. *ok is false after an error. */
Fn *sched_condition(Ctx *c, const Ast *e, const char *name, bool *now, bool *ok);

/* keep.c: values that are computed once, where they stand, and kept in the state. */
void sched_sample(Ctx *c, const Ast *s, Nodes *to);
void sched_let(Ctx *c, const Ast *s, Nodes *to);
void sched_state(Ctx *c, const Ast *s);
void sched_assign(Ctx *c, const Ast *s, Nodes *to);

/* report.c: what leaves the program. */
void sched_report(Ctx *c, const Ast *s, Nodes *to);
void sched_picture(Ctx *c, const Ast *s, Nodes *to);
void sched_stop(Ctx *c, const Ast *s, Nodes *to);
void sched_expect(Ctx *c, const Ast *s, Nodes *to);
void sched_save(Ctx *c, const Ast *s, Nodes *to);
