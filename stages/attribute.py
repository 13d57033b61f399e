"""Attribute: which service of the inventory each container counts for (OBSERVER 3)."""

import polars as pl

from schemas.frame import DataFrame, columns
from schemas.look import AttributedContainer, SeenContainer
from schemas.look_words import AttributedBy, SelectorKind
from schemas.wanted import Selector, WantedService, usable_name

QUADLET = "systemd-"
"""What Podman puts before the name of a container that a unit starts."""
GUESSES = {
    AttributedBy.COMPOSE_SERVICE: ("compose_service", "compose service"),
    AttributedBy.CONTAINER_NAME: ("bare_name", "container name"),
    AttributedBy.SWARM_SERVICE: ("swarm_service", "swarm service"),
    AttributedBy.PROJECT_NAME: ("project", "project"),
}
"""What a guess compares with the inventory's names of that node, in this order, and what a note calls it."""
ONE_SERVICE, WHOLE_PROJECT = "one_service", "whole_project"
MADE_OF = {
    AttributedBy.LABEL: "its label supervisor.service",
    AttributedBy.NONE: "its project, service and name",
}


def attribute_containers(
    containers: DataFrame[SeenContainer], wanted: DataFrame[WantedService], selectors: DataFrame[Selector]
) -> DataFrame[AttributedContainer]:
    """Return the containers that count, each with the first service that its label, a selector or a guess leads to.

    One-offs and what is ignored are left out. A guess never adds to a service whose entry says which containers or
    project it is. What no entry asks for is named after its project and service, or its swarm's service, else after itself:
    a name does not depend on what else runs. A guess that could have been another has a note.
    """
    counted = containers.filter(~pl.col("is_oneoff") & ~pl.col("is_ignored"))
    named = counted.with_columns(
        bare_name=pl.col("name").str.to_lowercase().str.strip_prefix(QUADLET),
        lower_name=pl.col("name").str.to_lowercase(),
    )
    for kind, lookup, keys in _lookups(wanted, selectors):
        target = lookup.rename({"service": _hit(kind)})
        spelt = {key: pl.col(key).str.strip_chars().str.to_lowercase().alias(f"{key}_key") for key in keys}
        named = named.with_columns(spelt.values()).join(
            target, left_on=["node", *(f"{key}_key" for key in keys)], right_on=["node", *keys], how="left"
        )
        named = named.drop(f"{key}_key" for key in keys)
    named = named.with_columns(
        usable_name("declared_service").alias(_hit(AttributedBy.LABEL)),
        usable_name(_own_name()).alias(_hit(AttributedBy.NONE)),
        pl.coalesce(_hit(ONE_SERVICE), _hit(WHOLE_PROJECT)).alias(_hit(AttributedBy.PROJECT)),
    )
    service, by = _first_hit()
    found = named.with_columns(service=service, attributed_by=by).with_columns(note=_note())
    return AttributedContainer.validate(
        found.select(columns(AttributedContainer)).sort("node", "source", "container_id")
    )


def _hit(kind: str) -> str:
    """Return the column of the service that a way to find one leads to."""
    return f"of_{kind}"


def _lookups(wanted: pl.DataFrame, selectors: pl.DataFrame) -> list[tuple[str, pl.DataFrame, list[str]]]:
    """Return for each way to find a service its name, the frame `node, key.., service`, and the container's keys."""
    first = selectors.sort("node", "line", "service")
    by_kind = {kind: first.filter(pl.col("kind") == kind) for kind in SelectorKind}
    project = by_kind[SelectorKind.PROJECT].rename({"value": "project"})
    explicit = pl.concat([by_kind[SelectorKind.CONTAINER], by_kind[SelectorKind.PROJECT]])
    guessable = wanted.join(explicit, on=["node", "service"], how="anti").select("node", "service")
    one_service = project.filter(pl.col("part").is_not_null()).rename({"part": "compose_service"})
    found = [
        (AttributedBy.CONTAINER, by_kind[SelectorKind.CONTAINER].rename({"value": "lower_name"}), ["lower_name"]),
        (ONE_SERVICE, one_service, ["project", "compose_service"]),
        (WHOLE_PROJECT, project.filter(pl.col("part").is_null()), ["project"]),
        *((kind, guessable.with_columns(pl.col("service").alias(key)), [key]) for kind, (key, _) in GUESSES.items()),
    ]
    return [
        (str(kind), lookup.select("node", *keys, "service").unique(["node", *keys], keep="first"), keys)
        for kind, lookup, keys in found
    ]


def _own_name() -> pl.Expr:
    """Return what a container is called that no entry asks for."""
    project, service = pl.col("project"), pl.col("compose_service")
    both = pl.when(project == service).then(service).otherwise(pl.concat_str(project, pl.lit("-"), service))
    alone = pl.coalesce("swarm_service", "name")  # a task's own name changes with each update
    return pl.when(project.is_not_null() & service.is_not_null()).then(both).otherwise(alone)


def _first_hit() -> tuple[pl.Expr, pl.Expr]:
    """Return the service, and by what it was found; a label that no name can be made of leads nowhere."""
    service, by = pl.col(_hit(AttributedBy.NONE)), pl.lit(AttributedBy.NONE)
    for kind in reversed([kind for kind in AttributedBy if kind is not AttributedBy.NONE]):
        is_hit = pl.col(_hit(kind)).is_not_null()
        if kind is AttributedBy.LABEL:
            is_hit = pl.col("declared_service").is_not_null()
        service = pl.when(is_hit).then(pl.col(_hit(kind))).otherwise(service)
        by = pl.when(is_hit).then(pl.lit(kind)).otherwise(by)
    return service, by.cast(pl.Enum(AttributedBy))


def _note() -> pl.Expr:
    others = [
        pl.when(pl.col(_hit(kind)) != pl.col("service")).then(pl.format("{} ({})", _hit(kind), pl.lit(said)))
        for kind, (_, said) in GUESSES.items()
    ]
    words = {kind: said for kind, (_, said) in GUESSES.items()}
    by = pl.col("attributed_by").cast(pl.String).replace_strict(words, default=None, return_dtype=pl.String)
    other = pl.concat_str(others, separator=" or ", ignore_nulls=True)
    where = pl.format("container {} of {}", usable_name("name").fill_null(pl.col("container_id")), "node")
    doubtful = pl.format(
        "{} could be of {} or {} ({}): counted for {}; say which with the label supervisor.service",
        where, other, "service", by, "service",
    )  # fmt: skip
    nameless = pl.format(
        "{}: no usable name can be made of {}; not counted",
        where, pl.col("attributed_by").cast(pl.String).replace_strict(MADE_OF, default=MADE_OF[AttributedBy.NONE]),
    )  # fmt: skip
    is_doubtful = by.is_not_null() & (other.str.len_chars() > 0)
    return pl.when(pl.col("service").is_null()).then(nameless).when(is_doubtful).then(doubtful)
