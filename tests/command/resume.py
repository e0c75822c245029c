#!/usr/bin/env python3
"""A run killed with SIGKILL at twenty random moments and resumed each time ends in the same state, to the bit, as the run
that was left alone; and one interrupted with Ctrl-C says how to go on. The moments come from a fixed seed; the clock decides what
they hit, so every outcome must pass."""
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time

from harness import GAN, SANITIZED, folder, gan, run_tests

PROGRAM = """
import nn, optim, compare, toy, metrics
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[16] ~ Normal(0, 1)) -> real[2] { z |> Dense(64) |> relu |> Dense(2) }
net D(x: real[2]) -> real { x |> Dense(64) |> relu |> dropout(0.2) |> Dense(1) |> scalar }
implicit G_mean = copy(G)
compare gan = class_probability(ring, G, D)
report before = mode_coverage(G, ring.centers, within: 0.1)
alternate STEPS steps, batch 128 {
  repeat where(step < 25, 3, 1) { update D minimize gan.critic with adam(1e-3, beta1: 0.5) }
  update G minimize nonsaturating(gan) with adam(1e-3, beta1: 0.5)
  average G into G_mean decay 0.99
  every 25 { report modes = mode_coverage(G, ring.centers, within: 0.1) }
  every 40 { save }
}
report end = mode_coverage(G_mean, ring.centers, within: 0.1)
"""
KILLS = 20


def program(d, steps):
    path = os.path.join(d, "resume.gan")
    with open(path, "w") as f:
        f.write(PROGRAM.replace("STEPS", str(steps)))
    return path


def last_state(out):
    names = sorted(n for n in os.listdir(os.path.join(out, "checkpoints")) if n.endswith(".safetensors"))
    with open(os.path.join(out, "checkpoints", names[-1]), "rb") as f:
        return names[-1], f.read()


def reports(out):
    with open(os.path.join(out, "log.jsonl")) as f:
        lines = [json.loads(line) for line in f]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def uncut(d, path, *flags):
    out = os.path.join(d, "uncut")
    start = time.time()
    r = gan("run", path, "--out", out, "--quiet", *flags, timeout=300)
    assert r.status == 0, r
    return out, time.time() - start


def test_killed_twenty_times():
    with folder() as d:
        path, out = program(d, 3000), os.path.join(d, "cut")
        whole, seconds = uncut(d, path)
        moments = random.Random(4)
        kills = 0
        for attempt in range(400):
            p = subprocess.Popen([GAN, "run", path, "--out", out, "--quiet", "--resume"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            try:
                longest = None if kills >= KILLS else moments.uniform(0.02, max(0.5, 2.5 * seconds / KILLS))
                assert p.wait(timeout=longest) == 0
                break
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGKILL)
                p.wait()
                kills += 1
        assert last_state(out) == last_state(whole), "the resumed run ended in another state"
        assert reports(out) == reports(whole), "the resumed run's log differs"
        print(f"killed {kills} times", file=sys.stderr)


def test_interrupted_in_one_engine_resumed_in_the_other():
    with folder() as d:
        path, out = program(d, 300), os.path.join(d, "cut")
        whole, _ = uncut(d, path)
        p = subprocess.Popen([GAN, "run", path, "--out", out, "--quiet", "--backend", "interp"], stderr=subprocess.PIPE)
        while not os.path.isdir(os.path.join(out, "checkpoints")) or not any(n.endswith("40.safetensors") for n in os.listdir(os.path.join(out, "checkpoints"))):
            assert p.poll() is None, "ended before it could be interrupted"
            time.sleep(0.01)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=60)
        assert p.returncode == 130 and b"--resume" in err, (p.returncode, err)
        r = gan("run", path, "--out", out, "--quiet", "--resume", "--threads", 2)
        assert r.status == 0, r
        assert last_state(out) == last_state(whole), "the resumed run ended in another state"


def test_threads_do_not_matter():
    with folder() as d:
        path = program(d, 200)
        states = []
        for threads in (1, 2, 3):
            out = os.path.join(d, str(threads))
            r = gan("run", path, "--out", out, "--quiet", "--threads", threads)
            assert r.status == 0, r
            states.append(last_state(out))
        assert states[0] == states[1] == states[2]


