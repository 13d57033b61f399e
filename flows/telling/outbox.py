"""What was told and what still is to be: one file in the state folder, and the services that Apprise reaches.

The services' addresses hold secrets: they come from the environment alone, and neither the file, nor an error, nor
a log line has them; the file knows each by a hash.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flows.files.own import open_regular, replace_file
from flows.ledger.event_line import read_instant, write_instant
from schemas.episode import Target
from schemas.outage import Message, News, Outage
from schemas.words import Severity

FILE = "notifications.json"
VARIABLE = "SUPERVISOR_NOTIFY_URLS"
MOST_QUEUED = 200
MOST_SINGLE = 5
"""More messages than this at once become one digest."""
MAX_BYTES = 16 * 1024 * 1024
HOUR = timedelta(hours=1)

Send = Callable[[str, Message], bool]
"""Give a message to a service by its address; false where it did not take it."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A message, and the services that have not taken it yet."""

    message: Message
    waiting_for: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outbox:
    """The file's content."""

    outages: Mapping[Target, Outage] = field(default_factory=dict)
    queue: tuple[Queued, ...] = ()
    sent_at: tuple[datetime, ...] = ()
    """When messages were sent, within the last hour."""


def read_addresses() -> dict[str, str]:
    """Return the services' addresses from the environment, by the hash that the file knows them by."""
    addresses = os.environ.get(VARIABLE, "").split()
    return {hashlib.sha256(address.encode()).hexdigest()[:16]: address for address in addresses}


def read_outbox(state_dir: Path) -> Outbox:
    """Return what the file holds; an empty one where it is absent or broken: all that is open is told again then."""
    try:
        fd = open_regular(state_dir / FILE, os.O_RDONLY, frozenset({os.geteuid(), 0}))
    except FileNotFoundError:
        return Outbox()
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_BYTES)
    try:
        return _parse(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Outbox()


def write_outbox(state_dir: Path, outbox: Outbox) -> None:
    """Replace the file as a whole."""
    replace_file(state_dir / FILE, json.dumps(_dump(outbox)).encode("ascii"))


def enqueue(queue: Sequence[Queued], messages: Sequence[Message], services: frozenset[str]) -> tuple[Queued, ...]:
    """Return the queue with the messages behind it; one about the same outage replaces what was not sent yet."""
    new = {message.root for message in messages}
    kept = [Queued(row.message, row.waiting_for & services) for row in queue if row.message.root not in new]
    added = [Queued(message, services) for message in messages]
    return tuple(row for row in [*kept, *added] if row.waiting_for)[-MOST_QUEUED:]


def deliver(outbox: Outbox, addresses: Mapping[str, str], send: Send, now: datetime, per_hour: int) -> Outbox:
    """Send what waits, as far as the hour's limit allows; what is not taken waits for the next run."""
    sent_at = tuple(moment for moment in outbox.sent_at if now - HOUR < moment <= now)
    is_crowded = len(outbox.queue) > MOST_SINGLE
    parcels = [outbox.queue] if is_crowded else [(row,) for row in outbox.queue]
    kept: list[Queued] = []
    for parcel in parcels:
        if len(sent_at) >= per_hour:
            kept += parcel
            continue
        kept += _send_parcel(parcel, addresses, send)
        sent_at = (*sent_at, now)
    return Outbox(outbox.outages, tuple(kept), sent_at)


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


def _dump(outbox: Outbox) -> dict[str, Any]:
    return {
        "version": 1,
        "outages": [
            {
                "root": outage.root,
                "opened_at": write_instant(outage.opened_at),
                "signatures": [[*target, text] for target, text in outage.signatures.items()],
            }
            for outage in outbox.outages.values()
        ],
        "queue": [
            {
                "root": row.message.root,
                "news": row.message.news,
                "severity": row.message.severity,
                "title": row.message.title,
                "body": row.message.body,
                "waiting_for": sorted(row.waiting_for),
            }
            for row in outbox.queue
        ],
        "sent_at": [write_instant(moment) for moment in outbox.sent_at],
    }


def _parse(form: Mapping[str, Any]) -> Outbox:
    outages = [
        Outage(
            root=Target(*row["root"]),
            opened_at=read_instant(row["opened_at"]),
            signatures={Target(node, service): text for node, service, text in row["signatures"]},
        )
        for row in form["outages"]
    ]
    queue = tuple(
        Queued(
            Message(
                root=Target(*row["root"]),
                news=News(row["news"]),
                severity=Severity(row["severity"]),
                title=str(row["title"]),
                body=str(row["body"]),
            ),
            frozenset(row["waiting_for"]),
        )
        for row in form["queue"]
    )
    sent_at = tuple(read_instant(moment) for moment in form["sent_at"])
    return Outbox({outage.root: outage for outage in outages}, queue, sent_at)
