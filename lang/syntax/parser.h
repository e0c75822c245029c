/* parser.h - what the parts of the parser share: the driver (parse.c), the grammar, the builders (build*.c), and the
 * wording of syntax errors (unexpected.c). */
#pragma once
#include "lang/syntax/lexer.h"
#include "lang/syntax/parse.h"

#include <locale.h>

enum {
    MAX_NODES = 4000000,
    MAX_STACK = 4000,                                        /* of the grammar: prefix operators wait on it */
    KNOWN_STATES = 300,                                      /* newest states kept to ask what could have come */
};

typedef struct {
    Ast **v;
    int   n, cap;
} List;

typedef struct {                                             /* a statement that the grammar gave up */
    uint32_t begin;
    Token    bad;                                            /* where */
} Lost;

typedef struct Parser {
    Arena            *arena;
    const SourceFile *f;
    Diags            *diags;
    Layout            layout;
    void             *lemon;
    Ast              *result;

    Token    token, before;                                  /* being fed, and the one before it */
    uint16_t states[KNOWN_STATES];                           /* the stack before token was fed */
    size_t   n_states;

    bool failed;                                             /* ever; never unset */
    bool errored;                                            /* by the token being fed */
    Lost     lost;                                           /* the statement that the last error was in */
    bool stop;                                               /* nothing more can be read */
    bool in_rule;                                            /* in an optimiser: a call may apply another rule, which gives no value */
    bool is_entry;                                           /* of the REPL: values are not dropped but shown */
    bool muted;                                              /* until the statement ends: what follows from an error is none */
    bool accepted;
    Diag nobody;                                             /* the handle of an error that is muted */
    int  n_nodes, n_errors;
    locale_t c_locale;                                       /* numbers have points, whatever the user's locale */
} Parser;

