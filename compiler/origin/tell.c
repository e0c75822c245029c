/* tell.c - what is said of one point: its row with its numbers, its sample, its place, and which operand is to blame.
 *
 * A value that only moved (reshaped, sliced, picked, converted) is called by what it was moved from: tell_settle(). */
#include "compiler/origin/find.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static const char *number_text(Arena *a, double x)
{
    if (isnan(x)) return "nan";
    return arena_printf(a, "%.6g", x);
}

static void add_index(Text *t, const int64_t *at, int n)
{
    for (int i = 0; i < n; i++) text_printf(t, "%s%" PRId64, i ? ", " : "[", at[i]);
    if (n) text_add(t, "]");
}

/* By file, row and column, both from 1, as in all that is said of data. */
static const char *data_name(const Teller *t, int slot, int64_t element)
{
    const GanSlot    *s = &t->ask->p->slot[slot];
    const DataRecipe *r = t->ask->p->recipe ? &t->ask->p->recipe[s->offset] : NULL;
    int64_t           columns = 1, row;
    char              called[GAN_ERROR_TEXT];
    for (int d = 1; d < s->rank; d++) columns *= s->dim[d];
    if (!r || r->format == DATA_NONE || !s->rank) {
        Text name = text_in(t->a);
        int64_t at[8];
        for (int d = s->rank; d-- > 0; element /= s->dim[d]) at[d] = element % s->dim[d];
        text_add(&name, r && r->name ? data_called(r, called) : s->path);
        add_index(&name, at, s->rank);
        return text_str(&name);
    }
    row = data_row(r, element / columns);
    return arena_printf(t->a, "%s row %" PRId64 ", column %" PRId64, r->path, row + 1, element % columns + r->column + 1);
}

OriginNumber tell_slot(const Teller *t, int slot, int64_t element, double value)
{
    const IrSlot *s = &record_module(t->r)->slots.v[slot];
    if (s->kind == IR_SLOT_SCRATCH) return (OriginNumber){NULL, value};
    if (s->kind == IR_SLOT_DATA) return (OriginNumber){data_name(t, slot, element), value};
    Text name = text_in(t->a);
    Spot at = spot_of(record_module(t->r), &s->type, element);
    text_add(&name, s->path);
    add_index(&name, at.dim, s->type.rank);
    return (OriginNumber){text_str(&name), value};
}

static double value_of(const Teller *t, Point p)
{
    double x = NAN;
    if (!record_number(t->r, p, &x)) {
        RealKind kind = record_kind(t->r, p);
        x = kind == REAL_INF ? INFINITY : kind == REAL_MINUS_INF ? -INFINITY : NAN;
    }
    return x;
}

OriginNumber tell_number(const Teller *t, Point p)
{
    double      x = value_of(t, p);
    Point       q = tell_settle(t, p);
    if (q.v->def->op == IR_read) {
        OriginNumber slot = tell_slot(t, q.v->def->attr->slot, q.element, x);
        if (slot.name) return slot;
    }
    return (OriginNumber){p.v->called ? p.v->called : q.v->called, x};
}

/* ---- past what only moves ------------------------------------------------------------------------------------------- */

typedef struct Only { Point p; int n; } Only;

static bool see_only(void *self, const PointTerm *t)
{
    Only *o = self;
    o->p = t->p;
    o->n = t->is_zero ? 2 : o->n + 1;
    return o->n < 2;
}

bool tell_moves(const IrNode *n)
{
    return n->op == IR_stop || n->op == IR_convert || n->op == IR_select || (ir_op_info[n->op].klass == IR_CLASS_LAYOUT && n->op != IR_scatter_add) ||
           n->op == IR_as_feature;
}

static bool same_number(const Teller *t, Point a, Point b)
{
    double x = value_of(t, a), y = value_of(t, b);
    return real_kind(x) == real_kind(y) && (x == 0) == (y == 0);
}

Point tell_settle(const Teller *t, Point p)
{
    while (tell_moves(p.v->def)) {
        Only o = {.n = 0};
        point_terms(t->r, p, see_only, &o);
        if (o.n != 1 || (p.v->def->op == IR_convert && !same_number(t, p, o.p))) break;
        p = o.p;
    }
    return p;
}

