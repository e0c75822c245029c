/* told.c - see told.h.
 *
 * Whom a loss reaches is asked of its derivatives. Which way a net's values are driven is the sign of the loss's derivative by what the net gives, where it is
 * applied to draws of one distribution: said where interval arithmetic knows that sign for all values, and else of the values at which it is computed. Of two losses, terms are the same that are written alike but for
 * the names of their draws; where those that both players change cancel, the game has a zero sum. Start at told_move(). */
#include "compiler/lower/game/exactly.h"
#include "compiler/lower/game/sums.h"
#include "compiler/lower/game/told.h"
#include "compiler/ir/words.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

typedef struct Loss { IrVal *y; double sign; Player *player; } Loss;            /* sign: -1 where it is made large; player: the one that is moved, NULL: several */

struct Told {
    ARRAY(GameMove)    moves;
    ARRAY(Loss)        losses;                              /* of moves, the same index */
    ARRAY(GameCompare) compares;
    ARRAY(const Compare *) compared;                        /* the same index */
    ARRAY(const Ast *) said;                                /* definitions whose comment a move has */
    ARRAY(GameAsked)   asked;
};

Told *told_new(Lower *L) { return arena_new_of(L->a, Told); }

/* ---- formulas: a text of the library, with what its parameters stand for ---------------------------------------------------- */

typedef struct Stands { const Ast *param; const char *text; const Compare *compare; } Stands;
typedef struct Piece { Span at; const char *text; } Piece;
typedef struct Rewrite {
    Ctx   *c;
    const Compare *of;                                      /* whose member the text is, or NULL */
    Stands stands[MAX_ARGS];
    int    n;
    ARRAY(Piece) pieces;                                    /* of the text, ascending */
    ARRAY(const Ast *) defs;                                /* functions among the comparison's members that the text calls */
    const Ast *own;                                         /* binds a name that the text of an argument has, too; or NULL */
} Rewrite;

/* What a value is called in the program. NULL: it has no name. */
static const char *called(Lower *L, const Value *v)
{
    if (!v) return NULL;
    switch (v->kind) {
    case V_PLAYER: return v->player->name;
    case V_DIST: return dist_is_called(v->dist) ? v->dist->name : NULL;
    case V_COMPARE: return v->compare->name;
    case V_FUNCTION:
        if (v->fn.kind == F_BUILTIN) return v->fn.builtin_name;
        return v->fn.kind == F_CLOSURE && !v->fn.closure->bound && v->fn.closure->def->kind == AST_DEFINE ? v->fn.closure->name : NULL;
    case V_INT: case V_REAL: case V_BOOL: return val_key(L, v);
    default: return NULL;
    }
}

static const Stands *stands_for(const Rewrite *r, const Ast *name)
{
    const Bound *b = name->kind == AST_NAME ? names_use(r->c->L->names, name) : NULL;
    for (int i = 0; b && b->kind == NAME_PARAM && i < r->n; i++)
        if (r->stands[i].param == b->node) return &r->stands[i];
    return NULL;
}

static void add_piece(Rewrite *r, Span at, const char *text)
{
    if (text) array_push(r->c->L->a, &r->pieces, ((Piece){at, text}));
}

/* c.q, of a parameter c that is a comparison. */
static bool rewrite_field(Rewrite *r, const Ast *n)
{
    const Stands *s = n->kind == AST_FIELD ? stands_for(r, n->field.object) : NULL;
    if (!s || !s->compare) return false;
    const char *name = called(r->c->L, scope_local(r->c, s->compare->closure->scope, n->field.name));
    add_piece(r, n->span, name ? name : strf(r->c->L, "%s.%s", s->compare->name, n->field.name));
    return true;
}

static const char *rewritten(Rewrite *r, const Ast *e);

static bool is_whole(const Ast *e)
{
    return e->kind == AST_NAME || e->kind == AST_NUMBER || e->kind == AST_CALL || e->kind == AST_FIELD || e->kind == AST_LIST || e->kind == AST_BOOL || e->kind == AST_BLOCK;
}

static void add_def(Rewrite *r, const Ast *d)
{
    for (int i = 0; i < r->defs.n; i++)
        if (r->defs.v[i] == d) return;
    array_push(r->c->L->a, &r->defs, d);
}

/* In the place of a name or a call: the text of another expression, rewritten. */
static bool rewrite_as(Rewrite *r, const Ast *n, const Ast *e)
{
    Rewrite     inner = {.c = r->c, .of = r->of, .n = r->n};
    memcpy(inner.stands, r->stands, sizeof inner.stands);
    const char *text = rewritten(&inner, e);
    if (!r->own) r->own = inner.own;
    for (int i = 0; i < inner.defs.n; i++) add_def(r, inner.defs.v[i]);
    add_piece(r, n->span, strf(r->c->L, is_whole(e) ? "%s" : "(%s)", text ? text : ""));
    return true;
}

/* require(cond, x, "message") is x, and so is what else is said of it alone. NULL: n is no such call. */
static const Ast *is_said_of(const Rewrite *r, const Ast *n)
{
    static const struct { const char *name; int x; } is_x[] = {{"require", 1}, {"uncut", 0}, {"penalty", 0}, {"unlimited", 0}};
    const Ast *f = n->kind == AST_CALL ? n->call.callee : NULL;
    bool       builtin = f && f->kind == AST_NAME && !names_use(r->c->L->names, f);
    for (int i = 0; builtin && i < (int)(sizeof is_x / sizeof *is_x); i++)
        if (!strcmp(f->name.name, is_x[i].name) && n->call.args.n > is_x[i].x) return n->call.args.v[is_x[i].x]->arg.value;
    return NULL;
}

static bool rewrite_required(Rewrite *r, const Ast *n)
{
    const Ast *x = is_said_of(r, n);
    return x && rewrite_as(r, n, x);
}

/* `if c {..} else {..}` of a parameter that is known: the side that is taken. */
static bool rewrite_choice(Rewrite *r, const Ast *n)
{
    const Stands *s = n->kind == AST_IF ? stands_for(r, n->if_.cond) : NULL;
    const Ast    *side = !s || !s->text ? NULL : !strcmp(s->text, "true") ? n->if_.then : !strcmp(s->text, "false") ? n->if_.otherwise : NULL;
    return side && rewrite_as(r, n, side);
}

/* Of what the comparison's members share: another member, or a state, as c.r, a `let` as what it is, a `def` by its name. */
static bool rewrite_shared(Rewrite *r, const Ast *n)
{
    const Bound *b = r->of && n->kind == AST_NAME ? names_use(r->c->L->names, n) : NULL;
    AstList      s = r->of ? r->of->closure->def->define.body->block.stmts : (AstList){0};
    for (int i = 0; b && i < s.n; i++) {
        const Ast *m = s.v[i];
        const char *name = m->kind == AST_MEMBER ? m->member.name : m->kind == AST_STATE ? m->state.name : NULL;
        if (name && m == b->node) return add_piece(r, n->span, strf(r->c->L, "%s.%s", r->of->name, name)), true;
        if (m->kind == AST_LET && m->let.pattern == b->node) return rewrite_as(r, n, m->let.value);
        if (m->kind == AST_DEFINE && m == b->node) return add_def(r, m), true;
    }
    return false;
}

