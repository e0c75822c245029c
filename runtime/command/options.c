/* options.c - see options.h. One loop over argv; help is printed from the same rows. */
#include "runtime/command/options.h"

#include "base/bug.h"
#include "runtime/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- help --------------------------------------------------------------------------------------------------------- */

static void print_help(const OptionTable *t)
{
    printf("%s - %s\n\nusage: %s COMMAND [FLAGS] ...\n\ncommands:\n", t->program, t->about, t->program);
    for (int i = 0; i < t->n_commands; i++) printf("  %-8s %s\n", t->command[i].name, t->command[i].summary);
    printf("\n`%s COMMAND --help` tells a command's flags; `%s --version [--verbose]` which\n%s this is.\n\nexample: %s %s\n", t->program, t->program, t->program,
           t->program, t->command[0].example);
}

/* A flag and its help, which goes on below itself beyond column 80. */
static void print_row(const char *left, const char *text)
{
    enum { INDENT = 23, WIDTH = 80 };
    int column = printf("  %-*s", INDENT - 2, left);
    for (size_t n; *text; text += n) {
        n = strcspn(text, " ");
        if (column + 1 + (int)n > WIDTH && column > INDENT) column = printf("\n%*s", INDENT, "") - 1;
        column += printf(" %.*s", (int)n, text);
        n += strspn(text + n, " ");
    }
    puts("");
}

static void print_command_help(const OptionTable *t, const OptionCommand *c)
{
    printf("%s %s - %s\n\nusage: %s %s [FLAGS] %s\n\nflags:\n", t->program, c->name, c->summary, t->program, c->name, c->operands);
    for (int i = 0; i < t->n_flags; i++) {
        const OptionRow *f = &t->flag[i];
        if (!(f->commands & c->bit)) continue;
        char left[40];
        snprintf(left, sizeof left, "--%s%s%s", f->name, f->arg[0] ? " " : "", f->arg);
        print_row(left, f->help);
    }
    printf("\nexample: %s %s\n", t->program, c->example);
}

/* ---- nearest word --------------------------------------------------------------------------------------------------- */

enum { LONGEST_WORD = 31 };

static int distance(const char *a, const char *b)           /* Levenshtein (1966), on words of at most LONGEST_WORD bytes */
{
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST_WORD || m > LONGEST_WORD) return 99;
    int row[LONGEST_WORD + 1];
    for (size_t j = 0; j <= m; j++) row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int corner = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int change = corner + (a[i - 1] != b[j - 1]), best = row[j] < row[j - 1] ? row[j] : row[j - 1];
            corner = row[j];
            row[j] = change < best + 1 ? change : best + 1;
        }
    }
    return row[m];
}

static const char *nearest(const char *word, const char *best, int *least, const char *candidate)
{
    int d = distance(word, candidate);
    if (d >= *least) return best;
    *least = d;
    return candidate;
}

/* How near a word must be to be meant: half of it may be wrong, and at most three letters. */
static int reach(size_t n) { return n < 6 ? 1 + (int)n / 2 : 4; }