KEPT = """
import optim
net G { param v: real = 0.5; v }
net H { param v: real = 1; v }
let wave = sin(2 * G())
alternate 3 steps { update H minimize H()^2 with sgd(0.1); save }
update G minimize wave with sgd(1)
report g = G.v
"""


def test_what_a_let_above_has_kept_is_in_the_checkpoint():
    """The update behind the block needs cos(2 * 0.5), of a value that has no name."""
    with folder() as d:
        path, out = os.path.join(d, "kept.gan"), os.path.join(d, "out")
        with open(path, "w") as f:
            f.write(KEPT)
        assert gan("run", path, "--out", out, "--quiet").status == 0
        checkpoints = os.path.join(out, "checkpoints")
        first, *later = sorted(n for n in os.listdir(checkpoints) if n.endswith(".safetensors"))
        assert first == "000000002.safetensors" and later, (first, later)
        for n in later:
            os.remove(os.path.join(checkpoints, n))
        r = gan("run", path, "--out", out, "--quiet", "--resume")
        assert r.status == 0 and "resuming" in r.err, r
        assert abs(reports(out)[-1]["g"] - (0.5 - 2 * math.cos(1))) < 1e-6, reports(out)


STOPPED = """
import optim
net G { param v: real = 1; v }
state seen: real = 0
alternate 50 steps {
  update G minimize G()^2 with sgd(0.1)
  save
  repeat 2 { report v = G.v; stop when v < 0.25 }
  seen := seen + 1
}
seen := 10 * seen + step
report v = G.v
report seen = seen
"""


def cut_after(out, name):
    """As if the run had been killed when it had just saved that checkpoint."""
    checkpoints = os.path.join(out, "checkpoints")
    for n in os.listdir(checkpoints):
        if n.endswith(".safetensors") and (len(n), n) > (len(name), name):
            os.remove(os.path.join(checkpoints, n))


PARTS = """
import optim
net G { param v: real = 1; v }
state s: (n: real, t: real[2, 2]) = (n: 0, t: 0)
for k in 0..2, rate = 0.5, seen = 0 {
  alternate 2 steps {
    update G minimize 0.5 * G()^2 + stop(seen) * G() with sgd(rate)
    s.t[k, step] := G.v
    s.n := s.n + 1
    save
  }
  (rate / 2, seen + G.v)
}
report all = s.n + 10 * s.t[0, 0] + 100 * s.t[0, 1] + 1000 * s.t[1, 0] + 10_000 * s.t[1, 1]
"""


def test_parts_of_states_and_what_loops_carry_are_in_the_checkpoint():
    """0.5, 0.25 of the first round; 0.25 - 0.25 * (0.25 + 0.25) = 0.125, 0.125 - 0.25 * (0.125 + 0.25) = 0.03125 of the second, which has seen 0.25."""
    with folder() as d:
        path, out = os.path.join(d, "parts.gan"), os.path.join(d, "out")
        with open(path, "w") as f:
            f.write(PARTS)
        assert gan("run", path, "--out", out, "--quiet").status == 0
        whole, names = last_state(out), sorted(n for n in os.listdir(os.path.join(out, "checkpoints")) if n.endswith(".safetensors"))
        assert abs(reports(out)[-1]["all"] - (4 + 5 + 25 + 125 + 312.5)) < 1e-3, reports(out)
        for name in reversed(names[:-1]):
            cut_after(out, name)
            r = gan("run", path, "--out", out, "--quiet", "--resume", "--backend", "interp")
            assert r.status == 0 and "resuming" in r.err, r
            assert last_state(out) == whole, (name, "the resumed run ended in another state")


def test_a_block_that_was_left_is_not_entered_again():
    with folder() as d:
        path, out = os.path.join(d, "stopped.gan"), os.path.join(d, "out")
        with open(path, "w") as f:
            f.write(STOPPED)
        whole, _ = uncut(d, path)
        assert reports(whole)[-1] == {"step": 7, "seen": 67}, reports(whole)
        for name in ("000000006.safetensors", "000000007.safetensors"):
            assert gan("run", path, "--out", out, "--quiet").status == 0
            cut_after(out, name)
            for backend in ("interp", "jit"):
                r = gan("run", path, "--out", out, "--quiet", "--resume", "--backend", backend)
                assert r.status == 0 and reports(out) == reports(whole), (name, reports(out), r)
                cut_after(out, "000000007.safetensors")
            os.rename(out, os.path.join(d, name))


