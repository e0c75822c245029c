/* The interpreter against answers by hand (one row of `golden` or more for each operation), and against the sentences of
 * docs/ir.md written out a second time, element by element, at sizes around the boundaries of shards and lanes. */
#include "compiler/interp/interp.h"
#include "runtime/math/random.h"
#include "runtime/math/scalar.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a module from text, with memory ---------------------------------------------------------------------------- */

enum { MAX_SLOTS = 8, MAX_REPORTS = 4 };

typedef struct Prog {
    Arena        *arena;
    IrModule     *m;
    void         *slot[MAX_SLOTS], *report[MAX_REPORTS];
    InterpMemory  memory;
} Prog;

static void *room(const Prog *p, const IrType *t) { return arena_alloc(p->arena, (size_t)interp_type_bytes(p->m, t) + 1); }

static Prog *load(const char *text)
{
    Arena *a = arena_new();
    Prog  *p = arena_new_of(a, Prog);
    char   why[512];
    p->arena = a;
    p->m = ir_read_text(a, text, strlen(text), why);
    cr_assert(p->m, "%s\n%s", why, text);
    cr_assert(ir_verify_module(p->m, why), "%s\n%s", why, text);
    for (int i = 0; i < p->m->slots.n; i++) p->slot[i] = room(p, &p->m->slots.v[i].type);
    for (int i = 0; i < p->m->fns.v[0]->reports.n; i++) p->report[i] = room(p, &p->m->fns.v[0]->reports.v[i].val->type);
    p->memory = (InterpMemory){.slot = p->slot, .seed = 1};
    return p;
}

static GanStatus run(Prog *p, GanError *err) { return interp_fn(p->m, p->m->fns.v[0], &p->memory, p->report, NULL, NULL, err); }

static void run_well(Prog *p)
{
    GanError err = {0};
    cr_assert_eq(run(p, &err), GAN_OK, "%s", err.message);
}

static int64_t count_of(const Prog *p, const IrType *t) { return interp_type_bytes(p->m, t) / (int64_t)ir_elem_bytes(t->elem); }

static double get(IrElem e, const void *x, int64_t i)
{
    switch (e) {
    case IR_BOOL: return ((const uint8_t *)x)[i];
    case IR_I32: return ((const int32_t *)x)[i];
    case IR_I64: return (double)((const int64_t *)x)[i];
    case IR_F32: return ((const float *)x)[i];
    default: return ((const double *)x)[i];
    }
}

static void set(IrElem e, void *x, int64_t i, double v)
{
    switch (e) {
    case IR_BOOL: ((uint8_t *)x)[i] = v != 0; break;
    case IR_I32: ((int32_t *)x)[i] = (int32_t)v; break;
    case IR_I64: ((int64_t *)x)[i] = (int64_t)v; break;
    case IR_F32: ((float *)x)[i] = (float)v; break;
    default: ((double *)x)[i] = v; break;
    }
}

static bool same(double a, double b) { return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b)); }

/* ---- answers by hand -------------------------------------------------------------------------------------------- */

/* in: "a f32[2] = 1 2; b i32[] = 3" are slots, read under their names; axes p (extent 3) and q (extent 2) stand ready.
 * out: the values of %y, after a `|` those of %z. */
typedef struct Golden {
    const char *in, *body, *out;
} Golden;

