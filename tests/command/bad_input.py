#!/usr/bin/env python3
"""Bad programs, data and checkpoints: a clear error with its place, status 1, nothing half-written, no crash and no hang."""
import gzip
import json
import os
import random
import re
import resource
import stat
import struct
import subprocess
import time

from harness import GAN, SANITIZED, SMALL, folder, gan, run_tests


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
                 ["run", "x", "--steps", "-1"], ["run", "x", "--steps=99999999999999999999"], ["run", "x", "--seeds", "99999999999"], ["run", "x", "--seed", "-1"],
                 ["run", "x", "--threads", "0"], ["run", "x", "--quiet=1"], ["run", "x", "--out", ""], ["run", "x", "--set", "=3"], ["run", "x", "--set", "a"], ["run", "x", "--set", "a="],
                 ["run", "x", "--number", "3"], ["check"], ["sample", "x", "G", "-o", "x.gif"], ["eval", "-e", "1", "-o", "x.txt"], ["-"], ["--"],
                 ["explain", "x", "--stage", "tree"], ["eval"], ["sample", "x", "G"]):
        r = gan(*args)
        assert r.status == (2 if args else 0), (args, r)
        assert r.err or not args, (args, r)
    assert "did you mean run" in gan("rum", "x").err
    assert "did you mean --steps" in gan("run", "x", "--stepz", "3").err


def test_help_and_version():
    r = gan("--help")
    assert "commands:" in r.out and max(map(len, r.out.splitlines())) <= 80, r
    assert gan("--version").out.startswith("gan 0.")
    for c in ("run", "check", "explain", "diff", "eval", "sample", "test"):
        r = gan(c, "--help")
        assert r.status == 0 and "example: gan " + c in r.out and max(map(len, r.out.splitlines())) <= 80, r


def test_a_loss_that_becomes_nan_is_named():
    with folder() as d:
        path = os.path.join(d, "nan.gan")
        with open(path, "w") as f:
            f.write("import optim\nnet W { param v: real = 1; v }\nalternate 50 steps, batch 4 {\n  update W minimize log(W()) with sgd(0.3)\n}\n")
        r = gan("run", path, "--out", os.path.join(d, "out"), "--quiet")
        assert r.status == 3 and "nan.gan:4:" in r.err and "log" in r.err and "W" in r.err, r
        assert os.listdir(os.path.join(d, "out", "checkpoints")), "the last good state was not saved"


def ends_early(d, text):
    """A run that stops by itself: its answer, and the last step of its log."""
    path, log = os.path.join(d, "early.gan"), os.path.join(d, "log.jsonl")
    with open(path, "w") as f:
        f.write("import optim\nnet W { param v: real = 1; v }\n" + text)
    r = gan("run", path, "--out", os.path.join(d, "out"), "--quiet", "--log", log)
    with open(log) as f:
        return r, [json.loads(line)["at"] for line in f]


def test_a_row_that_is_not_there_ends_the_run():
    with folder() as d:
        r, seen = ends_early(d, "state chain: real[3] = [0, 0, 0]\nalternate 9 steps {\n  update W minimize W() with sgd(0)\n  chain[step] := 1\n  report at = step\n}\n")
        assert r.status == 3 and "early.gan:6:" in r.err and "the index of chain is out of range: 3 (line 6) at step 3" in r.err and seen == [0, 1, 2], (r, seen)
        r, seen = ends_early(d, "state chain: real[3] = [0, 0, 0]\nalternate 9 steps {\n  update W minimize W() with sgd(0)\n  chain[1 - step] := 1\n  report at = step\n}\n")
        assert r.status == 3 and "out of range: -1 (line 6) at step 2" in r.err and seen == [0, 1], (r, seen)


def test_a_state_that_is_not_finite_ends_the_run():
    with folder() as d:
        r, seen = ends_early(d, "state s: real = 10\nalternate 9 steps {\n  update W minimize W() with sgd(0)\n  s := s * s * s * s\n  report at = step\n}\n")
        assert r.status == 3 and "early.gan:6:" in r.err and ": s is not finite" in r.err and seen == [0, 1], (r, seen)   # 1e4, 1e16, 1e64
        assert os.listdir(os.path.join(d, "out", "checkpoints")), "the last good state was not saved"


