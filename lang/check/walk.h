/* walk.h - the parts of a tree, whatever their kind. */
#pragma once
#include "lang/syntax/ast.h"

/* Calls visit for every child of the node, in order of the source. */
void ast_each_child(const Ast *n, void (*visit)(void *user, const Ast *child), void *user);
