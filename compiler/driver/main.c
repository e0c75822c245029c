/* main.c - the `gan` command: reads the command line and calls the subcommand. Start here. */
#include "compiler/driver/options.h"
#include "runtime/command/say.h"

int main(int argc, char **argv)
{
    int     status;
    Options o = {.stage = "game"};
    say_begin();
    int command = options_read(&gan_options, argc, argv, &o.run, &status);
    if (command >= 0) status = gan_command[command](&o);
    options_free(&gan_options, &o.run);
    return say_finish("gan", status);
}
