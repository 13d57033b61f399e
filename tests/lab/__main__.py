"""`python -m tests.lab check`: can this machine hold a lab; `... enter -- COMMAND`: run one inside."""

import sys

from tests.lab.places import LabUnavailableError
from tests.lab.space import be_inside, enter, why_not

SKIPPED = 77


def main() -> int:
    """Return the command's exit code, or 77 with one line where there can be no lab."""
    match sys.argv[1:]:
        case ["check"]:
            reason = why_not()
            print(reason or "ok")
            return SKIPPED if reason else 0
        case ["enter", "--", *command] if command:
            try:
                return enter(command)
            except LabUnavailableError as error:
                print(f"skipped: {error}", file=sys.stderr)
                return SKIPPED
        case ["inside", "--", *command]:
            return be_inside(command)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
