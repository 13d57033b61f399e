"""What a setting means and may be, said on plain dataclasses: pydantic takes it for its own, and is imported only then."""

import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import timedelta
from typing import Any, ClassVar, Literal

STRICT = {"extra": "forbid"}
"""For `__pydantic_config__`: a key that is no setting is refused."""


class _Said:
    """What is said of a type in `Annotated`: an iterable of what pydantic, or another reader of it, makes of it."""

    __is_annotated_types_grouped_metadata__: ClassVar[Literal[True]] = True

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError


@dataclass(frozen=True)
class Read(_Said):
    """A value is first read by this function, which raises ValueError for one that it refuses."""

    function: Callable[[Any], Any]

    def __iter__(self) -> Iterator[Any]:
        """Yield pydantic's form of it."""
        from pydantic import BeforeValidator

        yield BeforeValidator(self.function)


@dataclass(frozen=True)
class Check(_Said):
    """A value of the right type is returned by this function, or refused with ValueError."""

    function: Callable[[Any], Any]

    def __iter__(self) -> Iterator[Any]:
        """Yield pydantic's form of it."""
        from pydantic import AfterValidator

        yield AfterValidator(self.function)


@dataclass(frozen=True)
class Form(_Said):
    """A value is read by one function alone, and written by another."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]

    def __iter__(self) -> Iterator[Any]:
        """Yield pydantic's form of it."""
        from pydantic import PlainSerializer, PlainValidator

        yield from (PlainValidator(self.read), PlainSerializer(self.write))


@dataclass(frozen=True, kw_only=True)
class Bound(_Said):
    """A number or a duration lies within these; a text has this pattern."""

    ge: Any = None
    gt: Any = None
    le: Any = None
    pattern: str | None = None

    def __iter__(self) -> Iterator[Any]:
        """Yield pydantic's form of it."""
        from pydantic import Field

        yield from Field(ge=self.ge, gt=self.gt, le=self.le, pattern=self.pattern).metadata

    def holds(self, value: Any) -> bool:
        """Return whether the value does."""
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.pattern is None or re.search(self.pattern, value) is not None)
        )


def setting(default: Any, meaning: str) -> Any:
    """Return the field of a setting with its default: a value, or a function that makes one."""
    said = {"meaning": meaning}
    return field(default_factory=default, metadata=said) if callable(default) else field(default=default, metadata=said)


def settings_of(kind: Any) -> dict[str, Field[Any]]:
    """Return the settings of a model of them, or of one of its values, by their names."""
    return {setting.name: setting for setting in fields(kind)}


def default_of(setting: Field[Any]) -> Any:
    """Return what a setting is where nothing says it."""
    return setting.default if setting.default_factory is MISSING else setting.default_factory()


def meaning_of(setting: Field[Any]) -> str:
    """Return what a setting means, in a line."""
    meaning: str = setting.metadata.get("meaning", "")
    return meaning


def spell_iso(duration: timedelta) -> str:
    """Return it in ISO 8601 as pydantic does: `P1DT2H`, `PT0.2S`; a year has 365 days."""
    sign, length = ("-", -duration) if duration < timedelta(0) else ("", duration)
    years, days = divmod(length.days, 365)
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{length.microseconds:06}".rstrip("0") if length.microseconds else ""
    date = "".join(f"{count}{unit}" for count, unit in ((years, "Y"), (days, "D")) if count)
    time = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M")) if count)
    time += f"{seconds}{fraction}S" if seconds or fraction else ""
    return f"{sign}P{date}{'T' + time if time else ''}" if date or time else "PT0S"
