"""syntax.py - the oracle's own reader: the text of a program to a tree.

In: the text. Out: a list of statements; every node is a Node with a kind, a line and fields.
Idea: only the subset that the oracle evaluates is read; whatever else stands there is a Strange, and the program is none of the
oracle's. Nothing here was taken from lang/: a second reader of the same words is part of the second opinion.
Start at parse(), at the bottom."""
import re


class Strange(Exception):
    """The program leaves the subset; that says nothing about gan."""


class Node:
    def __init__(self, kind, line, **fields):
        self.kind, self.line = kind, line
        self.__dict__.update(fields)

    def __repr__(self):
        return f"{self.kind}@{self.line}"


TOKEN = re.compile(r"""(?P<blank>[ \t\r]+|\#[^\n]*)|(?P<newline>\n)|(?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?)
                     |(?P<name>[^\W\d]\w*)|(?P<string>"[^"\n]*")|(?P<sign>\|>|:=|\+=|==|!=|<=|>=|->|\.\.|[-+*/@%^<>=~:;,.()\[\]{}'])""", re.X)
CONTINUES = {"|>", ":=", "+=", "==", "!=", "<=", ">=", "->", "..", "+", "-", "*", "/", "@", "%", "^", "<", ">", "=", "~", ":", ",", "and", "or", "not", "(", "[", "{"}
OPENS_LINE = {"|>", "else", "with"}


def significant(raw):
    """Drops the newlines that end nothing: those in ( ) and [ ], after an operator, before `|>`, `else`, `with`."""
    out, brackets = [], []
    for i, (kind, text, line) in enumerate(raw):
        if kind == "newline":
            after = next((t for t in raw[i + 1:] if t[0] != "newline"), None)
            if (brackets and brackets[-1] in "([") or not out or out[-1][1] in CONTINUES or out[-1][1] == ";" or (after and after[1] in OPENS_LINE):
                continue
            out.append(("sign", ";", line))
            continue
        if kind == "sign" and text in "([{":
            brackets.append(text)
        elif kind == "sign" and text in ")]}" and brackets:
            brackets.pop()
        out.append((kind, text, line))
    return out + [("end", "", raw[-1][2] if raw else 1)]


def tokens(text):
    raw, at, line = [], 0, 1
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            raise Strange(f"line {line}: {text[at]!r}")
        if m.lastgroup != "blank":
            raw.append((m.lastgroup, m.group(), line))
        line += m.group().count("\n")
        at = m.end()
    return significant(raw)


LEVELS = [["or"], ["and"], None, ["==", "!=", "<", "<=", ">", ">="], ["+", "-"], None, ["*", "/", "@", "%"]]
TYPES = {"real", "int", "bool", "class"}
FILE = re.compile(r"^# *file ([\w.]+): (.*)$", re.M)
DEFINES = {"def", "layer", "net", "implicit", "prescribed", "distribution", "bijector", "comparison", "optimizer"}


