/* image.h - a compiled program as bytes: all that a run needs beside machine code and files of data.
 *
 * A header, a table of sections, sections of fixed rows, little-endian: image.def lists them. Rows refer to rows by number and to memory
 * by offset; there are no pointers, so an image lies anywhere. The code of its nests, by number, comes beside it, or for one kind of CPU
 * in it; all else can be read on any machine. image_open() takes nothing on trust: every sum and then every number is checked, so that a spoilt image is an error and
 * never a wild address. compiler/image writes them. */
#pragma once
#include "base/arena.h"
#include "runtime/code.h"
#include "runtime/program.h"

enum { IMAGE_FORMAT = 9, IMAGE_ALIGN = 64, IMAGE_CODE_PAGE = 1 << 16 };
#define IMAGE_MAGIC "GANIMAGE"

typedef enum ImageTag {
#define SECTION(tag, row) IMAGE_##tag,
#include "runtime/image.def"
#undef SECTION
    IMAGE_TAGS
} ImageTag;

typedef struct ImageLayout { const char *tag; uint32_t row; } ImageLayout;     /* row: bytes of one */
extern const ImageLayout image_layout[IMAGE_TAGS];

typedef struct ImageHeader {
    char     magic[8];
    uint32_t format, n_sections;
    uint64_t bytes;                                         /* of the whole */
    uint64_t sum;                                           /* XXH3-64 of the header, this being 0, and the table */
    uint64_t unused[4];                                     /* 0 */
} ImageHeader;

typedef struct ImageSection {
    char     tag[4];
    uint32_t row;                                           /* bytes of one */
    uint64_t offset, bytes;                                 /* from the image's start; a multiple of IMAGE_ALIGN */
    uint64_t sum;                                           /* XXH3-64 */
} ImageSection;

typedef struct ImageProgram {
    int64_t name, source_hash, folder, made_with, source;   /* texts; source: of the main file */
    int64_t state_bytes, frame_bytes, scratch_bytes;
    int32_t init_fn, blas;
} ImageProgram;

typedef struct ImageSlot {
    int64_t path, player;                                   /* texts */
    int64_t dim[GAN_MAX_RANK], offset, bytes;
    int32_t kind, elem, rank, unused;
} ImageSlot;

typedef struct ImageData {
    int64_t blob, bytes;                                    /* where its elements lie; -1: its recipe has a file */
    int64_t dim[GAN_MAX_RANK];
    int32_t elem, rank;
} ImageData;

typedef struct ImageRecipe {                                /* of a DataRecipe */
    int64_t   path, name, field, symbols, header;           /* texts; header: -1 where the program does not go by it */
    int64_t   dim[GAN_MAX_RANK], from, to;
    uint64_t  sum[2];
    int64_t   column, n_columns, cut[GAN_MAX_RANK];
    int32_t   format, relative, elem, rank, finite, chosen, n_cut, unused;
    CodeRange step, row, of;                                /* of DSTP, of DROW, of DNAM */
} ImageRecipe;

typedef struct ImageCalled { int64_t name, field; } ImageCalled;        /* texts */
typedef struct ImageFact { int64_t file, held; } ImageFact;             /* texts */

typedef struct ImageFunction {
    int64_t   name, player;                                 /* texts */
    uint64_t  sum[2];
    CodeRange output, written, asked;
} ImageFunction;

typedef struct ImageOutput {
    int64_t name, kind;                                     /* texts */
    int64_t dim[16], samples[GAN_MOST_SAMPLES];
    int32_t elem, rank;
} ImageOutput;

typedef struct ImageSchedule {
    int64_t   name, count, by_step;
    double    lo, hi;
    int32_t   kind, fn;
    uint32_t  file, line, col, unused;
    CodeRange kids;
} ImageSchedule;

typedef struct ImageModel {
    int64_t name, needs;                                    /* texts */
    int64_t batch, fn;
} ImageModel;

typedef struct ImageExtern {
    int64_t  name, symbol, path;                            /* texts */
    int64_t  size[GAN_MOST_PARAMS], n_out;
    int32_t  n_params, is_real;
    uint32_t file, line, col, unused;
} ImageExtern;

typedef struct ImageMachine { int64_t slots; } ImageMachine;

/* Machine code that lies anywhere: bytes, and from `slots` on (beyond them, a multiple of IMAGE_CODE_PAGE, the largest page) the addresses of what it
 * calls, which whoever loads it writes there. */
typedef struct MachineCode {
    const char        *bytes;
    int64_t            n, slots;
    const int64_t     *entry;   int n_entries;              /* where nests begin, by number */
    const char *const *import;  int n_imports;              /* names: of runtime/symbols.def, and a few of the C library's */
} MachineCode;

typedef struct Image {                                      /* close with image_close */
    Arena     *arena;                                       /* of the program's tables */
    GanProgram program;
    Code       code;                                        /* its tables lie in the image; `nest` is the opener's to set */
    MachineCode machine;                                    /* of its nests; no entries: it comes beside it */
    GanTensor **file;                                       /* the data that were read, by number */
} Image;

/* `bytes`, aligned to IMAGE_ALIGN, must stay as long as *out is used. GAN_WRONG: no image, of another format, or spoilt; the message says how. */
GanStatus image_open(const void *bytes, size_t n, Image *out, GanError *err);

/* Reads the data that the program takes from files, each from its own or from what --data says. GAN_WRONG, *own: see data_follow_all. Before it runs. */
GanStatus image_read_data(Image *image, const DataChoice *choice, int n_choices, int *own, GanError *err);
void      image_close(Image *image);                        /* of zeros is fine */
