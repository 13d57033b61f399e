"""What is applied on top of the pure judgement: acknowledgements to the state, patience and flapping to episodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pandera.typing.polars import DataFrame

from flows.errors import SupervisorError
from flows.ledger.acknowledgements import read_acknowledgements
from flows.run.gather import Inputs
from flows.settings import Settings
from flows.text.spoken import instant
from schemas.acknowledgement import Acknowledgement
from schemas.episode import Episode, Judged, Key, Target
from schemas.rules import spell_patience
from schemas.run import Judgement, Summary
from schemas.wait import Patience, Wait
from schemas.words import DriftKind
from stages.acknowledge import Acknowledged, acknowledge
from stages.date import date_worlds
from stages.debounce import Debounced, debounce
from stages.flap import divert_flapping
from stages.summarize import summarize


@dataclass(frozen=True)
class Attention:
    """A run's recommendations, apart, and the state without those that are acknowledged."""

    acknowledged: Acknowledged
    summary: DataFrame[Summary]
    notes: tuple[str, ...] = ()
    given: tuple[Acknowledgement, ...] = ()
    """All acknowledgements, as they were read."""

    def describe(self, row: Mapping[str, object]) -> dict[str, str | None] | None:
        """Return who acknowledged a recommendation, as plain values; None where nobody did."""
        by = self.acknowledged.by.get(Target(str(row["node"]), str(row["service"])))
        return None if by is None else {"owner": by.owner, "reason": by.reason, "until": instant(by.until)}


def attend(settings: Settings, inputs: Inputs, judgement: Judgement, as_of: datetime) -> Attention:
    """Return the run's recommendations as they are acknowledged; a broken file of them acknowledges nothing."""
    given: tuple[Acknowledgement, ...] = ()
    notes: tuple[str, ...] = ()
    try:
        given = read_acknowledgements(settings.state_dir.absolute())
    except SupervisorError as error:
        notes = (f"{error}; nothing is acknowledged in this run",)
    found = acknowledge(judgement.recommendations, given, as_of)
    if found.acknowledged.is_empty():
        return Attention(found, judgement.summary, (*notes, *_remarks(found)), given)
    summary = summarize(judgement.drift, found.standing, date_worlds(inputs.actual), inputs.actual)
    return Attention(found, summary, (*notes, *_remarks(found)), given)


def _remarks(found: Acknowledged) -> tuple[str, ...]:
    unmatched = (
        f"the acknowledgement of {'/'.join(row.target)} by {row.owner} matches nothing; 'supervisor ack remove' ends it"
        for row in found.unmatched
    )
    lapsed = (
        f"the acknowledgement of {'/'.join(row.target)} by {row.owner} ran out at {row.until:%Y-%m-%dT%H:%M:%SZ}"
        for row in found.lapsed
    )
    return (*unmatched, *lapsed)


def attend_episodes(
    settings: Settings, judged: Judged, episodes: Mapping[Key, Episode], waits: tuple[Wait, ...]
) -> Debounced:
    """Return the conclusions as the episodes get to see them; with the default settings, just as they are."""
    if settings.flapping_diagnostics:
        judged = divert_flapping(judged, episodes, settings.flapping_openings, settings.flapping_window)
    if not settings.open_after:
        return Debounced(judged, ())
    return debounce(judged, episodes, waits, settings.open_after)


def remark_waits(waits: tuple[Wait, ...], open_after: Mapping[DriftKind, Patience]) -> tuple[str, ...]:
    """Return a sentence for each drift that waits."""
    return tuple(
        f"{'/'.join(wait.target)}: no episode opens yet, {wait.kind} was seen in {wait.run_count} run(s) since"
        f" {wait.first_seen_at:%H:%M:%SZ} and must last {spell_patience(open_after.get(wait.kind, Patience()))}"
        for wait in waits
    )
