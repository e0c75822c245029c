/* watch.h - conditions that must hold while the program runs. */
#pragma once
#include "compiler/lower/core.h"

/* A run ends, with `what` and the line of `at`, where an element of cond does not hold in the statement at hand. False, not reported: it is known now that
 * one does not. */
bool watch_can(const Ctx *c);                               /* is it the place of a statement that runs? Elsewhere nothing is watched */
bool watch(Ctx *c, IrVal *cond, const char *what, Span at);

/* What integers cannot say, as they have no nan: a whole part must be finite and fit in 64 bits, an integer's divisor must not be 0. False, reported: it is known now that
 * one does not. Of reals that are divided nothing is asked. */
bool watch_whole(Ctx *c, IrVal *x, Span at);
bool watch_divisor(Ctx *c, const IrVal *a, IrVal *b, Span at);

/* v, or an error: the integer products that it was just made of stay within 64 bits. */
Value *watch_products(Ctx *c, Value *v, Span at);

/* Of a loop whose body is being built, for those watched from number `from` on: what each round puts out, at most `room`, how many. `ended`: samples that do no
 * rounds any more, or NULL. Behind the loop, its results from `at` on are those. */
int  watch_yield(Ctx *c, int from, const IrVal *ended, IrVal **yield, int room);
void watch_rounds(Ctx *c, int from, const IrNode *loop, int at);

/* 1: no element of it is below 0, whatever the program computes, were no number nan; -1: none is above; 0: neither is known. strict: none is 0, either. */
int  watch_sign(const IrVal *v, bool strict);

/* Is every element known to be from 0 to 1, whatever the program computes? Not of numbers that it says itself. */
bool watch_is_share(const IrVal *v);

/* Is every element known to be 0? */
bool watch_is_zero(const IrVal *v);
