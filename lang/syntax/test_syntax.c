/* The grammar on every construct of the language, whole messages for what is wrong, and hostile texts. Programs and the trees
 * they must give are in testdata; GAN_UPDATE=1 rewrites the trees that are there. */
#include "lang/source/habits.h"
#include "lang/syntax/parse.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Arena            *arena;
    Sources          *sources;
    Diags            *diags;
    const SourceFile *f;
    Ast              *tree;
} Parsed;

typedef enum { AS_FILE, AS_EXPRESSION, AS_ENTRY } Mode;

static Parsed parse_bytes(const char *text, size_t n, Mode mode)
{
    Arena  *a = arena_new();
    Sources *s = sources_new(a);
    Parsed  p = {a, s, diags_new(s), source_add(s, "t.gan", text, n), NULL};
    p.tree = mode == AS_EXPRESSION ? parse_expression(a, p.f, p.diags) : mode == AS_ENTRY ? parse_entry(a, p.f, p.diags, NULL) : parse_file(a, p.f, p.diags);
    cr_assert_eq(p.tree == NULL, diags_failed(p.diags), "a tree or an error, never both or neither: %.100s", text);
    return p;
}

static Parsed parse_text(const char *text) { return parse_bytes(text, strlen(text), AS_FILE); }

static const char *messages(const Parsed *p)
{
    Text out = text_in(p->arena);
    diags_print_text(p->diags, &out, false);
    return text_str(&out);
}

static const char *dump(const Parsed *p)
{
    Text out = text_in(p->arena);
    if (p->tree) ast_print(p->tree, p->f, &out);
    return text_str(&out);
}

/* ---- shape of expressions: every operator in brackets */

static void show(Text *out, const Ast *n);

static void show_list(Text *out, const char *open, AstList l, const char *close)
{
    text_add(out, open);
    for (int i = 0; i < l.n; i++) {
        if (i) text_add(out, ", ");
        show(out, l.v[i]);
    }
    text_add(out, close);
}

static void show_prefix(Text *out, const char *what, AstList l, const Ast *body)
{
    text_printf(out, "(%s", what);
    show_list(out, "[", l, "] ");
    show(out, body);
    text_add(out, ")");
}

static void show_pair(Text *out, const Ast *a, const char *op, const Ast *b)
{
    text_add(out, "(");
    if (a) show(out, a);
    text_printf(out, "%s%s%s", a ? " " : "", op, a ? " " : "");
    show(out, b);
    text_add(out, ")");
}

static void show(Text *out, const Ast *n)
{
    switch ((AstKind)n->kind) {
    case AST_NUMBER: text_add(out, n->number.text); break;
    case AST_NAME: text_add(out, n->name.name); break;
    case AST_BOOL: text_add(out, n->boolean.value ? "true" : "false"); break;
    case AST_UNARY: show_pair(out, NULL, n->unary.op == AST_OP_NOT ? "not " : "-", n->unary.operand); break;
    case AST_BINARY: show_pair(out, n->binary.left, AstOp_name(n->binary.op), n->binary.right); break;
    case AST_PIPE: show_pair(out, n->pipe.left, "|>", n->pipe.right); break;
    case AST_FN: show_prefix(out, "fn", n->fn.params, n->fn.body); break;
    case AST_PARAM: text_add(out, n->param.name); break;
    case AST_EXPECTATION: show_prefix(out, "E", n->expectation.binders, n->expectation.body); break;
    case AST_GRAD: show_prefix(out, "grad", n->grad.wrt, n->grad.body); break;
    case AST_AFTER: show_prefix(out, "after", (AstList){0}, n->after.body); break;
    case AST_BINDER:
        show_list(out, "", n->binder.patterns, n->binder.dist ? "~" : "");
        if (n->binder.dist) show(out, n->binder.dist);
        break;
    case AST_CALL:
        show(out, n->call.callee);
        show_list(out, "(", n->call.args, ")");
        break;
    case AST_ARG:
        if (n->arg.name) text_printf(out, "%s: ", n->arg.name);
        show(out, n->arg.value);
        break;
    case AST_INDEX:
        show(out, n->index.object);
        show_list(out, "[", n->index.items, "]");
        break;
    case AST_RANGE:
        if (n->range.from) show(out, n->range.from);
        text_add(out, "..");
        if (n->range.to) show(out, n->range.to);
        break;
    case AST_FIELD:
        show(out, n->field.object);
        text_printf(out, ".%s", n->field.name);
        break;
    case AST_PRIME:
        show(out, n->prime.function);
        for (int i = 0; i < n->prime.order; i++) text_add(out, "'");
        break;
    case AST_TUPLE: show_list(out, "<", n->tuple.items, ">"); break;
    case AST_RECORD: show_list(out, "<", n->record.fields, ">"); break;
    case AST_LIST: show_list(out, "[", n->list.items, "]"); break;
    case AST_BLOCK: show_list(out, "{", n->block.stmts, "}"); break;
    default: text_add(out, ast_kind_name(n->kind));
    }
}

