/* cmd_doc.c - `gan doc`: the library's modules and definitions, built-in functions, what those things must be that users write, and
 * the codes of diagnostics. What is said stands elsewhere: in the comments of stdlib/, in docs/contracts.md and docs/language.md, in codes.def. */
#include "compiler/driver/doc_search.h"
#include "compiler/driver/library_doc.h"
#include "compiler/session/session.h"
#include "compiler/driver/texts.h"
#include "lang/syntax/parse.h"
#include "stdlib/stdlib.h"

#include <string.h>

static const struct { const char *name, *args; } builtins[] = {
#define UNARY(name, row)                     {#name, "x"},
#define BUILTIN(name, least, most, pipe, args) {#name, args},
#include "compiler/lower/eval/builtins.def"
#undef UNARY
#undef BUILTIN
};

typedef struct Docs {
    const Options *o;
    Arena         *a;
    Sources       *sources;
    Diags         *diags;
    ARRAY(DocModule) modules;
} Docs;

/* ---- sections of a page ------------------------------------------------------------------------------------------------ */

/* The text below the heading "## NAME", to the next one; NULL: there is none. */
static const char *section(const char *page, const char *name, size_t *n)
{
    size_t k = strlen(name);
    for (const char *s = strstr(page, "\n## "); s; s = strstr(s + 1, "\n## ")) {
        const char *title = s + strlen("\n## ");
        if (strncmp(title, name, k) || title[k] != '\n') continue;
        const char *text = title + k + 1, *end = strstr(text, "\n## ");
        *n = end ? (size_t)(end - text) + 1 : strlen(text);
        return text;
    }
    return NULL;
}

static void list_sections(const char *page, Text *out)
{
    bool any = false;
    for (const char *s = strstr(page, "\n## "); s; s = strstr(s + 1, "\n## ")) {
        const char *title = s + strlen("\n## ");
        text_add(out, any ? ", " : "  ");
        text_addn(out, title, strcspn(title, "\n"));
        any = true;
    }
    text_add(out, "\n");
}

/* ---- built-in functions: rows of the table in docs/language.md ------------------------------------------------------------ */

static void add_arguments(Text *out, const char *args)
{
    if (!*args) text_add(out, "..");
    for (; *args; args++) text_add(out, *args == ' ' ? ", " : (char[]){*args, 0});
}

/* Is `name` a word of the line? */
static bool mentions(const char *line, size_t n, const char *name)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t            k = strlen(name);
    for (size_t i = 0; i + k <= n; i++)
        if (!strncmp(line + i, name, k) && (i == 0 || !strchr(word, line[i - 1])) && (i + k == n || !strchr(word, line[i + k]))) return true;
    return false;
}

static void add_builtin(const char *name, const char *args, Text *out)
{
    size_t      n = 0;
    const char *text = section(texts_find("language.md"), "8. Built-in names", &n);
    text_printf(out, "%s(", name);
    add_arguments(out, args);
    text_add(out, "), built in\n");
    for (const char *s = text, *end; s && s < text + n; s = end + 1) {
        end = s + strcspn(s, "\n");
        if (*s != '|' || !mentions(s, (size_t)(end - s), name)) continue;
        text_add(out, "\n  ");
        text_addn(out, s + strspn(s, "| "), (size_t)(end - s) - strspn(s, "| ") - 2);
        text_add(out, "\n");
    }
}

/* ---- finding ----------------------------------------------------------------------------------------------------------- */

static bool load(Docs *d, const char *name, const SourceFile *f, bool library)
{
    const Ast *ast = f ? parse_file(d->a, f, d->diags) : NULL;
    if (ast) array_push(d->a, &d->modules, ((DocModule){name, f, ast, library}));
    return ast != NULL;
}

static void load_library(Docs *d)
{
    for (int i = 0; stdlib_names[i]; i++) {
        size_t      n;
        const char *text = stdlib_find(stdlib_names[i], &n);
        load(d, stdlib_names[i], source_add(d->sources, stdlib_names[i], text, n), true);
    }
}

static const DocModule *module_named(const Docs *d, const char *name, size_t n)
{
    for (int i = 0; i < d->modules.n; i++)
        if (strlen(d->modules.v[i].name) == n && !strncmp(d->modules.v[i].name, name, n)) return &d->modules.v[i];
    return NULL;
}

