#!/usr/bin/env python3
"""Makes docs/page.png: the page of examples/ring.gan at step 420, as Chromium shows it.

usage: picture.py GAN [CHROMIUM]"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
GAN, BROWSER = os.path.abspath(sys.argv[1]), (sys.argv[2:] or ["chromium"])[0]
STEP, SIZE = 420, "1300,900"


def ask(address, what):
    at, token = re.fullmatch(r"(http://[^/]+/)\?t=(\w+)", address).groups()
    with urllib.request.urlopen(urllib.request.Request(f"{at}do?t={token}", json.dumps(what).encode()), timeout=60) as r:
        return json.load(r)


def main():
    with tempfile.TemporaryDirectory() as d:
        run = subprocess.Popen([GAN, "run", os.path.join(HERE, "..", "examples", "ring.gan"), "--serve", "--out", "ring"], cwd=d, stdout=subprocess.PIPE, text=True)
        address = run.stdout.readline().split()[-1]
        ask(address, {"do": "pause"})
        while ask(address, {"do": "goto", "step": STEP})["step"] != STEP:
            time.sleep(0.1)
        shot = subprocess.Popen([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={d}/browser", f"--window-size={SIZE}",
                                 "--timeout=20000", f"--screenshot={HERE}/page.png", address], stderr=subprocess.DEVNULL)
        shot.wait()                                         # the stream of events does not end: the picture is taken when that time has passed
        run.send_signal(signal.SIGINT)
        run.wait()


main()
