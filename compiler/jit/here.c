/* here.c - see here.h. */
#include "compiler/jit/here.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* ---- this build: the linker's id of the executable, a hash of all that is in it ---------------------------------- */

static bool add_build_id(Text *out, const char *notes, size_t n)
{
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= n;) {
        const ElfW(Nhdr) *h = (const void *)(notes + at);
        size_t name = at + sizeof *h, id = name + (h->n_namesz + 3) / 4 * 4;
        if (h->n_type == NT_GNU_BUILD_ID && h->n_namesz == 4 && !memcmp(notes + name, "GNU", 4)) {
            text_addn(out, notes + id, h->n_descsz);
            return true;
        }
        at = id + (h->n_descsz + 3) / 4 * 4;
    }
    return false;
}

typedef struct Build { Text *out; bool found; } Build;

/* The executable comes first. */
static int executable(struct dl_phdr_info *info, size_t size, void *build)
{
    Build *b = build;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum && !b->found; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_NOTE) b->found = add_build_id(b->out, (const char *)(info->dlpi_addr + p->p_vaddr), p->p_memsz);
    }
    return 1;
}

/* ---- this CPU ---------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

static void add_word(Text *out, uint32_t v) { text_addn(out, (const char *)&v, sizeof v); }

/* What a leaf says of the kind of CPU; which core of it this is (EBX of leaf 1) is left out. */
static void add_leaf(Text *out, uint32_t leaf, uint32_t sub)
{
    uint32_t a = 0, b = 0, c = 0, d = 0;
    __get_cpuid_count(leaf, sub, &a, &b, &c, &d);
    add_word(out, a);
    add_word(out, leaf == 1 ? 0 : b);
    add_word(out, c);
    add_word(out, d);
}

static bool add_cpu(Text *out)
{
    static const uint32_t leaf[][2] = {{0, 0}, {1, 0}, {7, 0}, {7, 1}, {0x14, 0}, {0x19, 0}, {0x24, 0}, {0x80000001, 0}, {0x80000008, 0}};
    uint32_t a, b, c = 0, d, low = 0, high = 0;
    for (size_t i = 0; i < sizeof leaf / sizeof *leaf; i++) add_leaf(out, leaf[i][0], leaf[i][1]);
    if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
    if (c & bit_OSXSAVE) __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));      /* which registers the system keeps */
    add_word(out, low);
    add_word(out, high);
    return true;
}

#elif defined(__aarch64__)

static bool add_cpu(Text *out)
{
    enum { CAN_READ_IDS = 1 << 11 };                        /* HWCAP_CPUID */
    unsigned long cap[2] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
    uint64_t      id = 0;
    if (!(cap[0] & CAN_READ_IDS)) return false;
    __asm__("mrs %0, midr_el1" : "=r"(id));
    text_addn(out, (const char *)cap, sizeof cap);
    text_addn(out, (const char *)&id, sizeof id);
    return true;
}

#else

static bool add_cpu(Text *out) { return (void)out, false; }

#endif

bool here_add(Text *out)
{
    Build b = {.out = out};
    dl_iterate_phdr(executable, &b);
    return b.found && add_cpu(out);
}
