"""values.py - what an expression can stand for, and arithmetic on it.

A tensor is a flat list of scalar nodes over sample axes first, then dimensions; a sample axis is an object, so two axes are never confused.
Static numbers are Python's own. Everything else (records, functions, layers, players, distributions, comparisons, rules) is a class
below that only holds its parts; evaluate.py says what they mean.
Start at elementwise()."""
import itertools
import math
from scalar import N, const, make, total
from syntax import Strange


class Wrong(Exception):
    """The program is wrong, and gan must say so with this code, or one of `also`."""

    def __init__(self, code, line, why, *also):
        super().__init__(f"{code} line {line}: {why}")
        self.code, self.also = code, {code, *also}


class Axis:
    def __init__(self, n):
        self.n = n


class T:
    def __init__(self, axes, shape, data):
        self.axes, self.shape, self.data = tuple(axes), tuple(shape), data


class Record:
    """Fields in order; `players` says of which player each field is, `of` whose parameters a record of parameters is."""

    def __init__(self, fields, named=True, players=None, of=None):
        self.fields, self.named, self.players, self.of = dict(fields), named, players, of

    def like(self, fields):
        return Record(fields, self.named, self.players, self.of)


class Fn:
    def __init__(self, define, lists, body, scope, given=()):
        self.define, self.lists, self.body, self.scope, self.given = define, lists, body, scope, given


class Layer:
    """A layer whose first list is given; with a site it is one layer wherever it is applied."""

    def __init__(self, define, scope, lists):
        self.define, self.scope, self.lists, self.site = define, scope, lists, None
        self.body = define.body if define.body is not None else define.value


class Instance:
    def __init__(self, name, owner, parent=None):
        self.name, self.owner, self.parent = name, owner, parent
        self.children, self.counts, self.names, self.slots, self.source = {}, {}, {}, {}, None

    def child(self, key, kind):
        if key not in self.children:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            name = f"{kind}_{self.counts[kind]}"
            c = self.children[key] = self.names[name] = Instance(name, self.owner, self)
            c.source = self.source.names.get(name) if self.source else None
        return self.children[key]


class Slot:
    def __init__(self, name, kind, owner):
        self.name, self.kind, self.owner, self.first = name, kind, owner, None


class SlotRecord:
    """A state of several fields: each a Slot or a SlotRecord."""

    def __init__(self, fields, named=True):
        self.fields, self.named = dict(fields), named


class Player:
    def __init__(self, name):
        self.name, self.body, self.model, self.bijector = name, None, False, None
        self.instance, self.steps = Instance(name, self), Slot(name + ".steps", "steps", self)


class Dist:
    def __init__(self, kind, **parts):
        self.kind = kind
        self.__dict__.update(parts)


class Bijector:
    """Its members see `scope`, where its arguments are, and the parameters of who owns it: a player that is one, or nobody."""

    def __init__(self, define, scope):
        self.define, self.scope = define, scope


class Comparison:
    """`changed`: what `with` has made of members, which only those see who ask the comparison for them."""

    def __init__(self, scope, name, changed=()):
        self.scope, self.name, self.changed = scope, name, dict(changed)


class Thunk:
    """What is evaluated where it is used; a comparison's member as the instance it belongs to."""

    def __init__(self, node, scope, instance=None):
        self.node, self.scope, self.instance = node, scope, instance


class Rule:
    def __init__(self, define, scope):
        self.define, self.scope = define, scope


class Builtin:
    def __init__(self, name):
        self.name = name


# ---- tensors

def number(v):
    return isinstance(v, (int, float))


def tensor(v, line=0):
    if isinstance(v, T):
        return v
    if number(v):
        return T((), (), [const(v)])
    if isinstance(v, list):
        return stack([tensor(x, line) for x in v])
    raise Strange(f"line {line}: {type(v).__name__} as a tensor")


def union(ts):
    out = []
    for t in ts:
        out += [a for a in t.axes if a not in out]
    return tuple(out)


def spread(t, axes):
    """The data of t over these axes, which hold its own."""
    if t.axes == axes:
        return t.data
    size = math.prod(t.shape)
    stride, at = {}, size
    for a in reversed(t.axes):
        stride[a], at = at, at * a.n
    out = []
    for index in itertools.product(*[range(a.n) for a in axes]):
        start = sum(i * stride[a] for i, a in zip(index, axes) if a in stride)
        out += t.data[start:start + size]
    return out


