/* data_slots.c - slots of data: tensors that are known when the program is compiled, read-only while it runs. */
#include "compiler/lower/own/own.h"
#include "runtime/data/recipe.h"

void data_own(Lower *L, GanTensor *t) { array_push(L->a, &L->owned, t); }

bool data_seen(const GanTensor *t) { return t->data || !t->bytes; }

bool data_see(Lower *L, GanTensor *t, const DataRecipe *r, GanError *err)
{
    GanTensor *read;
    if (data_seen(t)) return true;
    if (data_follow(r, L->o.folder, NULL, &read, err) != GAN_OK) return false;
    data_own(L, read);
    t->data = read->data;
    return true;
}

static IrType tensor_type(const GanTensor *t)
{
    IrType r = ir_scalar((IrElem)t->elem);
    r.rank = (uint8_t)t->rank;
    for (int i = 0; i < t->rank; i++) r.dim[i] = t->dim[i];
    return r;
}

static bool same_tensor(const GanTensor *a, const GanTensor *b)
{
    return a->elem == b->elem && a->rank == b->rank && a->bytes == b->bytes &&
           !memcmp(a->dim, b->dim, sizeof(int64_t) * (size_t)a->rank) &&
           (!a->bytes || !memcmp(a->data, b->data, a->bytes));
}

static bool same_source(const DataRecipe *a, const DataRecipe *b) { return a == b || (a && b && data_same_recipe(a, b)); }

/* A DATA slot that holds t, which is then owned by the lowering. Equal constants share a slot; what comes from files does if it will be equal
 * whatever is in them. */
int data_constant(Lower *L, GanTensor *t, const DataRecipe *r)
{
    for (int i = 0; i < L->data.n; i++)
        if (same_source(L->data.v[i].recipe, r) && same_tensor(L->data.v[i].t, t)) {
            gan_tensor_free(t);
            return L->data.v[i].slot;
        }
    data_own(L, t);
    int slot = slot_new(L, strf(L, "data.const.%d", L->data.n + 1), tensor_type(t), IR_SLOT_DATA, NULL);
    array_push(L->a, &L->data, ((__typeof__(*L->data.v)){.slot = slot, .t = t, .recipe = r}));
    return slot;
}

GanElem data_default(const Lower *L, const GanTensor *t)
{
    GanElem e = t->elem;
    bool real = e == GAN_F32 || e == GAN_F64 || (e == GAN_U8 && t->rank > 1);
    return real ? (GanElem)L->m->real : e == GAN_U8 || e == GAN_BOOL ? GAN_I32 : e;
}

GanTensor *data_unread(Lower *L, const GanTensor *t, GanElem elem)
{
    GanTensor as = *t;
    as.elem = elem;
    as.bytes = (size_t)gan_tensor_count(t) * gan_elem_bytes(elem);
    return arena_copy(L->a, &as, sizeof as);
}

const DataRecipe *data_then(Lower *L, const DataRecipe *r, DataStep step)
{
    if (!r) return NULL;
    DataRecipe *all = arena_copy(L->a, r, sizeof *r);
    DataStep *steps = arena_array(L->a, DataStep, r->n_steps + 1);
    if (r->n_steps) memcpy(steps, r->step, sizeof *steps * (size_t)r->n_steps);
    steps[all->n_steps++] = step;
    all->step = steps;
    return all;
}

/* The field as a declaration without a type would make it; the data stay as they are, so that scale can come behind a filter. */
static bool as_default(Lower *L, DataField *f, GanError *err)
{
    GanElem want = data_default(L, f->tensor);
    GanTensor *t;
    if (f->tensor->elem == want) return true;
    if (!data_seen(f->tensor)) t = data_unread(L, f->tensor, want);
    else if (data_convert(f->tensor, want, f->recipe, &t, err) != GAN_OK) return false;
    else data_own(L, t);
    f->tensor = t;
    f->recipe = data_then(L, f->recipe, (DataStep){.what = DATA_CONVERT, .elem = want});
    return true;
}

int data_slot(Lower *L, Data *d, DataField *f, GanError *err)
{
    if (f->slot >= 0) return f->slot;
    DataField as = *f;
    if (!as_default(L, &as, err)) return -1;
    const char *path = strf(L, "data.%s", d->name);
    if (f->name) path = path_join(L, path, f->name);
    const char *unique = path;
    for (int i = 2; ir_find_slot(L->m, unique) >= 0; i++) unique = strf(L, "%s_%d", path, i);
    f->slot = slot_new(L, unique, tensor_type(as.tensor), IR_SLOT_DATA, NULL);
    array_push(L->a, &L->data, ((__typeof__(*L->data.v)){.slot = f->slot, .t = as.tensor, .recipe = as.recipe, .by = f->by, .n_by = f->n_by}));
    return f->slot;
}
