/* losses.c - the commands that look into a loss: its operations with their values, and its gradient.
 *
 * The operations are those of the update that the loss belongs to, run by the interpreter on the state as it stands, with what the
 * next update would draw; nothing of it is kept. Its gradient is the update's own; that of any other loss the value of `grad[..] LOSS`, an expression as any other. */
#include "compiler/repl/repl.h"

#include "compiler/interp/interp.h"
#include "runtime/state.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- which update ------------------------------------------------------------------------------------------------ */

static bool same_text(const char *a, const char *b)         /* but for blanks */
{
    for (;; a++, b++) {
        while (isspace((unsigned char)*a)) a++;
        while (isspace((unsigned char)*b)) b++;
        if (*a != *b) return false;
        if (!*a) return true;
    }
}

static const GameLine *find_loss(Repl *r, const char *loss)
{
    const LowerResult *l = &debug_session(r->d)->lowered;
    Text               all = text_in(r->arena);
    for (int i = 0; i < l->n_lines; i++) {
        if (strcmp(l->line[i].what, "update") || l->line[i].fn < 0) continue;
        if (same_text(l->line[i].name, loss)) return &l->line[i];
        text_printf(&all, "%s%s", all.n ? "; " : "", l->line[i].name);
    }
    if (all.n) repl_wrong(r, "no update has the loss '%s'; the losses are: %s", GAN_SHOWN(loss), text_str(&all));
    else repl_wrong(r, "no update has the loss '%s'; this program has none", GAN_SHOWN(loss));
    return NULL;
}

/* ---- its operations ---------------------------------------------------------------------------------------------- */

typedef struct Ops {
    Repl           *r;
    const Session  *s;
    const IrFn     *f;
    int            *number;                                 /* by IrVal.id of a node's first result: 0, or from 1 on */
    int             wanted;                                 /* the one to show whole, with its operands; 0: a line for each */
    bool            found;
    Text            out;
} Ops;

static bool is_listed(const IrNode *n) { return n->op != IR_const && n->op != IR_read && n->op != IR_index; }

static void mark(bool *in, const IrVal *v)
{
    if (v->def) in[v->def->result[0].id] = true;
}

/* Numbers what the reports are made of, in order of execution. */
static void number_ops(Ops *o)
{
    const IrModule *m = o->s->lowered.ir;
    bool           *in = arena_array(o->r->arena, bool, m->next_id + 1);
    o->number = arena_array(o->r->arena, int, m->next_id + 1);
    for (int i = 0; i < o->f->reports.n; i++) mark(in, o->f->reports.v[i].val);
    for (const IrNode *n = o->f->body.last; n; n = n->prev)
        for (int i = 0; n->n_results && in[n->result[0].id] && i < n->n_args; i++) mark(in, n->arg[i]);
    int k = 0;
    for (const IrNode *n = o->f->body.first; n; n = n->next)
        if (n->n_results && in[n->result[0].id] && is_listed(n)) o->number[n->result[0].id] = ++k;
}

/* Samples first, then the dims of each; beyond what a tensor may have they are one dim. */
static GanTensor view(const IrModule *m, const IrType *t, const void *data)
{
    static const GanElem elem_of[] = {[IR_BOOL] = GAN_BOOL, [IR_I32] = GAN_I32, [IR_I64] = GAN_I64, [IR_F32] = GAN_F32, [IR_F64] = GAN_F64};
    int64_t   n = ir_axes_size(m, t->axes) * ir_dims_size(t);
    GanTensor x = {.elem = elem_of[t->elem], .data = (void *)data, .bytes = (size_t)n * gan_elem_bytes(elem_of[t->elem])};
    if (t->axes.n + t->rank > GAN_MAX_RANK) {
        x.rank = 1;
        x.dim[0] = n;
        return x;
    }
    for (int i = 0; i < t->axes.n; i++) x.dim[x.rank++] = ir_extent(m, t->axes.id[i]);
    for (int i = 0; i < t->rank; i++) x.dim[x.rank++] = t->dim[i];
    return x;
}

