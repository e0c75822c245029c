/* fpenv.h - the floating-point environment in which the meaning of a program holds: rounding to nearest, subnormal numbers kept, no traps.
 *
 * It belongs to a thread, and the thread to whoever calls: set where work of ours begins on it, put back where that ends. Flags that say what has
 * happened (inexact, ..) are no part of it: they stay raised, as behind any computation. So nothing is written where the caller's is ours, as
 * it mostly is: a round of a small game takes 2 us, and to write the register tens of ns. */
#pragma once
#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#if defined(__x86_64__)
enum { FPENV_OURS = 0x1f80, FPENV_FLAGS = 0x3f };
#endif

static inline uint64_t fpenv_enter(void)                    /* gives back the caller's, for fpenv_leave */
{
#if defined(__x86_64__)
    uint32_t theirs = _mm_getcsr();
    if ((theirs & ~FPENV_FLAGS) != FPENV_OURS) _mm_setcsr(FPENV_OURS);
    return theirs;
#elif defined(__aarch64__)
    uint64_t theirs;
    __asm__ volatile("mrs %0, fpcr" : "=r"(theirs));
    if (theirs) __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return theirs;
#else
    return 0;
#endif
}

static inline void fpenv_leave(uint64_t theirs)
{
#if defined(__x86_64__)
    if ((theirs & ~FPENV_FLAGS) != FPENV_OURS) _mm_setcsr((uint32_t)theirs);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(theirs));
#else
    (void)theirs;
#endif
}
