#!/usr/bin/env python3
"""Writes coefficients.h: the minimax polynomials of functions.h, by Remez exchange in 60 digits.

Each row approximates g on [a, b] by a polynomial p so that the largest w*(g - p) is smallest; the weight w makes that the
relative error of the function the polynomial serves. The functions keep the leading terms exact, so coefficients are just rounded.

    python3 gen_coefficients.py > coefficients.h        (needs mpmath; takes a minute or two)
"""
import struct
import sys
import textwrap

from mpmath import mp, mpf, exp, expm1, log, log1p, sin, cos, atanh, erf, erfc, sqrt, pi, inf, matrix, lu_solve

mp.dps = 60


def remez(g, w, a, b, n):
    """n coefficients of the polynomial on [a, b] whose largest weighted error is smallest; and that error."""
    a, b = mpf(a), mpf(b)
    node = lambda i: (a + b) / 2 - (b - a) / 2 * cos(pi * i / n)
    points = [node(i) for i in range(n + 1)]
    grid = [(a + b) / 2 - (b - a) / 2 * cos(pi * (i + mpf(1) / 3) / (24 * n)) for i in range(24 * n)]
    grid = [a] + grid + [b]
    known = {x: (g(x), w(x)) for x in grid}
    coefs = None
    for _ in range(30):
        values = {x: known.get(x) or (g(x), w(x)) for x in points}
        m, r = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for i, x in enumerate(points):
            gx, wx = values[x]
            for j in range(n):
                m[i, j] = wx * x**j
            m[i, n] = (-1) ** i
            r[i] = wx * gx
        s = lu_solve(m, r)
        coefs, level = [s[j] for j in range(n)], abs(s[n])
        error = lambda x: known[x][1] * (known[x][0] - horner(coefs, x))
        best, runs = None, []
        for x in grid:
            e = error(x)
            if best is None or (e > 0) != (best[1] > 0):
                if best is not None:
                    runs.append(best)
                best = (x, e)
            elif abs(e) > abs(best[1]):
                best = (x, e)
        runs.append(best)
        while len(runs) > n + 1:
            runs.pop(0 if abs(runs[0][1]) < abs(runs[-1][1]) else -1)
        if len(runs) < n + 1:
            break
        points = [x for x, _ in runs]
        worst = max(abs(e) for _, e in runs)
        if worst < level * mpf("1.01"):
            break
    return coefs, max(abs(known[x][1] * (known[x][0] - horner(coefs, x))) for x in grid)


def horner(coefs, x):
    y = mpf(0)
    for c in reversed(coefs):
        y = y * x + c
    return y


def rounded(x, kind):
    """x as the nearest f32 or f64, an mpf again."""
    if kind == "f32":
        return mpf(struct.unpack("f", struct.pack("f", float(x)))[0])
    return mpf(float(x))


def fit(g, w, a, b, n, kind):
    """As remez, with coefficients rounded to the kind."""
    coefs = [rounded(c, kind) for c in remez(g, w, a, b, n)[0]]
    grid = [(mpf(a) + mpf(b)) / 2 - (mpf(b) - mpf(a)) / 2 * cos(pi * (i + mpf(1) / 3) / 301) for i in range(301)]
    return coefs, max(abs(w(x) * (g(x) - horner(coefs, x))) for x in grid)


def emit(name, note, g, w, a, b, n, kind):
    coefs, worst = fit(g, w, a, b, n, kind)
    text = f"M_K(x, {float(coefs[-1]).hex()})"
    for c in reversed(coefs[:-1]):
        text = f"M_FMA({text}, x, M_K(x, {float(c).hex()}))"
    print(f"/* {note}; [{mp.nstr(mpf(a), 5)}, {mp.nstr(mpf(b), 5)}], weighted error 2^{mp.nstr(log(worst, 2), 4)} */")
    lines = textwrap.wrap(text, 112, break_long_words=False, break_on_hyphens=False)
    print(f"#define {name}(x) \\\n    " + " \\\n    ".join(lines) + "\n")
    print(f"{name}: {n} terms, 2^{mp.nstr(log(worst, 2), 4)}", file=sys.stderr)


ln2 = log(mpf(2))
R = ln2 / 2 * mpf("1.001")                       # what is left of exp's argument
F0, F1 = sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1  # log's mantissa less one
Q = pi / 4 * mpf("1.001")                        # an octant

exp_q = lambda r: (expm1(r) - r) / r**2
exp_w = lambda r: abs(r**2 / expm1(r))
log_p = lambda f: (log1p(f) - f + f * f / 2) / f**3
log_w = lambda f: f**3 / log1p(f)
# in z = x*x
sin_p = lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z
sin_w = lambda z: z * sqrt(z) / sin(sqrt(z))
cos_p = lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2
cos_w = lambda z: z**2 / cos(sqrt(z))
tiny = mpf(10) ** -12
# 2 atanh s = 2s + s z A(z), z = s*s
atanh_a = lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z
atanh_b = lambda z: (atanh_a(z) - mpf(2) / 3) / z
Z1 = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * mpf("1.001")
erf_p = lambda z: erf(sqrt(z)) / sqrt(z) - 1
erf_w = lambda z: sqrt(z) / erf(sqrt(z))


