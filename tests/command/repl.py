#!/usr/bin/env python3
"""`gan repl`: sessions of tests/golden/repl with their transcripts, by both engines; every command is in one; and a person at a terminal.

usage: repl.py GAN [NAME ...]          GAN_UPDATE=1 writes the transcripts, of these sessions or all; look at the difference"""
import base64
import fcntl
import glob
import os
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import zlib

from harness import GAN, Skipped, folder, gan, run_tests

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SESSIONS = os.path.join(ROOT, "tests", "golden", "repl")
UPDATE = os.environ.get("GAN_UPDATE")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def transcript(script, args, d):
    """What is printed, stdout and stderr as they come."""
    for path in glob.glob(f"{SESSIONS}/*.gan"):
        shutil.copy(path, d)
    env = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run([GAN, "repl", *args], input=script.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=d, timeout=60, check=False,
                          env=env)
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode in (0, 1) and (done.returncode == 0 or "error: " in text), (done.returncode, text)
    return text


def timeless(text):
    """Without what depends on the clock, how many snapshots were taken, and without the library's line numbers."""
    text = re.sub(r"^\d+ (snapshots of the past take) [\d.]+ (MiB .* at most) \d+ ", r"N \1 N \2 N ", text, flags=re.M)
    text = re.sub(r"(<\w+>:)\d+(:\d+: note: it shows in the library, here\n) *\d+", r"\1N\2N", text)
    return re.sub(r"(<\w+>:|of the library:\n) *\d+", r"\1N", text)


def session(path, *flags):
    script = read(path)
    args = re.match(r"# gan repl ?(.*)\n", script).group(1).split()
    with folder() as d:
        if "other.safetensors" in script:                   # a checkpoint of another program
            transcript(":save other.safetensors", ["ring.gan"], d)
        return transcript(script, [*args, *flags], d)


def different(got, wanted):
    for i, (a, b) in enumerate(zip(got.splitlines() + ["(the end)"], wanted.splitlines() + ["(the end)"])):
        if a != b:
            return f"line {i + 1}:\n  {a}\ninstead of\n  {b}"
    return "one is longer"


def wanted_sessions():
    names = sys.argv[2:] or sorted(os.path.basename(p)[:-5] for p in glob.glob(f"{SESSIONS}/*.repl"))
    assert names
    return [f"{SESSIONS}/{name}" for name in names]


def test_sessions():
    for path in wanted_sessions():
        got = session(f"{path}.repl")
        if UPDATE:
            with open(f"{path}.txt", "w", encoding="utf-8") as f:
                f.write(got)
        got, wanted = timeless(got), timeless(read(f"{path}.txt"))
        assert got == wanted, f"{path}: {different(got, wanted)}"
        interpreted = timeless(session(f"{path}.repl", "--backend", "interp"))
        assert interpreted == wanted, f"{path}, interpreted: {different(interpreted, wanted)}"


def test_the_status_of_a_script():
    with folder() as d:
        for script, status in (("2 + 3\n", 0), ("2 +\n\n3\n", 1), ("nothing\n", 1), (":nothing\n", 1), (":step\n", 1), ("let x = nothing\n", 1), (":plot 3 -o x.nothing\n", 1)):
            assert gan("repl", cwd=d, stdin=script.encode()).status == status, script


def test_every_command_is_in_a_session():
    commands = re.findall(r"^COMMAND\((\w+),", read(f"{ROOT}/compiler/repl/commands.def"), re.M)
    used = set(re.findall(r"^:(\w+)", "\n".join(read(p) for p in glob.glob(f"{SESSIONS}/*.repl")), re.M))
    assert len(commands) > 25 and not set(commands) - used, set(commands) - used


MOVING = """
import nn, optim, compare, toy
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[3] ~ Normal(0, 1)) -> real[2] { z |> Dense(6) |> BatchNorm() |> relu |> dropout(0.2) |> Dense(2) }
net D(x: real[2]) -> real { x |> Dense(6) |> relu |> dropout(0.3) |> Dense(1) |> scalar }
compare gan = class_probability(ring, G, D)
alternate 20 steps, batch 8 {
  x ~ ring : batch
  let l = E[x] D(x)
  update D minimize 0.1 * l + gan.critic with sgd(0.125)
  simultaneous {
    update G minimize nonsaturating(gan) with sgd(0.125)
    update D maximize -gan.critic with sgd(0.125)
  }
}
"""


