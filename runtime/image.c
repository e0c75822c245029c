/* image.c - see image.h. Three readers, each of which trusts what the one before has checked: the envelope, the program, the code. */
#include "runtime/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

typedef struct Open {
    const char        *bytes;
    const ImageSection *section;
    Image             *image;
    GanError          *err;
    bool               bad;                                 /* err says why: the first reason stays */
} Open;

const ImageLayout image_layout[IMAGE_TAGS] = {
#define SECTION(tag, row) {#tag, sizeof(row)},
#include "runtime/image.def"
#undef SECTION
};

static void __attribute__((format(printf, 2, 3))) spoilt(Open *o, const char *fmt, ...)
{
    char    what[256];
    va_list args;
    if (o->bad) return;
    o->bad = true;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    gan_error(o->err, GAN_WRONG, "the program's image is spoilt: %s", what);
}

#define WANT(o, good, ...) ((good) ? true : (spoilt((o), __VA_ARGS__), false))

/* ---- the envelope ----------------------------------------------------------------------------------------------- */

static bool open_table(Open *o, size_t n)
{
    struct { ImageHeader h; ImageSection s[IMAGE_TAGS]; } top;
    const ImageHeader *h = (const ImageHeader *)(const void *)o->bytes;
    if (n < sizeof *h || memcmp(h->magic, IMAGE_MAGIC, sizeof h->magic)) {
        gan_error(o->err, GAN_WRONG, "this is no image of a compiled program");
        return false;
    }
    if (h->format != IMAGE_FORMAT) {
        gan_error(o->err, GAN_WRONG, "this image has format %u, made by another version of gan, and this one reads format %d", h->format, IMAGE_FORMAT);
        return false;
    }
    if (!WANT(o, n >= sizeof top && h->bytes == n && h->n_sections == IMAGE_TAGS, "it has %zu bytes and should have %llu", n, (unsigned long long)h->bytes)) return false;
    memcpy(&top, o->bytes, sizeof top);
    top.h.sum = 0;
    return WANT(o, XXH3_64bits(&top, sizeof top) == h->sum, "the sum of its head is wrong");
}

static bool open_section(Open *o, size_t n, int t)
{
    const ImageSection *s = &o->section[t];
    const char *tag = image_layout[t].tag;
    return WANT(o, !memcmp(s->tag, tag, 4) && s->row == image_layout[t].row && s->offset % IMAGE_ALIGN == 0 && s->offset <= n && s->bytes <= n - s->offset &&
                   s->bytes % s->row == 0 && s->bytes / s->row <= INT32_MAX, "section %s lies outside it", tag) &&
           WANT(o, XXH3_64bits(o->bytes + s->offset, s->bytes) == s->sum, "the sum of section %s is wrong", tag);
}

static bool open_envelope(Open *o, size_t n)
{
    if (!open_table(o, n)) return false;
    o->section = (const ImageSection *)(const void *)(o->bytes + sizeof(ImageHeader));
    for (int t = 0; t < IMAGE_TAGS; t++)
        if (!open_section(o, n, t)) return false;
    const ImageSection *text = &o->section[IMAGE_TEXT];
    return WANT(o, !text->bytes || !o->bytes[text->offset + text->bytes - 1], "its last text has no end") &&
           WANT(o, o->section[IMAGE_PROG].bytes == sizeof(ImageProgram), "it holds no program");
}

static const void *rows(const Open *o, ImageTag t) { return o->bytes + o->section[t].offset; }
static int         count(const Open *o, ImageTag t) { return (int)(o->section[t].bytes / o->section[t].row); }

static bool within(int64_t at, int64_t n, int64_t most) { return at >= 0 && n >= 0 && at <= most && n <= most - at; }
static bool range_in(const Open *o, CodeRange r, ImageTag t) { return within(r.first, r.n, count(o, t)); }

/* NULL for -1, where that may be; else a text, "" when it is none. */
static const char *text_of(Open *o, int64_t at, bool may_lack)
{
    if (at == -1 && may_lack) return NULL;
    return WANT(o, at >= 0 && at < (int64_t)o->section[IMAGE_TEXT].bytes, "a text lies outside it") ? (const char *)rows(o, IMAGE_TEXT) + at : "";
}

/* ---- the program ------------------------------------------------------------------------------------------------ */

