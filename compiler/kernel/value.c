/* value.c - what a value is to the planner: where it comes from, how it lies in memory, as which strides it can be read. */
#include "compiler/kernel/internal.h"
#include "base/bug.h"

const char *plan_decision_name(int i)
{
    static const char *const name[PLAN_DECISIONS] = {
#define DECISION(name, what) #name,
#include "compiler/kernel/plan.def"
#undef DECISION
    };
    return i >= 0 && i < PLAN_DECISIONS ? name[i] : NULL;
}

bool plan_takes(const KPlan *p, PlanDecision d) { return !(p->options.without & 1u << d); }

bool plan_did(KPlan *p, PlanDecision d, bool applies)
{
    bool does = applies && plan_takes(p, d);
    p->did[d] += does;
    return does;
}

static KValue *met(const KValues *t, const IrVal *v) { return v->id < (uint32_t)t->by_id.n ? t->by_id.v[v->id] : NULL; }

IrVal *kernel_resolve(const KPlan *p, const IrVal *v)
{
    for (const KValue *kv; (kv = met(p->values, v)) && kv->alias;) v = kv->alias;
    return (IrVal *)v;
}

KValue *kernel_value(const KPlan *p, const IrVal *v)
{
    KPlan   *plan = (KPlan *)p;
    KValues *t = plan->values;
    v = kernel_resolve(p, v);
    while (t->by_id.n <= (int)v->id) array_push(p->arena, &t->by_id, NULL);
    KValue **slot = &t->by_id.v[v->id];
    if (!*slot) {
        *slot = arena_new_of(p->arena, KValue);
        (*slot)->val = (IrVal *)v;
        (*slot)->tile = -2;
        array_push(p->arena, &plan->own, *slot);
    }
    return *slot;
}

bool kernel_inline(const IrNode *n)
{
    switch (n->op) {
    case IR_const: case IR_index: case IR_read: case IR_reshape: case IR_transpose: case IR_broadcast: case IR_slice:
    case IR_reverse: case IR_spread: case IR_as_feature: case IR_as_sample:
        return true;
    default:
        return false;
    }
}

bool kernel_member(const IrNode *n)
{
    return !kernel_inline(n) && (ir_op_info[n->op].klass == IR_CLASS_MAP || n->op == IR_gather || n->op == IR_pad);
}

bool kernel_is_long(const KKernel *k)
{
    enum { MOST_MEMBERS = 128 };
    return k->kind == K_MAP && k->nodes.n + k->sinks.n >= MOST_MEMBERS;
}

int kernel_tile_axis(const IrModule *m, IrAxes s)
{
    int best = -1;
    for (int i = 0; i < s.n; i++) {
        if (ir_extent(m, s.id[i]) >= K_LANES) return s.id[i];
        if (best < 0 || ir_extent(m, s.id[i]) > ir_extent(m, best)) best = s.id[i];
    }
    return best;
}

int64_t kernel_rest(const IrModule *m, const IrType *t, int tile)
{
    int64_t n = ir_dims_size(t);
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] != tile) n *= ir_extent(m, t->axes.id[i]);
    return n;
}

bool kernel_same_space(const IrType *a, const IrType *b)
{
    return ir_axes_equal(a->axes, b->axes) && ir_dims_equal(a, b);
}

KSpace kernel_space(const IrModule *m, const IrType *t, int lane_axis)
{
    KSpace s = {.lane = -1};
    for (int i = 0; i < t->axes.n; i++) {
        if (t->axes.id[i] == lane_axis) s.lane = s.n;
        s.comp[s.n].axis = t->axes.id[i];
        s.comp[s.n++].extent = ir_extent(m, t->axes.id[i]);
    }
    for (int i = 0; i < t->rank; i++) {
        s.comp[s.n].axis = -1;
        s.comp[s.n++].extent = t->dim[i];
    }
    if (lane_axis < 0) s.lane = s.n - 1;
    return s;
}

bool kernel_met(const IrNode *n, int i) { return i > 0 && n->arg[i] == n->arg[i - 1]; }

bool kernel_remade(const KPlan *p, const IrVal *v) { return kernel_value(p, v)->remade; }

/* Follows v through inline rows until it is computed, made again, a slot or a leaf. */
static KSource followed(const KPlan *p, const IrVal *v, int lane_axis, KSource s)
{
    for (;;) {
        v = kernel_resolve(p, v);
        if (!v->def || !kernel_inline(v->def)) { s.root = (IrVal *)v; return s; }
        const IrNode *n = v->def;
        if (n->op == IR_read) { s.slot = n->attr->slot; return s; }
        if (n->op == IR_const || n->op == IR_index) return s;
        if (n->op == IR_as_feature && n->attr->axis == lane_axis) s.broken = true;
        s.direct = false;
        v = n->arg[0];
    }
}

