"""The process that tests one broken copy."""

import contextlib
import os
import sys
from pathlib import Path

OURS = ("flows", "stages", "schemas", "tests", "benchmarks", "tools")
PYTEST = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning")
PASSED, FAILED = 100, 101
"""Exit codes that a process which did not come so far has not."""


def run_tests(tree: Path, said: Path, tests: tuple[str, ...]) -> None:
    """Run tests in a copy, on the copy's modules, and end the process."""
    import pytest

    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    with said.open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        code = int(pytest.main([*PYTEST, *tests]))
    sys.exit(PASSED + code)
