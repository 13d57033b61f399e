"""What writing 100 events costs a run, from lock to commit: `python -m benchmarks.emission [FOLDER]`."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from flows.ledger.emit import open_emitter
from stages.transition import decide_transitions
from tests.helpers.episodes import DAY, judged, last_run, paths, recommended

RUNS, EVENTS = 41, 100


def measure(folder: Path, count: int) -> float:
    """Return the milliseconds of a run that writes so many events."""
    rows = [recommended(f"service-{number}", evidence={"observed": "exited", "age_s": 12.5}) for number in range(count)]
    begun = time.perf_counter()
    with open_emitter(paths(folder)) as emitter:
        # One run opens all, the next resolves all.
        is_open = any(episode.is_open for episode in emitter.episodes.values())
        conclusions = judged(*(() if is_open else rows))
        transitions = decide_transitions(emitter.episodes, conclusions, reminder_interval=DAY)
        lines = emitter.commit(transitions, last_run())
    if len(lines) != count:
        raise SystemExit(f"expected {count} events, wrote {len(lines)}")
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    """Print the median and the spread, in milliseconds."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        for count in (0, EVENTS):
            folder = Path(name) / str(count)
            folder.mkdir()
            times = sorted(measure(folder, count) for _ in range(RUNS))[: RUNS - 1]
            low, high = times[len(times) // 10], times[-len(times) // 10]
            print(f"{count:4} events: median {statistics.median(times):.1f} ms, 80 % in {low:.1f} to {high:.1f} ms")


if __name__ == "__main__":
    main()