static bool tensor_fits(Open *o, const char *what, int32_t elem, int32_t rank, const int64_t *dim, int64_t bytes)
{
    int64_t n;
    size_t  size;
    return WANT(o, elem >= 0 && elem <= GAN_U8 && rank >= 0 && rank <= GAN_MAX_RANK && !gan_tensor_size((GanElem)elem, rank, dim, &n, &size, NULL) &&
                   (int64_t)size == bytes, "the shape of %s is not one", what);
}

static void open_slot(Open *o, const ImageSlot *r, GanSlot *s)
{
    GanProgram *p = &o->image->program;
    *s = (GanSlot){.path = text_of(o, r->path, false), .player = text_of(o, r->player, true), .kind = (GanSlotKind)r->kind, .elem = (GanElem)r->elem,
                   .rank = r->rank, .offset = (size_t)r->offset, .bytes = (size_t)r->bytes};
    memcpy(s->dim, r->dim, sizeof s->dim);
    if (!tensor_fits(o, s->path, r->elem, r->rank, r->dim, r->bytes)) return;
    if (!WANT(o, r->kind >= GAN_PARAM && r->kind <= GAN_SCRATCH, "slot %s is of no kind", s->path)) return;
    if (s->kind == GAN_DATA) WANT(o, within(r->offset, 1, p->n_data), "slot %s has no data", s->path);
    else WANT(o, r->offset % 64 == 0 && within(r->offset, r->bytes, (int64_t)p->state_bytes), "slot %s lies outside the state", s->path);
}

static void open_data(Open *o, const ImageData *r, GanTensor *t)
{
    *t = (GanTensor){.elem = (GanElem)r->elem, .rank = r->rank, .bytes = (size_t)r->bytes};
    memcpy(t->dim, r->dim, sizeof t->dim);
    if (!tensor_fits(o, "data", r->elem, r->rank, r->dim, r->bytes) || r->blob == -1) return;
    if (WANT(o, r->blob % IMAGE_ALIGN == 0 && within(r->blob, r->bytes, (int64_t)o->section[IMAGE_BLOB].bytes), "data lie outside it"))
        t->data = (char *)rows(o, IMAGE_BLOB) + r->blob;
}

static const DataCalled *open_names(Open *o, CodeRange r)
{
    const ImageCalled *row = (const ImageCalled *)rows(o, IMAGE_DNAM) + r.first;
    DataCalled        *name = arena_array(o->image->arena, DataCalled, r.n + 1);
    for (int i = 0; i < r.n; i++) name[i] = (DataCalled){text_of(o, row[i].name, false), text_of(o, row[i].field, true)};
    return name;
}

static void open_recipe(Open *o, const ImageRecipe *r, bool has_file, const GanTensor *t, DataRecipe *d)
{
    *d = (DataRecipe){.format = (DataFormat)r->format, .relative = r->relative != 0, .path = text_of(o, r->path, !has_file), .name = text_of(o, r->name, true),
                      .field = text_of(o, r->field, true), .symbols = text_of(o, r->symbols, true), .header = text_of(o, r->header, true), .by_name = r->header != -1, .elem = (GanElem)r->elem, .rank = r->rank, .finite = r->finite != 0, .from = r->from, .to = r->to,
                      .chosen = r->chosen != 0, .column = r->column, .n_columns = r->n_columns, .n_cut = r->n_cut, .sum = {r->sum[0], r->sum[1]}};
    bool fits = r->format >= DATA_NONE && r->format < DATA_FORMATS && (r->format != DATA_NONE) == has_file && range_in(o, r->step, IMAGE_DSTP) && range_in(o, r->row, IMAGE_DROW) && range_in(o, r->of, IMAGE_DNAM) &&
                r->elem >= 0 && r->elem <= GAN_U8 && r->rank >= 0 && r->rank <= GAN_MAX_RANK;
    if (!WANT(o, fits, "a recipe of data makes no sense")) return;
    memcpy(d->dim, r->dim, sizeof d->dim);
    memcpy(d->cut, r->cut, sizeof d->cut);
    d->step = (const DataStep *)rows(o, IMAGE_DSTP) + r->step.first;
    d->n_steps = r->step.n;
    d->row = (const int64_t *)rows(o, IMAGE_DROW) + r->row.first;
    d->n_rows = r->row.n;
    d->of = open_names(o, r->of);
    d->n_of = r->of.n;
    WANT(o, !has_file || data_makes(d, t->elem, t->rank, t->dim), "a recipe of data makes no sense");
}

