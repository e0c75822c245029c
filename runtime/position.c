/* position.c - where in its schedule a run is, as text, and which positions runs of other numbers of steps come by. */
#include "runtime/trainer_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- as text ---------------------------------------------------------------------------------------------------- */

void trainer_path_text(const TrainerPath *p, char *text, size_t n)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < p->n && used < n; i++)
        used += (size_t)snprintf(text + used, n - used, "%s%" PRId64, i ? " " : "", p->at[i]);
}

bool trainer_path_read(const char *text, TrainerPath *p)
{
    *p = (TrainerPath){0};
    while (text && *text) {
        char   *end;
        int64_t at = strtoll(text, &end, 10);
        if (end == text || at < 0 || p->n == 2 * TRAINER_DEEPEST) return false;
        p->at[p->n++] = at;
        text = end + (*end == ' ');
    }
    return text != NULL;
}

/* ---- the rounds of blocks: a run that goes on with other --steps ------------------------------------------------------ */

int64_t trainer_rounds_of(const GanSchedule *block, int64_t steps) { return steps >= 0 ? steps : block->count; }

/* Whether every block in there does as many rounds with the one number of steps as with the other. */
static bool same_rounds(const GanSchedule *n, int64_t a, int64_t b)
{
    if (n->kind == GAN_ALTERNATE) return trainer_rounds_of(n, a) == trainer_rounds_of(n, b);
    for (int i = 0; i < n->n_kids; i++)
        if (!same_rounds(n->kid[i], a, b)) return false;
    return true;
}

/* Whether a run with `now` steps comes by this position of a run with `then`, in the same state: all blocks before it are the same. */
bool trainer_comes_by(const GanSchedule *n, const TrainerPath *p, int64_t then, int64_t now)
{
    for (int i = 0; i < p->n; i++) {
        if (n->kind == GAN_ALTERNATE) return p->at[i] <= trainer_rounds_of(n, now);
        if (n->kind == GAN_REPEAT) {
            if (p->at[i] && !same_rounds(n, then, now)) return false;
            i += 2;
        }
        int64_t kid = i < p->n ? p->at[i] : 0;
        for (int64_t k = 0; n->kind != GAN_IF && k < kid && k < n->n_kids; k++)
            if (!same_rounds(n->kid[k], then, now)) return false;
        if (kid >= n->n_kids) return true;
        n = n->kid[kid];
    }
    return true;
}

static const GanSchedule *first_block(const GanSchedule *n)
{
    const GanSchedule *found = n->kind == GAN_ALTERNATE ? n : NULL;
    for (int i = 0; i < n->n_kids && !found; i++) found = first_block(n->kid[i]);
    return found;
}

/* Its end is saved where something follows, for a run that is to have more steps goes on from there. */
bool trainer_is_worth_keeping(const Trainer *t, const GanSchedule *block)
{
    const GanSchedule *root = t->program->schedule;
    return t->round + 1 == trainer_rounds_of(block, t->o->steps) && block == first_block(root) && block != root->kid[root->n_kids - 1];
}

/* Nothing is left to do from there. */
bool trainer_is_over(const Trainer *t, const TrainerPath *p)
{
    const GanSchedule *root = t->program->schedule, *last = root->n_kids ? root->kid[root->n_kids - 1] : NULL;
    if (!p->n || p->at[0] >= root->n_kids) return p->n;
    return p->at[0] == root->n_kids - 1 && last->kind == GAN_ALTERNATE && p->n > 1 && p->at[1] >= trainer_rounds_of(last, t->o->steps);
}

/* The position of a run that is over: the last block's end, if nothing stands behind it and it was not left. */
TrainerPath trainer_end(const Trainer *t)
{
    const GanSchedule *root = t->program->schedule, *last = root->n_kids ? root->kid[root->n_kids - 1] : NULL;
    if (!last || last->kind != GAN_ALTERNATE || t->left) return (TrainerPath){.n = 1, .at = {root->n_kids}};
    return (TrainerPath){.n = 2, .at = {root->n_kids - 1, trainer_rounds_of(last, t->o->steps)}};
}
