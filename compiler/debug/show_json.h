/* show_json.h - what a page draws: the program's pictures as they would be now, and values of expressions. */
#pragma once
#include "compiler/debug/debug.h"

#include <jansson.h>

/* Appends the pictures of the schedule below `n`, each of the present state. */
void show_pictures(Debugger *d, const GanSchedule *n, json_t *all);

json_t *show_value(const DebugValue *v);                    /* a text: small tensors in full, large ones as shape, range and mean */
