"""What the JSON of the interface holds, for its description alone: what is given is made by the commands' own writers."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.words import Outcome, State

Row = dict[str, Any]
Moment = str
"""An instant in UTC, as ISO 8601."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StatusDocument(_Document):
    """The last recorded run, as `supervisor status --json` gives it."""

    schema_version: int
    checkpoint: str | None = Field(description="the file that was read")
    inventory: str | None = Field(description="whose state it is")
    state: State | None = Field(description="null where nothing was recorded yet")
    state_since: Moment | None
    as_of: Moment | None
    age: str | None = Field(description="in words")
    world_at: Moment | None
    outcome: Outcome | None
    is_old: bool = Field(description="nothing was judged for run_ttl")
    counts: dict[str, int]
    because_of: list[str] = Field(description="ids of the recommendations that raise the state")
    recommendations: list[Row]
    open_episodes: list[Row]
    last_attempt: Row | None = Field(description="a run since, without conclusions")
    messages: Row | None = Field(
        description="how many wait, and how many were given up; null where none was ever to be sent"
    )
    acting: Row | None = Field(None, description="what the last run left to be seen of acting; absent where it is off")


class FleetDocument(_Document):
    """The judgement of now."""

    as_of: Moment
    problem: str | None = Field(description="why nothing can be said of the present; then there is nothing else")
    summary: Row | None = None
    drift: list[Row] = []
    recommendations: list[Row] = []
    acting: Row | None = Field(
        None, description="what is asked and held back, with every decision; null where it is off"
    )


class TargetDocument(_Document):
    """One target, as `supervisor explain NODE/SERVICE --json` gives it."""

    schema_version: int
    target: str
    names: list[str] = Field(description="what it is also called")
    as_of: Moment
    state: State
    desired: list[Row]
    members: list[Row] = Field(description="of a node or the fleet: what belongs to it")
    actual: list[Row]
    doubts: list[str]
    drift: list[Row]
    recommendation: Row | None
    decisions: list[Row] = Field(description="the rules in their order, and why each applies or does not")
    dependencies: list[Row]
    explains: list[str]
    remarks: list[str]
    episodes: list[Row]
    past: Row


class ActionsDocument(_Document):
    """What the ledger shows, as `supervisor actions list --all --json` gives it."""

    v: int
    as_of: Moment
    state: State | None
    counts: dict[str, int]
    halted: Row | None
    breakers: list[Row]
    holds: list[Row]
    actions: list[Row]


class ProblemDocument(_Document):
    """Why there is no answer."""

    detail: str
