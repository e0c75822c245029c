"""generate.py - small random games.

In: a seed.   Out: the text of a program, one statement a line. Four of five are small: most that goes wrong shows in a few statements, and they are cheap to compile.
Idea: the words of the language are put together at random with a list of what can be named here; what comes out need not be right (a loss may
depend on an older value of its player): the oracle says which error it then is, and gan must say the same. Values are kept small by
tanh and its kin, and every draw is one that the oracle knows.
Start at program(), at the bottom."""
import random
import re

import draws

LAYERS = {
    "Lin": "layer Lin(k: real = 0.5)(x: real) -> real { param w: real = k; param b: real = 0.1; w * x + b }",
    "Gain": "layer Gain(x: real) -> real { param g: real = 0.8; g * x }",
    "Tr": "layer Tr()(x: real) -> real { if training { 1.5 * x } else { x } }",
    "Count": "layer Count()(x: real) -> real { state n: real = 0; n := n + 1; x + 0.01 * n }",
    "Mem": "layer Mem(x: real) -> real { param w: real = 0.9; state m: real = 0.2; m := 0.5 * m + 0.5 * x; w * x + 0.3 * m }",
    "Duo": "layer Duo(x: real) -> real { param w: real = 0.8; state m: real[2] = [0.1, -0.2]; m[0] := 0.5 * m[0] + 0.5 * x; m[1] := m[0]; w * x + 0.3 * m[0] - 0.2 * m[1] }",
    "Pair": "layer Pair(x: real) -> real { param p: (a: real, b: real[2]) = (a: 0.7, b: [0.2, -0.1]); state s: (m: real, r: real[2]) = (m: 0.1, r: [0.2, 0.3]); s.m := 0.5 * s.m + 0.5 * x; s.r[0] := s.m - s.r[1]; p.a * x + p.b[0] * s.r[0] + p.b[1] * s.m }",
    "Whole": "layer Whole(x: real) -> real { state s: (m: real, r: real[2]) = (m: 0.1, r: [0.2, 0.3]); s := (r: [s.m, x], m: 0.5 * s.r[0]); s.m := 0.3 * x; x + 0.2 * s.m * s.r[1] }",
    "Cell": "layer Cell()(x: real, k: int) -> real { state m: real[3] = [0.1, 0.2, 0.3]; m[2] := 0.5; m[1..] := 0.7 * m[1..]; m[k] := tanh(x + m[2]); x + 0.2 * m[k] }",
    "Norm": "layer Norm()(x: real) -> real { state m: real = 0.1; m := 0.5 * m + 0.5 * E[o ~ batch_of(x)] o; if training { x - E[o ~ batch_of(x)] o } else { x - m } }",
}
PARTS = {"Lin": (["w", "b"], []), "Gain": (["g"], []), "Tr": ([], []), "Count": ([], ["n"]), "Mem": (["w"], ["m"]), "Duo": (["w"], ["m[0]", "m[1]"]), "Norm": ([], ["m"]),
         "Pair": (["p.a", "p.b[0]", "p.b[1]"], ["s.m", "s.r[0]", "s.r[1]"]), "Whole": ([], ["s.m", "s.r[0]", "s.r[1]"])}
RULES = {
    "decayed": "optimizer decayed(inner)(w, g) { w := 0.9 * w; inner(w, g) }",
    "rooted": "optimizer rooted(lr)(w, g) { state c = zeros(w); c := c + g * g; w := w - lr * g / sqrt(1.0 + c) }",
    "turned": "optimizer turned(lr)(w, g) { state c = zeros(w); w := w - lr * (g + 0.5 * c); c := g }",
    "lengths": "optimizer lengths(lr)(w, g) { w := w - lr * g / (1.0 + norm(g)) }",
    "paced": "optimizer paced(lr)(w, g) { w := w - lr / steps * g }",
}
DEFS = ["def bump(t) = t * tanh(t)", "def mix(a, b) = 0.3 * a + 0.7 * b", "def slope_of(D, u) = grad[u] D(u)", "def cube(t) = 0.2 * t^3",
        "def half(a)(t) = 0.5 * a * t", "def two(t) = (t^2, tanh(t))", "def penalty(D, u) = (grad[u] D(u) - 1)^2"]
BIJECTORS = ["bijector stretch(a, b) { forward(z) = exp(a) * z + b; inverse(x) = (x - b) * exp(-a); log_det(z) = a }",
             "bijector hyper { forward(z) = 0.5 * (exp(z) - exp(-z)); inverse(x) = log(x + sqrt(x^2 + 1)); log_det(z) = log(0.5 * (exp(z) + exp(-z))) }",
             "bijector kinked(a) { forward(z) = where(z > 0, 2 * z, 0.5 * z) + a; inverse(x) = where(x > a, 0.5 * (x - a), 2 * (x - a)); log_det(z) = where(z > 0, log(2.0), log(0.5)) }",
             "bijector bent(a) { forward(z) = [z[0], z[1] + a * tanh(z[0])]; inverse(x) = [x[0], x[1] - a * tanh(x[0])]; log_det(z) = 0 }",
             "bijector crossed(a, b) { forward(z) = [exp(a) * z[1], z[0] - b * z[1]]; inverse(x) = [x[1] + b * exp(-a) * x[0], exp(-a) * x[0]]; log_det(z) = a }",
             "distribution Waiting(rate) -> real { sample = { u ~ Uniform(0, 1); -log(u) / rate }; log_prob(x) = log(rate) - rate * x }"]
SHAPES = ["tanh", "sigmoid", "sin", "softplus", "cos"]


class Player:
    def __init__(self, name, kind, paths, states=(), axised=None):
        self.name, self.kind, self.paths, self.states, self.axised = name, kind, paths, list(states), axised


class Place:
    """What can be named here. A sample or a let that varies over it carries the name of the sample."""

    def __init__(self, outer=None):
        self.numbers = list(outer.numbers) if outer else []          # lets and states without an axis
        self.samples = list(outer.samples) if outer else []          # (name, axis, is it a vector)
        self.over = list(outer.over) if outer else []                # (let, axis)
        self.classes = list(outer.classes) if outer else []          # (what is a class of three, axis)
        self.functions = list(outer.functions) if outer else []      # functions of one number that hold what stands above them
        self.axised = list(outer.axised) if outer else []            # (function of one number, axis)
        self.kept = list(outer.kept) if outer else []                # (distribution whose arguments were computed where it stands, size)
        self.maps = list(outer.maps) if outer else []                # bijectors of that kind
        self.batch = outer.batch if outer else None


