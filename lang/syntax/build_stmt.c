/* build_stmt.c - declarations and statements, one function for each production. */
#include "lang/syntax/build.h"

#include "grammar.h"

#include <string.h>

/* ---- declarations */

/* The file's own ## comment: one with a blank line below it, or above the imports. */
static const char *file_doc(const Parser *p, AstList stmts)
{
    const Lexer *lx = &p->layout.lx;
    uint32_t     first = stmts.n ? stmts.v[0]->span.begin : p->f->n;
    if (lx->docs.n == 0 || lx->docs.v[0].begin > first) return NULL;
    bool above_imports = stmts.n && stmts.v[0]->kind == AST_IMPORT;
    return lx->docs.v[0].detached || above_imports ? lx->docs.v[0].text : NULL;
}

Ast *build_file(Parser *p, List *stmts)
{
    Ast *n = build_node(p, AST_FILE, span_of(p->f, 0, p->f->n));
    n->file.stmts = finished(stmts);
    n->file.doc = file_doc(p, n->file.stmts);
    if (p->is_entry) return build_done(p, n);
    build_check_statements(p, n->file.stmts, IN_SCHEDULE);
    return build_done(p, n);
}

Ast *build_import(Parser *p, Token t, List *modules)
{
    AstList all = finished(modules);
    Ast    *n = build_node(p, AST_IMPORT, span_join(token_span(p, t), list_span(all)));
    n->import.modules = all;
    return build_done(p, n);
}

Ast *build_data(Parser *p, Token t, List *names, Ast *type, Ast *value)
{
    Ast *n = build_node(p, AST_DATA, from_token(p, t, value));
    n->data.doc = build_doc_at(p, t.begin);
    n->data.names = finished(names);
    n->data.type = build_type(p, type);
    n->data.value = value;
    for (int i = 0; i < n->data.names.n; i++) build_check_names(p, n->data.names.v[i]);
    return build_done(p, n);
}

Ast *build_let(Parser *p, Token t, Ast *pattern, Ast *type, Ast *value)
{
    Ast *n = build_node(p, AST_LET, from_token(p, t, value));
    n->let.doc = build_doc_at(p, t.begin);
    n->let.pattern = build_pattern(p, pattern);
    n->let.type = build_type(p, type);
    n->let.value = value;
    return build_done(p, n);
}

Ast *build_loss(Parser *p, Token t, Token name, Ast *value)
{
    Ast *n = build_node(p, AST_LOSS, from_token(p, t, value));
    n->loss.doc = build_doc_at(p, t.begin);
    n->loss.name = build_declared(p, name);
    n->loss.name_span = token_span(p, name);
    n->loss.value = value;
    return build_done(p, n);
}

Ast *build_compare(Parser *p, Token t, Token name, Ast *value, List *changes)
{
    AstList all = finished(changes);
    Ast    *n = build_node(p, AST_COMPARE, span_join(from_token(p, t, value), list_span(all)));
    n->compare.doc = build_doc_at(p, t.begin);
    n->compare.name = build_declared(p, name);
    n->compare.name_span = token_span(p, name);
    n->compare.value = value;
    n->compare.changes = all;
    return build_done(p, n);
}

static AstDefine define_word(Token t)
{
    switch (t.kind) {
    case TK_LAYER: return AST_DEFINE_LAYER;
    case TK_NET: return AST_DEFINE_NET;
    case TK_IMPLICIT: return AST_DEFINE_IMPLICIT;
    case TK_PRESCRIBED: return AST_DEFINE_PRESCRIBED;
    case TK_DISTRIBUTION: return AST_DEFINE_DISTRIBUTION;
    case TK_BIJECTOR: return AST_DEFINE_BIJECTOR;
    case TK_COMPARISON: return AST_DEFINE_COMPARISON;
    case TK_OPTIMIZER: return AST_DEFINE_OPTIMIZER;
    case TK_METRIC: return AST_DEFINE_METRIC;
    default: return AST_DEFINE_DEF;
    }
}

static Ast *define_node(Parser *p, Token t, AstDefine word, Head h, Span span)
{
    Ast *n = build_node(p, AST_DEFINE, span);
    n->define.doc = build_doc_at(p, t.begin);
    n->define.word = word;
    n->define.name = build_declared(p, h.name);
    n->define.name_span = token_span(p, h.name);
    n->define.n_lists = h.n_lists;
    n->define.params = build_params(p, h.params);
    n->define.params2 = build_params(p, h.params2);
    n->define.result = build_type(p, h.result);
    build_check_params(p, n->define.params, n->define.params2);
    return n;
}

static bool has_members(AstDefine word)
{
    return word == AST_DEFINE_DISTRIBUTION || word == AST_DEFINE_BIJECTOR || word == AST_DEFINE_COMPARISON;
}