def erfcx(x):
    return exp(x * x) * erfc(x)


def erfc_w(k):
    """(1 + 2a) erfcx(a) as a function of q = (a - k)/(a + k)."""
    def g(q):
        a = k * (1 + q) / (1 - q)
        return (1 + 2 * a) * erfcx(a)
    return g, (lambda q: 1 / g(q))


def q_of(k, a):
    return (mpf(a) - k) / (mpf(a) + k)


def main():
    print("/* coefficients.h - minimax polynomials, written by gen_coefficients.py. */\n#pragma once\n")
    emit("POLY_EXP_F32", "(expm1 r - r)/r^2", exp_q, exp_w, -R, R, 5, "f32")
    emit("POLY_EXP_F64", "(expm1 r - r)/r^2", exp_q, exp_w, -R, R, 11, "f64")
    emit("POLY_EXP_SHORT", "for f32 results: (expm1 r - r)/r^2", exp_q, exp_w, -R, R, 6, "f64")
    emit("POLY_LOG_F32", "(log1p f - f + f^2/2)/f^3", log_p, log_w, F0, F1, 8, "f32")
    emit("POLY_LOG_F64", "z = s^2: (2 atanh s - 2s)/s^3", atanh_a, lambda z: z / 2, tiny, Z1, 7, "f64")
    emit("POLY_LOG_PAIR", "z = s^2: (2 atanh s - 2s - 2/3 s^3)/s^5", atanh_b, lambda z: z * z / 2, tiny, Z1, 8, "f64")
    emit("POLY_SIN_F32", "z = x^2: (sin x / x - 1)/x^2", sin_p, sin_w, tiny, Q * Q, 3, "f32")
    emit("POLY_COS_F32", "z = x^2: (cos x - 1 + x^2/2)/x^4", cos_p, cos_w, tiny, Q * Q, 3, "f32")
    emit("POLY_SIN_SHORT", "z = x^2, for f32 results: (sin x / x - 1)/x^2", sin_p, sin_w, tiny, Q * Q, 4, "f64")
    emit("POLY_COS_SHORT", "z = x^2, for f32 results: (cos x - 1 + x^2/2)/x^4", cos_p, cos_w, tiny, Q * Q, 4, "f64")
    emit("POLY_SIN_F64", "z = x^2: (sin x / x - 1)/x^2", sin_p, sin_w, tiny, Q * Q, 6, "f64")
    emit("POLY_COS_F64", "z = x^2: (cos x - 1 + x^2/2)/x^4", cos_p, cos_w, tiny, Q * Q, 6, "f64")
    emit("POLY_ERF_SHORT", "z = x^2, for f32 results: erf x / x - 1", erf_p, erf_w, tiny, mpf(1), 7, "f64")
    emit("POLY_ERF_F64", "z = x^2: erf x / x - 1", erf_p, erf_w, tiny, mpf(1), 13, "f64")
    g, w = erfc_w(mpf(2))
    emit("POLY_ERFC_SHORT", "q = (a - 2)/(a + 2), for f32 results: w = (1 + 2a) exp(a^2) erfc a", g, w,
         q_of(2, "0.44"), q_of(2, "10.5"), 11, "f64")
    g, w = erfc_w(mpf(4))
    head = remez(g, w, q_of(4, "0.44"), q_of(4, "27.5"), 22)[0][0]
    emit("POLY_ERFC_F64", "q = (a - 4)/(a + 4): (w - HEAD)/q", lambda q: (g(q) - head) / q, lambda q: abs(q * w(q)),
         q_of(4, "0.44"), q_of(4, "27.5"), 21, "f64")
    print(f"#define ERFC_HEAD     {float(head).hex()}\n#define ERFC_HEAD_LOW {float(head - float(head)).hex()}\n")
    emit_two_over_pi()


def emit_two_over_pi():
    """The bits of 2/pi after 64 zero bits, as 64-bit words: enough for the largest f64."""
    mp.prec = 1600
    words = 21
    bits = int(mp.floor(2 / mp.pi * mpf(2) ** (64 * (words - 1))))
    print("/* 64 zero bits, then those of 2/pi */")
    print(f"#define TWO_OVER_PI_WORDS {words}")
    rows = ["0x%016x" % (bits >> (64 * (words - 1 - i)) & (2**64 - 1)) for i in range(words)]
    lines = [", ".join(rows[i:i + 5]) for i in range(0, words, 5)]
    print("#define TWO_OVER_PI \\\n    " + ", \\\n    ".join(lines))


if __name__ == "__main__":
    main()
