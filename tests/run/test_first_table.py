"""The table that ACTIONS opens with: a container dies at 0:00:15, and what the smallest policy does about it when."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.memory import Memory
from schemas.scene import Finding
from schemas.words import DriftKind, HeldBy, Severity
from tests.helpers.acting import Lab, at

WEB = "piha/web"
SETTLING = Finding(DriftKind.UNHEALTHY_SERVICE, Severity.ERROR, HeldBy.SETTLING)


@pytest.mark.parametrize(
    ("every_s", "is_new", "mended_after_s", "says_starting", "story"),
    [
        pytest.param(30, False, 20, False, "00:01:30 start, 00:03:30 recovered, 00:32:00 lasted", id="running for long"),
        pytest.param(30, True, 20, False, "00:10:00 start, 00:12:00 recovered, 00:40:30 lasted", id="just switched on"),
        pytest.param(300, True, 20, False, "00:10:00 start, 00:20:00 recovered, 00:45:00 lasted", id="every 5 min"),
        pytest.param(30, False, 240, True, "00:01:30 start, 00:06:30 recovered, 00:35:30 lasted", id="4 min to be healthy"),
        pytest.param(30, False, 720, False, "00:01:30 start, 00:12:00 not_recovered, 00:43:30 lasted", id="12 min, and no word"),
    ],
)  # fmt: skip
def test_a_dead_container_is_repaired_at_these_moments(every_s, is_new, mended_after_s, says_starting, story):
    lab = Lab()
    lab.memory = Memory() if is_new else replace(lab.memory, last_run=at("00:00") - timedelta(seconds=every_s))

    assert tell(lab, every_s, timedelta(seconds=mended_after_s), says_starting=says_starting) == story


def tell(lab, every_s, mended_after, *, says_starting):
    """Return what happens within an hour, where the container dies at 0:00:15 and is well some time after a start."""
    happened, started_at = [], None
    for now in (at("00:00") + timedelta(seconds=every_s * step) for step in range(3600 // every_s)):
        if now == at("00:00") + timedelta(seconds=every_s):
            lab.break_it(WEB)
        if started_at and says_starting and now > started_at:
            lab.mend(WEB)
            lab.findings[WEB] = [SETTLING]
        if started_at and now >= started_at + mended_after:
            lab.mend(WEB)
        lab.run(now)
        happened += [
            f"{now.time()} {getattr(record, 'outcome', None) or record.reason}"
            for record in lab.decided.records
            if record.kind in {"verified", "problem_closed"}
        ]
        if any(decision.verdict == "start" for decision in lab.decided.decisions):
            lab.end(lab.start(WEB, now), now + timedelta(seconds=5))
            started_at = now
            happened.append(f"{now.time()} start")
    return ", ".join(happened)
