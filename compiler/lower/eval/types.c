/* types.c - declared types: values are made to fit them, and the names of dimensions get their numbers. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/value/value.h"

bool type_is_static(const Ast *t) { return t && t->kind == AST_TYPE && !t->type.dims.n && !t->type.range; }

bool type_elem_becomes(IrElem from, IrElem to)
{
    return ir_is_real(to) ? from != IR_BOOL : !ir_is_real(from) && (from == IR_BOOL) == (to == IR_BOOL);
}

static bool no_record(Ctx *c, const Ast *t)
{
    diag_error(c->L->diags, t->span, E201, "a number or tensor stands here, and this type is a %s", t->kind == AST_TUPLE_TYPE ? "tuple" : "record");
    return false;
}

bool type_elem(Ctx *c, const Ast *t, IrElem *elem, int64_t *classes)
{
    *classes = 0;
    if (t->kind != AST_TYPE) return no_record(c, t);
    const char *n = t->type.name;
    if (!strcmp(n, "real")) return *elem = c->L->m->real, true;
    if (!strcmp(n, "int")) return *elem = IR_I32, true;
    if (!strcmp(n, "bool")) return *elem = IR_BOOL, true;
    if (strcmp(n, "class")) return diag_error(c->L->diags, t->span, E032, "%s is not a type", n), false;
    *elem = IR_I32;
    if (t->type.range && !as_size(c, eval(c, t->type.range), t->type.range->span, "the number of classes", classes))
        return false;
    if (t->type.range && !*classes) return diag_error(c->L->diags, t->type.range->span, E204, "there is no class of none: class[n] is an integer from 0 to n - 1"), false;
    return true;
}

bool type_dims(Ctx *c, const Ast *t, IrInts *dims)
{
    *dims = ir_ints(0, NULL);
    if (t->kind != AST_TYPE) return no_record(c, t);
    if (t->type.dims.n > IR_MAX_RANK)
        return diag_error(c->L->diags, t->span, E205, "a tensor has at most %d dimensions", IR_MAX_RANK), false;
    for (int i = 0; i < t->type.dims.n; i++)
        if (!as_size(c, eval(c, t->type.dims.v[i]), t->type.dims.v[i]->span, "a dimension", &dims->v[i])) return false;
    dims->n = (uint8_t)t->type.dims.n;
    return dims_fit(c->L, dims, t->span);
}

/* ---- dimensions by name */

/* A dim that is a name without a number yet gets this extent; *extent < 0 asks for the number alone. False: another number, or an error. */
static bool unify_dim(Ctx *c, const Ast *dim, int64_t extent, bool *reported)
{
    if (dim->kind == AST_NAME) {
        const Bound *b = scope_place(c->L, dim);
        Value *v = b ? scope_value(c, b, dim->span) : NULL;
        if (v && v->kind == V_INT) return v->i == extent;
        if (v && val_bad(v)) return true;
        if (b && !v && b->kind == NAME_DIM) return scope_bind_as(c->L, c->scope, b, val_int(c->L, extent)), true;
    }
    int64_t want;
    if (!as_size(c, eval(c, dim), dim->span, "a dimension", &want)) return *reported = true, false;
    return want == extent;
}

/* A declared dim that has a number, or NULL. */
static Value *known_dim(Ctx *c, const Ast *dim)
{
    const Bound *b = dim->kind == AST_NAME ? scope_place(c->L, dim) : NULL;
    Value *v = b ? scope_value(c, b, dim->span) : dim->kind == AST_NAME ? NULL : eval(c, dim);
    return v && v->kind == V_INT ? v : NULL;
}

/* "real[n = 3, 28]": the declared type with what is known of its names. */
const char *type_declared_text(Ctx *c, const Ast *t)
{
    Text out = text_in(c->L->a);
    Value *range = t->type.range ? eval(c, t->type.range) : NULL;
    text_add(&out, t->type.name);
    if (range) text_printf(&out, "[%s]", range->kind == V_INT ? val_text(c->L, range) : "?");
    for (int i = 0; i < t->type.dims.n; i++) {
        const Ast *d = t->type.dims.v[i];
        const Value *v = known_dim(c, d);
        text_add(&out, i ? ", " : "[");
        if (v)
            text_printf(&out, d->kind == AST_NAME ? "%s = %lld" : "%.0s%lld", d->kind == AST_NAME ? d->name.name : "",
                        (long long)v->i);
        else text_add(&out, d->kind == AST_NAME ? d->name.name : "?");
    }
    if (t->type.dims.n) text_add(&out, "]");
    return text_str(&out);
}

