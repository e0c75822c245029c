/* link.c - see link.h. Everything is laid into a folder of its own, which goes in any case; the result is linked beside its place and renamed. */
#include "compiler/native/link.h"
#include "compiler/native/tools.h"
#include "base/installed.h"
#include "base/array.h"
#include "base/text.h"
#include "runtime/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What runtime/native/main.c asks for. */
static const char variants_source[] =
    "    .section .note.GNU-stack, \"\"\n"
    "    .section .data.rel.ro.gan_variants, \"aw\"\n    .balign 8\n    .globl gan_variants\n    .hidden gan_variants\ngan_variants:\n";

typedef struct Link {
    Arena               *a;
    const char          *folder;                            /* ours, for as long as this takes */
    const char          *runtime;                           /* its archive */
    const NativeLibrary *lib;                               /* NULL: a program */
    const NativeVariant *variant;
    int                  n_variants;
    Tools                tools;
    ARRAY(const char *)  word;                              /* of cc */
    GanError            *err;
} Link;

static const char *in_folder(const Link *l, const char *name) { return arena_printf(l->a, "%s/%s", l->folder, name); }

/* ---- what is linked ---------------------------------------------------------------------------------------------- */

static const char *object_name(const Link *l, int variant, int i) { return in_folder(l, arena_printf(l->a, "%d-%d.o", variant, i)); }

static GanStatus write_text(const Link *l, const char *path, const char *text) { return file_write(path, text, strlen(text), false, l->err); }
static GanStatus lay_out_text(const Link *l, const char *name, const char *text) { return write_text(l, in_folder(l, name), text); }

static GanStatus lay_out_library(const Link *l)
{
    Text script = text_in(l->a), list = text_in(l->a);
    for (int i = 0; i < l->lib->symbols->n; i++) {
        text_printf(&script, " %s;", l->lib->symbols->v[i]);
        text_printf(&list, "%s\n", l->lib->symbols->v[i]);
    }
    GanStatus s = lay_out_text(l, "library.h", l->lib->header);
    if (!s) s = lay_out_text(l, "library.c", l->lib->source);
    if (!s) s = lay_out_text(l, "symbols", text_str(&list));
    return s ? s : lay_out_text(l, "exports", arena_printf(l->a, "{ global:%s local: *; };\n", text_str(&script)));
}

/* Which variant's image is k's as well, the first of equal ones. */
static int image_of(const Link *l, int k)
{
    const NativeVariant *v = l->variant;
    int i = 0;
    while (v[i].image_bytes != v[k].image_bytes || memcmp(v[i].image, v[k].image, v[k].image_bytes) != 0) i++;
    return i;
}

static GanStatus lay_out_images(const Link *l, Text *source)
{
    GanStatus s = GAN_OK;
    text_add(source, "    .section .rodata.gan_image, \"a\"\n");
    for (int k = 0; k < l->n_variants && !s; k++) {
        if (image_of(l, k) < k) continue;
        text_printf(source, "    .balign 64\nimage_%d:\n    .incbin \"image_%d\"\nimage_%d_end:\n", k, k, k);
        s = file_write(in_folder(l, arena_printf(l->a, "image_%d", k)), l->variant[k].image, l->variant[k].image_bytes, false, l->err);
    }
    return s;
}

static GanStatus lay_out(const Link *l)
{
    const NativeVariant *v = l->variant;
    Text      source = text_in(l->a);
    GanStatus s = lay_out_images(l, &source);
    if (!s && l->lib) s = lay_out_library(l);
    text_add(&source, variants_source);
    for (int k = 0; k < l->n_variants; k++) {
        int image = image_of(l, k);
        text_printf(&source, "    .quad %d, %s_nests, image_%d, image_%d_end\n", v[k].level, v[k].prefix, image, image);
        for (int i = 0; i < v[k].objects.n && !s; i++)
            s = file_write(object_name(l, k, i), v[k].objects.object[i].bytes, v[k].objects.object[i].size, false, l->err);
    }
    text_add(&source, "    .quad -1, 0, 0, 0\n");
    return s ? s : file_write(in_folder(l, "image.s"), source.s, source.n, false, l->err);
}

/* Tools that were stopped may have left files of theirs. */
static void clear_folder(const Link *l)
{
    DIR *folder = opendir(l->folder);
    for (const struct dirent *e; folder && (e = readdir(folder));) unlink(in_folder(l, e->d_name));
    if (folder) closedir(folder);
    rmdir(l->folder);
}

