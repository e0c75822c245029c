#!/usr/bin/env python3
"""The code cache: a second run compiles nothing and has the same bits, and whatever is wrong with what was kept, the run goes on."""
import contextlib
import os
import resource
import shutil
import struct
import subprocess

from harness import GAN, SANITIZED, SMALL, content, folder, run_tests, same_run


@contextlib.contextmanager
def place():
    """A folder with a program and an empty cache; run(NAME, flag...) runs it into the folder NAME."""
    with folder() as d:
        with open(f"{d}/small.gan", "w") as f:
            f.write(SMALL)

        def run(name, *flags, status=0, cache=f"{d}/cache", binary=GAN, **more):
            done = subprocess.run([binary, "run", "small.gan", "--out", name, *map(str, flags)], cwd=d, capture_output=True, timeout=120, check=False, text=True,
                                  env={**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": cache, "HOME": d}, **more)
            assert done.returncode == status and "internal error" not in done.stderr, done
            return done.stderr
        yield d, run


def kept(d):
    return sorted(os.listdir(f"{d}/cache/gan")) if os.path.isdir(f"{d}/cache/gan") else []


def beside(d, name):
    """gan and its library in a folder of their own, as they are installed: the library can be taken away."""
    os.makedirs(f"{d}/{name}/bin")
    os.makedirs(f"{d}/{name}/lib/gan")
    shutil.copy(GAN, f"{d}/{name}/bin/gan")
    library = f"{d}/{name}/lib/gan/libgan_llvm.so"
    shutil.copy(os.path.join(os.path.dirname(GAN), "..", "llvm", "libgan_llvm.so"), library)
    return f"{d}/{name}/bin/gan", library


def test_a_second_run_needs_no_compiler():
    with place() as (d, run):
        binary, library = beside(d, "here")
        run("cold", binary=binary)
        assert len(kept(d)) == 1, kept(d)
        os.unlink(library)
        run("warm", "--seed", 0, "--threads", 1, binary=binary)
        same_run(f"{d}/cold", f"{d}/warm")
        for command in ["check", "small.gan"], ["explain", "small.gan"], ["eval", "small.gan", "-e", "1 + 1", "--backend", "interp"]:
            subprocess.run([binary, *command], cwd=d, check=True, capture_output=True, timeout=60)
        said = run("other", "--f64", status=3, binary=binary)
        assert "libgan_llvm.so" in said and "compiler's library" in said, said


def test_the_key_is_what_code_depends_on():
    """Another seed, other steps and words beside the code are the same code; another precision, another plan, another constant are not."""
    with place() as (d, run):
        run("a")
        first = kept(d)
        run("b", "--seed", 7, "--steps", 3)
        with open(f"{d}/small.gan", "a") as f:
            f.write("# a remark\n")
        run("c")
        assert kept(d) == first, kept(d)
        for i, flags in enumerate([["--f64"], ["--plan", "no-fuse"], ["--plan", "no-fuse,no-sums"]]):
            run(f"d{i}", *flags)
            assert len(kept(d)) == i + 2, (flags, kept(d))
        with open(f"{d}/small.gan", "w") as f:
            f.write(SMALL.replace("1e-3", "2e-3", 1))
        run("e")
        assert len(kept(d)) == 5, kept(d)


def test_no_cache():
    with place() as (d, run):
        run("a", "--no-cache")
        assert not kept(d)


def spoilt(data):
    """One byte of the head and of every third section of the image (runtime/image.h; its own test goes through all bytes), and cuts."""
    yield b""
    yield data[:-64]
    head, n_sections = 64, int.from_bytes(data[12:16], "little")
    at = [0, 8, 24, head + 9]
    for i in range(0, n_sections, 3):
        offset, size = struct.unpack_from("<QQ", data, head + 32 * i + 8)
        if size:
            at.append(offset + size // 2)
    for k in at:
        yield data[:k] + bytes([data[k] ^ 0x10]) + data[k + 1:]


def test_a_spoilt_file_is_made_anew():
    with place() as (d, run):
        run("good")
        name = f"{d}/cache/gan/{kept(d)[0]}"
        good = content(name)
        for i, data in enumerate(spoilt(good)):
            with open(name, "wb") as f:
                f.write(data)
            run("again", "--threads", "1")
            assert content(name) == good, i
        same_run(f"{d}/good", f"{d}/again")


def test_another_programs_file():
    with place() as (d, run):
        run("good")
        run("twice", "--f64")
        one, two = [f"{d}/cache/gan/{n}" for n in kept(d)]
        for a, b in (one, two), (two, one):
            mine = content(b)
            shutil.copy(a, b)
            run("again")
            run("again64", "--f64")
            same_run(f"{d}/good", f"{d}/again")
            same_run(f"{d}/twice", f"{d}/again64")
            assert content(b) == mine
            shutil.rmtree(f"{d}/again")
            shutil.rmtree(f"{d}/again64")


def test_what_others_can_write_is_not_run():
    with place() as (d, run):
        run("a")
        name = f"{d}/cache/gan/{kept(d)[0]}"
        bad = content(name)[:-1]                             # it would be refused for that, too: what counts is that it is replaced
        for mode in 0o666, 0o620:
            with open(name, "wb") as f:
                f.write(bad)
            os.chmod(name, mode)
            run("a")
            assert content(name) != bad and os.stat(name).st_mode & 0o022 == 0
        os.chmod(f"{d}/cache/gan", 0o777)
        said = run("a")
        assert "is not kept" in said and "others can write there" in said, said
        os.chmod(f"{d}/cache/gan", 0o700)
        os.rename(name, f"{d}/elsewhere")
        os.symlink(f"{d}/elsewhere", name)
        elsewhere = content(f"{d}/elsewhere")
        with open(f"{d}/elsewhere", "ab") as f:
            f.write(b"x")
        run("a")
        assert not os.path.islink(name) and content(f"{d}/elsewhere") == elsewhere + b"x"


def test_where_nothing_can_be_kept():
    with place() as (d, run):
        with open(f"{d}/file", "w"):
            pass
        run("good", "--no-cache")
        for cache in f"{d}/file", "/proc/nowhere":
            said = run("a", cache=cache)
            assert "compiled code is not kept" in said and cache in said and "--no-cache" in said, said
            assert not run("a", "--quiet", cache=cache)
            same_run(f"{d}/good", f"{d}/a")
        assert not run("a", "--quiet", cache="relative") and len(os.listdir(f"{d}/.cache/gan")) == 1      # HOME is the test's


def test_a_full_disk():
    if SANITIZED:                                           # its own log would be too large, too
        return
    with place() as (d, run):
        run("good", "--no-cache")
        said = run("a", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)))
        assert "compiled code is not kept" in said and not kept(d), (said, kept(d))
        same_run(f"{d}/good", f"{d}/a")


def test_it_does_not_grow_for_ever():
    """512 MB, then the oldest go, and only what is the cache's."""
    with place() as (d, run):
        run("a")
        names = [f"{n:032x}.image" for n in range(3)] + ["mine.txt"]
        for i, name in enumerate(names):
            with open(f"{d}/cache/gan/{name}", "wb") as f:
                f.truncate(200 << 20)                       # no disk is used
            os.utime(f"{d}/cache/gan/{name}", (1000 + i, 1000 + i))
        run("b", "--f64")
        left = kept(d)
        assert names[0] not in left and names[1] not in left and names[2] in left and "mine.txt" in left and len(left) == 4, left


def test_many_at_once():
    with place() as (d, run):
        env = {**os.environ, "XDG_CACHE_HOME": f"{d}/cache", "NO_COLOR": "1"}
        runs = [subprocess.Popen([GAN, "run", "small.gan", "--out", f"r{i}", "--threads", "1", "--quiet"], cwd=d, env=env) for i in range(8)]
        assert [r.wait(timeout=120) for r in runs] == [0] * 8
        assert len(kept(d)) == 1, kept(d)
        for i in range(1, 8):
            same_run(f"{d}/r0", f"{d}/r{i}")


run_tests(globals())
