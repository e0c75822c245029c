#!/usr/bin/env python3
"""docs/grammar.md from lang/syntax/grammar.y, with the words and signs as lang/syntax/lexer.re spells them.

usage: grammar.py [--check]

--check: is the page what would be written? (status 1: it is not)"""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PAGE = os.path.join(ROOT, "docs", "grammar.md")
CLASSES = {"ID": "name", "NUMBER": "number", "STRING": "string", "END": "end"}

HEAD = """# The grammar

This page is made of `lang/syntax/grammar.y` by `docs/grammar.py`; what the parts mean is said in [language.md](language.md).

Words and signs of the language stand in quotes; `name`, `number` and `string` are as in its section 1, `end` is a newline or a `;` that ends a statement, or what stands before a `}`. `a | b`
is a choice, `[a]` may be missing, `{a}` repeats. Left of `~`, `=` and `:=` and in types the grammar reads expressions; which of them are patterns, targets and types is said there, too.

"""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def spellings():
    """What the lexer makes each token of."""
    found = dict(CLASSES)
    for text, kind in re.findall(r'^\s*"([^"]+)"(?: blank\* "\[")?\s+\{ return TK_(\w+);', read("lang/syntax/lexer.re"), re.M):
        if kind not in found:
            found[kind] = '"' + text + ("[" if kind.endswith("_OPEN") else "") + '"'
    return found


def lines_of(comment):
    """An example a line: they stand far apart in one, too. Headings are none."""
    lines = [line.strip().removeprefix("*").strip() for line in comment.splitlines() if "====" not in line]
    return [example for line in lines for example in re.split(r" {4,}", line) if example]


def rules(grammar, spelt):
    """(name, alternative as a list of words, the lines of the comment above it) in order of the text; what only the parser needs is left out."""
    body = grammar[grammar.index("stmts(L) ::= .") - 200:grammar.index("/* What layout.c gives")]
    comment = []
    for m in re.finditer(r"/\*(?P<comment>.*?)\*/|^(?P<name>\w+)\(\w+\) ::=(?P<right>[^.]*)\.", body, re.M | re.S):
        if m["comment"] is not None:
            comment = lines_of(m["comment"])
            continue
        words = [re.sub(r"\(\w+\)", "", w) for w in m["right"].split()]
        if "error" in words:
            continue
        yield m["name"], [spelt.get(w, w) for w in words], comment
        comment = []


def shortened(name, alternatives):
    """X = a | X s a as a {s a}; X = nothing | a as [a]; X = nothing | X a as {a}."""
    alts = [a for a, _ in alternatives]
    rest = [a for a in alts if a]
    if len(alts) == 2 and len(rest) == 2 and rest[1][0] == name and rest[1][-len(rest[0]):] == rest[0]:
        return [(rest[0] + ["{" + " ".join(rest[1][1:]) + "}"], alternatives[0][1])]
    if len(rest) == len(alts):
        return alternatives
    if all(a[0] == name for a in rest):
        return [(["{" + " ".join(a[1:]) + "}"], c) for a, c in alternatives if a]
    return [(["[" + " ".join(a) + "]"], c) for a, c in alternatives if a]


def levels(grammar, spelt):
    """Operators, loosest first: (their signs, how they group)."""
    for how, kinds in re.findall(r"^%(left|right|nonassoc)\s+([A-Z_ ]+)\.", grammar, re.M):
        signs = [spelt.get(k, '"-"' + " (a sign)" if k == "SIGN" else k) for k in kinds.split()]
        yield " ".join(f"`{s}`" if "(" not in s else s for s in signs), how


def page():
    grammar, spelt = read("lang/syntax/grammar.y"), spellings()
    by_name = {}
    for name, words, comment in rules(grammar, spelt):
        by_name.setdefault(name, []).append((words, comment))
    out = [HEAD]
    for name, alternatives in by_name.items():
        lines = shortened(name, alternatives)
        for i, (words, comment) in enumerate(lines):
            out += [f"    # {line}\n" for line in comment]
            out.append(f"    {name if i == 0 else '':8} {'=' if i == 0 else '|'} {' '.join(words)}\n")
        out.append("\n")
    out.append("Operators, loosest first; those of one row from left to right, from right to left, or not in a row at all:\n\n| | |\n| --- | --- |\n")
    words = {"left": "from left to right", "right": "from right to left", "nonassoc": ""}
    out += [f"| {signs.replace('|', chr(92) + '|')} | {words[how]} |\n" for signs, how in levels(grammar, spelt)]
    return "".join(out)


def main():
    text = page()
    if sys.argv[1:] == ["--check"]:
        current = os.path.exists(PAGE) and read("docs/grammar.md") == text
        print("docs/grammar.md is current" if current else "docs/grammar.md is not what docs/grammar.py makes of the grammar: run it")
        print(f"{int(current)} passed, {int(not current)} failed")
        return 0 if current else 1
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
