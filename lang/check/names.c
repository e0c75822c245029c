/* names.c - see names.h.
 *
 * A table leads from a name to the innermost binding of it, which leads to the one outside of it: entering a scope puts bindings on
 * top, leaving takes them off. Statements of a block bind from their line on; declarations (def, loss, member ...) are known in the
 * whole block, and what is written in them sees the whole block. Start at names_check, at the bottom. */
#include "lang/check/names.h"

#include "lang/source/habits.h"

#include <ctype.h>
#include <string.h>

/* ---- tables: from one or two nodes to a fact, and from a text to a binding */

typedef struct Fact {
    const void *a, *b, *is;
} Fact;

typedef struct Facts {
    Fact    *v;
    uint32_t n, cap;                                        /* a power of two, or 0 */
} Facts;

static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static Fact *fact_at(const Facts *f, const void *a, const void *b)
{
    uint32_t i = (uint32_t)mixed((uint64_t)(uintptr_t)a + 31 * (uint64_t)(uintptr_t)b) & (f->cap - 1);
    while (f->v[i].a && (f->v[i].a != a || f->v[i].b != b)) i = (i + 1) & (f->cap - 1);
    return &f->v[i];
}

static const void *fact(const Facts *f, const void *a, const void *b) { return f->cap ? fact_at(f, a, b)->is : NULL; }

static void add_fact(Arena *arena, Facts *f, const void *a, const void *b, const void *is)
{
    if (2 * f->n >= f->cap) {
        Facts more = {.cap = f->cap ? 2 * f->cap : 64};
        more.v = arena_array(arena, Fact, more.cap);
        for (uint32_t i = 0; i < f->cap; i++)
            if (f->v[i].a) *fact_at(&more, f->v[i].a, f->v[i].b) = f->v[i];
        more.n = f->n;
        *f = more;
    }
    Fact *at = fact_at(f, a, b);
    if (!at->a) f->n++;
    *at = (Fact){a, b, is};
}

typedef struct Level Level;

typedef struct Entry Entry;
struct Entry {
    Bound *bound;
    Entry *outer;                                           /* the same name, further out */
    Level *place;
    bool   later;                                           /* its line has not been reached */
};

typedef struct Symbol {
    const char *name;
    Entry      *top;
    bool        unknown;                                    /* it was reported that nothing is called so */
} Symbol;

struct Level {                                              /* a scope */
    bool all;                                               /* what is looked up sees the lines to come, too */
    ARRAY(Entry *) of;
};

typedef struct Top { const Module *module; ARRAY(Bound *) of; } Top;    /* the names of a file */

struct Names {
    Arena *a;
    Facts  uses, bounds, bodies, taken;                     /* taken: a body and what it takes from outside */
    Symbol *symbol;
    uint32_t n_symbols, cap;
    ARRAY(Top *) tops;
    ARRAY(const Ast *) broken;                              /* statements that could not be read, of all files */
    bool lacks_module, lacks_part;                          /* one that is imported could not be; a statement in a definition */
    const Modules *modules;
    const char *const *builtins;
    StdlibFind *find;
    const char *const *library;
};

typedef ARRAY(Bound *) BoundList;

typedef struct Check {
    Names             *n;
    Diags             *diags;
    const Module      *module;
    NameBody          *body;
    Level             *place;
    const Level       *own;                                 /* in the type of a parameter: dimensions are first its own */
    const Ast         *open;                                /* an E[..], grad[..] or after that ended at the sign before what is visited */
    const Ast         *callee;                              /* is no report */
    BoundList          unused;                              /* samples that nothing has used */
    bool               names_dims;                          /* what is visited is a type that may name dimensions */
} Check;

/* Words that mean something by where they stand. */
static const char *const context_words[] = {"batch", "step", "steps",           "training",         "scatter", "histogram", "curve",
                                            "grid",  "copy", "standard_normal", "standard_uniform", "none", NULL};

static void visit(void *check, const Ast *n);

/* ---- likeness */

int name_distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > MOST || m > MOST) return MOST;
    int row[MOST + 1], above[MOST + 1], above_that[MOST + 1];
    for (int j = 0; j <= m; j++) row[j] = j;
    for (int i = 1; i <= n; i++) {
        memcpy(above_that, above, sizeof above);
        memcpy(above, row, sizeof row);
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int  cost = above[j - 1] + (a[i - 1] != b[j - 1]);
            bool turned = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (above[j] + 1 < cost) cost = above[j] + 1;
            if (row[j - 1] + 1 < cost) cost = row[j - 1] + 1;
            if (turned && above_that[j - 2] + 1 < cost) cost = above_that[j - 2] + 1;
            row[j] = cost;
        }
    }
    return row[m];
}

/* The same but for capitals and underscores: ReLU, leaky_relu and LeakyReLU. */
bool names_alike(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == '_') a++;
        while (*b == '_') b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
    }
}

int names_reach(const char *name) { return strlen(name) < 2 ? 1 : strlen(name) < 4 ? 2 : 3; }

void names_nearer(const char *candidate, const char *name, const char **best, int *distance)
{
    int d = names_alike(candidate, name) ? 0 : name_distance(candidate, name);
    if (d < *distance && strcmp(candidate, "_")) *distance = d, *best = candidate;
}

/* The name that a line of the library declares, in buf; or NULL. */
static const char *declared_by(const char *line, char buf[64])
{
    static const char *const words[] = {"def ",        "let ",          "layer ",      "net ",       "implicit ",
                                        "prescribed ", "distribution ", "comparison ", "optimizer ", "metric ",
                                        NULL};
    for (int i = 0; words[i]; i++) {
        size_t n = strlen(words[i]), k = 0;
        if (strncmp(line, words[i], n)) continue;
        for (line += n; k < 63 && (isalnum((unsigned char)line[k]) || line[k] == '_' || line[k] & 0x80); k++) buf[k] = line[k];
        buf[k] = 0;
        return buf;
    }
    return NULL;
}

