/* join.c - contractions that are added become the pairs of one dot.
 *
 * Real and fake, or the sources of a penalty's weight gradient, are dots over the batch whose results are added: one chain through all
 * of their samples costs one pass over the accumulator. A tree of adds is taken apart into its leaves; leaves that may share a
 * dot (same dims, same shards, same result) are gathered, the rest is added as before. Start at opt_join(). */
#include "compiler/opt/pass.h"

#include <string.h>

enum { MAX_LEAVES = 64 };

typedef struct {
    IrModule  *m;
    const int *uses;                                        /* by value id */
    uint32_t   n_uses;
    uint8_t   *leaves;                                      /* of an add, by value id: how many, up to one more than may be joined */
} Joiner;

static bool is_used_once(const Joiner *j, const IrVal *v) { return v->id < j->n_uses && j->uses[v->id] == 1; }

/* ---- which dots may share one ----------------------------------------------------------------------------------- */

static bool is_joinable(const Joiner *j, const IrVal *v)
{
    if (!v->def || v->def->op != IR_dot || !v->def->attr->pair_over || !is_used_once(j, v)) return false;
    for (int i = 0; i < v->def->n_args / 2; i++)
        if (!v->def->attr->pair_over[i].n) return false;
    return v->def->attr->form != IR_FORM_BLAS;
}

static bool same_pairs(const IrPairs *a, const IrPairs *b)
{
    return a->n == b->n && !memcmp(a->a, b->a, a->n) && !memcmp(a->b, b->b, a->n);
}

static int64_t shards_of(const Joiner *j, const IrNode *dot) { return ir_shards(ir_extent(j->m, dot->attr->pair_over[0].id[0])).count; }

static bool may_share(const Joiner *j, const IrNode *a, const IrNode *b)
{
    return same_pairs(&a->attr->batch, &b->attr->batch) && same_pairs(&a->attr->contract, &b->attr->contract) &&
           a->arg[0]->type.rank == b->arg[0]->type.rank && a->attr->form == b->attr->form && shards_of(j, a) == shards_of(j, b) &&
           ir_type_equal(&a->result->type, &b->result->type);
}

/* ---- one sum ---------------------------------------------------------------------------------------------------- */

typedef struct { IrVal *v[MAX_LEAVES]; int n; } Leaves;

static bool is_inner_add(const Joiner *j, const IrNode *root, const IrVal *v)
{
    return v->def && v->def->op == IR_add && v->def->block == root->block && is_used_once(j, v) && ir_type_equal(&v->type, &root->result->type);
}

/* Before the adds are taken apart, so that long sums are not walked once for each of them. */
static void count_leaves(const Joiner *j, const IrBlock *block)
{
    for (const IrNode *n = block->first; n; n = n->next) {
        if (n->op != IR_add || n->result->id >= j->n_uses) continue;
        int all = 0;
        for (int i = 0; i < 2; i++) all += is_inner_add(j, n, n->arg[i]) ? j->leaves[n->arg[i]->id] : 1;
        j->leaves[n->result->id] = (uint8_t)(all > MAX_LEAVES ? MAX_LEAVES + 1 : all);
    }
}

/* Left to right; there are not too many. */
static void collect(const Joiner *j, const IrNode *root, IrVal *v, Leaves *leaves)
{
    if (v == root->result || is_inner_add(j, root, v)) {
        collect(j, root, v->def->arg[0], leaves);
        collect(j, root, v->def->arg[1], leaves);
    } else {
        leaves->v[leaves->n++] = v;
    }
}

/* Leaf `first` and those behind it that may share its dot, taken out of the list; NULL if there is none. */
static IrVal *gather_pairs(const Joiner *j, IrBuilder *b, Leaves *leaves, int first)
{
    IrVal *args[2 * MAX_LEAVES];
    IrAxes over[MAX_LEAVES];
    const IrNode *like = leaves->v[first]->def;
    int pairs = 0, left = first + 1, dots = 0;
    for (int i = first; i < leaves->n; i++) {
        IrVal *v = leaves->v[i];
        bool joins = is_joinable(j, v) && may_share(j, like, v->def) && pairs + v->def->n_args / 2 <= MAX_LEAVES;
        if (!joins) {
            leaves->v[left++] = v;
            continue;
        }
        for (int p = 0; p < v->def->n_args / 2; p++, pairs++) {
            args[2 * pairs] = v->def->arg[2 * p];
            args[2 * pairs + 1] = v->def->arg[2 * p + 1];
            over[pairs] = v->def->attr->pair_over[p];
        }
        dots++;
    }
    leaves->n = left;
    return dots > 1 ? ir_dot_pairs(b, args, pairs, like->attr->batch, like->attr->contract, over) : NULL;
}

static IrVal *added(IrBuilder *b, const Leaves *leaves)
{
    IrVal *sum = leaves->v[0];
    for (int i = 1; i < leaves->n; i++) sum = ir_add(b, sum, leaves->v[i]);
    return sum;
}

static IrVal *joined(const Joiner *j, IrNode *root)
{
    Leaves leaves = {.n = 0};
    if (j->leaves[root->result->id] > MAX_LEAVES) return NULL;
    collect(j, root, root->result, &leaves);
    IrBuilder b = {.m = j->m, .block = root->block, .before = root, .span = root->span, .why = IR_WHY_JOINED};
    bool any = false;
    for (int i = 0; i < leaves.n; i++) {
        IrVal *dot = is_joinable(j, leaves.v[i]) ? gather_pairs(j, &b, &leaves, i) : NULL;
        if (!dot) continue;
        leaves.v[i] = dot;
        any = true;
    }
    return any ? added(&b, &leaves) : NULL;
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

/* Roots before the adds inside them: backwards. */
static void join_block(const Joiner *j, IrBlock *block, IrVal **to)
{
    count_leaves(j, block);
    for (IrNode *n = block->last; n; n = n->prev) {
        for (int i = 0; i < n->n_bodies; i++) join_block(j, n->body[i], to);
        if (n->op != IR_add || n->result->id >= j->n_uses || j->uses[n->result->id] == 0) continue;
        IrVal *v = joined(j, n);
        if (!v) continue;
        ir_name_as(v, n->result);
        to[n->result->id] = v;
    }
}

void opt_join(IrModule *m, IrFn *f)
{
    Arena *scratch = arena_new();
    Joiner j = {m, ir_use_counts(m, f, scratch), m->next_id, arena_array(scratch, uint8_t, m->next_id + 1)};
    IrVal **to = arena_array(scratch, IrVal *, m->next_id + 1);
    join_block(&j, &f->body, to);
    ir_replace_by_map(f, to, j.n_uses);
    arena_free(scratch);
}