static bool output_fits(const ImageOutput *r)
{
    if (r->rank < 0 || r->rank > 16 || r->elem < 0 || r->elem > GAN_U8) return false;
    for (int64_t i = 0, n = 1; i < r->rank; i++)
        if (r->dim[i] < 0 || __builtin_mul_overflow(n, r->dim[i], &n) || n > (int64_t)1 << 40) return false;
    return true;
}

static void open_function(Open *o, const ImageFunction *r, GanFunction *f)
{
    Arena *a = o->image->arena;
    *f = (GanFunction){.name = text_of(o, r->name, false), .player = text_of(o, r->player, true)};
    if (!WANT(o, range_in(o, r->output, IMAGE_OUTP) && range_in(o, r->written, IMAGE_WRIT) && range_in(o, r->asked, IMAGE_WRIT), "function %s lies outside it", f->name)) return;
    const ImageOutput *out = (const ImageOutput *)rows(o, IMAGE_OUTP) + r->output.first;
    const int32_t     *written = (const int32_t *)rows(o, IMAGE_WRIT) + r->written.first, *asked = (const int32_t *)rows(o, IMAGE_WRIT) + r->asked.first;
    f->output = arena_array(a, GanOutput, r->output.n + 1);
    f->written = arena_array(a, int, r->written.n + 1);
    f->asked = arena_array(a, int, r->asked.n + 1);
    f->n_asked = r->asked.n;
    memcpy(f->sum, r->sum, sizeof f->sum);
    f->n_outputs = r->output.n;
    f->n_written = r->written.n;
    for (int i = 0; i < f->n_outputs; i++) {
        if (!WANT(o, output_fits(&out[i]), "an output of function %s is no tensor", f->name)) return;
        f->output[i] = (GanOutput){.name = text_of(o, out[i].name, false), .kind = text_of(o, out[i].kind, true), .elem = (GanElem)out[i].elem, .rank = out[i].rank};
        memcpy(f->output[i].dim, out[i].dim, sizeof f->output[i].dim);
        memcpy(f->output[i].samples, out[i].samples, sizeof f->output[i].samples);
    }
    for (int i = 0; i < f->n_written; i++)
        if (WANT(o, within(written[i], 1, count(o, IMAGE_SLOT)), "function %s sets no slot", f->name)) f->written[i] = written[i];
    for (int i = 0; i < f->n_asked; i++)
        if (WANT(o, within(asked[i], 0, count(o, IMAGE_SLOT)), "function %s asks no slot", f->name)) f->asked[i] = asked[i];
}

enum { IMAGE_MOST_BINS = 100000 };

/* What the trainer counts on: nodes that run something have it, with outputs that its kind reads. */
static bool node_fits(const Open *o, const GanSchedule *s)
{
    static const struct { bool needs; int outputs; GanElem elem; } want[] = {    /* outputs -1: as many as there are */
        [GAN_SEQUENCE] = {false}, [GAN_ALTERNATE] = {false}, [GAN_REPEAT] = {false, 1, GAN_I64}, [GAN_EVERY] = {false},
        [GAN_IF] = {true, 1, GAN_BOOL}, [GAN_CALL] = {true, -1}, [GAN_REPORT] = {true, -1}, [GAN_SCATTER] = {true, -1}, [GAN_HISTOGRAM] = {true, -1},
        [GAN_CURVE] = {true, -1}, [GAN_GRID] = {true, -1},
        [GAN_SAVE] = {false}, [GAN_STOP] = {true, 1, GAN_BOOL}, [GAN_EXPECT] = {true, 1, GAN_BOOL},
    };
    const GanProgram *p = &o->image->program;
    if (s->fn < 0) return s->fn == -1 && !want[s->kind].needs;
    if (s->fn >= p->n_functions) return false;
    const GanFunction *f = &p->function[s->fn];
    for (int i = 0; i < f->n_outputs; i++)
        if (s->kind >= GAN_SCATTER && s->kind <= GAN_GRID && f->output[i].rank > GAN_MAX_RANK) return false;
    if (s->kind == GAN_HISTOGRAM && !within(s->count, 1, IMAGE_MOST_BINS)) return false;
    return want[s->kind].outputs <= 0 || (f->n_outputs == 1 && f->output[0].elem == want[s->kind].elem && !f->output[0].rank);
}