const char *names_library_like(StdlibFind *find, const char *const *library, const char *name, char is[64])
{
    char buf[64];
    const char *found = NULL;
    for (int i = 0; library[i]; i++)
        for (const char *line = find(library[i], NULL); line && *line;) {
            const char *has = declared_by(line, buf);
            bool same = has && !strcmp(has, name);
            if (same || (has && !found && names_alike(has, name))) found = library[i], strcpy(is, has);
            if (same) return found;
            line += strcspn(line, "\n");
            line += *line == '\n';
        }
    return found;
}

/* ---- bindings */

static bool in_list(const char *const *list, const char *name)
{
    for (int i = 0; list[i]; i++)
        if (!strcmp(list[i], name)) return true;
    return false;
}

static Symbol *symbol_at(Symbol *v, uint32_t cap, const char *name)
{
    uint64_t h = 1469598103934665603u;
    for (const char *p = name; *p; p++) h = (h ^ (unsigned char)*p) * 1099511628211u;
    uint32_t i = (uint32_t)mixed(h) & (cap - 1);
    while (v[i].name && strcmp(v[i].name, name)) i = (i + 1) & (cap - 1);
    return &v[i];
}

static Symbol *symbol(Names *n, const char *name)
{
    if (2 * n->n_symbols >= n->cap) {
        uint32_t cap = n->cap ? 2 * n->cap : 256;
        Symbol *v = arena_array(n->a, Symbol, cap);
        for (uint32_t i = 0; i < n->cap; i++)
            if (n->symbol[i].name) *symbol_at(v, cap, n->symbol[i].name) = n->symbol[i];
        n->symbol = v;
        n->cap = cap;
    }
    Symbol *s = symbol_at(n->symbol, n->cap, name);
    if (!s->name) n->n_symbols++;
    s->name = name;
    return s;
}

static void enter(Check *c, Level *p, Bound *b, bool later)
{
    Symbol *s = symbol(c->n, b->name);
    Entry *e = arena_new_of(c->n->a, Entry);
    *e = (Entry){b, s->top, p, later};
    s->top = e;
    array_push(c->n->a, &p->of, e);
}

static void leave(Check *c, const Level *p)
{
    for (int i = p->of.n; i-- > 0;) symbol(c->n, p->of.v[i]->bound->name)->top = p->of.v[i]->outer;
}

/* NULL for _, which binds nothing. */
static Bound *bound_new(Check *c, const char *name, NameKind kind, const Ast *node, Span at)
{
    if (!strcmp(name, "_")) return NULL;
    Bound *b = arena_new_of(c->n->a, Bound);
    *b = (Bound){.name = name, .kind = kind, .node = node, .at = at, .body = c->body, .module = c->module};
    add_fact(c->n->a, &c->n->bounds, node, NULL, b);
    return b;
}

static void add(Check *c, BoundList *out, const char *name, NameKind kind, const Ast *node, Span at)
{
    Bound *b = bound_new(c, name, kind, node, at);
    if (b) array_push(c->n->a, out, b);
}

static void add_pattern(Check *c, BoundList *out, const Ast *p, NameKind kind)
{
    if (p->kind == AST_NAME) add(c, out, p->name.name, kind, p, p->span);
    for (int i = 0; p->kind == AST_TUPLE && i < p->tuple.items.n; i++) add_pattern(c, out, p->tuple.items.v[i], kind);
}

static void add_let(Check *c, BoundList *out, const Ast *n)
{
    int before = out->n;
    add_pattern(c, out, n->let.pattern, NAME_LET);
    if (out->n > before && n->let.pattern->kind == AST_NAME) out->v[before]->let = n->let.value;
}

/* A sample taken apart may be wanted for one of its parts. */
static void add_drawn(Check *c, BoundList *out, const Ast *binder, NameKind kind)
{
    for (int k = 0; binder->binder.dist && k < binder->binder.patterns.n; k++) {
        int before = out->n;
        add_pattern(c, out, binder->binder.patterns.v[k], kind);
        if (out->n > before && binder->binder.patterns.v[k]->kind == AST_NAME) out->v[before]->drawn = true;
    }
}

/* What a statement binds in the scope it stands in. */
static void add_declared(Check *c, BoundList *out, const Ast *n)
{
    switch (n->kind) {
    case AST_DEFINE: add(c, out, n->define.name, NAME_DECLARATION, n, n->define.name_span); return;
    case AST_LET: add_let(c, out, n); return;
    case AST_LOSS: add(c, out, n->loss.name, NAME_DECLARATION, n, n->loss.name_span); return;
    case AST_COMPARE: add(c, out, n->compare.name, NAME_DECLARATION, n, n->compare.name_span); return;
    case AST_MEMBER: add(c, out, n->member.name, NAME_MEMBER, n, n->member.name_span); return;
    case AST_PARAMETER: add(c, out, n->parameter.name, NAME_PARAMETER, n, n->parameter.name_span); return;
    case AST_STATE: add(c, out, n->state.name, NAME_STATE, n, n->state.name_span); return;
    case AST_SAMPLE:
        for (int i = 0; i < n->sample.binders.n; i++) add_drawn(c, out, n->sample.binders.v[i], NAME_SAMPLE);
        return;
    case AST_DATA:
        for (int i = 0; i < n->data.names.n; i++) add_pattern(c, out, n->data.names.v[i], NAME_DATA);
        return;
    case AST_BROKEN:
        for (int i = 0; n->broken.declares && i < n->broken.names.n; i++) add_pattern(c, out, n->broken.names.v[i], NAME_BROKEN);
        return;
    default: return;
    }
}

static void unused_samples(Check *c, const Level *p)
{
    if (names_lack(c->n)) return;
    for (int i = 0; i < p->of.n; i++) {
        const Bound *b = p->of.v[i]->bound;
        if (b->drawn && !b->used) array_push(c->n->a, &c->unused, p->of.v[i]->bound);
    }
}

