"""Which deployments are an attempt's own."""

from datetime import timedelta

import pytest

from schemas.attempt import Attempt
from schemas.executor_record import AttemptNumbers, Basis
from schemas.verb import Verb
from schemas.verification import is_foreign
from tests.helpers.acting import NOON

SECOND = timedelta(seconds=1)


def attempt(verb, *, has_ended=True):
    return Attempt(
        n=1, intent_id="i", node="piha", service="web", verb=verb, params={}, number=1, problem_at=NOON, started_at=NOON, fence=1,
        step_hash=None, desired_hash=None, numbers=AttemptNumbers(), basis=Basis(world_at=NOON, causing_kinds=(), severity="error"),
        ended_at=NOON + 10 * SECOND if has_ended else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "after_s", "key", "is_ours"),
    [
        pytest.param(Verb.REDEPLOY, 5, "", True, id="begun while a redeployment ran"),
        pytest.param(Verb.RESTART, 5, "", True, id="begun while a restart ran, which makes what is missing"),
        pytest.param(Verb.REDEPLOY, 11, "", False, id="begun when it had ended"),
        pytest.param(Verb.REDEPLOY, -1, "", False, id="begun before"),
        pytest.param(Verb.CLEANUP, 5, "", False, id="a cleanup deploys nothing"),
        pytest.param(Verb.REDEPLOY, 99, "i", True, id="it names the intent"),
    ],
)
def test_a_deployment_is_ours_while_we_deploy_or_where_it_names_the_intent(verb, after_s, key, is_ours):
    assert is_foreign(NOON + after_s * SECOND, key, attempt(verb)) is not is_ours


def test_one_begun_in_an_attempt_without_an_end_is_ours():
    assert not is_foreign(NOON + timedelta(hours=1), "", attempt(Verb.REDEPLOY, has_ended=False))
