/* watch.c - see watch.h. A track is the way of one player: its parameters, projected, at even distances of rounds. When it is full every second point goes and
 * the distances double, so that slow turns are seen as well as fast ones. Start at watch_round(), at the bottom. */
#include "compiler/debug/watch.h"

#include "compiler/debug/probe.h"
#include "runtime/state.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIRECTIONS = 8, POINTS = 128, FEWEST = 64, DRAWS = 256, TIMES = 3, LATE_TIMES = 4, FAR = 8, FARTHER = 4 };

typedef struct Track {
    const char *player;
    int64_t     updates[POINTS];                            /* that have moved it until then */
    double      at[POINTS][DIRECTIONS], size;               /* of a moved player; the length of its parameters at the last point */
    bool        turns, stands;                              /* was said */
} Track;

typedef struct Drawn {                                      /* a comparison's two sides */
    const char *name;
    Probe      *p, *q;
    int         narrow, missing;                            /* looks in a row at which q was much narrower; at which it had nothing near draws of p */
    int64_t     looks;
    double      least, most, far[TIMES + 2];                /* how far q was from p: at least, at most, at the last looks */
    int         farther, late;                              /* looks in a row at which it was farther than ever before; at which it was far, in the second half */
    bool        said, said_missing, said_far;
} Drawn;

struct GameWatch {
    Session *s;
    FILE   **said, *nowhere;                                /* where diagnostics go; where they are of no use */
    void   (*say)(void *self, const char *line);
    void    *self;
    Track   *track;  int n_tracks;
    Drawn   *drawn;  int n_drawn;
    int64_t  round, every;                                  /* rounds seen; from one point to the next */
    int      n;                                             /* points of each track */
    int64_t  look_at;                                       /* the round of the next look at draws */
    int64_t  rounds;                                        /* that the program will do, as far as is known */
};

static const GanProgram *program(const GameWatch *w) { return w->s->lowered.program; }

/* What cannot be computed gives NULL, and nothing is printed. */
static Probe *open_quietly(const GameWatch *w, const char *expression, int64_t n, int64_t batch)
{
    GanError err;
    Source   source = {.name = w->s->file, .text = w->s->text};
    *w->said = w->nowhere;
    Probe *p = probe_open(w->s, &source, expression, n, batch, 0, NULL, false, &err);
    *w->said = NULL;
    return p;
}

/* ---- tracks ------------------------------------------------------------------------------------------------------ */

/* +1 or -1, without pattern: element i of a direction. */
static double sign_of(uint64_t i, uint64_t direction)
{
    uint64_t x = (i * DIRECTIONS + direction + 1) * 0x9e3779b97f4a7c15;
    x ^= x >> 31;
    x *= 0xbf58476d1ce4e5b9;
    return x >> 63 ? 1 : -1;
}

static int64_t updates_of(const GameWatch *w, const Track *t)
{
    const GanProgram *p = program(w);
    int64_t           n = 0;                                /* of an average, say, which follows others */
    int               slot = state_find(p, arena_printf(w->s->arena, "%s.steps", t->player));
    if (slot >= 0 && p->slot[slot].kind == GAN_COUNTER) memcpy(&n, state_slot(p, &w->s->game.state, slot), sizeof n);
    return n;
}

static void add_point(GameWatch *w, Track *t)
{
    const GanProgram *p = program(w);
    t->updates[w->n] = updates_of(w, t);
    double           *at = t->at[w->n], squares = 0;
    uint64_t          k = 0;
    memset(at, 0, sizeof t->at[0]);
    for (int i = 0; i < p->n_slots; i++) {
        const GanSlot *s = &p->slot[i];
        if (s->kind != GAN_PARAM || !s->player || strcmp(s->player, t->player)) continue;
        GanTensor v = {.elem = s->elem, .data = state_slot(p, &w->s->game.state, i)};
        for (int64_t e = 0; e < (int64_t)(s->bytes / gan_elem_bytes(s->elem)); e++, k++) {
            double x = gan_tensor_get(&v, e);
            squares += x * x;
            for (int d = 0; d < DIRECTIONS; d++) at[d] += sign_of(k, (uint64_t)d) * x;
        }
    }
    t->size = sqrt(squares);
}

static double distance(const double *a, const double *b)
{
    double sum = 0;
    for (int d = 0; d < DIRECTIONS; d++) sum += (a[d] - b[d]) * (a[d] - b[d]);
    return sqrt(sum / DIRECTIONS);                          /* about that of the parameters themselves */
}

