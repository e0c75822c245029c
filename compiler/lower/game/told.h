/* told.h - what is proved of a game while it is lowered, for `gan explain`: formulas in the program's terms, whom a loss reaches, which way a net's values are
 * driven, and whether two losses have a zero sum. Nothing here changes the program. */
#pragma once
#include "compiler/lower/core.h"

Told *told_new(Lower *L);

/* An update of these players, before anything of it is set. y: its loss, as lowered; NULL: it goes along a direction. estimate: what kind the loss is of, or NULL. */
void  told_move(Ctx *c, const Ast *update, const char *together, Player *const *who, int n_who, IrVal *y, const char *estimate);

/* A report or let of that: of which comparisons it is. */
void  told_measure(Ctx *c, const Ast *value);

/* A statement that asks while the program runs: `if` its condition, `repeat` how often. */
void  told_asked(Ctx *c, Span statement, const Ast *e);

/* After the last statement, while the graph is whole. */
void  told_finish(Ctx *c, LowerResult *out);
