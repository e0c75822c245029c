"""evaluate.py - expressions of the subset: what each word of the language means, said once more.

In: trees, a scope, an environment of slots.   Out: values whose numbers remember how they were computed.
Idea: everything is done as the rules of docs/lowering.md say it, one scalar at a time, without any thought of speed: a binding's value is made
of nodes of its own, a read of a slot is the node that is there now, an application of a layer marks its result with the assignments it made.
A draw must be known: a finite list taken whole, a spread of zero, or a number that the run itself reports.
Start at Evaluator.eval()."""
import contextlib
import itertools
import math
import scalar
from scalar import N, const, make, total
from syntax import Node, Strange
from values import (T, Axis, Bijector, Builtin, Comparison, Dist, Fn, Instance, Layer, Player, Record, Rule, Slot, SlotRecord, Thunk, Wrong, each, elementwise, fields, fill,
                    identity, leaves, mean_over, number, over, pick, reduce, rows_of, spread, stack, tensor, union)

UNARY = {"exp", "log", "tanh", "sigmoid", "softplus", "sqrt", "sin", "cos", "abs", "floor", "stop", "expm1", "log1p"}
OTHERS = {"sum", "mean", "dot", "norm", "norm2", "norm1", "max", "min", "relu", "clip", "zeros", "ones", "where", "rows", "batch_of", "Normal", "Uniform",
          "map", "scalar", "real", "copy", "fold", "scan", "tabulate", "div", "int", "argmax", "one_hot", "csv", "npy", "take", "drop", "filter", "conv", "reshape", "log_prob", "log_det_inverse", "replicate", "split", "zip", "per_class", "sign_of"}
EXACT = {"and": "and", "or": "or", "==": "eq", "!=": "ne", "%": "mod"}
ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


# Samples that meet are E305 whatever their number; of a single one, its value does not show it. The lines of gradients by one.
by_one_sample = []


class Scope:
    def __init__(self, parent=None):
        self.parent, self.names, self.axes = parent, {}, {}

    def find(self, name):
        s = self
        while s and name not in s.names:
            s = s.parent
        return s

    def set(self, name, value, axis=None):
        self.names[name] = value
        self.axes.pop(name, None)
        if axis:
            self.axes[name] = axis


