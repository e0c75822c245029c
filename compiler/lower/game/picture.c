/* picture.c - plots and images: what is drawn or computed for them, and where their axes are. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "runtime/picture.h"

#include <math.h>

typedef struct Picture Picture;

typedef struct PictureWord {
    const char      *name;
    AstReport        statement;                             /* that it stands in */
    GanScheduleKind  kind;
    int64_t          n;                                     /* how many are drawn of each, unless the program says */
    int              most;                                  /* parts */
    const char      *takes;
    IrVal         *(*part)(Ctx *c, Value *v, const Picture *p, Span at);
} PictureWord;

struct Picture {
    const PictureWord *word;
    int64_t            n, bins;
    double             lo, hi;                              /* NaN: not given */
};

/* ---- a part's tensor */

static IrVal *wrong_shape(Ctx *c, const IrVal *t, const char *draws, Span at)
{
    IrInts each = ir_ints(t->type.rank - 1, t->type.dim + 1);
    Diag  *d = diag_error(c->L->diags, at, E201, "%s, and a draw of this has the shape %s", draws, dims_text(c->L, &each));
    if (t->type.rank == 1) diag_hint(d, "histogram draws numbers");
    else if (t->type.rank == 2 && t->type.dim[1] == 2) diag_hint(d, "scatter draws points in the plane");
    else if (t->type.rank == 3) diag_hint(d, "image .. = grid(..) draws images");
    else if (t->type.rank == 2 && t->type.dim[1] == 1) diag_hint(d, "p |> map(scalar) makes a number of a real[1]");
    return NULL;
}

/* A new axis, and values that have none but it. */
static Ctx with_axis(Ctx *c, int64_t n, int *axis)
{
    Ctx inner = *c;
    *axis = ir_axis(c->L->m, "picture", n);
    inner.block = NULL;
    inner.axes = ir_one_axis(*axis);
    return inner;
}

static IrVal *draws_of(Ctx *c, Value *v, const Picture *p, Span at)
{
    int   axis;
    Ctx   inner = with_axis(c, p->n, &axis);
    Dist *d = as_dist(c, v, at);
    if (!d || !axes_fit(c, inner.axes, at)) return NULL;
    Value *x = dist_sample(&inner, d, NULL, at);
    if (!val_bad(x)) x = sample_stack(c, x, inner.axes, at);
    return val_bad(x) ? NULL : as_real(c, x, at);
}

static IrVal *scatter_part(Ctx *c, Value *v, const Picture *p, Span at)
{
    IrVal *t = draws_of(c, v, p, at);
    return !t || (t->type.rank == 2 && t->type.dim[1] == 2) ? t : wrong_shape(c, t, "scatter draws points, [2]", at);
}

static IrVal *histogram_part(Ctx *c, Value *v, const Picture *p, Span at)
{
    IrVal *t = draws_of(c, v, p, at);
    return !t || t->type.rank == 1 ? t : wrong_shape(c, t, "histogram draws numbers", at);
}

static IrVal *grid_part(Ctx *c, Value *v, const Picture *p, Span at)
{
    IrVal *t = draws_of(c, v, p, at);
    bool   image = t && (t->type.rank == 3 || (t->type.rank == 4 && (t->type.dim[3] == 1 || t->type.dim[3] == 3)));
    return !t || image ? t : wrong_shape(c, t, "grid draws images, [h, w] or [h, w, 3]", at);
}

/* Even places from lo to hi, one for each element of the axis. */
static Value *places(Ctx *c, const Picture *p, int axis)
{
    IrBuilder *b = fn_builder(c);
    IrVal     *i = ir_convert(b, ir_index_axis(b, axis), c->L->m->real);
    double     step = (p->hi - p->lo) / (double)(p->n > 1 ? p->n - 1 : 1);
    return val_tensor(c->L, ir_fma(b, i, ir_const(b, c->L->m->real, step), ir_const(b, c->L->m->real, p->lo)));
}

static IrVal *curve_part(Ctx *c, Value *f, const Picture *p, Span at)
{
    int axis;
    Ctx inner = with_axis(c, p->n, &axis);
    if (f->kind == V_DIST || (f->kind == V_PLAYER && f->player->word != AST_DEFINE_NET)) {
        Diag *d = diag_error(c->L->diags, at, E201, "curve draws functions of one number, and this is %s", val_text(c->L, f));
        diag_hint(d, "fn(x) exp(log_prob(p, x)) is the density of p; histogram draws samples");
        return NULL;
    }
    if (!axes_fit(c, inner.axes, at)) return NULL;
    Value *y = apply1(&inner, f, places(&inner, p, axis), p, at);
    if (!val_bad(y)) y = as_settled(&inner, y, at);
    if (!val_bad(y)) y = sample_stack(c, y, inner.axes, at);
    IrVal *t = val_bad(y) ? NULL : as_real(c, y, at);
    if (!t || t->type.rank == 1) return t;
    IrInts each = ir_ints(t->type.rank - 1, t->type.dim + 1);
    diag_error(c->L->diags, at, E201, "curve draws functions whose value is one number, and this one's has the shape %s", dims_text(c->L, &each));
    return NULL;
}

