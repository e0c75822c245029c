/* face.c - numbers known now that somebody differentiates by.
 *
 * Such a number has two faces. The static one decides sizes and branches, as that of any number; the other is a node of the function
 * being built, made when the number first meets a tensor there: a leaf in f64, from which what is computed from the number depends; where
 * it is another name for a number with two faces, the leaf is made of that one's. What is of one round of a loop stands in its body: the leaf where the number
 * is met, and behind it what is computed from it.
 * An integer that is cut from such a number stays one, and is no way for a derivative. Arithmetic on such numbers gives numbers with two faces, and comparing them a condition whose face is that of a number it hangs on. */
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

enum { FACES_DEEP = 1000 };

struct Face {
    enum { FACE_LEAF, FACE_BINARY, FACE_MAP, FACE_PICK, FACE_CUT } kind;
    AstOp  op;
    IrOp   map;
    Value *a, *b;
    double value;
    int64_t whole;                                          /* FACE_CUT of an integer, which stays one: its value */
    bool   is_whole, first;
    Value *cond;                                            /* FACE_PICK: a condition with a face, by which it was picked; NULL: none */
    int    depth;                                           /* of the numbers it is computed from */
    Face  *home;                                            /* a leaf in the body of a loop that it hangs on, the innermost; NULL: none, its node stands at the entry */
    IrBlock *block; IrNode *last; int nest;                 /* of a home: the body, the last of the nodes that hang on it, and how many homes are around */
    ARRAY(struct { Fn *fn; IrVal *v; }) made;
};

static double number(const Value *v) { return v->kind == V_INT ? (double)v->i : v->r; }
static int depth_of(const Value *v) { return v && v->face ? v->face->depth : 0; }

static Face *home_of(const Value *v) { return v && v->face ? v->face->home : NULL; }
static Face *inner_home(Face *a, Face *b) { return !a || (b && b->nest > a->nest) ? b : a; }

static Face *face_new(Lower *L, Value *v, Value *a, Value *b)
{
    Face *f = arena_new_of(L->a, Face);
    f->a = a;
    f->b = b;
    f->value = number(v);
    f->depth = 1 + (depth_of(a) > depth_of(b) ? depth_of(a) : depth_of(b));
    f->home = inner_home(home_of(a), home_of(b));
    return v->face = f;
}

Value *face_leaf(Lower *L, const Value *v)
{
    Value *leaf = arena_copy(L->a, v, sizeof *v), *of = v->face ? arena_copy(L->a, v, sizeof *v) : NULL;
    face_new(L, leaf, of, NULL)->kind = FACE_LEAF;
    return leaf;
}

static IrVal *leaf_node(Ctx *c, double value)
{
    IrVal *leaf = diff_leaf(c, ir_const(fn_builder(c), IR_F64, value));
    array_push(c->L->a, &c->L->fn->known, leaf);
    return leaf;
}

Value *face_leaf_here(Ctx *c, const Value *v)
{
    Fn *fn = c->L->fn;
    Value *leaf = face_leaf(c->L, v);
    Face *f = leaf->face;
    f->nest = f->home ? f->home->nest + 1 : 1;
    IrVal *node = f->a ? diff_leaf(c, ir_convert(fn_builder(c), face_node(c, f->a), IR_F64)) : leaf_node(c, f->value);
    f->home = f;
    f->block = fn->b.block;
    f->last = node->def;
    array_push(c->L->a, &f->made, ((__typeof__(*f->made.v)){fn, node}));
    return leaf;
}

/* Where nodes of numbers stand: at the function's entry, in order, so that bodies of loops see them too; or behind the leaf in a body. */
static void at_place(Fn *f, const Face *home)
{
    if (home) {
        f->b.block = home->block;
        f->b.before = home->last->next;
        return;
    }
    f->b.block = &f->ir->body;
    f->b.before = f->last_face ? f->last_face->next : f->ir->body.first;
}

