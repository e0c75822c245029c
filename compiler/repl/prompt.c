/* prompt.c - see prompt.h. libedit does the editing; the bytes it gets are read here, so that a signal, a new width or a terminal that is gone
 * is seen at once. Handlers write the signal's number into a pipe that is waited on beside the keys: whichever thread a signal comes to, it
 * is heard. */
#include "compiler/repl/prompt.h"

#include "runtime/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { HISTORY = 1000, MOST_LISTED = 200, NO_TERMINAL_WIDTH = 80, END_OF_TEXT = 4 };

static const int heard[] = {SIGHUP, SIGTERM, SIGINT, SIGWINCH, SIGTSTP, SIGCONT};
enum { HEARD = sizeof heard / sizeof *heard, HEARD_PLAIN = 2 };           /* without a terminal only the first: the rest do what they always do */

struct Prompt {
    EditLine       *edit;                                   /* NULL: no terminal */
    HistoryW       *history;
    char           *history_file;                           /* NULL: not kept */
    const char     *ask;
    PromptComplete *complete;
    void           *self;
    char            typed[256];                             /* while the terminal was asked something, and not read yet */
    int             n_typed;
    int             ahead;                                  /* bytes that were typed before they were asked for, and not read yet */
    PromptGot       got;                                    /* other than a line, since the line was begun */
    mbstate_t       half;                                   /* of a character of several bytes */
    char           *plain;                                  /* of getline */
    size_t          n_plain;
    int             said[2];                                /* the pipe of signals */
    struct sigaction before[HEARD];
    bool            taken[HEARD];
};

static int                   said_to = -1;                  /* the pipe's other end */
static volatile sig_atomic_t lost, busy_now;

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static void hear(int number)
{
    int  was = errno;
    char one = (char)number;
    if (number == SIGHUP || number == SIGTERM) lost = 1;
    if (number == SIGHUP && busy_now) raise(SIGINT);
    if (write(said_to, &one, 1) < 0) errno = was;           /* it is full: enough was said */
    errno = was;
}

/* On a terminal it is poll that waits, which always comes back, and what is being written goes on; a plain read is to come back. */
static bool listen_to(Prompt *p, int n)
{
    struct sigaction ours = {.sa_handler = hear, .sa_flags = n == HEARD_PLAIN ? 0 : SA_RESTART};
    if (pipe2(p->said, O_NONBLOCK | O_CLOEXEC)) return false;
    said_to = p->said[1];
    lost = busy_now = 0;
    for (int i = 0; i < n; i++)
        p->taken[i] = !sigaction(heard[i], NULL, &p->before[i]) && p->before[i].sa_handler != SIG_IGN && !sigaction(heard[i], &ours, NULL);
    return true;
}

static void stop_listening(Prompt *p)
{
    for (int i = 0; i < HEARD; i++)
        if (p->taken[i]) sigaction(heard[i], &p->before[i], NULL);
    for (int i = 0; i < 2; i++)
        if (said_to >= 0) close(p->said[i]);
    said_to = -1;
}

/* As the terminal is left to the shell, and taken again when it comes back. */
static void stop_here(Prompt *p)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
    el_set(p->edit, EL_PREP_TERM, 0);
    sigaction(SIGTSTP, &standard, &ours);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &ours, NULL);
}

/* True: the line is over. */
static bool answer_signals(Prompt *p)
{
    for (char one; read(p->said[0], &one, 1) == 1;) {
        if (one == SIGINT) p->got = PROMPT_CLEARED;
        if (one == SIGTSTP) stop_here(p);
        if (one == SIGCONT) el_set(p->edit, EL_PREP_TERM, 1);
        if (one == SIGWINCH) el_resize(p->edit);
        if (one == SIGWINCH || one == SIGCONT) el_set(p->edit, EL_REFRESH);
    }
    if (lost) p->got = PROMPT_LOST;
    return p->got != PROMPT_LINE;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static bool next_byte(Prompt *p, char *byte)
{
    struct pollfd of[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = p->said[0], .events = POLLIN}};
    if (p->n_typed) {
        *byte = p->typed[0];
        memmove(p->typed, p->typed + 1, (size_t)--p->n_typed);
        return true;
    }
    for (;;) {
        if (poll(of, 2, -1) < 0 && errno != EINTR) break;
        if (answer_signals(p)) return false;
        if (!(of[0].revents & (POLLIN | POLLHUP | POLLERR))) continue;
        ssize_t n = read(STDIN_FILENO, byte, 1);
        if (n == 1) {
            if (p->ahead && p->ahead-- && !*byte) *byte = END_OF_TEXT;      /* the terminal has made that of Ctrl-D meanwhile */
            return true;
        }
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        break;                                              /* Ctrl-D is a byte here: nothing to read is a terminal that is gone */
    }
    p->got = PROMPT_LOST;
    return false;
}

