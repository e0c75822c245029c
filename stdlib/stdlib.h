/* stdlib.h - the standard library's source, part of the command itself. */
#pragma once
#include <stddef.h>

/* The text of a module ("nn"), NUL-terminated, or NULL; *n (may be NULL) is its length. */
const char *stdlib_find(const char *module, size_t *n);

/* The names of all modules, ended by NULL. */
extern const char *const stdlib_names[];
