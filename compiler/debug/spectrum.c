/* spectrum.c - see spectrum.h. A small Jacobian is made whole, column by column; of a large one Arnoldi's method (1951) takes a subspace, in which the largest
 * eigenvalues come out first. The small dense matrix goes to LAPACK's dgeev, which OpenBLAS has. */
#include "compiler/debug/spectrum.h"

#include "runtime/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double CONVERGED = 1e-6;                       /* a residual beside the largest eigenvalue */

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static double norm(const double *a, int64_t n) { return sqrt(dot(a, a, n)); }

static void subtract(double *a, double times, const double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) a[i] -= times * b[i];
}

/* A start that no symmetry of a net can be orthogonal to. */
static void fill(double *v, int64_t n)
{
    uint64_t x = 0x9e3779b97f4a7c15;
    for (int64_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        v[i] = (double)(x >> 11) * 0x1p-52 - 1;
    }
    double length = norm(v, n);
    for (int64_t i = 0; i < n; i++) v[i] /= length;
}

typedef struct Basis {                                      /* an orthonormal basis q of a subspace, and J in it: J q[j] = sum of h[i, j] q[i] */
    int64_t n;
    int     m, most;                                        /* vectors; room */
    double *q, *h;                                          /* [most + 1][n]; [most][most], column-major; */
    double  next;                                           /* the length of what J q[m - 1] has outside of the subspace */
} Basis;

/* Twice is enough (Kahan). Returns what is left of its length. */
static double orthogonalise(Basis *b, double *w)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < b->m; i++) {
            double along = dot(b->q + i * b->n, w, b->n);
            subtract(w, along, b->q + i * b->n, b->n);
            b->h[(b->m - 1) * b->most + i] += along;
        }
    return norm(w, b->n);
}

static GanStatus arnoldi(Field *f, Basis *b, GanError *err)
{
    fill(b->q, b->n);
    while (b->m < b->most) {
        double   *w = b->q + (b->m + 1) * b->n;
        GanStatus st = field_jvp(f, b->q + b->m * b->n, w, err);
        if (st) return st;
        double size = norm(w, b->n);
        b->m++;
        b->next = orthogonalise(b, w);
        if (!isfinite(b->next)) return gan_error(err, GAN_WRONG, "the gradients' derivatives are not finite here");
        if (b->next <= 1e-12 * size || b->next == 0) {       /* the subspace is closed: its eigenvalues are exact */
            b->next = 0;
            break;
        }
        if (b->m < b->most) b->h[(b->m - 1) * b->most + b->m] = b->next;
        for (int64_t i = 0; i < b->n; i++) w[i] /= b->next;
    }
    return GAN_OK;
}

static GanStatus whole(Field *f, Basis *b, GanError *err)
{
    double   *unit = b->q;
    GanStatus st = GAN_OK;
    memset(unit, 0, sizeof *unit * (size_t)b->n);
    for (b->m = 0; b->m < b->n && !st; b->m++) {
        unit[b->m] = 1;
        st = field_jvp(f, unit, b->h + b->m * b->most, err);
        unit[b->m] = 0;
    }
    for (int64_t i = 0; i < b->n * b->n && !st; i++)
        if (!isfinite(b->h[i])) st = gan_error(err, GAN_WRONG, "the gradients' derivatives are not finite here");
    return st;
}

/* ---- eigenvalues of the small matrix ----------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const Eigenvalue *x = a, *y = b;
    double u = hypot(x->re, x->im), v = hypot(y->re, y->im);
    if (fabs(u - v) > 1e-12 * (u + v)) return u < v ? 1 : -1;
    return x->re != y->re ? (x->re < y->re ? 1 : -1) : x->im < y->im ? 1 : x->im > y->im ? -1 : 0;
}

/* The last component of unit vector j, times what lies outside of the subspace; dgeev gives a pair's vectors as real and imaginary part. */
static double residual(const Basis *b, const double *im, const double *vectors, int j)
{
    int first = im[j] < 0 ? j - 1 : j;
    const double *re = vectors + first * b->m, *second = im[j] != 0 ? re + b->m : NULL;
    return b->next * hypot(re[b->m - 1], second ? second[b->m - 1] : 0);
}

