"""Recording a run: the events that changed, the checkpoint, the history and the archive."""

import os
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from flows.errors import EmitError, HistoryError, InventoryError
from flows.ledger.archive_writer import edit_archive
from flows.ledger.emit import Emitter
from flows.ledger.event_line import WrittenEvent
from flows.ledger.history import find_generation
from flows.ledger.history_days import FOLDER
from flows.ledger.history_upkeep import is_due, join_days
from flows.ledger.history_writer import Pending, derive_run_id, prepare_run, sweep_temporaries, write_run
from flows.run.attention import Attention
from flows.run.conclude import give_evidence, remember_run
from flows.run.decide import Decision
from flows.run.gather import Inputs
from flows.run.result import outcome_of
from flows.settings import Settings
from schemas.action_event import Acting
from schemas.frame import DataFrame, dtypes
from schemas.history import History, RunFacts
from schemas.last_run import LastRun
from schemas.numbers import Automation
from schemas.wait import Wait
from schemas.words import Outcome
from stages.record import record_runs

if TYPE_CHECKING:
    from flows.run.acting.round import Round

LIVE = "live"
NO_INPUT = "0" * 64
"""The fingerprint of what could not be read."""


class Recorded(NamedTuple):
    """What recording a run came to."""

    events: tuple[WrittenEvent, ...]
    """What was appended to the event log."""
    waits: tuple[Wait, ...]
    """The drifts whose recommendations open no episode yet."""
    attention: Attention
    """With the state that the fleet has while something is being repaired."""
    acting: "Round | None"


class Planned(NamedTuple):
    """What a run leaves behind."""

    last_run: LastRun
    """For the checkpoint."""
    rows: History | None
    """For the history; None where none is kept."""


def record(
    emitter: Emitter,
    settings: Settings,
    inputs: Inputs,
    decision: Decision,
    taken_s: Mapping[str, float],
    is_live: bool = True,
) -> Recorded:
    """Write what was decided, and remember the run of that moment, with the seconds that its steps took so far.

    The history's files are named in the emitter's intent, so that they and the events come together or not at all.
    A history on object storage cannot be: it follows the commit.
    """
    before = emitter.last_run
    acting, attention = _act(emitter, settings, inputs, decision, is_live)
    root = settings.history_root()
    if emitter.generation == 1:
        _follow_generation(emitter, root)
    found = plan_record(settings, inputs, decision, attention, taken_s, emitter.generation)
    files = _prepare(emitter, root, found.rows) if found.rows is not None and isinstance(root, Path) else []
    # Before the commit: the world of a run that is killed behind it would be in the history, and nowhere to be read again.
    _archive(emitter, settings, inputs, found.last_run.as_of)
    committed = acting.commit_with(found.last_run.state) if acting else _put_away(emitter.acting)
    events = emitter.commit(decision.transitions, found.last_run, files, committed)
    if found.rows is not None:
        _finish_history(emitter, root, found, before.as_of if before is not None and is_live else None)
    if acting is not None:
        emitter.warnings += _show_acting(settings, acting)
    return Recorded(events, decision.waits, attention, acting)


def plan_record(
    settings: Settings,
    inputs: Inputs,
    decision: Decision,
    attention: Attention,
    taken_s: Mapping[str, float],
    generation: int,
) -> Planned:
    """Return what a run leaves, as its number of the history; nothing is read or written."""
    as_of = decision.concluded.as_of
    outcome = outcome_of(inputs.desired)
    last_run = remember_run(decision.judgement, attention, outcome, as_of)._replace(
        waits=decision.waits,
        settling=decision.settling,
        taken_s=taken_s,
        input_fingerprint=inputs.fingerprint,
        inventory=str(settings.inventory.absolute()),
    )
    if not settings.keep_history:
        return Planned(last_run, None)
    prints = (inputs.rules_fingerprint, inputs.inventory_fingerprint, inputs.world_fingerprint)
    facts = _facts(generation, as_of, outcome, inputs.fingerprint, *prints)
    return Planned(last_run, record_runs(facts, inputs.desired, decision.judgement))


def _act(
    emitter: Emitter, settings: Settings, inputs: Inputs, decision: Decision, is_live: bool
) -> tuple["Round | None", Attention]:
    """Return what acting comes to, and the recommendations with the state that they have then; nothing where it is off."""
    attention = decision.attention
    if settings.actions.automation is Automation.OFF:
        return None, attention
    from flows.run.acting.round import Given, act_in_run

    as_of = decision.concluded.as_of
    recommended = give_evidence({as_of: decision.concluded.recommendations}, decision.judgement.drift)
    given = Given(
        inputs=inputs,
        judgement=decision.judgement,
        recommended=tuple(recommended.get(as_of, ())),
        episodes=tuple(decision.transitions.episodes.values()),
        acknowledgements=attention.given,
        settling=decision.settling,
        before=emitter.acting,
        told_ids=emitter.told_ids,
        as_of=as_of,
    )
    acting = act_in_run(settings, given, is_live=is_live)
    is_partial = outcome_of(inputs.desired) is Outcome.PARTIAL
    return acting, attention.with_repairs(acting.repairing, is_partial=is_partial)


