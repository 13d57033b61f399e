"""The least that reading an inventory anew by a fast YAML library takes: a tree of each file, of which nothing is asked.

One tree is used again and again: with a new one for each file it takes nearly three times as long, for its memory alone.

python -m benchmarks.peers.parse_yaml INVENTORY
"""

import importlib
import sys
from pathlib import Path


def parse_all(inventory: Path) -> tuple[int, int]:
    """Return how many bytes and how many values the inventory has."""
    ryml = importlib.import_module("ryml")
    tree = ryml.Tree()
    size = values = 0
    for path in inventory.glob("hosts/*/*.yaml"):
        data = path.read_bytes()
        size += len(data)
        tree.clear()
        tree.clear_arena()
        ryml.parse_in_arena(data, tree=tree)
        values += tree.size()
    return size, values


if __name__ == "__main__":
    print(*parse_all(Path(sys.argv[1])))
