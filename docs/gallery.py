#!/usr/bin/env python3
"""gallery.md: each system of examples/*/: what it is and whom it is by (its first comment), its picture if it makes one (docs/gallery/NAME.png), ten lines of it, and what it is
held to and has reached (docs/truth.md).

usage: gallery.py               writes the page; tests/docs.py holds it current
       gallery.py GAN NAME...   makes the pictures of these again, by running them with the seed 100 (without names: of all that plot)"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MOST_LINES, MOST_ROWS = 10, 3
CHAPTERS = {"compare": "Comparing", "autoencoders": "Auto-encoders", "games": "Games", "likelihood-free": "Likelihood-free inference", "information": "Information and ratios",
            "flows": "Flows", "imitation": "Imitation", "images": "Images", "evaluate": "Evaluation"}
INTRODUCTION = """# Gallery

Made by `docs/gallery.py` of the programs in `examples/`: each system with what it is and whom it is by, its picture if it makes one (made by `gan run --seed 100`), the {lines} lines around its first
game, and up to {rows} of the numbers that it is held to, with what was reached. [truth.md](truth.md) has all of them, and says how they were measured; where a promise was not kept with every seed, that stands here, too.
"""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def title(text):
    return " ".join(re.match(r"((?:## .*\n)+)", text)[1].replace("## ", "").split())


def plots(text):
    """The pictures it makes; none where its data must be fetched first."""
    return [] if "# fetched by" in text else re.findall(r"^ *(?:plot|image) +(\w+)", text, re.M)


def core(text):
    """The lines up to the end of the first block that trains, or the first ones of all, without what is measured."""
    lines = [line for line in text.splitlines() if line.strip() and not re.match(r" *(#|import|report|expect|plot|image|precision|every)", line)]
    begin = next((i for i, line in enumerate(lines) if re.match(r" *alternate", line)), None)
    end = MOST_LINES
    if begin is not None:
        indent = re.match(" *", lines[begin])[0]
        closes = [i for i in range(begin, len(lines)) if lines[i].rstrip() == indent + "}"]
        end = begin + 1 if lines[begin].rstrip().endswith("}") or not closes else closes[0] + 1
        end = max(end, min(MOST_LINES, len(lines)))
    return lines[max(0, end - MOST_LINES):end]


def rows():
    """By program: (expected, reached, held, missed) of each promise."""
    found, name = {}, None
    for line in read("docs/truth.md").splitlines():
        cells = [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", line)][1:-1] if line.startswith("| ") else []
        if len(cells) != 8 or cells[0] in ("what", "---"):
            continue
        link = re.match(r"\[.*\]\(\.\./(.*)\)$", cells[1])
        name = link[1] if link else name
        found.setdefault(name, []).append(tuple(cells[2:6]))
    return found


def system(path, reached):
    text, name = read(path), os.path.basename(path)[:-4]
    out = [f"### [{name}](../{path})\n\n{title(text)}\n"]
    if os.path.exists(os.path.join(ROOT, "docs", "gallery", name + ".png")):
        out.append(f"![what {name} has learned](gallery/{name}.png)\n")
    lines = core(text)
    indent = min(len(re.match(" *", line)[0]) for line in lines)
    out.append("```\n" + "\n".join(line[indent:] for line in lines) + "\n```\n")
    shown = reached.get(path, [])
    for expected, got, held, _ in sorted(shown, key=lambda r: "**" not in r[2])[:MOST_ROWS]:        # what was not kept first
        out.append(f"- {expected}: {'reached ' + got + ', ' if got else ''}held with {held.replace('*', '')} seeds" + (" (**not with all**)" if "**" in held else ""))
    if len(shown) > MOST_ROWS:
        out.append(f"- and {len(shown) - MOST_ROWS} more")
    return "\n".join(out) + "\n"


def gallery():
    reached = rows()
    out = [INTRODUCTION.format(lines=MOST_LINES, rows=MOST_ROWS)]
    folders = sorted({os.path.basename(os.path.dirname(p)) for p in glob.glob(os.path.join(ROOT, "examples/*/*.gan"))}, key=lambda f: (list(CHAPTERS) + [f]).index(f))
    for folder in folders:
        out.append(f"## {CHAPTERS.get(folder, folder.capitalize())}\n")
        for path in sorted(glob.glob(os.path.join(ROOT, "examples", folder, "*.gan"))):
            out.append(system(os.path.relpath(path, ROOT), reached))
    return "\n".join(out)


def pictures(gan, names):
    os.makedirs(os.path.join(ROOT, "docs", "gallery"), exist_ok=True)
    for path in sorted(glob.glob(os.path.join(ROOT, "examples/*/*.gan"))):
        name = os.path.basename(path)[:-4]
        with open(path, encoding="utf-8") as f:
            plotted = plots(f.read())
        if not plotted or (names and name not in names):
            continue
        with tempfile.TemporaryDirectory() as d:
            subprocess.run([gan, "run", path, "--seed", "100", "--quiet", "--threads", "1", "--out", d], check=True, stdout=subprocess.DEVNULL)
            last = sorted(glob.glob(os.path.join(d, "pictures", plotted[-1] + "*.png")), key=os.path.getmtime)[-1]
            shutil.copy(last, os.path.join(ROOT, "docs", "gallery", name + ".png"))


def main():
    if len(sys.argv) > 1:
        pictures(os.path.abspath(sys.argv[1]), sys.argv[2:])
    with open(os.path.join(ROOT, "docs", "gallery.md"), "w", encoding="utf-8") as f:
        f.write(gallery())


if __name__ == "__main__":
    main()
