/* flow.h - which values lie on a differentiable path: the nodes behind some outputs in order, and what is live among them.
 *
 * A value is live when it is real and depends on one of the roots through rows that have a derivative. Bodies of scan and cond are
 * looked into, so liveness is known for each result. An extern counts as differentiable here: whoever meets one on a path refuses it. */
#pragma once
#include "compiler/grad/rules.h"

typedef struct Flow {
    const GradRule *rules;
    Arena          *arena;
    ARRAY(const IrNode *) order;                            /* operands before users; of the outputs' ancestors alone */
    uint8_t        *live;                                   /* by value id */
    uint32_t        n_ids;
    int             depth;                                  /* how many bodies it lies in */
} Flow;

Flow  flow_order(const GradRule *rules, Arena *arena, uint32_t n_ids, IrVal *const *outputs, int n_out);
void  flow_mark(Flow *f, IrVal *const *roots, int n_roots);             /* live from these roots alone */
bool  flow_live(const Flow *f, const IrVal *v);
/* By value id: values that may not be finite, or whose derivatives by what they are computed from may not. */
uint8_t *flow_poles(const Flow *f);
/* By value id: the live values from which a live path leads to one of the outputs (to those with wanted[o], if given). */
uint8_t *flow_need(const Flow *f, IrVal *const *outputs, const bool *wanted, int n_out);

/* Of a scan or cond whose live operands are given (n_args of them): which parameters of its bodies are live (a scan's carried ones
 * also through earlier iterations), one array for all bodies, in order of a body's parameters. */
void  flow_body_params(const GradRule *rules, Arena *arena, uint32_t n_ids, const IrNode *n, const bool *live_args, bool *live_params);

/* Of a scan: which next-carried values a cotangent can reach, given those and the outputs that have one (n_yields flags, changed in place). */
void  flow_scan_needs(const GradRule *rules, Arena *arena, uint32_t n_ids, const IrNode *scan, const bool *live_params, bool *needed);

/* The last row with a live operand and no live result, and the first on a live path to the outputs at which a value loses an axis of
 * `axes`; NULL: none. Bodies count. */
const IrNode *flow_cut(const Flow *f);
const IrNode *flow_meet(const Flow *f, IrVal *const *outputs, int n_out, IrAxes axes);
/* The first on a live path to the outputs at which elements of what is live may meet, or change places; NULL: none, each output's element is of one alone.
 * made: axes whose samples were such elements. */
const IrNode *flow_mix(const Flow *f, IrVal *const *outputs, int n_out, IrAxes made);
