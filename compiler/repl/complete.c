/* complete.c - what Tab offers: commands, and by what the command takes players, runs, files or names. Names are those of the
 * program as it was parsed, of the library's modules it imports, of built-in functions, and the paths of parameters; behind a dot, what is inside. */
#include "compiler/repl/repl.h"

#include "lang/syntax/lexer.h"
#include "lang/syntax/parse.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static const char *const builtins[] = {
#define UNARY(name, row)                       #name,
#define BUILTIN(name, least, most, pipe, args) #name,
#include "compiler/lower/eval/builtins.def"
#undef UNARY
#undef BUILTIN
};

typedef struct Offer {
    Arena       *a;
    const char  *typed;                                     /* what the words begin with */
    PromptWords *words;
} Offer;

/* Whole, or up to the next dot beyond what is typed. */
static void offer(Offer *o, const char *word)
{
    size_t n = strlen(o->typed);
    if (!word || strncmp(word, o->typed, n)) return;
    const char *dot = strchr(word + n, '.');
    const char *part = dot && dot > word ? arena_strn(o->a, word, (size_t)(dot - word) + 1) : arena_str(o->a, word);
    for (int i = 0; i < o->words->n; i++)
        if (!strcmp(o->words->v[i], part)) return;
    array_push(o->a, o->words, part);
}

/* ---- names of a program ------------------------------------------------------------------------------------------ */

static void offer_pattern(Offer *o, const Ast *p)
{
    if (p->kind == AST_NAME) offer(o, p->name.name);
    for (int i = 0; p->kind == AST_TUPLE && i < p->tuple.items.n; i++) offer_pattern(o, p->tuple.items.v[i]);
}

/* "gan.critic": what the comparison declares that the value is a call of. */
static void offer_members(Offer *o, const char *name, const Ast *definition)
{
    const Ast *body = definition->define.body;
    for (int i = 0; body && body->kind == AST_BLOCK && i < body->block.stmts.n; i++)
        if (body->block.stmts.v[i]->kind == AST_MEMBER) offer(o, arena_printf(o->a, "%s.%s", name, body->block.stmts.v[i]->member.name));
}

static const char *called_by(const Ast *value)
{
    const Ast *callee = value->kind == AST_CALL ? value->call.callee : value;
    return callee->kind == AST_NAME ? callee->name.name : callee->kind == AST_FIELD ? callee->field.name : NULL;
}

typedef ARRAY(const Ast *) Files;

static void offer_comparison(Offer *o, const Files *files, const Ast *n)
{
    const char *called = called_by(n->compare.value);
    offer(o, n->compare.name);
    for (int i = 0; called && i < files->n; i++)
        for (int k = 0; k < files->v[i]->file.stmts.n; k++) {
            const Ast *d = files->v[i]->file.stmts.v[k];
            bool       is = d->kind == AST_DEFINE && d->define.word == AST_DEFINE_COMPARISON && !strcmp(d->define.name, called);
            if (is) offer_members(o, n->compare.name, d);
        }
}

static void offer_declared(Offer *o, const Files *files, const Ast *n)
{
    switch (n->kind) {
    case AST_DEFINE:  offer(o, n->define.name); return;
    case AST_LET:     offer_pattern(o, n->let.pattern); return;
    case AST_LOSS:    offer(o, n->loss.name); return;
    case AST_COMPARE: offer_comparison(o, files, n); return;
    case AST_DATA:
        for (int i = 0; i < n->data.names.n; i++) offer_pattern(o, n->data.names.v[i]);
        return;
    default: return;
    }
}

typedef struct Around { Offer *o; const SourceFile *f; uint32_t line; } Around;       /* the statement to come stands in this line */

/* What the lines before it have bound, of the blocks that it stands in. */
static void offer_bound(void *around, const Ast *n)
{
    const Around *at = around;
    if (source_place(at->f, n->span.begin).line >= at->line) return;
    if (n->kind == AST_LET) offer_pattern(at->o, n->let.pattern);
    for (int i = 0; n->kind == AST_SAMPLE && i < n->sample.binders.n; i++)
        for (int k = 0; k < n->sample.binders.v[i]->binder.patterns.n; k++) offer_pattern(at->o, n->sample.binders.v[i]->binder.patterns.v[k]);
    bool holds = n->kind == AST_BLOCK || !ast_is_expr(n);
    if (holds && source_place(at->f, n->span.end).line >= at->line) ast_each_child(n, offer_bound, around);
}

