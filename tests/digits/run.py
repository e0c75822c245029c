#!/usr/bin/env python3
"""Losses as they are written in formulas keep their digits: value, slope and bend by the critic's output, against decimals of 420 digits.

usage: run.py GAN [--only WORD] [--worst]       --worst: the largest error of each case instead of what is wrong

Each case is a function of a logit t, in the library's words or written here, and once more as a formula for the decimals. It stands in a loss as each of
LINKS, at LOGITS, as one number per sample (a loss under E[..]) and as elements (a critic of many outputs), in f32 and in f64. What f32 holds must be there to
within `ULPS` of f32's last place; nothing may be nan."""
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
from decimal import Decimal, getcontext, localcontext

getcontext().prec = 420
getcontext().Emax, getcontext().Emin = 10**9, -(10**9)
ZERO = Decimal(0)
ORDERS = 4                                                  # coefficients of a power series: a value and three derivatives
ULPS = 4
NAN = 7.77e37                                               # what stands for it in a state, which must be finite
LOGITS = [0, 0.5, 1, -1, 8, -8, 16, -16, 20, -20, 40, -40, 60, -60, 88, -88]
# How the critic stands in the loss: as text, and where the logit then is, and its slope.
LINKS = [("t", 1, 0), ("t + 0.5", 1, 0.5), ("2 * t", 2, 0), ("t - s", 1, -0.25), ("-t", -1, 0)]

