"""The supervisor's own reading of an inventory anew: listed, read, parsed, put into frames, checked, and kept for the next run.

python -m benchmarks.peers.read_inventory INVENTORY
"""

import sys
import tempfile
from pathlib import Path

from flows.sources.inventory.cache import InventoryCache
from flows.sources.inventory.keeper import read_kept_inventory
from schemas.limits import Limits

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        kept = read_kept_inventory(InventoryCache(Path(sys.argv[1]), Limits(), folder=Path(folder)))
        print(kept.desired.services.height)
