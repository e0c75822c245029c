/* test_ir.c - the IR's text, verifier, shapes and changes, on every row, on broken functions, and on random ones. */
#include "compiler/ir/ir.h"
#include "compiler/ir/random_fn.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static char *file_text(Arena *a, const char *path)
{
    const char *root = getenv("GAN_ROOT");
    FILE *f = fopen(arena_printf(a, "%s/%s", root ? root : ".", path), "rb");
    cr_assert(f, "cannot open %s", path);
    Text t = text_in(a);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) text_addn(&t, part, n);
    fclose(f);
    return text_str(&t);
}

static char *printed(const IrModule *m, Arena *a)
{
    Text t = text_in(a);
    ir_print(m, &t);
    return text_str(&t);
}

/* Reads, verifies, prints. */
static char *again(const char *text, Arena *a)
{
    char why[512] = "";
    IrModule *m = ir_read_text(a, text, strlen(text), why);
    cr_assert(m, "%s\n%s", why, text);
    cr_assert(ir_verify_module(m, why), "%s\n%s", why, text);
    return printed(m, a);
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

Test(ir, every_row_is_read_and_printed)
{
    Arena *a = arena_new();
    char *text = file_text(a, "compiler/ir/test_rows.ir"), why[512];
    cr_assert_str_eq(again(text, a), text);
    IrModule *m = ir_read_text(a, text, strlen(text), why);
    bool met[IR_OP_COUNT] = {0};
    for (IrNode *n = m->fns.v[0]->body.first; n; n = ir_next(n)) met[n->op] = true;
    for (int i = 0; i < IR_OP_COUNT; i++) cr_expect(met[i], "test_rows.ir has no %s", ir_op_info[i].name);
    arena_free(a);
}

Test(ir, spans_and_names)
{
    Arena *a = arena_new();
    const char *text = "fn f {state} {\n"
                       "  %x = uniform {stream \"s\"} : f32[] @ \"a b.gan\":3:4\n"
                       "  %0 = exp %x : f32[] @ 5:1\n"
                       "}\n";
    char why[512];
    IrModule *m = ir_read_text(a, text, strlen(text), why);
    cr_assert(m, "%s", why);
    Text t = text_in(a);
    ir_print_spans(m, &t);
    cr_assert_str_eq(text_str(&t), text);
    IrBuilder b = {.m = m, .block = &m->fns.v[0]->body};
    IrVal *x = b.block->first->result;
    ir_log(&b, x)->hint = "x";                              /* a name twice, a name that is a number, none */
    ir_log(&b, x)->hint = "12";
    ir_log(&b, x);
    char *one = printed(m, a);
    cr_assert(strstr(one, "%x.1 = log %x") && strstr(one, "%1 = log") && strstr(one, "%2 = log"), "%s", one);
    cr_assert_str_eq(again(one, a), one);
    arena_free(a);
}

Test(ir, random_functions_verify_and_read_back)
{
    bool met[IR_OP_COUNT] = {0};
    for (uint64_t seed = 0; seed < 150; seed++) {
        Arena *a = arena_new();
        char why[512];
        IrModule *m = ir_random_module(a, (IrRandomOptions){.seed = seed});
        cr_assert(ir_verify_module(m, why), "seed %d: %s", (int)seed, why);
        char *text = printed(m, a);
        cr_assert_str_eq(again(text, a), text, "seed %d", (int)seed);
        cr_assert_str_eq(printed(ir_random_module(a, (IrRandomOptions){.seed = seed}), a), text, "seed %d differs from itself", (int)seed);
        for (IrNode *n = m->fns.v[0]->body.first; n; n = ir_next(n)) met[n->op] = true;
        arena_free(a);
    }
    for (int i = 0; i < IR_OP_COUNT; i++) cr_expect(met[i] || i == IR_extern, "no random function has a %s", ir_op_info[i].name);
}

/* What the reader takes, the verifier and the printer take too, whatever it is. */
static void take(const char *text, size_t n)
{
    Arena *a = arena_new();
    char why[512];
    IrModule *m = ir_read_text(a, text, n, why);
    if (m) {
        char *one = printed(m, a), *two = NULL;
        ir_verify_module(m, why);
        IrModule *again_m = ir_read_text(a, one, strlen(one), why);
        if (again_m) two = printed(again_m, a);
        cr_assert(two && !strcmp(one, two), "%s\n%s", why, one);
    } else {
        cr_assert(strchr(why, ':') && strlen(why) < 512);
    }
    arena_free(a);
}

static unsigned roll(unsigned *state) { return (*state = *state * 1664525u + 1013904223u) >> 8; }

static void mutate(char *text, size_t *n, unsigned *state)
{
    size_t at = roll(state) % *n, from = roll(state) % *n, length = 1 + roll(state) % 12;
    if (at + length > *n || from + length > *n) return;
    switch (roll(state) % 5) {
    case 0: text[at] = (char)roll(state); break;
    case 1: text[at] = "0123456789-%;:,<>[]{}()\"@= ab"[roll(state) % 30]; break;
    case 2: memmove(text + at, text + at + length, *n - at - length), *n -= length; break;
    case 3: memmove(text + at, text + from, length); break;
    default: *n = at + 1; break;
    }
}

Test(ir, garbage_is_refused_not_feared)
{
    Arena *a = arena_new();
    char *rows = file_text(a, "compiler/ir/test_rows.ir");
    size_t length = strlen(rows);
    unsigned state = 7;
    for (int i = 0; i < 1500; i++) {
        char *text = arena_copy(a, rows, length + 1);
        size_t n = length;
        for (int k = 1 + i % 4; k > 0 && n > 40; k--) mutate(text, &n, &state);
        take(text, n);
        if (i % 100 == 0) arena_free(a), a = arena_new(), rows = file_text(a, "compiler/ir/test_rows.ir");
    }
    static const char *const odd[] = {"", "#", "fn", "fn f {state} {", "fn f {state} { %", "axis a = 99999999999999999999", "axis a = -1",
        "slot \"", "slot \"x\" param : f32[9223372036854775807,9223372036854775807]", "fn f {update player", "real i32", "axis a = 1 axis a = 2",
        "fn f {state} { %x = const {value 1e999} : f32[] }", "fn f {state} { %x = const {value 0.5} : i32[] }", "\xff\xfe%\"",
        "fn f {state} { %x = exp %x : f32[] }", "fn f {state} { %x = exp 1 } ", "fn f {state} { % = exp 1 : f32[] }"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) take(odd[i], strlen(odd[i]));
    Text deep = text_in(a);
    text_add(&deep, "fn f {state} {\n");
    for (int i = 0; i < 5000; i++) text_printf(&deep, "%%a%d = scan ; ; {n 1} () { ", i);
    take(text_str(&deep), deep.n);
    arena_free(a);
}

/* ---- what is refused -------------------------------------------------------------------------------------------- */

static const char *const preamble = "axis a = 64\naxis b = 64\naxis c = 500\naxis z = 0\n"
                                    "slot \"D.w\" param \"D\" : f32[2,3]\nslot \"G.w\" param \"G\" : f32[]\nslot \"n\" counter : i64[]\n"
                                    "slot \"x\" data : f32[]\nslot \"half\" state : f32[]\n"
                                    "fn f {update player D tick \"n\"} {\n"
                                    "%w = read \"D.w\" : f32[2,3]\n%n = read \"n\" : i64[]\n%s = read \"half\" : f32[]\n"
                                    "%x = normal {stream \"x\"} : f32<a>[2]\n%y = normal {stream \"y\"} : f32<b>[2]\n"
                                    "%t = normal {stream \"t\"} : f32<c>[2]\n%yes = const {value true} : bool[]\n"
                                    "%m = normal {stream \"m\"} : f32[3,3]\n%i = randint {stream \"i\" n 4} : i32<a>[2]\n";

static const struct { const char *rows, *why; } broken[] = {
    {"%r = add %x, %w : f32<a>[2]", "differ in dims"},
    {"%r = add %x, %n : f32<a>[2]", "differ in element type"},
    {"%r = exp %n : i64[]", "is not of real numbers"},
    {"%r = add %yes, %yes : bool[]", "is not of numbers"},
    {"%r = exp %x : f32<b>[2]", "another type is declared"},
    {"%r = exp %x : f32<a>[2], f32[]", "declared are 2"},
    {"%r, %q = exp %x : f32<a>[2]", "2 names for 1 results"},
    {"%r = exp %x, %x : f32<a>[2]", "takes 1 operands, not 2"},
    {"%r = select %x, %x, %x : f32<a>[2]", "is not bool"},
    {"%r = select %yes, %x, %n : f32<a>[2]", "differ in element type"},
    {"%r = sum %x : f32<a>[2]", "dims or axes"},
    {"%r = sum %x {dims [1] over a} : f32[]", "has no dim 1"},
    {"%r = sum %x {over b} : f32[2]", "lacks the axis b"},
    {"%r = sum %w {dims [1,0]} : f32[]", "not ascending"},
    {"%r = sum %w {dims [2]} : f32[2,3]", "has no dim 2"},
    {"%r = reduce_max %x {dim 0 axis a} : f32[]", "one dim or one axis"},
    {"%e = spread %s {over z} : f32<z>[]\n%r = argmax %e {axis z} : i32[]", "of nothing"},
    {"%r = dot %x, %w {contract 0:1} : f32<a>[2]", "meets dim 1"},
    {"%r = dot %x, %w {batch 0:0 contract 0:0} : f32<a>[3]", "named twice"},
    {"%r = dot %x, %y {over c form lanes} : f32<a,b>[2,2]", "is in neither"},
    {"%r = dot %x, %x ; %t, %t {over a ; c form lanes} : f32[2,2]", "pair 1 has 2 shards, pair 2 has 8"},
    {"%r = dot %x, %x ; %y, %w {over a ; b form lanes} : f32[2,2]", "pair 2"},
    {"%r = dot %x, %x ; %y, %y {over a form lanes} : f32[2,2]", "1 sets of axes for 4 operands"},
    {"%r = dot %x, %x {over a form chain} : f32[2,2]", "its shape says form lanes"},
    {"%r = dot %n, %n : i64[]", "is not of real numbers"},
    {"%r = conv %w, %m {windows 1:1 stride 0 dilate 1:1 pad 0:0} : f32[1]", "whole number in 1"},
    {"%r = reshape %w {dims [5]} : f32[5]", "differ in number"},
    {"%r = transpose %w {dims [0,0]} : f32[2,2]", "named twice"},
    {"%r = broadcast %w {dims [2,4] kept [0,1]} : f32[2,4]", "meets dim 1"},
    {"%r = slice %w {lo [0,0] hi [2,4] step [1,1]} : f32[2,4]", "lies outside dim 1"},
    {"%r = pad %w {lo [0,-1] hi [0,0] interior [0,0] value 0} : f32[2,2]", "negative padding"},
    {"%r = concat %w, %m {dim 1} : f32[2,6]", "differ beside dim 1"},
    {"%r = gather %w, %x {batch 0} : f32<a>[2,3]", "is not i32"},
    {"%r = scatter_add %i, %s {n 4 batch 0} : f32<a>[4]", "shared dims"},
    {"%r = spread %x {over a} : f32<a>[2]", "one of the axes already"},
    {"%r = as_feature %x {axis b} : f32<a>[64,2]", "lacks the axis b"},
    {"%r = as_sample %w {axis a} : f32<a>[3]", "is not the extent 64"},
    {"%r = permute %i {stream \"p\" n 4} : i32<a>[2]", "is not i64"},
    {"%r = cholesky %w : f32[2,3]", "not of square matrices"},
    {"%r = solve %m, %w : f32[2,3]", "do not fit"},
    {"%r = polygamma %s {n -2} : f32[]", "outside -1"},
    {"%r = normal {stream \"x\"} : f32<a>[2]", "drawn from twice"},
    {"%r = randint {stream \"r\" n 0} : i32[]", "1..2^31-1"},
    {"%r = randint {stream \"r\" n 4} : i64[]", "wants i32"},
    {"%r = uniform {stream \"r\"} : i32[]", "is not of real numbers"},
    {"%r = extern %n, %w : f32[2]", "has no symbol"},
    {"%r = extern %w {symbol \"s\"} : f32[2]", "a seed, i64[]"},
    {"%r = extern {symbol \"s\"} : f32[2]", "a seed, i64[]"},
    {"%r = extern %n, %yes {symbol \"s\"} : f32[2]", "operand 1 is not of numbers"},
    {"%r = extern %n, %w, %x {symbol \"s\"} : f32[2]", "operand 2 varies over an axis"},
    {"%r = extern %n {symbol \"s\"} : bool[2]", "one result, of numbers"},
    {"%r, %q = extern %n {symbol \"s\"} : f32[2], f32[2]", "one result, of numbers"},
    {"%r = const {value 1} : f32[1]", "not a single number"},
    {"%r = const {value 3000000000} : i32[]", "is no i32"},
    {"%r = index {dim 1} : i32[4]", "index"},
    {"%r = read \"half\" : f64[]", "of another type"},
    {"%r = read \"nowhere\" : f64[]", "there is no slot"},
    {"%r = exp %later : f32[]\n%later = exp %s : f32[]", "there is no %later"},
    {"%r = exp %s : f32[]\n%r = exp %s : f32[]", "is there already"},
    {"%r = exp %s {dim 0} : f32[]", "has no 'dim'"},
    {"%r = convert 1 {f64} : f64[]", "is not clear here"},
    {"%r = cond %x, %s (%k: f32[]) { yield %k } (%l: f32[]) { yield %l } : f32[]", "is not bool[]"},
    {"%r = cond %yes, %s (%k: f32[]) { yield %k } (%l: f32[]) { %o = const {value 1} : f64[] yield %o } : f32[]", "yield 0"},
    {"%r = cond %yes, %s (%k: f32[]) { yield %s } (%l: f32[]) { yield %l } : f32[]", "not visible here"},
    {"%r = cond %yes, %s (%k: f32[]) { yield %k } : f32[]", "has 1 bodies"},
    {"%r = scan %s {n 2} (%k: f32[]) { yield %k } : f32[]", "carried ; stacked ; closed-over"},
    {"%r = scan %s ; %m ; {n 2} (%k: f32[], %l: f32[3]) { yield %k } : f32[]", "does not have 2 slices"},
    {"%r = scan %s ; ; {n 2} (%k: f64[]) { yield %k } : f32[]", "parameter 0"},
    {"%r = scan %s ; ; {n 2} (%k: f32[]) { %o = convert %k {f64} : f64[] yield %o } : f32[]", "carried value 0"},
    {"%r = scan %s ; ; {n 2 until 0} (%k: f32[]) { yield %k } : f32[]", "not one bool per sample"},
    {"%u = compare %x, 0 {gt} : bool<a>[2]\n%v = argmax %x {dim 0} : i32<a>[]\n%o = compare %v, 0 {gt} : bool<a>[]\n"
     "%r, %q = scan %o, %s ; ; {n 2 until 0} (%k: bool<a>[], %l: f32[]) { yield %k, %l } : bool<a>[], f32[]", "cannot freeze"},
    {"commit \"D.w\", %w commit \"D.w\", %w", "commits D.w twice"},
    {"commit \"D.w\", %s", "of another type"},
    {"commit \"G.w\", %s", "which is G's"},
    {"commit \"x\", %s", "which is data"},
    {"report \"r\", %s report \"r\", %s", "reports r twice"},
};

Test(ir, what_is_broken_is_refused)
{
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        Arena *a = arena_new();
        char why[512] = "nothing";
        char *text = arena_printf(a, "%s%s\n}\n", preamble, broken[i].rows);
        IrModule *m = ir_read_text(a, text, strlen(text), why);
        bool ok = m && ir_verify_module(m, why);
        cr_expect(!ok, "taken: %s", broken[i].rows);
        cr_expect(ok || strstr(why, broken[i].why), "%s\n  says: %s\n  not:  %s", broken[i].rows, why, broken[i].why);
        arena_free(a);
    }
}

