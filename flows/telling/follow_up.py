"""What follows a run and never fails it: its metrics, and messages to people."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from flows.errors import SupervisorError
from flows.files.lock import hold_lock
from flows.files.own import replace_file
from flows.ledger.checkpoint import Known, read_known
from flows.settings import Settings
from flows.telling.outbox import (
    FILE,
    VARIABLE,
    Outbox,
    Send,
    deliver,
    enqueue,
    is_address,
    read_addresses,
    read_outbox,
    read_waiting,
    send_with_apprise,
    write_outbox,
)
from flows.text.escape import message
from schemas.episode import Episode, Key, Recommended, Target
from schemas.outage import RunNews, Trouble
from schemas.words import Severity
from stages.blindness import tell_blindness
from stages.tell import tell_outages


def follow_up(settings: Settings, news: RunNews, send: Send = send_with_apprise) -> tuple[str, ...]:
    """Send messages and write the metrics file, as the settings say; return what went wrong as notes.

    The metrics come last: they tell of messages that are not sent.
    """
    if settings.metrics_file is None and not read_addresses():
        return ()
    known = read_known(settings.places.checkpoint) or Known()
    return (*_notify(settings, known, news, send), *_write_metrics(settings, known))


def _write_metrics(settings: Settings, known: Known) -> Iterator[str]:
    if settings.metrics_file is None:
        return
    from flows.telling.metrics import to_metrics

    try:
        text = to_metrics(known, read_waiting(settings.places.state_dir))
        replace_file(settings.metrics_file.absolute(), text, 0o644)
    except SupervisorError as error:
        yield f"metrics: {error}"


def _notify(settings: Settings, known: Known, news: RunNews, send: Send) -> Iterator[str]:
    addresses = read_addresses()
    if not addresses:
        return
    folder = settings.places.state_dir
    try:
        with hold_lock(folder / f"{FILE}.lock", settings.places.lock_timeout_s):
            outbox = read_outbox(folder)
            outbox = _tell(settings, outbox, known, news, frozenset(addresses))
            write_outbox(folder, outbox)
            if outbox.queue:
                outbox = deliver(outbox, addresses, send, datetime.now(UTC), settings.notify_per_hour)
                write_outbox(folder, outbox)
    except SupervisorError as error:
        yield f"notifications: {error}"
        return
    yield from _say_what_waits(outbox, addresses)


def _say_what_waits(outbox: Outbox, addresses: Mapping[str, str]) -> Iterator[str]:
    """Return a line for each service that messages wait for, by its place in the variable: the address is a secret."""
    for place, (service, address) in enumerate(addresses.items(), 1):
        count = sum(service in row.waiting_for for row in outbox.queue)
        if count:
            taken = "did not take them, or notify_per_hour is reached"
            why = taken if is_address(address) else "is none that Apprise knows; write scheme://..."
            waiting = f"{count} message{'s wait' if count > 1 else ' waits'}"
            yield f"{waiting} for the next run: address {place} of {VARIABLE} {why}"


def _tell(settings: Settings, outbox: Outbox, known: Known, news: RunNews, services: frozenset[str]) -> Outbox:
    seen = tell_blindness(
        outbox.blindness, news.problem, news.as_of, settings.run_ttl, is_partial=news.recommended is not None
    )
    messages = [seen.message] if seen.message else []
    outages = outbox.outages
    if news.recommended is not None:
        troubles = find_troubles(known.episodes, news.recommended, settings.notify_severity, news.plights)
        told = tell_outages(outages, troubles, news.silenced, news.as_of, news.removed)
        messages, outages = [*messages, *told.messages], told.outages
    queue = enqueue(outbox.queue, messages, services)
    return outbox._replace(outages=outages, queue=queue, blindness=seen.blindness)


def find_troubles(
    episodes: Mapping[Key, Episode],
    recommended: tuple[Recommended, ...],
    least: Severity,
    plights: Mapping[Target, str] | None = None,
) -> Iterator[Trouble]:
    """Return the open episodes of at least that severity, each with its root cause as far as this run knows it.

    What automation gave up is an error at least.
    """
    by_target = {row.target: row for row in recommended}
    ranks = list(Severity)
    for episode in episodes.values():
        plight = (plights or {}).get(episode.target)
        severity = max(episode.severity, Severity.ERROR, key=ranks.index) if plight else episode.severity
        if not episode.is_open or ranks.index(severity) < ranks.index(least):
            continue
        row = by_target.get(episode.target)
        causes = sorted(row.root_causes) if row else []
        root = Target(*causes[0].split("/", 1)) if causes else episode.target
        reason = message(row.reason) if row else f"{episode.action.replace('_', ' ')} (suspended)"
        kinds = "+".join(episode.causing_kinds)
        yield Trouble(
            target=episode.target,
            root=root,
            severity=severity,
            opened_at=episode.opened_at,
            signature=f"{episode.action} {severity} {kinds}{' needs_human' if plight else ''}",
            text=reason,
            plight=plight,
        )
