/* math_emit.c - functions.h over LLVM values: each word builds one instruction.
 *
 * In: operands of f32 or f64, scalars or vectors.   Out: instructions at the builder, or a call of a private function
 * "math.NAME.TYPE" of the module that holds them. Start at the words; the public functions are at the end. */
#include "compiler/llvm/math_emit.h"
#include "base/bug.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef LLVMValueRef F32, F64, I32, I64, Mask;

/* ---- types ---- */

static bool is_vector(LLVMTypeRef type) { return LLVMGetTypeKind(type) == LLVMVectorTypeKind; }
static unsigned lanes_of(LLVMTypeRef type) { return is_vector(type) ? LLVMGetVectorSize(type) : 0; }
static LLVMTypeRef element_of(LLVMTypeRef type) { return is_vector(type) ? LLVMGetElementType(type) : type; }
static LLVMTypeRef widened(LLVMTypeRef element, unsigned lanes) { return lanes ? LLVMVectorType(element, lanes) : element; }
static LLVMContextRef context_of(MathEmit *me) { return LLVMGetModuleContext(me->module); }

static LLVMTypeRef real_of(MathEmit *me, int bits, unsigned lanes)
{
    LLVMContextRef c = context_of(me);
    return widened(bits == 32 ? LLVMFloatTypeInContext(c) : LLVMDoubleTypeInContext(c), lanes);
}

static LLVMTypeRef int_of(MathEmit *me, unsigned bits, unsigned lanes)
{
    return widened(LLVMIntTypeInContext(context_of(me), bits), lanes);
}

static bool is_f32(LLVMTypeRef type) { return LLVMGetTypeKind(element_of(type)) == LLVMFloatTypeKind; }

static LLVMValueRef int_constant(LLVMTypeRef type, uint64_t c)
{
    LLVMValueRef one = LLVMConstInt(element_of(type), c, 0);
    if (!is_vector(type)) return one;
    unsigned n = LLVMGetVectorSize(type);
    LLVMValueRef all[n];
    for (unsigned i = 0; i < n; i++) all[i] = one;
    return LLVMConstVector(all, n);
}

/* ---- the words ---- */

static LLVMValueRef intrinsic(MathEmit *me, const char *name, LLVMTypeRef *types, size_t n_types, LLVMValueRef *args,
                              unsigned n)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    if (id == 0) BUG("math_emit: LLVM knows no %s", name);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(me->module, id, types, n_types);
    return LLVMBuildCall2(me->builder, LLVMGlobalGetValueType(f), f, args, n, "");
}

static LLVMValueRef of_one(MathEmit *me, const char *name, LLVMValueRef x)
{
    LLVMTypeRef type = LLVMTypeOf(x);
    return intrinsic(me, name, &type, 1, &x, 1);
}

static LLVMValueRef own_fma(MathEmit *me, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c)
{
    LLVMTypeRef type = LLVMTypeOf(a);
    return intrinsic(me, "llvm.fma", &type, 1, (LLVMValueRef[]){a, b, c}, 3);
}

static LLVMValueRef fma_by_lanes(MathEmit *me, LLVMValueRef function, LLVMTypeRef type)
{
    LLVMValueRef all = LLVMGetUndef(type), one[3];
    for (unsigned i = 0; i < LLVMGetVectorSize(type); i++) {
        LLVMValueRef lane = LLVMConstInt(int_of(me, 32, 0), i, 0);
        for (unsigned k = 0; k < 3; k++) one[k] = LLVMBuildExtractElement(me->builder, LLVMGetParam(function, k), lane, "");
        all = LLVMBuildInsertElement(me->builder, all, own_fma(me, one[0], one[1], one[2]), lane, "");
    }
    return all;
}