static int next_key(EditLine *edit, wchar_t *key)
{
    Prompt *p;
    el_get(edit, EL_CLIENTDATA, &p);
    for (char byte; next_byte(p, &byte);) {
        size_t n = mbrtowc(key, &byte, 1, &p->half);
        if (n <= 1) return 1;
        if (n == (size_t)-1) p->half = (mbstate_t){0};      /* no character: not taken */
    }
    return -1;
}

static char *ask_for(EditLine *edit)
{
    Prompt *p;
    el_get(edit, EL_CLIENTDATA, &p);
    return (char *)p->ask;
}

/* ---- what the terminal says --------------------------------------------------------------------------------------- */

enum { ANSWER_MILLISECONDS = 1000, SEQUENCE = 200 };

typedef struct Sequence { char text[SEQUENCE]; int n; } Sequence;      /* one that has begun; n 0: none has */

/* ESC _ .. ESC \, and ESC [ .. up to a letter. */
static bool is_whole(const Sequence *s)
{
    char last = s->text[s->n - 1];
    if (s->n < 2) return false;
    if (s->text[1] == '_') return s->n > 2 && last == '\\' && s->text[s->n - 2] == '\x1b';
    return s->text[1] != '[' || (s->n > 2 && last >= '@' && last <= '~');
}

static void keep_typed(Prompt *p, const char *text, int n)
{
    for (int i = 0; i < n && p->n_typed < (int)sizeof p->typed; i++) p->typed[p->n_typed++] = text[i];
}

/* True: it ends what the terminal answers. */
static bool take_answer(Prompt *p, Sequence *s, char byte, Text *answer)
{
    if (!s->n && byte != '\x1b') {
        keep_typed(p, &byte, 1);
        return false;
    }
    s->text[s->n++] = byte;
    if (!is_whole(s) && s->n < SEQUENCE) return false;
    bool attributes = !strncmp(s->text, "\x1b[?", 3) && byte == 'c';
    if (attributes || s->text[1] == '_') text_addn(answer, s->text, (size_t)s->n);
    else keep_typed(p, s->text, s->n);                      /* a key */
    s->n = 0;
    return attributes;
}

static bool read_answer(Prompt *p, Text *answer)
{
    struct pollfd of = {.fd = STDIN_FILENO, .events = POLLIN};
    Sequence      s = {.n = 0};
    bool          whole = false;
    char          byte;
    int64_t end = clock_now_ns() + ANSWER_MILLISECONDS * (int64_t)1000000;
    for (int left = ANSWER_MILLISECONDS; !whole && left > 0; left = (int)((end - clock_now_ns()) / 1000000)) {
        if (poll(&of, 1, left) <= 0 || read(STDIN_FILENO, &byte, 1) != 1) break;      /* a signal, too: Ctrl-C waits for nothing */
        whole = take_answer(p, &s, byte, answer);
    }
    keep_typed(p, s.text, s.n);
    return whole;
}

bool prompt_ask_terminal(Prompt *p, const char *query, Text *answer)
{
    struct termios before, raw;
    if (!p->edit || tcgetattr(STDIN_FILENO, &before)) return false;
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw)) return false;
    bool answered = write(STDOUT_FILENO, query, strlen(query)) == (ssize_t)strlen(query) && read_answer(p, answer);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return answered;
}

/* ---- completion -------------------------------------------------------------------------------------------------- */

static size_t in_common(const PromptWords *w)
{
    size_t n = strlen(w->v[0]);
    for (int i = 1; i < w->n; i++) {
        size_t k = 0;
        while (k < n && w->v[0][k] == w->v[i][k]) k++;
        n = k;
    }
    return n;
}

static void list_words(const Prompt *p, const PromptWords *w)
{
    int wide = 0, shown = w->n < MOST_LISTED ? w->n : MOST_LISTED;
    for (int i = 0; i < shown; i++)
        if (wide < (int)strlen(w->v[i]) + 2) wide = (int)strlen(w->v[i]) + 2;
    int across = prompt_width(p) / wide;
    if (across < 1) across = 1;
    for (int i = 0; i < shown; i++) {
        bool last = i % across == across - 1 || i == shown - 1;
        printf("%s%-*s%s", i ? "" : "\n", last ? 0 : wide, w->v[i], last ? "\n" : "");
    }
    if (shown < w->n) printf("and %d more\n", w->n - shown);
    fflush(stdout);
}

