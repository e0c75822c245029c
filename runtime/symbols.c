/* symbols.c - the table of symbols.def. */
#include "runtime/symbols.h"
#include "runtime/blas.h"
#include "runtime/extern.h"
#include "runtime/linalg.h"
#include "runtime/math/random.h"
#include "runtime/math/scalar.h"
#include "runtime/sort.h"

#include <stdint.h>

const RuntimeSymbolInfo runtime_symbol[SYMBOL_COUNT] = {
#define SYMBOL(name, signature) {#name, signature, (void *)(uintptr_t)name},
#include "runtime/symbols.def"
#undef SYMBOL
};
