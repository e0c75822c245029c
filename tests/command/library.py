#!/usr/bin/env python3
"""Libraries: `gan build --lib`, inside of hosts in C, with the bits of `gan run`, and what goes wrong with them."""
import glob
import os
import re
import resource
import stat
import subprocess
import sys

from harness import GAN, SANITIZED, SMALL, folder, gan, run_tests

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("GAN_ROOT") or os.path.join(HERE, "..", "..")
FLAGS = ["-Wall", "-Wextra", "-Werror", "-pthread"] + (["-fsanitize=address,undefined"] if SANITIZED else [])
REPORTING = SMALL.replace("alternate", "let far = 4\nalternate").replace("  update G", "  report loud = E[r ~ ring : 50] norm2(r)\n  update G") + "report last = 7\n"


def built(d, text=SMALL, name="small", *more):
    with open(f"{d}/{name}.gan", "w") as f:
        f.write(text)
    r = gan("build", name + ".gan", "--lib", "-o", name, *more, cwd=d)
    assert r.status == 0, r


C, CPP = ("gcc", "-std=gnu11", "-x", "c"), ("g++", "-std=gnu++17", "-x", "c++")


def compile_host(d, source, language, *linked):
    done = subprocess.run([*language, *FLAGS, "-I.", source, "-x", "none", *linked, "-Wl,-rpath,.", "-o", "host"], cwd=d, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr


def archive(d, name):
    return package(d, name, "--variable=archive")


def package(d, name, *what):
    done = subprocess.run(["pkg-config", *what, name], cwd=d, env=dict(os.environ, PKG_CONFIG_PATH=d), capture_output=True, check=True, text=True)
    return done.stdout.split()


def compiled(d, name="small", language=C, how=package):
    linked = archive(d, name) if how is archive else package(d, name, "--libs", "--cflags")
    compile_host(d, f"{HERE}/library_host.c", language, f"-DP={name}", f'-DHEADER="{name}.h"', *linked)


def host(d, *lists):
    """Runs each list of commands on a thread of its own; {(list, command): (status, value, message)}. Nothing but the host itself prints."""
    words = " + ".join(lists).split()
    done = subprocess.run(["./host", *words], cwd=d, capture_output=True, timeout=300, check=False, text=True)
    assert done.returncode == 0 and done.stderr == "", done
    lines = [re.fullmatch(r"(\d+) (\S+) (\d) (\S+) (.*)", line) for line in done.stdout.splitlines()]
    assert all(lines) and len(lines) == len([w for w in words if w != "+"]), done
    return {(int(m[1]), m[2]): (int(m[3]), float(m[4].replace(",", ".")), m[5]) for m in lines}


def works(d, *lists):
    results = host(d, *lists)
    assert all(status == 0 and not message for status, _, message in results.values()), results
    return results


def content(path):
    with open(path, "rb") as f:
        return f.read()


def tensors(path):
    """The elements of a checkpoint: what follows its header."""
    data = content(path)
    return data[8 + int.from_bytes(data[:8], "little"):]


def newest(folder):
    return max(glob.glob(f"{folder}/checkpoints/*.safetensors"), key=lambda path: (os.path.basename(path)[:9], len(path)))  # 9, 9-2, 9-3


def test_the_bits_of_run():
    """In one portion or in many, sampled meanwhile or not, on any number of threads, alone or beside others."""
    with folder() as d:
        built(d)
        compiled(d)
        gan("run", "small.gan", "--out", "run", "--quiet", "--seed", 5, cwd=d)
        r = works(d, "open:5:1 train:-1 save:a over train:3", "open:5:2 train:0 train:7 sample:10:x train:1 train:100 save:b",
                  "open:5:1 train:12 save:half close open:9:2 load:half rounds train:-1 save:c", "open:6:1 train:-1 save:other")
        assert r[0, "over"][1] == 1 and r[0, "train:3"][1] == 0 and r[0, "train:-1"][1] == 20, r
        assert r[1, "train:0"][1] == 0 and r[1, "train:7"][1] == 7 and r[1, "train:100"][1] == 12, r
        assert r[2, "rounds"][1] == 12 and r[2, "train:-1"][1] == 8, r
        for name in "abc":
            assert tensors(f"{d}/{name}") == tensors(newest(f"{d}/run")), name
            assert content(f"{d}/{name}") == content(f"{d}/a"), name
        assert tensors(f"{d}/other") != tensors(f"{d}/a")


def test_samples():
    with folder() as d:
        built(d)
        compiled(d)
        gan("run", "small.gan", "--out", "run", "--quiet", cwd=d)
        last = newest(f"{d}/run")
        gan("sample", "small.gan", "G", "-n", 1100, "-o", "a.npy", "--checkpoint", last, "--seed", 5, cwd=d)
        gan("sample", "small.gan", "G", "-n", 1100, "-o", "fresh.npy", "--checkpoint", last, cwd=d)
        works(d, f"open:5:2 state:{last} sample:1100:a sample:1100:later rounds", f"open:5:1 sample:3:none load:{last} sample:1100:fresh")
        assert content(f"{d}/a.npy")[-1100 * 8:] == content(f"{d}/a")
        assert content(f"{d}/fresh.npy")[-1100 * 8:] == content(f"{d}/fresh"), "load takes the seed of the run, 0"
        assert len(content(f"{d}/later")) == 1100 * 8 and content(f"{d}/later") != content(f"{d}/a")


def test_reports():
    with folder() as d:
        built(d, REPORTING)
        compiled(d)
        r = works(d, "open:0:1 report:loud train:1 report:loud save:one train:-1 report:last", "open:0:1 train:20 report:last", "open:0:1 train:19 over train:1 over")
        assert r[0, "train:-1"][1] == 19 and r[0, "report:last"][1] == r[1, "report:last"][1] == 7, r
        loud = [r[k][1] for k in r if k == (0, "report:loud")]
        assert 3.5 < loud[-1] < 4.5, loud
        assert works(d, "open:0:1 load:one report:loud")[0, "report:loud"][1] == loud[-1]
        before = works(d, "open:0:1 report:loud")[0, "report:loud"][1]
        assert before != before, "nan before there was one"


def test_reports_in_a_comment():
    """A header's comment ends where it ends, and begins none."""
    with folder() as d:
        built(d, 'for a in ["*/ int x;", "/* b", "/*/"] { report r[a] = 3 }\n', "p")
        with open(f"{d}/use.c", "w") as f:
            f.write('#include "p.h"\nint main(void) { return p_OK; }\n')
        compile_host(d, "use.c", C)
        assert all(text in content(f"{d}/p.h").decode() for text in ("?/ int x;", "?* b")), content(f"{d}/p.h")


def test_wrong_uses():
    with folder() as d:
        built(d)
        compiled(d)
        works(d, "open:0:1 train:5 save:five train:-1 save:end")
        for name in ("one", "two"):
            os.mkdir(f"{d}/{name}")
        built(f"{d}/one", SMALL.replace("Dense(8)", "Dense(9)"))
        built(f"{d}/two", SMALL.replace("1e-3", "1e-2"))
        for name in ("one", "two"):
            compiled(f"{d}/{name}")
        cases = {
            "train:1": "no instance", "sample:1:x": "no instance", "save:x": "no instance", "report:loud": "no instance",
            "open:0:-1": "threads are 0", "open:0:1:-3": "steps are 0",
            "open:0:1 load:no-such-file": "no-such-file", "open:0:1 load:small.h": "small.h", "open:0:1 sample:-1:x": "fewer than none",
            "open:0:1 report:loud": "reports no loud", "open:0:1 save:no/such/folder/x": "no/such/folder",
            "open:0:1:7 load:end": "other numbers of steps", "data:d:x open:0:1": "no data called"}
        for commands, words in cases.items():
            status, _, message = list(host(d, commands).values())[-1]
            assert status in (1, 3) and words in message, (commands, status, message)
        os.mkfifo(f"{d}/pipe")
        status, _, message = host(d, "open:0:1 save:pipe")[0, "save:pipe"]
        assert status == 1 and "there is a pipe" in message and stat.S_ISFIFO(os.stat(f"{d}/pipe").st_mode), message
        data = content(f"{d}/five")
        for name, spoilt in (("cut", data[:-100]), ("bit", data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])):
            with open(f"{d}/{name}", "wb") as f:
                f.write(spoilt)
            r = host(d, f"open:0:1 train:5 load:{name} train:-1 save:after-{name}")
            assert r[0, f"load:{name}"][0] == 1 and name in r[0, f"load:{name}"][2], r
            assert content(f"{d}/after-{name}") == content(f"{d}/end"), "a load that fails changes nothing"
        changed = host(f"{d}/one", "open:0:1 load:../five state:../five")
        assert "version" in changed[0, "load:../five"][2] and "Dense_1" in changed[0, "state:../five"][2], changed
        changed = host(f"{d}/two", "open:0:1 load:../five state:../five rounds train:-1")
        assert "version" in changed[0, "load:../five"][2] and changed[0, "state:../five"][0] == 0 and changed[0, "train:-1"][1] == 20, changed


