/* walk.c - nests to LLVM.
 *
 * A register is a list of LLVM values, one for each point of its dims but l. An address is made of pointers: the part of its index
 * that an outer loop knows is added outside that loop, once for all who need it. */
#include "compiler/llvm/walk.h"
#include "base/bug.h"
#include "compiler/llvm/rows.h"
#include "compiler/loop/words.h"
#include "runtime/symbols.h"

#include <string.h>

enum { BITS = LOOP_MAX_DIMS };

typedef struct Sum { LLVMValueRef from, sum; LoopIndex terms; } Sum;    /* from + terms */

typedef struct Stepped { LLVMValueRef from, now; LLVMTypeRef cell; int64_t by; } Stepped;   /* a pointer: where the loop finds it, in this turn; cells to a turn of the counter */

typedef struct Scope {                                      /* a body with LLVM blocks of its own; a block's is that of the body around it */
    struct Scope     *up;
    const LoopBody   *body;
    LLVMBasicBlockRef before;                               /* the block that branches into it */
    ARRAY(Sum)        sums;
    ARRAY(Stepped)    stepped;
    LLVMValueRef      first;                                /* of a loop: its counter's first value */
} Scope;

typedef struct Walk {
    LlvmUnit       *u;
    Arena          *a;
    LLVMBuilderRef  b;
    MathEmit        math;
    const LoopNest *n;
    LLVMValueRef    fn, bases, words, arg[LOOP_ARGS], frame;
    LLVMValueRef  **value;                                  /* by LoopReg.id, then by point */
    LLVMValueRef   *word, *buffer;                          /* what the entry block found */
    MathKeys       *keys[2];                                /* by LoopReg.id: the rounds of a stream's key, for scalars and for lanes; NULL: not made */
    Scope          *scope;
    int64_t         at[BITS];                               /* the point at hand */
} Walk;

/* ---- types and constants ---------------------------------------------------------------------------------------- */

static bool has_lanes(uint32_t dims) { return dims >> LOOP_L & 1; }

static LLVMTypeRef scalar_type(const Walk *w, IrElem t)
{
    switch (t) {
    case IR_BOOL: return w->u->i1;
    case IR_I32:  return w->u->i32;
    case IR_I64:  return w->u->i64;
    case IR_F32:  return w->u->f32;
    case IR_F64:  return w->u->f64;
    }
    BUG("llvm: no such element type");
}

static LLVMTypeRef cell_type(const Walk *w, IrElem t) { return t == IR_BOOL ? w->u->i8 : scalar_type(w, t); }
static LLVMTypeRef wide(LLVMTypeRef t, bool lanes) { return lanes ? LLVMVectorType(t, LOOP_LANES) : t; }
static LLVMValueRef number(const Walk *w, int64_t v) { return LLVMConstInt(w->u->i64, (unsigned long long)v, true); }
static LLVMValueRef place(const Walk *w, unsigned i) { return LLVMConstInt(w->u->i32, i, false); }

static LLVMValueRef spread(Walk *w, LLVMValueRef scalar)
{
    LLVMTypeRef t = LLVMVectorType(LLVMTypeOf(scalar), LOOP_LANES);
    if (LLVMIsConstant(scalar)) {
        LLVMValueRef all[LOOP_LANES];
        for (int i = 0; i < LOOP_LANES; i++) all[i] = scalar;
        return LLVMConstVector(all, LOOP_LANES);
    }
    LLVMValueRef v = LLVMBuildInsertElement(w->b, LLVMGetPoison(t), scalar, place(w, 0), "");
    LLVMTypeRef mask = LLVMVectorType(w->u->i32, LOOP_LANES);
    return LLVMBuildShuffleVector(w->b, v, LLVMGetPoison(t), LLVMConstNull(mask), "");
}

static LLVMValueRef iota(const Walk *w)
{
    LLVMValueRef all[LOOP_LANES];
    for (int i = 0; i < LOOP_LANES; i++) all[i] = number(w, i);
    return LLVMConstVector(all, LOOP_LANES);
}

static LLVMValueRef constant(const Walk *w, const LoopReg *r)
{
    if (ir_is_real(r->elem)) return LLVMConstReal(scalar_type(w, r->elem), r->value);
    return LLVMConstInt(scalar_type(w, r->elem), (unsigned long long)r->n, true);
}

static LLVMValueRef lane_of(Walk *w, LLVMValueRef v, int i)
{
    if (LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind) return v;
    return LLVMBuildExtractElement(w->b, v, place(w, (unsigned)i), "");
}

static LLVMValueRef shuffle(Walk *w, LLVMValueRef a, LLVMValueRef b, const int *mask, int n)
{
    LLVMValueRef m[LOOP_LANES];
    for (int i = 0; i < n; i++) m[i] = place(w, (unsigned)mask[i]);
    return LLVMBuildShuffleVector(w->b, a, b, LLVMConstVector(m, (unsigned)n), "");
}

/* ---- registers -------------------------------------------------------------------------------------------------- */

/* The dims but l are counted in order, the last fastest. */
static int64_t points_of(const Walk *w, uint32_t dims)
{
    int64_t n = 1;
    for (int d = 1; d < w->n->n_dims; d++)
        if (dims >> d & 1) n *= w->n->dim_size[d];
    return n;
}

static int64_t point_of(const Walk *w, uint32_t dims)
{
    int64_t p = 0;
    for (int d = 1; d < w->n->n_dims; d++)
        if (dims >> d & 1) p = p * w->n->dim_size[d] + w->at[d];
    return p;
}

static void go_to(Walk *w, uint32_t dims, int64_t point)
{
    for (int d = w->n->n_dims - 1; d >= 1; d--) {
        if (!(dims >> d & 1)) continue;
        w->at[d] = point % w->n->dim_size[d];
        point /= w->n->dim_size[d];
    }
}

/* A register at the point at hand; as lanes if asked, though it is the same along them. */
static LLVMValueRef value_of(Walk *w, const LoopReg *r, bool lanes)
{
    LLVMValueRef v;
    switch (r->kind) {
    case LOOP_REG_CONST: v = constant(w, r); break;
    case LOOP_REG_WORD:  v = w->word[r->n]; break;
    case LOOP_REG_ARG:   v = w->arg[r->n]; break;
    case LOOP_REG_DIM:   v = r->n == LOOP_L ? iota(w) : number(w, w->at[r->n]); break;
    default:             v = w->value[r->id][point_of(w, r->dims)]; break;
    }
    return lanes && LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind ? spread(w, v) : v;
}

static void set_value(Walk *w, const LoopReg *r, LLVMValueRef v)
{
    if (!w->value[r->id]) w->value[r->id] = arena_array(w->a, LLVMValueRef, points_of(w, r->dims));
    w->value[r->id][point_of(w, r->dims)] = v;
}

