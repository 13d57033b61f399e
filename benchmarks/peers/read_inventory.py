"""The supervisor's own reading of an inventory anew: listed, read, parsed, put into frames, checked, and kept for the next run.

It begins as every command does (`flows/cli.py`).

python -m benchmarks.peers.read_inventory INVENTORY
"""

import sys
import tempfile
from pathlib import Path

from flows.files.processes import collect_seldom, keep_memory


def main() -> None:
    """Read the inventory that the command line names, and print how many services it asks for."""
    collect_seldom()
    keep_memory()
    from flows.sources.inventory.cache import InventoryCache
    from flows.sources.inventory.keeper import read_kept_inventory
    from schemas.limits import Limits

    with tempfile.TemporaryDirectory() as folder:
        kept = read_kept_inventory(InventoryCache(Path(sys.argv[1]), Limits(), folder=Path(folder)))
        print(kept.desired.services.height)


if __name__ == "__main__":
    main()
