#!/usr/bin/env python3
"""`gan run --watch-game`: what it says of games whose fate is known in closed form, what it does not say of others, and that the run is the run without it."""
import os
import re

from harness import folder, gan, run_tests, same_run

PLAYERS = "import optim\nnet A {{ param x: real = 0.5; x }}\nnet B {{ param y: real = -0.25; y }}\n"
GAME = PLAYERS + "alternate 4000 steps {{\n  update B minimize {0} - (A() * B()) with sgd(0.02)\n  update A minimize A() * B() with sgd(0.02)\n}}\n"
RING = """import nn, optim, compare, toy
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[2] ~ Normal(0, 1)) -> real[2] {{ param b: real[2] = 0.1; b + {0} * (z |> Dense(2)) }}
net D(x: real[2]) -> real {{ x |> Dense(16) |> relu |> Dense(1) |> scalar }}
compare gan = class_probability(ring, G, D)
alternate 300 steps, batch 64 {{
  update D minimize gan.critic with adam(1e-3)
  update G minimize nonsaturating(gan) with adam(1e-3)
  every 100 {{ report size = norm2(G) }}
}}
"""


def said(d, text, *flags):
    with open(os.path.join(d, "p.gan"), "w") as f:
        f.write(text)
    r = gan("run", "p.gan", "--watch-game", "--quiet", *flags, cwd=d)
    assert r.status == 0, r
    return r.err.splitlines()


def test_a_bilinear_game_cycles():
    """Alternating steps of rate h on x y turn by about h radians a step: 2 pi / 0.02 = 314 rounds; a penalty on B draws both to 0."""
    with folder() as d:
        lines = said(d, GAME.format("0.0"))
        turns = re.search(r"looks like cycling: its parameters come back about every (\d+) rounds", "\n".join(lines))
        assert turns and 290 <= int(turns[1]) <= 340, lines
        assert all("cycling" in line for line in lines) and len(lines) <= 2, lines
        assert said(d, GAME.format("0.5 * B()^2")) == []


def test_a_game_whose_slope_is_gone_is_stalled():
    """The slope of sigmoid(-x) at 200 is exp(-200), which no f32 beside 200 can take."""
    with folder() as d:
        lines = said(d, "import optim\nnet A { param x: real = 200; x }\nalternate 200 steps { update A minimize sigmoid(-A()) with sgd(0.1) }\n")
        assert len(lines) == 1 and "A looks stalled" in lines[0] and "moved by 0," in lines[0] and "the gradient of sigmoid(-A()) by it is of a length of 0, and" in lines[0] and lines[0].endswith("the same in 16 directions"), lines
        assert said(d, "import optim\nnet A { param x: real = 2; x }\nalternate 200 steps { update A minimize sigmoid(-A()) with sgd(0.1) }\n") == []


def test_what_stands_has_converged_or_is_stuck():
    """At the minimum, where steps of rate 0.3 come to within 0.4^n; and where a rate of 1e-12 moves no f32: the gradient of (x - 3)^2 at 1 is 4. A rate that
    is gone before the minimum is reached leaves a slope, too."""
    with folder() as d:
        for rate, start, looks, slope in (("0.3", "0", "converged", "0, and .* larger in 16 of 16 directions and nowhere smaller"), ("1e-12", "1", "stalled", "4"), ("0.3 * 0.5^step", "0", "stalled", "[1-9][.0-9]*")):
            lines = said(d, f"import optim\nnet A {{ param x: real = {start}; x }}\nalternate 600 steps {{ update A minimize (A() - 3)^2 with sgd({rate}) }}\n")
            assert len(lines) == 1 and re.search(rf"A looks {looks}: .*; the gradient of \(A\(\) - 3\)\^2 by it is of a length of {slope}$", lines[0]), lines


def test_a_plateau_is_no_minimum():
    """max(1 - x, 0) has no slope beyond 1, and none at 1.1 or 0.9 of where steps of 0.3 from -2 end, 1.3; x^3 - 3x ends at its minimum 1; a saddle falls on two sides."""
    with folder() as d:
        game = "import optim\nnet A {{ param x: real[2] = {0}; x }}\nalternate 600 steps {{ update A minimize {1} with sgd({2}) }}\n"
        lines = said(d, game.format("[-2, -2]", "sum(max(1 - A(), 0))", "0.3"))
        assert len(lines) == 1 and re.search("A looks as if it had come to a plateau: .* the same in 16 directions$", lines[0]), lines
        lines = said(d, game.format("[2, 1.5]", "sum(A()^3 - 3 * A())", "0.05"))
        assert len(lines) == 1 and re.search("A looks converged: .* larger in 16 of 16 directions", lines[0]), lines
        lines = said(d, game.format("[2, 0]", "(A()[0] - 1)^2 - 9 * A()[1]^2", "0.3"))
        assert len(lines) == 1 and re.search("A looks stalled: .* smaller by up to .* in 16 of 16 directions$", lines[0]), lines


