/* build_expr.c - expressions and their parts, one function for each production. */
#include "lang/syntax/build.h"

#include <string.h>

Ast *build_bool(Parser *p, Token t, bool value)
{
    Ast *n = build_node(p, AST_BOOL, token_span(p, t));
    n->boolean.value = value;
    return n;
}

Ast *build_name(Parser *p, Token t)
{
    Ast *n = build_node(p, AST_NAME, token_span(p, t));
    n->name.name = build_name_text(p, t);
    return n;
}

/* Positional first, then named, each name once. */
static void check_args(Parser *p, AstList args)
{
    const char *names[MANY];
    Span        spans[MANY];
    int         n = 0;
    bool        named = false;
    for (int i = 0; i < args.n; i++) {
        const Ast *a = args.v[i];
        if (named && !a->arg.name) {
            parse_error(p, a->span, E036, "an argument without a name after one with a name");
            return;
        }
        named |= a->arg.name != NULL;
        if (!a->arg.name) continue;
        if (n == MANY) {
            parse_error(p, a->span, E036, "more than %d named arguments", MANY);
            return;
        }
        names[n] = a->arg.name;
        spans[n++] = a->arg.name_span;
    }
    build_names_once(p, n, names, spans, E036, "arguments");
}

static Ast *plain_parens(Ast *arg, Span span)
{
    Ast *e = arg->arg.value;
    e->parens = true;
    e->span = span;
    return e;
}

Ast *build_parens(Parser *p, Token open, List *args, Token close)
{
    Span    span = span_of(p->f, open.begin, close.end);
    AstList all = finished(args);
    check_args(p, all);
    if (all.n == 1 && !all.v[0]->arg.name) return plain_parens(all.v[0], span);
    if (all.v[0]->arg.name) {
        Ast *n = build_node(p, AST_RECORD, span);
        n->record.fields = all;
        return build_done(p, n);
    }
    Ast *n = build_node(p, AST_TUPLE, span);
    for (int i = 0; i < all.n; i++) {
        if (all.v[i]->arg.name) {
            parse_error(p, all.v[i]->span, E036, "a record names all its fields, a tuple none");
            break;
        }
        all.v[i] = all.v[i]->arg.value;
    }
    n->tuple.items = all;
    return build_done(p, n);
}

Ast *build_list(Parser *p, Token open, List *items, Token close)
{
    Ast *n = build_node(p, AST_LIST, span_of(p->f, open.begin, close.end));
    n->list.items = finished(items);
    return build_done(p, n);
}

Ast *build_field(Parser *p, Ast *object, Token name)
{
    Ast *n = build_node(p, AST_FIELD, span_join(object->span, token_span(p, name)));
    n->field.object = object;
    n->field.name = build_name_text(p, name);
    n->field.name_span = token_span(p, name);
    if (object->kind == AST_NUMBER && !object->parens) parse_error(p, n->span, E022, "a number does not end in a point");
    return build_done(p, n);
}

Ast *build_prime(Parser *p, Ast *f, Token prime)
{
    Span span = span_join(f->span, token_span(p, prime));
    if (f->kind == AST_PRIME && !f->parens) {
        f->prime.order++;
        f->span = span;
        return f;
    }
    if (f->kind != AST_NAME && f->kind != AST_FIELD && f->kind != AST_CALL && !f->parens)
        parse_error(p, token_span(p, prime), E037, "' follows a name or )");
    Ast *n = build_node(p, AST_PRIME, span);
    n->prime.function = f;
    n->prime.order = 1;
    return build_done(p, n);
}

Ast *build_call(Parser *p, Ast *callee, List *args, Token close)
{
    Ast *n = build_node(p, AST_CALL, span_join(callee->span, token_span(p, close)));
    n->call.callee = callee;
    n->call.args = finished(args);
    check_args(p, n->call.args);
    return build_done(p, n);
}

Ast *build_index(Parser *p, Ast *object, List *items, Token close)
{
    Ast *n = build_node(p, AST_INDEX, span_join(object->span, token_span(p, close)));
    n->index.object = object;
    n->index.items = finished(items);
    return build_done(p, n);
}

Ast *build_range(Parser *p, Ast *from, Token dots, Ast *to)
{
    Span span = token_span(p, dots);
    if (from) span = span_join(from->span, span);
    if (to) span = span_join(span, to->span);
    Ast *n = build_node(p, AST_RANGE, span);
    n->range.from = from;
    n->range.to = to;
    return build_done(p, n);
}

