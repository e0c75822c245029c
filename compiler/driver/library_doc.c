/* library_doc.c - see library_doc.h. All of it comes from the source: the comment above a definition, the definition's first line, its text. A
 * line of a comment that is indented by four blanks is code, an example. */
#include "compiler/driver/library_doc.h"

#include <string.h>

enum { CODE = 4 };                                           /* blanks before a line of code in a comment */

const char *doc_name(const Ast *n)
{
    if (n->kind == AST_DEFINE) return n->define.name;
    return n->kind == AST_LET && n->let.pattern->kind == AST_NAME ? n->let.pattern->name.name : NULL;
}

const char *doc_of(const Ast *n)
{
    const char *doc = n->kind == AST_DEFINE ? n->define.doc : n->kind == AST_LET ? n->let.doc : n->kind == AST_MEMBER ? n->member.doc : NULL;
    return doc ? doc : "";
}

/* ---- text from the source ---------------------------------------------------------------------------------------------- */

/* On one line, without the sign that the body follows. */
static void add_head(Text *out, const SourceFile *f, uint32_t begin, uint32_t end)
{
    while (end > begin && strchr(" \t\r\n={", f->text[end - 1])) end--;
    for (uint32_t i = begin; i < end; i++) {
        bool blank = strchr(" \t\r\n", f->text[i]) != NULL;
        if (blank && strchr(" \t\r\n", f->text[i + 1])) continue;
        text_addn(out, blank ? " " : f->text + i, 1);
    }
}

static void add_signature(Text *out, const SourceFile *f, const Ast *n)
{
    const Ast *body = n->kind == AST_DEFINE ? n->define.body : n->kind == AST_MEMBER ? n->member.value : NULL;
    add_head(out, f, n->span.begin, body ? body->span.begin : n->span.end);
}

static const char *line_end(const char *s)
{
    const char *end = strchr(s, '\n');
    return end ? end : s + strlen(s);
}

static bool is_code(const char *s) { return strspn(s, " ") >= CODE; }

/* The lines of a comment that are code, or those that are not. */
static void add_lines(Text *out, const char *doc, bool code, const char *indent)
{
    for (const char *s = doc, *end; *s; s = *end ? end + 1 : end) {
        end = line_end(s);
        if (is_code(s) != code) continue;
        text_add(out, indent);
        text_addn(out, s + (code ? CODE : 0), (size_t)(end - s) - (code ? CODE : 0));
        text_add(out, "\n");
    }
}

static bool has_code(const char *doc)
{
    for (const char *s = doc, *end; *s; s = *end ? end + 1 : end) {
        end = line_end(s);
        if (is_code(s)) return true;
    }
    return false;
}

/* Does a sentence end at this full stop? That of "et al. 2014" is none. */
static bool ends_sentence(const char *s)
{
    if (*s != '.') return false;
    return !s[1] || ((s[1] == ' ' || s[1] == '\n') && !(s[2] >= '0' && s[2] <= '9') && !(s[2] >= 'a' && s[2] <= 'z'));
}

void doc_sentence(const char *doc, Text *out)
{
    for (; *doc; doc++) {
        text_addn(out, *doc == '\n' ? " " : doc, 1);
        if (ends_sentence(doc)) return;
    }
}

/* ---- pages ------------------------------------------------------------------------------------------------------------- */

void doc_module_line(const DocModule *m, Text *out)
{
    text_printf(out, "  %-10s ", m->name);
    doc_sentence(m->ast->file.doc ? m->ast->file.doc : "", out);
    text_add(out, "\n");
}

void doc_module(const DocModule *m, Text *out)
{
    text_printf(out, "%s\n\n", m->name);
    add_lines(out, m->ast->file.doc ? m->ast->file.doc : "", false, "");
    for (int i = 0; i < m->ast->file.stmts.n; i++) {
        const Ast *n = m->ast->file.stmts.v[i];
        if (!doc_name(n)) continue;
        text_add(out, "\n  ");
        add_signature(out, m->file, n);
        text_add(out, "\n      ");
        doc_sentence(doc_of(n), out);
        text_add(out, "\n");
    }
}

static void add_members(const DocModule *m, const Ast *n, Text *out)
{
    const Ast *body = n->kind == AST_DEFINE ? n->define.body : NULL;
    bool       any = false;
    for (int i = 0; body && body->kind == AST_BLOCK && i < body->block.stmts.n; i++) {
        const Ast *k = body->block.stmts.v[i];
        if (k->kind != AST_MEMBER) continue;
        text_add(out, any ? ", " : "\nmembers: ");
        any = true;
        add_signature(out, m->file, k);
    }
    if (any) text_add(out, "\n");
}

static void add_source(const DocModule *m, const Ast *n, Text *out)
{
    text_add(out, "\ndefinition (");
    text_printf(out, m->library ? "stdlib/%s.gan:%u):\n" : "%s:%u):\n", m->name, source_place(m->file, n->span.begin).line);
    for (uint32_t at = n->span.begin, end; at < n->span.end; at = end + 1) {
        for (end = at; end < n->span.end && m->file->text[end] != '\n'; end++) {}
        text_add(out, "    ");
        text_addn(out, m->file->text + at, end - at);
        text_add(out, "\n");
    }
}

void doc_definition(const DocModule *m, const Ast *n, Text *out)
{
    const char *doc = doc_of(n);
    add_signature(out, m->file, n);
    text_printf(out, "%s\n\n", "");
    add_lines(out, doc, false, "  ");
    add_members(m, n, out);
    add_source(m, n, out);
    if (has_code(doc)) text_add(out, "\nexample:\n");
    add_lines(out, doc, true, "    ");
}
