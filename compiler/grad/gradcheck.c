/* gradcheck.c - differences, duals and dot products against the rules. Start at check_row(), at the bottom. */
#include "compiler/grad/gradcheck.h"

#include "base/bug.h"
#include "compiler/interp/interp.h"

#include <math.h>
#include <string.h>

typedef struct Check {
    Arena          *a;
    IrModule       *m;
    const GradRule *rules;
    const CheckRow *row;
    int             axis[CHECK_AXES];
    int             n_in, n_fn;
    IrType          type[CHECK_INPUTS];                     /* with sample axes */
    int             x[CHECK_INPUTS], v[CHECK_INPUTS];       /* slots */
    int             w[CHECK_OUTPUTS];                       /* slots, -1: not made yet */
    ARRAY(void *)   slot;                                   /* memory by slot */
    uint64_t        random;
    const char     *wrong;
} Check;

static double uniform(Check *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return (double)(c->random >> 11) * 0x1p-53;
}

static void wrong(Check *c, const char *text)
{
    if (!c->wrong) c->wrong = arena_printf(c->a, "%s (%s): %s", ir_op_info[c->row->op].name, c->row->what, text);
}

/* ---- inputs ----------------------------------------------------------------------------------------------------- */

static IrType parse_type(const Check *c, const char *s)
{
    IrType t = ir_scalar(IR_F64);
    for (; *s != '['; s++) t.axes = ir_axes_add(t.axes, c->axis[*s == 'a' ? 0 : *s == 'b' ? 1 : 2]);
    for (s++; *s != ']'; s++)
        if (*s != ',') t.dim[t.rank++] = *s - '0';
    return t;
}

static int64_t size_of(const Check *c, const IrType *t) { return ir_dims_size(t) * ir_axes_size(c->m, t->axes); }

/* A slot for a value of type t: its axes are leading dims. */
static int slot_for(Check *c, const char *name, int i, const IrType *t)
{
    IrType s = {.elem = t->elem};
    for (int k = 0; k < t->axes.n; k++) s.dim[s.rank++] = ir_extent(c->m, t->axes.id[k]);
    for (int d = 0; d < t->rank; d++) s.dim[s.rank++] = t->dim[d];
    int slot = ir_slot(c->m, arena_printf(c->a, "%s%d", name, i), s, IR_SLOT_PARAM, NULL);
    while (c->slot.n <= slot) array_push(c->a, &c->slot, NULL);
    c->slot.v[slot] = arena_alloc(c->a, (size_t)size_of(c, t) * sizeof(double) + 1);
    return slot;
}

static void fill(Check *c, int slot, const IrType *t)
{
    double *p = c->slot.v[slot];
    for (int64_t i = 0; i < size_of(c, t); i++) p[i] = 2 * uniform(c) - 1;
}

static IrVal *read_as(IrBuilder *b, int slot, const IrType *t)
{
    IrVal *v = ir_read(b, slot);
    for (int k = 0; k < t->axes.n; k++) v = ir_as_sample(b, v, t->axes.id[k]);
    return v;
}

/* All numbers of all inputs stand in different cells of one grid over lo..hi, so that no two come near a tie. */
static void draw_inputs(Check *c)
{
    int64_t n = 0, at = 0;
    for (int i = 0; i < c->n_in; i++) n += size_of(c, &c->type[i]);
    int64_t *cell = arena_array(c->a, int64_t, n + 1);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = (int64_t)(uniform(c) * (double)(i + 1));
        cell[i] = cell[j];
        cell[j] = i;
    }
    for (int i = 0; i < c->n_in; i++)
        for (int64_t k = 0; k < size_of(c, &c->type[i]); k++, at++) {
            double place = ((double)cell[at] + 0.3 + 0.4 * uniform(c)) / (double)n;
            ((double *)c->slot.v[c->x[i]])[k] = c->row->lo + (c->row->hi - c->row->lo) * place;
        }
}

/* ---- building --------------------------------------------------------------------------------------------------- */

typedef struct Built {
    IrFn     *fn;
    IrBuilder b;
    IrVal    *x[CHECK_INPUTS], *v[CHECK_INPUTS], *y[CHECK_OUTPUTS + 1], *w[CHECK_OUTPUTS];
    int       n_out;
} Built;

static IrVal *inner(IrBuilder *b, IrVal *p, IrVal *q)
{
    IrVal *all = ir_sum_all(b, ir_mul(b, p, q));
    return all->type.axes.n ? ir_sum_over(b, all, all->type.axes) : all;
}

static IrVal *plus(IrBuilder *b, IrVal *sum, IrVal *v) { return !sum ? v : !v ? sum : ir_add(b, sum, v); }

