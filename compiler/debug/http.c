/* http.c - see http.h. Handlers run in the library's threads; all that they share lies behind one mutex. */
#include "compiler/debug/http.h"

#include "page_files.h"
#include "runtime/interrupt.h"

#include <civetweb.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

enum { TOKEN = 32, MOST_ASKED = 4096, MOST_STREAMS = 8, THREADS = MOST_STREAMS + 56, ANSWER_SECONDS = 60, PATIENCE_SECONDS = 1, PING_SECONDS = 2, END_SECONDS = 2 };      /* END: who does not read misses the end */

struct HttpRequest { char *asked, *answer; bool taken, done, left; HttpRequest *next; };    /* left: nobody waits for the answer any more */

typedef struct Event { char *json; unsigned version; } Event;

struct Http {
    struct mg_context *server;
    int             port;
    char            token[TOKEN + 1], address[96];
    pthread_mutex_t mutex;
    pthread_cond_t  asked, told;                            /* a request came; an event or an answer */
    HttpRequest    *first, **last;
    Event           event[HTTP_EVENTS];
    int             streams;
    bool            ended, computing;                       /* the run is at something that may take long */
};

static const char *const event_name[] = {[HTTP_PROGRAM] = "program", [HTTP_STATE] = "state", [HTTP_CURVES] = "curves", [HTTP_PICTURES] = "pictures", [HTTP_END] = "end"};

typedef struct PageFile { const char *path, *type, *text; } PageFile;
static const PageFile files[] = {
    {"/", "text/html; charset=utf-8", page_index_html},
    {"/page.js", "text/javascript; charset=utf-8", page_page_js},
    {"/page.css", "text/css; charset=utf-8", page_page_css},
    {"/uPlot.js", "text/javascript; charset=utf-8", page_uPlot_js},
    {"/uPlot.css", "text/css; charset=utf-8", page_uPlot_css},
};

/* ---- who may ask ------------------------------------------------------------------------------------------------- */

static struct timespec in(int milliseconds)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += milliseconds / 1000;
    t.tv_nsec += milliseconds % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) t.tv_sec++, t.tv_nsec -= 1000000000L;
    return t;
}

/* Takes as long whichever byte is the first that differs. */
static bool same_token(const char *a, const char *b)
{
    unsigned char differs = strlen(a) != TOKEN;
    for (int i = 0; i < TOKEN && !differs; i++) differs |= (unsigned char)(a[i] ^ b[i]);
    return !differs;
}

static bool has_token(const Http *h, const struct mg_request_info *r)
{
    char given[TOKEN + 2] = "";
    if (!r->query_string || mg_get_var(r->query_string, strlen(r->query_string), "t", given, sizeof given) < 0) return false;
    return same_token(given, h->token);
}

static bool is_host(const Http *h, const char *host)
{
    char mine[2][40];
    snprintf(mine[0], sizeof mine[0], "127.0.0.1:%d", h->port);
    snprintf(mine[1], sizeof mine[1], "localhost:%d", h->port);
    return host && (!strcasecmp(host, mine[0]) || !strcasecmp(host, mine[1]));
}

static int count_of(const struct mg_request_info *r, const char *header)
{
    int n = 0;
    for (int i = 0; i < r->num_headers; i++) n += !strcasecmp(r->http_headers[i].name, header);
    return n;
}

/* A page of elsewhere says so in Origin; a name that was bent to this machine shows in Host. Of two of them nobody knows which counts. */
static bool is_from_here(const Http *h, struct mg_connection *c, const struct mg_request_info *r)
{
    const char *origin = mg_get_header(c, "Origin"), *scheme = "http://";
    if (count_of(r, "Host") != 1 || count_of(r, "Origin") > 1 || !is_host(h, mg_get_header(c, "Host"))) return false;
    return !origin || (!strncmp(origin, scheme, strlen(scheme)) && is_host(h, origin + strlen(scheme)));
}

static const char *status_name(int status)
{
    switch (status) {
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    default: return "Bad Request";
    }
}

