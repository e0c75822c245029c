#!/usr/bin/env python3
"""Thousands of slightly broken programs: examples, golden programs and modules of the library with tokens deleted, doubled,
swapped, replaced, with absurd numbers, cut lines and flipped bytes. `gan check` must answer each with status 0 or 1: no
crash, no hang, no internal error, no sanitizer's report. Some of those it accepts are then run by both engines (`gan diff`),
which must end in status 0, 1 or 3 and never in different bits.

GAN_MUTANTS=n makes n of them (default 300), GAN_MUTANTS_SEED=s others than the usual ones (default 4), GAN_MUTANTS_RUN=n runs
n of the accepted ones (default 4). What goes wrong is kept in the folder GAN_MUTANTS_KEEP if that is set."""
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import time

from harness import GAN, SANITIZED, folder

ROOT = os.environ.get("GAN_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MUTANTS = int(os.environ.get("GAN_MUTANTS", "300"))
SEED = int(os.environ.get("GAN_MUTANTS_SEED", "4"))
RUNS = int(os.environ.get("GAN_MUTANTS_RUN", "4"))
KEEP = os.environ.get("GAN_MUTANTS_KEEP")
BATCH = 10                                                  # mutants a process: starting one costs as much as checking a file
SECONDS = 20                                                # for one file, on a busy machine, under sanitizers
MEGABYTES = 3000

TOKEN = re.compile(r'#[^\n]*|"[^"\n]*"|[A-Za-z_]\w*|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?|\|>|->|<=|>=|==|!=|:=|\.\.|\+=|\s+|.', re.S)
ABSURD = ["0", "-1", "1", "2", "1e308", "1e-320", "4294967296", "9223372036854775807", "9223372036854775808", "99999999999999999999", "0.5", "1/0", "0/0",
          "1000000000", "-1000000000", "2147483647", "-9223372036854775808", '""', '"x"', "[]", "()", "true", "step", "zeros([0])", "zeros([65536, 65536])",
          "(x: 1)", "fn(x) x", "kl", "real", "iota(0)", "[[1], [2, 3]]", "1 / 0", "log(-1)", "for i in 0..1000000000 { i }", "E", "grad"]
WORDS = ("let def layer net implicit prescribed data comparison compare loss metric optimizer state param alternate steps batch repeat update minimize maximize "
         "with every report plot image save average into decay copy stop when expect if else for in fold scan map where grad E import simultaneous all "
         "after until return real int bool class").split()
MARKS = list("()[]{}<>,:;.=+-*/^|~'&!?@%$\\`\n\t\0") + ["|>", "->", ":=", "..", "+=", "é", "\u2028", "\ufeff"]


def sources():
    found = []
    for pattern in ("examples/*.gan", "tests/golden/*/*.gan", "stdlib/*.gan", "bench/*.gan"):
        for path in sorted(glob.glob(os.path.join(ROOT, pattern))):
            with open(path, encoding="utf-8") as f:
                text = "".join(line for line in f if not line.startswith("#!"))
            if "alternate" in text:                         # a few rounds of a few samples will do
                text = re.sub(r"(alternate\s+)[\d_]+", r"\g<1>3", text)
            found.append((os.path.relpath(path, ROOT), text))
    return found


def places(tokens):
    return [i for i, t in enumerate(tokens) if not t.isspace() and not t.startswith("#")]


def mutate_tokens(r, tokens):
    at = places(tokens)
    if not at:
        return tokens + [r.choice(WORDS)]
    i, j = r.choice(at), r.choice(at)
    kind = r.randrange(10)
    if kind == 0:
        del tokens[i]
    elif kind == 1:
        tokens.insert(i, tokens[i])
    elif kind == 2:
        tokens[i], tokens[j] = tokens[j], tokens[i]
    elif kind == 3:
        tokens[i] = tokens[j]
    elif kind == 4:
        numbers = [k for k in at if tokens[k][0].isdigit()] or at
        tokens[r.choice(numbers)] = r.choice(ABSURD)
    elif kind == 5:
        tokens[i] = r.choice(ABSURD)
    elif kind == 6:
        tokens.insert(i, r.choice([r.choice(WORDS) + " ", r.choice(MARKS)]))
    elif kind == 7:
        lo, hi = min(i, j), max(i, j)
        del tokens[lo:min(hi, lo + r.randrange(1, 30))]
    elif kind == 8:
        lo = min(i, j)
        part = tokens[lo:lo + r.randrange(1, 40)]
        tokens[j:j] = part
    else:
        names = [k for k in at if tokens[k][0].isalpha()] or at
        tokens[r.choice(names)] = tokens[r.choice(names)]
    return tokens


def mutate_text(r, text, other):
    kind = r.randrange(5)
    lines = text.split("\n")
    if kind == 0:
        del lines[r.randrange(len(lines))]
    elif kind == 1:
        lines.insert(r.randrange(len(lines)), r.choice(other.split("\n")))
    elif kind == 2:
        a, b = r.randrange(len(lines)), r.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
    elif kind == 3:
        return text[:r.randrange(len(text) + 1)]
    else:
        data = bytearray(text.encode())
        for _ in range(r.randrange(1, 4)):
            if data:
                data[r.randrange(len(data))] = r.randrange(256)
        return bytes(data)
    return "\n".join(lines)


def mutant(r, programs):
    name, text = r.choice(programs)
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        if r.random() < 0.2:
            text = mutate_text(r, text, r.choice(programs)[1])
            if isinstance(text, bytes):
                return name, text
        else:
            text = "".join(mutate_tokens(r, TOKEN.findall(text)))
    return name, text.encode()


def limit():
    """A limit on memory, so that a runaway is a failed allocation."""
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))