def test_the_log_goes_on_with_its_seconds():
    with folder() as d:
        path, out = program(d, 50), os.path.join(d, "out")
        assert gan("run", path, "--out", out, "--quiet").status == 0
        cut_after(out, "000000040.safetensors")
        log = os.path.join(out, "log.jsonl")
        with open(log) as f:
            lines = [json.loads(line) for line in f]
        assert [line["step"] for line in lines] == [0, 25, 50, 50], lines
        lines[1]["seconds"], lines[2]["seconds"] = 1000, 5000
        with open(log, "w") as f:
            f.writelines(json.dumps(line) + "\n" for line in lines)
        assert gan("run", path, "--out", out, "--quiet", "--resume").status == 0
        with open(log) as f:
            seconds = [json.loads(line)["seconds"] for line in f]
        assert seconds[:2] == [lines[0]["seconds"], 1000] and 1000 <= seconds[2] <= seconds[3] < 1100, seconds


NAMED = """
import optim
net G { param v: real = 1; v }
alternate 40 steps {
  update G minimize G()^2 with sgd(0.1)
  every 7 { if G.v > 0.01 { save "best"; save "best" } }
  if step == 24 { save "half-way"; save }
}
save "end"
"""


def test_a_named_checkpoint_stays():
    with folder() as d:
        path, out = os.path.join(d, "named.gan"), os.path.join(d, "out")
        with open(path, "w") as f:
            f.write(NAMED + "report v = G.v\n")
        assert gan("run", path, "--out", out, "--quiet").status == 0
        checkpoints = os.path.join(out, "checkpoints")
        files = {n[:-12]: open(os.path.join(checkpoints, n), "rb").read() for n in os.listdir(checkpoints) if n.endswith(".safetensors")}
        assert {"best", "half-way", "end"} < set(files) and len(files) == 3 + 3, sorted(files)
        for name, rounds in (("best", 14), ("half-way", 25), ("end", 40)):
            r = gan("eval", path, "-e", "G.v", "--checkpoint", os.path.join(checkpoints, name + ".safetensors"))
            assert abs(float(r.out) / 0.8**rounds - 1) < 1e-5, (name, r)
        os.remove(os.path.join(checkpoints, "best.safetensors"))
        cut_after(out, "000000025.safetensors")
        os.rename(os.path.join(checkpoints, "half-way.safetensors"), os.path.join(checkpoints, "000000025.safetensors"))
        r = gan("run", path, "--out", out, "--quiet", "--resume")
        assert r.status == 0 and "at step 25" in r.err, r
        again = {n[:-12]: open(os.path.join(checkpoints, n), "rb").read() for n in os.listdir(checkpoints) if n.endswith(".safetensors")}
        assert "best" not in again and again["end"] == files["end"], sorted(again)


LONGER = """
import optim
net G { param v: real = 1; v }
state seen: real = 0
BEFOREalternate 20 steps { update G minimize (G() - E[e ~ Normal(0, 1) : 3] e)^2 with adam(0.1); every 8 { report v = G.v } }
BEHIND
"""
BEHIND = "update G minimize G()^2 with sgd(0.1)\nreport v = G.v + E[e ~ Normal(0, 1) : 3] e\nexpect v < 100 by step 30"


def longer(d, before="", behind=""):
    path = os.path.join(d, "longer.gan")
    with open(path, "w") as f:
        f.write(LONGER.replace("BEFORE", before).replace("BEHIND", behind))
    return path


def test_a_finished_run_is_lengthened():
    """What stands behind the block has been done, and is done anew from the block's end."""
    for behind in ("", BEHIND):
        with folder() as d:
            path, out = longer(d, behind=behind), os.path.join(d, "out")
            whole, _ = uncut(d, path, "--steps", 40)
            assert gan("run", path, "--out", out, "--quiet").status == 0
            r = gan("run", path, "--out", out, "--resume")
            assert r.status == 0 and "finished before, at step 20" in r.out and "0 steps" not in r.out, r
            r = gan("run", path, "--out", out, "--resume", "--steps", 40)
            assert r.status == 0 and r.out.count("20 steps in") == 1, r
            assert newest_state(out) == newest_state(whole) and reports(out) == reports(whole), (reports(out), reports(whole))


