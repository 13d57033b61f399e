"""Identity: names that two targets of the inventory would share, and how they are told apart (SEMANTICS 5)."""

import hashlib

import polars as pl

from schemas.desired import Desired
from schemas.words import ALL

TARGET = ["node", "service"]


def shared_names(desired: Desired) -> pl.DataFrame:
    """Return the targets whose `<node>-<service>` is another's as well: node, service, suffix (`~` and 8 hex digits).

    Only where one node's name begins with another's and a dash can two be alike, which is rare, and cheap to see.
    """
    nodes = desired.nodes["node"].to_list()
    known = set(nodes)
    longer = {name for name in nodes if any(start in known for start in _starts(name))}
    families = longer | {start for name in longer for start in _starts(name) if start in known}
    if not families:
        return pl.DataFrame(schema=dict.fromkeys([*TARGET, "suffix"], pl.String))
    targets = pl.concat([desired.services.select(TARGET), desired.nodes.select("node", service=pl.lit(ALL))])
    of_them = targets.filter(pl.col("node").is_in(sorted(families)))
    shared = of_them.unique().filter(pl.concat_str("node", pl.lit("-"), "service").is_duplicated()).sort(TARGET)
    suffixes = [_suffix(node, service) for node, service in shared.iter_rows()]
    return shared.with_columns(suffix=pl.Series(suffixes, dtype=pl.String))


def tell_apart(recommended: pl.DataFrame, shared: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the suffix behind the id of each that would share it."""
    if shared.is_empty():
        return recommended
    told = recommended.join(shared, on=TARGET, how="left", maintain_order="left")
    whole = pl.concat_str("recommendation_id", pl.col("suffix").fill_null(""))
    return told.with_columns(recommendation_id=whole).drop("suffix")


def _starts(name: str) -> list[str]:
    parts = name.split("-")
    return ["-".join(parts[:count]) for count in range(1, len(parts))]


def _suffix(node: str, service: str) -> str:
    return f"~{hashlib.sha256(f'{node}/{service}'.encode()).hexdigest()[:8]}"
