/* words.c - an origin in a few lines: what was born, what made its operands so, where it became nan, and what to write instead. */
#include "compiler/origin/find.h"

#include <math.h>
#include <string.h>

/* ---- hints ---------------------------------------------------------------------------------------------------------- */

static bool is(const char *op, const char *name) { return op && !strcmp(op, name); }
static double operand(const OriginStep *s, int i) { return i < s->n_operands ? s->operand[i].value : NAN; }

/* The operand to blame came from a row of this name. */
static bool by(const Origin *o, const char *op) { return o->n_steps > 1 && is(o->step[1].op, op); }

static const char *hint_log(const Origin *o)
{
    if (operand(&o->step[0], 0) < 0) return "a logarithm is of what is above 0: hold its argument to that, by exp, softplus or max(x, 1e-12)";
    if (by(o, "sigmoid")) return "keep the number that goes into sigmoid: log(sigmoid(x)) in one expression is -softplus(-x), which is finite";
    if (by(o, "exp")) return "keep the exponent: log(exp(x)) in one expression is x";
    return "log(max(x, 1e-12)) or log(x + 1e-12) stays finite; of a probability, work with its logit (softplus, sigmoid)";
}

static const char *hint_sqrt(const Origin *o)
{
    return operand(&o->step[0], 0) < 0 ? "a root is of what is not below 0: sqrt(max(x, 0)); what is a difference of large numbers can fall below 0 by rounding" : NULL;
}

static const char *hint_div(const Origin *o)
{
    if (operand(&o->step[0], 1) != 0) return "the quotient is beyond the largest number: a larger divisor, or `precision f64`";
    if (o->step[0].derivative && by(o, "sqrt")) return "the slope of sqrt at 0 is infinite: sqrt(x + 1e-12), or norm(v) where it is the root of a sum of squares";
    return "keep the divisor away from 0: x / (y + 1e-12), or x / max(y, 1e-12)";
}

static const char *hint_pow(const Origin *o)
{
    if (operand(&o->step[0], 0) < 0) return "a power that is not whole is of what is not below 0: abs(x)^p, or max(x, 0)^p";
    if (operand(&o->step[0], 0) == 0) return "0 to a power below 0 is infinite: (x + 1e-12)^p";
    return "the power is beyond the largest number: a smaller exponent or base, or `precision f64`";
}

static const char *hint_overflow(const Origin *o)
{
    (void)o;
    return "it is beyond the largest number, 3.4e38 in f32: a smaller rate or scale, clipped gradients, or `precision f64` (1.8e308)";
}

static const char *hint_exp(const Origin *o)
{
    (void)o;
    return "exp is beyond the largest number from 88.73 on in f32, 709.79 in f64: bound its argument, or stay in logarithms (logsumexp, log_prob, softplus)";
}

static const char *hint_cholesky(const Origin *o)
{
    (void)o;
    return "add a small number to its diagonal: cholesky(a + 1e-6 * identity(n))";
}

static const char *hint_solve(const Origin *o)
{
    (void)o;
    return "add a small number to its diagonal: a + 1e-6 * identity(n)";
}

static const char *hint_gather(const Origin *o)
{
    (void)o;
    return "an index is from 0 to the extent less 1: min(max(i, 0), n - 1)";
}

static const struct { const char *op; const char *(*of)(const Origin *o); } hints[] = {
    {"log", hint_log}, {"log1p", hint_log}, {"sqrt", hint_sqrt}, {"div", hint_div}, {"pow", hint_pow}, {"exp", hint_exp}, {"expm1", hint_exp},
    {"add", hint_overflow}, {"sub", hint_overflow}, {"mul", hint_overflow}, {"fma", hint_overflow}, {"sum", hint_overflow}, {"dot", hint_overflow},
    {"conv", hint_overflow}, {"cumsum", hint_overflow}, {"norm", hint_overflow}, {"convert", hint_overflow}, {"scatter_add", hint_overflow},
    {"cholesky", hint_cholesky}, {"trisolve", hint_solve}, {"solve", hint_solve}, {"gather", hint_gather},
};