static double way(const Track *t, int from, int n)
{
    double sum = 0;
    for (int i = from + 1; i < n; i++) sum += distance(t->at[i - 1], t->at[i]);
    return sum;
}

/* The points without their mean and the straight line through them. */
static void level(const Track *t, int n, double (*out)[DIRECTIONS])
{
    double middle = (n - 1) / 2.0, squares = 0;
    for (int i = 0; i < n; i++) squares += (i - middle) * (i - middle);
    for (int d = 0; d < DIRECTIONS; d++) {
        double mean = 0, slope = 0;
        for (int i = 0; i < n; i++) mean += t->at[i][d] / n;
        for (int i = 0; i < n; i++) slope += (i - middle) * t->at[i][d] / squares;
        for (int i = 0; i < n; i++) out[i][d] = t->at[i][d] - mean - slope * (i - middle);
    }
}

/* How alike the way is to itself `lag` points later, from -1 to 1. */
static double alike(double (*x)[DIRECTIONS], int n, int lag)
{
    double both = 0, first = 0, second = 0;
    for (int i = 0; i + lag < n; i++)
        for (int d = 0; d < DIRECTIONS; d++) {
            both += x[i][d] * x[i + lag][d];
            first += x[i][d] * x[i][d];
            second += x[i + lag][d] * x[i + lag][d];
        }
    return first > 0 && second > 0 ? both / sqrt(first * second) : 0;
}

/* The points of one turn: the way must have gone to the other side and come back, TIMES and more in the points there are. 0: it does not turn. */
static int period(double (*x)[DIRECTIONS], int n, double *how)
{
    int lag = 1;
    while (lag < n / TIMES && alike(x, n, lag) > -0.6) lag++;
    if (lag >= n / TIMES) return 0;
    int best = lag;
    for (int k = lag; k <= n / TIMES; k++)
        if (alike(x, n, k) > alike(x, n, best)) best = k;
    *how = alike(x, n, best);
    return *how > 0.8 && best > 2 ? best : 0;
}

static void say(GameWatch *w, const char *line)
{
    w->say(w->self, line);
}

static const GameLine *update_of(const LowerResult *r, const char *player)
{
    for (int i = 0; i < r->n_lines; i++)
        for (int k = 0; !strcmp(r->line[i].what, "update") && k < r->line[i].n_moves; k++)
            if (!strcmp(r->line[i].moves[k], player)) return &r->line[i];
    return NULL;
}

/* The length of the gradient of its first update's loss, where it stands; NaN: it cannot be computed. */
static double slope_of(GameWatch *w, const Track *t, const GameLine *line)
{
    GanError    err;
    const char *text = arena_printf(w->s->arena, "norm2(grad[%s] (%s))", t->player, line->name);
    Probe      *p = open_quietly(w, text, 0, line->batch);
    GanTensor  *v = NULL;
    double      squares = NAN;
    if (p && probe_function(p)->n_outputs == 1 && !probe_values(p, &w->s->game.state, w->round, &v, &err)) squares = gan_tensor_get(v, 0);
    gan_tensor_free(v);
    probe_close(p);
    return sqrt(squares);
}

enum { STUCK = -4 };                                        /* the power of ten of a gradient with which nothing has converged */
enum { FLAT = -5 };                                         /* that of what a loss changes by, of itself, where it is the same */

/* A step of a tenth of its length away, or back with `sign` -1. */
static void step_aside(const GameWatch *w, const Track *t, int direction, double sign)
{
    const GanProgram *p = program(w);
    uint64_t          n = 0, k = 0;
    for (int i = 0; i < p->n_slots; i++)
        if (p->slot[i].kind == GAN_PARAM && p->slot[i].player && !strcmp(p->slot[i].player, t->player)) n += p->slot[i].bytes / gan_elem_bytes(p->slot[i].elem);
    double by = t->size > 0 ? 0.1 * t->size / sqrt((double)n) : 0.1;
    for (int i = 0; i < p->n_slots; i++) {
        const GanSlot *s = &p->slot[i];
        if (s->kind != GAN_PARAM || !s->player || strcmp(s->player, t->player)) continue;
        void *x = state_slot(p, &w->s->game.state, i);
        for (size_t e = 0; e < s->bytes / gan_elem_bytes(s->elem); e++, k++) {
            double add = sign * by * sign_of(k, (uint64_t)direction);
            if (s->elem == GAN_F32) ((float *)x)[e] += (float)add;
            else ((double *)x)[e] += add;
        }
    }
}

