#!/usr/bin/env python3
"""Golden programs: each trains, and its own `expect` lines must hold, compiled and interpreted, with the same reports to the last bit.

usage: run.py GAN [FILE.gan ...]       without files: all of library/ and run/

A line `# flags: --f64` in a program is given to the command. Errors, and values of expressions, are compiler/lower/test_lower.c's."""
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES = [["--backend", "jit", "--threads", "1"], ["--backend", "jit", "--threads", "2"], ["--backend", "interp"]]


def run(gan, path, flags):
    env = dict(os.environ, NO_COLOR="1")
    try:
        done = subprocess.run([gan, "test", path, "--quiet", *flags], capture_output=True, text=True, errors="replace", timeout=300, env=env, check=False)
    except subprocess.TimeoutExpired:
        return -1, "", "took more than 300 s"
    answers = [line for line in done.stdout.splitlines() if not re.search(r" steps in [0-9.]+ s$", line)]
    return done.returncode, "\n".join(answers), done.stderr


def different(a, b):
    return "\n".join(f"  {x}\n  {y}" for x, y in zip(a.splitlines(), b.splitlines()) if x != y)


def holds(gan, path):
    """Prints what is wrong; one test an engine."""
    with open(path, encoding="utf-8") as f:
        own = re.search(r"^# flags: (.*)$", f.read(), re.M)
    flags = own.group(1).split() if own else []
    passed, first = 0, None
    for engine in ENGINES:
        status, answers, err = run(gan, path, flags + engine)
        name = f"{os.path.relpath(path, HERE)} {' '.join(engine)}"
        first = answers if first is None else first
        if status != 0:
            failed = [line for line in answers.splitlines() if not line.endswith(": held")]
            print(f"FAILED {name}: status {status}\n" + "\n".join(failed) + f"\n{err}")
        elif answers != first:
            print(f"FAILED {name}: not the bits of {' '.join(ENGINES[0])}\n{different(first, answers)}")
        else:
            passed += 1
    return passed


def main():
    gan = os.path.abspath(sys.argv[1])
    files = sys.argv[2:] or sorted(glob.glob(f"{HERE}/library/*.gan") + glob.glob(f"{HERE}/run/*.gan"))
    passed = sum(holds(gan, path) for path in files)
    failed = len(files) * len(ENGINES) - passed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not files else 0


sys.exit(main())
