/* sample.c - where sample axes come from: E[..], and statements x ~ p. Everything that depends on a sample varies over its
 * axis from then on; an expectation is the sum over the axis, divided by its extent. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

/* ---- fields and axes */

typedef struct { IrAxes axes; Span at; } StackArg;

static Value *stack_leaf(Ctx *c, Value *leaf, void *arg)
{
    StackArg *s = arg;
    IrBuilder *b = fn_builder(c);
    IrVal *t = as_tensor(c, leaf, s->at);
    if (!t) return val_error(c->L);
    if (t->type.rank + s->axes.n > IR_MAX_RANK) return too_many_dims(c, s->at);
    t = ir_spread(b, t, ir_axes_minus(s->axes, t->type.axes));
    for (int i = s->axes.n; i-- > 0;) t = ir_as_feature(b, t, s->axes.id[i]);
    Value *v = val_tensor(c->L, t);
    v->tensor.classes = val_classes(leaf);
    return v;
}

Value *sample_stack(Ctx *c, Value *v, IrAxes axes, Span at)
{
    return map_fields(c, v, stack_leaf, &(StackArg){axes, at});
}

typedef struct { int axis; Span at; } RowsArg;

static Value *rows_leaf(Ctx *c, Value *leaf, void *arg)
{
    RowsArg *r = arg;
    IrVal *t = as_tensor(c, leaf, r->at);
    if (!t) return val_error(c->L);
    if (!t->type.rank || t->type.dim[0] != ir_extent(c->L->m, r->axis)) {
        diag_error(c->L->diags, r->at, E200, "%lld rows are needed here, and this is %s",
                   (long long)ir_extent(c->L->m, r->axis), type_text(c->L, &t->type));
        return val_error(c->L);
    }
    if (t->type.axes.n == IR_MAX_AXES) return too_many_axes(c, r->at);
    Value *v = val_tensor(c->L, ir_as_sample(fn_builder(c), t, r->axis));
    v->tensor.classes = val_classes(leaf);
    return v;
}

Value *sample_rows(Ctx *c, Value *v, int axis, Span at) { return map_fields(c, v, rows_leaf, &(RowsArg){axis, at}); }

/* Marks a value as a sample of its own axis, so that E[x] knows what to average over. */
static Value *own_leaf(Ctx *c, Value *leaf, void *axis)
{
    IrVal *t = as_tensor(c, leaf, SPAN_NONE);
    if (!t) return val_error(c->L);
    Value *v = val_tensor(c->L, t);
    v->tensor.classes = val_classes(leaf);
    v->tensor.own_axis = *(int *)axis;
    return v;
}

static Value *own(Ctx *c, Value *v, int axis) { return val_bad(v) ? v : map_fields(c, v, own_leaf, &axis); }

static int own_axis(const Value *v)
{
    if (v->kind == V_TENSOR) return v->tensor.own_axis;
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++)
        if (own_axis(v->record.v[i]) >= 0) return own_axis(v->record.v[i]);
    return -1;
}

/* ---- how many */

/* Said once of a schedule, however much it draws. */
static bool no_batch(Ctx *c, Span at)
{
    Span steps = c->unsized->alternate.steps->span, head = {steps.file, c->unsized->span.begin, steps.end};
    Diag *d = diag_error(c->L->diags, head, E302, "this schedule draws samples, and does not say how many");
    Span user = diags_used_at(c->L->diags, SPAN_NONE);
    diags_used_at(c->L->diags, user);
    diag_note(d, user.file ? user : at, "drawn for this");
    diag_hint(d, "alternate .. steps, batch 64 { .. } is their number for all of it, E[x ~ p : 64] for one average");
    return false;
}

bool sample_batch(Ctx *c, Span at)
{
    if (c->batch >= 0) {
        if (c->sized) *c->sized = true;
        return true;
    }
    if (c->batch == EVERY_ROW) {
        Diag *e = diag_error(c->L->diags, at, E302, "n: all says which samples, each row of data once, and here their number is asked for");
        diag_hint(e, "n: 1000, as many as there are rows, draws so many");
        return false;
    }
    if (c->unsized) return no_batch(c, at);
    Diag *d = diag_error(c->L->diags, at, E302, "how many samples? Outside a schedule the number must be given");
    diag_hint(d, "E[x ~ p : 5000] ..., or n: 5000 as an argument of a loss or metric; updates stand in alternate 1000 steps, batch 64 { .. }");
    return false;
}

