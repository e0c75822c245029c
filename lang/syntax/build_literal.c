/* build_literal.c - numbers and strings. The lexer finds where they end; what they are worth is found out here. */
#include "lang/syntax/build.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* Is s of the form 1_000.5e-3? The lexer takes what looks like a number and is none with it. */
static bool well_formed(const char *s, const char *end)
{
    bool after_digit = false, point = false, exponent = false;
    for (; s < end; s++) {
        if (*s >= '0' && *s <= '9') {
            after_digit = true;
            continue;
        }
        bool more = s + 1 < end && s[1] >= '0' && s[1] <= '9';
        bool sign = s + 2 < end && (s[1] == '-' || s[1] == '+') && s[2] >= '0' && s[2] <= '9';
        if (*s == '_' && after_digit && more)
            ;
        else if (*s == '.' && !point && !exponent && more)
            point = true;
        else if ((*s == 'e' || *s == 'E') && !exponent && (more || sign)) {
            exponent = true;
            s += sign;
        } else {
            return false;
        }
        after_digit = false;
    }
    return true;
}

enum { LONGEST_NUMBER = 400 };

static bool has_nonzero_digit(const char *s)
{
    for (; *s && *s != 'e' && *s != 'E'; s++)
        if (*s >= '1' && *s <= '9') return true;
    return false;
}

static void read_integer(Parser *p, Ast *n, const char *digits)
{
    errno = 0;
    n->number.integer = strtoll(digits, NULL, 10);
    if (errno == ERANGE)
        diag_hint(parse_error(p, n->span, E023, "an integer has at most 63 bits"),
                  "a real of this size is written with an exponent: 1e20");
}

static void read_number(Parser *p, Ast *n)
{
    char   digits[LONGEST_NUMBER + 1];
    size_t k = 0;
    for (const char *s = n->number.text; *s; s++)
        if (*s != '_') digits[k++] = *s;
    digits[k] = 0;
    n->number.is_int = !strpbrk(digits, ".eE");
    n->number.value = strtod_l(digits, NULL, p->c_locale);
    if (n->number.is_int)
        read_integer(p, n, digits);
    else if (isinf(n->number.value))
        parse_error(p, n->span, E023, "%s is larger than any real", n->number.text);
    else if (n->number.value == 0 && has_nonzero_digit(digits))
        parse_error(p, n->span, E023, "%s is closer to 0 than any other real", n->number.text);
}

Ast *build_number(Parser *p, Token t)
{
    Ast *n = build_node(p, AST_NUMBER, token_span(p, t));
    if (t.end - t.begin > LONGEST_NUMBER) {
        parse_error(p, n->span, E022, "a number of %u digits", t.end - t.begin);
        n->number.text = "0";
        return n;
    }
    n->number.text = arena_strn(p->arena, p->f->text + t.begin, t.end - t.begin);
    if (well_formed(p->f->text + t.begin, p->f->text + t.end)) {
        read_number(p, n);
        return n;
    }
    Diag  *d = parse_error(p, n->span, E022, "%s is no number", n->number.text);
    size_t lead = strspn(n->number.text, "0123456789.");
    char   next = n->number.text[lead];
    if (next == '_')
        diag_hint(d, "an underscore stands between two digits: 25_000");
    else if (lead && next && strchr("eE", next))
        diag_hint(d, "an exponent has digits: 1e-4");
    else
        diag_hint(d, "a product is written %.*s * %s, and a name does not start with a digit", (int)lead, n->number.text, n->number.text + lead);
    return n;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* s is behind "\u"; {1F600} becomes UTF-8. Returns what follows, or NULL if that is no code point. */
static const char *unicode_escape(const char *s, const char *end, Text *out)
{
    utf8proc_int32_t cp = 0;
    int              digits = 0;
    if (s == end || *s++ != '{') return NULL;
    for (; s < end && hex_value(*s) >= 0 && digits < 7; s++, digits++) cp = cp * 16 + hex_value(*s);
    if (digits == 0 || digits > 6 || s == end || *s != '}' || cp == 0 || !utf8proc_codepoint_valid(cp)) return NULL;
    utf8proc_uint8_t bytes[4];
    text_addn(out, (const char *)bytes, (size_t)utf8proc_encode_char(cp, bytes));
    return s + 1;
}

/* s is behind a backslash. Returns what follows the escape; one that is unknown is reported and stands for nothing. */
static const char *escape(Parser *p, const char *s, const char *end, Text *out)
{
    static const char from[] = "nt\\\"", to[] = "\n\t\\\"";
    const char       *known = s < end && *s ? strchr(from, *s) : NULL;
    if (known) {
        text_addn(out, to + (known - from), 1);
        return s + 1;
    }
    if (s == end) return s;                                  /* the string does not end: reported */
    const char *next = *s == 'u' ? unicode_escape(s + 1, end, out) : NULL;
    if (next) return next;
    uint32_t at = (uint32_t)(s - 1 - p->f->text), until = at + 2;
    if (until > p->f->n) until = p->f->n;
    while (until < p->f->n && (p->f->text[until] & 0xC0) == 0x80) until++;
    diag_hint(parse_error(p, span_of(p->f, at, until), E025, "an unknown escape"), "\\n, \\t, \\\\, \\\" and \\u{3b1} are known");
    return s + 1;
}

char *build_unescape(Parser *p, Token t)
{
    const char *s = p->f->text + t.begin + 1, *end = p->f->text + t.end;
    if (end > s && end[-1] == s[-1]) end--;
    Text out = text_in(p->arena);
    while (s < end) {
        const char *back = memchr(s, '\\', (size_t)(end - s)), *stop = back ? back : end;
        text_addn(&out, s, (size_t)(stop - s));
        s = back ? escape(p, back + 1, end, &out) : end;
    }
    return text_str(&out);
}

Ast *build_string(Parser *p, Token t)
{
    Ast *n = build_node(p, AST_STRING, token_span(p, t));
    n->string.text = build_unescape(p, t);
    return n;
}
