/* write.h - a compiled program becomes an image (runtime/image.h). */
#pragma once
#include "base/text.h"
#include "runtime/image.h"

/* The same program gives the same bytes. Machine code is not in it. */
void image_write(Text *out, const GanProgram *p, const Code *c);
