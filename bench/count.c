/* count.c - trains the game of a library `step` for so many rounds: the program whose instructions bench/run counts.
 *
 *     gan build bench/w1b.gan --lib -o step
 *     cc -I. bench/count.c ./step.so -Wl,-rpath,. -o count && valgrind --tool=callgrind --toggle-collect=step_train ./count 2
 */
#include "step.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    step_options options = {.threads = 1};
    step_instance *it;
    step_error error;
    if (argc != 2 || step_open(&options, &it, &error) || step_train(it, atoll(argv[1]), NULL, &error)) {
        fprintf(stderr, "count: %s\n", argc != 2 ? "how many rounds?" : error.message);
        return 1;
    }
    step_close(it);
    return 0;
}
