/* runfolder.h - making room for a new run: nothing that is there already is ever written over. */
#pragma once
#include "runtime/command/game.h"

/* An earlier run in `folder` moves aside, to the first free FOLDER.1, FOLDER.2, ...; an empty folder is used. A file, a folder
 * that holds anything else, and the folder of a run that is still going are errors. A start that lies in it moves along. An exit status. */
int runfolder_make_room(Game *g, const char *folder);

/* Of a run that goes on: a folder of one game is not gone on with as one of several, nor the other way round. An exit status. */
int runfolder_can_resume(const Game *g, const char *folder);

/* Runs of this very program that lie beside the current folder's files or in runs/, as --out has put them: how many, and which, "a, b". */
int runfolder_elsewhere(const Game *g, const char **which);

bool runfolder_has_seeds(const Game *g, const char *folder, uint64_t *seed);     /* it is of several games, whose least seed this is */
