"""What was told and what still is to be: one file in the state folder, and the services that Apprise reaches.

The services' addresses hold secrets: they come from the environment alone, and neither the file, nor an error, nor
a log line has them; the file knows each by a hash.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from flows.errors import SettingsError, SupervisorError, say_newer
from flows.files.own import open_regular, replace_file
from flows.files.sealed import seal, unseal
from flows.ledger.forms import Instant, Whole, to_form
from schemas.episode import Target
from schemas.outage import Blindness, Message, News, Outage
from schemas.words import Severity

FILE = "notifications.json"
VERSION = 2
VARIABLE = "SUPERVISOR_NOTIFY_URLS"
MOST_QUEUED = 200
MOST_SINGLE = 5
"""More messages than this at once become one digest."""
MOST_OF_ONE = 3
"""An outage that comes and goes is told so often within an hour; then only what was not said within the hour is told."""
MAX_BYTES = 16 * 1024 * 1024
HOUR = timedelta(hours=1)

Send = Callable[[str, Message], bool]
"""Give a message to a service by its address; false where it did not take it."""


class Queued(NamedTuple):
    """A message, and the services that have not taken it yet."""

    message: Message
    waiting_for: frozenset[str]


class Sent(NamedTuple):
    """A message that was sent: when, about which outage, and what it said of it; a digest is about none."""

    at: datetime
    root: Target | None
    subject: str = ""


class Outbox(NamedTuple):
    """The file's content."""

    outages: Mapping[Target, Outage] = {}
    queue: tuple[Queued, ...] = ()
    sent: tuple[Sent, ...] = ()
    """What was sent within the last hour."""
    blindness: Blindness | None = None
    """Runs of late that did not judge, or not everything."""
    failed: int = 0
    """Of the queue, how many a service did not take when they were sent last."""


class Waiting(NamedTuple):
    """How many messages are not sent yet, and how many of them a service did not take."""

    messages: int
    failed: int


def read_addresses() -> dict[str, str]:
    """Return the services' addresses from the environment, by the hash that the file knows them by."""
    addresses = os.environ.get(VARIABLE, "").split()
    return {hashlib.sha256(address.encode()).hexdigest()[:16]: address for address in addresses}


def read_outbox(state_dir: Path) -> Outbox:
    """Return what the file holds; an empty one where it is absent or broken: all that is open is told again then.

    Raises `SettingsError` for one of a newer supervisor, which stays.
    """
    try:
        fd = open_regular(state_dir / FILE, os.O_RDONLY, frozenset({os.geteuid(), 0}))
    except FileNotFoundError:
        return Outbox()
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_BYTES)
    try:
        form = msgspec.json.decode(unseal(data), type=_File)
        if form.version > VERSION:
            raise SettingsError(say_newer(state_dir / FILE, form.version, VERSION))
        return _read(form)
    except (ValueError, msgspec.DecodeError, RecursionError):
        return Outbox()


def read_waiting(state_dir: Path) -> Waiting | None:
    """Return what waits to be sent; None where this user may not see it."""
    try:
        outbox = read_outbox(state_dir)
    except (SupervisorError, OSError):
        return None
    return Waiting(len(outbox.queue), outbox.failed)


def write_outbox(state_dir: Path, outbox: Outbox) -> None:
    """Replace the file as a whole."""
    replace_file(state_dir / FILE, seal(json.dumps(msgspec.to_builtins(_write(outbox))).encode("ascii")))


def enqueue(queue: Sequence[Queued], messages: Sequence[Message], services: frozenset[str]) -> tuple[Queued, ...]:
    """Return the queue with the messages behind it; one about the same outage replaces what was not sent yet."""
    new = {message.root for message in messages}
    kept = [Queued(row.message, row.waiting_for & services) for row in queue if row.message.root not in new]
    added = [Queued(message, services) for message in messages]
    return tuple(row for row in [*kept, *added] if row.waiting_for)[-MOST_QUEUED:]


def deliver(outbox: Outbox, addresses: Mapping[str, str], send: Send, now: datetime, per_hour: int) -> Outbox:
    """Send what waits, the worst first, as far as the hour's limit allows; what is not taken waits for the next run.

    What is critical has a reserve as large as the limit, so that no crowd of warnings holds it up. What is less goes out
    as one digest where there is more of it than the limit has room for, or than anybody would read one by one. An outage that
    comes and goes counts once; after `MOST_OF_ONE` messages within the hour, only what is new of it is told: it got worse, or
    it flaps.
    """
    sent = [row for row in outbox.sent if now - HOUR < row.at <= now]
    kept: list[Queued] = []
    failed: list[Queued] = []
    for limit, rows in _by_urgency(outbox.queue, per_hour, has_room=_count(sent) < per_hour):
        for parcel in _pack(rows, limit - _count(sent)):
            about, subject = (parcel[0].message.root, parcel[0].message.subject) if len(parcel) == 1 else (None, "")
            if _is_full(sent, about, subject, limit):
                kept += parcel
                continue
            failed += _send_parcel(parcel, addresses, send)
            sent.append(Sent(now, about, subject))
    return outbox._replace(queue=(*kept, *failed), sent=tuple(sent), failed=len(failed))


def _by_urgency(queue: Sequence[Queued], per_hour: int, *, has_room: bool) -> list[tuple[int, list[Queued]]]:
    """Return the limit for each part of the queue and the part, the worst first; a crowd with room for it is one part."""
    ordered = sorted(queue, key=lambda row: -list(Severity).index(row.message.severity))
    if len(ordered) > MOST_SINGLE and has_room:
        return [(per_hour, ordered)]
    urgent = [row for row in ordered if row.message.severity is Severity.CRITICAL]
    return [(2 * per_hour, urgent), (per_hour, [row for row in ordered if row not in urgent])]


