/* conv.c - conv(x, w, ...): the row of that name over images with their channels last. The layers are made of it in the library. */
#include "compiler/lower/eval/builtin.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

enum { MOST_SPACE = 4 };                                    /* windows of the row */

typedef struct Conv {
    IrVal   *x, *w;                                         /* x: [space.., channels]; w: [kernel.., channels of a group, channels of the result] */
    int      n;                                             /* dimensions of space */
    int64_t  groups;
    IrWindow window[MOST_SPACE];
} Conv;

/* ---- arguments */

static bool operands(Ctx *c, const Call *k, Conv *v)
{
    v->x = arith_reals(c, k->v[0], k->at, "conv");
    v->w = v->x ? arith_reals(c, k->v[1], k->at, "conv") : NULL;
    if (!v->w) return false;
    v->n = v->x->type.rank - 1;
    if (v->n >= 1 && v->n <= MOST_SPACE && v->w->type.rank == v->n + 2) {
        IrElem e = arith_elem(c, v->x->type.elem, v->w->type.elem);
        v->x = arith_convert(c, v->x, e), v->w = arith_convert(c, v->w, e);
        return true;
    }
    Diag *d = diag_error(c->L->diags, k->at, E205,
                         "conv takes x[.., channels], of 1 to %d dimensions before them, and w[.., channels, filters], of as many; these are %s and %s",
                         MOST_SPACE, type_text(c->L, &v->x->type), type_text(c->L, &v->w->type));
    diag_hint(d, "an image is [height, width, channels], its kernel [height, width, channels, filters]; over several images: map(fn(x) conv(x, w), xs)");
    return false;
}

static bool channels(Ctx *c, const Call *k, Conv *v)
{
    int64_t in = v->x->type.dim[v->n], each = v->w->type.dim[v->n], out = v->w->type.dim[v->n + 1];
    v->groups = 1;
    if (k->v[5] && !as_size(c, k->v[5], k->at, "groups", &v->groups)) return false;
    if (v->groups < 1) return mistake(c, k, "conv", "at least one group", k->v[5]), false;
    if (in % v->groups || out % v->groups) {
        diag_error(c->L->diags, k->at, E200, "%lld channels and %lld filters cannot be parted into %lld groups", (long long)in, (long long)out,
                   (long long)v->groups);
        return false;
    }
    if (in / v->groups == each) return true;
    Diag *d = diag_error(c->L->diags, k->at, E200, "the kernel is for %lld channels, and there are %lld", (long long)each,
                         (long long)(in / v->groups));
    if (v->groups > 1) diag_label(d, "%lld channels in %lld groups", (long long)in, (long long)v->groups);
    return false;
}

/* A number for each dimension of space, from `least` on. */
static bool numbers(Ctx *c, const Call *k, int arg, const char *what, int64_t least, int n, int64_t *out)
{
    for (int i = 0; i < n; i++) out[i] = 1;
    if (k->v[arg] && !per_dim(c, k, k->v[arg], what, n, out)) return false;
    for (int i = 0; i < n; i++) {
        if (out[i] >= least && out[i] <= INT32_MAX) continue;
        diag_error(c->L->diags, k->at, E204, "%s is a number from %lld to %d, and this is %lld", what, (long long)least, INT32_MAX,
                   (long long)out[i]);
        return false;
    }
    return true;
}

/* The padding before and behind: a number, one for each dimension, or a pair [before, behind] for each. Negative crops. */
static bool padding(Ctx *c, const Call *k, int n, int64_t *lo, int64_t *hi)
{
    for (int i = 0; i < n; i++) lo[i] = hi[i] = 0;
    Value *v = k->v[3] ? as_settled(c, k->v[3], k->at) : NULL;
    if (!v) return true;
    bool pairs = v->kind == V_LIST && v->list.n == n && v->list.v[0]->kind == V_LIST;
    if (!pairs && !per_dim(c, k, v, "padding", n, lo)) return false;
    for (int i = 0; i < n; i++) {
        int64_t of[2] = {lo[i], lo[i]};
        if (pairs && !per_dim(c, k, v->list.v[i], "the padding of a dimension", 2, of)) return false;
        lo[i] = of[0], hi[i] = of[1];
        if (lo[i] >= -INT32_MAX && lo[i] <= INT32_MAX && hi[i] >= -INT32_MAX && hi[i] <= INT32_MAX) continue;
        return mistake(c, k, "conv", "a padding of 32 bits", v), false;
    }
    return true;
}