def test_a_run_that_fails():
    """A loss that became nan: an error, and nothing to go on from but a checkpoint."""
    with folder() as d:
        built(d, SMALL.replace("nonsaturating(gan)", "nonsaturating(gan) + log(7.5 - step)"))
        compiled(d)
        r = host(d, "open:0:1 train:5 save:five train:-1 rounds train:1 save:lost sample:2:x load:five over train:2 save:seven", "open:0:2 train:7 save:7")
        status, done, message = r[0, "train:-1"]
        assert status == 3 and "loss of G" in message and "small.gan" in message, r
        assert r[0, "train:1"][0] == 1 and "load a checkpoint" in r[0, "train:1"][2] and r[0, "save:lost"][0] == 1 and not os.path.exists(f"{d}/lost"), r
        assert r[0, "sample:2:x"][0] == r[0, "load:five"][0] == r[0, "train:2"][0] == 0, r
        assert content(f"{d}/seven") == content(f"{d}/7")


def german(d):
    """Makes the locale, in which 1.5 is 1,5; where its sources are."""
    os.environ["LOCPATH"] = d
    try:
        return subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", f"{d}/de_DE.UTF-8"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


FAILS = """
#include <errno.h>
#include <stdlib.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static long left;
void fail_in(long n) { left = n; }
static int fails(void) { return left > 0 && !--left; }
void *malloc(size_t s) { return fails() ? errno = ENOMEM, (void *)0 : __libc_malloc(s); }
void *calloc(size_t a, size_t s) { return fails() ? errno = ENOMEM, (void *)0 : __libc_calloc(a, s); }
void *realloc(void *p, size_t s) { return fails() ? errno = ENOMEM, (void *)0 : __libc_realloc(p, s); }
"""


