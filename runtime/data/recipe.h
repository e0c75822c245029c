/* recipe.h - how the tensor of a DATA slot is made of a file, as plain data, so that a program that was compiled once makes it again.
 *
 * A recipe names the file, says what was in it when the program was compiled (element type and shape), which of its rows are taken, and
 * what is done to the elements, in order. The compiler makes its tensors by the steps below, and data_follow() by the same. What the
 * program was compiled for is checked: another shape, an element that a step cannot take or that lies outside of what the compiler has
 * relied on, other numbers where these have chosen rows, is GAN_WRONG with the file, the row and the column, both from 1: of the table, in which a header is no row. */
#pragma once
#include "runtime/tensor.h"

typedef enum DataFormat {
    DATA_NONE,                                              /* no file; the tensor is part of the program */
    DATA_IDX, DATA_NPY,
    DATA_CSV, DATA_CSV_NAMED, DATA_CSV_BARE,                /* the first row is a header if it is of words; is one; is none */
    DATA_BYTES, DATA_CHARS, DATA_WORDS,                     /* lines of text as numbers (text.h) */
    DATA_FORMATS,
} DataFormat;

typedef enum DataWhat {
    DATA_SCALE,                                             /* bytes 0..255 to reals least..most */
    DATA_CONVERT,                                           /* to elem */
    DATA_CLASSES,                                           /* checked: integers 0..hi, says a type */
    DATA_WITHIN,                                            /* checked: integers lo..hi, as they were when the program was compiled */
} DataWhat;

typedef struct DataStep {
    DataWhat what;
    GanElem  elem;                                          /* SCALE, CONVERT: of the result */
    int64_t  lo, hi;
    double   least, most;
} DataStep;

/* What the data are called, and data that they are rows of: digits.x, then images.x. */
typedef struct DataCalled { const char *name, *field; } DataCalled;     /* field NULL: none */

typedef struct DataRecipe {
    DataFormat      format;
    bool            relative;                               /* the path begins at the folder of the program's source */
    const char     *path;                                   /* as the program says it */
    const char     *header;                                 /* names of the columns in the file, one a line, where it has a header of them and the program was compiled; else NULL */
    bool            by_name;                                /* the program goes by these: columns of another file are put into their order */
    const char     *symbols;                                /* of CHARS and WORDS: the alphabet or vocabulary; else NULL */
    const char     *name, *field;                           /* of the data declared; NULL: none */
    const DataCalled *of;   int n_of;                       /* of those that they were made from: --data of one says where all have their file */
    GanElem         elem;                                   /* what the file held: */
    int             rank;
    int64_t         dim[GAN_MAX_RANK];
    bool            finite;                                 /* and no nan or inf was in it */
    int64_t         from, to;                               /* rows of it that are taken; of rank 0: all */
    const int64_t  *row;    int64_t n_rows;                 /* or, if there are any, the rows row[from] to row[to - 1], in this order */
    int64_t         column, n_columns;                      /* of a table, cut to rows of the shape cut[0..n_cut); n_columns 0: all, as they are */
    int             n_cut;  int64_t cut[GAN_MAX_RANK];
    bool            chosen;                                 /* what is in the file has chosen rows, so it is held to its sum */
    uint64_t        sum[2];                                 /* data_sum of what the file held */
    const DataStep *step;   int n_steps;                    /* elementwise, so taking rows comes first */
} DataRecipe;

/* What --data NAME=PATH says: another file for the data of this name. NAME is the data declared ("digits"), a field of it ("digits.x"), or a
 * file as the program says it ("train-images.gz"). Parts of the data, by split, filter and their like, go along. */
typedef struct DataChoice { const char *name, *path; } DataChoice;

/* ---- steps; `of` says which rows of the file t's are, for messages; NULL: the same ones ------------------------------ */

GanStatus data_read(DataFormat format, const char *path, GanTensor **out, char **names, GanError *err);     /* of any that is no text; *names: data_read_csv_named */
GanTensor data_rows(const GanTensor *t, int64_t from, int64_t to);                 /* a view */
GanStatus data_pick(const GanTensor *t, const int64_t *row, int64_t n, GanTensor **out, GanError *err);     /* rows row[0] to row[n - 1], which t has */
GanStatus data_cut(const GanTensor *t, const DataRecipe *r, GanTensor **out, GanError *err);     /* r's columns of a table that has them */
GanStatus data_scale(const GanTensor *t, double least, double most, GanElem elem, GanTensor **out, GanError *err);
GanStatus data_convert(const GanTensor *t, GanElem elem, const DataRecipe *of, GanTensor **out, GanError *err);
GanStatus data_classes(const GanTensor *t, int64_t most, const DataRecipe *of, GanError *err);

/* How many elements are nan or inf, and which is the first. */
int64_t   data_not_finite(const GanTensor *t, int64_t *first);
/* A hash (XXH3) of type, shape and elements. */
void      data_sum(const GanTensor *t, uint64_t sum[2]);
/* The least and the greatest of integers; there is one at least. */
void      data_range(const GanTensor *t, int64_t *lo, int64_t *hi);

/* What the data are called, for people: digits.x, digits, or their file. Returns `text`. */
char     *data_called(const DataRecipe *r, char text[GAN_ERROR_TEXT]);

/* The row of the file that row i of what is made of it was. */
int64_t   data_row(const DataRecipe *r, int64_t i);

/* The place of a name of n bytes among names, one a line; -1: it is none. */
int64_t   data_column(const char *names, const char *name, size_t n);

/* ---- recipes -------------------------------------------------------------------------------------------------------- */

bool      data_same_recipe(const DataRecipe *a, const DataRecipe *b);
bool      data_same_file(const DataRecipe *a, const DataRecipe *b);

/* Can the recipe, which may be anybody's, be followed to a tensor of this type? */
bool      data_makes(const DataRecipe *r, GanElem elem, int rank, const int64_t *dim);

/* The tensor, from `instead` (NULL: from the recipe's path, which begins at `folder`; NULL: here). The recipe has a file. */
GanStatus data_follow(const DataRecipe *r, const char *folder, const char *instead, GanTensor **out, GanError *err);

/* All tensors of a program whose recipes have a file, each file read once; the others' out[i] stay. Names that are chosen and stand for no
 * data, or for several files, are GAN_WRONG. After an error no tensor is left, and *own is the recipe whose own file it is about, where nothing else
 * was chosen for it, or -1. */
GanStatus data_follow_all(const DataRecipe *r, int n, const char *folder, const DataChoice *choice, int n_choices, GanTensor **out, int *own, GanError *err);
