/* graph.c - see graph.h: parts, versions, the environment, control; slots and their initial values; draws. */
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"

#include <limits.h>

/* A body is lowered as often as it is applied, and each time has the same places. */
static IrSpan place_ir(Lower *L, const SourceFile *f, Span at)
{
    SeenPlace *seen = &L->place[(at.begin + 97 * f->id) % SEEN_PLACES];
    if (seen->file != f->id || seen->begin != at.begin) {
        Place p = source_place(f, at.begin);
        *seen = (SeenPlace){f->id, at.begin, {.file = p.file->id - 1, .line = p.line, .col = p.column}};
    }
    return seen->is;
}

/* 1 + its number among the module's places. Nodes are made in the order of the text: most have the place of the one before. */
static uint32_t used_ir(Lower *L, const SourceFile *f, Span at)
{
    IrSpan   here = place_ir(L, f, at);
    unsigned n = (unsigned)L->m->places.n;
    IrSpan  *last = n ? &L->m->places.v[n - 1] : NULL;
    if (last && last->file == here.file && last->line == here.line && last->col == here.col) return n;
    array_push(L->m->arena, &L->m->places, here);
    return n + 1;
}

IrSpan span_ir(Lower *L, Span at)
{
    const SourceFile *f = source_file(L->sources, at.file);
    if (!f) return (IrSpan){0};
    IrSpan            s = place_ir(L, f, at);
    const SourceFile *by = f->library ? source_file(L->sources, diags_use(L->diags).file) : NULL;
    if (by && !by->library) s.used = used_ir(L, by, diags_use(L->diags));
    return s;
}

const char *text_of_source(Lower *L, Span at)
{
    const SourceFile *f = source_file(L->sources, at.file);
    return f && at.end <= f->n ? arena_strn(L->a, f->text + at.begin, at.end - at.begin) : "";
}

Span span_of_node(Lower *L, const IrNode *n)
{
    const SourceFile *f = n && n->span.line ? source_file(L->sources, n->span.file + 1) : NULL;
    if (!f || n->span.line > f->n_lines) return SPAN_NONE;
    uint32_t at = f->line_start[n->span.line - 1] + n->span.col - 1;
    return at < f->n ? (Span){f->id, at, at + 1} : SPAN_NONE;
}

const char *path_join(Lower *L, const char *a, const char *b) { return !*a ? b : !*b ? a : arena_join(L->a, a, ".", b); }

/* ---- slots in lists --------------------------------------------------------------------------------------------- */

static struct SlotPlace *slot_place(const SlotPlaces *t, int slot)
{
    unsigned at = (unsigned)slot * 2654435769u >> 7;
    while (t->at[at & (unsigned)(t->cap - 1)].place && t->at[at & (unsigned)(t->cap - 1)].slot != slot) at++;
    return &t->at[at & (unsigned)(t->cap - 1)];
}

/* -1: it is not in the list. */
static int places_get(const SlotPlaces *t, int slot) { return t->cap ? slot_place(t, slot)->place - 1 : -1; }