def test_memory_fails_once():
    """Saving and loading say so, in the host's process, and have changed nothing; the same again goes well."""
    if SANITIZED:
        return
    with folder() as d:
        built(d)
        compiled(d)
        with open(f"{d}/fails.c", "w") as f:
            f.write(FAILS)
        subprocess.run(["cc", "-shared", "-fPIC", "fails.c", "-o", "fails.so"], cwd=d, check=True)
        works(d, "open:1:1:0 train:3 save:three train:2 save:five")
        for what, begin, again in (("save:a", "open:1:1:0 train:5", "save:b"), ("load:three", "open:1:1:0 train:5", "load:five"),
                                   ("state:three", "open:1:1:0 train:5", "save:b")):
            failed = 0
            for n in range(1, 400):
                for name in "ab":
                    if os.path.exists(f"{d}/{name}"):
                        os.remove(f"{d}/{name}")
                done = subprocess.run(["./host", *f"{begin} fail:{n} {what} fail:0 rounds {again}".split()], cwd=d, capture_output=True, timeout=60, check=False, text=True,
                                      env={**os.environ, "LD_PRELOAD": f"{d}/fails.so"})
                assert done.returncode == 0 and done.stderr == "", (what, n, done)
                lines = done.stdout.splitlines()
                status, _, *message = lines[3].split(" ", 4)[2:]
                rounds = float(lines[5].split()[3])
                assert lines[6].split()[2] == "0", (what, n, done)
                if status == "0":
                    break
                failed += 1
                assert status == "3" and "memory" in " ".join(message), (what, n, lines[3])
                assert rounds == 5 and not os.path.exists(f"{d}/a"), (what, n, done)
                if again == "save:b":
                    assert content(f"{d}/b") == content(f"{d}/five"), (what, n)
            assert failed > 10, (what, failed)


