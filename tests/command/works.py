#!/usr/bin/env python3
"""What the commands do when nothing is wrong: files, formats, statuses."""
import json
import os
import re
import resource
import signal
import struct
import subprocess
import time
import zipfile

from harness import GAN, folder, gan, on_a_terminal, run_tests

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
        assert r.status == 0 and "expect modes >= 0: held" in r.out and r.out.endswith(f"report in {out}/report.html\n"), r
        page = open(os.path.join(out, "report.html"), encoding="utf-8").read()
        assert "finished at step 20" in page and "alternate 20 steps" in page and "class=yes>held" in page and "<th>seed<td>0" in page
        assert sorted(os.listdir(out)) == ["checkpoints", "log.jsonl", "pictures", "report.html"], os.listdir(out)
        lines = [json.loads(line) for line in open(os.path.join(out, "log.jsonl"))]
        assert [line["step"] for line in lines] == [10, 20] and all(set(line) == {"step", "seconds", "modes", "measured"} for line in lines), lines
        assert sorted(os.listdir(os.path.join(out, "pictures"))) == ["samples-000000010.png", "samples-000000020.png"]
        assert gan("run", path, "--out", out, "--quiet").status == 0
        assert sorted(os.listdir(d)) == ["out", "out.1", "small.gan"], "an earlier run moves aside"


