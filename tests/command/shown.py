"""shown.py - the IR that `gan explain --stage grad` prints, evaluated by its text alone, of programs whose axes have one sample each.

In: the text, and the data's row. Out: what each function reports, by name. Every value is then one number, and a sum over an axis is what it sums. Only what such programs
are made of is read; another word is an error. Start at reports()."""
import math
import re


def guarded(f):
    def g(*x):
        try:
            return f(*x)
        except OverflowError:
            return math.inf
        except ValueError:
            return -math.inf if x[0] == 0 else math.nan
    return g


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def divided(a, b):
    return a / b if b else math.nan if not a or a != a else math.copysign(math.inf, a) * math.copysign(1, b)


COMPARE = {"lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b, "eq": lambda a, b: a == b, "ne": lambda a, b: a != b}
ONE = {"neg": lambda a: -a, "exp": math.exp, "expm1": math.expm1, "log": math.log, "log1p": math.log1p, "sqrt": math.sqrt, "tanh": math.tanh, "abs": abs, "sigmoid": sigmoid,
       "dsigmoid": lambda x: sigmoid(x) * sigmoid(-x), "softplus": lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))), "norm": abs}
TWO = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": divided, "pow": lambda a, b: a**b, "max": max, "min": min}
SAME = {"convert", "stop", "as_sample", "sum", "reduce_max", "spread", "broadcast", "reshape"}          # of one sample, or one element
FIRST = {"index", "permute"}                                # the only one
LINE = re.compile(r"  (%\S+) = (\w+)(?: ([^{]*?))?(?: \{(.*)\})? : \S+$")


def operands(text):
    return [t.strip() for t in text.split(",")] if text else []


def reports(text, data):
    """data: the one row of each table, by its slot."""
    slots, out = dict(data), {}
    for name, body in re.findall(r"^fn (.+?) \{.*?\} \{\n(.*?)^\}", text, re.M | re.S):
        values, changed = {}, {}
        number = lambda t, values=values: values[t] if t.startswith("%") else float({"false": "0", "true": "1"}.get(t, t))
        for line in body.splitlines():
            if m := re.match(r'  (commit|report) "(.*?)", (\S+)$', line):
                (changed if m[1] == "commit" else out)[m[2]] = number(m[3])
                continue
            m = LINE.match(line)
            assert m, (name, line)
            to, op, args, attrs = m[1], m[2], m[3] or "", m[4] or ""
            if op == "read":
                values[to] = slots.get(args.strip('"'), 0.0)
                continue
            a = [number(t) for t in operands(args)]
            if op in ONE:
                values[to] = guarded(ONE[op])(*a)
            elif op in TWO:
                values[to] = guarded(TWO[op])(*a)
            elif op == "compare":
                values[to] = float(COMPARE[attrs](*a))
            elif op == "select":
                values[to] = a[1] if a[0] else a[2]
            elif op == "fma":
                values[to] = a[0] * a[1] + a[2]
            elif op in FIRST:
                values[to] = 0.0
            else:
                assert op in SAME or op == "gather", (name, line)
                values[to] = a[0]
        slots.update(changed)
    return out