static void rewrite(void *user, const Ast *n);

/* What a block requires is no part of what it is: it goes, up to the statement behind it. */
static bool rewrite_block(Rewrite *r, const Ast *n)
{
    AstList s = n->kind == AST_BLOCK ? n->block.stmts : (AstList){0};
    for (int i = 0; i < s.n; i++) {
        Span at = s.v[i]->span;
        if (i + 1 < s.n) at.end = s.v[i + 1]->span.begin;
        if (s.v[i]->kind == AST_REQUIRE) add_piece(r, at, "");
        else rewrite(r, s.v[i]);
    }
    return n->kind == AST_BLOCK;
}

static void rewrite(void *user, const Ast *n)
{
    Rewrite *r = user;
    if (rewrite_field(r, n) || rewrite_required(r, n) || rewrite_choice(r, n) || rewrite_shared(r, n) || rewrite_block(r, n)) return;
    const Stands *s = stands_for(r, n);
    if (s) add_piece(r, n->span, s->text);
    else ast_each_child(n, rewrite, r);
}

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || !ir_is_name_char(at[-1])) && !ir_is_name_char(at[n])) return true;
    return false;
}

/* Of a comparison's parameter, whose text has a name that n binds: c.p can stand for it. */
static void capture(Rewrite *r, Stands *s, const char *name, const Ast *n)
{
    s->text = r->of ? strf(r->c->L, "%s.%s", r->of->name, s->param->param.name) : s->text;
    if (has_word(s->text, name)) r->own = n;
}

/* A name that the text binds itself must not be one that comes into it. */
static void find_captured(void *user, const Ast *n)
{
    Rewrite     *r = user;
    const char  *name = n->kind == AST_NAME ? n->name.name : n->kind == AST_PARAM ? n->param.name : NULL;
    const Bound *b = name ? names_bound(r->c->L->names, n) : NULL;
    for (int i = 0; b && i < r->n; i++)
        if (r->stands[i].text && has_word(r->stands[i].text, name)) capture(r, &r->stands[i], name, n);
    ast_each_child(n, find_captured, r);
}

/* The text there with the pieces in it. NULL: they are not in its order. */
static const char *with_pieces(const Rewrite *r, Span at)
{
    Lower *L = r->c->L;
    Text   t = text_in(L->a);
    for (int i = 0; i < r->pieces.n; i++) {
        const Piece *p = &r->pieces.v[i];
        if (p->at.begin < at.begin) return NULL;
        text_add(&t, text_of_source(L, (Span){.file = at.file, .begin = at.begin, .end = p->at.begin}));
        text_add(&t, p->text);
        at.begin = p->at.end;
    }
    text_add(&t, text_of_source(L, at));
    return text_str(&t);
}

/* On one line where it is one; NULL: a name would mean something else. */
static const char *rewritten(Rewrite *r, const Ast *e)
{
    const Ast *x = is_said_of(r, e);
    if (x) return rewritten(r, x);
    find_captured(r, e);
    if (r->own) return NULL;
    rewrite(r, e);
    return with_pieces(r, e->span);
}

static const Ast *param_at(AstList params, const Ast *arg, int i)
{
    for (int k = 0; arg->arg.name && k < params.n; k++)
        if (!strcmp(params.v[k]->param.name, arg->arg.name)) return params.v[k];
    return !arg->arg.name && i < params.n ? params.v[i] : NULL;
}

static const char *in_parentheses(Lower *L, const Ast *e)
{
    return strf(L, is_whole(e) ? "%s" : "(%s)", text_of_source(L, e->span));
}

static const Compare *compare_named(Ctx *c, const Ast *e)
{
    Value *v = e->kind == AST_NAME ? scope_find(c, e, false) : NULL;
    return v && v->kind == V_COMPARE ? v->compare : NULL;
}

/* f(c, n: 3) of a definition f: its body. */
static const char *formula_of_call(Ctx *c, const Ast *e)
{
    Value     *f = e->call.callee->kind == AST_NAME ? scope_find(c, e->call.callee, true) : NULL;
    const Ast *d = f && f->kind == V_FUNCTION && f->fn.kind == F_CLOSURE ? f->fn.closure->def : NULL;
    Rewrite    r = {.c = c};
    if (!d || d->kind != AST_DEFINE || d->define.n_lists != 1 || d->define.params.n > MAX_ARGS || !d->define.body) return NULL;
    AstList params = d->define.params;
    for (int i = 0; i < params.n; i++) r.stands[r.n++] = (Stands){params.v[i], params.v[i]->param.value ? in_parentheses(c->L, params.v[i]->param.value) : NULL, NULL};
    for (int i = 0; i < e->call.args.n; i++) {
        const Ast *arg = e->call.args.v[i], *p = param_at(params, arg, i);
        for (int k = 0; p && k < r.n; k++)
            if (r.stands[k].param == p) r.stands[k] = (Stands){p, in_parentheses(c->L, arg->arg.value), compare_named(c, arg->arg.value)};
    }
    return rewritten(&r, d->define.body);
}

static Rewrite of_compare(Ctx *c, const Compare *k)
{
    AstList params = k->closure->def->define.params;
    Rewrite r = {.c = c, .of = k};
    for (int i = 0; i < params.n && i < MAX_ARGS; i++) {
        const char *text = called(c->L, scope_local(c, k->closure->scope, params.v[i]->param.name));
        r.stands[r.n++] = (Stands){params.v[i], text ? text : strf(c->L, "%s.%s", k->name, params.v[i]->param.name), NULL};
    }
    return r;
}

static const char *text_of_parts(Ctx *c, const Ast *e);

/* With what `with` has changed, the first change first. */
static const char *with_changes(Ctx *c, const char *text, const Changed *w, const char *member)
{
    if (!w) return text;
    Ctx inner = *c;
    inner.scope = w->scope;
    text = with_changes(c, text, w->before, member);
    for (int i = 0; i < w->decl->compare.changes.n; i++) {
        const Ast *n = w->decl->compare.changes.v[i];
        if (strcmp(n->change.name, member)) continue;
        const char *change = text_of_parts(&inner, n->change.value);
        text = n->change.adds ? strf(c->L, "%s + %s", text, change) : change;
    }
    return text;
}

static bool is_changed(const Changed *w, const char *member)
{
    for (; w; w = w->before)
        for (int i = 0; i < w->decl->compare.changes.n; i++)
            if (!strcmp(w->decl->compare.changes.v[i]->change.name, member)) return true;
    return false;
}

