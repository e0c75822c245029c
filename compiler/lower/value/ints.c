/* ints.c - which whole numbers a value of the program can be, so that integers are exact.
 *
 * An int is 32 bits where it is known to fit and 64 bits where it is not: before a sum, difference, product or reduction is made,
 * its operands are widened when its result could leave 32 bits. What is known comes from how the value was made (a constant, an
 * index, a class, a count); anything else may be all that its element type holds. */
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "runtime/math/scalar.h"

typedef struct Bounds { int64_t lo, hi; bool open; } Bounds;           /* open: nothing but the element type says so, at one end or both */

enum { HOW_DEEP = 6 };                                      /* nodes that join several values looked through; beyond, only the element type is known */

/* What is asked about, and what a condition says of one of its values: in the arm of a select, element by element. */
typedef struct Known {
    const Lower *L;
    const IrVal *v;                                         /* NULL: nothing is said */
    Bounds       b;
    const struct Known *up;
} Known;

static Bounds bounds_of(const Known *k, const IrVal *v, int depth);

static Bounds between(int64_t lo, int64_t hi) { return (Bounds){lo, hi, false}; }

static Bounds all_of(IrElem e)
{
    switch (e) {
    case IR_BOOL: return between(0, 1);
    case IR_I32: return (Bounds){INT32_MIN, INT32_MAX, true};
    default: return (Bounds){INT64_MIN, INT64_MAX, true};
    }
}

static int64_t clamped(__int128 x) { return x < INT64_MIN ? INT64_MIN : x > INT64_MAX ? INT64_MAX : (int64_t)x; }

static Bounds bounds_join(Bounds a, Bounds b)
{
    return (Bounds){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi, a.open || b.open};
}

static Bounds bounds_product(Bounds a, Bounds b)
{
    int64_t p[] = {clamped((__int128)a.lo * b.lo), clamped((__int128)a.lo * b.hi), clamped((__int128)a.hi * b.lo),
                   clamped((__int128)a.hi * b.hi)};
    Bounds r = {p[0], p[0], a.open || b.open};
    for (int i = 1; i < 4; i++) r = bounds_join(r, between(p[i], p[i]));
    return r;
}

/* min(max(k, 0), 9) is known at both ends, whatever k is. */
static Bounds closed(Bounds b)
{
    b.open = b.open && (b.lo <= INT32_MIN || b.hi >= INT32_MAX);
    return b;
}

/* a - b * floor(a / b), with 0 for a b of 0: between 0 and b, whatever a is. */
static Bounds bounds_rem(Bounds a, Bounds b)
{
    if (b.lo < 0) return (Bounds){b.lo + 1, b.hi > 0 ? b.hi - 1 : 0, b.open};
    int64_t most = b.hi > 0 ? b.hi - 1 : 0;
    if (a.lo >= 0 && a.hi < most) most = a.hi;
    return (Bounds){0, most, b.open && most >= INT32_MAX - 1};
}

static Bounds bounds_abs(Bounds a)
{
    int64_t least = a.lo > 0 ? a.lo : a.hi < 0 ? clamped(-(__int128)a.hi) : 0, down = clamped(-(__int128)a.lo);
    return (Bounds){least, down > a.hi ? down : a.hi, a.open};
}

/* floor(a / b), which is 0 for a b of 0. */
static Bounds bounds_quotient(Bounds a, Bounds b, IrElem e)
{
    if (b.lo < 0) return all_of(e);
    int64_t least = b.lo > 0 ? b.lo : 1, most = b.hi > 0 ? b.hi : 1;
    Bounds q = {math_div_i64(a.lo, a.lo < 0 ? least : most), math_div_i64(a.hi, a.hi < 0 ? most : least), a.open || b.open};
    return b.lo > 0 ? q : bounds_join(q, between(0, 0));
}

