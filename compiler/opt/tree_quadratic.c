/* tree_quadratic.c - under a root, a polynomial that is nowhere below 0 is a sum of squares. See tree.h.
 *
 * A value is read as a form of degree 2 over atoms, the number 1 among them: x*x - 2*x*y + y*y, mean(v*v) - mean(v)^2 of a
 * list [a, b, c] whose elements are known one by one, dot(x, x) - 2*dot(x, y) + dot(y, y). Squares are completed one after
 * the other, in exact fractions: d (x + ...)^2, and what is left has no x. No d is below 0 where the form is nowhere below
 * 0; then it is their sum, has derivative 0 where it is 0, and R2 holds. Start at tree_as_squares(). */
#include "compiler/opt/tree.h"

enum { ATOMS = 16, MOST_ROWS = 512, NO_ELEMENT = -1 };

typedef struct Quadratic {
    Walk *w;
    int n, rows;
    IrVal *atom[ATOMS];       /* [0] stands for 1 */
    int element[ATOMS];       /* of it; NO_ELEMENT: all of it */
    bool apart;               /* elements of vectors, too, are atoms */
    Q c[ATOMS][ATOMS];        /* v = sum c[i][k] atom[i] atom[k] */
    const IrNode *under;      /* all of it is in sums over the same; NULL: in none */
    bool beside;              /* part of it is in none */
} Quadratic;

typedef struct Line {
    Q c[ATOMS];
} Line;

static IrVal *behind(const Quadratic *q, IrVal *v)
{
    const NodeInfo *i = tree_info(q->w, v);
    return i && i->local ? i->local : v;
}

static bool is_ours(const Quadratic *q, const IrVal *v) { return v->def && v->def->block == q->w->b->block; }

static bool to_number(const IrVal *v, Q *c)
{
    double x;
    return ir_is_const(v, &x) && q_from_f64(x, c);
}

/* ---- degree 1 --------------------------------------------------------------------------------------------------- */

static bool add_atom(Quadratic *q, IrVal *v, int element, Q scale, Line *l)
{
    int i = 1;
    bool part = element != NO_ELEMENT;
    if ((part && !(q->apart && v->type.rank == 1)) || !ir_is_real(v->type.elem)) return false;
    while (i < q->n && !(q->element[i] == element && tree_same_value(q->w, q->atom[i], v))) i++;
    if (i == ATOMS) return false;
    if (i == q->n) q->n++;
    q->atom[i] = v;
    q->element[i] = element;
    return q_add(l->c[i], scale, &l->c[i]);
}

static bool is_number_row(IrVal *const *arg, IrOp op, Q *c, IrVal **other) /* a number times or over another value */
{
    if (to_number(arg[1], c)) return *other = arg[0], op == IR_mul || q_div(Q_ONE, *c, c);
    return op == IR_mul && to_number(arg[0], c) ? *other = arg[1], true : false;
}

/* What element i of v is made from: of a list its part, of a number repeated the number. NULL: v has no such parts. */
static IrVal *element_of(const IrNode *n, int i)
{
    bool list = n->op == IR_concat && n->n_args == n->result->type.dim[0] && n->result->type.rank == 1;
    if (list) return n->arg[i];
    bool repeats = n->op == IR_broadcast && n->arg[0]->type.rank == 0;
    return repeats || (n->op == IR_reshape && n->arg[0]->type.rank == 0) ? n->arg[0] : NULL;
}

static bool add_line(Quadratic *q, IrVal *v, int i, Q scale, Line *l);

/* A failed try undoes what it added, but for the rows that it looked at. */
static void undo(Quadratic *q, const Quadratic *before)
{
    int rows = q->rows;
    *q = *before;
    q->rows = rows;
}

static bool has_few_elements(const IrNode *sum)
{
    const IrType *t = &sum->arg[0]->type;
    return t->rank == 1 && t->dim[0] <= ATOMS && !sum->attr->over.n;
}

/* The elements of a sum, one by one. */
static bool add_elements(Quadratic *q, const IrNode *sum, Q scale, Line *l)
{
    Quadratic before = *q;
    Line was = *l;
    bool ok = has_few_elements(sum);
    for (int k = 0; ok && k < sum->arg[0]->type.dim[0]; k++) ok = add_line(q, sum->arg[0], k, scale, l);
    if (ok) return true;
    undo(q, &before);
    *l = was;
    return false;
}

