#!/usr/bin/env python3
"""What is required of numbers that only a run knows: it ends with status 3, and says what, where and by which number, in both engines and in a native
program; what holds, or stands in an arm that is not taken, ends nothing.

usage: required.py GAN"""
import os
import subprocess

from harness import folder, gan, run_tests

# The program, in which s is 2, 1, 0, -1 ..; what is said; at which step of the count it ends.
FAILS = [
    ("Normal(0, s)", "report a = E[x ~ Normal(0, s) : 8] x", "a standard deviation below 0: -1 (line 5)", -1),
    ("its density", "report a = log_prob(Normal(0, s), 1)", "a standard deviation that is not above 0 has no density: 0 (line 5)", 0),
    ("Uniform(1, s)", "report a = log_prob(Uniform(0, s), 0)", "an interval that does not end above its beginning: 0 (line 5)", 0),
    ("Uniform(1, s), beside it", "report a = log_prob(Uniform(1, s + 0.5), 3)", "an interval that does not end above its beginning: 1 (line 5)", 0),
    ("another interval", "report a = Uniform(0, 1).kl(Uniform(0, s))", "an interval that does not end above its beginning: 0 (line 5)", 0),
    ("an infinite deviation", "report a = log_prob(Normal(0, 1 / s), 1)", "an infinite standard deviation: inf (line 5)", 0),
    ("an infinite deviation of draws", "report a = E[x ~ Normal(0, 1 / s) : 8] x", "an infinite standard deviation: inf (line 5)", 0),
    ("an infinite interval", "report a = Uniform(0, 1 / s).mean", "an interval of infinite width: inf (line 5)", 0),
    ("an infinite rate", "report a = Exponential(1 / s).mean", "an infinite rate: inf (line 5)", 0),
    ("an infinite scale", "report a = log_prob(Gumbel(0, 1 / s), 1)", "scale < inf is required: inf (line 5)", 0),
    ("infinite degrees", "report a = StudentT(1 / s).entropy", "df < inf is required: inf (line 5)", 0),
    ("a softmax of nothing", "report a = softmax([log(s), -inf])[0]", "a softmax of numbers whose largest is not finite: -inf (line 5)", 0),
    ("a class of infinite logits", "report a = log_prob(Categorical(logits: [1 / s, 1]), 0)", "logits whose largest is not finite: inf (line 5)", 0),
    ("a logarithm below 0", "report a = xlogx(s)", "a number below 0 has no logarithm: -1 (line 5)", -1),
    ("an infinite end", "report a = linspace(0, 1 / s, 3)[1]", "numbers of which the first or the last is infinite: inf (line 5)", 0),
    ("another rate", "report a = Exponential(1).kl(Exponential(s))", "a rate that is not above 0: 0 (line 5)", 0),
    ("weights too large", "report a = choice([3e38 * (3 - s), 1]).probs[1]", "weights that have no finite sum: inf (line 5)", 1),
    ("no part", "report a = Mixture([1, 1], [Uniform(0, 1), Uniform(0, 2)]).posterior(2 - s)[0]", "x is a draw of none of the parts: no density is above 0 there: -inf (line 5)", -1),
    ("a share of Beta", "report a = beta_i(s, 1, 0.5)", "a > 0 is required: 0 (line 5)", 0),
    ("its entropy", "report a = Normal(0, s).entropy", "a standard deviation that is not above 0 has no density: 0 (line 5)", 0),
    ("a quantile", "report a = Normal(0, 1).quantile(0.5 * s)", "a share outside of 0..1: -0.5 (line 5)", -1),
    ("classes of no logits", "report a = E[k ~ Categorical(logits: [log(s), 1]) : 9] k", "a softmax of numbers whose largest is not finite: nan (line 5)", -1),
    ("a coin of no logit", "report a = E[k ~ Bernoulli(logits: log(s)) : 9] k", "a logit that is no number: nan (line 5)", -1),
    ("a mean", "report a = Exponential(s).mean", "a rate that is not above 0: 0 (line 5)", 0),
    ("a normal mean", "report a = Normal(0, s).mean", "a standard deviation below 0: -1 (line 5)", -1),
    ("an indefinite mean", "report a = MultivariateNormal([0, 0], [[1, 2 - s], [2 - s, 1]]).mean[0]", "cholesky: the matrix is not positive definite, or not finite (line 5)", 1),
    ("a pole", "report a = digamma(s)", "digamma has no value at 0, -1, -2 .. (line 5)", 0),
    ("an angle", "report a = acos(s - 1)", "a sine or cosine outside of -1..1: -2 (line 5)", -1),
    ("what a let has computed", "let t = 2 * s; report a = require(t >= 0, t, \"no length\")", "no length: -2 (line 5)", -1),
    ("choice", "report a = E[k ~ choice([s, 2, 3]) : 9] where(k == 1, 1, 0)", "a weight below 0: -1 (line 5)", -1),
    ("choice of nothing", "report a = log_prob(choice([s, s]), 1)", "weights of which none is above 0: 0 (line 5)", 0),
    ("Bernoulli", "report a = log_prob(Bernoulli(0), 1 - s)", "neither 0 nor 1, nor a share between: -1 (line 5)", 2),
    ("probs", "report a = E[x ~ Bernoulli(probs: 0.5 * s) : 9] x", "a probability outside of 0..1: -0.5 (line 5)", -1),
    ("probs of classes", "report a = log_prob(Categorical(probs: [0.25 * s, 0.5]), 0)", "probabilities whose sum is not 1; choice(weights) takes weights of any sum: 0.25 (line 5)", 1),
    ("var", "report a = var([1.0, 2, 4], ddof: 2 - s)", "a variance of no more numbers than ddof, which is 0 or above: 3 (line 5)", -1),
    ("quantile", "report a = quantile([1.0, 2, 4], 0.5 * s)", "a share outside of 0..1: -0.5 (line 5)", -1),
    ("a smoothing", "report a = cross_entropy([1.0, 2], 1, smoothing: 0.5 * s)", "a share outside of 0..1: -0.5 (line 5)", -1),
    ("logits", "report a = cross_entropy([1 / s, 2], 1)", "abs(max(logits)) < inf is required: inf (line 5)", 0),
    ("samples that are none", "report a = mode_coverage(Normal(0, 1)^2 |> map(fn(x) sqrt(s) * x), [[0.0, 0]], within: 1, n: 9)", "a distance that is not finite: a sample or a center is not: nan (line 5)", -1),
    ("samples at infinity", "report a = high_quality(Normal(0, 1)^2 |> map(fn(x) x / s), [[0.0, 0]], within: 1, n: 9)", "a distance that is not finite: a sample or a center is not: inf (line 5)", 0),
    ("a row that is none", "report a = precision_recall([[sqrt(s)], [1]], [[2.0], [3]], k: 1).recall", "a number that is not finite: nan (line 5)", -1),
    ("weights of no sum", "report a = weighted_wasserstein_1d([0.0, 1], [1 / s, 1], [2.0, 3], [1.0, 1])", "weights that have no finite sum: inf (line 5)", 0),
    ("a singular value", "report a = svd([[1 / s, 1], [1, 2]]).s[0]", "a number that is not finite: inf (line 5)", 0),
    ("transport", "report a = transport([[0.0]], [[1.0]], 1 / s)", "eps < inf is required: inf (line 5)", 0),
    ("rmsprop", "update W minimize 1e10 * (2 - s)^60 * W() with rmsprop(1e-3)", "W.v of W is not finite any more", 0),
    ("a relaxed class that cannot be", "report a = log_prob(RelaxedCategorical(0.5, [-1 / s, 1]), [0.5, 0.5])", "no density where a logit is not finite: inf (line 5)", 0),
    ("a norm of too much", "report a = PixelNorm()([exp(200 * (1 - s)), 1.0])[0]", "numbers whose squares are beyond numbers: inf (line 5)", 0),
    ("a norm of too much about the mean", "report a = standardized([exp(50 * (1 - s)), 1.0, 2])[0]", "numbers whose squares are beyond numbers: inf (line 5)", 0),
    ("octiles", "report a = octile_summaries([0, s])[1]", "octiles of which half are one number say no shape: 0 (line 5)", 0),
    ("clip", "report a = clip(0, s)(0.5)", "a least that is above the most: 0 (line 5)", -1),
    ("momentum", "update W minimize W()^2 with momentum(1e-3, mu: s - 2)", "a momentum of 1 or more, which forgets nothing: 1 (line 5)", 1),
    ("a rate", "update W minimize W()^2 with sgd(1e-3 * s)", "a rate below 0: -0.001 (line 5)", -1),
    ("an infinite step", "update W minimize W()^2 with adam(1 / s)", "an infinite rate: inf (line 5)", 0),
    ("a decay", "update W minimize W()^2 with adamw(1e-3, decay: s)", "a decay below 0: -1 (line 5)", -1),
    ("an eps of nothing", "update W minimize W()^2 with adadelta(eps: s)", "an eps that is not above 0, by which nothing moves: 0 (line 5)", 0),
    ("cholesky", "report a = sum(cholesky([[s, 0.0], [0, s]]))", "cholesky: the matrix is not positive definite, or not finite (line 5)", 0),
    ("inverse", "report a = sum(inverse([[s, 0.0], [0, s]]))", "solve: the matrix is singular, or a number is not finite (line 5)", 0),
    ("trisolve", "report a = sum(trisolve([[s, 0.0], [0, s]], [1.0, 2]))", "trisolve: the matrix is singular, or a number is not finite (line 5)", 0),
    ("in a loop", "report a = fold(0.0, 3, fn(t, k) t + quantile([1.0, 2], where(k == 1, 0.5 * s, 0)))", "a share outside of 0..1 (line 5)", -1),
    ("in a row", "report a = sum(map(fn(w) quantile([1.0, 2], w), [0.1, 0.5 * s]))", "a share outside of 0..1: -0.5 (line 5)", -1),
    ("cut to a whole", "report a = require(int(exp(s - 2)) > 0, 1.0, \"no count\")", "no count: 0 (line 5)", 1),
    ("a whole share", "report a = require(div(max(int(s), 1), 2) > 0, 1.0, \"no pair\")", "no pair: 0 (line 5)", 1),
    ("a divisor", "report a = 6 % int(s)", "an integer divided by 0: 0 (line 5)", 0),
    ("a divisor in a row", "report a = sum(map(fn(k) div(6, k + int(s)), [1, 2]))", "an integer divided by 0", -1),
    ("a divisor of a loop", "report a = fold(7, 3, fn(t, k) t % (k + int(s)))", "an integer divided by 0 (line 5)", 0),
    ("a whole part of none", "report a = int(sqrt(s))", "the whole part of a number that is not finite, or does not fit in 64 bits: nan (line 5)", -1),
    ("a whole part of too much", "report a = min(int(exp(100 * s)), 3)", "the whole part of a number that is not finite, or does not fit in 64 bits: inf (line 5)", 2),
    ("a product", "let n = int(2e9 * s)\n  report a = where((3 - n) * (7 * n) > 0, 1, 0)", "a product of integers that does not fit in 64 bits: real(x) makes one a real: 1.12e+20 (line 6)", 2),
    ("a power", "report a = where((int(s) + 5)^23 > 0, 1, 0)", "a product of integers that does not fit in 64 bits: real(x) makes one a real: ", 2),
    ("a factorial", "report a = where(fold(1, 19, fn(t, k) t * (k + 2 + int(s))) > 0, 1, 0)", "a product of integers that does not fit in 64 bits", 2),
    ("a sample", "report a = E[u ~ Uniform(0, 1) : 100] E[x ~ Normal(0, u * s) : 2] x", "a standard deviation below 0: -", -1),
    ("one's own", 'report a = 1 / require(s > 0, s, "an s that is not above 0")', "an s that is not above 0: 0 (line 5)", 0),
    ("a statement", "def half(x) = { require x > 0 and x < 9; x / 2 }\n  report a = half(s)", "x > 0 is required: 0 (line 5)", 0),
    ("a condition", 'stop when require(s > 0, s, "an s that is not above 0") < -5', "an s that is not above 0: 0 (line 5)", 0),
    ("a comparison's", "let e = 0.5 * s\n  compare c = sinkhorn(Normal(0, 1), Normal(1, 1), eps: e)\n  report a = c.estimate(n: 4)", "eps > 0 is required: 0 (line 7)", 0),
    ("a comparison's, computed there", "compare c = sinkhorn(Normal(0, 1), Normal(1, 1), eps: 0.5 * s)\n  report a = c.estimate(n: 4)", "eps > 0 is required: 0 (line 6)", 0),
    ("another by with", "compare c = sinkhorn(Normal(0, 1), Normal(1, 1), eps: s)\n  compare d = c with generator += 1\n  report a = d.estimate(n: 4)", "eps > 0 is required: 0 (line 7)", 0),
    ("a report's double", "report a = 9007199254740992 - int(s)", "a whole number beyond 2^53, which a report would round: 9.007199e+15 (line 5)", -1),
    ("a let", 'let v = log_prob(Exponential(s), 1)\n  report a = v', "a rate that is not above 0: 0 (line 5)", 0),
]