def test_data():
    with folder() as d:
        for name, value in (("d", 2), ("other", 5)):
            with open(f"{d}/{name}.csv", "w") as f:
                f.write(f"{value},{value}\n" * 8)
        built(d, SMALL.replace("data ring = toy.ring(modes: 8, radius: 2, std: 0.02)", 'data ring = csv("d.csv")').replace(
            "alternate", "report total = E[r ~ ring : all] sum(r)\nalternate"))
        compiled(d)
        r = works(d, "open:0:1 train:0 report:total", "data:ring:other.csv open:0:1 train:0 report:total")
        assert r[0, "report:total"][1] == 4 and r[1, "report:total"][1] == 10, r
        r = host(d, "data:ring:other.csv open:0:1 train:1 save:five")
        assert r[0, "save:five"][0] == 0, r
        r = host(d, "open:0:1 train:2 load:five rounds state:five train:-1")
        assert r[0, "load:five"][0] == 1 and "whose data ring were others" in r[0, "load:five"][2], r
        assert r[0, "rounds"][1] == 2 and r[0, "state:five"][0] == 0 and r[0, "train:-1"][1] == 20, r
        with open(f"{d}/half.csv", "w") as f:
            f.write("0.5,0.75\n" * 8)
        for words in ("", "locale:de_DE.UTF-8 ") if german(d) else ("",):
            r = works(d, words + "data:ring:half.csv open:0:1 train:0 report:total")
            assert r[0, "report:total"][1] == 1.25 and (not words or r[0, words.strip()][1] == 1), r
        os.remove(f"{d}/d.csv")
        assert "d.csv" in host(d, "open:0:1")[0, "open:0:1"][2]


def test_only_its_own_names():
    with folder() as d:
        built(d)
        names = subprocess.run(["nm", "-D", "--defined-only", "small.so"], cwd=d, capture_output=True, check=True, text=True).stdout
        names = {line.split()[2] for line in names.splitlines() if "asan" not in line}
        assert names and all(n.startswith("small_") for n in names), names
        header = content(f"{d}/small.h").decode()
        assert all(n + "(" in header for n in names), names


def test_archive_and_languages():
    with folder() as d:
        built(d)
        for number, (language, how) in enumerate([(C, package), (C, archive), (CPP, package), (CPP, archive)]):
            compiled(d, language=language, how=how)
            if how is archive:
                os.rename(f"{d}/small.so", f"{d}/away")
            works(d, f"open:0:1 train:4 save:{number}")
            if how is archive:
                os.rename(f"{d}/away", f"{d}/small.so")
            assert content(f"{d}/{number}") == content(f"{d}/0")
        names = subprocess.run(["nm", "-g", "--defined-only", "small.a"], cwd=d, capture_output=True, check=True, text=True).stdout
        names = [line.split()[2] for line in names.splitlines() if " T " in line or " D " in line or " R " in line]
        assert len(names) == 11 and all(n.startswith("small_") for n in names), names


