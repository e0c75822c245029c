/* options.c - the tables of the command line: commands.def and flags.def. */
#include "compiler/driver/options.h"
#include "compiler/llvm/object.h"
#include "runtime/blas.h"

enum { MOST_STEPS = 1000000000000000, MOST_DRAWS = 1000000000 };

enum {                                                      /* one bit a command, for the flags' table */
#define COMMAND(name, BIT, ...) BIT##_SHIFT,
#include "compiler/driver/commands.def"
#undef COMMAND
    N_COMMANDS
};
enum {
#define COMMAND(name, BIT, ...) BIT = 1 << BIT##_SHIFT,
#include "compiler/driver/commands.def"
#undef COMMAND
};

static const OptionCommand commands[] = {
#define COMMAND(name, BIT, operands, fewest, most, summary, example) {#name, operands, summary, example, BIT, fewest, most},
#include "compiler/driver/commands.def"
#undef COMMAND
};

static const char *const backends[] = {"jit", "interp", NULL}, *const forms[] = {"text", "json", NULL}, *const whens[] = {"auto", "always", "never", NULL},
                  *const stages[] = {"game", "ast", "ir", "grad", "kernels", "loops", "llvm", "asm", NULL}, *const emits[] = {"c", "obj", "asm", "llvm", NULL};
static const char *const decisions[] = {
#define DECISION(name, what) #name,
#include "compiler/kernel/plan.def"
#undef DECISION
    NULL
};

static const OptionRow flags[] = {
#define FLAG(name, arg, help, commands, ...) {#name, arg, help, commands, OPTION_FIELD(Options, __VA_ARGS__)},
#include "compiler/driver/flags.def"
#undef FLAG
};

static void print_version(bool verbose)
{
    puts("gan " GAN_VERSION);
    if (!verbose) return;
    char     llvm[200], blas[400];
    GanError err;
    blas_about(blas, sizeof blas);
    printf("%s\n%s\n", llvm_about(llvm, sizeof llvm, &err) ? err.message : llvm, blas);
}

const OptionTable gan_options = {"gan", "train models that learn by comparison", commands, N_COMMANDS, flags, sizeof flags / sizeof flags[0], NULL, 0, print_version};
