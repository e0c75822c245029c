# Turns the library's .gan files into C: a string literal a line, and the table that stdlib_find() reads.
FNR == 1 {
    name = FILENAME; sub(/.*\//, "", name); sub(/\.gan$/, "", name)
    if (n++) print ";"
    names[n] = name
    print "static const char text_" name "[] ="
}
{
    gsub(/\\/, "\\\\"); gsub(/"/, "\\\"")
    print "    \"" $0 "\\n\""
}
END {
    print ";"
    print "static const struct { const char *name, *text; size_t n; } table[] = {"
    for (i = 1; i <= n; i++) print "    {\"" names[i] "\", text_" names[i] ", sizeof text_" names[i] " - 1},"
    print "};"
    print "const char *const stdlib_names[] = {"
    for (i = 1; i <= n; i++) print "    \"" names[i] "\","
    print "    NULL,"
    print "};"
}
