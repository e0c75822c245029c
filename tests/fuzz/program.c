/* program.c - `gan check`: a text is read, checked and lowered; what is lowered is verified, and the passes keep it so. */
#include "target.h"

#include "compiler/lower/lower.h"
#include "compiler/opt/pass.h"

void target_try(const char *bytes, size_t n)
{
    char          why[512];
    LowerResult   r = {0};
    Arena        *a = arena_new();
    Sources      *s = sources_new(a);
    Diags        *d = diags_new(s);
    Text          said = text_in(a);
    LowerOptions  o = {.real = IR_F32, .folder = "/nonexistent", .advice = true};
    bool          lowered = lower_program(a, source_add(s, "input.gan", bytes, n), &o, d, &r);
    diags_print_text(d, &said, true);
    diags_print_json(d, &said);
    TARGET_WANT(lowered || diags_failed(d), "it is refused, and nothing is said of it");
    if (lowered) {
        lower_close(&r);
        TARGET_WANT(ir_verify_module(r.ir, why), "%s", why);
        opt_run_module(r.ir, &(PassOptions){0});
        TARGET_WANT(ir_verify_module(r.ir, why), "after the passes: %s", why);
    }
    lower_free(&r);
    arena_free(a);
}
