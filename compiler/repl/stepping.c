/* stepping.c - the commands that go on in the schedule, and what is said where the run stops: what ran, its numbers before and after, how far each
 * player has moved. */
#include "compiler/repl/repl.h"

#include "lang/syntax/parse.h"
#include "runtime/interrupt.h"
#include "runtime/state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATEMENT_WIDTH = 56, LINES_IN_A_ROW = 12 };

/* ---- what ran ---------------------------------------------------------------------------------------------------- */

typedef struct RanNumber { double first, last; } RanNumber;

typedef struct RanStatement {
    const GanSchedule *node;
    const GanFunction *function;
    int64_t            times;
    RanNumber         *number;                              /* one an output; NaN for what is no number */
} RanStatement;

struct ReplRan {
    Arena *arena;
    ARRAY(RanStatement) statement;
    char  *before;                                          /* the state as it was */
};

static double number_of(const GanOutput *o, const void *data)
{
    double x = o->rank || !data ? NAN : gan_elem_get(o->elem, data, 0);
    return isnan(x) ? NAN : x;                              /* of one sign: it is shown */
}

static RanStatement *find_statement(ReplRan *ran, const DebugDone *what)
{
    for (int i = ran->statement.n - 1; i >= 0; i--)
        if (ran->statement.v[i].node == what->node) return &ran->statement.v[i];
    int n = what->function ? what->function->n_outputs : 0;
    array_push(ran->arena, &ran->statement, ((RanStatement){what->node, what->function, 0, arena_array(ran->arena, RanNumber, n + 1)}));
    return &ran->statement.v[ran->statement.n - 1];
}

/* Of the rounds of a block: what it reports is that of the round that it stands in, which counts as done, as in a log. */
static bool is_within_a_block(const GanSchedule *n, const GanSchedule *wanted, bool within)
{
    if (n == wanted) return within;
    for (int i = 0; i < n->n_kids; i++)
        if (is_within_a_block(n->kid[i], wanted, within || n->kind == GAN_ALTERNATE)) return true;
    return false;
}

/* One that stood for the same tick was of a past that has been changed. */
static void keep_report(Repl *r, const DebugDone *what, const GanOutput *o, const void *data)
{
    int history = debug_history(r->d);
    while (r->reports.n && r->reports.v[r->reports.n - 1].history == history && r->reports.v[r->reports.n - 1].tick > what->tick) r->reports.n--;
    for (int i = r->reports.n - 1; i >= 0 && r->reports.v[i].history == history && r->reports.v[i].tick == what->tick; i--)
        if (!strcmp(r->reports.v[i].name, o->name)) return;
    int64_t step = what->step + is_within_a_block(debug_session(r->d)->lowered.program->schedule, what->node, false);
    array_push(r->keep, &r->reports, ((ReplReport){history, what->tick, step, arena_str(r->keep, o->name), number_of(o, data)}));
}

void repl_listen(void *repl, const DebugDone *what)
{
    Repl *r = repl;
    if (!r->ran) return;
    RanStatement *s = find_statement(r->ran, what);
    for (int i = 0; what->function && i < what->function->n_outputs; i++) {
        double v = number_of(&what->function->output[i], what->out[i]);
        if (!s->times) s->number[i].first = v;
        s->number[i].last = v;
        if (what->node->kind == GAN_REPORT) keep_report(r, what, &what->function->output[i], what->out[i]);
    }
    s->times++;
}

/* ---- statements as they are written ------------------------------------------------------------------------------ */

const SourceFile *repl_source(const Repl *r, uint32_t file)
{
    return source_file(debug_session(r->d)->sources, file + 1);
}

static const char *line_text(Repl *r, const SourceFile *f, const GanSchedule *node)
{
    uint32_t    begin = f->line_start[node->line - 1], end = source_line_end(f, node->line);
    const char *text = arena_strn(r->arena, f->text + begin, end - begin), *c = text;
    for (uint32_t k = 1; k < node->col && *c; k++)
        do c++; while (((unsigned char)*c & 0xc0) == 0x80);
    while (*c == ' ') c++;
    return c;
}