/* ---- a row's terms -------------------------------------------------------------------------------------------------- */

typedef struct Terms {
    const Teller *t;
    bool          product;                                  /* two by two */
    PointTerm     first[ORIGIN_OPERANDS];  int n_first;
    double        factor;
    Point         factor_at;
    int64_t       n, largest;
    double        most;                                     /* |term|; -1: none yet */
    Point         at[2];
    double        value[2];
    bool          has_inf, has_minus_inf;
} Terms;

static void take_term(Terms *s, int64_t k, double term)
{
    s->n++;
    s->has_inf |= term > 0 && isinf(term);
    s->has_minus_inf |= term < 0 && isinf(term);
    if (isnan(term) || fabs(term) <= s->most) return;
    s->most = fabs(term);
    s->largest = k;
}

static bool see_terms(void *self, const PointTerm *t)
{
    Terms *s = self;
    double x = t->is_zero ? 0 : value_of(s->t, t->p);
    if (s->n_first < ORIGIN_OPERANDS) s->first[s->n_first++] = *t;
    if (!s->product) {
        double before = s->most;
        take_term(s, t->k, x);
        if (s->most > before) s->at[0] = t->p, s->value[0] = x;
        return true;
    }
    if (t->operand % 2 == 0) {
        s->factor = x;
        s->factor_at = t->p;
        return true;
    }
    double before = s->most;
    take_term(s, t->k, s->factor * x);
    if (s->most > before) {
        s->at[0] = s->factor_at, s->at[1] = t->p;
        s->value[0] = s->factor, s->value[1] = x;
    }
    return true;
}

static Terms terms_at(const Teller *t, Point p)
{
    IrOp  op = p.v->def->op;
    Terms s = {.t = t, .product = op == IR_dot || op == IR_conv, .most = -1};
    point_terms(t->r, p, see_terms, &s);
    return s;
}

static bool adds_up(IrOp op)
{
    return op == IR_sum || op == IR_norm || op == IR_cumsum || op == IR_dot || op == IR_conv || op == IR_scatter_add || op == IR_reduce_max;
}

/* ---- a row with its numbers ----------------------------------------------------------------------------------------- */

static const char *sign_of(const IrNode *n)
{
    static const char *const comparison[] = {[IR_EQ] = "==", [IR_NE] = "!=", [IR_LT] = "<", [IR_LE] = "<=", [IR_GT] = ">", [IR_GE] = ">="};
    switch (n->op) {
    case IR_compare: return comparison[n->attr->compare];
    case IR_add: return "+";
    case IR_sub: return "-";
    case IR_mul: return "*";
    case IR_div: return "/";
    case IR_pow: return "^";
    case IR_rem: return "mod";
    default:     return NULL;
    }
}

static void add_operand(Text *out, const Teller *t, double x, bool guarded)
{
    bool below = guarded && signbit(x) && !isnan(x);
    text_printf(out, below ? "(%s)" : "%s", number_text(t->a, x));
}

static const char *function_name(const IrNode *n)
{
    if (n->op != IR_polygamma) return ir_op_info[n->op].name;
    return n->attr->n < 0 ? "lgamma" : n->attr->n == 0 ? "digamma" : "polygamma";
}

static void add_map(Text *out, const Teller *t, const IrNode *n, const OriginStep *s)
{
    const OriginNumber *x = s->operand;
    const char         *sign = sign_of(n);
    if (n->op == IR_neg) {
        text_printf(out, "-(%s)", number_text(t->a, x[0].value));
    } else if (n->op == IR_convert) {
        text_printf(out, "%s, rounded to %s", number_text(t->a, x[0].value), ir_elem_name(n->result[0].type.elem));
    } else if (n->op == IR_fma && s->n_operands == 3) {
        add_operand(out, t, x[0].value, false);
        text_add(out, " * ");
        add_operand(out, t, x[1].value, true);
        text_add(out, " + ");
        add_operand(out, t, x[2].value, true);
    } else if (sign && s->n_operands == 2) {
        add_operand(out, t, x[0].value, n->op == IR_pow);
        text_printf(out, " %s ", sign);
        add_operand(out, t, x[1].value, true);
    } else {
        text_printf(out, "%s(", function_name(n));
        for (int i = 0; i < s->n_operands; i++) text_printf(out, "%s%s", i ? ", " : "", number_text(t->a, x[i].value));
        text_add(out, ")");
    }
}

