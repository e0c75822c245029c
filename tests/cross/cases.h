/* cases.h - functions as code for another machine, and what they give here: a file that make_cases.c writes and host.c reads.
 *
 * Blocks, each an int64_t of its bytes at a multiple of 64 and behind it, at the next, these bytes. A case is: Code (its pointers mean
 * nothing), the tables fn, block, step, call, copy, stack, out, commit, words, wants, the streams' names; MachineCode in the same way, its bytes,
 * entries and imports' names; CaseHead; CaseValue of each slot of the
 * state, the state before; the data; for each function a CaseValue of each report, and each report; the state after all functions. */
#pragma once
#include "runtime/code.h"
#include "runtime/image.h"

enum { CASE_ALIGN = 64 };
_Static_assert(sizeof(Code) == 224, "another table? put it in make_cases.c, take it in host.c");

typedef struct CaseHead { int64_t seed, n_data; } CaseHead;
typedef struct CaseValue { int64_t elem, offset, bytes; } CaseValue;    /* elem: GanElem; offset: of a slot in the state */
