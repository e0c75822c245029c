/* words.c - see words.h. Tables out of ops.def and attrs.def. */
#include "compiler/ir/words.h"

#include "base/bug.h"

#include <stddef.h>
#include <string.h>

/* ---- attributes ------------------------------------------------------------------------------------------------- */

const IrAttrInfo ir_attr_info[IR_ATTR_COUNT] = {
#define ATTR(key, kind) [IR_ATTR_##key] = {#key, ATTR_##kind, offsetof(IrAttrs, key)},
#include "compiler/ir/attrs.def"
#undef ATTR
};

static IrAttrKey find_key(const char *s, size_t n)
{
    for (int i = 0; i < IR_ATTR_COUNT; i++)
        if (strlen(ir_attr_info[i].name) == n && !memcmp(ir_attr_info[i].name, s, n)) return (IrAttrKey)i;
    BUG("ops.def: no attribute %.*s", (int)n, s);
}

int ir_attr_keys(IrOp op, IrAttrKey keys[IR_ATTR_COUNT])
{
    int count = 0;
    for (const char *s = ir_op_info[op].attrs; *s;) {
        size_t n = strcspn(s, " ");
        keys[count++] = find_key(s, n);
        s += n + strspn(s + n, " ");
    }
    return count;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

const char *const ir_elem_words[] = {[IR_BOOL] = "bool", [IR_I32] = "i32", [IR_I64] = "i64", [IR_F32] = "f32", [IR_F64] = "f64", NULL};
const char *const ir_compare_words[] = {[IR_EQ] = "eq", [IR_NE] = "ne", [IR_LT] = "lt", [IR_LE] = "le", [IR_GT] = "gt", [IR_GE] = "ge", NULL};
const char *const ir_form_words[] = {[IR_FORM_CHAIN] = "chain", [IR_FORM_LANES] = "lanes", [IR_FORM_BLAS] = "blas", NULL};
const char *const ir_fn_words[] = {[IR_FN_UPDATE] = "update", [IR_FN_REPORT] = "report",   [IR_FN_SAMPLE] = "sample",
                                   [IR_FN_INIT] = "init",     [IR_FN_PROJECT] = "project", [IR_FN_STATE] = "state", NULL};
const char *const ir_slot_words[] = {[IR_SLOT_PARAM] = "param",     [IR_SLOT_OPTIMIZER] = "optimizer", [IR_SLOT_STATE] = "state",
                                     [IR_SLOT_COUNTER] = "counter", [IR_SLOT_DATA] = "data", [IR_SLOT_SCRATCH] = "scratch", NULL};

int ir_find_word(const char *const *words, const char *s, size_t n)
{
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == n && !memcmp(words[i], s, n)) return i;
    return -1;
}

int ir_find_op(const char *s, size_t n)
{
    for (int i = 0; i < IR_OP_COUNT; i++)
        if (strlen(ir_op_info[i].name) == n && !memcmp(ir_op_info[i].name, s, n)) return i;
    return -1;
}

/* ---- constants among the operands ------------------------------------------------------------------------------- */

/* For each shape rule of ops.def: operand 0, operand 1, the rest. */
typedef struct { IrArgElem at[3]; } Context;
#define ALL(x) {{IR_FROM_##x, IR_FROM_##x, IR_FROM_##x}}
static const Context context_leaf = ALL(NOTHING), context_map = ALL(RESULT), context_number = ALL(RESULT), context_any = ALL(RESULT),
    context_convert = ALL(NOTHING), context_compare = ALL(OTHER), context_select = {{IR_FROM_BOOL, IR_FROM_RESULT, IR_FROM_RESULT}},
    context_sum = ALL(RESULT), context_reduce = ALL(RESULT), context_argmax = ALL(NOTHING), context_norm = ALL(RESULT),
    context_cumsum = ALL(RESULT), context_dot = ALL(RESULT), context_conv = ALL(RESULT), context_reshape = ALL(RESULT),
    context_transpose = ALL(RESULT), context_broadcast = ALL(RESULT), context_slice = ALL(RESULT), context_pad = ALL(RESULT),
    context_concat = ALL(RESULT), context_reverse = ALL(RESULT), context_gather = {{IR_FROM_RESULT, IR_FROM_I32, IR_FROM_NOTHING}},
    context_scatter = {{IR_FROM_I32, IR_FROM_RESULT, IR_FROM_NOTHING}}, context_argsort = ALL(NOTHING), context_spread = ALL(RESULT),
    context_as_feature = ALL(RESULT), context_as_sample = ALL(RESULT), context_permute = ALL(I64), context_square = ALL(RESULT),
    context_solve = ALL(RESULT), context_eigh = ALL(RESULT), context_scan = ALL(NOTHING),
    context_cond = {{IR_FROM_BOOL, IR_FROM_NOTHING, IR_FROM_NOTHING}};

static const Context *const context_of[IR_OP_COUNT] = {
#define OP(name, operands, klass, flags, attrs, shape) [IR_##name] = &context_##shape,
#include "compiler/ir/ops.def"
#undef OP
};

IrArgElem ir_arg_elem(IrOp op, int i) { return context_of[op]->at[i < 2 ? i : 2]; }

/* ---- names ------------------------------------------------------------------------------------------------------ */

bool ir_is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '\'';
}

bool ir_is_name(const char *s)
{
    if (!*s || !(ir_is_name_char(*s)) || (*s >= '0' && *s <= '9') || *s == '.') return false;
    for (; *s; s++)
        if (!ir_is_name_char(*s)) return false;
    return true;
}
