/* cmd_run.c - `gan run`: compiles in memory and trains; several games at a time with --seeds; as a page with --serve. */
#include "compiler/debug/probe.h"
#include "compiler/debug/serve.h"
#include "compiler/debug/watch.h"
#include "compiler/session/session.h"

#include <stdio.h>

/* With somebody who looks at the game. */
static int run_watched(Session *s, FILE **said)
{
    GanError err;
    if (probe_new_state(s, 0, &err)) return say_error(&s->o->run, &err);
    GameWatch *w = watch_open(s, said, game_say, &s->game);
    if (!w) return say_error(&s->o->run, (gan_error(&err, GAN_WORLD, "no memory to watch the game"), &err));
    s->game.round = watch_round;
    s->game.round_self = w;
    int status = game_run(&s->game);
    watch_close(w);
    return status;
}

/* False, after saying so: flags that contradict one another. */
static bool can_show(const Options *o)
{
    const char *why = NULL;
    if (o->watch_game && (o->run.seeds > 1 || o->served)) why = "--watch-game looks at a single game, and not with --serve, which shows it";
    else if (o->served && o->run.seeds > 1) why = "--serve shows a single game, and --seeds runs several";
    if (why) fprintf(stderr, "gan: %s\n", why);
    return !why;
}

int cmd_run(const Options *given)
{
    FILE   *said = NULL;
    Options o = *given;
    o.said = &said;
    if (!game_can_run(&o.run) || !can_show(&o)) return EXIT_WRONG_USAGE;
    if (o.served) return serve_run(&o);
    Session s;
    int     status = session_open(&s, &o, o.run.operands[0]);
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start(&s);
    }
    if (status == EXIT_DONE) status = o.watch_game ? run_watched(&s, &said) : game_run(&s.game);
    session_close(&s);
    return status;
}
