/* kitty.c - see kitty.h. */
#include "compiler/repl/kitty.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 3072 };                                      /* bytes of the file in one escape: 4096 of base64, the most there may be */

bool kitty_is_there(void)
{
    const char *term = getenv("TERM");
    if (!term || !strncmp(term, "screen", 6) || !strncmp(term, "tmux", 4)) return false;
    return !strcmp(term, "xterm-kitty") || !strcmp(term, "xterm-ghostty") || getenv("KITTY_WINDOW_ID");
}

static void add_base64(Text *out, const uint8_t *b, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t   left = n - i;
        uint32_t v = (uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) | (left > 2 ? b[i + 2] : 0);
        char     four[] = {digit[v >> 18], digit[v >> 12 & 63], left > 1 ? digit[v >> 6 & 63] : '=', left > 2 ? digit[v & 63] : '='};
        text_addn(out, four, sizeof four);
    }
}

bool kitty_picture(Text *out, const char *path)
{
    FILE   *f = fopen(path, "re");
    uint8_t piece[PIECE], next[PIECE];
    size_t  n = f ? fread(piece, 1, PIECE, f) : 0;
    bool    first = true;
    for (size_t more; n; n = more, first = false) {
        more = fread(next, 1, PIECE, f);
        text_printf(out, "\x1b_G%sm=%d;", first ? "a=T,f=100," : "", more > 0);
        add_base64(out, piece, n);
        text_add(out, "\x1b\\");
        memcpy(piece, next, more);
    }
    text_add(out, "\n");
    if (f) fclose(f);
    return !first;
}
