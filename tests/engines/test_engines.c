/* test_engines.c - random functions through interpreter and compiled code, on one to eight threads: the same bits. And what went through the
 * passes through the interpreter before them: the same but for rounding, so that a wrong pass cannot look right twice.
 *
 * One function a seed (compiler/ir/random_fn.h), every other one after the passes and every fourth with its own derivatives, is
 * run twice in a row on the same state by both engines; every report and every slot is compared, NaN with NaN. When a number differs, the seed, the function and the first difference are printed;
 * then the function is compiled again with every value as a report (or, if that hides it, with one at a time), and the first
 * row whose value differs is named.
 *
 * Random networks do the same with what users train: layers of odd widths, a loss on two batches, its gradients, now and then a
 * gradient penalty, and an update; their contractions are wide and become pairs. Both are made again without decisions of the plan
 * (compiler/kernel/plan.def).
 *
 * GAN_CHECKER          when set, the compiled side is no compiled code: the nests are run by the plain checker, which finds threads and turns that meet
 * GAN_RANDOM_PROGRAMS  how many (100); a tenth of it networks
 * GAN_C_TEXT           when set, kernels are C text and not LLVM's
 * GAN_CPU              x86-64-v2, v3 or v4: kernels are made for that instead of this machine, if it runs them here
 * GAN_RANDOM_SEED      the first seed (1); when given, each seed is printed before it runs, so that a crash has a name */
#include "checked.h"
#include "compiler/grad/grad.h"
#include "compiler/interp/wide.h"
#include "compiler/ir/random_fn.h"
#include "compiler/jit/jit.h"
#include "compiler/opt/pass.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 2, MOST_PRINTED = 3, ALIGN = 64, MOST_DATA = 64 };

/* ---- a module as a program -------------------------------------------------------------------------------------- */

typedef struct Case {
    Arena      *arena;
    IrModule   *m;
    IrFn       *f;
    GanProgram  program;
    const void *data[MOST_DATA];
    InterpWide *lowered;                                    /* before the passes; NULL: they were not run */
} Case;

static const GanElem elem_of[] = {[IR_BOOL] = GAN_BOOL, [IR_I32] = GAN_I32, [IR_I64] = GAN_I64, [IR_F32] = GAN_F32, [IR_F64] = GAN_F64};

static void add_slots(Case *c, uint64_t seed)
{
    GanProgram *p = &c->program;
    size_t      n_data = 0;
    p->n_slots = c->m->slots.n;
    p->slot = arena_array(c->arena, GanSlot, p->n_slots + 1);
    for (int i = 0; i < p->n_slots; i++) {
        const IrSlot *s = &c->m->slots.v[i];
        size_t        bytes = (size_t)interp_type_bytes(c->m, &s->type);
        GanSlot       slot = {s->path, (GanSlotKind)s->kind, elem_of[s->type.elem], s->type.rank, {0}, p->state_bytes, bytes, s->player};
        memcpy(slot.dim, s->type.dim, sizeof slot.dim);
        if (s->kind == IR_SLOT_DATA) {
            void *data = arena_alloc(c->arena, bytes + ALIGN);
            cr_assert_lt(n_data, (size_t)MOST_DATA);
            ir_random_fill(s, seed + (uint64_t)i, data);
            slot.offset = n_data;
            c->data[n_data++] = data;
        } else p->state_bytes += (bytes + ALIGN - 1) / ALIGN * ALIGN;
        p->slot[i] = slot;
    }
    p->n_data = (int)n_data;
}

static GanOutput output_of(const IrModule *m, const IrReport *r)
{
    const IrType *t = &r->val->type;
    GanOutput     o = {.name = r->name, .elem = elem_of[t->elem]};
    for (int i = 0; i < t->axes.n; i++) o.dim[o.rank++] = ir_extent(m, t->axes.id[i]);
    for (int i = 0; i < t->rank; i++) o.dim[o.rank++] = t->dim[i];
    return o;
}

static void add_functions(Case *c)
{
    GanProgram *p = &c->program;
    p->n_functions = c->m->fns.n;
    p->function = arena_array(c->arena, GanFunction, p->n_functions);
    for (int i = 0; i < p->n_functions; i++) {
        const IrFn *f = c->m->fns.v[i];
        p->function[i] = (GanFunction){.name = f->name, .n_outputs = f->reports.n, .output = arena_array(c->arena, GanOutput, f->reports.n + 1)};
        for (int k = 0; k < f->reports.n; k++) p->function[i].output[k] = output_of(c->m, &f->reports.v[k]);
    }
}

static Case *case_of_text(const char *text)
{
    Arena *a = arena_new();
    Case  *c = arena_new_of(a, Case);
    char   why[512];
    c->arena = a;
    c->m = ir_read_text(a, text, strlen(text), why);
    cr_assert(c->m, "%s", why);
    cr_assert(ir_verify_module(c->m, why), "%s", why);
    c->f = c->m->fns.v[0];
    add_slots(c, 1);
    add_functions(c);
    return c;
}

/* Reports the gradient of all real reports by all real slots that are read. */
static void differentiate(Case *c)
{
    ARRAY(IrVal *) outputs = {0}, wrt = {0};
    for (int i = 0; i < c->f->reports.n; i++)
        if (ir_is_real(c->f->reports.v[i].val->type.elem)) array_push(c->arena, &outputs, c->f->reports.v[i].val);
    for (IrNode *n = c->f->body.first; n; n = n->next)
        if (n->op == IR_read && ir_is_real(n->result->type.elem)) array_push(c->arena, &wrt, n->result);
    IrVal   **grads = arena_array(c->arena, IrVal *, wrt.n + 1);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    if (!outputs.n || !wrt.n || !grad_reverse(&b, outputs.v, NULL, outputs.n, wrt.v, wrt.n, grads, NULL)) return;
    for (int i = 0; i < wrt.n; i++)
        if (grads[i]) ir_report(c->m, c->f, arena_printf(c->arena, "d%d", i), grads[i]);
}

static void optimise(Case *c)
{
    c->lowered = interp_wide(c->m, c->f);
    opt_run_module(c->m, &(PassOptions){.portable = true, .verify = true});
}

static void transform(Case *c, uint64_t seed)
{
    if (seed % 4 == 3) differentiate(c);
    if (seed % 2) optimise(c);
}

static void random_function(Case *c, uint64_t seed)
{
    c->m = ir_random_module(c->arena, (IrRandomOptions){.seed = seed, .n_nodes = seed % 4 == 3 ? 15 : 30});
    c->f = c->m->fns.v[0];
    transform(c, seed);
}

/* ---- networks --------------------------------------------------------------------------------------------------- */

static int64_t pick(uint64_t *state, const int64_t *from, int n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return from[(*state >> 33) % (uint64_t)n];
}
#define PICK(state, ...) pick((state), (const int64_t[]){__VA_ARGS__}, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))

enum { MOST_LAYERS = 3 };

typedef struct Net {
    int    layers;
    int    activation[MOST_LAYERS];
    IrVal *w[MOST_LAYERS], *b[MOST_LAYERS];
} Net;

static IrVal *parameter(Case *c, IrBuilder *b, const char *net, char kind, int layer, IrInts dims)
{
    return ir_read(b, ir_slot(c->m, arena_printf(c->arena, "%s.%c%d", net, kind, layer), ir_type(IR_F32, ir_no_axes(), dims), IR_SLOT_PARAM, NULL));
}

static Net new_net(Case *c, IrBuilder *b, const char *name, int64_t in, int64_t out, uint64_t *state)
{
    Net n = {.layers = (int)PICK(state, 1, 2, 3, 3)};
    for (int i = 0; i < n.layers; i++) {
        int64_t width = i == n.layers - 1 ? out : PICK(state, 1, 5, 15, 16, 17, 32, 33, 64, 100, 130);
        n.w[i] = parameter(c, b, name, 'w', i, ir_ints(2, (int64_t[]){in, width}));
        n.b[i] = parameter(c, b, name, 'b', i, ir_ints(1, &width));
        n.activation[i] = (int)PICK(state, 0, 1, 2, 3);
        in = width;
    }
    return n;
}

static IrVal *activate(IrBuilder *b, int how, IrVal *x)
{
    switch (how) {
    case 0: return ir_max(b, ir_const(b, IR_F32, 0), x);
    case 1: return ir_tanh(b, x);
    case 2: return ir_max(b, ir_mul(b, ir_const(b, IR_F32, 0.2), x), x);
    default: return ir_sigmoid(b, x);
    }
}

static IrVal *apply(IrBuilder *b, const Net *n, IrVal *x)
{
    IrPairs last = ir_pairs(1, (int[]){0}, (int[]){0});
    for (int i = 0; i < n->layers; i++) {
        x = ir_add(b, ir_dot(b, x, n->w[i], ir_no_pairs(), last, ir_no_axes()), n->b[i]);
        if (i < n->layers - 1) x = activate(b, n->activation[i], x);
    }
    return x;
}

/* (norm of the critic's gradient at mixed samples, less 1) squared, summed. */
static IrVal *penalty(IrBuilder *b, const Net *critic, IrVal *x)
{
    IrVal *score = apply(b, critic, x), *g;
    if (!grad_reverse(b, &score, NULL, 1, &x, 1, &g, NULL) || !g) return ir_const(b, IR_F32, 0);
    IrVal *off = ir_sub(b, ir_norm(b, g, ir_ints(1, (int64_t[]){0})), ir_const(b, IR_F32, 1));
    return ir_sum_over(b, ir_mul(b, off, off), x->type.axes);
}

static IrVal *mean_of(Case *c, IrBuilder *b, IrVal *per_sample)
{
    IrAxes  axes = per_sample->type.axes;
    int64_t n = ir_axes_size(c->m, axes);
    return ir_div(b, ir_sum_over(b, per_sample, axes), ir_const(b, IR_F32, (double)(n ? n : 1)));
}

/* One step for both players: losses, gradients, a step of momentum; committed. */
static void descend(Case *c, IrBuilder *b, const Net *n, IrVal *loss, const char *name)
{
    IrVal *wrt[2 * MOST_LAYERS], *g[2 * MOST_LAYERS];
    for (int i = 0; i < n->layers; i++) {
        wrt[2 * i] = n->w[i];
        wrt[2 * i + 1] = n->b[i];
    }
    cr_assert(grad_reverse(b, &loss, NULL, 1, wrt, 2 * n->layers, g, NULL));
    ir_report(c->m, c->f, name, loss);
    for (int i = 0; i < 2 * n->layers; i++) {
        if (!g[i]) continue;
        int    slot = ir_slot(c->m, arena_printf(c->arena, "%s.m%d", name, i), wrt[i]->type, IR_SLOT_OPTIMIZER, NULL);
        IrVal *old = ir_read(b, slot), *m = ir_fma(b, ir_sub(b, g[i], old), ir_const(b, IR_F32, 0.1), old);
        ir_commit(c->m, c->f, slot, m);
        ir_commit(c->m, c->f, wrt[i]->def->attr->slot, ir_sub(b, wrt[i], ir_mul(b, m, ir_const(b, IR_F32, 0.01))));
    }
}

static void random_network(Case *c, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u;
    c->m = ir_module(c->arena, IR_F32);
    c->f = ir_fn(c->m, "step", IR_FN_INIT);
    c->f->tick_slot = ir_slot(c->m, "tick", ir_scalar(IR_I64), IR_SLOT_COUNTER, NULL);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    int64_t   n = PICK(&state, 1, 31, 33, 64, 65, 130, 512, 513), d = PICK(&state, 1, 2, 3, 16, 20, 33);
    int       p = ir_axis(c->m, "p", n), q = ir_axis(c->m, "q", seed % 2 ? n : 64);
    Net       gen = new_net(c, &b, "G", PICK(&state, 1, 4, 16, 40), d, &state), critic = new_net(c, &b, "D", d, 1, &state);
    int64_t   latent = gen.w[0]->type.dim[0];
    IrVal    *x = ir_normal(&b, ir_stream(c->m, "x"), ir_type(IR_F32, ir_one_axis(p), ir_ints(1, &d)));
    IrVal    *z = ir_normal(&b, ir_stream(c->m, "z"), ir_type(IR_F32, ir_one_axis(q), ir_ints(1, &latent)));
    IrVal    *y = apply(&b, &gen, z);
    IrInts    none = ir_ints(0, NULL);
    IrVal    *on_x = ir_reshape(&b, apply(&b, &critic, x), none), *on_y = ir_reshape(&b, apply(&b, &critic, y), none);
    IrVal    *d_loss = ir_add(&b, mean_of(c, &b, ir_softplus(&b, ir_neg(&b, on_x))), mean_of(c, &b, ir_softplus(&b, on_y)));
    if (seed % 3 == 0) d_loss = ir_add(&b, d_loss, penalty(&b, &critic, x));
    descend(c, &b, &critic, d_loss, "D.loss");
    descend(c, &b, &gen, mean_of(c, &b, ir_softplus(&b, ir_neg(&b, on_y))), "G.loss");
    IrVal *t = ir_read(&b, c->f->tick_slot);
    ir_commit(c->m, c->f, c->f->tick_slot, ir_add(&b, t, ir_const(&b, IR_I64, 1)));
    optimise(c);
}

/* ---- products --------------------------------------------------------------------------------------------------- */

enum { MOST_DIMS = 4 };

typedef struct Operand { IrInts dims; uint8_t batch[1], contract[2], free[2]; } Operand;       /* which dim is what */

/* A dim of a role in any place: dims already there that stand behind it move up. */
static void put_dim(Operand *o, uint64_t *state, int64_t extent, uint8_t *role)
{
    uint8_t at = (uint8_t)(PICK(state, 0, 1, 2, 3) % (o->dims.n + 1)), *all[] = {o->batch, o->contract, o->contract + 1, o->free, o->free + 1};
    for (int i = o->dims.n++; i > at; i--) o->dims.v[i] = o->dims.v[i - 1];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) *all[i] += *all[i] >= at;
    o->dims.v[at] = extent;
    *role = at;
}

static int64_t tile_edge(uint64_t *state) { return PICK(state, 0, 1, 1, 2, 3, 5, 15, 16, 17, 31, 33, 63, 65); }

static IrVal *matrix(Case *c, IrBuilder *b, const Operand *o, IrElem t, int number)
{
    return ir_read(b, ir_slot(c->m, arena_printf(c->arena, "m%d", number), ir_type(t, ir_no_axes(), o->dims), IR_SLOT_PARAM, NULL));
}

/* A product of matrices, of any layout; one of its operands now and then is what a row made, or the other one. */
static void random_product(Case *c, IrBuilder *b, uint64_t *state, int number)
{
    IrElem  t = PICK(state, 0, 0, 0, 1) ? IR_F64 : IR_F32;
    Operand x = {0}, y = {0};
    int     batch = PICK(state, 0, 0, 0, 1) != 0, contract = (int)PICK(state, 1, 1, 1, 2);
    bool    large = PICK(state, 0, 0, 0, 1) != 0;
    for (int i = 0; i < contract; i++) {
        int64_t k = i ? PICK(state, 2, 3, 17) : large ? PICK(state, 3, 16, 33) : PICK(state, 0, 1, 2, 15, 16, 17, 33, 64, 65, 200);
        put_dim(&x, state, k, &x.contract[i]);
        put_dim(&y, state, k, &y.contract[i]);
    }
    for (int i = (int)PICK(state, 0, 1, 1, 1, 2); i > 0 && x.dims.n < MOST_DIMS - batch; i--)
        put_dim(&x, state, large && i == 1 ? PICK(state, 191, 200, 300) : tile_edge(state), &x.free[i - 1]);
    for (int i = (int)PICK(state, 0, 1, 1, 1, 2); i > 0 && y.dims.n < MOST_DIMS - batch; i--) put_dim(&y, state, tile_edge(state), &y.free[i - 1]);
    if (batch) {
        int64_t n = PICK(state, 1, 2, 3);
        put_dim(&x, state, n, x.batch);
        put_dim(&y, state, n, y.batch);
    }
    bool same = PICK(state, 0, 0, 0, 1) != 0;
    if (same) y = x;
    int64_t work = 1;
    for (int i = 0; i < x.dims.n; i++) work *= x.dims.v[i];
    for (int i = 0; i < y.dims.n; i++) work *= i == y.contract[0] ? 1 : y.dims.v[i];
    if (work > 4000000) return;
    IrVal *p = matrix(c, b, &x, t, 2 * number), *q = same ? p : matrix(c, b, &y, t, 2 * number + 1);
    if (PICK(state, 0, 0, 1)) p = ir_add(b, p, ir_const(b, t, 1));
    IrPairs with = ir_pairs(batch, (int[]){x.batch[0]}, (int[]){y.batch[0]});
    IrPairs over = ir_pairs(contract, (int[]){x.contract[0], x.contract[1]}, (int[]){y.contract[0], y.contract[1]});
    if (q == p && batch) with = ir_pairs(1, (int[]){x.batch[0]}, (int[]){x.batch[0]});
    ir_report(c->m, c->f, arena_printf(c->arena, "y%d", number), ir_dot(b, p, q, with, over, ir_no_axes()));
}

