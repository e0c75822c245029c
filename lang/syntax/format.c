/* format.c - see format.h.
 *
 * In: the tokens of layout.c, so what ends a statement and which words are keywords is decided already, and the comments between them.
 * Out: the same tokens and comments, on lines. read_words() gathers them, write_lines() puts them on lines, align() moves what stands below
 * each other, and format_text() looks whether the result has the same words and comments as the source. Start there, at the bottom. */
#include "lang/syntax/format.h"

#include "base/bug.h"
#include "lang/syntax/parser.h"

#include "grammar.h"

#include <string.h>
#include <utf8proc.h>

enum { INDENT = 2, FARTHEST = 30 };                          /* columns a level; the most that aligning moves anything */

typedef struct {                                             /* a comment */
    uint32_t begin, end;
    bool     behind;                                         /* on the line of the word before it */
    bool     blank;                                          /* an empty line stands before it */
} Note;

typedef struct {                                             /* a token, and what stands between the one before and it */
    Token t;
    int   first_note, n_notes;
    bool  starts;                                            /* a statement */
    bool  broken, blank;                                     /* a newline, an empty line before it */
    bool  tall;                                              /* a '{' whose block has lines of its own, and its '}' */
    bool  operand;                                           /* a value ends with it: what follows is no sign, but an operator */
    bool  sign, size;                                        /* a '-' with no left side; the ':' of a sample's size */
} Word;

typedef ARRAY(Word) Words;
typedef ARRAY(Note) Notes;

typedef struct {
    Arena            *a;
    const SourceFile *f;
    Words             words;
    Notes             notes;
    const Doc        *doc;                                   /* what documents something */
    int               n_docs;
} Reading;

/* ---- words and comments ------------------------------------------------------------------------------------------------ */

/* What stands between two tokens: blanks, newlines, ';' and comments. */
static void read_gap(Reading *r, uint32_t at, uint32_t end, bool first, Word *w)
{
    const char *text = r->f->text;
    int         lines = 0;
    bool        fresh = first;                               /* nothing stands before on this line */
    w->first_note = r->notes.n;
    for (; at < end; at++) {
        if (text[at] == '\n') {
            lines++;
            fresh = true;
        } else if (text[at] == '#') {
            uint32_t from = at;
            while (at < end && text[at] != '\n') at++;
            uint32_t to = at--;
            while (to > from && strchr(" \t\r", text[to - 1])) to--;
            array_push(r->a, &r->notes, ((Note){from, to, !fresh, lines > 1}));
            lines = 0;
        }
    }
    w->n_notes = r->notes.n - w->first_note;
    w->broken = lines > 0 || w->n_notes > 0;
    w->blank = lines > 1;
}

/* The last word is the end of the text. */
static void read_words(Reading *r, Diags *diags)
{
    Layout  *l = arena_new_of(r->a, Layout);
    uint32_t at = 0;
    bool     starts = true;
    layout_init(l, r->a, r->f, diags);
    for (;;) {
        Token t = layout_next(l);
        if (t.kind == TK_END) {
            starts = true;
            continue;
        }
        Word w = {.t = t, .starts = starts && t.kind != TK_RBRACE && t.kind};
        read_gap(r, at, t.kind ? t.begin : r->f->n, r->words.n == 0, &w);
        array_push(r->a, &r->words, w);
        if (!t.kind) break;
        at = t.end;
        starts = t.kind == TK_LBRACE;
    }
    r->doc = l->lx.docs.v;
    r->n_docs = l->lx.docs.n;
}

/* ---- what the words are ------------------------------------------------------------------------------------------------ */

typedef struct {                                             /* an open bracket */
    int  word;
    bool prefix;                                             /* E[..], fn(..), after k {..}: an operand follows what it closes */
    bool tilde;                                              /* a '~' stands in the statement directly in it */
    bool alternate;                                          /* that statement begins with this word */
    int  level;                                              /* of the line it stands on */
} Open;

