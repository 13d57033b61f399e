"""What a run says of attempts."""

from datetime import timedelta

from schemas.ledger_words import AttemptOutcome
from schemas.memory import Memory
from schemas.scene import Asked, Finding, Scene
from schemas.words import DriftKind, Severity
from stages.settle_attempts import settle_attempts
from tests.helpers.acting import NOON, target
from tests.stages.test_fold_ledger import OPENED, begun, came_to, ended, fold, proposed

STARTED_TWICE = (proposed("auto"), OPENED, begun(), begun(), ended())
LATER = {"as_of": NOON + timedelta(hours=1), "world_at": NOON + timedelta(hours=1)}


def test_the_outcome_of_an_intent_that_was_started_twice_is_said_once():
    settled = settle_attempts(fold(*STARTED_TWICE), Scene(**LATER), Memory(), Memory())

    assert [row.intent_id for row in settled.verified] == ["i"]
    assert settled.outcomes == {3: AttemptOutcome.SUPERSEDED, 4: AttemptOutcome.SUPERSEDED}


def test_the_relapse_of_an_intent_that_was_started_twice_is_said_once():
    web = target("piha/web")
    dirty = {web: (Finding(DriftKind.UNHEALTHY_SERVICE, Severity.ERROR),)}
    scene = Scene(asked={web: Asked()}, findings=dirty, **LATER)
    book = fold(*STARTED_TWICE, came_to(AttemptOutcome.RECOVERED))

    settled = settle_attempts(book, scene, Memory(), Memory())

    assert [row.intent_id for row in settled.relapsed] == ["i"]
    assert settled.outcomes == {3: AttemptOutcome.RELAPSED, 4: AttemptOutcome.RELAPSED}