static void random_products(Case *c, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u;
    c->m = ir_module(c->arena, IR_F32);
    c->f = ir_fn(c->m, "products", IR_FN_INIT);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    for (int i = 0; i < 6; i++) random_product(c, &b, &state, i);
}

/* ---- convolutions ----------------------------------------------------------------------------------------------- */

typedef struct Images { IrInts dims; uint8_t window[3], batch[1], contract[1], free[1]; } Images;      /* as Operand */

static void put_at(Images *o, uint8_t at, int64_t extent, uint8_t *role)
{
    uint8_t *all[] = {o->window, o->window + 1, o->window + 2, o->batch, o->contract, o->free};
    for (int i = o->dims.n++; i > at; i--) o->dims.v[i] = o->dims.v[i - 1];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) *all[i] += *all[i] >= at;
    o->dims.v[at] = extent;
    *role = at;
}

static void put_last(Images *o, int64_t extent, uint8_t *role) { put_at(o, o->dims.n, extent, role); }

static void put_role(Images *o, uint64_t *state, int64_t extent, uint8_t *role)
{
    put_at(o, (uint8_t)(PICK(state, 0, 0, 1) ? o->dims.n : PICK(state, 0, 1, 2, 3) % (o->dims.n + 1)), extent, role);
}

static IrVal *squares(IrBuilder *b, IrVal *y)
{
    int64_t all[IR_MAX_RANK];
    for (int i = 0; i < y->type.rank; i++) all[i] = i;
    return ir_sum_over(b, ir_sum(b, ir_mul(b, y, y), ir_ints(y->type.rank, all)), y->type.axes);
}

/* The elements of v in another order, which is no strides. */
static IrVal *out_of_order(IrBuilder *b, IrVal *v)
{
    IrInts back = {.n = v->type.rank};
    for (int i = 0; i < back.n; i++) back.v[i] = back.n - 1 - i;
    return ir_reshape(b, ir_transpose(b, v, back), ir_dims_of(&v->type));
}

/* A convolution with a kernel that has no samples, of images or (axis -1) of one, of any layout; what an activation makes of it; its derivatives, first and second. */
static void random_conv(Case *c, IrBuilder *b, uint64_t *state, int axis, int number)
{
    IrElem   t = PICK(state, 0, 0, 0, 1) ? IR_F64 : IR_F32;
    Images   x = {0}, w = {0};
    int      n = (int)PICK(state, 1, 2, 2, 2, 3);
    bool     group = PICK(state, 0, 0, 0, 1), small = n == 3 || group, packed = !small && PICK(state, 0, 0, 1);
    bool     one = axis < 0;
    int64_t  channels = one ? PICK(state, 1, 2, 17, 33) : packed ? 33 : PICK(state, 0, 1, 1, 2, 3, 5, 33), filters = one ? PICK(state, 1, 16, 17, 33, 49) : packed ? 130 : small ? PICK(state, 1, 2, 5) : PICK(state, 0, 1, 1, 2, 6, 7, 12, 13, 25, 33);
    IrWindow window[3];
    for (int i = 0; i < n; i++) {
        put_role(&x, state, n == 1 ? PICK(state, 0, 1, 7, 16, 29) : PICK(state, 1, 2, 5, 7, 8), &x.window[i]);
        put_role(&w, state, PICK(state, 0, 1, 2, 3, 3, 4, 9) % (n == 1 ? 10 : 5), &w.window[i]);
    }
    put_role(&x, state, channels, &x.contract[0]);
    put_role(&w, state, channels, &w.contract[0]);
    if (packed) put_last(&w, filters, &w.free[0]);          /* its rows lie across memory */
    else put_role(&w, state, filters, &w.free[0]);
    if (PICK(state, 0, 0, 0, 1)) put_role(&x, state, PICK(state, 1, 2, 3), &x.free[0]);
    if (group) {
        int64_t groups = PICK(state, 1, 2, 3);
        put_role(&x, state, groups, &x.batch[0]);
        put_role(&w, state, groups, &w.batch[0]);
    }
    for (int i = 0; i < n; i++)
        window[i] = (IrWindow){.a = x.window[i], .b = w.window[i], .stride = PICK(state, 1, 1, 2, 3), .dil_a = PICK(state, 1, 1, 2, 2, 3, 4),
                               .dil_b = PICK(state, 1, 1, 1, 2, 3, 4), .lo = PICK(state, 0, 0, 1, 2, 4, -1), .hi = PICK(state, 0, 0, 1, 2, 4, -1)};
    IrVal *k = ir_read(b, ir_slot(c->m, arena_printf(c->arena, "k%d", number), ir_type(t, ir_no_axes(), w.dims), IR_SLOT_PARAM, NULL));
    IrVal *a = ir_normal(b, ir_stream(c->m, arena_printf(c->arena, "a%d", number)), ir_type(t, one ? ir_no_axes() : ir_one_axis(axis), x.dims));
    if (PICK(state, 0, 1)) a = ir_tanh(b, a);
    if (PICK(state, 0, 0, 0, 1)) a = out_of_order(b, a);
    IrVal *y = ir_conv(b, a, k, ir_pairs(group, (int[]){x.batch[0]}, (int[]){w.batch[0]}), window, n, ir_pairs(1, (int[]){x.contract[0]}, (int[]){w.contract[0]}), ir_no_axes());
    if (ir_axes_size(c->m, y->type.axes) * ir_dims_size(&y->type) > 100000) return;
    IrVal *h = ir_max(b, ir_add(b, y, ir_const(b, t, 0.5)), ir_const(b, t, 0)), *loss = squares(b, h), *wrt[] = {a, k}, *g[2], *gg[2];
    ir_report(c->m, c->f, arena_printf(c->arena, "h%d", number), h);
    if (!grad_reverse(b, &loss, NULL, 1, wrt, 2, g, NULL)) return;
    for (int i = 0; i < 2; i++)
        if (g[i]) ir_report(c->m, c->f, arena_printf(c->arena, "g%d.%d", number, i), g[i]);
    if (!g[0] || PICK(state, 0, 1)) return;
    IrVal *slope = squares(b, g[0]);
    if (grad_reverse(b, &slope, NULL, 1, wrt + 1, 1, gg, NULL) && gg[0]) ir_report(c->m, c->f, arena_printf(c->arena, "gg%d", number), gg[0]);
}

static void some_convs(Case *c, uint64_t seed, bool one)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u;
    c->m = ir_module(c->arena, IR_F32);
    c->f = ir_fn(c->m, "convs", IR_FN_INIT);
    c->f->tick_slot = ir_slot(c->m, "tick", ir_scalar(IR_I64), IR_SLOT_COUNTER, NULL);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    int axis = ir_axis(c->m, "p", PICK(&state, 0, 1, 15, 16, 17, 33, 64, 130, 130));
    for (int i = 0; i < 3; i++) random_conv(c, &b, &state, one ? -1 : axis, i);
    ir_commit(c->m, c->f, c->f->tick_slot, ir_add(&b, ir_read(&b, c->f->tick_slot), ir_const(&b, IR_I64, 1)));
}

static void random_convs(Case *c, uint64_t seed) { some_convs(c, seed, false); }
static void convs_of_one(Case *c, uint64_t seed) { some_convs(c, seed, true); }

/* What is the same at all places of all samples, as a gain of channels is. */
static IrVal *of_channels(Case *c, IrBuilder *b, const char *name, IrVal *x)
{
    IrInts all = ir_dims_of(&x->type);
    int64_t last = all.n - 1;
    return ir_broadcast(b, ir_read(b, ir_slot(c->m, name, ir_type(x->type.elem, ir_no_axes(), ir_ints(1, all.v + last)), IR_SLOT_PARAM, NULL)), all, ir_ints(1, &last));
}

/* The mean of all places of all samples, by way of each sample's. */
static IrVal *batch_mean(IrBuilder *b, IrVal *x, int axis)
{
    IrInts all = ir_dims_of(&x->type), places = {.n = all.n - 1, .v = {0, 1}};
    int64_t last = all.n - 1, n = 1;
    for (int i = 0; i < places.n; i++) n *= all.v[i];
    IrVal *of_sample = ir_div(b, ir_sum(b, x, places), ir_const(b, x->type.elem, (double)n));
    IrVal *m = ir_div(b, ir_sum_over(b, of_sample, ir_one_axis(axis)), ir_const(b, x->type.elem, (double)ir_extent(b->m, axis)));
    return ir_broadcast(b, m, all, ir_ints(1, &last));
}

/* A batch that is normalised, as it stands in a net: behind rows of its channels, in front of more of them; its derivatives. */
static void normalised(Case *c, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u;
    c->m = ir_module(c->arena, IR_F32);
    c->f = ir_fn(c->m, "normalised", IR_FN_INIT);
    c->f->tick_slot = ir_slot(c->m, "tick", ir_scalar(IR_I64), IR_SLOT_COUNTER, NULL);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    IrElem t = PICK(&state, 0, 0, 0, 1) ? IR_F64 : IR_F32;
    int    axis = ir_axis(c->m, "p", PICK(&state, 1, 15, 16, 17, 64, 130));
    IrInts dims = {.n = (int)PICK(&state, 2, 3, 3), .v = {PICK(&state, 1, 2, 5, 17), PICK(&state, 1, 3, 16), PICK(&state, 1, 5, 16, 33)}};
    IrVal *x = ir_normal(&b, ir_stream(c->m, "x"), ir_type(t, ir_one_axis(axis), dims)), *wrt[3], *g[3];
    if (PICK(&state, 0, 1)) x = ir_tanh(&b, x);
    IrVal *y = wrt[0] = of_channels(c, &b, "w", x), *gain = wrt[1] = of_channels(c, &b, "gain", x), *shift = wrt[2] = of_channels(c, &b, "shift", x);
    y = ir_add(&b, ir_mul(&b, x, y), ir_const(&b, t, 0.25));
    IrVal *centred = ir_sub(&b, y, batch_mean(&b, y, axis)), *square = ir_mul(&b, centred, centred);
    IrVal *spread = ir_sqrt(&b, ir_add(&b, batch_mean(&b, square, axis), ir_const(&b, t, 1e-3)));
    IrVal *z = ir_max(&b, ir_add(&b, ir_div(&b, ir_mul(&b, gain, centred), spread), shift), ir_const(&b, t, 0)), *loss = squares(&b, z);
    ir_report(c->m, c->f, "z", z);
    if (PICK(&state, 0, 0, 1)) ir_report(c->m, c->f, "centred", centred);
    if (grad_reverse(&b, &loss, NULL, 1, wrt, 3, g, NULL))
        for (int i = 0; i < 3; i++)
            if (g[i]) ir_report(c->m, c->f, arena_printf(c->arena, "g%d", i), ir_sum(&b, g[i], (IrInts){.n = dims.n - 1, .v = {0, 1}}));
    ir_commit(c->m, c->f, c->f->tick_slot, ir_add(&b, ir_read(&b, c->f->tick_slot), ir_const(&b, IR_I64, 1)));
}

/* Samples that a draw or a row on it made, of one axis and now and then another. */
static IrVal *samples(Case *c, IrBuilder *b, uint64_t *state, IrElem t, int axis, int other, const Operand *o, int number)
{
    IrAxes axes = PICK(state, 0, 0, 1) ? ir_axes_add(ir_one_axis(axis), other) : ir_one_axis(axis);
    IrVal *x = ir_normal(b, ir_stream(c->m, arena_printf(c->arena, "s%d", number)), ir_type(t, axes, o->dims));
    return PICK(state, 0, 1) ? ir_tanh(b, x) : x;
}

/* Products of matrices that are in no near cache: parts of a long chain by tiles of as many rows as divide what there is, and its last part, too. */
static void long_chains(Case *c, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u;
    IrElem   t = PICK(&state, 0, 0, 1) ? IR_F64 : IR_F32;
    int64_t  k = PICK(&state, 8192, 8200, 16411), rows = PICK(&state, 16, 17, 21, 24, 25, 48), lanes = PICK(&state, 16, 32, 48, 64, 80, 144), last = PICK(&state, 0, 1);
    c->m = ir_module(c->arena, IR_F32);
    c->f = ir_fn(c->m, "long", IR_FN_INIT);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    IrVal *x = ir_normal(&b, ir_stream(c->m, "x"), ir_type(t, ir_no_axes(), ir_ints(2, (int64_t[]){k, rows})));
    IrVal *y = ir_normal(&b, ir_stream(c->m, "y"), ir_type(t, ir_no_axes(), ir_ints(2, (int64_t[]){k, lanes})));
    IrPairs first = ir_pairs(1, (int[]){0}, (int[]){0});
    ir_report(c->m, c->f, "z", last ? ir_dot(&b, x, y, ir_no_pairs(), first, ir_no_axes()) : ir_dot(&b, y, x, ir_no_pairs(), first, ir_no_axes()));
}

/* A product of samples with samples of another axis, which now and then are the same ones. */
static void random_pair(Case *c, IrBuilder *b, uint64_t *state, const int *axis, int number)
{
    IrElem  t = PICK(state, 0, 0, 0, 1) ? IR_F64 : IR_F32;
    Operand x = {0}, y = {0};
    int     contract = (int)PICK(state, 0, 1, 1, 1, 2);
    for (int i = 0; i < contract; i++) {
        int64_t k = i ? 3 : PICK(state, 0, 1, 2, 5, 16, 33);
        put_dim(&x, state, k, &x.contract[i]);
        put_dim(&y, state, k, &y.contract[i]);
    }
    if (PICK(state, 0, 0, 0, 1)) put_dim(&x, state, PICK(state, 1, 2, 3, 7), &x.free[0]);
    if (PICK(state, 0, 0, 0, 1)) put_dim(&y, state, PICK(state, 1, 2, 3, 7), &y.free[0]);
    IrVal *p = samples(c, b, state, t, axis[0], axis[2], &x, 2 * number), *q;
    if (PICK(state, 0, 1)) {                                /* axis 3 has the extent of axis 0 */
        y = x;
        q = ir_as_sample(b, ir_as_feature(b, p, axis[0]), axis[3]);
    } else q = samples(c, b, state, t, axis[1], axis[2], &y, 2 * number + 1);
    int     px[] = {x.contract[0], x.contract[1]}, py[] = {y.contract[0], y.contract[1]};
    IrVal  *s = PICK(state, 0, 1) ? ir_dot(b, p, q, ir_no_pairs(), ir_pairs(contract, px, py), ir_no_axes())
                                  : ir_dot(b, q, p, ir_no_pairs(), ir_pairs(contract, py, px), ir_no_axes());
    ir_report(c->m, c->f, arena_printf(c->arena, "y%d", number), s);
    ir_report(c->m, c->f, arena_printf(c->arena, "z%d", number), ir_sum_over(b, ir_tanh(b, s), s->type.axes));
}

