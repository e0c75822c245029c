/* emit.c - the words of the emitters: types, constants, loops, calls. */
#include "compiler/llvm/emit.h"
#include "base/bug.h"

#include <string.h>

/* ---- types and constants ---------------------------------------------------------------------------------------- */

LLVMTypeRef emit_scalar(Emit *e, IrElem t)
{
    switch (t) {
    case IR_BOOL: return e->i1;
    case IR_I32:  return e->i32;
    case IR_I64:  return e->i64;
    case IR_F32:  return e->f32;
    case IR_F64:  return e->f64;
    }
    BUG("emit: no such element type");
}

LLVMTypeRef emit_cell(Emit *e, IrElem t) { return t == IR_BOOL ? e->i8 : emit_scalar(e, t); }
LLVMTypeRef emit_vec(LLVMTypeRef t, unsigned lanes) { return lanes == 1 ? t : LLVMVectorType(t, lanes); }
LLVMTypeRef emit_type(Emit *e, IrElem t) { return emit_vec(emit_scalar(e, t), e->lanes); }

LLVMValueRef emit_i64(Emit *e, int64_t v) { return LLVMConstInt(e->i64, (unsigned long long)v, true); }
LLVMValueRef emit_zero(Emit *e, IrElem t) { return LLVMConstNull(emit_type(e, t)); }

static LLVMValueRef splat_to(Emit *e, LLVMValueRef scalar, unsigned lanes)
{
    if (lanes == 1) return scalar;
    if (LLVMIsConstant(scalar)) {
        LLVMValueRef all[K_LANES];
        for (unsigned i = 0; i < lanes; i++) all[i] = scalar;
        return LLVMConstVector(all, lanes);
    }
    LLVMTypeRef t = LLVMVectorType(LLVMTypeOf(scalar), lanes);
    LLVMValueRef v = LLVMBuildInsertElement(e->b, LLVMGetPoison(t), scalar, LLVMConstInt(e->i32, 0, false), "");
    return LLVMBuildShuffleVector(e->b, v, LLVMGetPoison(t), LLVMConstNull(LLVMVectorType(e->i32, lanes)), "");
}

LLVMValueRef emit_splat(Emit *e, LLVMValueRef scalar) { return splat_to(e, scalar, e->lanes); }

LLVMValueRef emit_const(Emit *e, IrElem t, double v)
{
    LLVMTypeRef type = emit_scalar(e, t);
    LLVMValueRef c = ir_is_real(t) ? LLVMConstReal(type, t == IR_F32 ? (double)(float)v : v)
                   : t == IR_BOOL ? LLVMConstInt(type, v != 0, false)
                                  : LLVMConstInt(type, (unsigned long long)(int64_t)v, true);
    return emit_splat(e, c);
}

LLVMValueRef emit_iota(Emit *e)
{
    LLVMValueRef all[K_LANES];
    for (int i = 0; i < K_LANES; i++) all[i] = emit_i64(e, i);
    return LLVMConstVector(all, K_LANES);
}

LLVMValueRef emit_lane(Emit *e, LLVMValueRef v, unsigned i)
{
    if (LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind) return v;
    return LLVMBuildExtractElement(e->b, v, LLVMConstInt(e->i32, i, false), "");
}

LLVMValueRef emit_insert(Emit *e, LLVMValueRef v, LLVMValueRef x, unsigned i)
{
    return LLVMBuildInsertElement(e->b, v, x, LLVMConstInt(e->i32, i, false), "");
}

