/* stabilise.c - see stabilise.h. The walk over a block; trees are read in tree_read.c, written in tree_write.c; small
 * rules are in tree_local.c. A block is changed in place; a value that others need too is first taken apart from them,
 * in tree_apart.c.
 *
 * In order over the block: rows that the form does not know get the best value of each operand. The best value of a
 * tree is found once, when it is first asked for: through the form, or, when nothing is gained, the tree itself with
 * better leaves. M6: a tree that is a number per sample is computed in f64. New nodes stand before those they replace,
 * so nothing is ever used too early. Start at stabilise_block(). */
#include "compiler/opt/stabilise.h"

#include "compiler/opt/tree.h"

#include <math.h>

enum {
    MOST_TIMES = 4,
    MOST_MORE = 40,
    MOST_SERIES = 120, /* what rewriting may cost where there are many numbers: new nodes by old ones, with two series */
    MOST_OF_LAST = 6, /* times half a last place is within 4 of them */
    MOST_OFF = 2 /* last places of a value whose slopes are within 4 */
};

/* ---- what is known of a node ------------------------------------------------------------------------------------ */

static int at_most(int a) { return a < 2 * TREE_NODES ? a : 2 * TREE_NODES; }

/* max(T, number) and min of it, which the pass has made, and what is made of those alone. */
static bool is_held(Walk *w, const IrNode *n)
{
    if ((n->op == IR_max || n->op == IR_min) && n->why == IR_WHY_STABILISED && ir_is_const(n->arg[1], NULL)) return true;
    bool held = false, all = tree_row(w, n->result) > READ_NUMBER && n->op != IR_select;
    for (int k = 0; k < n->n_args && all; k++) {
        const NodeInfo *a = tree_info(w, n->arg[k]);
        bool number = tree_row(w, n->arg[k]) == READ_NUMBER;
        held |= a && a->held;
        all = number || (a && a->held);
    }
    return all && held;
}

static bool holds_any(Walk *w, const IrNode *n)
{
    bool holds = false;
    for (int k = 0; k < n->n_args && !holds && tree_row(w, n->result) > READ_NUMBER; k++) {
        const NodeInfo *a = tree_info(w, n->arg[k]);
        holds = a && (a->held || a->holds);
    }
    return holds;
}

static void measure(Walk *w, IrNode *n, NodeInfo *i)
{
    IrVal *v = n->n_results == 1 ? n->result : NULL;
    i->held = v && is_held(w, n);
    i->holds = v && !i->held && holds_any(w, n);
    Reading how = v ? tree_reading(w, v) : READ_NOT;
    i->size = 1;
    if (how == READ_NOT || how == READ_NUMBER) return;
    i->functions = how == READ_FUNCTION;
    for (int k = 0; k < n->n_args; k++) {
        NodeInfo *a = tree_info(w, n->arg[k]);
        i->size = at_most(i->size + (a ? a->size : 1));
        i->functions = at_most(i->functions + (a ? a->functions : 0));
    }
}

NodeInfo *tree_info(Walk *w, const IrVal *v)
{
    IrNode *n = v->def;
    if (!n || n->block != w->b->block || n->n_results != 1) return NULL;
    if (!n->mark) {
        n->mark = arena_new_of(w->scratch, NodeInfo);
        measure(w, n, n->mark);
    }
    return n->mark;
}

IrBuilder tree_before(const Walk *w, const IrVal *v)
{
    return (IrBuilder){
        .m = w->b->m, .block = w->b->block, .before = v->def, .span = v->def->span, .why = IR_WHY_STABILISED};
}

/* ---- one tree --------------------------------------------------------------------------------------------------- */

/* One axis: all pairs of samples are many numbers. */
static bool is_per_sample(const Walk *w, const IrVal *v)
{
    return v->type.elem == w->b->m->real && v->type.rank == 0 && v->type.axes.n == 1;
}

static bool is_of_sample(const IrVal *v) { return v->type.rank == 0 && v->type.axes.n == 1; }