/* Of a op b, before it is cut to its element type. */
static Bounds bounds_result(IrOp op, Bounds a, Bounds b)
{
    bool open = a.open || b.open;
    switch (op) {
    case IR_add: return (Bounds){clamped((__int128)a.lo + b.lo), clamped((__int128)a.hi + b.hi), open};
    case IR_sub: return (Bounds){clamped((__int128)a.lo - b.hi), clamped((__int128)a.hi - b.lo), open};
    case IR_mul: return bounds_product(a, b);
    case IR_max: return closed((Bounds){a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi, open});
    case IR_min: return closed((Bounds){a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi, open});
    case IR_rem: return bounds_rem(a, b);
    case IR_div: return b.lo <= -1 && b.hi >= -1 ? (Bounds){a.lo, clamped(-(__int128)a.lo), open} : a;          /* the lowest by -1 is one more than the most */
    default: return bounds_join(a, b);
    }
}

static Bounds within(Bounds b, IrElem e)
{
    Bounds all = all_of(e);
    return b.lo >= all.lo && b.hi <= all.hi ? b : all;
}

/* The least number of its element type has no |x|: it stays what it is. */
static Bounds within_sign(Bounds a, IrElem e) { return a.lo == all_of(e).lo ? all_of(e) : within(bounds_abs(a), e); }

/* The classes that a type has held a file's numbers to; 0: none. */
static int64_t classes_of(const DataRecipe *r)
{
    for (int i = r ? r->n_steps : 0; i-- > 0;)
        if (r->step[i].what == DATA_CLASSES) return r->step[i].hi + 1;
    return 0;
}

/* Data are known, too: a file's classes by their type, and small tables, mostly lists of the program, are looked through. Where they are a
 * file's this is noted, as the program is then made for them. */
static Bounds of_data(const Lower *L, int slot, IrElem e)
{
    enum { SMALL = 1 << 12 };
    for (int i = 0; i < L->data.n; i++) {
        const GanTensor *t = L->data.v[i].t;
        int64_t n = gan_tensor_count(t), classes = classes_of(L->data.v[i].recipe);
        if (L->data.v[i].slot == slot && classes) return between(0, classes - 1);
        if (L->data.v[i].slot != slot || n < 1 || n > SMALL) continue;
        int64_t lo, hi;
        data_range(t, &lo, &hi);
        L->data.v[i].looked = true;
        return between(lo, hi);
    }
    return all_of(e);
}

/* What is read from a slot, or is a version of it. */
static bool of_class(const Lower *L, const IrVal *v, int64_t *n)
{
    bool of_slot = v->def && (v->def->op == IR_read || v->def->op == IR_stop) && v->def->attr->slot >= 0;
    *n = of_slot ? slot_classes(L, v->def->attr->slot) : 0;
    return *n > 0;
}

static Bounds of_parts(const Known *k, const IrNode *n, int depth)
{
    Bounds b = bounds_of(k, n->arg[0], depth);
    for (int i = 1; i < n->n_args; i++) b = bounds_join(b, bounds_of(k, n->arg[i], depth));
    return b;
}

static Bounds of_sum(const Known *k, const IrNode *n, int depth)
{
    const IrType *t = &n->arg[0]->type;
    Bounds count = between(1, 1);
    for (int i = 0; i < n->attr->dims.n; i++) count = bounds_product(count, between(t->dim[n->attr->dims.v[i]], t->dim[n->attr->dims.v[i]]));
    for (int i = 0; i < n->attr->over.n; i++) count = bounds_product(count, between(ir_extent(k->L->m, n->attr->over.id[i]), ir_extent(k->L->m, n->attr->over.id[i])));
    return within(bounds_product(bounds_of(k, n->arg[0], depth), count), n->result->type.elem);
}

static Bounds narrowed(Bounds a, IrCompare how, Bounds b)
{
    Bounds r = a;
    if ((how == IR_LT || how == IR_LE || how == IR_EQ) && b.hi - (how == IR_LT) < r.hi) r.hi = b.hi - (how == IR_LT);
    if ((how == IR_GT || how == IR_GE || how == IR_EQ) && b.lo + (how == IR_GT) > r.lo) r.lo = b.lo + (how == IR_GT);
    if (how == IR_NE && b.lo == b.hi && r.lo == b.lo) r.lo++;
    if (how == IR_NE && b.lo == b.hi && r.hi == b.lo) r.hi--;
    return r.lo > r.hi ? a : closed(r);                     /* the arm is never picked */
}