static int unknown(const OptionTable *t, const char *what, const char *prefix, const char *word, const char *best)
{
    fprintf(stderr, "%s: unknown %s %s%s", t->program, what, prefix, GAN_SHOWN(word));
    if (best) fprintf(stderr, "; did you mean %s%s?", prefix, best);
    fputs("\n", stderr);
    return EXIT_WRONG_USAGE;
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static bool wrong_value(const OptionTable *t, const OptionRow *f, const char *text)
{
    fprintf(stderr, "%s: --%s wants", t->program, f->name);
    if (!f->words) fprintf(stderr, " a whole number from %" PRIu64 " to %" PRIu64, f->least, f->most);
    for (int i = 0; f->words && f->words[i]; i++) fprintf(stderr, "%s %s", i ? (f->words[i + 1] ? "," : " or") : "", f->words[i]);
    fprintf(stderr, ", not '%s'\n", GAN_SHOWN(text));
    return false;
}

static bool read_count(const OptionRow *f, const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    *out = v;
    return text[0] >= '0' && text[0] <= '9' && !errno && !*end && v >= f->least && v <= f->most;
}

static int which_word(const OptionRow *f, const char *text) /* -1: none */
{
    for (int i = 0; f->words[i]; i++)
        if (!strcmp(f->words[i], text)) return i;
    return -1;
}

/* no-WORD[,no-WORD...], added to those that are set already. */
static bool read_without(const OptionTable *t, const OptionRow *f, const char *text, unsigned *bits)
{
    for (const char *word = text; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL) {
        size_t n = strcspn(word, ","), no = strlen("no-");
        int    i = 0;
        for (const char *name; (name = f->words[i]); i++)
            if (n > no && !strncmp(word, "no-", no) && strlen(name) == n - no && !strncmp(word + no, name, n - no)) break;
        if (f->words[i]) {
            *bits |= 1u << i;
            continue;
        }
        fprintf(stderr, "%s: --%s wants", t->program, f->name);
        for (i = 0; f->words[i]; i++) fprintf(stderr, "%s no-%s", i ? "," : "", f->words[i]);
        fprintf(stderr, " or several of them with commas between, not '%s'\n", GAN_SHOWN(text));
        return false;
    }
    return true;
}

static bool color_wanted(const char *when)
{
    if (!strcmp(when, "always")) return true;
    if (!strcmp(when, "never")) return false;
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");
    if (no && *no) return false;
    if (force && *force && strcmp(force, "0")) return true;
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
}

static bool add_pair(const OptionTable *t, const OptionRow *f, OptionPairs *pairs, const char *text)
{
    const char *eq = strchr(text, '=');
    if (!eq || eq == text || !eq[1]) {
        fprintf(stderr, "%s: --%s wants %s, not '%s'%s\n", t->program, f->name, f->arg, GAN_SHOWN(text), eq && !eq[1] ? ", which ends at the =" : "");
        return false;
    }
    char *name = strndup(text, (size_t)(eq - text));
    if (!name) no_memory_left((size_t)(eq - text) + 1);
    pairs->v[pairs->n++] = (OptionPair){name, eq + 1};
    return true;
}

static bool set_flag(const OptionTable *t, const OptionRow *f, RunOptions *o, const char *arg)
{
    void    *field = (char *)o + f->at;
    uint64_t number = 0;
    bool     a_word = f->kind == OPTION_WORD || f->kind == OPTION_SECOND || f->kind == OPTION_COLOR;
    int      which = a_word ? which_word(f, arg) : 0;
    if (which < 0) return wrong_value(t, f, arg);
    switch (f->kind) {
    case OPTION_YES:     *(bool *)field = true; return true;
    case OPTION_SECOND:  *(bool *)field = which == 1; return true;
    case OPTION_COLOR:   *(bool *)field = color_wanted(arg); return true;
    case OPTION_TEXT:
    case OPTION_WORD:    *(const char **)field = arg; return true;
    case OPTION_WITHOUT: return read_without(t, f, arg, field);
    case OPTION_PAIRS:   return add_pair(t, f, field, arg);
    case OPTION_INT:
    case OPTION_COUNT:
        if (!read_count(f, arg, &number)) return wrong_value(t, f, arg);
        memcpy(field, &number, sizeof number);              /* an int64_t too: it fits */
        return true;
    }
    return false;
}

/* ---- argv ----------------------------------------------------------------------------------------------------------- */

static const char *long_name(const char *word)              /* the flag a word names, or NULL for an operand */
{
    if (!strcmp(word, "-e")) return "expression";
    if (!strcmp(word, "-n")) return "number";
    if (!strcmp(word, "-o")) return "output";
    if (!strncmp(word, "--", 2) && word[2]) return word + 2;
    return word[0] == '-' && word[1] ? word + 1 : NULL;
}

static const OptionRow *find_flag(const OptionTable *t, const OptionCommand *c, const char *word, size_t n, const char **best)
{
    int least = reach(n);
    *best = NULL;
    for (const OptionRow *f = t->flag; f < t->flag + t->n_flags; f++) {
        if (!(f->commands & c->bit)) continue;
        if (strlen(f->name) == n && !strncmp(f->name, word, n)) return f;
        *best = nearest(word, *best, &least, f->name);
    }
    return NULL;
}

static bool unknown_flag(const OptionTable *t, const OptionCommand *c, const char *word, size_t n, const char *best)
{
    for (const OptionFixed *f = t->fixed; f < t->fixed + t->n_fixed; f++) {
        if (strlen(f->name) != n || strncmp(f->name, word, n)) continue;
        fprintf(stderr, "%s: --%s %s\n", t->program, f->name, f->why);
        return false;
    }
    unknown(t, "flag", "--", word, best);
    fprintf(stderr, "`%s %s --help` lists the flags\n", t->program, c->name);
    return false;
}

/* A value that may be left out, "[PORT]", is a number where the next word is one. */
static bool may_lack(const OptionRow *f, const char *next) { return f->arg[0] == '[' && (!next || next[0] < '0' || next[0] > '9'); }

/* `eq` is the = of --NAME=VALUE, or NULL: then the value is the next word. */
static bool read_value(const OptionTable *t, const OptionRow *f, RunOptions *o, const char *eq, const char *next, int *i)
{
    if (!f->arg[0]) {
        if (!eq) return set_flag(t, f, o, NULL);
        fprintf(stderr, "%s: --%s takes no value\n", t->program, f->name);
        return false;
    }
    if (!eq && may_lack(f, next)) return true;
    if (!eq && !next) {
        fprintf(stderr, "%s: --%s wants a value: --%s %s\n", t->program, f->name, f->name, f->arg);
        return false;
    }
    const char *arg = eq ? eq + 1 : next;
    *i += !eq;
    if (*arg) return set_flag(t, f, o, arg);
    fprintf(stderr, "%s: --%s wants a value, not nothing: --%s %s\n", t->program, f->name, f->name, f->arg);
    return false;
}

static void keep_words(RunOptions *o, char **argv, int from, int to)
{
    for (int i = from; i <= to; i++) o->word[o->n_words++] = argv[i];
}

static bool read_flag(const OptionTable *t, const OptionCommand *c, RunOptions *o, int argc, char **argv, int *i)
{
    const char *word = long_name(argv[*i]), *eq = strchr(word, '='), *best;
    size_t      n = eq ? (size_t)(eq - word) : strlen(word);
    int         first = *i;
    const OptionRow *f = find_flag(t, c, word, n, &best);
    if (!f) return unknown_flag(t, c, word, n, best);
    if (!read_value(t, f, o, eq, *i + 1 < argc ? argv[*i + 1] : NULL, i)) return false;
    if (f->given) *(bool *)((char *)o + f->given) = true;
    if (!f->begins) keep_words(o, argv, first, *i);
    return true;
}

static const OptionCommand *find_command(const OptionTable *t, const char *word, int *status)
{
    const char *best = NULL;
    int         least = reach(strlen(word));
    for (int i = 0; i < t->n_commands; i++) {
        if (!strcmp(t->command[i].name, word)) return &t->command[i];
        best = nearest(word, best, &least, t->command[i].name);
    }
    *status = unknown(t, "command", "", word, best);
    fprintf(stderr, "`%s --help` lists the commands\n", t->program);
    return NULL;
}

static bool asks(const char *word, const char *flag, char letter)
{
    return !strcmp(word, flag) || (word[0] == '-' && word[1] == letter && !word[2]);
}

/* Memory for as many of something as there are words. */
static void *for_each_word(int argc, size_t bytes)
{
    void *p = calloc((size_t)argc + 1, bytes);
    if (!p) no_memory_left(((size_t)argc + 1) * bytes);
    return p;
}

static void start(const OptionTable *t, int argc, RunOptions *o)
{
    o->program = t->program;
    o->word = for_each_word(argc, sizeof *o->word);
    o->steps = -1;
    o->seeds = 1;
    o->number = 64;
    o->color = color_wanted("auto");
    o->operands = for_each_word(argc, sizeof *o->operands);
    for (int i = 0; i < t->n_flags; i++)
        if (t->flag[i].kind == OPTION_PAIRS) ((OptionPairs *)(void *)((char *)o + t->flag[i].at))->v = for_each_word(argc, sizeof(OptionPair));
}

int options_read(const OptionTable *t, int argc, char **argv, RunOptions *o, int *status)
{
    start(t, argc, o);
    *status = EXIT_DONE;
    if (argc < 2 || asks(argv[1], "--help", 'h') || (!strcmp(argv[1], "help") && argc < 3)) {
        print_help(t);
        return -1;
    }
    if (!strcmp(argv[1], "--version")) {
        t->version(argc > 2 && !strcmp(argv[2], "--verbose"));
        return -1;
    }
    bool help = !strcmp(argv[1], "help");
    const OptionCommand *c = find_command(t, argv[1 + help], status);
    if (!c) return -1;
    for (int i = 2; i < argc; i++) help |= asks(argv[i], "--help", 'h');
    if (help) {
        print_command_help(t, c);
        return -1;
    }
    *status = EXIT_WRONG_USAGE;
    keep_words(o, argv, 0, 1);
    for (int i = 2; i < argc; i++) {
        if (long_name(argv[i])) {
            if (!read_flag(t, c, o, argc, argv, &i)) return -1;
            continue;
        }
        o->operands[o->n_operands++] = argv[i];
        keep_words(o, argv, i, i);
    }
    if (o->n_operands < c->fewest || (c->most >= 0 && o->n_operands > c->most)) {
        fprintf(stderr, "usage: %s %s [FLAGS]%s%s\n", t->program, c->name, *c->operands ? " " : "", c->operands);
        return -1;
    }
    *status = EXIT_DONE;
    return (int)(c - t->command);
}

void options_free(const OptionTable *t, RunOptions *o)
{
    for (int i = 0; i < t->n_flags; i++) {
        OptionPairs *p = (OptionPairs *)(void *)((char *)o + t->flag[i].at);
        if (t->flag[i].kind != OPTION_PAIRS) continue;
        for (int k = 0; k < p->n; k++) free(p->v[k].name);
        free(p->v);
    }
    free(o->operands);
    free(o->word);
}
