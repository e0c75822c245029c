#!/usr/bin/env python3
"""Planted numbers that are not finite: each program has one, at the line that says `# here`, and `gan run` must name that line, the operation with its
numbers, the sample and the turn; interpreted and compiled, with the same words. What is expected was worked out by hand from each program.

usage: origins.py GAN [NAME ...]"""
import concurrent.futures
import json
import os
import re
import struct
import sys

from harness import content, folder, gan, run_tests

NET = "net C() -> real { param w: real = 1.0; w }\n"
POINTS = "1\n2\n0\n4\n"


def update(loss, head=NET, rule="sgd(0.1)", steps=3):
    return f"import nn, optim, compare\n{head}alternate {steps} steps {{\n  update C minimize {loss} with {rule}  # here\n}}\n"


def case(program, *words, files=None, hint=None):
    """`words` stand in the note at the line that says "here"; without one it is at no place."""
    return program, words, files or {}, hint


CASES = {
    # ---- functions where they have no value
    "log_of_0": case(update("log(C() - 1)"), "log(0) is -inf", hint="log(max(x, 1e-12))"),
    "log_below_0": case(update("log(C() - 3)"), "log(-2) is nan"),
    "log1p_of_less_than_minus_1": case(update("log1p(C() - 4)"), "log1p(-3) is nan"),
    "root_below_0": case(update("sqrt(C() - 3)"), "sqrt(-2) is nan"),
    "slope_of_a_root_at_0": case(update("sqrt(C() - 1)"), "0.5 / 0 is inf", "in the derivative of this line", hint="norm(v)"),
    "power_below_0": case(update("(C() - 3)^1.3"), "(-2) ^ 1.3 is nan"),
    "power_of_0": case(update("(C() - 1)^(-1.3)"), "0 ^ (-1.3) is inf"),
    "nothing_by_nothing": case(update("(C() - 1) / (2 * C() - 2)"), "0 / 0 is nan"),
    "pole_of_digamma": case(update("digamma(C() - 1)"), "0 != 0 does not hold"),
    "one_by_0_in_a_sample": case("""import optim
net C() -> real { param w: real = 1.0; w }
data d: real[1] = csv("d.csv")
alternate 3 steps {
  update C minimize E[x ~ d : all] C() / x[0] with sgd(0.1)  # here
}
""", "1 / 0 is inf", "sample 2 of x", "0 is d.csv row 3, column 1", files={"d.csv": POINTS}),

    # ---- beyond the largest number
    "exp": case(update("exp(3 * C())", NET.replace("1.0", "40.0")), "exp(120) is inf", hint="88.73"),
    "exp_in_f64": case("precision f64\n" + update("exp(3 * C())", NET.replace("1.0", "240.0")), "exp(720) is inf"),
    "product": case(update("C() * C()", NET.replace("1.0", "1e20")), "1e+20 * 1e+20 is inf", "1e+20 is C.w"),
    "sum_of_two": case(update("C() + 2 * C()", NET.replace("1.0", "1.5e38")), "2 * 1.5e+38 + 1.5e+38 is inf"),
    "power": case(update("C()^9.5", NET.replace("1.0", "1e5")), "100000 ^ 9.5 is inf"),
    "sum_of_many": case(update("sum(C())", "net C() -> real[3] { param w: real[3] = [1e38, 2e38, 3e38]; w }\n"), "a sum of 3 numbers (the largest 3e+38) is inf", "C.w[2]"),
    "norm": case(update("norm(C())", "net C() -> real[2] { param w: real[2] = [3e38, 3e38]; w }\n"), "the root of a sum of 2 squares (the largest 3e+38 squared) is inf"),
    "matrix_product": case("""import optim
net C() -> real[3, 2] { param w: real[3, 2] = [[1, 1e20], [2, 2e20], [3, 3e20]]; w }
alternate 3 steps {
  let y = [1.0, 1e19, 3e18] @ C()  # here
  update C minimize 1 / (1 + norm2(y)) with sgd(0.1)
}
""", "a sum of 3 products (the largest 1e+19 * 2e+20) is inf", "element [1]"),
    "running_sum": case(update("cumsum(C())[3] + C()[0]", "net C() -> real[4] { param w: real[4] = [1e38, 2e38, 2e38, 1]; w }\n"), "a sum of 4 numbers (the largest 2e+38) is inf", "element [3]"),
    "convolution": case("""import optim
net C() -> real[2, 1, 1] { param w: real[2, 1, 1] = [[[1e20]], [[2e20]]]; w }
alternate 3 steps {
  let y = conv([[1.0], [1e17], [1e19]], C())  # here
  update C minimize sum(y) with sgd(0.1)
}
""", "a sum of 2 products (the largest 1e+19 * 2e+20) is inf", "element [1, 0]"),

    # ---- infinities that meet
    "0_times_inf": case(NET + """
import optim
alternate 3 steps {
  let a = C() - 1
  update C minimize a * log(abs(a)) with sgd(0.1)  # here
}
""", "log(0) is -inf"),
    "inf_less_inf": case("""import optim
net C() -> real { param w: real = 1.0; w }
data d: real[2] = csv("d.csv")
alternate 3 steps {
  update C minimize E[x ~ d : all] (C() * x[0] * x[0] - x[1] * x[1]) with sgd(0.1)  # here
}
""", "+20 is inf", "sample 1 of x", "d.csv row 2, column", files={"d.csv": "1,2\n1e20,2e20\n3,4\n"}),
    "written_infinities": case("""import optim
net C() -> real { param w: real = 1.0; w }
alternate 3 steps {
  let a = where(C() > 0, inf, C())
  update C minimize (a - where(C() > -1, inf, 0)) * C() with sgd(0.1)  # here
}
""", "inf - inf is nan"),
    "written_infinity": case("""import optim
net C() -> real { param w: real = 1.0; w }
alternate 3 steps {
  x ~ Normal(0, 1)^2 : 4
  update C minimize E[x] sum(where(abs(x) < 100, -inf, C())) with sgd(0.1)  # here
}
""", "-inf, which the program writes; `where` takes it", "sample 0 of x, element [0]"),
    "mask_that_is_right": case("""import optim
net C() -> real[3] { param w: real[3] = [1, 2, 3]; w }
state s: real = 0
alternate 3 steps {
  let masked = where([true, false, true], C(), -inf)
  s := sum(exp(masked))
  update C minimize log(sum(exp(masked))) + 1 / (C()[0] - 1) with sgd(0.1)  # here
}
""", "1 / 0 is inf"),
    "branch_not_taken": case("""import optim
net C() -> real { param w: real = 1.0; w }
alternate 3 steps {
  let safe = where(C() > 2, 1 / (C() - 1), 1)
  update C minimize safe * C() + sqrt(C() - 2) with sgd(0.1)  # here
}
""", "sqrt(-1) is nan"),

    # ---- from statement to statement, from round to round
    "a_let_above": case("""import optim
net C() -> real { param w: real = 1.0; w }
alternate 3 steps {
  let r = 1 / (C() - 1)  # here
  update C minimize r * C() with sgd(0.1)
}
""", "1 / 0 is inf"),
    "a_sample_above": case("""import optim
implicit G(z: real[2] ~ Normal(0, 1)) -> real[2] { param s: real = 1.0; z / (s - 1) }  # here
net D(x: real[2]) -> real { param w: real[2] = [1, 1]; sum(w * x) }
alternate 3 steps, batch 4 {
  y ~ G : batch
  update D minimize E[y] D(y) with sgd(0.1)
}
""", "/ 0 is", "of y, element [0]"),
    "in_a_later_round": case("""import optim
net C() -> real { param w: real = 3.0; w }
alternate 9 steps {
  let r = 1 / (C() - 1)  # here
  update C minimize C() + stop(r) with sgd(1.0)
}
""", "1 / 0 is inf"),
    "a_state": case("""import optim
net C() -> real { param w: real = 1.0; w }
state m: real = 1.0
alternate 400 steps {
  m := m * 1.5  # here
  update C minimize (C() - 1)^2 + 0 * m with sgd(0.1)
}
""", "* 1.5 is inf", "is m"),
    "small_by_a_state": case("""import optim
net C() -> real { param w: real = 1.0; w }
state p: real = 0.5
alternate 3 steps {
  p := sigmoid(-110 * C())
  update C minimize C() * log(p) with sgd(0.1)  # here
}
""", "log(0) is -inf", "0 is p", hint="log(sigmoid(x)) in one expression"),
    "the_other_player": case("""import optim
net D() -> real { param w: real = 1.0; w }
net G() -> real { param v: real = 2.0; v }
alternate 3 steps {
  simultaneous {
    update D minimize D() * G() with sgd(0.1)
    update G minimize log(G() - 2) * D() with sgd(0.1)  # here
  }
}
""", "log(0) is -inf"),
    "outside_of_blocks": case("""import optim
net C() -> real { param w: real = 1.0; w }
let half = C() / 2
update C minimize log(half - 0.5) with sgd(0.1)  # here
""", "log(0) is -inf"),

    # ---- loops
    "a_turn": case("""import optim
net C() -> real { param w: real = 1.0; w }
alternate 3 steps {
  update C minimize fold(3 * C(), 20, fn(h, i) h * h) with sgd(0.1)  # here
}
""", "3.43368e+30 * 3.43368e+30 is inf", "turn 7 of 20"),
    "the_derivative_of_a_turn": case("""import optim
net C() -> real { param w: real = 4.0; w }
alternate 3 steps {
  update C minimize fold(C(), 4, fn(h, i) sqrt(h - 4 + 9 * real(i))) with sgd(0.1)  # here
}
""", "0.00133425 / 0 is inf", "turn 1 of 4", "in the derivative of this line"),

    # ---- rules
    "a_rule": case("""import optim
optimizer unsure(lr)(w, g) {
  state v = zeros(w)
  v := v - g * g
  w := w - lr * g / sqrt(v)  # here
}
net C() -> real { param w: real = 3.0; w }
alternate 3 steps { update C minimize 0.5 * C()^2 with unsure(0.1) }
""", "sqrt(-9) is nan"),
    "a_rule_0_by_0": case("""import optim
optimizer uncorrected(lr, beta)(w, g) {
  state m = zeros(w)
  m := beta * m + (1 - beta) * g
  w := w - lr * m / (1 - beta^(steps - 1))  # here
}
net C() -> real { param w: real = 3.0; w }
alternate 3 steps { update C minimize 0.5 * C()^2 with uncorrected(0.1, 0.9) }
""", "/ 0 is"),
    "a_rule_of_the_library": case("""import optim
net C() -> real { param w: real = 1.0; w }
alternate 3 steps {
  update C minimize 500 * C()^2 with sgd(1e38)  # here
}
""", "-1e+38 * 1000 + 1 is -inf", "(<optim>:"),
    "a_slope": case(update("1 / C()", NET.replace("1.0", "1e-20")), "1e+20 * 1e+20 is inf", "in the derivative of this line"),

    # ---- whole matrices
    "not_positive_definite": case(update("sum(cholesky(C()))", "net C() -> real[2, 2] { param w: real[2, 2] = [[4, 2], [2, 0.5]]; w }\n"),
                                  "cholesky of a 2 x 2 matrix that is not positive definite (its pivot in row 1 is -0.5) is nan", hint="diagonal"),
    "trisolve_singular": case(update("sum(trisolve(C(), [[1.0], [1.0]], false))", "net C() -> real[2, 2] { param w: real[2, 2] = [[4, 0], [2, 0]]; w }\n"),
                              "trisolve of a 2 x 2 matrix that is singular (its diagonal is 0 in row 1)"),
    "solve_singular": case(update("sum(solve(C(), [[1.0], [1.0]]))", "net C() -> real[2, 2] { param w: real[2, 2] = [[1, 2], [2, 4]]; w }\n"),
                           "solve of a 2 x 2 matrix that is singular"),

    # ---- of the library
    "a_density": case("""import optim
net C() -> real { param w: real = 1.0; w }
data d: real[1] = csv("d.csv")
alternate 3 steps {
  update C minimize -E[x ~ d : all] log_prob(Normal(0, C() - 1), x[0]) with sgd(0.1)  # here
}
""", "does not hold", "(<prelude>:", files={"d.csv": POINTS}),

    # ---- indices
    "an_index": case("""import optim
net C() -> real { param w: real = 1.0; w }
state t: real[3] = [0, 0, 0]
state k: int = 0
alternate 9 steps {
  t[k] := 1.0  # here
  k := k + 2
  update C minimize C()^2 with sgd(0.1)
}
""", "4 < 3 does not hold", "4 is k"),
    "an_index_below_0": case("""import optim
net C() -> real { param w: real = 1.0; w }
state t: real[3, 2] = [[0, 0], [0, 0], [0, 0]]
state k: int = 1
alternate 9 steps {
  t[2, k] := 1.0  # here
  k := k - 1
  update C minimize C()^2 with sgd(0.1)
}
""", "-1 >= 0 does not hold", "-1 is k"),

    # ---- what was brought
    "data": case("""import optim
net C() -> real { param w: real = 1.0; w }
data d: real[2] = csv("d.csv")
alternate 3 steps {
  update C minimize E[x ~ d : all] (C() * x[0] - x[1])^2 with sgd(0.1)
}
""", "d.csv row 3, column 2 is nan", files={"d.csv": "a,b\n1,2\n3,4\n5,nan\n"}, hint="filter"),
    "data_of_rows": case("""import optim
net C() -> real { param w: real = 1.0; w }
data d: real[2] = csv("d.csv") |> drop(1)
alternate 3 steps {
  update C minimize E[x ~ d : all] (C() * x[0] - x[1])^2 with sgd(0.1)
}
""", "d.csv row 3, column 1 is inf", files={"d.csv": "1,2\n3,4\ninf,6\n"}),
    "a_constant_column": case("""import optim
net C() -> real { param w: real = 1.0; w }
data d: real[1] = csv("d.csv")
let mean = E[x ~ d : all] x[0]
let spread = E[x ~ d : all] abs(x[0] - mean)
alternate 3 steps {
  update C minimize E[x ~ d : all] (C() * (x[0] - mean) / spread)^2 with sgd(0.1)  # here
}
""", "0 / 0 is nan", "0 is spread", "sample 0 of x", files={"d.csv": "3\n3\n3\n"}),
    "a_first_value": case("""import optim
net C(z: real) -> real { param w: real[2] ~ Normal(0, 1)^2 |> map(fn(e) log(e * 0)); z * w[0] }  # here
alternate 3 steps {
  update C minimize C(1)^2 with sgd(0.1)
}
""", "in the first value of C.w"),
    "by_states_that_go_back_to_their_first_values": case("""import optim
net C { param w: real = 1; w }
state s: real = 1
state t: real = 3
alternate 9 steps {
  t := t / (s - 0.5)  # here
  s := s * 0.5
  update C minimize C()^2 with sgd(0.01)
}
""", "6 / 0 is inf, where 6 is t"),
}


