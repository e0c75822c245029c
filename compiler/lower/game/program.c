/* program.c - the whole: modules are loaded, the main file's statements lowered, and what came of it laid out for the runtime. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/pending.h"
#include "compiler/lower/game/beyond.h"
#include "compiler/lower/game/limits.h"
#include "compiler/lower/game/reads.h"
#include "compiler/lower/game/samples.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/game/told.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "lang/check/advice.h"
#include "lang/syntax/parse.h"
#include "stdlib/stdlib.h"

#include <stdio.h>
#include <xxhash.h>

/* ---- scopes of files */

static void declare_lets(Ctx *c, AstList stmts)
{
    for (int i = 0; i < stmts.n; i++) {
        const Ast *s = stmts.v[i];
        if (s->kind == AST_LET && s->let.pattern->kind == AST_NAME && names_bound(c->L->names, s->let.pattern))
            scope_declare(c->L, c->scope, s->let.pattern, s);
    }
}

static void library_statement(Lower *L, const Ast *s)
{
    bool declares = s->kind == AST_DEFINE || s->kind == AST_LET || s->kind == AST_IMPORT || s->kind == AST_DATA ||
                    s->kind == AST_COMPARE || s->kind == AST_LOSS || s->kind == AST_BROKEN;
    if (!declares)
        diag_error(L->diags, s->span, E403,
                   "a module holds declarations; statements stand in the program that imports it");
}

static void open_scopes(Lower *L)
{
    for (int i = 0; i < L->modules.all.n; i++) {
        Module *m = L->modules.all.v[i];
        Scope *s = scope_new(L, NULL);
        s->module = m;
        array_push(L->a, &L->scopes, s);
        while (m->file && (uint32_t)L->library.n <= m->file->id) array_push(L->a, &L->library, false);
        if (m->file) L->library.v[m->file->id] = m->library;
        if (m == L->modules.prelude) L->prelude = s;
        if (m == L->modules.main) L->file = s;
    }
    for (int i = 0; i < L->modules.all.n; i++) {
        Module *m = L->modules.all.v[i];
        Scope *s = L->scopes.v[i];
        s->n_imports = m->n_imports;
        s->import = arena_array(L->a, Scope *, m->n_imports + 1);
        for (int k = 0; k < m->n_imports; k++) s->import[k] = scope_of_module(L, m->import[k]);
        if (!m->ast) continue;
        Ctx c = {.L = L, .scope = s, .batch = -1, .path = "", .index = ""};
        declare_all(&c, m->ast->file.stmts);
        declare_lets(&c, m->ast->file.stmts);
        for (int k = 0; m != L->modules.main && k < m->ast->file.stmts.n; k++)
            library_statement(L, m->ast->file.stmts.v[k]);
    }
}

static void name_files(Lower *L)
{
    const SourceFile *f;
    for (uint32_t id = (uint32_t)L->m->files.n + 1; (f = source_file(L->sources, id)); id++)
        array_push(L->a, &L->m->files, f->name);
}

/* ---- checks of the whole game */

static const char *nearest_let(Lower *L, const char *name)
{
    const char *best = NULL;
    int distance = 3;
    for (int i = 0; i < L->file->names.n; i++) {
        const Binding *b = &L->file->names.v[i];
        int d = b->decl && b->decl->kind == AST_LET ? name_distance(b->name, name) : 3;
        if (d < distance) distance = d, best = b->name;
    }
    return best;
}

/* --set name=value is for a let of the program. */
static void check_settings(Lower *L)
{
    for (int i = 0; i < L->o.n_settings; i++) {
        const char *name = L->o.setting[i].name, *near = nearest_let(L, name);
        if ((near && !strcmp(near, name)) || names_may_lack(L->names, name)) continue;
        Diag *d = diag_error(L->diags, SPAN_NONE, E100, "--set %s: the program has no top-level let %s", name, name);
        if (near) diag_hint(d, "did you mean %s?", near);
    }
}

/* ---- the lines of the program, and who moves nobody */

static void add_name(Lower *L, const char ***list, int *n, const char *name)
{
    for (int i = 0; i < *n; i++)
        if (!strcmp((*list)[i], name)) return;
    const char **more = arena_array(L->a, const char *, *n + 1);
    if (*n) memcpy(more, *list, sizeof *more * (size_t)*n);
    more[(*n)++] = name;
    *list = more;
}

/* What a part reads of the players, whoever computed it. */
static void line_reads(Lower *L, Reads *all, const Part *p, GameLine *g)
{
    const ReadSet *set = NULL;
    for (int i = 0; i < p->commits.n; i++) set = reads_join(all, set, p->commits.v[i].val->def->arg[0]);
    for (int i = 0; i < p->reports.n; i++) set = reads_join(all, set, p->reports.v[i].val);
    for (int i = 0; i < p->keeps.n; i++) set = reads_join(all, set, p->keeps.v[i].v);
    for (int i = 0; i < reads_count(set); i++) {
        const char *player = reads_player(all, set, i);
        bool moved = false;
        for (int k = 0; k < g->n_moves; k++) moved = moved || !strcmp(g->moves[k], player);
        if (!moved) add_name(L, &g->reads, &g->n_reads, arena_str(L->a, player));       /* the slot's is gone after lower_close */
    }
}

