#include "runtime/lineage.h"
#include "runtime/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

/* Reports and pictures, and what holds nothing else; a save leaves the state as it is. */
static bool only_shows(const GanSchedule *n)
{
    bool around = n->kind == GAN_EVERY || n->kind == GAN_IF || n->kind == GAN_REPEAT || n->kind == GAN_SEQUENCE;
    for (int i = 0; around && i < n->n_kids; i++) around = only_shows(n->kid[i]);
    return around || n->kind == GAN_REPORT || n->kind == GAN_SAVE || (n->kind >= GAN_SCATTER && n->kind <= GAN_GRID);
}

/* ---- the sum -------------------------------------------------------------------------------------------------------- */

/* ahead: the run has not come to the end of this statement, so how many rounds a block has there is no part of what was. */
static void add_node(XXH3_state_t *h, const GanProgram *p, const GanSchedule *n, bool all, bool ahead)
{
    static const uint64_t none[2];
    const int64_t rounds = ahead && n->kind == GAN_ALTERNATE ? -1 : n->count, fields[] = {n->kind, rounds, n->by_step}, end = -1;
    if (!all && only_shows(n)) return;
    XXH3_128bits_update(h, fields, sizeof fields);
    XXH3_128bits_update(h, n->fn >= 0 ? p->function[n->fn].sum : none, sizeof none);
    if (n->kind == GAN_EXPECT) XXH3_128bits_update(h, n->name, strlen(n->name));
    for (int i = 0; i < n->n_kids; i++) add_node(h, p, n->kid[i], all, false);
    XXH3_128bits_update(h, &end, sizeof end);
}

void lineage_sum(const GanProgram *p, const TrainerPath *at, char hex[LINEAGE_SUM])
{
    XXH3_state_t h;
    int64_t      here = at->n ? at->at[0] : 0, expects = 0;
    bool         deep = at->n > 2;                          /* a place among the statements of a loop around blocks */
    XXH3_128bits_reset(&h);
    if (p->init_fn >= 0) XXH3_128bits_update(&h, p->function[p->init_fn].sum, sizeof p->function[p->init_fn].sum);
    for (int i = 0; i < p->schedule->n_kids; i++) {
        const GanSchedule *n = p->schedule->kid[i];
        bool promise = n->kind == GAN_EXPECT;
        bool later = promise && i >= here && n->by_step < 0;         /* it is not judged yet */
        if (promise && !later) XXH3_128bits_update(&h, &expects, sizeof expects);       /* a checkpoint knows it by its number */
        expects += promise;
        if (later) continue;
        bool past = i < here || (i == here && deep);
        add_node(&h, p, n, past, !past);
    }
    XXH128_hash_t sum = XXH3_128bits_digest(&h);
    snprintf(hex, LINEAGE_SUM, "%016" PRIx64 "%016" PRIx64, (uint64_t)sum.high64, (uint64_t)sum.low64);
}

/* ---- what is shown -------------------------------------------------------------------------------------------------- */

typedef void Each(void *user, const GanProgram *p, const GanSchedule *n);

/* What runs something in order to show it. */
static void each_shown(const GanProgram *p, const GanSchedule *n, bool shows, Each *each, void *user)
{
    shows = shows || only_shows(n);
    if (shows && n->fn >= 0) each(user, p, n);
    for (int i = 0; i < n->n_kids; i++) each_shown(p, n->kid[i], shows, each, user);
}

/* NULL: the place is in no block of the top level. */
static const GanSchedule *block_at(const GanProgram *p, const TrainerPath *at)
{
    bool in = at->n == 2 && at->at[0] < p->schedule->n_kids && p->schedule->kid[at->at[0]]->kind == GAN_ALTERNATE;
    return in ? p->schedule->kid[at->at[0]] : NULL;
}

static void line_of(const GanFunction *f, char line[GAN_ERROR_TEXT])
{
    snprintf(line, GAN_ERROR_TEXT, "%016" PRIx64 "%016" PRIx64 " %.300s\n", f->sum[1], f->sum[0], f->name);
}

static void add_line(void *user, const GanProgram *p, const GanSchedule *n)
{
    char  **text = user, line[GAN_ERROR_TEXT];
    size_t  had = *text ? strlen(*text) : 0;
    line_of(&p->function[n->fn], line);
    char *longer = *text ? realloc(*text, had + strlen(line) + 1) : NULL;
    if (!longer) free(*text);
    else strcpy(longer + had, line);
    *text = longer;
}

char *lineage_shown(const GanProgram *p, const TrainerPath *at)
{
    const GanSchedule *block = block_at(p, at);
    char *text = calloc(1, 1);
    if (block) each_shown(p, block, false, add_line, &text);
    return text;
}

/* ---- what is new ---------------------------------------------------------------------------------------------------- */

/* How often it is run in that round, counted from 1; -1: that hangs on the run. */
static int64_t times_in(const GanSchedule *n, const GanSchedule *target, int64_t round)
{
    if (n == target) return 1;
    if (n->kind == GAN_EVERY && round % n->count) return 0;
    int64_t times = 0;
    for (int i = 0; i < n->n_kids; i++) {
        int64_t k = times_in(n->kid[i], target, round);
        if (k < 0) return -1;
        times += k;
    }
    if (!times) return 0;
    if (n->kind == GAN_IF || (n->kind == GAN_REPEAT && n->fn >= 0)) return -1;
    return n->kind == GAN_REPEAT ? times * n->count : times;
}

static int64_t times_by(const GanSchedule *block, const GanSchedule *target, int64_t rounds)
{
    int64_t sum = 0;
    for (int64_t r = 1; r <= rounds; r++) {
        int64_t k = times_in(block, target, r);
        if (k < 0) return -1;
        sum += k;
    }
    return sum;
}

typedef struct Counting {
    GanState          *state;
    const GanSchedule *block;
    int64_t            rounds;
    const char        *shown, *which;                       /* which: NULL as long as all is well */
} Counting;

static void count_one(void *user, const GanProgram *p, const GanSchedule *n)
{
    Counting          *c = user;
    const GanFunction *f = &p->function[n->fn];
    char               line[GAN_ERROR_TEXT], path[GAN_ERROR_TEXT];
    if (c->which) return;
    line_of(f, line);
    if (strstr(c->shown, line)) return;
    bool    known = strstr(c->shown, strchr(line, ' ')) != NULL;     /* of that name, and another */
    int64_t times = known ? -1 : times_by(c->block, n, c->rounds);
    snprintf(path, sizeof path, "fn.%.300s.tick", f->name);
    int tick = state_find(p, path);
    if (known || (tick >= 0 && times < 0)) c->which = n->name ? n->name : f->name;
    else if (tick >= 0) memcpy(state_slot(p, c->state, tick), &times, sizeof times);
}

bool lineage_count(const GanProgram *p, GanState *s, const TrainerPath *at, const char *shown, const char **which)
{
    Counting c = {s, block_at(p, at), at->n == 2 ? at->at[1] : 0, shown, NULL};
    if (c.block) each_shown(p, c.block, false, count_one, &c);
    *which = c.which;
    return !c.which;
}
