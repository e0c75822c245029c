/* grammar.y - the grammar of the language (Lemon). Free of conflicts; each production makes one call to build.c.
 *
 * Tokens come from layout.c: every statement ends in END, brackets match, and words that open statements are keywords only
 * where they do. Left of ~, = and := and in types the grammar reads expressions; build.c says what is not a pattern, a
 * target or a type. */
%include {
#include "base/bug.h"
#include "lang/syntax/parser.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NO_TOKEN ((Token){0, 0, 0})
}

%name          Syntax
%token_prefix  TK_
%token_type    {Token}
%default_type  {Ast *}
%extra_context {Parser *p}
%stack_size    0
%start_symbol  start

%syntax_error   { unexpected_token(p); }
%parse_failure  { p->failed = p->stop = true; }
%stack_overflow { no_memory_left(0); }
%parse_accept   { p->accepted = true; }

/* Words inside statements are names everywhere else. */
%fallback ID SIMULATOR MINIMIZE MAXIMIZE ALONG PROJECT INTO DECAY BY STEPS BATCH FROM WHEN.

/* Loosest first. */
%nonassoc FN.
%left     PIPE.
%left     OR.
%left     AND.
%right    NOT.
%left     EQ NE LT LE GT GE.
%left     PLUS MINUS.
%right    E_OPEN GRAD_OPEN AFTER.
%left     STAR SLASH AT PERCENT.
%right    SIGN.
%right    CARET.

%type lost    {Lost}
%type open    {int}
%type inside  {int}
%type list    {List *}
%type stmts   {List *}
%type args    {List *}
%type arglist {List *}
%type values  {List *}
%type vallist {List *}
%type items   {List *}
%type binders {List *}
%type wrt     {List *}
%type params  {List *}
%type parlist {List *}
%type carries {List *}
%type names   {List *}
%type modules {List *}
%type changes {List *}
%type samples {List *}
%type players {List *}
%type indices {List *}
%type head    {Head}
%type word    {Token}
%type asked   {Token}
%type goal    {Token}
%type picture {Token}

start ::= FILE stmts(L).                                 { p->result = build_file(p, L); }
start ::= EXPRESSION value(E) END.                       { p->result = E; }

/* ================================================================ statements
 *   let a = 1; let b = 2                                                    */

stmts(L) ::= .                                           { L = list_of(p, NULL); }
stmts(L) ::= stmts(M) stmt(S) END.                       { L = list_add(p, M, build_whole(p, S)); p->muted = false; }
stmts(L) ::= stmts(M) lost(A) END(T).                    { L = build_skipped(p, M, A, T); yypParser->yyerrcnt = -1; p->muted = false; }
stmts(L) ::= stmts(M) lost(A) inside END(T).             { L = build_skipped(p, M, A, T); yypParser->yyerrcnt = -1; p->muted = false; }

/* What an error has left of a statement; and the block of it, which is read, and not kept. Behind that nothing more is said. */
lost(A) ::= error.                                       { A = p->lost; }
open ::= INSIDE.                                         { yypParser->yyerrcnt = -1; }
inside ::= open stmts(L) RBRACE.                         { (void)L; p->muted = true; }

block(B) ::= LBRACE(O) stmts(L) RBRACE(C).               { B = build_block(p, O, L, C); }

stmt(S) ::= value(E).                                    { S = E; }

/* r(x) = ratio(T(x))        in distributions, bijectors, comparisons */
stmt(S) ::= expr(A) IS value(B).                         { S = build_member(p, A, B); }

/* u := 0.9 * u + 0.1 * v        chain[step] := e */
stmt(S) ::= expr(A) ASSIGN value(B).                     { S = build_assign(p, A, B); }

/* x ~ p, y ~ Q(x) : 500        x ~ p : 500, y ~ q : 20, two axes */
stmt(S) ::= samples(L).                                  { S = build_sample(p, L, NULL); }
stmt(S) ::= samples(L) COLON expr(N).                    { S = build_sample(p, L, N); }
samples(L) ::= expr(A) TILDE expr(B).                    { L = list_of(p, build_binder(p, A, B)); }
samples(L) ::= samples(M) COMMA expr(A) TILDE expr(B).   { L = list_add(p, M, build_binder(p, A, B)); }
samples(L) ::= samples(M) COLON expr(N) COMMA expr(A) TILDE expr(B). { L = list_add(p, build_sized(p, M, N), build_binder(p, A, B)); }