static GanStatus solve(const Basis *b, Spectrum *out, GanError *err)
{
    size_t  m = (size_t)b->m;
    double *a = calloc(m * m + 1, sizeof *a), *re = calloc(m + 1, sizeof *re), *im = calloc(m + 1, sizeof *im), *vectors = calloc(m * m + 1, sizeof *vectors);
    out->value = calloc(m + 1, sizeof *out->value);
    GanStatus st = a && re && im && vectors && out->value ? GAN_OK : gan_error(err, GAN_WORLD, "no memory for eigenvalues");
    for (size_t j = 0; j < m && !st; j++) memcpy(a + j * m, b->h + j * (size_t)b->most, sizeof *a * m);
    if (!st) st = blas_geev(b->m, a, re, im, vectors, err);
    for (int j = 0; j < b->m && !st; j++) out->value[j] = (Eigenvalue){re[j], im[j], residual(b, im, vectors, j)};
    out->n = st ? 0 : b->m;
    free(a);
    free(re);
    free(im);
    free(vectors);
    return st;
}

/* Those that have come out: a method that goes on would only polish them. */
static void keep_converged(Spectrum *s)
{
    int n = 0;
    qsort(s->value, (size_t)s->n, sizeof *s->value, by_size);
    double largest = s->n ? hypot(s->value[0].re, s->value[0].im) : 0;
    while (n < s->n && s->value[n].residual <= CONVERGED * largest) n++;
    s->n = n;
}

double spectrum_nothing(const Eigenvalue *largest) { return 1e-9 * hypot(largest->re, largest->im); }

/* |1 - rate * l| < 1 for rates below 2 Re(l) / |l|^2. Zeros neither grow nor shrink. */
static double stable_rate(const Spectrum *s)
{
    double rate = INFINITY, nothing = s->n ? spectrum_nothing(&s->value[0]) : 0;
    for (int i = 0; i < s->n; i++) {
        double size = hypot(s->value[i].re, s->value[i].im);
        double re = fabs(s->value[i].re) > nothing ? s->value[i].re : 0;
        if (size > nothing) rate = fmin(rate, 2 * re / (size * size));
    }
    return fmax(rate, 0);
}

/* ---- v ------------------------------------------------------------------------------------------------------------- */

static SpectrumPlayer *player_of(Spectrum *s, const char *player)
{
    for (int i = 0; i < s->n_players; i++)
        if (!strcmp(s->player[i].player, player)) return &s->player[i];
    s->player[s->n_players] = (SpectrumPlayer){.player = player};
    return &s->player[s->n_players++];
}

static void share(const Field *f, const double *v, Spectrum *out)
{
    const FieldSlot *slot;
    int n = field_slots(f, &slot);
    for (int i = 0; i < n; i++) player_of(out, slot[i].player)->norm += dot(v + slot[i].at, v + slot[i].at, slot[i].n);
    for (int i = 0; i < out->n_players; i++) out->player[i].norm = sqrt(out->player[i].norm);
    out->norm = norm(v, out->size);
}

static GanStatus look_at_gradient(Field *f, Spectrum *out, GanError *err)
{
    const FieldSlot *slot;
    size_t    n = (size_t)out->size;
    double   *v = malloc(sizeof *v * 2 * n), *w = v + n;
    out->player = calloc((size_t)field_slots(f, &slot) + 1, sizeof *out->player);
    GanStatus st = v && out->player ? field_gradient(f, v, err) : gan_error(err, GAN_WORLD, "no memory for a gradient");
    if (!st) st = field_vjp(f, v, w, err);
    if (!st) {
        share(f, v, out);
        double product = dot(v, w, out->size), sizes = out->norm * norm(w, out->size);
        out->angle = sizes > 0 ? acos(fmax(-1, fmin(1, product / sizes))) * 180 / M_PI : NAN;
    }
    free(v);
    return st;
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */

static GanStatus find_values(Field *f, Spectrum *out, GanError *err)
{
    bool      all = out->size <= SPECTRUM_WHOLE;
    size_t    n = (size_t)out->size, most = all ? n : SPECTRUM_STEPS;
    Basis     b = {.n = out->size, .most = (int)most, .q = calloc((most + 1) * n, sizeof *b.q), .h = calloc(most * most + 1, sizeof *b.h)};
    GanStatus st = !b.q || !b.h ? gan_error(err, GAN_WORLD, "no memory for the Jacobian's eigenvalues") : all ? whole(f, &b, err) : arnoldi(f, &b, err);
    if (!st) st = solve(&b, out, err);
    free(b.q);
    free(b.h);
    if (st) return st;
    keep_converged(out);
    out->rate = stable_rate(out);
    return GAN_OK;
}

GanStatus spectrum_of(Field *f, Spectrum *out, GanError *err)
{
    *out = (Spectrum){.size = field_size(f)};
    GanStatus st = look_at_gradient(f, out, err);
    if (!st) st = find_values(f, out, err);
    if (st) spectrum_free(out);
    return st;
}

void spectrum_free(Spectrum *s)
{
    free(s->value);
    free(s->player);
    *s = (Spectrum){0};
}