static void random_pairs(Case *c, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u;
    int64_t  first = tile_edge(&state), extent[] = {first, tile_edge(&state), PICK(&state, 1, 2, 3, 17), first};
    int      axis[4], place = (int)PICK(&state, 0, 1, 2, 3);
    c->m = ir_module(c->arena, IR_F32);
    for (int i = 0; i < 4; i++) {                           /* the first axis declared that is wide enough has the lanes */
        int which = (i + place) % 4;
        axis[which] = ir_axis(c->m, arena_printf(c->arena, "a%d", which), extent[which]);
    }
    c->f = ir_fn(c->m, "pairs", IR_FN_INIT);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    for (int i = 0; i < 4; i++) random_pair(c, &b, &state, axis, i);
}

/* A product of samples with matrices of their own, of any layout; now and then a dim of both becomes an axis, or an axis a dim of both. */
static void random_own(Case *c, IrBuilder *b, uint64_t *state, const int *axis, int number)
{
    IrElem  t = PICK(state, 0, 0, 0, 1) ? IR_F64 : IR_F32;
    Operand x = {0}, y = {0}, *both[] = {&x, &y};
    int64_t k = PICK(state, 0, 1, 2, 5, 16, 33), n = PICK(state, 1, 2, 3);
    int     batch = PICK(state, 0, 0, 0, 1) != 0, how = (int)PICK(state, 0, 0, 1, 2);
    IrAxes  axes = how == 2 ? ir_axes_add(ir_one_axis(axis[0]), axis[1]) : ir_one_axis(axis[0]);
    IrVal  *v[2];
    for (int i = 0; i < 2; i++) {
        put_dim(both[i], state, k, both[i]->contract);
        for (int j = (int)PICK(state, 0, 1, 1, 1, 2); j > 0; j--) put_dim(both[i], state, PICK(state, 1, 2, 3, 4, 5, 7, 12, 17), &both[i]->free[j - 1]);
        if (batch) put_dim(both[i], state, n, both[i]->batch);
        IrInts dims = both[i]->dims;
        if (how == 1) {                                     /* a first dim is to be an axis */
            for (int d = dims.n++; d > 0; d--) dims.v[d] = dims.v[d - 1];
            dims.v[0] = ir_extent(c->m, axis[1]);
        }
        v[i] = ir_normal(b, ir_stream(c->m, arena_printf(c->arena, "s%d", 2 * number + i)), ir_type(t, axes, dims));
        if (PICK(state, 0, 1)) v[i] = PICK(state, 0, 1) ? ir_tanh(b, v[i]) : ir_add(b, v[i], ir_const(b, t, 1));
        if (how == 1) v[i] = ir_as_sample(b, v[i], axis[1]);
        if (how == 2) v[i] = ir_as_feature(b, v[i], axis[1]);
    }
    int     first = how == 2, meet = how == 2 && PICK(state, 0, 1), moved = meet || batch;      /* the axis is met, or a free dim of both */
    int     bx[] = {meet ? 0 : x.batch[0] + first}, by[] = {meet ? 0 : y.batch[0] + first}, kx[] = {x.contract[0] + first}, ky[] = {y.contract[0] + first};
    IrPairs with = moved ? ir_pairs(1, bx, by) : ir_no_pairs();
    if (ir_dims_size(&v[0]->type) * ir_dims_size(&v[1]->type) > 300000) return;
    ir_report(c->m, c->f, arena_printf(c->arena, "y%d", number), ir_dot(b, v[0], v[1], with, ir_pairs(1, kx, ky), ir_no_axes()));
}

static void random_owns(Case *c, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u;
    int      axis[2] = {0};
    c->m = ir_module(c->arena, IR_F32);
    axis[0] = ir_axis(c->m, "p", PICK(&state, 0, 1, 5, 15, 16, 17, 33, 70));
    axis[1] = ir_axis(c->m, "q", PICK(&state, 1, 2, 3, 7));
    c->f = ir_fn(c->m, "own", IR_FN_INIT);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    for (int i = 0; i < 3; i++) random_own(c, &b, &state, axis, i);
}

/* A product over all samples of two or three axes, the first of few samples now and then: with dims of any layout, and draws or what a row made of them. */
static void random_product_over(Case *c, IrBuilder *b, uint64_t *state, IrAxes axes, int number)
{
    IrElem  t = PICK(state, 0, 0, 0, 1) ? IR_F64 : IR_F32;
    Operand x = {0}, y = {0}, *both[] = {&x, &y};
    int     batch = PICK(state, 0, 0, 0, 1) != 0, contract = (int)PICK(state, 0, 0, 1);
    IrVal  *v[2];
    int64_t k = PICK(state, 1, 2, 5), n = PICK(state, 1, 3);
    for (int i = 0; i < 2; i++) {
        put_dim(both[i], state, PICK(state, 15, 16, 17, 33, 40), &both[i]->free[0]);
        if (PICK(state, 0, 0, 1)) put_dim(both[i], state, PICK(state, 1, 2), &both[i]->free[1]);
        if (contract) put_dim(both[i], state, k, both[i]->contract);
        if (batch) put_dim(both[i], state, n, both[i]->batch);
        v[i] = ir_normal(b, ir_stream(c->m, arena_printf(c->arena, "s%d", 2 * number + i)), ir_type(t, axes, both[i]->dims));
        if (PICK(state, 0, 1)) v[i] = ir_tanh(b, v[i]);
    }
    IrPairs with = ir_pairs(batch, (int[]){x.batch[0]}, (int[]){y.batch[0]}), over = ir_pairs(contract, (int[]){x.contract[0]}, (int[]){y.contract[0]});
    ir_report(c->m, c->f, arena_printf(c->arena, "y%d", number), ir_dot(b, v[0], v[1], with, over, axes));
}

static void random_products_over(Case *c, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u;
    IrAxes   axes = ir_no_axes();
    c->m = ir_module(c->arena, IR_F32);
    axes = ir_axes_add(axes, ir_axis(c->m, "few", PICK(&state, 0, 1, 1, 2, 5, 15, 16, 17, 40)));
    axes = ir_axes_add(axes, ir_axis(c->m, "row", PICK(&state, 1, 3, 16, 17, 32, 33)));
    if (PICK(&state, 0, 0, 1)) axes = ir_axes_add(axes, ir_axis(c->m, "other", PICK(&state, 1, 2, 17)));
    c->f = ir_fn(c->m, "over", IR_FN_INIT);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    for (int i = 0; i < 3; i++) random_product_over(c, &b, &state, axes, i);
}

/* Rows over all pairs of what two axes have, up to more than are made again at once, and who reads them: reductions along dims and along the
 * other axis, a product with itself or another, sums over samples, rows, and now and then one that wants them in memory. */
static IrVal *pair_row(IrBuilder *b, uint64_t *state, IrVal *v, IrVal *x, IrVal *y)
{
    switch (PICK(state, 0, 1, 2, 3, 4, 5)) {
    case 0: return ir_sub(b, v, y);
    case 1: return ir_mul(b, v, x);
    case 2: return ir_add(b, v, v);
    case 3: return ir_neg(b, v);
    case 4: return ir_mul(b, v, v);
    default: return ir_abs(b, v);
    }
}

static IrVal *read_pairs(IrBuilder *b, uint64_t *state, IrVal *v, IrVal *other, int axis)
{
    IrPairs first = ir_pairs(1, (int[]){0}, (int[]){0});
    IrInts  dim = ir_ints(1, (int64_t[]){0});
    switch (PICK(state, 0, 1, 2, 3, 4, 5, 6, 7, 8)) {
    case 0: return ir_dot(b, v, v, ir_no_pairs(), first, ir_no_axes());
    case 1: return ir_dot(b, v, other, ir_no_pairs(), first, ir_no_axes());
    case 2: return ir_sum(b, v, dim);
    case 3: return ir_norm(b, v, dim);
    case 4: return ir_reduce_max(b, v, 0);
    case 5: return ir_sum_over(b, v, ir_one_axis(axis));
    case 6: return ir_sum_over(b, ir_mul(b, v, other), v->type.axes);
    case 7: return ir_cumsum(b, v, 0, false, false);
    default: return ir_tanh(b, v);
    }
}