/* ---- loops without branches -------------------------------------------------------------------------------------- */

enum { MANY = 4 };                                          /* points that one pointer serves */

static bool has_loops(const LoopBody *b)
{
    for (int i = 0; i < b->ins.n; i++)
        if (b->ins.v[i]->body && (b->ins.v[i]->op != LOOP_block || has_loops(b->ins.v[i]->body))) return true;
    return false;
}

static bool reads_for_many(const Walk *w, const LoopBody *b)
{
    for (int i = 0; i < b->ins.n; i++) {
        const LoopIns *ins = b->ins.v[i];
        if (ins->op == LOOP_ld && !has_lanes(ins->result->dims) && points_of(w, ins->result->dims) >= MANY) return true;
    }
    return false;
}

/* Are a loop's turns written one after another? A few of a chain that reads numbers for many points: those then have constant places, and no branch is guessed
 * between them. */
static bool is_unrolled(const Walk *w, const LoopIns *i)
{
    if ((i->op != LOOP_do && i->op != LOOP_for) || !i->n_args || i->from.n || i->to.n || i->to.c <= i->from.c || i->to.c - i->from.c > LOOP_LANES * i->step) return false;
    return !has_loops(i->body) && reads_for_many(w, i->body);
}

static bool is_in(const LoopReg *r, const LoopBody *body)
{
    for (const LoopBody *b = r->body; b; b = b->up)
        if (b == body) return true;
    return false;
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static const Scope *scope_of(const Walk *w, const LoopReg *r)
{
    const LoopBody *b = r->body;
    const Scope *s = w->scope;
    while (b && b->owner && (b->owner->op == LOOP_block || is_unrolled(w, b->owner))) b = b->up;
    if (!b) b = &w->n->body;
    while (s && s->body != b) s = s->up;
    if (!s) BUG("llvm: a register out of its scope");
    return s;
}

static bool same_terms(const LoopIndex *a, const LoopIndex *b)
{
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++) same = a->term[i].reg == b->term[i].reg && a->term[i].by == b->term[i].by;
    return same;
}

static LLVMValueRef sum_of(Walk *w, const LoopIndex *x)
{
    LLVMValueRef sum = NULL;
    for (int i = 0; i < x->n; i++) {
        LLVMValueRef v = value_of(w, x->term[i].reg, false);
        if (x->term[i].by != 1) v = LLVMBuildNSWMul(w->b, v, number(w, x->term[i].by), "");
        sum = sum ? LLVMBuildNSWAdd(w->b, sum, v, "") : v;
    }
    return sum;
}

/* from + the terms that scope s adds. What an outer scope adds stands before the branch that leads further in. */
static LLVMValueRef added_in(Walk *w, Scope *s, const Scope *inner, LLVMValueRef from, LLVMTypeRef cell, const LoopIndex *terms)
{
    for (int i = 0; i < s->sums.n; i++)
        if (s->sums.v[i].from == from && same_terms(&s->sums.v[i].terms, terms)) return s->sums.v[i].sum;
    LLVMBasicBlockRef back = LLVMGetInsertBlock(w->b);
    if (inner) LLVMPositionBuilderBefore(w->b, LLVMGetBasicBlockTerminator(inner->before));
    LLVMValueRef off = sum_of(w, terms);
    LLVMValueRef sum = cell ? LLVMBuildInBoundsGEP2(w->b, cell, from, &off, 1, "")
                     : from ? LLVMBuildNSWAdd(w->b, from, off, "") : off;
    if (inner) LLVMPositionBuilderAtEnd(w->b, back);
    array_push(w->a, &s->sums, ((Sum){from, sum, *terms}));
    return sum;
}

/* Scope by scope, outermost first. */
static LLVMValueRef added(Walk *w, const Scope *s, const Scope *inner, LLVMValueRef from, LLVMTypeRef cell, const LoopIndex *x)
{
    if (!s) return from;
    from = added(w, s->up, s, from, cell, x);
    LoopIndex terms = {0};
    for (int i = 0; i < x->n; i++)
        if (scope_of(w, x->term[i].reg) == s) terms.term[terms.n++] = x->term[i];
    return terms.n ? added_in(w, (Scope *)s, inner, from, cell, &terms) : from;
}

/* What an index is made of at the point at hand: a number and registers without dims; `here`, registers along the dims of blocks; lanes:
 * step * l, or registers that vary along l. */
typedef struct Parts { LoopIndex plain, here, varying; int64_t step; } Parts;

/* The counter of a loop whose turns are written out. */
static bool is_turn(const Walk *w, const LoopReg *r) { return r->kind == LOOP_REG_COUNTER && LLVMIsConstant(w->value[r->id][0]); }

static Parts parts_of(Walk *w, const LoopIndex *x)
{
    Parts p = {.plain = {.c = x->c}};
    for (int i = 0; i < x->n; i++) {
        LoopReg *r = x->term[i].reg;
        int64_t by = x->term[i].by;
        if (is_turn(w, r)) p.plain.c += by * LLVMConstIntGetSExtValue(w->value[r->id][0]);
        else if (r->kind == LOOP_REG_DIM && r->n == LOOP_L) p.step += by;
        else if (r->kind == LOOP_REG_DIM) p.plain.c += by * w->at[r->n];
        else if (has_lanes(r->dims)) p.varying.term[p.varying.n++] = x->term[i];
        else if (r->dims) p.here.term[p.here.n++] = x->term[i];
        else p.plain.term[p.plain.n++] = x->term[i];
    }
    return p;
}

/* from + x, x as elements of `cell` (NULL: a sum of numbers; from may be NULL). */
static LLVMValueRef along(Walk *w, LLVMValueRef from, LLVMTypeRef cell, const LoopIndex *plain)
{
    LLVMValueRef v = added(w, w->scope, NULL, from, cell, plain), c = number(w, plain->c);
    if (!v) return c;
    if (!plain->c) return v;
    return cell ? LLVMBuildInBoundsGEP2(w->b, cell, v, &c, 1, "") : LLVMBuildNSWAdd(w->b, v, c, "");
}

/* What the loop at hand adds to an index each turn, if that is its counter's alone; else 0. */
static int64_t own_step(const Walk *w, const LoopIndex *x)
{
    int64_t by = 0;
    if (!w->scope->first) return 0;
    for (int i = 0; i < x->n; i++) {
        if (scope_of(w, x->term[i].reg) != w->scope) continue;
        if (by || x->term[i].reg != w->scope->body->counter) return 0;
        by = x->term[i].by;
    }
    return by;
}

