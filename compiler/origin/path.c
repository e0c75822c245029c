/* path.c - back from a number that is not finite to where it began.
 *
 * A depth-first search: at each row to the operands' elements that are not finite, those that are nan first when the result is, then
 * those made earliest. One whose way leads to nothing but infinities that the program writes is given up, and the next is tried; where all are and
 * the result is nan although none of them is, the row has made the nan. */
#include "compiler/origin/find.h"

#include <stdlib.h>
#include <string.h>

enum { TRIED = 8, MAX_STEPS = 1 << 18 };

typedef struct TermSee {
    const Record *r;
    Point         p;
    bool        (*see)(void *self, const PointTerm *t);
    void         *self;
} TermSee;

static bool see_term(void *self, const Term *t)
{
    TermSee  *s = self;
    PointTerm at = {t->operand, t->k, {s->p.v->def->arg[t->operand], s->p.turn, t->element}, false};
    at.is_zero = !record_source(s->r, &at.p);
    return s->see(s->self, &at);
}

static int64_t whole_of(void *self, int operand, int64_t element)
{
    TermSee *s = self;
    Point    p = {s->p.v->def->arg[operand], s->p.turn, element};
    double   x = 0;
    if (record_source(s->r, &p)) record_number(s->r, p, &x);
    return (int64_t)x;
}

bool point_terms(const Record *r, Point p, bool (*see)(void *self, const PointTerm *t), void *self)
{
    TermSee  s = {r, p, see, self};
    TermWalk walk = {see_term, whole_of, &s};
    return terms_of(record_module(r), p.v->def, p.v->index, p.element, &walk);
}

/* ---- operands that are not finite ----------------------------------------------------------------------------------- */

typedef struct Tries { Point at[TRIED]; RealKind kind[TRIED]; int n, next; } Tries;

typedef struct Collect { const Record *r; Tries *to; RealKind result; int of[2 * TRIED]; } Collect;

/* The first few of each operand will do: one is enough, others are tried when it leads to what is written. */
static bool collect(void *self, const PointTerm *t)
{
    Collect *c = self;
    if (t->is_zero) return true;
    RealKind kind = record_kind(c->r, t->p);
    int     *seen = &c->of[t->operand % (2 * TRIED)];
    if (kind == REAL_FINITE || (kind != REAL_NAN && *seen >= 2)) return true;
    if (c->to->n == TRIED) return false;
    ++*seen;
    c->to->at[c->to->n] = t->p;
    c->to->kind[c->to->n++] = kind;
    return *seen < TRIED / 2;
}

static bool goes_before(const Tries *t, int a, int b, RealKind result)
{
    bool na = t->kind[a] == result, nb = t->kind[b] == result;
    return na != nb ? na : t->at[a].turn != t->at[b].turn ? t->at[a].turn < t->at[b].turn : t->at[a].v->id < t->at[b].v->id;
}

static void sort_tries(Tries *t, RealKind result)
{
    for (int i = 1; i < t->n; i++)
        for (int k = i; k > 0 && goes_before(t, k, k - 1, result); k--) {
            Point    p = t->at[k];
            RealKind kind = t->kind[k];
            t->at[k] = t->at[k - 1], t->kind[k] = t->kind[k - 1];
            t->at[k - 1] = p, t->kind[k - 1] = kind;
        }
}

static Tries tries_of(const Record *r, Point p, RealKind kind)
{
    Tries   t = {0};
    Collect c = {.r = r, .to = &t, .result = kind};
    point_terms(r, p, collect, &c);
    sort_tries(&t, kind);
    return t;
}

/* ---- the search ----------------------------------------------------------------------------------------------------- */

typedef struct Frame { Point p; RealKind kind; Tries tries; } Frame;

typedef struct Search {
    const Record *r;
    Arena        *a;
    ARRAY(Frame)  way;
    Point        *seen;  size_t n_seen, room;               /* points that were given up or are on the way: a table */
    Path          written;                                  /* the first way that ended at what is written */
    PathWritten   as_written;
} Search;

