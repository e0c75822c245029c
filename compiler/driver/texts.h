/* texts.h - texts that are part of the command: the examples, and pages of the documents that it shows. */
#pragma once

const char *texts_find(const char *name);                   /* "ring.gan", "contracts.md"; NULL: there is none */
const char *texts_name(int i);                              /* of the i-th; NULL behind the last */
