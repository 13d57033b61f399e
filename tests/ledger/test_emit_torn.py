"""A write that was cut anywhere, with or without another writer's line glued behind it."""

from pathlib import Path

import pytest

from tests.crash.driver import run
from tests.crash.invariants import find_violations, log_lines
from tests.faults import Fault, Killed, injected
from tests.helpers.episodes import paths

FOREIGN = b'{"timestamp": "2026-05-01T12:00:00Z", "message": "a line of another agent"}'


@pytest.fixture(scope="module")
def lengths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(folder, 10, ["web", "db"])
    return [len(line) for line in log_lines(folder)]


def tear(folder: Path, kept: int) -> None:
    with pytest.raises(Killed), injected(Fault(5, kept=kept, only="write")):
        run(folder, 10, ["web", "db"])


@pytest.mark.parametrize("glued", [b"", FOREIGN, b"plain text"], ids=["alone", "json glued", "text glued"])
@pytest.mark.parametrize("line", [0, 1], ids=["first line", "second line"])
@pytest.mark.parametrize("cut", [16, 31, 32, 300, -2, -1, 0], ids=lambda cut: f"cut {cut}")
def test_a_torn_append_is_mended_without_touching_what_is_glued_to_it(tmp_path, lengths, cut, line, glued):
    before = lengths[0] + 1 if line else 0
    tear(tmp_path, before + (cut if cut > 0 else lengths[line] + cut))
    with paths(tmp_path).event_log.open("ab") as log:
        log.write(glued + b"\n" if glued else b"")

    run(tmp_path, 20, ["web", "db"])

    assert find_violations(tmp_path, ["web", "db"], [glued] if glued else []) == []


@pytest.mark.parametrize("glued", [b"", FOREIGN])
@pytest.mark.parametrize("kept", range(1, 16))
def test_so_few_torn_bytes_are_mended_where_they_can_be_told_from_the_rest(tmp_path, kept, glued):
    tear(tmp_path, kept)
    with paths(tmp_path).event_log.open("ab") as log:
        log.write(glued + b"\n" if glued else b"")

    run(tmp_path, 20, ["web", "db"])

    assert find_violations(tmp_path, ["web", "db"], [glued] if glued else []) == []


def test_a_batch_of_a_dead_run_is_completed_before_another_input_is_judged(tmp_path):
    tear(tmp_path, 100)

    run(tmp_path, 20, ["mqtt"])

    assert find_violations(tmp_path, ["mqtt"], []) == []
    assert len(log_lines(tmp_path)) == 5
