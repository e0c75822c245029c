/* header.c - see header.h. `$` in the texts below stands for the prefix. */
#include "compiler/native/header.h"

#include <string.h>

typedef struct Writer {
    Arena            *a;
    const GanProgram *p;
    const char       *prefix;
    Text             *header, *source;
    NativeNames       names;                                /* all that the header declares */
    NativeSymbols    *functions;
    GanStatus         st;                                   /* of the first word that two things would have */
    GanError         *err;
} Writer;

static void put(const Writer *w, Text *t, const char *text)
{
    for (size_t n; *text; text += n + (text[n] == '$')) {
        n = strcspn(text, "$");
        text_addn(t, text, n);
        if (text[n]) text_add(t, w->prefix);
    }
}

static void both(const Writer *w, const char *declared, const char *body)
{
    put(w, w->header, declared);
    put(w, w->header, ";\n");
    put(w, w->source, declared);
    put(w, w->source, "\n{\n    ");
    put(w, w->source, body);
    put(w, w->source, "\n}\n\n");
}

/* A word after the prefix that the header declares for `what`. */
static const char *declare(Writer *w, const char *what, const char *word)
{
    const char       *full = arena_printf(w->a, "%s_%s", w->prefix, word);
    const NativeName *has = names_take(&w->names, full, what);
    if (has && !w->st)
        w->st = gan_error(w->err, GAN_WRONG, "%s and %s would both have the name %s in C; call one of them otherwise", has->what, what, full);
    return full;
}

static const char *declare_function(Writer *w, const char *what, const char *word)
{
    const char *full = declare(w, what, word);
    array_push(w->a, w->functions, full);
    return full;
}

/* ---- what is the same for every program -------------------------------------------------------------------------------- */

static const char types[] =
    "typedef struct $_instance $_instance;  /* a run: parameters, optimisers' states, random numbers; opened by $_open, closed by $_close */\n\n"
    "/* What a function returns, and the status in its error. */\n"
    "enum {\n"
    "    $_OK = 0,\n"
    "    $_WRONG = 1,  /* arguments, a file or a checkpoint are not what they must be */\n"
    "    $_WORLD = 3  /* a disk is full, memory ran out, a loss became nan */\n"
    "};\n\n"
    "/* The caller's. Every function that takes one fills it, also when all went well; NULL is fine. */\n"
    "typedef struct $_error {\n"
    "    int32_t status;\n"
    "    char message[1020];  /* one line of UTF-8 without a full stop; \"\" if all went well */\n"
    "} $_error;\n\n"
    "/* Another file for some of the program's data, which must have the shape that it was built for. */\n"
    "typedef struct $_data {\n"
    "    const char *name, *path;\n"
    "} $_data;\n\n"
    "/* Zeros are as the program says. All of it is borrowed, for the time of the call. */\n"
    "typedef struct $_options {\n"
    "    uint64_t seed;  /* of all randomness */\n"
    "    int64_t steps;  /* rounds of every `alternate` block; 0: the program's */\n"
    "    int32_t threads;  /* no result depends on it; 0: one for each CPU that the process may use */\n"
    "    int32_t n_data;  /* how many of: */\n"
    "    const $_data *data;\n"
    "    const char *folder;  /* where relative paths of the program's data begin; NULL: at the folder it was built from */\n"
    "} $_options;\n\n";

static const char source_top[] =
    "extern const char gan_variants[];\n\n"
    "int     library_open(const void *program, const $_options *options, $_instance **out, $_error *error);\n"
    "void    library_close($_instance *it);\n"
    "int     library_train($_instance *it, int64_t rounds, int64_t *done, $_error *error);\n"
    "int64_t library_rounds(const $_instance *it);\n"
    "int     library_over(const $_instance *it);\n"
    "int     library_save($_instance *it, const char *path, $_error *error);\n"
    "int     library_load($_instance *it, const char *path, $_error *error);\n"
    "int     library_load_state($_instance *it, const char *path, $_error *error);\n"
    "int     library_sample($_instance *it, int model, int64_t n, void *const *out, $_error *error);\n"
    "int     library_evaluate($_instance *it, int net, int64_t n, const void *const *in, void *const *out, $_error *error);\n"
    "int     library_report($_instance *it, const char *name, double *value, $_error *error);\n\n";

static const char every[] = "every library";
static const char *const type_words[] = {"instance", "OK", "WRONG", "WORLD", "error", "data", "options"};

typedef struct Function { const char *comment, *declared, *body; } Function;

