/* steps.c - see steps.h. A block's steps lie together, so those of the blocks inside it come first. */
#include "compiler/nest/steps.h"
#include "base/bug.h"

typedef struct Tables {
    Arena              *a;
    const NestFunction *fn;                                 /* at hand */
    const GanProgram   *program;
    CodeFunction       *fns;
    ARRAY(CodeRange)    blocks;
    ARRAY(CodeStep)     steps;
    ARRAY(CodeCall)     calls;
    ARRAY(CodeCopy)     copies;
    ARRAY(CodeStack)    stacks;
    ARRAY(CodePlace)    outs;
    ARRAY(CodeCommit)   commits;
    ARRAY(int64_t)      words;
    int32_t            *wants;
} Tables;

static CodePlace place_of(const KMem *m)
{
    CodePlace p = {.bytes = m->bytes, .n_iter = m->n_iter};
    for (int i = 0; i < m->n_iter; i++) {
        p.iter[i].depth = m->iter[i].depth;
        p.iter[i].bytes = m->iter[i].stride * (int64_t)ir_elem_bytes(m->elem);
    }
    p.offset = m->at * (int64_t)ir_elem_bytes(m->elem);
    while (m->of) m = m->of;
    p.offset += m->offset;
    return p;
}

static void add_call(Tables *t, const KKernel *k)
{
    NestKernel *n = &t->fn->kernel[k->id];
    if (n->code < 0) BUG("steps: a kernel without code");
    t->wants[n->code] = n->n_words;
    n->call = t->calls.n;
    array_push(t->a, &t->calls, ((CodeCall){n->code, t->words.n, k->units, k->split}));
    for (int i = 0; i < n->n_words; i++) array_push(t->a, &t->words, n->words[i]);
}

/* Outputs of a scan: the turns lie behind one another, for each panel and each other axis by itself. */
static CodeRange stacks_of(Tables *t, const KStep *s)
{
    CodeRange r = {t->stacks.n, s->stacks.n};
    for (int i = 0; i < s->stacks.n; i++) {
        const KMem *m = s->stacks.v[i];
        array_push(t->a, &t->stacks, ((CodeStack){m->offset, m->bytes, m->dim[0] * (int64_t)ir_elem_bytes(m->elem)}));
    }
    return r;
}

static CodeRange calls_of(Tables *t, KKernel *const *k, int n)
{
    CodeRange r = {t->calls.n, n};
    for (int i = 0; i < n; i++) add_call(t, k[i]);
    return r;
}

/* Samples' panels lie one behind the other, shard by shard. */
static CodeCopy copy_of(const KCopy *k)
{
    CodeCopy c = {.to = place_of(k->to), .from = place_of(k->from)};
    if (k->doer < 0) {
        c.thread = -1 - k->doer;
    } else if (c.to.bytes) {
        IrShards shards = ir_shards(k->doer);
        c.shards = shards.count;
        c.shard = shards.size / K_LANES * k->to->panel * (int64_t)ir_elem_bytes(k->to->elem);
    }
    return c;
}

static int64_t waits_of(const KStep *s)
{
    return (s->wait_first ? CODE_WAIT_FIRST : 0) | (s->wait_copies ? CODE_WAIT_COPIES : 0) | (s->wait_turn ? CODE_WAIT_TURN : 0) |
           (s->wait_last ? CODE_WAIT_LAST : 0);
}

static int block_of(Tables *t, const KBlock *b);

static CodeStep step_of(Tables *t, const KStep *s)
{
    CodeStep c = {.extent = s->extent, .shards = s->shards.count, .shard = s->shards.size, .depth = s->depth, .waits = waits_of(s)};
    switch (s->kind) {
    case K_TILED:
        c.kind = CODE_TILED;
        c.by_calls = s->by_kernels;
        c.once = calls_of(t, s->once.v, s->once.n);
        c.panel = calls_of(t, s->panel.v, s->panel.n);
        c.tile = calls_of(t, s->tile.v, s->tile.n);
        c.finish = calls_of(t, s->finish.v, s->finish.n);
        if (s->zero) { c.zero_from = s->zero->offset; c.zero_bytes = s->zero->bytes; }
        break;
    case K_UNIFORM:
        c.kind = CODE_UNIFORM;
        c.panel = calls_of(t, s->kernels.v, s->kernels.n);
        break;
    case K_SCAN:
        c.kind = CODE_SCAN;
        c.turns = s->node->attr->n;
        if (s->ended) {
            c.predicate = place_of(s->ended);
            if (s->ended->tile >= 0) c.extent = ir_extent(t->fn->plan->m, s->ended->tile);
            c.stacks = stacks_of(t, s);
        }
        c.body[0] = block_of(t, s->body[0]);
        c.after = (CodeRange){t->copies.n, s->after.n};
        for (int i = 0; i < s->after.n; i++) array_push(t->a, &t->copies, copy_of(&s->after.v[i]));
        break;
    case K_COND:
        c.kind = CODE_COND;
        c.predicate = place_of(s->predicate);
        for (int i = 0; i < 2; i++) c.body[i] = block_of(t, s->body[i]);
        break;
    }
    return c;
}

