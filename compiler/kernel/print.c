/* print.c - the plan as text: what runs in which loops, where it lies, what it costs. */
#include "compiler/kernel/internal.h"

#include <inttypes.h>

static const char *const kind_name[] = {
    [K_MAP] = "map",
    [K_RANDOM] = "random",
    [K_DOT] = "dot",
    [K_PACK] = "pack",
    [K_MATRICES] = "matrices",
    [K_FEW] = "few",
    [K_PAIRS] = "pairs",
    [K_OWN] = "own",
    [K_CONTRACT] = "contract",
    [K_REDUCE] = "reduce",
    [K_CUMSUM] = "cumsum",
    [K_CONCAT] = "concat",
    [K_SORT] = "sort",
    [K_SCATTER] = "scatter",
    [K_OPAQUE] = "matrix",
    [K_EXTERN] = "extern",
    [K_BLAS] = "blas",
    [K_WHOLE] = "whole",
    [K_TRANSPOSE] = "transpose",
    [K_OUTER] = "outer",
    [K_INNER] = "inner",
    [K_SCATTER_OVER] = "scatter_over",
    [K_FINISH] = "finish",
};

static void indent(Text *out, int n)
{
    for (int i = 0; i < n; i++) text_add(out, "  ");
}

/* The printer's own state: names are those of the IR's text, so that the two can be read side by side. */
typedef struct Names {
    const KPlan *p;
    const char **name;                                      /* by id */
} Names;

static void print_name(const Names *p, const IrVal *v, Text *out)
{
    if (v->id < p->p->m->next_id) {
        text_printf(out, "%%%s", p->name[v->id] ? p->name[v->id] : "?");
    } else if (v->def->op == IR_stop) {                     /* made by the plan */
        text_add(out, "copy of ");
        print_name(p, v->def->arg[0], out);
    } else {
        text_printf(out, "(%s)", ir_op_info[v->def->op].name);
    }
}

static void print_space(const Names *p, const KKernel *k, Text *out)
{
    text_add(out, "[");
    for (int i = 0; i < k->space.n; i++) {
        if (i) text_add(out, ", ");
        int axis = k->space.comp[i].axis;
        if (axis >= 0) text_add(out, p->p->m->axes.v[axis].name);
        else text_printf(out, "%" PRId64, k->space.comp[i].extent);
    }
    text_add(out, "]");
}

static void print_mem(const Names *p, const KMem *m, Text *out)
{
    const KMem *root = m;
    while (root->of) root = root->of;
    if (root->place == K_SLOT) text_printf(out, "\"%s\"", p->p->m->slots.v[root->slot].path);
    else
        text_printf(out, "%s+%" PRId64 " (%" PRId64 " B)", root->place == K_FRAME ? "frame" : "tile", root->offset,
                    root->bytes);
}

/* Along which operand the lanes lie, and how they get into registers. */
static void print_matrices(const KMatrices *m, Text *out)
{
    static const char *const how[] = {"as it lies", "copied to panels", "turned into panels", "number by number"};
    text_printf(out, " along %c, %s", m->side ? 'b' : 'a', how[m->how]);
}

static void print_rows(const Names *p, const KKernel *k, Text *out)
{
    const char *before = "  ";
    for (int i = 0; i < k->nodes.n && k->kind != K_TRANSPOSE; i++) {
        const IrNode *n = k->nodes.v[i];
        text_add(out, before);
        print_name(p, &n->result[0], out);
        text_printf(out, " %s", kernel_value(p->p, &n->result[0])->accum && k->kind == K_MAP ? "tree" : ir_op_info[n->op].name);
        before = ", ";
    }
}

static void print_written(const Names *p, const KKernel *k, int depth, Text *out)
{
    for (int i = 0; i < k->stores.n; i++) {
        indent(out, depth + 2);
        print_name(p, k->stores.v[i].val, out);
        text_add(out, " -> ");
        print_mem(p, k->stores.v[i].mem, out);
        text_add(out, "\n");
    }
    for (int i = 0; i < k->sinks.n; i++) {
        indent(out, depth + 2);
        text_add(out, "adds up ");
        print_name(p, &k->sinks.v[i]->node->result[0], out);
        text_printf(out, " of %" PRId64 " shards in ", k->sinks.v[i]->shards.count);
        print_mem(p, k->sinks.v[i]->lanes ? k->sinks.v[i]->lanes : k->sinks.v[i]->partial, out);
        text_add(out, "\n");
    }
}

static void print_line(const Names *p, const KKernel *k, bool with_flops, Text *out)
{
    text_printf(out, "%-9s ", kind_name[k->kind]);
    if (k->kind == K_PACK) {
        print_name(p, k->nodes.v[0]->arg[k->side], out);
        return;
    }
    print_space(p, k, out);
    if (k->kind == K_MAP && k->flat) text_add(out, " flat");
    if (k->kind == K_MATRICES || k->kind == K_FEW) print_matrices(k->matrices, out);
    if (k->across) text_add(out, " across");
    if (with_flops && k->flops > 0 && k->kind != K_FINISH) text_printf(out, "  %.3g Mflop", k->flops * 1e-6);
    print_rows(p, k, out);
    if (k->val) {
        text_add(out, "  ");
        print_name(p, k->val, out);
    }
    if (k->epilogue) {
        text_add(out, k->roll || k->kind == K_WHOLE ? "; then, rolled" : "; then");
        print_rows(p, k->epilogue, out);
    }
}