/* All that the words have in common is put in; if that is nothing new they are listed under the line. */
static unsigned char complete(EditLine *edit, int key)
{
    Prompt         *p;
    const LineInfo *line = el_line(edit);
    Arena          *a = arena_new();
    PromptWords     words = {0};
    unsigned char   then = CC_ERROR;
    (void)key;
    el_get(edit, EL_CLIENTDATA, &p);
    const char *before = arena_strn(a, line->buffer, (size_t)(line->cursor - line->buffer));
    size_t      begin = strlen(before), n = begin;
    p->complete(p->self, a, before, &begin, &words);
    if (words.n) {
        size_t      typed = n - begin, common = in_common(&words);
        bool        command = words.n == 1 && before[0] == ':' && !begin;
        const char *rest = arena_printf(a, "%.*s%s", (int)(common - typed), words.v[0] + typed, command ? " " : "");
        if (*rest) el_insertstr(edit, rest);
        else if (words.n > 1) list_words(p, &words);
        then = *rest ? CC_REFRESH : words.n > 1 ? CC_REDISPLAY : CC_ERROR;
    }
    arena_free(a);
    return then;
}

/* ---- history ----------------------------------------------------------------------------------------------------- */

/* The file, malloc'd; NULL: none is to be kept. */
static char *history_path(void)
{
    const char *own = getenv("GAN_HISTORY"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char       *path = NULL;
    int         n = -1;
    if (own) return *own ? strdup(own) : NULL;
    if (state && *state == '/') n = asprintf(&path, "%s/gan/history", state);
    else if (home && *home) n = asprintf(&path, "%s/.local/state/gan/history", home);
    return n < 0 ? NULL : path;
}

static void make_folders(char *path)                        /* those above the file */
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
}

static void remember(Prompt *p, const char *line)
{
    HistEventW e;
    size_t     n = strlen(line) + 1;
    wchar_t   *wide = calloc(n, sizeof *wide);
    if (wide && mbstowcs(wide, line, n) != (size_t)-1) history_w(p->history, &e, H_ENTER, wide);
    free(wide);
}

static int forget_old_lines(const char *path, char **line, int n)
{
    FILE *f = fopen(path, "we");
    for (int i = n - HISTORY; f && i < n; i++) fprintf(f, "%s\n", line[i]);
    return f ? fclose(f) : -1;
}

/* What earlier sessions have typed; a file that has grown to twice what is wanted is shortened. */
static void recall(Prompt *p)
{
    char  **line = NULL, *one = NULL;
    size_t  room = 0;
    int     n = 0, cap = 0;
    FILE   *f = fopen(p->history_file, "re");
    for (ssize_t k; f && (k = getline(&one, &room, f)) > 0; one = NULL, room = 0) {
        if (n == cap) {
            char **more = realloc(line, (size_t)(cap ? 2 * cap : 64) * sizeof *line);
            if (!more) break;                               /* what was read until here can be recalled */
            line = more;
            cap = cap ? 2 * cap : 64;
        }
        one[strcspn(one, "\n")] = 0;
        line[n++] = one;
    }
    free(one);
    if (f) fclose(f);
    for (int i = n > HISTORY ? n - HISTORY : 0; i < n; i++) remember(p, line[i]);
    if (n > 2 * HISTORY) forget_old_lines(p->history_file, line, n);
    for (int i = 0; i < n; i++) free(line[i]);
    free(line);
}

