/* clock.h - how long something takes: clocks that only go forward. */
#pragma once
#include <stdint.h>
#include <time.h>

static inline int64_t clock_ns(clockid_t clock)             /* 0: there is no such clock */
{
    struct timespec t;
    return clock_gettime(clock, &t) ? 0 : (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t clock_now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
static inline double  clock_now(void) { return 1e-9 * (double)clock_now_ns(); }        /* seconds */
