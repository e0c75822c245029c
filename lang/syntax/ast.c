/* ast.c - see ast.h. The printer and the walk over children read the table ast.def. */
#include "lang/syntax/ast.h"

#include <string.h>

static const char *const kind_name[AST_N_KINDS] = {
#define AST(KIND, member, ...) [AST_##KIND] = #member,
#include "lang/syntax/ast.def"
#undef AST
};

enum { EXPR, STMT, PART };

static const uint8_t kind_class[AST_N_KINDS] = {
#define AST(KIND, member, class, fields) [AST_##KIND] = class,
#include "lang/syntax/ast.def"
#undef AST
};

#define X(NAME, text) text,
static const char *const op_name[] = {AST_OPS(X)};
static const char *const define_name[] = {AST_DEFINES(X)};
static const char *const goal_name[] = {AST_GOALS(X)};
static const char *const report_name[] = {AST_REPORTS(X)};
#undef X

bool        ast_is_expr(const Ast *n) { return kind_class[n->kind] == EXPR; }
const char *AstOp_name(AstOp op) { return op_name[op]; }
const char *AstDefine_name(AstDefine d) { return define_name[d]; }
const char *AstGoal_name(AstGoal g) { return goal_name[g]; }
const char *AstReport_name(AstReport r) { return report_name[r]; }

/* Without the underscore that keeps some member names clear of C's keywords. */
const char *ast_kind_name(AstKind k)
{
    switch (k) {
    case AST_IF: return "if";
    case AST_FOR: return "for";
    default: return kind_name[k];
    }
}

const Ast *ast_block_value(const Ast *block)
{
    AstList s = block->block.stmts;
    return s.n && ast_is_expr(s.v[s.n - 1]) ? s.v[s.n - 1] : NULL;
}

/* ---- the parts of a tree, whatever their kind */

typedef void Visit(void *user, const Ast *child);

static void each(AstList l, Visit *visit, void *user)
{
    for (int i = 0; i < l.n; i++) visit(user, l.v[i]);
}

void ast_each_child(const Ast *n, Visit *visit, void *user)
{
#define NODE(f)  visit(user, it->f);
#define OPT(f)   if (it->f) visit(user, it->f);
#define NODES(f) each(it->f, visit, user);
#include "lang/syntax/fields.def"
}

/* ---- printing */

typedef struct {
    const SourceFile *f;
    Text             *out;
    int               indent;
} Printer;

static void print_node(Printer *p, const char *label, const Ast *n);

static void print_quoted(Printer *p, const char *s)
{
    text_add(p->out, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            text_printf(p->out, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            text_printf(p->out, "\\u{%x}", *s);
        else
            text_addn(p->out, s, 1);
    }
    text_add(p->out, "\"");
}

static void print_name(Printer *p, const char *field, const char *s)
{
    text_printf(p->out, " %s=", field);
    print_quoted(p, s);
}

static void print_children(Printer *p, const char *field, AstList l)
{
    for (int i = 0; i < l.n; i++) print_node(p, field, l.v[i]);
}

/* First what fits on the node's own line. */
static void print_attributes(Printer *p, const Ast *n)
{
#define NAME(f)    print_name(p, #f, it->f);
#define TEXT(f)    if (it->f) print_name(p, #f, it->f);
#define FLAG(f)    if (it->f) text_add(p->out, " " #f);
#define INT(f)     if (it->f) text_printf(p->out, " " #f "=%lld", (long long)it->f);
#define ENUM(T, f) text_printf(p->out, " %s", T##_name(it->f));
#include "lang/syntax/fields.def"
}

static void print_below(Printer *p, const Ast *n)
{
#define NODE(f)  print_node(p, #f, it->f);
#define OPT(f)   if (it->f) print_node(p, #f, it->f);
#define NODES(f) print_children(p, #f, it->f);
#include "lang/syntax/fields.def"
}

static void print_node(Printer *p, const char *label, const Ast *n)
{
    for (int i = 0; i < p->indent; i++) text_add(p->out, "  ");
    if (label) text_printf(p->out, "%s: ", label);
    text_add(p->out, ast_kind_name(n->kind));
    print_attributes(p, n);
    Place at = source_place(p->f, n->span.begin);
    text_printf(p->out, " @%u:%u\n", at.line, at.column);
    p->indent++;
    print_below(p, n);
    p->indent--;
}

void ast_print(const Ast *n, const SourceFile *f, Text *out)
{
    Printer p = {.f = f, .out = out};
    print_node(&p, NULL, n);
}
