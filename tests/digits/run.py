#!/usr/bin/env python3
"""Losses as they are written in formulas keep their digits: value, slope and bend by the critic's output, against decimals.

usage: run.py GAN [--only WORD]        what is off, and how many are not
       run.py GAN --random N SEED      the same of N losses made at random
       run.py GAN --wide N SEED        of a wider grammar
       run.py GAN --page FILE          the same as a table, beside what the formulas give in f32 as they are written (docs/digits.md)

Each case is a function of a logit t, in the library's words or written here, and once more as a formula for decimals. It stands in a loss as each of LINKS, at
LOGITS, as one number per sample (a loss under E[..]) and as elements (a critic of many outputs), in f32 and in f64. What f32 holds must be there to so many of
f32's last places; nothing may be nan. The interpreter computes them; that compiled code has the same bits is another test's."""
import json
import math
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
from decimal import Decimal, getcontext

getcontext().Emax, getcontext().Emin = 10**9, -(10**9)
DIGITS = [60, 150, 420]                                     # so many, until two give the same
ORDERS = 4                                                  # coefficients of a power series: a value and three derivatives
NAN = 7.77e37                                               # what stands for it in a state, which must be finite
LOGITS = [0, 0.5, 1, -1, 8, -8, 16, -16, 20, -20, 40, -40, 60, -60, 88, -88]
# How the critic stands in the loss: as text, and what it does to t.
LINKS = [("t", 1, 0), ("t + 0.5", 1, 0.5), ("2 * t", 2, 0), ("t - s", 1, -0.25), ("-t", -1, 0)]