/* ================================================================ declarations
 *   import nn, mine.parts */
stmt(S) ::= IMPORT(T) modules(L).                        { S = build_import(p, T, L); }
modules(L) ::= module(A).                                { L = list_of(p, A); }
modules(L) ::= modules(M) COMMA module(A).               { L = list_add(p, M, A); }
module(A) ::= ID(N).                                     { A = build_module(p, NULL, N); }
module(A) ::= module(B) DOT ID(N).                       { A = build_module(p, B, N); }

/* data train, held: (x: real[28, 28], y: class[10]) = idx("a", "b") |> split(54_000, 6000) */
stmt(S) ::= DATA(T) names(L) is_type(Y) IS value(E).     { S = build_data(p, T, L, Y, E); }
names(L) ::= ID(N).                                      { L = list_of(p, build_name(p, N)); }
names(L) ::= names(M) COMMA ID(N).                       { L = list_add(p, M, build_name(p, N)); }

/* let (m, c) = moments(x) */
stmt(S) ::= LET(T) postfix(A) is_type(Y) IS value(E).    { S = build_let(p, T, A, Y, E); }

is_type(Y) ::= .                                         { Y = NULL; }
is_type(Y) ::= COLON postfix(A).                         { Y = A; }

/* def scale(a, b)(x: real[n]) -> real[n] = ...        net D(x: real[2]) -> real { ... }        net D = Critic([64]) */
stmt(S) ::= word(T) head(H) IS value(E).                 { S = build_define(p, T, H, false, E); }
stmt(S) ::= word(T) head(H) block(B).                    { S = build_define(p, T, H, true, B); }

word(T) ::= DEF(A).                                      { T = A; }
word(T) ::= LAYER(A).                                    { T = A; }
word(T) ::= NET(A).                                      { T = A; }
word(T) ::= IMPLICIT(A).                                 { T = A; }
word(T) ::= PRESCRIBED(A).                               { T = A; }
word(T) ::= DISTRIBUTION(A).                             { T = A; }
word(T) ::= BIJECTOR(A).                                 { T = A; }
word(T) ::= COMPARISON(A).                               { T = A; }
word(T) ::= OPTIMIZER(A).                                { T = A; p->in_rule = true; }
word(T) ::= METRIC(A).                                   { T = A; }

head(H) ::= ID(N) result(R).                             { H = (Head){N, 0, NULL, NULL, R}; }
head(H) ::= ID(N) params(A) result(R).                   { H = (Head){N, 1, A, NULL, R}; }
head(H) ::= ID(N) params(A) params(B) result(R).         { H = (Head){N, 2, A, B, R}; }
result(R) ::= .                                          { R = NULL; }
result(R) ::= ARROW postfix(A).                          { R = A; }

/* extern simulator s(theta: real[3]) -> real[20] from "libs.so" */
stmt(S) ::= EXTERN(T) SIMULATOR head(H) FROM STRING(L).  { S = build_extern(p, T, H, L); }

/* (z: real[64] ~ Normal(0, 1), bias: bool = true, beta1: 0.9): after the colon a type, or else a default; what stands behind a * is given by name */
params(L) ::= LPAREN RPAREN.                             { L = list_of(p, NULL); }
params(L) ::= LPAREN parlist(M) RPAREN.                  { L = M; }
params(L) ::= LPAREN parlist(M) COMMA RPAREN.            { L = M; }
parlist(L) ::= param(A).                                 { L = list_of(p, A); }
parlist(L) ::= parlist(M) COMMA param(A).                { L = list_add(p, M, A); }
param(A) ::= STAR(T).                                    { A = build_star(p, T); }
param(A) ::= ID(N) is(Y).                                { A = build_param(p, N, Y, NULL, NULL); }
param(A) ::= ID(N) is(Y) TILDE expr(D).                  { A = build_param(p, N, Y, D, NULL); }
param(A) ::= ID(N) is(Y) IS value(E).                    { A = build_param(p, N, Y, NULL, E); }
is(Y) ::= .                                              { Y = NULL; }
is(Y) ::= COLON value(A).                                { Y = A; }