def test_two_blocks_are_lengthened_from_the_end_of_the_first():
    with folder() as d:
        path, out = longer(d, "alternate 5 steps { seen := seen + 1 }\n"), os.path.join(d, "out")
        whole, _ = uncut(d, path, "--steps", 12)
        assert gan("run", path, "--out", out, "--quiet", "--steps", 9).status == 0
        assert gan("run", path, "--out", out, "--quiet", "--resume", "--steps", 12).status == 0
        assert newest_state(out) == newest_state(whole)


def newest_state(out):
    """What was written last, which has no name greater than all others when two are of one step."""
    checkpoints = os.path.join(out, "checkpoints")
    last = max((os.path.join(checkpoints, n) for n in os.listdir(checkpoints) if n.endswith(".safetensors")), key=lambda p: os.stat(p).st_mtime_ns)
    with open(last, "rb") as f:
        return os.path.basename(last), f.read()


def test_other_steps_are_refused_where_they_would_be_another_run():
    with folder() as d:
        path, out = longer(d, "alternate 5 steps { seen := seen + 1 }\n"), os.path.join(d, "out")
        assert gan("run", path, "--out", out, "--quiet", "--steps", 9).status == 0
        before = newest_state(out)
        os.remove(os.path.join(out, "checkpoints", "000000009.safetensors"))
        for flags in (("--steps", 12), ()):                 # the first block has done 9 rounds
            r = gan("run", path, "--out", out, "--resume", *flags)
            assert r.status == 1 and "made with --steps 9" in r.err and "Without --resume" in r.err, r
        assert newest_state(out) == before
    with folder() as d:                                     # more is done already
        path, out = longer(d), os.path.join(d, "out")
        assert gan("run", path, "--out", out, "--quiet").status == 0
        r = gan("run", path, "--out", out, "--resume", "--steps", 12)
        assert r.status == 1 and "the steps of its file" in r.err and "has come to step 20" in r.err, r


def test_steps_are_changed_in_the_file():
    """A block that the run has not left may get other rounds, and what comes behind; one that it has left may not."""
    for text in (PROGRAM, PROGRAM + "alternate 5 steps, batch 128 { update D minimize gan.critic with adam(1e-3) }\n"):
        with folder() as d:
            path, cut = program(d, 60), os.path.join(d, "cut")
            def version(steps):
                with open(path, "w") as f:
                    f.write(text.replace("STEPS", str(steps)))
            version(90)
            whole, _ = uncut(d, path)
            version(60)
            assert gan("run", path, "--out", cut, "--quiet").status == 0
            version(90)
            r = gan("run", path, "--out", cut, "--quiet", "--resume")
            assert r.status == 0 and "resuming at step 60" in r.err, r
            assert tensors(newest_state(cut)[1]) == tensors(newest_state(whole)[1]) and reports(cut) == reports(whole), (reports(cut), reports(whole))
            before = newest_state(cut)
            version(30)
            r = gan("run", path, "--out", cut, "--quiet", "--resume")
            assert r.status == 1 and "has come to step" in r.err, r
            assert newest_state(cut) == before
    with folder() as d:                                     # the first block is behind the run
        path, out = longer(d, "alternate 5 steps { seen := seen + 1 }\n"), os.path.join(d, "out")
        assert gan("run", path, "--out", out, "--quiet").status == 0
        os.remove(os.path.join(out, "checkpoints", "000000005.safetensors"))
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(swap(text, "alternate 5", "alternate 6"))
        r = gan("run", path, "--out", out, "--quiet", "--resume")
        assert r.status == 1 and "another version" in r.err, r


def test_a_run_that_stopped_is_not_lengthened():
    with folder() as d:
        path, out = os.path.join(d, "stopped.gan"), os.path.join(d, "out")
        with open(path, "w") as f:
            f.write(STOPPED.replace("seen := 10 * seen + step", "").replace("report v = G.v\nreport seen = seen\n", "").replace("  save\n", ""))
        assert gan("run", path, "--out", out, "--quiet").status == 0
        for _ in range(2):
            assert gan("run", path, "--out", out, "--quiet", "--resume").status == 0
            r = gan("run", path, "--out", out, "--quiet", "--resume", "--steps", 90)
            assert r.status == 1 and "come to step 7" in r.err, r


