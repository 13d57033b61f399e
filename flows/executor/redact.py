"""What a step printed, made fit to be kept and shown: without secrets, and without anything that moves a terminal."""

import re
from collections.abc import Mapping

from flows.text.escape import show

MAX_SHOWN = 200
_ASSIGNED = re.compile(
    r"((?:pass|secret|token|key|credential|authorization)\S{0,64}?\s{0,8}[=:]\s{0,8})(?:(?:bearer|basic)\s+)?\S+",
    re.IGNORECASE,
)
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]{0,40}-----.*?(?:-----END [A-Z ]{0,40}-----|\Z)", re.DOTALL), "«pem»"),
    (re.compile(r"\A[A-Za-z0-9+/=\s]*-----END [A-Z ]{0,40}-----"), "«pem»"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "«jwt»"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE), r"\1«user»@"),
    (_ASSIGNED, r"\1«hidden»"),
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

    Where its beginning was cut off, so is the rest of that line: the end of a secret is not known as one.
    """
    whole = data.partition(b"\n")[2] if is_cut else data
    text = redact(whole.decode("utf-8", "replace"), secrets)
    return "\n".join(show(line, limit=10_000) for line in text.splitlines())


def pick_line(text: str) -> str | None:
    """Return the line that says most: the last one that is not empty, at most 200 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:MAX_SHOWN] if lines else None
