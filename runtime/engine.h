/* engine.h - compiled code as an engine that the trainer runs. */
#pragma once
#include "runtime/code.h"

/* An instance of `code`, which must outlive it, on a team that it takes in any case (NULL: there was no memory for one); opens OpenBLAS if the
 * code calls it. GAN_WORLD when memory runs out or OpenBLAS cannot be opened. */
GanStatus engine_new(const Code *code, int n_data, Team *team, GanEngine *out, GanError *err);
/* From now on its runs say what calls take. The engine is one of engine_new, on one thread. */
void      engine_meter(GanEngine *e, const CodeMeter *meter);
