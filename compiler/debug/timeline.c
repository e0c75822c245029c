/* timeline.c - see timeline.h. States lie in boxes of one size: the first `most_in_memory` are blocks of memory, those after them places of the
 * file. A snapshot that goes gives its box to the next. */
#include "compiler/debug/timeline.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Snapshot { Moment at; int box; } Snapshot;

struct Timeline {
    size_t    bytes;
    int       most_in_memory, most;                         /* boxes */
    int       n_boxes;                                      /* made so far */
    char    **memory;                                       /* of the boxes in memory */
    int       file;                                         /* -1: not made yet */
    bool      disk_full;
    int      *free_box;  int n_free;
    Snapshot *snapshot;  int n, room;                       /* by tick */
};

static int boxes_of(size_t budget, size_t bytes)
{
    size_t n = budget / (bytes ? bytes : 1);
    return n < 2 ? 2 : n > 1 << 16 ? 1 << 16 : (int)n;
}

Timeline *timeline_new(size_t bytes, size_t budget)
{
    Timeline *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->bytes = bytes ? bytes : 1;
    t->most_in_memory = boxes_of(budget, t->bytes);
    t->most = t->most_in_memory * (1 + TIMELINE_IN_FILE);
    t->file = -1;
    t->memory = calloc((size_t)t->most_in_memory, sizeof *t->memory);
    t->free_box = calloc((size_t)t->most, sizeof *t->free_box);
    if (t->memory && t->free_box) return t;
    timeline_free(t);
    return NULL;
}

void timeline_free(Timeline *t)
{
    if (!t) return;
    for (int i = 0; t->memory && i < t->most_in_memory; i++) free(t->memory[i]);
    free(t->memory);
    free(t->free_box);
    free(t->snapshot);
    if (t->file >= 0) close(t->file);
    free(t);
}

/* ---- boxes ------------------------------------------------------------------------------------------------------ */

static off_t place_in_file(const Timeline *t, int box) { return (off_t)(box - t->most_in_memory) * (off_t)t->bytes; }

/* A file that nobody else can open and that goes with the process. */
static int nameless_file(void)
{
    const char *folder = getenv("TMPDIR");
    char        path[4096];
    if (snprintf(path, sizeof path, "%s/gan-snapshots-XXXXXX", folder && *folder ? folder : "/tmp") >= (int)sizeof path) return -1;
    int fd = mkstemp(path);
    if (fd >= 0) unlink(path);
    return fd;
}

