"""Times as an operator says them, and as documents write them; imports nothing heavy."""

from datetime import UTC, datetime

from schemas.spoken import spoken

__all__ = ["instant", "spoken", "spoken_since"]


def spoken_since(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was; one in the future counts as now."""
    return spoken((now - moment).total_seconds())


def instant(moment: datetime | None) -> str | None:
    """Return an instant as ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