static IrInts dims_of(const Lower *L, const Value *v)
{
    if (v->kind == V_TENSOR) return ir_dims_of(&v->tensor.v->type);
    if (v->kind == V_SLOT) return ir_dims_of(&L->m->slots.v[v->slot.slot].type);
    IrInts d = ir_ints(0, NULL);
    for (; v->kind == V_LIST && v->list.n && d.n < IR_MAX_RANK; v = v->list.v[0]) d.v[d.n++] = v->list.n;
    return d;
}

static bool elements_become(const Lower *L, const Value *v, IrElem elem)
{
    switch (v->kind) {
    case V_TENSOR: return type_elem_becomes(v->tensor.v->type.elem, elem);
    case V_SLOT: return type_elem_becomes(L->m->slots.v[v->slot.slot].type.elem, elem);
    case V_REAL: return ir_is_real(elem);
    case V_INT: return elem != IR_BOOL;
    case V_BOOL: return elem == IR_BOOL;
    default: break;
    }
    for (int i = 0; v->kind == V_LIST && i < v->list.n; i++)
        if (!elements_become(L, v->list.v[i], elem)) return false;
    return v->kind == V_LIST;
}

bool type_elements_fit(const Lower *L, const Ast *t, const Value *v)
{
    const char *name = t && t->kind == AST_TYPE ? t->type.name : NULL;
    return !name || elements_become(L, v, !strcmp(name, "real") ? L->m->real : !strcmp(name, "bool") ? IR_BOOL : IR_I32);
}

bool type_could_be(const Lower *L, const Ast *t, const Value *v)
{
    return t && t->kind == AST_TYPE && type_elements_fit(L, t, v) && dims_of(L, v).n == t->type.dims.n;
}

/* The declared extents, as far as they are known: 0 apart from the others where they are not. */
static IrInts declared_dims(Ctx *c, const Ast *t, const IrInts *other)
{
    IrInts d = ir_ints(0, NULL);
    for (int i = 0; i < t->type.dims.n && i < IR_MAX_RANK; i++) {
        const Value *v = known_dim(c, t->type.dims.v[i]);
        d.v[d.n++] = v ? v->i : i < other->n ? other->v[i] : 0;
    }
    return d;
}

/* Is what is declared the same with one more dimension behind, of any extent? So it is of layers that take channels. */
static bool lacks_the_last(Ctx *c, const Ast *type, const IrInts *has)
{
    IrInts d = declared_dims(c, type, has);
    for (int i = 0; i < has->n; i++)
        if (d.v[i] != has->v[i]) return false;
    return d.v[has->n] == 0;
}

/* A way out of the mismatches that are met first. */
static void mismatch_hint(Ctx *c, Diag *d, Value *v, const Ast *type, const char *what)
{
    IrInts has = dims_of(c->L, v);
    int    wants = type->kind == AST_TYPE ? type->type.dims.n : -1;
    const char *drawn = v->kind == V_DIST ? c->L->dist_text(c->L, v->dist)
                        : v->kind == V_PLAYER && v->player->closure->def->kind == AST_DEFINE && v->player->closure->def->define.word != AST_DEFINE_NET ? v->player->name : NULL;
    bool density = !strncmp(what, ARGUMENT_OF_DENSITY, strlen(ARGUMENT_OF_DENSITY));
    if (drawn && wants > 0) diag_hint(d, "values are drawn from it: x ~ %s^1000 has a row for each of 1000 draws, and E[x ~ %s] f(x) is the mean of f over draws", drawn, drawn);
    else if (drawn) diag_hint(d, "a value is drawn from it: E[x ~ %s] f(x) is the mean of f over its draws", drawn);
    else if (wants == 0 && has.n == 1 && has.v[0] == 1) diag_hint(d, "scalar(v), or |> scalar, is the number of a real[1]");
    else if (density && wants >= 0 && has.n > wants)
        diag_hint(d, "x is like one draw: the density of n independent ones is that of p^n, as log_prob(Normal(0, 1)^3, x), and map(fn(v) log_prob(p, v), x) has one for each");
    else if (has.n > 1 && wants == has.n + 1 && lacks_the_last(c, type, &has)) {
        has.v[has.n++] = 1;
        diag_hint(d, "reshape(x, %s) has the dimension that is missing, of one", dims_text(c->L, &has));
    }
    else if (v->kind == V_TENSOR && v->tensor.v->type.axes.n && wants == has.n + 1)
        diag_hint(d, "each sample is one of these here; of x ~ p^1000 the 1000 draws are rows of one tensor");
    else if (wants > 0 && has.n == wants + 1) diag_hint(d, "nets and layers are written for one example, and E[..] brings the batch; map(f) goes over the rows of a tensor");
}