static bool sample_size(Ctx *c, const Ast *size, Span at, int64_t *n)
{
    if (size) {
        Value *v = eval(c, size);
        if (!as_size(c, v, size->span, "the number of samples", n)) return false;
        if (*n > 0) return true;
        diag_error(c->L->diags, size->span, E302, "an average needs at least one sample");
        return false;
    }
    return sample_batch(c, at) && (*n = c->batch, true);
}

bool axes_fit(Ctx *c, IrAxes axes, Span at)
{
    int64_t n = 1;
    for (int i = 0; i < axes.n; i++) {
        int64_t extent = ir_extent(c->L->m, axes.id[i]);
        if (extent <= INT32_MAX && !__builtin_mul_overflow(n, extent, &n) && n <= MAX_SAMPLES) continue;
        diag_error(c->L->diags, at, E203, "too many samples: %s%lld on one axis%s", axes.n > 1 ? "with " : "",
                   (long long)extent, axes.n > 1 ? ", for each of the others" : "");
        return false;
    }
    return true;
}

/* ---- E[..] */

typedef struct Expect {
    Ctx       inner;                                        /* where the body is evaluated */
    const Ast *size, *whole;                                /* of the draws at hand, and of all that have none of their own */
    bool      all, whole_all;
    int       shared;                                       /* the axis of the draws at hand, -1 until the first */
    int       sharing;                                      /* how many there are on it */
    bool      alone;                                        /* one name is drawn: without a size at hand, of a finite distribution every element */
    bool      one_axis;                                     /* a statement: all its draws vary over one axis */
    IrAxes    over;
    struct { int axis, binder; } distinct[2 * IR_MAX_AXES]; /* axes whose indices must differ from the others' of their binder */
    int       n_distinct, binder;
    Span      at;
} Expect;

static bool has_size(const Ast *binder) { return binder->binder.size || binder->binder.all; }

static bool is_batch(const Ast *size) { return size->kind == AST_NAME && !strcmp(size->name.name, "batch"); }

/* A size that is a parameter to which `n: all` was given. */
static bool says_every(Expect *x)
{
    if (!x->inner.L->every || !x->size || x->size->kind != AST_NAME || is_batch(x->size)) return false;
    return eval(&x->inner, x->size) == x->inner.L->every;
}

/* Before binder i: those behind one that has a size of its own share another axis, of the size that comes next. */
static void share_axis(Expect *x, AstList binders, int i)
{
    if (i && !has_size(binders.v[i - 1])) return;
    x->shared = -1;
    x->sharing = 0;
    x->size = x->whole;
    x->all = x->whole_all;
    while (i < binders.n && !has_size(binders.v[i])) i++;
    if (i < binders.n) {
        x->size = binders.v[i]->binder.size;
        x->all = binders.v[i]->binder.all;
    }
    if (says_every(x)) {
        x->size = NULL;
        x->all = true;
    }
}

static const char *axis_name(const Ast *pattern) { return pattern->kind == AST_NAME ? pattern->name.name : "sample"; }

static bool add_axis(Expect *x, int axis)
{
    if (x->inner.axes.n >= IR_MAX_AXES || x->over.n >= IR_MAX_AXES)
        return too_many_axes(&x->inner, x->at), false;
    if (!ir_axes_has(x->over, axis)) x->over = ir_axes_add(x->over, axis);
    if (!ir_axes_has(x->inner.axes, axis)) x->inner.axes = ir_axes_add(x->inner.axes, axis);
    return axes_fit(&x->inner, x->inner.axes, x->at);
}

/* Without a size of its own, or as `x ~ p : batch`, where n: all is at hand. */
static bool takes_every(const Expect *x)
{
    if (x->inner.batch != EVERY_ROW || (x->size && !is_batch(x->size))) return false;
    if (x->inner.sized) *x->inner.sized = true;
    return true;
}

static bool open_axis(Expect *x, const Ast *pattern, const Dist *d)
{
    int64_t n;
    if (takes_every(x)) x->all = true;
    if (x->shared >= 0 && (!x->all || x->one_axis)) return true;
    if (x->alone && !x->size && x->inner.batch < 0 && dist_finite(x->inner.L, d, &n)) x->all = true;
    if (x->all && !dist_finite(x->inner.L, d, &n)) {
        Diag *e = diag_error(x->inner.L->diags, x->at, E302, ": all takes every row of data, and %s has none", dist_text(x->inner.L, d));
        diag_hint(e, x->sharing > 1 ? "E[x ~ p : all] E[y ~ q : 1] e draws one y for each row x, and : 10 ten of them"
                                    : "E[x ~ p : 5000] draws so many; E[k ~ rows(iota(n)) : all] goes through the classes 0 to n - 1");
        return false;
    }
    if (!x->all && !sample_size(&x->inner, x->size, x->at, &n)) return false;
    x->shared = ir_axis(x->inner.L->m, axis_name(pattern), n);
    if (!ir_axes_minus(x->inner.axes, x->over).n) x->inner.L->m->axes.v[x->shared].samples = n;
    return add_axis(x, x->shared);
}

