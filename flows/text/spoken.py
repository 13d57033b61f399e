"""How people read times, shares, names, and how documents write instants; durations, counts: `schemas.spoken`.

Files, JSON and messages stay in UTC; what people read has the zone of `use_zone`. Imports nothing heavy.
"""

import re
from datetime import UTC, datetime, tzinfo

from schemas.spoken import spoken
from schemas.words import ALL

_DAY = 86_400
MOMENT = "%Y-%m-%d %H:%M"
_SPELT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


class _Reader:
    """Who reads what this process says: the same for all of its threads, as a locale is."""

    zone: tzinfo | None = UTC


def use_zone(zone: tzinfo | None) -> None:
    """Let people read times in this zone from now on; None is this machine's."""
    _Reader.zone = zone


def read_zone(name: str) -> tzinfo | None:
    """Return the zone of a name of the IANA database, None for `local`; ValueError where there is none of that name."""
    from zoneinfo import ZoneInfo

    if name == "local":
        return None
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError("expected UTC, local, or a time zone such as Europe/Berlin") from None


def local(moment: datetime) -> datetime:
    """Return a moment in the zone that people read."""
    return moment.astimezone(_Reader.zone)


def zone_name(moment: datetime) -> str:
    """Return what that zone is called at a moment, such as UTC or CEST."""
    return local(moment).tzname() or "UTC"


def spoken_moment(moment: datetime) -> str:
    """Return a moment to the minute, with its zone: `2026-06-03 19:42 UTC`."""
    return f"{bare_moment(moment)} {zone_name(moment)}"


def spoken_second(moment: datetime) -> str:
    """Return a moment to the second, with its zone."""
    return f"{local(moment):%Y-%m-%d %H:%M:%S} {zone_name(moment)}"


def bare_moment(moment: datetime) -> str:
    """Return a moment for a column whose heading names the zone."""
    return f"{local(moment):{MOMENT}}"


def spoken_text(moment: str | None) -> str:
    """Return a moment that a document spells, as people read it; what is none stays as it is."""
    try:
        return spoken_moment(datetime.fromisoformat(moment)) if moment else ""
    except ValueError:
        return moment or ""


def spoken_within(sentence: str) -> str:
    """Return a sentence whose moments people read, where a document spells them."""
    return _SPELT.sub(lambda found: spoken_text(found[0]), sentence)


def spoken_clock(moment: datetime) -> str:
    """Return the time of day, to the second."""
    return f"{local(moment):%H:%M:%S}"


def spoken_since(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was; one in the future counts as now."""
    return spoken((now - moment).total_seconds())


def percent(ratio: float, observed_s: float) -> str:
    """Return a share with no more digits than so long a time can tell, and 100 % for what is whole alone."""
    digits = sum(observed_s >= limit for limit in (_DAY, 10 * _DAY, 100 * _DAY))
    size = 10**digits
    cut = int(ratio * 100 * size + 1e-6) / size
    return f"{cut:.{digits}f} %"


def size(bytes_count: int) -> str:
    """Return a size in its largest unit: `512 B`, `7.2 kB`, `1.3 GB`."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if bytes_count >= limit:
            return f"{bytes_count / limit:.1f} {unit}"
    return f"{bytes_count} B"


def spoken_target(node: str, service: str) -> str:
    """Return a target as people say it: of a node itself, its name alone."""
    return node if service == ALL else f"{node}/{service}"


def spoken_name(target: str) -> str:
    """Return the same for a target that is spelt `node/service`."""
    return spoken_target(*target.split("/", 1)) if "/" in target else target


def with_article(noun: str) -> str:
    """Return `an observer review`, `a redeploy`."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def said(word: object) -> str:
    """Return a word of ours, as people say it."""
    return str(word).replace("_", " ")


def instant(moment: datetime | None) -> str | None:
    """Return an instant as documents write it: ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
