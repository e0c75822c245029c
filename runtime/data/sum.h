/* sum.h - by what a run that goes on knows that the data read from files are those that it was begun with: the tensors that are read, and what the
 * compiler has made the program for (GanFact). */
#pragma once
#include "runtime/program.h"

enum { DATA_SUM = 128 };

typedef struct DataSum {
    char name[GAN_ERROR_TEXT];                              /* data_called */
    char key[GAN_ERROR_TEXT + 32];                          /* a checkpoint's word for it: "data digits.x", of a second one of that name "data digits.x 2" */
    char sum[DATA_SUM];                                     /* of type, shape and elements: XXH3 in 128 bits, as text; of a fact what the file held */
    bool is_fact;
} DataSum;

typedef struct DataSums {
    DataSum *v;
    int      n;
} DataSums;

/* Of every tensor of the program that a file has given, then of every fact; free them. */
GanStatus data_sums(const GanProgram *p, DataSums *out, GanError *err);
void      data_sums_free(DataSums *s);