ULPS = 4                                                    # last places that may be off
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
    "harmonic": "1-2*u/(1+u)", "capacitory": "u*log(u)+log(4)-(1+u)*log(1+u)", "rooted": "sqrt(1+u)-10*u-0.5*u*log(2*u/(1+u))", "root_beside": "u^0.3-0.25*(1+u)*log(1+u)",
    "arc": "sqrt(1+u^2)-(1+u)/sqrt(2)", "perimeter": "(1+u^3)^(1/3)-2^(-2/3)*(1+u)", "kafka": "(u-1)^4/(u+1)^3", "powered": "((1+u^0.3)/2)^(1/0.3)-(1+u)/2", "damped": "(u-1)^2*exp(-u)", "three": "((u-1)^2/(u+1))*(sqrt(u)-1)^2*exp(-u)",
    "softened": "softplus(u-1)", "softened_arc": "softplus(u-1)-log(2)-0.5*(u-1)", "two_damped": "((1+u)^2-2*(1+u^2))*(u-1)^2*exp(-u)",
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
    "beta": ("-log(d)-(1-d)", "-log(1-d)-d"), "pseudo_spherical": ("1-d^2/(d^3+(1-d)^3)^(2/3)", "1-(1-d)^2/(d^3+(1-d)^3)^(2/3)"),
    "pseudo_spherical_low": ("1-d^0.5/(d^1.5+(1-d)^1.5)^(1/3)", "1-(1-d)^0.5/(d^1.5+(1-d)^1.5)^(1/3)"), "root_of_odds": ("((1-d)/d)^(1/3)", "(d/(1-d))^(1/3)"),
    "pseudo_spherical_awkward": ("-d^0.3/(d^1.3+(1-d)^1.3)^(0.3/1.3)", "-(1-d)^0.3/(d^1.3+(1-d)^1.3)^(0.3/1.3)"),
    "guarded_entropy": ("-d*log(d+1e-12)-(1-d)*log(1-d+1e-12)", "-(1-d)*log(1-d+1e-12)"),
}
# Of t itself.
PLAIN = {
    "softplus(t)": "log(1+exp(t))", "tanh(t)/2": "tanh(t)/2", "(t-1)^2/2": "(t-1)^2/2", "log(1+exp(-t))": "log(1+exp(-t))", "-log(1-tanh(t)^2)": "-log(1-tanh(t)^2)",
    "sigmoid(t)*softplus(t)": "sigmoid(t)*log(1+exp(t))", "log(sigmoid(t))*sigmoid(t)": "log(sigmoid(t))*sigmoid(t)", "log(cosh)": "log((exp(t)+exp(-t))/2)",
    "log(1+exp(t))-sigmoid(t)": "log(1+exp(t))-sigmoid(t)", "1/sqrt(1+exp(t))-1": "1/sqrt(1+exp(t))-1", "log(1+exp(-2*t))-exp(-2*t)/(1+exp(-2*t))": "log(1+exp(-2*t))-exp(-2*t)/(1+exp(-2*t))",
    "exp(t)/(1+exp(t))": "sigmoid(t)", "exp(-t)": "exp(-t)", "log(exp(t)+exp(0))": "log(1+exp(t))", "t*sigmoid(t)": "t*sigmoid(t)",
    "sigmoid(t+1)-sigmoid(t)": "sigmoid(t+1)-sigmoid(t)", "log(softplus(t))": "log(softplus(t))", "sqrt(softplus(t))/sigmoid(t)": "sqrt(softplus(t))/sigmoid(t)", "sqrt(1+exp(t))/(1+softplus(t))": "sqrt(1+exp(t))/(1+softplus(t))",
    "(1+exp(2*t))^(1/3)": "(1+exp(2*t))^(1/3)", "1/softplus(t)-3*exp(-2*t)": "1/softplus(t)-3*exp(-2*t)", "log(1+exp(t)+exp(2*t))/(1+t^2)": "log(1+exp(t)+exp(2*t))/(1+t^2)",
    "log(sigmoid(-t))^2*(1-sigmoid(t))*(1-sigmoid(t)^1.5/(sigmoid(t)^2.5+sigmoid(-t)^2.5)^0.6)": "log(sigmoid(-t))^2*(1-sigmoid(t))*(1-sigmoid(t)^1.5/(sigmoid(t)^2.5+sigmoid(-t)^2.5)^0.6)",
    "(log(sigmoid(t+1))-log(sigmoid(t)))/(1+softplus(t))": "(log(sigmoid(t+1))-log(sigmoid(t)))/(1+softplus(t))",
    "asin(sqrt(sigmoid(t)))": "asin(sqrt(sigmoid(t)))", "1-1/(1+softplus(t))": "1-1/(1+softplus(t))", "t/sqrt(1+t^2)": "t/sqrt(1+t^2)", "(1/softplus(t))/(1+t^2)": "(1/softplus(t))/(1+t^2)",
    "exp(-0.5*log(sigmoid(t)/(1-sigmoid(t)))^2)": "exp(-0.5*log(sigmoid(t)/(1-sigmoid(t)))^2)", "(1-sigmoid(t))^sigmoid(t)": "(1-sigmoid(t))^sigmoid(t)", "sigmoid(t)^(1-sigmoid(t))": "sigmoid(t)^(1-sigmoid(t))",
    "atan(exp(t))": "atan(exp(t))", "exp(t)*asin((exp(t)-1)/(exp(t)+1))": "exp(t)*asin((exp(t)-1)/(exp(t)+1))",
    "sqrt(1+t^2)-t": "sqrt(1+t^2)-t", "log(1-exp(-softplus(t)^2))": "log(1-exp(-softplus(t)^2))", "tanh(t)-t/sqrt(1+t^2)": "tanh(t)-t/sqrt(1+t^2)", "log(1+softplus(-t))": "log(1+softplus(-t))",
}