KSource kernel_source(const KPlan *p, const IrVal *v, int lane_axis)
{
    KSource s = followed(p, v, lane_axis, (KSource){.slot = -1, .direct = true});
    if (s.root && kernel_remade(p, s.root)) BUG("plan: one source asked of %%%u, which is made again", s.root->id);
    return s;
}

static void add_sources(const KPlan *p, const IrVal *v, int lane_axis, KSource before, KSources *out)
{
    KSource s = followed(p, v, lane_axis, before);
    if (!s.root && s.slot < 0) return;
    if (!s.root || !kernel_remade(p, s.root)) { out->v[out->n++] = s; return; }
    const IrNode *n = s.root->def;
    before = (KSource){.slot = -1, .direct = s.direct, .broken = s.broken};
    for (int i = 0; i < n->n_args; i++) {
        KSource arg = before;
        if (kernel_met(n, i)) continue;
        arg.direct &= n->op != IR_pad && kernel_same_space(&n->arg[i]->type, &s.root->type);
        add_sources(p, n->arg[i], lane_axis, arg, out);
    }
}

KSources kernel_sources(const KPlan *p, const IrVal *v, int lane_axis)
{
    KSources out = {0};
    add_sources(p, v, lane_axis, (KSource){.slot = -1, .direct = true}, &out);
    return out;
}

static bool is_number(const IrVal *v)
{
    while (v->def && kernel_inline(v->def) && v->def->n_args) v = v->def->arg[0];
    return v->def && v->def->op == IR_const;
}

static bool flat_operands(const KPlan *p, const IrNode *n, const KKernel *k)
{
    for (int i = 0; i < n->n_args; i++)
        if (!is_number(n->arg[i]) && !kernel_flat_access(p, n->arg[i], k)) return false;
    return true;
}

/* One running index over everything but the lane reaches v: inline rows on the way keep the row-major order. */
bool kernel_flat_access(const KPlan *p, const IrVal *v, const KKernel *k)
{
    int64_t rest = 1;
    for (int i = 0; i < k->space.n; i++)
        if (k->lane_axis < 0 || i != k->space.lane) rest *= k->space.comp[i].extent;
    for (;;) {
        v = kernel_resolve(p, v);
        const IrNode *n = v->def && kernel_inline(v->def) ? v->def : NULL;
        if (n && n->op == IR_const) return true;
        int64_t own = kernel_rest(p->m, &v->type, k->lane_axis);
        if (own != rest && own != 1) return false;
        if (own == 1 && rest != 1 && v->type.rank != 0) return false;
        if (own == 1 && rest != 1)                          /* a number: any way there will do as long as it stays one */
            for (int i = 0; i < v->type.axes.n; i++)
                if (v->type.axes.id[i] != k->lane_axis) return false;
        if (kernel_remade(p, v)) return v->def->op != IR_pad && flat_operands(p, v->def, k);
        if (!n || n->op == IR_read) {
            const KMem *m = n ? NULL : kernel_value(p, v)->mem;
            int tile = kernel_tile_axis(p->m, v->type.axes);
            return (tile < 0 || tile == k->lane_axis) && (!m || m->dense);
        }
        if (n->op != IR_reshape && !(n->op == IR_spread && n->attr->over.n == 1 && n->attr->over.id[0] == k->lane_axis))
            return false;
        v = n->arg[0];
    }
}

/* Only element-wise rows meet their operands at their own index. */
bool kernel_at_own_index(const IrNode *n) { return kernel_member(n) && n->op != IR_gather && n->op != IR_pad; }

void kernel_each_value(const KPlan *p, const KKernel *k, KVisit *visit, void *self)
{
    bool map = k->kind == K_MAP;
    for (int i = 0; i < k->nodes.n; i++) {
        const IrNode *n = k->nodes.v[i];
        if (map && kernel_value(p, &n->result[0])->accum) continue;     /* its operands were read by the accumulator */
        for (int a = 0; a < n->n_args; a++) visit(self, n->arg[a], map && kernel_at_own_index(n));
    }
    for (int i = 0; i < k->stores.n; i++) visit(self, k->stores.v[i].val, map);
    for (int i = 0; i < k->sinks.n && map; i++) visit(self, k->sinks.v[i]->node->arg[0], map);
    if (k->val) visit(self, k->val, false);
}

