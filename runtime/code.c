/* code.c - walks compiled functions. */
#include "runtime/code.h"
#include "base/pages.h"
#include "runtime/clock.h"
#include "runtime/interrupt.h"
#include "runtime/math/random.h"

#include <stdlib.h>
#include <string.h>

typedef struct Run {
    const Code         *code;
    const CodeFunction *fn;
    CodeInstance       *in;
} Run;

typedef struct Walk {                                       /* one thread's */
    const Run  *r;
    const Code *code;
    int         thread, threads;
    char      **bases;
    uint64_t    iteration;
    int64_t     turns;                                      /* made together, of all loops */
} Walk;

static void wait_at(const Walk *w, const CodeStep *s, CodeWait where)
{
    if (w->threads > 1 && s->waits & where) team_barrier(w->r->in->team);
}

int64_t code_meter_cost(void)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < 1000; i++) {
        int64_t begin = clock_now_ns(), spent = clock_now_ns() - begin;
        if (spent < least) least = spent;
    }
    return least;
}

typedef struct Share { int64_t parts, whole; } Share;      /* what a call does, of all that its step has for it */

static void call(const Walk *w, const CodeCall *k, Share of, int64_t u0, int64_t u1, int64_t u2, int64_t u3)
{
    const CodeMeter *m = w->r->in->meter;
    int64_t begin = m ? clock_now_ns() : 0;
    w->code->nest[k->nest](w->bases, w->code->words + k->words, u0, u1, u2, u3);
    if (!m) return;
    int64_t spent = clock_now_ns() - begin - m->cost;
    int row = (int)(k - w->code->call);
    m->now[row] += spent > 1 ? spent : 1;
    m->parts[row] += of.parts;
    m->whole[row] = of.whole;
}