Test(syntax, precedence)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"a + b * c - d", "((a + (b * c)) - d)"},
        {"a - b - c / d / e", "((a - b) - ((c / d) / e))"},
        {"-x^2", "(-(x ^ 2))"},
        {"2^-x^3", "(2 ^ (-(x ^ 3)))"},
        {"2^3^4", "(2 ^ (3 ^ 4))"},
        {"p^[n, m]", "(p ^ [n, m])"},
        {"-a * b", "((-a) * b)"},
        {"a @ b % c", "((a @ b) % c)"},
        {"not a < b and c or d", "(((not (a < b)) and c) or d)"},
        {"not not a", "(not (not a))"},
        {"a == b or c != d", "((a == b) or (c != d))"},
        {"(a < b) == (c >= d)", "((a < b) == (c >= d))"},
        {"x |> f |> g(1) or h", "((x |> f) |> (g(1) or h))"},
        {"fn(x) x |> f", "(fn[x] (x |> f))"},
        {"x |> fn(y) y + 1", "(x |> (fn[y] (y + 1)))"},
        {"fn(x) fn(y) x", "(fn[x] (fn[y] x))"},
        {"fn() 1", "(fn[] 1)"},
        {"E[x ~ p] a * b + c", "((E[x~p] (a * b)) + c)"},
        {"2 * E[x ~ p] a * b - c", "((2 * (E[x~p] (a * b))) - c)"},
        {"-E[x ~ q] f(x) + g", "((-(E[x~q] f(x))) + g)"},
        {"-E[x ~ q] f(x) * g", "(-(E[x~q] (f(x) * g)))"},
        {"E[x ~ p] E[y ~ q] k(x, y) / 2", "(E[x~p] (E[y~q] (k(x, y) / 2)))"},
        {"E[x ~ p] x < 3", "((E[x~p] x) < 3)"},
        {"E[x ~ p] x |> f", "((E[x~p] x) |> f)"},
        {"E[x ~ p, y ~ q] k", "(E[x~p, y~q] k)"},
        {"E[x, y ~ p] k", "(E[x, y~p] k)"},
        {"E[a ~ p, x, y ~ q, z] k", "(E[a~p, x, y~q, z] k)"},
        {"E[(x, (y, z)) ~ p] k", "(E[<x, <y, z>>~p] k)"},
        {"E[x] { x }", "(E[x] {x})"},
        {"E [x] x", "(E[x] x)"},
        {"E\t[x ~ a |> map(f) : 2 * n] x", "(E[x~(a |> map(f))] x)"},
        {"grad[x] D(x)^2 + 1", "((grad[x] (D(x) ^ 2)) + 1)"},
        {"grad[G, D.w] 0.5 * norm2(xi)", "(grad[G, D.w] (0.5 * norm2(xi)))"},
        {"grad[v] dot(u, grad[G, D] dot(xi, v))", "(grad[v] dot(u, (grad[G, D] dot(xi, v))))"},
        {"after 5 { update D minimize a with b } e * 2 + 1", "((after[] (e * 2)) + 1)"},
        {"f'(r)", "f'(r)"},
        {"f''(r) * f'", "(f''(r) * f')"},
        {"(fn(u) u)'(3) + c.f'(1)", "((fn[u] u)'(3) + c.f'(1))"},
        {"a[1.., 0][..][..3][0..n - 1]", "a[1.., 0][..][..3][0..(n - 1)]"},
        {"f(x, n: 3)(y).z[2]", "f(x, n: 3)(y).z[2]"},
        {"f(0..n, r: 1..2,)", "f(0..n, r: 1..2)"},
        {"(a)", "a"},
        {"(a, b,)", "<a, b>"},
        {"(x: a, y: (1, 2))", "<x: a, y: <1, 2>>"},
        {"(G: grad[G] l)", "<G: (grad[G] l)>"},
        {"[[2, 0.5], [],]", "[[2, 0.5], []]"},
        {"0..n", "0..n"},
        {"x.let.E[0].grad[1].data.with", "x.let.E[0].grad[1].data.with"},
        {"where + minimize * into(by: when, from: batch)", "(where + (minimize * into(by: when, from: batch)))"},
        {"data |> state(loss: stop(x)) |> net", "((data |> state(loss: stop(x))) |> net)"},
        {"λ₁ * ∇x", NULL},
        {"λ₁ * μ_σ", "(λ₁ * μ_σ)"},
        {"e\u0301 + \u00e9", "(\u00e9 + \u00e9)"},                     /* one name in two spellings */
        {"(\n a\n + b\n)", "(a + b)"},
        {"a +\n b", "(a + b)"},
        {"a\n |> f\n # between\n\n |> g", "((a |> f) |> g)"},
        {"E[x ~ p]\n  f(x)", "(E[x~p] f(x))"},
        {"fn(x)\n  x", "(fn[x] x)"},
        {"f(fn(x) {\n let y = x\n y\n})", "f((fn[x] {let, y}))"},
        {"1\n", "1"},
        {"\n\n;1;\n", "1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Parsed p = parse_bytes(rows[i].text, strlen(rows[i].text), AS_EXPRESSION);
        Text   out = text_in(p.arena);
        if (p.tree) show(&out, p.tree);
        if (rows[i].want)
            cr_expect(p.tree && strcmp(text_str(&out), rows[i].want) == 0, "%s\ngave %s\n%s", rows[i].text, text_str(&out), messages(&p));
        else
            cr_expect_null(p.tree, "%s", rows[i].text);
        arena_free(p.arena);
    }
}

Test(syntax, numbers_and_strings)
{
    static const struct {
        const char *text;
        bool        is_int;
        int64_t     integer;
        double      value;
    } rows[] = {
        {"0", true, 0, 0},           {"25_000", true, 25000, 25000},       {"1e-4", false, 0, 1e-4},  {"2.5E+3", false, 0, 2500},
        {"0.1", false, 0, 0.1},      {"9223372036854775807", true, INT64_MAX, 9223372036854775807.0}, {"1_0.2_5e1_0", false, 0, 10.25e10},
        {"0e-999", false, 0, 0},     {"5e-324", false, 0, 5e-324},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Parsed p = parse_bytes(rows[i].text, strlen(rows[i].text), AS_EXPRESSION);
        cr_assert(p.tree && p.tree->kind == AST_NUMBER, "%s", rows[i].text);
        cr_expect(p.tree->number.is_int == rows[i].is_int && p.tree->number.integer == rows[i].integer, "%s", rows[i].text);
        cr_expect(p.tree->number.value == rows[i].value && strcmp(p.tree->number.text, rows[i].text) == 0, "%s", rows[i].text);
        arena_free(p.arena);
    }
    const char *text = "\"a \\\"b\\\" \\\\ \\n\\t # no comment \\u{3b1}\\u{1F600}\"";
    Parsed      p = parse_bytes(text, strlen(text), AS_EXPRESSION);
    cr_assert(p.tree && p.tree->kind == AST_STRING);
    cr_expect_str_eq(p.tree->string.text, "a \"b\" \\ \n\t # no comment α😀");
    arena_free(p.arena);
}

/* ---- programs */