# f(u), in the library, and unseen.
LIBRARY = {
    "kl": "u*log(u)", "reverse_kl": "-log(u)", "js": "u*log(u)-(u+1)*log((1+u)/2)", "gan": "u*log(u)-(u+1)*log(u+1)", "pearson": "(u-1)^2",
    "hellinger": "(sqrt(u)-1)^2", "neyman": "(1-u)^2/u", "jeffreys": "(u-1)*log(u)", "weighted_js(0.3)": "0.3*u*log(u)-(0.7+0.3*u)*log(0.7+0.3*u)",
    "alpha(0.5)": "(u^0.5-1-0.5*(u-1))/(0.5*(0.5-1))", "alpha(2)": "(u^2-1-2*(u-1))/2", "alpha(-1)": "(u^-1-1+u-1)/2", "alpha(0.3)": "(u^0.3-1-0.3*(u-1))/(0.3*(0.3-1))",
    "alpha(3)": "(u^3-1-3*(u-1))/6",
    "lsif": "u^2/2", "ukl": "u*log(u)-u+1", "binary_kl": "u*log(u)-(1+u)*log(1+u)", "robust(0.5)": "(u^1.5-u)/0.5", "robust(1)": "u^2-u",
}
UNSEEN = {
    "lecam": "(u-1)^2/(u+1)", "lecam_half": "(1-u)^2/(2*(1+u))", "k_directed": "u*log(2*u/(1+u))", "k_reverse": "log(2/(1+u))", "topsoe": "u*log(2*u/(1+u))+log(2/(1+u))",
    "arithmetic": "(u+1)/2*log((u+1)/(2*sqrt(u)))", "fourth": "u^4-1", "three_halves": "(u^1.5-1)/0.75", "cressie": "(u^(5/3)-u)/(10/9)",
    "skewed": "u*log(u/(0.9*u+0.1))", "skewed_back": "-log(0.2*u+0.8)", "sum_of_two": "u*log(u)+(u-1)^2", "mixed": "0.5*u*log(u)-0.5*log(u)+(sqrt(u)-1)^2",
    "inverse": "1/u-1", "root": "1-sqrt(u)", "symmetric": "(u^2-1)*log(u)", "third_root": "(u^(1/3)-1)^2", "square_log": "u^2*log(u)", "shifted_js": "u*log(u)-(u+1)*log((1+u)/2)+3*(u-1)",
    "harmonic": "1-2*u/(1+u)", "capacitory": "u*log(u)+log(4)-(1+u)*log(1+u)",
}
# Scores of d = sigmoid(t): of data, of the model.
SCORES = {
    "log_score": ("-log(d)", "-log(1-d)"), "brier_score": ("(1-d)^2", "d^2"), "exponential_score": ("sqrt((1-d)/d)", "sqrt(d/(1-d))"),
    "spherical_score": ("-d/sqrt(d^2+(1-d)^2)", "-(1-d)/sqrt(d^2+(1-d)^2)"),
}
UNSEEN_SCORES = {
    "smooth": ("-(0.9*log(d)+0.1*log(1-d))", "-log(1-d)"), "focal": ("-(1-d)^2*log(d)", "-d^2*log(1-d)"), "power": ("2*(1-d)^3-3*(1-d)^2", "2*d^3-3*d^2"),
    "odds": ("(1-d)/d", "d/(1-d)"), "log_odds": ("log((1-d)/d)", "log(d/(1-d))"), "margin": ("log(1+(1-d)/d)", "log(1+d/(1-d))"), "cubed": ("-log(d^3)", "-log((1-d)^3)"),
    "root_score": ("1-sqrt(d)", "1-sqrt(1-d)"), "quartic": ("(1-d^2)^2", "(1-(1-d)^2)^2"), "mixed_score": ("(1-d)^2-log(d)", "d^2-log(1-d)"),
    "entropy": ("-d*log(d)-(1-d)*log(1-d)", "d*(1-d)"), "guarded": ("-log(d+1e-6)", "-log(1-d+1e-6)"), "tsallis": ("-d^1.5", "-(1-d)^1.5"),
    "beta": ("-log(d)-(1-d)", "-log(1-d)-d"),
}
# Of t itself.
PLAIN = {
    "softplus(t)": "log(1+exp(t))", "tanh(t)/2": "tanh(t)/2", "(t-1)^2/2": "(t-1)^2/2", "log(1+exp(-t))": "log(1+exp(-t))", "-log(1-tanh(t)^2)": "-log(1-tanh(t)^2)",
    "sigmoid(t)*softplus(t)": "sigmoid(t)*log(1+exp(t))", "log(sigmoid(t))*sigmoid(t)": "log(sigmoid(t))*sigmoid(t)", "log(cosh)": "log((exp(t)+exp(-t))/2)",
    "exp(t)/(1+exp(t))": "sigmoid(t)", "exp(-t)": "exp(-t)", "log(exp(t)+exp(0))": "log(1+exp(t))", "t*sigmoid(t)": "t*sigmoid(t)",
}


class Series:
    """A power series in the logit, cut."""
    def __init__(self, c): self.c = list(c) + [Decimal(0)] * (ORDERS - len(c))
    def __add__(self, b): return Series([x + y for x, y in zip(self.c, lift(b).c)])
    def __neg__(self): return Series([-x for x in self.c])
    def __sub__(self, b): return self + -lift(b)
    def __rsub__(self, b): return lift(b) - self
    def __mul__(self, b):
        b = lift(b)
        return Series([sum(self.c[j] * b.c[i - j] for j in range(i + 1)) for i in range(ORDERS)])
    def __truediv__(self, b):
        b, q = lift(b), []
        for i in range(ORDERS):
            q.append((self.c[i] - sum(q[j] * b.c[i - j] for j in range(i))) / b.c[0])
        return Series(q)
    def __rtruediv__(self, b): return lift(b) / self
    def __pow__(self, k):
        k = k.c[0] if isinstance(k, Series) else k
        if k == int(k) and 0 < k < 10:
            return self if k == 1 else self * self ** (int(k) - 1)
        return exp(log(self) * k)
    __radd__, __rmul__ = __add__, __mul__
    def slopes(self): return Series([self.c[i] * i for i in range(1, ORDERS)])
    def derivatives(self): return [self.c[k] * math.factorial(k) for k in range(3)]


