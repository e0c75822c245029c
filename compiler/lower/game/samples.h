/* samples.h - with how many samples a number was measured: what a report says beside it. */
#pragma once
#include "compiler/lower/core.h"

void samples_count(Lower *L, GanProgram *p);                /* sets `samples` of every output; the functions are finished */
