/* test_loop.c - the loop IR's text and verifier: on every row, on what a builder makes, on broken nests, and on random ones. */
#include "compiler/loop/words.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static char *file_text(Arena *a, const char *name)
{
    const char *root = getenv("GAN_ROOT");
    FILE *f = fopen(arena_printf(a, "%s/compiler/loop/%s", root ? root : ".", name), "rb");
    cr_assert(f, "cannot open %s", name);
    Text t = text_in(a);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) text_addn(&t, part, n);
    fclose(f);
    return text_str(&t);
}

static char *printed(const LoopNest *n, Arena *a)
{
    Text t = text_in(a);
    loop_print(n, &t);
    return text_str(&t);
}

/* Reads, verifies. */
static LoopNest *sound(const char *text, Arena *a)
{
    char why[256] = "";
    LoopNest *n = loop_read(a, text, why);
    cr_assert(n, "%s\n%s", why, text);
    cr_assert(loop_verify(n, why), "%s\n%s", why, text);
    return n;
}

static char *again(const char *text, Arena *a) { return printed(sound(text, a), a); }

/* What a builder made: it holds, and comes back from its text. */
static void holds(const LoopBuilder *b, Arena *a)
{
    char why[256] = "", *text = printed(b->nest, a);
    cr_assert(loop_verify(b->nest, why), "%s\n%s", why, text);
    cr_assert_str_eq(again(text, a), text);
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

typedef struct { bool par, op[64], row[IR_OP_COUNT], symbol[SYMBOL_COUNT], compare[6], elem[IR_F64 + 1]; } Met;

static void meet(Met *met, const LoopBody *body)
{
    for (int k = 0; k < body->ins.n; k++) {
        const LoopIns *i = body->ins.v[k];
        met->op[i->op] = true;
        met->par |= i->par;
        if (i->op == LOOP_row || i->op == LOOP_draw) met->row[i->row] = true;
        if (i->op == LOOP_row && i->row == IR_compare) met->compare[i->compare] = true;
        if (i->op == LOOP_row && i->row == IR_convert) met->elem[i->result->elem] = true;
        if (i->op == LOOP_call) met->symbol[i->symbol] = true;
        if (i->body) meet(met, i->body);
    }
}

Test(loop, every_row_is_read_and_printed)
{
    Arena *a = arena_new();
    char *text = file_text(a, "test_rows.loop");
    Met met = {.par = false};
    cr_assert_str_eq(again(text, a), text);
    meet(&met, &sound(text, a)->body);
    for (int i = 0; i < loop_op_n; i++) cr_expect(met.op[i], "test_rows.loop has no %s", loop_op_info[i].name);
    for (int i = 0; i < IR_OP_COUNT; i++) {
        bool wanted = loop_row_args((IrOp)i) || ir_op_info[i].klass == IR_CLASS_RAND;
        cr_expect(met.row[i] == wanted, "test_rows.loop and %s", ir_op_info[i].name);
    }
    for (int i = 0; i < SYMBOL_COUNT; i++)
        cr_expect(met.symbol[i] == (loop_symbol[i].signature[0] == 'v'), "test_rows.loop and %s", loop_symbol[i].name);
    cr_expect(met.par, "test_rows.loop has no par");
    for (int i = 0; i < 6; i++) cr_expect(met.compare[i], "test_rows.loop has no compare.%s", ir_compare_words[i]);
    for (int i = 0; i <= IR_F64; i++) cr_expect(met.elem[i], "test_rows.loop converts to no %s", ir_elem_words[i]);
    arena_free(a);
}

Test(loop, the_example_of_the_header_is_sound)
{
    Arena *a = arena_new();
    Text nest = text_in(a);
    const char *const margin = " *     ", *at = strstr(file_text(a, "loop.h"), " *     nest ");
    for (; at && !strncmp(at, margin, strlen(margin)); at = strchr(at, '\n') + 1)
        text_addn(&nest, at + strlen(margin), strcspn(at, "\n") + 1 - strlen(margin));
    cr_assert(strstr(again(text_str(&nest), a), "st b0[32*i0 + 16*d1 + l], %4 align 64\n"));
    arena_free(a);
}

/* Names, spaces and comments are no part of a nest. */
Test(loop, registers_are_numbered_by_the_text)
{
    Arena *a = arena_new();
    const char *text = "nest n { # two\n"
                       "buffer b0 f32 at w0+w1 do i7=0..w2 { do i5 = i7..w2 by 2 with %9=0:f32<l> { %8 = ld b0[l+16*i5] align 4 # four\n"
                       "%7 = add %9,%8 next %7 } -> %30 st b0[ -16*i7 + l - 3 + 5 ], %30 } }";
    cr_assert_str_eq(again(text, a), "nest n {\n"
                                     "  buffer b0 f32 at w0 + w1\n"
                                     "  do i0 = 0..w2 {\n"
                                     "    do i1 = i0..w2 by 2 with %0 = 0:f32<l> {\n"
                                     "      %1 = ld b0[l + 16*i1]\n"
                                     "      %2 = add %0, %1\n"
                                     "      next %2\n"
                                     "    } -> %3\n"
                                     "    st b0[-16*i0 + l + 2], %3\n"
                                     "  }\n"
                                     "}\n");
    arena_free(a);
}

Test(loop, constants_come_back_to_the_bit)
{
    static const double values[] = {0, -0.0, 1, 0.1, 1.0 / 3, 16777217, 1e7, 12345678, 1e300, -1e-300, 5e-324, 2.2250738585072014e-308,
                                    1.7976931348623157e308, INFINITY, -INFINITY, 3.4028234663852886e38, 1e-45, 9007199254740993.0};
    Arena *a = arena_new();
    for (size_t k = 0; k < 2 * sizeof values / sizeof *values; k++) {
        LoopBuilder b = loop_begin(a, "n");
        IrElem t = k % 2 ? IR_F32 : IR_F64;
        LoopReg *c = loop_const(&b, t, values[k / 2]);
        loop_binary(&b, IR_add, c, loop_const(&b, t, NAN));
        holds(&b, a);
        LoopReg *const *read = sound(printed(b.nest, a), a)->body.ins.v[0]->arg;
        cr_expect(!memcmp(&read[0]->value, &c->value, sizeof c->value), "%a", c->value);
        cr_expect(isnan(read[1]->value));
    }
    arena_free(a);
}

/* A tile with its epilogue, as kernels have it. */
static LoopBuilder tile(Arena *a, int64_t rows, int64_t step, double slope, const char *name)
{
    LoopBuilder b = loop_begin(a, name);
    LoopReg *base = loop_word(&b, 0), *from = loop_word(&b, 64), *to = loop_word(&b, 128), *turns = loop_word(&b, 7);
    int w = loop_buffer(&b, &(LoopBuffer){.elem = IR_F32, .base = (int)base->n, .offset = (int)from->n, .panel = -1, .slot = -1});
    int x = loop_buffer(&b, &(LoopBuffer){.elem = IR_F32, .base = (int)base->n, .offset = (int)to->n, .panel = (int)turns->n, .slot = -1});
    LoopIndex zero = loop_at(0), end = loop_of(turns);
    LoopIns *outer = loop_for(&b, &zero, &end, step, false, NULL, 0), *block = loop_block(&b, rows);
    LoopReg *d = loop_dim(&b, (int)block->n), *l = loop_dim(&b, LOOP_L);
    LoopReg *init = loop_over(&b, loop_zero(&b, IR_F32), 1u << LOOP_L | 1u << block->n);
    LoopIndex eight = loop_at(8);
    LoopIns *inner = loop_for(&b, &zero, &eight, 1, false, &init, 1);
    LoopIndex at = loop_plus(&b, loop_of(inner->body->counter), loop_times(loop_of(d), 8));
    LoopReg *u = loop_load(&b, w, &at, 4);
    LoopIndex in = loop_plus(&b, loop_times(loop_of(inner->body->counter), 16), loop_of(l));
    LoopReg *sum = loop_fma(&b, u, loop_load(&b, x, &in, 64), &inner->body->carry[0]);
    loop_end_for(&b, inner, &sum);
    LoopReg *positive = loop_compare(&b, IR_GT, inner->result, loop_zero(&b, IR_F32));
    LoopReg *out = loop_select(&b, positive, inner->result, loop_binary(&b, IR_mul, inner->result, loop_const(&b, IR_F32, slope)));
    LoopIndex to_at = loop_plus(&b, loop_plus(&b, loop_times(loop_of(outer->body->counter), 16 * rows), loop_times(loop_of(d), 16)), loop_of(l));
    loop_store(&b, x, &to_at, out, 64);
    loop_close(&b, block);
    loop_end_for(&b, outer, NULL);
    return b;
}

Test(loop, what_is_built_is_sound_and_comes_back)
{
    Arena *a = arena_new();
    LoopBuilder b = tile(a, 2, 1, 0.1, "dot");
    holds(&b, a);
    cr_assert_str_eq(printed(b.nest, a), "nest dot {\n"
                                         "  buffer b0 f32 at w0 + w1\n"
                                         "  buffer b1 f32 at w0 + w2 panel w3\n"
                                         "  for i0 = 0..w3 {\n"
                                         "    block d1:2 {\n"
                                         "      do i1 = 0..8 with %0 = 0:f32<l,d1> {\n"
                                         "        %1 = ld b0[i1 + 8*d1]\n"
                                         "        %2 = ld b1[16*i1 + l] align 64\n"
                                         "        %3 = fma %1, %2, %0\n"
                                         "        next %3\n"
                                         "      } -> %4\n"
                                         "      %5 = compare.gt %4, 0:f32\n"
                                         "      %6 = mul %4, 0.1:f32\n"
                                         "      %7 = select %5, %4, %6\n"
                                         "      st b1[32*i0 + 16*d1 + l], %7 align 64\n"
                                         "    }\n"
                                         "  }\n"
                                         "}\n");
    arena_free(a);
}

/* What differs in anything that code is made of differs in its text. */
Test(loop, equal_texts_are_equal_nests)
{
    Arena *a = arena_new();
    char *one = printed(tile(a, 2, 1, 0.1, "dot").nest, a);
    cr_expect_str_eq(printed(tile(a, 2, 1, 0.1, "dot").nest, a), one);
    cr_expect(strcmp(printed(tile(a, 3, 1, 0.1, "dot").nest, a), one));
    cr_expect(strcmp(printed(tile(a, 2, 2, 0.1, "dot").nest, a), one));
    cr_expect(strcmp(printed(tile(a, 2, 1, nextafterf(0.1f, 1), "dot").nest, a), one));
    cr_expect(strcmp(printed(tile(a, 2, 1, 0.1, "map").nest, a), one));
    arena_free(a);
}

/* An index longer than fits. */
Test(loop, long_indices_come_back)
{
    Arena *a = arena_new();
    LoopBuilder b = loop_begin(a, "n");
    int word = (int)loop_word(&b, 0)->n;
    int m = loop_buffer(&b, &(LoopBuffer){.elem = IR_F64, .base = word, .offset = word, .panel = -1, .slot = -1});
    LoopIndex at = loop_of(loop_dim(&b, LOOP_L));
    for (int i = 0; i < 40; i++) at = loop_plus(&b, loop_plus(&b, at, loop_times(loop_of(loop_word(&b, i)), i % 2 ? i : -i)), loop_at(-i));
    loop_store(&b, m, &at, loop_load(&b, m, &at, 8), 8);
    holds(&b, a);
    arena_free(a);
}

/* ---- random nests ----------------------------------------------------------------------------------------------- */

static unsigned roll(unsigned *state) { return (*state = *state * 1664525u + 1013904223u) >> 8; }

typedef struct {
    LoopBuilder b;
    unsigned    state;
    LoopReg    *known[512];                                 /* those visible here */
    int         n_known, depth, left;
    uint32_t    dims;                                       /* open */
} Gen;

static int below(Gen *g, int n) { return (int)(roll(&g->state) % (unsigned)n); }

static LoopReg *learn(Gen *g, LoopReg *r)
{
    if (g->n_known < (int)(sizeof g->known / sizeof *g->known)) g->known[g->n_known++] = r;
    return r;
}

static LoopReg *any(Gen *g, IrElem t)
{
    for (int tries = 0; tries < 8 && g->n_known; tries++) {
        LoopReg *r = g->known[below(g, g->n_known)];
        if (r->elem == t) return r;
    }
    return ir_is_real(t) ? loop_const(&g->b, t, (below(g, 200) - 100) / 7.0) : loop_int(&g->b, t, below(g, 100) - 20);
}

static LoopReg *any_scalar(Gen *g, IrElem t)
{
    LoopReg *r = any(g, t);
    return r->dims ? loop_int(&g->b, t, below(g, 2)) : r;
}

static IrElem any_elem(Gen *g) { return (IrElem)below(g, IR_F64 + 1); }
static IrElem any_number(Gen *g) { return (IrElem)(IR_I32 + below(g, 4)); }
static IrElem any_real(Gen *g) { return below(g, 2) ? IR_F32 : IR_F64; }

/* Over all open dims, one to one, and registers that vary along none. */
static LoopIndex any_place(Gen *g, bool one_to_one)
{
    LoopIndex x = loop_at(below(g, 9) - 4);
    int64_t stride = 1;
    for (int d = 0; d < g->b.nest->n_dims; d++) {
        if (!(g->dims >> d & 1)) continue;
        if (one_to_one || below(g, 2)) x = loop_plus(&g->b, x, loop_times(loop_of(loop_dim(&g->b, d)), below(g, 2) ? stride : -stride));
        stride *= g->b.nest->dim_size[d];
    }
    for (int k = below(g, 5); k > 0; k--) {
        LoopReg *r = one_to_one ? any_scalar(g, IR_I64) : any(g, IR_I64);
        x = loop_plus(&g->b, x, loop_times(loop_of(r), below(g, 99) - 49));
    }
    return x;
}

static int buffer_of(Gen *g, IrElem t) { return (int)t + 5 * below(g, 2); }

static void gen_row(Gen *g)
{
    IrOp row = (IrOp)below(g, IR_OP_COUNT);
    IrElem real = any_real(g), number = any_number(g), e = any_elem(g), whole = below(g, 2) ? IR_I32 : IR_I64;
    switch (loop_row_args(row)) {
    case 1:
        if (row == IR_convert) learn(g, loop_convert(&g->b, e, any(g, any_elem(g))));
        else if (row == IR_polygamma) learn(g, loop_polygamma(&g->b, below(g, 5) - 1, any(g, real)));
        else learn(g, loop_unary(&g->b, row, any(g, real)));
        break;
    case 2:
        if (row == IR_compare) learn(g, loop_compare(&g->b, (IrCompare)below(g, 6), any(g, number), any(g, number)));
        else if (row == IR_permute) learn(g, loop_permute(&g->b, any(g, IR_I64), 1 + below(g, 99), any(g, whole)));
        else learn(g, loop_binary(&g->b, row, any(g, real), any(g, real)));
        break;
    case 3:
        if (row == IR_select) learn(g, loop_select(&g->b, any(g, IR_BOOL), any(g, e), any(g, e)));
        else learn(g, loop_fma(&g->b, any(g, real), any(g, real), any(g, real)));
        break;
    default: learn(g, loop_binary(&g->b, below(g, 2) ? IR_add : IR_mul, any(g, IR_I64), any(g, IR_I64))); break;
    }
}

static void gen_whole(Gen *g)
{
    static const LoopOp ops[] = {LOOP_and, LOOP_or, LOOP_inside, LOOP_quot, LOOP_rest};
    LoopOp op = ops[below(g, 5)];
    IrElem t = op <= LOOP_or && below(g, 2) ? IR_BOOL : IR_I64;
    LoopReg *y = op == LOOP_quot || op == LOOP_rest ? loop_int(&g->b, IR_I64, 1 + below(g, 20)) : any(g, t);
    learn(g, loop_op2(&g->b, op, any(g, t), y));
    learn(g, loop_trailing(&g->b, any(g, IR_I64)));
    LoopIndex x = any_place(g, false), byte = loop_times(loop_of(any_scalar(g, IR_I64)), 8);
    if (!byte.n) byte = loop_at(8 * below(g, 20));
    learn(g, loop_index(&g->b, &x));
    learn(g, loop_frame(&g->b, &byte));
}

static void gen_access(Gen *g)
{
    IrElem t = any_elem(g);
    LoopIndex from = any_place(g, false), to = any_place(g, true);
    LoopReg *v = learn(g, loop_load(&g->b, buffer_of(g, t), &from, (unsigned)ir_elem_bytes(t)));
    loop_store(&g->b, buffer_of(g, t), &to, below(g, 2) ? v : any(g, t), below(g, 2) ? 1 : (unsigned)ir_elem_bytes(t));
    void (*hint[])(LoopBuilder *, int, const LoopIndex *) = {loop_ahead, loop_fetch, loop_claim};
    if (!(loop_index_dims(&from) >> LOOP_L & 1)) hint[below(g, 3)](&g->b, buffer_of(g, t), &from);
    if (v->dims & 1u << LOOP_L) learn(g, loop_lanes16(&g->b, v));
    for (int d = 1; d < g->b.nest->n_dims; d++)
        if (v->dims & 1u << LOOP_L && g->dims >> d & 1 && g->b.nest->dim_size[d] == LOOP_LANES) learn(g, loop_turn(&g->b, v, d));
}

static void gen_draw(Gen *g)
{
    LoopReg *out[4];
    int count = 1 << below(g, 3), what = below(g, 3);
    IrOp row = what == 0 ? IR_uniform : what == 1 ? IR_normal : IR_randint;
    IrElem t = row == IR_randint ? IR_I32 : any_real(g);
    loop_draw(&g->b, row, t, 1 + below(g, 9), count, any(g, IR_I64), any(g, IR_I64), any(g, IR_I64), any(g, IR_I64), out);
    for (int i = 0; i < count; i++) learn(g, out[i]);
}

static LoopArg gen_pass(Gen *g, char letter)
{
    const char *at = strchr("bin", letter);
    if (!at) return (LoopArg){.kind = LOOP_PASS_BUFFER, .buffer = below(g, 10), .at = loop_of(any_scalar(g, IR_I64))};
    return (LoopArg){.kind = LOOP_PASS_REG, .reg = any_scalar(g, (IrElem)(at - "bin"))};
}

static void gen_call(Gen *g)
{
    LoopArg pass[16];
    int symbol = below(g, SYMBOL_COUNT), n = 0;
    if (loop_symbol[symbol].signature[0] != 'v') return;
    for (const char *s = loop_symbol[symbol].signature + 1; *s; s++) pass[n++] = gen_pass(g, *s);
    loop_call(&g->b, symbol, pass, n);
}

static void gen_body(Gen *g);

/* The same as `init`, or a sum with what has no more dims. */
static LoopReg *gen_next(Gen *g, LoopReg *carry)
{
    LoopReg *r = any(g, carry->elem);
    if (r->dims & ~carry->dims) return carry;
    return carry->elem == IR_BOOL ? r : loop_binary(&g->b, IR_add, carry, r);
}

static bool writes(const LoopBody *body)
{
    for (int k = 0; k < body->ins.n; k++) {
        const LoopIns *i = body->ins.v[k];
        if (i->op == LOOP_st || i->op == LOOP_call || (i->body && writes(i->body))) return true;
    }
    return false;
}

static void gen_loop(Gen *g)
{
    LoopReg *init[3], *next[3];
    int n = below(g, 4);
    LoopIndex from = loop_of(any_scalar(g, IR_I64)), to = loop_of(any_scalar(g, IR_I64));
    int64_t lo, hi;
    bool sure = below(g, 2) && !(loop_index_const(&from, &lo) & loop_index_const(&to, &hi));
    for (int i = 0; i < n; i++) {
        init[i] = any(g, any_elem(g));
        if (init[i]->kind == LOOP_REG_CONST) init[i] = loop_over(&g->b, init[i], g->dims & roll(&g->state));
    }
    LoopIns *loop = loop_for(&g->b, &from, &to, 1 + below(g, 3), sure, init, n);
    int outside = g->n_known;
    learn(g, loop->body->counter);
    for (int i = 0; i < n; i++) learn(g, &loop->body->carry[i]);
    gen_body(g);
    for (int i = 0; i < n; i++) next[i] = gen_next(g, &loop->body->carry[i]);
    loop_end_for(&g->b, loop, next);
    loop->par = n == 0 && !writes(loop->body);
    g->n_known = outside;
    for (int i = 0; i < n; i++) learn(g, &loop->result[i]);
}

static void gen_inside(Gen *g, LoopIns *i)
{
    int outside = g->n_known;
    uint32_t dims = g->dims;
    if (i->op == LOOP_block) {
        g->dims |= 1u << i->n;
        learn(g, loop_dim(&g->b, (int)i->n));
    }
    gen_body(g);
    loop_close(&g->b, i);
    g->n_known = outside;
    g->dims = dims;
}

static void gen_ins(Gen *g)
{
    int what = below(g, g->depth < 5 ? 12 : 8);
    if (what < 4) gen_row(g);
    else if (what == 4) gen_whole(g);
    else if (what == 5) gen_access(g);
    else if (what == 6) gen_draw(g);
    else if (what == 7) gen_call(g);
    else if (what == 8) gen_inside(g, loop_when(&g->b, any_scalar(g, IR_BOOL)));
    else if (what == 9) gen_inside(g, loop_block(&g->b, below(g, 2) ? LOOP_LANES : 1 + below(g, 4)));
    else gen_loop(g);
}

static void gen_body(Gen *g)
{
    g->depth++;
    for (int n = 1 + below(g, 8); n > 0 && g->left > 0; n--, g->left--) gen_ins(g);
    g->depth--;
}

static Gen random_nest(Arena *a, unsigned seed)
{
    Gen g = {.b = loop_begin(a, "any"), .state = seed * 7919 + 1, .left = 120, .dims = 1u << LOOP_L};
    for (int i = 0; i < 4; i++) learn(&g, loop_arg(&g.b, i));
    for (int i = 0; i < 6; i++) learn(&g, loop_word(&g.b, i));
    learn(&g, loop_dim(&g.b, LOOP_L));
    for (int i = 0; i < 10; i++) {
        LoopBuffer m = {.elem = (IrElem)(i % 5), .base = below(&g, 6), .offset = below(&g, 6)};
        m.panel = below(&g, 7) - 1;
        m.slot = below(&g, 7) - 1;
        for (m.n_iter = 0; m.n_iter < below(&g, 5); m.n_iter++) {
            m.iter[m.n_iter].depth = m.n_iter;
            m.iter[m.n_iter].stride = below(&g, 99) - 49;
        }
        loop_buffer(&g.b, &m);
    }
    loop_local(&g.b, any_elem(&g), 1 + below(&g, 99));
    while (g.left > 0) gen_body(&g);
    return g;
}

Test(loop, random_nests_are_sound_and_come_back)
{
    Met met = {.par = false};
    for (unsigned seed = 0; seed < 300; seed++) {
        Arena *a = arena_new();
        Gen g = random_nest(a, seed);
        holds(&g.b, a);
        meet(&met, &g.b.nest->body);
        arena_free(a);
    }
    cr_expect(met.par, "no random nest has a par");
    for (int i = 0; i < loop_op_n; i++) cr_expect(met.op[i], "no random nest has a %s", loop_op_info[i].name);
    for (int i = 0; i < IR_OP_COUNT; i++) cr_expect(met.row[i] || !loop_row_args((IrOp)i), "no random nest has a %s", ir_op_info[i].name);
}

/* What the reader takes, verifier and printer take too, whatever it is. */
static void take(const char *text)
{
    Arena *a = arena_new();
    char why[256];
    LoopNest *n = loop_read(a, text, why);
    if (n) {
        char *one = printed(n, a), whatever[256];
        bool ok = loop_verify(n, whatever);
        LoopNest *second = loop_read(a, one, why);
        cr_assert(second && !strcmp(printed(second, a), one), "%s\n%s", why, one);
        cr_assert(loop_verify(second, why) == ok, "%s\n%s\n%s", why, whatever, one);
    } else {
        cr_assert(strchr(why, ':') && strlen(why) < 256);
    }
    arena_free(a);
}

static void mutate(char *text, size_t *n, unsigned *state)
{
    size_t at = roll(state) % *n, from = roll(state) % *n, length = 1 + roll(state) % 12;
    if (at + length > *n || from + length > *n) return;
    switch (roll(state) % 5) {
    case 0: text[at] = (char)roll(state); break;
    case 1: text[at] = "0123456789-%:,<>[]{}()=*+. diblwu"[roll(state) % 33]; break;
    case 2: memmove(text + at, text + at + length, *n - at - length), *n -= length; break;
    case 3: memmove(text + at, text + from, length); break;
    default: *n = at + 1; break;
    }
    text[*n] = 0;
}

Test(loop, garbage_is_refused_not_feared)
{
    Arena *a = arena_new();
    char *rows = file_text(a, "test_rows.loop");
    size_t length = strlen(rows);
    unsigned state = 7;
    for (int i = 0; i < 2000; i++) {
        char *text = arena_copy(a, rows, length + 1);
        size_t n = length;
        for (int k = 1 + i % 4; k > 0 && n > 40; k--) mutate(text, &n, &state);
        take(text);
    }
    static const char *const odd[] = {"", "#", "nest", "nest n", "nest n {", "nest n { %", "nest n { % = add 1, 1 }", "nest n {} }", "nest 3 {}",
        "nest n { buffer", "nest n { buffer b0 f32 at w99999999999999999999 + w0 }", "nest n { buffer b0 f32 local 99999999999999999999 }",
        "nest n { %1 = add %1, 1 }", "nest n { %1 = index -9223372036854775808 - 1 }", "nest n { %1 = index 3*", "nest n { %1 = index - }",
        "nest n { for i0 = 0..", "nest n { for i0 = 0..1 with", "nest n { for i0 = 0..1 with %", "nest n { %1, = add 1, 1 }", "\xff\xfe%\""};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) take(odd[i]);
    Text deep = text_in(a);
    text_add(&deep, "nest n {\n");
    for (int i = 0; i < 5000; i++) text_add(&deep, "when true:bool {\n");
    take(text_str(&deep));
    arena_free(a);
}