static void open_node(Open *o, const ImageSchedule *r, int at, GanSchedule *all)
{
    const GanProgram *p = &o->image->program;
    GanSchedule *s = &all[at];
    *s = (GanSchedule){.kind = (GanScheduleKind)r->kind, .fn = r->fn, .count = r->count, .by_step = r->by_step, .name = text_of(o, r->name, true),
                       .file = r->file, .line = r->line, .col = r->col, .lo = r->lo, .hi = r->hi};
    if (!WANT(o, r->kind >= GAN_SEQUENCE && r->kind <= GAN_EXPECT && node_fits(o, s) && (s->file < (uint32_t)p->n_files || !s->file), "its schedule makes no sense")) return;
    if (!WANT(o, range_in(o, r->kids, IMAGE_SCHD) && (!r->kids.n || r->kids.first > at), "its schedule goes in a circle")) return;
    s->n_kids = r->kids.n;
    s->kid = arena_array(o->image->arena, GanSchedule *, r->kids.n + 1);
    for (int i = 0; i < s->n_kids; i++) s->kid[i] = &all[r->kids.first + i];
}

/* Every node but the root has one parent, which comes before it. */
static void open_schedule(Open *o)
{
    const ImageSchedule *r = rows(o, IMAGE_SCHD);
    int          n = count(o, IMAGE_SCHD), next = 1;
    GanSchedule *all = arena_array(o->image->arena, GanSchedule, n + 1);
    if (!WANT(o, n > 0, "it has no schedule")) return;
    for (int i = 0; i < n && !o->bad; i++) {
        WANT(o, r[i].kids.first == next, "its schedule goes in a circle");
        open_node(o, &r[i], i, all);
        if (!o->bad) next += r[i].kids.n;
    }
    o->image->program.schedule = all;
}

static void open_models(Open *o)
{
    GanProgram       *p = &o->image->program;
    const ImageModel *r = rows(o, IMAGE_MODL);
    p->n_models = count(o, IMAGE_MODL);
    p->model = arena_array(o->image->arena, GanModel, p->n_models + 1);
    for (int i = 0; i < p->n_models && !o->bad; i++) {
        p->model[i] = (GanModel){text_of(o, r[i].name, false), (int)r[i].fn, r[i].batch, text_of(o, r[i].needs, true)};
        if (!WANT(o, within(r[i].fn, 1, p->n_functions), "model %s has no function", p->model[i].name)) return;
        const GanFunction *f = &p->function[r[i].fn];
        for (int k = 0; k < f->n_outputs; k++)
            WANT(o, r[i].batch > 0 && f->output[k].rank > 0 && f->output[k].rank <= GAN_MAX_RANK && f->output[k].dim[0] == r[i].batch, "model %s has no samples", p->model[i].name);
    }
}

static bool numbers_fit(const ImageExtern *r)
{
    const int64_t most = (int64_t)1 << 40;
    if (r->n_params < 0 || r->n_params > GAN_MOST_PARAMS || !within(r->n_out, 0, most)) return false;
    for (int i = 0; i < r->n_params; i++)
        if (!within(r->size[i], 0, most)) return false;
    return true;
}

static void open_externs(Open *o)
{
    GanProgram        *p = &o->image->program;
    const ImageExtern *r = rows(o, IMAGE_EXTN);
    p->n_externs = count(o, IMAGE_EXTN);
    p->external = arena_array(o->image->arena, GanExtern, p->n_externs + 1);
    for (int i = 0; i < p->n_externs && !o->bad; i++) {
        GanExtern *x = &p->external[i];
        *x = (GanExtern){.name = text_of(o, r[i].name, false), .symbol = text_of(o, r[i].symbol, false), .path = text_of(o, r[i].path, false),
                         .n_out = r[i].n_out, .n_params = r[i].n_params, .is_real = r[i].is_real != 0, .file = r[i].file, .line = r[i].line, .col = r[i].col};
        memcpy(x->size, r[i].size, sizeof x->size);
        WANT(o, numbers_fit(&r[i]) && (r[i].file < (uint32_t)p->n_files || !r[i].file), "simulator %s makes no sense", x->symbol);
    }
}

