/* advice.c - see advice.h. One walk over the main file gathers what it mentions and what its updates reach; a second looks at each name that it binds.
 * Start at advice_program(), at the bottom. */
#include "lang/check/advice.h"


#include <string.h>

typedef struct Advice {
    Arena         *a;
    const Names   *n;
    const Modules *m;
    Diags         *diags;
    ARRAY(const Module *) modules;                          /* mentioned, by a name of theirs or their own */
    ARRAY(const Bound *)  moved;                            /* what the losses of updates are made of */
    ARRAY(const Bound *)  open;                             /* names that hold where the walk is */
    const Ast     *definition;                              /* the innermost one the walk is in */
    bool           trains, reports, runs;
} Advice;

/* ---- what the file mentions --------------------------------------------------------------------------------------------- */

static void mention(Advice *v, const Module *m)
{
    for (int i = 0; i < v->modules.n; i++)
        if (v->modules.v[i] == m) return;
    array_push(v->a, &v->modules, m);
}

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static void mention_by_name(Advice *v, const char *name)
{
    for (int i = 0; i < v->m->main->n_imports; i++)
        if (!strcmp(last_part(v->m->main->import[i]->name), name)) mention(v, v->m->main->import[i]);
}

static void reach(void *advice, const Ast *n);

/* A name in a loss: what it stands for is part of the loss, too. */
static void reach_bound(Advice *v, const Bound *b)
{
    for (int i = 0; i < v->moved.n; i++)
        if (v->moved.v[i] == b) return;
    array_push(v->a, &v->moved, b);
    if (b->module == v->m->main && b->node->kind != AST_NAME) ast_each_child(b->node, reach, v);
}

static void reach(void *advice, const Ast *n)
{
    Advice      *v = advice;
    const Bound *b = n->kind == AST_NAME ? names_use(v->n, n) : NULL;
    if (b) reach_bound(v, b);
    ast_each_child(n, reach, v);
}

static void survey(void *advice, const Ast *n)
{
    Advice      *v = advice;
    const Bound *b = n->kind == AST_NAME ? names_use(v->n, n) : NULL;
    if (b) mention(v, b->module);
    else if (n->kind == AST_NAME) mention_by_name(v, n->name.name);
    if (n->kind == AST_UPDATE) reach(v, n->update.value);
    v->trains |= n->kind == AST_UPDATE;
    v->reports |= n->kind == AST_REPORT || n->kind == AST_SAVE;
    v->runs |= n->kind == AST_UPDATE || n->kind == AST_REPORT || n->kind == AST_ALTERNATE || n->kind == AST_EXPECT;
    ast_each_child(n, survey, v);
}

/* A let that a loss uses: its value is part of the loss, and stands in the LET around its name. */
static void reach_lets(void *advice, const Ast *n)
{
    Advice      *v = advice;
    const Bound *b = n->kind == AST_LET ? names_bound(v->n, n->let.pattern) : NULL;
    for (int i = 0; b && i < v->moved.n; i++)
        if (v->moved.v[i] == b) {
            reach(v, n->let.value);
            break;
        }
    ast_each_child(n, reach_lets, v);
}

/* ---- each name ----------------------------------------------------------------------------------------------------------- */

static const char *what_is(const Bound *b)
{
    switch (b->kind) {
    case NAME_PARAM: return "the parameter";
    case NAME_LET: return "the let";
    case NAME_BINDER: return "the sample";
    case NAME_FOR:
    case NAME_CARRY: return "the loop's name";
    case NAME_DATA: return "the data";
    case NAME_STATE: return "the state";
    default: return "the definition";
    }
}

static bool is_drawn_from_outside(const Ast *n)
{
    return n->kind == AST_DEFINE && (n->define.word == AST_DEFINE_IMPLICIT || n->define.word == AST_DEFINE_PRESCRIBED || n->define.word == AST_DEFINE_DISTRIBUTION);
}

/* Parameters of these are named from outside: c.p. */
static bool is_read_from_outside(const Advice *v)
{
    const Ast *d = v->definition;
    return d && d->kind == AST_DEFINE && (d->define.word == AST_DEFINE_COMPARISON || d->define.word == AST_DEFINE_DISTRIBUTION || d->define.word == AST_DEFINE_BIJECTOR);
}