static void add_sum(Text *out, const Teller *t, const IrNode *n, const Terms *s)
{
    const char *what = s->product ? "products" : n->op == IR_norm ? "squares" : "numbers";
    text_printf(out, "%s of %" PRId64 " %s", n->op == IR_norm ? "the root of a sum" : n->op == IR_reduce_max ? "the largest" : "a sum", s->n, what);
    if (s->has_inf && s->has_minus_inf) text_add(out, " (among them inf and -inf)");
    else if (s->most >= 0) {
        text_printf(out, " (the largest %s", number_text(t->a, s->value[0]));
        if (s->product) text_printf(out, " * %s", number_text(t->a, s->value[1]));
        text_add(out, n->op == IR_norm ? " squared)" : ")");
    }
}

/* The first row, from 0, in which elimination by the lower triangle meets what is not above 0: -1: in none. */
static int64_t bad_pivot(const double *a, int64_t n, double *l, double *pivot)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double s = 0.5 * (a[i * n + j] + a[j * n + i]);
            for (int64_t k = 0; k < j; k++) s -= l[i * n + k] * l[j * n + k];
            if (i == j && !(s > 0)) {
                *pivot = s;
                return i;
            }
            l[i * n + j] = i == j ? sqrt(s) : s / l[j * n + j];
        }
    return -1;
}

typedef struct Matrix { const Teller *t; double *v; int64_t n, most; } Matrix;

static bool see_matrix(void *self, const PointTerm *t)
{
    Matrix *m = self;
    if (t->operand || m->n == m->most) return false;
    m->v[m->n++] = t->is_zero ? 0 : value_of(m->t, t->p);
    return true;
}

static void add_matrix(Text *out, const Teller *t, Point p)
{
    const IrNode *n = p.v->def;
    const IrType *type = &n->arg[0]->type;
    int64_t       size = type->dim[type->rank - 1];
    double        pivot = NAN;
    Matrix        m = {t, arena_array(t->a, double, size * size + 1), 0, size * size};
    point_terms(t->r, p, see_matrix, &m);
    text_printf(out, "%s of a %" PRId64 " x %" PRId64 " matrix", ir_op_info[n->op].name, size, size);
    if (n->op == IR_cholesky) {
        int64_t row = bad_pivot(m.v, size, arena_array(t->a, double, size * size + 1), &pivot);
        text_add(out, " that is not positive definite");
        if (row >= 0) text_printf(out, " (its pivot in row %" PRId64 " is %s)", row, number_text(t->a, pivot));
    } else if (n->op == IR_trisolve) {
        for (int64_t i = 0; i < size; i++)
            if (m.v[i * size + i] == 0) {
                text_printf(out, " that is singular (its diagonal is 0 in row %" PRId64 ")", i);
                return;
            }
    } else if (n->op == IR_solve)
        text_add(out, " that is singular");
}

static void add_gather(Text *out, const Teller *t, Point p)
{
    const IrNode *n = p.v->def;
    const IrType *index = &n->arg[1]->type, *to = &n->result[0].type;
    Spot          at = spot_of(record_module(t->r), to, p.element), of = {0};
    for (int i = 0; i < index->axes.n; i++)
        for (int k = 0; k < to->axes.n; k++)
            if (to->axes.id[k] == index->axes.id[i]) of.axis[i] = at.axis[k];
    memcpy(of.dim, at.dim, sizeof *of.dim * (size_t)index->rank);
    Point i = {n->arg[1], p.turn, spot_element(record_module(t->r), index, &of)};
    text_printf(out, "the element at index %s of %" PRId64, record_source(t->r, &i) ? number_text(t->a, value_of(t, i)) : "0", n->arg[0]->type.dim[n->attr->n_batch]);
}

