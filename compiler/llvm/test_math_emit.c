/* test_math_emit.c - the emitted functions against the scalar ones, to the bit.
 *
 * Each function becomes a loop over an array at widths 1 (a scalar), 4, 8 and 16 in one module, compiled for this machine.
 * Arguments are edges and random bits; results are compared with memcmp, NaN included. */
#include <criterion/criterion.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <math.h>
#include <stddef.h>
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

/* A function over pointers and a count, and the loop in it: i runs in steps of the width. The entry is left open. */
typedef struct {
    LLVMValueRef      function, i;
    LLVMBasicBlockRef entry, head, body, end;
} Loop;

static Loop loop_begin(Unit u, const char *name, LLVMTypeRef *types, unsigned n_types, unsigned count_at)
{
    LLVMTypeRef i64 = LLVMInt64TypeInContext(u.context);
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(u.context), types, n_types, 0);
    Loop l = {.function = LLVMAddFunction(u.module, name, type)};
    l.entry = LLVMAppendBasicBlockInContext(u.context, l.function, "entry");
    l.head = LLVMAppendBasicBlockInContext(u.context, l.function, "head");
    l.body = LLVMAppendBasicBlockInContext(u.context, l.function, "body");
    l.end = LLVMAppendBasicBlockInContext(u.context, l.function, "end");
    LLVMPositionBuilderAtEnd(u.builder, l.head);
    l.i = LLVMBuildPhi(u.builder, i64, "i");
    LLVMAddIncoming(l.i, (LLVMValueRef[]){LLVMConstInt(i64, 0, 0)}, &l.entry, 1);
    LLVMValueRef more = LLVMBuildICmp(u.builder, LLVMIntULT, l.i, LLVMGetParam(l.function, count_at), "");
    LLVMBuildCondBr(u.builder, more, l.body, l.end);
    LLVMPositionBuilderAtEnd(u.builder, l.end);
    LLVMBuildRetVoid(u.builder);
    LLVMPositionBuilderAtEnd(u.builder, l.body);
    return l;
}

static void loop_end(Unit u, Loop l, unsigned lanes)
{
    LLVMTypeRef i64 = LLVMInt64TypeInContext(u.context);
    LLVMValueRef next = LLVMBuildAdd(u.builder, l.i, LLVMConstInt(i64, lanes ? lanes : 1, 0), "");
    LLVMBasicBlockRef from = LLVMGetInsertBlock(u.builder);
    LLVMBuildBr(u.builder, l.head);
    LLVMAddIncoming(l.i, &next, &from, 1);
    LLVMPositionBuilderAtEnd(u.builder, l.entry);
    LLVMBuildBr(u.builder, l.head);
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
    Loop l = loop_begin(u, name, (LLVMTypeRef[]){pointer, pointer, pointer, i64}, 4, 3);
    MathEmit me = {.module = u.module, .builder = u.builder};
    LLVMValueRef a = load(u, l, 0, real, lanes);
    store(u, l, 2, real, row->emit1 ? row->emit1(&me, a) : row->emit2(&me, a, load(u, l, 1, real, lanes)));
    loop_end(u, l, lanes);
}

typedef void Loop32(const float *, const float *, float *, size_t);
typedef void Loop64(const double *, const double *, double *, size_t);

static void compare(const Row *row, const Tables *t, int bits, unsigned lanes, int n)
{
    for (int i = 0; i < n; i++) {
        bool same = bits == 32 ? !memcmp(t->want32 + i, t->got32 + i, 4) : !memcmp(t->want64 + i, t->got64 + i, 8);
        double a = bits == 32 ? (double)t->a32[i] : t->a64[i], b = bits == 32 ? (double)t->b32[i] : t->b64[i];
        double want = bits == 32 ? (double)t->want32[i] : t->want64[i], got = bits == 32 ? (double)t->got32[i] : t->got64[i];
        cr_assert(same, "%s f%d x%u (%a, %a): scalar %a, emitted %a", row->name, bits, lanes, a, b, want, got);
    }
}

static void run_scalar(const Row *row, const Tables *t, size_t n)
{
    if (row->emit1) row->one32(t->a32, t->want32, n), row->one64(t->a64, t->want64, n);
    else row->two32(t->a32, t->b32, t->want32, n), row->two64(t->a64, t->b64, t->want64, n);
}

