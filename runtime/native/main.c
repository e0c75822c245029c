/* main.c - the program that `gan build FILE -o NAME` makes: an image and the code of its nests, linked with this. */
#include "runtime/command/game.h"
#include "runtime/command/outputs.h"
#include "runtime/engine.h"
#include "runtime/extern.h"
#include "runtime/image.h"
#include "runtime/native/variants.h"
#include "runtime/state.h"

#include <stdio.h>
#include <string.h>

extern const NativeCode gan_variants[];                     /* brought by the program */

enum { MOST_STEPS = 1000000000000000, MOST_DRAWS = 1000000000 };

enum {
#define COMMAND(name, BIT, ...) BIT##_SHIFT,
#include "runtime/native/commands.def"
#undef COMMAND
    N_COMMANDS
};
enum {
#define COMMAND(name, BIT, ...) BIT = 1 << BIT##_SHIFT,
#include "runtime/native/commands.def"
#undef COMMAND
};

static const OptionCommand commands[] = {
#define COMMAND(name, BIT, operands, fewest, most, summary, example) {#name, operands, summary, example, BIT, fewest, most},
#include "runtime/native/commands.def"
#undef COMMAND
};

static const char *const forms[] = {"text", "json", NULL}, *const whens[] = {"auto", "always", "never", NULL};

static const OptionRow flags[] = {
#define FLAG(name, arg, help, commands, ...) {#name, arg, help, commands, OPTION_FIELD(RunOptions, __VA_ARGS__)},
#include "runtime/native/flags.def"
#undef FLAG
};

/* Flags of `gan` that are no question any more here. */
#define BUILT(flag) "was fixed when this program was built: `gan build --" flag "` makes another one"
static const OptionFixed fixed[] = {
    {"f64", BUILT("f64")},
    {"set", BUILT("set NAME=VALUE")},
    {"plan", BUILT("plan no-NAME")},
    {"portable", BUILT("portable")},
    {"target-cpu", BUILT("target-cpu NAME")},
    {"backend", "is for `gan run`, which has an interpreter: this program is compiled"},
};
#undef BUILT

static void print_version(bool verbose)
{
    Image    image;
    GanError err;
    if (native_open(gan_variants, &image, &err)) return;
    printf("%s, built by gan " GAN_VERSION "\n", image.program.name);
    if (verbose) printf("sources %s\n", image.program.source_hash);
    image_close(&image);
}

/* ---- the commands ----------------------------------------------------------------------------------------------- */

static int read_data(Game *g, Image *image)
{
    const OptionPairs *given = &g->o->data;
    DataChoice        *choice = arena_array(g->arena, DataChoice, given->n + 1);
    GanError           err;
    int                own;
    for (int i = 0; i < given->n; i++) choice[i] = (DataChoice){given->v[i].name, given->v[i].value};
    if (!image_read_data(image, choice, given->n, &own, &err)) return EXIT_DONE;
    int  status = say_error(g->o, &err);
    char name[GAN_ERROR_TEXT];
    if (own >= 0) say_line((void *)g->o, arena_printf(g->arena, "--data %s=PATH takes another file", data_called(&g->program->recipe[own], name)));
    return status;
}

static int say_extern(const Game *g, const GanExtern *x, const GanError *err)
{
    int         status = say_error(g->o, err);
    const char *file = x->file < (uint32_t)g->program->n_files ? g->program->file[x->file] : "?";
    say_note_at(g->o, file, x->line, x->col, arena_printf(g->arena, "the simulator %s is declared here", x->symbol));
    return status;
}

static int start(Game *g, Image *image)
{
    GanError err;
    if (native_can_run(gan_variants, image, &err)) return say_error(g->o, &err);
    int status = read_data(g, image);
    if (status != EXIT_DONE) return status;
    int which;
    if (extern_open(&image->program, image->program.folder, &which, &err)) return say_extern(g, &image->program.external[which], &err);
    GanStatus s = engine_new(&image->code, image->program.n_data, team_new((int)g->o->threads, false), &g->engine, &err);
    if (!s) s = state_new(g->program, g->o->seed, &g->state, &err);
    return s ? say_error(g->o, &err) : EXIT_DONE;
}

static const GanModel *find_model(const Game *g, const char *name)
{
    for (int i = 0; i < g->program->n_models; i++)
        if (!strcmp(g->program->model[i].name, name)) return &g->program->model[i];
    Text t = text_in(g->arena);
    for (int i = 0; i < g->program->n_models; i++) text_printf(&t, "%s %s", i ? "," : "; there are", g->program->model[i].name);
    say_wrong(g->o, "this program draws from no model %s%s", GAN_SHOWN(name), text_str(&t));
    return NULL;
}