static Value *draw_binder(Expect *x, const Ast *b, Dist *d)
{
    Ctx draw = x->inner;
    if (!open_axis(x, b->binder.patterns.v[0], d)) return val_error(draw.L);
    draw.axes = ir_axes_add(dist_axes(draw.L, d), x->shared);
    if (!x->all) draw.axes = ir_axes_union(draw.axes, draw.each);
    if (!x->all) return own(&draw, dist_sample(&draw, d, NULL, b->span), x->shared);
    if (x->one_axis && x->sharing > 1) {
        Diag *e = diag_error(draw.L->diags, b->span, E302, "a statement opens one axis, and every element of several "
                             "distributions is all pairs of them");
        diag_hint(e, "E[x ~ p, y ~ q : all] goes through the pairs; a record is drawn whole, s ~ d : all");
        return val_error(draw.L);
    }
    return own(&draw, dist_all(&draw, d, x->shared, b->span), x->shared);
}

typedef struct { IrAxes from; int to; Span at; } MoveArg;

/* The samples as rows, of all axes in turn. */
static Value *batch_leaf(Ctx *c, Value *leaf, void *arg)
{
    MoveArg *m = arg;
    IrBuilder *b = fn_builder(c);
    IrVal *t = as_tensor(c, leaf, m->at);
    if (!t || t->type.rank + m->from.n > IR_MAX_RANK) return t ? too_many_dims(c, m->at) : val_error(c->L);
    t = ir_spread(b, t, ir_axes_minus(m->from, t->type.axes));
    for (int i = m->from.n; i-- > 0;) t = ir_as_feature(b, t, m->from.id[i]);
    if (m->from.n > 1) {
        IrInts d = ir_ints(1, &(int64_t){ir_axes_size(c->L->m, m->from)});
        for (int i = m->from.n; i < t->type.rank; i++) d.v[d.n++] = t->type.dim[i];
        t = ir_reshape(b, t, d);
    }
    Value *v = val_tensor(c->L, t);
    v->tensor.classes = val_classes(leaf);
    return v;
}

/* The same samples along another axis. */
static Value *move_leaf(Ctx *c, Value *leaf, void *arg)
{
    MoveArg *m = arg;
    Value *rows = batch_leaf(c, leaf, arg);
    if (val_bad(rows)) return rows;
    Value *v = val_tensor(c->L, ir_as_sample(fn_builder(c), rows->tensor.v, m->to));
    v->tensor.classes = rows->tensor.classes;
    return v;
}

static void make_distinct(Expect *x, int axis)
{
    x->distinct[x->n_distinct].axis = axis;
    x->distinct[x->n_distinct++].binder = x->binder;
}

static Value *along(Expect *x, Value *v, IrAxes from, const Ast *pattern)
{
    Ctx *c = &x->inner;
    int to = ir_axis(c->L->m, axis_name(pattern), ir_axes_size(c->L->m, from));
    Value *moved = map_fields(c, v, move_leaf, &(MoveArg){from, to, pattern->span});
    if (!add_axis(x, to)) return val_error(c->L);
    make_distinct(x, to);
    return own(c, moved, to);
}

/* E[a, b ~ p]: one batch, along an axis for each name; the mean is over all distinct elements. */
static bool bind_distinct(Expect *x, const Ast *b, Value *v, IrAxes from, int first)
{
    for (int i = first; i < b->binder.patterns.n; i++) {
        Value *moved = along(x, v, from, b->binder.patterns.v[i]);
        scope_bind_pattern(&x->inner, x->inner.scope, b->binder.patterns.v[i], moved);
        if (val_bad(moved)) return false;
    }
    return true;
}

/* What h of batch_of(h) varies over. False, reported: nothing. */
static bool batch_axes(Ctx *c, const Dist *d, Span at, IrAxes *from)
{
    *from = val_axes(c->L, dist_batch_value(d));
    if (!from->n) {
        diag_error(c->L->diags, at, E307, "batch_of needs a value that varies over a batch, and this one is the same for all samples");
        return false;
    }
    if (ir_axes_size(c->L->m, *from) == 1) {
        Diag *w = diag_warning(c->L->diags, at, W305, "a batch of one: every example is its own mean");
        diag_hint(w, "statistics of a batch need a batch of more than one");
    }
    return true;
}

