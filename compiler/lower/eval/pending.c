/* pending.c - u := e in layers, comparisons and functions: the old value is read everywhere, and an update commits the new one.
 *
 * An assignment travels with the value that it was made beside: the results of the block it stands in are nodes of their own, its
 * witnesses, and whatever depends on it depends on them. The first update of the state's owner whose loss or direction depends on it commits it,
 * once, after the step, as the mean over applications; updates of others drop it. A state that no player owns is committed by any update. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/pending.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

int pending_count(const Lower *L) { return L->pendings.n; }

void pending_begin_block(Lower *L)
{
    int n = 0;
    for (int i = 0; i < L->pendings.n; i++)
        if (!L->pendings.v[i]->of_block) L->pendings.v[n++] = L->pendings.v[i];
    L->pendings.n = n;
}

PendingMark pending_mark(Lower *L)
{
    PendingMark m = {L->pendings.n, arena_array(L->work, int, L->pendings.n + 1)};
    for (int i = 0; i < m.n; i++) m.done[i] = L->pendings.v[i]->done.n;
    return m;
}

void pending_back(Lower *L, const PendingMark *m)
{
    L->pendings.n = m->n;
    for (int i = 0; i < m->n; i++) L->pendings.v[i]->done.n = m->done[i];
}

bool ctx_trains(const Ctx *c, const Player *p) { return block_trains(c->block, p); }

static void note_unowned(Lower *L, const Ast *assign, bool committed)
{
    for (int i = 0; i < L->unowned.n; i++)
        if (L->unowned.v[i] == assign) {
            L->committed.v[i] = L->committed.v[i] || committed;
            return;
        }
    array_push(L->a, &L->unowned, assign);
    array_push(L->a, &L->committed, committed);
}

void pending_idle(Ctx *c, int slot, const Ast *assign)
{
    if (!slot_owner(c->L, slot) && !c->L->trials) note_unowned(c->L, assign, false);
}

void pending_add(Ctx *c, int slot, IrVal *v, const Ast *assign)
{
    Lower *L = c->L;
    Player *owner = slot_owner(L, slot);
    pending_idle(c, slot, assign);
    if (L->fn != L->graph || (c->block ? owner && !block_trains(c->block, owner) : !L->part->binds)) return;
    if (L->fn->b.block != &L->fn->ir->body) {
        unsupported(c, assign->span, "a state that changes inside a loop that runs");
        return;
    }
    Pending *p = arena_new_of(L->a, Pending);
    *p = (Pending){.slot = slot, .v = v, .owner = owner, .assign = assign, .arm = arm_now(L), .of_block = c->block != NULL};
    array_push(L->a, &L->pendings, p);
}

/* ---- witnesses */

static Value *witness_leaf(Ctx *c, Value *leaf, void *list)
{
    IrVal *t = leaf->kind == V_TENSOR || leaf->kind == V_SLOT ? as_tensor(c, leaf, leaf->at) : NULL;
    if (!t) return leaf;
    ARRAY(IrVal *) *to = list;
    IrVal *own = diff_leaf(c, t);
    array_push(c->L->a, to, own);
    Value *v = val_tensor(c->L, own);
    if (leaf->kind == V_TENSOR) v->tensor = (__typeof__(v->tensor)){own, c->L->fn, leaf->tensor.classes, leaf->tensor.own_axis};
    return v;
}

Value *pending_result(Ctx *c, int from, Value *v)
{
    Lower *L = c->L;
    bool waits = false;
    for (int i = from; i < L->pendings.n; i++) waits = waits || !L->pendings.v[i]->n_witness;
    if (!waits || (v->kind != V_TENSOR && v->kind != V_SLOT && v->kind != V_RECORD)) return v;
    ARRAY(IrVal *) own = {0};
    v = map_fields(c, v, witness_leaf, &own);
    for (int i = from; i < L->pendings.n; i++)
        if (!L->pendings.v[i]->n_witness) {
            L->pendings.v[i]->witness = own.v;
            L->pendings.v[i]->n_witness = own.n;
        }
    return v;
}