static IrVal *made_in(const Face *f, const Fn *fn)
{
    for (int i = f->made.n; i-- > 0;)
        if (f->made.v[i].fn == fn) return f->made.v[i].v;
    return NULL;
}

static Value *side(Ctx *c, Value *v) { return v->face ? val_tensor(c->L, face_node(c, v)) : v; }

/* Its value without its path: what a whole number cut from a real is. */
static IrVal *cut_node(Ctx *c, const Face *f)
{
    IrBuilder *b = fn_builder(c);
    IrVal *x = face_node(c, f->a->face ? f->a : f->b);
    IrVal *value = f->is_whole ? ir_const_int(b, int_elem(f->whole), f->whole) : ir_const(b, IR_F64, f->value);
    return ir_select(b, ir_compare(b, IR_EQ, x, x), value, value);
}

IrVal *face_condition(Ctx *c, const Value *cond)
{
    IrVal *x = face_node(c, cond);
    IrBuilder *b = fn_builder(c);
    return ir_select(b, ir_compare(b, IR_EQ, x, x), ir_const(b, IR_BOOL, cond->b), ir_const(b, IR_BOOL, cond->b));
}

static IrVal *node_or_number(Ctx *c, Value *v)
{
    IrBuilder *b = fn_builder(c);
    return v->face ? face_node(c, v) : v->kind == V_INT ? ir_const_int(b, int_elem(v->i), v->i) : ir_const(b, IR_F64, v->r);
}

/* Of two, the one that was picked; both are what it was picked from. */
static IrVal *pick_node(Ctx *c, const Face *f)
{
    IrBuilder *b = fn_builder(c);
    IrVal     *x = node_or_number(c, f->a), *y = node_or_number(c, f->b);
    bool       real = ir_is_real(x->type.elem) || ir_is_real(y->type.elem);
    IrElem     e = real ? IR_F64 : x->type.elem == y->type.elem ? x->type.elem : IR_I64;
    x = ir_convert(b, x, e), y = ir_convert(b, y, e);
    return ir_select(b, f->cond ? face_condition(c, f->cond) : ir_const(b, IR_BOOL, f->first), x, y);
}

static IrVal *make(Ctx *c, const Face *f)
{
    Value *v = NULL;
    switch (f->kind) {
    case FACE_LEAF: return f->a ? diff_leaf(c, ir_convert(fn_builder(c), face_node(c, f->a), IR_F64)) : leaf_node(c, f->value);
    case FACE_CUT: return cut_node(c, f);
    case FACE_PICK: return pick_node(c, f);
    case FACE_BINARY: v = arith_binary(c, f->op, side(c, f->a), side(c, f->b), SPAN_NONE); break;
    case FACE_MAP: v = arith_map(c, f->map, side(c, f->a), SPAN_NONE); break;
    }
    return as_tensor(c, v, SPAN_NONE);
}

IrVal *face_node(Ctx *c, const Value *v)
{
    Fn *fn = c->L->fn;
    Face *f = v->face;
    IrVal *node = made_in(f, fn);
    if (node) return node;
    IrBlock *block = fn->b.block;
    IrNode *before = fn->b.before;
    if (f->a && f->a->face) face_node(c, f->a);
    if (f->b && f->b->face) face_node(c, f->b);
    if (f->cond) face_node(c, f->cond);
    at_place(fn, f->home);
    Ctx entry = {.L = c->L, .batch = -1, .path = "", .index = ""};
    uint32_t from = c->L->m->next_id;
    node = make(&entry, f);
    if (node->def && node->id >= from) *(f->home ? &f->home->last : &fn->last_face) = node->def;         /* 1 * a is a, which stands further ahead */
    fn->b.block = block;
    fn->b.before = before;
    array_push(c->L->a, &f->made, ((__typeof__(*f->made.v)){fn, node}));
    return node;
}