def test_values_too_large_for_any_memory():
    for text in ("report r = sum(zeros([8000000000, 1]) @ zeros([1, 8000000000]))",
                 "report r = sum(scan(zeros([8000000000]), 2000000000, fn(s, t) s + 1))",
                 "report r = E[x ~ Normal(0, 1)^8000000000 : 2000000000] sum(x * x)",
                 "let a0 = zeros([2])\n" + "".join(f"let a{i} = concat(a{i - 1}, a{i - 1})\n" for i in range(1, 62)),
                 "let a0 = [1.0, 2.0]\n" + "".join(f"let a{i} = [a{i - 1}, a{i - 1}]\n" for i in range(1, 62)),
                 "let a0 = (x: 1.0, y: 2.0)\n" + "".join(f"let a{i} = (x: a{i - 1}, y: a{i - 1})\n" for i in range(1, 62))):
        check(text, "E203")
    r = gan("eval", "-e", "sum(zeros([8000000000, 1]) @ zeros([1, 8000000000]))")
    assert r.status == 1 and "E203" in r.err, r


def test_too_much_to_evaluate():
    check("def f0(x) = x\n" + "".join(f"def f{i}(x) = f{i - 1}(x) + f{i - 1}(x)\n" for i in range(1, 60)) + "report r = f59(1.0)", "E107")
    check("def f0(x) = x\n" + "".join(f"def f{i}(x) = f{i - 1}(f{i - 1}(x))\n" for i in range(1, 40)) + "report r = f39(1.0)", "E107")
    check("report r = for i in 0..1000000000 { i }", "E107")
    check("report r = sum(for i in 0..100000 { sum(for i in 0..100000 { j }) })", "j is not declared")
    for text in ("let v = for i in 0..1000 { for j in 0..1000 { for k in 0..1000 { 1.0 } } }\nreport r = v[0][0][0]\n",
                 "report r = sum(for i in 0..1000 { sum(for j in 0..1000 { sum(for k in 0..1000 { i * j * k }) }) })\n",
                 "def g(i) = sum(for k in 0..1000 { sum(for l in 0..1000 { k * l }) })\nreport r = sum(for i in 0..1000 { g(i) })\n",
                 "for i in 0..1000 { for j in 0..1000 { for k in 0..1000 { report r[i, j, k] = i } } }\n"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        check(text, ":1:", "E107", "1000 rounds in loops of 1000000 are too many")
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 120 << 10), text
    check("def f(x) = exp(sin(x))\nreport r = f" + "'" * 40 + "(1.0)", "E107")
    check("def a(m, n) = if m == 0 { n + 1 } else { if n == 0 { a(m - 1, 1) } else { a(m - 1, a(m, n - 1)) } }\nreport r = a(9, 9)", "error")


def small(old, new):
    assert old in SMALL, old
    return SMALL.replace(old, new)


def test_numbers_that_make_no_sense():
    for n in ("-1", "2.5", "x", '"a"', "[3]", "9223372036854775807", "9223372036854775808", "1e999", "1/0", "G"):
        check(small("Dense(8)", f"Dense({n})"), "error")
    for n in ("0", "-1", "2147483648", "1.5", "x", "G", "[2]"):
        check(small("batch 32", f"batch {n}"), ":7:")
    for n in ("-1", "x", "1.5", "9223372036854775808", "G"):
        check(small("20 steps", f"{n} steps"), ":7:")
    for n in ("0", "-1", "x", "1.5"):
        check(small("update D", f"every {n} {{ save }}\n  update D"), ":8:")
    for n in ("0", "-1", "1.5", "1000000", "x"):
        check(small("modes: 8", f"modes: {n}"), "error")
    for n in ("-4", "n", "1.5", "9223372036854775807", "1, 1, 1, 1, 1, 1, 1, 1, 1"):
        check(small("real[4]", f"real[{n}]"), ":4:")
    for text in ("state t: real[2] = 0\nt[2] := 1", "state t: real[2] = 0\nt[-1] := 1", "state t: real = 0\nt[0] := 1", "let a = [1, 2]\nreport r = a[2]",
                 "report r = sum(reshape(zeros([6]), [4]))", "report r = sum(iota(-1))", "report r = E[x ~ Normal(0, 1) : 0] x", "report step = 1", "report seconds = 1",
                 "report r = fold(0.0, -1, fn(s, t) s)", "report r = E[x ~ 3 : 5] x", "report r = E[x ~ Normal(0, 1)] x", "report r = E[x ~ Normal(0, 1) : all] x"):
        check(text, "error")