def test_another_program_is_refused():
    with folder() as d:
        path = program(d, 60)
        out, _ = uncut(d, path)
        with open(path, "w") as f:
            f.write(PROGRAM.replace("STEPS", "60").replace("nonsaturating(gan)", "gan.generator"))
        r = gan("run", path, "--out", out, "--quiet", "--resume")
        assert r.status == 1 and "another version" in r.err, r


def swap(text, old, new):
    assert old in text, old
    return text.replace(old, new)


def test_a_version_that_shows_something_else_goes_on_to_the_same_bits():
    """Reports, plots and comments may come and go: the run is then the one that always had them."""
    first = PROGRAM.replace("STEPS", "60")
    shows = swap(first, "every 40", "every 10 { report far = gan.estimate(n: 100)\n    report s = E[x ~ G : 50] norm(x) + E[x ~ ring] x[0]\n    plot seen = scatter(ring, G) }\n  every 40")
    shows = "# what it does\n" + swap(shows, "report end", "report late = E[x ~ ring : 9] norm(x)\nreport end") + "expect end >= 0\n"
    for begun, goes_on in ((first, shows), (shows, first), (first, swap(first, "report modes", "if step > 30 { report size = norm2(G) }\n    report modes"))):
        with folder() as d:
            path = program(d, 60)
            for text, flags in ((goes_on, ("--out", f"{d}/whole")), (begun, ("--out", f"{d}/cut", "--steps", "37")), (goes_on, ("--out", f"{d}/cut", "--resume"))):
                with open(path, "w") as f:
                    f.write(text)
                r = gan("run", path, "--quiet", *flags)
                assert r.status == 0, r
            assert "trains in the same way" in r.err, r
            name, state = last_state(f"{d}/whole")
            again, other = last_state(f"{d}/cut")
            assert tensors(state) == tensors(other), (name, again)
            assert reports(f"{d}/whole")[-2:] == reports(f"{d}/cut")[-2:]


def test_a_new_run_starts_from_a_version_that_shows_something_else():
    """--checkpoint takes the state that is trained: a line that reports or draws a picture may have come or gone. What has another name is named beside the missing one."""
    plain = PROGRAM.replace("STEPS", "40")
    shows = swap(plain, "every 25", "every 5 { report s = E[x ~ G : 50] norm(x) + E[x ~ ring] x[0]\n    plot seen = scatter(ring, G) }\n  every 25")
    with folder() as d:
        for name, text in (("plain", plain), ("shows", shows), ("renamed", re.sub(r"\bD\b", "C", plain))):
            with open(f"{d}/{name}.gan", "w") as f:
                f.write(text)
        trained = {}
        for name, other in (("plain", "shows"), ("shows", "plain")):
            assert gan("run", f"{d}/{name}.gan", "--quiet", "--out", f"{d}/{name}").status == 0
            start = f"{d}/{name}/checkpoints/000000040.safetensors"
            for end in (name, other):
                r = gan("run", f"{d}/{end}.gan", "--quiet", "--out", f"{d}/{end}-from-{name}", "--checkpoint", start)
                assert r.status == 0 and not r.err, r
                trained[end] = {k: v for k, v in tensors(last_state(f"{d}/{end}-from-{name}")[1]).items() if k[:2] in ("G.", "D.")}
            assert trained[name] == trained[other] and len(trained[name]) > 20, trained[name].keys()
        r = gan("run", f"{d}/renamed.gan", "--quiet", "--out", f"{d}/renamed", "--checkpoint", start)
        assert r.status == 1 and "holds no 'C.Dense_1.w', and of that shape a 'D.Dense_1.w'" in r.err, r


