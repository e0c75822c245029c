#!/usr/bin/env python3
"""Values and two derivatives by T of the terms of test_stabilise.c, at 420 digits: writes stabilise_reference.h.

Every term is a power series in T around each point; arithmetic on series is exact up to the 420 digits. u stands for r = exp(T).
For a function f of a density ratio three terms are made: f.f = f(r), f.prime = f'(r), f.conj = r f'(r) - f(r)."""
import random, struct, sys
from mpmath import mp, mpf, exp as mexp, log as mlog

mp.dps = 420
N = 4                                                       # coefficients of a series


class Series:
    def __init__(self, c): self.c = c + [mpf(0)] * (N - len(c))
    def __add__(self, b): return Series([x + y for x, y in zip(self.c, lift(b).c)])
    def __neg__(self): return Series([-x for x in self.c])
    def __sub__(self, b): return self + -lift(b)
    def __rsub__(self, b): return lift(b) - self
    def __mul__(self, b):
        b = lift(b)
        return Series([sum(self.c[j] * b.c[i - j] for j in range(i + 1)) for i in range(N)])
    def __truediv__(self, b):
        b, q = lift(b), []
        for i in range(N): q.append((self.c[i] - sum(q[j] * b.c[i - j] for j in range(i))) / b.c[0])
        return Series(q)
    def __rtruediv__(self, b): return lift(b) / self
    def __pow__(self, k): return exp(log(self) * k) if self.c[0] > 0 else self * self ** (k - 1) if k > 1 else self if k == 1 else 1 / self ** -k
    __radd__, __rmul__ = __add__, __mul__
    def derivative(self): return Series([self.c[i] * i for i in range(1, N)])


def lift(a): return a if isinstance(a, Series) else Series([mpf(str(a))])


def exp(a):
    e = [mexp(a.c[0])]
    for i in range(1, N): e.append(sum(j * a.c[j] * e[i - j] for j in range(1, i + 1)) / i)
    return Series(e)


def log(a):
    if not isinstance(a, Series): return Series([mlog(mpf(str(a)))])
    l = [mlog(a.c[0])]
    for i in range(1, N): l.append((a.c[i] - sum(j * l[j] * a.c[i - j] for j in range(1, i)) / i) / a.c[0])
    return Series(l)


def sqrt(a): return exp(log(a) * mpf("0.5")) if isinstance(a, Series) else lift(mp.sqrt(a))
def sigmoid(a): return 1 / (1 + exp(-a))
def tanh(a): return 1 - 2 / (1 + exp(2 * a))


DIVERGENCES = {
    "kl": "u*log(u)", "kl1": "u*log(u)-(u-1)", "rkl": "-log(u)", "js": "u*log(u)-(u+1)*log((1+u)/2)", "gan": "u*log(u)-(u+1)*log(u+1)",
    "pearson": "(u-1)^2", "hellinger": "(sqrt(u)-1)^2", "neyman": "(1-u)^2/u", "jeffrey": "(u-1)*log(u)",
    "alpha_half": "(u^0.5-1-0.5*(u-1))/(0.5*(0.5-1))", "alpha_03": "(u^0.3-1-0.3*(u-1))/(0.3*(0.3-1))", "alpha_3": "(u^3-1-3*(u-1))/6",
    "wjs": "0.3*u*log(u)-(0.7+0.3*u)*log(0.7+0.3*u)",
}
TERMS = {
    "log_real": "-log(D)", "log_fake": "-log(1-D)", "brier_real": "(1-D)^2", "brier_fake": "D^2",
    "boost_real": "sqrt((1-D)/D)", "boost_fake": "sqrt(D/(1-D))",
    "sphere_real": "-D/sqrt(D^2+(1-D)^2)", "sphere_fake": "-(1-D)/sqrt(D^2+(1-D)^2)",
    "product": "D*(1-D)", "entropy": "-D*log(D)-(1-D)*log(1-D)", "soft": "-(0.9*log(D)+0.1*log(1-D))", "focal": "(1-D)^2*log(D)",
    "log_sech2": "log(1-tanh(T)^2)", "logit": "log(D)-log(1-D)", "log_cosh": "log((exp(T)+exp(-T))/2)", "brier_gap": "(1-D)^2-D^2",
    "ratio": "u/(0.1*u+0.9)", "log_mix": "log(0.1+0.9*D)", "d_log_d": "D*log(D)", "log_squared": "log(D)^2", "gap": "log(1+u)-log(2)",
    "shifted": "(1-D)^2+1", "tanh_half": "2*D-1", "bump": "exp(T)/(1+exp(T))^2*T",
}
FIXED = [0, 1e-3, -1e-3, 1, -1, 8, -8, 16, -16, 20, -20, 40, -40, 60, -60, 88, -88]


def f32(x): return struct.unpack("f", struct.pack("f", x))[0]


def points():
    rng = random.Random(20140601)
    near = [f32(rng.gauss(0, 1)) for _ in range(20)]
    return [f32(t) for t in FIXED] + near + [f32(rng.uniform(-30, 30)) for _ in range(20)] + [f32(rng.uniform(-88, 88)) for _ in range(10)]


def value(text, T):
    u = exp(T)
    return eval(text.replace("^", "**"), {"u": u, "T": T, "D": 1 / (1 + 1 / u), "exp": exp, "log": log, "sqrt": sqrt, "sigmoid": sigmoid, "tanh": tanh})


def series_at(t):
    T = Series([mpf(t), mpf(1)])
    u, all = exp(T), {}
    for name, text in DIVERGENCES.items():
        f = value(text, T)
        prime = f.derivative() / u
        all[name + ".f"], all[name + ".prime"], all[name + ".conj"] = f, prime, u * prime - f
    for name, text in TERMS.items(): all[name] = value(text, T)
    return all


def number(x):
    if x == 0: return "0"
    if abs(x) > mpf("1e300"): return "-HUGE_VAL" if x < 0 else "HUGE_VAL"
    return mp.nstr(x, 11, strip_zeros=True).replace(".0e", "e").removesuffix(".0") if abs(x) > mpf("1e-300") else "0"


def main():
    ts = points()
    at = [series_at(t) for t in ts]
    # Exact zeros come out as 1e-420 or so.
    clean = lambda x: mpf(0) if abs(x) < mpf("1e-200") else x
    out = open(sys.argv[1], "w")
    out.write("/* Written by gen_stabilise_reference.py: at each point the value and two derivatives by T, to 11 digits. */\n")
    out.write("enum { REFERENCE_POINTS = %d };\n" % len(ts))
    out.write("static const float reference_t[REFERENCE_POINTS] = {%s};\n" % ", ".join(float(t).hex() + "f" for t in ts))
    out.write("static const struct { const char *name; double y[REFERENCE_POINTS][3]; } reference[] = {\n")
    for name in at[0]:
        rows = ["{%s}" % ", ".join(number(clean(s[name].c[k] * (1, 1, 2)[k])) for k in range(3)) for s in at]
        out.write('{"%s", {%s}},\n' % (name, ", ".join(rows)))
    out.write("};\n")


main()