def test_names_that_no_checkpoint_can_have():
    for n in ('""', '"../best"', '"a/b"', '"000000012"', '".tmp"', '"-1"', '"a b"', '"\xff"', '"' + "a" * 101 + '"', "3", "G"):
        check(small("update D", f"save {n}\n  update D"), ":8:")


def test_modules_in_a_circle():
    with folder() as d:
        for name, text in (("a", "import b"), ("b", "import c"), ("c", "import b"), ("me", "import me")):
            with open(os.path.join(d, f"{name}.gan"), "w") as f:
                f.write(text + "\n")
        for name in ("a", "b", "me"):
            r = gan("check", os.path.join(d, f"{name}.gan"))
            assert r.status == 1 and "imports itself" in r.err, r


def test_one_bad_file_does_not_hide_the_others():
    with folder() as d:
        path = os.path.join(d, "small.gan")
        with open(path, "w") as f:
            f.write(SMALL)
        r = gan("check", path, os.path.join(d, "nothing.gan"), path)
        assert r.status == 1 and r.out.count(": ok") == 2 and "nothing.gan" in r.err, r


def write_small(d, steps=20):
    path = os.path.join(d, "small.gan")
    with open(path, "w") as f:
        f.write(SMALL.replace("20 steps", f"{steps} steps").replace("}\n", "}\n", 1).rstrip()[:-1] + "  every 10 { report l = gan.critic }\n}\n")
    return path


def test_out_is_never_written_over():
    with folder() as d:
        path, mine = write_small(d), os.path.join(d, "mine")
        os.mkdir(mine)
        with open(os.path.join(mine, "thesis.txt"), "w") as f:
            f.write("x")
        for out in (path, mine, d, "/dev/null", os.path.join(path, "x"), "/proc/nothing", os.path.join(d, "n" * 300)):
            r = gan("run", path, "--out", out, "--quiet")
            assert r.status == 1 and "error" in r.err, (out, r)
        assert sorted(os.listdir(d)) == ["mine", "small.gan"] and os.listdir(mine) == ["thesis.txt"]
        empty = os.path.join(d, "empty")
        os.mkdir(empty)
        assert gan("run", path, "--out", empty + "/", "--quiet").status == 0
        assert gan("run", path, "--out", empty + "/", "--quiet").status == 0
        assert sorted(os.listdir(d)) == ["empty", "empty.1", "mine", "small.gan"], os.listdir(d)


def test_two_runs_in_one_folder():
    with folder() as d:
        path, out = write_small(d, 10_000_000), os.path.join(d, "out")
        first = subprocess.Popen([GAN, "run", path, "--out", out, "--quiet"], stderr=subprocess.PIPE)
        try:
            while not os.path.exists(os.path.join(out, "log.jsonl")):
                assert first.poll() is None
                time.sleep(0.01)
            for flags in ((), ("--resume",)):
                r = gan("run", path, "--out", out, "--quiet", *flags)
                assert r.status == 1 and f"process {first.pid}" in r.err, r
            assert sorted(os.listdir(d)) == ["out", "small.gan"]
        finally:
            first.terminate()
            _, err = first.communicate(timeout=60)
        assert first.returncode == 143 and b"--resume` goes on" in err, (first.returncode, err)