def test_a_gradient_is_the_update_s():
    """With its draws, its dropout, its batch: times the rate, as far as the update moves its players; and the differences are of the very same loss."""
    with folder() as d:
        with open(os.path.join(d, "moving.gan"), "w", encoding="utf-8") as f:
            f.write(MOVING)
        script = ":goto 7\n:next 2\n:grad 0.1 * l + gan.critic check\n:next\n:grad simultaneous check\n:next\n:grad 0.1 * l + gan.critic wrt D\n:grad 0.1 * l + gan.critic wrt D.Dense_2\n"
        for engine in ("jit", "interp"):
            text = transcript(script, ["moving.gan", "--seed", "5", "--backend", engine], d)
            for before, players in (("0.1 * l", "D"), ("simultaneous", "GD")):
                part = text[text.index(f":grad {before}"):]
                for player in players:
                    slope, moved = re.search(rf"^{player}: ([\d.e-]+)$", part, re.M), re.search(rf"^  {player} moved by ([\d.e-]+)", part, re.M)
                    assert abs(0.125 * float(slope[1]) / float(moved[1]) - 1) < 1e-3, (engine, player, slope[1], moved[1])
            pairs = re.findall(r"^  [GD]\.\S+ +([\d.e-]+)  differences along it: ([\d.e-]+)$", text, re.M)
            assert len(pairs) == 10 and all(abs(float(a) - float(b)) < 1e-3 * float(a) + 1e-9 for a, b in pairs), pairs
            assert re.search(r"^D\.Dense_2: [\d.]+\n  D\.Dense_2\.w .*\n  D\.Dense_2\.b .*\n", text, re.M), text
            first = text[:text.index(":grad simultaneous")]         # what `l` is made of is its own statement's
            assert re.search(r"^G: not known$", first, re.M) and first.count("no differences: ") == 4 and "error" not in text, text


WIDE = """
import optim
net A() -> real[20_000] { param w: real[20_000] = 0.5; w }
alternate 4000 steps {
  update A minimize sum((A() - 3)^2) with adam(1e-3)
  every 1000 { report size = norm2(A) }
}
"""
FAR = ":goto 3\nnorm2(A)\n:goto 3500\nnorm2(A)\n:goto 1234\nnorm2(A)\n:back\nnorm2(A)\n:goto 4000\nnorm2(A)\n"


def test_a_full_disk():
    """Snapshots that do not fit on the disk are said once and lost, and nothing else is: every place is come to, to the bit."""
    with folder() as d:
        with open(os.path.join(d, "wide.gan"), "w", encoding="utf-8") as f:
            f.write(WIDE)
        room = gan("repl", "wide.gan", cwd=d, stdin=(":finish\n" + FAR).encode())
        assert room.status == 0 and not room.err, room
        for more, limit in (({}, 1_500_000), ({"TMPDIR": "/nowhere"}, resource.RLIM_INFINITY)):
            full = gan("repl", "wide.gan", "--past", 1, cwd=d, stdin=(":step 3000\n:finish\n" + FAR + ":cost\n").encode(), env=more,
                       preexec_fn=lambda n=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (n, resource.RLIM_INFINITY)))
            assert full.status == 0 and full.err.count("do not fit on the disk") == 1 and len(full.err.splitlines()) == 1, full
            told = [t[t.index("gan 4000> :goto 3\n"):] for t in (room.out, full.out)]
            assert told[1].startswith(told[0]) and "which is full: the far past has fewer of them" in told[1], told


# ---- docs/debugging.md: its blocks behind a line "    gan repl ..." are one session, down to the next such line