NETS = SMALL.replace("compare gan", '''net Two(a: real[2], b: real) -> (real[2], real) { (a * b, sum(a)) }
net Class(y: class[3]) -> real { param w: real = 1; w * y }
net Any(x) -> real { sum(x) }
net Norm(x: real[2]) -> real[2] { x |> BatchNorm() }
net Mixed(x: real[2]) -> real[2] { x - E[o ~ batch_of(x)] o }
net Random(x: real[2]) -> real { sum(x) + (E[r ~ ring : 5] r)[0] }
compare gan''') + '''report d = D([0.5, -1])
report any = Any([0.5, -1]) + Class(2)
'''
NETS_HOST = '''
#include "nets.h"
#include <stdio.h>
enum { N = 700 };
int main(void)
{
    static float x[2 * N], y[N], b[N], of_0[2 * N], of_1[N];
    nets_instance *it;
    nets_error     e;
    double         d;
    if (nets_open(NULL, &it, &e) || nets_train(it, -1, NULL, &e) || nets_report(it, "d", &d, &e) || nets_save(it, "before", &e)) return 1;
    for (int i = 0; i < N; i++) {
        x[2 * i] = i % 3 ? 0.5f : (float)i;
        x[2 * i + 1] = -1;
        b[i] = (float)i;
    }
    if (nets_evaluate_D(it, N, x, y, &e) || nets_evaluate_Two(it, N, x, b, of_0, of_1, &e) || nets_save(it, "after", &e)) return 1;
    for (int i = 0; i < N; i++) {
        if ((y[i] == (float)d) != (i % 3 != 0)) return 2;
        if (of_0[2 * i] != x[2 * i] * b[i] || of_0[2 * i + 1] != -b[i] || of_1[i] != x[2 * i] - 1) return 3;
    }
    y[1] = 7;
    if (nets_evaluate_D(it, 1, x + 2, y, &e) || y[0] != (float)d || y[1] != 7) return 4;
    if (nets_evaluate_D(it, 0, NULL, NULL, &e)) return 5;
    if (!nets_evaluate_D(it, 1, NULL, y, &e) || !nets_evaluate_D(it, -1, x, y, &e) || !nets_evaluate_D(NULL, 1, x, y, &e)) return 6;
    nets_close(it);
    return 0;
}
'''


def test_nets():
    """What they are in the program, for any number of examples; those whose arguments can be anything, or whose examples depend on one another, are left out."""
    with folder() as d:
        built(d, NETS, "nets")
        names = set(re.findall(r"nets_evaluate_(\w+)", content(f"{d}/nets.h").decode()))
        assert names == {"D", "Two", "Norm", "Random"}, names
        with open(f"{d}/host.c", "w") as f:
            f.write(NETS_HOST)
        compile_host(d, "host.c", C, "./nets.so")
        assert subprocess.run(["./host"], cwd=d, timeout=60, check=False).returncode == 0
        assert content(f"{d}/before") == content(f"{d}/after")
        gan("run", "nets.gan", "--out", "run", "--quiet", cwd=d)
        assert tensors(newest(f"{d}/run")) == tensors(f"{d}/after")


def refused(d, text, name="p"):
    with open(f"{d}/p.gan", "w") as f:
        f.write(text)
    r = gan("build", "p.gan", "--lib", "-o", name, cwd=d)
    assert r.status == 1 and not r.out and os.listdir(d) == ["p.gan"], r
    return r.err


