#!/usr/bin/env python3
"""A dictionary for the fuzzer, of a target's words: `dictionary.py syntax` prints those of the lexer's tables, and the library's names; of the readers of the two
IRs, the words of their tables.

usage: dictionary.py TARGET"""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def quoted(path):
    """What stands in quotation marks at the beginning of a rule of the lexer."""
    return re.findall(r'^\s*"((?:[^"\\]|\\.)+)"', read(path), re.M)


def defined(text):
    return re.findall(r"^(?:def|layer|net|optimizer|data|comparison|estimate|bijector)\s+(\w+)", text, re.M)


def of_programs():
    library = [name for module in sorted(os.listdir(os.path.join(ROOT, "stdlib"))) if module.endswith(".gan") for name in [module[:-4], *defined(read(f"stdlib/{module}"))]]
    built_in = re.findall(r'"(\w+)"', read("compiler/lower/eval/builtin.c"))
    return quoted("lang/syntax/lexer.re") + library + built_in


def of_rows(*paths):
    return [word for path in paths for word in re.findall(r"[A-Za-z_][\w.]*|[-=<>%@#{}\[\]]+", read(path))]


WORDS = {
    "syntax": of_programs,
    "program": of_programs,
    "ir": lambda: of_rows("compiler/ir/test_rows.ir"),
    "loop": lambda: of_rows("compiler/loop/test_rows.loop"),
    "image": lambda: ["GANIMAGE", *re.findall(r"^SECTION\((\w+)", read("runtime/image.def"), re.M)],
    "checkpoint": lambda: ["__metadata__", "xxh3", "xxh3:", "dtype", "shape", "data_offsets", "format", "gan checkpoint 1", "source", "seed", "step", "steps", "log", "position",
                           "expects", "axes", "F32", "F64", "I32", "I64", "U8", "BOOL", "BF16", "report.w"],
    "log": lambda: ["seconds", "step", "nan", "inf", "kinds"],
    "idx": lambda: [],
    "npy": lambda: ["NUMPY", "descr", "fortran_order", "shape", "True", "False", "<f8", "<f4", "<i8", "<i4", "|u1", "|b1", ">f8"],
    "csv": lambda: ["nan", "inf", "-inf", "1e999", '""', "\\x0d\\x0a"],
    "text": lambda: ["\\x0d\\x0a", "\\xc3\\xa9", "\\xef\\xbb\\xbf"],
}


def escaped(word):
    return word if "\\x" in word else word.replace("\\", "\\\\").replace('"', '\\"')


def main():
    for word in dict.fromkeys(WORDS[sys.argv[1]]()):
        print(f'"{escaped(word)}"')


main()
