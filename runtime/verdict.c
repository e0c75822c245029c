#include "runtime/verdict.h"

#include <inttypes.h>
#include <string.h>

void samples_text(const int64_t *samples, Text *t)
{
    int n = 0;
    while (n < GAN_MOST_SAMPLES && samples[n]) n++;
    for (int i = 0; i < n; i++) text_printf(t, "%s%" PRId64, !i ? "" : i + 1 < n ? ", " : " and ", samples[i]);
    if (n) text_add(t, n == 1 && *samples == 1 ? " sample" : " samples");
}

void measured_text(const TrainerReport *r, uint64_t seed, Text *t)
{
    bool drawn = r->samples && *r->samples;
    if (!r->kind && !drawn) return;
    text_printf(t, " (%s%s", r->kind ? r->kind : "", r->kind && drawn ? ", " : "");
    if (drawn) samples_text(r->samples, t);
    if (drawn) text_printf(t, ", seed %" PRIu64, seed);
    text_add(t, ")");
}

/* Where the schedule makes a report, and what must be for it to come about. */
typedef struct Made {
    const GanSchedule *report, *block, *every;               /* block, every: around it; NULL: none */
    bool               in_if;
} Made;

static bool makes(const GanProgram *p, const GanSchedule *n, const char *name)
{
    if (n->kind != GAN_REPORT) return false;
    for (int i = 0; i < p->function[n->fn].n_outputs; i++)
        if (!strcmp(p->function[n->fn].output[i].name, name)) return true;
    return false;
}

static bool find_made(const GanProgram *p, const GanSchedule *n, const char *name, Made *m)
{
    Made around = *m;
    if (makes(p, n, name)) return m->report = n, true;
    if (n->kind == GAN_ALTERNATE) around = (Made){.block = n};
    if (n->kind == GAN_EVERY) around.every = n;
    if (n->kind == GAN_IF) around.in_if = true;
    for (int i = 0; i < n->n_kids; i++) {
        Made within = around;
        if (find_made(p, n->kid[i], name, &within)) return *m = within, true;
    }
    return false;
}

static void add_way(const Made *m, int64_t steps, Text *t)
{
    int64_t rounds = !m->block ? -1 : steps >= 0 ? steps : m->block->count;
    text_printf(t, " (line %u", m->report->line);
    if (m->every) text_printf(t, " makes it every %" PRId64 " steps", m->every->count);
    if (m->block) text_printf(t, "%s of a block of %" PRId64, m->every ? "," : "", rounds);
    if (m->in_if) text_add(t, ", where an if holds");
    if (m->every && rounds >= 0 && rounds < m->every->count) text_printf(t, "; with --steps %" PRId64 " it is made", m->every->count);
    text_add(t, ")");
}

void verdict_text(const GanProgram *p, int64_t steps, const TrainerExpect *e, Text *t)
{
    Made m = {0};
    if (!e->judged || e->held || !e->unmade) {
        text_add(t, !e->judged ? "not judged yet" : e->held ? "held" : "NOT held");
        return;
    }
    text_printf(t, "not judged: nothing was reported as %s", e->unmade);
    if (find_made(p, p->schedule, e->unmade, &m)) add_way(&m, steps, t);
}