def test_names_in_c():
    """Each is one thing's: an error names both, before a compiler does; words that only a function's own text knows are numbered."""
    model, net = "implicit {}(z: real ~ Normal(0, 1)) -> real {{ param a: real = 1; a * z }}\n", "net {}(x: real[2]) -> {} {{ param b: real = 1; {} }}\n"
    for a, b, word in (("evaluate", None, "p_evaluate_SIZE"), ("sample_G", "G_SIZE", "p_sample_G_SIZE"), ("é", "ê", "p_sample___")):
        with folder() as d:
            said = refused(d, model.format(a) + (model.format(b) if b else net.format("SIZE", "real", "b * sum(x)") + "report u = SIZE([1, 2])\n"))
            assert f"the model {a} and the {'model ' + b if b else 'net SIZE'} would both have the name {word} in C; call one of them otherwise" in said, said
    with folder() as d:
        said = refused(d, net.format("D", "(φ: real, ψ: real)", "(φ: b, ψ: sum(x))") + "report u = D([1, 2]).φ\n")
        assert "the field φ of the net D and the field ψ of the net D would both have the name p_D____SIZE in C" in said, said
        for name, function in (("image", "image_close"), ("state", "state_load"), ("trainer", "trainer_"), ("library", "library_close")):
            said = refused(d, SMALL, name)
            assert f"the library's function {function}" in said and "gan's own; name another file with -o" in said, said
        built(d, SMALL, "gan")                              # as the runtime's own names begin
        names = subprocess.run(["nm", "-D", "--defined-only", "gan.so"], cwd=d, capture_output=True, check=True, text=True).stdout
        assert {line.split()[2] for line in names.splitlines() if "asan" not in line} == set(re.findall(r"^\w+ (gan_\w+)\(", content(f"{d}/gan.h").decode(), re.M)), names
    with folder() as d:
        built(d, "net D(φ: real[2], ψ: real[2], __x: real[2]) -> real { param w: real = 1; w * sum(φ + 10 * ψ + 100 * __x) }\nreport u = D([1, 2], [3, 4], [5, 6])\n",
              "p", "--python")
        assert re.search(r"p_evaluate_D\(.* n, const float \*arg___in, const float \*arg___in_2, const float \*arg__x_in, float \*out,", content(f"{d}/p.h").decode())
        if not SANITIZED:
            used = "import p_game; print(p_game.Instance().evaluate_D(arg__x_in=[[5, 6]], arg___in=[[1, 2]], arg___in_2=[[3, 4]]).tolist())"
            done = subprocess.run([sys.executable, "-c", used], cwd=d, capture_output=True, timeout=60, check=False, text=True)
            assert done.stdout == "[1173.0]\n", done


PYTHON_HOST = """
import copy, pickle, sys, threading
if sys.argv[1] == "plain":
    sys.modules["numpy"] = None
import nets_game as nets

def fails(status, words, what):
    try:
        what()
    except nets.Error as e:
        assert e.status == status and words in str(e), e
        return
    raise AssertionError(words)

def play(name):
    with nets.Instance(seed=3, threads=1) as it:
        assert it.train(4) == 4 and it.rounds == 4 and not it.over
        x = it.sample_G(700)
        assert x.shape == (700, 2) and it.sample_G(0).tolist() == []
        assert it.train() == 16 and it.over and it.train(1) == 0
        d = it.evaluate_D([[0.5, -1]] * 300).tolist()
        assert d == [it.report("d")] * 300
        product, sums = it.evaluate_Two(x, [2] * 700)
        assert product.tolist() == [[2 * v for v in row] for row in x.tolist()] and len(sums.tolist()) == 700
        it.save(name)
        fails(1, "nope", lambda: it.load("nope"))
        fails(1, "rows of shape [2]", lambda: it.evaluate_D([[1, 2, 3]]))
        fails(1, "different numbers", lambda: it.evaluate_Two([[1, 2]], [1, 2]))
        fails(1, "n is a whole number from 0", lambda: it.sample_G(-1))
        fails(1, "n wants a whole number, not 2.5", lambda: it.sample_G(2.5))
        fails(1, "rounds is a whole number", lambda: it.train(2**63))
        for another in (copy.copy, copy.deepcopy, pickle.dumps):
            try:
                another(it)
                raise AssertionError("an instance was copied")
            except TypeError as e:
                assert "is not copied" in str(e), e
        fails(1, "reports no zz", lambda: it.report("zz"))
    fails(1, "no instance", lambda: it.train(1))

def closed_under_way():
    it, at_work = nets.Instance(steps=10**9), threading.Event()
    def work():
        at_work.set()
        try:
            it.train(3000)
        except nets.Error:                                  # the other one's close was first
            pass
    t = threading.Thread(target=work)
    t.start()
    at_work.wait()
    while t.is_alive():
        try:
            it.close()
        except nets.Error as e:
            assert "in use by another thread" in str(e), e
            t.join()
    it.close()

threads = [threading.Thread(target=play, args=(f"{sys.argv[1]}{i}",)) for i in range(2)]
for t in threads: t.start()
for t in threads: t.join()
closed_under_way()
fails(1, "no data called", lambda: nets.Instance(data={"nope": "x"}))
for wrong in (dict(seed=-1), dict(seed=2**64), dict(steps=-1), dict(threads=2**31)):       # none of which is another number
    fails(1, f"{[*wrong][0]} is a whole number from 0", lambda: nets.Instance(**wrong))
print("played")
"""


