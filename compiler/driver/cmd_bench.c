/* cmd_bench.c - `gan bench`: runs the program on one thread with the time of every kernel taken, and says which takes what.
 *
 * A kernel's time is the least that it took in one run of its function, over all its calls there, so that what other processes do is left
 * out as far as it can be. Rows are gathered while the plans are there (on_code), filled by the runs (CodeMeter), printed slowest first. */
#include "compiler/driver/peak.h"
#include "compiler/session/session.h"
#include "runtime/interrupt.h"
#include "runtime/trainer.h"

#include <stdlib.h>

typedef struct Row {
    const char *text;
    int         call;                                       /* of the code's */
    double      flops, bytes, ms;                           /* flops and ms of one turn first, then of all turns of the loops around (add_up); bytes of one */
} Row;

typedef struct Part { const char *name; ARRAY(Row) rows; double ms; int64_t runs; } Part;     /* a function */

typedef struct Bench {
    Session  *s;
    Arena    *a;
    Part     *part;
    int       n_parts;
    CodeMeter meter;
} Bench;

enum { ROUNDS = 100, LEAST_SHARE = 200 };                   /* rows below a part of the function's time are added up */

/* ---- what is measured -------------------------------------------------------------------------------------------- */

static void add_row(Bench *b, Part *part, const KPlan *p, const KKernel *k, int call)
{
    Text text = text_in(b->a);
    kernel_print_line(p, k, &text);
    array_push(b->a, &part->rows, ((Row){.text = text_str(&text), .call = call, .flops = k->flops, .bytes = kernel_bytes(p, k)}));
}

static void take_rows(void *self, const NestProgram *nests, const Code *code)
{
    Bench *b = self;
    b->n_parts = nests->n_fns;
    b->part = arena_array(b->a, Part, nests->n_fns + 1);
    int64_t **table[] = {&b->meter.now, &b->meter.parts, &b->meter.whole, &b->meter.least, &b->meter.did, &b->meter.runs};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) *table[i] = arena_array(b->a, int64_t, code->n_calls + 1);
    for (int i = 0; i < nests->n_fns; i++) {
        const KPlan *p = nests->fn[i].plan;
        b->part[i].name = arena_str(b->a, p->fn->name);
        for (int j = 0; j < p->kernels.n; j++)
            if (nests->fn[i].kernel[j].call >= 0) add_row(b, &b->part[i], p, p->kernels.v[j], nests->fn[i].kernel[j].call);
    }
}

static int run(Bench *b)
{
    Session       *s = b->s;
    TrainerOptions t = {.steps = s->o->run.steps >= 0 ? s->o->run.steps : ROUNDS, .watch_signals = true, .progress_fd = -1, .hooks = {.user = (void *)&s->o->run, .say = say_line}};
    TrainerResult  r = {0};
    Interrupt      signals;
    GanError       err;
    interrupt_begin(&signals, NULL);
    GanStatus st = trainer_run(s->lowered.program, &s->game.engine, &s->game.state, &t, &r, &err);
    interrupt_end(&signals);
    int status = st ? say_error(&s->o->run, &err) : r.end == TRAINER_INTERRUPTED ? r.interrupt : EXIT_DONE;
    trainer_result_free(&r);
    return status;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static int slower_row(const void *a, const void *b)
{
    const Row *x = a, *y = b;
    return (x->ms < y->ms) - (x->ms > y->ms);
}

static int slower_part(const void *a, const void *b)
{
    const Part *x = a, *y = b;
    return (x->ms < y->ms) - (x->ms > y->ms);
}

static void add_up(const Bench *b, Part *part)
{
    for (int i = 0; i < part->rows.n; i++) {
        Row *r = &part->rows.v[i];
        r->ms = 1e-6 * (double)b->meter.least[r->call];
        r->flops *= b->meter.whole[r->call] ? (double)b->meter.did[r->call] / (double)b->meter.whole[r->call] : 0;
        part->ms += r->ms;
        if (b->meter.runs[r->call] > part->runs) part->runs = b->meter.runs[r->call];
    }
    if (part->rows.n) qsort(part->rows.v, (size_t)part->rows.n, sizeof *part->rows.v, slower_row);
}

static void print_row(double ms, double of, double flops, double bytes, double peak, const char *text)
{
    double rate = ms > 0 ? flops / (1e-3 * ms) : 0;
    printf("  %10.4f  %4.1f %%  %9.4g  %8.4g  ", ms, of > 0 ? 100 * ms / of : 0, 1e-6 * flops, 1e-9 * rate);
    if (peak > 0) printf("%5.1f %%", 100 * rate / peak);
    else printf("%7s", "-");
    if (bytes >= 0) printf("  %9.4g", bytes / 1024);
    else printf("  %9s", "");
    printf("  %s\n", text);
}

static void print_part(const Bench *b, const Part *part, double peak)
{
    Row    rest = {0};
    double flops = 0;
    int    n_rest = 0;
    for (int i = 0; i < part->rows.n; i++) flops += part->rows.v[i].flops;
    printf("\n%s, %lld runs\n          ms  share      Mflop   GFLOP/s  of peak         KB  kernel\n", part->name, (long long)part->runs);
    for (int i = 0; i < part->rows.n; i++) {
        const Row *r = &part->rows.v[i];
        if (r->ms * LEAST_SHARE >= part->ms) {
            print_row(r->ms, part->ms, r->flops, r->bytes, peak, r->text);
            continue;
        }
        rest.ms += r->ms, rest.flops += r->flops, n_rest++;
    }
    if (n_rest) print_row(rest.ms, part->ms, rest.flops, -1, peak, arena_printf(b->a, "%d more", n_rest));
    print_row(part->ms, part->ms, flops, -1, peak, "all");
}

static void print_parts(Bench *b)
{
    double peak = peak_flops();
    for (int i = 0; i < b->n_parts; i++) add_up(b, &b->part[i]);
    if (b->n_parts) qsort(b->part, (size_t)b->n_parts, sizeof *b->part, slower_part);
    if (peak > 0) printf("one thread; a core's peak is %.1f GFLOP/s of f32\n", 1e-9 * peak);
    else printf("one thread; what a core's peak is, is not known\n");
    for (int i = 0; i < b->n_parts; i++)
        if (b->part[i].runs) print_part(b, &b->part[i], peak);
}

int cmd_bench(const Options *o)
{
    Session s;
    Bench   b = {.s = &s, .a = arena_new(), .meter = {.cost = code_meter_cost()}};
    JitOptions j = {.threads = 1, .plan = o->plan, .on_code = take_rows, .meter_self = &b, .meter = &b.meter};
    int     status = session_open(&s, o, o->run.operands[0]);
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start_jit(&s, &j);
    }
    if (status == EXIT_DONE) status = run(&b);
    if (status == EXIT_DONE) print_parts(&b);
    session_close(&s);
    arena_free(b.a);
    return status;
}
