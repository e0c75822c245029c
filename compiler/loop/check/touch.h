/* touch.h - who touched each byte of memory, among *turns* that may run at the same time: turns of a `par`, threads between two waits.
 *
 * Turns stand inside one another. They are run one by one, in any order, and whatever two of them both touched, one of them writing, is told:
 * then another order, or running both at once, may give other bits. It is the series-parallel bags of Feng and Leiserson (Efficient detection
 * of determinacy races in Cilk programs, 1997): one reader and one writer a byte are enough. */
#pragma once
#include "base/array.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Turn {
    int         outer, done;                                /* done: in whose course it ended; 0: it may still run beside what is at hand */
    bool        open;                                       /* it is at hand, or one inside it is */
    const char *what;                                       /* "turn", "thread", a nest's name */
    int64_t     n;
} Turn;

typedef struct TouchCell {                                  /* of a byte */
    uint32_t writer, reader;                                /* turns; 0: none */
    uint32_t origin;                                        /* 0, or which load brought what nobody wrote, and it came here */
} TouchCell;

typedef struct TouchRegion {
    uintptr_t  at;
    int64_t    bytes;
    TouchCell *cell;
} TouchRegion;

typedef struct Touches {
    Arena *arena;
    ARRAY(Turn) turn;                                       /* by number; 0 is nobody, 1 what all others stand in */
    int now;                                                /* at hand */
    ARRAY(TouchRegion) region;
    int last;                                               /* the region that was found last */
    ARRAY(const char *) origin;                             /* by number, 0 none */
} Touches;

typedef struct Meeting { int turn; bool wrote; int64_t byte; } Meeting;     /* turn 0: none. byte: from the address that was asked for */

Touches *touches_new(Arena *a);
/* Bytes to look after. `written`: they hold something; else nobody wrote them. */
void     touches_region(Touches *t, const void *at, int64_t bytes, bool written);

int      touches_open(Touches *t, const char *what, int64_t n);     /* a turn inside the one at hand, which now is at hand */
void     touches_close(Touches *t);                         /* it ends; others inside the same may still be beside it */
/* Those from number `first` on that stood in the turn at hand are all over before what follows. */
void     touches_join(Touches *t, int first);
bool     touches_beside(Touches *t, int turn);              /* May it run at the same time as the one at hand? */

Meeting  touches_write(Touches *t, const void *p, int64_t bytes, uint32_t origin);
Meeting  touches_read(Touches *t, const void *p, int64_t bytes);
/* Of the first byte that nobody wrote, or that came of such: 0 if there is none; else its origin, or TOUCH_UNWRITTEN. */
enum { TOUCH_UNWRITTEN = UINT32_MAX };
uint32_t touches_missing(Touches *t, const void *p, int64_t bytes);
uint32_t touches_origin(Touches *t, const char *text);      /* a new one */

/* A turn as text, from below what it has in common with `other` inwards: "thread 1, dot 4, turn 2". */
void     touches_name(const Touches *t, int turn, int other, char *out, size_t n);