static const Golden golden[] = {
    /* leaves */
    {"", "%y = const {value 0.1} : f32[]", "0.1"},
    {"", "%y = const {value -7} : i64[]", "-7"},
    {"", "%y = const {value true} : bool[]", "1"},
    {"", "%y = index {dim 1} : i32[2,3]", "0 1 2 0 1 2"},
    {"", "%y = index {axis p} : i32<p>[]", "0 1 2"},
    {"a f64[2] = 1.5 nan", "%y = stop %a : f64[2]", "1.5 nan"},
    /* one operand */
    {"a f32[4] = 1 -0 inf nan", "%y = neg %a : f32[4]", "-1 0 -inf nan"},
    {"a i32[2] = 5 -2147483648", "%y = neg %a : i32[2]", "-5 -2147483648"},
    {"a f32[3] = -1 -0 -inf", "%y = abs %a : f32[3]", "1 0 inf"},
    {"a i64[2] = -3 4", "%y = abs %a : i64[2]", "3 4"},
    {"a f32[4] = 1.5 -1.5 -0 inf", "%y = floor %a : f32[4]", "1 -2 -0 inf"},
    {"a f64[3] = 4 2 -1", "%y = sqrt %a : f64[3]", "2 1.4142135623730951 nan"},
    {"a f32[3] = 0 -inf inf", "%y = exp %a : f32[3]", "1 0 inf"},
    {"a f32[3] = 0 -inf inf", "%y = expm1 %a : f32[3]", "0 -1 inf"},
    {"a f32[4] = 1 0 inf -1", "%y = log %a : f32[4]", "0 -inf inf nan"},
    {"a f32[3] = 0 -1 inf", "%y = log1p %a : f32[3]", "0 -inf inf"},
    {"a f64[2] = 0 inf", "%y = sin %a : f64[2]", "0 nan"},
    {"a f64[2] = 0 inf", "%y = cos %a : f64[2]", "1 nan"},
    {"a f32[3] = 0 inf -inf", "%y = tanh %a : f32[3]", "0 1 -1"},
    {"a f32[3] = 0 inf -inf", "%y = sigmoid %a : f32[3]", "0.5 1 0"},
    {"a f32[2] = 0 inf", "%y = dsigmoid %a : f32[2]", "0.25 0"},
    {"a f32[3] = inf -inf nan", "%y = softplus %a : f32[3]", "inf 0 nan"},
    {"a f32[3] = 0 inf -inf", "%y = erf %a : f32[3]", "0 1 -1"},
    {"a f32[3] = 0 inf -inf", "%y = erfc %a : f32[3]", "1 0 2"},
    {"a f64[2] = 1 2", "%y = polygamma %a {n -1} : f64[2]", "0 0"},
    {"a f32[1] = nan", "%y = polygamma %a {n 0} : f32[1]", "nan"},
    {"a f32[6] = 1.9 -1.9 nan inf -3e9 0.5", "%y = convert %a {i32} : i32[6]", "1 -1 0 2147483647 -2147483648 0"},
    {"a f64[2] = 1e300 -0.5", "%y = convert %a {i64} : i64[2]", "9223372036854775807 0"},
    {"a i64[2] = 4294967301 -1", "%y = convert %a {i32} : i32[2]", "5 -1"},
    {"a i32[2] = 16777217 -3", "%y = convert %a {f32} : f32[2]", "16777216 -3"},
    {"a f32[4] = 0 -0 nan 2", "%y = convert %a {bool} : bool[4]", "0 0 1 1"},
    {"a bool[2] = 0 1", "%y = convert %a {f64} : f64[2]", "0 1"},
    {"a f64[1] = 0.1", "%y = convert %a {f32} : f32[1]", "0.1"},
    {"a i32[1] = -5", "%y = convert %a {i64} : i64[1]", "-5"},
    /* two and three operands */
    {"a f32[2] = 1 inf; b f32[2] = 2 -inf", "%y = add %a, %b : f32[2]", "3 nan"},
    {"a i32[1] = 2147483647; b i32[] = 1", "%y = add %a, %b : i32[1]", "-2147483648"},
    {"a f32[3] = 1 2 3; b f32[2] = 10 20", "%s = as_sample %a {axis p} : f32<p>[]\n%y = add %s, %b : f32<p>[2]", "11 21 12 22 13 23"},
    {"a f32[3] = 1 2 3; b f32[2] = 10 20",
     "%s = as_sample %a {axis p} : f32<p>[]\n%t = as_sample %b {axis q} : f32<q>[]\n%y = sub %t, %s : f32<p,q>[]", "9 19 8 18 7 17"},
    {"a f64[2] = 3 -0; b f64[2] = 4 5", "%y = mul %a, %b : f64[2]", "12 -0"},
    {"a f32[3] = 1 0 -1; b f32[3] = 0 0 3", "%y = div %a, %b : f32[3]", "inf nan -0.3333333432674408"},
    {"a i32[4] = 7 -7 5 -2147483648; b i32[4] = 2 2 0 -1", "%y = div %a, %b : i32[4]", "3 -4 0 -2147483648"},
    {"a i64[4] = 7 -7 5 7; b i64[4] = 3 3 0 -3", "%y = rem %a, %b : i64[4]", "1 2 0 -2"},
    {"a f32[3] = 5.5 -1 1; b f32[3] = 2 3 0", "%y = rem %a, %b : f32[3]", "1.5 2 nan"},
    {"a f64[4] = 2 0 -2 -2; b f64[4] = 10 0 3 0.5", "%y = pow %a, %b : f64[4]", "1024 1 -8 nan"},
    {"a f32[4] = 1 nan 3 -0; b f32[4] = 2 2 nan 0", "%y = max %a, %b : f32[4]", "2 nan nan -0"},
    {"a f32[4] = 1 nan 3 0; b f32[4] = 2 2 nan -0", "%y = min %a, %b : f32[4]", "1 nan nan 0"},
    {"a i32[2] = -1 5; b i32[2] = 3 4", "%y = max %a, %b : i32[2]", "3 5"},
    {"a f32[1] = 16777217; b f32[] = 1", "%y = fma %a, %b, -16777216 : f32[1]", "0"},
    {"a f64[1] = 1.0000000000000002; b f64[1] = 0.9999999999999998", "%y = fma %a, %b, -1 : f64[1]", "-4.930380657631324e-32"},
    {"a f32[3] = 1 nan 2; b f32[3] = 1 nan 3", "%y = compare %a, %b {eq} : bool[3]", "1 0 0"},
    {"a f32[3] = 1 nan 2; b f32[3] = 1 nan 3", "%y = compare %a, %b {ne} : bool[3]", "0 1 1"},
    {"a f32[3] = 1 nan 2; b f32[3] = 1 nan 3", "%y = compare %a, %b {lt} : bool[3]", "0 0 1"},
    {"a i64[3] = 1 4 2; b i64[3] = 1 3 3", "%y = compare %a, %b {le} : bool[3]", "1 0 1"},
    {"a i32[3] = 1 4 2; b i32[3] = 1 3 3", "%y = compare %a, %b {gt} : bool[3]", "0 1 0"},
    {"a f64[3] = 1 nan 2; b f64[3] = 1 nan 3", "%y = compare %a, %b {ge} : bool[3]", "1 0 0"},
    {"c bool[3] = 1 0 1; a f32[3] = 1 nan 3; b f32[] = 7", "%y = select %c, %a, %b : f32[3]", "1 7 3"},
    {"c bool[] = 0; a i32[2] = 1 2; b i32[2] = 3 4", "%y = select %c, %a, %b : i32[2]", "3 4"},
    /* reductions */
    {"a f32[2,3] = 1 2 3 4 5 6", "%y = sum %a {dims [1]} : f32[2]", "6 15"},
    {"a f32[2,3] = 1 2 3 4 5 6", "%y = sum %a {dims [0]} : f32[3]", "5 7 9"},
    {"a f32[0] =", "%y = sum %a {dims [0]} : f32[]", "0"},
    {"a f32[3] = 16777216 1 1", "%y = sum %a {dims [0]} : f32[]", "16777218"},
    {"a f32[1,1] = -0", "%y = sum %a {dims [1]} : f32[1]", "0"},
    {"a i32[2] = 2147483647 1", "%y = sum %a {dims [0]} : i32[]", "-2147483648"},
    {"a f32[3] = 1 2 nan", "%s = as_sample %a {axis p} : f32<p>[]\n%y = sum %s {over p} : f32[]", "nan"},
    {"a i64[3,2] = 1 2 3 4 5 6", "%s = as_sample %a {axis p} : i64<p>[2]\n%y = sum %s {over p} : i64[2]", "9 12"},
    {"a f32[2,3] = 1 9 nan nan -inf 2", "%y = reduce_max %a {dim 1} : f32[2]", "nan nan"},
    {"a f32[2,2] = -0 -1 -0 0", "%y = reduce_max %a {dim 1} : f32[2]", "0 0"},
    {"a f32[2,0] =", "%y = reduce_max %a {dim 1} : f32[2]", "-inf -inf"},
    {"a i32[3] = -5 -2 -9", "%s = as_sample %a {axis p} : i32<p>[]\n%y = reduce_max %s {axis p} : i32[]", "-2"},
    {"a f32[3,4] = 1 3 3 2 0 nan 9 nan -0 0 -1 0", "%y = argmax %a {dim 1} : i32[3]", "1 1 0"},
    {"a i64[3,2] = 1 4 7 4 7 9", "%s = as_sample %a {axis p} : i64<p>[2]\n%y = argmax %s {axis p} : i32[2]", "1 2"},
    {"a f32[2,2] = 3e30 4e30 0 0", "%y = norm %a {dims [1]} : f32[2]", "5e30 0"},
    {"a f64[2] = 3 nan", "%y = norm %a {dims [0]} : f64[]", "nan"},
    {"a f32[0] =", "%y = norm %a {dims [0]} : f32[]", "0"},
    {"a f32[3] = 1 2 3", "%y = cumsum %a {dim 0} : f32[3]", "1 3 6"},
    {"a f32[3] = 1 2 3", "%y = cumsum %a {dim 0 exclusive} : f32[3]", "0 1 3"},
    {"a i32[3] = 1 2 3", "%y = cumsum %a {dim 0 reverse} : i32[3]", "6 5 3"},
    {"a f64[2,2] = 1 2 3 4", "%y = cumsum %a {dim 0 reverse exclusive} : f64[2,2]", "3 4 0 0"},
    {"a f32[2,5] = 3 -0 0 nan -1 1 1 1 1 1", "%y = argsort %a : i32[2,5]", "4 1 2 0 3 0 1 2 3 4"},
    {"a i32[4] = 3 1 2 1", "%y = argsort %a : i32[4]", "1 3 2 0"},
    /* contractions */
    {"a f32[2,3] = 1 2 3 4 5 6; b f32[3,2] = 1 0 2 1 0 3", "%y = dot %a, %b {contract 1:0} : f32[2,2]", "5 11 14 23"},
    {"a f32[2,3] = 1 2 3 4 5 6; b f32[2,3] = 1 0 2 1 0 3", "%y = dot %a, %b {contract 1:1} : f32[2,2]", "7 10 16 22"},
    {"a f32[2,2] = 1 2 3 4; b f32[2,3] = 1 2 3 4 5 6", "%y = dot %a, %b {batch 0:0} : f32[2,2,3]", "1 2 3 2 4 6 12 15 18 16 20 24"},
    {"a f32[2,0] =; b f32[0] =", "%y = dot %a, %b {contract 1:0} : f32[2]", "0 0"},
    {"a f64[3] = 1 2 3; b f64[3] = 4 5 6", "%y = dot %a, %b {contract 0:0} : f64[]", "32"},
    {"a f32[3,2] = 1 2 3 4 5 6; b f32[2] = 1 1",
     "%s = as_sample %a {axis p} : f32<p>[2]\n%t = as_sample %b {axis q} : f32<q>[]\n%y = dot %s, %t {over p} : f32<q>[2]", "9 12 9 12"},
    {"a f32[4] = 1 2 3 4; b f32[2] = 10 1", "%y = conv %a, %b {windows 0:0 stride 1 dilate 1:1 pad 0:0} : f32[3]", "12 23 34"},
    {"a f32[4] = 1 2 3 inf; b f32[2] = 0 1", "%y = conv %a, %b {windows 0:0 stride 2 dilate 1:2 pad 1:1} : f32[2]", "2 inf"},
    {"a f32[2] = 1 2; b f32[3] = 1 10 100", "%y = conv %a, %b {windows 0:0 stride 1 dilate 2:1 pad 2:2} : f32[5]", "100 10 201 20 2"},
    {"a f32[2] = 1 2; b f32[3] = 1 10 100", "%y = conv %a, %b {windows 0:0 stride 1 dilate 1:1 pad 0:0} : f32[0]", ""},
    /* layout */
    {"a f32[2,3] = 1 2 3 4 5 6", "%y = reshape %a {dims [3,2]} : f32[3,2]", "1 2 3 4 5 6"},
    {"a f32[2,3] = 1 2 3 4 5 6", "%y = transpose %a {dims [1,0]} : f32[3,2]", "1 4 2 5 3 6"},
    {"a i32[2] = 1 2", "%y = broadcast %a {dims [2,2] kept [0]} : i32[2,2]", "1 1 2 2"},
    {"a i32[2] = 1 2", "%y = broadcast %a {dims [2,2] kept [1]} : i32[2,2]", "1 2 1 2"},
    {"a f32[5] = 0 1 2 3 4", "%y = slice %a {lo [1] hi [5] step [2]} : f32[2]", "1 3"},
    {"a f32[2] = 0 1", "%y = slice %a {lo [2] hi [2] step [1]} : f32[0]", ""},
    {"a f32[2] = 1 2", "%y = pad %a {lo [1] hi [2] interior [1] value -inf} : f32[6]", "-inf 1 -inf 2 -inf -inf"},
    {"a f32[0] =", "%y = pad %a {lo [1] hi [1] interior [3] value 7} : f32[2]", "7 7"},
    {"a f32[1,2] = 1 2; b f32[2,2] = 3 4 5 6", "%y = concat %a, %b {dim 0} : f32[3,2]", "1 2 3 4 5 6"},
    {"a f32[3,1] = 1 2 3; b f32[1] = 9", "%s = as_sample %a {axis p} : f32<p>[1]\n%y = concat %b, %s {dim 0} : f32<p>[2]", "9 1 9 2 9 3"},
    {"a f32[2,2] = 1 2 3 4", "%y = reverse %a {dims [0,1]} : f32[2,2]", "4 3 2 1"},
    {"a f32[3,2] = 1 2 3 4 5 6; i i32[4] = 2 0 -1 3", "%y = gather %a, %i {batch 0} : f32[4,2]", "5 6 1 2 nan nan nan nan"},
    {"a i32[2,2] = 1 2 3 4; i i32[2] = 1 9", "%y = gather %a, %i {batch 1} : i32[2]", "2 0"},
    {"i i32[3] = 1 1 5; u f32[3] = 1 2 4", "%y = scatter_add %i, %u {n 3 batch 0} : f32[3]", "0 3 0"},
    {"i i32[2] = 0 1; u f64[2,2] = 1 2 3 4", "%y = scatter_add %i, %u {n 2 batch 1} : f64[2,2,2]", "1 2 0 0 0 0 3 4"},
    {"i i32[3] = 0 1 0; u f32[3] = 1 2 4",
     "%s = as_sample %i {axis p} : i32<p>[]\n%t = as_sample %u {axis p} : f32<p>[]\n%y = scatter_add %s, %t {n 2 batch 0 over p} : f32[2]", "5 2"},
    {"a f32[2] = 1 2", "%y = spread %a {over q} : f32<q>[2]", "1 2 1 2"},
    {"a f32[3,2,2] = 1 2 3 4 5 6 7 8 9 10 11 12",
     "%s = as_sample %a {axis p} : f32<p>[2,2]\n%t = as_sample %s {axis q} : f32<p,q>[2]\n%y = as_feature %t {axis p} : f32<q>[3,2]",
     "1 2 5 6 9 10 3 4 7 8 11 12"},
    /* whole matrices */
    {"a f32[2,2] = 4 2 2 10", "%y = cholesky %a : f32[2,2]", "2 0 1 3"},
    {"a f32[2,2] = 1 2 2 1", "%y = cholesky %a : f32[2,2]", "nan nan nan nan"},
    {"a f32[2,2] = 2 99 1 4; b f32[2,1] = 4 10", "%y = trisolve %a, %b : f32[2,1]", "2 2"},
    {"a f32[2,2] = 2 99 1 4; b f32[2,1] = 4 8", "%y = trisolve %a, %b {transpose} : f32[2,1]", "1 2"},
    {"a f64[2,2] = 0 2 4 0; b f64[2,1] = 6 8", "%y = solve %a, %b : f64[2,1]", "2 3"},
    {"a f32[3,1,1] = 1 2 4; b f32[1,1] = 8", "%s = as_sample %a {axis p} : f32<p>[1,1]\n%y = solve %s, %b : f32<p>[1,1]", "8 4 2"},
    {"a f32[2,2] = 3 0 0 -1", "%y, %z = eigh %a : f32[2], f32[2,2]", "-1 3 | 0 1 1 0"},
    /* control */
    {"c bool[] = 1; a f32[2] = 1 2", "%y = cond %c, %a (%u: f32[2]) {\n%n = neg %u : f32[2]\nyield %n\n} (%v: f32[2]) {\nyield %v\n} : f32[2]", "-1 -2"},
    {"c bool[] = 0; a f32[2] = 1 2", "%y = cond %c, %a (%u: f32[2]) {\n%n = neg %u : f32[2]\nyield %n\n} (%v: f32[2]) {\nyield %v\n} : f32[2]", "1 2"},
    {"a f32[] = 1; b f32[3] = 1 2 3; k f32[] = 10",
     "%y, %z = scan %a ; %b ; %k {n 3} (%h: f32[], %x: f32[], %w: f32[]) {\n%t = fma %h, %w, %x : f32[]\nyield %t, %h\n} : f32[], f32[3]",
     "1123 | 1 11 112"},
    {"a f32[] = 1", "%y = scan %a ; ; {n 0} (%h: f32[]) {\n%t = neg %h : f32[]\nyield %t\n} : f32[]", "1"},
    {"a f32[3] = 1 2 3; u bool[3] = 0 0 1",                 /* sample 0 stops at 4, sample 1 at 4, sample 2 never starts */
     "%s = as_sample %a {axis p} : f32<p>[]\n%t = as_sample %u {axis p} : bool<p>[]\n"
     "%v, %y, %z = scan %t, %s ; ; {n 3 until 0} (%f: bool<p>[], %h: f32<p>[]) {\n%g = add %h, %h : f32<p>[]\n"
     "%d = compare %g, 4 {ge} : bool<p>[]\nyield %d, %g, %h\n} : bool<p>[], f32<p>[], f32<p>[3]",
     "4 4 3 | 1 2 0 2 0 0 0 0 0"},
};

