"""game.py - declarations and the schedule: what each statement does to the environment.

In: the text of a program, and the numbers that gan reported for draws nobody can know.   Out: every report, in order; or Wrong with a code.
Idea: a program is gone through twice. The first time (`checking`) every body is taken once, both arms of an `if`, with the slots that a
loop or a branch changes read afresh: this finds what must be an error whether or not it is ever reached. The second time it runs.
Start at play(), at the bottom."""
import functools
import random

import scalar
from evaluate import Evaluator, Scope, chosen
from scalar import const
from syntax import Node, Strange, files, parse
from values import Bijector, Comparison, Dist, Fn, Instance, Layer, Player, Record, Rule, Slot, SlotRecord, T, Thunk, Wrong, each, elementwise, fields, fill, identity, leaves, number, pick, stack, tensor

LIBRARY = """
optimizer sgd(lr)(w, g) { w := w - lr * g }
optimizer momentum(lr, mu = 0.9)(w, g) { state m = zeros(w); m := mu * m + g; w := w - lr * m }
optimizer rmsprop(lr, rho = 0.9, eps = 1e-8)(w, g) { state s = zeros(w); s := rho * s + (1.0 - rho) * g * g; w := w - lr * g / (sqrt(s) + eps) }
optimizer adam(lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8)(w, g) {
  state m = zeros(w)
  state v = zeros(w)
  m := beta1 * m + (1.0 - beta1) * g
  v := beta2 * v + (1.0 - beta2) * g * g
  w := w - lr * (m / (1.0 - beta1^(1.0 * steps))) / (sqrt(v / (1.0 - beta2^(1.0 * steps))) + eps)
}
optimizer nesterov(lr, mu = 0.9)(w, g) { state m = zeros(w); m := mu * m + g; w := w - lr * g - lr * mu * m }
optimizer adagrad(lr, eps = 1e-10)(w, g) { state s = zeros(w); s := s + g * g; w := w - lr * g / (sqrt(s) + eps) }
optimizer centred_rmsprop(lr, rho = 0.9, eps = 1e-8)(w, g) {
  state s = zeros(w)
  state m = zeros(w)
  s := rho * s + (1.0 - rho) * g * g
  m := rho * m + (1.0 - rho) * g
  w := w - lr * g / (sqrt(max(s - m * m, 0.0 * s)) + eps)
}
optimizer amsgrad(lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8)(w, g) {
  state m = zeros(w)
  state v = zeros(w)
  state top = zeros(w)
  m := beta1 * m + (1.0 - beta1) * g
  v := beta2 * v + (1.0 - beta2) * g * g
  top := max(top, v)
  w := w - lr * (m / (1.0 - beta1^(1.0 * steps))) / (sqrt(top / (1.0 - beta2^(1.0 * steps))) + eps)
}
optimizer adamax(lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8)(w, g) {
  state m = zeros(w)
  state u = zeros(w)
  m := beta1 * m + (1.0 - beta1) * g
  u := max(beta2 * u, abs(g) + eps)
  w := w - lr / (1.0 - beta1^(1.0 * steps)) * m / u
}
optimizer nadam(lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8)(w, g) {
  state m = zeros(w)
  state v = zeros(w)
  m := beta1 * m + (1.0 - beta1) * g
  v := beta2 * v + (1.0 - beta2) * g * g
  let mean = beta1 * m / (1.0 - beta1^(1.0 * steps + 1.0)) + (1.0 - beta1) * g / (1.0 - beta1^(1.0 * steps))
  w := w - lr * mean / (sqrt(v / (1.0 - beta2^(1.0 * steps))) + eps)
}
optimizer adamw(lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, decay = 0.01)(w, g) {
  state m = zeros(w)
  state v = zeros(w)
  m := beta1 * m + (1.0 - beta1) * g
  v := beta2 * v + (1.0 - beta2) * g * g
  w := w - lr * decay * w - lr * (m / (1.0 - beta1^(1.0 * steps))) / (sqrt(v / (1.0 - beta2^(1.0 * steps))) + eps)
}
optimizer lion(lr, beta1 = 0.9, beta2 = 0.99, decay = 0)(w, g) {
  state m = zeros(w)
  let c = beta1 * m + (1.0 - beta1) * g
  m := beta2 * m + (1.0 - beta2) * g
  w := w - lr * (sign_of(c) + decay * w)
}
optimizer clipped_value(limit, inner)(w, g) { inner(w, max(-limit, min(g, limit))) }
optimizer clipped(limit, inner)(w, g) { inner(w, g * min(1.0, limit / (norm(g) + 1e-12))) }
"""