LLVMValueRef emit_shuffle(Emit *e, LLVMValueRef a, LLVMValueRef b, const int *mask, unsigned n)
{
    LLVMValueRef m[2 * K_LANES];
    for (unsigned i = 0; i < n; i++) m[i] = LLVMConstInt(e->i32, (unsigned)mask[i], false);
    return LLVMBuildShuffleVector(e->b, a, b, LLVMConstVector(m, n), "");
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------- */

static bool is_const(LLVMValueRef v, int64_t c) { return LLVMIsAConstantInt(v) && LLVMConstIntGetSExtValue(v) == c; }

LLVMValueRef emit_add(Emit *e, LLVMValueRef a, LLVMValueRef b)
{
    if (is_const(a, 0)) return b;
    if (is_const(b, 0)) return a;
    return LLVMBuildNSWAdd(e->b, a, b, "");
}

LLVMValueRef emit_mul(Emit *e, LLVMValueRef a, int64_t b)
{
    if (b == 1) return a;
    if (b == 0) return emit_i64(e, 0);
    return LLVMBuildNSWMul(e->b, a, emit_i64(e, b), "");
}

LLVMValueRef emit_div(Emit *e, LLVMValueRef a, int64_t b)
{
    return b == 1 ? a : LLVMBuildUDiv(e->b, a, emit_i64(e, b), "");
}
LLVMValueRef emit_rem(Emit *e, LLVMValueRef a, int64_t b)
{
    return b == 1 ? emit_i64(e, 0) : LLVMBuildURem(e->b, a, emit_i64(e, b), "");
}

LLVMValueRef emit_min(Emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, a, b, ""), a, b, "");
}

/* ---- loops ------------------------------------------------------------------------------------------------------ */

LLVMBasicBlockRef emit_block(Emit *e, const char *name) { return LLVMAppendBasicBlockInContext(e->c, e->fn, name); }

static Loop loop_open(Emit *e, LLVMValueRef lo, LLVMValueRef hi, int64_t step, int n, LLVMValueRef const *init,
                      bool sure)
{
    Loop l = {.before = LLVMGetInsertBlock(e->b), .hi = hi, .step = step, .n = n};
    if (n > EMIT_MAX_CARRY) BUG("emit: too many carried values");
    l.head = emit_block(e, "loop");
    l.exit = emit_block(e, "done");
    l.sure = sure;
    if (l.sure) LLVMBuildBr(e->b, l.head);
    else LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, lo, hi, ""), l.head, l.exit);
    LLVMPositionBuilderAtEnd(e->b, l.head);
    l.iv = LLVMBuildPhi(e->b, e->i64, "");
    LLVMAddIncoming(l.iv, &lo, &l.before, 1);
    for (int i = 0; i < n; i++) {
        l.init[i] = init[i];
        l.carry[i] = LLVMBuildPhi(e->b, LLVMTypeOf(init[i]), "");
        LLVMAddIncoming(l.carry[i], &l.init[i], &l.before, 1);
    }
    return l;
}

Loop loop_begin(Emit *e, LLVMValueRef lo, LLVMValueRef hi, int64_t step, int n, LLVMValueRef const *init)
{
    bool sure =
        LLVMIsAConstantInt(lo) && LLVMIsAConstantInt(hi) && LLVMConstIntGetSExtValue(lo) < LLVMConstIntGetSExtValue(hi);
    return loop_open(e, lo, hi, step, n, init, sure);
}

Loop loop_sure(Emit *e, LLVMValueRef n, int carry, LLVMValueRef const *init)
{
    return loop_open(e, emit_i64(e, 0), n, 1, carry, init, true);
}

void loop_end(Emit *e, Loop *l, LLVMValueRef const *next)
{
    LLVMValueRef iv = LLVMBuildNSWAdd(e->b, l->iv, emit_i64(e, l->step), "");
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(e->b);
    LLVMAddIncoming(l->iv, &iv, &latch, 1);
    for (int i = 0; i < l->n; i++) LLVMAddIncoming(l->carry[i], (LLVMValueRef *)&next[i], &latch, 1);
    LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, iv, l->hi, ""), l->head, l->exit);
    LLVMMoveBasicBlockAfter(l->exit, latch);
    LLVMPositionBuilderAtEnd(e->b, l->exit);
    for (int i = 0; i < l->n; i++) {
        LLVMValueRef v = LLVMBuildPhi(e->b, LLVMTypeOf(next[i]), "");
        LLVMAddIncoming(v, (LLVMValueRef *)&next[i], &latch, 1);
        if (!l->sure) LLVMAddIncoming(v, &l->init[i], &l->before, 1);
        l->carry[i] = v;
    }
}

Loop loop_to(Emit *e, int64_t n) { return loop_begin(e, emit_i64(e, 0), emit_i64(e, n), 1, 0, NULL); }

When when_begin(Emit *e, LLVMValueRef c)
{
    LLVMBasicBlockRef yes = emit_block(e, "when");
    When w = {emit_block(e, "after")};
    LLVMBuildCondBr(e->b, c, yes, w.after);
    LLVMPositionBuilderAtEnd(e->b, yes);
    return w;
}

