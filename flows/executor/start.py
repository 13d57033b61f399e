"""One start (ACTIONS 15.3): looked at, judged once more, written down durably, done, and its end written down."""

import hashlib
import os
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from flows.errors import BusyError, EmitError
from flows.executor.claim import Claim, write
from flows.executor.mind import Mind, Thought
from flows.executor.offer import Workshop
from flows.executor.order import Backend, Order, Preflight, Ran, order_of
from flows.executor.redact import decode_output, pick_line
from flows.files.own import create_file, fill, sync_folder
from flows.ledger.actions.append import LockedLedger, identify, open_ledger
from flows.ledger.actions.journals import read_journals, stamp_journals
from flows.ledger.actions.places import ActionPlace
from schemas.decision import Decision
from schemas.executor_record import Ended, Refused, Started
from schemas.ledger_words import Result, Role
from schemas.words import DriftKind

_SHUT = (
    b"not sent: the machine has another key than the known one, or does not take ours; nothing is accepted by itself\n"
)
HEALTH = frozenset({DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE})
"""What is over where the machine itself finds the target well."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one decision to start."""

    decision: Decision
    said: str
    """The result; or what the look at the machine said, where nothing was started."""
    is_attempt: bool = True
    line: str | None = None


@dataclass(frozen=True)
class Hands:
    """What one executor starts with."""

    claimed: Claim
    workshop: Workshop

    @property
    def place(self) -> ActionPlace:
        """Return where the journals are."""
        return self.claimed.place

    @property
    def mind(self) -> Mind:
        """Return what judges."""
        return self.claimed.mind

    def start(self, decision: Decision, thought: Thought) -> Done | None:
        """Start what was decided; None where it is not decided any more, or nothing offers it."""
        found = self.workshop.find(decision.verb, decision.node, decision.service) if decision.verb else None
        if found is None:
            return None
        backend, started = found[1], thought.begin(decision, self.claimed.take())
        order = order_of(started)
        look = self._look(backend, order, decision, started)
        if look not in {Preflight.OK, Preflight.BARRED}:
            return self._refuse(decision, thought, look)
        if not self._write_started(decision, thought, started):
            return None
        if look is Preflight.BARRED:
            return self._write_ended(decision, started, Ran(Result.NO_EFFECT, None, _SHUT))
        ran = backend.run(order, AbortWatch(self.place, self.mind).is_stopped)
        return self._write_ended(decision, started, ran)

    def _look(self, backend: Backend, order: Order, decision: Decision, started: Started) -> Preflight:
        """Look at the machine; that it is well speaks only against what is to make it well.

        Who asks by hand for what is well means it, and a deployment that failed has left well what was there before.
        """
        look = backend.preflight(order)
        is_sick = not HEALTH.isdisjoint(started.basis.causing_kinds)
        is_meant = decision.is_requested or not is_sick
        return Preflight.OK if is_meant and look is Preflight.ALREADY_HEALTHY else look

    def _refuse(self, decision: Decision, thought: Thought, look: Preflight) -> Done:
        refused = Refused(intent_id=str(decision.intent_id), world_at=thought.world_at, why=str(look))
        with self._open() as ledger:
            write(ledger, refused, self.mind)
        return Done(decision, str(look), is_attempt=False)

    def _write_started(self, decision: Decision, thought: Thought, started: Started) -> bool:
        """Write the start, durably, where nothing that was said since speaks against it; tell whether it was written."""
        with self._open() as ledger:
            ledger.journals.check()
            now = thought if ledger.journals.greatest == thought.greatest else thought.again(ledger.journals)
            if now.book.fence > started.fence:
                raise BusyError(
                    f"another executor has begun since (record {now.book.fence} of the ledger); this one starts nothing more"
                )
            if not _is_decided(decision, now):
                return False
            write(ledger, started, self.mind)
        return True

    def _write_ended(self, decision: Decision, started: Started, ran: Ran) -> Done:
        secrets = dict(self.workshop.secrets)
        text = decode_output(ran.output, secrets, is_cut=len(ran.output) >= self.workshop.captured_max)
        output = text.encode()[-self.workshop.output_max :]
        _keep_output(self.place, started.intent_id, output)
        ended = Ended(
            intent_id=started.intent_id,
            fence=started.fence,
            result=ran.result,
            exit_code=ran.exit_code,
            output_length=len(output),
            output_sha256=hashlib.sha256(output).hexdigest(),
            line=pick_line(text),
        )
        with self._open() as ledger:
            write(ledger, ended, self.mind)
        return Done(decision, str(ran.result), line=ended.line)

    def _open(self) -> AbstractContextManager[LockedLedger]:
        return open_ledger(self.place, identify(Role.EXECUTOR))


def _is_decided(decision: Decision, now: Thought) -> bool:
    """Return whether the very intent is still to start, by the ledger as it is now, and was never started before."""
    intent = now.book.intents.get(str(decision.intent_id))
    is_new = all(attempt.intent_id != decision.intent_id for attempt in now.book.attempts)
    return is_new and intent is not None and any(row.intent_id == decision.intent_id for row in now.startable())


class AbortWatch:
    """Whether an operator wants what runs to be ended; the journals are read again only when they changed."""

    def __init__(self, place: ActionPlace, mind: Mind) -> None:
        """Know nothing yet."""
        self._place = place
        self._mind = mind
        self._seen: object = None
        self._is_stopped = False

    def is_stopped(self) -> bool:
        """Return whether a halt with `--abort` is in force."""
        stamp = stamp_journals(self._place)
        if stamp != self._seen:
            self._seen = stamp
            # A ledger that cannot be read says nothing: what runs is rather brought to its end.
            with suppress(Exception):
                book = self._mind.fold(read_journals(self._place))
                self._is_stopped = any(halt.abort for halt in book.halts_at(self._mind.now()))
        return self._is_stopped


def _keep_output(place: ActionPlace, intent_id: str, output: bytes) -> None:
    """Keep what a step printed, for its owner alone; an attempt is no less ended where that cannot be."""
    path = place.outputs / f"{intent_id}.txt"
    with suppress(OSError, EmitError):
        place.outputs.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        fill(create_file(path, os.O_WRONLY, 0o600), output)
        sync_folder(path.parent)
