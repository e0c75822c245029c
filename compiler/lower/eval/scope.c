/* scope.c - what the names of a program are here. Which place a name is bound at, lang/check has found out; a scope holds the values that
 * such places have now, and has a parent, up to a file's own. Where one scope is inside another of the same place (rounds of a loop,
 * recursion), the innermost counts. Declarations of a file may be used before they stand: they are bound as B_LATER and evaluated
 * when first asked for. Only members, modules' names and reports are found by their text. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/value/value.h"
#include "stdlib/stdlib.h"

Scope *scope_new(Lower *L, Scope *parent)
{
    Scope *s = arena_new_of(L->work, Scope);
    s->parent = parent;
    s->round = parent ? parent->round : 0;
    s->call = parent ? parent->call : 0;
    s->inst = parent ? parent->inst : NULL;
    return s;
}

enum { FEW = 2, INDEX_FROM = 16 };                         /* most scopes have one name or two; small ones are searched, larger ones have a table */

static uint32_t *place_in(const Scope *s, const char *name)
{
    uint64_t h = 1469598103934665603u;
    for (const char *p = name; *p; p++) h = (h ^ (unsigned char)*p) * 1099511628211u;
    uint32_t i = (uint32_t)(h ^ (h >> 32)) & (s->table_n - 1);
    while (s->table[i] && strcmp(s->names.v[s->table[i] - 1].name, name)) i = (i + 1) & (s->table_n - 1);
    return &s->table[i];
}

static Binding *find_in(Scope *s, const char *name)
{
    if (s->table) {
        uint32_t i = *place_in(s, name);
        return i ? &s->names.v[i - 1] : NULL;
    }
    for (int i = s->names.n; i-- > 0;)
        if (!strcmp(s->names.v[i].name, name)) return &s->names.v[i];
    return NULL;
}

static void push(Lower *L, Scope *s, Binding b)
{
    if (!s->names.cap) s->names.v = arena_array(L->work, Binding, s->names.cap = FEW);
    array_push(L->work, &s->names, b);
    if (s->names.n < INDEX_FROM) return;
    if (2 * (uint32_t)s->names.n < s->table_n) {
        *place_in(s, b.name) = (uint32_t)s->names.n;
        return;
    }
    s->table_n = 8 * (uint32_t)INDEX_FROM;
    while (s->table_n < 4 * (uint32_t)s->names.n) s->table_n *= 2;
    s->table = arena_array(L->work, uint32_t, s->table_n);
    for (int i = 0; i < s->names.n; i++) *place_in(s, s->names.v[i].name) = (uint32_t)i + 1;
}

static void twice(Lower *L, const Binding *old, const char *name, Span at)
{
    Diag *d = diag_error(L->diags, at, E101, "%s is already declared here", name);
    diag_note(d, old->at, "the first one");
    diag_hint(d, "a name stands for one value: the second takes another name");
}

static const char *name_of(const Ast *place, Span *at)
{
    *at = place->span;
    switch (place->kind) {
    case AST_NAME: return place->name.name;
    case AST_PARAM: return place->param.name;
    case AST_DEFINE: return *at = place->define.name_span, place->define.name;
    case AST_LOSS: return *at = place->loss.name_span, place->loss.name;
    case AST_COMPARE: return *at = place->compare.name_span, place->compare.name;
    case AST_MEMBER: return *at = place->member.name_span, place->member.name;
    case AST_PARAMETER: return *at = place->parameter.name_span, place->parameter.name;
    case AST_STATE: return *at = place->state.name_span, place->state.name;
    default: BUG("scope: a %s binds no name", ast_kind_name((AstKind)place->kind));
    }
}

const Bound *scope_place(const Lower *L, const Ast *place)
{
    const Bound *b = names_bound(L->names, place);
    return b ? b : names_use(L->names, place);
}

static Binding *binding_in(Scope *s, const Bound *b)
{
    Binding *found = find_in(s, b->name);
    return found && found->bound == b ? found : NULL;
}

void scope_bind_as(Lower *L, Scope *s, const Bound *b, Value *v)
{
    Binding *old = find_in(s, b->name);
    if (old && (old->bound != b || (old->state == B_READY && !s->module))) {
        array_push(L->a, &L->doubled, b);
        return twice(L, old, b->name, b->at);
    }
    if (!old) push(L, s, (Binding){.name = b->name, .bound = b, .value = v, .at = b->at});
    else old->value = v, old->state = B_READY;
}

void scope_bind(Lower *L, Scope *s, const Ast *place, Value *v)
{
    const Bound *b = scope_place(L, place);
    if (b) scope_bind_as(L, s, b, v);                       /* _ binds nothing */
}

bool scope_binds(Lower *L, Scope *s, const Ast *place) { return binding_in(s, scope_place(L, place)) != NULL; }

