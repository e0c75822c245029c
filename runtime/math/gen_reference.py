#!/usr/bin/env python3
"""Writes reference.h: values of the elementary functions and of polygamma to 100 bits, for test_math.c.

    python3 gen_reference.py > reference.h        (needs mpmath; takes some seconds)
"""
import random

from mpmath import (mp, mpf, cos, digamma, erf, erfc, exp, factorial, floor, log, loggamma, pi, power,
                    sin, tanh, zeta)

mp.dps = 400                                     # sin of the largest f64 needs its 1024 bits


def sigmoid(x):
    return 1 / (1 + exp(-x))


FUNCTIONS = {
    "exp": exp, "expm1": lambda x: exp(x) - 1, "log": log, "log1p": lambda x: log(1 + x), "sin": sin, "cos": cos,
    "tanh": tanh, "sigmoid": sigmoid, "dsigmoid": lambda x: sigmoid(x) * sigmoid(-x),
    "softplus": lambda x: log(1 + exp(x)), "erf": erf, "erfc": erfc,
}
POSITIVE = {"log"}
ABOVE_MINUS_1 = {"log1p"}

SHARED = [17, -17, 16.64, 20, -20, 36.5, -36.5, 40, -40, 87, -87, 88.5, -88.5, 89, -89, 100, -100, 103.5, -103.5, 700, -700,
          709.5, -740, -745, 1e-3, -1e-3, 1e-8, 1e-20, 1e-300, 5e-324, 0.3465, 0.3466, -0.3466, 0.5, -0.5, 1, -1, 2.5, 9.0109]
LOGS = [0.5, 0.70710678, 0.7071068, 1 - 2.0**-24, 1 + 2.0**-52, 1.4142135, 2, 3, 10, 1e-310, 1e300, 0.41421356, -0.29289, -0.9999999]
ANGLES = [3.141592653589793, 1.5707963267948966, 0.7853981633974483, 10, 1000, 1e6, 1.3e8, 2.0**27, 1e15, 1e22, 1e100, 1e300,
          6381956970095103 * 2.0**797, 1.7976931348623157e308, -1e10, 255, 11, 22]
TAILS = [0.44, 0.449, 0.451, 0.99, 1.01, 3, 5.9, 6.1, 10, -10 / 2**0.5, 13, 20, 26.5, 27]


def arguments(name):
    rng = random.Random(name)
    xs = [rng.uniform(-9, 9) for _ in range(10)] + [rng.uniform(-0.5, 0.5) for _ in range(6)] + SHARED
    xs += ANGLES if name in ("sin", "cos") else TAILS if name in ("erf", "erfc") else LOGS if "log" in name else []
    xs = [abs(x) for x in xs] if name in POSITIVE else [x for x in xs if x > -1] if name in ABOVE_MINUS_1 else xs
    return sorted(set(xs))


def two(value):
    """value as the nearest f64 and the nearest to what is left; None where it overflows."""
    if abs(value) >= mpf(2) ** 1024 * (1 - mpf(2) ** -54):
        return None
    head = float(value)
    return head.hex(), float(value - head).hex()


def psi(n, x):
    x = mpf(x)
    if n == -1:
        return loggamma(x) if x > 0 else log(abs(pi / sin(pi * x))) - loggamma(1 - x)
    if n == 0:
        return digamma(x)
    left = int(floor(-x)) + 1 if x < 0 else 0
    terms = sum((x + k) ** (-n - 1) for k in range(left))
    return (-1) ** (n + 1) * factorial(n) * (terms + zeta(n + 1, x + left))


def main():
    print("/* reference.h - {function, x, value, what the value's rounding left}, written by gen_reference.py */\n#pragma once\n")
    print("static const struct {\n    const char *name;\n    double      x, head, rest;\n} reference[] = {")
    for name, f in FUNCTIONS.items():
        for x in arguments(name):
            pair = two(f(mpf(x)))
            if pair:
                print('    {"%s", %s, %s, %s},' % (name, float(x).hex(), *pair))
    print("};\n\nstatic const struct {\n    double a, b, head, rest;\n} reference_pow[] = {")
    rng = random.Random("pow")
    for i in range(40):
        a = rng.uniform(0.5, 2) if i % 2 else 10 ** rng.uniform(-5, 5)
        b = rng.uniform(-500, 500) if i % 2 else rng.uniform(-20, 20)
        print("    {%s, %s, %s, %s}," % (a.hex(), b.hex(), *two(power(mpf(a), mpf(b)))))
    print("};\n\nstatic const struct {\n    int    n;\n    double x, value;\n} reference_polygamma[] = {")
    mp.dps = 60
    for n in (-1, 0, 1, 2, 3, 5, 12, 40):
        rng = random.Random(n)
        xs = [rng.uniform(0, 3) for _ in range(6)] + [rng.uniform(0, 40), rng.uniform(0, 40), 0.5, 1, 2.5, 16, 1e5]
        xs += [-rng.uniform(0, 5), -rng.uniform(0, 5), -rng.uniform(5, 100), -0.75, 1e-5]
        for x in xs:
            if not (n == -1 and x == 1):
                print("    {%d, %s, %s}," % (n, float(x).hex(), float(psi(n, x)).hex()))
    print("};")


if __name__ == "__main__":
    main()