HOLDS = [
    "report a = where(s > 0, log_prob(Normal(0, s), 1), 0)",
    "report a = where(s >= 0, quantile([1.0, 2, 4], 0.5 * s), -1)",
    "report a = sum(map(fn(w) where(w >= 0, quantile([1.0, 2], w), 0), [0.1, 0.5 * s]))",
    "report a = fold(0.0, 3, fn(t, k) t + where(s >= 0, quantile([1.0, 2], 0.5 * s), 0))",
    "report a = log_prob(Normal(0, exp(s)), 1) + log_prob(Exponential(softplus(s)), 1) + log_prob(Bernoulli(s), sigmoid(s))",
    "let e = exp(s)\n  compare c = sinkhorn(Normal(0, 1), Normal(1, 1), eps: e)\n  report a = c.estimate(n: 4)",
    "compare unused = sinkhorn(Normal(0, 1), Normal(1, 1), eps: s)",
    "report a = where(s > 0, div(6, int(s)), 0) + 6 % max(int(s), 1) + where(s > 0, int(log(s)), 0)",
    "report a = E[u ~ Uniform(0, 1), k ~ Categorical(3) : 9] (int(5 * u) % (k + 1))",
    "let n = int(2e9 * s)\n  report a = where(n < 3, n * 2, (n + 7) * 2) + (int(s) + 2)^20",
    "if s > 0 { report a = log_prob(Normal(0, s), 1) }",
]