void scope_set(Lower *L, Scope *s, const Ast *place, Value *v)
{
    Binding *b = binding_in(s, scope_place(L, place));
    if (!b) BUG("scope: a name that was not bound is set");
    b->value = v;
    b->state = B_READY;
}

void scope_declare(Lower *L, Scope *s, const Ast *place, const Ast *decl)
{
    Span at;
    const char *name = name_of(place, &at);
    Binding *old = find_in(s, name);
    if (old) return twice(L, old, name, at);
    push(L, s, (Binding){.name = name, .bound = names_bound(L->names, place), .decl = decl, .at = at, .state = B_LATER});
}

/* ---- finding */

static Value *cyclic(Ctx *c, const Binding *b, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E103, "%s is defined by itself", b->name);
    diag_note(d, b->at, "its definition");
    return val_error(c->L);
}

/* A let that is computed while the program runs is computed where it stands, and so are arguments of a comparison. */
Value *scope_too_early(Ctx *c, const char *name, Span computed, Span at)
{
    if (names_may_lack(c->L->names, name)) return val_error(c->L);
    Diag *d = diag_error(c->L->diags, at, E113, "%s is used before the line that computes it", name);
    diag_note(d, computed, "computed here");
    return val_error(c->L);
}

/* Evaluates a declaration in the scope it stands in, as if nothing had gone before. */
static Value *settle(Ctx *c, Scope *s, Binding *b, Span at)
{
    if (b->state == B_BUSY) return cyclic(c, b, at);
    if (b->state == B_LATER) {
        b->state = B_BUSY;
        Ctx own = {.L = c->L, .scope = s, .batch = -1, .path = "", .calls = c->calls, .index = c->index, .inst = s->inst, .asked = at};
        const Ast *decl = b->decl;
        const char *name = b->name;
        Ahead *ahead = c->L->g->ahead;
        if (s->module) c->L->g->ahead = NULL;               /* what a file declares outlives what is looked ahead at */
        uint32_t before = c->L->m->next_id;
        Value *v = declare(&own, decl, name);
        c->L->g->ahead = ahead;
        if (decl->kind == AST_LET) v = diff_bound(&own, decl->let.pattern, v);
        if (decl->kind == AST_LET && val_runs(c->L, v)) v = scope_too_early(c, b->name, b->at, at);
        if (decl->kind == AST_COMPARE && c->L->standing != decl && c->L->m->next_id != before) v = scope_too_early(c, name, b->at, at);
        b = find_in(s, name);                               /* the array may have moved */
        if (b->state == B_BUSY) {
            b->value = v;
            b->state = c->L->trials && val_bad(v) ? B_LATER : B_READY;      /* what was said in a quiet trial must be said again */
            if (b->state == B_LATER) return v;
        }
    }
    b->used = true;
    return b->value;
}

Scope *scope_of_module(const Lower *L, const Module *m)
{
    for (int i = 0; i < L->modules.all.n; i++)
        if (L->modules.all.v[i] == m) return L->scopes.v[i];
    BUG("lower: the module %s has no scope", m->name);
}

Binding *scope_binding(const Lower *L, Scope **at, const Bound *b)
{
    for (Scope *s = *at; s; s = s->parent) {
        if (s->module && !b->body && s->module != b->module) s = scope_of_module(L, b->module);
        Binding *found = binding_in(s, b);
        if (found) return *at = s, found;
    }
    return NULL;
}

Value *scope_value(Ctx *c, const Bound *b, Span at)
{
    Scope *s = c->scope;
    Binding *found = scope_binding(c->L, &s, b);
    return found ? settle(c, s, found, at) : NULL;
}

Binding *scope_own(const Lower *L, Scope *s, const Ast *place)
{
    const Bound *b = scope_place(L, place);
    return b ? binding_in(s, b) : NULL;
}

Value *scope_of_place(Ctx *c, Scope *s, const Ast *place)
{
    Binding *b = scope_own(c->L, s, place);
    return b ? settle(c, s, b, b->at) : NULL;
}

Value *scope_local(Ctx *c, Scope *s, const char *name)
{
    Binding *b = find_in(s, name);
    return b ? settle(c, s, b, b->at) : NULL;
}

Value *scope_lent(Scope *s, const char *name, Value *v)
{
    Binding *b = find_in(s, name);
    Value *before = b->value;
    b->value = v;
    return before;
}

static const char *module_last(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static Value *find_module(Lower *L, const Scope *file, const char *name)
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
    if (names_get(&L->reports, name) < 0) return NULL;
    Value *v = val_new(L, V_REPORT);
    v->report = name;
    return v;
}

static const Scope *file_around(const Scope *s)
{
    while (s->parent) s = s->parent;
    return s;
}

