"""The JSON document of a run: a versioned interface, documented in the README."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from flows.text.escape import show, show_lines
from flows.text.rows import encode_rows, members, rows, spell_instants
from flows.text.spoken import instant
from flows.views.decisions import RULES
from schemas.drift import EVIDENCE
from schemas.identity import TARGET

if TYPE_CHECKING:
    from flows.run.attention import Attention
    from flows.run.result import RunReport

SCHEMA_VERSION = 1
_ROWS = 500
_LISTS = {"drift": "drift", "recommendations": "recommendation", "rejected": "rejected", "unread": "unread"}
_BY = pl.Struct({"owner": pl.String, "reason": pl.String, "until": pl.String})
_ACKNOWLEDGED = {"node": pl.String(), "service": pl.String(), "acknowledgement": _BY}
_UNSHOWN = re.compile(r"[^\x00-\x7e]")


def to_json(report: "RunReport") -> Iterator[str]:
    """Return the pieces of one ASCII JSON text; a run without conclusions has empty lists and a null state."""
    before = "{"
    for name, value in _document(report).items():
        yield f'{before}\n  "{name}": '
        yield from _indent_rows(value) if name in _LISTS else [_indent(value)]
        before = ","
    yield "\n}\n"


def to_ndjson(report: "RunReport") -> Iterator[str]:
    """Return one line for the run, and one for each drift, recommendation and rejected record, with its `record`."""
    document = _document(report)
    yield dump({"record": "run", **{name: value for name, value in document.items() if name not in _LISTS}}) + "\n"
    for name, record in _LISTS.items():
        yield from (dump(_raw(f'{{"record":"{record}",{row[1:]}')) + "\n" for row in document[name])


def dump(value: object, indent: int | None = None) -> str:
    """Return strict ASCII JSON, on one line or indented; spelt as the standard library does, many times faster."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=indent or 0).decode()
    return text if text.isascii() and "\x7f" not in text else _UNSHOWN.sub(_escape, text)


def _indent(value: object) -> str:
    """Return what stands for the value of a key in an indented document."""
    return dump([value], indent=2)[len("[\n  ") : -len("\n]")]


def _indent_rows(texts: list[str]) -> Iterator[str]:
    """Return the same of a list, some rows at a time, which stay in the processor's cache."""
    for begin in range(0, len(texts), _ROWS):
        indented = _indent(_raw(f"[{','.join(texts[begin : begin + _ROWS])}]"))
        yield ("," + indented[1:] if begin else indented).removesuffix("\n  ]")
    yield "\n  ]" if texts else "[]"


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def _document(report: "RunReport") -> dict[str, Any]:
    """Return the run as plain values, and its lists as a JSON text for each row."""
    judgement = report.judgement
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": instant(report.as_of),
        "outcome": report.outcome.value,
        "partial": report.is_partial,
        "error": _error(report),
        "summary": _summary(report),
        "drift": _drift(judgement.drift) if judgement else [],
        "recommendations": _recommendations(judgement.recommendations, report.attention) if judgement else [],
        "rejected": encode_rows(report.actual.rejected.drop("as_of")) if report.actual else [],
        "unread": encode_rows(report.unread) if report.unread is not None else [],
        "notes": [show(note) for note in report.notes],
        **_acting(report),
    }


def _acting(report: "RunReport") -> dict[str, Any]:
    """Return what may be done, was asked and is held back; nothing where acting is off."""
    return {"acting": report.acting.to_document(str(report.state))} if report.acting is not None else {}


def _error(report: "RunReport") -> str | None:
    error = report.emit_error or report.error
    return show_lines(error) if error else None


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


def _drift(drift: pl.DataFrame) -> list[str]:
    """Return each drift with its evidence: those facts that it has, and the rule."""
    facts = [pl.when(pl.col(name).is_not_null()).then(members(name)) for name in EVIDENCE]
    rule = members(pl.col("kind").replace_strict(RULES, return_dtype=pl.String).alias("rule"))
    evidence = pl.concat_str(*facts, rule, separator=",", ignore_nulls=True)
    row = pl.concat_str(pl.lit("{"), members(pl.exclude(EVIDENCE)), pl.lit(',"evidence":{'), evidence, pl.lit("}}"))
    return spell_instants(drift.drop("as_of")).select(row).to_series().to_list()


def _recommendations(recommendations: pl.DataFrame, attention: "Attention | None") -> list[str]:
    """Return each recommendation with who acknowledged it."""
    targets = [target._asdict() for target in attention.acknowledged.by] if attention else []
    known = [{**target, "acknowledgement": attention and attention.describe(target)} for target in targets]
    acknowledged = pl.DataFrame(known, _ACKNOWLEDGED)
    found = recommendations.drop("as_of").join(acknowledged, on=TARGET, how="left", maintain_order="left")
    return encode_rows(found)


def _escape(found: re.Match[str]) -> str:
    """Return a character beyond ASCII, or the one that deletes, as JSON's escape."""
    return json.dumps(found[0])[1:-1] if found[0] != "\x7f" else r"\u007f"
