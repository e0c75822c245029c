/* unexpected.c - the wording of syntax errors: what was found, what could have stood there, and what was perhaps meant.
 *
 * The states of the grammar from before the token are asked about every kind of token in turn; kinds that come together are
 * named together ("an expression"). Start at unexpected_token(). */
#include "lang/source/habits.h"
#include "lang/syntax/parser.h"

#include "grammar.h"

#include <ctype.h>
#include <string.h>

/* Kinds that a user sees, in the order in which they are listed; a group is asked about by its first kind. */
static const struct {
    int         kind;
    const char *shown;
} shown_kinds[] = {
    {TK_RPAREN, "')'"},      {TK_RBRACK, "']'"},     {TK_LBRACE, "'{'"},       {TK_COMMA, "','"},        {TK_COLON, "':'"},
    {TK_IS, "'='"},          {TK_TILDE, "'~'"},      {TK_ARROW, "'->'"},       {TK_ADDS, "'+='"},        {TK_IN, "in"},
    {TK_WITH, "with"},       {TK_ELSE, "else"},      {TK_DOTDOT, "'..'"},      {TK_MINIMIZE, "minimize"}, {TK_MAXIMIZE, "maximize"},
    {TK_ALONG, "along"},     {TK_PROJECT, "project"}, {TK_INTO, "into"},       {TK_DECAY, "decay"},      {TK_BY, "by"},
    {TK_STEPS, "steps"},     {TK_BATCH, "batch"},    {TK_FROM, "from"},        {TK_WHEN, "when"},        {TK_SIMULATOR, "simulator"},
};

typedef struct {
    Parser *p;
    Text    text;
    int     n;
} Listing;

static bool accepts(const Parser *p, int kind) { return SyntaxAccepts(p->states, p->n_states, kind); }

static bool is_word_kind(int kind)
{
    switch (kind) {
    case TK_SIMULATOR: case TK_MINIMIZE: case TK_MAXIMIZE: case TK_ALONG: case TK_PROJECT: case TK_INTO: case TK_DECAY:
    case TK_BY: case TK_STEPS: case TK_BATCH: case TK_FROM: case TK_WHEN:
        return true;
    default:
        return false;
    }
}

/* "a, b or c" needs to know the last: so each item waits until the next is known. */
static void list(Listing *l, const char **waiting, const char *item)
{
    if (*waiting) text_printf(&l->text, "%s%s", l->n++ ? ", " : "", *waiting);
    *waiting = item;
}

/* What could have come, or "" if too much could. */
static const char *expected(Parser *p)
{
    Listing     l = {p, text_in(p->arena), 0};
    const char *waiting = NULL;
    bool        expr = accepts(p, TK_NUMBER), op = accepts(p, TK_PLUS), name = !expr && accepts(p, TK_ID);
    for (size_t i = 0; i < sizeof shown_kinds / sizeof *shown_kinds; i++) {
        int kind = shown_kinds[i].kind;
        if (is_word_kind(kind) && (expr || name)) continue;              /* falls back to a name */
        if (kind == TK_LBRACE && expr) continue;
        if (kind == TK_DOTDOT && (expr || op)) continue;
        if (accepts(p, kind)) list(&l, &waiting, shown_kinds[i].shown);
    }
    if (name) list(&l, &waiting, "a name");
    if (!expr && accepts(p, TK_STRING)) list(&l, &waiting, "a string");
    if (accepts(p, TK_LET))
        list(&l, &waiting, "a statement");
    else if (expr)
        list(&l, &waiting, "an expression");
    if (op) list(&l, &waiting, "an operator");
    if (accepts(p, TK_END) && p->token.kind != TK_END) list(&l, &waiting, "the end of the line");
    if (accepts(p, 0) && !accepts(p, TK_LET)) list(&l, &waiting, "the end of the text");
    if (waiting) text_printf(&l.text, "%s%s", l.n ? " or " : "", waiting);
    return text_str(&l.text);
}

