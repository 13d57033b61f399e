"""Pandera without numpy, which it imports for pandas' frames alone: a tenth of a small run."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class _SpareNumpy:
    def find_spec(self, name: str, _: Sequence[str] | None, __: ModuleType | None = None) -> ModuleSpec | None:
        """Say that there is no numpy while pandera begins; it then goes on without pandas, as where neither is installed."""
        if name == "numpy" and "pandera" in sys.modules and "pandera.api.polars.model" not in sys.modules:
            raise ModuleNotFoundError("No module named 'numpy'", name=name)
        return None


def spare_numpy() -> None:
    """Let pandera begin without numpy in this process; whatever imports it later gets it."""
    sys.meta_path.insert(0, _SpareNumpy())
