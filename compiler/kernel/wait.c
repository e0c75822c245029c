/* wait.c - where threads wait for one another.
 *
 * Who does what is fixed: a thread does its shards of every TILED step of an extent, the same ones each time; of a UNIFORM step it does its part
 * of each kernel that is cut, and kernel i whole if i is its number modulo the threads. So two accesses to a buffer need a wait in between
 * if one of them writes, unless both are by the same *doer*: of the thread's own shards, of the same extent, or of the one thread that does
 * kernel i. Numbers of a turn (its counter) are each thread's own and need none.
 *
 * The steps are walked in order with what was touched since the last wait; a step that meets any of it has a wait before it, which is as late as
 * it may be, so none could be left out. A turn of a loop follows on itself: its end meets its beginning. A cond, whose bodies are not both run,
 * has a wait on either side. Start at kernel_waits(), at the bottom. */
#include "compiler/kernel/internal.h"

enum { NOBODY = INT64_MIN, ANYBODY = 0 };                   /* doers; else an extent, or -1 - i: who does kernel i */

typedef struct Access { int what; int64_t doer; bool writes; } Access;
typedef struct Accesses { Access *v; int n, cap; } Accesses;

typedef struct Mark { int since; int64_t reader, writer; } Mark;

typedef struct Waits {
    KPlan *p;
    Arena *scratch;
    Mark  *mark;                                            /* of each buffer and slot: in the stretch `since`, by whom */
    int    stretches;
    int   *written;                                         /* of each buffer and slot: the last loop, by number, that was seen to write it */
    int    loops;
} Waits;

/* A stretch of steps: a block, or a turn of a loop. */
typedef struct Stretch {
    Waits   *w;
    int      since;                                         /* its own number of the time since the last wait */
    Accesses open, head;                                    /* since the last wait; before the first one */
    bool     waited;
} Stretch;

static void push(Waits *w, Accesses *a, Access x) { array_push(w->scratch, a, x); }

static Stretch stretch(Waits *w) { return (Stretch){.w = w, .since = ++w->stretches}; }

static void wait_here(Stretch *s, bool *spot)
{
    if (spot) *spot = true;
    s->open.n = 0;
    s->since = ++s->w->stretches;
    s->waited = true;
}

static int64_t either(int64_t a, int64_t b) { return a == NOBODY || a == b ? b : ANYBODY; }

static void mark(Stretch *s, const Access *a)
{
    Mark *m = &s->w->mark[a->what];
    if (m->since != s->since) *m = (Mark){s->since, NOBODY, NOBODY};
    if (a->writes) m->writer = either(m->writer, a->doer);
    else m->reader = either(m->reader, a->doer);
}

static void add(Stretch *s, Access a)
{
    push(s->w, &s->open, a);
    if (!s->waited) push(s->w, &s->head, a);
    mark(s, &a);
}

static void add_all(Stretch *s, const Accesses *a)
{
    for (int i = 0; i < a->n; i++) add(s, a->v[i]);
}

/* Other stretches have used the marks in between. */
static void mark_again(Stretch *s)
{
    s->since = ++s->w->stretches;
    for (int i = 0; i < s->open.n; i++) mark(s, &s->open.v[i]);
}

static bool apart(int64_t before, int64_t now) { return before == NOBODY || (before == now && now != ANYBODY); }

/* Does any of them meet what was touched since the last wait? */
static bool meets(const Stretch *s, const Accesses *a)
{
    for (int i = 0; i < a->n; i++) {
        const Mark *m = &s->w->mark[a->v[i].what];
        if (m->since != s->since) continue;
        if (!apart(m->writer, a->v[i].doer) || (a->v[i].writes && !apart(m->reader, a->v[i].doer))) return true;
    }
    return false;
}

/* ---- what steps touch ------------------------------------------------------------------------------------------- */

typedef struct Doing { Waits *w; Accesses *to; int64_t own, others; } Doing;    /* the doer of what lies at the kernel's own place, and of the rest */

static int number_of(const Waits *w, const KMem *m, int slot) { return m && m->place != K_SLOT ? m->made : w->p->n_mems + slot; }

