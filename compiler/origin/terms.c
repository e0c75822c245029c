/* terms.c - see terms.h. A row's places are the result's spot, carried to the operand, and for what is summed a box that is gone through.
 * Start at terms_of(), at the bottom. */
#include "compiler/origin/terms.h"

#include <string.h>

Spot spot_of(const IrModule *m, const IrType *t, int64_t e)
{
    Spot s = {0};
    for (int i = t->rank; i-- > 0; e /= t->dim[i]) s.dim[i] = e % t->dim[i];
    for (int i = t->axes.n; i-- > 0; e /= ir_extent(m, t->axes.id[i])) s.axis[i] = e % ir_extent(m, t->axes.id[i]);
    return s;
}

int64_t spot_element(const IrModule *m, const IrType *t, const Spot *s)
{
    int64_t e = 0;
    for (int i = 0; i < t->axes.n; i++) e = e * ir_extent(m, t->axes.id[i]) + s->axis[i];
    for (int i = 0; i < t->rank; i++) e = e * t->dim[i] + s->dim[i];
    return e;
}

/* ---- from the result's spot to an operand's ---------------------------------------------------------------------- */

typedef struct Walker {
    const IrModule *m;
    const IrNode   *n;
    const IrType   *to;                                     /* of the result */
    Spot            at;                                     /* its spot */
    const TermWalk *walk;
    int64_t         k;                                      /* of the term that is next */
} Walker;

static const IrType *type_of(const Walker *w, int operand) { return &w->n->arg[operand]->type; }

static int place_of_axis(const IrType *t, int axis)
{
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == axis) return i;
    return -1;
}

/* The samples that the operand has in common with the result; its other axes and all its dims are at 0. */
static Spot same_samples(const Walker *w, const IrType *from)
{
    Spot s = {0};
    for (int i = 0; i < from->axes.n; i++) {
        int place = place_of_axis(w->to, from->axes.id[i]);
        if (place >= 0) s.axis[i] = w->at.axis[place];
    }
    return s;
}

static Spot aligned(const Walker *w, int operand)
{
    Spot s = same_samples(w, type_of(w, operand));
    if (type_of(w, operand)->rank) memcpy(s.dim, w->at.dim, sizeof s.dim);
    return s;
}

static bool see(Walker *w, int operand, const Spot *s)
{
    Term t = {operand, spot_element(w->m, type_of(w, operand), s), w->k};
    return w->walk->see(w->walk->self, &t);
}

static bool see_aligned(Walker *w, int operand)
{
    Spot s = aligned(w, operand);
    return see(w, operand, &s);
}

static int64_t whole_at(const Walker *w, int operand, const Spot *s)
{
    return w->walk->whole(w->walk->self, operand, spot_element(w->m, type_of(w, operand), s));
}

/* ---- boxes: what is gone through --------------------------------------------------------------------------------- */

enum { BOX_MAX = IR_MAX_AXES + 2 * IR_MAX_RANK };
typedef struct Box { int n; int64_t extent[BOX_MAX], at[BOX_MAX]; } Box;

static void box_add(Box *b, int64_t extent) { b->extent[b->n++] = extent; }

static bool box_empty(const Box *b)
{
    for (int i = 0; i < b->n; i++)
        if (!b->extent[i]) return true;
    return false;
}

static bool box_next(Box *b)
{
    for (int i = b->n; i-- > 0; b->at[i] = 0)
        if (++b->at[i] < b->extent[i]) return true;
    return false;
}

static void box_add_axes(const Walker *w, Box *b, IrAxes over)
{
    for (int i = 0; i < over.n; i++) box_add(b, ir_extent(w->m, over.id[i]));
}

static void set_axes(Spot *s, const IrType *t, IrAxes over, const int64_t *at)
{
    for (int i = 0; i < over.n; i++) {
        int place = place_of_axis(t, over.id[i]);
        if (place >= 0) s->axis[place] = at[i];
    }
}

/* ---- element by element ------------------------------------------------------------------------------------------ */

static bool walk_map(Walker *w)
{
    for (int i = 0; i < w->n->n_args; i++)
        if (!see_aligned(w, i)) return false;
    return true;
}

static bool walk_select(Walker *w)
{
    Spot c = aligned(w, 0);
    return see_aligned(w, whole_at(w, 0, &c) ? 1 : 2);
}

/* ---- reductions -------------------------------------------------------------------------------------------------- */

