/* leaf.c - what all randomness is made of: one row of the IR a draw. They have no density; the library's distributions do. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

typedef IrVal *DrawRow(Ctx *c, const Dist *d, int stream, IrType t);

static Value *draw(Ctx *c, const Dist *d, IrElem elem, DrawRow *row)
{
    IrType t = ir_scalar(elem);
    t.axes = c->axes;
    c->L->n_draws++;
    return val_tensor(c->L, row(c, d, fn_stream(c, *c->path ? "" : d->name), t));
}

static IrVal *normal_row(Ctx *c, const Dist *d, int stream, IrType t) { (void)d; return ir_normal(fn_builder(c), stream, t); }
static IrVal *uniform_row(Ctx *c, const Dist *d, int stream, IrType t) { (void)d; return ir_uniform(fn_builder(c), stream, t); }
static IrVal *int_row(Ctx *c, const Dist *d, int stream, IrType t) { return ir_randint(fn_builder(c), stream, d->classes, t); }

static Value *draw_normal(Ctx *c, Dist *d, Span at) { (void)at; return draw(c, d, c->L->m->real, normal_row); }
static Value *draw_uniform(Ctx *c, Dist *d, Span at) { (void)at; return draw(c, d, c->L->m->real, uniform_row); }

static Value *draw_int(Ctx *c, Dist *d, Span at)
{
    (void)at;
    Value *v = draw(c, d, IR_I32, int_row);
    v->tensor.classes = d->classes;
    return v;
}

static DrawShape number(const Dist *d) { (void)d; return DRAW_NUMBER; }

static const char *text_normal(Lower *L, const Dist *d) { return (void)L, d->called ? d->name : "standard_normal"; }
static const char *text_uniform(Lower *L, const Dist *d) { return (void)L, d->called ? d->name : "standard_uniform"; }
static const char *text_int(Lower *L, const Dist *d) { return d->called ? d->name : strf(L, "random_int(%lld)", (long long)d->classes); }

const DistKind dist_normal = {.draw = draw_normal, .shape = number, .text = text_normal};
const DistKind dist_uniform = {.draw = draw_uniform, .shape = number, .text = text_uniform};
const DistKind dist_int = {.draw = draw_int, .shape = number, .text = text_int};

Value *dist_of_normal(Lower *L) { return val_dist(L, dist_new(L, &dist_normal, "normal")); }
Value *dist_of_uniform(Lower *L) { return val_dist(L, dist_new(L, &dist_uniform, "uniform")); }

Value *dist_of_int(Lower *L, int64_t n)
{
    Dist *d = dist_new(L, &dist_int, "int");
    d->classes = n;
    return val_dist(L, d);
}
