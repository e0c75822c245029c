/* promise.c - see promise.h. */
#include "lang/check/promise.h"

#include <string.h>

static bool is_call_of(const Ast *e, const char *name, int fewest, int most)
{
    if (e->kind != AST_CALL || e->call.callee->kind != AST_NAME || strcmp(e->call.callee->name.name, name)) return false;
    for (int i = 0; i < e->call.args.n; i++)
        if (e->call.args.v[i]->arg.name) return false;
    return e->call.args.n >= fewest && e->call.args.n <= most;
}

static const Ast *argument(const Ast *call, int i) { return call->call.args.v[i]->arg.value; }

static bool is_below(AstOp op) { return op == AST_OP_LT || op == AST_OP_LE; }

/* abs(a - b) < t, abs(a) < t, near(a, b), near(a, b, t). */
static Promise nearness(const Ast *e)
{
    Promise p = {.whole = e};
    if (is_call_of(e, "near", 2, 3)) {
        p = (Promise){PROMISE_NEAR, e, argument(e, 0), argument(e, 1), e->call.args.n > 2 ? argument(e, 2) : NULL};
    } else if (e->kind == AST_BINARY && is_below(e->binary.op) && is_call_of(e->binary.left, "abs", 1, 1)) {
        const Ast *apart = argument(e->binary.left, 0);
        bool       differs = apart->kind == AST_BINARY && apart->binary.op == AST_OP_SUB;
        p = (Promise){PROMISE_NEAR, e, differs ? apart->binary.left : apart, differs ? apart->binary.right : NULL, e->binary.right};
    }
    return p;
}

static PromiseKind relation(const Ast *e)
{
    static const PromiseKind kinds[AST_N_OPS] = {
        [AST_OP_LT] = PROMISE_BELOW, [AST_OP_LE] = PROMISE_AT_MOST, [AST_OP_GT] = PROMISE_ABOVE, [AST_OP_GE] = PROMISE_AT_LEAST,
        [AST_OP_EQ] = PROMISE_IS,    [AST_OP_NE] = PROMISE_IS_NOT,
    };
    return e->kind == AST_BINARY ? kinds[e->binary.op] : PROMISE_HOLDS;
}

static Promise promise_of(const Ast *e)
{
    Promise     p = nearness(e);
    PromiseKind kind = relation(e);
    if (p.kind == PROMISE_HOLDS && kind != PROMISE_HOLDS) p = (Promise){kind, e, e->binary.left, e->binary.right, NULL};
    return p;
}

static void add(const Ast *e, Promise *out, int *n)
{
    if (e->kind == AST_BINARY && e->binary.op == AST_OP_AND && *n + 1 < PROMISES_MOST) {
        add(e->binary.left, out, n);
        add(e->binary.right, out, n);
    } else if (*n < PROMISES_MOST) out[(*n)++] = promise_of(e);
}

int promises_of(const Ast *condition, Promise out[PROMISES_MOST])
{
    int n = 0;
    add(condition, out, &n);
    return n;
}
