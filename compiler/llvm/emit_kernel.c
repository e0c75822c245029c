/* emit_kernel.c - one function a kernel. */
#include "compiler/llvm/emit.h"
#include "base/bug.h"

#include <stdio.h>

void emit_kernel(Emit *e, KKernel *k)
{
    static void (*const emitter[])(Emit *) = {
        [K_MAP] = emit_map,
        [K_RANDOM] = emit_random,
        [K_DOT] = emit_dot,
        [K_PACK] = emit_pack,
        [K_CONTRACT] = emit_contract,
        [K_REDUCE] = emit_reduce,
        [K_CUMSUM] = emit_cumsum,
        [K_CONCAT] = emit_concat,
        [K_SORT] = emit_sort,
        [K_SCATTER] = emit_scatter,
        [K_OPAQUE] = emit_opaque,
        [K_BLAS] = emit_blas,
        [K_TRANSPOSE] = emit_transpose,
        [K_OUTER] = emit_outer,
        [K_INNER] = emit_inner,
        [K_SCATTER_OVER] = emit_scatter_over,
        [K_FINISH] = emit_finish,
    };
    char name[32];
    snprintf(name, sizeof name, "kernel_%d", k->id);
    e->k = k;
    e->fn = LLVMAddFunction(e->module, name, e->fn_type);
    LLVMSetLinkage(e->fn, LLVMInternalLinkage);
    LLVMAttributeRef nounwind = LLVMCreateEnumAttribute(e->c, LLVMGetEnumAttributeKindForName("nounwind", 8), 0);
    LLVMAddAttributeAtIndex(e->fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, nounwind);
    LLVMPositionBuilderAtEnd(e->b, emit_block(e, "entry"));
    e->bases = LLVMGetParam(e->fn, 0);
    e->table = LLVMGetParam(e->fn, 1);
    for (unsigned i = 0; i < 4; i++) e->arg[i] = LLVMGetParam(e->fn, 2 + i);
    e->entries.n = e->known.n = 0;
    e->lanes = K_LANES;
    e->panel = e->slot = e->sub = e->flat = e->frame = NULL;
    /* a first block of its own for what the stack holds */
    LLVMBasicBlockRef body = emit_block(e, "body");
    LLVMBuildBr(e->b, body);
    LLVMPositionBuilderAtEnd(e->b, body);
    emitter[k->kind](e);
    LLVMBuildRetVoid(e->b);
}