/* param w: real[m, n] ~ glorot_uniform        state theta: real[2] = 0 */
stmt(S) ::= PARAM(T) ID(N) is_type(Y) TILDE expr(D).     { S = build_variable(p, T, AST_PARAMETER, N, Y, D, NULL); }
stmt(S) ::= PARAM(T) ID(N) is_type(Y) IS value(E).       { S = build_variable(p, T, AST_PARAMETER, N, Y, NULL, E); }
stmt(S) ::= STATE(T) ID(N) is_type(Y) TILDE expr(D).     { S = build_variable(p, T, AST_STATE, N, Y, D, NULL); }
stmt(S) ::= STATE(T) ID(N) is_type(Y) IS value(E).       { S = build_variable(p, T, AST_STATE, N, Y, NULL, E); }

/* loss L = E[x ~ p] f(x) */
stmt(S) ::= LOSS(T) ID(N) IS value(E).                   { S = build_loss(p, T, N, E); }

/* compare c = wasserstein(p, q, D) with critic += 10 * gradient_penalty(p, q, D), generator = g */
stmt(S) ::= COMPARE(T) ID(N) IS value(E).                { S = build_compare(p, T, N, E, NULL); }
stmt(S) ::= COMPARE(T) ID(N) IS value(E) WITH changes(L). { S = build_compare(p, T, N, E, L); }
changes(L) ::= change(A).                                { L = list_of(p, A); }
changes(L) ::= changes(M) COMMA change(A).               { L = list_add(p, M, A); }
change(A) ::= ID(N) ADDS expr(E).                        { A = build_change(p, N, true, E); }
change(A) ::= ID(N) IS expr(E).                          { A = build_change(p, N, false, E); }

/* require convex(f)        prefer f(1) == 0, "subtract f(1) from it" */
stmt(S) ::= asked(T) expr(E).                            { S = build_require(p, T, E, NO_TOKEN); }
stmt(S) ::= asked(T) expr(E) COMMA STRING(H).            { S = build_require(p, T, E, H); }
asked(T) ::= REQUIRE(A).                                 { T = A; }
asked(T) ::= PREFER(A).                                  { T = A; }

/* ================================================================ the schedule
 *   alternate 25_000 steps, batch 512 { ... } */
stmt(S) ::= ALTERNATE(T) expr(N) STEPS block(B).                      { S = build_alternate(p, T, N, NULL, B); }
stmt(S) ::= ALTERNATE(T) expr(N) STEPS COMMA BATCH expr(M) block(B).  { S = build_alternate(p, T, N, M, B); }

stmt(S) ::= REPEAT(T) expr(N) block(B).                  { S = build_counted(p, T, AST_REPEAT, N, B); }
stmt(S) ::= EVERY(T) expr(N) block(B).                   { S = build_counted(p, T, AST_EVERY, N, B); }
stmt(S) ::= SIMULTANEOUS(T) block(B).                    { S = build_together(p, T, AST_SIMULTANEOUS, B); }
stmt(S) ::= EXTRAGRADIENT(T) block(B).                   { S = build_together(p, T, AST_EXTRAGRADIENT, B); }

/* update G, Enc minimize c.generator + elbo with adam(1e-4) project clip(-1, 1) */
stmt(S) ::= UPDATE(T) players(L) goal(G) expr(E) WITH expr(O).
    { S = build_update(p, T, L, (AstGoal)G.kind, E, O, NULL); }
stmt(S) ::= UPDATE(T) players(L) goal(G) expr(E) WITH expr(O) PROJECT expr(F).
    { S = build_update(p, T, L, (AstGoal)G.kind, E, O, F); }