/* *l += scale * (element i of v, or all of v) */
static bool add_line(Quadratic *q, IrVal *v, int i, Q scale, Line *l)
{
    Q c;
    IrVal *other;
    v = behind(q, v);
    if (++q->rows > MOST_ROWS) return false;
    if (to_number(v, &c)) return q_mul(c, scale, &c) && q_add(l->c[0], c, &l->c[0]);
    if (v->type.rank == 0) i = NO_ELEMENT;
    if (!is_ours(q, v)) return add_atom(q, v, i, scale, l);
    const IrNode *n = v->def;
    if (i != NO_ELEMENT && element_of(n, i)) return add_line(q, element_of(n, i), 0, scale, l);
    switch (n->op) {
    case IR_neg:
        return add_line(q, n->arg[0], i, q_neg(scale), l);
    case IR_convert:
        return add_line(q, n->arg[0], i, scale, l);
    case IR_add:
    case IR_sub:
        return add_line(q, n->arg[0], i, scale, l) &&
               add_line(q, n->arg[1], i, n->op == IR_add ? scale : q_neg(scale), l);
    case IR_mul:
    case IR_div:
        if (is_number_row(n->arg, n->op, &c, &other)) return q_mul(c, scale, &c) && add_line(q, other, i, c, l);
        break;
    case IR_sum:
        if (add_elements(q, n, scale, l)) return true;
        break;
    default:
        break;
    }
    return add_atom(q, v, i, scale, l);
}

/* ---- degree 2 --------------------------------------------------------------------------------------------------- */

static bool add_product(Quadratic *q, IrVal *a, IrVal *b, int i, Q scale)
{
    Line x, y;
    Q c;
    for (int k = 0; k < ATOMS; k++) x.c[k] = y.c[k] = Q_ZERO;
    bool ok = add_line(q, a, i, scale, &x) && add_line(q, b, i, Q_ONE, &y);
    for (int k = 0; k < q->n && ok; k++)
        for (int j = 0; j < q->n && ok; j++)
            ok = q_mul(x.c[k], y.c[j], &c) && q_mul(c, (Q){1, 2}, &c) && q_add(q->c[k][j], c, &q->c[k][j]) &&
                 q_add(q->c[j][k], c, &q->c[j][k]);
    return ok;
}

static bool add_value(Quadratic *q, IrVal *v, int i, Q scale);

static bool is_whole(const IrNode *n) /* of two vectors or more, element by element */
{
    bool whole = n->n_args == 2 && !n->attr->batch.n && n->attr->contract.n == n->arg[0]->type.rank &&
                 n->arg[1]->type.rank == n->arg[0]->type.rank && !(n->attr->pair_over && n->attr->pair_over[0].n);
    for (int i = 0; i < n->attr->contract.n; i++) whole &= n->attr->contract.a[i] == i && n->attr->contract.b[i] == i;
    return whole;
}

static IrInts all_dims(const IrVal *v)
{
    IrInts dims = {.n = v->type.rank};
    for (int i = 0; i < dims.n; i++) dims.v[i] = i;
    return dims;
}

static IrInts dims_of(const IrNode *sum) { return sum->op == IR_dot ? all_dims(sum->arg[0]) : sum->attr->dims; }

static bool same_sum(const IrNode *a, const IrNode *b)
{
    IrInts x = dims_of(a), y = dims_of(b);
    bool same = x.n == y.n && ir_axes_equal(a->attr->over, b->attr->over) && ir_dims_equal(&a->arg[0]->type, &b->arg[0]->type);
    for (int i = 0; i < x.n; i++) same = same && x.v[i] == y.v[i];
    return same;
}

/* The terms of a sum: one by one where the elements are known, else as they stand under it. */
static bool add_terms(Quadratic *q, const IrNode *n, Q scale)
{
    Quadratic before = *q;
    bool ok = has_few_elements(n);
    for (int k = 0; ok && k < n->arg[0]->type.dim[0]; k++)
        ok = n->op == IR_dot ? add_product(q, n->arg[0], n->arg[1], k, scale) : add_value(q, n->arg[0], k, scale);
    if (ok) return q->beside = true;
    undo(q, &before);
    if (q->under && !same_sum(q->under, n)) return false;
    q->under = n;
    bool beside = q->beside;
    ok = n->op == IR_dot ? add_product(q, n->arg[0], n->arg[1], NO_ELEMENT, scale)
                         : add_value(q, n->arg[0], NO_ELEMENT, scale);
    q->beside = beside;
    return ok;
}