static IrCompare compare_not(IrCompare c)
{
    static const IrCompare not[] = {[IR_EQ] = IR_NE, [IR_NE] = IR_EQ, [IR_LT] = IR_GE, [IR_LE] = IR_GT, [IR_GT] = IR_LE, [IR_GE] = IR_LT};
    return not[c];
}

static IrCompare compare_turned(IrCompare c)
{
    static const IrCompare turned[] = {[IR_EQ] = IR_EQ, [IR_NE] = IR_NE, [IR_LT] = IR_GT, [IR_LE] = IR_GE, [IR_GT] = IR_LT, [IR_GE] = IR_LE};
    return turned[c];
}

/* Beneath what only makes an integer wider. */
static const IrVal *unwidened(const IrVal *v)
{
    bool wider = v->def && v->def->op == IR_convert && v->type.elem == IR_I64 && v->def->arg[0]->type.elem == IR_I32;
    return wider ? v->def->arg[0] : v;
}

static bool never(const IrVal *cond, bool holds)
{
    double x;
    return ir_is_const(cond, &x) && (x != 0) != holds;
}

/* and, or and not are selects: one arm is never so, so it is the other. What is said where a condition holds, or does not, is put on top of k. */
static const Known *condition_says(const Known *k, const IrVal *cond, bool holds, Known *room, int *left)
{
    enum { HOW_DEEP_SIDES = 2 };
    const IrNode *n = cond->def;
    if (!n || *left < 2) return k;
    for (int arm = 1; n->op == IR_select && arm < 3; arm++) {
        if (!never(n->arg[arm], holds)) continue;
        k = condition_says(k, n->arg[0], arm == 2, room, left);
        return condition_says(k, n->arg[3 - arm], holds, room, left);
    }
    if (n->op != IR_compare || ir_is_real(n->arg[0]->type.elem)) return k;
    IrCompare how = holds ? n->attr->compare : compare_not(n->attr->compare);
    const IrVal *a = unwidened(n->arg[0]), *b = unwidened(n->arg[1]);
    Bounds x = bounds_of(k, a, HOW_DEEP_SIDES), y = bounds_of(k, b, HOW_DEEP_SIDES);
    Known *of_a = &room[--*left], *of_b = &room[--*left];
    *of_a = (Known){k->L, a, narrowed(x, how, y), k};
    *of_b = (Known){k->L, b, narrowed(y, compare_turned(how), x), of_a};
    return of_b;
}

enum { MOST_SAID = 8 };

static Bounds of_arm(const Known *k, const IrNode *select, bool yes, int depth)
{
    Known room[MOST_SAID];
    int left = MOST_SAID;
    return bounds_of(condition_says(k, select->arg[0], yes, room, &left), select->arg[yes ? 1 : 2], depth);
}

/* What a loop gives: what its rounds yield, and what it begins with, where that may be all, or is kept by a sample that has ended. */
static Bounds of_loop(const Known *k, const IrVal *v, int depth)
{
    const IrNode *n = v->def;
    int carried = n->attr->carried;
    Bounds b = bounds_of(k, n->body[0]->yield[v->index], depth);
    if (v->index < carried) return bounds_join(b, bounds_of(k, n->arg[v->index], depth));
    for (int i = 0; i < carried && n->attr->until >= 0; i++)
        if (ir_type_equal(&n->arg[i]->type, &n->body[0]->yield[v->index]->type)) b = bounds_join(b, bounds_of(k, n->arg[i], depth));
    return b;
}