def test_whose_it_is():
    """The birth has no words of where the trail ends; a state is nobody's, and a parameter its player's, whoever else is updated beside it."""
    with folder() as d:
        write(d, {"p.gan": CASES["by_states_that_go_back_to_their_first_values"][0]})
        said = gan("run", "p.gan", "--quiet", cwd=d).err
        assert "where 6 is t\n" in said and "error: t is not finite any more at step 1" in said, said


def said_of(result):
    """Line (0: at no place) and text of the first note, and all lines of the notes."""
    lines = [line for line in result.err.splitlines() if re.search(r"the first value that is not finite|: note: |: hint: ", line)]
    at = re.match(r"(?:p\.gan:(\d+):\d+: note|gan): (.*)", lines[0]) if lines else None
    return (int(at[1] or 0), at[2], lines) if at else (0, "", lines)


def write(d, files):
    for path, content in files.items():
        with open(os.path.join(d, path), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())


def run(name, backend):
    program, _, files, _ = CASES[name]
    with folder() as d:
        write(d, {"p.gan": program, **files})
        return gan("run", "p.gan", "--quiet", "--no-cache", "--threads", 1, "--backend", backend, cwd=d)


def wrong_with(name):
    program, words, _, hint = CASES[name]
    interp, jit = run(name, "interp"), run(name, "jit")
    line, text, said = said_of(interp)
    want = next((i for i, l in enumerate(program.splitlines(), 1) if "# here" in l), 0)
    if interp.status != 3 or line != want or not all(w in text for w in words):
        return f"{name}: line {want}, {words}: {interp}"
    if hint and not any(hint in s for s in said if ": hint: " in s):
        return f"{name}: hint {hint}: {interp}"
    return None if jit.status == 3 and said_of(jit) == (line, text, said) else f"{name}: {interp}\n{jit}"