/* Lines that have no function yet are filled in. */
static void list_lines(Lower *L)
{
    Arena *scratch = arena_new();
    Reads *reads = reads_new(L, scratch);
    for (int i = 0; i < L->lines.n; i++) {
        GameLine *g = &L->lines.v[i];
        const Part *p = L->line_parts.v[i];
        if (g->fn >= 0) continue;
        g->fn = p->fn;
        for (int k = 0; k < p->players.n; k++) add_name(L, &g->moves, &g->n_moves, p->players.v[k]);
        for (int k = 0; k < p->draws.n; k++) add_name(L, &g->draws, &g->n_draws, p->draws.v[k]);
        line_reads(L, reads, p, g);
    }
    arena_free(scratch);
}

/* From the name of a player to the first update that reads it. */
static NameTable first_readers(const Lower *L, Arena *scratch)
{
    NameTable t = {.arena = scratch};
    for (int k = 0; k < L->lines.n; k++) {
        const GameLine *g = &L->lines.v[k];
        for (int r = 0; r < g->n_reads && !strcmp(g->what, "update"); r++)
            if (names_get(&t, g->reads[r]) < 0) names_put(&t, g->reads[r], k);
    }
    return t;
}

static void unmoved_player(const Lower *L, const Player *p, int reader)
{
    if (reader >= 0) {
        Diag *d = diag_warning(L->diags, p->at, W400, p->tried ? "%s is part of a loss, and moves in what is looked ahead at alone: nothing of that is kept" :
                               "%s is part of a loss, and nothing updates it", p->name);
        diag_note(d, L->lines.v[reader].at, "this update depends on it");
    } else if (p->averaged.file) {
        Diag *d = diag_warning(L->diags, p->averaged, W400, "%s is averaged into another player, and nothing updates it", p->name);
        diag_note(d, p->at, "its parameters stay as they begin");
        diag_hint(d, "average A into B moves B towards A: the mean stands behind into");
    } else if (L->o.advice && L->lines.n)
        diag_advice(L->diags, p->at, DIAG_NO_CODE, "no update moves %s: its parameters stay as they begin", p->name);
}

static bool is_unmoved(const Player *p) { return !p->updated && p->params.n; }

static void unmoved_players(Lower *L)
{
    int n = 0;
    for (int i = 0; i < L->players.n; i++) n += is_unmoved(L->players.v[i]);
    if (!n) return;
    list_lines(L);
    Arena *scratch = arena_new();
    const NameTable readers = first_readers(L, scratch);
    for (int i = 0; i < L->players.n; i++) {
        const Player *p = L->players.v[i];
        if (is_unmoved(p)) unmoved_player(L, p, names_get(&readers, p->name));
    }
    arena_free(scratch);
}

static bool is_reached(const Player *p, int slot)
{
    for (int i = 0; i < p->reached.n; i++)
        if (p->reached.v[i] == slot) return true;
    return false;
}

/* Of a player that updates move, parameters that none of their losses depends on. */
static void unreached_params(Lower *L)
{
    enum { NAMED = 4 };
    for (int i = 0; i < L->players.n; i++) {
        const Player *p = L->players.v[i];
        Text          names = text_in(L->a);
        int           n = 0;
        for (int k = 0; p->moves && k < p->params.n; k++) {
            const IrSlot *s = &L->m->slots.v[p->params.v[k]];
            if (!ir_is_real(s->type.elem) || is_reached(p, p->params.v[k])) continue;
            if (n++ < NAMED) text_printf(&names, "%s%s", n > 1 ? ", " : "", s->path);
        }
        if (!n) continue;
        if (n > NAMED) text_printf(&names, " and %d more", n - NAMED);
        Diag *d = diag_warning(L->diags, p->at, W400, "%s is updated by losses that do not depend on %s", p->name, text_str(&names));
        diag_hint(d, "use or leave out what is not learned; stop(..) around it says that it is to stay as it is");
    }
}

/* ---- the runtime's tables */

/* What lowering has found out from the numbers of a file must hold for those of another. */
static DataRecipe finish_recipe(Lower *L, const GanTensor *t, const DataRecipe *r, bool looked, bool chose)
{
    if (!r) return (DataRecipe){.format = DATA_NONE};
    DataRecipe all = *r;
    all.chosen |= chose;
    if (!looked) return all;
    DataStep *step = arena_array(L->a, DataStep, r->n_steps + 1);
    if (r->n_steps) memcpy(step, r->step, sizeof *step * (size_t)r->n_steps);
    step[r->n_steps].what = DATA_WITHIN;
    data_range(t, &step[r->n_steps].lo, &step[r->n_steps].hi);
    all.step = step;
    all.n_steps++;
    return all;
}

typedef struct Needed { bool *read, *chose; } Needed;      /* by slot: some function reads it; its numbers have chosen rows of one that is needed */

