/* equal.c - see equal.h. */
#include "compiler/opt/equal.h"

#include "compiler/ir/words.h"

#include <string.h>

/* ---- equal attributes ------------------------------------------------------------------------------------------- */

static bool ints_equal(const IrInts *a, const IrInts *b) { return a->n == b->n && !memcmp(a->v, b->v, sizeof *a->v * a->n); }

static bool pairs_equal(const IrPairs *a, const IrPairs *b)
{
    return a->n == b->n && !memcmp(a->a, b->a, a->n) && !memcmp(a->b, b->b, a->n);
}

static bool windows_equal(const IrAttrs *a, const IrAttrs *b)
{
    if (a->n_windows != b->n_windows) return false;
    for (int i = 0; i < a->n_windows; i++) {
        const IrWindow *v = &a->windows[i], *w = &b->windows[i];
        if (v->a != w->a || v->b != w->b || v->stride != w->stride || v->dil_a != w->dil_a || v->dil_b != w->dil_b || v->lo != w->lo || v->hi != w->hi)
            return false;
    }
    return true;
}

static bool pair_axes_equal(const IrNode *a, const IrNode *b)
{
    if (!a->attr->pair_over || !b->attr->pair_over) return a->attr->pair_over == b->attr->pair_over;
    for (int i = 0; i < a->n_args / 2; i++)
        if (!ir_axes_equal(a->attr->pair_over[i], b->attr->pair_over[i])) return false;
    return true;
}

static bool attr_equal(const IrNode *a, const IrNode *b, IrAttrKey key)
{
    const IrAttrInfo *info = &ir_attr_info[key];
    const void *x = (const char *)a->attr + info->at, *y = (const char *)b->attr + info->at;
    switch (info->kind) {
    case ATTR_NUMBER: return !memcmp(x, y, sizeof(double)) && a->attr->n == b->attr->n;
    case ATTR_ELEM: return a->attr->elem == b->attr->elem;
    case ATTR_COMPARE: return a->attr->compare == b->attr->compare;
    case ATTR_FORM: return a->attr->form == b->attr->form;
    case ATTR_INT:
    case ATTR_GROUP:
    case ATTR_AXIS:
    case ATTR_SLOT:
    case ATTR_STREAM: return *(const int *)x == *(const int *)y;
    case ATTR_INT64: return *(const int64_t *)x == *(const int64_t *)y;
    case ATTR_BATCH: return a->attr->n_batch == b->attr->n_batch && pairs_equal(&a->attr->batch, &b->attr->batch);
    case ATTR_PAIRS: return pairs_equal(x, y);
    case ATTR_WINDOWS: return windows_equal(a->attr, b->attr);
    case ATTR_AXES: return ir_axes_equal(*(const IrAxes *)x, *(const IrAxes *)y);
    case ATTR_PAIR_AXES: return pair_axes_equal(a, b);
    case ATTR_INTS: return ints_equal(x, y);
    case ATTR_FLAG: return *(const bool *)x == *(const bool *)y;
    case ATTR_STRING: return !strcmp(a->attr->symbol ? a->attr->symbol : "", b->attr->symbol ? b->attr->symbol : "");
    }
    return false;
}

bool equal_heads(const IrNode *a, const IrNode *b)
{
    if (a->n_results != b->n_results) return false;
    for (int i = 0; i < a->n_results; i++)
        if (!ir_type_equal(&a->result[i].type, &b->result[i].type)) return false;
    return equal_rows(a, b);
}

bool equal_rows(const IrNode *a, const IrNode *b)
{
    IrAttrKey keys[IR_ATTR_COUNT];
    if (a->op != b->op || a->n_args != b->n_args || a->n_results != b->n_results || a->n_bodies != b->n_bodies) return false;
    for (int i = 0; i < a->n_results; i++)
        if (a->result[i].type.elem != b->result[i].type.elem) return false;
    for (int i = ir_attr_keys(a->op, keys); i > 0; i--)
        if (!attr_equal(a, b, keys[i - 1])) return false;
    return true;
}

/* ---- a number for them ------------------------------------------------------------------------------------------ */

static uint32_t equal_mix(uint32_t hash, uint64_t word) { return (uint32_t)((hash ^ word) * 0x9e3779b97f4a7c15u >> 29); }

static uint32_t mix_ints(uint32_t h, const IrInts *x)
{
    for (int i = 0; i < x->n; i++) h = equal_mix(h, (uint64_t)x->v[i]);
    return equal_mix(h, x->n);
}

static uint32_t mix_axes(uint32_t h, const IrAxes *x)
{
    for (int i = 0; i < x->n; i++) h = equal_mix(h, x->id[i]);
    return equal_mix(h, x->n);
}

