/* error.h - how the runtime says that something went wrong.
 *
 * A function that can fail returns a GanStatus and takes, last, a GanError to fill; nothing here prints or exits. The
 * numbers are the command's exit statuses. An error is a plain value: it owns nothing and may be copied. */
#pragma once
#include <stdint.h>

typedef enum GanStatus {
    GAN_OK    = 0,
    GAN_WRONG = 1,                                          /* the program or its data are wrong: a file that is not what it says */
    GAN_WORLD = 3,                                          /* the world failed: a disk is full, a device gave an error, memory ran out */
} GanStatus;

enum { GAN_ERROR_TEXT = 1024 };

typedef struct GanError {
    GanStatus status;
    char      message[512];                                 /* one line, no path, no full stop */
    char      path[256];                                    /* the file in question, its end if it is longer; "" when there is none */
    int64_t   row, column;                                  /* from 1, in lines and cells of text files; 0: none */
    int64_t   offset;                                       /* bytes from the file's start; -1: none */
} GanError;

/* Each fills *err (NULL is fine: nobody asked) and returns `status`, so that a failing function can return the call. */
GanStatus gan_error(GanError *err, GanStatus status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
GanStatus gan_error_in(GanError *err, GanStatus status, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Add the place to an error that was just made; returns its status. */
GanStatus gan_error_cell(GanError *err, GanStatus status, int64_t row, int64_t column);
GanStatus gan_error_byte(GanError *err, GanStatus status, int64_t offset);

/* For a person's eyes, as much of it as there is room for: each control character, and each byte that is no UTF-8 as a file's name may
 * have it, becomes '?'. Returns `text`. */
char *gan_shown(const char *s, char text[GAN_ERROR_TEXT]);
#define GAN_SHOWN(s) gan_shown((s), (char[GAN_ERROR_TEXT]){0})          /* good until the end of the block */

/* The whole of it on one line, "data.csv:3:2: message" or "data.npy: message (at byte 12)", as gan_shown shows it. Returns `text`. */
char *gan_error_text(const GanError *err, char text[GAN_ERROR_TEXT]);
