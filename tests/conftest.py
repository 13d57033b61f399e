"""What every test module can use."""

import functools
import gc
import os
import sys
import tempfile
from pathlib import Path

import pytest
import typer.main
from hypothesis import HealthCheck, settings

import flows

# The same examples each time, on however busy a machine: a red run is about the change. With HYPOTHESIS_PROFILE=thorough more
# of them, as before a change lands.
settings.register_profile(
    "suite",
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("suite"), max_examples=150)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "suite")
settings.load_profile(PROFILE)

# Last, so that an installed wheel is what the tests import, and only `tests` itself comes from the tree.
sys.path.append(str(Path(__file__).parents[1]))

# As the program itself does: looking for cycles among millions of good objects is a fifth of the suite's time.
gc.set_threshold(200_000, 50, 100)
# A grammar that JupyterLab wants and jsonschema would make use of: to make it takes longer than to import all else of Prefect.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
# One command line for all calls in this process: to build it anew takes longer than many a test.
typer.main.get_command = functools.cache(typer.main.get_command)

SHARED_MEMORY = Path("/dev/shm")
ROOMY_BYTES = 2 << 30


def _is_of_use(folder):
    """Return whether temporary folders can be there: writable, roomy, and programs may be started from it."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize > ROOMY_BYTES and not found.f_flag & os.ST_NOEXEC


# What is written is flushed, as ever; on a disk the tests would do little else but wait for it.
if "TMPDIR" not in os.environ and _is_of_use(SHARED_MEMORY):
    os.environ["TMPDIR"] = tempfile.tempdir = str(SHARED_MEMORY)


def pytest_configure(config):
    """Give each worker a core of its own: to hand a frame of three rows from core to core takes longer than to work on it.

    Not before a change lands: there the threads of polars run beside each other, as they do where it is installed. Nor where the
    marked tests run, whose servers would get no more than that core.
    """
    cores, worker = sorted(os.sched_getaffinity(0)), os.environ.get("PYTEST_XDIST_WORKER", "")
    if PROFILE == "suite" and worker and config.option.markexpr.startswith("not "):
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark all but the first case of each wide table as slow."""
    seen = set()
    for item in items:
        if item.get_closest_marker("wide"):
            table = item.nodeid.partition("[")[0]
            if table in seen:
                item.add_marker("slow")
            seen.add(table)


def pytest_collection_finish():
    gc.freeze()


def pytest_report_header():
    return f"supervisor: {Path(flows.__file__).parent}"
