/* door.c - the functions of object.h for programs that open LLVM when they need it, and not before. */
#include "compiler/llvm/object.h"
#include "base/installed.h"
#include "llvm_id.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static const LlvmDoor *door;
static char            why[256];                            /* there is none */

/* It is not closed again. Which one is this build's is compiled in, so that it counts in the executable's own build id. */
static void open_door(void)
{
    static const char name[] = "libgan_llvm.so";
    Arena      *a = arena_new();
    const char *path = installed_file(a, "compiler/llvm", name);
    void       *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library) door = dlsym(library, LLVM_DOOR);
    if (!path) snprintf(why, sizeof why, "there is no %s in ../lib/gan beside it", name);
    else if (!door) snprintf(why, sizeof why, "%s", dlerror());
    arena_free(a);
}

static GanStatus through(GanError *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_door);
    return door ? GAN_OK : gan_error(err, GAN_WORLD, "the compiler's library of this gan (" GAN_LLVM_ID ") cannot be opened: %s", why);
}

GanStatus llvm_objects(Arena *a, const IrModule *m, const GanProgram *p, const LlvmWanted *w, NestProgram *nests, LlvmObjects *out, GanError *err)
{
    GanStatus s = through(err);
    return s ? s : door->objects(a, m, p, w, nests, out, err);
}

void llvm_objects_free(LlvmObjects *o)
{
    if (door) door->objects_free(o);
}

GanStatus llvm_about(char *out, size_t room, GanError *err)
{
    GanStatus s = through(err);
    return s ? s : door->about(out, room, err);
}
