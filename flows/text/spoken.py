"""Times as an operator says them, and as documents write them; imports nothing heavy."""

from datetime import UTC, datetime


def spoken(age_s: float) -> str:
    """Return an age as an operator says it."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if age_s < limit:
            return f"{max(age_s, 0) // size:.0f} {unit}"
    return f"{age_s // 86_400:.0f} d"


def spoken_since(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was; one in the future counts as now."""
    return spoken((now - moment).total_seconds())


def instant(moment: datetime | None) -> str | None:
    """Return an instant as ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
