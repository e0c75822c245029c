/* format.h - a program in the one style.
 *
 * The words, the comments and where lines break are the writer's. Spaces, indentation, empty lines and what is aligned are not: two
 * spaces a level, at most one empty line, a block in which a line breaks opens and closes on lines of its own, comments behind code stand
 * below each other, and so do the signs of equal statements that follow one another. Formatting twice changes nothing. */
#pragma once
#include "base/text.h"
#include "lang/source/diag.h"

/* The text of `f` in that style. False, with errors in diags, when it is no program. */
bool format_text(Arena *a, const SourceFile *f, Diags *diags, Text *out);
