#!/usr/bin/env python3
"""What the commands do when nothing is wrong: files, formats, statuses."""
import json
import os
import struct

from harness import folder, gan, run_tests

PROGRAM = """
import nn, optim, compare, toy, metrics
let width = 8
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[4] ~ Normal(0, 1)) -> real[2] { z |> Dense(width) |> relu |> Dense(2) }
net D(x: real[2]) -> real { x |> Dense(8) |> relu |> Dense(1) |> scalar }
compare gan = class_probability(ring, G, D)
alternate 20 steps, batch 32 {
  update D minimize gan.critic with adam(1e-3)
  update G minimize nonsaturating(gan) with adam(1e-3)
  every 10 {
    report modes = mode_coverage(G, ring.centers, within: 0.1)
    plot samples = scatter(ring, G)
  }
}
expect modes >= 0
"""


def program(d):
    path = os.path.join(d, "small.gan")
    with open(path, "w") as f:
        f.write(PROGRAM)
    return path


def npy(path):
    """Shape and numbers of a little-endian f32 file."""
    with open(path, "rb") as f:
        assert f.read(6) == b"\x93NUMPY"
        f.read(2)
        header = f.read(struct.unpack("<H", f.read(2))[0]).decode()
        body = f.read()
    shape = tuple(int(n) for n in header.split("(")[1].split(")")[0].split(",") if n.strip())
    assert "<f4" in header, header
    return shape, struct.unpack(f"<{len(body) // 4}f", body)


def test_run_leaves_a_folder():
    with folder() as d:
        path, out = program(d), os.path.join(d, "out")
        r = gan("run", path, "--out", out)
        assert r.status == 0 and "expect modes >= 0: held" in r.out, r
        assert sorted(os.listdir(out)) == ["checkpoints", "log.jsonl", "pictures", "report.html"], os.listdir(out)
        lines = [json.loads(line) for line in open(os.path.join(out, "log.jsonl"))]
        assert [line["step"] for line in lines] == [10, 20] and all(set(line) == {"step", "seconds", "modes"} for line in lines), lines
        assert sorted(os.listdir(os.path.join(out, "pictures"))) == ["samples-000000010.png", "samples-000000020.png"]
        assert gan("run", path, "--out", out, "--quiet").status == 0
        assert sorted(os.listdir(d)) == ["out", "out.1", "small.gan"], "an earlier run moves aside"


def test_sample_in_every_form():
    with folder() as d:
        path, out = program(d), os.path.join(d, "runs", "small")
        assert gan("run", path, "--quiet", cwd=d).status == 0 and os.path.isdir(out)
        for ending in ("npy", "csv", "png"):
            r = gan("sample", path, "G", "-n", 5, "-o", f"s.{ending}", cwd=d)
            assert r.status == 0 and os.path.getsize(os.path.join(d, f"s.{ending}")) > 0, r
        shape, numbers = npy(os.path.join(d, "s.npy"))
        assert shape == (5, 2), shape
        rows = [[float(x) for x in line.split(",")] for line in open(os.path.join(d, "s.csv"))]
        assert [struct.unpack("<f", struct.pack("<f", x))[0] for row in rows for x in row] == list(numbers), "the same draws, whatever the form"
        untrained = gan("sample", path, "G", "-n", 5, "-o", "u.npy", cwd=out)
        assert untrained.status == 0 and "untrained" in untrained.err, untrained


def test_eval():
    assert gan("eval", "-e", "softplus(-17)").out.startswith("4.1399376")
    assert gan("eval", "-e", "fold(0.5, 5, fn(s, i) s + i)").out.split() == ["10.5"] and gan("eval", "-e", "fold(0.0, 5, fn(s, i) s + i)").out.split() == ["10"]
    r = gan("eval", "-e", "[1, 2] * 3")
    assert r.status == 0 and r.out.startswith("[3, 6]"), r
    with folder() as d:
        r = gan("eval", program(d), "-e", "G.Dense_1.b", cwd=d)
        assert r.status == 0 and "f32[8]" in r.out, r
        r = gan("eval", program(d), "-e", "G.Dense_1.b", "--set", "width=3", "-o", "b.npy", cwd=d)
        assert r.status == 0 and npy(os.path.join(d, "b.npy"))[0] == (3,), r
        r = gan("eval", "-e", f'sum(npy("{d}/b.npy"))')
        assert r.status == 0 and float(r.out) == 0, r


def test_doc_explains_codes():
    r = gan("doc", "E301", "E600")
    assert r.status == 0 and r.out.startswith("E301: no density\n") and "\nE600: not supported yet\n" in r.out, r
    r = gan("doc", "E999")
    assert r.status == 1 and "E999" in r.err, r


def test_explain_every_stage():
    with folder() as d:
        path = program(d)
        for stage, word in (("game", "moves D"), ("ast", "alternate"), ("ir", "fn update_D"), ("grad", "sigmoid"), ("kernels", "shards"),
                            ("llvm", "define"), ("asm", ".text")):
            r = gan("explain", path, "--stage", stage)
            assert r.status == 0 and word in r.out, (stage, r.status, r.err, r.out[:500])


def test_engines_agree():
    with folder() as d:
        path = program(d)
        for flags in ((), ("--f64",), ("--portable",), ("--threads", 3)):
            r = gan("diff", path, "--steps", 5, *flags)
            assert r.status == 0 and r.out.startswith("same bits"), r


def test_seeds_and_log_on_stdout():
    with folder() as d:
        path = program(d)
        r = gan("run", path, "--seeds", 3, "--out", os.path.join(d, "out"))
        assert r.status == 0 and "over 3 seeds" in r.out, r
        r = gan("run", path, "--log", "-", "--out", os.path.join(d, "one"))
        assert r.status == 0 and [json.loads(line)["step"] for line in r.out.splitlines()] == [10, 20], r


def test_test_holds_programs_to_their_expectations():
    with folder() as d:
        path = program(d)
        r = gan("test", path)
        assert r.status == 0 and r.out.endswith("1 passed, 0 failed\n"), r
        with open(path, "a") as f:
            f.write("expect modes > 8\n")
        r = gan("test", path, "--backend", "interp")
        assert r.status == 1 and r.out.endswith("1 passed, 1 failed\n") and "NOT held" in r.out, r


run_tests(globals())
