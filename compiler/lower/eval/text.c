/* text.c - text as numbers: chars and index for what the program says, words and text for files of it. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/table.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "runtime/data/text.h"

#include <stdlib.h>
#include <xxhash.h>

static Value *wrong_text(Ctx *c, const Call *k, const char *word, const char *wants, const Value *got)
{
    if (!val_bad(got)) diag_error(c->L->diags, k->at, E201, "%s takes %s, and this is %s", word, wants, val_text(c->L, got));
    return val_error(c->L);
}

static bool are_words(const Value *v)
{
    bool words = v->kind == V_LIST && v->list.n > 0;
    for (int i = 0; words && i < v->list.n; i++) words = v->list.v[i]->kind == V_STRING;
    return words;
}

/* A list of words as a vocabulary is kept: one a line. */
static const char *vocabulary(Lower *L, const Value *list)
{
    Text t = text_in(L->a);
    for (int i = 0; i < list->list.n; i++) text_printf(&t, "%s\n", list->list.v[i]->s);
    return text_str(&t);
}

/* ---- of the program */

/* chars("abc"): the bytes; chars("abc", "abc "): places in an alphabet. */
Value *builtin_chars(Ctx *c, const Call *k)
{
    Lower *L = c->L;
    GanError err;
    Symbols *s;
    int64_t count;
    size_t at;
    if (k->v[0]->kind != V_STRING) return wrong_text(c, k, "chars", "a string", k->v[0]);
    if (k->v[1] && k->v[1]->kind != V_STRING) return wrong_text(c, k, "chars", "an alphabet, a string", k->v[1]);
    size_t n = strlen(k->v[0]->s);
    if (symbols_new(k->v[1] ? TEXT_CHARS : TEXT_BYTES, k->v[1] ? k->v[1]->s : NULL, &s, &err)) return data_failed(c, k->at, &err);
    int32_t *place = arena_array(L->work, int32_t, n + 1);
    GanStatus status = symbols_encode(s, k->v[0]->s, n, (int64_t)n, place, &count, &at, &err);
    int64_t classes = symbols_count(s);
    symbols_free(s);
    if (status) return data_failed(c, k->at, &err);
    Value **v = arena_array(L->a, Value *, count + 1);
    for (int64_t i = 0; i < count; i++) v[i] = val_int(L, place[i]), v[i]->classes = classes;
    return val_list(L, v, (int)count);
}

/* index(words, "dark"): its place, a class of as many as there are. */
Value *builtin_index(Ctx *c, const Call *k)
{
    Value *list = k->v[0], *word = k->v[1];
    if (!are_words(list)) return wrong_text(c, k, "index", "a list of words", list);
    if (word->kind != V_STRING) return wrong_text(c, k, "index", "a word", word);
    for (int i = 0; i < list->list.n; i++) {
        if (strcmp(list->list.v[i]->s, word->s)) continue;
        Value *v = val_int(c->L, i);
        v->classes = list->list.n;
        return v;
    }
    return diag_error(c->L->diags, k->at, E501, "\"%s\" is none of these %d words", word->s, list->list.n), val_error(c->L);
}

/* ---- of files */

/* words("words.txt"): all of them, in their order, which blanks and lines part. */
Value *builtin_words(Ctx *c, const Call *k)
{
    Lower *L = c->L;
    GanError err, why;
    char *text;
    size_t n, k_th;
    Symbols *s;
    const char *path = table_path(c, k->v[0], k->at);
    if (!path) return val_error(L);
    if (text_read(path, &text, &n, &err)) return data_failed(c, k->at, &err);
    const char *kept = arena_strn(L->a, text, n);
    free(text);
    if (symbols_new(TEXT_WORDS, kept, &s, &why)) return gan_error_in(&err, why.status, path, "%s", why.message), data_failed(c, k->at, &err);
    Value **v = arena_array(L->a, Value *, symbols_count(s) + 1);
    symbols_free(s);
    int words = 0;
    for (const char *at = kept + strspn(kept, " \t\r\n"); *at; at += k_th + strspn(at + k_th, " \t\r\n")) {
        k_th = strcspn(at, " \t\r\n");
        v[words++] = val_string(L, arena_strn(L->a, at, k_th));
    }
    fact_note(c, k->v[0]->s, -1, strf(L, "%d words (%016llx)", words, (unsigned long long)XXH3_64bits(kept, n)));
    return val_list(L, v, words);
}

static Value *text_fields(Ctx *c, const DataField *table, int64_t most, int64_t classes, Span at)
{
    Lower *L = c->L;
    Data *d = table_new(L, 2);
    IrInts row = ir_ints(1, &most), one = ir_ints(0, NULL);
    if (!table_cut(c, table, 0, &row, &d->field[0], at) || !table_cut(c, table, most, &one, &d->field[1], at)) return val_error(L);
    d->rows = table->tensor->dim[0];
    d->field[0].name = "x";
    d->field[1].name = "length";
    d->field[0].numbered = d->field[1].numbered = false;
    d->field[0].classes = classes;
    d->field[0].recipe = data_then(L, d->field[0].recipe, (DataStep){.what = DATA_CLASSES, .hi = classes - 1});
    d->field[1].recipe = data_then(L, d->field[1].recipe, (DataStep){.what = DATA_CLASSES, .hi = most});      /* in any file */
    return dist_of_data(L, d, false);
}

/* text("names.txt", 12): a row for each line, x: class[256][12] and its length; text("names.txt", 12, "abc "): by an alphabet; by a list of words. */
Value *builtin_text(Ctx *c, const Call *k)
{
    static const DataFormat format[] = {[TEXT_BYTES] = DATA_BYTES, [TEXT_CHARS] = DATA_CHARS, [TEXT_WORDS] = DATA_WORDS};
    enum { MOST = 1 << 20 };
    Lower *L = c->L;
    GanError err;
    GanTensor *t;
    int64_t most;
    Symbols *s;
    const Value *of = k->v[2];
    if (of && of->kind != V_STRING && !are_words(of)) return wrong_text(c, k, "text", "an alphabet or a list of words", of);
    TextKind kind = !of ? TEXT_BYTES : of->kind == V_STRING ? TEXT_CHARS : TEXT_WORDS;
    const char *symbols = !of ? NULL : of->kind == V_STRING ? of->s : vocabulary(L, of), *path = table_path(c, k->v[0], k->at);
    if (!path || !as_size(c, k->v[1], k->at, "the number of symbols of a line", &most)) return val_error(L);
    if (!most || most > MOST) {
        diag_error(L->diags, k->at, E501, "a line has 1 to %d symbols, and this is %lld", MOST, (long long)most);
        return val_error(L);
    }
    if (symbols_new(kind, symbols, &s, &err)) return data_failed(c, k->at, &err);
    int64_t classes = symbols_count(s);
    symbols_free(s);
    if (data_read_text(path, kind, symbols, most, &t, &err)) return data_failed(c, k->at, &err);
    data_own(L, t);
    DataRecipe *r = arena_copy(L->a, recipe_new(c, format[kind], k->v[0]->s, NULL, t), sizeof *r);
    r->symbols = symbols;
    return text_fields(c, &(DataField){.tensor = t, .recipe = r, .slot = -1}, most, classes, k->at);
}
