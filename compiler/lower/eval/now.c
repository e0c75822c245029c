/* now.c - what values are where the program begins: requirements and bijectors are held to numbers (require.c, consistent.c).
 *
 * What the values are made of is copied into a function of a module of its own, where all reals are f64 (but for now_as_it_is()), and the interpreter runs that. A slot
 * that is read, or a version of one, is what INIT gives it; data are themselves; some values are given as numbers. Nothing of the program is
 * changed. Start at now_numbers(), at the bottom. */
#include "base/bug.h"
#include "compiler/interp/interp.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"

#include <math.h>

static const double MOST_WORK = 3e7;                        /* products and elements, in all: a fraction of a second */

typedef struct Now {
    Lower      *L;
    Arena      *scratch;                                    /* of the module and all the rest */
    IrModule   *m;
    IrFn       *f;
    IrBuilder   b;
    IrVal     **first;                                      /* by slot: its value in INIT; NULL: it has none */
    IrVal     **to;                                         /* by value id: in the function being made */
    bool       *seen;                                       /* by value id: its operands have been asked for */
    ARRAY(IrVal *) todo;
    ARRAY(void *) memory;                                   /* of the module's slots */
    const NowGiven *given;  int n_given;
    double      work;
    NowSlots    slots;
    bool        as_they_are;                                /* reals keep their types */
    bool        failed;
} Now;

/* ---- where a value comes from ----------------------------------------------------------------------------------- */

/* The slot that v is read from or is a version of, or -1. */
static int slot_of(const IrVal *v)
{
    bool is = v->def && (v->def->op == IR_read || v->def->op == IR_stop);
    return is ? v->def->attr->slot : -1;
}

static const double *given_as(const Now *k, const IrVal *v)
{
    for (int i = 0; i < k->n_given; i++)
        if (k->given[i].v == v) return k->given[i].x;
    return NULL;
}

static bool is_data(const Now *k, int slot) { return k->L->m->slots.v[slot].kind == IR_SLOT_DATA; }

static void *data_of(const Now *k, int slot)
{
    GanError err;
    for (int i = 0; i < k->L->data.n; i++)
        if (k->L->data.v[i].slot == slot) return data_see(k->L, k->L->data.v[i].t, k->L->data.v[i].recipe, &err) ? k->L->data.v[i].t->data : NULL;
    return NULL;
}

/* ---- making it again -------------------------------------------------------------------------------------------- */

static double elements(const Now *k, const IrType *t) { return (double)ir_dims_size(t) * (double)ir_axes_size(k->m, t->axes); }

/* About what the node costs: of a product of [m, k] and [k, n], m * k * n. */
static void add_work(Now *k, const IrNode *n, double times)
{
    double in = 1, out = 0;
    for (int i = 0; i < n->n_results; i++) out += elements(k, &n->result[i].type);
    for (int i = 0; i < n->n_args; i++) in = fmax(in, elements(k, &n->arg[i]->type));
    if (n->op == IR_dot && n->n_args == 2) in = sqrt(elements(k, &n->arg[0]->type) * elements(k, &n->arg[1]->type) * out);
    k->work += times * (in + out);
    k->failed = k->failed || !(k->work <= MOST_WORK);
}

static IrElem wide(const Now *k, IrElem e) { return e == IR_F32 && !k->as_they_are ? IR_F64 : e; }

/* Rows of data are picked before they are widened. */
static IrVal *operand(Now *k, IrBuilder *b, const IrNode *n, int i)
{
    IrVal *v = k->to[n->arg[i]->id];
    if (!v) return k->failed = true, NULL;
    return n->op == IR_gather && i == 0 ? v : ir_convert(b, v, wide(k, v->type.elem));
}

static IrBlock *copy_body(Now *k, const IrBlock *from, double times);

static IrNode *copy_control(Now *k, IrBuilder *b, const IrNode *n, IrVal **args, double times)
{
    IrBlock *body[2] = {NULL, NULL};
    const IrAttrs *at = n->attr;
    for (int i = 0; i < n->n_bodies; i++) body[i] = copy_body(k, n->body[i], n->op == IR_scan ? times * (double)at->n : times);
    if (k->failed) return NULL;
    return n->op == IR_scan ? ir_scan_node(b, at->n, at->carried, at->stacked, at->until, args, n->n_args, body[0])
                            : ir_cond_node(b, args, n->n_args, body[0], body[1]);
}