/* ---- committing */

static bool depends(const Pending *p, const bool *reached)
{
    for (int i = 0; i < p->n_witness; i++)
        if (reached[p->witness[i]->id]) return true;
    return false;
}

static bool is_moved(const Pending *p, Player *const *players, int n)
{
    for (int i = 0; i < n; i++)
        if (players[i] == p->owner) return true;
    return !p->owner;
}

/* Has an update committed it by now? On a side of a control statement that may not have been taken, nobody can say. */
static bool is_done(Ctx *c, const Pending *p, Span at)
{
    for (int i = 0; i < p->done.n; i++) {
        if (arm_holds(c->L, p->done.v[i])) return true;
        if (arm_excludes(c->L, p->done.v[i])) continue;
        Diag *d = diag_error(c->L->diags, at, E600, "not supported yet: a state whose new value one update commits under a condition, and another one behind it");
        diag_note(d, p->assign->span, "assigned here");
        return true;
    }
    return false;
}

/* Each round of a loop would commit it again. */
static bool is_from_before(Ctx *c, const Pending *p, Span at)
{
    if (!arm_repeats(c->L, p->arm)) return false;
    Diag *d = diag_error(c->L->diags, at, E600, "not supported yet: a state whose new value was computed before a loop, and is committed in it");
    diag_note(d, p->assign->span, "assigned here");
    diag_hint(d, "compute in the loop what contains the assignment");
    return true;
}

void pending_twice(Ctx *c, int slot, Span at)
{
    diag_error(c->L->diags, at, E600, "not supported yet: %s is assigned in two updates that read one starting point, in one of them under a condition", c->L->m->slots.v[slot].path);
}

/* With those of other updates that read the same starting point. */
static void add(Ctx *c, const Pending *p, Span at, Changes *out)
{
    Lower *L = c->L;
    IrBuilder *b = &L->fn->b;
    for (int i = 0; i < out->means.n; i++)
        if (out->means.v[i].slot == p->slot) {
            out->means.v[i].sum = ir_add(b, out->means.v[i].sum, p->v);
            out->means.v[i].n++;
            return;
        }
    if (changes_get(out, p->slot)) pending_twice(c, p->slot, at);
    else array_push(L->a, &out->means, ((Mean){p->slot, 1, p->v}));
}

void pending_commit(Ctx *c, int from, IrVal *const *value, int n, Player *const *players, int n_players, Span at, Changes *out)
{
    Lower *L = c->L;
    if (!L->pendings.n) return;
    Arena *scratch = arena_new();
    const bool *reached = graph_behind(L, value, n, scratch);
    for (int i = 0; i < L->pendings.n; i++) {
        Pending *p = L->pendings.v[i];
        bool wanted = is_moved(p, players, n_players) && (i >= from || depends(p, reached));
        if (!wanted || is_done(c, p, at) || is_from_before(c, p, at)) continue;
        add(c, p, at, out);
        array_push(L->a, &p->done, arm_now(L));
        if (!p->owner) note_unowned(L, p->assign, true);
    }
    for (int i = 0; i < out->means.n; i++) {
        const Mean *m = &out->means.v[i];
        IrVal *v = m->n == 1 ? m->sum : ir_div(&L->fn->b, m->sum, ir_const_like(&L->fn->b, m->sum, m->n));
        changes_put(L, out, m->slot, v);
    }
    arena_free(scratch);
}

void pending_check(Lower *L)
{
    for (int i = 0; i < L->unowned.n; i++) {
        if (L->committed.v[i]) continue;
        Diag *d = diag_error(L->diags, L->unowned.v[i]->span, E408, "nothing takes this assignment up: no update's loss contains it");
        diag_hint(d, "in a function, member or loss := takes effect when an update that contains it has been done; in the schedule it is a statement");
    }
}