def test_the_page_is_there_while_a_run_goes_on():
    """With a checkpoint, here one a round, and again at Ctrl-C."""
    with folder() as d:
        path, page = os.path.join(d, "p.gan"), os.path.join(d, "out", "report.html")
        with open(path, "w", encoding="utf-8") as f:
            f.write("let K = 3\nstate s: real = 0\nalternate 100_000_000 steps { s := s + 1\n every 100 { report now = s\n save } }\nexpect now > 1\n")
        p = subprocess.Popen([GAN, "run", path, "--out", "out", "--backend", "interp", "--set", "K=4"], cwd=d, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until = time.monotonic() + 60
        while not os.path.exists(page) and time.monotonic() < until:
            time.sleep(0.02)
        text = open(page, encoding="utf-8").read()
        assert "<th>run<td>running at step " in text and "--set K=4" in text and "not judged yet" in text, text[:3000]
        p.send_signal(signal.SIGINT)
        said = p.communicate(timeout=60)[1].decode()
        assert p.returncode == 130 and "report in out/report.html" in said, said
        assert "<th>run<td>interrupted at step " in open(page, encoding="utf-8").read()


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


def test_sample_finds_the_run():
    """Where there is no run in runs/NAME, the only one of this very program that --out has put elsewhere is taken; of several none is."""
    with folder() as d:
        path = program(d)
        sample = lambda: gan("sample", path, "G", "-n", 5, "-o", "s.npy", cwd=d)
        assert gan("run", path, "--quiet", "--out", "mine", cwd=d).status == 0
        r = sample()
        assert r.status == 0 and "weights from mine/checkpoints/" in r.err, r
        taken = open(f"{d}/s.npy", "rb").read()
        assert gan("sample", path, "G", "-n", 5, "-o", "s.npy", "--out", "mine", cwd=d).status == 0 and open(f"{d}/s.npy", "rb").read() == taken
        assert gan("run", path, "--quiet", "--out", "runs/other", "--seed", 3, cwd=d).status == 0
        r = sample()
        assert r.status == 1 and "several runs of this program elsewhere: mine, runs/other; --out says which" in r.err, r
        with open(path, "a", encoding="utf-8") as f:
            f.write("# another version of it\n")
        assert "untrained" in sample().err
        assert gan("run", path, "--quiet", cwd=d).status == 0
        assert "weights from runs/small/checkpoints/" in sample().err


RECORDS = """
implicit pair { x ~ Normal([1, 2, 3], 1); k ~ Categorical(4); (x: x, k: k, m: [[x[0], 1], [2, 3]]) }
implicit line { x ~ Normal(0, 1); x }
state s: real = 1
alternate 5 steps { s := s + 1 }
implicit shifted { e ~ Normal(0, 1); s + 0 * e }
"""


def test_sample_of_records():
    with folder() as d:
        with open(f"{d}/r.gan", "w", encoding="utf-8") as f:
            f.write(RECORDS)
        for name in ("p.csv", "p.npz", "q.npz"):
            r = gan("sample", "r.gan", "pair", "-n", 6, "-o", name, cwd=d)
            assert r.status == 0, r
        header, *rows = open(f"{d}/p.csv", encoding="utf-8").read().splitlines()
        assert header == "x[0],x[1],x[2],k,m[0][0],m[0][1],m[1][0],m[1][1]" and len(rows) == 6, header
        rows = [[float(c) for c in row.split(",")] for row in rows]
        assert all(row[3] in range(4) and row[4:] == [row[0], 1, 2, 3] for row in rows), rows
        with zipfile.ZipFile(f"{d}/p.npz") as z:            # which looks at the sums
            assert z.namelist() == ["x.npy", "k.npy", "m.npy"] and z.testzip() is None
            z.extract("x.npy", d)
        shape, numbers = npy(f"{d}/x.npy")
        single = lambda x: struct.unpack("<f", struct.pack("<f", x))[0]
        assert shape == (6, 3) and [single(x) for row in rows for x in row[:3]] == list(numbers)
        assert open(f"{d}/p.npz", "rb").read() == open(f"{d}/q.npz", "rb").read(), "the same draws are the same bytes"
        r = gan("sample", "r.gan", "pair", "-o", "p.npy", cwd=d)
        assert r.status == 1 and "pair has 3 fields" in r.err and "'pair.x'" in r.err, r
        assert gan("sample", "r.gan", "pair.x", "-o", "p.npy", cwd=d).status == 0
        assert gan("sample", "r.gan", "line", "-o", "l.png", cwd=d).status == 0, "a histogram"
        r = gan("eval", "r.gan", "-e", "(a: [1, 2], b: [3, 4])", "-o", "e.csv", cwd=d)
        assert r.status == 0 and open(f"{d}/e.csv").read() == "a,b\n1,3\n2,4\n", r


def test_sample_takes_the_folder_of_a_run():
    with folder() as d:
        with open(f"{d}/r.gan", "w", encoding="utf-8") as f:
            f.write(RECORDS)
        first = lambda *flags: float(open(f"{d}/s.csv").readline()) if gan("sample", "r.gan", "shifted", "-n", 1, "-o", "s.csv", *flags, cwd=d).status == 0 else None
        assert first() == 1
        assert gan("run", "r.gan", "--quiet", "--out", "mine", cwd=d).status == 0
        assert first() == first("--out", "mine") == 6       # it is the only one
        assert gan("eval", "r.gan", "-e", "s", "--out", "mine", cwd=d).out == "6\n"
        r = gan("sample", "r.gan", "shifted", "-o", "s.csv", "--out", "none", cwd=d)
        assert r.status == 1 and "no checkpoint in none/checkpoints" in r.err, r
        r = gan("sample", "r.gan", "shifted", "-o", "s.csv", "--out", "mine", "--checkpoint", "x", cwd=d)
        assert r.status == 1 and "one of them" in r.err, r
        assert gan("run", "r.gan", "--quiet", "--out", "many", "--seeds", 2, "--seed", 3, cwd=d).status == 0
        r = gan("sample", "r.gan", "shifted", "-o", "s.csv", "--out", "many", cwd=d)
        assert r.status == 1 and "--out many/seed-3 takes the first of them" in r.err, r
        assert first("--out", "many/seed-4") == 6


PICTURES = """
let p = Normal(0, 1)
state s: real = 1
implicit q(z: real ~ Normal(0, 1), k: class[3] ~ Categorical(3)) -> real { s * z + real(k) }
implicit image(k: class[3] ~ Categorical(3)) -> real[2, 2] { u ~ Uniform(0, 1)^[2, 2]; u + real(k) }
def f(x) = x^2
alternate 3 steps {
  s := s + 4
  every 1 {
    plot h = histogram(p, q, n: 500)
    plot c = curve(f, fn(x) exp(log_prob(p, x)), fn(x) 1, lo: -2, hi: 2)
    plot few = histogram(for k in 0..3 { q(k: k) }, p, p, n: 50, lo: -9, hi: 9, bins: 18)
    image g = grid(for k in 0..3 { image(k: k) }, 5, lo: 0, hi: 3)
  }
}
"""


def png_size(path):
    with open(path, "rb") as f:
        return struct.unpack(">II", f.read(24)[16:])


def test_pictures_of_every_kind():
    with folder() as d:
        with open(f"{d}/p.gan", "w", encoding="utf-8") as f:
            f.write(PICTURES)
        r = gan("run", "p.gan", "--quiet", cwd=d)
        assert r.status == 0 and not r.err, r
        checkpoint = sorted(os.listdir(f"{d}/runs/p/checkpoints"))[-1]
        with open(f"{d}/runs/p/checkpoints/{checkpoint}", "rb") as f:
            axes = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))["__metadata__"]["axes"].split()
        x0, x1, y0, y1 = map(float, axes[:4])
        assert -6 <= x0 < -2.3 and 2.3 < x1 <= 6 and y0 == 0 and 0.4 < y1 < 1, "around the first part, a normal distribution"
        assert list(map(float, axes[4:6])) == [-2, 2] and float(axes[6]) <= 0 and float(axes[7]) >= 4 and list(map(float, axes[8:10])) == [-9, 9], axes
        sizes = {name: png_size(f"{d}/runs/p/pictures/{name}-000000003.png") for name in ("h", "c", "few", "g")}
        assert sizes == {"h": (560, 360), "c": (560, 360), "few": (560, 360), "g": (2 + 5 * 66, 2 + 3 * 66)}, sizes
        r = gan("diff", "p.gan", cwd=d)
        assert r.status == 0 and r.out.startswith("same bits"), r
        assert gan("build", "p.gan", "-o", "native", cwd=d).status == 0
        subprocess.run(["./native", "train", "--quiet", "--out", "n"], cwd=d, check=True)
        same = lambda a, b: [open(f"{d}/{run}/pictures/h-00000000{step}.png", "rb").read() for run, step in (a, b)]
        one, other = same(("runs/p", 3), ("n", 3))
        assert one == other, "native programs draw the same pictures"
        assert gan("run", "p.gan", "--quiet", "--out", "r", "--steps", 2, cwd=d).status == 0
        assert gan("run", "p.gan", "--quiet", "--out", "r", "--steps", 3, "--resume", cwd=d).status == 0
        one, other = same(("runs/p", 3), ("r", 3))
        assert one == other, "axes are kept in checkpoints"


