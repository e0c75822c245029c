#!/usr/bin/env python3
"""The editor's grammar: it is what the lexer's tables make, and it sees in a program what the lexer sees.

usage: editors.py"""
import json
import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def patterns():
    """(compiled, scope by group) in order; letters are ASCII here, as Python's classes have no \\p."""
    with open(f"{ROOT}/editors/vscode/syntaxes/gan.tmLanguage.json", encoding="utf-8") as f:
        for p in json.load(f)["patterns"]:
            text = p.get("match") or p["begin"] + r'[^"]*"'
            scopes = {int(k): v["name"] for k, v in p.get("captures", {}).items()} or {0: p["name"]}
            yield re.compile(text.replace(r"\p{L}", "a-zA-Z").replace(r"\p{N}", "0-9")), scopes


def scopes(line, rules):
    """What an editor makes of a line: (text, scope), the earliest match first, then the first rule."""
    at, out = 0, []
    while at < len(line):
        found = [(m.start(), i, m) for i, (r, _) in enumerate(rules) for m in [r.search(line, at)] if m and m.end() > m.start()]
        if not found:
            break
        _, i, m = min(found, key=lambda f: f[:2])
        out += [(m.group(g), s.removesuffix(".gan")) for g, s in rules[i][1].items() if m.group(g)]
        at = max(m.end(), at + 1)
    return out


STATEMENT, WORD, INNER, NAME, OP, NUMBER, TYPE, CALL = ("keyword.control.statement", "keyword.control", "keyword.other", "entity.name", "keyword.operator", "constant.numeric",
                                                        "storage.type", "entity.name.function")
LINES = {
    "net D(x: real[2]) -> real { x }": [("net", STATEMENT), ("D", NAME), (":", OP), ("real", TYPE), ("2", NUMBER), ("->", OP), ("real", TYPE)],
    "  update G, D minimize E[x ~ p] f(x) with adam(1e-3)  # down": [("update", STATEMENT), ("G", NAME), (",", OP), ("minimize", INNER), ("E", "keyword.operator.expectation"),
                                                                ("~", OP), ("f", CALL), ("with", WORD), ("adam", CALL), ("1e-3", NUMBER), ("# down", "comment.line.number-sign")],
    "alternate 25_000 steps, batch 512 { repeat 3 { stop when w < 1 } }": [("alternate", STATEMENT), ("25_000", NUMBER), ("steps", INNER), (",", OP), ("batch", INNER),
                                                                      ("512", NUMBER), ("repeat", STATEMENT), ("3", NUMBER), ("stop", STATEMENT), ("when", INNER),
                                                                      ("<", OP), ("1", NUMBER)],
    "let image = data.state + stop(loss)": [("let", WORD), ("=", OP), (".", OP), ("+", OP), ("stop", CALL)],
    'save "best"; ## x': [("save", STATEMENT), ('"best"', "string.quoted.double"), ("## x", "comment.line.documentation")],
    "## About a.": [("## About a.", "comment.line.documentation")],
    "let c = if training and not (a.update) { true }": [("let", WORD), ("=", OP), ("if", WORD), ("and", WORD), ("not", WORD), (".", OP), ("true", "constant.language")],
}


def main():
    failed = subprocess.run([sys.executable, f"{ROOT}/editors/generate.py", "--check"], check=False).returncode != 0
    rules = list(patterns())
    for line, wanted in LINES.items():
        seen = scopes(line, rules)
        if seen != wanted:
            failed = True
            print(f"{line}\n  seen   {seen}\n  wanted {wanted}")
    print(f"{0 if failed else 1} passed, {1 if failed else 0} failed")
    return 1 if failed else 0


sys.exit(main())