/* A table that has chosen rows is needed to know that these are still the ones. True when there was one more. */
static bool choosers(Lower *L, Needed *n, int data)
{
    bool more = false;
    bool wanted = n->read[L->data.v[data].slot] || n->chose[L->data.v[data].slot];
    for (int i = 0; wanted && i < L->data.v[data].n_by; i++) {
        more |= !n->chose[L->data.v[data].by[i]];
        n->chose[L->data.v[data].by[i]] = true;
    }
    return more;
}

static void all_choosers(Lower *L, Needed *n)
{
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < L->data.n; i++) more |= choosers(L, n, i);
    }
}

/* Is something needed that is held to the file of this slot's? Then the slot need not be read for it. */
static bool held_anyway(const Lower *L, const Needed *n, int slot)
{
    const DataRecipe *own = NULL;
    for (int i = 0; i < L->data.n; i++)
        if (L->data.v[i].slot == slot) own = L->data.v[i].recipe;
    for (int i = 0; own && i < L->data.n; i++) {
        const DataRecipe *r = L->data.v[i].recipe;
        bool needed = n->read[L->data.v[i].slot] || n->chose[L->data.v[i].slot];
        if (needed && r && (r->chosen || n->chose[L->data.v[i].slot]) && data_same_file(r, own)) return true;
    }
    return !own;
}

static Needed slots_needed(Lower *L)
{
    bool *read = arena_array(L->a, bool, L->out->slots.n + 1);
    Needed needed = {read, arena_array(L->a, bool, L->out->slots.n + 1)};
    for (int i = 0; i < L->out->fns.n; i++)
        for (IrNode *n = L->out->fns.v[i]->body.first; n; n = ir_next(n))
            if (n->op == IR_read) read[n->attr->slot] = true;
    all_choosers(L, &needed);
    for (int i = 0; i < L->choosers.n; i++)
        if (!held_anyway(L, &needed, L->choosers.v[i])) needed.chose[L->choosers.v[i]] = true;
    all_choosers(L, &needed);
    return needed;
}

/* The tensor of a slot, and its recipe. What nobody reads, like a table of which only some rows are drawn, is empty and needs no file. */
static void finish_data(Lower *L, int slot, const Needed *needed, GanSlot *g, GanTensor **t, DataRecipe *recipe)
{
    for (int k = 0; k < L->data.n; k++) {
        if (L->data.v[k].slot != slot || (!needed->read[slot] && !needed->chose[slot])) continue;
        *t = L->data.v[k].t;
        *recipe = finish_recipe(L, *t, L->data.v[k].recipe, L->data.v[k].looked, needed->chose[slot]);
        return;
    }
    g->rank = 1;
    memset(g->dim, 0, sizeof g->dim);
    g->bytes = 0;
    *t = arena_copy(L->a, &(GanTensor){.elem = g->elem, .rank = 1}, sizeof **t);
}

static void finish_slots(Lower *L, GanProgram *p)
{
    size_t at = 0;
    int n_data = 0;
    const Needed needed = slots_needed(L);
    p->n_slots = L->out->slots.n;
    p->slot = arena_array(L->a, GanSlot, p->n_slots + 1);
    p->data = arena_array(L->a, GanTensor *, L->data.n + 1);
    DataRecipe *recipe = arena_array(L->a, DataRecipe, L->data.n + 1);
    for (int i = 0; i < p->n_slots; i++) {
        const IrSlot *s = &L->out->slots.v[i];
        GanSlot *g = &p->slot[i];
        *g = (GanSlot){.path = s->path,
                       .kind = (GanSlotKind)s->kind,
                       .elem = (GanElem)s->type.elem,
                       .rank = s->type.rank,
                       .player = s->player};
        memcpy(g->dim, s->type.dim, sizeof s->type.dim);
        g->bytes = ir_elem_bytes(s->type.elem) * (size_t)ir_dims_size(&s->type);
        if (s->kind == IR_SLOT_DATA) {
            finish_data(L, i, &needed, g, &p->data[n_data], &recipe[n_data]);
            g->offset = (size_t)n_data++;
            continue;
        }
        g->offset = at;
        at += (g->bytes + 63) / 64 * 64;
    }
    p->state_bytes = at;
    p->n_data = n_data;
    p->recipe = recipe;
    p->fact = arena_array(L->a, GanFact, L->facts.n + 1);
    p->n_facts = L->facts.n;
    for (int i = 0; i < p->n_facts; i++) p->fact[i] = L->facts.v[i].is;
}

static GanOutput output_of(Lower *L, const IrReport *r)
{
    GanOutput o = {.name = r->name, .slope_of = r->slope_of, .elem = (GanElem)r->val->type.elem};
    for (int i = 0; i < r->val->type.axes.n; i++) o.dim[o.rank++] = ir_extent(L->m, r->val->type.axes.id[i]);
    for (int i = 0; i < r->val->type.rank; i++) o.dim[o.rank++] = r->val->type.dim[i];
    return o;
}

