/* after.c - after k { updates } e: the value of e with the updates done k times, which nobody commits.
 *
 * The updates are done in an environment that is derived from the one at hand (own/graph.h) and in which e is evaluated. The rounds are
 * unrolled: each is nodes of the graph, with draws of its own. Within, all is as in the schedule: an update's gradient, and a grad[..] in e, end at
 * the values that the environment has by then. In the body of a loop that runs it is the same, within a round. Behind the end these values are values like others, so whoever differentiates e goes through
 * all of the updates: through the steps of the rules, their states and counts, and the states of layers. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/pending.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

/* Something whose meaning hangs on no environment any more. */
static bool is_value(const Value *v)
{
    bool list = v->kind == V_LIST;
    for (int i = 0; (list || v->kind == V_RECORD) && i < (list ? v->list.n : v->record.n); i++)
        if (!is_value(list ? v->list.v[i] : v->record.v[i])) return false;
    return v->kind <= V_RECORD;
}

/* What a player, a function or a distribution is would be asked for behind the end, where nothing has been updated. */
static Value *value_there(Ctx *c, const Ast *e)
{
    Value *v = val_now(c, as_settled(c, eval(c, e), e->span));
    if (is_value(v)) return v;
    Diag *d = diag_error(c->L->diags, e->span, E201, "after gives a value, and this is %s", val_text(c->L, v));
    diag_hint(d, "compute with it in after, where the updates have been done: behind it nothing of them is left");
    return val_error(c->L);
}

/* Where the graph of the schedule is not at hand the updates are not done: a body is looked at for its own sake, for its type or its mistakes. */
static Value *only_looked_at(Ctx *c, const Ast *e)
{
    if (c->L->fn != c->L->init) return as_settled(c, eval(c, e->after.body), e->after.body->span);
    Diag *d = diag_error(c->L->diags, e->span, E403, "what a parameter or state starts at is computed before there is anything to update");
    diag_hint(d, "s := after .. in the schedule gives a state its value there");
    return val_error(c->L);
}

Value *eval_after(Ctx *c, const Ast *e)
{
    Lower *L = c->L;
    int64_t rounds;
    if (!fn_needed(c, e->span)) return val_error(L);
    bool known = as_size(c, eval(c, e->after.count), e->after.count->span, "the number of times", &rounds);
    if (L->fn != L->graph) return known || L->guess ? only_looked_at(c, e) : val_error(L);
    if (!known) return val_error(L);
    Ahead ahead;
    PendingMark before = pending_mark(L);
    ahead_begin(L, &ahead);
    bool ok = L->look_ahead(c, e, rounds);
    pending_back(L, &before);
    Value *v = ok ? value_there(c, e->after.body) : val_error(L);
    ahead_end(L);
    return v;
}
