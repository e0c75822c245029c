/* program.c - see program.h. */
#include "compiler/ctext/program.h"
#include "compiler/ctext/ctext.h"
#include "compiler/nest/program.h"

enum { ROWS = 6 };                                          /* of a register tile: as many as most machines hold */

typedef struct Writer { Arena *a; Text *out, uses; ARRAY(const char *) names; } Writer;

static void fresh(void *self, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    Writer *w = self;
    const char *name = arena_printf(w->a, "nest_%d", code);
    (void)text;
    (void)scratch;
    array_push(w->a, &w->names, name);
    ctext_nest(n, name, w->out);
}

static void open(void *self, const KPlan *p) { text_printf(&((Writer *)self)->uses, " * %s:", p->fn->name); }

static void kernel(void *self, int number, const NestKernel *k, const char *text)
{
    (void)number;
    (void)text;
    text_printf(&((Writer *)self)->uses, " %d", k->code);
}

static void close(void *self, const KPlan *p)
{
    (void)p;
    text_add(&((Writer *)self)->uses, "\n");
}

bool ctext_program(const IrModule *m, const GanProgram *p, PlanOptions plan, Text *out, char why[512])
{
    Arena *a = arena_new();
    Writer w = {.a = a, .out = out, .uses = text_in(a)};
    NestUser user = {&w, open, fresh, kernel, close};
    NestProgram nests;
    ctext_prelude(out);
    bool ok = nest_program(&nests, a, m, p, plan, ROWS, &user, why);
    if (ok) {
        text_printf(out, "/* The functions of the program, and the number of the nest that each of their kernels is:\n%s */\n", text_str(&w.uses));
        if (w.names.n) ctext_table(w.names.v, w.names.n, out);
    }
    arena_free(a);
    return ok;
}