def call(args, seconds):
    """Status (None: it hung) and what it printed on stderr."""
    try:
        env = dict(os.environ, NO_COLOR="1")
        done = subprocess.run([GAN, *args], capture_output=True, timeout=seconds, check=False, preexec_fn=limit, env=env, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return None, ""


def bad(status, text, fine):
    return status not in fine or "internal error" in text or "Sanitizer" in text or "runtime error:" in text


class Tally:
    passed = failed = 0

    def failure(self, what, path, name, status, text):
        self.failed += 1
        print(f"FAILED {what} of a mutant of {name}: {'hung' if status is None else f'status {status}'}\n{text[-1500:]}")
        with open(path, "rb") as f:
            data = f.read()
        if KEEP:
            os.makedirs(KEEP, exist_ok=True)
            with open(os.path.join(KEEP, f"{what}-{self.failed}.gan"), "wb") as f:
                f.write(data)
        else:
            print(f"---- the program\n{data.decode('utf-8', 'replace')}\n----", flush=True)


def check_batch(batch, tally):
    """The accepted ones."""
    status, text = call(["check", *[p for p, _ in batch]], SECONDS + 2 * len(batch))
    if not bad(status, text, (0, 1)):
        tally.passed += len(batch)
        return [(p, n) for p, n in batch if f"{p}: ok\n" in text]
    for path, name in batch:
        status, text = call(["check", path], SECONDS)
        if bad(status, text, (0, 1)):
            tally.failure("check", path, name, status, text)
        else:
            tally.passed += 1
    return []


def main():
    programs, tally, accepted = sources(), Tally(), []
    start = time.time()
    with folder() as d:
        shutil.copy(os.path.join(ROOT, "bench", "peers.gan"), d)        # a module that programs import
        for first in range(0, MUTANTS, BATCH):
            batch = []
            for i in range(first, min(first + BATCH, MUTANTS)):
                name, data = mutant(random.Random(SEED * 1_000_003 + i), programs)
                path = os.path.join(d, f"m{i}.gan")
                with open(path, "wb") as f:
                    f.write(data)
                batch.append((path, name))
            accepted += check_batch(batch, tally)
        checked = time.time() - start
        ran = random.Random(SEED).sample(accepted, min(RUNS, len(accepted)))
        for path, name in ran:
            status, text = call(["diff", path, "--steps", "1"], 10 * SECONDS)
            if bad(status, text, (0, 1, 3)) or " differ " in text:
                tally.failure("diff", path, name, status, text)
            else:
                tally.passed += 1
    print(f"{MUTANTS} mutants in {checked:.1f} s, {len(accepted)} accepted, {len(ran)} of them run")
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


main()