typedef struct Around { int tried, rises, falls; double lowest; } Around;       /* of a loss, beside where the player stands; lowest: by how much it falls there */

static double loss_at(GameWatch *w, Probe *p)
{
    GanError   err;
    GanTensor *v = NULL;
    double     x = probe_values(p, &w->s->game.state, w->round, &v, &err) ? NAN : gan_tensor_get(v, 0);
    gan_tensor_free(v);
    return x;
}

/* With the same draws each time. The state is what it was afterwards. */
static Around look_around(GameWatch *w, const Track *t, const GameLine *line)
{
    GanState *s = &w->s->game.state;
    Probe    *p = open_quietly(w, line->name, 0, line->batch);
    char     *before = malloc(s->bytes + 1);
    bool      can = p && before && probe_function(p)->n_outputs == 1 && !probe_function(p)->output[0].rank;
    Around    r = {0};
    if (can) memcpy(before, s->base, s->bytes);
    double here = can ? loss_at(w, p) : NAN, least = pow(10, FLAT) * (fabs(here) + DBL_MIN);
    for (int i = 0; isfinite(here) && i < 2 * DIRECTIONS; i++) {
        step_aside(w, t, i / 2, i % 2 ? -1 : 1);
        double by = loss_at(w, p) - here;
        memcpy(s->base, before, s->bytes);
        r.tried++;
        r.rises += by > least;
        r.falls += by < -least;
        if (by < r.lowest) r.lowest = by;
    }
    free(before);
    probe_close(p);
    return r;
}

/* Parameters that move no more: from the start on they were never let go; later, they have come to where their loss has no slope, or have not. A loss without
 * slope that rises on all sides is at a minimum, one that stays the same on a plateau. */
static void look_at_standing(GameWatch *w, Track *t, int from)
{
    const GameLine *line = update_of(&w->s->lowered, t->player);
    double          slope = line ? slope_of(w, t, line) : NAN;
    Arena          *a = w->s->arena;
    Around          r = slope <= pow(10, STUCK) ? look_around(w, t, line) : (Around){0};
    bool            least = r.rises && !r.falls, flat = r.tried && !r.rises && !r.falls;
    const char     *looks = least ? "converged" : from && flat ? "as if it had come to a plateau" : "stalled";
    const char     *why = isnan(slope) ? "" : arena_printf(a, "; the gradient of %s by it is of a length of %.3g", line->name, slope);
    if (least) why = arena_printf(a, "%s, and a tenth of its length away that is larger in %d of %d directions and nowhere smaller", why, r.rises, r.tried);
    else if (flat) why = arena_printf(a, "%s, and a tenth of its length away that is the same in %d directions", why, r.tried);
    else if (r.falls) why = arena_printf(a, "%s, and a tenth of its length away that is smaller by up to %.3g in %d of %d directions", why, -r.lowest, r.falls, r.tried);
    t->stands = true;
    say(w, arena_printf(a, "step %" PRId64 ": %s looks %s: in the last %" PRId64 " rounds its parameters have moved by %.2g, at a length of %.3g%s", w->round, t->player, looks,
                        (w->n - 1 - from) * w->every, way(t, from, w->n), t->size, why));
}

static void look_at_track(GameWatch *w, Track *t)
{
    double x[POINTS][DIRECTIONS], how = 0, length = way(t, 0, w->n), net = distance(t->at[0], t->at[w->n - 1]);
    Arena *a = w->s->arena;
    bool   played = t->updates[w->n - 1] > t->updates[w->n / 2];        /* else it waits for its part of the schedule */
    bool   still = played && way(t, w->n / 2, w->n) <= 1e-6 * t->size;
    if (!t->stands && still) look_at_standing(w, t, length <= 1e-6 * t->size ? 0 : w->n / 2);
    level(t, w->n, x);
    int turn = t->turns || still ? 0 : period(x, w->n, &how);
    if (!turn || net > 0.25 * length) return;
    t->turns = true;
    say(w, arena_printf(a, "step %" PRId64 ": %s looks like cycling: its parameters come back about every %" PRId64 " rounds (autocorrelation %.2f); in the last %" PRId64 " rounds "
                           "they have gone %.3g, and got %.3g away", w->round, t->player, turn * w->every, how, (w->n - 1) * w->every, length, net));
}

