/* verify.c - is this function what ir.h promises?
 *
 * Two walks: structure first (links, owners, ids, number of operands), so that the second may trust every pointer; then
 * the rules, row by row: operands visible, types inferred again, leaves, draws, and at the end commits and reports. The first
 * thing wrong ends it with a sentence. Start at ir_verify(). */
#include "compiler/ir/ir.h"
#include "compiler/ir/shape.h"
#include "compiler/ir/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const IrModule *m;
    const IrFn     *f;
    Arena          *scratch;
    bool           *known;                                  /* by value id: met already */
    bool           *committed;                              /* by slot */
    const IrNode  **drawn;                                  /* by stream: the first draw */
    bool            sound;                                  /* the structure stands, so the printer may name values */
    char           *why;
} Verifier;

enum { WHY = 512 };

static bool fail(Verifier *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(Verifier *v, const char *fmt, ...)
{
    int n = v->f ? snprintf(v->why, WHY, "fn %.100s: ", v->f->name) : 0;
    va_list args;
    va_start(args, fmt);
    vsnprintf(v->why + n, (size_t)(WHY - n), fmt, args);
    va_end(args);
    return false;
}

static const char *name_of(Verifier *v, const IrVal *x)
{
    return v->sound ? ir_value_name(v->m, v->f, x, v->scratch) : x->hint ? x->hint : "?";
}

static bool fail_at(Verifier *v, const IrNode *n, const char *sentence)
{
    if (n->n_results) return fail(v, "%%%.60s: %.380s", name_of(v, n->result), sentence);
    return fail(v, "%.400s", sentence);
}

/* ---- structure -------------------------------------------------------------------------------------------------- */

static bool new_value(Verifier *v, const IrVal *x)
{
    if (x->id >= v->m->next_id || v->known[x->id]) return fail(v, "value id %u is out of range or taken", x->id);
    v->known[x->id] = true;
    return ir_type_fits(v->m, &x->type) || fail(v, "value %u has no type of this module", x->id);
}

static bool all_there(Verifier *v, IrVal *const *list, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        if (!list[i] || list[i]->id >= v->m->next_id) return fail(v, "%s %d is missing", what, i);
    return true;
}

static int wanted_bodies(IrOp op) { return op == IR_scan ? 1 : op == IR_cond ? 2 : 0; }

static bool node_structure(Verifier *v, const IrBlock *b, const IrNode *n)
{
    if (n->op >= IR_OP_COUNT) return fail(v, "no such operation: %d", (int)n->op);
    const IrOpInfo *info = &ir_op_info[n->op];
    if (n->block != b || (n->prev ? n->prev->next : b->first) != n || (n->next ? n->next->prev : b->last) != n)
        return fail(v, "%s is badly linked into its block", info->name);
    if (info->operands != IR_MANY && info->operands != n->n_args)
        return fail(v, "%s: takes %d operands, not %d", info->name, info->operands, n->n_args);
    if (n->n_bodies != wanted_bodies(n->op)) return fail(v, "%s: has %d bodies", info->name, n->n_bodies);
    for (int i = 0; i < n->n_results; i++) {
        const IrVal *r = &n->result[i];
        if (r->def != n || r->index != i || r->param_of) return fail(v, "result %d of a %s does not know it", i, info->name);
        if (!new_value(v, r)) return false;
    }
    return all_there(v, n->arg, n->n_args, "an operand: number");
}

static bool block_structure(Verifier *v, const IrBlock *b)
{
    for (int i = 0; i < b->n_params; i++) {
        if (!b->param[i]) return fail(v, "parameter %d is missing", i);
        if (b->param[i]->def || b->param[i]->param_of != b || b->param[i]->index != i) return fail(v, "parameter %d does not know its block", i);
        if (!new_value(v, b->param[i])) return false;
    }
    for (const IrNode *n = b->first; n; n = n->next) {
        if (!node_structure(v, b, n)) return false;
        for (int i = 0; i < n->n_bodies; i++) {
            if (n->body[i]->owner != n) return fail(v, "a body of %s does not know it", ir_op_info[n->op].name);
            if (!block_structure(v, n->body[i])) return false;
        }
    }
    return all_there(v, b->yield, b->n_yields, "a yield: number");
}

static bool structure(Verifier *v)
{
    if (v->f->body.owner || v->f->body.n_params || v->f->body.n_yields) return fail(v, "its body is not a function's");
    if (!block_structure(v, &v->f->body)) return false;
    for (int i = 0; i < v->f->commits.n; i++)
        if (v->f->commits.v[i].slot < 0 || v->f->commits.v[i].slot >= v->m->slots.n) return fail(v, "commits no slot of the module");
    for (int i = 0; i < v->f->commits.n; i++)
        if (!all_there(v, &v->f->commits.v[i].val, 1, "a commit's value:")) return false;
    for (int i = 0; i < v->f->reports.n; i++)
        if (!all_there(v, &v->f->reports.v[i].val, 1, "a report's value:")) return false;
    return v->f->tick_slot < v->m->slots.n || fail(v, "its tick is no slot of the module");
}

/* ---- rules of single rows --------------------------------------------------------------------------------------- */

static bool is_visible(const Verifier *v, const IrBlock *b, const IrVal *x)
{
    return (x->def ? x->def->block == b : x->param_of == b) && v->known[x->id];
}

static bool rule_const(const IrNode *n, char *why)
{
    const IrType *t = &n->result->type;
    if (t->rank || t->axes.n) return snprintf(why, WHY, "const: is not a single number"), false;
    bool fits = t->elem == IR_I32 ? n->attr->n == (int32_t)n->attr->n : t->elem != IR_BOOL || n->attr->n == 0 || n->attr->n == 1;
    if (!fits) snprintf(why, WHY, "const: %lld is no %s", (long long)n->attr->n, ir_elem_name(t->elem));
    return fits;
}

static bool rule_index(const IrNode *n, char *why)
{
    const IrType *t = &n->result->type;
    bool along_dim = n->attr->dim >= 0 && n->attr->axis < 0 && n->attr->dim < t->rank && t->axes.n == 0;
    bool along_axis = n->attr->axis >= 0 && n->attr->dim < 0 && t->rank == 0 && t->axes.n == 1 && t->axes.id[0] == n->attr->axis;
    if (t->elem == IR_I32 && (along_dim || along_axis)) return true;
    return snprintf(why, WHY, "index: wants i32, a dim of the declared dims, or an axis alone"), false;
}

static bool rule_read(const Verifier *v, const IrNode *n, char *why)
{
    if (n->attr->slot < 0 || n->attr->slot >= v->m->slots.n) return snprintf(why, WHY, "read: no such slot"), false;
    const IrSlot *s = &v->m->slots.v[n->attr->slot];
    if (ir_type_equal(&s->type, &n->result->type)) return true;
    return snprintf(why, WHY, "read: the slot %.200s is of another type", s->path), false;
}

static bool rule_draw(const IrNode *n, char *why)
{
    IrElem elem = n->result->type.elem;
    if (n->op != IR_randint) {
        if (!ir_is_real(elem)) return snprintf(why, WHY, "%s: is not of real numbers", ir_op_info[n->op].name), false;
        return true;
    }
    if (elem == IR_I32 && n->attr->n >= 1 && n->attr->n <= INT32_MAX) return true;
    return snprintf(why, WHY, "randint: wants i32 and n in 1..2^31-1"), false;
}

static bool is_number(IrElem e) { return e != IR_BOOL; }

/* A seed, then numbers of any shape; one result, that varies over all that they vary over. */
static bool rule_extern(const IrNode *n, char *why)
{
    if (!n->attr->symbol) return snprintf(why, WHY, "extern: has no symbol"), false;
    if (n->n_results != 1 || !is_number(n->result[0].type.elem)) return snprintf(why, WHY, "extern: wants one result, of numbers"), false;
    const IrType *seed = n->n_args ? &n->arg[0]->type : NULL;
    if (!seed || seed->elem != IR_I64 || seed->rank) return snprintf(why, WHY, "extern: its first operand is a seed, i64[]"), false;
    for (int i = 0; i < n->n_args; i++) {
        const IrType *t = &n->arg[i]->type;
        if (!is_number(t->elem)) return snprintf(why, WHY, "extern: operand %d is not of numbers", i), false;
        if (ir_axes_within(t->axes, n->result[0].type.axes)) continue;
        return snprintf(why, WHY, "extern: operand %d varies over an axis that the result lacks", i), false;
    }
    return true;
}

static bool leaf_rule(const Verifier *v, const IrNode *n, char *why)
{
    if (n->op == IR_extern) return rule_extern(n, why);
    if (n->n_results != 1) return snprintf(why, WHY, "%s: has %d results", ir_op_info[n->op].name, n->n_results), false;
    switch (n->op) {
    case IR_const: return rule_const(n, why);
    case IR_index: return rule_index(n, why);
    case IR_read: return rule_read(v, n, why);
    default: return rule_draw(n, why);
    }
}

/* The results' types, inferred again. */
static bool type_rule(const Verifier *v, const IrNode *n, char *why)
{
    IrType room[IR_MAX_RESULTS], *types = room;
    const IrType **args = arena_array(v->scratch, const IrType *, n->n_args);
    int n_types = 0;
    for (int i = 0; i < n->n_args; i++) args[i] = &n->arg[i]->type;
    if (n->n_bodies) types = ir_body_results(v->m, n, &n_types, why);
    else n_types = ir_infer_results(v->m, n->op, args, n->n_args, n->attr, room, why);
    if (!types || (n_types <= 0 && !n->n_bodies)) return false;
    if (n_types != n->n_results) return snprintf(why, WHY, "%s: has %d results, not %d", ir_op_info[n->op].name, n_types, n->n_results), false;
    for (int i = 0; i < n_types; i++) {
        if (ir_type_equal(&types[i], &n->result[i].type)) continue;
        Text got = text_in(v->scratch), want = text_in(v->scratch);
        ir_print_type(v->m, &n->result[i].type, &got);
        ir_print_type(v->m, &types[i], &want);
        return snprintf(why, WHY, "%s: is declared %.150s, but gives %.150s", ir_op_info[n->op].name, text_str(&got), text_str(&want)), false;
    }
    return true;
}

static bool form_rule(const IrNode *n, char *why)
{
    if (n->op != IR_dot || n->attr->form == IR_FORM_BLAS || n->attr->form == ir_dot_form(n)) return true;
    return snprintf(why, WHY, "dot: is marked %s, but its shape says %s", ir_form_words[n->attr->form], ir_form_words[ir_dot_form(n)]), false;
}

static const IrNode *enclosing_scan(const IrNode *n)
{
    for (n = n->block->owner; n && n->op != IR_scan;) n = n->block->owner;
    return n;
}

static int64_t counted(const IrModule *m, const IrType *t, int k) { return k < t->axes.n ? ir_extent(m, t->axes.id[k]) : t->dim[k - t->axes.n]; }

/* Draws count their elements over axes, then dims: the same extents in a row are the same numbers. */
static bool drawn_alike(const IrModule *m, const IrType *a, const IrType *b)
{
    int n = a->axes.n + a->rank;
    bool same = a->elem == b->elem && n == b->axes.n + b->rank;
    for (int k = 0; same && k < n; k++) same = counted(m, a, k) == counted(m, b, k);
    return same;
}

/* The same numbers, on purpose: derivatives copy bodies, and a draw keeps its row, its extents and its place among iterations. */
static bool copied_draw(const IrModule *m, const IrNode *a, const IrNode *b)
{
    if (a->op != b->op || a->attr->n != b->attr->n || !drawn_alike(m, &a->result[0].type, &b->result[0].type)) return false;
    if (!a->block->owner || !b->block->owner) return false;
    for (a = enclosing_scan(a), b = enclosing_scan(b); a && b && a->attr->n == b->attr->n;) a = enclosing_scan(a), b = enclosing_scan(b);
    return !a && !b;
}

static bool has_key(IrOp op, IrAttrKey key)
{
    IrAttrKey keys[IR_ATTR_COUNT];
    for (int i = ir_attr_keys(op, keys); i > 0; i--)
        if (keys[i - 1] == key) return true;
    return false;
}

/* One draw a stream, but for copied bodies: two would be the same numbers. A permute is a bijection of its operand: many positions, one
 * permutation. */
static bool stream_rule(Verifier *v, const IrNode *n, char *why)
{
    if (!has_key(n->op, IR_ATTR_stream)) return true;
    const char *name = ir_op_info[n->op].name;
    if (n->attr->stream < 0 || n->attr->stream >= v->m->streams.n) return snprintf(why, WHY, "%s: has no stream", name), false;
    const IrNode **first = &v->drawn[n->attr->stream];
    if (!*first) *first = n;
    bool same = n == *first || (n->op == IR_permute && (*first)->op == IR_permute && n->attr->n == (*first)->attr->n);
    if (same || copied_draw(v->m, *first, n)) return true;
    return snprintf(why, WHY, "%s: the stream \"%.200s\" is drawn from twice", name, v->m->streams.v[n->attr->stream]), false;
}

static bool operands_rule(Verifier *v, const IrNode *n, char *why)
{
    for (int i = 0; i < n->n_args; i++)
        if (!is_visible(v, n->block, n->arg[i]))
            return snprintf(why, WHY, "%s: operand %d, %%%.100s, is not visible here", ir_op_info[n->op].name, i, name_of(v, n->arg[i])), false;
    return true;
}

static bool node_rules(Verifier *v, const IrNode *n)
{
    char why[WHY];
    bool leaf = ir_op_info[n->op].flags & IR_LEAF;
    bool ok = operands_rule(v, n, why) && (leaf ? leaf_rule(v, n, why) : type_rule(v, n, why)) && form_rule(n, why) && stream_rule(v, n, why);
    return ok || fail_at(v, n, why);
}

/* ---- rules of blocks and functions ------------------------------------------------------------------------------ */

static bool block_rules(Verifier *v, const IrBlock *b)
{
    for (int i = 0; i < b->n_params; i++) v->known[b->param[i]->id] = true;
    for (const IrNode *n = b->first; n; n = n->next) {
        for (int i = 0; i < n->n_bodies; i++)
            if (!block_rules(v, n->body[i])) return false;
        if (!node_rules(v, n)) return false;
        for (int i = 0; i < n->n_results; i++) v->known[n->result[i].id] = true;
    }
    for (int i = 0; i < b->n_yields; i++)
        if (!is_visible(v, b, b->yield[i])) return fail(v, "the yield %%%.100s is not of its body", name_of(v, b->yield[i]));
    return true;
}

static bool may_commit(const IrFn *f, const IrSlot *s)
{
    if (!s->player || f->kind == IR_FN_INIT || f->kind == IR_FN_STATE) return true;
    for (int i = 0; i < f->players.n; i++)
        if (!strcmp(f->players.v[i], s->player)) return true;
    return false;
}

static bool commit_rules(Verifier *v, int i)
{
    const IrCommit *c = &v->f->commits.v[i];
    const IrSlot *s = &v->m->slots.v[c->slot];
    if (v->committed[c->slot]) return fail(v, "commits %.200s twice", s->path);
    v->committed[c->slot] = true;
    if (!is_visible(v, &v->f->body, c->val)) return fail(v, "what it commits to %.200s is not visible at its end", s->path);
    if (!ir_type_equal(&s->type, &c->val->type)) return fail(v, "commits a value of another type to %.200s", s->path);
    if (s->kind == IR_SLOT_DATA) return fail(v, "commits to %.200s, which is data", s->path);
    return may_commit(v->f, s) || fail(v, "may not commit to %.200s, which is %.100s's", s->path, s->player);
}

static bool report_rules(Verifier *v, int i)
{
    const IrReport *r = &v->f->reports.v[i];
    for (int j = 0; j < i; j++)
        if (!strcmp(v->f->reports.v[j].name, r->name)) return fail(v, "reports %.200s twice", r->name);
    return is_visible(v, &v->f->body, r->val) || fail(v, "its report %.200s is not visible at its end", r->name);
}

static bool tick_rule(Verifier *v)
{
    if (v->f->tick_slot < 0) return true;
    IrType want = ir_scalar(IR_I64);
    const IrSlot *s = &v->m->slots.v[v->f->tick_slot];
    return ir_type_equal(&s->type, &want) || fail(v, "its tick %.200s is not i64[]", s->path);
}

static bool rules(Verifier *v)
{
    if (!tick_rule(v) || !block_rules(v, &v->f->body)) return false;
    for (int i = 0; i < v->f->commits.n; i++)
        if (!commit_rules(v, i)) return false;
    for (int i = 0; i < v->f->reports.n; i++)
        if (!report_rules(v, i)) return false;
    return true;
}

bool ir_verify(const IrModule *m, const IrFn *f, char why[512])
{
    Verifier v = {.m = m, .f = f, .scratch = arena_new(), .why = why};
    v.known = arena_array(v.scratch, bool, m->next_id + 1);
    v.committed = arena_array(v.scratch, bool, m->slots.n + 1);
    v.drawn = arena_array(v.scratch, const IrNode *, m->streams.n + 1);
    bool ok = structure(&v);
    if (ok) {
        v.sound = true;
        memset(v.known, 0, m->next_id);
        ok = rules(&v);
    }
    arena_free(v.scratch);
    return ok;
}

/* ---- modules ---------------------------------------------------------------------------------------------------- */

static bool module_rules(Verifier *v)
{
    const IrModule *m = v->m;
    if (!ir_is_real(m->real)) return fail(v, "real is %s", ir_elem_name(m->real));
    for (int i = 0; i < m->axes.n; i++)
        if (m->axes.v[i].extent < 0 || ir_find_axis(m, m->axes.v[i].name) != i) return fail(v, "axis %.100s is declared twice or below 0", m->axes.v[i].name);
    for (int i = 0; i < m->slots.n; i++) {
        const IrSlot *s = &m->slots.v[i];
        if (ir_find_slot(m, s->path) != i) return fail(v, "slot %.200s is declared twice", s->path);
        if (s->type.axes.n || !ir_type_fits(m, &s->type)) return fail(v, "slot %.200s has axes, or is too large", s->path);
    }
    for (int i = 0; i < m->fns.n; i++)
        if (ir_find_fn(m, m->fns.v[i]->name) != m->fns.v[i]) return fail(v, "function %.200s is there twice", m->fns.v[i]->name);
    return true;
}

bool ir_verify_module(const IrModule *m, char why[512])
{
    Verifier v = {.m = m, .why = why};
    if (!module_rules(&v)) return false;
    for (int i = 0; i < m->fns.n; i++)
        if (!ir_verify(m, m->fns.v[i], why)) return false;
    return true;
}
