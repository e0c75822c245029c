/* cmd_run.c - `gan run`: compiles in memory and trains; several games at a time with --seeds. */
#include "compiler/debug/serve.h"
#include "compiler/driver/session.h"

int cmd_run(const Options *o)
{
    if (!game_can_run(&o->run)) return EXIT_WRONG_USAGE;
    if (o->served) return serve_run(o);
    Session s;
    int     status = session_open(&s, o, o->run.operands[0]);
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start(&s);
    }
    if (status == EXIT_DONE) status = game_run(&s.game);
    session_close(&s);
    return status;
}