/* q += scale * (element i of v, or all of v) */
static bool add_value(Quadratic *q, IrVal *v, int i, Q scale)
{
    Q c;
    double k;
    IrVal *other;
    v = behind(q, v);
    if (++q->rows > MOST_ROWS) return false;
    if (v->type.rank == 0) i = NO_ELEMENT;
    const IrNode *n = is_ours(q, v) ? v->def : NULL;
    IrOp op = n ? n->op : IR_const;
    if (n && i != NO_ELEMENT && element_of(n, i)) return add_value(q, element_of(n, i), 0, scale);
    if (op == IR_neg) return add_value(q, n->arg[0], i, q_neg(scale));
    if (op == IR_convert) return add_value(q, n->arg[0], i, scale);
    if (op == IR_add || op == IR_sub)
        return add_value(q, n->arg[0], i, scale) && add_value(q, n->arg[1], i, op == IR_add ? scale : q_neg(scale));
    if ((op == IR_mul || op == IR_div) && is_number_row(n->arg, op, &c, &other))
        return q_mul(c, scale, &c) && add_value(q, other, i, c);
    if (op == IR_sum || (op == IR_dot && is_whole(n))) return i == NO_ELEMENT && add_terms(q, n, scale);
    q->beside = true;
    if (op == IR_mul) return add_product(q, n->arg[0], n->arg[1], i, scale);
    if (op == IR_pow && ir_is_const(n->arg[1], &k) && k == 2) return add_product(q, n->arg[0], n->arg[0], i, scale);
    Line l;
    for (int j = 0; j < ATOMS; j++) l.c[j] = Q_ZERO;
    bool ok = add_line(q, v, i, (Q){1, 2}, &l);
    for (int j = 0; j < q->n && ok; j++)
        ok = q_mul(l.c[j], scale, &c) && q_add(q->c[0][j], c, &q->c[0][j]) && q_add(q->c[j][0], c, &q->c[j][0]);
    return ok;
}

/* ---- squares ---------------------------------------------------------------------------------------------------- */

/* Takes d (atom k + sum l)^2 out; false: the form is below 0 somewhere, or too exact. */
static bool take_square(Quadratic *q, int k, Q *d, Line *l)
{
    *d = q->c[k][k];
    for (int j = 0; j < q->n; j++) {
        l->c[j] = Q_ZERO;
        if (q_is(*d, 0) ? !q_is(q->c[k][j], 0) : !q_div(q->c[k][j], *d, &l->c[j])) return false;
    }
    for (int i = 0; i < q->n; i++)
        for (int j = 0; j < q->n; j++) {
            Q part;
            if (q_is(*d, 0)) continue;
            if (!q_mul(*d, l->c[i], &part) || !q_mul(part, l->c[j], &part) || !q_add(q->c[i][j], q_neg(part), &q->c[i][j]))
                return false;
        }
    return q_sign(*d) >= 0;
}

static IrVal *write_atom(const Quadratic *q, IrBuilder *b, int i, IrElem elem)
{
    IrVal *x = tree_best(q->w, q->atom[i]);
    int64_t at = q->element[i];
    if (at != NO_ELEMENT) {
        x = ir_slice(b, x, ir_ints(1, &at), ir_ints(1, (int64_t[]){at + 1}), ir_ints(1, (int64_t[]){1}));
        x = ir_reshape(b, x, (IrInts){0});
    }
    return tree_convert(b, x, elem);
}

static IrVal *write_line(const Quadratic *q, IrBuilder *b, const Line *l, IrElem elem)
{
    IrVal *all = NULL;
    for (int i = 1; i < q->n; i++) {
        if (q_is(l->c[i], 0)) continue;
        bool minus = all && q_is(l->c[i], -1);
        IrVal *x = write_atom(q, b, i, elem);
        if (!minus && !q_is(l->c[i], 1)) x = ir_mul(b, x, ir_const(b, elem, q_f64(l->c[i])));
        all = !all ? x : minus ? ir_sub(b, all, x) : ir_add(b, all, x);
    }
    return q_is(l->c[0], 0) ? all : ir_add(b, all, ir_const(b, elem, q_f64(l->c[0])));
}

