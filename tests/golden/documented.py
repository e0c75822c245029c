#!/usr/bin/env python3
"""Every definition of the library has a `##` comment, and docs/library.md names all of them and no other, and says which distribution has which members; its programs are right.

usage: documented.py GAN"""
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DEFINITION = re.compile(r"^(?:def|layer|distribution|bijector|comparison|optimizer|metric|let) (\w+)")


def definitions(path):
    before = ""
    with open(path, encoding="utf-8") as f:
        for line in f:
            match = DEFINITION.match(line)
            if match:
                yield match.group(1), line.startswith("let") or before.startswith("##")
            before = line


MEMBERS = ["mean", "variance", "entropy", "cdf", "quantile", "kl"]


def families():
    """distribution -> which of MEMBERS it declares."""
    found = {}
    for name in ("prelude", "distributions"):
        with open(os.path.join(ROOT, "stdlib", name + ".gan"), encoding="utf-8") as f:
            for family, body in re.findall(r"^distribution (\w+).*?\{\n(.*?)^\}", f.read(), re.M | re.S):
                found[family] = {m for m in MEMBERS if re.search(rf"^  {m}(\(\w+\))? *=", body, re.M)}
    return found


def family_mistakes(text):
    said = {}
    for names, members in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.*) \|$", text[text.index("| family | members |"):text.index("## nn:")], re.M):
        listed = {m for m in MEMBERS if f"`{m}`" in members}
        for family in re.findall(r"`(\w+)`", names):
            said[family] = set(MEMBERS) - listed if members.startswith("all") else listed
    for family, members in families().items():
        if said.get(family, set()) != members:
            yield f"docs/library.md says that {family} has {sorted(said.get(family, set()))}, and it has {sorted(members)}"


def library_mistakes(text):
    known = {}
    for path in glob.glob(os.path.join(ROOT, "stdlib", "*.gan")):
        for name, documented in definitions(path):
            known[name] = path
            if not documented:
                yield f"{path}: {name} has no ## comment"
            if not re.search(rf"`{name}\b|[` ,]{name}\(", text):
                yield f"docs/library.md does not name {name} of {path}"
    tables = re.sub(r"```.*?```", "", text, flags=re.S)
    for line in tables.splitlines():
        for name in re.findall(r"`(\w+)\(", line.split("|")[1]) if line.startswith("| `") else []:
            if name not in known:
                yield f"docs/library.md names {name}, which the library lacks"


def program_mistakes(gan, text):
    for program in re.findall(r"```gan\n(.*?)```", text, re.S):
        with tempfile.NamedTemporaryFile("w", suffix=".gan", encoding="utf-8") as f:
            f.write(program)
            f.flush()
            done = subprocess.run([gan, "check", f.name], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            yield f"docs/library.md: a program is wrong:\n{program}{done.stderr}"


def main():
    with open(os.path.join(ROOT, "docs", "library.md"), encoding="utf-8") as f:
        text = f.read()
    mistakes = [list(library_mistakes(text)), list(family_mistakes(text)), list(program_mistakes(os.path.abspath(sys.argv[1]), text))]
    for mistake in sum(mistakes, []):
        print(mistake)
    failed = sum(1 for m in mistakes if m)
    print(f"{len(mistakes) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