/* The module's function of the lanes' fma. */
static LLVMValueRef fma_function(MathEmit *me, LLVMTypeRef type)
{
    char full[64];
    snprintf(full, sizeof full, "math.fma.f%dx%u", is_f32(type) ? 32 : 64, lanes_of(type));
    LLVMValueRef function = LLVMGetNamedFunction(me->module, full);
    if (function) return function;
    function = LLVMAddFunction(me->module, full, LLVMFunctionType(type, (LLVMTypeRef[]){type, type, type}, 3, 0));
    LLVMSetLinkage(function, LLVMInternalLinkage);
    MathEmit inside = {.module = me->module, .builder = LLVMCreateBuilderInContext(context_of(me))};
    LLVMPositionBuilderAtEnd(inside.builder, LLVMAppendBasicBlockInContext(context_of(me), function, "entry"));
    LLVMBuildRet(inside.builder, fma_by_lanes(&inside, function, type));
    LLVMDisposeBuilder(inside.builder);
    return function;
}

LLVMValueRef math_emit_fma(MathEmit *me, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c)
{
    LLVMTypeRef type = LLVMTypeOf(a);
    if (!me->no_fma || !is_vector(type)) return own_fma(me, a, b, c);
    LLVMValueRef function = fma_function(me, type);
    return LLVMBuildCall2(me->builder, LLVMGlobalGetValueType(function), function, (LLVMValueRef[]){a, b, c}, 3, "");
}

static LLVMValueRef bits_of(MathEmit *me, LLVMValueRef x)
{
    LLVMTypeRef type = LLVMTypeOf(x);
    return LLVMBuildBitCast(me->builder, x, int_of(me, is_f32(type) ? 32 : 64, lanes_of(type)), "");
}

static LLVMValueRef float_of(MathEmit *me, LLVMValueRef i)
{
    LLVMTypeRef type = LLVMTypeOf(i);
    int bits = (int)LLVMGetIntTypeWidth(element_of(type));
    return LLVMBuildBitCast(me->builder, i, real_of(me, bits, lanes_of(type)), "");
}

static LLVMValueRef mulhi(MathEmit *me, LLVMValueRef a, LLVMValueRef b)
{
    LLVMTypeRef type = LLVMTypeOf(a), wide = int_of(me, 128, lanes_of(type));
    LLVMValueRef x = LLVMBuildZExt(me->builder, a, wide, ""), y = LLVMBuildZExt(me->builder, b, wide, "");
    LLVMValueRef p = LLVMBuildMul(me->builder, x, y, "");
    return LLVMBuildTrunc(me->builder, LLVMBuildLShr(me->builder, p, int_constant(wide, 64), ""), type, "");
}

/* x as another element type of as many lanes, by a cast instruction */
static LLVMValueRef cast(MathEmit *me, LLVMOpcode op, LLVMValueRef x, LLVMTypeRef element)
{
    return LLVMBuildCast(me->builder, op, x, widened(element, lanes_of(LLVMTypeOf(x))), "");
}

static LLVMValueRef table_of_two_over_pi(MathEmit *me);

static LLVMValueRef look_up(MathEmit *me, LLVMValueRef at)
{
    LLVMTypeRef type = LLVMTypeOf(at), word = int_of(me, 64, 0), index = int_of(me, 32, 0);
    LLVMValueRef table = table_of_two_over_pi(me), all = LLVMGetUndef(type);
    unsigned lanes = lanes_of(type);
    if (lanes == 0)
        return LLVMBuildLoad2(me->builder, word, LLVMBuildGEP2(me->builder, word, table, &at, 1, ""), "");
    for (unsigned i = 0; i < lanes; i++) {
        LLVMValueRef lane = LLVMConstInt(index, i, 0), one = LLVMBuildExtractElement(me->builder, at, lane, "");
        one = LLVMBuildLoad2(me->builder, word, LLVMBuildGEP2(me->builder, word, table, &one, 1, ""), "");
        all = LLVMBuildInsertElement(me->builder, all, one, lane, "");
    }
    return all;
}

/* A block that runs only if a lane of the mask is set. */
typedef struct {
    LLVMBasicBlockRef before, join;
} Rare;