PAGE = os.path.join(ROOT, "docs", "debugging.md")
PROMPT = re.compile(r"^(?:gan[^>\n]*|[ .]*\.\.\.)> ?(.*)$", re.M)
BLOCK = re.compile(r"^```\n(.*?)^```$", re.M | re.S)


def parts(text):
    """The text of a transcript, a part for each line that was typed; what stands before the first belongs to it."""
    begins = [m.start() for m in PROMPT.finditer(text)]
    return [text[0 if i == 0 else begin: begins[i + 1] if i + 1 < len(begins) else len(text)] for i, begin in enumerate(begins)]


def told(section, args, d):
    """The section with its blocks as a session gives them."""
    blocks = [PROMPT.findall(m.group(1)) for m in BLOCK.finditer(section)]
    given = parts(transcript("".join(line + "\n" for b in blocks for line in b), args, d))
    assert len(given) == sum(map(len, blocks)), (args, given[-1:])
    place = iter(given)
    return BLOCK.sub(lambda m: "```\n" + "".join(next(place) for _ in PROMPT.findall(m.group(1))) + "```", section)


def test_the_page():
    page = read(PAGE)
    pieces = re.split(r"^(    gan repl.*\n)", page, flags=re.M)
    with folder() as d:
        for name, text in re.findall(r"^`(\w+\.gan)`:\n\n```gan\n(.*?)^```$", page, re.M | re.S):
            with open(os.path.join(d, name), "w", encoding="utf-8") as f:
                f.write(text)
        for i in range(1, len(pieces), 2):
            pieces[i + 1] = told(pieces[i + 1], pieces[i].split()[2:], d)
    if UPDATE:
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write("".join(pieces))
    got, wanted = timeless("".join(pieces)), timeless(read(PAGE))
    assert len(pieces) == 9 and got == wanted, different(got, wanted)
    commands = re.findall(r"^COMMAND\((\w+),", read(f"{ROOT}/compiler/repl/commands.def"), re.M)
    missing = [c for c in commands if f":{c}" not in page]
    assert not missing, f"the page does not tell of {missing}"


# ---- a person at a terminal ------------------------------------------------------------------------------------------------------------------------

ENDLESS = """
import optim
net A() -> real { param w: real = 1; w }
alternate 1_000_000_000 steps { update A minimize (A() - 3)^2 with sgd(1e-6) }
"""