static bool is_in(const IrInts *dims, int d)
{
    for (int i = 0; i < dims->n; i++)
        if (dims->v[i] == d) return true;
    return false;
}

/* Over some dims of operand 0, or over axes of it. */
static bool walk_reduced(Walker *w, IrInts dims, IrAxes over)
{
    const IrType *from = type_of(w, 0);
    Spot          s = same_samples(w, from);
    Box           b = {0};
    int           kept = 0;
    box_add_axes(w, &b, over);
    for (int d = 0; d < from->rank; d++)
        if (is_in(&dims, d)) box_add(&b, from->dim[d]);
        else s.dim[d] = w->at.dim[kept++];
    if (box_empty(&b)) return true;
    do {
        int next = over.n;
        set_axes(&s, from, over, b.at);
        for (int d = 0; d < from->rank; d++)
            if (is_in(&dims, d)) s.dim[d] = b.at[next++];
        if (!see(w, 0, &s)) return false;
        w->k++;
    } while (box_next(&b));
    return true;
}

static bool walk_one_reduced(Walker *w)
{
    const IrAttrs *a = w->n->attr;
    IrInts dims = {.n = a->dim >= 0, .v = {a->dim}};
    return walk_reduced(w, dims, a->axis >= 0 ? ir_one_axis(a->axis) : ir_no_axes());
}

static bool walk_cumsum(Walker *w)
{
    const IrAttrs *a = w->n->attr;
    Spot           s = aligned(w, 0);
    int64_t        n = type_of(w, 0)->dim[a->dim], count = (a->reverse ? n - 1 - s.dim[a->dim] : s.dim[a->dim]) + !a->exclusive;
    for (w->k = 0; w->k < count; w->k++) {
        s.dim[a->dim] = a->reverse ? n - 1 - w->k : w->k;
        if (!see(w, 0, &s)) return false;
    }
    return true;
}

/* ---- contractions ------------------------------------------------------------------------------------------------ */

typedef struct Pair { int a, b; IrAxes over; } Pair;         /* two operands */

static void take_free(const Walker *w, int operand, const bool *taken, Spot *s, int *next)
{
    for (int d = 0; d < type_of(w, operand)->rank; d++)
        if (!taken[d]) s->dim[d] = w->at.dim[(*next)++];
}

/* A window's tap of the operand, or -1: it falls outside or between. */
static int64_t tap(const IrWindow *w, int64_t o, int64_t k, int64_t n)
{
    int64_t i = o * w->stride + k * w->dil_b - w->lo;
    return i < 0 || i % w->dil_a || i / w->dil_a >= n ? -1 : i / w->dil_a;
}

static bool walk_pair(Walker *w, Pair p)
{
    const IrAttrs *at = w->n->attr;
    const IrType  *ta = type_of(w, p.a), *tb = type_of(w, p.b);
    int            n_windows = w->n->op == IR_conv ? at->n_windows : 0, next = 0;
    bool           taken_a[IR_MAX_RANK] = {0}, taken_b[IR_MAX_RANK] = {0};
    int64_t        out[4] = {0};
    Spot           a = same_samples(w, ta), b = same_samples(w, tb);
    Box            box = {0};
    for (int i = 0; i < at->batch.n; i++) {
        taken_a[at->batch.a[i]] = taken_b[at->batch.b[i]] = true;
        a.dim[at->batch.a[i]] = b.dim[at->batch.b[i]] = w->at.dim[next++];
    }
    for (int i = 0; i < n_windows; i++) {
        taken_a[at->windows[i].a] = taken_b[at->windows[i].b] = true;
        out[i] = w->at.dim[next++];
    }
    for (int i = 0; i < at->contract.n; i++) taken_a[at->contract.a[i]] = taken_b[at->contract.b[i]] = true;
    take_free(w, p.a, taken_a, &a, &next);
    take_free(w, p.b, taken_b, &b, &next);
    box_add_axes(w, &box, p.over);
    for (int i = 0; i < n_windows; i++) box_add(&box, tb->dim[at->windows[i].b]);
    for (int i = 0; i < at->contract.n; i++) box_add(&box, ta->dim[at->contract.a[i]]);
    if (box_empty(&box)) return true;
    do {
        const int64_t *here = box.at + p.over.n;
        bool           inside = true;
        set_axes(&a, ta, p.over, box.at);
        set_axes(&b, tb, p.over, box.at);
        for (int i = 0; i < n_windows; i++) {
            const IrWindow *win = &at->windows[i];
            a.dim[win->a] = tap(win, out[i], here[i], ta->dim[win->a]);
            b.dim[win->b] = here[i];
            inside = inside && a.dim[win->a] >= 0;
        }
        for (int i = 0; i < at->contract.n; i++) a.dim[at->contract.a[i]] = b.dim[at->contract.b[i]] = here[n_windows + i];
        if (inside && (!see(w, p.a, &a) || !see(w, p.b, &b))) return false;
        w->k++;
    } while (box_next(&box));
    return true;
}