static void run_and_compare(LLVMOrcLLJITRef jit, const Row *row, const Tables *t, unsigned lanes)
{
    char name[64];
    Loop32 *f32 = (Loop32 *)unit_symbol(jit, loop_name(name, sizeof name, row->name, 32, lanes));
    Loop64 *f64 = (Loop64 *)unit_symbol(jit, loop_name(name, sizeof name, row->name, 64, lanes));
    f32(t->a32, t->b32, t->got32, COUNT);
    f64(t->a64, t->b64, t->got64, COUNT);
    compare(row, t, 32, lanes, COUNT);
    compare(row, t, 64, lanes, COUNT);
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
        run_scalar(&rows[r], &t, COUNT);
        for (int w = 0; w < WIDTHS; w++) run_and_compare(jit, &rows[r], &t, widths[w]);
    }
    tables_free(t);
    LLVMOrcDisposeLLJIT(jit);
}

/* (y): y[i] = f(edge i) or f(edge i, edge 3i), of constants */
static void add_constants(Unit u, const Row *row, int bits)
{
    char name[64];
    LLVMTypeRef real = bits == 32 ? LLVMFloatTypeInContext(u.context) : LLVMDoubleTypeInContext(u.context);
    LLVMTypeRef pointer = LLVMPointerTypeInContext(u.context, 0), i64 = LLVMInt64TypeInContext(u.context);
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(u.context), &pointer, 1, 0);
    LLVMValueRef f = LLVMAddFunction(u.module, loop_name(name, sizeof name, row->name, bits, 99), type);
    LLVMPositionBuilderAtEnd(u.builder, LLVMAppendBasicBlockInContext(u.context, f, "entry"));
    MathEmit me = {.module = u.module, .builder = u.builder};
    for (int i = 0; i < EDGES; i++) {
        LLVMValueRef a = LLVMConstReal(real, edges[i]), b = LLVMConstReal(real, edges[3 * i % EDGES]);
        LLVMValueRef y = row->emit1 ? row->emit1(&me, a) : row->emit2(&me, a, b), at = LLVMConstInt(i64, (uint64_t)i, 0);
        LLVMBuildStore(u.builder, y, LLVMBuildGEP2(u.builder, real, LLVMGetParam(f, 0), &at, 1, ""));
    }
    LLVMBuildRetVoid(u.builder);
}

/* The optimiser may fold and rearrange what it likes, constants included: the bits stay. sqrt of a negative constant is left
 * out, as hardware and compilers differ in the sign of that NaN. */
Test(math_emit, the_optimiser_changes_no_bit)
{
    Unit u = unit_new();
    for (int r = 0; r < ROWS; r++)
        for (int bits = 32; bits <= 64; bits += 32) {
            add_loop(u, &rows[r], bits, 0);
            add_loop(u, &rows[r], bits, 8);
            if (strcmp(rows[r].name, "sqrt")) add_constants(u, &rows[r], bits);
        }
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    cr_assert(!LLVMRunPasses(u.module, "default<O2>", NULL, options));
    LLVMDisposePassBuilderOptions(options);
    LLVMOrcLLJITRef jit = unit_compile(u);
    Tables t = tables_new();
    for (int r = 0; r < ROWS; r++) {
        run_scalar(&rows[r], &t, COUNT);
        run_and_compare(jit, &rows[r], &t, 0);
        run_and_compare(jit, &rows[r], &t, 8);
    }
    for (int i = 0; i < EDGES; i++) {
        t.a64[i] = edges[i], t.b64[i] = edges[3 * i % EDGES];
        t.a32[i] = (float)t.a64[i], t.b32[i] = (float)t.b64[i];
    }
    for (int r = 0; r < ROWS; r++) {
        char name[64];
        if (!strcmp(rows[r].name, "sqrt")) continue;
        run_scalar(&rows[r], &t, EDGES);
        ((void (*)(float *))unit_symbol(jit, loop_name(name, sizeof name, rows[r].name, 32, 99)))(t.got32);
        ((void (*)(double *))unit_symbol(jit, loop_name(name, sizeof name, rows[r].name, 64, 99)))(t.got64);
        compare(&rows[r], &t, 32, 99, EDGES);
        compare(&rows[r], &t, 64, 99, EDGES);
    }
    tables_free(t);
    LLVMOrcDisposeLLJIT(jit);
}

