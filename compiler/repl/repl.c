/* repl.c - see repl.h. An entry is a line, or several while the text of the first could go on: a command, or what a program may have at its top (a
 * declaration, PATH := EXPR) or has in it (an expression). Start at repl_run(), at the bottom. */
#include "compiler/repl/repl.h"

#include "lang/check/names.h"
#include "lang/syntax/lexer.h"
#include "lang/syntax/parse.h"
#include "runtime/interrupt.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const ReplRow repl_rows[] = {
#define COMMAND(name, letter, args, takes, help) {#name, letter, args, REPL_##takes, help, do_##name},
#include "compiler/repl/commands.def"
#undef COMMAND
    {0}
};

/* ---- for the files of commands ------------------------------------------------------------------------------------- */

void repl_failed(Repl *r, GanStatus st, const GanError *err)
{
    r->wrong = true;
    GanError known = *err;
    known.status = st;
    fflush(stdout);
    if (*err->message) say_error(&r->o->run, &known);
}

bool repl_has_run(Repl *r)
{
    if (r->file) return true;
    repl_wrong(r, "there is no run here: gan repl FILE steps through that of a program");
    return false;
}

bool repl_has_no_args(Repl *r, const char *args, const char *command)
{
    if (!*args) return true;
    repl_wrong(r, ":%s does not take '%s': :help %s says what it does", command, GAN_SHOWN(args), command);
    return false;
}

bool repl_number(const char *s, int64_t *n)
{
    uint64_t v = 0;
    for (const char *c = s; *c; c++) {
        if (*c < '0' || *c > '9' || v > (INT64_MAX - 9) / 10) return false;
        v = 10 * v + (uint64_t)(*c - '0');
    }
    if (*s) *n = (int64_t)v;
    return *s != 0;
}

bool repl_is_player(Repl *r, const char *name)
{
    const LowerResult *l = &debug_session(r->d)->lowered;
    Text               all = text_in(r->arena);
    for (int i = 0; i < l->n_players; i++) {
        if (!strcmp(l->player[i].name, name)) return true;
        text_printf(&all, "%s%s", all.n ? ", " : "", l->player[i].name);
    }
    repl_wrong(r, "'%s' is neither a count nor a player; the players are %s", GAN_SHOWN(name), all.n ? text_str(&all) : "none");
    return false;
}

const char *repl_word(Repl *r, const char **args)
{
    size_t      n = strcspn(*args, " \t");
    const char *word = arena_strn(r->arena, *args, n);
    *args += n;
    *args += strspn(*args, " \t");
    return word;
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

static void say_row(const Repl *r, const ReplRow *row)
{
    const char *how = arena_printf(r->arena, ":%s%s%s", row->name, *row->args ? " " : "", row->args);
    printf("  %-34s %s\n", how, row->help);
}

static void say_all(const Repl *r)
{
    puts("An expression is shown with its value where the run stands. A declaration (let, def, net ...) is added to the program;\n"
         "PATH := EXPR changes a parameter. Commands, of which the beginning is enough where it is that of no other:");
    for (const ReplRow *row = repl_rows; row->name; row++) say_row(r, row);
    Text t = text_in(r->arena);
    for (const ReplRow *row = repl_rows; row->name; row++)
        if (*row->letter) text_printf(&t, "%s:%s", t.n ? " " : "", row->letter);
    printf("One letter is enough for %s. Ctrl-C stops what goes on, Ctrl-D ends the session.\n", text_str(&t));
}

static size_t in_common(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n]) n++;
    return n;
}

const ReplRow *repl_find(const char *name)
{
    const ReplRow *found = NULL;
    int            n = 0;
    for (const ReplRow *row = repl_rows; row->name; row++) {
        if (!strcmp(row->name, name) || (*row->letter && !strcmp(row->letter, name))) return row;
        if (*name && in_common(row->name, name) == strlen(name)) found = row, n++;
    }
    return n == 1 ? found : NULL;
}