/* Cut to so many characters and before the bracket that ends the block around, blanks in a row as one. */
static const char *shortened(Repl *r, const char *text, int width)
{
    Text t = text_in(r->arena);
    int  n = 0, depth = 0;
    for (const char *c = text; *c && *c != '#'; c++) {
        depth += (*c == '{') - (*c == '}');
        if (depth < 0) break;
        if (*c == ' ' && strchr(" #}", c[1])) continue;
        if (((unsigned char)*c & 0xc0) != 0x80 && ++n > width) {
            text_add(&t, "...");
            break;
        }
        text_addn(&t, c, 1);
    }
    return text_str(&t);
}

const char *repl_statement(Repl *r, const GanSchedule *node)
{
    const SourceFile *f = repl_source(r, node->file);
    if (!f || !node->line || node->line > f->n_lines) return node->name ? node->name : "a statement";
    return arena_printf(r->arena, "%s%u  %s", f->again ? "<typed>:" : "", node->line, shortened(r, line_text(r, f, node), STATEMENT_WIDTH));
}

/* ---- a stop ------------------------------------------------------------------------------------------------------ */

static void add_number(Text *t, const RanStatement *s, int i)
{
    const GanOutput *o = &s->function->output[i];
    const RanNumber *n = &s->number[i];
    bool             yes_or_no = o->elem == GAN_BOOL, real = gan_elem_is_real(o->elem);
    text_printf(t, "  %s ", o->name && *o->name ? o->name : "value");
    if (yes_or_no) text_add(t, n->last != 0 ? "true" : "false");
    else if (s->times > 1) text_printf(t, real ? "%.6g → %.6g" : "%.0f → %.0f", n->first, n->last);
    else text_printf(t, real ? "%.6g" : "%.0f", n->last);
}

static void say_ran(Repl *r, const RanStatement *s)
{
    Text t = text_in(r->arena);
    text_printf(&t, "  %s", repl_statement(r, s->node));
    for (int i = 0; s->function && i < s->function->n_outputs; i++)
        if (!s->function->output[i].rank) add_number(&t, s, i);
    if (s->times > 1) text_printf(&t, "  (%" PRId64 " times)", s->times);
    puts(text_str(&t));
}

static int by_place(const void *a, const void *b)
{
    const GanSchedule *x = ((const RanStatement *)a)->node, *y = ((const RanStatement *)b)->node;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    return x->col < y->col ? -1 : x->col > y->col;
}

static void say_all_that_ran(Repl *r)
{
    const ReplRan *ran = r->ran;
    if (ran->statement.n) qsort(ran->statement.v, (size_t)ran->statement.n, sizeof *ran->statement.v, by_place);
    for (int i = 0; i < ran->statement.n && i < LINES_IN_A_ROW; i++) say_ran(r, &ran->statement.v[i]);
    if (ran->statement.n > LINES_IN_A_ROW) printf("  and %d statements more\n", ran->statement.n - LINES_IN_A_ROW);
}

static void add_distance(const GanSlot *s, const void *was, const void *is, double *moved, double *length)
{
    GanTensor a = {.elem = s->elem, .rank = s->rank, .data = (void *)was}, b = {.elem = s->elem, .rank = s->rank, .data = (void *)is};
    int64_t   n = 1;
    for (int d = 0; d < s->rank; d++) n *= s->dim[d];
    for (int64_t i = 0; i < n; i++) {
        double x = gan_tensor_get(&a, i), y = gan_tensor_get(&b, i);
        *moved += (x - y) * (x - y);
        *length += y * y;
    }
}

/* How far, of what length: of all parameters of the player, as one vector. */
static void say_moved(Repl *r, const char *player)
{
    const GanProgram *p = debug_session(r->d)->lowered.program;
    const char       *is = debug_state(r->d)->base;
    double            moved = 0, length = 0;
    for (int i = 0; i < p->n_slots; i++) {
        const GanSlot *s = &p->slot[i];
        if (s->kind != GAN_PARAM || !s->player || strcmp(s->player, player)) continue;
        add_distance(s, r->ran->before + s->offset, is + s->offset, &moved, &length);
    }
    if (moved != 0) printf("  %s moved by %.4g, to a length of %.4g\n", player, sqrt(moved), sqrt(length));
}

