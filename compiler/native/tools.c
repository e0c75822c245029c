/* tools.c - see tools.h. Signals are taken from the queue in which a blocked one waits, so there is no handler and no state beside the struct. */
#include "compiler/native/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void add_unless_ignored(sigset_t *set, int signal)
{
    struct sigaction is;
    if (!sigaction(signal, NULL, &is) && is.sa_handler != SIG_IGN) sigaddset(set, signal);      /* a blocked one would wait although it is ignored */
}

void tools_begin(Tools *t)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};       /* one who ignores its children is not told of their end */
    t->stopped = 0;
    sigemptyset(&t->waited);
    add_unless_ignored(&t->waited, SIGINT);
    add_unless_ignored(&t->waited, SIGTERM);
    add_unless_ignored(&t->waited, SIGHUP);
    sigaddset(&t->waited, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &t->waited, &t->before);
    sigaction(SIGCHLD, &usual, &t->child);
}

void tools_end(Tools *t)
{
    sigaction(SIGCHLD, &t->child, NULL);
    if (t->stopped) raise(t->stopped);
    pthread_sigmask(SIG_SETMASK, &t->before, NULL);
}

/* It stays a zombie, whose number nobody else can get. */
static bool has_ended(pid_t child)
{
    siginfo_t it = {0};
    return waitid(P_PID, (id_t)child, &it, WEXITED | WNOHANG | WNOWAIT) || it.si_pid;
}

/* A group of its own has the tools that it runs itself, too. A shell may lose a signal that comes while it starts a child, and the child never
   sees it: whoever lives a second later, or is left when the tool has ended, is killed, and so is all of it by a second signal. */
static int wait_for(Tools *t, pid_t child)
{
    static const struct timespec second = {.tv_sec = 1};
    int status = 0;
    while (!has_ended(child)) {
        int signal = t->stopped ? sigtimedwait(&t->waited, NULL, &second) : sigwaitinfo(&t->waited, NULL);
        if (signal == SIGCHLD || (signal < 0 && errno != EAGAIN)) continue;
        kill(-child, t->stopped ? SIGKILL : signal);
        t->stopped = t->stopped ? t->stopped : signal;
    }
    if (t->stopped) kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    return status;
}

static bool has_come(Tools *t)
{
    static const struct timespec now = {0};
    sigset_t asked = t->waited;
    sigdelset(&asked, SIGCHLD);
    int signal = t->stopped ? -1 : sigtimedwait(&asked, NULL, &now);
    if (signal > 0) t->stopped = signal;
    return t->stopped;
}

static int start(const Tools *t, const char *const *word, const char *said, pid_t *child)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t          how;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&how, &t->before);
    int failed = posix_spawnp(child, word[0], &files, &how, (char **)(uintptr_t)word, environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

int tools_run(Tools *t, const char *const *word, const char *said, int *status)
{
    pid_t child;
    int   failed = has_come(t) ? EINTR : start(t, word, said, &child);
    if (failed) return failed;
    *status = wait_for(t, child);
    return t->stopped ? EINTR : 0;
}
