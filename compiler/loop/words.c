/* words.c - see words.h. */
#include "compiler/loop/words.h"
#include "runtime/math/scalar.h"

#include <stdio.h>
#include <string.h>

const LoopSymbol loop_symbol[SYMBOL_COUNT] = {
#define SYMBOL(name, signature) {#name, signature},
#include "runtime/symbols.def"
#undef SYMBOL
};

int loop_find_symbol(const char *name)
{
    for (int i = 0; i < SYMBOL_COUNT; i++)
        if (!strcmp(loop_symbol[i].name, name)) return i;
    return -1;
}

int loop_find_op(const char *word)
{
    for (int i = 0; i < loop_op_n; i++)
        if (i != LOOP_row && !strcmp(loop_op_info[i].name, word)) return i;
    return -1;
}

bool loop_is_short(IrOp row, IrElem t)
{
    switch (row) {
#define SHORT(name) case IR_##name:
    MATH_SHORT(SHORT)
#undef SHORT
        return t == IR_F32;
    default: return false;
    }
}

bool loop_row_has(IrOp row, IrAttrKey key)
{
    IrAttrKey keys[IR_ATTR_COUNT];
    for (int i = ir_attr_keys(row, keys); i > 0; i--)
        if (keys[i - 1] == key) return true;
    return false;
}

int loop_row_args(IrOp row)
{
    const IrOpInfo *info = &ir_op_info[row];
    if (info->klass != IR_CLASS_MAP || info->flags & IR_LEAF) return 0;
    return info->operands + loop_row_has(row, IR_ATTR_stream);
}

/* Positions of either integer type, and the result is of the same. */
static bool permute_elem(const LoopIns *i, IrElem *result, char why[256])
{
    *result = i->arg[1]->elem;
    if (i->arg[0]->elem == IR_I64 && (*result == IR_I32 || *result == IR_I64) && i->n >= 1 && i->n <= INT32_MAX) return true;
    return snprintf(why, 256, "permute: wants an i64 key, integers, and n in 1..2^31-1"), false;
}

bool loop_row_elem(const LoopIns *i, IrElem convert_to, IrElem *result, char why[256])
{
    static const IrModule no_axes;
    int n = loop_row_args(i->row);
    if (!n) return snprintf(why, 256, "%s: is no element-wise row", ir_op_info[i->row].name), false;
    if (n != i->n_args) return snprintf(why, 256, "%s: takes %d operands, not %d", ir_op_info[i->row].name, n, i->n_args), false;
    if (i->row == IR_permute) return permute_elem(i, result, why);
    IrType type[3], out;
    const IrType *types[3];
    for (int k = 0; k < n; k++) {
        type[k] = ir_scalar(i->arg[k]->elem);
        types[k] = &type[k];
    }
    IrAttrs at = ir_attrs();
    at.n = i->n;
    at.compare = i->compare;
    at.elem = convert_to;
    if (!ir_infer(&no_axes, i->row, types, n, &at, &out, why)) return false;
    *result = out.elem;
    return true;
}