/* The next number of a list, NaN and inf too; NULL at its end or at a bar. */
static const char *next_number(const char *s, double *v)
{
    while (isspace((unsigned char)*s)) s++;
    if (!*s || *s == ';' || *s == '|') return NULL;
    char *end;
    *v = strtod(s, &end);
    cr_assert(end != s, "no number: %s", s);
    return end;
}

static char *module_text(const Golden *g, char *text, size_t size)
{
    char in[512], reads[512] = "", *save = NULL;
    snprintf(in, sizeof in, "%s", g->in);
    int n = snprintf(text, size, "axis p = 3\naxis q = 2\nslot \"tick\" counter : i64[]\n");
    for (char *slot = strtok_r(in, ";", &save); slot; slot = strtok_r(NULL, ";", &save)) {
        char name[16], type[32];
        if (sscanf(slot, " %15s %31s =", name, type) != 2) continue;
        n += snprintf(text + n, size - (size_t)n, "slot \"%s\" state : %s\n", name, type);
        snprintf(reads + strlen(reads), sizeof reads - strlen(reads), "%%%s = read \"%s\" : %s\n", name, name, type);
    }
    snprintf(text + n, size - (size_t)n, "fn f {report tick \"tick\"} {\n%s%s\nreport \"y\", %%y\n%s}\n", reads, g->body,
             strstr(g->body, "%z") ? "report \"z\", %z\n" : "");
    return text;
}

