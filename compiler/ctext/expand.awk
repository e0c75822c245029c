# Turns prelude.h into a C string, with every header of ours that it includes in its place: a line a literal.
function expand(path,    line, name, ok) {
    while ((ok = (getline line < path)) > 0) {
        if (line ~ /^#pragma once/) continue
        if (line ~ /^#include "/) {
            name = line; sub(/^#include "/, "", name); sub(/".*/, "", name)
            expand(root "/" name)                           # closed behind it: functions.h includes one file twice
            continue
        }
        gsub(/\\/, "&&", line); gsub(/"/, "\\\"", line)
        print "    \"" line "\\n\""
    }
    if (ok < 0) { print "no " path > "/dev/stderr"; exit 1 }
    close(path)
}
BEGIN {
    root = ARGV[2]
    print "static const char prelude[] ="
    expand(ARGV[1])
    print ";"
    exit
}
