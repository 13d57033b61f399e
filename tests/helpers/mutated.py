"""Texts of YAML that somebody changed here and there."""

import random

PIECES = [
    *(" ", "  ", "    ", "\n", ":", ": ", "- ", "-", "#", " #", "[", "]", "{", "}", ",", '"', "'", "&a", "*a", "!t"),
    *("yes", "no", "on", "true", "null", "~", "1", "0", "01", "1e3", "1e999", ".5", "\t", "\r\n", "é", "\u2028"),
    *("all", "local", "external", "depends_on", "monitor", "monitored", "enabled", "services:", "---", "...", "%", "@"),
    *("a: b", "=", "A", ".", "/", "\\", "x y", "name:", "  x:\n", "    k: v\n", "    k:\n", "\ufeff", "\x00", "\x7f"),
    *("?", "<<", ">", "|", "\x85"),
]


def mutated(text: str, seed: int) -> str:
    """Return the text with a few changes, the same for the same seed."""
    draw = random.Random(seed)
    for _ in range(draw.choice((1, 1, 2, 3))):
        lines = text.splitlines(keepends=True)
        match draw.randrange(6) if lines else 0:
            case 0 | 1 | 2:
                at = draw.randrange(len(text) + 1)
                text = text[:at] + draw.choice(PIECES) + text[at + draw.choice((0, 0, 1, 2, 5)) :]
            case 3:
                lines.insert(draw.randrange(len(lines)), draw.choice(lines))
                text = "".join(lines)
            case 4:
                del lines[draw.randrange(len(lines))]
                text = "".join(lines)
            case 5:
                at = draw.randrange(len(lines))
                lines[at] = draw.choice(("", " ", "  ", "    ", "      ")) + lines[at].lstrip(" ")
                text = "".join(lines)
    return text