/* What the word asks of the rest. */
static void check_define(Parser *p, const Ast *n)
{
    AstDefine   word = n->define.word;
    const char *name = n->define.name;
    Span        at = n->define.name_span;
    if (word == AST_DEFINE_DEF && n->define.n_lists == 0)
        diag_hint(parse_error(p, at, E039, "def %s has no parameters", name), "let %s = ... names a value, def %s() = ... is a function of nothing", name, name);
    if (word == AST_DEFINE_OPTIMIZER && n->define.n_lists != 2 && !n->define.is_alias)
        diag_hint(parse_error(p, at, E039, "an optimizer has two lists: its settings, then the parameters and their gradient"),
                  "optimizer %s(lr)(w, g) { w := w - lr * g }", name);
    if (has_members(word) && n->define.body->kind != AST_BLOCK && !n->define.is_alias)
        diag_hint(parse_error(p, at, E039, "a %s is a block of members", AstDefine_name(word)), "%s %s(...) { name = value }", AstDefine_name(word), name);
}

Ast *build_define(Parser *p, Token t, Head h, bool is_block, Ast *body)
{
    AstDefine word = define_word(t);
    Ast      *n = define_node(p, t, word, h, from_token(p, t, body));
    n->define.is_alias = !is_block && h.n_lists == 0 && !h.result && word != AST_DEFINE_DEF && word != AST_DEFINE_METRIC;
    n->define.body = body;
    if (is_block) build_checked(p, body, has_members(word) ? IN_MEMBERS : IN_VALUE);
    if (word == AST_DEFINE_OPTIMIZER) p->in_rule = false;
    check_define(p, n);
    return build_done(p, n);
}

Ast *build_extern(Parser *p, Token t, Head h, Token library)
{
    Ast *n = define_node(p, t, AST_DEFINE_SIMULATOR, h, span_of(p->f, t.begin, library.end));
    n->define.library = build_unescape(p, library);
    if (h.n_lists != 1 || !h.result)
        diag_hint(parse_error(p, n->define.name_span, E039, "an extern simulator has one list of parameters and a result"),
                  "extern simulator %s(theta: real[3]) -> real[20] from \"lib.so\"", n->define.name);
    return build_done(p, n);
}

/* r(x, y) = ...: the grammar read a call; its arguments are the parameters. */
static List *member_params(Parser *p, const Ast *call)
{
    List *params = list_of(p, NULL);
    for (int i = 0; i < call->call.args.n; i++) {
        const Ast *a = call->call.args.v[i];
        bool       typed = a->arg.name != NULL, plain = !typed && a->arg.value->kind == AST_NAME && !a->arg.value->parens;
        if (!typed && !plain) {
            parse_error(p, a->span, E031, "a parameter's name must stand here");
            continue;
        }
        Token name = {TK_ID, typed ? a->arg.name_span.begin : a->span.begin, typed ? a->arg.name_span.end : a->span.end};
        list_add(p, params, build_param(p, name, typed ? a->arg.value : NULL, NULL, NULL));
    }
    return params;
}

Ast *build_member(Parser *p, Ast *left, Ast *value)
{
    Ast *n = build_node(p, AST_MEMBER, span_join(left->span, value->span));
    Ast *name = left->kind == AST_CALL ? left->call.callee : left;
    n->member.doc = build_doc_at(p, n->span.begin);
    n->member.name_span = name->span;
    n->member.value = value;
    n->member.name = "?";
    if (name->kind != AST_NAME || left->parens || name->parens) {
        Diag *d = parse_error(p, left->span, E031, "only a name, or a name with parameters, is defined with =");
        diag_hint(d, name->kind == AST_INDEX ? "a part of a state is changed with :=" : name->kind == AST_TUPLE ? "let (a, b) = ..." : "== compares");
        n->kind = AST_LET;                                   /* so that it is not reported as a member, too */
        n->let = (__typeof__(n->let)){.pattern = left, .value = value};
        return build_done(p, n);
    }
    n->member.name = build_not_reserved(p, name->name.name, name->span);
    n->member.has_params = left->kind == AST_CALL;
    if (n->member.has_params) n->member.params = finished(member_params(p, left));
    build_check_params(p, n->member.params, (AstList){0});
    return build_done(p, n);
}

Ast *build_variable(Parser *p, Token t, AstKind kind, Token name, Ast *type, Ast *draw, Ast *value)
{
    Ast        *n = build_node(p, kind, from_token(p, t, draw ? draw : value));
    const char *doc = build_doc_at(p, t.begin), *called = build_declared(p, name);
    Span        at = token_span(p, name);
    type = build_type(p, type);
    if (kind == AST_PARAMETER)
        n->parameter = (__typeof__(n->parameter)){doc, called, at, type, draw, value};
    else
        n->state = (__typeof__(n->state)){doc, called, at, type, draw, value};
    return build_done(p, n);
}

/* ---- statements */