/* ---- what is refused -------------------------------------------------------------------------------------------- */

static const char *const preamble = "nest n {\n"
                                    "buffer b0 f32 at w0 + w1\nbuffer b1 i64 at w0 + w2 panel w3\nbuffer b2 f64 local 32\nbuffer b3 bool at w0 + w3\n"
                                    "%0 = ld b0[0]\n%1 = ld b0[l]\n%2 = ld b1[0]\n%3 = ld b1[l]\n%4 = ld b2[l]\n%5 = ld b3[0]\n%6 = ld b3[l]\n%7 = convert i32 %3\n";

static const struct { const char *rows, *why; } broken[] = {
    /* words */
    {"add %0, %1", "0 names for the results of add"},
    {"%8 = st b0[0], %0", "st has no result"},
    {"%8 = frob %0", "expected an instruction"},
    {"%8 = row %0", "expected an instruction"},
    {"%8 = const 1", "expected an instruction"},
    {"%8 = sum %0", "expected an instruction"},
    {"%0 = exp %0", "%0 is there already"},
    {"%8 = exp %9", "there is no %9"},
    {"%8 = exp i0", "there is no i0"},
    {"%8 = exp", "expected a register"},
    {"%8 = exp d32", "no more than 32"},
    {"%8 = index u4", "no more than 4"},
    {"%8 = add 1.5, 1", "1.5 is no i64"},
    {"%8 = exp 1e39:f32", "1e39 is no f32"},
    {"%8 = add 3000000000:i32, 1:i32", "3000000000 is no i32"},
    {"%8 = and 1:bool, true:bool", "1 is no bool"},
    {"%8 = exp inf", "inf is no i64"},
    {"%8 = add 9223372036854775808, 1", "9223372036854775808 is no i64"},
    {"%8 = compare %0, %1", "expected '.'"},
    {"%8 = compare.lo %0, %1", "expected a comparison"},
    {"%8 = convert %0", "expected an element type"},
    {"%8 = polygamma %0", "expected 'n'"},
    {"%8 = ld b4[0]", "there is no buffer b4"},
    {"%8 = ld b0[0", "expected ']'"},
    {"%8 = index 9223372036854775807 + 1", "does not fit"},
    {"%8 = index w0 + w1 + w2 + w3 + w4 + w5 + w6 + w7 + w8 + w9 + w10 + w11 + w12", "more than 12 terms"},
    {"call exit(0)", "expected a routine of the runtime"},
    {"%8 = draw sum f32 0, 0, 0, 0", "expected what to draw"},
    {"%8 = draw randint i32 0, 0, 0, 0", "expected 'n'"},
    {"for i0 = 0..1 with %8 = %0 { }  -> %9", "0 next of a loop that carries 1"},
    {"for i0 = 0..1 with %8 = %0 { next %8, %8 }  -> %9", "2 next of a loop that carries 1"},
    {"for i0 = 0..1 with %8 = %0 { next %8 }", "0 results of a loop that carries 1"},
    {"for i0 = 0..1 { next %0 }", "1 next of a loop that carries 0"},
    {"when %5 { next %0 }", "'next' ends the body of a loop alone"},
    {"block d1:2 { } block d1:3 { }", "of size 2 elsewhere"},
    {"block d1:0 { }", "whole number in 1.."},
    {"for 0..1 { }", "expected a counter"},
    {"for i0 = 0 { }", "expected '..'"},
    {"}", "expected the end"},
    /* rows */
    {"%8 = add %0, %2", "f32[] and i64[] differ in element type"},
    {"%8 = add %5, %5", "bool[] is not of numbers"},
    {"%8 = exp %2", "i64[] is not of real numbers"},
    {"%8 = exp %0, %0", "exp takes 1 operands, not 2"},
    {"%8, %9 = exp %0", "2 names for the results of exp"},
    {"%8 = select %0, %0, %0", "the condition f32[] is not bool"},
    {"%8 = polygamma n -2 %0", "order -2 is outside"},
    {"%8 = permute n 0 %2, %3", "permute: wants"},
    {"%8 = permute n 4 %7, %3", "permute: wants"},
    {"%8 = permute n 4 %2, %1", "permute: wants"},
    {"%8 = permute n 4 %2", "takes 2 operands, not 1"},
    /* other values */
    {"%8 = and %0, %0", "and: of f32, not of bool or i64"},
    {"%8 = or %5, %2", "or: an operand is i64, not bool"},
    {"%8 = inside %0, %2", "inside: an operand is f32, not i64"},
    {"%8 = trailing %7", "trailing: an operand is i32, not i64"},
    {"%8 = quot %2, w0", "quot: by what is no positive constant"},
    {"%8 = quot %2, 0", "quot: by what is no positive constant"},
    {"%8 = rest %2, -4", "rest: by what is no positive constant"},
    {"%8 = rest %7, 4:i32", "rest: an operand is i32, not i64"},
    {"%8 = lanes16 %0", "lanes16: of a register without lanes"},
    {"block d1:16 { %8 = turn %0 with d1 }", "turn: of a register without lanes"},
    {"block d1:8 { %8 = turn %1 with d1 }", "not of size 16"},
    {"%8 = turn %1 with d1", "turn: with a dim that no block around it opens"},
    {"%8 = turn %1 with l", "turn: with a dim that no block around it opens"},
    {"%8, %9, %10 = draw normal f32 %2, %3, 0, 0", "draw: 3 numbers"},
    {"%8 = draw normal i32 %2, %3, 0, 0", "draw: normal is of real numbers"},
    {"%8 = draw randint i64 n 4 %2, %3, 0, 0", "draw: randint wants i32"},
    {"%8 = draw randint i32 n 0 %2, %3, 0, 0", "draw: randint wants i32"},
    {"%8 = draw uniform f32 %2, %7, 0, 0", "draw: an operand is i32, not i64"},
    {"%8 = draw uniform f32 %2, %3, 0", "draw takes 4 operands, not 3"},
    {"%8 = frame 12", "frame: no number begins at byte 12"},
    {"%8 = frame -8", "frame: no number begins at byte -8"},
    {"%8 = frame l", "frame: the byte varies along a dim"},
    /* indices and memory */
    {"%8 = index 3*%7", "an index with a register of i32"},
    {"%8 = index 0*w0", "zero times a register"},
    {"%8 = index w0 + 2*w0", "a register twice"},
    {"%8 = index l + %3 - %3", "a register twice"},
    {"%8 = index w0 + 4:i64", "a number as a register"},
    {"%8 = index d1", "a dim that no block around it opens"},
    {"block d2:2 { %8 = index d1 }", "a dim that no block around it opens"},
    {"block d1:2 { } %8 = index d1", "a dim that no block around it opens"},
    {"%8 = add 0:f32<d1>, %0", "over a dim that no block around it opens"},
    {"%8 = ld b0[l] align 12", "align 12 is no power of two"},
    {"st b0[l], %1 align 0", "align 0 is no power of two"},
    {"%8 = ld b2[l] align 128", "aligned to 64 bytes, not 128"},
    {"%8 = ld b2[l + 4] align 64", "element 4 is not aligned to 64 bytes"},
    {"block d1:2 { %8 = ld b0[8*d1 + l] align 64 }", "steps of 8 are not aligned to 64 bytes"},
    {"for i0 = 0..w0 by 2 { %8 = ld b0[4*i0 + l] align 64 }", "steps of 8 are not aligned to 64 bytes"},
    {"%8 = ld b2[32]", "32..32 of a local buffer of 32 cells"},
    {"%8 = ld b2[l - 1]", "-1..14 of a local buffer"},
    {"block d1:3 { st b2[16*d1 + l], %4 }", "0..47 of a local buffer"},
    {"block d1:2 { st b2[-16*d1 + l + 15], %4 }", "-1..30 of a local buffer"},
    {"for i0 = 0..5 by 3 { %8 = ld b2[10*i0 + 1] for i1 = 1..12 by 5 { %9 = ld b2[3*i1] } }", "3..33 of a local buffer"},
    {"%8 = ld b2[4611686018427387904*l]", "an index that does not fit"},
    {"st b0[4611686018427387904*l], %1", "an index that does not fit"},
    {"st b0[0], %4", "st: an operand is f64, not f32"},
    {"st b0[w3], %1", "st: the index lacks a dim of the value"},
    {"block d1:2 { %8 = ld b0[d1] st b0[l], %8 }", "st: the index lacks a dim of the value"},
    {"block d1:2 { st b0[15*d1 + l], %1 }", "two of its elements meet"},
    {"block d1:2 { st b0[d1 + l], %1 }", "two of its elements meet"},
    {"block d1:2 { st b0[2*l - 3*d1 + 3*l], %1 }", "a register twice"},
    {"block d1:4 { st b0[2*l + 30*d1], 0:f32 }", "two of its elements meet"},
    {"block d1:4 { block d2:3 { st b0[l + 16*d1 + 48*d2], 0:f32 } }", "two of its elements meet"},
    {"block d1:4 { block d2:3 { st b0[%3 + 16*d1 + 48*d2], %1 } }", "two of its elements meet"},
    /* calls */
    {"call linalg_cholesky(4, b2[0])", "linalg_cholesky takes 3 arguments, not 2"},
    {"call linalg_cholesky(4:i32, b2[0], b2[16])", "call: i32 where 'n' is wanted"},
    {"call linalg_cholesky(4, 4, b2[16])", "call: i64 where 'r' is wanted"},
    {"call linalg_cholesky(b2[0], b2[0], b2[16])", "an address where a number is wanted"},
    {"call linalg_cholesky(%3, b2[0], b2[16])", "an argument varies along a dim"},
    {"call linalg_cholesky(4, b2[l], b2[16])", "an address varies along a dim"},
    {"call linalg_cholesky(4, b2[0], b2[32])", "of a local buffer of 32 cells"},
    {"call random_permute(4, 4, 4)", "gives a number"},
    /* bodies */
    {"when %6 { }", "when: its condition varies along a dim"},
    {"when %2 { }", "when: an operand is i64, not bool"},
    {"when %5 { %8 = exp %0 } %9 = exp %8", "outside the body where it is made"},
    {"when %5 { %8 = exp %0 } when %5 { st b0[0], %8 }", "outside the body where it is made"},
    {"for i0 = 0..4 { } %8 = index i0", "outside the body where it is made"},
    {"for i0 = 0..4 with %8 = %0 { next %8 } -> %9 st b0[0], %8", "outside the body where it is made"},
    {"for i0 = 0..4 { %8 = exp %0 for i1 = 0..%2 { %9 = exp %8 } for i2 = 0..4 { %10 = exp %9 } }", "outside the body where it is made"},
    {"block d1:2 { block d1:2 { } }", "block: its dim is open already"},
    {"for i0 = 0..%3 { }", "a loop's bound varies along a dim"},
    {"for i0 = l..4 { }", "a loop's bound varies along a dim"},
    {"for i0 = 0..%7 { }", "an index with a register of i32"},
    {"for i0 = 0..4 by 0 { }", "for: steps by 0"},
    {"for i0 = 4..0 by -1 { }", "for: steps by -1"},
    {"do i0 = 4..4 { }", "do: without a turn"},
    {"par when %5 { }", "expected a loop"},
    {"par add %0, %1", "expected a loop"},
    {"par for i0 = 0..4 with %8 = %0 { next %8 } -> %9", "for: in any order, but it carries from turn to turn"},
    {"par for i0 = 0..4 { st b0[0], %0 }", "st: all turns of a par write the same cells"},
    {"par do i0 = 0..9 { for i1 = 0..w0 { st b0[16*i1 + l], %1 } }", "st: all turns of a par write the same cells"},
    {"par for i0 = 0..4 { par for i1 = 0..w0 { when %5 { } st b0[16*i1 + l], %1 } }", "st: all turns of a par write the same cells"},
    {"par for i0 = 0..4 { call linalg_cholesky(4, b0[16*i0], b0[0]) }", "call: all turns of a par write the same cells"},
    {"par for i0 = 0..4 { st b0[8*i0 + l], %1 }", "two of its elements meet"},
    {"par for i0 = 0..12 by 3 { block d1:4 { st b0[16*i0 + 16*d1 + l], %1 } }", "two of its elements meet"},
    {"par for i0 = 0..4 { par for i1 = 0..3 { st b0[16*i0 + 32*i1 + l], %1 } }", "two of its elements meet"},
    {"for i0 = 0..4 with %8 = %0 { next %2 } -> %9", "next: i64 of a loop that began with f32"},
    {"for i0 = 0..4 with %8 = %0 { %9 = add %8, %1 next %9 } -> %10", "next: has a dim that the loop did not begin with"},
    {"for i0 = 0..4 with %8 = 0:f32<d1> { next %8 } -> %9", "over a dim that no block around it opens"},
};

