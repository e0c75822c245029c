/* flat.c - see flat.h. In three rounds: sections get places, undefined symbols get stubs and slots, relocations are settled. */
#include "compiler/jit/flat.h"
#include "base/array.h"
#include "base/text.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STUB = 16 };                                         /* bytes of one, and their alignment */

typedef struct Object {
    const char       *bytes;
    const Elf64_Shdr *section;                              /* their table */
    const Elf64_Sym  *symbol;
    const char       *names;                                /* of symbols */
    int               n_sections, n_symbols;
    int64_t          *place;                                /* of each section in the whole; -1: it is left out */
} Object;

typedef struct Flat {
    Arena       *a;
    GanError    *err;
    const char  *prefix;
    int          machine;                                   /* EM_... */
    Object      *object;
    int          n_objects;
    char        *bytes;
    int64_t      n, stubs, slots;
    int64_t     *entry;
    int          n_entries;
    ARRAY(const char *) imports;
} Flat;

static GanStatus not_understood(const Flat *f, const char *what, uint32_t number)
{
    return gan_error(f->err, GAN_WORLD, "the compiler made an object with %s %u, which is not understood", what, number);
}

/* ---- sections --------------------------------------------------------------------------------------------------- */

static const void *at_offset(const Object *o, uint64_t offset) { return o->bytes + offset; }

/* Code and constants. What is writable is the table of nests, which MachineCode has in its own way; unwinding is nobody's: nothing is thrown
 * through a nest. */
static bool is_laid(const Elf64_Shdr *s, const char *names)
{
    return s->sh_type == SHT_PROGBITS && (s->sh_flags & (SHF_ALLOC | SHF_WRITE)) == SHF_ALLOC && strcmp(names + s->sh_name, ".eh_frame") != 0;
}

