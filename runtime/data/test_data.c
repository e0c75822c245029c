/* test_data.c - readers and writers: what they read, and that no file, cut, bent or boastful, gets past them. */
#include "runtime/data/data.h"
#include "runtime/data/recipe.h"
#include "runtime/data/text.h"
#include "runtime/file.h"
#include "runtime/testing.h"

#include <math.h>
#include <zlib.h>

static GanStatus read_csv(const char *path, GanTensor **out, GanError *err) { return data_read_csv(path, DATA_HEADER_AUTO, out, err); }

typedef GanStatus Reader(const char *path, GanTensor **out, GanError *err);

typedef struct Case {
    const char *what, *bytes;
    size_t      n;
    const char *error;                                      /* NULL: it reads */
    const char *text;                                       /* the tensor's type, */
    double      last;                                       /* and its last element */
} Case;

#define BYTES(s) s, sizeof(s) - 1

static void run(Reader *reader, const Case *cases, size_t n)
{
    char folder[256], text[128];
    make_folder(folder);
    for (size_t i = 0; i < n; i++) {
        const Case *c = &cases[i];
        const char *path = in_folder(folder, "file");
        GanTensor  *t;
        GanError    err;
        put_file(path, c->bytes, c->n);
        GanStatus s = reader(path, &t, &err);
        expect_error(c->what, s, c->error ? GAN_WRONG : GAN_OK, &err, c->error);
        cr_expect(!s == !!t, "%s: a tensor with an error, or neither", c->what);
        if (t && !c->error) {
            int64_t count = gan_tensor_count(t);
            cr_expect_str_eq(gan_tensor_text(t, text, sizeof text), c->text, "%s: %s", c->what, text);
            double last = count ? gan_tensor_get(t, count - 1) : 0;
            cr_expect(last == c->last || (isnan(last) && isnan(c->last)), "%s: the last element is %g", c->what, last);
            cr_expect((uintptr_t)t->data % 64 == 0);
        }
        gan_tensor_free(t);
    }
    drop_folder(folder);
}

static void gzip(const char *path, const char *bytes, size_t n)
{
    gzFile f = gzopen(path, "wb");
    cr_assert(f && gzwrite(f, bytes, (unsigned)n) == (int)n && gzclose(f) == Z_OK);
}

/* Every proper prefix of a good file is refused, without a crash. */
static void cut_everywhere(Reader *reader, const char *bytes, size_t n, size_t from)
{
    char folder[256];
    make_folder(folder);
    const char *path = in_folder(folder, "cut");
    for (size_t k = from; k < n; k++) {
        GanTensor *t;
        GanError   err;
        put_file(path, bytes, k);
        GanStatus s = reader(path, &t, &err);
        cr_expect(s == GAN_WRONG && !t, "cut at byte %zu: status %d", k, s);
        gan_tensor_free(t);
    }
    drop_folder(folder);
}

/* No flipped bit crashes; the result is a tensor or an error. */
static void flip_everywhere(Reader *reader, const char *bytes, size_t n)
{
    char folder[256];
    make_folder(folder);
    const char *path = in_folder(folder, "flipped");
    char       *copy = malloc(n);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        GanTensor *t;
        GanError   err;
        memcpy(copy, bytes, n);
        copy[bit / 8] ^= (char)(1 << bit % 8);
        put_file(path, copy, n);
        GanStatus s = reader(path, &t, &err);
        cr_expect((s == GAN_OK) == (t != NULL) && s != GAN_WORLD, "bit %zu: status %d", bit, s);
        gan_tensor_free(t);
    }
    free(copy);
    drop_folder(folder);
}

