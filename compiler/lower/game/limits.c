/* limits.c - see limits.h.
 *
 * The library says which values are penalties, `penalty(x, D)`, and which losses want a critic within bounds, `unlimited(x, T, ..)`. Of a loss that is a sum of them the
 * first must have a weight above 0. The second is warned of where nothing limits T: every update of T is by such a loss, beside no other term that depends on T, without a
 * projection, by a rule that leaves parameters alone where the gradient is 0; and the loss does fall on and on with one of T's parameters, which is seen by
 * running it. */
#include "compiler/lower/game/limits.h"

#include "compiler/lower/eval/eval.h"
#include "compiler/lower/game/sums.h"
#include "compiler/lower/own/own.h"

#include <math.h>

static const Limit *limit_at(const Lower *L, const IrVal *v)
{
    for (int i = 0; i < L->limits.n; i++)
        if (L->limits.v[i].v == v) return &L->limits.v[i];
    return NULL;
}

static bool is_limit(const Lower *L, const IrVal *v) { return limit_at(L, v) != NULL; }

/* Is it computed from a parameter of p? */
static bool depends_on(Lower *L, IrVal *v, const Player *p)
{
    bool *seen = arena_array(L->work, bool, L->m->next_id + 1), found = false;
    ARRAY(IrVal *) todo = {0};
    array_push(L->work, &todo, v);
    while (todo.n && !found) {
        IrVal         *x = todo.v[--todo.n];
        const Version *version = version_of(L, x);
        if (seen[x->id]) continue;
        seen[x->id] = true;
        if (version) found = !version->tick && slot_owner(L, version->slot) == p;
        else if (!x->def || x->def->n_bodies) found = true;                /* of a loop: perhaps */
        else for (int i = 0; i < x->def->n_args; i++) array_push(L->work, &todo, x->def->arg[i]);
    }
    return found;
}

/* ---- numbers */

/* How small `scale` times the loss is with the parameters as they begin, but for the k-th, which is so many times as large; NAN: not known now. */
static double fall_with(Lower *L, const Step *s, const Term *loss, int k, double times)
{
    double *was, *is;
    if (!now_numbers(L, &s->w[k], 1, NULL, 0, NOW_FIRST, &was)) return NAN;
    for (int64_t i = 0; i < now_size(L, s->w[k]); i++) was[i] *= times;
    return now_numbers(L, &loss->v, 1, &(NowGiven){s->w[k], was}, 1, NOW_FIRST, &is) ? -loss->scale * is[0] : NAN;
}

/* A parameter with which the loss falls on and on: it, or its opposite, is 1000 times as large, and once more; -1: none is seen. The last ones are the likeliest. */
static int falls_with(Lower *L, const Step *s, const Term *loss)
{
    for (int k = s->player->params.n; k-- > 0;)
        for (int sign = 1; sign >= -1; sign -= 2) {
            double far = fall_with(L, s, loss, k, sign * 1e3), further = fall_with(L, s, loss, k, sign * 1e6);
            if (far > 0 && further > 100 * far && isfinite(further)) return k;
        }
    return -1;
}

/* Does the rule leave parameters where they are when the gradient is 0? A decay does not. */
static bool rests(Lower *L, const Step *s)
{
    int       n = s->player->params.n, given_n = 0;
    NowGiven *given = arena_array(L->work, NowGiven, n + 1);
    double  **before = arena_array(L->work, double *, n + 1), *after;
    for (int i = 0; i < n; i++)
        if (s->g[i]) given[given_n++] = (NowGiven){s->g[i], arena_array(L->work, double, now_size(L, s->g[i]) + 1)};
    if (!now_numbers(L, s->w, n, NULL, 0, NOW_FIRST, before)) return false;
    for (int i = 0; i < n; i++) {
        IrVal *made = changes_get(s->made, s->player->params.v[i]);
        if (!made || !now_numbers(L, &made, 1, given, given_n, NOW_FIRST, &after)) return false;
        for (int64_t k = 0; k < now_size(L, made); k++)
            if (fabs(after[k] - before[i][k]) > 1e-12 * fabs(before[i][k])) return false;
    }
    return true;
}

/* ---- an update */

static void rewarded(Ctx *c, const Step *s)
{
    const char *name = s->player->name;
    Diag       *d = diag_warning(c->L->diags, s->update->update.value->span, W401, "a penalty of %s has a weight by which %s learns to make it large", name, name);
    diag_hint(d, s->sign > 0 ? "to what is minimised a penalty is added: minimize .. + 10 * penalty" : "of what is maximised a penalty is taken off: maximize .. - 10 * penalty");
}

/* The term of a loss that wants a limited critic, where no other term could limit it; v is NULL: there is none. */
static Term alone(Lower *L, const Step *s, const Sum *sum)
{
    Term found = {0};
    for (int i = 0; i < sum->term.n; i++) {
        const Limit *l = limit_at(L, sum->term.v[i].v);
        bool         is = l && l->why && l->player == s->player;
        if (is && found.v) return (Term){0};
        if (is) found = sum->term.v[i];
        else if (depends_on(L, sum->term.v[i].v, s->player)) return (Term){0};
    }
    return sum->more ? (Term){0} : found;
}

void limits_step(Ctx *c, const Step *s)
{
    Lower *L = c->L;
    if (!L->limits.n || L->trials) return;
    Sum sum = sum_of(L, s->y, s->sign, is_limit);
    for (int i = 0; i < sum.term.n; i++) {
        const Limit *l = limit_at(L, sum.term.v[i].v);
        if (l && !l->why && l->player == s->player && sum.term.v[i].scale < 0) rewarded(c, s);
    }
    Term t = s->update->update.project ? (Term){0} : alone(L, s, &sum);
    int  k = t.v && rests(L, s) ? falls_with(L, s, &t) : -1;
    if (k >= 0) array_push(L->a, &L->unlimited, ((Unlimited){s->player, s->update->update.value->span, s->sign < 0, limit_at(L, t.v)->why, L->m->slots.v[s->player->params.v[k]].path}));
}

/* ---- the program */

void limits_finish(Lower *L)
{
    for (int i = 0; i < L->unlimited.n; i++) {
        const Unlimited *u = &L->unlimited.v[i];
        int              of = 0, first = -1;
        for (int k = L->unlimited.n; k-- > 0;)
            if (L->unlimited.v[k].player == u->player) of++, first = k;
        if (first != i || of != u->player->moves) continue;             /* another update may limit it */
        Diag *d = diag_warning(L->diags, u->at, W403, "nothing keeps %s within bounds, and this loss has none by itself: it %s on and on with %s", u->player->name, u->up ? "grows" : "falls", u->with);
        diag_hint(d, "%s", u->why);
    }
}
