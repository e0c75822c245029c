/* test_image.c - images say the same when they are read, and what is spoilt is refused: every byte, with sums that know of it or not. */
#include "compiler/image/write.h"
#include "compiler/lower/lower.h"
#include "compiler/nest/steps.h"
#include "compiler/opt/pass.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char GAME[] =
    "import nn, optim, compare, toy\n"
    "data ring = toy.ring(modes: 8, radius: 2, std: 0.02)\n"
    "data table = [1.5, 2.5, 3.5]\n"
    "implicit G(z: real[4] ~ Normal(0, 1)) -> real[2] { z |> Dense(8) |> relu |> Dense(2) }\n"
    "net D(x: real[2]) -> real { x |> Dense(8) |> relu |> Dense(1) |> scalar }\n"
    "compare gan = class_probability(ring, G, D)\n"
    "extern simulator wave(theta: real[3], k: int) -> real[2] from \"libwave.so\"\n"
    "report tide = E[x ~ wave([1, 2, 3], 4) : 20] x[1]\n"
    "net W { param v: real[3] = 0.1; v }\n"
    "report drift = sum(scan(W(), 12, fn(s, i) s + 0.1 * s * i))\n"
    "report walk = E[x ~ ring : 200] sum(fold(x, 12, fn(s, i) 0.9 * s + 0.01 * i))\n"
    "report orbit = E[x ~ ring : 200] sum(scan(x, 12, fn(s, i) 0.9 * s, until: fn(s) sum(s) < 0))\n"
    "alternate 20 steps, batch 32 {\n"
    "  update D minimize gan.critic with adam(1e-3)\n"
    "  update G minimize nonsaturating(gan) with adam(1e-3)\n"
    "  every 5 { report loss = gan.critic; plot samples = scatter(ring, G) }\n"
    "}\n"
    "expect 1 > 0\n";

typedef struct Made { Arena *a; LowerResult r; char *bytes; size_t n; } Made;

static char *in_its_place(Arena *a, const Text *t)
{
    char *to = arena_alloc(a, t->n + IMAGE_ALIGN);
    to += IMAGE_ALIGN - (uintptr_t)to % IMAGE_ALIGN;
    return memcpy(to, t->s, t->n);
}

/* It is never run. */
static const MachineCode *machine_of(Arena *a, const Code *c)
{
    static const char *const import[] = {"memcpy", "sort_order"};
    int64_t    *entry = arena_array(a, int64_t, c->n_nests + 1);
    MachineCode m = {arena_alloc(a, 64), 64, IMAGE_CODE_PAGE, entry, c->n_nests, import, 2};
    for (int i = 0; i < c->n_nests; i++) entry[i] = i % 64;
    return arena_copy(a, &m, sizeof m);
}

static Made make(bool with_code)
{
    Made    m = {.a = arena_new()};
    Sources *sources = sources_new(m.a);
    Diags   *diags = diags_new(sources);
    char    why[512];
    LowerOptions o = {.real = IR_F32};
    bool ok = lower_program(m.a, source_add(sources, "game.gan", GAME, strlen(GAME)), &o, diags, &m.r);
    Text said = text_in(m.a), out = text_in(m.a);
    diags_print_text(diags, &said, false);
    cr_assert(ok, "%s", text_str(&said));
    opt_run_module(m.r.ir, &(PassOptions){0});
    NestProgram nests;
    cr_assert(nest_program(&nests, m.a, m.r.ir, m.r.program, (PlanOptions){0}, 6, &(NestUser){0}, why), "%s", why);
    Code code = steps_of(m.a, &nests, m.r.ir, m.r.program, NULL);
    image_write(&out, m.r.program, &code, with_code ? machine_of(m.a, &code) : NULL);
    m.bytes = in_its_place(m.a, &out);
    m.n = out.n;
    return m;
}

static void unmake(Made *m)
{
    lower_free(&m->r);
    arena_free(m->a);
}