Test(loop, what_is_broken_is_refused)
{
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        Arena *a = arena_new();
        char why[256] = "nothing";
        LoopNest *n = loop_read(a, arena_printf(a, "%s%s\n}\n", preamble, broken[i].rows), why);
        bool ok = n && loop_verify(n, why);
        cr_expect(!ok, "taken: %s", broken[i].rows);
        cr_expect(ok || strstr(why, broken[i].why), "%s\n  says: %s\n  not:  %s", broken[i].rows, why, broken[i].why);
        arena_free(a);
    }
}

static const struct { const char *text, *why; } broken_nests[] = {
    {"nest n { buffer b1 f32 at w0 + w1 }", "1:17: the buffer is b0"},
    {"nest n { buffer b0 at w0 + w1 }", "expected an element type"},
    {"nest n { buffer b0 f32 at w0 }", "expected '+'"},
    {"nest n { buffer b0 f32 local 0 }", "line 2: a local buffer of 0 cells"},
    {"nest n { buffer b0 f32 at w0 + w1 iter 0:1,1:1,2:1,3:1,4:1,5:1,6:1,7:1,8:1 }", "more than 8 counters"},
    {"nest n {\n}\nnest m {\n}\n", "3:1: expected the end"},
    {"nest {}", "expected the nest's name"},
    {"nest 0n {}", "expected the nest's name"},
    {"nest n {\n%0 = index w0\n%1 = exp %0\n}", "3:6: exp: i64[]"},
    {"nest n {\n# one\n%0 = index w0\n%1 = quot %0, w0\n}", "line 3: quot"},
    {"nest n { buffer b0 f32 at w0 + w1 do i0 = 0..w0 with %0 = 0 { next 1 } -> %1 when true:bool { } st b0[0], %1 }", "line 8: st"},
};

