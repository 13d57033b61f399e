"""Of how much a state is said, in words (SEMANTICS 6)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flows.text.spoken import spoken_moment, spoken_since
from schemas.spoken import count

MOST_NAMED = 3


def say_extent(summary: Mapping[str, Any], as_of: datetime) -> str:
    """Return of how many services and nodes a summary speaks, what is planned, and how old the newest record is."""
    parts = [say_asked(summary)]
    if summary["planned_count"]:
        until = summary["planned_until"]
        end = f"until {spoken_moment(until)}" if until else "for good"
        parts.append(f"{summary['planned_count']} planned to be away, {end}")
    newest = summary["newest_service_at"]
    if newest is not None:
        parts.append(f"the newest service record is {spoken_since(newest, as_of)} old")
    return "; ".join(parts)


def say_asked(summary: Mapping[str, Any]) -> str:
    """Return how many of the services that are asked for are as asked."""
    services, nodes = summary["asked_service_count"], summary["asked_node_count"]
    if not services:
        return "no service is asked for"
    where = f"on {count(nodes, 'node')}"
    well = summary["well_service_count"]
    if well == services:
        return f"{count(services, 'service')} {where}, {'all ' if services > 1 else ''}as asked"
    return f"{well:,} of {count(services, 'service')} {where} as asked"


def name_some(names: Sequence[str]) -> str:
    """Return the first of the names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"
