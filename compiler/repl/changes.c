/* changes.c - the commands that change a run: settings, names, parameters, the seed, the state, the file, the engine. */
#include "compiler/repl/repl.h"

#include "compiler/session/firstdiff.h"
#include "compiler/interp/interp.h"
#include "compiler/jit/jit.h"
#include "runtime/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the program is lowered anew --------------------------------------------------------------------------------- */

void repl_say_kept(const DebugKept *k)
{
    printf("%d tensors are kept", k->kept);
    if (k->fresh) printf(", %d new (%s)", k->fresh, k->fresh_names);
    if (k->gone) printf(", %d gone (%s)", k->gone, k->gone_names);
    puts("");
}

static void changed(Repl *r, GanStatus st, const DebugKept *kept, const GanError *err)
{
    if (st) repl_failed(r, st, err);
    else repl_say_kept(kept);
}

void do_set(Repl *r, const char *args)
{
    const char *value = args + strcspn(args, " =");
    const char *name = arena_strn(r->arena, args, (size_t)(value - args));
    DebugKept   kept = {0};
    GanError    err = {0};
    value += strspn(value, " ");
    if (*value == '=') value++;
    value += strspn(value, " ");
    if (!*name || !*value) {
        repl_wrong(r, ":set wants a name and its value, as in :set rate 1e-4");
        return;
    }
    GanStatus st = debug_set(r->d, name, value, &kept, &err);
    changed(r, st, &kept, &err);
}

void repl_declare(Repl *r, const char *text)
{
    DebugKept kept = {0};
    GanError  err = {0};
    GanStatus st = debug_declare(r->d, text, &kept, &err);
    if (st) repl_failed(r, st, &err);
    else if (kept.fresh || kept.gone) repl_say_kept(&kept);
}

void do_let(Repl *r, const char *args)
{
    if (*args) repl_declare(r, arena_printf(r->arena, "let %s", args));
    else repl_wrong(r, ":let wants a name and its value, as in :let half = 0.5");
}

void do_reload(Repl *r, const char *args)
{
    DebugKept kept = {0};
    GanError  err = {0};
    if (!repl_has_no_args(r, args, "reload")) return;
    if (!r->file) {
        repl_wrong(r, "this session has no file that could be read anew");
        return;
    }
    GanStatus st = debug_reload(r->d, &kept, &err);
    changed(r, st, &kept, &err);
}

/* ---- the state --------------------------------------------------------------------------------------------------- */

void repl_assign(Repl *r, const char *path, const char *expression)
{
    GanError  err = {0};
    GanStatus st = debug_assign(r->d, path, expression, &err);
    if (st) repl_failed(r, st, &err);
}

void do_seed(Repl *r, const char *args)
{
    const char *word = repl_word(r, &args);
    char       *end;
    GanError    err = {0};
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "seed")) return;
    errno = 0;
    uint64_t seed = strtoull(word, &end, 10);
    if (errno || !strchr("0123456789", *word) || !*word || *end) {
        repl_wrong(r, ":seed wants a whole number that is not negative, as in :seed 1");
        return;
    }
    GanStatus st = debug_seed(r->d, seed, &err);
    if (st) repl_failed(r, st, &err);
}

void do_save(Repl *r, const char *args)
{
    GanError err = {0};
    if (!repl_has_run(r)) return;
    if (!*args) {
        repl_wrong(r, ":save wants a file's name, as in :save here.safetensors");
        return;
    }
    GanStatus st = debug_save(r->d, args, &err);
    if (st) repl_failed(r, st, &err);
    else printf("saved as %s", GAN_SHOWN(args));
    int64_t since = r->place.tick - debug_round_began(r->d);
    if (!st && since > 0) printf(": the state where the round began; not in it is what was done and written since, in %" PRId64 " statement%s", since, since > 1 ? "s" : "");
    if (!st) puts("");
}

void do_load(Repl *r, const char *args)
{
    GanError err = {0};
    bool     placed = true;
    if (!repl_has_run(r)) return;
    if (!*args) {
        repl_wrong(r, ":load wants a checkpoint's name, as in :load here.safetensors");
        return;
    }
    GanStatus st = debug_load(r->d, args, &placed, &err);
    if (st) {
        repl_failed(r, st, &err);
        return;
    }
    if (!placed) puts("its tensors are taken and not its place: it is of another version of the program, or of another :set, or of no run");
    debug_place(r->d, &r->place);
    repl_say_place(r);
}

/* ---- engines ----------------------------------------------------------------------------------------------------- */

void do_jit(Repl *r, const char *args)
{
    const char *word = repl_word(r, &args);
    GanError    err = {0};
    bool        on = !strcmp(word, "on");
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "jit")) return;
    if (!on && strcmp(word, "off")) {
        repl_wrong(r, ":jit wants on, for compiled code, or off, for the interpreter");
        return;
    }
    GanStatus st = debug_engine(r->d, !on, &err);
    if (st) repl_failed(r, st, &err);
}