/* ---- draws ---- */

enum { SAMPLES = 1 << 15, TICK = 3, ITERATION = 5, BLOCK = 2, FACES = 10 };

/* The words of block BLOCK + 2^32 * sample, and what is made of them: row j of each array is word j of all samples. */
typedef struct {
    uint32_t word[4][SAMPLES];
    int32_t  face[4][SAMPLES];
    float    uniform32[4][SAMPLES], normal32[4][SAMPLES];
    double   uniform64[4][SAMPLES], normal64[4][SAMPLES];
} Draws;

static void store_row(Unit u, Loop l, size_t offset, size_t size, int row, LLVMTypeRef element, LLVMValueRef x)
{
    LLVMTypeRef i8 = LLVMInt8TypeInContext(u.context), i64 = LLVMInt64TypeInContext(u.context);
    LLVMValueRef start = LLVMConstInt(i64, offset + (size_t)row * SAMPLES * size, 0);
    LLVMValueRef base = LLVMBuildGEP2(u.builder, i8, LLVMGetParam(l.function, 1), &start, 1, "");
    LLVMSetAlignment(LLVMBuildStore(u.builder, x, LLVMBuildGEP2(u.builder, element, base, &l.i, 1, "")), 4);
}

/* first, first + 1, ... */
static LLVMValueRef counting(Unit u, LLVMValueRef first, unsigned lanes)
{
    LLVMTypeRef i32 = LLVMTypeOf(first);
    if (lanes == 0) return first;
    LLVMValueRef all = LLVMGetUndef(LLVMVectorType(i32, lanes));
    for (unsigned i = 0; i < lanes; i++) {
        LLVMValueRef one = LLVMBuildAdd(u.builder, first, LLVMConstInt(i32, i, 0), "");
        all = LLVMBuildInsertElement(u.builder, all, one, LLVMConstInt(i32, i, 0), "");
    }
    return all;
}

static LLVMValueRef of_all(Unit u, uint64_t c, unsigned lanes)
{
    LLVMValueRef one = LLVMConstInt(LLVMInt64TypeInContext(u.context), c, 0), all[16];
    for (unsigned i = 0; i < lanes; i++) all[i] = one;
    return lanes ? LLVMConstVector(all, lanes) : one;
}

/* (key, draws, n) */
static void add_draws(Unit u, unsigned lanes)
{
    char name[64];
    LLVMTypeRef i32 = LLVMInt32TypeInContext(u.context), i64 = LLVMInt64TypeInContext(u.context);
    LLVMTypeRef f32 = LLVMFloatTypeInContext(u.context), f64 = LLVMDoubleTypeInContext(u.context);
    LLVMTypeRef pointer = LLVMPointerTypeInContext(u.context, 0);
    Loop l = loop_begin(u, loop_name(name, sizeof name, "draws", 0, lanes), (LLVMTypeRef[]){i64, pointer, i64}, 3, 2);
    MathEmit me = {.module = u.module, .builder = u.builder};
    LLVMPositionBuilderAtEnd(u.builder, l.entry);
    MathKeys keys = math_emit_philox_keys(&me, LLVMGetParam(l.function, 0), lanes);
    LLVMPositionBuilderAtEnd(u.builder, l.body);
    LLVMValueRef sample = LLVMBuildZExt(u.builder, counting(u, LLVMBuildTrunc(u.builder, l.i, i32, ""), lanes), wide(i64, lanes), "");
    LLVMValueRef high = LLVMBuildShl(u.builder, sample, of_all(u, 32, lanes), "");
    LLVMValueRef w[4], n32[4], n64[4];
    math_emit_philox(&me, &keys, LLVMBuildOr(u.builder, high, of_all(u, BLOCK, lanes), ""), LLVMConstInt(i64, TICK, 0), LLVMConstInt(i64, ITERATION, 0), w);
    for (int j = 0; j < 4; j += 2) {
        math_emit_normal_pair(&me, w[j], w[j + 1], wide(f32, lanes), n32 + j);
        math_emit_normal_pair(&me, w[j], w[j + 1], wide(f64, lanes), n64 + j);
    }
    for (int j = 0; j < 4; j++) {
        store_row(u, l, offsetof(Draws, word), 4, j, i32, w[j]);
        store_row(u, l, offsetof(Draws, face), 4, j, i32, math_emit_randint_word(&me, w[j], FACES));
        store_row(u, l, offsetof(Draws, uniform32), 4, j, f32, math_emit_uniform(&me, w[j], wide(f32, lanes)));
        store_row(u, l, offsetof(Draws, uniform64), 8, j, f64, math_emit_uniform(&me, w[j], wide(f64, lanes)));
        store_row(u, l, offsetof(Draws, normal32), 4, j, f32, n32[j]);
        store_row(u, l, offsetof(Draws, normal64), 8, j, f64, n64[j]);
    }
    loop_end(u, l, lanes);
}