def elementwise(op, *values, line=0):
    ts = [tensor(v, line) for v in values]
    axes = union(ts)
    shapes = {t.shape for t in ts if t.shape}
    if len(shapes) > 1:
        raise Wrong("E200", line, f"shapes {shapes}")
    shape = shapes.pop() if shapes else ()
    size = math.prod(shape)
    columns = []
    for t in ts:
        d = spread(t, axes)
        columns.append(d if t.shape == shape else [x for x in d for _ in range(size)])
    made = T(axes, shape, [make(op, *row) for row in zip(*columns)])
    return identity(made) if shape else made                 # of several numbers at once nothing is known before it runs


def rows_of(t, axes=None):
    """The examples of a tensor over these axes, each a list."""
    d, size = spread(t, axes if axes is not None else t.axes), math.prod(t.shape)
    return [d[i:i + size] for i in range(0, len(d), size)]


def reduce(t, f):
    return identity(T(t.axes, (), [f(row) for row in rows_of(t)]))


def stack(ts):
    axes = union(ts)
    if len({t.shape for t in ts}) > 1:
        raise Strange("a list of unequal tensors")
    rows = [rows_of(t, axes) for t in ts]
    return T(axes, (len(ts),) + ts[0].shape, [x for example in zip(*rows) for part in example for x in part])


def pick(t, i):
    """t[i] along the first dimension."""
    size = math.prod(t.shape[1:])
    return T(t.axes, t.shape[1:], [x for row in rows_of(t) for x in row[i * size:(i + 1) * size]])


def mean_over(v, axis):
    """What does not vary over the axis is itself, and as known as before."""
    if isinstance(v, Record):
        return v.like((k, mean_over(x, axis)) for k, x in v.fields.items())
    v = tensor(v)
    if axis not in v.axes:
        return v
    rest = tuple(a for a in v.axes if a is not axis)
    size, d = math.prod(v.shape), spread(v, rest + (axis,))
    data = []
    for start in range(0, len(d), size * axis.n):
        for k in range(size):
            data.append(make("div", total([d[start + i * size + k] for i in range(axis.n)]), const(axis.n)))
    return identity(T(rest, v.shape, data))


def over(t, axis):
    """t with a copy for each example of the axis."""
    axes = t.axes + (axis,)
    return T(axes, t.shape, [make("id", n) for n in spread(t, axes)])


def fill(t, shape):
    if t.shape == tuple(shape):
        return t
    if t.shape:
        raise Strange("a shape that is not declared")
    k = math.prod(shape)
    return T(t.axes, shape, [x for x in t.data for _ in range(k)])


def each(f, v):
    """f of every tensor in v."""
    if isinstance(v, Record):
        return v.like((k, each(f, x)) for k, x in v.fields.items())
    return f(tensor(v))


def leaves(v):
    """The scalar nodes of a value, in order."""
    if isinstance(v, Record):
        return [n for x in v.fields.values() for n in leaves(x)]
    return list(tensor(v).data)


def fields(op, a, b, line):
    """Arithmetic on records goes field by field."""
    if isinstance(a, Record) and isinstance(b, Record):
        if set(a.fields) != set(b.fields):
            raise Strange(f"line {line}: records of other fields")
        out = a.like((k, fields(op, x, b.fields[k], line)) for k, x in a.fields.items())
        out.players, out.of = a.players or b.players, a.of or b.of
        return out
    if isinstance(a, Record):
        return a.like((k, fields(op, x, b, line)) for k, x in a.fields.items())
    if isinstance(b, Record):
        return b.like((k, fields(op, a, x, line)) for k, x in b.fields.items())
    return elementwise(op, a, b, line=line)


def identity(v, note=None):
    """A value of nodes of its own: what a name stands for (BOUND), or what is computed while the program runs, whatever of."""
    if isinstance(v, T):
        return T(v.axes, v.shape, [N("id", (n,), n.val, note) for n in v.data])
    if isinstance(v, Record):
        return v.like((k, identity(x, note)) for k, x in v.fields.items())
    return v