def program(line):
    return f"import distributions, metrics, moments, nn, optim, simulators\nnet W {{ param v: real = 1; v }}\nstate s: real = 3\nalternate 4 steps {{ s := s - 1\n  {line}\n}}\n"


def runs(line):
    """What each engine answers."""
    with folder() as d:
        path = os.path.join(d, "it.gan")
        with open(path, "w") as f:
            f.write(program(line))
        return [gan("run", path, "--out", os.path.join(d, engine), "--quiet", "--backend", engine) for engine in ("jit", "interp")]


def check_failure(line, said, s):
    with folder() as d:
        path = os.path.join(d, "it.gan")
        with open(path, "w") as f:
            f.write(program(line))
        for engine in ("jit", "interp"):
            r = gan("run", path, "--out", os.path.join(d, engine), "--quiet", "--backend", engine)
            assert r.status == 3 and said in r.err and f"at step {2 - s}" in r.err and "nan" not in r.out, (line, engine, r)
            assert "does not hold" in r.err or "first value that is not finite" in r.err, (line, engine, r)


def test_of_which_file_a_line_is():
    """Of the program's own file its number, of another file its name too, of what is typed at the prompt none."""
    with folder() as d:
        for name, text in (("parts", 'import distributions\ndef dens(s) = log_prob(Normal(0, require(s > 0.5, s, "too small")), 1)\n'),
                           ("it", "import parts, distributions\nstate s: real = 2\nalternate 4 steps { s := s - 1\n  report a = parts.dens(s) }\n")):
            with open(os.path.join(d, f"{name}.gan"), "w", encoding="utf-8") as f:
                f.write(text)
        r = gan("run", "it.gan", "--quiet", cwd=d)
        assert r.status == 3 and "it.gan:4:3: error: too small: 0 (parts.gan:2) at step 1" in r.err, r
        r = gan("repl", "it.gan", cwd=d, stdin=b"log_prob(Normal(0, s - 7), 1)\n")
        assert "has no density: -5\n" in r.out + r.err and "(line" not in r.out + r.err, r


