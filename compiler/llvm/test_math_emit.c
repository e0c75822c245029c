/* test_math_emit.c - the emitted functions against the scalar ones, to the bit.
 *
 * Each function becomes a loop over an array at widths 1 (a scalar), 4, 8 and 16 in one module, compiled for this machine.
 * Arguments are edges and random bits; results are compared with memcmp, NaN included. */
#include <criterion/criterion.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Target.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "compiler/llvm/math_emit.h"
#include "runtime/math/random.h"

enum { WIDTHS = 4, COUNT = 1 << 17 };
static const unsigned widths[WIDTHS] = {0, 4, 8, 16};

/* ---- making loops ---- */

typedef struct {
    LLVMOrcThreadSafeContextRef shared;
    LLVMContextRef              context;
    LLVMModuleRef               module;
    LLVMBuilderRef              builder;
} Unit;

static Unit unit_new(void)
{
    Unit u = {.shared = LLVMOrcCreateNewThreadSafeContext()};
    u.context = LLVMOrcThreadSafeContextGetContext(u.shared);
    u.module = LLVMModuleCreateWithNameInContext("math", u.context);
    u.builder = LLVMCreateBuilderInContext(u.context);
    return u;
}

static LLVMOrcLLJITRef unit_compile(Unit u)
{
    char *message = NULL;
    cr_assert(!LLVMVerifyModule(u.module, LLVMReturnStatusAction, &message), "%s", message);
    LLVMDisposeMessage(message);
    LLVMDisposeBuilder(u.builder);
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMOrcLLJITRef jit;
    LLVMOrcLLJITBuilderRef options = LLVMOrcCreateLLJITBuilder();
    LLVMOrcJITTargetMachineBuilderRef host;
    cr_assert(!LLVMOrcJITTargetMachineBuilderDetectHost(&host));
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(options, host);
    cr_assert(!LLVMOrcCreateLLJIT(&jit, options));
    LLVMOrcThreadSafeModuleRef module = LLVMOrcCreateNewThreadSafeModule(u.module, u.shared);
    cr_assert(!LLVMOrcLLJITAddLLVMIRModule(jit, LLVMOrcLLJITGetMainJITDylib(jit), module));
    LLVMOrcDisposeThreadSafeContext(u.shared);
    return jit;
}

static void *unit_symbol(LLVMOrcLLJITRef jit, const char *name)
{
    LLVMOrcExecutorAddress address = 0;
    LLVMErrorRef error = LLVMOrcLLJITLookup(jit, &address, name);
    cr_assert(!error, "%s", error ? LLVMGetErrorMessage(error) : "");
    return (void *)(uintptr_t)address;
}

static LLVMTypeRef wide(LLVMTypeRef type, unsigned lanes) { return lanes ? LLVMVectorType(type, lanes) : type; }

/* A function over pointers and a count, and the loop in it: i runs in steps of the width. */
typedef struct {
    LLVMValueRef      function, i;
    LLVMBasicBlockRef head, body, end;
} Loop;

static Loop loop_begin(Unit u, const char *name, LLVMTypeRef *types, unsigned n_types, unsigned count_at, unsigned lanes)
{
    LLVMTypeRef i64 = LLVMInt64TypeInContext(u.context);
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(u.context), types, n_types, 0);
    Loop l = {.function = LLVMAddFunction(u.module, name, type)};
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(u.context, l.function, "entry");
    l.head = LLVMAppendBasicBlockInContext(u.context, l.function, "head");
    l.body = LLVMAppendBasicBlockInContext(u.context, l.function, "body");
    l.end = LLVMAppendBasicBlockInContext(u.context, l.function, "end");
    LLVMPositionBuilderAtEnd(u.builder, entry);
    LLVMBuildBr(u.builder, l.head);
    LLVMPositionBuilderAtEnd(u.builder, l.head);
    l.i = LLVMBuildPhi(u.builder, i64, "i");
    LLVMAddIncoming(l.i, (LLVMValueRef[]){LLVMConstInt(i64, 0, 0)}, &entry, 1);
    LLVMValueRef more = LLVMBuildICmp(u.builder, LLVMIntULT, l.i, LLVMGetParam(l.function, count_at), "");
    LLVMBuildCondBr(u.builder, more, l.body, l.end);
    LLVMPositionBuilderAtEnd(u.builder, l.end);
    LLVMBuildRetVoid(u.builder);
    LLVMPositionBuilderAtEnd(u.builder, l.body);
    (void)lanes;
    return l;
}

