"""Memory stays bounded: the worst inputs, each in a process that may not have more."""

from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.hostile import main
from schemas.limits import Limits
from schemas.setting import settings_of

LIMITS = Path(__file__).parents[2] / "docs" / "limits.md"


@pytest.mark.slow
def test_what_is_refused_at_sight_needs_no_memory():
    assert main(["--memory-mib", "1536", "--inputs", "items,bytes,flow,externals-4000"]) == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)  # each input is a process of its own, and some take half a minute on an idle machine
def test_the_worst_inputs_need_no_more_than_three_gibibytes():
    assert main(["--memory-mib", "3072"]) == 0


@pytest.mark.parametrize("name", settings_of(Limits))
def test_the_readme_has_each_limit_with_its_default(name):
    (row,) = [line for line in LIMITS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` ")]
    default = getattr(Limits(), name)
    number = default.total_seconds() if isinstance(default, timedelta) else default
    shown = {f"{number:,}", f"{number:g} s", f"{number / 2**20:g} MiB"}

    assert row.split(" | ")[1] in shown
