"""Moments and ends of what people ask for: a duration, or a moment; else what was expected."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from flows.commands.options import parse_end, parse_since

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_an_end_is_a_duration_from_now_or_a_moment():
    ends = {
        parse_end(text, NOW, "it") for text in ("3d", "2026-05-04T00:00:00Z", "2026-05-04T02:00:00+02:00", "2026-05-04")
    }

    assert ends == {NOW + timedelta(days=3)}
    assert parse_since("3d", NOW) == NOW - timedelta(days=3)


def test_ten_digits_are_a_moment_in_unix_seconds_and_no_duration_of_decades():
    assert parse_end("1780574400", NOW, "it") == datetime(2026, 6, 4, 12, tzinfo=UTC)
    assert parse_since("1777550400", NOW) == datetime(2026, 4, 30, 12, tzinfo=UTC)
    assert parse_end("5400", NOW, "it") == NOW + timedelta(minutes=90)


@pytest.mark.parametrize("parse", [parse_since, lambda text, now: parse_end(text, now, "it")], ids=["since", "until"])
@pytest.mark.parametrize("text", ["soon", "3days", "", "3 days", "2026-13-01"])
def test_what_is_no_moment_is_told_with_what_was_expected(parse, text):
    with pytest.raises(typer.BadParameter, match="2026-05-27T18:00:00Z"):
        parse(text, NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("3days", "expected a duration such as 30d", id="a duration that is none"),
        pytest.param("2026-05-02T00:00:00", "has no time zone", id="without a zone"),
        pytest.param("0", "has passed; a hold ends in the future", id="now"),
        pytest.param("2026-04-30T00:00:00Z", "has passed", id="passed"),
        pytest.param("3000000d", "reaches beyond the year 9999|expected a duration", id="too far"),
        pytest.param("31d", "is longer than a hold may last \\(30d\\)", id="too long"),
    ],
)
def test_an_end_that_has_passed_or_is_unclear_is_refused(text, said):
    with pytest.raises(typer.BadParameter, match=said):
        parse_end(text, NOW, "a hold", timedelta(days=30))