/* The line that was drawn over and over stays. */
static void end_watched(const Repl *r)
{
    if (prompt_on_terminal(r->prompt) && r->watches.n == 1 && r->watches.v[0]->seen) puts("");
}

static void add_breakpoint(const Repl *r, Text *t, int number)
{
    const DebugBreakpoint *b;
    text_printf(t, "breakpoint %d", number);
    for (int i = debug_breakpoints(r->d, &b) - 1; i >= 0; i--)
        if (b[i].number == number && b[i].condition) text_printf(t, " (%s)", b[i].condition);
    text_add(t, ": ");
}

/* Once: nothing is lost, but what was long ago takes longer to come to. */
static void say_full(Repl *r)
{
    DebugCost c;
    if (r->told_full || !r->d) return;
    debug_cost(r->d, &c);
    if (!c.disk_full) return;
    r->told_full = true;
    say_line((void *)&r->o->run, "snapshots of the past do not fit on the disk (TMPDIR): fewer are kept, and going far back takes longer; --past MIB gives them memory");
}

void repl_say_place(Repl *r)
{
    const DebugPlace *p = &r->place;
    const char       *stopped[] = {[DEBUG_INTERRUPTED] = "interrupted: ", [DEBUG_FAILED] = "it cannot go on: "};
    Text              t = text_in(r->arena);
    if (p->breakpoint) add_breakpoint(r, &t, p->breakpoint);
    if (p->breakpoint && p->error.status) text_printf(&t, "whether it holds is not known, %s; ", p->error.message);
    else if (p->why == DEBUG_INTERRUPTED || p->why == DEBUG_FAILED) text_add(&t, stopped[p->why]);
    text_printf(&t, "step %" PRId64 ", tick %" PRId64 "; ", p->step, p->tick);
    if (p->next) text_printf(&t, "next is %s", repl_statement(r, p->next));
    else text_add(&t, "the run is over");
    puts(text_str(&t));
    say_full(r);
}

static void say_stop(Repl *r)
{
    const LowerResult *l = &debug_session(r->d)->lowered;
    end_watched(r);
    say_all_that_ran(r);
    for (int i = 0; i < l->n_players; i++) say_moved(r, l->player[i].name);
    if (r->place.why == DEBUG_FAILED) {
        fflush(stdout);
        say_error(&r->o->run, &r->place.error);
    }
    repl_say_place(r);
}

