#!/usr/bin/env python3
"""Adds up what `meson test` ran and prints the suite's last line, "N passed, N failed".

usage: tally.py testlog.json STATUS

A Criterion program counts by its synthesis line, a program that prints "N passed, N failed" by that, any other as one.
A suite that ran nothing, or a STATUS that is not 0 with nothing counted as failed, is one failure. Exit status 1 on any."""
import json
import re
import sys

SYNTHESIS = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def count(test):
    text = COLOUR.sub("", (test.get("stdout") or "") + "\n" + (test.get("stderr") or ""))
    passed = failed = 0
    for _, ok, bad, crashed in SYNTHESIS.findall(text):
        passed, failed = passed + int(ok), failed + int(bad) + int(crashed)
    for ok, bad in PLAIN.findall(text):
        passed, failed = passed + int(ok), failed + int(bad)
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    if passed + failed == 0:
        passed, failed = int(good), int(not good)
    if not good and failed == 0:
        failed = 1
    return passed, failed


def main():
    passed = failed = 0
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            if test["result"] == "SKIP":
                continue
            ok, bad = count(test)
            passed, failed = passed + ok, failed + bad
    if failed == 0 and (passed == 0 or sys.argv[2] != "0"):
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
