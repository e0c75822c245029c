/* cmd_explain.c - `gan explain`: what a program is as a game; or what the compiler made of it, at the stage asked for. */
#include "compiler/session/session.h"
#include "compiler/jit/jit.h"
#include "lang/syntax/parse.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <string.h>

static void print_names(const char *verb, const char **names, int n)
{
    for (int i = 0; i < n; i++) printf("%s %s", i ? "," : verb, names[i]);
}

static void explain_game(const Session *s)
{
    const LowerResult *r = &s->lowered;
    for (int i = 0; i < r->n_players; i++)
        printf("%s %s: %lld parameters%s\n", r->player[i].kind, r->player[i].name, (long long)r->player[i].parameters, r->player[i].updated ? "" : ", never updated");
    for (int i = 0; i < r->n_lines; i++) {
        const GameLine   *l = &r->line[i];
        const SourceFile *f = source_file(s->sources, l->at.file);
        printf("%s:%u: %s %s", f ? f->name : "?", f ? source_place(f, l->at.begin).line : 0, l->what, l->name);
        print_names("; moves", l->moves, l->n_moves);
        print_names("; reads", l->reads, l->n_reads);
        print_names("; draws from", l->draws, l->n_draws);
        if (l->batch > 0) printf("; batch %lld", (long long)l->batch);
        puts("");
    }
}

/* ---- in terms of the game ------------------------------------------------------------------------------------------------ */

/* Behind what names of values begin with: "G[(the function kl, 2)]" is G[(kl, 2)]. */
static const char *behind_said(const char *s)
{
    static const char said[] = "the function ";
    return !strncmp(s, said, sizeof said - 1) ? s + sizeof said - 1 : s;
}

static void print_name(const char *name)
{
    while (*(name = behind_said(name))) putchar(*name++);
}

static bool opens(char c) { return strchr("{([,+-*/=|>", c) != NULL; }

/* On one line: where lines of a block end, a semicolon. */
static void print_formula(const char *s)
{
    char last = '{';
    for (; *(s = behind_said(s)); s++) {
        if (!isspace((unsigned char)*s)) {
            putchar(last = *s);
            continue;
        }
        bool line = false;
        for (; isspace((unsigned char)s[1]); s++) line = line || *s == '\n';
        line = line || *s == '\n';
        if (line && !opens(last) && !strchr("})]|+-*/", s[1])) putchar(';');
        putchar(' ');
    }
    puts("");
}

static void print_doc(const char *doc, const char *indent)
{
    for (const char *s = doc; s && *s;) {
        size_t n = strcspn(s, "\n");
        printf("%s%.*s\n", indent, (int)n, s);
        s += n + (s[n] == '\n');
    }
}

static uint32_t line_of(const Session *s, Span at)
{
    const SourceFile *f = source_file(s->sources, at.file);
    return f ? source_place(f, at.begin).line : 0;
}

static const char *place_of(const Session *s, Span at)
{
    const SourceFile *f = source_file(s->sources, at.file);
    if (!f) return "a place that is not known";
    return !strcmp(f->name, s->file) ? arena_printf(s->arena, "line %u", line_of(s, at)) : arena_printf(s->arena, "%s:%u", f->name, line_of(s, at));
}

static void print_players(const LowerResult *r)
{
    for (int i = 0; i < r->n_players; i++) {
        const GamePlayer *p = &r->player[i];
        printf("  "), print_name(p->name);
        printf(": %s, %lld parameter%s%s\n", p->kind, (long long)p->parameters, p->parameters == 1 ? "" : "s", p->updated ? "" : ", which no update moves");
    }
}

static void print_compare(const GameCompare *k)
{
    puts("");
    print_name(k->name);
    printf(" = "), print_formula(k->made);
    if (*k->stands) printf("  Here "), print_name(k->stands), puts(".");
    if (*k->changed) printf("  Changed here: %s. What is said of the rest is said of %s as it is declared.\n", k->changed, k->of);
    print_doc(k->doc, "  ");
    for (int i = 0; i < k->n_members; i++) {
        const GameMember *m = &k->member[i];
        if (!m->value && !m->estimate && !m->doc && !m->used) continue;             /* what a player minimises stands where it does */
        printf("  "), print_name(k->name);
        printf(".%s = ", m->name);
        if (m->value && strcmp(m->value, m->formula)) printf("%s = ", m->value);
        print_formula(m->formula);
        if (m->estimate) printf("      its kind: %s\n", m->estimate);
        print_doc(m->doc, "      ");
    }
}