static const Function functions[] = {
    {"A new run, its parameters initialised, in *out: to be closed by $_close. On an error *out is NULL. Reads the program's data. `options` NULL: all zeros.",
     "int $_open(const $_options *options, $_instance **out, $_error *error)", "return library_open(gan_variants, options, out, error);"},
    {"Frees all that an instance has; NULL is fine.", "void $_close($_instance *it)", "library_close(it);"},
    {"Trains for so many rounds of the program's blocks, or to its end if that comes before or `rounds` is below 0, and then on to where the next\n * round would begin. "
     "*done (NULL is fine) is how many rounds it were. In small portions or in one, the bits are the same. An error in a round (a\n * loss that "
     "became nan) leaves the instance as it was before that call of a function, but without a place to go on from: load one.",
     "int $_train($_instance *it, int64_t rounds, int64_t *done, $_error *error)", "return library_train(it, rounds, done, error);"},
    {"How many rounds the run has behind it; -1 for NULL.", "int64_t $_rounds(const $_instance *it)", "return library_rounds(it);"},
    {"1 if the program has come to its end, so that nothing is left to train; else 0.", "int $_over(const $_instance *it)", "return library_over(it);"},
    {"Writes a checkpoint, a file of safetensors, in place of an older file of that name, which stays on an error.",
     "int $_save($_instance *it, const char *path, $_error *error)", "return library_save(it, path, error);"},
    {"Goes on from a checkpoint of this program, by $_save, `gan run` or a native program: state, seed and place. On an error nothing has changed.",
     "int $_load($_instance *it, const char *path, $_error *error)", "return library_load(it, path, error);"},
    {"Takes the state alone, from any checkpoint whose tensors have the names and shapes of this program's, also of an older version of it. The run\n"
     " * is before its first round then. On an error nothing has changed.",
     "int $_load_state($_instance *it, const char *path, $_error *error)", "return library_load_state(it, path, error);"},
    {"The latest value of a report in *value; nan if there was none yet. Reports: ", "int $_report($_instance *it, const char *name, double *value, $_error *error)",
     "return library_report(it, name, value, error);"},
};

/* ---- what this program has -------------------------------------------------------------------------------------------- */

static const char *c_type(GanElem e)
{
    static const char *const name[] = {[GAN_BOOL] = "uint8_t", [GAN_I32] = "int32_t", [GAN_I64] = "int64_t", [GAN_F32] = "float", [GAN_F64] = "double", [GAN_U8] = "uint8_t"};
    return name[e];
}

/* In a comment: what would end it, looks like the beginning of another one, or is not printed, is '?'. */
static const char *shown(const Writer *w, const char *text)
{
    char *copy = arena_str(w->a, GAN_SHOWN(text));
    for (char *c = copy; *c; c++)
        if ((*c == '*' && c[1] == '/') || (*c == '/' && c[1] == '*')) *c = '?';
    return copy;
}

static void add_reports(const Writer *w, const GanSchedule *n, int *count)
{
    for (int i = 0; n->kind == GAN_REPORT && i < w->p->function[n->fn].n_outputs; i++)
        text_printf(w->header, "%s\"%s\"", (*count)++ ? ", " : "", shown(w, w->p->function[n->fn].output[i].name));
    for (int i = 0; i < n->n_kids; i++) add_reports(w, n->kid[i], count);
}

static int64_t numbers_of(const GanOutput *o)
{
    int64_t n = 1;
    for (int i = 1; i < o->rank; i++) n *= o->dim[i];
    return n;
}

static void add_shape(Text *t, const GanOutput *o)
{
    text_add(t, "[n");
    for (int i = 1; i < o->rank; i++) text_printf(t, ", %lld", (long long)o->dim[i]);
    text_printf(t, "] of %s", c_type(o->elem));
}

enum { MOST_ARGUMENTS = 24 };

static void add_input(const Writer *w, const GanSlot *s, const char *name, Text *declared)
{
    text_printf(w->header, " %s [n", name);
    for (int i = 1; i < s->rank; i++) text_printf(w->header, ", %lld", (long long)s->dim[i]);
    text_printf(w->header, "] of %s,", c_type(s->elem));
    text_printf(declared, ", const %s *%s", c_type(s->elem), name);
}

/* The array of its arguments, and what is declared of them. */
static void put_inputs(const Writer *w, const int *slot, int n, NativeNames *locals, Text *declared, Text *body)
{
    text_add(body, "const void *const given[] = {");
    for (int i = 0; i < n; i++) {
        const GanSlot *s = &w->p->slot[slot[i]];
        const char    *name = names_argument(locals, s->path);
        add_input(w, s, name, declared);
        text_printf(body, "%s%s", i ? ", " : "", name);
    }
    text_add(body, "};\n    ");
}

/* How many numbers a row of each output has. */
static void put_sizes(Writer *w, const GanModel *m, const char *what, const char *name)
{
    const GanFunction *f = &w->p->function[m->fn];
    for (int i = 0; i < f->n_outputs; i++) {
        const GanOutput *o = &f->output[i];
        bool             one = f->n_outputs == 1;
        const char      *its = one ? what : arena_printf(w->a, "the field %s of %s", o->name, what);
        const char      *word = one ? arena_printf(w->a, "%s_SIZE", name) : arena_printf(w->a, "%s_%s_SIZE", name, names_word(w->a, o->name));
        text_printf(w->header, "enum { %s = %lld };\n", declare(w, its, word), (long long)numbers_of(o));
    }
}

