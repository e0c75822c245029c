# Turns files into C: a string literal a line, and the table that texts_find() reads.
FNR == 1 {
    if (n++) print ";"
    names[n] = FILENAME; sub(/.*\//, "", names[n])
    print "static const char text_" n "[] ="
}
{
    gsub(/[\\"]/, "\\\\&")
    print "    \"" $0 "\\n\""
}
END {
    print ";"
    print "static const struct { const char *name, *text; } table[] = {"
    for (i = 1; i <= n; i++) print "    {\"" names[i] "\", text_" i "},"
    print "};"
}
