"""One append to a journal in a process of its own: what the harness kills.

`python -m tests.crash.journal_driver FOLDER ROLE REASON...`: one record for each reason, in one write.
"""

import sys
from pathlib import Path

from flows.errors import SupervisorError
from flows.ledger.actions.append import identify, open_ledger
from flows.ledger.actions.places import ActionPlace
from schemas.ledger_words import Role
from tests.helpers.episodes import NOON


def append(folder: Path, role: Role, reasons: list[str], place: ActionPlace | None = None) -> None:
    """Append the records in one write."""
    with open_ledger(place or ActionPlace(folder), identify(role), timeout_s=5) as ledger:
        ledger.append_all([("noted", {"reason": reason}) for reason in reasons], NOON)


def main() -> int:
    """Append with the command line's arguments; return the exit code."""
    try:
        append(Path(sys.argv[1]), Role(sys.argv[2]), sys.argv[3:])
    except SupervisorError as error:
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
