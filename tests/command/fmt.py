#!/usr/bin/env python3
"""`gan fmt`: the style, that twice is once, and that the program stays what it is."""
import glob
import os
import random
import re
import sys

from harness import folder, gan, run_tests

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "oracle"))
import generate                                             # noqa: E402

UGLY = """

#one
import   nn,optim
## About D.
net D( x:real [2] )->real{x|>Dense(8)|>relu   |>Dense(1)|> scalar}   # a critic



let a = -x^2+f( y ,n :3 ) [ 1 .. ,0 ] . first
let b=E [x~p:500]f' (r)*- 2 ; let c = not(a)and b
x~p,y ~ q:batch
comparison c(p,q) {

r(x)=exp(x)
   critic=E[x~p] x # of the critic
   estimate = {
 1 }

}
alternate 10 steps,batch 8{update D minimize a with sgd(1)
update G,D minimize nonsaturating(c) with adam( 1e-3 )  # the other
  every 5 { }
    every 5 {
    report w=a
    image   samples=grid(G)
    }
  if a>1 { stop when w<1 }
  else { }
}
let long = fold(0.0, 5, fn(s,t) {
s+t
}, until:fn(s) s
 > 3)
  |> g
compare d = e
with critic += a,
generator = b
let f = after 5 {update D minimize a with sgd(1)} -c
# the end
"""

PRETTY = """\
#one
import nn, optim
## About D.
net D(x: real[2]) -> real { x |> Dense(8) |> relu |> Dense(1) |> scalar }  # a critic

let a = -x^2 + f(y, n: 3)[1.., 0].first
let b = E[x ~ p : 500] f'(r) * -2; let c = not (a) and b
x ~ p, y ~ q : batch
comparison c(p, q) {
  r(x)     = exp(x)
  critic   = E[x ~ p] x  # of the critic
  estimate = {
    1
  }
}
alternate 10 steps, batch 8 {
  update D minimize a                   with sgd(1)
  update G, D minimize nonsaturating(c) with adam(1e-3)  # the other
  every 5 {}
  every 5 {
    report w       = a
    image  samples = grid(G)
  }
  if a > 1 { stop when w < 1 } else {}
}
let long = fold(0.0, 5, fn(s, t) {
  s + t
}, until: fn(s) s
  > 3)
  |> g
compare d = e
  with critic += a,
  generator = b
let f = after 5 { update D minimize a with sgd(1) } -c
# the end
"""


def put(d, name, text):
    path = os.path.join(d, name)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    return path


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return f.read()


def styled(text):
    r = gan("fmt", "-", stdin=text.encode())
    assert r.status == 0, (text, r)
    return r.out


def test_the_style():
    assert styled(UGLY) == PRETTY, styled(UGLY)
    assert styled(PRETTY) == PRETTY
    assert styled(UGLY.replace("\n", "\r\n")) == PRETTY, "line ends"
    assert styled("\ufeff" + UGLY) == PRETTY, "a byte order mark"


def test_where_nothing_is_far():
    """What is much longer than its neighbours moves none of them."""
    long = "a" * 50
    text = f"f(x) = 1\n{long}(x) = 2\ng(x) = 3\nlonger(x) = 4\n"
    block = "distribution d() {\n" + "".join(f"  {line}\n" for line in text.splitlines()) + "}\n"
    want = f"distribution d() {{\n  f(x) = 1\n  {long}(x) = 2\n  g(x)      = 3\n  longer(x) = 4\n}}\n"
    assert styled(block) == want, styled(block)


def test_comments_keep_their_place():
    text = "\n".join(["## Of the file.", "", "## Of a.", "let a = f(1,  # one", "  # two alone", "  2)", "def g(x) = {  # behind a bracket", "  # first", "",
                      "  x", "  # last", "}", "if a {", "  b := 1", "}", "# between", "else {", "  # nothing", "}", ""])
    assert styled(text) == text, styled(text)


def test_empty():
    assert styled("") == "" and styled("\n\n") == "" and styled("# only\n\n\n# that") == "# only\n\n# that\n"


