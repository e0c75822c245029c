/* repl.h - `gan repl`: what its files share. The command calls repl_run() and no more.
 *
 * repl.c reads entries and finds commands (commands.def); each file of commands has one theme. What is wrong is told on stderr, as everywhere,
 * and leaves the run as it is; stdout has what was asked for. */
#pragma once
#include "base/array.h"
#include "compiler/debug/debug.h"
#include "compiler/repl/graphics.h"
#include "compiler/repl/prompt.h"
#include "compiler/repl/show.h"

/* A session, from the first prompt to the last: an exit status. */
int repl_run(const Options *o, const char *file);

typedef struct ReplReport {                                 /* a number that was reported, in `history` */
    int         history;
    int64_t     tick, step;
    const char *name;
    double      value;
} ReplReport;

enum { REPL_COURSE = 40 };                                  /* values of what is watched that are kept to be drawn */

typedef struct ReplWatch {
    int         number;                                     /* as debug_watch has given it */
    const char *text;
    double      course[REPL_COURSE];                        /* the latest, in order */
    int         n;
    int64_t     step;                                       /* of the last; from another place on the course begins anew */
    int         history;
    bool        seen;                                       /* since the run was let go */
} ReplWatch;

typedef struct ReplRan ReplRan;                             /* what has been carried out since the last stop: stepping.c */

typedef struct Repl {
    const Options *o;
    const char    *file;                                    /* NULL: none, a calculator */
    Debugger      *d;
    Arena         *arena, *keep;                            /* of the entry at hand; of the session */
    Prompt        *prompt;
    ShowStyle      style;
    Graphics       graphics;                                /* that the terminal takes, */
    bool           asked;                                   /* once it was asked */
    DebugPlace     place;
    ReplRan       *ran;                                     /* NULL but while the run goes on */
    ARRAY(ReplReport) reports;
    ARRAY(int64_t) forked;                                  /* by history: the tick where it began */
    ARRAY(ReplWatch *) watches;
    const char    *next;                                    /* a command that was typed where an entry could have gone on; or NULL */
    const char    *loss;                                    /* the one that :ops has listed last; NULL: none */
    bool           wrong;                                   /* something could not be done: the status of a script */
    bool           told_full;                               /* that the disk has no room for snapshots */
    bool           over, lost;                              /* the session ends; without anybody who could be asked */
} Repl;

typedef void ReplCommand(Repl *r, const char *args);

typedef enum { REPL_NOTHING, REPL_PLAYERS, REPL_RUNS, REPL_CODE, REPL_NAMES, REPL_FILES, REPL_COMMANDS } ReplTakes;

typedef struct ReplRow {
    const char  *name, *letter, *args;
    ReplTakes    takes;
    const char  *help;
    ReplCommand *run;
} ReplRow;

extern const ReplRow repl_rows[];                           /* ended by one without a name */
const ReplRow *repl_find(const char *name);                 /* by its name, its letter, or the beginning of one name alone; NULL */

#define COMMAND(name, ...) ReplCommand do_##name;
#include "compiler/repl/commands.def"
#undef COMMAND

/* ---- for the files of commands ------------------------------------------------------------------------------------- */

#define repl_wrong(r, ...) ((r)->wrong = true, say_wrong(&(r)->o->run, __VA_ARGS__))
void repl_failed(Repl *r, GanStatus st, const GanError *err);         /* says so, unless diagnostics did */

bool repl_has_run(Repl *r);                                 /* is there a schedule? else says that there is none */
bool repl_has_no_args(Repl *r, const char *args, const char *command);
bool repl_number(const char *s, int64_t *n);                /* all of it a whole number that is not negative */
bool repl_is_player(Repl *r, const char *name);       /* else says so, with those there are */

/* The first word of *args, which moves behind it; "" at the end. */
const char *repl_word(Repl *r, const char **args);

const char *repl_called(Repl *r, int history);              /* "1 (low_rate)" */

/* A statement of the schedule as it is written, "24  update D minimize ...". */
const char *repl_statement(Repl *r, const GanSchedule *node);
const SourceFile *repl_source(const Repl *r, uint32_t file);        /* of a GanSchedule; NULL: its text is not at hand */

/* Where the run stands; why, if it was stopped. */
void repl_say_place(Repl *r);

void repl_listen(void *repl, const DebugDone *what);        /* for debug_listen */
void repl_watched(void *repl, int number, int64_t step, double value, const char *why);      /* for debug_watch */
void repl_look(Repl *r, const char *expression);
bool repl_evaluate(Repl *r, const char *expression, DebugValue *out);       /* else says what is wrong */

void repl_declare(Repl *r, const char *text);
void repl_assign(Repl *r, const char *path, const char *expression);
void repl_say_kept(const DebugKept *kept);

/* What may stand at the end of the line: for prompt_open. */
void repl_complete(void *repl, Arena *a, const char *line, size_t *begin, PromptWords *words);

/* A file that saves what would be lost with the terminal. */
void repl_save_lost(Repl *r);
