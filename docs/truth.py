#!/usr/bin/env python3
"""truth.md of parts: hours of programs need not run in one go. Each part is a page that `gan test SOME PROGRAMS --board PART` has written, with the seeds that truth.md names, or with more from the same one on: what spreads is known better by them.

usage: truth.py PART...     puts what the parts say of their programs into truth.md, in place of what it said of them"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "truth.md")
COLUMNS = "| what | program | expected | reached | held | missed | measured with | seconds |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def seeds(text):
    """The first, and how many."""
    first, last = re.search(r"^Gan .*, seeds (\d+) to (\d+)", text, re.M).groups()
    return int(first), int(last) - int(first) + 1


def programs(text):
    """By path from the tree's root: the rows of each program."""
    found, path = {}, None
    for line in text.splitlines():
        if not line.startswith("| ") or line.startswith(("| what |", "| --- |")):
            continue
        link = re.search(r"\| \[[^]]*\]\([^)]*?(examples/[^)]*\.gan)\) \|", line)
        path = link[1] if link else path
        if link:
            line = line.replace(link[0], f"| [{os.path.basename(path)}](../{path}) |")
        found.setdefault(path, []).append(line)
    return found


def listed(known):
    """Programs as a command line names them: a folder where all of it is known."""
    for folder in sorted({os.path.dirname(p) for p in known}, key=lambda f: (f.count("/") == 0, f)):
        inside = {f"{folder}/{name}" for name in os.listdir(os.path.join(ROOT, folder)) if name.endswith(".gan")}
        yield from [folder] if inside <= known else sorted(inside & known)


def main():
    page = read(PAGE)
    known = programs(page)
    for part in sys.argv[1:]:
        text = read(part)
        (first, n), (first_of_page, fewest) = seeds(text), seeds(page)
        assert first == first_of_page and n >= fewest, f"{part} is of {n} seeds from {first} on, and truth.md of {fewest} from {first_of_page} on"
        known.update(programs(text))
    known = {path: rows for path, rows in known.items() if os.path.exists(os.path.join(ROOT, path))}
    out, folder = page[:page.index("\n## ")], None
    out = re.sub(r"^(Gan .*, seeds (\d+) to \d+).*", r"\1; where `held` is of more, so many from \2 on.", out, flags=re.M)
    out = re.sub(r"^    gan test .*? --quiet", f"    gan test {' '.join(listed(set(known)))} --quiet", out, flags=re.M)
    for path in sorted(known, key=lambda p: (p.count("/") == 1, p)):
        if os.path.dirname(path) != folder:
            folder = os.path.dirname(path)
            out += f"\n## {folder}\n\n{COLUMNS}"
        out += "\n".join(known[path]) + "\n"
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(out)


if __name__ == "__main__":
    main()
