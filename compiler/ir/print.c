/* print.c - a module as text. read.c reads it back; docs/ir.md has the grammar.
 *
 * Values are named by their hint where that is unique in the function, else numbered in order. A constant stands inline as
 * a number wherever its element type follows from what is around; if one of its uses is not such a place, or it has
 * none, it is printed as a row of its own. Start at ir_print(). */
#include "compiler/ir/ir.h"
#include "compiler/ir/words.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    const IrModule *m;
    Text           *out;
    bool            spans;
    Arena          *scratch;                                /* of one function */
    const char    **name;                                   /* by value id; NULL: not named yet, or an inline constant */
    bool           *own_row;                                /* by value id, for constants */
    const char    **taken;  int n_taken;                    /* open addressing, a power of two */
    int            *last;                                   /* by place in it: the last number that a value of this hint got */
    int            *number, n_numbers;                      /* by value id, from 1, in the order of the text: of one that is printed plainly; else NULL */
} Printer;

/* ---- names and strings ------------------------------------------------------------------------------------------ */

static void put_string(Text *out, const char *s)
{
    text_add(out, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') text_printf(out, "\\%c", *s);
        else if ((unsigned char)*s < 32) text_printf(out, "\\%02x", (unsigned char)*s);
        else text_addn(out, s, 1);
    }
    text_add(out, "\"");
}

static void put_name(Text *out, const char *s)
{
    if (ir_is_name(s)) text_add(out, s);
    else put_string(out, s);
}