Test(data, idx)
{
    static const Case cases[] = {
        {"u8", BYTES("\0\0\x08\x02\0\0\0\2\0\0\0\3\1\2\3\4\5\xff"), NULL, "u8[2, 3]", 255},
        {"i8", BYTES("\0\0\x09\x01\0\0\0\2\1\xff"), NULL, "i32[2]", -1},
        {"i16", BYTES("\0\0\x0b\x01\0\0\0\2\0\1\xff\xfe"), NULL, "i32[2]", -2},
        {"i32", BYTES("\0\0\x0c\x01\0\0\0\1\1\0\0\2"), NULL, "i32[1]", 16777218},
        {"f32", BYTES("\0\0\x0d\x01\0\0\0\1\x3f\xc0\0\0"), NULL, "f32[1]", 1.5},
        {"f64", BYTES("\0\0\x0e\x01\0\0\0\1\xbf\xf8\0\0\0\0\0\0"), NULL, "f64[1]", -1.5},
        {"nothing in it", BYTES("\0\0\x08\x02\0\0\0\0\xff\xff\xff\xff"), NULL, "u8[0, 4294967295]", 0},
        {"empty", BYTES(""), "ends inside the IDX header", "", 0},
        {"not idx", BYTES("PK\3\4aaaaaaaaaa"), "no IDX file: it starts with the bytes 50 4b 03 04", "", 0},
        {"type", BYTES("\0\0\x0a\x01\0\0\0\1\1"), "no IDX file", "", 0},
        {"rank 0", BYTES("\0\0\x08\0\1"), "0 dimensions", "", 0},
        {"rank 9", BYTES("\0\0\x08\x09\1"), "9 dimensions", "", 0},
        {"promises", BYTES("\0\0\x08\x02\0\0\0\2\0\0\0\4\1\2\3\4\5\6"), "promises 8 bytes of elements and the file has 6", "", 0},
        {"promises much", BYTES("\0\0\x08\x01\xff\xff\xff\xff\1\2\3\4\5\6"), "promises 4294967295 bytes", "", 0},
        {"overflows", BYTES("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), "more than 2^40 bytes", "", 0},
        {"goes on", BYTES("\0\0\x08\x01\0\0\0\2\1\2\3"), "goes on after the last element", "", 0},
    };
    run(data_read_idx, cases, sizeof cases / sizeof *cases);
    cut_everywhere(data_read_idx, cases[0].bytes, cases[0].n, 0);
    flip_everywhere(data_read_idx, cases[0].bytes, cases[0].n);
}

Test(data, idx_gzipped)
{
    char folder[256], big[512] = "\0\0\x08\x02\0\0\0\x0a\0\0\0\x32";
    make_folder(folder);
    for (int i = 12; i < 512; i++) big[i] = (char)(i * i >> 2);
    const char *path = in_folder(folder, "x.gz");
    GanTensor  *t;
    GanError    err;
    gzip(path, big, 512);
    cr_assert(data_read_idx(path, &t, &err) == GAN_OK);
    cr_assert(t->bytes == 500 && !memcmp(t->data, big + 12, 500));
    gan_tensor_free(t);

    size_t n;
    char  *packed = get_file(path, &n);
    cut_everywhere(data_read_idx, packed, n, 0);
    flip_everywhere(data_read_idx, packed, n);
    put_file(path, packed, n - 20);
    expect_error("cut gzip", data_read_idx(path, &t, &err), GAN_WRONG, &err, "gzip file is cut off");
    packed[n - 6] ^= 1;
    put_file(path, packed, n);
    expect_error("wrong crc", data_read_idx(path, &t, &err), GAN_WRONG, &err, "gzip file is damaged");
    free(packed);

    gzip(path, "\0\0\x08\x02\xff\xff\xff\xff\0\0\0\x10zz", 14);
    expect_error("boast", data_read_idx(path, &t, &err), GAN_WRONG, &err, "and the file can hold at most");
    gzip(path, "\0\0\x08\x02\0\0\0\x10\0\0\0\x10zz", 14);
    expect_error("small boast", data_read_idx(path, &t, &err), GAN_WRONG, &err, "256 bytes are wanted and 2 are there");
    drop_folder(folder);
}

Test(data, files_that_are_none)
{
    char folder[256];
    make_folder(folder);
    const char *dir = in_folder(folder, "dir"), *pipe = in_folder(folder, "pipe");
    cr_assert(!mkdir(dir, 0755) && !mkfifo(pipe, 0644));
    Reader *readers[] = {data_read_idx, data_read_npy, read_csv};
    for (int i = 0; i < 3; i++) {
        GanTensor *t;
        GanError   err;
        expect_error("folder", readers[i](dir, &t, &err), GAN_WRONG, &err, "this is a folder");
        expect_error("pipe", readers[i](pipe, &t, &err), GAN_WRONG, &err, "not a regular file");
        expect_error("device", readers[i]("/dev/zero", &t, &err), GAN_WRONG, &err, "not a regular file");
        expect_error("missing", readers[i](in_folder(folder, "nothing"), &t, &err), GAN_WRONG, &err, "nothing: no such file");
        expect_error("not below a file", readers[i]("/dev/null/x", &t, &err), GAN_WRONG, &err, "not a folder");
        expect_error("package", readers[i]("/usr/share/datasets/fashion-mnist/nothing.gz", &t, &err), GAN_WRONG, &err,
                     "apt-get install dataset-fashion-mnist");
        cr_expect(readers[i](dir, &t, NULL) == GAN_WRONG);
    }
    if (getuid()) {
        GanTensor  *t;
        GanError    err;
        const char *path = in_folder(folder, "secret");
        put_file(path, "1", 1);
        chmod(path, 0);
        expect_error("unreadable", read_csv(path, &t, &err), GAN_WRONG, &err, "permission denied");
    }
    drop_folder(folder);
}

#define ONE_TO_SIX "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xa0\x40\0\0\xc0\x40"

typedef struct NpyCase {
    const char *what, *header, *elements;
    size_t      n;
    const char *error, *text;
    double      last;
    int         version;                                    /* 0 is 1 */
} NpyCase;

static Case npy_case(const NpyCase *c, char room[1024])
{
    int    version = c->version ? c->version : 1, wide = version == 1 ? 2 : 4;
    size_t n = strlen(c->header), at = 8 + (size_t)wide;
    memcpy(room, "\x93NUMPY\0\0\0\0\0", 12);
    room[6] = (char)version;
    room[8] = (char)n;
    memcpy(room + at, c->header, n);
    memcpy(room + at + n, c->elements, c->n);
    return (Case){c->what, room, at + n + c->n, c->error, c->text, c->last};
}

static void run_npy(const NpyCase *cases, size_t n)
{
    char room[1024];
    for (size_t i = 0; i < n; i++) {
        Case c = npy_case(&cases[i], room);
        run(data_read_npy, &c, 1);
    }
}

Test(data, npy)
{
    static const NpyCase cases[] = {
        {"plain", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}\n ", BYTES(ONE_TO_SIX), NULL, "f32[2, 3]", 6, 1},
        {"order", " { \"shape\":(2,3,),\"fortran_order\":False\n,\"descr\":\"<f4\" , } ", BYTES(ONE_TO_SIX), NULL, "f32[2, 3]", 6, 1},
        {"version 2", "{'descr':'|u1','fortran_order':False,'shape':(2L,),}  ", BYTES("\1\2"), NULL, "u8[2]", 2, 2},
        {"version 3", "{'descr':'<i4','fortran_order':False,'shape':(1,)}", BYTES("\xfe\xff\xff\xff"), NULL, "i32[1]", -2, 3},
        {"scalar", "{'descr':'<f8','fortran_order':False,'shape':(), }", BYTES("\0\0\0\0\0\0\xf8\x3f"), NULL, "f64[]", 1.5, 1},
        {"bool", "{'descr':'|b1','fortran_order':True,'shape':(2,)}", BYTES("\1\0"), NULL, "bool[2]", 0, 1},
        {"no elements", "{'descr':'<i8','fortran_order':False,'shape':(0,)}", BYTES(""), NULL, "i64[0]", 0, 1},
        {"columns", "{'descr':'|u1','fortran_order':True,'shape':(2,3)}", BYTES("\1\4\2\5\3\6"), NULL, "u8[2, 3]", 6, 1},
        {"bad bool", "{'descr':'|b1','fortran_order':False,'shape':(2,)}", BYTES("\1\2"), "element 1 is the byte 2", "", 0, 1},
        {"big endian", "{'descr':'>f4','fortran_order':False,'shape':(1,)}", BYTES("\x3f\xc0\0\0"), NULL, "f32[1]", 1.5, 1},
        {"big double", "{'descr':'>f8','fortran_order':False,'shape':(1,)}", BYTES("\xbf\xf8\0\0\0\0\0\0"), NULL, "f64[1]", -1.5, 1},
        {"big columns", "{'descr':'>i2','fortran_order':True,'shape':(2,2)}", BYTES("\0\1\0\3\0\2\xff\xfc"), NULL, "i32[2, 2]", -4, 1},
        {"half", "{'descr':'<f2','fortran_order':False,'shape':(1,)}", BYTES("\xff\x7b"), NULL, "f32[1]", 65504, 1},
        {"least half", "{'descr':'<f2','fortran_order':False,'shape':(2,)}", BYTES("\0\0\1\x80"), NULL, "f32[2]", -0x1p-24, 1},
        {"big half", "{'descr':'>f2','fortran_order':False,'shape':(1,)}", BYTES("\x04\1"), NULL, "f32[1]", 0x1.004p-14, 1},
        {"infinite half", "{'descr':'<f2','fortran_order':False,'shape':(1,)}", BYTES("\0\xfc"), NULL, "f32[1]", -INFINITY, 1},
        {"signed byte", "{'descr':'|i1','fortran_order':False,'shape':(2,)}", BYTES("\1\x80"), NULL, "i32[2]", -128, 1},
        {"short", "{'descr':'<i2','fortran_order':False,'shape':(1,)}", BYTES("\xfe\xff"), NULL, "i32[1]", -2, 1},
        {"unsigned short", "{'descr':'<u2','fortran_order':False,'shape':(1,)}", BYTES("\xfe\xff"), NULL, "i32[1]", 65534, 1},
        {"unsigned", "{'descr':'>u4','fortran_order':False,'shape':(1,)}", BYTES("\xff\xff\xff\xfe"), NULL, "i64[1]", 4294967294, 1},
        {"unsigned long", "{'descr':'<u8','fortran_order':False,'shape':(1,)}", BYTES("\0\0\0\0\0\0\0\x40"), NULL, "i64[1]", 0x1p62, 1},
        {"too long", "{'descr':'<u8','fortran_order':False,'shape':(2,)}", BYTES("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80"), "element 1 is 9223372036854775808", "", 0, 1},
        {"half promises", "{'descr':'<f2','fortran_order':False,'shape':(13,)}", BYTES(ONE_TO_SIX), "promises 26 bytes of elements and the file has 24", "", 0, 1},
        {"complex", "{'descr':'<c8','fortran_order':False,'shape':(1,)}", BYTES("\0\0\0\0\0\0\0\0"), "type '<c8' cannot be read", "", 0, 1},
        {"no order", "{'descr':'|f4','fortran_order':False,'shape':(1,)}", BYTES("\0\0\0\0"), "type '|f4' cannot be read", "", 0, 1},
        {"half a type", "{'descr':'?u1','fortran_order':False,'shape':(1,)}", BYTES("\0"), "type '?u1' cannot be read", "", 0, 1},
        {"no type", "{'descr':'','fortran_order':False,'shape':(1,)}", BYTES("\0"), "type '' cannot be read", "", 0, 1},
        {"record", "{'descr':[('a','<f4')],'fortran_order':False,'shape':(1,)}", BYTES("\0\0\0\0"), "records of several fields", "", 0, 1},
        {"version 4", "{}", BYTES("xxxxxxxxx"), "version 4.0", "", 0, 4},
        {"no dict", "[]", BYTES(""), "{ is expected", "", 0, 1},
        {"empty dict", "{}", BYTES(""), "one is missing", "", 0, 1},
        {"twice", "{'descr':'<f4', 'descr':'<f4', }", BYTES(""), "stands twice", "", 0, 1},
        {"other key", "{'size':1 }", BYTES(""), "none of descr", "", 0, 1},
        {"long key", "{'dddddddddddddddddddddddddddddddddddddddddddddddddddddd':1 }", BYTES(""), "cannot be one of its own", "", 0, 1},
        {"no end", "{'descr':'<f4','fortran_order':False,'shape':(1,)", BYTES("\0\0\0\0"), "a comma or } is expected", "", 0, 1},
        {"negative", "{'descr':'<f4','fortran_order':False,'shape':(-1,)}", BYTES(""), "whole number", "", 0, 1},
        {"too large", "{'descr':'<f4','fortran_order':False,'shape':(9223372036854775808,)} ", BYTES(""), "is too large", "", 0, 1},
        {"product", "{'descr':'<f4','fortran_order':False,'shape':(4294967296,4294967296,4,)}", BYTES(""), "more than 2^40 bytes", "", 0, 1},
        {"promises", "{'descr':'<f4','fortran_order':False,'shape':(9,)}", BYTES(ONE_TO_SIX), "promises 36 bytes of elements and the file has 24", "", 0, 1},
        {"nine dims", "{'descr':'<f4','fortran_order':False,'shape':(1,1,1,1,1,1,1,1,1)}", BYTES(ONE_TO_SIX), "more than 8 dimensions", "", 0, 1},
        {"behind", "{'descr':'<f4','fortran_order':False,'shape':(1,)} ;", BYTES("\0\0\0\0"), "something stands behind", "", 0, 1},
        {"goes on", "{'descr':'|u1','fortran_order':False,'shape':(1,)}", BYTES("\1\2"), "goes on after", "", 0, 1},
    };
    static const Case raw[] = {
        {"not npy", BYTES("\x93NUMPX\1\0xxxxxxxxxxx"), "no .npy file", "", 0},
        {"header length", BYTES("\x93NUMPY\1\0\xff\xff{}"), "more than there is", "", 0},
        {"header length 2", BYTES("\x93NUMPY\2\0\xff\xff\xff\xff{}"), "more than there is", "", 0},
    };
    run_npy(cases, sizeof cases / sizeof *cases);
    run(data_read_npy, raw, sizeof raw / sizeof *raw);
    char room[1024];
    Case plain = npy_case(&cases[0], room);
    cut_everywhere(data_read_npy, plain.bytes, plain.n, 0);
    flip_everywhere(data_read_npy, plain.bytes, plain.n);
}

Test(data, npy_fortran)
{
    static const NpyCase cases[] = {
        {"2x3", "{'descr':'|u1','fortran_order':True,'shape':(2,3)}", BYTES("\1\4\2\5\3\6"), NULL, "", 6, 1},
        {"2x1x2", "{'descr':'|u1','fortran_order':True,'shape':(2,1,2)}", BYTES("\1\3\2\4"), NULL, "", 4, 1},
        {"2x3x2", "{'descr':'|u1','fortran_order':True,'shape':(2,3,2)}", BYTES("\1\7\3\x09\5\x0b\2\x08\4\x0a\6\x0c"), NULL, "", 4, 1},
    };
    char folder[256], room[1024];
    make_folder(folder);
    for (int i = 0; i < 3; i++) {
        GanTensor *t;
        Case       c = npy_case(&cases[i], room);
        put_file(in_folder(folder, "f"), c.bytes, c.n);
        cr_assert(data_read_npy(in_folder(folder, "f"), &t, NULL) == GAN_OK);
        for (int k = 0; k < gan_tensor_count(t); k++) cr_expect(gan_tensor_get(t, k) == k + 1, "%s, element %d", c.what, k);
        gan_tensor_free(t);
    }
    drop_folder(folder);
}

Test(data, npy_there_and_back)
{
    char folder[256];
    make_folder(folder);
    const char *path = in_folder(folder, "t.npy");
    for (int e = GAN_BOOL; e <= GAN_U8; e++)
        for (int rank = 0; rank <= GAN_MAX_RANK; rank++) {
            int64_t    dim[] = {2, 3, 1, 2, 1, 1, 1, 2};
            GanTensor *t, *back;
            GanError   err;
            cr_assert(gan_tensor_new((GanElem)e, rank, dim, &t, &err) == GAN_OK);
            for (size_t i = 0; i < t->bytes; i++) ((uint8_t *)t->data)[i] = (uint8_t)(e == GAN_BOOL ? i & 1 : i * 37);
            cr_assert(data_write_npy(path, t, &err) == GAN_OK, "%s", err.message);
            cr_assert(data_read_npy(path, &back, &err) == GAN_OK, "%s", err.message);
            cr_expect(back->elem == t->elem && back->rank == rank && !memcmp(back->dim, t->dim, sizeof t->dim));
            cr_expect(back->bytes == t->bytes && !memcmp(back->data, t->data, t->bytes));
            gan_tensor_free(t);
            gan_tensor_free(back);
        }
    cr_expect(count_files(folder) == 1, "a temporary file was left");
    GanTensor one = {.elem = GAN_F32, .data = &(float){1}, .bytes = 4};
    GanError  err;
    expect_error("no folder", data_write_npy(in_folder(folder, "no/t.npy"), &one, &err), GAN_WRONG, &err, "No such file");
    expect_error("on a folder", data_write_npy(folder, &one, &err), GAN_WRONG, &err, "cannot be put in its place");
    drop_folder(folder);
}

Test(data, csv)
{
    char long_cell[70000];
    memset(long_cell, '1', sizeof long_cell);
    const Case cases[] = {
        {"plain", BYTES("1,2\n3,4.5\n"), NULL, "f64[2, 2]", 4.5},
        {"no last newline", BYTES("1,2\n3,-4e-2"), NULL, "f64[2, 2]", -0.04},
        {"crlf, blanks, empty lines", BYTES("\r\n 1 ,2\r\n\r\n\r\n3,\t4 \r\n\r\n"), NULL, "f64[2, 2]", 4},
        {"header", BYTES("x,y\n1,2\n"), NULL, "f64[1, 2]", 2},
        {"quoted header", BYTES("\"a, \"\"b\"\"\",\"y\nz\"\n1,\"2\"\n"), NULL, "f64[1, 2]", 2},
        {"mark", BYTES("\xef\xbb\xbf" "1\n2\n"), NULL, "f64[2, 1]", 2},
        {"nan", BYTES("1\nNaN\n"), NULL, "f64[2, 1]", NAN},
        {"inf", BYTES("+.5\n5.\n-inf"), NULL, "f64[3, 1]", -INFINITY},
        {"empty", BYTES(""), "no row of numbers", "", 0},
        {"only a header", BYTES("a,b\n"), "no row of numbers", "", 0},
        {"word", BYTES("1,2\n3,four\n"), ":2:2: 'four' is not a number", "", 0},
        {"word in crlf file", BYTES("a\r\n\r\n1\r\nx\r\n"), ":4:1: 'x' is not a number", "", 0},
        {"word in the first row", BYTES("1,b\n3,4\n"), ":1:2: 'b' is not a number", "", 0},
        {"empty cell", BYTES("1,2,3\n1,,3\n"), ":2:2: an empty cell", "", 0},
        {"hexadecimal", BYTES("1\n0x10\n"), "'0x10' is not a number", "", 0},
        {"too large", BYTES("1\n1e999\n"), "'1e999' is beyond any real", "", 0},
        {"too large for a header", BYTES("-1e999\n1\n"), ":1:1: '-1e999' is beyond any real", "", 0},
        {"NUL", BYTES("a,b\n1,2\0\n"), ":2:2: a NUL byte", "", 0},
        {"UTF-16", BYTES("\xff\xfe" "a\0\n\0" "1\0\n\0"), ":1:1: a NUL byte", "", 0},
        {"two words", BYTES("1\n1 2\n"), "'1 2' is not a number", "", 0},
        {"exponent", BYTES("1\n1e\n"), "'1e' is not a number", "", 0},
        {"sign", BYTES("1\n-\n"), "'-' is not a number", "", 0},
        {"semicolons", BYTES("a;b\n1;2\n"), ":2:1: '1;2' is not a number; cells stand between commas", "", 0},
        {"one row with semicolons", BYTES("1;2\n"), "no row of numbers in it; cells stand between commas", "", 0},
        {"nul", BYTES("1\n1\0002\n"), ":2:1: ", "", 0},
        {"short row", BYTES("1,2\n3\n"), ":2:2: this row has 1 cells and the first has 2", "", 0},
        {"long row", BYTES("a,b\n1,2\n3,4,5\n"), ":3:3: this row has 3 cells and the first has 2", "", 0},
        {"open quote", BYTES("1,2\n\"3,4\n"), "quoted cell does not end", "", 0},
        {"stray quote", BYTES("1,2\n3\"3,4\n"), ":2:1: a quote stands", "", 0},
        {"long cell", long_cell, sizeof long_cell, "a cell of more than", "", 0},
    };
    run(read_csv, cases, sizeof cases / sizeof *cases);
    flip_everywhere(read_csv, cases[4].bytes, cases[4].n);
}

Test(data, csv_header_told)
{
    char       folder[256];
    GanTensor *t;
    GanError   err;
    make_folder(folder);
    put_file(in_folder(folder, "a.csv"), "1,2\n3,4\n", 8);
    cr_assert(data_read_csv(in_folder(folder, "a.csv"), DATA_HEADER_YES, &t, &err) == GAN_OK && t->dim[0] == 1);
    gan_tensor_free(t);
    put_file(in_folder(folder, "a.csv"), "a\n3\n", 4);
    expect_error("no header", data_read_csv(in_folder(folder, "a.csv"), DATA_HEADER_NO, &t, &err), GAN_WRONG, &err, "a.csv:1:1: 'a'");
    gzip(in_folder(folder, "a.csv"), "a\n3\n", 4);
    cr_assert(data_read_csv(in_folder(folder, "a.csv"), DATA_HEADER_AUTO, &t, &err) == GAN_OK && gan_tensor_get(t, 0) == 3);
    gan_tensor_free(t);
    drop_folder(folder);
}

Test(data, csv_there_and_back)
{
    char       folder[256];
    GanTensor *t, *back, *f64, *f32;
    GanError   err;
    make_folder(folder);
    const char *path = in_folder(folder, "t.csv"), *names[] = {"a", "b,\"c\""};
    cr_assert(gan_tensor_new(GAN_F32, 2, (int64_t[]){20000, 2}, &t, &err) == GAN_OK);
    for (int i = 0; i < 40000; i++) ((float *)t->data)[i] = (float)(i % 7 ? 1.0 / i : i * 1e30);
    cr_assert(data_write_csv(path, t, names, &err) == GAN_OK);
    cr_assert(data_read_csv(path, DATA_HEADER_AUTO, &back, &err) == GAN_OK);
    cr_assert(gan_tensor_convert(back, GAN_F32, &f32, &err) == GAN_OK);
    cr_expect(f32->bytes == t->bytes && !memcmp(f32->data, t->data, t->bytes));
    gan_tensor_free(back);

    cr_assert(gan_tensor_convert(t, GAN_F64, &f64, &err) == GAN_OK);
    ((double *)f64->data)[0] = 0x1.fffffffffffffp1023;
    cr_assert(data_write_csv(path, f64, NULL, &err) == GAN_OK);
    cr_assert(data_read_csv(path, DATA_HEADER_NO, &back, &err) == GAN_OK);
    cr_expect(back->bytes == f64->bytes && !memcmp(back->data, f64->data, f64->bytes));
    cr_expect(count_files(folder) == 1, "a temporary file was left");
    gan_tensor_free(t), gan_tensor_free(back), gan_tensor_free(f32), gan_tensor_free(f64);
    drop_folder(folder);
}

Test(data, fashion)
{
    const char *path = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
    if (access(path, R_OK)) cr_skip_test("dataset-fashion-mnist is not installed");
    GanTensor *t;
    GanError   err;
    char       text[64];
    int64_t    sum = 0;
    cr_assert(data_read_idx(path, &t, &err) == GAN_OK, "%s", err.message);
    cr_expect_str_eq(gan_tensor_text(t, text, sizeof text), "u8[10000, 28, 28]");
    for (size_t i = 0; i < t->bytes; i++) sum += ((uint8_t *)t->data)[i];
    double mean = (double)sum / (double)t->bytes / 255;
    cr_expect(mean > 0.285 && mean < 0.289, "the mean is %g", mean);
    gan_tensor_free(t);
}

Test(tensor, sizes)
{
    static const struct {
        const char *what;
        int         rank;
        int64_t     dim[8];
        const char *error;
    } cases[] = {
        {"scalar", 0, {0}, NULL},
        {"rank", 9, {0}, "9 dimensions"},
        {"negative rank", -1, {0}, "-1 dimensions"},
        {"negative", 2, {3, -1}, "dimension 2 is negative"},
        {"overflow", 3, {INT64_MAX, 2, 1}, "more than 2^40"},
        {"overflow beside zero", 3, {INT64_MAX, 2, 0}, "more than 2^40"},
        {"bytes", 1, {INT64_MAX / 2}, "more than 2^40"},
        {"large", 1, {1 + (INT64_C(1) << 38)}, "more than 2^40"},
        {"zero", 2, {0, 5}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        GanTensor *t;
        GanError   err;
        GanStatus  s = gan_tensor_new(GAN_F32, cases[i].rank, cases[i].dim, &t, &err);
        expect_error(cases[i].what, s, cases[i].error ? GAN_WRONG : GAN_OK, &err, cases[i].error);
        gan_tensor_free(t);
    }
}

Test(tensor, convert)
{
    static const struct {
        double      x;
        GanElem     to;
        const char *error;
    } cases[] = {
        {3, GAN_I32, NULL},   {3, GAN_U8, NULL},          {1, GAN_BOOL, NULL},          {-0x1p63, GAN_I64, NULL}, {0.1, GAN_F32, NULL},
        {3, GAN_BOOL, "bool"}, {256, GAN_U8, "is 256"},   {-1, GAN_U8, "no u8"},        {0.5, GAN_I32, "is 0.5"}, {0x1p31, GAN_I32, "no i32"},
        {NAN, GAN_I64, "nan"}, {0x1p63, GAN_I64, "no i64"}, {INFINITY, GAN_I32, "inf"}, {NAN, GAN_F32, NULL},
        {INFINITY, GAN_F32, NULL}, {1e300, GAN_F32, "no f32"}, {1e300, GAN_F64, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double     x[] = {0, cases[i].x};
        GanTensor  t = {.elem = GAN_F64, .rank = 1, .dim = {2}, .data = x, .bytes = sizeof x}, *to;
        GanError   err;
        GanStatus  s = gan_tensor_convert(&t, cases[i].to, &to, &err);
        char       what[32];
        snprintf(what, sizeof what, "row %zu", i);
        expect_error(what, s, cases[i].error ? GAN_WRONG : GAN_OK, &err, cases[i].error);
        if (to && !isnan(x[1])) cr_expect(gan_tensor_get(to, 1) == (cases[i].to == GAN_F32 ? (double)(float)x[1] : x[1]), "%s", what);
        gan_tensor_free(to);
    }
}

Test(error, text)
{
    char     text[GAN_ERROR_TEXT], path[600];
    GanError err;
    memset(path, 'p', sizeof path);
    memcpy(path + 590, "/end.npy", 9);
    gan_error_in(&err, GAN_WRONG, path, "what\n%d", 7);
    gan_error_byte(&err, GAN_WRONG, 12);
    gan_error_text(&err, text);
    cr_expect(!strncmp(text, "...ppp", 6) && strstr(text, "/end.npy: what?7 (at byte 12)"), "%s", text);
    gan_error(&err, GAN_WORLD, "plain");
    cr_expect_str_eq(gan_error_text(&err, text), "plain");
}

/* ---- recipes */

#define STEPS(...) .step = (const DataStep[]){__VA_ARGS__}, .n_steps = sizeof((DataStep[]){__VA_ARGS__}) / sizeof(DataStep)

static void expect_values(const char *what, GanTensor *t, const char *type, const double *value)
{
    char text[128];
    cr_assert(t, "%s", what);
    cr_expect_str_eq(gan_tensor_text(t, text, sizeof text), type, "%s: %s", what, text);
    for (int64_t i = 0; i < gan_tensor_count(t); i++) cr_expect(gan_tensor_get(t, i) == value[i], "%s: element %d is %g", what, (int)i, gan_tensor_get(t, i));
    gan_tensor_free(t);
}

#define VALUES(...) ((const double[]){__VA_ARGS__})

static void put_text(const char *folder, const char *name, const char *text) { put_file(in_folder(folder, name), text, strlen(text)); }

Test(data, recipes)
{
    char folder[256];
    GanTensor *t;
    GanError err;
    make_folder(folder);
    put_text(folder, "d.csv", "a,b\n1,2\n3,4\n5,6\n7,0.1\n");
    put_file(in_folder(folder, "k.npy"), "\x93NUMPY\1\0\x3a\0{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }\n\5\0\0\0\2\0\0\0\4\0\0\0", 80);
    put_file(in_folder(folder, "b.idx"), BYTES("\0\0\x08\x02\0\0\0\2\0\0\0\2\0\xff\x33\x66"));

    DataRecipe csv = {.format = DATA_CSV, .relative = true, .path = "d.csv", .elem = GAN_F64, .rank = 2, .dim = {4, 2}, .finite = true, .from = 1, .to = 4};
    cr_assert(!data_follow(&csv, folder, NULL, &t, &err));
    expect_values("rows", t, "f64[3, 2]", VALUES(3, 4, 5, 6, 7, 0.1));
    DataRecipe real = {.format = DATA_CSV, .relative = true, .path = "d.csv", .elem = GAN_F64, .rank = 2, .dim = {4, 2}, .to = 4, STEPS({DATA_CONVERT, .elem = GAN_F32})};
    cr_assert(!data_follow(&real, folder, NULL, &t, &err));
    expect_values("f32", t, "f32[4, 2]", VALUES(1, 2, 3, 4, 5, 6, 7, 0.1f));
    DataRecipe whole = {.format = DATA_CSV, .relative = true, .path = "d.csv", .elem = GAN_F64, .rank = 2, .dim = {4, 2}, .from = 1, .to = 3,
                        STEPS({DATA_CONVERT, .elem = GAN_F32}, {DATA_CONVERT, .elem = GAN_I32}, {DATA_CLASSES, .hi = 6}, {DATA_WITHIN, .lo = 3, .hi = 6})};
    cr_assert(!data_follow(&whole, folder, NULL, &t, &err));
    expect_values("classes", t, "i32[2, 2]", VALUES(3, 4, 5, 6));

    DataRecipe npy = {.format = DATA_NPY, .relative = true, .path = "k.npy", .elem = GAN_I32, .rank = 1, .dim = {3}, .to = 3};
    cr_assert(!data_follow(&npy, folder, NULL, &t, &err));
    expect_values("npy", t, "i32[3]", VALUES(5, 2, 4));

    DataRecipe idx = {.format = DATA_IDX, .path = in_folder(folder, "b.idx"), .elem = GAN_U8, .rank = 2, .dim = {2, 2}, .from = 1, .to = 2,
                      STEPS({DATA_SCALE, .elem = GAN_F64, .least = -1, .most = 1})};
    cr_assert(!data_follow(&idx, "/nowhere", NULL, &t, &err));
    expect_values("idx", t, "f64[1, 2]", VALUES(-1 + 2.0 * 0x33 / 255, -1 + 2.0 * 0x66 / 255));
    drop_folder(folder);
}

/* Rows in any order, columns cut to a shape, and numbers that have chosen rows. */
Test(data, recipes_of_chosen_rows)
{
    char folder[256];
    GanTensor *t;
    GanError err;
    make_folder(folder);
    put_text(folder, "d.csv", "1,2,3,4,0\n5,6,7,8,1\n9,10,11,12,2\n");
    const int64_t row[] = {2, 0, 1, 2};
    DataRecipe r = {.format = DATA_CSV, .relative = true, .path = "d.csv", .elem = GAN_F64, .rank = 2, .dim = {3, 5}, .finite = true, .from = 1, .to = 4, .row = row, .n_rows = 4,
                    .column = 1, .n_columns = 4, .n_cut = 2, .cut = {2, 2}};
    cr_assert(!data_follow(&r, folder, NULL, &t, &err), "%s", err.message);
    expect_values("rows and columns", t, "f64[3, 2, 2]", VALUES(2, 3, 4, 0, 6, 7, 8, 1, 10, 11, 12, 2));
    r.column = 4, r.n_columns = 1, r.n_cut = 0;
    cr_assert(!data_follow(&r, folder, NULL, &t, &err));
    expect_values("a column", t, "f64[3]", VALUES(0, 1, 2));
    const DataStep classes[] = {{DATA_CONVERT, .elem = GAN_I32}, {DATA_CLASSES, .hi = 1}};
    r.step = classes, r.n_steps = 2;
    expect_error("its place in the file", data_follow(&r, folder, NULL, &t, &err), GAN_WRONG, &err, "d.csv: row 3, column 5 holds class 2");
    r.n_steps = 0;
    r.chosen = true;
    expect_error("no sum", data_follow(&r, folder, NULL, &t, &err), GAN_WRONG, &err, "d.csv: it holds other numbers than when the program was compiled");
    GanTensor *file;
    char      *names;
    cr_assert(!data_read(DATA_CSV, in_folder(folder, "d.csv"), &file, &names, &err));
    cr_assert_null(names, "it has no header");
    data_sum(file, r.sum);
    gan_tensor_free(file);
    cr_assert(!data_follow(&r, folder, NULL, &t, &err));
    expect_values("the same numbers", t, "f64[3]", VALUES(0, 1, 2));
    put_text(folder, "d.csv", "1,2,3,4,0\n5,6,7,8,1\n9,10,11,13,2\n");
    expect_error("others", data_follow(&r, folder, NULL, &t, &err), GAN_WRONG, &err, "it holds other numbers");
    drop_folder(folder);
}

Test(data, headers)
{
    static const struct { DataFormat format; const char *text, *type, *error; double last; const char *names; } cases[] = {
        {DATA_CSV, "a,b\n1,2\n", "f64[1, 2]", NULL, 2, "a\nb"},
        {DATA_CSV, "1,2\n3,4\n", "f64[2, 2]", NULL, 4, NULL},
        {DATA_CSV_NAMED, "1,2\n3,4\n", "f64[1, 2]", NULL, 4, NULL},
        {DATA_CSV_NAMED, "a,2\n3,4\n", "f64[1, 2]", NULL, 4, NULL},
        {DATA_CSV_BARE, "1,2\n3,4\n", "f64[2, 2]", NULL, 4, NULL},
        {DATA_CSV_BARE, "a,b\n3,4\n", NULL, "d.csv:1:1: 'a' is not a number", 0, NULL},
    };
    char folder[256], text[128];
    GanError err;
    make_folder(folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        GanTensor *t;
        char      *names;
        put_text(folder, "d.csv", cases[i].text);
        GanStatus s = data_read(cases[i].format, in_folder(folder, "d.csv"), &t, &names, &err);
        expect_error(cases[i].text, s, cases[i].error ? GAN_WRONG : GAN_OK, &err, cases[i].error);
        if (s) continue;
        cr_expect_str_eq(gan_tensor_text(t, text, sizeof text), cases[i].type, "%s", cases[i].text);
        cr_expect(gan_tensor_get(t, gan_tensor_count(t) - 1) == cases[i].last);
        cr_expect(cases[i].names ? names && !strcmp(names, cases[i].names) : !names, "%s", cases[i].text);
        free(names);
        gan_tensor_free(t);
    }
    drop_folder(folder);
}

typedef struct Spoilt { const char *what, *text, *error; } Spoilt;

/* Each is another file in the place of the one that the program was compiled with. */
Test(data, recipes_of_other_files)
{
    static const Spoilt cases[] = {
        {"as it was", "1,2\n3,4\n5,6\n", NULL},
        {"other numbers", "0,6\n1,0\n2,2\n", NULL},
        {"rows not taken", "nan,99\n3,4\n5,6\n", NULL},
        {"fewer rows", "1,2\n3,4\n", "d.csv: it has 2 rows, and the program was compiled for 3"},
        {"more rows", "1,2\n3,4\n5,6\n7,8\n", "d.csv: it has 4 rows, and the program was compiled for 3"},
        {"columns", "1,2,3\n3,4,3\n5,6,3\n", "d.csv: it holds f64[3, 3], and the program was compiled for f64[3, 2]"},
        {"nan", "1,2\n3,4\n5,nan\n", "d.csv: row 3, column 2 is nan, and the file that the program was compiled with had finite numbers alone"},
        {"inf", "1,2\ninf,4\n5,6\n", "d.csv: row 2, column 1 is inf"},
        {"no integer", "1,2\n3,4.5\n5,6\n", "d.csv: row 2, column 2 is 4.5, which is no integer"},
        {"no class", "1,2\n3,4\n7,6\n", "d.csv: row 3, column 1 holds class 7, and the type says 0 to 6"},
        {"outside", "1,2\n3,-1\n5,6\n", "d.csv: row 2, column 2 holds class -1"},
        {"beyond", "1,2\n3,4\n5,1e39\n", "d.csv: row 3, column 2 is 9.9999999999999994e+38, which is no f32"},
        {"word", "1,2\nx,4\n5,6\n", "d.csv:2:1: 'x' is not a number"},
    };
    DataRecipe r = {.format = DATA_CSV, .relative = true, .path = "d.csv", .elem = GAN_F64, .rank = 2, .dim = {3, 2}, .finite = true, .from = 1, .to = 3,
                    STEPS({DATA_CONVERT, .elem = GAN_F32}, {DATA_CONVERT, .elem = GAN_I32}, {DATA_CLASSES, .hi = 6})};
    DataRecipe held = {.format = DATA_CSV, .relative = true, .path = "d.csv", .elem = GAN_F64, .rank = 2, .dim = {1, 1}, .to = 1,
                       STEPS({DATA_CONVERT, .elem = GAN_I64}, {DATA_WITHIN, .lo = -2, .hi = 9007199254740992})};
    char folder[256];
    GanTensor *t;
    GanError err;
    make_folder(folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text(folder, "d.csv", cases[i].text);
        GanStatus s = data_follow(&r, folder, NULL, &t, &err);
        expect_error(cases[i].what, s, cases[i].error ? GAN_WRONG : GAN_OK, &err, cases[i].error);
        cr_expect(!s == !!t);
        gan_tensor_free(t);
        cr_expect(data_follow(&r, folder, NULL, &t, NULL) == s);
        gan_tensor_free(t);
    }
    put_text(folder, "d.csv", "-3");
    expect_error("range", data_follow(&held, folder, NULL, &t, &err), GAN_WRONG, &err,
                 "row 1, column 1 is -3, and the program was compiled for integers from -2 to 9007199254740992");
    put_text(folder, "d.csv", "9007199254740992");
    cr_expect(!data_follow(&held, folder, NULL, &t, &err));
    gan_tensor_free(t);
    remove(in_folder(folder, "d.csv"));
    expect_error("missing", data_follow(&held, folder, NULL, &t, &err), GAN_WRONG, &err, "d.csv: no such file");
    drop_folder(folder);
}

Test(data, text)
{
    static const struct { TextKind kind; const char *symbols, *text, *error, *type; double value[12]; } cases[] = {
        {TEXT_BYTES, NULL, "ab\n\nc\r\n", NULL, "i32[2, 4]", {97, 98, 0, 2, 99, 0, 0, 1}},
        {TEXT_BYTES, NULL, "abc", NULL, "i32[1, 4]", {97, 98, 99, 3}},
        {TEXT_BYTES, NULL, "ab\nabcd\n", "file:2:4: more than 3 symbols in a line", NULL, {0}},
        {TEXT_BYTES, NULL, "\n\n", "there is no line of text in it", NULL, {0}},
        {TEXT_BYTES, NULL, "", "there is no line of text in it", NULL, {0}},
        {TEXT_CHARS, "a\xc3\xa9 ", "\xc3\xa9""a\n \n", NULL, "i32[2, 4]", {1, 0, 0, 2, 2, 0, 0, 1}},
        {TEXT_CHARS, "ab", "a\nab\xc3\xa9\n", "file:2:3: '\xc3\xa9' is not in the alphabet", NULL, {0}},
        {TEXT_CHARS, "ab", "a\xff", "file:1:2: a byte that is no UTF-8", NULL, {0}},
        {TEXT_CHARS, "ab", "a\xc3", "file:1:2: a byte that is no UTF-8", NULL, {0}},
        {TEXT_CHARS, "aba", "a", "'a' is in it twice", NULL, {0}},
        {TEXT_CHARS, "", "a", "there are no symbols in it", NULL, {0}},
        {TEXT_CHARS, "a\xc3", "a", "byte 2 of the symbols is no UTF-8", NULL, {0}},
        {TEXT_WORDS, "the\nnight dark\n", " night\tthe \ndark\n \n", NULL, "i32[3, 4]", {1, 0, 0, 2, 2, 0, 0, 1, 0, 0, 0, 0}},
        {TEXT_WORDS, "the\nnight\n", "the nigh", "file:1:5: 'nigh' is not in the vocabulary", NULL, {0}},
    };
    char folder[256];
    GanTensor *t;
    GanError err;
    make_folder(folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text(folder, "file", cases[i].text);
        GanStatus s = data_read_text(in_folder(folder, "file"), cases[i].kind, cases[i].symbols, 3, &t, &err);
        expect_error(cases[i].text, s, cases[i].error ? GAN_WRONG : GAN_OK, &err, cases[i].error);
        cr_expect(!s == !!t);
        if (!s) expect_values(cases[i].text, t, cases[i].type, cases[i].value);
    }
    put_file(in_folder(folder, "file"), "a\0b", 3);
    expect_error("NUL", data_read_text(in_folder(folder, "file"), TEXT_BYTES, NULL, 3, &t, &err), GAN_WRONG, &err, "a NUL stands in it");
    expect_error("missing", data_read_text(in_folder(folder, "nowhere"), TEXT_BYTES, NULL, 3, &t, &err), GAN_WRONG, &err, "no such file");
    drop_folder(folder);
}

/* Recipes that come from a file of somebody's are looked at before they are followed. */
Test(data, recipes_of_anybody)
{
    const DataStep image[] = {{DATA_SCALE, .elem = GAN_F32}}, label[] = {{DATA_CONVERT, .elem = GAN_I32}, {DATA_CLASSES, .hi = 9}}, bent[] = {{.what = (DataWhat)7}};
    const DataRecipe good = {.format = DATA_IDX, .path = "x", .elem = GAN_U8, .rank = 2, .dim = {5, 3}, .from = 1, .to = 4, .step = image, .n_steps = 1};
    const int64_t dim[] = {3, 3}, other[] = {3, 4}, rows[] = {4, 3};
    DataRecipe r = good;
    cr_expect(data_makes(&r, GAN_F32, 2, dim));
    cr_expect(!data_makes(&r, GAN_F64, 2, dim) && !data_makes(&r, GAN_F32, 1, dim) && !data_makes(&r, GAN_F32, 2, other) && !data_makes(&r, GAN_F32, 2, rows));
#define BENT(...) (r = good, __VA_ARGS__, !data_makes(&r, GAN_F32, 2, dim))
    cr_expect(BENT(r.format = DATA_NONE) && BENT(r.format = DATA_FORMATS) && BENT(r.path = NULL) && BENT(r.elem = (GanElem)6) && BENT(r.elem = GAN_I32));
    cr_expect(BENT(r.from = -1, r.to = 2) && BENT(r.from = 3, r.to = 6) && BENT(r.from = 4, r.to = 1) && BENT(r.rank = 9) && BENT(r.rank = -1) && BENT(r.dim[1] = -3));
    cr_expect(BENT(r.n_steps = 0) && BENT(r.step = bent) && BENT(r.step = &label[1]) && BENT(r.step = label, r.n_steps = 2));
    r = (DataRecipe){.format = DATA_CHARS, .path = "x", .symbols = "ab", .elem = GAN_I32, .rank = 2, .dim = {5, 3}, .to = 3};
    cr_expect(data_makes(&r, GAN_I32, 2, dim));
    r.symbols = NULL;
    cr_expect(!data_makes(&r, GAN_I32, 2, dim));
    r.symbols = "ab", r.dim[1] = 1;
    cr_expect(!data_makes(&r, GAN_I32, 2, (int64_t[]){3, 1}));
    const int64_t inside[] = {4, 0, 4}, outside[] = {4, 0, 5};
    r = good, r.from = 0, r.to = 3, r.row = inside, r.n_rows = 3;
    cr_expect(data_makes(&r, GAN_F32, 2, dim));
    cr_expect(BENT(r.from = 0, r.to = 3, r.row = outside, r.n_rows = 3) && BENT(r.from = 0, r.to = 3, r.row = inside, r.n_rows = 2));
    r = good, r.column = 1, r.n_columns = 2, r.n_cut = 1, r.cut[0] = 2;
    cr_expect(data_makes(&r, GAN_F32, 2, (int64_t[]){3, 2}) && !data_makes(&r, GAN_F32, 2, dim));
    r.column = 2;
    cr_expect(!data_makes(&r, GAN_F32, 2, (int64_t[]){3, 2}));
    r.column = 1, r.n_columns = 3;
    cr_expect(!data_makes(&r, GAN_F32, 2, (int64_t[]){3, 2}));
    r.n_cut = 9;
    cr_expect(!data_makes(&r, GAN_F32, 2, (int64_t[]){3, 2}));
    r = good, r.step = label, r.n_steps = 2;
    cr_expect(data_makes(&r, GAN_I32, 2, dim));
    r = (DataRecipe){.format = DATA_CSV, .path = "x", .elem = GAN_F64, .rank = 2, .dim = {5, 3}, .to = 3, .step = &label[1], .n_steps = 1};
    cr_expect(!data_makes(&r, GAN_F64, 2, dim));
    r.n_steps = 0;
    cr_expect(data_makes(&r, GAN_F64, 2, dim));
    r = (DataRecipe){.format = DATA_NPY, .path = "x", .elem = GAN_F64};
    cr_expect(data_makes(&r, GAN_F64, 0, NULL));
}

Test(data, recipes_of_a_program)
{
    char folder[256], *other;
    GanTensor mine = {.elem = GAN_I32, .rank = 1, .dim = {0}}, *t[5] = {0};
    GanError err;
    int own;
    make_folder(folder);
    put_text(folder, "a.csv", "1\n2\n");
    put_text(folder, "b.csv", "3\n4\n");
    put_text(folder, "c.csv", "5\n6\n");
    other = strdup(in_folder(folder, "c.csv"));
#define TABLE(file, called, of, lo, hi) {.format = DATA_CSV, .relative = true, .path = file, .name = called, .field = of, .elem = GAN_F64, .rank = 2, .dim = {2, 1}, .from = lo, .to = hi}
    const DataRecipe r[] = {TABLE("a.csv", "pair", "x", 0, 2), {.format = DATA_NONE}, TABLE("b.csv", "pair", "y", 0, 2), TABLE("a.csv", "first", NULL, 0, 1),
                            TABLE("a.csv", NULL, NULL, 1, 2)};
    const struct { DataChoice choice[2]; int n; const char *error; double value[4]; } cases[] = {
        {.n = 0, .value = {1, 3, 1, 2}},
        {.choice = {{"pair.x", other}}, .n = 1, .value = {5, 3, 1, 2}},
        {.choice = {{"first", other}, {"pair.y", other}}, .n = 2, .value = {1, 5, 5, 2}},
        {.choice = {{"a.csv", other}}, .n = 1, .value = {5, 3, 5, 6}},
        {.choice = {{"a.csv", other}, {"first", other}}, .n = 2, .value = {5, 3, 5, 6}},
        {.choice = {{"pair", other}}, .n = 1, .error = "--data pair stands for several files: pair.x (a.csv), pair.y (b.csv); name a field or a file"},
        {.choice = {{"a.csv", other}, {"first", "x"}}, .n = 2, .error = "--data first says a second place for a.csv; the first is "},
        {.choice = {{"pair.z", other}}, .n = 1, .error = "--data pair.z: the program reads no data called so; it reads pair.x (a.csv), pair.y (b.csv), first (a.csv), a.csv"},
        {.choice = {{"", other}}, .n = 1, .error = "the program reads no data called so"},
        {.choice = {{"pair.y", "/nowhere/x"}}, .n = 1, .error = "/nowhere/x: no such file"},
    };
    t[1] = &mine;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        GanStatus s = data_follow_all(r, 5, folder, cases[i].choice, cases[i].n, t, &own, &err);
        expect_error("a choice", s, cases[i].error ? GAN_WRONG : GAN_OK, &err, cases[i].error);
        cr_expect(own == -1, "the choice is to blame");
        cr_expect(t[1] == &mine);
        for (int k = 0, j = 0; k < 5; k++) {
            if (k == 1) continue;
            cr_expect(s ? !t[k] : gan_tensor_get(t[k], 0) == cases[i].value[j], "case %d, tensor %d", (int)i, k);
            if (!s) gan_tensor_free(t[k]);
            j++;
        }
    }
    expect_error("none", data_follow_all(&r[1], 1, NULL, cases[1].choice, 1, &t[1], &own, &err), GAN_WRONG, &err, "--data pair.x: the program reads no data called so");
    put_text(folder, "b.csv", "3\n");
    expect_error("its own", data_follow_all(r, 5, folder, cases[1].choice, 1, t, &own, &err), GAN_WRONG, &err, "it has 1 rows");
    cr_expect(own == 2);
    free(other);
    drop_folder(folder);
}
