#!/usr/bin/env python3
"""--seeds: several games at a time from one code. Each has the files of a run with its seed alone, whatever the threads and whatever becomes of the others."""
import glob
import html
import os
import re
import shutil
import signal
import subprocess
import time

from harness import GAN, SANITIZED, folder, gan, on_a_terminal, run_tests

PROGRAM = """
import nn, optim, compare, toy, metrics
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[4] ~ Normal(0, 1)) -> real[2] { z |> Dense(16) |> relu |> Dense(2) }
net D(x: real[2]) -> real { x |> Dense(16) |> relu |> dropout(0.2) |> Dense(1) |> scalar }
compare gan = class_probability(ring, G, D)
alternate 40 steps, batch 96 {
  update D minimize gan.critic with adam(1e-3)
  update G minimize nonsaturating(gan) with adam(1e-3)
  every 10 { report modes = mode_coverage(G, ring.centers, within: 0.1) }
  every 20 { save }
}
plot samples = scatter(ring, G)
expect modes >= 0
"""
CPUS = len(os.sched_getaffinity(0))


def written(d, text=PROGRAM, name="game"):
    with open(os.path.join(d, name + ".gan"), "w") as f:
        f.write(text)
    return name + ".gan"


def files(run):
    """What a run has left, by path, without what tells the time or the process."""
    found = {}
    for path in glob.glob(os.path.join(run, "**"), recursive=True):
        if os.path.isfile(path) and not path.endswith("report.html"):
            with open(path, "rb") as f:
                found[os.path.relpath(path, run)] = re.sub(rb'"seconds": [0-9.e+-]+', b"", f.read())
    assert "log.jsonl" in found, (run, found.keys())
    return found


def alone(d, path, seed, *flags, status=0):
    out = os.path.join(d, f"alone-{seed}")
    r = gan("run", path, "--seed", seed, "--out", out, "--quiet", *flags, cwd=d)
    assert r.status == status, r
    return files(out)


def test_each_is_as_alone():
    with folder() as d:
        path = written(d)
        want = {seed: alone(d, path, seed) for seed in range(7, 12)}
        assert "pictures/samples-000000040.png" in want[7] and want[7] != want[8]
        assert gan("build", path, "-o", "game", cwd=d).status == 0
        ways = [[GAN, "run", path, "--threads", str(threads)] for threads in (1, 2, 3)]
        ways += [[GAN, "run", path, "--backend", "interp"], [GAN, "run", path], ["./game", "train"], ["./game", "train", "--threads", "1"]]
        for i, way in enumerate(ways):
            done = subprocess.run([*way, "--seed", "7", "--seeds", "5", "--out", f"many-{i}"], cwd=d, capture_output=True, timeout=120, check=False, text=True)
            assert done.returncode == 0 and done.stderr == "", done
            for seed in range(7, 12):
                assert files(f"{d}/many-{i}/seed-{seed}") == want[seed], (way, seed)
            *lines, spread, page = done.stdout.splitlines()
            assert page == f"report in many-{i}/report.html" and os.path.exists(f"{d}/{page[10:]}"), page
            shown = [open(f"{d}/many-{i}/{name}report.html", encoding="utf-8").read() for name in ("", "seed-7/")]
            assert all(html.escape(PROGRAM, quote=False) in page for page in shown), "the program, on the pages of a native one, too"
            assert "held in 5 of 5" in shown[0] and shown[0].count("finished at step 40") == 5, shown[0]
            assert re.fullmatch(r"modes: median \S+, from \S+ to \S+ over 5 seeds", spread), done.stdout
            for seed in range(7, 12):                       # lines of a game stand together
                at = next(k for k, line in enumerate(lines) if line.startswith(f"seed {seed}: 40 steps in"))
                assert lines[at + 1:at + 3] == [f"seed {seed}: expect modes >= 0: held", f"seed {seed}: report in many-{i}/seed-{seed}/report.html"], lines
            assert len(lines) == 15, lines


FAILING = """
import optim
net W { param v: real = 0; v }
state s: real = 0
alternate 30 steps {
  update W minimize (W() - E[e ~ Normal(0, 1) : 3] e)^2 with sgd(0.1)
  s := 1 / where(E[e ~ Normal(0, 1) : 1] e > 2, 0, 1)
  every 10 { report v = W.v }
}
"""


