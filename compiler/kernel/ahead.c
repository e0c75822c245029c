/* ahead.c - what a product asks for while it multiplies: lines of shared memory that the kernels after it touch first. Those that are written
 * it claims: another thread may have read them in the run before, and its copy is gone by then.
 *
 * A step's kernels go over one panel before the next. Large products keep the units busy that multiply and leave those idle that bring lines; the
 * element-wise kernels between them do the reverse, and wait wherever their numbers lie in no cache near the core: what an earlier step left,
 * and what is written for a later one. So each product is told which panels those are, and asks for one line a turn. Start at kernel_ahead(). */
#include "compiler/kernel/internal.h"

enum {
    LINE = 64,                                              /* bytes */
    LEAST_TURNS = 64,                                       /* of a product's chain */
    LEAST_ROWS = 32,                                        /* of its result: a few tiles */
    LEAST_LINES = 16,                                       /* of a panel */
    NEAR = 1 << 18,                                         /* bytes touched since: it is still in the second cache */
    MOST = 8                                                /* values a product asks for */
};

typedef struct Last { int walk; double at; } Last;          /* of a buffer: when it was touched, and in which walk over a step */

typedef struct Asking {
    KPlan   *p;
    const KStep *step;
    KKernel *product;                                       /* the last one before the kernel at hand; or NULL */
    const KKernel *k;                                       /* the kernel at hand */
    bool     next;                                          /* it stands at the panel after the product's */
    bool     inside;                                        /* of a loop or cond */
    double   bytes;                                         /* touched so far, a panel of everything */
    int      walk;
    Last    *last;                                          /* by KMem.made */
    bool    *abroad;                                        /* likewise: kernels without samples read it, on whichever thread */
} Asking;

static bool asks(const KKernel *k)
{
    const IrNode *n = k->kind == K_DOT && !k->split ? k->nodes.v[0] : NULL;
    if (!n || n->op != IR_dot || n->attr->contract.n != 1 || n->attr->batch.n) return false;
    int64_t turns = n->arg[0]->type.dim[n->attr->contract.a[0]];
    const IrType *t = &n->result[0].type;
    return t->axes.n == 1 && t->rank == 1 && turns >= LEAST_TURNS && t->dim[0] >= LEAST_ROWS;
}

static int64_t panels(const Asking *a) { return (a->step->extent + K_LANES - 1) / K_LANES; }

/* Of a product over samples: [block of 16 columns][all samples][16 columns]. */
static bool is_columns(const Asking *a, const KMem *m) { return m == a->k->mem && a->k->kind == K_TRANSPOSE && m->place == K_FRAME; }

static int64_t panel_bytes(const Asking *a, const KTouch *t)
{
    if (!t->mem) return ir_dims_size(&a->p->m->slots.v[t->slot].type) * (int64_t)ir_elem_bytes(a->p->m->slots.v[t->slot].type.elem);
    if (is_columns(a, t->mem)) return t->mem->bytes / panels(a);
    return t->mem->tile >= 0 && t->mem->panel ? t->mem->panel * (int64_t)ir_elem_bytes(t->mem->elem) : t->mem->bytes;
}

/* Shared memory with panels one behind the other, of full lines; or columns. */
static bool lines_of(const Asking *a, const KTouch *t, KAhead *out)
{
    const KMem *m = t->mem;
    IrElem  elem = a->product->nodes.v[0]->result[0].type.elem;
    int64_t lines = panel_bytes(a, t) / LINE, block = K_LANES * K_LANES * (int64_t)ir_elem_bytes(elem) / LINE;
    bool    columns = is_columns(a, m);
    if (m->place != K_FRAME || m->n_iter || lines < LEAST_LINES || panel_bytes(a, t) % LINE) return false;
    *out = columns ? (KAhead){m, lines, block, panels(a) * block, a->next, lines >= block} : (KAhead){m, lines, lines, block, a->next, lines >= block};
    return columns ? m->elem == elem : m->panel && m->tile == a->k->lane_axis;
}

static void see(void *self, const KTouch *t)
{
    Asking *a = self;
    if (!t->mem && t->slot < 0) return;
    Last *l = t->mem ? &a->last[t->mem->made] : NULL;
    bool met = l && l->walk == a->walk, near = met && a->bytes - l->at < NEAR;
    if (!near) a->bytes += (double)panel_bytes(a, t);
    if (!l) return;
    *l = (Last){a->walk, a->bytes};
    KAhead lines;
    if (near || !a->product || a->product->ahead.n == MOST || !lines_of(a, t, &lines)) return;
    plan_did(a->p, PLAN_ahead, true);
    lines.claimed &= a->abroad[t->mem->made] && !met && !a->next && !a->inside && t->all && (t->own || is_columns(a, t->mem));
    array_push(a->p->arena, &a->product->ahead, lines);
}

static void walk(Asking *a, int n)
{
    a->walk++;
    for (int i = 0; i < n; i++) {
        a->k = a->step->panel.v[i];
        kernel_touches(a->p, a->k, see, a);
        if (!a->next && asks(a->k)) a->product = a->step->panel.v[i];
    }
}

/* What a product claims comes first. */
static void put_claims_first(KPlan *p, KKernel *k)
{
    KAhead *all = arena_copy(p->arena, k->ahead.v, sizeof *all * (size_t)k->ahead.n);
    for (int i = 0, at = 0, claimed = 1; claimed >= 0; claimed--)
        for (i = 0; i < k->ahead.n; i++)
            if (all[i].claimed == claimed) k->ahead.v[at++] = all[i];
}

/* What comes before the first product is asked for by the last one, of the next panel. */
static void of_step(Asking *a, const KStep *s)
{
    int first = 0;
    a->step = s;
    a->product = NULL;
    a->next = false;
    while (first < s->panel.n && !asks(s->panel.v[first])) first++;
    if (first == s->panel.n) return;
    walk(a, s->panel.n);
    a->next = true;
    walk(a, first + 1);
    for (int i = 0; i < s->panel.n; i++) put_claims_first(a->p, s->panel.v[i]);
}

static void read_abroad(void *self, const KTouch *t)
{
    Asking *a = self;
    if (t->mem) a->abroad[t->mem->made] |= !t->writes;
}

static void find_abroad(Asking *a, const KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        const KStep *s = b->steps.v[i];
        for (int k = 0; k < 2; k++)
            if (s->body[k]) find_abroad(a, s->body[k]);
        for (int k = 0; k < s->kernels.n; k++) kernel_touches(a->p, s->kernels.v[k], read_abroad, a);
    }
}

static void of_block(Asking *a, const KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        const KStep *s = b->steps.v[i];
        bool inside = a->inside;
        a->inside = true;
        for (int k = 0; k < 2; k++)
            if (s->body[k]) of_block(a, s->body[k]);
        a->inside = inside;
        if (s->kind == K_TILED && !s->by_kernels) of_step(a, s);
    }
}

void kernel_ahead(KPlan *p)
{
    Arena *scratch = arena_new();
    Asking a = {.p = p, .last = arena_array(scratch, Last, p->n_mems + 1), .abroad = arena_array(scratch, bool, p->n_mems + 1)};
    find_abroad(&a, &p->top);
    of_block(&a, &p->top);
    arena_free(scratch);
}