/* The face of a result, made at once where a function is being built, so that none becomes deep. */
static Value *faced(Ctx *c, Value *v, Face *f)
{
    if (c->L->fn) face_node(c, v);
    else if (f->depth > FACES_DEEP) {
        if (!c->L->too_large)
            diag_error(c->L->diags, SPAN_NONE, E107, "a number that is differentiated by is computed in more than %d steps", FACES_DEEP);
        c->L->too_large = true;
    }
    return v;
}

static bool is_number(const Value *v) { return v->kind == V_INT || v->kind == V_REAL; }
static bool has_face(const Value *v) { return is_number(v) && v->face; }

Value *face_binary(Ctx *c, AstOp op, Value *a, Value *b, Value *result)
{
    if ((!has_face(a) && !has_face(b)) || !is_number(result)) return result;
    Face *f = face_new(c->L, result, a, b);
    f->kind = FACE_BINARY;
    f->op = op;
    return faced(c, result, f);
}

Value *face_map(Ctx *c, IrOp op, Value *a, Value *result)
{
    if (!has_face(a)) return result;
    Face *f = face_new(c->L, result, a, NULL);
    f->kind = FACE_MAP;
    f->map = op;
    return faced(c, result, f);
}

static Value *pick(Ctx *c, Value *cond, bool first, Value *a, Value *b)
{
    Value *result = arena_copy(c->L->a, first ? a : b, sizeof *a);
    Face *f = face_new(c->L, result, a, b);
    f->kind = FACE_PICK;
    f->first = first;
    f->cond = cond;
    f->home = inner_home(f->home, home_of(cond));
    if (cond && cond->face->depth >= f->depth) f->depth = 1 + cond->face->depth;
    return faced(c, result, f);
}

Value *face_pick(Ctx *c, bool first, Value *a, Value *b, Value *result)
{
    return (has_face(a) || has_face(b)) && is_number(a) && is_number(b) ? pick(c, NULL, first, a, b) : result;
}

/* The same value, which hangs on the condition. */
static Value *picked_leaf(Ctx *c, Value *leaf, void *cond)
{
    if (is_number(leaf)) return pick(c, cond, ((Value *)cond)->b, leaf, leaf);
    IrVal *t = leaf->kind == V_TENSOR || leaf->kind == V_SLOT || leaf->kind == V_LIST ? as_tensor(c, leaf, leaf->at) : NULL;
    if (!t) return leaf;
    Value *v = val_tensor(c->L, ir_select(fn_builder(c), face_condition(c, cond), t, t));
    v->tensor.classes = val_classes(leaf);
    return v;
}

Value *face_where(Ctx *c, Value *cond, Value *yes, Value *no)
{
    Value *one = cond->b ? yes : no;
    if (!cond->face) return face_pick(c, cond->b, yes, no, one);
    if (is_number(yes) && is_number(no)) return pick(c, cond, cond->b, yes, no);
    return c->L->fn ? map_fields(c, one, picked_leaf, cond) : one;
}

/* A number on which v hangs. */
static Value *reason(Ctx *c, const Value *v)
{
    Value *r = val_real(c->L, is_number(v) ? number(v) : v->b);
    r->face = v->face;
    return r;
}

Value *face_test(Ctx *c, Value *a, Value *b, Value *result)
{
    bool of_a = a->face != NULL, of_b = b && b->face;
    if (!of_a && !of_b) return result;
    Value *why = !of_b ? reason(c, a) : !of_a ? reason(c, b) : face_binary(c, AST_OP_ADD, reason(c, a), reason(c, b), val_real(c->L, 0));
    result->face = why->face;
    return result;
}

Value *face_cut(Ctx *c, Value *a, Value *b, Value *result)
{
    if (!a->face && !b->face) return result;
    Face *f = face_new(c->L, result, a, b);
    f->kind = FACE_CUT;
    f->is_whole = result->kind == V_INT;
    f->whole = f->is_whole ? result->i : 0;
    return faced(c, result, f);
}
