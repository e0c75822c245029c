#!/usr/bin/env python3
"""run.py - random small games, run by gan and by an evaluation that shares nothing with it; every report must agree.

usage: run.py GAN [--count N] [--seed S] [--jit K] [--keep DIR] [FILE.gan ...]

With files, these; else programs/*.gan and N programs from seed S on. Every K-th is compiled, too. What does not agree is made small
(statements are taken out while it still fails) and printed.

Both sides compute in f64, over a few rounds of well-conditioned updates: they differ by rounding, some 1e-15 a step, and by what adam and
its kin make of it. TOLERANCE leaves nine digits for that; a wrong rule shows in the second or third. Where gan must refuse a program the code counts,
except that a path that is missing may be found by the gradient or by the update (NO_PATH)."""
import argparse
import glob
import json
import math
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile

import generate
import smaller
from game import play
from syntax import Strange
from values import Wrong

HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 1e-6
NO_PATH = {"E304", "E306", "E400"}


def reports_of(path):
    seen = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for line in f:
                for name, v in json.loads(line).items():
                    v = v.get("value") if isinstance(v, dict) else v
                    seen.setdefault(name, []).append({"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[v] if isinstance(v, str) else v)
    return seen


def run_gan(gan, text, backend):
    """Status, what it said, its reports."""
    with tempfile.TemporaryDirectory() as out:
        program = os.path.join(out, "game.gan")
        with open(program, "w", encoding="utf-8") as f:
            f.write(text)
        command = [gan, "run", program, "--f64", "--threads", "1", "--quiet", "--backend", backend, "--out", f"{out}/run", "--log", f"{out}/log.jsonl"]
        try:
            p = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
        except subprocess.TimeoutExpired:
            return None, "", {}
        return p.returncode, p.stderr, reports_of(f"{out}/log.jsonl")


def first_error(said):
    m = re.search(r"error: .*", said)
    return m.group(0) if m else said.strip()[-200:]


def off(a, b):
    return not (a == b or abs(a - b) <= TOLERANCE * max(1, abs(a), abs(b)))


def values_differ(right, seen):
    for name, values in right.items():
        got = seen.get(name, [])
        if not all(math.isfinite(x) and abs(x) < 1e6 for x in values):
            raise Strange("numbers that grow")
        if len(got) != len(values):
            return f"value: {name} reported {len(got)} times, not {len(values)}"
        for i, (x, y) in enumerate(zip(values, got)):
            if off(x, y):
                return f"value: {name} is {y!r}, and {x!r} is right" + (f" (report {i + 1})" if len(values) > 1 else "")
    return None


def disagreement(gan, text, backend="interp"):
    """None, or one line that says how gan and the oracle differ. Raises Strange when the oracle has no opinion."""
    try:
        play(text, None)
        wanted = None
    except Wrong as w:
        wanted = w
    status, said, seen = run_gan(gan, text, backend)
    if status is None or status < 0 or status > 3 or "internal error" in said or "Sanitizer" in said:
        return f"crash: status {status}: {said.strip()[:300]}"
    codes = set(re.findall(r"error: .*?\[([A-Z]\d+)\]", said))
    if wanted:
        fine = NO_PATH if wanted.code in NO_PATH else wanted.also
        return None if codes & fine else f"error: {wanted} expected; status {status}, {sorted(codes) or 'no error'}"
    if status == 3:
        values_differ(play(text, seen), {})
    if status:
        return f"refused: status {status}: {first_error(said)}"
    return values_differ(play(text, seen), seen)


def judge(job):
    gan, name, text, backend = job
    try:
        return name, text, backend, disagreement(gan, text, backend)
    except Strange as s:
        return name, text, backend, s


def programs(count, seed):
    """Programs the oracle understands; of those that must be errors, one in four."""
    made = 0
    while made < count:
        text = generate.program(seed)
        seed += 1
        try:
            play(text, None)
        except Wrong:
            if seed % 4:
                continue
        except Strange:
            continue
        made += 1
        yield f"seed {seed - 1}", text


def of_files(files):
    for path in files:
        with open(path, encoding="utf-8") as f:
            yield os.path.basename(path), f.read()


def show(gan, name, text, backend, why, keep):
    kind = why.split(":")[0]

    def still(t):
        try:
            again = disagreement(gan, t, backend)
        except Strange:
            return False
        return again is not None and again.split(":")[0] == kind and (kind != "refused" or code(again) == code(why))

    def code(line):
        return re.findall(r"\[([A-Z]\d+)\]", line)[:1]

    small = smaller.smaller(text, still)
    again = disagreement(gan, small, backend)
    print(f"FAILED {name} ({backend}): {why}\nsmaller: {again}\n{small}")
    if keep:
        os.makedirs(keep, exist_ok=True)
        with open(os.path.join(keep, re.sub(r"\W+", "_", name) + ".gan"), "w", encoding="utf-8") as f:
            f.write(f"# {again}\n{small}".replace("\n#", "\n# "))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("gan")
    p.add_argument("--count", type=int, default=300)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--jit", type=int, default=20, help="every so many programs, one is compiled, too")
    p.add_argument("--keep", help="a folder for the small programs that fail")
    p.add_argument("--show", type=int, default=10, help="how many failures are made small")
    p.add_argument("files", nargs="*")
    args = p.parse_args()
    gan = os.path.abspath(args.gan)
    source = list(of_files(args.files or sorted(glob.glob(f"{HERE}/programs/*.gan")))) if args.files or args.count else []
    jobs = [(gan, n, t, b) for n, t in source for b in ("interp", "jit")]
    if not args.files:
        jobs = iter_jobs(gan, jobs, args)
    passed = failed = unknown = 0
    with multiprocessing.Pool(2) as pool:
        for name, text, backend, why in pool.imap(judge, jobs, chunksize=1):
            if isinstance(why, Strange):
                unknown += 1
                if args.files:
                    print(f"no opinion on {name}: {why}")
            elif why is None:
                passed += 1
            else:
                failed += 1
                if failed <= args.show:
                    show(gan, name, text, backend, why, args.keep)
                else:
                    print(f"FAILED {name} ({backend}): {why}")
                sys.stdout.flush()
    if unknown:
        print(f"{unknown} without an opinion")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def iter_jobs(gan, jobs, args):
    yield from jobs
    for i, (n, t) in enumerate(programs(args.count, args.seed)):
        yield gan, n, t, "interp"
        if args.jit and i % args.jit == 0:
            yield gan, n, t, "jit"


if __name__ == "__main__":
    sys.exit(main())
