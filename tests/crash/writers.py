"""Every file that the supervisor writes and reads back, each as a writer that the table strikes.

Of each: the state before, one write, what is read afterwards, and the same write by the next process. What was there is
read as a value; a reader that says that something is damaged, instead of a value, raises `Told`.
"""

import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from flows.errors import SupervisorError
from flows.files.foreign import FileFaultError
from flows.files.own import replace_file, sweep_folder
from flows.ledger.acknowledgements import change_acknowledgements, read_acknowledgements
from flows.ledger.actions.journals import read_journals
from flows.ledger.actions.memory_file import Remembered, read_remembered, write_remembered
from flows.ledger.actions.places import ActionPlace
from flows.ledger.actions.projection import project_actions, show_actions
from flows.ledger.archive import FILE_NAME, open_archive
from flows.ledger.archive_writer import edit_archive
from flows.ledger.chain import verify_chain
from flows.ledger.checkpoint import clear_leftovers, read_known
from flows.ledger.history import ask_history, scan_history
from flows.ledger.history_check import DamagedHistoryWarning
from flows.ledger.history_writer import compact, sweep_temporaries, write_run
from flows.ledger.own_event import read_own_event
from flows.ledger.skipped_run import read_attempt, write_attempt
from flows.observer.hooks import finish_hook, read_hooks, start_hook
from flows.observer.memory import Memory as ObserverMemory
from flows.observer.publish import ORDER, Publisher
from flows.observer.state import load_memory, save_memory, sweep
from flows.orchestration.server import load_auth
from flows.sources.inventory.cache_file import SealedFile
from flows.sources.world.files import WorldFiles
from flows.sources.world.generations import read_generation
from flows.telling.outbox import Outbox, Sent, read_outbox, write_outbox
from schemas.acknowledgement import Acknowledgement
from schemas.attempt import Intent, IntentState
from schemas.book import Book
from schemas.history import TABLES
from schemas.last_run import LastAttempt
from schemas.ledger_words import Role
from schemas.limits import Limits
from schemas.memory import Memory
from schemas.rules import Rules
from schemas.verb import Mode, Risk, Verb
from schemas.words import Outcome
from tests.crash.driver import run as run_events
from tests.crash.invariants import find_violations
from tests.crash.journal_driver import append
from tests.helpers.episodes import NOON, paths
from tests.helpers.episodes import NOON as EPISODE_NOON
from tests.ledger.test_history import a_run

MINUTE = timedelta(minutes=1)
LIMITS = dict.fromkeys(ORDER, Limits(max_world_file_bytes=10_000))


class ToldError(Exception):
    """The reader says that something is damaged."""


@dataclass(frozen=True)
class Writer:
    """One kind of file."""

    name: str
    write: Callable[[Path, int], object]
    """The n-th write: 1 is before the fault, 2 is struck, 2 again is the next process."""
    read: Callable[[Path], Any]
    is_checked: bool = True
    """Whether we read it back ourselves, so that a flipped bit must be told."""
    none_is_old: bool = False
    """A cache: nothing is as good as what was there."""
    check: Callable[[Path], list[str]] = lambda _: []
    """What must hold at the end, besides."""


def _wrapped(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def reading(folder: Path) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DamagedHistoryWarning)
                return read(folder)
        except (SupervisorError, FileFaultError, DamagedHistoryWarning) as error:
            raise ToldError(str(error)) from None

    return reading


def _write_events(folder: Path, number: int) -> None:
    run_events(folder, number, ["web", "db"] if number == 1 else ["web!", "mqtt"])


def _read_events(folder: Path) -> Any:
    log = paths(folder).event_log
    known = read_known(paths(folder).checkpoint)
    if known is None:
        raise ToldError("no checkpoint")
    verdict = verify_chain([log], known.head) if log.exists() else None
    if verdict is None or verdict.break_at or verdict.head != known.head or not verdict.is_from_the_beginning:
        raise ToldError("the log and the checkpoint differ")
    events = [event for line in log.read_bytes().splitlines() if (event := read_own_event(line))]
    return [event.event_id for event in events], known.generation, sorted(map(str, known.episodes))


def _check_events(folder: Path) -> list[str]:
    return find_violations(folder, ["web!", "mqtt"], [])


def _write_history(folder: Path, number: int) -> None:
    folder.mkdir(exist_ok=True)
    sweep_temporaries(folder)
    write_run(folder, a_run(number))


