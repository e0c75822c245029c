/* tree_read.c - from a tree to a form: rules N1 to N3. See tree.h.
 *
 * Sums without functions in them (p - q, 2x + 1) become one leaf and a number, so that they are computed as written and
 * so that p - q and q - p are the same direction. What the form does not hold becomes a leaf, as large as needed: the
 * smallest node around it whose parent can still be read. A sum is never multiplied out where that could lose digits
 * which the tree as written has. Start at tree_read(). */
#include "compiler/opt/tree.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---- which rows the form reads ---------------------------------------------------------------------------------- */

static bool only_repeats(const Walk *w, const IrNode *n)
{
    switch (n->op) {
    case IR_convert:
        return ir_is_real(n->arg[0]->type.elem);
    case IR_spread:
        return true;
    case IR_broadcast:
        return n->arg[0]->type.rank == 0;
    case IR_reshape:
        return w->last && ir_dims_equal(&n->arg[0]->type, &n->result->type);
    default:
        return false;
    }
}

/* What is held stays as it was made. */
Reading tree_reading(Walk *w, const IrVal *v)
{
    Reading how = tree_row(w, v);
    const NodeInfo *i = how > READ_NUMBER ? tree_info(w, v) : NULL;
    return i && i->held ? READ_NOT : how;
}

Reading tree_row(Walk *w, const IrVal *v)
{
    if (!v->def || !ir_is_real(v->type.elem)) return READ_NOT;
    if (v->def->op == IR_const) return READ_NUMBER;
    if (v->def->block != w->b->block) return READ_NOT;
    switch (v->def->op) {
    case IR_neg:
    case IR_add:
    case IR_sub:
    case IR_mul:
    case IR_div:
    case IR_fma:
        return READ_ALGEBRA;
    case IR_exp:
    case IR_expm1:
    case IR_log:
    case IR_log1p:
    case IR_tanh:
    case IR_sigmoid:
    case IR_dsigmoid:
    case IR_softplus:
    case IR_sqrt:
    case IR_pow:
        return READ_FUNCTION;
    case IR_select:
        return READ_SELECT;
    default:
        return only_repeats(w, v->def) ? READ_SAME : READ_NOT;
    }
}

static IrVal *local(const Reader *r, IrVal *v)
{
    NodeInfo *i = tree_info(r->w, v);
    return i && i->local ? i->local : v;
}

static int functions_in(const Reader *r, const IrVal *v)
{
    NodeInfo *i = tree_info(r->w, v);
    return i ? i->functions : 0;
}

/* A failed try undoes what it did to the reader. What only grows at its end comes back with its length. */
static void *keep(const Reader *r) { return arena_copy(r->space.arena, r, offsetof(Reader, space.sum)); }
static void back_to(Reader *r, const void *before) { memcpy(r, before, offsetof(Reader, space.sum)); }

static Reader *another(const Reader *r) { return arena_copy(r->space.arena, r, sizeof *r); }

/* ---- leaves ----------------------------------------------------------------------------------------------------- */

static bool add_base(const Walk *w, Linear *l, IrVal *v, Q c)
{
    int at = 0;
    for (int i = 0; i < l->n; i++)
        if (tree_same_value(w, l->base[i], v)) return q_add(l->c[i], c, &l->c[i]);
    while (at < l->n && l->base[at]->id < v->id) at++;
    if (l->n == TREE_BASES) return false;
    for (int i = l->n++; i > at; i--) {
        l->base[i] = l->base[i - 1];
        l->c[i] = l->c[i - 1];
    }
    l->base[at] = v;
    l->c[at] = c;
    return true;
}

/* 0 * x is nan where x is infinite: only of numbers it is nothing. */
static void drop_zeros(Linear *l)
{
    int n = 0;
    for (int i = 0; i < l->n; i++) {
        if (q_is(l->c[i], 0) && ir_is_const(l->base[i], NULL)) continue;
        l->base[n] = l->base[i];
        l->c[n++] = l->c[i];
    }
    l->n = n;
}

/* l = factor * (whole numbers without a common divisor, the first that is not 0 positive); false: all are 0. */
static bool take_factor(Linear *l, Q *factor)
{
    Q g = Q_ZERO;
    int first = 0;
    while (first < l->n && q_is(l->c[first], 0)) first++;
    if (first == l->n) return false;
    for (int i = 0; i < l->n; i++)
        if (!q_gcd(q_sign(l->c[i]) < 0 ? q_neg(l->c[i]) : l->c[i], g, &g)) return false;
    *factor = q_sign(l->c[first]) < 0 ? q_neg(g) : g;
    for (int i = 0; i < l->n; i++)
        if (!q_div(l->c[i], *factor, &l->c[i])) return false;
    return true;
}

