/* fails_once.c - preloaded into a program, it makes one of its allocations fail: the FAIL_AT-th, of those that FAIL_WHOSE says.
 *
 * "ours": of the program itself and of libraries of this project; what the C library allocates for them is not among them. Else those of every
 * library. FAIL_COUNT is a file that is told how many there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);

static long n, at;
static bool read_, all;

static bool is_ours(void *caller)
{
    struct dl_find_object o;
    if (all) return true;
    if (_dl_find_object(caller, &o)) return false;
    const char *name = o.dlfo_link_map->l_name, *base = strrchr(name, '/');
    return !*name || !strncmp(base ? base + 1 : name, "libgan", 6);     /* the program itself has none */
}

static bool fails(void *caller)
{
    if (!read_) {
        const char *e = getenv("FAIL_AT"), *whose = getenv("FAIL_WHOSE");
        read_ = true;
        at = e ? atol(e) : -1;
        all = !whose || strcmp(whose, "ours");
    }
    if (!is_ours(caller) || __atomic_add_fetch(&n, 1, __ATOMIC_RELAXED) != at) return false;
    errno = ENOMEM;
    return true;
}

#define FAILS fails(__builtin_return_address(0))

void *malloc(size_t s) { return FAILS ? NULL : __libc_malloc(s); }
void *calloc(size_t a, size_t s) { return FAILS ? NULL : __libc_calloc(a, s); }
void *realloc(void *p, size_t s) { return FAILS ? NULL : __libc_realloc(p, s); }
void *aligned_alloc(size_t a, size_t s) { return FAILS ? NULL : __libc_memalign(a, s); }

int posix_memalign(void **p, size_t a, size_t s)
{
    if (FAILS) return ENOMEM;
    return (*p = __libc_memalign(a, s)) ? 0 : ENOMEM;
}

void *mmap(void *where, size_t bytes, int prot, int flags, int fd, off_t from)
{
    if (FAILS) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, where, bytes, prot, flags, fd, from);
}

/* What the program starts in its turn has memory. */
static void __attribute__((constructor)) alone(void) { unsetenv("LD_PRELOAD"); }

static void __attribute__((destructor)) tell(void)
{
    const char *path = getenv("FAIL_COUNT");
    char        text[32];
    int         fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
    if (fd < 0) return;
    if (write(fd, text, (size_t)snprintf(text, sizeof text, "%ld\n", n)) < 0) _exit(1);
    close(fd);
}
