#!/usr/bin/env python3
"""Programs as people write them, one idea each: what they `expect` must hold, compiled, interpreted and, of some, as programs of their own, with the same
reports to the last bit.

usage: run.py GAN [--short] [FILE.gan ...]       without files: all that stand here; --short: two engines, nothing native

A line `# flags: ..` of a program is given to the command, `# native` says that it is built as well. A simulator NAME.c becomes libNAME.so where the
system looks for it. Values are from closed forms, or from the computation that the program's comment names."""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES = [("--backend", "jit", "--threads", "1"), ("--backend", "jit", "--threads", "2"), ("--backend", "jit", "--threads", "3"), ("--backend", "interp")]


def answer(command, env):
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, env=env, check=False)
    except subprocess.TimeoutExpired:
        return -1, "", "took more than 300 s"
    return done.returncode, done.stdout, done.stderr


def logged(path):
    """The reports of a run, all digits, without the time."""
    if not os.path.exists(path):
        return "no log"
    with open(path, encoding="utf-8") as f:
        return re.sub(r'"seconds": ?[0-9.e+-]+, ', "", f.read())


def promises(out):
    """Those that did not hold; an error of its own if there are none."""
    lines = [line for line in out.splitlines() if re.match(r"expect .*: (NOT )?held$", line)]
    return [line for line in lines if not line.endswith(": held") or line.endswith("NOT held")] if lines else ["nothing is promised"]


def native(gan, path, d, flags, env):
    """The command that runs it as a program of its own."""
    status, out, err = answer([gan, "build", path, "-o", f"{d}/p", *flags], env)
    return [f"{d}/p", "train"] if not status else [sys.executable, "-c", f"import sys; sys.exit({err!r})"]


def holds(gan, path, env, short):
    """Prints what is wrong; one test an engine."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    own = re.search(r"^# flags: (.*)$", text, re.M)
    flags = own[1].split() if own else []
    name, passed, first = os.path.basename(path), 0, None
    with tempfile.TemporaryDirectory(prefix="gan-program-") as d:
        ways = [(" ".join(e), [gan, "run", path, *flags, *e]) for e in (ENGINES[1::2] if short else ENGINES)]
        if re.search(r"^# native$", text, re.M) and not short:
            ways.append(("native", native(gan, path, d, flags, env)))
        for i, (way, command) in enumerate(ways):
            status, out, err = answer([*command, "--out", f"{d}/{i}", "--log", f"{d}/{i}.jsonl"], env)
            reports = logged(f"{d}/{i}.jsonl")
            first = reports if first is None else first
            broken = promises(out)
            if status or broken or re.search(r"error|warning", err):
                print(f"FAILED {name} {way}: status {status}\n" + "\n".join(broken) + f"\n{err}")
            elif reports != first:
                print(f"FAILED {name} {way}: not the bits of {ways[0][0]}\n" + "\n".join(f"  {a}\n  {b}" for a, b in zip(first.splitlines(), reports.splitlines()) if a != b))
            else:
                passed += 1
        return passed, len(ways) - passed


def simulators(into):
    for source in glob.glob(f"{HERE}/*.c"):
        library = os.path.join(into, "lib" + os.path.basename(source)[:-2] + ".so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)


def main():
    gan = os.path.abspath(sys.argv[1])
    short, files = "--short" in sys.argv, [os.path.abspath(p) for p in sys.argv[2:] if p != "--short"]
    files = files or sorted(glob.glob(f"{HERE}/*.gan"))
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="gan-simulators-") as d:
        simulators(d)
        env = dict(os.environ, NO_COLOR="1", LD_LIBRARY_PATH=d)
        for path in files:
            good, bad = holds(gan, path, env, short)
            passed, failed = passed + good, failed + bad
            sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
