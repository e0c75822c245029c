/* watch.h - `gan run --watch-game`: looks at a run now and then, and says when it looks collapsed, cycling, stalled or converged, or like missing modes, with what it has seen.
 *
 * It looks ever more seldom as the run goes on, and changes nothing: parameters are projected on a few fixed directions, samples are drawn on streams of its own.
 *   cycling    the players' parameters come back to near where they were, several times, at even distances (autocorrelation), and get hardly anywhere
 *   stalled    no parameter moves any more, beside its size, though its loss has a slope there, or never has
 *   converged  no parameter moves any more, and its loss has no slope there: a minimum, or a plateau
 *   collapsed  draws of a comparison's q lie much nearer to one another than those of its p, for some while
 *   missing    in the second half of a run, some of the draws of p have others of p near, and none of q
 * What it says is a look, not a proof; what it has seen stands beside it. */
#pragma once
#include "compiler/session/session.h"

typedef struct GameWatch GameWatch;

/* Of a program that is compiled and whose state was made, with room for probes behind it (probe_new_state). What a comparison or a loss lacks to be looked at is no mistake:
 * its diagnostics, which go to *said, are sent nowhere. NULL: no memory. */
GameWatch *watch_open(Session *s, FILE **said, void (*say)(void *self, const char *line), void *self);
void       watch_close(GameWatch *w);                       /* NULL is fine */
bool       watch_round(void *watch);                        /* after each round; true */
