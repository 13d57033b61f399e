"""Probes from the observer's own host: whether HTTP, TCP or MQTT is answered as it should be (OBSERVER 1)."""

import asyncio
import logging
import re
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from flows.engines.looked import SeenProbeRow
from flows.engines.reasons import LookError, explain_error
from schemas.look_words import ReasonClass

DEADLINE_S, MQTT_S = 5.0, 4.0
USUAL_EXPECTATION = "200-399"
SCHEMES = {"http": 80, "https": 443, "tcp": None, "mqtt": 1883}
RANGE = re.compile(r"(\d{3})(?:-(\d{3}))?", re.ASCII)
MQTT_NOT_AUTHORIZED = frozenset({4, 5, 134, 135})
MQTT_QUIET = logging.getLogger("supervisor.mqtt")
"""The client's own lines would come between those of a screen or a log; what it met is told by the row."""
MQTT_QUIET.setLevel(logging.CRITICAL + 1)
NO_HTTP = "what answers there does not speak HTTP"
MQTT_EXTRA = "an MQTT probe needs the extra 'mqtt': pip install 'runtime-supervisor[mqtt]'"


class ProbePlan(NamedTuple):
    """What to ask, and what to expect."""

    service: str
    address: str
    expect: str | None = None


async def probe(plan: ProbePlan) -> SeenProbeRow:
    """Return the answer; never raises. No user or password of an address is shown or sent, and its query is not shown."""
    try:
        parts = urlsplit(plan.address)
        port = parts.port or SCHEMES.get(parts.scheme)
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in SCHEMES or not parts.hostname or port is None:
        return SeenProbeRow(
            plan.service, "unreadable address", "tcp", False, "expected http://, tcp:// or mqtt://host:port"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = f"{parts.scheme}://{host}:{port}{parts.path}"
    try:
        async with asyncio.timeout(DEADLINE_S):
            query = f"?{parts.query}" if parts.query else ""
            detail = await _ask(plan, parts.scheme, parts.hostname, port, address + query)
    except (LookError, aiohttp.ClientError, OSError, ValueError) as error:
        return SeenProbeRow(plan.service, address, parts.scheme, False, _say(error))
    return SeenProbeRow(plan.service, address, parts.scheme, True, detail)


def _say(error: Exception) -> str:
    """Return why there is no answer; what to do about an engine, behind the colon of its reason, is of no use here."""
    if isinstance(error, LookError):
        return error.text
    found = explain_error(error)
    is_strange = found.reason_class is ReasonClass.PROTOCOL
    return NO_HTTP if is_strange else found.text.removeprefix("engine_down: ").partition(": ")[0]


async def _ask(plan: ProbePlan, scheme: str, host: str, port: int, address: str) -> str | None:
    if scheme == "tcp":
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return None
    if scheme == "mqtt":
        return await _ask_mqtt(host, port)
    await _ask_http(address, plan.expect or USUAL_EXPECTATION)
    return None


async def _ask_http(address: str, expect: str) -> None:
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session,
        session.get(address, allow_redirects=False) as response,
    ):
        if not is_expected(response.status, expect):
            raise LookError(ReasonClass.PROTOCOL, f"HTTP status {response.status}, expected {expect}")


def is_expected(status: int, expect: str) -> bool:
    """Return whether a status is one of `200-399` or `200,401`; raises `LookError` for what is neither."""
    for part in expect.split(","):
        found = RANGE.fullmatch(part.strip())
        if found is None:
            raise LookError(ReasonClass.CONFIG, "expect: expected statuses such as 200-399 or 200,401")
        if int(found[1]) <= status <= int(found[2] or found[1]):
            return True
    return False


async def _ask_mqtt(host: str, port: int) -> str | None:
    """Connect and leave: a broker that hangs accepts, and never says CONNACK."""
    try:
        import aiomqtt
        from paho.mqtt.reasoncodes import ReasonCode
    except ImportError:
        raise LookError(ReasonClass.CONFIG, MQTT_EXTRA) from None
    try:
        async with aiomqtt.Client(host, port, timeout=MQTT_S, logger=MQTT_QUIET):
            return None
    except aiomqtt.MqttCodeError as error:
        code = error.rc.value if isinstance(error.rc, ReasonCode) else error.rc
        if code in MQTT_NOT_AUTHORIZED:
            return "answers, and wants a user"
        raise LookError(ReasonClass.PROTOCOL, f"the broker refuses with code {code}") from None
    except aiomqtt.MqttError as error:
        if "timed out" in str(error).lower():
            raise LookError(ReasonClass.TIMEOUT, "the broker accepts, and does not answer") from None
        raise LookError(ReasonClass.REFUSED, "no broker answers there") from None
