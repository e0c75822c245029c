/* names.c - see names.h. */
#include "lang/check/names.h"

#include "lang/check/walk.h"

#include <ctype.h>
#include <string.h>

typedef struct Names Names;
struct Names {                                              /* a scope */
    Names *parent;
    ARRAY(struct {
        const char *name;
        Span        sample;                                 /* where it is drawn, if it is a sample */
        bool        used;
    }) of;
};

typedef struct Check {
    Arena             *a;
    const Modules     *modules;
    const char *const *builtins;
    StdlibFind        *find;
    const char *const *library;
    Diags             *diags;
    const Module      *module;
    Names             *scope;
} Check;

/* Words that mean something by where they stand. */
static const char *const context_words[] = {"batch", "step", "steps",           "training",         "scatter",
                                            "grid",  "copy", "standard_normal", "standard_uniform", NULL};

static void visit(void *check, const Ast *n);

/* ---- likeness */

int name_distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > MOST || m > MOST) return MOST;
    int row[MOST + 1];
    for (int j = 0; j <= m; j++) row[j] = j;
    for (int i = 1; i <= n; i++) {
        int corner = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int up = row[j], cost = corner + (a[i - 1] != b[j - 1]);
            if (up + 1 < cost) cost = up + 1;
            if (row[j - 1] + 1 < cost) cost = row[j - 1] + 1;
            row[j] = cost;
            corner = up;
        }
    }
    return row[m];
}

static void nearer(const char *candidate, const char *name, const char **best, int *distance)
{
    int d = name_distance(candidate, name);
    if (d < *distance) *distance = d, *best = candidate;
}

static bool declares(const char *line, const char *name)
{
    static const char *const words[] = {"def ",        "let ",          "layer ",      "net ",       "implicit ",
                                        "prescribed ", "distribution ", "comparison ", "optimizer ", "metric ",
                                        NULL};
    for (int i = 0; words[i]; i++) {
        size_t n = strlen(words[i]), k = strlen(name);
        if (strncmp(line, words[i], n) || strncmp(line + n, name, k)) continue;
        unsigned char after = (unsigned char)line[n + k];
        return !isalnum(after) && after != '_' && after < 0x80;
    }
    return false;
}

const char *names_module_of(StdlibFind *find, const char *const *library, const char *name)
{
    for (int i = 0; library[i]; i++)
        for (const char *line = find(library[i], NULL); line && *line;) {
            if (declares(line, name)) return library[i];
            line += strcspn(line, "\n");
            line += *line == '\n';
        }
    return NULL;
}

/* ---- scopes */

static bool in_scope(Names *s, const char *name)
{
    for (; s; s = s->parent)
        for (int i = s->of.n; i-- > 0;)
            if (!strcmp(s->of.v[i].name, name)) return s->of.v[i].used = true;
    return false;
}

static bool in_list(const char *const *list, const char *name)
{
    for (int i = 0; list[i]; i++)
        if (!strcmp(list[i], name)) return true;
    return false;
}

static void add_at(Check *c, Names *s, const char *name, Span sample)
{
    array_push(c->a, &s->of, ((__typeof__(*s->of.v)){name, sample, false}));
}

static void add(Check *c, Names *s, const char *name) { add_at(c, s, name, SPAN_NONE); }

static void add_pattern(Check *c, Names *s, const Ast *p)
{
    if (p->kind == AST_NAME) add(c, s, p->name.name);
    for (int i = 0; p->kind == AST_TUPLE && i < p->tuple.items.n; i++) add_pattern(c, s, p->tuple.items.v[i]);
}

/* A sample taken apart may be wanted for one of its parts. */
static void add_sample(Check *c, Names *s, const Ast *p)
{
    if (p->kind == AST_NAME) add_at(c, s, p->name.name, p->span);
    else add_pattern(c, s, p);
}

static void unused_samples(Check *c, const Names *s)
{
    for (int i = 0; i < s->of.n; i++)
        if (s->of.v[i].sample.file && !s->of.v[i].used)
            diag_warning(c->diags, s->of.v[i].sample, W301, "%s is drawn and never used", s->of.v[i].name);
}

static void add_binders(Check *c, Names *s, AstList binders)
{
    for (int i = 0; i < binders.n; i++)
        for (int k = 0; binders.v[i]->binder.dist && k < binders.v[i]->binder.patterns.n; k++)
            add_sample(c, s, binders.v[i]->binder.patterns.v[k]);
}