static const char **open_texts(Open *o, ImageTag t)
{
    const int64_t *r = rows(o, t);
    const char   **text = arena_array(o->image->arena, const char *, count(o, t) + 1);
    for (int i = 0; i < count(o, t); i++) text[i] = text_of(o, r[i], false);
    return text;
}

static void open_tables(Open *o)
{
    Arena      *a = o->image->arena;
    GanProgram *p = &o->image->program;
    p->slot = arena_array(a, GanSlot, p->n_slots + 1);
    p->data = arena_array(a, GanTensor *, p->n_data + 1);
    p->fact = arena_array(a, GanFact, p->n_facts + 1);
    DataRecipe *recipe = arena_array(a, DataRecipe, p->n_data + 1);
    p->recipe = recipe;
    if (!WANT(o, count(o, IMAGE_RCPE) == p->n_data, "it has recipes for %d of %d data", count(o, IMAGE_RCPE), p->n_data)) return;
    p->function = arena_array(a, GanFunction, p->n_functions + 1);
    for (int i = 0; i < p->n_data && !o->bad; i++) {
        p->data[i] = arena_new_of(a, GanTensor);
        open_data(o, (const ImageData *)rows(o, IMAGE_DATA) + i, p->data[i]);
        open_recipe(o, (const ImageRecipe *)rows(o, IMAGE_RCPE) + i, ((const ImageData *)rows(o, IMAGE_DATA))[i].blob == -1, p->data[i], &recipe[i]);
    }
    for (int i = 0; i < p->n_facts; i++) {
        const ImageFact *r = (const ImageFact *)rows(o, IMAGE_FACT) + i;
        p->fact[i] = (GanFact){text_of(o, r->file, false), text_of(o, r->held, false)};
    }
    for (int i = 0; i < p->n_slots && !o->bad; i++) open_slot(o, (const ImageSlot *)rows(o, IMAGE_SLOT) + i, &p->slot[i]);
    for (int i = 0; i < p->n_functions && !o->bad; i++) open_function(o, (const ImageFunction *)rows(o, IMAGE_FUNC) + i, &p->function[i]);
}

static void open_program(Open *o)
{
    const ImageProgram *r = rows(o, IMAGE_PROG);
    GanProgram         *p = &o->image->program;
    *p = (GanProgram){.name = text_of(o, r->name, false), .source_hash = text_of(o, r->source_hash, false), .folder = text_of(o, r->folder, true), .made_with = text_of(o, r->made_with, true), .text = text_of(o, r->source, true),
                      .state_bytes = (size_t)r->state_bytes,
                      .init_fn = r->init_fn, .n_slots = count(o, IMAGE_SLOT), .n_data = count(o, IMAGE_DATA), .n_facts = count(o, IMAGE_FACT), .n_functions = count(o, IMAGE_FUNC),
                      .n_files = count(o, IMAGE_SRCS)};
    WANT(o, r->state_bytes >= 0 && r->state_bytes < (int64_t)1 << 46, "its state has no size");
    WANT(o, r->init_fn == -1 || within(r->init_fn, 1, p->n_functions), "it cannot begin");
    p->file = open_texts(o, IMAGE_SRCS);
    open_tables(o);
    if (!o->bad) open_schedule(o);
    if (!o->bad) open_models(o);
    if (!o->bad) open_externs(o);
}

/* ---- the code --------------------------------------------------------------------------------------------------- */

typedef struct Loops { int64_t turns[FRAME_MAX_DEPTH]; int n; bool entered; } Loops;   /* the scans round a block */

static bool place_in(const Open *o, const CodePlace *p, const Loops *l)
{
    int64_t first = p->offset, last = p->offset;
    if (p->bytes < 0 || p->n_iter < 0 || p->n_iter > FRAME_MAX_DEPTH) return false;
    for (int i = 0; i < p->n_iter; i++) {
        int64_t d = p->iter[i].depth, more;
        if (!l || d < 0 || d >= l->n || __builtin_mul_overflow(p->iter[i].bytes, l->turns[d] - 1, &more)) return false;
        if (__builtin_add_overflow(more < 0 ? first : last, more, more < 0 ? &first : &last)) return false;
    }
    return first >= 0 && within(last, p->bytes, o->image->code.frame_bytes);
}

