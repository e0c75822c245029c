/* limits.h - what is to keep a critic within bounds: penalties, and losses that have no bound without one. */
#pragma once
#include "compiler/lower/own/graph.h"

/* One update of a player as it was lowered. y: its loss; sign: -1 where that is made large; w, g: parameters and the gradient by each (NULL: none), as the optimiser
 * was given it; made: what it changes. */
typedef struct Step { const Ast *update; const Player *player; IrVal *y; double sign; IrVal *const *w, *const *g; const Changes *made; } Step;

void limits_step(Ctx *c, const Step *s);        /* warns of a penalty that is rewarded (W401) */
void limits_finish(Lower *L);                   /* and of critics that nothing keeps within bounds (W403) */
