/* cc.h - nests through the system's C compiler: a file of ctext.h, compiled, opened and tested. */
#pragma once
#include "runtime/frame.h"

#include <stdbool.h>

typedef struct CtextFile {
    void           *lib;
    const KernelFn *fn;                                     /* by nest */
} CtextFile;

/* Compiles a file of ctext.h with `cc`. The program exports what symbols.def names to the libraries it opens. False with the reason in
 * `why`: no compiler, a refusal (its words are on stderr), or a file that is not exact. */
bool ctext_open(CtextFile *f, const char *text, char why[256]);
void ctext_close(CtextFile *f);