/* Of an update's derivatives the pass takes those of heads only: few numbers, and merged they keep their digits where two
 * sides cancel. Logarithms of what was not looked through before may be better now. */
static bool is_ours(const Walk *w, const IrNode *n)
{
    if (n->mark && ((const NodeInfo *)n->mark)->held) return false;
    if (!w->skip_derivatives) return n->why != IR_WHY_STABILISED;
    if (n->op == IR_log && n->why == IR_WHY_STABILISED) return is_of_sample(n->result);
    return n->why == IR_WHY_FORWARD || n->why == IR_WHY_ASKED || (n->why == IR_WHY_ADJOINT && is_per_sample(w, n->result));
}

/* Is v the top of a tree that is ours to rewrite? */
static bool is_tree(Walk *w, IrVal *v)
{
    NodeInfo *i = tree_info(w, v);
    Reading how = i ? tree_reading(w, v) : READ_NOT;
    if (how == READ_NOT || how == READ_NUMBER || i->size > TREE_NODES) return false;
    return !w->slopes && is_ours(w, v->def);
}

static bool is_widened(const Walk *w, const IrVal *v)
{
    const NodeInfo *i = v->def && v->def->block == w->b->block && v->def->n_results == 1 ? v->def->mark : NULL;
    return i && i->wide;
}

bool tree_is_head(const Walk *w, const IrVal *v)
{
    return w->b->m->real == IR_F32 && (is_per_sample(w, v) || is_widened(w, v));
}

void tree_widen(Walk *w, const IrVal *v)
{
    NodeInfo *i = tree_info(w, v);
    if (i && i->functions && v->type.elem == IR_F32) i->wide = true;
}

static bool is_from_f64(const IrVal *v)
{
    return v->def && v->def->op == IR_convert && v->def->arg[0]->type.elem == IR_F64;
}

static bool has_f64_leaf(Walk *w, const Reader *r)
{
    bool has = false;
    for (int i = 0; i < r->space.n_leaves; i++)
        for (int k = 0; k < r->leaf[i].n; k++) has |= is_from_f64(tree_best(w, r->leaf[i].base[k]));
    return has;
}

/* One function of a leaf: nothing to gain. Nor without a function, unless a leaf would be rounded to f32 first. */
static bool is_plain(Walk *w, const Reader *r)
{
    IrVal *v = r->root;
    while (tree_reading(w, v) == READ_SAME) v = v->def->arg[0];
    if (r->functions == 0 && tree_is_head(w, v)) return tree_reading(w, v) != READ_ALGEBRA || !has_f64_leaf(w, r);
    return r->functions == 0 || (r->functions == 1 && tree_reading(w, v) == READ_FUNCTION);
}

IrVal *tree_convert(IrBuilder *b, IrVal *v, IrElem elem)
{
    double c;
    if (ir_is_const(v, &c) && v->type.rank == 0 && ir_is_real(elem)) return ir_const(b, elem, c);
    bool back = v->def && v->def->op == IR_convert && ir_is_real(elem) && v->def->arg[0]->type.elem == elem;
    return back ? v->def->arg[0] : ir_convert(b, v, elem);
}

/* made has to stand where v stood. */
static IrVal *of_type(IrBuilder *b, IrVal *made, const IrVal *v)
{
    made = tree_convert(b, made, v->type.elem);
    IrAxes lost = ir_axes_minus(v->type.axes, made->type.axes); /* a leaf that cancelled */
    if (lost.n) made = ir_spread(b, made, lost);
    return made->type.rank == v->type.rank ? made : ir_fill(b, made, ir_dims_of(&v->type));
}

/* Products of sigmoids, tanh, softplus and what has no function in it, as activations and their derivatives are: nothing can cancel or
 * overflow, and what a factor is a function of is looked at for itself. */