def _read_history(folder: Path) -> Any:
    """Return the rows of the runs: a run's own row is put in place last, and without it the others belong to none."""

    def scan() -> dict[str, list[str]]:
        runs = scan_history(folder, "runs").select("run_id")
        found = {table: scan_history(folder, table).join(runs, on="run_id", how="semi").collect() for table in TABLES}
        return {table: sorted(map(repr, rows.iter_rows())) for table, rows in found.items()}

    return ask_history(scan, folder)


def _merge_history(folder: Path, number: int) -> None:
    if number == 1:
        for minute in range(3):
            _write_history(folder, minute)
    else:
        sweep_temporaries(folder)
        compact(folder, NOON.date() + timedelta(days=60))


def _read_merged(folder: Path) -> Any:
    """Return the rows, which a merge leaves as they are."""
    return _read_history(folder)


def _write_archive(folder: Path, number: int) -> None:
    with edit_archive(folder) as archive:
        moment = NOON + number * MINUTE
        archive.add_world(WorldFiles(moment, {"services.json": b"[%d]" % number * 400}, moment))


def _read_archive(folder: Path) -> Any:
    if not (folder / FILE_NAME).exists():
        return None
    with open_archive(folder) as archive:
        return [(entry.as_of, archive.read_contents(entry.snapshot)) for entry in archive.list_entries()]


def _write_acknowledgements(folder: Path, number: int) -> None:
    until = NOON + number * MINUTE
    row = Acknowledgement(
        node="piha", service=f"web{number}", owner="me", reason="why", acknowledged_at=NOON, until=until
    )
    change_acknowledgements(folder, lambda rows: {**{each.target: each for each in rows}, row.target: row}.values(), 5)


def _write_outbox(folder: Path, number: int) -> None:
    sweep_folder(folder)
    write_outbox(folder, Outbox(sent=tuple(Sent(NOON + each * MINUTE, None) for each in range(number))))


def _read_outbox(folder: Path) -> Any:
    found = read_outbox(folder)
    if found == Outbox() and (folder / "notifications.json").exists():
        raise ToldError("broken: all that is open is told again")
    return found


def _write_attempt(folder: Path, number: int) -> None:
    clear_leftovers(folder / "checkpoint.json")
    write_attempt(folder / "checkpoint.json", LastAttempt(as_of=NOON, outcome=Outcome.SKIPPED, reason="x" * number), 1)


def _read_attempt(folder: Path) -> Any:
    return read_attempt(folder / "checkpoint.json", 1)


def _write_journal(folder: Path, number: int) -> None:
    """Append what is not there, as who decides reads first: of a write that was struck the first record may be whole."""
    place = ActionPlace(folder / "actions")
    there = {line.record["reason"] for line in read_journals(place).lines}
    missing = [reason for reason in (f"{number}-a", f"{number}-b " + "x" * 6000) if reason not in there]
    append(place.root, Role.DECIDER, missing)


def _read_journal(folder: Path) -> Any:
    journals = read_journals(ActionPlace(folder / "actions"))
    if journals.problems:
        raise ToldError(str(journals.problems))
    return [line.record.get("reason") for line in journals.lines]


def _write_memory(folder: Path, number: int) -> None:
    place = _place(folder)
    write_remembered(place, Remembered(as_of=NOON + number * MINUTE, world_at=None, memory=Memory(), episodes=()))


def _place(folder: Path) -> ActionPlace:
    place = ActionPlace(folder / "actions")
    place.journals.mkdir(parents=True, exist_ok=True)
    return place


def _write_projection(folder: Path, number: int) -> None:
    state = IntentState.PENDING if number == 1 else IntentState.COMPLETED
    intent = _intent(state)
    book = Book(intents={intent.intent_id: intent})
    project_actions(
        _place(folder), show_actions(book, {}, EPISODE_NOON, timedelta(days=7)), frozenset({intent.action_id})
    )


def _intent(state: IntentState) -> Intent:
    values: dict[str, Any] = {"node": "piha", "service": "web", "verb": Verb.RESTART, "risk": Risk.SAFE, "params": {}}
    values |= {"intent_id": "a" * 64, "action_id": "container-restart-piha-web", "problem_at": EPISODE_NOON}
    values |= {"recommendation_id": "r", "rule_id": "all", "mode": Mode.APPROVE, "approvals": 1, "requested": None}
    values |= {"state": state, "created_at": EPISODE_NOON, "updated_at": EPISODE_NOON, "number": 1}
    values |= {"evidence_fingerprint": "e" * 64, "history": (("", "pending", EPISODE_NOON, "root"),)}
    return Intent(**values)