static Bounds of_node(const Known *k, const IrVal *v, int depth)
{
    const IrNode *n = v->def;
    IrElem e = v->type.elem;
    Known all = {.L = k->L};
    switch (n->op) {
    case IR_const: return between(n->attr->n, n->attr->n);
    case IR_index: {
        int64_t extent = n->attr->axis >= 0 ? ir_extent(k->L->m, n->attr->axis) : v->type.dim[n->attr->dim];
        return between(0, extent > 0 ? extent - 1 : 0);
    }
    case IR_randint: return between(0, n->attr->n - 1);
    case IR_div: return within(bounds_quotient(bounds_of(k, n->arg[0], depth), bounds_of(k, n->arg[1], depth), e), e);
    case IR_add: case IR_sub: case IR_mul: case IR_max: case IR_min: case IR_rem:
        return within(bounds_result(n->op, bounds_of(k, n->arg[0], depth), bounds_of(k, n->arg[1], depth)), e);
    case IR_neg: return within(bounds_result(IR_sub, between(0, 0), bounds_of(k, n->arg[0], depth)), e);
    case IR_abs: return within_sign(bounds_of(k, n->arg[0], depth), e);
    case IR_select: return bounds_join(of_arm(k, n, true, depth), of_arm(k, n, false, depth));
    case IR_convert: return ir_is_real(n->arg[0]->type.elem) ? all_of(e) : within(bounds_of(k, n->arg[0], depth), e);
    case IR_sum: return of_sum(&all, n, depth);
    case IR_cumsum: return within(bounds_product(bounds_of(&all, n->arg[0], depth), between(1, v->type.dim[n->attr->dim])), e);
    case IR_read: return of_data(k->L, n->attr->slot, e);
    case IR_concat: return n->n_args > 64 || !depth ? all_of(e) : of_parts(&all, n, depth - 1);       /* many: it counts twice */
    case IR_scan: return of_loop(&all, v, depth);
    case IR_argsort: return between(0, v->type.dim[v->type.rank - 1] - 1);
    case IR_argmax: return between(0, (n->attr->axis >= 0 ? ir_extent(k->L->m, n->attr->axis) : n->arg[0]->type.dim[n->attr->dim]) - 1);
    default: return all_of(e);
    }
}

/* A parameter of a loop's body: the round is known, and what is taken along; what is carried is not. */
static Bounds of_round(const Known *k, const IrVal *v, int depth)
{
    const Lower *L = k->L;
    const IrNode *loop = v->param_of ? v->param_of->owner : NULL;
    if (loop && loop->op == IR_scan && v->index >= loop->attr->carried && depth) return bounds_of(&(Known){.L = L}, loop->arg[v->index], depth - 1);
    for (int i = 0; L->fn && i < L->fn->loops.n; i++)
        if (L->fn->loops.v[i].index == v) return between(0, L->fn->loops.v[i].n > 0 ? L->fn->loops.v[i].n - 1 : 0);
    return all_of(v->type.elem);
}

/* What such a row gives are some of its operand's elements: of whole numbers, every index of a gather is known to fit (eval/index.c). */
static bool only_moves(IrOp op)
{
    switch (op) {
    case IR_reduce_max: case IR_reshape: case IR_broadcast: case IR_transpose: case IR_slice: case IR_reverse: case IR_spread:
    case IR_as_feature: case IR_as_sample: case IR_gather: case IR_stop: return true;
    default: return false;
    }
}

static Bounds of_itself(const Known *k, const IrVal *v, int depth)
{
    if (!v->def && !ir_is_real(v->type.elem)) return of_round(k, v, depth);
    if (!v->def || !depth || ir_is_real(v->type.elem)) return all_of(v->type.elem);
    return of_node(k, v, depth - 1);
}

/* Where elements move, a condition has said nothing of them. */
static Bounds bounds_of(const Known *k, const IrVal *v, int depth)
{
    Known all = {.L = k->L};
    for (const Known *u = k; u->v; u = u->up)
        if (u->v == v) return u->b;
    int64_t n;
    for (; v->def && only_moves(v->def->op) && !of_class(k->L, v, &n); v = v->def->arg[0])
        if (v->def->op != IR_stop) k = &all;
    return of_class(k->L, v, &n) ? between(0, n - 1) : of_itself(k, v, depth);
}

static Bounds bounds_now(const Lower *L, const IrVal *v) { return bounds_of(&(Known){.L = L}, v, HOW_DEEP); }


static bool narrow(Bounds b) { return b.lo >= INT32_MIN && b.hi <= INT32_MAX; }

