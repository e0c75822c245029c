/* game.h - a compiled program at a command line: trained, sampled, its state found. `gan` and native programs run it by the same functions.
 *
 * What is wrong is printed here, on stderr; functions return exit statuses. */
#pragma once
#include "base/arena.h"
#include "runtime/command/options.h"
#include "runtime/command/say.h"
#include "runtime/program.h"
#include "runtime/tensor.h"

typedef struct Game {
    const RunOptions *o;
    Arena            *arena;                                /* of names and texts */
    const GanProgram *program;
    GanEngine         engine;
    GanState          state;                                /* of state_new; game_run makes others for more seeds */
    const char       *again;                                /* how a run goes on, instead of the command's own words; NULL */
    void             *self;                                 /* for failed() */
    void            (*failed)(void *self, int fn);          /* more words on an update that left numbers that are not finite; NULL */
} Game;

const char *game_folder(const Game *g);                     /* the default one for runs: "runs/NAME" */

/* Trains into --out or the default folder, once for each of --seeds, and prints the summary. */
int game_run(Game *g);

/* Fills the state from --checkpoint, else from the newest checkpoint of the default folder if `trained`: *found says whether there was one. */
int game_load(Game *g, bool trained, bool *found);

/* Runs `fn` on the state. out[i] (one an output of the function) are yours: game_free_outputs. */
int  game_outputs(Game *g, int fn, GanTensor ***out);
void game_free_outputs(const Game *g, int fn, GanTensor **out);