Ast *build_unary(Parser *p, Token op, AstOp what, Ast *e)
{
    Ast *n = build_node(p, AST_UNARY, from_token(p, op, e));
    n->unary.op = what;
    n->unary.operand = e;
    return build_done(p, n);
}

static bool compares(const Ast *e)
{
    return e->kind == AST_BINARY && e->binary.op >= AST_OP_EQ && e->binary.op <= AST_OP_GE && !e->parens;
}

Ast *build_binary(Parser *p, AstOp op, Ast *a, Ast *b)
{
    Ast *n = build_node(p, AST_BINARY, span_join(a->span, b->span));
    n->binary.op = op;
    n->binary.left = a;
    n->binary.right = b;
    if (compares(n) && compares(a))
        diag_hint(parse_error(p, n->span, E035, "comparisons do not chain"), "a < b and b < c");
    return build_done(p, n);
}

Ast *build_pipe(Parser *p, Ast *a, Ast *b)
{
    Ast *n = build_node(p, AST_PIPE, span_join(a->span, b->span));
    n->pipe.left = a;
    n->pipe.right = b;
    return build_done(p, n);
}

Ast *build_fn(Parser *p, Token fn, List *params, Ast *body)
{
    Ast *n = build_node(p, AST_FN, from_token(p, fn, body));
    n->fn.params = build_params(p, params);
    n->fn.body = body;
    build_check_params(p, n->fn.params, (AstList){0});
    return build_done(p, n);
}

Ast *build_block(Parser *p, Token open, List *stmts, Token close)
{
    Ast *n = build_node(p, AST_BLOCK, span_of(p->f, open.begin, close.end));
    n->block.stmts = finished(stmts);
    return build_done(p, n);
}

Ast *build_scope(Parser *p, Ast *block) { return build_checked(p, block, IN_VALUE); }

Ast *build_if(Parser *p, Token t, Ast *cond, Ast *then, Ast *otherwise)
{
    Ast *n = build_node(p, AST_IF, from_token(p, t, otherwise ? otherwise : then));
    n->if_.cond = cond;
    n->if_.then = build_checked(p, then, IN_VALUE);
    n->if_.otherwise = otherwise && otherwise->kind == AST_BLOCK ? build_checked(p, otherwise, IN_VALUE) : otherwise;
    return build_done(p, n);
}

Ast *build_for(Parser *p, Token t, Ast *var, Ast *source, List *carries, Ast *body)
{
    Ast *n = build_node(p, AST_FOR, from_token(p, t, body));
    n->for_.var = build_pattern(p, var);
    n->for_.source = source;
    n->for_.carries = finished(carries);
    n->for_.body = build_checked(p, body, IN_VALUE);
    return build_done(p, n);
}

/* E[x, y ~ p, z ~ q]: names without ~ belong to the next one that has it. */
static AstList joined(Parser *p, AstList items)
{
    List *out = list_of(p, NULL);
    int   first = 0;
    for (int i = 0; i < items.n; i++) {
        Ast *b = items.v[i];
        if (!b->binder.dist) continue;
        List *patterns = list_of(p, NULL);
        for (; first <= i; first++) list_add(p, patterns, items.v[first]->binder.patterns.v[0]);
        b->binder.patterns = finished(patterns);
        b->span = span_join(patterns->v[0]->span, b->span);
        list_add(p, out, b);
    }
    for (; first < items.n; first++) list_add(p, out, items.v[first]);
    return finished(out);
}

/* `: all` takes every element; anything else is a number of draws. */
bool build_is_all(const Ast *size) { return size && size->kind == AST_NAME && !size->parens && strcmp(size->name.name, "all") == 0; }

static bool has_size(const Ast *binder) { return binder->binder.size || binder->binder.all; }

/* Does anything draw for a size that stands behind these? */
static bool draws(AstList binders)
{
    for (int i = binders.n; i-- > 0 && !has_size(binders.v[i]);)
        if (binders.v[i]->binder.dist) return true;
    return false;
}

static void sizes_nothing(Parser *p, const Ast *size)
{
    parse_error(p, size->span, E039, "a number of draws, but nothing is drawn: E[x] is over a sample that has its size already");
}

Ast *build_expectation(Parser *p, Token t, List *binders, Ast *size, Ast *body)
{
    Ast *n = build_node(p, AST_EXPECTATION, from_token(p, t, body));
    n->expectation.binders = joined(p, finished(binders));
    n->expectation.all = build_is_all(size);
    n->expectation.size = n->expectation.all ? NULL : size;
    n->expectation.body = body;
    if (size && !draws(n->expectation.binders)) sizes_nothing(p, size);
    return build_done(p, n);
}

