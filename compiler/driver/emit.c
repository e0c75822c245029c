/* emit.c - see emit.h. */
#include "compiler/driver/emit.h"
#include "compiler/ctext/program.h"
#include "compiler/llvm/object.h"
#include "runtime/file.h"

#include <string.h>

static bool is_c(const Options *o) { return o->emit && !strcmp(o->emit, "c"); }
static LlvmTarget target_of(const Options *o) { return (LlvmTarget){o->target, o->target_cpu}; }

bool emit_possible(const Options *o)
{
    LlvmChoice  c;
    LlvmTarget  t = target_of(o);
    GanError    err = {0};
    if (!o->emit && o->target) {
        fputs("gan: a program is linked for this machine; for others --target goes with --emit obj, asm or llvm\n", stderr);
        return false;
    }
    if (is_c(o) && (o->target || o->target_cpu)) {
        fprintf(stderr, "gan: C text is for every machine: --target%s goes with --emit obj, asm or llvm\n", o->target ? "" : "-cpu");
        return false;
    }
    GanStatus s = is_c(o) ? GAN_OK : llvm_choose(&c, &t, &err);
    if (s != GAN_OK) fprintf(stderr, "gan: %s\n", GAN_SHOWN(err.message));
    return s == GAN_OK;
}

static int write_out(const Options *o, const char *bytes, size_t n)
{
    GanError err = {0};
    if (!strcmp(o->run.output, "-")) return fwrite(bytes, 1, n, stdout) == n && fflush(stdout) == 0 ? EXIT_DONE : EXIT_RUN_FAILED;
    return file_write(o->run.output, bytes, n, false, &err) == GAN_OK ? EXIT_DONE : say_error(&o->run, &err);
}

static int emit_c(Session *s)
{
    Text out = text_in(s->arena);
    char why[512];
    if (!ctext_program(s->lowered.ir, s->lowered.program, s->o->plan, &out, why)) return say_wrong(&s->o->run, "%s", why);
    return write_out(s->o, text_str(&out), out.n);
}

static int emit_llvm(Session *s)
{
    const Options *o = s->o;
    LlvmForm    form = !strcmp(o->emit, "asm") ? LLVM_ASM : !strcmp(o->emit, "llvm") ? LLVM_TEXT : LLVM_OBJECT;
    LlvmWanted  w = {.target = target_of(o), .form = form, .plan = o->plan, .prefix = session_identifier(s, s->lowered.program->name)};
    NestProgram nests;
    LlvmObjects made;
    GanError    err = {0};
    if (llvm_objects(s->arena, s->lowered.ir, s->lowered.program, &w, &nests, &made, &err)) return say_error(&o->run, &err);
    int status = write_out(o, made.object[0].bytes, made.object[0].size);
    llvm_objects_free(&made);
    return status;
}

int emit(Session *s) { return is_c(s->o) ? emit_c(s) : emit_llvm(s); }