typedef struct {
    Open v[MAX_NESTING + 1];                                 /* v[0] is the top level */
    int  n;
    int  after;                                              /* 1 + depth at which `after` waits for its '{', or 0 */
} Brackets;

static bool in_block(const Word *words, const Brackets *b)
{
    return b->n == 0 || words[b->v[b->n].word].t.kind == TK_LBRACE;
}

static void open_bracket(Brackets *b, const Word *w, int i, int level)
{
    int  kind = w->t.kind;
    bool after = kind == TK_LBRACE && b->after == b->n + 1;
    bool fn = kind == TK_LPAREN && i > 0 && w[-1].t.kind == TK_FN;
    if (after) b->after = 0;
    b->v[++b->n] = (Open){.word = i, .prefix = after || fn || kind == TK_E_OPEN || kind == TK_GRAD_OPEN, .level = level};
}

/* Words like `with` or `minimize` are keywords where a value has ended; `batch` is one in the head of an alternate, too. */
static bool is_keyword(const Word *w, int i, const Open *in)
{
    if (i == 0 || w->starts) return false;
    if (w[-1].t.kind == TK_EXTERN || (w->t.kind == TK_BATCH && w[-1].t.kind == TK_COMMA && in->alternate)) return true;
    return w[-1].operand;
}

static bool ends_operand(const Word *w, int i, const Open *in)
{
    switch (w->t.kind) {
    case TK_ID: case TK_NUMBER: case TK_STRING: case TK_TRUE: case TK_FALSE: case TK_PRIME: return true;
    default: return token_is_inner_word(w->t.kind) && !is_keyword(w, i, in);
    }
}

static void note_statement(Brackets *b, const Word *w)
{
    Open *in = &b->v[b->n];
    if (w->starts) {
        in->tilde = false;
        in->alternate = w->t.kind == TK_ALTERNATE;
    }
    if (w->t.kind == TK_TILDE) in->tilde = true;
    if (w->t.kind == TK_AFTER) b->after = b->n + 1;
}

static bool is_empty_block(const Word *w) { return w->t.kind == TK_RBRACE && w[-1].t.kind == TK_LBRACE && w->n_notes == 0; }

/* A block is tall when a line breaks directly in it. */
static void note_tall(Word *words, const Brackets *b, const Word *w)
{
    Word *open = &words[b->v[b->n].word];
    if (open->t.kind == TK_LBRACE && w->broken && (w->starts || w->t.kind == TK_RBRACE) && !is_empty_block(w)) open->tall = true;
}

static void close_bracket(Word *words, Brackets *b, Word *w)
{
    const Open *o = &b->v[b->n--];
    w->operand = !o->prefix;
    w->tall = words[o->word].tall;
}

static void understand(Reading *r)
{
    Word    *words = r->words.v;
    Brackets b = {0};
    for (int i = 0; i < r->words.n; i++) {
        Word *w = &words[i];
        int   kind = w->t.kind;
        if (b.n > 0) note_tall(words, &b, w);
        if (token_is_closing(kind)) {
            close_bracket(words, &b, w);
            continue;
        }
        note_statement(&b, w);
        const Open *in = &b.v[b.n];
        w->operand = ends_operand(w, i, in);
        w->sign = kind == TK_MINUS && (w->starts || i == 0 || !w[-1].operand);
        w->size = kind == TK_COLON && (in_block(words, &b) ? in->tilde : words[in->word].t.kind == TK_E_OPEN);
        if (token_is_opening(kind)) open_bracket(&b, w, i, 0);
    }
}

/* ---- between two words of a line --------------------------------------------------------------------------------------- */

static bool is_tight(int kind) { return kind == TK_DOT || kind == TK_DOTDOT || kind == TK_CARET; }

