/* ast.h - the syntax tree: what the text says, nothing resolved yet.
 *
 * One struct for every node; its kinds and their fields are the table ast.def, from which the struct, the printer and
 * the names come: a node n of kind AST_BINARY has n->binary.left. Nodes live in the arena given to the parser and are
 * never changed after it. Names are NUL-terminated UTF-8 in normal form C; compare them with strcmp.
 * A tree is at most AST_MAX_DEPTH deep, so walking it by recursion is safe. */
#pragma once
#include "base/text.h"
#include "lang/source/source.h"

enum { AST_MAX_DEPTH = 1000 };

typedef struct Ast Ast;

typedef struct {
    Ast **v;
    int   n;
} AstList;

typedef enum {
#define AST(KIND, ...) AST_##KIND,
#include "lang/syntax/ast.def"
#undef AST
    AST_N_KINDS
} AstKind;

/* Operators, from loose to tight. */
#define AST_OPS(X)                                                                                                  \
    X(OR, "or") X(AND, "and") X(NOT, "not") X(EQ, "==") X(NE, "!=") X(LT, "<") X(LE, "<=") X(GT, ">") X(GE, ">=")   \
    X(ADD, "+") X(SUB, "-") X(MUL, "*") X(DIV, "/") X(MATMUL, "@") X(MOD, "%") X(NEG, "-") X(POW, "^")

/* What a DEFINE declares. */
#define AST_DEFINES(X)                                                                                              \
    X(DEF, "def") X(LAYER, "layer") X(NET, "net") X(IMPLICIT, "implicit") X(PRESCRIBED, "prescribed")               \
    X(DISTRIBUTION, "distribution") X(BIJECTOR, "bijector") X(COMPARISON, "comparison") X(OPTIMIZER, "optimizer")   \
    X(METRIC, "metric") X(SIMULATOR, "extern simulator")

#define AST_GOALS(X)   X(MINIMIZE, "minimize") X(MAXIMIZE, "maximize") X(ALONG, "along")
#define AST_REPORTS(X) X(REPORT, "report") X(PLOT, "plot") X(IMAGE, "image")

#define X(NAME, text) AST_OP_##NAME,
typedef enum { AST_OPS(X) AST_N_OPS } AstOp;
#undef X
#define X(NAME, text) AST_DEFINE_##NAME,
typedef enum { AST_DEFINES(X) AST_N_DEFINES } AstDefine;
#undef X
#define X(NAME, text) AST_GOAL_##NAME,
typedef enum { AST_GOALS(X) AST_N_GOALS } AstGoal;
#undef X
#define X(NAME, text) AST_REPORT_##NAME,
typedef enum { AST_REPORTS(X) AST_N_REPORTS } AstReport;
#undef X

struct Ast {
    uint8_t  kind;                           /* AstKind */
    bool     parens;                         /* an expression in parentheses of its own */
    uint16_t depth;                          /* of the tree below, 1 for a leaf */
    Span     span;
    union {
#define NODE(f)    Ast *f;
#define OPT(f)     Ast *f;
#define NODES(f)   AstList f;
#define NAME(f)    const char *f;
#define TEXT(f)    const char *f;
#define SPAN(f)    Span f;
#define FLAG(f)    bool f;
#define INT(f)     int64_t f;
#define LONG(f)    int64_t f;
#define REAL(f)    double f;
#define ENUM(T, f) T f;
#define AST(KIND, member, class, fields) struct { fields } member;
#include "lang/syntax/ast.def"
#undef AST
#undef NODE
#undef OPT
#undef NODES
#undef NAME
#undef TEXT
#undef SPAN
#undef FLAG
#undef INT
#undef LONG
#undef REAL
#undef ENUM
    };
};

const char *ast_kind_name(AstKind k);        /* "binary" */
bool        ast_is_expr(const Ast *n);
const char *AstOp_name(AstOp op);            /* "+" */
const char *AstDefine_name(AstDefine d);     /* "layer" */
const char *AstGoal_name(AstGoal g);
const char *AstReport_name(AstReport r);

/* The last statement of a BLOCK if it is an expression, else NULL. (An IF or FOR counts, also one that holds statements.) */
const Ast *ast_block_value(const Ast *block);

/* Calls visit for every child of the node, in order of the source. */
void ast_each_child(const Ast *n, void (*visit)(void *user, const Ast *child), void *user);

/* The tree, a node a line, indented, with line:column of each; the golden form of `gan explain --stage ast`. */
void ast_print(const Ast *n, const SourceFile *f, Text *out);
