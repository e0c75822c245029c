"""draws.py - small random games about draws: which are the same, which are drawn anew.

In: a seed.   Out: the text of a program whose draws nobody can know; what the oracle knows is which reports are equal (game.drawn).
Idea: the same text stands twice wherever it may, so that draws that are shared by mistake make two reports equal, or a difference zero; a sample, a let
or a value that is kept is used twice, so that draws made anew by mistake make two reports differ. All is smooth: no number decides anything.
Start at program(), at the bottom."""
import random

HEAD = """# draws: random
import optim
layer Noise()(x: real) -> real { u ~ Normal(0, 0.5); x + u }
layer Lin(k: real = 0.5)(x: real) -> real { param w: real = k; w * x }
layer Norm()(x: real) -> real { state m: real = 0.1; m := 0.5 * m + 0.5 * E[o ~ batch_of(x)] o; x - m }
bijector stretch(a, b) { forward(z) = exp(a) * z + b; inverse(x) = (x - b) * exp(-a); log_det(z) = a }
distribution Waiting(rate) -> real { sample = { u ~ Uniform(0, 1); -log(u) / rate }; log_prob(x) = log(rate) - rate * x }
distribution Twofold(m) -> real { sample = { u ~ Normal(0, 1); let c = E[v ~ Normal(m, 1) : 2] v; u + 0.5 * c }; log_prob(x) = 0 }
net V { param v: real = 0.7; v }
net W { param v: real = 0.7; v }
net D(x: real) -> real { param w: real = 0.6; w * x |> Noise() }
net B(x: real) -> real { param w: real = 0.5; w * x |> Norm() }
implicit G(z: real ~ Normal(0, 1)) -> real { param w: real = 0.8; w * z + 0.1 }
implicit H(z: real ~ Normal(0, 1)) -> real { param w: real = 0.8; let m = E[u ~ Normal(0, 1) : 2] u; w * z + m }
implicit J { t ~ Normal(0, 1); x ~ Normal(t, 1); (t: t, x: x) }
prescribed P(c: real) -> real { param w: real = 0.8; Normal(w * c, 1) }
def f() = E[x ~ Normal(0, 1) : 2] x
def g(t) = { u ~ Normal(0, 1); u * t }
def means(p, t) = E[x ~ p : 2] t * x
comparison gap(p, q) {
  draw = E[x ~ p : 2] x
  both = draw + 2 * draw
  spread(t) = E[x ~ p : 2, y ~ q : 2] (x - t * y)
  held = { let c = draw; c * c - 0.5 * c }
}
compare k1 = gap(Normal(0, 1), G)
compare k2 = k1 with both += k1.draw
loss L = E[x ~ G : 2] tanh(x)
"""


