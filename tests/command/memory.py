#!/usr/bin/env python3
"""A program that the memory fails once, at any of its allocations: what it makes is right, or it says that memory ran out, with status 3.
Never is a file blamed for it, and least of all is a good checkpoint passed over for an older one, which would be another run."""
import glob
import os
import resource
import shutil
import subprocess

from harness import SANITIZED, build_fails_once, folder, gan, run_tests, without_time

PROGRAM = """
import nn, optim
net D(x: real[2]) -> real { x |> Dense(8) |> relu |> Dense(1) |> scalar }
implicit G(z: real[2] ~ Normal(0, 1)) -> real[2] { z |> Dense(2) }
alternate 20 steps, batch 16 {
  update D minimize E[x ~ G] D(x)^2 with adam(1e-3)
  every 5 { report far = E[x ~ Normal(0, 1)^2 : 50] D(x); save }
}
"""

WRONG_WORDS = "damaged", "stands twice", "not what was written", "internal error", "no JSON", "no checksum", "another program"


def build(d):
    with open(f"{d}/p.gan", "w") as f:
        f.write(PROGRAM)
    build_fails_once(d)
    r = gan("build", "p.gan", "-o", "p", cwd=d, timeout=120)
    assert r.status == 0, r


def train(d, *flags, fail_at=None, limit=None):
    env = {**os.environ, "NO_COLOR": "1"}
    if fail_at:
        env.update(FAIL_AT=str(fail_at), LD_PRELOAD=f"{d}/fails.so")
    r = subprocess.run([f"{d}/p", "train", "--threads", "1", *flags], cwd=d, env=env, capture_output=True, text=True, timeout=60, check=False, preexec_fn=limit)
    said = [line for line in r.stderr.splitlines() if "earlier run" not in line]
    return r.returncode, "\n".join(said)


def check(what, status, said):
    assert status in (0, 3), (what, status, said)
    for word in WRONG_WORDS:
        assert word not in said, (what, status, said)
    assert status == 0 or "memory" in said or "room" in said, (what, status, said)


def newest(out):
    return max(glob.glob(f"{out}/checkpoints/0*.safetensors"), key=lambda path: (os.path.basename(path)[:9], len(path), path))


def content(path):
    with open(path, "rb") as f:
        return f.read()


def test_memory_fails_once_in_a_run():
    if SANITIZED:
        return
    with folder() as d:
        build(d)
        assert train(d, "--out", "whole", "--quiet")[0] == 0
        failed = 0
        for n in [*range(1, 60), *range(60, 900, 13)]:
            shutil.rmtree(f"{d}/out", ignore_errors=True)
            status, said = train(d, "--out", "out", "--quiet", fail_at=n)
            check(n, status, said)
            failed += status == 3
            if status == 0:
                assert without_time(f"{d}/out/log.jsonl") == without_time(f"{d}/whole/log.jsonl"), n
        assert failed > 20, failed


def test_memory_fails_once_in_a_run_that_goes_on():
    if SANITIZED:
        return
    with folder() as d:
        build(d)
        assert train(d, "--out", "whole", "--quiet")[0] == 0
        assert train(d, "--out", "half", "--quiet", "--steps", "15")[0] == 0
        place = newest(f"{d}/half")
        failed = gone_on = 0
        for n in range(20, 800, 8):
            shutil.rmtree(f"{d}/out", ignore_errors=True)
            shutil.copytree(f"{d}/half", f"{d}/out")
            status, said = train(d, "--out", "out", "--steps", "20", "--resume", fail_at=n)
            check(n, status, said)
            assert "passed over" not in said, (n, said)
            if "resuming" in said:
                assert f"resuming at step 15 from out/checkpoints/{os.path.basename(place)}" in said, (n, said)
            failed += status == 3
            if status == 0:
                gone_on += 1
                assert without_time(f"{d}/out/log.jsonl") == without_time(f"{d}/whole/log.jsonl"), n
                assert content(newest(f"{d}/out"))[-100:] == content(newest(f"{d}/whole"))[-100:], n
        assert failed > 10 and gone_on > 10, (failed, gone_on)


def test_little_memory():
    if SANITIZED:
        return
    with folder() as d:
        build(d)
        for size in range(4 << 20, 9 << 20, 200 << 10):
            status, said = train(d, "--out", "out", "--quiet", limit=lambda size=size: resource.setrlimit(resource.RLIMIT_AS, (size, size)))
            if status != 127:                               # the libraries did not fit, which is the loader's to say
                check(size, status, said)


def test_too_few_descriptors():
    """None is left for the checkpoints: with fewer and fewer of them each file in turn cannot be opened."""
    with folder() as d:
        build(d)
        assert train(d, "--out", "half", "--quiet", "--steps", "15")[0] == 0
        seen = set()
        for most in range(3, 9):
            shutil.rmtree(f"{d}/out", ignore_errors=True)
            shutil.copytree(f"{d}/half", f"{d}/out")
            limit = lambda most=most: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            status, said = train(d, "--out", "out", "--steps", "20", "--resume", limit=limit)
            seen.add(status)
            if status == 127:
                continue
            assert status in (0, 3) and "passed over" not in said and "not what was written" not in said, (most, status, said)
            assert status == 0 or "Too many open files" in said, (most, said)
        assert {0, 3} <= seen, seen


run_tests(globals())
