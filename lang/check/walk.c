/* walk.c - see walk.h. Reads the table ast.def. */
#include "lang/check/walk.h"

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
#define NAME(f)
#define TEXT(f)
#define SPAN(f)
#define FLAG(f)
#define INT(f)
#define LONG(f)
#define REAL(f)
#define ENUM(T, f)
#define AST(KIND, member, class, fields)              \
    case AST_##KIND: {                                \
        const __typeof__(n->member) *it = &n->member; \
        (void)it;                                     \
        fields                                        \
    } break;
    switch ((AstKind)n->kind) {
#include "lang/syntax/ast.def"
    case AST_N_KINDS: break;
    }
}
