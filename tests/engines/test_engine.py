"""OBSERVER 4 and 6: what is asked of an engine, what of its answers is kept, and what becomes of bad ones."""

import asyncio
import json
import time

import pytest

from flows.engines import engine as engine_module
from flows.engines import http
from flows.engines.address import parse_address
from flows.engines.engine import Engine, look_at
from flows.engines.http import HttpClient
from tests.helpers import fake_engine
from tests.helpers.fake_engine import FakeEngine, asked_for, composed, container

MARKER = "s3cr3t-marker"
LISTED = fake_engine.listed


def looks(fake_or_url, count=1, between=None):
    """Return what so many looks at one engine, with kept connections, say."""
    url = fake_or_url if isinstance(fake_or_url, str) else fake_or_url.url

    async def run():
        engine = Engine("here", HttpClient(parse_address(url)))
        found = []
        try:
            for number in range(count):
                if number and between:
                    between(engine)
                found.append(await look_at(engine))
        finally:
            await engine.client.close()
        return found

    return asyncio.run(run())


def one_look(fake_or_url):
    return looks(fake_or_url)[0]


@pytest.fixture
def socket(tmp_path):
    return tmp_path / "engine.sock"


def test_a_look_is_a_ping_a_list_and_an_inspection_of_each_new_container(socket):
    with FakeEngine([composed("shop", "web", health="healthy", check={"Retries": 2})], socket) as fake:
        look = one_look(fake)

    assert fake.requests[0] == "/_ping"
    assert fake.requests[1] == "/v1.45/containers/json?all=1"
    assert len(fake.requests) == 3
    (row,) = look.containers
    assert (look.kind, look.version, look.api) == ("docker", "26.1.5", "1.45")
    assert (row.name, row.project, row.compose_service, row.state, row.health) == (
        "shop-web-1", "shop", "web", "running", "healthy",
    )  # fmt: skip
    assert row.health_budget_s == 150.0


@pytest.mark.parametrize(("api", "asked"), [("1.41", "1.41"), ("1.52", "1.52"), ("1.60", "1.52"), ("1.24", "1.24")])
def test_the_version_is_negotiated(api, asked):
    with FakeEngine([], api=api) as fake:
        assert one_look(fake).reason_class is None
        assert fake.requests[1].startswith(f"/v{asked}/")


def test_headers_in_lower_case_are_read():
    with FakeEngine([], is_lower_case=True) as fake:
        assert one_look(fake).reason_class is None


def test_a_quiet_container_is_inspected_once_and_a_changed_or_young_one_again(socket):
    quiet, changed, young = (container(number, name) for number, name in enumerate(("quiet", "changed", "young")))
    young["started"] = time.time() - 120
    with FakeEngine([quiet, changed, young], socket) as fake:

        def change(_):
            changed["health"] = "unhealthy"

        second = looks(fake, 2, change)[1]
        counts = [asked_for(fake, one["id"]) for one in (quiet, changed, young)]

    assert counts == [1, 2, 2]
    assert [row.health for row in second.containers] == [None, "unhealthy", None]


@pytest.mark.parametrize(("api", "inspections"), [("1.51", 2), ("1.52", 1)])
def test_a_list_that_has_the_health_itself_saves_the_inspection(socket, api, inspections):
    sick = container(check={"Retries": 1}, health="healthy")
    with FakeEngine([sick], socket, api=api) as fake:
        found = looks(fake, 2, lambda _: sick.update(health="unhealthy"))
        count = asked_for(fake, sick["id"])

    assert (count, [look.containers[0].health for look in found]) == (inspections, ["healthy", "unhealthy"])


def test_an_end_with_another_code_is_inspected_again(socket):
    one = container(state="exited", exit_code=0)
    with FakeEngine([one], socket) as fake:
        found = looks(fake, 2, lambda _: one.update(exit_code=137))

    assert [look.containers[0].exit_code for look in found] == [0, 137]


def test_the_restarts_of_a_container_that_is_met_between_two_starts_each_time_are_seen(socket):
    one = container(state="restarting", restart_count=2)
    with FakeEngine([one], socket) as fake:
        found = looks(fake, 2, lambda _: one.update(restart_count=3))

    assert [look.containers[0].restart_count for look in found] == [2, 3]


@pytest.mark.parametrize(
    ("task", "number"), [("shop_web.2.x9k", "2"), ("shop_web.node7.x9k", "node7"), ("other.2.x", None), ("", None)]
)
def test_a_swarms_task_has_the_number_that_its_successor_has(socket, task, number):
    labels = {"com.docker.swarm.service.name": "shop_web", "com.docker.swarm.task.name": task}
    with FakeEngine([container(labels=labels)], socket) as fake:
        (row,) = one_look(fake).containers

    assert (row.swarm_service, row.number) == ("shop_web", number)


def test_everything_is_inspected_once_in_ten_minutes(socket, monkeypatch):
    with FakeEngine([container()], socket) as fake:
        monkeypatch.setattr(engine_module, "INSPECT_AGAIN_S", 0.0)
        looks(fake, 2)
        assert asked_for(fake, container()["id"]) == 2