def _read_projection(folder: Path) -> Any:
    """Return what the files say; for a moment one is in both of its folders, and each says where it belongs."""
    found = {path.parent.name: json.loads(path.read_bytes()) for path in (folder / "actions").rglob("*.json")}
    return found.get("completed") or found.get("pending")


def _publish(folder: Path, number: int) -> None:
    publisher = Publisher(folder / "world", "here", 1)
    generation = publisher.open() + 1
    publisher.publish(generation, {name: {"n": number} for name in ORDER}, 5.0)


def _read_world(folder: Path) -> Any:
    found = read_generation(folder / "world", LIMITS)
    if found is None:
        raise ToldError("no manifest that can be used")
    return {name: msgspec.json.decode(data)["n"] for name, data in found.contents.items()}


def _save_observer(folder: Path, number: int) -> None:
    sweep(folder)
    save_memory(folder, ObserverMemory(generation=number, notes={"piha": ("a note",) * number}))


def _read_observer(folder: Path) -> Any:
    found = load_memory(folder)
    if found is None:
        raise ToldError("lost: the world is read back")
    return found


def _hook(folder: Path, number: int) -> None:
    if number == 1:
        start_hook(folder, "piha", "web", 1_000_000.0)
    elif _read_hooks(folder)[0].ended_at is None:
        finish_hook(folder, "dep-1000000-piha-web", 3, "pull", 1_000_009.0)


def _read_hooks(folder: Path) -> Any:
    found = read_hooks(folder, 1_000_100.0)
    if not found or (found[0].ended_at is None and any((folder / "deployments").glob("*.end.json"))):
        raise ToldError("a hook cannot be read: it is passed over")
    return found


def _sealed(folder: Path) -> SealedFile:
    return SealedFile(folder / "cache", folder / "inventory", "parse", Limits(), Rules())


def _write_cache(folder: Path, number: int) -> None:
    _sealed(folder).write({"part": b"%d" % number * 500})


def _read_cache(folder: Path) -> Any:
    found = _sealed(folder).read()
    return None if found is None else bytes(found["part"])


def _write_plain(folder: Path, number: int) -> None:
    replace_file(folder / "metrics.prom", b"up %d\n" % number * 900, 0o644)


def _read_plain(folder: Path) -> Any:
    return (folder / "metrics.prom").read_bytes()


def _write_password(folder: Path, number: int) -> None:
    load_auth(folder / "prefect")


def _read_password(folder: Path) -> Any:
    return len((folder / "prefect" / "auth").read_text()) if (folder / "prefect" / "auth").exists() else None


WRITERS = tuple(
    replace(writer, read=_wrapped(writer.read))
    for writer in (
        Writer("event log and checkpoint", _write_events, _read_events, check=_check_events),
        Writer("history of a run", _write_history, _read_history),
        Writer("history, days merged", _merge_history, _read_merged),
        Writer("archive", _write_archive, _read_archive),
        Writer("acknowledgements", _write_acknowledgements, read_acknowledgements),
        Writer("messages", _write_outbox, _read_outbox),
        Writer("note of a run without conclusions", _write_attempt, _read_attempt, none_is_old=True),
        Writer("journal of acting", _write_journal, _read_journal),
        Writer("memory of acting", _write_memory, lambda folder: read_remembered(_place(folder))),
        Writer("files of actions", _write_projection, _read_projection, is_checked=False),
        Writer("observer's generations", _publish, _read_world),
        Writer("observer's memory", _save_observer, _read_observer),
        Writer("deployment hook", _hook, _read_hooks),
        Writer("inventory cache", _write_cache, _read_cache, none_is_old=True),
        Writer("metrics, report, backfill --events", _write_plain, _read_plain, is_checked=False),
        Writer("server's password", _write_password, _read_password, is_checked=False, none_is_old=True),
    )
)


def find_leftovers(folder: Path) -> list[str]:
    """Return the temporary files below a folder."""
    names = [path for path in folder.rglob("*") if path.name.endswith("tmp") or path.name.startswith((".new-", ".tmp"))]
    return [str(path.relative_to(folder)) for path in names] + [
        f"{path.name}: not its owner's alone" for path in names if path.stat().st_uid != os.geteuid()
    ]
