"""What the steps of a run say of themselves decides who runs them how."""

import pytest

from flows.run.cycle import TimedStep, reconcile_with
from flows.run.step import Trait, has_trait
from tests.helpers.fleet_on_disk import BAD, NOON, WEB, reconcile
from tests.helpers.real_run import settings_of


class ListedStep(TimedStep):
    """Runs each step right here, and lists them."""

    def __init__(self):
        super().__init__()
        self.ran = []

    def run(self, stage, *arguments):
        self.ran.append(stage)
        return super().run(stage, *arguments)


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """The steps of a run that reads, judges, writes and tells."""
    folder = tmp_path_factory.mktemp("fleet")
    reconcile(folder, WEB, {"a/web": BAD})
    step = ListedStep()
    reconcile_with(step, settings_of(folder), NOON)
    return step.ran


@pytest.mark.parametrize(
    ("trait", "names"),
    [(Trait.READS_OF_OTHERS, ["read_inputs"]), (Trait.TAKES_NODES_ALONE, ["look_at_services"])],
)
def test_of_a_runs_steps_one_says_so(steps, trait, names):
    assert [step.__name__ for step in steps if has_trait(step, trait)] == names


def test_a_reader_that_remembers_says_it_of_its_method_too(tmp_path):
    from flows.run.gather import InputReader

    assert has_trait(InputReader(settings_of(tmp_path)).read_inputs, Trait.READS_OF_OTHERS)


def test_with_prefect_the_step_that_reads_of_others_is_tried_again_and_no_other(steps):
    from flows.orchestration.tasks import READ_PAUSES_S, as_task

    assert {step.__name__: as_task(step).retries for step in steps if as_task(step).retries} == {
        "read_inputs": len(READ_PAUSES_S)
    }


def test_in_shards_the_step_that_takes_nodes_alone_is_split_and_no_other(steps, monkeypatch):
    from flows.orchestration.shard import ShardedStep
    from flows.orchestration.tasks import TaskStep

    split = []
    monkeypatch.setattr(ShardedStep, "_run_by_node", lambda self, look, *_: split.append(look.__name__))
    monkeypatch.setattr(TaskStep, "run", lambda *_: None)

    for step in steps:
        ShardedStep(3).run(step)

    assert split == ["look_at_services"]


def test_what_cannot_be_written_is_concluded_once_and_shown(tmp_path):
    reconcile(tmp_path, {**WEB, "b": "services: [db]"}, {"a/web": BAD, "b/db": BAD})
    step = ListedStep()

    report = reconcile_with(step, settings_of(tmp_path, limits={"retries": 0, "max_events": 1}), NOON)

    assert [one.__name__ for one in step.ran].count("read_inputs") == 1
    assert (report.exit_code, report.standing.height, report.events) == (5, 2, ())
    assert "limits.max_events" in report.emit_error
