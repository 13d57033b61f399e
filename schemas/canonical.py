"""Canonical JSON and the identities made from it (ACTIONS 14.1): the same content is the same text, everywhere."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]
"""What has a canonical form: text, whole numbers, booleans, null, lists and objects."""

_ENCODER = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _make_encode() -> Callable[[Json], str]:
    """Return the encoder's work without the making of it, which takes longer than the encoding of a short list."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # the interpreter has no C for it
        return _ENCODER.encode
    spell = json.encoder.encode_basestring_ascii
    write = make(None, _ENCODER.default, spell, None, ":", ",", True, False, False)
    return lambda value: "".join(write(value, 0))


_encode = _make_encode()


def write_canonical(value: Json) -> str:
    """Return the canonical JSON of a value; ValueError for NaN, TypeError for what JSON does not have."""
    return _ENCODER.encode(value)


def hash_canonical(value: Json) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(_encode(value).encode("ascii")).hexdigest()


@lru_cache(maxsize=65_536)
def spell_instant(moment: datetime) -> str:
    """Return the moment as records and JSON have it: `2026-06-03T12:01:00Z`, with a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def identify_evidence(
    *,
    action: str,
    event_type: str,
    causing_kinds: Iterable[str],
    drift_ids: Iterable[str],
    root_causes: Iterable[str],
    desired_hash: str | None,
    step_hash: str | None,
) -> str:
    """Return the `evidence_fingerprint` of a recommendation: no ages, reasons or status words are in it."""
    lists = [sorted(causing_kinds), sorted(drift_ids), sorted(root_causes)]
    return hash_canonical(["evidence/1", action, event_type, *lists, desired_hash, step_hash])


def identify_request(n: int, step_hash: str | None) -> str:
    """Return the `evidence_fingerprint` of a request by hand: it is the record's number."""
    return hash_canonical(["requested/1", n, step_hash])


def identify_intent(
    *,
    verb: str,
    node: str,
    service: str,
    params: Mapping[str, str],
    problem_at: datetime,
    number: int,
    evidence_fingerprint: str,
) -> str:
    """Return the `intent_id`: the idempotency key, the same until evidence changes or an attempt is made."""
    return hash_canonical(
        ["intent/1", verb, node, service, dict(params), spell_instant(problem_at), number, evidence_fingerprint]
    )