class Terminal:
    """`gan repl` with a terminal of its own; what it sends is read up to what is waited for."""

    def __init__(self, d, *args, columns=80, **environment):
        try:
            self.pid, self.fd = pty.fork()
        except OSError as why:
            raise Skipped(f"no terminal can be made here: {why}") from why
        if self.pid == 0:
            os.chdir(d)
            os.environ.update({"NO_COLOR": "1", "TERM": "xterm", "HOME": d, "XDG_STATE_HOME": os.path.join(d, "state"), **environment})
            os.environ.pop("LC_ALL", None)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execv(GAN, [GAN, "repl", *args])
        self.sent = ""

    def wait_for(self, pattern, seconds=30):
        """What was sent up to the end of the pattern."""
        until = time.monotonic() + seconds
        while not (found := re.search(pattern, self.sent, re.S)):
            ready, _, _ = select.select([self.fd], [], [], max(0, until - time.monotonic()))
            assert ready, f"waited for {pattern!r}, and there is {self.sent[-600:]!r}"
            try:
                part = os.read(self.fd, 65536)
            except OSError:
                part = b""
            assert part, f"it has ended; waited for {pattern!r}, and there is {self.sent[-600:]!r}"
            self.sent += part.decode("utf-8", "replace")
        before, self.sent = self.sent[:found.end()], self.sent[found.end():]
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def resize(self, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def status(self, seconds=30):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("it does not end")

    def hang_up(self):
        os.close(self.fd)


def on_ring(d, *args, **environment):
    shutil.copy(f"{SESSIONS}/ring.gan", d)
    t = Terminal(d, "ring.gan", *args, **environment)
    t.wait_for("gan 0> ")
    return t


def leave(t):
    t.type("\x04")
    assert t.status() == 0
    t.hang_up()


def test_completion():
    with folder() as d:
        t = on_ring(d)
        t.type(":st\t")                                     # the one command that begins so
        t.wait_for("ep ")
        t.type("D\t\r")                                     # a player
        t.wait_for("D moved by .*\n.*gan 0> ")
        t.type("D.De\t")                                    # what all the paths have in common
        t.wait_for("nse_")
        t.type("\t")                                        # and what they are
        t.wait_for(r"D\.Dense_1\.\s+D\.Dense_2\.")
        t.type("2.b\r")
        t.wait_for(r"f32\[1\].*\n.*gan 0> ")
        t.type("\t\x15gan.cr\t + 0\x01\x0b")                # a member of the comparison; then the line is emptied
        t.wait_for("itic")
        t.type("softp\t(0)\r")                              # a built-in function
        t.wait_for("0.693147.*\n.*gan 0> ")
        t.type(":load ri\t")                                # a file
        t.wait_for("ng.gan")
        t.type("\x15:fork calm\r")
        t.wait_for("gan 0 calm> ")
        t.type(":switch ca\t\x15zzz\t\x15")                # a run's name; and nothing that begins so
        t.wait_for("lm")
        leave(t)


def test_completion_of_what_a_block_has_bound():
    with folder() as d:
        with open(os.path.join(d, "b.gan"), "w", encoding="utf-8") as f:
            f.write("import optim\nnet A { param w: real = 1; w }\nalternate 2 steps {\n  let quite_so = A() * 2\n  update A minimize (A() - quite_so)^2 with sgd(0.1)\n}\n")
        t = Terminal(d, "b.gan")
        t.wait_for("gan 0> ")
        t.type("quite_\t\x1540 + 2\r")
        assert "quite_so" not in t.wait_for("\n42.*gan 0> ")  # its line has not been carried out
        t.type(":n\r")
        t.wait_for("tick 1.*\n.*gan 0> ")
        t.type("quite_\t + 0.5\r")
        t.wait_for("2.5.*\n.*gan 0> ")
        leave(t)


def test_history():
    with folder() as d:
        path = os.path.join(d, "state", "gan", "history")
        for typed, answer in [("6 * 7\r", "42"), ("\x1b[A\r", "42")]:
            t = Terminal(d)
            t.wait_for("gan> ")
            t.type(typed)
            t.wait_for(answer + ".*\n.*gan> ")
            leave(t)
        with open(path, encoding="utf-8") as f:
            assert f.read() == "6 * 7\n6 * 7\n"
        assert os.stat(path).st_mode & 0o777 == 0o600
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(f"{i}\n" for i in range(2500))     # grown: the next session keeps the newest
        t = Terminal(d)
        t.wait_for("gan> ")
        t.type("\x1b[A\r")
        t.wait_for("2499.*\n2499")
        leave(t)
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        assert lines[0] == "1500" and len(lines) == 1001, (lines[0], len(lines))


def test_no_history():
    with folder() as d:
        t = Terminal(d, GAN_HISTORY="")
        t.wait_for("gan> ")
        t.type("6 * 7\r")
        t.wait_for("42.*\n.*gan> ")
        leave(t)
        assert "state" not in os.listdir(d)
        t = Terminal(d, GAN_HISTORY="/proc/none/history")
        t.wait_for("GAN_HISTORY names another one")
        t.wait_for("gan> ")
        leave(t)


def test_lines():
    with folder() as d:
        t = Terminal(d)
        t.wait_for("gan> ")
        t.type("1 + \x03")                                  # Ctrl-C: the line is gone
        t.wait_for(r"\^C\s+gan> ")
        t.type("2 + 3\r")
        t.wait_for(r"\n5\s+gan> ")
        t.type("softplus(\r")
        t.wait_for(r"\.\.\.> ")
        t.type("\x03")                                      # and all of the entry
        t.wait_for(r"\^C\s+gan> ")
        t.type("[1,\r2]\r")
        t.wait_for(r"\[1, 2\]  : i32\[2\]\s+gan> ")
        t.type("4 \0+ 5\r")                                  # Ctrl-Space is no end
        t.wait_for(r"\n9\s+gan> ")
        t.type("let größe = 3\rgröße + 1\r")               # letters of several bytes
        t.wait_for(r"\n4\s+gan> ")
        leave(t)


QUERY = re.escape("\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c")


def pixels_of_sixels(text):
    """[(r, g, b in percent)] a row, of what a terminal would show."""
    across, down = map(int, re.match(r'"1;1;(\d+);(\d+)', text).groups())
    colours, shown, x, y, colour = {}, [[None] * across for _ in range(down)], 0, 0, None
    for part in re.finditer(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|(\$)|(-)", text[text.index("#"):]):
        if part[1]:
            colours[int(part[1])] = tuple(map(int, part.groups()[1:4]))
        elif part[5]:
            colour = colours[int(part[5])]
        elif part[9] or part[10]:
            x, y = 0, y + 6 * bool(part[10])
        else:
            for _ in range(int(part[6] or 1)):
                for k in range(6):
                    if (ord(part[7] or part[8]) - 63) >> k & 1:
                        shown[y + k][x] = colour
                x += 1
    return shown


def pixels_of_png(path):
    with open(path, "rb") as f:
        data = f.read()
    at, found, packed = 8, {}, b""
    while at < len(data):
        n, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        packed += data[at + 8:at + 8 + n] if kind == b"IDAT" else b""
        found[kind] = data[at + 8:at + 8 + n]
        at += n + 12
    across, down, depth, colour = struct.unpack(">IIBB", found[b"IHDR"][:10])
    assert depth == 8 and colour in (0, 2), (depth, colour)
    wide, raw, rows, before = (3 if colour else 1), zlib.decompress(packed), [], None
    for y in range(down):
        kind, row = raw[y * (across * wide + 1)], bytearray(raw[y * (across * wide + 1) + 1:(y + 1) * (across * wide + 1)])
        for i in range(len(row)):
            left, up, corner = row[i - wide] if i >= wide else 0, before[i] if before else 0, before[i - wide] if before and i >= wide else 0
            nearest = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            row[i] = (row[i] + (0, left, up, (left + up) // 2, nearest)[kind]) & 255
        rows.append([tuple(row[x * wide:x * wide + wide]) * (3 // wide) for x in range(across)])
        before = row
    return rows


def test_pictures_in_a_terminal_that_takes_files():
    """It says so itself; a name that is like another's is nothing to go by, and what is typed meanwhile is kept."""
    with folder() as d:
        t = on_ring(d, "--color", "always")
        t.type("sample(ring, 100)\r")
        t.wait_for(QUERY)
        t.type("40 \x1b_Gi=31;OK\x1b\\+ \x1b[?62;4;22c2\r")
        sent = t.wait_for(r"\x1b_Ga=T.*m=0;[^\x1b]*\x1b\\.*gan 0> .*42\r.*gan 0> ")
        pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", sent)
        png = base64.b64decode("".join(p[1] for p in pieces))
        assert pieces[0][0] == ("a=T,f=100,m=1" if len(pieces) > 1 else "a=T,f=100,m=0") and max(len(p[1]) for p in pieces) <= 4096
        assert png.startswith(b"\x89PNG\r\n") and png.endswith(b"IEND\xaeB`\x82"), png[:20]
        t.type("sample(ring, 100)\r")                       # it is asked once
        assert "a=q" not in t.wait_for(r"\x1b_G[^;]*m=0;[^\x1b]*\x1b\\.*gan 0> ")
        leave(t)


def test_pictures_in_sixels():
    with folder() as d:
        t = on_ring(d, "--color", "always")
        t.type("sample(ring, 100)\r")
        t.wait_for(QUERY)
        t.type("\x1b[?62;4;22c")
        shown = pixels_of_sixels(re.search("\x1bP0;1q(.*?)\x1b\\\\", t.wait_for("\x1bP0;1q.*\x1b\\\\.*gan 0> "), re.S)[1])
        t.type(":plot sample(ring, 100) -o same.png\r")
        t.wait_for("same.png is written.*gan 0> ")
        wanted = pixels_of_png(os.path.join(d, "same.png"))
        assert (len(shown), len(shown[0])) == (len(wanted), len(wanted[0]))
        far = [max(abs(100 / 255 * w - s) for w, s in zip(a, b)) for row, other in zip(wanted, shown) for a, b in zip(row, other)]
        assert sum(far) / len(far) < 2 and max(far) < 20, (sum(far) / len(far), max(far))      # a palette has not all colours
        leave(t)


def test_pictures_in_cells():
    """Where the terminal has neither, whatever it is called."""
    with folder() as d:
        for answer in ("\x1b[?64;1;2;44c", "\x1b[?4c", "\x1b_Gi=31;ENOTSUP\x1b\\\x1b[?62;22c", "x\x03"):
            t = on_ring(d, "--color", "always", TERM="xterm-kitty", KITTY_WINDOW_ID="1")
            t.type("sample(ring, 100)\r")
            t.wait_for(QUERY)
            t.type(answer)
            t.wait_for("x from .*gan 0> ")
            t.type("\x15\x04")
            assert t.status() == 0
            t.hang_up()


def test_resizing():
    with folder() as d:
        t = Terminal(d, columns=120)
        t.wait_for("gan> ")
        t.type("let x = for i in 0..19 { 1000 + i }\rx\r")
        t.wait_for(r"1000, .* 1018\]")                      # all on one line
        t.wait_for("gan> ")
        t.type("x")
        t.wait_for("x")
        t.resize(40)                                        # while a line is typed
        t.type("\r")
        wrapped = t.wait_for(r"1018\]")
        assert max(map(len, wrapped.splitlines())) <= 40 and len(wrapped.splitlines()) > 3, wrapped
        t.wait_for("gan> ")
        leave(t)


def test_resizing_while_it_prints():
    """A window that is dragged: a signal comes in the middle of what is written, which goes on, and the session's status says nothing of it."""
    with folder() as d:
        t = Terminal(d, columns=120)
        t.wait_for("gan> ")
        for k in range(30):
            t.type("for i in 0..999 { 1000 + i }\r")
            for _ in range(100):
                os.kill(t.pid, signal.SIGWINCH)
            t.wait_for("mean 1499.*gan> ")
        leave(t)


def endless(d):
    with open(os.path.join(d, "endless.gan"), "w", encoding="utf-8") as f:
        f.write(ENDLESS)
    t = Terminal(d, "endless.gan", "--backend", "interp")
    t.wait_for("gan 0> ")
    return t


def test_interrupt():
    with folder() as d:
        t = endless(d)
        t.type(":continue\r")
        t.wait_for("continue")
        time.sleep(0.3)
        t.type("\x03")
        step = re.search(r"interrupted: step (\d+), tick (\d+)", t.wait_for("gan [1-9][0-9]*> "))
        assert step and int(step[1]) > 0, t.sent
        t.type(f"A() == A()\r:goto 0\r:goto {step[1]}\r")  # the state is intact, to the bit
        t.wait_for("true")
        t.wait_for(f"step {step[1]}, tick ")
        t.type(":step\r")
        t.wait_for(f"gan {int(step[1]) + 1}> ")
        leave(t)


# A round takes for ever: B is there for a statement before it.
LONG = """
import optim
net A() -> real { param w: real = 1; w }
net B() -> real { param w: real = 1; w }
def slow(x) = fold(x, 1_000_000_000, fn(y, t) { y * 0.999 + 1e-3 })
alternate 1_000_000_000 steps {
  update B minimize (B() - 3)^2 with sgd(1e-3)
  update A minimize (A() - stop(slow(2.0 + 0 * A())))^2 with sgd(1e-3)
}
"""


def interrupted(t, typed, times, answer):
    """Ctrl-C in the middle of what is typed, so often; then the prompt is there, and what was is."""
    t.type(typed + "\r")
    t.wait_for(re.escape(typed[-8:]))
    for _ in range(times):
        time.sleep(0.4)
        t.type("\x03")
    t.wait_for(answer + ".*gan 0> ")
    t.type("B() + A()\r")
    t.wait_for(r"\n1\.996.*gan 0> ")


def test_interrupt_gives_up():
    """Asked once, what is computed is given up; asked twice, the statement that is under way, and the run stands where it did."""
    with folder() as d:
        with open(os.path.join(d, "long.gan"), "w", encoding="utf-8") as f:
            f.write(LONG)
        for engine in ("jit", "interp"):
            t = Terminal(d, "long.gan", "--backend", engine)
            t.wait_for("gan 0> ")
            t.type(":next\rB.w := 0.996\r")
            t.wait_for("gan 0> .*gan 0> ")
            interrupted(t, "slow(2.0 + 0 * A())", 1, "interrupted")
            interrupted(t, ":plot [slow(2.0), 1]", 1, "interrupted")
            interrupted(t, ":let y = A() * slow(A())", 1, "interrupted")
            interrupted(t, ":grad (A() - slow(A()))^2", 1, "interrupted")
            interrupted(t, ":continue", 2, "interrupted: step 0, tick 1; next is 8")
            interrupted(t, ":continue", 4, "interrupted: step 0, tick 1; next is 8")
            interrupted(t, ":goto 3", 2, "interrupted on the way to step 3")
            interrupted(t, ":ops (A() - stop(slow(2.0 + 0 * A())))^2", 1, "interrupted")
            leave(t)


def test_an_interrupted_script_ends():
    with folder() as d:
        with open(os.path.join(d, "endless.gan"), "w", encoding="utf-8") as f:
            f.write(ENDLESS)
        with subprocess.Popen([GAN, "repl", "endless.gan"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=d) as p:
            p.stdin.write(b":next\n:continue\n6 * 7\n")
            p.stdin.close()
            while b":continue" not in p.stdout.readline():
                pass
            time.sleep(0.2)
            p.send_signal(signal.SIGINT)
            text = p.stdout.read().decode()
            assert p.wait() == 130 and "interrupted: step" in text and "42" not in text.splitlines() and "is saved as runs/endless.repl/step-" in text, text


def saved(d, name, step):
    path = os.path.join(d, "runs", f"{name}.repl", f"step-{step}.safetensors")
    assert os.path.exists(path), os.listdir(d)
    r = gan("repl", f"{name}.gan", cwd=d, stdin=f":load {path}\n".encode())
    assert f"step {step}," in r.out and not r.err, r


def test_a_lost_terminal_saves():
    with folder() as d:
        t = on_ring(d)
        t.type(":step 3\r")
        t.wait_for("gan 3> ")
        t.hang_up()
        assert t.status() == 130
        saved(d, "ring", 3)
        t = on_ring(d)
        t.type(":step 3\r")
        t.wait_for("gan 3> ")
        os.kill(t.pid, signal.SIGTERM)                      # the same, and nothing is written over
        t.wait_for("is saved as runs/ring.repl/step-3.1.safetensors")
        assert t.status() == 130
        t.hang_up()
        t = endless(d)                                      # in the middle of a run
        t.type(":continue\r")
        t.wait_for("continue")
        time.sleep(0.2)
        t.hang_up()
        assert t.status() == 130
        step = re.search(r"step-(\d+)", os.listdir(os.path.join(d, "runs", "endless.repl"))[0])[1]
        saved(d, "endless", step)


def test_asked_to_end_twice_saves():
    """SIGTERM, and again: as Ctrl-C twice the statement that takes for ever is given up, and nothing else is lost."""
    with folder() as d:
        with open(os.path.join(d, "long.gan"), "w", encoding="utf-8") as f:
            f.write(LONG)
        t = Terminal(d, "long.gan")
        t.wait_for("gan 0> ")
        t.type(":next\r:continue\r")
        t.wait_for("continue")
        for _ in range(3):
            time.sleep(0.4)
            os.kill(t.pid, signal.SIGTERM)
        t.wait_for("is saved as runs/long.repl/step-0.safetensors")
        assert t.status() == 130
        t.hang_up()
        saved(d, "long", 0)


if __name__ == "__main__":
    run_tests(globals())