static void put_model(Writer *w, int number)
{
    int slot[MOST_ARGUMENTS], n_in = gan_model_inputs(w->p, &w->p->model[number], slot, MOST_ARGUMENTS);
    const GanModel    *m = &w->p->model[number];
    const GanFunction *f = &w->p->function[m->fn];
    const char        *name = names_word(w->a, m->name), *what = arena_printf(w->a, "the %s %s", n_in ? "net" : "model", m->name);
    NativeNames        locals = {.a = w->a};
    Text declared = text_in(w->a), body = text_in(w->a);
    text_printf(w->header, n_in ? "/* The net %s of n examples:" : "/* n samples of %s:", shown(w, m->name));
    const char *function = declare_function(w, what, arena_printf(w->a, "%s_%s", n_in ? "evaluate" : "sample", name));
    text_printf(&declared, "int %s($_instance *it, int64_t n", function);
    if (n_in) put_inputs(w, slot, n_in, &locals, &declared, &body);
    text_printf(&body, "void *const place[] = {");
    for (int i = 0; i < f->n_outputs; i++) {
        const char *field = f->n_outputs > 1 ? names_local(&locals, arena_printf(w->a, "of_%s", names_word(w->a, f->output[i].name))) : "out";
        text_printf(w->header, "%s %s ", i ? "," : "", field);
        add_shape(w->header, &f->output[i]);
        text_printf(&declared, ", %s *%s", c_type(f->output[i].elem), field);
        text_printf(&body, "%s%s", i ? ", " : "", field);
    }
    text_printf(&body, n_in ? "};\n    return library_evaluate(it, %d, n, given, place, error);" : "};\n    return library_sample(it, %d, n, place, error);", number);
    put(w, w->header, n_in ? ", row-major, the caller's memory. Outside of training. */\n"
                           : ", row-major, the caller's memory. Each call draws others; training does not notice. */\n");
    text_add(&declared, ", $_error *error)");
    put_sizes(w, m, what, name);
    both(w, text_str(&declared), text_str(&body));
    text_add(w->header, "\n");
}

static void put_about(const Writer *w, const char *header_name)
{
    const GanProgram *p = w->p;
    text_printf(w->header, "/* %s - the game %s as a library, made by `gan build --lib`.\n *\n"
                " * Open an instance, train, sample, close it. Instances share nothing, and each may be on a thread of its own; one is used by one thread at a\n"
                " * time. A forked process has a copy of each, with threads of its own. Nothing is printed, and nothing ends the process\n"
                " * but a defect of gan itself or the last of its memory. Numbers are as in the program, in its own units; arrays are dense, the last index runs\n"
                " * fastest. Files are named as the C library takes them.\n", shown(w, header_name), shown(w, p->name));
    for (int i = 0, any = 0; i < p->n_data; i++) {
        const DataRecipe *r = &p->recipe[i];
        if (r->format == DATA_NONE) continue;
        if (!any++) text_add(w->header, " *\n * Data that are read when it is opened, and their files:\n");
        text_printf(w->header, " *   %s%s%s: %s\n", shown(w, r->name ? r->name : r->path), r->field ? "." : "", r->field ? shown(w, r->field) : "", shown(w, r->path));
    }
    text_add(w->header, " */\n");
}

static void put_functions(Writer *w)
{
    int reports = 0;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const char *word = strstr(functions[i].declared, "$_") + 2;
        declare_function(w, every, arena_strn(w->a, word, strcspn(word, "(")));
        put(w, w->header, "/* ");
        put(w, w->header, functions[i].comment);
        if (i + 1 == sizeof functions / sizeof *functions) add_reports(w, w->p->schedule, &reports);
        if (i + 1 == sizeof functions / sizeof *functions) text_add(w->header, reports ? "." : "none.");
        put(w, w->header, " */\n");
        both(w, functions[i].declared, functions[i].body);
        text_add(w->header, "\n");
    }
}

GanStatus native_header(Text *header, Text *source, NativeSymbols *symbols, const GanProgram *p, const char *prefix, const char *header_name, GanError *err)
{
    Writer w = {.a = header->arena, .p = p, .prefix = prefix, .header = header, .source = source, .names.a = header->arena, .functions = symbols, .err = err};
    for (size_t i = 0; i < sizeof type_words / sizeof *type_words; i++) declare(&w, every, type_words[i]);
    put_about(&w, header_name);
    text_printf(header, "#ifndef GAN_LIBRARY_%s\n#define GAN_LIBRARY_%s\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n", prefix, prefix);
    put(&w, header, types);
    put(&w, source, "#include \"library.h\"\n\n");
    put(&w, source, source_top);
    put_functions(&w);
    for (int i = 0; i < p->n_models; i++) put_model(&w, i);
    text_add(header, "#ifdef __cplusplus\n}\n#endif\n#endif\n");
    return w.st;
}
