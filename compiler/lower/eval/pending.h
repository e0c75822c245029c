/* pending.h - assignments to states that wait for an update: see pending.c. */
#pragma once
#include "compiler/lower/own/graph.h"

/* arm: the side of a control statement it is on; 0: outside of any. when: the condition within the part under which it is done; NULL: always. */
struct Done { int arm; Part *part; IrVal *when; bool ahead; };

struct Pending {
    int         slot;
    IrVal      *v;
    IrVal      *picked;                                     /* the elements of it that are assigned; NULL: all */
    int64_t     times;                                      /* v is a sum over so many rounds of a loop; 0: it is one value */
    IrVal      *count;                                      /* of a sum, how many terms each element has; NULL: `times` */
    Player     *owner;                                      /* NULL: of the program or a comparison */
    IrVal     **witness;  int n_witness;                    /* the results of the application it was made in: what depends on it depends on these */
    bool        by_loop;                                    /* that is what a loop gives, which no block around has given yet */
    const Ast  *assign;
    Part       *part;                                       /* it was made in, and in which application there */
    int         application;
    int         arm;                                        /* the side of a control statement, or the loop, that it was made in */
    bool        of_block;                                   /* made in a block of updates, and over with it */
    ARRAY(struct Done) done;                                /* updates that have committed it */
    int         flag;                                       /* 1 + the slot that says, while the program runs, whether it has been committed; 0: that is known */
};

/* What waits here. Looking ahead, updates take up what they like; pending_back makes it as if they had not, and drops what was assigned since. */
typedef struct PendingMark { int n, *done; } PendingMark;

PendingMark pending_mark(Lower *L);
void pending_back(Lower *L, const PendingMark *m);

void pending_begin_block(Lower *L);                                             /* those of other blocks have had their updates */
void pending_add(Ctx *c, int slot, IrVal *v, IrVal *picked, const Ast *assign);
/* The sum over the rounds of a loop, which have assigned it; count: NULL, or how many of them each element. In the body of a loop around it waits for
 * the end of a round there. */
void pending_add_rounds(Ctx *c, LoopAssign sum);
/* What was assigned since there were so many of both, outside of a loop's body and in it, is assigned where the condition holds alone. */
void pending_where(Ctx *c, int pendings, int assigns, IrVal *cond);
/* Of one term of such a sum: what it adds to each element, and to the number of applications that assign it. */
IrVal *pending_sum_of(IrBuilder *b, IrVal *v, IrVal *picked);
IrVal *pending_count_of(IrBuilder *b, const IrVal *v, IrVal *picked, int64_t times, IrVal *count);
void pending_idle(Ctx *c, int slot, const Ast *assign);                         /* made where no update can take it up */
/* What an update of `players` commits: of those made in its own loss (from `from` on), and of those that `value` depends on. */
void pending_commit(Ctx *c, int from, IrVal *const *value, int n, Player *const *players, int n_players, Span at, Changes *out);
/* At the end of a round: of what has been moved ahead, and assigned, in it. False, reported, where a later round may take it up ahead. */
bool pending_round(Ctx *c, int moves, int assigns);
/* Does that side of an if, which is done where `taken` holds, commit an assignment to the slot? Then it joins those in `out`, of which `outside` were there
 * before the if. */
bool pending_side(Ctx *c, const Changes *side, int slot, IrVal *taken, int outside, Changes *out);
void pending_check(Lower *L);                                                   /* an assignment that nothing commits is an error */

/* The rule applied to a player's parameters and a gradient: new parameters and states. */
bool optimizer_step(Ctx *c, const Block *b, Player *p, Value *opt, Value *w, Value *g, Span at, Changes *out);
