#!/usr/bin/env python3
"""Native programs: the bits of `gan run`, on their own, and what goes wrong with them."""
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import time

from harness import GAN, SANITIZED, SMALL, content, folder, gan, run_tests, same_run, tensors

ROOT = os.environ.get("GAN_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EXAMPLES = {"ring": 40, "ring_wgan_gp": 6, "gaussian_f_gan": 4, "ring_mmd": 10, "fashion_mlp": 4}


def program(*args, cwd, timeout=120, status=0, env=None):
    done = subprocess.run(list(map(str, args)), cwd=cwd, capture_output=True, timeout=timeout, check=False, env=env or dict(os.environ, NO_COLOR="1"), text=True)
    assert done.returncode == status, (args, done)
    assert "internal error" not in done.stderr, done
    return done


def built(d, text, name="small"):
    with open(os.path.join(d, name + ".gan"), "w") as f:
        f.write(text)
    r = gan("build", name + ".gan", "-o", name, cwd=d)
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
        assert "longer.csv" in said and "compiled" in said, said
        table("words.csv", "1,2", "3,x")
        assert "words.csv:2:2" in total("--data", "d=../words.csv", status=1).stderr
        assert "no data called" in total("--data", "e=../words.csv", status=1).stderr
        os.remove(f"{d}/d.csv")
        said = total(status=1).stderr
        assert "d.csv" in said, said


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
        assert ".npy, .csv or .png" in program("./small", "sample", "G", "-o", "x.txt", cwd=d, status=2).stderr
        assert "whole number" in program("./small", "train", "--steps", "-1", cwd=d, status=2).stderr
        program("./small", "train", "--steps", 2, "--out", "out", "--quiet", cwd=d)
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


def test_a_spoilt_program():
    with folder() as d:
        path = built(d, SMALL)
        data = bytearray(content(path))
        at = data.find(b"GANIMAGE\x01")
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
        assert "is the source" in build("./small.gan", status=2)
        assert "not linked; false said: nothing (status 1)" in build(status=3, env={"CC": "false"})
        if not SANITIZED:                                   # its own log would be too large, too
            build(status=3, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))


run_tests(globals())
