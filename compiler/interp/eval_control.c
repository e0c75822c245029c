/* eval_control.c - state and control: read, cond, scan. */
#include "compiler/interp/eval.h"

#include <string.h>

bool eval_read(InterpRun *r, const IrNode *n)
{
    static const char nothing[1];
    const void *slot = eval_slot(r, n->attr->slot);
    bool        empty = interp_type_bytes(eval_module(r), &n->result[0].type) == 0;
    if (!slot && !empty) return eval_fail(r, GAN_WRONG, n, "a slot without memory is read");
    eval_borrow(r, &n->result[0], slot ? slot : nothing);
    return true;
}

bool eval_cond(InterpRun *r, const IrNode *n)
{
    const IrBlock *body = n->body[*(const uint8_t *)eval_arg(r, n, 0) ? 0 : 1];
    for (int i = 0; i < body->n_params; i++) eval_alias(r, body->param[i], n->arg[i + 1]);
    if (!eval_body(r, body)) return false;
    for (int i = 0; i < n->n_results; i++) eval_alias(r, &n->result[i], body->yield[i]);
    eval_leave(r, body);
    return true;
}

/* ---- scan ------------------------------------------------------------------------------------------------------- */

/* Parameters: what is carried so far (kept in the scan's first results), slice i of what is stacked, what is closed over. */
static bool bind(InterpRun *r, const IrNode *n, int64_t i)
{
    const IrBlock *body = n->body[0];
    for (int k = 0; k < n->n_args; k++) {
        IrVal *param = body->param[k];
        if (k < n->attr->carried) {
            eval_alias(r, param, &n->result[k]);
            continue;
        }
        if (k >= n->attr->carried + n->attr->stacked) {
            eval_alias(r, param, n->arg[k]);
            continue;
        }
        void   *slice;
        size_t  bytes = (size_t)ir_dims_size(&param->type) * ir_elem_bytes(param->type.elem);
        int64_t samples = ir_axes_size(eval_module(r), param->type.axes);
        if (!eval_own(r, param, &slice)) return false;
        for (int64_t s = 0; s < samples; s++)
            memcpy((char *)slice + (size_t)s * bytes, (const char *)eval_arg(r, n, k) + (size_t)(s * n->attr->n + i) * bytes, bytes);
    }
    return true;
}

/* For each sample of `t`: whether the parameter `until` holds there. NULL without until; *ok false: run ends. */
static const bool *frozen(InterpRun *r, const IrNode *n, const IrType *t, bool *ok)
{
    *ok = true;
    if (n->attr->until < 0) return NULL;
    const IrVal *u = n->body[0]->param[n->attr->until];
    IrType       samples = {.elem = IR_BOOL, .axes = t->axes};
    int64_t      to[EVAL_MAX_RANK], to_stride[EVAL_MAX_RANK], from[EVAL_MAX_RANK], from_stride[EVAL_MAX_RANK], stride[EVAL_MAX_RANK];
    int          rank = eval_extents(eval_module(r), &samples, to);
    eval_strides(rank, to, to_stride);
    eval_strides(eval_extents(eval_module(r), &u->type, from), from, from_stride);
    for (int i = 0; i < rank; i++) {
        int place = eval_place_of_axis(&u->type, t->axes.id[i]);
        stride[i] = place < 0 ? 0 : from_stride[place];
    }
    bool *out = eval_scratch(r, eval_size(eval_module(r), &samples));
    *ok = out != NULL;
    if (out) eval_copy_box(1, rank, to, out, to_stride, eval_value(r, u), stride);
    return out;
}