def differentiated(node, found):
    """The names that some grad[..] of the program names."""
    if isinstance(node, Node):
        if node.kind == "grad":
            for t in node.of:
                while t.kind in ("index", "field"):
                    t = t.e
                if t.kind == "name":
                    found.add(t.name)
        for v in node.__dict__.values():
            differentiated(v, found)
    elif isinstance(node, (list, tuple)):
        for v in node:
            differentiated(v, found)
    return found


DRAWS_WANTED, DRAWS = "# draws: random", [11, 12, 13]           # a comment by which a program asks for draws of the oracle's own


class Stopped(Exception):
    """Leaves a block."""


def used_names(node, found):
    """The names that an expression reads."""
    if isinstance(node, Node):
        if node.kind == "name":
            found.add(node.name)
        for v in node.__dict__.values():
            used_names(v, found)
    elif isinstance(node, (list, tuple)):
        for v in node:
            used_names(v, found)
    return found


class Game(Evaluator):
    def __init__(self, names, given, checking):
        super().__init__(names)
        self.given, self.checking, self.silent = given, checking, False
        self.reports, self.rules, self.declared, self.updated, self.drawn = {}, {}, {}, set(), {}
        self.committed, self.moves = {}, 0                  # by application and slot: it (so that it lives), and in which update
        self.together = None                                # what the updates of a simultaneous commit, by slot and application
        self.around, self.forgotten = False, set()          # is there a block around; applications whose assignments were looked ahead at, by id

    # ---- declarations

    def declare(self, s, scope):
        if s.word in ("net", "implicit", "prescribed"):
            return self.declare_player(s, scope)
        if s.word == "layer":
            scope.set(s.name, Layer(s, scope, s.lists))
        elif s.word == "bijector" and not s.lists:
            scope.set(s.name, self.members(s, scope))
        elif s.word in ("def", "bijector", "comparison", "distribution", "optimizer"):
            scope.set(s.name, Fn(s, s.lists, s.body if s.body is not None else s.value, scope))
        else:
            raise Strange(s.word)
        return None

    def declare_player(self, s, scope):
        p = self.declared.get((id(s), self.place))
        if not p:
            p = self.declared[id(s), self.place] = Player(s.name)
            self.give_body(p, s, scope)
        if p.steps not in self.env:
            self.put(p.steps, tensor(0))
        scope.set(s.name, p)
        if p.instance.slots or p.instance.children:
            for kind in ("param", "state"):
                for slot in self.slots(p.instance, kind):
                    if slot not in self.env:
                        self.put(slot, slot.first)
        else:
            self.complete(p)

    def give_body(self, p, s, scope):
        if s.value is None:
            p.body, p.model = Fn(s, s.lists, s.body, scope), s.word != "net"
            return
        v = self.eval(s.value, scope)
        if isinstance(v, Layer):
            p.body = v
        elif isinstance(v, Bijector):
            p.bijector = v
        elif isinstance(v, tuple) and v[0] == "copy":
            p.body, p.model, p.instance.source = v[1].body, v[1].model, v[1].instance
        else:
            raise Strange("a net of something else")

    def complete(self, p):
        """A model's arguments are drawn in its own way; here they are any numbers."""
        if not (p.instance.slots or p.instance.children):
            before = self.silent, self.place, self.instance, self.completing
            self.silent, self.place, self.instance, self.completing = True, (), None, True
            super().complete(p)
            self.silent, self.place, self.instance, self.completing = before

    def members(self, d, scope):
        """What a comparison, distribution or rule with its arguments is."""
        if d.word == "optimizer":
            return Rule(d, scope)
        if d.word == "bijector":
            return Bijector(d, scope)
        if d.word == "distribution":
            sample, density = (next((m for m in d.body if m.kind == "member" and m.name == name), None) for name in ("sample", "log_prob"))
            if not sample:
                raise Strange("a distribution that cannot be drawn from")
            return Dist("custom", sample=sample.value, scope=scope, density=density and Fn(density, [density.params], density.value, scope))
        instance = Instance(d.name, None)
        for m in d.body:
            if m.kind == "state":
                slot = instance.slots[m.name] = Slot(m.name, "state", None)
                slot.first = self.first_value(m, scope)
                self.put(slot, slot.first)
                scope.set(m.name, slot)
            elif m.kind == "member":
                scope.set(m.name, Thunk(m.value, scope, instance) if m.params is None else Fn(m, [m.params], m.value, scope))
            else:
                self.local(m, scope)
        return Comparison(scope, d.name)

    def compare(self, s, scope):
        c = self.eval(s.value, scope)
        if not isinstance(c, Comparison):
            raise Strange("compare of something else")
        changed = dict(c.changed)
        for name, op, e in s.changes:
            old = changed.get(name, c.scope.names[name])
            new = Thunk(e, scope)
            changed[name] = new if op == "=" else Thunk(Node("joined", s.line, a=old, b=new), scope)
        scope.set(s.name, Comparison(c.scope, s.name, changed))

    def e_joined(self, e, scope):
        return fields("add", self.force(e.a), self.force(e.b), e.line)

    # ---- control

    def fresh(self, changed):
        """The slots of `changed` are read afresh: same values, other nodes."""
        for slot in changed:
            self.put(slot, self.env[slot])

    def changes(self, before):
        return [s for s, v in self.env.items() if s in before and before[s] is not v]

    def trial(self, stmts, scope):
        """What a body changes and whom it updates; then everything is as it was."""
        kept = (self.env, self.silent, self.checking, self.updated, self.drawn, self.place)
        rules = {k: dict(v) for k, v in self.rules.items()}
        self.silent, self.checking, self.updated, self.drawn = True, True, set(), dict(self.drawn)
        self.statements(stmts, Scope(scope))
        changed, updated = self.changes(kept[0]), self.updated
        self.env, self.silent, self.checking, self.updated, self.drawn, self.place = kept
        self.rules = rules
        return changed, updated

    def loop(self, stmts, scope, rounds):
        if not self.checking or self.ahead:                 # ahead all rounds are unrolled
            for i in rounds:
                yield i
                self.statements(stmts, Scope(scope))
            return
        changed, _ = self.trial(stmts, scope)
        self.fresh(changed)
        yield 0
        self.statements(stmts, Scope(scope))
        self.fresh(changed)

    def branch(self, taken, arms, scope):
        """Statements of which one arm runs; checking takes each from the same environment."""
        if not self.checking:
            for arm in arms:
                if taken(arm):
                    return self.statements(arm, Scope(scope))
            return None
        start, changed = self.env, []
        for arm in arms:
            self.env = start
            self.statements(arm, Scope(scope))
            changed += [s for s in self.changes(start) if s not in changed]
        self.env = start
        self.fresh(changed)
        return None

    def statements(self, stmts, scope):
        for s in stmts:
            self.statement(s, scope)

    def statement(self, s, scope):
        method = getattr(self, "s_" + s.kind, None)
        if not method:
            raise Strange(f"line {s.line}: {s.kind}")
        method(s, scope)

    def top(self, s, scope):
        """A statement of the top level is a block of its own."""
        body = {"alternate": lambda: s.body, "repeat": lambda: s.body, "update": lambda: [s], "simultaneous": lambda: [s], "extragradient": lambda: [s], "if": lambda: [s]}.get(s.kind)
        if s.kind == "for":
            return self.top_for(s, scope)
        if not body:
            return self.statement(s, scope)
        self.rules, self.around = {}, True
        before = self.mode
        if s.kind in ("alternate",):
            self.batch = self.eval(s.batch, scope) if s.batch else None
        _, self.mode = self.trial(body(), scope)
        self.statement(s, scope)
        self.mode, self.batch, self.around = before, None, False
        return None

    def top_for(self, s, scope):
        self.rounds(s, scope, self.top)

    def rounds(self, s, scope, do):
        """The statements of a static loop; with what is carried the last line of each says what the next one has."""
        place, carried = self.place, [self.eval(v, scope) for _, v in s.carried]
        for i, x in enumerate(self.eval(s.over, scope)):
            inner = Scope(scope)
            self.place = place + (("round", id(s), i),)
            self.bind(inner, s.pattern, x)
            for (p, _), v in zip(s.carried, carried):
                self.bind(inner, p, v)
            for t in s.body[:-1] if s.carried else s.body:
                do(t, inner)
            if s.carried:
                v = self.eval(s.body[-1].e, inner)
                carried = [v] if len(s.carried) == 1 else list(v.fields.values())
        self.place = place

    def s_alternate(self, s, scope):
        n = self.eval(s.steps, scope)
        self.round = 0
        try:
            for i in self.loop(s.body, scope, range(n)):
                self.round = i + 1
                self.step = i
        except Stopped:
            pass

    def s_stop(self, s, scope):
        """Of the latest reports; what has not been reported holds nothing up."""
        latest = Scope(scope)
        for name, values in self.reports.items():
            latest.set(name, identity(tensor(values[-1])))
        if not self.checking and all(n in latest.names for n in used_names(s.e, set())) and tensor(self.eval(s.e, latest)).data[0].val:
            raise Stopped

    def s_repeat(self, s, scope):
        """A count that is computed is known when the loop begins."""
        before, self.mode = self.mode, frozenset()
        n = self.eval(s.count, scope)
        self.mode = before
        if isinstance(n, T):
            if self.ahead:
                raise Strange("a count that is not static, ahead")
            n = 1 if self.checking else int(tensor(n).data[0].val)
        for _ in self.loop(s.body, scope, range(n)):
            pass

    def s_every(self, s, scope):
        n = self.eval(s.count, scope)
        self.branch(lambda arm: self.round % n == 0, [s.body], scope)

    def s_if(self, s, scope):
        before, self.mode = self.mode, frozenset()
        cond = self.eval(s.cond, scope)
        self.mode = before
        if not isinstance(cond, T):
            chosen = s.yes if cond else s.no or []
            return self.statements(chosen, Scope(scope))
        yes = bool(cond.data[0].val)
        arms = [s.yes, s.no or []]
        if all(scalar.known(n) for n in cond.data):                                  # one arm is no part of the program
            return self.statements(arms[not yes], Scope(scope))
        if self.ahead:
            return self.select(cond, arms, scope)
        return self.branch(lambda arm: (arm is arms[0]) == yes, arms, scope)

    def select(self, cond, arms, scope):
        """Ahead both arms are computed, and of what one of them changes its value or the other's is selected."""
        start, taken, older, ends = (self.env, self.rules), set(self.committed), {id(f) for f in self.frames}, []
        for arm in arms:
            self.env, self.rules = start[0], {k: dict(v) for k, v in start[1].items()}
            self.statements(arm, Scope(scope))
            ends.append((self.env, self.rules))
        if self.together is not None and self.committed.keys() - taken or any(frame in older for frame, _ in self.committed.keys() - taken):
            raise Strange("an assignment that waits, and one arm does")
        (yes, yes_rules), (no, no_rules) = ends
        self.env = start[0]
        for slot in [s for s in yes if yes[s] is not no[s] and s in self.env]:
            self.put(slot, elementwise("where", cond, yes[slot], no[slot]))
        self.rules = {k: self.selected_rule(cond, yes_rules.get(k, {}), no_rules.get(k, {})) for k in yes_rules.keys() | no_rules.keys()}

    def selected_rule(self, cond, yes, no):
        """What an arm has not begun is where all rules here begin, at zero."""
        zero = lambda v: each(lambda t: elementwise("mul", elementwise("stop", t), 0), v)
        out = {}
        for name in yes.keys() | no.keys():
            a, b = yes.get(name), no.get(name)
            out[name] = a if a is b else chosen(cond, zero(b) if a is None else a, zero(a) if b is None else b)
        return {k: v if k == "steps" else each(self.ahead_value, v) for k, v in out.items()}

    def s_for(self, s, scope):
        self.rounds(s, scope, self.statement)

    def s_simultaneous(self, s, scope):
        self.at_once(s.body, lambda t: self.statement(t, scope), lambda t: t.line)

    def at_once(self, items, do, line):
        """What each changes from one starting point, optimisers' states too. A state that several commit becomes the mean over the applications of all."""
        start, changed, around, self.together = self.env, {}, self.together, {}
        rules, applied = self.rules, {}
        for t in items:
            self.env, self.rules = start, {k: dict(v) for k, v in rules.items()}
            do(t)
            self.join(changed, start, line(t))
            applied |= {k: v for k, v in self.rules.items() if k not in rules or v["steps"] is not rules[k]["steps"]}
        self.env, self.rules = start | changed, rules | applied
        together, self.together = self.together, around
        self.put_means(together)

    def join(self, changed, start, line):
        for slot, v in self.env.items():
            if start.get(slot) is not v:
                if slot in changed:
                    raise Wrong("E402", line, "changed twice")
                changed[slot] = v

    # ---- plain statements

    def s_import(self, s, scope):
        if set(s.names) - {"optim", "nn", "compare"}:
            raise Strange("a library module")

    def s_define(self, s, scope):
        self.declare(s, scope)

    def s_compare(self, s, scope):
        self.compare(s, scope)

    def s_loss(self, s, scope):
        scope.set(s.name, Thunk(s.value, scope))

    def s_let(self, s, scope):
        self.let(s, scope)

    def s_data(self, s, scope):
        v = self.eval(s.value, scope)
        if not isinstance(v, (Dist, list)):
            v = tensor(v)
        if isinstance(v, T) or isinstance(v, list) and not isinstance(v[0], Dist):
            v = Dist("rows", table=columns(tensor(v), s.type) if s.type else identity(tensor(v)), data=True)
        for name, d in zip(s.names, v if isinstance(v, list) else [v]):
            scope.set(name, d)

    def s_state(self, s, scope):
        slot = self.declared.get((id(s), self.place))
        if not slot:
            slot = self.declared[id(s), self.place] = self.state_slots(s.name, None if s.type else self.numbers_of(self.eval(s.value, scope)), s, scope)
        for leaf in leaf_slots(slot):
            if leaf not in self.env:
                self.put(leaf, leaf.first)
        scope.set(s.name, slot)

    def state_slots(self, name, v, s, scope):
        if isinstance(v, Record):
            return SlotRecord(((k, self.state_slots(f"{name}.{k}", x, s, scope)) for k, x in v.fields.items()), v.named)
        slot = Slot(name, "program", None)
        slot.first = self.first_value(s, scope) if v is None else tensor(v)
        return slot

    def s_sample(self, s, scope):
        first = s.binders[0][0][0]
        if s.size is None and isinstance(first, str) and first.startswith("noise"):
            return self.learnt(first, self.eval(s.binders[0][1], scope), scope)
        if s.size is None:
            return self.local(s, scope)
        size = s.size if s.size == "all" else s.size
        self.open(Node("E", s.line, binders=s.binders, size=size), scope, scope)
        return None

    def learnt(self, name, d, scope):
        """A draw whose values the program reports: noise ~ Normal(0, 1)^n; report noise_0 = noise[0]; ..."""
        n = d.n if d.kind == "power" else 1
        k = self.drawn[name] = self.drawn.get(name, -1) + 1

        def value(i):
            seen = self.given.get(f"{name}_{i}", [])
            if self.checking:
                return 0.5 + 0.1 * i
            if k >= len(seen):
                raise Strange("a draw that was not reported")
            return seen[k]

        values = [const(value(i)) for i in range(n)]
        self.bind(scope, name, T((), (n,) if d.kind == "power" else (), values))

    def s_assign(self, s, scope):
        target, items = (s.target.e, s.target.items) if s.target.kind == "index" else (s.target, None)
        slot = self.target(target, scope)
        before, self.mode = self.mode, frozenset()
        v = self.numbers_of(self.eval(s.value, scope))
        if items:
            new = self.elements(tensor(v), self.env[slot].shape, items, scope)
            v = T((), self.env[slot].shape, [new.get(k, x) for k, x in enumerate(self.env[slot].data)])
        self.mode = before
        self.put_all(slot, v)

    def target(self, t, scope):
        if t.kind == "field":
            return self.target(t.e, scope).fields[t.name]
        home = scope.find(t.name)
        slot = home and home.names[t.name]
        if not isinstance(slot, (Slot, SlotRecord)):
            raise Strange("an assignment to something else")
        return slot

    def put_all(self, slot, v):
        if isinstance(slot, Slot):
            return self.put(slot, fill(tensor(v), slot.first.shape))
        for k, x in slot.fields.items():
            self.put_all(x, v.fields[k])
        return None

    def s_report(self, s, scope):
        before, self.mode = self.mode, frozenset()
        v = tensor(self.eval(s.e, scope))
        self.mode = before
        if v.axes or v.shape:
            raise Wrong("E401", s.line, "not one number")
        name = s.name + ("[" + ", ".join(str(self.eval(i, scope)) for i in s.index) + "]" if s.index else "")
        if not self.silent:
            self.reports.setdefault(name, []).append(v.data[0].val)

    def pairs(self, a, b):
        mine = self.slots(b.instance, "param") + self.slots(b.instance, "state")
        return zip(self.slots(a.instance, "param") + self.slots(a.instance, "state"), mine)

    def s_copy(self, s, scope):
        for x, y in self.pairs(self.player(s.a, scope), self.player(s.b, scope)):
            self.put(y, self.env[x])

    def s_average(self, s, scope):
        decay = tensor(self.eval(s.decay, scope))
        for x, y in list(self.pairs(self.player(s.a, scope), self.player(s.b, scope))):
            rest = elementwise("sub", 1, decay)
            self.put(y, elementwise("add", elementwise("mul", decay, self.env[y]), elementwise("mul", rest, self.env[x])))

    def player(self, e, scope):
        p = self.eval(e, scope)
        if not isinstance(p, Player):
            raise Strange("no player")
        self.complete(p)
        return p

    # ---- updates

    def s_update(self, s, scope):
        self.apply_directions(self.taken(s, scope))

    def taken(self, s, scope):
        """The directions of an update, in the environment at hand."""
        players = [self.player(p, scope) for p in s.players]
        self.updated |= set(players)
        rule = self.eval(s.rule, scope)
        if not isinstance(rule, Rule):
            raise Strange("no rule")
        project = self.eval(s.project, scope) if s.project else None
        first = len(self.frames)
        value = self.eval(s.e, scope)
        own = self.frames[first:]
        gradients = self.directions(s, players, value, scope) if s.how == "along" else self.slopes(s, players, value)
        nodes = leaves(value)
        if not self.checking and any(abs(n.val) > 1e8 or n.val != n.val for n in nodes):
            raise Strange("numbers that grow")
        assigned = {id(f): f for f in own if id(f) not in self.forgotten}       # all that the loss contains, whether or not its value depends on it
        for n in nodes:
            assigned.update((k, f) for k, f in scalar.applications(n).items() if k not in self.forgotten)
        return s, players, rule, project, gradients, assigned, own

    def apply_directions(self, taken):
        s, players, rule, project, gradients, assigned, own = taken
        moved = [self.step_player(p, g, rule, project, s) for p, g in zip(players, gradients)]
        for p, w in zip(players, moved):
            for slot, v in zip(self.slots(p.instance, "param"), w):
                self.put(slot, v)
            self.put(p.steps, elementwise("add", self.env[p.steps], 1))
        self.moves += 1
        self.commit(assigned.values(), players)
        if self.ahead:                                      # nobody else contains them, though what was moved here depends on them
            self.forgotten.update(id(f) for f in own)

    # ---- looking ahead: in an environment of its own, whose values are computed numbers at which gradients end for the time being

    def look_ahead(self, body, rounds, scope, then):
        """then(), with the statements of body done so many times."""
        kept = self.env, self.mode, self.updated, self.committed, self.rules, self.ends, self.together
        self.together = None
        self.rules = {k: dict(v) for k, v in self.rules.items()} if self.around else {}
        self.committed, self.updated, self.ends = dict(self.committed), set(), dict(self.ends)
        self.ahead += 1
        around, self.around = self.around, True
        self.mode = self.mode | self.moved_in(body, scope)
        first = len(self.frames)
        for _ in range(rounds):
            self.statements(body, Scope(scope))
        self.forgotten.update(id(f) for f in self.frames[first:])
        self.mode, self.committed = kept[1], kept[3]
        value = then()
        self.ahead -= 1
        self.env, self.mode, self.updated, self.committed, self.rules, self.ends, self.together = kept
        self.around = around
        return value

    def moved_in(self, body, scope):
        out = set()
        for t in body:
            if t.kind in ("simultaneous", "extragradient", "repeat"):
                out |= self.moved_in(t.body, scope)
            elif t.kind == "if":
                out |= self.moved_in(t.yes, scope) | self.moved_in(t.no or [], scope)
            elif t.kind == "for" and not t.carried:
                for x in self.eval(t.over, scope):
                    inner = Scope(scope)
                    self.bind(inner, t.pattern, x)
                    out |= self.moved_in(t.body, inner)
            elif t.kind == "update":
                out |= {self.player(p, scope) for p in t.players}
            elif t.kind not in ("let", "sample", "assign", "copy", "average"):
                raise Strange("no statement of a look ahead")
        return out

    def s_extragradient(self, s, scope):
        for t in s.body:
            if t.kind == "if":                              # decided here, for both steps
                arms = [[Node("extragradient", s.line, body=[u for v in s.body for u in (arm if v is t else [v])])] for arm in (t.yes, t.no or [])]
                return self.s_if(Node("if", t.line, cond=t.cond, yes=arms[0], no=arms[1]), scope)
        together = [Node("simultaneous", s.line, body=s.body)]
        if any(t.kind != "update" for t in s.body):
            raise Strange("no update")
        there = self.look_ahead(together, 1, scope, lambda: [self.taken(t, scope) for t in s.body])
        self.updated |= {p for taken in there for p in taken[1]}
        self.at_once(there, self.apply_directions, lambda taken: taken[0].line)

    def slopes(self, s, players, value):
        value = tensor(value)
        if value.axes or value.shape:
            raise Wrong("E401", s.line, "not one number")
        out = []
        for p in players:
            w = self.parameters(p.instance)
            self.meets_no_older(value.data, p, s.line)
            if not self.has_path(value.data, {id(n) for n in leaves(w)}):
                raise Wrong("E400", s.line, f"no path to {p.name}")
            if not self.has_path(value.data, {id(n) for n in leaves(w)}, stops=False):
                raise Strange("a loss whose every path goes through stop")
            g = self.gradient_record(value, w)
            out.append(g if s.how == "minimize" else each(lambda t: elementwise("neg", t), g))
        return out

    def directions(self, s, players, value, scope):
        if not isinstance(value, Record):
            raise Strange("a direction that is no record")
        if len(players) == 1 and (value.of is players[0] or not value.players and value.of is None and not self.names_players(value, scope)):
            return [value]
        owner = dict(value.players or {})
        for k in value.fields:
            if k not in owner:
                home = scope.find(k)
                owner[k] = home and home.names[k]
        by_player = {id(owner[k]): v for k, v in value.fields.items() if owner[k]}
        if any(id(p) not in by_player for p in players):
            raise Strange("a direction without a player")
        return [by_player[id(p)] for p in players]

    def names_players(self, value, scope):
        return any((home := scope.find(k)) and isinstance(home.names[k], Player) for k in value.fields)

    def step_player(self, p, g, rule, project, s):
        """The new parameters of p, in the order of its slots."""
        w = self.parameters(p.instance)
        if any(t.axes for t in tensors(g)):
            raise Wrong("E401", s.line, "a direction that varies over samples")
        w = self.run_rule(rule, w, g, (p, rule.define.name))
        if project:
            w = each(lambda t: tensor(self.apply(project, [t], {}, s)), w)
        first = tensors(self.parameters(p.instance))
        return [fill(x, y.shape) for x, y in zip(tensors(w), first)]

    def run_rule(self, rule, w, g, key):
        d = rule.define
        kept = self.rules.setdefault(key, {"steps": 0})
        kept["steps"] = kept["steps"] + 1 if number(kept["steps"]) else elementwise("add", kept["steps"], 1)
        scope = Scope(rule.scope)
        names = [q.name for q in d.lists[1]]
        self.bind(scope, names[0], w)
        self.bind(scope, names[1], g)
        before = self.rule
        self.rule = (key, kept["steps"], scope, names[0], [0])
        states = []
        for s in d.body:
            if s.kind == "state":
                if s.name not in kept:
                    kept[s.name] = values_of(self.eval(s.value, scope))
                scope.set(s.name, kept[s.name])
                states.append(s.name)
            else:
                self.local(s, scope)
        for n in states:
            kept[n] = each(self.ahead_value, scope.names[n]) if self.ahead else values_of(scope.names[n])
        self.rule = before
        return scope.names[names[0]]

    def nested_rule(self, rule, args, named, e):
        key, _, scope, name, calls = self.rule
        calls[0] += 1
        scope.set(name, self.run_rule(rule, args[0], args[1], key + (calls[0], rule.define.name)))

    def commit(self, frames, players):
        """The mean over the applications, each of which counts once: a kept value's belongs to the first update that depends on it."""
        new = {} if self.together is None else self.together
        for frame in frames:
            for slot, v, trained in frame:
                mine = slot.owner is None or slot.owner in players
                if mine and self.committed.setdefault((id(frame), slot), (frame, self.moves))[1] != self.moves:
                    continue
                if mine and not trained and not self.silent:
                    raise Strange("a state of a value that was not computed in training")
                if mine:
                    new.setdefault(slot, {}).setdefault(id(frame), {}).update(v)
        if self.together is None:
            self.put_means(new)

    def put_means(self, new):
        for slot, by_frame in new.items():
            old = self.env[slot]
            self.put(slot, T((), old.shape, [self.mean_of([v[k] for v in by_frame.values() if k in v], x) for k, x in enumerate(old.data)]))

    def mean_of(self, assigned, old):
        if not assigned:
            return old
        out = T((), (), [assigned[0]])
        for x in assigned[1:]:
            out = elementwise("add", out, T((), (), [x]))
        return elementwise("div", out, len(assigned)).data[0]