/* Reports an error and makes the parse fail. */
Diag *parse_error(Parser *p, Span at, DiagCode code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Called by the grammar when p->token cannot stand where it does. */
void unexpected_token(Parser *p);

/* Made by the grammar. */
void  *SyntaxAlloc(void *(*alloc)(size_t), Parser *p);
void   SyntaxFree(void *lemon, void (*release)(void *));
void   Syntax(void *lemon, int kind, Token t);
size_t SyntaxDepth(const void *lemon);
size_t SyntaxStates(const void *lemon, uint16_t *out, size_t cap);         /* the newest, oldest first */
bool   SyntaxAccepts(const uint16_t *states, size_t n, int kind);          /* would kind be shifted from there? */
int    SyntaxKinds(void);                                                  /* token kinds are below this */

/* ---- build*.c: one call for each production */

List *list_of(Parser *p, Ast *first);                        /* first may be NULL */
List *list_add(Parser *p, List *l, Ast *item);

Ast *build_number(Parser *p, Token t);
Ast *build_string(Parser *p, Token t);
Ast *build_bool(Parser *p, Token t, bool value);
Ast *build_name(Parser *p, Token t);
Ast *build_parens(Parser *p, Token open, List *args, Token close);         /* (e), tuple or record */
Ast *build_list(Parser *p, Token open, List *items, Token close);
Ast *build_field(Parser *p, Ast *object, Token name);
Ast *build_prime(Parser *p, Ast *f, Token prime);
Ast *build_call(Parser *p, Ast *callee, List *args, Token close);
Ast *build_index(Parser *p, Ast *object, List *items, Token close);
Ast *build_range(Parser *p, Ast *from, Token dots, Ast *to);
Ast *build_unary(Parser *p, Token op, AstOp what, Ast *e);
Ast *build_binary(Parser *p, AstOp op, Ast *a, Ast *b);
Ast *build_pipe(Parser *p, Ast *a, Ast *b);
Ast *build_fn(Parser *p, Token fn, List *params, Ast *body);
Ast *build_block(Parser *p, Token open, List *stmts, Token close);
Ast *build_scope(Parser *p, Ast *block);                     /* a block that stands as an expression */
Ast *build_if(Parser *p, Token t, Ast *cond, Ast *then, Ast *otherwise);
Ast *build_for(Parser *p, Token t, Ast *var, Ast *source, List *carries, Ast *body);
Ast *build_expectation(Parser *p, Token t, List *binders, Ast *size, Ast *body);
Ast *build_grad(Parser *p, Token t, List *wrt, Ast *body);
Ast *build_after(Parser *p, Token t, Ast *count, Ast *updates, Ast *body);

Ast *build_arg(Parser *p, Token name, Ast *value);           /* name.kind 0: positional */
Ast *build_binder(Parser *p, Ast *pattern, Ast *dist);
List *build_sized(Parser *p, List *binders, Ast *size);                     /* of the last, and of those before it that have none */
Ast *build_param(Parser *p, Token name, Ast *type, Ast *draw, Ast *value);
Ast *build_star(Parser *p, Token star);
AstList build_params(Parser *p, List *params);                                        /* without the star; behind it they are `named` */
Ast *build_carry(Parser *p, Ast *pattern, Ast *value);
Ast *build_change(Parser *p, Token name, bool adds, Ast *value);
Ast *build_module(Parser *p, Ast *before, Token name);

typedef struct {                                             /* (params)(params2) -> result */
    Token name;
    int   n_lists;
    List *params, *params2;
    Ast  *result;
} Head;

Ast  *build_whole(Parser *p, Ast *stmt);                     /* the statement, or a BROKEN one where something in it is wrong */
List *build_skipped(Parser *p, List *stmts, Lost lost, Token end);          /* one more, that the grammar gave up */

Ast *build_file(Parser *p, List *stmts);
Ast *build_import(Parser *p, Token t, List *modules);
Ast *build_data(Parser *p, Token t, List *names, Ast *type, Ast *value);
Ast *build_let(Parser *p, Token t, Ast *pattern, Ast *type, Ast *value);
Ast *build_loss(Parser *p, Token t, Token name, Ast *value);
Ast *build_compare(Parser *p, Token t, Token name, Ast *value, List *changes);
Ast *build_define(Parser *p, Token word, Head h, bool is_block, Ast *body);
Ast *build_extern(Parser *p, Token t, Head h, Token library);
Ast *build_member(Parser *p, Ast *left, Ast *value);
Ast *build_variable(Parser *p, Token t, AstKind kind, Token name, Ast *type, Ast *draw, Ast *value);
Ast *build_sample(Parser *p, List *binders, Ast *size);
Ast *build_assign(Parser *p, Ast *target, Ast *value);
Ast *build_alternate(Parser *p, Token t, Ast *steps, Ast *batch, Ast *body);
Ast *build_counted(Parser *p, Token t, AstKind kind, Ast *count, Ast *body);           /* REPEAT, EVERY */
Ast *build_together(Parser *p, Token t, AstKind kind, Ast *body);                      /* SIMULTANEOUS, EXTRAGRADIENT */
Ast *build_update(Parser *p, Token t, List *players, AstGoal goal, Ast *value, Ast *optimizer, Ast *project);
Ast *build_average(Parser *p, Token t, Ast *source, Ast *target, Ast *decay);
Ast *build_copy(Parser *p, Token t, Ast *source, Ast *target);
Ast *build_report(Parser *p, Token t, AstReport what, Token name, List *indices, Ast *value);
Ast *build_save(Parser *p, Token t, Ast *name);
Ast *build_precision(Parser *p, Token t, Token name);
Ast *build_stop(Parser *p, Token t, Ast *cond);
Ast *build_require(Parser *p, Token t, Ast *cond, Token hint);                         /* hint.kind 0: none */
Ast *build_expect(Parser *p, Token t, Ast *cond, Token step, Ast *by);                 /* step.kind 0: no `by` */