def test_podmans_containers_with_a_check_are_inspected_at_each_look(socket):
    with FakeEngine([container(1, check={"Retries": 1}), container(2)], socket, server="Libpod/4.3.1 (linux)") as fake:
        found = looks(fake, 3)
        assert [asked_for(fake, container(number)["id"]) for number in (1, 2)] == [3, 1]
    assert (found[0].kind, found[0].version) == ("podman", "4.3.1")


def test_a_container_that_is_removed_between_list_and_inspection_is_left_out(socket):
    gone, there = container(1, "gone"), container(2, "there")
    with FakeEngine([gone, there], socket) as fake:
        fake.status[f"/containers/{gone['id']}/json"] = 404
        look = one_look(fake)

    assert ([row.name for row in look.containers], look.is_partial, look.reason_class) == (["there"], False, None)


def test_an_engine_that_went_away_between_list_and_inspections_is_asked_for_them_at_the_next_look(socket):
    one = container(state="exited", exit_code=137, is_oom_killed=True)
    with FakeEngine([one], socket) as fake:
        fake.status[f"{one['id']}/json"] = 503
        first, second = looks(fake, 2, lambda _: fake.status.clear())

    assert (first.is_partial, first.containers[0].is_oom_killed) == (True, False)
    assert (second.is_partial, second.containers[0].is_oom_killed) == (False, True)


def test_what_could_not_be_inspected_has_no_count_of_restarts_and_the_code_of_the_list(socket):
    one = container(state="restarting", exit_code=3, restart_count=5)
    with FakeEngine([one], socket) as fake:
        fake.status[f"{one['id']}/json"] = 500
        (row,) = one_look(fake).containers

    assert (row.restart_count, row.exit_code) == (None, 3)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        pytest.param(composed("shop", "web", name="45dc00000000_shop-web-1"), "shop-web-1", id="Compose replaces it"),
        pytest.param(container(name="45dc00000000_web"), "45dc00000000_web", id="not of Compose: its own name"),
    ],
)
def test_what_compose_renames_while_it_is_replaced_keeps_its_name(socket, made, name):
    with FakeEngine([made], socket) as fake:
        assert one_look(fake).containers[0].name == name


@pytest.mark.parametrize("field", ["Names", "ImageID", "Labels", "State", "Status", "Created"])
def test_a_line_of_the_list_that_lacks_something_blinds_for_no_node(socket, field, monkeypatch):
    monkeypatch.setattr(fake_engine, "listed", lambda one, **_: {**LISTED(one), field: None})
    with FakeEngine([container()], socket) as fake:
        look = one_look(fake)

    assert (look.reason_class, [row.state for row in look.containers]) == (None, ["running"])


def test_a_hanging_inspection_makes_the_look_partial_and_rests(socket, monkeypatch):
    monkeypatch.setattr(engine_module, "ONE_INSPECT_S", 0.3)
    hung, fine = container(1, "hung", health="unhealthy"), container(2, "fine")
    with FakeEngine([hung, fine], socket) as fake:
        fake.hung.add(hung["id"])
        first, second = looks(fake, 2)
        assert asked_for(fake, hung["id"]) == 1

    assert (first.is_partial, second.is_partial) == (True, True)
    assert [(row.name, row.health, row.started_at is None) for row in second.containers] == [
        ("hung", "unhealthy", True),
        ("fine", None, False),
    ]


def test_the_skew_of_the_clock_is_measured():
    with FakeEngine([], clock_s=-3046.0) as fake:
        assert one_look(fake).skew_s == pytest.approx(-3046.0, abs=0.8)


def test_nothing_secret_has_a_field(socket):
    secret = composed(
        "shop",
        "web",
        env=[f"PASSWORD={MARKER}"],
        cmd=["sh", "-c", MARKER],
        labels={"traefik.auth": MARKER, "io.kubernetes.x": MARKER},
        health="unhealthy",
        health_log=MARKER,
        state="created",
        error=f"exec: {MARKER}",
    )
    with FakeEngine([secret], socket) as fake:
        look = one_look(fake)

    assert MARKER in json.dumps(secret)
    assert MARKER not in repr(look)
    assert (look.containers[0].has_error, look.containers[0].is_ignored) == (True, True)


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"io.kubernetes.pod.name": "x"}, "web"),
        ({"org.testcontainers": "true"}, "web"),
        ({"supervisor.ignore": "true"}, "web"),
        ({}, "buildx_buildkit_default0"),
    ],
)
def test_what_tools_look_after_themselves_is_ignored(socket, labels, name):
    with FakeEngine([container(1, name, labels=labels)], socket) as fake:
        assert one_look(fake).containers[0].is_ignored


def test_a_value_that_looks_like_such_a_label_is_not_one(socket):
    with FakeEngine([container(labels={"note": '"io.kubernetes.'})], socket) as fake:
        assert not one_look(fake).containers[0].is_ignored


