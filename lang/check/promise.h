/* promise.h - what a condition promises, one part after the other: `abs(mean - 1.01) < 0.05 and modes >= 8` is two promises, of the numbers
 * mean and modes. For who measures them and says how near they came. */
#pragma once
#include "lang/syntax/ast.h"

typedef enum { PROMISE_HOLDS, PROMISE_NEAR, PROMISE_BELOW, PROMISE_AT_MOST, PROMISE_ABOVE, PROMISE_AT_LEAST, PROMISE_IS, PROMISE_IS_NOT } PromiseKind;

typedef struct Promise {
    PromiseKind kind;
    const Ast  *whole;                                      /* the condition */
    const Ast  *left;                                       /* what is measured; NULL: HOLDS, of which nothing more is known */
    const Ast  *right;                                      /* what it is held against; NULL: HOLDS, or NEAR 0 */
    const Ast  *within;                                     /* NEAR: how near; NULL: as near() does by itself, 1e-6 */
} Promise;

enum { PROMISES_MOST = 64 };                                /* of one condition; more are not looked at */

/* The parts of a condition that is joined by `and`; how many. */
int promises_of(const Ast *condition, Promise out[PROMISES_MOST]);