static void check_written_again(bool with_code)
{
    Made  m = make(with_code);
    Image i;
    GanError err;
    cr_assert(!image_open(m.bytes, m.n, &i, &err), "%s", err.message);
    Text again = text_in(m.a);
    image_write(&again, &i.program, &i.code, with_code ? &i.machine : NULL);
    cr_expect(again.n == m.n && !memcmp(again.s, m.bytes, m.n));
    const GanProgram *p = m.r.program;
    cr_expect(i.program.n_slots == p->n_slots && i.program.n_functions == p->n_functions && i.program.state_bytes == p->state_bytes);
    for (int k = 0; k < p->n_slots; k++) cr_expect(!strcmp(i.program.slot[k].path, p->slot[k].path));
    cr_expect_eq(i.machine.n_entries, with_code ? i.code.n_nests : 0);
    image_close(&i);
    unmake(&m);
}

Test(image, written_again_it_is_the_same)
{
    check_written_again(false);
    check_written_again(true);
}

static void mend_sums(char *bytes)
{
    ImageHeader  *h = (ImageHeader *)(void *)bytes;
    ImageSection *s = (ImageSection *)(void *)(bytes + sizeof *h);
    for (int t = 0; t < IMAGE_TAGS; t++) s[t].sum = XXH3_64bits(bytes + s[t].offset, s[t].bytes);
    h->sum = 0;
    h->sum = XXH3_64bits(bytes, sizeof *h + IMAGE_TAGS * sizeof *s);
}

Test(image, a_byte_that_is_wrong_is_found)
{
    Made m = make(true);
    for (size_t at = 0; at < m.n; at++) {
        Image    i;
        GanError err;
        const ImageSection *s = (const ImageSection *)(void *)(m.bytes + sizeof(ImageHeader));
        bool summed = at < sizeof(ImageHeader) + IMAGE_TAGS * sizeof *s;
        for (int t = 0; t < IMAGE_TAGS && !summed; t++) summed = at >= s[t].offset && at - s[t].offset < s[t].bytes;
        if (!summed) continue;                              /* between the sections nothing is read */
        m.bytes[at] ^= 0x41;
        cr_expect(image_open(m.bytes, m.n, &i, &err) == GAN_WRONG, "byte %zu", at);
        m.bytes[at] ^= 0x41;
    }
    unmake(&m);
}

/* Whatever the sums say: it opens, or it does not, and reads nothing else on the way (the sanitizers watch). */
Test(image, sums_are_not_trusted)
{
    static const unsigned char flip[] = {0x01, 0x80, 0xff};
    Made     m = make(true);
    unsigned refused = 0, tried = 0;
    size_t   head = sizeof(ImageHeader) + IMAGE_TAGS * sizeof(ImageSection);
    char    *copy = arena_alloc(m.a, m.n + IMAGE_ALIGN);
    copy += IMAGE_ALIGN - (uintptr_t)copy % IMAGE_ALIGN;
    memcpy(copy, m.bytes, m.n);
    for (size_t at = head; at < m.n; at++) {
        Image    i;
        GanError err;
        copy[at] ^= (char)flip[at % 3];
        mend_sums(copy);
        tried++;
        if (image_open(copy, m.n, &i, &err)) refused++;
        image_close(&i);
        copy[at] = m.bytes[at];
    }
    cr_expect(refused > tried / 10, "%u of %u", refused, tried);
    unmake(&m);
}

