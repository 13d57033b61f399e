"""OBSERVER 1: probes tell apart what answers, what answers otherwise, and what hangs."""

import asyncio
import socket
import struct
import threading
from contextlib import contextmanager

import pytest

from flows.engines import probes
from flows.engines.probes import ProbePlan, is_expected, probe
from flows.engines.reasons import LookError

CONNACK = bytes([0x20, 2, 0, 0])
NOT_AUTHORIZED = bytes([0x20, 2, 0, 5])


@contextmanager
def serving(answer):
    """Answer each connection with these bytes after its first ones came; None: never."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.02)
        stop = threading.Event()
        kept = []

        def run():
            while not stop.is_set():
                try:
                    link, _ = server.accept()
                except TimeoutError:
                    continue
                kept.append(link)
                link.settimeout(2)
                try:
                    if answer is not None and link.recv(4096):
                        link.sendall(answer)
                        if answer.startswith(b"HTTP"):
                            link.close()
                except OSError:
                    pass

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()
            for link in kept:
                link.close()


def ask(address, expect=None):
    return asyncio.run(probe(ProbePlan("web", address, expect)))


def test_a_query_is_asked_with_and_not_shown():
    async def run():
        asked = []

        async def answer(reader, writer):
            asked.append(await reader.readuntil(b"\r\n"))
            writer.write(http(200))
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await probe(ProbePlan("web", f"http://127.0.0.1:{port}/health?key=s3cr3t")), asked

    row, (asked,) = asyncio.run(run())

    assert asked.startswith(b"GET /health?key=s3cr3t ")
    assert row.is_ok
    assert row.address.endswith("/health")


def http(status):
    return f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("status", "expect", "is_ok"),
    [(200, None, True), (302, None, True), (404, None, False), (500, None, False), (401, "200,401", True), (200, "300-399", False)],
)  # fmt: skip
def test_http_is_answered_with_what_is_expected(status, expect, is_ok):
    with serving(http(status)) as port:
        answer = ask(f"http://127.0.0.1:{port}/", expect)

    assert answer.is_ok is is_ok
    assert is_ok or str(status) in answer.detail


def test_a_password_in_an_address_is_not_shown():
    with serving(http(500)) as port:
        answer = ask(f"http://me:s3cr3t@127.0.0.1:{port}/")

    assert "s3cr3t" not in repr(answer)


def test_a_port_that_is_open_is_enough_for_tcp():
    with serving(None) as port:
        assert ask(f"tcp://127.0.0.1:{port}").is_ok


@pytest.mark.parametrize("scheme", ["http", "tcp", "mqtt"])
def test_a_closed_port_is_not_answered(scheme):
    answer = ask(f"{scheme}://127.0.0.1:1")

    assert (answer.is_ok, answer.scheme) == (False, scheme)


@pytest.mark.parametrize(("address", "scheme"), [("gopher://x", "tcp"), ("tcp://nohost", "tcp"), ("http://[", "tcp")])
def test_an_address_that_is_none_says_what_is_expected(address, scheme):
    answer = ask(address)

    assert (answer.is_ok, answer.detail) == (False, "expected http://, tcp:// or mqtt://host:port")


@pytest.mark.parametrize(
    ("answer", "is_ok", "detail"),
    [
        pytest.param(CONNACK, True, None, id="a broker"),
        pytest.param(NOT_AUTHORIZED, True, "answers, and wants a user", id="wants a user"),
        pytest.param(
            None, False, "the broker accepts, and does not answer", id="hung, where a bare TCP probe says open"
        ),
    ],
)
def test_a_broker_is_asked_in_its_own_language(answer, is_ok, detail, monkeypatch):
    pytest.importorskip("aiomqtt")
    monkeypatch.setattr(probes, "MQTT_S", 0.3)
    with serving(answer) as port:
        found = ask(f"mqtt://127.0.0.1:{port}")

    assert (found.is_ok, found.detail) == (is_ok, detail)


@pytest.mark.parametrize(
    ("scheme", "answer", "detail"),
    [
        pytest.param("http", b"SSH-2.0-OpenSSH_9.2\r\n", "what answers there does not speak HTTP", id="no HTTP"),
        pytest.param("https", http(400), "the port does not speak TLS", id="no TLS"),
    ],
)
def test_what_answers_a_probe_is_not_taken_for_an_engine(scheme, answer, detail):
    with serving(answer) as port:
        found = ask(f"{scheme}://127.0.0.1:{port}/")

    assert (found.is_ok, found.detail) == (False, detail)


@pytest.mark.parametrize("scheme", ["http", "tcp"])
def test_where_nothing_listens_no_engine_is_down(scheme):
    assert ask(f"{scheme}://127.0.0.1:1").detail == "the host is up, and nothing listens there"


def test_the_client_of_a_broker_logs_nothing_of_its_own(monkeypatch, caplog):
    pytest.importorskip("aiomqtt")
    monkeypatch.setattr(probes, "MQTT_S", 0.3)

    async def reset(reader, writer):
        await reader.read(1)
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    async def run():
        async with await asyncio.start_server(reset, "127.0.0.1", 0) as server:
            return await probe(ProbePlan("web", f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"))

    assert not asyncio.run(run()).is_ok
    assert not caplog.records


def test_what_is_no_range_of_statuses_is_refused():
    with pytest.raises(LookError, match="expected statuses"):
        is_expected(200, "2xx")