def test_reports_say_what_kind_of_estimate_they_are():
    with folder() as d:
        with open(f"{d}/k.gan", "w", encoding="utf-8") as f:
            f.write("def e(x) = unbiased(x + 1)\nlet l = bound(E[x ~ Normal(0, 1) : 10] x)\nreport a = e(1)\nreport b = e(1) + 1\nreport c = l\nreport d = plug_in(2)\n")
        r = gan("run", "k.gan", "--log", "-", "--out", "o", cwd=d)
        assert r.status == 0 and "a 2 (unbiased), b 3," in r.err and "d 2 (plug_in)" in r.err, r
        said = {}
        for line in r.out.splitlines():
            said.update(json.loads(line).get("kinds", {}))
        assert said == {"a": "unbiased", "c": "bound", "d": "plug_in"}, said
        assert gan("build", "k.gan", "-o", "native", cwd=d).status == 0
        done = subprocess.run(["./native", "train", "--out", "n"], cwd=d, check=True, capture_output=True, text=True)
        assert "a 2 (unbiased), b 3," in done.stdout, done
        r = gan("check", "-", stdin=b"report kinds = 1\n")
        assert r.status == 1 and "its own kinds" in r.err, r


def test_reports_say_with_how_many_samples_and_which_seed_they_were_measured():
    """What no other draw surrounds counts, also behind a let, a report and a state; what a player has learned from does not, nor what a model draws within, nor a state that a player learns from."""
    with folder() as d:
        with open(f"{d}/m.gan", "w", encoding="utf-8") as f:
            f.write("import metrics, optim\nimplicit G(z: real[4] ~ Normal(0, 1)) -> real[2] { e ~ Normal(0, 1)^2; param m: real = 0; z[..2] + e + m }\n"
                    "report density = log_prob(Normal(0, 1)^2, [1, 2])\ndata few = [1.0, 2, 4]\nlet made = { x ~ G^300; x }\nreport modes = mode_coverage(G, [[0.0, 0]], within: 9)\n"
                    "report sliced = sliced_wasserstein(G, G, projections: 8, n: 20)\nreport spread = mean(made^2)\nreport more = spread + 1\n"
                    "report cloud = bound({ x ~ Normal(0, 1)^[40, 2]; mean(x) })\nreport nested = E[x ~ few : all] E[y ~ Normal(x, 1) : 50] y\nreport rate = 0.5\n"
                    "alternate 4 steps, batch 16 { let l = E[x ~ G] x[0]^2; update G minimize l with sgd(0.1); every 2 { report loss_ = l; report size = norm2(G) } }\n"
                    "state least = 9\nstate a: real = 0\nstate b: real = 0\nstate weight: real = 1\nstate rounds = 0\n"
                    "alternate 4 steps {\n  let so = weight + 1\n  update G minimize so * E[x ~ G : 5] x[0]^2 with sgd(0.1)\n"
                    "  every 2 {\n    let now = E[x ~ G : 70] x[0]\n    if step > 2 { least := min(least, now) }\n    a := b + E[x ~ G : 60] x[1]\n    b := a + least\n"
                    "    weight := E[x ~ G : 80] norm(x)\n    rounds := rounds + 1\n    report lowest = least\n    report both = a + b\n    report taught = weight\n    report looks = rounds\n  }\n}\n"
                    "expect modes == 1 and more > 0 and rate < 1 and least < 9\n")
        wanted = {"modes": [2500], "sliced": [20, 8], "spread": [300], "more": [300], "cloud": [40], "nested": [3], "loss_": [16], "lowest": [70], "both": [70, 60]}
        for backend in ("interp", "jit"):
            r = gan("run", "m.gan", "--log", "-", "--out", backend, "--seed", 7, "--backend", backend, cwd=d)
            lines = [json.loads(line) for line in r.out.splitlines()]
            assert r.status == 0 and all(line["measured"]["seed"] == 7 for line in lines if "measured" in line), r
            assert {k: v for line in lines for k, v in line.get("measured", {"samples": {}})["samples"].items()} == wanted, r.out
        assert "modes 1 (2500 samples, seed 7), sliced" in r.err and "(20 and 8 samples, seed 7)" in r.err and "(bound, 40 samples, seed 7)" in r.err and "rate 0.5, " in r.err, r.err
        assert gan("run", "m.gan", "--out", "page", cwd=d).status == 0
        page = open(f"{d}/page/report.html", encoding="utf-8").read()
        assert "bound, 40 samples" in page and "16 samples" in page, "the page says so, too"
        r = gan("test", "m.gan", "--seed", 7, "--board", "board.md", cwd=d)
        assert r.status == 0 and "modes = 1 (2500 samples, seed 7)\n" in r.out, r
        board = [line.split(" | ") for line in open(f"{d}/board.md", encoding="utf-8") if line.startswith("| ") and "is " in line]
        assert [row[5].strip("| ") for row in board] == ["2500 samples", "300 samples", "", "70 samples"], board
        assert gan("build", "m.gan", "-o", "native", cwd=d).status == 0
        done = subprocess.run(["./native", "train", "--out", "n", "--seed", "7"], cwd=d, check=True, capture_output=True, text=True)
        assert "modes 1 (2500 samples, seed 7)" in done.stdout, done
        r = gan("check", "-", stdin=b"report measured = 1\n")
        assert r.status == 1 and "its own measured" in r.err, r