/* By slot: it keeps what a statement computed for others, and is no state of the program's own. */
static Keep *const *kept_slots(Lower *L)
{
    Keep **kept = arena_array(L->a, Keep *, L->m->slots.n + 1);
    for (int i = 0; i < L->g->parts.n; i++)
        for (int j = 0; j < L->g->parts.v[i]->keeps.n; j++) kept[L->g->parts.v[i]->keeps.v[j].slot] = &L->g->parts.v[i]->keeps.v[j];
    return kept;
}

/* What must stay finite, parameters and states; and what must hold. */
static void list_written(Lower *L, const IrFn *f, Keep *const *kept, GanFunction *g)
{
    g->written = arena_array(L->a, int, f->commits.n + 1);
    for (int i = 0; i < f->commits.n; i++) {
        const IrSlot *s = &L->m->slots.v[f->commits.v[i].slot];
        const Keep   *k = kept[f->commits.v[i].slot];
        bool counts = k ? k->required : ir_is_real(s->type.elem) && (s->kind == IR_SLOT_PARAM || s->kind == IR_SLOT_STATE);
        if (counts) g->written[g->n_written++] = f->commits.v[i].slot;
    }
}

/* The reports that it reads. */
static void list_asked(Lower *L, const IrFn *f, GanFunction *g)
{
    ARRAY(int) asked = {0};
    bool *seen = arena_array(L->work, bool, L->out->slots.n + 1);
    for (IrNode *n = f->body.first; n; n = ir_next(n)) {
        int slot = n->op == IR_read ? n->attr->slot : -1;
        if (slot < 0 || seen[slot] || slot >= L->program_state.n || L->program_state.v[slot] != STATE_OF_REPORTS) continue;
        seen[slot] = true;
        array_push(L->a, &asked, slot);
    }
    g->asked = asked.v;
    g->n_asked = asked.n;
}

static void sum_functions(Lower *L, GanProgram *p)
{
    Arena   *a = arena_new();
    IrPlain *plain = ir_plain_new(L->out, a);
    for (int i = 0; i < p->n_functions; i++) {
        Arena *one = arena_new();
        Text   t = text_in(one);
        ir_print_plain(plain, L->out->fns.v[i], &t);
        XXH128_hash_t h = XXH3_128bits(text_str(&t), t.n);
        p->function[i].sum[0] = h.low64;
        p->function[i].sum[1] = h.high64;
        arena_free(one);
    }
    arena_free(a);
}

static void finish_functions(Lower *L, GanProgram *p)
{
    Keep *const *kept = kept_slots(L);
    p->n_functions = L->out->fns.n;
    p->function = arena_array(L->a, GanFunction, p->n_functions + 1);
    for (int i = 0; i < p->n_functions; i++) {
        const IrFn *f = L->out->fns.v[i];
        GanFunction *g = &p->function[i];
        g->name = f->name;
        g->player = f->players.n ? f->players.v[0] : NULL;
        g->n_outputs = f->reports.n;
        list_written(L, f, kept, g);
        list_asked(L, f, g);
        g->output = arena_array(L->a, GanOutput, f->reports.n + 1);
        for (int k = 0; k < f->reports.n; k++) g->output[k] = output_of(L, &f->reports.v[k]);
    }
    sum_functions(L, p);
    for (int i = 0; i < L->g->parts.n; i++) {
        const Part *part = L->g->parts.v[i];
        if (part->kind_of_report && part->fn >= 0) p->function[part->fn].output[0].kind = part->kind_of_report;
    }
    samples_count(L, p);
}

static const char *base_name(Lower *L, const char *path)
{
    if (path[0] == '<') return "stdin";
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return dot && dot > name ? arena_strn(L->a, name, (size_t)(dot - name)) : name;
}