/* Modules know nothing of the program's reports. */
static bool in_module(const Lower *L, Span at)
{
    for (int i = 0; i < L->modules.all.n; i++)
        if (L->modules.all.v[i] != L->modules.main && L->modules.all.v[i]->file && L->modules.all.v[i]->file->id == at.file) return true;
    return false;
}

static bool in_block(const Ctx *c, const Bound *b)
{
    Scope *s = c->scope;
    return b && b->kind != NAME_REPORT && scope_binding(c->L, &s, b) && !s->module;
}

/* A report is asked for by its name, which may be that of a value of the file, or of an imported or built-in one (b is NULL), too. */
static Value *report_first(Ctx *c, const Bound *b, const Ast *name, bool callee)
{
    bool wanted = (b && b->kind == NAME_REPORT) || (c->reports_first && !callee && (!b || !b->body) && !in_module(c->L, name->span));
    if (c->blocks_first && in_block(c, b)) return NULL;
    return wanted ? find_report(c->L, name->name.name) : NULL;
}

Value *scope_report(Ctx *c, const Ast *name)
{
    const Bound *b = names_use(c->L->names, name);
    bool own = b && (b->body || b->module == c->L->modules.main);
    return own || in_module(c->L, name->span) ? NULL : find_report(c->L, name->name.name);
}

Value *scope_find(Ctx *c, const Ast *name, bool callee)
{
    Lower *L = c->L;
    const Bound *b = names_use(L->names, name);
    Value *v = report_first(c, b, name, callee);
    if (v || (b && b->kind == NAME_REPORT)) return v;
    if (b) return scope_value(c, b, name->span);
    v = builtin_find(L, name->name.name);
    return v ? v : find_module(L, file_around(c->scope), name->name.name);
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
    if (names_may_lack(c->L->names, name) || names_unknown(c->L->names, name)) return;
    bool shown = diags_count(c->L->diags, DIAG_ERROR) < DIAGS_KEPT;     /* hints cost a look at every name */
    Diag *d = diag_error(c->L->diags, at, E100, "%s is not declared", name);
    if (!shown) return;
    names_hint(d, stdlib_find, stdlib_names, name, nearest(c, name));
}

/* ---- patterns */

static bool wrong_pattern(Ctx *c, const Ast *p, const Value *v)
{
    diag_error(c->L->diags, p->span, E201, "the pattern takes %d values apart, and this is %s", p->tuple.items.n,
               val_text(c->L, v));
    return false;
}

/* The first name that is given to a value; what the library calls it is for dumps alone. */
static void hint(const Ctx *c, const Ast *at, Value *v, const char *name)
{
    if (v->kind != V_TENSOR || !v->tensor.v->def) return;
    const SourceFile *f = source_file(c->L->sources, at->span.file);
    ir_name_as(v->tensor.v, &(IrVal){.hint = name, .called = f && !f->library ? name : NULL});
}

void scope_bind_param(Ctx *c, Scope *s, const Ast *param, Value *v)
{
    v = diff_bound(c, param, val_now(c, v));
    hint(c, param, v, param->param.name);
    scope_bind(c->L, s, param, v);
}

/* The values that a pattern takes apart; NULL, reported: they are not so many. */
static Value **pattern_items(Ctx *c, const Ast *p, Value *v)
{
    v = as_settled(c, v, p->span);
    bool list = v->kind == V_LIST;
    int n = list ? v->list.n : v->kind == V_RECORD ? v->record.n : -1;
    if (n == p->tuple.items.n) return list ? v->list.v : v->record.v;
    if (!val_bad(v)) wrong_pattern(c, p, v);
    return NULL;
}

Value *scope_pattern_part(Ctx *c, const Ast *p, const Ast *leaf, Value *v)
{
    if (p == leaf) return v;
    Value **item = p->kind == AST_TUPLE ? pattern_items(c, p, v) : NULL, *part = item || p->kind != AST_TUPLE ? NULL : val_error(c->L);
    for (int i = 0; item && !part && i < p->tuple.items.n; i++) part = scope_pattern_part(c, p->tuple.items.v[i], leaf, item[i]);
    return part;
}

bool scope_bind_pattern(Ctx *c, Scope *s, const Ast *p, Value *v)
{
    if (p->kind == AST_NAME) {
        v = diff_bound(c, p, val_now(c, v));
        hint(c, p, v, p->name.name);
        scope_bind(c->L, s, p, v);
        return !val_bad(v);
    }
    Value **item = pattern_items(c, p, v);
    for (int i = 0; i < p->tuple.items.n; i++) scope_bind_pattern(c, s, p->tuple.items.v[i], item ? item[i] : val_error(c->L));
    return item != NULL;
}