/* A real that is a whole number is no int, and is not to look like one. */
static const char *given_text(Ctx *c, const Value *v)
{
    const char *text = val_text(c->L, v);
    return v->kind == V_REAL && !strpbrk(text, ".en") ? strf(c->L, "%s.0", text) : text;
}

static Value *mismatch(Ctx *c, Value *v, const Ast *type, Span at, const char *what)
{
    const char *want = type_declared_text(c, type), *got = given_text(c, v);
    Diag *d = diag_error(c->L->diags, at, E200, "%s must be %s, and this is %s", what, want, got);
    if (c->L->guess) {
        IrInts has = dims_of(c->L, v), declared = declared_dims(c, type, &has);
        shapes_noted(c, d, &declared, &has);
    }
    diag_label(d, "%s", got);
    diag_note(d, type->span, "declared here");
    mismatch_hint(c, d, v, type, what);
    return val_error(c->L);
}

bool type_unify_dims(Ctx *c, const Ast *type, int rank, const int64_t *dim, bool *reported)
{
    if (type->type.dims.n != rank) return false;
    for (int i = 0; i < rank; i++)
        if (!unify_dim(c, type->type.dims.v[i], dim[i], reported)) return false;
    return true;
}

/* ---- conforming */

static Value *conform_static(Ctx *c, Value *v, const Ast *type, IrElem elem, int64_t classes, Span at, const char *what)
{
    bool real = ir_is_real(elem);
    if (v->kind == V_INT && real) return val_same(c->L, v, (double)v->i);
    if (v->kind == V_REAL && real) return v;
    if (v->kind == V_INT && elem == IR_I32) {
        if (!classes) return v;
        if (v->i >= 0 && v->i < classes) {
            Value *k = val_int(c->L, v->i);
            k->classes = classes;
            return k;
        }
        diag_error(c->L->diags, at, E200, "%s is a class from 0 to %lld, and this is %lld", what,
                   (long long)classes - 1, (long long)v->i);
        return val_error(c->L);
    }
    if (v->kind == V_BOOL && elem == IR_BOOL) return v;
    return mismatch(c, v, type, at, what);
}

/* A list of static numbers stays one: it may be wanted at compile time. */
static bool static_table(const Value *v, IrInts *dims, int depth)
{
    if (v->kind == V_INT || v->kind == V_REAL) return depth == dims->n;
    if (v->kind != V_LIST || depth >= IR_MAX_RANK || !v->list.n) return false;
    if (dims->n == depth) dims->v[dims->n++] = v->list.n;
    if (dims->v[depth] != v->list.n) return false;
    for (int i = 0; i < v->list.n; i++)
        if (!static_table(v->list.v[i], dims, depth + 1)) return false;
    return true;
}

/* The same table with every number of the declared kind. */
static Value *conform_table(Ctx *c, Value *v, const Ast *type, IrElem elem, int64_t classes, Span at, const char *what)
{
    if (v->kind != V_LIST) return conform_static(c, v, type, elem, classes, at, what);
    Value **item = arena_array(c->L->a, Value *, v->list.n + 1);
    for (int i = 0; i < v->list.n; i++) {
        item[i] = conform_table(c, v->list.v[i], type, elem, classes, at, what);
        if (val_bad(item[i])) return item[i];
    }
    return val_list(c->L, item, v->list.n);
}

static Value *with_classes(Ctx *c, Value *v, IrVal *t, int64_t classes)
{
    Value *out = val_tensor(c->L, t);
    out->tensor.classes = classes;
    if (v->kind == V_TENSOR) out->tensor.own_axis = v->tensor.own_axis;
    return out;
}

/* A list of known numbers, however deep, each from 0 to classes - 1. */
static bool list_within(const Value *v, int64_t classes)
{
    if (v->kind == V_INT) return v->i >= 0 && v->i < classes;
    bool within = v->kind == V_LIST;
    for (int i = 0; within && i < v->list.n; i++) within = list_within(v->list.v[i], classes);
    return within;
}

