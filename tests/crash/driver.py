"""One supervisor's run in a process of its own, without the rest: what the harness kills.

`python -m tests.crash.driver FOLDER AS_OF_S SERVICE...`: the services of `piha` that are to be redeployed; one with
a `!` is critical. The run puts one file into its history, as a real one does.
"""

import sys
from datetime import timedelta
from pathlib import Path

from flows.errors import EmitError, SupervisorError
from flows.ledger.emit import open_emitter
from schemas.words import Severity
from stages.transition import decide_transitions
from tests.helpers.episodes import DAY, NOON, judged, last_run, paths, recommended


def run(folder: Path, as_of_s: int, services: list[str], lock_timeout_s: float = 5.0) -> int:
    """Make one run; return how many events it wrote."""
    as_of = NOON + timedelta(seconds=as_of_s)
    wanted = [
        recommended(name.rstrip("!"), severity=Severity.CRITICAL if name.endswith("!") else Severity.ERROR)
        for name in services
    ]
    with open_emitter(paths(folder, lock_timeout_s=lock_timeout_s)) as emitter:
        conclusions = judged(*wanted, as_of=as_of, input_fingerprint="+".join(services))
        transitions = decide_transitions(emitter.episodes, conclusions, reminder_interval=DAY)
        part = folder / "state" / f"part-{emitter.generation}.json"
        temporary = part.with_suffix(".tmp")
        try:
            temporary.write_text(f"{emitter.generation}\n")
        except OSError as error:
            raise EmitError(f"{temporary}: {error.strerror}") from None
        return len(emitter.commit(transitions, last_run(as_of), [(temporary, part)]))


def main() -> int:
    """Run with the command line's arguments; return the exit code."""
    try:
        run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    except SupervisorError as error:
        return error.exit_code  # Not a word: a fault that lasts would strike the standard error as well.
    return 0


if __name__ == "__main__":
    sys.exit(main())