static void print_list(const char *const *v, int n)
{
    for (int i = 0; i < n; i++) printf("%s", i ? ", " : ""), print_name(v[i]);
}

static bool moves(const GameMove *m, const char *net)
{
    for (int i = 0; i < m->n_players; i++)
        if (!strcmp(m->player[i], net)) return true;
    return false;
}

static void print_net(const GamePush *p) { print_name(p->net), printf("%s", p->part); }

static bool is_of_part(const GamePush *a, const GamePush *b) { return !strcmp(a->net, b->net) && !strcmp(a->part, b->part); }

static bool is_first_of_part(const GameMove *m, int i)
{
    for (int k = 0; k < i; k++)
        if (is_of_part(&m->push[k], &m->push[i])) return false;
    return true;
}

static const char *deeper(const Session *s, const char *in) { return arena_printf(s->arena, "%s  ", in); }

/* For which of its values that is said. */
static const char *held_for(const Session *s, const GamePush *p)
{
    if (p->seen) return arena_printf(s->arena, "at each of %s that were tried", p->seen);
    return p->some ? "whatever its values are, where they count" : "whatever its values are";
}

static const char *not_said(const GamePush *p)
{
    return p->why ? p->why : p->many ? "is not the same for all its numbers and their values, or not known" : "is not the same for all its values, or not known";
}

static bool is_good_of(const GamePush *p, const GamePush *net, const char *held, const Session *s) { return is_of_part(p, net) && p->way && !strcmp(held_for(s, p), held); }

/* Those of which the same is known, from the i-th on. */
static void print_good_held(const Session *s, const GameMove *m, int i, const char *in)
{
    const GamePush *net = &m->push[i];
    const char     *held = held_for(s, net);
    for (int k = 0; k < i; k++)
        if (is_good_of(&m->push[k], net, held, s)) return;
    printf("%s      a good ", in), print_net(net), printf(" is");
    for (int k = i; k < m->n_push; k++) {
        const GamePush *p = &m->push[k];
        if (!is_good_of(p, net, held, s)) continue;
        printf("%s %s at draws of ", k == i ? "" : ",", p->way > 0 ? "high" : "low"), print_name(p->draws);
    }
    printf(", %s\n", held);
}

/* Of a net that the update moves: what a good one is; and where the loss has no such way. in: what the lines of a block begin with. */
static void print_good(const Session *s, const GameMove *m, const GamePush *net, const char *in)
{
    for (int i = 0; i < m->n_push; i++)
        if (is_of_part(&m->push[i], net) && m->push[i].way) print_good_held(s, m, i, in);
    for (int i = 0; i < m->n_push; i++) {
        const GamePush *p = &m->push[i];
        if (!is_of_part(p, net) || p->way) continue;
        printf("%s      whether a good ", in), print_net(p), printf(" is high or low at draws of "), print_name(p->draws), printf(" %s\n", not_said(p));
    }
}

/* Of another net: where the player wants its draws to be. */
static void print_pushes(const Session *s, const GameMove *m, const char *in)
{
    for (int i = 0; i < m->n_push; i++)
        if (moves(m, m->push[i].net) && is_first_of_part(m, i)) print_good(s, m, &m->push[i], in);
    for (int i = 0; i < m->n_push; i++) {
        const GamePush *p = &m->push[i];
        if (moves(m, p->net) || !p->moved) continue;
        printf("%s      ", in);
        if (!p->way) printf("whether ");
        printf("draws of "), print_name(p->draws), printf(" are to be where "), print_net(p);
        if (!p->way) printf(" is higher or lower %s\n", not_said(p));
        else printf(" is %s%s%s\n", p->way > 0 ? "higher" : "lower", p->seen || p->some ? ", " : "", p->seen || p->some ? held_for(s, p) : "");
    }
}

static void print_reach(const Session *s, const GameMove *m, const char *in)
{
    for (int i = 0; i < m->n_reach; i++) {
        const GameReach *r = &m->reach[i];
        if (r->kind == REACH_MOVED && m->n_players == 1) continue;
        bool reaches = r->kind == REACH_MOVED || r->kind == REACH_HELD;
        printf(reaches ? "%s      its slope reaches " : "%s      it hangs on ", in), print_name(r->player);
        if (r->kind == REACH_MOVED) puts(", which it moves");
        if (r->kind == REACH_HELD) puts(", too, which is held");
        if (r->kind == REACH_STOPPED) printf(", but its slope is stopped (%s)\n", place_of(s, r->at));
        if (r->kind == REACH_CUT) printf(", but through what has no derivative (%s)\n", place_of(s, r->at));
    }
}