static void end_metered(const Code *c, const CodeMeter *m)
{
    for (int i = 0; i < c->n_calls; i++) {
        if (!m->now[i]) continue;
        if (++m->runs[i] <= 2 || m->now[i] < m->least[i]) { m->least[i] = m->now[i]; m->did[i] = m->parts[i]; }
        m->now[i] = m->parts[i] = 0;
    }
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static void calls(const Walk *w, CodeRange r, Share of, int64_t u0, int64_t u1, int64_t u2, int64_t u3)
{
    for (int i = 0; i < r.n; i++) call(w, &w->code->call[r.first + i], of, u0, u1, u2, u3);
}

typedef struct Part { int64_t lo, hi; } Part;

static Part shard_of(const CodeStep *s, int64_t shard)
{
    int64_t from = shard * s->shard;
    return (Part){from, from + s->shard < s->extent ? from + s->shard : s->extent};
}

static Part tile_of(Part shard, int64_t at) { return (Part){at, at + FRAME_TILE < shard.hi ? at + FRAME_TILE : shard.hi}; }

static int64_t panels_to(int64_t samples) { return (samples + FRAME_PANEL - 1) / FRAME_PANEL; }

static void run_by_calls(const Walk *w, const CodeStep *s, int64_t first, int64_t panels, int64_t all)
{
    for (int i = 0; i < s->panel.n; i++) {
        const CodeCall *k = &w->code->call[s->panel.first + i];
        if (k->split) call(w, k, (Share){panels, all}, first, 0, panels, 0);
        for (int64_t q = 0; q < panels && !k->split; q++) call(w, k, (Share){1, all}, first + q, q, 0, 0);
    }
}

static void run_panels(const Walk *w, const CodeStep *s, Part tile)
{
    int64_t first = tile.lo / FRAME_PANEL, panels = panels_to(tile.hi) - first, all = panels_to(s->extent);
    if (s->by_calls) { run_by_calls(w, s, first, panels, all); return; }
    for (int64_t q = 0; q < panels; q++) calls(w, s->panel, (Share){1, all}, first + q, q, 0, 0);
}

static void run_shard(const Walk *w, const CodeStep *s, int64_t shard)
{
    Part own = shard_of(s, shard);
    if (s->zero_bytes) memset(w->bases[BASE_SCRATCH] + s->zero_from, 0, (size_t)s->zero_bytes);
    for (int64_t at = own.lo; at < own.hi; at += FRAME_TILE) {
        Part tile = tile_of(own, at);
        run_panels(w, s, tile);
        calls(w, s->tile, (Share){panels_to(tile.hi) - at / FRAME_PANEL, panels_to(s->extent)}, at / FRAME_PANEL, tile.hi - at, at == own.lo, shard);
    }
    calls(w, s->finish, (Share){1, s->shards}, shard, 0, 0, 0);
}

/* Of n shards or units; the same each time, so what a thread has written there it reads without waiting. */
static Part part_of_thread(const Walk *w, int64_t n, int thread) { return (Part){n * thread / w->threads, n * (thread + 1) / w->threads}; }
static Part part_of(const Walk *w, int64_t n) { return part_of_thread(w, n, w->thread); }

static void run_tiled(const Walk *w, const CodeStep *s)
{
    Part p = part_of(w, s->shards);
    if (p.lo < p.hi) calls(w, s->once, (Share){1, 1}, 0, 0, 0, 0);
    for (int64_t i = p.lo; i < p.hi && !interrupt_gives_up(); i++) run_shard(w, s, i);
}

/* Where parts are not equal, the larger ones are another thread's each time. */
static void run_uniform(const Walk *w, const CodeStep *s)
{
    int uneven = 0;
    for (int i = 0; i < s->panel.n; i++) {
        const CodeCall *k = &w->code->call[s->panel.first + i];
        if (!k->split && i % w->threads != w->thread) continue;
        Part p = k->split ? part_of_thread(w, k->units, (w->thread + uneven) % w->threads) : (Part){0, k->units};
        uneven += k->split && k->units % w->threads;
        if (p.lo < p.hi && !interrupt_gives_up()) call(w, k, (Share){p.hi - p.lo, k->units}, p.lo, p.hi, 0, 0);
    }
}

static void run_block(Walk *w, int block);

static char *at_place(const Walk *w, const CodePlace *p)
{
    int64_t at = p->offset;
    for (int i = 0; i < p->n_iter; i++) {
        int64_t n;
        memcpy(&n, w->bases[BASE_NUMBERS] + FRAME_COUNTER + 8 * p->iter[i].depth, 8);
        at += n * p->iter[i].bytes;
    }
    return w->bases[BASE_FRAME] + at;
}

static void set_counters(const Walk *w, const CodeStep *s, int64_t i, uint64_t iteration)
{
    memcpy(w->bases[BASE_NUMBERS] + FRAME_COUNTER + 8 * s->depth, &i, 8);
    memcpy(w->bases[BASE_NUMBERS] + FRAME_ITERATION, &iteration, 8);
}

/* Have these samples ended? */
static bool have_ended(const Walk *w, const CodeStep *s, Part samples)
{
    const char *flag = at_place(w, &s->predicate);
    int64_t from = samples.lo / FRAME_PANEL, to = panels_to(samples.hi), row = s->predicate.bytes / panels_to(s->extent);
    for (int64_t p = from; p < to; p++) {
        int64_t left = s->extent - p * FRAME_PANEL, lanes = left < FRAME_PANEL ? left : FRAME_PANEL;
        for (int64_t k = 0; k < row; k += FRAME_PANEL)
            if (memchr(flag + p * row + k, 0, (size_t)lanes)) return false;
    }
    return true;
}

/* Every thread looks for itself: the flags are written by the copies, with a wait on either side. */
static bool have_all_ended(const Walk *w, const CodeStep *s)
{
    if (!s->predicate.bytes) return false;
    return s->extent ? have_ended(w, s, (Part){0, s->extent}) : *at_place(w, &s->predicate);
}

/* Rows lo..hi of a stack, from turn `from` on: what the turns that are not run would have put out. */
static void clear_rows(const Walk *w, const CodeStep *s, const CodeStack *k, Part rows, int64_t from)
{
    int64_t each = s->turns * k->turn;
    for (int64_t j = rows.lo; j < rows.hi; j++)
        memset(w->bases[BASE_FRAME] + k->offset + j * each + from * k->turn, 0, (size_t)(each - from * k->turn));
}

static int64_t rows_of(const CodeStep *s, const CodeStack *k)
{
    int64_t each = s->turns * k->turn;
    return each ? k->bytes / each : 0;
}

static void clear_stacks(const Walk *w, const CodeStep *s, int64_t from)
{
    for (int i = 0; i < s->stacks.n; i++) {
        const CodeStack *k = &w->code->stack[s->stacks.first + i];
        clear_rows(w, s, k, part_of(w, rows_of(s, k)), from);
    }
}

static void copy_after(const Walk *w, const CodeCopy *c)
{
    char    *to = at_place(w, &c->to), *from = at_place(w, &c->from);
    int64_t  bytes = c->to.bytes;
    Part     p = part_of(w, c->shards);
    if (c->shards) {
        p = (Part){p.lo * c->shard, p.hi * c->shard < bytes ? p.hi * c->shard : bytes};
        if (p.lo < p.hi) memcpy(to + p.lo, from + p.lo, (size_t)(p.hi - p.lo));
    } else if (c->thread % w->threads == w->thread) {
        memcpy(to, from, (size_t)bytes);
    }
}

static void begin_turn(Walk *w, const CodeStep *s, int64_t i, uint64_t outside)
{
    w->iteration = outside * (uint64_t)s->turns + (uint64_t)i;
    set_counters(w, s, i, w->iteration);
}

/* ---- all turns of a tile, then of the next: nobody waits, and what is carried stays in cache --------------------- */

static void clear_tile(const Walk *w, const CodeStep *s, Part tile, int64_t from)
{
    for (int i = 0; i < s->stacks.n; i++) {
        const CodeStack *k = &w->code->stack[s->stacks.first + i];
        int64_t panel = rows_of(s, k) / panels_to(s->extent);
        clear_rows(w, s, k, (Part){tile.lo / FRAME_PANEL * panel, panels_to(tile.hi) * panel}, from);
    }
}

static void copy_tile(const Walk *w, const CodeStep *s, const CodeCopy *c, Part tile)
{
    int64_t panel = c->shard / (s->shard / FRAME_PANEL), lo = tile.lo / FRAME_PANEL * panel, hi = panels_to(tile.hi) * panel;
    memcpy(at_place(w, &c->to) + lo, at_place(w, &c->from) + lo, (size_t)(hi - lo));
}

static void run_turns(Walk *w, const CodeStep *s, Part tile, uint64_t outside)
{
    CodeRange body = w->code->block[s->body[0]];
    for (int64_t i = 0; i < s->turns && !interrupt_gives_up(); i++) {
        if (s->predicate.bytes && have_ended(w, s, tile)) {
            clear_tile(w, s, tile, i);
            break;
        }
        begin_turn(w, s, i, outside);
        for (int k = 0; k < body.n; k++) run_panels(w, &w->code->step[body.first + k], tile);
        for (int k = 0; k < s->after.n; k++) copy_tile(w, s, &w->code->copy[s->after.first + k], tile);
    }
}

static void run_by_tiles(Walk *w, const CodeStep *s, uint64_t outside)
{
    Part shards = part_of(w, s->shards);
    for (int64_t k = shards.lo; k < shards.hi; k++) {
        Part own = shard_of(s, k);
        for (int64_t at = own.lo; at < own.hi && !interrupt_gives_up(); at += FRAME_TILE) run_turns(w, s, tile_of(own, at), outside);
    }
}

enum { TURNS_AT_A_TIME = 1024 };

/* Somebody gives it up? All threads, which make the same turns, hear the same. */
static bool all_go_on(Walk *w)
{
    if (++w->turns % TURNS_AT_A_TIME) return true;
    if (w->threads == 1) return !interrupt_gives_up();
    team_barrier(w->r->in->team);
    if (!w->thread) w->r->in->given_up = interrupt_gives_up();
    team_barrier(w->r->in->team);
    return !w->r->in->given_up;
}

static void run_together(Walk *w, const CodeStep *s, uint64_t outside)
{
    for (int64_t i = 0; i < s->turns && all_go_on(w); i++) {
        if (have_all_ended(w, s)) {
            clear_stacks(w, s, i);
            break;
        }
        begin_turn(w, s, i, outside);
        run_block(w, s->body[0]);
        wait_at(w, s, CODE_WAIT_COPIES);
        for (int k = 0; k < s->after.n; k++) copy_after(w, &w->code->copy[s->after.first + k]);
        wait_at(w, s, CODE_WAIT_TURN);
    }
}

static void run_scan(Walk *w, const CodeStep *s)
{
    uint64_t outside = w->iteration;
    (s->shards ? run_by_tiles : run_together)(w, s, outside);
    w->iteration = outside;
    set_counters(w, s, 0, outside);
}

static void run_step(Walk *w, const CodeStep *s)
{
    switch (s->kind) {
    case CODE_TILED:   run_tiled(w, s); break;
    case CODE_UNIFORM: run_uniform(w, s); break;
    case CODE_SCAN:    run_scan(w, s); break;
    case CODE_COND:    run_block(w, s->body[*at_place(w, &s->predicate) ? 0 : 1]); break;
    }
}

static void run_block(Walk *w, int block)
{
    CodeRange steps = w->code->block[block];
    for (int i = 0; i < steps.n; i++) {
        const CodeStep *s = &w->code->step[steps.first + i];
        wait_at(w, s, CODE_WAIT_FIRST);
        run_step(w, s);
        wait_at(w, s, CODE_WAIT_LAST);
    }
}

/* ---- a function ------------------------------------------------------------------------------------------------- */

static void member(void *arg, int thread, int threads)
{
    const Run *r = arg;
    Walk w = {.r = r, .code = r->code, .thread = thread, .threads = threads, .bases = r->in->bases[thread]};
    int64_t all = threads;
    memcpy(w.bases[BASE_NUMBERS] + FRAME_THREADS, &all, sizeof all);
    run_block(&w, r->fn->top);
}

static size_t numbers_bytes(const Code *c) { return FRAME_KEYS + 8 * (size_t)c->n_streams; }

static void fill_numbers(const Run *r, const GanState *state)
{
    char   *first = r->in->bases[0][BASE_NUMBERS];           /* zero at first, as each scan leaves its counter and the iteration */
    int64_t tick = 0;
    if (r->fn->tick >= 0) memcpy(&tick, state->base + r->fn->tick, sizeof tick);
    memcpy(first + FRAME_TICK, &tick, sizeof tick);
    memcpy(first + FRAME_EXTERNS, &r->code->external, sizeof r->code->external);
    bool keyed = r->in->keyed && r->in->seed == state->seed;
    for (int i = 0; i < r->code->n_streams && !keyed; i++) {
        uint64_t key = random_key(state->seed, r->code->stream[i]);
        memcpy(first + FRAME_KEYS + 8 * i, &key, 8);
    }
    r->in->keyed = true;
    r->in->seed = state->seed;
    for (int t = 1; t < team_threads(r->in->team); t++) memcpy(r->in->bases[t][BASE_NUMBERS], first, numbers_bytes(r->code));
}

bool code_run(const Code *c, CodeInstance *in, int function, GanState *state, int n_data, void *const *out)
{
    Run   r = {c, &c->fn[function], in};
    char *frame = in->bases[0][BASE_FRAME];
    for (int t = 0; t < team_threads(in->team); t++) {
        in->bases[t][BASE_STATE] = state->base;
        for (int i = 0; i < n_data; i++) in->bases[t][BASE_DATA + i] = (char *)state->data[i];
    }
    fill_numbers(&r, state);
    team_run(in->team, member, &r);
    if (in->meter) end_metered(c, in->meter);
    if (interrupt_gives_up()) return false;
    for (int i = 0; out && i < r.fn->outs.n; i++) {
        const CodePlace *p = &c->out[r.fn->outs.first + i];
        if (out[i]) memcpy(out[i], frame + p->offset, (size_t)p->bytes);
    }
    for (int i = 0; i < r.fn->commits.n; i++) {
        const CodeCommit *k = &c->commit[r.fn->commits.first + i];
        memcpy(state->base + k->state, frame + k->frame, (size_t)k->bytes);
    }
    return true;
}

/* ---- instances -------------------------------------------------------------------------------------------------- */

/* Zeroed, 64-byte aligned; NULL when memory runs out. */
static char *block_new(CodeInstance *in, int64_t bytes)
{
    void *block, *b = large_zeroed((size_t)bytes, &block);
    if (b) in->blocks[in->n_blocks++] = block;
    return b;
}

static bool open_bases(CodeInstance *in, const Code *c, int n_data, int threads)
{
    in->blocks = calloc(2 * (size_t)threads + 1, sizeof *in->blocks);
    in->bases = calloc((size_t)threads, sizeof *in->bases);
    if (!in->blocks || !in->bases) return false;
    char *frame = block_new(in, c->frame_bytes);
    bool ok = frame != NULL;
    for (int i = 0; i < threads && ok; i++) {
        in->bases[i] = calloc((size_t)(BASE_DATA + n_data), sizeof **in->bases);
        ok = in->bases[i] != NULL;
        if (!ok) break;
        in->bases[i][BASE_NUMBERS] = block_new(in, (int64_t)numbers_bytes(c));
        in->bases[i][BASE_FRAME] = frame;
        in->bases[i][BASE_SCRATCH] = block_new(in, c->scratch_bytes);
        ok = in->bases[i][BASE_NUMBERS] && in->bases[i][BASE_SCRATCH];
    }
    return ok;
}

GanStatus code_open(CodeInstance *in, const Code *c, int n_data, Team *team, GanError *err)
{
    int threads = team_threads(team);
    *in = (CodeInstance){.team = team, .threads = threads};
    if (c->n_externs) team_fix(team);                       /* a simulator may wait for something else than a processor */
    if (open_bases(in, c, n_data, threads)) return GAN_OK;
    return gan_error(err, GAN_WORLD, "out of memory for %lld bytes of work space", (long long)(c->frame_bytes + threads * c->scratch_bytes));
}

void code_close(CodeInstance *in)
{
    for (int i = 0; i < in->n_blocks; i++) free(in->blocks[i]);
    for (int i = 0; in->bases && i < in->threads; i++) free(in->bases[i]);
    free(in->bases);
    free(in->blocks);
    team_free(in->team);
    *in = (CodeInstance){0};
}