static bool same_bases(const Walk *w, const Linear *a, const Linear *b)
{
    bool same = a->n == b->n; /* whatever they add */
    for (int i = 0; i < a->n && same; i++) same = tree_same_value(w, a->base[i], b->base[i]) && !q_cmp(a->c[i], b->c[i]);
    return same;
}

static int find_leaf(Reader *r, const Linear *l) /* -1: no room */
{
    FormSpace *s = &r->space;
    for (int i = 0; i < s->n_leaves; i++)
        if (same_bases(r->w, &r->leaf[i], l) && !q_cmp(r->leaf[i].add, l->add)) return i;
    if (s->n_leaves == FORM_LEAVES) return -1;
    r->leaf[s->n_leaves] = *l;
    r->opaque[s->n_leaves] = r->inside[s->n_leaves] = false;
    for (int i = 0; i < l->n; i++) r->opaque[s->n_leaves] |= functions_in(r, l->base[i]) > 0;
    s->log_of[s->n_leaves] = -1;
    return s->n_leaves++;
}

static Form *read_leaf(Reader *r, IrVal *v)
{
    Linear l = {.n = 1, .base = {v}, .c = {Q_ONE}, .add = Q_ZERO};
    int at = find_leaf(r, &l);
    return at < 0 ? NULL : form_leaf(&r->space, at);
}

/* ---- numbers and sums without functions ------------------------------------------------------------------------- */

static bool is_simple(Q c)
{
    enum { SIMPLE = 1000 };
    return c.d <= SIMPLE && c.n <= SIMPLE && c.n >= -SIMPLE;
}

/* A number that is no fraction, by one that was met before: what 1 / log 2, -0.5 / log 2 and a division by log 2 make of one thing cancels as it should. */
static Form *read_multiple(Reader *r, IrVal *v)
{
    FormSpace *s = &r->space;
    double x = v->def->attr->value, y;
    Q c;
    for (int i = 0; i < s->n_leaves; i++) {
        const Linear *l = &r->leaf[i];
        if (l->n != 1 || !q_is(l->c[0], 1) || !q_is(l->add, 0) || !ir_is_const(l->base[0], &y)) continue;
        if (fabs(1 / x) == fabs(y) || fabs(1 / y) == fabs(x)) return form_div(s, form_number(s, (Q){x / y < 0 ? -1 : 1, 1}), form_leaf(s, i));
        if (q_from_f64(x / y, &c) && is_simple(c)) return form_scale(s, form_leaf(s, i), c);
    }
    return read_leaf(r, v);
}

static Form *read_number(Reader *r, IrVal *v)
{
    Q c;
    if (q_from_f64(v->def->attr->value, &c)) return form_number(&r->space, c);
    if (form_from_log(v->def->attr->value, &c)) return form_log_number(&r->space, c);
    return read_multiple(r, v);
}

static IrVal *seen(Reader *r, IrVal *v);
static bool add_linear(Reader *r, IrVal *v, Q scale, Linear *l);

static bool add_scaled(const Walk *w, Linear *l, const Linear *part, Q scale)
{
    Q c;
    bool ok = q_mul(part->add, scale, &c) && q_add(l->add, c, &l->add);
    for (int i = 0; i < part->n && ok; i++) ok = q_mul(part->c[i], scale, &c) && add_base(w, l, part->base[i], c);
    return ok;
}

/* v is a product or quotient, of which one side is a number; anything else is a base. */
static bool add_scaled_side(Reader *r, IrVal *v, Q scale, Linear *l)
{
    IrNode *n = v->def;
    Linear x = {.add = Q_ZERO}, y = {.add = Q_ZERO};
    Q c;
    bool ok = add_linear(r, n->arg[0], Q_ONE, &x) && add_linear(r, n->arg[1], Q_ONE, &y);
    drop_zeros(&x);
    drop_zeros(&y);
    if (ok && n->op == IR_div && y.n == 0) return q_div(scale, y.add, &c) && add_scaled(r->w, l, &x, c);
    if (ok && n->op == IR_mul && y.n == 0) return q_mul(scale, y.add, &c) && add_scaled(r->w, l, &x, c);
    if (ok && n->op == IR_mul && x.n == 0) return q_mul(scale, x.add, &c) && add_scaled(r->w, l, &y, c);
    return add_base(r->w, l, v, scale);
}

