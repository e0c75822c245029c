/* write.c - see write.h. Each section is a text of bytes; the header and the table are laid before them at the end. */
#include "compiler/image/write.h"
#include "base/array.h"

#include <string.h>
#include <xxhash.h>

typedef struct Writer {
    Arena *a;
    Text   section[IMAGE_TAGS];
    const int64_t *row;  CodeRange rows;                    /* the rows of files that were added last: fields of one table share them */
} Writer;

static int rows_of(const Writer *w, ImageTag t) { return (int)(w->section[t].n / image_layout[t].row); }

static void add_rows(Writer *w, ImageTag t, const void *rows, int n)
{
    if (n) text_addn(&w->section[t], rows, (size_t)n * image_layout[t].row);
}

#define ADD(w, tag, ...) add_rows((w), IMAGE_##tag, &(__VA_ARGS__), 1)

static int64_t text_at(Writer *w, const char *s)
{
    if (!s) return -1;
    int64_t at = (int64_t)w->section[IMAGE_TEXT].n;
    text_addn(&w->section[IMAGE_TEXT], s, strlen(s) + 1);
    return at;
}

/* ---- the program ------------------------------------------------------------------------------------------------ */

static void add_slot(Writer *w, const GanSlot *s)
{
    ImageSlot r = {.path = text_at(w, s->path), .player = text_at(w, s->player), .offset = (int64_t)s->offset, .bytes = (int64_t)s->bytes,
                   .kind = (int32_t)s->kind, .elem = (int32_t)s->elem, .rank = s->rank};
    memcpy(r.dim, s->dim, sizeof r.dim);
    ADD(w, SLOT, r);
}

static int64_t add_elements(Writer *w, const GanTensor *t)
{
    static const char zeros[IMAGE_ALIGN];
    Text *blob = &w->section[IMAGE_BLOB];
    text_addn(blob, zeros, (IMAGE_ALIGN - blob->n % IMAGE_ALIGN) % IMAGE_ALIGN);
    int64_t at = (int64_t)blob->n;
    if (t->bytes) text_addn(blob, t->data, t->bytes);
    return at;
}

static CodeRange chosen_rows(Writer *w, const DataRecipe *r)
{
    if (!r->n_rows || (r->row == w->row && r->n_rows == w->rows.n)) return r->n_rows ? w->rows : (CodeRange){0};
    w->row = r->row;
    w->rows = (CodeRange){rows_of(w, IMAGE_DROW), (int)r->n_rows};
    add_rows(w, IMAGE_DROW, r->row, w->rows.n);
    return w->rows;
}

static void add_data(Writer *w, const GanTensor *t, const DataRecipe *from)
{
    ImageData   r = {.bytes = (int64_t)t->bytes, .elem = (int32_t)t->elem, .rank = t->rank};
    ImageRecipe how = {.path = text_at(w, from->path), .name = text_at(w, from->name), .field = text_at(w, from->field), .symbols = text_at(w, from->symbols), .header = text_at(w, from->by_name ? from->header : NULL), .from = from->from, .to = from->to,
                       .format = (int32_t)from->format, .relative = from->relative, .elem = (int32_t)from->elem, .rank = from->rank, .finite = from->finite,
                       .chosen = from->chosen, .column = from->column, .n_columns = from->n_columns, .n_cut = from->n_cut, .sum = {from->sum[0], from->sum[1]}, .step = {rows_of(w, IMAGE_DSTP), from->n_steps}, .row = chosen_rows(w, from),
                       .of = {rows_of(w, IMAGE_DNAM), from->n_of}};
    r.blob = from->format == DATA_NONE ? add_elements(w, t) : -1;
    memcpy(r.dim, t->dim, sizeof r.dim);
    memcpy(how.dim, from->dim, sizeof how.dim);
    memcpy(how.cut, from->cut, sizeof how.cut);
    add_rows(w, IMAGE_DSTP, from->step, from->n_steps);
    for (int i = 0; i < from->n_of; i++) ADD(w, DNAM, (ImageCalled){text_at(w, from->of[i].name), text_at(w, from->of[i].field)});
    ADD(w, DATA, r);
    ADD(w, RCPE, how);
}

static void add_function(Writer *w, const GanFunction *f)
{
    ImageFunction r = {.name = text_at(w, f->name), .player = text_at(w, f->player), .output = {rows_of(w, IMAGE_OUTP), f->n_outputs},
                       .written = {rows_of(w, IMAGE_WRIT), f->n_written},
                       .asked = {rows_of(w, IMAGE_WRIT) + f->n_written, f->n_asked}};
    memcpy(r.sum, f->sum, sizeof r.sum);
    for (int i = 0; i < f->n_outputs; i++) {
        const GanOutput *o = &f->output[i];
        ImageOutput row = {.name = text_at(w, o->name), .kind = text_at(w, o->kind), .elem = (int32_t)o->elem, .rank = o->rank};
        memcpy(row.dim, o->dim, sizeof row.dim);
        memcpy(row.samples, o->samples, sizeof row.samples);
        ADD(w, OUTP, row);
    }
    for (int i = 0; i < f->n_written; i++) ADD(w, WRIT, (int32_t){f->written[i]});
    for (int i = 0; i < f->n_asked; i++) ADD(w, WRIT, (int32_t){f->asked[i]});
    ADD(w, FUNC, r);
}