static void go(Repl *r, DebugHow how, int64_t n, const char *player)
{
    if (!repl_has_run(r)) return;
    if (!r->place.next) {
        repl_wrong(r, "the run is over: :back and :goto lead into its past, :fork from there on to another");
        return;
    }
    const GanState *state = debug_state(r->d);
    ReplRan         ran = {.arena = r->arena, .before = arena_copy(r->arena, state->base, state->bytes)};
    r->ran = &ran;
    for (int i = 0; i < r->watches.n; i++) r->watches.v[i]->seen = false;
    interrupt_rule(INTERRUPT_STOPS);
    debug_go(r->d, how, n, player, &r->place);
    say_stop(r);
    r->ran = NULL;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

/* "" is 1; false after saying that a count is wanted. */
static bool count_of(Repl *r, const char *word, int64_t *n)
{
    *n = 1;
    if (!*word || (repl_number(word, n) && *n > 0)) return true;
    repl_wrong(r, "'%s' is no count: a whole number from 1 on is wanted", GAN_SHOWN(word));
    return false;
}

void do_step(Repl *r, const char *args)
{
    const char *first = repl_word(r, &args), *second = repl_word(r, &args);
    int64_t     n;
    bool        rounds = !*first || repl_number(first, &n);
    if (!repl_has_run(r) || !repl_has_no_args(r, rounds && *second ? second : args, "step")) return;
    if (!rounds && !repl_is_player(r, first)) return;
    if (count_of(r, rounds ? first : second, &n)) go(r, rounds ? DEBUG_ROUNDS : DEBUG_UPDATE, n, rounds ? NULL : first);
}

void do_next(Repl *r, const char *args)
{
    const char *word = repl_word(r, &args);
    int64_t     n;
    if (repl_has_no_args(r, args, "next") && count_of(r, word, &n)) go(r, DEBUG_NEXT, n, NULL);
}

void do_finish(Repl *r, const char *args)
{
    if (repl_has_no_args(r, args, "finish")) go(r, DEBUG_FINISH, 1, NULL);
}

void do_continue(Repl *r, const char *args)
{
    if (repl_has_no_args(r, args, "continue")) go(r, DEBUG_ON, 1, NULL);
}

/* ---- the schedule ------------------------------------------------------------------------------------------------ */

static bool breaks_at(const Repl *r, uint32_t line)
{
    const DebugBreakpoint *b;
    for (int i = debug_breakpoints(r->d, &b) - 1; i >= 0; i--)
        if (b[i].when == DEBUG_AT_LINE && b[i].at == line) return true;
    return false;
}

static const SourceFile *main_source(const Repl *r)
{
    const Session    *s = debug_session(r->d);
    const SourceFile *f;
    for (uint32_t id = 1; (f = source_file(s->sources, id)) && f->text != s->text; id++) {}
    return f;
}

static void print_line(const Repl *r, const SourceFile *f, uint32_t line)
{
    const GanSchedule *next = r->place.next;
    uint32_t           begin = f->line_start[line - 1], end = source_line_end(f, line);
    bool               here = next && next->line == line && repl_source(r, next->file) == f;
    printf("%s %s %3u  %.*s\n", here ? ">" : " ", f == main_source(r) && breaks_at(r, line) ? "*" : " ", line, (int)(end - begin), f->text + begin);
}

static bool is_scheduled(const Ast *n)
{
    static const bool scheduled[AST_N_KINDS] = {
        [AST_ALTERNATE] = true, [AST_REPEAT] = true, [AST_EVERY] = true, [AST_IF] = true, [AST_SIMULTANEOUS] = true, [AST_EXTRAGRADIENT] = true,
        [AST_UPDATE] = true,    [AST_COPY] = true,   [AST_AVERAGE] = true, [AST_SAMPLE] = true, [AST_ASSIGN] = true, [AST_REPORT] = true,
        [AST_SAVE] = true,      [AST_STOP] = true,   [AST_EXPECT] = true,
    };
    return scheduled[n->kind];
}

/* Lines on which a statement of the schedule's top stands: lets that are computed, draws. */
static bool is_carried_out(const Repl *r, const SourceFile *f, uint32_t first, uint32_t last)
{
    const GanProgram *p = debug_session(r->d)->lowered.program;
    for (int i = 0; i < p->schedule->n_kids; i++) {
        const GanSchedule *k = p->schedule->kid[i];
        if (repl_source(r, k->file) == f && k->line >= first && k->line <= last) return true;
    }
    return false;
}

void do_list(Repl *r, const char *args)
{
    if (!repl_has_no_args(r, args, "list") || !repl_has_run(r)) return;
    const SourceFile *f = main_source(r);
    const Ast *file = f ? parse_file(r->arena, f, diags_new(sources_new(r->arena))) : NULL;
    const SourceFile *listed = f;
    for (int i = 0; file && i < file->file.stmts.n; i++) {
        const Ast *n = file->file.stmts.v[i];
        Place      first = source_place(f, n->span.begin);
        uint32_t   last = source_place(f, n->span.end - 1).line;
        if (!is_scheduled(n) && !is_carried_out(r, first.file, first.line, last)) continue;
        if (first.file != listed) printf("%s:\n", first.file->name);
        listed = first.file;
        for (uint32_t line = first.line; line <= last; line++) print_line(r, first.file, line);
    }
    repl_say_place(r);
}
