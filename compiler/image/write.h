/* write.h - a compiled program becomes an image (runtime/image.h). */
#pragma once
#include "base/text.h"
#include "runtime/image.h"

/* The same program gives the same bytes. machine: of its nests; NULL: it comes beside the image. */
void image_write(Text *out, const GanProgram *p, const Code *c, const MachineCode *machine);
