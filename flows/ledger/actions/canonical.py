"""Canonical JSON (one text for one value), and hashes of it: what chains journals and names intents."""

import hashlib
import json


def encode_canonical(value: object) -> bytes:
    """Return the one text of a value of texts, whole numbers, booleans, null, lists and mappings; TypeError for others."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def hash_canonical(value: object) -> str:
    """Return the SHA-256 of the value's canonical JSON, in hex."""
    return digest(encode_canonical(value))