static const char *between(const Word *p, const Word *w)
{
    int before = p->t.kind, kind = w->t.kind;
    if (before == TK_LBRACE) return kind == TK_RBRACE ? "" : " ";
    if (w->starts) return "; ";
    if (token_is_opening(before)) return "";
    if (kind == TK_RBRACE) return " ";
    if (token_is_closing(kind) || kind == TK_COMMA || kind == TK_PRIME) return "";
    if (before == TK_COMMA) return " ";
    if (is_tight(kind) || is_tight(before) || p->sign) return "";
    if (kind == TK_COLON) return w->size ? " " : "";
    if (kind == TK_LPAREN || kind == TK_LBRACK) return p->operand || before == TK_FN ? "" : " ";
    return " ";
}

/* ---- lines ------------------------------------------------------------------------------------------------------------- */

typedef enum { ROW_NONE, ROW_MEMBER, ROW_REPORT, ROW_UPDATE } Row;           /* statements whose signs stand below each other */

typedef struct {
    Text        text;
    int         level;
    bool        blank;                                       /* an empty line before it */
    bool        is_note;
    const char *behind;                                      /* the comment behind it, or NULL */
    Row         row;
    int         n_cuts;
    size_t      cut[2];                                      /* bytes of text before which the others' are */
} Line;

typedef ARRAY(Line) Lines;

typedef struct {
    Reading *r;
    Brackets b;
    Lines    lines;
    int      depth;                                          /* of the brackets around the line that is being written */
} Writing;

static Line *last(Writing *w) { return &w->lines.v[w->lines.n - 1]; }

static Line *new_line(Writing *w, int level, bool blank)
{
    Line l = {.text = text_in(w->r->a), .level = level, .blank = blank && w->lines.n > 0};
    array_push(w->r->a, &w->lines, l);
    return last(w);
}

/* Of what stands on a line of its own before the next closing bracket. */
static int level_inside(const Writing *w) { return w->b.n == 0 ? 0 : w->b.v[w->b.n].level + 1; }

static int level_of(Writing *w, const Word *x)
{
    if (token_is_closing(x->t.kind)) return w->b.v[w->b.n].level;
    if (x->t.kind == TK_ELSE && w->lines.n) return last(w)->level;
    bool goes_on = in_block(w->r->words.v, &w->b) && !x->starts && x->t.kind;
    return level_inside(w) + goes_on;
}

static bool opens_block(const Writing *w, const Word *x)
{
    return x > w->r->words.v && x[-1].t.kind == TK_LBRACE;
}

static void write_notes(Writing *w, const Word *x)
{
    bool first = opens_block(w, x), closes = token_is_closing(x->t.kind);
    for (int i = 0; i < x->n_notes; i++) {
        const Note *n = &w->r->notes.v[x->first_note + i];
        const char *text = arena_strn(w->r->a, w->r->f->text + n->begin, n->end - n->begin);
        if (n->behind && w->lines.n) {
            last(w)->behind = text;
            continue;
        }
        Line *l = new_line(w, closes ? level_inside(w) : level_of(w, x), n->blank && !first && in_block(w->r->words.v, &w->b));
        l->is_note = true;
        text_add(&l->text, text);
        first = false;
    }
}

static Row row_of(const Word *x)
{
    switch (x->t.kind) {
    case TK_REPORT: case TK_PLOT: case TK_IMAGE: return ROW_REPORT;
    case TK_UPDATE: return ROW_UPDATE;
    default: return x->operand && (x->t.kind == TK_ID || token_is_inner_word(x->t.kind)) ? ROW_MEMBER : ROW_NONE;
    }
}

static int cuts_of(Row row) { return row == ROW_NONE ? 0 : row == ROW_REPORT ? 2 : 1; }

/* Is x what stands below its like of the line before: a report's name, the sign of a definition, an update's `with`? */
static bool is_cut(const Writing *w, const Line *l, const Word *x)
{
    if (l->text.n == 0 || w->b.n != w->depth) return false;
    if (l->row == ROW_REPORT && l->n_cuts == 0) return x->operand;
    return x->t.kind == (l->row == ROW_UPDATE ? TK_WITH : TK_IS);
}