static Rare rare_begin(MathEmit *me, LLVMValueRef mask)
{
    LLVMTypeRef type = LLVMTypeOf(mask);
    LLVMBuilderRef b = me->builder;
    if (is_vector(type)) {
        LLVMTypeRef flat = int_of(me, LLVMGetVectorSize(type), 0);
        mask = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildBitCast(b, mask, flat, ""), LLVMConstNull(flat), "");
    }
    Rare r = {.before = LLVMGetInsertBlock(b)};
    LLVMValueRef function = LLVMGetBasicBlockParent(r.before);
    LLVMBasicBlockRef rare = LLVMAppendBasicBlockInContext(context_of(me), function, "rare");
    r.join = LLVMAppendBasicBlockInContext(context_of(me), function, "join");
    LLVMBuildCondBr(b, mask, rare, r.join);
    LLVMPositionBuilderAtEnd(b, rare);
    return r;
}

/* *values become those of the block where the mask holds. */
static void rare_end(MathEmit *me, Rare r, LLVMValueRef mask, LLVMValueRef *values[2], LLVMValueRef rare[2])
{
    LLVMBuilderRef b = me->builder;
    LLVMBasicBlockRef from = LLVMGetInsertBlock(b);
    for (int i = 0; i < 2; i++) rare[i] = LLVMBuildSelect(b, mask, rare[i], *values[i], "");
    LLVMBuildBr(b, r.join);
    LLVMPositionBuilderAtEnd(b, r.join);
    for (int i = 0; i < 2; i++) {
        LLVMValueRef phi = LLVMBuildPhi(b, LLVMTypeOf(rare[i]), "");
        LLVMAddIncoming(phi, (LLVMValueRef[]){*values[i], rare[i]}, (LLVMBasicBlockRef[]){r.before, from}, 2);
        *values[i] = phi;
    }
}

#define FN_(name)             fn_##name
#define FN(name)              FN_(name)            /* name may be a macro */
#define M_FN(type, name, ...) static __attribute__((unused)) type FN(name)(MathEmit *me, __VA_ARGS__)
#define M_CALL(name, ...)     FN(name)(me, __VA_ARGS__)
#define M_DO(name, ...)       FN(name)(me, __VA_ARGS__)
#define M_K(x, c)             LLVMConstReal(LLVMTypeOf(x), c)
#define M_KI(i, c)            int_constant(LLVMTypeOf(i), (uint64_t)(c))
#define M_ADD(a, b)           LLVMBuildFAdd(me->builder, a, b, "")
#define M_SUB(a, b)           LLVMBuildFSub(me->builder, a, b, "")
#define M_MUL(a, b)           LLVMBuildFMul(me->builder, a, b, "")
#define M_DIV(a, b)           LLVMBuildFDiv(me->builder, a, b, "")
#define M_FMA(a, b, c)        math_emit_fma(me, a, b, c)
#define M_NEG(a)              LLVMBuildFNeg(me->builder, a, "")
#define M_ABS(a)              of_one(me, "llvm.fabs", a)
#define M_SQRT(a)             of_one(me, "llvm.sqrt", a)
#define M_FLOOR(a)            of_one(me, "llvm.floor", a)
#define M_LT(a, b)            LLVMBuildFCmp(me->builder, LLVMRealOLT, a, b, "")
#define M_LE(a, b)            LLVMBuildFCmp(me->builder, LLVMRealOLE, a, b, "")
#define M_GT(a, b)            LLVMBuildFCmp(me->builder, LLVMRealOGT, a, b, "")
#define M_GE(a, b)            LLVMBuildFCmp(me->builder, LLVMRealOGE, a, b, "")
#define M_EQ(a, b)            LLVMBuildFCmp(me->builder, LLVMRealOEQ, a, b, "")
#define M_NE(a, b)            LLVMBuildFCmp(me->builder, LLVMRealUNE, a, b, "")
#define M_ILESS(a, b)         LLVMBuildICmp(me->builder, LLVMIntULT, a, b, "")
#define M_IEVEN(a)            LLVMBuildICmp(me->builder, LLVMIntEQ, M_AND(a, M_KI(a, 1)), M_KI(a, 0), "")
#define M_AND(a, b)           LLVMBuildAnd(me->builder, a, b, "")
#define M_OR(a, b)            LLVMBuildOr(me->builder, a, b, "")
#define M_XOR(a, b)           LLVMBuildXor(me->builder, a, b, "")
#define M_NOT(mask)           LLVMBuildNot(me->builder, mask, "")
#define M_SELECT(mask, a, b)  LLVMBuildSelect(me->builder, mask, a, b, "")
#define M_BITS(x)             bits_of(me, x)
#define M_FLOAT(i)            float_of(me, i)
#define M_IADD(a, b)          LLVMBuildAdd(me->builder, a, b, "")
#define M_ISUB(a, b)          LLVMBuildSub(me->builder, a, b, "")
#define M_IMUL(a, b)          LLVMBuildMul(me->builder, a, b, "")
#define M_SHL(i, n)           LLVMBuildShl(me->builder, i, M_KI(i, n), "")
#define M_SHR(i, n)           LLVMBuildLShr(me->builder, i, M_KI(i, n), "")
#define M_SHLV(i, n)          LLVMBuildShl(me->builder, i, n, "")
#define M_SHRV(i, n)          LLVMBuildLShr(me->builder, i, n, "")
#define M_MULHI(a, b)         mulhi(me, a, b)
#define M_F64(x)              cast(me, LLVMFPExt, x, real_of(me, 64, 0))
#define M_F32(x)              cast(me, LLVMFPTrunc, x, real_of(me, 32, 0))
#define M_WIDE(i)             cast(me, LLVMZExt, i, int_of(me, 64, 0))
#define M_LOW(i)              cast(me, LLVMTrunc, i, int_of(me, 32, 0))
#define M_INT_F32(i)          cast(me, LLVMSIToFP, i, real_of(me, 32, 0))
#define M_INT_F64(i)          cast(me, LLVMSIToFP, i, real_of(me, 64, 0))
#define M_LONG_F64(i)         cast(me, LLVMSIToFP, i, real_of(me, 64, 0))
#define M_ULONG_F64(i)        cast(me, LLVMUIToFP, i, real_of(me, 64, 0))
#define M_TABLE(i)            look_up(me, i)
#define M_RARE(mask)          Rare rare_block = rare_begin(me, mask);
#define M_RARE_END2(mask, a, b, ra, rb)                                                                        \
    rare_end(me, rare_block, mask, (LLVMValueRef *[]){&(a), &(b)}, (LLVMValueRef[]){ra, rb});

