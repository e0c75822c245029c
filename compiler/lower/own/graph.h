/* graph.h - the schedule as one graph, its parts, and the environment that its statements thread.
 *
 * Every statement of the program appends to one graph, in the order of the text, and nothing that it computes is lost: a let, a sample, a
 * loss are nodes in it, and a later statement uses them as they are. A *part* is what one statement appended; it becomes a function of its
 * own when the graph is cut (cut.c), and what crosses from one part into another is then kept in the state.
 *
 * The *environment* maps every slot of the state to its value here. Reading a slot gives that value; a statement that changes slots sets
 * them (env_set), each to a node of the slot's own, through which no derivative passes. A node that is a slot's value is a *version* of it.
 * Control does not end the graph: at a loop's entry, and after any control, the slots that its body changes are read anew.
 *
 * So a value keeps its time: what was computed from a version is computed from it wherever it is used, and whether a version is still the
 * slot's value somewhere is a fact (version_hidden), not a guess. */
#pragma once
#include "compiler/lower/core.h"

/* ---- where a slot stands in a list, which may be as long as the state */

typedef struct SlotPlaces { struct SlotPlace { int slot, place; } *at; int n, cap; } SlotPlaces;

/* ---- parts */

typedef struct Keep {                                       /* a value that a part leaves in the state */
    IrVal *v;
    IrVal *made;                                            /* what is computed for it: v, or what stabilising made of it */
    int    slot;
    bool   required;                                        /* of what must hold, and of what that is about (watch.c) */
} Keep;

struct Part {
    const char *name;                                       /* of its function, unique */
    IrFnKind    kind;
    int         number;                                     /* in order of the text */
    Span        at;
    ARRAY(const char *) players;                            /* moved by it */
    ARRAY(IrCommit) commits;                                /* new versions */
    SlotPlaces      commit_at;                              /* of those that env_set made */
    ARRAY(IrReport) reports;
    ARRAY(Keep)     keeps;
    ARRAY(const char *) draws;                              /* for the game's table: named distributions drawn from */
    ARRAY(GanSchedule *) nodes;                             /* of the schedule, that run it */
    int         arm;                                        /* the innermost side of a control statement that it stands on */
    int         tick_slot;                                  /* -1: it never draws */
    bool        inside;                                     /* a block: what it keeps lives for a round, and is in no checkpoint */
    bool        whole;                                      /* it makes again what others have computed; their draws alone it reads */
    bool        dropped;                                    /* it was only tried */
    bool        binds;                                      /* a let or a sample: assignments travel with what it binds */
    const char *kind_of_report;                             /* of a report: what kind of estimate its value is; NULL: nothing is said */
    int         fn;                                         /* its function, once the graph has been cut; -1: there is nothing to do */
};

Part *part_begin(Lower *L, const char *name, IrFnKind kind, Span at);           /* becomes L->part, and the graph L->fn */
void  part_end(Lower *L);
void  part_back(Lower *L, Part *p);                                             /* to one that was left for another */
void  part_drop(Lower *L);                                                      /* nothing of it is wanted */
void  part_report(Lower *L, const char *name, IrVal *v);                        /* a named result for the caller */
void  part_run_by(Lower *L, Part *p, GanSchedule *n);
/* Evaluation gives a value, or an error that was reported, with which nothing is cut: a part that lacks one is our mistake, and ends here. */
void  part_check(const Lower *L, const Part *p);
int   part_keep(Lower *L, Part *p, IrVal *v, const char *path, IrSlotKind kind);    /* the slot */
bool  part_keep_as(Ctx *c, IrVal *v, const char *path, Span at);                /* in a slot of that name, whoever uses it; false, reported, when it has too many dims */
Part *part_of(const Lower *L, const IrVal *v);                                  /* that made it; NULL for reads of slots */

/* ---- versions */

typedef struct Hidden { int from, until; Part *keeper; Span at; } Hidden;       /* of parts with from < number <= until: the slot has another value there; keeper still reads this one */

struct Version {
    IrVal *v;
    int    slot;
    Part  *tick;                                            /* the counter of a part's executions, which nobody else may read */
    bool   kept;                                            /* under a name of the program */
    Part  *made;                                            /* by a part's commit; NULL: the value that the slot has where it is read */
    Span   at;                                              /* of what set it while looking ahead; SPAN_NONE: nothing did */
    ARRAY(Span) bound;                                      /* the statements that bind it as it is, for later ones */
    ARRAY(Hidden) hidden;
};