enum { PLACES = 4 };                                        /* last ones of f32 */

/* Both are times what is computed, which has no last place below the least of f32. */
static double places_apart(double a, double b, double times) { return fabs(a - b) / fmax(0x1p-149 * times, 0x1p-24 * fmax(fabs(a), fabs(b))); }

static bool is_near(double a, double b, double times)
{
    if (!isfinite(a) || !isfinite(b)) return (isnan(a) && isnan(b)) || a == b;
    return places_apart(a, b, times) <= PLACES;
}

/* Is what is computed not what the formula says? Of f64, too, the digits of f32 are held. */
static bool is_off(const GameDigits *d, int i) { return !isnan(d->exact[i]) && fabs(d->exact[i]) <= FLT_MAX && !is_near(d->here[i], d->exact[i], d->times); }

/* Where a slope is not what the formula says, though the formula was stabilised. */
static void print_lost(const GameMove *m, const char *in)
{
    for (int k = 0; k < m->n_digits; k++) {
        const GameDigits *d = &m->digits[k];
        int               worst = -1;
        for (int i = 0; i < GAME_LOGITS; i++) {
            if (!is_off(d, i)) continue;
            if (worst < 0) printf("%s      digits are lost of its slope by ", in), print_name(d->net), printf("%s at draws of ", d->part), print_name(d->draws), printf(", where that is");
            printf("%s %g", worst < 0 ? "" : ",", d->at[i]);
            bool more = worst < 0 || !(places_apart(d->here[i], d->exact[i], d->times) <= places_apart(d->here[worst], d->exact[worst], d->times));
            if (more) worst = i;
        }
        if (worst >= 0) printf(" (of %d that were tried): at %g it is computed as %.8g, and is %.8g\n", GAME_LOGITS, d->at[worst], d->here[worst], d->exact[worst]);
    }
}

/* Of a loop's rounds the same line moves the same player: which of them it is. */
static bool is_round_told(const GameMove *m)
{
    size_t n = strlen(m->index), k = strlen(m->player[0]);
    return !n || (k > n && !strcmp(m->player[0] + k - n, m->index));
}

static void print_move(const Session *s, const LowerResult *r, int i, const char *in)
{
    const GameMove *m = &r->move[i];
    printf("%s  line %u", in, line_of(s, m->at));
    if (!is_round_told(m)) printf(" "), print_name(m->index);
    printf(": ");
    print_list(m->player, m->n_players);
    printf(" %s ", m->goal);
    print_formula(m->loss);
    if (m->formula) printf("%s      = ", in), print_formula(m->formula);
    printf("%s      with ", in), print_formula(m->rule);
    if (m->project) printf("%s      and then ", in), print_formula(m->project);
    if (m->estimate) printf("%s      the loss is an estimate: %s\n", in, m->estimate);
    for (int k = 0; k < m->n_said; k++) {
        printf("%s      ", in), print_name(m->said[k].name), puts(":");
        print_doc(m->said[k].doc, arena_printf(s->arena, "%s          ", in));
    }
    print_pushes(s, m, in);
    print_reach(s, m, in);
    print_lost(m, in);
}

static const GameLine *line_with(const LowerResult *r, const GanSchedule *n, int move)
{
    Span at = r->move[move].at;
    for (int i = 0; n->fn >= 0 && i < r->n_lines; i++) {
        const GameLine *l = &r->line[i];
        if (l->fn == n->fn && l->at.file == at.file && l->at.begin <= at.begin && at.end <= l->at.end) return l;
    }
    return NULL;
}

static void print_zero_sum(const LowerResult *r, int move)
{
    const GameMove *m = &r->move[move];
    if (!m->against) return;
    printf("  "), print_name(m->player[0]), printf(" and "), print_name(r->move[m->against - 1].player[0]);
    puts(m->apart ? ": a zero sum in all that both change; their losses add up to terms that one of both alone changes" : ": a zero sum; their losses add up to 0");
}

/* Those of one call: one, or several from one starting point. */
static void print_moves(const Session *s, const GanSchedule *n, const char *in, bool *shown)
{
    const LowerResult *r = &s->lowered;
    const GameMove    *first = NULL;
    for (int i = 0; i < r->n_moves; i++) {
        const GameMove *m = &r->move[i];
        if (shown[i] || !line_with(r, n, i)) continue;
        if (first && (!m->together || strcmp(m->index, first->index))) return;
        if (!first && m->together)
            printf("%s  %s\n", in, !strcmp(m->together, "simultaneous") ? "from one starting point:" : "extragradient, a step ahead to see the slopes there, and then along those from here:");
        if (!first) first = m;
        shown[i] = true;
        print_move(s, r, i, m->together ? deeper(s, in) : in);
    }
}