/* ---- cc ----------------------------------------------------------------------------------------------------------- */

static void add_words(Link *l, const char *words)           /* parted by spaces */
{
    for (size_t n; *words; words += n + (words[n] == ' ')) {
        n = strcspn(words, " ");
        if (n) array_push(l->a, &l->word, arena_strn(l->a, words, n));
    }
}

static const char *first_line(Link *l)                      /* of what cc said: the others follow from it */
{
    char  *text;
    size_t n;
    if (file_read_all(in_folder(l, "said"), 1 << 20, &text, &n, NULL)) return "";
    const char *line = arena_strn(l->a, text, strcspn(text, "\n"));
    free(text);
    return line;
}

/* What else than a want of memory or processes keeps a program from being run is that there is none. */
static GanStatus not_run(const Link *l, int why)
{
    const char *tool = l->word.v[0];
    if (why == EINTR) return gan_error(l->err, GAN_WORLD, "%s was stopped by a signal", tool);
    if (why == EAGAIN || why == ENOMEM || why == EMFILE || why == ENFILE)
        return gan_error(l->err, GAN_WORLD, "%s cannot be run now: %s", tool, strerror(why));
    return gan_error(l->err, GAN_WRONG, "programs are linked by a C compiler and its tools, and %s cannot be run: %s; install gcc, or name another in CC, "
                                        "OBJCOPY or AR", tool, strerror(why));
}

static GanStatus run_tool(Link *l)
{
    int status;
    array_push(l->a, &l->word, (const char *)NULL);
    int failed = tools_run(&l->tools, l->word.v, in_folder(l, "said"), &status);
    if (failed) return not_run(l, failed);
    if (WIFEXITED(status) && !WEXITSTATUS(status)) return GAN_OK;
    const char *said = first_line(l);
    if (!*said) said = arena_printf(l->a, "nothing (status %d)", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return gan_error(l->err, GAN_WORLD, "the program was not linked; %s said: %s", l->word.v[0], said);
}

static void add_inputs(Link *l)
{
    add_words(l, "-I");
    array_push(l->a, &l->word, l->folder);                  /* .incbin looks there */
    array_push(l->a, &l->word, in_folder(l, "image.s"));
    if (l->lib) array_push(l->a, &l->word, in_folder(l, "library.c"));
    for (int k = 0; k < l->n_variants; k++)
        for (int i = 0; i < l->variant[k].objects.n; i++) array_push(l->a, &l->word, object_name(l, k, i));
    array_push(l->a, &l->word, l->runtime);
}

static void begin_cc(Link *l)
{
    const char *cc = getenv("CC");
    l->word.n = 0;
    add_words(l, cc && *cc ? cc : "cc");
}

static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (int)(slash - path) + 1 : 0;
}

/* Beside `path`, but not longer: that may have the longest name there is. The linker takes files by name: `@` and `-` mean something else to it at a
 * name's start. */
static const char *temp_name(const Link *l, const char *path, const char *ending)
{
    return arena_printf(l->a, "%s%.*s.gan-%ld%s", *path == '/' ? "" : "./", folder_length(path), path, (long)getpid(), ending);
}

static GanStatus put_in_place(const Link *l, GanStatus s, const char *temp, const char *path)
{
    if (!s && rename(temp, path)) s = gan_error_in(l->err, errno == EISDIR ? GAN_WRONG : GAN_WORLD, path, "cannot be written: %s", strerror(errno));
    if (s) unlink(temp);
    return s;
}

static GanStatus link_to(Link *l, const char *file)
{
    add_words(l, "-s -Wl,--gc-sections -Wl,-z,noexecstack " GAN_LINK_FLAGS);
    add_inputs(l);
    add_words(l, GAN_LINK_LIBRARIES " -o");
    array_push(l->a, &l->word, file);
    return run_tool(l);
}

static GanStatus link_program(Link *l, const char *path)
{
    char      place[FILE_PATH_MAX];
    GanStatus s = file_place(path, place, l->err);
    if (s) return s;
    const char *temp = temp_name(l, place, "");
    begin_cc(l);
    return put_in_place(l, link_to(l, temp), temp, place);
}

/* ---- a library ------------------------------------------------------------------------------------------------------ */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static GanStatus link_shared(Link *l, const char *path, const char *file)
{
    begin_cc(l);
    add_words(l, "-shared -fPIC -O1 -Xlinker -soname -Xlinker");
    array_push(l->a, &l->word, (const char *)arena_printf(l->a, "%s.so", base_name(path)));
    add_words(l, "-Xlinker --version-script -Xlinker");
    array_push(l->a, &l->word, in_folder(l, "exports"));
    return link_to(l, file);
}

