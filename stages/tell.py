"""Telling: one message for one outage, when it opens, changes or ends; grouped by root cause."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from schemas.episode import Target
from schemas.outage import Message, News, Outage, Trouble
from schemas.words import ALL, FLEET, Severity

MOST_LINES = 12


class Told(NamedTuple):
    """The messages of a run, and what is known of the outages after them."""

    messages: tuple[Message, ...]
    outages: dict[Target, Outage]


def tell_outages(
    outages: Mapping[Target, Outage], troubles: Iterable[Trouble], silenced: frozenset[Target], as_of: datetime
) -> Told:
    """Return what to say, given what was said before and what is open now.

    A target stays in the outage that it was first told under, as long as it is open. What is silenced
    (acknowledged) leaves its outage without a word; an outage that silence alone has emptied is forgotten.
    What a killed run did not say is said by the next: only what is open now and what was said before count.
    """
    told_under = {target: root for root, outage in outages.items() for target in outage.signatures}
    members: dict[Target, list[Trouble]] = {}
    for trouble in sorted(troubles, key=lambda row: row.target):
        if trouble.target not in silenced:
            members.setdefault(told_under.get(trouble.target, trouble.root), []).append(trouble)
    messages, after = [], {}
    for root in sorted({*outages, *members}):
        before, rows = outages.get(root), members.get(root, [])
        news = _find_news(before, rows, silenced)
        opened_at = before.opened_at if before else as_of
        if news is not None:
            messages.append(_write(root, news, rows, before, opened_at))
        if rows:
            signatures = {row.target: row.signature for row in rows}
            after[root] = Outage(root=root, opened_at=opened_at, signatures=signatures)
    return Told(tuple(messages), after)


def _find_news(before: Outage | None, rows: list[Trouble], silenced: frozenset[Target]) -> News | None:
    if before is None:
        return News.OPENED
    said = {target: text for target, text in before.signatures.items() if target not in silenced}
    if not rows:
        return News.RESOLVED if said else None
    return None if said == {row.target: row.signature for row in rows} else News.CHANGED


def _write(root: Target, news: News, rows: list[Trouble], before: Outage | None, opened_at: datetime) -> Message:
    severity = max((row.severity for row in rows), key=list(Severity).index, default=Severity.INFO)
    others = len({row.target for row in rows} - {root})
    more = f" (+{others} more)" if others and news is not News.RESOLVED else ""
    ended = sorted(set(before.signatures) - {row.target for row in rows}) if before else []
    first = sorted(rows, key=lambda row: (row.target != root, -list(Severity).index(row.severity), row.target))
    lines = [f"{name(row.target)}: {row.text}" for row in first[:MOST_LINES]]
    lines += [f"and {len(first) - MOST_LINES} more"] if len(first) > MOST_LINES else []
    lines += [f"resolved: {', '.join(map(name, ended[:MOST_LINES]))}"] if ended else []
    lines += [f"open since {opened_at:%Y-%m-%d %H:%M} UTC"] if before else []
    word = "resolved" if news is News.RESOLVED else f"{severity} {news}"
    return Message(root=root, news=news, severity=severity, title=f"{name(root)} {word}{more}", body="\n".join(lines))


def name(target: Target) -> str:
    """Return a target as a message says it."""
    if target == (FLEET, ALL):
        return "the fleet"
    return target.node if target.service == ALL else f"{target.service} on {target.node}"
