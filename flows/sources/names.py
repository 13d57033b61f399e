"""Names of nodes and services: brought to one spelling at the border, and refused where they are not safe to use."""

import re
import unicodedata

from schemas.words import ALL, FLEET

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
RULE = "start with a letter or a digit, and hold only letters, digits, '.', '_' and '-'"


def normalize_name(text: str) -> str:
    """Return the text stripped, in Unicode form NFC, in lower case."""
    if text.isascii():
        return text.strip(" \t\r\n").lower()
    return unicodedata.normalize("NFC", text).strip(" \t\r\n").lower()


def is_name(name: str, max_length: int) -> bool:
    """Return whether a normalized text can name a node or a service."""
    return len(name) <= max_length and NAME.fullmatch(name) is not None


def explain_name(text: str, max_length: int, what: str) -> str | None:
    """Return why the text cannot name a `node` or a `service`; none where it can."""
    name = normalize_name(text)
    if not name:
        return f"the name of the {what} is empty"
    if len(name) > max_length:
        return f"the name {quote(text)} has {len(name)} characters; at most {max_length} are allowed"
    if not NAME.fullmatch(name):
        return f"{quote(text)} cannot name a {what}: it must {RULE}"
    if name == RESERVED[what]:
        return f"{quote(text)} is reserved and cannot name a {what}; choose another name"
    return None


def quote(text: str, limit: int = 80) -> str:
    """Return foreign text between quotes, escaped to ASCII and cut, so that a message can hold it."""
    return ascii(text) if len(text) <= limit else f"{text[:limit]!a}…"


RESERVED = {"node": FLEET, "service": ALL}
"""What stands for all nodes, or all services of a node, in a target."""
