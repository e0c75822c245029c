/* parallel.c - see parallel.h.
 *
 * Every wait is the same: spin on a word, then count oneself as a sleeper and sleep on it (futex), which returns at once
 * when the word has changed. Whoever changes the word looks at the sleepers afterwards. Both sides are sequentially
 * consistent, so either the waker sees the sleeper or the sleeper sees the new word; none sleeps for ever. */
#include "runtime/parallel.h"

#include "base/bug.h"
#include "runtime/clock.h"
#include "runtime/fpenv.h"
#include "runtime/pace.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE = 64, SPIN_NS = 30000, SPIN_BATCH = 64 };

typedef struct Word {                                       /* what is waited on, on a cache line of its own */
    _Alignas(LINE) _Atomic uint32_t value;
    _Atomic uint32_t sleepers;
} Word;

typedef struct Member {
    Team     *team;
    int       index;
    pthread_t thread;
} Member;

struct Team {
    Word   work;                                            /* counts the runs */
    Word   left;                                            /* members that have not yet returned from this run */
    Word   phase;                                           /* counts the barriers */
    _Alignas(LINE) _Atomic uint32_t arrived;                /* members at the barrier */
    _Alignas(LINE) _Atomic int64_t spun;                    /* ns, of all members */
    TeamFn    fn;                                           /* NULL: go home */
    void     *arg;
    int       threads, active;                              /* those of the run under way */
    int64_t   spin_ns;
    bool      running, fixed;
    Pace      pace;
    pthread_t user;                                         /* whose pace it is */
    pid_t     process;                                      /* whose threads the members are */
    Member   *member;
};

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static bool has_changed(const Word *w, uint32_t old) { return atomic_load_explicit(&w->value, memory_order_acquire) != old; }

static bool changes_soon(const Word *w, uint32_t old)
{
    for (int i = 0; i < SPIN_BATCH; i++) {
        if (has_changed(w, old)) return true;
        relax();
    }
    return false;
}

static bool changes_while_spinning(Team *t, const Word *w, uint32_t old)
{
    if (!t->spin_ns || has_changed(w, old)) return changes_soon(w, old);
    int64_t began = clock_now_ns(), spun;
    bool    changed;
    do {
        changed = changes_soon(w, old);
        spun = clock_now_ns() - began;
    } while (!changed && spun < t->spin_ns);
    atomic_fetch_add_explicit(&t->spun, spun < t->spin_ns ? spun : t->spin_ns, memory_order_relaxed);
    return changed;
}