def test_what_does_not_hold_ends_the_run():
    for _, line, said, s in FAILS:
        check_failure(line, said, s)


def test_a_native_program_says_the_same():
    for _, line, said, _ in FAILS[:1] + FAILS[14:16]:
        with folder() as d:
            path, binary = os.path.join(d, "it.gan"), os.path.join(d, "it")
            with open(path, "w") as f:
                f.write(program(line))
            assert gan("build", path, "-o", binary).status == 0
            r = subprocess.run([binary, "train", "--out", os.path.join(d, "out"), "--quiet"], capture_output=True, text=True, timeout=60, check=False)
            assert r.returncode == 3 and said in r.stderr, (line, r)


def test_a_number_of_times_is_not_negative():
    for r in runs("repeat int(s) { update W minimize W()^2 with sgd(0.1) }"):
        assert r.status == 3 and "it.gan:5:3: error: the number of times cannot be negative, and this is -1 at step 3" in r.err, r


def test_what_holds_ends_nothing():
    for line in HOLDS:
        with folder() as d:
            path = os.path.join(d, "it.gan")
            with open(path, "w") as f:
                f.write(program(line))
            r = gan("run", path, "--out", os.path.join(d, "out"), "--quiet")
            assert r.status == 0 and "nan" not in r.out, (line, r)