static void random_streams(Case *c, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u;
    int64_t  first = PICK(&state, 1, 15, 16, 17, 33, 48, 65), extent[] = {first, PICK(&state, 3, 16, 17, 40, 64), first};
    int64_t  dims[] = {PICK(&state, 5, 8, 16, 33, 100)};
    IrElem   t = PICK(&state, 0, 0, 0, 1) ? IR_F64 : IR_F32;
    int      axis[3], place = (int)PICK(&state, 0, 1, 2);
    c->m = ir_module(c->arena, IR_F32);
    for (int i = 0; i < 3; i++) {
        int which = (i + place) % 3;
        axis[which] = ir_axis(c->m, arena_printf(c->arena, "a%d", which), extent[which]);
    }
    c->f = ir_fn(c->m, "streams", IR_FN_INIT);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    IrVal *x = ir_tanh(&b, ir_normal(&b, ir_stream(c->m, "x"), ir_type(t, ir_one_axis(axis[0]), ir_ints(1, dims))));
    IrVal *y = PICK(&state, 0, 1) ? ir_as_sample(&b, ir_as_feature(&b, x, axis[0]), axis[2])
                                  : ir_normal(&b, ir_stream(c->m, "y"), ir_type(t, ir_one_axis(axis[1]), ir_ints(1, dims)));
    IrVal *v = ir_sub(&b, x, y), *before = v;
    for (int i = (int)PICK(&state, 0, 0, 1, 2, 3); i > 0; i--) {
        before = v;
        v = pair_row(&b, &state, v, x, y);
    }
    for (int i = 0, n = (int)PICK(&state, 1, 2, 3); i < n; i++)
        ir_report(c->m, c->f, arena_printf(c->arena, "r%d", i), read_pairs(&b, &state, v, before, v->type.axes.id[PICK(&state, 0, 1)]));
    if (PICK(&state, 0, 0, 0, 1)) ir_report(c->m, c->f, "v", v);
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

typedef void Make(Case *c, uint64_t seed);

/* What is made of a seed; its reports are its own, or with `probe` >= 0 those of the rows of its body: all of them
 * (ALL_VALUES), or the results of row `probe` alone. */
enum { AS_IT_IS = -1, ALL_VALUES = -2 };

static Case *new_case(Make *make, uint64_t seed, int probe)
{
    Arena *a = arena_new();
    Case  *c = arena_new_of(a, Case);
    c->arena = a;
    make(c, seed);
    if (probe != AS_IT_IS) {
        int row = 0;
        c->f->reports.n = 0;
        c->lowered = NULL;
        if (probe >= 0) c->f->commits.n = 0;
        for (IrNode *n = c->f->body.first; n; n = n->next, row++)
            for (int i = 0; i < n->n_results && (probe == ALL_VALUES || probe == row); i++)
                ir_report(c->m, c->f, arena_printf(a, "%d.%d", row, i), &n->result[i]);
    }
    add_slots(c, seed);
    add_functions(c);
    return c;
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

typedef struct Side {                                       /* one engine's state and outputs */
    GanState  state;
    void    **out;
    GanStatus status;
    GanError  error;
} Side;

static Side new_side(Case *c, uint64_t seed)
{
    Side s = {.state = {.bytes = c->program.state_bytes, .data = c->data, .seed = seed}};
    char *base = arena_alloc(c->arena, s.state.bytes + 2 * ALIGN);
    s.state.base = base + (ALIGN - (uintptr_t)base % ALIGN);
    for (int i = 0; i < c->program.n_slots; i++)
        if (c->program.slot[i].kind != GAN_DATA) ir_random_fill(&c->m->slots.v[i], seed + (uint64_t)i, s.state.base + c->program.slot[i].offset);
    s.out = arena_array(c->arena, void *, c->f->reports.n + 1);
    for (int i = 0; i < c->f->reports.n; i++) s.out[i] = arena_alloc(c->arena, (size_t)interp_type_bytes(c->m, &c->f->reports.v[i].val->type) + ALIGN);
    return s;
}

/* The first element whose bits differ, two NaN being equal; -1: none. */
static int64_t first_difference(const Case *c, const IrType *t, const void *a, const void *b)
{
    size_t  each = ir_elem_bytes(t->elem), bytes = (size_t)interp_type_bytes(c->m, t);
    if (!memcmp(a, b, bytes)) return -1;
    for (int64_t i = 0; i < (int64_t)(bytes / each); i++) {
        if (!memcmp((const char *)a + (size_t)i * each, (const char *)b + (size_t)i * each, each)) continue;
        if (!(isnan(interp_number(t->elem, a, i)) && isnan(interp_number(t->elem, b, i)))) return i;
    }
    return -1;
}

typedef struct Difference {
    bool          found;
    const char   *failure;                                  /* one engine's message, in the case's arena; no number then */
    int           run, report, slot;                        /* -1: not this one */
    int64_t       element;
    double        interp, jit;
} Difference;

static Difference difference(const Case *c, const Side *a, const Side *b, int run)
{
    for (int i = 0; i < c->f->reports.n; i++) {
        const IrType *t = &c->f->reports.v[i].val->type;
        int64_t       at = first_difference(c, t, a->out[i], b->out[i]);
        if (at >= 0) return (Difference){true, NULL, run, i, -1, at, interp_number(t->elem, a->out[i], at), interp_number(t->elem, b->out[i], at)};
    }
    for (int i = 0; i < c->program.n_slots; i++) {
        const GanSlot *s = &c->program.slot[i];
        const IrType  *t = &c->m->slots.v[i].type;
        if (s->kind == GAN_DATA) continue;
        const char *x = a->state.base + s->offset, *y = b->state.base + s->offset;
        int64_t     at = first_difference(c, t, x, y);
        if (at >= 0) return (Difference){true, NULL, run, -1, i, at, interp_number(t->elem, x, at), interp_number(t->elem, y, at)};
    }
    return (Difference){0};
}

static Difference failure(const Case *c, const GanError *err) { return (Difference){.found = true, .failure = arena_str(c->arena, err->message)}; }

static void run_one(GanEngine *e, Side *s) { s->status = e->run(e->self, 0, &s->state, s->out, &s->error); }

static void *slot_of(const Case *c, const Side *s, int i)
{
    const GanSlot *slot = &c->program.slot[i];
    return slot->kind == GAN_DATA ? (void *)c->data[slot->offset] : s->state.base + slot->offset;
}

/* The interpreter's first run, after the passes, against the function as it was before them. */
static Difference against_lowered(Case *c, const Side *after, uint64_t seed)
{
    if (!c->lowered || after->status) return (Difference){0};
    Side         before = new_side(c, seed);
    void       **slot = arena_array(c->arena, void *, c->program.n_slots + 1), **commit = arena_array(c->arena, void *, c->f->commits.n + 1);
    InterpBeyond d;
    GanError     err = {0};
    for (int i = 0; i < c->program.n_slots; i++) slot[i] = slot_of(c, &before, i);
    for (int i = 0; i < c->f->commits.n; i++) commit[i] = slot_of(c, after, c->f->commits.v[i].slot);
    cr_assert_eq(interp_beyond_rounding(c->lowered, &(InterpMemory){.slot = slot, .seed = seed}, after->out, commit, false, &d, &err), GAN_OK, "%s", err.message);
    if (!d.found) return (Difference){0};
    const char *name = d.report >= 0 ? c->f->reports.v[d.report].name : c->program.slot[c->f->commits.v[d.commit].slot].path;
    gan_error(&err, GAN_WORLD, "the passes change \"%s\", element %ld: %.17g, not %.17g within %.3g", name, (long)d.element, d.other, d.lowered, d.allowed);
    return failure(c, &err);
}

static GanStatus compiled_engine(const Case *c, uint64_t seed, int threads, PlanOptions plan, GanEngine *out, GanError *err)
{
    static const int rows[] = {2, 6, 12};
    JitOptions     options = {.threads = threads, .plan = plan, .c_text = getenv("GAN_C_TEXT") != NULL, .cpu = getenv("GAN_CPU")};
    CheckedOptions checked = {threads, plan, rows[seed % 3], seed, NULL};
    return getenv("GAN_CHECKER") ? checked_engine_new(c->m, &c->program, &checked, out, err) : jit_engine_new(c->m, &c->program, &options, out, err);
}

/* Both engines RUNS times from the same state. GAN_C_TEXT, GAN_CPU, GAN_CHECKER: see the top. */
static Difference compare(Case *c, uint64_t seed, int threads, PlanOptions plan)
{
    GanEngine  interp, jit;
    GanError   err = {0};
    Difference d = {0};
    cr_assert_eq(interp_engine_new(c->m, &c->program, &interp, &err), GAN_OK, "seed %lu: %s", (unsigned long)seed, err.message);
    if (compiled_engine(c, seed, threads, plan, &jit, &err) != GAN_OK) {
        interp.free(interp.self);
        return failure(c, &err);
    }
    Side a = new_side(c, seed), b = new_side(c, seed);
    for (int run = 0; run < RUNS && !d.found; run++) {
        run_one(&interp, &a);
        run_one(&jit, &b);
        d = a.status ? failure(c, &a.error) : b.status ? failure(c, &b.error) : difference(c, &a, &b, run);
        if (run == 0 && !d.found) d = against_lowered(c, &a, seed);
    }
    interp.free(interp.self);
    jit.free(jit.self);
    return d;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static void print_difference(const Case *c, const Difference *d)
{
    if (d->failure) {
        fprintf(stderr, "  %s\n", d->failure);
        return;
    }
    const char *what = d->report >= 0 ? c->f->reports.v[d->report].name : c->program.slot[d->slot].path;
    fprintf(stderr, "  %s \"%s\", element %ld, run %d: interpreter %.17g, compiled %.17g\n", d->report >= 0 ? "report" : "slot", what,
            (long)d->element, d->run, d->interp, d->jit);
}

static void print_row(const Case *c, int report)
{
    const IrNode *n = c->f->reports.v[report].val->def;
    Text          t = text_in(c->arena);
    ir_print_type(c->m, &c->f->reports.v[report].val->type, &t);
    fprintf(stderr, "  first row that differs: number %s, %s : %s, of", c->f->reports.v[report].name, ir_op_info[n->op].name, text_str(&t));
    for (int i = 0; i < n->n_args; i++) {
        Text u = text_in(c->arena);
        ir_print_type(c->m, &n->arg[i]->type, &u);
        fprintf(stderr, " %s (%s)", text_str(&u), n->arg[i]->def ? ir_op_info[n->arg[i]->def->op].name : "parameter");
    }
    fprintf(stderr, "\n");
}

static int rows_of(const Case *c)
{
    int rows = 0;
    for (const IrNode *n = c->f->body.first; n; n = n->next) rows++;
    return rows;
}

static bool probe(Make *make, uint64_t seed, int threads, PlanOptions plan, int which)
{
    Case      *c = new_case(make, seed, which);
    Difference d = compare(c, seed, threads, plan);
    bool here = d.found && !d.failure && d.report >= 0;
    if (here) {
        print_row(c, d.report);
        print_difference(c, &d);
    }
    arena_free(c->arena);
    return here;
}

static void find_row(Make *make, uint64_t seed, int threads, PlanOptions plan, int rows)
{
    if (probe(make, seed, threads, plan, ALL_VALUES)) return;
    for (int row = 0; row < rows; row++)
        if (probe(make, seed, threads, plan, row)) return;
    fprintf(stderr, "  no value differs when it is kept: the defect lies in how the function is fused\n");
}

static void print_plan(PlanOptions plan)
{
    for (int i = 0; i < PLAN_DECISIONS; i++)
        if (plan.without & 1u << i) fprintf(stderr, " no-%s", plan_decision_name(i));
}

static void tell(const Case *c, Make *make, uint64_t seed, int threads, PlanOptions plan, const Difference *d)
{
    Text t = text_in(c->arena);
    ir_print(c->m, &t);
    fprintf(stderr, "\nseed %lu, %d threads", (unsigned long)seed, threads);
    print_plan(plan);
    fprintf(stderr, ":\n%s", text_str(&t));
    print_difference(c, d);
    if (!d->failure) find_row(make, seed, threads, plan, rows_of(c));
}

/* ---- the test --------------------------------------------------------------------------------------------------- */

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *s = getenv(name);
    return s && *s ? strtoull(s, NULL, 10) : otherwise;
}

/* Of the extents that a test goes through: each, or where few programs are asked for every third. A plan without a decision: every other time. */
static size_t stride(void) { return setting("GAN_RANDOM_PROGRAMS", 80) < 50 ? 3 : 1; }
static int    plans(size_t i) { return 1 + (int)(i % 2); }

typedef PlanOptions PlanOf(uint64_t seed);

static PlanOptions every_decision(uint64_t seed) { return (void)seed, (PlanOptions){0}; }
static PlanOptions without_one(uint64_t seed) { return (PlanOptions){.without = 1u << seed % PLAN_DECISIONS}; }
static PlanOptions without_several(uint64_t seed)
{
    return (PlanOptions){.without = (unsigned)(seed * 0x9e3779b97f4a7c15u >> 40) & ((1u << PLAN_DECISIONS) - 1)};
}

static PlanOptions by_kernels(uint64_t seed) { return (PlanOptions){.near = 1, .wide = seed % 2}; }  /* all matrices are far */

static void compare_many(Make *make, uint64_t n, PlanOf *plan_of)
{
    static const int threads_of[] = {1, 2, 3, 8};
    uint64_t first = setting("GAN_RANDOM_SEED", 1);
    int      wrong = 0;
    for (uint64_t seed = first; seed < first + n; seed++) {
        if (getenv("GAN_RANDOM_SEED")) fprintf(stderr, "seed %lu\n", (unsigned long)seed);
        Case      *c = new_case(make, seed, AS_IT_IS);
        int        threads = threads_of[seed / 4 % 4];
        PlanOptions plan = plan_of(seed);
        Difference d = compare(c, seed, threads, plan);
        if (d.found && ++wrong <= MOST_PRINTED) tell(c, make, seed, threads, plan, &d);
        else if (d.found) fprintf(stderr, "seed %lu, %d threads\n", (unsigned long)seed, threads);
        arena_free(c->arena);
    }
    cr_assert_eq(wrong, 0, "%d of %lu differ", wrong, (unsigned long)n);
}

Test(engines, random_programs) { compare_many(random_function, setting("GAN_RANDOM_PROGRAMS", 80), every_decision); }
Test(engines, random_networks) { compare_many(random_network, (setting("GAN_RANDOM_PROGRAMS", 80) + 9) / 10, every_decision); }

/* At the edges of tiles, of every layout, as tiles and one element at a time. */
Test(engines, random_products) { compare_many(random_products, setting("GAN_RANDOM_PROGRAMS", 80) / 4, every_decision); }
Test(engines, random_pairs) { compare_many(random_pairs, setting("GAN_RANDOM_PROGRAMS", 80) / 5, every_decision); }
Test(engines, long_chains) { compare_many(long_chains, setting("GAN_RANDOM_PROGRAMS", 80) / 8, every_decision); }
Test(engines, random_owns) { compare_many(random_owns, setting("GAN_RANDOM_PROGRAMS", 80) / 4, every_decision); }
Test(engines, random_products_over) { compare_many(random_products_over, setting("GAN_RANDOM_PROGRAMS", 80) / 4, every_decision); }
Test(engines, random_convs) { compare_many(random_convs, setting("GAN_RANDOM_PROGRAMS", 80) / 2, every_decision); }
Test(engines, normalised) { compare_many(normalised, setting("GAN_RANDOM_PROGRAMS", 80) / 2, every_decision); }
Test(engines, convs_of_one) { compare_many(convs_of_one, setting("GAN_RANDOM_PROGRAMS", 80) / 2, every_decision); }
Test(engines, convs_without_several) { compare_many(random_convs, setting("GAN_RANDOM_PROGRAMS", 80) / 8 + 1, without_several); }
Test(engines, products_without_several) { compare_many(random_products, setting("GAN_RANDOM_PROGRAMS", 80) / 12 + 1, without_several); }
Test(engines, pairs_without_several) { compare_many(random_pairs, setting("GAN_RANDOM_PROGRAMS", 80) / 12 + 1, without_several); }
Test(engines, networks_by_kernels) { compare_many(random_network, (setting("GAN_RANDOM_PROGRAMS", 80) + 9) / 10, by_kernels); }
Test(engines, products_by_kernels) { compare_many(random_products, setting("GAN_RANDOM_PROGRAMS", 80) / 8 + 1, by_kernels); }

static int times_taken(const Case *c, PlanOptions plan, PlanDecision d)
{
    KValues values = {0};
    char    why[512];
    KPlan  *p = kernel_plan(c->arena, c->m, c->f, plan, &values, why);
    cr_assert(p, "%s", why);
    return p->did[d];
}

Test(engines, random_streams) { compare_many(random_streams, setting("GAN_RANDOM_PROGRAMS", 80) / 4, every_decision); }
Test(engines, streams_without_several) { compare_many(random_streams, setting("GAN_RANDOM_PROGRAMS", 80) / 8 + 1, without_several); }

Test(engines, pairs_stream)
{
    int taken = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        Case *c = new_case(random_streams, seed, AS_IT_IS);
        taken += times_taken(c, (PlanOptions){0}, PLAN_stream) > 0;
        arena_free(c->arena);
    }
    cr_assert_geq(taken, 10, "only %d of 40 move rows into a reduction", taken);
}

/* The same bits without any one decision of the plan, and without several. */
Test(engines, plans_without_one) { compare_many(random_function, setting("GAN_RANDOM_PROGRAMS", 80) * 3 / 20, without_one); }
Test(engines, plans_without_several) { compare_many(random_function, setting("GAN_RANDOM_PROGRAMS", 80) * 3 / 20, without_several); }
Test(engines, networks_without_one) { compare_many(random_network, (setting("GAN_RANDOM_PROGRAMS", 80) + 17) / 18, without_one); }
Test(engines, networks_without_several) { compare_many(random_network, (setting("GAN_RANDOM_PROGRAMS", 80) + 17) / 18, without_several); }

/* Products that a pass marked, of any size: both engines call OpenBLAS on the same blocks. As they are, transposed, without
 * samples, over samples of two axes, of two pairs, inside what else a function does. */
Test(engines, marked_products)
{
    static const char *text =
        "axis p = 130\naxis q = 3\naxis r = 129\nslot \"w\" param : f32[40,50]\nslot \"v\" param : f32[50,40]\nslot \"d\" param : f64[33,20]\nslot \"t\" counter : i64[]\n"
        "fn f {update tick \"t\"} {\n%w = read \"w\" : f32[40,50]\n%v = read \"v\" : f32[50,40]\n%d = read \"d\" : f64[33,20]\n"
        "%x = normal {stream \"x\"} : f32<p,q>[2,40]\n%g = normal {stream \"g\"} : f32<p,q>[20]\n%h = normal {stream \"h\"} : f32<r>[17]\n"
        "%k = normal {stream \"k\"} : f32<r>[20]\n%s = slice %g {lo [0] hi [17] step [1]} : f32<p,q>[17]\n%x2 = tanh %x : f32<p,q>[2,40]\n"
        "%y = dot %x2, %w {contract 1:0 form blas} : f32<p,q>[2,50]\n%y2 = tanh %y : f32<p,q>[2,50]\n"
        "%z = dot %y2, %w {contract 1:1 form blas} : f32<p,q>[2,40]\n%z2 = sum %z {over p,q} : f32[2,40]\n"
        "%e = dot %s, %g ; %h, %k {over p,q ; r form blas} : f32[17,20]\n%e2 = mul %e, 0.5 : f32[17,20]\n"
        "%m = dot %w, %v {contract 1:0 form blas} : f32[40,40]\n%n = dot %d, %d {contract 1:1 form blas} : f64[33,33]\n"
        "%w2 = add %w, 1 : f32[40,50]\n%t = read \"t\" : i64[]\n%t2 = add %t, 1 : i64[]\ncommit \"w\", %w2\ncommit \"t\", %t2\n"
        "report \"y\", %y\nreport \"y2\", %y2\nreport \"z\", %z\nreport \"z2\", %z2\nreport \"e\", %e\nreport \"e2\", %e2\nreport \"m\", %m\nreport \"n\", %n\n}\n";
    for (int threads = 1; threads <= 4; threads++) {
        Case      *c = case_of_text(text);
        Difference d = compare(c, 1, threads, (PlanOptions){0});
        if (d.found) print_difference(c, &d);
        cr_assert(!d.found, "%d threads", threads);
        arena_free(c->arena);
    }
}

/* Simulators at the edges of tiles: of operands that lack axes of the result, are parts of others, turned, drawn, or of another simulator; of every
 * type; without samples; in a loop and on the sides of a condition; and of one that nobody reads. */
static double bits(uint64_t seed, int i) { return (double)(seed >> i & 255) - 128; }

static void mix(uint64_t seed, const double *a, const double *b, double *out)      /* of 2 and 6 numbers 5 */
{
    for (int i = 0; i < 5; i++) out[i] = a[i % 2] * b[i] + b[5] * bits(seed, 8 * i);
}

static void again(uint64_t seed, const double *a, double *out)                     /* of 5 numbers 4 */
{
    for (int i = 0; i < 4; i++) out[i] = a[i] - a[i + 1] / 3 + bits(seed, i);
}

static void whole(uint64_t seed, const int64_t *a, const double *b, int64_t *out)  /* of 4 and a number 1 */
{
    *out = (a[0] + 10 * a[1] + 100 * a[2] + 1000 * a[3] + (int64_t)(seed >> 20)) * (*b > 0 ? 1 : -1);
}

static const GanExtern simulators[] = {
    {.name = "mix", .symbol = "mix", .n_params = 2, .size = {2, 6}, .n_out = 5, .is_real = true, .function = (void (*)(void))mix},
    {.name = "again", .symbol = "again", .n_params = 1, .size = {5}, .n_out = 4, .is_real = true, .is_thread_safe = true, .function = (void (*)(void))again},
    {.name = "whole", .symbol = "whole", .n_params = 2, .size = {4, 1}, .n_out = 1, .is_thread_safe = true, .function = (void (*)(void))whole},
};

Test(engines, simulators)
{
    static const char *text =
        "axis p = %d\naxis q = 3\nslot \"w\" param : f32[2,3]\nslot \"v\" param : f64[5]\nslot \"t\" counter : i64[]\n"
        "fn f {update tick \"t\"} {\n%%w = read \"w\" : f32[2,3]\n%%v = read \"v\" : f64[5]\n%%t = read \"t\" : i64[]\n%%one = const {value 1} : i64[]\n"
        "%%h = randint {stream \"h\" n 2147483647} : i32<p>[]\n%%k = convert %%h {i64} : i64<p>[]\n%%x = normal {stream \"x\"} : f32<p>[3]\n"
        "%%y = normal {stream \"y\"} : f64<p,q>[]\n%%n = randint {stream \"n\" n 7} : i32<p>[2,2]\n%%m = randint {stream \"m\" n 7} : i32<q>[2,2]\n"
        "%%xs = slice %%x {lo [1] hi [3] step [1]} : f32<p>[2]\n%%wt = transpose %%w {dims [1,0]} : f32[3,2]\n"
        "%%a = extern %%k, %%xs, %%wt {symbol \"mix\"} : f32<p>[5]\n%%unread = extern %%k, %%xs, %%wt {symbol \"mix\"} : f32<p>[5]\n"
        "%%b = extern %%k, %%a {symbol \"again\"} : f64<p,q>[2,2]\n%%b2 = mul %%b, %%y : f64<p,q>[2,2]\n"
        "%%c = extern %%k, %%n, %%y {symbol \"whole\"} : i32<p,q>[]\n%%c2 = extern %%one, %%m, %%y {symbol \"whole\"} : i64<p,q>[1,1]\n"
        "%%d = extern %%t, %%v {symbol \"again\"} : f32[4]\n%%d2 = add %%d, 1 : f32[4]\n%%s = sum %%a {over p} : f32[5]\n%%s2 = sum %%b {over p,q} : f64[2,2]\n"
        "%%last, %%all = scan %%x ; ; %%k, %%wt {n 3} (%%xx: f32<p>[3], %%kk: i64<p>[], %%ww: f32[3,2]) {\n%%part = slice %%xx {lo [0] hi [2] step [1]} : f32<p>[2]\n"
        "%%e = extern %%kk, %%part, %%ww {symbol \"mix\"} : f32<p>[5]\n%%next = slice %%e {lo [0] hi [5] step [2]} : f32<p>[3]\n%%tame = tanh %%next : f32<p>[3]\nyield %%tame, %%e\n"
        "} : f32<p>[3], f32<p>[3,5]\n"
        "%%late = compare %%t, 0 {gt} : bool[]\n%%g = cond %%late, %%k, %%a, %%v (%%k1: i64<p>[], %%a1: f32<p>[5], %%v1: f64[5]) {\n"
        "%%g1 = extern %%k1, %%a1 {symbol \"again\"} : f32<p>[4]\nyield %%g1\n} (%%k2: i64<p>[], %%a2: f32<p>[5], %%v2: f64[5]) {\n"
        "%%g2 = extern %%k2, %%v2 {symbol \"again\"} : f32<p>[4]\nyield %%g2\n} : f32<p>[4]\n"
        "%%lost, %%kept = scan %%x, %%y ; ; %%k, %%wt {n 2} (%%xx1: f32<p>[3], %%yy1: f64<p,q>[], %%kk1: i64<p>[], %%ww1: f32[3,2]) {\n%%p1 = slice %%xx1 {lo [0] hi [2] step [1]} : f32<p>[2]\n"
        "%%e1 = extern %%kk1, %%p1, %%ww1 {symbol \"mix\"} : f32<p>[5]\n%%n1 = exp %%xx1 : f32<p>[3]\n%%y1 = mul %%yy1, 2 : f64<p,q>[]\nyield %%n1, %%y1\n} : f32<p>[3], f64<p,q>[]\n"
        "%%gone = scan %%x ; ; %%k {n 2} (%%xx2: f32<p>[3], %%kk2: i64<p>[]) {\n%%n2 = tanh %%xx2 : f32<p>[3]\n%%p2 = pad %%n2 {lo [1] hi [1] interior [0] value 0} : f32<p>[5]\n"
        "%%e2 = extern %%kk2, %%p2 {symbol \"again\"} : f32<p>[4]\nyield %%n2\n} : f32<p>[3]\n"
        "%%t2 = add %%t, 1 : i64[]\ncommit \"t\", %%t2\nreport \"a\", %%a\nreport \"b2\", %%b2\nreport \"c\", %%c\nreport \"c2\", %%c2\nreport \"d2\", %%d2\n"
        "report \"s\", %%s\nreport \"s2\", %%s2\nreport \"last\", %%last\nreport \"all\", %%all\nreport \"g\", %%g\nreport \"kept\", %%kept\n}\n";
    static const int extents[] = {0, 1, 15, 16, 17, 31, 33, 63, 64, 65, 97, 513}, threads[] = {1, 2, 3, 8};
    char written[6000];
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i += stride()) {
        snprintf(written, sizeof written, text, extents[i]);
        for (int plan = 0; plan < plans(i); plan++) {
            Case *c = case_of_text(written);
            if (i % 3 == 1) optimise(c);
            c->program.external = (GanExtern *)(uintptr_t)simulators;
            c->program.n_externs = 3;
            Difference d = compare(c, i + 1, threads[i % 4], plan ? without_several(i + 7) : (PlanOptions){0});
            if (d.found) print_difference(c, &d);
            cr_assert(!d.found, "%d samples, %d threads", extents[i], threads[i % 4]);
            arena_free(c->arena);
        }
    }
}