static void copy_node(Now *k, IrBuilder *b, const IrNode *n, double times)
{
    IrVal **args = arena_array(k->scratch, IrVal *, n->n_args + 1);
    for (int i = 0; i < n->n_args; i++) args[i] = operand(k, b, n, i);
    add_work(k, n, times);
    if (n->op == IR_extern || (k->slots == NOW_FIXED && ir_op_info[n->op].klass == IR_CLASS_RAND)) k->failed = true;
    if (k->failed) return;
    IrVal *made = NULL;
    IrNode *copy = NULL;
    if (n->op == IR_const && ir_is_real(n->result[0].type.elem)) made = ir_const(b, wide(k, n->result[0].type.elem), n->attr->value);
    else if (n->op == IR_convert) made = ir_convert(b, args[0], wide(k, n->result[0].type.elem));
    else if (ir_op_info[n->op].flags & IR_LEAF) copy = ir_like(b, n, args);
    else copy = n->n_bodies ? copy_control(k, b, n, args, times) : ir_node(b, n->op, args, n->n_args, n->attr);
    if (made) k->to[n->result[0].id] = made;
    for (int i = 0; copy && i < n->n_results; i++) k->to[n->result[i].id] = ir_convert(b, &copy->result[i], wide(k, copy->result[i].type.elem));
}

static IrBlock *copy_body(Now *k, const IrBlock *from, double times)
{
    IrBlock *to = ir_block(k->m);
    IrBuilder b = {.m = k->m, .block = to};
    IrVal **yields = arena_array(k->scratch, IrVal *, from->n_yields + 1);
    for (int i = 0; i < from->n_params; i++) {
        IrType t = from->param[i]->type;
        t.elem = wide(k, t.elem);
        k->to[from->param[i]->id] = ir_block_param(k->m, to, t);
    }
    for (const IrNode *n = from->first; n && !k->failed; n = n->next) copy_node(k, &b, n, times);
    for (int i = 0; i < from->n_yields && !k->failed; i++) yields[i] = k->to[from->yield[i]->id];
    if (!k->failed) ir_block_yield(k->m, to, yields, from->n_yields);
    return to;
}

/* ---- leaves ----------------------------------------------------------------------------------------------------- */

static IrVal *read_new(Now *k, IrType t, const void *data)
{
    int slot = ir_slot(k->m, strf(k->L, "now.%d", k->m->slots.n), t, IR_SLOT_DATA, NULL);
    array_push(k->scratch, &k->memory, (void *)data);
    return ir_read(&k->b, slot);
}

static IrVal *read_given(Now *k, const IrVal *v, const double *x)
{
    IrType t = ir_scalar(IR_F64);
    for (int i = 0; i < v->type.axes.n; i++) t.dim[t.rank++] = ir_extent(k->m, v->type.axes.id[i]);
    for (int i = 0; i < v->type.rank; i++) t.dim[t.rank++] = v->type.dim[i];
    IrVal *made = read_new(k, t, x);
    for (int i = 0; i < v->type.axes.n; i++) made = ir_as_sample(&k->b, made, v->type.axes.id[i]);
    return ir_convert(&k->b, made, wide(k, v->type.elem));
}

/* A little beside where it begins. */
static IrVal *beside(Now *k, IrVal *v, int slot)
{
    IrBuilder *b = &k->b;
    if (k->slots != NOW_MOVED || k->L->m->slots.v[slot].kind != IR_SLOT_PARAM || !ir_is_real(v->type.elem)) return v;
    IrVal *by = ir_normal(b, ir_stream(k->m, strf(k->L, "now.moved.%d", slot)), v->type);
    return ir_add(b, v, ir_mul(b, by, ir_const(b, IR_F64, 0.1)));
}

static IrVal *read_slot(Now *k, const IrVal *v, int slot)
{
    const IrType *t = &k->L->m->slots.v[slot].type;
    if (k->slots == NOW_FIXED && !is_data(k, slot)) return NULL;
    if (k->first[slot]) return beside(k, k->to[k->first[slot]->id], slot);
    void *data = is_data(k, slot) ? data_of(k, slot) : NULL;
    if (is_data(k, slot)) return data ? read_new(k, *t, data) : NULL;
    IrType same = v->type;
    same.elem = wide(k, same.elem);
    IrVal *zero = ir_fill(&k->b, ir_const(&k->b, same.elem, 0), ir_dims_of(&same));
    return zero;
}

/* ---- all that is needed ----------------------------------------------------------------------------------------- */

static void want(Now *k, IrVal *v)
{
    if (!k->seen[v->id]) array_push(k->scratch, &k->todo, v);
}