Test(loop, mistakes_have_their_place)
{
    for (size_t i = 0; i < sizeof broken_nests / sizeof *broken_nests; i++) {
        Arena *a = arena_new();
        char why[256] = "nothing";
        LoopNest *n = loop_read(a, broken_nests[i].text, why);
        bool ok = n && loop_verify(n, why);
        cr_expect(!ok && strstr(why, broken_nests[i].why), "%s\n  says: %s\n  not:  %s", broken_nests[i].text, why, broken_nests[i].why);
        arena_free(a);
    }
}

/* Turns that write apart, as far as anyone can tell: one turn, perhaps one turn, none, a turn that a `when` chooses, a place that a register says,
 * strides that step over what lies between, a local. */
Test(loop, turns_in_any_order_write_apart)
{
    static const char *const rows[] = {
        "par for i0 = 0..1 { st b0[0], %0 }",
        "par do i0 = 0..w1 { st b0[0], %0 }",
        "for i0 = 0..0 { par for i1 = 0..9 { st b0[0], %0 } }",
        "par for i0 = 0..4 { when %5 { st b0[0], %0 } }",
        "par for i0 = 0..4 { %8 = and i0, 2 st b0[%8], %0 }",
        "par for i0 = 0..4 { %8 = and i0, 3 st b0[8*i0 + l + 8*%8], %1 }",
        "par for i0 = 0..4 { st b0[16*i0 + l], %1 }",
        "par for i0 = 0..8 by 2 { st b0[8*i0 + l], %1 }",
        "par for i0 = 0..4 { for i1 = i0..w1 { st b0[i1], %0 } }",
        "par for i0 = 0..4 { for i1 = 0..4 { st b0[16*i0 + 2*i1 + l], %1 } }",
        "par for i0 = 0..4 { st b2[l], %4 }",
        "par for i0 = 0..w1 { st b0[16*i0 + l], %1 }"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *a = arena_new();
        again(arena_printf(a, "%s%s\n}\n", preamble, rows[i]), a);
        arena_free(a);
    }
}