/* What was meant: the commands that begin so, or the one that is spelled nearly so. */
static void say_unknown(Repl *r, const char *name)
{
    Text        begin = text_in(r->arena);
    const char *near = NULL;
    int         distance = names_reach(name);
    for (const ReplRow *row = repl_rows; row->name; row++) {
        names_nearer(row->name, name, &near, &distance);
        if (*name && in_common(row->name, name) == strlen(name)) text_printf(&begin, "%s:%s", begin.n ? ", " : "", row->name);
    }
    if (begin.n) repl_wrong(r, ":%s begins several commands: %s", GAN_SHOWN(name), text_str(&begin));
    else if (near) repl_wrong(r, "there is no command :%s; did you mean :%s?", GAN_SHOWN(name), near);
    else repl_wrong(r, "there is no command :%s; :help lists them", GAN_SHOWN(name));
}

void do_help(Repl *r, const char *args)
{
    const char *name = repl_word(r, &args);
    if (!repl_has_no_args(r, args, "help")) return;
    if (*name == ':') name++;
    const ReplRow *row = *name ? repl_find(name) : NULL;
    if (row) say_row(r, row);
    else if (*name) say_unknown(r, name);
    else say_all(r);
}

void do_quit(Repl *r, const char *args)
{
    if (repl_has_no_args(r, args, "quit")) r->over = true;
}

/* ---- an entry ---------------------------------------------------------------------------------------------------- */

static const char *trimmed(Repl *r, const char *s)
{
    s += strspn(s, " \t\n");
    size_t n = strlen(s);
    while (n && strchr(" \t\n", s[n - 1])) n--;
    return arena_strn(r->arena, s, n);
}

static void carry_out(Repl *r, const char *text)
{
    size_t         n = strcspn(text, " \t\n");
    const char    *name = arena_strn(r->arena, text, n);
    const ReplRow *row = repl_find(name);
    if (row) row->run(r, trimmed(r, text + n));
    else say_unknown(r, name);
}

static bool is_declaration(const Ast *n)
{
    static const bool declares[AST_N_KINDS] = {
        [AST_IMPORT] = true, [AST_DATA] = true, [AST_LET] = true, [AST_LOSS] = true, [AST_COMPARE] = true, [AST_DEFINE] = true,
    };
    return declares[n->kind];
}

static const char *text_of(Repl *r, const SourceFile *f, Span s) { return arena_strn(r->arena, f->text + s.begin, s.end - s.begin); }

/* Declarations that follow one another are one: they may use each other. */
static int add_declarations(Repl *r, const SourceFile *f, const AstList *l, int i)
{
    int last = i;
    while (last + 1 < l->n && is_declaration(l->v[last + 1])) last++;
    repl_declare(r, text_of(r, f, span_join(l->v[i]->span, l->v[last]->span)));
    return last;
}

/* Is the first word a command's name, and none of the language's own? */
static bool begins_as_command(Repl *r, const SourceFile *f)
{
    Lexer lx;
    lex_init(&lx, r->arena, f, NULL);
    lx.quiet = true;
    Token first = lex_next(&lx);
    bool  command = false;
    for (const ReplRow *row = repl_rows; row->name; row++)
        command |= strlen(row->name) == first.end - first.begin && !strncmp(row->name, f->text + first.begin, first.end - first.begin);
    return command && token_is_name(first.kind);
}

/* What cannot be read and begins with a command's name was meant as one. */
static void say_unread(Repl *r, const SourceFile *f, const Diags *diags, const char *text)
{
    const Diag *said[DIAGS_KEPT];
    Diags      *out = diags_new(diags_sources(diags));
    bool        command = f && begins_as_command(r, f);
    for (int i = 0, all = diags_sorted(diags, said); i < all; i++) {
        Diag *d = diags_take(out, said[i]);
        if (command) diag_hint(d, "a command begins with a colon: :%s", GAN_SHOWN(text));
    }
    session_print(r->o, out);
    r->wrong = true;
}

