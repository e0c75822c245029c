#!/usr/bin/env python3
"""Bad programs, data and checkpoints: a clear error with its place, status 1, nothing half-written, no crash and no hang."""
import gzip
import json
import os
import random
import struct

from harness import folder, gan, run_tests

SMALL = """
import nn, optim, compare, toy
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[4] ~ Normal(0, 1)) -> real[2] { z |> Dense(8) |> relu |> Dense(2) }
net D(x: real[2]) -> real { x |> Dense(8) |> relu |> Dense(1) |> scalar }
compare gan = class_probability(ring, G, D)
alternate 20 steps, batch 32 {
  update D minimize gan.critic with adam(1e-3)
  update G minimize nonsaturating(gan) with adam(1e-3)
}
"""


def check(text, *wanted):
    """`gan check` refuses the text with status 1 and names its place; each of `wanted` is in the message."""
    with folder() as d:
        path = os.path.join(d, "bad.gan")
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        r = gan("check", path)
        assert r.status == 1, r
        assert "error: " in r.err, r
        for w in wanted:
            assert w in r.err, (w, r)
        assert os.listdir(d) == ["bad.gan"], os.listdir(d)
        return r


def test_binary_noise():
    for seed in range(8):
        check(random.Random(seed).randbytes(4000))


def test_nested_brackets():
    for c in "([{":
        check("let x = " + c * 100_000, ":1:")


def test_nested_operators():
    check("let x = " + "-" * 100_000 + "1", ":1:")
    check("let x = 1" + " ^ 1" * 100_000, ":1:")


def test_long_line():
    check("let x = " + "1 + " * 2_500_000 + "y z", ":1:")


def test_nul_bytes():
    check(b"let x = 1\0\nlet y = \0 2\n", ":1:10:")


def test_invalid_utf8():
    check(b"let x = 1\nlet y\xff\xfe = 2\n", ":2:")


def test_number_too_large():
    check("let x = 1e999\n", "bad.gan:1:9: error:", "1e999")


def test_shapes_that_overflow():
    check("let x = zeros([4294967296, 4294967296, 16])\nreport r = sum(x)\n", ":1:")
    check("report r = sum(zeros([1000000, 1000000]))\n", ":1:")


def test_endless_recursion():
    check("def f(x) = f(x + 1)\nreport r = f(1)\n", "bad.gan:1:")


def test_several_errors_at_once():
    r = check("let a = nothing1\nlet b = nothing2\n", "nothing1", "nothing2")
    assert r.err.count("error: ") == 2, r


def test_unknown_name_offers_the_nearest():
    check(SMALL.replace("relu |> Dense(2)", "rely |> Dense(2)"), "rely", "relu")


def test_shape_mismatch_names_both_shapes():
    check(SMALL.replace("net D(x: real[2])", "net D(x: real[3])"), "real[3]", "real[2]")


def test_directory_for_a_file():
    with folder() as d:
        r = gan("check", d)
        assert r.status == 1 and "directory" in r.err, r


def test_missing_file():
    r = gan("check", "/nonexistent/x.gan")
    assert r.status == 1 and "/nonexistent/x.gan" in r.err, r


def test_standard_input():
    r = gan("check", "-", stdin=b"let x = (\n")
    assert r.status == 1 and "<stdin>:" in r.err, r


def test_json_diagnostics():
    with folder() as d:
        path = os.path.join(d, "bad.gan")
        with open(path, "w") as f:
            f.write("let a = nothing1\n")
        r = gan("check", path, "--diagnostics=json")
        assert r.status == 1, r
        lines = [json.loads(line) for line in r.err.splitlines()]
        assert lines and lines[0]["severity"] == "error" and lines[0]["file"] == path, r


def idx_program(path):
    return f'data d = idx("{path}")\nreport m = E[x ~ d : all] mean(x)\n'


def data_case(content, name, *wanted):
    with folder() as d:
        data = os.path.join(d, name)
        with open(data, "wb") as f:
            f.write(content)
        path = os.path.join(d, "p.gan")
        with open(path, "w") as f:
            f.write(idx_program(data) if "idx" in name else f'data d = {name.split(".")[-1]}("{data}")\nreport m = E[x ~ d : all] mean(x)\n')
        r = gan("run", path, "--out", os.path.join(d, "out"))
        assert r.status == 1 and name in r.err, r
        for w in wanted:
            assert w in r.err, (w, r)
        assert sorted(os.listdir(d)) == sorted([name, "p.gan"]), os.listdir(d)