static void add_operand(Ops *o, const IrVal *v)
{
    const IrNode *d = v->def;
    double        c;
    if (ir_is_const(v, &c)) text_printf(&o->out, " %.6g", c);
    else if (d && d->op == IR_read) text_printf(&o->out, " %s", o->s->lowered.ir->slots.v[d->attr->slot].path);
    else if (d && o->number[d->result[0].id]) text_printf(&o->out, " #%d", o->number[d->result[0].id]);
    else text_add(&o->out, d ? " position" : " ?");
}

static void add_range(Text *out, const GanTensor *t)
{
    double  least = INFINITY, most = -INFINITY;
    int64_t n = gan_tensor_count(t), bad = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = gan_tensor_get(t, i);
        if (!isfinite(v)) bad++;
        else least = fmin(least, v), most = fmax(most, v);
    }
    bool real = gan_elem_is_real(t->elem);
    if (n == 1) text_printf(out, real ? "%.6g" : "%.0f", gan_tensor_get(t, 0));
    else if (bad < n) text_printf(out, real ? "%.4g to %.4g" : "%.0f to %.0f", least, most);
    if (bad && n > 1) text_printf(out, "%s%" PRId64 " not finite", bad < n ? ", " : "", bad);
}

static void add_head(Ops *o, const IrNode *n, int number)
{
    text_printf(&o->out, "  #%-3d %s", number, ir_op_info[n->op].name);
    for (int i = 0; i < n->n_args; i++) add_operand(o, n->arg[i]);
}

static void add_line(Ops *o, const IrNode *n, int number, const void *data)
{
    const IrModule *m = o->s->lowered.ir;
    GanTensor       t = view(m, &n->result[0].type, data);
    size_t          begin = o->out.n;
    char            shape[120];
    add_head(o, n, number);
    text_printf(&o->out, "%*s  %s  ", o->out.n - begin < 40 ? (int)(40 - (o->out.n - begin)) : 0, "", gan_tensor_text(&t, shape, sizeof shape));
    add_range(&o->out, &t);
    if (n->span.line && n->span.file < (uint32_t)m->files.n) text_printf(&o->out, "  %s:%u", m->files.v[n->span.file], n->span.line);
    text_add(&o->out, "\n");
}

static bool is_repeated(const IrNode *n, int i)
{
    for (int k = 0; k < i; k++)
        if (n->arg[k] == n->arg[i]) return true;
    return false;
}

static void add_whole(Ops *o, const InterpRun *run, const IrNode *n, const void *data)
{
    const IrModule *m = o->s->lowered.ir;
    for (int i = 0; i < n->n_args; i++) {
        size_t      begin = o->out.n;
        const void *in = interp_value(run, n->arg[i]);
        if (!in || ir_is_const(n->arg[i], NULL) || is_repeated(n, i)) continue;
        add_operand(o, n->arg[i]);
        const char *name = arena_printf(o->r->arena, "  in:  %s", o->out.s + begin + 1);
        o->out.n = begin;
        GanTensor t = view(m, &n->arg[i]->type, in);
        show_tensor(&o->out, name, &t, &o->r->style);
    }
    GanTensor t = view(m, &n->result[0].type, data);
    show_tensor(&o->out, "  out", &t, &o->r->style);
}

static bool see(void *self, const InterpRun *run, const IrNode *n, int result, uint32_t iteration, const void *data)
{
    Ops *o = self;
    (void)iteration;
    int number = n->block == &o->f->body && !result ? o->number[n->result[0].id] : 0;
    if (!number || (o->wanted && number != o->wanted)) return true;
    o->found = true;
    if (!o->wanted) {
        add_line(o, n, number, data);
        return true;
    }
    add_head(o, n, number);
    text_add(&o->out, "\n");
    add_whole(o, run, n, data);
    return false;
}