static bool walk_dot(Walker *w)
{
    for (int i = 0; i < w->n->n_args; i += 2)
        if (!walk_pair(w, (Pair){i, i + 1, w->n->attr->pair_over ? w->n->attr->pair_over[i / 2] : ir_no_axes()})) return false;
    return true;
}

/* ---- layout ------------------------------------------------------------------------------------------------------ */

static bool walk_reshape(Walker *w)
{
    Term t = {0, spot_element(w->m, w->to, &w->at), 0};
    return w->walk->see(w->walk->self, &t);
}

static bool walk_transpose(Walker *w)
{
    Spot s = same_samples(w, type_of(w, 0));
    for (int i = 0; i < w->to->rank; i++) s.dim[w->n->attr->dims.v[i]] = w->at.dim[i];
    return see(w, 0, &s);
}

static bool walk_broadcast(Walker *w)
{
    Spot s = same_samples(w, type_of(w, 0));
    for (int i = 0; i < type_of(w, 0)->rank; i++) s.dim[i] = w->at.dim[w->n->attr->kept.v[i]];
    return see(w, 0, &s);
}

static bool walk_slice(Walker *w)
{
    Spot s = aligned(w, 0);
    for (int i = 0; i < w->to->rank; i++) s.dim[i] = w->n->attr->lo.v[i] + s.dim[i] * w->n->attr->step.v[i];
    return see(w, 0, &s);
}

static bool walk_pad(Walker *w)
{
    Spot s = aligned(w, 0);
    for (int i = 0; i < w->to->rank; i++) {
        int64_t at = s.dim[i] - w->n->attr->lo.v[i], step = 1 + w->n->attr->interior.v[i];
        if (at < 0 || at % step || at / step >= type_of(w, 0)->dim[i]) return true;
        s.dim[i] = at / step;
    }
    return see(w, 0, &s);
}

static bool walk_concat(Walker *w)
{
    int     dim = w->n->attr->dim;
    int64_t before = 0;
    for (int i = 0; i < w->n->n_args; before += type_of(w, i++)->dim[dim]) {
        if (w->at.dim[dim] >= before + type_of(w, i)->dim[dim]) continue;
        Spot s = aligned(w, i);
        s.dim[dim] -= before;
        return see(w, i, &s);
    }
    return true;
}

static bool walk_reverse(Walker *w)
{
    Spot s = aligned(w, 0);
    for (int d = 0; d < w->to->rank; d++)
        if (is_in(&w->n->attr->dims, d)) s.dim[d] = w->to->dim[d] - 1 - s.dim[d];
    return see(w, 0, &s);
}

/* Table [batch, extent, rest], indices [batch, picks], result [batch, picks, rest]. */
static bool walk_gather(Walker *w)
{
    const IrType *table = type_of(w, 0), *index = type_of(w, 1);
    int           batch = w->n->attr->n_batch;
    Spot          s = same_samples(w, table), i = same_samples(w, index);
    memcpy(s.dim, w->at.dim, sizeof *s.dim * (size_t)batch);
    memcpy(i.dim, w->at.dim, sizeof *i.dim * (size_t)index->rank);
    for (int d = batch + 1; d < table->rank; d++) s.dim[d] = w->at.dim[index->rank + d - batch - 1];
    s.dim[batch] = whole_at(w, 1, &i);
    return s.dim[batch] < 0 || s.dim[batch] >= table->dim[batch] || see(w, 0, &s);
}