/* A pointer of the loop's own: `by` cells further each turn. */
static LLVMValueRef stepping(Walk *w, Scope *s, LLVMValueRef from, LLVMTypeRef cell, int64_t by)
{
    LLVMValueRef counter = value_of(w, s->body->counter, false), off = number(w, by);
    LLVMBasicBlockRef back = LLVMGetInsertBlock(w->b);
    LLVMPositionBuilderBefore(w->b, LLVMGetBasicBlockTerminator(s->before));
    off = LLVMBuildMul(w->b, s->first, off, "");
    LLVMValueRef first = LLVMBuildGEP2(w->b, cell, from, &off, 1, "");
    LLVMPositionBuilderBefore(w->b, counter);
    LLVMValueRef now = LLVMBuildPhi(w->b, w->u->ptr, "");
    LLVMAddIncoming(now, &first, &s->before, 1);
    LLVMPositionBuilderAtEnd(w->b, back);
    array_push(w->a, &s->stepped, ((Stepped){from, now, cell, by}));
    return now;
}

/* The address of numbers that many points read: their multiply-adds read them where they lie, which a processor takes as one operation only if the
 * address has no second register. */
static LLVMValueRef stepped_address(Walk *w, LLVMValueRef base, LLVMTypeRef cell, const LoopIndex *x, int64_t by)
{
    Scope *s = w->scope;
    LoopIndex outer = {0};
    LLVMValueRef now = NULL, c = number(w, x->c);
    for (int i = 0; i < x->n; i++)
        if (x->term[i].reg != s->body->counter) outer.term[outer.n++] = x->term[i];
    LLVMValueRef from = added(w, s->up, s, base, cell, &outer);
    for (int i = 0; i < s->stepped.n && !now; i++)
        if (s->stepped.v[i].from == from && s->stepped.v[i].by == by) now = s->stepped.v[i].now;
    if (!now) now = stepping(w, s, from, cell, by);
    return x->c ? LLVMBuildInBoundsGEP2(w->b, cell, now, &c, 1, "") : now;
}

/* The same with what depends on the point. */
static LLVMValueRef address(Walk *w, LLVMValueRef base, LLVMTypeRef cell, const Parts *p)
{
    LLVMValueRef at = along(w, base, cell, &p->plain), off = sum_of(w, &p->here);
    if (!off) return at;
    return cell ? LLVMBuildInBoundsGEP2(w->b, cell, at, &off, 1, "") : LLVMBuildNSWAdd(w->b, at, off, "");
}

static LLVMValueRef index_value(Walk *w, const LoopIndex *x, bool lanes)
{
    Parts p = parts_of(w, x);
    LLVMValueRef v = address(w, NULL, NULL, &p);
    if (lanes) v = spread(w, v);
    if (p.step) {
        LLVMValueRef l = iota(w);
        if (p.step != 1) l = LLVMBuildMul(w->b, l, spread(w, number(w, p.step)), "");
        v = LLVMBuildAdd(w->b, v, l, "");
    }
    for (int i = 0; i < p.varying.n; i++) {
        LLVMValueRef r = value_of(w, p.varying.term[i].reg, lanes), by = number(w, p.varying.term[i].by);
        if (p.varying.term[i].by != 1) r = LLVMBuildMul(w->b, r, lanes ? spread(w, by) : by, "");
        v = LLVMBuildAdd(w->b, v, r, "");
    }
    return v;
}

/* Where each lane is: address i of 16. */
typedef struct Lanes { Walk *w; LLVMTypeRef cell; LLVMValueRef from, off; int64_t step; } Lanes;

static Lanes lanes_at(Walk *w, LLVMTypeRef cell, LLVMValueRef base, const Parts *p)
{
    Lanes l = {w, cell, address(w, base, cell, p), NULL, p->step};
    LoopIndex varying = p->varying;
    if (varying.n) l.off = index_value(w, &varying, true);
    return l;
}

