/* cc.c - see cc.h. */
#include "compiler/ctext/cc.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    if (!f) return false;
    bool ok = fputs(text, f) >= 0;
    return fclose(f) == 0 && ok;
}

static bool open_library(CtextFile *f, const char *name, char why[256])
{
    f->lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!f->lib) return snprintf(why, 256, "%s", dlerror()), false;
    int (*is_exact)(void);
    *(void **)&is_exact = dlsym(f->lib, "gan_text_is_exact");
    f->fn = (const KernelFn *)dlsym(f->lib, "gan_nests");
    if (is_exact && f->fn && is_exact()) return true;
    snprintf(why, 256, "the C compiler does not keep to the arithmetic that the kernels are written in");
    ctext_close(f);
    return false;
}

bool ctext_open(CtextFile *f, const char *text, char why[256])
{
    char folder[] = "/tmp/gan_c_XXXXXX", source[64], library[64], command[256];
    *f = (CtextFile){0};
    if (!mkdtemp(folder)) return snprintf(why, 256, "no folder in /tmp"), false;
    snprintf(source, sizeof source, "%s/kernels.c", folder);
    snprintf(library, sizeof library, "%s/kernels.so", folder);
    snprintf(command, sizeof command, "cc -std=c11 -O2 -march=native -ffp-contract=off -fPIC -shared -o %s %s -lm", library, source);
    bool ok = write_file(source, text) && system(command) == 0;
    if (!ok) snprintf(why, 256, "cc did not compile the kernels");
    ok = ok && open_library(f, library, why);
    unlink(source);
    unlink(library);
    rmdir(folder);
    return ok;
}

void ctext_close(CtextFile *f)
{
    if (f->lib) dlclose(f->lib);
    *f = (CtextFile){0};
}