class Draws:
    def __init__(self, seed):
        self.r, self.out, self.count, self.reports, self.indent = random.Random(seed), [], 0, 0, 0
        self.numbers, self.samples, self.kept, self.batch = [], [], [], False
        self.states = []

    def fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def line(self, text):
        self.out.append("  " * self.indent + text)

    def number(self):
        return repr(round(self.r.uniform(0.3, 1.3), 2))

    def size(self):
        return "" if self.batch and self.r.random() < 0.4 else f" : {self.r.choice([2, 3])}"

    def law(self, at):
        """A distribution of one number, around what `at` makes."""
        own = [lambda: self.r.choice(self.kept)] * 3 * bool(self.kept)
        return self.r.choice([lambda: f"Normal({at()}, {self.number()})", lambda: f"Uniform(-1, {self.number()})", lambda: "G", lambda: "H", lambda: "stop(G)", lambda: f"Waiting({self.number()})",
                              lambda: f"Twofold({at()})", lambda: f"P({at()})", lambda: f"Normal(0, 1) |> map(stretch(0.2, {at()}))", lambda: f"H |> map(fn(t) t * {self.number()})"] + own)()

    def atom(self, own=()):
        return self.r.choice([self.number] + [lambda: self.r.choice(own)] * 5 * bool(own) + [lambda: self.r.choice(self.numbers)] * 3 * bool(self.numbers) +
                             [lambda: self.r.choice(["V()", "W()", "V.v"]), lambda: self.r.choice(self.states) if self.states else "V()"])()

    def twice(self, e):
        return self.r.choice([f"({e} - {e})", f"({e} - 0.5 * ({e}))", f"{{ let q = {e}; q * q - 0.3 * q }}", f"({e}) * ({e})"])

    def smooth(self, e):
        return self.r.choice([e, f"tanh({e})", f"({e})^2", f"0.5 * {e}", f"({e} + {self.number()})"])

    def scalar(self, depth, own=()):
        """A number; `own`: what varies over the sample at hand."""
        if depth <= 0:
            return self.atom(own)
        sub = lambda more=(): self.scalar(depth - 1, tuple(own) + tuple(more))
        x, y = self.fresh("x"), self.fresh("y")
        law = lambda: self.law(lambda: self.atom(own))
        bound = lambda: self.r.choice(self.samples)
        forms = [lambda: f"(E[{x} ~ {law()}{self.size()}] {sub([x])})", lambda: f"(E[{x} ~ {law()}{self.size()}] {x})",
                 lambda: f"(E[{x} ~ {law()}, {y} ~ Normal({x}, 1){self.size()}] {sub([x, y])})", lambda: f"(E[{x} ~ {law()} : 2, {y} ~ {law()} : 3] {sub([x, y])})",
                 lambda: f"(E[{x}, {y} ~ Normal({self.number()}, 1) : 3] {x} * {y} * {sub([x])})",
                 lambda: f"(E[{x} ~ ({self.law(self.number)})^2{self.size()}] {x}[0] * {sub([f'{x}[1]'])})", lambda: f"(E[{x} ~ J{self.size()}] {x}.t * {sub([f'{x}.x'])})",
                 lambda: f"(E[({x}, {y}) ~ J{self.size()}] {x} * {sub([y])})", lambda: f"(E[{x} ~ (a: {self.law(self.number)}, b: {self.law(self.number)}){self.size()}] {x}.a * {sub([f'{x}.b'])})",
                 lambda: "f()", lambda: f"g({sub()})", lambda: f"means({law()}, {sub()})", lambda: "k1.draw", lambda: "k2.both", lambda: "k1.both", lambda: f"k1.spread({self.atom()})", lambda: "k2.held",
                 lambda: f"D({sub()})", lambda: f"{{ {x} ~ {law()}; {sub([x])} * {x} }}", lambda: f"{{ let {x} = {sub()}; {x} * {sub([x])} }}",
                 lambda: f"({sub()} + {sub()})", lambda: f"{sub()} * {sub()}", lambda: self.twice(sub()), lambda: self.twice(sub()), lambda: self.smooth(sub()),
                 lambda: f"dot(replicate(2, fn() {sub()}), [1.0, -1.0])", lambda: f"dot(map(fn({x}) {sub([x])}, [{self.number()}, {sub()}]), [1.0, -0.7])",
                 lambda: f"dot(map(fn({x}) {sub()}, [1.0, 2.0]), [1.0, -1.0])", lambda: f"dot(tabulate(2, fn({x}) {sub()}), [1.0, -1.0])",
                 lambda: f"fold({sub()}, 2, fn({x}, _) 0.5 * {x} + {sub([x])})", lambda: f"dot(scan({sub()}, 2, fn({x}, _) 0.0 * {x} + {sub()}), [1.0, -1.0])",
                 lambda: f"sum(for k in [1, 2] {{ {sub()} }})", lambda: f"(grad[V] (V.v^2 * {sub()})).v", lambda: f"{{ let {x} = {sub()}; grad[{x}] ({x}^2 * {sub([x])}) }}",
                 lambda: f"(after {self.r.choice([1, 2])} {{ update V minimize V.v^2 * {sub()} with sgd(0.1) }} (V() * {sub()}))"]
        if self.samples:
            forms += [lambda: (lambda s: f"(E[{s}] {sub([s])})")(bound()), lambda: (lambda s: f"(E[{s}] {sub([s])})")(bound()), lambda: (lambda s: f"(E[{s}] B({s}) * {sub([s])})")(bound()),
                      lambda: (lambda s: f"(E[{s}] {s} * (E[{y} ~ batch_of({s})] {sub([y])}))")(bound())]
        return self.r.choice(forms)()

    def report(self, e):
        self.reports += 1
        self.line(f"report r{self.reports} = {e}")

    def loss(self, p):
        e = self.scalar(2)
        return self.r.choice([f"{p}.v * {e}", f"({p}() - {e})^2", f"{p}() * {e} + 0.5 * {p}()^2"])

    def twins(self):
        """Two players that begin alike, with losses of one text: equal where the draws are, and only there."""
        e = self.loss("V")
        a, b = (f"update {p} minimize {e.replace('V', p) if p == 'W' else e} with {rule}" for p, rule in [("V", "sgd(0.1)"), ("W", "sgd(0.1)")])
        return a, b

    def statement(self, depth):
        r = self.r.random()
        if r < 0.2:
            a, b = self.twins()
            self.line(self.r.choice([f"simultaneous {{ {a}; {b} }}", f"extragradient {{ {a}; {b} }}", f"{a}\n{'  ' * self.indent}{b}"]))
        elif r < 0.3:
            self.line(self.r.choice(["update G minimize L with sgd(0.1)", f"update G along grad[G] (L * {self.scalar(1)}) with sgd(0.1)", "update H minimize E[x ~ H : 2] x^2 with sgd(0.1)",
                                     f"update D minimize (E[x ~ {self.law(self.number)} : 2] D(x)^2) with sgd(0.1)", "update B minimize (E[x ~ G : 3] B(x)^2) with sgd(0.1)", "update P minimize (E[x ~ P(0.5) : 2] x^2) with sgd(0.1)"]))
        elif r < 0.5:
            n = self.fresh("l")
            self.line(f"let {n} = {self.scalar(2)}")
            self.numbers.append(n)
        elif r < 0.6:
            n = self.fresh("p")
            self.line(f"let {n} = {self.r.choice([f'Normal({self.scalar(1)}, 1)', f'Twofold({self.scalar(1)})', f'Normal({self.scalar(1)}, 1) |> map(stretch(0.2, {self.scalar(1)}))'])}")
            self.kept.append(n)
        elif r < 0.7:
            n = self.fresh("s")
            self.line(f"{n} ~ {self.law(self.atom)} : {'batch' if self.batch else self.r.choice([2, 3])}")
            self.samples.append(n)
        elif r < 0.75 and self.states:
            self.line(f"{self.r.choice(self.states)} := {self.scalar(2)}")
        elif r < 0.85 and depth:
            kept = list(self.numbers), list(self.samples), list(self.kept)
            self.line(self.r.choice(["repeat 2 {", "for k in [1, 2] {", "if V() > -1e6 {"]))
            self.indent += 1
            for _ in range(2):
                self.statement(0)
            self.indent -= 1
            self.line("}")
            self.numbers, self.samples, self.kept = kept
        elif self.indent < 2:
            e = self.scalar(2)
            self.report(e)
            if self.r.random() < 0.5:
                self.report(e)

    def program(self):
        if self.r.random() < 0.4:
            self.line("state m: real = 0.3")
            self.states.append("m")
        for _ in range(self.r.randint(1, 3)):
            self.statement(0)
        if self.r.random() < 0.7:
            kept = list(self.numbers), list(self.samples), list(self.kept)
            self.line(f"alternate {self.r.choice([1, 2])} steps, batch {self.r.choice([2, 3])} {{")
            self.indent, self.batch = 1, True
            for _ in range(self.r.randint(2, 4)):
                self.statement(1)
            self.line("update W minimize (W() - 0.2 * E[x ~ Normal(0, 1)] x)^2 with sgd(0.1)")
            self.indent, self.batch = 0, False
            self.line("}")
            self.numbers, self.samples, self.kept = kept
        for _ in range(self.r.randint(1, 2)):
            self.report(self.scalar(2))
        for e in ["V.v", "W.v", "V.v - W.v", "G.w", "D.w", "B.Norm_1.m"] + self.numbers + self.states:
            self.report(e)
        return HEAD + "\n".join(self.out) + "\n"


def program(seed):
    return Draws(seed).program()
