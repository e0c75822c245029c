/* report.c - what leaves the program: reports and checkpoints (pictures: picture.c); and what is asked of the reports: stop, expect. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/game/told.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "lang/check/promise.h"

#include <math.h>

const char *sched_report_name(Ctx *c, const Ast *s)
{
    return index_name(c, AstReport_name(s->report.what), s->report.name, s->report.indices, s->span);
}

/* A report is kept and logged as a double, in which whole numbers are exact up to 2^53. False, reported: this one is beyond. */
static bool in_double(Ctx *c, IrVal *t, Span at)
{
    static const char what[] = "a whole number beyond 2^53, which a report would round";
    const int64_t most = INT64_C(1) << 53;
    int64_t lo, hi;
    IrBuilder *b = fn_builder(c);
    if (t->type.elem != IR_I64 || ints_within(c->L, t, -most, most)) return true;
    bool never = ints_known(c->L, t, &lo, &hi) && (lo > most || hi < -most);
    if (!never && watch(c, ir_compare(b, IR_LE, t, ir_const_int(b, IR_I64, most)), what, at) && watch(c, ir_compare(b, IR_GE, t, ir_const_int(b, IR_I64, -most)), what, at)) return true;
    Diag *d = diag_error(c->L->diags, at, E401, "this is %s", what);
    diag_hint(d, "real(x) reports it rounded; or report a difference, or a remainder");
    return false;
}

static IrVal *report_number(Ctx *c, const Ast *s)
{
    Value *v = eval(c, s->report.value);
    IrVal *t = val_bad(v) ? NULL : as_shown(c, v, s->report.value->span);
    if (!t) return NULL;
    c->L->part->kind_of_report = v->estimate;
    if (!t->type.rank && !t->type.axes.n) return in_double(c, t, s->report.value->span) ? arith_convert(c, t, IR_F64) : NULL;
    Diag *d = diag_error(c->L->diags, s->report.value->span, E401, "a report is one number, and this is %s%s",
                         type_text(c->L, &t->type), t->type.axes.n ? " for each sample" : "");
    if (t->type.axes.n) diag_hint(d, "E[x] ... averages over a sample");
    else diag_hint(d, "norm(x), mean(x), sum(x) or x[0] make one number of it");
    return NULL;
}

void sched_report(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    const char *name = sched_report_name(c, s);
    if (!name) return;
    const char *path = strf(L, "report.%s", name);
    if (!strcmp(name, "step") || !strcmp(name, "seconds") || !strcmp(name, "kinds") || !strcmp(name, "measured")) {
        diag_error(L->diags, s->span, E101, "every line of the log has its own %s; a report needs another name", name);
        return;
    }
    IrType t = ir_scalar(IR_F64);
    Part *p = part_begin(L, strf(L, "report_%s", name), IR_FN_REPORT, s->span);
    Ctx inner = *c;
    inner.block = NULL;
    IrVal *v = report_number(&inner, s);
    if (v && L->told) told_measure(&inner, s->report.value);
    if (v) {
        int slot = ir_find_slot(L->m, path);
        if (slot < 0) {
            slot = slot_new(L, path, t, IR_SLOT_STATE, NULL);
            state_of_program(L, slot, STATE_OF_REPORTS);
            Fn *before = fn_enter_init(L);
            fn_initialise(L, slot, ir_const(&L->fn->b, IR_F64, NAN));
            fn_leave_init(L, before);
        }
        part_report(L, name, v);
        env_set(L, slot, v, s->span);
    }
    part_end(L);
    if (names_get(&L->reports, s->report.name) < 0) names_put(&L->reports, s->report.name, REPORT_WITH_INDICES);
    names_put(&L->reports, name, REPORT_ITSELF);
    sched_call(c, to, p, GAN_REPORT, name, s->span);
    sched_line(c, p, "report", name, s->span);
}

/* ---- stop, expect, save */

void sched_stop(Ctx *c, const Ast *s, Nodes *to)
{
    bool now, ok;
    Ctx inner = *c;
    if (!to->rounds) {
        diag_error(c->L->diags, s->span, E403, "stop when leaves an alternate block, and stands in one");
        return;
    }
    inner.reports_first = true;
    Part *f = sched_condition(&inner, s->stop.cond, "stop", &now, &ok);
    if (!f && ok)
        diag_error(c->L->diags, s->stop.cond->span, E206, "this condition is %s from the start",
                   now ? "true" : "false");
    if (f) sched_call(c, to, f, GAN_STOP, "stop", s->span);
}