static void fill_slots(Prog *p, const Golden *g)
{
    const char *s = g->in;
    for (int i = 1; i < p->m->slots.n; i++) {               /* slot 0 is the tick */
        const IrType *t = &p->m->slots.v[i].type;
        double        v = 0;
        s = strchr(s, '=') + 1;
        for (int64_t k = 0; k < count_of(p, t); k++) {
            s = next_number(s, &v);
            cr_assert(s, "too few numbers: %s", g->in);
            if (t->elem == IR_I64) ((int64_t *)p->slot[i])[k] = (int64_t)v;
            else set(t->elem, p->slot[i], k, v);
        }
    }
}

static void check_report(const Prog *p, const Golden *g, int report, const char **out)
{
    const IrType *t = &p->m->fns.v[0]->reports.v[report].val->type;
    for (int64_t k = 0; k < count_of(p, t); k++) {
        double      want = 0, got = get(t->elem, p->report[report], k);
        const char *next = next_number(*out, &want);
        cr_assert(next, "%s: more values than expected: %s", g->body, g->out);
        if (t->elem == IR_F32) want = (float)want;
        cr_assert(same(want, got), "%s\n%s\nresult %d, element %ld: %.17g, expected %.17g", g->in, g->body, report, (long)k, got, want);
        *out = next;
    }
    cr_assert(!next_number(*out, &(double){0}), "%s: fewer values than expected: %s", g->body, g->out);
    while (isspace((unsigned char)**out)) ++*out;
    if (**out == '|') ++*out;
}

Test(interp, golden_values_of_every_row)
{
    bool seen[IR_OP_COUNT] = {[IR_uniform] = true, [IR_normal] = true, [IR_randint] = true, [IR_permute] = true, [IR_extern] = true};  /* below */
    char text[4096];
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        Prog *p = load(module_text(&golden[i], text, sizeof text));
        fill_slots(p, &golden[i]);
        run_well(p);
        const char *out = golden[i].out;
        for (int k = 0; k < p->m->fns.v[0]->reports.n; k++) check_report(p, &golden[i], k, &out);
        for (const IrNode *n = p->m->fns.v[0]->body.first; n; n = ir_next(n)) seen[n->op] = true;
        arena_free(p->arena);
    }
    for (int op = 0; op < IR_OP_COUNT; op++) cr_assert(seen[op], "no golden value for %s", ir_op_info[op].name);
}

/* ---- the sentences, a second time ------------------------------------------------------------------------------- */

static const int64_t sizes[] = {0, 1, 15, 16, 17, 31, 33, 64, 65, 511, 512, 513};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static double noise(uint64_t *state)                        /* some magnitudes, so that order shows */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    double u = (double)(int64_t)*state * 0x1p-63;
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return u * ldexp(1, (int)(*state >> 61));
}

static void fill_noise(Prog *p, uint64_t seed)
{
    for (int i = 0; i < p->m->slots.n; i++) {
        const IrType *t = &p->m->slots.v[i].type;
        for (int64_t k = 0; k < count_of(p, t); k++) set(t->elem, p->slot[i], k, t->elem == IR_I32 ? floor(4 + 4 * noise(&seed) / 128) : noise(&seed));
    }
}

static int64_t shard_size(int64_t n)
{
    int64_t s = (n + 63) / 64;
    s = s < 2 ? 2 : s > 8 ? 8 : s;
    return n ? ((n + s - 1) / s + 31) / 32 * 32 : 1;
}

static double tree_f64(double *v, int64_t n)
{
    if (n == 0) return 0;
    for (; n > 1; n = (n + 1) / 2)
        for (int64_t i = 0; i < (n + 1) / 2; i++) v[i] = 2 * i + 1 < n ? v[2 * i] + v[2 * i + 1] : v[2 * i];
    return v[0];
}

static float tree_f32(float *v, int64_t n)
{
    if (n == 0) return 0;
    for (; n > 1; n = (n + 1) / 2)
        for (int64_t i = 0; i < (n + 1) / 2; i++) v[i] = 2 * i + 1 < n ? v[2 * i] + v[2 * i + 1] : v[2 * i];
    return v[0];
}

static float lanes_f32(float *l)
{
    for (int h = 8; h; h /= 2)
        for (int i = 0; i < h; i++) l[i] += l[i + h];
    return l[0];
}

static double lanes_f64(double *l)
{
    for (int h = 8; h; h /= 2)
        for (int i = 0; i < h; i++) l[i] += l[i + h];
    return l[0];
}

/* x is [n][m][d]; sums over the first place, over the second, over both, of element j of the dims. */
static float over_first(const float *x, int64_t n, int64_t m, int64_t d, int64_t b, int64_t j)
{
    float   part[8];
    int64_t q = shard_size(n), s = 0;
    for (int64_t from = 0; from < n; from += q, s++) {
        float l[16] = {0};
        for (int64_t i = from; i < n && i < from + q; i++) l[(i - from) % 16] += x[(i * m + b) * d + j];
        part[s] = lanes_f32(l);
    }
    return tree_f32(part, s);
}

static float over_second(const float *x, int64_t m, int64_t d, int64_t a, int64_t j)
{
    float   part[8];
    int64_t q = shard_size(m), s = 0;
    for (int64_t from = 0; from < m; from += q, s++) {
        float l[16] = {0};
        for (int64_t i = from; i < m && i < from + q; i++) l[(i - from) % 16] += x[(a * m + i) * d + j];
        part[s] = lanes_f32(l);
    }
    return tree_f32(part, s);
}

