/* machine.c - see machine.h. Memory is written, and then executed, never both at once. */
#include "compiler/jit/machine.h"
#include "runtime/symbols.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What LLVM makes calls of by itself: blocks of memory, and arithmetic that a CPU lacks. */
#define OF_C(name) {#name, (void *)(uintptr_t)name}
static const struct { const char *name; void *address; } of_c[] = {
    OF_C(memcpy), OF_C(memmove), OF_C(memset), OF_C(fma), OF_C(fmaf), OF_C(floor), OF_C(floorf), OF_C(ceil), OF_C(ceilf), OF_C(trunc), OF_C(truncf), OF_C(rint), OF_C(rintf),
    OF_C(nearbyint), OF_C(nearbyintf), OF_C(roundeven), OF_C(roundevenf),
};

static void *address_of(const char *name)
{
    for (int i = 0; i < SYMBOL_COUNT; i++)
        if (!strcmp(runtime_symbol[i].name, name)) return runtime_symbol[i].address;
    for (size_t i = 0; i < sizeof of_c / sizeof *of_c; i++)
        if (!strcmp(of_c[i].name, name)) return of_c[i].address;
    return NULL;
}

static GanStatus fill_slots(const Machine *m, const MachineCode *code, GanError *err)
{
    for (int i = 0; i < code->n_imports; i++) {
        void *to = address_of(code->import[i]);
        if (!to) return gan_error(err, GAN_WRONG, "the program calls %s, which is not here", code->import[i]);
        memcpy(m->base + code->slots + 8 * (int64_t)i, &to, sizeof to);
    }
    return GAN_OK;
}

static GanStatus refused(GanError *err) { return gan_error(err, GAN_WORLD, "no memory for code: %s", strerror(errno)); }

static GanStatus fill(Machine *m, const MachineCode *code, GanError *err)
{
    memcpy(m->base, code->bytes, (size_t)code->n);
    GanStatus s = fill_slots(m, code, err);
    if (s) return s;
    if (mprotect(m->base, (size_t)code->slots, PROT_READ | PROT_EXEC) || mprotect(m->base + code->slots, m->bytes - (size_t)code->slots, PROT_READ)) return refused(err);
    __builtin___clear_cache(m->base, m->base + code->n);
    for (int i = 0; i < code->n_entries; i++) m->nest[i] = (KernelFn)(uintptr_t)(m->base + code->entry[i]);
    return GAN_OK;
}

GanStatus machine_open(Machine *m, const MachineCode *code, GanError *err)
{
    *m = (Machine){.bytes = (size_t)code->slots + IMAGE_CODE_PAGE * (1 + (size_t)code->n_imports * 8 / IMAGE_CODE_PAGE),
                   .nest = calloc((size_t)code->n_entries + 1, sizeof *m->nest)};
    void *at = m->nest ? mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (at != MAP_FAILED) m->base = at;
    GanStatus s = m->base ? fill(m, code, err) : refused(err);
    if (s) machine_close(m);
    return s;
}

void machine_close(Machine *m)
{
    if (m->base) munmap(m->base, m->bytes);
    free(m->nest);
    *m = (Machine){0};
}
