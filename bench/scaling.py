#!/usr/bin/env python3
"""What a step costs over batch, width, depth and channels: is there a cliff?

usage: scaling.py [--seconds S] [--threads T] [batch|width|depth|channels ...]

A GAN of perceptrons in the plane (batch 512, 128 wide, 3 deep, tanh), one of the three varied at a time; and a convolutional classifier of 16 x 16 images, 3 x 3 taps,
batch 32, with so many channels. A row: ms of the processor a step (median of five), multiply-adds that the step needs at least, GFLOP/s (two a multiply-add).
"""
import argparse, os, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SERVE = os.path.join(HERE, "..", "build", "bench", "serve")

MLP = """import optim, compare, toy, peers
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[{width}] ~ Normal(0, 1)) -> real[2] {{ z {hidden} |> Linear(2) }}
net D(x: real[2]) -> real {{ x {hidden} |> Linear(1) |> scalar }}
compare gan = class_probability(ring, G, D, score: log_score)
alternate 1_000_000 steps, batch {batch} {{
  update D minimize gan.critic         with adam(1e-4, beta1: 0.5)
  update G minimize nonsaturating(gan) with adam(1e-4, beta1: 0.5)
}}
"""

CONV = """import optim, nn
net D(x: real[16, 16, {channels}]) -> real {{ x {hidden} |> flatten |> Dense(1) |> scalar }}
distribution pixels -> real[16, 16, {channels}] {{ sample = {{ z ~ Normal(0, 1)^[16, 16, {channels}]; z }} }}
alternate 1_000_000 steps, batch 32 {{ update D minimize E[x ~ pixels] (D(x) - 1)^2 with adam(1e-4) }}
"""


def mlp(batch=512, width=128, depth=3):
    """A program, and the multiply-adds of a step: no weight gradient of a frozen net, no input gradient of a first layer."""
    hidden = f"|> Linear({width}) |> tanh " * (depth - 1)

    def net(sizes):
        products = [a * b for a, b in zip(sizes, sizes[1:])]
        return sum(products), sum(products[1:])

    (g, g_inner), (d, d_inner) = net([width] * depth + [2]), net([2] + [width] * (depth - 1) + [1])
    return MLP.format(batch=batch, width=width, hidden=hidden), batch * (g + 2 * (2 * d + d_inner) + g + 2 * d + g + g_inner)


def conv(channels):
    layer = 16 * 16 * 9 * channels * channels
    last = 16 * 16 * channels
    hidden = f'|> Conv2d({channels}, 3, padding: 1) |> relu ' * 3
    return CONV.format(channels=channels, hidden=hidden), 32 * (3 * 2 * layer + 2 * layer + 3 * last)


SWEEPS = {
    "batch": [(n, mlp(batch=n)) for n in (64, 128, 256, 512, 1000, 1024, 2048, 4096, 8192)],
    "width": [(n, mlp(width=n)) for n in (32, 48, 64, 100, 128, 192, 256, 384, 500, 512, 520, 768, 1024, 2048)],
    "depth": [(n, mlp(depth=n)) for n in (2, 3, 4, 6, 8, 12, 16, 24, 32)],
    "channels": [(n, conv(n)) for n in (8, 16, 24, 32, 48, 64, 96, 128, 256)],
}


def measure(text, seconds, threads):
    """Seconds of the processor a step, by the runs' median; and of the start."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "program.gan")
        with open(os.path.join(HERE, "peers.gan"), encoding="utf-8") as f, open(os.path.join(d, "peers.gan"), "w", encoding="utf-8") as g:
            g.write(f.read())
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        p = subprocess.Popen([SERVE, path, "--threads", str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready = p.stdout.readline().split()
        if not ready:
            sys.exit(p.stderr.read() + text)

        def steps(n):
            p.stdin.write(f"{n}\n")
            p.stdin.flush()
            return float(p.stdout.readline().split()[1]) / n

        steps(1)
        n = max(1, int(seconds / steps(1) / 5))
        costs = [steps(n) for _ in range(5)]
        p.stdin.close()
        p.wait()
        return statistics.median(costs), float(ready[1])


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--seconds", type=float, default=1, help="of measuring, a row")
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("sweep", nargs="*", default=list(SWEEPS), help=", ".join(SWEEPS))
    o = a.parse_args()
    for name in o.sweep:
        print(f"| {name} | ms a step | 10^6 multiply-adds | GFLOP/s | start, s |\n| --- | --- | --- | --- | --- |")
        for n, (text, adds) in SWEEPS[name]:
            cost, start = measure(text, o.seconds, o.threads)
            print(f"| {n} | {1e3 * cost:.4g} | {adds / 1e6:.4g} | {2e-9 * adds / cost:.1f} | {start:.2f} |", flush=True)
        print()


if __name__ == "__main__":
    main()