static void over_both(const float *x, int64_t n, int64_t m, int64_t d, int64_t j, float *narrow, float *wide)
{
    float   part[8];
    double  part64[8];
    int64_t q = shard_size(n), s = 0;
    for (int64_t from = 0; from < n; from += q, s++) {
        float  l[16] = {0};
        double l64[16] = {0};
        for (int64_t block = from; block < n && block < from + q; block += 16)
            for (int64_t k = 0; k < m; k++)
                for (int64_t lane = 0; lane < 16; lane++) {
                    int64_t i = block + lane;
                    if (i >= n || i >= from + q) continue;
                    l[lane] += x[(i * m + k) * d + j];
                    l64[lane] += (double)x[(i * m + k) * d + j];
                }
        part[s] = lanes_f32(l);
        part64[s] = lanes_f64(l64);
    }
    *narrow = tree_f32(part, s);
    *wide = (float)tree_f64(part64, s);
}

Test(interp, sums_over_samples)
{
    enum { D = 3 };
    for (int s = 0; s < N_SIZES; s++) {
        int64_t n = sizes[s], m = s % 2 ? 5 : 70;
        char    text[2048];
        snprintf(text, sizeof text,
                 "axis p = %ld\naxis q = %ld\nslot \"x\" state : f32[%ld,%ld,%d]\nfn f {report} {\n%%x = read \"x\" : f32[%ld,%ld,%d]\n"
                 "%%s = as_sample %%x {axis p} : f32<p>[%ld,%d]\n%%t = as_sample %%s {axis q} : f32<p,q>[%d]\n"
                 "%%a = sum %%t {over p} : f32<q>[%d]\n%%b = sum %%t {over q} : f32<p>[%d]\n%%c = sum %%t {over p,q} : f32[%d]\n"
                 "%%u = slice %%t {lo [1] hi [2] step [1]} : f32<p,q>[1]\n%%v = reshape %%u {dims []} : f32<p,q>[]\n%%d = sum %%v {over p,q} : f32[]\n"
                 "report \"a\", %%a\nreport \"b\", %%b\nreport \"c\", %%c\nreport \"d\", %%d\n}\n",
                 (long)n, (long)m, (long)n, (long)m, D, (long)n, (long)m, D, (long)m, D, D, D, D, D);
        Prog *p = load(text);
        fill_noise(p, (uint64_t)n);
        run_well(p);
        const float *x = p->slot[0], *a = p->report[0], *b = p->report[1], *c = p->report[2], *d = p->report[3];
        for (int64_t j = 0; j < D; j++) {
            float narrow, wide;
            for (int64_t k = 0; k < m; k++) cr_assert_eq(a[k * D + j], over_first(x, n, m, D, k, j), "n = %ld", (long)n);
            for (int64_t k = 0; k < n; k++) cr_assert_eq(b[k * D + j], over_second(x, m, D, k, j), "n = %ld", (long)n);
            over_both(x, n, m, D, j, &narrow, &wide);
            cr_assert_eq(c[j], narrow, "n = %ld", (long)n);
            if (j == 1) cr_assert_eq(d[0], wide, "n = %ld", (long)n);
        }
        arena_free(p->arena);
    }
}

Test(interp, sums_over_dims)
{
    const int64_t lengths[] = {1, 15, 17, 4095, 4096, 4097, 12289};
    for (size_t s = 0; s < sizeof lengths / sizeof *lengths; s++) {
        long n = (long)lengths[s];
        char text[1024];
        snprintf(text, sizeof text,
                 "slot \"x\" state : f32[2,%ld]\nfn f {report} {\n%%x = read \"x\" : f32[2,%ld]\n%%a = sum %%x {dims [1]} : f32[2]\n"
                 "%%b = sum %%x {dims [0,1]} : f32[]\n%%c = norm %%x {dims [1]} : f32[2]\nreport \"a\", %%a\nreport \"b\", %%b\nreport \"c\", %%c\n}\n", n, n);
        Prog *p = load(text);
        fill_noise(p, (uint64_t)n);
        run_well(p);
        const float *x = p->slot[0], *a = p->report[0], *b = p->report[1], *c = p->report[2];
        double       whole[8], square[8];
        float        rows[8];
        int64_t      chunks = 0;
        for (int64_t from = 0; from < 2 * n; from += 4096, chunks++) {
            double l[16] = {0};
            for (int64_t i = from; i < 2 * n && i < from + 4096; i++) l[(i - from) % 16] += (double)x[i];
            whole[chunks] = lanes_f64(l);
        }
        cr_assert_eq(b[0], (float)tree_f64(whole, chunks), "n = %ld", n);
        for (int r = 0; r < 2; r++) {
            chunks = 0;
            for (int64_t from = 0; from < n; from += 4096, chunks++) {
                float  l[16] = {0};
                double l2[16] = {0};
                for (int64_t i = from; i < n && i < from + 4096; i++) {
                    l[(i - from) % 16] += x[r * n + i];
                    l2[(i - from) % 16] += (double)x[r * n + i] * (double)x[r * n + i];
                }
                rows[chunks] = lanes_f32(l);
                square[chunks] = lanes_f64(l2);
            }
            cr_assert_eq(a[r], tree_f32(rows, chunks), "n = %ld", n);
            cr_assert_eq(c[r], (float)sqrt(tree_f64(square, chunks)), "n = %ld", n);
        }
        arena_free(p->arena);
    }
}

/* Two pairs on axes of n and n - shift samples: x [n][k][i], y [n][k][j] contract k; and without the second pair. */
typedef struct Operands {
    const float *x, *y;
    int64_t      n;
} Operands;

static float dot_over(const Operands *o, int pairs, int64_t k_n, int64_t i_n, int64_t j_n, int64_t i, int64_t j, bool lanes)
{
    float   part[8];
    int64_t q0 = shard_size(o[0].n), shards = o[0].n ? (o[0].n + q0 - 1) / q0 : 0;
    for (int64_t s = 0; s < shards; s++) {
        float l[16] = {0};
        for (int64_t turn = 0; turn < 1024; turn += 64)
            for (int p = 0; p < pairs; p++) {
                int64_t q = shard_size(o[p].n);
                for (int64_t block = turn; block < turn + 64; block += 16)
                    for (int64_t k = 0; k < k_n; k++)
                        for (int64_t u = block; u < block + 16 && u < q && s * q + u < o[p].n; u++) {
                            int64_t at = s * q + u;
                            float  *acc = &l[lanes ? u % 16 : 0];
                            *acc = fmaf(o[p].x[(at * k_n + k) * i_n + i], o[p].y[(at * k_n + k) * j_n + j], *acc);
                        }
            }
        part[s] = lanes ? lanes_f32(l) : l[0];
    }
    return tree_f32(part, shards);
}