/* Products whose first reader computes on their tiles: rows that meet a register, a bias, a mask, sums over samples; functions, in a loop over a
 * tile's rows; a product that others read, too, or are shown; dims that no one index walks, with a gather, an index; two axes; a matrix before
 * the samples; two products in one row; f64. What is added up over two axes, and a row that reads backwards, wait until a product is complete. */
Test(engines, products_with_epilogues)
{
    static const char *text =
        "axis p = %1$d\naxis q = 3\nslot \"w1\" param : f32[7,%2$d]\nslot \"b1\" param : f32[%2$d]\nslot \"w2\" param : f32[7,%3$d]\nslot \"w3\" param : f32[7,%4$d]\n"
        "slot \"b3\" param : f32[%4$d]\nslot \"w4\" param : f32[7,%5$d]\nslot \"w5\" param : f64[7,%6$d]\nslot \"w6\" param : f32[7,2]\nslot \"t\" counter : i64[]\n"
        "fn f {update tick \"t\"} {\n%%x = normal {stream \"x\"} : f32<p>[7]\n%%x3 = normal {stream \"x3\"} : f32<p>[2,7]\n%%x4 = normal {stream \"x4\"} : f32<p,q>[7]\n"
        "%%w1 = read \"w1\" : f32[7,%2$d]\n%%b = read \"b1\" : f32[%2$d]\n%%w2 = read \"w2\" : f32[7,%3$d]\n%%w3 = read \"w3\" : f32[7,%4$d]\n%%b3 = read \"b3\" : f32[%4$d]\n"
        "%%w4 = read \"w4\" : f32[7,%5$d]\n%%w5 = read \"w5\" : f64[7,%6$d]\n%%w6 = read \"w6\" : f32[7,2]\n"
        "%%y = dot %%x, %%w1 {contract 0:0} : f32<p>[%2$d]\n%%bs = spread %%b {over p} : f32<p>[%2$d]\n%%a = add %%y, %%bs : f32<p>[%2$d]\n%%h = max %%a, 0 : f32<p>[%2$d]\n"
        "%%c = compare %%a, 0.5 {gt} : bool<p>[%2$d]\n%%s = sum %%h {over p} : f32[%2$d]\n"
        "%%z = dot %%x, %%w2 {contract 0:0} : f32<p>[%3$d]\n%%zt = tanh %%z : f32<p>[%3$d]\n%%zz = mul %%zt, %%z : f32<p>[%3$d]\n"
        "%%y3 = dot %%x3, %%w3 {contract 1:0} : f32<p>[2,%4$d]\n%%b2 = broadcast %%b3 {dims [2,%4$d] kept [1]} : f32[2,%4$d]\n%%bp = spread %%b2 {over p} : f32<p>[2,%4$d]\n"
        "%%a3 = add %%y3, %%bp : f32<p>[2,%4$d]\n%%i3 = index {dim 1} : i32[2,%4$d]\n%%n3 = spread %%i3 {over p} : i32<p>[2,%4$d]\n%%g3 = gather %%b3, %%n3 {batch 0} : f32<p>[2,%4$d]\n"
        "%%r3 = convert %%n3 {f32} : f32<p>[2,%4$d]\n%%e3 = mul %%a3, %%r3 : f32<p>[2,%4$d]\n%%f3 = sub %%e3, %%g3 : f32<p>[2,%4$d]\n"
        "%%y4 = dot %%x4, %%w4 {contract 0:0} : f32<p,q>[%5$d]\n%%e4 = mul %%y4, 0.5 : f32<p,q>[%5$d]\n%%m4 = neg %%e4 : f32<p,q>[%5$d]\n%%s4 = sum %%m4 {over p} : f32<q>[%5$d]\n"
        "%%y5 = dot %%w4, %%x3 {contract 0:1} : f32<p>[%5$d,2]\n%%e5 = abs %%y5 : f32<p>[%5$d,2]\n"
        "%%xd = convert %%x {f64} : f64<p>[7]\n%%yd = dot %%xd, %%w5 {contract 0:0} : f64<p>[%6$d]\n%%xe = mul %%xd, 2 : f64<p>[7]\n%%ye = dot %%xe, %%w5 {contract 0:0} : f64<p>[%6$d]\n"
        "%%ad = add %%yd, %%ye : f64<p>[%6$d]\n%%ed = exp %%ad : f64<p>[%6$d]\n"
        "%%y6 = dot %%x4, %%w6 {contract 0:0} : f32<p,q>[2]\n%%e6 = mul %%y6, %%y6 : f32<p,q>[2]\n%%s6 = sum %%e6 {over p,q} : f32[2]\n"
        "%%y7 = dot %%x, %%w6 {contract 0:0} : f32<p>[2]\n%%v7 = reverse %%y7 {dims [0]} : f32<p>[2]\n%%e7 = sub %%y7, %%v7 : f32<p>[2]\n"
        "%%t = read \"t\" : i64[]\n%%t2 = add %%t, 1 : i64[]\ncommit \"t\", %%t2\n"
        "report \"h\", %%h\nreport \"c\", %%c\nreport \"s\", %%s\nreport \"z\", %%z\nreport \"zz\", %%zz\nreport \"f3\", %%f3\nreport \"m4\", %%m4\nreport \"s4\", %%s4\n"
        "report \"e5\", %%e5\nreport \"ed\", %%ed\nreport \"s6\", %%s6\nreport \"e7\", %%e7\n}\n";
    static const int extents[] = {0, 1, 16, 17, 33, 64, 130}, columns[] = {1, 5, 6, 7, 11, 16, 25};
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i += stride()) {
        char written[8192];
        int  m = columns[i], length = snprintf(written, sizeof written, text, extents[i], m, m + 2, m + 3, m + 4, m + 5);
        cr_assert_lt(length, (int)sizeof written);
        Case *c = case_of_text(written);
        for (int on = 1; on > 1 - plans(i); on--) {
            PlanOptions plan = {.without = on ? 0 : 1u << PLAN_epilogue};
            Difference  d = compare(c, 1, 1 + (int)i % 4, plan);
            if (d.found) print_difference(c, &d);
            cr_assert(!d.found, "%d samples, %d columns, %d", extents[i], m, on);
            int taken = times_taken(c, plan, PLAN_epilogue), few = extents[i] < 16;       /* of few samples, axis q is the tiles', and no loop adds up both */
            cr_assert_eq(taken, on ? 6 + few : 0, "%d samples: %d", extents[i], taken);
        }
        arena_free(c->arena);
    }
}

/* Matrices whose rows lie across memory, read along them: tiles of 16 rows and what is beyond; with an epilogue of few rows and of a loop, read by others, added up over samples;
 * an axis around, a dim before the samples; too many panels, f64, a layer's own derivative by its matrix and input. */
Test(engines, products_across)
{
    static const char *text =
        "axis p = %1$d\naxis q = 2\nslot \"w\" param : f32[320,%2$d]\nslot \"wd\" param : f64[320,%2$d]\nslot \"v\" param : f32[%2$d,320]\nslot \"b\" param : f32[%2$d]\nslot \"t\" counter : i64[]\n"
        "fn f {update tick \"t\"} {\n%%x = normal {stream \"x\"} : f32<p>[320]\n%%x2 = normal {stream \"x2\"} : f32<p,q>[320]\n%%x3 = normal {stream \"x3\"} : f32<p>[3,320]\n"
        "%%w = read \"w\" : f32[320,%2$d]\n%%wd = read \"wd\" : f64[320,%2$d]\n%%v = read \"v\" : f32[%2$d,320]\n%%b = read \"b\" : f32[%2$d]\n"
        "%%y = dot %%x, %%w {contract 0:0} : f32<p>[%2$d]\n%%bs = spread %%b {over p} : f32<p>[%2$d]\n%%a = add %%y, %%bs : f32<p>[%2$d]\n%%h = max %%a, 0 : f32<p>[%2$d]\n"
        "%%c = compare %%a, 0.5 {gt} : bool<p>[%2$d]\n%%s = sum %%h {over p} : f32[%2$d]\n%%g = dot %%x, %%h {over p} : f32[320,%2$d]\n"
        "%%u = dot %%h, %%v {contract 0:0} : f32<p>[320]\n%%k = dot %%u, %%w {contract 0:0} : f32<p>[%2$d]\n%%kt = tanh %%k : f32<p>[%2$d]\n%%kk = mul %%kt, %%k : f32<p>[%2$d]\n"
        "%%m = dot %%kk, %%w {contract 0:1} : f32<p>[320]\n%%y2 = dot %%w, %%x2 {contract 0:0} : f32<p,q>[%2$d]\n%%s2 = sum %%y2 {over p,q} : f32[%2$d]\n"
        "%%y3 = dot %%x3, %%w {contract 1:0} : f32<p>[3,%2$d]\n%%e3 = neg %%y3 : f32<p>[3,%2$d]\n%%xd = convert %%x {f64} : f64<p>[320]\n%%yd = dot %%xd, %%wd {contract 0:0} : f64<p>[%2$d]\n"
        "%%t = read \"t\" : i64[]\n%%t2 = add %%t, 1 : i64[]\ncommit \"t\", %%t2\n"
        "report \"h\", %%h\nreport \"c\", %%c\nreport \"s\", %%s\nreport \"g\", %%g\nreport \"kk\", %%kk\nreport \"m\", %%m\nreport \"y2\", %%y2\nreport \"s2\", %%s2\nreport \"e3\", %%e3\n"
        "report \"yd\", %%yd\n}\n";
    static const int extents[] = {33, 90, 96, 400}, rows[] = {63, 64, 66, 80, 87, 100};
    bool   slow = getenv("GAN_CHECKER");
    size_t every = slow ? 4 : stride();
    for (size_t i = 0; i < sizeof extents / sizeof *extents - slow; i += stride())
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k += every) {
            char written[4096];
            int  length = snprintf(written, sizeof written, text, extents[i], rows[k]);
            cr_assert_lt(length, (int)sizeof written);
            Case *c = case_of_text(written);
            int   taken = times_taken(c, (PlanOptions){.wide = true}, PLAN_across);
            cr_expect_eq(taken > 0, extents[i] < 200 && rows[k] % 16 * 8 <= rows[k] && rows[k] >= 64, "%d samples, %d rows: %d", extents[i], rows[k], taken);
            Difference d = compare(c, 2, 1 + (int)(i + k) % 4, (PlanOptions){0});
            if (d.found) print_difference(c, &d);
            cr_assert(!d.found, "%d samples, %d rows", extents[i], rows[k]);
            arena_free(c->arena);
        }
}

/* Convolutions of few samples, one by one with filters in the lanes: strides, padding and holes of the kernel and the image, filters along memory and across it, more of them than vectors, an
 * axis around, f64, a bias and a sum over samples behind it. */
