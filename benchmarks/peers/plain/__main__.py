"""Print the outcome as JSON."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers.plain import judge
from benchmarks.peers.plain.times import moment


def main() -> None:
    """Judge one world by plain Python."""
    parser = argparse.ArgumentParser(description="Reconcile with plain Python.")
    parser.add_argument("inventory", type=Path)
    parser.add_argument("world", type=Path)
    parser.add_argument("--as-of", type=moment, default=datetime.now(UTC))
    parser.add_argument("--loader", choices=["safe", "c"], default="safe")
    parser.add_argument("--rules", type=json.loads, default={}, help="a JSON object, durations in seconds")
    options = parser.parse_args()
    outcome = judge(options.inventory, options.world, options.as_of, options.rules, options.loader)
    json.dump({name: value for name, value in outcome.items() if name != "settling_since"}, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
