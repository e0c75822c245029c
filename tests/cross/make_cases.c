/* make_cases.c - usage: make_cases MACHINE FOLDER RANDOM FILE.ir...
 *
 * RANDOM random functions, every other one after the passes, and the functions of the files become objects for MACHINE and a file of cases
 * (cases.h) with the interpreter's results; cases.c names the tables of the objects. */
#include "compiler/interp/interp.h"
#include "compiler/ir/random_fn.h"
#include "compiler/jit/flat.h"
#include "compiler/llvm/object.h"
#include "compiler/nest/steps.h"
#include "compiler/opt/pass.h"
#include "tests/cross/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Maker {
    const char *machine, *folder;
    FILE       *cases, *tables;
    int         n;
} Maker;

static void fail(const char *what)
{
    fprintf(stderr, "make_cases: %s\n", what);
    exit(1);
}

static FILE *open_file(const Maker *k, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", k->folder, name);
    FILE *f = fopen(path, "wb");
    if (!f) fail(path);
    return f;
}

static void put(const Maker *k, const void *from, size_t bytes)
{
    static const char zeros[CASE_ALIGN];
    int64_t n = (int64_t)bytes;
    fwrite(&n, 1, sizeof n, k->cases);
    fwrite(zeros, 1, CASE_ALIGN - sizeof n, k->cases);
    if (bytes) fwrite(from, 1, bytes, k->cases);
    fwrite(zeros, 1, (CASE_ALIGN - bytes % CASE_ALIGN) % CASE_ALIGN, k->cases);
}

/* ---- a module as a program --------------------------------------------------------------------------------------- */

typedef struct Case {
    Arena     *a;
    IrModule  *m;
    GanProgram p;
    char      *state;
    void     **slot;                                        /* its memory: in the state, or its own */
} Case;

static void add_slots(Case *c, uint64_t seed)
{
    c->p.n_slots = c->m->slots.n;
    c->p.slot = arena_array(c->a, GanSlot, c->p.n_slots + 1);
    c->slot = arena_array(c->a, void *, c->p.n_slots + 1);
    for (int i = 0; i < c->p.n_slots; i++) {
        const IrSlot *s = &c->m->slots.v[i];
        size_t bytes = (size_t)interp_type_bytes(c->m, &s->type);
        bool   data = s->kind == IR_SLOT_DATA;
        c->p.slot[i] = (GanSlot){.path = s->path, .kind = (GanSlotKind)s->kind, .elem = (GanElem)s->type.elem, .bytes = bytes,
                                 .offset = data ? (size_t)c->p.n_data++ : c->p.state_bytes};
        if (data) c->slot[i] = arena_alloc(c->a, bytes + 1);
        else c->p.state_bytes += (bytes + CASE_ALIGN - 1) / CASE_ALIGN * CASE_ALIGN;
    }
    c->state = arena_alloc(c->a, c->p.state_bytes + 1);
    for (int i = 0; i < c->p.n_slots; i++) {
        if (!c->slot[i]) c->slot[i] = c->state + c->p.slot[i].offset;
        ir_random_fill(&c->m->slots.v[i], seed + (uint64_t)i, c->slot[i]);
    }
}

/* ---- a case ------------------------------------------------------------------------------------------------------ */

#define PUT_OF(of, table, count) put(k, (of)->table, sizeof *(of)->table * (size_t)(count))
#define PUT(table, count) PUT_OF(c, table, count)

static void put_code(const Maker *k, const Code *c)
{
    put(k, c, sizeof *c);
    PUT(fn, c->n_fns);
    PUT(block, c->n_blocks);
    PUT(step, c->n_steps);
    PUT(call, c->n_calls);
    PUT(copy, c->n_copies);
    PUT(stack, c->n_stacks);
    PUT(out, c->n_outs);
    PUT(commit, c->n_commits);
    PUT(words, c->n_words);
    PUT(wants, c->n_nests);
    for (int i = 0; i < c->n_streams; i++) put(k, c->stream[i], strlen(c->stream[i]) + 1);
}

static void put_machine(const Maker *k, const MachineCode *m)
{
    put(k, m, sizeof *m);
    put(k, m->bytes, (size_t)m->n);
    PUT_OF(m, entry, m->n_entries);
    for (int i = 0; i < m->n_imports; i++) put(k, m->import[i], strlen(m->import[i]) + 1);
}

