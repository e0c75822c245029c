/* kitty.h - pictures in terminals that take PNG files: the graphics protocol of kitty, which others speak, too. */
#pragma once
#include "base/text.h"

/* Does the terminal say of itself, by its variables, that it takes them? Inside of tmux and screen none does. */
bool kitty_is_there(void);

/* The file's bytes as the terminal takes them, in pieces of base64, with a newline. False: it cannot be read. */
bool kitty_picture(Text *out, const char *path);
