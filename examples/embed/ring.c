/* ring.c - a program that has the ring's GAN inside: it trains, samples and draws. C11, and C++17 as well.
 *
 *     gan build examples/ring.gan --lib -o ring
 *     cc -std=c11 -I. examples/embed/ring.c ./ring.so -Wl,-rpath,. -o host && ./host 4000
 */
#include "ring.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 2000, WIDTH = 48, HEIGHT = 24 };

static int failed(const ring_error *error)
{
    fprintf(stderr, "host: %s\n", error->message);
    return 1;
}

/* From -3 to 3 both ways, the more samples the darker. */
static void draw(const float *x, int n)
{
    static const char shade[] = " .:+*#@";
    int count[HEIGHT][WIDTH] = {{0}};
    for (int i = 0; i < n; i++) {
        int column = (int)((x[2 * i] + 3) / 6 * WIDTH), row = (int)((3 - x[2 * i + 1]) / 6 * HEIGHT);
        if (column >= 0 && column < WIDTH && row >= 0 && row < HEIGHT) count[row][column]++;
    }
    for (int row = 0; row < HEIGHT; row++) {
        for (int column = 0; column < WIDTH; column++) {
            int c = count[row][column], level = 0;
            while (c && level < 6) c /= 2, level++;
            putchar(shade[level]);
        }
        putchar('\n');
    }
}

static int play(ring_instance *ring, int64_t rounds, ring_error *error)
{
    static float x[SAMPLES * ring_G_SIZE];
    while (!ring_over(ring) && ring_rounds(ring) < rounds) {
        int64_t left = rounds - ring_rounds(ring);
        double  modes;
        if (ring_train(ring, left < 500 ? left : 500, NULL, error)) return 1;
        if (ring_report(ring, "modes", &modes, error)) return 1;
        printf("round %lld: %g modes\n", (long long)ring_rounds(ring), modes);
    }
    if (ring_sample_G(ring, SAMPLES, x, error)) return 1;
    draw(x, SAMPLES);
    return ring_save(ring, "ring.safetensors", error);
}

int main(int argc, char **argv)
{
    static ring_options options;                            /* zeros: as the program says */
    ring_instance *ring;
    ring_error     error;
    options.seed = 1;
    if (ring_open(&options, &ring, &error)) return failed(&error);
    int status = play(ring, argc > 1 ? atoll(argv[1]) : 4000, &error);
    ring_close(ring);
    return status ? failed(&error) : 0;
}
