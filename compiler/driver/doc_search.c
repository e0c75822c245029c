/* doc_search.c - see doc_search.h. */
#include "compiler/driver/doc_search.h"
#include "compiler/driver/texts.h"
#include "lang/source/habits.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Does a word of the n bytes begin so? A `_` stands between words. */
static bool speaks_of(const char *s, size_t n, const char *word)
{
    size_t k = strlen(word);
    for (size_t i = 0; i + k <= n; i++)
        if (!strncasecmp(s + i, word, k) && (i == 0 || !isalnum((unsigned char)s[i - 1]))) return true;
    return false;
}

static bool text_speaks_of(const char *s, const char *word) { return speaks_of(s, strlen(s), word); }

static int search_module(const DocModule *m, const char *word, Text *out)
{
    int found = 0;
    for (int i = 0; i < m->ast->file.stmts.n; i++) {
        const Ast *n = m->ast->file.stmts.v[i];
        if (!doc_name(n) || (!text_speaks_of(doc_name(n), word) && !text_speaks_of(doc_of(n), word))) continue;
        text_printf(out, "  %s.%s: ", m->name, doc_name(n));
        doc_sentence(doc_of(n), out);
        text_add(out, "\n");
        found++;
    }
    return found;
}

static int search_habits(const char *word, Text *out)
{
    int found = 0;
    const Habit *h;
    for (int i = 0; (h = habit_at(i)); i++) {
        if (strcasecmp(h->name, word)) continue;
        text_printf(out, "  `%s`, of other tools: %s%s%s\n", h->theirs, h->ours, *h->ours && *h->remark ? "; " : "", h->remark);
        found++;
    }
    return found;
}

/* A row of a table, "| system | by | [name](../examples/PROGRAM) |": the program, what it is, whom it is by. */
static bool add_system(const char *row, size_t n, Text *out)
{
    static const char link[] = "](../examples/";
    const char *name = row + 2, *end = row + n, *by = memmem(name, n - 2, " | ", 3), *program = memmem(row, n, link, sizeof link - 1);
    if (!by || !program) return false;
    program += sizeof link - 1;
    by += 3;
    const char *program_end = memchr(program, ')', (size_t)(end - program)), *by_end = memmem(by, (size_t)(end - by), " | ", 3);
    if (!program_end || !by_end) return false;
    text_printf(out, "  examples/%.*s: %.*s (%.*s)\n", (int)(program_end - program), program, (int)(by - 3 - name), name, (int)(by_end - by), by);
    return true;
}

static int search_systems(const char *word, Text *out)
{
    int found = 0;
    for (const char *row = texts_find("systems.md"), *end; *row; row = end + 1) {
        end = row + strcspn(row, "\n");
        const char *numbers = memmem(row, (size_t)(end - row), ".gan) | ", 8);                 /* what is promised and reached stands behind the program */
        if (*row == '|' && numbers && speaks_of(row, (size_t)(numbers - row), word)) found += add_system(row, (size_t)(end - row), out);
    }
    return found;
}

int doc_search(const DocModule *modules, int n, const char *word, Text *out)
{
    int found = 0;
    for (int i = 0; i < n; i++) found += search_module(&modules[i], word, out);
    return found + search_habits(word, out) + search_systems(word, out);
}
