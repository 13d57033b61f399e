"""What deciding what may be done looks at, from both states: judged as every run judges."""

from datetime import datetime
from typing import NamedTuple

import polars as pl
from pandera.typing.polars import DataFrame

from flows.run.conclude import to_recommended
from flows.run.judge import judge
from schemas.actual import Actual, ObservedService
from schemas.desired import Desired
from schemas.episode import Recommended
from schemas.frame import columns, dtypes
from schemas.rules import Rules
from schemas.run import Judgement
from schemas.sight import Sight
from schemas.words import Health


class RunFrames(NamedTuple):
    """One run, judged."""

    sight: Sight
    recommended: tuple[Recommended, ...]
    judgement: Judgement
    world_at: datetime


def look_at_run(desired: Desired, actual: Actual, rules: Rules) -> RunFrames:
    """Judge one snapshot, and return what acting is decided on; pure."""
    judgement = judge(desired, actual, rules)
    sight = Sight(desired, judgement.drift, _observe(desired, actual, rules), actual.nodes, actual.deployments)
    return RunFrames(sight, to_recommended(judgement), judgement, judgement.summary["world_at"][0])


def _observe(desired: Desired, actual: Actual, rules: Rules) -> DataFrame[ObservedService]:
    known = desired.services.select("node", "service", is_desired=pl.lit(True))
    is_healthy = pl.col("status").is_in(sorted(rules.healthy_words))
    health = pl.when(is_healthy).then(pl.lit(Health.HEALTHY)).otherwise(pl.lit(Health.UNHEALTHY))
    seen = actual.services.join(known, on=["node", "service"], how="left", maintain_order="left").with_columns(
        is_desired=pl.col("is_desired").fill_null(False),
        health=health.cast(dtypes(ObservedService)["health"]),
        healthy_count=is_healthy.cast(pl.UInt32),
        container_count=pl.lit(1, pl.UInt32),
        containers=pl.lit(None, pl.String),
        file=pl.lit("services.json"),
    )
    return ObservedService.validate(seen.select(columns(ObservedService)))