static int block_of(Tables *t, const KBlock *b)
{
    CodeStep *own = arena_array(t->a, CodeStep, b->steps.n + 1);
    for (int i = 0; i < b->steps.n; i++) own[i] = step_of(t, b->steps.v[i]);
    array_push(t->a, &t->blocks, ((CodeRange){t->steps.n, b->steps.n}));
    for (int i = 0; i < b->steps.n; i++) array_push(t->a, &t->steps, own[i]);
    return t->blocks.n - 1;
}

static CodeFunction function_of(Tables *t, int tick_slot)
{
    const KPlan *p = t->fn->plan;
    CodeFunction f = {.tick = -1};
    if (tick_slot >= 0) f.tick = (int64_t)t->program->slot[tick_slot].offset;
    f.top = block_of(t, &p->top);
    f.outs = (CodeRange){t->outs.n, p->outs.n};
    for (int i = 0; i < p->outs.n; i++) array_push(t->a, &t->outs, place_of(p->outs.v[i].mem));
    f.commits = (CodeRange){t->commits.n, p->commits.n};
    for (int i = 0; i < p->commits.n; i++) {
        const KCommit *c = &p->commits.v[i];
        CodePlace from = place_of(c->from);
        array_push(t->a, &t->commits, ((CodeCommit){(int64_t)t->program->slot[c->slot].offset, from.offset, from.bytes}));
    }
    return f;
}

static const char **stream_names(Arena *a, const IrModule *m)
{
    const char **name = arena_array(a, const char *, m->streams.n + 1);
    for (int i = 0; i < m->streams.n; i++) name[i] = arena_str(a, m->streams.v[i]);
    return name;
}

static void take_tables(Code *c, const Tables *t)
{
    c->fn = t->fns;
    c->block = t->blocks.v, c->n_blocks = t->blocks.n;
    c->step = t->steps.v, c->n_steps = t->steps.n;
    c->call = t->calls.v, c->n_calls = t->calls.n;
    c->copy = t->copies.v, c->n_copies = t->copies.n;
    c->stack = t->stacks.v, c->n_stacks = t->stacks.n;
    c->out = t->outs.v, c->n_outs = t->outs.n;
    c->commit = t->commits.v, c->n_commits = t->commits.n;
    c->words = t->words.v, c->n_words = t->words.n;
    c->wants = t->wants;
}

Code steps_of(Arena *a, const NestProgram *p, const IrModule *m, const GanProgram *program, const KernelFn *nest)
{
    Tables t = {.a = a, .program = program, .fns = arena_array(a, CodeFunction, p->n_fns + 1), .wants = arena_array(a, int32_t, p->n_codes + 1)};
    Code c = {.n_fns = p->n_fns, .nest = nest, .n_nests = p->n_codes, .stream = stream_names(a, m), .n_streams = m->streams.n,
              .frame_bytes = 64, .scratch_bytes = 64, .blas = ir_has_form(m, IR_FORM_BLAS), .external = program->external, .n_externs = program->n_externs};
    for (int i = 0; i < p->n_fns; i++) {
        const KPlan *plan = p->fn[i].plan;
        t.fn = &p->fn[i];
        t.fns[i] = function_of(&t, m->fns.v[i]->tick_slot);
        if (plan->frame_bytes > c.frame_bytes) c.frame_bytes = plan->frame_bytes;
        if (plan->scratch_bytes > c.scratch_bytes) c.scratch_bytes = plan->scratch_bytes;
    }
    take_tables(&c, &t);
    return c;
}