/* Where a kernel does not fit there is nothing to give back. */
static bool fits(Ctx *c, const Call *k, const IrWindow *w, int64_t x, int64_t kernel)
{
    int64_t room = x ? w->lo + w->hi + (x - 1) * w->dil_a + 1 : 0, wants = (kernel - 1) * w->dil_b + 1;
    if (x > 0 && kernel > 0 && room >= wants) return true;
    diag_error(c->L->diags, k->at, E200, "a kernel of %lld does not fit into %lld of dimension %d", (long long)(kernel ? wants : 0),
               (long long)room, w->a);
    return false;
}

static bool windows(Ctx *c, const Call *k, Conv *v)
{
    int64_t stride[MOST_SPACE], dilation[MOST_SPACE], spread[MOST_SPACE], lo[MOST_SPACE], hi[MOST_SPACE];
    if (!numbers(c, k, 2, "stride", 1, v->n, stride) || !padding(c, k, v->n, lo, hi) || !numbers(c, k, 4, "dilation", 1, v->n, dilation) ||
        !numbers(c, k, 6, "input_dilation", 1, v->n, spread))
        return false;
    for (int i = 0; i < v->n; i++) {
        v->window[i] = (IrWindow){(uint8_t)i, (uint8_t)i, stride[i], spread[i], dilation[i], lo[i], hi[i]};
        int64_t x = v->x->type.dim[i], kernel = v->w->type.dim[i];
        if (x > INT32_MAX || kernel > INT32_MAX) return too_many(c, k->at, "an image of so many rows", INT32_MAX), false;
        if (!fits(c, k, &v->window[i], x, kernel)) return false;
    }
    return true;
}

/* ---- the row */

static IrVal *in_one(IrBuilder *b, const Conv *v)
{
    int channels = v->n;
    return ir_conv(b, v->x, v->w, ir_no_pairs(), v->window, v->n, ir_pairs(1, &channels, &channels), ir_no_axes());
}

/* The channels of each group with its filters: [groups, space.., filters of one], put together. */
static IrVal *in_groups(IrBuilder *b, const Conv *v)
{
    int n = v->n, group_x = n, group_w = n + 1, of_x = n + 1, of_w = n;
    IrInts x = ir_dims_of(&v->x->type), w = ir_dims_of(&v->w->type);
    x.v[n + 1] = x.v[n] / v->groups, x.v[n] = v->groups, x.n++;
    w.v[n + 2] = w.v[n + 1] / v->groups, w.v[n + 1] = v->groups, w.n++;
    IrVal *y = ir_conv(b, ir_reshape(b, v->x, x), ir_reshape(b, v->w, w), ir_pairs(1, &group_x, &group_w), v->window, n,
                       ir_pairs(1, &of_x, &of_w), ir_no_axes());
    y = dim_moved(b, y, 0, n);
    IrInts d = ir_dims_of(&y->type);
    d.v[n] *= d.v[n + 1], d.n--;
    return ir_reshape(b, y, d);
}

Value *builtin_conv(Ctx *c, const Call *k)
{
    Conv v;
    if (!operands(c, k, &v) || !channels(c, k, &v) || !windows(c, k, &v)) return val_error(c->L);
    return val_tensor(c->L, v.groups == 1 ? in_one(fn_builder(c), &v) : in_groups(fn_builder(c), &v));
}
