/* pass.c - see pass.h: one loop over passes.def. */
#include "compiler/opt/pass.h"

#include "base/bug.h"

#include <stddef.h>

typedef enum { ALWAYS, NOT_PORTABLE } When;

static const struct {
    const char *name;
    void (*run)(IrModule *m, IrFn *f);
    When when;
} passes[] = {
#define PASS(name, when) {#name, opt_##name, when},
#include "compiler/opt/passes.def"
#undef PASS
};

enum { N_PASSES = sizeof passes / sizeof *passes };

const char *opt_pass_name(int i) { return i >= 0 && i < N_PASSES ? passes[i].name : NULL; }

static bool is_verifying(const PassOptions *o)
{
#ifdef NDEBUG
    return o->verify;
#else
    (void)o;
    return true;
#endif
}

static void check(const IrModule *m, const IrFn *f, const PassOptions *o, const char *who)
{
    char why[512];
    if (is_verifying(o) && !ir_verify(m, f, why)) BUG("after %s: %s", who, why);
}

static void run(IrModule *m, IrFn *f, const PassOptions *o)
{
    static const PassOptions none;
    if (!o) o = &none;
    check(m, f, o, "lowering");
    for (int i = 0; i < N_PASSES; i++) {
        if (passes[i].when == NOT_PORTABLE && o->portable) continue;
        passes[i].run(m, f);
        check(m, f, o, passes[i].name);
        if (o->after) o->after(o->context, passes[i].name, m, f);
    }
}

void opt_run_module(IrModule *m, const PassOptions *o)
{
    for (int i = 0; i < m->fns.n; i++) run(m, m->fns.v[i], o);
}
