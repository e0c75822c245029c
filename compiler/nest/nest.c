/* nest.c - one nest a kernel, and the words of the builders. */
#include "compiler/nest/nest.h"
#include "base/bug.h"

void nest_kernel(Nest *n, KKernel *k)
{
    static const struct { const char *name; void (*build)(Nest *); } kind[] = {
        [K_MAP] = {"map", nest_map},
        [K_RANDOM] = {"random", nest_random},
        [K_DOT] = {"dot", nest_dot},
        [K_PACK] = {"pack", nest_pack},
        [K_MATRICES] = {"matrices", nest_matrices},
        [K_FEW] = {"few", nest_few},
        [K_PAIRS] = {"pairs", nest_pairs},
        [K_OWN] = {"own", nest_own},
        [K_CONTRACT] = {"contract", nest_contract},
        [K_REDUCE] = {"reduce", nest_reduce},
        [K_CUMSUM] = {"cumsum", nest_cumsum},
        [K_CONCAT] = {"concat", nest_concat},
        [K_SORT] = {"sort", nest_sort},
        [K_SCATTER] = {"scatter", nest_scatter},
        [K_OPAQUE] = {"opaque", nest_opaque},
        [K_EXTERN] = {"extern", nest_extern},
        [K_BLAS] = {"blas", nest_blas},
        [K_WHOLE] = {"whole", nest_whole},
        [K_TRANSPOSE] = {"transpose", nest_transpose},
        [K_OUTER] = {"outer", nest_outer},
        [K_INNER] = {"inner", nest_inner},
        [K_SCATTER_OVER] = {"scatter_over", nest_scatter_over},
        [K_FINISH] = {"finish", nest_finish},
    };
    n->k = k;
    n->b = loop_begin(n->arena, kind[k->kind].name);
    n->known.n = 0;
    n->lanes = K_LANES;
    n->tiled = n->is_sub = n->is_flat = false;
    n->block = 0;
    n->lo = loop_arg(&n->b, 0);
    n->hi = loop_arg(&n->b, 1);
    kind[k->kind].build(n);
}

/* ---- registers -------------------------------------------------------------------------------------------------- */

LoopReg *nest_spread(Nest *n, const LoopReg *constant)
{
    return loop_over(&n->b, constant, n->block | (n->lanes > 1 ? 1u << LOOP_L : 0));
}

LoopReg *nest_zero(Nest *n, IrElem t) { return nest_spread(n, loop_zero(&n->b, t)); }
LoopReg *nest_add(Nest *n, LoopReg *a, LoopReg *b) { return loop_binary(&n->b, IR_add, a, b); }
LoopReg *nest_min(Nest *n, LoopReg *a, LoopReg *b) { return loop_binary(&n->b, IR_min, a, b); }

/* ---- loops ------------------------------------------------------------------------------------------------------ */

LoopIns *nest_loop(Nest *n, int64_t extent)
{
    LoopIndex from = loop_at(0), to = loop_at(extent);
    return loop_for(&n->b, &from, &to, 1, false, NULL, 0);
}

LoopIns *nest_turns(Nest *n, bool par, LoopIndex from, LoopIndex to, int64_t step, bool sure)
{
    return par ? loop_par(&n->b, &from, &to, step, sure) : loop_for(&n->b, &from, &to, step, sure, NULL, 0);
}

LoopIns *nest_par(Nest *n, int64_t extent) { return nest_turns(n, true, loop_at(0), loop_at(extent), 1, false); }
LoopIns *nest_par_to(Nest *n, LoopReg *extent) { return nest_turns(n, true, loop_at(0), loop_of(extent), 1, true); }
LoopIns *nest_par_from(Nest *n, LoopIndex from, LoopIndex to, int64_t step) { return nest_turns(n, true, from, to, step, false); }

LoopIns *nest_fold(Nest *n, LoopIndex from, LoopIndex to, int64_t step, LoopReg *init)
{
    return loop_for(&n->b, &from, &to, step, false, &init, 1);
}

LoopReg *nest_end_fold(Nest *n, LoopIns *l, LoopReg *next)
{
    loop_end_for(&n->b, l, &next);
    return &l->result[0];
}

void nest_end(Nest *n, LoopIns *l) { loop_end_for(&n->b, l, NULL); }

LoopIndex nest_counter(const LoopIns *l) { return loop_of(l->body->counter); }