Test(engines, convolutions_of_few_samples)
{
    static const char *text =
        "axis p = %1$d\naxis q = 2\nslot \"k\" param : f32[3,3,5,%2$d]\nslot \"v\" param : f32[3,3,%2$d,5]\nslot \"b\" param : f32[%2$d]\nslot \"t\" counter : i64[]\n"
        "fn f {update tick \"t\"} {\n%%x = normal {stream \"x\"} : f32<p>[9,7,5]\n%%z = normal {stream \"z\"} : f32<p,q>[4,4,5]\n%%k = read \"k\" : f32[3,3,5,%2$d]\n%%v = read \"v\" : f32[3,3,%2$d,5]\n"
        "%%b = read \"b\" : f32[%2$d]\n"
        "%%a = conv %%x, %%k {windows 0:0 stride 1 dilate 1:1 pad 1:1, 1:1 stride 1 dilate 1:1 pad 1:1 contract 2:2} : f32<p>[9,7,%2$d]\n"
        "%%bb = broadcast %%b {dims [9,7,%2$d] kept [2]} : f32[9,7,%2$d]\n%%bs = spread %%bb {over p} : f32<p>[9,7,%2$d]\n%%ab = add %%a, %%bs : f32<p>[9,7,%2$d]\n%%s = sum %%ab {over p} : f32[9,7,%2$d]\n"
        "%%c = conv %%x, %%v {windows 0:0 stride 2 dilate 1:1 pad 1:1, 1:1 stride 2 dilate 1:1 pad 1:1 contract 2:3} : f32<p>[5,4,%2$d]\n"
        "%%d = conv %%x, %%k {windows 0:0 stride 1 dilate 2:1 pad 1:2, 1:1 stride 1 dilate 2:1 pad 1:2 contract 2:2} : f32<p>[18,14,%2$d]\n"
        "%%e = conv %%z, %%k {windows 0:0 stride 1 dilate 1:2 pad 2:2, 1:1 stride 1 dilate 1:2 pad 2:2 contract 2:2} : f32<p,q>[4,4,%2$d]\n"
        "%%xd = convert %%x {f64} : f64<p>[9,7,5]\n%%kd = convert %%k {f64} : f64[3,3,5,%2$d]\n"
        "%%g = conv %%xd, %%kd {windows 0:0 stride 1 dilate 1:1 pad 0:0, 1:1 stride 1 dilate 1:1 pad 0:0 contract 2:2} : f64<p>[7,5,%2$d]\n"
        "%%t = read \"t\" : i64[]\n%%t2 = add %%t, 1 : i64[]\ncommit \"t\", %%t2\n"
        "report \"a\", %%a\nreport \"s\", %%s\nreport \"c\", %%c\nreport \"d\", %%d\nreport \"e\", %%e\nreport \"g\", %%g\n}\n";
    static const int extents[] = {0, 1, 3, 5, 17}, filters[] = {15, 16, 35, 64};
    bool slow = getenv("GAN_CHECKER");
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i += stride())
        for (size_t k = slow ? 1 : 0; k < sizeof filters / sizeof *filters - 2 * slow; k += stride()) {
            char written[4096];
            int  length = snprintf(written, sizeof written, text, extents[i], filters[k]);
            cr_assert_lt(length, (int)sizeof written);
            Case      *c = case_of_text(written);
            int        taken = times_taken(c, (PlanOptions){0}, PLAN_few);
            Difference d = compare(c, 2, 1 + (int)(i + k) % 4, (PlanOptions){0});
            if (extents[i] && extents[i] <= 3 && filters[k] >= 16) cr_expect_gt(taken, 0, "%d samples, %d filters", extents[i], filters[k]);
            if (!extents[i] || extents[i] >= 16 || filters[k] < 16) cr_expect_eq(taken, 0, "%d samples, %d filters: %d", extents[i], filters[k], taken);
            if (d.found) print_difference(c, &d);
            cr_assert(!d.found, "%d samples, %d filters", extents[i], filters[k]);
            arena_free(c->arena);
        }
}

/* Rows with elementary functions, several in step where there are registers: as many rows as go in twos, fours and not at all, and none; all short functions of f32,
 * one and several in a kernel; along one dim, of two and of the samples' own axes, broadcast, in f64; behind a product; added up over samples. Draws likewise. */
Test(engines, rows_in_step)
{
    static const char *text =
        "axis p = %1$d\naxis q = 3\nslot \"w\" param : f32[9,%2$d]\nslot \"t\" counter : i64[]\n"
        "fn f {update tick \"t\"} {\n%%x = normal {stream \"x\"} : f32<p>[%2$d]\n%%y = uniform {stream \"y\"} : f32<p>[%2$d,2]\n%%z = normal {stream \"z\"} : f32<p,q>[%2$d]\n"
        "%%v = normal {stream \"v\"} : f32<p>[9]\n%%r = randint {stream \"r\" n 1000} : i32<p>[%2$d,4]\n%%n = normal {stream \"n\"} : f64<p>[%2$d,4]\n%%w = read \"w\" : f32[9,%2$d]\n"
        "%%a = tanh %%x : f32<p>[%2$d]\n%%x2 = mul %%x, 2 : f32<p>[%2$d]\n%%b = dsigmoid %%x2 : f32<p>[%2$d]\n%%s = sum %%b {over p} : f32[%2$d]\n"
        "%%c = exp %%y : f32<p>[%2$d,2]\n%%d = log %%c : f32<p>[%2$d,2]\n%%e = expm1 %%d : f32<p>[%2$d,2]\n%%g = log1p %%e : f32<p>[%2$d,2]\n"
        "%%h = sigmoid %%z : f32<p,q>[%2$d]\n%%i = softplus %%h : f32<p,q>[%2$d]\n"
        "%%k = convert %%x {f64} : f64<p>[%2$d]\n%%l = tanh %%k : f64<p>[%2$d]\n"
        "%%vs = slice %%v {lo [3] hi [4] step [1]} : f32<p>[1]\n%%vb = reshape %%vs {dims []} : f32<p>[]\n%%ve = broadcast %%vb {dims [%2$d]} : f32<p>[%2$d]\n%%m = fma %%ve, %%x, 0.5 : f32<p>[%2$d]\n%%o = tanh %%m : f32<p>[%2$d]\n"
        "%%j = dot %%v, %%w {contract 0:0} : f32<p>[%2$d]\n%%u = tanh %%j : f32<p>[%2$d]\n"
        "%%t = read \"t\" : i64[]\n%%t2 = add %%t, 1 : i64[]\ncommit \"t\", %%t2\n"
        "report \"a\", %%a\nreport \"b\", %%b\nreport \"s\", %%s\nreport \"d\", %%d\nreport \"g\", %%g\nreport \"i\", %%i\nreport \"l\", %%l\nreport \"o\", %%o\nreport \"u\", %%u\n"
        "report \"r\", %%r\nreport \"n\", %%n\n}\n";
    static const int extents[] = {0, 1, 16, 17, 64, 130}, rows[] = {0, 1, 2, 3, 4, 6, 8, 12, 20};
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i += stride())
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k += stride()) {
            char written[4096];
            int  length = snprintf(written, sizeof written, text, extents[i], rows[k]);
            cr_assert_lt(length, (int)sizeof written);
            Case      *c = case_of_text(written);
            Difference d = compare(c, 1, 1 + (int)i % 4, (PlanOptions){0});
            if (d.found) print_difference(c, &d);
            cr_assert(!d.found, "%d samples, %d rows", extents[i], rows[k]);
            arena_free(c->arena);
        }
}

/* Products over samples with few results on one side, in blocks of both: rows and columns of any number, with batch dims, of two axes, of two pairs, a number, in f64. */
Test(engines, narrow_products_over_samples)
{
    static const char *text =
        "axis p = %1$d\naxis q = 3\nslot \"t\" counter : i64[]\n"
        "fn f {update tick \"t\"} {\n%%x = normal {stream \"x\"} : f32<p>[%2$d]\n%%y = normal {stream \"y\"} : f32<p>[%3$d]\n%%z = normal {stream \"z\"} : f32<p,q>[%3$d]\n"
        "%%u = normal {stream \"u\"} : f32<p>[2,3,%2$d]\n%%v = normal {stream \"v\"} : f32<p>[2,%3$d,3]\n"
        "%%a = dot %%x, %%y {over p} : f32[%2$d,%3$d]\n%%b = dot %%y, %%x {over p} : f32[%3$d,%2$d]\n%%c = dot %%u, %%v {batch 0:0 contract 1:2 over p} : f32[2,%2$d,%3$d]\n"
        "%%d = dot %%u, %%v {batch 0:0 over p} : f32[2,3,%2$d,%3$d,3]\n%%e = dot %%z, %%z {over p,q} : f32[%3$d,%3$d]\n%%f = dot %%z, %%x {over p} : f32<q>[%3$d,%2$d]\n"
        "%%g = dot %%x, %%y ; %%x, %%y {over p ; p} : f32[%2$d,%3$d]\n%%h = dot %%x, %%x {contract 0:0 over p} : f32[]\n"
        "%%xd = convert %%x {f64} : f64<p>[%2$d]\n%%yd = convert %%y {f64} : f64<p>[%3$d]\n%%i = dot %%xd, %%yd {over p} : f64[%2$d,%3$d]\n"
        "%%t = read \"t\" : i64[]\n%%t2 = add %%t, 1 : i64[]\ncommit \"t\", %%t2\n"
        "report \"a\", %%a\nreport \"b\", %%b\nreport \"c\", %%c\nreport \"d\", %%d\nreport \"e\", %%e\nreport \"f\", %%f\nreport \"g\", %%g\nreport \"h\", %%h\nreport \"i\", %%i\n}\n";
    static const int extents[] = {0, 1, 16, 17, 64, 130, 600}, wide[] = {0, 1, 3, 12, 13, 29, 40}, narrow[] = {1, 15, 2, 5, 12, 13, 3};
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i += stride())
        for (size_t k = 0; k < sizeof narrow / sizeof *narrow; k += stride()) {
            char written[4096];
            snprintf(written, sizeof written, text, getenv("GAN_CHECKER") && extents[i] > 200 ? 70 : extents[i], wide[(i + k) % 7], narrow[k]);
            Case      *c = case_of_text(written);
            Difference d = compare(c, 1, 1 + (int)i % 4, (PlanOptions){0});
            if (d.found) print_difference(c, &d);
            cr_assert(!d.found, "%d samples, %d x %d", extents[i], wide[(i + k) % 7], narrow[k]);
            arena_free(c->arena);
        }
}

/* Loops that end long before their last round: left by both engines, with the bits of a plan that runs on. By one flag, by samples of one axis
 * and of two, of any number; with outputs, draws, and a loop within the loop. */
Test(engines, loops_that_end)
{
    static const char *text =
        "axis p = %d\naxis q = 3\nslot \"t\" counter : i64[]\n"
        "fn f {update tick \"t\"} {\n%%x = normal {stream \"x\"} : f32<p>[]\n%%y = normal {stream \"y\"} : f32<p,q>[2]\n%%z = const {value 0} : f32[]\n"
        "%%no = const {value 0} : bool[]\n%%nop = spread %%no {over p} : bool<p>[]\n%%nopq = spread %%no {over p,q} : bool<p,q>[]\n%%in = spread %%x {over q} : f32<p,q>[]\n"
        "%%a, %%ea, %%oa = scan %%z, %%no ; ; {n 40 until 1} (%%h: f32[], %%e: bool[]) {\n%%u = uniform {stream \"u\"} : f32[]\n%%h1 = add %%h, %%u : f32[]\n"
        "%%e1 = compare %%h1, 3 {gt} : bool[]\nyield %%h1, %%e1, %%h1\n} : f32[], bool[], f32[40]\n"
        "%%b, %%eb, %%ob = scan %%x, %%nop ; ; {n 50 until 1} (%%h2: f32<p>[], %%e2: bool<p>[]) {\n%%v = uniform {stream \"v\"} : f32<p>[]\n%%h3 = add %%h2, %%v : f32<p>[]\n"
        "%%e3 = compare %%h3, 4 {gt} : bool<p>[]\n%%w = mul %%h3, %%v : f32<p>[]\nyield %%h3, %%e3, %%w\n} : f32<p>[], bool<p>[], f32<p>[50]\n"
        "%%c, %%d, %%ec, %%oc = scan %%y, %%in, %%nopq ; ; %%x {n 60 until 2} (%%h4: f32<p,q>[2], %%g4: f32<p,q>[], %%e4: bool<p,q>[], %%k: f32<p>[]) {\n"
        "%%s4 = spread %%k {over q} : f32<p,q>[]\n%%a4 = abs %%s4 : f32<p,q>[]\n%%n3 = const {value 0} : bool[]\n%%n4 = spread %%n3 {over p,q} : bool<p,q>[]\n"
        "%%r4, %%f4 = scan %%g4, %%n4 ; ; %%a4 {n 9 until 1} (%%h6: f32<p,q>[], %%e6: bool<p,q>[], %%k6: f32<p,q>[]) {\n%%j6 = add %%k6, 0.5 : f32<p,q>[]\n"
        "%%h7 = add %%h6, %%j6 : f32<p,q>[]\n%%e7 = compare %%h7, 3 {gt} : bool<p,q>[]\nyield %%h7, %%e7\n} : f32<p,q>[], bool<p,q>[]\n"
        "%%h5 = mul %%h4, 0.5 : f32<p,q>[2]\n%%e5 = compare %%r4, 6 {gt} : bool<p,q>[]\nyield %%h5, %%r4, %%e5, %%h5\n} : f32<p,q>[2], f32<p,q>[], bool<p,q>[], f32<p,q>[60,2]\n"
        "%%t = read \"t\" : i64[]\n%%t2 = add %%t, 1 : i64[]\ncommit \"t\", %%t2\n"
        "report \"a\", %%a\nreport \"oa\", %%oa\nreport \"b\", %%b\nreport \"ob\", %%ob\nreport \"c\", %%c\nreport \"d\", %%d\nreport \"ec\", %%ec\nreport \"oc\", %%oc\n}\n";
    static const int extents[] = {0, 1, 15, 16, 17, 33, 130};
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i += stride())
        for (int on = 0; on < plans(i); on++) {
            char        written[4096];
            snprintf(written, sizeof written, text, extents[i]);
            Case       *c = case_of_text(written);
            PlanOptions plan = {.without = on ? 1u << PLAN_until : 0};
            Difference  d = compare(c, 1, 1 + (int)i % 4, plan);
            if (d.found) print_difference(c, &d);
            cr_assert(!d.found, "%d samples%s", extents[i], on ? ", running on" : "");
            arena_free(c->arena);
        }
}

/* A text, its extent to be written in, through both engines: for several extents, on several threads, with every decision of the plan and without one. */
static void compare_loops(const char *text, PlanDecision without)
{
    static const int extents[] = {0, 1, 17, 600, 33, 130}, threads[] = {1, 2, 3, 8};
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i += stride())
        for (int off = 0; off < plans(i); off++) {
            char        written[8192];
            int         extent = extents[i] > 200 && getenv("GAN_CHECKER") ? 130 : extents[i];      /* it is slow */
            snprintf(written, sizeof written, text, extent, extent, extent, extent, extent, extent);
            Case       *c = case_of_text(written);
            PlanOptions plan = {.without = off ? 1u << without : 0};
            Difference  d = compare(c, 1, threads[i % 4], plan);
            if (d.found) print_difference(c, &d);
            cr_assert(!d.found, "%d samples%s", extents[i], off ? ", without" : "");
            arena_free(c->arena);
        }
}

/* What a loop takes turn by turn, from the end and from the start: without samples, of one axis, of two, with dims in another order, of an outer turn,
 * and as what a cond asks. */