/* "critic, estimate" */
static const char *changes_text(Lower *L, const Compare *k)
{
    Text    t = text_in(L->a);
    AstList s = k->closure->def->define.body->block.stmts;
    for (int i = 0; i < s.n; i++)
        if (s.v[i]->kind == AST_MEMBER && is_changed(k->changed, s.v[i]->member.name)) text_printf(&t, "%s%s", t.n ? ", " : "", s.v[i]->member.name);
    return text_str(&t);
}

/* The argument for a parameter, as the call writes it, or as it is declared where none is given. NULL: neither is. */
static const char *argument_text(Lower *L, AstList params, const Ast *param, const Ast *call)
{
    for (int i = 0; call && call->kind == AST_CALL && i < call->call.args.n; i++)
        if (param_at(params, call->call.args.v[i], i) == param) return text_of_source(L, call->call.args.v[i]->arg.value->span);
    return param->param.value ? text_of_source(L, param->param.value->span) : NULL;
}

/* "p is ring, q is G", of parameters whose arguments are called otherwise; of one without a name, as fn(u) u^2, what the call says; call: or NULL. */
static const char *stands_text(Ctx *c, const Compare *k, const Ast *call)
{
    AstList params = k->closure->def->define.params;
    Rewrite r = of_compare(c, k);
    Text    t = text_in(c->L->a);
    for (int i = 0; i < r.n; i++) {
        const Ast  *p = r.stands[i].param;
        const char *name = called(c->L, scope_local(c, k->closure->scope, p->param.name)), *text = name ? name : argument_text(c->L, params, p, call);
        if (text && strcmp(text, p->param.name)) text_printf(&t, "%s%s is %s", t.n ? ", " : "", p->param.name, text);
    }
    return text_str(&t);
}

/* ", where within(s) = ..", of each function that the text calls, and those that these call. */
static const char *with_defs(Rewrite *r, const char *text)
{
    Lower *L = r->c->L;
    for (int i = 0; i < r->defs.n; i++) {
        const Ast  *d = r->defs.v[i], *body = d->define.body;
        Rewrite     inner = of_compare(r->c, r->of);
        const char *is = rewritten(&inner, body);
        for (int k = 0; k < inner.defs.n; k++) add_def(r, inner.defs.v[k]);
        Span head = {.file = body->span.file, .begin = d->define.name_span.begin, .end = body->span.begin};
        text = strf(L, "%s, where %s%s", text, text_of_source(L, head), is ? is : text_of_source(L, body->span));
    }
    return text;
}

static const char *formula_of_member(Ctx *c, const Compare *k, const char *name)
{
    AstList s = k->closure->def->define.body->block.stmts;
    for (int i = 0; i < s.n; i++) {
        if (s.v[i]->kind != AST_MEMBER || strcmp(s.v[i]->member.name, name)) continue;
        Rewrite     r = of_compare(c, k);
        const char *text = rewritten(&r, s.v[i]->member.value);
        if (text) text = with_defs(&r, text);
        else text = strf(c->L, "%s, where %s", text_of_source(c->L, s.v[i]->member.value->span), stands_text(c, k, NULL));
        return with_changes(c, text, k->changed, name);
    }
    return NULL;
}

/* A member c.critic, a function f(c): what it is, one step of it. NULL: nothing more can be said. */
static const char *formula_of_part(Ctx *c, const Ast *e)
{
    const Compare *k = e->kind == AST_FIELD ? compare_named(c, e->field.object) : NULL;
    if (k) return formula_of_member(c, k, e->field.name);
    return e->kind == AST_CALL ? formula_of_call(c, e) : NULL;
}

static bool is_of_compare(Ctx *c, const Ast *e)
{
    bool is = e->kind == AST_FIELD && compare_named(c, e->field.object);
    for (int i = 0; e->kind == AST_CALL && i < e->call.args.n; i++) is = is || compare_named(c, e->call.args.v[i]->arg.value);
    return is;
}

static void rewrite_parts(void *user, const Ast *n)
{
    Rewrite    *r = user;
    const char *text = is_of_compare(r->c, n) ? formula_of_part(r->c, n) : NULL;
    if (text) add_piece(r, n->span, strf(r->c->L, "(%s)", text));
    else ast_each_child(n, rewrite_parts, r);
}

/* The text of an expression, in which what is of comparisons is said. */
static const char *text_of_parts(Ctx *c, const Ast *e)
{
    Rewrite r = {.c = c};
    rewrite_parts(&r, e);
    const char *text = with_pieces(&r, e->span);
    return text ? text : text_of_source(c->L, e->span);
}

/* What a loss is that is written so: by itself, or by its parts. NULL: nothing more can be said. */
static const char *formula_of(Ctx *c, const Ast *e)
{
    Value      *v = e->kind == AST_NAME ? scope_find(c, e, false) : NULL;
    bool        named = v && v->kind == V_THUNK && !v->thunk.let;
    const Ast  *said = named ? v->thunk.expr : e;
    const char *whole = formula_of_part(c, said), *parts = whole ? whole : text_of_parts(c, said);
    return named || strcmp(parts, text_of_source(c->L, e->span)) ? parts : NULL;
}

/* ---- comparisons: what is told of their members -------------------------------------------------------------------------------- */

/* A member that is known now, and what kind of estimate any is: found out in a graph that is dropped. */
static void member_value(Ctx *c, Compare *k, const Ast *member, GameMember *m)
{
    Lower *L = c->L;
    Ctx    inner = *c;
    Trial  t = trial_begin(L, true);
    inner.batch = c->batch > 0 ? c->batch : 2;
    Value *v = as_settled(&inner, eval_thunk(&inner, compare_member(&inner, k, member->member.name, member->span), -1), member->span);
    if (v->estimate) m->estimate = v->estimate;
    if (val_is_number(v)) m->value = arena_printf(L->a, "%.10g", val_number(v) + 0.0);
    trial_end(L, &t);
}

static void tell_compare(Ctx *c, Compare *k, const Ast *name)
{
    Lower *L = c->L;
    Told  *t = L->told;
    for (int i = 0; i < t->compared.n; i++)
        if (t->compared.v[i] == k) return;
    const Ast   *d = k->closure->def;
    const Bound *b = names_use(L->names, name);
    AstList      s = d->define.body->block.stmts;
    const Ast   *call = b && b->node->kind == AST_COMPARE ? b->node->compare.value : NULL;
    GameCompare  g = {.name = strf(L, "%s%s", k->name, k->index ? k->index : ""), .stands = stands_text(c, k, call), .made = call ? text_of_source(L, call->span) : k->closure->name, .doc = d->define.doc,
                     .of = k->closure->name, .changed = changes_text(c->L, k), .at = d->define.name_span, .member = arena_array(L->a, GameMember, s.n + 1)};
    for (int i = 0; i < s.n; i++) {
        if (s.v[i]->kind != AST_MEMBER) continue;
        const char *name = s.v[i]->member.name;
        Text        t = text_in(L->a);
        for (int p = 0; p < s.v[i]->member.params.n; p++) text_printf(&t, "%s%s", p ? ", " : "", s.v[i]->member.params.v[p]->param.name);
        bool       declared = !is_changed(k->changed, name);
        GameMember m = {.name = s.v[i]->member.has_params ? strf(L, "%s(%s)", name, text_str(&t)) : name, .doc = declared ? s.v[i]->member.doc : NULL, .formula = formula_of_member(c, k, name)};
        if (!s.v[i]->member.has_params) member_value(c, k, s.v[i], &m);
        g.member[g.n_members++] = m;
    }
    array_push(L->a, &t->compared, k);
    array_push(L->a, &t->compares, g);
}

