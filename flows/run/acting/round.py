"""Acting within one run: decide, write what the decider says, tell it, and show it. Nothing here starts anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flows.errors import EmitError
from flows.ledger.actions.append import LedgerWriteError, LockedLedger, identify, open_ledger
from flows.ledger.actions.decision_form import dump_decision
from flows.ledger.actions.entries import read_ledger, read_line
from flows.ledger.actions.journals import Journals, read_journals
from flows.ledger.actions.memory_file import Remembered as OnFile
from flows.ledger.actions.memory_file import write_remembered
from flows.ledger.actions.places import ActionPlace
from flows.ledger.actions.projection import project_actions, show_actions
from flows.run.acting.place import action_place
from flows.run.acting.think import Thought, think_of
from flows.run.acting.told import Left, dump_left, parse_left
from flows.run.acting.view import view_actions
from flows.run.actions import Remembered
from flows.run.gather import Inputs
from flows.settings import Settings
from schemas.acknowledgement import Acknowledgement
from schemas.action_event import Acting
from schemas.book import Book
from schemas.breaker import open_breakers
from schemas.decision import Decision
from schemas.episode import Episode, Recommended, Target
from schemas.ledger import write_record
from schemas.ledger_words import Role
from schemas.policy import Policy
from schemas.run import Judgement
from schemas.told import Fresh
from schemas.wait import SettlingService
from stages.fold_ledger import fold_ledger
from stages.tell_actions import tell_actions, without


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a run hands over to be acted upon."""

    inputs: Inputs
    judgement: Judgement
    recommended: Sequence[Recommended]
    episodes: tuple[Episode, ...]
    """After the run's transitions."""
    acknowledgements: tuple[Acknowledgement, ...]
    settling: tuple[SettlingService, ...] = ()
    before: Mapping[str, Any] | None
    """What the last run left about acting."""
    told_ids: frozenset[str] = frozenset()
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class Round:
    """What acting came to in a run."""

    place: ActionPlace
    given: Given
    thought: Thought
    book: Book
    """With the run's own records."""
    left: Left
    acting: Acting
    """The events to write, and what the next run must know."""
    is_written: bool
    notes: tuple[str, ...]

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided."""
        return self.thought.decisions

    @property
    def repairing(self) -> frozenset[Target]:
        """The targets in remediation: with an open attempt whose problem is not escalated."""
        escalated = {target for target, problem in self.book.problems.items() if problem.escalated is not None}
        return frozenset(attempt.target for attempt in self.book.open_attempts) - escalated

    def commit_with(self, state: str) -> Acting:
        """Return what is committed with the run: `status` shows what people see of it, without the ledger."""
        if not self.is_written or self.acting.known is None:
            return self.acting
        notes = {"notes": [*self.thought.power.notes]} if self.thought.power.notes else {}
        return self.acting._replace(known={**self.acting.known, "view": {**self.view(state), **notes}})

    def view(self, state: str) -> dict[str, Any]:
        """Return what people get to see of it."""
        return view_actions(self.book, self.decisions, self.thought.power.numbers, self.given.as_of, state=state)

    def to_document(self, state: str) -> dict[str, Any]:
        """Return what people get to see of it, with every decision."""
        return {**self.view(state), "decisions": [dump_decision(decision) for decision in self.decisions]}


def act_in_run(settings: Settings, given: Given, *, is_live: bool) -> Round:
    """Decide, and in a live run write what the decider says.

    The journals stay locked from reading to writing, so that nothing is decided on an older ledger. Where they cannot be
    written, the run stands without: nothing is proposed, and the next run decides again.
    """
    place = action_place(settings)
    if not is_live:
        return _show_only(settings, given, place, read_journals(place))
    try:
        with open_ledger(place, identify(Role.DECIDER)) as ledger:
            if ledger.journals.problems:
                return _show_only(settings, given, place, ledger.journals)
            return _write(settings, given, place, ledger)
    except LedgerWriteError as error:
        shown = _show_only(settings, given, place, read_journals(place))
        return replace(shown, notes=(*shown.notes, f"nothing is proposed in this run: {error}"))


def _show_only(settings: Settings, given: Given, place: ActionPlace, journals: Journals) -> Round:
    """Decide and write nothing; what was known before stays known."""
    left = parse_left(given.before)
    thought = _think(settings, given, left, journals)
    problems = tuple(f"the ledger of actions is broken: {problem}" for problem in journals.problems)
    return Round(
        place=place,
        given=given,
        thought=thought,
        book=thought.book,
        left=left,
        acting=Acting(known=given.before),
        is_written=False,
        notes=(*thought.power.notes, *problems),
    )


def _write(settings: Settings, given: Given, place: ActionPlace, ledger: LockedLedger) -> Round:
    left = parse_left(given.before)
    thought = _think(settings, given, left, ledger.journals)
    records = [write_record(record) for record in thought.decided.records]
    ledger.append_all([(str(fields.pop("kind")), fields) for fields in records], given.as_of)
    power = thought.power
    reading = read_ledger(ledger.journals)
    book = fold_ledger(reading.ledger, power.operators, power.numbers)
    fresh = _freshen(thought, book, ledger.journals)
    known = replace(left.told, n=min(left.told.n, thought.greatest))
    events, told = tell_actions(fresh, known)
    after = Left(thought.decided.memory, told)
    unsaid = book.ignored if power.knows_operators else ()
    ignored = [row for row in sorted((*reading.unknown, *unsaid)) if row.n > known.n]
    return Round(
        place=place,
        given=given,
        thought=thought,
        book=book,
        left=after,
        acting=Acting(events=without(events, given.told_ids), known=dump_left(after)),
        is_written=True,
        notes=(
            *power.notes,
            *_find_loss(left.told.n, known.n),
            *(f"record {row.n} ({row.kind}) is ignored: {row.why}" for row in ignored),
        ),
    )


def _find_loss(told: int, found: int) -> tuple[str, ...]:
    """Note that a ledger ends before what was told of it: it was cut off, restored or removed."""
    if found == told:
        return ()
    return (f"the ledger of actions ends at record {found}, where {told} were told: what is gone counts no more",)


def _think(settings: Settings, given: Given, left: Left, journals: Journals) -> Thought:
    remembered = Remembered(given.episodes, given.acknowledgements, settings.past_rules())
    return think_of(
        settings,
        given.inputs,
        given.judgement,
        given.recommended,
        remembered,
        left.memory,
        journals,
        given.as_of,
    )


def _freshen(thought: Thought, book: Book, journals: Journals) -> Fresh:
    """Return what there is to tell; of the records nothing, until it is known again who may say what."""
    power = thought.power
    lines = journals.lines if power.knows_operators else ()
    entries = ((read_line(line), line.digest) for line in lines)
    breakers = open_breakers(book, power.numbers, thought.as_of)
    return Fresh(
        entries=tuple((entry, digest) for entry, digest in entries if entry is not None),
        book=book,
        decisions=thought.decisions,
        severities={row.target: row.severity for row in thought.recommended},
        breakers=frozenset(scope for scope, until in breakers.items() if thought.as_of < until),
        policy_fingerprint=power.policy.fingerprint,
        is_policy_valid=isinstance(power.policy, Policy),
        as_of=thought.as_of,
    )


def show_round(settings: Settings, round_: Round) -> Iterable[str]:
    """Write `memory.json` and the directories, once the run is committed; return what to remark on.

    Neither decides anything: what cannot be written is told, and written by the next run.
    """
    if not round_.is_written:
        return ()
    given, thought = round_.given, round_.thought
    try:
        write_remembered(
            round_.place,
            OnFile(
                as_of=given.as_of,
                world_at=thought.world_at,
                memory=round_.left.memory,
                episodes=given.episodes,
                acknowledgements=given.acknowledgements,
                settling=given.settling,
            ),
        )
        decisions = {row.intent_id: row for row in round_.decisions if row.intent_id is not None}
        shown = show_actions(round_.book, decisions, given.as_of, settings.actions.projection_keep)
        known = frozenset(intent.action_id for intent in round_.book.intents.values())
        return project_actions(round_.place, shown, known)
    except EmitError as error:
        return (str(error),)
