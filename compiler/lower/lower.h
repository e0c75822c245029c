/* lower.h - from the tree to the tensor IR and the program the runtime walks.
 *
 * Lowering is a partial evaluator: everything but tensors is a value of compile time. Functions, layers, nets,
 * distributions, comparisons and optimisers are applied and inlined until one typed tensor program is left, and samples get
 * their axes on the way. What is wrong with a program is reported and lowering goes on, so that one run finds more than one
 * mistake.
 *
 *     LowerResult r;
 *     if (!lower_program(arena, file, &options, diags, &r)) ...       the diagnostics say why
 *     passes over r.ir, then an engine for it; the trainer walks r.program
 *
 * Functions of r.ir and r.program have the same index. Data files named by the program are read here, once. */
#pragma once
#include "compiler/ir/ir.h"
#include "lang/source/diag.h"
#include "runtime/program.h"

typedef struct LowerSetting { const char *name, *value; } LowerSetting;   /* --set name=value: overrides a top-level let */

typedef struct LowerOptions {
    IrElem               real;                              /* IR_F32, or IR_F64 for --f64 */
    const char          *folder;                            /* of the program's file: imports and data files are relative to it; NULL: here */
    const LowerSetting  *setting;
    int                  n_settings;
    bool                 advice;                            /* also on what is right, and yet rarely meant (lang/check/advice.h) */
    bool                 shapes;                            /* nothing will run: images are not read, where their file says how many there are, of which size */
    bool                 checked;                           /* nothing is asked for but what is wrong: no function and no table is made */
    bool                 sides;                             /* expectations report what they hold and against what, too: behind the verdict "held 2", "left 2" and "right 2"
                                                               of the third of the condition's parts (lang/check/promise.h), as far as they are numbers */
    bool                 told;                              /* say what each update means for the game, too: LowerResult.move, .compare */
    bool                 whole;                             /* all that an update's loss depends on is computed in its function */
    bool                 steps;                             /* a run will have another number of rounds than the program says (--steps) */
    bool                 slopes;                            /* updates report their gradients, too: behind each loss, one for each parameter (GanOutput.slope_of) */
} LowerOptions;

/* What an update or another statement does, in the words of the game: `gan explain --stage game`. */
typedef struct GameLine {
    int          fn;                                        /* its function */
    Span         at;
    const char  *what;                                      /* "update", "report", "plot", ... */
    const char  *name;                                      /* the loss as written, or the report's name */
    const char **moves;   int n_moves;                      /* players */
    const char **reads;   int n_reads;                      /* other players whose parameters it depends on */
    const char **draws;   int n_draws;                      /* data and models it draws from */
    int64_t      batch;                                     /* 0: none */
} GameLine;

/* What is proved of one update: `gan explain`. Texts are the program's and the library's. */
typedef enum { REACH_MOVED, REACH_HELD, REACH_STOPPED, REACH_CUT } ReachKind;
typedef struct GameReach { const char *player; ReachKind kind; Span at; } GameReach;      /* at: where the path ends, STOPPED and CUT */
typedef struct GamePush {                                  /* what the player gains by, wherever it is */
    const char *net, *part, *draws;                         /* the value of the net, of its record's .part, else "", at draws of that */
    int         way;                                        /* 1: a higher one; -1: a lower one; 0: that is not the same everywhere, or not known */
    const char *seen;                                       /* "65 values of it from -8 to 8", at each of which it is so; NULL: at all, or at none */
    const char *why;                                        /* way 0: "is not known, as ..", "is not the same for all its values: .."; NULL: one of both */
    bool        many;                                       /* the value is a tensor: of all its elements */
    bool        some;                                       /* of those, some may count for nothing */
    bool        moved;                                      /* the draws, too: by the slope that reaches the player through them */
} GamePush;
enum { GAME_LOGITS = 11 };
typedef struct GameDigits {                                 /* the slope of a loss by a net's value, times how many values it is the mean of */
    const char *net, *part, *draws;
    double      times;                                      /* that */
    double      at[GAME_LOGITS], written[GAME_LOGITS], wide[GAME_LOGITS], here[GAME_LOGITS];    /* as the formula says, in the program's reals and in f64; as it is computed */
    double      exact[GAME_LOGITS];                         /* as it says, of numbers; NAN: not known */
} GameDigits;
typedef struct GameAsked { Span at; const char *text; } GameAsked;              /* an `if` or `repeat`, and its condition or count, which is known while it runs */
typedef struct GameSaid { const char *name, *doc; } GameSaid;                   /* a function that a loss is made of, and the comment above it */

