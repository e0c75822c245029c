/* checked.c - see checked.h. */
#include "checked.h"
#include "compiler/loop/check/function.h"
#include "compiler/nest/steps.h"
#include "runtime/blas.h"

#include <string.h>

typedef struct Checked {
    Arena         *arena;
    CheckedOptions options;
    Code           code;
    ARRAY(const LoopNest *) nest;
    const GanProgram *program;
    GanError       wrong;                                   /* a nest that is none */
} Checked;

/* A nest is gone when this returns: its text is not. */
static void keep(void *self, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    Checked *c = self;
    char why[256];
    (void)code, (void)scratch;
    if (!loop_verify(n, why)) gan_error(&c->wrong, GAN_WRONG, "%s", why);
    array_push(c->arena, &c->nest, loop_read(c->arena, text, why));
}

static GanStatus run(void *self, int function, GanState *state, void *const *out, GanError *err)
{
    Checked *c = self;
    char why[512];
    CheckFunction f = {&c->code, c->nest.v, c->program, c->options.threads, c->options.seed++};
    if (loop_check_function(&f, function, state, out, why)) return GAN_OK;
    return gan_error(err, GAN_WORLD, "%s", why);
}

static void free_engine(void *self) { arena_free(((Checked *)self)->arena); }

GanStatus checked_engine_new(const IrModule *m, const GanProgram *p, const CheckedOptions *options, GanEngine *out, GanError *err)
{
    Arena   *a = arena_new();
    Checked *c = arena_new_of(a, Checked);
    char     why[512];
    *c = (Checked){.arena = a, .options = *options, .program = p};
    NestProgram *nests = arena_new_of(a, NestProgram);
    if (!nest_program(nests, a, m, p, options->plan, options->rows, &(NestUser){.self = c, .fresh = keep}, why)) {
        arena_free(a);
        return gan_error(err, GAN_WRONG, "%s", why);
    }
    c->code = steps_of(a, nests, m, p, NULL);
    if (options->spoil) options->spoil(&c->code);
    *out = (GanEngine){.self = c, .name = "checker", .run = run, .free = free_engine};
    GanStatus status = c->wrong.status ? gan_error(err, GAN_WRONG, "%s", c->wrong.message) : c->code.blas ? blas_open(1, err) : GAN_OK;
    if (status != GAN_OK) arena_free(a);
    return status;
}
