/* module.c - see module.h. Depth first, so that what is imported comes before what imports it. */
#include "lang/check/module.h"

#include "lang/check/names.h"
#include "lang/source/habits.h"
#include "lang/syntax/parse.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { IMPORTS_DEEP = 100 };

typedef struct Loader {
    Arena      *a;
    Sources    *sources;
    Diags      *diags;
    const char *folder;
    StdlibFind *find;
    const char *const *library;
    Modules    *out;
    ARRAY(Module *) busy;                                   /* being loaded: a name found here again is a cycle */
    bool        failed;
} Loader;

static Module *named(Module *const *v, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(v[i]->name, name)) return v[i];
    return NULL;
}

static void cyclic(Loader *l, const char *name, Span at)
{
    Text t = text_in(l->a);
    for (int i = 0; i < l->busy.n; i++)
        text_printf(&t, "%s -> ", *l->busy.v[i]->name ? l->busy.v[i]->name : "this file");
    Diag *d = diag_error(l->diags, at, E105, "%s imports itself", name);
    diag_label(d, "%s%s", text_str(&t), name);
    l->failed = true;
}

/* mine.parts is mine/parts.gan beside the program. */
static const char *module_path(Loader *l, const char *name)
{
    bool here = !l->folder || !*l->folder;
    char *path = here ? arena_printf(l->a, "%s.gan", name) : arena_printf(l->a, "%s/%s.gan", l->folder, name);
    for (char *p = path + (here ? 0 : strlen(l->folder)), *end = path + strlen(path) - 4; p < end; p++)
        if (*p == '.') *p = '/';
    return path;
}

/* Neither in the library nor beside the program. */
static const SourceFile *no_module(Loader *l, const char *name, Span at)
{
    const Habit *h = habit_of(HABIT_MODULE, arena_strn(l->a, name, strcspn(name, ".")));
    const char *best = NULL;
    int distance = names_reach(name);
    Text all = text_in(l->a);
    for (int i = 0; l->library[i]; i++) {
        names_nearer(l->library[i], name, &best, &distance);
        if (strcmp(l->library[i], "prelude")) text_printf(&all, "%s%s", all.n ? ", " : "", l->library[i]);
    }
    Diag *d = diag_error(l->diags, at, E001, "there is no module %s: the library has none, and %s is not there", name, module_path(l, name));
    if (h) habit_hint(d, h);
    else if (best) diag_hint(d, "did you mean %s?", best);
    else diag_hint(d, "the library has %s", text_str(&all));
    return NULL;
}

/* Does the file declare things, and nothing else? A program beside this one is not meant by an import. */
static bool only_declares(const char *path)
{
    Arena   *a = arena_new();
    Sources *s = sources_new(a);
    Diags   *unheard = diags_new(s);
    const SourceFile *f = source_read(s, path, SPAN_NONE, unheard);
    const Ast *file = f ? parse_what_fits(a, f, unheard) : NULL;
    bool all = file && file->file.stmts.n;
    for (int i = 0; all && i < file->file.stmts.n; i++) {
        AstKind k = file->file.stmts.v[i]->kind;
        all = k == AST_IMPORT || k == AST_LET || k == AST_DATA || k == AST_DEFINE || k == AST_LOSS || k == AST_COMPARE;
    }
    arena_free(a);
    return all;
}

/* A module beside the program that is called as one of the library is. */
static void warn_hidden(Loader *l, const char *name, Span at)
{
    const char *path = module_path(l, name);
    if (access(path, F_OK) || !only_declares(path)) return;
    Diag *d = diag_warning(l->diags, at, W105, "this is the library's %s, and not the file %s", name, path);
    diag_hint(d, "a module of one's own needs a name that the library does not have, such as my_%s", name);
}

static const SourceFile *module_source(Loader *l, const char *name, bool library, Span at)
{
    size_t n = 0;
    const char *text = library ? l->find(name, &n) : NULL;
    if (!text && access(module_path(l, name), F_OK)) return no_module(l, name, at);
    return text ? source_add_library(l->sources, arena_printf(l->a, "<%s>", name), text, n)
                : source_read(l->sources, module_path(l, name), at, l->diags);
}

static Module *load(Loader *l, const char *name, Span at);

static void load_imports(Loader *l, Module *m)
{
    ARRAY(Module *) imports = {0};
    for (int i = 0; m->ast && i < m->ast->file.stmts.n; i++) {
        const Ast *s = m->ast->file.stmts.v[i];
        for (int k = 0; s->kind == AST_IMPORT && k < s->import.modules.n; k++) {
            const Ast *what = s->import.modules.v[k];
            bool first = !named(l->out->all.v, l->out->all.n, what->module.name);
            Module *one = load(l, what->module.name, what->span);
            if (one && one->library && first && !m->library) warn_hidden(l, one->name, what->span);
            if (one && !named(imports.v, imports.n, one->name)) array_push(l->a, &imports, one);
        }
    }
    m->import = imports.v;
    m->n_imports = imports.n;
}

static void parse(Loader *l, Module *m)
{
    if (m->file) m->ast = parse_what_fits(l->a, m->file, l->diags);
    load_imports(l, m);
    array_push(l->a, &l->out->all, m);
}

static bool may_load(Loader *l, const char *name, Span at)
{
    if (named(l->busy.v, l->busy.n, name)) return cyclic(l, name, at), false;
    if (l->busy.n < IMPORTS_DEEP) return true;
    diag_error(l->diags, at, E105, "imports go more than %d files deep", IMPORTS_DEEP);
    return l->failed = true, false;
}

static Module *load(Loader *l, const char *name, Span at)
{
    Module *m = named(l->out->all.v, l->out->all.n, name);
    if (m) return m;
    if (!may_load(l, name, at)) return NULL;
    m = arena_new_of(l->a, Module);
    m->name = name;
    m->library = l->find(name, NULL) != NULL;
    m->file = module_source(l, name, m->library, at);
    array_push(l->a, &l->busy, m);
    parse(l, m);
    l->busy.n--;
    return m;
}

/* An empty main file that imports the whole library. */
static void whole_library(Loader *l, Module *main, const char *const *names)
{
    ARRAY(Module *) imports = {0};
    for (int i = 0; names[i]; i++) {
        Module *m = load(l, names[i], SPAN_NONE);
        if (m && m != l->out->prelude) array_push(l->a, &imports, m);
    }
    main->import = imports.v;
    main->n_imports = imports.n;
    array_push(l->a, &l->out->all, main);
}

bool modules_load(Sources *s, const SourceFile *file, const char *folder, StdlibFind *find, const char *const *names,
                  Diags *diags, Modules *out)
{
    Loader l = {.a = sources_arena(s), .sources = s, .diags = diags, .folder = folder, .find = find, .library = names, .out = out};
    *out = (Modules){0};
    out->prelude = load(&l, "prelude", SPAN_NONE);
    out->main = arena_new_of(l.a, Module);
    out->main->name = "";
    out->main->file = file;
    array_push(l.a, &l.busy, out->main);
    if (file) parse(&l, out->main);
    else whole_library(&l, out->main, names);
    return !l.failed && (!file || out->main->ast);
}