static bool calls_fit(const Open *o, CodeRange r)
{
    const Code *c = &o->image->code;
    if (!range_in(o, r, IMAGE_CALL)) return false;
    for (int i = r.first; i < r.first + r.n; i++) {
        const CodeCall *k = &c->call[i];
        if (!within(k->nest, 1, c->n_nests) || k->units < 0 || (k->split != 0 && k->split != 1)) return false;
        if (!within(k->words, c->wants[k->nest], c->n_words)) return false;
    }
    return true;
}

static bool shards_fit(const CodeStep *s)
{
    int64_t all;
    return s->shard > 0 && s->shards >= 0 && s->extent >= 0 && !__builtin_mul_overflow(s->shard, s->shards, &all) && all >= s->extent && all - s->shard < s->extent + !s->extent;
}

static bool tiled_fits(const Open *o, const CodeStep *s)
{
    return shards_fit(s) && calls_fit(o, s->once) && calls_fit(o, s->panel) && calls_fit(o, s->tile) && calls_fit(o, s->finish) &&
           within(s->zero_from, s->zero_bytes, o->image->code.scratch_bytes);
}

/* A body belongs to one step, of a block with a higher number: there is no way round. */
static bool enter(Loops *loops, int block, int body, const Loops *l)
{
    if (body < 0 || body >= block || loops[body].entered) return false;
    loops[body] = *l;
    return loops[body].entered = true;
}

/* [bytes / (turns * turn)][turns][turn], within the frame. */
static bool stack_fits(const Open *o, const CodeStack *s, int64_t turns)
{
    int64_t each;
    if (s->turn < 0 || !within(s->offset, s->bytes, o->image->code.frame_bytes) || __builtin_mul_overflow(turns, s->turn, &each)) return false;
    return each ? s->bytes % each == 0 : !s->bytes;
}

/* A flag for each sample of the panels, or one. */
static bool flags_fit(const Open *o, const CodeStep *s, const Loops *l)
{
    const CodePlace *p = &s->predicate;
    if (s->extent < 0 || s->extent > INT64_MAX - FRAME_PANEL || !place_in(o, p, l)) return false;
    int64_t panels = (s->extent + FRAME_PANEL - 1) / FRAME_PANEL;
    return panels ? p->bytes % (panels * FRAME_PANEL) == 0 : p->bytes <= 1;
}

/* One thread copies all, or the last shard begins within the bytes and ends them. */
static bool cut_fits(const CodeCopy *c)
{
    int64_t all;
    if (!c->shards) return c->thread >= 0;
    return c->shards > 0 && c->shard > 0 && !__builtin_mul_overflow(c->shards, c->shard, &all) && all >= c->to.bytes && all - c->shard < c->to.bytes;
}

static bool is_panels_of(const CodeStep *in, const CodeStep *scan)
{
    return in->kind == CODE_TILED && in->extent == scan->extent && in->shards == scan->shards && in->shard == scan->shard && !in->once.n && !in->tile.n && !in->finish.n &&
           !in->zero_bytes && !in->waits;
}

/* Tile by tile, everything a turn touches has panels of the same samples. */
static bool tiles_fit(const Open *o, const CodeStep *s)
{
    const Code *c = &o->image->code;
    int64_t panels = (s->extent + FRAME_PANEL - 1) / FRAME_PANEL;
    if (!s->shards) return true;
    if (!shards_fit(s) || !panels || s->shard % FRAME_PANEL || s->waits & (CODE_WAIT_COPIES | CODE_WAIT_TURN)) return false;
    if (!within(s->body[0], 1, c->n_blocks) || !range_in(o, c->block[s->body[0]], IMAGE_STEP)) return false;
    for (int i = 0; i < c->block[s->body[0]].n; i++)
        if (!is_panels_of(&c->step[c->block[s->body[0]].first + i], s)) return false;
    for (int i = 0; i < s->after.n; i++) {
        const CodeCopy *k = &c->copy[s->after.first + i];
        int64_t each = k->shard / (s->shard / FRAME_PANEL), all;        /* bytes of a panel, and of all */
        if (k->to.bytes && (k->shard % (s->shard / FRAME_PANEL) || __builtin_mul_overflow(panels, each, &all) || k->to.bytes != all)) return false;
        if (!k->to.bytes && k->shard) return false;
    }
    for (int i = 0; i < s->stacks.n; i++) {
        const CodeStack *k = &c->stack[s->stacks.first + i];
        int64_t each = s->turns * k->turn;
        if (each && k->bytes / each % panels) return false;
    }
    return true;
}