def lift(a): return a if isinstance(a, Series) else Series([Decimal(str(a)) if isinstance(a, float) else Decimal(a)])


def exp(a):
    a = lift(a)
    e = [a.c[0].exp()]
    for i in range(1, ORDERS):
        e.append(sum(j * a.c[j] * e[i - j] for j in range(1, i + 1)) / i)
    return Series(e)


def log(a):
    a = lift(a)
    y = [a.c[0].ln()]
    for i in range(1, ORDERS):
        y.append((a.c[i] - sum((j * y[j] * a.c[i - j] for j in range(1, i)), ZERO) / i) / a.c[0])
    return Series(y)


def sqrt(a): return exp(log(a) / 2)
def sigmoid(a): return 1 / (1 + exp(-a))
def tanh(a): return 1 - 2 / (1 + exp(2 * a))


def formula(text, t):
    """The text's series where the logit is t + x; numbers in it are exact."""
    import re
    exact = re.sub(r"(?<![\w.])(\d+(\.\d+)?(e-?\d+)?)", r"N('\1')", text.replace("^", "**"))
    t = Series([Decimal(t), Decimal(1)])
    u, d = exp(t), sigmoid(t)
    return eval(exact, {"t": t, "u": u, "d": d, "exp": exp, "log": log, "sqrt": sqrt, "sigmoid": sigmoid, "tanh": tanh, "N": lambda s: Series([Decimal(s)])})


def conj(text, t):
    f = formula(text, t)
    return f.slopes() - f


def prime(text, t): return formula(text, t).slopes() / exp(Series([Decimal(t), Decimal(1)]))


def cases():
    """(name, declarations, the loss of t, its series at t)."""
    for i, (name, text) in enumerate([*LIBRARY.items(), *UNSEEN.items()]):
        own = "" if name in LIBRARY else f"def {name}(u) = {text}\n"
        yield f"conj {name}", own, f"conj({name}, exp(t))", lambda t, x=text: conj(x, t)
        yield f"slope {name}", "", f"{name}'(exp(t))", lambda t, x=text: prime(x, t)
        yield f"plug-in {name}", "", f"({name})(exp(t))", lambda t, x=text: formula(x, t)
    for name, sides in [*SCORES.items(), *UNSEEN_SCORES.items()]:
        own = "" if name in SCORES else f"def {name}(d, real) = if real {{ {sides[0]} }} else {{ {sides[1]} }}\n"
        for side, text, real in zip(("data", "model"), sides, ("true", "false")):
            yield f"{name} of {side}", own if side == "data" else "", f"{name}(sigmoid(t), {real})", lambda t, x=text: formula(x, t)
    for name, text in PLAIN.items():
        yield name, "", text if "(cosh)" in name else name, lambda t, x=text: formula(x, t)


def true_values(series, name, t, known={}):
    if (name, t) not in known:
        known[name, t] = series(t).derivatives()
    return known[name, t]


def is_straight(series): return all(abs(series(Decimal(t)).derivatives()[2]) < Decimal("1e-150") for t in (0.5, -1, 8))


def program(chosen, link, precision):
    lines = ["import compare, ratio", f"precision {precision}" if precision == "f64" else "",
             f"net C {{ param v: real[{len(LOGITS)}] = {LOGITS}; v }}", f"net S {{ param v: real[{len(LOGITS)}] = 0.25; v }}",
             f"def kept(y) = where(abs(y) < 3.3e38, y, where(y > 0, 3.4e38, where(y < 0, -3.4e38, {NAN})))",
             f"data places: class[{len(LOGITS)}] = iota({len(LOGITS)})"]
    for i, (_, own, loss, series) in enumerate(chosen):
        here = f"{{ let t = {link.replace('t', 'c')}; {loss} }}"
        lines.append(f"{own}def loss{i}(c, s) = {here}")
        mean = f"{len(LOGITS)} * (grad[C] E[k ~ places : all] loss{i}(C.v[k], S.v[k])).v"
        whole = f"sum(loss{i}(C.v, S.v))"
        none = f"zeros([{len(LOGITS)}])" if is_straight(series) else ""           # a derivative of what is the same everywhere is an error
        lines += [f"state r{i}: real[6, {len(LOGITS)}] = 0",
                  f"r{i} := map(fn(row) map(kept, row), [map(fn(k) loss{i}(C.v[k], S.v[k]), iota({len(LOGITS)})), {mean}, {none or f'(grad[C] sum({mean})).v'}, "
                  f"loss{i}(C.v, S.v), (grad[C] {whole}).v, {none or f'(grad[C] sum((grad[C] {whole}).v)).v'}])"]
    return "\n".join([*lines, 'save "last"', ""])


