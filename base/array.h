/* array.h - the one growable array: ARRAY(T) declares it, array_push grows it in an arena (old storage is left behind).
 *
 *     ARRAY(int) xs = {0};
 *     array_push(arena, &xs, 42);
 *     for (int i = 0; i < xs.n; i++) use(xs.v[i]);                                                             */
#pragma once
#include "base/arena.h"

#define ARRAY(T)    \
    struct {        \
        T  *v;      \
        int n, cap; \
    }

#define array_push(arena, a, item)                                                                          \
    do {                                                                                                    \
        if ((a)->n == (a)->cap) {                                                                           \
            int   array_cap_ = (a)->cap ? (a)->cap * 2 : 8;                                                 \
            void *array_v_ = arena_alloc((arena), (size_t)array_cap_ * sizeof *(a)->v);                     \
            if ((a)->n) __builtin_memcpy(array_v_, (a)->v, (size_t)(a)->n * sizeof *(a)->v);                \
            (a)->v = array_v_;                                                                              \
            (a)->cap = array_cap_;                                                                          \
        }                                                                                                   \
        (a)->v[(a)->n++] = (item);                                                                          \
    } while (0)
