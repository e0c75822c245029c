#!/usr/bin/env python3
"""Pictures of emoji with the words of their names, for emoji_names.gan: fetches the npm package emoji-datasource-google (pictures: Noto Emoji, Apache-2.0; its own text: MIT) and
writes emoji/pictures.npy, 16 by 16 by 3 from -1 to 1, the 64 by 64 ones on white and averaged, emoji/words.npy, a 1 for each of the words that a name has, and emoji/words.txt.

usage: emoji.py        needs npm, numpy and 90 MB beside it for a moment"""
import collections
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zlib

import numpy as np

PACKAGE = "emoji-datasource-google@16.0.0"
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "emoji")
N_WORDS = 32
LITTLE = {"with", "and", "of", "in", "no", "on", "the", "for", "symbol", "sign", "mark", "button", "up", "person"}


def unfiltered(rows, width, size):
    """The bytes of a PNG's rows, each of which says by its first byte what was taken off it."""
    before = np.zeros(width, int)
    for row in rows:
        kind, line = row[0], row[1:].astype(int)
        if kind == 2:
            line = line + before & 255
        elif kind:
            for i in range(width):
                left, up, corner = (line[i - size] if i >= size else 0), before[i], (before[i - size] if i >= size else 0)
                guess = left + up - corner
                nearest = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
                line[i] = line[i] + (left if kind == 1 else (left + up) // 2 if kind == 3 else nearest) & 255
        before = line
        yield line


def on_white(png):
    """A PNG of 8 bits a channel, not interlaced, as [height, width, 3] from 0 to 1."""
    chunks, at = collections.defaultdict(bytes), 8
    while at < len(png):
        n, name = int.from_bytes(png[at:at + 4], "big"), png[at + 4:at + 8]
        chunks[name] += png[at + 8:at + 8 + n]
        at += n + 12
    head = chunks[b"IHDR"]
    width, height, colours = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big"), head[9]
    size = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colours]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * size)
    x = np.array(list(unfiltered(rows, width * size, size))).reshape(height, width, size)
    if colours == 3:
        palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
        clear = np.full(len(palette), 255)
        clear[:len(chunks[b"tRNS"])] = list(chunks[b"tRNS"])
        x = np.dstack([palette[x[..., 0]], clear[x[..., 0]]])
    if x.shape[2] < 3:
        x = np.dstack([x[..., :1]] * 3 + [x[..., 1:]])
    share = x[..., 3:] / 255 if x.shape[2] == 4 else 1
    return x[..., :3] / 255 * share + 1 - share


def main():
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["npm", "pack", PACKAGE], cwd=d, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with tarfile.open(os.path.join(d, os.listdir(d)[0])) as tar:
            files = {m.name: m for m in tar.getmembers()}
            def read(name):
                return tar.extractfile(files[f"package/{name}"]).read()
            listed = [e for e in json.loads(read("emoji.json")) if e["has_img_google"] and e["category"] != "Flags"]
            listed.sort(key=lambda e: e["image"])
            names = [set(re.findall(r"[a-z]+", e["name"].lower())) - LITTLE for e in listed]
            words = sorted(w for w, _ in sorted(collections.Counter(w for n in names for w in n).items(), key=lambda p: (-p[1], p[0]))[:N_WORDS])
            named = [(e, n) for e, n in zip(listed, names) if n & set(words)]
            pictures = [on_white(read(f"img/google/64/{e['image']}")).reshape(16, 4, 16, 4, 3).mean((1, 3)) for e, _ in named]
    os.makedirs(OUT, exist_ok=True)
    np.save(os.path.join(OUT, "pictures.npy"), np.array(2 * np.array(pictures) - 1, np.float32))
    np.save(os.path.join(OUT, "words.npy"), np.array([[w in n for w in words] for _, n in named], np.float32))
    with open(os.path.join(OUT, "words.txt"), "w", encoding="utf-8") as f:
        f.writelines(w + "\n" for w in words)
    print(f"{len(named)} pictures, {len(words)} words: {' '.join(words)}")


sys.exit(main())