def test_idx_promises_more_than_there_is():
    header = struct.pack(">IIII", 0x803, 60000, 28, 28)
    data_case(header + b"\0" * 1000, "a.idx")
    data_case(gzip.compress(header + b"\0" * 1000), "b.idx.gz")
    data_case(struct.pack(">IIII", 0x803, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF), "c.idx")


def test_broken_data():
    data_case(b"", "a.idx")
    data_case(b"\x93NUMPY\x01\x00", "a.npy")
    data_case(b"1,2\n3\n", "a.csv")
    data_case(b"1,2\n3,x\n", "b.csv")
    data_case(gzip.compress(b"\0" * 1000)[:-20], "b.idx.gz")


def test_missing_data():
    check(idx_program("/nonexistent/train.gz"), "/nonexistent/train.gz")


def trained(d):
    path = os.path.join(d, "small.gan")
    with open(path, "w") as f:
        f.write(SMALL)
    r = gan("run", path, "--out", os.path.join(d, "out"), "--quiet")
    assert r.status == 0, r
    checkpoints = os.path.join(d, "out", "checkpoints")
    return path, sorted(os.path.join(checkpoints, n) for n in os.listdir(checkpoints) if n.endswith(".safetensors"))


def test_truncated_checkpoint():
    with folder() as d:
        path, checkpoints = trained(d)
        whole = open(checkpoints[-1], "rb").read()
        for n in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
            bad = os.path.join(d, "bad.safetensors")
            with open(bad, "wb") as f:
                f.write(whole[:n])
            r = gan("sample", path, "G", "-n", 4, "-o", os.path.join(d, "s.npy"), "--checkpoint", bad)
            assert r.status == 1 and "bad.safetensors" in r.err, (n, r)
            assert not os.path.exists(os.path.join(d, "s.npy"))


def test_checkpoint_of_another_program():
    with folder() as d:
        path, checkpoints = trained(d)
        other = os.path.join(d, "other.gan")
        with open(other, "w") as f:
            f.write(SMALL.replace("Dense(8)", "Dense(9)"))
        r = gan("sample", other, "G", "-n", 4, "-o", os.path.join(d, "s.npy"), "--checkpoint", checkpoints[-1])
        assert r.status == 1 and "Dense_1" in r.err, r


def test_wrong_usage():
    for args in ([], ["run"], ["run", "a", "b"], ["rum", "x"], ["run", "x", "--stepz", "3"], ["run", "x", "--steps", "three"], ["run", "x", "--steps"],
                 ["explain", "x", "--stage", "tree"], ["eval"], ["sample", "x", "G"]):
        r = gan(*args)
        assert r.status == (2 if args else 0), (args, r)
        assert r.err or not args, (args, r)
    assert "did you mean run" in gan("rum", "x").err
    assert "did you mean --steps" in gan("run", "x", "--stepz", "3").err


def test_help_and_version():
    assert "commands:" in gan("--help").out
    assert gan("--version").out.startswith("gan 0.")
    for c in ("run", "check", "explain", "diff", "eval", "sample", "test"):
        r = gan(c, "--help")
        assert r.status == 0 and "example: gan " + c in r.out and max(map(len, r.out.splitlines())) <= 100, r


def test_a_loss_that_becomes_nan_is_named():
    with folder() as d:
        path = os.path.join(d, "nan.gan")
        with open(path, "w") as f:
            f.write("import optim\nnet W { param v: real = 1; v }\nalternate 50 steps, batch 4 {\n  update W minimize log(W()) with sgd(0.3)\n}\n")
        r = gan("run", path, "--out", os.path.join(d, "out"), "--quiet")
        assert r.status == 3 and "nan.gan:4:" in r.err and "log" in r.err and "W" in r.err, r
        assert os.listdir(os.path.join(d, "out", "checkpoints")), "the last good state was not saved"


run_tests(globals())
