"""What the pages show, made anew when something changes: one judgement for all who look."""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.ledger.acknowledgements import FILE as ACKNOWLEDGEMENTS
from flows.ledger.skipped_run import attempt_path
from flows.past.study import read_past
from flows.render.html import draw_past, list_content
from flows.run.clock import read_now
from flows.run.gather import InputReader
from flows.run.watch import ChangedInputs
from flows.settings import Settings
from flows.views.fleet_page import KnownPast, Page, gather_page

PERIOD = timedelta(days=30)
LOOK_S = 0.25
"""Between looks at what runs leave behind."""
REFRESH_S = 20.0
"""Ages grow without any change: at least so often the fleet is judged anew."""
PAST_S = 60.0
"""A past that was read so long ago is read again."""
PAUSE_S = 0.2
"""Between two judgements, however fast things change."""


@dataclass(frozen=True)
class Shown:
    """What is known of the fleet at one moment."""

    version: int
    page: Page
    content: Mapping[str, Any]
    """The page as the templates show it."""


@dataclass
class Fleet:
    """Judges in a thread of its own whenever an input or a run's traces change, and wakes who waits."""

    settings: Settings
    _shown: Shown | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Event = field(default_factory=threading.Event)
    _waiting: set[asyncio.Event] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None
    _past: KnownPast | None = None
    _drawn_past: Mapping[str, Any] | None = None
    _past_at_s: float = float("-inf")

    def start(self) -> None:
        """Begin to watch; the first judgement is there when this returns."""
        self._loop = asyncio.get_running_loop()
        self._reader = InputReader(self.settings, is_caching=False)
        self._inputs = ChangedInputs(self.settings, self._stop)  # before the first look, so that nothing falls between
        self._refresh()
        for work in (self._watch_inputs, self._watch_traces, self._keep_fresh):
            threading.Thread(target=work, daemon=True, name=work.__name__.strip("_")).start()

    def stop(self) -> None:
        """End the threads, and let go who waits."""
        self._stop.set()
        self._changed.set()
        self._wake()

    @property
    def is_stopping(self) -> bool:
        """Return whether nothing more will change."""
        return self._stop.is_set()

    @property
    def shown(self) -> Shown:
        """Return the newest judgement."""
        if self._shown is None:
            raise RuntimeError("start() comes first")
        return self._shown

    async def wait_beyond(self, version: int, timeout_s: float) -> int:
        """Return the newest version once it is beyond the one given, or as it is after the time or at the end."""
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    while self.shown.version <= version and not self.is_stopping:
                        woken.clear()
                        await woken.wait()
        finally:
            self._waiting.discard(woken)
        return self.shown.version

    def _watch_inputs(self) -> None:
        while not self._stop.is_set():
            if self._inputs.wait(time.monotonic() + REFRESH_S) == "change":
                self._changed.set()

    def _watch_traces(self) -> None:
        before = list(self._traces())
        while not self._stop.wait(LOOK_S):
            now = list(self._traces())
            if now != before:
                self._changed.set()
            before = now

    def _traces(self) -> Iterator[tuple[str, int, int] | None]:
        """Yield the stamp of each file that runs and operators leave behind."""
        journals = self.settings.actions_root() / "journal"
        for path in (
            self.settings.checkpoint,
            attempt_path(self.settings.checkpoint),
            self.settings.state_dir / ACKNOWLEDGEMENTS,
            self.settings.actions.policy,
            *sorted(journals.glob("*.jsonl")),
            *(site.checkpoint_file for site in self.settings.sites.values()),
        ):
            yield _stamp(path)

    def _keep_fresh(self) -> None:
        while not self._stop.is_set():
            self._changed.wait(REFRESH_S)
            self._changed.clear()
            if not self._stop.is_set():
                self._refresh_or_say_why()
                self._stop.wait(PAUSE_S)

    def _refresh_or_say_why(self) -> None:
        """Judge anew; whatever goes wrong is shown, and tried again with the next change."""
        try:
            self._refresh()
        except Exception as error:  # noqa: BLE001 - a page that stands still without a word is worse than any error
            before = self.shown.page
            self._show(
                Page(
                    as_of=datetime.now(UTC),
                    since=before.since,
                    run_ttl=before.run_ttl,
                    problem=f"the page cannot judge: {error}",
                    status=before.status,
                    sites=before.sites,
                )
            )

    def _refresh(self) -> None:
        now = read_now(self.settings)
        is_past_old = time.monotonic() - self._past_at_s > PAST_S
        if is_past_old:
            self._past = read_past(self.settings, now - PERIOD, now)
            self._past_at_s = time.monotonic()
        page = gather_page(self.settings, now, PERIOD, read=self._reader.read_inputs, known_past=self._past)
        if is_past_old:
            self._drawn_past = draw_past(page)
        self._show(page)

    def _show(self, page: Page) -> None:
        content = list_content(page, self._drawn_past)
        self._shown = Shown((self._shown.version if self._shown else 0) + 1, page, content)
        if self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):  # the loop ended meanwhile
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for woken in self._waiting:
            woken.set()


def _stamp(path: Path) -> tuple[str, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (path.name, found.st_ino, found.st_mtime_ns)
