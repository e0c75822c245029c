/* report.c - what leaves the program: reports, pictures, checkpoints; and what is asked of the reports: stop, expect. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

static const char *report_name(Ctx *c, const Ast *s)
{
    return index_name(c, AstReport_name(s->report.what), s->report.name, s->report.indices, s->span);
}

static void remember_report(Lower *L, const char *name)
{
    for (int i = 0; i < L->reports.n; i++)
        if (!strcmp(L->reports.v[i], name)) return;
    array_push(L->a, &L->reports, name);
}

static IrVal *report_number(Ctx *c, const Ast *s)
{
    Value *v = eval(c, s->report.value);
    IrVal *t = val_bad(v) ? NULL : as_tensor(c, v, s->report.value->span);
    if (!t) return NULL;
    if (!t->type.rank && !t->type.axes.n) return arith_convert(c, t, IR_F64);
    Diag *d = diag_error(c->L->diags, s->report.value->span, E401, "a report is one number, and this is %s%s",
                         type_text(c->L, &t->type), t->type.axes.n ? " for each sample" : "");
    if (t->type.axes.n) diag_hint(d, "E[x] ... averages over a sample");
    return NULL;
}

void sched_report(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    const char *name = report_name(c, s);
    if (!name) return;
    const char *path = strf(L, "report.%s", name);
    if (!strcmp(name, "step") || !strcmp(name, "seconds")) {
        diag_error(L->diags, s->span, E101, "every line of the log has its own %s; a report needs another name", name);
        return;
    }
    IrType t = ir_scalar(IR_F64);
    Part *p = part_begin(L, strf(L, "report_%s", name), IR_FN_REPORT, s->span);
    Ctx inner = *c;
    inner.block = NULL;
    IrVal *v = report_number(&inner, s);
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
    remember_report(L, name);
    sched_call(c, to, p, GAN_REPORT, name, s->span);
    sched_line(c, p, "report", name, s->span);
}

typedef struct Picture { int64_t n; double lo, hi; const Ast *what[MAX_ARGS]; int n_what; } Picture;

/* scatter(p, q, n: 1000), grid(p, 64, lo: -1, hi: 1). */
static bool picture_args(Ctx *c, const Ast *s, bool grid, Picture *p)
{
    const Ast *e = s->report.value;
    const char *word = grid ? "grid" : "scatter";
    *p = (Picture){.n = grid ? 64 : 1000, .lo = -1, .hi = 1};
    bool is = e->kind == AST_CALL && e->call.callee->kind == AST_NAME && !strcmp(e->call.callee->name.name, word);
    if (!is || e->call.args.n > MAX_ARGS) {
        diag_error(c->L->diags, e->span, E403, "%s takes %s(...)", AstReport_name(s->report.what), word);
        return false;
    }
    for (int i = 0; i < e->call.args.n; i++) {
        const Ast *a = e->call.args.v[i];
        const char *name = a->arg.name ? a->arg.name : grid && i == 1 ? "n" : NULL;
        Span at = a->arg.value->span;
        if (!name) p->what[p->n_what++] = a->arg.value;
        else if (!strcmp(name, "n") ? !as_size(c, eval(c, a->arg.value), at, "n", &p->n)
                 : !strcmp(name, "lo") ? !as_number(c, eval(c, a->arg.value), at, "lo", &p->lo)
                 : !strcmp(name, "hi") ? !as_number(c, eval(c, a->arg.value), at, "hi", &p->hi) : true) {
            if (strcmp(name, "n") && strcmp(name, "lo") && strcmp(name, "hi"))
                diag_error(c->L->diags, at, E110, "%s has no argument called %s", word, name);
            return false;
        }
    }
    if (p->n_what >= 1 && p->n > 0 && (!grid || p->n_what == 1)) return true;
    diag_error(c->L->diags, e->span, E109,
               grid ? "grid takes one distribution of images" : "scatter takes distributions of points in the plane");
    return false;
}

static IrVal *picture_draw(Ctx *c, const Ast *e, int64_t n, bool grid)
{
    Lower *L = c->L;
    Dist *d = as_dist(c, eval_raw(c, e), e->span);
    if (!d) return NULL;
    int axis = ir_axis(L->m, "picture", n);
    Ctx inner = *c;
    inner.block = NULL;
    inner.axes = ir_one_axis(axis);
    if (!axes_fit(c, inner.axes, e->span)) return NULL;
    Value *v = dist_sample(&inner, d, NULL, e->span);
    if (!val_bad(v)) v = sample_stack(c, v, inner.axes, e->span);
    IrVal *t = val_bad(v) ? NULL : as_real(c, v, e->span);
    if (!t) return NULL;
    bool plane = t->type.rank == 2 && t->type.dim[1] == 2,
         image = t->type.rank == 3 || (t->type.rank == 4 && (t->type.dim[3] == 1 || t->type.dim[3] == 3));
    if (grid ? image : plane) return t;
    IrInts each = ir_ints(t->type.rank - 1, t->type.dim + 1);
    diag_error(L->diags, e->span, E201,
               grid ? "grid draws images, [h, w] or [h, w, 3], and a draw of this has the shape %s"
                    : "scatter draws points, [2], and a draw of this has the shape %s",
               dims_text(L, &each));
    return NULL;
}

/* A picture is a file of its name. */
static bool picture_named(Ctx *c, const char *name, Span at)
{
    enum { LONGEST = 200 };
    if (!strchr(name, '/') && strlen(name) <= LONGEST) return true;
    Diag *d = diag_error(c->L->diags, at, E201, "this cannot be the name of a picture");
    diag_hint(d, "it is a file of that name, so there is no / in it, and at most %d letters", LONGEST);
    return false;
}

void sched_picture(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    bool grid = s->report.what == AST_REPORT_IMAGE;
    Picture what;
    if (!picture_args(c, s, grid, &what)) return;
    const char *name = report_name(c, s);
    if (!name || !picture_named(c, name, s->span)) return;
    Part *p = part_begin(L, strf(L, "%s_%s", AstReport_name(s->report.what), name), IR_FN_REPORT, s->span);
    for (int i = 0; i < what.n_what; i++) {
        IrVal *t = picture_draw(c, what.what[i], what.n, grid);
        if (t) part_report(L, strf(L, "%d", i), t);
    }
    part_end(L);
    sched_call(c, to, p, grid ? GAN_GRID : GAN_SCATTER, name, s->span);
    GanSchedule *n = to->list.v[to->list.n - 1];
    n->lo = what.lo, n->hi = what.hi;
    sched_line(c, p, AstReport_name(s->report.what), name, s->span);
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

/* A condition known to be true is still a promise that the file makes: it is judged, and held, like the others. */
static Part *held_from_the_start(Ctx *c, const Ast *e)
{
    Lower *L = c->L;
    Ctx inner = *c;
    Part *p = part_begin(L, "expect", IR_FN_REPORT, e->span);
    IrVal *t = as_tensor(&inner, eval(&inner, e), e->span);
    if (t) part_report(L, "expect", t);
    part_end(L);
    return p;
}

void sched_expect(Ctx *c, const Ast *s, Nodes *to)
{
    bool now, ok;
    Ctx inner = *c;
    inner.reports_first = true;
    const char *text = sched_text(c->L, s->expect.cond->span);
    if (*c->index) text = strf(c->L, "%s, in the round %s", text, c->index);     /* each round of a loop has a promise of its own */
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