static void row_major(KMem *m, const IrModule *ir, const IrType *t, int64_t unit)
{
    int64_t stride = unit;
    for (int i = t->rank - 1; i >= 0; i--) { m->dim[i] = stride; stride *= t->dim[i]; }
    for (int i = t->axes.n - 1; i >= 0; i--) {
        if (t->axes.id[i] == m->tile) continue;
        m->axis[i] = stride;
        stride *= ir_extent(ir, t->axes.id[i]);
    }
}

static void dense_mem(const IrModule *m, KMem *mem, const IrType *t)
{
    *mem = (KMem){.tile = kernel_tile_axis(m, t->axes)};
    row_major(mem, m, t, mem->tile >= 0 ? K_LANES : 1);
}

KMem *kernel_mem(KPlan *p, KPlace place, const IrType *t, bool full)
{
    KMem *m = arena_new_of(p->arena, KMem);
    m->place = place;
    m->elem = t->elem;
    m->slot = -1;
    m->tile = kernel_tile_axis(p->m, t->axes);
    m->axes = t->axes;
    m->rank = t->rank;
    m->dense = true;
    m->first = INT32_MAX;
    m->last = -1;
    int64_t rest = kernel_rest(p->m, t, m->tile), n = rest;
    if (m->tile >= 0) {
        int64_t panels = place == K_SCRATCH ? full ? K_PANELS : 1 : (ir_extent(p->m, m->tile) + K_LANES - 1) / K_LANES;
        m->panel = place == K_SCRATCH && !full ? 0 : rest * K_LANES;
        n = rest * K_LANES * panels;
    }
    row_major(m, p->m, t, m->tile >= 0 ? K_LANES : 1);
    m->bytes = n * (int64_t)ir_elem_bytes(t->elem);
    m->made = p->n_mems++;
    return m;
}

KMem *kernel_frame(KPlan *p, IrVal *v)
{
    KValue *kv = kernel_value(p, v);
    kv->frame = true;
    if (!kv->mem) kv->mem = kernel_mem(p, K_FRAME, &kv->val->type, true);
    return kv->mem;
}

/* ---- operations ------------------------------------------------------------------------------------------------- */

double kernel_flops(const IrModule *m, const IrNode *n)
{
    double size = (double)(ir_axes_size(m, n->result[0].type.axes) * ir_dims_size(&n->result[0].type));
    if (n->op != IR_dot && n->op != IR_conv) return size;
    double sum = 0;
    for (int i = 0; i < n->attr->n_windows; i++) size *= ir_taps(n, i);
    if (n->op == IR_conv) size *= (double)ir_axes_size(m, n->attr->over);
    for (int i = 0; i < n->n_args / 2; i++) {
        double k = 1;
        for (int j = 0; j < n->attr->contract.n; j++) k *= (double)n->arg[2 * i]->type.dim[n->attr->contract.a[j]];
        if (n->attr->pair_over) k *= (double)ir_axes_size(m, n->attr->pair_over[i]);
        sum += 2 * k * size;
    }
    return sum;
}

/* ---- views ------------------------------------------------------------------------------------------------------ */

static bool view_reshape(KView *w, const IrType *from, const IrType *to)
{
    int64_t stride[IR_MAX_RANK];
    int i = from->rank, left_dim = -1;
    int64_t left = 1;                                       /* what remains of the operand's dim left_dim */
    for (int o = to->rank - 1; o >= 0; o--) {
        if (to->dim[o] == 1) { stride[o] = 0; continue; }
        while (left == 1) {
            if (--i < 0) return false;
            left = from->dim[i];
            left_dim = i;
            while (i > 0 && left > 0 && w->dim[i - 1] == w->dim[left_dim] * left) left *= from->dim[--i];
        }
        if (to->dim[o] == 0 || left % to->dim[o]) return false;
        stride[o] = w->dim[left_dim];
        w->dim[left_dim] *= to->dim[o];
        left /= to->dim[o];
    }
    for (int o = 0; o < to->rank; o++) w->dim[o] = stride[o];
    return true;
}

