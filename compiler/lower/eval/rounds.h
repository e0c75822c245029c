/* rounds.h - derivatives that go on in the rounds before, in a loop that carries them along. */
#pragma once
#include "compiler/lower/core.h"

/* A loop of few rounds is unrolled instead, and one of no more than MOST_UNROLLED where slopes do not do. */
enum { FEW_ROUNDS = 8, MOST_UNROLLED = 256 };

/* Does the derivative of y by one of these come through what such a loop carries? */
bool rounds_before(Ctx *c, const IrVal *y, IrVal *const *wrt, int n);

/* g[i]: the derivative of y, a number, by wrt[i], in all rounds; it varies over the axes of both. False, reported. */
bool rounds_gradient(Ctx *c, IrVal *y, IrVal *const *wrt, int n, IrVal **g, const char *what, Span at);

/* At the end of a body: the slopes that its loop carries get their next values (Fn.carried_slopes). next: of what is carried. False, reported. */
bool rounds_end(Ctx *c, const IrBlock *body, IrVal *const *next);

/* Of grad[what], the expression e: does its value depend on that? If not, it is false, reported. In a loop that is unrolled it is 0 in a round in which
 * it does not, as that of what is carried begins; of those that do in no round the end tells. */
bool rounds_depends(Ctx *c, const Ast *e, bool depends, const char *what);

/* Around all rounds of a loop that is unrolled; own: for its use. made: are they without an error? false, reported, when not, or at such a derivative. */
void rounds_unroll(Lower *L, Unrolled *own);
bool rounds_unrolled(Ctx *c, const Unrolled *own, bool made);