static unsigned hash_of(const char *s)
{
    unsigned h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

/* Its place; *was_free: it is taken now. */
static int take_name(Printer *p, const char *s, bool *was_free)
{
    for (unsigned at = hash_of(s);; at++) {
        int place = (int)(at & (unsigned)(p->n_taken - 1));
        *was_free = !p->taken[place];
        if (!*was_free && strcmp(p->taken[place], s)) continue;
        p->taken[place] = s;
        return place;
    }
}

static bool is_hint(const char *s)
{
    if (!s || !*s) return false;
    bool digits = true;
    for (const char *c = s; *c; c++) {
        if (!ir_is_name_char(*c)) return false;
        digits &= *c >= '0' && *c <= '9';
    }
    return !digits;                                         /* numbers are for values without a name */
}

static void name_value(Printer *p, const IrVal *v, int *next)
{
    const char *name = is_hint(v->hint) ? v->hint : NULL;
    if (!name) name = arena_printf(p->scratch, "%d", (*next)++);
    const char *stem = name;
    bool        is_free;
    int         place = take_name(p, name, &is_free);
    while (!is_free) {
        name = arena_printf(p->scratch, "%s.%d", stem, ++p->last[place]);
        take_name(p, name, &is_free);
    }
    p->name[v->id] = name;
}

/* ---- which constants get a row ---------------------------------------------------------------------------------- */

static bool is_const(const IrVal *v) { return v->def && v->def->op == IR_const; }

static bool stands_inline(const IrNode *n, int i)
{
    switch (ir_arg_elem(n->op, i)) {
    case IR_FROM_NOTHING: return false;
    case IR_FROM_OTHER: return !is_const(n->arg[1 - i]);
    default: return true;
    }
}

static void want_row(Printer *p, const IrVal *v)
{
    if (is_const(v)) p->own_row[v->id] = true;
}

static void find_rows(Printer *p, const IrFn *f)
{
    int *uses = ir_use_counts(p->m, f, p->scratch);
    for (const IrNode *n = f->body.first; n; n = ir_next(n)) {
        for (int i = 0; i < n->n_args; i++)
            if (!stands_inline(n, i)) want_row(p, n->arg[i]);
        for (int b = 0; b < n->n_bodies; b++)
            for (int i = 0; i < n->body[b]->n_yields; i++) want_row(p, n->body[b]->yield[i]);
        if (n->op == IR_const && !uses[n->result->id]) want_row(p, n->result);
    }
    for (int i = 0; i < f->reports.n; i++) want_row(p, f->reports.v[i].val);
}

static bool has_row(const Printer *p, const IrNode *n) { return n->op != IR_const || (!p->number && p->own_row[n->result->id]); }

static void name_block(Printer *p, const IrBlock *b, int *next)
{
    for (int i = 0; i < b->n_params; i++) name_value(p, b->param[i], next);
    for (const IrNode *n = b->first; n; n = n->next) {
        if (has_row(p, n))
            for (int i = 0; i < n->n_results; i++) name_value(p, &n->result[i], next);
        for (int i = 0; i < n->n_bodies; i++) name_block(p, n->body[i], next);
    }
}

static void prepare(Printer *p, const IrFn *f)
{
    size_t ids = p->m->next_id + 1;
    p->scratch = arena_new();
    p->name = arena_array(p->scratch, const char *, ids);
    p->own_row = arena_array(p->scratch, bool, ids);
    p->n_taken = 64;
    while ((size_t)p->n_taken < 2 * ids) p->n_taken *= 2;
    p->taken = arena_array(p->scratch, const char *, p->n_taken);
    p->last = arena_array(p->scratch, int, p->n_taken);
    int next = 0;
    find_rows(p, f);
    name_block(p, &f->body, &next);
}

/* ---- types ------------------------------------------------------------------------------------------------------ */

static void put_axis(const IrModule *m, int axis, Text *out)
{
    if (axis >= 0 && axis < m->axes.n) put_name(out, m->axes.v[axis].name);
    else text_printf(out, "?%d", axis);
}

static void put_axes(const IrModule *m, IrAxes set, Text *out)
{
    for (int i = 0; i < set.n; i++) {
        if (i) text_add(out, ",");
        put_axis(m, set.id[i], out);
    }
}

static void put_ints(Text *out, int n, const int64_t *v)
{
    text_add(out, "[");
    for (int i = 0; i < n; i++) text_printf(out, "%s%" PRId64, i ? "," : "", v[i]);
    text_add(out, "]");
}

void ir_print_type(const IrModule *m, const IrType *t, Text *out)
{
    text_add(out, ir_elem_name(t->elem));
    if (t->axes.n) {
        text_add(out, "<");
        put_axes(m, t->axes, out);
        text_add(out, ">");
    }
    put_ints(out, t->rank, t->dim);
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

static void put_number(Text *out, const IrNode *n)
{
    IrElem elem = n->n_results ? n->result->type.elem : IR_F64;
    if (n->op != IR_const || ir_is_real(elem)) text_f64(out, n->attr->value);
    else if (elem == IR_BOOL) text_add(out, n->attr->n ? "true" : "false");
    else text_printf(out, "%" PRId64, n->attr->n);
}

static void put_pairs(Text *out, const IrPairs *p)
{
    for (int i = 0; i < p->n; i++) text_printf(out, "%s%d:%d", i ? "," : "", p->a[i], p->b[i]);
}

static void put_windows(Text *out, const IrAttrs *at)
{
    for (int i = 0; i < at->n_windows; i++) {
        const IrWindow *w = &at->windows[i];
        text_printf(out, "%s%d:%d stride %" PRId64 " dilate %" PRId64 ":%" PRId64 " pad %" PRId64 ":%" PRId64, i ? ", " : "", w->a, w->b,
                    w->stride, w->dil_a, w->dil_b, w->lo, w->hi);
    }
}

static void put_pair_axes(Printer *p, const IrNode *n)
{
    for (int i = 0; i < n->n_args / 2; i++) {
        if (i) text_add(p->out, " ; ");
        put_axes(p->m, n->attr->pair_over[i], p->out);
    }
}

static bool is_present(const IrNode *n, IrAttrKey key)
{
    const void *field = (const char *)n->attr + ir_attr_info[key].at;
    switch (ir_attr_info[key].kind) {
    case ATTR_INT:
    case ATTR_AXIS: return *(const int *)field >= 0;
    case ATTR_BATCH: return n->op == IR_gather || n->op == IR_scatter_add || n->attr->batch.n;
    case ATTR_PAIRS: return ((const IrPairs *)field)->n > 0;
    case ATTR_WINDOWS: return n->attr->n_windows > 0;
    case ATTR_AXES: return ((const IrAxes *)field)->n > 0;
    case ATTR_PAIR_AXES: return n->attr->pair_over != NULL;
    case ATTR_FORM: return n->attr->pair_over || n->attr->form != IR_FORM_CHAIN;
    case ATTR_INTS: return ((const IrInts *)field)->n > 0;
    case ATTR_FLAG: return *(const bool *)field;
    case ATTR_SLOT:
    case ATTR_GROUP: return false;                          /* told by the operands */
    default: return true;
    }
}

static void put_key(Text *out, IrAttrKey key)
{
    IrAttrKind kind = ir_attr_info[key].kind;
    if (kind == ATTR_ELEM || kind == ATTR_COMPARE) return;  /* the word says it */
    text_add(out, kind == ATTR_PAIR_AXES ? "over" : ir_attr_info[key].name);
    if (kind != ATTR_FLAG) text_add(out, " ");
}

static void put_attr(Printer *p, const IrNode *n, IrAttrKey key)
{
    const void *field = (const char *)n->attr + ir_attr_info[key].at;
    put_key(p->out, key);
    switch (ir_attr_info[key].kind) {
    case ATTR_NUMBER: put_number(p->out, n); break;
    case ATTR_ELEM: text_add(p->out, ir_elem_name(n->attr->elem)); break;
    case ATTR_COMPARE: text_add(p->out, ir_compare_words[n->attr->compare]); break;
    case ATTR_FORM: text_add(p->out, ir_form_words[n->attr->form]); break;
    case ATTR_INT: text_printf(p->out, "%d", *(const int *)field); break;
    case ATTR_AXIS: put_axis(p->m, *(const int *)field, p->out); break;
    case ATTR_INT64: text_printf(p->out, "%" PRId64, *(const int64_t *)field); break;
    case ATTR_BATCH:
        if (n->attr->batch.n) put_pairs(p->out, &n->attr->batch);
        else text_printf(p->out, "%d", n->attr->n_batch);
        break;
    case ATTR_PAIRS: put_pairs(p->out, field); break;
    case ATTR_WINDOWS: put_windows(p->out, n->attr); break;
    case ATTR_AXES: put_axes(p->m, *(const IrAxes *)field, p->out); break;
    case ATTR_PAIR_AXES: put_pair_axes(p, n); break;
    case ATTR_INTS: put_ints(p->out, ((const IrInts *)field)->n, ((const IrInts *)field)->v); break;
    case ATTR_STREAM: put_string(p->out, n->attr->stream >= 0 && n->attr->stream < p->m->streams.n ? p->m->streams.v[n->attr->stream] : "?"); break;
    case ATTR_STRING: put_string(p->out, n->attr->symbol ? n->attr->symbol : ""); break;
    case ATTR_FLAG:
    case ATTR_SLOT:
    case ATTR_GROUP: break;
    }
}

static void put_attrs(Printer *p, const IrNode *n)
{
    IrAttrKey keys[IR_ATTR_COUNT];
    int count = ir_attr_keys(n->op, keys);
    bool any = false;
    for (int i = 0; i < count; i++) {
        if (!is_present(n, keys[i])) continue;
        text_add(p->out, any ? " " : " {");
        put_attr(p, n, keys[i]);
        any = true;
    }
    if (any) text_add(p->out, "}");
}

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

static void put_plain(Printer *p, const IrVal *v)
{
    if (!is_const(v)) {
        if (!p->number[v->id]) p->number[v->id] = ++p->n_numbers;
        text_printf(p->out, "%%%d", p->number[v->id]);
        return;
    }
    put_number(p->out, v->def);
    text_printf(p->out, ":%s", ir_elem_name(v->type.elem));
}

static void put_value(Printer *p, const IrVal *v)
{
    if (p->number) {
        put_plain(p, v);
        return;
    }
    if (p->name[v->id]) text_printf(p->out, "%%%s", p->name[v->id]);
    else if (is_const(v)) put_number(p->out, v->def);
    else text_printf(p->out, "%%?%" PRIu32, v->id);         /* not of this function: the verifier says so */
}

static const char *separator(const IrNode *n, int i)
{
    if (n->op == IR_dot && i && i % 2 == 0) return " ; ";
    return i ? ", " : " ";
}

/* Three groups, parted by `;` even where one is empty. */
static void put_scan_args(Printer *p, const IrNode *n)
{
    int from[4] = {0, n->attr->carried, n->attr->carried + n->attr->stacked, n->n_args};
    for (int group = 0; group < 3; group++) {
        if (group) text_add(p->out, " ;");
        for (int i = from[group]; i < from[group + 1] && i < n->n_args; i++) {
            text_add(p->out, i > from[group] ? ", " : " ");
            put_value(p, n->arg[i]);
        }
    }
}

static void put_args(Printer *p, const IrNode *n)
{
    if (n->op == IR_scan) {
        put_scan_args(p, n);
        return;
    }
    if (n->op == IR_read) {
        text_add(p->out, " ");
        put_string(p->out, n->attr->slot >= 0 && n->attr->slot < p->m->slots.n ? p->m->slots.v[n->attr->slot].path : "?");
    }
    for (int i = 0; i < n->n_args; i++) {
        text_add(p->out, separator(n, i));
        put_value(p, n->arg[i]);
    }
}

static void indent(Printer *p, int depth)
{
    for (int i = 0; i < depth; i++) text_add(p->out, "  ");
}

static void put_node(Printer *p, const IrNode *n, int depth);

static void put_nodes(Printer *p, const IrBlock *b, int depth)
{
    for (const IrNode *n = b->first; n; n = n->next)
        if (has_row(p, n)) put_node(p, n, depth);
}

static void put_body(Printer *p, const IrBlock *b, int depth)
{
    text_add(p->out, " (");
    for (int i = 0; i < b->n_params; i++) {
        text_add(p->out, i ? ", " : "");
        put_value(p, b->param[i]);
        text_add(p->out, ": ");
        ir_print_type(p->m, &b->param[i]->type, p->out);
    }
    text_add(p->out, ") {\n");
    put_nodes(p, b, depth + 1);
    indent(p, depth + 1);
    text_add(p->out, "yield");
    for (int i = 0; i < b->n_yields; i++) {
        text_add(p->out, i ? ", " : " ");
        put_value(p, b->yield[i]);
    }
    text_add(p->out, "\n");
    indent(p, depth);
    text_add(p->out, "}");
}

static void put_span(Printer *p, IrSpan span)
{
    if (!p->spans || !span.line) return;
    text_add(p->out, " @ ");
    if (span.file < (uint32_t)p->m->files.n) {
        put_string(p->out, p->m->files.v[span.file]);
        text_add(p->out, ":");
    }
    text_printf(p->out, "%" PRIu32 ":%" PRIu32, span.line, span.col);
}

static void put_node(Printer *p, const IrNode *n, int depth)
{
    indent(p, depth);
    for (int i = 0; i < n->n_results; i++) {
        text_add(p->out, i ? ", " : "");
        put_value(p, &n->result[i]);
    }
    text_printf(p->out, "%s%s", n->n_results ? " = " : "", ir_op_info[n->op].name);
    put_args(p, n);
    put_attrs(p, n);
    for (int i = 0; i < n->n_bodies; i++) put_body(p, n->body[i], depth);
    for (int i = 0; i < n->n_results; i++) {
        text_add(p->out, i ? ", " : " : ");
        ir_print_type(p->m, &n->result[i].type, p->out);
    }
    put_span(p, n->span);
    text_add(p->out, "\n");
}

/* ---- functions and modules -------------------------------------------------------------------------------------- */

/* What a report begins with is no part of what others begin with. */
static bool is_of_report(const Printer *p, const IrFn *f, int slot)
{
    return p->number && f->kind == IR_FN_INIT && !strncmp(p->m->slots.v[slot].path, "report.", strlen("report."));
}

/* What must hold is named "required.3:PLACE WORDS": how many stand before it, and on which line it does, is no part of what a function computes. */
static const char *commit_name(const Printer *p, const char *path)
{
    const char *words = p->number && !strncmp(path, "required.", strlen("required.")) ? strchr(path, ' ') : NULL;
    return words ? words : path;
}

static void put_ends(Printer *p, const IrFn *f)
{
    for (int i = 0; i < f->commits.n; i++) {
        if (is_of_report(p, f, f->commits.v[i].slot)) continue;
        text_add(p->out, "  commit ");
        put_string(p->out, commit_name(p, p->m->slots.v[f->commits.v[i].slot].path));
        text_add(p->out, ", ");
        put_value(p, f->commits.v[i].val);
        text_add(p->out, "\n");
    }
    for (int i = 0; i < f->reports.n; i++) {
        text_add(p->out, "  report ");
        put_string(p->out, f->reports.v[i].name);
        text_add(p->out, ", ");
        put_value(p, f->reports.v[i].val);
        text_add(p->out, "\n");
    }
}

static void put_header(Printer *p, const IrFn *f)
{
    text_add(p->out, "fn ");
    put_name(p->out, f->name);
    text_printf(p->out, " {%s", ir_fn_words[f->kind]);
    for (int i = 0; i < f->players.n; i++) {
        text_add(p->out, " player ");
        put_name(p->out, f->players.v[i]);
    }
    if (f->tick_slot >= 0) {
        text_add(p->out, " tick ");
        put_string(p->out, p->m->slots.v[f->tick_slot].path);
    }
    text_add(p->out, "} {\n");
}

static void put_fn(const IrModule *m, const IrFn *f, bool spans, Text *out)
{
    Printer p = {.m = m, .out = out, .spans = spans};
    prepare(&p, f);
    put_header(&p, f);
    put_nodes(&p, &f->body, 1);
    put_ends(&p, f);
    text_add(out, "}\n");
    arena_free(p.scratch);
}

/* ---- plainly: a function says what it computes, whatever else the module holds --------------------------------------- */

struct IrPlain {
    Printer  p;
    IrModule m;                                             /* with names of axes of its own */
    int     *seen, n_fns;                                   /* by axis: the function that has it; of so many */
};

IrPlain *ir_plain_new(const IrModule *m, Arena *a)
{
    IrPlain *p = arena_new_of(a, IrPlain);
    p->m = *m;
    p->m.axes.v = arena_array(a, __typeof__(*m->axes.v), m->axes.n + 1);
    for (int i = 0; i < m->axes.n; i++) p->m.axes.v[i] = m->axes.v[i];
    p->seen = arena_array(a, int, m->axes.n + 1);
    p->p = (Printer){.m = &p->m, .scratch = a, .number = arena_array(a, int, m->next_id + 1)};
    return p;
}

static void see_axes(IrPlain *p, IrAxes axes)
{
    for (int i = 0; i < axes.n; i++) p->seen[axes.id[i]] = p->n_fns;
}

/* An axis is called by its place among those of the function, and its extent. */
static void name_axes(IrPlain *p, const IrFn *f)
{
    p->n_fns++;
    for (const IrNode *n = f->body.first; n; n = ir_next(n)) {
        for (int i = 0; i < n->n_results; i++) see_axes(p, n->result[i].type.axes);
        for (int b = 0; b < n->n_bodies; b++)
            for (int i = 0; i < n->body[b]->n_params; i++) see_axes(p, n->body[b]->param[i]->type.axes);
    }
    for (int i = 0, at = 0; i < p->m.axes.n; i++)
        if (p->seen[i] == p->n_fns) p->m.axes.v[i].name = arena_printf(p->p.scratch, "x%d.%" PRId64, at++, p->m.axes.v[i].extent);
}

void ir_print_plain(IrPlain *p, const IrFn *f, Text *out)
{
    name_axes(p, f);
    p->p.out = out;
    p->p.n_numbers = 0;
    put_header(&p->p, f);
    put_nodes(&p->p, &f->body, 1);
    put_ends(&p->p, f);
}

static void put_slot(const IrModule *m, const IrSlot *s, Text *out)
{
    text_add(out, "slot ");
    put_string(out, s->path);
    text_printf(out, " %s", ir_slot_words[s->kind]);
    if (s->player) {
        text_add(out, " ");
        put_string(out, s->player);
    }
    text_add(out, " : ");
    ir_print_type(m, &s->type, out);
    text_add(out, "\n");
}

static void put_module(const IrModule *m, bool spans, Text *out)
{
    if (m->real != IR_F32) text_printf(out, "real %s\n", ir_elem_name(m->real));
    for (int i = 0; i < m->axes.n; i++) {
        text_add(out, "axis ");
        put_name(out, m->axes.v[i].name);
        text_printf(out, " = %" PRId64 "\n", m->axes.v[i].extent);
    }
    for (int i = 0; i < m->slots.n; i++) put_slot(m, &m->slots.v[i], out);
    for (int i = 0; i < m->fns.n; i++) {
        if (out->n) text_add(out, "\n");
        put_fn(m, m->fns.v[i], spans, out);
    }
}

const char *ir_value_name(const IrModule *m, const IrFn *f, const IrVal *v, Arena *a)
{
    Text name = text_in(a);
    Printer p = {.m = m, .out = &name};
    prepare(&p, f);
    put_value(&p, v);
    arena_free(p.scratch);
    const char *s = text_str(&name);
    return *s == '%' ? s + 1 : s;
}

const char **ir_print_names(const IrModule *m, const IrFn *f, Arena *a)
{
    Printer p = {.m = m};
    prepare(&p, f);
    const char **name = arena_array(a, const char *, m->next_id + 1);
    for (uint32_t i = 0; i < m->next_id; i++)
        if (p.name[i]) name[i] = arena_str(a, p.name[i]);
    arena_free(p.scratch);
    return name;
}

void ir_print_fn(const IrModule *m, const IrFn *f, Text *out) { put_fn(m, f, false, out); }
void ir_print(const IrModule *m, Text *out) { put_module(m, false, out); }
void ir_print_spans(const IrModule *m, Text *out) { put_module(m, true, out); }
