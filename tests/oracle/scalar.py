"""scalar.py - real numbers that remember how they were computed, and their derivatives.

In: operations on numbers.   Out: nodes (N) with a value in f64 and the nodes they came from.
Idea: a number is never folded away, so a path that is there in the program is there in the graph. diff() is forward mode: it walks
the graph once a leaf, in the order of computation, and writes the derivative as new nodes, so it can be differentiated again. The compiler walks
backwards; what both get wrong in the same way must be wrong twice. numeric() differentiates by central differences, for checking.
Start at diff()."""
import bisect
import itertools
import math
import operator


serial = itertools.count()


BOUND = "bound"                                              # the note of a node that a name stands for


class N:
    __slots__ = ("op", "args", "val", "note", "made")

    def __init__(self, op, args, val, note=None):
        self.op, self.args, self.val, self.note, self.made = op, args, val, note, next(serial)


def const(x):
    return N("const", (), float(x))


def leaf(x, slot=None):
    """A value that a statement put into a slot, or a number that a gradient is taken by."""
    return N("leaf", (), float(x), slot)


def safe(f):
    def g(*a):
        try:
            r = f(*a)
            return r if isinstance(r, float) else float(r) if not isinstance(r, complex) else math.nan
        except ZeroDivisionError:
            return math.nan if a[0] == 0 else math.inf
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan
    return g


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


VALUE = {name: safe(f) for name, f in {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "pow": lambda a, b: a ** b,
    "neg": lambda a: -a, "exp": math.exp, "log": math.log, "tanh": math.tanh, "sigmoid": sigmoid, "softplus": softplus, "sqrt": math.sqrt,
    "sin": math.sin, "cos": math.cos, "abs": abs, "max": max, "min": min, "floor": math.floor, "stop": lambda a: a, "id": lambda a: a,
    "expm1": math.expm1, "log1p": math.log1p,
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "and": lambda a, b: bool(a and b), "or": lambda a, b: bool(a or b), "not": lambda a: not a,
    "mod": lambda a, b: a - b * math.floor(a / b), "int_div": lambda a, b: math.floor(a / b), "int": math.trunc, "argmax": lambda *a: a.index(max(a)),
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b, "where": lambda c, a, b: a if c else b, "pick": lambda k, *a: a[int(k)],
}.items()}
NO_PATH = {"stop", "floor", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "mod", "int_div", "int", "argmax"}
CHOOSE = {"where", "pick"}                                   # the first argument says which of the others; all of these are on the way


def make(op, *args):
    return N(op, args, VALUE[op](*[a.val for a in args]))


def total(nodes):
    """A sum; none of it is zero on its own account."""
    out = nodes[0]
    for n in nodes[1:]:
        out = make("add", out, n)
    return out


# ---- what the derivative of each operation is: (node, derivatives of its arguments or None for zero) -> node or None

def product(a, b):
    return None if b is None else make("mul", a, b)


def plus(a, b):
    return b if a is None else a if b is None else make("add", a, b)


def minus(a):
    return None if a is None else make("neg", a)


ONE = const(1)


def d_mul(n, d):
    a, b = n.args
    return plus(product(b, d[0]), product(a, d[1]))


def d_div(n, d):
    b = n.args[1]
    top = plus(d[0], minus(product(n, d[1])))
    return None if top is None else make("div", top, b)


def d_pow(n, d):
    a, b = n.args
    out = None
    if d[0] is not None:
        out = make("mul", make("mul", b, make("pow", a, make("sub", b, ONE))), d[0])
        if a.val == 0 and b.val < 1:
            out = make("where", const(1), const(0), out)     # the root of nothing has the subgradient 0
    if d[1] is not None:
        out = plus(out, make("mul", make("mul", n, make("log", a)), d[1]))
    return out


def chain(slope):
    return lambda n, d: None if d[0] is None else make("mul", slope(n, n.args[0]), d[0])


def choice(k, op, slopes):
    """The slope of what is chosen. That of another is on the way, too: what depends on what is seen from the text, not from the numbers."""
    return None if all(s is None for s in slopes) else make(op, k, *[const(0) if s is None else s for s in slopes])


def d_choice(first_wins):
    return lambda n, d: choice(make(first_wins, *n.args), "where", d)


def sign(n, a):
    return const((a.val > 0) - (a.val < 0))