static bool bind_batch_of(Expect *x, const Ast *b, Dist *d)
{
    IrAxes from;
    return batch_axes(&x->inner, d, b->span, &from) && bind_distinct(x, b, dist_batch_value(d), from, 0);
}

/* With a size it is drawn from as any table is, whose rows are those of the batch. NULL after an error. */
static Dist *rows_of_batch(Ctx *c, Dist *d, Span at)
{
    IrAxes from;
    if (!batch_axes(c, d, at, &from)) return NULL;
    Value *rows = map_fields(c, dist_batch_value(d), batch_leaf, &(MoveArg){.from = from, .at = at});
    Value *v = val_bad(rows) ? rows : dist_of_rows(c, rows, at);
    return val_bad(v) ? NULL : dist_renamed(c->L, v->dist, "batch");
}

static bool bind_drawn(Expect *x, const Ast *b)
{
    Ctx *c = &x->inner;
    Dist *d = as_dist(c, eval_raw(c, b->binder.dist), b->binder.dist->span);
    if (!d) return false;
    x->binder++;
    x->sharing++;
    if (dist_batch_value(d) && (!x->size || x->all)) return bind_batch_of(x, b, d);
    if (dist_batch_value(d) && !(d = rows_of_batch(c, d, b->span))) return false;
    Value *v = draw_binder(x, b, d);
    if (b->binder.patterns.n > 1) make_distinct(x, x->shared);
    scope_bind_pattern(c, c->scope, b->binder.patterns.v[0], v);
    return !val_bad(v) && bind_distinct(x, b, v, ir_one_axis(x->shared), 1);
}

/* E[x] e: over the axis x was drawn on. */
static bool bind_bound(Expect *x, const Ast *b)
{
    Ctx *c = &x->inner;
    for (int i = 0; i < b->binder.patterns.n; i++) {
        const Ast *p = b->binder.patterns.v[i];
        Value *v = p->kind == AST_NAME ? scope_find(c, p, false) : NULL;
        if (!v) {
            if (p->kind == AST_NAME) scope_unknown(c, p->name.name, p->span);
            else diag_error(c->L->diags, p->span, E307, "E[x] e averages over the axis that one name was drawn on, and this is a pattern");
            return false;
        }
        v = as_settled(c, v, p->span);
        int axis = own_axis(v);
        IrAxes a = val_axes(c->L, v);
        if (axis < 0 && a.n == 1) axis = a.id[0];
        if (axis < 0) {
            if (!val_bad(v)) {
                Diag *d = diag_error(c->L->diags, p->span, E307, "%s does not vary over a sample axis of its own",
                                     p->name.name);
                diag_hint(d, "E[%s ~ p] draws it here; a statement %s ~ p : 500 draws it for several lines",
                          p->name.name, p->name.name);
            }
            return false;
        }
        if (!add_axis(x, axis)) return false;
    }
    return true;
}

static IrVal *distinct_mask(Expect *x, IrAxes axes)
{
    IrBuilder *b = fn_builder(&x->inner);
    IrVal *mask = NULL;
    for (int i = 0; i < x->n_distinct; i++)
        for (int j = i + 1; j < x->n_distinct; j++) {
            int p = x->distinct[i].axis, q = x->distinct[j].axis;
            if (x->distinct[i].binder != x->distinct[j].binder || !ir_axes_has(axes, p) || !ir_axes_has(axes, q)) continue;
            IrVal *ne = ir_compare(b, IR_NE, ir_index_axis(b, p), ir_index_axis(b, q));
            mask = mask ? ir_and(b, mask, ne) : ne;
        }
    return mask;
}

/* How many axes before i, of its binder and among `axes`, i's index must differ from. The shared axis comes first in its binders. */
static int before(const Expect *x, IrAxes axes, int i)
{
    int n = 0;
    for (int k = 0; k < i; k++)
        n += x->distinct[k].binder == x->distinct[i].binder && ir_axes_has(axes, x->distinct[k].axis);
    return n;
}

static double sample_count(Expect *x, IrAxes own)
{
    double n = 1;
    for (int i = 0; i < own.n; i++) {
        int less = 0;
        for (int k = 0; k < x->n_distinct; k++)
            if (x->distinct[k].axis == own.id[i]) less = before(x, own, k);
        n *= (double)(ir_extent(x->inner.L->m, own.id[i]) - less);
    }
    return n;
}

