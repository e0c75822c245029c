/* progress.c - see progress.h. Speed is an average that forgets: each drawing counts for as much as the two before it. */
#include "runtime/progress.h"

#include "base/bug.h"
#include "base/text.h"
#include "runtime/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double between = 0.1;                          /* seconds from one drawing to the next */
static const char   clear[] = "\r\x1b[K";

typedef struct Value {
    char name[64], text[40];
} Value;

struct Progress {
    int     fd;
    bool    terminal, colour, drawn;
    int64_t step, total;
    int64_t last_step;                                      /* of the last drawing, */
    double  last_time;                                      /* its time, */
    double  rate;                                           /* and steps a second then; 0: not known */
    Value  *value;
    int     n_values;
    bool    fresh;                                          /* something is there that no line has shown */
    double  last_report;                                    /* when a line that stays was written, */
    int64_t report_step;                                    /* and of which step; -1: none was */
};

Progress *progress_new(int fd, bool terminal, bool colour, int64_t step, int64_t total)
{
    Progress *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    *p = (Progress){.fd = fd, .terminal = terminal, .colour = colour, .step = step, .total = total, .last_step = step, .last_time = clock_now(), .report_step = -1};
    return p;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* Five digits, and all of a whole number: this is for eyes, the log has them all. */
static void format(char text[40], GanElem elem, const void *value)
{
    switch (elem) {
    case GAN_BOOL: snprintf(text, 40, "%s", *(const uint8_t *)value ? "true" : "false"); return;
    case GAN_U8: snprintf(text, 40, "%d", *(const uint8_t *)value); return;
    case GAN_I32: snprintf(text, 40, "%" PRId32, *(const int32_t *)value); return;
    case GAN_I64: snprintf(text, 40, "%" PRId64, *(const int64_t *)value); return;
    case GAN_F32:
    case GAN_F64: {
        gan_number_text(text, gan_elem_get(elem, value, 0), 5);
        return;
    }
    }
    BUG("element type %d", (int)elem);
}

static Value *find(Progress *p, const char *name)           /* NULL: there is no memory for one more */
{
    for (int i = 0; i < p->n_values; i++)
        if (!strncmp(p->value[i].name, name, sizeof p->value[i].name - 1)) return &p->value[i];
    Value *more = realloc(p->value, sizeof *more * (size_t)(p->n_values + 1));
    if (!more) return NULL;
    p->value = more;
    Value *v = &more[p->n_values++];
    snprintf(v->name, sizeof v->name, "%s", name);
    return v;
}

void progress_value(Progress *p, const char *name, GanElem elem, const void *value)
{
    Value *v = p ? find(p, name) : NULL;
    if (!v) return;
    format(v->text, elem, value);
    p->fresh = true;
}

/* ---- the line --------------------------------------------------------------------------------------------------- */

static void add_time(Text *t, double seconds)
{
    int64_t s = (int64_t)(seconds + 0.5);
    if (s >= 3600) text_printf(t, "  %" PRId64 ":%02d:%02d left", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
    else text_printf(t, "  %d:%02d left", (int)(s / 60), (int)(s % 60));
}

static void add_step(const Progress *p, Text *t)
{
    text_printf(t, "step %" PRId64, p->step);
    if (p->total > 0) text_printf(t, "/%" PRId64 "  %d%%", p->total, (int)(100.0 * (double)p->step / (double)p->total));
    if (p->rate > 0) text_printf(t, p->rate < 10 ? "  %.2g steps/s" : "  %.0f steps/s", p->rate);
    double left = p->rate > 0 ? (double)(p->total - p->step) / p->rate : -1;
    if (p->total > p->step && left >= 0 && left < 1e7) add_time(t, left);
}

static void measure(Progress *p, double time)
{
    double seconds = time - p->last_time;
    if (p->step <= p->last_step || seconds <= 0) return;
    double rate = (double)(p->step - p->last_step) / seconds;
    p->rate = p->rate > 0 ? p->rate + (rate - p->rate) / 3 : rate;
    p->last_step = p->step;
    p->last_time = time;
}

static size_t width(const Progress *p)
{
    struct winsize w;
    return !ioctl(p->fd, TIOCGWINSZ, &w) && w.ws_col > 1 ? w.ws_col - 1u : 79;
}

/* At most n characters of UTF-8: continuation bytes do not count. */
static size_t cut_at(const char *s, size_t n)
{
    size_t i = 0;
    for (; s[i]; i++)
        if ((s[i] & 0xc0) != 0x80 && n-- == 0) break;
    return i;
}

/* A line that is longer than the terminal ends in a sign of it. */
static void fit(const Progress *p, Text *line)
{
    size_t columns = p->terminal ? width(p) : line->n;
    if (cut_at(text_str(line), columns) == line->n) return;
    line->n = cut_at(line->s, columns - 1);
    text_add(line, "…");
}

static void write_all(int fd, const char *s, size_t n)
{
    while (n) {
        ssize_t w = write(fd, s, n);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) return;
        s += w;
        n -= (size_t)w;
    }
}

static void add_values(const Progress *p, Text *t)
{
    for (int i = 0; i < p->n_values; i++) text_printf(t, "  %s %s", p->value[i].name, p->value[i].text);
}

/* The line's first `head` bytes are pale. */
static void write_line(const Progress *p, const Text *plain, size_t head, Text *line)
{
    if (head > plain->n) head = plain->n;
    if (p->terminal) text_add(line, clear);
    if (p->colour) text_add(line, "\x1b[2m");
    text_addn(line, plain->s, head);
    if (p->colour) text_add(line, "\x1b[0m");
    text_addn(line, plain->s + head, plain->n - head);
}

/* For all of a line, twice; NULL: then it is not drawn, as the run is worth more. */
static Arena *line_room(const Progress *p)
{
    enum { OTHER = 256 };
    return arena_holding(2 * 4 * ((size_t)p->n_values * sizeof(Value) + OTHER));        /* a text that grows leaves less than it takes behind */
}

static void draw(Progress *p, double time)
{
    Arena *a = line_room(p);
    if (!a) return;
    Text plain = text_in(a), line = text_in(a);
    measure(p, time);
    add_step(p, &plain);
    size_t head = plain.n;
    add_values(p, &plain);
    fit(p, &plain);
    write_line(p, &plain, head, &line);
    if (!p->terminal) text_add(&line, "\n");
    write_all(p->fd, line.s, line.n);
    if (!p->terminal) p->report_step = p->step;
    p->drawn = p->terminal;
    p->fresh = false;
    p->last_time = time;
    p->last_step = p->step;
    arena_free(a);
}

/* The reports of a terminal, on a line that the next one does not take the place of. */
static void draw_reports(Progress *p)
{
    Arena *a = line_room(p);
    if (!a) return;
    Text plain = text_in(a), line = text_in(a);
    text_printf(&plain, "step %" PRId64, p->step);
    size_t head = plain.n;
    add_values(p, &plain);
    fit(p, &plain);
    write_line(p, &plain, head, &line);
    text_add(&line, "\n");
    write_all(p->fd, line.s, line.n);
    p->report_step = p->step;
    p->drawn = false;
    arena_free(a);
}

void progress_step(Progress *p, int64_t step)
{
    if (!p) return;
    p->fresh |= step != p->step;
    p->step = step;
    double time = p->terminal ? clock_now() : 0;
    if (p->terminal && time - p->last_time >= between) draw(p, time);
}

void progress_block(Progress *p, int64_t step)
{
    if (!p) return;
    p->step = step;
    double time = clock_now();
    bool   more = step == p->report_step;                   /* of a step that has its line: a terminal's status shows it, others have it in the last line */
    if (more && !p->terminal) return;
    if (more || !p->terminal) {
        if (time - p->last_time >= between) draw(p, time);
        return;
    }
    if (time - p->last_report < between) return;
    draw_reports(p);
    p->last_report = time;
}

void progress_clear(Progress *p)
{
    if (!p) return;
    if (!p->drawn) return;
    write_all(p->fd, clear, sizeof clear - 1);
    p->drawn = false;
}

void progress_end(Progress *p)
{
    if (!p) return;
    if (p->fresh || (p->terminal && !p->drawn)) draw(p, clock_now());
    if (p->drawn) write_all(p->fd, "\n", 1);
    free(p->value);
    free(p);
}
