#!/usr/bin/env python3
"""check.py - what reading costs: processor ms of `gan check` of every example, and seconds and MB of `gan fmt --check` (reading alone) and
`gan check` of long sources of one kind of line, at two lengths, which shows what is not linear.

    python3 bench/check.py build/compiler/driver/gan [MB, 10 without]
"""
import glob
import os
import statistics
import sys
import tempfile

from layers import cost

HEAD = "import nn, optim\ndata d = [1.0, 2, 3]\nnet A(x: real) -> real { param w: real = 0; w * x }\n"

# A line each, of its number; how many lines a MB has is not the same for all.
KINDS = {
    "comment": lambda i: f"# line {i} says nothing at all, but takes its place in the file, as comments do",
    "let, known": lambda i: f"let a{i} = {i}.5 * 2 - 1",
    "let, of the last": lambda i: f"let a{i} = a{i - 1} + 1.5" if i else "let a0 = A(1.0)",
    "def": lambda i: f"def f{i}(x) = x * {i} + 1",
    "def, used": lambda i: f"def f{i}(x) = x * {i} + 1\nreport r{i} = f{i}(A(2.0))",
    "report": lambda i: f"report r{i} = A({i}.0) + {i}",
    "expect": lambda i: f"report r{i} = A({i}.0)\nexpect r{i} == 0",
    "net": lambda i: f"net N{i}(x: real) -> real {{ param w: real = 0; w * x }}\nreport r{i} = N{i}(1.0)",
    "update": lambda i: "update A minimize E[x ~ d : 4] (A(x) - 1)^2 with sgd(0.1)",
    "wrong": lambda i: f"let a{i} = nowhere{i} + 1",
    "unread": lambda i: f"let a{i} = = 1",
}


def text(kind, lines):
    return HEAD + "".join(KINDS[kind](i) + "\n" for i in range(lines))


def examples(gan, folder):
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples", "**", "*.gan"), recursive=True)):
        seconds = statistics.median(cost([gan, "check", os.path.abspath(path)], folder)[0] for _ in range(5))
        print(f"{os.path.basename(path):28} {1000 * seconds:6.1f} ms", flush=True)


def main():
    gan, size = os.path.abspath(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 10
    with tempfile.TemporaryDirectory() as folder:
        examples(gan, folder)
        for kind in KINDS:
            line = len(text(kind, 1100)) / 1100
            for part in (0.25, 0.5, 1):
                with open(os.path.join(folder, "p.gan"), "w", encoding="utf-8") as f:
                    f.write(text(kind, int(part * size * 1e6 / line)))
                print(f"{kind:18} {part * size:5.1f} MB " + "   ".join(f"{word[0]} {s:7.2f} s {mb:6.0f} MB" for word in (["fmt", "--check"], ["check"])
                      for s, mb in [cost([gan, *word, "p.gan"], folder, allowed=(0, 1))]), flush=True)


if __name__ == "__main__":
    main()
