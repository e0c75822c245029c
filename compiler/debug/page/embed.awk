# Turns the page's files into C: a string for each, named by the file.
FNR == 1 {
    name = FILENAME; sub(/.*\//, "", name); gsub(/[^A-Za-z0-9]/, "_", name)
    if (n++) print ";"
    print "static const char page_" name "[] ="
}
{
    gsub(/\\/, "&&"); gsub(/"/, "\\\\&"); gsub(/\?/, "\\\\&")             # a ? could be a part of a trigraph
    print "    \"" $0 "\\n\""
}
END { print ";" }
