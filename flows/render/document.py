"""The JSON document of a run: a versioned interface, documented in the README."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from flows.text.escape import show, show_lines
from flows.text.rows import rows, spell_instants
from flows.text.spoken import instant
from flows.views.decisions import RULES
from schemas.drift import EVIDENCE
from schemas.words import DriftKind

if TYPE_CHECKING:
    from flows.run.result import RunReport

SCHEMA_VERSION = 1
_UNSHOWN = re.compile(r"[^\x00-\x7e]")


def to_document(report: "RunReport") -> dict[str, Any]:
    """Return the run as plain values; a run without conclusions has empty lists and a null state."""
    judgement = report.judgement
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": instant(report.as_of),
        "outcome": report.outcome.value,
        "partial": report.is_partial,
        "error": _error(report),
        "summary": _summary(report),
        "drift": _drift(judgement.drift) if judgement else [],
        "recommendations": _recommendations(report) if judgement else [],
        "rejected": rows(report.actual.rejected.drop("as_of")) if report.actual else [],
        "unread": rows(report.unread) if report.unread is not None else [],
        "notes": [show(note) for note in report.notes],
        **_acting(report),
    }


def _acting(report: "RunReport") -> dict[str, Any]:
    """Return what may be done, was asked and is held back; nothing where acting is off."""
    return {"acting": report.acting.to_document(str(report.state))} if report.acting is not None else {}


def _error(report: "RunReport") -> str | None:
    error = report.emit_error or report.error
    return show_lines(error) if error else None


def to_json(report: "RunReport") -> str:
    """Return the document as one ASCII JSON text."""
    return dump(to_document(report), indent=2)


def to_ndjson(report: "RunReport") -> Iterator[str]:
    """Return one line for the run, and one for each drift, recommendation and rejected record, with its `record`."""
    document = to_document(report)
    lists = {"drift": "drift", "recommendations": "recommendation", "rejected": "rejected", "unread": "unread"}
    yield dump({"record": "run", **{name: value for name, value in document.items() if name not in lists}})
    for name, record in lists.items():
        yield from (dump({"record": record, **row}) for row in document[name])


def dump(value: object, indent: int | None = None) -> str:
    """Return strict ASCII JSON, on one line or indented; spelt as the standard library does, many times faster."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=indent or 0).decode()
    return text if text.isascii() and "\x7f" not in text else _UNSHOWN.sub(_escape, text)


def _summary(report: "RunReport") -> dict[str, Any]:
    if report.judgement is None:
        last = report.last_state.value if report.last_state else None
        last_as_of = instant(report.last_as_of)
        age_s = report.last_age_s
        return {"state": None, "last_state": last, "last_as_of": last_as_of, "last_age_s": age_s, "is_stale": True}
    summary = report.judgement.summary if report.summary is None else report.summary
    row = rows(summary.drop("as_of"))[0]
    return {
        **row,
        "judged_state": report.judgement.summary["state"][0],
        "acknowledged_count": report.acknowledged_count,
        "event_count": report.event_count,
        "is_stale": False,
    }


def _drift(drift: pl.DataFrame) -> list[dict[str, Any]]:
    drifted, evidence = rows(drift.drop("as_of", *EVIDENCE)), spell_instants(drift.select(EVIDENCE))
    for row, values in zip(drifted, evidence.iter_rows(), strict=True):
        facts = {name: value for name, value in zip(EVIDENCE, values, strict=True) if value is not None}
        row["evidence"] = {**facts, "rule": RULES[DriftKind(row["kind"])]}
    return drifted


def _recommendations(report: "RunReport") -> list[dict[str, Any]]:
    if report.judgement is None:
        return []
    found = rows(report.judgement.recommendations.drop("as_of"))
    return [{**row, "acknowledgement": report.attention and report.attention.describe(row)} for row in found]


def _escape(found: re.Match[str]) -> str:
    """Return a character beyond ASCII, or the one that deletes, as JSON's escape."""
    return json.dumps(found[0])[1:-1] if found[0] != "\x7f" else r"\u007f"
