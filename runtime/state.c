/* state.c - see state.h. */
#include "runtime/state.h"
#include "base/pages.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

GanStatus state_new(const GanProgram *p, uint64_t seed, GanState *out, GanError *err)
{
    size_t unit = p->state_bytes < LARGE_PAGE ? 64 : LARGE_PAGE, bytes = (p->state_bytes + unit - 1) / unit * unit;
    *out = (GanState){.bytes = p->state_bytes, .seed = seed};
    out->base = aligned_alloc(unit, bytes ? bytes : unit);
    out->data = calloc((size_t)p->n_data + 1, sizeof *out->data);
    if (!out->base || !out->data) {
        state_free(out);
        return gan_error(err, GAN_WORLD, "no memory for a state of %zu bytes", p->state_bytes);
    }
    large_pages(out->base, p->state_bytes);
    memset(out->base, 0, (p->state_bytes + 63) & ~(size_t)63);
    for (int i = 0; i < p->n_data; i++) out->data[i] = p->data[i]->data;
    return GAN_OK;
}

void state_free(GanState *s)
{
    free(s->base);
    free(s->data);
    *s = (GanState){0};
}

int state_find(const GanProgram *p, const char *path)
{
    for (int i = 0; i < p->n_slots; i++)
        if (!strcmp(p->slot[i].path, path)) return i;
    return -1;
}

void *state_slot(const GanProgram *p, const GanState *s, int slot)
{
    const GanSlot *at = &p->slot[slot];
    return at->kind == GAN_DATA ? (void *)s->data[at->offset] : s->base + at->offset;
}

static bool is_saved(const GanSlot *s) { return s->kind != GAN_DATA && s->kind != GAN_SCRATCH; }

int state_views(const GanProgram *p, const GanState *s, SafeTensor *out)
{
    int n = 0;
    for (int i = 0; i < p->n_slots; i++) {
        const GanSlot *slot = &p->slot[i];
        if (!is_saved(slot)) continue;
        SafeTensor *t = &out[n++];
        *t = (SafeTensor){.name = slot->path, .elem = slot->elem, .rank = slot->rank, .data = state_slot(p, s, i), .bytes = slot->bytes};
        memcpy(t->dim, slot->dim, sizeof t->dim);
    }
    return n;
}

static void shape_text(GanElem elem, int rank, const int64_t *dim, char *text, size_t n)
{
    GanTensor t = {.elem = elem, .rank = rank};
    memcpy(t.dim, dim, (size_t)rank * sizeof *dim);
    gan_tensor_text(&t, text, n);
}

/* What may be the missing one by its earlier name: the first of the file's that the program does not have and that has its type and shape. */
static GanStatus refuse_missing(const GanProgram *p, const GanSlot *slot, const SafeFile *f, const char *path, GanError *err)
{
    for (int i = 0; i < f->n_tensors; i++) {
        const SafeTensor *t = &f->tensor[i];
        if (t->elem == slot->elem && t->rank == slot->rank && !memcmp(t->dim, slot->dim, (size_t)t->rank * sizeof *t->dim) && state_find(p, t->name) < 0)
            return gan_error_in(err, GAN_WRONG, path, "holds no '%s', and of that shape a '%s' that the program does not have; it was made by another program", slot->path, t->name);
    }
    return gan_error_in(err, GAN_WRONG, path, "holds no '%s'; it was made by another program", slot->path);
}

static GanStatus check_slot(const GanProgram *p, const GanSlot *slot, const SafeFile *f, const char *path, GanError *err)
{
    const SafeTensor *t = safetensors_find(f, slot->path);
    if (!t) return refuse_missing(p, slot, f, path, err);
    if (t->elem == slot->elem && t->rank == slot->rank && !memcmp(t->dim, slot->dim, (size_t)t->rank * sizeof *t->dim)) return GAN_OK;
    char theirs[120], ours[120];
    shape_text(t->elem, t->rank, t->dim, theirs, sizeof theirs);
    shape_text(slot->elem, slot->rank, slot->dim, ours, sizeof ours);
    return gan_error_in(err, GAN_WRONG, path, "'%s' is %s there but %s in the program", slot->path, theirs, ours);
}

/* The last value of a report: no other name of a program begins so. A line that reports more or less makes no other state. */
static bool is_report(const char *path) { return !strncmp(path, "report.", strlen("report.")); }

/* How often a function has run; no other name begins so. */
static bool is_tick(const char *path) { return !strncmp(path, "fn.", strlen("fn.")); }