# Losses made at random, of the same grammar: what stands in a loss of t, of d = sigmoid(t), and in f(u).
ATOMS = {
    "d": ["log(d)", "log(1-d)", "d", "(1-d)", "d^2", "(1-d)^2", "sqrt(d)", "sqrt(1-d)", "d*(1-d)", "d*log(d)", "(1-d)*log(1-d)", "log(d/(1-d))", "log(d+1e-6)", "log(1-d+1e-6)", "d/(1-d)",
          "log(1+d)", "log(2-d)", "(2*d-1)", "d^1.5", "log(d*(1-d))", "1/(1+d)", "log((1-d)/d)^2", "exp(-d)", "log(1+d^2)", "sqrt(d^2+(1-d)^2)"],
    "t": ["log(1+exp(t))", "log(1+exp(-t))", "tanh(t)", "tanh(t)^2", "sigmoid(t)", "sigmoid(t)^2", "exp(t)", "exp(-t)", "t", "t^2", "t*sigmoid(t)", "t*tanh(t)", "exp(t)*sigmoid(-t)", "log(exp(t)+exp(-t))",
          "sqrt(1+exp(t))", "1/(1+exp(t))^2", "exp(-2*t)", "exp(0.5*t)", "log(1+tanh(t))", "log(2+exp(t))", "sigmoid(t)*sigmoid(-t)", "exp(-log(1+exp(t)))", "(exp(t)-1)^2", "tanh(0.5*t)", "log(1+exp(2*t))"],
    "u": ["u*log(u)", "-log(u)", "(u-1)^2", "(sqrt(u)-1)^2", "1/u", "u^2", "u^1.5", "u^0.3", "(1+u)*log(1+u)", "(u+1)*log((1+u)/2)", "(u-1)*log(u)", "(u-1)^2/(u+1)", "log(1+u)", "sqrt(u)", "u*log(2*u/(1+u))",
          "(u-1)^2/u", "u*log(u/(0.5*u+0.5))", "u", "1/(1+u)", "u/(1+u)", "(2+u)*log(2+u)", "u^3", "sqrt(1+u)", "(u-1)^2/(2+u)", "log(1+1/u)"],
}
# The same of a wider grammar: shifted and scaled logits, roots of other degrees, quotients and logarithms of sums, families of scores and of divergences.
WIDE = {
    "d": ["1-d^2/(d^3+(1-d)^3)^(2/3)", "1-(1-d)^2/(d^3+(1-d)^3)^(2/3)", "1-d^0.5/(d^1.5+(1-d)^1.5)^(1/3)", "1-(1-d)^3/(d^4+(1-d)^4)^0.75", "1-d^1.5/(d^2.5+(1-d)^2.5)^0.6",  # pseudo-spherical (Good 1971)
          "d^2.5-2.5/1.5*d^1.5", "(d^1.5+(1-d)^1.5-1)/0.5", "1-d^3-(1-d)^3", "(1-d^(1/3)-(1-d)^(1/3))/(2/3)",          # Tsallis 1988, Havrda and Charvat 1967
          "(1-d)/d+log((1-d)/d)", "d^3/3-d^4/4", "-log(d)-(1-d)-(1-d)^2/2", "1/d-1", "((1-d)/d)^(1/3)", "2*d^1.5/3-2*d^2.5/5",  # beta family (Buja, Stuetzle and Shen 2005)
          "log(1-d^2)", "log(d^2+(1-d)^2)", "log(d^3+(1-d)^3)", "d^(1/3)", "(1-d)^(2/3)", "d^2.5", "-(0.9*log(d)+0.1*log(1-d))", "d/(1+d^2)", "(1-d)/(2-d)", "(1+d)/(3-d)", "exp(d)-1",
          "exp(-log(d))", "sqrt(d*(1-d))", "log(d)*log(1-d)", "log(d)^2", "sqrt(1-d^2)", "d*log((1-d)/d)", "log(1-d+1e-3)", "log(0.99*d+0.005)", "(d^2-(1-d)^2)/(d^2+(1-d)^2)"],
    "t": ["sigmoid(t+1)-sigmoid(t)", "softplus(t+1)-softplus(t)", "tanh(t+0.5)-tanh(t)", "sigmoid(2*t)-sigmoid(t)", "softplus(2*t)-2*softplus(t)", "log(sigmoid(t+1))-log(sigmoid(t))",
          "sigmoid(t-0.5)-sigmoid(t+0.5)", "tanh(2*t)-tanh(t)", "softplus(t)-softplus(-t)-t", "sigmoid(t)^(1/3)", "sigmoid(t)^2.5", "log(softplus(t))", "sqrt(softplus(t))", "softplus(t)^2", "1/softplus(t)",
          "softplus(t)/(1+softplus(t))", "(1-tanh(t))^2", "log(sigmoid(3*tanh(t)))", "softplus(-softplus(t))", "log(1+exp(t)+exp(2*t))", "log(1+exp(t)^(1/3))", "(1+exp(2*t))^(1/3)",
          "(exp(t)+1)/(exp(t)+2)", "(exp(2*t)+1)/(exp(2*t)+exp(t)+1)", "log((exp(t)+exp(-t))/2)", "softplus(t)^0.5-sigmoid(t)", "log(1-sigmoid(t)^2)", "log(1+sigmoid(t)^3)", "exp(0.5*t)/(1+exp(t))", "t^2*sigmoid(t)",
          "softplus(t)*sigmoid(-t)", "sqrt(1+exp(2*t))-exp(t)", "exp(-softplus(t))", "softplus(t+0.3)-0.5*softplus(2*t)", "sigmoid(t)*sigmoid(t+1)", "log(exp(0.5*t)+exp(-t))", "tanh(t)^3"],
    "u": ["sqrt(1+u^2)-(1+u)/sqrt(2)", "(1+u^3)^(1/3)-2^(-2/3)*(1+u)", "(1+u)^2-2*(1+u^2)", "(1+u^0.5)^2-2*(1+u)", "(1+u^1.5)^(2/3)-2^(-1/3)*(1+u)",  # Oesterreicher and Vajda 2003; 2: the arc of the ROC curve
          "(u-1)^2/(u+1)", "(u-1)^4/(u+1)^3", "(u-1)^4/(u+1)",                                                          # Vincze 1981, Le Cam 1986; Kafka, Oesterreicher and Vincze 1991
          "u*log(u/(0.3*u+0.7))", "-log(0.3*u+0.7)", "0.3*u*log(u)-(0.3*u+0.7)*log(0.3*u+0.7)", "(u^0.3-0.3*u-0.7)/(-0.21)", "((1+u)/2)^0.5-1", "((1+u)/2)^(-1)-1", "((1+u^0.3)/2)^(1/0.3)-(1+u)/2",
          "(u-1)^2*exp(-u)", "exp(-u)-1", "u*exp(-1/u)", "u^(1/3)", "u^(2/3)", "u^2.5", "(1+u)^(2/3)", "(1+u^2)^(1/3)", "(u^2+1)/(u^2+u+1)", "(1+u)/(2+u^2)", "log(1+u+u^2)", "log(1+u^0.5)", "log(1+u^(1/3))",
          "(u^(2/3)-1)^2", "(u-1)^3/(u+1)", "sqrt(u)*log(u)", "log(1+u^2)", "u/(1+u)^2", "(sqrt(u)-1)^4", "log(u)^2", "(u-1)/(u+1)*log(u)", "(u^2-1)^2/u", "sqrt((1+u)/2)-(1+sqrt(u))/2", "u*log(1+1/u)",
          "(1+u)*log(2)-(1+u)*log(1+u)", "(u+1)/2*log((u+1)/(2*sqrt(u)))", "log((1+u)/2)/log(2)", "(1+u)*(log(1+u)-log(2))^2"],
}
DIVISORS = {"d": ["1+d", "d", "1-d", "d^2+(1-d)^2", "2-d"], "t": ["1+exp(t)", "sigmoid(t)", "1+softplus(t)", "sigmoid(-t)", "1+t^2"], "u": ["1+u", "u", "1+u^2", "1+sqrt(u)", "(1+u)^2"]}
NUMBERS = ["0.5", "2", "0.1", "3", "0.25", "1.5", "0.3", "0.9", "10"]