static int64_t batch_of(const LowerResult *r, const GanSchedule *n)
{
    for (int i = 0; n->kind == GAN_CALL && n->fn >= 0 && i < r->n_lines; i++)
        if (r->line[i].fn == n->fn && r->line[i].batch > 0) return r->line[i].batch;
    for (int i = 0; i < n->n_kids; i++)
        if (batch_of(r, n->kid[i])) return batch_of(r, n->kid[i]);
    return 0;
}

static int moves_in(const LowerResult *r, const GanSchedule *n)
{
    int found = 0;
    for (int i = 0; n->kind == GAN_CALL && i < r->n_moves && !found; i++) found = line_with(r, n, i) != NULL;
    for (int i = 0; i < n->n_kids; i++) found += moves_in(r, n->kid[i]);
    return found;
}

static void print_rounds(const LowerResult *r, const GanSchedule *n, const char *in)
{
    int64_t batch = batch_of(r, n);
    printf("\n%s%lld round%s", in, (long long)n->count, n->count == 1 ? "" : "s");
    if (batch) printf(", batch %lld", (long long)batch);
    puts(moves_in(r, n) > 1 ? ", in each, one after the other:" : ":");
}

/* What an `if` or a `repeat` asks while the program runs, as the program writes it. */
static const char *asked_by(const Session *s, const GanSchedule *n)
{
    for (int i = 0; i < s->lowered.n_asked; i++) {
        const GameAsked  *a = &s->lowered.asked[i];
        const SourceFile *f = source_file(s->sources, a->at.file);
        Place             p = f ? source_place(f, a->at.begin) : (Place){0};
        if (p.line == n->line && p.column == n->col) return a->text;
    }
    return "what is asked there";
}

static void print_schedule(const Session *s, const GanSchedule *n, const char *in, bool *shown);

static void print_block(const Session *s, const GanSchedule *n, const char *in, bool *shown)
{
    for (int i = 0; i < n->n_kids; i++) print_schedule(s, n->kid[i], in, shown);
}

static void print_choice(const Session *s, const GanSchedule *n, const char *in, bool *shown)
{
    for (int i = 0; i < n->n_kids; i++) {
        if (!moves_in(&s->lowered, n->kid[i])) continue;
        bool otherwise = i && moves_in(&s->lowered, n->kid[0]);
        printf("%s  ", in);
        print_formula(otherwise ? "else:" : arena_printf(s->arena, i ? "if not (%s):" : "if %s:", asked_by(s, n)));
        print_schedule(s, n->kid[i], deeper(s, in), shown);
    }
}

static void print_schedule(const Session *s, const GanSchedule *n, const char *in, bool *shown)
{
    const LowerResult *r = &s->lowered;
    bool              *before = arena_copy(s->arena, shown, sizeof *shown * ((size_t)r->n_moves + 1));
    if (n->kind == GAN_CALL) print_moves(s, n, in, shown);
    if (!moves_in(r, n) || n->kind == GAN_CALL) return;
    switch (n->kind) {
    case GAN_ALTERNATE: print_rounds(r, n, in); break;
    case GAN_REPEAT:
        if (n->fn < 0) printf("%s  %lld times:\n", in, (long long)n->count);
        else printf("%s  ", in), print_formula(arena_printf(s->arena, "%s times:", asked_by(s, n)));
        in = deeper(s, in);
        break;
    case GAN_EVERY:
        printf("%s  after each %lld rounds:\n", in, (long long)n->count);
        in = deeper(s, in);
        break;
    case GAN_IF: print_choice(s, n, in, shown); return;
    default: break;
    }
    print_block(s, n, in, shown);
    for (int i = 0; n->kind == GAN_ALTERNATE && i < r->n_moves; i++)
        if (shown[i] && !before[i]) print_zero_sum(r, i);
}

static void explain_terms(const Session *s)
{
    const LowerResult *r = &s->lowered;
    bool              *shown = arena_array(s->arena, bool, r->n_moves + 1);
    printf("%s\n", GAN_SHOWN(s->file));
    print_players(r);
    for (int i = 0; i < r->n_compares; i++) print_compare(&r->compare[i]);
    print_schedule(s, r->program->schedule, "", shown);
}

/* ---- what stabilising brings ------------------------------------------------------------------------------------------------ */

