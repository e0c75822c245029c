/* reads.h - which players' parameters the values of the schedule depend on, whoever computed them. */
#pragma once
#include "compiler/lower/core.h"

typedef struct Reads   Reads;
typedef struct ReadSet ReadSet;                             /* NULL: nobody's */

Reads         *reads_new(Lower *L, Arena *scratch);         /* lives as long as `scratch`; the graph does not grow meanwhile */
const ReadSet *reads_join(Reads *r, const ReadSet *set, IrVal *v);      /* set and what v depends on; v may be NULL */
int            reads_count(const ReadSet *set);
const char    *reads_player(const Reads *r, const ReadSet *set, int i); /* in the order in which they were first read */
