#!/usr/bin/env python3
"""`gan explain FILE`: what is said of a game. Each program of tests/golden/explain has its text beside it (GAN_UPDATE=1 writes it)."""
import glob
import math
import os
import re

from harness import folder, gan, run_tests

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
GOLDEN = os.path.join(ROOT, "tests", "golden", "explain")


def test_programs_are_explained():
    programs = sorted(glob.glob(os.path.join(GOLDEN, "*.gan")))
    assert len(programs) >= 10
    for path in programs:
        r = gan("explain", os.path.basename(path), cwd=GOLDEN)
        assert r.status == 0, r
        text = path[:-4] + ".txt"
        if os.environ.get("GAN_UPDATE"):
            with open(text, "w", encoding="utf-8") as f:
                f.write(r.out)
        with open(text, encoding="utf-8") as f:
            assert r.out == f.read(), (path, r)


def test_examples_are_explained():
    programs = sorted(glob.glob(os.path.join(ROOT, "examples", "**", "*.gan"), recursive=True))
    assert len(programs) > 100
    for path in programs:
        r = gan("explain", path)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        missing = r.status == 1 and "[E500]" in r.err       # data that are fetched, or come with a package
        assert missing or r.status == 0 and (re.search(r"minimise|maximise|goe?s? along", r.out) or not re.search(r"^ +update", text, re.M)), (path, r)


# The estimate of the best critic where p = q, from each definition by itself: the least mean cost of one probability, the best number of one ratio.
SCORES = {"log_score": lambda d: -2 * math.log(d), "brier_score": lambda d: 2 * (1 - d)**2, "exponential_score": lambda d: 2 * math.sqrt((1 - d) / d),
          "spherical_score": lambda d: -2 * d / math.hypot(d, 1 - d)}
FS = {"kl": lambda u: u * math.log(u), "reverse_kl": lambda u: -math.log(u), "js": lambda u: u * math.log(u) - (u + 1) * math.log((1 + u) / 2),
      "compare.gan": lambda u: u * math.log(u) - (u + 1) * math.log(u + 1), "pearson": lambda u: (u - 1)**2, "neyman": lambda u: (1 - u)**2 / u,
      "hellinger": lambda u: (math.sqrt(u) - 1)**2, "jeffreys": lambda u: (u - 1) * math.log(u)}
PHIS = {"lsif": lambda u: u * u / 2, "ukl": lambda u: u * math.log(u) - u + 1, "binary_kl": lambda u: u * math.log(u) - (1 + u) * math.log(1 + u)}


def best(f):
    """The largest f'(r) - (r f'(r) - f(r)) of all r: what a critic that is one number reaches where p = q."""
    slope = lambda r: (f(r * (1 + 1e-5)) - f(r * (1 - 1e-5))) / (2e-5 * r)
    return max(slope(r) - (r * slope(r) - f(r)) for r in [math.exp(k / 50) for k in range(-100, 101)])


def test_values_where_both_are_equal():
    with folder() as d:
        text = "import nn, compare, ratio, toy\ndata ring = toy.ring()\nimplicit G(z: real[2] ~ Normal(0, 1)) -> real[2] { z |> Dense(2) }\nnet D = Critic([4])\n"
        want = {}
        for k, name in enumerate(SCORES):
            text += f"compare s{k} = class_probability(ring, G, D, {name})\n"
            want[f"s{k}"] = -min(SCORES[name](i / 1000) + (SCORES[name](1 - i / 1000)) for i in range(1, 1000)) / 2
        for k, (name, f) in enumerate({**FS, **PHIS}.items()):
            text += f"compare f{k} = {'f_divergence' if name in FS else 'ratio_matching'}(ring, G, D, {name})\n"
            want[f"f{k}"] = best(f)
        with open(os.path.join(d, "p.gan"), "w", encoding="utf-8") as out:
            out.write(text)
        for name, value in want.items():
            r = gan("eval", "p.gan", "-e", f"{name}.equal", cwd=d)
            assert r.status == 0 and abs(float(re.findall(r"-?[0-9.]+(?:e-?\d+)?", r.out)[-1]) - value) < 1e-5, (name, value, r)


def test_a_large_critic_takes_little_memory():
    """Ten million parameters: one packed copy of the matrices but no gradient is kept, let alone one a shard, and two threads' memory is within four times parameters and moments."""
    r = gan("explain", "w8.gan", "--stage", "kernels", cwd=os.path.join(ROOT, "bench"))
    used = {name: (int(frame), int(scratch)) for name, frame, scratch in re.findall(r"^fn (\w+): frame (\d+) B, scratch (\d+) B", r.out, re.M)}
    critic, generator = ((784 + 1) * 3000 + (3000 + 1) * 2500 + 2501) * 4, ((100 + 1) * 256 + (256 + 1) * 784) * 4
    state = 3 * (critic + generator)
    assert r.status == 0 and used["update_D"][0] < 2 * critic, used
    assert state + max(frame for frame, _ in used.values()) + 2 * max(scratch for _, scratch in used.values()) < 4 * state, (state, used)


def test_stages_are_as_they_were():
    r = gan("explain", "minimax.gan", "--stage", "game", cwd=GOLDEN)
    assert r.status == 0 and "; moves D; reads G; draws from ring, G; batch 8" in r.out, r


# Slopes by t, from 50 digits (mpmath).
KEPT = "let d = sigmoid(t); (1 - d^2 / (d^3 + (1 - d)^3)^(2 / 3)) * (1 - (1 - d)^3 / (d^4 + (1 - d)^4)^0.75) * log(d)"
KEPT_SLOPES = {-88: -3.53761649e-151, -40: -3.88455507e-68, -16: -7.57800653e-27, -8: -2.94457727e-13, -1: -0.0477237042, 0: 0.0232584517, 1: 0.0340597361,
               8: 3.37640294e-14, 16: 4.27682874e-28, 40: 8.68663609e-70, 88: 3.58353048e-153}


def test_lost_digits_are_said():
    """What is computed stands beside what the formula says; of sqrt(1 + exp(-t^2)) - tanh(t), about 2 exp(-2 t), the pass does not bring all back, and says so."""
    with folder() as d:
        with open(os.path.join(d, "p.gan"), "w", encoding="utf-8") as out:
            out.write(f"""import optim
implicit G(z: real ~ Normal(0, 1)) -> real {{ param a: real = 1; z + a }}
net D(x: real) -> real {{ param w: real = 1; w * x }}
update G minimize E[x ~ G : 8] {{ let t = D(x); {KEPT} }} with sgd(0.1)
update G minimize E[x ~ G : 8] {{ let t = D(x); log(sqrt(1 + exp(-t^2)) - tanh(t)) }} with sgd(0.1)
""")
        r = gan("explain", "p.gan", "--stage", "grad", cwd=d)
        kept, lost = re.split(r"# line \d+: the slope of", r.out)[1:]
        rows = {float(a): float(b) for a, b in re.findall(r"^# +(\S+) +\S+ +\S+ +\S+ +(\S+)(?:  \*)?$", kept, re.M)}
        assert r.status == 0 and set(rows) == set(KEPT_SLOPES), (rows, r)
        assert all(abs(rows[t] - want) < 1e-7 * abs(want) for t, want in KEPT_SLOPES.items()), rows
        assert re.search(r"^# +16 .* -2  !$", lost, re.M) and not re.search(r"^# +1 .*!$", lost, re.M), r
        said = re.findall(r"digits are lost .*", gan("explain", "p.gan", cwd=d).out)
        assert len(said) == 1 and re.search(r" 16\b.* that were tried\): at .* and is -2$", said[0]), said


run_tests(globals())
