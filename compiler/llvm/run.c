/* run.c - walks a plan with its compiled kernels.
 *
 * Every thread of the team walks the same steps and does its part of each; a barrier after a step is all there is between
 * them. Shards and element ranges depend on the plan, never on the threads, so results do not either. */
#include "compiler/llvm/run.h"
#include "compiler/nest/nest.h"
#include "runtime/math/random.h"

#include <string.h>

typedef struct Run {
    const Compiled *f;
    Team           *team;
    char           *frame;
    char **const   *bases;                                  /* of each thread */
} Run;

typedef struct Walk {                                       /* one thread's */
    const Run *r;
    int        thread, threads;
    char     **bases;
    uint64_t   iteration;
} Walk;

static void wait_for_all(const Walk *w)
{
    if (w->threads > 1) team_barrier(w->r->team);
}

static void call(const Walk *w, const KKernel *k, int64_t a, int64_t b, int64_t c, int64_t d)
{
    const CompiledKernel *code = &w->r->f->kernel[k->id];
    code->fn(w->bases, code->table, a, b, c, d);
}

static void run_shard(const Walk *w, const KStep *s, int64_t shard)
{
    int64_t from = shard * s->shards.size, to = from + s->shards.size < s->extent ? from + s->shards.size : s->extent;
    if (s->zero) memset(w->bases[BASE_SCRATCH] + s->zero->offset, 0, (size_t)s->zero->bytes);
    for (int64_t at = from; at < to; at += K_TILE) {
        int64_t valid = to - at < K_TILE ? to - at : K_TILE;
        for (int64_t q = 0; q * K_LANES < valid; q++)
            for (int i = 0; i < s->panel.n; i++) call(w, s->panel.v[i], at / K_LANES + q, q, 0, 0);
        for (int i = 0; i < s->tile.n; i++) call(w, s->tile.v[i], at / K_LANES, valid, at == from, shard);
    }
    for (int i = 0; i < s->finish.n; i++) call(w, s->finish.v[i], shard, 0, 0, 0);
}

static void run_tiled(const Walk *w, const KStep *s)
{
    int64_t lo = s->shards.count * w->thread / w->threads, hi = s->shards.count * (w->thread + 1) / w->threads;
    for (int i = 0; i < s->once.n && lo < hi; i++) call(w, s->once.v[i], 0, 0, 0, 0);
    for (int64_t i = lo; i < hi; i++) run_shard(w, s, i);
}

static void run_uniform(const Walk *w, const KStep *s)
{
    for (int i = 0; i < s->kernels.n; i++) {
        const KKernel *k = s->kernels.v[i];
        int64_t lo = 0, hi = k->units;
        if (k->split) {
            lo = k->units * w->thread / w->threads;
            hi = k->units * (w->thread + 1) / w->threads;
        } else if (i % w->threads != w->thread) {
            continue;
        }
        if (lo < hi) call(w, k, lo, hi, 0, 0);
    }
}

static void run_block(Walk *w, const KBlock *b);

static char *memory_of(const Run *r, const KMem *m)
{
    int64_t at = 0;
    for (int i = 0; i < m->n_iter; i++) {
        int64_t n;
        memcpy(&n, r->frame + FRAME_COUNTER + 8 * m->iter[i].depth, 8);
        at += n * m->iter[i].stride * (int64_t)ir_elem_bytes(m->elem);
    }
    while (m->of) m = m->of;
    return r->frame + m->offset + at;
}

static void set_counters(const Walk *w, const KStep *s, int64_t i, uint64_t iteration)
{
    if (w->thread) return;
    memcpy(w->r->frame + FRAME_COUNTER + 8 * s->depth, &i, 8);
    memcpy(w->r->frame + FRAME_ITERATION, &iteration, 8);
}

static void run_scan(Walk *w, const KStep *s)
{
    uint64_t outside = w->iteration;
    for (int64_t i = 0; i < s->node->attr.n; i++) {
        w->iteration = outside * (uint64_t)s->node->attr.n + (uint64_t)i;
        set_counters(w, s, i, w->iteration);
        wait_for_all(w);
        run_block(w, s->body[0]);
        for (int k = 0; k < s->after.n; k++) {
            const KCopy *c = &s->after.v[k];
            if (k % w->threads == w->thread)
                memcpy(memory_of(w->r, c->to), memory_of(w->r, c->from), (size_t)c->to->bytes);
        }
        wait_for_all(w);
    }
    w->iteration = outside;
    set_counters(w, s, 0, outside);
}

static void run_step(Walk *w, const KStep *s)
{
    switch (s->kind) {
    case K_TILED:   run_tiled(w, s); break;
    case K_UNIFORM: run_uniform(w, s); break;
    case K_SCAN:    run_scan(w, s); break;
    case K_COND:    run_block(w, s->body[*memory_of(w->r, s->predicate) ? 0 : 1]); break;
    }
}

static void run_block(Walk *w, const KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        run_step(w, b->steps.v[i]);
        wait_for_all(w);
    }
}

static void member(void *arg, int thread, int threads)
{
    const Run *r = arg;
    Walk w = {.r = r, .thread = thread, .threads = threads, .bases = r->bases[thread]};
    run_block(&w, &r->f->plan->top);
}

static void fill_header(const Compiled *f, const GanProgram *p, char *frame, const GanState *state)
{
    memset(frame, 0, FRAME_KEYS);
    if (f->tick_slot >= 0) memcpy(frame + FRAME_TICK, state->base + p->slot[f->tick_slot].offset, 8);
    for (int i = 0; i < f->plan->m->streams.n; i++) {
        uint64_t key = random_key(state->seed, f->plan->m->streams.v[i]);
        memcpy(frame + FRAME_KEYS + 8 * i, &key, 8);
    }
}

void run_function(const Compiled *f, const GanProgram *p, Team *team, char **const *bases, GanState *state,
                  void *const *out)
{
    Run r = {f, team, bases[0][BASE_FRAME], bases};
    for (int t = 0; t < team_threads(team); t++) {
        bases[t][BASE_STATE] = state->base;
        for (int i = 0; i < p->n_data; i++) bases[t][BASE_DATA + i] = (char *)state->data[i];
    }
    fill_header(f, p, r.frame, state);
    team_run(team, member, &r);
    for (int i = 0; out && i < f->plan->outs.n; i++) {
        const KMem *m = f->plan->outs.v[i].mem;
        if (out[i]) memcpy(out[i], r.frame + m->offset, (size_t)m->bytes);
    }
    for (int i = 0; i < f->plan->commits.n; i++) {
        const KCommit *c = &f->plan->commits.v[i];
        memcpy(state->base + p->slot[c->slot].offset, r.frame + c->from->offset, (size_t)c->from->bytes);
    }
}