const char *tell_hint(const Origin *o)
{
    if (o->kind == ORIGIN_DATA) return "filter(fn(r) sum(where(abs(r) < inf, 0, 1)) == 0) leaves out rows that are not finite";
    if (o->kind != ORIGIN_BORN || !o->n_steps) return NULL;
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (is(o->step[0].op, hints[i].op)) return hints[i].of(o);
    return NULL;
}

/* ---- lines ---------------------------------------------------------------------------------------------------------- */

static const char *number(Arena *a, double x) { return isnan(x) ? "nan" : arena_printf(a, "%.6g", x); }

static void add_names(Text *t, Arena *a, const OriginStep *s)
{
    const char *before = ", where";
    for (int i = 0; i < s->n_operands; i++) {
        const char *name = s->operand[i].name;
        if (!name || (i && s->operand[i - 1].name && !strcmp(name, s->operand[i - 1].name))) continue;
        text_printf(t, "%s %s is %s", before, number(a, s->operand[i].value), name);
        before = " and";
    }
}

static void add_where(Text *t, const OriginStep *s)
{
    const char *part[] = {s->sample, s->element, s->turn};
    const char *before = ": ";
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (!part[i]) continue;
        text_printf(t, "%s%s", before, part[i]);
        before = ", ";
    }
    if (s->derivative) text_printf(t, "%sin the derivative of this line", before);
    if (s->at.inside) text_printf(t, " (%s)", s->at.inside);
}

static OriginNote at_place(const OriginPlace *p, const char *text) { return (OriginNote){p->file, p->line, p->column, text, p->text}; }

static OriginNote birth(const Origin *o, Arena *a)
{
    const OriginStep *s = &o->step[0];
    Text              t = text_in(a);
    if (o->kind == ORIGIN_REQUIRED) text_printf(&t, "%s does not hold", s->text);
    else if (o->kind != ORIGIN_WRITTEN) text_printf(&t, "the first value that is not finite: %s is %s", s->text, number(a, s->value));
    else text_printf(&t, "the first value that is not finite is %s, which the program writes", number(a, s->value));
    if (o->kind != ORIGIN_WRITTEN) add_names(&t, a, s);
    else if (is(s->op, "select")) text_add(&t, "; `where` takes it");
    if (o->first) text_printf(&t, ", in the first value of %s", o->first);
    add_where(&t, s);
    return at_place(&s->at, text_str(&t));
}

static OriginNote because(const OriginStep *s, Arena *a)
{
    Text t = text_in(a);
    text_printf(&t, "%s is %s", number(a, s->value), s->text);
    add_names(&t, a, s);
    return at_place(&s->at, text_str(&t));
}

static OriginNote turned(const OriginStep *s, Arena *a)
{
    Text t = text_in(a);
    text_printf(&t, "it became nan here: %s", s->text);
    add_where(&t, s);
    return at_place(&s->at, text_str(&t));
}

static OriginNote given(const Origin *o, Arena *a)
{
    const char *how = o->kind == ORIGIN_DATA         ? "%s is %s: the data hold it"
                      : o->kind == ORIGIN_CHECKPOINT ? "%s is %s in the checkpoint that the run began with"
                                                     : "%s was %s before: it came of a step that is no longer known";
    Text t = text_in(a);
    text_add(&t, "the first value that is not finite: ");
    text_printf(&t, how, o->given.name, number(a, o->given.value));
    return (OriginNote){.text = text_str(&t)};
}

int origin_notes(const Origin *o, Arena *a, OriginNote note[ORIGIN_NOTES])
{
    int n = 0;
    note[n++] = o->n_steps ? birth(o, a) : given(o, a);
    for (int i = 1; i < o->n_steps; i++) note[n++] = because(&o->step[i], a);
    if (o->turned.op) note[n++] = turned(&o->turned, a);
    for (int i = n - 1; i > 0; i--)
        if (note[i].line == note[i - 1].line && note[i].file == note[i - 1].file) note[i].source = NULL;     /* it stands above */
    if (o->hint && n < ORIGIN_NOTES) note[n++] = (OriginNote){.text = arena_printf(a, "hint: %s", o->hint)};
    return n;
}
