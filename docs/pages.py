#!/usr/bin/env python3
"""The pages that are made of tables of the compiler: diagnostics.md of lang/source/codes.def and the error programs of the tests, and
from-pytorch.md of lang/source/habits.def.

usage: pages.py      writes both; tests/docs.py holds them current"""
import ast
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STRINGS = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
LONGEST = 110                                               # columns of a line of an example


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def text(strings):
    """What C makes of string literals that stand side by side."""
    return "".join(ast.literal_eval(s) for s in re.findall(r'"(?:[^"\\]|\\.)*"', strings))


# ---- diagnostics.md

KINDS = {"E00": "Files", "E02": "Reading a line", "E10": "Names and arguments", "E20": "Shapes and types", "E30": "Distributions and gradients", "E40": "The schedule", "E50": "Data",
         "E60": "The rest", "W": "Warnings"}
INTRODUCTION = """# What the compiler says

Made by `docs/pages.py` of the table of codes and the error programs of the tests, so every message here is one that the tests hold. `gan doc CODE`
says the same in a terminal. A message has a place, a sentence, the lines that it speaks of, and a way out; one run says all that is wrong,
and no mistake twice. What hangs on a line that could not be read is not judged.
"""


def codes():
    return [(c, text(t), text(a)) for c, t, a in re.findall(r"^CODE\((\w+),\s*" + STRINGS + r",\s*" + STRINGS + r"\)", read("lang/source/codes.def"), re.M)]


def program(path):
    """The wrong program of a test, its messages, the program mended."""
    lines = read(path).splitlines()
    wrong = [line for line in lines if not line.startswith(("#!", "#~"))]
    return wrong, [line[3:] for line in lines if line.startswith("#! ")], [line[3:] for line in lines if line.startswith("#~ ")]


def short(line):
    return line if len(line) <= LONGEST else line[:LONGEST - 3] + "..."


def block(lines):
    return "\n".join(["```", *map(short, lines), "```", ""])


def messages(lines):
    """Each from its first line to the one before the next."""
    out = []
    for line in lines:
        if re.match(r"\S+:.*(error|warning): ", line):
            out.append([])
        if out:
            out[-1].append(line)
    return out


def elsewhere():
    """By code: the shortest message with it of all error programs."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/golden/errors/*.gan"))):
        for m in messages(program(path)[1]):
            code = re.search(r" \[(\w+)\]$", m[0])
            if code and sum(map(len, m)) < sum(map(len, found.get(code.group(1), ["x" * 100000]))):
                found[code.group(1)] = m
    return found


def diagnostics():
    out, last, others = [INTRODUCTION], None, elsewhere()
    listed = codes()
    for code, title, about in [c for c in listed if c[0][0] == "E"] + [c for c in listed if c[0][0] != "E"]:
        kind = next(KINDS[k] for k in (code[:3], code[:2] + "0", code[0]) if k in KINDS)
        if kind != last:
            out.append(f"## {kind}\n")
            last = kind
        out.append(f"### {code}: {title}\n\n{about}\n")
        path = f"tests/golden/errors/code_{code}.gan"
        if os.path.exists(os.path.join(ROOT, path)):
            wrong, said, right = program(path)
            out.append(block(wrong) + "\n" + block(said) + "\nThe way out:\n\n" + block(right))
        elif code in others:
            out.append(block(others[code]))
    return "\n".join(out)


# ---- from-pytorch.md

BEFORE = """# Coming from PyTorch

Made by `docs/pages.py` of `lang/source/habits.def`, the table from which the compiler answers what is written here as it is elsewhere. What is
different is not the words, but these:

- A program is a game: nets own parameters, losses compare, `update` moves a player down a loss. There is no loop to write, no
  `backward`, `step`, `zero_grad` or `detach`: what an update does not name is fixed in it.
- Code is written for one example. `E[x ~ data]` draws a batch and averages over it; there is no batch dimension in a shape.
- Whatever stands after `~` is a distribution: data, a generator, `Normal(0, 1)^64`.
- An update steps all parameters of its player, one that its loss does not reach with the gradient 0: Adam's means go on moving it, and a
  decay shrinks it, as in PyTorch after `zero_grad(set_to_none=False)`, which by itself skips it. What is to rest is a net of its own.
- Shapes are checked before anything runs, and nothing is repeated silently.
- Whole programs stand in `examples/`; the language is [language.md](language.md), the library [library.md](library.md).
"""


def habits():
    """Sections of (theirs, ours, remark)."""
    rows = re.compile(r"/\* ---- (.*?) \*/|^HABIT\((\w+),\s*" + ",\\s*".join([STRINGS] * 4) + r"\)", re.M)
    out = []
    for m in rows.finditer(read("lang/source/habits.def")):
        if m.group(1):
            out.append((m.group(1), []))
        else:
            out[-1][1].append(tuple(map(text, m.groups()[3:6])))
    return out


def cell(code):
    return "`" + code.replace("|", "\\|") + "`" if code else ""


def from_pytorch():
    out = [BEFORE]
    for title, rows in habits():
        out.append(f"## {title.capitalize()}\n")
        out.append("| there | here | |\n| --- | --- | --- |")
        seen = set()
        for theirs, ours, remark in rows:
            if (theirs, ours) not in seen:
                out.append(f"| {cell(theirs)} | {cell(ours)} | {remark.replace('|', chr(92) + '|')} |")
            seen.add((theirs, ours))
        out.append("")
    return "\n".join(out)


PAGES = {"docs/diagnostics.md": diagnostics, "docs/from-pytorch.md": from_pytorch}


def main():
    for path, make in PAGES.items():
        with open(os.path.join(ROOT, path), "w", encoding="utf-8") as f:
            f.write(make())


if __name__ == "__main__":
    main()
