/* paths.h - how a value depends on others, in the graph as it was lowered: before anything folds or merges.
 *
 * A value depends on another one openly (through rows that have a derivative), through `stop`, which says on purpose that there is none,
 * or only through rows that cut the path: floor, a comparison, an index, a conversion to int, a draw of a class. */
#pragma once
#include "compiler/lower/core.h"

typedef enum {
    PATHS_NONE,                                             /* e does not depend on any of them; the caller says so */
    PATHS_FINE,                                             /* there is a path, perhaps a cut one: that was warned of; so is, where `cut` is asked for, that all are stopped */
    PATHS_CUT,                                              /* there are paths, and all are cut; where the caller has asked for that, and says so */
    PATHS_FAILED,                                           /* a draw cuts one, which was reported, or one goes on from what a loop carries, which has to be unrolled */
} PathsFound;

/* Looks at the paths from `wrt` to e, and says what is cut: an error for a draw, though others be open; a warning for a summand of e that loses
 * all of its own. `what` names what is differentiated by. onward: the caller goes on in the rounds before, where a loop carries slopes along (rounds.h).
 * cut: a row where they end, if all do; NULL: that is warned of like any other. Linear in the graph. */
PathsFound paths_check(Ctx *c, IrVal *e, IrVal *const *wrt, int n, bool onward, const IrNode **cut, const char *what, Span at);

/* Of the part of a derivative that lies in one body. False, reported or to be lowered again: another loop around would have to be gone through; a draw cuts it. */
bool paths_open(Ctx *c, const IrVal *y, IrVal *x, const char *what, Span at);
bool paths_whole(Ctx *c, const IrVal *y, IrVal *const *wrt, int n, const char *what, Span at);

/* Of loops that carry slopes along, the carried values on which the derivative of y by x may go on, and the slopes on which it may, with what they are of. */
typedef struct PathsInto { ARRAY(IrVal *) carried; ARRAY(IrVal *) slopes; ARRAY(IrVal *) slope_of; } PathsInto;
void paths_into(Ctx *c, const IrVal *y, const IrVal *x, PathsInto *to);

/* At the end of a body, `next` being what the round makes of what is carried: false, reported, when a derivative taken in it would go on from a
 * carried value into the rounds before. */
bool paths_round(Ctx *c, const IrBlock *body, IrVal *const *next);

/* What was made again, and of what: ids of `made` ascend. */
typedef struct PathsAgain { ARRAY(struct { IrVal *made; IrVal *was; }) v; } PathsAgain;

/* The same y for each sample of every axis that it varies over, also by `wrt`: these are spread over the axes they lack (fresh[i], or wrt[i] itself
 * where it lacks none), and what lies between them and y is made again. NULL, reported, where samples meet on the way. */
IrVal *paths_over(Ctx *c, IrVal *y, IrVal *const *wrt, int n, IrAxes over, IrVal **fresh, PathsAgain *again, Span at);       /* over these */
IrVal *paths_spread(Ctx *c, IrVal *y, IrVal *const *wrt, int n, IrVal **fresh, PathsAgain *again, Span at);

/* The derivatives are made: whatever stands in the block since then is computed from the values that were made again, as if they never had
 * been, so that a further derivative by one of these values finds it. */
void paths_back(Ctx *c, const PathsAgain *again, IrVal **g, int n);
