/* nonfinite.c - see nonfinite.h. */
#include "compiler/session/nonfinite.h"

#include "compiler/origin/origin.h"

void nonfinite_explain(Game *g, int fn, GanState *state, const TrainerPast *past)
{
    const Session *s = g->self;
    OriginAsk      ask = {.m = s->lowered.ir, .p = g->program, .state = state, .fn = fn, .slot = -1, .past = past, .checkpoint = g->start, .sources = s->sources};
    Origin         o;
    OriginNote     note[ORIGIN_NOTES];
    if (!origin_find(&ask, g->arena, &o)) return;
    int n = origin_notes(&o, g->arena, note);
    for (int i = 0; i < n; i++) array_push(g->arena, &g->notes, ((GameNote){note[i].file, note[i].line, note[i].column, note[i].text, note[i].source}));
}