#include "runtime/math/functions.h"

static LLVMValueRef table_of_two_over_pi(MathEmit *me)
{
    static const uint64_t words[TWO_OVER_PI_WORDS] = {TWO_OVER_PI};
    LLVMValueRef table = LLVMGetNamedGlobal(me->module, "math.two_over_pi");
    if (table) return table;
    LLVMTypeRef word = int_of(me, 64, 0);
    LLVMValueRef all[TWO_OVER_PI_WORDS];
    for (int i = 0; i < TWO_OVER_PI_WORDS; i++) all[i] = LLVMConstInt(word, words[i], 0);
    table = LLVMAddGlobal(me->module, LLVMArrayType2(word, TWO_OVER_PI_WORDS), "math.two_over_pi");
    LLVMSetInitializer(table, LLVMConstArray2(word, all, TWO_OVER_PI_WORDS));
    LLVMSetGlobalConstant(table, 1);
    LLVMSetLinkage(table, LLVMPrivateLinkage);
    return table;
}

/* ---- in line, or as a call ---- */

typedef LLVMValueRef Unary(MathEmit *me, LLVMValueRef x);
typedef LLVMValueRef Binary(MathEmit *me, LLVMValueRef a, LLVMValueRef b);

static void add_attribute(MathEmit *me, LLVMValueRef function, const char *name)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(context_of(me), kind, 0));
}

/* The features and the CPU that the function around the builder is compiled for hold for its helpers, too. */
static void take_target(MathEmit *me, LLVMValueRef function)
{
    static const char *const names[] = {"target-cpu", "target-features", "prefer-vector-width", "min-legal-vector-width"};
    LLVMValueRef around = LLVMGetBasicBlockParent(LLVMGetInsertBlock(me->builder));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsigned length = (unsigned)strlen(names[i]);
        LLVMAttributeRef a = LLVMGetStringAttributeAtIndex(around, LLVMAttributeFunctionIndex, names[i], length);
        if (a) LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, a);
    }
}

