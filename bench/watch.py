#!/usr/bin/env python3
"""What `gan run --watch-game` says of games, over seeds, beside their fate: the table of docs/run.md.

The fate of a game that turns, stands or converges is that of its equations. Of a ring that is trained too fast it is measured, seed by seed, from draws of the last
state: collapsed if they are all nearest to the same mode (98 % of 1000) and their deviation is below a tenth of the data's, sqrt 2.

usage: watch.py GAN [--seeds 5] [GAME ...]"""
import argparse
import collections
import glob
import os
import re
import subprocess
import tempfile

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ("collapsed", "cycling", "stalled", "converged", "plateau", "missing", "flying")
MEASURED = "collapsed at the end"

RING = """import nn, optim, compare, toy
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[4] ~ Normal(0, 1)) -> real[2] {{ z |> Dense(64) |> relu |> Dense(64) |> relu |> Dense(2) }}
net D(x: real[2]) -> real {{ x |> Dense(64) |> relu |> Dense(64) |> relu |> Dense(1) |> scalar }}
compare gan = {compare}
alternate {steps} steps, batch 64 {{
  {critic}
  update G minimize {loss} with {move}
}}
"""


def ring(loss="nonsaturating(gan)", compare="class_probability(ring, G, D, score: log_score)", critic="adamw(1e-3, beta1: 0.5, decay: 1)",
         move="adam(1e-3, beta1: 0.5)", repeat=1, steps=2000):
    update = f"update D minimize gan.critic with {critic}"
    return RING.format(loss=loss, compare=compare, critic=f"repeat {repeat} {{ {update} }}" if repeat > 1 else update, move=move, steps=steps)


FIT = """import nn, optim, compare, toy
data mix = toy.mixture(weights: [0.67, 0.33], means: [2, -1], stds: [sqrt(2), 0.25])
implicit G(z: real ~ Normal(0, 1)) -> real {{ param mu: real = 0.5; param s: real = 0; mu + exp(s) * z }}
net T = Critic([32, 32])
compare c = f_divergence(mix, G, T, f: {})
alternate 2000 steps, batch 128 {{
  repeat 2 {{ update T minimize c.critic with clipped(10, adam(2e-3)) }}
  update G minimize c.generator with adam(2e-3, beta1: 0.5)
}}
"""
MIXED = """import nn, optim, compare, toy
let centers = [[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]]
implicit points -> real[2] {{ toy.around(centers, 0.02) }}
implicit G(z: real[2] ~ Normal(0, 1)) -> real[2] {{ param b: real[2] = 0; k ~ Categorical({}); centers[k] + 0.05 * z + b }}
net D(x: real[2]) -> real {{ param w: real[2] = 0; dot(w, x) }}
compare gan = class_probability(points, G, D)
alternate 400 steps, batch 32 {{
  update D minimize gan.critic with sgd(1e-3)
  update G minimize nonsaturating(gan) with sgd(1e-3)
}}
"""
PAIR = """import optim
net A {{ param x: real ~ Normal(0, 1); x }}
net B {{ param y: real ~ Normal(0, 1); y }}
alternate 4000 steps {{
  update B minimize {0} - A() * B() with sgd(0.02)
  update A minimize A() * B() with sgd(0.02)
}}
"""
DIRAC = """import nn, optim
net T {{ param t: real ~ Normal(0, 1); t }}
net D(x: real) -> real {{ param w: real ~ Normal(0, 1); w * x }}
let x0 = 0.0
alternate 4000 steps {{
  update D minimize softplus(-D(0)) + softplus(D(T())) + 0.5 * {0} * (grad[x0] D(x0))^2 with sgd(0.1)
  update T minimize -softplus(D(T())) with sgd(0.1)
}}
"""
WRONG_SIGN = """import optim, compare
implicit points -> real {{ x ~ Normal(0, 1); x }}
implicit G(z: real ~ Normal(0, 1)) -> real {{ param b: real ~ Normal(0, 1); b + z }}
net D(x: real) -> real {{ param w: real = 0; w * x }}
compare gan = class_probability(points, G, D)
alternate 1000 steps, batch 64 {{
  update D minimize gan.critic with sgd(0.1)
  update G minimize {0}nonsaturating(gan) with sgd(0.1)
}}
"""
VANISHED = """import optim
net A {{ param x: real ~ Normal({0}, 1); x }}
alternate 2000 steps {{ update A minimize sigmoid(-A()) with sgd({1}) }}
"""


def example(name, old, new):
    with open(os.path.join(HERE, "..", "examples", name + ".gan"), encoding="utf-8") as f:
        text = f.read()
    assert old in text, (name, old)
    return text.replace(old, new)