static void put_state(const Maker *k, const Case *c, uint64_t seed)
{
    ARRAY(CaseValue) value = {0};
    put(k, &(CaseHead){(int64_t)seed, c->p.n_data}, sizeof(CaseHead));
    for (int i = 0; i < c->p.n_slots; i++) {
        const GanSlot *s = &c->p.slot[i];
        if (s->kind != GAN_DATA) array_push(c->a, &value, ((CaseValue){s->elem, (int64_t)s->offset, (int64_t)s->bytes}));
    }
    put(k, value.v, sizeof *value.v * (size_t)value.n);
    put(k, c->state, c->p.state_bytes);
    for (int i = 0; i < c->p.n_slots; i++)
        if (c->p.slot[i].kind == GAN_DATA) put(k, c->slot[i], c->p.slot[i].bytes);
}

static void put_results(const Maker *k, const Case *c, const IrFn *f, uint64_t seed)
{
    CaseValue *value = arena_array(c->a, CaseValue, f->reports.n + 1);
    void     **out = arena_array(c->a, void *, f->reports.n + 1);
    GanError   err = {0};
    for (int i = 0; i < f->reports.n; i++) {
        const IrType *t = &f->reports.v[i].val->type;
        value[i] = (CaseValue){(int64_t)t->elem, 0, interp_type_bytes(c->m, t)};
        out[i] = arena_alloc(c->a, (size_t)value[i].bytes + 1);
    }
    if (interp_fn(c->m, f, &(InterpMemory){.slot = c->slot, .seed = seed}, out, NULL, NULL, &err) != GAN_OK) fail(err.message);
    put(k, value, sizeof *value * (size_t)f->reports.n);
    for (int i = 0; i < f->reports.n; i++) put(k, out[i], (size_t)value[i].bytes);
}

static void make(Maker *k, Arena *a, IrModule *m, uint64_t seed)
{
    Case        c = {.a = a, .m = m};
    NestProgram nests;
    LlvmObjects made;
    MachineCode flat;
    GanError    err = {0};
    char       *prefix = arena_printf(a, "case_%d", k->n++);
    LlvmWanted  w = {.target.machine = k->machine, .prefix = prefix};
    add_slots(&c, seed);
    if (llvm_objects(a, m, &c.p, &w, &nests, &made, &err)) fail(err.message);
    FILE *object = open_file(k, arena_printf(a, "%s.o", prefix));
    fwrite(made.object[0].bytes, 1, made.object[0].size, object);
    if (fclose(object)) fail("an object cannot be written");
    if (flat_lay(a, &made, prefix, &flat, &err)) fail(err.message);
    llvm_objects_free(&made);
    fprintf(k->tables, "CASE(%s)\n", prefix);
    Code code = steps_of(a, &nests, m, &c.p, NULL);
    put_code(k, &code);
    put_machine(k, &flat);
    put_state(k, &c, seed);
    for (int i = 0; i < m->fns.n; i++) put_results(k, &c, m->fns.v[i], seed);
    put(k, c.state, c.p.state_bytes);
}

/* ---- all cases --------------------------------------------------------------------------------------------------- */

static void make_random(Maker *k, uint64_t seed)
{
    Arena    *a = arena_new();
    IrModule *m = ir_random_module(a, (IrRandomOptions){.seed = seed, .n_nodes = 25, .max_elements = 4000});
    if (seed % 2) opt_run_module(m, &(PassOptions){.portable = true});
    make(k, a, m, seed);
    arena_free(a);
}

static void make_file(Maker *k, const char *path)
{
    Arena *a = arena_new();
    Text   text = text_in(a);
    char   why[512], part[4096];
    FILE  *f = fopen(path, "rb");
    if (!f) fail(path);
    for (size_t n; (n = fread(part, 1, sizeof part, f));) text_addn(&text, part, n);
    fclose(f);
    IrModule *m = ir_read_text(a, text_str(&text), text.n, why);
    if (!m) fail(why);
    opt_run_module(m, &(PassOptions){.portable = true});
    make(k, a, m, 1);
    arena_free(a);
}

int main(int argc, char **argv)
{
    if (argc < 4) fail("MACHINE FOLDER RANDOM FILE.ir...");
    Maker k = {.machine = argv[1], .folder = argv[2]};
    k.cases = open_file(&k, "cases.bin");
    k.tables = open_file(&k, "cases.def");
    for (int i = 0; i < atoi(argv[3]); i++) make_random(&k, (uint64_t)i + 1);
    for (int i = 4; i < argc; i++) make_file(&k, argv[i]);
    return fclose(k.cases) || fclose(k.tables);
}
