/* simulators.c - shared objects for extern.py, as a user of Gan would write them. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* ---- simulators proper: all that is random comes from the seed */

static double uniform(uint64_t *state)                      /* splitmix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Mean mu, standard deviation sigma, very nearly normal. */
void noisy(uint64_t seed, const double *mu, const double *sigma, double *out)
{
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += uniform(&seed);
    *out = *mu + *sigma * (sum - 6);
}

/* How many of n tries succeed, for each of two rates. */
void counts(uint64_t seed, const int64_t *n, const double *rate, int64_t *out)
{
    for (int k = 0; k < 2; k++) {
        out[k] = 0;
        for (int64_t i = 0; i < *n; i++) out[k] += uniform(&seed) < rate[k];
    }
}

/* ---- functions whose values are known */

void line(uint64_t seed, const double *theta, double *out)  /* [2, 3] */
{
    (void)seed;
    for (int i = 0; i < 6; i++) out[i] = theta[0] + theta[1] * i;
}

void eight(uint64_t seed, const double *a, const double *b, const int64_t *c, const double *d, const double *e, const double *f, const double *g, const int64_t *h, double *out)
{
    (void)seed;
    *out = a[0] + 2 * b[1] + 4 * (double)c[0] + 8 * d[2] + 16 * e[0] + 32 * f[0] + 64 * g[0] + 128 * (double)h[1];
}

/* The sum of all, and of their squares. */
void many(uint64_t seed, const double *a, const double *b, const int64_t *c, const double *d, const double *e, const double *f, const double *g, const double *h, const int64_t *i,
          const double *j, const double *k, const double *l, const double *m, const double *n, const double *o, const double *p, const double *q, const double *r, const double *s,
          const double *t, const double *u, const double *v, const double *w, const double *x, double *out)
{
    double each[] = {*a, b[1], (double)*c, *d, *e, *f, *g, *h, (double)i[1], *j, *k, *l, *m, *n, *o, *p, *q, *r, *s, *t, *u, *v, *w, x[2]};
    (void)seed;
    out[0] = out[1] = 0;
    for (int y = 0; y < 24; y++) out[0] += each[y], out[1] += each[y] * each[y];
}

void ten(uint64_t seed, const double *a, const double *b, const double *c, const double *d, const double *e, const double *f, const double *g, const double *h, const double *i,
         const int64_t *j, int64_t *out)
{
    double each[] = {*a, *b, *c, *d, *e, *f, *g, *h, *i, (double)*j};
    (void)seed;
    *out = 0;
    for (int y = 0; y < 10; y++) *out += (int64_t)(each[y] * (y + 1));
}

void halves(uint64_t seed, int64_t *out)
{
    out[0] = (int64_t)(seed >> 31);
    out[1] = (int64_t)(seed & 0x7fffffff);
}

void answer(uint64_t seed, double *out) { (void)seed; *out = ANSWER; }

/* ---- bad manners */

void silent(uint64_t seed, const double *x, double *out) { (void)seed, (void)x, (void)out; }

void flushing(uint64_t seed, const double *x, double *out)  /* to zero, and rounds up */
{
    (void)seed;
    *out = *x;
#if defined(__x86_64__)
    _mm_setcsr((_mm_getcsr() & ~0x6000u) | 0x8040 | 0x4000);
#endif
}

static void wait_for(long ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL); }

void alone(uint64_t seed, double *out)                      /* 1: another call was under way */
{
    static atomic_int inside;
    (void)seed;
    *out = atomic_fetch_add(&inside, 1) > 0;
    wait_for(1);
    atomic_fetch_sub(&inside, 1);
}

const bool meeting_thread_safe = true;
void meeting(uint64_t seed, double *out)                    /* 1: some call has met another, which the first ones wait for */
{
    static atomic_int  inside, waited;
    static atomic_bool met;
    (void)seed;
    if (atomic_fetch_add(&inside, 1) > 0) met = true;
    while (!met && atomic_fetch_add(&waited, 1) < 5000) wait_for(1);
    atomic_fetch_sub(&inside, 1);
    *out = met;
}
