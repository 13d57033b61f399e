"""The numbers of acting (ACTIONS 11), with their defaults: one model, of which a rule may set some for itself."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from schemas.rules import Count, Duration
from schemas.setting import STRICT, Bound, Read, setting

Share = Annotated[Decimal, Bound(ge=0, le=1)]
"""A decimal, so that its products are exact."""


class Automation(StrEnum):
    """The fleet's highest mode; off: nothing of acting is read or written."""

    OFF = "off"
    OBSERVE = "observe"
    SUGGEST = "suggest"
    APPROVE = "approve"
    AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many starts within a sliding window."""

    __pydantic_config__ = STRICT

    count: Count
    window: Annotated[Duration, Bound(gt=timedelta(0))]
    """Within nothing there would be no limit."""

    def __str__(self) -> str:
        """Return it as settings write it: `6/1h`."""
        hours = self.window.total_seconds() / 3600
        return f"{self.count}/{hours:g}h"


def parse_rate(value: object) -> object:
    """Return the rate that a text such as `6/1h` names; anything else as it is."""
    if not isinstance(value, str):
        return value
    count, slash, window = value.partition("/")
    if not slash or not count.strip().isdecimal():
        raise ValueError("expected so many in a duration, such as 6/1h")
    return {"count": int(count), "window": window.strip()}


Rated = Annotated[Rate, Read(parse_rate)]


def _hours(count: int) -> timedelta:
    return timedelta(hours=count)


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def _seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Every number that a decision depends on."""

    __pydantic_config__ = STRICT

    automation: Automation = setting(Automation.OFF, "the fleet's highest mode; off: nothing is decided")
    act_world_ttl: Duration = setting(_minutes(3), "an older world starts nothing")
    clock_skew: Duration = setting(_seconds(60), "more than this into the future is a wrong clock")
    max_unhealthy_share: Share = setting(Decimal("0.4"), "of the services may be missing or unhealthy")
    max_unhealthy_min: Count = setting(3, "and so many in any case")
    max_offline_share: Share = setting(Decimal("0.34"), "of the nodes may be offline or suspect")
    max_offline_min: Count = setting(1, "and so many in any case")
    storm_cooldown: Duration = setting(_minutes(10), "rest after too many were unhealthy at once")
    start_grace: Duration = setting(_minutes(10), "rest after a gap, a node's return or a maintenance")
    act_after: Duration = setting(_seconds(60), "a recommendation must stand so long")
    act_after_worlds: Count = setting(2, "in so many distinct worlds")
    settle: Duration = setting(_seconds(30), "a world counts from so long after the end of an attempt")
    confirm_span: Duration = setting(_seconds(60), "recovered is clean over this span")
    worse_span: Duration = setting(_minutes(3), "harm must last so long to be one")
    stable_for: Duration = setting(_minutes(30), "observed clean time that ends a problem")
    verify_within: Duration = setting(_minutes(10), "deadline of success")
    verify_grace: Duration = setting(_minutes(15), "silence after it that makes the outcome unknown")
    cooldown: Duration = setting(_minutes(30), "rest of a target between attempts")
    cooldown_factor: Annotated[Count, Bound(le=1000)] = setting(2, "by which it grows with each failure")
    cooldown_max: Duration = setting(_hours(6), "and its end")
    no_effect_cooldown: Duration = setting(_minutes(5), "rest after an attempt that sent nothing")
    max_no_effect: Count = setting(3, "so many of those in a problem need a person")
    timeout: Annotated[Duration, Bound(gt=timedelta(0))] | None = setting(None, "of the backend; default the verb's")
    window_margin: Duration | None = setting(None, "a window must stay open so long; default the timeout")
    max_concurrent: Count = setting(2, "open attempts in the fleet")
    rate_target: Rated = setting(Rate(count=4, window=_hours(24)), "starts on one target")
    rate_node: Rated = setting(Rate(count=6, window=_hours(1)), "starts on one node")
    rate_fleet: Rated = setting(Rate(count=6, window=_hours(1)), "starts in the fleet")
    budget: Rated = setting(Rate(count=20, window=_hours(24)), "starts in the fleet over the day")
    rate_diagnostics: Rated = setting(Rate(count=10, window=_hours(1)), "diagnostics in the fleet")
    collateral_share: Share = setting(Decimal("0.25"), "of the services may depend on what is restarted")
    collateral_min: Count = setting(3, "so many in any case")
    collateral_max: Count = setting(10, "and never more: a person is asked")
    breaker_failures: Count = setting(3, "failures of different problems in a row, in the fleet")
    breaker_node_failures: Count = setting(2, "the same on one node")
    breaker_cooldown: Duration = setting(_hours(2), "rest of the breaker")
    breaker_max: Duration = setting(_hours(24), "and its end, however often it is doubled")
    approval_ttl: Duration = setting(_hours(1), "an unused approval ends")
    approvals: Count = setting(1, "so many different people must say yes")
    dangerous_approvals: Count = setting(1, "the same for the dangerous class")
    failover_after: Duration = setting(_minutes(15), "a node must be offline so long")
    reject_hold: Duration = setting(_hours(24), "a rejected intent is not asked again")
    max_hold: Duration = setting(timedelta(days=30), "the longest hold")
    max_override: Duration = setting(_hours(4), "the longest override")

    @property
    def longest_window(self) -> timedelta:
        """How far back a start counts for any rate."""
        rates = (self.rate_target, self.rate_node, self.rate_fleet, self.budget, self.rate_diagnostics)
        return max(rate.window for rate in rates)


RULE_NUMBERS = frozenset(
    {
        "act_after", "act_after_worlds", "settle", "confirm_span", "worse_span", "stable_for", "verify_within",
        "verify_grace", "cooldown", "cooldown_factor", "cooldown_max", "timeout", "window_margin", "approval_ttl",
        "approvals", "failover_after",
    }
)  # fmt: skip
"""The numbers that a rule may set too."""