void when_end(Emit *e, When *w)
{
    LLVMBuildBr(e->b, w->after);
    LLVMMoveBasicBlockAfter(w->after, LLVMGetInsertBlock(e->b));
    LLVMPositionBuilderAtEnd(e->b, w->after);
}

LLVMValueRef emit_alloca(Emit *e, LLVMTypeRef t, int64_t n)
{
    LLVMBasicBlockRef now = LLVMGetInsertBlock(e->b), entry = LLVMGetEntryBasicBlock(e->fn);
    LLVMPositionBuilderBefore(e->b, LLVMGetFirstInstruction(entry));
    LLVMValueRef a = LLVMBuildArrayAlloca(e->b, t, emit_i64(e, n), "");
    LLVMSetAlignment(a, 64);
    LLVMPositionBuilderAtEnd(e->b, now);
    return a;
}

/* ---- the entry block -------------------------------------------------------------------------------------------- */

LLVMBasicBlockRef emit_to_entry(Emit *e)
{
    LLVMBasicBlockRef now = LLVMGetInsertBlock(e->b);
    LLVMPositionBuilderBefore(e->b, LLVMGetBasicBlockTerminator(LLVMGetEntryBasicBlock(e->fn)));
    return now;
}

void emit_from_entry(Emit *e, LLVMBasicBlockRef back)
{
    if (back != LLVMGetEntryBasicBlock(e->fn)) LLVMPositionBuilderAtEnd(e->b, back);
}

LLVMValueRef emit_entry(Emit *e, int64_t v)
{
    LLVMBasicBlockRef back = emit_to_entry(e);
    LLVMValueRef index = emit_i64(e, e->entries.n);
    LLVMValueRef at = LLVMBuildInBoundsGEP2(e->b, e->i64, e->table, &index, 1, ""),
                 x = LLVMBuildLoad2(e->b, e->i64, at, "");
    array_push(e->arena, &e->entries, v);
    emit_from_entry(e, back);
    return x;
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

LLVMValueRef emit_intrinsic(Emit *e, const char *name, LLVMValueRef const *args, int n)
{
    LLVMTypeRef t = LLVMTypeOf(args[0]);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(e->module, LLVMLookupIntrinsicID(name, strlen(name)), &t, 1);
    return LLVMBuildCall2(e->b, LLVMGlobalGetValueType(f), f, (LLVMValueRef *)args, (unsigned)n, "");
}

LLVMValueRef emit_call(Emit *e, const char *name, LLVMTypeRef result, LLVMValueRef const *args, int n)
{
    LLVMTypeRef types[16];
    for (int i = 0; i < n; i++) types[i] = LLVMTypeOf(args[i]);
    LLVMTypeRef ft = LLVMFunctionType(result, types, (unsigned)n, false);
    LLVMValueRef f = LLVMGetNamedFunction(e->module, name);
    if (!f) f = LLVMAddFunction(e->module, name, ft);
    return LLVMBuildCall2(e->b, ft, f, (LLVMValueRef *)args, (unsigned)n, "");
}

LLVMValueRef emit_fma(Emit *e, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c)
{
    return emit_intrinsic(e, "llvm.fma", (LLVMValueRef[]){a, b, c}, 3);
}

LLVMValueRef emit_lanes16(Emit *e, LLVMValueRef v)
{
    bool real = LLVMGetTypeKind(LLVMGetElementType(LLVMTypeOf(v))) != LLVMIntegerTypeKind;
    for (unsigned half = K_LANES / 2; half; half /= 2) {
        int lo[K_LANES], hi[K_LANES];
        for (unsigned i = 0; i < half; i++) { lo[i] = (int)i; hi[i] = (int)(i + half); }
        LLVMValueRef a = half > 1 ? emit_shuffle(e, v, v, lo, half) : emit_lane(e, v, 0);
        LLVMValueRef b = half > 1 ? emit_shuffle(e, v, v, hi, half) : emit_lane(e, v, 1);
        v = real ? LLVMBuildFAdd(e->b, a, b, "") : LLVMBuildAdd(e->b, a, b, "");
    }
    return v;
}
