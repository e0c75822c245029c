/* beyond.h - known numbers that f32 does not hold, in the finished functions. */
#pragma once
#include "compiler/lower/core.h"

void beyond_warn(Lower *L);                                 /* W200 where one is picked; the functions are stabilised and cut */