static void note_cut(const Writing *w, Line *l, const Word *x)
{
    if (x->starts && l->text.n && l->n_cuts < cuts_of(l->row)) l->row = ROW_NONE;
    if (l->n_cuts < cuts_of(l->row) && is_cut(w, l, x)) l->cut[l->n_cuts++] = l->text.n;
}

static void add_word(Writing *w, const Word *x)
{
    const SourceFile *f = w->r->f;
    Text             *out = &last(w)->text;
    if (x->t.kind == TK_E_OPEN) text_add(out, "E[");
    else if (x->t.kind == TK_GRAD_OPEN) text_add(out, "grad[");
    else text_addn(out, f->text + x->t.begin, x->t.end - x->t.begin);
}

static bool breaks_before(const Writing *w, const Word *x)
{
    if (w->lines.n == 0) return true;
    if ((x->t.kind == TK_ELSE && x->n_notes == 0) || is_empty_block(x)) return false;
    bool in_tall = (opens_block(w, x) && x[-1].tall) || (x->t.kind == TK_RBRACE && x->tall);
    return x->broken || in_tall;
}

static void begin_line(Writing *w, const Word *x)
{
    bool blank = x->blank && x->starts && (x->n_notes > 0 || !opens_block(w, x));
    new_line(w, level_of(w, x), blank)->row = x->starts ? row_of(x) : ROW_NONE;
    w->depth = w->b.n;
}

static void write_word(Writing *w, int i)
{
    const Word *x = &w->r->words.v[i];
    write_notes(w, x);
    if (breaks_before(w, x)) begin_line(w, x);
    else text_add(&last(w)->text, between(x - 1, x));
    note_cut(w, last(w), x);
    add_word(w, x);
    if (token_is_opening(x->t.kind)) open_bracket(&w->b, x, i, last(w)->level);
    if (token_is_closing(x->t.kind)) w->b.n--;
}

static void write_lines(Writing *w)
{
    int n = w->r->words.n - 1;
    for (int i = 0; i < n; i++) write_word(w, i);
    write_notes(w, &w->r->words.v[n]);
}

/* ---- columns ----------------------------------------------------------------------------------------------------------- */

static int columns(const char *s, size_t n)
{
    int width = 0;
    for (const char *end = s + n; s < end;) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)s, end - s, &cp);
        width += bytes > 0 ? utf8proc_charwidth(cp) : 1;
        s += bytes > 0 ? bytes : 1;
    }
    return width;
}

typedef struct {
    int  width;                                              /* -1: it has nothing to move */
    bool joins;                                              /* may stand in one column with the line before */
    int  column;                                             /* where it goes */
} Cell;

/* Lines that follow one another go to the column of the widest, as long as none is moved far. */
static void place(Cell *p, int n)
{
    for (int i = 0, j; i < n; i = j) {
        int least = p[i].width, most = least;
        for (j = i + 1; j < n && least >= 0 && p[j].joins && p[j].width >= 0; j++) {
            int lo = p[j].width < least ? p[j].width : least, hi = p[j].width > most ? p[j].width : most;
            if (hi - lo > FARTHEST) break;
            least = lo;
            most = hi;
        }
        for (int k = i; k < j; k++) p[k].column = most;
    }
}

static void insert_blanks(Arena *a, Line *l, int k, int n)
{
    Text out = text_in(a);
    text_addn(&out, l->text.s, l->cut[k]);
    text_printf(&out, "%*s", n, "");
    text_add(&out, l->text.s + l->cut[k]);
    l->text = out;
    for (; k < l->n_cuts; k++) l->cut[k] += (size_t)n;
}

static bool same_row(const Line *l)
{
    return l->row == l[-1].row && l->level == l[-1].level && !l->blank;
}

