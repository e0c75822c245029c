/* key.h - what an LLVM function computes, as a list of numbers: equal lists, equal code.
 *
 * The list says everything that the function's text says, from its parameters on, and takes a tenth of its time to make. It knows
 * no addresses, so functions of different modules and contexts can be compared. */
#pragma once
#include "base/array.h"

#include <llvm-c/Core.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct CodeKey { const uint32_t *word; int n; } CodeKey;

CodeKey  code_key(Arena *a, LLVMValueRef fn);
uint64_t code_key_hash(CodeKey k);
bool     code_key_equal(CodeKey a, CodeKey b);
