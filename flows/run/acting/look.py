"""The frames of one run as deciding looks at them."""

import polars as pl

from flows.run.gather import Inputs
from schemas.actual import ObservedService
from schemas.frame import columns, dtypes
from schemas.rules import Rules
from schemas.run import Judgement
from schemas.sight import Sight
from schemas.words import Health


def make_sight(inputs: Inputs, judgement: Judgement, rules: Rules) -> Sight:
    """Return what was asked for, what was seen, and the difference."""
    actual = inputs.actual
    desired = inputs.desired.services.select("node", "service", is_desired=pl.lit(True))
    is_healthy = pl.col("status").is_in(sorted(rules.healthy_words))
    health = pl.when(is_healthy).then(pl.lit(Health.HEALTHY)).otherwise(pl.lit(Health.UNHEALTHY))
    seen = actual.services.join(desired, on=["node", "service"], how="left", maintain_order="left").with_columns(
        is_desired=pl.col("is_desired").fill_null(False),
        health=health.cast(dtypes(ObservedService)["health"]),
        since_at=pl.lit(None, dtypes(ObservedService)["since_at"]),
        healthy_count=is_healthy.cast(pl.UInt32),
        container_count=pl.lit(1, pl.UInt32),
        containers=pl.lit(None, pl.String),
        file=pl.lit("services.json"),
    )
    observed = ObservedService.validate(seen.select(columns(ObservedService)))
    return Sight(inputs.desired, judgement.drift, observed, actual.nodes, actual.deployments)
