/* cache.h - compiled programs are kept, so that the second run of a program compiles nothing.
 *
 * A file of the folder `gan` in $XDG_CACHE_HOME (~/.cache) holds an image with its machine code under the name of its key: a hash of
 * the IR after the passes, the decisions of the plan, where slots lie, this build of gan and this CPU. Two runs of one key would make the
 * same bytes, so it does not matter who comes first: files are written beside and renamed. What is not read whole and right is made anew. */
#pragma once
#include "compiler/ir/ir.h"
#include "compiler/kernel/plan.h"
#include "runtime/image.h"

typedef struct CacheKey { char text[33]; } CacheKey;        /* "": nothing can be kept here */

/* cpu: as in jit.h, or NULL. */
CacheKey cache_key(const IrModule *m, const GanProgram *p, PlanOptions plan, const char *cpu);

typedef struct CacheEntry {                                 /* close with cache_close; zeros are fine */
    void *bytes;
    Image image;
} CacheEntry;

/* Is it there? With a reason in *why ("" else) where the cache cannot be used at all: it is another's, cannot be read. */
bool cache_open(CacheEntry *e, const CacheKey *key, GanError *why);
void cache_close(CacheEntry *e);

/* Keeps what code runs and its nests. The program's tables are not in it, but what code is checked against. GAN_WORLD: it is not kept. */
GanStatus cache_keep(const CacheKey *key, const GanProgram *p, const Code *code, const MachineCode *machine, GanError *err);
