#!/usr/bin/env python3
"""layers.py - what a start costs: processor seconds and MB of `gan check`, and of `gan run --steps 1` that compiles and that finds its code kept,
for GANs of many layers.

    python3 bench/layers.py build/compiler/driver/gan 10 100 500 2000
"""
import os
import subprocess
import sys
import tempfile

PROGRAM = """import nn, optim, compare, toy
data ring = toy.ring(modes: 8, radius: 2, std: 0.02)
implicit G(z: real[8] ~ Normal(0, 1)) -> real[2] { z |> Dense(8) |> tanh |> Dense(2) }
net D(x: real[2]) -> real {
  let deep = for i in 0..%d, h = x |> Dense(8) |> tanh { h |> Dense(8) |> tanh }
  deep |> Dense(1) |> scalar
}
compare gan = class_probability(ring, G, D, score: log_score)
alternate 1 steps, batch 32 {
  update D minimize gan.critic with adam(1e-3)
  update G minimize nonsaturating(gan) with adam(1e-3)
}
"""


def cost(command, folder, allowed=(0,)):
    """Seconds of the processor and MB of a command, which must end with a status that is allowed."""
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "XDG_CACHE_HOME": f"{folder}/cache"})
    _, status, used = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in allowed:
        sys.exit(f"{' '.join(command)}: status {status}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    gan, layers = os.path.abspath(sys.argv[1]), [int(n) for n in sys.argv[2:]] or [10, 100, 500, 2000]
    print("| layers | check, s | MB | first run of one step, s | MB | second, s | MB |\n| --- | --- | --- | --- | --- | --- | --- |")
    for n in layers:
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "p.gan"), "w", encoding="utf-8") as f:
                f.write(PROGRAM % n)
            costs = [cost([gan, *command], folder) for command in (["check", "p.gan"], ["run", "p.gan", "--steps", "1"], ["run", "p.gan", "--steps", "1"])]
        print(f"| {n} | " + " | ".join(f"{seconds:.2f} | {mb:.0f}" for seconds, mb in costs) + " |", flush=True)


if __name__ == "__main__":
    main()