def _pack(rows: list[Queued], room: int) -> list[list[Queued]]:
    """Return the rows one by one, or as one digest where they are too many for that."""
    return [rows] if len(rows) > min(MOST_SINGLE, max(room, 1)) else [[row] for row in rows]


def _count(sent: Sequence[Sent]) -> int:
    """Return how many messages count against the limit: of one outage's, one."""
    return len({row.root for row in sent if row.root is not None}) + sum(row.root is None for row in sent)


def _is_full(sent: Sequence[Sent], about: Target | None, subject: str, limit: int) -> bool:
    said = [row.subject for row in sent if row.root == about] if about is not None else []
    return len(said) >= MOST_OF_ONE and subject in said if said else _count(sent) >= limit


def _send_parcel(parcel: Sequence[Queued], addresses: Mapping[str, str], send: Send) -> list[Queued]:
    """Send the messages of a parcel, as one, to each service that lacks any of them."""
    waiting: dict[str, list[Queued]] = {}
    for row in parcel:
        for service in sorted(row.waiting_for):
            waiting.setdefault(service, []).append(row)
    failed = {
        service
        for service, rows in waiting.items()
        if service not in addresses or not send(addresses[service], _combine([row.message for row in rows]))
    }
    left = [Queued(row.message, row.waiting_for & failed) for row in parcel]
    return [row for row in left if row.waiting_for]


def _combine(messages: Sequence[Message]) -> Message:
    if len(messages) == 1:
        return messages[0]
    worst = max((message.severity for message in messages), key=list(Severity).index)
    counts = {news: sum(message.news is news for message in messages) for news in News}
    title = ", ".join(f"{count} {news}" for news, count in counts.items() if count)
    body = "\n".join(message.title for message in messages[:50])
    more = f"\nand {len(messages) - 50} more" if len(messages) > 50 else ""
    root = messages[0].root
    return Message(root=root, news=News.CHANGED, severity=worst, title=f"outages: {title}", body=body + more)


def is_address(address: str) -> bool:
    """Return whether Apprise knows a service by such an address."""
    import apprise

    logging.getLogger("apprise").disabled = True  # its warnings quote addresses
    try:
        return apprise.Apprise.instantiate(address) is not None
    except Exception:  # noqa: BLE001 - a plug-in of Apprise may raise anything
        return False


def send_with_apprise(address: str, message: Message) -> bool:
    """Give a message to one service; never raises, since a message must not fail a run."""
    import apprise

    logger = logging.getLogger("apprise")
    logger.disabled = True  # its warnings quote addresses
    kinds = {
        Severity.INFO: "info",
        Severity.WARNING: "warning",
        Severity.ERROR: "failure",
        Severity.CRITICAL: "failure",
    }
    kind = "success" if message.news is News.RESOLVED else kinds[message.severity]
    try:
        service = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, app_id="supervisor"))
        if not service.add(address):
            return False
        body = message.body or message.title
        # As text: a service that shows HTML or Markdown gets it escaped.
        return bool(
            service.notify(body=body, title=message.title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
        )
    except Exception:  # noqa: BLE001 - a plug-in of Apprise may raise anything
        return False


class _Queued(msgspec.Struct, kw_only=True):
    root: Target
    news: News
    severity: Severity
    title: str
    body: str
    subject: str = ""
    waiting_for: tuple[str, ...]


class _Outage(msgspec.Struct):
    root: Target
    opened_at: Instant
    signatures: tuple[tuple[str, str, str], ...]


class _File(msgspec.Struct, kw_only=True):
    version: int
    outages: tuple[_Outage, ...]
    queue: tuple[_Queued, ...]
    sent: tuple[Sent, ...] = ()
    failed: Whole = 0
    blindness: tuple[Instant, bool] | None = None
    sent_at: tuple[Instant, ...] | UnsetType = UNSET
    """In place of `sent`, in what version 1 wrote."""


def _write(outbox: Outbox) -> _File:
    blind = outbox.blindness
    return _File(
        version=VERSION,
        outages=tuple(
            _Outage(outage.root, outage.opened_at, tuple((*target, text) for target, text in outage.signatures.items()))
            for outage in outbox.outages.values()
        ),
        queue=tuple(to_form(_Queued, row.message, waiting_for=tuple(sorted(row.waiting_for))) for row in outbox.queue),
        sent=outbox.sent,
        failed=outbox.failed,
        blindness=(blind.since, blind.is_told) if blind else None,
    )


def _read(form: _File) -> Outbox:
    outages = [
        Outage(
            root=row.root,
            opened_at=row.opened_at,
            signatures={Target(node, service): text for node, service, text in row.signatures},
        )
        for row in form.outages
    ]
    older = () if form.sent_at is UNSET else form.sent_at
    return Outbox(
        outages={outage.root: outage for outage in outages},
        queue=tuple(_read_queued(row) for row in form.queue),
        sent=(*form.sent, *(Sent(at, None) for at in older)),
        blindness=Blindness(since=form.blindness[0], is_told=form.blindness[1]) if form.blindness else None,
        failed=min(form.failed, len(form.queue)),
    )


def _read_queued(row: _Queued) -> Queued:
    message = Message(
        root=row.root, news=row.news, severity=row.severity, title=row.title, body=row.body, subject=row.subject
    )
    return Queued(message, frozenset(row.waiting_for))