static void scalar_draws(uint64_t key, Draws *d)
{
    RandomAt at = {.key = key, .tick = TICK, .iteration = ITERATION};
    for (uint32_t s = 0; s < SAMPLES; s++) {
        uint32_t w[4];
        philox_block(key, BLOCK, s, TICK, ITERATION, w);
        for (uint32_t j = 0; j < 4; j++) {
            uint64_t e = 4 * ((uint64_t)s << 32 | BLOCK) + j;
            d->word[j][s] = w[j];
            d->face[j][s] = random_randint(at, e, FACES);
            d->uniform32[j][s] = random_uniform_f32(at, e);
            d->uniform64[j][s] = random_uniform_f64(at, e);
            d->normal32[j][s] = random_normal_f32(at, e);
            d->normal64[j][s] = random_normal_f64(at, e);
        }
    }
}

Test(math_emit, draws_agree_with_scalar_ones_to_the_bit)
{
    Unit u = unit_new();
    for (int w = 0; w < WIDTHS; w++) add_draws(u, widths[w]);
    LLVMOrcLLJITRef jit = unit_compile(u);
    Draws *want = calloc(1, sizeof *want), *got = calloc(1, sizeof *got);
    uint64_t key = random_key(1, "G.z");
    scalar_draws(key, want);
    for (int w = 0; w < WIDTHS; w++) {
        char name[64];
        loop_name(name, sizeof name, "draws", 0, widths[w]);
        ((void (*)(uint64_t, Draws *, size_t))unit_symbol(jit, name))(key, got, SAMPLES);
        cr_expect(!memcmp(want->word, got->word, sizeof want->word), "words x%u", widths[w]);
        cr_expect(!memcmp(want->face, got->face, sizeof want->face), "randint x%u", widths[w]);
        cr_expect(!memcmp(want->uniform32, got->uniform32, sizeof want->uniform32), "uniform f32 x%u", widths[w]);
        cr_expect(!memcmp(want->uniform64, got->uniform64, sizeof want->uniform64), "uniform f64 x%u", widths[w]);
        cr_expect(!memcmp(want->normal32, got->normal32, sizeof want->normal32), "normal f32 x%u", widths[w]);
        cr_expect(!memcmp(want->normal64, got->normal64, sizeof want->normal64), "normal f64 x%u", widths[w]);
    }
    free(want);
    free(got);
    LLVMOrcDisposeLLJIT(jit);
}

/* ---- integers ---- */

