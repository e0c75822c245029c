/* game.h - a compiled program at a command line: trained, sampled, its state found. `gan` and native programs run it by the same functions.
 *
 * What is wrong is printed here, on stderr; functions return exit statuses. */
#pragma once
#include "base/array.h"
#include "base/text.h"
#include "runtime/command/options.h"
#include "runtime/command/say.h"
#include "runtime/program.h"
#include "runtime/tensor.h"
#include "runtime/trainer.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct GameChorus {                                 /* games that run at the same time, and speak in turn */
    pthread_mutex_t turn;                                   /* held while one of them prints */
    Progress       *progress;                               /* of all of them, on a terminal; NULL: none */
    _Atomic int64_t rounds;                                 /* that they have done */
} GameChorus;

typedef struct GameNote {                                   /* on a run that failed */
    const char *file;
    uint32_t    line, column;                               /* line 0: at no place */
    const char *text, *source;                              /* source: the line itself; NULL: it is not shown */
} GameNote;

typedef struct Game {
    const RunOptions *o;
    Arena            *arena;                                /* of names and texts */
    const GanProgram *program;
    int               n_run_slots;                          /* the slots that runs of it have; behind them are those of what a command has added. 0: nothing was added */
    GanEngine         engine;
    GanState          state;                                /* of state_new; game_run makes others for more seeds */
    void             *self;                                 /* for failed() */
    void            (*failed)(struct Game *g, int fn, GanState *state, const TrainerPast *past);     /* notes on a call that left numbers that are not finite; NULL */
    ARRAY(GameNote)   notes;
    bool           (*round)(void *self);                    /* after each round, with round_self; NULL. Of a single game */
    void            *round_self;
    GameChorus       *chorus;                               /* NULL: it is the only game; else what it prints are whole lines that begin with */
    const char       *name;                                 /* "seed 3: " */
    const char       *start;                                /* the file of --checkpoint, wherever it has moved; NULL: none */
} Game;

const char *game_folder(const Game *g);                     /* the default one for runs: "runs/NAME" */

/* False, after saying so, for flags that contradict one another: EXIT_WRONG_USAGE. */
bool game_can_run(const RunOptions *o);

/* Trains into --out or the default folder, once for each of --seeds (seeds.h), and prints the summary. */
int game_run(Game *g);

/* One game, from a fresh state, into `folder`: says what there is to say and gives its exit status. *r is to be freed. Between
 * interrupt_begin and interrupt_end. */
int game_train(Game *g, const char *folder, TrainerResult *r);
void game_say(void *game, const char *line);                /* a note, or a "warning: ...", in its turn */
int game_complain(Game *g, const GanError *err);            /* say_error, in its turn */
void game_say_notes(const Game *g);

/* "; `gan run ring.gan --resume` goes on", with the words of this command line. */
const char *game_way_on(const Game *g);

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