players(L) ::= postfix(A).                               { L = list_of(p, A); }
players(L) ::= players(M) COMMA postfix(A).              { L = list_add(p, M, A); }
goal(G) ::= MINIMIZE(T).                                 { G = T; G.kind = AST_GOAL_MINIMIZE; }
goal(G) ::= MAXIMIZE(T).                                 { G = T; G.kind = AST_GOAL_MAXIMIZE; }
goal(G) ::= ALONG(T).                                    { G = T; G.kind = AST_GOAL_ALONG; }

/* average G into G_ema decay 0.999        copy F into F_t */
stmt(S) ::= AVERAGE(T) postfix(A) INTO postfix(B) DECAY expr(D).      { S = build_average(p, T, A, B, D); }
stmt(S) ::= COPY(T) postfix(A) INTO postfix(B).          { S = build_copy(p, T, A, B); }

/* report cross[f, g] = e        plot samples = scatter(ring, G) */
stmt(S) ::= picture(T) ID(N) indices(L) IS value(E).     { S = build_report(p, T, (AstReport)T.kind, N, L, E); }
picture(T) ::= REPORT(A).                                { T = A; T.kind = AST_REPORT_REPORT; }
picture(T) ::= PLOT(A).                                  { T = A; T.kind = AST_REPORT_PLOT; }
picture(T) ::= IMAGE(A).                                 { T = A; T.kind = AST_REPORT_IMAGE; }
indices(L) ::= .                                         { L = NULL; }
indices(L) ::= LBRACK list(M) RBRACK.                    { L = M; }

stmt(S) ::= SAVE(T).                                     { S = build_save(p, T, NULL); }
stmt(S) ::= SAVE(T) expr(E).                             { S = build_save(p, T, E); }

/* precision f64 */
stmt(S) ::= PRECISION(T) ID(N).                          { S = build_precision(p, T, N); }

/* stop when w < 0.01        expect modes >= 7 by step 20_000 */
stmt(S) ::= STOP(T) WHEN expr(E).                        { S = build_stop(p, T, E); }
stmt(S) ::= EXPECT(T) expr(E).                           { S = build_expect(p, T, E, NO_TOKEN, NULL); }
stmt(S) ::= EXPECT(T) expr(E) BY ID(N) expr(B).          { S = build_expect(p, T, E, N, B); }

/* ================================================================ expressions */

/* 0..n stands where a whole value does */
value(A) ::= expr(E).                                    { A = E; }
value(A) ::= expr(E) DOTDOT(T) expr(F).                  { A = build_range(p, E, T, F); }

expr(A) ::= postfix(E).                                  { A = E; }

/* fn(s, t) s + t */
expr(A) ::= FN(T) params(L) expr(E). [FN]                { A = build_fn(p, T, L, E); }

/* x |> f */
expr(A) ::= expr(E) PIPE expr(F).                        { A = build_pipe(p, E, F); }

expr(A) ::= expr(E) OR expr(F).                          { A = build_binary(p, AST_OP_OR, E, F); }
expr(A) ::= expr(E) AND expr(F).                         { A = build_binary(p, AST_OP_AND, E, F); }
expr(A) ::= NOT(T) expr(E).                              { A = build_unary(p, T, AST_OP_NOT, E); }
expr(A) ::= expr(E) EQ expr(F).                          { A = build_binary(p, AST_OP_EQ, E, F); }
expr(A) ::= expr(E) NE expr(F).                          { A = build_binary(p, AST_OP_NE, E, F); }
expr(A) ::= expr(E) LT expr(F).                          { A = build_binary(p, AST_OP_LT, E, F); }
expr(A) ::= expr(E) LE expr(F).                          { A = build_binary(p, AST_OP_LE, E, F); }
expr(A) ::= expr(E) GT expr(F).                          { A = build_binary(p, AST_OP_GT, E, F); }
expr(A) ::= expr(E) GE expr(F).                          { A = build_binary(p, AST_OP_GE, E, F); }
expr(A) ::= expr(E) PLUS expr(F).                        { A = build_binary(p, AST_OP_ADD, E, F); }
expr(A) ::= expr(E) MINUS expr(F).                       { A = build_binary(p, AST_OP_SUB, E, F); }
expr(A) ::= expr(E) STAR expr(F).                        { A = build_binary(p, AST_OP_MUL, E, F); }
expr(A) ::= expr(E) SLASH expr(F).                       { A = build_binary(p, AST_OP_DIV, E, F); }
expr(A) ::= expr(E) AT expr(F).                          { A = build_binary(p, AST_OP_MATMUL, E, F); }
expr(A) ::= expr(E) PERCENT expr(F).                     { A = build_binary(p, AST_OP_MOD, E, F); }
expr(A) ::= MINUS(T) expr(E). [SIGN]                     { A = build_unary(p, T, AST_OP_NEG, E); }
expr(A) ::= expr(E) CARET expr(F).                       { A = build_binary(p, AST_OP_POW, E, F); }

