/* rows.h - an element-wise row of ops.def as LLVM instructions, on scalars or vectors of any width. */
#pragma once
#include "compiler/loop/loop.h"
#include "compiler/llvm/math_emit.h"

/* arg: values of one width. from: the element type of the first argument (of a select: the second). */
LLVMValueRef llvm_row(MathEmit *me, const LoopIns *i, IrElem from, LLVMValueRef const *arg);
LLVMValueRef llvm_intrinsic(MathEmit *me, const char *name, LLVMValueRef const *args, int n);  /* overloaded on the first operand's type */
