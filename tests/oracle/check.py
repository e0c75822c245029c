#!/usr/bin/env python3
"""check.py - the oracle held against what it does not use: closed forms, and differences instead of derivatives.

usage: check.py

First a few programs whose answers were worked out by hand. Then every slope that some random games need is taken again by central differences
(scalar.numeric: the loss is evaluated anew at a parameter moved by hand, with the lets that saw the same value), to six digits."""
import re
import sys

import game
import generate
import reduce
import scalar
from syntax import Strange
from values import Wrong

BY_HAND = [
    ("net D { param v: real = 1; v }\nupdate D minimize D.v^3 with sgd(0.1)\nreport a = D.v\n", {"a": 0.7}),
    ("net X { param v: real = 1; v }\nnet Y { param v: real = 1; v }\nupdate X minimize X()^2 * Y() with sgd(0.1)\n"
     "update Y minimize X()^2 * Y() with sgd(0.1)\nreport a = Y.v\n", {"a": 0.936}),
    ("net X { param v: real = 1; v }\nnet Y { param v: real = 2; v }\nlet l = X() * Y()\nsimultaneous { update X minimize l with sgd(0.1); update Y maximize l with sgd(0.1) }\n"
     "report a = X.v\nreport b = Y.v\n", {"a": 0.8, "b": 2.1}),
    ("net D { param v: real = 1; v }\nlet a = D.v\nalternate 1 steps { update D minimize a with sgd(0.1) }\n", "E308"),
    ("net D { param v: real = 1; v }\nupdate D minimize 3.0 with sgd(0.1)\n", "E400"),
    ("s ~ rows([1.0, 2.0]) : all\nlet m = E[s] s\nreport a = E[s] (grad[s] s^3)\nreport b = grad[m] (m^2)\n", {"a": 7.5, "b": 3.0}),
    ("s ~ rows([1.0, 2.0]) : all\nreport a = E[s] (grad[s] (E[s] s))\n", "E305"),
    ("layer M(x: real) -> real { param w: real = 1; state m: real = 0; m := 0.5 * m + 0.5 * x; w * x }\nnet F(x: real) -> real { x |> M }\nnet H { param v: real = 1; v }\n"
     "alternate 1 steps {\n update H minimize H() * F(4.0) with sgd(0.1)\n update F minimize F(8.0) + F(2.0) with sgd(0.1)\n}\nreport a = F.M_1.m\n", {"a": 2.5}),
    ("optimizer d(inner)(w, g) { w := 0.5 * w; inner(w, g) }\nnet D { param v: real = 1; v }\nalternate 1 steps { update D minimize D.v with d(sgd(0.1)) }\nreport a = D.v\n", {"a": 0.4}),
    ("layer T(x: real) -> real { param w: real = 1; if training { 2 * w * x } else { w * x } }\nnet D(x: real) -> real { x |> T }\nalternate 1 steps {\n"
     " let l = D(1.0)\n update D minimize l with sgd(0.1)\n report a = D(1.0)\n}\n", {"a": 0.8}),
    ("net X { param v: real = 1; v }\nnet Y { param v: real = 2; v }\nupdate X minimize after 5 { update Y maximize X() * Y() with sgd(0.1) } X() * Y() with sgd(0.1)\nreport a = X.v\nreport b = Y.v\n", {"a": 0.7, "b": 2.0}),
    ("net X { param v: real = 1; v }\nnet Y { param v: real = 2; v }\nreport a = (grad[X] after 3 { update X minimize 1.5 * X()^2 with sgd(0.1) } 1.5 * X()^2).v\n"
     "report b = (after 1 { update X minimize 1.5 * X()^2 with sgd(0.1) } grad[X] X()^2 * Y()).v\n", {"a": 3 * 0.7**6, "b": 2.8}),
    ("net X { param v: real = 1; v }\nnet Y { param v: real = 2; v }\nrepeat 2 { extragradient { update X minimize X() * Y() with sgd(0.3); update Y maximize X() * Y() with sgd(0.3) } }\n"
     "report a = X()^2 + Y()^2\n", {"a": 5 * (1 - 0.3**2 + 0.3**4)**2}),
    ("layer M(x: real) -> real { state m: real = 1; m := 0.5 * m; x * m }\nnet X { param v: real = 1; v |> M }\nnet Y { param v: real = 2; v }\n"
     "report a = after 3 { update X along grad[X] (X.v * Y()) with sgd(0.1); update Y minimize Y()^2 + X() * Y() with sgd(0.1) } X.M_1.m\n", {"a": 1.0}),
    ("report a = fold(0.0, 10, fn(s, i) s + i, until: fn(s) s > 5)\nreport b = sum(scan(0.0, 4, fn(s, i) s + i, until: fn(s) s > 2))\nreport c = fold((a: 1.0, b: 1.0), 4, fn(s, i) (a: s.b, b: s.a + s.b)).b\n", {"a": 6.0, "b": 4.0, "c": 8.0}),
    ("report a = sum(conv([[1.0], [2.0], [3.0]], [[[1.0]], [[10.0]]]) * [[1.0], [100.0]])\nreport b = sum(conv([[1.0], [2.0], [3.0]], [[[1.0]], [[10.0]]], padding: [[0, 1]], stride: 2))\n"
     "report c = sum(conv([[1.0, 2.0]], [[[3.0, 5.0]]], groups: 2))\nreport d = sum(conv([[1.0], [2.0]], [[[1.0]], [[10.0]]], input_dilation: 2, padding: 1) * [[1.0], [2.0], [3.0], [4.0]])\n", {"a": 3221.0, "b": 24.0, "c": 13.0, "d": 80.0}),
    ("# file d.csv: 0.5, 2; 1.5, 0; 3.5, 1\ndata d: (x: real, y: class[3]) = csv(\"d.csv\")\nreport a = E[r ~ d |> filter(fn(r) r.y != 1) : all] r.x * [10.0, 20.0, 30.0][r.y]\n"
     "report b = E[r ~ d |> drop(1) : 2] where(r.y == 1 and r.x > 3, 1.0, 0.0)\nreport c = E[r ~ d : all] real((r.y + 1) % 3 * 10 + div(r.y - 2, 2))\n", {"a": 15.0, "b": 0.5, "c": 10 - 2 / 3}),
    ("implicit G(z: real ~ Normal(2, 0), y: class[3] ~ Categorical(3)) -> real { param w: real[3] = [1.0, 2.0, 3.0]; w[y] * z }\nupdate G minimize E[x ~ G(y: 1) : 2] x with sgd(0.5)\nreport a = G.w[1]\nreport b = G(1.0, 2)\n", {"a": 1.0, "b": 3.0}),
    ("bijector twice(k) { param s: real = k; forward(z) = exp(s) * z + 1; inverse(x) = (x - 1) * exp(-s); log_det(z) = s }\nnet F = twice(0.5)\nprescribed P(x: real) -> real { param w: real = 3; Normal(w * x, 2) }\n"
     "report a = log_prob(Normal(0, 1) |> map(F), 1.0)\nreport b = (grad[F] log_prob(Normal(0, 1) |> map(F), 1.0)).s\nreport c = (grad[P] log_prob(P(1.0), 7.0)).w\nreport d = F.inverse(F(0.25))\n",
     {"a": -0.9189385332046727 - 0.5, "b": -1.0, "c": 1.0, "d": 0.25}),
    ("layer N(x: real) -> real { state n: real = 0; n := n + 1; x }\nnet D { param v: real = 1; v |> N }\nalternate 2 steps { update D minimize { let q = D(); D.v^2 } with sgd(0) }\nreport a = D.N_1.n\n", {"a": 2.0}),
    ("net X { param v: real = 1; v }\nnet Y { param v: real = 2; v }\nlet l = X()^2\nreport a = after 2 { update X minimize l with sgd(0.1) } X()\n", "E308"),
    ("net D { param v: real = 1; v }\nlet a = D.v\nalternate 2 steps { update D minimize [D.v, a][argmax([2.0, 1.0])] with sgd(0.1) }\n", "E308"),
    ("net D { param v: real = 1; v }\nlet a = D.v\nalternate 2 steps { update D minimize [D.v, a][0] + where(2 > 3, a, D.v) with sgd(0.1) }\nreport b = D.v\n", {"b": 0.6}),
]