/* Of what the program is made of. */
static const char *source_hash(Lower *L)
{
    XXH3_state_t *s = XXH3_createState();
    XXH3_128bits_reset(s);
    for (int i = 0; i < L->modules.all.n; i++) {
        const SourceFile *f = L->modules.all.v[i]->file;
        if (f) XXH3_128bits_update(s, f->text, f->n);
    }
    for (int i = 0; i < L->o.n_settings; i++) {             /* --set is as if the file had that line */
        const char *text = strf(L, "\n--set %s=%s", L->o.setting[i].name, L->o.setting[i].value);
        XXH3_128bits_update(s, text, strlen(text));
    }
    XXH128_hash_t h = XXH3_128bits_digest(s);
    XXH3_freeState(s);
    return strf(L, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

static void finish_players(Lower *L, LowerResult *r)
{
    r->n_players = 0;
    r->player = arena_array(L->a, GamePlayer, L->players.n + 1);
    for (int i = 0; i < L->players.n; i++) {
        const Player *p = L->players.v[i];
        if (!p->params.n) continue;
        GamePlayer *g = &r->player[r->n_players++];
        *g = (GamePlayer){.name = p->name, .kind = AstDefine_name(p->word), .updated = p->updated};
        for (int k = 0; k < p->params.n; k++) g->parameters += ir_dims_size(&L->m->slots.v[p->params.v[k]].type);
    }
}

static void finish_models(Lower *L, LowerResult *r)
{
    const Ast *main = L->modules.main->ast;                 /* NULL: the library alone */
    AstList    stmts = main ? main->file.stmts : (AstList){0};
    r->n_models = r->n_nets = r->n_compared = 0;
    r->compared = arena_array(L->a, const char *, stmts.n + 1);
    r->model = arena_array(L->a, const char *, stmts.n + 1);
    r->net = arena_array(L->a, const char *, stmts.n + 1);
    for (int i = 0; i < stmts.n; i++) {
        const Ast *s = stmts.v[i];
        AstDefine  w = s->kind == AST_DEFINE ? s->define.word : AST_DEFINE_DEF;
        bool model = w == AST_DEFINE_IMPLICIT || w == AST_DEFINE_PRESCRIBED || (s->kind == AST_DEFINE && define_is_distribution(s));
        if (model) r->model[r->n_models++] = s->define.name;
        if (s->kind == AST_COMPARE) r->compared[r->n_compared++] = s->compare.name;
        if (w == AST_DEFINE_NET) r->net[r->n_nets++] = s->define.name;
    }
}

static void add_extern(Lower *L, LowerResult *r, const char *name)
{
    GanProgram *p = r->program;
    int i = 0;
    for (int k = 0; k < p->n_externs; k++)
        if (!strcmp(p->external[k].name, name)) return;
    while (strcmp(L->externs.v[i].is.name, name)) i++;
    r->external_at[p->n_externs] = L->externs.v[i].decl->define.name_span;
    p->external[p->n_externs++] = L->externs.v[i].is;
}

/* Those that some function calls. */
static void finish_externs(Lower *L, LowerResult *r)
{
    r->program->external = arena_array(L->a, GanExtern, L->externs.n + 1);
    r->external_at = arena_array(L->a, Span, L->externs.n + 1);
    r->program->n_externs = 0;
    for (int i = 0; i < L->out->fns.n; i++)
        for (const IrNode *n = L->out->fns.v[i]->body.first; n; n = ir_next(n))
            if (n->op == IR_extern) add_extern(L, r, n->attr->symbol);
}

static void finish(Lower *L, LowerResult *r)
{
    GanProgram *p = r->program;
    const SourceFile *main = L->modules.main->file;
    name_files(L);
    p->name = main ? base_name(L, main->name) : "gan";
    p->source_hash = source_hash(L);
    p->file = L->out->files.v;
    p->n_files = L->out->files.n;
    finish_slots(L, p);
    finish_functions(L, p);
    finish_externs(L, r);
    list_lines(L);
    p->schedule = L->root;
    p->init_fn = 0;
    r->line = L->lines.v;
    r->n_lines = L->lines.n;
    finish_players(L, r);
    finish_models(L, r);
}

/* ---- the doors */

static Lower *lower_new(Arena *a, const LowerOptions *o, Diags *diags)
{
    Lower *L = arena_new_of(a, Lower);
    L->a = a;
    L->work = arena_new();
    L->sources = diags_sources(diags);
    L->diags = diags;
    L->o = *o;
    L->m = ir_module(L->work, o->real);
    L->m->forgives = true;
    L->out = ir_module(a, o->real);
    IrType t = ir_scalar(IR_I64);
    L->step_slot = slot_new(L, "step", t, IR_SLOT_COUNTER, NULL);
    L->fn_names.arena = L->root_names.arena = L->stream_names.arena = L->extern_names.arena = L->reports.arena = L->indexed_at.arena = L->picture_at.arena = a;
    static const char *const reserved[] = {"step", "fn", "data", "report", "kept"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) names_unique(&L->root_names, reserved[i]);
    L->program = arena_new_of(a, Instance);
    L->program->path = L->program->local = "";
    L->settle = eval_settled;
    L->dist_text = dist_text;
    L->look_ahead = look_ahead;
    L->g = arena_new_of(a, Graph);
    L->init = graph_new(L, arena_new_of(a, IrFn));
    L->init->ir->name = ir_fn(L->out, names_unique(&L->fn_names, "init"), IR_FN_INIT)->name;
    L->graph = graph_new(L, arena_new_of(a, IrFn));
    L->graph->ir->name = "schedule";
    return L;
}

/* Does the file say that it is to be computed in double precision? */
static bool states_f64(const Module *main)
{
    AstList stmts = main->ast ? main->ast->file.stmts : (AstList){0};
    for (int i = 0; i < stmts.n; i++)
        if (stmts.v[i]->kind == AST_PRECISION && !strcmp(stmts.v[i]->precision.name, "f64")) return true;
    return false;
}

static Ctx top_ctx(Lower *L) { return (Ctx){.L = L, .scope = L->file, .batch = -1, .path = "", .index = ""}; }

static void find_typed(Ctx *c, const Ast *s)
{
    Value *v = scope_of_place(c, c->scope, s);
    if (!v || v->kind != V_PLAYER) return;
    Trial t = trial_begin(c->L, true);
    player_find_params(c, v->player, s->define.name_span);
    trial_end(c->L, &t);
}

/* What was typed at a prompt is there to be looked at: its nets and models have their parameters, used or not, as far as they are known. */
static void typed_players(Ctx *c)
{
    const Module *main = c->L->modules.main;
    for (int i = 0; main->file && main->file->typed && i < main->ast->file.stmts.n; i++) {
        const Ast *s = main->ast->file.stmts.v[i];
        if (s->kind == AST_DEFINE && s->define.word != AST_DEFINE_DEF && s->span.begin >= main->file->typed_from) find_typed(c, s);
    }
}

static bool make_program(Lower *L, LowerResult *out)
{
    graph_stabilise(L);
    if (!cut_program(L)) return false;
    if (L->beyond) beyond_warn(L);
    L->m->forgives = false;
    finish(L, out);
    return true;
}

bool lower_program(Arena *a, const SourceFile *file, const LowerOptions *o, Diags *diags, LowerResult *out)
{
    Lower *L = lower_new(a, o, diags);
    *out = (LowerResult){.ir = L->out, .program = arena_new_of(a, GanProgram), .lower = L};
    if (!modules_load(L->sources, file, o->folder, stdlib_find, stdlib_names, diags, &L->modules)) return false;
    if (states_f64(L->modules.main)) L->m->real = L->out->real = IR_F64;
    name_files(L);
    L->names = names_check(a, &L->modules, builtin_names(L), stdlib_find, stdlib_names, diags);
    open_scopes(L);
    check_settings(L);
    Ctx c = top_ctx(L);
    if (o->told) L->told = told_new(L);
    schedule_program(&c);
    if (!names_lack(L->names)) pending_check(L);
    keep_check(L);
    if (!L->too_deep && !L->too_large) check_unused(&c);
    if (diags_failed(diags)) return false;
    typed_players(&c);
    for (int i = 0; i < L->g->parts.n; i++) part_check(L, L->g->parts.v[i]);
    if (L->told) told_finish(&c, out);
    bool whole = !o->checked || L->beyond || cut_is_wide(L);
    if (!(whole ? make_program(L, out) : cut_fits(L))) return false;
    unmoved_players(L);
    unreached_params(L);
    limits_finish(L);
    if (o->advice) advice_program(a, L->names, &L->modules, diags);
    return true;
}

bool lower_is_report(const LowerResult *r, int slot)
{
    return slot < r->lower->program_state.n && r->lower->program_state.v[slot] == STATE_OF_REPORTS;
}

void lower_close(LowerResult *r)
{
    arena_free(r->lower->work);
    r->lower->work = NULL;
    r->lower->m = NULL;
}

void lower_free(LowerResult *r)
{
    if (!r->lower) return;
    lower_close(r);
    for (int i = 0; i < r->lower->owned.n; i++) gan_tensor_free(r->lower->owned.v[i]);
    r->lower->owned.n = 0;
}

/* ---- expressions and samples of a finished program */

static bool report_value(Ctx *c, Value *v, const char *name, Span at)
{
    Lower *L = c->L;
    if (v->kind == V_RECORD) {
        for (int i = 0; i < v->record.n; i++) {
            const char *field = v->record.name ? v->record.name[i] : strf(L, "%d", i);
            if (!report_value(c, v->record.v[i], *name ? path_join(L, name, field) : field, at)) return false;
        }
        return true;
    }
    IrVal *t = as_shown(c, v, at);
    if (t) part_report(L, *name ? name : "value", t);
    return t != NULL;
}

/* The statement of that number, which is counted down to 0. */
static const GanSchedule *numbered(const GanSchedule *n, int *number)
{
    if (!--*number) return n;
    const GanSchedule *found = NULL;
    for (int i = 0; i < n->n_kids && !found; i++) found = numbered(n->kid[i], number);
    return found;
}

/* NULL: the end of the program. */
static const struct Stand *stand_of(const LowerResult *r)
{
    int                 number = r->place;
    const GanSchedule  *n = number ? numbered(r->lower->root, &number) : NULL;
    const struct Stand *found = NULL;
    for (int i = 0; n && i < r->lower->stands.n; i++)
        if (r->lower->stands.v[i].node == n) found = &r->lower->stands.v[i];     /* of a block, that of its end is the last */
    return found;
}

/* What is bound between the file's scope and that of the statement, outermost first: on lines before it, or on those that it has not come to (late). */
typedef struct InBlocks { ARRAY(const Bound *) names; int late; } InBlocks;

static void add_inner(Lower *L, const struct Stand *at, const Scope *s, bool late, InBlocks *out)
{
    if (s == L->file) return;
    add_inner(L, at, s->parent, late, out);
    for (int i = 0; i < s->names.n; i++) {
        const Binding *b = &s->names.v[i];
        bool computed = b->value && val_runs(L, b->value), comes = computed && !at->ends && b->at.begin >= at->at.begin;
        if (comes != late) continue;
        array_push(L->work, &out->names, b->bound);
        out->late += late;
    }
}

static InBlocks names_at(Lower *L, const struct Stand *at)
{
    InBlocks in = {0};
    if (at) add_inner(L, at, at->scope, false, &in);
    if (at) add_inner(L, at, at->scope, true, &in);
    return in;
}

typedef struct Named { LowerResult *r; const InBlocks *in; bool early; } Named;       /* early: one is not computed yet */

static void check_reached(void *named, const Ast *n)
{
    Named       *k = named;
    const Bound *b = n->kind == AST_NAME ? names_use(k->r->lower->names, n) : NULL;
    for (int i = 0; b && i < k->in->names.n; i++) {
        if (k->in->names.v[i] != b) continue;
        k->r->inner = true;
        if (i < k->in->names.n - k->in->late) continue;
        Diag *d = diag_error(k->r->lower->diags, n->span, E113, "%s is not computed yet in this round", b->name);
        diag_note(d, b->at, "computed here");
        k->early = true;
    }
    ast_each_child(n, check_reached, named);
}

/* The same of what the top level computes behind the block. */
static void check_top(void *named, const Ast *n)
{
    Named              *k = named;
    Lower              *L = k->r->lower;
    const struct Stand *at = stand_of(k->r);
    const Bound        *b = n->kind == AST_NAME ? names_use(L->names, n) : NULL;
    bool                behind = b && b->kind != NAME_REPORT && b->at.file == at->at.file && b->at.begin > at->at.begin;
    Scope              *s = L->file;
    const Binding      *top = behind ? scope_binding(L, &s, b) : NULL;
    if (top && top->value && val_runs(L, top->value)) {
        Diag *d = diag_error(L->diags, n->span, E113, "%s is not computed yet", b->name);
        diag_note(d, b->at, "computed here");
        k->early = true;
    }
    ast_each_child(n, check_top, named);
}

static const Ast *parse_more(LowerResult *r, const SourceFile *f, Diags *diags)
{
    const Ast *e = parse_expression(r->lower->a, f, diags);
    InBlocks in = names_at(r->lower, stand_of(r));
    r->inner = false;
    name_files(r->lower);
    if (e) names_expression(r->lower->names, e, in.names.v, in.names.n - in.late, in.late, diags);
    Named named = {.r = r, .in = &in};
    if (e) check_reached(&named, e);
    if (e && r->inner) check_top(&named, e);
    r->inner &= !named.early;
    if (named.early) return NULL;
    if (e) diff_file(&(Ctx){.L = r->lower, .scope = r->lower->file, .batch = -1, .path = "", .index = ""});
    r->lower->m->forgives = true;
    return e;
}

/* Where the expression stands. */
static Ctx place_ctx(const LowerResult *r)
{
    const struct Stand *at = stand_of(r);
    Ctx                 c = top_ctx(r->lower);
    if (at) c.scope = at->scope;
    return c;
}

/* A part of its own; of what the statements have set it sees what holds where it stands. */
static Part *begin_more(const LowerResult *r, const char *name, IrFnKind kind, Span at)
{
    const struct Stand *stand = stand_of(r);
    Part               *p = part_begin(r->lower, name, kind, at);
    if (stand && r->inner) p->number = stand->part;
    return p;
}

static int finish_more(LowerResult *r, Part *p, bool ok)
{
    Lower *L = r->lower;
    L->m->forgives = false;
    ok = ok && !diags_failed(L->diags);
    if (ok) part_end(L);
    else part_drop(L);
    if (ok) part_check(L, p);
    if (!ok || !cut_part(L, p)) return -1;
    finish(L, r);
    return p->fn;
}

int lower_expression(LowerResult *r, const SourceFile *expression, Diags *diags)
{
    Lower *L = r->lower;
    L->diags = diags;
    const Ast *e = parse_more(r, expression, diags);
    if (!e) return -1;
    Ctx c = place_ctx(r);
    c.reports_first = c.blocks_first = true;
    if (r->batch > 0) c.batch = r->batch;
    Part *f = begin_more(r, "eval", IR_FN_REPORT, e->span);
    Value *v = as_settled(&c, eval(&c, e), e->span);
    return finish_more(r, f, !val_bad(v) && report_value(&c, v, "", e->span) && fn_fits(&c, e->span));
}

bool lower_is_distribution(LowerResult *r, const SourceFile *expression)
{
    Lower *L = r->lower;
    L->diags = diags_new(L->sources);
    const Ast *e = parse_more(r, expression, L->diags);
    if (!e) return false;
    Ctx   c = place_ctx(r);
    Part *f = begin_more(r, "eval", IR_FN_REPORT, e->span);
    bool  is = dist_is_drawn_from(eval(&c, e));
    finish_more(r, f, false);
    return is;
}

int lower_sampler(LowerResult *r, const SourceFile *expression, int64_t n, Diags *diags)
{
    Lower *L = r->lower;
    L->diags = diags;
    const Ast *e = parse_more(r, expression, diags);
    if (!e) return -1;
    Ctx c = place_ctx(r);
    Part *f = begin_more(r, strf(L, "sample.%s", expression->text), IR_FN_SAMPLE, e->span);
    Dist *d = as_dist(&c, eval_raw(&c, e), e->span);
    bool ok = d != NULL;
    if (ok) {
        Ctx inner = c;
        inner.axes = ir_one_axis(ir_axis(L->m, "sample", n));
        Value *v = axes_fit(&c, inner.axes, e->span) ? dist_sample(&inner, d, NULL, e->span) : val_error(L);
        if (!val_bad(v)) v = sample_stack(&c, v, inner.axes, e->span);
        ok = !val_bad(v) && report_value(&c, v, "", e->span) && fn_fits(&c, e->span);
    }
    return finish_more(r, f, ok);
}

/* An argument that the caller gives: a slot, its rows examples. NULL: its type does not say all. */
static Value *input_value(Ctx *c, const Player *p, const Ast *param, int axis)
{
    Lower  *L = c->L;
    IrElem  elem;
    IrInts  dims;
    int64_t classes;
    Ctx     own = *c;
    own.scope = p->closure->scope;
    const Ast *type = param->param.type;
    if (!type || type->kind != AST_TYPE || !type_elem(&own, type, &elem, &classes) || elem != L->m->real || !type_dims(&own, type, &dims)) return NULL;
    if (dims.n >= GAN_MAX_RANK) return NULL;
    memmove(dims.v + 1, dims.v, sizeof *dims.v * dims.n++);
    dims.v[0] = ir_extent(L->m, axis);
    int slot = slot_new(L, strf(L, "<input>.%s.%s", p->name, param->param.name), ir_type(elem, (IrAxes){0}, dims), IR_SLOT_SCRATCH, NULL);
    return sample_rows(c, val_tensor(L, fn_read(L, slot)), axis, param->span);
}

static bool net_inputs(Ctx *c, const Player *p, int axis, Args *args)
{
    AstList params = p->closure->bound ? p->closure->def->define.params2 : p->closure->def->define.params;
    for (int i = 0; i < params.n && i < MAX_ARGS; i++) {
        const Ast *q = params.v[i];
        if (q->param.draw || q->param.value) continue;
        Value *v = input_value(c, p, q, axis);
        if (!v || val_bad(v)) return false;
        args->v[args->n] = v;
        args->name[args->n] = q->param.name;
        args->at[args->n++] = q->span;
    }
    return args->n > 0;
}

static bool mixes(const IrNode *n, int axis)                /* does it, or what it holds, make one value of many examples? */
{
    bool has = false, keeps = n->n_results > 0;
    for (int i = 0; i < n->n_args; i++) has = has || ir_axes_has(n->arg[i]->type.axes, axis);
    for (int i = 0; i < n->n_results; i++) keeps = keeps && ir_axes_has(n->result[i].type.axes, axis);
    if (has && !keeps) return true;
    for (int i = 0; i < n->n_bodies; i++)
        for (const IrNode *k = n->body[i]->first; k; k = ir_next(k))
            if (mixes(k, axis)) return true;
    return false;
}

static bool reports(const Part *p, const IrNode *n)
{
    for (int i = 0; i < p->reports.n; i++)
        if (p->reports.v[i].val->def == n) return true;
    return false;
}

static bool mixes_from(const Part *p, const IrNode *first, int axis)
{
    for (const IrNode *n = first; n; n = ir_next(n))
        if (mixes(n, axis) && !(n->op == IR_as_feature && reports(p, n))) return true;
    return false;
}

static bool net_value(Ctx *c, Part *f, const Ast *e, int64_t n)
{
    Lower  *L = c->L;
    Value  *net = eval_raw(c, e);
    Player *p = net->kind == V_PLAYER ? net->player : NULL;
    if (!p || p->word != AST_DEFINE_NET) return false;
    const IrNode *before = L->graph->ir->body.last;
    int           axis = ir_axis(L->m, "example", n);
    Ctx           inner = *c;
    Args          args = {0};
    inner.axes = ir_one_axis(axis);
    if (!axes_fit(c, inner.axes, e->span) || !net_inputs(&inner, p, axis, &args)) return false;
    Value *v = as_settled(&inner, player_apply(&inner, p, &args, e, e->span), e->span);
    if (!val_bad(v)) v = sample_stack(c, v, inner.axes, e->span);
    if (val_bad(v) || !report_value(c, v, "", e->span) || !fn_fits(c, e->span)) return false;
    return !mixes_from(f, before ? ir_next(before) : L->graph->ir->body.first, axis);
}

int lower_net(LowerResult *r, const SourceFile *net, int64_t n, Diags *diags)
{
    r->lower->diags = diags;
    const Ast *e = parse_more(r, net, diags);
    if (!e) return -1;
    Ctx   c = top_ctx(r->lower);
    Part *f = part_begin(r->lower, strf(r->lower, "net.%s", net->text), IR_FN_SAMPLE, e->span);
    return finish_more(r, f, net_value(&c, f, e, n));
}
