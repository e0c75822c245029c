/* lexer.re - text to words (re2c).
 *
 * Thin: a rule returns a kind. Words that only open a statement come out as their keyword; layout.c decides whether they
 * are one. The text ends in a NUL at lim (re2c:eof), so NULs and bad bytes inside it are only stray bytes; they have been
 * reported by source_check_bytes and are passed over. Comments and strings are scanned by memchr-like loops: a line may
 * have 10 MB. */
#include "lang/source/habits.h"
#include "lang/syntax/lexer.h"

#include "grammar.h"

#include <string.h>
#include <utf8proc.h>

void lex_init(Lexer *lx, Arena *a, const SourceFile *f, Diags *diags)
{
    *lx = (Lexer){.arena = a, .f = f, .diags = diags, .stray_end = UINT32_MAX, .line_start = true, .doc = text_in(a)};
    lx->text = lx->cur = (const unsigned char *)f->text;
    lx->lim = lx->text + f->n;
    if (f->n >= 3 && memcmp(f->text, "\xEF\xBB\xBF", 3) == 0) lx->cur += 3;
}

static uint32_t offset(const Lexer *lx, const unsigned char *p) { return (uint32_t)(p - lx->text); }

static Span token_span(const Lexer *lx) { return span_of(lx->f, offset(lx, lx->tok), offset(lx, lx->cur)); }

static Diag *report(Lexer *lx, DiagCode code, const char *text)
{
    lx->failed = lx->troubled = true;
    return diag_error(lx->diags, token_span(lx), code, "%s", text);
}

/* An operator of another language: says what it is here, and goes on as if that had been written, which was meant. */
static void foreign(Lexer *lx, const char *text, const char *hint)
{
    if (lx->quiet) return;
    bool was = lx->troubled;
    diag_hint(report(lx, E038, text), "%s", hint);
    lx->troubled = was;
}

/* One for which nothing here can stand. */
static void strange(Lexer *lx, const char *text, const char *hint)
{
    foreign(lx, text, hint);
    lex_wrong(lx, offset(lx, lx->tok));
}

/* Characters that look like ours. */
static const struct {
    const char *looks, *ours;
} lookalikes[] = {
    {"−", "-"}, {"–", "-"}, {"×", "*"}, {"·", "*"}, {"⋅", "*"}, {"÷", "/"},  {"≤", "<="}, {"≥", ">="}, {"≠", "!="}, {"“", "\""},
    {"”", "\""}, {"→", "->"}, {"∼", "~"}, {"²", "^2"}, {"³", "^3"}, {"′", "'"}, {"’", "'"}, {"\u00A0", " "}, {"∘", "|>"}, {"∞", "inf"},
};

/* Passes over one code point that means nothing; a run of them is reported once, bad bytes not again. */
static void stray(Lexer *lx)
{
    bool            continued = offset(lx, lx->tok) == lx->stray_end, printable = *lx->tok > 0x20 && *lx->tok < 0x7f;
    utf8proc_int32_t cp = *lx->tok;
    utf8proc_ssize_t n = utf8proc_iterate(lx->tok, lx->lim - lx->tok, &cp);
    if (n > 0) lx->cur = lx->tok + n;
    lx->stray_end = offset(lx, lx->cur);
    lx->failed = lx->troubled = true;
    if (!continued) lex_wrong(lx, offset(lx, lx->tok));
    if (continued || n <= 0 || cp == 0 || lx->quiet) return;
    if (printable) {
        Diag        *d = diag_error(lx->diags, token_span(lx), E021, "'%c' has no meaning here", (int)cp);
        const Habit *h = habit_of(HABIT_SIGN, (char[]){(char)cp, 0});
        if (h) habit_hint(d, h);
        return;
    }
    Diag *d = diag_error(lx->diags, token_span(lx), E021, "the character U+%04X has no meaning here", (unsigned)cp);
    for (size_t i = 0; i < sizeof lookalikes / sizeof *lookalikes; i++)
        if (strncmp((const char *)lx->tok, lookalikes[i].looks, strlen(lookalikes[i].looks)) == 0) diag_hint(d, "write %s", lookalikes[i].ours);
}

/* ---- comments */

static void to_line_end(Lexer *lx)
{
    const unsigned char *nl = memchr(lx->cur, '\n', (size_t)(lx->lim - lx->cur));
    lx->cur = nl ? nl : lx->lim;
}

/* Gives the waiting comment to what starts at tok: a token, or the next comment after a blank line. */
static void settle_doc(Lexer *lx)
{
    if (!lx->doc.s || lx->quiet) return;
    array_push(lx->arena, &lx->docs, ((Doc){offset(lx, lx->tok), lx->doc.s, lx->newlines_after_doc > 1 || lx->tok == lx->lim}));
    lx->doc = text_in(lx->arena);
}