/* (a, b, quotient, rest, n), and (x, y, n): y = int x */
static void add_integer_loops(Unit u, int bits, unsigned lanes)
{
    char name[64];
    LLVMTypeRef pointer = LLVMPointerTypeInContext(u.context, 0), i64 = LLVMInt64TypeInContext(u.context);
    LLVMTypeRef type = LLVMIntTypeInContext(u.context, (unsigned)bits);
    MathEmit me = {.module = u.module, .builder = u.builder};
    loop_name(name, sizeof name, "divide", bits, lanes);
    Loop l = loop_begin(u, name, (LLVMTypeRef[]){pointer, pointer, pointer, pointer, i64}, 5, 4);
    LLVMValueRef a = load(u, l, 0, type, lanes), b = load(u, l, 1, type, lanes);
    store(u, l, 2, type, math_emit_int_div(&me, a, b));
    store(u, l, 3, type, math_emit_int_rem(&me, a, b));
    loop_end(u, l, lanes);
    for (int real = 32; real <= 64; real += 32) {
        LLVMTypeRef from = real == 32 ? LLVMFloatTypeInContext(u.context) : LLVMDoubleTypeInContext(u.context);
        loop_name(name, sizeof name, real == 32 ? "cut32" : "cut64", bits, lanes);
        l = loop_begin(u, name, (LLVMTypeRef[]){pointer, pointer, i64}, 3, 2);
        store(u, l, 1, type, math_emit_to_int(&me, load(u, l, 0, from, lanes), wide(type, lanes)));
        loop_end(u, l, lanes);
    }
}

enum { INTEGERS = 4096 };

static void fill_integers(int64_t *a, int64_t *b)
{
    static const int64_t few[] = {0, 1, -1, 2, -2, 7, -7, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, 1 << 20};
    enum { FEW = sizeof few / sizeof *few };
    uint64_t state = 2;
    for (int i = 0; i < INTEGERS; i++) {
        a[i] = i < FEW * FEW ? few[i % FEW] : (int64_t)next_random(&state) >> (i % 64);
        b[i] = i < FEW * FEW ? few[i / FEW] : (int64_t)next_random(&state) >> (i * 7 % 64);
    }
}

Test(math_emit, integers_agree_with_scalar_ones)
{
    static int64_t a64[INTEGERS], b64[INTEGERS], q64[INTEGERS], r64[INTEGERS];
    static int32_t a32[INTEGERS], b32[INTEGERS], q32[INTEGERS], r32[INTEGERS];
    Unit u = unit_new();
    for (int w = 0; w < WIDTHS; w++) add_integer_loops(u, 32, widths[w]), add_integer_loops(u, 64, widths[w]);
    LLVMOrcLLJITRef jit = unit_compile(u);
    Tables t = tables_new();
    fill_integers(a64, b64);
    for (int i = 0; i < INTEGERS; i++) a32[i] = (int32_t)a64[i], b32[i] = (int32_t)b64[i];
    for (int w = 0; w < WIDTHS; w++) {
        char name[64];
        ((void (*)(int32_t *, int32_t *, int32_t *, int32_t *, size_t))unit_symbol(
            jit, loop_name(name, sizeof name, "divide", 32, widths[w])))(a32, b32, q32, r32, INTEGERS);
        ((void (*)(int64_t *, int64_t *, int64_t *, int64_t *, size_t))unit_symbol(
            jit, loop_name(name, sizeof name, "divide", 64, widths[w])))(a64, b64, q64, r64, INTEGERS);
        for (int i = 0; i < INTEGERS; i++) {
            cr_assert(q32[i] == math_div_i32(a32[i], b32[i]) && r32[i] == math_rem_i32(a32[i], b32[i]), "%d %d", a32[i], b32[i]);
            cr_assert(q64[i] == math_div_i64(a64[i], b64[i]) && r64[i] == math_rem_i64(a64[i], b64[i]), "row %d", i);
        }
        for (int real = 32; real <= 64; real += 32) {
            const char *kind = real == 32 ? "cut32" : "cut64";
            void *x = real == 32 ? (void *)t.a32 : (void *)t.a64;
            ((void (*)(void *, int32_t *, size_t))unit_symbol(jit, loop_name(name, sizeof name, kind, 32, widths[w])))(x, q32, INTEGERS);
            ((void (*)(void *, int64_t *, size_t))unit_symbol(jit, loop_name(name, sizeof name, kind, 64, widths[w])))(x, q64, INTEGERS);
            for (int i = 0; i < INTEGERS; i++) {
                cr_assert_eq(q32[i], real == 32 ? math_to_i32_f32(t.a32[i]) : math_to_i32_f64(t.a64[i]));
                cr_assert_eq(q64[i], real == 32 ? math_to_i64_f32(t.a32[i]) : math_to_i64_f64(t.a64[i]));
            }
        }
    }
    tables_free(t);
    LLVMOrcDisposeLLJIT(jit);
}