/* ---- whom a loss reaches ------------------------------------------------------------------------------------------------------- */

static bool is_moved(Player *const *who, int n, const Player *p)
{
    for (int i = 0; i < n; i++)
        if (who[i] == p) return true;
    return false;
}

static bool tell_reach(Ctx *c, const Player *p, IrVal *y, bool moved, GameReach *out)
{
    Lower     *L = c->L;
    GradReport report;
    IrVal    **w = arena_array(L->work, IrVal *, p->params.n + 1), **g = arena_array(L->work, IrVal *, p->params.n + 1);
    for (int i = 0; i < p->params.n; i++) w[i] = fn_read(L, p->params.v[i]);
    if (!p->params.n || !grad_reverse(fn_builder(c), &y, NULL, 1, w, p->params.n, g, &report)) return false;
    const IrNode *cut = NULL;
    for (int i = 0; i < p->params.n; i++) {
        if (g[i] && !watch_is_zero(g[i])) return *out = (GameReach){p->name, moved ? REACH_MOVED : REACH_HELD, SPAN_NONE}, true;
        if (!cut) cut = report.cut[i];
    }
    if (!cut) return false;
    return *out = (GameReach){p->name, cut->op == IR_stop ? REACH_STOPPED : REACH_CUT, span_of_node(L, cut)}, true;
}

/* ---- which way a net's values are driven --------------------------------------------------------------------------------------- */

/* A value that a derivative may be by, or that it ends at, is a copy of what it was. */
static const IrVal *copied(const IrVal *v)
{
    while (v->def && (v->def->op == IR_stop || v->def->op == IR_convert || v->def->op == IR_reshape) && ir_dims_equal(&v->type, &v->def->arg[0]->type)) v = v->def->arg[0];
    return v;
}

static int drawn_as(const Lower *L, const IrVal *x)
{
    for (int i = L->drawn.n; i-- > 0;)
        if (copied(L->drawn.v[i].v) == copied(x)) return i;
    return -1;
}

/* Of what the net's i-th answer is: "p" where all that it was given is one draw of p, "p's x beside q" where it is several, "p beside 1" beside a number. NULL:
 * some of it is no draw, or nothing is. */
static const char *drawn_from(Lower *L, int i)
{
    const Answer *a = &L->answers.v[i];
    int           first = a->given[0].x ? drawn_as(L, a->given[0].x) : -1;
    bool          one = first >= 0, some = false;
    Text          t = text_in(L->work);
    for (int k = 0; k < a->n; k++) {
        int at = a->given[k].x ? drawn_as(L, a->given[k].x) : -1;
        if (at < 0 && !a->given[k].text) return NULL;
        some = some || at >= 0;
        one = one && at >= 0 && L->drawn.v[at].draw == L->drawn.v[first].draw;
        text_add(&t, k ? " beside " : "");
        if (at < 0) text_add(&t, a->given[k].text);
        else text_printf(&t, "%s%s%s", L->drawn.v[at].of, L->drawn.v[at].field ? "'s " : "", L->drawn.v[at].field ? L->drawn.v[at].field : "");
    }
    return one ? L->drawn.v[first].of : some ? text_str(&t) : NULL;
}

/* Of a derivative: its sign at all values, or at those that were tried; 0: why it has none. */
typedef struct Way { int sign; bool some; const char *seen, *why; } Way;

enum { TRIED = 64 };                                      /* of round numbers, where losses bend, only the ends */

static bool has_domain(IrOp op) { return op == IR_log || op == IR_log1p || op == IR_sqrt || op == IR_pow; }

static bool any_arg(const IrNode *n, const bool *of)
{
    for (int i = 0; i < n->n_args; i++)
        if (of[n->arg[i]->id]) return true;
    return false;
}

typedef ARRAY(IrVal *) Values;

/* g, and what must be finite where it is said of y: logarithms and powers of the answer on the way to y, whose slopes go on where they end. */
static Values with_ends(Lower *L, const Answer *a, IrVal *y, IrVal *g)
{
    Values out = {0};
    bool  *of_answer = arena_array(L->work, bool, L->m->next_id + 1), *of_loss = arena_array(L->work, bool, L->m->next_id + 1);
    array_push(L->work, &out, g);
    of_answer[a->v->id] = of_loss[y->id] = true;
    for (const IrNode *n = a->v->def ? a->v->def->next : NULL; n; n = n->next)
        for (int i = 0; any_arg(n, of_answer) && i < n->n_results; i++) of_answer[n->result[i].id] = true;
    for (IrNode *n = y->def; n && n != a->v->def; n = n->prev) {
        bool used = false;
        for (int i = 0; i < n->n_results; i++) used = used || of_loss[n->result[i].id];
        for (int i = 0; used && i < n->n_args; i++) of_loss[n->arg[i]->id] = true;
        if (used && has_domain(n->op) && of_answer[n->result->id]) array_push(L->work, &out, n->result);
    }
    return out;
}

static bool all_finite(Lower *L, const Values *v, double *const *out)
{
    for (int i = 0; i < v->n; i++)
        for (int64_t k = 0; k < now_size(L, v->v[i]); k++)
            if (!isfinite(out[i][k])) return false;
    return true;
}

/* The derivative at TRIED values of the net from -far to far, where it hangs on nothing else; false: it does, or something is not finite at one of them. */
static bool slopes_of_values(Lower *L, const Answer *a, const Values *v, double far, double *x, double *y)
{
    int64_t n = now_size(L, a->v);
    if (a->v->type.rank || n < 1 || now_size(L, v->v[0]) != n) return false;
    double *given = arena_array(L->work, double, n + 1), **out = arena_array(L->work, double *, v->n + 1);
    for (int64_t from = 0; from < TRIED; from += n) {
        for (int64_t i = 0; i < n; i++) given[i] = rint(100 * far * (2.0 * (double)((from + i) % TRIED) / (TRIED - 1) - 1)) / 100;
        if (!now_numbers(L, v->v, v->n, &(NowGiven){a->v, given}, 1, NOW_FIXED, out) || !all_finite(L, v, out)) return false;
        for (int64_t i = 0; i < n && from + i < TRIED; i++) x[from + i] = given[i], y[from + i] = out[0][i];
    }
    return true;
}