Version *version_of(const Lower *L, const IrVal *v);                            /* NULL: v is no slot's value */
const Hidden *version_hidden(const Version *v, int part);                       /* NULL: the slot has it where that part begins */

/* ---- the environment */

void env_set(Lower *L, int slot, IrVal *v, Span at);                            /* v has the slot's type; looking ahead: it has it there alone */

typedef struct Change { int slot; IrVal *v; } Change;
/* Of n pendings, over the applications that assign a state. Of reals: their sum, and how many there are, by element (count; NULL: `times` of each). Whole numbers
 * and conditions have no mean, but all of them one value: that (sum), and where it is assigned (picked; NULL: everywhere). */
typedef struct Mean { int slot, n; int64_t times; const Pending *first; IrVal *sum, *count, *picked; } Mean;
typedef struct Changes {                                                        /* what an update makes of the environment, before it is set */
    ARRAY(Change) list;
    SlotPlaces    at;
    ARRAY(Mean)   means;                                                        /* of states among them, so far */
} Changes;

void    changes_put(Lower *L, Changes *to, int slot, IrVal *v);                 /* a second one of a slot takes the place of the first */
IrVal  *changes_get(const Changes *c, int slot);                                /* NULL: none */
void    changes_set(Lower *L, const Changes *c, Span at);

/* ---- looking ahead
 *
 * An environment that is derived from the one at hand and dropped again: `after` and extragradient evaluate in it what updates would make of
 * the slots. What is set in it is a version as any other, at which derivatives end, for as long as it is the environment. At its end these versions
 * are values as any other: a derivative of what was computed from them goes on to what they were made of. */

typedef struct Ahead {
    struct Ahead *up;                                       /* the one it was begun in; NULL: it was begun in the environment of the statements */
    Env      env;                                           /* what was set in it; NULL: the slot has the value of the environment around */
    ARRAY(Version *) made;
    const IrBlock *block;                                   /* it is begun in: the graph's, or the body of a loop */
    ARRAY(const void *) begun;                              /* of the outermost one in its block: optimisers' instances that begin in it */
} Ahead;

void   ahead_begin(Lower *L, Ahead *a);
Ahead *ahead_leave(Lower *L);                                                   /* back into the environment around, until ahead_return(its result) */
void   ahead_return(Lower *L, Ahead *a);
void   ahead_end(Lower *L);
bool   ahead_begins(Lower *L, const void *instance);                            /* has it begun in none of them? From then on it has, in the outermost one of the block at hand */
void   ahead_first(Lower *L, int slot, IrVal *v);                               /* the value that the slot has where that one begins */

/* ---- control */

/* One side of a control statement: it begins where the control does. arm_end gives back the environment of the beginning; what was set
 * is remembered in `changed`. */
typedef struct Slots { ARRAY(int) v; } Slots;
typedef struct Arm { Env entry; int hidden, sets, id; } Arm;

int  control_new(Lower *L);                                                     /* the number of a control statement, for its sides */
Arm  arm_begin(Lower *L, int control, bool repeats);                           /* repeats: the body of a loop */
void arm_end(Lower *L, const Arm *a, Slots *changed);
int  arm_now(const Lower *L);                                                   /* the innermost one; 0: none */
bool arm_holds(const Lower *L, int arm);                                        /* is the place inside of that arm? */
bool arm_repeats(const Lower *L, int arm);                                      /* is the place in a loop that the arm is not in? */
bool arm_excludes(const Lower *L, int arm);                                     /* is it on another side of the same control, so that one of the two is not done? */

Part *control_begin(Ctx *c, Span at);                                           /* a part before the control, which keeps what will be hidden */
void  control_changes(Lower *L, const Slots *changed, Part *before, Span at);   /* the slots are read anew from here on */

/* ---- the whole */

