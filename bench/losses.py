#!/usr/bin/env python3
"""Do contenders train alike? Each is stepped one step at a time and its losses are averaged over windows.

usage: losses.py [--windows W] [--steps S] NAME=COMMAND ...

COMMAND is as for race.py, and answers for single steps: peer_jax.py without --scan, with --warmup 1. One row a window of S
steps, one column a contender: the mean loss and its standard deviation over the steps.  Random numbers differ, so the columns
agree up to their noise, not to the digit.
"""
import shlex
import statistics
import subprocess
import sys


def windows(command, count, steps):
    """For each window the mean of its losses and their standard deviation."""
    answers = subprocess.run(shlex.split(command), input="1\n" * (count * steps), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    loss = [float(line.split()[2]) for line in answers.stdout.splitlines()[1:]]
    parts = [loss[w * steps:(w + 1) * steps] for w in range(count)]
    return [(statistics.mean(p), statistics.stdev(p)) for p in parts]


def main():
    words, count, steps = sys.argv[1:], 5, 40
    while words and words[0].startswith("--"):
        count, steps = (int(words[1]), steps) if words[0] == "--windows" else (count, int(words[1]))
        words = words[2:]
    columns = {name: windows(command, count, steps) for name, command in (word.split("=", 1) for word in words)}
    print("%-12s" % "steps", *("%22s" % n for n in columns))
    for w in range(count):
        print("%-12s" % f"{w * steps + 1}..{(w + 1) * steps}", *("%12.5g +- %7.2g" % c[w] for c in columns.values()))


if __name__ == "__main__":
    main()
