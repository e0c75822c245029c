#!/usr/bin/env python3
"""Inputs to begin with: programs, texts of the two IRs and compiled programs of this repository, and a few files of data of each kind.

usage: seeds.py FOLDER [GAN]

FOLDER/TARGET/... are written. Without GAN, a `gan` that was built, there are no compiled programs."""
import glob
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MOST_BYTES = 1200                                           # of a program: fuzzers like small ones


def read(path):
    with open(path, "rb") as f:
        return f.read()


def found(*patterns):
    return [path for pattern in patterns for path in sorted(glob.glob(os.path.join(ROOT, pattern)))]


def programs():
    for path in found("examples/*.gan", "tests/golden/*/*.gan", "tests/programs/*.gan"):
        text = re.sub(rb"(?m)^#[!>=~].*\n", b"", read(path))
        if len(text) <= MOST_BYTES:
            yield os.path.relpath(path, ROOT).replace("/", "_"), text


def parts(path, begins):
    """The text whole, and each of its functions alone, with what stands before them all."""
    text = read(path)
    at = [m.start() for m in re.finditer(begins, text, re.M)] + [len(text)]
    yield text
    for a, b in zip(at, at[1:]):
        yield text[:at[0]] + text[a:b]


def texts(paths, begins):
    for path in paths:
        for i, part in enumerate(parts(path, begins)):
            yield f"{os.path.basename(path)}_{i}", part


IMAGES = {
    "empty": "let x = 1\n",
    "game": "import nn, optim, compare, toy\ndata ring = toy.ring(modes: 8, radius: 2, std: 0.02)\n"
            "implicit G(z: real[4] ~ Normal(0, 1)) -> real[2] { z |> Dense(8) |> relu |> Dense(2) }\n"
            "net D(x: real[2]) -> real { x |> Dense(8) |> relu |> Dense(1) |> scalar }\ncompare gan = class_probability(ring, G, D)\n"
            "alternate 20 steps, batch 32 {\n  update D minimize gan.critic with adam(1e-3)\n  update G minimize nonsaturating(gan) with adam(1e-3)\n"
            "  every 5 { report loss = gan.critic; plot samples = scatter(ring, G) }\n}\nexpect 1 > 0\n",
    "loops": "data t: real[2] = csv(\"t.csv\")\nnet W { param v: real[3] = 0.1; v }\nreport drift = sum(scan(W(), 12, fn(s, i) s + 0.1 * s * i))\nreport m = E[x ~ t] sum(x)\n"
             "report orbit = E[x ~ Normal(0, 1)^2 : 200] sum(scan(x, 12, fn(s, i) 0.9 * s, until: fn(s) sum(s) < 0))\n",
}


def images(gan):
    """Native programs have their image in them as it is."""
    with tempfile.TemporaryDirectory(prefix="gan-fuzz-") as d:
        with open(f"{d}/t.csv", "w", encoding="ascii") as f:
            f.write("1,2\n3,4\n5,6\n")
        for name, text in IMAGES.items():
            with open(f"{d}/{name}.gan", "w", encoding="ascii") as f:
                f.write(text)
            subprocess.run([gan, "build", f"{name}.gan", "-o", name], cwd=d, check=False, capture_output=True)
            made = read(f"{d}/{name}") if os.path.exists(f"{d}/{name}") else b""
            for m in re.finditer(b"GANIMAGE", made):
                if len(made) >= m.start() + 24 and int.from_bytes(made[m.start() + 8:m.start() + 12], "little") < 100:
                    yield name, made[m.start():m.start() + int.from_bytes(made[m.start() + 16:m.start() + 24], "little")]


def safetensors(meta, **tensor):
    at, head, body = 0, {"__metadata__": meta} if meta else {}, b""
    for name, (dtype, shape, data) in tensor.items():
        head[name.replace("__", ".")] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
        body += data
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def checkpoints():
    state = {"step": ("I64", [], b"\1" + bytes(7)), "w": ("F32", [2, 3], struct.pack("<6f", *range(6))), "report__w": ("F64", [], struct.pack("<d", 0.5))}
    for i, position in enumerate(["", "0", "0 1", "0 1 0", "1", "2"]):
        meta = {"format": "gan checkpoint 1", "program": "toy", "source": "1", "seed": "1", "step": "1", "steps": "-1", "log": "1", "position": position, "expects": "?", "axes": ""}
        yield f"run_{i}", safetensors(meta, **state)
    yield "tensors", safetensors(None, a=("U8", [3], b"abc"), b=("BOOL", [1, 2], b"\0\1"), c=("I32", [0, 5], b""))


def idx():
    for code, form in {8: "B", 9: "b", 11: "h", 12: "i", 13: "f", 14: "d"}.items():
        data = bytes([0, 0, code, 2]) + struct.pack(">ii", 2, 3) + struct.pack(f">6{form}", *range(6))
        yield f"type_{code}", data
        yield f"type_{code}.gz", gzip.compress(data, mtime=0)


def npy(head, data, version=1):
    size = 10 if version == 1 else 12
    text = head.encode() + b" " * (-(size + len(head) + 1) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + data


def npys():
    for version in (1, 2, 3):
        yield f"version_{version}", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", struct.pack("<6d", *range(6)), version)
    yield "fortran", npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", struct.pack("<6i", *range(6)))
    yield "bytes", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }", b"abcd")
    yield "scalar", npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", bytes(8))
    yield "none", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (0, 7), }", b"")


SEEDS = {
    "syntax": programs,
    "program": programs,
    "ir": lambda: texts(found("tests/ir/*.ir", "compiler/ir/test_rows.ir"), rb"^fn "),
    "loop": lambda: texts(found("compiler/loop/test_rows.loop"), rb"^nest "),
    "checkpoint": checkpoints,
    "log": lambda: [("two", b'\x02{"step": 1, "seconds": 0.5, "x": 1}\n{"step": 2, "seconds": 1.5, "x": "nan", "kinds": {"x": "bound"}}\n{"st'), ("none", b"")],
    "idx": idx,
    "npy": npys,
    "csv": lambda: [("plain", b"1,2\n3,-4e5\n"), ("header", b'a,"b ""c"""\r\n 1 ,"2"\r\nnan,inf\r\n'), ("packed.gz", gzip.compress(b"x,y\n1,2\n", mtime=0)), ("one", b"7")],
    "text": lambda: [("chars", "abc é\nabc\n\ncab é\n".encode()), ("words", b"the;cat;sat\nthe cat sat\ncat\tcat\n"), ("packed.gz", gzip.compress(b"ab\nab\nba\n", mtime=0))],
}


def main():
    made = dict(SEEDS)
    made["image"] = (lambda: images(os.path.abspath(sys.argv[2]))) if len(sys.argv) > 2 else list
    for target, seeds in made.items():
        folder = os.path.join(sys.argv[1], target)
        os.makedirs(folder, exist_ok=True)
        for name, data in seeds():
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main()