/* Breadth first, so that the kids of a node lie together and behind it. */
static void add_schedule(Writer *w, const GanSchedule *root)
{
    ARRAY(const GanSchedule *) node = {0};
    array_push(w->a, &node, root);
    for (int i = 0; i < node.n; i++) {
        const GanSchedule *s = node.v[i];
        ADD(w, SCHD, (ImageSchedule){.name = text_at(w, s->name), .count = s->count, .by_step = s->by_step, .lo = s->lo, .hi = s->hi,
                                     .kind = (int32_t)s->kind, .fn = s->fn, .file = s->file, .line = s->line, .col = s->col,
                                     .kids = {node.n, s->n_kids}});
        for (int k = 0; k < s->n_kids; k++) array_push(w->a, &node, s->kid[k]);
    }
}

static void add_extern(Writer *w, const GanExtern *x)
{
    ImageExtern r = {.name = text_at(w, x->name), .symbol = text_at(w, x->symbol), .path = text_at(w, x->path),
                     .n_out = x->n_out, .n_params = x->n_params, .is_real = x->is_real, .file = x->file, .line = x->line, .col = x->col};
    memcpy(r.size, x->size, sizeof r.size);
    ADD(w, EXTN, r);
}

static void add_program(Writer *w, const GanProgram *p, const Code *c)
{
    ADD(w, PROG, (ImageProgram){.name = text_at(w, p->name), .source_hash = text_at(w, p->source_hash), .folder = text_at(w, p->folder), .made_with = text_at(w, p->made_with), .source = text_at(w, p->text), .state_bytes = (int64_t)p->state_bytes,
                                .frame_bytes = c->frame_bytes, .scratch_bytes = c->scratch_bytes, .init_fn = p->init_fn, .blas = c->blas});
    for (int i = 0; i < p->n_slots; i++) add_slot(w, &p->slot[i]);
    for (int i = 0; i < p->n_data; i++) add_data(w, p->data[i], &p->recipe[i]);
    for (int i = 0; i < p->n_facts; i++) ADD(w, FACT, (ImageFact){text_at(w, p->fact[i].file), text_at(w, p->fact[i].held)});
    for (int i = 0; i < p->n_functions; i++) add_function(w, &p->function[i]);
    for (int i = 0; i < p->n_files; i++) ADD(w, SRCS, (int64_t){text_at(w, p->file[i])});
    for (int i = 0; i < p->n_models; i++)
        ADD(w, MODL, (ImageModel){.name = text_at(w, p->model[i].name), .needs = text_at(w, p->model[i].needs), .batch = p->model[i].batch, .fn = p->model[i].fn});
    for (int i = 0; i < p->n_externs; i++) add_extern(w, &p->external[i]);
    add_schedule(w, p->schedule);
}

static void add_code(Writer *w, const Code *c)
{
    add_rows(w, IMAGE_CFUN, c->fn, c->n_fns);
    add_rows(w, IMAGE_BLCK, c->block, c->n_blocks);
    add_rows(w, IMAGE_STEP, c->step, c->n_steps);
    add_rows(w, IMAGE_CALL, c->call, c->n_calls);
    add_rows(w, IMAGE_COPY, c->copy, c->n_copies);
    add_rows(w, IMAGE_STCK, c->stack, c->n_stacks);
    add_rows(w, IMAGE_OUTS, c->out, c->n_outs);
    add_rows(w, IMAGE_COMM, c->commit, c->n_commits);
    add_rows(w, IMAGE_WORD, c->words, c->n_words);
    add_rows(w, IMAGE_WANT, c->wants, c->n_nests);
    for (int i = 0; i < c->n_streams; i++) ADD(w, STRM, (int64_t){text_at(w, c->stream[i])});
}

static void add_machine(Writer *w, const MachineCode *m)
{
    ADD(w, MACH, (ImageMachine){m->slots});
    add_rows(w, IMAGE_CODE, m->bytes, (int)m->n);
    add_rows(w, IMAGE_ENTR, m->entry, m->n_entries);
    for (int i = 0; i < m->n_imports; i++) ADD(w, IMPT, (int64_t){text_at(w, m->import[i])});
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static uint64_t aligned(uint64_t n) { return (n + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN; }

static void pad_to(Text *out, size_t n)
{
    static const char zeros[IMAGE_ALIGN];
    text_addn(out, zeros, n - out->n);
}

static void lay(const Writer *w, Text *out)
{
    struct { ImageHeader h; ImageSection s[IMAGE_TAGS]; } top = {.h = {.magic = IMAGE_MAGIC, .format = IMAGE_FORMAT, .n_sections = IMAGE_TAGS}};
    uint64_t at = aligned(sizeof top);
    for (int t = 0; t < IMAGE_TAGS; t++) {
        const Text *s = &w->section[t];
        top.s[t] = (ImageSection){.row = image_layout[t].row, .offset = at, .bytes = s->n, .sum = XXH3_64bits(s->n ? s->s : "", s->n)};
        memcpy(top.s[t].tag, image_layout[t].tag, 4);
        at = aligned(at + s->n);
    }
    top.h.bytes = at;
    top.h.sum = XXH3_64bits(&top, sizeof top);
    text_addn(out, (const char *)&top, sizeof top);
    for (int t = 0; t < IMAGE_TAGS; t++) {
        pad_to(out, top.s[t].offset);
        if (w->section[t].n) text_addn(out, w->section[t].s, w->section[t].n);
    }
    pad_to(out, at);
}

void image_write(Text *out, const GanProgram *p, const Code *c, const MachineCode *machine)
{
    Writer w = {.a = arena_new()};
    for (int t = 0; t < IMAGE_TAGS; t++) w.section[t] = text_in(w.a);
    add_program(&w, p, c);
    add_code(&w, c);
    if (machine) add_machine(&w, machine);
    lay(&w, out);
    arena_free(w.a);
}
