"""The numbers of acting (ACTIONS 11), with their defaults: one model, of which a rule may set some for itself."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.rules import Count, Duration

Share = Annotated[Decimal, Field(ge=0, le=1)]
"""A decimal, so that its products are exact."""


class Automation(StrEnum):
    """The fleet's highest mode; off: nothing of acting is read or written."""

    OFF = "off"
    OBSERVE = "observe"
    SUGGEST = "suggest"
    APPROVE = "approve"
    AUTO = "auto"


class Rate(BaseModel):
    """So many starts within a sliding window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: Count
    window: Annotated[Duration, Field(gt=timedelta(0))]
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


Rated = Annotated[Rate, BeforeValidator(parse_rate)]


def _hours(count: int) -> timedelta:
    return timedelta(hours=count)


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def _seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


class Numbers(BaseModel):
    """Every number that a decision depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # a run that decides nothing needs none

    automation: Automation = Field(Automation.OFF, description="the fleet's highest mode; off: nothing is decided")
    act_world_ttl: Duration = Field(_minutes(3), description="an older world starts nothing")
    clock_skew: Duration = Field(_seconds(60), description="more than this into the future is a wrong clock")
    max_unhealthy_share: Share = Field(Decimal("0.4"), description="of the services may be missing or unhealthy")
    max_unhealthy_min: Count = Field(3, description="and so many in any case")
    max_offline_share: Share = Field(Decimal("0.34"), description="of the nodes may be offline or suspect")
    max_offline_min: Count = Field(1, description="and so many in any case")
    storm_cooldown: Duration = Field(_minutes(10), description="rest after too many were unhealthy at once")
    start_grace: Duration = Field(_minutes(10), description="rest after a gap, a node's return or a maintenance")
    act_after: Duration = Field(_seconds(60), description="a recommendation must stand so long")
    act_after_worlds: Count = Field(2, description="in so many distinct worlds")
    settle: Duration = Field(_seconds(30), description="a world counts from so long after the end of an attempt")
    confirm_span: Duration = Field(_seconds(60), description="recovered is clean over this span")
    worse_span: Duration = Field(_minutes(3), description="harm must last so long to be one")
    stable_for: Duration = Field(_minutes(30), description="observed clean time that ends a problem")
    verify_within: Duration = Field(_minutes(10), description="deadline of success")
    verify_grace: Duration = Field(_minutes(15), description="silence after it that makes the outcome unknown")
    cooldown: Duration = Field(_minutes(30), description="rest of a target between attempts")
    cooldown_factor: Count = Field(2, le=1000, description="by which it grows with each failure")
    cooldown_max: Duration = Field(_hours(6), description="and its end")
    no_effect_cooldown: Duration = Field(_minutes(5), description="rest after an attempt that sent nothing")
    max_no_effect: Count = Field(3, description="so many of those in a problem need a person")
    timeout: Annotated[Duration, Field(gt=timedelta(0))] | None = Field(
        None, description="of the backend; default the verb's"
    )
    window_margin: Duration | None = Field(None, description="a window must stay open so long; default the timeout")
    max_concurrent: Count = Field(2, description="open attempts in the fleet")
    rate_target: Rated = Field(Rate(count=4, window=_hours(24)), description="starts on one target")
    rate_node: Rated = Field(Rate(count=6, window=_hours(1)), description="starts on one node")
    rate_fleet: Rated = Field(Rate(count=6, window=_hours(1)), description="starts in the fleet")
    budget: Rated = Field(Rate(count=20, window=_hours(24)), description="starts in the fleet over the day")
    rate_diagnostics: Rated = Field(Rate(count=10, window=_hours(1)), description="diagnostics in the fleet")
    collateral_share: Share = Field(Decimal("0.25"), description="of the services may depend on what is restarted")
    collateral_min: Count = Field(3, description="so many in any case")
    collateral_max: Count = Field(10, description="and never more: a person is asked")
    breaker_failures: Count = Field(3, description="failures of different problems in a row, in the fleet")
    breaker_node_failures: Count = Field(2, description="the same on one node")
    breaker_cooldown: Duration = Field(_hours(2), description="rest of the breaker")
    breaker_max: Duration = Field(_hours(24), description="and its end, however often it is doubled")
    approval_ttl: Duration = Field(_hours(1), description="an unused approval ends")
    approvals: Count = Field(1, description="so many different people must say yes")
    dangerous_approvals: Count = Field(1, description="the same for the dangerous class")
    failover_after: Duration = Field(_minutes(15), description="a node must be offline so long")
    reject_hold: Duration = Field(_hours(24), description="a rejected intent is not asked again")
    max_hold: Duration = Field(timedelta(days=30), description="the longest hold")
    max_override: Duration = Field(_hours(4), description="the longest override")

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