static bool is_product_of_closed(Walk *w, IrVal *v)
{
    Reading how = tree_reading(w, v);
    NodeInfo *i = tree_info(w, v);
    IrNode *n = v->def;
    if (how <= READ_NUMBER || (i && i->functions == 0)) return true;
    if (n->op == IR_tanh || n->op == IR_sigmoid || n->op == IR_dsigmoid || n->op == IR_softplus) return true;
    bool closed = how == READ_SAME || n->op == IR_mul;
    for (int k = 0; closed && k < n->n_args; k++) closed = is_product_of_closed(w, n->arg[k]);
    return closed;
}

/* Is a function that went into the form also in a leaf? Apart from each other their derivatives would no longer meet
 * before they are rounded. */
static bool is_shared(Walk *w, const IrVal *v, int tree, int *nodes)
{
    NodeInfo *i = tree_info(w, v);
    if (!i || ++*nodes > TREE_NODES || ir_op_info[v->def->op].klass != IR_CLASS_MAP) return false;
    bool shared = i->tree == tree;
    for (int k = 0; k < v->def->n_args && !shared; k++) shared = is_shared(w, v->def->arg[k], tree, nodes);
    return shared;
}

static bool shares_with_leaf(Walk *w, const Reader *r)
{
    bool shared = false;
    int nodes = 0;
    for (int i = 0; i < r->space.n_leaves; i++)
        for (int k = 0; k < r->leaf[i].n; k++) shared = shared || is_shared(w, r->leaf[i].base[k], r->tree, &nodes);
    return shared;
}

/* A number per sample over a carrier, if that holds every function of it. Asked first: other readings rewrite the leaves that they take
 * logarithms of. */
static Form *read_over_carrier(Walk *w, Reader *r)
{
    r->carrier = is_per_sample(w, r->root) ? tree_carrier(r) : NULL;
    r->tree = ++w->trees; /* the search has marked what it looked at */
    Form *f = r->carrier ? tree_read(r) : NULL;
    return f && !tree_has_opaque(r, f) && !is_plain(w, r) ? f : NULL;
}

/* *r becomes the reader whose form it is. */
static Form *read_tree(Walk *w, Reader **r)
{
    Reader *over = arena_copy((*r)->space.arena, *r, sizeof **r);
    Form *f = read_over_carrier(w, over);
    (*r)->tree = ++w->trees;
    if (!f) return tree_read(*r);
    *r = over;
    return f;
}

static bool is_tidy(Q c) { return (double)(float)q_f64(c) == q_f64(c); }

/* Does it multiply T by what f32 does not hold, or add the logarithm of a number to it? exp makes as many last places of that as T is large. */
static bool has_untidy_exponent(const FormSpace *s, const Form *f)
{
    bool has = false;
    for (int i = 0; i < s->n_sums; i++) {
        has = has || (s->sum[i].n == 1 && !q_is(s->sum[i].c[0], 1));
        for (int k = 0; k < s->sum[i].n; k++) has = has || !is_tidy(s->sum[i].m[k]);
    }
    for (int i = 0; i < f->n; i++) has = has || !is_tidy(f->t[i].e);
    return has;
}

/* Many times a power of E: of one that f32 holds with a few digits only that is off by as many last places. */
static bool has_many(const Form *f)
{
    bool has = false;
    for (int i = 0; i < f->n; i++) has = has || (fabs(q_f64(f->t[i].c)) > MOST_OF_LAST && !q_is(f->t[i].e, 0));
    return has;
}

/* NULL: not written, or at too high a price. */
static IrVal *write_form(Walk *w, Reader *r, IrBuilder *b, IrElem elem, Form *f, bool *cancels)
{
    uint32_t first = b->m->next_id;
    IrVal *made = tree_write(r, b, elem, f, cancels);
    uint32_t more = elem == IR_F64 ? MOST_SERIES : MOST_MORE;
    bool dear = b->m->next_id - first > MOST_TIMES * (uint32_t)tree_info(w, r->root)->size + more;
    return dear && !tree_is_head(w, r->root) ? NULL : made;
}

