/* math_emit.h - the elementary functions and random numbers of Gan as LLVM instructions.
 *
 * Each call appends to the builder's block the instructions of one function of runtime/math/functions.h, over f32 or
 * f64, a scalar or a vector of any width: the operand's type says which. The bits are those of runtime/math/scalar.h
 * and random.h. Only IEEE arithmetic is emitted, with llvm.fma, sqrt, floor and fabs; no fast-math flag is set, and the
 * builder must not add any.
 *
 * The short f32 functions stand in line. The long ones become calls of a private function of the module, made at its
 * first use (sin, cos, erf, erfc, pow, and all of f64): the builder stays in the block it was in either way. */
#pragma once
#include <llvm-c/Core.h>
#include "runtime/math/scalar.h"

typedef struct {
    LLVMModuleRef  module;
    LLVMBuilderRef builder;
} MathEmit;

/* math_emit_exp(m, x) ...: one function a row of MATH_UNARY and MATH_BINARY. */
#define MATH_EMIT_DECLARE(name) LLVMValueRef math_emit_##name(MathEmit *m, LLVMValueRef x);
MATH_UNARY(MATH_EMIT_DECLARE)
#undef MATH_EMIT_DECLARE
#define MATH_EMIT_DECLARE(name) LLVMValueRef math_emit_##name(MathEmit *m, LLVMValueRef a, LLVMValueRef b);
MATH_BINARY(MATH_EMIT_DECLARE)
#undef MATH_EMIT_DECLARE

/* i32 or i64 lanes, rounded down; zero divisors give 0, the lowest value over -1 wraps. Division is slow. */
LLVMValueRef math_emit_int_div(MathEmit *m, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef math_emit_int_rem(MathEmit *m, LLVMValueRef a, LLVMValueRef b);

/* f32 or f64 lanes to i32 or i64 lanes (type: the result's): toward zero, saturating, NaN to 0. */
LLVMValueRef math_emit_to_int(MathEmit *m, LLVMValueRef x, LLVMTypeRef type);

/* One Philox block a lane. key: scalar i64 (random_key). c: element/4, sample, tick, iteration; each i32, a scalar (the
 * same for all lanes) or a vector of `lanes`. out: the four words, <lanes x i32>, or scalar i32 when lanes is 0. */
void math_emit_philox(MathEmit *m, LLVMValueRef key, LLVMValueRef const c[4], unsigned lanes, LLVMValueRef out[4]);

/* What a draw makes of its words (i32 lanes). type: f32 or f64, of as many lanes as the word has. */
LLVMValueRef math_emit_uniform(MathEmit *m, LLVMValueRef word, LLVMTypeRef type);
void         math_emit_normal_pair(MathEmit *m, LLVMValueRef even, LLVMValueRef odd, LLVMTypeRef type, LLVMValueRef out[2]);
LLVMValueRef math_emit_randint_word(MathEmit *m, LLVMValueRef word, uint32_t n);    /* i32 lanes */
