/* machine.h - machine code made executable in this process. */
#pragma once
#include "runtime/code.h"
#include "runtime/image.h"

typedef struct Machine {                                    /* close with machine_close; zeros are fine */
    char     *base;
    size_t    bytes;
    KernelFn *nest;                                         /* by number */
} Machine;

/* The code may go once it is open. GAN_WRONG for a function that is not found, GAN_WORLD when the system gives no such memory. */
GanStatus machine_open(Machine *m, const MachineCode *code, GanError *err);
void      machine_close(Machine *m);
