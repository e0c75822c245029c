#!/usr/bin/env python3
"""reduce.py - makes a program that fails small: takes statements out, and puts simpler expressions in, while it fails in the same way.

usage: reduce.py GAN FILE.gan         a program on which gan and the oracle differ, as run.py prints it

In: a text of one statement a line (blocks over several) and a question.   Out: a shorter text of which the answer is still yes. Two failures are
the same if they are of one kind, of refusals with one sentence, of crashes at one place, of numbers about as far off as before: else another fault takes
the place of the first.
Start at reduced()."""
import math
import os
import re
import sys


def pieces(lines):
    """Every run of lines that can go: a line, a whole block, or the two lines around a block's body."""
    out, opened = [], []
    for i, l in enumerate(lines):
        text = l.strip()
        if text.startswith("}") and opened:
            start = opened.pop()
            out.append(list(range(start, i + 1)))
            if not text.endswith("{"):
                out.append([start, i])
        if text.endswith("{"):
            opened.append(i)
        elif not text.startswith("}"):
            out.append([i])
    return sorted(out, key=len, reverse=True)


def simpler(line):
    """The line with one part of it replaced by a simpler one."""
    for m in re.finditer(r"\b(?:momentum|adam|rooted|turned|lengths|rmsprop|paced)\([^()]*\)", line):
        yield line[:m.start()] + "sgd(0.1)" + line[m.end():]
    for m in re.finditer(r"(?:decayed|clipped)\((?:[\d.]+, )?(.*)\)", line):
        yield line[:m.start()] + m.group(1) + line[m.end():]
    for m in re.finditer(r" project .*?(?=;|$| \})", line):
        yield line[:m.start()] + line[m.end():]
    spans, stack = [], []
    for i, c in enumerate(line):
        if c in "({":
            stack.append(i)
        elif c in ")}" and stack:
            spans.append((stack.pop(), i + 1))
    for a, b in sorted(spans, key=lambda s: s[0] - s[1]):
        start = re.search(r"[\w']*$", line[:a]).start() if line[a] == "(" else a
        yield line[:start] + "0.5" + line[b:]
        if start != a:
            yield line[:start] + line[a:]
    for m in re.finditer(r" [-+*] (?:[\w.']+(?:\([^()]*\))?)(?=[ )]|$)", line):
        yield line[:m.start()] + line[m.end():]


def without(lines, gone):
    gone = set(gone)
    return [l for i, l in enumerate(lines) if i not in gone]


def in_halves(lines, ask):
    """Takes out runs of whole statements, long runs first."""
    width = len(lines)
    while width >= 1:
        start = 0
        while start < len(lines):
            run = lines[start:start + width]
            depth = [l.strip().endswith("{") - l.strip().startswith("}") for l in run]
            balanced = sum(depth) == 0 and all(sum(depth[:i]) >= 0 for i in range(len(depth) + 1)) and not run[0].strip().startswith("}")
            if balanced and ask(lines[:start] + lines[start + width:]):
                lines = lines[:start] + lines[start + width:]
            else:
                start += max(1, width // 2) if width > 1 else 1
        width //= 2
    return lines


def smaller(text, still):
    lines, left, known = [l for l in text.splitlines() if l.strip()], [700], {}

    def ask(ls):
        t = "\n".join(ls) + "\n"
        if t not in known:
            left[0] -= 1
            known[t] = left[0] > 0 and still(t)
        return known[t]

    before = None
    while lines != before and left[0] > 0:
        before = lines
        lines = in_halves(lines, ask)
        for piece in pieces(lines):
            if max(piece) < len(lines) and ask(without(lines, piece)):
                lines = without(lines, piece)
                break
        for i in range(len(lines)):
            for s in simpler(lines[i]):
                if len(s) < len(lines[i]) and ask(lines[:i] + [s] + lines[i + 1:]):
                    lines = lines[:i] + [s] + lines[i + 1:]
                    break
    return "\n".join(lines) + "\n"


# ---- what must stay

def how_far(why):
    """The decimal logarithm of how far a number is off; None: no number is."""
    m = re.search(r" is (\S+), and (\S+) is right", why)
    if not m:
        return None
    got, right = float(m[1]), float(m[2])
    off = abs(got - right) / max(1, abs(right))
    return math.log10(off) if 0 < off < math.inf else math.inf


def said(why):
    """What gan says of a program that it refuses, or where it gave up: of a refusal the whole sentence, of a run that ended all but its numbers."""
    broken = re.search(r"internal error at (\S+)", why)
    if broken:
        return broken[1]
    m = re.search(r"error: (.*)", why)
    return m and (m[1] if re.search(r"\[[A-Z]\d+\]", m[1]) else re.sub(r"-?\d[\d.e+-]*", "0", m[1]))


def same_failure(a, b):
    if a.split(":")[0] != b.split(":")[0] or said(a) != said(b):
        return False
    far = how_far(a), how_far(b)
    return None in far or far[0] == far[1] or abs(far[0] - far[1]) < 1.5


def reduced(text, why, ask):
    """A smaller program that fails as this one does. ask: what is wrong with a text, or None."""
    def still(t):
        again = ask(t)
        return again is not None and same_failure(why, again)

    return smaller(text, still)


def main():
    import run                                              # which reduces, too

    gan, path = os.path.abspath(sys.argv[1]), sys.argv[2]
    with open(path, encoding="utf-8") as f:
        text = "".join(line for line in f if not line.startswith("#"))
    why = run.opinion(gan, text, run.WAYS)
    if why is None:
        print("gan and the oracle agree, or it has no opinion")
        return 1
    print(f"# {why}\n{reduced(text, why, lambda t: run.opinion(gan, t, run.WAYS))}", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
