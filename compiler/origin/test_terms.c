/* test_terms.c - which elements go into which, held to the interpreter: a nan in one element of a slot shows in exactly those elements of the
 * result that are said to be made of it; and what a loop's results are traced to is as finite as they are. */
#include "compiler/origin/record.h"
#include "compiler/origin/terms.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* x: <a>[3,4], y: <a,b>[4,2], w: [3,4], i: <a>[3] of whole numbers 0, 1, 2, 0, ... */
static const char *const bodies[] = {
    "%r = add %x, %w : f32<a>[3,4]",
    "%k = sum %y {dims [0,1]} : f32<a,b>[]\n%r = mul %x, %k : f32<a,b>[3,4]",
    "%r = fma %x, %w, 2 : f32<a>[3,4]",
    "%r = sum %x {dims [0]} : f32<a>[4]",
    "%r = sum %y {over b} : f32<a>[4,2]",
    "%r = sum %y {over a,b} : f32[4,2]",
    "%r = norm %x {dims [1]} : f32<a>[3]",
    "%r = reduce_max %x {dim 1} : f32<a>[3]",
    "%r = reduce_max %y {axis a} : f32<b>[4,2]",
    "%r = cumsum %x {dim 1} : f32<a>[3,4]",
    "%r = cumsum %x {dim 0 reverse exclusive} : f32<a>[3,4]",
    "%r = dot %x, %y {contract 1:0} : f32<a,b>[3,2]",
    "%r = dot %x, %y {contract 1:0 over a form lanes} : f32<b>[3,2]",
    "%r = dot %x, %w {batch 0:0 contract 1:1} : f32<a>[3]",
    "%r = dot %x, %w {batch 1:1} : f32<a>[4,3,3]",
    "%r = dot %x, %x ; %w2, %x {batch 0:0 over a ; a form lanes} : f32[3,4,4]",
    "%r = conv %x, %y {windows 1:0 stride 2 dilate 1:1 pad 1:2} : f32<a,b>[2,3,2]",
    "%r = conv %x, %w {windows 1:1 stride 1 dilate 2:1 pad 2:1 contract 0:0 over a} : f32[7]",
    "%r = reshape %x {dims [2,6]} : f32<a>[2,6]",
    "%r = transpose %x {dims [1,0]} : f32<a>[4,3]",
    "%r = broadcast %x {dims [3,2,4] kept [0,2]} : f32<a>[3,2,4]",
    "%r = slice %x {lo [1,0] hi [3,4] step [1,3]} : f32<a>[2,2]",
    "%r = pad %x {lo [1,0] hi [0,2] interior [0,1] value 0} : f32<a>[4,9]",
    "%r = concat %x, %w, %x {dim 1} : f32<a>[3,12]",
    "%r = reverse %x {dims [1]} : f32<a>[3,4]",
    "%r = gather %w, %i {batch 0} : f32<a>[3,4]",
    "%r = gather %x, %i {batch 0} : f32<a>[3,4]",
    "%r = gather %x, %i {batch 1} : f32<a>[3]",
    "%r = scatter_add %i, %x {n 3 batch 0} : f32<a>[3,4]",
    "%r = scatter_add %i, %x {n 3 batch 0 over a} : f32[3,4]",
    "%r = spread %s1 {over b} : f32<a,b>[]",
    "%r = as_feature %y {axis a} : f32<b>[2,4,2]",
    "%c = compare %w, 0.5 {lt} : bool[3,4]\n%r = select false, %x, %w2 : f32<a>[3,4]",
};

static const char *const loops[] = {
    "%r, %o = scan %x ; %w ; %s {n 3} (%t: f32<a>[3,4], %u: f32[4], %q: f32[]) {\n%t1 = add %t, %q : f32<a>[3,4]\n%o1 = mul %u, %q : f32[4]\nyield %t1, %o1\n} : f32<a>[3,4], f32[3,4]\n",
    "%r, %f = scan %s1, %no ; ; {n 5 until 1} (%t: f32<a>[], %u: bool<a>[]) {\n%t1 = mul %t, 1.5 : f32<a>[]\n%u1 = compare %t1, 30 {gt} : bool<a>[]\nyield %t1, %u1\n} : f32<a>[], bool<a>[]\n",
    "%f, %g, %r = scan %s1, %no ; ; {n 5 until 1} (%t: f32<a>[], %u: bool<a>[]) {\n%t1 = mul %t, 1.5 : f32<a>[]\n%u1 = compare %t1, 30 {gt} : bool<a>[]\nyield %t1, %u1, %t\n} : f32<a>[], bool<a>[], f32<a>[5]\n",
    "%c = compare %s, 0 {gt} : bool[]\n%r = cond %c, %x, %x2 (%t: f32<a>[3,4], %u: f32<a>[3,4]) {\nyield %t\n} (%t2: f32<a>[3,4], %u2: f32<a>[3,4]) {\nyield %u2\n} : f32<a>[3,4]\n",
};

typedef struct Prog { Arena *a; IrModule *m; InterpMemory memory; const IrVal *r; } Prog;

