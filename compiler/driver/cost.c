/* cost.c - see cost.h. Start at cost_of(). */
#include "compiler/driver/cost.h"

#include "compiler/ir/ir.h"

#include <math.h>
#include <string.h>

static double size_of(const IrModule *m, const IrType *t) { return (double)ir_axes_size(m, t->axes) * (double)ir_dims_size(t); }
static double bytes_of(const IrModule *m, const IrType *t) { return size_of(m, t) * (double)ir_elem_bytes(t->elem); }

/* ---- operations -------------------------------------------------------------------------------------------------------- */

static double contracted(const IrModule *m, const IrNode *n, int pair)
{
    const IrType *a = &n->arg[2 * pair]->type;
    IrAxes        over = n->op == IR_dot ? (n->attr->pair_over ? n->attr->pair_over[pair] : ir_no_axes()) : n->attr->over;
    double        size = (double)ir_axes_size(m, over);
    for (int i = 0; i < n->attr->contract.n; i++) size *= (double)a->dim[n->attr->contract.a[i]];
    return size;
}

static double of_dot(const IrModule *m, const IrNode *n)
{
    double sum = 0;
    for (int i = 0; i < n->n_args / 2; i++) sum += 2 * size_of(m, &n->result[0].type) * contracted(m, n, i);
    return sum;
}

static double of_conv(const IrModule *m, const IrNode *n)
{
    double taps = 1;
    for (int i = 0; i < n->attr->n_windows; i++) taps *= ir_taps(n, i);
    return 2 * size_of(m, &n->result[0].type) * contracted(m, n, 0) * taps;
}

/* Of whole matrices n by n; `columns`: right sides. */
static double of_matrices(const IrModule *m, const IrNode *n)
{
    const IrType *a = &n->arg[0]->type;
    double        k = a->rank ? (double)a->dim[a->rank - 1] : 1, matrices = size_of(m, a) / fmax(k * k, 1);
    double        columns = n->n_args > 1 ? size_of(m, &n->arg[1]->type) / fmax(k * matrices, 1) : 0;
    switch (n->op) {
    case IR_cholesky: return matrices * k * k * k / 3;
    case IR_trisolve: return matrices * k * k * columns;
    case IR_solve: return matrices * (2 * k * k * k / 3 + 2 * k * k * columns);
    case IR_eigh: return matrices * 9 * k * k * k;
    default: return 0;
    }
}

static double of_reduction(const IrModule *m, const IrNode *n)
{
    double size = size_of(m, &n->arg[0]->type);
    if (n->op == IR_dot) return of_dot(m, n);
    if (n->op == IR_conv) return of_conv(m, n);
    if (n->op == IR_norm) return 2 * size;
    return n->op == IR_argsort ? size * log2(fmax(2, (double)n->arg[0]->type.dim[n->arg[0]->type.rank - 1])) : size;
}

static double of_block(const IrModule *m, const IrBlock *b);

static double of_control(const IrModule *m, const IrNode *n)
{
    if (n->op == IR_scan) return (double)n->attr->n * of_block(m, n->body[0]);
    return n->op == IR_cond ? fmax(of_block(m, n->body[0]), of_block(m, n->body[1])) : 0;
}

static double of_map(const IrModule *m, const IrNode *n)
{
    bool free = n->n_args == 0 || n->op == IR_convert || n->op == IR_stop;
    return free ? 0 : size_of(m, &n->result[0].type) * (n->op == IR_fma ? 2 : 1);
}

static double of_node(const IrModule *m, const IrNode *n)
{
    switch (ir_op_info[n->op].klass) {
    case IR_CLASS_MAP: return of_map(m, n);
    case IR_CLASS_FEAT: return of_reduction(m, n);
    case IR_CLASS_SAMP: return size_of(m, &n->arg[n->n_args - 1]->type);
    case IR_CLASS_RAND: return size_of(m, &n->result[0].type);
    case IR_CLASS_CTL: return of_control(m, n);
    case IR_CLASS_OPAQUE: return of_matrices(m, n);
    case IR_CLASS_CROSS:
    case IR_CLASS_LAYOUT: return 0;
    }
    return 0;
}

