"""A JSON object with a sum of itself in front: damage is told from what was written, and never read as something else."""

import hashlib

_OPEN, _CLOSE = b'{"sum":"', b'",'
_DIGITS = 64
_BODY = len(_OPEN) + _DIGITS + len(_CLOSE)


def seal(body: bytes) -> bytes:
    """Return the object, which has a member at least, with the SHA-256 of what follows as its first member."""
    rest = body[1:]
    return _OPEN + hashlib.sha256(rest).hexdigest().encode() + _CLOSE + rest


def unseal(data: bytes) -> bytes:
    """Return the object as it was written, the sum still in it; ValueError where it is damaged.

    One without a sum, of an earlier version or of a person, is as good as it says.
    """
    if data.startswith(_OPEN):
        told = data[len(_OPEN) : len(_OPEN) + _DIGITS]
        if hashlib.sha256(data[_BODY:]).hexdigest().encode() != told:
            raise ValueError("the sum is another")
    return data