/* ---- what is to be drawn */

enum { MOST_BINS = 1000, MOST_ROWS = 100, MOST_PLACES = 10000 };

static const PictureWord words[] = {
    {"scatter", AST_REPORT_PLOT, GAN_SCATTER, 1000, PICTURE_MOST_PARTS, "distributions of points in the plane", scatter_part},
    {"histogram", AST_REPORT_PLOT, GAN_HISTOGRAM, 10000, PICTURE_MOST_PARTS, "distributions of numbers", histogram_part},
    {"curve", AST_REPORT_PLOT, GAN_CURVE, 200, PICTURE_MOST_PARTS, "functions of one number, and lo and hi", curve_part},
    {"grid", AST_REPORT_IMAGE, GAN_GRID, 64, MOST_ROWS, "a distribution of images, or a list of them", grid_part},
};
enum { N_WORDS = sizeof words / sizeof *words };

static const PictureWord *word_of(Ctx *c, const Ast *s)
{
    const Ast *e = s->report.value;
    bool       call = e->kind == AST_CALL && e->call.callee->kind == AST_NAME;
    for (int i = 0; call && i < N_WORDS; i++)
        if (words[i].statement == s->report.what && !strcmp(e->call.callee->name.name, words[i].name)) return &words[i];
    bool image = s->report.what == AST_REPORT_IMAGE;
    diag_error(c->L->diags, e->span, E403, "%s takes %s", AstReport_name(s->report.what), image ? "grid(...)" : "scatter(...), histogram(...) or curve(...)");
    return NULL;
}

/* n, lo, hi, bins. False after an error. */
static bool named_argument(Ctx *c, const char *name, const Ast *a, Picture *p)
{
    Value *v = eval(c, a->arg.value);
    Span   at = a->arg.value->span;
    if (!strcmp(name, "n")) return as_size(c, v, at, "n", &p->n);
    if (!strcmp(name, "lo")) return as_number(c, v, at, "lo", &p->lo);
    if (!strcmp(name, "hi")) return as_number(c, v, at, "hi", &p->hi);
    if (!strcmp(name, "bins") && p->word->kind == GAN_HISTOGRAM) return as_size(c, v, at, "bins", &p->bins);
    Diag *d = diag_error(c->L->diags, at, E110, "%s has no argument called %s", p->word->name, name);
    diag_hint(d, "it has n, lo%s hi%s", p->word->kind == GAN_HISTOGRAM ? "," : " and", p->word->kind == GAN_HISTOGRAM ? " and bins" : "");
    return false;
}

typedef struct Parts { const Ast *what[MAX_ARGS]; int n; } Parts;

static bool picture_args(Ctx *c, const Ast *e, Picture *p, Parts *parts)
{
    if (e->call.args.n > MAX_ARGS) {
        diag_error(c->L->diags, e->span, E109, "%s takes %s, at most %d", p->word->name, p->word->takes, PICTURE_MOST_PARTS);
        return false;
    }
    for (int i = 0; i < e->call.args.n; i++) {
        const Ast  *a = e->call.args.v[i];
        const char *name = a->arg.name ? a->arg.name : p->word->kind == GAN_GRID && i == 1 ? "n" : NULL;
        if (!name) parts->what[parts->n++] = a->arg.value;
        else if (!named_argument(c, name, a, p)) return false;
    }
    return true;
}

static bool ends_fit(Ctx *c, const Ast *e, const Picture *p)
{
    bool lo = !isnan(p->lo), hi = !isnan(p->hi);
    if (p->word->kind == GAN_CURVE && !(lo && hi)) {
        Diag *d = diag_error(c->L->diags, e->span, E109, "curve takes lo and hi, the numbers that it goes from and to");
        diag_hint(d, "curve(f, lo: -3, hi: 3)");
    } else if (lo != hi)
        diag_error(c->L->diags, e->span, E109, "lo and hi, the ends of the axis, are given together");
    else if (lo && !(p->lo < p->hi && isfinite(p->hi - p->lo) && p->hi - p->lo > 1e-4 * fmax(fabs(p->lo), fabs(p->hi))))
        diag_error(c->L->diags, e->span, E201, "lo is below hi, and by more than a ten thousandth of them; here they are %.9g and %.9g", p->lo, p->hi);
    else return true;
    return false;
}