/* Both signs among the slopes, or one. What is small beside the others may be what rounding has left. */
static Way way_of_slopes(Lower *L, const double *x, const double *y, double far)
{
    double most = 0;
    int    up = -1, down = -1;
    bool   small[2] = {false, false};
    for (int i = 0; i < TRIED; i++) most = fmax(most, fabs(y[i]));
    for (int i = 0; i < TRIED; i++) {
        if (y[i] > 1e-9 * most) up = up < 0 || y[i] > y[up] ? i : up;
        else if (y[i] < -1e-9 * most) down = down < 0 || y[i] < y[down] ? i : down;
        else if (y[i]) small[y[i] < 0] = true;
    }
    if (up >= 0 && down >= 0) return (Way){.why = strf(L, "is not the same for all its values: the loss grows with it where it is %g, and falls where it is %g", x[up], x[down])};
    if (up < 0 && down < 0) return (Way){0};
    if (small[up >= 0]) return (Way){0};
    return (Way){.sign = up >= 0 ? 1 : -1, .seen = strf(L, "%d values of it from %g to %g", TRIED, -far, far)};
}

/* Added to y: the slopes of a draw's share, of which a mean over n has n. */
static bool add_slopes(Lower *L, const Answer *a, IrVal *loss, IrVal *g, double far, double *x, double *y)
{
    double one[TRIED];
    Values v = with_ends(L, a, loss, g);
    if (!slopes_of_values(L, a, &v, far, x, one)) return false;
    for (int i = 0; i < TRIED; i++) y[i] += one[i] * (double)now_size(L, a->v);
    return true;
}

static bool is_asked_there(Lower *L, int i, const Player *net, const char *part, const char *of, IrVal *const *g)
{
    const Answer *a = &L->answers.v[i];
    const char   *other = g[i] && a->net == net && !strcmp(a->part, part) ? drawn_from(L, i) : NULL;
    return other && !strcmp(other, of);
}

/* Of one value of the net, wherever the loss asks it there: exp(exp(8)) is infinite, so it may be tried nearer by. */
static Way way_seen(Lower *L, const Player *net, const char *part, const char *of, IrVal *loss, IrVal *const *g)
{
    for (double far = 8; far >= 2; far /= 2) {
        double x[TRIED], y[TRIED] = {0};
        bool   all = true;
        for (int i = 0; all && i < L->answers.n; i++)
            if (is_asked_there(L, i, net, part, of, g)) all = add_slopes(L, &L->answers.v[i], loss, g[i], far, x, y);
        if (all) return way_of_slopes(L, x, y, far);
    }
    return (Way){0};
}

/* Of a derivative as it is computed, and as the formula has it, which are one number: what is known of either. */
static int sign_of_either(const IrVal *g, const IrVal *written, bool strict)
{
    int s = watch_sign(g, strict);
    return s || !written ? s : watch_sign(written, strict);
}

/* At draws of one distribution, by all that the net gives there. */
static Way way_at(Lower *L, const Player *net, const char *part, const char *of, IrVal *loss, IrVal *const *g, IrVal *const *written)
{
    int  sign = 2;                                          /* the one of all, whatever is computed; 0: they have none */
    bool some = false;
    for (int i = 0; i < L->answers.n; i++) {
        if (!is_asked_there(L, i, net, part, of, g)) continue;
        int strict = g[i]->type.rank ? sign_of_either(g[i], written[i], true) : 1, s = sign_of_either(g[i], written[i], false);       /* of a tensor's elements some may count for nothing */
        some = some || !strict;
        sign = sign == 2 || sign == s ? s : 0;
    }
    return sign ? (Way){.sign = sign, .some = some} : way_seen(L, net, part, of, loss, g);
}

/* What is said of the net there; NULL: nothing is yet. */
static GamePush *push_at(const GameMove *m, const char *net, const char *part, const char *draws)
{
    for (int i = 0; i < m->n_push; i++)
        if (!strcmp(m->push[i].net, net) && !strcmp(m->push[i].part, part) && !strcmp(m->push[i].draws, draws)) return &m->push[i];
    return NULL;
}

static GamePush *push_new(GameMove *m, const char *net, const char *part, const char *draws, Way way, int sign)
{
    m->push[m->n_push] = (GamePush){.net = net, .part = part, .draws = draws, .way = sign * way.sign, .some = way.some, .seen = way.seen, .why = way.why};
    return &m->push[m->n_push++];
}

/* Whom the slope reaches through what the i-th answer is of: a bit for each of who. */
static uint64_t moved_through(Ctx *c, int i, Player *const *who, int n_who)
{
    Lower   *L = c->L;
    uint64_t found = 0;
    for (int k = 0; k < L->answers.v[i].n; k++) {
        GameReach out;
        IrVal    *x = L->answers.v[i].given[k].x;
        for (int p = 0; x && ir_is_real(x->type.elem) && p < n_who && p < 64; p++)
            if (tell_reach(c, who[p], x, true, &out) && out.kind == REACH_MOVED) found |= UINT64_C(1) << p;
    }
    return found;
}

/* Whether draws are to be where the net is higher is not known where the same players move something else that the net is asked of: what the net is there
 * changes with the draws, too. */
static bool is_asked_of_more(Lower *L, int i, IrVal *const *g, const uint64_t *moved)
{
    for (int k = 0; k < L->answers.n; k++)
        if (g[k] && (moved[k] & moved[i]) && L->answers.v[k].net == L->answers.v[i].net && !strcmp(L->answers.v[k].part, L->answers.v[i].part) && !drawn_from(L, k)) return true;
    return false;
}

/* ---- what stabilising a loss brings -------------------------------------------------------------------------------------------------- */

static const double logits[GAME_LOGITS] = {-88, -40, -16, -8, -1, 0, 1, 8, 16, 40, 88};

/* Added to y: g at these values of the answer, times how many there are; false: it hangs on more. */
static bool add_digits(Lower *L, const Answer *a, IrVal *g, bool wide, double *y)
{
    int64_t n = now_size(L, a->v);
    if (a->v->type.rank || n < 1 || now_size(L, g) != n) return false;
    double *given = arena_array(L->work, double, n + 1), *out;
    for (int64_t from = 0; from < GAME_LOGITS; from += n) {
        for (int64_t i = 0; i < n; i++) given[i] = logits[(from + i) % GAME_LOGITS];
        NowGiven k = {a->v, given};
        if (!(wide ? now_numbers(L, &g, 1, &k, 1, NOW_FIXED, &out) : now_as_it_is(L, g, &k, &out))) return false;
        for (int64_t i = 0; i < n && from + i < GAME_LOGITS; i++) y[from + i] += out[i] * (double)n;
    }
    return true;
}

/* The same of what g says of numbers; NAN: not known. */
static void add_exact(Lower *L, const Answer *a, IrVal *g, double *y)
{
    double n = (double)now_size(L, a->v);
    for (int i = 0; i < GAME_LOGITS; i++) y[i] += n * exactly_at(L, g, a->v, logits[i]);
}

