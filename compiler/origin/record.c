/* record.c - see record.h. What a parameter of a body was is not shown to who watches a run; it is what the turn before has yielded, or what
 * the loop was given, and is followed there: record_source(). */
#include "compiler/origin/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t MAX_BYTES = INT64_C(2) << 30;

typedef struct Kept {
    const IrVal *v;                                         /* NULL: free */
    uint32_t     turn;
    bool         whole;                                     /* data: all of it; else two bits an element */
    const void  *data;
} Kept;

struct Record {
    const IrModule   *m;
    const IrFn       *f;
    InterpMemory      memory;
    const RecordWish *wish;
    int               n_wishes;
    Kept             *kept;
    size_t            n, room;
    int64_t           bytes;
    bool              failed;
};

const IrModule *record_module(const Record *r) { return r->m; }
const IrFn     *record_fn(const Record *r) { return r->f; }

RealKind real_kind(double x) { return isfinite(x) ? REAL_FINITE : isnan(x) ? REAL_NAN : x > 0 ? REAL_INF : REAL_MINUS_INF; }

/* ---- the table ---------------------------------------------------------------------------------------------------- */

static Kept *place_of(Kept *kept, size_t room, const IrVal *v, uint32_t turn, bool whole)
{
    size_t at = (size_t)((v->id * UINT64_C(0x9E3779B97F4A7C15)) ^ (turn * UINT64_C(0xC2B2AE3D27D4EB4F))) >> 7;
    for (;; at++) {
        Kept *k = &kept[at & (room - 1)];
        if (!k->v || (k->v == v && k->turn == turn && k->whole == whole)) return k;
    }
}

static const Kept *find(const Record *r, const IrVal *v, uint32_t turn, bool whole)
{
    const Kept *k = place_of(r->kept, r->room, v, turn, whole);
    return k->v ? k : NULL;
}

static bool grow(Record *r)
{
    size_t room = r->room ? 2 * r->room : 1024;
    Kept  *kept = calloc(room, sizeof *kept);
    if (!kept) return false;
    for (size_t i = 0; i < r->room; i++)
        if (r->kept[i].v) *place_of(kept, room, r->kept[i].v, r->kept[i].turn, r->kept[i].whole) = r->kept[i];
    free(r->kept);
    r->kept = kept;
    r->room = room;
    return true;
}

/* Memory of so many bytes for the value; NULL: there is none. */
static void *keep(Record *r, const IrVal *v, uint32_t turn, bool whole, int64_t bytes)
{
    void *data = r->bytes + bytes > MAX_BYTES ? NULL : calloc(1, (size_t)bytes + 1);
    if (!data || (2 * r->n >= r->room && !grow(r))) {
        free(data);
        r->failed = true;
        return NULL;
    }
    r->bytes += bytes;
    r->n++;
    *place_of(r->kept, r->room, v, turn, whole) = (Kept){v, turn, whole, data};
    return data;
}

/* ---- watching ----------------------------------------------------------------------------------------------------- */

static int64_t size_of(const Record *r, const IrType *t) { return ir_axes_size(r->m, t->axes) * ir_dims_size(t); }

static int64_t first_bad(IrElem e, const void *data, int64_t n)
{
    if (e == IR_F32) {
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(((const float *)data)[i])) return i;
    } else
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(((const double *)data)[i])) return i;
    return n;
}

static bool keep_kinds(Record *r, const IrVal *v, uint32_t turn, const void *data)
{
    int64_t  n = size_of(r, &v->type), i = first_bad(v->type.elem, data, n);
    if (i == n) return true;
    uint8_t *bits = keep(r, v, turn, false, (n + 3) / 4);
    if (!bits) return false;
    for (; i < n; i++) bits[i / 4] |= (uint8_t)(real_kind(interp_number(v->type.elem, data, i)) << i % 4 * 2);
    return true;
}

static bool keep_whole(Record *r, const IrVal *v, uint32_t turn, const void *data)
{
    int64_t bytes = interp_type_bytes(r->m, &v->type);
    void   *to = keep(r, v, turn, true, bytes);
    if (to) memcpy(to, data, (size_t)bytes);
    return to;
}

static bool is_wished(const Record *r, const IrVal *v, uint32_t turn)
{
    for (int i = 0; i < r->n_wishes; i++)
        if (r->wish[i].v == v && r->wish[i].turn == turn) return true;
    return false;
}

/* What is read lies in the slot, and results of loops and conditions are found in their bodies. */
static bool see(void *self, const InterpRun *run, const IrNode *n, int result, uint32_t turn, const void *data)
{
    Record      *r = self;
    const IrVal *v = &n->result[result];
    (void)run;
    if (n->n_bodies || n->op == IR_const) return true;
    if (ir_is_real(v->type.elem) && !keep_kinds(r, v, turn, data)) return false;
    return n->op == IR_read || (ir_is_real(v->type.elem) && !is_wished(r, v, turn)) || keep_whole(r, v, turn, data);
}

/* ---- a call ------------------------------------------------------------------------------------------------------- */

Record *record_new(const IrModule *m, const IrFn *f, const InterpMemory *memory, const RecordWish *wish, int n_wishes)
{
    Record *r = calloc(1, sizeof *r);
    void  **commits = calloc((size_t)f->commits.n + 1, sizeof *commits);
    bool    ok = false;
    if (r && commits) {
        GanError err;
        *r = (Record){.m = m, .f = f, .memory = *memory, .wish = wish, .n_wishes = n_wishes};
        InterpWatch watch = {see, r};
        ok = grow(r) && !interp_fn(m, f, memory, NULL, commits, &watch, &err) && !r->failed;
    }
    free(commits);
    if (ok) return r;
    record_free(r);
    return NULL;
}

