"""What time it is: the clock's, or for tests of acting that of a file."""

from datetime import UTC, datetime
from pathlib import Path

from flows.errors import SettingsError
from flows.files.foreign import FileFaultError, read_file
from flows.settings import Settings
from schemas.numbers import Automation


def read_now(settings: Settings) -> datetime:
    """Return the moment that is taken for now: the clock's, or with `actions.clock` that of a file.

    With automation off that setting is not looked at.
    """
    path = settings.actions.clock
    if path is None or settings.actions.automation is Automation.OFF:
        return datetime.now(UTC)
    return read_clock(path)


def read_clock(path: Path) -> datetime:
    """Return the one instant that a file holds, which stands for now."""
    try:
        text = read_file(path.absolute(), max_bytes=100).data.decode("ascii").strip()
        moment = datetime.fromisoformat(text)
    except (FileFaultError, ValueError) as error:
        raise SettingsError(f"{path}: expected one instant such as 2026-06-03T12:01:00Z ({error})") from None
    if moment.tzinfo is None:
        raise SettingsError(f"{path}: {text!a} has no time zone; write 2026-06-03T12:01:00Z")
    return moment.astimezone(UTC)
