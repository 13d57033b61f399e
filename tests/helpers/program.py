"""The real program, as a process of its own."""

import sys

SUPERVISOR = [sys.executable, "-P", "-c", "from flows.cli import main; main()"]