/* E[x ~ p, t ~ Uniform(0, 1) : 500] e        E[x ~ p : 500, y ~ q : 20] e        E[x, y ~ p] k(x, y)        E[x] e */
expr(A) ::= E_OPEN(T) binders(L) RBRACK expr(E). [E_OPEN]                { A = build_expectation(p, T, L, NULL, E); }
expr(A) ::= E_OPEN(T) binders(L) COLON expr(N) RBRACK expr(E). [E_OPEN]  { A = build_expectation(p, T, L, N, E); }
binders(L) ::= binder(A).                                { L = list_of(p, A); }
binders(L) ::= binders(M) COMMA binder(A).               { L = list_add(p, M, A); }
binders(L) ::= binders(M) COLON expr(N) COMMA binder(A). { L = list_add(p, build_sized(p, M, N), A); }
binder(A) ::= postfix(E).                                { A = build_binder(p, E, NULL); }
binder(A) ::= postfix(E) TILDE expr(D).                  { A = build_binder(p, E, D); }

/* grad[G, D] e */
expr(A) ::= GRAD_OPEN(T) wrt(L) RBRACK expr(E). [GRAD_OPEN] { A = build_grad(p, T, L, E); }
wrt(L) ::= postfix(A).                                   { L = list_of(p, A); }
wrt(L) ::= wrt(M) COMMA postfix(A).                      { L = list_add(p, M, A); }

/* after 5 { update D minimize c.critic with adam(1e-4) } e */
expr(A) ::= AFTER(T) expr(N) block(U) expr(E). [AFTER]   { A = build_after(p, T, N, U, E); }

/* if a { b } else if c { d } else { e } */
expr(A) ::= if(B).                                       { A = B; }
if(A) ::= IF(T) expr(C) block(B).                        { A = build_if(p, T, C, B, NULL); }
if(A) ::= IF(T) expr(C) block(B) ELSE block(D).          { A = build_if(p, T, C, B, D); }
if(A) ::= IF(T) expr(C) block(B) ELSE if(D).             { A = build_if(p, T, C, B, D); }

/* for n in widths, h = x { h |> Dense(n) |> relu } */
expr(A) ::= FOR(T) postfix(V) IN value(E) carries(L) block(B). { A = build_for(p, T, V, E, L, B); }
carries(L) ::= .                                         { L = list_of(p, NULL); }
carries(L) ::= carries(M) COMMA postfix(N) IS expr(E).   { L = list_add(p, M, build_carry(p, N, E)); }

expr(A) ::= block(B).                                    { A = build_scope(p, B); }

/* f(x, n: 3)        a[1.., 0]        d.x        f''(r) */
postfix(A) ::= primary(E).                               { A = E; }
postfix(A) ::= postfix(E) LPAREN args(L) RPAREN(C).      { A = build_call(p, E, L, C); }
postfix(A) ::= postfix(E) LBRACK items(L) RBRACK(C).     { A = build_index(p, E, L, C); }
postfix(A) ::= postfix(E) DOT ID(N).                     { A = build_field(p, E, N); }
postfix(A) ::= postfix(E) PRIME(T).                      { A = build_prime(p, E, T); }