def test_python():
    """With numpy, where there is one, and without."""
    if SANITIZED:                                           # the interpreter would have to be, too
        return
    with folder() as d:
        built(d, NETS, "nets", "--python")
        with open(f"{d}/host.py", "w") as f:
            f.write(PYTHON_HOST)
        for how in ("plain", "numpy"):
            done = subprocess.run([sys.executable, "host.py", how], cwd=d, capture_output=True, timeout=120, check=False, text=True)
            assert done.stdout == "played\n" and not done.stderr, done
        gan("run", "nets.gan", "--seed", 3, "--out", "run", "--quiet", cwd=d)
        for name in ("plain0", "plain1", "numpy0", "numpy1"):
            assert tensors(newest(f"{d}/run")) == tensors(f"{d}/{name}"), name
        assert "goes with --lib" in gan("build", "nets.gan", "--python", "-o", "x", cwd=d).err


def test_names_in_python():
    """A module's name is one that `import` takes, or refused; none of its text's names is one that Python changes in a class."""
    text = "implicit G(z: real[2] ~ Normal(0, 1)) -> real { param w: real = 1; w * sum(z) }\n"
    with folder() as d:
        for name in ("my-ring", "a.b", "a b", "été", b"b\xff", "9x"):
            with open(f"{d}/p.gan", "w") as f:
                f.write(text)
            done = subprocess.run([GAN, "build", "p.gan", "--lib", "--python", "-o", name], cwd=d, capture_output=True, check=False)
            assert done.returncode == 2 and b"Python cannot import " in done.stderr and b"letters, digits and _" in done.stderr, (name, done)
            assert os.listdir(d) == ["p.gan"], os.listdir(d)
        for name in ("__x", "_9"):
            built(d, text, name, "--python")
            if SANITIZED:
                continue
            used = f"import {name}_game as m\nwith m.Instance() as it: print(len(it.sample_G(3)), it.rounds, it.over)"
            done = subprocess.run([sys.executable, "-c", used], cwd=d, capture_output=True, timeout=60, check=False, text=True)
            assert done.stdout == "3 0 False\n" and not done.stderr, done


TWO = '''
#include "one.h"
#include "two.h"
#include <stddef.h>
#define USE(P) \\
    P##_instance *P##_it; \\
    if (P##_open(NULL, &P##_it, NULL) || P##_train(P##_it, 3, NULL, NULL) || P##_save(P##_it, #P ".both", NULL)) return 1;
int main(void)
{
    USE(one)
    USE(two)
    one_close(one_it);
    two_close(two_it);
    return 0;
}
'''


def test_two_in_one_process():
    with folder() as d:
        with open(f"{d}/two.c", "w") as f:
            f.write(TWO)
        for name, text in (("one", SMALL), ("two", SMALL.replace("Dense(8)", "Dense(9)"))):
            built(d, text, name)
            compiled(d, name)
            works(d, f"open:0:1 train:3 save:{name}.alone")
        for how in ([*archive(d, "one"), *archive(d, "two")], ["./one.so", "./two.so"]):
            compile_host(d, "two.c", C, *how)
            assert subprocess.run(["./host"], cwd=d, timeout=60, check=False).returncode == 0
            for name in ("one", "two"):
                assert content(f"{d}/{name}.alone") == content(f"{d}/{name}.both")
                os.remove(f"{d}/{name}.both")


FORK = '''
#include "small.h"
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    small_instance *it;
    int             status;
    if (small_open(&(small_options){.seed = 3, .threads = 2}, &it, NULL) || small_train(it, 7, NULL, NULL)) return 1;
    pid_t child = fork();
    int   failed = small_train(it, -1, NULL, NULL) || small_save(it, child ? "parent" : "child", NULL);
    small_close(it);
    return failed || (child && (waitpid(child, &status, 0) != child || status));
}
'''


