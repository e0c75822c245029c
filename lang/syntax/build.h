/* build.h - what the builders share. */
#pragma once
#include "lang/syntax/parser.h"

static inline Span token_span(const Parser *p, Token t) { return span_of(p->f, t.begin, t.end); }

static inline AstList finished(const List *l) { return l ? (AstList){l->v, l->n} : (AstList){NULL, 0}; }

static inline Span from_token(const Parser *p, Token t, const Ast *last) { return span_join(token_span(p, t), last->span); }

static inline Span list_span(AstList l) { return l.n ? span_join(l.v[0]->span, l.v[l.n - 1]->span) : SPAN_NONE; }

/* ---- nodes: made, filled, then done */

Ast *build_node(Parser *p, AstKind kind, Span span);
Ast *build_done(Parser *p, Ast *n);                          /* sets the depth; what is too deep is replaced by a leaf */

/* ---- names */

enum { LONGEST_NAME = 255, MANY = 200 };                     /* MANY: of names in one list */

const char *build_name_text(Parser *p, Token t);             /* in normal form C */
const char *build_declared(Parser *p, Token t);              /* a name that is given to something */
const char *build_not_reserved(Parser *p, const char *name, Span at);
const char *build_doc_at(const Parser *p, uint32_t begin);   /* what the ## comment above says, or NULL */

/* Reports the second of two equal names. */
void build_names_once(Parser *p, int n, const char *const names[], const Span spans[], DiagCode code, const char *what);
void build_check_params(Parser *p, AstList first, AstList second);

/* ---- what the grammar read as an expression */

Ast *build_pattern(Parser *p, Ast *e);                       /* NAME or TUPLE of patterns; else an error */
void build_check_names(Parser *p, const Ast *pattern);
Ast *build_type(Parser *p, Ast *e);                          /* NULL stays NULL */
bool build_reads_as_type(const Ast *e);                      /* behind the colon of a parameter */
char *build_unescape(Parser *p, Token string);
bool build_is_all(const Ast *size);                          /* `: all` */

/* ---- what may stand in which block */

typedef enum { IN_VALUE, IN_SCHEDULE, IN_MEMBERS } BlockUse;

void build_check_statements(Parser *p, AstList stmts, BlockUse use);        /* those that may not stand there become BROKEN */
void build_break(Parser *p, Ast **stmt);                     /* a BROKEN in its place */
void build_drop(Parser *p, Ast **stmt);                      /* one that declares nothing */
Ast *build_checked(Parser *p, Ast *block, BlockUse use);     /* the block */
