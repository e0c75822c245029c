/* python.c - see python.h. What is the same for every program stands in the text below, `$` for the prefix; its models follow as methods. */
#include "compiler/native/python.h"
#include "compiler/native/names.h"

#include <string.h>

static const char top[] =
    "import array\n"
    "import contextlib\n"
    "import ctypes\n"
    "import math\n"
    "import operator\n"
    "import os\n"
    "import threading\n"
    "\n"
    "try:\n"
    "    import numpy\n"
    "except ImportError:\n"
    "    numpy = None\n"
    "\n"
    "\n"
    "class Error(Exception):\n"
    "    \"\"\"status 1: arguments, a file or a checkpoint are not what they must be; 3: a disk is full, memory ran out, a loss became nan.\"\"\"\n"
    "\n"
    "    def __init__(self, status, message):\n"
    "        super().__init__(message)\n"
    "        self.status = status\n"
    "\n"
    "\n"
    "class _Error(ctypes.Structure):\n"
    "    _fields_ = [(\"status\", ctypes.c_int32), (\"message\", ctypes.c_char * 1020)]\n"
    "\n"
    "\n"
    "class _Data(ctypes.Structure):\n"
    "    _fields_ = [(\"name\", ctypes.c_char_p), (\"path\", ctypes.c_char_p)]\n"
    "\n"
    "\n"
    "class _Options(ctypes.Structure):\n"
    "    _fields_ = [(\"seed\", ctypes.c_uint64), (\"steps\", ctypes.c_int64), (\"threads\", ctypes.c_int32), (\"n_data\", ctypes.c_int32),\n"
    "                (\"data\", ctypes.POINTER(_Data)), (\"folder\", ctypes.c_char_p)]\n"
    "\n"
    "\n"
    "_TYPES = {\"f\": ctypes.c_float, \"d\": ctypes.c_double, \"i\": ctypes.c_int32, \"q\": ctypes.c_int64, \"B\": ctypes.c_uint8}\n"
    "\n"
    "\n"
    "def _flat(values):\n"
    "    for v in values:\n"
    "        if hasattr(v, \"__iter__\"):\n"
    "            yield from _flat(v)\n"
    "        else:\n"
    "            yield v\n"
    "\n"
    "\n"
    "def _given(values, name, kind, shape):\n"
    "    \"\"\"Rows of an argument as the library takes them, and how many there are.\"\"\"\n"
    "    if numpy is not None:\n"
    "        dense = numpy.ascontiguousarray(values, dtype=kind)\n"
    "        n = dense.shape[0] if dense.ndim else 0\n"
    "        fits = dense.ndim > 0 and dense.shape[1:] == shape\n"
    "    else:\n"
    "        if isinstance(values, memoryview):\n"
    "            values = values.tolist()\n"
    "        n, dense = len(values), array.array(kind, _flat(values))\n"
    "        fits = len(dense) == n * math.prod(shape)\n"
    "    if not fits:\n"
    "        raise Error(1, f\"{name} wants rows of shape {list(shape)}\")\n"
    "    memory = bytearray(dense.tobytes()) or bytearray(1)\n"
    "    return (ctypes.c_char * len(memory)).from_buffer(memory), n\n"
    "\n"
    "\n"
    "def _result(memory, n, kind, shape):\n"
    "    if numpy is not None:\n"
    "        return numpy.frombuffer(memory, dtype=kind, count=n * math.prod(shape)).reshape(n, *shape)\n"
    "    return memoryview(memory).cast(kind, (n, *shape)) if n and math.prod(shape) else memoryview(b\"\")\n"
    "\n"
    "\n"
    "def _path(path):\n"
    "    return os.fsencode(path)\n"
    "\n"
    "\n"
    "def _whole(value, what, least, bits):\n"
    "    \"\"\"A number that the library takes as it is: ctypes would cut off what does not fit.\"\"\"\n"
    "    if not hasattr(value, \"__index__\"):\n"
    "        raise Error(1, f\"{what} wants a whole number, not {value!r}\")\n"
    "    if not least <= operator.index(value) < 2**bits:\n"
    "        raise Error(1, f\"{what} is a whole number from {least} to {2**bits - 1}, not {value}\")\n"
    "    return operator.index(value)\n"
    "\n"
    "\n"
    "_library = ctypes.CDLL(os.path.join(os.path.dirname(os.path.abspath(__file__)), LIBRARY))\n"
    "_close, _rounds, _over = _library.$_close, _library.$_rounds, _library.$_over\n"         /* not in a class, which would mangle them */
    "_rounds.restype = ctypes.c_int64\n"
    "\n"
    "\n"
    "class Instance:\n"
    "    \"\"\"A run, initialised and ready to be sampled. Instances share nothing; each may be on a thread of its own. What goes wrong is an Error.\n"
    "\n"
    "    data: {name: path}, other files for the program's data; steps: rounds of every `alternate` block, 0: the program's; threads 0: the CPUs allowed.\n"
    "    Results are numpy arrays where there is numpy, else memoryviews of the same shape.\"\"\"\n"
    "\n"
    "    def __init__(self, seed=0, steps=0, threads=0, data=None, folder=None):\n"
    "        self._it, self._use = ctypes.c_void_p(), threading.Lock()\n"
    "        rows = [(name.encode(), _path(path)) for name, path in (data or {}).items()]\n"
    "        options = _Options(_whole(seed, \"seed\", 0, 64), _whole(steps, \"steps\", 0, 63), _whole(threads, \"threads\", 0, 31), len(rows), (_Data * len(rows))(*rows),\n"
    "                           None if folder is None else _path(folder))\n"
    "        self._do(\"open\", ctypes.byref(options), ctypes.byref(self._it), instance=False)\n"
    "\n"
    "    def _do(self, name, *arguments, instance=True):\n"
    "        error = _Error()\n"
    "        with self._alone():\n"
    "            if getattr(_library, \"$_\" + name)(*([self._it] if instance else []), *arguments, ctypes.byref(error)):\n"
    "                raise Error(error.status, error.message.decode(\"utf-8\", \"replace\"))\n"
    "\n"
    "    @contextlib.contextmanager\n"
    "    def _alone(self):\n"
    "        if not self._use.acquire(blocking=False):\n"
    "            raise Error(1, \"this instance is in use by another thread; open one for each\")\n"
    "        try:\n"
    "            yield\n"
    "        finally:\n"
    "            self._use.release()\n"
    "\n"
    "    def close(self):\n"
    "        with self._alone():\n"
    "            it, self._it = self._it, ctypes.c_void_p()\n"
    "            _close(it)\n"
    "\n"
    "    def __enter__(self):\n"
    "        return self\n"
    "\n"
    "    def __exit__(self, *_):\n"
    "        self.close()\n"
    "\n"
    "    def __del__(self):\n"
    "        if _close is not None:\n"
    "            self.close()\n"
    "\n"
    "    def __reduce__(self):                   # copy and pickle would make two owners of one run\n"
    "        raise TypeError(\"an Instance is not copied: save() writes a checkpoint, and another one load()s it\")\n"
    "\n"
    "    def train(self, rounds=-1):\n"
    "        \"\"\"So many rounds, or to the program's end if that comes before or `rounds` is below 0; how many it were.\"\"\"\n"
    "        done = ctypes.c_int64()\n"
    "        self._do(\"train\", ctypes.c_int64(_whole(rounds, \"rounds\", -2**63, 63)), ctypes.byref(done))\n"
    "        return done.value\n"
    "\n"
    "    @property\n"
    "    def rounds(self):\n"
    "        return _rounds(self._it)\n"
    "\n"
    "    @property\n"
    "    def over(self):\n"
    "        return bool(_over(self._it))\n"
    "\n"
    "    def save(self, path):\n"
    "        self._do(\"save\", _path(path))\n"
    "\n"
    "    def load(self, path):\n"
    "        \"\"\"Goes on where the run was that wrote the checkpoint.\"\"\"\n"
    "        self._do(\"load\", _path(path))\n"
    "\n"
    "    def load_state(self, path):\n"
    "        \"\"\"The state alone: the run is before its first round.\"\"\"\n"
    "        self._do(\"load_state\", _path(path))\n"
    "\n"
    "    def report(self, name):\n"
    "        \"\"\"The latest value of a report; nan if there was none yet.\"\"\"\n"
    "        value = ctypes.c_double()\n"
    "        self._do(\"report\", name.encode(), ctypes.byref(value))\n"
    "        return value.value\n"
    "\n"
    "    def _rows(self, name, n, given, fields):\n"
    "        n = _whole(n, \"n\", 0, 63)\n"
    "        memory = [bytearray(n * math.prod(shape) * ctypes.sizeof(_TYPES[kind]) or 1) for kind, shape in fields]\n"
    "        self._do(name, ctypes.c_int64(n), *given, *[(ctypes.c_char * len(m)).from_buffer(m) for m in memory])\n"
    "        results = tuple(_result(m, n, *field) for m, field in zip(memory, fields))\n"
    "        return results if len(results) > 1 else results[0]\n";

