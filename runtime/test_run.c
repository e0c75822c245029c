/* test_run.c - what goes on around a run: log, progress line, threads, signals. */
#include "runtime/fpenv.h"
#include "runtime/interrupt.h"
#include "runtime/log.h"
#include "runtime/pace.h"
#include "runtime/parallel.h"
#include "runtime/progress.h"
#include "runtime/testing.h"

#include <math.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

/* ---- log -------------------------------------------------------------------------------------------------------- */

static void expect_file(const char *path, const char *want)
{
    size_t n;
    char  *got = get_file(path, &n);
    cr_expect_str_eq(got, want, "%s", got);
    free(got);
}

static void line(Log *l, int64_t step)
{
    float w = 0.0123f;
    log_begin(l, step, 1.9300001);
    log_value(l, "w", GAN_F32, &w);
    cr_assert(log_end(l, NULL) == GAN_OK);
}

#define LINE(step) "{\"step\": " step ", \"seconds\": 1.93, \"w\": 0.0123}\n"

Test(log, lines)
{
    char     folder[256];
    Log     *l;
    GanError err;
    make_folder(folder);
    const char *path = in_folder(folder, "log.jsonl");
    cr_assert(log_new(path, &l, &err) == GAN_OK);
    log_begin(l, 1000, 0.12345);
    log_value(l, "modes", GAN_I32, &(int32_t){8});
    log_value(l, "on", GAN_BOOL, &(uint8_t){1});
    log_value(l, "third", GAN_F64, &(double){1.0 / 3});
    log_value(l, "a", GAN_F32, &(float){NAN});
    log_value(l, "b", GAN_F64, &(double){-INFINITY});
    log_value(l, "qu\"ote tab\t\xc3\xa9", GAN_I64, &(int64_t){-1});
    log_value(l, "bytes a\xff" "b", GAN_I64, &(int64_t){2});
    log_kind(l, "third", "bound");
    log_kind(l, "a", "plug_in");
    log_samples(l, "third", (const int64_t[GAN_MOST_SAMPLES]){1000, 64}, 7);
    log_samples(l, "modes", (const int64_t[GAN_MOST_SAMPLES]){2500}, 7);
    cr_assert(log_end(l, &err) == GAN_OK);
    const char *want = "{\"step\": 1000, \"seconds\": 0.123, \"modes\": 8, \"on\": true, \"third\": 0.3333333333333333, \"a\": \"nan\", "
                       "\"b\": \"-inf\", \"qu\\\"ote tab\\t\xc3\xa9\": -1, \"bytes a?b\": 2, \"kinds\": {\"third\": \"bound\", \"a\": \"plug_in\"}, \"measured\": {\"seed\": 7, \"samples\": {\"third\": [1000, 64], \"modes\": [2500]}}}\n";
    expect_file(path, want);
    cr_expect(log_lines(l) == 1);
    cr_assert(log_close(l, &err) == GAN_OK);
    expect_error("no folder", log_new(in_folder(folder, "no/log"), &l, &err), GAN_WRONG, &err, "the log cannot be opened");
    expect_error("a folder", log_new(folder, &l, &err), GAN_WRONG, &err, "the log cannot be opened");
    if (!access("/dev/full", W_OK)) {
        cr_assert(log_new("/dev/full", &l, &err) == GAN_OK);
        log_begin(l, 1, 0);
        expect_error("full", log_end(l, &err), GAN_WORLD, &err, "No space left");
        log_close(l, NULL);
    }
    drop_folder(folder);
}

