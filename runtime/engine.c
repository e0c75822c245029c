/* engine.c - see engine.h. */
#include "runtime/engine.h"
#include "runtime/blas.h"

#include <stdlib.h>

typedef struct Engine {
    const Code  *code;
    int          n_data;
    CodeInstance run;
} Engine;

static GanStatus run(void *self, int function, GanState *state, void *const *out, GanError *err)
{
    Engine *e = self;
    if (code_run(e->code, &e->run, function, state, e->n_data, out)) return GAN_OK;
    return gan_error(err, GAN_WRONG, "interrupted");
}

static void engine_free(void *self)
{
    Engine *e = self;
    code_close(&e->run);
    free(e);
}

static GanStatus another(void *self, int threads, GanEngine *out, GanError *err)
{
    const Engine *e = self;
    return engine_new(e->code, e->n_data, team_new(threads, false), out, err);
}

GanStatus engine_new(const Code *code, int n_data, Team *team, GanEngine *out, GanError *err)
{
    Engine *e = team ? calloc(1, sizeof *e) : NULL;
    if (!e) {
        team_free(team);
        return gan_error(err, GAN_WORLD, "out of memory");
    }
    *e = (Engine){.code = code, .n_data = n_data};
    GanStatus s = code_open(&e->run, code, n_data, team, err);
    if (!s && code->blas) s = blas_open(team_threads(team), err);
    if (s) engine_free(e);
    else *out = (GanEngine){e, "compiled", run, engine_free, another};
    return s;
}

void engine_meter(GanEngine *e, const CodeMeter *meter)
{
    Engine *own = e->self;
    own->run.meter = meter;
}
