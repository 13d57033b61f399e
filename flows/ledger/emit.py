"""Events, exactly once: lock, recover, fold, and then intent, append, files, commit.

For one host and local file systems: after a crash, a kill or a power cut at any point, the next run makes every event
of the interrupted one appear in the log once, as a whole line, with the same id and bytes; whole lines of other writers
are never changed. The log is the truth: where it goes further than the checkpoint, the checkpoint follows.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from flows.errors import EmitError
from flows.files.file_system import doubt_file_systems
from flows.files.lock import hold_lock
from flows.files.own import make_private_folder, settle_path, sweep_folder, trusted_owners
from flows.ledger.checkpoint import (
    Checkpoint,
    Known,
    Pending,
    clear_leftovers,
    load_checkpoint,
    save_checkpoint,
    set_aside,
)
from flows.ledger.commit_files import check_files, place_files, sync_files
from flows.ledger.event_line import WrittenEvent, digest_line, encode_action_event, encode_change
from flows.ledger.event_log import EventLog, Scan
from flows.ledger.follow import believe, follow_events, is_committed, tell_news
from flows.ledger.own_event import OwnEvent, chain_of
from flows.ledger.places import Places
from flows.ledger.position import START
from flows.ledger.skipped_run import write_attempt
from schemas.action_event import Acting
from schemas.episode import Episode, Key, Transitions
from schemas.last_run import LastAttempt, LastRun
from schemas.spoken import count
from schemas.words import Outcome

MAX_EVENTS = 20_000

Confirm = Callable[[Sequence[OwnEvent], int], frozenset[str]]
"""Which events our own records say were written by a run behind that generation: the digests of their lines."""


@contextmanager
def open_emitter(
    places: Places,
    *,
    confirm: Confirm | None = None,
    as_cloudevents: bool = False,
    platform_words: bool = False,
    max_events: int = MAX_EVENTS,
) -> Iterator["Emitter"]:
    """Hold the locks, complete what a killed run left, and give the emitter of this run.

    Read the inputs inside, so that no older view of them can follow a newer one. `confirm` is asked where the log goes
    further than the checkpoint: one was lost, or restored, or somebody writes lines that look like ours. Raises
    BusyError where another run does not end in time, SettingsError for a checkpoint of a newer version, and EmitError
    for paths that are unsafe or cannot be written.
    """
    with _explained(places):
        state_dir = make_private_folder(places.state_dir)
        checkpoint = settle_path(places.checkpoint, trusted_owners())
        log = open_log(places)
    beside, timeout_s = checkpoint.with_name(f"{checkpoint.name}.lock"), places.lock_timeout_s
    with hold_lock(state_dir / "lock", timeout_s), hold_lock(beside, timeout_s):
        emitter = Emitter(
            log,
            checkpoint,
            timeout_s,
            as_cloudevents=as_cloudevents,
            platform_words=platform_words,
            max_events=max_events,
        )
        emitter.warnings += doubt_file_systems((log.path, checkpoint, state_dir))
        with _explained(places):
            sweep_folder(state_dir)
            emitter.recover(confirm)
        yield emitter


def open_log(places: Places) -> EventLog:
    """Return the event log, once nobody but its owners can put another in its place."""
    return EventLog(settle_path(places.event_log, places.log_owners), places.log_owners)


class Emitter:
    """The events of one run; made by `open_emitter`."""

    def __init__(
        self,
        log: EventLog,
        path: Path,
        lock_timeout_s: float,
        *,
        as_cloudevents: bool,
        platform_words: bool,
        max_events: int,
    ) -> None:
        """Take note of the paths; `recover` reads them."""
        self._log = log
        self._path = path
        self._lock_timeout_s = lock_timeout_s
        self._as_cloudevents = as_cloudevents
        self._platform_words = platform_words
        self._max_events = max_events
        self._checkpoint = Checkpoint()
        self.warnings: list[str] = []
        self.told_ids: frozenset[str] = frozenset()
        """Events about acting that a log holds whose checkpoint is lost: they are not told again."""

    @property
    def episodes(self) -> Mapping[Key, Episode]:
        """All episodes before this run, the closed ones too."""
        return MappingProxyType(dict(self._checkpoint.known.episodes))

    @property
    def last_run(self) -> LastRun | None:
        """The last run with conclusions."""
        return self._checkpoint.known.last_run

    @property
    def generation(self) -> int:
        """The number of this run: one more than the runs that were committed."""
        return self._checkpoint.known.generation + 1

    def skip_generations(self, generation: int) -> None:
        """Give this run a number behind that one: a history may know of runs that a lost checkpoint forgot."""
        known = self._checkpoint.known
        self._checkpoint = self._checkpoint._replace(known=replace(known, generation=max(known.generation, generation)))

    @property
    def acting(self) -> Mapping[str, object] | None:
        """What the last run left about acting; None where it never was on."""
        return self._checkpoint.known.acting

    def commit(
        self,
        transitions: Transitions,
        last_run: LastRun,
        files: Sequence[tuple[Path, Path]] = (),
        acting: Acting | None = None,
    ) -> tuple[WrittenEvent, ...]:
        """Write the run's events, put its files in place, and remember it; return the events.

        `files` are finished temporary files and the new names that they get, in the same folder. All of it
        happens, or is completed by the next run; before the intent is written, an error leaves everything as it was.
        """
        acting = acting or Acting(known=self._checkpoint.known.acting)
        size = len(transitions.changes) + len(acting.events)
        if size > self._max_events:
            raise EmitError(
                f"refused: {size} events in one run are more than the {self._max_events} of"
                " limits.max_events; nothing was written"
            )
        check_files(files)
        written = self._encode(transitions, acting)
        told = [change.event_id for change in transitions.changes] + [event.event_id for event in acting.events]
        events = tuple((event_id, event.line.decode("ascii")) for event_id, event in zip(told, written, strict=True))
        after = Known(
            generation=self.generation,
            head=digest_line(written[-1].line) if written else self._checkpoint.known.head,
            episodes=transitions.episodes,
            last_run=self._date(last_run),
            action_seq=self._checkpoint.known.action_seq + len(acting.events),
            acting=acting.known,
        )
        with _explained_at(self._path):
            if not events and not files:
                self._save(self._checkpoint._replace(known=after))
            else:
                self._emit(Pending(events, tuple((str(temporary), str(final)) for temporary, final in files), after))
        return written

    def note_skipped(self, as_of: datetime, reason: str, outcome: Outcome = Outcome.SKIPPED) -> None:
        """Note a run without conclusions: the last state stands, and is stale. Writes no event and no checkpoint."""
        attempt = LastAttempt(as_of=as_of, outcome=outcome, reason=reason[:1000])
        with _explained_at(self._path):
            write_attempt(self._path, attempt, self._checkpoint.known.generation)

    def write_again(self, events: Iterable[tuple[OwnEvent, bytes]]) -> int:
        """Append committed events that the log and its parts no longer hold, as they were; return how many."""
        known = self._checkpoint.known
        deadline = time.monotonic() + self._lock_timeout_s
        self._log.is_deep = True
        with _explained_at(self._path), self._log.locked(deadline):
            there = self._log.scan(START).places
            missing = {
                event.event_id: line
                for event, line in events
                if event.digest not in there and is_committed(event, known)
            }
            scan = self._log.append([*missing.items()], START, deadline)
            self._save(self._checkpoint._replace(position=scan.end))
        return len(missing)

    def recover(self, confirm: Confirm | None) -> None:
        """Load the checkpoint, complete what is pending, and follow the log where it goes further."""
        self._recover(confirm)
        self._log.is_deep = False
        self.warnings += (f"{path}: {problem}; it is passed over" for path, problem in self._log.notes.items())

    def _recover(self, confirm: Confirm | None) -> None:
        clear_leftovers(self._path)
        loaded = load_checkpoint(self._path)
        set_aside(loaded.broken)
        for copy, problem in loaded.broken:
            self.warnings.append(f"{copy}: cannot be used ({problem}); kept as {copy.name}.broken")
        self._checkpoint = loaded.checkpoint or Checkpoint()
        self._check_log_path()
        self._log.is_deep = loaded.checkpoint is None or self._checkpoint.pending is not None
        if self._checkpoint.pending is not None:
            self._complete(self._checkpoint.pending)
        if loaded.checkpoint is None:
            self._rebuild(confirm)
        else:
            self._follow(confirm)

    def _check_log_path(self) -> None:
        known = self._checkpoint.log
        if known and known != str(self._log.path):
            self.warnings.append(f"{self._path}: belongs to the log {known}; continuing with {self._log.path}")
            self._checkpoint = self._checkpoint._replace(position=START)
        self._checkpoint = self._checkpoint._replace(log=str(self._log.path))

    def _encode(self, transitions: Transitions, acting: Acting) -> tuple[WrittenEvent, ...]:
        written: list[WrittenEvent] = []
        head = self._checkpoint.known.head
        for change in transitions.changes:
            written.append(encode_change(change, head, as_cloudevent=self._as_cloudevents))
            head = digest_line(written[-1].line)
        for seq, event in enumerate(acting.events, start=self._checkpoint.known.action_seq + 1):
            told = encode_action_event(
                event, seq, head, as_cloudevent=self._as_cloudevents, platform_words=self._platform_words
            )
            written.append(told)
            head = digest_line(told.line)
        return tuple(written)

    def _date(self, run: LastRun) -> LastRun:
        before = self.last_run
        is_same = before is not None and before.state == run.state
        return run._replace(state_since=before.state_since if before and is_same else run.as_of)

    def _emit(self, pending: Pending) -> None:
        sync_files(pending.files)
        if pending.events:
            deadline = time.monotonic() + self._lock_timeout_s
            with self._log.locked(deadline):
                self._save(self._checkpoint._replace(pending=pending))
                scan = self._append(pending, deadline)
                self._tell_strangers(scan, chain_of(scan.events, pending.after.head))
                self._checkpoint = self._checkpoint._replace(position=scan.end)
        else:
            self._save(self._checkpoint._replace(pending=pending))
        self._finish(pending)

    def _append(self, pending: Pending, deadline: float) -> Scan:
        events = [(event_id, line.encode("ascii")) for event_id, line in pending.events]
        return self._log.append(events, self._checkpoint.position, deadline)

    def _finish(self, pending: Pending) -> None:
        self.warnings += place_files(pending.files)
        self._save(self._checkpoint._replace(known=pending.after, pending=None))

    def _complete(self, pending: Pending) -> None:
        """Do what a killed run's intent says, as far as it is not done, and commit."""
        if pending.events:
            deadline = time.monotonic() + self._lock_timeout_s
            with self._log.locked(deadline):
                self._log.seal_zeros(self._checkpoint.position)
                self._append(pending, deadline)
        self._finish(pending)

    def _rebuild(self, confirm: Confirm | None) -> None:
        """Take from the log what the lost checkpoint knew; without any records, there is nothing else to believe."""
        scan = self._log.scan(START)
        if scan.events:
            self.warnings.append(f"{self._path}: no usable checkpoint; the open episodes are rebuilt from the log")
        confirmed = confirm(scan.events, 0) if confirm and scan.events else frozenset()
        events = believe(scan.events, confirmed) if confirmed else scan.events
        self._tell_strangers(scan, {event.digest for event in events})
        self.told_ids = frozenset(event.event_id for event in events if event.action is not None)
        self._go_on(scan, events)

    def _follow(self, confirm: Confirm | None) -> None:
        """Take from behind our place what our own records confirm; nothing else there can be ours."""
        scan = self._log.scan(self._checkpoint.position)
        if not scan.is_position_found:
            self.warnings.append(
                f"{self._log.path}: was replaced since the last run; earlier events are not written to it again"
            )
        known = self._checkpoint.known
        news = [event for event, is_news in tell_news(known, scan.events) if is_news]
        confirmed = confirm(news, known.generation) if confirm and news else frozenset()
        self._tell_strangers(scan, confirmed | chain_of(scan.events, known.head))
        self._go_on(scan, [event for event in scan.events if event.digest in confirmed])

    def _go_on(self, scan: Scan, events: Sequence[OwnEvent]) -> None:
        known = follow_events(self._checkpoint.known, events) if events else self._checkpoint.known
        self._checkpoint = self._checkpoint._replace(known=known, position=scan.end)

    def _tell_strangers(self, scan: Scan, ours: Collection[str]) -> None:
        """Say how many events claim to be ours and are not: they change nothing, so that the real ones are written."""
        is_behind_ours = scan.is_position_found and self._checkpoint.position.offset > 0
        strangers = [
            event
            for event, is_news in tell_news(self._checkpoint.known, scan.events)
            if event.digest not in ours and (is_news or is_behind_ours)
        ]
        if strangers:
            self.warnings.append(
                f"{self._log.path}: {count(len(strangers), 'event')} in it claiming to be ours, not from this state folder:"
                " forged, of another supervisor that shares the log, or newer than a state that was restored; not"
                " believed ('supervisor log verify' names the first)"
            )

    def _save(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = save_checkpoint(self._path, checkpoint)


@contextmanager
def _explained(places: Places) -> Iterator[None]:
    with _explained_at(places.event_log):
        yield


@contextmanager
def _explained_at(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else path
        raise EmitError(f"{where}: {error.strerror or error}; nothing is lost, the next run completes it") from None