static void thin(GameWatch *w)
{
    for (int k = 0; k < w->n_tracks; k++)
        for (int i = 0; i < POINTS / 2; i++) {
            memcpy(w->track[k].at[i], w->track[k].at[2 * i + 1], sizeof w->track[k].at[0]);
            w->track[k].updates[i] = w->track[k].updates[2 * i + 1];
        }
    w->n = POINTS / 2;
    w->every *= 2;
}

static void follow(GameWatch *w)
{
    for (int k = 0; k < w->n_tracks; k++) add_point(w, &w->track[k]);
    w->n++;
    for (int k = 0; k < w->n_tracks && w->n >= FEWEST && w->n % (FEWEST / 4) == 0; k++) look_at_track(w, &w->track[k]);
    if (w->n == POINTS) thin(w);
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

typedef struct Draws { double *x; int64_t width; } Draws;       /* DRAWS rows: all numbers of all fields; x NULL: they cannot be drawn */

static Draws draw(GameWatch *w, Probe *p)
{
    GanError    err;
    Draws       d = {0};
    int         n = probe_function(p)->n_outputs;
    GanTensor **v = calloc((size_t)n + 1, sizeof *v);
    if (v && !probe_values(p, &w->s->game.state, w->round, v, &err)) {
        for (int k = 0; k < n; k++) d.width += gan_tensor_count(v[k]) / DRAWS;
        d.x = malloc((size_t)(d.width * DRAWS + 1) * sizeof *d.x);
    }
    int64_t at = 0;
    for (int k = 0; d.x && k < n; k++) {
        int64_t each = gan_tensor_count(v[k]) / DRAWS;
        for (int i = 0; i < DRAWS; i++)
            for (int64_t e = 0; e < each; e++) d.x[i * d.width + at + e] = gan_tensor_get(v[k], i * each + e);
        at += each;
    }
    for (int k = 0; v && k < n; k++) gan_tensor_free(v[k]);
    free(v);
    return d;
}

static double apart(const Draws *a, int i, const Draws *b, int k)
{
    double squares = 0;
    for (int64_t e = 0; e < a->width; e++) {
        double by = a->x[i * a->width + e] - b->x[k * b->width + e];
        squares += by * by;
    }
    return sqrt(squares);
}

/* The mean distance of one draw to the next. */
static double spread(const Draws *d)
{
    double sum = 0;
    for (int i = 1; i < DRAWS; i++) sum += apart(d, i, d, i - 1) / (DRAWS - 1);
    return sum;
}

/* To the nearest draw that is not the same one. */
static double nearest(const Draws *p, int i, const Draws *of)
{
    double least = INFINITY;
    for (int k = 0; k < DRAWS; k++) {
        double by = apart(p, i, of, k);
        if (by > 0 && by < least) least = by;
    }
    return least;
}

/* Draws of p of which there are others near, and none of q: those of modes that q has not. */
static int left_out(const Draws *p, const Draws *q, double wide)
{
    int n = 0;
    for (int i = 0; i < DRAWS; i++) {
        double to_q = nearest(p, i, q);
        n += to_q > 0.2 * wide && to_q > 5 * nearest(p, i, p);
    }
    return n;
}

static void look_for_collapse(GameWatch *w, Drawn *d, double p, double q)
{
    d->narrow = q < 0.05 * p ? d->narrow + 1 : 0;
    d->said &= d->narrow > 0;
    if (d->narrow < TIMES || d->said) return;
    d->said = true;
    say(w, arena_printf(w->s->arena, "step %" PRId64 ": %s looks collapsed: %d draws of its q are %.3g from one another in the mean, and those of its p %.3g", w->round, d->name, DRAWS, q, p));
}

/* In the second half of a run: before, modes are found yet. What is collapsed has none of the others; what flies apart, or was never trained, is near to nothing. */
static void look_for_modes(GameWatch *w, Drawn *d, const Draws *p, const Draws *q, const double wide[2])
{
    if (d->said_missing || d->narrow || 2 * w->round <= w->rounds) return;
    int n = wide[1] < 2 * wide[0] ? left_out(p, q, wide[0]) : 0;
    d->missing = n > DRAWS / 20 && n < DRAWS - DRAWS / 20 ? d->missing + 1 : 0;
    if (d->missing < LATE_TIMES) return;
    d->said_missing = true;
    say(w, arena_printf(w->s->arena, "step %" PRId64 ": %s looks like missing modes: near %d of %d draws of its p there are others of p, and none of its q", w->round, d->name, n, DRAWS));
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nine in ten draws of q are as near to one of p each; how near draws of p are to the next, with q NULL. */
static double reach(const Draws *p, const Draws *q)
{
    double by[DRAWS];
    int    n = 0;
    for (int i = q ? 0 : 1; i < DRAWS; i++) by[n++] = q ? apart(q, i, p, i) : apart(p, i, p, i - 1);
    qsort(by, (size_t)n, sizeof *by, by_size);
    return by[9 * n / 10];
}

/* Farther from p than it ever was at each of the last looks, for a transient turns back; or, in the second half of a run, far at each of them. */
static bool flies(const GameWatch *w, Drawn *d, double far, double wide)
{
    enum { LOOKS = sizeof d->far / sizeof *d->far };
    memmove(d->far, d->far + 1, sizeof d->far - sizeof *d->far);
    d->far[LOOKS - 1] = far;
    bool is_far = far > FAR / 2 * wide && far > FARTHER * d->least;
    d->farther = far > d->most ? d->farther + 1 : 0;
    d->late = is_far && 2 * w->round > w->rounds ? d->late + 1 : 0;
    if (far > d->most) d->most = far;
    if (!d->looks++ || far < d->least) d->least = far;
    return d->late >= LATE_TIMES || (is_far && d->farther >= LOOKS && far > FAR * wide && far > 1.3 * d->far[0]);
}

static void look_for_flight(GameWatch *w, Drawn *d, const Draws *p, const Draws *q)
{
    double far = reach(p, q), wide = reach(p, NULL);
    if (!flies(w, d, far, wide) || d->said_far) return;
    d->said_far = true;
    say(w, arena_printf(w->s->arena, "step %" PRId64 ": %s looks like flying apart: nine in ten draws of its q are within %.3g of draws of its p, and were within %.3g; those of its p are within %.3g of one another",
                        w->round, d->name, far, d->least, wide));
}

static void look_at_draws(GameWatch *w, Drawn *d)
{
    Draws p = draw(w, d->p), q = draw(w, d->q);
    if (p.x && q.x && p.width == q.width) {
        double wide[] = {spread(&p), spread(&q)};
        look_for_flight(w, d, &p, &q);
        look_for_collapse(w, d, wide[0], wide[1]);
        look_for_modes(w, d, &p, &q, wide);
    }
    free(p.x);
    free(q.x);
}

/* ---- all ---------------------------------------------------------------------------------------------------------- */

bool watch_round(void *watch)
{
    GameWatch *w = watch;
    if (++w->round % w->every == 0) follow(w);
    if (w->round < w->look_at) return true;
    for (int i = 0; i < w->n_drawn; i++) look_at_draws(w, &w->drawn[i]);
    w->look_at = w->round + w->round / 8 + 1;               /* each time an eighth further on */
    return true;
}

/* Draws of a side of a comparison; NULL: it has no such side, or one that needs an argument. */
static Probe *side(const GameWatch *w, const char *name, const char *of) { return open_quietly(w, arena_printf(w->s->arena, "%s.%s", name, of), DRAWS, 0); }

static void add_drawn(GameWatch *w, const char *name)
{
    Drawn d = {.name = name, .p = side(w, name, "p")};
    if (d.p) d.q = side(w, name, "q");
    if (d.q) w->drawn[w->n_drawn++] = d;
    else probe_close(d.p);
}

GameWatch *watch_open(Session *s, FILE **said, void (*say_line)(void *self, const char *line), void *self)
{
    const LowerResult *r = &s->lowered;
    GameWatch         *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    *w = (GameWatch){.s = s, .said = said, .nowhere = fopen("/dev/null", "we"), .say = say_line, .self = self, .every = 1, .look_at = 20, .rounds = trainer_rounds(r->program, s->o->run.steps)};
    w->track = calloc((size_t)r->n_players + 1, sizeof *w->track);
    w->drawn = calloc((size_t)r->n_compared + 1, sizeof *w->drawn);
    for (int i = 0; w->track && i < r->n_players; i++)
        if (r->player[i].updated) w->track[w->n_tracks++].player = r->player[i].name;
    for (int i = 0; w->drawn && i < r->n_compared; i++) add_drawn(w, r->compared[i]);
    if (w->track && w->drawn) return w;
    watch_close(w);
    return NULL;
}

void watch_close(GameWatch *w)
{
    if (!w) return;
    for (int i = 0; i < w->n_drawn; i++) {
        probe_close(w->drawn[i].p);
        probe_close(w->drawn[i].q);
    }
    if (w->nowhere) fclose(w->nowhere);
    free(w->track);
    free(w->drawn);
    free(w);
}