static int64_t aligned(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

static void lay_section(Flat *f, Object *o, int i, const char *names)
{
    const Elf64_Shdr *s = &o->section[i];
    o->place[i] = -1;
    if (!is_laid(s, names)) return;
    o->place[i] = aligned(f->n, s->sh_addralign ? (int64_t)s->sh_addralign : 1);
    f->n = o->place[i] + (int64_t)s->sh_size;
}

static GanStatus open_object(Flat *f, Object *o, const LlvmObject *from)
{
    const Elf64_Ehdr *h = (const void *)from->bytes;
    o->bytes = from->bytes;
    if (from->size < sizeof *h || memcmp(h->e_ident, ELFMAG, SELFMAG) || (h->e_machine != EM_X86_64 && h->e_machine != EM_AARCH64))
        return not_understood(f, "a head of machine", from->size < sizeof *h ? 0 : h->e_machine);
    f->machine = h->e_machine;
    o->section = at_offset(o, h->e_shoff);
    o->n_sections = h->e_shnum;
    o->place = arena_array(f->a, int64_t, o->n_sections + 1);
    const char *names = at_offset(o, o->section[h->e_shstrndx].sh_offset);
    for (int i = 0; i < o->n_sections; i++) {
        const Elf64_Shdr *s = &o->section[i];
        lay_section(f, o, i, names);
        if (s->sh_type != SHT_SYMTAB) continue;
        o->symbol = at_offset(o, s->sh_offset);
        o->n_symbols = (int)(s->sh_size / sizeof *o->symbol);
        o->names = at_offset(o, o->section[s->sh_link].sh_offset);
    }
    return GAN_OK;
}

static void copy_sections(const Flat *f, const Object *o)
{
    for (int i = 0; i < o->n_sections; i++)
        if (o->place[i] >= 0) memcpy(f->bytes + o->place[i], at_offset(o, o->section[i].sh_offset), o->section[i].sh_size);
}

/* ---- symbols ---------------------------------------------------------------------------------------------------- */

static void take_entry(Flat *f, const Object *o, const Elf64_Sym *s)
{
    size_t      n = strlen(f->prefix);
    const char *name = o->names + s->st_name;
    if (s->st_shndx == SHN_UNDEF || s->st_shndx >= SHN_LORESERVE || strncmp(name, f->prefix, n) || strncmp(name + n, "_nest_", 6)) return;
    long nest = strtol(name + n + 6, NULL, 10);
    if (nest >= 0 && nest < f->n_entries) f->entry[nest] = o->place[s->st_shndx] + (int64_t)s->st_value;
}

static int import_of(Flat *f, const char *name)
{
    for (int i = 0; i < f->imports.n; i++)
        if (!strcmp(f->imports.v[i], name)) return i;
    array_push(f->a, &f->imports, arena_str(f->a, name));
    return f->imports.n - 1;
}

static const Elf64_Sym *symbol_of(const Object *o, const Elf64_Rela *r) { return &o->symbol[ELF64_R_SYM(r->r_info)]; }

/* Relocations of what is laid: NULL for other sections. */
static const Elf64_Rela *relocations(const Object *o, int section, size_t *n)
{
    const Elf64_Shdr *s = &o->section[section];
    if (s->sh_type != SHT_RELA || o->place[s->sh_info] < 0) return NULL;
    *n = s->sh_size / sizeof(Elf64_Rela);
    return at_offset(o, s->sh_offset);
}

static void take_imports(Flat *f, const Object *o, int section)
{
    size_t            n = 0;
    const Elf64_Rela *r = relocations(o, section, &n);
    for (size_t i = 0; i < n; i++) {
        const Elf64_Sym *s = symbol_of(o, &r[i]);
        if (s->st_shndx == SHN_UNDEF) import_of(f, o->names + s->st_name);
    }
}

static void take_symbols(Flat *f, const Object *o)
{
    for (int i = 1; i < o->n_symbols; i++) take_entry(f, o, &o->symbol[i]);
    for (int i = 0; i < o->n_sections; i++) take_imports(f, o, i);
}

static int64_t stub_of(const Flat *f, int import) { return f->stubs + (int64_t)import * STUB; }
static int64_t slot_of(const Flat *f, int import) { return f->slots + (int64_t)import * 8; }

/* ---- relocations ------------------------------------------------------------------------------------------------ */

static void put32(const Flat *f, int64_t at, uint32_t v) { memcpy(f->bytes + at, &v, 4); }

static uint32_t get32(const Flat *f, int64_t at)
{
    uint32_t v;
    memcpy(&v, f->bytes + at, 4);
    return v;
}

static bool put_distance(const Flat *f, int64_t at, int64_t distance)
{
    if (distance != (int32_t)distance) return false;
    put32(f, at, (uint32_t)distance);
    return true;
}

static int64_t page(int64_t address) { return address & ~(int64_t)4095; }

/* Bits of an instruction: `width` of v from bit `at`. */
static void put_bits(const Flat *f, int64_t where, int at, int width, int64_t v)
{
    uint32_t mask = ((1u << width) - 1) << at;
    put32(f, where, (get32(f, where) & ~mask) | (((uint32_t)v << at) & mask));
}

/* adrp: the distance in pages, 21 bits in two parts. */
static bool put_pages(const Flat *f, int64_t at, int64_t to)
{
    int64_t pages = (page(to) - page(at)) / 4096;
    if (pages < -(1 << 20) || pages >= 1 << 20) return false;
    put_bits(f, at, 29, 2, pages);
    put_bits(f, at, 5, 19, pages >> 2);
    return true;
}

static bool put_branch(const Flat *f, int64_t at, int64_t distance)
{
    if (distance < -(1 << 27) || distance >= 1 << 27) return false;
    put_bits(f, at, 0, 26, distance / 4);
    return true;
}

static bool put_low(const Flat *f, int64_t at, int64_t to, int log2_bytes)
{
    put_bits(f, at, 10, 12, (to & 4095) >> log2_bytes);
    return true;
}

typedef struct Place { int64_t at, to, slot; } Place;       /* slot: of an import, or -1 */

static bool settle_x86_64(const Flat *f, uint32_t type, const Place *p)
{
    switch (type) {
    case R_X86_64_PC32:
    case R_X86_64_PLT32: return put_distance(f, p->at, p->to - p->at);
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX: return p->slot >= 0 && put_distance(f, p->at, p->slot - p->at);
    default: return false;
    }
}

static bool settle_aarch64(const Flat *f, uint32_t type, const Place *p)
{
    switch (type) {
    case R_AARCH64_PREL32: return put_distance(f, p->at, p->to - p->at);
    case R_AARCH64_CALL26:
    case R_AARCH64_JUMP26: return put_branch(f, p->at, p->to - p->at);
    case R_AARCH64_ADR_PREL_PG_HI21: return put_pages(f, p->at, p->to);
    case R_AARCH64_ADD_ABS_LO12_NC:
    case R_AARCH64_LDST8_ABS_LO12_NC: return put_low(f, p->at, p->to, 0);
    case R_AARCH64_LDST16_ABS_LO12_NC: return put_low(f, p->at, p->to, 1);
    case R_AARCH64_LDST32_ABS_LO12_NC: return put_low(f, p->at, p->to, 2);
    case R_AARCH64_LDST64_ABS_LO12_NC: return put_low(f, p->at, p->to, 3);
    case R_AARCH64_LDST128_ABS_LO12_NC: return put_low(f, p->at, p->to, 4);
    case R_AARCH64_ADR_GOT_PAGE: return p->slot >= 0 && put_pages(f, p->at, p->slot);
    case R_AARCH64_LD64_GOT_LO12_NC: return p->slot >= 0 && put_low(f, p->at, p->slot, 3);
    default: return false;
    }
}

static GanStatus settle(Flat *f, const Object *o, int section, const Elf64_Rela *r)
{
    const Elf64_Sym *s = symbol_of(o, r);
    uint32_t         type = ELF64_R_TYPE(r->r_info);
    Place            p = {o->place[section] + (int64_t)r->r_offset, r->r_addend, -1};
    if (s->st_shndx == SHN_UNDEF) {
        int import = import_of(f, o->names + s->st_name);
        p.to += stub_of(f, import);
        p.slot = slot_of(f, import) + r->r_addend;
    } else if (s->st_shndx >= SHN_LORESERVE || o->place[s->st_shndx] < 0) {
        return not_understood(f, "a symbol of section", s->st_shndx);
    } else {
        p.to += o->place[s->st_shndx] + (int64_t)s->st_value;
    }
    bool done = f->machine == EM_X86_64 ? settle_x86_64(f, type, &p) : settle_aarch64(f, type, &p);
    return done ? GAN_OK : not_understood(f, "a relocation of kind", type);
}

static GanStatus settle_object(Flat *f, const Object *o)
{
    for (int i = 0; i < o->n_sections; i++) {
        size_t            n = 0;
        const Elf64_Rela *r = relocations(o, i, &n);
        for (size_t k = 0; k < n; k++) {
            GanStatus s = settle(f, o, (int)o->section[i].sh_info, &r[k]);
            if (s) return s;
        }
    }
    return GAN_OK;
}

/* ---- stubs: they jump to where their slot says ------------------------------------------------------------------ */

static bool put_stub(const Flat *f, int import)
{
    int64_t at = stub_of(f, import), slot = slot_of(f, import);
    if (f->machine == EM_X86_64) {                          /* jmp *slot(%rip) */
        memcpy(f->bytes + at, "\xff\x25", 2);
        return put_distance(f, at + 2, slot - (at + 6));
    }
    put32(f, at, 0x90000010);                               /* adrp x16, slot */
    put32(f, at + 4, 0xf9400210);                           /* ldr x16, [x16, low bits of slot] */
    put32(f, at + 8, 0xd61f0200);                           /* br x16 */
    return put_pages(f, at, slot) && put_low(f, at + 4, slot, 3);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static GanStatus make_room(Flat *f)
{
    f->stubs = aligned(f->n, STUB);
    f->n = f->stubs + (int64_t)f->imports.n * STUB;
    f->slots = aligned(f->n, IMAGE_CODE_PAGE);
    f->bytes = arena_alloc(f->a, (size_t)f->n + 1);
    return f->slots < INT32_MAX / 2 ? GAN_OK : gan_error(f->err, GAN_WORLD, "the program has too much code: %lld bytes", (long long)f->n);
}

static GanStatus check_all_are_there(const Flat *f)
{
    for (int i = 0; i < f->n_entries; i++)
        if (f->entry[i] < 0) return not_understood(f, "no nest", (uint32_t)i);
    return GAN_OK;
}

static GanStatus lay(Flat *f, const LlvmObjects *o)
{
    GanStatus s = GAN_OK;
    for (int i = 0; i < f->n_entries; i++) f->entry[i] = -1;
    for (int i = 0; i < o->n && !s; i++) s = open_object(f, &f->object[i], &o->object[i]);
    for (int i = 0; i < o->n && !s; i++) take_symbols(f, &f->object[i]);
    if (!s) s = check_all_are_there(f);
    if (!s) s = make_room(f);
    for (int i = 0; i < o->n && !s; i++) copy_sections(f, &f->object[i]);
    for (int i = 0; i < o->n && !s; i++) s = settle_object(f, &f->object[i]);
    for (int i = 0; i < f->imports.n && !s; i++)
        if (!put_stub(f, i)) s = not_understood(f, "a stub of import", (uint32_t)i);
    return s;
}

GanStatus flat_lay(Arena *a, const LlvmObjects *o, const char *prefix, MachineCode *out, GanError *err)
{
    Flat f = {.a = a, .err = err, .prefix = prefix, .object = arena_array(a, Object, o->n + 1), .n_objects = o->n,
              .entry = arena_array(a, int64_t, o->n_nests + 1), .n_entries = o->n_nests};
    GanStatus s = lay(&f, o);
    if (!s) *out = (MachineCode){f.bytes, f.n, f.slots, f.entry, f.n_entries, f.imports.v, f.imports.n};
    return s;
}