/* The module's function `name` over the type of its operands; made by `body` if it is not there yet. */
static LLVMValueRef helper(MathEmit *me, const char *name, LLVMTypeRef type, unsigned operands, Unary *one, Binary *two)
{
    char full[64];
    snprintf(full, sizeof full, "math.%s.f%dx%u", name, is_f32(type) ? 32 : 64, lanes_of(type));
    LLVMValueRef function = LLVMGetNamedFunction(me->module, full);
    if (function) return function;
    function = LLVMAddFunction(me->module, full, LLVMFunctionType(type, (LLVMTypeRef[]){type, type}, operands, 0));
    LLVMSetLinkage(function, LLVMInternalLinkage);
    add_attribute(me, function, "nounwind");
    take_target(me, function);

    MathEmit inside = {.module = me->module, .builder = LLVMCreateBuilderInContext(context_of(me)), .no_fma = me->no_fma};
    LLVMPositionBuilderAtEnd(inside.builder, LLVMAppendBasicBlockInContext(context_of(me), function, "entry"));
    LLVMValueRef a = LLVMGetParam(function, 0);
    LLVMBuildRet(inside.builder, one ? one(&inside, a) : two(&inside, a, LLVMGetParam(function, 1)));
    LLVMDisposeBuilder(inside.builder);
    return function;
}

static LLVMValueRef call(MathEmit *me, LLVMValueRef function, LLVMValueRef *args, unsigned n)
{
    return LLVMBuildCall2(me->builder, LLVMGlobalGetValueType(function), function, args, n, "");
}

static LLVMValueRef call_unary(MathEmit *me, const char *name, Unary *body, LLVMValueRef x)
{
    return call(me, helper(me, name, LLVMTypeOf(x), 1, body, NULL), &x, 1);
}

static LLVMValueRef call_binary(MathEmit *me, const char *name, Binary *body, LLVMValueRef a, LLVMValueRef b)
{
    return call(me, helper(me, name, LLVMTypeOf(a), 2, NULL, body), (LLVMValueRef[]){a, b}, 2);
}

/* IN_LINE: always. FEW: in line where few are. SHORT: so in f32, f64 by call. LONG: by call. */
#define IN_LINE(name)                                                                       \
    LLVMValueRef math_emit_##name(MathEmit *me, LLVMValueRef x)                              \
    {                                                                                       \
        return is_f32(LLVMTypeOf(x)) ? fn_##name##_f32(me, x) : fn_##name##_f64(me, x);       \
    }