Test(engines, loops_over_what_is_reversed)
{
    static const char *text =
        "axis p = %d\naxis q = 3\nslot \"d\" param : f32[5,4]\nfn f {report} {\n"
        "%%d = read \"d\" : f32[5,4]\n%%dr = reverse %%d {dims [0]} : f32[5,4]\n%%d1 = tanh %%d : f32[5,4]\n%%d2 = reverse %%d1 {dims [0,1]} : f32[5,4]\n"
        "%%x = normal {stream \"x\"} : f32<p>[5,4]\n%%xr = reverse %%x {dims [0]} : f32<p>[5,4]\n%%y = normal {stream \"y\"} : f32<p,q>[5,2]\n%%yr = reverse %%y {dims [0,1]} : f32<p,q>[5,2]\n"
        "%%z = normal {stream \"z\"} : f32<p>[5,6,4]\n%%zr = reverse %%z {dims [0]} : f32<p>[5,6,4]\n%%o = const {value 0} : f32[]\n%%o4 = broadcast %%o {dims [4]} : f32[4]\n%%op = spread %%o4 {over p} : f32<p>[4]\n"
        "%%ob = broadcast %%o {dims [2]} : f32[2]\n%%oq = spread %%ob {over p,q} : f32<p,q>[2]\n%%b1 = slice %%d1 {lo [0,0] hi [5,1] step [1,1]} : f32[5,1]\n"
        "%%b2 = reshape %%b1 {dims [5]} : f32[5]\n%%b3 = compare %%b2, 0 {gt} : bool[5]\n%%br = reverse %%b3 {dims [0]} : bool[5]\n"
        "%%u, %%us = scan %%o4 ; %%dr, %%d2 ; {n 5} (%%h: f32[4], %%s: f32[4], %%t: f32[4]) {\n%%h1 = fma %%h, %%s, %%t : f32[4]\nyield %%h1, %%h1\n} : f32[4], f32[5,4]\n"
        "%%v, %%vs = scan %%op ; %%xr, %%x, %%br ; {n 5} (%%g: f32<p>[4], %%s1: f32<p>[4], %%t1: f32<p>[4], %%b4: bool[]) {\n%%g1 = fma %%g, %%s1, %%t1 : f32<p>[4]\n"
        "%%g2 = cond %%b4, %%g1, %%s1 (%%a1: f32<p>[4], %%a2: f32<p>[4]) {\n%%g3 = add %%a1, %%a2 : f32<p>[4]\nyield %%g3\n} (%%a3: f32<p>[4], %%a4: f32<p>[4]) {\n%%g4 = mul %%a3, %%a4 : f32<p>[4]\nyield %%g4\n} : f32<p>[4]\n"
        "yield %%g2, %%g2\n} : f32<p>[4], f32<p>[5,4]\n"
        "%%w = scan %%oq ; %%yr, %%y ; {n 5} (%%k: f32<p,q>[2], %%s2: f32<p,q>[2], %%t2: f32<p,q>[2]) {\n%%k1 = fma %%k, %%s2, %%t2 : f32<p,q>[2]\nyield %%k1\n} : f32<p,q>[2]\n"
        "%%r = scan %%op ; %%zr ; {n 5} (%%l: f32<p>[4], %%s3: f32<p>[6,4]) {\n%%sr = reverse %%s3 {dims [0]} : f32<p>[6,4]\n"
        "%%l1 = scan %%l ; %%sr, %%s3 ; {n 6} (%%m: f32<p>[4], %%s4: f32<p>[4], %%s5: f32<p>[4]) {\n%%m1 = mul %%m, 0.5 : f32<p>[4]\n%%m2 = fma %%s4, %%m1, %%s5 : f32<p>[4]\nyield %%m2\n} : f32<p>[4]\nyield %%l1\n} : f32<p>[4]\n"
        "report \"u\", %%u\nreport \"us\", %%us\nreport \"v\", %%v\nreport \"vs\", %%vs\nreport \"w\", %%w\nreport \"r\", %%r\n}\n";
    compare_loops(text, PLAN_views);
}

/* Sums over samples beside narrow products of the same: of either operand, of both pairs, of two axes of one extent, in f64; of what is drawn, of what several kernels read,
 * and of what is a product's tile. Not so: of the narrow side, beside a broad one, of dims too, of numbers. */
Test(engines, sums_beside_products)
{
    static const char *text =
        "axis p = %d\naxis q = %d\nslot \"w\" param : f32[37,29]\nfn f {report} {\n%%w = read \"w\" : f32[37,29]\n%%x = normal {stream \"x\"} : f32<p>[2]\n%%u = normal {stream \"u\"} : f32<q>[2]\n"
        "%%y = normal {stream \"y\"} : f32<p>[37]\n%%z = normal {stream \"z\"} : f32<q>[37]\n%%v = normal {stream \"v\"} : f32<p>[5]\n%%t = tanh %%y : f32<p>[37]\n%%r = tanh %%z : f32<q>[37]\n"
        "%%o = sum %%y {dims [0]} : f32<p>[]\n%%os = sum %%o {over p} : f32[]\n%%od = dot %%o, %%t {over p form lanes} : f32[37]\n"
        "%%a = dot %%x, %%t ; %%u, %%r {over p ; q form lanes} : f32[2,37]\n%%ts = sum %%t {over p} : f32[37]\n%%rs = sum %%r {over q} : f32[37]\n"
        "%%b = dot %%y, %%x {over p form lanes} : f32[37,2]\n%%ys = sum %%y {over p} : f32[37]\n%%xs = sum %%x {over p} : f32[2]\n%%c = dot %%y, %%v {over p form lanes} : f32[37,5]\n%%vs = sum %%v {over p} : f32[5]\n"
        "%%d = dot %%t, %%w {contract 0:0} : f32<p>[29]\n%%ds = sum %%d {over p} : f32[29]\n%%e = dot %%x, %%d {over p form lanes} : f32[2,29]\n%%g = dot %%t, %%d {over p form chain} : f32[37,29]\n"
        "%%td = convert %%t {f64} : f64<p>[37]\n%%xd = convert %%x {f64} : f64<p>[2]\n%%h = dot %%xd, %%td {over p form lanes} : f64[2,37]\n%%hs = sum %%td {over p} : f64[37]\n"
        "%%i = mul %%t, %%ts : f32<p>[37]\n%%is = sum %%i {over p} : f32[37]\n%%k = dot %%i, %%x {over p form lanes} : f32[37,2]\n%%is2 = sum %%i {dims [0] over p} : f32[]\n"
        "report \"os\", %%os\nreport \"od\", %%od\nreport \"a\", %%a\nreport \"ts\", %%ts\nreport \"rs\", %%rs\nreport \"b\", %%b\nreport \"ys\", %%ys\nreport \"xs\", %%xs\nreport \"c\", %%c\nreport \"vs\", %%vs\n"
        "report \"ds\", %%ds\nreport \"e\", %%e\nreport \"g\", %%g\nreport \"h\", %%h\nreport \"hs\", %%hs\nreport \"is\", %%is\nreport \"k\", %%k\nreport \"is2\", %%is2\n}\n";
    compare_loops(text, PLAN_beside);
}

/* Draws without samples are made 64 elements at a time, and what is left one by one: of every kind, of several dims, in a loop's turns, stacked. */
Test(engines, draws_without_samples)
{
    static const char *text =
        "slot \"t\" counter : i64[]\nfn f {update tick \"t\"} {\n%%t = read \"t\" : i64[]\n%%a = normal {stream \"a\"} : f32[%d]\n%%b = uniform {stream \"b\"} : f64[%d]\n%%c = randint {stream \"c\" n 1000} : i32[3,%d]\n"
        "%%d = normal {stream \"d\"} : f64[5,%d]\n%%e = uniform {stream \"e\"} : f32[63]\n%%g = uniform {stream \"g\"} : f32[64]\n%%h = normal {stream \"h\"} : f32[65]\n%%i = randint {stream \"i\" n 7} : i32[2,67]\n"
        "%%j, %%k = scan %%h ; ; {n 3} (%%j0: f32[65]) {\n%%j1 = normal {stream \"j\"} : f32[65]\n%%j2 = uniform {stream \"l\"} : f32[%d]\n%%j3 = add %%j0, %%j1 : f32[65]\nyield %%j3, %%j2\n} : f32[65], f32[3,%d]\n"
        "%%t1 = add %%t, 1 : i64[]\ncommit \"t\", %%t1\nreport \"a\", %%a\nreport \"b\", %%b\nreport \"c\", %%c\nreport \"d\", %%d\nreport \"e\", %%e\nreport \"g\", %%g\nreport \"h\", %%h\nreport \"i\", %%i\n"
        "report \"j\", %%j\nreport \"k\", %%k\n}\n";
    compare_loops(text, PLAN_late);
}

/* Products that ask for what comes after them: a later step's, which read what an earlier one left, and lines that they claim, as gradients tile by tile read them on
 * any thread; widths that are no whole tiles, packed or not, and samples that fill no panel. */
Test(engines, products_that_ask_ahead)
{
    static const char *text =
        "axis p = %d\nslot \"w\" param : f32[66,100]\nslot \"v\" param : f32[100,67]\nslot \"u\" param : f32[67,90]\nslot \"y\" param : f32[90,100]\nfn f {report} {\n"
        "%%w = read \"w\" : f32[66,100]\n%%v = read \"v\" : f32[100,67]\n%%u = read \"u\" : f32[67,90]\n%%y = read \"y\" : f32[90,100]\n%%x = normal {stream \"x\"} : f32<p>[66]\n"
        "%%a = dot %%x, %%w {contract 0:0} : f32<p>[100]\n%%b = tanh %%a : f32<p>[100]\n%%c = dot %%b, %%v {contract 0:0} : f32<p>[67]\n%%d = tanh %%c : f32<p>[67]\n"
        "%%s = sum %%d {over p} : f32[67]\n%%s1 = mul %%s, 0.01 : f32[67]\n%%s2 = spread %%s1 {over p} : f32<p>[67]\n%%g = sub %%d, %%s2 : f32<p>[67]\n"
        "%%h = dot %%g, %%u {contract 0:0} : f32<p>[90]\n%%i = tanh %%h : f32<p>[90]\n%%m = dot %%i, %%y {contract 0:0} : f32<p>[100]\n%%n = mul %%m, %%b : f32<p>[100]\n"
        "%%o = sum %%n {over p} : f32[100]\n%%q = dot %%n, %%g {over p form chain} : f32[100,67]\n"
        "%%r = dot %%n, %%i {over p form chain} : f32[100,90]\n%%r1 = mul %%r, 0.5 : f32[100,90]\nreport \"o\", %%o\nreport \"h\", %%h\nreport \"q\", %%q\nreport \"r\", %%r1\n}\n";
    compare_loops(text, PLAN_ahead);
}

/* What later steps make again: of a number a sample and a row, of two values that are there, of what was made so itself, and squares; of matrices, and in f64. Not so: what a
 * product reads. */
Test(engines, made_again_later)
{
    static const char *text =
        "axis p = %d\nslot \"w\" param : f32[70]\nslot \"v\" param : f32[70,33]\nslot \"y\" param : f32[70,70]\nfn f {report} {\n%%w = read \"w\" : f32[70]\n%%v = read \"v\" : f32[70,33]\n"
        "%%x = normal {stream \"x\"} : f32<p>[70]\n%%s = normal {stream \"s\"} : f32<p>[]\n%%t = tanh %%x : f32<p>[70]\n%%d = dsigmoid %%x : f32<p>[70]\n"
        "%%a = mul %%t, %%d : f32<p>[70]\n%%b = mul %%s, %%w : f32<p>[70]\n%%c = mul %%d, %%d : f32<p>[70]\n%%e = add %%a, %%b : f32<p>[70]\n%%g = mul %%b, %%t : f32<p>[70]\n"
        "%%m = sum %%t {over p} : f32[70]\n%%m1 = sum %%d {over p} : f32[70]\n%%m2 = mul %%m, %%m1 : f32[70]\n"
        "%%h = mul %%a, %%m2 : f32<p>[70]\n%%i = mul %%b, %%m2 : f32<p>[70]\n%%j = sub %%c, %%m : f32<p>[70]\n%%k = add %%e, %%m : f32<p>[70]\n%%l = sub %%g, %%m2 : f32<p>[70]\n"
        "%%n = mul %%t, %%m : f32<p>[70]\n%%o = mul %%d, %%m : f32<p>[70]\n%%q = dot %%g, %%v {contract 0:0} : f32<p>[33]\n%%r = dot %%l, %%v {contract 0:0} : f32<p>[33]\n"
        "%%hs = sum %%h {over p} : f32[70]\n%%is = sum %%i {over p} : f32[70]\n%%js = sum %%j {over p} : f32[70]\n%%ks = sum %%k {over p} : f32[70]\n%%u = mul %%a, %%hs : f32<p>[70]\n"
        "%%y = read \"y\" : f32[70,70]\n%%aa = tanh %%y : f32[70,70]\n%%bb = dsigmoid %%y : f32[70,70]\n%%cc = mul %%aa, %%bb : f32[70,70]\n%%dd = convert %%aa {f64} : f64[70,70]\n%%k2 = broadcast %%ks {dims [70,70] kept [1]} : f32[70,70]\n%%k3 = convert %%k2 {f64} : f64[70,70]\n"
        "%%ee = add %%cc, %%k2 : f32[70,70]\n%%ff = add %%dd, %%k3 : f64[70,70]\n%%gg = mul %%aa, %%k2 : f32[70,70]\n%%hh = mul %%bb, %%k2 : f32[70,70]\n"
        "report \"hs\", %%hs\nreport \"is\", %%is\nreport \"js\", %%js\nreport \"ks\", %%ks\nreport \"n\", %%n\nreport \"o\", %%o\nreport \"q\", %%q\nreport \"r\", %%r\nreport \"u\", %%u\n"
        "report \"ee\", %%ee\nreport \"ff\", %%ff\nreport \"gg\", %%gg\nreport \"hh\", %%hh\n}\n";
    compare_loops(text, PLAN_again);
}

/* Turns that hand values from thread to thread, some hundred times: samples read those of others (the other way round, of the same turn and of the
 * last), sums over samples come back to them, a matrix that all threads make is multiplied by itself, small values go from kernel to kernel, a
 * loop inside begins with what the others made, a cond asks it, and flags of all samples end the loop. */
Test(engines, turns_that_meet)
{
    static const char *text =
        "axis p = %d\nfn f {report} {\n%%x = normal {stream \"x\"} : f32<p>[3]\n%%m = normal {stream \"m\"} : f32[70,70]\n%%s = normal {stream \"s\"} : f32[5]\n"
        "%%no = const {value 0} : bool[]\n%%nop = spread %%no {over p} : bool<p>[]\n%%c0 = const {value 0} : i32[]\n"
        "%%h, %%hs = scan %%x ; ; {n 300} (%%a: f32<p>[3]) {\n%%f = as_feature %%a {axis p} : f32[%d,3]\n%%r = reverse %%f {dims [0]} : f32[%d,3]\n%%b = as_sample %%r {axis p} : f32<p>[3]\n"
        "%%a1 = mul %%a, 0.5 : f32<p>[3]\n%%a2 = fma %%b, 0.25, %%a1 : f32<p>[3]\n%%a3 = add %%a2, 0.1 : f32<p>[3]\nyield %%a3, %%b\n} : f32<p>[3], f32<p>[300,3]\n"
        "%%g = scan %%x ; ; {n 300} (%%d: f32<p>[3]) {\n%%d1 = tanh %%d : f32<p>[3]\n%%f1 = as_feature %%d1 {axis p} : f32[%d,3]\n%%r1 = reverse %%f1 {dims [0]} : f32[%d,3]\n%%b1 = as_sample %%r1 {axis p} : f32<p>[3]\n"
        "%%t = sum %%d1 {over p} : f32[3]\n%%t1 = mul %%t, 0.01 : f32[3]\n%%t2 = spread %%t1 {over p} : f32<p>[3]\n%%d2 = sub %%b1, %%t2 : f32<p>[3]\n%%d3 = fma %%d, 0.5, %%d2 : f32<p>[3]\nyield %%d3\n} : f32<p>[3]\n"
        "%%k = scan %%m ; ; {n 60} (%%l: f32[70,70]) {\n%%l1 = dot %%l, %%l {contract 1:0} : f32[70,70]\n%%l2 = mul %%l1, 0.2 : f32[70,70]\n%%l3 = tanh %%l2 : f32[70,70]\nyield %%l3\n} : f32[70,70]\n"
        "%%q, %%n = scan %%s, %%c0 ; ; {n 300} (%%u: f32[5], %%j: i32[]) {\n%%u1 = cumsum %%u {dim 0} : f32[5]\n%%u2 = mul %%u1, 0.3 : f32[5]\n%%j1 = add %%j, 1 : i32[]\n%%j2 = rem %%j1, 3 : i32[]\n%%o = compare %%j2, 1 {eq} : bool[]\n"
        "%%u3 = cond %%o, %%u2 (%%v: f32[5]) {\n%%v1 = reverse %%v {dims [0]} : f32[5]\n%%v2 = tanh %%v1 : f32[5]\n%%v3 = cumsum %%v2 {dim 0} : f32[5]\nyield %%v3\n} (%%v4: f32[5]) {\n%%v5 = add %%v4, 0.1 : f32[5]\nyield %%v5\n} : f32[5]\n"
        "%%u4 = scan %%u3 ; ; %%u2 {n 3} (%%w: f32[5], %%w0: f32[5]) {\n%%w1 = reverse %%w {dims [0]} : f32[5]\n%%w2 = fma %%w1, 0.5, %%w0 : f32[5]\n%%w3 = sin %%w2 : f32[5]\nyield %%w3\n} : f32[5]\nyield %%u4, %%j2\n} : f32[5], i32[]\n"
        "%%e, %%y, %%z = scan %%x, %%nop ; ; {n 300 until 1} (%%i: f32<p>[3], %%i0: bool<p>[]) {\n%%i1 = abs %%i : f32<p>[3]\n%%i2 = add %%i1, 0.03 : f32<p>[3]\n%%i3 = sum %%i2 {dims [0]} : f32<p>[]\n%%i4 = compare %%i3, 9 {gt} : bool<p>[]\n"
        "yield %%i2, %%i4, %%i3\n} : f32<p>[3], bool<p>[], f32<p>[300]\n"
        "report \"h\", %%h\nreport \"hs\", %%hs\nreport \"g\", %%g\nreport \"k\", %%k\nreport \"q\", %%q\nreport \"n\", %%n\nreport \"e\", %%e\nreport \"y\", %%y\nreport \"z\", %%z\n}\n";
    compare_loops(text, PLAN_waits);
}

