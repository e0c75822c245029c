#!/usr/bin/env python3
"""`gan repl`: sessions of tests/golden/repl with their transcripts, by both engines; every command is in one; and a person at a terminal.

usage: repl.py GAN [NAME ...]          GAN_UPDATE=1 writes the transcripts, of these sessions or all; look at the difference"""
import glob
import os
import re
import shutil
import subprocess
import sys

from harness import GAN, folder, run_tests

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SESSIONS = os.path.join(ROOT, "tests", "golden", "repl")
UPDATE = os.environ.get("GAN_UPDATE")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def transcript(script, args, d):
    """What is printed, stdout and stderr as they come."""
    for path in glob.glob(f"{SESSIONS}/*.gan"):
        shutil.copy(path, d)
    env = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run([GAN, "repl", *args], input=script.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=d, timeout=60, check=False, env=env)
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, (done.returncode, text)
    return text


def timeless(text):
    """Without what depends on the clock: how many snapshots were taken."""
    return re.sub(r"^\d+ (snapshots of the past take) [\d.]+ (MiB .* at most) \d+ ", r"N \1 N \2 N ", text, flags=re.M)


def session(path, *flags):
    script = read(path)
    args = re.match(r"# gan repl ?(.*)\n", script).group(1).split()
    with folder() as d:
        if "other.safetensors" in script:                   # a checkpoint of another program
            transcript(":save other.safetensors", ["ring.gan"], d)
        return transcript(script, [*args, *flags], d)


def different(got, wanted):
    for i, (a, b) in enumerate(zip(got.splitlines() + ["(the end)"], wanted.splitlines() + ["(the end)"])):
        if a != b:
            return f"line {i + 1}:\n  {a}\ninstead of\n  {b}"
    return "one is longer"


def wanted_sessions():
    names = sys.argv[2:] or sorted(os.path.basename(p)[:-5] for p in glob.glob(f"{SESSIONS}/*.repl"))
    assert names
    return [f"{SESSIONS}/{name}" for name in names]


def test_sessions():
    for path in wanted_sessions():
        got = session(f"{path}.repl")
        if UPDATE:
            with open(f"{path}.txt", "w", encoding="utf-8") as f:
                f.write(got)
        got, wanted = timeless(got), timeless(read(f"{path}.txt"))
        assert got == wanted, f"{path}: {different(got, wanted)}"
        interpreted = timeless(session(f"{path}.repl", "--backend", "interp"))
        assert interpreted == wanted, f"{path}, interpreted: {different(interpreted, wanted)}"


def test_every_command_is_in_a_session():
    commands = re.findall(r"^COMMAND\((\w+),", read(f"{ROOT}/compiler/repl/commands.def"), re.M)
    used = set(re.findall(r"^:(\w+)", "\n".join(read(p) for p in glob.glob(f"{SESSIONS}/*.repl")), re.M))
    assert len(commands) > 25 and not set(commands) - used, set(commands) - used


# ---- docs/debugging.md: its blocks behind a line "    gan repl ..." are one session, down to the next such line

PAGE = os.path.join(ROOT, "docs", "debugging.md")
PROMPT = re.compile(r"^(?:gan[^>\n]*|[ .]*\.\.\.)> ?(.*)$", re.M)
BLOCK = re.compile(r"^```\n(.*?)^```$", re.M | re.S)


def parts(text):
    """The text of a transcript, a part for each line that was typed; what stands before the first belongs to it."""
    begins = [m.start() for m in PROMPT.finditer(text)]
    return [text[0 if i == 0 else begin: begins[i + 1] if i + 1 < len(begins) else len(text)] for i, begin in enumerate(begins)]


def told(section, args, d):
    """The section with its blocks as a session gives them."""
    blocks = [PROMPT.findall(m.group(1)) for m in BLOCK.finditer(section)]
    given = parts(transcript("".join(line + "\n" for b in blocks for line in b), args, d))
    assert len(given) == sum(map(len, blocks)), (args, given[-1:])
    place = iter(given)
    return BLOCK.sub(lambda m: "```\n" + "".join(next(place) for _ in PROMPT.findall(m.group(1))) + "```", section)


def test_the_page():
    page = read(PAGE)
    pieces = re.split(r"^(    gan repl.*\n)", page, flags=re.M)
    with folder() as d:
        for name, text in re.findall(r"^`(\w+\.gan)`:\n\n```gan\n(.*?)^```$", page, re.M | re.S):
            with open(os.path.join(d, name), "w", encoding="utf-8") as f:
                f.write(text)
        for i in range(1, len(pieces), 2):
            pieces[i + 1] = told(pieces[i + 1], pieces[i].split()[2:], d)
    if UPDATE:
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write("".join(pieces))
    got, wanted = timeless("".join(pieces)), timeless(read(PAGE))
    assert len(pieces) == 5 and got == wanted, different(got, wanted)
    commands = re.findall(r"^COMMAND\((\w+),", read(f"{ROOT}/compiler/repl/commands.def"), re.M)
    missing = [c for c in commands if f":{c}" not in page]
    assert not missing, f"the page does not tell of {missing}"


run_tests(globals())
