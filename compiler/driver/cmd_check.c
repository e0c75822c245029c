/* cmd_check.c - `gan check`: reads, checks and lowers; prints every error found; nothing is executed. */
#include "compiler/driver/session.h"

int cmd_check(const Options *o)
{
    int worst = EXIT_DONE;
    for (int i = 0; i < o->run.n_operands; i++) {
        Session s;
        int     status = session_open(&s, o, o->run.operands[i]);
        if (status == EXIT_DONE) printf("%s: ok\n", GAN_SHOWN(o->run.operands[i]));
        else worst = status;
        session_close(&s);
    }
    return worst;
}
