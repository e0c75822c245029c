/* series.h - numbers over the steps of a run, thinned out so that a curve never has more than a screen can show. */
#pragma once
#include <jansson.h>
#include <stdint.h>

typedef struct Series Series;                               /* of several names */

Series *series_new(void);                                   /* NULL: no memory */
void    series_free(Series *s);
void    series_add(Series *s, const char *name, int64_t step, double value);       /* one of a step that is there already takes its place */
void    series_cut(Series *s, int64_t step);                /* forgets what is later */
json_t *series_json(const Series *s);                       /* [{name, step: [..], value: [..]}], null where a value is not finite */