class Single:
    """A number of f32, each step rounded."""
    def __init__(self, x):
        try:
            self.x = struct.unpack("f", struct.pack("f", float(x)))[0]
        except OverflowError:
            self.x = math.copysign(math.inf, x)
    def __add__(self, b): return Single(self.x + single(b).x)
    def __neg__(self): return Single(-self.x)
    def __sub__(self, b): return Single(self.x - single(b).x)
    def __mul__(self, b): return Single(self.x * single(b).x)
    def __truediv__(self, b):
        y = single(b).x
        return Single(self.x / y if y else math.nan if self.x == 0 or math.isnan(self.x) else math.copysign(math.inf, self.x))
    def __rmul__(self, b): return self * b
    def __radd__(self, b): return self + b
    def __float__(self): return self.x
    def exp(self): return Single(math.exp(min(self.x, 700)))
    def ln(self): return Single(math.log(self.x) if self.x > 0 else -math.inf if self.x == 0 else math.nan)


def single(a): return a if isinstance(a, Single) else Single(a)


class Series:
    """A power series in the logit, cut; of decimals, or of Singles."""
    kind = Decimal
    def __init__(self, c): self.c = list(c) + [Series.kind(0)] * (ORDERS - len(c))
    def __add__(self, b): return Series([x + y for x, y in zip(self.c, lift(b).c)])
    def __neg__(self): return Series([-x for x in self.c])
    def __radd__(self, b): return lift(b) + self
    def __rmul__(self, b): return lift(b) * self
    def __sub__(self, b): return self + -lift(b)
    def __rsub__(self, b): return lift(b) - self
    def __mul__(self, b):
        b = lift(b)
        return Series([total(self.c[j] * b.c[i - j] for j in range(i + 1)) for i in range(ORDERS)])
    def __truediv__(self, b):
        b, q = lift(b), []
        for i in range(ORDERS):
            q.append((self.c[i] - total(q[j] * b.c[i - j] for j in range(i))) / b.c[0])
        return Series(q)
    def __rtruediv__(self, b): return lift(b) / self
    def __pow__(self, k):
        if any(float(x) for x in lift(k).c[1:]):
            return exp(log(self) * k)
        k = lift(k).c[0]
        whole = float(k) in (1, 2, 3, 4)
        return exp(log(self) * Series([k])) if not whole else self if float(k) == 1 else self * self ** (int(float(k)) - 1)
    def slopes(self): return Series([self.c[i] * i for i in range(1, ORDERS)])
    def derivatives(self): return [self.c[k] * math.factorial(k) for k in range(3)]