static bool same(const Point *a, const Point *b) { return a->v == b->v && a->turn == b->turn && a->element == b->element; }

static Point *seen_at(Point *table, size_t room, const Point *p)
{
    uint64_t h = p->v->id * UINT64_C(0x9E3779B97F4A7C15) ^ ((uint64_t)p->element * UINT64_C(0xC2B2AE3D27D4EB4F) + p->turn);
    for (size_t at = (size_t)(h >> 11);; at++)
        if (!table[at & (room - 1)].v || same(&table[at & (room - 1)], p)) return &table[at & (room - 1)];
}

static bool first_time(Search *s, const Point *p)
{
    if (2 * s->n_seen >= s->room) {
        size_t room = s->room ? 2 * s->room : 256;
        Point *table = arena_array(s->a, Point, room);
        memset(table, 0, room * sizeof *table);
        for (size_t i = 0; i < s->room; i++)
            if (s->seen[i].v) *seen_at(table, room, &s->seen[i]) = s->seen[i];
        s->seen = table;
        s->room = room;
    }
    Point *at = seen_at(s->seen, s->room, p);
    if (at->v) return false;
    *at = *p;
    s->n_seen++;
    return true;
}

static Path way_so_far(const Search *s, PathEnd end)
{
    Path path = {arena_array(s->a, Point, s->way.n + 1), s->way.n, end};
    for (int i = 0; i < s->way.n; i++) path.at[i] = s->way.v[i].p;
    return path;
}

static void push(Search *s, Point p)
{
    Frame f = {.p = p, .kind = record_kind(s->r, p)};
    if (p.v->def->op != IR_read && p.v->def->op != IR_const) f.tries = tries_of(s->r, p, f.kind);
    array_push(s->a, &s->way, f);
}

/* A constant, a padding, or a slot that holds one. */
static bool is_written(const Search *s, const Frame *f)
{
    const IrNode *n = f->p.v->def;
    for (int i = 0; i < s->as_written.n; i++)
        if (n->op == IR_read && n->attr->slot == s->as_written.slot[i]) return true;
    return n->op == IR_const || (n->op == IR_pad && !f->tries.n && real_kind(n->attr->value) != REAL_FINITE);
}

static bool made_nan_of_infinities(const Frame *f)
{
    for (int i = 0; i < f->tries.n; i++)
        if (f->tries.kind[i] == REAL_NAN) return false;
    return f->kind == REAL_NAN;
}

/* One step: deeper, or back. True: at an end. */
static bool step(Search *s, PathEnd *end)
{
    Frame *f = &s->way.v[s->way.n - 1];
    if (is_written(s, f)) {
        if (!s->written.n) s->written = way_so_far(s, PATH_WRITTEN);
        s->way.n--;
        return false;
    }
    if (f->p.v->def->op == IR_read) return *end = PATH_READ, true;
    if (!f->tries.n) return *end = PATH_BORN, true;
    while (f->tries.next < f->tries.n) {
        Point p = f->tries.at[f->tries.next++];
        if (p.v->def->op != IR_const && !first_time(s, &p)) continue;
        push(s, p);
        return false;
    }
    if (made_nan_of_infinities(f)) return *end = PATH_BORN, true;
    s->way.n--;
    return false;
}

Path path_find(const Record *r, Point root, PathWritten written, Arena *a)
{
    Search  s = {.r = r, .a = a, .as_written = written};
    PathEnd end;
    if (!record_source(r, &root) || record_kind(r, root) == REAL_FINITE) return (Path){.end = PATH_LOST};
    push(&s, root);
    for (int i = 0; s.way.n && i < MAX_STEPS; i++)
        if (step(&s, &end)) return way_so_far(&s, end);
    return s.written.n ? s.written : (Path){.end = PATH_LOST};
}
