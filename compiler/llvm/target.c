/* target.c - see target.h. */
#include "compiler/llvm/target.h"

#include <stdio.h>
#include <string.h>

typedef enum {
#define MACHINE(id, name, triple, cpu) id,
#include "compiler/llvm/targets.def"
    N_MACHINES
} Machine;

typedef struct { const char *name, *triple, *cpu; } MachineRow;
static const MachineRow machines[] = {
#define MACHINE(id, name, triple, cpu) {name, triple, cpu},
#include "compiler/llvm/targets.def"
};

typedef struct { const char *name; Machine machine; int rows; bool fma; int64_t near; } CpuRow;
static const CpuRow cpus[] = {
#define CPU(name, machine, rows, fma, near) {name, machine, rows, fma, near * 1024},
#include "compiler/llvm/targets.def"
};

const char *const llvm_machine_names[] = {"native",
#define MACHINE(id, name, triple, cpu) name,
#include "compiler/llvm/targets.def"
    NULL};

#if defined(__x86_64__)
static const int here = X86_64;
#elif defined(__aarch64__)
static const int here = AARCH64;
#else
static const int here = N_MACHINES;                         /* none of the table's: native alone is made */
#endif

static bool is_native(const char *name) { return !name || !strcmp(name, "native"); }

static const CpuRow *cpu_row(const char *name)
{
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
        if (!strcmp(cpus[i].name, name)) return &cpus[i];
    return NULL;
}

int64_t llvm_cpu_near(const char *cpu)
{
    const CpuRow *c = cpu_row(cpu);
    return c ? c->near : 0;
}

int llvm_cpu_level(const char *cpu)
{
    const CpuRow *c = cpu_row(cpu);
    return !c || c->machine != X86_64 ? 0 : c->rows == 12 ? 4 : c->fma ? 3 : 2;
}

static int machine_named(const char *name)                  /* -1: none */
{
    if (is_native(name)) return here;
    for (int i = 0; i < N_MACHINES; i++)
        if (!strcmp(machines[i].name, name)) return i;
    return -1;
}

/* The CPUs that can be named for a machine. */
static const char *cpus_of(int machine, char text[400])
{
    size_t used = machine == here ? (size_t)snprintf(text, 400, "native") : 0;
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus && used < 400; i++)
        if ((int)cpus[i].machine == machine) used += (size_t)snprintf(text + used, 400 - used, "%s%s", used ? ", " : "", cpus[i].name);
    return text;
}

static GanStatus choose_named(LlvmChoice *c, const LlvmTarget *t, int machine, GanError *err)
{
    const char   *name = t->cpu ? t->cpu : machines[machine].cpu;
    const CpuRow *cpu = cpu_row(name);
    char          all[400];
    if (is_native(name)) return gan_error(err, GAN_WRONG, "the CPU here is none of %s: name one, %s", machines[machine].name, cpus_of(machine, all));
    if (!cpu) return gan_error(err, GAN_WRONG, "for %s --target-cpu wants %s; not '%.40s'", machines[machine].name, cpus_of(machine, all), name);
    if ((int)cpu->machine != machine)
        return gan_error(err, GAN_WRONG, "%s is a CPU of %s: name that machine, too", name, machines[cpu->machine].name);
    *c = (LlvmChoice){machines[machine].triple, name, cpu->rows, !cpu->fma};
    return GAN_OK;
}

GanStatus llvm_choose(LlvmChoice *c, const LlvmTarget *t, GanError *err)
{
    int  machine = machine_named(t->machine);
    bool native = t->cpu ? is_native(t->cpu) && machine == here : is_native(t->machine);
    *c = (LlvmChoice){0};
    if (machine < 0) return gan_error(err, GAN_WRONG, "code can be made for no machine %s", t->machine);
    return native ? GAN_OK : choose_named(c, t, machine, err);
}