static char *read_text(Arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    Text   t = text_in(a);
    char   buf[4096];
    size_t n;
    while ((n = fread(buf, 1, sizeof buf, f)) > 0) text_addn(&t, buf, n);
    fclose(f);
    return text_str(&t);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    cr_assert(f, "%s", path);
    fputs(text, f);
    fclose(f);
}

static void golden_tree(const Parsed *p, const char *path)
{
    const char *got = dump(p), *want = read_text(p->arena, path);
    if (!want) return;
    if (getenv("GAN_UPDATE"))
        write_text(path, got);
    else
        cr_expect(strcmp(got, want) == 0, "%s differs; GAN_UPDATE=1 rewrites it", path);
}

static void check_spans(const Ast *n, uint32_t size)
{
    cr_assert(n->span.file == 1 && n->span.begin <= n->span.end && n->span.end <= size, "%s", ast_kind_name(n->kind));
}

/* Every program of testdata parses and, where there is one, gives its tree. */
Test(syntax, programs)
{
    const char *root = getenv("GAN_ROOT");
    cr_assert(root, "GAN_ROOT names the source tree");
    char dir[3000], path[4000];
    snprintf(dir, sizeof dir, "%s/lang/syntax/testdata", root);
    DIR *d = opendir(dir);
    cr_assert(d, "%s", dir);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (len < 4 || strcmp(e->d_name + len - 4, ".gan") != 0) continue;
        n++;
        Arena *a = arena_new();
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        char  *text = read_text(a, path);
        Parsed p = parse_text(text);
        cr_expect(p.tree, "%s:\n%s", e->d_name, messages(&p));
        if (p.tree) check_spans(p.tree, p.f->n);
        snprintf(path + strlen(path) - 3, 4, "ast");
        golden_tree(&p, path);
        arena_free(p.arena);
        arena_free(a);
    }
    closedir(d);
    cr_expect_geq(n, 8);
}

/* Every block of the reference that is marked gan parses. */
Test(syntax, reference)
{
    char path[4000];
    snprintf(path, sizeof path, "%s/docs/language.md", getenv("GAN_ROOT"));
    Arena *a = arena_new();
    char  *text = read_text(a, path), *block = text;
    cr_assert(text, "%s", path);
    int n = 0;
    while ((block = strstr(block, "```gan\n"))) {
        block += strlen("```gan\n");
        char *end = strstr(block, "```\n");
        cr_assert(end);
        Parsed p = parse_bytes(block, (size_t)(end - block), AS_FILE);
        cr_expect(p.tree, "%s", messages(&p));
        arena_free(p.arena);
        block = end;
        n++;
    }
    cr_expect_gt(n, 10);
    arena_free(a);
}

static const Ast *stmt(const Parsed *p, int i)
{
    cr_assert(p->tree && p->tree->kind == AST_FILE && p->tree->file.stmts.n > i, "%s", messages(p));
    return p->tree->file.stmts.v[i];
}

Test(syntax, documentation)
{
    Parsed p = parse_text("## The module.\n## Two lines.\n\n## About f.\ndef f(x) = x\n# plain\n#### no doc\ndef g(x) = x ## nor this\n"
                          "comparison c(p) {\n  ## The ratio.\n  r(x) = x\n  ## A state.\n  state s = 1\n}\n");
    cr_expect_str_eq(p.tree->file.doc, "The module.\nTwo lines.");
    cr_expect_str_eq(stmt(&p, 0)->define.doc, "About f.");
    cr_expect_null(stmt(&p, 1)->define.doc);
    const Ast *members = stmt(&p, 2)->define.body;
    cr_expect_str_eq(members->block.stmts.v[0]->member.doc, "The ratio.");
    cr_expect_str_eq(members->block.stmts.v[1]->state.doc, "A state.");
    arena_free(p.arena);

    p = parse_text("## Of the file.\nimport nn\nlet x = 1\n");
    cr_expect_str_eq(p.tree->file.doc, "Of the file.");
    arena_free(p.arena);

    p = parse_text("## Of x.\nlet x = 1\n");
    cr_expect_null(p.tree->file.doc);
    cr_expect_str_eq(stmt(&p, 0)->let.doc, "Of x.");
    arena_free(p.arena);
}

Test(syntax, details_of_nodes)
{
    Parsed p = parse_text("net D = Critic([1])\nnet X { param v: real = 1; v }\nimplicit A -> real { x ~ p : all\n x }\n"
                          "optimizer o(lr, b: 0.9, f: exp, n: int, k: int = 2)(w, g) { w := g }\nimport a.b.c, d\n"
                          "update A, B.c along -x with o project f\nexpect a < b by step 3\nmetric m = 3\n");
    cr_expect(stmt(&p, 0)->define.is_alias && stmt(&p, 0)->define.n_lists == 0);
    cr_expect(!stmt(&p, 1)->define.is_alias && stmt(&p, 1)->define.body->kind == AST_BLOCK);
    const Ast *body = stmt(&p, 2)->define.body;
    cr_expect(body->block.stmts.v[0]->sample.all && !body->block.stmts.v[0]->sample.size);
    cr_expect_eq(ast_block_value(body), body->block.stmts.v[1]);
    AstList params = stmt(&p, 3)->define.params;
    cr_expect(!params.v[0]->param.type && !params.v[0]->param.value);
    cr_expect(!params.v[1]->param.type && params.v[1]->param.value->number.value == 0.9);
    cr_expect(!params.v[2]->param.type && params.v[2]->param.value->kind == AST_NAME);
    cr_expect(params.v[3]->param.type && !params.v[3]->param.value);
    cr_expect(params.v[4]->param.type && params.v[4]->param.value);
    cr_expect_str_eq(stmt(&p, 4)->import.modules.v[0]->module.name, "a.b.c");
    const Ast *u = stmt(&p, 5);
    cr_expect(u->update.players.n == 2 && u->update.goal == AST_GOAL_ALONG && u->update.project);
    cr_expect(stmt(&p, 6)->expect.by && stmt(&p, 6)->expect.by->number.integer == 3);
    cr_expect_not(stmt(&p, 7)->define.is_alias);
    arena_free(p.arena);
}