static bool scan_fits(const Open *o, Loops *loops, int block, const CodeStep *s)
{
    Loops l = loops[block];
    if (s->turns < 0 || s->depth != l.n || l.n + 1 >= FRAME_MAX_DEPTH || !range_in(o, s->after, IMAGE_COPY)) return false;
    if (!flags_fit(o, s, &l) || !range_in(o, s->stacks, IMAGE_STCK)) return false;
    for (int i = 0; i < s->stacks.n; i++)
        if (!stack_fits(o, &o->image->code.stack[s->stacks.first + i], s->turns)) return false;
    l.turns[l.n++] = s->turns > 0 ? s->turns : 1;
    for (int i = 0; i < s->after.n; i++) {
        const CodeCopy *c = &o->image->code.copy[s->after.first + i];
        if (!place_in(o, &c->to, &l) || !place_in(o, &c->from, &l) || c->from.bytes < c->to.bytes || !cut_fits(c)) return false;
    }
    return tiles_fit(o, s) && enter(loops, block, s->body[0], &l);
}

static bool step_fits(const Open *o, Loops *loops, int block, const CodeStep *s)
{
    if (s->waits & ~(int64_t)CODE_WAITS || (s->by_calls != 0 && s->by_calls != 1)) return false;
    switch (s->kind) {
    case CODE_TILED:   return tiled_fits(o, s);
    case CODE_UNIFORM: return calls_fit(o, s->panel);
    case CODE_SCAN:    return scan_fits(o, loops, block, s);
    case CODE_COND:    return s->predicate.bytes > 0 && place_in(o, &s->predicate, &loops[block]) && enter(loops, block, s->body[0], &loops[block]) &&
                              enter(loops, block, s->body[1], &loops[block]);
    }
    return false;
}

static void check_blocks(Open *o)
{
    const Code *c = &o->image->code;
    Loops *loops = arena_array(o->image->arena, Loops, c->n_blocks + 1);
    for (int i = 0; i < c->n_fns; i++) loops[c->fn[i].top].entered = true;
    for (int b = c->n_blocks - 1; b >= 0 && !o->bad; b--) {
        if (!WANT(o, loops[b].entered && range_in(o, c->block[b], IMAGE_STEP), "block %d belongs to nothing", b)) return;
        for (int i = 0; i < c->block[b].n; i++)
            if (!WANT(o, step_fits(o, loops, b, &c->step[c->block[b].first + i]), "step %d of block %d makes no sense", i, b)) return;
    }
}

static int64_t output_bytes(const GanOutput *out)
{
    int64_t n = (int64_t)gan_elem_bytes(out->elem);
    for (int i = 0; i < out->rank; i++) n *= out->dim[i];
    return n;
}

static void check_function(Open *o, int i)
{
    const Code        *c = &o->image->code;
    const GanProgram  *p = &o->image->program;
    const CodeFunction *f = &c->fn[i];
    const GanFunction *g = &p->function[i];
    int64_t            state = (int64_t)p->state_bytes;
    bool ok = within(f->top, 1, c->n_blocks) && (f->tick == -1 || (f->tick % 8 == 0 && within(f->tick, 8, state))) && f->outs.n == g->n_outputs &&
              range_in(o, f->outs, IMAGE_OUTS) && range_in(o, f->commits, IMAGE_COMM);
    for (int k = 0; ok && k < f->outs.n; k++) {
        const CodePlace *at = &c->out[f->outs.first + k];
        ok = place_in(o, at, NULL) && at->bytes == output_bytes(&g->output[k]);
    }
    for (int k = 0; ok && k < f->commits.n; k++) {
        const CodeCommit *at = &c->commit[f->commits.first + k];
        ok = within(at->state, at->bytes, state) && within(at->frame, at->bytes, c->frame_bytes);
    }
    WANT(o, ok, "the code of function %s makes no sense", g->name);
}

