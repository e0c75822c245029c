/* scope.c - names. A scope is a list of bindings with a parent; a file's own scope ends the chain and goes on in what the file
 * imports, then in the prelude, then in the built-in functions. Declarations of a file may be used before they stand: they
 * are bound as B_LATER and evaluated when first asked for. */
#include "compiler/lower/core.h"
#include "stdlib/stdlib.h"

Scope *scope_new(Lower *L, Scope *parent)
{
    Scope *s = arena_new_of(L->a, Scope);
    s->parent = parent;
    return s;
}

static Binding *find_in(Scope *s, const char *name)
{
    for (int i = s->names.n; i-- > 0;)
        if (!strcmp(s->names.v[i].name, name)) return &s->names.v[i];
    return NULL;
}

static void twice(Lower *L, const Binding *old, const char *name, Span at)
{
    Diag *d = diag_error(L->diags, at, E101, "%s is already declared here", name);
    diag_note(d, old->at, "the first one");
}

void scope_bind(Lower *L, Scope *s, const char *name, Value *v, Span at)
{
    Binding *old = find_in(s, name);
    bool waiting = old && old->state != B_READY && old->at.begin == at.begin && old->at.file == at.file;
    if (old && !s->module && !waiting) return twice(L, old, name, at);
    if (old && old->at.file == at.file && old->at.begin != at.begin) return twice(L, old, name, at);
    if (old) {
        old->value = v;
        old->state = B_READY;
        return;
    }
    array_push(L->a, &s->names, ((Binding){.name = name, .value = v, .at = at}));
}

bool scope_rebind(Scope *s, const char *name, Value *v)
{
    for (; s && !s->module; s = s->parent) {
        Binding *b = find_in(s, name);
        if (!b) continue;
        b->value = v;
        b->state = B_READY;
        return true;
    }
    return false;
}

void scope_declare(Lower *L, Scope *s, const char *name, const Ast *decl, Span at)
{
    Binding *old = find_in(s, name);
    if (old) return twice(L, old, name, at);
    array_push(L->a, &s->names, ((Binding){.name = name, .decl = decl, .at = at, .state = B_LATER}));
}

/* ---- finding */

static Value *cyclic(Ctx *c, const Binding *b, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E103, "%s is defined by itself", b->name);
    diag_note(d, b->at, "its definition");
    return val_error(c->L);
}

/* A let that is computed while the program runs is computed where it stands. */
static Value *too_early(Ctx *c, const Binding *b, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E113, "%s is used before the line that computes it", b->name);
    diag_note(d, b->at, "computed here");
    return val_error(c->L);
}

/* Evaluates a declaration in the scope it stands in, as if nothing had gone before. */
static Value *settle(Ctx *c, Scope *s, Binding *b, Span at)
{
    if (b->state == B_BUSY) return cyclic(c, b, at);
    if (b->state == B_LATER) {
        b->state = B_BUSY;
        Ctx own = {.L = c->L, .scope = s, .batch = -1, .path = "", .calls = c->calls, .index = c->index};
        const Ast *decl = b->decl;
        const char *name = b->name;
        Value *v = declare(&own, decl, name);
        if (decl->kind == AST_LET && val_runs(c->L, v)) v = too_early(c, b, at);
        b = find_in(s, name);                               /* the array may have moved */
        if (b->state == B_BUSY) {
            b->value = v;
            b->state = B_READY;
        }
    }
    b->used = true;
    return b->value;
}

Value *scope_local(Ctx *c, Scope *s, const char *name)
{
    Binding *b = find_in(s, name);
    return b ? settle(c, s, b, b->at) : NULL;
}

static const char *module_last(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static void ambiguous(Ctx *c, const char *name, Span at, const Scope *a, const Scope *b)
{
    Diag *d =
        diag_error(c->L->diags, at, E102, "%s is declared in %s and in %s", name, a->module->name, b->module->name);
    diag_hint(d, "write %s.%s or %s.%s", module_last(a->module->name), name, module_last(b->module->name), name);
}

static Value *find_imported(Ctx *c, Scope *file, const char *name, Span at)
{
    Scope *found = NULL;
    for (int i = 0; i < file->n_imports; i++) {
        Scope *s = file->import[i];
        if (!find_in(s, name)) continue;
        if (found && found != s) {
            ambiguous(c, name, at, found, s);
            return val_error(c->L);
        }
        found = s;
    }
    if (!found && c->L->prelude && find_in(c->L->prelude, name)) found = c->L->prelude;
    return found ? settle(c, found, find_in(found, name), at) : NULL;
}

static Value *find_module(Lower *L, Scope *file, const char *name)
{
    for (int i = 0; i < file->n_imports; i++)
        if (!strcmp(module_last(file->import[i]->module->name), name)) {
            Value *v = val_new(L, V_MODULE);
            v->module = file->import[i];
            return v;
        }
    return NULL;
}

static Value *find_report(Lower *L, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; i < L->reports.n; i++) {
        const char *r = L->reports.v[i];
        if (strncmp(r, name, n) || (r[n] && r[n] != '[')) continue;
        Value *v = val_new(L, V_REPORT);
        v->report = name;
        return v;
    }
    return NULL;
}