/* The names that a statement declares in the scope it stands in. */
static void add_declared(Check *c, Names *s, const Ast *n)
{
    switch (n->kind) {
    case AST_DEFINE: add(c, s, n->define.name); return;
    case AST_LET: add_pattern(c, s, n->let.pattern); return;
    case AST_LOSS: add(c, s, n->loss.name); return;
    case AST_COMPARE: add(c, s, n->compare.name); return;
    case AST_MEMBER: add(c, s, n->member.name); return;
    case AST_PARAMETER: add(c, s, n->parameter.name); return;
    case AST_STATE: add(c, s, n->state.name); return;
    case AST_SAMPLE: add_binders(c, s, n->sample.binders); return;
    case AST_DATA:
        for (int i = 0; i < n->data.names.n; i++) add_pattern(c, s, n->data.names.v[i]);
        return;
    default: return;
    }
}

static void add_all(Check *c, Names *s, AstList stmts)
{
    for (int i = 0; i < stmts.n; i++) add_declared(c, s, stmts.v[i]);
}

/* Dimensions are named by the types that use them, anywhere inside. */
typedef struct Dims { Check *c; Names *s; } Dims;

static void add_dims(void *dims, const Ast *n)
{
    Dims *d = dims;
    if (n->kind == AST_TYPE)
        for (int i = 0; i < n->type.dims.n; i++)
            if (n->type.dims.v[i]->kind == AST_NAME) add(d->c, d->s, n->type.dims.v[i]->name.name);
    ast_each_child(n, add_dims, d);
}

static void add_params(Check *c, Names *s, AstList params)
{
    Dims d = {c, s};
    for (int i = 0; i < params.n; i++) {
        add(c, s, params.v[i]->param.name);
        if (params.v[i]->param.type) add_dims(&d, params.v[i]->param.type);
    }
}

/* Reports are names of the whole file, from the line on that makes them. */
typedef struct Reports { Check *c; Names *s; } Reports;

static void add_reports(void *reports, const Ast *n)
{
    Reports *r = reports;
    if (n->kind == AST_REPORT) add(r->c, r->s, n->report.name);
    ast_each_child(n, add_reports, r);
}

/* ---- unknown names */