/* Activations that are bounded, times numbers: their exponential is off by little. */
static bool is_bounded(Walk *w, const IrVal *v)
{
    const IrNode *n = v->def;
    Reading how = tree_reading(w, v);
    if (how == READ_NOT || how == READ_NUMBER) return how == READ_NUMBER;
    if (how == READ_FUNCTION) return n->op == IR_tanh || n->op == IR_sigmoid || n->op == IR_dsigmoid;
    bool all = how == READ_SAME || n->op == IR_neg || n->op == IR_mul;
    for (int i = 0; i < n->n_args && all; i++) all = is_bounded(w, n->arg[i]);
    return all;
}

/* About how many last places v is off by, in its own type, nothing in it cancelling. exp makes many of those of functions. */
static double places_off(Walk *w, IrVal *v)
{
    Reading how = tree_reading(w, v);
    const NodeInfo *i = tree_info(w, v);
    if (how <= READ_NUMBER || !i || i->functions == 0) return 0;
    double most = 0, all = 0, own = 0.5;
    for (int k = 0; k < v->def->n_args; k++) {
        double off = places_off(w, v->def->arg[k]);
        most = fmax(most, off);
        all += off;
    }
    switch (v->def->op) {
    case IR_exp: return most > 0 && !is_bounded(w, v->def->arg[0]) ? MOST_OF_LAST : 1;
    case IR_mul:
    case IR_div:
    case IR_fma: return all + own;
    case IR_pow: return MOST_OF_LAST;
    default: return how == READ_FUNCTION ? all + 1 : how == READ_ALGEBRA ? most + own / 2 : most;
    }
}

/* With what its slopes add, more than 4? Of what is too large nothing is known. */
static bool is_off(Walk *w, IrVal *v)
{
    const NodeInfo *i = tree_info(w, v);
    return i && i->size <= TREE_NODES && !is_product_of_closed(w, v) && places_off(w, v) > MOST_OFF;
}

/* What is in its leaves was asked for in f64 or not: so that is not done before it is known. */
static bool is_better_wide(Walk *w, Reader *r, IrBuilder *b, Form *f)
{
    bool cancels;
    r->as_written = true;
    IrVal *made = write_form(w, r, b, r->root->type.elem, f, &cancels);
    r->as_written = false;
    return made && (cancels || is_off(w, made));
}

/* Sums whose terms may cancel need f64: of functions of T alone, or beside one of T that is a leaf. What else is in it has been rounded already: two
 * products of activations, (1 - z) * n + z * h, are off by last places of their terms. */
static IrVal *write_best(Walk *w, Reader *r, IrBuilder *b, Form *f)
{
    bool head = tree_is_head(w, r->root), cancels;
    IrElem own = r->root->type.elem;
    bool wide = head || r->wide || has_untidy_exponent(&r->space, f) || has_many(f), of_t = tree_is_of_direction(r, f) || tree_has_function_of_direction(r, f);
    if (wide) return write_form(w, r, b, IR_F64, f, &cancels);
    bool better = own != IR_F64 && of_t && is_better_wide(w, r, b, f);
    IrVal *in_f64 = better ? write_form(w, r, b, IR_F64, f, &cancels) : NULL;
    return in_f64 ? in_f64 : write_form(w, r, b, own, f, &cancels);
}

/* The tree below v through the form; NULL: nothing gained, or not held. Nodes of a failed try are left for dce. */
static IrVal *through_form(Walk *w, IrVal *v)
{
    NodeInfo *i = tree_info(w, v);
    if (i->functions == 0 || (!tree_is_head(w, v) && is_product_of_closed(w, v))) return NULL;
    Arena *scratch = arena_new();
    Reader *r = arena_new_of(scratch, Reader);
    *r = (Reader){.w = w, .root = v, .space.arena = scratch};
    Form *f = read_tree(w, &r);
    IrBuilder b = tree_before(w, v);
    IrVal *made = f && !is_plain(w, r) && !shares_with_leaf(w, r) ? write_best(w, r, &b, f) : NULL;
    arena_free(scratch);
    return made ? of_type(&b, made, v) : NULL;
}