class Parser:
    def __init__(self, text):
        self.t, self.i = tokens(text), 0

    # ---- words

    def peek(self, ahead=0):
        return self.t[min(self.i + ahead, len(self.t) - 1)][1]

    def kind(self, ahead=0):
        return self.t[min(self.i + ahead, len(self.t) - 1)][0]

    def line(self):
        return self.t[self.i][2]

    def next(self):
        self.i += 1
        return self.t[self.i - 1][1]

    def eat(self, text):
        if self.peek() == text and self.kind() in ("sign", "name"):
            self.i += 1
            return True
        return False

    def want(self, text):
        if not self.eat(text):
            raise Strange(f"line {self.line()}: {self.peek()!r} instead of {text!r}")

    def name(self):
        if self.kind() != "name":
            raise Strange(f"line {self.line()}: {self.peek()!r} instead of a name")
        return self.next()

    # ---- expressions, from loose to tight

    def expr(self):
        if self.peek() == "fn" and self.kind() == "name":
            line = self.line()
            self.next()
            params = self.params()
            return Node("fn", line, params=params, body=self.expr())
        e = self.binary(0)
        while self.peek() == "|>":
            line = self.line()
            self.next()
            e = Node("call", line, f=self.binary(0), args=[e], named=[])
        return e

    def binary(self, level):
        if level == 2:
            if self.eat("not"):
                return Node("not", self.line(), e=self.binary(2))
            return self.binary(3)
        if level == 5:
            return self.prefix()
        if level == 7:
            return self.sign()
        e = self.binary(level + 1)
        while self.peek() in LEVELS[level] and self.kind() in ("sign", "name"):
            line = self.line()
            op = self.next()
            right = self.prefix() if self.opens_prefix() else self.binary(level + 1)
            e = Node("binary", line, op=op, a=e, b=right)
        return e

    def opens_prefix(self):
        return self.peek() in ("E", "grad") and self.peek(1) == "[" or self.peek() == "after"

    def prefix(self):
        """E[..], grad[..] and after go over products."""
        if not self.opens_prefix():
            return self.binary(6)
        line = self.line()
        word = self.next()
        if word == "after":
            return Node("after", line, count=self.expr(), body=self.block(), e=self.prefix())
        if word == "grad":
            self.want("[")
            of = self.separated("]", self.expr)
            return Node("grad", line, of=of, e=self.prefix())
        self.want("[")
        groups = self.binders("]")
        e = self.prefix()
        for binders, size in reversed(groups):
            e = Node("E", line, binders=binders, size=size, e=e)
        return e

    def binders(self, end):
        """x ~ p, y ~ q : size, .. - groups that share an axis, each its binders and its size; a binder is (patterns, distribution or None)."""
        groups, out = [], []
        while not self.eat(end):
            patterns = [self.pattern()]
            while self.eat(","):
                patterns.append(self.pattern())
            if self.eat("~"):
                out.append((patterns, self.expr()))
            else:
                out += [([p], None) for p in patterns]
            if self.eat(":"):
                groups.append((out, "all" if self.eat("all") else self.expr()))
                out = []
            if not self.eat(","):
                self.want(end)
                break
        return groups + [(out, None)] * bool(out)

    def sign(self):
        if self.peek() == "-" and self.kind() == "sign":
            line = self.line()
            self.next()
            return Node("negative", line, e=self.prefix_or(self.sign))
        return self.power()

    def prefix_or(self, otherwise):
        return self.prefix() if self.opens_prefix() else otherwise()

    def power(self):
        e = self.postfix(self.primary())
        if self.peek() == "^":
            line = self.line()
            self.next()
            e = Node("binary", line, op="^", a=e, b=self.prefix_or(self.sign))
        return e

    def postfix(self, e):
        while True:
            line, p = self.line(), self.peek()
            if self.kind() != "sign":
                return e
            if p == "(":
                self.next()
                args, named = self.args()
                e = Node("call", line, f=e, args=args, named=named)
            elif p == "[":
                self.next()
                e = Node("index", line, e=e, items=self.separated("]", self.item))
            elif p == ".":
                self.next()
                e = Node("field", line, e=e, name=self.name())
            elif p == "'":
                self.next()
                e = Node("prime", line, e=e)
            else:
                return e

    def item(self):
        low = None if self.peek() == ".." else self.expr()
        if not self.eat(".."):
            return low
        high = None if self.peek() in ("]", ",") else self.expr()
        return Node("range", self.line(), low=low, high=high)

    def value(self):
        return self.item()

    def args(self):
        args, named = [], []
        while not self.eat(")"):
            if self.kind() == "name" and self.peek(1) == ":":
                n = self.name()
                self.want(":")
                named.append((n, self.value()))
            else:
                args.append(self.value())
            if not self.eat(","):
                self.want(")")
                break
        return args, named

    def separated(self, end, one):
        out = []
        while not self.eat(end):
            out.append(one())
            if not self.eat(","):
                self.want(end)
                break
        return out

    def primary(self):
        line, kind, text = self.line(), self.kind(), self.peek()
        if kind == "number":
            self.next()
            text = text.replace("_", "")
            return Node("number", line, value=int(text) if text.isdigit() else float(text))
        if kind == "string":
            return Node("string", line, value=self.next()[1:-1])
        if text == "(":
            self.next()
            args, named = self.args()
            if named:
                return Node("record", line, names=[n for n, _ in named], items=[v for _, v in named])
            return args[0] if len(args) == 1 else Node("record", line, names=None, items=args)
        if text == "[":
            self.next()
            return Node("list", line, items=self.separated("]", self.value))
        if text == "{":
            return Node("block", line, body=self.block())
        if text == "if":
            return self.if_()
        if text == "for":
            return self.for_()
        if text in ("true", "false"):
            self.next()
            return Node("number", line, value=text == "true")
        return Node("name", line, name=self.name())

    def if_(self):
        line = self.line()
        self.want("if")
        cond, yes, no = self.expr(), self.block(), None
        if self.eat("else"):
            no = [self.if_()] if self.peek() == "if" else self.block()
        return Node("if", line, cond=cond, yes=yes, no=no)

    def for_(self):
        line = self.line()
        self.want("for")
        pattern = self.pattern()
        self.want("in")
        over, carried = self.value(), []
        while self.eat(","):
            p = self.pattern()
            self.want("=")
            carried.append((p, self.value()))
        return Node("for", line, pattern=pattern, over=over, carried=carried, body=self.block())

    def pattern(self):
        return self.separated(")", self.pattern) if self.eat("(") else self.name()

    # ---- declarations

    def type_(self):
        if self.eat("("):
            return Node("type", self.line(), dims=None, fields=self.separated(")", self.field_type))
        word = self.name()
        if word == "class":
            self.want("[")
            self.separated("]", self.expr)
        return Node("type", self.line(), word=word, dims=self.separated("]", self.expr) if self.eat("[") else [], fields=None)

    def field_type(self):
        n = self.name()
        self.want(":")
        return n, self.type_()

    def param(self):
        n, typ, default, drawn = self.name(), None, None, None
        if self.eat(":"):
            if self.peek() in TYPES or self.peek() == "(":
                typ = self.type_()
            else:
                default = self.value()
        if self.eat("~"):
            drawn = self.expr()
        elif self.eat("="):
            default = self.value()
        return Node("parameter", self.line(), name=n, type=typ, default=default, drawn=drawn)

    def params(self):
        self.want("(")
        return self.separated(")", self.param)

    def define(self, word, line):
        n, lists = self.name(), []
        while self.peek() == "(":
            lists.append(self.params())
        typ = self.type_() if self.eat("->") else None
        if self.eat("="):
            return Node("define", line, word=word, name=n, lists=lists, type=typ, value=self.value(), body=None)
        return Node("define", line, word=word, name=n, lists=lists, type=typ, value=None,
                    body=self.members() if word in ("distribution", "bijector", "comparison") else self.block())

    def members(self):
        out = []
        self.want("{")
        while not self.eat("}"):
            if self.eat(";"):
                continue
            if self.kind() == "name" and self.peek() not in ("let", "net", "def") and self.peek(1) in ("(", "="):
                line, n = self.line(), self.name()
                params = self.params() if self.peek() == "(" else None
                self.want("=")
                out.append(Node("member", line, name=n, params=params, value=self.value()))
            else:
                out.append(self.statement())
        return out

    def typed(self, kind, line):
        """param and state: name, type, first value."""
        n = self.name()
        typ = self.type_() if self.eat(":") else None
        self.want("=")
        return Node(kind, line, name=n, type=typ, value=self.value())

    # ---- statements

    def block(self):
        self.want("{")
        out = []
        while not self.eat("}"):
            if not self.eat(";"):
                out.append(self.statement())
        return out

    def opens(self, word):
        """A word opens a statement only where what follows fits."""
        return self.peek() == word and self.kind() == "name" and self.kind(1) in ("name", "number")

    def statement(self):
        line, word = self.line(), self.peek()
        if self.kind() != "name":
            return self.assign_or_value(line)
        if word == "let":
            self.next()
            p = self.pattern()
            if self.eat(":"):
                self.type_()
            self.want("=")
            return Node("let", line, pattern=p, value=self.value())
        if word in DEFINES and self.opens(word):
            self.next()
            return self.define(word, line)
        if word in ("simultaneous", "extragradient") and self.peek(1) == "{":
            self.next()
            return Node(word, line, body=self.block())
        if word == "repeat" and self.kind(1) in ("name", "number"):
            self.next()
            return Node("repeat", line, count=self.expr(), body=self.block())
        method = getattr(self, "s_" + word, None)
        if method and self.opens(word):
            self.next()
            return method(line)
        if self.peek(1) == "~" or (self.peek(1) == "," and self.sample_follows()):
            binders, size = self.sample()
            return Node("sample", line, binders=binders, size=size)
        return self.assign_or_value(line)

    def sample_follows(self):
        i = 0
        while self.kind(i) == "name" and self.peek(i + 1) == ",":
            i += 2
        return self.peek(i + 1) == "~"

    def sample(self):
        out, size = [], None
        while True:
            patterns = [self.pattern()]
            while self.eat(","):
                patterns.append(self.pattern())
            self.want("~")
            out.append((patterns, self.expr()))
            if not self.eat(","):
                break
        if self.eat(":"):
            size = "all" if self.eat("all") else self.expr()
        return out, size

    def assign_or_value(self, line):
        e = self.value()
        if self.eat(":="):
            return Node("assign", line, target=e, value=self.value())
        return e if e.kind in ("if", "for") else Node("value", line, e=e)

    def s_import(self, line):
        names = [self.name()]
        while self.eat(","):
            names.append(self.name())
        return Node("import", line, names=names)

    def s_param(self, line):
        return self.typed("param", line)

    def s_state(self, line):
        return self.typed("state", line)

    def s_data(self, line):
        names = [self.name()]
        while self.eat(","):
            names.append(self.name())
        typ = self.type_() if self.eat(":") else None
        self.want("=")
        return Node("data", line, names=names, type=typ, value=self.value())

    def s_loss(self, line):
        n = self.name()
        self.want("=")
        return Node("loss", line, name=n, value=self.value())

    def s_compare(self, line):
        n = self.name()
        self.want("=")
        value, changes = self.value(), []
        if self.eat("with"):
            while True:
                m, op = self.name(), self.next()
                changes.append((m, op, self.expr()))
                if not self.eat(","):
                    break
        return Node("compare", line, name=n, value=value, changes=changes)

    def s_alternate(self, line):
        steps, batch = self.expr(), None
        self.want("steps")
        if self.eat(","):
            self.want("batch")
            batch = self.expr()
        return Node("alternate", line, steps=steps, batch=batch, body=self.block())

    def s_every(self, line):
        return Node("every", line, count=self.expr(), body=self.block())

    def s_stop(self, line):
        self.want("when")
        return Node("stop", line, e=self.expr())

    def s_update(self, line):
        players = [self.postfix(self.primary())]
        while self.eat(","):
            players.append(self.postfix(self.primary()))
        how = self.next()
        if how not in ("minimize", "maximize", "along"):
            raise Strange(how)
        e = self.expr()
        self.want("with")
        rule, project = self.expr(), None
        if self.eat("project"):
            project = self.expr()
        return Node("update", line, players=players, how=how, e=e, rule=rule, project=project)

    def s_average(self, line):
        a = self.postfix(self.primary())
        self.want("into")
        b = self.postfix(self.primary())
        self.want("decay")
        return Node("average", line, a=a, b=b, decay=self.expr())

    def s_copy(self, line):
        a = self.postfix(self.primary())
        self.want("into")
        return Node("copy", line, a=a, b=self.postfix(self.primary()))

    def s_report(self, line):
        n = self.name()
        index = self.separated("]", self.expr) if self.eat("[") else []
        self.want("=")
        return Node("report", line, name=n, index=index, e=self.value())


def files(text):
    """The files beside a program, which its comments hold: `# file points.csv: 0.5, 1; 2.5, 0` - name -> rows of numbers as they are written."""
    return {name: [[cell.strip() for cell in row.split(",")] for row in rows.split(";")] for name, rows in FILE.findall(text)}


def parse(text):
    p = Parser(text)
    out = []
    while p.kind() != "end":
        if not p.eat(";"):
            out.append(p.statement())
    return out