def test_a_report_that_is_nan_is_said_once():
    for r in runs("report a = log(s)\n  report b = -log(max(s, 0))"):
        assert r.status == 0 and r.err.count("warning") == 1 and "it.gan:5:3: warning: the report a is nan at step 4" in r.err, r


def test_an_expression_and_a_sample_say_it():
    with folder() as d:
        path = os.path.join(d, "it.gan")
        with open(path, "w") as f:
            f.write("state s: real = -1\nimplicit G -> real { x ~ Normal(0, s); x }\ns := s - 1\n")
        r = gan("run", path, "--out", os.path.join(d, "out"), "--quiet")
        assert r.status == 0, r
        r = gan("sample", path, "G", "-n", "5", "--out", os.path.join(d, "out"), "-o", os.path.join(d, "x.csv"))
        assert r.status == 3 and "a standard deviation below 0: -2" in r.err, r


def test_the_prompt_says_it():
    with folder() as d:
        path = os.path.join(d, "it.gan")
        with open(path, "w") as f:
            f.write(program("report a = s"))
        lines = [":step 3", "log_prob(Exponential(s), 1)", "6 % int(s)", "let q = log_prob(Exponential(s), 2)", "s + 42"]
        r = gan("repl", path, stdin="\n".join(lines).encode(), cwd=d)
        assert r.out.count("a rate that is not above 0: 0") + r.err.count("a rate that is not above 0: 0") == 2, r
        assert "an integer divided by 0: 0" in r.out + r.err and "42" in r.out and "inf" not in r.out, r


run_tests(globals())
