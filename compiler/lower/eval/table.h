/* table.h - data as tables of rows, for the files that read them (data.c) and choose among their rows (pick.c). */
#pragma once
#include "compiler/lower/eval/builtin.h"
#include "runtime/data/recipe.h"

Data  *table_new(Lower *L, int n_fields);
Data  *table_of(Ctx *c, Value *v, Span at, const char *word);                   /* data, an array, a list; NULL, reported: `word` takes others */
Data  *table_plain(Ctx *c, Value *v, Span at, const char *word);                /* the same, not mapped and not with replacement */
bool   table_computed(const Data *d);                                           /* while the program runs, in part at least */
Value *table_value(Lower *L, const Value *from, Data *d);                       /* d drawn from as `from` is, which it was made of */
Data  *table_part(Ctx *c, const Data *d, int64_t lo, int64_t hi);               /* rows lo..hi */
/* Rows row[0] to row[n - 1]. by: slots of data whose numbers have chosen them. NULL, reported: they do not fit in memory. */
Data  *table_chosen(Ctx *c, const Data *d, const int64_t *row, int64_t n, const int *by, int n_by, Span at);
/* The numbers and tensors of a declared record, those of a record in it by p.x, p.y; n is 0 where no record is declared. */
typedef struct DeclaredField { const char *name; const Ast *type; Span at; } DeclaredField;
typedef struct DeclaredFields { DeclaredField *v; int n; Span at; } DeclaredFields;
DeclaredFields table_declared(Lower *L, const Ast *type);
/* They are the columns of a table in turn; d itself where there is no such table, NULL after an error. */
Data  *table_columns(Ctx *c, Data *d, const DeclaredFields *to);
bool   table_number(Ctx *c, DataField *f, const Ast *type);                     /* one column is a number where the type says so; false: an error */
/* Columns of a table, which it has, as rows of that shape. False, reported: they do not fit in memory. */
bool   table_cut(Ctx *c, const DataField *from, int64_t column, const IrInts *dims, DataField *to, Span at);
bool   table_made_since(const Data *d, uint32_t id);                            /* by nodes with that number or a later one, in part at least */

/* Recipes: what is done to a file's tensor here is noted, so that a compiled program can do it again. r may be NULL: there is no file. */
const DataRecipe *recipe_new(Ctx *c, DataFormat format, const char *path, const char *field, const GanTensor *t);
const DataRecipe *recipe_named(Lower *L, const DataRecipe *r, const char *name, const char *field);
void        fact_note(Ctx *c, const char *file, int format, const char *held);          /* what the program is made for: GanFact */
void        chosen_by(Lower *L, const int *by, int n_by);                               /* the numbers of these slots have chosen rows */
const char *table_path(Ctx *c, Value *v, Span at);                              /* where the file of that name is; NULL, reported: it is no name */
Value *data_failed(Ctx *c, Span at, const GanError *err);
