"""What lives in a folder, as it was at a moment: tests that are about what follows begin there, without making it anew."""

import copy
import shutil
from pathlib import Path
from typing import Generic, Protocol, TypeVar


class Housed(Protocol):
    """What lives in a folder."""

    folder: Path


Lived = TypeVar("Lived", bound=Housed)


class Kept(Generic[Lived]):
    """A copy, which is put back into the very folder: absolute paths in its files hold."""

    def __init__(self, lived: Lived, beside: Path) -> None:
        """Copy it to a new folder."""
        self._lived, self._copy = copy.deepcopy(lived), beside
        shutil.copytree(lived.folder, beside, symlinks=True)

    def back(self) -> Lived:
        """Put the folder back as it was, and return what lives there."""
        shutil.rmtree(self._lived.folder)
        shutil.copytree(self._copy, self._lived.folder, symlinks=True)
        return copy.deepcopy(self._lived)