def columns(t, typ):
    """A table whose rows are of that type: a record takes its columns in turn, a number the only one."""
    parts, at = {}, 0
    rows = [pick(t, i) for i in range(t.shape[0])]
    for name, f in typ.fields or [("", typ)]:
        n = f.dims[0].value if f.dims else 1
        cells = [[pick(row, at + k) for k in range(n)] if row.shape else [row] for row in rows]
        parts[name] = stack([stack(c) if f.dims else c[0] for c in cells])
        at += n
    return Record(parts) if typ.fields else parts[""]


def leaf_slots(s):
    return [s] if isinstance(s, Slot) else [x for f in s.fields.values() for x in leaf_slots(f)]


def tensors(v):
    return [t for x in v.fields.values() for t in tensors(x)] if isinstance(v, Record) else [tensor(v)]


def values_of(v):
    """The numbers of a value, without how they came about."""
    return each(lambda t: T(t.axes, t.shape, [const(n.val) for n in t.data]), v)


@functools.cache
def library():
    return parse(LIBRARY)


@functools.lru_cache(1)
def read(text):
    """A program and its files. It is checked, run by gan, and run here: read once."""
    return parse(text), files(text)


class Drawn(float):
    """A report that hangs on draws of the oracle's own: only which of them are equal is known of the real ones (`same`: number of the class)."""
    same = None