def by_hand(text, right):
    try:
        seen = {k: v[-1] for k, v in game.play(text, {}).items()}
    except Wrong as w:
        seen = w.code
    same = seen == right if isinstance(right, str) or isinstance(seen, str) else all(abs(seen[k] - v) < 1e-9 for k, v in right.items())
    if not same:
        print(f"FAILED: {right} is right, and the oracle says {seen}\n{text}")
    return same


class Compared(game.Game):
    """A game that takes every player's slope twice."""
    worst, count = 0.0, 0

    def gradient_record(self, value, w):
        g = super().gradient_record(value, w)
        for y, _ in zip(value.data, range(1)):
            for x, d in zip(game.leaves(w), game.leaves(g)):
                # of a step for what is curved and a smaller one for what is steep; of large values all are rounded
                n = min((scalar.numeric(y, x, self.ends, h) for h in (1e-3, 1e-4)), key=lambda n: abs(n - d.val))
                Compared.worst = max(Compared.worst, abs(n - d.val) / max(1.0, abs(n), 1e-6 * abs(y.val)))
                Compared.count += 1
        return g


def numerically(seeds):
    """Random games with differences beside derivatives."""
    plain, game.Game = game.Game, Compared
    for seed in seeds:
        try:
            game.play(generate.program(seed), None)
        except (Wrong, Strange):
            pass
    game.Game = plain
    if Compared.worst > 1e-6 or Compared.count < 100:
        print(f"FAILED: {Compared.count} slopes, the worst off by {Compared.worst:g}")
        return False
    return True


def reducing(seed):
    """A cube in a loss is all that is wrong with it: what is left says no more than that. And not every failure is the same one."""
    text = generate.program(seed) + "update V1 minimize 0.5 * tanh(V1() * 0.3) + 0.2 * V1.v^3 - bump(0.4) with clipped(0.5, adam(0.05, beta1: 0.9, beta2: 0.99, eps: 0.001))\n"
    why = "value: r1 is 1.25, and 1.0 is right"

    def ask(t):
        return "value: r3 is 2.5, and 2.0 is right" if re.search(r"^ *update V1 .*V1\.v\^3", t, re.M) and "net V1" in t else "value: r1 is 1.0000001, and 1.0 is right"

    small = reduce.reduced(text, why, ask)
    refused = "refused: status 1: error: one_hot takes an integer, and this is"
    other = [("crash: status -11", "refused: status 1"), (f"{refused} 0 [E201]", f"{refused} 0 [E304]"), (f"{refused} 0 [E201]", f"{refused} 0.5 [E201]"),
             ("crash: internal error at ../a.c:21: lost", "crash: internal error at ../b.c:7: lost"), (why, "value: r1 is 1.0000001, and 1.0 is right")]
    right = len(small.splitlines()) <= 2 and "V1.v^3" in small and "adam" not in small and ask(small) != why and not any(reduce.same_failure(a, b) for a, b in other)
    if not right:
        print(f"FAILED to reduce:\n{small}")
    return right


def main():
    results = [by_hand(text, right) for text, right in BY_HAND] + [numerically(range(1, 40)), reducing(5), reducing(8)]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


sys.exit(main())
