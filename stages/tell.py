"""Telling: one message for one outage, when it opens, changes or ends; grouped by root cause."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from schemas.episode import Target
from schemas.outage import Message, News, Outage, Trouble
from schemas.spoken import spoken
from schemas.words import ALL, FLEET, Severity

MOST_LINES = 12
MOST_PLIGHTS = 3


class Told(NamedTuple):
    """The messages of a run, and what is known of the outages after them."""

    messages: tuple[Message, ...]
    outages: dict[Target, Outage]


def tell_outages(
    outages: Mapping[Target, Outage],
    troubles: Iterable[Trouble],
    silenced: Collection[Target],
    as_of: datetime,
    removed: Collection[Target] = (),
) -> Told:
    """Return what to say, given what was said before and what is open now.

    A target stays in the outage that it was first told under while the root of that is open, too; then it belongs to what
    it waits for now. A message is named by the worst that is open at its moment. What is silenced (acknowledged) leaves its
    outage without a word; an outage that silence alone has emptied is forgotten. What is `removed` is not said to be
    resolved: nobody asks for it any more. What a killed run did not say is said by the next: only what is open now and what
    was said before count.
    """
    open_now = sorted((row for row in troubles if row.target not in silenced), key=lambda row: row.target)
    members = _group(outages, open_now)
    messages, after = [], {}
    for root in sorted({*outages, *members}):
        before, rows = outages.get(root), members.get(root, [])
        news = _find_news(before, rows, silenced)
        if news is not None:
            messages.append(_write(root, news, rows, before, _Moment(as_of, removed, {row.target for row in open_now})))
        if rows:
            signatures = {row.target: row.signature for row in rows}
            opened_at = before.opened_at if before else min(row.opened_at for row in rows)
            after[root] = Outage(root=root, opened_at=opened_at, signatures=signatures)
    return Told(tuple(messages), after)


class _Moment(NamedTuple):
    as_of: datetime
    removed: Collection[Target]
    open_now: Collection[Target]


def _group(outages: Mapping[Target, Outage], open_now: list[Trouble]) -> dict[Target, list[Trouble]]:
    told_under = {target: root for root, outage in outages.items() for target in outage.signatures}
    are_open = {row.target for row in open_now}
    members: dict[Target, list[Trouble]] = {}
    for row in open_now:
        known = told_under.get(row.target)
        members.setdefault(known if known in are_open else row.root, []).append(row)
    return members


def _find_news(before: Outage | None, rows: list[Trouble], silenced: Collection[Target]) -> News | None:
    if before is None:
        return News.OPENED
    said = {target: text for target, text in before.signatures.items() if target not in silenced}
    if not rows:
        return News.RESOLVED if said else None
    return None if said == {row.target: row.signature for row in rows} else News.CHANGED


def _write(root: Target, news: News, rows: list[Trouble], before: Outage | None, moment: _Moment) -> Message:
    if not rows:
        return _write_end(root, before, moment)
    worst_first = sorted(
        rows, key=lambda row: (-list(Severity).index(row.severity), row.target != row.root, row.target)
    )
    worst = worst_first[0]
    others = len({row.target for row in rows} - {worst.target})
    more = f" (+{others} more)" if others else ""
    is_old = before is None and worst.opened_at < moment.as_of
    word = f"still open since {worst.opened_at:%Y-%m-%d %H:%M} UTC" if is_old else str(news)
    word = "needs a person" if worst.plight else word
    lines = [_say(row) for row in worst_first[:MOST_LINES]]
    lines += [f"and {len(rows) - MOST_LINES} more"] if len(rows) > MOST_LINES else []
    lines += [] if before is None else _say_ended(set(before.signatures) - {row.target for row in rows}, moment)
    lines += [f"open since {worst.opened_at:%Y-%m-%d %H:%M} UTC"] if before else []
    lines += [f"{name(row.target)} {row.plight}" for row in worst_first if row.plight][:MOST_PLIGHTS]
    title = f"{name(worst.target)} {worst.severity} {word}{more}"
    subject = ", ".join(sorted({row.signature for row in rows}))
    return Message(root=root, news=news, severity=worst.severity, title=title, body="\n".join(lines), subject=subject)


def _write_end(root: Target, before: Outage | None, moment: _Moment) -> Message:
    targets = set(before.signatures) if before else set()
    lasted = spoken((moment.as_of - before.opened_at).total_seconds()) if before else ""
    is_removed = bool(targets) and targets <= set(moment.removed)
    named = root if root in targets or not targets else min(targets)
    word = "no longer asked for" if is_removed else f"resolved after {lasted}"
    body = "\n".join(_say_ended(targets, moment))
    return Message(root=root, news=News.RESOLVED, severity=Severity.INFO, title=f"{name(named)} {word}", body=body)


def _say_ended(ended: set[Target], moment: _Moment) -> list[str]:
    """Return a line for what ended and one for what nobody asks for; what went on under another outage has not ended."""
    gone = sorted(ended & set(moment.removed))
    well = sorted(ended - set(moment.removed) - set(moment.open_now))
    lines = [f"resolved: {', '.join(map(name, well[:MOST_LINES]))}"] if well else []
    return lines + ([f"no longer asked for: {', '.join(map(name, gone[:MOST_LINES]))}"] if gone else [])


def _say(row: Trouble) -> str:
    """Return what is wrong, with the target's name once."""
    named = name(row.target)
    return row.text if row.text.startswith(named) else f"{named}: {row.text}"


def name(target: Target) -> str:
    """Return a target as a message says it."""
    if target == (FLEET, ALL):
        return "the fleet"
    return target.node if target.service == ALL else f"{target.service} on {target.node}"