def total(terms):
    s = Series.kind(0)
    for t in terms:
        s = s + t
    return s


def lift(a): return a if isinstance(a, Series) else Series([Series.kind(a)])


def exp(a):
    a = lift(a)
    e = [a.c[0].exp()]
    for i in range(1, ORDERS):
        e.append(total(a.c[j] * e[i - j] * j for j in range(1, i + 1)) / i)
    return Series(e)


def log(a):
    a = lift(a)
    y = [a.c[0].ln()]
    for i in range(1, ORDERS):
        y.append((a.c[i] - total(y[j] * a.c[i - j] * j for j in range(1, i)) / i) / a.c[0])
    return Series(y)


def sqrt(a): return exp(log(a) / 2)
def sigmoid(a): return 1 / (1 + exp(-a))
def tanh(a): return 1 - 2 / (1 + exp(2 * a))
def softplus(a): return a + log(1 + exp(-a)) if float(a.c[0]) > 0 else log(1 + exp(a))


def arc_tangent(x):
    if isinstance(x, Single):
        return Single(math.atan(x.x))
    halvings, k = 0, 1
    while abs(x) > Decimal("0.01"):
        x, halvings = x / (1 + (1 + x * x).sqrt()), halvings + 1
    y = power = x
    while abs(power) > abs(y) * Decimal(10) ** -getcontext().prec:
        power, k = -power * x * x, k + 2
        y += power / k
    return y * 2**halvings


def atan(a):
    a = lift(a)
    slope = a.slopes() / (1 + a * a)
    return Series([arc_tangent(a.c[0])] + [slope.c[i] / (i + 1) for i in range(ORDERS - 1)])


def asin(a): return atan(a / sqrt(1 - a * a))


def logit(t): return Series([Series.kind(t), Series.kind(1)])


def formula(text, t):
    """The text's series where the logit is t + x."""
    exact = re.sub(r"(?<![\w.])(\d+(\.\d+)?(e-?\d+)?)", r"N('\1')", text.replace("^", "**"))
    names = {"t": logit(t), "u": exp(logit(t)), "d": sigmoid(logit(t)), "exp": exp, "log": log, "sqrt": sqrt, "sigmoid": sigmoid, "tanh": tanh, "softplus": softplus, "atan": atan, "asin": asin, "N": lift}
    return eval(exact, names)                               # the texts are those above


def conj(text, t):
    f = formula(text, t)
    return f.slopes() - f


def prime(text, t): return formula(text, t).slopes() / exp(logit(t))


def in_decimals(series, t):
    """The value and two derivatives at t, as floats; what f32 rounds to 0 for certain is 0."""
    last = None
    for getcontext().prec in DIGITS:
        try:
            at = series(t).derivatives()
        except ArithmeticError:                             # all digits are lost
            last = None
            continue
        found = [float(min(max(w, Decimal("-1e300")), Decimal("1e300"))) if abs(w) > Decimal("1e-60") else 0.0 for w in at]
        if last and all(0 < abs(x) and abs(x - y) <= 1e-12 * abs(x) for x, y in zip(found, last)):
            return found                                    # a 0 may be lost digits
        last = found
    return last


def true_values(name, series, t, known={}):
    if (name, t) not in known:
        known[name, t] = in_decimals(series, Decimal(t))
    return known[name, t]


def cases():
    """(name, declarations, the loss of t, its series at t)."""
    for name, text in [*LIBRARY.items(), *UNSEEN.items()]:
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