def test_a_model_that_the_schedule_does_not_use():
    """After a run as before one: no run moves it."""
    with folder() as d:
        with open(f"{d}/u.gan", "w") as f:
            f.write("import optim\nimplicit Q(z: real ~ Normal(0, 1)) -> real { param m: real = 0; z + m }\nimplicit H(z: real ~ Normal(0, 1)) -> real { param m: real = 5; z + m }\n"
                    "alternate 10 steps, batch 8 { update Q minimize E[x ~ Q] x^2 with sgd(0.1) }\n")
        before = gan("eval", "u.gan", "-e", "E[x ~ H : 9] x", cwd=d)
        assert gan("run", "u.gan", "--quiet", cwd=d).status == 0
        r = gan("eval", "u.gan", "-e", "E[x ~ H : 9] x", cwd=d)
        assert r.status == 0 and r.out == before.out and "no statement has a use for H, so H.m is as it begins" in r.err, (before, r)
        assert gan("eval", "u.gan", "-e", "Q.m", cwd=d).out != "0\n"


def test_eval():
    assert [gan("eval", "-e", e).out.split("  ")[0].strip() for e in ("9007199254740993", "[-9007199254740993, 1]", "2^62 + 2^61")] == ["9007199254740993", "[-9007199254740993, 1]", "6917529027641081856"]
    assert gan("eval", "-e", "softplus(-17)").out.startswith("4.1399376")
    assert gan("eval", "-e", "fold(0.5, 5, fn(s, i) s + i)").out.split() == ["10.5"] and gan("eval", "-e", "fold(0.0, 5, fn(s, i) s + i)").out.split() == ["10"]
    with folder() as d:                                     # what only a run computes
        with open(f"{d}/kept.gan", "w", encoding="utf-8") as f:
            f.write("state s: real = 2\nlet m = s * s\nreport r = m\n")
        r = gan("eval", "kept.gan", "-e", "m", cwd=d)
        assert r.status == 1 and "m is computed when the program runs" in r.err, r
        assert gan("eval", "kept.gan", "-e", "s", cwd=d).out.split() == ["2"]
        r = gan("eval", "kept.gan", "-e", "r + 1", cwd=d)
        assert r.status == 1 and "report.r is computed when the program runs" in r.err, r
        gan("run", "kept.gan", "--quiet", cwd=d)
        assert gan("eval", "kept.gan", "-e", "m", cwd=d).out.split() == ["4"] and gan("eval", "kept.gan", "-e", "r + 1", cwd=d).out.split() == ["5"]
    with folder() as d:                                     # of a program that has no weights none are untrained
        with open(f"{d}/drawn.gan", "w", encoding="utf-8") as f:
            f.write("import distributions\nlet m = Mixture([0.4, 0.6], [Normal(1, 1), Normal(9, 1)])\n")
        r = gan("eval", "drawn.gan", "-e", "E[x ~ m : 100] x", cwd=d)
        assert r.status == 0 and not r.err, r
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
    r = gan("doc", "E301", "E409")
    assert r.status == 0 and r.out.startswith("E301: no density\n") and "\nE409: an assignment from outside of a long loop\n" in r.out, r
    r = gan("doc", "E999")
    assert r.status == 1 and "E999" in r.err, r


def test_doc_finds_what_speaks_of_a_word():
    """Another word than the library's: by the names of methods, papers and other tools, in capitals or not."""
    for word, found in (("fid", "metrics.frechet_distance: "), ("GAIL", "examples/imitation/gail_grid.gan: GAIL, exact (Ho and Ermon 2016)"), ("brier", "compare.brier_score: "),
                        ("iwae", "bounds.importance_bound: "), ("Linear", "`nn.Linear(2, 64)`, of other tools: Dense(64)"), ("hjelm", "compare.boundary_seeking: "), ("oodfellow", None)):
        r = gan("doc", word)
        assert (r.status == 0 and r.out.startswith(f"nothing is called {word};") and found in r.out) if found else (r.status == 1 and not r.out and word in r.err), r


def test_explain_every_stage():
    with folder() as d:
        path = program(d)
        for stage, word in (("game", "moves D"), ("ast", "alternate"), ("ir", "fn update_D"), ("grad", "sigmoid"), ("kernels", "shards"),
                            ("loops", "fma"), ("llvm", "define"), ("asm", ".text")):
            r = gan("explain", path, "--stage", stage)
            assert r.status == 0 and word in r.out, (stage, r.status, r.err, r.out[:500])