static const char *module_last(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static bool module_has(const Module *m, const char *name)
{
    Names s = {0};
    Arena *a = arena_new();
    Check c = {.a = a};
    if (m->ast) add_all(&c, &s, m->ast->file.stmts);
    bool found = in_scope(&s, name);
    arena_free(a);
    return found;
}

static const char *nearest(Check *c, const char *name)
{
    int distance = strlen(name) < 4 ? 2 : 3;
    const char *best = NULL;
    for (const Names *s = c->scope; s; s = s->parent)
        for (int i = 0; i < s->of.n; i++) nearer(s->of.v[i].name, name, &best, &distance);
    for (int i = 0; c->builtins[i]; i++) nearer(c->builtins[i], name, &best, &distance);
    return best;
}

static void check_name(Check *c, const Ast *n)
{
    const char *name = n->name.name;
    if (in_scope(c->scope, name) || in_list(c->builtins, name) || in_list(context_words, name)) return;
    Diag *d = diag_error(c->diags, n->span, E100, "%s is not declared", name);
    const char *module = names_module_of(c->find, c->library, name), *near = nearest(c, name);
    if (module && strcmp(module, "prelude")) diag_hint(d, "import %s", module);
    else if (near) diag_hint(d, "did you mean %s?", near);
}

/* ---- the walk */

static void check_list(Check *c, AstList l)
{
    for (int i = 0; i < l.n; i++) visit(c, l.v[i]);
}

static void check_part(Check *c, const Ast *n)
{
    if (n) visit(c, n);
}

static void within(Check *c, Names *s, const Ast *n)
{
    Names *before = c->scope;
    s->parent = before;
    c->scope = s;
    if (n->kind == AST_BLOCK) {
        add_all(c, s, n->block.stmts);
        check_list(c, n->block.stmts);
    } else {
        visit(c, n);
    }
    c->scope = before;
    unused_samples(c, s);
}

static void check_params(Check *c, AstList params)
{
    for (int i = 0; i < params.n; i++) {
        check_part(c, params.v[i]->param.draw);
        check_part(c, params.v[i]->param.value);
    }
}

static void check_define(Check *c, const Ast *n)
{
    Names s = {.parent = c->scope};
    Names *before = c->scope;
    add_params(c, &s, n->define.params);
    add_params(c, &s, n->define.params2);
    c->scope = &s;
    check_params(c, n->define.params);
    check_params(c, n->define.params2);
    check_part(c, n->define.body);
    c->scope = before;
}

static void check_function(Check *c, AstList params, const Ast *body)
{
    Names s = {.parent = c->scope};
    Names *before = c->scope;
    add_params(c, &s, params);
    c->scope = &s;
    check_params(c, params);
    visit(c, body);
    c->scope = before;
}

static void check_block(Check *c, const Ast *n)
{
    Names s = {0};
    within(c, &s, n);
}

static void check_for(Check *c, const Ast *n)
{
    Names s = {0};
    visit(c, n->for_.source);
    for (int i = 0; i < n->for_.carries.n; i++) visit(c, n->for_.carries.v[i]->carry.value);
    add_pattern(c, &s, n->for_.var);
    for (int i = 0; i < n->for_.carries.n; i++) add_pattern(c, &s, n->for_.carries.v[i]->carry.pattern);
    within(c, &s, n->for_.body);
}

static void check_expectation(Check *c, const Ast *n)
{
    Names s = {0};
    check_part(c, n->expectation.size);
    add_binders(c, &s, n->expectation.binders);
    s.parent = c->scope;
    Names *outside = c->scope;
    for (int i = 0; i < n->expectation.binders.n; i++) {    /* a later distribution may depend on an earlier sample */
        const Ast *b = n->expectation.binders.v[i];
        if (!b->binder.dist) check_list(c, b->binder.patterns);
        c->scope = &s;
        check_part(c, b->binder.dist);
        c->scope = outside;
    }
    within(c, &s, n->expectation.body);
}

/* module.name */
static void check_field(Check *c, const Ast *n)
{
    const Ast *o = n->field.object;
    for (int i = 0; o->kind == AST_NAME && i < c->module->n_imports; i++) {
        const Module *m = c->module->import[i];
        if (strcmp(module_last(m->name), o->name.name) || in_scope(c->scope, o->name.name)) continue;
        if (!module_has(m, n->field.name))
            diag_error(c->diags, n->field.name_span, E100, "the module %s has no %s", m->name, n->field.name);
        return;
    }
    visit(c, o);
}

static void visit(void *check, const Ast *n)
{
    Check *c = check;
    switch (n->kind) {
    case AST_NAME: check_name(c, n); return;
    case AST_FIELD: check_field(c, n); return;
    case AST_DEFINE: check_define(c, n); return;
    case AST_MEMBER: check_function(c, n->member.params, n->member.value); return;
    case AST_FN: check_function(c, n->fn.params, n->fn.body); return;
    case AST_BLOCK: check_block(c, n); return;
    case AST_FOR: check_for(c, n); return;
    case AST_EXPECTATION: check_expectation(c, n); return;
    case AST_TYPE: case AST_RECORD_TYPE: case AST_TUPLE_TYPE: return;
    case AST_LET: check_part(c, n->let.value); return;
    case AST_DATA: check_part(c, n->data.value); return;
    case AST_SAMPLE:
        check_part(c, n->sample.size);
        for (int i = 0; i < n->sample.binders.n; i++) check_part(c, n->sample.binders.v[i]->binder.dist);
        return;
    default: ast_each_child(n, visit, c);
    }
}

static void check_module(Check *c, const Module *m)
{
    Names prelude = {0}, imported = {.parent = &prelude}, own = {.parent = &imported};
    if (c->modules->prelude && c->modules->prelude->ast) add_all(c, &prelude, c->modules->prelude->ast->file.stmts);
    for (int i = 0; i < m->n_imports; i++)
        if (m->import[i]->ast) add_all(c, &imported, m->import[i]->ast->file.stmts);
    add_all(c, &own, m->ast->file.stmts);
    Reports r = {c, &own};
    if (m == c->modules->main) add_reports(&r, m->ast);
    c->module = m;
    c->scope = &own;
    check_list(c, m->ast->file.stmts);
    unused_samples(c, &own);
}

void names_check(Arena *a, const Modules *m, const char *const *builtins, StdlibFind *find, const char *const *library,
                 Diags *diags)
{
    Check c = {.a = a, .modules = m, .builtins = builtins, .find = find, .library = library, .diags = diags};
    for (int i = 0; i < m->all.n; i++)
        if (m->all.v[i]->ast) check_module(&c, m->all.v[i]);
}
