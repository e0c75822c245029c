/* eval_random.c - draws: pure functions of seed, stream, element, tick and iteration (runtime/math/random.h). */
#include "compiler/interp/eval.h"
#include "runtime/math/random.h"

static RandomAt place_of(const InterpRun *r, const IrNode *n)
{
    return (RandomAt){random_key(eval_seed(r), eval_module(r)->streams.v[n->attr->stream]), eval_tick(r), eval_iteration(r)};
}

static size_t count_of(const InterpRun *r, const IrNode *n) { return (size_t)eval_size(eval_module(r), &n->result[0].type); }

bool eval_uniform(InterpRun *r, const IrNode *n)
{
    void *y = eval_result(r, n, 0);
    if (!y) return false;
    if (n->result[0].type.elem == IR_F32) random_uniform_f32_n(place_of(r, n), count_of(r, n), y);
    else random_uniform_f64_n(place_of(r, n), count_of(r, n), y);
    return true;
}

bool eval_normal(InterpRun *r, const IrNode *n)
{
    void *y = eval_result(r, n, 0);
    if (!y) return false;
    if (n->result[0].type.elem == IR_F32) random_normal_f32_n(place_of(r, n), count_of(r, n), y);
    else random_normal_f64_n(place_of(r, n), count_of(r, n), y);
    return true;
}

bool eval_randint(InterpRun *r, const IrNode *n)
{
    void *y = eval_result(r, n, 0);
    if (!y) return false;
    random_randint_n(place_of(r, n), count_of(r, n), (uint32_t)n->attr->n, y);
    return true;
}

/* The epoch's permutation depends on the position alone, not on where it is asked for. */
bool eval_permute(InterpRun *r, const IrNode *n)
{
    const int64_t *position = eval_arg(r, n, 0);
    int32_t       *y = eval_result(r, n, 0);
    if (!y) return false;
    int64_t size = eval_size(eval_module(r), &n->result[0].type);
    for (int64_t i = 0; i < size; i++) y[i] = (int32_t)random_permute(place_of(r, n).key, n->attr->n, position[i]);
    return true;
}
