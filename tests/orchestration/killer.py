"""A kill -9 in the middle of a scheduled run, at an exact point of what it writes."""

import os
from pathlib import Path

SITE = '''
"""Kills a process, once, when a flow run has made its n-th fsync of an emission."""
import os, signal, sys
from pathlib import Path

_wanted = Path(os.environ["KILL_ONCE"])
_real, _count = os.fsync, 0

def _fsync(descriptor):
    global _count
    _real(descriptor)
    if "flows.ledger.emit" in sys.modules and "prefect.flow_engine" in sys.modules and _wanted.exists():
        _count += 1
        number, process = map(int, _wanted.read_text().split())
        if _count == number:
            _wanted.unlink()
            os.kill(process or os.getpid(), signal.SIGKILL)

os.fsync = _fsync
'''


class Killer:
    """What is in wait in every Python process that is started with its environment."""

    def __init__(self, folder: Path) -> None:
        site = folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SITE)
        self._wanted = folder / "kill"
        path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.environment = {"PYTHONPATH": path, "KILL_ONCE": str(self._wanted)}

    def arm(self, fsync: int, process: int = 0) -> None:
        """Kill a process at that fsync of the next run: the run's own, if no other is given."""
        new = self._wanted.with_suffix(".new")
        new.write_text(f"{fsync} {process}")
        new.rename(self._wanted)

    def has_struck(self) -> bool:
        return not self._wanted.exists()
