/* test_single.c - an axis of one sample goes, and every number stays what it was, a row at a time: the function run as it is, and behind the pass. */
#include "compiler/interp/interp.h"
#include "compiler/opt/pass.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const char *const preamble = "axis a = 1\naxis b = 5\naxis c = 1\nslot \"v\" state : f32[5]\nslot \"w\" state : f32[5,2]\nslot \"i\" state : i32[3]\n"
                                    "fn f {state} {\n%v = read \"v\" : f32[5]\n%w = read \"w\" : f32[5,2]\n%i = read \"i\" : i32[3]\n"
                                    "%x = normal {stream \"x\"} : f32<a,b>[5]\n%y = normal {stream \"y\"} : f32<a>[5,2]\n%z = uniform {stream \"z\"} : f32<a>[]\n";

static const struct { bool same; const char *text; } rows[] = {         /* same: to the bit; else sums go in another order */
    {true, "%t = exp %x : f32<a,b>[5]\n%r = mul %t, %z : f32<a,b>[5]"},
    {true, "%k = index {axis a} : i32<a>[]\n%t = convert %k {f32} : f32<a>[]\n%s = add %t, %z : f32<a>[]\n%r = as_feature %s {axis a} : f32[1]"},
    {true, "%t = reshape %y {dims [1,10]} : f32<a>[1,10]\n%s = as_feature %t {axis a} : f32[1,1,10]\n%r = as_sample %s {axis c} : f32<c>[1,10]"},
    {true, "%r = spread %v {over a,b} : f32<a,b>[5]"},
    {true, "%t = sum %z {over a} : f32[]\n%s = sum %y {over a} : f32[5,2]\n%r = add %s, %t : f32[5,2]"},
    {false, "%r = sum %x {over a,b} : f32[5]"},
    {true, "%t = reduce_max %y {axis a} : f32[5,2]\n%k = argmax %y {axis a} : i32[5,2]\n%f = convert %k {f32} : f32[5,2]\n%r = add %t, %f : f32[5,2]"},
    {false, "%r = dot %y, %x {contract 0:0 over a,b} : f32[2]"},
    {true, "%r = dot %y, %x {contract 0:0 over a} : f32<b>[2]"},
    {true, "%t = as_sample %w {axis b} : f32<b>[2]\n%s = sum %t {over b} : f32[2]\n%r = dot %y, %s {over a} : f32[5,2,2]"},
    {true, "%r = dot %y, %v {batch 0:0 over a} : f32[5,2]"},
    {true, "%s = slice %w {lo [0,0] hi [2,2] step [1,1]} : f32[2,2]\n%r = conv %y, %s {windows 0:0 stride 1 dilate 1:1 pad 1:0 contract 1:1 over a} : f32[5]"},
    {true, "%s = slice %y {lo [0,0] hi [3,2] step [1,1]} : f32<a>[3,2]\n%r = scatter_add %i, %s {n 5 batch 0 over a} : f32[5,2]"},
    {true, "%r = scan %z ; ; %y {n 3} (%t: f32<a>[], %u: f32<a>[5,2]) {\n%s = sum %u {dims [0,1]} : f32<a>[]\n%h = mul %t, %s : f32<a>[]\nyield %h\n} : f32<a>[]"},
};

static bool has_axis(const IrType *t, const char *name, const IrModule *m) { return ir_axes_has(t->axes, ir_find_axis(m, name)); }

static int rows_with_axis(const IrModule *m)
{
    int n = 0;
    for (const IrNode *k = m->fns.v[0]->body.first; k; k = ir_next(k))
        for (int i = 0; i < k->n_results; i++) n += has_axis(&k->result[i].type, "a", m) || has_axis(&k->result[i].type, "c", m);
    return n;
}

static void run(const IrModule *m, void *out)
{
    float v[5] = {0.1f, 0.3f, 0.5f, 0.7f, 0.9f}, w[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    int32_t i[3] = {4, 0, 4};
    GanError err;
    InterpMemory memory = {.slot = (void *[]){v, w, i}, .seed = 3};
    cr_assert_eq(interp_fn(m, m->fns.v[0], &memory, (void *[]){out}, NULL, NULL, &err), GAN_OK, "%s", err.message);
}

Test(single, same_numbers)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *a = arena_new();
        char why[512] = "", *text = arena_printf(a, "%s%s\nreport \"r\", %%r\n}\n", preamble, rows[i].text);
        IrModule *m = ir_read_text(a, text, strlen(text), why);
        cr_assert(m && ir_verify_module(m, why), "%s\n%s", why, rows[i].text);
        const IrType told = m->fns.v[0]->reports.v[0].val->type;
        float before[256] = {0}, after[256] = {0};
        run(m, before);
        opt_single(m, m->fns.v[0]);
        opt_dce(m, m->fns.v[0]);
        cr_expect(ir_verify_module(m, why), "%s\n%s", why, rows[i].text);
        run(m, after);
        for (int k = 0; k < 256; k++)
            cr_expect(rows[i].same ? !memcmp(before + k, after + k, sizeof *before) : fabsf(before[k] - after[k]) <= 1e-6f * fabsf(before[k]),
                      "%.9g, was %.9g: %s", after[k], before[k], rows[i].text);
        cr_expect(ir_type_equal(&told, &m->fns.v[0]->reports.v[0].val->type), "another type: %s", rows[i].text);
        int spread = told.axes.n && (has_axis(&told, "a", m) || has_axis(&told, "c", m));
        cr_expect_eq(rows_with_axis(m), spread, "%d rows have it: %s", rows_with_axis(m), rows[i].text);
        arena_free(a);
    }
}