/* A name that is declared nowhere may have meant the sample, which ended too early: that was said. */
static void tell_unused(Check *c)
{
    for (int i = 0; i < c->unused.n; i++)
        if (!names_unknown(c->n, c->unused.v[i]->name)) diag_warning(c->diags, c->unused.v[i]->at, W301, "%s is drawn and never used", c->unused.v[i]->name);
}

static void enter_all(Check *c, Level *p, const BoundList *v, bool later)
{
    for (int i = 0; i < v->n; i++) enter(c, p, v->v[i], later);
}

/* The names that `n` binds hold from here on. */
static void reached(Check *c, const Ast *n)
{
    const Bound *b = fact(&c->n->bounds, n, NULL);
    for (Entry *e = b ? symbol(c->n, b->name)->top : NULL; e; e = e->outer)
        if (e->bound == b) e->later = false;
    if (n->kind == AST_TUPLE)
        for (int i = 0; i < n->tuple.items.n; i++) reached(c, n->tuple.items.v[i]);
}

static void reached_binder(Check *c, const Ast *binder)
{
    for (int i = 0; binder->binder.dist && i < binder->binder.patterns.n; i++) reached(c, binder->binder.patterns.v[i]);
}

/* ---- what is not there, because it could not be read */

typedef struct Lacks { Names *n; bool inside; } Lacks;

static void find_broken(void *lacks, const Ast *n)
{
    Lacks *l = lacks, below = {l->n, l->inside || n->kind == AST_DEFINE};
    if (n->kind == AST_BROKEN) {
        array_push(l->n->a, &l->n->broken, n);
        l->n->lacks_part |= l->inside || n->broken.any || n->broken.names.n || n->broken.inside.n;
        return;
    }
    ast_each_child(n, find_broken, &below);
}

static void find_lacks(Names *n)
{
    for (int i = 0; i < n->modules->all.n; i++) {
        const Module *m = n->modules->all.v[i];
        if (m->ast) find_broken(&(Lacks){n, false}, m->ast);
        else n->lacks_module |= m != n->modules->main;
    }
}

bool names_lack(const Names *n) { return n->broken.n || n->lacks_module; }
bool names_lack_parts(const Names *n) { return n->lacks_part || n->lacks_module; }

static bool lists(AstList names, const char *name)
{
    for (int i = 0; i < names.n; i++)
        if (!strcmp(names.v[i]->name.name, name)) return true;
    return false;
}

/* Does the name stand where such a statement may declare one? */
static bool is_lacking(const Names *n, const char *name)
{
    for (int i = 0; i < n->broken.n; i++)
        if (lists(n->broken.v[i]->broken.names, name) || lists(n->broken.v[i]->broken.inside, name)) return true;
    return false;
}

bool names_may_lack(const Names *n, const char *name)
{
    bool may = n->lacks_module || is_lacking(n, name);
    for (int i = 0; i < n->broken.n && !may; i++) may = n->broken.v[i]->broken.any;
    return may;
}

bool names_unknown(const Names *n, const char *name)
{
    return n->cap && symbol_at(n->symbol, n->cap, name)->unknown;
}

/* ---- uses */

static const Entry *own_entry(const Check *c, const Entry *e)
{
    for (; e; e = e->outer)
        if (e->place == c->own) return e;
    return NULL;
}

static const Entry *look_up(Check *c, const char *name, bool callee)
{
    const Entry *top = symbol(c->n, name)->top, *late = NULL;
    const Entry *own = c->own ? own_entry(c, top) : NULL;
    if (own) return own;
    for (const Entry *e = top; e; e = e->outer) {
        if (e->bound->kind == NAME_REPORT && (callee || in_list(c->n->builtins, name))) continue;
        if (!e->later || e->place->all) return e;
        if (!late) late = e;
    }
    return late && !in_list(c->n->builtins, name) ? late : NULL;
}