static void touch(void *self, const KTouch *t)
{
    Doing *d = self;
    if (t->mem && t->mem->place == K_SCRATCH) return;
    push(d->w, d->to, (Access){number_of(d->w, t->mem, t->slot), t->own ? d->own : d->others, t->writes});
}

static void kernels(Waits *w, Accesses *to, KKernel *const *k, int n, int64_t extent)
{
    Doing d = {w, to, extent, ANYBODY};
    for (int i = 0; i < n; i++) kernel_touches(w->p, k[i], touch, &d);
}

static Accesses of_step(Waits *w, const KStep *s)
{
    Accesses a = {0};
    kernels(w, &a, s->once.v, s->once.n, s->extent);
    kernels(w, &a, s->panel.v, s->panel.n, s->extent);
    kernels(w, &a, s->tile.v, s->tile.n, s->extent);
    kernels(w, &a, s->finish.v, s->finish.n, s->extent);
    for (int i = 0; i < s->kernels.n; i++) {
        int64_t doer = s->kernels.v[i]->split ? ANYBODY : -1 - i;
        kernel_touches(w->p, s->kernels.v[i], touch, &(Doing){w, &a, doer, doer});
    }
    return a;
}

static Access whole(const Waits *w, KMem *m, bool writes, int64_t doer)
{
    while (m->of) m = m->of;
    return (Access){number_of(w, m, m->slot), doer, writes};
}

/* ---- what is copied after a turn -------------------------------------------------------------------------------- */

/* Who writes what is copied after a turn: a kernel that one thread does, or all. */
static int64_t writer_of(const KBlock *body, const KMem *m)
{
    for (int i = 0; i < body->steps.n; i++) {
        const KStep *s = body->steps.v[i];
        for (int k = 0; k < s->kernels.n; k++)
            for (int j = 0; j < s->kernels.v[k]->stores.n; j++)
                if (s->kernels.v[k]->stores.v[j].mem == m) return s->kernels.v[k]->split ? ANYBODY : -1 - k;
    }
    return ANYBODY;
}

/* Samples are copied by who has their shards; the rest by who has made it, if that is one, or by one. */
static Accesses copies_of(Waits *w, KStep *s)
{
    Accesses a = {0};
    for (int i = 0; i < s->after.n; i++) {
        KCopy *c = &s->after.v[i];
        int64_t writer = writer_of(s->body[0], c->from);
        c->doer = c->to->tile >= 0 ? ir_extent(w->p->m, c->to->tile) : writer != ANYBODY ? writer : -1;
        push(w, &a, whole(w, c->from, false, c->doer));
        push(w, &a, whole(w, c->to, true, c->doer));
    }
    return a;
}

/* ---- loops, tile by tile ------------------------------------------------------------------------------------------ */

static bool of_panels(const KStep *s, int64_t extent)
{
    return s->kind == K_TILED && s->extent == extent && !s->once.n && !s->tile.n && !s->finish.n;
}

/* Is all that is written in a turn read and written by the one who has the samples, at their own place? Then no turn of theirs depends on what
 * others do in any turn. */
static bool samples_are_apart(Waits *w, const Accesses *a, int64_t extent)
{
    int  loop = ++w->loops;
    bool apart = true;
    for (int i = 0; i < a->n; i++)
        if (a->v[i].writes) w->written[a->v[i].what] = loop;
    for (int i = 0; i < a->n; i++) apart &= w->written[a->v[i].what] != loop || a->v[i].doer == extent;
    return apart;
}

static bool by_tiles(Waits *w, KStep *s)
{
    const KBlock *body = s->body[0];
    int64_t extent = body->steps.n ? body->steps.v[0]->extent : 0;
    Accesses all = copies_of(w, s);
    bool panels = extent && plan_takes(w->p, PLAN_waits);
    for (int i = 0; i < body->steps.n; i++) panels &= of_panels(body->steps.v[i], extent);
    for (int i = 0; i < body->steps.n && panels; i++) {
        Accesses of = of_step(w, body->steps.v[i]);
        for (int k = 0; k < of.n; k++) push(w, &all, of.v[k]);
    }
    if (s->ended) panels &= s->ended->tile >= 0 && ir_extent(w->p->m, s->ended->tile) == extent;
    return panels && samples_are_apart(w, &all, extent);
}

