/* options.c - see options.h. Two tables, commands.def and flags.def, and one loop over argv; help is printed from the same rows. */
#include "compiler/driver/options.h"

#include "runtime/blas.h"

#include <errno.h>
#include <inttypes.h>
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { const char *name, *operands, *summary, *example; unsigned bit; int fewest, most; Command *run; } CommandRow;
static const CommandRow commands[] = {
#define COMMAND(name, BIT, operands, fewest, most, summary, example) {#name, operands, summary, example, BIT, fewest, most, cmd_##name},
#include "compiler/driver/commands.def"
#undef COMMAND
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

typedef enum {
#define FLAG(name, ...) FLAG_##name,
#include "compiler/driver/flags.def"
#undef FLAG
    N_FLAGS
} Flag;
typedef struct { const char *name, *arg, *help; unsigned commands; } FlagRow;
static const FlagRow flags[] = {
#define FLAG(name, arg, help, commands) {#name, arg, help, commands},
#include "compiler/driver/flags.def"
#undef FLAG
};

static const int64_t MOST_STEPS = INT64_C(1000000000000000), MOST_THREADS = 1024, MOST_SEEDS = 10000, MOST_DRAWS = INT64_C(1000000000);

/* ---- help --------------------------------------------------------------------------------------------------------- */

static void print_help(void)
{
    puts("gan - train models that learn by comparison\n\nusage: gan COMMAND [FLAGS] FILE ...\n\ncommands:");
    for (int i = 0; i < N_COMMANDS; i++) printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    puts("\n`gan COMMAND --help` tells a command's flags; `gan --version [--verbose]` which\ngan this is.\n\nexample: gan run examples/ring.gan");
}

static void print_version(bool verbose)
{
    puts("gan " GAN_VERSION);
    if (!verbose) return;
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    char *cpu = LLVMGetHostCPUName(), blas[400];
    blas_about(blas, sizeof blas);
    printf("LLVM %u.%u.%u, CPU %s\n%s\n", major, minor, patch, cpu, blas);
    LLVMDisposeMessage(cpu);
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

static void print_command_help(const CommandRow *c)
{
    printf("gan %s - %s\n\nusage: gan %s [FLAGS] %s\n\nflags:\n", c->name, c->summary, c->name, c->operands);
    for (int i = 0; i < N_FLAGS; i++) {
        if (!(flags[i].commands & c->bit)) continue;
        char left[40];
        snprintf(left, sizeof left, "--%s%s%s", flags[i].name, flags[i].arg[0] ? " " : "", flags[i].arg);
        print_row(left, flags[i].help);
    }
    printf("\nexample: %s\n", c->example);
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

static int unknown(const char *what, const char *prefix, const char *word, const char *best)
{
    fprintf(stderr, "gan: unknown %s %s%s", what, prefix, GAN_SHOWN(word));
    if (best) fprintf(stderr, "; did you mean %s%s?", prefix, best);
    fputs("\n", stderr);
    return EXIT_WRONG_USAGE;
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static bool read_count(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && !errno && !*end && v >= least && v <= most) return *out = v, true;
    fprintf(stderr, "gan: --%s wants a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'\n", name, least, most, GAN_SHOWN(text));
    return false;
}

static bool read_int(const char *name, const char *text, int64_t least, int64_t most, int64_t *out)
{
    uint64_t v;
    return read_count(name, text, (uint64_t)least, (uint64_t)most, &v) && (*out = (int64_t)v, true);
}

static bool read_word(const char *name, const char *text, const char *const *words, int *which)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], text)) {
            *which = i;
            return true;
        }
    fprintf(stderr, "gan: --%s wants", name);
    for (int i = 0; words[i]; i++) fprintf(stderr, "%s %s", i ? (words[i + 1] ? "," : " or") : "", words[i]);
    fprintf(stderr, ", not '%s'\n", GAN_SHOWN(text));
    return false;
}

