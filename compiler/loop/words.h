/* words.h - what the text of a nest and its verifier know of rows and symbols. */
#pragma once
#include "compiler/ir/words.h"
#include "compiler/loop/loop.h"
#include "runtime/symbols.h"

typedef struct { const char *name, *signature; } LoopSymbol;
extern const LoopSymbol loop_symbol[SYMBOL_COUNT];          /* names and signatures alone: no need to link the runtime */
int loop_find_symbol(const char *name);                     /* -1: none */
int loop_find_op(const char *word);                         /* -1: none. `row` is no word: rows go by their own names */

/* An elementary function that is tens of instructions, in line where few are; others are calls. */
bool loop_is_short(IrOp row, IrElem t);
bool loop_row_has(IrOp row, IrAttrKey key);
/* How many arguments: as in ops.def, and first the key if it draws from a stream. 0: no row that a nest has. */
int  loop_row_args(IrOp row);
/* The element type that a row's result has, by the rules of the tensor IR. False with the reason in `why`. */
bool loop_row_elem(const LoopIns *i, IrElem convert_to, IrElem *result, char why[256]);