static bool add_linear(Reader *r, IrVal *v, Q scale, Linear *l)
{
    if (!(v = seen(r, v))) return false;
    IrNode *n = v->def;
    Reading how = tree_reading(r->w, v);
    Q c;
    if (how == READ_NUMBER && q_from_f64(n->attr->value, &c)) return q_mul(c, scale, &c) && q_add(l->add, c, &l->add);
    if (how == READ_NUMBER && form_from_log(n->attr->value, &c)) return r->without_logs;
    if (how == READ_NUMBER) return add_base(r->w, l, v, scale);
    if (how == READ_SAME) return add_linear(r, n->arg[0], scale, l);
    if (how != READ_ALGEBRA || n->op == IR_fma) return add_base(r->w, l, v, scale);
    r->wide |= v->type.elem == IR_F64;
    if (n->op == IR_neg) return add_linear(r, n->arg[0], q_neg(scale), l);
    if (n->op == IR_mul || n->op == IR_div) return add_scaled_side(r, v, scale, l);
    return add_linear(r, n->arg[0], scale, l) && add_linear(r, n->arg[1], n->op == IR_add ? scale : q_neg(scale), l);
}

static bool number_of(Reader *r, IrVal *v, Q *c)
{
    Linear l = {.add = Q_ZERO};
    if (!add_linear(r, v, Q_ONE, &l) || l.n) return false;
    *c = l.add;
    return true;
}

bool tree_same_direction(const Walk *w, const Linear *a, const Linear *b) { return same_bases(w, a, b); }

bool tree_linear(Walk *w, Arena *scratch, IrVal *v, Linear *l, Q *factor)
{
    Reader *r = arena_new_of(scratch, Reader);
    *r = (Reader){.w = w, .root = v, .space.arena = scratch};
    *l = (Linear){.add = Q_ZERO};
    if (!add_linear(r, v, Q_ONE, l)) return false;
    drop_zeros(l);
    *factor = Q_ZERO;
    return l->n == 0 || take_factor(l, factor);
}

/* ---- selects ---------------------------------------------------------------------------------------------------- */

/* Rules M2 and M3 write one function in two ways, one for each side, and its derivative is a sum of masked ones. Under
 * the assumption that a condition holds every select on it is one of its arms; when all assumptions give the same form,
 * the selects are looked through. */

static bool same_condition(const Walk *w, const Condition *a, const Condition *b)
{
    return a->v == b->v && a->how == b->how && same_bases(w, &a->difference, &b->difference) &&
           !q_cmp(a->difference.add, b->difference.add);
}

static Condition condition_of(Reader *r, IrVal *v)
{
    Condition c = {.difference.add = Q_ZERO};
    IrNode *n = v->def;
    bool compares = n && n->op == IR_compare && ir_is_real(n->arg[0]->type.elem);
    compares = compares && add_linear(r, n->arg[0], Q_ONE, &c.difference) &&
               add_linear(r, n->arg[1], (Q){-1, 1}, &c.difference);
    if (!compares) return (Condition){.v = v, .difference.add = Q_ZERO};
    drop_zeros(&c.difference);
    c.how = n->attr->compare;
    return c;
}

static bool is_decided(const Condition *c, bool *holds) /* a comparison of numbers */
{
    int sign = q_sign(c->difference.add);
    if (c->v || c->difference.n) return false;
    switch (c->how) {
    case IR_EQ:
        *holds = sign == 0;
        break;
    case IR_NE:
        *holds = sign != 0;
        break;
    case IR_LT:
        *holds = sign < 0;
        break;
    case IR_LE:
        *holds = sign <= 0;
        break;
    case IR_GT:
        *holds = sign > 0;
        break;
    default:
        *holds = sign >= 0;
        break;
    }
    return true;
}

/* The arm of a select, if it is known or assumed; else the select. NULL: more conditions than can be assumed. */
static IrVal *arm_of(Reader *r, IrVal *v)
{
    bool holds;
    Condition c = condition_of(r, v->def->arg[0]);
    if (is_decided(&c, &holds)) return v->def->arg[holds ? 1 : 2];
    if (!r->through_selects) return v;
    int at = 0;
    while (at < r->n_conditions && !same_condition(r->w, &r->condition[at], &c)) at++;
    if (at == TREE_CONDITIONS) return NULL;
    if (at == r->n_conditions) r->condition[r->n_conditions++] = c;
    return v->def->arg[r->condition[at].holds ? 1 : 2];
}

