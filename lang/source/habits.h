/* habits.h - what people who know other tools write, and what is written here (habits.def). For hints, and for docs/from-pytorch.md. */
#pragma once
#include "lang/source/diag.h"

typedef enum { HABIT_WORD, HABIT_MEMBER, HABIT_ARG, HABIT_CALL, HABIT_RULE, HABIT_MODULE, HABIT_SIGN } HabitKind;

typedef struct {
    HabitKind   kind;
    const char *name, *theirs, *ours, *remark;               /* ours, remark: maybe "" */
} Habit;

const Habit *habit_of(HabitKind kind, const char *name);     /* NULL: nobody's */
const Habit *habit_at(int i);                                /* in order of the table; NULL behind the last */

/* Gives the diagnostic the right form as its hint. */
void habit_hint(Diag *d, const Habit *h);