static void places_put(Lower *L, SlotPlaces *t, int slot, int place)
{
    if (2 * t->n >= t->cap) {
        SlotPlaces old = *t;
        t->cap = old.cap ? 2 * old.cap : 16;
        t->at = arena_array(L->work, struct SlotPlace, t->cap);
        for (int i = 0; i < old.cap; i++)
            if (old.at[i].place) *slot_place(t, old.at[i].slot) = old.at[i];
    }
    *slot_place(t, slot) = (struct SlotPlace){slot, place + 1};
    t->n++;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

static void enter(Lower *L, Part *p)
{
    L->part = p;
    array_push(L->work, &L->g->spans, ((__typeof__(*L->g->spans.v)){L->m->next_id, p}));
}

Part *part_begin(Lower *L, const char *name, IrFnKind kind, Span at)
{
    Part *p = arena_new_of(L->work, Part);
    p->name = names_unique(&L->fn_names, name);
    p->kind = kind;
    p->number = L->g->parts.n;
    p->at = at;
    p->arm = arm_now(L);
    p->tick_slot = p->fn = -1;
    p->inside = L->inside > 0;
    array_push(L->work, &L->g->parts, p);
    L->fn = L->graph;
    L->graph->streams.n = L->graph->shuffles.n = L->graph->shuffles_next = 0;
    enter(L, p);
    return p;
}

void part_end(Lower *L)
{
    L->part = NULL;
    L->fn = NULL;
}

void part_back(Lower *L, Part *p)
{
    L->fn = L->graph;
    enter(L, p);
}

void part_drop(Lower *L)
{
    L->part->dropped = true;
    if (L->part->tick_slot < 0) names_forget(&L->fn_names, L->part->name);
    part_end(L);
}

void part_report(Lower *L, const char *name, IrVal *v) { array_push(L->work, &L->part->reports, ((IrReport){.name = name, .val = v})); }

void part_run_by(Lower *L, Part *p, GanSchedule *n)
{
    array_push(L->work, &p->nodes, n);
    for (int i = L->stands.n; i-- > 0;)                     /* others may have begun within it */
        if (L->stands.v[i].node == n) {
            L->stands.v[i].part = p->number;
            break;
        }
}


_Noreturn static void missing(const Lower *L, const Part *p, const char *what)
{
    const SourceFile *f = source_file(L->sources, p->at.file);
    Place at = f ? source_place(f, p->at.begin) : (Place){0};
    BUG("%s, at %s:%u:%u: %s has no value, and no error says why", p->name, f ? f->name : "?", at.line, at.column, what);
}

/* A call may be of nothing, like that of a let of numbers; whoever waits for a result, and an update, are not. */
static bool must_do(const Part *p)
{
    bool must = p->kind == IR_FN_UPDATE && p->nodes.n;
    for (int i = 0; i < p->nodes.n; i++) must = must || p->nodes.v[i]->kind != GAN_CALL;
    return must && !p->dropped;
}

void part_check(const Lower *L, const Part *p)
{
    if (must_do(p) && !p->reports.n && !p->commits.n) missing(L, p, "the result");
    for (int i = 0; i < p->reports.n; i++)
        if (!p->reports.v[i].val) missing(L, p, p->reports.v[i].name);
    for (int i = 0; i < p->commits.n; i++)
        if (!p->commits.v[i].val) missing(L, p, L->m->slots.v[p->commits.v[i].slot].path);
    for (int i = 0; i < p->keeps.n; i++)
        if (!p->keeps.v[i].v) missing(L, p, L->m->slots.v[p->keeps.v[i].slot].path);
}

/* Whose draws are in the body? NULL: there are none, or INIT's. */
static Part *drawer(const Lower *L, const IrBlock *body)
{
    Part *p = NULL;
    for (const IrNode *n = body->first; n && !p; n = n->next) {
        int stream = ir_op_info[n->op].klass == IR_CLASS_RAND ? n->attr->stream : -1;
        if (stream >= 0 && stream < L->g->stream_part.n) p = L->g->stream_part.v[stream];
        for (int k = 0; k < n->n_bodies && !p; k++) p = drawer(L, n->body[k]);
    }
    return p;
}

/* A derivative takes the draws of a loop in a loop that does nothing else, and has no operands: it is of the part that draws them. */
static Part *lifted(const Lower *L, const IrVal *v)
{
    const IrNode *n = v->def;
    return n && n->n_bodies && !n->n_args ? drawer(L, n->body[0]) : NULL;
}

Part *part_of(const Lower *L, const IrVal *v)
{
    if (v->id < L->g->n_home && L->g->home[v->id]) return L->g->home[v->id];
    Part *draws = lifted(L, v);
    if (draws) return draws;
    if (v->id >= L->g->remade_from && v->id < L->g->remade_until) return L->g->remade[v->id - L->g->remade_from];
    int lo = 0, hi = L->g->spans.n;                         /* the last span that begins at or before it */
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (L->g->spans.v[mid].from <= v->id) lo = mid + 1;
        else hi = mid;
    }
    return lo ? L->g->spans.v[lo - 1].part : NULL;
}

/* Sample axes first, as values lie in memory. */
static IrType kept_type(const Lower *L, const IrVal *v)
{
    IrType t = {.elem = v->type.elem};
    for (int i = 0; i < v->type.axes.n; i++) t.dim[t.rank++] = ir_extent(L->m, v->type.axes.id[i]);
    for (int i = 0; i < v->type.rank; i++) t.dim[t.rank++] = v->type.dim[i];
    return t;
}

int part_keep(Lower *L, Part *p, IrVal *v, const char *path, IrSlotKind kind)
{
    int slot = slot_new(L, path, kept_type(L, v), kind, NULL);
    array_push(L->work, &p->keeps, ((Keep){v, v, slot, false}));
    return slot;
}

bool part_keep_as(Ctx *c, IrVal *v, const char *path, Span at)
{
    Lower *L = c->L;
    Version *w = version_of(L, v);
    const Hidden *h = w ? version_hidden(w, L->part->number) : NULL;
    Part *p = !w ? part_of(L, v) : !h ? L->part : w->made ? w->made : h->keeper;     /* who makes it, or still has it, keeps it */
    if (w && w->kept) return true;
    if (w) w->kept = true;
    if (v->type.rank + v->type.axes.n > IR_MAX_RANK) {
        Diag *d = diag_error(L->diags, at, E205, "what another statement may use has at most %d dimensions and sample axes together, and this has more", IR_MAX_RANK);
        diag_hint(d, "a def computes it where it is used");
        return false;
    }
    for (int i = 0; i < p->keeps.n; i++)
        if (p->keeps.v[i].v == v) return true;
    part_keep(L, p, v, path, IR_SLOT_STATE);
    return true;
}