static const char *module_last(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static bool is_imported(const Check *c, const Module *m)
{
    for (int i = 0; i < c->module->n_imports; i++)
        if (c->module->import[i] == m) return true;
    return false;
}

/* A name of one imported module that is one of another, too. */
static void check_clear(Check *c, const Ast *name, const Entry *e)
{
    const Module *a = e->bound->module, *b;
    if (e->bound->body || a == c->module || !is_imported(c, a)) return;
    for (const Entry *o = e->outer; o; o = o->outer) {
        b = o->bound->module;
        if (o->bound->body || o->bound->kind == NAME_REPORT || b == a || !is_imported(c, b)) continue;
        Diag *d = diag_error(c->diags, name->span, E102, "%s is declared in %s and in %s", name->name.name, b->name, a->name);
        diag_hint(d, "write %s.%s or %s.%s", module_last(b->name), name->name.name, module_last(a->name), name->name.name);
        return;
    }
}

static bool of_import(const Check *c, const Bound *b) { return !b->body && b->module != c->n->modules->main; }

static void take(Check *c, const Bound *b)
{
    for (NameBody *in = c->body; in && in != b->body && !of_import(c, b); in = (NameBody *)in->outer) {
        if (fact(&c->n->taken, in, b)) return;
        add_fact(c->n->a, &c->n->taken, in, b, b);
        array_push(c->n->a, &in->free, b);
    }
}

/* A name that may be a report's, say, whose line is broken, though something of the library is called so, too. */
static Bound *use_lacking(Check *c, const Ast *name)
{
    Bound *b = bound_new(c, name->name.name, NAME_BROKEN, name, name->span);
    if (b) add_fact(c->n->a, &c->n->uses, name, NULL, b);
    return b;
}

static Bound *use(Check *c, const Ast *name)
{
    const Entry *e = look_up(c, name->name.name, name == c->callee);
    bool library = !e || (!e->bound->body && e->bound->module != c->n->modules->main);
    if (library && name != c->callee && is_lacking(c->n, name->name.name)) return use_lacking(c, name);
    if (!e) return NULL;
    check_clear(c, name, e);
    e->bound->used = true;
    add_fact(c->n->a, &c->n->uses, name, NULL, e->bound);
    take(c, e->bound);
    return e->bound;
}

/* The name that an expression is a part of: x of x, x.f, x[0].g. */
static const Ast *root_of(const Ast *e)
{
    while (e->kind == AST_FIELD || e->kind == AST_INDEX) e = e->kind == AST_FIELD ? e->field.object : e->index.object;
    return e->kind == AST_NAME ? e : NULL;
}

static Bound *bound_of(Check *c, const Ast *name) { return name ? (Bound *)fact(&c->n->uses, name, NULL) : NULL; }

/* ---- unknown names */

static const Top *top_of(const Names *n, const Module *m)
{
    for (int i = 0; i < n->tops.n; i++)
        if (n->tops.v[i]->module == m) return n->tops.v[i];
    return NULL;
}

static bool module_has(const Names *n, const Module *m, const char *name)
{
    const Top *t = top_of(n, m);
    for (int i = 0; t && i < t->of.n; i++)
        if (!strcmp(t->of.v[i]->name, name)) return true;
    return false;
}

static const char *nearest(Check *c, const char *name)
{
    int distance = names_reach(name);
    const char *best = NULL;
    for (uint32_t i = 0; i < c->n->cap; i++)
        if (c->n->symbol[i].top) names_nearer(c->n->symbol[i].name, name, &best, &distance);
    for (int i = 0; c->n->builtins[i]; i++) names_nearer(c->n->builtins[i], name, &best, &distance);
    return best;
}

void names_hint(Diag *d, StdlibFind *find, const char *const *library, const char *name, const char *near)
{
    char is[64];
    const Habit *h = habit_of(HABIT_WORD, name);
    const char *module = names_library_like(find, library, name, is);
    bool prelude = module && !strcmp(module, "prelude"), imported = near && module && !strcmp(near, is);
    if (near && !strcmp(near, name)) diag_hint(d, "write %s alone", name);
    else if (near && names_alike(near, name)) diag_hint(d, "did you mean %s?", near);
    else if (module && !prelude && !imported && !strcmp(is, name)) diag_hint(d, "import %s", module);
    else if (module && !prelude && !imported) diag_hint(d, "did you mean %s? import %s", is, module);
    else if (h) habit_hint(d, h);
    else if (near) diag_hint(d, "did you mean %s?", near);
}

/* The comparison of the file that has a member of this name; NULL: none. */
static const char *comparison_with(Check *c, const char *name)
{
    AstList stmts = c->module->ast ? c->module->ast->file.stmts : (AstList){0};
    for (int i = 0; i < stmts.n; i++) {
        const Ast *value = stmts.v[i]->kind == AST_COMPARE ? stmts.v[i]->compare.value : NULL;
        const Ast *callee = value && value->kind == AST_CALL ? value->call.callee : NULL;
        const Bound *b = callee ? fact(&c->n->uses, callee, NULL) : NULL;
        const Ast *body = b && b->node->kind == AST_DEFINE ? b->node->define.body : NULL;
        for (int k = 0; body && body->kind == AST_BLOCK && k < body->block.stmts.n; k++)
            if (body->block.stmts.v[k]->kind == AST_MEMBER && !strcmp(body->block.stmts.v[k]->member.name, name)) return stmts.v[i]->compare.name;
    }
    return NULL;
}

static bool binds(const Ast *open, const char *name)
{
    for (int i = 0; open->kind == AST_EXPECTATION && i < open->expectation.binders.n; i++) {
        AstList p = open->expectation.binders.v[i]->binder.patterns;
        for (int k = 0; k < p.n; k++)
            if (p.v[k]->kind == AST_NAME && !strcmp(p.v[k]->name.name, name)) return true;
    }
    return false;
}

/* Of --set w=yes, where the word is nothing that the program has. */
static void setting_hint(Diag *d, const SourceFile *f, const char *name)
{
    static const char setting[] = "--set ";
    if (d->hint || !f || strncmp(f->name, setting, strlen(setting))) return;
    diag_hint(d, "it is written as in the file, where a text stands in quotes: %s'%s=\"%s\"'", setting, f->name + strlen(setting), name);
}

static void unknown(Check *c, const Ast *n)
{
    const char *name = n->name.name;
    if (names_may_lack(c->n, name) || names_unknown(c->n, name)) return;
    symbol(c->n, name)->unknown = true;
    bool shown = diags_count(c->diags, DIAG_ERROR) < DIAGS_KEPT;        /* hints cost a look at every name */
    Diag *d = diag_error(c->diags, n->span, E100, "%s is not declared", name);
    if (!shown) return;
    if (c->open && binds(c->open, name)) {
        diag_note(d, c->open->span, "E[..] binds %s, and stops at + and -", name);
        diag_hint(d, "write E[..] (...) around all that it is the mean of");
        return;
    }
    const char *of = comparison_with(c, name);
    if (of) {
        diag_hint(d, "a member is called with what it belongs to: %s.%s", of, name);
        return;
    }
    for (int i = 0; c->n->library[i]; i++)
        if (!strcmp(c->n->library[i], name)) {
            diag_hint(d, "import %s", name);
            return;
        }
    names_hint(d, c->n->find, c->n->library, name, nearest(c, name));
    setting_hint(d, source_file(diags_sources(c->diags), n->span.file), name);
}

static void check_name(Check *c, const Ast *n)
{
    if (use(c, n) || in_list(c->n->builtins, n->name.name) || in_list(context_words, n->name.name)) return;
    unknown(c, n);
}

/* ---- E[x] a + x, grad[u] u[0] + u[1], after k { update D .. } a + D(x): read as (E[x] a) + x */

typedef struct Trap { Check *c; const Ast *right; const char *name; const Bound *bound; bool mean; const Ast *found; } Trap;

/* Of E[x]: the same x. Of E[x ~ p], where its own x is gone: any x but those that the right side binds. */
static bool is_trapped(const Trap *t, const Ast *n)
{
    const Bound *b = fact(&t->c->n->uses, n, NULL);
    if (t->bound || !b) return b && b == t->bound;
    return b->at.begin < t->right->span.begin || b->at.begin >= t->right->span.end;
}

/* batch_of(x) is all of the axis that E[x] averages over, and so no use of one sample of it. */
static bool opens_batch(Check *c, const Ast *n)
{
    const Ast *callee = n->kind == AST_CALL ? n->call.callee : NULL;
    return callee && callee->kind == AST_NAME && !strcmp(callee->name.name, "batch_of") && !fact(&c->n->uses, callee, NULL);
}

/* A use of the name that is no part of an E[..] or grad[..] of its own. */
static void find_use(void *trap, const Ast *n)
{
    Trap *t = trap;
    if (t->found || (t->mean && t->bound && opens_batch(t->c, n)) || n->kind == AST_GRAD || n->kind == AST_AFTER || (n->kind == AST_EXPECTATION && binds(n, t->name))) return;
    if (n->kind == AST_NAME && !strcmp(n->name.name, t->name) && is_trapped(t, n)) t->found = n;
    else ast_each_child(n, find_use, t);
}

static bool warn_behind(Check *c, const Ast *after, const Ast *found, const char *name)
{
    Diag *d = diag_warning(c->diags, found->span, W302, "%s is outside of after, which stops at + and -: here it is as it was", name);
    diag_note(d, after->span, "it ends before the sign");
    diag_hint(d, "after .. (.. + ..) takes all of it; (after ..) + .. says that this is meant");
    return true;
}

static bool warn_trap(Check *c, const Ast *open, const Ast *name, const Ast *right)
{
    Trap t = {c, right, name->name.name, bound_of(c, name), open->kind == AST_EXPECTATION, NULL};
    find_use(&t, right);
    if (!t.found) return false;
    const char *what = open->kind == AST_GRAD ? "grad" : "E";
    if (open->kind == AST_AFTER) return warn_behind(c, open, t.found, t.name);
    Diag *d = diag_warning(c->diags, t.found->span, W302, "%s is outside of %s[%s], which stops at + and -", t.name, what, t.name);
    diag_note(d, open->span, "it ends before the sign");
    diag_hint(d, "%s[%s] (... + ...) takes all of it; (%s[%s] ...) + ... says that this is meant", what, t.name, what, t.name);
    return true;
}

/* Players and states that the updates of an `after` change. */
static bool trapped_change(Check *c, const Ast *after, AstList updates, const Ast *right)
{
    bool found = false;
    for (int i = 0; i < updates.n && !found; i++) {
        const Ast *s = updates.v[i], *block = s->kind == AST_SIMULTANEOUS ? s->simultaneous.body : s->kind == AST_EXTRAGRADIENT ? s->extragradient.body : NULL;
        if (block) found = trapped_change(c, after, block->block.stmts, right);
        if (s->kind == AST_ASSIGN) found = root_of(s->assign.target) && warn_trap(c, after, root_of(s->assign.target), right);
        for (int k = 0; s->kind == AST_UPDATE && k < s->update.players.n && !found; k++)
            found = root_of(s->update.players.v[k]) && warn_trap(c, after, root_of(s->update.players.v[k]), right);
    }
    return found;
}

static bool check_trap(Check *c, const Ast *open, const Ast *right)
{
    if (open->kind == AST_AFTER) return trapped_change(c, open, open->after.updates->block.stmts, right);
    if (open->kind == AST_GRAD) {
        for (int i = 0; i < open->grad.wrt.n; i++)
            if (root_of(open->grad.wrt.v[i]) && warn_trap(c, open, root_of(open->grad.wrt.v[i]), right)) return true;
        return false;
    }
    for (int i = 0; i < open->expectation.binders.n; i++) {
        const Ast *b = open->expectation.binders.v[i];
        for (int k = 0; k < b->binder.patterns.n; k++)
            if (b->binder.patterns.v[k]->kind == AST_NAME && warn_trap(c, open, b->binder.patterns.v[k], right)) return true;
    }
    return false;
}

/* The E[..], grad[..] or after without parentheses that the sign after `left` ends, or NULL. */
static const Ast *open_at_end(const Ast *left)
{
    while (!left->parens) {
        if (left->kind == AST_EXPECTATION || left->kind == AST_GRAD || left->kind == AST_AFTER) return left;
        if (left->kind == AST_UNARY) left = left->unary.operand;
        else if (left->kind == AST_BINARY && left->binary.op >= AST_OP_ADD && left->binary.op <= AST_OP_MOD) left = left->binary.right;
        else return NULL;
    }
    return NULL;
}

/* Of a sum a + b + c: the one of the first term that has one. */
static const Ast *open_before(const Ast *left)
{
    for (;; left = left->binary.left) {
        const Ast *open = open_at_end(left);
        bool sum = left->kind == AST_BINARY && !left->parens && (left->binary.op == AST_OP_ADD || left->binary.op == AST_OP_SUB);
        if (open || !sum) return open;
    }
}

static void check_binary(Check *c, const Ast *n)
{
    bool sum = n->binary.op == AST_OP_ADD || n->binary.op == AST_OP_SUB;
    const Ast *open = sum ? open_before(n->binary.left) : NULL, *outer = c->open;
    visit(c, n->binary.left);
    if (open) c->open = open;
    visit(c, n->binary.right);
    c->open = outer;
    for (const Ast *o = open; o; o = open_at_end(o->kind == AST_GRAD ? o->grad.body : o->kind == AST_AFTER ? o->after.body : o->expectation.body))
        if (check_trap(c, o, n->binary.right)) return;
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

/* A type that may be the first to name dimensions. */
static void check_naming(Check *c, const Ast *type)
{
    bool before = c->names_dims;
    c->names_dims = true;
    check_part(c, type);
    c->names_dims = before;
}

static NameBody *body_new(Check *c, const Ast *node, const Ast *value)
{
    NameBody *b = arena_new_of(c->n->a, NameBody);
    b->node = node;
    b->outer = c->body;
    add_fact(c->n->a, &c->n->bodies, node, NULL, b);
    if (value) add_fact(c->n->a, &c->n->bodies, value, NULL, b);
    return c->body = b;
}

static void end_body(Check *c) { c->body = (NameBody *)c->body->outer; }

/* A declaration is evaluated when it is asked for: it sees the whole of the block it stands in. */
static bool is_declaration(const Ast *n)
{
    return n->kind == AST_DEFINE || n->kind == AST_LOSS || n->kind == AST_COMPARE || n->kind == AST_MEMBER || n->kind == AST_DATA;
}

static void check_stmts(Check *c, Level *p, AstList stmts)
{
    for (int i = 0; i < stmts.n; i++) {
        bool all = p->all;
        p->all = all || is_declaration(stmts.v[i]);
        visit(c, stmts.v[i]);
        p->all = all;
    }
}

static bool is_capability(const Ast *n)
{
    return n->kind == AST_MEMBER && (!strcmp(n->member.name, "sample") || !strcmp(n->member.name, "log_prob"));
}

/* The statements of a block in the scope `p`, which may hold names already. Members see each other, and are evaluated when asked for; what
 * a distribution can do is no name. */
static void check_block_in(Check *c, Level *p, const Ast *block, bool members, bool distribution)
{
    BoundList v = {0};
    AstList stmts = block->block.stmts;
    for (int i = 0; i < stmts.n; i++) {
        const Ast *s = stmts.v[i];
        int before = v.n;
        if (distribution && is_capability(s)) continue;
        add_declared(c, &v, s);
        for (; before < v.n; before++) enter(c, p, v.v[before], !is_declaration(s));
    }
    p->all = members;
    check_stmts(c, p, stmts);
}

static void within(Check *c, Level *p, const Ast *n)
{
    Level *before = c->place;
    c->place = p;
    if (n->kind == AST_BLOCK) check_block_in(c, p, n, false, false);
    else visit(c, n);
    c->place = before;
    unused_samples(c, p);
    leave(c, p);
}

/* Dimensions are named by the types of parameters that are given; those of a parameter that is drawn must be known already. */
typedef struct Dims { Check *c; Level *p; } Dims;

static void add_dims(void *dims, const Ast *n)
{
    Dims *d = dims;
    for (int i = 0; n->kind == AST_TYPE && i < n->type.dims.n; i++) {
        const Ast *dim = n->type.dims.v[i];
        if (dim->kind != AST_NAME) continue;
        bool known = false;
        for (int k = 0; k < d->p->of.n; k++) known = known || !strcmp(d->p->of.v[k]->bound->name, dim->name.name);
        Bound *b = known ? NULL : bound_new(d->c, dim->name.name, NAME_DIM, dim, dim->span);
        if (b) enter(d->c, d->p, b, false);
    }
    ast_each_child(n, add_dims, d);
}

static void enter_params(Check *c, Level *p, AstList params)
{
    for (int i = 0; i < params.n; i++) {
        Bound *b = bound_new(c, params.v[i]->param.name, NAME_PARAM, params.v[i], params.v[i]->span);
        if (b) enter(c, p, b, true);
    }
}

static void enter_dims(Check *c, Level *p, AstList params)
{
    for (int i = 0; i < params.n; i++)
        if (params.v[i]->param.type && !params.v[i]->param.draw) add_dims(&(Dims){c, p}, params.v[i]->param.type);
}

static void check_params(Check *c, const Level *p, AstList params)
{
    for (int i = 0; i < params.n; i++) {
        const Level *own = c->own;
        c->own = p;
        check_part(c, params.v[i]->param.type);
        c->own = own;
        check_part(c, params.v[i]->param.draw);
        check_part(c, params.v[i]->param.value);
        reached(c, params.v[i]);
    }
}

static void check_define(Check *c, const Ast *n)
{
    const Ast *body = n->define.body;
    AstDefine w = n->define.word;
    Level p = {0}, *before = c->place;
    body_new(c, n, body);
    enter_params(c, &p, n->define.params);
    enter_params(c, &p, n->define.params2);
    enter_dims(c, &p, n->define.params);
    enter_dims(c, &p, n->define.params2);
    c->place = &p;
    check_params(c, &p, n->define.params);
    check_params(c, &p, n->define.params2);
    bool members = w == AST_DEFINE_DISTRIBUTION || w == AST_DEFINE_BIJECTOR || w == AST_DEFINE_COMPARISON;
    if (members && body && body->kind == AST_BLOCK) check_block_in(c, &p, body, true, w != AST_DEFINE_COMPARISON);
    else check_part(c, body);
    check_naming(c, n->define.result);
    c->place = before;
    leave(c, &p);
    end_body(c);
}

static void check_function(Check *c, const Ast *n, AstList params, const Ast *body)
{
    Level p = {0}, *before = c->place;
    body_new(c, n, body);
    enter_params(c, &p, params);
    enter_dims(c, &p, params);
    c->place = &p;
    check_params(c, &p, params);
    visit(c, body);
    c->place = before;
    leave(c, &p);
    end_body(c);
}

static void check_block(Check *c, const Ast *n)
{
    Level p = {0};
    within(c, &p, n);
}

static void check_for(Check *c, const Ast *n)
{
    Level p = {0};
    BoundList v = {0};
    visit(c, n->for_.source);
    for (int i = 0; i < n->for_.carries.n; i++) visit(c, n->for_.carries.v[i]->carry.value);
    add_pattern(c, &v, n->for_.var, NAME_FOR);
    for (int i = 0; i < n->for_.carries.n; i++) add_pattern(c, &v, n->for_.carries.v[i]->carry.pattern, NAME_CARRY);
    enter_all(c, &p, &v, false);
    Level *before = c->place;
    c->place = &p;
    visit(c, n->for_.body);
    c->place = before;
    leave(c, &p);
}

static void check_sizes(Check *c, AstList binders)
{
    for (int i = 0; i < binders.n; i++) check_part(c, binders.v[i]->binder.size);
}

/* A later distribution may depend on an earlier sample. */
static void check_expectation(Check *c, const Ast *n)
{
    Level p = {0}, *before = c->place;
    BoundList v = {0};
    check_part(c, n->expectation.size);
    check_sizes(c, n->expectation.binders);
    for (int i = 0; i < n->expectation.binders.n; i++) add_drawn(c, &v, n->expectation.binders.v[i], NAME_BINDER);
    enter_all(c, &p, &v, true);
    c->place = &p;
    for (int i = 0; i < n->expectation.binders.n; i++) {
        const Ast *b = n->expectation.binders.v[i];
        if (!b->binder.dist) check_list(c, b->binder.patterns);
        check_part(c, b->binder.dist);
        reached_binder(c, b);
    }
    visit(c, n->expectation.body);
    c->place = before;
    unused_samples(c, &p);
    leave(c, &p);
}

static void check_sample(Check *c, const Ast *n)
{
    check_part(c, n->sample.size);
    check_sizes(c, n->sample.binders);
    for (int i = 0; i < n->sample.binders.n; i++) {
        check_part(c, n->sample.binders.v[i]->binder.dist);
        reached_binder(c, n->sample.binders.v[i]);
    }
}

static bool is_known(Check *c, const char *name)
{
    for (int i = 0; i < c->module->n_imports; i++)
        if (!strcmp(module_last(c->module->import[i]->name), name)) return true;
    return look_up(c, name, false) || in_list(c->n->builtins, name) || in_list(context_words, name) || names_may_lack(c->n, name);
}

/* torch.nn.Linear: what is wanted is the last name. */
static bool is_foreign(Check *c, const Ast *n)
{
    const Ast *root = root_of(n);
    const Habit *module = root && !is_known(c, root->name.name) ? habit_of(HABIT_MODULE, root->name.name) : NULL;
    if (!module) return false;
    const char *name = n->field.name, *near = nearest(c, name);
    const Habit *word = habit_of(HABIT_WORD, name), *h = word ? word : habit_of(HABIT_MEMBER, name);
    Diag *d = diag_error(c->diags, root->span, E100, "%s is not declared", root->name.name);
    if (!h && ((near && names_alike(near, name)) || names_library_like(c->n->find, c->n->library, name, (char[64]){0})))
        names_hint(d, c->n->find, c->n->library, name, near);
    else habit_hint(d, h ? h : module);
    return true;
}

/* The module that the file imports and that declares the name; NULL: none. */
static const Module *imported_with(const Check *c, const char *name)
{
    for (int i = 0; i < c->module->n_imports; i++)
        if (module_has(c->n, c->module->import[i], name)) return c->module->import[i];
    return NULL;
}

static void no_member(Check *c, const Ast *n, const Module *m)
{
    const Top *t = top_of(c->n, m);
    const char *near = NULL, *all = nearest(c, n->field.name);
    int distance = names_reach(n->field.name);
    Diag *d = diag_error(c->diags, n->field.name_span, E100, "the module %s has no %s", m->name, n->field.name);
    const Module *other = imported_with(c, n->field.name);
    if (other || (all && !strcmp(all, n->field.name))) {
        if (other) diag_hint(d, "it is in %s: %s.%s, or %s alone", other->name, module_last(other->name), n->field.name, n->field.name);
        else diag_hint(d, "%s stands without a module", n->field.name);
        return;
    }
    for (int i = 0; t && i < t->of.n; i++) names_nearer(t->of.v[i]->name, n->field.name, &near, &distance);
    names_hint(d, c->n->find, c->n->library, n->field.name, near ? near : all && names_alike(all, n->field.name) ? all : NULL);
}

/* module.name */
static void check_field(Check *c, const Ast *n)
{
    const Ast *o = n->field.object;
    if (is_foreign(c, n)) return;
    for (int i = 0; o->kind == AST_NAME && i < c->module->n_imports; i++) {
        const Module *m = c->module->import[i];
        if (strcmp(module_last(m->name), o->name.name) || look_up(c, o->name.name, true)) continue;
        if (!module_has(c->n, m, n->field.name) && !names_may_lack(c->n, n->field.name))
            no_member(c, n, m);
        return;
    }
    visit(c, o);
}

static void check_grad(Check *c, const Ast *n)
{
    check_list(c, n->grad.wrt);
    for (int i = 0; i < n->grad.wrt.n; i++) {
        Bound *b = bound_of(c, root_of(n->grad.wrt.v[i]));
        if (b) b->differentiated = true;
    }
    visit(c, n->grad.body);
}

static void check_assign(Check *c, const Ast *n)
{
    visit(c, n->assign.target);
    visit(c, n->assign.value);
    Bound *b = bound_of(c, root_of(n->assign.target));
    if (!b) return;
    b->assigned = true;
    b->assigned_by_code |= c->body != NULL;
}

static void check_dim(Check *c, const Ast *dim)
{
    c->callee = dim;
    if (use(c, dim) || !c->names_dims) return;
    Bound *b = bound_new(c, dim->name.name, NAME_DIM, dim, dim->span);
    if (b) enter(c, c->place, b, false);
}

static void check_type(Check *c, const Ast *n)
{
    check_part(c, n->type.range);
    for (int i = 0; i < n->type.dims.n; i++)
        if (n->type.dims.v[i]->kind == AST_NAME) check_dim(c, n->type.dims.v[i]);
        else visit(c, n->type.dims.v[i]);
}

static void check_call(Check *c, const Ast *n)
{
    c->callee = n->call.callee;
    visit(c, n->call.callee);
    check_list(c, n->call.args);
}

static void check_pipe(Check *c, const Ast *n)
{
    visit(c, n->pipe.left);
    c->callee = n->pipe.right;
    visit(c, n->pipe.right);
}

/* (D: e): D may be a player, whose e then is. */
static void check_record(Check *c, const Ast *n)
{
    for (int i = 0; i < n->record.fields.n; i++) {
        const Ast *f = n->record.fields.v[i];
        const Entry *e = look_up(c, f->arg.name, true);
        if (e) add_fact(c->n->a, &c->n->uses, f, NULL, e->bound);
        visit(c, f->arg.value);
    }
}

static void check_valued(Check *c, const Ast *n, const Ast *value)
{
    body_new(c, n, value);
    ast_each_child(n, visit, c);
    end_body(c);
}

static void check_slot(Check *c, const Ast *n, const Ast *type, const Ast *draw, const Ast *value)
{
    check_part(c, type);
    check_part(c, draw);
    check_part(c, value);
    reached(c, n);
}

/* Of a file or among members it may be evaluated when it is asked for. */
static void check_let(Check *c, const Ast *n)
{
    bool body = c->place->all;
    check_naming(c, n->let.type);
    if (body) body_new(c, n, n->let.value);
    visit(c, n->let.value);
    if (body) end_body(c);
    reached(c, n->let.pattern);
}

static void visit(void *check, const Ast *n)
{
    Check *c = check;
    switch (n->kind) {
    case AST_NAME: check_name(c, n); return;
    case AST_FIELD: check_field(c, n); return;
    case AST_BINARY: check_binary(c, n); return;
    case AST_GRAD: check_grad(c, n); return;
    case AST_CALL: check_call(c, n); return;
    case AST_ARG:
        if (!n->arg.all) visit(c, n->arg.value);            /* all is no name there */
        return;
    case AST_PIPE: check_pipe(c, n); return;
    case AST_RECORD: check_record(c, n); return;
    case AST_ASSIGN: check_assign(c, n); return;
    case AST_DEFINE: check_define(c, n); return;
    case AST_MEMBER: check_function(c, n, n->member.params, n->member.value); return;
    case AST_FN: check_function(c, n, n->fn.params, n->fn.body); return;
    case AST_BLOCK: check_block(c, n); return;
    case AST_FOR: check_for(c, n); return;
    case AST_EXPECTATION: check_expectation(c, n); return;
    case AST_TYPE: check_type(c, n); return;
    case AST_LOSS: check_valued(c, n, n->loss.value); return;
    case AST_COMPARE: check_valued(c, n, NULL); return;
    case AST_LET: check_let(c, n); return;
    case AST_DATA:
        body_new(c, n, NULL);
        check_naming(c, n->data.type);
        visit(c, n->data.value);
        end_body(c);
        return;
    case AST_PARAMETER: check_slot(c, n, n->parameter.type, n->parameter.draw, n->parameter.value); return;
    case AST_STATE: check_slot(c, n, n->state.type, n->state.draw, n->state.value); return;
    case AST_SAMPLE: check_sample(c, n); return;
    case AST_BROKEN:
        for (int i = 0; i < n->broken.names.n; i++) reached(c, n->broken.names.v[i]);
        return;
    default: ast_each_child(n, visit, c);
    }
}

/* ---- files */

/* Reports are names of the whole file, from the line on that makes them. */
typedef struct Reports { Check *c; BoundList *out; } Reports;

static void add_reports(void *reports, const Ast *n)
{
    Reports *r = reports;
    if (n->kind == AST_REPORT) add(r->c, r->out, n->report.name, NAME_REPORT, n, n->report.name_span);
    ast_each_child(n, add_reports, r);
}

static Top *top_new(Check *c, const Module *m)
{
    Top *t = arena_new_of(c->n->a, Top);
    BoundList v = {0};
    t->module = m;
    for (int i = 0; i < m->ast->file.stmts.n; i++) add_declared(c, &v, m->ast->file.stmts.v[i]);
    for (int i = 0; i < v.n; i++) array_push(c->n->a, &t->of, v.v[i]);
    array_push(c->n->a, &c->n->tops, t);
    return t;
}

static void enter_top(Check *c, Level *p, const Module *m)
{
    const Top *t = m ? top_of(c->n, m) : NULL;
    for (int i = 0; t && i < t->of.n; i++) enter(c, p, t->of.v[i], false);
}

/* The main file's reports stand before all other names, which are meant where both are; who asks for reports, asks by name. */
static void enter_file(Check *c, Level *p, const Module *m)
{
    p->all = true;
    BoundList reports = {0};
    if (m == c->n->modules->main && m->ast) add_reports(&(Reports){c, &reports}, m->ast);
    enter_all(c, p, &reports, false);
    enter_top(c, p, c->n->modules->prelude == m ? NULL : c->n->modules->prelude);
    for (int i = 0; i < m->n_imports; i++) enter_top(c, p, m->import[i]);
    enter_top(c, p, m);
    c->module = m;
    c->place = p;
}

static void check_module(Check *c, const Module *m)
{
    Level p = {0};
    c->module = m;
    top_new(c, m);
    enter_file(c, &p, m);
    check_list(c, m->ast->file.stmts);
    if (m == c->n->modules->main) unused_samples(c, &p);
    leave(c, &p);
}

Names *names_check(Arena *a, const Modules *m, const char *const *builtins, StdlibFind *find, const char *const *library,
                   Diags *diags)
{
    Names *n = arena_new_of(a, Names);
    n->a = a;
    n->modules = m;
    n->builtins = builtins;
    n->find = find;
    n->library = library;
    Check c = {.n = n, .diags = diags};
    find_lacks(n);
    for (int i = 0; i < m->all.n; i++)
        if (m->all.v[i]->ast) check_module(&c, m->all.v[i]);
    tell_unused(&c);
    return n;
}

void names_expression(Names *n, const Ast *e, const Bound *const *inner, int n_inner, int n_late, Diags *diags)
{
    Level p = {0}, block = {0};
    Check c = {.n = n, .diags = diags};
    enter_file(&c, &p, n->modules->main);
    for (int i = 0; i < n_inner + n_late; i++) enter(&c, &block, (Bound *)inner[i], i >= n_inner);
    visit(&c, e);
    leave(&c, &block);
    leave(&c, &p);
    tell_unused(&c);
}

/* ---- asking */

const Bound *names_use(const Names *n, const Ast *name) { return fact(&n->uses, name, NULL); }
const Bound *names_bound(const Names *n, const Ast *binding) { return fact(&n->bounds, binding, NULL); }
const NameBody *names_body(const Names *n, const Ast *node) { return fact(&n->bodies, node, NULL); }
