"""What a run found and how it went: the one value that every output is made from."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from flows.ledger.event_line import WrittenEvent
from flows.run.attention import Attention
from schemas.actual import Actual
from schemas.desired import Desired
from schemas.frame import DataFrame
from schemas.outage import RunNews
from schemas.recommendation import Recommendation
from schemas.rejected import Unread
from schemas.run import Judgement, Summary
from schemas.words import Outcome, State

if TYPE_CHECKING:
    from flows.run.acting.round import Round


class RunReport(NamedTuple):
    """One run: its frames where it came to conclusions, its notes, and the time of each step in seconds."""

    as_of: datetime
    outcome: Outcome
    desired: Desired | None = None
    actual: Actual | None = None
    judgement: Judgement | None = None
    attention: Attention | None = None
    """What of the judgement is acknowledged."""
    acting: "Round | None" = None
    """What may be done, was asked and is held back; None where acting is off."""
    news: RunNews | None = None
    """What messages say of it; None where it came to no conclusion."""
    error: str | None = None
    """Why the run was skipped or failed."""
    failed_unread: DataFrame[Unread] | None = None
    """What of the inventory could not be read, where that was all of it: the run failed."""
    emit_error: str | None = None
    """Why the events, the checkpoint or the history could not be written; the next run completes them."""
    last_state: State | None = None
    last_as_of: datetime | None = None
    """For a skipped run: the last known state, which stands, and when it was judged."""
    events: tuple[WrittenEvent, ...] = ()
    """Those that the run appended to the log."""
    notes: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    """Of the notes those on messages and metrics that did not get out: nobody would miss them."""
    timings_s: Mapping[str, float] = {}

    @property
    def unread(self) -> DataFrame[Unread] | None:
        """Return what of the inventory could not be read, or is remarked on; None where it was not looked at."""
        return self.desired.unread if self.desired is not None else self.failed_unread

    @property
    def event_count(self) -> int:
        """Return how many events the run appended."""
        return len(self.events)

    @property
    def state(self) -> State | None:
        """Return the fleet's state without what is acknowledged; none where the run came to no conclusion."""
        return State(self.summary["state"][0]) if self.summary is not None else None

    @property
    def summary(self) -> DataFrame[Summary] | None:
        """Return the summary without what is acknowledged."""
        if self.attention is not None:
            return self.attention.summary
        return self.judgement.summary if self.judgement else None

    @property
    def standing(self) -> DataFrame[Recommendation] | None:
        """Return the recommendations that nobody acknowledged, in the order to act on."""
        if self.attention is not None:
            return self.attention.acknowledged.standing
        return self.judgement.recommendations if self.judgement else None

    @property
    def acknowledged_count(self) -> int:
        """Return how many recommendations are acknowledged."""
        return self.attention.acknowledged.acknowledged.height if self.attention else 0

    @property
    def last_age_s(self) -> float | None:
        """Return the age of the last known state, which stands where the run came to no conclusion."""
        return None if self.last_as_of is None else (self.as_of - self.last_as_of).total_seconds()

    @property
    def is_partial(self) -> bool:
        """Return whether a part of the inventory could not be read."""
        return self.outcome is Outcome.PARTIAL

    @property
    def exit_code(self) -> int:
        """Return 0 nominal or reconciling, 2 drift, 3 skipped, 5 not written, 1 failed or partly read."""
        if self.emit_error is not None:
            return 5
        if self.outcome is Outcome.SKIPPED:
            return 3
        if self.outcome is not Outcome.COMPLETED:
            return 1
        return 2 if self.state in {State.DEGRADED, State.UNSTABLE} else 0


def outcome_of(desired: Desired) -> Outcome:
    """Return whether the whole inventory was read, or a part of it."""
    return Outcome.COMPLETED if desired.unread["is_warning"].all() else Outcome.PARTIAL