# What it is, its fate (None: nothing is wrong with it; MEASURED: by draws), the program.
GAMES = {
    "the ring": (None, ring()),
    "the ring, Wasserstein with a penalty": (None, ring(loss="gan.generator", compare="wasserstein(ring, G, D) with critic += 0.1 * gradient_penalty(ring, G, D)",
                                                         critic="adam(1e-4, beta1: 0.5, beta2: 0.9)", move="adam(1e-4, beta1: 0.5, beta2: 0.9)", repeat=5)),
    "a Gaussian fitted, reverse KL": (None, FIT.format("reverse_kl")),
    "a Gaussian fitted, Jensen-Shannon": (None, FIT.format("js")),
    "a VAE (examples/vae.gan, 500 steps)": (None, example("vae", "4000 steps", "500 steps")),
    "labels (examples/conditional_gan.gan, 500 steps)": (None, example("conditional_gan", "3000 steps", "500 steps")),
    "bilinear with a penalty": (None, PAIR.format("0.5 * B()^2")),
    "Dirac with a penalty": (None, DIRAC.format("0.6")),
    "the ring, saturating, high rates": (MEASURED, ring(loss="gan.generator", critic="adam(2e-2)", move="adam(2e-2)")),
    "the ring, high rates": (MEASURED, ring(critic="adam(5e-2)", move="adam(5e-2)")),
    "the ring, a critic that is not trained": (MEASURED, ring(critic="sgd(0)", move="adam(1e-2)")),
    "a mixture, all of four modes": (None, MIXED.format(4)),
    "a mixture, three of four modes": ("missing modes", MIXED.format(3)),
    "bilinear": ("cycling", PAIR.format("0.0")),
    "Dirac": ("cycling", DIRAC.format("0.0")),
    "a loss of the wrong sign": ("flying apart", WRONG_SIGN.format("-")),
    "the ring, rates of 0": ("stalled", ring(critic="sgd(0)", move="sgd(0)", steps=300)),
    "a slope that has vanished": ("stalled", VANISHED.format(200, 0.1)),
}


def is_collapsed(gan, d, path):
    checkpoint = sorted(glob.glob(os.path.join(d, "runs", "game", "checkpoints", "*.safetensors")))[-1]
    subprocess.run([gan, "sample", path, "G", "-n", "1000", "-o", "g.npy", "--checkpoint", checkpoint], capture_output=True, check=True, cwd=d)
    x = numpy.load(os.path.join(d, "g.npy")).astype(float)
    nearest = numpy.round(numpy.arctan2(x[:, 1], x[:, 0]) / (numpy.pi / 4)).astype(int) % 8
    return numpy.bincount(nearest).max() >= 980 and numpy.sqrt(x.var(axis=0).mean()) < numpy.sqrt(2) / 10


def said(gan, text, seed, measured):
    """The kinds that were said of it, each with its first line; has it collapsed?"""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "game.gan")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        done = subprocess.run([gan, "run", path, "--watch-game", "--quiet", "--seed", str(seed), "--threads", "1"], capture_output=True, text=True, check=False, cwd=d)
        first = collections.OrderedDict()
        for line in done.stderr.splitlines():
            kind = next((k for k in KINDS if re.search(rf"looks (like |as if it had come to a )?{k}", line)), None)
            if kind:
                first.setdefault(kind, line)
            elif "error" in line:
                first.setdefault("failed", line)
        return first, measured and is_collapsed(gan, d, path)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("gan")
    p.add_argument("games", nargs="*")
    p.add_argument("--seeds", type=int, default=5)
    o = p.parse_args()
    print("| game | fate | " + " | ".join(KINDS) + " | nothing |\n|---|---|" + "---|" * (len(KINDS) + 1))
    for name, (fate, text) in GAMES.items():
        if o.games and not any(g in name for g in o.games):
            continue
        runs = [said(os.path.abspath(o.gan), text, seed, fate == MEASURED) for seed in range(o.seeds)]
        all_said = [s for s, _ in runs]
        if fate == MEASURED:
            fate = f"{MEASURED}: {sum(c for _, c in runs)} of {o.seeds}"
        counts = [sum(k in s for s in all_said) for k in KINDS]
        print(f"| {name} | {fate or 'fine'} | " + " | ".join(map(str, counts)) + f" | {sum(not s for s in all_said)} |", flush=True)
        for seed, (s, collapsed) in enumerate(runs):
            for line in list(s.values()) + ["collapsed"] * bool(collapsed):
                print(f"    seed {seed}: {line}", flush=True)


if __name__ == "__main__":
    main()
