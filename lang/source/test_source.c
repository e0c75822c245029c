/* Files, places, and how diagnostics print. */
#include "lang/source/diag.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    Arena   *arena;
    Sources *sources;
    Diags   *diags;
} Env;

static Env env_new(void)
{
    Arena   *a = arena_new();
    Sources *s = sources_new(a);
    return (Env){a, s, diags_new(s)};
}

static const SourceFile *add(Env *e, const char *text) { return source_add(e->sources, "t.gan", text, strlen(text)); }

static const char *printed(Env *e)
{
    Text out = text_in(e->arena);
    diags_print_text(e->diags, &out, false);
    return text_str(&out);
}

static const char *printed_json(Env *e)
{
    Text out = text_in(e->arena);
    diags_print_json(e->diags, &out);
    return text_str(&out);
}

static void same_text(const char *got, const char *want)
{
    cr_assert(strcmp(got, want) == 0, "got:\n%s\nwanted:\n%s", got, want);
}

Test(source, places)
{
    Env               e = env_new();
    const SourceFile *f = add(&e, "ab\n\nλμ x\r\nlast");
    const struct {
        uint32_t byte, line, column;
    } rows[] = {{0, 1, 1}, {2, 1, 3}, {3, 2, 1}, {4, 3, 1}, {6, 3, 2}, {8, 3, 3}, {9, 3, 4}, {12, 4, 1}, {16, 4, 5}, {99, 4, 5}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Place p = source_place(f, rows[i].byte);
        cr_expect(p.line == rows[i].line && p.column == rows[i].column, "byte %u is at %u:%u", rows[i].byte, p.line, p.column);
    }
    cr_expect_eq(f->n_lines, 4);
    cr_expect_eq(source_line_end(f, 1), 2);
    cr_expect_eq(source_line_end(f, 2), 3);
    cr_expect_eq(source_line_end(f, 3), 10, "a \\r before the newline is not of the line");
    cr_expect_eq(source_line_end(f, 4), 16);
    cr_expect_eq(add(&e, "")->n_lines, 1);
    cr_expect_null(source_add(e.sources, "big", "", (size_t)SOURCE_MAX + 1));
    cr_expect_null(source_file(e.sources, 0));
    cr_expect_null(source_file(e.sources, 3));
    arena_free(e.arena);
}

Test(source, typed)
{
    Env               e = env_new();
    const char       *text = "let x = 1\nnet\n\nlet y = x\nlet z = q\n";
    const SourceFile *f = source_add_typed(e.sources, "t.gan", text, strlen(text), 15);
    Place             before = source_place(f, 4), behind = source_place(f, 33);
    cr_expect(before.file == f && before.line == 1 && before.column == 5);
    cr_expect(behind.file == f->typed && behind.line == 2 && behind.column == 9, "%u:%u", behind.line, behind.column);
    Diag *d = diag_error(e.diags, span_of(f, 33, 34), E100, "no q");
    diag_note(d, span_of(f, 19, 20), "y, typed before");
    diag_note(d, span_of(f, 4, 5), "x, of the file");
    same_text(printed(&e), "<typed>:2:9: error: no q [E100]\n"
                           "  2 | let z = q\n"
                           "    |         ^\n"
                           "  1 | let y = x\n"
                           "    |     - y, typed before\n"
                           "t.gan:1:5: note: x, of the file\n"
                           "  1 | let x = 1\n"
                           "    |     -\n");
    cr_expect(strstr(printed_json(&e), "\"file\":\"<typed>\",\"range\":{\"start\":{\"line\":2,\"column\":9}"), "%s", printed_json(&e));
    arena_free(e.arena);
}

Test(source, reading)
{
    Env  e = env_new();
    char dir[] = "/tmp/gan-source-XXXXXX", path[64];
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.gan", dir);
    FILE *out = fopen(path, "w");
    fputs("let x = 1\n", out);
    fclose(out);
    const SourceFile *f = source_read(e.sources, path, SPAN_NONE, e.diags);
    cr_assert(f && f->n == 10 && strcmp(f->text, "let x = 1\n") == 0);
    cr_assert_not(diags_failed(e.diags));

    cr_assert_eq(truncate(path, (off_t)SOURCE_MAX + 1), 0);
    cr_expect_null(source_read(e.sources, path, SPAN_NONE, e.diags));
    unlink(path);
    cr_expect_null(source_read(e.sources, path, SPAN_NONE, e.diags));
    cr_expect_null(source_read(e.sources, dir, SPAN_NONE, e.diags));
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_null(source_read(e.sources, path, span_of(f, 4, 5), e.diags), "a pipe with no writer neither blocks nor reads");
    unlink(path);
    rmdir(dir);
    char want[1000];
    snprintf(want, sizeof want,
             "gan: error: %s is larger than 64 MiB [E002]\n"
             "gan: error: cannot read %s: No such file or directory [E001]\n"
             "gan: error: cannot read %s: it is a directory [E001]\n"
             "%s:1:5: error: cannot read %s: it is not a regular file [E001]\n"
             "  1 | let x = 1\n"
             "    |     ^\n",
             path, path, dir, path, path);
    same_text(printed(&e), want);
    arena_free(e.arena);
}

