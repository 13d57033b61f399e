"""What is wrong with a plan: what two entries select, addresses that are none, and engines without TLS."""

import contextlib
from collections.abc import Mapping
from typing import Any

import polars as pl

from flows.engines.address import CONTEXT, Way, is_loopback, parse_address
from flows.engines.reasons import LookError
from flows.observer.plan import Plan
from schemas.look_words import SelectorKind


def find_doubles(plan: Plan) -> list[str]:
    """Return a sentence for each container, project or unit that two entries of a node select, with both places."""
    what = ["node", "kind", "value", "part"]
    names = plan.selectors.filter(pl.col("kind") != SelectorKind.PROBE).select(*what, "service").unique()
    twice = (
        names.join(plan.places, on=["node", "service"])
        .sort("file", "line")
        .group_by(what, maintain_order=True)
        .agg("service", "file", "line")
        .filter(pl.col("service").list.len() > 1)
    )
    return [_say_double(row) for row in twice.iter_rows(named=True)]


def _say_double(row: Mapping[str, Any]) -> str:
    (one, other), (file, here), (first, line) = (row[name][:2] for name in ("service", "file", "line"))
    there = f"line {first}" if file == here else f"{file}:{first}"
    counts = ", so that its records count for neither" if row["kind"] == SelectorKind.CONTAINER else ""
    what = f"{here}:{line}: {other} selects the {row['kind']} {row['value']!a}"
    return f"{what} that {one} in {there} selects{counts}; say it at one of them"


def find_unusable(plan: Plan) -> list[str]:
    """Return a sentence for each address of an engine that is none; what a context leads to is of each machine."""
    faults = []
    for node in plan.nodes.values():
        for text in node.addresses or ():
            try:
                _ = None if text.startswith(CONTEXT) else parse_address(text, node.tls)
            except LookError as error:
                faults.append(f"hosts/{node.node}/node.yaml: observe.docker: {error}")
    return faults


def warn_of_plain(plan: Plan) -> list[str]:
    """Return a warning for each engine that is asked over the network without TLS: whoever can reach it, is root."""
    warnings = []
    for node in plan.nodes.values():
        for text in node.addresses or ():
            with contextlib.suppress(LookError):
                address = parse_address(text, node.tls)
                if address.way is Way.TCP and address.tls is None and not is_loopback(address.host):
                    warnings.append(
                        f"{node.node}: {text} has no TLS: whoever reaches that port is root there; use ssh://, or TLS"
                    )
    return warnings