static void step_text(const Teller *t, Point p, OriginStep *s)
{
    const IrNode *n = p.v->def;
    Text          out = text_in(t->a);
    Terms         terms = terms_at(t, p);
    if (adds_up(n->op)) {
        s->terms = terms.n;
        s->largest = terms.largest;
        if (terms.most >= 0) {
            s->n_operands = terms.product ? 2 : 1;
            for (int i = 0; i < s->n_operands; i++) s->operand[i] = tell_number(t, terms.at[i]);
        }
        add_sum(&out, t, n, &terms);
    } else if (ir_op_info[n->op].klass == IR_CLASS_OPAQUE && n->op != IR_extern) add_matrix(&out, t, p);
    else if (n->op == IR_gather) add_gather(&out, t, p);
    else if (n->op == IR_extern) text_printf(&out, "a draw of the simulator %s", n->attr->symbol);
    else if (n->op == IR_pad || n->op == IR_const) text_add(&out, "a number of the program");
    else if (ir_op_info[n->op].klass == IR_CLASS_RAND) text_printf(&out, "a draw, %s", ir_op_info[n->op].name);
    else {
        s->n_operands = terms.n_first;
        for (int i = 0; i < terms.n_first; i++)
            s->operand[i] = terms.first[i].is_zero ? (OriginNumber){NULL, 0} : tell_number(t, terms.first[i].p);
        add_map(&out, t, n, s);
    }
    s->text = text_str(&out);
}

/* ---- where ---------------------------------------------------------------------------------------------------------- */

static const char *sample_text(const Teller *t, const IrType *type, const Spot *at)
{
    if (!type->axes.n) return NULL;
    Text out = text_in(t->a);
    for (int i = 0; i < type->axes.n; i++)
        text_printf(&out, "%s %" PRId64 " of %s", i ? " and" : "sample", at->axis[i], record_module(t->r)->axes.v[type->axes.id[i]].called);
    return text_str(&out);
}

static const char *element_text(const Teller *t, const IrType *type, const Spot *at)
{
    if (!type->rank) return NULL;
    Text out = text_in(t->a);
    text_add(&out, "element ");
    add_index(&out, at->dim, type->rank);
    return text_str(&out);
}

/* Turns are counted from 1, in the order of the loop as it is written: a derivative goes through it from the end. */
static const char *turn_text(const Teller *t, const IrNode *n, uint32_t turn)
{
    Text out = text_in(t->a);
    for (const IrNode *o = n->block->owner; o; o = o->block->owner) {
        if (o->op != IR_scan) continue;
        int64_t i = turn % (uint32_t)o->attr->n;
        turn /= (uint32_t)o->attr->n;
        text_printf(&out, "%sturn %" PRId64 " of %" PRId64, text_str(&out)[0] ? " in " : "", (ir_is_adjoint(n) ? o->attr->n - 1 - i : i) + 1, o->attr->n);
    }
    return text_str(&out)[0] ? text_str(&out) : NULL;
}

static const GanSchedule *statement_of(const GanSchedule *n, int fn)
{
    const GanSchedule *found = n->fn == fn && n->line ? n : NULL;
    for (int i = 0; i < n->n_kids && !found; i++) found = statement_of(n->kid[i], fn);
    return found;
}

static const char *line_text(const Teller *t, uint32_t file, uint32_t line)
{
    const SourceFile *f = t->ask->sources ? source_file(t->ask->sources, file + 1) : NULL;
    if (!f || !line || line > f->n_lines) return NULL;
    uint32_t from = f->line_start[line - 1];
    return arena_strn(t->a, f->text + from, source_line_end(f, line) - from);
}

static OriginPlace place_of(const Teller *t, const IrNode *n)
{
    const IrModule    *m = record_module(t->r);
    const GanSchedule *s = n->span.line ? NULL : statement_of(t->ask->p->schedule, t->fn);
    IrSpan             own = s ? (IrSpan){.file = s->file, .line = s->line, .col = s->col} : n->span, at = own;
    OriginPlace        place = {0};
    if (own.used && own.used <= (uint32_t)m->places.n) {
        at = m->places.v[own.used - 1];
        if (own.file < (uint32_t)m->files.n) place.inside = arena_printf(t->a, "%s:%u", m->files.v[own.file], own.line);
    }
    if (!at.line || at.file >= (uint32_t)m->files.n) return place;
    place.file = m->files.v[at.file];
    place.line = at.line;
    place.column = at.col;
    place.text = line_text(t, at.file, at.line);
    return place;
}

