"""The real program: as a process of its own, or, where no more than its command line is asked about, in this one."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

from flows.cli import _run

AT_ONCE = {"SUPERVISOR_LIMITS__RETRY_PAUSE": "0"}
"""A world that cannot be read is tried again at once: nobody is about to write it."""
SUPERVISOR = [sys.executable, "-P", "-c", "from flows.cli import main; main()"]


def clean_environment() -> dict[str, str]:
    """Return the environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SUPERVISOR_", "NODE_ALIAS"))}


def call(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, as the program does, in an environment that has no other settings of ours."""
    output, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        _environment({**AT_ONCE, **(environment or {})}),
    ):
        exit_code = _run(list(arguments))
    for stream in (output, errors):
        stream.flush()
    out, err = (stream.buffer.getvalue().decode() for stream in (output, errors))
    return subprocess.CompletedProcess(arguments, exit_code, out, err)


@contextlib.contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    clean = {**clean_environment(), **added}
    os.environ.clear()
    os.environ.update(clean)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