def tensors(path):
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        head, body = json.loads(f.read(size)), f.read()
    kinds = {"F32": "f", "F64": "d"}
    return {name: struct.unpack(f"<{(t['data_offsets'][1] - t['data_offsets'][0]) // struct.calcsize(kinds[t['dtype']])}{kinds[t['dtype']]}", body[slice(*t["data_offsets"])])
            for name, t in head.items() if name != "__metadata__" and t["dtype"] in kinds}


def ulps(got, want, share):
    """Of f32, of what was computed as that share of it. What f32 does not hold must be infinite, nearly or quite."""
    if abs(want) > 3.3e38:
        return 0 if abs(got) > 3.2e38 and (got > 0) == (want > 0) else math.inf
    if abs(got - NAN) < 1e32 or abs(got) > 3.35e38:
        return math.inf
    return abs(got - want) * share / math.ldexp(1, max(math.frexp(want * share)[1], -125) - 24)


def off(chosen, link, precision, gan, flags):
    """Yields (case, form, order, logit, got, want, ulps)."""
    text, slope, shift = link
    with tempfile.TemporaryDirectory(prefix="gan-digits-") as d:
        with open(f"{d}/p.gan", "w", encoding="utf-8") as f:
            f.write(program(chosen, text, precision))
        done = subprocess.run([gan, "run", f"{d}/p.gan", "--quiet", "--out", f"{d}/out", *flags], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"FAILED {text} {precision}: status {done.returncode}\n{done.stderr[-1500:]}")
            yield "the program", "", 0, 0, math.nan, 0, math.inf
            return
        found = tensors(f"{d}/out/checkpoints/last.safetensors")
    n = len(LOGITS)
    for i, (name, _, _, series) in enumerate(chosen):
        for k, logit in enumerate(LOGITS):
            want = true_values(series, name, Decimal(logit) * slope + Decimal(shift))
            for row in range(6):
                order, got = row % 3, found[f"r{i}"][row * n + k]
                w = want[order] * slope**order
                w = float(min(max(w, Decimal("-1e300")), Decimal("1e300"))) if abs(w) > Decimal("1e-150") else 0.0
                if "plug-in" in name and order: continue
                yield name, ("sample", "elements")[row // 3], order, logit, got, w, ulps(got, w, 1 / n if row in (1, 2) else 1)


def main():
    gan = os.path.abspath(sys.argv[1])
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    chosen = [c for c in cases() if only in c[0] or c[1]]
    passed = failed = 0
    for link in LINKS:
        for precision in ("f32", "f64"):
            worst = {}
            for name, form, order, logit, got, want, u in off(chosen, link, precision, gan, ["--backend", "interp"]):
                bad = u > ULPS
                passed, failed = passed + (not bad), failed + bad
                w = worst.setdefault((name, form, order), [0, 0, None])
                if bad:
                    w[0] += 1
                if u > w[1]:
                    w[1:] = [u, f"{got:.9g} not {want:.9g} at {logit}"]
            for (name, form, order), (n, u, where) in worst.items():
                if n:
                    print(f"{precision} {link[0]:8} {name:28} {form:9} d{order} {n:3d} off, worst {u:10.3g}: {where}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