/* Indices [batch, picks], what is added [batch, picks, rest], result [batch, n, rest]. */
static bool walk_scatter_add(Walker *w)
{
    const IrType *index = type_of(w, 0), *u = type_of(w, 1);
    IrAxes        over = w->n->attr->over;
    int           batch = w->n->attr->n_batch, picks = index->rank - batch;
    Spot          i = same_samples(w, index), s = same_samples(w, u);
    Box           b = {0};
    box_add_axes(w, &b, over);
    for (int d = batch; d < index->rank; d++) box_add(&b, index->dim[d]);
    memcpy(i.dim, w->at.dim, sizeof *i.dim * (size_t)batch);
    memcpy(s.dim, w->at.dim, sizeof *s.dim * (size_t)batch);
    for (int d = index->rank; d < u->rank; d++) s.dim[d] = w->at.dim[batch + 1 + d - index->rank];
    if (box_empty(&b)) return true;
    do {
        set_axes(&i, index, over, b.at);
        set_axes(&s, u, over, b.at);
        memcpy(i.dim + batch, b.at + over.n, sizeof *i.dim * (size_t)picks);
        memcpy(s.dim + batch, b.at + over.n, sizeof *s.dim * (size_t)picks);
        if (whole_at(w, 0, &i) == w->at.dim[batch] && !see(w, 1, &s)) return false;
        w->k++;
    } while (box_next(&b));
    return true;
}

static bool walk_spread(Walker *w)
{
    Spot s = aligned(w, 0);
    return see(w, 0, &s);
}

static bool walk_as_feature(Walker *w)
{
    const IrType *from = type_of(w, 0);
    Spot          s = same_samples(w, from);
    s.axis[place_of_axis(from, w->n->attr->axis)] = w->at.dim[0];
    memcpy(s.dim, w->at.dim + 1, sizeof *s.dim * (size_t)from->rank);
    return see(w, 0, &s);
}

static bool walk_as_sample(Walker *w)
{
    Spot s = same_samples(w, type_of(w, 0));
    s.dim[0] = w->at.axis[place_of_axis(w->to, w->n->attr->axis)];
    memcpy(s.dim + 1, w->at.dim, sizeof *s.dim * (size_t)w->to->rank);
    return see(w, 0, &s);
}

/* ---- whole matrices ---------------------------------------------------------------------------------------------- */

/* Every element of the matrix, for the sample and leading dims at hand. */
static bool walk_matrix(Walker *w, int operand, int leading)
{
    const IrType *t = type_of(w, operand);
    Spot          s = same_samples(w, t);
    memcpy(s.dim, w->at.dim, sizeof *s.dim * (size_t)leading);
    Box b = {.n = 2, .extent = {t->dim[leading], t->dim[leading + 1]}};
    if (box_empty(&b)) return true;
    do {
        memcpy(s.dim + leading, b.at, 2 * sizeof *b.at);
        if (!see(w, operand, &s)) return false;
    } while (box_next(&b));
    return true;
}

static bool walk_matrices(Walker *w)
{
    int leading = type_of(w, 0)->rank - 2;
    for (int i = 0; i < w->n->n_args; i++)
        if (!walk_matrix(w, i, leading)) return false;
    return true;
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

static bool walk_row(Walker *w)
{
    const IrNode *n = w->n;
    switch (n->op) {
    case IR_select:      return walk_select(w);
    case IR_sum:         return walk_reduced(w, n->attr->dims, n->attr->over);
    case IR_norm:        return walk_reduced(w, n->attr->dims, ir_no_axes());
    case IR_reduce_max:
    case IR_argmax:      return walk_one_reduced(w);
    case IR_cumsum:      return walk_cumsum(w);
    case IR_dot:         return walk_dot(w);
    case IR_conv:        return walk_pair(w, (Pair){0, 1, n->attr->over});
    case IR_reshape:     return walk_reshape(w);
    case IR_transpose:   return walk_transpose(w);
    case IR_broadcast:   return walk_broadcast(w);
    case IR_slice:       return walk_slice(w);
    case IR_pad:         return walk_pad(w);
    case IR_concat:      return walk_concat(w);
    case IR_reverse:     return walk_reverse(w);
    case IR_gather:      return walk_gather(w);
    case IR_scatter_add: return walk_scatter_add(w);
    case IR_spread:      return walk_spread(w);
    case IR_as_feature:  return walk_as_feature(w);
    case IR_as_sample:   return walk_as_sample(w);
    case IR_cholesky:
    case IR_trisolve:
    case IR_solve:
    case IR_eigh:        return walk_matrices(w);
    default:             return ir_op_info[n->op].klass != IR_CLASS_MAP || walk_map(w);
    }
}

bool terms_of(const IrModule *m, const IrNode *n, int r, int64_t e, const TermWalk *walk)
{
    Walker w = {.m = m, .n = n, .to = &n->result[r].type, .walk = walk};
    w.at = spot_of(m, w.to, e);
    return walk_row(&w);
}