static bool should_be_used(const Advice *v, const Bound *b)
{
    switch (b->kind) {
    case NAME_PARAM: return !is_read_from_outside(v);
    case NAME_LET:
    case NAME_DATA: return b->body || v->runs;
    case NAME_STATE: return !b->assigned && (b->body || v->runs);
    case NAME_DECLARATION: return (b->body || v->runs) && !is_drawn_from_outside(b->node);
    case NAME_BINDER:
    case NAME_FOR:
    case NAME_CARRY: return true;
    default: return false;
    }
}

static void look_at_use(Advice *v, const Bound *b)
{
    if (b->used || b->drawn || !should_be_used(v, b)) return;
    Diag *d = diag_advice(v->diags, b->at, DIAG_NO_CODE, "nothing uses %s %s", what_is(b), b->name);
    if (b->kind == NAME_PARAM || b->kind == NAME_FOR || b->kind == NAME_BINDER) diag_hint(d, "_ takes a value that is not used");
}

static void look_at_hiding(const Advice *v, const Bound *b)
{
    if (b->kind == NAME_DIM || b->kind == NAME_REPORT || b->kind == NAME_MEMBER) return;
    for (int i = v->open.n; i-- > 0;) {
        const Bound *outer = v->open.v[i];
        if (outer == b || strcmp(outer->name, b->name) || outer->kind == NAME_MEMBER) continue;
        Diag *d = diag_advice(v->diags, b->at, DIAG_NO_CODE, "%s hides another %s from here on", b->name, b->name);
        diag_note(d, outer->at, "that one");
        return;
    }
}

static void look_at_loss(const Advice *v, const Bound *b)
{
    if (b->node->kind != AST_LOSS || !b->used) return;
    for (int i = 0; i < v->moved.n; i++)
        if (v->moved.v[i] == b) return;
    diag_advice(v->diags, b->at, DIAG_NO_CODE, "no update moves anything by the loss %s", b->name);
}

static bool has_names_of_its_own(const Ast *n)
{
    switch (n->kind) {
    case AST_BLOCK: case AST_FN: case AST_DEFINE: case AST_MEMBER: case AST_FOR: case AST_EXPECTATION: case AST_ALTERNATE: return true;
    default: return false;
    }
}

static void look(void *advice, const Ast *n)
{
    Advice      *v = advice;
    const Bound *b = names_bound(v->n, n);
    const Ast   *around = v->definition;
    if (b) {
        look_at_use(v, b);
        look_at_hiding(v, b);
        look_at_loss(v, b);
        array_push(v->a, &v->open, b);
    }
    int open = v->open.n;
    if (n->kind == AST_DEFINE) v->definition = n;
    if (n->kind == AST_FN) v->definition = NULL;
    ast_each_child(n, look, v);
    v->definition = around;
    if (has_names_of_its_own(n)) v->open.n = open;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------ */

static const Module *imported(const Advice *v, const char *name)
{
    for (int i = 0; i < v->m->main->n_imports; i++)
        if (!strcmp(v->m->main->import[i]->name, name)) return v->m->main->import[i];
    return NULL;
}

static bool is_mentioned(const Advice *v, const Module *m)
{
    for (int i = 0; i < v->modules.n; i++)
        if (v->modules.v[i] == m) return true;
    return !m;
}

static void look_at_imports(const Advice *v, const Ast *file)
{
    for (int i = 0; i < file->file.stmts.n; i++) {
        const Ast *s = file->file.stmts.v[i];
        for (int k = 0; s->kind == AST_IMPORT && k < s->import.modules.n; k++) {
            const Ast *what = s->import.modules.v[k];
            if (!is_mentioned(v, imported(v, what->module.name))) diag_advice(v->diags, what->span, DIAG_NO_CODE, "nothing of %s is used", what->module.name);
        }
    }
}

void advice_program(Arena *a, const Names *n, const Modules *m, Diags *diags)
{
    Advice     v = {.a = a, .n = n, .m = m, .diags = diags};
    const Ast *file = m->main->ast;
    if (!file) return;
    ast_each_child(file, survey, &v);
    for (int before = -1; before != v.moved.n;) {            /* a let may use one that stands above it */
        before = v.moved.n;
        reach_lets(&v, file);
    }
    look_at_imports(&v, file);
    look(&v, file);
    if (v.trains && !v.reports) diag_advice(diags, SPAN_NONE, DIAG_NO_CODE, "the program trains and reports nothing: `every 100 { report name = value }` in a block shows how it goes");
}