static void exact_of(Lower *L, GameDigits *d, const Player *net, IrVal *const *g)
{
    for (int i = 0; i < L->answers.n; i++)
        if (is_asked_there(L, i, net, d->part, d->draws, g)) add_exact(L, &L->answers.v[i], g[i], d->exact);
}

/* Of all terms that the net's value there stands in. */
static bool digits_of(Lower *L, const GameDigits *d, const Player *net, IrVal *const *g, bool wide, double *y)
{
    for (int i = 0; i < L->answers.n; i++)
        if (is_asked_there(L, i, net, d->part, d->draws, g) && !add_digits(L, &L->answers.v[i], g[i], wide, y)) return false;
    return true;
}

static bool has_digits(const GameMove *m, const Answer *a, const char *of)
{
    for (int i = 0; i < m->n_digits; i++)
        if (!strcmp(m->digits[i].net, a->net->name) && !strcmp(m->digits[i].part, a->part) && !strcmp(m->digits[i].draws, of)) return true;
    return false;
}

/* written, here: the derivatives by the answers of the loss as it is written, and as it is computed. */
static void tell_digits(Lower *L, IrVal *const *written, IrVal *const *here, GameMove *m)
{
    m->digits = arena_array(L->a, GameDigits, L->answers.n + 1);
    for (int i = 0; i < L->answers.n; i++) {
        const Answer *a = &L->answers.v[i];
        const char   *of = written[i] && here[i] ? drawn_from(L, i) : NULL;
        if (!of || has_digits(m, a, of)) continue;
        GameDigits d = {.net = a->net->name, .part = a->part, .draws = arena_str(L->a, of), .times = (double)now_size(L, a->v)};
        memcpy(d.at, logits, sizeof logits);
        if (!digits_of(L, &d, a->net, written, false, d.written) || !digits_of(L, &d, a->net, written, true, d.wide) || !digits_of(L, &d, a->net, here, false, d.here)) continue;
        exact_of(L, &d, a->net, written);
        m->digits[m->n_digits++] = d;
    }
}

static void tell_pushes(Ctx *c, IrVal *y, int sign, Player *const *who, int n_who, GameMove *m)
{
    Lower *L = c->L;
    int    n = L->answers.n;
    IrVal **w = arena_array(L->work, IrVal *, n + 1), **g = arena_array(L->work, IrVal *, n + 1), **written = arena_array(L->work, IrVal *, n + 1);
    m->push = arena_array(L->a, GamePush, n + 1);
    for (int i = 0; i < n; i++) w[i] = L->answers.v[i].v;
    GradReport report;
    IrVal *stable = n ? before_grad(c, y, w, n, false) : y;                     /* its derivative has fewer rows */
    if (!n || !grad_reverse(fn_builder(c), &stable, NULL, 1, w, n, g, &report)) return;
    uint64_t *moved = arena_array(L->work, uint64_t, n + 1);
    for (int i = 0; i < n; i++)
        if (g[i] && watch_is_zero(g[i])) g[i] = NULL;
        else if (g[i]) g[i] = before_grad(c, g[i], w, n, true);
    if (grad_reverse(fn_builder(c), &y, NULL, 1, w, n, written, &report)) tell_digits(L, written, g, m);
    for (int i = 0; i < n; i++) moved[i] = g[i] ? moved_through(c, i, who, n_who) : 0;
    for (int i = 0; i < n; i++) {
        const Player *net = L->answers.v[i].net;
        const char   *of = g[i] ? drawn_from(L, i) : NULL;
        if (!of) continue;
        const char *part = L->answers.v[i].part;
        GamePush   *p = push_at(m, net->name, part, of);
        if (!p) p = push_new(m, net->name, part, arena_str(L->a, of), way_at(L, net, part, of, y, g, written), -sign);
        if (!is_moved(who, n_who, net) && is_asked_of_more(L, i, g, moved)) p->way = 0, p->why = strf(L, "is not known, as %s is asked of something else that moves with them, too", net->name);
        p->many = p->many || g[i]->type.rank;
        p->moved = p->moved || moved[i];
    }
}

/* ---- sums of losses -------------------------------------------------------------------------------------------------------------- */

/* A value as a text in which draws, axes and values are numbered as they come: the same for what is computed alike. */
typedef struct Writer {
    Lower *L;
    Text   out;
    int   *value, *axis, *stream;                           /* the numbers, from 1 */
    int    n_values, n_axes, n_streams;
    const Player *player[2];
    bool   reads[2];
    ARRAY(const IrVal *) todo;
} Writer;

static int numbered(int *at, int *n)
{
    if (!*at) *at = ++*n;
    return *at;
}

static void write_axes(Writer *w, const IrAxes *a)
{
    for (int i = 0; i < a->n; i++) text_printf(&w->out, "<%d:%lld>", numbered(&w->axis[a->id[i]], &w->n_axes), (long long)ir_extent(w->L->m, a->id[i]));
}

static void write_pairs(Writer *w, const IrPairs *p)
{
    for (int i = 0; i < p->n; i++) text_printf(&w->out, "%d:%d,", p->a[i], p->b[i]);
}

static void write_attr(Writer *w, const IrNode *n, IrAttrKey key)
{
    const IrAttrInfo *info = &ir_attr_info[key];
    const IrAttrs    *a = n->attr;
    const void       *x = (const char *)a + info->at;
    text_printf(&w->out, " %s ", info->name);
    switch (info->kind) {
    case ATTR_NUMBER: text_printf(&w->out, "%a/%lld", *(const double *)x, (long long)a->n); break;
    case ATTR_ELEM: text_printf(&w->out, "%d", a->elem); break;
    case ATTR_COMPARE: text_printf(&w->out, "%d", a->compare); break;
    case ATTR_FORM: text_printf(&w->out, "%d", a->form); break;
    case ATTR_INT: case ATTR_GROUP: case ATTR_SLOT: text_printf(&w->out, "%d", *(const int *)x); break;
    case ATTR_AXIS: text_printf(&w->out, "%d", *(const int *)x < 0 ? 0 : numbered(&w->axis[*(const int *)x], &w->n_axes)); break;
    case ATTR_STREAM: text_printf(&w->out, "%d", *(const int *)x < 0 ? 0 : numbered(&w->stream[*(const int *)x], &w->n_streams)); break;
    case ATTR_INT64: text_printf(&w->out, "%lld", (long long)*(const int64_t *)x); break;
    case ATTR_BATCH: text_printf(&w->out, "%d ", a->n_batch); write_pairs(w, &a->batch); break;
    case ATTR_PAIRS: write_pairs(w, x); break;
    case ATTR_WINDOWS:
        for (int i = 0; i < a->n_windows; i++) {
            const IrWindow *v = &a->windows[i];
            text_printf(&w->out, "%d %d %lld %lld %lld %lld %lld,", v->a, v->b, (long long)v->stride, (long long)v->dil_a, (long long)v->dil_b, (long long)v->lo, (long long)v->hi);
        }
        break;
    case ATTR_AXES: write_axes(w, x); break;
    case ATTR_PAIR_AXES:
        for (int i = 0; a->pair_over && i < n->n_args / 2; i++) write_axes(w, &a->pair_over[i]), text_add(&w->out, ";");
        break;
    case ATTR_INTS:
        for (int i = 0; i < ((const IrInts *)x)->n; i++) text_printf(&w->out, "%lld,", (long long)((const IrInts *)x)->v[i]);
        break;
    case ATTR_FLAG: text_printf(&w->out, "%d", *(const bool *)x); break;
    case ATTR_STRING: text_add(&w->out, a->symbol ? a->symbol : ""); break;
    }
}

