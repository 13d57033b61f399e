"""Moving worlds in time: as if all of them had happened so much later."""

from datetime import datetime, timedelta

import polars as pl
import polars.selectors as cs

from schemas.actual import Actual, ActualNode, ActualService, Deployment, Incident, Snapshot, TakenName
from schemas.rejected import Doubtful, Rejected


def move_times(actual: Actual, distance: timedelta, as_of: datetime) -> Actual:
    """Return one snapshot with every moment in it moved by the same distance, judged at `as_of`; nothing else changes."""

    def move(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(cs.datetime() + distance).with_columns(
            as_of=pl.lit(as_of).cast(frame.schema["as_of"])
        )

    return Actual(
        Snapshot.validate(move(actual.snapshots)),
        ActualNode.validate(move(actual.nodes)),
        ActualService.validate(move(actual.services)),
        Deployment.validate(move(actual.deployments)),
        Incident.validate(move(actual.incidents)),
        Rejected.validate(move(actual.rejected)),
        Doubtful.validate(move(actual.doubtful)),
        TakenName.validate(move(actual.taken)),
    )