def test_bench_takes_each_kernels_time():
    with folder() as d:
        out = gan("bench", program(d), "--steps", 3).out
        assert re.match(r"one thread; ", out), out
        tables = {t.split(",")[0]: t.splitlines() for t in out.split("\n\n")[1:]}
        assert {"init", "update_D", "update_G"} <= set(tables), out
        assert tables["update_D"][0] == "update_D, 3 runs", out
        rows = [re.match(r" +([\d.]+) +([\d.]+) % +(\S+) +\S+ +(?:[\d.]+ %|-) +(\S+)  (.*)", r) for r in tables["update_D"][2:]]
        kernels = [r for r in rows if r and not r[5].endswith("more")]
        assert len(kernels) > 10 and tables["update_D"][-1].endswith("  all"), out
        times = [float(r[1]) for r in kernels]
        assert times == sorted(times, reverse=True) and 0 < sum(times) < 1000, out
        # 32 samples of 2 numbers, by a matrix [2, 8]; the gradient of that matrix, from real and from fake ones
        flops = {r[5]: float(r[3]) for r in kernels}
        assert any(k.startswith("dot ") and "8]" in k and 2 * 32 * 2 * 8e-6 <= f <= 7 * 32 * 2 * 8e-6 for k, f in flops.items()), flops
        assert any(re.match(r"inner +\[2, 8\]", k) and abs(f / (2 * 2 * 32 * 2 * 8e-6) - 1) < 1e-2 for k, f in flops.items()), flops
        assert not os.path.exists(os.path.join(d, "runs")), "it keeps nothing"
        assert gan("bench", program(d), "--backend", "interp").status == 2


LOOPS = """import optim
let xs = Normal(0, 1)^[8]
net F(x: real[8]) -> real[8] {
  param w: real[8, 8] ~ Normal(0, 0.3)
  LOOP
}
loss a = E[x ~ xs] sum(F(x)^2)
alternate 3 steps, batch 48 { update F minimize a with sgd(1e-3) }
"""


def test_bench_counts_the_turns_of_loops():
    def products(loop, *flags):
        with folder() as d:
            path = os.path.join(d, "loops.gan")
            with open(path, "w") as f:
                f.write(LOOPS.replace("LOOP", loop))
            out = gan("bench", path, *flags).out
        table = next(t for t in out.split("\n\n") if t.startswith("update_F"))
        return {m[3]: (float(m[1]), float(m[2])) for m in re.finditer(r"% +(\S+) +(\S+) +.* ((?:dot|inner) .*)", table)}

    # a turn: 48 samples of 8 numbers by a matrix [8, 8], forward and by the sample, and over samples for its gradient
    once = 2 * 48 * 8 * 8 * 1e-6
    rolled = products("fold(x, 9, fn(h, i) tanh(h @ w))")
    assert len(rolled) == 4 and all(9 * once <= f <= 9 * 1.6 * once for f, _ in rolled.values()), rolled
    # without `turns` all samples make a turn before the next; the least time is of a run, and its rate that of what it did
    assert {k: f for k, (f, _) in products("fold(x, 9, fn(h, i) tanh(h @ w))", "--plan", "no-turns").items()} == {k: f for k, (f, _) in rolled.items()}
    ended = products("fold((h: x, n: 0), 9, fn(s, i) (h: tanh(s.h @ w), n: s.n + 1), until: fn(s) s.n >= 4).h")
    assert any(4 * once <= f <= 4 * 1.6 * once for f, _ in ended.values()) and all(f <= 9 * 1.6 * once for f, _ in ended.values()), ended
    # each tile of samples by itself
    own = products("fold((h: x, n: 0), 9, fn(s, i) (h: tanh(s.h @ w), n: s.n + 1), until: fn(s) s.h[0] > -2 and s.n >= 4).h")
    assert any(4 * once <= f <= 4 * 1.6 * once for f, _ in own.values()), own
    assert products("tanh(x @ w)") and all(once <= f <= 1.6 * once for f, _ in products("tanh(x @ w)").values())


def test_cheap_values_are_made_again():
    with folder() as d:
        text = gan("explain", program(d), "--stage", "kernels").out
        update = text[text.index("fn update_D:"):].split("\n---- ")[0]
        again = re.search(r"made again by their readers: (.*)", update)
        assert again and re.search(r"%\S+ mul", again[1]), update
        names = re.findall(r"%\S+", again[1])
        assert not any(f"{name} ->" in update for name in names), "they have no memory"


def test_products_have_epilogues():
    with folder() as d:
        dots = lambda *flags: re.findall(r"^ +dot .*", gan("explain", program(d), "--stage", "kernels", *flags).out, re.M)
        assert any(re.search(r"dot; then  %\S+ add, ", k) for k in dots()), dots()
        assert not any("then" in k for k in dots("--plan", "no-epilogue"))


def test_decisions_of_the_plan_can_be_left_out():
    with folder() as d:
        path = program(d)
        told = lambda *flags: re.search(r"fn update_D:.*\n  decisions: (.*)\n", gan("explain", path, "--stage", "kernels", *flags).out)[1]
        counts = dict(c.split() for c in told().split(", "))
        assert int(counts["remake"]) > 0 and int(counts["fuse"]) > 0 and int(counts["sums"]) > 0, counts
        for name in counts:                                 # each is there to be left out
            assert f"no-{name}" in told("--plan", f"no-{name}").split(", "), name
        every = ",".join(f"no-{name}" for name in counts)
        assert set(every.split(",")) <= set(told(f"--plan={every}").split(", "))
        r = gan("diff", path, "--steps", "3", "--plan", every)
        assert r.status == 0, r
        build = lambda *flags: gan("build", path, "--emit", "c", "-o", "-", *flags).out
        assert build() != build("--plan", "no-fuse")
        for wrong in ("no-such", "remake", "no-", "no-remake,", "no-remake,no-such", "no-remakes"):
            r = gan("run", path, "--plan", wrong)
            assert r.status == 2 and "no-remake, no-stream, no-again" in r.err and f"not '{wrong}'" in r.err, (wrong, r)


