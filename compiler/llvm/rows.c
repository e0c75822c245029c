/* rows.c - element-wise rows. */
#include "compiler/llvm/rows.h"
#include "base/bug.h"

#include <string.h>

LLVMValueRef llvm_intrinsic(MathEmit *me, const char *name, LLVMValueRef const *args, int n)
{
    LLVMTypeRef t = LLVMTypeOf(args[0]);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(me->module, LLVMLookupIntrinsicID(name, strlen(name)), &t, 1);
    return LLVMBuildCall2(me->builder, LLVMGlobalGetValueType(f), f, (LLVMValueRef *)args, (unsigned)n, "");
}

static LLVMValueRef arith(MathEmit *me, IrOp op, bool real, LLVMValueRef a, LLVMValueRef b)
{
    LLVMBuilderRef l = me->builder;
    switch (op) {
    case IR_add: return real ? LLVMBuildFAdd(l, a, b, "") : LLVMBuildAdd(l, a, b, "");
    case IR_sub: return real ? LLVMBuildFSub(l, a, b, "") : LLVMBuildSub(l, a, b, "");
    case IR_mul: return real ? LLVMBuildFMul(l, a, b, "") : LLVMBuildMul(l, a, b, "");
    case IR_div: return real ? LLVMBuildFDiv(l, a, b, "") : math_emit_int_div(me, a, b);
    case IR_rem: return real ? math_emit_rem(me, a, b) : math_emit_int_rem(me, a, b);
    case IR_max:
        if (real) return math_emit_max(me, a, b);
        return LLVMBuildSelect(l, LLVMBuildICmp(l, LLVMIntSGE, a, b, ""), a, b, "");
    case IR_min:
        if (real) return math_emit_min(me, a, b);
        return LLVMBuildSelect(l, LLVMBuildICmp(l, LLVMIntSLE, a, b, ""), a, b, "");
    case IR_pow: return math_emit_pow(me, a, b);
    default:     BUG("llvm: %s is no arithmetic", ir_op_info[op].name);
    }
}

static LLVMValueRef compare(MathEmit *me, IrCompare how, IrElem t, LLVMValueRef a, LLVMValueRef b)
{
    static const LLVMRealPredicate real[] = {LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT,
                                             LLVMRealOLE, LLVMRealOGT, LLVMRealOGE};
    static const LLVMIntPredicate sign[] = {LLVMIntEQ, LLVMIntNE, LLVMIntSLT, LLVMIntSLE, LLVMIntSGT, LLVMIntSGE};
    static const LLVMIntPredicate bits[] = {LLVMIntEQ, LLVMIntNE, LLVMIntULT, LLVMIntULE, LLVMIntUGT, LLVMIntUGE};
    if (ir_is_real(t)) return LLVMBuildFCmp(me->builder, real[how], a, b, "");
    return LLVMBuildICmp(me->builder, t == IR_BOOL ? bits[how] : sign[how], a, b, "");
}

static LLVMTypeRef type_like(MathEmit *me, IrElem t, LLVMValueRef shape)
{
    LLVMContextRef c = LLVMGetModuleContext(me->module);
    LLVMTypeRef one = t == IR_BOOL ? LLVMInt1TypeInContext(c)
                    : t == IR_I32  ? LLVMInt32TypeInContext(c)
                    : t == IR_I64  ? LLVMInt64TypeInContext(c)
                    : t == IR_F32  ? LLVMFloatTypeInContext(c)
                                   : LLVMDoubleTypeInContext(c);
    LLVMTypeRef s = LLVMTypeOf(shape);
    return LLVMGetTypeKind(s) == LLVMVectorTypeKind ? LLVMVectorType(one, LLVMGetVectorSize(s)) : one;
}

static LLVMValueRef convert(MathEmit *me, IrElem from, IrElem to, LLVMValueRef x)
{
    LLVMTypeRef t = type_like(me, to, x);
    LLVMBuilderRef l = me->builder;
    if (from == to) return x;
    if (to == IR_BOOL) return compare(me, IR_NE, from, x, LLVMConstNull(LLVMTypeOf(x)));
    if (from == IR_BOOL) return ir_is_real(to) ? LLVMBuildUIToFP(l, x, t, "") : LLVMBuildZExt(l, x, t, "");
    if (ir_is_real(from) && ir_is_real(to)) return LLVMBuildFPCast(l, x, t, "");
    if (ir_is_real(from)) return math_emit_to_int(me, x, t);
    if (ir_is_real(to)) return LLVMBuildSIToFP(l, x, t, "");
    return LLVMBuildIntCast2(l, x, t, true, "");
}

static LLVMValueRef unary(MathEmit *me, IrOp op, bool real, LLVMValueRef x)
{
    LLVMBuilderRef l = me->builder;
    switch (op) {
    case IR_stop: return x;
    case IR_neg: return real ? LLVMBuildFNeg(l, x, "") : LLVMBuildNeg(l, x, "");
    case IR_abs:
        if (real) return llvm_intrinsic(me, "llvm.fabs", &x, 1);
        return LLVMBuildSelect(l, LLVMBuildICmp(l, LLVMIntSLT, x, LLVMConstNull(LLVMTypeOf(x)), ""),
                               LLVMBuildNeg(l, x, ""), x, "");
#define UNARY(name) case IR_##name: return math_emit_##name(me, x);
    MATH_UNARY(UNARY)
#undef UNARY
    default: BUG("llvm: no rule for %s", ir_op_info[op].name);
    }
}

LLVMValueRef llvm_row(MathEmit *me, const LoopIns *i, IrElem from, LLVMValueRef const *arg)
{
    switch (i->row) {
    case IR_convert: return convert(me, from, i->result->elem, arg[0]);
    case IR_compare: return compare(me, i->compare, from, arg[0], arg[1]);
    case IR_select:  return LLVMBuildSelect(me->builder, arg[0], arg[1], arg[2], "");
    case IR_fma:     return math_emit_fma(me, arg[0], arg[1], arg[2]);
    default:
        if (i->n_args == 1) return unary(me, i->row, ir_is_real(from), arg[0]);
        return arith(me, i->row, ir_is_real(from), arg[0], arg[1]);
    }
}
