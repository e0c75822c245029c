#!/usr/bin/env python3
"""Native programs: the bits of `gan run`, on their own, and what goes wrong with them."""
import glob
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time

from harness import GAN, SANITIZED, SMALL, Skipped, content, folder, gan, run_tests, same_run, tensors

ROOT = os.environ.get("GAN_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EXAMPLES = {"ring": 40, "ring_wgan_gp": 6, "gaussian_f_gan": 4, "ring_mmd": 10, "fashion_mlp": 4}


def program(*args, cwd, timeout=120, status=0, env=None):
    done = subprocess.run(list(map(str, args)), cwd=cwd, capture_output=True, timeout=timeout, check=False, env=env or dict(os.environ, NO_COLOR="1"), text=True)
    assert done.returncode == status, (args, done)
    assert "internal error" not in done.stderr, done
    return done


def built(d, text, name="small", *flags):
    with open(os.path.join(d, name + ".gan"), "w") as f:
        f.write(text)
    r = gan("build", name + ".gan", "-o", name, *flags, cwd=d)
    assert r.status == 0, r
    return os.path.join(d, name)


def test_the_bits_of_run():
    for name, steps in EXAMPLES.items():
        with folder() as d:
            source = os.path.join(ROOT, "examples", name + ".gan")
            steps = 2 if SANITIZED else steps
            r = gan("build", source, "-o", "p", cwd=d, timeout=300)
            assert r.status == 0, r
            gan("run", source, "--steps", steps, "--out", "a", "--quiet", "--threads", 1, cwd=d, timeout=300)
            program("./p", "train", "--steps", steps, "--out", "b", "--quiet", "--threads", 2, cwd=d, timeout=300)
            same_run(f"{d}/a", f"{d}/b")
            if name == "gaussian_f_gan":                    # its models have no names outside of the loop that makes them
                continue
            last = sorted(glob.glob(f"{d}/a/checkpoints/*.safetensors"))[-1]
            gan("sample", source, "G", "-n", 1100, "-o", "a.npy", "--checkpoint", last, "--seed", 5, cwd=d, timeout=300)
            program("./p", "sample", "G", "-n", 1100, "-o", "b.npy", "--checkpoint", last, "--seed", 5, cwd=d)
            assert content(f"{d}/a.npy") == content(f"{d}/b.npy"), name


def test_on_its_own():
    """No source, no compiler: in a root that holds the program and its libraries."""
    with folder() as d:
        path = built(d, SMALL)
        libraries = program("ldd", path, cwd=d).stdout
        assert "LLVM" not in libraries and "libgan" not in libraries, libraries
        os.remove(path + ".gan")
        for lib in re.findall(r"(/\S+) \(", libraries):
            os.makedirs(d + os.path.dirname(lib), exist_ok=True)
            shutil.copy(lib, d + lib)
        inside = (lambda: os.chroot(d)) if os.geteuid() == 0 and not SANITIZED else None    # leaks are looked for in /proc
        at = "/small" if inside else path
        done = subprocess.run([at, "train", "--steps", "3", "--out", "out"], executable=at, cwd=d, env={}, preexec_fn=inside, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0 and b"3 steps" in done.stdout, done
        assert os.path.exists(f"{d}/out/log.jsonl")


def test_resume_here_and_there():
    with folder() as d:
        built(d, SMALL)
        program("./small", "train", "--steps", 20, "--out", "whole", "--quiet", cwd=d)
        for first, second in (("./small", "./small"), ("./small", "gan"), ("gan", "./small")):
            out = f"cut{len(glob.glob(f'{d}/cut*'))}"
            for who, more in ((first, ["--steps", 8]), (second, ["--steps", 20, "--resume"])):
                if who == "gan":
                    assert gan("run", "small.gan", "--out", out, "--quiet", *more, cwd=d).status == 0
                else:
                    program(who, "train", "--out", out, "--quiet", *more, cwd=d)
            newest = sorted(glob.glob(f"{d}/{out}/checkpoints/*.safetensors"))[-1]
            assert tensors(newest) == tensors(sorted(glob.glob(f"{d}/whole/checkpoints/*.safetensors"))[-1]), (first, second)


def test_interrupted():
    with folder() as d:
        built(d, SMALL)
        child = subprocess.Popen(["./small", "train", "--steps", "100000000", "--out", "out", "--quiet"], cwd=d, stderr=subprocess.PIPE, text=True)
        while not os.path.exists(f"{d}/out/log.jsonl"):
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        said = child.communicate(timeout=60)[1]
        assert child.returncode == 143 and "`./small train --steps 100000000 --out out --quiet --resume` goes on" in said, said


COLUMN = "data d = csv(\"d.csv\")\nreport total = E[r ~ d : all] sum(r)\n"


def test_data_are_read_when_it_runs():
    with folder() as d:
        def table(name, *rows):
            with open(f"{d}/{name}", "w") as f:
                f.write("\n".join(rows) + "\n")
        table("d.csv", "1,2", "3,4")
        built(d, COLUMN, "p")
        os.remove(f"{d}/p.gan")
        os.mkdir(f"{d}/elsewhere")
        total = lambda *more, status=0: program("../p", "train", *more, cwd=f"{d}/elsewhere", status=status)
        assert "total 5" in total().stdout
        table("d.csv", "10,2", "3,5")
        assert "total 10" in total().stdout
        table("other.csv", "100,2", "3,5")
        assert "total 55" in total("--data", "d=../other.csv").stdout
        table("longer.csv", "1,2", "3,4", "5,6")
        said = total("--data", "d=../longer.csv", status=1).stderr
        assert "longer.csv" in said and "compiled" in said and "takes another file" not in said, said
        table("words.csv", "1,2", "3,x")
        assert "words.csv:2:2" in total("--data", "d=../words.csv", status=1).stderr
        assert "no data called" in total("--data", "e=../words.csv", status=1).stderr
        table("d.csv", "1,2", "3,4", "5,6")
        said = total(status=1).stderr
        assert "d.csv: it has 3 rows" in said and "p: --data d=PATH takes another file" in said, said
        os.remove(f"{d}/d.csv")
        said = total(status=1).stderr
        assert "d.csv" in said and "p: --data d=PATH takes another file" in said, said
        said = [json.loads(line) for line in total("--diagnostics", "json", status=1).stderr.splitlines()]
        assert [line["severity"] for line in said] == ["error", "note"] and "--data d=PATH" in said[1]["message"], said
        said = total("--data", "d=", status=2).stderr
        assert "--data wants NAME=PATH, not 'd=', which ends at the =" in said, said


def test_fields_of_data():
    """A file in a field of a record has the field's name, also where rows() makes the record data."""
    with folder() as d:
        for name, *numbers in (("x", 1, 2), ("y", 10, 20), ("other", 100, 200)):
            with open(f"{d}/{name}.csv", "w") as f:
                f.writelines(f"{n}\n" for n in numbers)
        built(d, 'data e = rows((x: csv("x.csv"), y: csv("y.csv")))\nlet t = (left: (a: csv("x.csv"), b: 1), pair: (a: csv("x.csv"), b: csv("y.csv")))\n'
              "report v = E[u ~ e : all] sum(u.x + u.y)\nreport w = sum(t.left.a) + sum(t.pair.a) + sum(t.pair.b)\n", "p")

        def numbers(out):
            with open(f"{out}/log.jsonl") as f:
                return re.findall(r'"[vw]": ?([0-9.]+)', f.read())

        def values(*choices, status=0):
            shutil.rmtree(f"{d}/out", ignore_errors=True)
            done = program("./p", "train", "--out", "out", "--quiet", *(w for c in choices for w in ("--data", c)), cwd=d, status=status)
            return done.stderr if status else tuple(numbers(f"{d}/out"))
        assert re.findall("^data (.*): ", program("./p", "info", cwd=d).stdout, re.M) == ["e.x", "e.y", "t.left", "t.pair", "t.pair"]
        assert values() == ("16.5", "36") and values("e.x=other.csv") == ("165", "36") and values("e.y=other.csv") == ("151.5", "36")
        assert values("t.left=other.csv") == ("16.5", "333") and values("y.csv=other.csv") == ("151.5", "306")
        said = values("e=other.csv", status=1)
        assert "--data e stands for several files: e.x (x.csv), e.y (y.csv); name a field or a file" in said, said
        assert "t.pair (x.csv), t.pair (y.csv); name a field or a file" in values("t.pair=other.csv", status=1)


def test_models():
    """What has no arguments can be drawn from: implicit and prescribed, trained or not, with gan sample's bits."""
    with folder() as d:
        built(d, SMALL + "implicit H(y: class[3], z: real ~ Normal(0, 1)) -> real { z + y }\n"
              "prescribed P() { param m: real[2] = 1.5; Normal(m, 1) }\ndef twice(x) = 2 * x\n")
        said = program("./small", "info", cwd=d).stdout
        assert re.findall("^model (.*)", said, re.M) == ["G: f32[2]", "P: f32[2]"], said
        assert re.findall("^source (.*)", said, re.M)[0] == "small.gan" and "<model>" not in said, said
        for model in ("G", "P"):
            gan("sample", "small.gan", model, "-n", 7, "-o", "a.csv", "--seed", 3, cwd=d)
            program("./small", "sample", model, "-n", 7, "-o", "b.csv", "--seed", 3, cwd=d)
            assert content(f"{d}/a.csv") == content(f"{d}/b.csv"), model
        assert "program is a file" in gan("build", "small.gan", "-o", "-", cwd=d).err


def test_wrong_uses():
    with folder() as d:
        path = built(d, SMALL)
        assert "unknown command" in program("./small", "rum", cwd=d, status=2).stderr
        assert "no model H; there are G" in program("./small", "sample", "H", "-o", "x.npy", cwd=d, status=1).stderr
        assert "-o OUT.npy" in program("./small", "sample", "G", cwd=d, status=2).stderr
        assert ".npz, .csv or .png" in program("./small", "sample", "G", "-o", "x.txt", cwd=d, status=2).stderr
        assert "whole number" in program("./small", "train", "--steps", "-1", cwd=d, status=2).stderr
        for flag, way in (("--f64", "`gan build --f64`"), ("--set=x=1", "`gan build --set NAME=VALUE`"), ("--plan", "`gan build --plan no-NAME`"), ("--portable", "`gan build --portable`"),
                          ("--target-cpu", "`gan build --target-cpu NAME`"), ("--backend", "`gan run`")):
            said = program("./small", "train", flag, cwd=d, status=2).stderr
            assert flag.split("=")[0] in said and way in said and "unknown" not in said, said
        assert "unknown flag --sed; did you mean --seed?" in program("./small", "train", "--sed", "3", cwd=d, status=2).stderr
        program("./small", "train", "--steps", 2, "--out", "out", "--quiet", cwd=d)
        assert "one of them" in program("./small", "train", "--resume", "--checkpoint", "x", cwd=d, status=2).stderr
        assert "was made with --seed 0" in program("./small", "train", "--resume", "--seed", 3, "--out", "out", cwd=d, status=1).stderr
        newest = sorted(glob.glob(f"{d}/out/checkpoints/*.safetensors"))[-1]
        other = built(d, SMALL.replace("Dense(8)", "Dense(9)"), "other")
        said = program(other, "train", "--checkpoint", newest, cwd=d, status=1).stderr
        assert "Dense_1" in said, said
        with open(f"{d}/cut.safetensors", "wb") as f:
            f.write(content(newest)[:-100])
        assert "cut.safetensors" in program(path, "sample", "G", "-o", "x.npy", "--checkpoint", "cut.safetensors", cwd=d, status=1).stderr


def test_for_other_cpus():
    """One program with code for each level of x86-64, and programs for a level: the same bits; and one that cannot run here says so."""
    with folder() as d:
        built(d, SMALL)
        with open("/proc/cpuinfo") as f:
            flags = f.read()
        if " sse4_2 " not in flags:
            return
        program("./small", "train", "--steps", 5, "--out", "here", "--quiet", cwd=d)
        for name, *how in (("all", "--portable"), ("two", "--target-cpu", "x86-64-v2"), ("four", "--target-cpu", "x86-64-v4")):
            assert gan("build", "small.gan", "-o", name, *how, cwd=d).status == 0
            can = name != "four" or " avx512vl " in flags
            done = program(f"./{name}", "train", "--steps", 5, "--out", "out-" + name, "--quiet", cwd=d, status=0 if can else 1)
            if can:
                same_run(f"{d}/here", f"{d}/out-{name}")
            else:
                assert "x86-64-v4" in done.stderr and "--portable" in done.stderr, done


OLDER = """import nn, optim, compare, toy
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[4] ~ Normal(0, 1)) -> real[2] { z |> Dense(64) |> relu |> Dense(64) |> relu |> Dense(2) }
net D(x: real[2]) -> real { x |> Dense(64) |> relu |> Dense(64) |> relu |> Dense(1) |> scalar }
compare gan = class_probability(ring, G, D)
alternate 2 steps, batch 32 {
  update D minimize gan.critic with adam(1e-3)
  update G minimize nonsaturating(gan) with adam(1e-3)
}
"""


def test_on_older_cpus():
    """A portable program, emulated on a CPU with SSE4 and on one with AVX2, for which another plan was made: the bits of `gan run` here."""
    if SANITIZED or not shutil.which("qemu-x86_64"):
        raise Skipped("no emulator of x86-64 that runs these programs")
    with folder() as d:
        path = built(d, OLDER, "older", "--portable")
        gan("run", "older.gan", "--out", "here", "--quiet", cwd=d)
        for cpu in "Nehalem", "max":
            program("qemu-x86_64", "-cpu", cpu, path, "train", "--out", cpu, "--quiet", "--threads", 2, cwd=d, timeout=300)
            same_run(f"{d}/here", f"{d}/{cpu}")


def test_a_spoilt_program():
    with folder() as d:
        path = built(d, SMALL)
        data = bytearray(content(path))
        at = re.search(rb"GANIMAGE[^\0]\0\0\0", data).start()      # the image's head, with its format
        data[at + 3000] ^= 1
        with open(path, "wb") as f:
            f.write(data)
        assert "spoilt" in program("./small", "train", cwd=d, status=1).stderr


def test_building_fails():
    """A message, the older program as it was, and nothing left over."""
    with folder() as d:
        path = built(d, SMALL)
        before, names = content(path), sorted(os.listdir(d))
        os.mkdir(f"{d}/temporary")                           # its own: other tests build at the same time
        names = sorted([*names, "temporary"])

        def build(out="small", status=1, env=None, **more):
            done = subprocess.run([GAN, "build", "small.gan", "-o", out], cwd=d, capture_output=True, timeout=120, check=False, text=True,
                                  env={**os.environ, **(env or {}), "TMPDIR": f"{d}/temporary"}, **more)
            assert done.returncode == status, done
            assert content(path) == before and sorted(os.listdir(d)) == names and not os.listdir(f"{d}/temporary"), (done, os.listdir(d))
            return done.stderr
        assert "install gcc" in build(env={"CC": "/no/such/cc"})
        os.mkdir(f"{d}/folder")
        names.append("folder")
        names.sort()
        assert "folder" in build("folder")
        assert "no/such/folder" in build("no/such/folder/p")
        assert "xxx: cannot be written: File name too long" in build("x" * 256)
        assert "is the source" in build("./small.gan", status=2)
        assert "not linked; false said: nothing (status 1)" in build(status=3, env={"CC": "false"})
        os.chmod(d, 0o777)
        os.chmod(f"{d}/temporary", 0o777)
        alone = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)), **({} if os.getuid() else {"user": 65534})}      # root has no limit
        said = build(status=3, env={"ASAN_OPTIONS": "detect_leaks=0"}, **alone)     # it looks for them in a process of its own
        assert "cc cannot be run now: " in said and "gcc" not in said, said
        if not SANITIZED:                                   # its own log would be too large, too
            build(status=3, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))