/* M6 for a single row. */
static IrVal *row_in_f64(Walk *w, IrVal *v)
{
    IrNode *n = v->def;
    IrBuilder b = tree_before(w, v);
    IrVal *args[3];
    for (int i = 0; i < n->n_args; i++)
        args[i] = ir_is_real(n->arg[i]->type.elem) ? tree_convert(&b, n->arg[i], IR_F64) : n->arg[i];
    return ir_convert(&b, ir_like(&b, n, args)->result, v->type.elem);
}

static void better_operands(Walk *w, IrNode *n)
{
    for (int i = 0; i < n->n_args; i++) n->arg[i] = tree_best(w, n->arg[i]);
}

/* exp and log make many last places of one of what stands in them, and so does a sum in which terms may cancel: of functions that the form
 * does not hold. Activations are small. */
static bool magnifies(Walk *w, IrVal *v)
{
    const IrNode *n = v->def;
    NodeInfo *a = n->n_args ? tree_info(w, n->arg[0]) : NULL, *b = n->n_args > 1 ? tree_info(w, n->arg[1]) : NULL;
    if (v->type.elem != w->b->m->real || !a || !a->functions) return false;
    if (n->op == IR_log || n->op == IR_log1p) return true;
    if (n->op == IR_exp) return !is_product_of_closed(w, n->arg[0]);
    bool sum = n->op == IR_add || n->op == IR_sub;
    return sum && b && b->functions && !(is_product_of_closed(w, n->arg[0]) && is_product_of_closed(w, n->arg[1]));
}

/* Is it one function of what has none, as it is repeated or converted? */
static bool is_function_alone(Walk *w, IrVal *v)
{
    while (tree_reading(w, v) == READ_SAME) v = v->def->arg[0];
    return tree_reading(w, v) == READ_FUNCTION && tree_info(w, v)->functions == 1;
}

/* One number where an update is made of its losses and slopes, as 1 - beta^step or w - rate * slope: an optimiser's arithmetic stays as it is written. */
static bool is_one_number(const Walk *w, const IrVal *v)
{
    return w->skip_derivatives && v->type.rank == 0 && v->type.axes.n == 0;
}

/* Of single functions and of activations nothing. */
static IrVal *with_tails(Walk *w, IrVal *v, IrVal *made)
{
    bool head = tree_is_head(w, v);
    int functions = tree_info(w, v)->functions;
    if (functions == 0 || is_function_alone(w, v) || (functions == 1 && is_one_number(w, v))) return made;
    if (!head && is_product_of_closed(w, v)) return made;
    IrVal *r = tree_with_tails(w, v, made, !made && (head || tree_info(w, v)->holds || is_off(w, v)));
    if (!r || r == made) return made;
    IrBuilder b = tree_before(w, v);
    return of_type(&b, r, v);
}

/* Without a function: is something divided by what is not known? Terms of its slopes may cancel. */
static bool divides(Walk *w, IrVal *v)
{
    const IrNode *n = v->def;
    bool some = tree_reading(w, v) == READ_ALGEBRA && n->op == IR_div && tree_reading(w, n->arg[1]) > READ_NUMBER;
    for (int k = 0; tree_reading(w, v) > READ_NUMBER && k < n->n_args && !some; k++) some = divides(w, n->arg[k]);
    return some;
}

static bool is_number(Walk *w, const IrVal *v)
{
    while (tree_reading(w, v) == READ_SAME) v = v->def->arg[0];
    return tree_reading(w, v) == READ_NUMBER;
}

/* Is something like sqrt(1 + x^2) - x in it, a sum of two that are no numbers, and not both activations? */
static bool may_cancel(Walk *w, IrVal *v)
{
    const NodeInfo *i = tree_info(w, v);
    const IrNode *n = v->def;
    if (tree_reading(w, v) <= READ_NUMBER || !i || !i->functions) return false;
    bool some = (n->op == IR_add || n->op == IR_sub) && !is_number(w, n->arg[0]) && !is_number(w, n->arg[1]) &&
                !(is_product_of_closed(w, n->arg[0]) && is_product_of_closed(w, n->arg[1]));
    for (int k = 0; k < n->n_args && !some; k++) some = may_cancel(w, n->arg[k]);
    return some;
}