def made_of(draw, atoms):
    """Two or three atoms, added, subtracted, multiplied and scaled."""
    text, *others = draw.sample(atoms, draw.randint(2, 3))
    for atom in others:
        sign = draw.choice(["+", "-", "+", "-", "*"])
        atom = f"({atom})" if sign == "*" else atom if draw.random() < 0.5 else f"{draw.choice(NUMBERS)}*({atom})"
        text = f"({text})*{atom}" if sign == "*" else f"{text}{sign}({atom})"
    return text


def made_wide(draw, kind):
    """One to three atoms, of both grammars."""
    atoms, how = WIDE[kind] + ATOMS[kind], draw.choice(["one", "sum", "sum", "product", "three", "quotient"])
    a, b, c = draw.sample(atoms, 3)
    if how == "one":
        return draw.choice(WIDE[kind])
    if how == "product":
        return f"({a})*({b})"
    if how == "three":
        return f"({a})*({b})*({c})"
    if how == "quotient":
        return f"({a})/({draw.choice(DIVISORS[kind])})"
    return f"{draw.choice(WIDE[kind])}{draw.choice('+-')}{draw.choice(NUMBERS)}*({b})"


def random_cases(n, seed, wide):
    draw = random.Random(seed)
    for i in range(n):
        kind = draw.choice("dtuu")
        text = made_wide(draw, kind) if wide else made_of(draw, ATOMS[kind])
        if kind == "u" and i % 2:
            yield f"conj {text}", f"def f{i}(u) = {text}\n", f"conj(f{i}, exp(t))", lambda t, x=text: conj(x, t)
        elif kind == "u":
            yield f"slope {text}", f"def f{i}(u) = {text}\n", f"f{i}'(exp(t))", lambda t, x=text: prime(x, t)
        else:
            yield f"{i}: {text}", "", f"{{ let d = sigmoid(t); {text} }}" if kind == "d" else text, lambda t, x=text: formula(x, t)


def is_straight(name, series): return not any(true_values(name, series, t)[2] for t in (0.5, -1, 8))


def program(chosen, link, precision):
    n = len(LOGITS)
    lines = ["import compare, ratio", f"precision {precision}" if precision == "f64" else "",
             f"net C {{ param v: real[{n}] = {LOGITS}; v }}", f"net S {{ param v: real[{n}] = 0.25; v }}", f"data places: class[{n}] = iota({n})",
             f"def kept(y) = where(abs(y) < 3.3e38, y, where(y > 0, 3.4e38, where(y < 0, -3.4e38, {NAN})))"]
    for i, (name, own, loss, series) in enumerate(chosen):
        mean, whole = f"{n} * (grad[C] E[k ~ places : all] loss{i}(C.v[k], S.v[k])).v", f"sum(loss{i}(C.v, S.v))"
        rows = [f"map(fn(k) loss{i}(C.v[k], S.v[k]), iota({n}))", mean, f"(grad[C] sum({mean})).v", f"loss{i}(C.v, S.v)", f"(grad[C] {whole}).v", f"(grad[C] sum((grad[C] {whole}).v)).v"]
        if is_straight(name, series):                       # a derivative of what is the same everywhere is an error
            rows[2] = rows[5] = f"zeros([{n}])"
        lines += [own, f"def loss{i}(c, s) = {{ let t = {link.replace('t', 'c')}; {loss} }}", f"state r{i}: real[6, {n}] = 0", f"r{i} := map(fn(row) map(kept, row), [{', '.join(rows)}])"]
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
    if abs(want) >= 1e300:                                  # f64 itself ends there
        return 0
    if abs(want) > 3.3e38:
        return 0 if abs(got) > 3.2e38 and (got > 0) == (want > 0) else math.inf
    if abs(got - NAN) < 1e32 or abs(got) > 3.35e38:
        return math.inf
    return abs(got - want) * share / math.ldexp(1, max(math.frexp(want * share)[1], -125) - 24)


def run(gan, text):
    """What the program's states are at its end; None, and why, if it does not come there."""
    with tempfile.TemporaryDirectory(prefix="gan-digits-") as d:
        with open(f"{d}/p.gan", "w", encoding="utf-8") as f:
            f.write(text)
        done = subprocess.run([gan, "run", f"{d}/p.gan", "--quiet", "--backend", "interp", "--out", f"{d}/out"], capture_output=True, text=True, check=False)
        if done.returncode or done.stderr:
            print(f"FAILED: status {done.returncode}\n{done.stderr[-1500:]}")
            return None
        return tensors(f"{d}/out/checkpoints/last.safetensors")


