/* program.c - see program.h. Equal nests are found by their text. */
#include "compiler/nest/program.h"
#include "base/bug.h"
#include "compiler/nest/nest.h"

#include <string.h>

enum { BUCKETS = 4096 };

typedef struct Code {
    uint64_t     hash;
    const char  *text;
    int          number;
    struct Code *next;                                      /* in its bucket */
} Code;

typedef struct Build {
    NestProgram      *out;
    Arena            *a;
    const GanProgram *program;
    const NestUser   *user;
    int               rows;
    LoopReg         **reg;
    uint32_t          n_reg;
    Code             *codes[BUCKETS];
} Build;

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u;                  /* FNV-1a */
    for (const char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    return hash;
}

static const Code *code_of(Build *b, const char *text, bool *is_new)
{
    uint64_t hash = hash_of(text);
    Code **bucket = &b->codes[hash % BUCKETS];
    *is_new = false;
    for (Code *c = *bucket; c; c = c->next)
        if (c->hash == hash && !strcmp(c->text, text)) return c;
    *is_new = true;
    Code c = {hash, arena_str(b->a, text), b->out->n_codes++, *bucket};
    return *bucket = arena_copy(b->a, &c, sizeof c);
}

static void check(const LoopNest *n)
{
#ifndef NDEBUG
    char why[256];
    if (!loop_verify(n, why)) BUG("nest: it is wrong: %s", why);
#else
    (void)n;
#endif
}

static NestKernel build_kernel(Build *b, KPlan *p, KKernel *k)
{
    Arena *scratch = arena_new();
    Nest n = {.arena = scratch, .program = b->program, .p = p, .m = p->m, .reg = b->reg, .n_reg = b->n_reg, .rows = b->rows};
    Text text = text_in(scratch);
    bool is_new;
    nest_kernel(&n, k);
    check(n.b.nest);
    loop_print(n.b.nest, &text);
    const Code *c = code_of(b, text_str(&text), &is_new);
    NestKernel made = {.code = c->number, .n_words = n.b.words.n, .call = -1};
    if (made.n_words) made.words = arena_copy(b->a, n.b.words.v, sizeof *n.b.words.v * (size_t)made.n_words);
    if (is_new && b->user->fresh) b->user->fresh(b->user->self, c->number, n.b.nest, c->text, scratch);
    if (b->user->kernel) b->user->kernel(b->user->self, k->id, &made, c->text);
    arena_free(scratch);
    return made;
}

static void build_function(Build *b, NestFunction *f)
{
    const NestUser *u = b->user;
    if (u->open) u->open(u->self, f->plan);
    f->kernel = arena_array(b->a, NestKernel, f->plan->kernels.n + 1);
    for (int i = 0; i < f->plan->kernels.n; i++) {
        KKernel *k = f->plan->kernels.v[i];
        f->kernel[i] = k->merged ? (NestKernel){.code = -1, .call = -1} : build_kernel(b, f->plan, k);
    }
    if (u->close) u->close(u->self, f->plan);
}

bool nest_program(NestProgram *out, Arena *a, const IrModule *m, const GanProgram *p, PlanOptions plan, int rows, const NestUser *user, char why[512])
{
    KValues values = {0};
    plan.wide = nest_are_wide(rows);
    *out = (NestProgram){arena_array(a, NestFunction, m->fns.n + 1), m->fns.n, 0};
    KValues *kept = arena_copy(a, &values, sizeof values);
    kept->by_id.v = arena_array(a, KValue *, kept->by_id.cap = (int)(m->next_id + m->next_id / 4 + 1));
    for (int i = 0; i < m->fns.n; i++)
        if (!(out->fn[i].plan = kernel_plan(a, m, m->fns.v[i], plan, kept, why))) return false;
    Build *b = arena_new_of(a, Build);
    *b = (Build){.out = out, .a = a, .program = p, .user = user, .rows = rows, .n_reg = kept->next_id};
    b->reg = arena_array(a, LoopReg *, kept->next_id + 1);
    for (int i = 0; i < m->fns.n; i++) build_function(b, &out->fn[i]);
    return true;
}
