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
            yield line[:a - 0] + "" + line[b:] if False else line[:start] + line[a:b] + line[b:]
    for m in re.finditer(r" [-+*] (?:[\w.']+(?:\([^()]*\))?)(?=[ )]|$)", line):
        yield line[:m.start()] + line[m.end():]


def smaller(text, still):
    lines = [l for l in text.splitlines() if l.strip()]
    budget, progress = 400, True
    while progress and budget > 0:
        progress = False
        for piece in pieces(lines):
            if max(piece) >= len(lines):
                break
            rest = [l for i, l in enumerate(lines) if i not in set(piece)]
            budget -= 1
            if still("\n".join(rest) + "\n"):
                lines, progress = rest, True
                break
        else:
            for i, l in enumerate(lines):
                for s in simpler(l):
                    if s == l or len(s) > len(l) or budget <= 0:
                        continue
                    budget -= 1
                    if still("\n".join(lines[:i] + [s] + lines[i + 1:]) + "\n"):
                        lines[i], progress = s, True
                        break
                if progress:
                    break
    return "\n".join(lines) + "\n"