Test(source, bytes)
{
    const struct {
        const char *text;
        size_t      n;
        const char *want;
    } rows[] = {
        {"let λ = 1 # ﷽\n", 17, ""},
        {"a\0\0\0b\0", 6, "t.gan:1:2: NUL bytes|t.gan:1:6: a NUL byte|"},
        {"a\xff\xfe\xc3(", 5, "t.gan:1:2: bytes that are not UTF-8 (starting with 0xff)|"},
        {"\xc3", 1, "t.gan:1:1: a byte that is not UTF-8 (starting with 0xc3)|"},
        {"\xed\xa0\x80 \xc0\x80\n\xf5", 8, "t.gan:1:1: bytes that are not UTF-8 (starting with 0xed)|t.gan:1:3: bytes that are not UTF-8 (starting with 0xc0)|"
                                          "t.gan:2:1: a byte that is not UTF-8 (starting with 0xf5)|"},
        {"\xff\0\xff", 3, "t.gan:1:1: a byte that is not UTF-8 (starting with 0xff)|t.gan:1:2: a NUL byte|t.gan:1:3: a byte that is not UTF-8 (starting with 0xff)|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Env         e = env_new();
        const SourceFile *f = source_add(e.sources, "t.gan", rows[i].text, rows[i].n);
        cr_expect_eq(source_check_bytes(f, e.diags), !*rows[i].want);
        const Diag *sorted[DIAGS_KEPT];
        int         n = diags_sorted(e.diags, sorted);
        Text        got = text_in(e.arena);
        for (int k = 0; k < n; k++) {
            Place p = source_place(f, sorted[k]->at.begin);
            text_printf(&got, "t.gan:%u:%u: %s|", p.line, p.column, sorted[k]->text);
        }
        cr_expect_str_eq(text_str(&got), rows[i].want);
        arena_free(e.arena);
    }
}

Test(diag, text)
{
    Env               e = env_new();
    const SourceFile *f = add(&e, "net D(x: real[28, 28]) -> real { 0 }\n\tlet 漢字 = D(G(z)) # ü\n");
    const SourceFile *g = source_add(e.sources, "other.gan", "let g = 1\n", 10);
    uint32_t          at = (uint32_t)(strstr(f->text, "G(z)") - f->text);
    Diag             *d = diag_error(e.diags, span_of(f, at, at + 4), E020, "D expects %s but G(z) is real[784]", "real[28, 28]");
    diag_label(d, "real[784]");
    diag_note(d, span_of(f, 6, 21), "expected here");
    diag_note(d, span_of(g, 4, 5), "and g is here");
    diag_note(d, SPAN_NONE, "no place");
    diag_hint(d, "reshape(G(z), [28, 28]) has the same number of elements");
    diag_warning(e.diags, span_of(f, 0, 3), E030, "earlier in the file");
    diag_advice(e.diags, SPAN_NONE, E001, "without a place");
    same_text(printed(&e), "gan: advice: without a place [E001]\n"
                           "t.gan:1:1: warning: earlier in the file [E030]\n"
                           "  1 | net D(x: real[28, 28]) -> real { 0 }\n"
                           "    | ^^^\n"
                           "t.gan:2:13: error: D expects real[28, 28] but G(z) is real[784] [E020]\n"
                           "  2 |     let 漢字 = D(G(z)) # ü\n"
                           "    |                  ^^^^ real[784]\n"
                           "  1 | net D(x: real[28, 28]) -> real { 0 }\n"
                           "    |       --------------- expected here\n"
                           "other.gan:1:5: note: and g is here\n"
                           "  1 | let g = 1\n"
                           "    |     -\n"
                           "note: no place\n"
                           "hint: reshape(G(z), [28, 28]) has the same number of elements\n");
    cr_expect(diags_failed(e.diags));
    cr_expect_eq(diags_count(e.diags, DIAG_ERROR), 1);
    cr_expect_eq(diags_count(e.diags, DIAG_WARNING), 1);
    Text color = text_in(e.arena);
    diags_print_text(e.diags, &color, true);
    cr_expect(strstr(text_str(&color), "\33[1;31merror:\33[0m D expects"));
    arena_free(e.arena);
}

Test(diag, json)
{
    Env               e = env_new();
    const SourceFile *f = add(&e, "let λ = \"\x01\"\n");
    Diag             *d = diag_error(e.diags, span_of(f, 4, 6), E020, "a \"quoted\" \xff thing");
    diag_label(d, "l");
    diag_note(d, span_of(f, 0, 3), "n");
    diag_hint(d, "h");
    diag_warning(e.diags, SPAN_NONE, E001, "w");
    same_text(printed_json(&e),
              "{\"file\":null,\"range\":null,\"line\":null,\"column\":null,\"code\":\"E001\",\"severity\":\"warning\",\"message\":\"w\",\"notes\":[]}\n"
              "{\"file\":\"t.gan\",\"range\":{\"start\":{\"line\":1,\"column\":5},\"end\":{\"line\":1,\"column\":6}},\"line\":1,\"column\":5,\"code\":\"E020\","
              "\"severity\":\"error\",\"message\":\"a \\\"quoted\\\" \xEF\xBF\xBD thing\",\"label\":\"l\",\"notes\":[{\"file\":\"t.gan\","
              "\"range\":{\"start\":{\"line\":1,\"column\":1},\"end\":{\"line\":1,\"column\":4}},\"message\":\"n\"}],\"hint\":\"h\"}\n");
    arena_free(e.arena);
}

/* Escape codes and direction marks of a hostile source do not reach the terminal. */
Test(diag, hostile_text)
{
    Env               e = env_new();
    const SourceFile *f = add(&e, "a\33[2J\xe2\x80\xae b\n");
    diag_error(e.diags, span_of(f, 0, 1), E020, "says \33[31m");
    same_text(printed(&e), "t.gan:1:1: error: says \xEF\xBF\xBD[31m [E020]\n"
                           "  1 | a\xEF\xBF\xBD[2J\xEF\xBF\xBD b\n"
                           "    | ^\n");
    arena_free(e.arena);
}

Test(diag, bounds)
{
    Env    e = env_new();
    size_t n = 10 << 20;
    char  *line = malloc(n + 1);
    memset(line, 'a', n);
    line[n] = 0;
    const SourceFile *f = add(&e, line);
    diag_error(e.diags, span_of(f, 5000000, 5000003), E020, "in the middle");
    const char *text = printed(&e);
    cr_expect(strlen(text) < 500 && strstr(text, "t.gan:1:5000001: error") && strstr(text, " ^^^\n"), "%.600s", text);
    diag_error(e.diags, span_of(f, 0, 1), E020, "%s", line);
    cr_expect_lt(strlen(printed(&e)), 4000, "long messages are cut");
    free(line);
    diag_hint(diag_error(e.diags, span_of(f, 7, 8), E020, "same"), "a");
    diag_hint(diag_error(e.diags, span_of(f, 7, 8), E020, "same"), "b");
    cr_expect_eq(diags_count(e.diags, DIAG_ERROR), 3, "the same error at the same place counts once");
    for (int i = 0; i < 1000; i++) diag_note(diag_error(e.diags, span_of(f, (uint32_t)i, (uint32_t)i), E021, "many"), SPAN_NONE, "n");
    cr_expect_eq(diags_count(e.diags, DIAG_ERROR), 1003);
    cr_expect(strstr(printed(&e), "\ngan: and 903 more, not shown\n"));
    Diag *d = diag_error(env_new().diags, SPAN_NONE, E001, "notes");
    for (int i = 0; i < 100; i++) diag_note(d, SPAN_NONE, "n");
    cr_expect_eq(d->n_notes, DIAG_NOTES);
    arena_free(d->arena);
    arena_free(e.arena);
}

Test(diag, codes)
{
    cr_expect_eq(diag_code_named("E017x"), DIAG_NO_CODE);
    for (int c = 1; c < DIAG_N_CODES; c++) {
        cr_expect_eq((int)diag_code_named(diag_code_name((DiagCode)c)), c, "%s twice", diag_code_name((DiagCode)c));
        cr_expect(*diag_code_title((DiagCode)c) && *diag_code_about((DiagCode)c), "%s says nothing", diag_code_name((DiagCode)c));
    }
}
