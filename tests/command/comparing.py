#!/usr/bin/env python3
"""docs/comparing-distributions.md as a reader follows it: its programs are written, its commands typed; what they promise is held."""
import os
import re

from harness import SANITIZED, folder, gan, run_tests

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PART = re.compile(r"`(\w+\.gan)`:\n\n```gan\n((?:(?!```).)*)```|^    gan (\w+) (\w+\.gan)$", re.M | re.S)


def test_its_programs():
    with open(os.path.join(ROOT, "docs", "comparing-distributions.md"), encoding="utf-8") as f:
        text = f.read()
    parts = list(PART.finditer(text))
    named = [p[1] for p in parts if p[1]]
    assert len(named) == text.count("```") // 2 == 5 and set(named) == {p[4] for p in parts if p[3] == "test"}, named
    assert len(re.findall(r"^## ", text, re.M)) == 4
    few = ("--steps", 3) if SANITIZED else ()
    with folder() as d:
        for p in parts:
            if p[1]:
                with open(os.path.join(d, p[1]), "w", encoding="utf-8") as f:
                    f.write(p[2])
                assert gan("fmt", "--check", p[1], cwd=d).status == 0, p[1]
            elif p[3] == "test":
                r = gan("test", p[4], "--quiet", "--threads", 1, *few, cwd=d, timeout=300)
                assert r.status == 0 or (few and "NOT held" in r.out), r
                assert not r.err, r
            else:
                r = gan(p[3], p[4], cwd=d)
                assert r.status == 0 and "X and Y: a zero sum" in r.out, r


run_tests(globals())
