/* sort.h - the order of keys, for the row argsort: both engines and whatever compiled code runs in. */
#pragma once
#include <stdint.h>

/* Stable ascending order of n keys (elem: an IrElem; -0 = +0, NaN last) into `order`; `spare` has n places too. */
void sort_order(int32_t elem, const void *keys, int64_t n, int32_t *order, int32_t *spare);