/* Loops whose samples do not meet, all turns of a tile before the next tile's: that end at another turn on each tile, with draws and outputs; of two
 * axes, with an output that is taken from its end; with a matrix, a loop inside, and what other samples had before the loop. Not so: what takes
 * others' values of the turn, a sum over samples, a count that no sample has. */
Test(engines, loops_by_tiles)
{
    static const char *text =
        "axis p = %d\naxis q = 3\nslot \"w\" param : f32[4,4]\nfn f {report} {\n%%x = normal {stream \"x\"} : f32<p>[4]\n%%y = normal {stream \"y\"} : f32<p,q>[2]\n%%w = read \"w\" : f32[4,4]\n"
        "%%no = const {value 0} : bool[]\n%%nop = spread %%no {over p} : bool<p>[]\n%%nopq = spread %%no {over p,q} : bool<p,q>[]\n%%c = const {value 0} : i32[]\n"
        "%%f = as_feature %%x {axis p} : f32[%d,4]\n%%r = reverse %%f {dims [0]} : f32[%d,4]\n%%z = as_sample %%r {axis p} : f32<p>[4]\n"
        "%%a, %%ea, %%oa = scan %%x, %%nop ; ; {n 90 until 1} (%%a1: f32<p>[4], %%a2: bool<p>[]) {\n%%v = uniform {stream \"v\"} : f32<p>[4]\n%%a3 = fma %%v, 0.2, %%a1 : f32<p>[4]\n"
        "%%a4 = sum %%a3 {dims [0]} : f32<p>[]\n%%a5 = compare %%a4, 9 {gt} : bool<p>[]\nyield %%a3, %%a5, %%a4\n} : f32<p>[4], bool<p>[], f32<p>[90]\n"
        "%%b, %%eb, %%ob = scan %%y, %%nopq ; ; {n 40 until 1} (%%b1: f32<p,q>[2], %%b2: bool<p,q>[]) {\n%%b3 = abs %%b1 : f32<p,q>[2]\n%%b4 = add %%b3, 0.06 : f32<p,q>[2]\n"
        "%%b5 = norm %%b4 {dims [0]} : f32<p,q>[]\n%%b6 = compare %%b5, 2 {gt} : bool<p,q>[]\nyield %%b4, %%b6, %%b4\n} : f32<p,q>[2], bool<p,q>[], f32<p,q>[40,2]\n"
        "%%or = reverse %%ob {dims [0]} : f32<p,q>[40,2]\n%%g = scan %%y ; %%or, %%ob ; {n 40} (%%g1: f32<p,q>[2], %%g2: f32<p,q>[2], %%g3: f32<p,q>[2]) {\n%%g4 = fma %%g1, 0.5, %%g2 : f32<p,q>[2]\n"
        "%%g5 = sub %%g4, %%g3 : f32<p,q>[2]\nyield %%g5\n} : f32<p,q>[2]\n"
        "%%h = scan %%x ; ; %%w, %%z {n 20} (%%h1: f32<p>[4], %%h2: f32[4,4], %%h3: f32<p>[4]) {\n%%h4 = dot %%h1, %%h2 {contract 0:0} : f32<p>[4]\n%%h5 = sub %%h4, %%h3 : f32<p>[4]\n"
        "%%h6 = scan %%h5 ; ; {n 3} (%%h7: f32<p>[4]) {\n%%h8 = sin %%h7 : f32<p>[4]\nyield %%h8\n} : f32<p>[4]\nyield %%h6\n} : f32<p>[4]\n"
        "%%k = scan %%x ; ; %%z {n 20} (%%k1: f32<p>[4], %%k3: f32<p>[4]) {\n%%k4 = mul %%k1, 0.5 : f32<p>[4]\n%%k5 = sub %%k4, %%k3 : f32<p>[4]\nyield %%k5\n} : f32<p>[4]\n"
        "%%m, %%mc = scan %%x, %%c ; ; {n 20} (%%m1: f32<p>[4], %%m2: i32[]) {\n%%m3 = mul %%m1, 0.9 : f32<p>[4]\n%%m4 = add %%m2, 1 : i32[]\n%%m5 = convert %%m4 {f32} : f32[]\n"
        "%%m6 = broadcast %%m5 {dims [4] kept []} : f32[4]\n%%m7 = spread %%m6 {over p} : f32<p>[4]\n%%m8 = add %%m3, %%m7 : f32<p>[4]\nyield %%m8, %%m4\n} : f32<p>[4], i32[]\n"
        "%%s = scan %%x ; ; {n 20} (%%s1: f32<p>[4]) {\n%%s2 = sum %%s1 {over p} : f32[4]\n%%s3 = spread %%s2 {over p} : f32<p>[4]\n%%s4 = mul %%s3, 0.001 : f32<p>[4]\n%%s5 = sub %%s1, %%s4 : f32<p>[4]\nyield %%s5\n} : f32<p>[4]\n"
        "report \"a\", %%a\nreport \"ea\", %%ea\nreport \"oa\", %%oa\nreport \"b\", %%b\nreport \"ob\", %%ob\nreport \"g\", %%g\nreport \"h\", %%h\nreport \"k\", %%k\nreport \"m\", %%m\nreport \"mc\", %%mc\nreport \"s\", %%s\n}\n";
    char written[8192];
    snprintf(written, sizeof written, text, 600, 600, 600);
    Case *c = case_of_text(written);
    int   taken = times_taken(c, (PlanOptions){0}, PLAN_turns);
    cr_assert_eq(taken, 5, "a, b, g, the one inside of h, and k: %d", taken);
    arena_free(c->arena);
    compare_loops(text, PLAN_turns);
}

/* Matrices that loops read in the order of their tiles: a slot, one made before the loop, one that the loop carries, one of each turn, the latter two in
 * a loop inside, where they stay the same, and one under a cond. */
Test(engines, matrices_in_loops)
{
    static const char *text =
        "axis p = %d\nslot \"w\" param : f32[40,40]\nfn f {report} {\n%%x = normal {stream \"x\"} : f32<p>[40]\n%%w = read \"w\" : f32[40,40]\n%%w1 = tanh %%w : f32[40,40]\n"
        "%%s = normal {stream \"s\"} : f32[4,40,40]\n%%sr = reverse %%s {dims [0]} : f32[4,40,40]\n"
        "%%h, %%m = scan %%x, %%w1 ; %%sr ; %%w, %%w1 {n 4} (%%a: f32<p>[40], %%b: f32[40,40], %%c: f32[40,40], %%d: f32[40,40], %%e: f32[40,40]) {\n"
        "%%a1 = dot %%a, %%d {contract 0:0} : f32<p>[40]\n%%a2 = tanh %%a1 : f32<p>[40]\n%%a3 = dot %%a2, %%b {contract 0:0} : f32<p>[40]\n%%a4 = tanh %%a3 : f32<p>[40]\n"
        "%%a5 = scan %%a4 ; ; %%b, %%c, %%d, %%e {n 3} (%%i: f32<p>[40], %%j: f32[40,40], %%k: f32[40,40], %%l: f32[40,40], %%o: f32[40,40]) {\n"
        "%%i1 = dot %%i, %%j {contract 0:0} : f32<p>[40]\n%%i2 = tanh %%i1 : f32<p>[40]\n%%i3 = dot %%i2, %%k {contract 0:0} : f32<p>[40]\n%%i4 = tanh %%i3 : f32<p>[40]\n"
        "%%i5 = dot %%i4, %%l {contract 0:0} : f32<p>[40]\n%%i6 = tanh %%i5 : f32<p>[40]\n%%i7 = dot %%i6, %%o {contract 0:0} : f32<p>[40]\n%%i8 = tanh %%i7 : f32<p>[40]\nyield %%i8\n} : f32<p>[40]\n"
        "%%b1 = mul %%b, 0.5 : f32[40,40]\n%%b2 = fma %%c, 0.5, %%b1 : f32[40,40]\n%%b3 = slice %%b2 {lo [0,0] hi [1,1] step [1,1]} : f32[1,1]\n%%b4 = reshape %%b3 {dims []} : f32[]\n%%b5 = compare %%b4, 0 {gt} : bool[]\n"
        "%%a6 = cond %%b5, %%a5, %%b2, %%e (%%q: f32<p>[40], %%q1: f32[40,40], %%q2: f32[40,40]) {\n%%q3 = dot %%q, %%q1 {contract 0:0} : f32<p>[40]\nyield %%q3\n"
        "} (%%r: f32<p>[40], %%r1: f32[40,40], %%r2: f32[40,40]) {\n%%r3 = dot %%r, %%r2 {contract 0:0} : f32<p>[40]\nyield %%r3\n} : f32<p>[40]\nyield %%a6, %%b2\n} : f32<p>[40], f32[40,40]\n"
        "report \"h\", %%h\nreport \"m\", %%m\n}\n";
    compare_loops(text, PLAN_packs);
}

/* Two thousand million rounds of which two are needed. */
Test(engines, rounds_that_nobody_needs_are_not_run)
{
    static const char *text =
        "axis p = 20\nfn f {report} {\n%x = normal {stream \"x\"} : f32<p>[]\n%no = const {value 0} : bool[]\n%nop = spread %no {over p} : bool<p>[]\n"
        "%b, %eb = scan %x, %nop ; ; {n 2000000000 until 1} (%h: f32<p>[], %e: bool<p>[]) {\n%h1 = add %h, 20 : f32<p>[]\n%e1 = compare %h1, 30 {gt} : bool<p>[]\n"
        "yield %h1, %e1\n} : f32<p>[], bool<p>[]\nreport \"b\", %b\n}\n";
    Case      *c = case_of_text(text);
    Difference d = compare(c, 1, 2, (PlanOptions){0});
    if (d.found) print_difference(c, &d);
    cr_assert(!d.found);
    arena_free(c->arena);
}

/* Data lie outside of the state. */
Test(engines, data_are_read)
{
    static const char *text =
        "axis p = 70\nslot \"i\" data : i32[5]\nslot \"w\" param : f32[3]\nslot \"d\" data : f32[40,3]\nfn f {report} {\n%i = read \"i\" : i32[5]\n%d = read \"d\" : f32[40,3]\n"
        "%w = read \"w\" : f32[3]\n%g = gather %d, %i : f32[5,3]\n%k = randint {stream \"k\" n 40} : i32<p>[]\n%ds = spread %d {over p} : f32<p>[40,3]\n%x = gather %ds, %k : f32<p>[3]\n"
        "%ws = spread %w {over p} : f32<p>[3]\n%y = mul %x, %ws : f32<p>[3]\n%s = sum %y {over p} : f32[3]\nreport \"g\", %g\nreport \"y\", %y\nreport \"s\", %s\n}\n";
    Case      *c = case_of_text(text);
    Difference d = compare(c, 1, 2, (PlanOptions){0});
    if (d.found) print_difference(c, &d);
    cr_assert(!d.found);
    arena_free(c->arena);
}

/* ---- faults planted in the tables of a function: the checker names each ------------------------------------------ */

static CodeStep *steps(Code *c) { return (CodeStep *)c->step; }

static void drop_waits(Code *c)
{
    for (int i = 0; i < c->n_steps; i++) steps(c)[i].waits = 0;
}
static void overlap_shards(Code *c)
{
    for (int i = 0; i < c->n_steps; i++)
        if (steps(c)[i].shards > 1) steps(c)[i].shard -= FRAME_PANEL / 2;
}
static void drop_samples(Code *c)                           /* the last shard is done by nobody */
{
    for (int i = 0; i < c->n_steps; i++)
        if (steps(c)[i].shards > 1) steps(c)[i].shards--;
}
static void do_twice(Code *c)                               /* more units than there are */
{
    for (int i = 0; i < c->n_steps; i++)
        if (steps(c)[i].kind == CODE_UNIFORM) ((CodeCall *)c->call)[steps(c)[i].panel.first].units *= 2;
}
static void move_a_buffer(Code *c)                          /* of the draw, behind the end of the frame */
{
    ((int64_t *)c->words)[c->call[steps(c)[0].panel.first].words + 2] += c->frame_bytes;
}

Test(checker, faults_are_named)
{
    static const char *text =
        "axis p = 200\nslot \"w\" param : f32[3]\nslot \"v\" param : f32[100,100]\nfn f {report} {\n%x = normal {stream \"x\"} : f32<p>[3]\n%s = sum %x {over p} : f32[3]\n%t = spread %s {over p} : f32<p>[3]\n"
        "%y = sub %x, %t : f32<p>[3]\n%v = read \"v\" : f32[100,100]\n%v1 = tanh %v : f32[100,100]\n%v2 = transpose %v1 {dims [1,0]} : f32[100,100]\n%v3 = cumsum %v2 {dim 0} : f32[100,100]\n"
        "%w = read \"w\" : f32[3]\n%w1 = add %w, %s : f32[3]\ncommit \"w\", %w1\nreport \"y\", %y\nreport \"v\", %v3\n}\n";
    static const struct { void (*spoil)(Code *c); int threads; const char *says[2]; } faults[] = {
        {NULL, 3, {NULL}},
        {drop_waits, 1, {NULL}},
        {drop_waits, 3, {" it, thread ", "of base 1: thread "}},
        {overlap_shards, 3, {" it, thread ", "of base 1: thread "}},
        {drop_samples, 3, {"a report is made of what nobody wrote: map: ld "}},
        {do_twice, 1, {" it, turn ", "of base 1: turn "}},
        {move_a_buffer, 2, {"of base 1, which has"}},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (uint64_t seed = 0; seed < 4; seed++) {
            Case     *c = case_of_text(text);
            GanEngine e;
            GanError  err = {0};
            CheckedOptions options = {faults[i].threads, {0}, 6, seed, faults[i].spoil};
            cr_assert_eq(checked_engine_new(c->m, &c->program, &options, &e, &err), GAN_OK, "%s", err.message);
            Side s = new_side(c, 1);
            run_one(&e, &s);
            const char *const *says = faults[i].says, *said = s.error.message;
            cr_expect(!s.status == !says[0], "%d: %s", (int)i, said);
            for (int k = 0; k < 2 && says[k]; k++) cr_expect(strstr(said, says[k]), "%d: %s", (int)i, said);
            e.free(e.self);
            arena_free(c->arena);
        }
}
