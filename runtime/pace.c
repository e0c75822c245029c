/* pace.c - see pace.h. */
#include "runtime/pace.h"

enum { MS = 1000000, BLOCK = 40 * MS, PAUSE = MS };         /* a pause is no part of a block: who does not ask for work is not slow */
static const int64_t FIRST_REST = 4 * BLOCK, MOST_REST = (int64_t)64 * BLOCK;
static const double  SURELY_MORE = 1.05;                    /* than one alone can do */

static bool is_broken(const Pace *p, int64_t now) { return !p->left || now - p->left > PAUSE; }

bool pace_is_due(const Pace *p, int64_t now) { return is_broken(p, now) || now - p->began >= BLOCK; }

void pace_break(Pace *p) { p->left = 0; }

static void settle(Pace *p, int64_t now)
{
    bool alone = p->rate[true] >= p->rate[false], as_before = alone != p->alone;
    p->rest = !as_before ? FIRST_REST : p->rest >= MOST_REST / 2 ? MOST_REST : 2 * p->rest;
    p->until = now + p->rest;
    p->alone = alone;
    p->trying = false;
}

static void judge(Pace *p, int64_t now, double rate)
{
    p->rate[p->alone] = rate;
    if (p->trying) settle(p, now);
    else if (now >= p->until && (p->alone || rate < SURELY_MORE)) {
        p->alone = !p->alone;
        p->trying = true;
        if (!p->rest) p->rest = FIRST_REST;
    }
}

void pace_mark(Pace *p, int64_t now, int64_t worked)
{
    if (!is_broken(p, now)) judge(p, now, (double)(worked - p->worked) / (double)(now - p->began));
    p->began = now;
    p->worked = worked;
}