Ast *build_grad(Parser *p, Token t, List *wrt, Ast *body)
{
    Ast *n = build_node(p, AST_GRAD, from_token(p, t, body));
    n->grad.wrt = finished(wrt);
    n->grad.body = body;
    return build_done(p, n);
}

Ast *build_after(Parser *p, Token t, Ast *count, Ast *updates, Ast *body)
{
    Ast *n = build_node(p, AST_AFTER, from_token(p, t, body));
    n->after.count = count;
    n->after.updates = build_checked(p, updates, IN_SCHEDULE);
    n->after.body = body;
    return build_done(p, n);
}

/* ---- parts */

Ast *build_arg(Parser *p, Token name, Ast *value)
{
    Ast *n = build_node(p, AST_ARG, value->span);
    if (name.kind) {
        n->span = from_token(p, name, value);
        n->arg.name = build_name_text(p, name);
        n->arg.name_span = token_span(p, name);
        n->arg.all = !strcmp(n->arg.name, "n") && build_is_all(value);
    }
    n->arg.value = value;
    return build_done(p, n);
}

Ast *build_binder(Parser *p, Ast *pattern, Ast *dist)
{
    Ast *n = build_node(p, AST_BINDER, dist ? span_join(pattern->span, dist->span) : pattern->span);
    n->binder.patterns = finished(list_of(p, build_pattern(p, pattern)));
    n->binder.dist = dist;
    return build_done(p, n);
}

List *build_sized(Parser *p, List *binders, Ast *size)
{
    Ast *last = binders->v[binders->n - 1];
    if (!last->binder.dist || !draws(finished(binders))) sizes_nothing(p, size);
    last->binder.all = build_is_all(size);
    last->binder.size = last->binder.all ? NULL : size;
    last->span = span_join(last->span, size->span);
    binders->v[binders->n - 1] = build_done(p, last);
    return binders;
}

Ast *build_param(Parser *p, Token name, Ast *type, Ast *draw, Ast *value)
{
    if (type && !draw && !value && !build_reads_as_type(type)) {
        value = type;
        type = NULL;
    }
    const Ast *last = value ? value : draw ? draw : type;
    Ast       *n = build_node(p, AST_PARAM, last ? from_token(p, name, last) : token_span(p, name));
    n->param.name = build_declared(p, name);
    n->param.type = build_type(p, type);
    n->param.draw = draw;
    n->param.value = value;
    return build_done(p, n);
}

/* (n, *, bias = true): a mark, which build_params() takes out. */
Ast *build_star(Parser *p, Token star)
{
    Ast *n = build_node(p, AST_PARAM, token_span(p, star));
    n->param.name = "*";
    return build_done(p, n);
}

AstList build_params(Parser *p, List *params)
{
    AstList all = finished(params);
    const Ast *star = NULL;
    int n = 0;
    for (int i = 0; i < all.n; i++) {
        Ast *a = all.v[i];
        bool is_star = !strcmp(a->param.name, "*");
        if (is_star && star) parse_error(p, a->span, E039, "a second * among parameters");
        else if (is_star && i + 1 == all.n) diag_hint(parse_error(p, a->span, E039, "nothing stands behind this *"), "parameters behind it are given by name alone: (n, *, bias = true)");
        if (is_star) star = a;
        else a->param.named = star, all.v[n++] = a;
    }
    all.n = n;
    return all;
}

Ast *build_carry(Parser *p, Ast *pattern, Ast *value)
{
    Ast *n = build_node(p, AST_CARRY, span_join(pattern->span, value->span));
    n->carry.pattern = build_pattern(p, pattern);
    n->carry.value = value;
    return build_done(p, n);
}

Ast *build_change(Parser *p, Token name, bool adds, Ast *value)
{
    Ast *n = build_node(p, AST_CHANGE, from_token(p, name, value));
    n->change.name = build_name_text(p, name);
    n->change.name_span = token_span(p, name);
    n->change.adds = adds;
    n->change.value = value;
    return build_done(p, n);
}

Ast *build_module(Parser *p, Ast *before, Token name)
{
    Ast        *n = build_node(p, AST_MODULE, token_span(p, name));
    const char *last = build_name_text(p, name);
    n->module.name = before ? arena_printf(p->arena, "%s.%s", before->module.name, last) : last;
    if (before) n->span = span_join(before->span, n->span);
    if (strlen(n->module.name) > LONGEST_NAME) {
        parse_error(p, n->span, E029, "a module's name of %zu bytes; names have at most %d", strlen(n->module.name), LONGEST_NAME);
        n->module.name = last;
    }
    return n;
}