static IrVal *write_squares(const Quadratic *q, IrBuilder *b, const Q *d, const Line *l, IrElem elem)
{
    IrVal *all = NULL;
    for (int k = 1; k < q->n; k++) {
        if (q_is(d[k], 0)) continue;
        IrVal *x = write_line(q, b, &l[k], elem), *square = ir_mul(b, x, x);
        if (!q_is(d[k], 1)) square = ir_mul(b, ir_const(b, elem, q_f64(d[k])), square);
        all = all ? ir_add(b, all, square) : square;
    }
    if (q->under && q->under->attr->over.n) all = ir_sum_over(b, all, q->under->attr->over);
    IrInts dims = q->under ? dims_of(q->under) : (IrInts){0};
    return dims.n ? ir_sum(b, all, dims) : all;
}

/* 0, which the atoms go into all the same. */
static IrVal *nothing(const Quadratic *q, IrBuilder *b, IrElem elem)
{
    IrVal *all = NULL;
    for (int i = 1; i < q->n; i++) {
        IrVal *x = write_atom(q, b, i, elem), *zero = ir_sub(b, x, x);
        all = all ? ir_add(b, all, zero) : zero;
    }
    return all;
}

/* Lists are made of f64 numbers that are rounded one by one. */
static IrElem widest(const Quadratic *q, IrElem elem)
{
    for (int i = 1; i < q->n; i++)
        if (q->atom[i]->type.elem == IR_F64) elem = IR_F64;
    return elem;
}

static bool read(Quadratic *q, Walk *w, IrVal *v, bool apart)
{
    *q = (Quadratic){.w = w, .n = 1, .apart = apart};
    for (int i = 0; i < ATOMS; i++)
        for (int k = 0; k < ATOMS; k++) q->c[i][k] = Q_ZERO;
    return add_value(q, v, NO_ELEMENT, Q_ONE) && !(q->under && q->beside);
}

/* max(v, 0) and abs(v) are v where that is nowhere below 0. */
static IrVal *without_bound(const Quadratic *q, IrVal *v)
{
    double c;
    const IrNode *n = is_ours(q, v) ? v->def : NULL;
    if (n && n->op == IR_abs) return n->arg[0];
    for (int i = 0; n && n->op == IR_max && i < 2; i++)
        if (ir_is_const(n->arg[i], &c) && c == 0) return n->arg[1 - i];
    return v;
}

/* Of numbers only, and exactly known. */
static IrVal *number_squared(const Quadratic *q, const IrVal *v, const IrVal *root)
{
    IrBuilder b = tree_before(q->w, root);
    bool number = v->type.rank == 0 && v->type.axes.n == 0 && !q->under && q_sign(q->c[0][0]) >= 0;
    return number ? ir_const_like(&b, v, q_f64(q->c[0][0])) : NULL;
}

IrVal *tree_as_squares(Walk *w, IrVal *v, const IrVal *root)
{
    Quadratic *q = arena_new_of(w->scratch, Quadratic);
    Line l[ATOMS];
    Q d[ATOMS];
    q->w = w;
    IrVal *inside = without_bound(q, v);
    if (!is_ours(q, inside) || inside->def->op == IR_const) return NULL;
    if (!read(q, w, inside, false) && !read(q, w, inside, true)) return NULL;
    if (q->n == 1) return number_squared(q, v, root);
    bool any = false;
    for (int k = 1; k < q->n; any |= !q_is(d[k++], 0))
        if (!take_square(q, k, &d[k], &l[k])) return NULL;
    if (!q_is(q->c[0][0], 0)) return NULL; /* nowhere 0, or below it */
    IrBuilder b = tree_before(w, root);
    IrElem elem = widest(q, v->type.elem);
    IrVal *made = any ? write_squares(q, &b, d, l, elem) : nothing(q, &b, elem);
    made = tree_convert(&b, made, v->type.elem);
    return ir_type_equal(&made->type, &v->type) ? made : NULL;
}