#define FEW(name)                                                                           \
    LLVMValueRef math_emit_##name(MathEmit *me, LLVMValueRef x)                              \
    {                                                                                       \
        Unary *body = is_f32(LLVMTypeOf(x)) ? fn_##name##_f32 : fn_##name##_f64;              \
        return me->calls ? call_unary(me, #name, body, x) : body(me, x);                     \
    }
#define SHORT(name)                                                                         \
    LLVMValueRef math_emit_##name(MathEmit *me, LLVMValueRef x)                              \
    {                                                                                       \
        if (is_f32(LLVMTypeOf(x)) && !me->calls) return fn_##name##_f32(me, x);              \
        return call_unary(me, #name, is_f32(LLVMTypeOf(x)) ? fn_##name##_f32 : fn_##name##_f64, x); \
    }
#define LONG(name)                                                                          \
    LLVMValueRef math_emit_##name(MathEmit *me, LLVMValueRef x)                              \
    {                                                                                       \
        return call_unary(me, #name, is_f32(LLVMTypeOf(x)) ? fn_##name##_f32 : fn_##name##_f64, x); \
    }
#define IN_LINE2(name)                                                                      \
    LLVMValueRef math_emit_##name(MathEmit *me, LLVMValueRef a, LLVMValueRef b)              \
    {                                                                                       \
        return is_f32(LLVMTypeOf(a)) ? fn_##name##_f32(me, a, b) : fn_##name##_f64(me, a, b); \
    }
#define LONG2(name)                                                                         \
    LLVMValueRef math_emit_##name(MathEmit *me, LLVMValueRef a, LLVMValueRef b)              \
    {                                                                                       \
        return call_binary(me, #name, is_f32(LLVMTypeOf(a)) ? fn_##name##_f32 : fn_##name##_f64, a, b); \
    }

IN_LINE(floor)
IN_LINE(sqrt)
FEW(exp)
SHORT(expm1)
SHORT(log)
SHORT(log1p)
SHORT(tanh)
SHORT(sigmoid)
SHORT(dsigmoid)
SHORT(softplus)
LONG(sin)
LONG(cos)
LONG(erf)
LONG(erfc)
IN_LINE2(max)
IN_LINE2(min)
IN_LINE2(rem)
LONG2(pow)

/* ---- integers ---- */

/* The divisor, with 1 where the machine would trap: at 0, and at -1 (for all dividends, which is simplest). */
static LLVMValueRef safe_divisor(MathEmit *me, LLVMValueRef b, LLVMValueRef zero, LLVMValueRef minus)
{
    return M_SELECT(M_OR(zero, minus), M_KI(b, 1), b);
}

LLVMValueRef math_emit_int_rem(MathEmit *me, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef none = M_KI(b, 0);
    LLVMValueRef zero = LLVMBuildICmp(me->builder, LLVMIntEQ, b, none, "");
    LLVMValueRef minus = LLVMBuildICmp(me->builder, LLVMIntEQ, b, LLVMConstAllOnes(LLVMTypeOf(b)), "");
    LLVMValueRef rest = LLVMBuildSRem(me->builder, a, safe_divisor(me, b, zero, minus), "");
    LLVMValueRef differ = LLVMBuildICmp(me->builder, LLVMIntSLT, M_XOR(rest, b), none, "");
    LLVMValueRef off = M_AND(differ, LLVMBuildICmp(me->builder, LLVMIntNE, rest, none, ""));
    return M_SELECT(M_OR(zero, minus), none, M_SELECT(off, M_IADD(rest, b), rest));
}

LLVMValueRef math_emit_int_div(MathEmit *me, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef none = M_KI(b, 0);
    LLVMValueRef zero = LLVMBuildICmp(me->builder, LLVMIntEQ, b, none, "");
    LLVMValueRef minus = LLVMBuildICmp(me->builder, LLVMIntEQ, b, LLVMConstAllOnes(LLVMTypeOf(b)), "");
    LLVMValueRef divisor = safe_divisor(me, b, zero, minus);
    LLVMValueRef quotient = LLVMBuildSDiv(me->builder, a, divisor, "");
    LLVMValueRef rest = M_ISUB(a, M_IMUL(quotient, divisor));
    LLVMValueRef differ = LLVMBuildICmp(me->builder, LLVMIntSLT, M_XOR(rest, b), none, "");
    LLVMValueRef off = M_AND(differ, LLVMBuildICmp(me->builder, LLVMIntNE, rest, none, ""));
    quotient = M_SELECT(off, M_ISUB(quotient, M_KI(b, 1)), quotient);
    return M_SELECT(zero, none, M_SELECT(minus, M_ISUB(none, a), quotient));
}

LLVMValueRef math_emit_to_int(MathEmit *me, LLVMValueRef x, LLVMTypeRef type)
{
    return intrinsic(me, "llvm.fptosi.sat", (LLVMTypeRef[]){type, LLVMTypeOf(x)}, 2, &x, 1);
}

/* ---- random numbers ---- */

static LLVMValueRef splat(MathEmit *me, LLVMValueRef x, unsigned lanes)
{
    if (lanes == 0 || is_vector(LLVMTypeOf(x))) return x;
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(x), lanes), index = int_of(me, 32, 0);
    LLVMValueRef first = LLVMBuildInsertElement(me->builder, LLVMGetUndef(type), x, LLVMConstInt(index, 0, 0), "");
    return LLVMBuildShuffleVector(me->builder, first, LLVMGetUndef(type), LLVMConstNull(LLVMVectorType(index, lanes)), "");
}

MathKeys math_emit_philox_keys(MathEmit *me, LLVMValueRef key, unsigned lanes)
{
    MathKeys keys = {.lanes = lanes};
    LLVMValueRef k[2] = {M_AND(key, M_KI(key, 0xffffffffu)), M_SHR(key, 32)};
    for (int i = 0; i < 2; i++) keys.first[i] = k[i];
    static const uint32_t step[2] = {0x9e3779b9u, 0xbb67ae85u};
    for (int round = 0; round < 10; round++)
        for (int i = 0; i < 2; i++) {
            keys.round[2 * round + i] = splat(me, k[i], lanes);
            k[i] = M_AND(M_IADD(k[i], M_KI(key, step[i])), M_KI(key, 0xffffffffu));
        }
    return keys;
}

/* Neighbouring lanes of x, `n` of them from `from` on; beyond the last, the first again. */
static LLVMValueRef lanes_from(MathEmit *me, LLVMValueRef x, unsigned from, unsigned step, unsigned n)
{
    LLVMValueRef mask[n];
    for (unsigned i = 0; i < n; i++) mask[i] = LLVMConstInt(int_of(me, 32, 0), (from + i * step) % lanes_of(LLVMTypeOf(x)), 0);
    return LLVMBuildShuffleVector(me->builder, x, LLVMGetUndef(LLVMTypeOf(x)), LLVMConstVector(mask, n), "");
}

/* The low halves of I64 lanes: every second of twice as many, which costs one instruction where M_LOW takes three. */
static LLVMValueRef low_halves(MathEmit *me, LLVMValueRef x)
{
    unsigned lanes = lanes_of(LLVMTypeOf(x));
    if (!lanes) return M_LOW(x);
    return lanes_from(me, LLVMBuildBitCast(me->builder, x, int_of(me, 32, 2 * lanes), ""), 0, 2, lanes);
}

/* In the first round half of the words are the same in all lanes. */
void math_emit_philox(MathEmit *me, const MathKeys *keys, LLVMValueRef block, LLVMValueRef tick, LLVMValueRef iteration, LLVMValueRef out[4])
{
    unsigned lanes = lanes_of(LLVMTypeOf(block));
    LLVMValueRef q = M_MUL32(tick, PHILOX_OF_2), p = M_MUL32(block, PHILOX_OF_0), key[2];
    LLVMValueRef words[4] = {M_XOR(M_SHR(block, 32), splat(me, M_XOR(M_SHR(q, 32), keys->first[0]), lanes)), splat(me, q, lanes),
                             M_XOR(M_SHR(p, 32), splat(me, M_XOR(iteration, keys->first[1]), lanes)), p};
    for (int round = 1; round < PHILOX_ROUNDS; round++) {
        for (int i = 0; i < 2; i++) {
            key[i] = keys->round[2 * round + i];
            if (lanes > keys->lanes) key[i] = lanes_from(me, key[i], 0, 1, lanes);
        }
        fn_philox_round(me, key, words);
    }
    for (int i = 0; i < 4; i++) out[i] = low_halves(me, words[i]);
}

LLVMValueRef math_emit_uniform(MathEmit *me, LLVMValueRef word, LLVMTypeRef type)
{
    return is_f32(type) ? fn_uniform_f32(me, word) : fn_uniform_f64(me, word);
}

void math_emit_normal_pair(MathEmit *me, LLVMValueRef even, LLVMValueRef odd, LLVMTypeRef type, LLVMValueRef out[2])
{
    if (is_f32(type)) fn_normal_pair_f32(me, even, odd, out);
    else fn_normal_pair_f64(me, even, odd, out);
}

LLVMValueRef math_emit_randint_word(MathEmit *me, LLVMValueRef word, uint32_t n)
{
    return fn_randint(me, word, int_constant(int_of(me, 64, lanes_of(LLVMTypeOf(word))), n));
}