/* The next carried value k: the body's, but the old one for frozen samples. */
static bool carry(InterpRun *r, const IrNode *n, int k)
{
    const IrVal *old = n->body[0]->param[k], *next = n->body[0]->yield[k];
    bool         ok;
    const bool  *stays = frozen(r, n, &next->type, &ok);
    void        *y;
    if (!ok) return false;
    if (!stays) {
        eval_alias(r, &n->result[k], next);
        return true;
    }
    size_t  bytes = (size_t)ir_dims_size(&next->type) * ir_elem_bytes(next->type.elem);
    int64_t samples = ir_axes_size(eval_module(r), next->type.axes);
    if (!eval_own(r, &n->result[k], &y)) return false;
    for (int64_t s = 0; s < samples; s++)
        memcpy((char *)y + (size_t)s * bytes, (const char *)eval_value(r, stays[s] ? old : next) + (size_t)s * bytes, bytes);
    return true;
}

/* Slice i of output k: the body's, but 0 for frozen samples. */
static bool stack(InterpRun *r, const IrNode *n, int k, int64_t i)
{
    const IrVal *out = n->body[0]->yield[k];
    bool         ok;
    const bool  *is_zero = frozen(r, n, &out->type, &ok);
    if (!ok) return false;
    size_t  bytes = (size_t)ir_dims_size(&out->type) * ir_elem_bytes(out->type.elem);
    int64_t samples = ir_axes_size(eval_module(r), out->type.axes);
    char   *y = (char *)eval_value(r, &n->result[k]);
    for (int64_t s = 0; s < samples; s++) {
        char *to = y + (size_t)(s * n->attr->n + i) * bytes;
        if (is_zero && is_zero[s]) memset(to, 0, bytes);
        else memcpy(to, (const char *)eval_value(r, out) + (size_t)s * bytes, bytes);
    }
    return true;
}

static bool step(InterpRun *r, const IrNode *n, int64_t i)
{
    const IrBlock *body = n->body[0];
    if (!bind(r, n, i) || !eval_body(r, body)) return false;
    for (int k = n->attr->carried; k < body->n_yields; k++)
        if (!stack(r, n, k, i)) return false;
    for (int k = 0; k < n->attr->carried; k++)
        if (!carry(r, n, k)) return false;
    eval_leave(r, body);
    return true;
}

/* With `until`: no sample is left for which a turn would change anything. */
static bool have_all_ended(InterpRun *r, const IrNode *n)
{
    if (n->attr->until < 0) return false;
    const IrVal *flags = &n->result[n->attr->until];
    return !memchr(eval_value(r, flags), 0, (size_t)eval_size(eval_module(r), &flags->type));
}

/* Outputs are 0 from turn i on. */
static void clear_outputs(InterpRun *r, const IrNode *n, int64_t i)
{
    for (int k = n->attr->carried; k < n->n_results; k++) {
        const IrVal *out = n->body[0]->yield[k];
        size_t  bytes = (size_t)ir_dims_size(&out->type) * ir_elem_bytes(out->type.elem);
        int64_t samples = ir_axes_size(eval_module(r), out->type.axes);
        char   *y = (char *)eval_value(r, &n->result[k]);
        for (int64_t s = 0; s < samples; s++) memset(y + (size_t)(s * n->attr->n + i) * bytes, 0, (size_t)(n->attr->n - i) * bytes);
    }
}

bool eval_scan(InterpRun *r, const IrNode *n)
{
    uint32_t    outside = eval_iteration(r);
    const void *scratch = eval_scratch_top(r);
    void       *fresh;
    for (int k = 0; k < n->attr->carried; k++) eval_alias(r, &n->result[k], n->arg[k]);
    for (int k = n->attr->carried; k < n->n_results; k++)
        if (!eval_own(r, &n->result[k], &fresh)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < n->attr->n; i++) {
        if (have_all_ended(r, n)) {
            clear_outputs(r, n, i);
            break;
        }
        eval_set_iteration(r, outside * (uint32_t)n->attr->n + (uint32_t)i);
        ok = step(r, n, i);
        eval_scratch_drop(r, scratch);
    }
    eval_set_iteration(r, outside);
    return ok;
}