static LLVMValueRef lane_address(const Lanes *l, int i)
{
    Walk *w = l->w;
    LLVMValueRef off = number(w, i * l->step), at = LLVMBuildInBoundsGEP2(w->b, l->cell, l->from, &off, 1, "");
    if (!l->off) return at;
    off = lane_of(w, l->off, i);
    return LLVMBuildInBoundsGEP2(w->b, l->cell, at, &off, 1, "");
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static LLVMValueRef from_cell(Walk *w, IrElem t, LLVMValueRef v)
{
    return t == IR_BOOL ? LLVMBuildICmp(w->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "") : v;
}

static LLVMValueRef to_cell(Walk *w, IrElem t, LLVMValueRef v)
{
    bool vec = LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind;
    return t == IR_BOOL ? LLVMBuildZExt(w->b, v, wide(w->u->i8, vec), "") : v;
}

static LLVMValueRef load_at(Walk *w, LLVMTypeRef t, LLVMValueRef at, unsigned align)
{
    LLVMValueRef v = LLVMBuildLoad2(w->b, t, at, "");
    LLVMSetAlignment(v, align);
    return v;
}

/* The first of numbers that lie side by side along a block's dim, the next turn's right behind them: a packed matrix, which a product reads once a panel. */
static bool is_stream(const Walk *w, const LoopIns *i)
{
    const LoopReg *side = NULL;
    int64_t turn = 0;
    for (int k = 0; k < i->at.n; k++) {
        const LoopReg *r = i->at.term[k].reg;
        if (r->kind == LOOP_REG_DIM) {
            if (side || r->n == LOOP_L || i->at.term[k].by != 1) return false;
            side = r;
        } else if (r->kind == LOOP_REG_COUNTER && scope_of(w, r) == w->scope) {
            turn = i->at.term[k].by;
        }
    }
    return side && !w->at[side->n] && turn == w->n->dim_size[side->n];
}

typedef enum { TO_SECOND = 2, TO_FIRST = 3 } Cache;

static void prefetch(Walk *w, LLVMValueRef at, bool written, Cache to)
{
    enum { DATA = 1 };
    static const char name[] = "llvm.prefetch";
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(w->u->module, LLVMLookupIntrinsicID(name, sizeof name - 1), &w->u->ptr, 1);
    LLVMValueRef args[] = {at, place(w, written), place(w, to), place(w, DATA)};
    LLVMBuildCall2(w->b, LLVMGlobalGetValueType(f), f, args, 4, "");
}

/* A matrix that fills no cache near the core comes from far, and processors do not look beyond a page's end on their own. One that is near loses nothing. */
static void look_ahead(Walk *w, LLVMValueRef from)
{
    enum { PAGE = 4096 };
    LLVMValueRef page = number(w, PAGE);
    prefetch(w, LLVMBuildGEP2(w->b, w->u->i8, from, &page, 1, ""), false, TO_FIRST);
}

static void hint(Walk *w, const LoopIns *i)
{
    Parts p = parts_of(w, &i->at);
    prefetch(w, address(w, w->buffer[i->buffer], cell_type(w, w->n->buffers.v[i->buffer].elem), &p), i->op == LOOP_ahead, i->op == LOOP_ahead ? TO_FIRST : TO_SECOND);
}

/* Another core may have a copy, which a store waits for to be gone, and those behind it with it: one of four bytes among other work does so in time. */
static void claim(Walk *w, const LoopIns *i)
{
    Parts p = parts_of(w, &i->at);
    LLVMSetAlignment(LLVMBuildStore(w->b, LLVMConstNull(w->u->i32), address(w, w->buffer[i->buffer], cell_type(w, w->n->buffers.v[i->buffer].elem), &p)), 4);
}

static LLVMValueRef load(Walk *w, const LoopIns *i)
{
    const LoopBuffer *m = &w->n->buffers.v[i->buffer];
    LLVMTypeRef cell = cell_type(w, m->elem);
    LLVMValueRef base = w->buffer[i->buffer];
    Parts p = parts_of(w, &i->at);
    bool lanes = has_lanes(i->result->dims);
    unsigned one = (unsigned)ir_elem_bytes(m->elem);
    if (is_stream(w, i)) look_ahead(w, address(w, base, cell, &p));
    int64_t by = !lanes && !p.here.n && points_of(w, i->result->dims) >= MANY ? own_step(w, &p.plain) : 0;
    if (by) return from_cell(w, m->elem, load_at(w, cell, stepped_address(w, base, cell, &p.plain, by), i->align));
    if (!lanes || (p.step == 1 && !p.varying.n))
        return from_cell(w, m->elem, load_at(w, wide(cell, lanes), address(w, base, cell, &p), i->align));
    Lanes l = lanes_at(w, cell, base, &p);
    LLVMValueRef v = LLVMGetPoison(wide(cell, true));
    for (int k = 0; k < LOOP_LANES; k++)
        v = LLVMBuildInsertElement(w->b, v, load_at(w, cell, lane_address(&l, k), one), place(w, (unsigned)k), "");
    return from_cell(w, m->elem, v);
}

static void store(Walk *w, const LoopIns *i)
{
    const LoopBuffer *m = &w->n->buffers.v[i->buffer];
    LLVMTypeRef cell = cell_type(w, m->elem);
    Parts p = parts_of(w, &i->at);
    bool lanes = has_lanes(loop_index_dims(&i->at));
    LLVMValueRef base = w->buffer[i->buffer], v = to_cell(w, m->elem, value_of(w, i->arg[0], lanes));
    if (!lanes || (p.step == 1 && !p.varying.n)) {
        LLVMSetAlignment(LLVMBuildStore(w->b, v, address(w, base, cell, &p)), i->align);
        return;
    }
    Lanes l = lanes_at(w, cell, base, &p);
    for (int k = 0; k < LOOP_LANES; k++)
        LLVMSetAlignment(LLVMBuildStore(w->b, lane_of(w, v, k), lane_address(&l, k)), (unsigned)ir_elem_bytes(m->elem));
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static LLVMTypeRef letter_type(const Walk *w, char c)
{
    switch (c) {
    case 'v': return LLVMVoidTypeInContext(w->u->c);
    case 'b': return w->u->i1;
    case 'i': return w->u->i32;
    case 'n': return w->u->i64;
    case 'f': return w->u->f32;
    case 'd': return w->u->f64;
    default:  return w->u->ptr;
    }
}

static LLVMValueRef call(Walk *w, int symbol, LLVMValueRef *args)
{
    const RuntimeSymbolInfo *s = &runtime_symbol[symbol];
    unsigned n = (unsigned)strlen(s->signature) - 1;
    LLVMTypeRef types[16];
    for (unsigned i = 0; i < n; i++) types[i] = letter_type(w, s->signature[i + 1]);
    LLVMTypeRef ft = LLVMFunctionType(letter_type(w, s->signature[0]), types, n, false);
    LLVMValueRef f = LLVMGetNamedFunction(w->u->module, s->name);
    if (!f) f = LLVMAddFunction(w->u->module, s->name, ft);
    return LLVMBuildCall2(w->b, ft, f, args, n, "");
}

/* For each lane of args[which], if that has lanes. */
static LLVMValueRef call_each(Walk *w, int symbol, LLVMValueRef *args, int which)
{
    LLVMValueRef x = args[which];
    if (LLVMGetTypeKind(LLVMTypeOf(x)) != LLVMVectorTypeKind) return call(w, symbol, args);
    LLVMValueRef v = LLVMGetPoison(LLVMVectorType(letter_type(w, runtime_symbol[symbol].signature[0]), LOOP_LANES));
    for (int i = 0; i < LOOP_LANES; i++) {
        args[which] = lane_of(w, x, i);
        v = LLVMBuildInsertElement(w->b, v, call(w, symbol, args), place(w, (unsigned)i), "");
    }
    return v;
}

static void call_routine(Walk *w, const LoopIns *i)
{
    LLVMValueRef args[16];
    for (int k = 0; k < i->n_pass; k++) {
        const LoopArg *p = &i->pass[k];
        if (p->kind == LOOP_PASS_REG) { args[k] = value_of(w, p->reg, false); continue; }
        Parts at = parts_of(w, &p->at);
        args[k] = address(w, w->buffer[p->buffer], cell_type(w, w->n->buffers.v[p->buffer].elem), &at);
    }
    call(w, i->symbol, args);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static LLVMValueRef each_lane_row(Walk *w, const LoopIns *i, bool lanes)
{
    IrElem t = i->result->elem;
    if (i->row == IR_polygamma) {
        LLVMValueRef args[2] = {LLVMConstInt(w->u->i32, (unsigned long long)i->n, true), value_of(w, i->arg[0], lanes)};
        return call_each(w, t == IR_F32 ? SYMBOL_math_polygamma_f32 : SYMBOL_math_polygamma_f64, args, 1);
    }
    LLVMValueRef x = LLVMBuildIntCast2(w->b, value_of(w, i->arg[1], lanes), wide(w->u->i64, lanes), true, "");
    LLVMValueRef args[3] = {value_of(w, i->arg[0], false), number(w, i->n), x};
    return LLVMBuildIntCast2(w->b, call_each(w, SYMBOL_random_permute, args, 2), wide(scalar_type(w, t), lanes), true, "");
}

static LLVMValueRef row(Walk *w, const LoopIns *i)
{
    bool lanes = has_lanes(i->result->dims);
    if (i->row == IR_polygamma || i->row == IR_permute) return each_lane_row(w, i, lanes);
    LLVMValueRef arg[3];
    for (int k = 0; k < i->n_args; k++) arg[k] = value_of(w, i->arg[k], lanes);
    return llvm_row(&w->math, i, i->arg[i->row == IR_select ? 1 : 0]->elem, arg);
}

static LLVMValueRef of_two(Walk *w, const LoopIns *i)
{
    bool lanes = has_lanes(i->result->dims);
    LLVMValueRef x = value_of(w, i->arg[0], lanes), y = value_of(w, i->arg[1], lanes);
    switch (i->op) {
    case LOOP_and:    return LLVMBuildAnd(w->b, x, y, "");
    case LOOP_or:     return LLVMBuildOr(w->b, x, y, "");
    case LOOP_inside: return LLVMBuildICmp(w->b, LLVMIntULT, x, y, "");
    case LOOP_quot:   return LLVMBuildUDiv(w->b, x, y, "");
    default:          return LLVMBuildURem(w->b, x, y, "");
    }
}

static LLVMValueRef trailing(Walk *w, const LoopIns *i)
{
    LLVMValueRef args[2] = {value_of(w, i->arg[0], false), LLVMConstInt(w->u->i1, true, false)};
    return llvm_intrinsic(&w->math, "llvm.cttz", args, 2);
}

static LLVMValueRef frame_number(Walk *w, const LoopIns *i)
{
    Parts p = parts_of(w, &i->at);
    return load_at(w, w->u->i64, address(w, w->frame, w->u->i8, &p), 8);
}

static LLVMValueRef lanes16(Walk *w, const LoopIns *i)
{
    LLVMValueRef v = value_of(w, i->arg[0], true);
    for (int half = LOOP_LANES / 2; half; half /= 2) {
        int lo[LOOP_LANES], hi[LOOP_LANES];
        for (int k = 0; k < half; k++) { lo[k] = k; hi[k] = k + half; }
        LLVMValueRef a = half > 1 ? shuffle(w, v, v, lo, half) : lane_of(w, v, 0);
        LLVMValueRef b = half > 1 ? shuffle(w, v, v, hi, half) : lane_of(w, v, 1);
        v = ir_is_real(i->result->elem) ? LLVMBuildFAdd(w->b, a, b, "") : LLVMBuildAdd(w->b, a, b, "");
    }
    return v;
}

/* Of two rows, by the lanes of `low` and `high`. */
static void exchange(Walk *w, LLVMValueRef *a, LLVMValueRef *b, const int *low, const int *high)
{
    LLVMValueRef x = shuffle(w, *a, *b, low, LOOP_LANES), y = shuffle(w, *a, *b, high, LOOP_LANES);
    *a = x;
    *b = y;
}

/* 16 vectors of 16. One bit of the row's number and of the lane's change places in each of two rounds, which leaves squares of 4 x 4, four beside
 * one another: of those, neighbouring numbers are interleaved, then pairs of them, which is an instruction each on most machines. */
static void turn(Walk *w, const LoopIns *i)
{
    LLVMValueRef v[LOOP_LANES];
    int low[LOOP_LANES], high[LOOP_LANES];
    for (int r = 0; r < LOOP_LANES; r++) { w->at[i->n] = r; v[r] = value_of(w, i->arg[0], true); }
    for (int bit = LOOP_LANES / 2; bit >= 4; bit /= 2) {
        for (int k = 0; k < LOOP_LANES; k++) {
            low[k] = k & bit ? LOOP_LANES + k - bit : k;
            high[k] = k & bit ? LOOP_LANES + k : k + bit;
        }
        for (int r = 0; r < LOOP_LANES; r++)
            if (!(r & bit)) exchange(w, &v[r], &v[r + bit], low, high);
    }
    for (int round = 0; round < 2; round++) {
        int unit = 1 << round;                              /* numbers that stay together */
        for (int k = 0; k < LOOP_LANES; k++) {
            int in = k % 4, of = in / unit % 2, at = k - in + (round ? in % 2 : in / 2);
            low[k] = of * LOOP_LANES + at;
            high[k] = low[k] + 2;
        }
        for (int r = 0; r < LOOP_LANES; r += round ? 1 : 2)
            if (!round || r % 4 < 2) exchange(w, &v[r], &v[r + unit], low, high);
    }
    for (int r = 0; r < LOOP_LANES; r++) {                  /* the first half of each square came of its even rows */
        w->at[i->n] = r - r % 4 + (r % 4 == 1 ? 2 : r % 4 == 2 ? 1 : r % 4);
        set_value(w, i->result, v[r]);
    }
}

/* ---- points in step ---------------------------------------------------------------------------------------------- */

/* The values of two or four points as one vector, whose instructions the back end splits one by one: what one point waits for, the others do meanwhile. */
enum { MOST_IN_STEP = 4 };

static int64_t in_step(const Walk *w, uint32_t dims)
{
    int64_t points = points_of(w, dims);
    return has_lanes(dims) && (points == 2 || points == MOST_IN_STEP) ? points : 1;
}

static LLVMValueRef lanes_from(Walk *w, LLVMValueRef a, LLVMValueRef b, int64_t from, int64_t n)
{
    LLVMValueRef mask[LOOP_LANES * MOST_IN_STEP];
    for (int k = 0; k < n; k++) mask[k] = place(w, (unsigned)(from + k));
    return LLVMBuildShuffleVector(w->b, a, b, LLVMConstVector(mask, (unsigned)n), "");
}

/* A register at `n` points of `dims` from `from` on. */
static LLVMValueRef joined(Walk *w, const LoopReg *r, uint32_t dims, int64_t from, int64_t n)
{
    go_to(w, dims, from);
    if (n == 1) return value_of(w, r, has_lanes(dims));
    LLVMValueRef a = joined(w, r, dims, from, n / 2), b = joined(w, r, dims, from + n / 2, n / 2);
    return lanes_from(w, a, b, 0, LOOP_LANES * n);
}

static void set_joined(Walk *w, const LoopReg *r, int64_t from, int64_t n, LLVMValueRef v)
{
    for (int64_t p = 0; p < n; p++) {
        go_to(w, r->dims, from + p);
        set_value(w, r, n == 1 ? v : lanes_from(w, v, v, p * LOOP_LANES, LOOP_LANES));
    }
}

static LLVMTypeRef type_like(LLVMTypeRef one, LLVMValueRef x)
{
    LLVMTypeRef t = LLVMTypeOf(x);
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMVectorType(one, LLVMGetVectorSize(t)) : one;
}

static LLVMValueRef number_like(Walk *w, LLVMValueRef x, int64_t c)
{
    LLVMTypeRef t = LLVMTypeOf(x);
    if (LLVMGetTypeKind(t) != LLVMVectorTypeKind) return number(w, c);
    LLVMValueRef all[LOOP_LANES * MOST_IN_STEP];
    for (unsigned i = 0; i < LLVMGetVectorSize(t); i++) all[i] = number(w, c);
    return LLVMConstVector(all, LLVMGetVectorSize(t));
}

/* ---- draws ------------------------------------------------------------------------------------------------------ */

/* The rounds stand where the key does, outside the loops that draw. */
static const MathKeys *keys_of(Walk *w, const LoopReg *key, bool lanes)
{
    MathKeys *k = &w->keys[lanes][key->id];
    if (k->round[0]) return k;
    LLVMValueRef v = value_of(w, key, false), next = LLVMGetNextInstruction(v);
    LLVMBasicBlockRef back = LLVMGetInsertBlock(w->b);
    if (next) LLVMPositionBuilderBefore(w->b, next);
    else LLVMPositionBuilderAtEnd(w->b, LLVMGetInstructionParent(v));
    *k = math_emit_philox_keys(&w->math, v, lanes ? LOOP_LANES : 0);
    LLVMPositionBuilderAtEnd(w->b, back);
    return k;
}

/* Of two values, per lane, by a bit of the element's number. */
static LLVMValueRef by_bit(Walk *w, LLVMValueRef element, int bit, LLVMValueRef zero, LLVMValueRef one)
{
    LLVMValueRef mask = LLVMBuildAnd(w->b, element, number_like(w, element, 1 << bit), "");
    return LLVMBuildSelect(w->b, LLVMBuildICmp(w->b, LLVMIntEQ, mask, LLVMConstNull(LLVMTypeOf(mask)), ""), zero, one, "");
}

/* Of the words of a block; less than 4 begin at another word in each lane. */
static void draw_words(Walk *w, const LoopIns *i, LLVMValueRef element, LLVMValueRef word[4], LLVMValueRef out[4])
{
    LLVMTypeRef real = type_like(scalar_type(w, i->result->elem), element);
    int count = i->n_results;
    if (count < 4)
        for (int k = 0; k < 2; k++) word[k] = by_bit(w, element, 1, word[k], word[k + 2]);
    if (i->row == IR_normal) {
        for (int k = 0; k < (count < 4 ? 2 : 4); k += 2) math_emit_normal_pair(&w->math, word[k], word[k + 1], real, out + k);
        if (count == 1) out[0] = by_bit(w, element, 0, out[0], out[1]);
        return;
    }
    if (count == 1) word[0] = by_bit(w, element, 0, word[0], word[1]);
    for (int k = 0; k < count; k++)
        out[k] = i->row == IR_uniform ? math_emit_uniform(&w->math, word[k], real)
                                      : math_emit_randint_word(&w->math, word[k], (uint32_t)i->n);
}

static void draw(Walk *w, const LoopIns *i)
{
    uint32_t dims = i->result->dims;
    const MathKeys *keys = keys_of(w, i->arg[0], has_lanes(dims));
    LLVMValueRef tick = value_of(w, i->arg[2], false), iteration = value_of(w, i->arg[3], false), word[4], out[4] = {0};
    int64_t step = in_step(w, dims);
    for (int64_t p = 0; p < points_of(w, dims); p += step) {
        LLVMValueRef element = joined(w, i->arg[1], dims, p, step);
        math_emit_philox(&w->math, keys, LLVMBuildLShr(w->b, element, number_like(w, element, 2), ""), tick, iteration, word);
        draw_words(w, i, element, word, out);
        for (int k = 0; k < i->n_results; k++) set_joined(w, &i->result[k], p, step, out[k]);
    }
}

/* ---- loops ------------------------------------------------------------------------------------------------------ */

static void walk_body(Walk *w, const LoopBody *b);

static LLVMBasicBlockRef block_new(Walk *w, const char *name) { return LLVMAppendBasicBlockInContext(w->u->c, w->fn, name); }

static Scope *scope_open(Walk *w, const LoopBody *body)
{
    Scope *s = arena_new_of(w->a, Scope);
    *s = (Scope){.up = w->scope, .body = body, .before = LLVMGetInsertBlock(w->b)};
    return w->scope = s;
}

static LLVMValueRef bound(Walk *w, const LoopIndex *x)
{
    Parts p = parts_of(w, x);
    return along(w, NULL, NULL, &p.plain);
}

/* The values of a carried register at the start of a turn: phis of what comes from before. */
static void open_carry(Walk *w, const LoopReg *carry, LLVMBasicBlockRef before, LLVMValueRef *first)
{
    for (int64_t p = 0; p < points_of(w, carry->dims); p++) {
        LLVMValueRef phi = LLVMBuildPhi(w->b, wide(scalar_type(w, carry->elem), has_lanes(carry->dims)), "");
        LLVMAddIncoming(phi, &first[p], &before, 1);
        go_to(w, carry->dims, p);
        set_value(w, carry, phi);
    }
}

static LLVMValueRef *values_of(Walk *w, const LoopReg *r, uint32_t dims)
{
    LLVMValueRef *v = arena_array(w->a, LLVMValueRef, points_of(w, dims));
    for (int64_t p = 0; p < points_of(w, dims); p++) {
        go_to(w, dims, p);
        v[p] = value_of(w, r, has_lanes(dims));
    }
    return v;
}

static void close_carry(Walk *w, const LoopReg *carry, const LoopReg *result, LLVMValueRef *next, LLVMValueRef *first, bool sure,
                        LLVMBasicBlockRef before, LLVMBasicBlockRef latch)
{
    for (int64_t p = 0; p < points_of(w, carry->dims); p++) {
        LLVMAddIncoming(w->value[carry->id][p], &next[p], &latch, 1);
        LLVMValueRef v = LLVMBuildPhi(w->b, LLVMTypeOf(next[p]), "");
        LLVMAddIncoming(v, &next[p], &latch, 1);
        if (!sure) LLVMAddIncoming(v, &first[p], &before, 1);
        go_to(w, result->dims, p);
        set_value(w, result, v);
    }
}

/* Where a pointer comes from LLVM is not told (freeze), or it makes a base and a counter of it that others share. */
static void step_on(Walk *w, const Scope *s, int64_t step, LLVMBasicBlockRef latch)
{
    for (int i = 0; i < s->stepped.n; i++) {
        const Stepped *p = &s->stepped.v[i];
        LLVMValueRef by = number(w, p->by * step), on = LLVMBuildFreeze(w->b, LLVMBuildGEP2(w->b, p->cell, p->now, &by, 1, ""), "");
        LLVMAddIncoming(p->now, &on, &latch, 1);
    }
}

/* What one turn adds up from its own registers is another's no more. */
static void forget_sums(Scope *s, const LoopBody *body)
{
    int kept = 0;
    for (int i = 0; i < s->sums.n; i++) {
        bool own = false;
        for (int k = 0; k < s->sums.v[i].terms.n; k++) own |= is_in(s->sums.v[i].terms.term[k].reg, body);
        if (!own) s->sums.v[kept++] = s->sums.v[i];
    }
    s->sums.n = kept;
}

static void set_values(Walk *w, const LoopReg *r, LLVMValueRef *v)
{
    for (int64_t p = 0; p < points_of(w, r->dims); p++) {
        go_to(w, r->dims, p);
        set_value(w, r, v[p]);
    }
}

static void turns(Walk *w, const LoopIns *i)
{
    LLVMValueRef **now = arena_array(w->a, LLVMValueRef *, i->n_args + 1);
    for (int k = 0; k < i->n_args; k++) now[k] = values_of(w, i->arg[k], i->body->carry[k].dims);
    for (int64_t at = i->from.c; at < i->to.c; at += i->step) {
        set_value(w, i->body->counter, number(w, at));
        for (int k = 0; k < i->n_args; k++) set_values(w, &i->body->carry[k], now[k]);
        walk_body(w, i->body);
        for (int k = 0; k < i->n_args; k++) now[k] = values_of(w, i->body->next[k], i->body->carry[k].dims);
        forget_sums(w->scope, i->body);
    }
    for (int k = 0; k < i->n_args; k++) set_values(w, &i->result[k], now[k]);
}

static void loop(Walk *w, const LoopIns *i)
{
    if (is_unrolled(w, i)) { turns(w, i); return; }
    bool sure = i->op == LOOP_do;
    LLVMBasicBlockRef head = block_new(w, "loop"), exit = block_new(w, "done");
    LLVMValueRef from = bound(w, &i->from), to = bound(w, &i->to);
    LLVMValueRef **first = arena_array(w->a, LLVMValueRef *, i->n_args + 1), **next = arena_array(w->a, LLVMValueRef *, i->n_args + 1);
    for (int k = 0; k < i->n_args; k++) first[k] = values_of(w, i->arg[k], i->body->carry[k].dims);
    Scope *s = scope_open(w, i->body);
    if (sure) LLVMBuildBr(w->b, head);
    else LLVMBuildCondBr(w->b, LLVMBuildICmp(w->b, LLVMIntSLT, from, to, ""), head, exit);
    LLVMPositionBuilderAtEnd(w->b, head);
    LLVMValueRef counter = LLVMBuildPhi(w->b, w->u->i64, "");
    LLVMAddIncoming(counter, &from, &s->before, 1);
    set_value(w, i->body->counter, counter);
    s->first = from;
    for (int k = 0; k < i->n_args; k++) open_carry(w, &i->body->carry[k], s->before, first[k]);
    walk_body(w, i->body);
    for (int k = 0; k < i->n_args; k++) next[k] = values_of(w, i->body->next[k], i->body->carry[k].dims);
    LLVMValueRef on = LLVMBuildNSWAdd(w->b, counter, number(w, i->step), "");
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(w->b);
    LLVMAddIncoming(counter, &on, &latch, 1);
    step_on(w, s, i->step, latch);
    LLVMBuildCondBr(w->b, LLVMBuildICmp(w->b, LLVMIntSLT, on, to, ""), head, exit);
    LLVMMoveBasicBlockAfter(exit, latch);
    LLVMPositionBuilderAtEnd(w->b, exit);
    w->scope = s->up;
    for (int k = 0; k < i->n_args; k++)
        close_carry(w, &i->body->carry[k], &i->result[k], next[k], first[k], sure, s->before, latch);
}

static void when(Walk *w, const LoopIns *i)
{
    LLVMBasicBlockRef yes = block_new(w, "when"), after = block_new(w, "after");
    LLVMValueRef c = value_of(w, i->arg[0], false);
    Scope *s = scope_open(w, i->body);
    LLVMBuildCondBr(w->b, c, yes, after);
    LLVMPositionBuilderAtEnd(w->b, yes);
    walk_body(w, i->body);
    LLVMBuildBr(w->b, after);
    LLVMMoveBasicBlockAfter(after, LLVMGetInsertBlock(w->b));
    LLVMPositionBuilderAtEnd(w->b, after);
    w->scope = s->up;
}

/* ---- instructions ----------------------------------------------------------------------------------------------- */

static LLVMValueRef value(Walk *w, const LoopIns *i)
{
    switch (i->op) {
    case LOOP_row:      return row(w, i);
    case LOOP_trailing: return trailing(w, i);
    case LOOP_index:    return index_value(w, &i->at, has_lanes(i->result->dims));
    case LOOP_frame:    return frame_number(w, i);
    case LOOP_ld:       return load(w, i);
    case LOOP_lanes16:  return lanes16(w, i);
    default:            return of_two(w, i);
    }
}

static void each_point(Walk *w, const LoopIns *i, uint32_t dims, void (*one)(Walk *w, const LoopIns *i))
{
    int64_t n = points_of(w, dims);
    for (int64_t p = 0; p < n; p++) {
        go_to(w, dims, p);
        one(w, i);
    }
}

static void put_value(Walk *w, const LoopIns *i) { set_value(w, i->result, value(w, i)); }

static void short_row(Walk *w, const LoopIns *i)
{
    uint32_t dims = i->result->dims;
    int64_t step = in_step(w, dims);
    for (int64_t p = 0; p < points_of(w, dims); p += step) {
        LLVMValueRef x = joined(w, i->arg[0], dims, p, step);
        set_joined(w, i->result, p, step, llvm_row(&w->math, i, i->arg[0]->elem, &x));
    }
}

static void walk_ins(Walk *w, const LoopIns *i)
{
    switch (i->op) {
    case LOOP_st:    each_point(w, i, loop_index_dims(&i->at), store); break;
    case LOOP_ahead:
    case LOOP_fetch: each_point(w, i, loop_index_dims(&i->at), hint); break;
    case LOOP_claim: each_point(w, i, loop_index_dims(&i->at), claim); break;
    case LOOP_turn:  each_point(w, i, i->result->dims & ~(1u << i->n), turn); break;
    case LOOP_draw:  draw(w, i); break;
    case LOOP_call:  call_routine(w, i); break;
    case LOOP_for:
    case LOOP_do:    loop(w, i); break;
    case LOOP_when:  when(w, i); break;
    case LOOP_block: walk_body(w, i->body); break;
    case LOOP_row:
        if (loop_is_short(i->row, i->result->elem) && !w->math.calls) short_row(w, i);
        else each_point(w, i, i->result->dims, put_value);
        break;
    default:         each_point(w, i, i->result->dims, put_value); break;
    }
}

static void walk_body(Walk *w, const LoopBody *b)
{
    for (int i = 0; i < b->ins.n; i++) walk_ins(w, b->ins.v[i]);
}

/* ---- the nest --------------------------------------------------------------------------------------------------- */

static LLVMValueRef gep(Walk *w, LLVMTypeRef t, LLVMValueRef from, LLVMValueRef by)
{
    return LLVMBuildInBoundsGEP2(w->b, t, from, &by, 1, "");
}

static LLVMValueRef buffer_address(Walk *w, const LoopBuffer *m)
{
    LLVMTypeRef cell = cell_type(w, m->elem);
    if (m->local) {
        LLVMValueRef a = LLVMBuildArrayAlloca(w->b, cell, number(w, m->cells), "");
        LLVMSetAlignment(a, 64);
        return a;
    }
    LLVMValueRef at = gep(w, w->u->i8, LLVMBuildLoad2(w->b, w->u->ptr, gep(w, w->u->ptr, w->bases, w->word[m->base]), ""), w->word[m->offset]);
    for (int i = 0; i < m->n_iter; i++) {
        LLVMValueRef counter = load_at(w, w->u->i64, gep(w, w->u->i8, w->frame, number(w, FRAME_COUNTER + 8 * m->iter[i].depth)), 8);
        at = gep(w, cell, at, LLVMBuildNSWMul(w->b, counter, number(w, m->iter[i].stride), ""));
    }
    LLVMValueRef panel = m->panel < 0 ? NULL : LLVMBuildMul(w->b, w->arg[0], w->word[m->panel], "");
    LLVMValueRef slot = m->slot < 0 ? NULL : LLVMBuildMul(w->b, w->arg[1], w->word[m->slot], "");
    if (!panel && !slot) return at;
    return gep(w, cell, at, panel && slot ? LLVMBuildAdd(w->b, panel, slot, "") : panel ? panel : slot);
}

/* The entry block finds the words and buffers. */
static void open_nest(Walk *w)
{
    for (int i = 0; i < w->n->n_words; i++) {
        LLVMValueRef at = gep(w, w->u->i64, w->words, number(w, i));
        w->word[i] = LLVMBuildLoad2(w->b, w->u->i64, at, "");
    }
    w->frame = LLVMBuildLoad2(w->b, w->u->ptr, w->bases, "");  /* the first of them */
    for (int i = 0; i < w->n->buffers.n; i++) w->buffer[i] = buffer_address(w, &w->n->buffers.v[i]);
}

/* ---- a nest ----------------------------------------------------------------------------------------------------- */

static bool is_function(IrOp op)
{
    switch (op) {
#define UNARY(name) case IR_##name:
    MATH_UNARY(UNARY)
#undef UNARY
        return op != IR_floor && op != IR_sqrt;
    default: return false;
    }
}

/* Elementary functions, each as often as it is unrolled. */
static int64_t functions_in(const Walk *w, const LoopBody *body)
{
    int64_t n = 0;
    for (int i = 0; i < body->ins.n; i++) {
        const LoopIns *ins = body->ins.v[i];
        if (ins->op == LOOP_row && is_function(ins->row)) n += points_of(w, ins->result->dims);
        if (ins->body) n += functions_in(w, ins->body);
    }
    return n;
}

/* From so many on, what LLVM takes for their code counts more than the calls: a `tanh` in line is milliseconds of the compiler's time. */
enum { MOST_IN_LINE = 16 };

LLVMValueRef llvm_nest(LlvmUnit *u, Arena *a, const LoopNest *n, const char *name)
{
    Walk w = {.u = u, .a = a, .b = u->b, .math = {.module = u->module, .builder = u->b, .no_fma = u->no_fma}, .n = n};
    w.math.calls = functions_in(&w, &n->body) > MOST_IN_LINE;
    w.fn = LLVMAddFunction(u->module, name, u->fn_type);
    LLVMSetLinkage(w.fn, LLVMInternalLinkage);
    LLVMAttributeRef nounwind = LLVMCreateEnumAttribute(u->c, LLVMGetEnumAttributeKindForName("nounwind", 8), 0);
    LLVMAddAttributeAtIndex(w.fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, nounwind);
    LLVMPositionBuilderAtEnd(w.b, block_new(&w, "entry"));
    w.bases = LLVMGetParam(w.fn, 0);
    w.words = LLVMGetParam(w.fn, 1);
    for (unsigned i = 0; i < LOOP_ARGS; i++) w.arg[i] = LLVMGetParam(w.fn, 2 + i);
    w.value = arena_array(a, LLVMValueRef *, n->n_ids + 1);
    w.word = arena_array(a, LLVMValueRef, n->n_words + 1);
    w.buffer = arena_array(a, LLVMValueRef, n->buffers.n + 1);
    for (int i = 0; i < 2; i++) w.keys[i] = arena_array(a, MathKeys, n->n_ids + 1);
    open_nest(&w);
    scope_open(&w, &n->body);
    walk_body(&w, &n->body);
    LLVMBuildRetVoid(w.b);
    return w.fn;
}

/* ---- modules ---------------------------------------------------------------------------------------------------- */

LlvmUnit llvm_unit_open(const char *name, const char *triple, LLVMTargetDataRef layout)
{
    LlvmUnit u = {.c = LLVMContextCreate()};
    u.module = LLVMModuleCreateWithNameInContext(name, u.c);
    u.b = LLVMCreateBuilderInContext(u.c);
    LLVMSetTarget(u.module, triple);
    LLVMSetModuleDataLayout(u.module, layout);
    u.i1 = LLVMInt1TypeInContext(u.c);
    u.i8 = LLVMInt8TypeInContext(u.c);
    u.i32 = LLVMInt32TypeInContext(u.c);
    u.i64 = LLVMInt64TypeInContext(u.c);
    u.f32 = LLVMFloatTypeInContext(u.c);
    u.f64 = LLVMDoubleTypeInContext(u.c);
    u.ptr = LLVMPointerTypeInContext(u.c, 0);
    LLVMTypeRef args[2 + LOOP_ARGS] = {u.ptr, u.ptr, u.i64, u.i64, u.i64, u.i64};
    u.fn_type = LLVMFunctionType(LLVMVoidTypeInContext(u.c), args, 2 + LOOP_ARGS, false);
    return u;
}

void llvm_unit_close(LlvmUnit *u)
{
    LLVMDisposeBuilder(u->b);
    LLVMDisposeModule(u->module);
    LLVMContextDispose(u->c);
}