/* What is no form and no series: terms of its slopes may cancel, of a number per sample if it is no polynomial. */
static IrVal *all_in_f64(Walk *w, IrVal *v)
{
    const NodeInfo *i = tree_info(w, v);
    bool small = i->functions && i->size <= TREE_NODES;
    bool some = tree_is_head(w, v) ? i->functions || divides(w, v) : small && ((i->functions > 1 && is_off(w, v)) || may_cancel(w, v));
    some = some && !is_function_alone(w, v) && !is_one_number(w, v);
    IrVal *made = some ? tree_in_f64(w, v) : NULL;
    if (!made) return NULL;
    IrBuilder b = tree_before(w, v);
    return of_type(&b, made, v);
}

/* By a form, or a rule. */
static IrVal *rewritten(Walk *w, IrVal *v)
{
    IrVal *r = tree_vanishing_product(w, v);
    if (!r) r = through_form(w, v);
    r = with_tails(w, v, r);
    if (!r && magnifies(w, v)) tree_widen(w, v);
    if (!r) r = tree_small_rule(w, v);
    return r ? r : all_in_f64(w, v);
}

static IrVal *find_best(Walk *w, IrVal *v)
{
    IrVal *r = tree_info(w, v)->holds ? with_tails(w, v, NULL) : rewritten(w, v);
    if (r) return r;
    for (int i = 0; i < v->def->n_args && tree_is_head(w, v); i++) tree_widen(w, v->def->arg[i]);
    better_operands(w, v->def);
    Reading how = tree_reading(w, v);
    bool from_f64 = false;
    for (int i = 0; i < v->def->n_args; i++) from_f64 |= is_from_f64(v->def->arg[i]);
    bool takes_f64 = from_f64 && (how == READ_SELECT || how == READ_ALGEBRA);
    return tree_is_head(w, v) && (how == READ_FUNCTION || takes_f64) ? row_in_f64(w, v) : v;
}

/* made is v in other words, and the same value. */
static void note_origin(Walk *w, const IrVal *made, const IrVal *v)
{
    NodeInfo *i = made && made != v ? tree_info(w, made) : NULL;
    if (!i || i->number || i->was) return;
    i->number = tree_info(w, v)->number;
    i->was = v->def;
}

IrVal *tree_best(Walk *w, IrVal *v)
{
    NodeInfo *i = tree_info(w, v);
    if (!i) return v;
    if (i->best) return i->best;
    i->best = v; /* should the tree come to itself */
    i->best = i->local ? i->local : is_tree(w, v) ? find_best(w, v) : v;
    note_origin(w, i->best, v);
    if (i->best != v) ir_name_as(i->best, v);
    return i->best;
}

/* ---- a block ---------------------------------------------------------------------------------------------------- */

static void need(Walk *w, const IrVal *v)
{
    if (v->def && v->def->block == w->b->block) ((NodeInfo *)v->def->mark)->needed = true;
}

static void mark_inner(Walk *w, const IrNode *n)
{
    bool reads = n->n_results == 1 && tree_reading(w, n->result) > READ_NUMBER;
    for (int i = 0; i < n->n_args && reads; i++)
        if (n->arg[i]->def && n->arg[i]->def->block == w->b->block) ((NodeInfo *)n->arg[i]->def->mark)->inner = true;
}

static void mark_needed(Walk *w, IrVal *const *root, int n_roots)
{
    for (IrNode *n = w->b->block->first; n; n = n->next) measure(w, n, n->mark);
    for (int i = 0; i < n_roots; i++) need(w, root[i]);
    for (IrNode *n = w->b->block->last; n; n = n->prev) {
        if (!((NodeInfo *)n->mark)->needed) continue;
        for (int i = 0; i < n->n_args; i++) need(w, n->arg[i]);
        mark_inner(w, n);
    }
}