Test(log, resume)
{
    static const struct {
        const char *what, *before;
        int64_t     lines;
        const char *after;                                  /* before the line of step 9 */
    } cases[] = {
        {"as recorded", LINE("1") LINE("2") LINE("3"), 2, LINE("1") LINE("2")},
        {"from the start", LINE("1"), 0, ""},
        {"missing", NULL, 7, ""},
        {"shorter", LINE("1") LINE("2"), 5000, LINE("1") LINE("2")},
        {"half a line", LINE("1") "{\"step\": 2, \"sec", 5, LINE("1")},
        {"negative", LINE("1"), -3, ""},
    };
    char folder[256], want[1024];
    make_folder(folder);
    const char *path = in_folder(folder, "log.jsonl");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Log     *l;
        GanError err;
        unlink(path);
        if (cases[i].before) put_file(path, cases[i].before, strlen(cases[i].before));
        cr_assert(log_resume(path, cases[i].lines, &l, &err) == GAN_OK, "%s", cases[i].what);
        cr_expect(log_seconds(l) == (strstr(cases[i].after, "1.93") ? 1.93 : 0), "%s: %g", cases[i].what, log_seconds(l));
        line(l, 9);
        cr_assert(log_close(l, NULL) == GAN_OK);
        snprintf(want, sizeof want, "%s%s", cases[i].after, LINE("9"));
        expect_file(path, want);
    }
    drop_folder(folder);
}

/* ---- progress --------------------------------------------------------------------------------------------------- */

static char *drawn(bool terminal, bool colour, const char *path)
{
    size_t n;
    int    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    float  w = 0.0123f;
    cr_assert(fd >= 0);
    Progress *p = progress_new(fd, terminal, colour, 0, 200);
    for (int step = 1; step <= 100; step++) {
        if (step % 50 == 0) {
            progress_value(p, "w", GAN_F32, &w);
            progress_value(p, "modes", GAN_I64, &(int64_t){step});
            progress_block(p, step);
        }
        progress_step(p, step);
        usleep(step % 40 ? 0 : 110000);
    }
    if (terminal) progress_clear(p);
    progress_end(p);
    close(fd);
    return get_file(path, &n);
}

/* Reports that take their time, all of one step. */
static char *drawn_slowly(bool terminal, const char *path)
{
    static const char *const name[] = {"a", "b", "c"};
    size_t    n;
    int       fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    Progress *p = progress_new(fd, terminal, false, 0, -1);
    for (int i = 0; i < 3; i++) {
        usleep(110000);
        progress_value(p, name[i], GAN_I32, &(int32_t){i});
        progress_block(p, 0);
    }
    progress_end(p);
    close(fd);
    return get_file(path, &n);
}

