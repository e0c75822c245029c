/* habits.c - see habits.h. */
#include "lang/source/habits.h"

#include <string.h>

static const Habit habits[] = {
#define HABIT(kind, name, theirs, ours, remark) {HABIT_##kind, name, theirs, ours, remark},
#include "lang/source/habits.def"
#undef HABIT
};

enum { N_HABITS = sizeof habits / sizeof *habits };

const Habit *habit_at(int i) { return i < N_HABITS ? &habits[i] : NULL; }

const Habit *habit_of(HabitKind kind, const char *name)
{
    for (int i = 0; i < N_HABITS; i++)
        if (habits[i].kind == kind && !strcmp(habits[i].name, name)) return &habits[i];
    return NULL;
}

void habit_hint(Diag *d, const Habit *h)
{
    if (!*h->ours) diag_hint(d, "%s", h->remark);
    else diag_hint(d, *h->remark ? "write %s; %s" : "write %s", h->ours, h->remark);
}
