"""Read a mapping of plain lines without a YAML parser, whose import takes longer than `status`: what has one meaning, or nothing.

Such a file has a key on each line, and behind it a word, a number, a text in quotes, or the deeper lines of a mapping. Anything
else is not judged here: the answer is None, and the strict reader, which is the reference, reads the file.
"""

import re
from typing import Any

from flows.sources.formats.yaml_scalars import read_scalar

MOST_BYTES = 64 * 1024
MOST_LEVELS = 10
_WORD = r"[A-Za-z0-9/.](?:[A-Za-z0-9/._+@%=~-]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9/.]))*+"
_QUOTED = r"\"[\x20\x21\x23-\x5b\x5d-\x7e]*+\"|'[\x20-\x26\x28-\x7e]*+'"
_COMMENT = r"#[\x20-\x7e]*+"
_BLANK = re.compile(rf" *+(?:{_COMMENT})?+")
_LINE = re.compile(rf"( *+)([A-Za-z_][A-Za-z0-9_-]{{0,99}}+):(?: ++({_WORD}|{_QUOTED}))?+(?: ++{_COMMENT}| *+)")


def read_plain_mapping(data: bytes) -> tuple[dict[str, Any], dict[str, int]] | None:
    """Return the mapping, and the line of each of its keys; an empty file has none."""
    if len(data) > MOST_BYTES or not data.isascii():
        return None
    lines = enumerate(data.decode().split("\n"), 1)
    told = [(number, _LINE.fullmatch(line)) for number, line in lines if not _BLANK.fullmatch(line)]
    try:
        whole = _read_levels([found for _, found in told])
    except ValueError:
        return None
    return whole, {found[2]: number for number, found in told if found and not found[1]}


def _read_levels(lines: list[re.Match[str] | None]) -> dict[str, Any]:
    """Return what lines come to; ValueError where one of them is not plain."""
    levels: list[tuple[int, dict[str, Any]]] = [(0, {})]
    open_key: str | None = None
    for found in lines:
        if found is None:
            raise ValueError
        indent, key, text = len(found[1]), found[2], found[3]
        if open_key is not None and indent > levels[-1][0]:
            inner: dict[str, Any] = {}
            levels[-1][1][open_key] = inner
            levels.append((indent, inner))
        while levels[-1][0] > indent:
            levels.pop()
        here, mapping = levels[-1]
        if indent != here or key in mapping or len(levels) > MOST_LEVELS:
            raise ValueError
        mapping[key] = _read_value(text)
        open_key = key if text is None else None
    return levels[0][1]


def _read_value(text: str | None) -> Any:
    if text is None:
        return None
    return text[1:-1] if text[0] in "\"'" else read_scalar(text)