/* Each line at once, behind those of other sessions, so that none is lost however this one ends. */
static bool keep(const Prompt *p, const char *line)
{
    int fd = open(p->history_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool ok = !*line || dprintf(fd, "%s\n", line) > 0;
    return !close(fd) && ok;
}

static const char *open_history(Prompt *p)
{
    HistEventW e;
    p->history = history_winit();
    if (!p->history) return NULL;
    history_w(p->history, &e, H_SETSIZE, HISTORY);
    history_w(p->history, &e, H_SETUNIQUE, 1);
    if (!(p->history_file = history_path())) return NULL;
    make_folders(p->history_file);
    recall(p);
    if (keep(p, "")) return NULL;
    free(p->history_file);
    p->history_file = NULL;
    return "the lines that are typed here are not kept for the next session: their file cannot be written; GAN_HISTORY names another one, or none";
}

/* ---- the prompt -------------------------------------------------------------------------------------------------- */

/* What terminals send for keys, whatever their description says. */
static const struct { const char *sent, *does; } keys[] = {
    {"\\e[A", "ed-prev-history"}, {"\\eOA", "ed-prev-history"}, {"\\e[B", "ed-next-history"}, {"\\eOB", "ed-next-history"},
    {"\\e[C", "ed-next-char"},    {"\\eOC", "ed-next-char"},    {"\\e[D", "ed-prev-char"},    {"\\eOD", "ed-prev-char"},
    {"\\e[H", "ed-move-to-beg"},  {"\\eOH", "ed-move-to-beg"},  {"\\e[1~", "ed-move-to-beg"}, {"\\e[F", "ed-move-to-end"},
    {"\\eOF", "ed-move-to-end"},  {"\\e[4~", "ed-move-to-end"}, {"\\e[3~", "ed-delete-next-char"},
    {"\\e[1;5C", "em-next-word"}, {"\\e[1;5D", "ed-prev-word"},
};

static bool open_edit(Prompt *p)
{
    if (!(p->edit = el_init("gan", stdin, stdout, stderr))) return false;
    el_set(p->edit, EL_CLIENTDATA, p);
    el_set(p->edit, EL_SIGNAL, 0);
    el_set(p->edit, EL_PROMPT, ask_for);
    el_set(p->edit, EL_EDITOR, "emacs");
    el_set(p->edit, EL_GETCFN, next_key);
    if (p->history) el_wset(p->edit, EL_HIST, history_w, p->history);
    el_set(p->edit, EL_ADDFN, "gan-complete", "complete a name", complete);
    el_set(p->edit, EL_BIND, "^I", "gan-complete", NULL);
    el_set(p->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) el_set(p->edit, EL_BIND, keys[i].sent, keys[i].does, NULL);
    return true;
}

Prompt *prompt_open(PromptComplete *words, void *self, const char **note)
{
    Prompt *p = calloc(1, sizeof *p);
    bool    terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    *note = NULL;
    if (!p) return NULL;
    p->complete = words;
    p->self = self;
    if (strcmp(nl_langinfo(CODESET), "UTF-8")) setlocale(LC_CTYPE, "C.UTF-8");             /* programs are UTF-8 */
    if (terminal) *note = open_history(p);
    if (listen_to(p, terminal ? HEARD : HEARD_PLAIN) && (!terminal || open_edit(p))) return p;
    prompt_close(p);
    return NULL;
}

void prompt_close(Prompt *p)
{
    if (!p) return;
    stop_listening(p);
    if (p->edit) el_end(p->edit);
    if (p->history) history_wend(p->history);
    free(p->history_file);
    free(p->plain);
    free(p);
}

bool prompt_on_terminal(const Prompt *p) { return p->edit != NULL; }

int prompt_width(const Prompt *p)
{
    struct winsize size;
    return p->edit && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : NO_TERMINAL_WIDTH;
}

static PromptGot read_edited(Prompt *p, Arena *a, char **line)
{
    int n = 0;
    p->got = PROMPT_LINE;
    p->half = (mbstate_t){0};
    el_set(p->edit, EL_PREP_TERM, 1);                       /* before it is asked: what is typed from then on are keys */
    if (ioctl(STDIN_FILENO, FIONREAD, &p->ahead)) p->ahead = 0;
    const char *text = answer_signals(p) ? NULL : el_gets(p->edit, &n);
    if (p->got != PROMPT_LINE || !text) {
        if (p->got != PROMPT_LOST) puts(p->got == PROMPT_CLEARED ? "^C" : "");
        return p->got == PROMPT_LINE ? PROMPT_END : p->got;
    }
    *line = arena_strn(a, text, strcspn(text, "\n"));
    if (**line) remember(p, *line);
    if (**line && p->history_file) keep(p, *line);
    return PROMPT_LINE;
}

static PromptGot read_plain(Prompt *p, const char *ask, Arena *a, char **line)
{
    ssize_t n = getline(&p->plain, &p->n_plain, stdin);
    if (lost) return PROMPT_LOST;
    if (n <= 0) return PROMPT_END;
    *line = arena_strn(a, p->plain, strcspn(p->plain, "\r\n"));
    printf("%s%s\n", ask, *line);
    return PROMPT_LINE;
}

PromptGot prompt_read(Prompt *p, const char *ask, Arena *a, char **line)
{
    p->ask = ask;
    fflush(stdout);
    return p->edit ? read_edited(p, a, line) : read_plain(p, ask, a, line);
}

void prompt_busy(Prompt *p, bool busy)
{
    (void)p;
    busy_now = busy;
}

bool prompt_lost(const Prompt *p)
{
    (void)p;
    return lost != 0;
}
