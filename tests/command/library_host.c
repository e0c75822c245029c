/* library_host.c - uses a library as its arguments say: lists of commands, parted by "+", each on a thread and an instance of its own.
 *
 * WORD:WORD:... is a command. What each gave is printed as "LIST COMMAND STATUS RESULT MESSAGE". Compiled with -DP=PREFIX -DHEADER="PREFIX.h". */
#include HEADER

#include <dlfcn.h>
#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define F(name) JOIN(P, name)

typedef struct List {
    int              number, n;
    char           **command;
    F(_instance)    *it;
    F(_data)         data;
    char             names[500];
    pthread_t        thread;
} List;

static double sample(List *l, int64_t n, const char *path, F(_error) *e)
{
    float *x = (float *)malloc((size_t)(n > 0 ? n : 0) * F(_G_SIZE) * sizeof *x + 1);
    FILE  *f = fopen(path, "wb");
    int    status = F(_sample_G)(l->it, n, x, e);
    if (!status) fwrite(x, sizeof *x, (size_t)n * F(_G_SIZE), f);
    fclose(f);
    free(x);
    return status;
}

static double run(List *l, char *word[4], F(_error) *e)
{
    const char *c = word[0];
    double      value = 0;
    int64_t     done = 0;
    if (!strcmp(c, "data")) {
        snprintf(l->names, sizeof l->names, "%s", word[1]);
        l->data.name = l->names;
        l->data.path = l->names + strlen(l->names) + 1;
        snprintf(l->names + strlen(l->names) + 1, sizeof l->names - strlen(l->names) - 1, "%s", word[2]);
    }
    if (!strcmp(c, "fail")) {                               /* the n-th allocation from here on, by a library that is preloaded */
        void (*fail_in)(long);
        *(void **)&fail_in = dlsym(RTLD_DEFAULT, "fail_in");
        fail_in(atol(word[1]));
    }
    if (!strcmp(c, "locale")) value = setlocale(LC_ALL, word[1]) != NULL && *localeconv()->decimal_point == ',';
    if (!strcmp(c, "open")) {
        F(_options) o;
        memset(&o, 0, sizeof o);
        o.seed = strtoull(word[1], NULL, 10);
        o.threads = atoi(word[2]);
        o.steps = atoll(word[3]);
        if (l->data.name) o.data = &l->data, o.n_data = 1;
        F(_open)(&o, &l->it, e);
    }
    if (!strcmp(c, "train")) F(_train)(l->it, atoll(word[1]), &done, e), value = (double)done;
    if (!strcmp(c, "sample")) sample(l, atoll(word[1]), word[2], e);
    if (!strcmp(c, "save")) F(_save)(l->it, word[1], e);
    if (!strcmp(c, "load")) F(_load)(l->it, word[1], e);
    if (!strcmp(c, "state")) F(_load_state)(l->it, word[1], e);
    if (!strcmp(c, "report")) F(_report)(l->it, word[1], &value, e);
    if (!strcmp(c, "rounds")) value = (double)F(_rounds)(l->it);
    if (!strcmp(c, "over")) value = F(_over)(l->it);
    if (!strcmp(c, "close")) F(_close)(l->it), l->it = NULL;
    return value;
}

static void *run_list(void *list)
{
    static char none[] = "0";
    List *l = (List *)list;
    for (int i = 0; i < l->n; i++) {
        char    *word[4] = {none, none, none, none}, copy[500], *rest = copy;
        F(_error) e;
        memset(&e, 0, sizeof e);
        snprintf(copy, sizeof copy, "%s", l->command[i]);
        for (int k = 0; k < 4 && rest; k++) word[k] = strsep(&rest, ":");
        double value = run(l, word, &e);
        printf("%d %s %d %.17g %s\n", l->number, l->command[i], e.status, value, e.message);
    }
    F(_close)(l->it);
    return NULL;
}

int main(int argc, char **argv)
{
    List list[8];
    int  n = 0;
    memset(list, 0, sizeof list);
    list[0].command = argv + 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "+")) {
            list[n].n++;
            continue;
        }
        list[++n].command = argv + i + 1;
        list[n].number = n;
    }
    for (int i = 0; i <= n; i++) pthread_create(&list[i].thread, NULL, run_list, &list[i]);
    for (int i = 0; i <= n; i++) pthread_join(list[i].thread, NULL);
    return 0;
}