/* before: the row that `n` follows, if that was not taken on its own. */
static bool view_step(const KPlan *p, const IrNode *n, const IrNode *before, KView *w)
{
    const IrType *from = &n->arg[0]->type, *to = &n->result[0].type;
    KView old = *w;
    switch (n->op) {
    case IR_reshape:
        return view_reshape(w, from, to);
    case IR_transpose:
        for (int i = 0; i < to->rank; i++) w->dim[i] = old.dim[n->attr->dims.v[i]];
        return true;
    case IR_broadcast:
        for (int i = 0; i < to->rank; i++) w->dim[i] = 0;
        for (int i = 0; i < from->rank; i++) w->dim[n->attr->kept.v[i]] = old.dim[i];
        return true;
    case IR_slice:
        for (int i = 0; i < from->rank; i++) {
            w->offset += n->attr->lo.v[i] * old.dim[i];
            w->dim[i] = old.dim[i] * n->attr->step.v[i];
        }
        return true;
    case IR_reverse:
        for (int k = 0; k < n->attr->dims.n; k++) {
            int d = (int)n->attr->dims.v[k];
            w->offset += (from->dim[d] - 1) * old.dim[d];
            w->dim[d] = -old.dim[d];
        }
        return true;
    case IR_as_sample:                                      /* of an axis that became a dim just before: it has another name */
        if (ir_extent(p->m, n->attr->axis) != ir_extent(p->m, before->attr->axis)) return false;
        from = &before->arg[0]->type;
        for (int i = 0; i < to->axes.n; i++)
            for (int j = 0; j < from->axes.n; j++)
                if (from->axes.id[j] == (to->axes.id[i] == n->attr->axis ? before->attr->axis : to->axes.id[i])) w->axis[i] = old.axis[j];
        if (w->tile == before->attr->axis) w->tile = n->attr->axis;
        return true;
    case IR_spread:
        for (int i = 0; i < to->axes.n; i++) {
            w->axis[i] = 0;
            for (int j = 0; j < from->axes.n; j++)
                if (from->axes.id[j] == to->axes.id[i]) w->axis[i] = old.axis[j];
        }
        return true;
    default:
        return false;
    }
}

/* An axis becomes a dim, or a dim an axis: their strides stay what they are. */
static bool view_cross(const IrNode *n, KView *w)
{
    const IrType *from = &n->arg[0]->type, *to = &n->result[0].type;
    KView old = *w;
    int   axis = n->attr->axis;
    if (w->tile == axis) return false;                      /* it lies in panels */
    for (int i = 0; i < to->axes.n; i++) w->axis[i] = old.dim[0];
    for (int i = 0; i < to->axes.n; i++)
        for (int j = 0; j < from->axes.n; j++)
            if (from->axes.id[j] == to->axes.id[i]) w->axis[i] = old.axis[j];
    bool sample = n->op == IR_as_sample;
    for (int i = 0; i < from->axes.n && !sample; i++)
        if (from->axes.id[i] == axis) w->dim[0] = old.axis[i];
    for (int i = 0; i < to->rank; i++)
        if (sample || i) w->dim[i] = old.dim[sample ? i + 1 : i - 1];
    return true;
}

static KMem *slot_read(KPlan *p, const IrVal *v)
{
    KMem **m = &p->slot[v->def->attr->slot];
    if (*m) return *m;
    *m = kernel_mem(p, K_SLOT, &v->type, true);
    (*m)->slot = v->def->attr->slot;
    return *m;
}

/* mem: where the value is taken to lie that all the inline rows are on; NULL: where it does. cross: through axes that become dims, and dims that become axes. */
static bool view_on(const KPlan *p, const IrVal *v, KMem *mem, bool cross, KView *out)
{
    const IrNode *chain[64];
    int n = 0;
    for (;;) {
        v = kernel_resolve(p, v);
        if (!v->def || !kernel_inline(v->def) || v->def->op == IR_read) break;
        if (v->def->op == IR_const || v->def->op == IR_index || n == 64) return false;
        chain[n++] = v->def;
        v = v->def->arg[0];
    }
    *out = (KView){.mem = mem};
    if (mem) dense_mem(p->m, mem, &v->type);
    else out->mem = v->def && v->def->op == IR_read ? slot_read((KPlan *)p, v) : kernel_value(p, v)->mem;
    if (!out->mem) return false;
    for (int i = 0; i < v->type.axes.n; i++) out->axis[i] = out->mem->axis[i];
    for (int i = 0; i < v->type.rank; i++) out->dim[i] = out->mem->dim[i];
    out->tile = out->mem->tile;
    for (int i = n - 1; i >= 0; i--) {
        bool renames = i > 0 && chain[i]->op == IR_as_feature && chain[i - 1]->op == IR_as_sample;
        i -= renames;
        if (!renames && (chain[i]->op == IR_as_sample || chain[i]->op == IR_as_feature)) {
            if (!cross || !view_cross(chain[i], out)) return false;
        } else if (!view_step(p, chain[i], renames ? chain[i + 1] : NULL, out)) return false;
    }
    return true;
}

bool kernel_view(const KPlan *p, const IrVal *v, KView *out) { return view_on(p, v, NULL, false, out); }
bool kernel_view_across(const KPlan *p, const IrVal *v, KView *out) { return view_on(p, v, NULL, true, out); }

bool kernel_is_plain(const KPlan *p, const IrVal *v)
{
    KMem any;
    KView w;
    return view_on(p, v, &any, false, &w);
}
