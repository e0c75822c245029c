/* lexer.h - tokens. Lexer: the words of the text. Layout: the same with newlines resolved, soft keywords decided and
 * brackets matched, which is what the grammar reads. Token kinds are the TK_ numbers of the grammar; 0 is the end. */
#pragma once
#include "base/array.h"
#include "base/text.h"
#include "lang/source/diag.h"

typedef struct {
    int      kind;
    uint32_t begin, end;
} Token;

enum { LEX_NEWLINE = 1000 };                                 /* only from lex_next */

/* Text of a ## comment, for what starts at byte `begin`. */
typedef struct {
    uint32_t    begin;
    const char *text;
    bool        detached;                                    /* a blank line follows */
} Doc;

typedef struct {
    Arena               *arena;
    const SourceFile    *f;
    Diags               *diags;
    const unsigned char *text, *cur, *lim, *mar, *tok;
    bool                 quiet;                              /* looking ahead: report nothing, keep no docs */
    bool                 failed, troubled;                   /* ever; since the last statement end */
    bool                 adrift;                             /* braces do not match: nobody knows which statement stands where */
    bool                 after_dot;                          /* any word is a field's name now */
    uint32_t             stray_end;
    Text                 doc;                                /* waiting for its token; doc.s is NULL if there is none */
    int                  newlines_after_doc;
    bool                 line_start;
    ARRAY(Doc) docs;
    ARRAY(uint32_t) wrong;                                   /* bytes where something is that no statement has taken up yet */
} Lexer;

static inline void lex_wrong(Lexer *lx, uint32_t byte)
{
    if (lx->quiet) return;
    if (lx->wrong.n > DIAGS_KEPT) lx->adrift = true;         /* nobody looks at so many */
    else array_push(lx->arena, &lx->wrong, byte);
}

bool token_is_name(int kind);                                /* a name, or a word that can be one */
bool token_is_joint(int kind);                               /* joins what is left of it to what is right: an operator, a comma, a point */

void  lex_init(Lexer *lx, Arena *a, const SourceFile *f, Diags *diags);
Token lex_next(Lexer *lx);

enum { MAX_NESTING = 200 };

typedef struct {
    Token    at;
    bool     prefix;                                         /* E[..], fn(..), after {..}: what follows goes on */
    uint32_t stmt_begin;                                     /* of the statement around it */
} Bracket;

typedef struct {
    Lexer    lx;
    Token    prev, held;
    bool     has_held, continues, ended;
    bool     unclosed;                                       /* the text ends inside brackets: reported */
    bool     too_deep;                                       /* reported; nothing more can be read */
    uint32_t stmt_begin;
    int      after;                                          /* 1 + depth at which `after` waits for its {, or 0 */
    int      missing;                                        /* brackets above this depth lack their partner, which is given next; or -1 */
    int      n_open;
    Bracket  open[MAX_NESTING];
} Layout;

bool token_is_opening(int kind);                             /* ( [ { E[ grad[ */
bool token_is_closing(int kind);
bool token_is_inner_word(int kind);                          /* of a statement, as `minimize`; elsewhere a name */

void  layout_init(Layout *l, Arena *a, const SourceFile *f, Diags *diags);
Token layout_next(Layout *l);

/* After a syntax error at `bad`: skips the rest of the statement it is in, up to a block that belongs to it. The END of the
 * statement, or the { of the block, is returned and must be given to the parser. The next token is what follows. */
Token layout_skip_statement(Layout *l, Token bad);

/* Could more text complete this? An open bracket or an operator at the end. Reports nothing. */
bool layout_unfinished(Arena *a, const SourceFile *f);