/* Breakage that no text can say. */
static void break_order(IrFn *f) { f->reports.v[0].val->def->arg[0] = f->reports.v[0].val; }
static void break_type(IrFn *f) { f->reports.v[0].val->type.dim[0] = 5; }
static void break_link(IrFn *f) { f->body.first->next->prev = NULL; }
static void break_owner(IrFn *f) { f->body.first->result->def = f->body.last; }
static void break_id(IrFn *f) { f->body.first->result->id = f->body.last->result->id; }
static void break_operand(IrFn *f) { f->reports.v[0].val->def->arg[0] = NULL; }
static void break_op(IrFn *f) { f->body.first->op = (IrOp)1000; }
static void break_count(IrFn *f) { f->reports.v[0].val->def->n_args = 0; }
static void break_removed(IrFn *f) { ir_remove(f->body.first); }
static void break_tick(IrFn *f) { f->tick_slot = 1; }

Test(ir, broken_structure_is_refused)
{
    static const struct { void (*how)(IrFn *f); const char *why; } table[] = {
        {break_order, "not visible"}, {break_type, "but gives"},    {break_link, "badly linked"}, {break_owner, "does not know it"},
        {break_id, "taken"},          {break_operand, "missing"},   {break_op, "no such"},        {break_count, "takes 1 operands"},
        {break_removed, "not visible"}, {break_tick, "is not i64"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        Arena *a = arena_new();
        char why[512] = "";
        const char *text = "slot \"w\" param : f32[3]\nslot \"v\" param : f32[3]\nfn f {init} {\n%w = read \"w\" : f32[3]\n%v = read \"v\" : f32[3]\n"
                           "%r = exp %w : f32[3]\nreport \"r\", %r\n}\n";
        IrModule *m = ir_read_text(a, text, strlen(text), why);
        cr_assert(m && ir_verify_module(m, why), "%s", why);
        table[i].how(m->fns.v[0]);
        cr_expect(!ir_verify_module(m, why) && strstr(why, table[i].why), "%s, not %s", why, table[i].why);
        arena_free(a);
    }
}

/* ---- shapes of the exact meaning -------------------------------------------------------------------------------- */

Test(ir, shards)
{
    static const int64_t table[][3] = {{0, 0, 0},   {1, 1, 32},  {31, 1, 32},  {32, 1, 32},   {33, 2, 32},  {64, 2, 32},    {65, 2, 64},
                                       {511, 8, 64}, {512, 8, 64}, {513, 6, 96}, {4096, 8, 512}, {100, 2, 64}, {129, 3, 64}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        IrShards s = ir_shards(table[i][0]);
        cr_expect(s.count == table[i][1] && s.size == table[i][2], "%d: %d of %d", (int)table[i][0], (int)s.count, (int)s.size);
        cr_expect(s.count * s.size >= table[i][0] && (s.count - 1) * s.size < table[i][0] + (s.count == 0));
    }
}

Test(ir, axes_are_sets)
{
    IrAxes s = ir_axes_add(ir_axes_add(ir_axes_add(ir_no_axes(), 5), 2), 5);
    cr_assert(s.n == 2 && s.id[0] == 2 && s.id[1] == 5);
    IrAxes u = ir_axes_union(s, ir_one_axis(3));
    cr_assert(u.n == 3 && u.id[1] == 3 && ir_axes_within(s, u) && !ir_axes_within(u, s));
    cr_assert(ir_axes_equal(ir_axes_minus(u, ir_one_axis(3)), s));
}

/* ---- changing --------------------------------------------------------------------------------------------------- */

Test(ir, bodies_close_and_inline)
{
    Arena *a = arena_new();
    IrModule *m = ir_module(a, IR_F32);
    IrFn *f = ir_fn(m, "f", IR_FN_STATE);
    IrBuilder b = {.m = m, .block = &f->body};
    IrVal *x = ir_uniform(&b, ir_stream(m, "x"), ir_scalar(IR_F32)), *two = ir_const(&b, IR_F32, 2), *yes = ir_compare(&b, IR_GT, x, two);
    IrBlock *body[2] = {ir_block(m), ir_block(m)};
    for (int i = 0; i < 2; i++) {                           /* both use x and 2 of the block around */
        IrBuilder in = {.m = m, .block = body[i]};
        IrVal *y = i ? ir_mul(&in, x, two) : ir_add(&in, x, two);
        ir_block_yield(m, body[i], &y, 1);
    }
    IrNode *c = ir_cond_node(&b, &yes, 1, body[0], body[1]);
    cr_assert(c->n_args == 2 && c->arg[1] == x && body[0]->n_params == 1 && body[1]->n_params == 1);
    IrVal *out;
    ir_inline_block(&b, body[1], &two, &out);
    ir_report(m, f, "c", &c->result[0]);
    ir_report(m, f, "o", out);
    char why[512];
    cr_assert(ir_verify_module(m, why), "%s", why);
    cr_assert_str_eq(printed(m, a), "fn f {state} {\n"
                                    "  %0 = uniform {stream \"x\"} : f32[]\n"
                                    "  %1 = compare %0, 2 {gt} : bool[]\n"
                                    "  %2 = cond %1, %0 (%3: f32[]) {\n"
                                    "    %4 = add %3, 2 : f32[]\n"
                                    "    yield %4\n"
                                    "  } (%5: f32[]) {\n"
                                    "    %6 = mul %5, 2 : f32[]\n"
                                    "    yield %6\n"
                                    "  } : f32[]\n"
                                    "  %7 = mul 2, 2 : f32[]\n"
                                    "  report \"c\", %2\n"
                                    "  report \"o\", %7\n"
                                    "}\n");
    IrVal *made[] = {out, &c->result[0]};
    cr_assert(ir_depends(&made[1], 1, &x, 1) && !ir_depends(made, 1, &x, 1));
    cr_assert(ir_depends(made, 2, (IrVal *[]){yes, x}, 2) && !ir_depends(made, 1, (IrVal *[]){yes, x}, 2) && !ir_depends(made, 2, NULL, 0));
    IrVal *to[16] = {0};
    to[c->result[0].id] = out;
    ir_replace_by_map(f, to, 16);
    cr_assert(f->reports.v[0].val == out && ir_use_counts(m, f, a)[out->id] == 2);
    ir_remove(c);
    cr_assert(ir_verify_module(m, why), "%s", why);
    arena_free(a);
}
