"""What is said to people of each finding: templates by kind and cause, which `recommend` fills in.

Whatever shows a recommendation, `explain` too, shows that sentence. What `explain` says of the rules themselves, those that did
not apply included, is about no finding, and stands in `flows/views/decisions.py`.

`{name}` stands for a column of evidence in words; see `fill`.
"""

from functools import cache
from typing import Any

import polars as pl

from schemas.words import DriftCause, DriftKind

K, C = DriftKind, DriftCause

FINDINGS: dict[tuple[DriftKind, DriftCause], str] = {
    (K.STALE_WORLD, C.PLAIN): "The world is {age} old, more than the {limit} allowed",
    (K.OBSERVER_SUSPECT, C.PLAIN): "{detail}",
    (K.OFFLINE_NODE, C.BY_WORD): "{node} is offline: its status is '{status}'{seen}{near}{more}",
    (K.OFFLINE_NODE, C.BY_OTHER_WORD): "{node} is offline: its status is '{status}'{seen}{near}{more}",
    (K.OFFLINE_NODE, C.NO_RECORD): "{node} is offline: nodes.json has no record of it{near}",
    (K.OFFLINE_NODE, C.SILENT): "{node} is offline: last seen {age} ago, more than the {limit} allowed{near}{more}",
    (K.NODE_SUSPECT, C.PLAIN): "Everything on {node} is broken at once ({detail})",
    (K.MISSING_SERVICE, C.PLAIN): "{place} is missing: services.json has no record of it{more}{near}",
    (K.MISPLACED_SERVICE, C.PLAIN): "{service} runs on {detail}, where nobody asks for it, and not on {node}",
    (K.UNHEALTHY_SERVICE, C.PLAIN): "{place} is unhealthy: {said}{seen}",
    (K.UNHEALTHY_SERVICE, C.LOOPING): "{place} starts and fails again and again: {said}{seen}",
    (K.UNHEALTHY_SERVICE, C.SETTLING): "{place} takes too long to become healthy: {said}{seen}",
    (K.UNHEALTHY_SERVICE, C.UNKNOWN_WORD): (
        "{place} is unhealthy: {said}, which no list of words knows (healthy_words, unhealthy_words, settling_words,"
        " looping_words, completed_words){seen}"
    ),
    (K.UNREADABLE_OBSERVATION, C.PLAIN): "The observation of {place} cannot be read: {status}",
    (K.UNREADABLE_OBSERVATION, C.SET_ASIDE): "The record of {node} in nodes.json cannot be read{more}",
    (K.UNREADABLE_OBSERVATION, C.NO_STATUS): "The record of {node} in nodes.json has no status",
    (K.UNREADABLE_OBSERVATION, C.UNOBSERVABLE): "Nobody can look at {node}: its status is 'unobservable'{more}",
    (K.UNREADABLE_OBSERVATION, C.UNJUDGED): (
        "{node} was last seen {age} ago, and its capabilities, which say whether that is long, cannot be read"
    ),
    (K.UNREADABLE_OBSERVATION, C.DOUBTFUL_TIME): (
        "When {node} was last seen is in doubt: the time cannot be read, or is still to come"
    ),
    (K.UNREADABLE_OBSERVATION, C.SEEN_UNRECORDED): "Services of {node} are seen, but nodes.json has no record of it",
    (K.UNREADABLE_OBSERVATION, C.SEEN_SILENT): (
        "Services of {node} are seen, but itself it was last seen {age} ago, more than the {limit} allowed"
    ),
    (K.UNREADABLE_OBSERVATION, C.NEVER_SEEN): "{node} was never seen itself, as other nodes were",
    (K.STALE_OBSERVATION, C.PLAIN): "The record of {place} is {age} old, more than the {limit} allowed",
    (K.FAILED_DEPLOYMENT, C.PLAIN): "{place} failed to deploy{in_a_row}, last {age} ago",
    (K.FAILED_DEPLOYMENT, C.OLD): "{place} failed to deploy{in_a_row}, last {age} ago",
    (K.FAILED_DEPLOYMENT, C.UNDATED): "{place} failed to deploy{in_a_row}, at a time that cannot be read",
    (K.NODE_PRESSURE, C.DISK): "The disk of {node} is full, or nearly so",
    (K.NODE_PRESSURE, C.MEMORY): "{node} is short of memory",
    (K.NODE_PRESSURE, C.DISK_AND_MEMORY): "{node} is short of disk and of memory",
    (K.UNRESOLVED_INCIDENT, C.PLAIN): "Incident {incident} of {place} is open{since}",
    (K.EMPTY_INVENTORY, C.PLAIN): "The inventory asks {node} for nothing, but {detail}",
    (K.UNEXPECTED_SERVICE, C.PLAIN): "{place} runs, but no inventory asks for it",
    (K.UNEXPECTED_NODE, C.PLAIN): "{node} is seen, but no inventory asks for it{asked}",
}
"""What a drift of each kind and cause is, as the beginning of a sentence."""


@cache
def findings() -> pl.DataFrame:
    """Return the templates as a frame that is joined to drift: kind, cause, wrong."""
    rows = [(kind, cause, text) for (kind, cause), text in FINDINGS.items()]
    schema: dict[str, Any] = {"kind": pl.Enum(DriftKind), "cause": pl.Enum(DriftCause), "wrong": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def fill(template: str, **words: pl.Expr) -> pl.Expr:
    """Return the column's template with each `{name}` replaced by the words of that name; null words leave nothing."""
    filled = pl.col(template)
    for name, said in words.items():
        filled = filled.str.replace(f"{{{name}}}", said.fill_null(""), literal=True)
    return filled