/* Returns when the word is no longer `old`. */
static void wait_while(Team *t, Word *w, uint32_t old)
{
    if (changes_while_spinning(t, w, old)) return;
    atomic_fetch_add(&w->sleepers, 1);
    while (atomic_load(&w->value) == old) syscall(SYS_futex, &w->value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
    atomic_fetch_sub(&w->sleepers, 1);
}

static void wake(Word *w)
{
    if (atomic_load(&w->sleepers)) syscall(SYS_futex, &w->value, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

static void *member_main(void *arg)
{
    Member  *m = arg;
    Team    *t = m->team;
    for (uint32_t seen = 0;; seen++) {
        wait_while(t, &t->work, seen);
        if (!t->fn) return NULL;
        fpenv_enter();                                      /* the thread is ours: nothing to put back */
        t->fn(t->arg, m->index, t->threads);
        if (atomic_fetch_sub(&t->left.value, 1) == 1) wake(&t->left);
    }
}

int parallel_cpus(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
    long n = sysconf(_SC_NPROCESSORS_ONLN);                 /* more than 1,024 CPUs do not fit the set */
    return n > 0 ? (int)n : 1;
}

/* Signals are the caller's; its members must not be where a handler runs. */
static void start_members(Team *t, int wanted)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 1; i < wanted; i++) {
        t->member[i] = (Member){.team = t, .index = i};
        if (pthread_create(&t->member[i].thread, NULL, member_main, &t->member[i])) break;
        t->threads++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

Team *team_new(int threads, bool fixed)
{
    int cpus = parallel_cpus();
    if (threads < 1 || (threads > cpus && !fixed)) threads = cpus;
    Team *t = aligned_alloc(LINE, sizeof *t);
    Member *member = calloc((size_t)threads, sizeof *member);
    if (!t || !member) {
        free(t);
        free(member);
        return NULL;
    }
    *t = (Team){.threads = 1, .spin_ns = threads > cpus ? 0 : SPIN_NS, .fixed = fixed, .member = member};
    start_members(t, threads);
    t->process = getpid();
    return t;
}

int team_threads(const Team *t) { return t->threads; }

void team_fix(Team *t) { t->fixed = true; }

/* A forked process has the team's memory and none of its threads, which wait in the other one: others take their places. A call of the system: one alone does not ask. */
static void begin_again_if_forked(Team *t)
{
    if (t->process == getpid()) return;
    int wanted = t->threads;
    t->threads = 1;
    t->work = t->left = t->phase = (Word){0};
    t->arrived = 0;
    pace_break(&t->pace);
    start_members(t, wanted);
    t->process = getpid();
}

/* ---- work ------------------------------------------------------------------------------------------------------- */

static void start_run(Team *t, TeamFn fn, void *arg)
{
    t->fn = fn;
    t->arg = arg;
    atomic_store(&t->left.value, (uint32_t)t->threads - 1);
    atomic_fetch_add(&t->work.value, 1);
    wake(&t->work);
}

static void wait_for_all(Team *t)
{
    uint32_t left;
    while ((left = atomic_load(&t->left.value))) wait_while(t, &t->left, left);
}

/* What all have done so far, in ns of a processor. */
static int64_t worked(const Team *t)
{
    int64_t   n = clock_ns(CLOCK_THREAD_CPUTIME_ID) - atomic_load_explicit(&t->spun, memory_order_relaxed);
    clockid_t clock;
    for (int i = 1; i < t->threads; i++)
        if (!pthread_getcpuclockid(t->member[i].thread, &clock)) n += clock_ns(clock);
    return n;
}

static int active_now(Team *t)
{
    if (t->threads == 1) return 1;
    if (t->fixed) {
        begin_again_if_forked(t);
        return t->threads;
    }
    if (!pthread_equal(t->user, pthread_self())) pace_break(&t->pace);
    t->user = pthread_self();
    int64_t now = clock_now_ns();
    if (pace_is_due(&t->pace, now)) {
        begin_again_if_forked(t);
        pace_mark(&t->pace, now, worked(t));
    }
    if (t->pace.alone) return 1;
    begin_again_if_forked(t);
    return t->threads;
}

void team_run(Team *t, TeamFn fn, void *arg)
{
    if (t->running) BUG("team_run inside a run");
    t->running = true;
    uint64_t theirs = fpenv_enter();
    t->active = active_now(t);
    if (t->active > 1) start_run(t, fn, arg);
    fn(arg, 0, t->active);
    if (t->active > 1) wait_for_all(t);
    if (t->threads > 1) t->pace.left = clock_now_ns();
    fpenv_leave(theirs);
    t->running = false;
}

void team_barrier(Team *t)
{
    if (t->active == 1) return;
    uint32_t phase = atomic_load(&t->phase.value);          /* cannot move on before we have arrived */
    if (atomic_fetch_add(&t->arrived, 1) + 1 < (uint32_t)t->threads) {
        wait_while(t, &t->phase, phase);
        return;
    }
    atomic_store(&t->arrived, 0);
    atomic_fetch_add(&t->phase.value, 1);
    wake(&t->phase);
}

void team_free(Team *t)
{
    if (!t) return;
    bool here = t->process == getpid();
    if (here && t->threads > 1) start_run(t, NULL, NULL);
    for (int i = 1; here && i < t->threads; i++) pthread_join(t->member[i].thread, NULL);
    free(t->member);
    free(t);
}
