/* math_emit.h - the elementary functions and random numbers of Gan as LLVM instructions.
 *
 * Each call appends to the builder's block the instructions of one function of runtime/math/functions.h, over f32 or
 * f64, a scalar or a vector of any width: the operand's type says which. The bits are those of runtime/math/scalar.h
 * and random.h. Only IEEE arithmetic is emitted, with llvm.fma, sqrt, floor and fabs; no fast-math flag is set, and the
 * builder must not add any.
 *
 * The short f32 functions stand in line, unless `calls` is set. The long ones become calls of a private function of the module, made at its
 * first use (sin, cos, erf, erfc, pow, and all of f64): the builder stays in the block it was in either way. */
#pragma once
#include <llvm-c/Core.h>
#include "runtime/math/scalar.h"
#include <stdbool.h>

typedef struct {
    LLVMModuleRef  module;
    LLVMBuilderRef builder;
    bool           calls;                                   /* the short functions, too, become calls: where many are unrolled */
    bool           no_fma;                                  /* the machine has none: the C library's is called, lane by lane, in one function of the module */
} MathEmit;

/* a*b + c, rounded once. */
LLVMValueRef math_emit_fma(MathEmit *me, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c);

/* math_emit_exp(me, x) ...: one function a row of MATH_UNARY and MATH_BINARY. */
#define MATH_EMIT_DECLARE(name) LLVMValueRef math_emit_##name(MathEmit *me, LLVMValueRef x);
MATH_UNARY(MATH_EMIT_DECLARE)
#undef MATH_EMIT_DECLARE
#define MATH_EMIT_DECLARE(name) LLVMValueRef math_emit_##name(MathEmit *me, LLVMValueRef a, LLVMValueRef b);
MATH_BINARY(MATH_EMIT_DECLARE)
#undef MATH_EMIT_DECLARE

/* i32 or i64 lanes, rounded down; zero divisors give 0, the lowest value over -1 wraps. Division is slow. */
LLVMValueRef math_emit_int_div(MathEmit *me, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef math_emit_int_rem(MathEmit *me, LLVMValueRef a, LLVMValueRef b);

/* f32 or f64 lanes to i32 or i64 lanes (type: the result's): toward zero, saturating, NaN to 0. */
LLVMValueRef math_emit_to_int(MathEmit *me, LLVMValueRef x, LLVMTypeRef type);

/* The key words of the ten rounds, spread over `lanes` (0: scalars). Make them once, outside the loop that draws: they are
 * 20 values. key: scalar i64 (random_key). */
typedef struct {
    unsigned     lanes;
    LLVMValueRef first[2], round[20];                       /* first: of round 0, scalars */
} MathKeys;
MathKeys math_emit_philox_keys(MathEmit *me, LLVMValueRef key, unsigned lanes);

/* One Philox block a lane. block: element/4, i64 lanes, as many as the keys have or a multiple, or a scalar with scalar keys; tick, iteration: i64
 * scalars, whose low halves count. out: the four words, i32, of as many lanes as block. */
void math_emit_philox(MathEmit *me, const MathKeys *keys, LLVMValueRef block, LLVMValueRef tick, LLVMValueRef iteration, LLVMValueRef out[4]);

/* What a draw makes of its words (i32 lanes). type: f32 or f64, of as many lanes as the word has. */
LLVMValueRef math_emit_uniform(MathEmit *me, LLVMValueRef word, LLVMTypeRef type);
void         math_emit_normal_pair(MathEmit *me, LLVMValueRef even, LLVMValueRef odd, LLVMTypeRef type, LLVMValueRef out[2]);
LLVMValueRef math_emit_randint_word(MathEmit *me, LLVMValueRef word, uint32_t n);    /* i32 lanes */