static const char evaluate[] =
    "        given = [_given(*row) for row in rows]\n"
    "        if any(n != given[0][1] for _, n in given):\n"
    "            raise Error(1, \"the arguments have different numbers of rows\")\n";

static void put(Text *t, const char *text, const char *prefix)
{
    for (size_t n; *text; text += n + (text[n] == '$')) {
        n = strcspn(text, "$");
        text_addn(t, text, n);
        if (text[n]) text_add(t, prefix);
    }
}

static char kind_of(GanElem e)
{
    static const char kind[] = {[GAN_BOOL] = 'B', [GAN_I32] = 'i', [GAN_I64] = 'q', [GAN_F32] = 'f', [GAN_F64] = 'd', [GAN_U8] = 'B'};
    return kind[e];
}

static void add_type(Text *t, GanElem elem, const int64_t *dim, int rank)       /* "f", (28, 28,) of one row */
{
    text_printf(t, "\"%c\", (", kind_of(elem));
    for (int i = 1; i < rank; i++) text_printf(t, "%lld,%s", (long long)dim[i], i + 1 < rank ? " " : "");
    text_add(t, ")");
}

static void add_fields(Text *t, const GanFunction *f)
{
    text_add(t, "[");
    for (int i = 0; i < f->n_outputs; i++) {
        text_add(t, i ? ", (" : "(");
        add_type(t, f->output[i].elem, f->output[i].dim, f->output[i].rank);
        text_add(t, ")");
    }
    text_add(t, "]");
}