/* The sides of the condition's parts. */
static Shows *sides_of(Lower *L, const Ast *condition)
{
    Promise p[PROMISES_MOST];
    int     n = promises_of(condition, p);
    Shows  *w = arena_array(L->work, Shows, 1);
    *w = (Shows){arena_array(L->work, Shown, 4 * n), 0};
    for (int i = 0; i < n; i++) {
        const struct { const char *what; const Ast *node; } sides[] = {{"held", p[i].whole}, {"left", p[i].left}, {"right", p[i].right}, {"within", p[i].within}};
        for (int k = 0; k < 4; k++) {
            if (!sides[k].node) continue;
            w->v[w->n++] = (Shown){strf(L, "%s %d", sides[k].what, i), sides[k].node, NULL};
        }
    }
    return w;
}

static bool is_number(const Value *v) { return v->kind == V_BOOL || v->kind == V_INT || v->kind == V_REAL || v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_REPORT; }

void sched_report_watched(Ctx *c)
{
    for (int i = 0; c->watch && i < c->watch->n; i++) {
        const Ast *e = c->watch->v[i].node;
        Value     *v = c->watch->v[i].value;
        if (!v || val_bad(v) || !is_number(v)) continue;
        IrVal *t = as_shown(c, v, e->span);
        if (t && !t->type.rank && !t->type.axes.n) part_report(c->L, c->watch->v[i].name, t->type.elem == IR_BOOL ? t : arith_convert(c, t, IR_F64));
    }
}

/* A condition known to be true is still a promise that the file makes: it is judged, and held, like the others. */
static Part *held_from_the_start(Ctx *c, const Ast *e)
{
    Lower *L = c->L;
    Ctx inner = *c;
    Part *p = part_begin(L, "expect", IR_FN_REPORT, e->span);
    IrVal *t = as_tensor(&inner, eval(&inner, e), e->span);
    if (t) part_report(L, "expect", t);
    if (t) sched_report_watched(&inner);
    part_end(L);
    return p;
}

void sched_expect(Ctx *c, const Ast *s, Nodes *to)
{
    bool now, ok;
    Ctx inner = *c;
    inner.reports_first = true;
    if (c->L->o.sides) inner.watch = sides_of(c->L, s->expect.cond);
    const char *text = text_of_source(c->L, s->expect.cond->span);
    if (*c->index) text = strf(c->L, "%s %s", text, c->index);     /* each round of a loop has a promise of its own */
    if (!to->top) {
        Diag *d = diag_error(c->L->diags, s->span, E403, "expect is what the file promises in the end, and stands at the top level");
        diag_hint(d, "expect .. by step N at the top level is judged at that step");
        return;
    }
    Part *f = sched_condition(&inner, s->expect.cond, "expect", &now, &ok);
    if (!f && ok && !now) diag_error(c->L->diags, s->expect.cond->span, E206, "this can never hold");
    if (!f && ok && now) f = held_from_the_start(&inner, s->expect.cond);
    if (!f) return;
    sched_call(c, to, f, GAN_EXPECT, text, s->span);
    GanSchedule *n = to->list.v[to->list.n - 1];
    if (s->expect.by && as_size(c, eval(c, s->expect.by), s->expect.by->span, "the step", &n->by_step) && !n->by_step)
        diag_error(c->L->diags, s->expect.by->span, E204, "rounds are counted from 1: by step 1 is after the first");
}

/* A file of that name lies beside those that are named by their step, and is to be named by a person. */
static bool is_file_name(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    enum { LONGEST = 100 };
    size_t n = strlen(s);
    return n <= LONGEST && strspn(s, letters) && n == strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
}

void sched_save(Ctx *c, const Ast *s, Nodes *to)
{
    GanSchedule *n = sched_node(c, to, GAN_SAVE, s->span);
    if (!s->save.name) return;
    Value *v = eval(c, s->save.name);
    if (v->kind == V_STRING && is_file_name(v->s)) n->name = v->s;
    else if (v->kind == V_STRING) {
        Diag *d = diag_error(c->L->diags, s->save.name->span, E201, "this cannot be the name of a checkpoint");
        diag_hint(d, "save \"best\" keeps checkpoints/best.safetensors: a letter, then letters, digits, '-', '_' and '.', at most 100");
    } else if (!val_bad(v))
        diag_error(c->L->diags, s->save.name->span, E201, "save takes a name, and this is %s", val_text(c->L, v));
}
