"""One look at an engine: `_ping`, the list, and inspections of what is new, changed or young (OBSERVER 4)."""

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import msgspec

from flows.engines.answers import Inspected, Listed, decode_inspect, decode_labels, decode_list
from flows.engines.container_rows import HEALTH, ID_LENGTH, make_row
from flows.engines.http import Answer, HttpClient
from flows.engines.looked import SeenContainerRow, SourceLook
from flows.engines.reasons import LookError, explain_error
from schemas.look_words import ReasonClass

LIST_S, INSPECT_S, ONE_INSPECT_S = 8.0, 15.0, 5.0
NEWEST_API = (1, 52)
AT_ONCE = 50
INSPECT_AGAIN_S = 600.0
API = re.compile(r"(\d{1,3})\.(\d{1,4})", re.ASCII)
VERSION = re.compile(r"(?:Docker|Libpod)/([0-9][0-9A-Za-z.+~-]{0,40})")
YOUNG = re.compile(r"Up (?:Less than a second|About a minute|\d+ (?:second|minute)s?)\b", re.ASCII)
BRACKET = re.compile(r"\(([^()]{1,40})\)")
"""In the words of a list: of health, or the exit code."""
RESTING = frozenset({ReasonClass.TIMEOUT, ReasonClass.PROTOCOL})
"""Why an inspection is not tried again for a while; what else fails one is the engine's or the way's, and over soon."""
CONTAINER_ID = re.compile(r"[0-9a-f]{12,64}", re.ASCII)


@dataclass(slots=True)
class _Remembered:
    """A container's last inspection, and what its line in the list was then."""

    line: tuple[object, ...]
    inspected: Inspected | None
    at: float
    """By the loop's clock."""


@dataclass(slots=True)
class Ping:
    """What an engine says of itself."""

    kind: str
    version: str
    api: str
    skew_s: float | None


