/* simulator.c - extern simulators: functions of C, drawn from by calling them. They can be sampled, and nothing else: no density, no derivative.
 *
 * A draw is a row of the IR, `extern`, on a seed and the arguments; the seed is two draws of 31 bits, so that it is one for each sample, tick
 * and iteration as any draw is. runtime/extern.h says how the function is called. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

/* ---- the declaration */

static bool wrong_form(Ctx *c, Span at, const char *text, const char *hint)
{
    Diag *d = diag_error(c->L->diags, at, E039, "%s", text);
    if (hint) diag_hint(d, "%s", hint);
    return false;
}

/* The function is not told how large its arguments are, so its declaration says it. */
static bool extents_known(Ctx *c, const Ast *type)
{
    for (int i = 0; i < type->type.dims.n; i++) {
        const Ast *dim = type->type.dims.v[i];
        const Bound *b = dim->kind == AST_NAME ? names_use(c->L->names, dim) : NULL;
        if (!b || b->kind != NAME_DIM) continue;
        return wrong_form(c, dim->span, strf(c->L, "a simulator is not told how large %s is", dim->name.name),
                          "each of its extents is a number, or a let that is one");
    }
    return true;
}

static bool numbers_type(Ctx *c, const Ast *type, IrType *t)
{
    IrElem elem;
    IrInts dims;
    int64_t classes;
    bool numbers = type->kind == AST_TYPE && strcmp(type->type.name, "bool") && strcmp(type->type.name, "string");
    if (!numbers) return wrong_form(c, type->span, "a simulator takes and gives numbers: real, int or class, of any shape", NULL);
    if (!extents_known(c, type) || !type_elem(c, type, &elem, &classes) || !type_dims(c, type, &dims)) return false;
    *t = ir_type(elem, ir_no_axes(), dims);
    return true;
}

static bool param_type(Ctx *c, const Ast *p, IrType *t)
{
    const char *name = p->param.name;
    if (p->param.draw)
        return wrong_form(c, p->span, strf(c->L, "%s is drawn, and a simulator's arguments are given", name), "a model draws them, and then from the simulator");
    if (!p->param.type)
        return wrong_form(c, p->span, strf(c->L, "%s has no type", name), "the function gets the numbers that its declaration says: real[3]");
    return numbers_type(c, p->param.type, t);
}

/* The type of each parameter and of a draw. False, reported. */
static bool simulator_types(Ctx *c, const Ast *d, IrType *param, IrType *out)
{
    AstList params = d->define.params;
    _Static_assert((int)GAN_MOST_PARAMS >= (int)MAX_ARGS, "what can be applied can be called");
    if (params.n > GAN_MOST_PARAMS)
        return wrong_form(c, d->define.name_span, strf(c->L, "a function takes at most %d arguments", MAX_ARGS), "one parameter may be a tensor, real[30]");
    for (int i = 0; i < params.n; i++)
        if (!param_type(c, params.v[i], &param[i])) return false;
    if (!numbers_type(c, d->define.result, out)) return false;
    if (strcmp(d->define.result->type.name, "class")) return true;
    return wrong_form(c, d->define.result->span, "nothing holds what a simulator gives to the range of a class",
                      "int, and min(max(k, 0), 9) of a draw is a class[10]");
}

Value *simulator_declare(Ctx *c, const Ast *d, const char *name)
{
    IrType param[GAN_MOST_PARAMS], out;
    return simulator_types(c, d, param, &out) ? val_closure(c->L, d, c->scope, name) : val_error(c->L);
}

/* ---- draws */

static bool same_sizes(const GanExtern *a, const GanExtern *b)
{
    bool same = a->n_params == b->n_params && a->n_out == b->n_out && a->is_real == b->is_real;
    for (int i = 0; same && i < a->n_params; i++) same = a->size[i] == b->size[i];
    return same;
}

/* What the IR calls it: one name for each declaration and sizes. */
static const char *extern_name(Ctx *c, const Ast *d, const IrType *param, const IrType *out)
{
    Lower *L = c->L;
    IrSpan at = span_ir(L, d->define.name_span);
    GanExtern x = {.symbol = d->define.name, .path = d->define.library, .file = at.file, .line = at.line, .col = at.col,
                   .n_params = d->define.params.n, .n_out = ir_dims_size(out), .is_real = ir_is_real(out->elem)};
    for (int i = 0; i < x.n_params; i++) x.size[i] = ir_dims_size(&param[i]);
    for (int i = 0; i < L->externs.n; i++)
        if (L->externs.v[i].decl == d && same_sizes(&L->externs.v[i].is, &x)) return L->externs.v[i].is.name;
    x.name = names_unique(&L->extern_names, d->define.name);
    array_push(L->a, &L->externs, ((__typeof__(*L->externs.v)){d, x}));
    return x.name;
}

static IrVal *half_of_seed(Ctx *c, const char *name)
{
    IrType t = ir_scalar(IR_I32);
    t.axes = c->axes;
    return ir_convert(fn_builder(c), ir_randint(fn_builder(c), fn_stream(c, name), INT32_MAX, t), IR_I64);
}

static IrVal *seed_of(Ctx *c)
{
    IrBuilder *b = fn_builder(c);
    IrVal *high = half_of_seed(c, "high"), *low = half_of_seed(c, "low");
    return ir_add(b, ir_mul(b, high, ir_const_int(b, IR_I64, (int64_t)1 << 31)), low);
}

static IrVal *argument(Ctx *c, const Dist *d, const Ast *p, const IrType *t, Span at)
{
    Value *v = scope_local(c, d->closure->scope, p->param.name);
    if (!v || val_bad(v)) return NULL;
    return ir_is_real(t->elem) ? as_real(c, v, at) : as_tensor(c, v, at);
}

static Value *draw(Ctx *c, Dist *d, Span at)
{
    const Ast *def = d->closure->def;
    Ctx outside = *c;
    IrType param[GAN_MOST_PARAMS], out;
    IrVal *arg[1 + GAN_MOST_PARAMS];
    IrAttrs attrs = ir_attrs();
    uint32_t before = c->L->m->next_id;
    int n = def->define.params.n;
    outside.scope = d->closure->scope->parent;
    if (!simulator_types(&outside, def, param, &out)) return val_error(c->L);
    for (int i = 0; i < n; i++)
        if (!(arg[1 + i] = argument(c, d, def->define.params.v[i], &param[i], at))) return val_error(c->L);
    arg[0] = seed_of(c);
    out.axes = c->axes;
    attrs.symbol = extern_name(c, def, param, &out);
    c->L->n_draws++;
    Value *v = val_tensor(c->L, ir_leaf(fn_builder(c), IR_extern, arg, n + 1, &attrs, &out, 1)->result);
    dist_note_cuts(c->L, d, before, v, at);
    return v;
}

static const Ast *type(const Dist *d) { return d->closure->def->define.result; }
static DrawShape shape(const Dist *d) { return type(d)->type.dims.n ? DRAW_OTHER : DRAW_NUMBER; }

const DistKind dist_simulator = {.draw = draw, .shape = shape, .type = type, .names_draws = true, .in_table = true};
