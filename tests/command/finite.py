"""finite.py - a formula that `gan explain` prints, in numbers, on spaces of a few points.

In: a formula's text, and a World: what its names are - distributions as tables of probabilities, nets as tables of values, models as functions.
Out: its number. Means are sums over all that can be drawn, so nothing is estimated. A net has a value of its own at each point for each place that it is
asked from ("G", "joint's x beside joint's y"), as explain names them: that is what "at draws of G" speaks of.
The text is read by the oracle's reader, and nothing of the compiler is used. Start at World.number()."""
import itertools
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
from syntax import Parser  # pylint: disable=wrong-import-position


class Sample:
    """A value that was drawn, or is a field of one: of: the distribution, draw: the same for all fields of one draw."""
    count = itertools.count()

    def __init__(self, value, of, field=None, draw=None):
        self.value, self.of, self.field, self.draw = value, of, field, next(Sample.count) if draw is None else draw

    def get(self, name):
        return Sample(self.value[name], self.of, name, self.draw)


class Dist:
    """outcomes: (probability, value); a value is a number, or a dict of them. of: what explain calls it; field: of another's draws."""
    def __init__(self, of, outcomes, field=None):
        self.of, self.outcomes, self.field = of, outcomes, field

    def get(self, name):
        return Dist(self.of, [(w, v[name]) for w, v in self.outcomes], name)

    def weight(self, value):
        return math.fsum(w for w, v in self.outcomes if v == value)


def plain(v):
    return v.value if isinstance(v, Sample) else v


def safe(f, at_the_end):
    def g(x):
        try:
            return f(plain(x))
        except (ValueError, OverflowError, ZeroDivisionError):
            return at_the_end(plain(x))
    return g


def quotient(a, b):
    return a / b if b else math.nan if not a else math.copysign(math.inf, a)


def log(x):
    return math.log(x) if x > 0 else -math.inf


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def slope(f):
    """By differences: two steps, so that the error is of the fourth order."""
    def g(u):
        u = plain(u)
        h = 1e-4 * abs(u) if u else 1e-6
        return (8 * (f(u + h) - f(u - h)) - (f(u + 2 * h) - f(u - 2 * h))) / (12 * h)
    return g


def score(of_true):
    return lambda d, real: of_true(plain(d) if real else 1 - plain(d))


def js(u):
    return (u * log(u) if u else 0) - (u + 1) * log((1 + u) / 2)


def weighted_js(w):
    return lambda u: (w * u * log(u) if u else 0) - (1 - w + w * u) * log(1 - w + w * u)


def alpha(a):
    return lambda u: (u**a - 1 - a * (u - 1)) / (a * (a - 1))


# What the library's functions are, from their sources and not from its text.
KNOWN = {
    "exp": safe(math.exp, lambda x: math.inf), "log": lambda x: log(plain(x)), "sqrt": lambda x: math.sqrt(plain(x)), "tanh": lambda x: math.tanh(plain(x)), "cos": lambda x: math.cos(plain(x)), "sin": lambda x: math.sin(plain(x)), "abs": lambda x: abs(plain(x)),
    "sigmoid": safe(lambda x: 1 / (1 + math.exp(-x)), lambda x: 0.0), "softplus": lambda x: softplus(plain(x)), "relu": lambda x: max(plain(x), 0), "norm": lambda x: abs(plain(x)), "norm2": lambda x: plain(x)**2,
    "norm1": lambda x: abs(plain(x)), "max": lambda a, b: max(plain(a), plain(b)), "is_above": lambda x: 1 if plain(x) > 0 else 0, "uncut": lambda x, why: x, "stop": lambda x: x,
    "bound": lambda x: x, "biased": lambda x: x, "unbiased": lambda x: x, "plug_in": lambda x: x,
    "log_score": score(lambda d: -log(d)), "brier_score": score(lambda d: (1 - d)**2), "exponential_score": score(lambda d: math.sqrt(quotient(1 - d, d))),
    "spherical_score": score(lambda d: -d / math.hypot(d, 1 - d)),
    "kl": lambda u: u * log(u) if u else 0, "reverse_kl": lambda u: -log(u), "js": js, "gan": lambda u: js(u) - (u + 1) * math.log(2),
    "pearson": lambda u: (u - 1)**2, "neyman": lambda u: quotient((1 - u)**2, u), "hellinger": lambda u: (math.sqrt(u) - 1)**2, "jeffreys": lambda u: (u - 1) * log(u), "weighted_js": weighted_js, "alpha": alpha,
    "lsif": lambda u: u * u / 2, "ukl": lambda u: (u * log(u) if u else 0) - u + 1, "binary_kl": lambda u: (u * log(u) if u else 0) - (1 + u) * log(1 + u), "robust": lambda b: lambda u: (u**(1 + b) - u) / b,
    "conj": lambda f, r: plain(r) * slope(f)(r) - f(plain(r)),
    # of slopes, and of parameters: nothing that is said is of them
    "gradient_penalty": lambda *a: 0, "zero_slope": lambda *a: 0, "dragan": lambda *a: 0,
}
OPERATORS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": quotient, "^": lambda a, b: a**b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
             "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, "and": lambda a, b: a and b}


