/* main.c - the `gan` command: reads the command line and calls the subcommand. Start here. */
#include "compiler/driver/options.h"
#include "runtime/command/say.h"

#include <malloc.h>

/* Lowering frees an arena for each tree that it looks at: what goes back to the system then must be had from it again, page by page. So do blocks
 * that have a mapping of their own: none of an arena's is as large. */
enum { KEPT_BYTES = 32 << 20, MAPPED_BYTES = 5 << 20 };

static Command *const command_of[] = {
#define COMMAND(name, ...) cmd_##name,
#include "compiler/driver/commands.def"
#undef COMMAND
};

int main(int argc, char **argv)
{
    int     status;
    Options o = {0};
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    say_begin();
    int command = options_read(&gan_options, argc, argv, &o.run, &status);
    if (command >= 0) status = command_of[command](&o);
    options_free(&gan_options, &o.run);
    return say_finish("gan", status);
}
