/* ir.c - modules, types, axes, slots, functions: what the other files of this folder build on. See ir.h.
 *
 * Start at ir_module(). Nodes are made in build.c, typed in shape.c, moved and copied in change.c. */
#include "compiler/ir/ir.h"

#include "base/bug.h"

#include <math.h>
#include <string.h>

bool ir_compare_holds(IrCompare how, int sign)
{
    switch (how) {
    case IR_EQ: return sign == 0;
    case IR_NE: return sign != 0;
    case IR_LT: return sign < 0;
    case IR_LE: return sign <= 0;
    case IR_GT: return sign > 0;
    default: return sign >= 0;
    }
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

enum { MANY = IR_MANY };
enum { MAP = IR_CLASS_MAP, FEAT = IR_CLASS_FEAT, SAMP = IR_CLASS_SAMP, CROSS = IR_CLASS_CROSS, LAYOUT = IR_CLASS_LAYOUT,
       RAND = IR_CLASS_RAND, CTL = IR_CLASS_CTL, OPAQUE = IR_CLASS_OPAQUE };
enum { COMMUTES = IR_COMMUTES, LINEAR = IR_LINEAR, NOGRAD = IR_NOGRAD, LEAF = IR_LEAF, BOOLOUT = IR_BOOLOUT,
       EFFECT = IR_EFFECT, LOSSY = IR_LOSSY, POLES = IR_POLES };

const IrOpInfo ir_op_info[IR_OP_COUNT] = {
#define OP(name, operands, klass, flags, attrs, shape) [IR_##name] = {#name, operands, (IrClass)(klass), flags, attrs},
#include "compiler/ir/ops.def"
#undef OP
};

/* ---- element types, axes, types --------------------------------------------------------------------------------- */

size_t ir_elem_bytes(IrElem e)
{
    static const size_t bytes[] = {[IR_BOOL] = 1, [IR_I32] = 4, [IR_I64] = 8, [IR_F32] = 4, [IR_F64] = 8};
    return bytes[e];
}

const char *ir_elem_name(IrElem e)
{
    static const char *const name[] = {[IR_BOOL] = "bool", [IR_I32] = "i32", [IR_I64] = "i64", [IR_F32] = "f32", [IR_F64] = "f64"};
    return name[e];
}

IrAxes ir_no_axes(void) { return (IrAxes){0}; }
IrAxes ir_one_axis(int axis) { return (IrAxes){.n = 1, .id = {(uint16_t)axis}}; }

bool ir_axes_has(IrAxes s, int axis)
{
    for (int i = 0; i < s.n; i++)
        if (s.id[i] == axis) return true;
    return false;
}

IrAxes ir_axes_add(IrAxes s, int axis)
{
    if (ir_axes_has(s, axis)) return s;
    if (s.n == IR_MAX_AXES) BUG("a value with more than %d sample axes", IR_MAX_AXES);
    int at = s.n++;
    for (; at > 0 && s.id[at - 1] > axis; at--) s.id[at] = s.id[at - 1];
    s.id[at] = (uint16_t)axis;
    return s;
}

IrAxes ir_axes_union(IrAxes a, IrAxes b)
{
    for (int i = 0; i < b.n; i++) a = ir_axes_add(a, b.id[i]);
    return a;
}

IrAxes ir_axes_minus(IrAxes a, IrAxes b)
{
    IrAxes rest = {0};
    for (int i = 0; i < a.n; i++)
        if (!ir_axes_has(b, a.id[i])) rest.id[rest.n++] = a.id[i];
    return rest;
}

bool ir_axes_within(IrAxes a, IrAxes b) { return ir_axes_minus(a, b).n == 0; }
bool ir_axes_equal(IrAxes a, IrAxes b) { return a.n == b.n && ir_axes_within(a, b); }

bool ir_dims_equal(const IrType *a, const IrType *b)
{
    return a->rank == b->rank && (a->rank == 0 || memcmp(a->dim, b->dim, sizeof a->dim[0] * a->rank) == 0);
}

bool ir_type_equal(const IrType *a, const IrType *b)
{
    return a->elem == b->elem && ir_dims_equal(a, b) && ir_axes_equal(a->axes, b->axes);
}

int64_t ir_dims_size(const IrType *t)
{
    int64_t size = 1;
    for (int i = 0; i < t->rank; i++) size *= t->dim[i];
    return size;
}

IrType ir_scalar(IrElem e) { return (IrType){.elem = e}; }

IrType ir_type(IrElem e, IrAxes axes, IrInts dims)
{
    IrType t = {.elem = e, .rank = dims.n, .axes = axes};
    memcpy(t.dim, dims.v, sizeof t.dim[0] * dims.n);
    return t;
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

static const IrAttrs no_attrs = {.dim = -1, .axis = -1, .slot = -1, .stream = -1, .until = -1};
IrAttrs        ir_attrs(void) { return no_attrs; }
const IrAttrs *ir_no_attrs(void) { return &no_attrs; }

IrInts ir_ints(int n, const int64_t *v)
{
    if (n < 0 || n > IR_MAX_RANK) BUG("a list of %d numbers", n);
    IrInts x = {.n = (uint8_t)n};
    if (n) memcpy(x.v, v, sizeof *v * (size_t)n);
    return x;
}

IrInts ir_dims_of(const IrType *t) { return ir_ints(t->rank, t->dim); }

IrPairs ir_pairs(int n, const int *a, const int *b)
{
    if (n < 0 || n > IR_MAX_RANK) BUG("%d pairs of dims", n);
    IrPairs p = {.n = (uint8_t)n};
    for (int i = 0; i < n && i < IR_MAX_RANK; i++) {
        p.a[i] = (uint8_t)a[i];
        p.b[i] = (uint8_t)b[i];
    }
    return p;
}

IrPairs ir_no_pairs(void) { return (IrPairs){0}; }

/* ---- modules ---------------------------------------------------------------------------------------------------- */

IrModule *ir_module(Arena *a, IrElem real)
{
    IrModule *m = arena_new_of(a, IrModule);
    m->arena = m->axis_at.arena = m->axis_last.arena = m->slot_at.arena = m->stream_at.arena = m->fn_at.arena = a;
    m->real = real;
    return m;
}

IrModule *ir_module_beside(Arena *a, IrElem real, const IrModule *m)
{
    IrModule *made = ir_module(a, real);
    for (int i = 0; i < m->axes.n; i++) array_push(a, &made->axes, m->axes.v[i]);
    for (int i = 0; i < m->streams.n; i++) array_push(a, &made->streams, m->streams.v[i]);
    made->axis_at.behind = &m->axis_at;
    made->axis_last.behind = &m->axis_last;
    made->stream_at.behind = &m->stream_at;
    return made;
}

int ir_find_axis(const IrModule *m, const char *name) { return names_get(&m->axis_at, name); }

/* name, name2, name3 ... */
static const char *free_axis(IrModule *m, const char *name)
{
    int last = names_get(&m->axis_last, name);
    const char *free_name = name;
    for (int i = last < 0 ? 2 : last + 1; ir_find_axis(m, free_name) >= 0; i++) {
        free_name = arena_printf(m->arena, "%s%d", name, i);
        names_put(&m->axis_last, name, i);
    }
    return free_name;
}

int ir_axis(IrModule *m, const char *name, int64_t extent)
{
    if (extent < 0 || m->axes.n == UINT16_MAX) BUG("axis %s of extent %lld", name, (long long)extent);
    const char *free_name = free_axis(m, name);
    array_push(m->arena, &m->axes, ((IrAxis){.name = arena_str(m->arena, free_name), .extent = extent, .called = arena_str(m->arena, name)}));
    names_put(&m->axis_at, free_name, m->axes.n - 1);
    return m->axes.n - 1;
}

int64_t ir_extent(const IrModule *m, int axis)
{
    if (axis < 0 || axis >= m->axes.n) BUG("axis %d of %d", axis, m->axes.n);
    return m->axes.v[axis].extent;
}

int64_t ir_axes_size(const IrModule *m, IrAxes s)
{
    int64_t size = 1;
    for (int i = 0; i < s.n; i++) size *= ir_extent(m, s.id[i]);
    return size;
}

int ir_find_slot(const IrModule *m, const char *path) { return names_get(&m->slot_at, path); }

int ir_slot(IrModule *m, const char *path, IrType type, IrSlotKind kind, const char *player)
{
    if (ir_find_slot(m, path) >= 0) BUG("a second slot %s", path);
    if (type.axes.n) BUG("slot %s has sample axes", path);
    IrSlot slot = {.path = arena_str(m->arena, path), .type = type, .kind = kind, .player = player ? arena_str(m->arena, player) : NULL};
    array_push(m->arena, &m->slots, slot);
    names_put(&m->slot_at, path, m->slots.n - 1);
    return m->slots.n - 1;
}

int ir_stream(IrModule *m, const char *name)
{
    int found = names_get(&m->stream_at, name);
    if (found >= 0) return found;
    array_push(m->arena, &m->streams, arena_str(m->arena, name));
    names_put(&m->stream_at, name, m->streams.n - 1);
    return m->streams.n - 1;
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

IrFn *ir_find_fn(const IrModule *m, const char *name)
{
    int i = names_get(&m->fn_at, name);
    return i < 0 ? NULL : m->fns.v[i];
}

IrFn *ir_fn(IrModule *m, const char *name, IrFnKind kind)
{
    if (ir_find_fn(m, name)) BUG("a second function %s", name);
    IrFn *f = arena_new_of(m->arena, IrFn);
    f->name = arena_str(m->arena, name);
    f->kind = kind;
    f->tick_slot = -1;
    array_push(m->arena, &m->fns, f);
    names_put(&m->fn_at, name, m->fns.n - 1);
    return f;
}

void ir_commit(IrModule *m, IrFn *f, int slot, IrVal *v)
{
    if (slot < 0 || slot >= m->slots.n) BUG("%s commits slot %d of %d", f->name, slot, m->slots.n);
    IrSlot *s = &m->slots.v[slot];
    if (!ir_type_equal(&s->type, &v->type)) BUG("%s commits a value of another type to %s", f->name, s->path);
    if (s->committed == f) BUG("%s commits %s twice", f->name, s->path);     /* the verifier sees it where others did in between */
    s->committed = f;
    array_push(m->arena, &f->commits, ((IrCommit){slot, v}));
}

void ir_report(IrModule *m, IrFn *f, const char *name, IrVal *v)
{
    array_push(m->arena, &f->reports, ((IrReport){.name = arena_str(m->arena, name), .val = v}));
}

/* ---- walking ---------------------------------------------------------------------------------------------------- */

/* The first node of the first body at or after `from` that has any. */
static IrNode *first_in_bodies(const IrNode *n, int from)
{
    for (int i = from; i < n->n_bodies; i++)
        if (n->body[i]->first) return n->body[i]->first;
    return NULL;
}

static int body_index(const IrNode *owner, const IrBlock *b)
{
    for (int i = 0; i < owner->n_bodies; i++)
        if (owner->body[i] == b) return i;
    BUG("a block that is no body of its owner");
}

IrNode *ir_next(const IrNode *n)
{
    IrNode *inside = first_in_bodies(n, 0);
    if (inside) return inside;
    for (; n; n = n->block->owner) {
        if (n->next) return n->next;
        const IrNode *owner = n->block->owner;
        IrNode *sibling = owner ? first_in_bodies(owner, body_index(owner, n->block) + 1) : NULL;
        if (sibling) return sibling;
    }
    return NULL;
}

bool ir_has_form(const IrModule *m, IrForm form)
{
    for (int i = 0; i < m->fns.n; i++)
        for (const IrNode *n = m->fns.v[i]->body.first; n; n = ir_next(n))
            if (n->op == IR_dot && n->attr->form == form) return true;
    return false;
}

int *ir_use_counts(const IrModule *m, const IrFn *f, Arena *scratch)
{
    int *uses = arena_array(scratch, int, m->next_id + 1);
    for (IrNode *n = f->body.first; n; n = ir_next(n)) {
        for (int i = 0; i < n->n_args; i++) uses[n->arg[i]->id]++;
        for (int b = 0; b < n->n_bodies; b++)
            for (int i = 0; i < n->body[b]->n_yields; i++) uses[n->body[b]->yield[i]->id]++;
    }
    for (int i = 0; i < f->commits.n; i++) uses[f->commits.v[i].val->id]++;
    for (int i = 0; i < f->reports.n; i++) uses[f->reports.v[i].val->id]++;
    return uses;
}

typedef ARRAY(const IrVal *) Values;

static void push_inputs(Arena *scratch, Values *todo, const IrNode *n)
{
    for (int i = 0; i < n->n_args; i++) array_push(scratch, todo, n->arg[i]);
    for (int b = 0; b < n->n_bodies; b++)
        for (int i = 0; i < n->body[b]->n_yields; i++) array_push(scratch, todo, n->body[b]->yield[i]);
}

/* Values that were met, by their number. A table as long as the module would make every question cost as much as all of it. */
typedef struct { Arena *arena; const IrVal **at; int n, cap; } Met;

static const IrVal **met_place(const Met *t, const IrVal *v)
{
    unsigned at = v->id * 2654435769u >> 7;
    while (t->at[at & (unsigned)(t->cap - 1)] && t->at[at & (unsigned)(t->cap - 1)] != v) at++;
    return &t->at[at & (unsigned)(t->cap - 1)];
}

static void met_grow(Met *t)
{
    Met old = *t;
    t->cap = old.cap ? 2 * old.cap : 64;
    t->at = arena_array(t->arena, const IrVal *, t->cap);
    for (int i = 0; i < old.cap; i++)
        if (old.at[i]) *met_place(t, old.at[i]) = old.at[i];
}

/* False: it was met before. */
static bool meet(Met *t, const IrVal *v)
{
    if (2 * t->n >= t->cap) met_grow(t);
    const IrVal **place = met_place(t, v);
    if (*place) return false;
    *place = v;
    t->n++;
    return true;
}

bool ir_depends(IrVal *const *v, int n, IrVal *const *on, int n_on)
{
    Arena *scratch = arena_new();
    Met met = {.arena = scratch}, wanted = {.arena = scratch};
    Values todo = {0};
    for (int i = 0; i < n_on; i++) meet(&wanted, on[i]);
    for (int i = 0; i < n && n_on; i++) array_push(scratch, &todo, v[i]);
    bool found = false;
    while (todo.n && !found) {
        const IrVal *x = todo.v[--todo.n];
        if (!meet(&met, x)) continue;
        found = *met_place(&wanted, x) == x;
        const IrNode *from = x->def ? x->def : x->param_of ? x->param_of->owner : NULL;
        if (from) push_inputs(scratch, &todo, from);
    }
    arena_free(scratch);
    return found;
}

bool ir_is_const(const IrVal *v, double *value)
{
    if (!v->def || v->def->op != IR_const) return false;
    if (value) *value = v->def->attr->value;
    return true;
}

/* Draws are never 0, nor times a number that they do not vanish with. */
static bool is_scaled_draw(IrVal *const *arg)
{
    static const double least = 1e-20;
    bool is = false;
    double c;
    for (int i = 0; i < 2; i++) {
        const IrNode *draw = arg[1 - i]->def;
        is = is || (draw && (draw->op == IR_normal || draw->op == IR_uniform) && ir_is_const(arg[i], &c) && fabs(c) >= least);
    }
    return is;
}

static bool may_be_minus_zero(const IrVal *v, int depth)
{
    enum { DEEPEST = 8 };
    double c;
    if (!ir_is_real(v->type.elem)) return false;
    if (ir_is_const(v, &c)) return c == 0 && signbit(c);
    if (!v->def || depth == DEEPEST) return true;
    IrVal *const *arg = v->def->arg;
    switch (v->def->op) {
    case IR_exp:
    case IR_sigmoid:
    case IR_dsigmoid:
    case IR_softplus:
    case IR_abs:
    case IR_norm:
    case IR_uniform:
    case IR_normal: return false;
    case IR_mul: return arg[0] != arg[1] && !is_scaled_draw(arg);
    case IR_add: return may_be_minus_zero(arg[0], depth + 1) && may_be_minus_zero(arg[1], depth + 1);
    case IR_sub: return may_be_minus_zero(arg[0], depth + 1);
    case IR_select: return may_be_minus_zero(arg[1], depth + 1) || may_be_minus_zero(arg[2], depth + 1);
    case IR_convert: /* a tiny one below 0 becomes -0 */
        if (v->type.elem == IR_F32 && arg[0]->type.elem == IR_F64) return true;
        return may_be_minus_zero(arg[0], depth + 1);
    case IR_spread:
    case IR_broadcast:
    case IR_reshape:
    case IR_transpose:
    case IR_slice:
    case IR_as_feature:
    case IR_as_sample:
    case IR_stop: return may_be_minus_zero(arg[0], depth + 1);
    default: return true;
    }
}

bool ir_may_be_minus_zero(const IrVal *v) { return may_be_minus_zero(v, 0); }