static void write_version(Writer *w, const Version *v)
{
    const Player *owner = v->tick ? NULL : slot_owner(w->L, v->slot);
    for (int i = 0; i < 2; i++) w->reads[i] = w->reads[i] || (owner && owner == w->player[i]);
    if (v->tick) text_add(&w->out, "tick ");
    else text_printf(&w->out, "slot %d ", v->slot);
}

static void write_value(Writer *w, const IrVal *v)
{
    const Version *version = version_of(w->L, v);
    IrAttrKey      keys[IR_ATTR_COUNT];
    if (w->value[v->id]) {
        text_printf(&w->out, "%%%d ", w->value[v->id]);
        return;
    }
    numbered(&w->value[v->id], &w->n_values);
    if (version) {
        write_version(w, version);
        return;
    }
    if (!v->def || v->def->n_bodies) {                      /* of a loop: none but itself */
        text_printf(&w->out, "value %u ", v->id);
        w->reads[0] = w->reads[1] = true;
        return;
    }
    text_printf(&w->out, "(%s %d %d [", ir_op_info[v->def->op].name, v->def->n_args, v->index);
    for (int i = 0; i < v->type.rank; i++) text_printf(&w->out, "%lld,", (long long)v->type.dim[i]);
    write_axes(w, &v->type.axes);
    text_printf(&w->out, "] %d", v->type.elem);
    for (int i = 0, n = ir_attr_keys(v->def->op, keys); i < n; i++) write_attr(w, v->def, keys[i]);
    for (int i = v->def->n_args; i-- > 0;) array_push(w->L->work, &w->todo, v->def->arg[i]);
}

typedef struct LossTerm { double scale; const char *text; bool both; } LossTerm;
typedef struct Terms { ARRAY(LossTerm) list; } Terms;

static void add_term(Lower *L, const IrVal *v, double scale, const Player *a, const Player *b, Terms *out)
{
    Writer w = {.L = L, .out = text_in(L->work), .value = arena_array(L->work, int, L->m->next_id + 1), .axis = arena_array(L->work, int, L->m->axes.n + 1),
                .stream = arena_array(L->work, int, L->m->streams.n + 1), .player = {a, b}};
    array_push(L->work, &w.todo, v);
    while (w.todo.n) write_value(&w, w.todo.v[--w.todo.n]);
    const char *text = text_str(&w.out);
    for (int i = 0; i < out->list.n; i++)
        if (!strcmp(out->list.v[i].text, text)) {
            out->list.v[i].scale += scale;
            return;
        }
    array_push(L->work, &out->list, ((LossTerm){scale, text, w.reads[0] && w.reads[1]}));
}

/* v, as a sum of multiples. */
static void add_terms(Lower *L, IrVal *v, double scale, const Player *a, const Player *b, Terms *out)
{
    Sum sum = sum_of(L, v, scale, NULL);
    for (int i = 0; i < sum.term.n; i++) add_term(L, sum.term.v[i].v, sum.term.v[i].scale, a, b, out);
    if (sum.more) array_push(L->work, &out->list, ((LossTerm){1, "more than are looked at", true}));
}

/* Neither knows of a term that it does not change: what is left of the sum must be of terms that one of both changes alone. */
static bool zero_sum(Lower *L, const Loss *a, const Loss *b, bool *apart)
{
    Terms t = {0};
    add_terms(L, a->y, a->sign, a->player, b->player, &t);
    add_terms(L, b->y, b->sign, a->player, b->player, &t);
    bool zero = false;
    *apart = false;
    for (int i = 0; i < t.list.n; i++) {
        bool left = fabs(t.list.v[i].scale) > 1e-12;
        if (left && t.list.v[i].both) return false;
        zero = zero || (!left && t.list.v[i].both);
        *apart = *apart || left;
    }
    return zero;
}

static bool same_block(const GameMove *a, const GameMove *b) { return a->alternate == b->alternate && !strcmp(a->index, b->index); }

/* The only move of its player in its block, which moves nobody else? */
static bool moves_once(const Told *t, int i)
{
    for (int k = 0; k < t->moves.n; k++)
        if (k != i && same_block(&t->moves.v[k], &t->moves.v[i]) && (!t->losses.v[k].player || t->losses.v[k].player == t->losses.v[i].player)) return false;
    return t->losses.v[i].player && t->losses.v[i].y;
}

/* ---- what the library says of a loss ---------------------------------------------------------------------------------------------- */

typedef struct Said { Ctx *c; ARRAY(GameSaid) list; } Said;

static bool is_of_game(Ctx *c, const Ast *e)
{
    const Value *v = e->kind == AST_NAME ? scope_find(c, e, false) : NULL;
    bool         model = v && v->kind == V_PLAYER && v->player->word != AST_DEFINE_NET;
    return v && (model || v->kind == V_DIST || v->kind == V_COMPARE);
}

/* Of functions of models, distributions and comparisons: the comments above them. */
static void tell_said(void *user, const Ast *e)
{
    Said        *s = user;
    Lower       *L = s->c->L;
    const Value *f = e->kind == AST_CALL && e->call.callee->kind == AST_NAME ? scope_find(s->c, e->call.callee, true) : NULL;
    const Ast   *d = f && f->kind == V_FUNCTION && f->fn.kind == F_CLOSURE ? f->fn.closure->def : NULL;
    bool         of_game = false;
    for (int i = 0; f && i < e->call.args.n; i++) of_game = of_game || is_of_game(s->c, e->call.args.v[i]->arg.value);
    for (int i = 0; i < L->told->said.n; i++) of_game = of_game && L->told->said.v[i] != d;
    if (of_game && d && d->kind == AST_DEFINE && d->define.doc) {
        array_push(L->a, &L->told->said, d);
        array_push(L->a, &s->list, ((GameSaid){f->fn.closure->name, d->define.doc}));
    }
    ast_each_child(e, tell_said, s);
}

/* ---- the door ------------------------------------------------------------------------------------------------------------------ */

/* Those that the file declares, in the body of a function that is called. */
static void tell_declared(void *user, const Ast *e)
{
    Ctx         *c = user;
    const Bound *b = e->kind == AST_NAME ? names_use(c->L->names, e) : NULL;
    if (b && b->node->kind == AST_COMPARE && !b->body) tell_compare(c, scope_find(c, e, false)->compare, e);
    ast_each_child(e, tell_declared, user);
}