class Evaluator:
    def __init__(self, differentiated):
        self.differentiated = differentiated
        self.env, self.mode, self.batch, self.step = {}, frozenset(), None, 0
        self.ahead, self.files = 0, {}
        self.random, self.hand, self.each = None, (), ()    # the oracle's own draws, where a program asks for them; axes that a draw without a size varies over; of the draw around
        self.instance, self.place, self.frame, self.rule, self.depth, self.completing = None, (), None, None, 0, False
        self.ends, self.frames = {}, []                     # values of slots while looking ahead, by id: gradients end there; applications that assigned

    # ---- names

    def bind(self, scope, pattern, value, axis=None):
        if isinstance(pattern, list):
            parts = list(value.fields.values()) if isinstance(value, Record) else [pick(value, i) for i in range(value.shape[0])] if isinstance(value, T) else value
            if len(parts) != len(pattern):
                raise Strange("a pattern of another length")
            for p, v in zip(pattern, parts):
                self.bind(scope, p, v, axis)
        elif pattern != "_":
            if pattern in self.differentiated and (number(value) and not isinstance(value, bool) or isinstance(value, list) and value):
                value = tensor(value)
            elif pattern in self.differentiated and isinstance(value, Record):
                value = each(lambda t: t, value)
            scope.set(pattern, identity(value, scalar.BOUND), axis)

    def name(self, e, scope):
        s = scope.find(e.name)
        if s:
            v = s.names[e.name]
            if isinstance(v, (Slot, SlotRecord)):
                return self.read(v)
            return self.force(v)
        if e.name == "training":
            return bool(self.instance and self.instance.owner in self.mode)
        if e.name == "batch" and self.batch:
            return self.batch
        if e.name == "step":
            return self.step_value()
        if e.name == "steps" and self.rule:
            return self.rule[1]
        if e.name in UNARY or e.name in OTHERS:
            return Builtin(e.name)
        if e.name == "pi":
            return math.pi
        raise Strange(f"line {e.line}: {e.name}")

    def read(self, v):
        return self.env[v] if isinstance(v, Slot) else Record(((k, self.read(x)) for k, x in v.fields.items()), v.named)

    def numbers_of(self, v):
        """A player beside an operator, or where numbers are taken, is the record of its parameters."""
        if not isinstance(v, Player):
            return v
        self.complete(v)
        return self.parameters(v.instance)

    def step_value(self):
        return identity(tensor(self.step))                  # computed: it is another in each round

    def force(self, v):
        if not isinstance(v, Thunk):
            return v
        if not v.instance:
            return self.eval(v.node, v.scope)
        before = self.instance, self.place, self.frame
        self.instance, self.place, self.frame = v.instance, (), []
        try:
            value = self.eval(v.node, v.scope)
            return self.mark(value) if self.frame else value
        finally:
            self.instance, self.place, self.frame = before

    # ---- expressions

    def eval(self, e, scope):
        return getattr(self, "e_" + e.kind)(e, scope)

    def e_number(self, e, scope):
        return e.value

    e_string = e_number

    def e_name(self, e, scope):
        return self.name(e, scope)

    def e_fn(self, e, scope):
        return Fn(e, [e.params], e.body, scope)

    def e_negative(self, e, scope):
        v = self.eval(e.e, scope)
        return -v if number(v) else each(lambda t: elementwise("neg", t), v)

    def e_not(self, e, scope):
        v = self.eval(e.e, scope)
        return elementwise("not", v) if isinstance(v, T) else not self.static(v, e)

    def static(self, v, e):
        if not number(v):
            raise Strange(f"line {e.line}: not static")
        return v

    def e_binary(self, e, scope):
        a, b = self.eval(e.a, scope), self.eval(e.b, scope)
        if e.op == "^" and e.a.kind == "call" and e.a.f.kind == "name" and isinstance(self.eval(e.a.f, scope), Player) and self.eval(e.a.f, scope).model and not isinstance(a, Dist):
            raise Strange("a power of a model, which is two draws and no square")
        if isinstance(a, Dist) or isinstance(a, Player) and e.op == "^":
            if e.op != "^" or not isinstance(b, int):
                raise Strange("a distribution in arithmetic")
            return Dist("power", base=a, n=b)
        if e.op in ("and", "or", "==", "!=", "%"):
            return elementwise(EXACT[e.op], a, b) if isinstance(a, T) or isinstance(b, T) else self.static_only(e, a, b)
        a, b = self.numbers_of(a), self.numbers_of(b)
        if number(a) and number(b):
            return self.numbers(e, a, b)
        if e.op == "@" or e.op not in ARITHMETIC:
            raise Strange(e.op)
        return fields(ARITHMETIC[e.op], a, b, e.line)

    def static_only(self, e, a, b):
        a, b = self.static(a, e), self.static(b, e)
        return {"and": a and b, "or": a or b, "==": a == b, "!=": a != b, "%": a % b if b else 0}[e.op]

    def numbers(self, e, a, b):
        if e.op in ("<", "<=", ">", ">="):
            return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[e.op]
        if isinstance(a, int) and isinstance(b, int):
            if e.op in ("/", "^"):
                raise Strange("a quotient of integers")
            return {"+": a + b, "-": a - b, "*": a * b}[e.op]
        return scalar.VALUE[ARITHMETIC[e.op]](float(a), float(b))

    def e_record(self, e, scope):
        items = [self.eval(x, scope) for x in e.items]
        names = e.names or range(len(items))
        return Record(zip(names, items), bool(e.names))

    def e_list(self, e, scope):
        items = [self.eval(x, scope) for x in e.items]
        return stack([tensor(x) for x in items]) if any(isinstance(x, T) for x in items) else items

    def e_range(self, e, scope):
        return list(range(self.eval(e.low, scope), self.eval(e.high, scope)))

    def e_if(self, e, scope):
        chosen = e.yes if self.static(self.eval(e.cond, scope), e) else e.no
        return self.block(chosen, Scope(scope))

    def e_for(self, e, scope):
        out, carried, place = [], [self.eval(v, scope) for _, v in e.carried], self.place
        for i, x in enumerate(self.eval(e.over, scope)):
            inner = Scope(scope)
            self.place = place + (("round", id(e), i),)
            self.bind(inner, e.pattern, x)
            for (p, _), v in zip(e.carried, carried):
                self.bind(inner, p, v)
            v = self.block(e.body, inner)
            out.append(v)
            if e.carried:
                carried = [v] if len(e.carried) == 1 else list(v.fields.values())
        self.place = place
        if e.carried:
            return carried[0] if len(e.carried) == 1 else Record(enumerate(carried), False)
        return stack([tensor(x) for x in out]) if any(isinstance(x, T) for x in out) else out

    def e_block(self, e, scope):
        return self.block(e.body, Scope(scope))

    def e_index(self, e, scope):
        v = self.eval(e.e, scope)
        for item in e.items:
            if item.kind == "range":
                low = self.eval(item.low, scope) if item.low else 0
                high = self.eval(item.high, scope) if item.high else len(v) if isinstance(v, list) else v.shape[0]
                v = v[low:high] if isinstance(v, list) else stack([pick(v, i) for i in range(low, high)])
                continue
            i = self.eval(item, scope)
            if isinstance(i, T):
                v = self.computed_index(tensor(v), i)
                continue
            if not isinstance(i, int):
                raise Strange("an index that is no integer")
            v = list(v.fields.values())[i] if isinstance(v, Record) else v[i] if isinstance(v, list) else pick(v, i)
        return v

    def computed_index(self, v, i):
        """v[i] of an i for each sample, which says which, as the condition of a `where` does."""
        axes, size = union([v, i]), math.prod(v.shape[1:])
        if i.shape or any(not 0 <= k.val < v.shape[0] for k in i.data):
            raise Strange("an index outside, or several")
        return T(axes, v.shape[1:], [make("pick", k, *row[j::size]) for row, [k] in zip(rows_of(v, axes), rows_of(i, axes)) for j in range(size)])

    def e_field(self, e, scope):
        return self.field(self.eval(e.e, scope), e.name, e)

    def field(self, v, name, e):
        if isinstance(v, Record):
            if name not in v.fields:
                raise Strange(f"field {name}")
            return v.fields[name]
        if isinstance(v, Dist) and v.kind == "rows":
            return Dist("rows", table=self.field(v.table, name, e), data=v.data)
        if isinstance(v, Comparison):
            return self.force(v.changed[name] if name in v.changed else self.slot_or(v.scope.names[name]))
        if isinstance(v, Bijector):
            return self.bijector_member(v, name)
        if isinstance(v, Player):
            self.complete(v)
            if v.bijector and name in ("inverse", "log_det"):
                return self.bijector_member(v, name)
            return identity(tensor(leaves(self.env[v.steps])[0].val)) if name == "steps" else self.part(v.instance, name)
        if isinstance(v, Instance):
            return self.part(v, name)
        raise Strange(f"field {name} of {type(v).__name__}")

    def slot_or(self, v):
        return self.env[v] if isinstance(v, Slot) else v

    def part(self, instance, name):
        if name in instance.slots:
            return self.env[instance.slots[name]]
        if name in instance.names:
            return instance.names[name]
        raise Strange(f"no {name} in {instance.name}")

    # ---- calls

    def e_call(self, e, scope):
        f = self.eval(e.f, scope)
        args = [self.eval(a, scope) for a in e.args]
        named = [(n, self.eval(a, scope)) for n, a in e.named]
        place = self.place
        self.place = place + (("call", id(e)),)
        try:
            return self.apply(f, args, dict(named), e)
        finally:
            self.place = place

    def apply(self, f, args, named, e):
        self.depth += 1
        if self.depth > 60:
            raise Strange("recursion")
        try:
            for kind, method in ((Builtin, self.builtin), (Fn, self.call), (Layer, self.apply_layer), (Player, self.apply_player), (Rule, self.nested_rule), (Bijector, self.forward)):
                if isinstance(f, kind):
                    return method(f, args, named, e)
            if isinstance(f, tuple) and callable(f[0]):
                return f[0](*args)
            raise Strange(f"line {e.line}: {type(f).__name__} applied")
        finally:
            self.depth -= 1

    def arguments(self, params, args, named, scope, e):
        if len(args) == 1 and isinstance(args[0], Record) and len(params) > 1 and not named:
            r = args[0]
            args, named = ([], dict(r.fields)) if r.named else (list(r.fields.values()), {})
        for i, p in enumerate(params):
            if i < len(args):
                v = args[i]
            elif p.name in named:
                v = named[p.name]
            elif p.default is not None:
                v = self.eval(p.default, scope)
            else:
                raise Strange(f"line {e.line}: no {p.name}")
            self.bind(scope, p.name, v)

    @contextlib.contextmanager
    def at_hand(self, *values, each=False):
        """What is evaluated varies over the axes of these, too; as a draw, each with its own."""
        kept = self.hand, self.each
        if self.random:
            self.hand = union([T(self.hand, (), [])] + [x for v in values for x in some_tensors(v)])
            self.each = self.hand if each else self.each
        yield
        self.hand, self.each = kept

    def call(self, f, args, named, e):
        with self.at_hand(*args, *named.values()):
            return self.called(f, args, named, e)

    def called(self, f, args, named, e):
        scope = Scope(f.scope)
        self.arguments(f.lists[0], args, named, scope, e)
        if f.define.kind == "define" and f.define.word in ("comparison", "distribution", "optimizer", "bijector"):
            return self.members(f.define, scope)
        if len(f.lists) > 1:
            return Fn(f.define, f.lists[1:], f.body, scope)
        if self.instance or self.rule:
            return self.body(f, scope)
        around, self.frame = self.frame, []                 # a function that assigns to a state of the program: an application
        v = self.body(f, scope)
        v = self.mark(v) if self.frame else v
        self.frame = around
        return v

    def body(self, f, scope):
        return self.block(f.body, scope) if isinstance(f.body, list) else self.eval(f.body, scope)

    def define_value(self, d, scope):
        """What a declaration with parameters, or a block, is."""
        return Fn(d, d.lists, d.body if d.body is not None else d.value, scope)

    # ---- who owns

    def apply_layer(self, f, args, named, e):
        if len(f.lists) > 1:
            scope = Scope(f.scope)
            self.arguments(f.lists[0], args, named, scope, e)
            return Layer(f.define, scope, f.lists[1:])
        if self.instance is None:
            raise Wrong("E120", e.line, "a layer outside of a net")
        parent, key = f.site or (self.instance, self.place)
        return self.inside(parent.child(key, f.define.name), f, args, named, e)

    def inside(self, instance, f, args, named, e):
        """The body of a net, model or layer, applied as this instance."""
        before = self.instance, self.place, self.frame
        self.instance, self.place, self.frame = instance, (), []
        scope = Scope(f.scope)
        try:
            self.arguments(f.lists[0] if f.lists else [], args, named, scope, e)
            with self.at_hand(*args, *named.values()):
                v = self.body(f, scope)
            return self.mark(v) if self.frame else v
        finally:
            self.instance, self.place, self.frame = before

    def apply_player(self, p, args, named, e):
        if p.bijector:
            return self.forward(p, args, named, e)
        if p.model:
            return self.condition(p, args, named)
        return self.inside(p.instance, self.player_body(p), args, named, e)

    def player_body(self, p):
        return p.body() if callable(p.body) else p.body

    def condition(self, p, args, named):
        params = p.body.lists[0] if p.body.lists else []
        given = dict(zip([q.name for q in params], args), **named)
        if len(given) == len(params) and not any(s.kind == "sample" for s in p.body.body):
            return self.inside(p.instance, p.body, [], given, params and params[0])
        return Dist("model", player=p, given=given)

    def complete(self, p):
        """Applies a player once to nothing in particular, so that it has its parameters."""
        if p.instance.slots or p.instance.children:
            return
        if p.bijector:
            self.bijector_member(p, "forward")
            return
        f = self.player_body(p)
        args = []
        for q in f.lists[0] if f.lists else []:
            dims = [self.eval(d, f.scope) for d in q.type.dims] if q.type else []
            args.append(fill(T((), (), [const(0.5 if not q.type or q.type.word == "real" else 0)]), dims))
        first = len(self.frames)
        self.inside(p.instance, f, args, {}, f.define)
        del self.frames[first:]                             # it was no application

    def bijector_member(self, b, name):
        """A member as a function of one number; the parameters are those of the player that the bijector is, if it is one."""
        inner, before = b.bijector if isinstance(b, Player) else b, self.instance
        scope = Scope(inner.scope)
        self.instance = b.instance if isinstance(b, Player) else None
        for m in inner.define.body:
            if m.kind == "param":
                self.declare_slot(m, scope)
        self.instance = before
        m = next(m for m in inner.define.body if m.kind == "member" and m.name == name)
        return Fn(m, [m.params], m.value, scope)

    def forward(self, b, args, named, e):
        return self.apply(self.bijector_member(b, "forward"), args, named, e)

    def parameters(self, instance):
        """A player's parameters as a record by path."""
        out = {n: self.env[s] for n, s in instance.slots.items() if s.kind == "param"}
        out.update((n, r) for n, r in ((n, self.parameters(c)) for n, c in instance.names.items()) if r.fields)
        return Record(out, of=instance.owner)

    def slots(self, instance, kind):
        own = [s for s in instance.slots.values() if s.kind == kind]
        return own + [s for c in instance.names.values() for s in self.slots(c, kind)]

    def declare_slot(self, s, scope):
        """param and state in the body of who owns them."""
        if self.instance is None:
            raise Wrong("E120", s.line, "a parameter without an owner")
        if s.name not in self.instance.slots and s.name not in self.instance.names:
            self.make_slots(self.instance, s, self.instance.source, lambda: self.first_value(s, scope))
        scope.set(s.name, self.with_values(self.instance, s.name))

    def make_slots(self, home, s, source, first, name=None):
        """A slot, or for a record one of each field, in a home of their own. A copy begins where its original does."""
        name = name or s.name
        v = None if source and name in source.slots else first()
        if isinstance(v, Record):
            group = home.names[name] = Instance(name, home.owner, home)
            for k, x in v.fields.items():
                self.make_slots(group, s, source and source.names.get(name), lambda x=x: tensor(x), k)
            return
        slot = home.slots[name] = Slot(name, s.kind, home.owner)
        slot.first = source.slots[name].first if v is None else v

    def with_values(self, home, name):
        """What a parameter or state is now."""
        slot = home.slots.get(name)
        if not slot:
            group = home.names[name]
            return Record((k, self.with_values(group, k)) for k in [*group.slots, *group.names])
        if slot not in self.env:
            self.put(slot, slot.first)
        return self.env[slot]

    def first_value(self, s, scope):
        dims = [self.eval(d, scope) for d in s.type.dims] if s.type and not s.type.fields else None
        v = self.eval(s.value, scope)
        if isinstance(v, Record):
            return v
        return fill(tensor(v), dims) if dims is not None else tensor(v)

    def put(self, slot, value):
        """A slot's value is a node of its own."""
        if value.axes:
            raise Wrong("E200", 0, f"{slot.name} varies over samples")
        self.env = dict(self.env)
        self.env[slot] = self.ahead_value(value, slot) if self.ahead else T((), value.shape, [scalar.leaf(n.val, slot) for n in value.data])

    def ahead_value(self, value, slot=None):
        """What a slot or a rule's state has while looking ahead: gradients taken there end at it."""
        nodes = [N("id", (n,), n.val, slot) for n in value.data]
        self.ends.update((id(n), n) for n in nodes)
        return T((), value.shape, nodes)

    def mark(self, v):
        """The result of an application that assigned to states."""
        self.frames.append(self.frame)
        return mark(v, self.frame)

    # ---- bodies

    def block(self, stmts, scope):
        for s in stmts[:-1]:
            self.local(s, scope)
        last = stmts[-1] if stmts else None
        if last is None:
            return None
        if last.kind == "value":
            return self.eval(last.e, scope)
        if last.kind in ("if", "for"):
            return self.eval(last, scope)
        self.local(last, scope)
        return None

    def local(self, s, scope):
        if s.kind == "let":
            self.let(s, scope)
        elif s.kind in ("param", "state"):
            self.declare_slot(s, scope)
        elif s.kind == "assign":
            self.assign_in_body(s, scope)
        elif s.kind == "define" and s.word in ("def", "net"):
            self.declare(s, scope)
        elif s.kind == "sample" and s.size is None:
            for patterns, d in s.binders:
                for p in patterns:
                    self.bind(scope, p, self.draw(self.eval(d, scope), None, s))
        elif s.kind == "value" and s.e.kind == "call" and self.rule:
            self.eval(s.e, scope)
        else:
            raise Strange(f"line {s.line}: {s.kind} in a body")

    def let(self, s, scope):
        v = self.eval(s.value, scope)
        if isinstance(v, Layer) and self.instance:
            v = Layer(v.define, v.scope, v.lists)
            v.site = (self.instance, ("let", id(s)) + self.place)
        self.bind(scope, s.pattern, v)

    def assign_in_body(self, s, scope):
        target, items = (s.target.e, s.target.items) if s.target.kind == "index" else (s.target, None)
        if self.rule and (target.kind != "name" or items):
            raise Strange("an assignment to such a part")
        v = self.eval(s.value, scope)
        if self.rule:
            home = scope.find(target.name)
            old = home.names[target.name]
            home.set(target.name, shaped_like(v, old))
            return
        if not self.instance and target.kind == "name":
            home = scope.find(target.name)
            slot = home and home.names[target.name]
            if not isinstance(slot, Slot) or self.frame is None:
                raise Strange("an assignment to what is no state")
            return self.assign_slot(slot, v, items, s, scope)
        if not self.instance:
            raise Strange("an assignment to such a part")
        home, name = self.target_in_body(target)
        for slot, x in self.assigned_slots(home, name, v):
            self.assign_slot(slot, x, items, s, scope)
        return None

    def target_in_body(self, target):
        if target.kind == "field":
            home, name = self.target_in_body(target.e)
            return home.names[name], target.name
        if target.kind != "name":
            raise Strange("an assignment to such a part")
        return self.instance, target.name

    def assigned_slots(self, home, name, v):
        """The slots that a value goes to: to each field its own."""
        if name in home.names and isinstance(v, Record):
            return [pair for k, x in v.fields.items() for pair in self.assigned_slots(home.names[name], k, x)]
        if name not in home.slots or home.slots[name].kind != "state":
            raise Strange("an assignment to what is no state")
        return [(home.slots[name], v)]

    def assign_slot(self, slot, v, items, s, scope):
        v = tensor(v)
        if v.axes:
            raise Wrong("E200", s.line, "a state that varies over samples")
        shape = self.env[slot].shape
        new = self.elements(v, shape, items, scope) if items else dict(enumerate(fill(v, shape).data))
        self.frame.append((slot, new, slot.owner is None or slot.owner in self.mode))

    def elements(self, v, shape, items, scope):
        """What an index picks of a tensor of that shape: element -> its new value."""
        chosen = []
        for i, n in enumerate(shape):
            item = items[i] if i < len(items) else Node("range", 0, low=None, high=None)
            if item.kind == "range":
                low, high = self.eval(item.low, scope) if item.low else 0, self.eval(item.high, scope) if item.high else n
                chosen.append(list(range(low, high)))
                continue
            k = self.eval(item, scope)
            if isinstance(k, T) and not k.axes and not k.shape:
                k = int(k.data[0].val)
            if not isinstance(k, int) or not 0 <= k < n:
                raise Strange("an index that is none")
            chosen.append(k)
        part = [len(c) for c in chosen if isinstance(c, list)]
        data = fill(v, part).data
        places = itertools.product(*[c if isinstance(c, list) else [c] for c in chosen])
        return {sum(k * math.prod(shape[j + 1:]) for j, k in enumerate(place)): x for place, x in zip(places, data)}

    # ---- expectations

    def e_E(self, e, scope):
        inner, axis = Scope(scope), None
        if len(e.binders) == 1 and e.binders[0][1] is None:
            name = e.binders[0][0][0]
            home = scope.find(name)
            axis = home and home.axes.get(name)
            if not axis:
                raise Strange("E over what is no sample")
        else:
            axis = self.open(e, inner, scope)
        with self.at_hand(T((axis,), (), [])):
            return mean_over(self.eval(e.e, inner), axis)

    def open(self, e, inner, scope):
        """Draws the binders of an expectation or statement on one new axis."""
        if any(d is None for _, d in e.binders):
            raise Strange("a mixed expectation")
        first = self.distribution(self.eval(e.binders[0][1], scope))
        if first.kind == "stop" and isinstance(first.base, Dist) and first.base.kind == "rows" and e.size == "all":
            first = Dist("rows", table=each(lambda t: elementwise("stop", t), first.base.table), data=False)
        n = self.batch if e.size is None else e.size if e.size == "all" else self.eval(e.size, scope)
        if first.kind == "batch" or is_finite(first) and (n == "all" or is_data(first) and n == flatten_rows(first)[0]):       # an epoch is all rows
            return self.open_finite(e, inner, first)
        if n == "all":
            raise Strange("all of what has no list")
        if not n or not isinstance(n, int):
            raise Wrong("E302", e.line, "how many")
        axis = Axis(n)
        if len(e.binders) == 1 and len(e.binders[0][0]) > 1:
            return self.open_finite(e, inner, Dist("batch", table=self.draw(first, axis, e)))
        for patterns, d in e.binders:
            if len(patterns) > 1:
                raise Strange("distinct draws of several")
            self.bind(inner, patterns[0], self.draw(self.eval(d, inner), axis, e), axis)
        return axis

    def open_finite(self, e, inner, d):
        laws = [d] + [self.distribution(self.eval(p, inner)) for _, p in e.binders[1:]]
        if len(laws) > 1:
            return self.open_product(e, inner, laws)
        patterns = e.binders[0][0]
        lists = flatten_rows(d)
        n = lists[0]
        if len(patterns) == 1:
            axis = Axis(n)
            self.bind(inner, patterns[0], self.taken_rows(d, axis, range(n)), axis)
            return axis
        if len(patterns) > 2:
            raise Strange("distinct draws")
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        axis = Axis(len(pairs))
        for k, p in enumerate(patterns):
            self.bind(inner, p, self.taken_rows(d, axis, [q[k] for q in pairs]), axis)
        return axis

    def open_product(self, e, inner, laws):
        """All elements of one beside all of the next."""
        if any(len(patterns) > 1 for patterns, _ in e.binders) or e.size != "all":
            raise Strange("a product of lists")
        rows = list(itertools.product(*[range(flatten_rows(d)[0]) for d in laws]))
        axis = Axis(len(rows))
        for k, (patterns, d) in enumerate(zip([p for p, _ in e.binders], laws)):
            self.bind(inner, patterns[0], self.taken_rows(d, axis, [row[k] for row in rows]), axis)
        return axis

    def taken_rows(self, d, axis, which):
        return self.apply(d.f, [self.taken_rows(self.distribution(d.base), axis, which)], {}, None) if d.kind == "map" else take(d, axis, which)

    def distribution(self, d):
        if isinstance(d, Record):
            return Dist("record", fields=d)
        if isinstance(d, Player) and d.model:
            return Dist("model", player=d, given={})
        if isinstance(d, Dist):
            return d
        raise Strange("no distribution")

    def draw(self, d, axis, e, dims=()):
        d = self.distribution(d)
        if d.kind == "normal":
            if not number(d.sigma) or d.sigma != 0:
                return self.unknown(d, axis, dims)
            mu = tensor(d.mu)
            return self.along(fill(elementwise("add", mu, 0), dims) if dims and not mu.shape else mu, axis)
        if d.kind == "rows":
            n = flatten_rows(d)[0]
            if n != 1:
                return self.unknown(d, axis, dims)
            return self.along(each(lambda t: pick(t, 0), d.table), axis)
        if d.kind == "record":
            return d.fields.like((k, self.draw(x, axis, e)) for k, x in d.fields.fields.items())
        if d.kind == "power":
            parts = [self.draw(d.base, axis, e) for _ in range(d.n)]
            return stack([tensor(p) for p in parts])
        if d.kind == "stop":
            return each(lambda t: elementwise("stop", t), self.draw(d.base, axis, e))
        if d.kind == "map":
            return self.apply(d.f, [self.draw(d.base, axis, e)], {}, e)
        if d.kind == "model":
            return self.draw_model(d, axis, e)
        if d.kind == "custom":
            with self.around_draw(axis, *d.scope.names.values()):
                return self.along(self.eval(d.sample, d.scope), axis)
        return self.unknown(d, axis, dims)

    @contextlib.contextmanager
    def around_draw(self, axis, *values):
        """A draw of an expectation varies over its axis, what its arguments vary over, and what a draw around varies over; one without over all that is at hand."""
        kept = self.hand
        self.hand = self.hand if axis is None else union([T(self.each, (), []), T((axis,), (), [])])
        with self.at_hand(*values, each=True):
            yield
        self.hand = kept

    def unknown(self, d, axis, dims):
        """A draw that nobody knows is the oracle's own, where the program asks for one (game.play)."""
        if not self.random or d.kind not in ("normal", "uniform"):
            raise Strange("a draw that is not known")
        a, b = (d.mu, d.sigma) if d.kind == "normal" else (d.a, d.b)
        a, b = tensor(a), tensor(b)
        with self.around_draw(axis, a, b):
            shape = a.shape or b.shape or tuple(dims)
            one = self.random.gauss if d.kind == "normal" else self.random.uniform
            z = T(self.hand, shape, [N("id", (const(x),), x) for x in (one(0, 1) for _ in range(math.prod(a.n for a in self.hand) * math.prod(shape)))])
        return elementwise("add", a, elementwise("mul", z, b if d.kind == "normal" else elementwise("sub", b, a)))

    def along(self, v, axis):
        return v if axis is None else each(lambda t: t if axis in t.axes else over(t, axis), v)

    def draw_model(self, d, axis, e):
        p = d.player
        given = dict(d.given)
        for q in p.body.lists[0] if p.body.lists else []:
            if q.name not in given:
                if q.drawn is None:
                    raise Strange("an argument that is not given")
                dims = [self.eval(x, p.body.scope) for x in q.type.dims] if q.type and q.type.dims else ()
                given[q.name] = self.draw(self.eval(q.drawn, p.body.scope), axis, e, dims)
        with self.around_draw(axis, *given.values()):
            v = self.inside(p.instance, p.body, [], given, e)
        return self.along(v, axis)

    # ---- gradients

    def e_grad(self, e, scope):
        targets = [self.eval(t, scope) for t in e.of]
        value = tensor(self.eval(e.e, scope))
        if value.shape:
            raise Strange("a gradient of what is no number")
        players = [t for t in targets if isinstance(t, Player)]
        if players:
            records = [self.player_gradient(value, p, e) for p in targets]
            if len(records) == 1:
                return records[0]
            names = [self.written(t) for t in e.of]
            return Record(zip(names, records), players=dict(zip(names, targets)))
        if len(targets) == 1:
            return self.value_gradient(value, targets[0], e)
        names = [self.written(t) for t in e.of]
        slopes = [self.value_gradient(value, t, e) for t in targets]
        return Record(zip(names, slopes)) if len(set(names)) == len(names) else Record(enumerate(slopes), False)

    def e_after(self, e, scope):
        rounds = self.eval(e.count, scope)
        if not isinstance(rounds, int):
            raise Strange("a number of times that is not static")
        return self.look_ahead(e.body, rounds, scope, lambda: self.eval(e.e, scope))

    def written(self, node):
        return node.name if node.kind in ("name", "field") else "?"

    def player_gradient(self, value, p, e):
        self.complete(p)
        w = self.parameters(p.instance)
        self.meets_no_older(value.data, p, e.line, "E304")
        if not self.has_path(value.data, {id(n) for n in leaves(w)}):
            if len(e.of) > 1:
                raise Strange("a field that does not depend on one of its players")
            raise Wrong("E400", e.line, f"no path to {p.name}")
        return self.gradient_record(value, w)

    def gradient_record(self, value, w):
        orders = [scalar.order(n) for n in value.data]
        frames = [scalar.applications(n) for n in value.data]

        def by(t):
            return T(value.axes, t.shape, [slope(n, x, o, f, self.ends) for n, o, f in zip(value.data, orders, frames) for x in t.data])

        return each(by, w)

    def has_path(self, nodes, wanted, stops=True):
        return any(wanted & scalar.reached(n, stops, self.ends).keys() for n in nodes)

    def meets_no_older(self, nodes, player, line, *also):
        for n in nodes:
            for x in scalar.reached(n, ends=self.ends).values():
                s = x.note if x.op == "leaf" or id(x) in self.ends else None
                if s and s.owner is player and s.kind == "param" and not any(x is y for y in self.env[s].data):
                    raise Wrong("E308", line, f"an older value of {player.name}", *also)

    def value_gradient(self, value, target, e):
        if isinstance(target, Record):
            return target.like((k, self.value_gradient_or_zero(value, x, e)) for k, x in target.fields.items())
        if not isinstance(target, T):
            raise Strange("a gradient by what is no value")
        if not self.has_path(value.data, {id(n) for n in target.data}):
            raise Wrong("E304", e.line, "no path to what is differentiated by")
        return self.tensor_gradient(value, target, e)

    def value_gradient_or_zero(self, value, target, e):
        return self.tensor_gradient(value, tensor(target), e)

    def tensor_gradient(self, value, target, e):
        axes = union([value, target])
        if any(a.n == 1 for a in target.axes):
            by_one_sample.append(e.line)
        out, all_targets = [], {id(n) for n in target.data}
        for [y], xs in zip(rows_of(value, axes), rows_of(target, axes)):
            if (scalar.reached(y, ends=self.ends).keys() & all_targets) - {id(x) for x in xs}:
                raise Wrong("E305", e.line, "samples meet")
            topology, frames = scalar.order(y), scalar.applications(y)
            out += [slope(y, x, topology, frames, self.ends) for x in xs]
        return identity(T(axes, target.shape, out))          # computed, also by a number that is known; f' of one is known

    def e_prime(self, e, scope):
        f = self.eval(e.e, scope)

        def derivative(x):
            x = identity(tensor(x), scalar.BOUND)
            y = tensor(self.apply(f, [x], {}, e))
            axes = union([y, x])                            # of what f takes along, too
            pairs = [(n, m) for ns, ms in zip(rows_of(y, axes), rows_of(x, axes)) for n, m in zip(ns, ms)]
            return T(axes, x.shape, [slope(n, m, scalar.order(n), scalar.applications(n), self.ends) for n, m in pairs])

        return (derivative,)

    # ---- built-in functions

    def builtin(self, f, args, named, e):
        n = f.name
        if n == "stop" and isinstance(args[0], (Dist, Player)):
            return Dist("stop", base=args[0])
        if n in UNARY:
            return each(lambda t: elementwise(n, t), args[0])
        return getattr(self, "b_" + n)(*args, **named)

    def b_sum(self, x):
        return reduce(tensor(x), total)

    def b_mean(self, x):
        x = tensor(x)
        return elementwise("div", reduce(x, total), math.prod(x.shape))

    def b_dot(self, a, b):
        a, b = self.numbers_of(a), self.numbers_of(b)
        if isinstance(a, Record):
            parts = [self.b_dot(x, b.fields[k]) for k, x in a.fields.items()]
            out = parts[0]
            for p in parts[1:]:
                out = elementwise("add", out, p)
            return out
        return self.b_sum(elementwise("mul", a, b))

    def b_norm2(self, x):
        return self.b_dot(x, x)

    def b_norm(self, x):
        return elementwise("sqrt", self.b_dot(x, x))

    def b_norm1(self, x):
        return self.b_sum(elementwise("abs", x))

    def b_max(self, a, b):
        return max(a, b) if number(a) and number(b) else fields("max", a, b, 0)

    def b_min(self, a, b):
        return min(a, b) if number(a) and number(b) else fields("min", a, b, 0)

    def b_relu(self, x):
        return elementwise("max", 0, x)

    def b_clip(self, lo, hi):
        return (lambda x: elementwise("max", lo, elementwise("min", x, hi)),)

    def b_zeros(self, x):
        if isinstance(x, Record):
            return each(lambda t: elementwise("mul", elementwise("stop", t), 0), x)
        if isinstance(x, T):
            return T((), x.shape, [const(0) for _ in range(math.prod(x.shape))])
        return fill(T((), (), [const(0)]), [x] if number(x) else x)

    def b_ones(self, dims):
        return fill(T((), (), [const(1)]), dims)

    def b_where(self, c, a, b):
        if isinstance(c, bool):
            return a if c else b
        if not c.axes and not c.shape and scalar.known(c.data[0]):
            return a if c.data[0].val else b
        return elementwise("where", c, a, b)

    def b_copy(self, p):
        return ("copy", p)

    def b_rows(self, t):
        return Dist("rows", table=each(tensor, t) if isinstance(t, Record) else tensor(t), data=False)

    def b_batch_of(self, h):
        h = tensor(h)
        if not h.axes:
            if not self.completing:
                raise Strange("a batch of one value")
            h = over(h, Axis(1))
        return Dist("batch", table=h)

    def b_Normal(self, mu=0, sigma=1):
        return Dist("normal", mu=mu, sigma=sigma)

    def b_Uniform(self, a=0, b=1):
        return Dist("uniform", a=a, b=b)

    def b_map(self, d, f=None, *more):
        if f is None:
            return (lambda base: Dist("map", base=self.distribution(base), f=d),)
        rows = [tensor(x) for x in (f, *more)]
        return self.beside_each_other(rows[0].shape[0], lambda axis: [over_rows(t, axis) for t in rows], d)

    def b_tabulate(self, n, f):
        return self.beside_each_other(n, lambda axis: [T((axis,), (), [N("id", (const(i),), i) for i in range(n)])], f)

    def beside_each_other(self, n, of, f):
        """f of each, as the samples of an axis that becomes the leading dimension: one application."""
        axis = Axis(n)
        v = tensor(self.apply(f, of(axis), {}, f.define))
        rest = tuple(a for a in v.axes if a is not axis)
        return T(rest, (n, *v.shape), spread(v, rest + (axis,)))

    def b_replicate(self, n, f):
        return stack([tensor(self.apply(f, [], {}, f.define)) for _ in range(n)])

    def b_sign_of(self, x):
        """Of what rounding decides nobody knows the sign."""
        if not self.checking and any(abs(n.val) < 1e-9 for n in leaves(x)):
            raise Strange("the sign of nothing")
        return each(lambda t: elementwise("sub", elementwise("gt", t, 0), elementwise("lt", t, 0)), x)

    def b_div(self, a, b):
        return elementwise("int_div", a, b)

    def b_int(self, x):
        return elementwise("int", x)

    def b_argmax(self, x):
        return reduce(tensor(x), lambda row: make("argmax", *row))

    def b_one_hot(self, k, n):
        return stack([elementwise("eq", k, i) for i in range(n)])

    def b_reshape(self, x, dims):
        x = tensor(x)
        return T(x.axes, tuple(dims), x.data)

    def b_conv(self, x, w, stride=1, padding=0, dilation=1, groups=1, input_dilation=1):
        """Each output is the sum over the taps that fall on an element, of the channels of its group. The whole depends on all of x and w, on what no tap falls, too."""
        x, w = tensor(x), tensor(w)
        axes, space = union([x, w]), len(x.shape) - 1
        per = lambda v: list(v) if isinstance(v, list) else [v] * space
        strides, dilations, spread_by = per(stride), per(dilation), per(input_dilation)
        pads = [(p, p) if number(p) else p for p in per(padding)]
        out = [(sum(pads[d]) + (x.shape[d] - 1) * spread_by[d] - (w.shape[d] - 1) * dilations[d]) // strides[d] + 1 for d in range(space)]
        channels, filters = w.shape[-2], w.shape[-1]
        data = []
        for xs, ws in zip(rows_of(x, axes), rows_of(w, axes)):
            for o in itertools.product(*map(range, out)):
                taps = []
                for k in itertools.product(*map(range, w.shape[:space])):
                    at = [divmod(o[d] * strides[d] + k[d] * dilations[d] - pads[d][0], spread_by[d]) for d in range(space)]
                    if all(not rest and 0 <= i < x.shape[d] for d, (i, rest) in enumerate(at)):
                        taps.append((flat([i for i, _ in at], x.shape), flat(k, w.shape)))
                for f in range(filters):
                    first = f // (filters // groups) * channels
                    terms = [make("mul", xs[i * x.shape[-1] + first + c], ws[(k * channels + c) * filters + f]) for i, k in taps for c in range(channels)]
                    data.append(total(terms) if terms else const(0))
            if data:
                data[-1] = total([data[-1]] + [make("mul", const(0), n) for n in xs + ws])
        return T(axes, (*out, filters), data)

    # ---- densities

    def b_log_prob(self, p, x):
        d = self.distribution(p)
        if d.kind == "normal":
            z = elementwise("div", elementwise("sub", x, d.mu), d.sigma)
            t = elementwise("sub", elementwise("mul", -0.5, elementwise("mul", z, z)), elementwise("add", elementwise("log", d.sigma), 0.5 * math.log(2 * math.pi)))
            return self.b_sum(t) if t.shape else t
        if d.kind == "map":
            z = self.apply(self.bijector_member(d.f, "inverse"), [x], {}, None)
            return elementwise("sub", self.b_log_prob(d.base, z), self.apply(self.bijector_member(d.f, "log_det"), [z], {}, None))
        if d.kind == "power":
            x = tensor(x)
            parts = [self.b_log_prob(d.base, pick(x, i)) for i in range(d.n)]
            return self.b_sum(stack(parts))
        if d.kind == "custom" and d.density:
            return self.apply(d.density, [x], {}, None)
        raise Strange("a density")

    def b_log_det_inverse(self, b, x):
        z = self.apply(self.bijector_member(b, "inverse"), [x], {}, None)
        return elementwise("neg", self.apply(self.bijector_member(b, "log_det"), [z], {}, None))

    # ---- data

    def b_csv(self, path):
        if path not in self.files:
            raise Strange("a file that is not there")
        return tensor([[float(cell) for cell in row] for row in self.files[path]])

    b_npy = b_csv

    def b_take(self, n):
        def take_rows(d):
            if isinstance(d, Dist) and d.kind == "rows" and flatten_rows(d)[0] < n:
                raise Wrong("E501", 0, "more rows than there are")
            return chosen_rows(d, lambda i: i < n)
        return (take_rows,)

    def b_drop(self, n):
        return (lambda d: chosen_rows(d, lambda i: i >= n),)

    def b_split(self, *sizes):
        ends = list(itertools.accumulate(sizes))
        return (lambda d: [chosen_rows(d, lambda i, low=end - n, high=end: low <= i < high) for n, end in zip(sizes, ends)],)

    def b_per_class(self, n):
        """The first n rows of each class."""
        def of(d):
            ks = [x.val for x in d.table.fields["y"].data]
            return chosen_rows(d, lambda i: ks[:i].count(ks[i]) < n)
        return (of,)

    def b_zip(self, *tables, **named):
        parts = {}
        for d in tables:
            parts.update(d.table.fields)
        parts.update((k, v.table if isinstance(v, Dist) else identity(tensor(v))) for k, v in named.items())
        return Dist("rows", table=Record(parts), data=True)

    def b_filter(self, f):
        return (lambda d: chosen_rows(d, lambda i: tensor(self.apply(f, [each(lambda t: pick(t, i), d.table)], {}, f.define)).data[0].val),)

    def b_fold(self, first, n, f, until=None):
        return self.rounds_of(first, n, f, until)[0]

    def b_scan(self, first, n, f, until=None):
        return stacked(self.rounds_of(first, n, f, until)[1])

    def rounds_of(self, first, n, f, until):
        """What is carried in the end, and what each round has made: where a sample has ended it stays, and makes 0. A loop is one operation,
        so that each part depends on what all of them begin with."""
        begin, h, made = first, each(lambda t: t, first) if until else first, []
        for t in range(n):
            before = len(self.frames)
            new = self.apply(f, [h, t], {}, f.define)
            if until:
                done = self.apply(until, [h], {}, until.define)
                if all(x.val for x in leaves(done)):
                    for frame in self.frames[before:]:
                        frame.clear()                       # no round that is done by any sample: it assigns nothing
                made.append(chosen(done, each(lambda t: T((), t.shape, [const(0) for _ in range(math.prod(t.shape))]), new), new))
                h = chosen(done, h, new)
            else:
                made.append(new)
                h = new
        return beside(identity(h), begin), [beside(m, begin) for m in made]

    def b_scalar(self, x):
        return T(x.axes, (), x.data)

    def b_real(self, x):
        return tensor(x)


def some_tensors(v):
    """The tensors in a value; what else an argument can be varies over nothing."""
    return [v] if isinstance(v, T) else [t for x in v.fields.values() for t in some_tensors(x)] if isinstance(v, Record) else []


def chosen(c, a, b):
    """Where c holds a, else b, which is of the same make."""
    if isinstance(b, Record):
        return b.like((k, chosen(c, a.fields[k], x)) for k, x in b.fields.items())
    return elementwise("where", c, a, b)


def over_rows(t, axis):
    """The rows of a tensor as samples."""
    return T(t.axes + (axis,), t.shape[1:], [N("id", (n,), n.val) for n in t.data])


def stacked(values):
    """A list of equal values, as a stack or a record of stacks."""
    if isinstance(values[0], Record):
        return values[0].like((k, stacked([v.fields[k] for v in values])) for k in values[0].fields)
    return identity(stack([tensor(v) for v in values]))


def slope(y, x, topology, frames, ends):
    """dy/dx, which still depends on the applications that y depends on."""
    d = scalar.diff(y, x, topology, ends)
    d = const(0) if d is None else d
    return N("dep", (d,), d.val, frames) if frames else d


def beside(v, other):
    """v, which depends on other: no number comes from it, but what it assigns counts."""
    frames = {}
    for n in [] if number(other) else leaves(other):
        frames.update(scalar.applications(n))
    return each(lambda t: T(t.axes, t.shape, [N("dep", (n,), n.val, frames) for n in t.data]), v) if frames else v


def mark(v, frame):
    """The result of an application that assigned to states."""
    return each(lambda t: T(t.axes, t.shape, [N("app", (n,), n.val, frame) for n in t.data]), v)


def shaped_like(v, old):
    """A number assigned to a tensor fills it."""
    if isinstance(old, Record):
        return old.like((k, shaped_like(v.fields[k] if isinstance(v, Record) else v, x)) for k, x in old.fields.items())
    return fill(tensor(v), tensor(old).shape)


def is_finite(d):
    return d.kind == "rows" or d.kind == "map" and isinstance(d.base, Dist) and is_finite(d.base)


def is_data(d):
    return is_data(d.base) if d.kind == "map" else d.data


def flatten_rows(d):
    """How many elements a finite distribution has."""
    if d.kind == "map":
        return flatten_rows(d.base)
    if d.kind == "batch":
        if len(d.table.axes) > 1:
            raise Strange("a batch over several axes")
        return [d.table.axes[0].n]
    sizes = []
    each(lambda t: sizes.append(t.shape[0]) or t, d.table)
    return sizes


def flat(index, shape):
    """The number of a place among the leading dimensions of a shape."""
    at = 0
    for i, n in zip(index, shape):
        at = at * n + i
    return at


def chosen_rows(d, wanted):
    """The data of those rows whose number is wanted."""
    if not isinstance(d, Dist) or d.kind != "rows":
        raise Strange("rows of what is no data")
    which = [i for i in range(flatten_rows(d)[0]) if wanted(i)]
    if not which:
        raise Strange("data without rows")
    return Dist("rows", table=each(lambda t: stack([pick(t, i) for i in which]), d.table), data=True)


def take(d, axis, which):
    """The elements `which` of a finite distribution, one an example of the axis."""
    def of(t):
        if d.kind == "batch":
            rows = rows_of(t)
            return T((axis,), t.shape, [N("id", (n,), n.val) for i in which for n in rows[i]])
        if t.axes:
            raise Strange("rows that vary over samples")
        return T((axis,), t.shape[1:], [N("id", (n,), n.val) for i in which for n in pick(t, i).data])
    return each(of, d.table)