/* On the state as it stands, which stays so. */
static GanStatus run_watched(Ops *o, GanError *err)
{
    Arena            *a = o->r->arena;
    const GanProgram *p = o->s->lowered.program;
    const GanState   *state = debug_state(o->r->d);
    void            **slot = arena_array(a, void *, p->n_slots + 1), **drop = arena_array(a, void *, o->f->commits.n + 1);
    InterpMemory      memory = {.slot = slot, .seed = state->seed, .external = p->external, .n_externs = p->n_externs};
    InterpWatch       w = {see, o};
    for (int i = 0; i < p->n_slots; i++) slot[i] = state_slot(p, state, i);
    return interp_fn(o->s->lowered.ir, o->f, &memory, NULL, drop, &w, err);
}

static void show_ops(Repl *r, const GameLine *line, int wanted)
{
    const Session *s = debug_session(r->d);
    Ops            o = {.r = r, .s = s, .f = s->lowered.ir->fns.v[line->fn], .wanted = wanted, .out = text_in(r->arena)};
    GanError       err = {0};
    number_ops(&o);
    GanStatus st = run_watched(&o, &err);
    if (st) repl_failed(r, st, &err);
    else if (wanted && !o.found) repl_wrong(r, "the loss %s has no operation %d: :ops lists them", line->name, wanted);
    else fputs(text_str(&o.out), stdout);
}

void do_ops(Repl *r, const char *args)
{
    const GameLine *line = repl_has_run(r) ? find_loss(r, args) : NULL;
    if (!line) return;
    r->loss = arena_str(r->keep, line->name);
    show_ops(r, line, 0);
}

void do_op(Repl *r, const char *args)
{
    const char *word = repl_word(r, &args);
    int64_t     n;
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "op")) return;
    if (!repl_number(word, &n) || n < 1 || n > INT32_MAX) {
        repl_wrong(r, ":op wants the number of an operation, as :ops shows it");
        return;
    }
    if (!r->loss) {
        repl_wrong(r, "of which loss? :ops LOSS lists the operations of one, and :op looks into the last that was listed");
        return;
    }
    const GameLine *line = find_loss(r, r->loss);
    if (line) show_ops(r, line, (int)n);
}

/* ---- its gradient ------------------------------------------------------------------------------------------------ */

/* Cuts " WORD ..." off the end of the text, if it is there outside of all else; what follows WORD, or NULL. */
static char *take_behind(char *text, const char *word)
{
    char  *found = NULL;
    size_t n = strlen(word);
    for (char *s = strstr(text, word); s; s = strstr(s + 1, word))
        if (s > text && s[-1] == ' ' && (s[n] == ' ' || !s[n])) found = s;
    if (!found) return NULL;
    found[-1] = 0;
    return found + n + strspn(found + n, " ");
}

static double norm_of(const GanTensor *t)
{
    double sum = 0;
    for (int64_t i = 0, n = gan_tensor_count(t); i < n; i++) sum += gan_tensor_get(t, i) * gan_tensor_get(t, i);
    return sqrt(sum);
}

typedef struct Along {                                      /* a parameter that is moved along its own gradient */
    Repl            *r;
    const char      *loss;
    const GanTensor *gradient;
    double           norm;
    void            *slot;
    const GanTensor *at;                                    /* a copy of what it is */
} Along;

static void put_number(GanElem e, void *to, int64_t i, double v)
{
    if (e == GAN_F64) ((double *)to)[i] = v;
    else ((float *)to)[i] = (float)v;
}

static bool loss_at(Along *x, double h, double *loss)
{
    DebugValue v = {0};
    GanError   err = {0};
    for (int64_t i = 0, n = gan_tensor_count(x->at); i < n; i++)
        put_number(x->at->elem, x->slot, i, gan_tensor_get(x->at, i) + h * gan_tensor_get(x->gradient, i) / x->norm);
    GanStatus st = debug_eval(x->r->d, x->loss, 0, &v, &err);
    memcpy(x->slot, x->at->data, x->at->bytes);
    if (st) repl_failed(x->r, st, &err);
    else *loss = gan_tensor_get(v.value[0], 0);
    debug_value_free(&v);
    return !st;
}