void tell_sample(const Teller *t, Point p, OriginStep *s)
{
    Spot at = spot_of(record_module(t->r), &p.v->type, p.element);
    s->sample = sample_text(t, &p.v->type, &at);
    s->element = element_text(t, &p.v->type, &at);
}

OriginStep tell_step(const Teller *t, Point p)
{
    const IrNode *n = p.v->def;
    OriginStep    s = {.op = ir_op_info[n->op].name, .value = value_of(t, p), .fn = t->fn, .derivative = ir_is_adjoint(n) || n->why == IR_WHY_TANGENT};
    step_text(t, p, &s);
    tell_sample(t, p, &s);
    s.turn = turn_text(t, n, p.turn);
    s.at = place_of(t, n);
    return s;
}

/* ---- whose fault ---------------------------------------------------------------------------------------------------- */

/* Of two operands, the one whose number is behind the result. */
static int blamed(IrOp op, const double *x, double result)
{
    bool huge = !isfinite(result);
    switch (op) {
    case IR_div:
        if (huge) return fabs(x[1]) < 1 ? 1 : 0;
        return fabs(x[0]) < 1 ? 0 : 1;
    case IR_pow: return x[0] <= 0 || (fabs(x[0]) > 1) == huge ? 0 : 1;
    case IR_max: return x[0] >= x[1] ? 0 : 1;
    case IR_min: return x[0] <= x[1] ? 0 : 1;
    case IR_compare: return 0;
    case IR_mul:
        if (result == 0) return fabs(x[0]) <= fabs(x[1]) ? 0 : 1;
        return fabs(x[0]) >= fabs(x[1]) ? 0 : 1;
    default: return fabs(x[0]) >= fabs(x[1]) ? 0 : 1;
    }
}

bool tell_blame(const Teller *t, Point p, Point *operand)
{
    IrOp  op = p.v->def->op;
    Terms s = terms_at(t, p);
    if (adds_up(op)) {
        *operand = s.at[0];
        return s.most > 0 && !s.product && s.n <= 64;
    }
    if (ir_op_info[op].klass != IR_CLASS_MAP || !s.n_first) return false;
    double x[ORIGIN_OPERANDS];
    int    k = 0;
    for (int i = 0; i < s.n_first; i++) x[i] = s.first[i].is_zero ? 0 : value_of(t, s.first[i].p);
    if (s.n_first == 2) k = blamed(op, x, value_of(t, p));
    if (s.n_first == 3)
        for (int i = 1; i < 3; i++) k = fabs(x[i]) > fabs(x[k]) ? i : k;
    if (s.first[k].is_zero) return false;
    *operand = s.first[k].p;
    return true;
}

/* ---- what must be kept for that ------------------------------------------------------------------------------------- */

enum { WISH_DEPTH = 14, WISH_TERMS = 2, MOST_WISHES = 400 };

typedef struct Wishes {
    const Record *r;
    Point        *todo;
    RecordWish   *wish;
    int           n, n_todo, of_operand[8];
} Wishes;

static bool add_wish(void *self, const PointTerm *t)
{
    Wishes *w = self;
    if (t->is_zero || w->of_operand[t->operand & 7]++ >= WISH_TERMS || w->n == MOST_WISHES) return true;
    for (int i = 0; i < w->n; i++)
        if (w->wish[i].v == t->p.v && w->wish[i].turn == t->p.turn) return true;
    w->wish[w->n] = (RecordWish){t->p.v, t->p.turn};
    w->todo[w->n++] = t->p;
    return true;
}

RecordWish *step_wishes(const Record *r, Point p, Arena *a, int *n)
{
    Wishes w = {.r = r, .todo = arena_array(a, Point, MOST_WISHES), .wish = arena_array(a, RecordWish, MOST_WISHES)};
    w.wish[0] = (RecordWish){p.v, p.turn};
    w.todo[w.n++] = p;
    int done = 0;
    for (int depth = 0; depth < WISH_DEPTH; depth++)
        for (int level = w.n; done < level; done++) {
            memset(w.of_operand, 0, sizeof w.of_operand);
            point_terms(r, w.todo[done], add_wish, &w);
        }
    *n = w.n;
    return w.wish;
}