static int refuse(struct mg_connection *c, int status, const char *why)
{
    mg_printf(c, "HTTP/1.1 %d %s\r\n%sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status, status_name(status),
              status == 405 ? "Allow: GET\r\n" : "", strlen(why), why);
    return status;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static const char rules[] = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
                            "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
                            "img-src 'self' data:; frame-ancestors 'none'\r\n";

/* The page's own file names the token where it names others. */
static char *with_token(const Http *h, const char *text)
{
    static const char word[] = "TOKEN";
    size_t            n = strlen(text) * 2 + 1, used = 0;
    char             *out = malloc(n + 20 * TOKEN);
    for (const char *s = text, *at; out && *s; s = at + strlen(word)) {
        at = strstr(s, word);
        size_t before = at ? (size_t)(at - s) : strlen(s);
        memcpy(out + used, s, before);
        used += before;
        out[used] = 0;
        if (!at) break;
        memcpy(out + used, h->token, TOKEN + 1);
        used += TOKEN;
    }
    return out;
}

static int send_file(const Http *h, struct mg_connection *c, const PageFile *f)
{
    char       *page = f == files ? with_token(h, f->text) : NULL;
    const char *text = page ? page : f->text;
    mg_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n", f->type, strlen(text), rules);
    mg_write(c, text, strlen(text));
    free(page);
    return 200;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* A copy of the next event that this browser has not had; NULL after a while without one. */
static char *next_event(Http *h, unsigned seen[HTTP_EVENTS], HttpEvent *kind)
{
    struct timespec until = in(PING_SECONDS * 1000);
    char           *copy = NULL;
    bool            late = false;
    pthread_mutex_lock(&h->mutex);
    while (!copy && !late) {
        for (int k = 0; k < HTTP_EVENTS && !copy; k++) {
            if (seen[k] == h->event[k].version) continue;
            seen[k] = h->event[k].version;
            copy = strdup(h->event[k].json);
            *kind = (HttpEvent)k;
        }
        if (!copy) late = pthread_cond_timedwait(&h->told, &h->mutex, &until) == ETIMEDOUT;
    }
    pthread_mutex_unlock(&h->mutex);
    return copy;
}

static bool take_stream(Http *h)
{
    pthread_mutex_lock(&h->mutex);
    bool ok = h->streams < MOST_STREAMS && !h->ended;
    h->streams += ok;
    pthread_mutex_unlock(&h->mutex);
    return ok;
}

static int stream(Http *h, struct mg_connection *c)
{
    unsigned  seen[HTTP_EVENTS] = {0};
    HttpEvent kind = HTTP_PROGRAM;
    if (!take_stream(h)) return refuse(c, 400, "as many pages as can be are open");
    mg_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%sConnection: close\r\n\r\n", rules);
    for (bool here = true; here && kind != HTTP_END;) {
        char *json = next_event(h, seen, &kind);
        here = (json ? mg_printf(c, "event: %s\ndata: %s\n\n", event_name[kind], json) : mg_printf(c, ": still here\n\n")) > 0;
        free(json);
    }
    pthread_mutex_lock(&h->mutex);
    h->streams--;
    pthread_cond_broadcast(&h->told);
    pthread_mutex_unlock(&h->mutex);
    return 200;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static void free_request(HttpRequest *r)
{
    free(r->asked);
    free(r->answer);
    free(r);
}

static bool read_body(struct mg_connection *c, const struct mg_request_info *r, char *text)
{
    size_t n = 0;
    if (r->content_length < 0 || r->content_length > MOST_ASKED) return false;
    while (n < (size_t)r->content_length) {
        int got = mg_read(c, text + n, (size_t)r->content_length - n);
        if (got <= 0) return false;
        n += (size_t)got;
    }
    text[n] = 0;
    return strlen(text) == n;
}

static bool is_past(struct timespec t)
{
    struct timespec now = in(0);
    return now.tv_sec > t.tv_sec || (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec);
}

/* Waits for the run's answer, and does not wait long for something else that the run is at; NULL: there was none. */
static char *wait_for(Http *h, HttpRequest *r)
{
    struct timespec until = in(ANSWER_SECONDS * 1000), soon = in(PATIENCE_SECONDS * 1000);
    char           *answer = NULL;
    pthread_mutex_lock(&h->mutex);
    *h->last = r;
    h->last = &r->next;
    pthread_cond_signal(&h->asked);
    while (!r->done && !h->ended && !is_past(until)) {
        if (pthread_cond_timedwait(&h->told, &h->mutex, &soon) != ETIMEDOUT) continue;
        if (h->computing && !r->taken) interrupt_give_up(true);
        soon = in(PATIENCE_SECONDS * 1000);
    }
    bool done = r->done;
    if (done) answer = r->answer, r->answer = NULL;
    r->left = true;
    pthread_mutex_unlock(&h->mutex);
    if (done) free_request(r);                              /* else the queue has it yet */
    return answer;
}

static int pass_on(Http *h, struct mg_connection *c, const struct mg_request_info *info)
{
    char text[MOST_ASKED + 1];
    if (strcmp(info->request_method, "POST")) return refuse(c, 400, "what is asked of a run is sent by POST");
    if (!read_body(c, info, text)) return refuse(c, 400, "a request is a text of at most 4096 bytes");
    HttpRequest *r = calloc(1, sizeof *r);
    if (r) r->asked = strdup(text);
    char *answer = r && r->asked ? wait_for(h, r) : NULL;
    if (!answer) return refuse(c, 400, "the run does not answer");
    mg_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n", strlen(answer), rules);
    mg_write(c, answer, strlen(answer));
    free(answer);
    return 200;
}

static int handle(struct mg_connection *c)
{
    const struct mg_request_info *r = mg_get_request_info(c);
    Http                         *h = r->user_data;
    if (!is_from_here(h, c, r) || !has_token(h, r)) return refuse(c, 403, "the address that `gan run --serve` printed has a token in it, without which nothing is shown");
    if (!strcmp(r->local_uri, "/do")) return pass_on(h, c, r);
    if (strcmp(r->request_method, "GET")) return refuse(c, 405, "a page is got by GET");
    if (!strcmp(r->local_uri, "/events")) return stream(h, c);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!strcmp(r->local_uri, files[i].path)) return send_file(h, c, &files[i]);
    return refuse(c, 404, "there is no such page");
}

/* ---- the run's side ----------------------------------------------------------------------------------------------- */

void http_publish(Http *h, HttpEvent kind, const char *json)
{
    char *copy = strdup(json);
    if (!copy) return;                                      /* the next one will do */
    pthread_mutex_lock(&h->mutex);
    free(h->event[kind].json);
    h->event[kind].json = copy;
    h->event[kind].version++;
    pthread_cond_broadcast(&h->told);
    pthread_mutex_unlock(&h->mutex);
}

HttpRequest *http_take(Http *h, int milliseconds)
{
    struct timespec until = in(milliseconds);
    pthread_mutex_lock(&h->mutex);
    while (!h->first && pthread_cond_timedwait(&h->asked, &h->mutex, &until) != ETIMEDOUT) continue;
    HttpRequest *r = h->first;
    if (r && !(h->first = r->next)) h->last = &h->first;
    if (r) r->taken = true;
    pthread_mutex_unlock(&h->mutex);
    return r;
}

void http_computes(Http *h, bool computing)
{
    pthread_mutex_lock(&h->mutex);
    h->computing = computing;
    interrupt_give_up(false);
    pthread_mutex_unlock(&h->mutex);
}

const char *http_asked(const HttpRequest *r) { return r->asked; }

void http_answer(Http *h, HttpRequest *r, const char *json)
{
    char *copy = strdup(json);
    pthread_mutex_lock(&h->mutex);
    bool left = r->left;
    r->answer = copy;
    r->done = true;
    pthread_cond_broadcast(&h->told);
    pthread_mutex_unlock(&h->mutex);
    if (left) free_request(r);
}

static GanStatus make_token(Http *h, GanError *err)
{
    unsigned char random[TOKEN / 2];
    if (getrandom(random, sizeof random, 0) != sizeof random) return gan_error(err, GAN_WORLD, "there are no random numbers for the page's token");
    for (int i = 0; i < TOKEN / 2; i++) sprintf(h->token + 2 * i, "%02x", random[i]);
    return GAN_OK;
}

static GanStatus listen_on(Http *h, int port, GanError *err)
{
    char        where[32], threads[8];
    const char *options[] = {"listening_ports", where, "num_threads", threads, "request_timeout_ms", "1000", "enable_directory_listing", "no",
                             "max_request_size", "16384", NULL};
    struct mg_callbacks callbacks = {.begin_request = handle};
    struct mg_server_port ports[1];
    snprintf(where, sizeof where, "127.0.0.1:%d", port);
    snprintf(threads, sizeof threads, "%d", THREADS);
    h->server = mg_start(&callbacks, h, options);
    if (!h->server || mg_get_server_ports(h->server, 1, ports) != 1) return gan_error(err, GAN_WORLD, "port %d of this machine is taken: --serve 0 takes one that is free", port);
    h->port = ports[0].port;
    snprintf(h->address, sizeof h->address, "http://127.0.0.1:%d/?t=%s", h->port, h->token);
    return GAN_OK;
}

GanStatus http_open(int port, Http **out, GanError *err)
{
    Http *h = calloc(1, sizeof *h);
    if (!h) return gan_error(err, GAN_WORLD, "no memory for a page");
    h->last = &h->first;
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->asked, NULL);
    pthread_cond_init(&h->told, NULL);
    GanStatus st = make_token(h, err);
    if (!st) st = listen_on(h, port, err);
    *out = h;
    if (!st) return GAN_OK;
    http_close(h);
    *out = NULL;
    return st;
}

void http_close(Http *h)
{
    if (!h) return;
    struct timespec until = in(END_SECONDS * 1000);
    http_publish(h, HTTP_END, "{}");
    pthread_mutex_lock(&h->mutex);
    h->ended = true;
    pthread_cond_broadcast(&h->told);
    while (h->streams && pthread_cond_timedwait(&h->told, &h->mutex, &until) != ETIMEDOUT) continue;     /* a server that stops sends no more */
    pthread_mutex_unlock(&h->mutex);
    if (h->server) mg_stop(h->server);
    for (HttpRequest *r = h->first, *next; r; r = next) {
        next = r->next;
        free_request(r);
    }
    for (int i = 0; i < HTTP_EVENTS; i++) free(h->event[i].json);
    pthread_mutex_destroy(&h->mutex);
    pthread_cond_destroy(&h->asked);
    pthread_cond_destroy(&h->told);
    free(h);
}

const char *http_address(const Http *h) { return h->address; }