/* Of four points: what is left is of the order of h^4. The step is small beside the parameter, and large beside the loss's rounding. */
static bool difference(Along *x, double *slope)
{
    double l[4], size = norm_of(x->at), h = (x->at->elem == GAN_F64 ? 1e-4 : 1e-2) * (size > 1 ? size : 1);
    if (!loss_at(x, h, &l[0]) || !loss_at(x, -h, &l[1]) || !loss_at(x, 2 * h, &l[2]) || !loss_at(x, -2 * h, &l[3])) return false;
    *slope = (8 * (l[0] - l[1]) - (l[2] - l[3])) / (12 * h);
    return true;
}

static void check(Repl *r, const char *loss, const char *path, const GanTensor *gradient, double norm)
{
    const GanProgram *p = debug_session(r->d)->lowered.program;
    GanState         *state = debug_state(r->d);
    int               slot = state_find(p, path);
    double            slope;
    if (slot < 0 || norm <= 0 || !isfinite(norm)) return;
    const GanSlot *s = &p->slot[slot];
    GanTensor      at = {.elem = s->elem, .rank = s->rank};
    memcpy(at.dim, s->dim, (size_t)s->rank * sizeof *at.dim);
    void *memory = state_slot(p, state, slot);
    at.bytes = s->bytes;
    at.data = arena_copy(r->arena, memory, s->bytes);
    Along x = {.r = r, .loss = loss, .gradient = gradient, .norm = norm, .slot = memory, .at = &at};
    if (difference(&x, &slope)) printf("  differences along it: %.4g", slope);
}

typedef struct Wanted { const char *loss, *wrt; bool checked; } Wanted;

/* The one parameter that is, or that belongs to, what a value without fields was derived by. */
static const char *only_path(const GanProgram *p, const char *wrt)
{
    size_t n = strlen(wrt);
    if (state_find(p, wrt) >= 0) return wrt;
    for (int i = 0; i < p->n_slots; i++)
        if (p->slot[i].kind == GAN_PARAM && !strncmp(p->slot[i].path, wrt, n) && p->slot[i].path[n] == '.') return p->slot[i].path;
    return wrt;
}

/* The parameter that a field of the gradient is of: what was derived by, and the field behind it; where that are several, the field is all. */
static const char *path_of(Repl *r, const char *wrt, const char *field)
{
    const GanProgram *p = debug_session(r->d)->lowered.program;
    if (!field) return only_path(p, wrt);
    const char *longer = arena_printf(r->arena, "%s.%s", wrt, field);
    return state_find(p, longer) < 0 ? field : longer;
}

static void show_gradient(Repl *r, const Wanted *w, const DebugValue *v)
{
    for (int i = 0; i < v->n; i++) {
        const char *path = path_of(r, w->wrt, v->n > 1 ? v->name[i] : NULL);
        double      norm = norm_of(v->value[i]);
        printf("  %-28s %.6g", path, norm);
        if (w->checked) check(r, w->loss, path, v->value[i], norm);
        puts("");
    }
}

/* By each of `names`: its norm, then those of what it has. */
static void derive(Repl *r, const char *wrt, const Wanted *w)
{
    DebugValue v = {0};
    GanError   err = {0};
    double     sum = 0;
    GanStatus  st = debug_eval(r->d, arena_printf(r->arena, "grad[%s] (%s)", wrt, w->loss), 0, &v, &err);
    if (st) {
        repl_failed(r, st, &err);
        return;
    }
    for (int i = 0; i < v.n; i++) sum += norm_of(v.value[i]) * norm_of(v.value[i]);
    printf("%s: %.6g\n", wrt, sqrt(sum));
    show_gradient(r, &(Wanted){w->loss, wrt, w->checked}, &v);
    debug_value_free(&v);
}

/* By a player that the loss may not depend on, by which there is no derivative then: a 0 that does depend on it stands beside it. */
static void derive_any(Repl *r, const char *player, const Wanted *w)
{
    derive(r, player, &(Wanted){arena_printf(r->arena, "(%s) + 0 * norm2(%s)", w->loss, player), w->wrt, w->checked});
}

