"""The least that any warm run does: read every file of the inventory and the world, and decode the JSON.

python -m benchmarks.peers.floor json|msgspec INVENTORY WORLD
"""

import importlib
import sys
from pathlib import Path


def read_all(decoder: str, inventory: Path, world: Path) -> tuple[int, int]:
    """Return how many bytes the inventory has, and how many records the world has."""
    size = sum(len(path.read_bytes()) for path in inventory.glob("hosts/*/*.yaml"))
    module = importlib.import_module("msgspec.json" if decoder == "msgspec" else "json")
    decode = module.decode if decoder == "msgspec" else module.loads
    return size, sum(len(decode(path.read_bytes())) for path in world.glob("*.json"))


if __name__ == "__main__":
    print(*read_all(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