void record_free(Record *r)
{
    for (size_t i = 0; r && i < r->room; i++) free((void *)r->kept[i].data);
    if (r) free(r->kept);
    free(r);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

RealKind record_kind(const Record *r, Point p)
{
    if (!ir_is_real(p.v->type.elem)) return REAL_FINITE;
    if (p.v->def && p.v->def->op == IR_const) return real_kind(p.v->def->attr->value);
    const Kept *k = find(r, p.v, p.turn, false);
    return k ? (RealKind)(((const uint8_t *)k->data)[p.element / 4] >> p.element % 4 * 2 & 3) : REAL_FINITE;
}

bool record_number(const Record *r, Point p, double *x)
{
    const IrNode *n = p.v->def;
    const void   *data = NULL;
    if (n->op == IR_const) {
        *x = ir_is_real(p.v->type.elem) ? n->attr->value : (double)n->attr->n;
        if (p.v->type.elem == IR_F32) *x = (float)*x;
        return true;
    }
    if (n->op == IR_read) data = r->memory.slot[n->attr->slot];
    else {
        const Kept *k = find(r, p.v, p.turn, true);
        if (k) data = k->data;
    }
    if (data) *x = interp_number(p.v->type.elem, data, p.element);
    return data;
}

/* ---- bodies ------------------------------------------------------------------------------------------------------- */

/* A bool of a point whatever; what a loop leaves out is false. */
static bool holds(const Record *r, Point p)
{
    double x = 0;
    return record_source(r, &p) && record_number(r, p, &x) && x != 0;
}

static int64_t sample_of(const IrType *t, int64_t element) { return element / ir_dims_size(t); }

/* The element of `on`, whose axes are among t's and that has no dims, for the sample of t's element. */
static int64_t on_sample(const Record *r, const IrType *t, int64_t element, const IrType *on)
{
    int64_t sample = sample_of(t, element), at = 0, stride = 1;
    int64_t of[IR_MAX_AXES];
    for (int i = t->axes.n; i-- > 0; sample /= ir_extent(r->m, t->axes.id[i])) of[i] = sample % ir_extent(r->m, t->axes.id[i]);
    for (int i = on->axes.n; i-- > 0;) {
        for (int k = 0; k < t->axes.n; k++)
            if (t->axes.id[k] == on->axes.id[i]) at += of[k] * stride;
        stride *= ir_extent(r->m, on->axes.id[i]);
    }
    return at;
}

/* The turn from which on the sample of an element of type t stands still, at most the number of turns: the first that begins with `until` true. */
static int64_t stands_from(const Record *r, const IrNode *scan, uint32_t outer, const IrType *t, int64_t element)
{
    int64_t n = scan->attr->n;
    if (scan->attr->until < 0) return n;
    const IrBlock *body = scan->body[0];
    const IrVal   *u = body->param[scan->attr->until], *next = body->yield[scan->attr->until];
    int64_t        at = on_sample(r, t, element, &u->type);
    if (holds(r, (Point){scan->arg[scan->attr->until], outer, at})) return 0;
    for (int64_t i = 0; i < n && next != u; i++)
        if (holds(r, (Point){next, outer * (uint32_t)n + (uint32_t)i, at})) return i + 1;
    return n;
}

/* Carried value k of the scan as it is where turn i begins, in turn `outer` of the loops around. */
static Point carried(const Record *r, const IrNode *scan, int k, int64_t i, uint32_t outer, int64_t element)
{
    const IrVal *y = scan->body[0]->yield[k];
    int64_t      last = stands_from(r, scan, outer, &y->type, element);
    if (last > i) last = i;
    if (!last) return (Point){scan->arg[k], outer, element};
    return (Point){y, outer * (uint32_t)scan->attr->n + (uint32_t)(last - 1), element};
}

static Point of_param(const Record *r, const Point *p)
{
    const IrVal   *v = p->v;
    const IrNode  *n = v->param_of->owner;
    if (n->op == IR_cond) return (Point){n->arg[v->index + 1], p->turn, p->element};
    int64_t  extent = n->attr->n, i = p->turn % (uint32_t)extent, d = ir_dims_size(&v->type);
    uint32_t outer = p->turn / (uint32_t)extent;
    if (v->index < n->attr->carried) return carried(r, n, v->index, i, outer, p->element);
    if (v->index >= n->attr->carried + n->attr->stacked) return (Point){n->arg[v->index], outer, p->element};
    return (Point){n->arg[v->index], outer, (p->element / d * extent + i) * d + p->element % d};
}

/* False: an output of a turn in which the sample stood still. */
static bool of_result(const Record *r, Point *p)
{
    const IrNode *n = p->v->def;
    int           k = p->v->index;
    if (n->op == IR_cond) {
        p->v = n->body[holds(r, (Point){n->arg[0], p->turn, 0}) ? 0 : 1]->yield[k];
        return true;
    }
    int64_t extent = n->attr->n;
    if (k < n->attr->carried) {
        *p = carried(r, n, k, extent, p->turn, p->element);
        return true;
    }
    const IrVal *y = n->body[0]->yield[k];
    int64_t      d = ir_dims_size(&y->type), i = p->element / d % extent, element = p->element / (d * extent) * d + p->element % d;
    if (i >= stands_from(r, n, p->turn, &y->type, element)) return false;
    *p = (Point){y, p->turn * (uint32_t)extent + (uint32_t)i, element};
    return true;
}

bool record_source(const Record *r, Point *p)
{
    for (;;) {
        if (!p->v->def) *p = of_param(r, p);
        else if (p->v->def->op != IR_scan && p->v->def->op != IR_cond) return true;
        else if (!of_result(r, p)) return false;
    }
}