@dataclass(slots=True)
class Engine:
    """An engine that is looked at again and again; what was inspected is remembered."""

    source: str
    client: HttpClient
    api: str = ""
    """The version that was agreed on, once there was a look."""
    _remembered: dict[str, _Remembered] = field(default_factory=dict)

    async def look(self) -> SourceLook:
        """Return what the engine says; raises `LookError`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LIST_S
        ping = await self._ping(until)
        self.api = ping.api
        answer = await self.client.get(f"/v{ping.api}/containers/json?all=1", until)
        listed = _decode_list(answer)
        wanted = [line for line in listed if self._is_due(line, ping, loop.time())]
        await self._inspect(wanted, ping.api, loop.time() + INSPECT_S)
        there = {line.id for line in listed}
        self._remembered = {name: known for name, known in self._remembered.items() if name in there}
        rows = self._rows(listed)
        return SourceLook(
            self.source,
            kind=ping.kind,
            version=ping.version,
            api=ping.api,
            skew_s=ping.skew_s,
            is_partial=any(self._is_line_alone(line) for line in listed),
            containers=tuple(sorted(rows, key=lambda row: row.container_id)),
        )

    def forget(self) -> None:
        """Inspect everything at the next look."""
        self._remembered.clear()

    async def _ping(self, until: float) -> Ping:
        begun, begun_at = time.monotonic(), time.time()
        answer = await self.client.get("/_ping", until)
        middle = begun_at + (time.monotonic() - begun) / 2
        api = API.fullmatch(answer.headers.get("api-version", ""))
        if answer.status != 200 or answer.body.strip() != b"OK" or api is None:
            raise LookError(ReasonClass.PROTOCOL, "what answers there is no engine: /_ping does not say OK")
        server = answer.headers.get("server", "")
        is_podman = "Libpod" in server or "libpod-api-version" in answer.headers
        version = VERSION.search(server)
        negotiated = min((int(api[1]), int(api[2])), NEWEST_API)
        return Ping(
            kind="podman" if is_podman else "docker",
            version=version[1] if version else "",
            api="{}.{}".format(*negotiated),
            skew_s=_measure_skew(answer.headers.get("date"), middle),
        )

    def _is_due(self, line: Listed, ping: Ping, now: float) -> bool:
        """Return whether a container is to be inspected: what is new, changed, young or was not for ten minutes.

        What starts again and again may be met between two starts each time, and its line is the same then.
        """
        known = self._remembered.get(line.id)
        if known is None:
            return True
        is_old = now - known.at >= INSPECT_AGAIN_S
        if known.inspected is None:
            return is_old
        # The list of Podman says nothing of health.
        has_check = known.inspected.config is not None and known.inspected.config.healthcheck is not None
        is_silent = ping.kind == "podman" and has_check
        is_moving = line.state == "restarting" or bool(YOUNG.match(line.status or ""))
        return is_old or is_silent or is_moving or known.line != _line(line)

    def _is_line_alone(self, line: Listed) -> bool:
        """Return whether only the list tells of a container, since it could not be inspected."""
        known = self._remembered.get(line.id)
        return known is None or (known.inspected is None and bool(known.line))

    async def _inspect(self, wanted: Iterable[Listed], api: str, until: float) -> None:
        """Inspect containers at once; one that hangs, or answers with garbage, rests for ten minutes."""
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._inspect_one(line, api, until, gate) for line in wanted))

    async def _inspect_one(self, line: Listed, api: str, until: float, gate: asyncio.Semaphore) -> None:
        loop = asyncio.get_running_loop()
        async with gate:
            if loop.time() >= until or not CONTAINER_ID.fullmatch(line.id):
                return
            try:
                answer = await self.client.get(
                    f"/v{api}/containers/{line.id}/json", min(until, loop.time() + ONE_INSPECT_S)
                )
                inspected = None if answer.status == 404 else decode_inspect(answer.body)
            except (LookError, msgspec.DecodeError, TimeoutError) as error:
                if explain_error(error).reason_class in RESTING:
                    self._remembered[line.id] = _Remembered(_line(line), None, loop.time())
                else:
                    self._remembered.pop(line.id, None)
                return
        if inspected is None:
            self._remembered[line.id] = _Remembered((), None, -INSPECT_AGAIN_S)
        else:
            self._remembered[line.id] = _Remembered(_line(line), inspected, loop.time())

    def _rows(self, listed: Iterable[Listed]) -> list[SeenContainerRow]:
        """Return the rows; what was removed between list and inspection has none."""
        rows = []
        for line in listed:
            known = self._remembered.get(line.id)
            if known is not None and not known.line:
                continue
            rows.append(make_row(line, known.inspected if known else None))
        return rows


def _line(line: Listed) -> tuple[object, ...]:
    """Return what of a list's line tells that a container has changed.

    Where the list has the health itself (from API 1.52 on) a change of that is no reason: only starts are to be found.
    """
    found = BRACKET.search(line.status or "")
    bracket = None if found is None or (line.health is not None and HEALTH.fullmatch(found[0])) else found[1]
    return line.state, bracket, line.image_id, tuple(line.names or ())


def _decode_list(answer: Answer) -> list[Listed]:
    if answer.status != 200:
        raise LookError(ReasonClass.PROTOCOL, f"the list of containers has HTTP status {answer.status}")
    try:
        listed = decode_list(answer.body)
        for line in listed:
            decode_labels(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LookError(ReasonClass.PROTOCOL, "the list of containers is not what an engine says") from error
    return list({line.id[:ID_LENGTH]: line for line in listed}.values())


def _measure_skew(date: str | None, middle: float) -> float | None:
    """Return how far the engine's clock is ahead of ours; its header is cut to the second, so half of one is added."""
    try:
        return round(parsedate_to_datetime(date).timestamp() + 0.5 - middle, 3) if date else None
    except (ValueError, TypeError, OverflowError):
        return None


async def look_at(engine: Engine) -> SourceLook:
    """Return what the engine says, or why it says nothing; never raises."""
    try:
        return await engine.look()
    except (LookError, TimeoutError) as error:
        reason = explain_error(error)
        return SourceLook(engine.source, reason_class=reason.reason_class, reason=reason.text)