def test_a_full_disk():
    with folder() as d:
        path, out = write_small(d), os.path.join(d, "out")
        r = gan("run", path, "--out", out, "--log", "/dev/full", "--quiet")
        assert r.status == 3 and "/dev/full" in r.err and "No space left" in r.err, r
        assert os.path.exists(os.path.join(out, "checkpoints", "000000009.safetensors")), "the state before the row is saved"
        with open("/dev/full", "w") as full:
            done = subprocess.run([GAN, "eval", "-e", "1 + 1"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
        assert done.returncode == 3 and b"No space left" in done.stderr, done


def test_a_file_size_limit_is_a_full_disk():
    with folder() as d:
        path = write_small(d)
        out = os.path.join(d, "out")
        assert gan("run", path, "--out", out, "--quiet").status == 0
        log = os.path.getsize(os.path.join(out, "log.jsonl"))
        most = max(os.path.getsize(os.path.join(out, "checkpoints", n)) for n in os.listdir(os.path.join(out, "checkpoints")))
        assert 20 < log < most
        for limit in (0, 20, log - 1, log + 1, most - 1):
            def set_limit():
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            one = os.path.join(d, str(limit))
            done = subprocess.run([GAN, "run", path, "--out", one, "--quiet"], preexec_fn=set_limit, capture_output=True, timeout=60, check=False)
            assert done.returncode == 3 and b"File too large" in done.stderr, (limit, done)
            left = [n for _, _, names in os.walk(one) for n in names]
            assert set(left) <= {".lock", "log.jsonl", "report.html"}, (limit, left)
            lines = open(os.path.join(one, "log.jsonl")).read() if "log.jsonl" in left else ""
            assert not lines or lines.endswith("\n"), (limit, lines)
            r = [GAN, "sample", path, "G", "-n", "9000", "-o", os.path.join(d, "s.npy"), "--checkpoint", os.path.join(out, "checkpoints", sorted(os.listdir(os.path.join(out, "checkpoints")))[-1])]
            done = subprocess.run(r, preexec_fn=set_limit, capture_output=True, timeout=60, check=False)
            assert done.returncode == 3 and b"File too large" in done.stderr and sorted(os.listdir(d))[-1] != "s.npy", (limit, done)
            assert not [n for n in os.listdir(d) if n.startswith(".tmp")], os.listdir(d)


def test_a_page_that_could_not_be_written_is_not_promised():
    with folder() as d:
        path, out = write_small(d), os.path.join(d, "out")
        with open(path, "a") as f:
            f.write("# the page shows the program, so it is the largest file\n" * 2000)
        assert "report in" in gan("run", path, "--out", out).out
        page = os.path.getsize(os.path.join(out, "report.html"))
        one = os.path.join(d, "one")
        done = subprocess.run([GAN, "run", path, "--out", one, "--no-cache"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (page - 1, page - 1)),
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 0 and b"report.html" in done.stderr and b"steps in" in done.stdout and b"report in" not in done.stdout, done
        assert "report.html" not in os.listdir(one) and "checkpoints" in os.listdir(one), os.listdir(one)


def test_names_that_are_not_utf8():
    """They are opened as they are, and printed so that a terminal and a reader of JSON can take them."""
    with folder() as d:
        d = d.encode()
        bad = b"a\xff\x1b[31m\xc2\x9b\xc3\xa9"
        name, out, shown = bad + b".gan", d + b"/out\xfe", "a??[31m??\u00e9"
        with open(os.path.join(d, name), "w") as f:
            f.write(SMALL.replace("20 steps", "20_000_000 steps"))

        def run(*args, status=0):
            done = subprocess.run([GAN.encode(), *(a if isinstance(a, bytes) else str(a).encode() for a in args)], cwd=d, capture_output=True, timeout=60, check=False)
            assert done.returncode == status, (args, done)
            for said in (done.stdout, done.stderr):
                assert b"\x1b" not in said and b"\xc2\x9b" not in said, (args, said)
                said.decode("utf-8")
            return done.stdout.decode() + done.stderr.decode()
        assert f"{shown}.gan: ok" in run("check", name)
        assert "report in" in run("run", name, "--out", out, "--steps", 3)
        assert "resuming at step 3" in run("run", name, "--out", out, "--steps", 5, "--resume")
        assert f"<title>{shown}</title>" in open(out + b"/report.html", encoding="utf-8").read()
        run("sample", name, "G", "-n", 4, "-o", b"s\xff.npy", "--checkpoint", out + b"/checkpoints/000000005.safetensors")
        assert os.path.exists(d + b"/s\xff.npy")
        run("run", name, "--steps", 2)
        assert os.path.isdir(d + b"/runs/" + bad)
        run("test", name, "--steps", 2, status=1)
        with open(os.path.join(d, b"d\xff.gan"), "wb") as f:
            f.write(b'data d = csv("none.csv")\nreport m = E[x ~ d : all] mean(x)\nlet a = b\n')
        for line in run("check", b"d\xff.gan", "--diagnostics=json", status=1).splitlines():
            assert json.loads(line)["file"] in ("d\ufffd.gan", "d?.gan", "none.csv"), line
        for line in run("run", name, "--checkpoint", b"none\xff", "--diagnostics=json", "--quiet", status=1).splitlines():
            json.loads(line)
        run("run", b"none\xff\x1b.gan", status=1)
        run(b"r\xff", status=2)
        run("run", name, b"--st\xff=3", status=2)
        run("run", name, b"--steps=\xff", status=2)
        run("run", name, "--set", b"\xff", status=2)
        run("run", name, "--set", b"\xff=1", status=1)
        run("run", name, "--backend", b"\xff", status=2)
        run("sample", name, "G", "-o", b"\xff", status=2)
        first = subprocess.Popen([GAN.encode(), b"run", name, b"--out", d + b"/x\xfe", b"--quiet"], cwd=d, stderr=subprocess.PIPE)
        while not os.path.exists(d + b"/x\xfe/log.jsonl"):
            time.sleep(0.01)
        first.terminate()
        said = first.communicate(timeout=60)[1].decode("utf-8")
        assert first.returncode == 143 and "$'a\\xff\\x1b[31m\\xc2\\x9b\\xc3\\xa9.gan'" in said, said


PRODUCT = "net W { param v: real[1100, 1100] = 0.001; v }\nreport r = sum(W() @ (W() + zeros([1100, 1100])))\n"


def test_little_memory():
    """Whatever is short, the command ends; OpenBLAS is no part of a run that has no product for it."""
    with folder() as d:
        path, product, out = write_small(d), os.path.join(d, "product.gan"), os.path.join(d, "out")
        with open(product, "w") as f:
            f.write(PRODUCT)
        for megabytes in () if SANITIZED else (1500, 450, 350, 300):
            for file in (path, product):
                def limit():
                    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
                done = subprocess.run([GAN, "run", file, "--out", out, "--quiet", "--threads", "2"], preexec_fn=limit, capture_output=True, timeout=60, check=False)
                assert done.returncode in (0, 3, 127, -6), (megabytes, file, done)      # the loader's answer, LLVM's
                assert done.returncode != 3 or b"memory" in done.stderr or b"cannot be loaded" in done.stderr, (megabytes, file, done)
                assert megabytes < 1500 or done.returncode == 0, (megabytes, file, done)
        debug = dict(os.environ, LD_DEBUG="files")
        for file, loads in ((path, False), (product, True)):
            done = subprocess.run([GAN, "run", file, "--out", out, "--quiet"], env=debug, capture_output=True, timeout=60, check=True)
            assert (b"openblas" in done.stderr) == loads, file


def test_a_closed_pipe_ends_quietly():
    with folder() as d:
        path, out = write_small(d, 1_000_000), os.path.join(d, "out")
        p = subprocess.Popen([GAN, "run", path, "--out", out, "--log", "-", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert json.loads(p.stdout.readline())["step"] == 10
        p.stdout.close()
        err = p.stderr.read()
        assert p.wait(timeout=60) == 141 and err == b"", (p.returncode, err)
        assert any(n.endswith(".safetensors") for n in os.listdir(os.path.join(out, "checkpoints"))), "what was trained is saved"
        for args in (["explain", path, "--stage", "llvm"], ["--help"], ["run", path, "--steps", "50", "--out", os.path.join(d, "o2")]):
            p = subprocess.Popen([GAN, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            p.stdout.close()
            err = p.stderr.read()
            assert p.wait(timeout=60) == 0 and err == b"", (args, p.returncode, err)


def test_resume_passes_bad_checkpoints_over():
    with folder() as d:
        path, checkpoints = trained(d)
        whole = open(checkpoints[-1], "rb").read()
        bad = os.path.join(os.path.dirname(checkpoints[-1]), "000000900.safetensors")
        for junk in (b"", b"x" * 999, whole[:-3], b"\xff" * 8 + whole[8:], whole[:300] + bytes([whole[300] ^ 1]) + whole[301:], whole[:-1] + bytes([whole[-1] ^ 1])):
            with open(bad, "wb") as f:
                f.write(junk)
            r = gan("run", path, "--out", os.path.join(d, "out"), "--quiet", "--resume")
            assert r.status == 0 and "000000900" in r.err and "resuming at step 20" in r.err, r
        os.remove(bad)
        for c in checkpoints:
            with open(c, "wb") as f:
                f.write(b"junk")
        r = gan("run", path, "--out", os.path.join(d, "out"), "--quiet", "--resume")
        assert r.status == 1 and "none of the checkpoints here is good" in r.err, r     # a new run would write over this one's log


def test_errors_of_a_run_as_json():
    with folder() as d:
        path = os.path.join(d, "nan.gan")
        with open(path, "w") as f:
            f.write("import optim\nnet W { param v: real = 1; v }\nalternate 50 steps, batch 4 {\n  update W minimize log(W()) with sgd(0.3)\n}\n")
        r = gan("run", path, "--out", os.path.join(d, "out"), "--quiet", "--diagnostics=json")
        said = [json.loads(line) for line in r.err.splitlines()]
        assert r.status == 3 and said[0]["severity"] == "error" and said[0]["file"] == path and said[0]["range"]["start"]["line"] == 4, r


WRITES = """implicit G(z: real[2] ~ Normal(0, 1)) -> real { param w: real = 1; w * sum(z) }
report u = E[x ~ G : 3] x
"""


def test_what_is_no_regular_file_is_not_written_over():
    """A pipe or a device of the output's name stays, and is refused before the program is looked at."""
    with folder() as d:
        cases = ([["build", "--emit", "c", "-o"], "out.c"], [["build", "--emit", "obj", "-o"], "out.o"], [["build", "-o"], "out"], [["build", "--lib", "-o"], "out.so"],
                 [["build", "--lib", "--python", "-o"], "out_game.py"], [["sample", "-o"], "out.csv"], [["sample", "-o"], "out.npy"], [["sample", "-o"], "out.png"],
                 [["eval", "-e", "1", "-o"], "out.csv"])
        kinds = [("a pipe", os.mkfifo, stat.S_ISFIFO)]
        if os.geteuid() == 0:                               # /dev/null's twin, in a folder of its own
            kinds.append(("a device", lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3)), stat.S_ISCHR))
        for what, make, still in kinds:
            for (command, *flags), name in cases:
                path = os.path.join(d, name)
                make(path)
                output = os.path.join(d, "out") if "--lib" in flags else path
                r = gan(command, os.path.join(d, "missing.gan"), *(["G"] if command == "sample" else []), *flags, output)
                assert r.status == 1 and f"there is {what}" in r.err and "missing.gan" not in r.err, (name, r)
                assert still(os.stat(path).st_mode) and os.listdir(d) == [name], (name, os.listdir(d))
                os.remove(path)


def test_an_output_that_is_a_link_stays_one():
    with folder() as d:
        program, real, link = os.path.join(d, "p.gan"), os.path.join(d, "below", "real"), os.path.join(d, "link")
        os.mkdir(os.path.dirname(real))
        with open(program, "w") as f:
            f.write(WRITES)
        for flags in (["--emit", "c"], []):
            for old in (b"old", None):                      # what the link leads to is there, or is made
                if old is not None:
                    with open(real, "wb") as f:
                        f.write(old)
                os.symlink("below/real", link)
                r = gan("build", program, *flags, "-o", link)
                assert r.status == 0 and os.readlink(link) == "below/real" and os.path.getsize(real) > 1000, r
                os.remove(link)
                os.remove(real)
        os.symlink("link", link)
        r = gan("build", program, "--emit", "c", "-o", link)
        assert r.status == 1 and "lead nowhere" in r.err, r
        os.remove(link)
        os.symlink("/proc/self/fd/1", link)                 # as /dev/stdout is, with >> into a file
        with open(real, "w+b") as f:
            f.write(b"before")
            f.flush()
            r = subprocess.run([GAN, "build", program, "--emit", "c", "-o", link], stdout=f, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        assert r.returncode == 1 and "a file that is open" in r.stderr and os.readlink(link) == "/proc/self/fd/1", r
        with open(real, "rb") as f:
            assert f.read() == b"before"


LOGGED = """import optim
net W { param v: real = 0; v }
alternate 4 steps { update W minimize (W() - 1)^2 with sgd(0.1)
  report v = W.v }
"""


def closed(*descriptors):
    def close():
        for fd in descriptors:
            os.close(fd)
    return close


def test_standard_descriptors_that_are_closed():
    """No file of ours gets their numbers; what was to be printed is missed."""
    with folder() as d:
        path, native = os.path.join(d, "p.gan"), os.path.join(d, "p")
        with open(path, "w") as f:
            f.write(LOGGED)
        assert gan("build", path, "-o", native).status == 0
        for begin in ([GAN, "run", path], [native, "train"]):
            for n, (flags, fds, status) in enumerate(((["--log", "-"], (1,), 3), (["--log", "-"], (0, 1, 2), 3), ([], (1,), 3), (["--quiet"], (0, 1, 2), 0), ([], (2,), 0))):
                out = os.path.join(d, f"{os.path.basename(begin[0])}-{n}")
                r = subprocess.run([*begin, "--out", out, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=closed(*fds), timeout=60, check=False)
                assert r.returncode == status, (begin, flags, fds, r)
                assert status == 0 or 2 in fds or "cannot be written" in r.stderr, r
                with open(os.path.join(out, "checkpoints", ".lock")) as f:
                    assert re.fullmatch(r"\d+\n", f.read()), (begin, flags, fds)


run_tests(globals())
