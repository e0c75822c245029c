/* door.c - the functions of object.h for programs that open LLVM when they need it, and not before. */
#include "compiler/llvm/object.h"
#include "llvm_id.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static const LlvmDoor *door;
static char            why[256];                            /* there is none */

/* It lies where the executable's path of libraries says, and is not closed again. The name of this build's is compiled in, so that what it
 * is counts in this executable's own build id. */
static void open_door(void)
{
    void *library = dlopen("libgan_llvm.so", RTLD_NOW | RTLD_LOCAL);
    if (library) door = dlsym(library, LLVM_DOOR);
    if (!door) snprintf(why, sizeof why, "%s", dlerror());
}

static GanStatus through(GanError *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_door);
    return door ? GAN_OK : gan_error(err, GAN_WORLD, "the compiler's library of this gan (" GAN_LLVM_ID ") is not there: %s", why);
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