static void add_net(Text *t, const GanProgram *p, const GanModel *m, const int *slot, int n)
{
    const char *name = names_word(t->arena, m->name);
    Text        rows = text_in(t->arena);
    NativeNames locals = {.a = t->arena};
    text_printf(t, "\n    def evaluate_%s(self", name);
    for (int i = 0; i < n; i++) {
        const GanSlot *s = &p->slot[slot[i]];
        const char    *argument = names_argument(&locals, s->path);
        text_printf(t, ", %s", argument);
        text_printf(&rows, "%s(%s, \"%s\", ", i ? ", " : "", argument, strrchr(s->path, '.') + 1);
        add_type(&rows, s->elem, s->dim, s->rank);
        text_add(&rows, ")");
    }
    text_printf(t, "):\n        \"\"\"The net outside of training, of so many examples as the arguments have rows.\"\"\"\n        rows = [%s]\n%s", text_str(&rows), evaluate);
    text_printf(t, "        return self._rows(\"evaluate_%s\", given[0][1], [rows for rows, _ in given], ", name);
    add_fields(t, &p->function[m->fn]);
    text_add(t, ")\n");
}

static void add_sampler(Text *t, const GanProgram *p, const GanModel *m)
{
    const char *name = names_word(t->arena, m->name);
    text_printf(t, "\n    def sample_%s(self, n):\n        \"\"\"n samples; each call draws others.\"\"\"\n        return self._rows(\"sample_%s\", n, [], ", name, name);
    add_fields(t, &p->function[m->fn]);
    text_add(t, ")\n");
}

static void add_string(Text *t, const char *s)              /* in its quotes */
{
    text_add(t, "\"");
    for (; *s; s++) text_printf(t, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    text_add(t, "\"");
}

void native_python(Text *module, const GanProgram *p, const char *prefix, const char *library)
{
    enum { MOST_ARGUMENTS = 24 };
    text_printf(module, "\"\"\"A game as a module, made by `gan build --lib --python`: the functions of the library beside it, which its header explains.\"\"\"\nLIBRARY = ");
    add_string(module, library);
    text_add(module, "\n\n");
    put(module, top, prefix);
    for (int i = 0; i < p->n_models; i++) {
        int slot[MOST_ARGUMENTS], n = gan_model_inputs(p, &p->model[i], slot, MOST_ARGUMENTS);
        if (n) add_net(module, p, &p->model[i], slot, n);
        else add_sampler(module, p, &p->model[i]);
    }
}