bool fn_needed(Ctx *c, Span at)
{
    Lower *L = c->L;
    if (!L->fn) {
        Diag *d = diag_error(L->diags, at, E202, "this must be known when the program is compiled, but has to be computed while it runs");
        diag_hint(d, "let v = .. before it gives it a name, and v is computed where it is used");
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

/* ---- trials ----------------------------------------------------------------------------------------------------- */

Fn *graph_new(Lower *L, IrFn *ir)
{
    Fn *f = arena_new_of(L->work, Fn);
    f->ir = ir;
    f->b = (IrBuilder){.m = L->m, .block = &ir->body};
    return f;
}

Trial trial_begin(Lower *L, bool quiet)
{
    Trial t = {L->fn, L->part, L->diags, L->too_deep, L->too_large};
    IrFn *ir = arena_new_of(L->work, IrFn);
    ir->name = "trial";
    L->fn = graph_new(L, ir);
    L->trials += quiet;
    if (quiet) L->diags = diags_new(L->sources);
    return t;
}

void trial_end(Lower *L, const Trial *t)
{
    fn_forget_streams(L, 0);
    L->fn = t->fn;
    L->trials -= L->diags != t->diags;
    if (L->diags != t->diags) L->too_deep = t->too_deep, L->too_large = t->too_large;
    L->diags = t->diags;
}

/* ---- versions --------------------------------------------------------------------------------------------------- */

static void version_new(Lower *L, IrVal *v, int slot, Part *made)
{
    Graph *g = L->g;
    Version *n = arena_new_of(L->work, Version);
    *n = (Version){.v = v, .slot = slot, .made = made};
    array_push(L->work, &g->versions, n);
    if (v->id >= g->n_version_at) {
        uint32_t more = 2 * v->id + 64;
        int *at = arena_array(L->work, int, more);
        if (g->n_version_at) memcpy(at, g->version_at, sizeof *at * g->n_version_at);
        g->version_at = at;
        g->n_version_at = more;
    }
    g->version_at[v->id] = g->versions.n;
}

Version *version_of(const Lower *L, const IrVal *v)
{
    const Graph *g = L->g;
    return v->id < g->n_version_at && g->version_at[v->id] ? g->versions.v[g->version_at[v->id] - 1] : NULL;
}

const Hidden *version_hidden(const Version *v, int part)
{
    for (int i = 0; i < v->hidden.n; i++)
        if (v->hidden.v[i].from < part && part <= v->hidden.v[i].until) return &v->hidden.v[i];
    return NULL;
}

/* From the part after `from` on, the slot has another value. */
static void hide(Lower *L, IrVal *old, int from, Part *keeper, Span at)
{
    Version *v = old ? version_of(L, old) : NULL;
    if (!v) return;
    array_push(L->work, &v->hidden, ((Hidden){from, INT_MAX, keeper, at}));
    array_push(L->work, &L->g->hiding, ((__typeof__(*L->g->hiding.v)){v, v->hidden.n - 1}));
}

/* ---- the environment -------------------------------------------------------------------------------------------- */

static IrVal **env_at(Lower *L, Env *e, int slot)
{
    if (slot >= e->n) {
        int more = 2 * slot + 64;
        IrVal **v = arena_array(L->work, IrVal *, more);
        if (e->n) memcpy(v, e->v, sizeof *v * (size_t)e->n);
        *e = (Env){v, more};
    }
    return &e->v[slot];
}

/* NULL: nothing that is being looked ahead at has set the slot. */
static IrVal *ahead_value(const Lower *L, int slot)
{
    for (const Ahead *a = L->g->ahead; a; a = a->up)
        if (slot < a->env.n && a->env.v[slot]) return a->env.v[slot];
    return NULL;
}

/* Reads stand at the graph's beginning, so that they can be used in bodies of loops too: where a read is the slot's value is its version's affair. */
IrVal *fn_read(Lower *L, int slot)
{
    Fn *f = L->fn;
    IrVal **at = env_at(L, &f->env, slot), *set = f == L->graph ? ahead_value(L, slot) : NULL;
    if (set) return set;
    if (*at) return *at;
    IrBuilder b = {.m = L->m, .block = &f->ir->body, .before = f->ir->body.first, .span = f->b.span};
    *at = ir_read(&b, slot);
    if (f == L->graph) version_new(L, *at, slot, NULL);
    return *at;
}

const Carried *fn_carried(const Fn *f, const IrVal *v)
{
    if (v->def) return NULL;
    for (int i = f->carried.n; i-- > 0;)
        if (f->carried.v[i].param == v) return &f->carried.v[i];
    return NULL;
}

static void mark_changed(Lower *L, int slot)
{
    while (L->g->changed.n <= slot) array_push(L->work, &L->g->changed, false);
    L->g->changed.v[slot] = true;
    array_push(L->work, &L->g->sets, slot);
}

bool slots_changed(const Lower *L, int slot) { return slot < L->g->changed.n && L->g->changed.v[slot]; }

/* A node of the slot's own. */
static IrVal *slot_value(Lower *L, int slot, IrVal *v)
{
    IrAttrs of_slot = ir_attrs();
    of_slot.slot = slot;
    IrVal *own = ir_node(&L->graph->b, IR_stop, &v, 1, &of_slot)->result;
    version_new(L, own, slot, L->part);
    return own;
}

static void ahead_set(Lower *L, Ahead *a, int slot, IrVal *v, Span at)
{
    IrVal *own = slot_value(L, slot, v);
    Version *made = version_of(L, own);
    made->at = at;
    *env_at(L, &a->env, slot) = own;
    array_push(L->work, &a->made, made);
}

void env_set(Lower *L, int slot, IrVal *v, Span at)
{
    Part *p = L->part;
    if (L->g->ahead) return ahead_set(L, L->g->ahead, slot, v, at);
    IrVal **now = env_at(L, &L->graph->env, slot);
    hide(L, *now, p->number, p, at);
    *now = slot_value(L, slot, v);
    mark_changed(L, slot);
    int at_commit = places_get(&p->commit_at, slot);
    if (at_commit >= 0) {
        p->commits.v[at_commit].val = *now;
        return;
    }
    places_put(L, &p->commit_at, slot, p->commits.n);
    array_push(L->work, &p->commits, ((IrCommit){slot, *now}));
}

void changes_put(Lower *L, Changes *to, int slot, IrVal *v)
{
    int at = places_get(&to->at, slot);
    if (at >= 0) {
        to->list.v[at].v = v;
        return;
    }
    places_put(L, &to->at, slot, to->list.n);
    array_push(L->work, &to->list, ((Change){slot, v}));
}

IrVal *changes_get(const Changes *c, int slot)
{
    int at = places_get(&c->at, slot);
    return at >= 0 ? c->list.v[at].v : NULL;
}

void changes_set(Lower *L, const Changes *c, Span at)
{
    for (int i = 0; i < c->list.n; i++) env_set(L, c->list.v[i].slot, c->list.v[i].v, at);
}

/* ---- looking ahead ---------------------------------------------------------------------------------------------- */

void ahead_begin(Lower *L, Ahead *a)
{
    *a = (Ahead){.up = L->g->ahead, .block = L->graph->b.block};
    L->g->ahead = a;
}

Ahead *ahead_leave(Lower *L)
{
    Ahead *a = L->g->ahead;
    L->g->ahead = a->up;
    return a;
}

void ahead_return(Lower *L, Ahead *a) { L->g->ahead = a; }

/* The values stay, as nodes that a derivative goes through, so that whoever has got hold of one has a value. */
void ahead_end(Lower *L)
{
    const Ahead *a = ahead_leave(L);
    for (int i = 0; i < a->made.n; i++) {
        const IrVal *v = a->made.v[i]->v;
        IrAttrs same = ir_attrs();
        same.dims = ir_dims_of(&v->type);
        v->def->op = IR_reshape;
        ir_set_attrs(L->m, v->def, &same);
        L->g->version_at[v->id] = 0;
    }
}

/* Of those in the block at hand: a value of the body of a loop is none outside of it. */
static Ahead *outermost(const Lower *L)
{
    Ahead *a = L->g->ahead;
    while (a->up && a->up->block == a->block) a = a->up;
    return a;
}

bool ahead_begins(Lower *L, const void *instance)
{
    for (const Ahead *a = L->g->ahead; a; a = a->up)
        for (int i = 0; i < a->begun.n; i++)
            if (a->begun.v[i] == instance) return false;
    array_push(L->work, &outermost(L)->begun, instance);
    return true;
}

void ahead_first(Lower *L, int slot, IrVal *v) { ahead_set(L, outermost(L), slot, v, SPAN_NONE); }

/* ---- control ---------------------------------------------------------------------------------------------------- */

int arm_now(const Lower *L) { return L->g->arms.n ? L->g->arms.v[L->g->arms.n - 1] : 0; }

int control_new(Lower *L) { return ++L->g->n_controls; }

Arm arm_begin(Lower *L, int control, bool repeats)
{
    Graph *g = L->g;
    array_push(L->work, &g->all_arms, ((__typeof__(*g->all_arms.v)){arm_now(L), control, repeats}));
    Arm a = {.hidden = g->hiding.n, .sets = g->sets.n, .id = g->all_arms.n};
    a.entry = (Env){arena_array(L->work, IrVal *, L->graph->env.n + 1), L->graph->env.n};
    if (a.entry.n) memcpy(a.entry.v, L->graph->env.v, sizeof *a.entry.v * (size_t)a.entry.n);
    array_push(L->work, &g->arms, a.id);
    return a;
}

/* Inside of an arm a version may have been hidden: behind its end it is not. Reads of slots that it did not set are as good behind it. */
void arm_end(Lower *L, const Arm *a, Slots *changed)
{
    Graph *g = L->g;
    Fn *f = L->graph;
    for (int i = a->hidden; i < g->hiding.n; i++) {
        Hidden *h = &g->hiding.v[i].v->hidden.v[g->hiding.v[i].i];
        if (h->until == INT_MAX) h->until = g->parts.n - 1;
    }
    g->hiding.n = a->hidden;
    bool *set = arena_array(L->work, bool, L->m->slots.n + 1), *listed = arena_array(L->work, bool, L->m->slots.n + 1);
    for (int i = 0; i < changed->v.n; i++) listed[changed->v.v[i]] = true;
    for (int i = a->sets; i < g->sets.n; i++) {
        int slot = g->sets.v[i];
        if (!set[slot] && !listed[slot]) array_push(L->work, &changed->v, slot);
        set[slot] = true;
    }
    for (int i = 0; i < f->env.n && i < L->m->slots.n; i++) {
        IrVal *before = i < a->entry.n ? a->entry.v[i] : NULL;
        if (set[i] || before) f->env.v[i] = before;
    }
    g->arms.n--;
}

bool arm_holds(const Lower *L, int arm)
{
    for (int i = 0; i < L->g->arms.n; i++)
        if (L->g->arms.v[i] == arm) return true;
    return !arm;
}

bool arm_repeats(const Lower *L, int arm)
{
    const Graph *g = L->g;
    while (!arm_holds(L, arm)) arm = g->all_arms.v[arm - 1].outer;
    for (int i = g->arms.n - 1; i >= 0 && g->arms.v[i] != arm; i--)
        if (g->all_arms.v[g->arms.v[i] - 1].repeats) return true;
    return false;
}

bool arm_excludes(const Lower *L, int arm)
{
    const Graph *g = L->g;
    for (; arm; arm = g->all_arms.v[arm - 1].outer)
        for (int i = 0; i < g->arms.n; i++)
            if (g->arms.v[i] != arm && g->all_arms.v[g->arms.v[i] - 1].control == g->all_arms.v[arm - 1].control) return true;
    return false;
}

Part *control_begin(Ctx *c, Span at)
{
    Part *p = part_begin(c->L, "keep", IR_FN_STATE, at);
    part_end(c->L);
    return p;
}

void control_changes(Lower *L, const Slots *changed, Part *before, Span at)
{
    for (int i = 0; i < changed->v.n; i++) {
        int slot = changed->v.v[i];
        IrVal **now = env_at(L, &L->graph->env, slot);
        hide(L, *now, L->g->parts.n - 1, before, at);
        *now = NULL;
        mark_changed(L, slot);
    }
}

/* ---- slots and their initial values ----------------------------------------------------------------------------- */

Fn *fn_enter_init(Lower *L)
{
    Fn *before = L->fn;
    L->fn = L->init;
    return before;
}

void fn_leave_init(Lower *L, Fn *before) { L->fn = before; }

/* In INIT a slot that has just been given its value is that value. */
void fn_initialise(Lower *L, int slot, IrVal *v)
{
    Fn *before = fn_enter_init(L);
    IrType want = L->m->slots.v[slot].type;
    v = ir_is_const(v, NULL) && ir_is_real(want.elem) ? ir_const(&L->fn->b, want.elem, v->def->attr->value) : ir_convert(&L->fn->b, v, want.elem);
    if (want.rank && !v->type.rank) v = ir_fill(&L->fn->b, v, ir_dims_of(&want));
    ir_commit(L->m, L->init->ir, slot, v);
    *env_at(L, &L->init->env, slot) = v;
    fn_leave_init(L, before);
}

/* ---- draws ------------------------------------------------------------------------------------------------------ */

static int tick_slot(Lower *L)
{
    Part *p = L->part;
    if (p->tick_slot < 0) p->tick_slot = slot_new(L, strf(L, "fn.%s.tick", p->name), ir_scalar(IR_I64), IR_SLOT_COUNTER, NULL);
    return p->tick_slot;
}

/* How often this part has been executed: its own counter, which nothing else reads or changes. */
IrVal *fn_tick(Lower *L)
{
    Fn *f = L->fn;
    if (f != L->graph) return ir_const(&f->b, IR_I64, 0);
    IrVal *tick = fn_read(L, tick_slot(L));
    version_of(L, tick)->tick = L->part;
    return tick;
}

int fn_stream(Ctx *c, const char *name)
{
    Lower *L = c->L;
    Fn *f = L->fn;
    const char *place = f == L->graph ? L->part->name : f->ir->name;
    const char *path = names_unique(&L->stream_names, path_join(L, place, path_join(L, c->path, name)));
    array_push(L->work, &f->streams, path);
    int stream = ir_stream(L->m, path);
    while (L->g->stream_part.n <= stream) array_push(L->work, &L->g->stream_part, (Part *)NULL);
    if (f == L->graph) {
        tick_slot(L);
        L->g->stream_part.v[stream] = L->part;
    }
    return stream;
}

int fn_shuffle(Ctx *c)
{
    Lower *L = c->L;
    Fn *f = L->fn;
    const char *path = path_join(L, c->path, "shuffle");
    for (int i = f->shuffles_next; i < f->shuffles.n; i++)
        if (!strcmp(f->shuffles.v[i].path, path)) return f->shuffles_next = i + 1, f->shuffles.v[i].stream;
    array_push(L->work, &f->shuffles, ((Shuffle){path, fn_stream(c, "shuffle")}));
    f->shuffles_next = f->shuffles.n;
    return f->shuffles.v[f->shuffles.n - 1].stream;
}

ShuffleMark fn_shuffles(const Lower *L) { return (ShuffleMark){L->fn->shuffles.n, L->fn->shuffles_next}; }

void fn_round(Lower *L, ShuffleMark before, IrVal *index, int64_t rounds)
{
    L->fn->shuffles_next = before.next;
    array_push(L->a, &L->fn->loops, ((__typeof__(*L->fn->loops.v)){index, rounds}));
}

void fn_round_end(Lower *L) { L->fn->loops.n--; }

void fn_rounds_end(Lower *L, ShuffleMark before)
{
    if (before.next == before.n) L->fn->shuffles_next = L->fn->shuffles.n;
}

void fn_shuffles_back(Lower *L, ShuffleMark m)
{
    L->fn->shuffles.n = m.n;
    L->fn->shuffles_next = m.next;
}

void fn_forget_streams(Lower *L, int n)
{
    Fn *f = L->fn;
    while (f->streams.n > n) names_forget(&L->stream_names, f->streams.v[--f->streams.n]);
}

void fn_draws_from(Lower *L, const char *name)
{
    Part *p = L->part;
    if (!p || L->fn != L->graph || !name) return;
    for (int i = 0; i < p->draws.n; i++)
        if (!strcmp(p->draws.v[i], name)) return;
    array_push(L->work, &p->draws, name);
}

IrVal *fn_opaque(Ctx *c, IrType t)
{
    Lower *L = c->L;
    IrBuilder *b = fn_builder(c);
    int stream = fn_stream(c, "opaque");
    IrElem elem = t.elem;
    bool real = ir_is_real(elem) || elem == IR_BOOL;
    t.elem = real ? L->m->real : IR_I32;
    IrVal *v = real ? ir_normal(b, stream, t) : ir_randint(b, stream, INT32_MAX, t);
    return elem == IR_BOOL ? ir_compare(b, IR_GT, v, ir_const_like(b, v, 0)) : ir_convert(b, v, elem);
}

IrVal *fn_given(Ctx *c, IrType t)
{
    IrVal *v = fn_opaque(c, t);
    array_push(c->L->work, &c->L->fn->given, v);
    return v;
}

/* The same value as a node of its own: only what is computed from this one depends on it. */
IrVal *diff_leaf(Ctx *c, IrVal *v)
{
    IrAttrs a = ir_attrs();
    a.dims = ir_dims_of(&v->type);
    return ir_node(fn_builder(c), IR_reshape, &v, 1, &a)->result;
}

/* ---- slopes: a gradient depends on all of what it is the gradient of, also where its value does not ---------------- */

IrVal *graph_slope_of(const Lower *L, const IrVal *v)
{
    for (int lo = 0, hi = L->g->slopes.n; lo < hi;) {       /* in order of the values' numbers */
        int mid = (lo + hi) / 2;
        if (L->g->slopes.v[mid].slope == v) return L->g->slopes.v[mid].of;
        if (L->g->slopes.v[mid].slope->id < v->id) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

IrVal *graph_slope(Ctx *c, IrVal *slope, IrVal *of)
{
    Lower *L = c->L;
    if (!L->pendings.n || L->fn != L->graph) return slope;  /* nobody will ask */
    IrVal *own = diff_leaf(c, slope);
    array_push(L->work, &L->g->slopes, ((__typeof__(*L->g->slopes.v)){own, of}));
    return own;
}

/* ---- what a value is made of ------------------------------------------------------------------------------------ */

typedef struct Walk {
    Lower *L;
    Arena *scratch;
    bool  *seen;
    ARRAY(IrVal *) todo;
} Walk;

static Walk walk_begin(Lower *L, IrVal *const *v, int n, Arena *scratch)
{
    Walk w = {.L = L, .scratch = scratch, .seen = arena_array(scratch, bool, L->m->next_id + 1)};
    for (int i = 0; i < n; i++)
        if (v[i]) array_push(scratch, &w.todo, v[i]);
    return w;
}

static IrVal *walk_next(Walk *w)
{
    while (w->todo.n) {
        IrVal *v = w->todo.v[--w->todo.n];
        if (w->seen[v->id]) continue;
        w->seen[v->id] = true;
        return v;
    }
    return NULL;
}

const bool *graph_behind(Lower *L, IrVal *const *v, int n, Arena *scratch)
{
    Walk w = walk_begin(L, v, n, scratch);
    for (IrVal *x; (x = walk_next(&w));) {
        IrVal *of = graph_slope_of(L, x);
        if (of) array_push(scratch, &w.todo, of);
        for (int i = 0; x->def && !version_of(L, x) && i < x->def->n_args; i++) array_push(scratch, &w.todo, x->def->arg[i]);
    }
    return w.seen;
}

typedef struct Derived { IrVal *slope, *of; } Derived;

void graph_derived(Lower *L, IrVal *slope, IrVal *of)
{
    Graph *g = L->g;
    if (L->guess || L->fn != L->graph || ir_is_const(slope, NULL)) return;
    if (slope->id >= g->n_derived) {
        uint32_t more = 2 * slope->id + 64;
        Derived *all = arena_array(L->work, Derived, more);
        if (g->n_derived) memcpy(all, g->derived, sizeof *all * g->n_derived);
        g->derived = all;
        g->n_derived = more;
    }
    g->derived[slope->id] = (Derived){slope, of};
}

/* All that is in the walk and behind it; what it has derivatives of is added to `of`. */
static void walk_derived(Walk *w, Walk *of)
{
    const Graph *g = w->L->g;
    for (IrVal *x; (x = walk_next(w));) {
        if (x->id < g->n_derived && g->derived[x->id].slope == x) array_push(w->scratch, &of->todo, g->derived[x->id].of);
        const IrNode *n = version_of(w->L, x) ? NULL : x->param_of ? x->param_of->owner : x->def;
        for (int i = 0; n && i < n->n_args; i++) array_push(w->scratch, &w->todo, n->arg[i]);
        for (int k = 0; n && k < n->n_bodies; k++)
            for (int i = 0; i < n->body[k]->n_yields; i++) array_push(w->scratch, &w->todo, n->body[k]->yield[i]);
    }
}

const bool *graph_behind_derived(Lower *L, IrVal *v, Arena *scratch)
{
    Walk w = walk_begin(L, &v, 1, scratch), of = walk_begin(L, NULL, 0, scratch);
    walk_derived(&w, &of);
    walk_derived(&of, &of);
    return of.seen;
}

/* ---- loops that draw, made again by another part than theirs ------------------------------------------------------ */

static void take_home(Lower *L, const IrNode *n, Part *p, uint32_t from)
{
    Graph *g = L->g;
    if (n->result[0].id < g->n_home && g->home[n->result[0].id] == p) return;
    if (L->m->next_id > g->n_home) {
        uint32_t more = 2 * L->m->next_id;
        Part **home = arena_array(L->work, Part *, more);
        if (g->n_home) memcpy(home, g->home, sizeof *home * g->n_home);
        g->home = home;
        g->n_home = more;
    }
    for (int r = 0; r < n->n_results; r++) g->home[n->result[r].id] = p;
    for (int i = 0; i < n->n_args; i++)
        if (n->arg[i]->def && n->arg[i]->id >= from) take_home(L, n->arg[i]->def, p, from);
}

void graph_loop_home(Lower *L, const IrNode *n, uint32_t from)
{
    Part *p = n->n_bodies && n->n_args ? drawer(L, n->body[0]) : NULL;
    if (p && p != part_of(L, n->result)) take_home(L, n, p, from);
}

void graph_loops_home(Lower *L, IrVal *v, uint32_t from)
{
    Arena *scratch = arena_new();
    Walk w = walk_begin(L, &v, 1, scratch);
    for (IrVal *x; (x = walk_next(&w));) {
        if (!x->def || x->id < from) continue;
        graph_loop_home(L, x->def, from);
        for (int i = 0; i < x->def->n_args; i++) array_push(scratch, &w.todo, x->def->arg[i]);
    }
    arena_free(scratch);
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

/* The name of what has the slot; NULL: none of these. */
static const char *is_of(const Lower *L, int slot, const By *by)
{
    const IrSlot *s = &L->m->slots.v[slot];
    for (int i = 0; s->kind == IR_SLOT_PARAM && i < by->n_players; i++)
        if (by->player[i] == slot_owner(L, slot)) return by->player[i]->name;
    for (int i = 0; i < by->n_states; i++)
        if (by->state[i] == slot) return s->path;
    return NULL;
}

/* Where what is of that version was computed: by a statement before; else it is that version, which one that has bound it has given; else here. */
static void note_where(Ctx *c, Diag *d, const Version *old, const IrNode *user, const char *name)
{
    enum { NOTES_MOST = 3 };
    const Part *in = user->n_results ? part_of(c->L, &user->result[0]) : NULL;
    bool before = in && in != c->L->part;
    if (before || !old->bound.n) diag_note(d, before ? in->at : span_of_node(c->L, user), "computed here, with %s as it was then", name);
    for (int i = 0; !before && i < old->bound.n && i < NOTES_MOST; i++) diag_note(d, old->bound.v[i], "computed here, with %s as it was then", name);
}

static void too_old(Ctx *c, const Version *old, const IrNode *user, const char *name, const By *by, Span at)
{
    const Hidden *h = version_hidden(old, c->L->part->number);
    Diag *d = diag_error(c->L->diags, at, E308, "this depends on %s as it was before it was updated, so it has no gradient by what %s is now", name, name);
    note_where(c, d, old, user, name);
    const Version *now = version_of(c->L, fn_read(c->L, old->slot));
    Span updated = h ? h->at : now ? now->at : SPAN_NONE;
    if (updated.file) diag_note(d, updated, "%s is updated here", name);
    bool state = c->L->m->slots.v[old->slot].kind == IR_SLOT_STATE;
    if (c->L->g->ahead || by->ahead) diag_hint(d, "a let keeps its value; what a loss, a member or a def says is computed anew where it is used, or write stop(..) around the older value");
    else diag_hint(d, "%smove the line, or write stop(..) around the older value", state ? "" : "put the updates into simultaneous { }, ");
}

/* Whose older value v is; NULL: nobody's of these. */
static const char *outdated(Lower *L, const IrVal *v, const By *by)
{
    const Version *old = version_of(L, v);
    return old && (by->ahead || fn_read(L, old->slot) != old->v) ? is_of(L, old->slot, by) : NULL;
}

static void add_player(By *to, Player *p)
{
    for (int i = 0; i < to->n_players; i++)
        if (to->player[i] == p) return;
    to->player[to->n_players++] = p;
}

By by_values(Lower *L, IrVal *const *v, int n, Player *const *players, int n_players)
{
    By by = {arena_array(L->work, Player *, n + n_players + 1), 0, arena_array(L->work, int, n + 1), 0, false};
    for (int i = 0; i < n_players; i++) add_player(&by, players[i]);
    for (int i = 0; i < n; i++) {
        const Version *of = version_of(L, v[i]);
        IrSlotKind kind = of ? L->m->slots.v[of->slot].kind : IR_SLOT_DATA;
        if (kind == IR_SLOT_PARAM && slot_owner(L, of->slot)) add_player(&by, slot_owner(L, of->slot));
        if (kind == IR_SLOT_STATE) by.state[by.n_states++] = of->slot;
    }
    return by;
}

static void push_real(Walk *w, IrVal *v)
{
    if (ir_is_real(v->type.elem)) array_push(w->scratch, &w->todo, v);
}

/* Into the bodies of loops and branches, and out of them: what stops there inside is not behind the whole. */
static void push_bodies(Walk *w, const IrVal *x)
{
    const IrNode *owner = x->param_of ? x->param_of->owner : NULL, *d = x->def;
    if (owner) push_real(w, owner->arg[x->index + (owner->op == IR_cond)]);
    for (int k = 0; d && k < d->n_bodies; k++)
        for (int i = 0; i < d->body[k]->n_yields; i++) push_real(w, d->body[k]->yield[i]);
    for (int i = 0; d && d->op == IR_scan && i < d->attr->carried; i++) push_real(w, d->arg[i]);      /* of no turns */
}

bool time_check(Ctx *c, IrVal *const *v, int n, const By *by, Span at)
{
    Lower *L = c->L;
    if (!by->n_players && !by->n_states) return true;
    Arena *scratch = arena_new();
    Walk w = walk_begin(L, v, n, scratch);
    bool ok = true;
    for (IrVal *x; ok && (x = walk_next(&w));) {
        const IrNode *d = x->def;
        const Carried *carried = fn_carried(L->fn, x);
        if (carried) array_push(scratch, &w.todo, carried->init);
        const char *p = outdated(L, x, by);
        if (p) too_old(c, version_of(L, x), d, p, by, at), ok = false;
        if (version_of(L, x) || (d && (ir_op_info[d->op].flags & IR_NOGRAD))) continue;
        push_bodies(&w, x);
        for (int i = 0; d && !d->n_bodies && i < d->n_args && ok; i++) {
            if ((p = outdated(L, d->arg[i], by))) too_old(c, version_of(L, d->arg[i]), d, p, by, at), ok = false;
            push_real(&w, d->arg[i]);
        }
    }
    arena_free(scratch);
    return ok;
}
