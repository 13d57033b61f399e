"""Where a repository has the files that a run speaks of: code hosts know no other place."""

from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

from flows.settings import Settings

REPOSITORY = "%SRCROOT%"
WORLD = "WORLD"


class Roots(NamedTuple):
    """The folders of the inventory and of the world, as the repository of the inventory has them."""

    inventory: str = ""
    world: str | None = None
    """None where it lies elsewhere."""

    def of_inventory(self, file: str) -> dict[str, str]:
        """Return a file of the inventory as an artifact of SARIF."""
        return _artifact(self.inventory, file, REPOSITORY)

    def of_world(self, file: str) -> dict[str, str]:
        """Return a file of the world as an artifact of SARIF; its base has no address where it lies elsewhere."""
        return _artifact(self.world or "", file, WORLD if self.world is None else REPOSITORY)


def find_roots(settings: Settings) -> Roots:
    """Return where the repository of the inventory has both folders; the inventory itself is one that has no other."""
    inventory, world = settings.inventory.absolute().resolve(), settings.world.absolute().resolve()
    repository = next((folder for folder in (inventory, *inventory.parents) if (folder / ".git").exists()), inventory)
    is_inside = world.is_relative_to(repository)
    return Roots(_relative(inventory, repository), _relative(world, repository) if is_inside else None)


def _relative(folder: Path, repository: Path) -> str:
    return folder.relative_to(repository).as_posix()


def _artifact(folder: str, file: str, base: str) -> dict[str, str]:
    return {"uri": quote(str(PurePosixPath(folder) / file)), "uriBaseId": base}
