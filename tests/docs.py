#!/usr/bin/env python3
"""What the documents say, held to the command: README's program checks, commands are there, links and paths lead somewhere.

usage: docs.py GAN"""
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "command"))
from harness import folder, gan, run_tests

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md"] + sorted("docs/" + f for f in os.listdir(os.path.join(ROOT, "docs")) if f.endswith(".md"))


def read(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as f:
        return f.read()


def check(d, name, text):
    path = os.path.join(d, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    r = gan("check", path)
    assert r.status == 0 and "warning" not in r.err, r


def test_readme_programs_check():
    blocks = re.findall(r"^```\n(.*?)^```", read("README.md"), re.M | re.S)
    assert len(blocks) == 2, blocks
    program, compares = blocks[0], [line for line in blocks[1].splitlines() if line.startswith("compare ")]
    assert program == read("examples/ring.gan") and len(compares) == 3
    with folder() as d:
        check(d, "ring.gan", program)
        for line in compares:
            other = re.sub(r"^compare .*", lambda _: line, program, flags=re.M)
            if "class_probability" not in line:
                other = other.replace("nonsaturating(gan)", "gan.generator")
            if "mmd(" in line:                              # the line that says it needs no critic
                other = re.sub(r"^net D.*?^}\n|^  update D.*?\n", "", other, flags=re.M | re.S)
            check(d, "other.gan", other)


def test_commands_are_there():
    listed = set(re.findall(r"^  (\w+) ", gan("--help").out, re.M))
    for page in PAGES:
        for command in re.findall(r"(?:^    |`)(?:\./bootstrap|gan) ([a-z]+)", read(page), re.M):
            assert command in listed, (page, command)


def test_pages_made_of_tables_are_current():
    """docs/pages.py writes them."""
    sys.path.insert(0, os.path.join(ROOT, "docs"))
    from pages import PAGES, codes
    for page, make in PAGES.items():
        assert read(page) == make(), f"{page} is not current: python3 docs/pages.py writes it"
    listed = codes()
    assert len(listed) == len(re.findall(r"^CODE\(", read("lang/source/codes.def"), re.M)) and all(f"### {c}: {t}" in read("docs/diagnostics.md") for c, t, _ in listed)


def test_the_gallery_is_current():
    """docs/gallery.py writes it; every program that plots has its picture there, and no other."""
    sys.path.insert(0, os.path.join(ROOT, "docs"))
    from gallery import gallery, plots
    assert read("docs/gallery.md") == gallery(), "docs/gallery.md is not current: python3 docs/gallery.py writes it"
    pictured = {os.path.basename(p)[:-4] for p in glob.glob(os.path.join(ROOT, "docs/gallery/*.png"))}
    assert pictured == {os.path.basename(p)[:-4] for p in glob.glob(os.path.join(ROOT, "examples/*/*.gan")) if plots(read(os.path.relpath(p, ROOT)))}
    assert sum(os.path.getsize(os.path.join(ROOT, "docs/gallery", p + ".png")) for p in pictured) < 1_500_000


def test_every_system_is_listed():
    """docs/systems.py writes the list; every program of a chapter is in it, once."""
    sys.path.insert(0, os.path.join(ROOT, "docs"))
    from systems import families, systems
    assert read("docs/systems.md") == systems(), "docs/systems.md is not current: python3 docs/systems.py writes it"
    listed = [program for _, family in families() for _, _, program, _ in family]
    assert sorted(p for p in listed if "/" in p) == sorted(os.path.relpath(p, os.path.join(ROOT, "examples"))[:-4] for p in glob.glob(os.path.join(ROOT, "examples/*/*.gan")))


def test_files_are_there():
    for page in PAGES:
        text = read(page)
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert os.path.exists(os.path.join(ROOT, os.path.dirname(page), link)), (page, link)
        for path in re.findall(r"`((?:base|lang|compiler|runtime|stdlib|tests|examples|docs|bench)/[\w/.]*)`", text):
            assert os.path.exists(os.path.join(ROOT, path)), (page, path)


run_tests(globals())