static void open_code(Open *o)
{
    const ImageProgram *r = rows(o, IMAGE_PROG);
    o->image->code = (Code){
        .fn = rows(o, IMAGE_CFUN), .n_fns = count(o, IMAGE_CFUN), .block = rows(o, IMAGE_BLCK), .n_blocks = count(o, IMAGE_BLCK),
        .step = rows(o, IMAGE_STEP), .n_steps = count(o, IMAGE_STEP), .call = rows(o, IMAGE_CALL), .n_calls = count(o, IMAGE_CALL),
        .copy = rows(o, IMAGE_COPY), .n_copies = count(o, IMAGE_COPY), .stack = rows(o, IMAGE_STCK), .n_stacks = count(o, IMAGE_STCK), .out = rows(o, IMAGE_OUTS), .n_outs = count(o, IMAGE_OUTS),
        .commit = rows(o, IMAGE_COMM), .n_commits = count(o, IMAGE_COMM), .words = rows(o, IMAGE_WORD), .n_words = count(o, IMAGE_WORD),
        .wants = rows(o, IMAGE_WANT), .n_nests = count(o, IMAGE_WANT), .stream = open_texts(o, IMAGE_STRM), .n_streams = count(o, IMAGE_STRM),
        .external = o->image->program.external, .n_externs = o->image->program.n_externs, .frame_bytes = r->frame_bytes, .scratch_bytes = r->scratch_bytes, .blas = r->blas != 0};
    const Code *c = &o->image->code;
    WANT(o, c->n_fns == o->image->program.n_functions, "it has code for %d of %d functions", c->n_fns, o->image->program.n_functions);
    WANT(o, c->frame_bytes > 0 && c->frame_bytes < (int64_t)1 << 46 && c->scratch_bytes > 0 && c->scratch_bytes < (int64_t)1 << 46, "its work space has no size");
    for (int i = 0; i < c->n_nests; i++) WANT(o, c->wants[i] >= 0, "nest %d makes no sense", i);
    for (int i = 0; i < c->n_fns && !o->bad; i++) check_function(o, i);
    if (!o->bad) check_blocks(o);
}

static bool machine_fits(const Open *o, const MachineCode *m)
{
    const Code *c = &o->image->code;
    if (m->n_entries != c->n_nests || m->slots < m->n || m->slots % IMAGE_CODE_PAGE || m->slots > INT32_MAX) return false;
    for (int i = 0; i < m->n_entries; i++)
        if (!within(m->entry[i], 1, m->n)) return false;
    return true;
}

static void open_machine(Open *o)
{
    MachineCode *m = &o->image->machine;
    int          n = count(o, IMAGE_MACH);
    if (!n) return;
    *m = (MachineCode){.bytes = rows(o, IMAGE_CODE), .n = count(o, IMAGE_CODE), .slots = ((const ImageMachine *)rows(o, IMAGE_MACH))->slots, .entry = rows(o, IMAGE_ENTR),
                       .n_entries = count(o, IMAGE_ENTR), .import = open_texts(o, IMAGE_IMPT), .n_imports = count(o, IMAGE_IMPT)};
    WANT(o, n == 1 && machine_fits(o, m), "its machine code makes no sense");
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

GanStatus image_open(const void *bytes, size_t n, Image *out, GanError *err)
{
    Open o = {.bytes = bytes, .image = out, .err = err};
    *out = (Image){0};
    if (!open_envelope(&o, n)) return GAN_WRONG;
    out->arena = arena_new();
    open_program(&o);
    if (!o.bad) open_code(&o);
    if (!o.bad) open_machine(&o);
    if (!o.bad) return GAN_OK;
    image_close(out);
    return GAN_WRONG;
}

GanStatus image_read_data(Image *image, const DataChoice *choice, int n_choices, int *own, GanError *err)
{
    GanProgram *p = &image->program;
    image->file = arena_array(image->arena, GanTensor *, p->n_data + 1);
    GanStatus s = data_follow_all(p->recipe, p->n_data, p->folder, choice, n_choices, image->file, own, err);
    for (int i = 0; i < p->n_data && !s; i++)
        if (image->file[i]) *p->data[i] = *image->file[i];
    return s;
}

void image_close(Image *image)
{
    for (int i = 0; image->file && i < image->program.n_data; i++) gan_tensor_free(image->file[i]);
    arena_free(image->arena);
    *image = (Image){0};
}
