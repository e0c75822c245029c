#!/usr/bin/env python3
"""Each allocation of gan's own fails once: in `check`, `run` of both engines, `run --resume`, `sample`, `build` and a native program. Nothing crashes or hangs; either all
comes out as it does else, or memory is said to have run out, with status 3; and what lies in the run's folder then is whole, so that `--resume` makes the run that never failed.

A few of them are tried. GAN_ALLOCATIONS=all tries every one, =any also those of all libraries but LLVM, which ends the process by itself."""
import glob
import json
import os
import shutil
import subprocess

from harness import GAN, SANITIZED, build_fails_once, content, folder, gan, run_tests, without_time

HOW = os.environ.get("GAN_ALLOCATIONS", "")
SAMPLED = 7                                                 # of each command
BEGIN = 50                                                  # of `check`, the library is parsed in those before and data are read
PROGRAM = """
import nn, optim
data t: real[2] = csv("t.csv") |> filter(fn(r) r[0] > 1)
net D(x: real[2]) -> real { x |> Dense(8) |> relu |> Dense(1) |> scalar }
implicit G(z: real[2] ~ Normal(0, 1)) -> real[2] { z |> Dense(2) }
alternate 12 steps, batch 16 {
  update D minimize E[x ~ t] D(x)^2 with adam(1e-3)
  update G minimize E[x ~ G] D(x)^2 with adam(1e-3)
  every 4 { report far = E[x ~ t] D(x); plot samples = scatter(t, G); save }
}
require sum(iota(5)) == 10
expect far > -100
"""


