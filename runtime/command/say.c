/* say.c - see say.h. */
#include "runtime/command/say.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is not UTF-8, as a path may be, is shown as '?'. */
static json_t *json_text(const char *s)
{
    json_t *j = json_string(s);
    return j ? j : json_string(GAN_SHOWN(s));
}

/* malloc'd; NULL when memory is out. */
static char *json_of(const GanError *err, const char *severity)
{
    json_int_t line = err->row, column = err->column > 0 ? err->column : 1;
    json_t *o = json_pack("{s:o, s:n, s:n, s:n, s:n, s:s, s:o, s:[]}", "file", *err->path ? json_text(err->path) : json_null(), "range", "line", "column",
                          "code", "severity", severity, "message", json_text(GAN_SHOWN(err->message)), "notes");
    if (line > 0) {
        json_t *at = json_pack("{s:I, s:I}", "line", line, "column", column);
        json_object_set_new(o, "range", json_pack("{s:O, s:o}", "start", at, "end", at));
        json_object_set_new(o, "line", json_integer(line));
        json_object_set_new(o, "column", json_integer(column));
    }
    char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(o);
    return text;
}

static void print_json(const GanError *err, const char *severity)
{
    char *text = json_of(err, severity);
    fprintf(stderr, "%s\n", text ? text : "{}");
    free(text);
}

static void print_error(const RunOptions *o, const GanError *err, const char *severity)
{
    char     text[GAN_ERROR_TEXT];
    GanError place = *err;
    place.message[0] = 0;
    if (o->json_diagnostics) print_json(err, severity);
    else if (*err->path && err->row > 0) fprintf(stderr, "%s%s: %s\n", gan_error_text(&place, text), severity, GAN_SHOWN(err->message));
    else fprintf(stderr, "%s: %s: %s\n", o->program, severity, gan_error_text(err, text));
}

int say_error(const RunOptions *o, const GanError *err)
{
    print_error(o, err, "error");
    return err->status == GAN_WRONG ? EXIT_WRONG_PROGRAM : EXIT_RUN_FAILED;
}

int say_wrong(const RunOptions *o, const char *fmt, ...)
{
    GanError err;
    va_list  args;
    char     text[sizeof err.message];
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    gan_error(&err, GAN_WRONG, "%s", text);
    return say_error(o, &err);
}

void say_note_at(const RunOptions *o, const char *file, uint32_t line, uint32_t column, const char *text)
{
    GanError note;
    gan_error_in(&note, GAN_OK, file, "%s", text);
    gan_error_cell(&note, GAN_OK, line, column);
    print_error(o, &note, "note");
}

/* Columns count code points; a tab of the line is one of the row below it, too. */
void say_source(uint32_t line, uint32_t column, const char *text)
{
    fprintf(stderr, "%5u | %s\n      | ", line, GAN_SHOWN(text));
    for (; *text && column > 1; text++)
        if (((unsigned char)*text & 0xC0) != 0x80) {
            fputc(*text == '\t' ? '\t' : ' ', stderr);
            column--;
        }
    fputs("^\n", stderr);
}

void say_line(void *options, const char *line)
{
    const RunOptions *o = options;
    GanError       note = {.offset = -1};
    bool           warning = !strncmp(line, "warning: ", 9);
    snprintf(note.message, sizeof note.message, "%s", line + (warning ? 9 : 0));
    if (o->json_diagnostics) print_json(&note, warning ? "warning" : "note");
    else fprintf(stderr, "%s: %s\n", o->program, GAN_SHOWN(line));
}

const char *say_later(const RunOptions *o, Arena *a, const char *line)
{
    GanError note;
    gan_error(&note, GAN_OK, "%s", line);
    char       *json = o->json_diagnostics ? json_of(&note, "note") : NULL;
    const char *clear = isatty(STDERR_FILENO) ? "\r\x1b[K" : "";
    const char *text = json ? arena_printf(a, "%s\n", json) : arena_printf(a, "%s%s: %s\n", clear, o->program, GAN_SHOWN(line));
    free(json);
    return text;
}

int say_finish(const char *program, int status)
{
    errno = 0;
    bool lost = fflush(stdout) || ferror(stdout);
    int  why = errno;
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (!lost || (poll(&out, 1, 0) > 0 && out.revents & POLLERR)) return status;
    fprintf(stderr, "%s: error: the output cannot be written%s%s\n", program, why ? ": " : "", why ? strerror(why) : "");
    return status ? status : EXIT_RUN_FAILED;
}

/* A standard descriptor that whoever started us has closed would be the number of the next file, which then got what we print. These can be
 * neither read nor written, so that what is printed is missed. */
static void hold_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/", O_PATH) != fd) _exit(EXIT_RUN_FAILED);
}

void say_begin(void)
{
    hold_descriptors();
    setlocale(LC_CTYPE, "");                                /* numbers stay in the C locale's form */
    signal(SIGPIPE, SIG_IGN);                               /* a reader that left shows as a failed write */
    signal(SIGXFSZ, SIG_IGN);                               /* and a file that may not grow as a full disk */
}