Test(interp, dot_over_samples)
{
    const int64_t shapes[][3] = {{1, 16, 33}, {2, 16, 16}, {1, 3, 40}, {2, 40, 1}};        /* k, i, j: chains and lanes */
    for (int s = 0; s < N_SIZES; s++)
        for (int h = 0; h < 4; h++) {
            int64_t n = sizes[s], m = n > 70 ? n - 3 : n, k = shapes[h][0], i_n = shapes[h][1], j_n = shapes[h][2];
            if (shard_size(n) && (n + shard_size(n) - 1) / shard_size(n) != (m + shard_size(m) - 1) / shard_size(m)) m = n;
            char text[2048];
            snprintf(text, sizeof text,
                     "axis p = %ld\naxis q = %ld\nslot \"x\" state : f32[%ld,%ld,%ld]\nslot \"y\" state : f32[%ld,%ld,%ld]\nslot \"u\" state : f32[%ld,%ld,%ld]\n"
                     "slot \"v\" state : f32[%ld,%ld,%ld]\nfn f {report} {\n%%x = read \"x\" : f32[%ld,%ld,%ld]\n%%y = read \"y\" : f32[%ld,%ld,%ld]\n"
                     "%%u = read \"u\" : f32[%ld,%ld,%ld]\n%%v = read \"v\" : f32[%ld,%ld,%ld]\n%%xs = as_sample %%x {axis p} : f32<p>[%ld,%ld]\n"
                     "%%ys = as_sample %%y {axis p} : f32<p>[%ld,%ld]\n%%us = as_sample %%u {axis q} : f32<q>[%ld,%ld]\n%%vs = as_sample %%v {axis q} : f32<q>[%ld,%ld]\n"
                     "%%a = dot %%xs, %%ys {contract 0:0 over p} : f32[%ld,%ld]\n%%b = dot %%xs, %%ys ; %%us, %%vs {contract 0:0 over p ; q} : f32[%ld,%ld]\n"
                     "report \"a\", %%a\nreport \"b\", %%b\n}\n",
                     (long)n, (long)m, (long)n, (long)k, (long)i_n, (long)n, (long)k, (long)j_n, (long)m, (long)k, (long)i_n, (long)m, (long)k, (long)j_n,
                     (long)n, (long)k, (long)i_n, (long)n, (long)k, (long)j_n, (long)m, (long)k, (long)i_n, (long)m, (long)k, (long)j_n, (long)k, (long)i_n,
                     (long)k, (long)j_n, (long)k, (long)i_n, (long)k, (long)j_n, (long)i_n, (long)j_n, (long)i_n, (long)j_n);
            Prog *p = load(text);
            fill_noise(p, (uint64_t)(n + h));
            run_well(p);
            Operands     o[2] = {{p->slot[0], p->slot[1], n}, {p->slot[2], p->slot[3], m}};
            const float *a = p->report[0], *b = p->report[1];
            bool         lanes = i_n < 16 || j_n < 16;
            for (int64_t i = 0; i < i_n; i += 5)
                for (int64_t j = 0; j < j_n; j++) {
                    cr_assert_eq(a[i * j_n + j], dot_over(o, 1, k, i_n, j_n, i, j, lanes), "n = %ld, shape %d", (long)n, h);
                    cr_assert_eq(b[i * j_n + j], dot_over(o, 2, k, i_n, j_n, i, j, lanes), "n = %ld, shape %d, two pairs", (long)n, h);
                }
            arena_free(p->arena);
        }
}

/* Over two axes at once: the first is cut into shards, the second is inside. */
Test(interp, dot_over_two_axes)
{
    enum { N = 65, M = 3, I = 17, J = 20 };
    for (int lanes = 0; lanes < 2; lanes++) {
        int  j_n = lanes ? 2 : J;
        char text[1024];
        snprintf(text, sizeof text,
                 "axis p = %d\naxis q = %d\nslot \"x\" state : f32[%d,%d,%d]\nslot \"y\" state : f32[%d,%d]\nfn f {report} {\n%%x = read \"x\" : f32[%d,%d,%d]\n"
                 "%%y = read \"y\" : f32[%d,%d]\n%%a = as_sample %%x {axis p} : f32<p>[%d,%d]\n%%b = as_sample %%a {axis q} : f32<p,q>[%d]\n"
                 "%%c = as_sample %%y {axis p} : f32<p>[%d]\n%%d = dot %%b, %%c {over p,q} : f32[%d,%d]\nreport \"d\", %%d\n}\n",
                 N, M, N, M, I, N, j_n, N, M, I, N, j_n, M, I, I, j_n, I, j_n);
        Prog *p = load(text);
        fill_noise(p, 3);
        run_well(p);
        const float *x = p->slot[0], *y = p->slot[1], *d = p->report[0];
        for (int i = 0; i < I; i++)
            for (int j = 0; j < j_n; j++) {
                float   part[8];
                int64_t s = 0, q = shard_size(N);
                for (int64_t from = 0; from < N; from += q, s++) {
                    float l[16] = {0};
                    for (int64_t block = from; block < N && block < from + q; block += 16)
                        for (int m = 0; m < M; m++)
                            for (int64_t n = block; n < N && n < block + 16; n++) {
                                float *acc = &l[lanes ? n - block : 0];
                                *acc = fmaf(x[(n * M + m) * I + i], y[n * j_n + j], *acc);
                            }
                    part[s] = lanes ? lanes_f32(l) : l[0];
                }
                cr_assert_eq(d[i * j_n + j], tree_f32(part, s));
            }
        arena_free(p->arena);
    }
}

/* x<p>[c,h,w] with a kernel [o,c,kh,kw], and the product of x and g<p>[o,h',w'] over p that a kernel's gradient is. */
Test(interp, conv_in_two_dims)
{
    enum { N = 65, C = 2, H = 5, W = 4, O = 3, KH = 3, KW = 2, OH = 3, OW = 5, STRIDE = 2, DIL = 1, LO = 1 };
    const char *text =
        "axis p = 65\nslot \"x\" state : f32[65,2,5,4]\nslot \"k\" state : f32[3,2,3,2]\nslot \"g\" state : f32[65,3,3,5]\nfn f {report} {\n"
        "%x = read \"x\" : f32[65,2,5,4]\n%k = read \"k\" : f32[3,2,3,2]\n%g = read \"g\" : f32[65,3,3,5]\n%s = as_sample %x {axis p} : f32<p>[2,5,4]\n"
        "%t = as_sample %g {axis p} : f32<p>[3,3,5]\n"
        "%y = conv %s, %k {windows 1:2 stride 2 dilate 1:1 pad 1:1, 2:3 stride 1 dilate 1:1 pad 1:1 contract 0:1} : f32<p>[3,5,3]\n"
        "%z = conv %s, %t {windows 1:1 stride 1 dilate 1:2 pad 1:1, 2:2 stride 1 dilate 1:1 pad 1:1 over p} : f32[3,2,2,3]\n"
        "report \"y\", %y\nreport \"z\", %z\n}\n";
    Prog *p = load(text);
    fill_noise(p, 9);
    run_well(p);
    const float *x = p->slot[0], *k = p->slot[1], *g = p->slot[2], *y = p->report[0], *z = p->report[1];
    for (int n = 0; n < N; n++)
        for (int oh = 0; oh < OH; oh++)
            for (int ow = 0; ow < OW; ow++)
                for (int o = 0; o < O; o++) {
                    float acc = 0;
                    for (int i = 0; i < KH; i++)
                        for (int j = 0; j < KW; j++)
                            for (int c = 0; c < C; c++) {
                                int h = oh * STRIDE + i - LO, w = ow + j - LO;
                                if (h < 0 || h >= H || w < 0 || w >= W) continue;
                                acc = fmaf(x[((n * C + c) * H + h) * W + w], k[((o * C + c) * KH + i) * KW + j], acc);
                            }
                    cr_assert_eq(y[((n * OH + oh) * OW + ow) * O + o], acc);
                }
    for (int kh = 0; kh < KH; kh++)
        for (int kw = 0; kw < KW; kw++)
            for (int c = 0; c < C; c++)
                for (int o = 0; o < O; o++) {
                    float part[2] = {0};
                    for (int block = 0; block < N; block += 16)
                        for (int i = 0; i < OH; i++)
                            for (int j = 0; j < OW; j++)
                                for (int n = block; n < N && n < block + 16; n++) {
                                    int    h = kh + 2 * i - LO, w = kw + j - LO;
                                    float *acc = &part[block / 64];
                                    if (h < 0 || h >= H || w < 0 || w >= W) continue;
                                    *acc = fmaf(x[((n * C + c) * H + h) * W + w], g[((n * O + o) * OH + i) * OW + j], *acc);
                                }
                    cr_assert_eq(z[((kh * KW + kw) * C + c) * O + o], part[0] + part[1]);
                }
    arena_free(p->arena);
}