Ast *build_sample(Parser *p, List *binders, Ast *size)
{
    AstList all = finished(binders);
    Span    span = list_span(all);
    Ast    *n = build_node(p, AST_SAMPLE, size ? span_join(span, size->span) : span);
    n->sample.binders = all;
    n->sample.all = build_is_all(size);
    n->sample.size = n->sample.all ? NULL : size;
    return build_done(p, n);
}

Ast *build_assign(Parser *p, Ast *target, Ast *value)
{
    Ast *n = build_node(p, AST_ASSIGN, span_join(target->span, value->span));
    if ((target->kind != AST_NAME && target->kind != AST_FIELD && target->kind != AST_INDEX) || target->parens)
        parse_error(p, target->span, E031, "left of := stands a state or a part of one: u, chain[step]");
    n->assign.target = target;
    n->assign.value = value;
    return build_done(p, n);
}

Ast *build_alternate(Parser *p, Token t, Ast *steps, Ast *batch, Ast *body)
{
    Ast *n = build_node(p, AST_ALTERNATE, from_token(p, t, body));
    n->alternate.steps = steps;
    n->alternate.batch = batch;
    n->alternate.body = build_checked(p, body, IN_SCHEDULE);
    return build_done(p, n);
}

Ast *build_counted(Parser *p, Token t, AstKind kind, Ast *count, Ast *body)
{
    Ast *n = build_node(p, kind, from_token(p, t, body));
    build_checked(p, body, IN_SCHEDULE);
    if (kind == AST_REPEAT)
        n->repeat = (__typeof__(n->repeat)){count, body};
    else
        n->every = (__typeof__(n->every)){count, body};
    return build_done(p, n);
}

Ast *build_together(Parser *p, Token t, AstKind kind, Ast *body)
{
    Ast *n = build_node(p, kind, from_token(p, t, body));
    build_checked(p, body, IN_SCHEDULE);
    if (kind == AST_SIMULTANEOUS)
        n->simultaneous.body = body;
    else
        n->extragradient.body = body;
    return build_done(p, n);
}

Ast *build_update(Parser *p, Token t, List *players, AstGoal goal, Ast *value, Ast *optimizer, Ast *project)
{
    Ast *n = build_node(p, AST_UPDATE, from_token(p, t, project ? project : optimizer));
    n->update.players = finished(players);
    n->update.goal = goal;
    n->update.value = value;
    n->update.optimizer = optimizer;
    n->update.project = project;
    return build_done(p, n);
}

Ast *build_average(Parser *p, Token t, Ast *source, Ast *target, Ast *decay)
{
    Ast *n = build_node(p, AST_AVERAGE, from_token(p, t, decay));
    n->average.source = source;
    n->average.target = target;
    n->average.decay = decay;
    return build_done(p, n);
}

Ast *build_copy(Parser *p, Token t, Ast *source, Ast *target)
{
    Ast *n = build_node(p, AST_COPY, from_token(p, t, target));
    n->copy.source = source;
    n->copy.target = target;
    return build_done(p, n);
}

Ast *build_report(Parser *p, Token t, AstReport what, Token name, List *indices, Ast *value)
{
    Ast *n = build_node(p, AST_REPORT, from_token(p, t, value));
    n->report.what = what;
    n->report.name = build_declared(p, name);
    n->report.name_span = token_span(p, name);
    n->report.indices = finished(indices);
    n->report.value = value;
    return build_done(p, n);
}

Ast *build_save(Parser *p, Token t, Ast *name)
{
    Ast *n = build_node(p, AST_SAVE, name ? from_token(p, t, name) : token_span(p, t));
    n->save.name = name;
    return build_done(p, n);
}

Ast *build_precision(Parser *p, Token t, Token name)
{
    Span at = token_span(p, t);
    at.end = name.end;
    Ast *n = build_node(p, AST_PRECISION, at);
    n->precision.name = build_name_text(p, name);
    return build_done(p, n);
}

Ast *build_stop(Parser *p, Token t, Ast *cond)
{
    Ast *n = build_node(p, AST_STOP, from_token(p, t, cond));
    n->stop.cond = cond;
    return build_done(p, n);
}

/* A token of kind 0: no hint. */
Ast *build_require(Parser *p, Token t, Ast *cond, Token hint)
{
    Ast *n = build_node(p, AST_REQUIRE, from_token(p, t, cond));
    n->require.is_soft = t.kind == TK_PREFER;
    n->require.cond = cond;
    n->require.hint = hint.kind ? build_unescape(p, hint) : NULL;
    return build_done(p, n);
}

Ast *build_expect(Parser *p, Token t, Ast *cond, Token step, Ast *by)
{
    Ast *n = build_node(p, AST_EXPECT, from_token(p, t, by ? by : cond));
    n->expect.cond = cond;
    n->expect.by = by;
    bool says_step = step.end - step.begin == 4 && memcmp(p->f->text + step.begin, "step", 4) == 0;
    if (by && !says_step)
        diag_hint(parse_error(p, token_span(p, step), E020, "the word step must stand here"), "expect modes >= 7 by step 20_000");
    return build_done(p, n);
}