/* v behind local rules and selects */
static IrVal *seen(Reader *r, IrVal *v)
{
    v = local(r, v);
    while (v && tree_reading(r->w, v) == READ_SELECT) {
        IrVal *arm = arm_of(r, v);
        if (arm == v) break;
        v = arm ? local(r, arm) : NULL;
    }
    return v;
}

/* ---- what stands in exponents ----------------------------------------------------------------------------------- */

/* With exp(x + 0.5) in a tree T is x + 0.5, and x is T - 0.5: the number would be in nobody's direction otherwise. The
 * logarithm of a fraction is a factor of E: exp(x + 0.5 + log 9) is 9 exp(T). Where only numbers stand in
 * exponents, as in exp(1000), the largest is T. */

static void note_exponent(Reader *r, const IrNode *n)
{
    Linear l = {.add = Q_ZERO};
    Q factor;
    r->without_logs = true;
    bool linear = !functions_in(r, n->arg[0]) && add_linear(r, n->arg[0], Q_ONE, &l);
    r->without_logs = false;
    if (!linear) {
        r->other_exponents = true;
        return;
    }
    drop_zeros(&l);
    if (r->exponent.n == 0 && l.n == 0) {
        Q size = q_sign(l.add) < 0 ? q_neg(l.add) : l.add;
        if (q_cmp(size, r->exponent.add) > 0) r->exponent.add = size;
    } else if (r->exponent.n == 0 && take_factor(&l, &factor) && q_div(l.add, factor, &l.add)) {
        r->exponent = l;
    }
}

static bool is_exponential(const IrNode *n)
{
    return n->op == IR_exp || n->op == IR_expm1 || n->op == IR_sigmoid || n->op == IR_dsigmoid || n->op == IR_tanh ||
           n->op == IR_softplus;
}

static void find_exponent(Reader *r, IrVal *v)
{
    v = local(r, v);
    if (tree_reading(r->w, v) <= READ_NUMBER || !functions_in(r, v)) return;
    if (is_exponential(v->def)) note_exponent(r, v->def);
    for (int i = 0; i < v->def->n_args && r->exponent.n == 0; i++) find_exponent(r, v->def->arg[i]);
}