/* A ## comment that starts a line documents what comes next; the lines of one block are joined. */
static void keep_doc(Lexer *lx)
{
    const unsigned char *b = lx->tok + 2, *e = lx->cur;
    if (b < e && *b == ' ') b++;
    while (e > b && (e[-1] == ' ' || e[-1] == '\r')) e--;
    if (lx->doc.s && lx->newlines_after_doc > 1) settle_doc(lx);
    if (lx->doc.s) text_add(&lx->doc, "\n");
    text_addn(&lx->doc, (const char *)b, (size_t)(e - b));
    lx->newlines_after_doc = 0;
}

static void comment(Lexer *lx)
{
    to_line_end(lx);
    bool is_doc = lx->cur - lx->tok >= 2 && lx->tok[1] == '#' && !(lx->cur - lx->tok >= 3 && lx->tok[2] == '#');
    if (is_doc && lx->line_start && !lx->quiet) keep_doc(lx);
}

/* ---- strings: to the closing quote, or to the end of the line, which is an error */

static int string(Lexer *lx)
{
    while (lx->cur < lx->lim && *lx->cur != '"' && *lx->cur != '\n') {
        if (*lx->cur == '\\' && lx->cur + 1 < lx->lim && lx->cur[1] != '\n') lx->cur++;
        lx->cur++;
    }
    if (lx->cur < lx->lim && *lx->cur == '"') {
        lx->cur++;
    } else if (!lx->quiet) {
        report(lx, E024, "this string does not end on its line");
        lex_wrong(lx, offset(lx, lx->tok));
    }
    return TK_STRING;
}

/* Does a ' here follow a name or a closing bracket, as that of a derivative does? */
static bool is_prime(const Lexer *lx)
{
    unsigned char before = lx->tok > lx->text ? lx->tok[-1] : ' ';
    return before == '\'' || before == ')' || before == ']' || before == '_' || before >= 0x80 || (before >= '0' && before <= '9') ||
           (before >= 'a' && before <= 'z') || (before >= 'A' && before <= 'Z');
}

/* 'latest', where a string is meant. */
static int quoted(Lexer *lx)
{
    const unsigned char *end = lx->cur;
    while (end < lx->lim && *end != '\'' && *end != '\n') end++;
    if (is_prime(lx) || end == lx->lim || *end == '\n') return TK_PRIME;
    lx->cur = end + 1;
    if (!lx->quiet) {
        bool was = lx->troubled;
        diag_hint(report(lx, E037, "a string stands in double quotes"), "\"%.*s\"", (int)(end - lx->tok - 1), (const char *)lx->tok + 1);
        lx->troubled = was;
    }
    return TK_STRING;
}

