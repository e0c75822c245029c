/* http.h - the page of a run that is served: files, events from the run to browsers, and what browsers ask of it.
 *
 * On the loopback alone. Every address has a token in it that only who started the run is told; a request with another one, for another host, from a page
 * of elsewhere, too long or malformed is refused. Threads of the library (civetweb) serve the browsers; the run is asked by a queue, and is never waited for by
 * its events: each browser gets the newest of each kind when it can take it, and one that is slow or gone holds nobody up. */
#pragma once
#include "runtime/error.h"

#include <stdbool.h>

typedef struct Http Http;
typedef struct HttpRequest HttpRequest;

typedef enum { HTTP_PROGRAM, HTTP_STATE, HTTP_CURVES, HTTP_PICTURES, HTTP_END, HTTP_EVENTS } HttpEvent;

/* On this port (0: any that is free). GAN_WORLD: it is taken, or there are no random numbers. */
GanStatus   http_open(int port, Http **out, GanError *err);
void        http_close(Http *h);                            /* browsers are told that it has ended; NULL is fine */
const char *http_address(const Http *h);                    /* with its token */

void http_publish(Http *h, HttpEvent kind, const char *json);       /* takes a copy */

/* The next thing that is asked, a text of JSON, after waiting at most so long; NULL: nothing is. Each must be answered. */
HttpRequest *http_take(Http *h, int milliseconds);
const char  *http_asked(const HttpRequest *r);
void         http_computes(Http *h, bool computing);        /* something that may take for ever: it is given up (interrupt.h) when something else has been asked for a second */
void         http_answer(Http *h, HttpRequest *r, const char *json);