static Value *find_in_file(Ctx *c, Scope *s, const char *name, Span at, bool callee)
{
    Lower *L = c->L;
    bool reports = s == L->file && !callee;
    Value *v = reports && c->reports_first ? find_report(L, name) : NULL;
    if (v) return v;
    Binding *b = find_in(s, name);
    if (b) return settle(c, s, b, at);
    if (reports && (v = find_report(L, name))) return v;
    if ((v = find_imported(c, s, name, at))) return v;
    if ((v = builtin_find(L, name))) return v;
    return find_module(L, s, name);
}

Value *scope_find(Ctx *c, const char *name, Span at, bool callee)
{
    for (Scope *s = c->scope; s; s = s->parent) {
        if (s->module) return find_in_file(c, s, name, at, callee);
        bool capability = s->distribution && (!strcmp(name, "sample") || !strcmp(name, "log_prob"));
        Binding *b = capability ? NULL : find_in(s, name);
        if (b) return settle(c, s, b, at);
    }
    return builtin_find(c->L, name);
}

/* ---- unknown names */

static void nearer(const Scope *s, const char *name, const char **best, int *distance)
{
    for (int i = 0; i < s->names.n; i++) {
        int d = name_distance(s->names.v[i].name, name);
        if (d < *distance) *distance = d, *best = s->names.v[i].name;
    }
}

static const char *nearest(Ctx *c, const char *name)
{
    int distance = strlen(name) < 4 ? 2 : 3;
    const char *best = builtin_nearest(c->L, name, &distance);
    for (Scope *s = c->scope; s; s = s->parent) {
        nearer(s, name, &best, &distance);
        for (int i = 0; i < s->n_imports; i++) nearer(s->import[i], name, &best, &distance);
    }
    if (c->L->prelude) nearer(c->L->prelude, name, &best, &distance);
    return best;
}

void scope_unknown(Ctx *c, const char *name, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E100, "%s is not declared", name);
    const char *near = nearest(c, name), *module = names_module_of(stdlib_find, stdlib_names, name);
    if (module && strcmp(module, "prelude")) diag_hint(d, "import %s", module);
    else if (near) diag_hint(d, "did you mean %s?", near);
}

/* ---- patterns */

static bool wrong_pattern(Ctx *c, const Ast *p, const Value *v)
{
    diag_error(c->L->diags, p->span, E201, "the pattern takes %d values apart, and this is %s", p->tuple.items.n,
               val_text(c->L, v));
    return false;
}

/* A value that some grad[x] may be taken by: only what is computed from this name depends on it, not what shares its value. */
static Value *leaves(Ctx *c, Value *v)
{
    if (v->kind == V_RECORD) {
        Value **f = arena_array(c->L->a, Value *, v->record.n + 1);
        for (int i = 0; i < v->record.n; i++) f[i] = leaves(c, v->record.v[i]);
        return val_record(c->L, f, v->record.name, v->record.n);
    }
    bool tensor = v->kind == V_TENSOR && v->tensor.home == c->L->fn, slot = v->kind == V_SLOT && c->L->fn;
    IrVal *t = tensor || slot ? as_tensor(c, v, v->at) : NULL;
    if (!t || !ir_is_real(t->type.elem)) return v;
    Value *leaf = val_tensor(c->L, diff_leaf(c, t));
    leaf->tensor.own_axis = tensor ? v->tensor.own_axis : v->slot.own_axis;
    return leaf;
}

bool scope_bind_pattern(Ctx *c, Scope *s, const Ast *p, Value *v)
{
    if (p->kind == AST_NAME) {
        if (diff_is_wrt(c->L, p->name.name, p->span)) v = leaves(c, v);
        if (v->kind == V_TENSOR && v->tensor.v->def && !v->tensor.v->hint) v->tensor.v->hint = p->name.name;
        scope_bind(c->L, s, p->name.name, v, p->span);
        return !val_bad(v);
    }
    if (p->kind != AST_TUPLE) return unsupported(c, p->span, "this pattern"), false;
    v = as_settled(c, v, p->span);
    bool list = v->kind == V_LIST;
    int n = list ? v->list.n : v->kind == V_RECORD ? v->record.n : -1;
    bool ok = n == p->tuple.items.n;
    if (!ok && !val_bad(v)) wrong_pattern(c, p, v);
    for (int i = 0; i < p->tuple.items.n; i++)
        scope_bind_pattern(c, s, p->tuple.items.v[i], !ok ? val_error(c->L) : list ? v->list.v[i] : v->record.v[i]);
    return ok;
}