static const char *found(Parser *p, Token t)
{
    enum { MUCH = 40 };
    const char *s = p->f->text + t.begin;
    bool before_end = t.kind == TK_END && p->layout.has_held && p->layout.held.kind == 0;
    if (t.kind == 0 || before_end) return "end of the text";
    if (t.kind == TK_END && t.begin == t.end) return "end of the line";
    if (t.kind == TK_STRING) return "string";
    uint32_t n = t.end - t.begin;
    if (n <= MUCH) return arena_printf(p->arena, "'%.*s'", (int)n, s);
    n = MUCH;
    while (n > 0 && (s[n] & 0xC0) == 0x80) n--;
    return arena_printf(p->arena, "'%.*s...'", (int)n, s);
}

/* ---- hints */

static bool text_is(const Parser *p, uint32_t begin, const char *word)
{
    size_t n = strlen(word);
    if (begin + n > p->f->n || memcmp(p->f->text + begin, word, n) != 0) return false;
    char next = p->f->text[begin + n];
    return !((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9') || next == '_' || (next & 0x80));
}

/* Words that open a statement, with its form; they were taken as names because what follows did not fit. */
static const struct {
    const char *word, *form;
} forms[] = {
    {"import", "import nn, optim"},
    {"data", "data d = e"},
    {"layer", "layer Dense(n: int)(x: real[m]) -> real[n] { ... }"},
    {"net", "net D(x: real[2]) -> real { ... }"},
    {"implicit", "implicit G(z: real[64] ~ Normal(0, 1)) -> real[2] { ... }"},
    {"prescribed", "prescribed P(z: real[20] ~ Normal(0, 1)) -> real[784] { ... }"},
    {"distribution", "distribution d(a, b) -> real { sample = ... }"},
    {"bijector", "bijector B(...) { forward(z) = ... }"},
    {"comparison", "comparison name(p, q, T) { critic = ... }"},
    {"optimizer", "optimizer name(lr)(w, g) { w := ... }"},
    {"metric", "metric m(p, q) = e"},
    {"extern", "extern simulator s(theta: real[3]) -> real[20] from \"lib.so\""},
    {"compare", "compare c = name(p, q, D)"},
    {"loss", "loss L = e"},
    {"param", "param w: real[m, n] ~ p"},
    {"require", "require f(1) == 0"},
    {"prefer", "prefer f(1) == 0"},
    {"state", "state u: real[n] = e"},
    {"alternate", "alternate 1000 steps, batch 64 { ... }"},
    {"repeat", "repeat 5 { ... }"},
    {"every", "every 100 { ... }"},
    {"simultaneous", "simultaneous { update ... }"},
    {"extragradient", "extragradient { update ... }"},
    {"update", "update D minimize e with adam(1e-4)"},
    {"average", "average G into G_ema decay 0.999"},
    {"copy", "copy F into F_t"},
    {"report", "report w = e"},
    {"plot", "plot p = scatter(d, G)"},
    {"image", "image p = grid(G)"},
    {"stop", "stop when w < 0.01"},
    {"precision", "precision f64"},
};

/* The name or word at a place, or "". */
static const char *word_at(const Parser *p, uint32_t begin, char buf[64])
{
    size_t n = 0;
    for (const char *s = p->f->text + begin; n < 63 && begin + n < p->f->n && (s[n] == '_' || isalnum((unsigned char)s[n])); n++) buf[n] = s[n];
    buf[n] = 0;
    return buf;
}

static const Habit *habit_of_word(const Parser *p, uint32_t begin)
{
    char buf[64];
    return habit_of(HABIT_WORD, word_at(p, begin, buf));
}

static const char *form_of_first_word(const Parser *p)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (text_is(p, p->layout.stmt_begin, forms[i].word)) return forms[i].form;
    return NULL;
}

/* The innermost bracket that is open around the token, 0: none. */
static int bracket_around(const Parser *p, Token t)
{
    const Layout *l = &p->layout;
    int           n = l->n_open;
    if (n > 0 && l->open[n - 1].at.begin == t.begin) n--;
    return n ? l->open[n - 1].at.kind : 0;
}

/* Does the innermost bracket stand behind this letter, which is a name? */
static bool opened_by(const Parser *p, Token t, char letter)
{
    const Layout *l = &p->layout;
    int           n = l->n_open;
    if (n > 0 && l->open[n - 1].at.begin == t.begin) n--;
    uint32_t at = n ? l->open[n - 1].at.begin : 0;
    return at > 0 && p->f->text[at - 1] == letter && (at == 1 || !(isalnum((unsigned char)p->f->text[at - 2]) || p->f->text[at - 2] == '_'));
}

static bool statement_is(const Parser *p, const char *word) { return text_is(p, p->layout.stmt_begin, word); }

/* The sign by which another language's form is known. */
static const char *foreign_form(const Parser *p, Token t)
{
    int  around = bracket_around(p, t), before = p->before.kind;
    bool touches = p->before.end == t.begin;
    if (t.kind == TK_IS && around == TK_LPAREN && statement_is(p, "for")) return "for;";
    if (t.kind == TK_IS && around == TK_LPAREN && token_is_name(before)) return "arg=";
    if (t.kind == TK_TILDE && around == TK_LPAREN && opened_by(p, t, 'E')) return "E(";
    if (t.kind == TK_AT && t.begin == p->layout.stmt_begin) return "@";
    if (t.kind == TK_ADDS) return "+=";
    if (t.kind == TK_PLUS && before == TK_PLUS) return "++";
    if (t.kind == TK_COLON && around == TK_LBRACK) return "x[:]";
    if (t.kind == TK_COLON && around == TK_LBRACE && before == TK_STRING) return "{a:";
    if (t.kind == TK_COLON && statement_is(p, "def")) return "def:";
    if (t.kind == TK_COLON && (statement_is(p, "if") || statement_is(p, "else"))) return "if:";
    if (t.kind == TK_COLON && statement_is(p, "for")) return "for:";
    if (t.kind == TK_BROKEN && statement_is(p, "for")) return "for;";
    if (t.kind == TK_IF && !accepts(p, TK_IF)) return "b if a";
    if (t.kind == TK_FOR && around == TK_LBRACK && !accepts(p, TK_FOR)) return "e for";
    if (t.kind == TK_STRING && before == TK_ID && touches && text_is(p, p->before.begin, "f\"")) return "f\"";
    if (t.kind == TK_STRING && before == TK_STRING && touches) return "\"\"\"";
    if (t.kind == TK_ID && statement_is(p, "import") && text_is(p, t.begin, "as")) return "import as";
    return NULL;
}

static const Habit *habit_of_place(const Parser *p, Token t)
{
    const char  *sign = foreign_form(p, t);
    const Habit *h = sign ? habit_of(HABIT_SIGN, sign) : NULL;
    if (!h && token_is_name(p->before.kind)) h = habit_of_word(p, p->before.begin);
    return h ? h : habit_of_word(p, p->layout.stmt_begin);
}

static const char *hint_of_place(const Parser *p, Token t)
{
    const char *text = p->f->text;
    bool first = t.begin == p->layout.stmt_begin;
    if (first && t.kind == TK_DOT) return "a point and a name stand on the line of what they are a part of";
    if (first && token_is_joint(t.kind) && t.kind != TK_AT) return "to continue the line above, end that line with the operator";
    if (t.kind == TK_IS && accepts(p, TK_EQ) && !foreign_form(p, t)) return "== compares";
    if (t.kind == TK_DOTDOT || p->before.kind == TK_DOTDOT) return "outside of an index a range has both ends: 0..n";
    if (t.kind == TK_DOT && t.end < p->f->n && text[t.end] >= '0' && text[t.end] <= '9') return "a number starts with a digit: 0.5";
    if (p->before.kind == TK_DOT && p->before.begin > 0 && text[p->before.begin - 1] >= '0' && text[p->before.begin - 1] <= '9')
        return "a number does not end in a point: 1.0, or 1";
    if (t.kind == TK_LPAREN && (p->before.kind == TK_LPAREN || p->before.kind == TK_COMMA) && accepts(p, TK_ID) && accepts(p, TK_STAR) && accepts(p, TK_RPAREN))
        return "a parameter is one name; let (a, b) = p in the body takes it apart";
    if (t.kind == TK_ASSIGN && text[t.begin] == ':' && accepts(p, TK_IS)) return "a declaration has =; := changes a state";
    if (t.kind == TK_COMMA && !bracket_around(p, t) && statement_is(p, "data")) return "zip(x: .., y: ..) joins arrays row with row; [.., ..] is a list of rows";
    if (p->before.kind == TK_RBRACE && !first && token_is_name(t.kind) && accepts(p, TK_END)) return "another statement stands on a line of its own, or behind a ;";
    return NULL;
}

/* update D minimize L, and the line ends: what is written, and a rule. */
static bool lacks_rule(const Parser *p, Diag *d)
{
    uint32_t begin = p->layout.stmt_begin, end = p->before.end;
    enum { LONGEST = 100 };
    if (!statement_is(p, "update") || !accepts(p, TK_WITH) || end <= begin || end - begin > LONGEST || memchr(p->f->text + begin, '\n', end - begin)) return false;
    diag_hint(d, "%.*s with adam(1e-4)", (int)(end - begin), p->f->text + begin);
    return true;
}

/* f(x, dim=1): the argument as it is written here. */
static bool equals_for_colon(const Parser *p, Diag *d, Token t)
{
    enum { LONGEST = 40 };
    const char *sign = foreign_form(p, t), *text = p->f->text;
    if (!sign || strcmp(sign, "arg=")) return false;
    uint32_t begin = t.end, end;
    while (begin < p->f->n && text[begin] == ' ') begin++;
    int deep = 0;
    for (end = begin; end < p->f->n && text[end] != '\n' && end - begin < LONGEST; end++) {
        if (!deep && (text[end] == ',' || text[end] == ')')) break;
        deep += text[end] == '(' || text[end] == '[';
        deep -= text[end] == ')' || text[end] == ']';
    }
    bool whole = end > begin && end < p->f->n && (text[end] == ',' || text[end] == ')');
    diag_hint(d, "write %.*s: %.*s; %s", (int)(p->before.end - p->before.begin), text + p->before.begin, whole ? (int)(end - begin) : 2, whole ? text + begin : "..",
              habit_of(HABIT_SIGN, sign)->remark);
    return true;
}

static void give_hint(const Parser *p, Diag *d, Token t)
{
    if (lacks_rule(p, d) || equals_for_colon(p, d, t)) return;
    const char  *hint = hint_of_place(p, t);
    const Habit *h = hint ? NULL : habit_of_place(p, t);
    if (h) habit_hint(d, h);
    else if (!hint) hint = form_of_first_word(p);
    if (hint) diag_hint(d, "%s", hint);
}

/* The bracket around a token that starts a line: probably it should have been closed before. */
static void note_open_bracket(Parser *p, Diag *d, Token t)
{
    const Layout *l = &p->layout;
    int           n = l->n_open;
    if (n > 0 && l->open[n - 1].at.begin == t.begin) n--;
    if (n == 0 || l->open[n - 1].at.kind == TK_LBRACE) return;
    Span open = span_of(p->f, l->open[n - 1].at.begin, l->open[n - 1].at.end);
    if (source_place(p->f, open.begin).line < source_place(p->f, t.begin).line) diag_note(d, open, "opened here, and still open");
}

void unexpected_token(Parser *p)
{
    p->errored = p->failed = true;
    Token t = p->token;
    p->lost = (Lost){p->layout.stmt_begin, t};
    if (p->muted || p->layout.lx.troubled) return;

    const char *what = found(p, t), *could = expected(p);
    Span        at = span_of(p->f, t.begin, t.end);
    Diag       *d = *could ? parse_error(p, at, E020, "unexpected %s; expected %s", what, could) : parse_error(p, at, E020, "unexpected %s", what);
    give_hint(p, d, t);
    note_open_bracket(p, d, t);
}