static void choose_turns(Waits *w, KStep *s)
{
    if (!plan_did(w->p, PLAN_turns, by_tiles(w, s))) return;
    s->by_tiles = true;
    s->extent = s->body[0]->steps.v[0]->extent;
    s->shards = ir_shards(s->extent);
}

/* ---- loops ------------------------------------------------------------------------------------------------------ */

static void of_block(Stretch *s, KBlock *b);

static bool surely_runs(const KStep *s) { return s->node->attr->n > 0 && !s->ended; }

/* A loop with waits in it that may run no turn has one behind it: that time passes between what is before and behind it is relied upon (memory.c). */
static void of_scan(Stretch *out, KStep *s, bool *before)
{
    Waits  *w = out->w;
    choose_turns(w, s);
    Stretch in = stretch(w);
    int64_t looks = s->by_tiles ? s->extent : ANYBODY;      /* at the flags */
    if (s->ended) add(&in, whole(w, s->ended, false, looks));
    of_block(&in, s->body[0]);
    Accesses copies = copies_of(w, s);
    if (meets(&in, &copies)) wait_here(&in, &s->wait_copies);
    add_all(&in, &copies);
    if (meets(&in, &in.head)) wait_here(&in, &s->wait_turn);
    if (s->ended) {                                         /* the last look, and what is cleared after it */
        add(&in, whole(w, s->ended, false, looks));
        for (int i = 0; i < s->stacks.n; i++) add(&in, whole(w, s->stacks.v[i], true, looks));
    }
    mark_again(out);
    if (meets(out, &in.head)) wait_here(out, before);
    add_all(out, &in.head);
    if (!in.waited) return;
    if (!surely_runs(s)) { wait_here(out, &s->wait_last); return; }
    wait_here(out, NULL);
    add_all(out, &in.open);
}

/* ---- conds, blocks ---------------------------------------------------------------------------------------------- */

static void of_cond(Stretch *out, KStep *s)
{
    wait_here(out, &s->wait_first);
    for (int k = 0; k < 2; k++) {
        Stretch in = stretch(out->w);
        of_block(&in, s->body[k]);
    }
    wait_here(out, &s->wait_last);
}

static void of_block(Stretch *s, KBlock *b)
{
    bool *before = NULL;                                    /* a wait before the step at hand */
    for (int i = 0; i < b->steps.n; i++) {
        KStep *t = b->steps.v[i];
        if (t->kind == K_SCAN) {
            of_scan(s, t, before);
        } else if (t->kind == K_COND) {
            of_cond(s, t);
        } else {
            Accesses a = of_step(s->w, t);
            if (meets(s, &a)) wait_here(s, before);
            add_all(s, &a);
        }
        before = &t->wait_last;
    }
}

static void wait_always(KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        s->wait_last = s->wait_copies = s->wait_turn = true;
        for (int k = 0; k < 2; k++)
            if (s->body[k]) wait_always(s->body[k]);
    }
}

static void count(KPlan *p, const KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        const KStep *s = b->steps.v[i];
        plan_did(p, PLAN_waits, !s->wait_last);
        plan_did(p, PLAN_waits, s->kind == K_SCAN && !s->wait_copies);
        plan_did(p, PLAN_waits, s->kind == K_SCAN && !s->wait_turn);
        for (int k = 0; k < 2; k++)
            if (s->body[k]) count(p, s->body[k]);
    }
}

void kernel_waits(KPlan *p)
{
    Waits w = {.p = p, .scratch = arena_new()};
    w.mark = arena_array(w.scratch, Mark, p->n_mems + p->m->slots.n + 1);
    w.written = arena_array(w.scratch, int, p->n_mems + p->m->slots.n + 1);
    Stretch all = stretch(&w);
    of_block(&all, &p->top);
    arena_free(w.scratch);
    if (!plan_takes(p, PLAN_waits)) wait_always(&p->top);
    count(p, &p->top);
}
