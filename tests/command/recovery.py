#!/usr/bin/env python3
"""Right programs of which one statement cannot be read: `gan check` finds the mistake there, and no other anywhere, as nothing else is wrong. All
that hangs on what the statement would have declared, drawn, reported or updated must not be judged.

GAN_BROKEN=n breaks n statements of each program (default 1), GAN_BROKEN_SEED=s others than the usual ones (default 1)."""
import glob
import json
import os
import random
import re

from harness import folder, gan, run_tests

ROOT = os.environ.get("GAN_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EACH = int(os.environ.get("GAN_BROKEN", "1"))
SEED = int(os.environ.get("GAN_BROKEN_SEED", "1"))
BATCH = 20                                                  # programs a process


def broken(r, line):
    """The line with a sign too many, at one of a few places; its braces stay as they are."""
    code = line.split("#")[0].rstrip()
    if r.randrange(3) == 0 and "=" in code:
        return code.replace("=", "= +* ", 1)
    if r.randrange(2) == 0 and " " in code.strip():
        return code.replace(" ", " ? ", 1)
    return code[:-1] + "$ {" if code.endswith("{") else code + " $"


def programs(r):
    for path in sorted(glob.glob(os.path.join(ROOT, "examples/*.gan")) + glob.glob(os.path.join(ROOT, "tests/golden/run/*.gan"))):
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        if re.search(r"\b(csv|idx|npy)\(", "\n".join(lines)):
            continue                                        # their files are not here
        places = [i for i, line in enumerate(lines) if re.match(r"\s*\w", line)]
        for at in r.sample(places, min(EACH, len(places))):
            yield os.path.basename(path), at + 1, "\n".join(lines[:at] + [broken(r, lines[at])] + lines[at + 1:])


def elsewhere(said, places):
    """What is said of other lines than the broken ones; which of those are mistakes."""
    found = set()
    for line in said.splitlines():
        d = json.loads(line)
        if d["severity"] != "error":
            continue
        assert d["range"] and d["range"]["start"]["line"] == places[d["file"]][0], (places[d["file"]], d)
        found.add(d["file"])
    return found


def test_one_mistake_is_one():
    r = random.Random(SEED)
    every = list(programs(r))
    assert len(every) > 40
    with folder() as d:
        for begin in range(0, len(every), BATCH):
            places = {}
            for i, (name, at, text) in enumerate(every[begin:begin + BATCH]):
                file = f"p{i}.gan"
                places[file] = (at, name, text.split("\n")[at - 1])
                with open(os.path.join(d, file), "w", encoding="utf-8") as f:
                    f.write(text)
            out = gan("check", "--diagnostics=json", *places, cwd=d, timeout=300)
            assert out.status == 1 and elsewhere(out.err, places) == set(places), (set(places) - elsewhere(out.err, places), out)


run_tests(globals())