/* Breakage that no text can say. */
static LoopIns *last(LoopNest *n) { return n->body.ins.v[n->body.ins.n - 1]; }
static void break_operand(LoopNest *n) { n->body.ins.v[1]->arg[0] = NULL; }
static void break_order(LoopNest *n) { n->body.ins.v[1]->arg[0] = n->body.ins.v[1]->result; }
static void break_elem(LoopNest *n) { n->body.ins.v[1]->result->elem = IR_F64; }
static void break_dims(LoopNest *n) { n->body.ins.v[1]->result->dims = 0; }
static void break_id(LoopNest *n) { n->body.ins.v[1]->result->id = 0; }
static void break_range(LoopNest *n) { n->n_ids = 1; }
static void break_maker(LoopNest *n) { n->body.ins.v[1]->result->def = last(n); }
static void break_op(LoopNest *n) { n->body.ins.v[1]->op = (LoopOp)1000; }
static void break_row(LoopNest *n) { n->body.ins.v[1]->row = IR_sum; }
static void break_args(LoopNest *n) { n->body.ins.v[1]->n_args = 2, n->body.ins.v[1]->op = LOOP_lanes16; }
static void break_buffer(LoopNest *n) { n->body.ins.v[0]->buffer = 1; }
static void break_words(LoopNest *n) { n->n_words = 1; }
static void break_size(LoopNest *n) { n->dim_size[1] = 3; }
static void break_lanes(LoopNest *n) { n->dim_size[LOOP_L] = 8; }
static void break_count(LoopNest *n) { n->n_dims = LOOP_MAX_DIMS + 1; }
static void break_name(LoopNest *n) { n->name = "a nest"; }
static void break_up(LoopNest *n) { last(n)->body->up = NULL; }
static void break_body(LoopNest *n) { last(n)->body = NULL; }
static void break_next(LoopNest *n) { last(n)->body->ins.v[0]->body->next = NULL; }
static void break_carry(LoopNest *n) { last(n)->body->ins.v[0]->body->carry->dims = 0; }
static void break_result(LoopNest *n) { last(n)->body->ins.v[0]->result->dims = 0; }
static void break_counter(LoopNest *n) { last(n)->body->ins.v[0]->body->counter->elem = IR_I32; }
static void break_terms(LoopNest *n) { n->body.ins.v[0]->at.n = LOOP_MAX_TERMS + 1; }
static LoopReg *first_word(LoopNest *n) { return last(n)->body->ins.v[0]->to.term[0].reg; }
static LoopReg too_large = {.kind = LOOP_REG_CONST, .elem = IR_I32, .n = (int64_t)1 << 40};
static void break_const(LoopNest *n) { n->body.ins.v[1]->arg[0] = &too_large; }
static void break_word(LoopNest *n) { first_word(n)->n = 99; }
static void break_word_type(LoopNest *n) { first_word(n)->elem = IR_I32; }
static void break_kind(LoopNest *n) { first_word(n)->kind = (LoopRegKind)99; }
static void break_type(LoopNest *n) { first_word(n)->elem = (IrElem)99; }
static void break_row_number(LoopNest *n) { n->body.ins.v[1]->row = (IrOp)1000; }
static void break_drawn(LoopNest *n) { n->body.ins.v[2]->row = IR_exp; }
static void break_symbol(LoopNest *n) { n->body.ins.v[3]->symbol = 99; }
static void break_results(LoopNest *n) { last(n)->body->ins.v[0]->n_results = 0; }
static void break_no_results(LoopNest *n) { n->body.ins.v[1]->n_results = 0; }
static void break_no_room(LoopNest *n) { n->body.ins.v[1]->result = NULL; }
static void break_no_counter(LoopNest *n) { last(n)->body->ins.v[0]->body->counter = NULL; }
static void break_a_counter(LoopNest *n) { last(n)->body->counter = last(n)->body->ins.v[0]->body->counter; }
static void break_no_dim(LoopNest *n) { last(n)->n = 2; }
static void break_offset(LoopNest *n) { n->buffers.v[0].offset = 7; }
static void break_iters(LoopNest *n) { n->buffers.v[0].n_iter = 9; }
static void break_iter(LoopNest *n) { n->buffers.v[0].n_iter = 1, n->buffers.v[0].iter[0].depth = -1; }
static void break_cell(LoopNest *n) { n->buffers.v[0].elem = (IrElem)99; }
static void break_nest(LoopNest *n) { n->body.depth = 1; }
static void break_par(LoopNest *n) { n->body.ins.v[1]->par = true; }
static void break_local(LoopNest *n) { n->buffers.v[0].local = true, n->buffers.v[0].cells = 64, n->buffers.v[0].panel = 0; }

