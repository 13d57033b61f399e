"""Any sequence of worlds, kills, rotations, clock jumps and lost checkpoints: each event is there once."""

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flows.errors import EmitError
from flows.ledger.checkpoint import read_known
from flows.ledger.emit import open_emitter
from flows.ledger.own_event import read_own_event
from schemas.words import Severity
from stages.transition import decide_transitions
from tests.crash.invariants import log_lines
from tests.faults import NO_SPACE, Fault, Killed, injected
from tests.helpers.episodes import DAY, NOON, judged, last_run, paths, recommended

WORLDS = st.dictionaries(st.sampled_from(["web", "db", "mqtt"]), st.sampled_from([Severity.ERROR, Severity.CRITICAL]))
MEMORY = Path("/dev/shm")
"""Where syncing costs nothing; what is tested here does not depend on it."""


class Supervised(RuleBasedStateMachine):
    """The model is a dictionary: the open episodes and their severity."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="machine-", dir=MEMORY if MEMORY.is_dir() else None))
        self.paths = paths(self.folder, lock_timeout_s=1)
        self.world, self.model, self.foreign, self.now, self.rotations = {}, {}, [], NOON, 0
        self.is_settled = True

    def teardown(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def run(self):
        rows = [recommended(service, severity=severity) for service, severity in self.world.items()]
        with open_emitter(self.paths) as emitter:
            conclusions = judged(*rows, as_of=self.now, input_fingerprint=repr(sorted(self.world.items())))
            emitter.commit(decide_transitions(emitter.episodes, conclusions, reminder_interval=DAY), last_run(self.now))
        self.model, self.is_settled = dict(self.world), True

    @rule(world=WORLDS)
    def reconcile(self, world):
        self.world = world
        self.run()

    @rule(world=WORLDS, number=st.integers(1, 25), kept=st.none() | st.integers(1, 2500))
    def be_killed(self, world, number, kept):
        self.world, self.is_settled = world, False
        try:
            with injected(Fault(number, kept=kept)):
                self.run()
        except Killed:
            pass

    @rule(world=WORLDS, kept=st.integers(1, 2500))
    def be_killed_in_the_append(self, world, kept):
        self.world, self.is_settled = world, False
        try:
            with injected(Fault(5, kept=kept, only="write")):
                self.run()
        except Killed:
            pass

    @rule(world=WORLDS, number=st.integers(1, 25))
    def run_out_of_space(self, world, number):
        self.world, self.is_settled = world, False
        try:
            with injected(Fault(number, error=NO_SPACE)):
                self.run()
        except EmitError:
            pass

    @rule(hours=st.integers(-50, 50))
    def jump_in_time(self, hours):
        self.now += timedelta(hours=hours)

    @rule()
    def rotate_by_renaming(self):
        if self.paths.event_log.exists():
            self.rotations += 1
            self.paths.event_log.rename(self.folder / f"agent-events.log-{self.rotations:04}")

    @precondition(lambda self: self.paths.event_log.exists())
    @rule()
    def rotate_by_copying(self):
        self.rotations += 1
        shutil.copyfile(self.paths.event_log, self.folder / f"agent-events.log-{self.rotations:04}")
        with self.paths.event_log.open("r+b") as log:
            log.truncate()

    @rule()
    def write_as_another_agent(self):
        line = b'{"id": %d, "source": "runtime-supervisor\'s neighbour"}' % len(self.foreign)
        with self.paths.event_log.open("ab") as log:
            log.write(line + b"\n")
        self.foreign.append(line)

    @rule()
    def lose_a_copy(self):
        self.paths.checkpoint.unlink(missing_ok=True)

    @rule()
    def corrupt_a_copy(self):
        if self.paths.checkpoint.exists():
            data = self.paths.checkpoint.read_bytes()
            self.paths.checkpoint.write_bytes(data[: len(data) // 2])

    @precondition(lambda self: self.is_settled)
    @rule()
    def lose_the_checkpoint(self):
        for copy in self.folder.glob("supervisor-checkpoint.json*"):
            copy.unlink()

    @invariant()
    def each_event_is_there_once(self):
        if not self.is_settled:
            return
        lines = log_lines(self.folder)
        events = [event for line in lines if (event := read_own_event(line))]
        assert len({event.event_id for event in events}) == len(events)
        for key in {event.episode.key for event in events}:
            counts = sorted(event.episode.seq for event in events if event.episode.key == key)
            assert counts == list(range(1, len(counts) + 1))
        assert sorted(self.foreign) == sorted(line for line in lines if read_own_event(line) is None)

    @invariant()
    def the_open_episodes_are_the_model(self):
        known = read_known(self.paths.checkpoint)  # None where it was lost: the next run makes it again of the log
        if self.is_settled and known is not None:
            assert {row.service: row.severity for row in known.episodes.values() if row.is_open} == self.model


Supervised.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
test_the_log_tells_the_world_through_any_fault = Supervised.TestCase