def lives(group):
    """Is there a process of the group that is more than a name in the table?"""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                state, _, its = f.read().rpartition(")")[2].split()[:3]
        except OSError:                                     # it has just ended
            continue
        if int(its) == group and state != "Z":
            return True
    return False


def test_names_of_programs():
    """The longest there is; its help has the program's own name."""
    with folder() as d:
        long = "x" * 255
        with open(f"{d}/p.gan", "w") as f:
            f.write("report u = 3\n")
        assert gan("build", "p.gan", "-o", long, cwd=d).status == 0
        assert sorted(os.listdir(d)) == ["p.gan", long], os.listdir(d)
        os.rename(f"{d}/{long}", f"{d}/p")
        for command, example in (("train", "train --steps"), ("sample", "sample G"), ("info", "info")):
            assert f"\nexample: ./p {example}" in program("./p", command, "--help", cwd=d).stdout
        assert "\nexample: ./p train" in program("./p", "--help", cwd=d).stdout


def test_building_is_stopped():
    """By a signal while a tool runs: that ends too, nothing is left over, and the status says which signal; one that is ignored stops nothing."""
    with folder() as d:
        built(d, "report u = 3\n", "p")
        os.mkdir(f"{d}/temporary")
        names = sorted([*os.listdir(d), "at", "slow"])
        before = content(f"{d}/p")

        def begin(tool, *more, **how):
            with open(f"{d}/slow", "w") as f:                # it has a child, as cc has
                f.write(f"#!/bin/sh\necho $$ > {d}/at; sleep {how.pop('seconds', 60)}; exec {tool.lower()} \"$@\"\n")
            os.chmod(f"{d}/slow", 0o755)
            open(f"{d}/at", "w").close()
            environment = {**os.environ, tool: f"{d}/slow", "TMPDIR": f"{d}/temporary"}
            build = subprocess.Popen([GAN, "build", "p.gan", "-o", "p", *more], cwd=d, env=environment, stderr=subprocess.PIPE, **how)
            for _ in range(3000):
                if content(f"{d}/at"):
                    break
                time.sleep(0.01)
            assert os.listdir(f"{d}/temporary")
            return build, int(content(f"{d}/at"))

        for number, tool, *more in ((signal.SIGTERM, "CC"), (signal.SIGINT, "CC"), (signal.SIGHUP, "CC"), (signal.SIGTERM, "OBJCOPY", "--lib"), (signal.SIGTERM, "AR", "--lib")):
            build, group = begin(tool, *more)
            build.send_signal(number)
            said = build.communicate(timeout=30)[1]
            assert build.returncode == -number and not said, (number, tool, build.returncode, said)
            for _ in range(1000):
                if not lives(group):
                    break
                time.sleep(0.01)
            else:
                raise AssertionError("the tool's child goes on")
            assert sorted(os.listdir(d)) == names and not os.listdir(f"{d}/temporary") and content(f"{d}/p") == before, (os.listdir(d), os.listdir(f"{d}/temporary"))
        build, _ = begin("CC", seconds=1, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        build.send_signal(signal.SIGHUP)
        assert build.communicate(timeout=60)[1] == b"" and build.returncode == 0 and not os.listdir(f"{d}/temporary")


run_tests(globals())
