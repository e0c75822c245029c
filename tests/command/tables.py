#!/usr/bin/env python3
"""Data: every program of docs/data.md in both engines, and what chooses, joins and changes rows in native programs, libraries and on resume."""
import gzip
import json
import os
import random
import re
import struct
import subprocess
import sys

from harness import SANITIZED, folder, gan, run_tests, same_run

ROOT = os.environ.get("GAN_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ENGINES = [["--backend", "jit", "--threads", "2"], ["--backend", "interp"]]


def write(d, name, text):
    with open(os.path.join(d, name), "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())


def images(d, labels=(0, 1, 0, 2)):
    """What docs/data.md says of them."""
    write(d, "images.idx", struct.pack(">IIII", 0x803, 4, 2, 2) + bytes(51 * i % 256 for i in range(16)))
    write(d, "labels.idx", struct.pack(">II", 0x801, 4) + bytes(labels))


def test_programs_of_the_page():
    with open(os.path.join(ROOT, "docs", "data.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```", f.read(), re.M | re.S)
    assert sum(kind == "gan" for kind, _, _ in blocks) >= 12
    with folder() as d:
        images(d)
        for i, (kind, name, text) in enumerate(blocks):
            if kind in ("csv", "txt"):
                write(d, name, text)
            if kind != "gan":
                continue
            write(d, "p.gan", text)
            said = blocks[i + 1][2].splitlines() if i + 1 < len(blocks) and blocks[i + 1][0] == "text" else []
            for engine in ENGINES:
                r = gan("test", "p.gan", "--quiet", *engine, cwd=d)
                assert r.status == 0 and all(line in r.err for line in said), (text, r)
                assert ("warning" in r.err) == bool(said), (text, r)


CHOSEN = """
import optim
data digits: (x: real[2, 2], y: class[3]) = idx("images.idx", "labels.idx") |> scale(0, 1)
data zero: (x: real[2, 2], y: class[3]) = digits |> filter(fn(r) r.y == 0)
data points: real[2] = csv("points.csv", header: true)
data a, b = points |> map(fn(p) p[0] + 2 * p[1]) |> split(2, 2, shuffle: true, seed: 1)
data few = digits |> drop(1) |> per_class(1)
data joined: (p: real[2], w: real) = zip(p: csv("points.csv") |> filter(fn(r) r[0] < 5), w: [1, 2, 3])
let s = standardize(points)
data twice: real[2] = 2 * csv("points.csv")
data mixed, left = twice |> split(3, 1, shuffle: true)
net W { param v: real[2] = 0; v }
alternate 10 steps, batch 3 {
  update W minimize E[x ~ points |> map(s.forward), t ~ mixed] (norm2(W() - x) + 0.01 * norm2(W() - t)) with sgd(0.1)
}
report zeros = E[d ~ zero : all] sum(d.x)
report sums = 100 * E[v ~ a : all] v + E[v ~ b : all] v
report few_y = E[d ~ few : all] (d.y + sum(d.x))
report weighed = E[j ~ joined : all] j.p[1] * j.w
report deviation = s.deviation[0]
report left_out = E[x ~ left : all] x[0]
report w = W.v[0]
"""
POINTS = "x,y\n1,10\n2,20\n3,30\n6,60\n"


def program(*args, cwd, status=0):
    done = subprocess.run(list(map(str, args)), cwd=cwd, capture_output=True, timeout=120, check=False, env=dict(os.environ, NO_COLOR="1"), text=True)
    assert done.returncode == status, (args, done)
    return done


def reports(out):
    with open(f"{out}/log.jsonl") as f:
        return {name: x for line in f for name, x in json.loads(line).items() if name not in ("seconds", "measured")}


def chosen(d):
    images(d)
    write(d, "points.csv", POINTS)
    write(d, "p.gan", CHOSEN)


def test_rows_that_are_chosen():
    """The images of label 0 are 0 and 2, whose pixels are 51 * (0 .. 3) and 51 * (8 .. 11) modulo 256, over 255; per_class takes rows 1, 2 and 3. The deviation is sqrt(3.5)."""
    with folder() as d:
        chosen(d)
        for i, engine in enumerate(ENGINES):
            r = gan("run", "p.gan", "--out", f"out{i}", "--quiet", *engine, cwd=d)
            assert r.status == 0 and not r.err, r
        same_run(f"{d}/out0", f"{d}/out1")
        game = gan("explain", "p.gan", "--stage", "game", cwd=d).out
        assert "report sums; draws from a, b" in game and "report few_y; draws from few" in game and "; draws from points, mixed; batch 3" in game, game
        got = reports(f"{d}/out0")
        pixel = [51 * i % 256 / 255 for i in range(16)]
        near = lambda a, b: abs(a - b) < 1e-5
        assert near(got["zeros"], (sum(pixel[0:4]) + sum(pixel[8:12])) / 2), got
        assert near(got["few_y"], 1 + sum(pixel[4:16]) / 3), got
        assert near(got["weighed"], (10 * 1 + 20 * 2 + 30 * 3) / 3) and near(got["deviation"], 3.5 ** 0.5), got
        assert got["left_out"] in (2, 4, 6, 12), got
        sums = [21, 42, 63, 126]                            # of which a and b have two each
        assert any(50 * (p + q) + (252 - p - q) / 2 == got["sums"] for p in sums for q in sums if p != q), got


def test_chosen_rows_in_native_programs():
    with folder() as d:
        chosen(d)
        assert gan("run", "p.gan", "--out", "a", "--quiet", cwd=d).status == 0
        r = gan("build", "p.gan", "-o", "p", cwd=d)
        assert r.status == 0, r
        os.remove(f"{d}/p.gan")
        program("./p", "train", "--out", "b", "--quiet", cwd=d)
        same_run(f"{d}/a", f"{d}/b")
        program("./p", "train", "--out", "c", "--quiet", "--steps", 4, cwd=d)
        program("./p", "train", "--out", "c", "--quiet", "--resume", "--steps", 10, cwd=d)
        assert reports(f"{d}/c") == reports(f"{d}/a")
        images(d, (0, 1, 1, 2))                             # its numbers have chosen rows
        said = program("./p", "train", "--out", "e", cwd=d, status=1).stderr
        assert "labels.idx: it holds other numbers than when the program was compiled, where they have chosen rows" in said, said
        images(d)
        write(d, "images.idx", struct.pack(">IIII", 0x803, 4, 2, 2) + bytes(16))
        program("./p", "train", "--out", "f", "--quiet", cwd=d)     # nobody has looked at the images
        assert reports(f"{d}/f")["zeros"] == 0
        write(d, "points.csv", POINTS.replace("6,60", "4,60"))
        assert "points.csv: it holds other numbers" in program("./p", "train", "--out", "g", cwd=d, status=1).stderr


LIBRARY = """
import nets_game
with nets_game.Instance(seed=0) as it:
    it.train()
    print({name: it.report(name) for name in ("zeros", "sums", "few_y", "weighed", "deviation", "left_out", "w")})
with open("labels.idx", "ab") as f:
    f.seek(0)
    f.truncate()
    f.write(bytes((0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 1, 2)))
try:
    nets_game.Instance(seed=0)
except nets_game.Error as e:
    print(e)
"""


def test_chosen_rows_in_libraries():
    if SANITIZED:                                           # Python would have to be, too
        return
    with folder() as d:
        chosen(d)
        assert gan("run", "p.gan", "--out", "a", "--quiet", cwd=d).status == 0
        r = gan("build", "p.gan", "--lib", "--python", "-o", "nets", cwd=d)
        assert r.status == 0, r
        values, error = program(sys.executable, "-c", LIBRARY, cwd=d).stdout.splitlines()
        run = {name: x for name, x in reports(f"{d}/a").items() if name != "step"}
        assert {name: float(x) for name, x in re.findall(r"'(\w+)': ([-0-9.e]+)", values)} == run, (values, run)
        assert "labels.idx: it holds other numbers" in error, error


def test_the_chooser_is_asked_even_where_nobody_draws_it():
    with folder() as d:
        images(d)
        write(d, "p.gan", 'data d: (x: real[2, 2], y: class[3]) = idx("images.idx", "labels.idx") |> scale(0, 1)\n'
              "data k = d |> filter(fn(r) r.y > 0)\nreport m = E[r ~ k : all] sum(r.x)\n")
        assert gan("build", "p.gan", "-o", "p", cwd=d).status == 0
        assert re.findall("^data (.*): ", program("./p", "info", cwd=d).stdout, re.M) == ["d.y", "k.x"]
        program("./p", "train", "--out", "a", "--quiet", cwd=d)
        images(d, (1, 0, 0, 2))
        said = program("./p", "train", "--out", "b", cwd=d, status=1).stderr
        assert "labels.idx: it holds other numbers" in said and "compile it again" in said, said


def test_text_is_read_when_a_native_program_runs():
    with folder() as d:
        write(d, "names.txt", "ab\n\nbca\r\n")
        write(d, "words.txt", "night dark is\n")
        write(d, "p.gan", 'let w = words("words.txt")\ndata names: (x: class[3][4], length: int) = text("names.txt", 4, "abc")\n'
              'data nights = text("nights.txt", 3, w) |> filter(fn(r) r.length > 1)\nlet dark = w.index("dark")\n'
              "report places = E[r ~ names : all] sum(r.x) * r.length\nreport darks = E[r ~ nights : all] sum(where(r.x == dark, 1, 0))\n")
        write(d, "nights.txt", "dark\ndark night\nnight is dark\n")
        assert gan("run", "p.gan", "--out", "a", "--quiet", cwd=d).status == 0
        assert gan("build", "p.gan", "-o", "p", cwd=d).status == 0
        os.remove(f"{d}/words.txt")                         # they are in the program
        program("./p", "train", "--out", "b", "--quiet", cwd=d)
        same = reports(f"{d}/a")
        assert reports(f"{d}/b") == same and same["places"] == (1 * 2 + 3 * 3) / 2 and same["darks"] == 1, same
        write(d, "other.txt", "c\ncc\n")
        program("./p", "train", "--out", "c", "--quiet", "--data", "names.txt=other.txt", cwd=d)
        assert reports(f"{d}/c")["places"] == (2 + 4 * 2) / 2
        write(d, "other.txt", "c\ncd\n")
        assert "other.txt:2:2: error: 'd' is not in the alphabet" in program("./p", "train", "--data", "names.txt=other.txt", cwd=d, status=1).stderr
        write(d, "nights.txt", "dark\ndark night\nnight is is\n")
        assert "nights.txt: it holds other numbers" in program("./p", "train", cwd=d, status=1).stderr


def test_a_place_in_a_file():
    """An error in the numbers names the row and the column of the file, whatever has been done to its rows."""
    with folder() as d:
        write(d, "t.csv", "1,2,0\n3,4,1\n5,6,2\n7,8,1\n")
        for made, place in (("", "row 3, column 3 holds class 2"), (" |> drop(1)", "row 3, column 3 holds class 2"), (" |> filter(fn(r) r[0] > 2)", "row 3, column 3 holds class 2")):
            write(d, "p.gan", f'data d: (x: real[2], y: class[2]) = csv("t.csv"){made}\nreport m = E[r ~ d : all] r.y\n')
            r = gan("check", "p.gan", cwd=d)
            assert r.status == 1 and f"t.csv: {place}, and the type says 0 to 1" in r.err, r


FACTS = """
import optim
data d: (x: real, y: class[3]) = csv("d.csv")
let ones = count(d |> filter(fn(r) r.y == 1))
let rows = count(csv("rows.csv"))
let dark = words("words.txt").index("dark")
net N { param w: real = 0; w }
data plain = [1.0, 2, 3, 4]
alternate 10 steps, batch 4 { update N minimize (ones + 10 * rows + 100 * dark) * N() + E[x ~ plain] x with sgd(0.1); save }
"""


def test_what_is_known_of_files_when_a_program_is_compiled():
    """None of these files is drawn from: a run that goes on is refused where what the program has taken from them would be another number."""
    files = {"d.csv": "1,0\n2,1\n3,1\n4,2\n", "rows.csv": "1\n2\n3\n", "words.txt": "night dark\n"}
    others = {"d.csv": ("1,1\n2,1\n3,1\n4,2\n", "the data d.y are not those"), "rows.csv": ("1\n2\n", "the data rows.csv are not those that this run was made with (f64[3, 1] then, f64[2, 1] now)"),
              "words.txt": ("dark night\n", "the data words.txt are not those that this run was made with (2 words (")}
    with folder() as d:
        write(d, "p.gan", FACTS)
        for name, text in files.items():
            write(d, name, text)
        assert gan("build", "p.gan", "-o", "native", cwd=d).status == 0
        assert gan("run", "p.gan", "--steps", 5, "--out", "a", "--quiet", cwd=d).status == 0
        for name, (text, said) in others.items():
            write(d, name, text)
            r = gan("run", "p.gan", "--out", "a", "--quiet", "--resume", cwd=d)
            assert r.status == 1 and said in r.err, r
            assert gan("build", "p.gan", "-o", "other", cwd=d).status == 0
            assert said in program("./other", "train", "--out", "a", "--quiet", "--resume", cwd=d, status=1).stderr
            write(d, name, files[name])
        program("./native", "train", "--out", "a", "--quiet", "--resume", "--steps", 7, cwd=d)
        r = gan("run", "p.gan", "--out", "a", "--quiet", "--resume", cwd=d)
        assert r.status == 0 and "resuming" in r.err, r
        write(d, "d.csv", others["d.csv"][0])               # the native program is held to it, too, though it draws none of it
        assert "d.csv: it holds other numbers" in program("./native", "train", "--out", "b", cwd=d, status=1).stderr


PARTS = """
data d: (x: real, y: class[4]) = csv("d.csv")
data e: (x: real, y: class[4]) = csv("d.csv")
data first, rest = d |> split(1, 3, shuffle: true)
data last = rest |> drop(2)
data odd = d |> filter(fn(r) r.y == 1)
report all = E[r ~ d : all] r.x
report parts = (E[r ~ first : all] r.x) / 4 + 0.75 * E[r ~ rest : all] r.x
report end = E[r ~ last : all] r.x
report same = E[r ~ e : all] r.x
"""


def test_parts_follow_the_data_that_they_are_of():
    """With the numbers of d a hundred times as large, all of them and the mean of both parts are, and those of e, of the same file, are not."""
    with folder() as d:
        write(d, "p.gan", PARTS)
        write(d, "d.csv", "1,0\n2,1\n3,1\n6,2\n")
        write(d, "more.csv", "100,0\n200,1\n300,1\n600,2\n")
        assert gan("build", "p.gan", "-o", "p", cwd=d).status == 0
        program("./p", "train", "--out", "a", "--quiet", cwd=d)
        was = reports(f"{d}/a")
        assert was["all"] == was["parts"] == was["same"] == 3, was
        said = program("./p", "train", "--out", "b", "--quiet", "--data", "d=more.csv", cwd=d, status=1).stderr
        assert "more.csv: it holds other numbers" in said, said          # odd are rows that the labels have chosen
        write(d, "p.gan", PARTS.replace('data odd = d |> filter(fn(r) r.y == 1)\n', ""))
        assert gan("build", "p.gan", "-o", "p", cwd=d).status == 0
        for name, times in (("d", (100, 100, 100)), ("d.x", (100, 100, 100)), ("rest", (1, None, 100)), ("last", (1, 1, 100)), ("e", (1, 1, 1))):
            program("./p", "train", "--out", name, "--quiet", "--data", f"{name}=more.csv", cwd=d)
            now = reports(f"{d}/{name}")
            for report, k in zip(("all", "parts", "end"), times):
                assert k is None or abs(now[report] - k * was[report]) < 1e-4, (name, now, was)
            assert now["same"] == (300 if name == "e" else 3), (name, now)


def test_a_row_is_chosen_by_its_own_file():
    """x of the rows that y has chosen: another file for these rows alone has other labels."""
    with folder() as d:
        write(d, "p.gan", 'data d: (x: real, y: class[3]) = csv("d.csv")\ndata f = d |> filter(fn(r) r.y == 1)\nreport m = E[r ~ f : all] r.x\n')
        write(d, "d.csv", "1,0\n2,1\n3,1\n4,2\n")
        write(d, "more.csv", "1,1\n2,1\n3,1\n4,2\n")
        assert gan("build", "p.gan", "-o", "p", cwd=d).status == 0
        for name in ("d", "f"):
            assert "more.csv: it holds other numbers" in program("./p", "train", "--out", name, "--data", f"{name}=more.csv", cwd=d, status=1).stderr


def test_columns_by_name():
    """Columns in another order are the same data, also of a native program's other file; other names are none."""
    with folder() as d:
        write(d, "p.gan", 'data e: (weight: real, height: real) = csv("e.csv") |> drop(1)\nreport weight = E[r ~ e : all] r.weight\nreport height = E[r ~ e : all] r.height\n')
        files = {"e.csv": "height,weight\n0,0\n180,80\n160,60\n", "same.csv": "weight, height\n1,1\n80,180\n60,160\n", "other.csv": "w,height\n0,0\n80,180\n60,160\n",
                 "bare.csv": "0,0\n180,80\n160,60\n", "wide.csv": "height,weight,age\n0,0,0\n180,80,1\n160,60,1\n"}
        for name, text in files.items():
            write(d, name, text)
        assert gan("build", "p.gan", "-o", "p", cwd=d).status == 0
        for name, said in (("e.csv", None), ("same.csv", None), ("other.csv", "other.csv: its columns are called w, height, and those that the program was compiled with height, weight"),
                           ("bare.csv", "bare.csv: it has no header, and the program goes by the names of its columns: height, weight"), ("wide.csv", "wide.csv: its columns are called height, weight, age")):
            if said:
                assert said in program("./p", "train", "--out", "n", "--data", f"e={name}", cwd=d, status=1).stderr
                continue
            write(d, "q.gan", open(f"{d}/p.gan").read().replace("e.csv", name))
            assert gan("run", "q.gan", "--out", f"q{name}", "--quiet", cwd=d).status == 0
            program("./p", "train", "--out", f"n{name}", "--quiet", "--data", f"e={name}", cwd=d)
            for out in (f"q{name}", f"n{name}"):
                got = reports(f"{d}/{out}")
                assert got["weight"] == 70 and got["height"] == 170, (out, got)


def test_check_reads_images_only_where_their_numbers_count():
    """A damaged middle is found by who reads it: a run, and a check that a filter or a class makes look. A file that is too short is found anyway."""
    packed = gzip.compress(struct.pack(">IIII", 0x803, 500, 40, 40) + random.Random(1).randbytes(800_000))
    damaged = packed[:700_000] + bytes(20) + packed[700_020:]
    line = 'data all = idx("i.gz") |> scale(-1, 1)\ndata d = all%s\nreport m = E[x ~ d : all] mean(x)\n'
    with folder() as d:
        for more, data, says in (("", damaged, ""), (" |> take(400)", damaged, ""), (" |> filter(fn(r) mean(r) > 9)", damaged, "i.gz"), ("", packed[:-8], "i.gz"),
                                 (" |> filter(fn(r) mean(r) > 9)", packed, "keeps none"), (" |> take(400) |> filter(fn(r) r[1, 1] >= -1)", packed, "")):
            write(d, "i.gz", data)
            write(d, "p.gan", line % more)
            r = gan("check", "p.gan", cwd=d)
            assert r.status == (1 if says else 0) and says in r.err, (more, r)
        write(d, "l.idx", struct.pack(">II", 0x801, 500) + bytes(i % 3 for i in range(500)))
        beside = 'data all: (x: real[40, 40], y: class[3]) = idx("i.gz", "l.idx") |> scale(-1, 1)\ndata d = all |> %s\nreport m = E[r ~ d : all] mean(r.x)\n'
        asks = [("filter(fn(r) r.y == 1)", False), ("per_class(7)", False), ("filter(fn(r) mean(r.x) > -2)", True), ("filter(fn(r) r.y == 1) |> filter(fn(r) mean(r.x) > -2)", True),
                ("map(fn(r) (x: r.x / 2, k: r.y)) |> filter(fn(r) r.k == 1) |> map(fn(r) (x: r.x, y: r.k))", False)]
        for more, reads in asks:                            # a predicate reads what it asks of, and the pixels are the run's affair
            write(d, "p.gan", beside % more)
            for data, refused in ((damaged, reads), (packed, False)):
                write(d, "i.gz", data)
                r = gan("check", "p.gan", cwd=d)
                assert (r.status == 1 and "i.gz" in r.err) if refused else r.status == 0, (more, r)
            write(d, "i.gz", damaged)
            assert gan("run", "p.gan", "--quiet", cwd=d).status == 1, more
        write(d, "i.gz", packed)
        write(d, "p.gan", 'data d: class[200][40, 40] = idx("i.gz")\nreport m = E[x ~ d : all] real(x[0, 0])\n')
        assert "E501" in gan("check", "p.gan", cwd=d).err
        write(d, "i.gz", damaged)
        write(d, "p.gan", line % "")
        r = gan("run", "p.gan", "--quiet", cwd=d)
        assert r.status == 1 and "i.gz" in r.err, r


def test_bytes_are_asked_before_they_are_declared():
    """A predicate sees of them what a declaration without a type would make, and scale behind it still finds bytes."""
    with folder() as d:
        images(d)
        write(d, "p.gan", """data one = idx("images.idx", "labels.idx") |> filter(fn(r) r.f1 == 0 and r.f0[0, 0] > 50) |> scale(0, 1)
report n = count(one)
report m = E[r ~ one : all] r.f0[0, 1]
report k = E[x ~ idx("images.idx") : all] x[0, 0] / 51
expect n == 1 and abs(m - 203 / 255) < 1e-6 and abs(k - 570 / 255) < 1e-6
""")
        for engine in ENGINES:
            r = gan("test", "p.gan", "--quiet", *engine, cwd=d)
            assert r.status == 0 and not r.err, r


def test_sorted_rows():
    """Eight rows in order, in one of the columns, are warned of; fewer, or others, are not."""
    with folder() as d:
        for rows, sorted_ in ((range(8), True), (range(7), False), ([0, 1, 2, 3, 4, 5, 7, 6], False), (range(8, 0, -1), True), ([3] * 8, False)):
            write(d, "t.csv", "".join(f"{i * i % 5},{x}\n" for i, x in enumerate(rows)))
            for flag, wanted in (("", sorted_), (", shuffle: true", False), (", shuffle: false", False)):
                write(d, "p.gan", f'data a, b: real[2] = csv("t.csv", header: false) |> split(4, {len(list(rows)) - 4}{flag})\nreport m = E[x ~ a : all] x[0]\nreport n = E[x ~ b : all] x[0]\n')
                r = gan("check", "p.gan", cwd=d)
                assert r.status == 0 and ("sorted by column 2" in r.err) == wanted, (list(rows), flag, r)


run_tests(globals())