static void begin_tool(Link *l, const char *variable, const char *usual)
{
    const char *named = getenv(variable);
    l->word.n = 0;
    add_words(l, named && *named ? named : usual);
}

/* One object of all that is needed, in which only the library's own names are left for others. */
static GanStatus link_object(Link *l)
{
    const char *all = in_folder(l, "all.o");
    begin_cc(l);
    add_words(l, "-r -nostdlib -fPIC -O1");
    add_inputs(l);
    add_words(l, "-o");
    array_push(l->a, &l->word, all);
    GanStatus s = run_tool(l);
    if (s) return s;
    begin_tool(l, "OBJCOPY", "objcopy");
    add_words(l, "--strip-unneeded");
    array_push(l->a, &l->word, (const char *)arena_printf(l->a, "--keep-global-symbols=%s", in_folder(l, "symbols")));
    array_push(l->a, &l->word, all);
    return run_tool(l);
}

static GanStatus copy(const Link *l, const char *from, const char *to)
{
    char     *bytes;
    size_t    n;
    GanStatus s = file_read_all(from, INT64_MAX, &bytes, &n, l->err);
    if (s) return s;
    s = file_write(to, bytes, n, false, l->err);
    free(bytes);
    return s;
}

/* ar writes beside its file first, and what it leaves there when it is stopped has a name that only it knows: so not beside the library. */
static GanStatus link_archive(Link *l, const char *file)
{
    const char *archive = in_folder(l, "all.a");
    GanStatus   s = link_object(l);
    if (s) return s;
    begin_tool(l, "AR", "ar");
    add_words(l, "rcsD");
    array_push(l->a, &l->word, archive);
    array_push(l->a, &l->word, in_folder(l, "all.o"));
    s = run_tool(l);
    return s ? s : copy(l, archive, file);
}

/* Its folder is where it lies, so the four files are moved together. */
static const char *package(const Link *l, const char *path)
{
    const char *name = base_name(path);
    return arena_printf(l->a, "archive=${pcfiledir}/%s.a " GAN_LINK_LIBRARIES "\n\nName: %s\nDescription: a game compiled by gan\nVersion: " GAN_VERSION "\n"
                              "Cflags: -I${pcfiledir}\nLibs: -L${pcfiledir} -l:%s.so\n", name, name, name);
}

enum { SHARED, ARCHIVE, PACKAGE, PYTHON, HEADER, N_FILES };
static const char *const ending[N_FILES] = {".so", ".a", ".pc", "_game.py", ".h"};

static bool is_made(const Link *l, int which) { return which != PYTHON || l->lib->python; }

static GanStatus make(Link *l, int which, const char *path, const char *file)
{
    if (which == SHARED) return link_shared(l, path, file);
    if (which == ARCHIVE) return link_archive(l, file);
    return write_text(l, file, which == PACKAGE ? package(l, path) : which == PYTHON ? l->lib->python : l->lib->header);
}

/* All are made before the first takes its place, so that they belong together also when one of them cannot be. */
static GanStatus link_library(Link *l, const char *path)
{
    const char *file[N_FILES], *temp[N_FILES];
    GanStatus   s = GAN_OK;
    for (int i = 0; i < N_FILES; i++) {
        char place[FILE_PATH_MAX] = "";
        if (!s) s = file_place(arena_printf(l->a, "%s%s", path, ending[i]), place, l->err);
        file[i] = arena_str(l->a, place);
        temp[i] = temp_name(l, place, ending[i]);
        if (!s && is_made(l, i)) s = make(l, i, path, temp[i]);
    }
    for (int i = 0; i < N_FILES; i++)
        if (is_made(l, i)) s = put_in_place(l, s, temp[i], file[i]);
    return s;
}

GanStatus native_places(const char *path, bool library, bool python, GanError *err)
{
    char      place[FILE_PATH_MAX], file[FILE_PATH_MAX];
    GanStatus s = library ? GAN_OK : file_place(path, place, err);
    for (int i = 0; library && i < N_FILES && !s; i++) {
        if (i == PYTHON && !python) continue;
        if (snprintf(file, sizeof file, "%s%s", path, ending[i]) >= (int)sizeof file) return gan_error_in(err, GAN_WRONG, path, "the path is too long");
        s = file_place(file, place, err);
    }
    return s;
}

