#!/usr/bin/env python3
"""Kernels for another machine give the bits of this one: cross.py MAKE_CASES GAN MACHINE COMPILER [RUNNER]

Functions become objects for MACHINE (make_cases.c). A host in C (host.c) and the part of the runtime that walks code are compiled by
COMPILER, linked with them, run by RUNNER, and held to the interpreter's results. Without COMPILER or RUNNER the test is skipped."""
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = 77
FLAGS = ["-std=gnu11", "-O2", "-ffp-contract=off", "-fno-math-errno", "-D_GNU_SOURCE", "-DNDEBUG", "-DXXH_INLINE_ALL", "-static", "-pthread"]
RUNTIME = ["base/bug.c", "base/pages.c", "compiler/jit/machine.c", "runtime/code.c", "runtime/error.c", "runtime/interrupt.c", "runtime/linalg.c", "runtime/pace.c", "runtime/parallel.c", "runtime/sort.c", "runtime/symbols.c",
           "runtime/math/polygamma.c", "runtime/math/random.c", "runtime/math/scalar.c"]
RANDOM = 12


def run(*command):
    r = subprocess.run(command, capture_output=True, text=True)
    if r.returncode:
        sys.exit(f"{' '.join(command[:3])} ...: status {r.returncode}\n{r.stdout}{r.stderr}")
    return r.stdout


def trained(gan, d):
    """The functions of a program as the passes get them."""
    path = os.path.join(d, "gan.ir")
    with open(path, "w", encoding="utf-8") as f:
        f.write(run(gan, "explain", os.path.join(ROOT, "tests", "cross", "net.gan"), "--stage", "ir"))
    return path


def lanes(compiler, d, machine):
    """lanes.c is compiled for any CPU and, on x86-64, for those with fma."""
    kinds = {"any": []} | ({"fma": ["-mavx2", "-mfma"]} if machine.startswith("x86_64") else {})
    for kind, flags in kinds.items():
        run(compiler, *FLAGS, "-I", ROOT, f"-DMATH_LANES=math_lanes_{kind}", *flags, "-c", os.path.join(ROOT, "runtime/math/lanes.c"), "-o", os.path.join(d, f"lanes_{kind}.o"))
        yield os.path.join(d, f"lanes_{kind}.o")


def main(make_cases, gan, machine, compiler, *runner):
    for tool in (compiler, *runner):
        if not shutil.which(tool):
            print(f"there is no {tool}")
            sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as d:
        texts = [os.path.join(ROOT, "tests", "ir", f + ".ir") for f in ("adam", "critic", "pairs", "penalty")]
        run(make_cases, machine, d, str(RANDOM), *texts, trained(gan, d))
        include = os.path.join(d, "include")                # of this machine's headers the one that is for all
        os.mkdir(include)
        os.symlink("/usr/include/xxhash.h", os.path.join(include, "xxhash.h"))
        objects = [os.path.join(d, f) for f in sorted(os.listdir(d)) if f.endswith(".o")]
        sources = [os.path.join(ROOT, f) for f in RUNTIME + ["tests/cross/host.c"]]
        host = os.path.join(d, "host")
        run(compiler, *FLAGS, "-I", ROOT, "-I", d, "-isystem", include, "-o", host, *sources, *lanes(compiler, d, machine), *objects, "-lm")
        for threads in ("1", "3"):
            print(run(*runner, host, os.path.join(d, "cases.bin"), threads), end="")


main(*sys.argv[1:])
