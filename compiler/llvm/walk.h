/* walk.h - the loop IR as LLVM instructions: one short walk. Everything about vectors that is the machine's is decided here and
 * behind here: 16 lanes are one LLVM vector, which the back end cuts into what the target has; other dims are unrolled. */
#pragma once
#include "compiler/llvm/math_emit.h"
#include "compiler/loop/loop.h"

#include <llvm-c/Target.h>

typedef struct LlvmUnit {                                   /* an LLVM module being filled */
    LLVMContextRef c;
    LLVMModuleRef  module;
    LLVMBuilderRef b;
    LLVMTypeRef    i1, i8, i32, i64, f32, f64, ptr, fn_type;
    bool           no_fma;                                  /* as in math_emit.h; the caller's to set */
} LlvmUnit;

/* A new, empty module. */
LlvmUnit llvm_unit_open(const char *name, const char *triple, LLVMTargetDataRef layout);
void     llvm_unit_close(LlvmUnit *u);
/* The nest as a function (bases, words, u0, u1, u2, u3) of the module, internal to it. `a` is for work space. */
LLVMValueRef llvm_nest(LlvmUnit *u, Arena *a, const LoopNest *n, const char *name);
