/* densities.c - densities that were asked for at one value, and whether they may be compared: the probability of a point and a density over a volume
 * may not, whatever their numbers are. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/value/value.h"

enum { MOST_LOOKED_AT = 256 };

/* The value itself, though it became a real or was given another name on the way. */
static const IrVal *itself(const IrVal *v)
{
    while (v->def && v->def->op == IR_convert) v = v->def->arg[0];
    return v;
}

static const IrVal *first_tensor(const Value *x)
{
    if (x->kind == V_RECORD && x->record.n) return first_tensor(x->record.v[0]);
    return x->kind == V_TENSOR ? itself(x->tensor.v) : NULL;
}

void densities_note(Ctx *c, Dist *d, const Value *x, const Value *density)
{
    if (val_bad(x) || (density->kind != V_TENSOR && !val_is_number(density))) return;
    const IrVal *node = density->kind == V_TENSOR ? density->tensor.v : NULL, *at = first_tensor(x);
    const Value *known = val_static(x) ? x : NULL;
    if (at || known) array_push(c->L->work, &c->L->densities, ((__typeof__(*c->L->densities.v)){density, node, at, known, d}));
}

/* Rows of which a term or a factor goes on as one. */
static bool goes_on(IrOp op)
{
    return op == IR_add || op == IR_sub || op == IR_neg || op == IR_mul || op == IR_div || op == IR_sum || op == IR_spread || op == IR_convert ||
           op == IR_reshape || op == IR_broadcast;
}

typedef struct Found { int at[16], n; } Found;

/* Which densities the value is made of. */
static Found densities_of(const Lower *L, const Value *v)
{
    const IrVal *stack[MOST_LOOKED_AT];
    Found f = {0};
    int n = 0, looked = 0;
    if (v->kind == V_TENSOR) stack[n++] = v->tensor.v;
    while (n && looked++ < MOST_LOOKED_AT && f.n < 16) {
        const IrVal *x = stack[--n];
        int was = f.n;
        for (int i = 0; i < L->densities.n && f.n < 16; i++)
            if (L->densities.v[i].x && L->densities.v[i].density == x) f.at[f.n++] = i;
        for (int i = 0; was == f.n && x->def && goes_on(x->def->op) && i < x->def->n_args && n < MOST_LOOKED_AT; i++) stack[n++] = x->def->arg[i];
    }
    return f;
}

static bool differ(Ctx *c, Dist *a, Dist *b, Span at)
{
    if (a == b) return false;
    Measure p = dist_measure(c, a, at), q = dist_measure(c, b, at);
    if (p == q || p == MEASURE_UNKNOWN || q == MEASURE_UNKNOWN) return false;
    const char *of[] = {[MEASURE_COUNTING] = "probabilities of single values", [MEASURE_LEBESGUE] = "densities over intervals", [MEASURE_BOTH] = "in part the one, in part the other"};
    Diag *d = diag_error(c->L->diags, at, E322, "densities of two kinds are compared here: those of %s are %s, those of %s %s", dist_text(c->L, a), of[p],
                         dist_text(c->L, b), of[q]);
    diag_hint(d, "no number says how far such distributions are apart; compare two of one kind: k + u with u ~ Uniform(0, 1) is a continuous one made of whole numbers k");
    return true;
}

static bool same_numbers(const Value *a, const Value *b)
{
    if (val_is_number(a) && val_is_number(b)) return val_number(a) == val_number(b);
    if (a->kind != V_LIST || b->kind != V_LIST || a->list.n != b->list.n) return false;
    for (int i = 0; i < a->list.n; i++)
        if (!same_numbers(a->list.v[i], b->list.v[i])) return false;
    return true;
}

/* Which density at known numbers the value itself is; -1: none. Numbers have no identity: in sums of densities, equal ones may be of several things. */
static int known_density(const Lower *L, const Value *v)
{
    for (int i = L->densities.n - 1; i >= 0; i--)
        if (L->densities.v[i].known && (L->densities.v[i].value == v || (v->kind == V_TENSOR && L->densities.v[i].density == v->tensor.v))) return i;
    return -1;
}

/* A distribution in part of the one kind and in part of the other may be of either at one number. */
static bool known_differ(Ctx *c, const Value *left, const Value *right, Span at)
{
    const Lower *L = c->L;
    int a = known_density(L, left), b = a < 0 ? a : known_density(L, right);
    if (a < 0 || b < 0 || !same_numbers(L->densities.v[a].known, L->densities.v[b].known)) return false;
    Dist *p = L->densities.v[a].dist, *q = L->densities.v[b].dist;
    return dist_measure(c, p, at) != MEASURE_BOTH && dist_measure(c, q, at) != MEASURE_BOTH && differ(c, p, q, at);
}

bool densities_differ(Ctx *c, const Value *left, const Value *right, Span at)
{
    const Lower *L = c->L;
    if (L->densities.n < 2) return false;
    if (known_differ(c, left, right, at)) return true;
    Found a = densities_of(L, left), b = a.n ? densities_of(L, right) : a;
    for (int i = 0; i < a.n; i++)
        for (int k = 0; k < b.n; k++)
            if (L->densities.v[a.at[i]].x == L->densities.v[b.at[k]].x && differ(c, L->densities.v[a.at[i]].dist, L->densities.v[b.at[k]].dist, at)) return true;
    return false;
}
