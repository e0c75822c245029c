#!/usr/bin/env python3
"""`gan run --serve`: the run as a page. What a browser sends and gets, over plain sockets; who may not ask; and that the run is the run without it, to the bit."""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness import GAN, Skipped, folder, gan, run_tests

PROGRAM = """import nn, optim, compare, toy
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[4] ~ Normal(0, 1)) -> real[2] { z |> Dense(16) |> relu |> Dense(2) }
net D(x: real[2]) -> real { x |> Dense(16) |> relu |> Dense(1) |> scalar }
compare gan = class_probability(ring, G, D)
alternate 300 steps, batch 16 {
  update D minimize gan.critic with adam(1e-3)
  update G minimize nonsaturating(gan) with adam(1e-3)
  every 10 { report size = norm2(D) }
  every 100 { plot samples = scatter(ring, G) }
}
"""


class Page:
    """A run that is served."""

    def __init__(self, d, *flags, text=PROGRAM):
        with open(os.path.join(d, "game.gan"), "w") as f:
            f.write(text)
        self.run = subprocess.Popen([GAN, "run", "game.gan", "--serve", *flags, "--out", "served"], cwd=d, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        said, ctrl_c = self.run.stdout.readline(), self.run.stdout.readline()
        assert ctrl_c in ("Ctrl-C ends it\n", ""), ctrl_c
        m = re.fullmatch(r"the run is shown at http://127\.0\.0\.1:(\d+)/\?t=([0-9a-f]{32})\n", said)
        assert m, (said, self.run.stderr.read() if self.run.poll() is not None else "")
        self.port, self.token = int(m[1]), m[2]

    def ask(self, method, path, body=None, headers=()):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request(method, path, body, dict(headers))
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        return r.status, text

    def do(self, what, **more):
        status, text = self.ask("POST", "/do?t=" + self.token, json.dumps({"do": what, **more}))
        assert status == 200, (status, text)
        return json.loads(text)

    def end(self, sig=signal.SIGINT):
        self.run.send_signal(sig)
        out, err = self.run.communicate(timeout=60)
        return self.run.returncode, out, err

    def events(self):
        """A stream of (kind, value)."""
        s = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        s.sendall(f"GET /events?t={self.token} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        return s


def read_events(s, wanted, most=30):
    """Until all kinds wanted have come: the newest of each."""
    f, found, kind, end = s.makefile("r", encoding="utf-8"), {}, None, time.time() + most
    while time.time() < end and not wanted <= found.keys():
        line = f.readline()
        if not line:
            break
        if line.startswith("event: "):
            kind = line[7:].strip()
        if line.startswith("data: "):
            found[kind] = json.loads(line[6:])
    return found


@contextlib.contextmanager
def served(*flags, **more):
    with folder() as d:
        p = Page(d, *flags, **more)
        try:
            yield d, p
        finally:
            if p.run.poll() is None:
                p.run.kill()
                p.run.communicate()


def until_over(p, last=300):
    for _ in range(600):
        a = p.do("speed", speed=0)
        if a["step"] == last:
            return
        time.sleep(0.1)
    raise AssertionError("the run does not come to its end")


def left(d, run):
    """What a run has left: each file's bytes, but the time, and the page's, which has the time in it."""
    found = {}
    for where, _, names in os.walk(os.path.join(d, run)):
        for name in set(names) - {".lock"}:
            with open(os.path.join(where, name), "rb") as f:
                b = f.read()
            path = os.path.relpath(os.path.join(where, name), os.path.join(d, run))
            found[path] = re.sub(rb'"seconds": [0-9.]+', b'"seconds": 0', b) if name == "log.jsonl" else b"a page" if name == "report.html" else b
    return found


def test_the_run_is_the_run_without_it():
    with served("--seed", "3") as (d, p):
        until_over(p)
        assert p.do("back", n=200)["step"] < 300
        assert p.do("goto", step=50)["step"] == 50
        assert p.do("run", speed=0).get("error") is None
        until_over(p)
        status, _, err = p.end()
        assert status == 0 and "the run has come to step 300; report in served/report.html" in err, (status, err)
        assert gan("run", "game.gan", "--seed", "3", "--quiet", "--out", "alone", cwd=d).status == 0
        a, b = left(d, "served"), left(d, "alone")
        assert a == b and len(b) == 6, (a.keys(), b.keys())
        more = gan("run", "game.gan", "--steps", "310", "--resume", "--out", "served", cwd=d)      # a run goes on from where the page has left it
        assert more.status == 0 and "10 steps in" in more.out, more


SAVING = """import nn, optim
net P { param w: real = 1; w }
alternate 100_000_000 steps {
  update P minimize E[e ~ Normal(0, 1) : 4] (P() + 0.1 * e)^2 with sgd(0.05)
  every 3 {
    report v = P()
    report w = P()^2
  }
  every 7 { save "best" }
  every 5 { report v = 2 * P() }
  every 20 { save }
}
expect P() < 1 by step 10
expect P() < 0.5
"""


def test_a_run_that_is_cut_leaves_what_one_without_the_page_does():
    """Back and forth within rounds whose rows are begun; then interrupted, or killed."""
    for sig, status in ((signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        with served(text=SAVING) as (d, p):
            far = p.do("pause")["step"] // 105 * 105 + 104             # rows and saves of all kinds are in the round after
            p.do("goto", step=far)
            for n in (2, 5, 1, 60):
                p.do("next", n=3)
                at = p.do("back", n=n)["tick"]
                assert p.do("next", n=n)["tick"] == at + n
            p.do("goto", step=12)
            assert p.end(sig)[0] == status
            kept = left(d, "served")
            rows = [json.loads(line) for line in kept["log.jsonl"].splitlines()]
            assert sig == signal.SIGKILL or "report.html" in kept      # a page is written when a second has gone by
            assert "checkpoints/best.safetensors" in kept and len(kept) >= 4, kept.keys()
            assert len({json.dumps(r) for r in rows}) == len(rows) and [r["step"] for r in rows] == sorted(r["step"] for r in rows), rows
            steps = str(far + 100)
            for more in (["--resume", "--out", "served"], ["--out", "alone"]):
                assert gan("run", "game.gan", "--quiet", "--steps", steps, *more, cwd=d).status == 0
            a, b = left(d, "served"), left(d, "alone")
            for name in ("log.jsonl", f"checkpoints/{int(steps):09}.safetensors", "checkpoints/best.safetensors"):
                assert a[name] == b[name], name


def test_a_run_that_is_gone_on_with_is_the_run():
    """Interrupted and gone on with by the page, twice, with or without rounds done again; then over, and resumed with nothing left to do."""
    with folder() as d:
        with open(os.path.join(d, "game.gan"), "w") as f:
            f.write(SAVING)
        run = ("run", "game.gan", "--quiet", "--steps")
        assert gan(*run, "330", "--out", "alone", cwd=d).status == 0
        assert gan(*run, "120", "--out", "served", cwd=d).status == 0
        for steps in ("230", "330"):
            p = Page(d, "--resume", "--steps", steps, text=SAVING)
            at = p.do("pause")["step"]
            assert "begins at step" in p.do("back", n=10 ** 6)["error"]
            p.do("goto", step=(at + int(steps)) // 2)
            p.do("back", n=7)
            curves = {c["name"]: c["step"] for c in read_events(p.events(), {"curves"})["curves"]}
            assert min(curves["v"]) <= 5, curves                    # those of the log, too
            p.do("run")
            until_over(p, int(steps))
            assert p.end()[0] == 0
        a, b = left(d, "served"), left(d, "alone")
        for name in b:
            if name in a and not name.endswith("report.html"):
                assert a[name] == b[name] or name.startswith("checkpoints/") and not name.endswith("000000330.safetensors"), name
        assert a["log.jsonl"] == b["log.jsonl"] and "checkpoints/000000330.safetensors" in a
        p = Page(d, "--resume", "--steps", "330", text=SAVING)
        assert p.do("pause")["step"] == 330 and p.end()[0] == 0
        assert left(d, "served")["log.jsonl"] == b["log.jsonl"]


def test_what_goes_with_it():
    with folder() as d:
        with open(os.path.join(d, "game.gan"), "w") as f:
            f.write(PROGRAM)
        for more, why in ((["--seeds", "2"], "--serve shows a single game"), (["--watch-game"], "--watch-game looks at a single game")):
            r = gan("run", "game.gan", "--serve", *more, cwd=d)
            assert r.status == 2 and why in r.err, r


def test_buttons():
    with served() as (_, p):
        assert "error" not in p.do("pause")
        a = p.do("goto", step=20)
        assert (a["step"], a["tick"]) == (20, 42), a
        assert p.do("step")["step"] == 21
        assert p.do("next")["tick"] == 45
        assert p.do("update", player="D")["tick"] == 47             # behind the D of the round after
        assert p.do("back", n=2)["tick"] == 45
        assert "of that name" in p.do("update", player="Q")["error"]
        beyond = p.do("goto", step=301)
        assert "there is no step 301: the run has 300" in beyond["error"] and beyond["tick"] == 45, beyond
        assert p.do("goto", step=21)["tick"] == 44 and p.do("next")["tick"] == 45
        assert p.do("back", n=10 ** 6)["error"].startswith("the run begins at step 0")
        assert p.do("back", n=0)["tick"] == 45                      # nothing has moved
        before = p.do("eval", expression="norm2(D)")["value"]
        assert float(before) > 0 and p.do("eval", expression="norm2(D)")["value"] == before
        assert "Q is not declared" in p.do("eval", expression="norm2(Q)")["error"]
        assert "error" not in p.do("eval", expression="sample(G, 3)[0]"), "a word of the field, too"
        assert "error" in p.do("eval") and "error" in p.do("fly") and "error" in p.do("step", n=-1) and "error" in p.do("run", speed=-3)
        at = p.do("pause")
        for what in ({"do": "back", "n": -1}, {"do": "back", "n": 0}, {"do": "next", "n": "3"}, {"do": "step", "n": 2.5}, {"do": "step", "n": None}, {"do": "goto", "step": 2.5},
                     {"do": "goto", "step": "3"}, {"do": "run", "speed": "a"}, {"do": "speed", "speed": None}):
            a = json.loads(p.ask("POST", "/do?t=" + p.token, json.dumps(what))[1])
            assert re.search("whole number|rounds a second", a["error"]) and (a["step"], a["tick"]) == (at["step"], at["tick"]), (what, a)
        assert p.end(signal.SIGTERM)[0] == 143


def test_events_and_a_second_page():
    with served() as (_, p):
        a, b = p.events(), p.events()
        for s in (a, b):
            e = read_events(s, {"program", "state", "curves", "pictures"})
            assert e["program"]["players"] == ["G", "D"] or e["program"]["players"] == ["D", "G"], e["program"]
            assert e["program"]["lines"][0] == "import nn, optim, compare, toy"
            assert e["pictures"][0]["name"] == "samples" and len(e["pictures"][0]["parts"]) == 2
        until_over(p)
        p.do("goto", step=100)
        e = read_events(p.events(), {"state", "curves"})
        curve = {c["name"]: c for c in e["curves"]}
        assert e["state"]["step"] == 100 and not e["state"]["running"], e["state"]
        assert curve["size"]["step"] == list(range(10, 101, 10)) and len(curve["loss of D"]["step"]) == 100
        p.run.send_signal(signal.SIGINT)
        assert "end" in read_events(a, {"end"})


def test_a_reader_that_does_not_read_holds_nobody_up():
    with served() as (_, p):
        lazy = [p.events() for _ in range(3)]
        gone = p.events()
        gone.close()
        until_over(p)
        for i in range(200):                                        # more events than fit into a socket
            p.do("goto", step=i + 1)
        assert p.do("eval", expression="1 + 1")["value"] == "2"
        for s in lazy:
            s.close()
        status, _, _ = p.end()
        assert status == 0


def test_who_may_not_ask():
    with served() as (_, p):
        t = p.token
        assert p.ask("GET", "/?t=" + t)[0] == 200 and p.ask("GET", "/page.js?t=" + t)[0] == 200
        for path in ("/", "/?t=", "/?t=" + "0" * 32, "/?t=" + t + "0", "/?t=" + t[:-1], "/?x=" + t, "/page.js", "/events", "/do"):
            status, text = p.ask("GET", path)
            assert status == 403 and t not in text, (path, status)
        assert p.ask("POST", "/do", '{"do": "step"}')[0] == 403
        assert p.ask("GET", "/nothing?t=" + t)[0] == 404
        assert p.ask("GET", "/../../etc/passwd?t=" + t)[0] in (400, 403, 404)
        assert p.ask("GET", "/do?t=" + t)[0] == 400
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Host": f"evil.example:{p.port}"}, {"Origin": "null"},
                        {"Origin": f"https://127.0.0.1:{p.port}"}):
            assert p.ask("POST", "/do?t=" + t, '{"do": "step"}', headers)[0] == 403, headers
        assert p.ask("POST", "/do?t=" + t, '{"do": "pause"}', {"Origin": f"http://localhost:{p.port}"})[0] == 200
        assert p.ask("POST", "/do?t=" + t, "x" * 5000)[0] == 400
        for body in ("", "{", "[]", "3", '{"do": 3}', '{"do": "step", "n": "x"}', '\x00', '{"do": "eval", "expression": "' + "(" * 3000 + '"}'):
            status, text = p.ask("POST", "/do?t=" + t, body.encode())
            assert status == 400 or ("error" in json.loads(text) or "step" in json.loads(text)), (body, status, text)
        for method in ("PUT", "OPTIONS", "DELETE", "POST", "HEAD"):
            assert p.ask(method, "/?t=" + t)[0] == 405, method
        for header in ("Host: evil.example", f"Host: 127.0.0.1:{p.port}", "Origin: http://127.0.0.1:1\r\nOrigin: http://localhost:1"):
            s = socket.create_connection(("127.0.0.1", p.port), timeout=30)
            s.sendall(f"GET /?t={t} HTTP/1.1\r\nHost: 127.0.0.1:{p.port}\r\n{header}\r\n\r\n".encode())
            assert s.recv(100).startswith(b"HTTP/1.1 403"), header
            s.close()
        half = [socket.create_connection(("127.0.0.1", p.port), timeout=30) for _ in range(60)]
        for s in half:
            s.sendall(f"POST /do?t={t} HTTP/1.1\r\nHost: 127.0.0.1:{p.port}\r\nContent-Length: 30\r\n\r\n{{".encode())
        assert "error" not in p.do("pause")
        for s in half:
            s.close()
        s = socket.create_connection(("127.0.0.1", p.port), timeout=30)
        s.sendall(b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n\r\n")
        assert not s.recv(100).startswith(b"HTTP/1.1 200")
        s.close()
        assert p.do("pause").get("error") is None and p.end()[0] in (0, 130)


def test_ports():
    with served() as (d, p):
        r = gan("run", "game.gan", "--serve", str(p.port), "--out", "other", cwd=d)
        assert r.status == 3 and f"port {p.port} of this machine is taken" in r.err, r
        r = gan("run", "game.gan", "--serve", "70000", cwd=d)
        assert r.status == 2 and "from 0 to 65535" in r.err, r
        assert p.end()[0] in (0, 130)


def test_a_run_that_fails_can_be_looked_at():
    text = "import optim\nnet P { param w: real = 1; w }\nalternate 300 steps { update P minimize log(P()) with sgd(0.3) }\n"
    with served(text=text) as (_, p):
        for _ in range(100):
            e = read_events(p.events(), {"state"})
            if not e["state"]["running"]:
                break
            time.sleep(0.1)
        assert e["state"]["step"] == 3 and "loss of P became nan" in e["state"]["why"], e["state"]
        assert float(p.do("eval", expression="P.w")["value"]) < 0
        assert p.do("back")["step"] == 2 and float(p.do("eval", expression="P.w")["value"]) > 0
        assert p.do("run").get("error") is None
        while p.do("speed", speed=0)["step"] < 3:
            time.sleep(0.1)
        status, _, err = p.end()
        assert status == 3 and err.count("loss of P became nan") == 1 and "the first value that is not finite: log(" in err, (status, err)


STATUSES = """import optim
net P { param w: real = 1; w }
net Q { param w: real = 1; w }
alternate STEPS steps {
  update Q minimize Q()^2 with sgd(0.1)
  update Q minimize Q()^2 with sgd(0.1)
  update P minimize log(P()) with sgd(0.3)
}
"""


def test_the_status_is_that_of_the_run():
    """Failed (in the middle of a round), over, interrupted; the page may stand anywhere meanwhile."""
    with served(text=STATUSES.replace("STEPS", "300")) as (_, p):
        until_over(p, 3)
        failed = [p.do("next"), p.do("step"), p.do("goto", step=9)]
        assert all("loss of P became nan" in a["error"] and a["tick"] == 11 for a in failed), failed
        p.do("back", n=5)
        p.do("next", n=4)
        status, _, err = p.end()
        assert status == 3 and err.count("error: the loss of P became nan at step 3") == 1, (status, err)
    for steps, sig, status in (("3", signal.SIGINT, 0), ("3", signal.SIGTERM, 0), ("100_000_000", signal.SIGINT, 130), ("100_000_000", signal.SIGTERM, 143)):
        with served(text=STATUSES.replace("STEPS", steps).replace("log(P())", "P()^2")) as (d, p):
            if status == 0:
                until_over(p, 3)
                p.do("goto", step=1)
            assert p.end(sig)[0] == status, (steps, sig)
            assert "report.html" in left(d, "served")


def test_far_away_is_come_to_while_others_are_answered():
    text = "import optim\nnet P { param w: real[200] = 1; norm2(w) }\nalternate 100_000_000 steps { update P minimize P() with sgd(0.1) }\n"
    with served(text=text) as (_, p):
        p.do("pause")
        a = p.do("goto", step=50_000_000)
        assert a.get("error") is None and a["step"] < 50_000_000, a
        assert read_events(p.events(), {"state"})["state"]["running"] and p.do("eval", expression="step").get("value"), a
        at = p.do("pause")["step"]
        assert p.do("pause")["step"] == at and p.do("step", n=3)["step"] == at + 3 and p.end()[0] == 130


FOR_EVER = "sum(fold(zeros([10]), 2000000000, fn(x, t) x + 1))"


def test_an_expression_that_takes_for_ever_is_given_up():
    """When something else is asked, of it or of the command; the run stays where it is."""
    with served() as (_, p):
        p.do("pause")
        at = p.do("goto", step=7)["tick"]
        said = []
        t = threading.Thread(target=lambda: said.append(p.do("eval", expression=FOR_EVER)))
        t.start()
        time.sleep(0.2)
        assert p.do("eval", expression="2 + 3")["value"] == "5"
        t.join()
        assert said[0]["error"] == "interrupted" and said[0]["tick"] == at, said
        assert p.do("next")["tick"] == at + 1
        t = threading.Thread(target=lambda: said.append(p.ask("POST", "/do?t=" + p.token, json.dumps({"do": "eval", "expression": FOR_EVER}))))
        t.start()
        time.sleep(0.2)
        status, _, err = p.end()
        t.join()
        assert status == 130 and "report in served/report.html" in err, (status, err)


def shown(browser, seconds):
    """The document that a browser has made of a run at step 120; it says so when the stream of events is over, which is after so long."""
    with served() as (d, p):
        until_over(p)
        p.do("goto", step=120)
        r = subprocess.Popen([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={d}/browser", "--virtual-time-budget=4000", "--dump-dom",
                              f"http://127.0.0.1:{p.port}/?t={p.token}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(seconds)
        assert p.end()[0] == 0
        return r.communicate(timeout=120)[0]


def test_a_browser_shows_it():
    """Where there is one: what the page makes of it is read back from the document. A machine that is busy takes longer to begin."""
    browser = shutil.which("chromium")
    if not browser:
        raise Skipped("there is no chromium here")
    for seconds in (6, 20, 60):
        dom = shown(browser, seconds)
        drawn = 'class="now">  update D' in dom and 'data-name="samples"' in dom
        if drawn:
            break
    assert drawn and '<h1 id="name">game</h1>' in dom and "step 120" in dom and dom.count("u-wrap") >= 3, dom[:2000]


def test_a_page_too_many_says_so():
    """It waits for the place of another."""
    browser = shutil.which("chromium")
    if not browser:
        raise Skipped("there is no chromium here")
    with served() as (d, p):
        until_over(p)
        crowd = [p.events() for _ in range(8)]
        for s in crowd:
            read_events(s, {"program"})
        assert p.ask("GET", "/events?t=" + p.token)[0] == 400
        for seconds in (2, 10, 60):
            dom = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={d}/browser", f"--virtual-time-budget={500 * seconds}", "--dump-dom",
                                  f"http://127.0.0.1:{p.port}/?t={p.token}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120, check=False).stdout
            if "this one waits until another is closed" in dom:
                break
        assert "this one waits until another is closed" in dom and 'class="now"' not in dom, dom[:2000]


if __name__ == "__main__":
    run_tests(globals())
