"""What a run reads before it decides, beside its inputs, and what it remarks on of that."""

from collections.abc import Mapping

from flows.errors import SupervisorError
from flows.ledger.acknowledgements import read_acknowledgements
from flows.ledger.checkpoint import Known, read_known
from flows.run.attention import Attention
from flows.run.decide import Before, Habits, Prints
from flows.run.gather import Inputs
from flows.settings import Settings
from schemas.acknowledgement import Acknowledgement
from schemas.episode import Episode, Key
from schemas.last_run import LastRun
from schemas.spoken import count, spoken
from schemas.wait import Patience, Wait
from schemas.words import DriftKind
from stages.acknowledge import Acknowledged

__all__ = ["Attention", "habits_of", "prints_of", "read_before", "recall", "remark", "remark_waits"]


def recall(settings: Settings) -> tuple[Known, tuple[str, ...]]:
    """Return what the runs before left, for a run that writes nothing, and a note where that cannot be read."""
    try:
        return read_known(settings.places.checkpoint) or Known(), ()
    except SupervisorError as error:
        return Known(), (f"{error}; what earlier runs left is not looked at",)


def read_before(
    settings: Settings, episodes: Mapping[Key, Episode], last_run: LastRun | None
) -> tuple[Before, tuple[str, ...]]:
    """Return what was before, and a note where a broken file of acknowledgements acknowledges nothing."""
    given: tuple[Acknowledgement, ...] = ()
    notes: tuple[str, ...] = ()
    try:
        given = read_acknowledgements(settings.places.state_dir)
    except SupervisorError as error:
        notes = (f"{error}; nothing is acknowledged in this run",)
    waits, settling = (last_run.waits, last_run.settling) if last_run else ((), ())
    return Before(episodes=episodes, waits=waits, settling=settling, acknowledgements=given), notes


def habits_of(settings: Settings) -> Habits:
    """Return what the settings say of episodes."""
    return Habits(
        open_after=settings.open_after,
        flapping_diagnostics=settings.flapping_diagnostics,
        flapping_openings=settings.flapping_openings,
        flapping_window=settings.flapping_window,
        emit_mode=settings.emit_mode,
    )


def prints_of(inputs: Inputs) -> Prints:
    """Return what the inputs are told by."""
    return Prints(input=inputs.fingerprint, rules=inputs.rules_fingerprint)


def remark(found: Acknowledged) -> tuple[str, ...]:
    """Return a sentence for each acknowledgement that has no use any more."""
    unmatched = (
        f"the acknowledgement of {'/'.join(row.target)} by {row.owner} matches nothing; 'supervisor ack remove' ends it"
        for row in found.unmatched
    )
    lapsed = (
        f"the acknowledgement of {'/'.join(row.target)} by {row.owner} ran out at {row.until:%Y-%m-%d %H:%M} UTC"
        for row in found.lapsed
    )
    return (*unmatched, *lapsed)


def remark_waits(waits: tuple[Wait, ...], open_after: Mapping[DriftKind, Patience]) -> tuple[str, ...]:
    """Return a sentence for each drift that waits."""
    return tuple(
        f"{'/'.join(wait.target)}: no episode opens yet, {wait.kind} was seen in {count(wait.run_count, 'run')} since"
        f" {wait.first_seen_at:%H:%M:%S} UTC and must last {_say(open_after.get(wait.kind, Patience()))}"
        for wait in waits
    )


def _say(patience: Patience) -> str:
    if patience.run_count:
        return count(patience.run_count, "run")
    return spoken(patience.duration.total_seconds())
