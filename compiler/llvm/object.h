/* object.h - from a module to object files in memory: a program's kernels as code of some machine, to be linked by anyone.
 *
 * Functions are planned, their kernels become nests, equal ones once, and each of these a function PREFIX_nest_N. A constant table
 * PREFIX_nests, `KernelFn const[]`, holds their addresses by number, as Code.nest of runtime/code.h wants them; only that is for others.
 * Everything is position independent and hidden: the objects go into a program, a shared object or an archive as they are. What they
 * miss is in runtime/symbols.def, or the C library's (memcpy, and fmaf on machines that have no fma).
 *
 * LLVM is behind these functions and nowhere else. They are in libgan_llvm.so, which door.c opens when the first of them is called: a
 * program that compiles nothing never maps LLVM. Tests of the parts are linked with them. */
#pragma once
#include "compiler/llvm/target.h"
#include "compiler/nest/program.h"
#include "runtime/parallel.h"

#include <stddef.h>

typedef enum { LLVM_OBJECT, LLVM_ASM, LLVM_TEXT } LlvmForm; /* ELF, assembly, LLVM's own text */

/* Texts for `gan explain`, each given once a function while it is compiled; NULL: not wanted. `text` is borrowed. */
typedef struct LlvmTexts {
    void (*on_plan)(void *self, const char *fn, const char *text);      /* the kernels: regions, tiles, buffers, flops */
    void (*on_loops)(void *self, const char *fn, const char *text);     /* what they do: their nests, each behind its number and words */
    void (*on_llvm)(void *self, const char *fn, const char *text);      /* LLVM's text form */
    void (*on_asm)(void *self, const char *fn, const char *text);       /* the target's assembly */
    void *self;
} LlvmTexts;

typedef struct LlvmWanted {
    LlvmTarget  target;
    PlanOptions plan;
    LlvmForm    form;
    const char *prefix;                                     /* of the symbols: an identifier of C */
    bool        bare;                                       /* without the table: whoever lays out the objects finds nests by their names */
    int         open;                                       /* 0: one object; else several of bounded size, so many of which are filled by turns */
    Team       *team;                                       /* its threads make the objects; NULL: this thread */
    LlvmTexts   texts;                                      /* if any is wanted, each function has an object of its own */
} LlvmWanted;

typedef struct LlvmObject {
    const char *bytes;
    size_t      size;
    void       *buffer;                                     /* LLVM's; who takes it over sets it to NULL */
} LlvmObject;

typedef struct LlvmObjects {
    LlvmObject *object;                                     /* none of them is empty; the first has the table; bare ones may be none at all */
    int         n, n_nests;
} LlvmObjects;

/* All in `a` but the objects' bytes. nests: the plans, for steps_of(). GAN_WRONG for what cannot be compiled, GAN_WORLD when LLVM fails;
 * there is nothing to free then. */
GanStatus llvm_objects(Arena *a, const IrModule *m, const GanProgram *p, const LlvmWanted *w, NestProgram *nests, LlvmObjects *out, GanError *err);
void      llvm_objects_free(LlvmObjects *o);
/* LLVM's version and its name of this CPU, as far as there is room. */
GanStatus llvm_about(char *out, size_t room, GanError *err);

/* What libgan_llvm.so has for door.c, under the name of LLVM_DOOR. */
typedef struct LlvmDoor {
    GanStatus (*objects)(Arena *a, const IrModule *m, const GanProgram *p, const LlvmWanted *w, NestProgram *nests, LlvmObjects *out, GanError *err);
    void      (*objects_free)(LlvmObjects *o);
    GanStatus (*about)(char *out, size_t room, GanError *err);
} LlvmDoor;
#define LLVM_DOOR "gan_llvm_door"
