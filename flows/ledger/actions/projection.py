"""The directories of actions: one file for each, in the folder of its status. They show the ledger; they are none."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flows.errors import EmitError
from flows.files.own import open_regular, remove_leftovers, sync_folder
from flows.ledger.actions.decision_form import dump_decision
from flows.ledger.actions.places import STATUS_FOLDERS, ActionPlace
from flows.ledger.actions.share import replace_shared
from schemas.attempt import Attempt, Intent, IntentState
from schemas.book import Book
from schemas.decision import Decision
from schemas.verb import Mode, Risk, Verb

MAX_BYTES = 1024 * 1024
_FOLDERS = {
    IntentState.PENDING: "pending",
    IntentState.APPROVED: "approved",
    IntentState.RUNNING: "running",
    IntentState.VERIFYING: "running",
    IntentState.COMPLETED: "completed",
    IntentState.FAILED: "failed",
    IntentState.CANCELLED: "cancelled",
    IntentState.REJECTED: "rejected",
}
_ENDED = frozenset({"completed", "failed", "rejected", "cancelled"})
_TYPES = {
    Verb.RESTART: "restart_service",
    Verb.REDEPLOY: "redeploy_service",
    Verb.CLEANUP: "disk_cleanup",
    Verb.FAILOVER: "failover_service",
    Verb.DIAGNOSTICS: "diagnostics",
}
_RISKS = {Risk.SAFE: "nominal", Risk.GUARDED: "guarded", Risk.DANGEROUS: "critical"}
"""The platform's words."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One action's file: its folder and its content."""

    status: str
    content: dict[str, Any]


def show_actions(book: Book, decisions: Mapping[str, Decision], as_of: datetime, keep: timedelta) -> dict[str, Shown]:
    """Return the file of each action by its `action_id`: that of its latest intent which has a folder.

    `decisions` are this run's, by intent. What ended longer ago than `keep` is shown no more.
    """
    attempts = {attempt.intent_id: attempt for attempt in book.attempts}
    latest: dict[str, Intent] = {}
    for intent in book.intents.values():
        before = latest.get(intent.action_id)
        if intent.state in _FOLDERS and (before is None or before.created_at <= intent.created_at):
            latest[intent.action_id] = intent
    return {
        action_id: Shown(
            _FOLDERS[intent.state], _content(intent, attempts.get(intent.intent_id), decisions.get(intent.intent_id))
        )
        for action_id, intent in latest.items()
        if _FOLDERS[intent.state] not in _ENDED or as_of - intent.updated_at < keep
    }


def _content(intent: Intent, attempt: Attempt | None, decision: Decision | None) -> dict[str, Any]:
    return {
        "action_id": intent.action_id,
        "intent_id": intent.intent_id,
        "type": _TYPES[intent.verb],
        "action_type": _TYPES[intent.verb],
        "node": intent.node,
        "service": intent.service,
        "status": _FOLDERS[intent.state],
        "phase": str(intent.state),
        "ran": attempt is not None,
        "risk": _RISKS[intent.risk],
        "risk_level": str(intent.risk),
        "approval_required": intent.mode is Mode.APPROVE,
        "autonomous_eligible": intent.mode is Mode.AUTO,
        "created_at": int(intent.created_at.timestamp()),
        "updated_at": int(intent.updated_at.timestamp()),
        "proposed_by": "supervisor",
        "correlation_id": intent.recommendation_id,
        "confidence": None,
        "rollback_reference": None,
        "payload": dump_decision(decision) if decision else None,
        "transition_history": [
            {"from": before or None, "to": after, "timestamp": int(at.timestamp()), "by": by}
            for before, after, at, by in intent.history
        ],
        "result": attempt.result if attempt else None,
        "outcome": attempt.outcome if attempt else None,
    }


def project_actions(place: ActionPlace, shown: Mapping[str, Shown], known: frozenset[str]) -> tuple[str, ...]:
    """Bring the folders in line with the ledger; return a remark for each file that somebody had moved.

    `known` are all action ids of the ledger: files of other names are not ours, and stay. What is there already is not
    written again. Raises EmitError where a file cannot be written: the next run completes it.
    """
    remarks = []
    try:
        for status in STATUS_FOLDERS:
            _make(place.status_folder(status))
        for action_id, file in sorted(shown.items()):
            _write(place.status_folder(file.status) / f"{action_id}.json", file.content)
        for path in _find_misplaced(place, shown, known):
            if (found := _read(path)) and found.get("status") != path.parent.name:
                remarks.append(
                    f"{path}: was put there by hand, which says nothing; its action is {_where(path, shown)}"
                )
            path.unlink(missing_ok=True)
    except OSError as error:
        raise EmitError(f"{error.filename or place.root}: {error.strerror}; the next run completes it") from None
    return tuple(remarks)


def _where(path: Path, shown: Mapping[str, Shown]) -> str:
    file = shown.get(path.stem)
    return file.status if file else "over"


def _find_misplaced(place: ActionPlace, shown: Mapping[str, Shown], known: frozenset[str]) -> Iterator[Path]:
    for status in STATUS_FOLDERS:
        for name in sorted(os.listdir(place.status_folder(status))):
            action_id, dot, rest = name.rpartition(".json")
            is_ours = dot and not rest and action_id in known
            if is_ours and (action_id not in shown or shown[action_id].status != status):
                yield place.status_folder(status) / name


def _make(folder: Path) -> None:
    if not folder.exists():
        with suppress(FileExistsError):
            folder.mkdir(mode=0o750)
            sync_folder(folder.parent)


def _write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file, where it says something else; only the moment of the decision is no news."""
    if _without_moment(_read(path)) == _without_moment(content):
        return
    remove_leftovers(path)
    data = json.dumps(content, indent=1).encode("ascii") + b"\n"
    replace_shared(path, data)


def _without_moment(content: dict[str, Any] | None) -> dict[str, Any] | None:
    payload = content.get("payload") if content else None
    return {**content, "payload": {**payload, "as_of": None}} if content and isinstance(payload, dict) else content


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a file of ours says; None for any other, which is replaced."""
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY, frozenset({os.geteuid()})), "rb") as file:
            found = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError, EmitError):
        return None
    return found if isinstance(found, dict) else None