static void loop_end(Unit u, Loop l, unsigned lanes)
{
    LLVMTypeRef i64 = LLVMInt64TypeInContext(u.context);
    LLVMValueRef next = LLVMBuildAdd(u.builder, l.i, LLVMConstInt(i64, lanes ? lanes : 1, 0), "");
    LLVMBasicBlockRef from = LLVMGetInsertBlock(u.builder);
    LLVMBuildBr(u.builder, l.head);
    LLVMAddIncoming(l.i, &next, &from, 1);
}

static LLVMValueRef place(Unit u, Loop l, unsigned param, LLVMTypeRef element)
{
    return LLVMBuildGEP2(u.builder, element, LLVMGetParam(l.function, param), &l.i, 1, "");
}

static LLVMValueRef load(Unit u, Loop l, unsigned param, LLVMTypeRef element, unsigned lanes)
{
    LLVMValueRef x = LLVMBuildLoad2(u.builder, wide(element, lanes), place(u, l, param, element), "");
    LLVMSetAlignment(x, 4);
    return x;
}

static void store(Unit u, Loop l, unsigned param, LLVMTypeRef element, LLVMValueRef x)
{
    LLVMSetAlignment(LLVMBuildStore(u.builder, x, place(u, l, param, element)), 4);
}

/* ---- arguments ---- */

static uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t x = *state;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static const double edges[] = {
    0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 0.25, 1.5, 17, -17, 88, 89, -88, -89, -104, 104, 709, 710, -745, -746,
    0x1p-126, -0x1p-126, 0x1p-149, -0x1p-149, 0x1p-1022, 0x1p-1074, -0x1p-1074, 0x1p127, -0x1p127, 0x1.fffffep127,
    0x1.fffffffffffffp1023, -0x1.fffffffffffffp1023, INFINITY, -INFINITY, NAN, -NAN, 0.7071067811865475, 0.41421356,
    0x1.921fb54442d18p0, 0x1.921fb6p0, 0x1.921fb6p1, 1e22, 0x1p27, 0x1p28, 0x1.fffffep26, 6381956970095103.0 * 0x1p797,
};
enum { EDGES = sizeof edges / sizeof *edges };

/* A third random bits (NaNs with all payloads among them), a third moderate numbers, a third small ones. */
static double argument64(int i, uint64_t *state)
{
    uint64_t bits = next_random(state);
    double x, unit = (double)(int64_t)bits * 0x1p-63;
    memcpy(&x, &bits, sizeof x);
    return i % 3 == 0 ? x : i % 3 == 1 ? unit * 30 : unit * ldexp(1, (int)(bits & 63) - 50);
}

static float argument32(int i, uint64_t *state)
{
    uint32_t bits = (uint32_t)next_random(state);
    float x, unit = (float)(int32_t)bits * 0x1p-31f;
    memcpy(&x, &bits, sizeof x);
    return i % 3 == 0 ? x : i % 3 == 1 ? unit * 30 : unit * ldexpf(1, (int)(bits & 63) - 50);
}

typedef struct {
    float  *a32, *b32, *want32, *got32;
    double *a64, *b64, *want64, *got64;
} Tables;

static Tables tables_new(void)
{
    Tables t = {.a32 = malloc(COUNT * 4), .b32 = malloc(COUNT * 4), .want32 = malloc(COUNT * 4), .got32 = malloc(COUNT * 4),
                .a64 = malloc(COUNT * 8), .b64 = malloc(COUNT * 8), .want64 = malloc(COUNT * 8), .got64 = malloc(COUNT * 8)};
    uint64_t state = 1;
    for (int i = 0; i < COUNT; i++) {
        t.a32[i] = i < EDGES * EDGES ? (float)edges[i % EDGES] : argument32(i, &state);
        t.b32[i] = i < EDGES * EDGES ? (float)edges[i / EDGES] : argument32(i / 3, &state);
        t.a64[i] = i < EDGES * EDGES ? edges[i % EDGES] : argument64(i, &state);
        t.b64[i] = i < EDGES * EDGES ? edges[i / EDGES] : argument64(i / 3, &state);
    }
    return t;
}

