/* here.h - what compiled code depends on beside the program: this build of gan, and this CPU. */
#pragma once
#include "base/text.h"

#include <stdbool.h>

/* Adds bytes that are the same for the same build on the same kind of CPU. False when one of the two cannot be told: an executable that
 * was linked without a build id, a CPU that says nothing of itself. */
bool here_add(Text *out);