def test_build_c():
    with folder() as d:
        path, text, library = program(d), os.path.join(d, "k.c"), os.path.join(d, "k.so")
        r = gan("build", path, "--emit", "c", "-o", text)
        assert r.status == 0 and not r.err, r
        subprocess.run(["cc", "-std=c11", "-Wall", "-Werror", "-O1", "-ffp-contract=off", "-fPIC", "-shared", "-o", library, text, "-lm"], check=True)
        assert " * update_D:" in open(text, encoding="utf-8").read()
        assert gan("build", path, "--emit", "c", "-o", "-").out == open(text, encoding="utf-8").read()
        r = gan("build", path, "--emit", "c")
        assert r.status == 2 and "wants a file to write" in r.err, r
        r = gan("build", path, "--emit", "c", "-o", os.path.join(d, "none", "k.c"))
        assert r.status == 1 and "k.c: cannot be written" in r.err, r


def test_build_objects():
    nests = lambda o: subprocess.run(["nm", o], check=True, capture_output=True, text=True).stdout
    with folder() as d:
        path, out, library = os.path.join(d, "my-net.gan"), os.path.join(d, "k.o"), os.path.join(d, "k.so")
        os.rename(program(d), path)
        for cpu in ((), ("--target-cpu", "native"), ("--target-cpu", "x86-64-v2"), ("--target-cpu", "x86-64-v4", "--target", "x86_64-linux-gnu")):
            r = gan("build", path, "--emit", "obj", "-o", out, *cpu)
            assert r.status == 0 and not r.err, r
            assert re.search(r" [DdRr] my_net_nests\n", nests(out)) and " T my_net_nest_0\n" in nests(out)
            subprocess.run(["cc", "-shared", "-Wl,-z,text,-z,defs", "-o", library, out, "-lm"], check=True)
            seen = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
            assert "nest" not in seen, seen                 # hidden
        narrow = gan("build", path, "--emit", "asm", "--target-cpu", "x86-64-v2", "-o", "-").out
        wide = gan("build", path, "--emit", "asm", "--target-cpu", "x86-64-v3", "-o", "-").out
        assert "fmaf" in narrow and "%ymm" not in narrow and "vfmadd" not in narrow
        assert "fmaf" not in wide and "%ymm" in wide and "vfmadd" in wide and "%zmm" not in wide
        text = gan("build", path, "--emit", "llvm", "--target", "aarch64-linux-gnu", "-o", "-").out
        assert 'target triple = "aarch64-' in text and "@my_net_nests = hidden constant" in text
        refused = {("--target-cpu", "i486"): "for x86_64-linux-gnu --target-cpu wants native, x86-64-v2, x86-64-v3", ("--target", "vax"): "wants native, x86_64-linux-gnu or aarch64-linux-gnu",
                   ("--target-cpu", "apple-m1", "--target", "x86_64-linux-gnu"): "apple-m1 is a CPU of aarch64-linux-gnu",
                   ("--target-cpu", "x86-64-v3", "--target", "aarch64-linux-gnu"): "x86-64-v3 is a CPU of x86_64-linux-gnu",
                   ("--target-cpu", "i486", "--target", "aarch64-linux-gnu"): "for aarch64-linux-gnu --target-cpu wants generic, cortex-a72",
                   ("--target-cpu", "native", "--target", "aarch64-linux-gnu"): "none of aarch64-linux-gnu: name one, generic, cortex-a72"}
        for flags, why in refused.items():
            r = gan("build", path, "--emit", "obj", "-o", out, *flags)
            assert r.status == 2 and why in r.err, r
            other = "x86-64" if "aarch64-linux-gnu" in flags else "cortex"      # CPUs of another machine are no way out
            assert "wants" not in r.err or other not in r.err, r
        for flags, why in {("--emit", "c", "--target-cpu", "native"): "--target-cpu goes with", ("--target", "native"): "goes with --emit"}.items():
            r = gan("build", path, "-o", out, *flags)
            assert r.status == 2 and why in r.err, r
        r = gan("build", path, "--emit", "obj", "-o", os.path.join(d, "none", "k.o"))
        assert r.status == 1 and "k.o: cannot be written" in r.err, r


def test_engines_agree():
    with folder() as d:
        path = program(d)
        for flags in ((), ("--f64",), ("--portable",), ("--threads", 3)):
            r = gan("diff", path, "--steps", 5, *flags)
            assert r.status == 0 and r.out.startswith("same bits"), r


def test_programs_are_deeper_than_the_stack():
    text = b"""import optim
net V { param v: real[4] = 0.5; v }
state s: real[4] = 1
alternate 1 steps {
  s := for i in 0..10_000, h = s { sin(h) + V() }
  update V minimize sum(for i in 0..1_000, h = V() { sin(h) + V() }) with sgd(1e-3)
}
"""
    most = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, most[1]))
    try:
        with folder() as d:
            for backend in ("jit", "interp"):
                r = gan("run", "-", "--backend", backend, "--steps", 1, cwd=d, stdin=text)
                assert r.status == 0, r
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, most)


def test_seeds_and_log_on_stdout():
    with folder() as d:
        path = program(d)
        r = gan("run", path, "--seeds", 3, "--out", os.path.join(d, "out"))
        assert r.status == 0 and "over 3 seeds" in r.out, r
        r = gan("run", path, "--log", "-", "--out", os.path.join(d, "one"))
        assert r.status == 0 and [json.loads(line)["step"] for line in r.out.splitlines()] == [10, 20], r