static void offer_at_hand(Offer *o, const Repl *r, const Files *files)
{
    DebugPlace place;
    debug_place(r->d, &place);
    const SourceFile *f = place.next ? source_file(debug_session(r->d)->sources, place.next->file + 1) : NULL;
    for (int i = 0; f && i < files->n; i++)
        for (int k = 0; k < files->v[i]->file.stmts.n; k++)
            if (files->v[i]->file.stmts.v[k]->span.file == f->id) offer_bound(&(Around){o, f, place.next->line}, files->v[i]->file.stmts.v[k]);
}

static void offer_names(Offer *o, const Repl *r)
{
    const Session    *s = debug_session(r->d);
    Files             files = {0};
    const SourceFile *f;
    for (uint32_t id = 1; (f = source_file(s->sources, id)); id++) {
        const Ast *file = f->again ? NULL : parse_what_fits(o->a, f, diags_new(sources_new(o->a)));
        if (file) array_push(o->a, &files, file);
    }
    for (int i = 0; i < files.n; i++)
        for (int k = 0; k < files.v[i]->file.stmts.n; k++) offer_declared(o, &files, files.v[i]->file.stmts.v[k]);
    offer_at_hand(o, r, &files);
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) offer(o, builtins[i]);
    for (int i = 0; i < s->lowered.program->n_slots; i++) {
        const GanSlot *slot = &s->lowered.program->slot[i];
        if (slot->kind == GAN_PARAM || slot->kind == GAN_STATE) offer(o, slot->path);
    }
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void offer_players(Offer *o, const Repl *r)
{
    const LowerResult *l = &debug_session(r->d)->lowered;
    for (int i = 0; i < l->n_players; i++) offer(o, l->player[i].name);
}

static void offer_runs(Offer *o, const Repl *r)
{
    for (int i = 0; i < debug_histories(r->d); i++) {
        DebugHistory h;
        debug_history_of(r->d, i, &h);
        offer(o, h.name && *h.name && !strchr(h.name, ' ') ? h.name : arena_printf(o->a, "%d", i));
    }
}

static void offer_files(Offer *o)
{
    const char *slash = strrchr(o->typed, '/'), *folder = slash ? arena_strn(o->a, o->typed, (size_t)(slash - o->typed) + 1) : "";
    DIR        *d = opendir(*folder ? folder : ".");
    size_t      n = strlen(o->typed) - strlen(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.' || strncmp(e->d_name, o->typed + strlen(folder), n)) continue;
        array_push(o->a, o->words, arena_printf(o->a, "%s%s%s", folder, e->d_name, e->d_type == DT_DIR ? "/" : ""));
    }
    if (d) closedir(d);
}

static void offer_commands(Offer *o, const char *colon)
{
    for (const ReplRow *row = repl_rows; row->name; row++) offer(o, arena_printf(o->a, "%s%s", colon, row->name));
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static bool in_a_name(char c) { return isalnum((unsigned char)c) || c == '_' || c == '.' || (unsigned char)c >= 0x80; }

static size_t word_begin(const char *line, ReplTakes takes)
{
    size_t i = strlen(line);
    while (i && (takes == REPL_CODE || takes == REPL_NAMES ? in_a_name(line[i - 1]) : line[i - 1] != ' ')) i--;
    return i;
}

void repl_complete(void *repl, Arena *a, const char *line, size_t *begin, PromptWords *words)
{
    const Repl    *r = repl;
    size_t         command = *line == ':' ? strcspn(line, " ") : 0;
    bool           naming = command && !line[command];
    const ReplRow *row = command && !naming ? repl_find(arena_strn(a, line + 1, command - 1)) : NULL;
    ReplTakes      takes = naming ? REPL_COMMANDS : row ? row->takes : command ? REPL_NOTHING : REPL_CODE;
    *begin = naming ? 0 : word_begin(line, takes);
    Offer o = {a, line + *begin, words};
    if (takes == REPL_COMMANDS) offer_commands(&o, naming ? ":" : "");
    if (takes == REPL_PLAYERS) offer_players(&o, r);
    if (takes == REPL_RUNS) offer_runs(&o, r);
    if (takes == REPL_FILES) offer_files(&o);
    if (takes == REPL_CODE || takes == REPL_NAMES) offer_names(&o, r);
    if (words->n) qsort(words->v, (size_t)words->n, sizeof *words->v, by_text);
}