def test_planted():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [w for w in pool.map(wrong_with, CASES) if w]
    assert not wrong, "\n".join(wrong)
    assert len(CASES) >= 30


SQUARE = update("C()^2")


def with_nan(path, name, to):
    """A file of tensors without metadata, with a nan in the first number of `name`."""
    data = content(path)
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__")
    at = 8 + n + header[name]["data_offsets"][0]
    text = json.dumps(header).encode()
    write(os.path.dirname(to), {os.path.basename(to): struct.pack("<Q", len(text)) + text + data[8 + n:at] + struct.pack("<f", float("nan")) + data[at + 4:]})


def test_a_checkpoint():
    """What came with a file of tensors is said to."""
    with folder() as d:
        write(d, {"p.gan": SQUARE})
        assert gan("run", "p.gan", "--quiet", "--out", "r", "--backend", "interp", cwd=d).status == 0
        with_nan(f"{d}/r/checkpoints/000000003.safetensors", "C.w", f"{d}/bad.safetensors")
        r = gan("run", "p.gan", "--quiet", "--out", "s", "--checkpoint", "bad.safetensors", "--backend", "interp", cwd=d)
        assert r.status == 3 and "C.w is nan in the checkpoint that the run began with" in r.err, r


def test_json():
    """One object a line, with the place."""
    with folder() as d:
        write(d, {"p.gan": CASES["log_of_0"][0]})
        r = gan("run", "p.gan", "--quiet", "--diagnostics", "json", "--backend", "interp", cwd=d)
        said = [json.loads(line) for line in r.err.splitlines() if line.startswith("{")]
        notes = [(s["line"], s["message"]) for s in said if s["severity"] == "note" and s["line"]]
        assert r.status == 3 and notes[0] == (4, "the first value that is not finite: log(0) is -inf") and notes[1] == (4, "0 is 1 - 1, where 1 is C.w"), r
        assert "   |" not in r.err, r