typedef struct Graph {
    ARRAY(Part *)    parts;
    ARRAY(struct { uint32_t from; Part *part; }) spans;     /* whose the nodes are, by number ... */
    uint32_t         remade_from, remade_until;             /* ... but for those that stabilising made */
    Part           **remade;                                /* by number - remade_from */
    Part           **home;  uint32_t n_home;                /* by number: whose they are although another part made them; NULL: of who made them */
    ARRAY(Version *) versions;
    int             *version_at;  uint32_t n_version_at;    /* by value id: 1 + index in versions, or 0 */
    ARRAY(struct { Version *v; int i; }) hiding;            /* in order, for arms */
    Ahead           *ahead;                                 /* the environment that is being looked ahead in; NULL: none */
    const IrBlock   *updates_in;                            /* while the updates of after are lowered: the block they stand in; else NULL */
    int              updates_from;                          /* of what waits, those before it were assigned before the after */
    IrVal           *taken;                                 /* the condition under which what is lowered is done in its part; NULL: always */
    ARRAY(int)       sets;                                  /* slots set, in order */
    ARRAY(bool)      changed;                               /* by slot */
    ARRAY(Part *)    stream_part;                           /* by stream: the part that draws from it; NULL: INIT */
    ARRAY(int)       arms;                                  /* numbers of those that are open */
    ARRAY(struct { int outer; int control; bool repeats; }) all_arms; /* by number - 1 */
    int              n_controls;
    ARRAY(struct { IrVal *slope; IrVal *of; }) slopes;      /* gradients, and what they are the gradient of; by number */
    struct Derived  *derived;  uint32_t n_derived;          /* by value id: the same of every derivative, which may be a node that others have, too */
} Graph;

/* ---- trials: evaluation for what it shows on the way, in a graph that is dropped. Quiet: nothing that it says counts either */

typedef struct Trial { Fn *fn; Part *part; Diags *diags; bool too_deep, too_large; } Trial;

Fn   *graph_new(Lower *L, IrFn *ir);
Trial trial_begin(Lower *L, bool quiet);
void  trial_end(Lower *L, const Trial *t);

/* ---- looking back */

/* A gradient as a node of its own, which depends on what it is the gradient of: states that were assigned there are taken up with it. */
IrVal *graph_slope(Ctx *c, IrVal *slope, IrVal *of);
/* A loop that draws belongs, with the nodes from number `from` on that it is made of, to the part whose draws they are; the same of all of those that v
 * is made of. */
void graph_loop_home(Lower *L, const IrNode *n, uint32_t from);
void graph_loops_home(Lower *L, IrVal *v, uint32_t from);
IrVal *graph_slope_of(const Lower *L, const IrVal *v);                          /* what it is the gradient of; NULL: of nothing */
/* By value id, in `scratch`: everything that the values are made of here, up to the slots' values. */
const bool *graph_behind(Lower *L, IrVal *const *v, int n, Arena *scratch);
/* A derivative, and what it is taken of. By value id, in `scratch`: all that those are made of whose derivatives v is made of, and so what v needs, but for what the
 * derivative drops, as the b of w x + b. */
void        graph_derived(Lower *L, IrVal *slope, IrVal *of);
const bool *graph_behind_derived(Lower *L, IrVal *v, Arena *scratch);
typedef struct By { Player **player; int n_players; int *state; int n_states; bool ahead; } By;  /* what a derivative is by: all that a player is, and states; ahead: as they were at a time from which nothing here can be but older values */

/* Of a derivative by these values and these players. */
By   by_values(Lower *L, IrVal *const *v, int n, Player *const *players, int n_players);
/* False, reported (E308), when a derivative of the values would meet an older value of what it is by. */
bool time_check(Ctx *c, IrVal *const *v, int n, const By *by, Span at);

/* ---- stabilise.c, cut.c */

/* Numbers of the whole graph that would overflow or cancel are computed another way: before it is cut, so that no cut is felt. */
void graph_stabilise(Lower *L);
/* The parts become functions; nodes of the schedule are told their numbers, and those with nothing to do are taken out. */
bool cut_program(Lower *L);
/* What cut_program() would say, when nothing is to be made: false, reported. Only of a graph without wide values, as stabilising may change which of
 * those are kept. */
bool cut_fits(Lower *L);
/* Has some value more dimensions and axes than a slot that keeps it? */
bool cut_is_wide(const Lower *L);
/* One more part, of a finished program: it can use what the others keep, and nothing else of theirs but what can be made again. */
bool cut_part(Lower *L, Part *p);