static bool leaves_64(IrOp op, Bounds a, Bounds b)
{
    __int128 lo[] = {a.lo, b.lo}, hi[] = {a.hi, b.hi}, p[4];
    switch (op) {
    case IR_add: p[0] = p[1] = lo[0] + lo[1], p[2] = p[3] = hi[0] + hi[1]; break;
    case IR_sub: p[0] = p[1] = lo[0] - hi[1], p[2] = p[3] = hi[0] - lo[1]; break;
    default: p[0] = lo[0] * lo[1], p[1] = lo[0] * hi[1], p[2] = hi[0] * lo[1], p[3] = hi[0] * hi[1];
    }
    for (int i = 0; i < 4; i++)
        if (p[i] < INT64_MIN || p[i] > INT64_MAX) return true;
    return false;
}

/* Of numbers whose bounds the program itself gives, a result that may not fit is a mistake; computed ones beyond that wrap. */
static bool too_wide(Ctx *c, const char *word, bool leaves, Span at)
{
    if (!leaves) return false;
    Diag *d = diag_error(c->L->diags, at, E207, "what %s makes here may not fit in 64 bits", word);
    diag_hint(d, "real(x) makes an integer a real, which is rounded");
    return true;
}

bool ints_fit(Ctx *c, IrOp op, const IrVal *a, const IrVal *b, Span at)
{
    if (ir_is_real(a->type.elem) || ir_is_real(b->type.elem)) return true;
    Bounds x = bounds_now(c->L, a), y = bounds_now(c->L, b);
    const char *word = op == IR_add ? "+" : op == IR_sub ? "-" : "*";
    return x.open || y.open || !too_wide(c, word, leaves_64(op, x, y), at);
}

bool ints_product_stays(const Lower *L, const IrVal *a, const IrVal *b) { return !leaves_64(IR_mul, bounds_now(L, a), bounds_now(L, b)); }

bool ints_sum_fits(Ctx *c, const IrVal *t, int64_t n, Span at)
{
    if (ir_is_real(t->type.elem)) return true;
    Bounds x = bounds_now(c->L, t);
    return x.open || !too_wide(c, "sum", leaves_64(IR_mul, x, between(n, n)), at);
}

void ints_widen(Ctx *c, IrOp op, IrVal **a, IrVal **b)
{
    if ((*a)->type.elem != IR_I32 || (*b)->type.elem != IR_I32) return;
    if (narrow(bounds_result(op, bounds_now(c->L, *a), bounds_now(c->L, *b)))) return;
    *a = ir_convert(fn_builder(c), *a, IR_I64);
    *b = ir_convert(fn_builder(c), *b, IR_I64);
}

IrVal *ints_widen_sum(Ctx *c, IrVal *t, int64_t n)
{
    Bounds one = bounds_now(c->L, t), count = between(n, n);
    bool wide = t->type.elem == IR_I32 && !narrow(bounds_product(one, count));
    return wide ? ir_convert(fn_builder(c), t, IR_I64) : t;
}

bool ints_within(const Lower *L, const IrVal *v, int64_t lo, int64_t hi)
{
    Bounds b = bounds_now(L, v);
    return b.lo >= lo && b.hi <= hi;
}

bool ints_known(const Lower *L, const IrVal *v, int64_t *lo, int64_t *hi)
{
    Bounds b = bounds_now(L, v);
    *lo = b.lo, *hi = b.hi;
    return !b.open;
}

/* Each guard says what its condition does; the one inside first, so that it is what is found. */
static const Known *guards_say(const Known *k, const Guard *g, Known *room, int *left)
{
    if (!g) return k;
    k = guards_say(k, g->up, room, left);
    return condition_says(k, g->cond, g->holds, room, left);
}

bool ints_guarded(const Ctx *c, const IrVal *v, int64_t lo, int64_t hi)
{
    Known all = {.L = c->L}, room[MOST_SAID];
    int left = MOST_SAID;
    Bounds b = bounds_of(guards_say(&all, c->guards, room, &left), v, HOW_DEEP);
    return b.lo >= lo && b.hi <= hi;
}
