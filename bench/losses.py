#!/usr/bin/env python3
"""Do contenders train alike? Each is stepped one step at a time and its losses are averaged over windows.

usage: losses.py [--windows W] [--steps S] NAME=COMMAND ...

COMMAND is as for race.py, and answers for single steps: peer_jax.py without --scan, with --warmup 1. One row a window of S
steps, one column a contender: the mean loss and its standard deviation over the steps.  Random numbers differ, so the columns
agree up to their noise, not to the digit.
"""
import shlex, statistics as st, subprocess, sys


def main():
    av, windows, steps = sys.argv[1:], 5, 40
    while av and av[0].startswith("--"):
        windows, steps = (int(av[1]), steps) if av[0] == "--windows" else (windows, int(av[1]))
        av = av[2:]
    columns = {}
    for spec in av:
        name, command = spec.split("=", 1)
        answers = subprocess.run(shlex.split(command), input="1\n" * (windows * steps), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 text=True, check=True).stdout
        columns[name] = [float(line.split()[2]) for line in answers.splitlines()[1:]]
    print("%-12s" % "steps", *("%22s" % n for n in columns))
    for w in range(windows):
        part = [c[w * steps:(w + 1) * steps] for c in columns.values()]
        print("%-12s" % ("%d..%d" % (w * steps + 1, (w + 1) * steps)), *("%12.5g +- %7.2g" % (st.mean(p), st.stdev(p)) for p in part))


main()