static void tables_free(Tables t)
{
    void *all[] = {t.a32, t.b32, t.want32, t.got32, t.a64, t.b64, t.want64, t.got64};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* ---- rows ---- */

typedef struct {
    const char *name;
    LLVMValueRef (*emit1)(MathEmit *, LLVMValueRef);
    LLVMValueRef (*emit2)(MathEmit *, LLVMValueRef, LLVMValueRef);
    void (*one32)(const float *, float *, size_t), (*one64)(const double *, double *, size_t);
    void (*two32)(const float *, const float *, float *, size_t);
    void (*two64)(const double *, const double *, double *, size_t);
} Row;

static const Row rows[] = {
#define ROW(n) {.name = #n, .emit1 = math_emit_##n, .one32 = math_##n##_f32_n, .one64 = math_##n##_f64_n},
    MATH_UNARY(ROW)
#undef ROW
#define ROW(n) {.name = #n, .emit2 = math_emit_##n, .two32 = math_##n##_f32_n, .two64 = math_##n##_f64_n},
    MATH_BINARY(ROW)
#undef ROW
};
enum { ROWS = sizeof rows / sizeof *rows };

static const char *loop_name(char *out, size_t size, const char *name, int bits, unsigned lanes)
{
    snprintf(out, size, "%s_%d_%u", name, bits, lanes);
    return out;
}

/* (a, b, y, n): y = f(a) or f(a, b) */
static void add_loop(Unit u, const Row *row, int bits, unsigned lanes)
{
    char name[64];
    LLVMTypeRef real = bits == 32 ? LLVMFloatTypeInContext(u.context) : LLVMDoubleTypeInContext(u.context);
    LLVMTypeRef pointer = LLVMPointerTypeInContext(u.context, 0), i64 = LLVMInt64TypeInContext(u.context);
    loop_name(name, sizeof name, row->name, bits, lanes);
    Loop l = loop_begin(u, name, (LLVMTypeRef[]){pointer, pointer, pointer, i64}, 4, 3, lanes);
    MathEmit me = {.module = u.module, .builder = u.builder};
    LLVMValueRef a = load(u, l, 0, real, lanes);
    store(u, l, 2, real, row->emit1 ? row->emit1(&me, a) : row->emit2(&me, a, load(u, l, 1, real, lanes)));
    loop_end(u, l, lanes);
}

typedef void Loop32(const float *, const float *, float *, size_t);
typedef void Loop64(const double *, const double *, double *, size_t);

static void compare(const Row *row, const Tables *t, int bits, unsigned lanes)
{
    for (int i = 0; i < COUNT; i++) {
        bool same = bits == 32 ? !memcmp(t->want32 + i, t->got32 + i, 4) : !memcmp(t->want64 + i, t->got64 + i, 8);
        double a = bits == 32 ? (double)t->a32[i] : t->a64[i], b = bits == 32 ? (double)t->b32[i] : t->b64[i];
        double want = bits == 32 ? (double)t->want32[i] : t->want64[i], got = bits == 32 ? (double)t->got32[i] : t->got64[i];
        cr_assert(same, "%s f%d x%u (%a, %a): scalar %a, emitted %a", row->name, bits, lanes, a, b, want, got);
    }
}

Test(math_emit, functions_agree_with_scalar_ones_to_the_bit)
{
    Unit u = unit_new();
    for (int r = 0; r < ROWS; r++)
        for (int w = 0; w < WIDTHS; w++)
            for (int bits = 32; bits <= 64; bits += 32) add_loop(u, &rows[r], bits, widths[w]);
    LLVMOrcLLJITRef jit = unit_compile(u);
    Tables t = tables_new();
    for (int r = 0; r < ROWS; r++) {
        const Row *row = &rows[r];
        if (row->emit1) row->one32(t.a32, t.want32, COUNT), row->one64(t.a64, t.want64, COUNT);
        else row->two32(t.a32, t.b32, t.want32, COUNT), row->two64(t.a64, t.b64, t.want64, COUNT);
        for (int w = 0; w < WIDTHS; w++) {
            char name[64];
            Loop32 *f32 = (Loop32 *)unit_symbol(jit, loop_name(name, sizeof name, row->name, 32, widths[w]));
            Loop64 *f64 = (Loop64 *)unit_symbol(jit, loop_name(name, sizeof name, row->name, 64, widths[w]));
            f32(t.a32, t.b32, t.got32, COUNT);
            f64(t.a64, t.b64, t.got64, COUNT);
            compare(row, &t, 32, widths[w]);
            compare(row, &t, 64, widths[w]);
        }
    }
    tables_free(t);
    LLVMOrcDisposeLLJIT(jit);
}
