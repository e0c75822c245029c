/* pending.c - u := e in layers, comparisons and functions: the old value is read everywhere, and an update commits the new one.
 *
 * An assignment travels with the value that it was made beside: the results of the block it stands in are nodes of their own, its
 * witnesses, and whatever depends on it depends on them. The first update of the state's owner whose loss or direction depends on it commits it,
 * once, after the step, as the mean over applications; updates of others drop it. A state that no player owns is committed by any update. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/pending.h"
#include "compiler/lower/eval/rounds.h"
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

static void note_assigned(Lower *L, const Ast *assign, const Player *owner, bool committed)
{
    for (int i = 0; i < L->assigned.n; i++)
        if (L->assigned.v[i].at == assign && L->assigned.v[i].owner == owner) {
            L->assigned.v[i].committed |= committed;
            return;
        }
    array_push(L->a, &L->assigned, ((__typeof__(*L->assigned.v)){assign, owner, committed}));
}

void pending_idle(Ctx *c, int slot, const Ast *assign)
{
    if (!slot_owner(c->L, slot) && !c->L->trials) note_assigned(c->L, assign, NULL, false);
}

/* In a block none of whose updates moves the owner. */
static void held_in_block(Ctx *c, const Player *owner, const Ast *assign)
{
    if (c->L->fn == c->L->graph && !c->L->trials) note_assigned(c->L, assign, owner, false);
}

/* What the application at hand has assigned to it before; NULL: nothing. */
static Pending *assigned_before(Ctx *c, int slot)
{
    Lower *L = c->L;
    for (int i = L->pendings.n; i-- > 0;) {
        Pending *p = L->pendings.v[i];
        if (p->slot == slot && p->part == L->part && p->application == c->application && !p->done.n) return p;
    }
    return NULL;
}

/* What is assigned last counts, element by element. */
static void assign_again(Ctx *c, Pending *p, IrVal *v, IrVal *picked, const Ast *assign)
{
    IrBuilder *b = fn_builder(c);
    p->v = picked ? ir_select(b, picked, v, p->v) : v;
    p->picked = picked && p->picked ? ir_or(b, picked, p->picked) : NULL;
    p->assign = assign;
    p->n_witness = 0;                                       /* the block at hand makes them */
}

static Pending *pending_new(Ctx *c, LoopAssign a)
{
    Lower *L = c->L;
    Pending *p = arena_new_of(L->a, Pending);
    *p = (Pending){.slot = a.slot, .v = a.v, .picked = a.picked, .owner = slot_owner(L, a.slot), .assign = a.assign, .part = L->part,
                   .application = a.application, .arm = arm_now(L), .of_block = c->block != NULL};
    array_push(L->a, &L->pendings, p);
    return p;
}

/* Conditions and whole numbers have none, unless all applications assign the same. */
static bool has_mean(const IrVal *v) { return ir_is_real(v->type.elem); }

static void no_mean(Ctx *c, const Ast *assign, int slot)
{
    const IrSlot *s = &c->L->m->slots.v[slot];
    bool          condition = s->type.elem == IR_BOOL;
    Diag *d = diag_error(c->L->diags, assign->span, E201, "%s is %s, and several applications in one update assign it: they have no mean", s->path,
                         condition ? "a condition" : "a whole number");
    diag_hint(d, condition ? "a real state, where(cond, 1, 0), has one: the share of those where it holds" : "a real state has one");
}

/* Rows that give the same for the same operands. Not a read: two of one slot may be of two times. */
static bool is_function(const IrNode *n)
{
    return n->op != IR_read && n->op != IR_permute && !n->n_bodies && ir_op_info[n->op].klass != IR_CLASS_RAND;
}

/* The same number whatever it is: of the same rows, in the same order, of the same values. */
static bool same_value(const IrVal *a, const IrVal *b, int depth)
{
    if (a == b) return true;
    if (!depth || !a->def || !b->def || !ir_type_equal(&a->type, &b->type)) return false;
    const IrNode *x = a->def, *y = b->def;
    if (x->op != y->op || x->attr != y->attr || x->n_args != y->n_args || a->index != b->index || !is_function(x)) return false;
    for (int i = 0; i < x->n_args; i++)
        if (!same_value(x->arg[i], y->arg[i], depth - 1)) return false;
    return true;
}

