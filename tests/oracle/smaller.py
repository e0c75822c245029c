"""smaller.py - takes statements out of a program while it still fails.

In: a text of one statement a line (blocks over several) and a question.   Out: a shorter text of which the answer is still yes.
Start at smaller()."""
import re


def pieces(lines):
    """Every run of lines that can go: a line, a whole block, or the two lines around a block's body."""
    out, opened = [], []
    for i, l in enumerate(lines):
        text = l.strip()
        if text.startswith("}") and opened:
            start = opened.pop()
            out.append(list(range(start, i + 1)))
            if not text.endswith("{"):
                out.append([start, i])
        if text.endswith("{"):
            opened.append(i)
        elif not text.startswith("}"):
            out.append([i])
    return sorted(out, key=len, reverse=True)


def simpler(line):
    """The line with one part of it replaced by a simpler one."""
    for m in re.finditer(r"\b(?:momentum|adam|rooted|turned|lengths|rmsprop|paced)\([^()]*\)", line):
        yield line[:m.start()] + "sgd(0.1)" + line[m.end():]
    for m in re.finditer(r"(?:decayed|clipped)\((?:[\d.]+, )?(.*)\)", line):
        yield line[:m.start()] + m.group(1) + line[m.end():]
    for m in re.finditer(r" project .*?(?=;|$| \})", line):
        yield line[:m.start()] + line[m.end():]
    spans, stack = [], []
    for i, c in enumerate(line):
        if c in "({":
            stack.append(i)
        elif c in ")}" and stack:
            spans.append((stack.pop(), i + 1))
    for a, b in sorted(spans, key=lambda s: s[0] - s[1]):
        start = re.search(r"[\w']*$", line[:a]).start() if line[a] == "(" else a
        yield line[:start] + "0.5" + line[b:]
        if start != a:
            yield line[:start] + line[a:]
    for m in re.finditer(r" [-+*] (?:[\w.']+(?:\([^()]*\))?)(?=[ )]|$)", line):
        yield line[:m.start()] + line[m.end():]


def without(lines, gone):
    gone = set(gone)
    return [l for i, l in enumerate(lines) if i not in gone]


def in_halves(lines, ask):
    """Takes out runs of whole statements, long runs first."""
    width = len(lines)
    while width >= 1:
        start = 0
        while start < len(lines):
            run = lines[start:start + width]
            depth = [l.strip().endswith("{") - l.strip().startswith("}") for l in run]
            balanced = sum(depth) == 0 and all(sum(depth[:i]) >= 0 for i in range(len(depth) + 1)) and not run[0].strip().startswith("}")
            if balanced and ask(lines[:start] + lines[start + width:]):
                lines = lines[:start] + lines[start + width:]
            else:
                start += max(1, width // 2) if width > 1 else 1
        width //= 2
    return lines


def smaller(text, still):
    lines, left, known = [l for l in text.splitlines() if l.strip()], [700], {}

    def ask(ls):
        t = "\n".join(ls) + "\n"
        if t not in known:
            left[0] -= 1
            known[t] = left[0] > 0 and still(t)
        return known[t]

    before = None
    while lines != before and left[0] > 0:
        before = lines
        lines = in_halves(lines, ask)
        for piece in pieces(lines):
            if max(piece) < len(lines) and ask(without(lines, piece)):
                lines = without(lines, piece)
                break
        for i in range(len(lines)):
            for s in simpler(lines[i]):
                if len(s) < len(lines[i]) and ask(lines[:i] + [s] + lines[i + 1:]):
                    lines = lines[:i] + [s] + lines[i + 1:]
                    break
    return "\n".join(lines) + "\n"