/* ---- what fits of a text that is wrong */

static Parsed parse_fitting(const char *text)
{
    Arena  *a = arena_new();
    Sources *s = sources_new(a);
    Parsed  p = {a, s, diags_new(s), source_add(s, "t.gan", text, strlen(text)), NULL};
    p.tree = parse_what_fits(a, p.f, p.diags);
    cr_expect(diags_failed(p.diags), "%s", text);
    return p;
}

/* The kinds of the file's statements, one letter each: B is BROKEN, L a let, any other +. */
static const char *kinds(const Parsed *p)
{
    Text t = text_in(p->arena);
    if (!p->tree) return "none";
    for (int i = 0; i < p->tree->file.stmts.n; i++) {
        int k = p->tree->file.stmts.v[i]->kind;
        text_add(&t, k == AST_BROKEN ? "B" : k == AST_LET ? "L" : "+");
    }
    return text_str(&t);
}

static const char *names_of(const Parsed *p, const Ast *broken)
{
    Text t = text_in(p->arena);
    for (int i = 0; i < broken->broken.names.n; i++) text_printf(&t, "%s%s", i ? " " : "", broken->broken.names.v[i]->name.name);
    return text_str(&t);
}

static void expect_kinds(const char *text, const char *want)
{
    Parsed p = parse_fitting(text);
    cr_expect_str_eq(kinds(&p), want, "%s gave %s: %s", text, kinds(&p), messages(&p));
    arena_free(p.arena);
}

Test(fits, statements)
{
    expect_kinds("let a = 1\nlet b = 1 +* 2\nlet c = 3\n", "LBL");
    expect_kinds("let a = 1 && 2\nlet b = 2 // two\n", "LL");                    /* read as what was meant */
    expect_kinds("let a = 1 $ 2\nlet b = (1, 2]\nlet c = \"text\nlet d = 1\n", "BBBL");
    expect_kinds("$\nlet a = 1\n", "L");                                         /* of no statement */
    expect_kinds("let a = 1\n+ 2\nlet c = 3\n", "BBL");                         /* a sign that was to go on with the line above */
    expect_kinds("let a = 1\n- 2\nlet c = 3\n", "BBL");
    expect_kinds("def f(x):\n  let y = 1\n  y\nlet c = 3\n", "BL");            /* a block by its indentation */
    expect_kinds("def f(a, a) { let y = 1; y }\nlet c = 3\n", "BL");
    expect_kinds("def f(a: 3 + ) { let y = 1; y }\nlet c = 3\n", "BL");
    expect_kinds("while a { let b = 1 }\nlet c = 3\n", "BL");
    expect_kinds("function f(x) { let b = 1 } else { 3 }\nlet c = 3\n", "BL");
    expect_kinds("f({ a b })\nlet c = 3\n", "BL");
    expect_kinds("let a = f({ x = 1 })\nlet c = 3\n", "LL");                     /* it is the inner statement that is broken */
    expect_kinds("let a = {\nlet c = 3\n", "none");
    expect_kinds("let a = 3 }\nlet c = 3\n", "none");
}

/* A mistake belongs to the innermost statement around it. */
Test(fits, inside)
{
    Parsed p = parse_fitting("net D(x: real) -> real {\n  let h = x +* 2\n  h\n}\nlet c = 3\n");
    cr_expect_str_eq(kinds(&p), "+L");
    AstList body = stmt(&p, 0)->define.body->block.stmts;
    cr_expect(body.n == 2 && body.v[0]->kind == AST_BROKEN && body.v[1]->kind == AST_NAME);
    cr_expect(body.v[0]->broken.declares && !strcmp(names_of(&p, body.v[0]), "h"));
    arena_free(p.arena);
}

