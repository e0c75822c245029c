/* fn.c - the IR function being built: reads, draws, slots and their initial values. */
#include "compiler/lower/core.h"

IrSpan span_ir(Lower *L, Span at)
{
    const SourceFile *f = source_file(L->sources, at.file);
    if (!f) return (IrSpan){0};
    Place p = source_place(f, at.begin);
    return (IrSpan){at.file - 1, p.line, p.column};
}

Span span_of_node(Lower *L, const IrNode *n)
{
    const SourceFile *f = n && n->span.line ? source_file(L->sources, n->span.file + 1) : NULL;
    if (!f || n->span.line > f->n_lines) return SPAN_NONE;
    uint32_t at = f->line_start[n->span.line - 1] + n->span.col - 1;
    return at < f->n ? (Span){f->id, at, at + 1} : SPAN_NONE;
}

const char *path_join(Lower *L, const char *a, const char *b) { return !*a ? b : !*b ? a : strf(L, "%s.%s", a, b); }

/* ---- beginning and ending */

static const char *unique_fn(Lower *L, const char *name)
{
    const char *n = name;
    for (int i = 2; ir_find_fn(L->m, n); i++) n = strf(L, "%s_%d", name, i);
    return n;
}

Fn *fn_begin(Lower *L, const char *name, IrFnKind kind)
{
    Fn *f = arena_new_of(L->a, Fn);
    f->ir = ir_fn(L->m, unique_fn(L, name), kind);
    f->ir->tick_slot = -1;
    f->b = (IrBuilder){.m = L->m, .block = &f->ir->body};
    f->outer = L->fn;
    L->fn = f;
    return f;
}

static int tick_slot(Lower *L, Fn *f)
{
    if (f->ir->tick_slot < 0) {
        IrType t = ir_scalar(IR_I64);
        f->ir->tick_slot = fn_slot(L, strf(L, "fn.%s.tick", f->ir->name), &t, IR_SLOT_COUNTER, NULL);
    }
    return f->ir->tick_slot;
}

void fn_end(Lower *L)
{
    Fn *f = L->fn;
    if (f->ticks && f->ir->kind != IR_FN_INIT) {
        int slot = tick_slot(L, f);
        IrVal *next = ir_add(&f->b, fn_read(L, slot), ir_const(&f->b, IR_I64, 1));
        ir_commit(L->m, f->ir, slot, next);
    }
    L->fn = f->outer;
}

void fn_drop(Lower *L)
{
    Fn *f = L->fn;
    if (L->m->fns.n && L->m->fns.v[L->m->fns.n - 1] == f->ir) L->m->fns.n--;
    L->fn = f->outer;
}

int fn_index(const Lower *L, const Fn *f)
{
    for (int i = 0; i < L->m->fns.n; i++)
        if (L->m->fns.v[i] == f->ir) return i;
    return -1;
}

bool fn_needed(Ctx *c, Span at)
{
    Lower *L = c->L;
    if (!L->fn) {
        diag_error(L->diags, at, E202,
                   "this must be known when the program is compiled, but has to be computed while it runs");
        return false;
    }
    if (L->m->next_id < MAX_NODES && L->m->axes.n < MAX_AXES) return true;
    if (!L->too_large)
        diag_error(L->diags, at, E107, "the program becomes too large here: more than %d operations or %d sample axes",
                   MAX_NODES, MAX_AXES);
    L->too_large = true;
    return false;
}

bool fn_fits(Ctx *c, Span at)
{
    Lower *L = c->L;
    if (!L->m->too_large[0]) return true;
    if (!L->too_large) diag_error(L->diags, at, E203, "this would not fit in memory (%s)", L->m->too_large);
    L->too_large = true;
    return false;
}

IrBuilder *fn_builder(Ctx *c) { return &c->L->fn->b; }

/* ---- slots */

int fn_slot(Lower *L, const char *path, const IrType *t, IrSlotKind kind, const char *player)
{
    int slot = ir_find_slot(L->m, path);
    return slot >= 0 ? slot : ir_slot(L->m, path, *t, kind, player);
}

static IrVal *committed(const Fn *f, int slot)
{
    for (int i = 0; i < f->ir->commits.n; i++)
        if (f->ir->commits.v[i].slot == slot) return f->ir->commits.v[i].val;
    return NULL;
}

/* Reads stand at the function's entry, so that they are the same value in bodies of loops too. In INIT a slot that has just
 * been given its value is that value. */
IrVal *fn_read(Lower *L, int slot)
{
    Fn *f = L->fn;
    IrVal *v = f == L->init ? committed(f, slot) : NULL;
    if (v) return v;
    for (int i = 0; i < f->reads.n; i++)
        if (f->reads.v[i].slot == slot) return f->reads.v[i].v;
    IrBuilder b = {.m = L->m, .block = &f->ir->body, .before = f->ir->body.first, .span = f->b.span};
    v = ir_read(&b, slot);
    array_push(L->a, &f->reads, ((__typeof__(*f->reads.v)){slot, v}));
    return v;
}

Fn *fn_enter_init(Lower *L)
{
    Fn *before = L->fn;
    L->fn = L->init;
    return before;
}

void fn_leave_init(Lower *L, Fn *before) { L->fn = before; }

void fn_initialise(Lower *L, int slot, IrVal *v)
{
    Fn *before = fn_enter_init(L);
    IrType want = L->m->slots.v[slot].type;
    v = arith_convert(&(Ctx){.L = L}, v, want.elem);
    if (want.rank && !v->type.rank) v = ir_fill(&L->fn->b, v, ir_dims_of(&want));
    ir_commit(L->m, L->init->ir, slot, v);
    fn_leave_init(L, before);
}

/* ---- draws */

IrVal *fn_tick(Lower *L)
{
    Fn *f = L->fn;
    f->ticks = true;
    if (f->ir->kind == IR_FN_INIT) return ir_const(&f->b, IR_I64, 0);
    return fn_read(L, tick_slot(L, f));
}

static bool taken(const Fn *f, const char *name)
{
    for (int i = 0; i < f->streams.n; i++)
        if (!strcmp(f->streams.v[i], name)) return true;
    return false;
}

int fn_stream(Ctx *c, const char *name)
{
    Lower *L = c->L;
    Fn *f = L->fn;
    const char *base = path_join(L, f->ir->name, path_join(L, c->path, name)), *path = base;
    for (int i = 2; taken(f, path); i++) path = strf(L, "%s_%d", base, i);
    array_push(L->a, &f->streams, path);
    f->ticks = true;
    if (f->ir->kind != IR_FN_INIT) tick_slot(L, f);
    return ir_stream(L->m, path);
}

void fn_draws_from(Lower *L, const char *name)
{
    Fn *f = L->fn;
    if (!f || !name) return;
    for (int i = 0; i < f->draws.n; i++)
        if (!strcmp(f->draws.v[i], name)) return;
    array_push(L->a, &f->draws, name);
}