def test_a_report_whose_past_is_not_known_is_refused():
    first = PROGRAM.replace("STEPS", "60")
    for other in (swap(first, "report modes", "if norm2(G) > 0 { report size = E[x ~ G] norm(x) }\n    report modes"), swap(first, "report modes = mode_coverage(G, ring.centers, within: 0.1)", "report modes = mode_coverage(G, ring.centers, within: 0.2)")):
        with folder() as d:
            path = program(d, 60)
            assert gan("run", path, "--quiet", "--out", f"{d}/cut", "--steps", "37").status == 0
            with open(path, "w") as f:
                f.write(other)
            r = gan("run", path, "--quiet", "--out", f"{d}/cut", "--resume")
            assert r.status == 1 and "would have come to by now is not known" in r.err, r


def tensors(file):
    n = int.from_bytes(file[:8], "little")
    head = json.loads(file[8:8 + n])
    return {k: file[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]] for k, v in head.items() if k != "__metadata__"}


def test_no_other_settings():
    """--set is as if the file had that line."""
    with folder() as d:
        path = os.path.join(d, "p.gan")
        with open(path, "w") as f:
            f.write("import optim\nlet rate = 0.1\nnet A { param v: real = 1; v }\nalternate 20 steps { update A minimize A()^2 with sgd(rate); every 5 { save } }\nreport v = A()\n")
        for first, then in (([], ["--set", "rate=0.2"]), (["--set", "rate=0.2"], []), (["--set", "rate=0.2"], ["--set", "rate=0.3"])):
            out = os.path.join(d, "out")
            assert gan("run", path, "--out", out, "--quiet", *first).status == 0
            r = gan("run", path, "--out", out, "--quiet", "--resume", "--steps", 40, *then)
            assert r.status == 1 and "another --set" in r.err and "--steps N makes a run" in r.err, r
            assert gan("run", path, "--out", out, "--quiet", "--resume", "--steps", 40, *first).status == 0


def test_no_other_seed():
    """A run has the seed that it was begun with: the same again is fine, none takes it, another is no part of this run."""
    with folder() as d:
        path = program(d, 60)
        out, _ = uncut(d, path, "--seed", "5")
        before = newest_state(out)
        r = gan("run", path, "--out", out, "--resume", "--seed", "6")
        assert r.status == 1 and "was made with --seed 5" in r.err and "without --seed it goes on" in r.err, r
        r = gan("run", path, "--out", out, "--resume", "--seed", "0")
        assert r.status == 1 and "with --seed 0 is another" in r.err and newest_state(out) == before, r
        for flags in ((), ("--seed", "5")):
            r = gan("run", path, "--out", out, "--resume", "--steps", "80", *flags)
            assert r.status == 0 and "80" in r.out, r


def test_one_start():
    with folder() as d:
        path = program(d, 60)
        out, _ = uncut(d, path)
        first = os.path.join(out, "checkpoints", "000000060.safetensors")
        r = gan("run", path, "--out", out, "--resume", "--checkpoint", first)
        assert r.status == 2 and "one of them" in r.err, r
        before = sorted(os.listdir(d))
        for wrong in ("none", path, d):                     # nothing moves for a start that is none
            r = gan("run", path, "--out", out, "--quiet", "--checkpoint", wrong)
            assert r.status == 1 and sorted(os.listdir(d)) == before, r
        r = gan("run", path, "--out", out, "--quiet", "--checkpoint", first)            # of the run that moves aside for it
        assert r.status == 0 and sorted(os.listdir(d)) == sorted([*before, os.path.basename(out) + ".1"]), r


def test_how_a_run_with_a_start_goes_on():
    """The words that are shown leave out --checkpoint, which would begin anew."""
    with folder() as d:
        path = program(d, 100_000_000)
        first = os.path.join(uncut(d, path, "--steps", "40")[0], "checkpoints", "000000040.safetensors")
        for flags in (("--checkpoint", first), ("--checkpoint=" + first,), ("-checkpoint", "none", "--checkpoint", first)):
            out = os.path.join(d, f"cut{len(os.listdir(d))}")
            p = subprocess.Popen([GAN, "run", path, *flags, "--out", out, "--quiet"], stderr=subprocess.PIPE, text=True)
            while not os.path.exists(os.path.join(out, "log.jsonl")) or not os.path.getsize(os.path.join(out, "log.jsonl")):
                assert p.poll() is None
                time.sleep(0.01)
            p.send_signal(signal.SIGTERM)
            said = p.communicate(timeout=60)[1]
            assert p.returncode == 143 and f"`{GAN} run {path} --out {out} --quiet --resume` goes on".replace(GAN, "gan") in said, said


