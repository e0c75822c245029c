/* symbols.h - the routines of the runtime that compiled code calls, by name: one table for every way to make code. */
#pragma once

typedef enum {
#define SYMBOL(name, signature) SYMBOL_##name,
#include "runtime/symbols.def"
#undef SYMBOL
    SYMBOL_COUNT
} RuntimeSymbol;

typedef struct { const char *name, *signature; void *address; } RuntimeSymbolInfo;
extern const RuntimeSymbolInfo runtime_symbol[SYMBOL_COUNT];