/* A function that has just the expression. */
static Built begin(Check *c)
{
    Built f = {.fn = ir_fn(c->m, arena_printf(c->a, "f%d", c->n_fn++), IR_FN_REPORT)};
    f.fn->tick_slot = -1;
    f.b = (IrBuilder){.m = c->m, .block = &f.fn->body};
    for (int i = 0; i < c->n_in; i++) {
        f.x[i] = read_as(&f.b, c->x[i], &c->type[i]);
        f.v[i] = read_as(&f.b, c->v[i], &c->type[i]);
    }
    c->row->make(c->row, &f.b, c->axis, f.x, f.y);
    for (; f.y[f.n_out]; f.n_out++) {
        const IrType *t = &f.y[f.n_out]->type;
        if (c->w[f.n_out] < 0) {
            c->w[f.n_out] = slot_for(c, "w", f.n_out, t);
            fill(c, c->w[f.n_out], t);
        }
        f.w[f.n_out] = read_as(&f.b, c->w[f.n_out], t);
    }
    return f;
}

/* dL/dx of each input, NULL where it is a known zero; of L = NULL all are. */
static void gradients(Check *c, Built *f, IrVal *loss, IrVal **g)
{
    for (int i = 0; i < c->n_in; i++) g[i] = NULL;
    if (!loss) return;
    if (!grad_reverse_by(c->rules, &f->b, &loss, NULL, 1, f->x, c->n_in, g, NULL)) wrong(c, "opaque");
    for (int i = 0; i < c->n_in; i++)
        if (g[i] && !ir_type_equal(&g[i]->type, &f->x[i]->type)) wrong(c, "a gradient has another type than its input");
}

/* L of the given order; NULL is a known zero. */
static IrVal *loss(Check *c, Built *f, int order)
{
    IrVal *l = NULL, *g[CHECK_INPUTS];
    if (order == 0) {
        for (int o = 0; o < f->n_out; o++) l = plus(&f->b, l, inner(&f->b, f->w[o], f->y[o]));
        return l;
    }
    gradients(c, f, loss(c, f, order - 1), g);
    for (int i = 0; i < c->n_in; i++)
        if (g[i]) l = plus(&f->b, l, inner(&f->b, f->v[i], g[i]));
    return l;
}

static void report(Check *c, Built *f, IrVal *v, const IrType *t)
{
    int n = f->fn->reports.n;
    ir_report(c->m, f->fn, arena_printf(c->a, "r%d", n), v ? v : grad_zeros(&f->b, t));
}

static double *run(Check *c, const Built *f)
{
    int n;
    return check_run(c->a, c->m, f->fn, c->slot.v, &n);
}

static void verify(Check *c, const Built *f)
{
    char why[512];
    if (!ir_verify(c->m, f->fn, why)) wrong(c, arena_str(c->a, why));
}

double *check_run(Arena *a, const IrModule *m, const IrFn *f, void *const *slots, int *n)
{
    void **out = arena_array(a, void *, f->reports.n + 1);
    int64_t total = 0;
    for (int i = 0; i < f->reports.n; i++) total += interp_type_bytes(m, &f->reports.v[i].val->type);
    char *all = arena_alloc(a, (size_t)total + 1), *at = all;
    for (int i = 0; i < f->reports.n; i++) {
        out[i] = at;
        at += interp_type_bytes(m, &f->reports.v[i].val->type);
    }
    GanError err = {0};
    InterpMemory memory = {.slot = (void **)slots, .seed = 7};
    if (interp_fn(m, f, &memory, out, NULL, NULL, &err) != GAN_OK) BUG("gradcheck: the interpreter fails");
    *n = (int)(total / (int64_t)sizeof(double));
    return (double *)all;
}

/* ---- against differences ---------------------------------------------------------------------------------------- */

static double at(Check *c, const Built *f, double *x, double value)
{
    double kept = *x;
    *x = value;
    double l = run(c, f)[0];
    *x = kept;
    return l;
}

static double difference(Check *c, const Built *f, double *x)
{
    double h = 3e-4 * fmax(1, fabs(*x)), x0 = *x;
    double near = at(c, f, x, x0 + h) - at(c, f, x, x0 - h), far = at(c, f, x, x0 + 2 * h) - at(c, f, x, x0 - 2 * h);
    return (8 * near - far) / (12 * h);
}

static void compare(Check *c, const char *what, int order, int i, int64_t k, double got, double want, double rtol, double atol)
{
    if (fabs(got - want) <= atol + rtol * fabs(want)) return;
    wrong(c, arena_printf(c->a, "%s, order %d, input %d, element %lld: %.17g, not %.17g", what, order, i, (long long)k, got, want));
}