static bool picture_fits(Ctx *c, const Ast *e, const Picture *p, const Parts *parts)
{
    if (!ends_fit(c, e, p)) return false;
    if (!p->n) return diag_error(c->L->diags, e->span, E201, "n is how many are drawn, at least 1"), false;
    bool at_all = parts->n >= 1 && (p->word->kind != GAN_GRID || parts->n == 1), few = p->word->kind != GAN_CURVE || p->n <= MOST_PLACES;
    if (at_all && few && p->bins > 0 && p->bins <= MOST_BINS) return true;
    if (!few) diag_error(c->L->diags, e->span, E201, "a curve is drawn at %d places at most", MOST_PLACES);
    else if (at_all) diag_error(c->L->diags, e->span, E201, "a histogram has 1 to %d bins", MOST_BINS);
    else diag_error(c->L->diags, e->span, E109, "%s takes %s", p->word->name, p->word->takes);
    return false;
}

/* The source on one line; a name stands for one part only. */
static const char *part_name(Lower *L, const char *text)
{
    Text t = text_in(L->a);
    for (; *text; text++)
        if (*text > ' ' || *text < 0) text_addn(&t, text, 1);
        else if (t.n && t.s[t.n - 1] != ' ') text_add(&t, " ");
    const char *name = text_str(&t), *unique = name;
    for (int i = 0, same = 1; i < L->part->reports.n; i++)
        if (!strcmp(L->part->reports.v[i].name, unique)) unique = strf(L, "%s (%d)", name, ++same), i = -1;
    return unique;
}

static bool is_list_of_parts(const Value *v)
{
    for (int i = 0; v->kind == V_LIST && i < v->list.n; i++) {
        const Value *part = v->list.v[i];
        if (part->kind != V_DIST && part->kind != V_PLAYER && part->kind != V_FUNCTION && !val_bad(part)) return false;
    }
    return v->kind == V_LIST && v->list.n;
}

static void add_part(Ctx *c, Value *v, const char *name, const Picture *p, Span at)
{
    Lower *L = c->L;
    if (L->part->reports.n == p->word->most) {
        diag_error(L->diags, at, E109, "%s draws at most %d", p->word->name, p->word->most);
        return;
    }
    IrVal *t = p->word->part(c, v, p, at);
    if (t) part_report(L, part_name(L, name), t);
}

/* A list, as `for` makes it, is one part after the other. */
static void add_parts(Ctx *c, const Ast *e, const Picture *p)
{
    Value      *v = eval_raw(c, e);
    const char *name = text_of_source(c->L, e->span);
    if (!is_list_of_parts(v)) {
        if (!val_bad(v)) add_part(c, v, name, p, e->span);
        return;
    }
    for (int i = 0; i < v->list.n && i <= p->word->most; i++) add_part(c, v->list.v[i], strf(c->L, "%d", i), p, e->span);
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

/* A picture's file is called by its name and the step: two of a name between the same blocks would be one file. */
static bool picture_alone(Ctx *c, const Ast *s, const char *name)
{
    Lower *L = c->L;
    int    last = names_get(&L->picture_at, name);
    bool   taken = last >= 0 && L->pictures.v[last].alternates == L->alternates && !arm_excludes(L, L->pictures.v[last].arm);
    if (!taken) {
        names_put(&L->picture_at, name, L->pictures.n);
        array_push(L->a, &L->pictures, ((__typeof__(*L->pictures.v)){name, L->alternates, arm_now(L), s->span}));
        return true;
    }
    Diag *d = diag_error(L->diags, s->span, E101, "two pictures are called %s, and of one step there is one file of a name", name);
    diag_note(d, L->pictures.v[last].at, "the first one");
    diag_hint(d, "another name, or an index: %s %s[1] = ..", AstReport_name(s->report.what), s->report.name);
    return false;
}

void sched_picture(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    Parts  parts = {.n = 0};
    const PictureWord *word = word_of(c, s);
    if (!word) return;
    bool    grid = word->kind == GAN_GRID;
    Picture what = {.word = word, .n = word->n, .bins = 60, .lo = grid ? -1 : NAN, .hi = grid ? 1 : NAN};
    if (!picture_args(c, s->report.value, &what, &parts) || !picture_fits(c, s->report.value, &what, &parts)) return;
    const char *name = sched_report_name(c, s);
    if (!name || !picture_named(c, name, s->span) || !picture_alone(c, s, name)) return;
    Part *p = part_begin(L, strf(L, "%s_%s", AstReport_name(s->report.what), name), IR_FN_REPORT, s->span);
    for (int i = 0; i < parts.n; i++) add_parts(c, parts.what[i], &what);
    part_end(L);
    sched_call(c, to, p, word->kind, name, s->span);
    GanSchedule *n = to->list.v[to->list.n - 1];
    n->lo = what.lo, n->hi = what.hi;
    n->count = what.bins;
    sched_line(c, p, AstReport_name(s->report.what), name, s->span);
}