primary(A) ::= NUMBER(T).                                { A = build_number(p, T); }
primary(A) ::= STRING(T).                                { A = build_string(p, T); }
primary(A) ::= TRUE(T).                                  { A = build_bool(p, T, true); }
primary(A) ::= FALSE(T).                                 { A = build_bool(p, T, false); }
primary(A) ::= ID(T).                                    { A = build_name(p, T); }

/* (e)        (a, b)        (x: a, y: b) */
primary(A) ::= LPAREN(O) arglist(L) RPAREN(C).           { A = build_parens(p, O, L, C); }
primary(A) ::= LPAREN(O) arglist(L) COMMA RPAREN(C).     { A = build_parens(p, O, L, C); }

/* [kl, js] */
primary(A) ::= LBRACK(O) values(L) RBRACK(C).            { A = build_list(p, O, L, C); }

args(L) ::= .                                            { L = NULL; }
args(L) ::= arglist(M).                                  { L = M; }
args(L) ::= arglist(M) COMMA.                            { L = M; }
arglist(L) ::= arg(A).                                   { L = list_of(p, A); }
arglist(L) ::= arglist(M) COMMA arg(A).                  { L = list_add(p, M, A); }
arg(A) ::= value(E).                                     { A = build_arg(p, NO_TOKEN, E); }
arg(A) ::= ID(N) COLON value(E).                         { A = build_arg(p, N, E); }

values(L) ::= .                                          { L = NULL; }
values(L) ::= vallist(M).                                { L = M; }
values(L) ::= vallist(M) COMMA.                          { L = M; }
vallist(L) ::= value(A).                                 { L = list_of(p, A); }
vallist(L) ::= vallist(M) COMMA value(A).                { L = list_add(p, M, A); }

list(L) ::= expr(A).                                     { L = list_of(p, A); }
list(L) ::= list(M) COMMA expr(A).                       { L = list_add(p, M, A); }

items(L) ::= item(A).                                    { L = list_of(p, A); }
items(L) ::= items(M) COMMA item(A).                     { L = list_add(p, M, A); }
item(A) ::= value(E).                                    { A = E; }
item(A) ::= expr(E) DOTDOT(T).                           { A = build_range(p, E, T, NULL); }
item(A) ::= DOTDOT(T) expr(F).                           { A = build_range(p, NULL, T, F); }
item(A) ::= DOTDOT(T).                                   { A = build_range(p, NULL, T, NULL); }

/* What layout.c gives for a ';' in brackets: never right; and for the { of a block whose statement is lost. */
%token BROKEN INSIDE.

%code {
size_t SyntaxDepth(const void *lemon)
{
    const yyParser *y = lemon;
    return (size_t)(y->yytos - y->yystack) + 1;
}

size_t SyntaxStates(const void *lemon, uint16_t *out, size_t cap)
{
    const yyParser *y = lemon;
    size_t depth = SyntaxDepth(lemon), n = depth < cap ? depth : cap;
    for (size_t i = 0; i < n; i++) out[i] = (uint16_t)y->yystack[depth - n + i].stateno;
    return n;
}

/* Runs the tables on a copy of the states, without actions. */
bool SyntaxAccepts(const uint16_t *states, size_t n, int kind)
{
    uint16_t st[KNOWN_STATES + 64];
    memcpy(st, states, n * sizeof *st);
    while (n > 0 && n < sizeof st / sizeof *st) {
        YYACTIONTYPE a = yy_find_shift_action((YYCODETYPE)kind, (YYACTIONTYPE)st[n - 1]);
        if (a < YY_MIN_REDUCE) return a <= YY_MAX_SHIFTREDUCE || a == YY_ACCEPT_ACTION;
        unsigned rule = a - YY_MIN_REDUCE;
        size_t   pops = (size_t)-(int)yyRuleInfoNRhs[rule];
        if (pops >= n) return false;                     /* the copy was cut */
        n -= pops;
        st[n] = (uint16_t)yy_find_reduce_action((YYACTIONTYPE)st[n - 1], yyRuleInfoLhs[rule]);
        n++;
    }
    return false;
}

int SyntaxKinds(void) { return YYNTOKEN; }
}