/* no-NAME[,no-NAME...] of plan.def, added to those that are off already. */
static bool read_plan(const char *text, PlanOptions *plan)
{
    for (const char *word = text; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL) {
        size_t n = strcspn(word, ","), no = strlen("no-");
        int    i = 0;
        for (const char *name; (name = plan_decision_name(i)); i++)
            if (n > no && !strncmp(word, "no-", no) && strlen(name) == n - no && !strncmp(word + no, name, n - no)) break;
        if (plan_decision_name(i)) {
            plan->without |= 1u << i;
            continue;
        }
        fputs("gan: --plan wants", stderr);
        for (i = 0; plan_decision_name(i); i++) fprintf(stderr, "%s no-%s", i ? "," : "", plan_decision_name(i));
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

static bool add_setting(Options *o, const char *text)
{
    const char *eq = strchr(text, '=');
    if (!eq || eq == text) {
        fprintf(stderr, "gan: --set wants NAME=VALUE, not '%s'\n", GAN_SHOWN(text));
        return false;
    }
    o->settings[o->n_settings++] = (Setting){strndup(text, (size_t)(eq - text)), eq + 1};
    return true;
}

static bool set_flag(Options *o, Flag f, const char *arg)
{
    static const char *const backends[] = {"jit", "interp", NULL}, *const forms[] = {"text", "json", NULL},
                      *const whens[] = {"auto", "always", "never", NULL},
                      *const stages[] = {"game", "ast", "ir", "grad", "kernels", "loops", "llvm", "asm", NULL},
                      *const emits[] = {"c", NULL};
    int     which = 0;
    int64_t number = 0;
    const char *name = flags[f].name;
    switch (f) {
    case FLAG_steps:       return read_int(name, arg, 0, MOST_STEPS, &o->steps);
    case FLAG_seed:        return read_count(name, arg, 0, UINT64_MAX, &o->seed);
    case FLAG_threads:     return read_int(name, arg, 1, MOST_THREADS, &number) && (o->threads = (int)number, true);
    case FLAG_seeds:       return read_int(name, arg, 1, MOST_SEEDS, &o->seeds);
    case FLAG_number:      return read_int(name, arg, 1, MOST_DRAWS, &o->number);
    case FLAG_backend:     return read_word(name, arg, backends, &which) && (o->interp = which == 1, true);
    case FLAG_diagnostics: return read_word(name, arg, forms, &which) && (o->json_diagnostics = which == 1, true);
    case FLAG_color:       return read_word(name, arg, whens, &which) && (o->color = color_wanted(arg), true);
    case FLAG_stage:       return read_word(name, arg, stages, &which) && (o->stage = arg, true);
    case FLAG_emit:        return read_word(name, arg, emits, &which) && (o->emit = arg, true);
    case FLAG_plan:        return read_plan(arg, &o->plan);
    case FLAG_set:         return add_setting(o, arg);
    case FLAG_f64:         o->f64 = true; return true;
    case FLAG_portable:    o->portable = true; return true;
    case FLAG_resume:      o->resume = true; return true;
    case FLAG_quiet:       o->quiet = true; return true;
    case FLAG_out:         o->out = arg; return true;
    case FLAG_checkpoint:  o->checkpoint = arg; return true;
    case FLAG_log:         o->log = arg; return true;
    case FLAG_expression:  o->expression = arg; return true;
    case FLAG_output:      o->output = arg; return true;
    case N_FLAGS:          break;
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

static bool read_flag(const CommandRow *c, Options *o, int argc, char **argv, int *i)
{
    const char *word = long_name(argv[*i]), *eq = strchr(word, '=');
    size_t      len = eq ? (size_t)(eq - word) : strlen(word);
    const char *best = NULL;
    int         least = 4;
    for (int f = 0; f < N_FLAGS; f++) {
        if (!(flags[f].commands & c->bit)) continue;
        if (strlen(flags[f].name) != len || strncmp(flags[f].name, word, len)) {
            best = nearest(word, best, &least, flags[f].name);
            continue;
        }
        if (!flags[f].arg[0]) {
            if (!eq) return set_flag(o, (Flag)f, NULL);
            fprintf(stderr, "gan: --%s takes no value\n", flags[f].name);
            return false;
        }
        if (!eq && *i + 1 >= argc) {
            fprintf(stderr, "gan: --%s wants a value: --%s %s\n", flags[f].name, flags[f].name, flags[f].arg);
            return false;
        }
        const char *arg = eq ? eq + 1 : argv[++*i];
        if (*arg) return set_flag(o, (Flag)f, arg);
        fprintf(stderr, "gan: --%s wants a value, not nothing: --%s %s\n", flags[f].name, flags[f].name, flags[f].arg);
        return false;
    }
    unknown("flag", "--", word, best);
    fprintf(stderr, "`gan %s --help` lists the flags\n", c->name);
    return false;
}

static const CommandRow *find_command(const char *word, int *status)
{
    const char *best = NULL;
    int         least = 4;
    for (int i = 0; i < N_COMMANDS; i++) {
        if (!strcmp(commands[i].name, word)) return &commands[i];
        best = nearest(word, best, &least, commands[i].name);
    }
    *status = unknown("command", "", word, best);
    fputs("`gan --help` lists the commands\n", stderr);
    return NULL;
}

static bool asks(const char *word, const char *flag, char letter)
{
    return !strcmp(word, flag) || (word[0] == '-' && word[1] == letter && !word[2]);
}

Command *options_read(int argc, char **argv, Options *o, int *status)
{
    *o = (Options){.word = (const char **)argv, .n_words = argc, .steps = -1, .seeds = 1, .number = 64, .stage = "game", .color = color_wanted("auto")};
    o->operands = calloc((size_t)argc + 1, sizeof *o->operands);
    o->settings = calloc((size_t)argc + 1, sizeof *o->settings);
    *status = EXIT_DONE;
    if (argc < 2 || asks(argv[1], "--help", 'h') || (!strcmp(argv[1], "help") && argc < 3)) {
        print_help();
        return NULL;
    }
    if (!strcmp(argv[1], "--version")) {
        print_version(argc > 2 && !strcmp(argv[2], "--verbose"));
        return NULL;
    }
    bool help = !strcmp(argv[1], "help");
    const CommandRow *c = find_command(argv[1 + help], status);
    if (!c) return NULL;
    for (int i = 2; i < argc; i++) help |= asks(argv[i], "--help", 'h');
    if (help) {
        print_command_help(c);
        return NULL;
    }
    *status = EXIT_WRONG_USAGE;
    for (int i = 2; i < argc; i++) {
        if (!long_name(argv[i])) o->operands[o->n_operands++] = argv[i];
        else if (!read_flag(c, o, argc, argv, &i)) return NULL;
    }
    if (o->n_operands < c->fewest || (c->most >= 0 && o->n_operands > c->most)) {
        fprintf(stderr, "usage: gan %s [FLAGS] %s\n", c->name, c->operands);
        return NULL;
    }
    *status = EXIT_DONE;
    return c->run;
}

void options_free(Options *o)
{
    for (int i = 0; i < o->n_settings; i++) free(o->settings[i].name);
    free(o->operands);
    free(o->settings);
}
