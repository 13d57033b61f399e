"""What every test module can use."""

import sys
from pathlib import Path

import flows

# Last, so that an installed wheel is what the tests import, and only `tests` itself comes from the tree.
sys.path.append(str(Path(__file__).parents[1]))


def pytest_report_header():
    return f"supervisor: {Path(flows.__file__).parent}"
