#!/usr/bin/env python3
"""Every construct of the language, and every word of the library and of what is built in, occurs in at least two programs.

usage: cover.py GAN

Constructs are read off the table of the tree, lang/syntax/ast.def: each kind of node, each of its flags, each part that may be there or not (both ways, `kind
with part`, `kind without part`), each part that may hold several, each value of an enumeration. Words are the definitions of stdlib/*.gan and what `gan doc` calls built in.
Constructs count in tests/programs; words in the examples, too. What cannot occur twice is in EXCEPT, with the reason."""
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
DEFINITION = re.compile(r"^(?:def|layer|distribution|bijector|comparison|optimizer|metric|let) (\w+)")
NUMBERS = {("define", "n_lists"): [0, 1, 2], ("prime", "order"): [1, 2]}
EXCEPT = {
    "parameter without type": "refused, as the type of a parameter is said (E039)",
    "define without body": "an extern simulator, which counts as such",
}


def enumerations():
    with open(f"{ROOT}/lang/syntax/ast.h", encoding="utf-8") as f:
        text = f.read().replace("\\\n", " ")
    return {f"Ast{t}": re.findall(r'X\(\w+, "([^"]+)"\)', rest) for t, many, rest in
            ((m[1].capitalize()[:-1], m[1], m[2]) for m in re.finditer(r"#define AST_(\w+S)\(X\)(.*)", text))}


def table():
    """kind -> its fields, (how, name, type of an enumeration)."""
    with open(f"{ROOT}/lang/syntax/ast.def", encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    kinds = {}
    for m in re.finditer(r"AST\(\w+, (\w+), \w+,((?:[^()]|\([^()]*\))*)\)", text):
        kinds[m[1].rstrip("_")] = [(how, a.split(",")[-1].strip(), a.split(",")[0].strip()) for how, a in re.findall(r"(\w+)\(([^)]*)\)", m[2])]
    return kinds


def wanted(kinds, values):
    out = []
    for kind, fields in kinds.items():
        out.append(kind)
        for how, name, sort in fields:
            if how == "FLAG":
                out.append(f"{kind} {name}")
            elif how in ("OPT", "TEXT") and name != "doc" and name != "library":
                out += [f"{kind} with {name}", f"{kind} without {name}"]
            elif how == "NODES":
                out.append(f"{kind} with several {name}")
            elif how == "ENUM":
                out += [f"{kind} {v}" for v in values[sort] if (kind, v) in ALLOWED or kind not in ("unary", "binary")]
            out += [f"{kind} {name}={v}" for v in NUMBERS.get((kind, name), [])]
    return [w for w in out if w.split()[0] != "broken" and w not in EXCEPT]


ALLOWED = {("unary", "not"), ("unary", "-")} | {("binary", v) for v in "or and == != < <= > >= + - * / @ % ^".split()}


def nodes(lines):
    """The printed tree: each node's kind, its attributes, the parts it has and how many of each."""
    stack, out = [], []
    for line in lines:
        depth = (len(line) - len(line.lstrip())) // 2
        words = line.strip()
        part, _, rest = words.partition(": ") if depth else ("", "", words)
        strings = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', rest))
        plain = re.sub(r'\w+="(?:[^"\\]|\\.)*"', "", rest).rsplit("@", 1)[0].split()
        node = {"kind": plain[0], "words": " ".join(plain[1:]).replace("extern simulator", "extern_simulator").split(), "names": strings, "parts": {}}
        del stack[depth:]
        if stack:
            stack[-1]["parts"][part] = stack[-1]["parts"].get(part, 0) + 1
        stack.append(node)
        out.append(node)
    return out


def constructs(node, fields):
    kind = node["kind"]
    yield kind
    for how, name, _ in fields:
        there = node["parts"].get(name, 0)
        if how == "FLAG" and name in node["words"]:
            yield f"{kind} {name}"
        elif how == "OPT":
            yield f"{kind} {'with' if there else 'without'} {name}"
        elif how == "TEXT":
            yield f"{kind} {'with' if name in node['names'] else 'without'} {name}"
        elif how == "NODES" and there > 1:
            yield f"{kind} with several {name}"
        elif how == "ENUM":
            yield f"{kind} {node['words'][0].replace('_', ' ')}"
        elif how == "INT":
            given = [w for w in node["words"] if w.startswith(f"{name}=")]
            yield f"{kind} {given[0] if given else name + '=0'}"


def seen_in(gan, path, kinds):
    """The constructs of a program, and the names it uses."""
    done = subprocess.run([gan, "explain", "--stage", "ast", path], capture_output=True, text=True, timeout=60, check=True)
    made, names = set(), set()
    for node in nodes(done.stdout.splitlines()):
        made |= set(constructs(node, kinds[node["kind"]]))
        if node["kind"] in ("name", "field"):
            names.add(node["names"]["name"])
    return made, names


def words(gan):
    out = []
    for path in sorted(glob.glob(f"{ROOT}/stdlib/*.gan")):
        with open(path, encoding="utf-8") as f:
            out += [m[1] for m in map(DEFINITION.match, f) if m]
    shown = subprocess.run([gan, "doc"], capture_output=True, text=True, timeout=60, check=True).stdout
    built = shown[shown.index("built in (gan doc NAME):"):].split("\n\n")[0]
    return out + built.split(":")[1].split() + ["standard_normal", "standard_uniform", "training", "batch", "step", "steps"]


def main():
    gan = os.path.abspath(sys.argv[1])
    kinds = table()
    needed = wanted(kinds, enumerations())
    in_constructs, in_words = {}, {}
    for path in sorted(glob.glob(f"{HERE}/*.gan")) + sorted(glob.glob(f"{ROOT}/examples/**/*.gan", recursive=True)):
        made, names = seen_in(gan, path, kinds)
        for c in made if os.path.dirname(path) == HERE else ():
            in_constructs.setdefault(c, []).append(path)
        for w in names:
            in_words.setdefault(w, []).append(path)
    rare = [(c, in_constructs.get(c, [])) for c in needed if len(in_constructs.get(c, [])) < 2] + \
           [(w, in_words.get(w, [])) for w in dict.fromkeys(words(gan)) if len(in_words.get(w, [])) < 2]
    for what, where in rare:
        print(f"{what}: in {', '.join(map(os.path.basename, where)) or 'no program'}")
    total = len(needed) + len(set(words(gan)))
    print(f"{total - len(rare)} passed, {len(rare)} failed")
    return 1 if rare else 0


sys.exit(main())
