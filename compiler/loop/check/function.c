/* function.c - see function.h.
 *
 * A thread is one of the system's, so that it may wait anywhere, but only the one that holds the baton runs. From a wait to the next it is a turn of
 * touch.h: beside those of the other threads, before whatever comes after the wait. Start at loop_check_function(), at the end. */
#include "compiler/loop/check/function.h"
#include "base/bug.h"
#include "runtime/math/random.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POISON = 0xff, WHY = 512 };

typedef struct Wait { const CodeStep *step; CodeWait where; int64_t turn; } Wait;

typedef struct Run {
    const CheckFunction *f;
    const CodeFunction  *fn;
    Arena               *arena;
    Touches             *touches;
    int64_t             *bytes;                             /* of each base */
    pthread_mutex_t      lock;
    pthread_cond_t       passed;
    int                 *order, at;                         /* of threads in this stretch; whose turn it is in it */
    int                  first;                             /* turn of the stretch */
    Wait                 wait;                              /* of the first thread that came to the end of the stretch */
    uint64_t             random;
    _Atomic bool         failed;
    char                *why;
} Run;

typedef struct Thread {
    Run      *r;
    int       number;
    char    **bases;
    uint64_t  iteration;
} Thread;

static void __attribute__((format(printf, 2, 3))) wrong(Run *r, const char *fmt, ...)
{
    va_list args;
    if (r->failed) return;
    r->failed = true;
    va_start(args, fmt);
    vsnprintf(r->why, WHY, fmt, args);
    va_end(args);
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

static uint64_t next_random(Run *r)                         /* splitmix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = r->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void begin_stretch(Run *r)
{
    r->first = r->touches->turn.n;
    r->at = 0;
    for (int i = 0; i < r->f->threads; i++) {
        int k = r->f->seed ? (int)(next_random(r) % (unsigned)(i + 1)) : i;
        r->order[i] = r->order[k];
        r->order[k] = i;
    }
}

static void take_baton(Thread *t)
{
    Run *r = t->r;
    pthread_mutex_lock(&r->lock);
    while (!r->failed && r->order[r->at] != t->number) pthread_cond_wait(&r->passed, &r->lock);
    if (!r->failed) touches_open(r->touches, "thread", t->number);
    pthread_mutex_unlock(&r->lock);
}

/* The last of a stretch begins the next one. */
static void pass_baton(Thread *t, Wait w)
{
    Run *r = t->r;
    pthread_mutex_lock(&r->lock);
    if (!r->failed) {
        if (r->at == 0) r->wait = w;
        if (r->wait.step != w.step || r->wait.where != w.where || r->wait.turn != w.turn) wrong(r, "threads wait at different places");
        touches_close(r->touches);
        if (++r->at == r->f->threads) {
            touches_join(r->touches, r->first);
            begin_stretch(r);
        }
    }
    pthread_cond_broadcast(&r->passed);
    pthread_mutex_unlock(&r->lock);
}

/* When something is wrong nobody waits for anybody: each comes to its end. */
static void wait_at(Thread *t, const CodeStep *s, CodeWait where)
{
    if (t->r->f->threads == 1 || !(s->waits & where) || t->r->failed) return;
    pass_baton(t, (Wait){s, where, (int64_t)t->iteration});
    take_baton(t);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static void met(Thread *t, const CodeStep *s, const char *p, Meeting m, const char *does)
{
    char mine[128], other[128];
    Touches *all = t->r->touches;
    if (!m.turn) return;
    touches_name(all, all->now, m.turn, mine, sizeof mine);
    touches_name(all, m.turn, all->now, other, sizeof other);
    wrong(t->r, "step %d: byte %lld of the frame: %s %s it, %s %s it", (int)(s - t->r->f->code->step), (long long)(p + m.byte - t->bases[BASE_FRAME]),
          mine, does, other, m.wrote ? "writes" : "reads");
}

static void must_be_written(Run *r, const char *what, const void *p, int64_t bytes)
{
    uint32_t from = touches_missing(r->touches, p, bytes);
    if (from == TOUCH_UNWRITTEN) wrong(r, "%s: nobody wrote it", what);
    else if (from) wrong(r, "%s is made of what nobody wrote: %s", what, r->touches->origin.v[from]);
}

static void reads(Thread *t, const CodeStep *s, const char *p, int64_t bytes) { met(t, s, p, touches_read(t->r->touches, p, bytes), "reads"); }

static void clear(Thread *t, const CodeStep *s, char *p, int64_t bytes)
{
    met(t, s, p, touches_write(t->r->touches, p, bytes, 0), "writes");
    memset(p, 0, (size_t)bytes);
}

/* What nobody wrote stays that. */
static void copy(Thread *t, const CodeStep *s, char *to, const char *from, int64_t bytes)
{
    uint32_t nobody = 0;
    reads(t, s, from, bytes);
    for (int64_t i = 0; i < bytes && !t->r->failed; i++) {
        uint32_t origin = touches_missing(t->r->touches, from + i, 1);
        if (origin == TOUCH_UNWRITTEN) origin = nobody = nobody ? nobody : touches_origin(t->r->touches, "a copy after a turn");
        met(t, s, to + i, touches_write(t->r->touches, to + i, 1, origin), "writes");
    }
    memcpy(to, from, (size_t)bytes);
}

static char *at_place(const Thread *t, const CodePlace *p)
{
    int64_t at = p->offset;
    for (int i = 0; i < p->n_iter; i++) {
        int64_t n;
        memcpy(&n, t->bases[BASE_NUMBERS] + FRAME_COUNTER + 8 * p->iter[i].depth, 8);
        at += n * p->iter[i].bytes;
    }
    return t->bases[BASE_FRAME] + at;
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static void call(Thread *t, const CodeStep *s, const CodeCall *k, int64_t u0, int64_t u1, int64_t u2, int64_t u3)
{
    Run *r = t->r;
    char why[256];
    if (r->failed) return;
    LoopRun run = {.bases = t->bases, .bytes = r->bytes, .n_bases = BASE_DATA + r->f->program->n_data, .words = r->f->code->words + k->words,
                   .u = {u0, u1, u2, u3}, .seed = r->f->seed ? next_random(r) | 1 : 0, .touches = r->touches};
    if (!loop_check(r->f->nest[k->nest], &run, why)) wrong(r, "step %d, thread %d: %s", (int)(s - r->f->code->step), t->number, why);
}

static void calls(Thread *t, const CodeStep *s, CodeRange c, int64_t u0, int64_t u1, int64_t u2, int64_t u3)
{
    for (int i = 0; i < c.n; i++) call(t, s, &t->r->f->code->call[c.first + i], u0, u1, u2, u3);
}

static void run_panels(Thread *t, const CodeStep *s, int64_t first, int64_t panels)
{
    for (int64_t q = 0; q < panels && !s->by_calls; q++) calls(t, s, s->panel, first + q, q, 0, 0);
    for (int i = 0; i < s->panel.n && s->by_calls; i++) {
        const CodeCall *k = &t->r->f->code->call[s->panel.first + i];
        if (k->split) call(t, s, k, first, 0, panels, 0);
        for (int64_t q = 0; q < panels && !k->split; q++) call(t, s, k, first + q, q, 0, 0);
    }
}

static void run_shard(Thread *t, const CodeStep *s, int64_t shard)
{
    int64_t from = shard * s->shard, to = from + s->shard < s->extent ? from + s->shard : s->extent;
    if (s->zero_bytes) clear(t, s, t->bases[BASE_SCRATCH] + s->zero_from, s->zero_bytes);
    for (int64_t at = from; at < to; at += FRAME_TILE) {
        int64_t valid = to - at < FRAME_TILE ? to - at : FRAME_TILE;
        run_panels(t, s, at / FRAME_PANEL, (valid + FRAME_PANEL - 1) / FRAME_PANEL);
        calls(t, s, s->tile, at / FRAME_PANEL, valid, at == from, shard);
    }
    calls(t, s, s->finish, shard, 0, 0, 0);
}

typedef struct Part { int64_t lo, hi; } Part;

static Part part_of(const Thread *t, int64_t n) { return (Part){n * t->number / t->r->f->threads, n * (t->number + 1) / t->r->f->threads}; }

static void run_tiled(Thread *t, const CodeStep *s)
{
    Part p = part_of(t, s->shards);
    if (p.lo < p.hi) calls(t, s, s->once, 0, 0, 0, 0);
    for (int64_t i = p.lo; i < p.hi && !t->r->failed; i++) run_shard(t, s, i);
}

static void run_uniform(Thread *t, const CodeStep *s)
{
    for (int i = 0; i < s->panel.n; i++) {
        const CodeCall *k = &t->r->f->code->call[s->panel.first + i];
        if (!k->split && i % t->r->f->threads != t->number) continue;
        Part p = k->split ? part_of(t, k->units) : (Part){0, k->units};
        if (p.lo < p.hi) call(t, s, k, p.lo, p.hi, 0, 0);
    }
}

static void run_block(Thread *t, int block);

static void set_counters(const Thread *t, const CodeStep *s, int64_t i, uint64_t iteration)
{
    memcpy(t->bases[BASE_NUMBERS] + FRAME_COUNTER + 8 * s->depth, &i, 8);
    memcpy(t->bases[BASE_NUMBERS] + FRAME_ITERATION, &iteration, 8);
}

static bool flag_at(Thread *t, const CodeStep *s, const char *p)
{
    reads(t, s, p, 1);
    must_be_written(t->r, "the flag of a loop or cond", p, 1);
    return *p;
}

static int64_t panels_to(int64_t samples) { return (samples + FRAME_PANEL - 1) / FRAME_PANEL; }

static bool have_ended(Thread *t, const CodeStep *s, Part samples)
{
    const char *flag = at_place(t, &s->predicate);
    int64_t row = s->predicate.bytes / panels_to(s->extent);
    for (int64_t p = samples.lo / FRAME_PANEL; p < panels_to(samples.hi); p++) {
        int64_t left = s->extent - p * FRAME_PANEL, lanes = left < FRAME_PANEL ? left : FRAME_PANEL;
        for (int64_t k = 0; k < row; k += FRAME_PANEL)
            for (int64_t l = 0; l < lanes; l++)
                if (!flag_at(t, s, flag + p * row + k + l)) return false;
    }
    return true;
}

static bool have_all_ended(Thread *t, const CodeStep *s)
{
    if (!s->predicate.bytes) return false;
    return s->extent ? have_ended(t, s, (Part){0, s->extent}) : flag_at(t, s, at_place(t, &s->predicate));
}

static void clear_rows(Thread *t, const CodeStep *s, const CodeStack *k, Part rows, int64_t from)
{
    int64_t each = s->turns * k->turn;
    for (int64_t j = rows.lo; j < rows.hi; j++)
        clear(t, s, t->bases[BASE_FRAME] + k->offset + j * each + from * k->turn, each - from * k->turn);
}

static int64_t rows_of(const CodeStep *s, const CodeStack *k)
{
    int64_t each = s->turns * k->turn;
    return each ? k->bytes / each : 0;
}

static void clear_stacks(Thread *t, const CodeStep *s, int64_t from)
{
    for (int i = 0; i < s->stacks.n; i++) {
        const CodeStack *k = &t->r->f->code->stack[s->stacks.first + i];
        clear_rows(t, s, k, part_of(t, rows_of(s, k)), from);
    }
}

static void copy_after(Thread *t, const CodeStep *s, const CodeCopy *c)
{
    char   *to = at_place(t, &c->to), *from = at_place(t, &c->from);
    int64_t bytes = c->to.bytes;
    Part    p = part_of(t, c->shards);
    if (c->shards) {
        p = (Part){p.lo * c->shard, p.hi * c->shard < bytes ? p.hi * c->shard : bytes};
        if (p.lo < p.hi) copy(t, s, to + p.lo, from + p.lo, p.hi - p.lo);
    } else if (c->thread % t->r->f->threads == t->number) {
        copy(t, s, to, from, bytes);
    }
}

/* All turns of a tile, then of the next. */
static void run_turns(Thread *t, const CodeStep *s, Part tile, uint64_t outside)
{
    const Code *c = t->r->f->code;
    CodeRange body = c->block[s->body[0]];
    int64_t first = tile.lo / FRAME_PANEL, last = panels_to(tile.hi), i = 0;
    for (; i < s->turns && !t->r->failed && !(s->predicate.bytes && have_ended(t, s, tile)); i++) {
        t->iteration = outside * (uint64_t)s->turns + (uint64_t)i;
        set_counters(t, s, i, t->iteration);
        for (int k = 0; k < body.n; k++) run_panels(t, &c->step[body.first + k], first, last - first);
        for (int k = 0; k < s->after.n && !t->r->failed; k++) {
            const CodeCopy *x = &c->copy[s->after.first + k];
            int64_t panel = x->shard / (s->shard / FRAME_PANEL);
            copy(t, s, at_place(t, &x->to) + first * panel, at_place(t, &x->from) + first * panel, (last - first) * panel);
        }
    }
    for (int k = 0; k < s->stacks.n && i < s->turns; k++) {
        const CodeStack *x = &c->stack[s->stacks.first + k];
        int64_t panel = rows_of(s, x) / panels_to(s->extent);
        clear_rows(t, s, x, (Part){first * panel, last * panel}, i);
    }
}

static void run_by_tiles(Thread *t, const CodeStep *s, uint64_t outside)
{
    Part shards = part_of(t, s->shards);
    for (int64_t k = shards.lo; k < shards.hi; k++) {
        int64_t from = k * s->shard, to = from + s->shard < s->extent ? from + s->shard : s->extent;
        for (int64_t at = from; at < to; at += FRAME_TILE) run_turns(t, s, (Part){at, at + FRAME_TILE < to ? at + FRAME_TILE : to}, outside);
    }
}

static void run_scan(Thread *t, const CodeStep *s)
{
    uint64_t outside = t->iteration;
    if (s->shards) run_by_tiles(t, s, outside);
    for (int64_t i = 0; i < s->turns && !s->shards && !t->r->failed; i++) {
        if (have_all_ended(t, s)) {
            clear_stacks(t, s, i);
            break;
        }
        t->iteration = outside * (uint64_t)s->turns + (uint64_t)i;
        set_counters(t, s, i, t->iteration);
        run_block(t, s->body[0]);
        wait_at(t, s, CODE_WAIT_COPIES);
        for (int k = 0; k < s->after.n && !t->r->failed; k++) copy_after(t, s, &t->r->f->code->copy[s->after.first + k]);
        wait_at(t, s, CODE_WAIT_TURN);
    }
    t->iteration = outside;
    set_counters(t, s, 0, outside);
}

static void run_step(Thread *t, const CodeStep *s)
{
    switch (s->kind) {
    case CODE_TILED:   run_tiled(t, s); break;
    case CODE_UNIFORM: run_uniform(t, s); break;
    case CODE_SCAN:    run_scan(t, s); break;
    case CODE_COND:    run_block(t, s->body[flag_at(t, s, at_place(t, &s->predicate)) ? 0 : 1]); break;
    }
}

static void run_block(Thread *t, int block)
{
    CodeRange steps = t->r->f->code->block[block];
    for (int i = 0; i < steps.n && !t->r->failed; i++) {
        const CodeStep *s = &t->r->f->code->step[steps.first + i];
        wait_at(t, s, CODE_WAIT_FIRST);
        run_step(t, s);
        wait_at(t, s, CODE_WAIT_LAST);
    }
}

static void *member(void *arg)
{
    Thread *t = arg;
    take_baton(t);
    run_block(t, t->r->fn->top);
    pass_baton(t, (Wait){NULL, 0, 0});
    return NULL;
}

/* ---- a function ------------------------------------------------------------------------------------------------- */

static char *new_base(Run *r, int64_t bytes, int fill)
{
    char *p = (char *)(((uintptr_t)arena_alloc(r->arena, (size_t)bytes + 64) + 63) / 64 * 64);
    memset(p, fill, (size_t)bytes);
    return p;
}

static char *new_numbers(Run *r, const GanState *state)
{
    const Code *c = r->f->code;
    char *p = new_base(r, r->bytes[BASE_NUMBERS], 0);
    int64_t threads = r->f->threads;
    memcpy(p + FRAME_THREADS, &threads, sizeof threads);
    memcpy(p + FRAME_EXTERNS, &r->f->program->external, sizeof r->f->program->external);
    if (r->fn->tick >= 0) memcpy(p + FRAME_TICK, state->base + r->fn->tick, 8);
    for (int i = 0; i < c->n_streams; i++) {
        uint64_t key = random_key(state->seed, c->stream[i]);
        memcpy(p + FRAME_KEYS + 8 * i, &key, 8);
    }
    return p;
}

static void measure(Run *r, const GanState *state)
{
    const GanProgram *p = r->f->program;
    r->bytes = arena_array(r->arena, int64_t, BASE_DATA + p->n_data);
    r->bytes[BASE_NUMBERS] = FRAME_KEYS + 8 * (int64_t)r->f->code->n_streams;
    r->bytes[BASE_FRAME] = r->f->code->frame_bytes;
    r->bytes[BASE_SCRATCH] = r->f->code->scratch_bytes;
    r->bytes[BASE_STATE] = (int64_t)state->bytes;
    for (int i = 0; i < p->n_slots; i++)
        if (p->slot[i].kind == GAN_DATA) r->bytes[BASE_DATA + p->slot[i].offset] = (int64_t)p->slot[i].bytes;
}

static void open_thread(Run *r, Thread *t, GanState *state, char *frame)
{
    t->bases = arena_array(r->arena, char *, BASE_DATA + r->f->program->n_data);
    t->bases[BASE_NUMBERS] = new_numbers(r, state);
    t->bases[BASE_FRAME] = frame;
    t->bases[BASE_SCRATCH] = new_base(r, r->bytes[BASE_SCRATCH], POISON);
    t->bases[BASE_STATE] = state->base;
    for (int i = 0; i < r->f->program->n_data; i++) t->bases[BASE_DATA + i] = (char *)state->data[i];
    touches_region(r->touches, t->bases[BASE_SCRATCH], r->bytes[BASE_SCRATCH], false);
}

static void run_threads(Run *r, Thread *t)
{
    pthread_t *id = arena_array(r->arena, pthread_t, r->f->threads);
    r->order = arena_array(r->arena, int, r->f->threads);
    begin_stretch(r);
    for (int i = 0; i < r->f->threads; i++)
        if (pthread_create(&id[i], NULL, member, &t[i])) BUG("check: no more threads");
    for (int i = 0; i < r->f->threads; i++) pthread_join(id[i], NULL);
}

static void take_results(Run *r, GanState *state, void *const *out, char *frame)
{
    const Code *c = r->f->code;
    for (int i = 0; i < r->fn->outs.n; i++) {
        const CodePlace *p = &c->out[r->fn->outs.first + i];
        must_be_written(r, "a report", frame + p->offset, p->bytes);
        if (out && out[i]) memcpy(out[i], frame + p->offset, (size_t)p->bytes);
    }
    for (int i = 0; i < r->fn->commits.n; i++) {
        const CodeCommit *k = &c->commit[r->fn->commits.first + i];
        must_be_written(r, "a commit", frame + k->frame, k->bytes);
        memcpy(state->base + k->state, frame + k->frame, (size_t)k->bytes);
    }
    must_be_written(r, "the state", state->base, (int64_t)state->bytes);
}

bool loop_check_function(const CheckFunction *f, int function, GanState *state, void *const *out, char why[512])
{
    Run r = {.f = f, .fn = &f->code->fn[function], .arena = arena_new(), .random = f->seed, .why = why};
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.passed, NULL);
    measure(&r, state);
    r.touches = touches_new(r.arena);
    char   *frame = new_base(&r, f->code->frame_bytes, POISON);
    Thread *t = arena_array(r.arena, Thread, f->threads);
    touches_region(r.touches, frame, f->code->frame_bytes, false);
    touches_region(r.touches, state->base, (int64_t)state->bytes, true);
    for (int i = 0; i < f->threads; i++) {
        t[i] = (Thread){.r = &r, .number = i};
        open_thread(&r, &t[i], state, frame);
    }
    run_threads(&r, t);
    if (!r.failed) take_results(&r, state, out, frame);
    pthread_cond_destroy(&r.passed);
    pthread_mutex_destroy(&r.lock);
    arena_free(r.arena);
    return !r.failed;
}