bool type_class_fits(Ctx *c, const Value *v, const IrVal *t, int64_t classes, Span at, const char *what)
{
    int64_t has = val_classes(v);
    if (!classes || (has && has <= classes) || list_within(v, classes) || ints_within(c->L, t, 0, classes - 1)) return true;
    if (c->L->guess && v->kind != V_INT) return false;      /* it may be one, for other arguments */
    Diag *d = diag_error(c->L->diags, at, E200, "%s is a class from 0 to %lld, and this may be another: %s", what, (long long)classes - 1, val_text(c->L, v));
    diag_hint(d, "min(max(k, 0), %lld) is one", (long long)classes - 1);
    return false;
}

static Value *conform_tensor(Ctx *c, Value *v, const Ast *type, IrElem elem, int64_t classes, Span at, const char *what)
{
    bool reported = false;
    IrVal *t = as_tensor(c, v, at);
    if (!t) return val_error(c->L);
    if (!type_unify_dims(c, type, t->type.rank, t->type.dim, &reported))
        return reported ? val_error(c->L) : mismatch(c, v, type, at, what);
    bool counter = t->type.elem == IR_I64 || t->type.elem == IR_F64;
    if (ir_is_real(elem) && t->type.elem == IR_BOOL) return mismatch(c, v, type, at, what);
    if (ir_is_real(elem))
        return with_classes(c, v,
                            counter && !type->type.dims.n ? arith_convert(c, t, IR_F64) : arith_convert(c, t, elem), 0);
    if (elem == IR_BOOL ? t->type.elem != IR_BOOL : ir_is_real(t->type.elem) || t->type.elem == IR_BOOL)
        return mismatch(c, v, type, at, what);
    int64_t has = val_classes(v);
    if (!type_class_fits(c, v, t, classes, at, what)) return val_error(c->L);
    return with_classes(c, v, t, classes ? classes : has);
}

static Value *conform_record(Ctx *c, Value *v, const Ast *type, Span at, const char *what)
{
    bool named = type->kind == AST_RECORD_TYPE;
    AstList want = named ? type->record_type.fields : type->tuple_type.items;
    if (v->kind != V_RECORD || v->record.n != want.n || (named && !v->record.name)) {
        diag_error(c->L->diags, at, E200, "%s must be a %s of %d values, and this is %s", what,
                   named ? "record" : "tuple", want.n, val_text(c->L, v));
        return val_error(c->L);
    }
    Value **f = arena_array(c->L->a, Value *, want.n);
    const char **name = arena_array(c->L->a, const char *, want.n);
    for (int i = 0; i < want.n; i++) {
        name[i] = named ? want.v[i]->arg.name : NULL;
        Value *field = named ? val_field(v, name[i]) : v->record.v[i];
        if (!field) {
            diag_error(c->L->diags, at, E112, "%s has no field %s, which its type declares", what, name[i]);
            return val_error(c->L);
        }
        f[i] = type_conform(c, field, named ? want.v[i]->arg.value : want.v[i], at,
                            strf(c->L, "%s.%s", what, named ? name[i] : "item"));
    }
    Value *r = val_record(c->L, f, named ? name : NULL, want.n);
    r->record.of = v->record.of;
    r->record.mixed = v->record.mixed;
    return r;
}

Value *type_conform(Ctx *c, Value *v, const Ast *type, Span at, const char *what)
{
    IrElem elem;
    int64_t classes;
    if (!type || val_bad(v)) return v;
    v = as_settled(c, v, at);
    if (val_bad(v)) return v;
    if (type->kind != AST_TYPE) return conform_record(c, v, type, at, what);
    if (!strcmp(type->type.name, "string") && !type->type.dims.n)
        return v->kind == V_STRING ? v : mismatch(c, v, type, at, what);
    if (!type_elem(c, type, &elem, &classes)) return val_error(c->L);
    if (!type->type.dims.n && (val_static(v) && v->kind != V_LIST))
        return conform_static(c, v, type, elem, classes, at, what);
    IrInts dims = ir_ints(0, NULL);
    bool reported = false;
    if (v->kind == V_LIST && static_table(v, &dims, 0) && type_unify_dims(c, type, dims.n, dims.v, &reported))
        return conform_table(c, v, type, elem, classes, at, what);
    if (reported) return val_error(c->L);
    bool number = v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_LIST || v->kind == V_RANGE || val_static(v);
    if (!number) return mismatch(c, v, type, at, what);
    return conform_tensor(c, v, type, elem, classes, at, what);
}