static void enter(Repl *r, const char *text)
{
    Sources          *sources = sources_new(r->arena);
    Diags            *diags = diags_new(sources);
    const SourceFile *f = source_add(sources, "<entry>", text, strlen(text));
    const Ast        *file = f && source_check_bytes(f, diags) ? parse_entry(r->arena, f, diags, NULL) : NULL;
    if (!file) say_unread(r, f, diags, text);
    for (int i = 0; file && i < file->file.stmts.n; i++) {
        const Ast *n = file->file.stmts.v[i];
        const char *whole = text_of(r, f, n->span);
        if (ast_is_expr(n)) repl_look(r, whole);
        else if (n->kind == AST_ASSIGN) repl_assign(r, text_of(r, f, n->assign.target->span), text_of(r, f, n->assign.value->span));
        else if (is_declaration(n)) i = add_declarations(r, f, &file->file.stmts, i);
        else repl_wrong(r, "'%s' stands in a program: expressions, declarations and PATH := EXPR may be typed here", GAN_SHOWN(trimmed(r, whole)));
    }
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* "gan 120> ", of a fork with its name, or its number where that is not one word. */
static const char *ask(const Repl *r)
{
    DebugHistory h;
    int          at = debug_history(r->d);
    if (!r->file) return "gan> ";
    if (!at) return arena_printf(r->arena, "gan %" PRId64 "> ", r->place.step);
    debug_history_of(r->d, at, &h);
    if (!*h.name || strpbrk(h.name, " \t\n")) return arena_printf(r->arena, "gan %" PRId64 " run %d> ", r->place.step, at);
    return arena_printf(r->arena, "gan %" PRId64 " %s> ", r->place.step, h.name);
}

/* Where the code begins in an entry that may go on: at its start, or behind the name of a command that takes code; -1: nowhere. */
static int code_in(Repl *r, const char *text)
{
    size_t blank = strspn(text, " \t"), n = strcspn(text + blank, " \t\n");
    if (text[blank] != ':') return 0;
    const ReplRow *row = n > 1 ? repl_find(arena_strn(r->arena, text + blank + 1, n - 1)) : NULL;
    return row && row->takes == REPL_CODE ? (int)(blank + n) : -1;
}

static bool goes_on(Repl *r, const char *text)
{
    int               at = code_in(r, text);
    const SourceFile *f = at >= 0 ? source_add(sources_new(r->arena), "<entry>", text + at, strlen(text) - (size_t)at) : NULL;
    return f && layout_unfinished(r->arena, f);
}

static bool is_command(Repl *r, const char *line)
{
    line += strspn(line, " \t");
    return *line == ':' && repl_find(arena_strn(r->arena, line + 1, strcspn(line + 1, " \t")));
}

/* An empty line, or a command, ends an entry that could go on: what is wrong with it is said then. */
static PromptGot read_entry(Repl *r, const char **entry)
{
    char       *line;
    const char *first = ask(r), *more = arena_printf(r->arena, "%*s", (int)strlen(first), "...> ");
    PromptGot   got = prompt_read(r->prompt, first, r->arena, &line);
    Text        text = text_in(r->arena);
    if (got != PROMPT_LINE) return got;
    for (text_add(&text, line); goes_on(r, text_str(&text));) {
        got = prompt_read(r->prompt, more, r->arena, &line);
        if (got == PROMPT_CLEARED || got == PROMPT_LOST) return got;
        if (got == PROMPT_END || !*trimmed(r, line)) break;
        if (is_command(r, line)) {
            r->next = line;
            break;
        }
        text_printf(&text, "\n%s", line);
    }
    *entry = trimmed(r, text_str(&text));
    return PROMPT_LINE;
}

/* What was changed may have renewed the schedule, and begun another run. */
static void note_change(Repl *r)
{
    DebugPlace now;
    int64_t    before = r->place.tick;
    debug_place(r->d, &now);
    r->place = now;
    for (int known = r->forked.n; known < debug_histories(r->d); known++) {
        DebugHistory h;
        debug_history_of(r->d, known, &h);
        array_push(r->keep, &r->forked, now.tick);
        if (h.parent < 0 || !r->file) continue;
        const char *redone = now.tick < before ? ", the start of the round" : "";
        printf("run %s goes on from step %" PRId64 "%s; %s stays as it is\n", repl_called(r, known), now.step, redone, repl_called(r, h.parent));
    }
}

/* Ctrl-C gives up what is computed, and what goes on (interrupt_rule in its command) stops first; nobody goes on in a script, nor behind SIGTERM. */
static void act(Repl *r, const char *entry)
{
    Interrupt signals;
    interrupt_begin(&signals, NULL);
    interrupt_rule(INTERRUPT_GIVES_UP);
    prompt_busy(r->prompt, true);
    if (*entry == ':') carry_out(r, entry + 1);
    else if (*entry && *entry != '#') enter(r, entry);
    note_change(r);
    prompt_busy(r->prompt, false);
    interrupt_end(&signals);
    int status = interrupt_status();
    r->lost |= prompt_lost(r->prompt) || (status && (status != EXIT_INTERRUPTED || !prompt_on_terminal(r->prompt)));
}

static void read_and_do(Repl *r)
{
    const char *entry = "";
    PromptGot   got = read_entry(r, &entry);
    r->lost |= got == PROMPT_LOST;
    r->over |= got == PROMPT_END;
    r->style.width = prompt_width(r->prompt);
    if (got != PROMPT_LINE) return;
    act(r, entry);
    if (r->next && !r->lost) act(r, trimmed(r, r->next));
    r->next = NULL;
}

/* ---- a session --------------------------------------------------------------------------------------------------- */

static void set_style(Repl *r)
{
    const char *colors = getenv("COLORTERM");
    r->style.width = prompt_width(r->prompt);
    r->style.color = r->o->run.color && isatty(STDOUT_FILENO);
    r->style.true_color = colors && (!strcmp(colors, "truecolor") || !strcmp(colors, "24bit"));
}

static void greet(Repl *r)
{
    note_change(r);
    if (prompt_on_terminal(r->prompt)) puts(":help lists the commands, Tab completes, Ctrl-D ends the session");
    if (r->file) repl_say_place(r);
}

static void converse(Repl *r)
{
    debug_listen(r->d, repl_listen, r);
    greet(r);
    while (!r->over && !r->lost) {
        r->lost |= prompt_lost(r->prompt);
        if (!r->lost) read_and_do(r);
        arena_free(r->arena);
        r->arena = arena_new();
    }
    if (r->lost) repl_save_lost(r);
}

int repl_run(const Options *o, const char *file)
{
    const char *note;
    int         status;
    Repl        r = {.o = o, .file = file, .arena = arena_new(), .keep = arena_new()};
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);                  /* what is wrong, on stderr, stands behind what was said before */
    r.d = debug_open(o, file, (size_t)o->past << 20, &status);
    r.prompt = r.d ? prompt_open(repl_complete, &r, &note) : NULL;
    if (r.d && !r.prompt) status = say_wrong(&o->run, "lines cannot be read from this terminal");
    if (r.prompt) {
        if (note) say_line((void *)&o->run, note);
        set_style(&r);
        converse(&r);
        status = r.lost ? EXIT_INTERRUPTED : r.wrong && !prompt_on_terminal(r.prompt) ? EXIT_WRONG_PROGRAM : EXIT_DONE;
    }
    prompt_close(r.prompt);
    debug_close(r.d);
    arena_free(r.keep);
    arena_free(r.arena);
    return status;
}