/* Only numbers in exponents: T is one of them. */
static void take_number(Reader *r)
{
    if (r->exponent.n || r->other_exponents || q_is(r->exponent.add, 0)) return;
    r->space.direction = find_leaf(r, &r->exponent);
    r->space.number = r->exponent.add;
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------- */

static Form *read_linear(Reader *r, IrVal *v)
{
    Linear l = {.add = Q_ZERO};
    Q factor;
    if (!add_linear(r, v, Q_ONE, &l)) return NULL;
    drop_zeros(&l);
    Q rest = l.add, part;
    if (l.n == 0) return form_number(&r->space, rest);
    l.add = Q_ZERO;
    if (!take_factor(&l, &factor)) return NULL;
    if (same_bases(r->w, &l, &r->exponent)) l.add = r->exponent.add;
    if (!q_mul(l.add, factor, &part) || !q_add(rest, q_neg(part), &rest)) return NULL;
    int at = find_leaf(r, &l);
    Form *leaf = at < 0 ? NULL : form_scale(&r->space, form_leaf(&r->space, at), factor);
    return form_add(&r->space, leaf, form_number(&r->space, rest));
}

static Form *read(Reader *r, IrVal *v);

static bool has_opaque(const Reader *r, const Form *f)
{
    for (int i = 0; i < f->n; i++)
        for (int j = 0; j < r->space.n_leaves; j++)
            if (f->t[i].leaf[j] && r->opaque[j]) return true;
    return false;
}

/* exp(q) - 1 beside functions of p stays together: it becomes a leaf, and expm1(q) when its turn comes. */
static Form *read_addend(Reader *r, IrVal *v)
{
    void *before = keep(r);
    Form *f = read(r, v);
    if (!f || f->n < 2 || !form_is_inert(f) || !has_opaque(r, f)) return f;
    back_to(r, before);
    return read_leaf(r, v);
}

/* So does 1 - y as a factor: multiplied out, a sum near zero would become the difference of two terms. */
static Form *read_factor(Reader *r, IrVal *v)
{
    void *before = keep(r);
    Form *f = read_addend(r, v);
    if (!f || f->n < 2) return f;
    if (functions_in(r, local(r, v)) && (form_spread(f) < 2 || !has_opaque(r, f))) return f;
    back_to(r, before);
    return read_leaf(r, v);
}

static Form *read_product(Reader *r, IrVal *a, IrVal *b)
{
    void *before = keep(r);
    Form *x = read_factor(r, a), *y = read_factor(r, b);
    if (!x || !y) return NULL;
    if (form_spread(x) < 2 || form_spread(y) < 2) return form_mul(&r->space, x, y);
    back_to(r, before);
    x = read_leaf(r, a);
    return form_mul(&r->space, x, read_leaf(r, b));
}

static void note_inside(Reader *r, const Form *f)
{
    for (int i = 0; f && i < f->n; i++)
        for (int k = 0; k < r->space.n_leaves; k++) r->inside[k] |= f->t[i].leaf[k] != 0;
}

static Form *read_quotient(Reader *r, IrVal *a, IrVal *b)
{
    Form *x = read_factor(r, a);
    void *before = keep(r);
    Form *y = read_factor(r, b), *q = form_div(&r->space, x, y);
    if (!q) {
        back_to(r, before);
        b = local(r, b);
        y = tree_row(r->w, b) == READ_NUMBER ? read_multiple(r, b) : read_leaf(r, b);
        q = form_div(&r->space, x, y);
    }
    note_inside(r, y);
    return q;
}

static Form *read_algebra(Reader *r, const IrNode *n)
{
    FormSpace *s = &r->space;
    Form *a;
    switch (n->op) {
    case IR_neg:
        return form_scale(s, read(r, n->arg[0]), (Q){-1, 1});
    case IR_mul:
        return read_product(r, n->arg[0], n->arg[1]);
    case IR_div:
        return read_quotient(r, n->arg[0], n->arg[1]);
    case IR_fma:
        a = read_product(r, n->arg[0], n->arg[1]);
        return form_add(s, a, read_addend(r, n->arg[2]));
    case IR_add:
        a = read_addend(r, n->arg[0]);
        return form_add(s, a, read_addend(r, n->arg[1]));
    default:
        a = read_addend(r, n->arg[0]);
        return form_add(s, a, form_scale(s, read_addend(r, n->arg[1]), (Q){-1, 1}));
    }
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

static bool is_at_least_0(const IrVal *v, int depth);

static bool is_positive(const IrVal *v, int depth)
{
    double c;
    if (!v->def || depth > 8) return false;
    IrVal *const *arg = v->def->arg;
    switch (v->def->op) {
    case IR_const:
        return ir_is_const(v, &c) && c > 0;
    case IR_exp:
    case IR_sigmoid:
    case IR_dsigmoid:
    case IR_softplus:
        return true;
    case IR_sum:
    case IR_broadcast:
    case IR_spread:
    case IR_reshape:
    case IR_transpose:
    case IR_convert:
    case IR_stop:
    case IR_sqrt:
        return is_positive(arg[0], depth + 1);
    case IR_add:
        return (is_positive(arg[0], depth + 1) && is_at_least_0(arg[1], depth + 1)) ||
               (is_at_least_0(arg[0], depth + 1) && is_positive(arg[1], depth + 1));
    case IR_max:
        return is_positive(arg[0], depth + 1) || is_positive(arg[1], depth + 1);
    case IR_mul:
    case IR_div:
        return is_positive(arg[0], depth + 1) && is_positive(arg[1], depth + 1);
    case IR_select:
        return is_positive(arg[1], depth + 1) && is_positive(arg[2], depth + 1);
    default:
        return false;
    }
}

static bool is_at_least_0(const IrVal *v, int depth)
{
    double c;
    if (!v->def || depth > 8) return false;
    IrVal *const *arg = v->def->arg;
    switch (v->def->op) {
    case IR_const:
        return ir_is_const(v, &c) && c >= 0;
    case IR_abs:
    case IR_norm:
        return true;
    case IR_mul:
        return arg[0] == arg[1] || (is_at_least_0(arg[0], depth + 1) && is_at_least_0(arg[1], depth + 1));
    case IR_pow:
        return ir_is_const(arg[1], &c) && (c == 2 || c == 4 || c == 6 || c == 8);
    case IR_max:
        return is_at_least_0(arg[0], depth + 1) || is_at_least_0(arg[1], depth + 1);
    case IR_add:
        return is_at_least_0(arg[0], depth + 1) && is_at_least_0(arg[1], depth + 1);
    default:
        return is_positive(v, depth);
    }
}

bool tree_is_positive(const IrVal *v) { return is_positive(v, 0); }

/* The root is such a logarithm itself, on its turn: as a leaf of its own it would have no end. */
static bool is_made_log(const Reader *r, const IrVal *base)
{
    const NodeInfo *i = tree_info(r->w, r->root);
    return i && i->made_log && r->root->def->arg[0] == base;
}

/* Logarithms of the positive leaves of f, as leaves. */
static void make_logs(Reader *r, const Form *f)
{
    FormSpace *s = &r->space;
    for (int i = 0, n = s->n_leaves; i < n; i++) {
        bool used = false;
        for (int j = 0; j < f->n; j++) used |= f->t[j].leaf[i] != 0;
        bool alone = r->leaf[i].n == 1 && q_is(r->leaf[i].add, 0);
        if (!used || s->log_of[i] >= 0 || !alone || !is_positive(r->leaf[i].base[0], 0)) continue;
        IrVal *base = tree_best(r->w, r->leaf[i].base[0]);
        if (is_made_log(r, base)) continue;
        IrBuilder b = tree_before(r->w, r->root);
        b.why = r->root->def->why; /* to be rewritten in turn */
        IrVal *made = ir_log(&b, base);
        NodeInfo *info = tree_info(r->w, made);
        if (info) info->made_log = true;
        Linear l = {.n = 1, .base = {made}, .c = {Q_ONE}, .add = Q_ZERO};
        int at = find_leaf(r, &l);
        if (at >= 0) s->log_of[i] = (int8_t)at;
    }
}

static Form *one_plus(FormSpace *s, const Form *a) { return form_add(s, a, form_number(s, Q_ONE)); }

static Form *sigmoid_of(FormSpace *s, const Form *a)
{
    Form *e = form_exp(s, a);
    return form_div(s, e, one_plus(s, e));
}

static Form *tanh_of(FormSpace *s, const Form *a)
{
    Form *e = form_exp(s, form_scale(s, a, (Q){2, 1}));
    return form_div(s, form_add(s, e, form_number(s, (Q){-1, 1})), one_plus(s, e));
}

static Form *dsigmoid_of(FormSpace *s, const Form *a)
{
    Form *e = form_exp(s, a), *d = one_plus(s, e);
    return form_div(s, form_div(s, e, d), d);
}

static Form *pow_of(Reader *r, const Form *a, IrVal *power)
{
    Q k;
    return number_of(r, power, &k) ? form_pow(&r->space, a, k) : NULL;
}

static Form *function_of(Reader *r, const IrNode *n, const Form *a)
{
    FormSpace *s = &r->space;
    if (!a) return NULL;
    note_inside(r, a);
    if (n->op == IR_log) make_logs(r, a);
    switch (n->op) {
    case IR_exp:
        return form_exp(s, a);
    case IR_expm1:
        return form_add(s, form_exp(s, a), form_number(s, (Q){-1, 1}));
    case IR_log:
        return form_log(s, a);
    case IR_log1p:
        return form_log(s, one_plus(s, a));
    case IR_softplus:
        return form_log(s, one_plus(s, form_exp(s, a)));
    case IR_sigmoid:
        return sigmoid_of(s, a);
    case IR_dsigmoid:
        return dsigmoid_of(s, a);
    case IR_tanh:
        return tanh_of(s, a);
    case IR_sqrt:
        return form_pow(s, a, (Q){1, 2});
    default:
        return pow_of(r, a, n->arg[1]);
    }
}

static bool made_long_sum(const FormSpace *s, int from)
{
    bool made = false;
    for (int i = from; i < s->n_sums; i++) made |= s->sum[i].n > 1;
    return made;
}

/* sigmoid, tanh and softplus of what is not linear in T are better than the long sums they would be. */
static Form *read_argument_and_apply(Reader *r, const IrNode *n)
{
    Form *a = read(r, n->arg[0]);
    int n_sums = r->space.n_sums;
    Form *f = function_of(r, n, a);
    bool closed = is_exponential(n) && n->op != IR_exp && n->op != IR_expm1;
    return closed && made_long_sum(&r->space, n_sums) ? NULL : f;
}

/* An exponent that is nothing the form knows may still be a direction by itself. */
static Form *read_function(Reader *r, const IrNode *n)
{
    Q number;
    void *before = keep(r);
    Form *f = read_argument_and_apply(r, n);
    if (!f && is_exponential(n) && !number_of(r, n->arg[0], &number)) {
        back_to(r, before);
        f = function_of(r, n, read_leaf(r, n->arg[0]));
    }
    NodeInfo *i = f ? tree_info(r->w, n->result) : NULL;
    if (i) i->tree = r->tree;
    if (f) r->functions++;
    return f;
}

/* ---- trees ------------------------------------------------------------------------------------------------------ */

/* x y beside exp(x + a): a product of leaves, so that softplus(x) - x y can cancel; else it is a leaf. */
static bool has_direction(Reader *r, IrVal *v)
{
    Linear l = {.add = Q_ZERO};
    Q factor;
    if (r->exponent.n == 0 || !add_linear(r, v, Q_ONE, &l)) return false;
    drop_zeros(&l);
    return l.n > 0 && take_factor(&l, &factor) && same_bases(r->w, &l, &r->exponent);
}

static bool is_product_with_direction(Reader *r, IrVal *v)
{
    if (v->def->op != IR_mul || has_direction(r, v)) return false;
    Q number;
    bool left = has_direction(r, v->def->arg[0]) && !number_of(r, v->def->arg[1], &number);
    return left || (has_direction(r, v->def->arg[1]) && !number_of(r, v->def->arg[0], &number));
}

static Form *read_as_written(Reader *r, IrVal *v)
{
    Reading how = tree_reading(r->w, v);
    if (how == READ_NOT || how == READ_SELECT) return read_leaf(r, v);
    if (how == READ_NUMBER) return read_number(r, v);
    if (how == READ_SAME) return read(r, v->def->arg[0]);
    r->wide |= v->type.elem == IR_F64;
    if (how == READ_FUNCTION) return read_function(r, v->def);
    if (!functions_in(r, v) && is_product_with_direction(r, v)) return read_algebra(r, v->def);
    Form *f = functions_in(r, v) ? NULL : read_linear(r, v);
    return f || (!functions_in(r, v) && v->def->op != IR_add && v->def->op != IR_sub) ? f : read_algebra(r, v->def);
}

static Form *read(Reader *r, IrVal *v)
{
    void *before = keep(r);
    IrVal *behind = seen(r, v);
    if (r->carrier && behind && tree_same_value(r->w, behind, r->carrier))
        return form_exp(&r->space, form_leaf(&r->space, r->space.direction));
    Form *f = behind ? read_as_written(r, behind) : NULL;
    if (f) return f;
    back_to(r, before);
    return read_leaf(r, v);
}

static Form *read_root(Reader *r)
{
    IrVal *behind = seen(r, r->root);
    return behind ? read_as_written(r, behind) : NULL;
}

static bool same_form(Reader *r, const Form *a, const Form *b)
{
    FormSpace *s = &r->space;
    Form *d = form_add(s, a, form_scale(s, b, (Q){-1, 1}));
    Ratio *ratio = arena_new_of(s->arena, Ratio);
    for (int i = 0; d && i < d->n; i++)
        if (!form_ratio(s, d, &d->t[i], ratio) || ratio->n) return false;
    return d;
}

/* The tree under every combination of assumptions. */
static Form *read_all_sides(Reader *r)
{
    Form *f = read_root(r);
    for (int sides = 1; f && sides < 1 << r->n_conditions; sides++) {
        for (int i = 0; i < r->n_conditions; i++) r->condition[i].holds = sides >> i & 1;
        Form *other = read_root(r);
        if (!other || !same_form(r, f, other)) return NULL;
    }
    return f;
}

/* ---- a carrier -------------------------------------------------------------------------------------------------- */

/* Where log((1 + u) / 2), or a power of u, is nothing that the form holds over an exponential, u itself can be E, and log u the
 * direction: u log u - (u + 1) log(1 + u) cancels for any positive u. */

static IrVal *without_repeats(const Reader *r, IrVal *v)
{
    v = local(r, v);
    while (tree_reading(r->w, v) == READ_SAME) v = local(r, v->def->arg[0]);
    return v;
}

/* u of (1 + u) / 2 */
static IrVal *added_to_number(Reader *r, IrVal *v)
{
    Q number;
    v = without_repeats(r, v);
    if (tree_reading(r->w, v) != READ_ALGEBRA || v->def->n_args != 2) return NULL;
    IrVal *const *arg = v->def->arg;
    bool left = number_of(r, arg[0], &number), right = !left && number_of(r, arg[1], &number);
    if (!left && !right) return NULL;
    IrVal *u = arg[left];
    if (v->def->op == IR_mul || (v->def->op == IR_div && right)) return added_to_number(r, u);
    return v->def->op == IR_add ? without_repeats(r, u) : NULL;
}

/* What a function wants to be E; NULL: none of those. */
static IrVal *wanted(Reader *r, const IrNode *n)
{
    IrVal *u = NULL;
    if (n->op == IR_log) u = added_to_number(r, n->arg[0]);
    bool takes = n->op == IR_log || n->op == IR_log1p || n->op == IR_sqrt || n->op == IR_pow;
    if (!u && takes) u = without_repeats(r, n->arg[0]);
    return u && functions_in(r, u) ? u : NULL;
}

/* Is there log u, or a root of u, below v? Then u is not negative, or all of it is no number. */
static bool has_log_of(Reader *r, IrVal *v, const IrVal *u)
{
    v = local(r, v);
    if (tree_reading(r->w, v) <= READ_NUMBER || !functions_in(r, v)) return false;
    bool has = (v->def->op == IR_log || v->def->op == IR_sqrt) && tree_same_value(r->w, without_repeats(r, v->def->arg[0]), u);
    for (int i = 0; i < v->def->n_args && !has; i++) has = has_log_of(r, v->def->arg[i], u);
    return has;
}

/* Logarithms of numbers, and no root of an S beside other powers of it. */
static bool can_be_written(const Reader *r, const Form *f)
{
    int8_t power[FORM_PRIMES];
    bool can = true;
    for (int i = 0; i < r->space.n_sums; i++) {
        can = can && form_factor(r->space.sum[i].c[0], power);
        for (int k = 0; k < f->n; k++) can = can && q_whole(f->t[k].k[i]);
    }
    return can;
}

/* Does the form hold n, a function that wants u, without that? */
static bool is_held(const Reader *of, const IrNode *n, IrVal *u)
{
    Reader *r = another(of);
    Form *f = read(r, u);
    if (f && has_opaque(r, f)) return false;
    if (n->op == IR_log && u != without_repeats(r, n->arg[0])) f = one_plus(&r->space, f);
    f = function_of(r, n, f);
    return f && can_be_written(r, f);
}

static IrVal *find_carrier(Reader *r, IrVal *v)
{
    v = local(r, v);
    if (tree_reading(r->w, v) <= READ_NUMBER || !functions_in(r, v)) return NULL;
    IrVal *u = wanted(r, v->def);
    if (u && ((!tree_is_positive(u) && !has_log_of(r, r->root, u)) || is_held(r, v->def, u))) u = NULL;
    for (int i = 0; i < v->def->n_args && !u; i++) u = find_carrier(r, v->def->arg[i]);
    return u;
}

static void begin(Reader *r)
{
    r->space.direction = -1;
    memset(r->space.log_of, -1, sizeof r->space.log_of);
    r->space.number = r->exponent.add = Q_ZERO;
}

static void choose_exponent(Reader *r)
{
    find_exponent(r, r->root);
    take_number(r);
}

IrVal *tree_carrier(const Reader *of)
{
    Reader *r = another(of);
    begin(r);
    choose_exponent(r);
    return find_carrier(r, r->root);
}

bool tree_has_opaque(const Reader *r, const Form *f) { return has_opaque(r, f); }

static void take_carrier(Reader *r)
{
    IrBuilder b = tree_before(r->w, r->root);
    b.why = r->root->def->why; /* to be rewritten in turn */
    Linear l = {.n = 1, .base = {ir_log(&b, r->carrier)}, .c = {Q_ONE}, .add = Q_ZERO};
    r->space.direction = find_leaf(r, &l);
    r->opaque[r->space.direction] = false;
}

Form *tree_read(Reader *r)
{
    begin(r);
    if (r->carrier)
        take_carrier(r);
    else
        choose_exponent(r);
    void *before = keep(r);
    r->through_selects = true;
    Form *f = read_all_sides(r);
    if (f || r->n_conditions == 0) return f;
    back_to(r, before);
    return read_root(r);
}
