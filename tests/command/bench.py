#!/usr/bin/env python3
"""The workloads of bench/ and what serves them; how fast they are is shown there and asserted nowhere.

usage: bench.py GAN SERVE"""
import glob
import os
import subprocess
import sys

from harness import folder, gan, run_tests

SERVE = os.path.abspath(sys.argv[2])
BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench")

KEPT = """
import optim
state two: real[1] = 2
let twos = rows(two)
net A(x: real) -> real { param w: real = 0; x + w }
net B(x: real) -> real { param w: real = 0; x + w }
two[0] := 5
alternate 10 steps, batch 4 {
  repeat 2 { update A minimize E[x ~ twos] A(x) with sgd(1) }
  update B minimize E[x ~ twos] B(x) + 100 with sgd(1)
}
"""


def serve(path, *asked):
    """The lines that it answers, as lists of words."""
    done = subprocess.run([SERVE, path, "--threads", "1"], input="".join(f"{n}\n" for n in asked), capture_output=True, text=True,
                          timeout=300, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def test_workloads_check_and_train():
    paths = sorted(glob.glob(os.path.join(BENCH, "*.gan")))
    assert len(paths) == 11, paths
    for path in paths:
        checked = gan("check", path)
        assert checked.status == 0 and "warning" not in checked.err, checked
    for path in paths:
        if os.path.basename(path) != "peers.gan":           # the module that they share
            r = gan("diff", path, "--steps", "2", timeout=300)
            assert r.status == 0 and "same bits: 2 steps" in r.out, r


def test_serve_runs_what_stands_before_the_block():
    with folder() as d:
        path = os.path.join(d, "kept.gan")
        with open(path, "w") as f:
            f.write(KEPT)
        ready, first, more = serve(path, 1, 3)
    assert ready[0] == "ready" and len(ready) == 3
    # A's w falls by 1 an update, two a round, one of which was the warm-up: the loss is that of the first update of the last round.
    assert float(first[2]) == 2 - 2 and float(more[2]) == 2 - 8, (first, more)


run_tests(globals())