Test(fits, names)
{
    static const struct { const char *text, *names; bool declares, any; } rows[] = {
        {"let (a, b) = 1 +* c\n", "a b", true, false},
        {"data a, b: real[n] = 1 +* c\n", "a b", true, false},
        {"net D(x real) { x }\n", "D", true, false},
        {"extern simulator s(x) -> real[3] from\n", "s", true, false},
        {"report w = 1 +* c\n", "w", true, false},
        {"def late(k) = +* if k { 0 } else { k }\n", "late", true, false},
        {"var y = 1\n", "var y", false, false},
        {"x ~ Normal(0 1) : 5\n", "x", false, false},
        {"import nn optim\n", "", false, true},
        {"from nn import Dense\n", "", false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Parsed p = parse_fitting(rows[i].text);
        const Ast *b = stmt(&p, 0);
        cr_expect(b->kind == AST_BROKEN && !strcmp(names_of(&p, b), rows[i].names) && b->broken.declares == rows[i].declares && b->broken.any == rows[i].any,
                  "%s gave %s", rows[i].text, b->kind == AST_BROKEN ? names_of(&p, b) : "no BROKEN");
        arena_free(p.arena);
    }
}

/* What stands in the table of habits as the right form is right, as far as the grammar goes. */
Test(errors, habits)
{
    const Habit *h;
    for (int i = 0; (h = habit_at(i)); i++) {
        Parsed p = parse_bytes(h->ours, strlen(h->ours), AS_ENTRY);
        cr_expect(p.tree && (*h->ours || *h->remark), "%s: %s", h->ours, messages(&p));
        for (int k = 0; k < i; k++) cr_expect(habit_at(k)->kind != h->kind || strcmp(habit_at(k)->name, h->name), "%s stands twice", h->name);
        arena_free(p.arena);
    }
}

/* ---- errors: whole messages */

static void expect_messages(const char *text, const char *want)
{
    Parsed p = parse_text(text);
    cr_expect(strcmp(messages(&p), want) == 0, "%s\ngave\n%s\nwanted\n%s", text, messages(&p), want);
    arena_free(p.arena);
}

Test(errors, whole_messages)
{
    expect_messages("let x = f(a b)\nlet y = 1 1\n", "t.gan:1:13: error: unexpected 'b'; expected ')', ',', ':' or an operator [E020]\n"
                                                     "  1 | let x = f(a b)\n"
                                                     "    |             ^\n"
                                                     "t.gan:2:11: error: unexpected '1'; expected an operator or the end of the line [E020]\n"
                                                     "  2 | let y = 1 1\n"
                                                     "    |           ^\n");
    expect_messages("let w = (1, 2\nnet E2 = 4\n", "t.gan:2:1: error: unexpected 'net'; expected ')', ',' or an operator [E020]\n"
                                                   "  2 | net E2 = 4\n"
                                                   "    | ^^^\n"
                                                   "  1 | let w = (1, 2\n"
                                                   "    |         - opened here, and still open\n");
    expect_messages("let y = a\n- 3\n", "t.gan:2:1: error: this line starts a statement of its own, whose value is dropped [E030]\n"
                                         "  2 | - 3\n"
                                         "    | ^\n"
                                         "hint: to continue the line above, end that line with the -\n");
    expect_messages("def g(x) {\n  return x\n}\n", "t.gan:2:10: error: unexpected 'x'; expected '=', '~', an operator or the end of the line [E020]\n"
                                                   "  2 |   return x\n"
                                                   "    |          ^\n"
                                                   "hint: write { let y = 2 * x; y + 1 }; the last expression of a block is its value\n");
    expect_messages("let v = f([1, 2)\n", "t.gan:1:16: error: ']' is missing before ')' [E026]\n"
                                           "  1 | let v = f([1, 2)\n"
                                           "    |                ^\n"
                                           "  1 | let v = f([1, 2)\n"
                                           "    |           - opened here\n");
    expect_messages("x = 1e9\n", "t.gan:1:1: error: x = ... declares a member; only distributions, bijectors and comparisons have members [E034]\n"
                                  "  1 | x = 1e9\n"
                                  "    | ^\n"
                                  "hint: let x = ... names a value, x := ... changes a state\n");
}

/* One line each: place, text and code of every message, without the source lines; and the hint. */
static const char *first_lines(const Parsed *p)
{
    const Diag *sorted[DIAGS_KEPT];
    int         n = diags_sorted(p->diags, sorted);
    Text        out = text_in(p->arena);
    for (int i = 0; i < n; i++) {
        Place at = source_place(p->f, sorted[i]->at.begin);
        text_printf(&out, "%u:%u %s %s", at.line, at.column, diag_code_name(sorted[i]->code), sorted[i]->text);
        if (sorted[i]->hint) text_printf(&out, " (%s)", sorted[i]->hint);
        text_add(&out, "\n");
    }
    return text_str(&out);
}

Test(errors, rows)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"let x = 3a", "1:9 E022 3a is no number (a product is written 3 * a, and a name does not start with a digit)\n"},
        {"let x = 1__0", "1:9 E022 1__0 is no number (an underscore stands between two digits: 25_000)\n"},
        {"let x = 1e", "1:9 E022 1e is no number (an exponent has digits: 1e-4)\n"},
        {"let x = 1.\nlet y = 2 2", "1:11 E020 unexpected end of the line; expected a name (a number does not end in a point: 1.0, or 1)\n"
                                     "2:11 E020 unexpected '2'; expected an operator or the end of the line\n"},
        {"let x = 1.x", "1:9 E022 a number does not end in a point\n"},
        {"let x = .5", "1:9 E020 unexpected '.'; expected an expression (a number starts with a digit: 0.5)\n"},
        {"let x = 1e-999", "1:9 E023 1e-999 is closer to 0 than any other real\n"},
        {"let x = 9223372036854775808", "1:9 E023 an integer has at most 63 bits (a real of this size is written with an exponent: 1e20)\n"},
        {"let s = \"abc", "1:9 E024 this string does not end on its line\n"},
        {"let s = \"abc\\", "1:9 E024 this string does not end on its line\n"},
        {"let s = \"a\\qb\\u{110000}\\u{0}\\u{}\\u3\"",
         "1:11 E025 an unknown escape (\\n, \\t, \\\\, \\\" and \\u{3b1} are known)\n1:14 E025 an unknown escape (\\n, \\t, \\\\, \\\" and \\u{3b1} are known)\n"
         "1:24 E025 an unknown escape (\\n, \\t, \\\\, \\\" and \\u{3b1} are known)\n1:29 E025 an unknown escape (\\n, \\t, \\\\, \\\" and \\u{3b1} are known)\n"
         "1:33 E025 an unknown escape (\\n, \\t, \\\\, \\\" and \\u{3b1} are known)\n"},
        {"let a = b < c < d", "1:9 E035 comparisons do not chain (a < b and b < c)\n"},
        {"if a = b { c }", "1:6 E020 unexpected '='; expected '{' or an operator (== compares)\n"},
        {"let q = a && b || !c ** 2", "1:11 E038 && is no operator (write and)\n1:16 E038 || is no operator (write or)\n1:19 E038 ! is no operator (write not)\n"
                                      "1:22 E038 ** is no operator (write ^)\n"},
        {"let x = 1 // one\nlet y = 2 /* two */\n", "1:11 E038 comments start with # (write #; div(a, b) divides integers)\n2:11 E038 comments start with # (write #; div(a, b) divides integers)\n"},
        {"let a = α − β", "1:11 E021 the character U+2212 has no meaning here (write -)\n"},
        {"let a = b $$$ ? c", "1:11 E021 '$' has no meaning here\n1:15 E021 '?' has no meaning here (write if a { b } else { c }; where(cond, b, c) selects while the program runs)\n"},
        {"def E(x) = 3\nlet grad = 4\ndata E = f\nfor E in a { b }", "1:5 E033 nothing can be called E: E[ opens an expectation\n2:5 E033 nothing can be called grad: grad[ opens a gradient\n"
                                      "3:6 E033 nothing can be called E: E[ opens an expectation\n4:5 E033 nothing can be called E: E[ opens an expectation\n"},
        {"update D with adam(1)", "1:10 E020 unexpected 'with'; expected ',', minimize, maximize or along (update D minimize e with adam(1e-4))\n"},
        {"update D minimize a", "1:20 E020 unexpected end of the text; expected with or an operator (update D minimize a with adam(1e-4))\n"},
        {"alternate 10 { }", "1:14 E020 unexpected '{'; expected steps or an operator (alternate 1000 steps, batch 64 { ... })\n"},
        {"net (x: real) { x }", "1:15 E020 unexpected '{'; expected '=', '~', an operator or the end of the line (net D(x: real[2]) -> real { ... })\n"},
        {"let (a, a) = f", "1:9 E040 two values called a\n"},
        {"def h(a, _)(b, _, a) = 1", "1:19 E040 two parameters called a\n"},
        {"let f = fn(x, x) x", "1:15 E040 two parameters called x\n"},
        {"let t: foo[3] = 1", "1:8 E032 a type must stand here (real, int, bool, string, class[10], real[28, 28], class[28][16], (x: real[2], y: int))\n"},
        {"let t: class = 1", "1:8 E032 class needs the number of its values (class[10])\n"},
        {"let t: real[2..] = 1\nlet u: real[2][3] = 1", "1:8 E032 a type must stand here (real, int, bool, string, class[10], real[28, 28], class[28][16], (x: real[2], y: int))\n"
         "2:8 E032 a type must stand here (real, int, bool, string, class[10], real[28, 28], class[28][16], (x: real[2], y: int))\n"},
        {"let u = [1, 2)\nlet y = 1 1", "1:14 E026 ')' cannot close '['\n2:11 E020 unexpected '1'; expected an operator or the end of the line\n"},
        {"}\nlet y = 1 1", "1:1 E027 '}' closes nothing\n2:11 E020 unexpected '1'; expected an operator or the end of the line\n"},
        {"let v = fold(0, n, fn(s, t) { s + t )\nlet y = 1 1", "1:37 E026 '}' is missing before ')'\n2:11 E020 unexpected '1'; expected an operator or the end of the line\n"},
        {"net D(x) { f(a + }\nlet y = 1 1", "1:18 E026 ')' is missing before '}'\n2:11 E020 unexpected '1'; expected an operator or the end of the line\n"},
        {"net D(x: real[2] -> real {\n  x |> f\n}\nlet y = 1 1", "1:18 E020 unexpected '->'; expected ')', ',', '=', '~' or an operator (net D(x: real[2]) -> real { ... })\n"
                                      "4:11 E020 unexpected '1'; expected an operator or the end of the line\n"},
        {"net D(x) {\n  let y = 2\n  y", "1:10 E026 '{' is never closed\n"},
        {"let a = f(1,\n  2", "1:10 E026 '(' is never closed\n"},
        {"let a = 3'", "1:10 E037 ' follows a name or )\n"},
        {"let a = x[1]'", "1:13 E037 ' follows a name or )\n"},
        {"let a = f(x: 1, 2)", "1:17 E036 an argument without a name after one with a name\n"},
        {"let a = f(x: 1, x: 2)", "1:17 E036 two arguments called x\n"},
        {"let a = (1, x: 2)", "1:13 E036 a record names all its fields, a tuple none\n"},
        {"let (x: a) = b", "1:5 E031 a name or names in parentheses must stand here (a record is taken apart by position: (x, y))\n"},
        {"let a + b = 3", "1:7 E020 unexpected '+'; expected ':' or '='\n"},
        {"a + b ~ p", "1:1 E031 a name or names in parentheses must stand here\n"},
        {"f(a) := 3", "1:1 E031 left of := stands a state or a part of one: u, chain[step]\n"},
        {"chain[3] = 2", "1:1 E031 only a name, or a name with parameters, is defined with = (a part of a state is changed with :=)\n"},
        {"f(x) = 3", "1:1 E034 f = ... declares a member; only distributions, bijectors and comparisons have members (def f(...) = ... declares a function)\n"},
        {"expect x by time 3", "1:13 E020 the word step must stand here (expect modes >= 7 by step 20_000)\n"},
        {"optimizer o(lr) { w := 1 }", "1:11 E039 an optimizer has two lists: its settings, then the parameters and their gradient (optimizer o(lr)(w, g) { w := w - lr * g })\n"},
        {"comparison cc(p) { E[x ~ p] f(x); a = 1 }", 
         "1:20 E039 this cannot stand among members (members are name = value; beside them stand let, def, net, param, state, require, prefer and :=)\n"},
        {"comparison cc(p) = 3", "1:12 E039 a comparison is a block of members (comparison cc(...) { name = value })\n"},
        {"def f = 3", "1:5 E039 def f has no parameters (let f = ... names a value, def f() = ... is a function of nothing)\n"},
        {"extern simulator s() from \"a.so\"", "1:18 E039 an extern simulator has one list of parameters and a result (extern simulator s(theta: real[3]) -> real[20] from \"lib.so\")\n"},
        {"let n = E[x : 5] f(x)", "1:15 E039 a number of draws, but nothing is drawn: E[x] is over a sample that has its size already\n"},
        {"def f(x) {\n  g(x)\n  x\n}\nalternate 1 steps { f(3) }\n", "2:3 E030 this value is dropped (name it with let, or remove it)\n5:21 E030 this value is dropped (name it with let, or remove it)\n"},
        {"optimizer o(lr)(w, g) {\n  inner(w, g)\n  g\n  w := w - g\n}\ndef f(x) { g(x); x }\n", "3:3 E030 this value is dropped (name it with let, or remove it)\n6:12 E030 this value is dropped (name it with let, or remove it)\n"},
        {"f(a; b)\nlet y = 1 1", "1:4 E020 unexpected ';'; expected ')', ',', ':' or an operator\n2:11 E020 unexpected '1'; expected an operator or the end of the line\n"},
        {"let a = 3 +", "1:12 E020 unexpected end of the text; expected an expression\n"},
        {"let a = { 3 + }", "1:15 E020 unexpected '}'; expected an expression\n"},
        {"while x < 3 { y }", "1:7 E020 unexpected 'x'; expected '=', '~', an operator or the end of the line (write fold(x, 100, fn(s, t) f(s), until: fn(s) done(s)); a loop has a bound, and may end before it)\n"},
        {"let k = if a b", "1:14 E020 unexpected 'b'; expected '{' or an operator\n"},
        {"let a := 3", "1:7 E020 unexpected ':='; expected ':' or '=' (a declaration has =; := changes a state)\n"},
        {"compare c = f(x) with critic -= 3", "1:30 E038 there is no such assignment (write x := x - e in full)\n1:30 E020 unexpected '-='; expected '=' or '+=' (compare c = name(p, q, D))\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Parsed p = parse_text(rows[i].text);
        cr_expect(strcmp(first_lines(&p), rows[i].want) == 0, "%s\ngave\n%swanted\n%s", rows[i].text, first_lines(&p), rows[i].want);
        arena_free(p.arena);
    }
}