def test_reports_come_and_go_between_checkpoints():
    """A line that reports more or less is no other program, as far as a state goes; a report that is new is nan."""
    program = "import optim\nnet D { param v: real = 3; v }\nalternate 4 steps { update D minimize D()^2 with sgd(0.25); REPORT }\n"
    with folder() as d:
        for name, report in (("one.gan", "report w = D.v"), ("two.gan", "report w = D.v; report u = D.v + 1")):
            with open(os.path.join(d, name), "w") as f:
                f.write(program.replace("REPORT", report))
        last = os.path.join("checkpoints", "000000004.safetensors")
        assert gan("run", "one.gan", "--out", "a", "--quiet", cwd=d).status == 0
        assert gan("run", "two.gan", "--out", "b", "--quiet", "--checkpoint", os.path.join("a", last), cwd=d).status == 0
        assert gan("run", "one.gan", "--out", "c", "--quiet", "--checkpoint", os.path.join("b", last), cwd=d).status == 0
        for checkpoint, expression, value in (("a", "u", "nan"), ("a", "D.v", "0.1875"), ("b", "u", "1.01171875"), ("c", "D.v", "0.0007324219")):
            r = gan("eval", "two.gan", "-e", expression, "--checkpoint", os.path.join(checkpoint, last), cwd=d)
            assert r.status == 0 and r.out.strip() == value, r   # v halves in each of 4 steps: 3 / 16, 3 / 256, 3 / 4096


def test_test_holds_programs_to_their_expectations():
    with folder() as d:
        path = program(d)
        r = gan("test", path)
        assert r.status == 0 and r.out.endswith("1 passed, 0 failed\n"), r
        with open(path, "a") as f:
            f.write("expect modes > 8\n")
        r = gan("test", path, "--backend", "interp")
        assert r.status == 1 and r.out.endswith("1 passed, 1 failed\n") and "NOT held" in r.out, r
        r = gan("test", "-", stdin=b"for k in [1, 2] { for j in 3..5 { report a[k, j] = k\n expect a[k, j] == 1 } }\n")
        assert r.status == 1 and "expect a[k, j] == 1 [1,4]: held" in r.out and "expect a[k, j] == 1 [2,3]: NOT held" in r.out, r


BOARD = """## Two numbers (Nobody 1999). More words.

state s: real = 0
for k in [1, 2] {
  report a[k] = 3 * k
  expect abs(a[k] - 3 * k) < 1e-3
}
alternate 3 steps { s := s + 1; report now = s }
report draw = E[x ~ Normal(0, 1) : 9] x
expect now > 1 by step 2
expect a[2] == 6 and near(a[1], 3, 0.5) and draw < log(100)
expect draw < 7 or now < 0
report counted = floor(100 * draw)
report held_back = max(draw, 2)
expect counted < 1000 and held_back < 3
"""


def test_what_a_seed_reached_is_there_when_it_is_done():
    with folder() as d:
        with open(f"{d}/long.gan", "w", encoding="utf-8") as f:                 # ends at once with seed 2, and never with seed 3
            f.write("state drawn = -1\nalternate 1_000_000_000_000 steps {\n  u ~ Uniform(0, 1)\n  if drawn < 0 { drawn := u }\n  every 1 { report first = drawn }\n"
                    "  stop when first < 0.5\n}\nexpect first < 0.5\n")
        with subprocess.Popen([GAN, "test", "long.gan", "--quiet", "--seed", "2", "--seeds", "2"], cwd=d, stdout=subprocess.PIPE, text=True) as p:
            lines = [p.stdout.readline() for _ in range(3)]
            p.kill()
        assert "held (seed 2)" in lines[0] and "1 steps in" in lines[2] and p.returncode == -signal.SIGKILL, lines