static void check_order(Check *c, int order)
{
    IrVal *g[CHECK_INPUTS];
    Built below = begin(c), here = begin(c);
    report(c, &below, loss(c, &below, order - 1), &(IrType){.elem = IR_F64});
    gradients(c, &here, loss(c, &here, order - 1), g);
    for (int i = 0; i < c->n_in; i++) report(c, &here, g[i], &c->type[i]);
    verify(c, &here);
    if (c->wrong) return;
    const double *got = run(c, &here);
    for (int i = 0; i < c->n_in; i++)
        for (int64_t k = 0; k < size_of(c, &c->type[i]); k++)
            compare(c, "differences", order, i, k, *got++, difference(c, &below, (double *)c->slot.v[c->x[i]] + k), 1e-8, 1e-10);
}

/* ---- against forward mode --------------------------------------------------------------------------------------- */

/* <w, Jv>, and as its measure the sum of the sizes of its terms. */
static IrVal *forward_loss(Check *c, Built *f, IrVal *const *outputs, IrVal *const *w, int n_out)
{
    IrVal *t[CHECK_OUTPUTS] = {0}, *l = NULL;
    if (!grad_forward_by(c->rules, &f->b, outputs, n_out, f->x, f->v, c->n_in, t, NULL)) wrong(c, "opaque");
    for (int o = 0; o < n_out; o++) {
        if (t[o] && !ir_type_equal(&t[o]->type, &outputs[o]->type)) wrong(c, "a tangent has another type than its output");
        else if (t[o]) l = plus(&f->b, l, w ? inner(&f->b, w[o], t[o]) : t[o]);
    }
    return l;
}

static double size_sum(const double *p, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += fabs(p[i]);
    return s;
}

static void check_forward(Check *c)
{
    const IrType number = {.elem = IR_F64};
    IrVal *back[CHECK_INPUTS], *both[CHECK_INPUTS];
    Built f = begin(c);
    IrVal *jv = forward_loss(c, &f, f.y, f.w, f.n_out), *jtw = loss(c, &f, 1), *second = loss(c, &f, 2);
    report(c, &f, jv, &number);
    report(c, &f, jtw, &number);
    report(c, &f, jtw ? forward_loss(c, &f, &jtw, NULL, 1) : NULL, &number);
    report(c, &f, second, &number);
    gradients(c, &f, jv, both);
    gradients(c, &f, jtw, back);
    for (int i = 0; i < c->n_in; i++) report(c, &f, both[i], &c->type[i]);
    for (int i = 0; i < c->n_in; i++) report(c, &f, back[i], &c->type[i]);
    verify(c, &f);
    if (c->wrong) return;

    const double *r = run(c, &f), *one = r + 4;
    int64_t n = 0;
    for (int i = 0; i < c->n_in; i++) n += size_of(c, &c->type[i]);
    double size = 1 + size_sum(r, 4 + 2 * n);
    compare(c, "forward against reverse", 1, 0, 0, r[0], r[1], 0, 1e-12 * size);
    compare(c, "forward over reverse", 2, 0, 0, r[2], r[3], 0, 1e-12 * size);
    for (int64_t k = 0; k < n; k++) compare(c, "reverse over forward", 2, 0, k, one[k], one[n + k], 0, 1e-12 * size);
}

/* ---- one row ---------------------------------------------------------------------------------------------------- */

static void make_module(Check *c)
{
    c->m = ir_module(c->a, IR_F64);
    c->axis[0] = ir_axis(c->m, "a", 2);
    c->axis[1] = ir_axis(c->m, "b", 3);
    c->axis[2] = ir_axis(c->m, "e", 0);
    for (int o = 0; o < CHECK_OUTPUTS; o++) c->w[o] = -1;
    for (; c->n_in < CHECK_INPUTS && c->row->type[c->n_in]; c->n_in++) {
        IrType t = c->type[c->n_in] = parse_type(c, c->row->type[c->n_in]);
        c->x[c->n_in] = slot_for(c, "x", c->n_in, &t);
        c->v[c->n_in] = slot_for(c, "v", c->n_in, &t);
        fill(c, c->v[c->n_in], &t);
    }
    draw_inputs(c);
}

const char *check_row(Arena *a, const GradRule *rules, const CheckRow *row)
{
    Check c = {.a = a, .rules = rules, .row = row, .random = 0x9e3779b97f4a7c15};
    make_module(&c);
    for (int order = 1; order <= row->order && !c.wrong; order++) check_order(&c, order);
    if (!c.wrong) check_forward(&c);
    return c.wrong;
}
