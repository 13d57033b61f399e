"""What a step printed, made fit to be kept and shown: without secrets, and without anything that moves a terminal."""

import re
from collections.abc import Mapping

from flows.text.escape import show

MAX_SHOWN = 200
SPARE = 4096
"""So many bytes more than what is kept are captured, besides the longest secret."""
_WORD = re.compile(rf"\A\S{{0,{SPARE}}}")
_ASSIGNED = re.compile(
    r"(?<!\S)(?P<name>(?>\S*?(?:pass|secret|token|key|credential|authorization))[^\s=:]*\s*+[=:]\s*+)"
    r"(?:(?:bearer|basic)\s++|\S*\s*+[=:]\s*+)?\S+",
    re.IGNORECASE,
)
"""Only the first such word of a run without blanks is tried, so that a long row of them is gone through once."""
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]{0,40}-----.*?(?:-----END [A-Z ]{0,40}-----|\Z)", re.DOTALL), "«pem»"),
    (re.compile(r"\A[A-Za-z0-9+/=\s]*-----END [A-Z ]{0,40}-----"), "«pem»"),
    (re.compile(r"(?<![\w-])((?>[\w-]*?\b(?=eyJ)))[\w-]++\.[\w-]+\.[\w-]*"), r"\1«jwt»"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://)[^\s/]+@", re.IGNORECASE), r"\1«user»@"),
    (_ASSIGNED, r"\g<name>«hidden»"),
)  # fmt: skip


def redact(text: str, secrets: Mapping[str, str]) -> str:
    """Return the text without known secrets (by name instead) and without what looks like one.

    Longer values go first, so that one that contains another leaves nothing of itself behind.
    """
    for name, value in sorted(secrets.items(), key=lambda item: (-len(item[1]), item[0])):
        if value:
            text = text.replace(value, f"«{name}»")
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def decode_output(data: bytes, secrets: Mapping[str, str], *, is_cut: bool = False) -> str:
    """Return captured output as it may be kept: redacted, its control characters made visible, its lines as they were.

    Where its beginning was cut off, so is what may be the end of a secret, which is not known as one: the rest of that line,
    or of that word where the line is longer than `SPARE`.
    """
    whole, is_long = _drop_line(data, secrets) if is_cut else (data, False)
    text = redact(whole.decode("utf-8", "replace"), secrets)
    if is_long:
        text = _WORD.sub("", text, count=1)
    return "\n".join(show(line, limit=len(line)) for line in text.splitlines())


def _drop_line(data: bytes, secrets: Mapping[str, str]) -> tuple[bytes, bool]:
    """Return it without the rest of a line that it begins with, and whether that line is too long to be dropped whole."""
    rest, end, whole = data.partition(b"\n")
    if end and len(rest) <= SPARE:
        return whole, False
    values = (value.encode() for value in secrets.values())
    tails = (value[place:] for value in values for place in range(1, len(value)))
    known = max((tail for tail in tails if data.startswith(tail)), key=len, default=b"")
    return data[len(known) :], True


def pick_line(text: str) -> str | None:
    """Return the line that says most: the last one that is not empty, at most 200 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:MAX_SHOWN] if lines else None
