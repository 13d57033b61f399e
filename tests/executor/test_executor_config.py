"""`executor.yaml`: every fault at once with its place, and the first line that offers."""

import os

import pytest

from flows.errors import SettingsError
from flows.executor.config import read_executor_config
from flows.executor.offer import Workshop
from flows.executor.order import Order, Preflight
from flows.executor.runner import never
from schemas.episode import Target
from schemas.verb import Verb
from tests.helpers.frames import NOON

SCRIPT = "steps:\n  - {targets: ['*/*'], verbs: [restart], backend: script, path: %s}\n"


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "executor.yaml"
        path.write_text(text)
        path.chmod(0o640)
        return path

    return write


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "fake"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_misspelt_verb_is_one_fault(config):
    with pytest.raises(SettingsError) as fault:
        read_executor_config(config("steps:\n  - {targets: [a/b], verbs: [restrat], backend: docker}\n"))

    [line] = str(fault.value).splitlines()
    assert ":2:30: steps.0.verbs.0: expected one of 'restart', 'redeploy', " in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("stepz: []\n", "executor.yaml:1:1: unknown key stepz; did you mean steps?", id="misspelt"),
        pytest.param(
            "steps:\n  - {targets: ['piha/*'], verbs: [restart], backend: magic}\n",
            ":2:5: steps.0: backend: expected one of 'docker', ",
            id="no backend",
        ),
        pytest.param(
            "steps:\n  - {targets: ['piha/*']}\n", ":2:5: steps.0: backend is missing", id="without a backend"
        ),
        pytest.param("[]\n", "executor.yaml:1:1: expected a mapping, found a list", id="a list"),
        pytest.param(
            "steps:\n  - {targets: [a/b], verbs: [redeploy], backend: docker}\n",
            "cannot redeploy",
            id="a verb too many",
        ),
        pytest.param(
            "steps:\n  - {targets: ['Piha'], verbs: [restart], backend: docker}\n", "lower case", id="no glob"
        ),
        pytest.param(SCRIPT % "relative/x", "absolute", id="a relative path"),
        pytest.param(
            SCRIPT % "/bin/true, preflight: 'yes'",
            ":2:76: steps.0.preflight: expected true or false, found a text",
            id="a text for true",
        ),
        pytest.param(
            "steps:\n  - {targets: [], verbs: [restart], backend: docker}\n",
            ":2:6: steps.0.targets: expected a list of at least 1",
            id="no target",
        ),
        pytest.param(
            "steps:\n  - {targets: [a/b], verbs: [restart], backend: systemd, unit: -x}\n", "dash", id="a dash"
        ),
        *(
            pytest.param(
                f"steps:\n  - {{targets: [a/b], verbs: [restart], backend: docker, context: {context}}}\n",
                "expected local, the name of a docker context",
                id=f"an address that {is_what}",
            )
            for is_what, context in {
                "has a line end": '"ssh://a\\nb"',
                "would be an option": "ssh://-oProxyCommand=x",
                "has a user that would be one": "ssh://-l@b",
                "has no host": "'ssh://u@'",
            }.items()
        ),
        pytest.param(
            "steps:\n  - {targets: [a/b], verbs: [restart], backend: systemd, unit: 'x;reboot'}\n",
            "one word",
            id="a shell",
        ),
        pytest.param(
            "steps:\n  - {targets: [a/b], verbs: [restart], backend: webhook, url: 'http://x/', secret: S}\n",
            "https",
            id="no TLS",
        ),
        pytest.param("secrets: [PATH]\n", "environment variable", id="a variable that is ours"),
        pytest.param("steps: &a []\n", "anchors", id="an anchor"),
        pytest.param(
            "steps:\n  - {targets: [a/b], verbs: [restart], backend: compose, project: p, directory: /x/../y}\n",
            "'..'",
            id="out of the folder",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(config, text, says):
    with pytest.raises(SettingsError, match="executor.yaml:") as caught:
        read_executor_config(config(text))
    assert says in str(caught.value)


def test_all_faults_come_at_once(config):
    with pytest.raises(SettingsError) as caught:
        read_executor_config(config("a: 1\nb: 2\n"))
    assert len(str(caught.value).splitlines()) == 2


def test_who_else_can_write_is_refused(config):
    path = config("steps: []\n")
    path.chmod(0o660)
    with pytest.raises(SettingsError, match="chmod go-w"):
        read_executor_config(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_owner_is_refused(config):
    path = config("steps: []\n")
    os.chown(path, 12345, -1)
    with pytest.raises(SettingsError, match="12345"):
        read_executor_config(path)


def test_a_link_and_an_absent_file_are_refused(config, tmp_path):
    (tmp_path / "link").symlink_to(config("steps: []\n"))
    with pytest.raises(SettingsError, match="link"):
        read_executor_config(tmp_path / "link")
    with pytest.raises(SettingsError, match="--init"):
        read_executor_config(tmp_path / "absent")


def test_the_first_line_that_has_the_verb_offers_it(config):
    text = "steps:\n"
    text += "  - {targets: [piha/web], verbs: [diagnostics], backend: docker}\n"
    text += "  - {targets: ['piha/*'], verbs: [restart, diagnostics], backend: systemd, unit: '{service}.service'}\n"
    found = read_executor_config(config(text))

    assert found.find_step(Verb.DIAGNOSTICS, "piha", "web").backend == "docker"
    assert found.find_step(Verb.RESTART, "piha", "web").backend == "systemd"
    assert found.find_step(Verb.RESTART, "vps", "web") is None


def test_a_verb_is_offered_where_it_fits(config, program):
    text = f"steps:\n  - {{targets: ['*/*'], verbs: [restart, cleanup], backend: script, path: {program}}}\n"
    offers = Workshop(read_executor_config(config(text)), {}).offer_all([Target("piha", "web"), Target("piha", "all")])

    assert [(offer.target, offer.verb) for offer in offers.offers] == [("piha/all", "cleanup"), ("piha/web", "restart")]


def test_another_program_is_another_step(config, program):
    workshop = Workshop(read_executor_config(config(SCRIPT % program)), {})
    before = workshop.offer(Verb.RESTART, "piha", "web")
    program.write_text("#!/bin/sh\nreboot\n")

    assert workshop.offer(Verb.RESTART, "piha", "web").step_hash != before.step_hash


def test_a_program_that_others_can_write_to_is_never_offered(config, program):
    program.chmod(0o777)
    with pytest.raises(SettingsError, match="chmod go-w"):
        Workshop(read_executor_config(config(SCRIPT % program)), {}).offer(Verb.RESTART, "piha", "web")


def test_with_a_clock_for_tests_nothing_but_scripts_is_offered(config):
    text = "steps:\n  - {targets: ['*/*'], verbs: [restart], backend: docker}\n"

    assert Workshop(read_executor_config(config(text)), {}, scripts_only=True).offer(Verb.RESTART, "a", "b") is None


def test_the_key_of_a_webhook_is_known_without_being_listed_and_is_not_for_scripts(config, program):
    program.write_text("#!/bin/sh\nenv\n")
    text = SCRIPT % program
    text += "  - {targets: ['*/*'], verbs: [redeploy], backend: webhook, url: 'https://ci/x', secret: HOOK_KEY}\n"
    found = read_executor_config(config(f"secrets: [TOKEN]\n{text}"))
    workshop = Workshop(found, found.read_secrets([("HOOK_KEY", "k"), ("TOKEN", "t"), ("OTHER", "o")]))
    fields = {"node": "piha", "service": "web", "intent_id": "a" * 64, "fence": 1, "number": 1, "world_at": NOON}
    order = Order(verb=Verb.RESTART, timeout_s=5.0, **fields)
    _, script = workshop.find(Verb.RESTART, "piha", "web")
    _, webhook = workshop.find(Verb.REDEPLOY, "piha", "web")

    assert webhook.preflight(order) is Preflight.OK
    assert [word in script.run(order, never).output for word in (b"TOKEN=t", b"HOOK_KEY")] == [True, False]
