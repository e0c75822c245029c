/* options.h - the command line of `gan`: its commands (commands.def) and flags (flags.def), and the struct they are read into. */
#pragma once
#include "compiler/session/options.h"

typedef int Command(const Options *o);
#define COMMAND(name, ...) Command cmd_##name;
#include "compiler/driver/commands.def"
#undef COMMAND

extern const OptionTable gan_options;