def test_other_commands():
    """`gan test` says the same, and so does each of several games, in its own lines."""
    with folder() as d:
        write(d, {"p.gan": CASES["log_of_0"][0]})
        alone = gan("run", "p.gan", "--quiet", "--backend", "interp", cwd=d)
        tested = gan("test", "p.gan", "--quiet", "--backend", "interp", cwd=d)
        assert tested.status == 3 and said_of(tested) == said_of(alone), (alone, tested)
        several = gan("run", "p.gan", "--quiet", "--seeds", 3, "--backend", "interp", cwd=d)
        assert several.status == 3 and several.err.count("log(0) is -inf") == 3, several


def test_a_long_run():
    """The state is put back to the call by itself, however many rounds there were; that takes about as long as a quarter of a second of the run."""
    with folder() as d:
        write(d, {"p.gan": """import optim
net C() -> real { param w: real = 0.0; w }
alternate 30000 steps {
  let k = C() - 20000
  let r = 1 / k
  update C minimize stop(r) * 0 - C() with sgd(1.0)
}
"""})
        r = gan("run", "p.gan", "--quiet", "--backend", "interp", cwd=d)
        assert r.status == 3 and "at step 20000" in r.err and said_of(r)[0] == 5 and "1 / 0 is inf, where 0 is k" in said_of(r)[1], r


if sys.argv[2:]:
    for one in sys.argv[2:]:
        print(one, run(one, "interp").err)
else:
    run_tests(globals())