/* Lines of docs/examples.md whose comment names it. */
static void add_examples(const char *name, Text *out)
{
    bool any = false;
    for (const char *s = texts_find("examples.md"), *end; *s; s = end + 1) {
        end = s + strcspn(s, "\n");
        const char *sign = memchr(s, '#', (size_t)(end - s)), *code = s + strspn(s, " ");
        if (!sign || sign == s || !mentions(sign, (size_t)(end - sign), name)) continue;
        while (sign > code && sign[-1] == ' ') sign--;
        text_printf(out, "%s    %.*s\n", any ? "" : "\nexample:\n", (int)(sign - code), code);
        any = true;
    }
}

/* Definitions of that name, of one module or of all. How many. */
static int add_definitions(const Docs *d, const DocModule *only, const char *name, Text *out)
{
    int found = 0;
    for (int i = 0; i < d->modules.n; i++) {
        const DocModule *m = &d->modules.v[i];
        for (int k = 0; (!only || only == m) && k < m->ast->file.stmts.n; k++) {
            const char *called = doc_name(m->ast->file.stmts.v[k]);
            if (!called || strcmp(called, name)) continue;
            if (found++) text_add(out, "\n");
            doc_definition(m, m->ast->file.stmts.v[k], out);
            if (m->library) add_examples(name, out);
        }
    }
    return found;
}

static bool add_contract(const char *name, Text *out)
{
    size_t      n;
    const char *text = section(texts_find("contracts.md"), name, &n);
    if (!text) return false;
    text_printf(out, "%s: what it must be\n", name);
    text_addn(out, text, n);
    return true;
}

/* All that goes by the name. */
static bool add_page(Docs *d, const char *name, Text *out)
{
    const char      *dot = strchr(name, '.');
    const DocModule *m = module_named(d, name, strlen(name)), *of = dot ? module_named(d, name, (size_t)(dot - name)) : NULL;
    DiagCode         code = diag_code_named(name);
    int              found = 0;
    if (code != DIAG_NO_CODE) text_printf(out, "%s: %s\n%s\n", name, diag_code_title(code), diag_code_about(code)), found++;
    if (m) doc_module(m, out), found++;
    found += add_contract(name, out);
    found += add_definitions(d, of, of ? dot + 1 : name, out);
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        if (!strcmp(builtins[i].name, name)) add_builtin(name, builtins[i].args, out), found++;
    return found > 0;
}

/* Nothing goes by the name: what speaks of it. */
static bool add_search(const Docs *d, const char *word, Text *out)
{
    text_printf(out, "nothing is called %s; these speak of it:\n", word);
    return doc_search(d->modules.v, d->modules.n, word, out) > 0;
}

static void add_overview(const Docs *d, Text *out)
{
    text_add(out, "modules (gan doc MODULE lists what is in one):\n");
    for (int i = 0; i < d->modules.n; i++) doc_module_line(&d->modules.v[i], out);
    text_add(out, "\nwhat must be true of what you write (gan doc NAME):\n");
    list_sections(texts_find("contracts.md"), out);
    text_add(out, "\nbuilt in (gan doc NAME):\n ");
    int column = 1;
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
        if (column + 1 + (int)strlen(builtins[i].name) > 100) text_add(out, "\n "), column = 1;
        text_add(out, " ");
        text_add(out, builtins[i].name);
        column += 1 + (int)strlen(builtins[i].name);
    }
    text_add(out, "\n");
}

/* A file's definitions are shown as a module's are. */
static bool add_file(Docs *d, const char *path, Text *out)
{
    bool ok = load(d, path, source_read(d->sources, path, SPAN_NONE, d->diags), false);
    session_print(d->o, d->diags);
    if (ok) doc_module(&d->modules.v[--d->modules.n], out);
    return ok;
}

static bool is_file(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && !strcmp(name + n - 4, ".gan");
}

static int show(Docs *d, const char *name)
{
    Text out = text_in(d->a);
    if (is_file(name) ? !add_file(d, name, &out) : !add_page(d, name, &out) && !add_search(d, name, &out))
        return is_file(name) ? EXIT_WRONG_PROGRAM : say_wrong(&d->o->run, "nothing is called %s, and nothing speaks of it: no module, definition, built-in function, system or code (gan doc lists them)", name);
    fputs(text_str(&out), stdout);
    return EXIT_DONE;
}

int cmd_doc(const Options *o)
{
    Arena *a = arena_new();
    Docs   d = {.o = o, .a = a, .sources = sources_new(a)};
    int    worst = EXIT_DONE;
    d.diags = diags_new(d.sources);
    load_library(&d);
    if (!o->run.n_operands) {
        Text out = text_in(a);
        add_overview(&d, &out);
        fputs(text_str(&out), stdout);
    }
    for (int i = 0; i < o->run.n_operands; i++) {
        int status = show(&d, o->run.operands[i]);
        if (status != EXIT_DONE) worst = status;
    }
    arena_free(a);
    return worst;
}