static bool is_known(Walk *w, const IrVal *v, double *c)
{
    const NodeInfo *i = tree_info(w, v);
    if (i && i->local) v = i->local;
    if (!ir_is_real(v->type.elem)) return false;
    return ir_is_const(v, c) || (tree_row(w, v) == READ_SAME && is_known(w, v->def->arg[0], c));
}

static bool of_fractions(IrOp op, Q a, Q b, double *y)
{
    Q c, back;
    bool ok = op == IR_neg || op == IR_add ? q_add(op == IR_neg ? q_neg(a) : a, b, &c)
            : op == IR_sub                 ? q_add(a, q_neg(b), &c)
            : op == IR_mul                 ? q_mul(a, b, &c)
                                           : q_div(a, b, &c);
    return ok && q_from_f64(*y = q_f64(c), &back) && !q_cmp(c, back);
}

static double of_numbers(IrOp op, double a, double b)
{
    return op == IR_neg ? -a : op == IR_add ? a + b : op == IR_sub ? a - b : op == IR_mul ? a * b : a / b;
}

/* A row of known numbers is known, with all the digits of f64: derivatives leave 1 / c where the formula divides by c. Fractions stay fractions. NULL: it is none. */
static IrVal *known_number(Walk *w, const IrNode *n)
{
    double c[2] = {0}, y;
    Q q[2];
    bool one = n->op == IR_neg, two = n->op == IR_add || n->op == IR_sub || n->op == IR_mul || n->op == IR_div;
    if ((!one && !two) || !is_known(w, n->arg[0], &c[0]) || (two && !is_known(w, n->arg[1], &c[1]))) return NULL;
    bool fractions = q_from_f64(c[0], &q[0]) && q_from_f64(c[1], &q[1]);
    if (fractions && !of_fractions(n->op, q[0], q[1], &y)) return NULL;
    if (!fractions) y = of_numbers(n->op, c[0], c[1]);
    IrBuilder b = tree_before(w, n->result);
    const IrType *t = &n->result->type;
    return isfinite(y) ? ir_spread(&b, ir_fill(&b, ir_const(&b, t->elem, y), ir_dims_of(t)), t->axes) : NULL;
}

/* What is too large for a form gets all small rules, and all of it is looked at for what it loses. */
static IrVal *rule_for(Walk *w, IrVal *v, const NodeInfo *i)
{
    IrVal *made = i->holds ? NULL : tree_local_rule(w, v);
    if (made || w->slopes || i->size <= TREE_NODES) return made;
    if (!i->inner && tree_reading(w, v) > READ_NUMBER) made = with_tails(w, v, NULL);
    return made ? made : tree_small_rule(w, v);
}

/* What is read in the place of a share near 1 (tree_share.c) has its terms in it twice: so have those who use it. */
static void measure_again(Walk *w, IrNode *n, NodeInfo *i)
{
    if (n->n_results != 1) return;
    measure(w, n, i);
    const NodeInfo *instead = i->share && i->local ? tree_info(w, i->local) : NULL;
    if (instead && instead->size > i->size) i->size = instead->size;
}

/* Every node has a mark. root[i] becomes what to use instead. */
static void stabilise_block(Walk *w, IrVal **root, int n_roots)
{
    tree_number(w);
    mark_needed(w, root, n_roots);
    IrNode *last = w->b->block->last;
    for (IrNode *n = w->b->block->first, *next; n; n = next) {
        next = n == last ? NULL : n->next;
        NodeInfo *i = n->mark;
        if (!i->needed) continue;
        i->local = known_number(w, n);
        if (is_ours(w, n) && !i->local) i->local = rule_for(w, n->result, i);
        measure_again(w, n, i);
        i->late = !is_ours(w, n) && n->n_results == 1 && tree_reading(w, n->result) > READ_NUMBER;
        if (!i->local && !i->late && !(n->n_results == 1 && is_tree(w, n->result))) better_operands(w, n);
    }
    for (int i = 0; i < n_roots; i++) root[i] = tree_best(w, root[i]);
    for (IrNode *n = w->b->block->first; n; n = n->next) {
        NodeInfo *i = n->mark;
        if (i && i->late && !i->local) better_operands(w, n);
    }
}