def test_a_terminal_that_is_gone():
    """SIGHUP saves as SIGTERM does, also where nothing can be written to the terminal any more; under nohup it is ignored."""
    with folder() as d:
        path = program(d, 100_000_000)
        for ignored in (False, True):
            out, (ours, theirs) = os.path.join(d, str(ignored)), os.openpty()
            p = subprocess.Popen([GAN, "run", path, "--out", out], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                 preexec_fn=lambda what=signal.SIG_IGN if ignored else signal.SIG_DFL: signal.signal(signal.SIGHUP, what))
            os.close(theirs)
            said = b""
            while b"100000000" not in said:
                said += os.read(ours, 1000)
            os.close(ours)
            p.send_signal(signal.SIGHUP)
            if ignored:
                time.sleep(0.5)
                assert p.poll() is None
                p.send_signal(signal.SIGTERM)
            assert p.wait(60) == (143 if ignored else 129), p.returncode
            name, _ = last_state(out)
            r = gan("run", path, "--out", out, "--resume", "--steps", int(name.split(".")[0]) + 5)
            assert r.status == 0 and "resuming" in r.err, r


def without_metadata(path):
    """As a tool leaves a file that keeps the tensors alone."""
    with open(path, "rb") as f:
        data = f.read()
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__")
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + data[8 + n:])


def test_tensors_without_metadata_are_no_checkpoint():
    with folder() as d:
        path = program(d, 100)
        out, _ = uncut(d, path)
        checkpoints = os.path.join(out, "checkpoints")
        newest = os.path.join(checkpoints, newest_state(out)[0])
        without_metadata(newest)
        r = gan("run", path, "--out", out, "--resume", "--quiet")
        assert r.status == 0 and "passed over" in r.err and "resuming at step" in r.err, r       # an older one is good
        for name in os.listdir(checkpoints):
            if name.endswith(".safetensors"):
                file = os.path.join(checkpoints, name)
                with open(file, "rb") as f:
                    if b"__metadata__" in f.read():
                        without_metadata(file)
        names, log = sorted(os.listdir(checkpoints)), reports(out)
        r = gan("run", path, "--out", out, "--resume", "--quiet")
        assert r.status == 1 and "none of the checkpoints here is good" in r.err and "Without --resume" in r.err, r
        assert sorted(os.listdir(checkpoints)) == names and reports(out) == log, "nothing is written over"
        for args in (("run", path, "--out", os.path.join(d, "new"), "--quiet", "--checkpoint", newest), ("sample", path, "G", "-o", os.path.join(d, "x.npy"), "--checkpoint", newest)):
            r = gan(*args)
            assert r.status == 0 and "has not the checksums of a checkpoint: its tensors are taken as they are" in r.err, r


LONG = """
state s: real = 0.5
alternate 1000 steps { s := fold(s, 2_000_000_000, fn(s, i) s + sin(s)) }
"""