def test_after_fork():
    """The child's instance is the parent's at that time, with threads of its own, and each goes on alone."""
    with folder() as d:
        built(d)
        with open(f"{d}/fork.c", "w") as f:
            f.write(FORK)
        compile_host(d, "fork.c", C, "./small.so")
        assert subprocess.run(["./host"], cwd=d, timeout=60, check=False).returncode == 0
        gan("run", "small.gan", "--seed", 3, "--out", "run", "--quiet", cwd=d)
        assert tensors(f"{d}/child") == tensors(f"{d}/parent") == tensors(newest(f"{d}/run"))


def test_the_host_of_the_examples():
    with folder() as d:
        assert gan("build", f"{ROOT}/examples/ring.gan", "--lib", "-o", "ring", cwd=d).status == 0
        for language in (("g++", "-std=c++17", "-pedantic", "-x", "c++"), ("gcc", "-std=c11", "-pedantic", "-x", "c")):
            compile_host(d, f"{ROOT}/examples/embed/ring.c", language, "./ring.so")
        steps = 10 if SANITIZED else 1000
        done = subprocess.run(["./host", str(steps)], cwd=d, capture_output=True, timeout=300, check=False, text=True)
        lines = done.stdout.splitlines()
        assert done.returncode == 0 and not done.stderr and lines[-25].startswith(f"round {steps}:") and all(len(line) == 48 for line in lines[-24:]), done
        gan("run", f"{ROOT}/examples/ring.gan", "--seed", 1, "--steps", steps, "--out", "run", "--quiet", cwd=d, timeout=300)
        assert tensors(f"{d}/ring.safetensors") == tensors(newest(f"{d}/run"))


def test_building_fails():
    with folder() as d:
        with open(f"{d}/small.gan", "w") as f:
            f.write(SMALL)
        assert "one of them" in gan("build", "small.gan", "--lib", "--emit", "obj", "-o", "x", cwd=d).err
        assert "names no file" in gan("build", "small.gan", "--lib", "-o", "./", cwd=d).err
        r = gan("build", "small.gan", "--lib", "--python", "-o", "x" * 248, cwd=d)
        assert r.status == 1 and "xxx_game.py: cannot be written: File name too long" in r.err, r
        r = gan("build", "small.gan", "--lib", "-o", "no/such/x", cwd=d)
        assert r.status == 1 and "no/such/x" in r.err, r
        assert os.listdir(d) == ["small.gan"], os.listdir(d)
        built(d)
        before = {name: content(f"{d}/{name}") for name in os.listdir(d)}
        with open(f"{d}/small.gan", "w") as f:
            f.write(SMALL.replace("Dense(8)", "Dense(9)"))
        before["small.gan"] = content(f"{d}/small.gan")
        sizes = [os.path.getsize(f"{d}/small{end}") for end in (".so", ".a")]
        assert sizes[0] < sizes[1]
        for limit in (100_000, sum(sizes) // 2):            # a full disk, for both and for the second of them
            done = subprocess.run([GAN, "build", "small.gan", "--lib", "-o", "small"], cwd=d, capture_output=True, timeout=120, check=False, text=True,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if not SANITIZED else None
            assert not done or done.returncode == 3, done
            assert {name: content(f"{d}/{name}") for name in os.listdir(d)} == before, os.listdir(d)
        for tool in ("CC", "OBJCOPY", "AR"):
            done = subprocess.run([GAN, "build", "small.gan", "--lib", "-o", "small"], cwd=d, env=dict(os.environ, **{tool: "/no/such/tool"}),
                                  capture_output=True, timeout=120, check=False, text=True)
            assert done.returncode == 1 and "install gcc" in done.stderr, done
            assert {name: content(f"{d}/{name}") for name in os.listdir(d)} == before, os.listdir(d)


run_tests(globals())