Test(loop, broken_structure_is_refused)
{
    static const struct { void (*how)(LoopNest *n); const char *why; } table[] = {
        {break_operand, "an operand is missing"}, {break_order, "before it is made"},      {break_elem, "the result is f32"},
        {break_dims, "other dims"},               {break_id, "out of range or taken"},     {break_range, "out of range or taken"},
        {break_maker, "does not know who"},       {break_op, "no such instruction"},       {break_row, "no element-wise row"},
        {break_args, "takes 1 operands"},         {break_buffer, "no such buffer"},        {break_words, "no such word"},
        {break_size, "its dim is of size 3"},     {break_lanes, "8 lanes"},                {break_count, "33 dims"},
        {break_name, "no name"},                  {break_up, "badly linked"},              {break_body, "its body is missing"},
        {break_next, "an operand is missing"},    {break_carry, "not as it begins"},       {break_result, "not as what it carries"},
        {break_counter, "of another type"},       {break_terms, "an index of 13 terms"},   {break_local, "that moves"},
        {break_const, "constant that is no i32"}, {break_word, "no such word: 99"},        {break_word_type, "a word is of another type"},
        {break_kind, "a register of no kind"},    {break_type, "without an element type"}, {break_row_number, "no such row"},
        {break_drawn, "nothing that is drawn"},   {break_symbol, "no such routine: 99"},   {break_results, "0 results of a loop"},
        {break_no_results, "has 1 results"},      {break_no_room, "results are missing"},  {break_no_counter, "without a counter"},
        {break_a_counter, "has a counter"},       {break_no_dim, "no such dim: 2"},        {break_offset, "line 2: no such word: 7"},
        {break_iters, "with 9 counters"},         {break_iter, "counter of depth -1"},     {break_cell, "without an element type"},
        {break_nest, "not a nest's"},             {break_par, "no turns to be in any order"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        Arena *a = arena_new();
        char why[256] = "";
        LoopNest *n = sound("nest n { buffer b0 f32 at w0 + w1 %0 = ld b0[l] %1 = exp %0\n"
                            "%8 = draw normal f32 l, 0, 0, 0 call linalg_cholesky(4, b0[0], b0[16])\n"
                            "block d1:2 { do i0 = 0..w1 with %2 = %1 { next %0 } -> %3 } }", a);
        table[i].how(n);
        cr_expect(!loop_verify(n, why) && strstr(why, table[i].why), "%s, not %s", why, table[i].why);
        arena_free(a);
    }
}
