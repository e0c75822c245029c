#!/usr/bin/env python3
"""run.py - random small games, run by gan and by an evaluation that shares nothing with it; every report must agree.

usage: run.py GAN [--count N] [--seed S] [--jit K] [--keep DIR] [FILE.gan ...]

With files, these; else programs/*.gan and N programs from seed S on. Every K-th is compiled, too, and run by 1, 2 and 3 threads: the bits are those of the
interpreter. What does not agree is made small (reduce.py) and printed.

Both sides compute in f64, over a few rounds of well-conditioned updates: they differ by rounding, some 1e-15 a step, and by what adam and
its kin make of it. TOLERANCE leaves nine digits for that; a wrong rule shows in the second or third. Where gan must refuse a program the code counts,
except that a path that is missing may be found by the gradient or by the update (NO_PATH)."""
import argparse
import gc
import glob
import json
import math
import multiprocessing
import os
import re
import struct
import subprocess
import sys
import tempfile

import generate
import reduce
from evaluate import by_one_sample
from game import Drawn, play
from syntax import Strange, files
from values import Wrong

HERE = os.path.dirname(os.path.abspath(__file__))
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None      # a run waits for the disk longer than it computes
TOLERANCE = 1e-6
NO_PATH = {"E304", "E306", "E308", "E400"}
INTERPRETED = [("interp", 1)]
WAYS = INTERPRETED + [("jit", 1), ("jit", 2), ("jit", 3)]


def reports_of(path):
    seen = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for line in f:
                for name, v in json.loads(line).items():
                    if name == "seconds":
                        continue
                    v = v.get("value") if isinstance(v, dict) else v
                    seen.setdefault(name, []).append({"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[v] if isinstance(v, str) else v)
    return seen


def write_table(path, rows):
    """A file of text, or NumPy's (version 1.0) of doubles."""
    text = "".join(",".join(row) + "\n" for row in rows).encode()
    if path.endswith(".npy"):
        head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])})}}".ljust(117) + "\n"
        text = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + b"".join(struct.pack("<d", float(c)) for row in rows for c in row)
    with open(path, "wb") as f:
        f.write(text)