/* Is what was typed a number? Otherwise it is said. */
static bool is_a_loss(Repl *r, const char *loss)
{
    DebugValue v = {0};
    GanError   err = {0};
    GanStatus  st = debug_eval(r->d, loss, 0, &v, &err);
    bool       number = !st && v.n == 1 && gan_tensor_count(v.value[0]) == 1;
    if (st) repl_failed(r, st, &err);
    else if (!number) repl_wrong(r, ":grad wants a loss, which is a number, and %s is none; of a player's: :grad LOSS wrt PLAYER", GAN_SHOWN(loss));
    debug_value_free(&v);
    return number;
}

/* ---- that of an update ------------------------------------------------------------------------------------------- */

/* The update whose loss it is; -1: none. */
static int update_of(const LowerResult *l, const char *loss)
{
    for (int i = 0; i < l->n_lines; i++)
        if (!strcmp(l->line[i].what, "update") && l->line[i].fn >= 0 && same_text(l->line[i].name, loss)) return i;
    return -1;
}

static bool is_within(const char *path, const char *name)
{
    size_t n = strlen(name);
    return !strncmp(path, name, n) && (!path[n] || path[n] == '.');
}

static void show_slope(const DebugSlope *v, bool checked)
{
    static const char made[] = "the loss is made of what another statement of the round computes";
    if (!v->known) printf("  %-28s not known: %s\n", v->path, made);
    else if (checked && !v->whole) printf("  %-28s %.6g  no differences: %s\n", v->path, v->norm, made);
    else if (isnan(v->along)) printf("  %-28s %.6g\n", v->path, v->norm);
    else printf("  %-28s %.6g  differences along it: %.4g\n", v->path, v->norm, v->along);
}

/* False: no parameter is within what was named. */
static bool show_slopes(const DebugSlope *v, int n, const char *name, bool checked)
{
    double sum = 0;
    int    found = 0, known = 0;
    for (int i = 0; i < n; i++) {
        if (!is_within(v[i].path, name)) continue;
        sum += v[i].norm * v[i].norm;
        known += v[i].known;
        found++;
    }
    if (!found) return false;
    if (known < found) printf("%s: not known\n", name);
    else printf("%s: %.6g\n", name, sqrt(sum));
    for (int i = 0; i < n; i++)
        if (is_within(v[i].path, name)) show_slope(&v[i], checked);
    return true;
}

/* False: not by what was named. */
static bool show_of_update(Repl *r, int line, const Wanted *w)
{
    const LowerResult *l = &debug_session(r->d)->lowered;
    DebugSlope        *v = NULL;
    GanError           err;
    int                n;
    GanStatus          st = debug_slopes(r->d, line, w->checked, r->arena, &v, &n, &err);
    if (st) repl_failed(r, st, &err);
    for (int i = 0; !st && !w->wrt && i < l->n_players; i++) show_slopes(v, n, l->player[i].name, w->checked);
    return st || !w->wrt || show_slopes(v, n, w->wrt, w->checked);
}

void do_grad(Repl *r, const char *args)
{
    const LowerResult *l = &debug_session(r->d)->lowered;
    char              *loss = arena_str(r->arena, args), *checked = take_behind(loss, "check"), *wrt = take_behind(loss, "wrt");
    Wanted             w = {.loss = loss, .wrt = wrt, .checked = checked && !*checked};
    int                line = update_of(l, loss);
    if (!*loss || (checked && *checked) || (wrt && !*wrt)) {
        repl_wrong(r, ":grad wants a loss, as in :grad gan.critic, :grad gan.critic wrt D, :grad gan.critic check");
        return;
    }
    if (line >= 0 && show_of_update(r, line, &w)) return;
    if (!is_a_loss(r, loss)) return;
    if (wrt) derive(r, wrt, &w);
    for (int i = 0; !wrt && i < l->n_players; i++)
        if (l->player[i].parameters) derive_any(r, l->player[i].name, &w);
    if (!wrt && !l->n_players) repl_wrong(r, "there are no players here; wrt names what to derive by");
}