def test_draws_that_fly_apart():
    """A generator with the wrong sign: b is pushed away from the data, by a critic that is surer each round; the right one comes to them from afar."""
    with folder() as d:
        game = """import optim, compare
implicit points -> real {{ x ~ Normal(0, 1); x }}
implicit G(z: real ~ Normal(0, 1)) -> real {{ param b: real = {1}; b + z }}
net D(x: real) -> real {{ param w: real = 0.0; w * x }}
compare gan = class_probability(points, G, D)
alternate 400 steps, batch 64 {{
  update D minimize gan.critic + 0.1 * D(1.0)^2 with sgd(0.1)
  update G minimize {0} * nonsaturating(gan) with sgd(0.5)
}}
"""
        lines = said(d, game.format("-1", "1.0"))
        far = re.search(r"gan looks like flying apart: nine in ten draws of its q are within ([0-9.e+]+) of draws of its p, and were within ([0-9.]+); those of its p are within ([0-9.]+)", "\n".join(lines))
        assert len(lines) == 1 and far and float(far[1]) > 8 * float(far[3]), lines
        assert 1.8 < float(far[3]) < 3, far     # the difference of two standard normals is beyond 1.645 sqrt 2 = 2.33 once in ten times
        assert said(d, game.format("1", "30.0")) == []


def test_who_waits_is_not_stalled():
    """Two blocks: B has its turn after A, and A none then, nor a second one."""
    with folder() as d:
        block = "alternate 400 steps {{ update {0} minimize ({0}() - 3)^2 with sgd(1e-4) }}\n"
        assert said(d, "import optim\nnet A { param x: real = 1; x }\nnet B { param x: real = 1; x }\n" + block.format("A") + block.format("B")) == []
        assert said(d, "import optim\nnet A { param x: real = 1; x }\nnet M = copy(A)\n" + block.format("A") + block.format("A").replace("}", "\n  average A into M decay 0.9\n}")) == []


def test_draws_that_lie_together_are_collapsed():
    with folder() as d:
        lines = said(d, RING.format("0.001"))
        assert len(lines) == 1 and "gan looks collapsed: 256 draws of its q are 0.00" in lines[0], lines
        assert said(d, RING.format("1.0")) == []


MODES = """import nn, optim, compare, toy
let centers = [[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]]
implicit points -> real[2] {{ toy.around(centers[0..{0}], 0.02) }}
implicit G(z: real[2] ~ Normal(0, 1)) -> real[2] {{ param b: real[2] = 0; k ~ Categorical({1}); centers[k] + {2} * z + b }}
net D(x: real[2]) -> real {{ param w: real[2] = 0; dot(w, x) }}
compare gan = class_probability(points, G, D)
alternate 200 steps, batch 32 {{
  update D minimize gan.critic with sgd(1e-3)
  update G minimize nonsaturating(gan) with sgd(1e-3)
}}
"""


def test_modes_that_are_not_drawn_are_missing():
    """A model that has three, or one, of four modes; one that has all of them, wider than they are; and data of one wide mode."""
    with folder() as d:
        lines = said(d, MODES.format("4", "3", "0.05"))
        missing = re.search(r"gan looks like missing modes: near (\d+) of 256 draws", lines[0]) if lines else None
        assert len(lines) == 1 and 35 < int(missing[1]) < 95, lines      # 64, of a standard deviation of 7
        assert said(d, MODES.format("4", "4", "0.1")) == []
        assert said(d, MODES.format("1", "1", "0.3")) == []


def test_the_run_is_the_run_without_it():
    with folder() as d:
        said(d, RING.format("0.001"), "--out", "watched")
        assert gan("run", "p.gan", "--quiet", "--out", "alone", cwd=d).status == 0
        same_run(f"{d}/watched", f"{d}/alone")
        for flags in (("--seeds", 2), ("--serve",)):
            r = gan("run", "p.gan", "--watch-game", *flags, cwd=d)
            assert r.status == 2 and "--watch-game looks at a single game" in r.err, r


if __name__ == "__main__":
    run_tests(globals())