def run_gan(gan, text, backend, threads=1):
    """Status, what it said, its reports."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as out:
        program = os.path.join(out, "game.gan")
        with open(program, "w", encoding="utf-8") as f:
            f.write(text)
        for name, rows in files(text).items():
            write_table(os.path.join(out, name), rows)
        command = [gan, "run", program, "--f64", "--threads", str(threads), "--quiet", "--backend", backend, "--out", f"{out}/run", "--log", f"{out}/log.jsonl"]
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
            if not isinstance(x, Drawn) and off(x, y):
                return f"value: {name} is {y!r}, and {x!r} is right" + (f" (report {i + 1})" if len(values) > 1 else "")
    return draws_differ([(name, x, y) for name, values in right.items() for x, y in zip(values, seen[name])])


def draws_differ(reports):
    """Reports that hang on draws: which are equal is all that is known, to each other and to what hangs on none."""
    first, fixed = {}, {round(float(x), 9): name for name, x, _ in reports if not isinstance(x, Drawn)}
    for name, x, y in reports:
        if not isinstance(x, Drawn):
            continue
        other, value = first.setdefault(x.same, (name, y))
        if off(value, y):
            return f"draws: {name} is {y!r}, and the {value!r} of {other} would be right"
        if round(y, 9) in fixed:
            return f"draws: {name} is {y!r}, as {fixed[round(y, 9)]} is, which hangs on no draw"
    seen = {}
    for name, y in first.values():
        if seen.setdefault(round(y, 9), name) != name:
            return f"draws: {name} is {y!r}, as {seen[round(y, 9)]} is, which hangs on other draws"
    return None


def crashed(status, said):
    return status is None or status < 0 or status > 3 or "internal error" in said or "Sanitizer" in said


def other_bits(gan, text, ways, status, seen):
    """Where another way to run it gives others; None: nowhere."""
    for backend, threads in ways:
        again, said, reports = run_gan(gan, text, backend, threads)
        if crashed(again, said):
            return f"crash: {backend}, {threads} threads: status {again}: {said.strip()[:300]}"
        if (again, repr(reports)) != (status, repr(seen)):
            names = [n for n in seen if repr(seen[n]) != repr(reports.get(n))]
            return f"bits: {backend}, {threads} threads: " + (f"{names[0]} is {reports.get(names[0])!r}, interpreted {seen[names[0]]!r}" if names else f"status {again}: {first_error(said)}")
    return None


def error_in(text):
    """What must be said of the program, or None. Raises Strange when the oracle has no opinion."""
    by_one_sample.clear()
    try:
        play(text, None)
        return None
    except Wrong as w:
        return w


def disagreement(gan, text, ways=INTERPRETED):
    """None, or one line that says how gan and the oracle differ, or how the other ways differ from the first. Raises Strange, too."""
    return differ(gan, text, ways, error_in(text))


def differ(gan, text, ways, wanted):
    status, said, seen = run_gan(gan, text, *ways[0])
    if crashed(status, said):
        return f"crash: status {status}: {said.strip()[:300]}"
    codes = set(re.findall(r"error: .*?\[([A-Z]\d+)\]", said))
    if wanted:
        fine = NO_PATH if wanted.code in NO_PATH else wanted.also
        return None if codes & fine else f"error: {wanted} expected; status {status}, {sorted(codes) or 'no error'}"
    if status == 3:
        values_differ(play(text, seen, True), {})
    if codes == {"E305"} and by_one_sample:
        raise Strange("one sample, which may meet itself")
    if status:
        return f"refused: status {status}: {first_error(said)}"
    return values_differ(play(text, seen, True), seen) or other_bits(gan, text, ways[1:], status, seen)


def opinion(gan, text, ways):
    """The same, None where the oracle has none."""
    try:
        return disagreement(gan, text, ways)
    except Strange:
        return None


def judge(job):
    """What is wrong with a program; Strange if nobody knows. Of a seed also the program; of those that must be errors, one in four is asked about."""
    gan, name, seed, text, ways = job
    try:
        text = text or generate.program(seed)
        wanted = error_in(text)
        enough = wanted and seed is not None and seed % 4 != 3
        return name, text, ways, Strange("one of many errors") if enough else differ(gan, text, ways, wanted)
    except Strange as s:
        return name, text, ways, s


def judged(gan, pool, args):
    """The files, or the programs of seeds until there are enough that the oracle understands."""
    files = args.files or sorted(glob.glob(f"{HERE}/programs/*.gan"))
    yield from pool.imap(judge, [(gan, n, None, t, WAYS) for n, t in of_files(files if args.files or args.count else [])])
    made, seed = 0, args.seed
    while made < args.count and not args.files:
        jobs = [(gan, f"seed {s}", s, None, WAYS if args.jit and s % args.jit == 1 % args.jit else INTERPRETED) for s in range(seed, seed + 16)]
        seed += len(jobs)
        for result in pool.imap(judge, jobs):
            if not isinstance(result[3], Strange):
                made += 1
                yield result
            if made == args.count:
                return


def of_files(files):
    for path in files:
        with open(path, encoding="utf-8") as f:
            yield os.path.basename(path), f.read()


def show(gan, name, text, ways, why, keep):
    ask = INTERPRETED if not why.startswith(("bits", "crash: jit")) else ways
    small = reduce.reduced(text, why, lambda t: opinion(gan, t, ask))
    again = opinion(gan, small, ask)
    print(f"FAILED {name}: {why}\nsmaller: {again}\n{small}")
    if keep:
        os.makedirs(keep, exist_ok=True)
        with open(os.path.join(keep, re.sub(r"\W+", "_", name) + ".gan"), "w", encoding="utf-8") as f:
            f.write(f"# {again}\n{small}".replace("\n#", "\n# "))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("gan")
    p.add_argument("--count", type=int, default=500)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--jit", type=int, default=1, help="every so many programs, one is compiled, too; 0: none")
    p.add_argument("--keep", help="a folder for the small programs that fail")
    p.add_argument("--show", type=int, default=10, help="how many failures are made small")
    p.add_argument("files", nargs="*")
    args = p.parse_args()
    gan = os.path.abspath(args.gan)
    passed = failed = unknown = 0
    with multiprocessing.Pool(2) as pool:
        for name, text, ways, why in judged(gan, pool, args):
            if isinstance(why, Strange):
                unknown += 1
                print(f"no opinion on {name}: {why}")
            elif why is None:
                passed += 1
            else:
                failed += 1
                if failed <= args.show:
                    show(gan, name, text, ways, why, args.keep)
                else:
                    print(f"FAILED {name}: {why}")
                sys.stdout.flush()
    if unknown:
        print(f"{unknown} without an opinion")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