static void print_digits(const GameDigits *d, bool f64)
{
    printf("#   %12s %22s", d->net, "as written, in f64");
    if (!f64) printf(" %22s", "as written, in f32");
    printf(" %22s %22s\n", "here", "exactly");
    for (int i = 0; i < GAME_LOGITS; i++) {
        printf("#   %12g %22.8g", d->at[i], d->wide[i] + 0.0);
        if (!f64) printf(" %22.8g", d->written[i] + 0.0);
        printf(" %22.8g", d->here[i] + 0.0);
        if (isnan(d->exact[i])) printf(" %22s", "");
        else printf(" %22.8g", d->exact[i] + 0.0);
        puts(is_off(d, i) ? "  !" : is_near(d->written[i], d->here[i], d->times) ? "" : "  *");
    }
}

static void print_all_digits(const Session *s)
{
    const LowerResult *r = &s->lowered;
    bool               any = false;
    for (int i = 0; i < r->n_moves; i++) any = any || r->move[i].n_digits;
    if (any) printf("\n# What stabilising brings to losses: *, where the formula as it is written is off by more than %d last places of f32; !, where what is computed here is.\n", PLACES);
    for (int i = 0; i < r->n_moves; i++)
        for (int k = 0; k < r->move[i].n_digits; k++) {
            const GameMove   *m = &r->move[i];
            const GameDigits *d = &m->digits[k];
            printf("\n# line %u%s%s: the slope of ", line_of(s, m->at), *m->index ? " " : "", m->index);
            print_formula(m->loss);
            printf("# by the value of %s%s at a draw of %s, in one draw's share:\n", d->net, d->part, d->draws);
            print_digits(d, r->ir->real == IR_F64);
        }
}

/* Of each loss that an update is by: its slope by a critic's value, with and without the pass. What is told leaves nodes in the IR: it is lowered once more. */
static void explain_digits(const Session *of)
{
    Session s;
    Options told = *of->o;
    told.told = true;
    if (session_open_text(&s, &told, of->file, of->text, 0, true) == EXIT_DONE) print_all_digits(&s);
    session_close(&s);
}

/* ---- stages ---------------------------------------------------------------------------------------------------------------- */

static int explain_ast(const Options *o)                     /* of a text that need not check */
{
    Arena            *a = arena_new();
    Sources          *sources = sources_new(a);
    Diags            *diags = diags_new(sources);
    const SourceFile *f = source_read(sources, o->run.operands[0], SPAN_NONE, diags);
    const Ast        *tree = f ? parse_file(a, f, diags) : NULL;
    Text              out = text_in(a);
    if (tree) {
        ast_print(tree, f, &out);
        fputs(text_str(&out), stdout);
    } else {
        session_print(o, diags);
    }
    arena_free(a);
    return tree ? EXIT_DONE : EXIT_WRONG_PROGRAM;
}

static void explain_ir(const Session *s)
{
    Text out = text_in(s->arena);
    ir_print(s->lowered.ir, &out);
    fputs(text_str(&out), stdout);
}

static void print_text(void *unused, const char *fn, const char *text)
{
    (void)unused;
    printf("---- %s\n%s\n", fn, text);
}

static int explain_code(Session *s)
{
    JitOptions j = {.threads = 1, .plan = s->o->plan};
    GanEngine  engine;
    GanError   err;
    if (!strcmp(s->o->stage, "kernels")) j.texts.on_plan = print_text;
    if (!strcmp(s->o->stage, "loops")) j.texts.on_loops = print_text;
    if (!strcmp(s->o->stage, "llvm")) j.texts.on_llvm = print_text;
    if (!strcmp(s->o->stage, "asm")) j.texts.on_asm = print_text;
    if (jit_engine_new(s->lowered.ir, s->lowered.program, &j, &engine, &err)) return say_error(&s->o->run, &err);
    engine.free(engine.self);
    return EXIT_DONE;
}

int cmd_explain(const Options *o)
{
    if (o->stage && !strcmp(o->stage, "ast")) return explain_ast(o);
    Session s;
    Options asked = *o;
    asked.told = !o->stage;
    int status = session_open(&s, &asked, o->run.operands[0]);
    if (status == EXIT_DONE) {
        if (!o->stage) explain_terms(&s);
        else if (!strcmp(o->stage, "game")) explain_game(&s);
        else if (!strcmp(o->stage, "ir")) explain_ir(&s);
        else {
            session_optimise(&s);
            if (!strcmp(o->stage, "grad")) explain_ir(&s), explain_digits(&s);
            else status = explain_code(&s);
        }
    }
    session_close(&s);
    return status;
}