typedef struct GameMove {
    Span         at;
    int          alternate;                                 /* in the block of that number; 0: in none */
    const char  *index;                                     /* "[kl]" in a loop of the top level, else "" */
    const char  *goal;                                      /* "minimises", "maximises", "goes along" */
    const char  *together;                                  /* "simultaneous", "extragradient"; NULL: it moves by itself */
    const char  *loss, *formula;                            /* as written; what that is, in the program's terms, or NULL */
    const char  *estimate;                                  /* what kind the loss is of, as bound(x) says; NULL: nothing is said */
    const char  *rule, *project;                            /* as written; project: or NULL */
    const char **player;  int n_players;
    GameReach   *reach;   int n_reach;
    GamePush    *push;    int n_push;
    GameDigits  *digits;  int n_digits;                     /* of those whose slope hangs on nothing else */
    GameSaid    *said;    int n_said;                       /* each at the first move that has it */
    int          against;                                   /* a later move with which it has a zero sum: 1 + its place; 0: none is proved */
    bool         apart;                                     /* but for terms that the parameters of one of both alone change */
} GameMove;

typedef struct GameMember {
    const char *name, *formula, *doc, *estimate, *value;    /* value: of one that is known when the program is compiled; NULL: not so */
    bool        used;                                       /* a formula that is shown has it */
} GameMember;
typedef struct GameCompare {
    const char *name, *made, *stands, *doc;                 /* as the program makes it; "p is ring, q is G"; what the library says of it */
    const char *of, *changed;                               /* its definition's name; the members that `with` has changed, "critic, estimate", else "" */
    Span        at;
    GameMember *member; int n_members;
} GameCompare;

typedef struct GamePlayer {
    const char *name, *kind;                                /* "net", "implicit", "prescribed" */
    int64_t     parameters;                                 /* numbers, over all its tensors */
    bool        updated;
} GamePlayer;

typedef struct Lower Lower;

typedef struct LowerResult {
    IrModule   *ir;
    GanProgram *program;
    GameLine   *line;    int n_lines;
    GamePlayer *player;  int n_players;
    GameMove   *move;    int n_moves;                       /* of LowerOptions.told, and the next */
    GameCompare *compare; int n_compares;                   /* that losses and reports are of */
    GameAsked  *asked;   int n_asked;
    const char **net;    int n_nets;                        /* nets that it declares there */
    const char **model;  int n_models;                      /* implicit and prescribed models and distributions that the program declares at its top */
    const char **compared;  int n_compared;                 /* comparisons with a name that it declares there */
    Span       *external_at;                                /* where each of program->external is declared */
    Lower      *lower;                                      /* for the calls below */
    int64_t     batch;                                      /* for lower_expression, of who calls it: what an E without a size draws; 0: it must be given */
    int         place;                                      /* likewise, and for lower_sampler: 1 + the number of a statement of the schedule, from its root on, each before those that it holds. What blocks have bound
                                                               before it is in scope; of an alternate, at the end of a round. 0: the end of the program */
    bool        inner;                                      /* from them: the expression has a name of a block, and all of those are computed there */
} LowerResult;

/* `file` may be NULL: an empty program that imports the whole library (gan eval without FILE). Everything lives in the arena,
 * but the data tensors and what only lowering needs: lower_free. False after an error; *out may be handed to lower_free all the same. */
bool lower_program(Arena *a, const SourceFile *file, const LowerOptions *o, Diags *diags, LowerResult *out);
void lower_free(LowerResult *r);

/* The value of a report: until a run makes it there is none. Also after lower_close. */
bool lower_is_report(const LowerResult *r, int slot);

/* Nothing more will be lowered: frees what only that needs, most of what the program took until here. *r stays as it is. */
void lower_close(LowerResult *r);

/* Adds a function whose outputs are the value of an expression in the scope of the program: one output, or one a field. -1 after an
 * error. Pointers into *r (program, its tables) are renewed. */
int lower_expression(LowerResult *r, const SourceFile *expression, Diags *diags);

/* Is the expression, of which lower_expression has no value, a distribution, which lower_sampler draws from? Nothing is added or said. */
bool lower_is_distribution(LowerResult *r, const SourceFile *expression);

/* Adds a function that draws n samples of the expression's distribution ("G", "G(y: 3)"), one output [n, ...] a field. Its draws depend on
 * the expression's text, on no other function. */
int lower_sampler(LowerResult *r, const SourceFile *expression, int64_t n, Diags *diags);

/* Adds a function that applies a net to n examples at once, one output [n, ...] a field. Its arguments are slots "<input>.NET.ARGUMENT" of [n, ...], new and for
 * the caller to fill. All of them must be real, of a declared shape, and one example's value must not depend on the others': else -1. */
int lower_net(LowerResult *r, const SourceFile *net, int64_t n, Diags *diags);