/* Comparisons of which the loss is written. */
static void tell_compares(void *user, const Ast *e)
{
    Ctx         *c = user;
    const Value *v = e->kind == AST_NAME ? scope_find(c, e, true) : NULL;
    const Ast   *d = v && v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE ? v->fn.closure->def : NULL;
    if (v && v->kind == V_COMPARE) tell_compare(c, v->compare, e);
    if (d && d->kind == AST_DEFINE && d->define.body) tell_declared(c, d->define.body);
    ast_each_child(e, tell_compares, user);
}

void told_move(Ctx *c, const Ast *s, const char *together, Player *const *who, int n_who, IrVal *y, const char *estimate)
{
    static const char *const goals[][2] = {
        [AST_GOAL_MINIMIZE] = {"minimises", "minimise"}, [AST_GOAL_MAXIMIZE] = {"maximises", "maximise"}, [AST_GOAL_ALONG] = {"goes along", "go along"}};
    Lower *L = c->L;
    Told  *t = L->told;
    int    sign = s->update.goal == AST_GOAL_MAXIMIZE ? -1 : 1;
    const Ast *e = s->update.value;
    GameMove m = {.at = s->span, .alternate = L->alternates, .index = c->index, .goal = goals[s->update.goal][n_who > 1], .together = together, .loss = text_of_source(L, e->span),
                  .formula = formula_of(c, e), .estimate = estimate, .rule = text_of_source(L, s->update.optimizer->span),
                  .project = s->update.project ? text_of_source(L, s->update.project->span) : NULL,
                  .player = arena_array(L->a, const char *, n_who + 1), .n_players = n_who, .reach = arena_array(L->a, GameReach, L->players.n + 1)};
    for (int i = 0; i < n_who; i++) m.player[i] = who[i]->name;
    for (int i = 0; y && i < L->players.n; i++) m.n_reach += tell_reach(c, L->players.v[i], y, is_moved(who, n_who, L->players.v[i]), &m.reach[m.n_reach]);
    if (y) tell_pushes(c, y, sign, who, n_who, &m);
    Said   said = {.c = c};
    Value *named = e->kind == AST_NAME ? scope_find(c, e, false) : NULL;
    tell_said(&said, named && named->kind == V_THUNK && !named->thunk.let ? named->thunk.expr : e);
    m.said = said.list.v, m.n_said = said.list.n;
    array_push(L->a, &t->moves, m);
    array_push(L->work, &t->losses, ((Loss){y, sign, n_who == 1 ? who[0] : NULL}));
    tell_compares(c, e);
}

void told_measure(Ctx *c, const Ast *value)
{
    tell_compares(c, value);
}

void told_asked(Ctx *c, Span statement, const Ast *e)
{
    array_push(c->L->a, &c->L->told->asked, ((GameAsked){statement, text_of_source(c->L, e->span)}));
}

static void find_zero_sums(Lower *L, Told *t)
{
    for (int i = 0; i < t->moves.n; i++)
        for (int k = i + 1; k < t->moves.n && !t->moves.v[i].against; k++) {
            if (!same_block(&t->moves.v[i], &t->moves.v[k]) || !moves_once(t, i) || !moves_once(t, k)) continue;
            if (zero_sum(L, &t->losses.v[i], &t->losses.v[k], &t->moves.v[i].apart)) t->moves.v[i].against = k + 1;
        }
}

/* ---- games without an opponent ---------------------------------------------------------------------------------------------------- */

static bool is_of(const GamePush *a, const GamePush *b) { return !strcmp(a->net, b->net) && !strcmp(a->part, b->part); }

static bool is_mover(const GameMove *m, const char *player)
{
    for (int i = 0; i < m->n_players; i++)
        if (!strcmp(m->player[i], player)) return true;
    return false;
}

/* Draws at which the move drives its own net's value the other way, and that the other move does not move: it tells the ones from the others. NULL: there are none. */
static const GamePush *told_from(const GameMove *m, const GamePush *at, const GameMove *other)
{
    for (int i = 0; i < m->n_push; i++) {
        const GamePush *from = &m->push[i], *theirs = push_at(other, from->net, from->part, from->draws);
        if (is_of(from, at) && from->way * at->way < 0 && !(theirs && theirs->moved)) return from;
    }
    return NULL;
}

/* Of a net that tells draws apart: does another move bring some of them to where it wants them already? */
static void say_allies(Lower *L, const GameMove *m, const GameMove *other)
{
    for (int i = 0; i < m->n_push; i++) {
        const GamePush *at = &m->push[i], *theirs = push_at(other, at->net, at->part, at->draws), *from = NULL;
        if (is_mover(m, at->net) && !is_mover(other, at->net) && theirs && theirs->moved && theirs->way * at->way > 0) from = told_from(m, at, other);
        if (!from) continue;
        const char *way = at->way > 0 ? "higher" : "lower";
        Diag *d = diag_warning(L->diags, other->at, W402, "%s and %s want the same: draws of %s are to be where %s is %s, and %s is to be %s there", other->player[0], m->player[0],
                               at->draws, at->net, way, at->net, way);
        diag_note(d, m->at, "%s is moved here, to be %s at draws of %s than at draws of %s", at->net, way, at->draws, from->draws);
        diag_hint(d, "one of both is to go the other way: a critic minimizes a comparison's critic, a generator minimizes its generator");
        return;
    }
}

static void find_allies(Lower *L, const Told *t)
{
    for (int i = 0; i < t->moves.n; i++)
        for (int k = 0; k < t->moves.n; k++)
            if (i != k && same_block(&t->moves.v[i], &t->moves.v[k])) say_allies(L, &t->moves.v[i], &t->moves.v[k]);
}

/* Members that are in a formula: of a loss, or of another member, which is then shown, too. */
static void find_used(Lower *L, Told *t)
{
    Text all = text_in(L->work);
    for (int i = 0; i < t->moves.n; i++) text_printf(&all, "%s ", t->moves.v[i].formula ? t->moves.v[i].formula : "");
    for (int i = 0; i < t->compares.n; i++)
        for (int k = 0; k < t->compares.v[i].n_members; k++) text_printf(&all, "%s ", t->compares.v[i].member[k].formula);
    for (int i = 0; i < t->compares.n; i++)
        for (int k = 0; k < t->compares.v[i].n_members; k++) {
            GameMember *m = &t->compares.v[i].member[k];
            size_t      n = strcspn(m->name, "(");
            m->used = has_word(text_str(&all), strf(L, "%s.%.*s", t->compared.v[i]->name, (int)n, m->name));
        }
}

void told_finish(Ctx *c, LowerResult *out)
{
    Told *t = c->L->told;
    find_used(c->L, t);
    find_zero_sums(c->L, t);
    find_allies(c->L, t);
    out->move = t->moves.v, out->n_moves = t->moves.n;
    out->compare = t->compares.v, out->n_compares = t->compares.n;
    out->asked = t->asked.v, out->n_asked = t->asked.n;
}
