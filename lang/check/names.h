/* names.h - the one resolver: what every name of the program stands for.
 *
 * A first walk without values. Each use of a name is resolved once to the place that binds it; for each of those it is noted what
 * the program does with it (a derivative by it, := to it, any use), and for each body that can become a value which names it takes
 * from outside. The tree is not changed: the facts lie beside it, and are asked for by node. Names that nothing binds are reported.
 *
 * Fields, members and modules' names (a.b) are found by name, later; the built-in functions and a few words are bound nowhere. Dimensions
 * that the type of a let, of data or of a result is the first to name are bound there. */
#pragma once
#include "lang/check/module.h"

typedef enum {
    NAME_PARAM, NAME_LET, NAME_SAMPLE, NAME_BINDER, NAME_FOR, NAME_CARRY, NAME_MEMBER, NAME_DIM, NAME_DECLARATION, NAME_DATA,
    NAME_STATE, NAME_PARAMETER, NAME_REPORT, NAME_BROKEN    /* by a statement that could not be read: whatever is done with it is right */
} NameKind;

typedef struct NameBody NameBody;

/* A place that binds a name. */
typedef struct Bound {
    const char     *name;
    NameKind        kind;
    const Ast      *node;                                   /* NAME of a pattern or dimension, or the PARAM, DEFINE, STATE ... itself */
    const Ast      *let;                                    /* of the one name of a let: the value, as it is written; else NULL */
    Span            at;                                     /* of the name */
    const NameBody *body;                                   /* the innermost one it is bound in; NULL: the file's own */
    const Module   *module;
    bool            differentiated;                         /* some grad[x], grad[x.f], grad[x[0]] is by it or a part of it */
    bool            assigned;                               /* by := */
    bool            assigned_by_code;                       /* ... in a function, member or comparison: when an update takes it up */
    bool            used;
    bool            drawn;                                  /* a sample by a name of its own: unused ones are reported */
} Bound;

/* What can become a value that is evaluated elsewhere: a definition, function, member, loss, comparison, data declaration. */
struct NameBody {
    const Ast      *node;
    const NameBody *outer;
    ARRAY(const Bound *) free;                              /* bound outside of it and used in it, each once; nothing at the top of a module that is imported */
};

typedef struct Names Names;

/* The language's own functions, ended by NULL, and the library's modules (by name; for hints). Lives in `a`. */
Names *names_check(Arena *a, const Modules *m, const char *const *builtins, StdlibFind *find, const char *const *library, Diags *diags);

/* Resolves one more expression, in the scope of the main file, in which these names stand, too (outermost first; n_late behind them whose lines have not been reached). */
void names_expression(Names *n, const Ast *e, const Bound *const *inner, int n_inner, int n_late, Diags *diags);

const Bound    *names_use(const Names *n, const Ast *name);             /* of a NAME, or of a record's field by a name that is bound here, too; NULL: a built-in function, a module, a word, or unknown */
const Bound    *names_bound(const Names *n, const Ast *binding);        /* of a node that binds; NULL: it binds nothing (_) */
const NameBody *names_body(const Names *n, const Ast *node);            /* of a node that is one, or of the expression that it evaluates */

/* Is there a statement that could not be read, or a module? */
bool names_lack(const Names *n);
bool names_lack_parts(const Names *n);                                  /* one that may declare something, or part of a definition */
/* May one of them be what declares this name? Then it is no mistake of its own. */
bool names_may_lack(const Names *n, const char *name);

/* Has it been reported as a name that is declared nowhere? That is said once, of the first place. */
bool names_unknown(const Names *n, const char *name);

/* How many letters must change to make one name of the other; large for names longer than 32. */
int name_distance(const char *a, const char *b);

/* The candidate takes the place of *best if it is nearer than *distance to the name; which at first is names_reach(). */
void names_nearer(const char *candidate, const char *name, const char **best, int *distance);
int  names_reach(const char *name);

/* Do they differ in capitals and underscores at most? */
bool names_alike(const char *a, const char *b);

/* The module of the library that declares the name, or one that is alike, and what it is called there; or NULL. */
const char *names_library_like(StdlibFind *find, const char *const *library, const char *name, char is[64]);

/* Gives the diagnostic of an unknown name its hint: what is called alike, in the library or nearby, or what stands here for another tool's.
 * near: the nearest of the names that can be used here, or NULL. */
void names_hint(Diag *d, StdlibFind *find, const char *const *library, const char *name, const char *near);