class House:
    """A folder with the program, a run that is whole, one that was cut, and compiled code that is kept."""

    def __init__(self, d):
        self.d = d
        self.env = {**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": f"{d}/cache", "OPENBLAS_NUM_THREADS": "1"}
        build_fails_once(d)
        with open(f"{d}/p.gan", "w") as f:
            f.write(PROGRAM)
        with open(f"{d}/t.csv", "w") as f:
            f.write("".join(f"{i},{i * i % 7}\n" for i in range(12)))
        os.mkdir(f"{d}/cache")
        self.must("run", "p.gan", "--quiet", "--threads", "1", "--out", "whole")
        self.must("run", "p.gan", "--quiet", "--threads", "1", "--out", "cut", "--steps", "8")
        self.must("sample", "p.gan", "G", "-n", "5", "--out", "cut", "-o", "whole.npy")

    def must(self, *args):
        r = gan(*args, cwd=self.d, env=self.env)
        assert r.status == 0, (args, r)

    def fresh(self, cut):
        for made in glob.glob(f"{self.d}/out*"):
            shutil.rmtree(made) if os.path.isdir(made) else os.remove(made)
        if cut:
            shutil.copytree(f"{self.d}/cut", f"{self.d}/out")

    def call(self, args, cut, fail_at=None, count=None, whose="ours"):
        self.fresh(cut)
        env = {**self.env, "LD_PRELOAD": f"{self.d}/fails.so", "FAIL_WHOSE": whose}
        env.update({"FAIL_AT": str(fail_at)} if fail_at else {}, **({"FAIL_COUNT": count} if count else {}))
        r = subprocess.run(args, cwd=self.d, env=env, capture_output=True, text=True, timeout=120, check=False)
        return r.returncode, r.stderr

    def number(self, args, cut, whose):
        status, said = self.call(args, cut, count=f"{self.d}/count", whose=whose)
        assert status == 0, (args, status, said)
        return int(content(f"{self.d}/count"))


def check_whole(out):
    for path in glob.glob(f"{out}/**", recursive=True):
        if path.endswith(".png"):
            assert content(path).endswith(b"IEND\xaeB`\x82"), path
        elif path.endswith(".html"):
            assert content(path).rstrip().endswith(b"</html>"), path
        elif path.endswith(".jsonl"):
            for line in content(path).splitlines(keepends=True):
                assert line.endswith(b"\n") and json.loads(line), (path, line)
        elif path.endswith(".safetensors"):
            data = content(path)
            head = int.from_bytes(data[:8], "little")
            assert len(data) == 8 + head + max(t["data_offsets"][1] for name, t in json.loads(data[8:8 + head]).items() if name != "__metadata__"), path


def check(what, status, said):
    assert status in (0, 3), (what, status, said)
    assert "internal error" not in said and "damaged" not in said and "passed over" not in said, (what, status, said)
    assert status == 0 or "memory" in said or "room" in said, (what, status, said)


def chosen(n, begin):
    return range(1, n + 1) if HOW else sorted({*range(1, begin), *(1 + i * (n - 1) // SAMPLED for i in range(SAMPLED + 1))})


def wrong(house, args, cut, k, whose, finish, then):
    """What is wrong when that allocation fails; None: nothing."""
    try:
        status, said = house.call(args, cut, k, whose=whose)
        check((args, k), status, said)
        check_whole(f"{house.d}/out")
        (then if status else finish)(k)
    except (AssertionError, subprocess.TimeoutExpired) as why:
        return f"{' '.join(args[1:])}, allocation {k}: {why}"
    return None


def each(house, args, cut, finish, then, begin=1):
    """Fails each of the allocations of a command, or those before the begin-th and a few; `finish` checks what it has made, `then` what must be possible when it has made nothing."""
    whose = "ours"
    if HOW == "any" and "--no-cache" not in args and "build" not in args:
        whose = "any"
    found = [wrong(house, args, cut, k, whose, finish, then) for k in chosen(house.number(args, cut, whose), begin)]
    found = [what for what in found if what]
    assert not found, f"{len(found)} are wrong:\n" + "\n".join(found)


def nothing(_):
    pass


def runs(house, *flags, cut=False):
    def same(k):
        assert without_time(f"{house.d}/out/log.jsonl") == without_time(f"{house.d}/whole/log.jsonl"), (flags, k)

    def goes_on(k):
        house.must("run", "p.gan", "--quiet", "--threads", "1", "--out", "out", "--resume")
        same(k)

    each(house, [GAN, "run", "p.gan", "--quiet", "--threads", "1", "--out", "out", *flags], cut, same, goes_on)


def test_check():
    with folder() as d:
        each(House(d), [GAN, "check", "p.gan"], False, nothing, nothing, BEGIN)


def test_runs():
    with folder() as d:
        house = House(d)
        runs(house)
        runs(house, "--backend", "interp")
        runs(house, "--no-cache")
        runs(house, "--resume", cut=True)
        runs(house, "--resume", "--backend", "interp", cut=True)


def test_sample():
    with folder() as d:
        house = House(d)

        def same(k):
            assert content(f"{d}/out.npy") == content(f"{d}/whole.npy"), k

        def none(k):
            assert not os.path.exists(f"{d}/out.npy"), k

        for more in [], ["--backend", "interp"]:
            each(house, [GAN, "sample", "p.gan", "G", "-n", "5", "--out", "cut", "-o", "out.npy", *more], False, same, none)


def test_native():
    with folder() as d:
        house = House(d)
        house.must("build", "p.gan", "-o", "p")

        def same(k):
            assert without_time(f"{d}/out/log.jsonl") == without_time(f"{d}/whole/log.jsonl"), k

        def goes_on(k):
            assert subprocess.run([f"{d}/p", "train", "--quiet", "--out", "out", "--resume"], cwd=d, capture_output=True, check=False).returncode == 0, k
            same(k)

        each(house, [f"{d}/p", "train", "--quiet", "--threads", "1", "--out", "out"], False, same, goes_on)

        def built(k):
            assert subprocess.run([f"{d}/out_p", "train", "--quiet", "--out", "out"], cwd=d, capture_output=True, check=False).returncode == 0, k

        def not_built(k):
            assert not os.path.exists(f"{d}/out_p"), k

        each(house, [GAN, "build", "p.gan", "-o", "out_p"], False, built, not_built)


if SANITIZED:                                               # which has allocations of its own
    print("0 passed, 0 failed")
else:
    run_tests(globals())
