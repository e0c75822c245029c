/* doc_search.h - what speaks of a word that nothing goes by: "FID", "GAIL", "Linear". */
#pragma once
#include "compiler/driver/library_doc.h"

/* Writes a line for each definition of the modules whose name or comment has the word, for what other tools mean by it, and for each system of docs/systems.md
 * whose name, authors or program have it. In capitals or not, and at the beginning of a word. How many lines. */
int doc_search(const DocModule *modules, int n, const char *word, Text *out);