typedef struct Both {
    Session   *s;
    GanEngine  interp, jit;
    GanState   here, there;                                 /* a copy for each */
    const GanState *now;
    bool      *seen;                                        /* by function */
    int        n;                                           /* functions compared */
    bool       differ;
} Both;

static size_t bytes_of(const GanOutput *o)
{
    size_t n = gan_elem_bytes(o->elem);
    for (int d = 0; d < o->rank; d++) n *= (size_t)o->dim[d];
    return n;
}

static GanStatus run_one(GanEngine *e, const GanFunction *f, int fn, GanState *state, const GanState *now, Arena *a, void ***out, GanError *err)
{
    *out = arena_array(a, void *, f->n_outputs + 1);
    for (int i = 0; i < f->n_outputs; i++) (*out)[i] = arena_alloc(a, bytes_of(&f->output[i]) + 1);
    memcpy(state->base, now->base, state->bytes);        /* without what the debugger keeps behind it */
    state->seed = now->seed;
    return e->run(e->self, fn, state, *out, err);
}

/* What a difference is, is said: the first operation, its line, both values. */
static GanStatus compare_function(Both *b, int fn, GanError *err)
{
    const GanFunction *f = &b->s->lowered.program->function[fn];
    Arena             *a = arena_new();
    void             **x, **y;
    GanStatus          st = run_one(&b->interp, f, fn, &b->here, b->now, a, &x, err);
    if (!st) st = run_one(&b->jit, f, fn, &b->there, b->now, a, &y, err);
    bool differ = !st && memcmp(b->here.base, b->there.base, b->here.bytes);
    for (int i = 0; !st && i < f->n_outputs; i++) {
        const GanOutput *o = &f->output[i];
        differ |= firstdiff_element(o->elem, x[i], y[i], (int64_t)(bytes_of(o) / gan_elem_bytes(o->elem))) >= 0;
    }
    if (differ) {
        printf("interpreter and compiled code differ in %s\n", f->name);
        fflush(stdout);
        firstdiff_print(b->s, fn, b->now);
        b->differ = true;
    }
    b->n++;
    arena_free(a);
    return st;
}

static GanStatus compare_tree(Both *b, const GanSchedule *n, GanError *err)
{
    GanStatus st = GAN_OK;
    if (n->fn >= 0 && !b->seen[n->fn]) {
        b->seen[n->fn] = true;
        st = compare_function(b, n->fn, err);
    }
    for (int i = 0; i < n->n_kids && !st; i++) st = compare_tree(b, n->kid[i], err);
    return st;
}

void do_diff(Repl *r, const char *args)
{
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "diff")) return;
    Session          *s = (Session *)debug_session(r->d);
    const GanProgram *p = s->lowered.program;
    Both              b = {.s = s, .now = debug_state(r->d), .seen = arena_array(r->arena, bool, p->n_functions + 1)};
    JitOptions        j = {.threads = (int)r->o->run.threads, .plan = r->o->plan, .cached = !r->o->no_cache};
    GanError          err = {0};
    GanStatus         st = interp_engine_new(s->lowered.ir, p, &b.interp, &err);
    if (!st) st = jit_engine_new(s->lowered.ir, p, &j, &b.jit, &err);
    if (!st) st = state_new(p, b.now->seed, &b.here, &err);
    if (!st) st = state_new(p, b.now->seed, &b.there, &err);
    if (!st) st = compare_tree(&b, p->schedule, &err);
    if (st) repl_failed(r, st, &err);
    else if (!b.differ) printf("same bits: %d functions, run by the interpreter and as compiled code in this state\n", b.n);
    if (b.interp.free) b.interp.free(b.interp.self);
    if (b.jit.free) b.jit.free(b.jit.self);
    state_free(&b.here);
    state_free(&b.there);
}

/* ---- a terminal that is gone ------------------------------------------------------------------------------------- */

/* Where nothing is yet. Beside the folder of runs, which must hold nothing else. */
static const char *free_name(Repl *r, const char *folder)
{
    const char *path = arena_printf(r->arena, "%s/step-%" PRId64 ".safetensors", folder, r->place.step);
    for (int i = 1; !access(path, F_OK); i++) path = arena_printf(r->arena, "%s/step-%" PRId64 ".%d.safetensors", folder, r->place.step, i);
    return path;
}

void repl_save_lost(Repl *r)
{
    const char *name = debug_session(r->d)->lowered.program->name, *folder = arena_printf(r->arena, "runs/%s.repl", name);
    GanError    err = {0};
    if (!r->file || r->place.tick == 0) return;
    mkdir("runs", 0777);
    mkdir(folder, 0777);
    const char *path = free_name(r, folder);
    GanStatus   st = debug_save(r->d, path, &err);
    if (st) repl_failed(r, st, &err);
    else say_line((void *)&r->o->run, arena_printf(r->arena, "the session is ended from outside; its state is saved as %s, and :load reads it", path));
}