static void align_cut(Writing *w, Cell *p, int k)
{
    for (int i = 0; i < w->lines.n; i++) {
        Line *l = &w->lines.v[i];
        bool  has = l->row != ROW_NONE && l->n_cuts == cuts_of(l->row) && k < l->n_cuts;
        p[i] = (Cell){has ? columns(l->text.s, l->cut[k]) : -1, i > 0 && same_row(l), 0};
    }
    place(p, w->lines.n);
    for (int i = 0; i < w->lines.n; i++)
        if (p[i].width >= 0 && p[i].column > p[i].width) insert_blanks(w->r->a, &w->lines.v[i], k, p[i].column - p[i].width);
}

static void align_notes(const Writing *w, Cell *p)
{
    for (int i = 0; i < w->lines.n; i++) {
        const Line *l = &w->lines.v[i];
        p[i] = (Cell){l->behind ? l->level * INDENT + columns(l->text.s, l->text.n) : -1, !l->blank, 0};
    }
    place(p, w->lines.n);
}

static void print_lines(Writing *w, Text *out)
{
    Cell *p = arena_array(w->r->a, Cell, w->lines.n + 1);
    align_cut(w, p, 0);
    align_cut(w, p, 1);
    align_notes(w, p);
    for (int i = 0; i < w->lines.n; i++) {
        const Line *l = &w->lines.v[i];
        text_printf(out, "%s%*s", l->blank ? "\n" : "", l->level * INDENT, "");
        text_addn(out, l->text.s, l->text.n);
        if (l->behind) text_printf(out, "%*s", p[i].column - p[i].width + 2, "");
        if (l->behind) text_add(out, l->behind);
        text_add(out, "\n");
    }
}

/* ---- is it the same program? ------------------------------------------------------------------------------------------- */

static bool same_bytes(const Reading *a, uint32_t from, uint32_t to, const Reading *b, uint32_t from2, uint32_t to2)
{
    return to - from == to2 - from2 && !memcmp(a->f->text + from, b->f->text + from2, to - from);
}

static bool same_word(const Reading *a, const Reading *b, int i)
{
    const Word *v = &a->words.v[i], *w = &b->words.v[i];
    bool        spelt = v->t.kind == TK_E_OPEN || v->t.kind == TK_GRAD_OPEN || !v->t.kind || same_bytes(a, v->t.begin, v->t.end, b, w->t.begin, w->t.end);
    return spelt && v->t.kind == w->t.kind && v->starts == w->starts && v->n_notes == w->n_notes;
}

static bool same_note(const Reading *a, const Reading *b, int i)
{
    const Note *m = &a->notes.v[i], *n = &b->notes.v[i];
    return m->behind == n->behind && same_bytes(a, m->begin, m->end, b, n->begin, n->end);
}

static bool same_doc(const Doc *a, const Doc *b) { return a->detached == b->detached && !strcmp(a->text, b->text); }

static bool same_program(const Reading *a, const Reading *b)
{
    bool same = a->words.n == b->words.n && a->notes.n == b->notes.n && a->n_docs == b->n_docs;
    for (int i = 0; same && i < a->words.n; i++) same = same_word(a, b, i);
    for (int i = 0; same && i < a->notes.n; i++) same = same_note(a, b, i);
    for (int i = 0; same && i < a->n_docs; i++) same = same_doc(&a->doc[i], &b->doc[i]);
    return same;
}

bool format_text(Arena *a, const SourceFile *f, Diags *diags, Text *out)
{
    if (!parse_file(a, f, diags)) return false;
    Reading   r = {.a = a, .f = f}, again = {.a = a};
    Writing   w = {.r = &r};
    Sources  *made = sources_new(a);
    read_words(&r, diags);
    understand(&r);
    write_lines(&w);
    print_lines(&w, out);
    again.f = source_add(made, f->name, text_str(out), out->n);
    if (!again.f) return false;
    read_words(&again, diags_new(made));
    if (!same_program(&r, &again)) BUG("fmt: %s would become another program", f->name);
    return true;
}
