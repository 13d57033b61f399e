"""The screen of `supervisor watch` on a terminal: the newest run, its age growing, and what was said since."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from flows.render.table import Hints, draw_report
from flows.run.result import RunReport
from flows.text.escape import show
from flows.text.spoken import spoken_clock, spoken_since

MOST_LINES = 4
PER_SECOND = 2


class WatchScreen:
    """What is shown at a moment; drawn anew each time it is asked for, so that ages grow."""

    def __init__(self, run_ttl: timedelta, read_clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Begin with nothing judged."""
        self._run_ttl = run_ttl
        self._read_clock = read_clock
        self._report: RunReport | None = None
        self._hints = Hints()
        self._said: deque[tuple[datetime, str]] = deque(maxlen=MOST_LINES)

    def show_run(self, report: RunReport, hints: Hints) -> None:
        """Show this run from now on."""
        self._report, self._hints = report, hints

    def say(self, message: str) -> None:
        """Show a line, until newer ones take its place."""
        self._said.append((self._read_clock(), message))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines; where the terminal has room for fewer, the last says how many there are below."""
        lines = console.render_lines(Group(*self._draw(console.width)), options.reset_height(), pad=False)
        if len(lines) > options.max_height:
            more = len(lines) - options.max_height + 1
            told = Text(f"and {more} more lines; 'supervisor status' shows all", style="dim", no_wrap=True)
            lines = [*lines[: options.max_height - 1], *console.render_lines(told, options.reset_height(), pad=False)]
        for line in lines:
            yield from line
            yield Segment.line()

    def _draw(self, width: int) -> Iterator[RenderableType]:
        yield self._age()
        for at, message in self._said:
            yield Text(f"{spoken_clock(at)}  {show(message, 1000)}", style="yellow", overflow="fold")
        if self._report is not None:
            yield Text("")
            yield draw_report(self._report, width, hints=self._hints)

    def _age(self) -> Text:
        line = Text("supervisor watch", style="bold")
        if self._report is None:
            return line.append("  ·  the first look  ·  Ctrl-C ends it", style="not bold dim")
        now = self._read_clock()
        is_old = now - self._report.as_of > self._run_ttl
        judged = f"  ·  judged {spoken_since(self._report.as_of, now)} ago, at {spoken_clock(self._report.as_of)}"
        line.append(judged, style="bold yellow" if is_old else "not bold")
        return line.append("  ·  Ctrl-C ends it", style="not bold dim")


@contextmanager
def shown_live(screen: WatchScreen, console: Console) -> Iterator[None]:
    """Keep a screen drawn on the terminal; what was there before comes back at the end."""
    with Live(
        screen, console=console, screen=True, refresh_per_second=PER_SECOND, vertical_overflow="ellipsis",
        redirect_stdout=False, redirect_stderr=False,
    ):  # fmt: skip
        yield