/* ---- what a linker would say in its own words ------------------------------------------------------------------------ */

/* The names that an archive has, one after the other: its first member, "/", is how many there are, an offset for each, and they. */
static const char *archive_index(const char *archive, size_t n, uint32_t *names)
{
    enum { MAGIC = 8, HEAD = 60 };
    if (n < MAGIC + HEAD + 4 || memcmp(archive + MAGIC, "/ ", 2)) return NULL;
    const unsigned char *c = (const unsigned char *)archive + MAGIC + HEAD;
    *names = (uint32_t)c[0] << 24 | (uint32_t)c[1] << 16 | (uint32_t)c[2] << 8 | c[3];
    return (size_t)*names < (n - MAGIC - HEAD) / 5 ? (const char *)c + 4 + 4 * (size_t)*names : NULL;
}

static const char *first_shared(const NativeSymbols *symbols, const char *name, uint32_t names, const char *end)
{
    for (; names && name < end; names--, name += strnlen(name, (size_t)(end - name)) + 1)
        for (int i = 0; i < symbols->n; i++)
            if (!strncmp(symbols->v[i], name, (size_t)(end - name))) return symbols->v[i];
    return NULL;
}

/* The runtime is linked into the library, so that one cannot be called as the other's functions are. */
static GanStatus no_name_of_the_runtime(const Link *l)
{
    char    *archive;
    size_t   n;
    uint32_t names;
    GanStatus s = file_read_all(l->runtime, INT64_MAX, &archive, &n, l->err);
    if (s) return s;
    const char *index = archive_index(archive, n, &names), *shared = index ? first_shared(l->lib->symbols, index, names, archive + n) : NULL;
    if (shared)
        s = gan_error(l->err, GAN_WRONG, "the library's function %s would have the name of one of gan's own; name another file with -o", shared);
    free(archive);
    return s;
}

static GanStatus can_write(const Link *l, const char *file)
{
    struct stat is;
    const char *folder = folder_length(file) ? arena_strn(l->a, file, (size_t)folder_length(file)) : ".";
    if (!access(folder, W_OK | X_OK) && (!lstat(file, &is) || errno != ENAMETOOLONG)) return GAN_OK;
    return gan_error_in(l->err, GAN_WRONG, file, "cannot be written: %s", strerror(errno));
}

static GanStatus can_write_all(const Link *l, const char *path)
{
    GanStatus s = l->lib ? GAN_OK : can_write(l, path);
    for (int i = 0; i < N_FILES && l->lib && !s; i++)
        if (is_made(l, i)) s = can_write(l, arena_printf(l->a, "%s%s", path, ending[i]));
    return s;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static GanStatus make_folder(Link *l)
{
    const char *tmp = getenv("TMPDIR");
    char       *folder = arena_printf(l->a, "%s/gan-build-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    l->folder = folder;
    return mkdtemp(folder) ? GAN_OK : gan_error_in(l->err, GAN_WORLD, folder, "cannot be made: %s", strerror(errno));
}

static GanStatus link_in_folder(Link *l, const char *path)
{
    GanStatus s = make_folder(l);
    if (s) return s;
    s = lay_out(l);
    if (!s) s = l->lib ? link_library(l, path) : link_program(l, path);
    clear_folder(l);
    return s;
}

static GanStatus link_all(Link *l, const char *path)
{
    l->runtime = installed_file(l->a, "runtime/native", "libganrt.a");
    if (!l->runtime) return gan_error(l->err, GAN_WRONG, "the runtime that programs are linked with, libganrt.a, is not beside this gan");
    GanStatus s = can_write_all(l, path);
    if (!s && l->lib) s = no_name_of_the_runtime(l);
    if (s) return s;
    tools_begin(&l->tools);
    s = link_in_folder(l, path);
    tools_end(&l->tools);
    return s;
}

GanStatus native_link(const NativeVariant *variant, int n_variants, const char *path, GanError *err)
{
    Link      l = {.a = arena_new(), .variant = variant, .n_variants = n_variants, .err = err};
    GanStatus s = link_all(&l, path);
    arena_free(l.a);
    return s;
}

GanStatus native_link_library(const NativeLibrary *lib, const NativeVariant *variant, int n_variants, const char *path, GanError *err)
{
    Link      l = {.a = arena_new(), .lib = lib, .variant = variant, .n_variants = n_variants, .err = err};
    GanStatus s = link_all(&l, path);
    arena_free(l.a);
    return s;
}
