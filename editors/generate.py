#!/usr/bin/env python3
"""The grammar of an editor, from the tables of the lexer: lang/syntax/lexer.re has the words and signs, layout.c what must follow a word that opens a statement,
build.c the names of types.

usage: generate.py [--check]

Writes editors/vscode/syntaxes/gan.tmLanguage.json, or, with --check, says whether it is what would be written (status 1: it is not)."""
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
GRAMMAR = os.path.join(ROOT, "editors", "vscode", "syntaxes", "gan.tmLanguage.json")
START = r"[\p{L}_]"
NAME = rf"{START}[\p{{L}}\p{{N}}_]*"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def sections(lexer):
    """The rules of lexer.re below each of its headings: (heading, [(text, kind)])."""
    rules = lexer[lexer.index("// words that are always keywords"):lexer.index("// other languages' operators")]
    for part in re.split(r"^\s*// ", rules, flags=re.M)[1:]:
        yield part.splitlines()[0], re.findall(r'^\s*"([^"]+)"\s+\{ return TK_(\w+);', part, re.M)


def followers(layout):
    """By kind of token: what must follow for a word to open a statement (SOFT_NAME ...)."""
    body = layout[layout.index("static Soft soft_kind"):layout.index("default: return SOFT_NOT")]
    found = {}
    for kinds, soft in re.findall(r"((?:\s*case TK_\w+:)+)\s*return (SOFT_\w+);", body):
        for kind in re.findall(r"TK_(\w+)", kinds):
            found[kind] = soft
    return found


AHEAD = {"SOFT_NAME": rf"(?=\s+{START})", "SOFT_BLOCK": r"(?=\s*\{)", "SOFT_COUNT": r"(?=\s*[\p{L}\p{N}_(\[{-])", "SOFT_EXPR": r"(?=\s*[^\s=:,.)])",
         "SOFT_WHEN": r"(?=\s+when\b)", "SOFT_SAVE": r'(?=\s*("|$|;|\}|#))'}


def words(list_of_words):
    return "|".join(re.escape(w) for w in list_of_words)


def opening_patterns(openers, softs):
    for soft in AHEAD:
        these = [text for text, kind in openers if softs[kind] == soft]
        yield {"match": rf"(^\s*|[{{;]\s*)({words(these)})\b{AHEAD[soft]}", "captures": {"2": {"name": "keyword.control.statement.gan"}}}


def grammar():
    parts = dict(sections(read("lang/syntax/lexer.re")))
    always, openers = parts["words that are always keywords"], parts["words that open a statement, elsewhere names"]
    inner = [text for heading, rules in parts.items() if heading.startswith("words inside a statement") for text, _ in rules if re.match(r"\w", text)]
    signs = sorted((text for rules in parts.values() for text, _ in rules if not re.match(r"\w", text)), key=lambda s: (-len(s), s))
    softs = followers(read("lang/syntax/layout.c"))
    assert {kind for _, kind in openers} == set(softs), "lexer.re and layout.c differ"
    types = re.findall(r'"(\w+)"', re.search(r"type_names\[\] = \{([^}]*)\}", read("lang/syntax/build.c")).group(1))
    constants = [text for text, _ in always if text in ("true", "false")]
    hard = [text for text, _ in always if text not in constants]
    defining = [text for text, kind in openers if softs[kind] == "SOFT_NAME"] + ["def"]
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "Gan",
        "scopeName": "source.gan",
        "fileTypes": ["gan"],
        "patterns": [
            {"match": r"##(?!#).*$", "name": "comment.line.documentation.gan"},
            {"match": r"#.*$", "name": "comment.line.number-sign.gan"},
            {"begin": '"', "end": '"|$', "name": "string.quoted.double.gan", "patterns": [{"match": r'\\([nt\\"]|u\{[0-9A-Fa-f]{1,6}\})', "name": "constant.character.escape.gan"}]},
            {"match": r"(?<![\p{L}\p{N}_])[0-9]+(_[0-9]+)*(\.[0-9]+(_[0-9]+)*)?([eE][-+]?[0-9]+(_[0-9]+)*)?", "name": "constant.numeric.gan"},
            {"match": rf"(^\s*|[{{;]\s*)({words(defining)})\s+(?:simulator\s+)?({NAME})", "captures": {"2": {"name": "keyword.control.statement.gan"}, "3": {"name": "entity.name.gan"}}},
            *opening_patterns(openers, softs),
            {"match": rf"(?<![.\p{{L}}\p{{N}}_])({words(hard)})\b", "name": "keyword.control.gan"},
            {"match": rf"(?<![.\p{{L}}\p{{N}}_])({words(constants)})\b", "name": "constant.language.gan"},
            {"match": r"(?<![.\p{L}\p{N}_])(E|grad)(?=[ \t]*\[)", "name": "keyword.operator.expectation.gan"},
            {"match": rf"(?<=[\p{{L}}\p{{N}}_)\]}}'\"]\s)({words(inner)})(?=[\s,])", "name": "keyword.other.gan"},
            {"match": r"(?<=,\s)batch\b(?=\s+[\p{L}\p{N}_(])", "name": "keyword.other.gan"},
            {"match": rf"(?<![.\p{{L}}\p{{N}}_])({words(types)})(?=\s*[\[=,)~{{]|\s*$)", "name": "storage.type.gan"},
            {"match": rf"(?<![\p{{L}}\p{{N}}_]){NAME}(?=\s*\()", "name": "entity.name.function.gan"},
            {"match": words(s for s in signs if s not in "()[]{}"), "name": "keyword.operator.gan"},
        ],
    }


def main():
    text = json.dumps(grammar(), indent=2, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        current = os.path.exists(GRAMMAR) and read(GRAMMAR) == text
        print("the editor's grammar is current" if current else f"{os.path.relpath(GRAMMAR, ROOT)} is not what editors/generate.py makes of the lexer's tables: run it")
        return 0 if current else 1
    with open(GRAMMAR, "w", encoding="utf-8") as f:
        f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
