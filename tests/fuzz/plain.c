/* plain.c - a target with the inputs that are kept: each file of the folders given, in a process of its own, with little time and memory.
 *
 * An input has failed that ends its process in any way but by coming through: a crash, a sanitizer's report, memory or time that ran out. */
#include "target.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 60, MOST_BYTES = 2000 << 20 };             /* on a busy machine, under sanitizers */

#if defined __SANITIZE_ADDRESS__
static void limit_memory(void) {}                           /* it reserves terabytes of addresses */
#else
static void limit_memory(void)
{
    struct rlimit most = {MOST_BYTES, MOST_BYTES};
    setrlimit(RLIMIT_AS, &most);
}
#endif

/* In a block of just its length, so that whoever reads beyond it is found. */
static char *content(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *bytes = NULL;
    if (!f || fseek(f, 0, SEEK_END) || (*n = (size_t)ftell(f)) == (size_t)-1 || fseek(f, 0, SEEK_SET) || !(bytes = malloc(*n + !*n)) ||
        fread(bytes, 1, *n, f) != *n)
        target_failed("%s: %s", path, strerror(errno));
    fclose(f);
    return bytes;
}

static _Noreturn void try_file(const char *path)
{
    size_t n;
    char  *bytes = content(path, &n);
    limit_memory();
    alarm(SECONDS);
    target_try(bytes, n);
    free(bytes);
    exit(EXIT_SUCCESS);
}

static int failed(const char *path)
{
    int   status = 0;
    pid_t child = fork();
    if (child < 0) target_failed("no process for %s: %s", path, strerror(errno));
    if (!child) try_file(path);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR);
    if (!status) return 0;
    if (WIFSIGNALED(status)) printf("FAILED %s: %s\n", path, WTERMSIG(status) == SIGALRM ? "it takes too long" : strsignal(WTERMSIG(status)));
    else printf("FAILED %s: status %d\n", path, WEXITSTATUS(status));
    fflush(stdout);
    return 1;
}

static DIR *d;                                              /* a child that ends has not closed it: it is no leak */

static void try_folder(const char *folder, int *n, int *n_failed)
{
    d = opendir(folder);
    if (!d) target_failed("%s: %s", folder, strerror(errno));
    for (const struct dirent *e; (e = readdir(d));) {
        char path[4096];
        if (*e->d_name == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        *n_failed += failed(path);
        ++*n;
    }
    closedir(d);
}

int main(int argc, char **argv)
{
    int n = 0, n_failed = 0;
    for (int i = 1; i < argc; i++) try_folder(argv[i], &n, &n_failed);
    if (!n) target_failed("usage: %s FOLDER...: there is no input", argv[0]);
    printf("%d passed, %d failed\n", n - n_failed, n_failed);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
