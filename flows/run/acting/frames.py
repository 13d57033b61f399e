"""What deciding what may be done looks at, from both states: judged as every run judges."""

from datetime import datetime
from typing import NamedTuple

from flows.run.acting.look import make_sight
from flows.run.conclude import to_recommended
from flows.run.judge import judge
from schemas.actual import Actual
from schemas.desired import Desired
from schemas.episode import Recommended
from schemas.rules import Rules
from schemas.run import Judgement
from schemas.sight import Sight


class RunFrames(NamedTuple):
    """One run, judged."""

    sight: Sight
    recommended: tuple[Recommended, ...]
    judgement: Judgement
    world_at: datetime


def look_at_run(desired: Desired, actual: Actual, rules: Rules) -> RunFrames:
    """Judge one snapshot, and return what acting is decided on; pure."""
    judgement = judge(desired, actual, rules)
    sight = make_sight(desired, actual, judgement, rules)
    return RunFrames(sight, to_recommended(judgement), judgement, judgement.summary["world_at"][0])