def test_files():
    with folder() as d:
        ugly, pretty, wrong = put(d, "ugly.gan", UGLY), put(d, "pretty.gan", PRETTY), put(d, "wrong.gan", "let a = (1 +\n")
        before = os.stat(pretty).st_mtime_ns
        r = gan("fmt", "--check", ugly, pretty)
        assert r.status == 1 and r.out == f"{ugly}\n" and read(ugly) == UGLY, r
        r = gan("fmt", ugly, pretty)
        assert r.status == 0 and r.out == f"{ugly}: written\n" and read(ugly) == PRETTY and os.stat(pretty).st_mtime_ns == before, r
        assert gan("fmt", "--check", ugly, pretty).status == 0
        r = gan("fmt", wrong, "--diagnostics=json")
        assert r.status == 1 and '"code":"E0' in r.err and read(wrong) == "let a = (1 +\n", r
        assert gan("fmt", os.path.join(d, "missing.gan")).status == 1
        assert gan("fmt").status == 2
        assert "--check" in gan("fmt", "--help").out


def tree(text):
    """The syntax tree without its places; the text of a message where it is none."""
    r = gan("explain", "-", "--stage", "ast", stdin=text.encode())
    return re.sub(r" @\d+:\d+$", "", r.out, flags=re.M) if r.status == 0 else None


def test_every_program_of_the_tree():
    files = sorted(f for f in glob.glob(f"{ROOT}/**/*.gan", recursive=True) if not os.path.relpath(f, ROOT).startswith("build"))
    assert len(files) > 100, len(files)
    with folder() as d:
        copies = [put(d, f"{i}.gan", read(f)) for i, f in enumerate(files)]
        r = gan("fmt", *copies)
        wrong = set(re.findall(r"^\S*/(\d+)\.gan:\d+:\d+: error", r.err, re.M))
        right = [c for i, c in enumerate(copies) if str(i) not in wrong]
        assert len(right) > 100, r
        once = [read(c) for c in right]
        r = gan("fmt", "--check", *right)
        assert r.status == 0 and r.out == "", r
        for i in range(0, len(right), 8):                   # the command itself compares all words and comments
            original = read(files[int(os.path.basename(right[i])[:-4])])
            assert tree(original) == tree(once[i]) is not None, right[i]


def test_permissions_stay():
    """A file that was written in the one style is the one it was: who may read, write and run it."""
    with folder() as d:
        for mode in (0o600, 0o755, 0o664):
            path = os.path.join(d, "p.gan")
            with open(path, "w", encoding="utf-8") as f:
                f.write("let a   =  1\n")
            os.chmod(path, mode)
            assert gan("fmt", path).status == 0
            with open(path, encoding="utf-8") as f:
                assert f.read() == "let a = 1\n"
            assert os.stat(path).st_mode & 0o7777 == mode, oct(os.stat(path).st_mode)


def messed(text, seed):
    """The same words with other blanks between them; comments stay."""
    r = random.Random(seed)
    out = []
    for line in text.splitlines():
        if line.startswith("#"):
            out.append(line)
            continue
        words = re.findall(r'"[^"]*"|\d[\d_]*(?:\.\d+)?(?:e[-+]?\d+)?|\w+|\|>|:=|\+=|==|!=|<=|>=|->|\.\.|\S', line)
        made = " " * r.randrange(9)
        for k, word in enumerate(words):
            apart = k and re.match(r"\w", word) and re.search(r"\w$", words[k - 1])
            glued = k and re.search(r"[^\w\s]$", words[k - 1]) and re.match(r"[^\w\s]", word)
            made += (" " * r.randrange(1 if apart or glued else 0, 3)) + word
        out.append(made + " " * r.randrange(3))
    return "\n".join(out)


def test_random_programs():
    """What the blanks were is forgotten, and what the program means is not."""
    programs = [generate.Generator(seed).program() for seed in range(20)]
    for seed, text in enumerate(programs):
        once = styled(text)
        assert styled(once) == once, text
        assert styled(messed(text, seed)) == once, messed(text, seed)
    for text in programs[:4]:
        ir = [gan("explain", "-", "--stage", "ir", stdin=t.encode()) for t in (text, styled(text))]
        assert ir[0].out == ir[1].out and ir[0].status == ir[1].status, text


run_tests(globals())