Test(errors, expressions)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", "1:1 E020 unexpected end of the text; expected an expression\n"},
        {"1 +", "1:4 E020 unexpected end of the text; expected an expression\n"},
        {"1\n2", "2:1 E020 unexpected '2'; expected the end of the text\n"},
        {"let x = 3", "1:1 E020 unexpected 'let'; expected an expression\n"},
        {"x := 3", "1:3 E020 unexpected ':='; expected an operator or the end of the line\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Parsed p = parse_bytes(rows[i].text, strlen(rows[i].text), AS_EXPRESSION);
        cr_expect(strcmp(first_lines(&p), rows[i].want) == 0, "%s\ngave\n%swanted\n%s", rows[i].text, first_lines(&p), rows[i].want);
        arena_free(p.arena);
    }
}

Test(syntax, entries)
{
    static const struct {
        const char *text;
        bool        unfinished, ok;
    } rows[] = {
        {"1 + 2", false, true},        {"x\ny", false, true},          {"", false, true},         {"let x = (1,", true, false},
        {"net D(x) {", true, false},   {"net D(x) { x }", false, true}, {"1 +", true, false},      {"x |>", true, false},
        {"f(a]", false, false},        {"f(a}", false, false},         {")", false, false},       {"1 1", false, false},
        {"fn(x)", true, false},        {"E[x ~ p]", true, false},      {"a # b +", false, true},  {"\"abc", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena   *a = arena_new();
        Sources *s = sources_new(a);
        Diags   *d = diags_new(s);
        bool     unfinished;
        Ast     *tree = parse_entry(a, source_add(s, "<entry>", rows[i].text, strlen(rows[i].text)), d, &unfinished);
        cr_expect_eq(unfinished, rows[i].unfinished, "%s", rows[i].text);
        cr_expect_eq(tree != NULL, rows[i].ok, "%s", rows[i].text);
        cr_expect_eq(diags_failed(d), !tree && !unfinished, "%s", rows[i].text);
        arena_free(a);
    }
}

/* ---- hostile texts: no crash, no hang, a message, a bounded amount of memory */

typedef struct {
    const char *head, *repeated;
    int         times;
    const char *tail;
} Long;

static char *long_text(Long l, size_t *n)
{
    size_t h = strlen(l.head), r = strlen(l.repeated), t = strlen(l.tail);
    *n = h + r * (size_t)l.times + t;
    char *text = malloc(*n + 1), *p = text;
    memcpy(p, l.head, h), p += h;
    for (int i = 0; i < l.times; i++, p += r) memcpy(p, l.repeated, r);
    memcpy(p, l.tail, t + 1);
    return text;
}

static int walk(const Ast *n)                                /* as a user of the tree would: by recursion */
{
    switch ((AstKind)n->kind) {
    case AST_FILE: return n->file.stmts.n ? walk(n->file.stmts.v[0]) : 0;
    case AST_LET: return walk(n->let.value);
    case AST_BINARY: return 1 + walk(n->binary.left) + walk(n->binary.right);
    case AST_UNARY: return 1 + walk(n->unary.operand);
    default: return 0;
    }
}

Test(hostile, long_texts, .timeout = 60)
{
    static const struct {
        Long        text;
        const char *code;                                    /* that must be among the errors; NULL: it parses */
    } rows[] = {
        {{"let x = ", "(", 100000, ""}, "E028"},
        {{"let x = ", "[", 100000, "1"}, "E028"},
        {{"", "{", 100000, ""}, "E028"},
        {{"let x = ", "f(", 150, "1"}, "E026"},
        {{"let x = ", "E[x ~ p] ", 100000, "3"}, "E028"},
        {{"let x = ", "-", 100000, "1\n"}, "E028"},
        {{"let x = ", "not ", 100000, "1\n"}, "E028"},
        {{"let x = ", "a+", 100000, "a\nlet y = 1 1\n"}, "E028"},
        {{"let x = ", "a+", 900, "a\n"}, NULL},
        {{"let x = ", "a^", 100000, "a\n"}, "E028"},
        {{"let x = ", "a|>", 100000, "a\n"}, "E028"},
        {{"let x = a", ".a", 100000, "\n"}, "E028"},
        {{"let x = a", "()", 100000, "\n"}, "E028"},
        {{"let x = a", "[0]", 100000, "\n"}, "E028"},
        {{"let x = a", "'", 100000, "(3)\n"}, NULL},
        {{"if a { b }", " else if a { b }", 100000, "\n"}, "E028"},
        {{"let x = ", "fn(x) ", 100000, "x\n"}, "E028"},
        {{"let x: ", "(a: real, b: ", 150, "real"}, "E026"},
        {{"let x = [", "1.5,", 100000, "]\n"}, NULL},
        {{"let x = f(", "a: 1,", 100000, ")\n"}, "E036"},
        {{"def f(", "a: 1,", 100000, ") = 1\n"}, "E039"},
        {{"let (", "a,", 100000, "b) = 1\n"}, "E040"},
        {{"import a", ".a", 100000, "\n"}, "E029"},
        {{"", "## doc\n", 100000, "let x = 1\n"}, NULL},
        {{"", "## doc\n\n", 100000, "let x = 1\n"}, NULL},
        {{"", "let x = a b\n", 100000, ""}, "E020"},
        {{"", ";", 1000000, ""}, NULL},
        {{"", "}", 1000000, ""}, "E027"},
        {{"", "every (", 100000, ""}, "E028"},
        {{"", "every (a) +\n", 100000, ""}, "E028"},
        {{"", "$", 1000000, ""}, "E021"},
        {{"", "1e999 ", 10000, ""}, "E023"},
        {{"let x = \"", "\\q", 100000, "\"\n"}, "E025"},
        {{"let x = \"", "a", 10 << 20, "\"\n"}, NULL},
        {{"let x = \"", "a", 10 << 20, "\" 3\n"}, "E020"},
        {{"let x = ", "a", 10 << 20, "\n"}, "E029"},
        {{"let x = ", "1", 10 << 20, "\n"}, "E022"},
        {{"#", "a", 10 << 20, "\n"}, NULL},
        {{"", "a ", 5 << 20, "\n"}, "E020"},
        {{"", "α", 5 << 20, "\n"}, "E029"},
        {{"", "\n", 10 << 20, "let x = 1 1"}, "E020"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n;
        char  *text = long_text(rows[i].text, &n);
        Parsed p = parse_bytes(text, n, AS_FILE);
        cr_expect_eq(p.tree == NULL, rows[i].code != NULL, "%.40s...: %.300s", text, messages(&p));
        cr_expect(!rows[i].code || strstr(messages(&p), rows[i].code), "%.40s...: %.300s", text, messages(&p));
        cr_expect_lt(strlen(messages(&p)), 200000);
        if (p.tree) {
            cr_expect_leq(p.tree->depth, AST_MAX_DEPTH);
            walk(p.tree);
            if (n < 100000) dump(&p);
        }
        arena_free(p.arena);
        free(text);
    }
}

/* Four million statements are too many; the bound keeps memory in hand. */
Test(hostile, too_much, .timeout = 60)
{
    size_t n;
    char  *text = long_text((Long){"", "x:=a\n", 1500000, ""}, &n);
    Parsed p = parse_bytes(text, n, AS_FILE);
    cr_expect(!p.tree && strstr(messages(&p), "E005"));
    arena_free(p.arena);
    free(text);
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

Test(hostile, noise, .timeout = 60)
{
    static const char *const words[] = {
        "let ", "def ", "fn", "if ", "else ", "for ", "in ", "and ", "or ", "not ", "with ", "after ", "E[", "grad[", "import ", "data ", "net ",
        "update ", "minimize ", "every ", "{", "}", "(", ")", "[", "]", ",", ";", ":", ":=", "=", "~", "->", ".", "..", "'", "|>", "+", "-", "*",
        "^", "x ", "y ", "D ", "1 ", "2.5 ", "\"s\"", "## ", "#", "\n", "\n", "\n  ", "save", "stop ", "when ", "by ", "steps ", "batch ", "alternate ",
        "compare ", "comparison ", "report ", "expect ", "extern ", "state ", "real[2]", "\"", "\\", "λ", "\xff", "== ", "< ",
    };
    enum { ROUNDS = 1500, MOST = 200 };
    uint64_t state = 7;
    for (int round = 0; round < ROUNDS; round++) {
        Arena *a = arena_new();
        Text   t = text_in(a);
        int    k = (int)(next_random(&state) % MOST);
        for (int i = 0; i < k; i++) {
            if (round % 3)
                text_add(&t, words[next_random(&state) % (sizeof words / sizeof *words)]);
            else
                text_addn(&t, (char[]){(char)next_random(&state)}, 1);
        }
        for (Mode mode = AS_FILE; mode <= AS_ENTRY; mode++) {
            Parsed p = parse_bytes(text_str(&t), t.n, mode);
            messages(&p);
            dump(&p);
            arena_free(p.arena);
        }
        arena_free(a);
    }
}

/* Every program of testdata with a piece cut out, doubled or replaced: each must end in a tree or a message. */
Test(hostile, mutations, .timeout = 60)
{
    const char *names[] = {"values", "schedule", "declarations", "distributions", "programs"};
    uint64_t    state = 11;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        char path[4000];
        snprintf(path, sizeof path, "%s/lang/syntax/testdata/%s.gan", getenv("GAN_ROOT"), names[k]);
        Arena *a = arena_new();
        char  *text = read_text(a, path);
        cr_assert(text, "%s", path);
        size_t n = strlen(text);
        for (int round = 0; round < 150; round++) {
            size_t from = next_random(&state) % n, len = next_random(&state) % 12;
            if (from + len > n) len = n - from;
            Text t = text_in(a);
            text_addn(&t, text, from);
            if (round % 3 == 1) text_addn(&t, text + from, len), text_addn(&t, text + from, len);
            if (round % 3 == 2) text_addn(&t, &"(){}[]~='\"\\#;,.:\n"[next_random(&state) % 17], 1);
            text_add(&t, text + from + len);
            Parsed p = parse_bytes(text_str(&t), t.n, AS_FILE);
            messages(&p);
            dump(&p);
            arena_free(p.arena);
        }
        arena_free(a);
    }
}

/* A NUL or a bad byte anywhere is an error, and nothing behind it is lost to the reader. */
Test(hostile, bytes)
{
    static const struct {
        const char *text;
        size_t      n;
        const char *want;
    } rows[] = {
        {"let x = 1\0\0\nlet y = 1 1", 23, "1:10 E004 NUL bytes\n2:11 E020 unexpected '1'; expected an operator or the end of the line\n"},
        {"let x = \"a\0b\" # c\0\n", 19, "1:11 E004 a NUL byte\n1:18 E004 a NUL byte\n"},
        {"# \xff\xfe\nlet \xc3 = 1\n", 15, "1:3 E003 bytes that are not UTF-8 (starting with 0xff)\n2:5 E003 a byte that is not UTF-8 (starting with 0xc3)\n"},
        {"\xEF\xBB\xBFlet x = 1\r\nlet y = 2\r\n", 25, ""},
        {"", 0, ""},
        {"# only a comment", 16, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Parsed p = parse_bytes(rows[i].text, rows[i].n, AS_FILE);
        cr_expect_str_eq(first_lines(&p), rows[i].want);
        arena_free(p.arena);
    }
}