def pass_over(tree, beside, given, checking, seed=None):
    game = Game(differentiated(tree, set()), given, checking)
    game.files, game.random = beside, seed and random.Random(seed)
    scope = Scope()
    for s in library():
        game.statement(s, scope)
    scope = Scope(scope)
    for s in tree:
        game.top(s, scope)
    return game.reports


def play(text, given, checked=False):
    """Every report of the program: name -> its values in order. Raises Wrong (an error is right) or Strange (not of the subset).
    Without `given` the program is only checked; that is left out where it has been done."""
    tree, beside = read(text)
    seeds = DRAWS if DRAWS_WANTED in text else [None]
    try:
        if not checked:
            pass_over(tree, beside, {}, True, seeds[0])
        return None if given is None else drawn([pass_over(tree, beside, given, False, s) for s in seeds])
    except (RecursionError, IndexError, KeyError, AttributeError, TypeError) as e:
        raise Strange(f"beyond the subset: {e!r}") from e


def drawn(runs):
    """Of runs that differ by their draws: what is the same in all is a number; what differs is known up to which are equal."""
    places = [(name, i) for name, values in runs[0].items() for i in range(len(values))]
    seen = {place: [r[place[0]][place[1]] for r in runs] for place in places}
    out, classes = {name: [] for name in runs[0]}, []
    for name, i in places:
        mine = seen[name, i]
        if all(near(x, mine[0]) for x in mine):
            out[name].append(mine[0])
            continue
        k = next((k for k, c in enumerate(classes) if all(near(x, y) for x, y in zip(c, mine))), len(classes))
        classes += [mine] * (k == len(classes))
        v = Drawn(mine[0])
        v.same = k
        out[name].append(v)
    return out


def near(x, y):
    return abs(x - y) <= 1e-9 * max(1, abs(x), abs(y))
