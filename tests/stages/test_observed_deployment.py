"""OBSERVER 2.7: what was deployed, and how it went."""

from dataclasses import replace

import pytest

from schemas.look_words import WordClass
from schemas.observed import Hook
from stages.observed_deployment import advance_deployments
from tests.helpers.observed import WEB, service


def after(*services, hooks=(), deadline=600.0):
    """Return the deployments after looks that showed these services, one each."""
    known, deployments = {}, {}
    for found in services:
        deployments = advance_deployments(deployments, known, [found], hooks, found.last_seen, deadline)
        known = {WEB: found}
    return deployments


def only(deployments):
    (deployment,) = deployments.values()
    return deployment


def settling(at, ids="b", **fields):
    return service(at, word="starting", word_class=WordClass.SETTLING, ids=ids, **fields)


@pytest.mark.parametrize(
    ("looks", "count"),
    [
        pytest.param([service(0)], 0, id="the first sight is none"),
        pytest.param([service(0), service(30)], 0, id="the same containers: a restart is none"),
        pytest.param([service(0), service(30, ids="b")], 1, id="another container"),
        pytest.param([service(0), service(30, ids="ab")], 1, id="one more"),
        pytest.param([service(0), settling(30), service(60, ids="c")], 1, id="replaced twice on the way"),
        pytest.param([service(0, ids=""), service(30, ids="a")], 0, id="known without containers"),
    ],
)
def test_a_change_of_containers_is_a_deployment(looks, count):
    assert len(after(*looks)) == count


@pytest.mark.parametrize(
    ("new", "change"),
    [({"image": "i2"}, "image"), ({"config": "h2"}, "config"), ({}, "recreate")],
)
def test_a_deployment_says_what_changed(new, change):
    before, now = service(0, config="h1"), settling(30, **({"config": "h1"} | new))

    deployment = only(after(before, now))

    assert (deployment.change, deployment.status, deployment.trigger) == (change, "started", "observed")
    assert (deployment.before, deployment.after) == (("i1",), (new.get("image", "i1"),))
    assert deployment.id == "dep-30-piha-web"


@pytest.mark.parametrize(
    ("started_at", "began_at"),
    [
        pytest.param(12.0, 12.0, id="when the new container started"),
        pytest.param(None, 30.0, id="when it was seen, where that is not known"),
        pytest.param(-50.0, 0.0, id="not before the last look, by a clock that is behind"),
        pytest.param(99.0, 30.0, id="not behind the look that saw it, by one that is ahead"),
    ],
)
def test_a_deployment_begins_between_the_looks_that_show_it(started_at, began_at):
    new = settling(30)
    containers = tuple(replace(one, started_at=started_at) for one in new.containers)

    assert only(after(service(0), replace(new, containers=containers))).started_at == began_at


def test_it_is_completed_when_all_is_good_and_settled():
    running = service(30, ids="b", is_settled=False)

    assert only(after(service(0), running)).status == "started"
    done = only(after(service(0), running, replace(running, is_settled=True, last_seen=60.0)))
    assert (done.status, done.completed_at) == ("completed", 60.0)


@pytest.mark.parametrize(
    ("word", "step"),
    [("start_failed", "start"), ("created", "start"), ("exited", "run"), ("unhealthy", "healthcheck")],
)
def test_a_bad_word_fails_it(word, step):
    deployment = only(after(service(0), service(30, word=word, ids="b")))

    assert (deployment.status, deployment.diagnostics) == ("failed", {"step": step, "word": word})


def test_what_was_bad_before_does_not_fail_it():
    bad_before = service(0, word="exited", ids="a")
    mixed = service(30, word="exited", ids="ab")
    new = replace(mixed.containers[1], word="healthy", is_bad=False)

    assert only(after(bad_before, replace(mixed, containers=(mixed.containers[0], new)))).status == "started"


def test_a_new_container_that_settles_under_a_word_that_is_bad_of_an_older_one_does_not_fail_it():
    mixed = service(30, word="created", ids="ab")
    young = replace(mixed.containers[1], is_bad=False)

    assert only(after(service(0), replace(mixed, containers=(mixed.containers[0], young)))).status == "started"


def test_a_new_container_that_is_bad_fails_it_beside_an_older_one_that_is_worse():
    mixed = service(30, word="dead", ids="ab")
    new = replace(mixed.containers[1], word="exited", exit_code=3)

    failed = only(after(service(0), replace(mixed, containers=(mixed.containers[0], new))))

    assert failed.diagnostics == {"step": "run", "word": "exited", "exit_code": 3}


def test_a_probe_that_is_not_answered_yet_does_not_fail_it():
    seen = service(30, word="mqtt_unreachable", ids="b")
    probe = replace(seen.containers[0], id="")
    boots = replace(seen.containers[0], word="starting", is_bad=False)

    assert only(after(service(0), replace(seen, containers=(boots, probe)))).status == "started"


def test_it_fails_after_the_deadline():
    deployment = only(after(service(0), settling(30), settling(631)))

    assert (deployment.status, deployment.diagnostics) == ("failed", {"step": "timeout"})


def hook(**fields):
    return Hook(**{"id": "dep-20-piha-web", "node": "piha", "service": "web", "started_at": 20.0} | fields)


@pytest.mark.parametrize(
    ("ended", "status", "diagnostics"),
    [
        pytest.param({}, "started", None, id="under way"),
        pytest.param({"ended_at": 29.0, "exit_code": 0}, "completed", None, id="done"),
        pytest.param(
            {"ended_at": 29.0, "exit_code": 18, "step": "pull"},
            "failed",
            {"step": "pull", "exit_code": 18},
            id="no image",
        ),
    ],
)
def test_a_hook_says_what_no_engine_shows(ended, status, diagnostics):
    deployment = only(after(service(0), service(30), hooks=[hook(**ended)]))

    assert (deployment.status, deployment.trigger, deployment.diagnostics) == (status, "hook", diagnostics)


def test_a_hook_that_never_says_how_it_ended_is_lost_after_a_day():
    day_s = 86_400.0
    waits, lost = (only(after(service(0), service(at), hooks=[hook()])) for at in (20 + day_s, 21 + day_s))

    assert (waits.status, lost.status, lost.diagnostics) == ("started", "failed", {"step": "timeout"})


def test_a_change_in_the_time_of_a_hook_is_the_hooks():
    deployment = only(after(service(0), settling(30, image="i2"), hooks=[hook(ended_at=25.0, exit_code=0)]))

    assert (deployment.id, deployment.change, deployment.status) == ("dep-20-piha-web", "image", "completed")


def test_a_change_after_the_hook_is_a_deployment_of_its_own():
    early = hook(started_at=-100.0, ended_at=-50.0, exit_code=0)

    assert [one.trigger for one in after(service(0), settling(30), hooks=[early]).values()] == ["hook", "observed"]


def test_the_last_twenty_are_kept_and_those_of_thirty_days():
    day = 86_400.0
    looks = [service(number * 10 * day, ids=chr(97 + number % 26)) for number in range(25)]

    kept = after(*looks)

    assert len(kept) == 20
    assert min(one.started_at for one in kept.values()) == 50 * day