def test_one_that_fails_stops_no_other():
    with folder() as d:
        path = written(d, FAILING)
        want = {seed: alone(d, path, seed, status=status) for seed, status in ((2, 3), (3, 0), (4, 3), (5, 0))}
        for threads in (1, 2):
            out = f"many-{threads}"
            r = gan("run", path, "--seed", 2, "--seeds", 4, "--out", out, "--threads", threads, cwd=d)
            page = open(f"{d}/{out}/report.html", encoding="utf-8").read()
            assert "failed<td class=no>2 of 4" in page and page.count("FAILED at step") == 2 and page.count("finished at step 30") == 2, page
            assert r.status == 3 and " over 2 of 4 seeds\n" in r.out and "seed 2: 30" not in r.out and "seed 5: 30 steps" in r.out, r
            for seed in want:
                assert files(f"{d}/{out}/seed-{seed}") == want[seed], seed
            for seed in (2, 4):                             # the error, where it was born, what is left of it: one behind the other
                at = r.err.index(f"error: seed {seed}: s is not finite")
                lines = r.err[at:].splitlines()
                assert "the first value that is not finite: 1 / 0 is inf" in lines[1], r
                assert f"seed {seed}: the last good state is in {out}/seed-{seed}/" in r.err, r
            assert all(line.startswith(("game.gan:", "gan: seed ", "gan: hint: ", "    7 |", "      |")) for line in r.err.splitlines()), r
        r = gan("run", path, "--seed", 2, "--seeds", 2, "--out", "json", "--diagnostics", "json", cwd=d)
        assert r.status == 3 and '"message":"seed 2: s is not finite' in r.err, r


def test_an_interrupt_ends_all_and_each_goes_on():
    steps = 2000 if SANITIZED else 3000
    with folder() as d:
        path = written(d, PROGRAM.replace("40 steps", f"{steps} steps"))
        assert gan("build", path, "-o", "game", cwd=d).status == 0
        want = {seed: alone(d, path, seed) for seed in range(5)}
        for start in ([GAN, "run", path], ["./game", "train"]):
            command = [*start, "--seeds", "5", "--threads", "2", "--out", "cut", "--quiet"]
            p = subprocess.Popen(command, cwd=d, stderr=subprocess.PIPE, text=True)
            logs = [f"{d}/cut/seed-{seed}/log.jsonl" for seed in range(min(2, CPUS))]
            while not all(os.path.exists(log) and os.path.getsize(log) for log in logs):      # at the same time: none is over yet
                assert p.poll() is None
                time.sleep(0.002)
            p.send_signal(signal.SIGTERM)
            said = p.communicate(timeout=60)[1]
            assert p.returncode == 143 and re.search(r"interrupted with [0-4] of 5 games over; `.* --resume` goes on\n$", said), (p.returncode, said)
            assert not os.path.exists(f"{d}/cut/seed-4"), "none begins any more"
            done = subprocess.run([*command, "--resume"], cwd=d, capture_output=True, timeout=300, check=False, text=True)
            assert done.returncode == 0 and "seed 0: resuming at step" in done.stderr, done
            for seed in want:
                got = files(f"{d}/cut/seed-{seed}")
                for name in want[seed]:                     # what was saved when it was cut is there, too, or in place of an older one
                    assert "checkpoints/" in name or got[name] == want[seed][name], (seed, name)
                last = max(name for name in want[seed] if name.startswith("checkpoints/0"))
                assert got[last] == want[seed][last], (seed, last)
            shutil.rmtree(f"{d}/cut")


def test_going_on_with_others():
    with folder() as d:
        path = written(d)
        run = lambda *flags: gan("run", path, "--quiet", *flags, cwd=d)
        assert run("--seed", 3, "--seeds", 2, "--out", "many").status == 0 and run("--out", "one").status == 0
        before = files(f"{d}/many/seed-3"), files(f"{d}/one")
        r = run("--out", "many", "--resume")
        assert r.status == 1 and "is of several games, the first of seed 3" in r.err, r
        r = run("--out", "one", "--resume", "--seeds", 2)
        assert r.status == 1 and "of a single game: --resume without --seeds" in r.err, r
        r = run("--out", "many", "--resume", "--seeds", 2)
        assert r.status == 1 and "games with other seeds, the first 3" in r.err, r
        assert before == (files(f"{d}/many/seed-3"), files(f"{d}/one"))
        r = run("--out", "many", "--resume", "--seed", 2, "--seeds", 2)      # one more, beside those
        assert r.status == 0 and files(f"{d}/many/seed-2") == alone(d, path, 2) and files(f"{d}/many/seed-3") == before[0], r
        r = run("--out", "more", "--seeds", 2, "--log", "-")
        assert r.status == 2 and "--log goes with a single one" in r.err and not os.path.exists(f"{d}/more"), r


def test_progress_of_all():
    with folder() as d:
        path = os.path.join(d, written(d, PROGRAM.replace("40 steps", "400 steps")))
        status, sent = on_a_terminal(["run", path, "--seeds", "3", "--out", os.path.join(d, "out")], 100, NO_COLOR="1", TERM="xterm")
        assert status == 0 and "step 1200/1200  100%" in sent and "games over 3" in sent, sent
        assert len(re.findall(r"(?:\n|\x1b\[K|^)seed [012]: 400 steps in", sent)) == 3, sent


run_tests(globals())