class World:
    """dists, models: by name; nets: name -> {point: value}; more: (name, place, point) -> what is added there; members: ("c", "r") -> (parameters, text) or a value."""
    def __init__(self, dists, nets=None, models=None, members=None, batch=2):
        self.dists, self.nets, self.models, self.members, self.batch = dists, nets or {}, models or {}, members or {}, batch
        self.more, self.asked, self.trees = {}, set(), {}

    def number(self, text, **names):
        return plain(self.value(self.tree(text), names))

    def tree(self, text):
        if text not in self.trees:
            p = Parser(text)
            self.trees[text] = p.expr()
            assert p.kind() == "end", (text, p.peek())
        return self.trees[text]

    # ---- nets

    def net(self, name):
        def apply(*given):
            first = given[0]
            whole = isinstance(first, Sample) and isinstance(first.value, dict)
            point = tuple(first.value.values()) if whole else tuple(plain(x) for x in given)
            drawn = [x for x in given if isinstance(x, Sample)]
            one = len(drawn) == len(given) and len({x.draw for x in drawn}) == 1
            place = first.of if one else " beside ".join((f"{x.of}'s {x.field}" if x.field else x.of) if isinstance(x, Sample) else str(x) for x in given)
            self.asked.add((name, place, point))
            return self.nets[name][point] + self.more.get((name, place, point), 0)
        return apply

    # ---- names

    def named(self, name, env):
        if name in env:
            return env[name]
        for table in (self.dists, self.models):
            if name in table:
                return table[name]
        if name in self.nets:
            return self.net(name)
        return KNOWN[name]

    def member(self, c, name):
        it = self.members[c, name]
        if not isinstance(it, tuple):
            return it
        params, text = it
        return (lambda *given: self.value(self.tree(text), dict(zip(params, given)))) if params else self.value(self.tree(text), {})

    # ---- expressions

    def value(self, n, env):
        return getattr(self, "of_" + n.kind)(n, env)

    def of_number(self, n, env):
        return n.value

    def of_string(self, n, env):
        return n.value

    def of_name(self, n, env):
        return self.named(n.name, env)

    def of_negative(self, n, env):
        return -plain(self.value(n.e, env))

    def of_binary(self, n, env):
        return OPERATORS[n.op](plain(self.value(n.a, env)), plain(self.value(n.b, env)))

    def of_if(self, n, env):
        return self.value(n.yes if plain(self.value(n.cond, env)) else n.no, env)

    def of_prime(self, n, env):
        return slope(self.value(n.e, env))

    def of_fn(self, n, env):
        names = [p.name for p in n.params]
        return lambda *given: self.value(n.body, {**env, **dict(zip(names, given))})

    def of_field(self, n, env):
        if n.e.kind == "name" and (n.e.name, n.name) in self.members:
            return self.member(n.e.name, n.name)
        return KNOWN[n.name] if n.e.kind == "name" and n.e.name == "compare" else self.value(n.e, env).get(n.name)

    def of_call(self, n, env):
        if n.f.kind == "name" and n.f.name == "log_prob":
            return log(self.value(n.args[0], env).weight(plain(self.value(n.args[1], env))))
        return self.value(n.f, env)(*[self.value(a, env) for a in n.args])

    def of_block(self, n, env):
        env = dict(env)
        for s in n.body[:-1]:
            assert s.kind == "let", s
            env[s.pattern] = self.value(s.value, env)
        last = n.body[-1]
        return self.value(last.e if last.kind == "value" else last, env)

    # ---- means

    def of_E(self, n, env):
        of_batch = any(x.kind == "name" and x.name == "batch_of" for x in walk(n.e))
        return self.mean_of_batches(n, env) if of_batch else self.mean(n.binders, n.e, env)

    def mean(self, binders, e, env):
        if not binders:
            return plain(self.value(e, env))
        (patterns, d), rest = binders[0], binders[1:]
        d = self.value(d, env)
        return math.fsum(w * self.mean(rest, e, {**env, **bound(patterns[0], Sample(v, d.of, d.field))}) for w, v in d.outcomes if w)

    def mean_of_batches(self, n, env):
        """All batches of self.batch draws, each with the mean of e over its draws; batch_of(y) is the y of all of them."""
        ((patterns, d),), out = n.binders, []
        d = self.value(d, env)
        for batch in itertools.product([(w, v) for w, v in d.outcomes if w], repeat=self.batch):
            rows = [bound(patterns[0], Sample(v, d.of)) for _, v in batch]
            others = {"batch_of": lambda y, rows=rows: Dist("batch", [(1 / len(rows), plain(r[y.field])) for r in rows])}
            out.append(math.prod(w for w, _ in batch) * math.fsum(plain(self.value(n.e, {**env, **others, **row})) for row in rows) / len(rows))
        return math.fsum(out)


def bound(pattern, sample):
    if isinstance(pattern, str):
        return {pattern: sample}
    return {name: sample.get(field) for name, field in zip(pattern, sample.value)}


def walk(n):
    yield n
    for v in vars(n).values():
        for x in v if isinstance(v, list) else [v]:
            if hasattr(x, "kind"):
                yield from walk(x)
            elif isinstance(x, tuple):
                yield from (z for y in x if hasattr(y, "kind") for z in walk(y))


def least(f, x, lo=-30.0, hi=30.0):
    """Where f, which has one valley along each coordinate, is least: one after the other by golden sections, until nothing moves."""
    share, x = (math.sqrt(5) - 1) / 2, list(x)
    for first in [True] + 60 * [False]:
        before = list(x)
        for i in range(len(x)):
            at = lambda t, i=i: f(x[:i] + [t] + x[i + 1:])
            a, b = (lo, hi) if first else (x[i] - 2, x[i] + 2)
            c, d = b - share * (b - a), a + share * (b - a)
            fc, fd = at(c), at(d)
            while b - a > 1e-6:
                if fc <= fd:
                    b, d, fd = d, c, fc
                    c = b - share * (b - a)
                    fc = at(c)
                else:
                    a, c, fc = c, d, fd
                    d = a + share * (b - a)
                    fd = at(d)
            x[i] = (a + b) / 2
        if max(abs(u - v) for u, v in zip(x, before)) < 1e-5:
            break
    return x
