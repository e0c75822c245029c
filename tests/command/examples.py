#!/usr/bin/env python3
"""Programs of examples/ in all three ways, two rounds of each block: compiled, interpreted and as a program of its own they report, draw and keep the same bits. Whether what they promise
is held is asked of whole runs: `gan test examples`, docs/truth.md.

usage: examples.py GAN [FILE.gan ...]        without files: all of examples/, which takes many minutes, most of it means of a million draws that are interpreted"""
import glob
import os
import subprocess
import sys

from harness import content, folder, gan, run_tests, tensors, without_time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROUNDS = ("--steps", "2", "--threads", "1", "--quiet")


def left(run):
    """What a run leaves: its log but for the time, its pictures, and its last checkpoint, as those before it come by the minute."""
    pictures = {os.path.basename(p): content(p) for p in glob.glob(f"{run}/pictures/*")}
    last = max(glob.glob(f"{run}/checkpoints/*.safetensors"), key=os.path.getmtime)
    return without_time(f"{run}/log.jsonl"), pictures, tensors(last)


def in_all_ways(path):
    with open(path, encoding="utf-8") as f:
        assert len(f.readlines()) <= 60, f"{path} has more than 60 lines"
    with folder() as d:
        for way in ("jit", "interp"):
            r = gan("run", path, "--backend", way, *ROUNDS, "--out", way, cwd=d, timeout=600)
            assert r.status in (0, 1) and "error:" not in r.err, r           # 1: two rounds keep no promise
        assert gan("build", path, "-o", "own", cwd=d).status == 0
        own = subprocess.run([f"{d}/own", "train", *ROUNDS, "--out", "native"], cwd=d, capture_output=True, text=True, timeout=600, check=False)
        assert own.returncode == r.status, own
        compiled = left(f"{d}/jit")
        assert compiled == left(f"{d}/interp"), "interpreted, it is another"
        assert compiled == left(f"{d}/native"), "as a program of its own, it is another"


def main():
    # what must be fetched first is left out
    files = [os.path.abspath(p) for p in sys.argv[2:]] or sorted(p for p in glob.glob(f"{ROOT}/examples/**/*.gan", recursive=True) if "emoji" not in p)
    run_tests({f"test_{os.path.relpath(p, ROOT)}": lambda p=p: in_all_ways(p) for p in files})


if __name__ == "__main__":
    main()
