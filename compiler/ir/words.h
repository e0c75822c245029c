/* words.h - the words of the text form, for printer and reader alike. */
#pragma once
#include "compiler/ir/ir.h"

typedef enum {
    ATTR_NUMBER, ATTR_ELEM, ATTR_COMPARE, ATTR_FORM, ATTR_INT, ATTR_AXIS, ATTR_INT64, ATTR_BATCH, ATTR_PAIRS, ATTR_WINDOWS,
    ATTR_AXES, ATTR_PAIR_AXES, ATTR_INTS, ATTR_FLAG, ATTR_SLOT, ATTR_STREAM, ATTR_STRING, ATTR_GROUP
} IrAttrKind;

typedef enum {
#define ATTR(key, kind) IR_ATTR_##key,
#include "compiler/ir/attrs.def"
#undef ATTR
    IR_ATTR_COUNT
} IrAttrKey;

typedef struct {
    const char *name;
    IrAttrKind  kind;
    size_t      at;                                         /* of the field in IrAttrs */
} IrAttrInfo;
extern const IrAttrInfo ir_attr_info[IR_ATTR_COUNT];

/* The keys of a row in print order: how many. */
int ir_attr_keys(IrOp op, IrAttrKey keys[IR_ATTR_COUNT]);

/* Each list ends with NULL; an enum's value is the index. */
extern const char *const ir_elem_words[], *const ir_compare_words[], *const ir_form_words[], *const ir_fn_words[], *const ir_slot_words[];
int ir_find_word(const char *const *words, const char *s, size_t n);    /* -1: none */
int ir_find_op(const char *s, size_t n);                                /* -1: none */

/* What gives a constant among the operands its element type. */
typedef enum { IR_FROM_NOTHING, IR_FROM_RESULT, IR_FROM_OTHER, IR_FROM_BOOL, IR_FROM_I32, IR_FROM_I64 } IrArgElem;
IrArgElem ir_arg_elem(IrOp op, int i);

bool ir_is_name(const char *s);                             /* needs no quotes */
bool ir_is_name_char(char c);