/* On small whole numbers every order gives the same sum, so a marked product must equal its chain; b as it is and transposed,
 * and over samples with two pairs, on shards. */
Test(interp, marked_products_are_placed_like_chains)
{
    const char *text =
        "axis p = 130\naxis q = 3\naxis r = 129\nslot \"x\" state : f32[130,3,2,4]\nslot \"w\" state : f32[4,5]\nslot \"v\" state : f32[5,4]\n"
        "slot \"g\" state : f32[130,3,20]\nslot \"h\" state : f32[129,17]\nslot \"k\" state : f32[129,20]\nfn f {report} {\n"
        "%x = read \"x\" : f32[130,3,2,4]\n%w = read \"w\" : f32[4,5]\n%v = read \"v\" : f32[5,4]\n%g = read \"g\" : f32[130,3,20]\n"
        "%h = read \"h\" : f32[129,17]\n%k = read \"k\" : f32[129,20]\n"
        "%s = as_sample %x {axis p} : f32<p>[3,2,4]\n%t = as_sample %s {axis q} : f32<p,q>[2,4]\n"
        "%gp = as_sample %g {axis p} : f32<p>[3,20]\n%gq = as_sample %gp {axis q} : f32<p,q>[20]\n%hr = as_sample %h {axis r} : f32<r>[17]\n"
        "%kr = as_sample %k {axis r} : f32<r>[20]\n%g0 = slice %gq {lo [0] hi [17] step [1]} : f32<p,q>[17]\n"
        "%y = dot %t, %w {contract 1:0 form FORM} : f32<p,q>[2,5]\n%z = dot %t, %v {contract 1:1 form FORM} : f32<p,q>[2,5]\n"
        "%d = dot %g0, %gq ; %hr, %kr {over p,q ; r form FORM} : f32[17,20]\n"
        "report \"y\", %y\nreport \"z\", %z\nreport \"d\", %d\n}\n";
    Prog *p[2];
    for (int blas = 0; blas < 2; blas++) {
        char marked[4096], *to = marked;
        for (const char *c = text; *c;) {
            if (!strncmp(c, "FORM", 4)) to += sprintf(to, "%s", blas ? "blas" : "chain"), c += 4;
            else *to++ = *c++;
        }
        *to = 0;
        p[blas] = load(marked);
        for (int i = 0; i < p[blas]->m->slots.n; i++)
            for (int64_t k = 0; k < count_of(p[blas], &p[blas]->m->slots.v[i].type); k++) ((float *)p[blas]->slot[i])[k] = (float)((k * 7 + i) % 11 - 5);
        run_well(p[blas]);
    }
    for (int i = 0; i < 3; i++)
        for (int64_t k = 0; k < count_of(p[0], &p[0]->m->fns.v[0]->reports.v[i].val->type); k++)
            cr_assert_eq(((float *)p[0]->report[i])[k], ((float *)p[1]->report[i])[k], "result %d, element %ld", i, (long)k);
    arena_free(p[0]->arena);
    arena_free(p[1]->arena);
}

Test(interp, scatter_over_samples)
{
    enum { EXTENT = 8 };
    for (int s = 0; s < N_SIZES; s++) {
        long n = (long)sizes[s];
        char text[1024];
        snprintf(text, sizeof text,
                 "axis p = %ld\nslot \"i\" state : i32[%ld,2]\nslot \"u\" state : f32[%ld,2]\nfn f {report} {\n%%i = read \"i\" : i32[%ld,2]\n%%u = read \"u\" : f32[%ld,2]\n"
                 "%%a = as_sample %%i {axis p} : i32<p>[2]\n%%b = as_sample %%u {axis p} : f32<p>[2]\n%%y = scatter_add %%a, %%b {n 8 batch 0 over p} : f32[8]\nreport \"y\", %%y\n}\n",
                 n, n, n, n, n);
        Prog *p = load(text);
        fill_noise(p, (uint64_t)n);
        run_well(p);
        const int32_t *index = p->slot[0];
        const float   *u = p->slot[1], *y = p->report[0];
        for (int e = 0; e < EXTENT; e++) {
            float   part[8];
            int64_t q = shard_size(n), shards = 0;
            for (int64_t from = 0; from < n; from += q, shards++) {
                part[shards] = 0;
                for (int64_t i = 2 * from; i < 2 * n && i < 2 * (from + q); i++)
                    if (index[i] == e) part[shards] += u[i];
            }
            cr_assert_eq(y[e], tree_f32(part, shards), "n = %ld", n);
        }
        arena_free(p->arena);
    }
}

/* ---- draws ------------------------------------------------------------------------------------------------------ */

static const char *draws =
    "axis p = 3\nslot \"tick\" counter : i64[]\nslot \"at\" state : i64[4]\nfn f {report tick \"tick\"} {\n"
    "%u = uniform {stream \"a\"} : f32<p>[5]\n%n = normal {stream \"b\"} : f64<p>[2]\n%r = randint {stream \"c\" n 10} : i32<p>[]\n"
    "%at = read \"at\" : i64[4]\n%m = permute %at {stream \"d\" n 7} : i32[4]\nreport \"u\", %u\nreport \"n\", %n\nreport \"r\", %r\nreport \"m\", %m\n}\n";

Test(interp, draws_are_functions_of_their_place)
{
    Prog *p = load(draws);
    *(int64_t *)p->slot[0] = 5;
    memcpy(p->slot[1], (int64_t[]){0, 1, 6, 7}, 32);
    run_well(p);
    for (uint32_t s = 0; s < 3; s++) {
        RandomAt at = {random_key(1, "a"), 5, 0};
        for (uint64_t e = 0; e < 5; e++) cr_assert_eq(((float *)p->report[0])[s * 5 + e], random_uniform_f32(at, s * 5 + e));
        at.key = random_key(1, "b");
        for (uint64_t e = 0; e < 2; e++) cr_assert_eq(((double *)p->report[1])[s * 2 + e], random_normal_f64(at, s * 2 + e));
        at.key = random_key(1, "c");
        cr_assert_eq(((int32_t *)p->report[2])[s], random_randint(at, s, 10));
    }
    for (int i = 0; i < 4; i++) cr_assert_eq(((int32_t *)p->report[3])[i], random_permute(random_key(1, "d"), 7, ((int64_t *)p->slot[1])[i]));

    float before[15], again[15];
    memcpy(before, p->report[0], sizeof before);
    run_well(p);
    memcpy(again, p->report[0], sizeof again);
    cr_assert_arr_eq(before, again, sizeof before);
    *(int64_t *)p->slot[0] = 6;
    run_well(p);
    cr_assert_neq(before[0], ((float *)p->report[0])[0]);
    p->memory.seed = 2;
    *(int64_t *)p->slot[0] = 5;
    run_well(p);
    cr_assert_neq(before[0], ((float *)p->report[0])[0]);
    arena_free(p->arena);
}