DERIVATIVE = {
    "add": lambda n, d: plus(d[0], d[1]), "sub": lambda n, d: plus(d[0], minus(d[1])), "mul": d_mul, "div": d_div, "pow": d_pow,
    "neg": lambda n, d: minus(d[0]), "id": lambda n, d: d[0], "app": lambda n, d: d[0], "dep": lambda n, d: d[0],
    "exp": chain(lambda n, a: n), "log": chain(lambda n, a: make("div", ONE, a)),
    "expm1": chain(lambda n, a: make("add", n, ONE)), "log1p": chain(lambda n, a: make("div", ONE, make("add", ONE, a))),
    "tanh": chain(lambda n, a: make("sub", ONE, make("mul", n, n))),
    "sigmoid": chain(lambda n, a: make("mul", n, make("sub", ONE, n))), "softplus": chain(lambda n, a: make("sigmoid", a)),
    "sqrt": chain(lambda n, a: make("div", const(0.5), n) if n.val else const(0)), "sin": chain(lambda n, a: make("cos", a)),
    "cos": chain(lambda n, a: make("neg", make("sin", a))), "abs": chain(sign),
    "max": d_choice("ge"), "min": d_choice("le"),
    "where": lambda n, d: choice(n.args[0], n.op, d[1:]), "pick": lambda n, d: choice(n.args[0], n.op, d[1:]),
}


MADE = operator.attrgetter("made")


def order(e):
    """Every node that e was computed from, arguments first: they were made first."""
    seen, work = {id(e): e}, [e]
    while work:
        for a in work.pop().args:
            if id(a) not in seen:
                seen[id(a)] = a
                work.append(a)
    return sorted(seen.values(), key=MADE)


def known(e):
    """Is it made of numbers of the program's text, one by one? What is made of several at once, as a sum, is computed when the program runs."""
    work = [e]
    while work:
        n = work.pop()
        if n.op in ("leaf", "app", "dep") or n.op == "id" and n.note != BOUND:
            return False
        work += n.args
    return True


def reached(e, through_stops=False, ends=()):
    """The leaves that a walk back from e meets, those of `ends` among them, and the applications it passes (these through stops, too)."""
    seen, leaves, work = set(), {}, [e]
    while work:
        n = work.pop()
        if id(n) in seen:
            continue
        seen.add(id(n))
        leaves[id(n)] = n
        if id(n) not in ends and (through_stops or n.op not in NO_PATH):
            work += n.args[1:] if n.op in CHOOSE and not through_stops else n.args
    return leaves


def applications(e):
    """The layers' applications that e depends on, each a list of assignments, in the order of computation."""
    found = {}
    for n in order(e):
        if n.op == "app":
            found[id(n.note)] = n.note
        elif n.op == "dep":
            found.update(n.note)
    return found


def diff(e, leaf_, topology=None, ends=()):
    """de/dleaf, as a node, or None where there is no path. Nodes of `ends` are held."""
    slope = {id(leaf_): ONE}
    topology = topology or order(e)
    for n in topology[bisect.bisect(topology, leaf_.made, key=MADE):]:
        if id(n) in slope or n.op in NO_PATH or not n.args or id(n) in ends:
            continue
        d = [slope.get(id(a)) for a in n.args]
        if any(x is not None for x in d):
            r = DERIVATIVE[n.op](n, d)
            if r is not None:
                slope[id(n)] = r
    return slope.get(id(e))


def again(topology, leaf_, x, ends=()):
    """The value of the last node of topology with leaf_ at x; what has no path, and nodes of `ends`, stay as they were."""
    val = {id(leaf_): x}
    for n in topology:
        if id(n) in val or id(n) in ends or n.op in ("const", "leaf") or n.op in NO_PATH or not any(id(a) in val for a in n.args):
            continue
        args = [val.get(id(a), a.val) for a in n.args]
        val[id(n)] = args[0] if n.op in ("app", "dep", "id") else VALUE[n.op](*args)
    return val.get(id(topology[-1]), topology[-1].val)


def numeric(e, leaf_, ends=(), step=1e-3):
    """de/dleaf by central differences and one step of Richardson."""
    t, x = order(e), leaf_.val
    h = step * max(1.0, abs(x))

    def central(h):
        return (again(t, leaf_, x + h, ends) - again(t, leaf_, x - h, ends)) / (2 * h)

    return (4 * central(h / 2) - central(h)) / 3