static double of_block(const IrModule *m, const IrBlock *b)
{
    double sum = 0;
    for (const IrNode *n = b->first; n; n = n->next) sum += of_node(m, n);
    return sum;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------------- */

static bool reads_data(const IrModule *m, const IrVal *v)
{
    return v->def && v->def->op == IR_read && m->slots.v[v->def->attr->slot].kind == IR_SLOT_DATA;
}

static double bytes_read(const IrModule *m, const IrFn *f)
{
    double sum = 0;
    for (const IrNode *n = f->body.first; n; n = n->next) {
        if (n->op == IR_read && !reads_data(m, n->result)) sum += bytes_of(m, &n->result[0].type);
        if (n->op == IR_gather && reads_data(m, n->arg[0])) sum += bytes_of(m, &n->result[0].type);
        for (int i = n->op == IR_gather; i < n->n_args; i++)
            if (reads_data(m, n->arg[i])) sum += bytes_of(m, &n->arg[i]->type);
    }
    return sum;
}

static double bytes_written(const IrModule *m, const IrFn *f)
{
    double sum = 0;
    for (int i = 0; i < f->commits.n; i++) sum += bytes_of(m, &f->commits.v[i].val->type);
    return sum;
}

static double bytes_of_work(const Session *s, const IrFn *f)
{
    Arena  *a = arena_new();
    KValues values = {0};
    char    why[512];
    KPlan  *p = kernel_plan(a, s->lowered.ir, f, s->o->plan, &values, why);
    double  bytes = p ? (double)(p->frame_bytes + p->scratch_bytes) : -1;
    arena_free(a);
    return bytes;
}

Cost cost_of(const Session *s, int fn)
{
    const IrModule *m = s->lowered.ir;
    const IrFn     *f = m->fns.v[fn];
    return (Cost){of_block(m, &f->body), bytes_read(m, f), bytes_written(m, f), bytes_of_work(s, f)};
}

/* ---- tables ------------------------------------------------------------------------------------------------------------ */

/* Bytes of the slots of a player, those of its parameters apart. */
static void print_player(const Session *s, const GamePlayer *p)
{
    const GanProgram *g = s->lowered.program;
    size_t            own = 0, rest = 0;
    for (int i = 0; i < g->n_slots; i++) {
        const GanSlot *slot = &g->slot[i];
        if (!slot->player || strcmp(slot->player, p->name)) continue;
        if (slot->kind == GAN_PARAM) own += slot->bytes;
        else if (slot->kind != GAN_DATA && slot->kind != GAN_SCRATCH) rest += slot->bytes;
    }
    printf("  %-24s %14lld %14zu %14zu\n", p->name, (long long)p->parameters, own, rest);
}

static void print_line(const Session *s, const GameLine *l)
{
    Cost c = cost_of(s, l->fn);
    printf("  ");
    session_print_statement(s, l);
    for (int i = 0; i < l->n_moves; i++) printf("%s%s", i ? ", " : "; moves ", l->moves[i]);
    printf("\n  %-24s %14.0f %14.0f %14.0f", "", c.operations, c.read, c.written);
    if (c.work >= 0) printf(" %14.0f\n", c.work);
    else printf(" %14s\n", "?");
}

void cost_print(Session *s)
{
    const LowerResult *r = &s->lowered;
    printf("  %-24s %14s %14s %14s\n", "player", "parameters", "their bytes", "other state");
    for (int i = 0; i < r->n_players; i++) print_player(s, &r->player[i]);
    printf("\n  %-24s %14s %14s %14s %14s\n", "statement, once", "operations", "bytes read", "written", "for work");
    for (int i = 0; i < r->n_lines; i++)
        if (r->line[i].fn >= 0) print_line(s, &r->line[i]);
    printf("\n  all state: %zu bytes\n", r->program->state_bytes);
}