def found(gan, chosen, link, precision):
    """Yields (case, form, order, logit, got, want, last places)."""
    text, slope, shift = link
    states, n = run(gan, program(chosen, text, precision)), len(LOGITS)
    if not states:
        yield "the program", f"sample {precision}", 0, 0, math.nan, 0, math.inf
        return
    for i, (name, _, _, series) in enumerate(chosen):
        for k, t in enumerate(LOGITS):
            want = true_values(name, series, t * slope + shift)
            for row in range(6):
                order, got, true = row % 3, states[f"r{i}"][row * n + k], want[row % 3] * slope ** (row % 3)
                if order == 0 or not name.startswith("plug-in"):
                    yield name, f"{('sample', 'elements')[row // 3]} {precision}", order, t, got, true, ulps(got, true, 1 / n if row in (1, 2) else 1)


def hold(gan, chosen):
    passed = failed = 0
    for link in LINKS:
        for precision in ("f32", "f64"):
            for name, form, order, t, got, true, off in found(gan, chosen, link, precision):
                wrong = off > ULPS
                passed, failed = passed + (not wrong), failed + wrong
                if wrong:
                    print(f"FAILED {name} of {link[0]}, {form}, derivative {order} at t = {t}: {got:.9g}, not {true:.9g}; off by {off:.3g}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


# ---- the page

def as_written(chosen, link):
    """The same of the formula in f32, step by step."""
    Series.kind = Single
    for name, _, _, series in chosen:
        for t in LOGITS:
            got = [float(x) for x in series(t * link[1] + link[2]).derivatives()]
            Series.kind = Decimal
            true = true_values(name, series, t * link[1] + link[2])
            Series.kind = Single
            for order in range(1 if name.startswith("plug-in") else 3):
                yield name, "written", order, t, got[order], true[order], ulps(NAN if math.isnan(got[order]) else got[order], true[order], 1)
    Series.kind = Decimal


PAGE = """# What formulas keep of their digits

Written by `tests/digits/run.py GAN --page docs/digits.md`; the test `digits` holds it. Each row is a loss as a function of the critic's output t: `conj` and `slope` are
the two sides of an f-divergence or of ratio matching (r f'(r) - f(r) and f'(r) of r = exp(t)), `plug-in` its value f(r), a score is of data or of the model. Value, slope
and bend are computed at t = 0, 0.5 and ±1, 8, 16, 20, 40, 60 and 88, with t, t + 0.5, 2 t, t - s and -t for the critic. `as written` is the formula in f32, step by step:
how many of these numbers are off by more than 4 of the last places, and how many of them are nan or infinite where they should not be. The other columns are what Gan makes
of it: the most last places of f32 that one of them is off by; in a loss under `E[..]`, where it is one number per sample, and where the critic gives many outputs.
All of the {all} numbers are held to {ulps} last places.

| loss | as written: off | not finite | Gan, per sample | Gan, of elements |
| --- | --- | --- | --- | --- |
"""


def page(gan, chosen, path):
    rows, numbers = {name: {"off": 0, "not finite": 0, "all": 0, "sample f32": 0, "elements f32": 0} for name, *_ in chosen}, 0
    for link in LINKS:
        for name, _, _, _, _, _, off in as_written(chosen, link):
            rows[name]["all"] += 1
            rows[name]["off"] += off > 4
            rows[name]["not finite"] += math.isinf(off)
        for name, form, order, _, _, _, off in found(gan, chosen, link, "f32"):
            numbers += 1
            rows[name][form] = max(rows[name][form], off)
    with open(path, "w", encoding="utf-8") as f:
        f.write(PAGE.format(all=numbers, ulps=ULPS))
        for name, r in rows.items():
            f.write(f"| `{name}` | {r['off']} of {r['all']} | {r['not finite']} | {r['sample f32']:.1f} | {r['elements f32']:.1f} |\n")
    return 0


def main():
    gan, option = os.path.abspath(sys.argv[1]), sys.argv[2:]
    chosen = [c for c in cases() if option[:1] != ["--only"] or option[1] in c[0] or c[1]]
    if option[:1] in (["--random"], ["--wide"]):
        chosen = list(random_cases(int(option[1]), int(option[2]), option[0] == "--wide"))
    return page(gan, chosen, option[1]) if option[:1] == ["--page"] else hold(gan, chosen)


sys.exit(main())
