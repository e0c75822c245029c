/* sum.c - see sum.h. */
#include "runtime/data/sum.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_of_a_file(const GanProgram *p, int i) { return p->recipe && p->recipe[i].format != DATA_NONE; }

static void sum_of(const GanTensor *t, char text[DATA_SUM])
{
    uint64_t sum[2];
    data_sum(t, sum);
    snprintf(text, DATA_SUM, "%016" PRIx64 "%016" PRIx64, sum[0], sum[1]);
}

/* A name may stand for several tensors, of other rows, say. */
static void set_key(const DataSums *s, DataSum *new)
{
    const char *word = new->is_fact ? "file" : "data";
    int earlier = 0;
    for (int i = 0; i < s->n; i++) earlier += s->v[i].is_fact == new->is_fact && !strcmp(s->v[i].name, new->name);
    if (earlier) snprintf(new->key, sizeof new->key, "%s %s %d", word, new->name, earlier + 1);
    else snprintf(new->key, sizeof new->key, "%s %s", word, new->name);
}

static void add_facts(const GanProgram *p, DataSums *out)
{
    for (int i = 0; i < p->n_facts; i++) {
        DataSum *new = &out->v[out->n];
        new->is_fact = true;
        gan_shown(p->fact[i].file, new->name);
        snprintf(new->sum, sizeof new->sum, "%s", p->fact[i].held);
        set_key(out, new);
        out->n++;
    }
}

GanStatus data_sums(const GanProgram *p, DataSums *out, GanError *err)
{
    int n = p->n_facts;
    for (int i = 0; i < p->n_data; i++) n += is_of_a_file(p, i);
    *out = (DataSums){.v = calloc((size_t)n + 1, sizeof *out->v)};
    if (!out->v) return gan_error(err, GAN_WORLD, "no memory for the sums of the data");
    for (int i = 0; i < p->n_data; i++) {
        if (!is_of_a_file(p, i)) continue;
        DataSum *new = &out->v[out->n];
        data_called(&p->recipe[i], new->name);
        set_key(out, new);
        sum_of(p->data[i], new->sum);
        out->n++;
    }
    add_facts(p, out);
    return GAN_OK;
}

void data_sums_free(DataSums *s)
{
    free(s->v);
    *s = (DataSums){0};
}
