/* record.h - what one call of a function computed, as far as a search for a number that is not finite asks for it.
 *
 * Of reals only the kind of each element is kept, two bits, and only where one is not finite; all else is finite. Bools and whole numbers, which
 * say where a value comes from, are kept in full, and so are the values that are asked for. A body's values are told apart by their turn. */
#pragma once
#include "compiler/interp/interp.h"

typedef enum { REAL_FINITE, REAL_INF, REAL_MINUS_INF, REAL_NAN } RealKind;

/* One element of a value, in the turn of the loops around it: row-major over them, 0 outside. */
typedef struct Point { const IrVal *v; uint32_t turn; int64_t element; } Point;

typedef struct Record Record;

/* What is to be kept in full besides. */
typedef struct RecordWish { const IrVal *v; uint32_t turn; } RecordWish;

/* Runs f, from which nothing is written. NULL: it cannot be run, or its values do not fit in memory. */
Record *record_new(const IrModule *m, const IrFn *f, const InterpMemory *memory, const RecordWish *wish, int n_wishes);
void    record_free(Record *r);

const IrModule *record_module(const Record *r);
const IrFn     *record_fn(const Record *r);

/* The point that this one's number comes from unchanged, past parameters of bodies and results of loops and conditions: of a row. False: it is
 * what a loop leaves where it was not run, a 0. */
bool     record_source(const Record *r, Point *p);

RealKind record_kind(const Record *r, Point p);             /* of a point of a row */
bool     record_number(const Record *r, Point p, double *x);     /* of a point of a row: false when it was not kept */

RealKind real_kind(double x);