static void assign_in_loop(Ctx *c, LoopAssign a)
{
    Fn *f = c->L->fn;
    if (!has_mean(a.v)) {
        no_mean(c, a.assign, a.slot);
        return;
    }
    for (int i = f->loop_assigns.n; i-- > 0;) {
        LoopAssign *k = &f->loop_assigns.v[i];
        if (k->slot != a.slot || k->application != a.application) continue;
        k->v = a.picked ? ir_select(&f->b, a.picked, a.v, k->v) : a.v;
        k->picked = a.picked && k->picked ? ir_or(&f->b, a.picked, k->picked) : NULL;
        return;
    }
    a.body = f->b.block;
    array_push(c->L->a, &f->loop_assigns, a);
}

/* Does what is assigned here wait for the end of a round? Not among the updates of `after`, which take it up where they stand. */
static bool waits_in_loop(const Lower *L) { return L->fn->b.block != (L->g->updates_in ? L->g->updates_in : &L->fn->ir->body); }

void pending_add(Ctx *c, int slot, IrVal *v, IrVal *picked, const Ast *assign)
{
    Lower *L = c->L;
    Player *owner = slot_owner(L, slot);
    pending_idle(c, slot, assign);
    bool held = c->block && owner && !block_trains(c->block, owner);
    if (held) held_in_block(c, owner, assign);
    if (held || L->fn != L->graph || (!c->block && !L->part->binds)) return;
    if (waits_in_loop(L)) {
        assign_in_loop(c, (LoopAssign){slot, v, picked, assign, c->application, 0, NULL, NULL});
        return;
    }
    Pending *p = assigned_before(c, slot);
    if (p) assign_again(c, p, v, picked, assign);
    else pending_new(c, (LoopAssign){slot, v, picked, assign, c->application, 0, NULL, NULL});
}

void pending_add_rounds(Ctx *c, LoopAssign sum)
{
    Fn *f = c->L->fn;
    sum.picked = NULL;
    sum.application = ++c->L->n_applications;
    if (waits_in_loop(c->L)) {
        sum.body = f->b.block;
        array_push(c->L->a, &f->loop_assigns, sum);
        return;
    }
    Pending *p = pending_new(c, sum);
    p->times = sum.times;
    p->count = sum.count;
}

/* ---- sums over applications */

static int64_t times_of(const Pending *p) { return p->times ? p->times : 1; }

/* The same number for each element. */
static IrVal *everywhere(IrBuilder *b, const IrVal *like, int64_t n)
{
    IrVal *all = ir_const_like(b, like, (double)n);
    return like->type.rank ? ir_fill(b, all, ir_dims_of(&like->type)) : all;
}

IrVal *pending_count_of(IrBuilder *b, const IrVal *v, IrVal *picked, int64_t times, IrVal *count)
{
    IrVal *all = count ? count : everywhere(b, v, times ? times : 1);
    return picked ? ir_select(b, picked, all, ir_const_like(b, all, 0)) : all;
}

IrVal *pending_sum_of(IrBuilder *b, IrVal *v, IrVal *picked) { return picked ? ir_select(b, picked, v, ir_const_like(b, v, 0)) : v; }

