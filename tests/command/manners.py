#!/usr/bin/env python3
"""Commands that a person asks for advice: diagnostics as JSON, gradients beside differences, documentation, a new folder."""
import json
import os
import re

from harness import SMALL, folder, gan, run_tests

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def put(d, name, text):
    path = os.path.join(d, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def diagnostics(text, *more):
    r = gan("check", "-", "--diagnostics=json", *more, stdin=text.encode())
    return r, [json.loads(line) for line in r.err.splitlines()]


def test_diagnostics_as_json():
    r, found = diagnostics("let α = 1\nlet b = undefined_name + α\nlet c = (1, 2) +\n")
    assert r.status == 1 and found, r
    for d in found:
        assert set(d) - {"label", "hint"} == {"file", "range", "line", "column", "code", "severity", "message", "notes"}, d
        assert d["line"] == d["range"]["start"]["line"] and d["column"] == d["range"]["start"]["column"] and d["file"] == "<stdin>", d
        assert re.fullmatch(r"E\d{3}", d["code"]) and d["severity"] == "error" and d["message"], d
    r, found = diagnostics("let α = 1\nlet b = α + undefined_name\n")
    assert [(d["line"], d["column"], d["range"]["end"]) for d in found] == [(2, 13, {"line": 2, "column": 27})], found
    r, found = diagnostics("let a = 1\n")
    assert r.status == 0 and not found and r.out == "-: ok\n", r
    r, found = diagnostics("".join(f"let a{i} = undefined{i}\n" for i in range(130)))
    assert len(found) == 101 and found[-1]["severity"] == "note" and re.fullmatch(r"and \d+ more, not shown", found[-1]["message"]) and found[-1]["line"] is None, found[-1]
    r = gan("check", "missing.gan", "--diagnostics=json")
    assert r.status == 1 and json.loads(r.err)["line"] is None, r


GRADIENTS = """
import nn, optim
net A { param v: real = 1; param k: real = 0; stop(v) * v + max(0, k) + sin(2 * v) }
net B(x: real[3]) -> real { x |> BatchNorm() |> dropout(0.5) |> Dense(1) |> scalar }
alternate 5 steps, batch 8 {
  let h = E[y ~ Normal(0, 1)^3] B(y)^2
  let q = 3 * A.v^3
  update A minimize A() + q with sgd(0.001)
  update B maximize h with sgd(0.001)
  simultaneous { if A.v > 0 { update A minimize A.v^2 with sgd(0.001) }; update B minimize E[y ~ Normal(0, 1)^3] B(y)^4 with sgd(0.001) }
  update A along grad[A] A() with sgd(0.001)
  every 3 { update A minimize A.v with sgd(0.001) }
}
"""


def test_gradients():
    r = gan("check", "-", "--gradients", stdin=GRADIENTS.encode())
    assert r.status == 0 and "WRONG" not in r.out and "12 of 12 gradients are right; the worst relative error is" in r.out, r
    errors = [float(e) for e in re.findall(r"^  [AB]\.\S+ +(\S+)", r.out, re.M)]
    assert len(errors) == 12 and max(errors) < 1e-8, r
    assert re.search(r"A\.k +0\.0e\+00  \(a kink", r.out) and ":11: update grad[A] A(): along a direction" in r.out, r
    assert ":12: update A.v: not reached" in r.out, r
    more = gan("check", "-", "--gradients", "--steps", 3, stdin=GRADIENTS.encode())
    assert more.status == 0 and "14 of 14 gradients" in more.out and "not reached" not in more.out, more


LAYERS = """
import nn, optim
net N(x: real[6, 6, 2]) {
  x |> Conv2d(4, 3, padding: 1, parametrization: spectral_norm) |> BatchNorm() |> silu |> Conv2d(4, 3, stride: 2, groups: 2) |> GroupNorm(2) |> MaxPool2d(2, 1)
    |> ConvTranspose2d(2, 4, stride: 2, padding: 1, parametrization: weight_norm) |> InstanceNorm(affine: true) |> ResidualBlock(3) |> AvgPool2d(2) |> Upsample(2)
    |> LayerNorm() |> flatten |> Dense(1) |> scalar
}
net M(x: real[4, 6]) { sum(MultiheadAttention(2, causal: true)(x, x, x) |> GRU(3) |> LSTM(2)) }
net V(k: class[5]) { k |> Embedding(5, 3) |> Dense(1) |> scalar }
alternate 1 steps, batch 4 {
  update N minimize E[x ~ Normal(0, 1)^[6, 6, 2]] (N(x) - median(x))^2 with adam(1e-2)
  update M minimize E[x ~ Normal(0, 1)^[4, 6]] (M(x) - std(x) - slogdet(x[0..3, 0..3]).logdet)^2 with adam(1e-2)
  update V minimize E[k ~ Categorical(5)] V(k)^2 with adam(1e-2)
}
"""


def test_gradients_of_layers():
    r = gan("check", "-", "--gradients", stdin=LAYERS.encode())
    assert r.status == 0 and "44 of 44 gradients are right" in r.out, r
    errors = [float(e) for e in re.findall(r"^  [NMV]\.\S+ +(\S+)", r.out, re.M)]
    assert len(errors) == 44 and max(errors) < 1e-6, r


def test_a_wrong_gradient_is_status_1():
    """Where a loss jumps, it has no gradient; the one by all the rest is not its slope."""
    jumps = "net A { param v: real = 0; param u: real = 1; where(v > 0, 1, 0) + v + u^2 }\nimport optim\nalternate 1 steps { update A minimize A() with sgd(1) }\n"
    r = gan("check", "-", "--gradients", stdin=jumps.encode())
    assert r.status == 1 and re.search(r"A\.v +\S+  WRONG", r.out) and re.search(r"A\.u +\d\S+$", r.out, re.M), r
    assert "1 of 2 gradients are right" in r.out and "of A.v" in r.out, r


def test_gradients_of_a_game():
    game = SMALL.replace("gan.critic with", "gan.critic + 10 * gradient_penalty(ring, G, D) with")
    r = gan("check", "-", "--gradients", "--seed", 3, stdin=game.encode())
    assert r.status == 0 and "8 of 8 gradients are right" in r.out, r
    r = gan("check", "-", "--gradients", stdin=b"let a = 1\n")
    assert r.status == 0 and "no update has a gradient to compare" in r.out, r


COST = """
import optim
layer Lin(n: int)(x: real[m]) -> real[n] { param w: real[m, n] ~ Normal(0, 1); x @ w }
net D(x: real[4]) -> real { x |> Lin(3) |> Lin(1) |> scalar }
alternate 5 steps, batch 32 {
  update D minimize E[x ~ Normal(0, 1)^4]
    D(x)^2 with sgd(0.1)
  every 5 { report m = E[x ~ Normal(0, 1)^4] D(x) }
}
"""


def test_cost():
    """Counted by hand: of 32 samples two products (4 by 3, 3 by 1), 4 draws each, their sum; the mean's factor and the count of draws."""
    r = gan("check", "-", "--cost", stdin=COST.encode())
    assert r.status == 0 and re.search(r"^  D +15 +60 +8$", r.out, re.M), r
    report = re.search(r"report m\n +(\d+) +(\d+) +(\d+) +\d+$", r.out, re.M)
    assert [int(n) for n in report.groups()] == [32 * (2 * 4 * 3 + 2 * 3 + 4 + 1) + 2, 60 + 8, 8 + 8], r
    update = re.search(r"6: update E\[x ~ Normal\(0, 1\)\^4\] D\(x\)\^2; moves D\n +(\d+) +(\d+) +(\d+) +\d+$", r.out, re.M)
    products = 32 * (2 * 4 * 3 + 2 * 3 + 4) + 32 * (2 * 3 + 2 * 3 + 2 * 4 * 3)   # there, and back: by both weights, and by what is between
    assert products < int(update.group(1)) < products + 32 * 4, r
    double = gan("check", "-", "--cost", "--f64", stdin=COST.encode())
    assert re.search(r"^  D +15 +120 +8$", double.out, re.M), double
    assert gan("check", "-", "--cost", "--gradients", stdin=COST.encode()).status == 2


PEDANTIC = """import nn, optim, toy, metrics
data ring = toy.ring()
data spare = toy.grid()
let width = 8
let unused = 3
def helper(x, y) = x * 2
net D(x: real[2]) -> real { let width = 4; x |> Dense(width) |> Dense(1) |> scalar }
net Idle(x: real[2]) -> real { x |> Dense(width) |> Dense(1) |> scalar }
loss good = E[x ~ ring] D(x)^2
loss idle = E[x ~ ring] D(x)
let held = helper(width, 1)
alternate 5 steps, batch 8 {
  let h = good + held
  update D minimize h with sgd(0.1)
  report i = idle + E[x ~ ring] Idle(x)
  let q = for k in 0..3 { real(2) }
}
"""
ADVICE = [(1, 24, "nothing of metrics is used"), (3, 6, "nothing uses the data spare"), (5, 5, "nothing uses the let unused"), (6, 15, "nothing uses the parameter y"),
          (7, 33, "width hides another width from here on"), (8, 5, "no update moves Idle: its parameters stay as they begin"),
          (10, 6, "no update moves anything by the loss idle"), (16, 7, "nothing uses the let q"), (16, 15, "nothing uses the loop's name k")]


def test_pedantic():
    r, found = diagnostics(PEDANTIC, "--pedantic")
    assert r.status == 0 and [(d["line"], d["column"], d["message"]) for d in found] == ADVICE, found
    assert all(d["severity"] == "advice" for d in found)
    r, found = diagnostics(PEDANTIC)
    assert r.status == 0 and not found, found
    silent = "import optim\nnet A { param v: real = 1; v }\nalternate 5 steps { update A minimize A()^2 with sgd(0.1) }\n"
    r, found = diagnostics(silent, "--pedantic")
    assert [d["message"][:38] for d in found] == ["the program trains and reports nothing"], found
    r, found = diagnostics("import optim\ndef f(x, _) = x\nnet A { param v: real = 1; v }\nlet k = 2\nloss L = f(A(), k)^2\nlet m = L\n"
                           "alternate 5 steps { let s = L; update A minimize s with sgd(0.1); report a = L }\nreport b = m\n", "--pedantic")
    assert r.status == 0 and not found, found
    for f in ("examples/ring.gan", "examples/ring_wgan_gp.gan", "stdlib/toy.gan", "stdlib/compare.gan"):
        r = gan("check", f"{ROOT}/{f}", "--pedantic")
        assert r.status == 0 and "advice" not in r.err, r


ALLIES = """import nn, optim, compare, toy
data ring = toy.ring()
implicit G(z: real[2] ~ Normal(0, 1)) -> real[2] {{ z |> Mlp([8], 2) }}
net D = Critic([8])
compare c = {0}(ring, G, D)
alternate 10 steps, batch 8 {{
  update D {1} with adam(1e-3) project clip(-1, 1)
  update G {2} with adam(1e-3)
}}
report d = c.estimate(n: 10)
"""


def test_players_who_want_the_same():
    """A critic that is moved the wrong way, or a generator, is said (W402); a game is silent."""
    wrong = [("minimize c.critic", "minimize c.critic"), ("maximize c.critic", "minimize c.generator"), ("maximize c.critic", "maximize c.critic")]
    for how in ("class_probability", "hinge", "wasserstein"):
        for critic, generator in wrong:
            r, found = diagnostics(ALLIES.format(how, critic, generator), "--pedantic")
            alone = [("W401", 7)] if critic.startswith("maximize") else []          # said without the other player, too
            assert r.status == 0 and [(d["code"], d["line"]) for d in found] == [*alone, ("W402", 8)], (how, critic, generator, found)
            way = "lower" if critic.startswith("minimize") else "higher"
            assert found[-1]["message"] == f"G and D want the same: draws of G are to be where D is {way}, and D is to be {way} there", found
            assert found[-1]["notes"][0]["message"] == f"D is moved here, to be {way} at draws of G than at draws of ring", found
        for generator in ("minimize c.generator", "maximize c.critic"):
            r, found = diagnostics(ALLIES.format(how, "minimize c.critic", generator), "--pedantic")
            assert r.status == 0 and not found, (how, generator, found)
    with folder() as d:
        r = gan("explain", put(d, "allies.gan", ALLIES.format("hinge", *wrong[0])))
        assert r.status == 0 and "[W402]" in r.err, r


def test_doc_of_the_library():
    r = gan("doc")
    assert r.status == 0 and all(w in r.out for w in ("modules", "compare", "optimizer", "one_hot")), r
    r = gan("doc", "compare")
    assert r.status == 0 and "comparison f_divergence(p, q, T, f, ratio = exp" in r.out and "(Good 1952)." in r.out, r
    r = gan("doc", "nn.Dense", "adam", "E301")
    assert r.status == 0 and re.search(r"^layer Dense\(n: int, \*, bias: bool = true.*\)\(x: real\[.*m\]\) -> real\[.*n\]$", r.out, re.M), r
    assert "(Kingma and Ba 2015)" in r.out and "definition (stdlib/optim.gan:" in r.out and "E301: no density" in r.out, r
    assert "members: r(x), D(x), score, critic, generator, estimate, equal\n" in gan("doc", "f_divergence").out
    assert gan("doc", "toy.adam").status == 1 and gan("doc", "no_such_thing").status == 1 and "no_such_thing" in gan("doc", "no_such_thing").err
    r = gan("doc", "sum")
    assert r.status == 0 and r.out.startswith("sum(x, dim), built in\n") and "over dimensions" in r.out, r


def test_doc_of_a_file():
    with folder() as d:
        path = put(d, "mine.gan", "## My things.\n\n## Twice x.\n##     let y = twice(2)\ndef twice(x: real[n]) -> real[n] =\n  2 * x\n")
        r = gan("doc", path)
        assert r.status == 0 and "My things." in r.out and "def twice(x: real[n]) -> real[n]\n      Twice x." in r.out, r
        assert gan("doc", put(d, "wrong.gan", "def (")).status == 1


def test_every_definition_has_its_page():
    names = [n for f in os.listdir(f"{ROOT}/stdlib") if f.endswith(".gan") for n in
             re.findall(r"^(?:def|layer|distribution|comparison|optimizer|metric|let) (\w+)", open(f"{ROOT}/stdlib/{f}", encoding="utf-8").read(), re.M)]
    r = gan("doc", *names)
    assert r.status == 0 and len(names) > 50, r


def contracts():
    with open(f"{ROOT}/docs/contracts.md", encoding="utf-8") as f:
        return re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", f.read(), re.M | re.S)


def test_contracts_are_shown_and_their_programs_check():
    assert len(contracts()) >= 7
    for name, text in contracts():
        r = gan("doc", name)
        assert r.status == 0 and text.strip() in r.out, (name, r)
        for program in re.findall(r"```gan\n(.*?)```", text, re.S):
            r = gan("check", "-", stdin=program.encode())
            assert r.status == 0 and "warning" not in r.err, (name, r)


def value(program, expression):
    """Of an expression behind a program, in f64."""
    r = gan("eval", "-", "-e", expression, "--f64", "--backend", "interp", stdin=program.encode())
    assert r.status == 0, r
    return float(r.out)


def test_estimates_where_p_is_q():
    """What the contracts say of p = q, with the critic that is the best one there: constant."""
    start = "import compare\nnet D(x: real) -> real { param b: real = 0; b }\n"
    for what, wanted in (("class_probability(p, p, D)", -1.3862943611198906), ("class_probability(p, p, D, score: brier_score)", -0.5),
                         ("f_divergence(p, p, D, f: kl)", 0), ("f_divergence(p, p, D, f: gan)", -1.3862943611198906), ("wasserstein(p, p, D)", 0)):
        seen = value(start + f"let p = Normal(0, 1)\ncompare c = {what}\n", "c.estimate(n: 8)")
        assert abs(seen - wanted) < 1e-12, (what, seen)


def test_examples_are_programs_and_are_shown():
    with open(f"{ROOT}/docs/examples.md", encoding="utf-8") as f:
        blocks = re.findall(r"```gan\n(.*?)```", f.read(), re.S)
    shown = 0
    for block in blocks:
        r = gan("check", "-", stdin=block.encode())
        assert r.status == 0, (block, r)
        for code, names in re.findall(r"^ *(\S.*?) +# (.*)$", block, re.M):
            pages = gan("doc", *names.split(", "))
            assert pages.status == 0 and pages.out.count(f"\nexample:\n    {code}\n") == len(names.split(", ")), (code, pages)
            shown += 1
    assert shown > 40, shown


UNMADE = """import optim
net V { param v: real = 1; v }
alternate 50 steps { update V minimize V()^2 with sgd(0.1)
  every 100 { report a = V() } }
report b = V()
expect b < 0.5 and a < 2
expect b > 0.5
"""


def test_never_is_not_said_of_another_number_of_rounds():
    program = "import optim\nnet F { param w: real = 2; w }\nalternate 10 steps {\n  update F minimize F()^2 with sgd(0.1)\n  every 1000 { report w = F() }\n}\n"
    for more in [], ["--steps", "5000"], ["--steps", "3"]:
        r = gan("check", "-", *more, stdin=program.encode())
        assert r.status == 0 and ("every 1000 rounds of 10 is never" in r.err) == (not more), (more, r)


def test_an_expectation_of_a_report_that_was_never_made():
    said = "expect b < 0.5 and a < 2: not judged: nothing was reported as a (line 4 makes it every 100 steps, of a block of 50; with --steps 100 it is made)\n"
    with folder() as d:
        path = put(d, "e.gan", UNMADE)
        for more in ([], ["--resume"]):
            r = gan("run", path, "--out", f"{d}/run", *more)
            assert r.status == 0 and said in r.out and "expect b > 0.5: NOT held\n" in r.out, r
        with open(f"{d}/run/report.html", encoding="utf-8") as f:
            assert "not judged: nothing was reported as a\n" in f.read()
        r = gan("test", path)
        assert r.status == 1 and said in r.out and r.out.endswith("0 passed, 2 failed\n"), r
        r = gan("run", path, "--out", f"{d}/longer", "--steps", "100")
        assert r.status == 0 and "a < 2: held" in r.out, r


def test_a_word_that_is_set():
    with folder() as d:
        path = put(d, "s.gan", 'let w = "x"\nreport b = if w == "x" { 1 } else { 2 }\n')
        r = gan("check", path, "--set", "w=yes")
        assert r.status == 1 and "a text stands in quotes: --set 'w=\"yes\"'" in r.err, r
        assert gan("run", path, "--set", 'w="yes"', "--out", f"{d}/o", "--quiet").status == 0


def test_new():
    with folder() as d:
        r = gan("new", "mine", cwd=d)
        assert r.status == 0 and sorted(os.listdir(f"{d}/mine")) == [".gitignore", "README.md", "mine.gan"], r
        assert gan("check", f"{d}/mine/mine.gan").status == 0
        with open(f"{ROOT}/examples/ring.gan", encoding="utf-8") as a, open(f"{d}/mine/mine.gan", encoding="utf-8") as b:
            assert a.read() == b.read()
        r = gan("new", "mine", cwd=d)
        assert r.status == 1 and "mine is there already" in r.err, r
        r = gan("new", "other", "--from", "nothing", cwd=d)
        assert r.status == 1 and "ring_mmd" in r.err and not os.path.exists(f"{d}/other"), r
        assert gan("new", "a b", cwd=d).status == 1 and gan("new", cwd=d).status == 2
        for example in (f[:-4] for f in os.listdir(f"{ROOT}/examples") if f.endswith(".gan")):
            assert gan("new", f"of_{example}", "--from", example, cwd=d).status == 0, example
            if example != "fashion_mlp":                    # whose pictures are a package of the system's
                r = gan("check", f"{d}/of_{example}/of_{example}.gan")
                assert r.status == 0, (example, r)


def test_reports_of_a_loop_are_a_table():
    """Four rows of the same names or more; what is fewer, or not alike, stays in the line."""
    text = """
for a in [1, 2, 3, 4] {
  report twice[a] = 2.0 * a
  report drawn[a] = E[x ~ Normal(0, 1) : 100] 0 * x + a
}
for a in [1, 2, 3] { report few[a] = a; report half[a] = a / 2 }
report alone = 1.5
"""
    with folder() as d:
        with open(f"{d}/a.gan", "w") as f:
            f.write(text)
        lines = gan("run", "a.gan", cwd=d).out.splitlines()
        assert "alone 1.5" in lines[-8] and "few[1] 1, half[1] 0.5" in lines[-8] and "twice" not in lines[-8], lines
        assert [line.split() for line in lines[-7:-2]] == [["twice", "drawn"], ["1", "2", "1"], ["2", "4", "2"], ["3", "6", "3"], ["4", "8", "4"]], lines
        assert lines[-2] == "measured: drawn (100 samples, seed 0)", lines


run_tests(globals())