/* Iterations of nested scans count row-major. */
Test(interp, draws_in_scans)
{
    Prog *p = load("fn f {report} {\n%z = const {value 0} : f32[]\n"
                   "%a, %y = scan %z ; ; {n 2} (%h: f32[]) {\n%b, %o = scan %h ; ; {n 3} (%g: f32[]) {\n"
                   "%u = uniform {stream \"a\"} : f32[]\nyield %g, %u\n} : f32[], f32[3]\nyield %b, %o\n} : f32[], f32[2,3]\nreport \"y\", %y\n}\n");
    run_well(p);
    for (uint32_t i = 0; i < 6; i++)
        cr_assert_eq(((float *)p->report[0])[i], random_uniform_f32((RandomAt){random_key(1, "a"), 0, i}, 0), "iteration %u", i);
    arena_free(p->arena);
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

static const char *swap =
    "slot \"a\" state : f32[2]\nslot \"b\" state : f32[2]\nslot \"n\" counter : i64[]\nfn f {state} {\n%a = read \"a\" : f32[2]\n%b = read \"b\" : f32[2]\n"
    "%n = read \"n\" : i64[]\n%m = add %n, 1 : i64[]\n%s = add %a, %b : f32[2]\ncommit \"a\", %b\ncommit \"b\", %a\ncommit \"n\", %m\nreport \"s\", %s\n}\n";

Test(interp, commits_take_effect_together)
{
    Prog *p = load(swap);
    memcpy(p->slot[0], (float[]){1, 2}, 8);
    memcpy(p->slot[1], (float[]){3, 4}, 8);
    float beside[2] = {0};
    GanError err;
    cr_assert_eq(interp_fn(p->m, p->m->fns.v[0], &p->memory, NULL, (void *[]){beside, NULL, NULL}, NULL, &err), GAN_OK);
    cr_assert(beside[0] == 3 && ((float *)p->slot[0])[0] == 1 && *(int64_t *)p->slot[2] == 0);
    run_well(p);
    const float *a = p->slot[0], *b = p->slot[1], *s = p->report[0];
    cr_assert(a[0] == 3 && a[1] == 4 && b[0] == 1 && b[1] == 2 && s[0] == 4 && s[1] == 6);
    cr_assert_eq(*(int64_t *)p->slot[2], 1);
    arena_free(p->arena);
}

typedef struct Seen {
    int         results, stop_at;
    const char *last_op;
    bool        operands;
} Seen;

static bool see(void *self, const InterpRun *run, const IrNode *node, int result, uint32_t iteration, const void *data)
{
    Seen *s = self;
    s->last_op = ir_op_info[node->op].name;
    for (int i = 0; i < node->n_args; i++) s->operands = s->operands && interp_value(run, node->arg[i]);
    return data && result == 0 && iteration == 0 && ++s->results != s->stop_at;
}

Test(interp, a_watcher_sees_every_value_and_may_stop)
{
    Prog       *p = load(swap);
    Seen        seen = {.operands = true};
    InterpWatch watch = {see, &seen};
    cr_assert_eq(interp_fn(p->m, p->m->fns.v[0], &p->memory, p->report, NULL, &watch, NULL), GAN_OK);
    cr_assert(seen.results == 6 && seen.operands && !strcmp(seen.last_op, "add"), "%d results", seen.results);
    cr_assert_eq(*(int64_t *)p->slot[2], 1);
    seen = (Seen){.stop_at = 5, .operands = true};
    cr_assert_eq(interp_fn(p->m, p->m->fns.v[0], &p->memory, p->report, NULL, &watch, NULL), GAN_OK);
    cr_assert(seen.results == 5 && *(int64_t *)p->slot[2] == 1);
    arena_free(p->arena);
}

static bool see_what_is_alive(void *self, const InterpRun *run, const IrNode *node, int result, uint32_t iteration, const void *data)
{
    (void)self, (void)result, (void)iteration, (void)data;
    const IrVal *operand = node->n_args ? node->arg[0] : NULL;
    for (int back = 0; operand; back++) {                   /* the operand lives; what it was made of does not */
        cr_assert_eq(interp_value(run, operand) != NULL, back == 0);
        operand = operand->def->n_args ? operand->def->arg[0] : NULL;
    }
    return true;
}

Test(interp, values_die_after_their_last_use)
{
    Prog *p = load("slot \"a\" state : f32[2]\nfn f {report} {\n%a = read \"a\" : f32[2]\n%b = neg %a : f32[2]\n%c = reshape %b {dims [2,1]} : f32[2,1]\n"
                   "%d = stop %c : f32[2,1]\n%e = neg %d : f32[2,1]\n%f = abs %e : f32[2,1]\nreport \"f\", %f\n}\n");
    InterpWatch watch = {see_what_is_alive, NULL};
    memcpy(p->slot[0], (float[]){-1, 2}, 8);
    cr_assert_eq(interp_fn(p->m, p->m->fns.v[0], &p->memory, p->report, NULL, &watch, NULL), GAN_OK);
    cr_assert(((float *)p->report[0])[0] == 1 && ((float *)p->report[0])[1] == 2);
    arena_free(p->arena);
}

Test(interp, what_cannot_run_is_refused)
{
    GanError err = {0};
    Prog    *p = load("slot \"a\" state : f32[]\nfn f {report} {\n%a = read \"a\" : f32[]\n%s = const {value 1} : i64[]\n%y = extern %s, %a {symbol \"s\"} : f32[]\nreport \"y\", %y\n}\n");
    cr_assert_eq(run(p, &err), GAN_WRONG);
    cr_assert(strstr(err.message, "no shared object has been opened for it"), "%s", err.message);
    arena_free(p->arena);

    p = load("axis p = 1000000\naxis q = 1000000\nfn f {report} {\n%a = index {axis p} : i32<p>[]\n%b = spread %a {over q} : i32<p,q>[]\n"
             "%y = sum %b {over p,q} : i32[]\nreport \"y\", %y\n}\n");
    cr_assert_eq(run(p, &err), GAN_WORLD);
    cr_assert(strstr(err.message, "no memory"), "%s", err.message);
    arena_free(p->arena);
}

Test(interp, engine)
{
    Prog     *p = load(swap);
    _Alignas(64) char arena[192] = {0};
    GanSlot   slots[] = {{"a", GAN_STATE, GAN_F32, 1, {2}, 0, 8, NULL}, {"b", GAN_DATA, GAN_F32, 1, {2}, 0, 8, NULL}, {"n", GAN_COUNTER, GAN_I64, 0, {0}, 128, 8, NULL}};
    GanFunction fn = {.name = "f"};
    GanProgram  program = {.slot = slots, .n_slots = 3, .function = &fn, .n_functions = 1};
    slots[1].kind = GAN_STATE;
    slots[1].offset = 64;
    GanState  state = {.base = arena, .bytes = sizeof arena, .seed = 1};
    GanEngine engine;
    GanError  err;
    float     sum[2];
    ((float *)arena)[0] = 5;
    ((float *)(arena + 64))[0] = 7;
    cr_assert_eq(interp_engine_new(p->m, &program, &engine, &err), GAN_OK);
    cr_assert_eq(engine.run(engine.self, 0, &state, (void *[]){sum}, &err), GAN_OK);
    cr_assert(((float *)arena)[0] == 7 && ((float *)(arena + 64))[0] == 5 && *(int64_t *)(arena + 128) == 1 && sum[0] == 12);
    engine.free(engine.self);
    arena_free(p->arena);
}