static Value *mean_leaf(Ctx *c, Value *leaf, void *arg)
{
    Expect *x = arg;
    IrBuilder *b = fn_builder(c);
    if (leaf->kind == V_INT || leaf->kind == V_REAL) return leaf;
    IrVal *t = as_real(c, leaf, x->at);
    if (!t) return val_error(c->L);
    IrAxes own = ir_axes_minus(t->type.axes, ir_axes_minus(t->type.axes, x->over));
    if (!own.n) return val_tensor(c->L, t);
    double n = sample_count(x, own);
    if (n < 1) {
        diag_error(c->L->diags, x->at, E302, "an average over distinct elements needs a larger batch");
        return val_error(c->L);
    }
    IrVal *mask = distinct_mask(x, own);
    if (mask) t = ir_select(b, mask, t, ir_const_like(b, t, 0));
    IrVal *sum = ir_sum_over(b, t, own);
    return val_tensor(c->L, ir_div(b, sum, ir_const_like(b, sum, n)));
}

/* What is drawn from a distribution that is not known, in a body that is checked. */
static bool bind_unknown(Expect *x, const Ast *b)
{
    for (int i = 0; b->binder.dist && i < b->binder.patterns.n; i++) {
        const Ast *p = b->binder.patterns.v[i];
        bool bound = p->kind == AST_NAME && scope_own(x->inner.L, x->inner.scope, p);
        if (!bound) scope_bind_pattern(&x->inner, x->inner.scope, p, val_error(x->inner.L));
    }
    return true;
}

Value *eval_expectation(Ctx *c, const Ast *e)
{
    if (!fn_needed(c, e->span)) return val_error(c->L);
    Expect x = {.inner = *c,
                .whole = e->expectation.size,
                .whole_all = e->expectation.all,
                .alone = e->expectation.binders.n == 1 && e->expectation.binders.v[0]->binder.patterns.n == 1,
                .shared = -1,
                .over = ir_no_axes(),
                .at = e->span};
    x.inner.scope = scope_new(c->L, c->scope);
    bool ok = true;
    for (int i = 0; i < e->expectation.binders.n && ok; i++) {
        const Ast *b = e->expectation.binders.v[i];
        share_axis(&x, e->expectation.binders, i);
        ok = b->binder.dist ? bind_drawn(&x, b) : bind_bound(&x, b);
        if (!ok && c->L->guess) ok = bind_unknown(&x, b);
    }
    if (!ok) return val_error(c->L);
    Value *v = as_settled(&x.inner, eval(&x.inner, e->expectation.body), e->expectation.body->span);
    return val_bad(v) ? v : map_fields(c, v, mean_leaf, &x);
}

/* ---- statements */

/* One draw beside samples: which of the two was meant? */
static bool no_size_here(Ctx *c, const Ast *b)
{
    Diag *d = diag_error(c->L->diags, b->span, E302, "how many samples? Those before it have a size of their own, and this one has none");
    diag_hint(d, "x ~ p, y ~ q : 500 is one axis for both; a line of its own draws one value");
    scope_bind_pattern(c, c->scope, b->binder.patterns.v[0], val_error(c->L));
    return false;
}

bool eval_sample(Ctx *c, const Ast *s)
{
    bool ok = true, sizes = false;
    Expect x = {.inner = *c, .whole = s->sample.size, .whole_all = s->sample.all, .shared = -1, .one_axis = true,
                .over = ir_no_axes(), .at = s->span};
    for (int i = 0; i < s->sample.binders.n; i++) {
        const Ast *b = s->sample.binders.v[i];
        share_axis(&x, s->sample.binders, i);
        bool sized = x.size || x.all;
        sizes = sizes || sized;
        if (sizes && !sized) return no_size_here(c, b);
        Span around = in_library(c->L, b->span) ? diags_use(c->L->diags) : b->span, used_at = diags_used_at(c->L->diags, around);
        Dist *d = as_dist(&x.inner, eval_raw(&x.inner, b->binder.dist), b->binder.dist->span);
        Value *v;
        if (!d) {
            int64_t n;
            if (c->L->guess && x.size) sample_size(&x.inner, x.size, b->span, &n);
            v = val_error(c->L);
        } else if (sized) {
            x.binder++;
            x.sharing++;
            v = draw_binder(&x, b, d);
        } else {
            Ctx draw = *c;
            draw.axes = ir_axes_union(c->axes, dist_axes(c->L, d));
            draw.path = path_join(c->L, c->path, axis_name(b->binder.patterns.v[0]));
            v = dist_sample(&draw, d, NULL, b->span);
        }
        diags_used_at(c->L->diags, used_at);
        ok = ok && !val_bad(v);
        scope_bind_pattern(c, c->scope, b->binder.patterns.v[0], v);
    }
    return ok;
}
