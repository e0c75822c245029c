/* npy.h - the header of a .npy file, for who writes its elements elsewhere. */
#pragma once
#include "runtime/tensor.h"

enum { NPY_HEADER = 512 };

size_t npy_header(char head[NPY_HEADER], const GanTensor *t);      /* its bytes, a multiple of 64 */
