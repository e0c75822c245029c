"""Runs the `gan` command as a person would; shared by the tests beside it. Each test program prints "N passed, N failed" last."""
import fcntl
import glob
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import traceback

GAN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/compiler/driver/gan")
with open(GAN, "rb") as executable:
    SANITIZED = b"__asan_init" in executable.read()         # it reserves terabytes of addresses and does not start under a limit


SMALL = """
import nn, optim, compare, toy
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[4] ~ Normal(0, 1)) -> real[2] { z |> Dense(8) |> relu |> Dense(2) }
net D(x: real[2]) -> real { x |> Dense(8) |> relu |> Dense(1) |> scalar }
compare gan = class_probability(ring, G, D)
alternate 20 steps, batch 32 {
  update D minimize gan.critic with adam(1e-3)
  update G minimize nonsaturating(gan) with adam(1e-3)
}
"""


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out[-2000:]}\n--- stderr\n{self.err[-3000:]}"


def gan(*args, cwd=None, stdin=b"", timeout=60, env=None, **more):
    """Exit status and texts; a hang is an error, and so is a death by signal."""
    env = {**os.environ, "NO_COLOR": "1", **(env or {})}
    done = subprocess.run([GAN, *map(str, args)], cwd=cwd, input=stdin, capture_output=True, timeout=timeout, env=env, check=False, **more)
    result = Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    assert done.returncode >= 0, f"died by signal {-done.returncode}: {result}"
    assert "internal error" not in result.err, result
    return result


class Skipped(Exception):
    """What a test needs is not there."""


def on_a_terminal(args, columns, **environment):
    """Exit status and what a terminal of that width is sent."""
    try:
        pid, fd = pty.fork()
    except OSError as why:                                  # a container without /dev/pts
        raise Skipped(f"no terminal can be made here: {why}") from why
    if pid == 0:
        os.environ.update(environment)
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execv(GAN, [GAN, *args])
    sent = b""
    while True:
        try:
            part = os.read(fd, 4096)
        except OSError:                                     # the other side is closed
            part = b""
        if not part:
            break
        sent += part
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), sent.decode()


def build_fails_once(d):
    """d/fails.so: preloaded, it makes one allocation of a program fail (fails_once.c)."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fails_once.c")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", source, "-o", f"{d}/fails.so"], check=True)


def folder():
    return tempfile.TemporaryDirectory(prefix="gan-test-")


def without_time(path):
    with open(path) as f:
        return re.sub(r'"seconds": ?[0-9.e+-]+', "", f.read())


def content(path):
    with open(path, "rb") as f:
        return f.read()


def same_run(a, b):
    """Two runs' folders: log, pictures and checkpoints, but for the time."""
    assert without_time(f"{a}/log.jsonl") == without_time(f"{b}/log.jsonl")
    names = sorted(os.path.relpath(p, a) for p in glob.glob(f"{a}/checkpoints/*.safetensors") + glob.glob(f"{a}/pictures/*"))
    assert any(n.startswith("checkpoints") for n in names), names
    assert names == sorted(os.path.relpath(p, b) for p in glob.glob(f"{b}/checkpoints/*.safetensors") + glob.glob(f"{b}/pictures/*"))
    for name in names:
        if name.endswith(".png"):
            assert content(f"{a}/{name}") == content(f"{b}/{name}"), name
        else:
            assert tensors(f"{a}/{name}") == tensors(f"{b}/{name}"), name


def tensors(path):
    """The elements of a checkpoint: what follows its header."""
    data = content(path)
    return data[8 + int.from_bytes(data[:8], "little"):]


def run_tests(tests):
    """Every function of the dict whose name starts with test_."""
    for number in (signal.SIGHUP, signal.SIGTERM):          # of whoever ignores them (nohup)
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    passed = failed = 0
    for name, test in list(tests.items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
            passed += 1
        except Skipped as why:
            print(f"skipped {name}: {why}")
        except Exception:                                   # a failing test must not hide the others
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
