/* parallel.h - a team of threads that stays: the caller is member 0, the others wait for work.
 *
 * Waiting spins for some 30 us and then sleeps in the kernel, so a team that is not asked costs nothing. Where one alone is as fast
 * as all, because others want the processors, or there is too little to do, it works alone (pace.h). Which thread does
 * what is the work's business; results of ours never depend on it. A team is used by one thread at a time, and
 * its members take no signals. In a forked process it gets others when it runs; fork is not called while it runs. */
#pragma once
#include <stdbool.h>

typedef struct Team Team;
typedef void (*TeamFn)(void *arg, int thread, int threads);

/* `threads` < 1 asks for one per CPU this process may use. More than those are never made, unless `fixed`, which also has all of them in every run; a
 * thread that the system refuses is done without. A team of 1 makes no thread and touches no atomic. */
Team *team_new(int threads, bool fixed);
void  team_free(Team *t);                                   /* joins them; NULL is fine */
int   team_threads(const Team *t);
void  team_fix(Team *t);                                    /* from now on all members take part in every run, as of a fixed team */

/* fn(arg, i, T) on every member i of the T that take part, all or one, in the floating-point environment of fpenv.h; returns when all have returned. Not from inside a running fn. */
void team_run(Team *t, TeamFn fn, void *arg);

/* Inside fn: waits until every member of the run is here; what was written before is seen after. */
void team_barrier(Team *t);

int  parallel_cpus(void);                                   /* that this process may use, at least 1 */
