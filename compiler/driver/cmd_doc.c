/* cmd_doc.c - `gan doc`: what the code at the end of a diagnostic means, from codes.def. */
#include "compiler/driver/session.h"

int cmd_doc(const Options *o)
{
    int worst = EXIT_DONE;
    for (int i = 0; i < o->run.n_operands; i++) {
        DiagCode code = diag_code_named(o->run.operands[i]);
        if (code == DIAG_NO_CODE) worst = say_wrong(&o->run, "no diagnostic has the code %s", o->run.operands[i]);
        else printf("%s: %s\n%s\n", diag_code_name(code), diag_code_title(code), diag_code_about(code));
    }
    return worst;
}
