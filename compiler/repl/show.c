/* show.c - see show.h. Start at show_tensor(), at the bottom. */
#include "compiler/repl/show.h"

#include "compiler/repl/cells.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BARS = 40, EIGHTHS = 8 };

static const char *const bars[EIGHTHS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/* ---- in full ----------------------------------------------------------------------------------------------------- */

void show_number(Text *out, const GanTensor *t, int64_t i)
{
    double v = gan_tensor_get(t, i);
    if (t->elem == GAN_BOOL) text_add(out, v != 0 ? "true" : "false");
    else if (t->elem == GAN_F32) text_f32(out, (float)v);
    else if (t->elem == GAN_F64) text_f64(out, v);
    else text_printf(out, "%" PRId64, gan_tensor_whole(t, i));
}

typedef struct Table {                                      /* the numbers of a small tensor, as texts of one width */
    const GanTensor *t;
    const char      *text[SHOW_FULL];
    int              width, across;                         /* of each; of the terminal */
    int64_t          at;                                    /* the next */
} Table;

static void add_row(Text *out, Table *b, int depth)
{
    int column = depth;
    for (int64_t i = 0; i < b->t->dim[b->t->rank - 1]; i++) {
        if (i) text_add(out, ","), column++;
        if (i && column + b->width + 2 > b->across) text_printf(out, "\n%*s", depth, ""), column = depth;
        else if (i) text_add(out, " "), column++;
        text_printf(out, "%*s", b->width, b->text[b->at++]);
        column += b->width;
    }
}

static void add_nested(Text *out, Table *b, int dim)
{
    text_add(out, "[");
    if (dim == b->t->rank - 1) add_row(out, b, dim + 1);
    else
        for (int64_t i = 0; i < b->t->dim[dim]; i++) {
            if (i) text_printf(out, ",\n%*s", dim + 1, "");
            add_nested(out, b, dim + 1);
        }
    text_add(out, "]");
}

static void add_full(Text *out, const GanTensor *t, int across)
{
    Table   b = {.t = t, .across = across};
    int64_t n = gan_tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        Text one = text_in(out->arena);
        show_number(&one, t, i);
        b.text[i] = text_str(&one);
        if (b.width < (int)one.n) b.width = (int)one.n;
    }
    if (t->rank) add_nested(out, &b, 0);
    else text_add(out, b.text[0]);
}

/* ---- what it is like --------------------------------------------------------------------------------------------- */

typedef struct Summary {
    int64_t n, bad;                                         /* elements; of them not finite */
    double  least, most, mean, std;
} Summary;

static Summary summary_of(const GanTensor *t)
{
    Summary s = {.n = gan_tensor_count(t), .least = INFINITY, .most = -INFINITY};
    double  sum = 0, squares = 0;
    for (int64_t i = 0; i < s.n; i++) {
        double v = gan_tensor_get(t, i);
        if (!isfinite(v)) {
            s.bad++;
            continue;
        }
        s.least = fmin(s.least, v);
        s.most = fmax(s.most, v);
        sum += v;
    }
    double good = (double)(s.n - s.bad);
    s.mean = sum / good;
    for (int64_t i = 0; i < s.n; i++) {
        double v = gan_tensor_get(t, i);
        if (isfinite(v)) squares += (v - s.mean) * (v - s.mean);
    }
    s.std = sqrt(squares / good);
    return s;
}

static const char *bar(double part, double whole)           /* nothing at all has none */
{
    int eighth = (int)ceil(EIGHTHS * part / whole);
    return part <= 0 ? " " : bars[eighth < 1 ? 0 : eighth > EIGHTHS ? EIGHTHS - 1 : eighth - 1];
}

static void add_histogram(Text *out, const GanTensor *t, const Summary *s)
{
    double count[BARS] = {0}, most = 0;
    for (int64_t i = 0; i < s->n; i++) {
        double v = gan_tensor_get(t, i);
        if (!isfinite(v)) continue;
        int bin = (int)((v - s->least) / (s->most - s->least) * BARS);
        double *c = &count[bin < BARS ? bin : BARS - 1];
        *c += 1;
        most = fmax(most, *c);
    }
    const char *end = gan_elem_is_real(t->elem) ? "%.4g" : "%.0f";
    text_add(out, "\n  ");
    text_printf(out, end, s->least);
    text_add(out, " ");
    for (int i = 0; i < BARS; i++) text_add(out, bar(count[i], most));
    text_add(out, " ");
    text_printf(out, end, s->most);
}

static void add_summary(Text *out, const GanTensor *t)
{
    Summary s = summary_of(t);
    bool    whole = !gan_elem_is_real(t->elem);
    if (s.bad == s.n) text_add(out, "none of it is finite");
    else if (s.least == s.most) text_printf(out, whole ? "all %s%.0f" : "all %s%.6g", s.bad ? "that is finite is " : "of it is ", s.least);
    else {
        text_printf(out, whole ? "from %.0f to %.0f" : "from %.6g to %.6g", s.least, s.most);
        text_printf(out, ", mean %.6g, std %.6g", s.mean, s.std);
    }
    if (s.bad && s.bad < s.n) text_printf(out, ", %" PRId64 " not finite", s.bad);
    if (s.least < s.most && isfinite(s.most - s.least) && !cells_are_points(t)) add_histogram(out, t, &s);
}

bool show_has_picture(const GanTensor *t) { return cells_are_points(t) ? gan_tensor_count(t) > SHOW_FULL : cells_are_images(t); }

void show_tensor(Text *out, const char *name, const GanTensor *t, const ShowStyle *style)
{
    char    shape[120];
    int64_t n = gan_tensor_count(t);
    if (name) text_printf(out, "%s = ", name);
    if (name && n <= SHOW_FULL && t->rank > 1) text_add(out, "\n");
    if (n <= SHOW_FULL) {
        add_full(out, t, style->width);
        if (t->rank) text_printf(out, "  : %s", gan_tensor_text(t, shape, sizeof shape));
    } else {
        text_printf(out, "%s  ", gan_tensor_text(t, shape, sizeof shape));
        add_summary(out, t);
    }
    text_add(out, "\n");
    if (style->no_cells || !show_has_picture(t)) return;
    if (cells_are_points(t)) cells_points(out, t, style);
    else cells_images(out, t, style);
}

/* ---- a row of bars ----------------------------------------------------------------------------------------------- */

void show_sparkline(Text *out, const double *v, int n)
{
    double least = INFINITY, most = -INFINITY;
    for (int i = 0; i < n; i++) {
        if (!isfinite(v[i])) continue;
        least = fmin(least, v[i]);
        most = fmax(most, v[i]);
    }
    for (int i = 0; i < n; i++) {
        double part = most > least ? (v[i] - least) / (most - least) : 0.5;
        text_add(out, !isfinite(v[i]) ? "!" : bars[(int)fmin(part * EIGHTHS, EIGHTHS - 1)]);
    }
}