static int sample(Game *g)
{
    const GanModel *m = find_model(g, g->o->operands[0]);
    bool            found;
    if (!m) return EXIT_WRONG_PROGRAM;
    int status = game_load(g, true, &found);
    if (status == EXIT_DONE && !found) status = game_begin(g, m->needs);
    return status == EXIT_DONE ? game_sample(g, m, g->o->operands[0]) : status;
}

static const char *data_path(Arena *a, const DataRecipe *r, const char *folder)
{
    return r->relative && folder ? arena_printf(a, "%s/%s", folder, r->path) : r->path;
}

static int info(const Game *g)
{
    const GanProgram *p = g->program;
    int64_t           numbers = 0;
    for (int i = 0; i < p->n_slots; i++)
        if (p->slot[i].kind == GAN_PARAM) numbers += (int64_t)(p->slot[i].bytes / gan_elem_bytes(p->slot[i].elem));
    printf("program %s, built by gan " GAN_VERSION "\nparameters %lld\nstate %lld bytes\n", p->name, (long long)numbers, (long long)p->state_bytes);
    for (int i = 0; i < p->n_models; i++) {
        const GanFunction *f = &p->function[p->model[i].fn];
        printf("model %s:", p->model[i].name);
        for (int k = 0; k < f->n_outputs; k++) {
            const GanOutput *o = &f->output[k];
            GanTensor        one = {.elem = o->elem, .rank = o->rank - 1};
            char             shape[120];
            memcpy(one.dim, o->dim + 1, sizeof(int64_t) * (size_t)one.rank);
            printf("%s %s%s%s", k ? "," : "", f->n_outputs > 1 ? o->name : "", f->n_outputs > 1 ? " " : "", gan_tensor_text(&one, shape, sizeof shape));
        }
        printf("\n");
    }
    for (int i = 0; i < p->n_data; i++) {
        const DataRecipe *r = &p->recipe[i];
        char              name[GAN_ERROR_TEXT];
        if (r->format != DATA_NONE) printf("data %s: %s\n", data_called(r, name), GAN_SHOWN(data_path(g->arena, r, p->folder)));
    }
    for (int i = 0; i < p->n_externs; i++) printf("simulator %s: %s\n", p->external[i].symbol, GAN_SHOWN(p->external[i].path));
    for (int i = 0; i < p->n_files; i++) printf("source %s\n", GAN_SHOWN(p->file[i]));
    printf("sources %s\n", p->source_hash);
    return EXIT_DONE;
}

static int can_run(const RunOptions *o, int command)        /* an exit status: do the flags make sense together? */
{
    if (command == TRAIN_SHIFT) return game_can_run(o) ? EXIT_DONE : EXIT_WRONG_USAGE;
    if (command != SAMPLE_SHIFT) return EXIT_DONE;
    if (o->output) return outputs_can_write(o, o->output);
    fprintf(stderr, "%s: sample wants a file to write: -o OUT.npy, OUT.npz, OUT.csv or OUT.png\n", o->program);
    return EXIT_WRONG_USAGE;
}

static int run(const RunOptions *o, int command)
{
    Image    image;
    GanError err;
    int      status = can_run(o, command);
    if (status != EXIT_DONE) return status;
    if (native_open(gan_variants, &image, &err)) return say_error(o, &err);
    Game g = {.o = o, .arena = arena_new(), .program = &image.program};
    if (command == INFO_SHIFT) status = info(&g);
    else status = start(&g, &image);
    if (status == EXIT_DONE && command == TRAIN_SHIFT) status = game_run(&g);
    if (status == EXIT_DONE && command == SAMPLE_SHIFT) status = sample(&g);
    game_close(&g);
    arena_free(g.arena);
    image_close(&image);
    return status;
}

int main(int argc, char **argv)
{
    int         status;
    RunOptions  o = {0};
    OptionTable table = {argc ? argv[0] : "program", "a program compiled by gan", commands, N_COMMANDS, flags, sizeof flags / sizeof flags[0],
                         fixed, sizeof fixed / sizeof fixed[0], print_version};
    say_begin();
    int command = options_read(&table, argc, argv, &o, &status);
    if (command >= 0) status = run(&o, command);
    options_free(&table, &o);
    return say_finish(table.program, status);
}