static bool write_all(int fd, const char *from, size_t n, off_t at)
{
    while (n) {
        ssize_t done = pwrite(fd, from, n, at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        from += done, n -= (size_t)done, at += done;
    }
    return true;
}

static bool read_all(int fd, char *to, size_t n, off_t at)
{
    while (n) {
        ssize_t done = pread(fd, to, n, at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        to += done, n -= (size_t)done, at += done;
    }
    return true;
}

static bool put(Timeline *t, int box, const void *state)
{
    if (box < t->most_in_memory) {
        if (!t->memory[box] && !(t->memory[box] = malloc(t->bytes))) return false;
        memcpy(t->memory[box], state, t->bytes);
        return true;
    }
    if (t->file < 0) t->file = nameless_file();
    bool ok = t->file >= 0 && write_all(t->file, state, t->bytes, place_in_file(t, box));
    t->disk_full |= !ok;
    return ok;
}

static bool get(const Timeline *t, int box, void *state)
{
    if (box >= t->most_in_memory) return read_all(t->file, state, t->bytes, place_in_file(t, box));
    memcpy(state, t->memory[box], t->bytes);
    return true;
}

static void forget(Timeline *t, int i)
{
    t->free_box[t->n_free++] = t->snapshot[i].box;
    memmove(t->snapshot + i, t->snapshot + i + 1, sizeof *t->snapshot * (size_t)(t->n - i - 1));
    t->n--;
}

/* What going to a tick just before the next snapshot costs when this one is gone, weighed by how long ago that is. */
static double loss(const Timeline *t, int i)
{
    double gap = (double)(t->snapshot[i + 1].at.tick - t->snapshot[i - 1].at.tick);
    double ago = (double)(t->snapshot[t->n - 1].at.tick - t->snapshot[i].at.tick);
    return gap / pow(1 + ago, 0.75);
}

/* The first, where all begins, and the newest stay. */
static void make_room(Timeline *t)
{
    int least = 1;
    for (int i = 2; i + 1 < t->n; i++)
        if (loss(t, i) < loss(t, least)) least = i;
    forget(t, t->n > 2 ? least : t->n - 1);
}

/* An empty box, or -1. */
static int take_box(Timeline *t)
{
    int most = t->disk_full ? t->most_in_memory : t->most;
    if (!t->n_free && t->n_boxes >= most && t->n) make_room(t);
    if (t->n_free) return t->free_box[--t->n_free];
    return t->n_boxes < most ? t->n_boxes++ : -1;
}

static bool has_room(Timeline *t)
{
    if (t->n < t->room) return true;
    int       room = t->room ? 2 * t->room : 64;
    Snapshot *more = realloc(t->snapshot, sizeof *more * (size_t)room);
    if (!more) return false;
    t->snapshot = more;
    t->room = room;
    return true;
}

static void insert(Timeline *t, const Moment *at, int box)
{
    int i = t->n;
    while (i && t->snapshot[i - 1].at.tick > at->tick) i--;
    memmove(t->snapshot + i + 1, t->snapshot + i, sizeof *t->snapshot * (size_t)(t->n - i));
    t->snapshot[i] = (Snapshot){*at, box};
    t->n++;
}

static bool has(const Timeline *t, int64_t tick)
{
    for (int i = t->n - 1; i >= 0 && t->snapshot[i].at.tick >= tick; i--)
        if (t->snapshot[i].at.tick == tick) return true;
    return false;
}

bool timeline_keep(Timeline *t, const Moment *at, const void *state)
{
    if (has(t, at->tick)) return true;
    if (!has_room(t)) return false;
    int box = take_box(t);
    if (box >= t->most_in_memory && !put(t, box, state)) box = t->n_free ? t->free_box[--t->n_free] : -1;      /* the disk is full; that box is lost with it */
    else if (box >= 0 && box < t->most_in_memory && !put(t, box, state)) {
        t->free_box[t->n_free++] = box;
        box = -1;
    }
    if (box < 0) return false;
    insert(t, at, box);
    return true;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

bool timeline_until_tick(const Moment *m, int64_t tick) { return m->tick <= tick; }
bool timeline_before_round(const Moment *m, int64_t round) { return m->rounds < round; }

bool timeline_find(Timeline *t, TimelineFits *fits, int64_t wanted, Moment *out, void *state)
{
    for (int i = t->n - 1; i >= 0; i--) {
        if (i && !fits(&t->snapshot[i].at, wanted)) continue;
        if (state && !get(t, t->snapshot[i].box, state)) continue;
        *out = t->snapshot[i].at;
        return true;
    }
    return false;
}

void timeline_cut(Timeline *t, int64_t tick)
{
    while (t->n && t->snapshot[t->n - 1].at.tick > tick) forget(t, t->n - 1);
}

TimelineUse timeline_use(const Timeline *t)
{
    TimelineUse u = {.snapshots = t->n, .budget = t->bytes * (size_t)t->most_in_memory, .disk_full = t->disk_full};
    for (int i = 0; i < t->n; i++) {
        if (t->snapshot[i].box < t->most_in_memory) u.in_memory += t->bytes;
        else u.in_file += t->bytes;
        int64_t gap = i ? t->snapshot[i].at.tick - t->snapshot[i - 1].at.tick : 0;
        if (gap > u.widest) u.widest = gap;
    }
    return u;
}
