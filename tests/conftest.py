"""What every test module can use."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

import flows

# The same examples each time, on however busy a machine: a red run is about the change.
settings.register_profile(
    "suite", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")

# Last, so that an installed wheel is what the tests import, and only `tests` itself comes from the tree.
sys.path.append(str(Path(__file__).parents[1]))


def pytest_report_header():
    return f"supervisor: {Path(flows.__file__).parent}"