class Generator:
    def __init__(self, seed):
        self.r, self.small = random.Random(seed), seed % 5 != 0
        self.count, self.out, self.players, self.states, self.tuples = 0, [], [], [], []
        self.memories, self.tables, self.points, self.classes = [], [], [], []       # self.classes: of the expectations around
        self.actors = []                                                             # functions that assign
        self.lists = []                                                              # data of one number a row
        self.reports, self.comparisons, self.losses, self.indent, self.block_players = 0, [], [], 0, []
        self.in_block = self.ahead = False

    def fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def line(self, text):
        self.out.append("  " * self.indent + text)

    def about(self, names, players):
        """The lets of these that mention one of the players, directly or by another let: a loss of others has no gradient for them."""
        return [n for n in names if any(p.name in self.mentioned(re.match(r"\w+", n).group(), 6) for p in players)]

    def mentioned(self, name, deep):
        text = " ".join(l for l in self.out if re.match(rf"\s*(let|for) \(?{name}\b|\s*let \(\w+, {name}\)|.*\b{name} ~", l))
        words = set(re.findall(r"\w+", text)) - {name}
        return words.union(*[self.mentioned(w, deep - 1) for w in words if re.match(r"[lsk]\d", w)]) if deep else words

    def number(self):
        return repr(round(self.r.uniform(-1.2, 1.2), 2))

    def positive(self):
        return repr(round(self.r.uniform(0.2, 1.4), 2))

    def chance(self, p):
        return self.r.random() < p

    def of(self, *kinds):
        return [p for p in self.players if p.kind in kinds]

    # ---- declarations

    def declare_value(self):
        n = self.fresh("V")
        forms = [
            (f"net {n} {{ param v: real = {self.number()}; v }}", ["v"], []),
            (f"net {n} {{ param v: real = {self.number()}; param u: real[2] = [{self.number()}, {self.number()}]; v + 0.5 * sum(u * u) }}", ["v", "u[0]", "u[1]"], []),
            (f"net {n} {{ param v: real = {self.number()}; v |> Gain |> tanh |> Lin({self.positive()}) }}", ["v", "Gain_1.g", "Lin_1.w", "Lin_1.b"], []),
            (f"net {n} {{ param v: real = {self.number()}; v |> Count() |> Tr() }}", ["v"], ["Count_1.n"]),
            (f"net {n} {{ param v: real = {self.number()}; v |> Mem }}", ["v", "Mem_1.w"], ["Mem_1.m"]),
            (f"net {n} {{ param v: real = {self.number()}; v |> Duo |> Tr() }}", ["v", "Duo_1.w"], ["Duo_1.m[0]", "Duo_1.m[1]"]),
            (f"net {n} {{ param v: real = {self.number()}; v |> Pair |> tanh }}", ["v", "Pair_1.p.a", "Pair_1.p.b[0]", "Pair_1.p.b[1]"], ["Pair_1.s.m", "Pair_1.s.r[0]", "Pair_1.s.r[1]"]),
            (f"net {n} {{ param v: real = {self.number()}; param h: (a: real, b: real[2]) = (a: {self.number()}, b: [0.4, {self.number()}]); v + h.a * h.b[0] |> Whole }}", ["v", "h.a", "h.b[0]", "h.b[1]"], ["Whole_1.s.m", "Whole_1.s.r[0]", "Whole_1.s.r[1]"]),
            (f"net {n} {{ param v: real = {self.number()}; let g = Cell(); g(v, 0) + 0.5 * g(sin(v), {self.r.choice(['0', '1', '2'])}) * g(0.3 * v, 1) }}", ["v"], ["Cell_1.m[0]", "Cell_1.m[1]", "Cell_1.m[2]"]),
            (f"net {n} {{ param v: real = {self.number()}; for k in [0.5, 1.5], h = v {{ h |> Lin(k) |> sin }} }}", ["v", "Lin_1.w", "Lin_2.b"], []),
            (f"net {n} {{ param v: real = {self.number()}; let g = Lin({self.positive()}); g(tanh(g(v))) }}", ["v", "Lin_1.w", "Lin_1.b"], []),
        ]
        text, paths, states = self.r.choice(forms)
        self.line(text)
        self.players.append(Player(n, "value", paths, states))

    def chain(self, axised):
        """A body x |> .. of layers: its text, its parameters, its states."""
        words, paths, states, counts = ["x"], [], [], {}
        kinds = ["Lin", "Gain", "Lin", "Tr", "Count"] + (["Norm"] if axised else ["Mem", "Duo", "Pair", "Whole"])
        for i in range(self.r.randint(1, 3)):
            k = "Lin" if i == 0 else self.r.choice(kinds)
            counts[k] = counts.get(k, 0) + 1
            p, s = PARTS[k]
            paths += [f"{k}_{counts[k]}.{q}" for q in p]
            states += [f"{k}_{counts[k]}.{q}" for q in s]
            words.append(f"Lin({self.positive()})" if k == "Lin" else k if k in ("Gain", "Mem", "Duo", "Pair", "Whole") else k + "()")
            if self.chance(0.5):
                words.append(self.r.choice(SHAPES[:4]))
        return " |> ".join(words), paths, states

    def declare_critic(self):
        n = self.fresh("D")
        way = self.r.random()
        lins = [p for p in self.of("critic") if p.axised is None]
        if way < 0.2:
            self.line(f"net {n} = Lin({self.positive()})")
            self.players.append(Player(n, "critic", ["w", "b"]))
        elif way < 0.35 and lins:
            p = self.r.choice(lins)
            self.line(f"net {n} = copy({p.name})")
            self.players.append(Player(n, "critic", p.paths, p.states))
        elif way < 0.45 and lins:
            p = self.r.choice(lins)
            self.line(f"net {n}(x: real) -> real {{ {p.name}(x) |> Lin({self.positive()}) }}")
            self.players.append(Player(n, "critic", ["Lin_1.w", "Lin_1.b"]))
        elif way < 0.55:
            self.line(f"net {n}(x: real) -> real {{ param w: real = {self.number()}; param c: real = {self.positive()}; w * x^2 + c * x }}")
            self.players.append(Player(n, "critic", ["w", "c"]))
        else:
            axised = self.r.choice([True, False])
            text, paths, states = self.chain(axised)
            self.line(f"net {n}(x: real) -> real {{ {text} }}")
            only = True if any("Norm" in s for s in states) else False if any(s.startswith(("Mem", "Duo", "Pair", "Whole")) for s in states) else None
            self.players.append(Player(n, "critic", paths, states, only))

    def declare_vector(self):
        n = self.fresh("C")
        way = self.r.random()
        if way < 0.4:
            self.line(f"net {n}(x: real[2]) -> real {{ param w: real[2] = [{self.number()}, {self.number()}]; tanh(dot(w, x)) }}")
            self.players.append(Player(n, "vector", ["w[0]", "w[1]"]))
        elif way < 0.6:
            how = self.r.choice(["padding: 1", "padding: 1, stride: 2", "input_dilation: 2", "padding: 2, dilation: 2"])
            self.line(f"net {n}(x: real[2]) -> real {{ param w: real[2, 1, 2] = [[[{self.number()}, {self.number()}]], [[{self.number()}, {self.number()}]]]; sum(tanh(conv(reshape(x, [2, 1]), w, {how}))) }}")
            self.players.append(Player(n, "vector", ["w[0, 0, 0]", "w[0, 0, 1]", "w[1, 0, 1]"]))
        else:
            self.line(f"net {n}(x: real[2]) -> real {{ param w: real[2] = [{self.number()}, {self.number()}]; param b: real = 0.2; dot(w, x * x) + b * x[0] |> Count() }}")
            self.players.append(Player(n, "vector", ["w[0]", "w[1]", "b"], ["Count_1.n"]))

    def declare_model(self):
        n = self.fresh("G")
        source = self.r.choice([f"Normal({self.number()}, 0)", f"rows([{self.number()}])", f"Normal({self.positive()}, 0)"])
        text = self.r.choice(["w * z + b", "tanh(w * z) + b", "w * z^2 + b * z", "w * z + b |> Count()", "w * z + b |> Tr()"])
        self.line(f"implicit {n}(z: real ~ {source}) -> real {{ param w: real = {self.positive()}; param b: real = {self.number()}; {text} }}")
        self.players.append(Player(n, "model", ["w", "b"], ["Count_1.n"] if "Count" in text else []))

    def declare_conditional(self):
        """A model of a class."""
        n = self.fresh("G")
        text = self.r.choice(["w[y] * z + b", "tanh(w[y] * z) + b * real(y)", "where(y == 1, w[0] * z, w[y] + b)", "dot(one_hot(y, 3), w) * z + b |> Count()", "[z, b, w[1]][y] + w[(y + 1) % 3] |> Tr()"])
        self.line(f"implicit {n}(z: real ~ Normal({self.positive()}, 0), y: class[3] ~ Categorical(3)) -> real {{ param w: real[3] = [{self.number()}, {self.number()}, {self.number()}]; param b: real = {self.number()}; {text} }}")
        self.players.append(Player(n, "conditional", ["w[0]", "w[1]", "w[2]", "b"], ["Count_1.n"] if "Count" in text else []))

    def declare_data(self):
        """Rows of a file: numbers with a class each, or points of the plane."""
        n, rows = self.fresh("d"), self.r.choice([2, 3, 3])
        word = self.r.choice(["csv", "csv", "npy"])
        if self.chance(0.7):
            cells, typ = [f"{self.number()}, {k}" for k in self.r.sample(range(3), rows)], "(x: real, y: class[3])"
            self.tables.append(n)
        else:
            cells, typ = [f"{self.number()}, {self.number()}" for _ in range(rows)], "real[2]"
            self.points.append(n)
        self.line(f"# file {n}.{word}: {'; '.join(cells)}")
        self.line(f'data {n}: {typ} = {word}("{n}.{word}")')
        if n in self.tables and self.chance(0.5):
            self.declare_chosen(n)

    def declare_chosen(self, d):
        """Data of other data: parts of it, what is made of its rows, rows beside others."""
        a, b = self.fresh("d"), self.fresh("d")
        rows = self.out[-2].count(";") + 1
        way = self.r.choice(["split", "zip", "map"] + ["per_class"] * (rows == 3))
        if way == "split":
            self.line(f"data {a}, {b} = {d} |> split(1, {rows - 1})")
            self.tables += [a, b]
        elif way == "per_class":
            self.line(f"data {a} = {d} |> per_class(1)")
            self.tables.append(a)
        elif way == "zip":
            self.line(f"data {a} = zip(y: {d}.y, x: [{', '.join(self.number() for _ in range(rows))}])")
            self.tables.append(a)
        else:
            self.line(f"data {a} = {d} |> map(fn(r) {self.r.choice(['r.x * r.x - 0.3 * r.y', 'tanh(r.x) + 0.1 * r.y', 'where(r.y == 1, r.x, 0.5)'])})")
            self.lists.append(a)

    def declare_flow(self):
        """A player that is a bijector."""
        kind, n = self.fresh("flow"), self.fresh("F")
        members = self.r.choice(["forward(z) = exp(s) * z + t; inverse(x) = (x - t) * exp(-s); log_det(z) = s",
                                 "forward(z) = 0.5 * (exp(z + t) - exp(-z - t)) * exp(s); inverse(x) = { let y = x * exp(-s); log(y + sqrt(y^2 + 1)) - t }; log_det(z) = log(0.5 * (exp(z + t) + exp(-z - t))) + s",
                                 "forward(z) = where(z > 0, exp(s) * z, z) + t; inverse(x) = where(x > t, exp(-s) * (x - t), x - t); log_det(z) = where(z > 0, s, 0)"])
        self.line(f"bijector {kind}(k) {{ param s: real = 0.5 * k; param t: real = {self.number()}; {members} }}")
        self.line(f"net {n} = {kind}({self.number()})")
        self.players.append(Player(n, "flow", ["s", "t"]))

    def declare_prescribed(self):
        n = self.fresh("P")
        body = self.r.choice(["Normal(w * x + b, 0.5 + 0.2 * w^2)", "Normal(tanh(w * x), exp(0.3 * b))", "Normal(b, 0.8) |> map(stretch(0.3 * x, w))", "Normal(w, 0.7) |> map(kinked(b * x)) |> map(hyper)", "Waiting(0.5 + (w * x + b)^2)"])
        self.line(f"prescribed {n}(x: real) -> real {{ param w: real = {self.number()}; param b: real = {self.number()}; {body} }}")
        self.players.append(Player(n, "prescribed", ["w", "b"]))

    def bijector(self, sub, maps=()):
        own = [p.name for p in self.of("flow")] + list(maps) * 2
        return self.r.choice([f"stretch({self.number()}, {sub()})", f"stretch(0.5 * tanh({sub()}), {self.number()})", "hyper", f"kinked({sub()})"] + own * 2)

    def density(self, sub, here):
        """A logarithm of a density, of something small."""
        bijector = lambda: self.bijector(sub, here.maps)
        x, base = f"tanh({sub()})", self.r.choice([f"Normal({self.number()}, {self.positive()})", f"Normal({sub()}, 0.5 + ({self.number()})^2)"])
        forms = [f"log_prob({base}, {x})", f"log_prob({base} |> map({bijector()}), {x})", f"log_prob({base} |> map({bijector()}) |> map({bijector()}), {x})",
                 f"log_prob(Normal(0, {self.positive()})^2 |> map({self.r.choice([f'bent({sub()})', f'crossed({self.number()}, {sub()})'])}), [{x}, {self.number()}])",
                 f"log_prob(Normal([{self.number()}, {self.number()}], 0.9), [{x}, {self.number()}])", f"log_det_inverse({bijector()}, {x})", f"log_prob(Waiting({self.positive()}), {x})",
                 f"{{ let y = {x}; grad[y] log_prob({base} |> map({self.r.choice(['hyper', 'stretch(0.3, -0.2)'])}), y) }}"]
        if self.of("prescribed"):
            forms += [f"log_prob({self.r.choice(self.of('prescribed')).name}({self.atom(Place())}), {x})"] * 3
        if self.of("flow"):
            F = self.r.choice(self.of("flow")).name
            forms += [f"{F}({x})", f"{F}.inverse({x})", f"{F}.log_det({x})"]
        return f"0.2 * {self.r.choice(forms)}"

    def declare_loss(self):
        here, n = Place(), self.fresh("L")
        here.batch = 2
        p = self.r.choice(self.players)
        self.line(f"loss {n} = {self.term_of(here, p)} * {self.scalar(here, 1)}")
        self.losses.append((n, p))

    def declare_function(self, here):
        n, x = self.fresh("f"), self.fresh("t")
        self.line(f"def {n}({x}) = {x} * {self.scalar(here, 1)} + tanh({x} * {self.scalar(here, 1)})")
        here.functions.append(n)

    def declare_actor(self):
        """A function that assigns to a state of the program."""
        m, f = self.fresh("mem"), self.fresh("act")
        if self.chance(0.7):
            self.line(f"state {m}: real = {self.number()}")
            self.line(f"def {f}(t) = {{ {m} := {self.r.choice([f'0.5 * {m} + 0.5 * t', f'tanh(t) - 0.3 * {m}', f'{m} + 0.1'])}; {self.r.choice([f't - {m}', f'tanh(t) * {m}', f't^2 + 0.3 * {m} * t'])} }}")
            self.states.append(m)
        else:
            self.line(f"state {m}: real[2] = [{self.number()}, {self.number()}]")
            self.line(f"def {f}(t) = {{ {m}[0] := 0.5 * {m}[1] + t; {self.r.choice([f't - {m}[0]', f'tanh(t) * {m}[1] + {m}[0]'])} }}")
            self.states += [f"{m}[0]", f"{m}[1]"]
        self.actors.append(f)

    def declare_runs(self):
        """The same game in each round of a static loop, each with a player of its own."""
        k, w, values = self.fresh("k"), self.fresh("W"), self.of("value")
        other = self.r.choice(values)
        self.line(f"for {k} in [1, 2] {{")
        self.line(f"  net {w} {{ param v: real = 0.3 * {k}; v{self.r.choice(['', ' |> Count()', ' |> Mem', ' |> Lin(0.4)'])} }}")
        self.line("  alternate 2 steps {")
        self.line(f"    update {w} minimize ({w}() - {other.name}())^2 with {self.r.choice(['adam(0.05, beta1: 0.9, beta2: 0.99, eps: 0.001)', 'momentum(0.1, 0.9)', 'sgd(0.1)'])}")
        if self.chance(0.5):
            self.line(f"    update {other.name} maximize {w}() * {other.name}() with momentum(0.1, 0.5)")
        self.line("  }")
        self.reports += 1
        self.line(f"  report r{self.reports}[{k}] = {w}.v")
        self.line("}")

    def declare_carried(self):
        """A static loop that carries a rate, and a number that is computed in each round."""
        k, rate, sum_, p = self.fresh("k"), self.fresh("e"), self.fresh("e"), self.r.choice(self.of("value"))
        self.line(f"for {k} in [0.5, -0.4], {rate} = 0.1, {sum_} = {self.r.choice([self.number(), p.name + '.v'])} {{")
        self.line("  alternate 2 steps {")
        self.line(f"    update {p.name} {self.r.choice(['minimize', 'maximize'])} {k} * {p.name}() * {self.r.choice(['1.0', f'stop({sum_})', f'tanh(stop({sum_}))', sum_])} with sgd({rate})")
        if self.states and self.chance(0.5):
            s = self.r.choice(self.states)
            self.line(f"    {s} := 0.5 * {s} + 0.3 * {sum_}")
        self.line("  }")
        self.reports += 1
        self.line(f"  report r{self.reports}[{k}] = {sum_} + {p.name}.v")
        self.line(f"  (0.5 * {rate}, {self.r.choice([f'0.5 * {sum_} + {p.name}.v', f'tanh({p.name}())'])})")
        self.line("}")

    def declare_memory(self):
        """A comparison with a state of its own, which every update that contains it moves."""
        critics = [p for p in self.of("critic") if p.axised is not False]
        if not critics:
            return
        kind, name, D = self.fresh("remembered"), self.fresh("c"), self.r.choice(critics)
        self.line(f"comparison {kind}(p, T) {{")
        self.line("  state base: real = 0.2")
        self.line("  critic = {")
        self.line("    let v = E[x ~ p] tanh(T(x))")
        self.line("    base := 0.5 * base + 0.5 * v")
        self.line("    (v - base)^2 + 0.1 * v")
        self.line("  }")
        self.line("}")
        self.line(f"compare {name} = {kind}(rows([{self.number()}]), {D.name})")
        self.memories.append((name, D))

    def declare_comparison(self):
        critics, models = [p for p in self.of("critic") if p.axised is not False], self.of("model")
        if not critics or not models:
            return
        kind, name, D, G = self.fresh("contrast"), self.fresh("c"), self.r.choice(critics), self.r.choice(models)
        extra = self.r.choice(["", f" with critic += 0.5 * {name}.height", f" with generator = {name}.height"])
        self.line(f"comparison {kind}(p, q, T) {{")
        self.line(f"  h(x) = {self.r.choice(['tanh(T(x))', 'softplus(T(x))', 'T(x)'])}")
        self.line("  height = E[x ~ q] T(x)^2")
        self.line("  critic = E[x ~ q] h(x) - E[x ~ p] h(x)")
        self.line("  generator = -E[x ~ q] h(x)")
        self.line("}")
        self.line(f"compare {name} = {kind}(rows([{self.number()}]), {G.name}, {D.name}){extra}")
        if self.chance(0.4):
            again, base = self.fresh("c"), name
            change = self.r.choice([f"critic += 0.3 * {base}.height", f"critic = {base}.critic - 0.2 * {base}.height, critic += {base}.height", f"generator += {base}.height"])
            self.line(f"compare {again} = {base} with {change}")
            self.comparisons.append((again, D, G))
        self.comparisons.append((name, D, G))

    # ---- expressions

    def table(self):
        return f"rows([{', '.join(self.number() for _ in range(self.r.randint(2, 3)))}])"

    def table2(self):
        return "rows([" + ", ".join(f"[{self.number()}, {self.number()}]" for _ in range(2)) + "])"

    def atom(self, here, axis=None, var=None):
        """A number; over an axis one that may vary over it."""
        choices = [self.number, self.positive]
        if var:
            choices += [lambda: var] * 4
        if here.numbers:
            choices += [lambda: self.r.choice(here.numbers)] * 3
        if axis:
            own = [n for n, a in here.over if a == axis] + [n if not v else f"{n}[{self.r.randint(0, 1)}]" for n, a, v in here.samples if a == axis]
            choices += [lambda: self.r.choice(own)] * 4 if own else []
        values = self.of("value")
        if values:
            choices += [lambda: self.r.choice(values).name + "()"] * 2
            choices += [lambda: self.r.choice(values).name + ".v"]
        if self.states:
            choices += [lambda: self.r.choice(self.states)]
        return self.r.choice(choices)()

    def scalar(self, here, depth=2, axis=None, var=None):
        if depth <= 0 or (self.small and depth == 1 and self.chance(0.5)):
            return self.atom(here, axis, var)
        sub = lambda: self.scalar(here, depth - 1, axis, var)
        forms = [lambda: f"({sub()} + {sub()})", lambda: f"({sub()} - {sub()})", lambda: f"{sub()} * {sub()}", lambda: f"{self.r.choice(SHAPES)}({sub()})",
                 lambda: f"({sub()})^2", lambda: f"bump({sub()})", lambda: f"mix({sub()}, {sub()})", lambda: f"half({self.number()})({sub()})",
                 lambda: f"cube'({sub()})", lambda: f"(if {self.number()} > 0 {{ {sub()} }} else {{ {sub()} }})",
                 lambda: f"{{ let q = {sub()}; q * q + {self.number()} }}", lambda: f"({sub()}) / (1.0 + ({sub()})^2)",
                 lambda: f"{{ let q = {sub()}; let d = grad[q] (q^2 * {self.number()} + tanh(q)); 0.5 * d }}",
                 lambda: f"where({sub()} > {self.number()}, {sub()}, {sub()})", lambda: f"{self.r.choice(['max', 'min'])}({sub()}, {self.number()})",
                 lambda: self.r.choice(["log(1.0 + ({})^2)", "sqrt(0.5 + ({})^2)", "exp(-({})^2)", "abs({})", "({} |> tanh)"]).format(sub()),
                 lambda: f"(for k in [{self.number()}, {self.number()}], h = {sub()} {{ tanh(k * h + {self.number()}) }})",
                 lambda: f"sum([{sub()}, {self.number()}] * [{self.number()}, {sub()}])", lambda: self.prime(sub), lambda: self.arms(sub)]
        if self.chance(0.15):
            forms = [lambda: f"stop({sub()})"]
        forms += [lambda: f"fold({sub()}, {self.r.randint(2, 3)}, fn(h, i) tanh(0.5 * h + {self.without_states(here, axis, var)}))",
                  lambda: self.loop_value(here, sub, axis, var), lambda: self.chosen(here, sub, axis, var), lambda: self.moved(sub), lambda: f"({self.density(sub, here)})",
                  lambda: f"{{ let q = {sub()}; grad[q] (grad[q] (q^3 * {self.number()} + sin(q) * {sub()})) }}",
                  lambda: f"{{ let (q, w) = two({sub()}); q * w }}"]
        forms += [lambda: self.slopes(sub)] * 2
        if not axis and not var and self.of("value"):
            forms += [lambda: self.slope_of_players(here)]
        if self.in_block and self.players:
            forms += [lambda: f"{self.r.choice(['0.1 * step', f'(1.0 + 0.1 * step)', f'where(step < 1, {self.number()}, {self.number()})', f'0.1 * {self.r.choice(self.players).name}.steps'])} * {sub()}"]
        if self.actors and self.in_block and not axis and not var:
            forms += [lambda: f"{self.r.choice(self.actors)}({sub()})"] * 4
        if here.functions:
            forms += [lambda: f"{self.r.choice(here.functions)}({sub()})"] * 3
        own = [f for f, a in here.axised if axis and a == axis]
        if own:
            forms += [lambda: f"{self.r.choice(own)}({sub()})"] * 4
        records = [n for n in here.numbers if n.endswith("r.p") or n.endswith("v[0]")]
        if records and not axis and not var:
            n = self.r.choice(records)
            forms += [lambda: f"(grad[{n}] ({n}^2 * {self.number()} + tanh({n}) * {self.number()}))"] * 2
        if self.states and not axis and not var:
            n = self.r.choice(self.states)
            forms += [lambda: f"(grad[{n}] ({n}^2 * {self.number()} + tanh({n}) * {self.number()}))"]
        pairs = [(a, b) for a in self.of("critic") for b in self.of("critic") if a is not b and a.paths == b.paths]
        if pairs and not axis and not var:
            a, b = self.r.choice(pairs)
            forms += [lambda: self.r.choice([f"0.2 * norm2({a.name} - 0.5 * {b.name})", f"0.2 * dot({a.name}, {b.name})"])]
        players = [p for p in self.of("critic") if p.axised is None or p.axised == bool(axis or var)]
        if players:
            forms += [lambda: f"fold({sub()}, {self.r.randint(2, 3)}, fn(h, i) tanh(0.6 * {self.r.choice(players).name}(h) + {self.number()}))"]
            forms += [lambda: f"{self.r.choice(players).name}({sub()})"] * 4
            forms += [lambda: self.applied_in_loop(sub, self.r.choice(players))] * 2
            forms += [lambda: f"{self.penalty(here, self.r.choice(players), sub())}"]
            forms += [lambda: f"0.3 * {self.r.choice(players).name}'({sub()})"]
        if self.of("vector"):
            forms += [lambda: f"{self.r.choice(self.of('vector')).name}([{sub()}, {sub()}])"] * 2
        if not axis and not var:
            forms += [lambda: f"({self.expectation(here, depth - 1)})"] * 3
            for n, k in self.tuples[-1:]:
                forms += [lambda: f"{n}"]
        return self.r.choice(forms)()

    def prime(self, sub):
        """The derivative of a function that takes along what stands around it, once or twice."""
        t = self.fresh("t")
        return f"0.2 * (fn({t}) {self.r.choice([f'{t}^3 * {sub()}', f'tanh({t} * {sub()}) * {t}', f'sin({t}) * {sub()} + {t}^2'])}){self.r.choice(['', chr(39)])}'({sub()})"

    def arms(self, sub):
        """Arms that share what is not finite where neither is taken."""
        c, l = self.fresh("c"), self.fresh("l")
        root, a, b = self.r.choice(["sqrt", "log"]), self.positive(), self.positive()
        return f"{{ let {c} = {sub()}; let {l} = {root}({c}); 0.2 * (where({c} > {a}, {l}, {sub()}) + where({c} > {b}, {self.r.choice([l + ' * ' + c, sub()])}, {self.number()})) }}"

    def loop_value(self, here, sub, axis, var):
        """A loop that runs, in one of its wider forms: what it carries, when it ends, what is kept of its rounds."""
        h, i, k = self.fresh("h"), self.fresh("i"), self.r.randint(2, 3)
        other = self.without_states(here, axis, var)
        step = self.r.choice([f"tanh(0.7 * {h} + {other})", f"0.8 * {h} + 0.1 * {i} * {other}", f"sin({h} + {i}) - 0.3 * {h} * {other}"])
        ends = f", until: fn({h}) {self.r.choice([f'{h} > {self.number()}', f'{h} * {h} < {self.positive()}', f'abs({h}) > {self.positive()}'])}"
        some = self.r.choice(["", ends, ends])
        if self.chance(0.4):
            both = f"({self.r.choice(['', 'a: '])}"
            a, b = ("a: ", "b: ") if "a" in both else ("", "")
            x, y = (f"{h}.a", f"{h}.b") if a else (f"{h}[0]", f"{h}[1]")
            body = self.r.choice([f"({a}0.5 * {x} + 0.3 * {y}, {b}tanh({x}) * {other})", f"({a}{y} - {self.number()}, {b}sin({x} * {other}))"])
            until = self.r.choice(["", f", until: fn({h}) {x} > {self.number()}", f", until: fn({h}) {x} * {y} < {self.number()}"])
            word = self.r.choice(["fold", "scan"])
            part = self.r.choice([".a", ".b"] if a else ["[0]", "[1]"]) + (f"[{self.r.randrange(k)}]" if word == "scan" else "")
            return f"{word}(({a}{sub()}, {b}{self.r.choice([self.number(), sub()])}), {k}, fn({h}, {i}) {body}{until}){part}"
        return self.r.choice([
            lambda: f"fold({sub()}, {k}, fn({h}, {i}) {step}{ends})",
            lambda: f"sum(scan({sub()}, {k}, fn({h}, {i}) {step}{some}))",
            lambda: f"scan({sub()}, {k}, fn({h}, {i}) {step}{some})[{self.r.randrange(k)}]",
            lambda: f"sum(fold([{sub()}, {self.number()}], {k}, fn({h}, {i}) tanh(0.7 * {h} + {other}) - 0.1 * {i}))",
            lambda: f"sum(scan([{sub()}, {self.number()}], {k}, fn({h}, {i}) 0.5 * {h} + sin({h}), until: fn({h}) sum({h}) > {self.number()})[{self.r.randrange(k)}])",
            lambda: f"dot(tabulate({k}, fn({i}) {i} * {other} + {self.number()}), scan({sub()}, {k}, fn({h}, {i}) {step}{some}))",
            lambda: f"sum(map(fn({i}) tanh({i} * {other}), [{sub()}, {self.number()}]))",
            lambda: f"fold({sub()}, 2, fn({h}, {i}) 0.5 * fold({h}, {k}, fn(u, v) 0.6 * u + {i} * v * 0.1 + {other}, until: fn(u) u > {self.number()}))",
            lambda: f"{{ let q = {sub()}; grad[q] fold(q, {k}, fn({h}, {i}) {step} * q{some}) }}",
            lambda: f"{{ let q = {sub()}; fold(q, {self.r.choice([k, 9, 10])}, fn({h}, {i}) {step} + 0.1 * tanh(stop(grad[q] ({h} * {h} * q + 0.2 * q)))) }}",
        ])()

    def slopes(self, sub):
        """Derivatives by several values, by parts of one, and by one of which another is computed."""
        a, b, c, d = sub(), sub(), self.number(), self.number()
        return self.r.choice([
            f"{{ let q = {a}; let w = {b}; let d = grad[q, w] (q^2 * w * {c} + tanh(q * w)); 0.5 * d.q - 0.3 * d.w }}",
            f"{{ let q = {a}; let w = tanh(q) + {b}; let d = grad[q, w] (w * sin(q) + {c} * w^2); 0.5 * d.q * d.w }}",
            f"{{ let q = [{a}, {c}]; let d = grad[q] (sum(q * q) * tanh(q[0]) + {d} * q[1]); 0.3 * d[0] * d[1] }}",
            f"{{ let q = [{a}, {c}]; 0.3 * (grad[q[{self.r.choice('01')}]] (dot(q, [tanh(q[1]), {d}]) * q[0])) }}",
            f"{{ let q = (a: {a}, b: [{b}, {c}]); let d = grad[q] (q.a^2 * q.b[0] + tanh(q.b[1]) * q.a); 0.3 * d.a * d.b[1] }}",
            f"{{ let q = (a: {a}, b: [{b}, {c}]); sum(grad[q.b] (tanh(q.a * q.b[0]) * q.b[1])) * 0.3 }}",
            f"{{ let q = {a}; let w = grad[q] (q^3 * {c} + {b} * q); 0.2 * (grad[q] (w * tanh(q))) }}",
            f"{{ let q = ({a}, {b}); let d = grad[q] (tanh(q[0]) * q[1]^2 * {c}); d[0] - d[1] }}"])

    def slope_of_players(self, here):
        """Of a slope by a player a length, and a slope again."""
        p = self.r.choice(self.of("value")).name
        e = f"{p}.v^2 * {self.scalar(here, 1)}"
        return self.r.choice([f"0.1 * norm2(grad[{p}] ({e}))", f"0.1 * (grad[{p}] norm2(grad[{p}] ({e} + {p}.v))).v", f"0.2 * dot(grad[{p}] ({e}), stop(grad[{p}] ({p}()^2)))",
                              f"0.3 * (grad[{p}] dot(grad[{p}] ({e} + {p}.v^3), stop(grad[{p}] ({p}()^2)))).v"])

    def applied_in_loop(self, sub, p):
        """A net in the rounds of a loop, each of which is an application: those that are done, or one of many beside each other."""
        h, u, i, v, k, D = self.fresh("h"), self.fresh("u"), self.fresh("i"), self.fresh("v"), self.r.randint(2, 3), p.name
        ends = self.r.choice(["", f", until: fn({h}) {self.r.choice([f'{h} > {self.number()}', f'abs({h}) < {self.positive()}', f'{h} < {self.number()}'])}"])
        step = self.r.choice([f"tanh(0.7 * {D}({h}) + 0.1 * {i})", f"0.5 * {h} + sin({D}(0.5 * {h}))", f"tanh({D}({h}) * {D}(0.3 * {h}))"])
        forms = [f"fold({sub()}, {k}, fn({h}, {i}) {step}{ends})", f"sum(scan({sub()}, {k}, fn({h}, {i}) {step}{ends}))", f"scan({sub()}, {k}, fn({h}, {i}) {step}{ends})[{self.r.randrange(k)}]",
                 f"fold({sub()}, 2, fn({h}, {i}) 0.5 * fold({h}, {k}, fn({u}, {v}) tanh({D}({u}) + 0.1 * {i} * {v}){ends.replace(h, u)}))",
                 f"fold(({sub()}, {self.number()}), {k}, fn({h}, {i}) (tanh({D}({h}[1])), 0.5 * {h}[0]){ends.replace(h, h + '[0]').replace(f'fn({h}[0])', f'fn({h})')})[0]",
                 f"{{ let q = {sub()}; grad[q] fold(q, {k}, fn({h}, {i}) {step} * q) }}"]
        if p.axised is not False:
            forms += [f"sum(map(fn({h}) tanh({D}({h})), [{sub()}, {self.number()}, {sub()}]))", f"sum(tabulate({k}, fn({i}) tanh({D}(0.3 * {i} + {sub()}))))",
                      f"dot(map(fn({h}, {u}) {D}({h} * {u}), [{sub()}, {self.number()}], [{self.number()}, {sub()}]), [0.5, {self.number()}])"]
        return self.r.choice(forms)

    def whole(self, here, axis, var):
        """An integer from 0 to 2. The compiler looks through a few operations to see that; a deep one says it."""
        return f"min(max({self.integer(here, axis, var, 2)}, 0), 2)" if self.chance(0.3) else self.integer(here, axis, var, 1)

    def integer(self, here, axis, var, depth):
        own = [t for t, a in here.classes if a == axis] + self.classes
        sub = lambda: self.integer(here, axis, var, depth - 1)
        if depth == 0 or self.chance(0.5):
            return self.r.choice([lambda: self.r.choice("012"), lambda: f"argmax([{self.atom(here, axis, var)}, {self.number()}, {self.number()}])",
                                  lambda: f"min(max(int(2.6 * sigmoid(2.0 * {self.atom(here, axis, var)})), 0), 2)"] + [lambda: self.r.choice(own)] * 5 * bool(own))()
        return self.r.choice([f"min(max({sub()} - 1, 0), 2)", f"({sub()} + {sub()}) % 3", f"div({sub()} * {sub()} + 1, 2)", f"abs({sub()} - 1)", f"max({sub()}, {sub()})", f"2 - {sub()}".join("()"),
                              f"where({self.condition(here, axis, var)}, {sub()}, {sub()})"])

    def moved(self, sub):
        """A convolution of a few numbers, over one dimension or two."""
        cell = lambda: self.r.choice([self.number, self.number, sub])()
        C, F, groups = self.r.choice([(1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 2), (2, 2, 1)])
        nested = lambda dims: f"[{', '.join(nested(dims[1:]) for _ in range(dims[0]))}]" if dims else cell()
        space, kernel = self.r.choice([([3], [2]), ([4], [2]), ([3], [3]), ([2, 2], [2, 1]), ([2, 3], [2, 2])])
        if len(space) == 2:
            C, F, groups = 1, 1, 1
        how = self.r.choice(["", "", f", stride: {self.r.choice([1, 2])}", ", dilation: 2, padding: 1", ", input_dilation: 2", ", stride: 2, padding: 1", f", padding: {[[1, 0]] * len(space)}", f", padding: {[[0, 2]] * len(space)}, stride: 2"])
        e = f"conv({nested(space + [C])}, {nested(kernel + [C // groups, F])}{how}{', groups: 2' if groups == 2 else ''})"
        return self.r.choice([f"sum({e})", f"sum(tanh({e}))", f"mean({e} * {e})"])

    def condition(self, here, axis, var):
        w, a = self.integer(here, axis, var, 0), self.atom(here, axis, var)
        return self.r.choice([f"{w} {self.r.choice(['==', '!=', '<', '>='])} {self.r.randrange(3)}", f"{w} != {self.integer(here, axis, var, 0)} and {a} > {self.number()}",
                              f"not ({a} > {self.number()}) or {w} == 1"])

    def chosen(self, here, sub, axis, var):
        """A number that a whole number chooses or takes part in."""
        w = self.whole(here, axis, var)
        forms = [f"[{sub()}, {self.number()}, {sub()}][{w}]", f"where({self.condition(here, axis, var)}, {sub()}, {sub()})", f"{sub()} * real({w})",
                 f"dot(one_hot({w}, 3), [{self.number()}, {sub()}, {self.number()}])", f"({sub()} - 0.5 * {w})"]
        if self.of("conditional"):
            G = self.r.choice(self.of("conditional")).name
            forms += [f"{G}({sub()}, {w})", f"(E[c ~ {G}(y: {w}){'' if here.batch else ' : 2'}] c * {self.number()})"]
        return self.r.choice(forms)

    def over_data(self, here, x, depth):
        """A mean over rows of data: all of them, or a batch that is an epoch."""
        if self.lists and self.chance(0.5):
            return f"E[{x} ~ {self.r.choice(self.lists)}{self.r.choice(['', '', ' |> map(bump)'])} : all] {self.scalar(here, depth, None, x)}"
        if self.tables and self.chance(0.15):
            y = self.fresh("y")
            return f"E[{x} ~ {self.r.choice(self.tables)}, {y} ~ {self.r.choice([self.table(), self.r.choice(self.tables) + '.x'])} : all] {y} * {self.scalar(here, depth, None, x + '.x')}"
        if self.points and (not self.tables or self.chance(0.3)):
            d = self.r.choice(self.points)
            return f"E[{x} ~ {d}{self.r.choice(['', ' |> take(2)', ' |> drop(1)'])} : all] {self.scalar(here, depth, None, self.r.choice([f'{x}[0]', f'{x}[1]', f'sum({x})']))}"
        d = self.r.choice(self.tables)
        if self.chance(0.15):
            return f"E[{x} ~ {d}.x : all] {self.scalar(here, depth, None, x)}"
        self.classes.append(f"{x}.y")
        e = self.scalar(here, depth, None, f"{x}.x") + self.r.choice(["", f" * {self.chosen(here, lambda: self.atom(here, None, x + '.x'), None, x + '.x')}"])
        self.classes.pop()
        return f"E[{x} ~ {d}{self.r.choice(['', '', ' |> take(2)', ' |> drop(1)', f' |> filter(fn(r) r.y != {self.r.randrange(3)})'])} : all] {e}"

    def without_states(self, here, axis, var):
        """What may stand in a loop that runs, and may have a loop in it: no layer there assigns."""
        kept, self.players, functions, here.functions, actors, self.actors = self.players, [p for p in self.players if not p.states], here.functions, [], self.actors, []
        e = self.scalar(here, 1, axis, var)
        self.players, here.functions, self.actors = kept, functions, actors
        return e

    def penalty(self, here, p, at):
        n = self.fresh("u")
        return self.r.choice([f"{{ let {n} = {at}; 0.3 * (grad[{n}] {p.name}({n}))^2 }}", f"penalty({p.name}, {at})", f"slope_of({p.name}, {at})",
                              f"{{ let {n} = {at}; 0.3 * (grad[{n}] ({p.name}({n}) * {n} + {self.number()} * {n})) }}"])

    def expectation(self, here, depth):
        ways = ["table", "table"]
        if here.samples:
            ways += ["bound"] * 5
        if self.of("model"):
            ways += ["model"] * 2
        if self.of("vector"):
            ways += ["vector"]
        if self.tables or self.points:
            ways += ["data"] * 3
        if here.kept:
            ways += ["kept"] * 4
        way = self.r.choice(ways)
        x = self.fresh("x")
        if way == "table" and self.chance(0.15):
            y = self.fresh("y")
            return f"E[{x} ~ {self.table()}, {y} ~ {self.table()} : all] {y} * {self.scalar(here, depth, None, x)}"
        if way == "kept":
            p, size = self.r.choice(here.kept)
            return f"E[{x} ~ {p} : {size}] {self.scalar(here, depth, None, x)}"
        if way == "data":
            return self.over_data(here, x, depth)
        if way == "bound":
            n, axis, vector = self.r.choice(here.samples)
            if not vector and self.chance(0.15):
                return f"E[{x}, {x}b ~ batch_of({n})] ({x} - {x}b)^2 * 0.2"
            if not vector and self.chance(0.25):
                return f"E[{axis}] 0.3 * (grad[{n}] ({n} * {self.scalar(here, 1, axis)} + {self.with_critic(n, True)}))^2"
            if vector and self.of("vector") and self.chance(0.6):
                C = self.r.choice(self.of("vector")).name
                return self.r.choice([f"E[{axis}] {C}({n})", f"E[{axis}] (norm2(grad[{n}] {C}({n})) - 1)^2", f"E[{axis}] {self.scalar(here, 1, axis)} * {C}({n})"])
            return f"E[{axis}] {self.scalar(here, depth + 1, axis)}"
        if way == "table" and self.chance(0.2):
            return f"E[{x} ~ {self.table()} : all] (E[{x}b ~ {self.table()} : all] tanh({x} * {x}b + {self.scalar(here, 0, None, x)}))"
        if way == "table" and self.chance(0.2):
            t = self.table()[5:-1]
            return f"E[({x}, {x}b) ~ rows((a: {t}, b: {self.r.choice(['2.0', '0.5'])} * {t})) : all] {x} * {self.scalar(here, depth, None, x + 'b')}"
        if way == "model" and self.chance(0.3):
            G = self.r.choice(self.of("model")).name
            size = "" if here.batch else " : 2"
            return self.r.choice([f"E[{x} ~ stop({G}){size}] {self.scalar(here, depth, None, x)}", f"E[{x} ~ {G} |> map(bump){size}] {self.scalar(here, depth, None, x)}",
                                  f"E[{x} ~ {G}^2{size}] {x}[0] * {x}[1]"])
        if way == "table":
            return f"E[{x} ~ {self.table()} : all] {self.scalar(here, depth, None, x)}"
        if way == "vector":
            return f"E[{x} ~ {self.table2()} : all] {self.r.choice(self.of('vector')).name}({x})"
        size = "" if here.batch else " : 2"
        return f"E[{x} ~ {self.r.choice(self.of('model')).name}{size}] {self.scalar(here, depth, None, x)}"

    def with_critic(self, arg, axised):
        players = [p for p in self.of("critic") if p.axised is None or p.axised == axised]
        return f"{self.r.choice(players).name}({arg})" if players else f"tanh({arg})"

    def term_of(self, here, p):
        """A number that depends on p as it is now."""
        x = self.fresh("x")
        bound = [(n, a) for n, a, v in here.samples if not v]
        vectors = [(n, a) for n, a, v in here.samples if v]
        if p.kind == "value":
            return self.r.choice([f"{p.name}()", f"{p.name}.v", f"{p.name}() * {self.scalar(here, 1)}", f"({p.name}() - {self.number()})^2", f"tanh({p.name}())"])
        if p.kind == "critic":
            ways = []
            if p.axised is not True:
                ways += [f"{p.name}({self.atom(here)})", f"{p.name}({self.scalar(here, 1)})^2"]
            if p.axised is not False:
                ways += [f"(E[{x} ~ {self.table()} : all] {p.name}({x})^2)", f"(E[{x} ~ {self.table()} : all] {p.name}({x}) * {self.scalar(here, 1, None, x)})"]
                for n, a in bound[-2:]:
                    ways += [f"(E[{a}] {p.name}({n})^2)", f"(E[{a}] ({p.name}({n}) + (grad[{n}] {p.name}({n}))^2))",
                             f"(E[{a}] {{ let u = 0.5 * {n} + 0.2; {p.name}(u)^2 + (grad[u] {p.name}(u) - 1)^2 }})"]
            return self.r.choice(ways)
        if p.kind == "vector":
            ways = [f"{p.name}([{self.atom(here)}, {self.number()}])", f"(E[{x} ~ {self.table2()} : all] {p.name}({x})^2)"]
            for n, a in vectors[-2:]:
                ways += [f"(E[{a}] {p.name}({n})^2)", f"(E[{a}] ((norm2(grad[{n}] {p.name}({n})) - 1)^2 + {p.name}({n})))"]
            return self.r.choice(ways)
        size = "" if here.batch else " : 2"
        if p.kind in ("flow", "prescribed"):
            at = lambda t: f"log_prob({p.name}({self.atom(here)}), {t})" if p.kind == "prescribed" else f"log_prob(Normal(0, 1) |> map({p.name}), {t})"
            some = [f"(E[{x} ~ {self.table()} : all] -0.2 * {at(x)})", f"(0.2 * {at(f'tanh({self.scalar(here, 1)})')})"] * 2
            some += [f"(E[{a}] -0.2 * {at(f'tanh({n})')})" for n, a in bound[-2:]]
            if self.tables:
                d = self.r.choice(self.tables)
                some += [f"(E[{x} ~ {d} : all] -0.3 * {at(f'{x}.x')})", f"(E[{x} ~ {d} : all] -0.3 * {at(f'{x}.x').replace(f'{p.name}(', f'{p.name}({x}.x + ')})"]
            if p.kind == "flow":
                some += [f"{p.name}({self.atom(here)})^2", f"tanh({p.name}.inverse({self.atom(here)}))", f"({p.name}.log_det({self.atom(here)}) - {p.name}({self.atom(here)}))"]
            return self.r.choice(some)
        if p.kind == "conditional":
            some = [f"(E[{x} ~ {p.name}(y: {self.whole(here, None, None)}){size}] {x}^2)", f"1.0 * {p.name}({self.atom(here)}, {self.whole(here, None, None)})"]
            if self.tables:
                d = self.r.choice(self.tables)
                some += [f"(E[{x} ~ {d} : all] (E[{x}b ~ {p.name}(y: {x}.y){size}] {x}b * {x}.x))", f"(E[{x} ~ {d} : all] ({p.name}({x}.x, {x}.y) - {x}.x)^2)"] * 2
            return self.r.choice(some)
        return self.r.choice([f"(E[{x} ~ {p.name}{size}] {x}^2)", f"(E[{x} ~ {p.name}{size}] {self.with_critic(x, True)})", f"1.0 * {p.name}({self.number()})",
                              f"tanh({p.name}(z: {self.atom(here)}))", f"(E[{x} ~ {p.name}{size}] (grad[{x}] {self.with_critic(x, True)}) * {x})"])

    def look_ahead(self, here, e):
        """e behind some updates that are dropped; one in the other now and then."""
        if self.ahead and self.chance(0.8):
            return e
        before, self.ahead = self.ahead, True
        inner = Place()
        inner.batch, inner.functions, inner.kept, inner.maps = here.batch, here.functions, here.kept, here.maps
        inner.numbers = here.numbers if self.chance(0.2) else []
        chosen = self.some_players()
        if self.chance(0.3):
            pair = self.r.sample(self.players, min(2, len(self.players)))
            word = self.r.choice(["simultaneous", "extragradient"])
            texts = [self.update_text(inner, [p]) for p in pair]
            if self.chance(0.3):
                texts[0] = f"if {self.scalar(inner, 1)} > {self.number()} {{ {texts[0]} }} else {{ {self.update_text(inner, pair[:1])} }}"
            text = f"{word} {{ {'; '.join(texts)} }}"
        elif self.chance(0.4):
            text = "; ".join(self.ahead_statement(inner, chosen) for _ in range(self.r.choice([1, 2, 3])))
        else:
            text = "; ".join(self.update_text(inner, chosen) for _ in range(self.r.choice([1, 1, 2])))
        self.ahead = before
        return f"after {self.r.randint(1, 3)} {{ {text} }} ({e})"

    def ahead_statement(self, inner, chosen):
        """A statement of a look ahead; a let there is a value of each round, and hidden behind what it stands in."""
        r, update = self.r.random(), lambda: self.update_text(inner, chosen)
        if r < 0.2:
            return f"repeat {self.r.randint(1, 2)} {{ {update()}{self.r.choice(['', '; ' + update()])} }}"
        if r < 0.45:
            otherwise = self.r.choice(["", f" else {{ {self.update_text(inner, self.some_players())} }}", f" else {{ {update()} }}"])
            return f"if {self.scalar(inner, 1)} > {self.number()} {{ {update()} }}{otherwise}"
        if r < 0.6:
            k = self.fresh("k")
            own = Place(inner)
            own.numbers = own.numbers + [k]
            return f"for {k} in [{self.number()}, {self.number()}] {{ {self.update_text(own, chosen)} }}"
        if r < 0.75:
            n = self.fresh("l")
            text = f"let {n} = {self.scalar(inner, 1)}"
            own = Place(inner)
            own.numbers = own.numbers + [n] * 5
            return f"{text}; {self.update_text(own, chosen)}"
        if r < 0.85 and self.states:
            s = self.r.choice(self.states)
            return f"{s} := 0.5 * {s} + {self.r.choice([self.quiet(inner), self.r.choice(self.states)])}; {update()}"
        pairs = self.pairs()
        if r < 0.95 and pairs:
            a, b = self.r.choice(pairs)
            return f"{update()}; {self.r.choice([f'copy {a.name} into {b.name}', f'average {a.name} into {b.name} decay 0.7'])}"
        return update()

    def loss(self, here, players):
        e = self.plain_loss(here, players)
        return self.look_ahead(here, e) if self.chance(0.1) else e

    def plain_loss(self, here, players):
        if self.chance(0.12) and self.comparisons and len(players) == 1:
            for c, D, G in self.comparisons:
                if here.batch and players[0] is D:
                    return self.r.choice([f"{c}.critic", f"{c}.critic + {self.scalar(here, 1)}"])
                if here.batch and players[0] is G:
                    return f"{c}.generator"
        own = [n for n, p in self.losses if here.batch and players == [p]]
        if own and self.chance(0.3):
            return self.r.choice(own) + self.r.choice(["", " * 0.5", f" + {self.scalar(here, 1)}"])
        own = [n for n, D in self.memories if here.batch and players == [D]]
        if own and self.chance(0.4):
            return self.r.choice(own) + ".critic"
        if self.memories and here.batch and self.chance(0.15):
            return f"{self.term_of(here, players[0])} * {self.memories[0][0]}.critic"
        kept = self.about(here.numbers, players) if len(players) == 1 else []
        over = [(n, a) for n, a in here.over + [(n, n) for n, a, v in here.samples if n == a and not v] if len(players) == 1 and self.about([n], players)]
        if self.chance(0.45) and (kept or over):
            if over and self.chance(0.6):
                n, a = self.r.choice(over)
                return f"E[{a}] {n} * {self.scalar(here, 1, a)}"
            return self.r.choice(kept or ["0.0"]) + self.r.choice(["", " * " + self.scalar(here, 1), "^2"])
        parts = [self.term_of(here, p) for p in players]
        if self.chance(0.5):
            parts.append(self.scalar(here, 2))
        return self.r.choice([" + ", " - ", " + "]).join(parts) if len(parts) < 2 or self.chance(0.7) else " * ".join(parts)

    # ---- statements

    def rule(self):
        r = self.r
        base = [f"sgd({r.choice(['0.1', '0.05'])})", f"momentum({r.choice(['0.1', '0.05'])}, {r.choice(['0.5', '0.9'])})", "adam(0.05, beta1: 0.9, beta2: 0.99, eps: 0.001)", "rooted(0.1)", "turned(0.1)", "lengths(0.2)", "sgd(0.1)", "rmsprop(0.05, rho: 0.9, eps: 0.01)", "paced(0.2)"]
        rooted = ["adagrad(0.1, eps: 0.1)", "centred_rmsprop(0.05, rho: 0.9, eps: 0.1)", "amsgrad(0.05, beta1: 0.9, beta2: 0.99, eps: 0.001)", "adamax(0.05, eps: 0.01)", "nadam(0.05, beta1: 0.8, beta2: 0.99, eps: 0.01)",
                  f"adamw(0.05, beta1: 0.9, beta2: 0.99, eps: 0.001, decay: {r.choice(['0.1', '1'])})"]
        if not self.in_block:
            return r.choice([base[0], base[5]])
        base += ["nesterov(0.1, 0.8)"] + [r.choice(rooted)] * 2 + ["lion(0.05, decay: 0.1)"] * (not self.ahead)
        base += ["sgd(0.2 * 0.7^step)", f"sgd(0.2 / (1.0 + {r.choice(self.players).name}.steps))", "momentum(0.1 / (2.0 + step), 0.5)"]
        if self.ahead and self.of("conditional", "flow", "prescribed"):         # where a class or a condition chooses, a slope may be 0: that of adam's root has none there
            base = [b for b in base if not b.startswith(("adam", "rmsprop")) and b not in rooted]
        b = r.choice(base)
        return r.choice([b] * 5 + [f"decayed({b})", f"clipped_value(0.3, {b})", f"clipped(0.5, {b})", f"decayed(clipped(0.7, {b}))"])

    def update_text(self, here, players):
        names = ", ".join(p.name for p in players)
        way, tail = self.r.random(), ""
        if self.chance(0.1):
            tail = self.r.choice([" project clip(-0.6, 0.6)", " project fn(w) 0.9 * w"])
        if way < 0.18 and len(players) <= 2:
            e = self.direction(here, players)
            return f"update {names} along {e} with {self.rule()}{tail}"
        how = "minimize" if way < 0.7 else "maximize"
        return f"update {names} {how} {self.loss(here, players)} with {self.rule()}{tail}"

    def direction(self, here, players):
        if len(players) == 1:
            p = players[0].name
            return self.r.choice([f"grad[{p}] ({self.loss(here, players)})", f"0.5 * (grad[{p}] ({self.loss(here, players)}))"])
        a, b = players[0].name, players[1].name
        la, lb = self.term_of(here, players[0]), self.term_of(here, players[1])
        return self.r.choice([
            f"grad[{a}, {b}] ({la} * {lb})", f"({a}: grad[{a}] ({la}), {b}: grad[{b}] ({lb}))", f"({b}: 2.0 * (grad[{b}] ({la} + {lb})), {a}: -1 * (grad[{a}] ({la})))",
            f"grad[{b}, {a}] ({la} + {lb})",
            f"{{ let xi = ({a}: grad[{a}] ({la} * {lb}), {b}: -1 * (grad[{b}] ({la} * {lb}))); xi + 0.1 * (grad[{a}, {b}] (0.5 * norm2(xi))) }}"])

    def some_players(self):
        usable = [p for p in self.players]
        k = 1 if self.chance(0.8) else 2
        return self.r.sample(usable, min(k, len(usable)))

    def statement(self, here, depth):
        r = self.r.random()
        if r < 0.36:
            self.line(self.update_text(here, self.some_players()))
        elif r < 0.52:
            self.let(here)
        elif r < 0.62:
            self.sample(here)
        elif r < 0.68 and len(self.players) > 1:
            pair = self.r.sample(self.players, 2)
            if self.chance(0.25):
                self.line(f"{self.r.choice(['simultaneous', 'extragradient'])} {{ if {self.scalar(here, 1)} > {self.number()} {{ {self.update_text(here, pair[:1])} }} else {{ {self.update_text(here, pair[:1])} }}; {self.update_text(here, pair[1:])} }}")
                return
            word = self.r.choice(["simultaneous", "extragradient"])
            self.line(f"{word} {{ {self.update_text(here, pair[:1])}; {self.update_text(here, pair[1:])} }}")
        elif r < 0.73 and depth > 0:
            some = self.r.choice(["step < 1", f"{self.scalar(here, 0)} > {self.number()}", f"step % 2 == 1"]) if self.in_block and self.chance(0.4) else None
            self.nested(f"repeat {f'where({some}, {self.r.randint(0, 2)}, {self.r.randint(1, 3)})' if some else self.r.randint(1, 3)} {{", here, depth)
        elif r < 0.79 and depth > 0:
            self.nested(f"if {self.scalar(here, 1)} > {self.number()} {{", here, depth, self.chance(0.5))
        elif r < 0.83 and depth > 0:
            self.loop(here, depth)
        elif r < 0.88 and self.states:
            s = self.r.choice(self.states)
            self.line(f"{s} := 0.5 * {s} + {self.quiet(here)}")
            if self.chance(0.3) and s.endswith("]") and "," not in s:
                self.line(f"{s[:-3]} := [{self.quiet(here)}, 0.5 * {s}]")
            elif self.chance(0.3) and s.endswith("]") and "," in s:
                self.line(f"{s.split('[')[0]}[{self.r.choice(['1', '.., 0', '0, 1..', '..1, 1..'])}] := {s} * {self.positive()}")
        elif r < 0.92:
            self.follow()
        else:
            self.report(here)

    def quiet(self, here):
        """An expression in a place whose mode nobody defines: without players."""
        kept = self.players
        self.players = [p for p in kept if not p.states and p.kind == "value" and len(p.paths) in (1, 3)]
        names, functions, actors = here.numbers, here.functions, self.actors
        here.numbers, here.functions, self.actors = [], [], []
        e = self.scalar(here, 1) if not here.samples else self.number()
        self.players, here.numbers, here.functions, self.actors = kept, names, functions, actors
        return e

    def nested(self, head, here, depth, otherwise=False):
        self.line(head)
        self.indent += 1
        inner = Place(here)
        for _ in range(self.r.randint(1, 2)):
            self.statement(inner, depth - 1)
        self.line(self.update_text(inner, self.some_players()))
        self.indent -= 1
        if otherwise:
            self.line("} else {")
            self.indent += 1
            self.line(self.update_text(Place(here), self.some_players()))
            self.indent -= 1
        self.line("}")

    def loop(self, here, depth):
        k, inner = self.fresh("k"), Place(here)
        if self.chance(0.5):
            pair = [p for p in self.players if p.kind == "value"] or self.players
            kinds = {p.kind for p in pair}
            chosen = self.r.sample(pair, min(2, len(pair)))
            if len(kinds) == 1 and kinds == {"value"}:
                self.line(f"for {k} in [{', '.join(p.name for p in chosen)}] {{ update {k} minimize {k}() * {self.scalar(here, 1)} with {self.rule()} }}")
                return
        self.line(f"for {k} in [{self.number()}, {self.number()}] {{")
        self.indent += 1
        inner.numbers.append(k)
        self.statement(inner, depth - 1)
        self.line(self.update_text(inner, self.some_players()))
        self.indent -= 1
        self.line("}")

    def let_applied(self, here):
        """What is applied later: its arguments are what they were here."""
        n, r, e = self.fresh("l"), self.r.random(), lambda: self.scalar(here, 1)
        if r < 0.35:
            t = self.fresh("t")
            axis = self.r.choice(here.samples)[1] if here.samples and self.chance(0.4) else None
            self.line(f"let {n} = {self.r.choice([f'half({self.scalar(here, 1, axis)})', f'fn({t}) {t} * {self.scalar(here, 1, axis)} + tanh({self.scalar(here, 1, axis)})'])}")
            if axis:
                here.axised.append((n, axis))
            else:
                here.functions.append(n)
        elif r < 0.8:
            text, size = self.r.choice([(f"Normal({e()}, 0)", 2), (f"rows([{e()}, {e()}])", "all"), (f"rows([{e()}, {self.number()}, {e()}])", "all"), (f"stop(rows([{e()}, {e()}]))", "all"),
                                        (f"Normal({e()}, 0) |> map({self.bijector(e)})", 3)])
            self.line(f"let {n} = {text}")
            here.kept.append((n, size))
        else:
            self.line(f"let {n} = {self.r.choice([f'stretch({e()}, {e()})', f'kinked({e()})'])}")
            here.maps.append(n)

    def let(self, here):
        if self.chance(0.2):
            self.let_applied(here)
            return
        n, r = self.fresh("l"), self.r.random()
        if here.samples and r < 0.3:
            _, axis, _ = self.r.choice(here.samples)
            own = [m if not v else f"{m}[0]" for m, a, v in here.samples if a == axis]
            self.line(f"let {n} = {self.r.choice(own)} * {self.scalar(here, 1, axis)} + {self.scalar(here, 1, axis)}")
            here.over.append((n, axis))
            return
        if r < 0.4:
            self.line(f"let ({n}, {n}b) = ({self.scalar(here, 2)}, {self.scalar(here, 1)})")
            here.numbers += [n, n + "b"]
            return
        if r < 0.5:
            self.line(f"let {n}r = (p: {self.scalar(here, 1)}, q: {self.scalar(here, 1)})")
            here.numbers += [f"{n}r.p", f"{n}r.q"]
            return
        if r < 0.6 and here.numbers:
            a = [x for x in here.numbers if "." not in x and "[" not in x]
            if a:
                a = self.r.choice(a)
                self.line(f"let {n} = grad[{a}] ({a} * {self.scalar(here, 1)} + {a}^2)")
                here.numbers.append(n)
                return
        values = self.of("value")
        if r < 0.68 and values:
            p = self.r.choice(values)
            self.line(f"let {n}g = grad[{p.name}] ({self.term_of(here, p)} * {p.name}())")
            here.numbers.append(f"{n}g.v")
            return
        if r < 0.74:
            self.line(f"let {n}v = [{self.scalar(here, 1)}, {self.scalar(here, 1)}]")
            here.numbers += [f"{n}v[0]", f"sum({n}v)"]
            return
        if r < 0.82 and self.players:
            self.line(f"let {n} = {self.term_of(here, self.r.choice(self.players))}")
            here.numbers.append(n)
            return
        self.line(f"let {n} = {self.scalar(here, 2)}")
        here.numbers.append(n)

    def sample(self, here):
        n, r = self.fresh("s"), self.r.random()
        models = self.of("model")
        if self.tables and self.chance(0.4):
            self.line(f"{n} ~ {self.r.choice(self.tables)} : all")
            here.samples.append((f"{n}.x", n, False))
            here.classes.append((f"{n}.y", n))
        elif r < 0.3:
            self.line(f"{n} ~ {self.table()} : all")
            here.samples.append((n, n, False))
        elif r < 0.45:
            self.line(f"{n} ~ {self.table2()} : all")
            here.samples.append((n, n, True))
        elif r < 0.5 and models:
            self.line(f"{n} ~ {self.r.choice(models).name}^2 : {'batch' if here.batch else '2'}")
            here.samples.append((n, n, True))
        elif r < 0.75 and models:
            size = "batch" if here.batch else "2"
            m = f"{n}b"
            if self.chance(0.5):
                self.line(f"{n} ~ {self.r.choice(models).name}, {m} ~ Normal({self.number()}, 0) : {size}")
                here.samples += [(n, n, False), (m, n, False)]
                self.line(f"let {n}u = 0.4 * {n} + 0.6 * {m} + 0.0 * E[{m}] {m}")
                here.over.append((f"{n}u", n))
            else:
                self.line(f"{n} ~ {self.r.choice(models).name} : {size}")
                here.samples.append((n, n, False))
        elif self.indent > self.in_block:                   # its report would be one of several in a round
            self.line(f"{n} ~ {self.table()} : all")
            here.samples.append((n, n, False))
        else:
            noise = self.fresh("noise")
            self.line(f"{noise} ~ {self.r.choice(['Normal(0, 1)', 'Uniform(-1, 1)', 'Normal(0.3, 0.5)'])}^3")
            for i in range(3):
                self.line(f"report {noise}_{i} = {noise}[{i}]")
            self.line(f"{n} ~ rows({noise}) : all")
            here.samples.append((n, n, False))

    def pairs(self):
        return [(a, b) for a in self.players for b in self.players if a is not b and a.kind == b.kind and a.paths == b.paths and a.states == b.states and a.kind == "critic"]

    def follow(self):
        """copy and average between players of the same make."""
        pairs = self.pairs()
        if pairs:
            a, b = self.r.choice(pairs)
            self.line(self.r.choice([f"copy {a.name} into {b.name}", f"average {a.name} into {b.name} decay 0.7"]))

    def report(self, here):
        self.reports += 1
        e = self.scalar(here, 2)
        self.line(f"report r{self.reports} = {self.look_ahead(here, e) if self.chance(0.3) else e}")

    def final_reports(self, here):
        for p in self.players:
            for q in p.paths + p.states + ["steps"]:
                self.reports += 1
                self.line(f"report r{self.reports} = {p.name}.{q}")
        for s in self.states + here.numbers + [f"{c}.base" for c, _ in self.memories]:
            self.reports += 1
            self.line(f"report r{self.reports} = {s}")
        for _ in range(1 if self.small else 3):
            self.report(here)

    def no_reports_in_repeats(self):
        """A log keeps one value a round, so what a `repeat` reports cannot be told apart."""
        out, inside = [], []
        for l in self.out:
            if l.strip().startswith("}"):
                inside.pop()
                inside += [inside[-1] if inside else False] if l.strip().endswith("{") else []
            elif l.endswith("{"):
                inside.append(l.strip().startswith(("repeat", "for", "if")) or bool(inside and inside[-1]))
            if inside and inside[-1] and l.strip().startswith("report"):
                continue
            out.append(l)
        self.out = out

    def alternate(self, here):
        inner = Place(here)
        inner.batch = self.r.choice([2, 3])
        self.line(f"alternate {self.r.randint(1, 4)} steps, batch {inner.batch} {{")
        self.indent, self.in_block = 1, True
        for _ in range(self.r.randint(1, 2) if self.small else self.r.randint(2, 6)):
            self.statement(inner, 2)
        self.line(self.update_text(inner, self.some_players()))
        for f in self.actors:
            p = self.r.choice(self.of("value")).name
            self.line(f"update {p} minimize {f}({p}()) * {p}() with sgd(0.1)")
        if self.chance(0.3):
            self.reports += 1
            self.line(f"every 2 {{ report r{self.reports} = {self.scalar(inner, 2)} }}")
        if self.chance(0.2):
            self.nested(f"every {self.r.randint(1, 2)} {{", inner, 1)
        if self.chance(0.2):
            self.reports += 1
            self.line(f"report r{self.reports} = {self.scalar(inner, 1)}")
            self.line(f"stop when r{self.reports} {self.r.choice('<>')} {self.number()}")
            if self.chance(0.5):
                self.line(self.update_text(inner, self.some_players()))
        self.indent, self.in_block = 0, False
        self.line("}")

    def top_statement(self, here):
        r = self.r.random()
        if self.chance(0.08):
            n, kept = self.fresh("d"), self.players
            self.players = [p for p in kept if not p.states]
            self.line(f"data {n} = [{self.scalar(here, 1)}, {self.scalar(here, 1)}, {self.number()}]")
            self.players = kept
            here.kept.append((n, "all"))
            return
        if r < 0.1:
            self.declare_function(here)
        elif r < 0.3:
            kept = self.players
            self.players = [p for p in kept if not p.states]
            self.let(here)
            self.players = kept
        elif r < 0.4:
            self.sample(here)
        elif r < 0.6:
            self.line(self.update_text(here, self.some_players()))
        elif r < 0.7:
            self.nested(f"repeat {self.r.randint(1, 3)} {{", here, 1)
        elif r < 0.8 and self.states:
            s = self.r.choice(self.states)
            self.line(f"{s} := {self.quiet(here)}")
        else:
            self.report(here)

    def program(self):
        self.line("import optim")
        for text in list(LAYERS.values()) + list(RULES.values()) + DEFS + BIJECTORS:
            self.line(text)
        for _ in range(self.r.randint(1, 2)):
            self.declare_value()
        for make, p in ((self.declare_critic, 0.9), (self.declare_critic, 0.5), (self.declare_model, 0.6), (self.declare_vector, 0.3), (self.declare_model, 0.2)):
            if self.chance(p):
                make()
        if self.chance(0.3):
            self.declare_data()
        if self.chance(0.2):
            self.declare_conditional()
        if self.chance(0.15):
            self.declare_flow()
        if self.chance(0.15):
            self.declare_prescribed()
        if self.chance(0.4):
            self.declare_comparison()
        if self.chance(0.25):
            self.declare_memory()
        if self.chance(0.2):
            self.declare_actor()
        if self.chance(0.25):
            self.declare_loss()
        if self.chance(0.25):
            s = self.fresh("mem")
            self.line(f"state {s}: real[2] = [{self.number()}, {self.number()}]")
            self.states += [f"{s}[0]", f"{s}[1]"]
        if self.chance(0.25):
            s = self.fresh("mem")
            self.line(f"state {s} = (p: {self.number()}, q: (r: [{self.number()}, {self.number()}], s: {self.number()}))")
            self.states += [f"{s}.p", f"{s}.q.r[0]", f"{s}.q.r[1]", f"{s}.q.s"]
        if self.chance(0.15):
            s = self.fresh("mem")
            self.line(f"state {s}: real[2, 3] = [[{self.number()}, 0.1, 0.2], [0.3, {self.number()}, -0.1]]")
            self.states += [f"{s}[0, 1]", f"{s}[1, 2]", f"{s}[1, 0]"]
        if self.chance(0.4):
            s = self.fresh("mem")
            self.line(f"state {s}: real = {self.number()}")
            self.states.append(s)
        here = Place()
        for _ in range(self.r.randint(0, 1 if self.small else 2)):
            self.top_statement(here)
        for _ in range(1 if self.small else self.r.choice([1, 1, 2])):
            self.alternate(here)
            if self.chance(0.15):
                self.declare_runs()
            if self.chance(0.2):
                self.declare_carried()
            if self.chance(0.3):
                self.top_statement(here)
        self.final_reports(here)
        self.no_reports_in_repeats()
        return used_only(self.out)


def used_only(lines):
    """The declarations above that the program does not mention are left out."""
    while True:
        out = []
        for i, l in enumerate(lines):
            m = re.match(r"(?:layer|optimizer|def|loss|bijector|distribution) (\w+)", l)
            if not m or any(re.search(rf"\b{m.group(1)}\b", o) for j, o in enumerate(lines) if j != i):
                out.append(l)
        if len(out) == len(lines):
            return "\n".join(out) + "\n"
        lines = out


def program(seed):
    """One in ten is about draws."""
    return draws.program(seed) if seed % 10 == 7 else Generator(seed).program()