static uint32_t mix_pairs(uint32_t h, const IrPairs *x)
{
    for (int i = 0; i < x->n; i++) h = equal_mix(h, (uint64_t)x->a[i] << 8 | x->b[i]);
    return equal_mix(h, x->n);
}

static uint32_t mix_attr(uint32_t h, const IrNode *n, IrAttrKey key)
{
    const IrAttrs *a = n->attr;
    const void *x = (const char *)a + ir_attr_info[key].at;
    uint64_t bits;
    switch (ir_attr_info[key].kind) {
    case ATTR_NUMBER:
        memcpy(&bits, x, sizeof bits);
        return equal_mix(equal_mix(h, bits), (uint64_t)a->n);
    case ATTR_ELEM: return equal_mix(h, a->elem);
    case ATTR_COMPARE: return equal_mix(h, a->compare);
    case ATTR_FORM: return equal_mix(h, a->form);
    case ATTR_INT:
    case ATTR_GROUP:
    case ATTR_AXIS:
    case ATTR_SLOT:
    case ATTR_STREAM: return equal_mix(h, (uint64_t)*(const int *)x);
    case ATTR_INT64: return equal_mix(h, (uint64_t)*(const int64_t *)x);
    case ATTR_BATCH: return mix_pairs(equal_mix(h, (uint64_t)a->n_batch), &a->batch);
    case ATTR_PAIRS: return mix_pairs(h, x);
    case ATTR_WINDOWS: return equal_mix(h, a->n_windows);
    case ATTR_AXES: return mix_axes(h, x);
    case ATTR_PAIR_AXES:
        for (int i = 0; a->pair_over && i < n->n_args / 2; i++) h = mix_axes(h, &a->pair_over[i]);
        return h;
    case ATTR_INTS: return mix_ints(h, x);
    case ATTR_FLAG: return equal_mix(h, *(const bool *)x);
    case ATTR_STRING: return equal_mix(h, a->symbol ? (uint64_t)strlen(a->symbol) : 0);
    }
    return h;
}

uint32_t equal_hash(const IrNode *n)
{
    IrAttrKey keys[IR_ATTR_COUNT];
    uint32_t h = equal_mix(n->op, (uint64_t)n->n_args);
    for (int i = ir_attr_keys(n->op, keys); i > 0; i--) h = mix_attr(h, n, keys[i - 1]);
    for (int i = 0; i < n->n_results; i++) h = equal_mix(h, (uint64_t)n->result[i].type.elem * 64 + n->result[i].type.rank);
    return h;
}

/* Squares, where the order is of no interest: a chain and its gradient combine values whose numbers have the same sum all along. */
uint32_t equal_hash_with(const IrNode *n, uint32_t (*number_of)(const void *self, const IrVal *v), const void *self)
{
    bool     commutes = ir_op_info[n->op].flags & IR_COMMUTES;
    uint64_t operands = 0;
    for (int i = 0; i < n->n_args; i++) {
        uint64_t x = number_of(self, n->arg[i]);
        operands = commutes ? operands + x * x : equal_mix((uint32_t)operands, x);
    }
    return equal_mix(equal_hash(n), operands);
}

/* ---- equal bodies ----------------------------------------------------------------------------------------------- */

bool equal_places(const uint32_t *number, IrVal *const *a, IrVal *const *b, int n)
{
    for (int i = 0; i < n; i++)
        if (number[a[i]->id] != number[b[i]->id]) return false;
    return true;
}

bool equal_bodies(uint32_t *number, const IrNode *a, const IrNode *b)
{
    for (int i = 0; i < a->n_bodies; i++)
        if (!equal_blocks(number, a->body[i], b->body[i])) return false;
    return true;
}

bool equal_inside(uint32_t *number, const IrNode *a, const IrNode *b)
{
    if (!equal_heads(a, b) || !equal_places(number, a->arg, b->arg, a->n_args)) return false;
    return !(ir_op_info[a->op].flags & IR_EFFECT) && equal_bodies(number, a, b);
}

bool equal_blocks(uint32_t *number, const IrBlock *a, const IrBlock *b)
{
    uint32_t place = 1;
    if (a->n_params != b->n_params || a->n_yields != b->n_yields) return false;
    for (int i = 0; i < a->n_params; i++) {
        if (!ir_type_equal(&a->param[i]->type, &b->param[i]->type)) return false;
        number[a->param[i]->id] = number[b->param[i]->id] = place++;
    }
    const IrNode *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next) {
        if (!equal_inside(number, x, y)) return false;
        for (int i = 0; i < x->n_results; i++) number[x->result[i].id] = number[y->result[i].id] = place++;
    }
    return !x && !y && equal_places(number, a->yield, b->yield, a->n_yields);
}