static void print_kernel(const Names *p, const KKernel *k, int depth, Text *out)
{
    indent(out, depth);
    print_line(p, k, true, out);
    if (k->kind == K_PACK) {
        text_add(out, " -> ");
        print_mem(p, k->mem, out);
    }
    text_add(out, "\n");
    print_written(p, k, depth, out);
    if (k->epilogue) print_written(p, k->epilogue, depth, out);
}

static void print_block(const Names *p, const KBlock *b, int depth, Text *out);

static void print_wait(bool is, const char *where, int depth, Text *out)
{
    if (!is) return;
    indent(out, depth);
    text_printf(out, "all wait%s\n", where);
}

static void print_tiled(const Names *p, const KStep *s, int depth, Text *out)
{
    text_printf(out, "tiled over %" PRId64 " samples: %" PRId64 " shards of %" PRId64 "\n", s->extent, s->shards.count,
                s->shards.size);
    for (int i = 0; i < s->once.n; i++) print_kernel(p, s->once.v[i], depth + 1, out);
    indent(out, depth + 1);
    text_printf(out, "each panel of %d\n", K_LANES);
    for (int i = 0; i < s->panel.n; i++) print_kernel(p, s->panel.v[i], depth + 2, out);
    if (s->tile.n) {
        indent(out, depth + 1);
        text_printf(out, "each tile of %d\n", K_TILE);
    }
    for (int i = 0; i < s->tile.n; i++) print_kernel(p, s->tile.v[i], depth + 2, out);
}

static void print_step(const Names *p, const KStep *s, int depth, Text *out)
{
    indent(out, depth);
    text_printf(out, "step %d ", s->level);
    switch (s->kind) {
    case K_TILED:
        print_tiled(p, s, depth, out);
        break;
    case K_UNIFORM:
        text_add(out, "uniform\n");
        for (int i = 0; i < s->kernels.n; i++) print_kernel(p, s->kernels.v[i], depth + 1, out);
        break;
    case K_SCAN:
        text_printf(out, "scan %" PRId64 " times%s\n", s->node->attr->n, s->ended ? ", or until all have ended" : "");
        if (s->by_tiles) { indent(out, depth + 1); text_printf(out, "all turns of a tile of %d, then of the next\n", K_TILE); }
        print_block(p, s->body[0], depth + 1, out);
        print_wait(s->wait_copies, " before what is carried on is copied", depth + 1, out);
        print_wait(s->wait_turn, " at the end of a turn", depth + 1, out);
        break;
    case K_COND:
        text_add(out, "if\n");
        print_block(p, s->body[0], depth + 1, out);
        indent(out, depth);
        text_add(out, "else\n");
        print_block(p, s->body[1], depth + 1, out);
        break;
    }
}

static void print_block(const Names *p, const KBlock *b, int depth, Text *out)
{
    for (int i = 0; i < b->steps.n; i++) {
        const KStep *s = b->steps.v[i];
        print_wait(s->wait_first, "", depth, out);
        print_step(p, s, depth, out);
        print_wait(s->wait_last, "", depth, out);
    }
}

static void print_remade(const Names *p, Text *out)
{
    bool any = false;
    for (int i = 0; i < p->p->own.n; i++) {
        const KValue *v = p->p->own.v[i];
        if (!v->live || !v->remade) continue;
        text_add(out, any ? ", " : "  made again by their readers: ");
        print_name(p, v->val, out);
        text_printf(out, " %s", ir_op_info[v->val->def->op].name);
        any = true;
    }
    if (any) text_add(out, "\n");
}

static void print_decisions(const KPlan *p, Text *out)
{
    const char *before = "  decisions: ";
    for (int i = 0; i < PLAN_DECISIONS; i++) {
        if (!plan_takes(p, (PlanDecision)i)) text_printf(out, "%sno-%s", before, plan_decision_name(i));
        else if (p->did[i]) text_printf(out, "%s%s %d", before, plan_decision_name(i), p->did[i]);
        else continue;
        before = ", ";
    }
    if (before[0] == ',') text_add(out, "\n");
}

void kernel_print_line(const KPlan *p, const KKernel *k, Text *out)
{
    print_line(&(Names){p, ir_print_names(p->m, p->fn, p->arena)}, k, false, out);
}

void kernel_print(const KPlan *p, Text *out)
{
    Names n = {p, ir_print_names(p->m, p->fn, p->arena)};
    text_printf(out, "fn %s: frame %" PRId64 " B, scratch %" PRId64 " B a thread\n", p->fn->name, p->frame_bytes,
                p->scratch_bytes);
    print_decisions(p, out);
    print_remade(&n, out);
    print_block(&n, &p->top, 1, out);
    for (int i = 0; i < p->commits.n; i++)
        text_printf(out, "  copied at the end: \"%s\"\n", p->m->slots.v[p->commits.v[i].slot].path);
}
