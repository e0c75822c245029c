/* test_draws.c - an axis that becomes a dim: the same bits with the pass and without, and what it must leave alone. */
#include "compiler/interp/interp.h"
#include "compiler/opt/pass.h"

#include <criterion/criterion.h>
#include <string.h>

enum { CROSS_LEFT = 1, ALL_GONE = 0 };

static const char *const preamble = "axis a = 6\naxis b = 5\naxis c = 3\nslot \"s\" state : f32[]\nslot \"v\" state : f32[5]\nslot \"w\" state : f32[5,2]\n"
                                    "fn f {state} {\n%s = read \"s\" : f32[]\n%v = read \"v\" : f32[5]\n%w = read \"w\" : f32[5,2]\n";

static const struct { int left; const char *text; } rows[] = {
    {ALL_GONE, "%e = normal {stream \"e\"} : f32<b>[]\n%t = mul %e, %s : f32<b>[]\n%r = as_feature %t {axis b} : f32[5]"},
    {ALL_GONE, "%e = normal {stream \"e\"} : f32<a,b>[3]\n%t = exp %e : f32<a,b>[3]\n%r = as_feature %t {axis b} : f32<a>[5,3]"},
    {CROSS_LEFT, "%e = normal {stream \"e\"} : f32<a,b>[]\n%r = as_feature %e {axis a} : f32<b>[6]"},
    {ALL_GONE, "%e = uniform {stream \"e\"} : f32<a,b,c>[]\n%t = as_feature %e {axis c} : f32<a,b>[3]\n%r = as_feature %t {axis b} : f32<a>[5,3]"},
    {CROSS_LEFT, "%e = uniform {stream \"e\"} : f32<a,b,c>[]\n%t = as_feature %e {axis b} : f32<a,c>[5]\n%r = as_feature %t {axis c} : f32<a>[3,5]"},
    {ALL_GONE, "%m = as_sample %v {axis b} : f32<b>[]\n%e = normal {stream \"e\"} : f32<a,b>[]\n%t = add %e, %m : f32<a,b>[]\n%r = as_feature %t {axis b} : f32<a>[5]"},
    {ALL_GONE, "%m = as_sample %w {axis b} : f32<b>[2]\n%e = normal {stream \"e\"} : f32<b>[]\n%t = mul %m, %e : f32<b>[2]\n%r = as_feature %t {axis b} : f32[5,2]"},
    {ALL_GONE, "%u = uniform {stream \"e\"} : f32<b>[]\n%c = compare %u, %v {gt} : bool<b>[5]\n%t = select %c, 1, %s : f32<b>[5]\n%k = cumsum %t {dim 0} : f32<b>[5]\n"
               "%g = sum %k {dims [0]} : f32<b>[]\n%r = as_feature %g {axis b} : f32[5]"},
    {ALL_GONE, "%e = normal {stream \"e\"} : f32<b>[4]\n%k = cumsum %e {dim 0 reverse exclusive} : f32<b>[4]\n%r = as_feature %k {axis b} : f32[5,4]"},
    {ALL_GONE, "%e = normal {stream \"e\"} : f32<b>[3]\n%k = norm %e {dims [0]} : f32<b>[]\n%r = as_feature %k {axis b} : f32[5]"},
    {ALL_GONE, "%i = randint {stream \"i\" n 5} : i32<b>[]\n%g = gather %w, %i : f32<b>[2]\n%e = normal {stream \"e\"} : f32<b>[2]\n%t = add %g, %e : f32<b>[2]\n"
               "%r = as_feature %t {axis b} : f32[5,2]"},
    {ALL_GONE, "%t = spread %v {over a,b} : f32<a,b>[5]\n%r = as_feature %t {axis b} : f32<a>[5,5]"},
    {CROSS_LEFT, "%e = normal {stream \"e\"} : f32<b>[5]\n%t = dot %e, %w {contract 0:0} : f32<b>[2]\n%r = as_feature %t {axis b} : f32[5,2]"},
    {ALL_GONE, "%e = normal {stream \"e\"} : f32<b>[]\n%f = sum %e {over b} : f32[]\n%g = as_feature %e {axis b} : f32[5]\n%r = add %g, %f : f32[5]"},
    {ALL_GONE, "%r = scan %v ; ; {n 3} (%t: f32[5]) {\n%e = normal {stream \"e\"} : f32<b>[]\n%g = as_feature %e {axis b} : f32[5]\n%h = add %t, %g : f32[5]\nyield %h\n} : f32[5]"},
};

static int crossings(const IrFn *f)
{
    int n = 0;
    for (const IrNode *k = f->body.first; k; k = ir_next(k)) n += k->op == IR_as_feature;
    return n;
}

static void run(const IrModule *m, void *out)
{
    float s = 0.7f, v[5] = {0.1f, 0.3f, 0.5f, 0.7f, 0.9f}, w[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    GanError err;
    InterpMemory memory = {.slot = (void *[]){&s, v, w}, .seed = 3};
    cr_assert_eq(interp_fn(m, m->fns.v[0], &memory, (void *[]){out}, NULL, NULL, &err), GAN_OK, "%s", err.message);
}

Test(draws, same_bits)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *a = arena_new();
        char why[512] = "", *text = arena_printf(a, "%s%s\nreport \"r\", %%r\n}\n", preamble, rows[i].text);
        IrModule *m = ir_read_text(a, text, strlen(text), why);
        cr_assert(m && ir_verify_module(m, why), "%s\n%s", why, rows[i].text);
        float before[256] = {0}, after[256] = {0};
        run(m, before);
        opt_draws(m, m->fns.v[0]);
        opt_dce(m, m->fns.v[0]);
        cr_expect(ir_verify_module(m, why), "%s\n%s", why, rows[i].text);
        run(m, after);
        cr_expect(!memcmp(before, after, sizeof before), "other bits: %s", rows[i].text);
        cr_expect((crossings(m->fns.v[0]) > 0) == rows[i].left, "%d as_feature: %s", crossings(m->fns.v[0]), rows[i].text);
        arena_free(a);
    }
}

/* The density of a vector of each example is summed over its dim; a mean over draws, or over a table, keeps its axis. */
Test(draws, sums)
{
    static const struct { bool dims; const char *text; } sums[] = {
        {true, "%q = normal {stream \"q\"} : f32<a>[5]\n%x = as_sample %q {axis b} : f32<a,b>[]\n%t = mul %x, %x : f32<a,b>[]\n%r = sum %t {over b} : f32<a>[]"},
        {false, "%q = normal {stream \"q\"} : f32<a,b>[]\n%t = mul %q, %s : f32<a,b>[]\n%r = sum %t {over b} : f32<a>[]"},
        {false, "%q = normal {stream \"q\"} : f32<a>[]\n%x = as_sample %v {axis b} : f32<b>[]\n%t = mul %x, %q : f32<a,b>[]\n%r = sum %t {over b} : f32<a>[]"},
    };
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        Arena *a = arena_new();
        char why[512] = "", *text = arena_printf(a, "%s%s\nreport \"r\", %%r\n}\n", preamble, sums[i].text);
        IrModule *m = ir_read_text(a, text, strlen(text), why);
        cr_assert(m && ir_verify_module(m, why), "%s\n%s", why, sums[i].text);
        opt_draws(m, m->fns.v[0]);
        cr_expect(ir_verify_module(m, why), "%s", why);
        cr_expect((m->fns.v[0]->reports.v[0].val->def->attr->dims.n > 0) == sums[i].dims, "%s", sums[i].text);
        arena_free(a);
    }
}