static Prog load(const char *body)
{
    Prog  p = {.a = arena_new()};
    char  why[512], *text = arena_printf(p.a, "axis a = 2\naxis b = 3\nslot \"x\" param \"P\" : f32[2,3,4]\nslot \"y\" param \"P\" : f32[2,3,4,2]\nslot \"w\" param \"P\" : f32[3,4]\nslot \"i\" state : i32[2,3]\n\n"
                                         "fn f {report} {\n%%x0 = read \"x\" : f32[2,3,4]\n%%x = as_sample %%x0 {axis a} : f32<a>[3,4]\n%%y0 = read \"y\" : f32[2,3,4,2]\n%%y1 = as_sample %%y0 {axis a} : f32<a>[3,4,2]\n"
                                         "%%y = as_sample %%y1 {axis b} : f32<a,b>[4,2]\n%%w = read \"w\" : f32[3,4]\n%%w2 = spread %%w {over a} : f32<a>[3,4]\n%%i0 = read \"i\" : i32[2,3]\n"
                                         "%%i = as_sample %%i0 {axis a} : i32<a>[3]\n%%s = sum %%w {dims [0,1]} : f32[]\n%%s1 = sum %%x {dims [0,1]} : f32<a>[]\n%%no = compare %%s1, 0 {lt} : bool<a>[]\n"
                                         "%%x2 = neg %%x : f32<a>[3,4]\n%s\nreport \"r\", %%r\n}\n", body);
    p.m = ir_read_text(p.a, text, strlen(text), why);
    cr_assert(p.m, "%s\n%s", why, text);
    cr_assert(ir_verify_module(p.m, why), "%s\n%s", why, text);
    void **slot = arena_array(p.a, void *, p.m->slots.n);
    for (int s = 0; s < p.m->slots.n; s++) slot[s] = arena_alloc(p.a, (size_t)interp_type_bytes(p.m, &p.m->slots.v[s].type));
    for (int s = 0; s < 3; s++)
        for (int64_t k = 0; k < ir_dims_size(&p.m->slots.v[s].type); k++) ((float *)slot[s])[k] = 0.25f + 0.125f * (float)(k % 11);
    for (int k = 0; k < 6; k++) ((int32_t *)slot[3])[k] = k * 2 % 3;
    p.memory = (InterpMemory){.slot = slot, .seed = 1};
    p.r = p.m->fns.v[0]->reports.v[0].val;
    return p;
}

static int64_t size_of(const Prog *p, const IrType *t) { return ir_axes_size(p->m, t->axes) * ir_dims_size(t); }

static void *result(const Prog *p)
{
    GanError err;
    void    *out = arena_alloc(p->a, (size_t)interp_type_bytes(p->m, &p->r->type) + 1), *reports[] = {out};
    cr_assert(!interp_fn(p->m, p->m->fns.v[0], &p->memory, reports, NULL, NULL, &err));
    return out;
}

/* ---- does an element of a slot go into element e of v? */

typedef struct Reach { const Prog *p; const IrNode *n; int slot; int64_t element; bool found; } Reach;

static bool reaches(const Prog *p, const IrVal *v, int64_t e, int slot, int64_t element);

static bool see(void *self, const Term *t)
{
    Reach *r = self;
    r->found = r->found || reaches(r->p, r->n->arg[t->operand], t->element, r->slot, r->element);
    return true;
}

static int64_t whole(void *self, int operand, int64_t element)
{
    const Reach  *r = self;
    const IrNode *n = r->n->arg[operand]->def;
    if (n->op == IR_const) return n->attr->n;
    return ((const int32_t *)r->p->memory.slot[3])[element];      /* %i, whose axis comes first */
}

static bool reaches(const Prog *p, const IrVal *v, int64_t e, int slot, int64_t element)
{
    if (v->def->op == IR_read) return v->def->attr->slot == slot && e == element;
    Reach    r = {p, v->def, slot, element, false};
    TermWalk walk = {see, whole, &r};
    terms_of(p->m, v->def, v->index, e, &walk);
    return r.found;
}

static void nan_in_each(const char *body, void (*check)(const Prog *p, const char *body, int slot, int64_t k))
{
    Prog p = load(body);
    for (int s = 0; s < 3; s++)
        for (int64_t k = 0; k < ir_dims_size(&p.m->slots.v[s].type); k++) {
            float *at = (float *)p.memory.slot[s] + k, before = *at;
            *at = NAN;
            check(&p, body, s, k);
            *at = before;
        }
    arena_free(p.a);
}

static void check_terms(const Prog *p, const char *body, int slot, int64_t k)
{
    const float *y = result(p);
    for (int64_t e = 0; e < size_of(p, &p->r->type); e++)
        cr_expect(isnan(y[e]) == reaches(p, p->r, e, slot, k), "%s: element %lld of slot %d in element %lld", body, (long long)k, slot, (long long)e);
}

Test(terms, of_each_row)
{
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) nan_in_each(bodies[i], check_terms);
}

static void check_sources(const Prog *p, const char *body, int slot, int64_t k)
{
    const float *y = result(p);
    Record      *r = record_new(p->m, p->m->fns.v[0], &p->memory, NULL, 0);
    cr_assert(r);
    for (int64_t e = 0; e < size_of(p, &p->r->type); e++) {
        Point at = {p->r, 0, e};
        bool  bad = record_source(r, &at) && record_kind(r, at) != REAL_FINITE;
        cr_expect(bad == isnan(y[e]), "%s: with element %lld of slot %d, element %lld", body, (long long)k, slot, (long long)e);
    }
    record_free(r);
}

Test(terms, of_loops)
{
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) nan_in_each(loops[i], check_sources);
}
