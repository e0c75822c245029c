#!/usr/bin/env python3
"""The tutorial as a reader follows it: its files are written, its commands typed, in order, with few steps. And the examples that are not trained to their
end elsewhere, for a few."""
import glob
import os
import re
import subprocess

from harness import folder, gan, run_tests

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# `name.gan`: and the block below it, or a line to type.
PART = re.compile(r"`(\w+\.(?:gan|csv))`[^\n]*:\n\n```\w+\n((?:(?!```).)*)```|^    (gan|\./own) ([^\n]*)$", re.M | re.S)


def typed(program, words, d):
    words = re.findall(r"'([^']*)'|(\S+)", words)
    args = [a or b for a, b in words]
    if program == "gan" and args[0] in ("run", "test"):
        args += ["--steps", 3, "--backend", "interp", "--quiet"]
    if program == "gan":
        r = gan(*args, cwd=d)
        held = r.status == 0 or (args[0] == "test" and ("NOT held" in r.out or "not judged" in r.out))     # three steps keep no promise
        quiet = "warning" not in r.err or (args[1] == "critic.gan" and r.err.count("warning") == 1 and "[W400]" in r.err)      # of which the text speaks
        assert held and quiet, (args, r)
    else:
        subprocess.run([program, *args], cwd=d, check=True, capture_output=True, timeout=60)


def test_the_tutorial():
    with open(os.path.join(ROOT, "docs", "tutorial.md"), encoding="utf-8") as f:
        text = f.read()
    parts = list(PART.finditer(text))
    assert sum(1 for p in parts if p[1]) == text.count("```") // 2 and sum(1 for p in parts if p[3]) >= 10, "every block is a file with a name"
    assert len(re.findall(r"^## ", text, re.M)) == 10
    with folder() as d:
        for p in parts:
            if p[1]:
                with open(os.path.join(d, p[1]), "w", encoding="utf-8") as f:
                    f.write(p[2])
            else:
                typed(p[3], p[4], d)
        assert len(open(os.path.join(d, "more.csv"), encoding="utf-8").readlines()) == 100 and os.path.getsize(os.path.join(d, "more.npy")) > 800


def test_examples_begin():
    with open(os.path.join(ROOT, "tests", "meson.build"), encoding="utf-8") as f:
        whole = set(re.findall(r"'(\w+)': \d+", re.search(r"^examples = \{(.*)\}", f.read(), re.M)[1]))
    rest = [p for p in sorted(glob.glob(os.path.join(ROOT, "examples", "*.gan"))) if os.path.basename(p)[:-4] not in whole]
    assert len(rest) >= 7, rest
    with folder() as d:
        for path in rest:
            r = gan("run", path, "--steps", 3, "--backend", "interp", "--quiet", cwd=d)
            assert r.status == 0 and not r.err, (path, r)
            text = open(path, encoding="utf-8").read()
            assert text.startswith("## ") and re.search(r"^ *expect ", text, re.M), path


run_tests(globals())
