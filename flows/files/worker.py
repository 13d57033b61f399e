"""How a process begins that another one of ours starts: as lightly as a command does, and then with the one job that it has.

python -P -m flows.files.worker MODULE
"""

import sys
from importlib import import_module

from flows.files.processes import collect_seldom


def main() -> None:
    """Do what the module that the command line names has as its `main`."""
    collect_seldom()
    import_module(sys.argv[1]).main()


if __name__ == "__main__":
    main()