/* A loop that goes tile by tile copies, clears and runs panels of the samples it says, and nothing else. */
Test(image, loops_by_tiles)
{
    Made          m = make(true);
    Image         i;
    GanError      err;
    ImageSection *s = (ImageSection *)(void *)(m.bytes + sizeof(ImageHeader));
    CodeStep     *step = (CodeStep *)(void *)(m.bytes + s[IMAGE_STEP].offset);
    CodeRange    *block = (CodeRange *)(void *)(m.bytes + s[IMAGE_BLCK].offset);
    CodeCopy     *copy = (CodeCopy *)(void *)(m.bytes + s[IMAGE_COPY].offset);
    size_t        n = s[IMAGE_STEP].bytes / sizeof *step, at = 0;
    while (at < n && !(step[at].kind == CODE_SCAN && step[at].shards && step[at].stacks.n && step[at].after.n)) at++;
    cr_assert(at < n, "no loop goes tile by tile");
    CodeStep *in = &step[block[step[at].body[0]].first], good = step[at], body = *in;
    CodeCopy *first = &copy[good.after.first], whole = *first;
    for (int k = 0; k < 9; k++) {
        switch (k) {
        case 0: step[at].shards++; break;
        case 1: step[at].shard = INT64_MAX; break;
        case 2: step[at].extent = 0; break;
        case 3: step[at].extent += FRAME_TILE; break;
        case 4: step[at].waits |= CODE_WAIT_TURN; break;
        case 5: in->tile.n = in->panel.n, in->tile.first = in->panel.first; break;
        case 6: in->extent--; break;
        case 7: first->shard *= 2, first->shards = (first->shards + 1) / 2; break;
        case 8: first->shards = 0, first->shard = 0; break;
        }
        mend_sums(m.bytes);
        cr_expect(image_open(m.bytes, m.n, &i, &err) == GAN_WRONG, "%d", k);
        step[at] = good, *in = body, *first = whole;
    }
    mend_sums(m.bytes);
    cr_assert(!image_open(m.bytes, m.n, &i, &err), "%s", err.message);
    image_close(&i);
    unmake(&m);
}

/* What a loop copies by shards ends where its bytes do; waits are those there are. */
Test(image, parts_of_copies_and_waits)
{
    Made          m = make(true);
    Image         i;
    GanError      err;
    ImageSection *s = (ImageSection *)(void *)(m.bytes + sizeof(ImageHeader));
    CodeCopy     *copy = (CodeCopy *)(void *)(m.bytes + s[IMAGE_COPY].offset);
    CodeStep     *step = (CodeStep *)(void *)(m.bytes + s[IMAGE_STEP].offset);
    size_t        n = s[IMAGE_COPY].bytes / sizeof *copy, cut = 0;
    while (cut < n && copy[cut].shards < 2) cut++;
    cr_assert(cut < n, "nothing is copied by shards");
    CodeCopy good = copy[cut];
    struct { int64_t shards, shard, thread; } bad[] = {{-1, good.shard, 0}, {good.shards + 1, good.shard, 0}, {good.shards - 1, good.shard, 0}, {good.shards, 0, 0},
                                                       {good.shards, -good.shard, 0}, {good.shards, INT64_MAX, 0}, {INT64_MAX, good.shard, 0}, {0, good.shard, -1}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        copy[cut].shards = bad[k].shards, copy[cut].shard = bad[k].shard, copy[cut].thread = bad[k].thread;
        mend_sums(m.bytes);
        cr_expect(image_open(m.bytes, m.n, &i, &err) == GAN_WRONG, "%zu", k);
    }
    copy[cut] = good;
    for (int bit = 4; bit < 63; bit++) {
        step[0].waits ^= (int64_t)1 << bit;
        mend_sums(m.bytes);
        cr_expect(image_open(m.bytes, m.n, &i, &err) == GAN_WRONG, "bit %d", bit);
        step[0].waits ^= (int64_t)1 << bit;
    }
    mend_sums(m.bytes);
    cr_assert(!image_open(m.bytes, m.n, &i, &err), "%s", err.message);
    image_close(&i);
    unmake(&m);
}

Test(image, another_format_and_another_length)
{
    Made     m = make(true);
    Image    i;
    GanError err;
    ((ImageHeader *)(void *)m.bytes)->format++;
    cr_expect(image_open(m.bytes, m.n, &i, &err) == GAN_WRONG && strstr(err.message, "made by another version"), "%s", err.message);
    ((ImageHeader *)(void *)m.bytes)->format--;
    for (size_t n = 0; n < m.n; n += n < 2000 ? 1 : 97) cr_expect(image_open(m.bytes, n, &i, &err) == GAN_WRONG, "%zu", n);
    unmake(&m);
}