static int scan(Lexer *lx)
{
    for (;;) {
        lx->tok = lx->cur;
        /*!include:re2c "unicode_categories.re" */
        /*!re2c
            re2c:define:YYCTYPE  = "unsigned char";
            re2c:define:YYCURSOR = "lx->cur";
            re2c:define:YYMARKER = "lx->mar";
            re2c:define:YYLIMIT  = "lx->lim";
            re2c:yyfill:enable = 0;
            re2c:eof = 0;
            re2c:flags:8 = 1;

            id_start = L | Nl | [_];
            id_cont  = id_start | Mn | Mc | Nd | Pc | [\u2080-\u2089];
            digits   = [0-9]+ ("_" [0-9]+)*;
            number   = digits ("." digits)? ([eE] [-+]? digits)?;
            blank    = [ \t];

            $                        { return 0; }
            *                        { stray(lx); continue; }
            blank+                   { continue; }
            "\r"                     { continue; }
            "\n"                     { return LEX_NEWLINE; }
            ";"                      { return TK_END; }
            "#"                      { comment(lx); continue; }
            "\""                     { return string(lx); }
            number                   { return TK_NUMBER; }
            number id_cont+          { return TK_NUMBER; }    // malformed; said where the number is read

            // words that are always keywords
            "let"                    { return TK_LET; }
            "def"                    { return TK_DEF; }
            "fn"                     { return TK_FN; }
            "if"                     { return TK_IF; }
            "else"                   { return TK_ELSE; }
            "for"                    { return TK_FOR; }
            "in"                     { return TK_IN; }
            "and"                    { return TK_AND; }
            "or"                     { return TK_OR; }
            "not"                    { return TK_NOT; }
            "true"                   { return TK_TRUE; }
            "false"                  { return TK_FALSE; }
            "with"                   { return TK_WITH; }
            "after"                  { return TK_AFTER; }
            "E" blank* "["           { return TK_E_OPEN; }
            "grad" blank* "["        { return TK_GRAD_OPEN; }

            // words that open a statement, elsewhere names
            "import"                 { return TK_IMPORT; }
            "data"                   { return TK_DATA; }
            "layer"                  { return TK_LAYER; }
            "net"                    { return TK_NET; }
            "implicit"               { return TK_IMPLICIT; }
            "prescribed"             { return TK_PRESCRIBED; }
            "distribution"           { return TK_DISTRIBUTION; }
            "bijector"               { return TK_BIJECTOR; }
            "comparison"             { return TK_COMPARISON; }
            "optimizer"              { return TK_OPTIMIZER; }
            "metric"                 { return TK_METRIC; }
            "extern"                 { return TK_EXTERN; }
            "compare"                { return TK_COMPARE; }
            "loss"                   { return TK_LOSS; }
            "param"                  { return TK_PARAM; }
            "state"                  { return TK_STATE; }
            "alternate"              { return TK_ALTERNATE; }
            "repeat"                 { return TK_REPEAT; }
            "every"                  { return TK_EVERY; }
            "simultaneous"           { return TK_SIMULTANEOUS; }
            "extragradient"          { return TK_EXTRAGRADIENT; }
            "update"                 { return TK_UPDATE; }
            "average"                { return TK_AVERAGE; }
            "copy"                   { return TK_COPY; }
            "report"                 { return TK_REPORT; }
            "plot"                   { return TK_PLOT; }
            "image"                  { return TK_IMAGE; }
            "save"                   { return TK_SAVE; }
            "stop"                   { return TK_STOP; }
            "expect"                 { return TK_EXPECT; }
            "precision"              { return TK_PRECISION; }
            "require"                { return TK_REQUIRE; }
            "prefer"                 { return TK_PREFER; }

            // words inside a statement, elsewhere names (%fallback in the grammar)
            "simulator"              { return TK_SIMULATOR; }
            "minimize"               { return TK_MINIMIZE; }
            "maximize"               { return TK_MAXIMIZE; }
            "along"                  { return TK_ALONG; }
            "project"                { return TK_PROJECT; }
            "into"                   { return TK_INTO; }
            "decay"                  { return TK_DECAY; }
            "by"                     { return TK_BY; }
            "steps"                  { return TK_STEPS; }
            "batch"                  { return TK_BATCH; }
            "from"                   { return TK_FROM; }
            "when"                   { return TK_WHEN; }

            id_start id_cont*        { return TK_ID; }

            "+"                      { return TK_PLUS; }
            "-"                      { return TK_MINUS; }
            "*"                      { return TK_STAR; }
            "/"                      { return TK_SLASH; }
            "@"                      { return TK_AT; }
            "%"                      { return TK_PERCENT; }
            "^"                      { return TK_CARET; }
            "|>"                     { return TK_PIPE; }
            "=="                     { return TK_EQ; }
            "!="                     { return TK_NE; }
            "<"                      { return TK_LT; }
            "<="                     { return TK_LE; }
            ">"                      { return TK_GT; }
            ">="                     { return TK_GE; }
            "="                      { return TK_IS; }
            ":="                     { return TK_ASSIGN; }
            "+="                     { return TK_ADDS; }
            "~"                      { return TK_TILDE; }
            "->"                     { return TK_ARROW; }
            ":"                      { return TK_COLON; }
            ","                      { return TK_COMMA; }
            "."                      { return TK_DOT; }
            ".."                     { return TK_DOTDOT; }
            "'"                      { return quoted(lx); }
            "("                      { return TK_LPAREN; }
            ")"                      { return TK_RPAREN; }
            "["                      { return TK_LBRACK; }
            "]"                      { return TK_RBRACK; }
            "{"                      { return TK_LBRACE; }
            "}"                      { return TK_RBRACE; }

            // other languages' operators
            "&&"                     { foreign(lx, "&& is no operator", "write and"); return TK_AND; }
            "||"                     { foreign(lx, "|| is no operator", "write or"); return TK_OR; }
            "!"                      { foreign(lx, "! is no operator", "write not"); return TK_NOT; }
            "**"                     { foreign(lx, "** is no operator", "write ^"); return TK_CARET; }
            "=>"                     { strange(lx, "=> is no operator", "a result's type follows ->, a function's body fn(x)"); lx->troubled |= !lx->quiet; return TK_ARROW; }
            [-*/] "="                { strange(lx, "there is no such assignment", "write x := x - e in full"); return TK_ASSIGN; }
            "//" | "/*"              { foreign(lx, "comments start with #", "write #; div(a, b) divides integers"); to_line_end(lx); continue; }
        */
    }
}

/* After a point, a word is a field's name, whatever it means elsewhere: c.update, x.E[0]. */
static int as_field(Lexer *lx)
{
    const unsigned char *p = lx->tok;
    while (p < lx->cur && *p != ' ' && *p != '\t' && *p != '[') p++;
    lx->cur = p;
    return TK_ID;
}

static bool is_word(const Lexer *lx)
{
    unsigned char c = *lx->tok;
    return lx->tok < lx->cur && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

Token lex_next(Lexer *lx)
{
    int kind = scan(lx);
    if (lx->after_dot && is_word(lx)) kind = as_field(lx);
    lx->after_dot = kind == TK_DOT;
    if (kind == LEX_NEWLINE) {
        lx->newlines_after_doc++;
        lx->line_start = true;
    } else if (kind != TK_END || !lx->line_start) {        /* of an empty statement nothing is left on the line */
        lx->line_start = false;
        settle_doc(lx);
    }
    return (Token){kind, offset(lx, lx->tok), offset(lx, lx->cur)};
}