@pytest.mark.parametrize(
    ("check", "budget"),
    [
        (None, None),
        ({}, 210.0),
        ({"Interval": 10**9, "Timeout": 10**9, "Retries": 1}, 60.0),
        ({"StartPeriod": 100 * 10**9, "Interval": 10 * 10**9, "Timeout": 5 * 10**9, "Retries": 2}, 160.0),
        ({"StartPeriod": 10_000 * 10**9}, 600.0),
    ],
)
def test_the_budget_of_a_health_check(socket, check, budget):
    with FakeEngine([container(check=check)], socket) as fake:
        assert one_look(fake).containers[0].health_budget_s == budget


def say(text, then_close=True, drip_s=0.0):
    async def answer(_reader, writer, _target):
        data = text.encode() if isinstance(text, str) else text
        for part in [data[i : i + 1] for i in range(len(data))] if drip_s else [data]:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(drip_s)
        if not then_close:
            await asyncio.sleep(3600)
        return True

    return answer


OK = "HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nContent-Length: 2\r\n\r\nOK"


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        pytest.param("\x00\x01garbage\r\n\r\n", {"protocol"}, id="garbage"),
        pytest.param("HTTP/1.1 200 OK\r\nX: " + "x" * 100_000 + "\r\n\r\n", {"protocol"}, id="endless header"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", {"protocol"}, id="HTML"),
        pytest.param(
            "HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nContent-Length: 9\r\n\r\nOK", {"reset"}, id="half an answer"
        ),
        pytest.param("", {"reset"}, id="closes at once"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK", {"protocol"}, id="no Api-Version"),
        pytest.param("HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n", {"engine_down"}, id="proxy, engine dead"),
        pytest.param("HTTP/1.1 504 X\r\nContent-Length: 0\r\n\r\n", {"engine_down"}, id="proxy, engine hung"),
        pytest.param("HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n", {"auth"}, id="proxy, path denied"),
        pytest.param("HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n", {"auth"}, id="proxy, password"),
        pytest.param(
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
            {"tls"},
            id="a TLS port",
        ),
        pytest.param("HTTP/1.1 302 X\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", {"protocol"}, id="redirect"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", {"protocol"}, id="too large"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", {"protocol"}, id="a length below 0"),
        pytest.param(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {"protocol", "reset"}, id="no chunk"
        ),
    ],
)
def test_a_bad_answer_has_a_class_and_nothing_escapes(socket, text, classes):
    with FakeEngine([], socket) as fake:
        fake.raw = say(text)
        assert one_look(fake).reason_class in classes


@pytest.mark.parametrize("body", ['{"a": 1}', "[1]", "[{}]", "nothing", '[{"Id": 3}]', "[" * 5000, b"\xff\xfe"])
def test_a_list_that_is_none_is_protocol(socket, body):
    data = body if isinstance(body, bytes) else body.encode()

    async def answer(_reader, writer, target):
        if target == "/_ping":
            writer.write(b"HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK")
        else:
            writer.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        await writer.drain()
        return True

    with FakeEngine([], socket) as fake:
        fake.raw = answer
        assert one_look(fake).reason_class == "protocol"


def test_an_answer_that_grows_beyond_the_limit_is_not_read(socket, monkeypatch):
    monkeypatch.setattr(http, "MOST_BYTES", 1000)
    with FakeEngine([container(number) for number in range(20)], socket) as fake:
        look = one_look(fake)

    assert (look.reason_class, look.reason) == ("protocol", "the answer is larger than 0 MiB, and was not read")


def test_an_engine_that_drips_ends_at_the_absolute_deadline(socket, monkeypatch):
    monkeypatch.setattr(engine_module, "LIST_S", 0.5)
    with FakeEngine([], socket) as fake:
        fake.raw = say(OK, drip_s=0.05)
        begun = time.monotonic()
        assert one_look(fake).reason_class == "timeout"
        assert time.monotonic() - begun < 1.0


def test_a_hung_engine_is_a_timeout(socket, monkeypatch):
    monkeypatch.setattr(engine_module, "LIST_S", 0.3)
    with FakeEngine([], socket) as fake:
        fake.hung.add("/_ping")
        assert one_look(fake).reason_class == "timeout"


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param(lambda _: None, "no_socket", id="no socket"),
        pytest.param(lambda path: path.write_text(""), "refused", id="a plain file"),
    ],
)
def test_a_socket_that_is_none(socket, prepare, expected):
    prepare(socket)
    assert one_look(f"unix://{socket}").reason_class == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [("tcp://127.0.0.1:1", "refused"), ("tcp://does-not-exist.invalid:2375", "dns")],
)
def test_what_does_not_answer_on_the_network(url, expected):
    assert one_look(url).reason_class == expected


def test_a_thousand_containers(socket):
    with FakeEngine([container(number, f"c{number}") for number in range(1000)], socket) as fake:
        look = one_look(fake)

    assert len(look.containers) == 1000
    assert not look.is_partial