/* Nothing is assigned where the condition does not hold. */
static void only_where(IrBuilder *b, IrVal **v, IrVal **picked, int64_t times, IrVal **count, IrVal *cond)
{
    if (!times) {
        *picked = *picked ? ir_and(b, *picked, cond) : cond;
        return;
    }
    *count = ir_select(b, cond, pending_count_of(b, *v, *picked, times, *count), ir_const_like(b, *v, 0));
    *v = ir_select(b, cond, *v, ir_const_like(b, *v, 0));
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

/* An application of a loop has the loop's result for a witness, until the block around it has one. */
static bool waits_for_witness(const Pending *p) { return !p->n_witness || p->by_loop; }

static Value *witnessed(Ctx *c, int from, Value *v, bool by_loop)
{
    Lower *L = c->L;
    bool waits = false;
    for (int i = from; i < L->pendings.n; i++) waits = waits || waits_for_witness(L->pendings.v[i]);
    if (!waits || (v->kind != V_TENSOR && v->kind != V_SLOT && v->kind != V_RECORD)) return v;
    ARRAY(IrVal *) own = {0};
    v = map_fields(c, v, witness_leaf, &own);
    for (int i = from; i < L->pendings.n; i++) {
        Pending *p = L->pendings.v[i];
        if (!waits_for_witness(p)) continue;
        p->witness = own.v;
        p->n_witness = own.n;
        p->by_loop = by_loop;
    }
    return v;
}

Value *pending_result(Ctx *c, int from, Value *v) { return witnessed(c, from, v, false); }

Value *pending_result_of_loop(Ctx *c, int from, Value *v) { return witnessed(c, from, v, true); }

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

typedef enum { DONE_NO, DONE_YES, DONE_ASK } WasDone;

/* Has an update committed it by now? On a side of a control statement that may not have been taken, and in a loop that it was made before, only
 * the running program can say. */
static WasDone is_done(const Lower *L, const Pending *p)
{
    WasDone done = arm_repeats(L, p->arm) ? DONE_ASK : DONE_NO;
    for (int i = 0; i < p->done.n; i++) {
        if (arm_holds(L, p->done.v[i].arm)) return DONE_YES;
        if (!arm_excludes(L, p->done.v[i].arm)) done = DONE_ASK;
    }
    return done;
}

/* ---- a flag for what only the running program knows: false where the value is made, true with each update that commits it */

static IrVal **commit_of(Part *p, int slot)
{
    for (int i = 0; i < p->commits.n; i++)
        if (p->commits.v[i].slot == slot) return &p->commits.v[i].val;
    return NULL;
}

/* To true where `when` holds, and else to what it is; NULL: always. */
static void set_flag(Lower *L, Part *p, int slot, IrVal *when)
{
    Part *now = L->part;
    IrBuilder *b = &L->fn->b;
    IrBlock *block = b->block;
    part_back(L, p);
    b->block = &L->fn->ir->body;
    IrVal **set = commit_of(p, slot), *to = when ? ir_or(b, set ? *set : fn_read(L, slot), when) : ir_const(b, IR_BOOL, true);
    if (set) *set = to;
    else array_push(L->work, &p->commits, ((IrCommit){slot, to}));
    b->block = block;
    part_back(L, now);
}

static void begin_flag(Lower *L, Part *p, int slot)
{
    Part *now = L->part;
    part_back(L, p);
    array_push(L->work, &p->commits, ((IrCommit){slot, ir_const(&L->fn->b, IR_BOOL, false)}));
    part_back(L, now);
}

static void flag_new(Lower *L, Pending *p)
{
    int slot = slot_new(L, names_unique(&L->root_names, strf(L, "taken.%s", p->part->name)), ir_scalar(IR_BOOL), IR_SLOT_STATE, NULL);
    Fn *before = fn_enter_init(L);
    fn_initialise(L, slot, ir_const(&L->fn->b, IR_BOOL, 0));
    fn_leave_init(L, before);
    state_of_program(L, slot, STATE_OF_STATEMENTS);
    p->flag = 1 + slot;
    begin_flag(L, p->part, slot);
    for (int i = 0; i < p->done.n; i++)
        if (!p->done.v[i].ahead) set_flag(L, p->done.v[i].part, slot, p->done.v[i].when);
}

/* An update commits it. Of what is only looked ahead at nothing stays. */
static void taken(Lower *L, Pending *p)
{
    struct Done now = {arm_now(L), L->part, L->g->taken, L->g->ahead != NULL};
    if (p->flag && !now.ahead) set_flag(L, now.part, p->flag - 1, now.when);
    array_push(L->a, &p->done, now);
}

/* How often its applications assign an element. */
static IrVal *counted(IrBuilder *b, const Pending *p) { return pending_count_of(b, p->v, p->picked, p->times, p->count); }

static bool counts(const Pending *p) { return p->picked || p->count; }

static IrVal *where_assigned(IrBuilder *b, const Pending *p) { return pending_sum_of(b, p->v, p->picked); }

/* Does an update of another part, or an earlier round of a loop, decide? Then the part at hand reads what the flag is when it begins. */
static bool asks_flag(const Lower *L, const Pending *p)
{
    bool asks = arm_repeats(L, p->arm);
    for (int i = 0; i < p->done.n; i++) asks = asks || (!arm_excludes(L, p->done.v[i].arm) && (p->done.v[i].part != L->part || !p->done.v[i].when));
    return asks;
}

/* Where no update has committed it yet. Nobody keeps the flag. */
static IrVal *waits(Lower *L, Pending *p)
{
    IrBuilder *b = &L->fn->b;
    IrVal *yet = NULL;
    if (asks_flag(L, p)) {
        if (!p->flag) flag_new(L, p);
        yet = ir_not(b, fn_read(L, p->flag - 1));
    }
    for (int i = 0; i < p->done.n; i++) {
        if (p->done.v[i].part != L->part || !p->done.v[i].when || arm_excludes(L, p->done.v[i].arm)) continue;
        IrVal *not_here = ir_not(b, p->done.v[i].when);
        yet = yet ? ir_and(b, yet, not_here) : not_here;
    }
    return yet;
}

/* The same pending, there alone. */
static const Pending *where_waiting(Lower *L, Pending *p)
{
    Pending *once = arena_copy(L->a, p, sizeof *p);
    only_where(&L->fn->b, &once->v, &once->picked, once->times, &once->count, waits(L, p));
    return once;
}

void pending_where(Ctx *c, int pendings, int assigns, IrVal *cond)
{
    Lower *L = c->L;
    IrBuilder *b = fn_builder(c);
    for (int i = pendings; i < L->pendings.n; i++) {
        Pending *p = L->pendings.v[i];
        only_where(b, &p->v, &p->picked, p->times, &p->count, cond);
    }
    for (int i = assigns; i < L->fn->loop_assigns.n; i++) {
        LoopAssign *a = &L->fn->loop_assigns.v[i];
        only_where(b, &a->v, &a->picked, a->times, &a->count, cond);
    }
}

/* ---- the mean over applications */

static Mean mean_of_one(const Pending *p)
{
    return (Mean){.slot = p->slot, .n = 1, .times = times_of(p), .first = p, .sum = p->v, .count = p->count, .picked = has_mean(p->v) ? NULL : p->picked};
}

/* The sum of those so far, with 0 where nothing is assigned, and their number for each element. */
static void open_mean(IrBuilder *b, Mean *m, bool count)
{
    if (m->n == 1) m->sum = where_assigned(b, m->first), m->count = counts(m->first) ? counted(b, m->first) : NULL;
    if (count && !m->count) m->count = everywhere(b, m->sum, m->times);
}

static void add_to_mean(IrBuilder *b, Mean *m, Mean *more)
{
    bool count = m->count || more->count || (m->n == 1 && counts(m->first)) || (more->n == 1 && counts(more->first));
    open_mean(b, m, count);
    open_mean(b, more, count);
    if (count) m->count = ir_add(b, m->count, more->count);
    m->sum = ir_add(b, m->sum, more->sum);
    m->times += more->times;
    m->n += more->n;
}

/* Whole numbers: one value, wherever it is assigned. other: the condition that picks `more`, where no more than one of the two is ever done. */
static void add_whole(Ctx *c, Mean *m, const Mean *more, IrVal *other)
{
    IrBuilder *b = &c->L->fn->b;
    bool same = same_value(m->sum, more->sum, 8);
    if (!same && !other) {
        no_mean(c, more->first->assign, m->slot);
        return;
    }
    if (!same) m->sum = ir_select(b, other, more->sum, m->sum);
    m->picked = m->picked && more->picked ? ir_or(b, m->picked, more->picked) : NULL;
}

static int mean_at(const Changes *c, int slot)
{
    for (int i = 0; i < c->means.n; i++)
        if (c->means.v[i].slot == slot) return i;
    return -1;
}

/* With those of other updates that read the same starting point. */
static void add(Ctx *c, Mean more, IrVal *other, Changes *out)
{
    int at = mean_at(out, more.slot);
    if (at < 0) array_push(c->L->a, &out->means, more);
    else if (has_mean(more.sum)) add_to_mean(&c->L->fn->b, &out->means.v[at], &more);
    else add_whole(c, &out->means.v[at], &more, other);
}

/* What no application assigns stays what it is where the update stands. */
static IrVal *mean_of(Lower *L, const Mean *m)
{
    IrBuilder *b = &L->fn->b;
    IrVal *picked = has_mean(m->sum) ? m->first->picked : m->picked;
    if (!has_mean(m->sum) || (m->n == 1 && !m->first->times)) return picked ? ir_select(b, picked, m->sum, fn_read(L, m->slot)) : m->sum;
    if (!m->count) return ir_div(b, m->sum, ir_const_like(b, m->sum, (double)m->times));
    IrVal *one = ir_const_like(b, m->count, 1);
    return ir_select(b, ir_compare(b, IR_GE, m->count, one), ir_div(b, m->sum, ir_max(b, m->count, one)), fn_read(L, m->slot));
}

/* The same where a condition holds: elsewhere nothing is assigned. */
static Mean where_taken(IrBuilder *b, Mean m, IrVal *taken)
{
    if (!has_mean(m.sum)) {
        m.picked = m.picked ? ir_and(b, taken, m.picked) : taken;
        return m;
    }
    open_mean(b, &m, true);
    m.sum = ir_select(b, taken, m.sum, ir_const_like(b, m.sum, 0));
    m.count = ir_select(b, taken, m.count, ir_const_like(b, m.count, 0));
    m.n++;                                                  /* no longer that of one alone */
    return m;
}

bool pending_side(Ctx *c, const Changes *side, int slot, IrVal *taken, int outside, Changes *out)
{
    int at = mean_at(side, slot), before = mean_at(out, slot);
    if (at < 0) return false;
    add(c, where_taken(&c->L->fn->b, side->means.v[at], taken), before >= outside ? taken : NULL, out);
    changes_put(c->L, out, slot, mean_of(c->L, &out->means.v[mean_at(out, slot)]));
    return true;
}

/* ---- updates of `after` in the body of a loop
 *
 * They take up what they depend on, as others do. Of what comes with a carried value, from before the loop or from an earlier round, the graph does
 * not say which round depends on it: so that loop is unrolled. */

/* The last of what a loop carries: that one, or the innermost of which something is reached. */
static const Carried *carried_by(const Fn *f, const IrBlock *body, const bool *reached)
{
    for (int i = f->carried.n; i-- > 0;) {
        const IrVal *v = f->carried.v[i].param;
        if (body ? v->param_of == body : reached[v->id]) return &f->carried.v[i];
    }
    return NULL;
}

static bool unrolled_for(Ctx *c, const Carried *k, int slot, const Ast *assign, Span at)
{
    Fn *f = c->L->fn;
    if (k->n <= MOST_UNROLLED) {
        if (!f->unroll.body) f->unroll = (Unroll){k->param->param_of, *k, c->L->m->slots.v[slot].path, at, true};
        return false;
    }
    Diag *d = diag_error(c->L->diags, at, E409, "in a loop of more than %d rounds, an update of after may take up what was assigned to %s outside of it", MOST_UNROLLED,
                         c->L->m->slots.v[slot].path);
    diag_note(d, assign->span, "assigned here");
    diag_hint(d, "for i in 0..n, s = .. { .. } is the same loop, unrolled, in which it is taken up");
    return false;
}

/* False where what an update of these players depends on may have been assigned before the loop, or in this round: its loop is to be unrolled, or that
 * is reported. What earlier rounds have assigned the end of the body tells. */
static bool loop_fine(Ctx *c, const bool *reached, Player *const *players, int n, Span at)
{
    Lower *L = c->L;
    Fn *f = L->fn;
    if (!f->carried.n) return true;
    for (int i = 0; i < f->loop_assigns.n; i++) {
        const LoopAssign *a = &f->loop_assigns.v[i];
        const Pending one = {.slot = a->slot, .owner = slot_owner(L, a->slot)};
        if (is_moved(&one, players, n)) return unrolled_for(c, carried_by(f, a->body, NULL), a->slot, a->assign, at);
    }
    const Carried *through = carried_by(f, NULL, reached);
    if (!through) return true;
    for (int i = 0; i < L->pendings.n && i < L->g->updates_from; i++) {
        const Pending *p = L->pendings.v[i];
        if (is_moved(p, players, n) && !depends(p, reached) && is_done(L, p) != DONE_YES) return unrolled_for(c, through, p->slot, p->assign, at);
    }
    for (int i = 0; i < n; i++) array_push(L->a, &f->ahead_moves, ((AheadMove){players[i], at}));
    return true;
}

bool pending_round(Ctx *c, const IrBlock *body, int moves, int assigns)
{
    const Fn *f = c->L->fn;
    for (int i = assigns; i < f->loop_assigns.n; i++) {
        const LoopAssign *a = &f->loop_assigns.v[i];
        const Player *owner = slot_owner(c->L, a->slot);
        for (int k = moves; k < f->ahead_moves.n; k++)
            if (!owner || f->ahead_moves.v[k].owner == owner) return unrolled_for(c, carried_by(f, body, NULL), a->slot, a->assign, f->ahead_moves.v[k].at);
    }
    return true;
}

void pending_commit(Ctx *c, int from, IrVal *const *value, int n, Player *const *players, int n_players, Span at, Changes *out)
{
    Lower *L = c->L;
    if (!L->pendings.n && !L->fn->carried.n) return;
    Arena *scratch = arena_new();
    const bool *reached = graph_behind(L, value, n, scratch);
    bool fine = loop_fine(c, reached, players, n_players, at);
    for (int i = 0; i < L->pendings.n && fine; i++) {
        Pending *p = L->pendings.v[i];
        bool wanted = is_moved(p, players, n_players) && (i >= from || depends(p, reached));
        WasDone done = wanted ? is_done(L, p) : DONE_YES;
        if (done == DONE_YES) continue;
        add(c, mean_of_one(done == DONE_ASK ? where_waiting(L, p) : p), NULL, out);
        taken(L, p);
        if (!p->owner) note_assigned(L, p->assign, NULL, true);
    }
    for (int i = 0; i < out->means.n; i++) changes_put(L, out, out->means.v[i].slot, mean_of(L, &out->means.v[i]));
    arena_free(scratch);
}

/* A player without parameters is moved by no update; of one that has some, and is not moved, that is said (W400). */
static bool never_moved(const Player *p) { return !p->params.n && !p->updated; }

void pending_check(Lower *L)
{
    for (int i = 0; i < L->assigned.n; i++) {
        const __typeof__(*L->assigned.v) *k = &L->assigned.v[i];
        /* what the library keeps while others train has nothing to keep where they only measure */
        if (k->committed || in_library(L, k->at->span) || (k->owner && !never_moved(k->owner))) continue;
        if (!k->owner) {
            Diag *d = diag_error(L->diags, k->at->span, E408, "nothing takes this assignment up: no update's loss contains it");
            diag_hint(d, "in a function, member or loss := takes effect when an update that contains it has been done; in the schedule it is a statement");
        } else {
            Diag *d = diag_error(L->diags, k->at->span, E408, "nothing takes this assignment up: it waits for an update of %s, which has no parameters to be moved", k->owner->name);
            diag_hint(d, "in a def, with its state at the top level, it is part of each update whose loss contains it");
        }
    }
}
