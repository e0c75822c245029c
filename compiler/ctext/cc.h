/* cc.h - nests through the system's C compiler: a file of ctext.h, compiled, opened and tested. */
#pragma once
#include "compiler/loop/loop.h"

typedef void CtextFn(char *const *bases, const int64_t *w, int64_t u0, int64_t u1, int64_t u2, int64_t u3);

typedef struct CtextFile {
    void           *lib;
    CtextFn *const *fn;                                     /* by nest */
} CtextFile;

/* Compiles n >= 1 nests with `cc`. The program exports what symbols.def names to the libraries it opens. False with the reason in
 * `why`: no compiler, a refusal (its words are on stderr), or a file that is not exact. */
bool ctext_open(CtextFile *f, const LoopNest *const *nest, int n, char why[256]);
void ctext_close(CtextFile *f);