static Walk walk_in(IrBuilder *b, Arena *scratch, bool skip_derivatives, bool last)
{
    return (Walk){.b = b, .scratch = scratch, .skip_derivatives = skip_derivatives, .last = last};
}

static void stabilise_body(const Walk *like, IrBlock *body, IrVal **root, int n_roots)
{
    IrBuilder b = {.m = like->b->m, .block = body};
    Walk w = walk_in(&b, like->scratch, like->skip_derivatives, true);
    w.slopes = !like->skip_derivatives;
    for (IrNode *n = body->first; n; n = n->next) n->mark = arena_new_of(w.scratch, NodeInfo);
    stabilise_block(&w, root, n_roots);
}

/* Does what the body had before, or what it gives, use a value that was made since? */
static bool has_new(const IrBlock *body, uint32_t from)
{
    bool any = false;
    for (int i = 0; i < body->n_yields; i++) any |= body->yield[i]->id >= from;
    for (const IrNode *n = body->first; n && !any; n = n->next)
        for (int i = 0; i < n->n_args && n->n_results && n->result->id < from; i++) any |= n->arg[i]->id >= from;
    return any;
}

/* The bodies within are made anew where they have roots and moments: as those are written there may be no slope. All else keeps its digits as
 * well when it is done once, at the end, for a round and its derivative. */
static bool renew_bodies(const Walk *w, IrNode *n)
{
    bool any = false;
    for (int i = 0; i < n->n_bodies; i++) {
        IrBlock *body = ir_copy_block(w->b->m, n->body[i]);
        bool changed = false;
        body->owner = n;
        for (IrNode *inner = body->first; inner; inner = inner->next) changed |= renew_bodies(w, inner);
        uint32_t from = w->b->m->next_id;
        stabilise_body(w, body, body->yield, body->n_yields);
        if (!has_new(body, from) && !changed) continue;
        n->body[i] = body;
        any = true;
    }
    return any;
}

IrVal *opt_stabilise_value(IrBuilder *b, IrVal *v, IrVal *const *wrt, int n_wrt, bool last)
{
    Arena *scratch = arena_new();
    Apart *apart = apart_take(b, scratch, &v, wrt, n_wrt, last);
    IrBuilder inside = apart_builder(apart);
    Walk w = walk_in(&inside, scratch, false, last);
    for (IrNode *n = inside.block->first; n; n = n->next) renew_bodies(&w, n);
    stabilise_block(&w, &v, 1);
    v = apart_return(apart, v);
    arena_free(scratch);
    return v;
}

void opt_stabilise_block(IrModule *m, IrBlock *block, IrVal **root, int n_roots)
{
    Arena *scratch = arena_new();
    IrBuilder b = {.m = m, .block = block};
    Walk w = walk_in(&b, scratch, true, true);
    for (IrNode *at = block->first; at; at = ir_next(at))
        for (int i = 0; i < at->n_bodies; i++) stabilise_body(&w, at->body[i], at->body[i]->yield, at->body[i]->n_yields);
    stabilise_body(&w, block, root, n_roots);
    arena_free(scratch);
}

void opt_stabilise(IrModule *m, IrFn *f)
{
    Arena *scratch = arena_new();
    int n = f->commits.n + f->reports.n;
    IrVal **root = arena_array(scratch, IrVal *, n + 1);
    for (int i = 0; i < f->commits.n; i++) root[i] = f->commits.v[i].val;
    for (int i = 0; i < f->reports.n; i++) root[f->commits.n + i] = f->reports.v[i].val;
    opt_stabilise_block(m, &f->body, root, n);
    for (int i = 0; i < f->commits.n; i++) f->commits.v[i].val = root[i];
    for (int i = 0; i < f->reports.n; i++) f->reports.v[i].val = root[f->commits.n + i];
    arena_free(scratch);
}
