/* advice.h - what is right, and yet rarely meant: for `gan check --pedantic`.
 *
 *   names that nothing uses (imports, definitions of a program, lets, parameters of functions, what a loop or an expectation binds); `_` is for them
 *   a name that hides another one of the file
 *   a loss that no update moves anything by
 *   a program that trains and reports nothing */
#pragma once
#include "lang/check/names.h"

/* Advice on the main file of a program without errors. */
void advice_program(Arena *a, const Names *n, const Modules *m, Diags *diags);
