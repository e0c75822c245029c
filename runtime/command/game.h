/* game.h - a compiled program at a command line: trained, sampled, its state found. `gan` and native programs run it by the same functions.
 *
 * What is wrong is printed here, on stderr; functions return exit statuses. */
#pragma once
#include "base/text.h"
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
    void             *self;                                 /* for failed() */
    void            (*failed)(void *self, int fn);          /* more words on an update that left numbers that are not finite; NULL */
} Game;

const char *game_folder(const Game *g);                     /* the default one for runs: "runs/NAME" */

/* False, after saying so, for flags that contradict one another: EXIT_WRONG_USAGE. */
bool game_can_run(const RunOptions *o);

/* Trains into --out or the default folder, once for each of --seeds, and prints the summary. */
int game_run(Game *g);

/* Fills the state from --checkpoint, else from the newest checkpoint of the default folder if `trained`: *found says whether there was one. */
int game_load(Game *g, bool trained, bool *found);

/* Fills the state as a run begins, for something that reads `needs`, a slot that only a run fills (then it is an error), or NULL. */
int game_begin(Game *g, const char *needs);

/* Draws --number from the model into the file --output: `what` names it. */
int game_sample(Game *g, const GanModel *m, const char *what);

void game_close(Game *g);                                   /* the engine and the state */

/* Runs `fn` on the state. out[i] (one an output of the function) are yours: game_free_outputs. */
int  game_outputs(Game *g, int fn, GanTensor ***out);
void game_free_outputs(const Game *g, int fn, GanTensor **out);
