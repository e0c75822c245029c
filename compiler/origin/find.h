/* find.h - inside: one function's record, the path through it, and what is said of a point. */
#pragma once
#include "compiler/origin/origin.h"
#include "compiler/origin/record.h"
#include "compiler/origin/terms.h"

/* The path from a root that is not finite to where that began. */
typedef enum { PATH_BORN, PATH_WRITTEN, PATH_READ, PATH_LOST } PathEnd;
typedef struct Path { Point *at; int n; PathEnd end; } Path;            /* at[0] is the root, at[n - 1] the end: rows all */

/* What is read from one of the slots `written` is as if the program wrote it. */
typedef struct PathWritten { const int *slot; int n; } PathWritten;
Path path_find(const Record *r, Point root, PathWritten written, Arena *a);

/* Every term of the point's row, each taken to its source. */
typedef struct PointTerm { int operand; int64_t k; Point p; bool is_zero; } PointTerm;      /* is_zero: what a loop left out; then p means nothing */
bool point_terms(const Record *r, Point p, bool (*see)(void *self, const PointTerm *t), void *self);

/* What describe_step looks at is to be kept in full: a record with these wishes, of the same call. */
RecordWish *step_wishes(const Record *r, Point p, Arena *a, int *n);

/* ---- words for a point */

typedef struct Teller {
    const OriginAsk *ask;
    const Record    *r;
    int              fn;
    Arena           *a;
} Teller;

Point       tell_settle(const Teller *t, Point p);                      /* past rows that only move or round numbers */
OriginNumber tell_number(const Teller *t, Point p);
OriginNumber tell_slot(const Teller *t, int slot, int64_t element, double value);
OriginStep  tell_step(const Teller *t, Point p);
bool        tell_moves(const IrNode *n);                                /* it only moves or rounds numbers */
void        tell_sample(const Teller *t, Point p, OriginStep *s);       /* s->sample and s->element: p's */
bool        tell_blame(const Teller *t, Point p, Point *operand);       /* the operand that made p what it is; false: none is to blame more than others */
const char *tell_hint(const Origin *o);
