"""Services that nobody calls jobs, and that are: never restarted, and awaited until they are done (SEMANTICS 2)."""

import polars as pl

from schemas.words import RunMode


def mark_jobs(services: pl.DataFrame, dependencies: pl.DataFrame) -> pl.DataFrame:
    """Return the services with `run` once where `restart` says no and a dependant waits for the completion."""
    completions = dependencies.filter("is_completion")
    if not completions.height or not services["is_never_restarted"].any():
        return services
    everywhere = (
        completions.filter(pl.col("node").is_null()).drop("node").join(services.select("node", "service"), on="service")
    )
    awaited = pl.concat(
        [frame.select("node", service="dependency") for frame in (completions.drop_nulls("node"), everywhere)]
    ).unique()
    joined = services.join(awaited.with_columns(is_awaited=pl.lit(True)), on=["node", "service"], how="left")
    is_job = pl.col("is_never_restarted") & pl.col("is_awaited").fill_null(False) & (pl.col("run") == RunMode.SERVICE)
    once = pl.lit(RunMode.ONCE, dtype=pl.Enum(RunMode))
    return joined.with_columns(run=pl.when(is_job).then(once).otherwise("run")).select(services.columns)
