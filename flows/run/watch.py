"""When to run again: when the world or the inventory changes, and when nothing changed for long."""

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from flows.settings import Settings
from flows.sources.world.generations import FOLDER, MANIFEST, follows_manifest

INVENTORY_FOLDERS = ("hosts", "inventory", "services")
INPUT_SUFFIXES = frozenset({".json", ".yaml", ".yml"})
LOOK_AGAIN = timedelta(seconds=5)
"""A folder that is not there yet, or was replaced as a whole, is looked for again after this time."""
MOST_SETTLING = timedelta(milliseconds=500)
"""Files that never rest are read all the same after this time."""


def watch_inputs(settings: Settings, stop: Event) -> Iterator[str]:
    """Yield why to run, each time it is time to: `start`, `change` or `interval`; end when `stop` is set.

    A change is passed on when no other follows for `watch_settle`, and at most once in `watch_min_interval`. Ages grow
    without any change, so that one run in `watch_max_interval` is due in any case. What changes during a run is seen
    after it.
    """
    changes = ChangedInputs(settings, stop)
    reason = "start"
    while not stop.is_set():
        begun_s = time.monotonic()
        yield reason
        reason = changes.wait(begun_s + settings.watch_max_interval.total_seconds())
        stop.wait(max(0.0, begun_s + settings.watch_min_interval.total_seconds() - time.monotonic()))


class ChangedInputs:
    """Changes of the input folders, noticed from when it is made; a folder that is replaced is followed."""

    def __init__(self, settings: Settings, stop: Event) -> None:
        """Begin to watch."""
        self._settings = settings
        self._stop = stop
        files = (settings.checkpoint, settings.event_log, settings.metrics_file)
        self._our_files = [path for file in files if file for path in {file.absolute(), file.resolve()}]
        self._our_folders = {settings.places.state_dir, settings.state_dir.resolve()}
        self._open()

    def wait(self, until_s: float) -> str:
        """Return `change` as soon as an input has changed, or `interval` at that monotonic time."""
        while (left_s := until_s - time.monotonic()) > 0 and not self._stop.is_set():
            if self._has_changed(min(left_s, LOOK_AGAIN.total_seconds())):
                return "change"
        return "interval"

    def _open(self, *, is_polling: bool = False) -> None:
        self._watched = identify_folders(self._settings)
        folders, delay_ms = [str(folder) for folder in self._watched], round(LOOK_AGAIN.total_seconds() * 1000)
        self._notifier = RustNotify(folders, False, is_polling, delay_ms, True, True)

    def _has_changed(self, timeout_s: float) -> bool:
        try:
            changes = self._notifier.watch(
                debounce_ms=round(MOST_SETTLING.total_seconds() * 1000),
                step_ms=max(1, round(self._settings.watch_settle.total_seconds() * 1000)),
                timeout_ms=max(1, round(timeout_s * 1000)),
                stop_event=self._stop,
            )
        except WatchfilesRustInternalError:
            # It cannot tell of a name that is no UTF-8, not even that we read there: what changes is looked for from now on.
            self._open(is_polling=True)
            return True
        if isinstance(changes, set):
            return has_input((path for _, path in changes if not self._is_ours(path)), self._settings.world)
        if identify_folders(self._settings) == self._watched:
            return False
        self._open()
        return True

    def _is_ours(self, path: str) -> bool:
        """Return whether a run of ours writes there: kept beside the inputs, it would start the next one, for ever."""
        place = Path(path)
        if any(place.is_relative_to(folder) for folder in self._our_folders):
            return True
        return any(place == ours or place.name.startswith(f"{ours.name}.") for ours in self._our_files)


def identify_folders(settings: Settings) -> dict[Path, int]:
    """Return the folders that inputs are read from and that are there, each with its inode."""
    wanted = [settings.world, *(settings.inventory / name for name in INVENTORY_FOLDERS)]
    return {folder: folder.stat().st_ino for folder in wanted if folder.is_dir()}


def has_input(paths: Iterable[str], world: Path) -> bool:
    """Return whether one of the paths may be an input.

    What an observer writes on the way to a generation is none, and where it keeps a manifest, that alone says that a
    generation is complete.
    """
    follows = None
    for path in filter(is_input, paths):
        inside = _inside(Path(path), world)
        if inside is None:
            return True
        if inside[0] == FOLDER or any(part.startswith(".") for part in inside):
            continue
        follows = follows_manifest(world) if follows is None else follows
        if not follows or inside == (MANIFEST,):
            return True
    return False


def _inside(path: Path, world: Path) -> tuple[str, ...] | None:
    """Return the parts of a path below the world's folder; None where it is elsewhere."""
    for root in (world, world.absolute(), world.resolve()):
        if path.is_relative_to(root) and path != root:
            return path.relative_to(root).parts
    return None


def is_input(path: str) -> bool:
    """Return whether the path may be an input: our own log and checkpoint in the same folder must not start a run."""
    return Path(path).suffix in INPUT_SUFFIXES
