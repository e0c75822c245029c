/* own.h - who owns what: instances and their members, and what the files of this room share with evaluation. The graph, its parts and the
 * environment are graph.h. */
#pragma once
#include "compiler/lower/core.h"
#include "runtime/data/recipe.h"

/* ---- instance.c */

uint64_t site_mix(uint64_t site, const void *what);
Instance *inst_here(Ctx *c);                                                    /* the instance at hand, or the program's */
Instance *inst_child(Ctx *c, const char *name, uint64_t key, bool numbered);    /* found under it, or made */
Instance *inst_tried(Lower *L, const Instance *in, bool fresh);                 /* one like it, for a body that is only checked; fresh: it has no members with slots */
const char *inst_member(Ctx *c, const char *name, const Ast *decl);             /* the path of a parameter or state */
/* A net declared in a body is made anew whenever the body is evaluated, with what it captured there, and is one player all the same. */
static inline Player *player_self(Player *p) { return p->inst->player ? p->inst->player : p; }
int    slot_new(Lower *L, const char *path, IrType t, IrSlotKind kind, Player *owner);      /* owner: NULL: nobody */
Player *slot_owner(const Lower *L, int slot);
void   slot_is_class(Lower *L, int slot, int64_t classes);                       /* whatever sets it keeps to 0 .. classes - 1; 0: it is none */
int64_t slot_classes(const Lower *L, int slot);
void   state_of_program(Lower *L, int slot, StateOf changed_by);                /* no player owns it */
void   states_of_program(Lower *L, const Value *v, StateOf changed_by);          /* the same of a slot, or of every one in a record */

/* ---- data_slots.c */

bool   data_seen(const GanTensor *t);                                           /* false: its elements have not been read, as nothing needs them so far */
bool   data_see(Lower *L, GanTensor *t, const DataRecipe *r, GanError *err);    /* reads them */
void   data_own(Lower *L, GanTensor *t);                                         /* freed with the lowering */
GanElem data_default(const Lower *L, const GanTensor *t);                        /* what its elements are without a declared type */
GanTensor *data_unread(Lower *L, const GanTensor *t, GanElem elem);              /* one that nobody has read as another, as little read */
const DataRecipe *data_then(Lower *L, const DataRecipe *r, DataStep step);       /* r, and then the step; NULL: of numbers of the program */
int    data_slot(Lower *L, Data *d, DataField *f, GanError *err);                /* what is not declared yet is read as its default; -1: no memory for it */
int    data_constant(Lower *L, GanTensor *t, const DataRecipe *r);              /* a DATA slot of its own; takes the tensor */

/* ---- blocks of updates */

/* Statements that train together: `training` holds for the players that they update. */
struct Block {
    ARRAY(Player *) players;
    int    number;
    void (*stand_before)(Ctx *c, const Block *b, Part *p, Span at);     /* gives a part its place before the block; set by the game */
    struct Nodes *before;
    Env    entry;                                           /* the environment there, */
    Arena *memory;                                          /* in which it lies until the block ends */
};

bool block_trains(const Block *b, const Player *p);                             /* b may be NULL */

/* ---- graph.c */

bool   fn_fits(Ctx *c, Span at);                                                /* false, reported, after a value too large for any memory */
bool   fn_needed(Ctx *c, Span at);                                              /* false, reported, where nothing can be computed */
IrVal *fn_read(Lower *L, int slot);                                             /* the slot's value in the environment */
IrVal *fn_tick(Lower *L);
bool   slots_changed(const Lower *L, int slot);                                 /* by a statement so far */
int    fn_shuffle(Ctx *c);                                                    /* that of a draw of data; in a round of an unrolled loop, of the same draw in the rounds before */
ShuffleMark fn_shuffles(const Lower *L);
void   fn_round(Lower *L, ShuffleMark before, IrVal *index, int64_t rounds);    /* a round of an unrolled loop: its draws of data go on where those of the rounds before are */
void   fn_round_end(Lower *L);
void   fn_rounds_end(Lower *L, ShuffleMark before);
void   fn_shuffles_back(Lower *L, ShuffleMark m);                             /* the draws since then are evaluated once more */
int    fn_stream(Ctx *c, const char *name);                                     /* the stream of a draw: path and name, unique in the function */
void   fn_initialise(Lower *L, int slot, IrVal *v);                             /* in INIT: the value of a new run */
Fn    *fn_enter_init(Lower *L);                                                 /* L->fn is INIT until fn_leave_init(its result) */
void   fn_leave_init(Lower *L, Fn *before);
void   fn_forget_streams(Lower *L, int n);                                      /* but for the first n of the part or function */
void   fn_draws_from(Lower *L, const char *name);
IrVal *fn_opaque(Ctx *c, IrType t);                                             /* in a trial: a value of which nothing but its type is known */
IrVal *fn_given(Ctx *c, IrType t);                                              /* the same, which stands for a value of another graph */
IrBuilder *fn_builder(Ctx *c);
const Carried *fn_carried(const Fn *f, const IrVal *v);                         /* NULL: v is not what a scan being built carries */
IrVal *diff_leaf(Ctx *c, IrVal *v);                                             /* the same value as a node of its own */