def _put_away(known: Mapping[str, object] | None) -> Acting | None:
    """Return what stays known of acting where it is off: all but what was to be seen of it."""
    if known is None or "view" not in known:
        return None
    return Acting(known={name: value for name, value in known.items() if name != "view"})


def _show_acting(settings: Settings, acting: "Round") -> list[str]:
    from flows.run.acting.round import show_round

    return [*acting.notes, *show_round(settings, acting)]


def _join_days(emitter: Emitter, root: Path | str, as_of: datetime) -> None:
    """Keep the history at few files: asked in a year, it has a thousand."""
    if not isinstance(root, Path):
        return
    try:
        emitter.warnings += join_days(root, as_of)[:1]
    except (HistoryError, EmitError) as error:
        emitter.warnings.append(f"the history is not joined: {error}")
    except OSError as error:
        emitter.warnings.append(f"the history is not joined: {error.strerror or error}")


def _follow_generation(emitter: Emitter, root: Path | str) -> None:
    """Go on behind the history's runs, where the checkpoint that counted them is lost; the run stands without."""
    try:
        emitter.skip_generations(find_generation(root))
    except HistoryError as error:
        emitter.warnings.append(f"runs are numbered from 1 again: {error}")


def record_without_conclusion(
    emitter: Emitter, settings: Settings, outcome: Outcome, error: str, as_of: datetime
) -> None:
    """Remember a run that came to no conclusion: the last state stands, and the history shows the gap."""
    emitter.note_skipped(as_of, error, outcome)
    if settings.keep_history:
        _write(
            emitter,
            settings.history_root(),
            record_runs(_facts(emitter.generation, as_of, outcome, NO_INPUT, NO_INPUT, "", "")),
        )


def _write(emitter: Emitter, root: Path | str, rows: History) -> None:
    """Write rows that no commit waits for: the run stands without them."""
    try:
        write_run(root, rows)
    except HistoryError as error:
        emitter.warnings.append(f"this run is not in the history: {error}")
    except OSError as error:
        emitter.warnings.append(f"this run is not in the history: {error.filename or root}: {error.strerror or error}")


def _prepare(emitter: Emitter, root: Path, rows: History) -> list[Pending]:
    if emitter.generation > 1 and not (root / FOLDER).exists():
        emitter.warnings.append(f"{root / FOLDER}: the history of earlier runs is not there; it begins anew")
    sweep_temporaries(root.absolute())
    return prepare_run(root.absolute(), rows)


def _finish_history(emitter: Emitter, root: Path | str, found: Planned, before: datetime | None) -> None:
    """Write what could not wait for the commit, or join the days; `before` is the live run before this live one."""
    as_of = found.last_run.as_of
    if found.rows is not None and not isinstance(root, Path):
        _write(emitter, root, found.rows)
    elif before is not None and is_due(before, as_of, emitter.generation):
        _join_days(emitter, root, as_of)


def _facts(
    generation: int, as_of: datetime, outcome: Outcome, input_: str, rules: str, *sources: str
) -> DataFrame[RunFacts]:
    inventory, world = sources
    facts = {
        "as_of": as_of,
        "run_id": derive_run_id(input_, rules, as_of),
        "generation": generation,
        "outcome": outcome.value,
        "source": LIVE,
        "host": socket.gethostname(),
        "input_fingerprint": input_,
        "rules_fingerprint": rules,
        "inventory_fingerprint": inventory,
        "world_fingerprint": world,
    }
    return RunFacts.validate(pl.DataFrame([facts], schema=dtypes(RunFacts)))


def _archive(emitter: Emitter, settings: Settings, inputs: Inputs, as_of: datetime) -> None:
    """Keep the inputs as they were read; the run stands without, so that a full disk is a warning here."""
    if not settings.keep_archive or inputs.world_size_bytes > settings.archive_max_world_bytes:
        return
    try:
        with edit_archive(settings.places.state_dir) as archive:
            archive.add_world(inputs.world_files)
            if not archive.has_inventory(as_of, inputs.inventory_fingerprint):
                archive.add_inventory(as_of, inputs.read_inventory_files())
    except (HistoryError, InventoryError, EmitError) as error:
        emitter.warnings.append(f"this world is not in the archive: {error}")
    except OSError as error:
        emitter.warnings.append(f"this world is not in the archive: {os.strerror(error.errno or 0)}")
