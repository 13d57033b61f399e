"""Settings that are plain are read without pydantic, and to the same values as it reads."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from flows.settings import Settings
from flows.text.faults import say_fault
from flows.text.values import FaultsError, _read_all, _read_strictly, read_as, write_rules
from schemas.numbers import Automation, Numbers
from schemas.rules import Rules
from schemas.setting import settings_of, spell_iso
from schemas.words import EmitMode

GIVEN: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 65535, 70_000, 10**20, 0.0, 0.5, 1.0, 1.5, -0.5, float("nan"), float("inf"), Decimal("0.3")),
    *("", "x", "on", "1", "0.5", "15m", "PT5M", "30d", "40000d", "-1s", "~/x", "a, B", "UTC", "Mars/Olympus", "6/1h", "http://x", "auto"),
    *(Path("~"), Path("/x"), timedelta(0), timedelta(minutes=5), timedelta(-1), timedelta(days=40_000)),
    *([], ["a", "B "], [1], [None], ("a",), {"a"}, frozenset({"a"}), {}, {"a": "b"}, {"a": 1}, {1: "a"}, {"a": {"b": "c"}}),
    *({"retries": 5}, {"retries": True}, {"retris": 5}, {"policy": "~/p"}, {"port": 0}, {"url": "ftp://x"}, {"redeploy": "make"}),
    *({"state_dir": "~/s"}, {"here": "/s"}, {"here": {"state_dir": "/s", "url": "http://x"}}, {"here": {"url": "ftp://x"}}),
    *({"missing_service": "3 runs"}, [{"days": "mon"}], [{"days": "never"}], Automation.AUTO, EmitMode.NONE),
)  # fmt: skip


@pytest.mark.parametrize("name", settings_of(Settings))
def test_what_is_read_as_plain_is_what_pydantic_reads(name):
    seen = Counter()
    for value in GIVEN:
        try:
            plain = _read_all(Settings, {name: value})
        except (LookupError, TypeError, ValueError):
            seen["left to pydantic"] += 1
        else:
            seen["plain"] += 1
            assert repr(plain) == repr(_read_strictly(Settings, {name: value})), value

    assert seen["left to pydantic"]


@pytest.mark.parametrize(("name", "value"), [
    ("world", Path("/x")), ("world", "~/x"), ("node_ttl", "15m"), ("max_restarts", 7), ("keep_history", False),
    ("node_alias_map", {"a": "b"}), ("log_owners", [7]), ("healthy_words", "ok, Well"), ("timezone", "Europe/Berlin"),
    ("limits", {"retries": 5}), ("actions", {"policy": "/p"}), ("sites", {"here": {"state_dir": "/s"}}), ("history", "/h"),
])  # fmt: skip
def test_common_values_are_plain(name, value):
    assert getattr(_read_all(Settings, {name: value}), name) == getattr(_read_strictly(Settings, {name: value}), name)


def test_values_that_are_none_are_told_fault_by_fault():
    with pytest.raises(FaultsError) as told:
        read_as(Settings, {"limits": {"retris": 5}, "world_ttl": "soon", "fleet_shards": 0})

    assert [fault["loc"] for fault in told.value.faults] == [("world_ttl",), ("fleet_shards",), ("limits", "retris")]


def test_a_key_that_a_rate_has_not_is_told_in_words_of_ours():
    with pytest.raises(FaultsError) as told:
        read_as(Numbers, {"rate_target": {"count": 1, "window": "1h", "per": "day"}})

    assert [say_fault(fault) for fault in told.value.faults] == ["there is no such key"]


@given(st.timedeltas())
def test_a_duration_is_spelt_as_pydantic_spells_it(duration):
    assert spell_iso(duration) == TypeAdapter(timedelta).dump_python(duration, mode="json")


def test_rules_are_written_as_pydantic_writes_them():
    rules = read_as(Rules, {"node_ttl": "36h", "maintenance": [{"days": ["mon"], "from": "01:00", "to": "02:00"}]})
    dumped = TypeAdapter(Rules).dump_python(rules, mode="json")
    ordered = {name: sorted(value, key=str) if isinstance(value, list) else value for name, value in dumped.items()}

    assert write_rules(rules) == ordered