Test(progress, lines)
{
    char folder[256];
    make_folder(folder);
    char *plain = drawn(false, false, in_folder(folder, "a")), *terminal = drawn(true, true, in_folder(folder, "b"));
    cr_expect(!strpbrk(plain, "\r\x1b") && strstr(plain, "step 50/200  25%  "), "%s", plain);
    cr_expect(strstr(plain, " left  w 0.0123  modes 50\n"), "%s", plain);
    cr_expect(strstr(plain, "step 100/200  50%  ") && strstr(plain, "modes 100\n"), "%s", plain);
    cr_expect(!strncmp(terminal, "\r\x1b[K\x1b[2mstep ", 13), "%s", terminal);
    cr_expect(strstr(terminal, "\r\x1b[K\x1b[2mstep 50\x1b[0m  w 0.0123  modes 50\n"), "reports stay: %s", terminal);
    cr_expect(!strcmp(terminal + strlen(terminal) - 10, "modes 100\n"), "%s", terminal);
    free(plain), free(terminal);
    plain = drawn_slowly(false, in_folder(folder, "a")), terminal = drawn_slowly(true, in_folder(folder, "b"));
    cr_expect(!strcmp(plain, "step 0  a 0\nstep 0  a 0  b 1  c 2\n"), "one line, and the last: %s", plain);
    cr_expect(!strcmp(terminal, "\r\x1b[Kstep 0  a 0\n\r\x1b[Kstep 0  a 0  b 1\r\x1b[Kstep 0  a 0  b 1  c 2\n"), "the status changes: %s", terminal);
    free(plain), free(terminal);
    Progress *p = progress_new(-1, true, false, 0, -1);     /* nobody is looking */
    progress_step(p, 1);
    progress_end(p);
    progress_end(NULL);
    drop_folder(folder);
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

enum { MOST = 9, ROUNDS = 40 };

typedef struct Shared {
    Team *team;
    int   runs[MOST], threads[MOST];
    int   slot[2][MOST];                                    /* written before a barrier, read after it by everyone */
    int   wrong;
    bool  slow;
} Shared;

static void count(void *arg, int i, int n)
{
    Shared *s = arg;
    s->runs[i]++;
    s->threads[i] = n;
    if (s->slow && i == 1) usleep(2000);
}

static void meet(void *arg, int i, int n)
{
    Shared *s = arg;
    for (int round = 0; round < ROUNDS; round++) {
        s->slot[round & 1][i] = round;
        if (s->slow && (round + i) % 7 == 0) usleep(300);
        team_barrier(s->team);
        for (int k = 0; k < n; k++)
            if (s->slot[round & 1][k] != round) __atomic_fetch_add(&s->wrong, 1, __ATOMIC_RELAXED);
    }
}

Test(parallel, runs_and_barriers)
{
    for (int n = 1; n <= MOST; n += n < 4 ? 1 : 5) {
        for (int slow = 0; slow < 2; slow++) {
            Shared s = {.slow = slow};
            s.team = team_new(n, true);
            cr_assert(team_threads(s.team) == n);
            for (int k = 0; k < (slow ? 20 : 500); k++) team_run(s.team, count, &s);
            for (int i = 0; i < n; i++) cr_expect(s.runs[i] == (slow ? 20 : 500) && s.threads[i] == n, "member %d of %d", i, n);
            for (int k = 0; k < 3; k++) team_run(s.team, meet, &s);
            cr_expect(s.wrong == 0, "%d of %d threads: a barrier let through too early", s.wrong, n);
            team_free(s.team);
        }
    }
    team_free(NULL);
}

/* A forked process has none of the threads: it gets others, and so do its own children; one that does not use the team waits for nobody. */
Test(parallel, after_fork, .timeout = 60)
{
    Shared s = {.team = team_new(3, true)};
    int    status;
    team_run(s.team, meet, &s);
    pid_t child = fork();
    if (!child) {
        for (int generation = 0; generation < 2; generation++) {
            for (int k = 0; k < 20; k++) team_run(s.team, count, &s);
            team_run(s.team, meet, &s);
            pid_t own = generation ? 1 : fork();
            if (own > 0) _exit(s.wrong || s.runs[0] != s.runs[2] || s.runs[2] != 20 * (generation + 1) || (own > 1 && (waitpid(own, &status, 0) != own || status)));
        }
    }
    cr_expect(waitpid(child, &status, 0) == child && !status);
    child = fork();
    if (!child) {
        team_free(s.team);
        _exit(0);
    }
    cr_expect(waitpid(child, &status, 0) == child && !status);
    team_run(s.team, meet, &s);
    cr_expect(s.wrong == 0);
    team_free(s.team);
}

Test(parallel, not_more_than_cpus)
{
    cpu_set_t one, all;
    sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
        if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
    Team *t = team_new(1000, false);
    cr_expect(team_threads(t) == parallel_cpus() && parallel_cpus() == CPU_COUNT(&all));
    team_free(t);
    sched_setaffinity(0, sizeof one, &one);
    t = team_new(0, false);
    cr_expect(team_threads(t) == 1 && parallel_cpus() == 1);
    team_free(t);
    t = team_new(3, true);
    Shared s = {.team = t};
    team_run(t, meet, &s);                                  /* three on one CPU */
    cr_expect(s.wrong == 0);
    team_free(t);
}

Test(parallel, sleeps_when_idle)
{
    struct timespec a, b;
    Shared          s = {0};
    s.team = team_new(2, true);
    team_run(s.team, count, &s);
    usleep(20000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    usleep(100000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    double used = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    cr_expect(used < 0.01, "%g s of CPU while idle", used);
    team_run(s.team, count, &s);
    cr_expect(s.runs[1] == 2);
    team_free(s.team);
}

/* ---- pace: a clock and a machine that are made up ---------------------------------------------------------------- */

enum { RUN_NS = 200000 };                                   /* of a run, by the clock */

typedef struct Machine {
    double  together, alone;                                /* what is done in a second of the clock */
    int64_t now, worked, pause;                             /* a pause: between two runs */
    int64_t ns[2];                                          /* spent together, alone */
} Machine;

static void play(Pace *p, Machine *m, double seconds)
{
    m->ns[0] = m->ns[1] = 0;
    for (int64_t end = m->now + (int64_t)(1e9 * seconds); m->now < end;) {
        if (pace_is_due(p, m->now)) pace_mark(p, m->now, m->worked);
        m->worked += (int64_t)(RUN_NS * (p->alone ? m->alone : m->together));
        m->now += RUN_NS;
        m->ns[p->alone] += RUN_NS;
        p->left = m->now;
        m->now += m->pause;
    }
}

static double share_alone(const Machine *m) { return (double)m->ns[1] / (double)(m->ns[0] + m->ns[1]); }

Test(pace, the_better_way)
{
    Pace    p = {0};
    Machine m = {.together = 1.9, .alone = 0.99, .now = 1};
    play(&p, &m, 10);
    cr_expect(m.ns[1] == 0, "a quiet machine: nobody is asked to stand aside");
    m.together = 0.35, m.alone = 0.4;                       /* others come */
    play(&p, &m, 10);
    cr_expect(share_alone(&m) > 0.9, "%g", share_alone(&m));
    play(&p, &m, 30);
    cr_expect(share_alone(&m) > 0.98, "%g", share_alone(&m));
    m.together = 1.9, m.alone = 1;                          /* and go */
    play(&p, &m, 10);
    cr_expect(share_alone(&m) < 0.3, "%g", share_alone(&m));
    play(&p, &m, 10);
    cr_expect(m.ns[1] == 0);
    m.together = 0.8, m.alone = 0.5;                        /* busy, and two get more of it */
    play(&p, &m, 30);
    cr_expect(share_alone(&m) < 0.03, "%g", share_alone(&m));
}

/* Whoever asks for work now and then is judged by nothing, so all work. */
Test(pace, pauses)
{
    Pace    p = {0};
    Machine m = {.together = 0.1, .alone = 1, .now = 1, .pause = 2000000};
    play(&p, &m, 10);
    cr_expect(m.ns[1] == 0);
    m.pause = 100000;
    play(&p, &m, 10);
    cr_expect(share_alone(&m) > 0.9, "%g", share_alone(&m));
    pace_break(&p);
    play(&p, &m, 1);
    cr_expect(share_alone(&m) > 0.9, "%g", share_alone(&m));
}

/* ---- signals ---------------------------------------------------------------------------------------------------- */

static int status_of(pid_t child)
{
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int child_status(int first, int second)
{
    pid_t child = fork();
    if (!child) {
        Interrupt in;
        interrupt_begin(&in, NULL);
        if (interrupt_asked() || interrupt_status()) _exit(1);
        raise(first);
        if (!interrupt_asked()) _exit(2);
        if (second) raise(second);
        int status = interrupt_status();
        interrupt_end(&in);
        _exit(status == 130 ? 10 : status == 143 ? 11 : 3);
    }
    return status_of(child);
}

Test(interrupt, once_and_twice)
{
    cr_expect(child_status(SIGINT, 0) == 10);
    cr_expect(child_status(SIGTERM, 0) == 11);
    cr_expect(child_status(SIGINT, SIGINT) == 130);
    cr_expect(child_status(SIGINT, SIGTERM) == 143);
}

/* By a rule, asked so often with a signal: what is said of it, as digits. */
static int child_hears(InterruptRule rule, int signal, int times)
{
    pid_t child = fork();
    if (!child) {
        Interrupt in;
        interrupt_begin(&in, NULL);
        interrupt_rule(rule);
        for (int i = 0; i < times; i++) raise(signal);
        int says = 10 * interrupt_asked() + interrupt_gives_up();
        InterruptRule was = interrupt_rule(INTERRUPT_WAITS);
        if (was != rule || interrupt_asked() || interrupt_gives_up()) _exit(1);
        interrupt_rule(rule);
        interrupt_end(&in);
        _exit(interrupt_gives_up() ? 2 : 100 + says);
    }
    return status_of(child);
}

Test(interrupt, by_rules)
{
    cr_expect(child_hears(INTERRUPT_ENDS, SIGINT, 1) == 110);
    cr_expect(child_hears(INTERRUPT_STOPS, SIGINT, 0) == 100);
    cr_expect(child_hears(INTERRUPT_STOPS, SIGINT, 1) == 110);
    cr_expect(child_hears(INTERRUPT_STOPS, SIGINT, 2) == 111);
    cr_expect(child_hears(INTERRUPT_STOPS, SIGINT, 9) == 111);
    cr_expect(child_hears(INTERRUPT_GIVES_UP, SIGINT, 1) == 111);
    cr_expect(child_hears(INTERRUPT_GIVES_UP, SIGTERM, 1) == 111);
    cr_expect(child_hears(INTERRUPT_GIVES_UP, SIGTERM, 2) == 111, "who asks to end twice has what is kept saved, too");
    cr_expect(child_hears(INTERRUPT_STOPS, SIGTERM, 1) == 110);
    cr_expect(child_hears(INTERRUPT_STOPS, SIGTERM, 2) == 111);
}

/* What a child has on stderr that is asked to end, and takes so long to do so. */
static size_t said_after(int milliseconds, bool second)
{
    int  end[2];
    char text[100];
    cr_assert(!pipe(end));
    pid_t child = fork();
    if (!child) {
        Interrupt in;
        dup2(end[1], STDERR_FILENO);
        interrupt_begin(&in, "patience\n");
        raise(SIGTERM);
        struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
        while (nanosleep(&left, &left)) continue;           /* the alarm wakes it */
        interrupt_end(&in);
        if (second) sleep(2);
        _exit(0);
    }
    close(end[1]);
    waitpid(child, NULL, 0);
    ssize_t n = read(end[0], text, sizeof text);
    close(end[0]);
    return n < 0 ? 0 : (size_t)n;
}

Test(interrupt, who_waits_is_told)
{
    cr_expect(said_after(2000, false) == strlen("patience\n"), "once, after a second");
    cr_expect(said_after(1, true) == 0, "what has ended says nothing, nor does the alarm end the process");
}

Test(interrupt, restored_and_ignored)
{
    Interrupt        in;
    struct sigaction now;
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    interrupt_begin(&in, NULL);
    raise(SIGINT);
    cr_expect(!interrupt_asked(), "what was ignored stays so");
    raise(SIGTERM);
    cr_expect(interrupt_asked());
    interrupt_end(&in);
    sigaction(SIGINT, NULL, &now);
    cr_expect(now.sa_handler == SIG_IGN);
    sigaction(SIGTERM, NULL, &now);
    cr_expect(now.sa_handler == SIG_DFL);
    interrupt_begin(&in, NULL);
    cr_expect(!interrupt_asked(), "the flag is cleared");
    interrupt_end(&in);
}

/* ---- the floating-point environment ------------------------------------------------------------------------------ */

#if defined(__x86_64__)
typedef struct Numbers { float product[4], sum[4]; } Numbers;

static void compute(void *arg, int thread, int threads)
{
    Numbers       *n = arg;
    volatile float small = 0x1p-130f, half = 0.5f, one = 1, bit = 0x1.8p-24f;
    (void)threads;
    n->product[thread] = small * half;
    n->sum[thread] = one + bit;
}

/* Whatever a host has set: flush to zero, subnormals read as zero, each rounding mode. */
Test(parallel, the_hosts_floating_point_environment_changes_nothing)
{
    static const unsigned set[] = {0x1f80, 0x9fc0, 0x1f80 | 0x2000, 0x9fc0 | 0x4000, 0x1f80 | 0x6000};
    for (int threads = 1; threads <= 4; threads++)
        for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
            Numbers  n = {0};
            unsigned ours = _mm_getcsr();
            _mm_setcsr(set[i]);
            Team *t = team_new(threads, true);
            team_run(t, compute, &n);
            unsigned after = _mm_getcsr();
            team_free(t);
            _mm_setcsr(ours);
            cr_expect((after ^ set[i]) <= 0x3f, "%x became %x", set[i], after);       /* but for what has happened */
            for (int k = 0; k < threads; k++) cr_expect(n.product[k] == 0x1p-131f && n.sum[k] == 1 + 0x1p-23f, "set %x, thread %d", set[i], k);
        }
}
#endif