/* Operands first; what a slot begins with is the operand of its read. */
static void want_operands(Now *k, const IrVal *v)
{
    int slot = slot_of(v);
    if (given_as(k, v)) return;
    if (slot >= 0 && k->first[slot] && k->first[slot] != v) want(k, k->first[slot]);
    if (slot >= 0) return;
    for (int i = 0; v->def && i < v->def->n_args; i++) want(k, v->def->arg[i]);
    k->failed = k->failed || !v->def;
}

static void make(Now *k, const IrVal *v)
{
    const double *x = given_as(k, v);
    int slot = slot_of(v);
    if (k->to[v->id] || k->failed) return;
    if (x) k->to[v->id] = read_given(k, v, x);
    else if (slot >= 0) k->to[v->id] = read_slot(k, v, slot);
    else copy_node(k, &k->b, v->def, 1);
    k->failed = k->failed || !k->to[v->id];
}

static void make_all(Now *k, IrVal *v)
{
    want(k, v);
    while (k->todo.n && !k->failed) {
        IrVal *at = k->todo.v[k->todo.n - 1];
        bool again = k->seen[at->id];
        k->seen[at->id] = true;
        if (again) k->todo.n--, make(k, at);
        else want_operands(k, at);
    }
}

/* ---- the run ---------------------------------------------------------------------------------------------------- */

static Now begin(Lower *L, const NowGiven *given, int n_given, NowSlots slots, bool as_they_are)
{
    Arena *a = arena_new();
    Now k = {.L = L, .scratch = a, .m = ir_module_beside(a, IR_F64, L->m), .given = given, .n_given = n_given, .slots = slots, .as_they_are = as_they_are};
    k.f = ir_fn(k.m, "now", IR_FN_REPORT);
    k.f->tick_slot = -1;
    k.b = (IrBuilder){.m = k.m, .block = &k.f->body};
    k.to = arena_array(a, IrVal *, L->m->next_id + 1);
    k.seen = arena_array(a, bool, L->m->next_id + 1);
    k.first = arena_array(a, IrVal *, L->m->slots.n + 1);
    const IrFn *init = L->init->ir;
    for (int i = 0; i < init->commits.n; i++) k.first[init->commits.v[i].slot] = init->commits.v[i].val;
    return k;
}

int64_t now_size(const Lower *L, const IrVal *v) { return ir_dims_size(&v->type) * ir_axes_size(L->m, v->type.axes); }

static bool run(Now *k, IrVal *const *v, int n, double **out)
{
    void **report = arena_array(k->scratch, void *, n + 1);
    for (int i = 0; i < n; i++) {
        bool   real = ir_is_real(v[i]->type.elem);
        IrVal *made = ir_convert(&k->b, k->to[v[i]->id], real ? IR_F64 : v[i]->type.elem);
        ir_report(k->m, k->f, strf(k->L, "v%d", i), made);
        report[i] = arena_alloc(k->scratch, (size_t)interp_type_bytes(k->m, &made->type) + 1);
    }
    GanError err;
    GanStatus st = interp_fn(k->m, k->f, &(InterpMemory){.slot = k->memory.v, .seed = 1}, report, NULL, NULL, &err);
    if (st == GAN_WORLD) no_memory_left(0);                 /* what was not looked at may not hold */
    if (st) return false;
    for (int i = 0; i < n; i++) {
        int64_t size = now_size(k->L, v[i]);
        out[i] = arena_array(k->L->work, double, size + 1);
        for (int64_t j = 0; j < size; j++) out[i][j] = interp_number(ir_is_real(v[i]->type.elem) ? IR_F64 : v[i]->type.elem, report[i], j);
    }
    return true;
}

static bool numbers(Lower *L, IrVal *const *v, int n, const NowGiven *given, int n_given, NowSlots slots, bool as_they_are, double **out)
{
    Now k = begin(L, given, n_given, slots, as_they_are);
    for (int i = 0; i < n && !k.failed; i++) make_all(&k, v[i]);
    bool ok = !k.failed && run(&k, v, n, out);
    arena_free(k.scratch);
    return ok;
}

bool now_numbers(Lower *L, IrVal *const *v, int n, const NowGiven *given, int n_given, NowSlots slots, double **out)
{
    return numbers(L, v, n, given, n_given, slots, false, out);
}

bool now_as_it_is(Lower *L, IrVal *v, const NowGiven *given, double **out) { return numbers(L, &v, 1, given, 1, NOW_FIXED, true, out); }