static bool may_lack(const GanSlot *slot, const SafeFile *f, StateLack lack)
{
    bool may = is_report(slot->path) || lack == STATE_LACKS_UNUSED || (lack == STATE_LACKS_COUNTERS && slot->kind == GAN_COUNTER) ||
               (lack == STATE_LACKS_TICKS && is_tick(slot->path));
    return may && !safetensors_find(f, slot->path);
}

/* A report that is new is nothing yet, and a function that is new has not run. */
static void load_slot(const GanProgram *p, GanState *s, int slot, const SafeTensor *t, StateLack lack)
{
    const double none = NAN;
    if (!t && lack == STATE_LACKS_TICKS && is_tick(p->slot[slot].path)) memset(state_slot(p, s, slot), 0, p->slot[slot].bytes);
    else if (t) memcpy(state_slot(p, s, slot), t->data, p->slot[slot].bytes);
    else if (is_report(p->slot[slot].path) && p->slot[slot].bytes == sizeof none) memcpy(state_slot(p, s, slot), &none, sizeof none);
}

GanStatus state_load(const GanProgram *p, GanState *s, const SafeFile *f, const char *path, StateLack lack, GanError *err)
{
    int wanted = 0;
    for (int i = 0; i < p->n_slots; i++) {
        if (!is_saved(&p->slot[i]) || may_lack(&p->slot[i], f, lack)) continue;
        GanStatus st = check_slot(p, &p->slot[i], f, path, err);
        if (st) return st;
        wanted++;
    }
    for (int i = 0; i < f->n_tensors && f->n_tensors != wanted; i++)
        if (state_find(p, f->tensor[i].name) < 0 && !is_report(f->tensor[i].name) && !(lack != STATE_LACKS_NOTHING && is_tick(f->tensor[i].name)))
            return gan_error_in(err, GAN_WRONG, path, "holds '%s', which the program does not have", f->tensor[i].name);
    for (int i = 0; i < p->n_slots; i++)
        if (is_saved(&p->slot[i])) load_slot(p, s, i, safetensors_find(f, p->slot[i].path), lack);
    return GAN_OK;
}

int gan_model_inputs(const GanProgram *p, const GanModel *m, int *slot, int most)
{
    static const char input[] = "<input>.";
    size_t n = strlen(m->name);
    int    found = 0;
    for (int i = 0; i < p->n_slots && found < most; i++) {
        const char *path = p->slot[i].path;
        bool        its = p->slot[i].kind == GAN_SCRATCH && !strncmp(path, input, sizeof input - 1) && !strncmp(path + sizeof input - 1, m->name, n);
        if (its && path[sizeof input - 1 + n] == '.') slot[found++] = i;
    }
    return found;
}

/* ---- what must hold -------------------------------------------------------------------------------------------------- */

/* The slot's path is "required.3:PLACE ", a line or FILE:LINE, then the words; behind it in the list stands that of the number, if there is one. */
const char *state_required(const GanProgram *p, const GanState *s, int fn, char text[GAN_ERROR_TEXT])
{
    const GanFunction *f = &p->function[fn];
    for (int i = 0; i < f->n_written; i++) {
        const GanSlot *slot = &p->slot[f->written[i]], *next = i + 1 < f->n_written ? &p->slot[f->written[i + 1]] : NULL;
        char           number[40] = "";
        double         x;
        if (slot->elem != GAN_BOOL || *(const char *)state_slot(p, s, f->written[i])) continue;
        if (next && next->kind == GAN_SCRATCH && next->elem == GAN_F64) {
            memcpy(&x, state_slot(p, s, f->written[i + 1]), sizeof x);
            snprintf(number, sizeof number, isnan(x) ? ": nan" : ": %.7g", x);
        }
        const char *words = strchr(slot->path, ' '), *place = strchr(slot->path, ':');
        if (place && words && place < words) snprintf(text, GAN_ERROR_TEXT, "%s%s (%s%.*s)", words + 1, number, isdigit((unsigned char)place[1]) ? "line " : "", (int)(words - place - 1), place + 1);
        else snprintf(text, GAN_ERROR_TEXT, "%s%s", words ? words + 1 : slot->path, number);
        return text;
    }
    return NULL;
}

GanStatus state_run(const GanProgram *p, const GanEngine *engine, int fn, GanState *s, void *const *out, GanError *err)
{
    char        text[GAN_ERROR_TEXT];
    GanStatus   st = engine->run(engine->self, fn, s, out, err);
    const char *missed = st ? NULL : state_required(p, s, fn, text);
    return missed ? gan_error(err, GAN_WORLD, "%s", missed) : st;
}
