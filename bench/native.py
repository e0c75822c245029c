#!/usr/bin/env python3
"""native.py - what a native program costs before its first step: its size, and a run of one step (with its checkpoints) beside `gan run`
that compiles, and that finds its code kept.

    python3 bench/native.py build/compiler/driver/gan examples/ring.gan
"""
import os
import statistics
import sys
import tempfile
import time

from layers import cost


def measured(command, folder, times=15):
    """Medians of: seconds of the wall and of the processor, MB."""
    rows = []
    for _ in range(times):
        start = time.perf_counter()
        seconds, megabytes = cost(command, folder)
        rows.append((time.perf_counter() - start, seconds, megabytes))
    return [statistics.median(column) for column in zip(*rows)]


def main():
    gan, source = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        cost([gan, "build", source, "-o", "program"], folder)
        print(f"size {os.path.getsize(os.path.join(folder, 'program')) / 1024:.0f} KB")
        print("| one step | wall, s | processor, s | MB |\n| --- | --- | --- | --- |")
        step = ["--steps", "1", "--quiet", "--threads", "1", "--out", "out"]
        run = [gan, "run", source, *step]
        for name, command in (("native", ["./program", "train", *step]), ("gan run that compiles", [*run, "--no-cache"]), ("gan run", run)):
            print("| {} | {:.3f} | {:.3f} | {:.0f} |".format(name, *measured(command, folder)))


if __name__ == "__main__":
    main()