def test_test_takes_folders_and_seeds_and_writes_a_board():
    with folder() as d:
        os.makedirs(os.path.join(d, "all", "deep"))
        os.makedirs(os.path.join(d, "page"))
        for name, text in (("all/b.gan", BOARD), ("all/deep/a.gan", "expect nobody < 2\n"), ("all/module.gan", "def f(x) = x\n"), ("all/note.txt", "expect"),
                           ("all/deep/z.gan", "## Grows.\n\nstate s: real = 1\nalternate 3000 steps { s := s * 2 }\nreport v = s\nexpect v < 2\n")):
            with open(os.path.join(d, name), "w", encoding="utf-8") as f:
                f.write(text)
        r = gan("test", "all/b.gan", "--seeds", 3, "--seed", 5, cwd=d)
        assert r.status == 0 and r.out.endswith("18 passed, 0 failed\n") and "now > 1: held (seed 7)" in r.out, r
        r = gan("test", "all/", "none", "--seeds", 3, "--board", "page/truth.md", cwd=d)
        assert r.status == 1 and r.out.endswith("18 passed, 3 failed\n") and "nobody is not declared" in r.err, r
        page = open(os.path.join(d, "page", "truth.md"), encoding="utf-8").read()
        assert "    gan test all/ none --seeds 3 --board page/truth.md\n" in page and ", seeds 0 to 2." in page and "## all/deep\n" in page and "module" not in page, page
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| what"))]
        assert rows[0][:5] == ["Two numbers (Nobody 1999).", "[b.gan](../all/b.gan)", "`a[k]` for 1 is `3 * k`, to within 1e-3", "3 beside 3", "3 of 3"], rows[0]
        assert [row[2:5] for row in rows[1:5]] == [["`a[k]` for 2 is `3 * k`, to within 1e-3", "6 beside 6", "3 of 3"], ["`now` is above 1 by step 2", "2", "3 of 3"],
                                                   ["`a[2]` is 6", "6", "3 of 3"], ["`a[1]` is 3, to within 0.5", "3", "3 of 3"]], rows
        draw = [float(x) for x in re.findall(r"-?[0-9.]+", rows[5][3])]
        assert rows[5][2] == "`draw` is below `log(100)`" and draw[1] <= draw[0] <= draw[2] and draw[3] == 4.60517 and rows[6][2:4] == ["`draw < 7 or now < 0` holds", ""], rows[5:7]
        mean, spread = sum(draw[:3]) / 3, (sum((x - sum(draw[:3]) / 3)**2 for x in draw[:3]) / 2 * 4 / 3)**0.5
        t = (draw[3] - mean) / spread                       # Student's of two degrees of freedom
        assert abs(float(rows[5][5]) / (0.5 - t / (2 * (2 + t * t)**0.5)) - 1) < 0.5 and rows[0][5] == rows[6][5] == "", rows[5]
        assert "to" in rows[7][3] and [row[2:6:3] for row in rows[7:9]] == [["`counted` is below 1000", ""], ["`held_back` is below 3", ""]], f"by steps, and at a bound, nothing is normal: {rows[7:9]}"
        assert "at most 0.63 of all seeds" in page, page           # 1 - 0.05^(1/3)
        assert rows[9][1:4] == ["[a.gan](../all/deep/a.gan)", "cannot be read, or does not compile", ""] and rows[10][0] == "Grows." and "fails (seed 0)" in rows[10][2], rows
        assert rows[11][1] == "[none](none)", rows
        r = gan("test", "page", cwd=d)
        assert r.status == 1 and "no program in this folder has an `expect` line" in r.err, r
        r = gan("test", "all/b.gan", "--board", "page", cwd=d)
        assert r.status == 1 and "held" not in r.out, r


def test_progress_on_a_terminal():
    with folder() as d:
        path = program(d)
        args = ["run", path, "--steps", "1500", "--out"]
        status, sent = on_a_terminal([*args, os.path.join(d, "a")], 100, NO_COLOR="", TERM="xterm")
        lines = sent.split("\r\x1b[K")
        live = [line for line in lines[1:] if "\r\n" not in line]
        assert status == 0 and live and all("\x1b[2mstep " in line for line in lines[1:]) and any(" steps/s" in line and " left" in line for line in live), sent
        assert any(re.fullmatch(r"\x1b\[2mstep \d+\x1b\[0m  modes \d+\r\n", line) for line in lines[1:-1]), f"reports stay: {sent}"
        assert "step 1500/1500  100%" in lines[-1] and "modes" in lines[-1], sent
        status, sent = on_a_terminal([*args, os.path.join(d, "b")], 30, NO_COLOR="1", TERM="xterm")
        lines = sent.split("\r\x1b[K")
        assert status == 0 and "\x1b[2m" not in sent and all(len(line.split("\r\n")[0]) < 30 for line in lines[1:]), sent
        assert all(line.split("\r\n")[0].endswith("…") for line in lines[1:] if " steps/s" in line), f"what is cut says so: {sent}"


def test_errors_have_colour_on_a_terminal_only():
    with folder() as d:
        path = os.path.join(d, "bad.gan")
        with open(path, "w") as f:
            f.write("let a = nothing\n")
        for environment, flags, coloured in (({"NO_COLOR": "", "TERM": "xterm"}, [], True), ({"NO_COLOR": "1", "TERM": "xterm"}, [], False),
                                             ({"NO_COLOR": "", "TERM": "dumb"}, [], False), ({"NO_COLOR": "1", "TERM": "dumb"}, ["--color=always"], True),
                                             ({"NO_COLOR": "", "TERM": "xterm"}, ["--color=never"], False)):
            status, sent = on_a_terminal(["check", path, *flags], 80, **environment)
            assert status == 1 and ("\x1b[" in sent) == coloured, (environment, flags, sent)
        assert "\x1b" not in gan("check", path).err


def test_standard_input_has_a_folder():
    with folder() as d:
        r = gan("run", "-", "--quiet", "--steps", 2, cwd=d, stdin=PROGRAM.encode())
        assert r.status == 0 and os.listdir(os.path.join(d, "runs")) == ["stdin"], r


def test_a_name_reported_twice_in_a_round_has_two_lines():
    with folder() as d:
        r = gan("run", "-", "--log", "-", "--quiet", cwd=d, stdin=b"report a = 1\nreport b = 2\nstate t: real = 0\nalternate 2 steps { t := t + 1\n report a = t\n report b = 1\n report a = t + 1 }\n")
        assert r.status == 0, r
        said = [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in r.out.splitlines()]
        assert said[-4:] == [{"step": 1, "a": 1, "b": 1}, {"step": 1, "a": 2}, {"step": 2, "a": 2, "b": 1}, {"step": 2, "a": 3}], said


run_tests(globals())
