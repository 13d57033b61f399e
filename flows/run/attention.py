"""A run's recommendations, apart: what somebody answers for, and the state without that."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from flows.text.spoken import instant
from schemas.acknowledgement import Acknowledgement
from schemas.episode import Target
from schemas.frame import DataFrame
from schemas.run import Summary
from stages.acknowledge import Acknowledged
from stages.remediate import remediate_state


class Attention(NamedTuple):
    """A run's recommendations, apart, and the state without those that are acknowledged."""

    acknowledged: Acknowledged
    summary: DataFrame[Summary]
    notes: tuple[str, ...] = ()
    given: tuple[Acknowledgement, ...] = ()
    """All acknowledgements, as they were read."""

    def with_repairs(self, repairing: Collection[Target], *, is_partial: bool) -> "Attention":
        """Return it with the state that the fleet has while these targets are being repaired."""
        summary = remediate_state(self.summary, self.acknowledged.standing, repairing, is_partial=is_partial)
        return self._replace(summary=summary)

    def describe(self, row: Mapping[str, object]) -> dict[str, str | None] | None:
        """Return who acknowledged a recommendation, as plain values; None where nobody did."""
        by = self.acknowledged.by.get(Target(str(row["node"]), str(row["service"])))
        return None if by is None else {"owner": by.owner, "reason": by.reason, "until": instant(by.until)}
