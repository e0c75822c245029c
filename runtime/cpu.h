/* cpu.h - which CPU this is, as far as code made elsewhere asks. */
#pragma once

/* The highest N of x86-64-vN (psABI) that this CPU and its system have, 1 to 4; 0 on other machines. */
static inline int cpu_level(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("x86-64-v4") ? 4 : __builtin_cpu_supports("x86-64-v3") ? 3 : __builtin_cpu_supports("x86-64-v2") ? 2 : 1;
#else
    return 0;
#endif
}