def processor_seconds(pid):
    """Of a process so far, by its own and the system's hand."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def test_a_signal_in_a_long_call():
    """The first lets the call end; who waits is told; the second ends the process at once, with its own status. The call is one of a minute, and
    is under way when the process has worked for longer than it takes to compile the program."""
    with folder() as d:
        path = os.path.join(d, "long.gan")
        with open(path, "w") as f:
            f.write(LONG)
        for form, begins in ((), "gan: the step under way"), (("--diagnostics=json",), '{"file":null'):
            out = os.path.join(d, "out" + "".join(form))
            p = subprocess.Popen([GAN, "run", path, "--out", out, "--quiet", "--threads", "1", *form], stderr=subprocess.PIPE, text=True)
            while processor_seconds(p.pid) < 2:
                assert p.poll() is None
                time.sleep(0.01)
            p.send_signal(signal.SIGINT)
            line = p.stderr.readline()
            assert line.startswith(begins) and "a second signal ends the run at once" in line, line
            p.send_signal(signal.SIGTERM)
            said = p.communicate(timeout=60)[1]
            assert p.returncode == 143 and said == "", (p.returncode, said)


ROWS = """
import optim
net W { param v: real = 0; v }
report first = W.v
report begin = E[x ~ Normal(0, 1) : 5] x
alternate 40 steps {
  update W minimize (W() - 1)^2 + 0 * (E[x ~ Normal(0, 1) : 3] x) with sgd(0.01)
  report v = W.v + (E[x ~ Normal(0, 1) : 5] x)
  report v = W.v
}
report end = E[x ~ Normal(0, 1) : 5] x
report last = W.v
"""


FULL = r"""
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
ssize_t write(int fd, const void *data, size_t n)           /* the disk is full at the log's row FULL_AT */
{
    static int rows;
    if (n > 7 && !memcmp(data, "{\"step\"", 7) && ++rows == atoi(getenv("FULL_AT"))) return errno = ENOSPC, -1;
    return syscall(SYS_write, fd, data, n);
}
"""


def test_a_row_that_could_not_be_written_comes_again():
    """Whatever row it is, in a round or outside: the checkpoint that is left is of before it."""
    if SANITIZED:
        return
    with folder() as d:
        path, library = os.path.join(d, "rows.gan"), os.path.join(d, "full.so")
        with open(path, "w") as f:
            f.write(ROWS)
        with open(os.path.join(d, "full.c"), "w") as f:
            f.write(FULL)
        subprocess.run(["cc", "-shared", "-fPIC", os.path.join(d, "full.c"), "-o", library], check=True)
        whole, _ = uncut(d, path, "--backend", "interp")
        rows = reports(whole)
        assert len(rows) == 84, rows
        for at in (1, 2, 3, 4, 5, 34, 35, 81, 82, 83, 84):
            out = os.path.join(d, str(at))
            r = gan("run", path, "--out", out, "--quiet", "--backend", "interp", env={"LD_PRELOAD": library, "FULL_AT": str(at)})
            assert r.status == 3 and "the log cannot be written" in r.err, (at, r)
            r = gan("run", path, "--out", out, "--quiet", "--backend", "interp", "--resume")
            begin = {1: 0, 2: 0, 83: 40, 84: 40}.get(at, (at - 3) // 2)
            assert r.status == 0 and f"resuming at step {begin} " in r.err, (at, r)
            assert reports(out) == rows, (at, reports(out))
            assert last_state(out) == last_state(whole), at


DATA = """
import optim
data e: real[2] = csv("e.csv")
net W { param v: real[2] = 0; v }
alternate 10 steps, batch 2 { update W minimize E[x ~ e] norm2(W() - x) with sgd(0.1) }
report w = W.v[0]
"""


def test_a_run_goes_on_with_its_own_data_alone():
    with folder() as d:
        path = os.path.join(d, "data.gan")
        with open(path, "w") as f:
            f.write(DATA)
        own, other = os.path.join(d, "e.csv"), os.path.join(d, "other.csv")
        for name, rows in ((own, "1,2\n3,4\n5,6\n"), (other, "1,2\n3,4\n5,7\n")):
            with open(name, "w") as f:
                f.write(rows)
        native = os.path.join(d, "native")
        assert gan("build", path, "-o", native).status == 0

        def train(out, *flags):
            return subprocess.run([native, "train", "--out", out, "--quiet", *flags], capture_output=True, text=True, timeout=60, check=False)

        whole, out = os.path.join(d, "whole"), os.path.join(d, "cut")
        assert train(whole, "--data", f"e={other}").returncode == 0
        assert train(out, "--steps", "5", "--data", f"e={other}").returncode == 0
        before = last_state(out)
        r = train(out, "--steps", "10", "--resume")
        assert r.returncode == 1 and "the data e are not those that this run was made with" in r.stderr, r
        assert last_state(out) == before
        r = gan("run", path, "--out", out, "--quiet", "--steps", 10, "--resume")
        assert r.status == 1 and "the data e are not" in r.err, r
        with open(own, "a") as f:
            f.write("7,8\n")
        r = gan("run", path, "--out", out, "--quiet", "--steps", 10, "--resume")
        assert r.status == 1 and "the data e are not" in r.err, r   # nor a file that has grown
        os.replace(other, own)
        r = gan("run", path, "--out", out, "--quiet", "--steps", 10, "--resume")
        assert r.status == 0 and reports(out) == reports(whole), r  # by their content, wherever they lie


run_tests(globals())
