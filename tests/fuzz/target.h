/* target.h - what a reader of bytes from outside is tried with: any bytes.
 *
 * A target is a file with target_try(), which hands the bytes to a reader and holds what comes out to what must be true of it. It knows nothing of where
 * they come from: the fuzzer makes them (fuzzer.c), or they lie in tests/fuzz/corpus (plain.c). */
#pragma once
#include <stddef.h>

void target_try(const char *bytes, size_t n);

/* A regular file of these bytes, for readers that take a path: the same one for every input of a process. */
const char *target_file(const char *bytes, size_t n);
void        target_file_again(const void *bytes, size_t n);                /* it holds these from now on */

/* Fails the input, with a reason. */
_Noreturn void target_failed(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define TARGET_WANT(good, ...) ((good) ? (void)0 : target_failed(__VA_ARGS__))
