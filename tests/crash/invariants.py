"""What holds after any fault and one more run: found faults as sentences, none where all is well."""

from collections import Counter
from pathlib import Path

from flows.files.own import trusted_owners
from flows.ledger.checkpoint import load_checkpoint
from flows.ledger.log_parts import find_parts
from flows.ledger.own_event import read_own_event
from tests.helpers.episodes import paths


def log_lines(folder: Path) -> list[bytes]:
    """Return the lines of the log and its rotated parts; blank ones are left out."""
    log = paths(folder).event_log
    files = [*(part.path for part in find_parts(log, trusted_owners())), *([log] if log.exists() else [])]
    return [line for file in files for line in file.read_bytes().split(b"\n") if line.strip()]


def find_violations(folder: Path, services: list[str], foreign: list[bytes]) -> list[str]:
    """Check log, checkpoint and history after a run on these services, with these lines of other writers."""
    return [
        *_check_log(folder, foreign),
        *_check_episodes(folder, services),
        *_check_checkpoint(folder),
        *_check_history(folder),
    ]


def _check_log(folder: Path, foreign: list[bytes]) -> list[str]:
    lines = log_lines(folder)
    events = [event for line in lines if (event := read_own_event(line))]
    others = Counter(line for line in lines if read_own_event(line) is None)
    found = [f"lost or changed: {line!r}" for line in Counter(foreign) - others]
    found += [f"neither ours nor theirs: {line[:80]!r}" for line in others - Counter(foreign)]
    doubled = [name for name, count in Counter(event.event_id for event in events).items() if count > 1]
    found += [f"written {name} more than once" for name in doubled]
    for before, event in zip([None, *events], events, strict=False):
        if event.previous != (before.digest if before else None):
            found.append(f"the chain breaks at {event.event_id}")
    episodes = [event.episode for event in events if event.episode is not None]
    for key in {episode.key for episode in episodes}:
        counts = [episode.seq for episode in episodes if episode.key == key]
        if counts != list(range(1, len(counts) + 1)):
            found.append(f"{key}: the sequence is {counts}")
    log = paths(folder).event_log
    if log.exists() and log.read_bytes()[-1:] not in (b"", b"\n"):
        found.append("the last line has no end")
    return found


def _check_episodes(folder: Path, services: list[str]) -> list[str]:
    last = {}
    for line in log_lines(folder):
        if (event := read_own_event(line)) and event.episode is not None:
            last[event.episode.service] = event.episode
    is_open = {name: episode.severity == "critical" for name, episode in last.items() if episode.is_open}
    wanted = {name.rstrip("!"): name.endswith("!") for name in services}
    return [] if is_open == wanted else [f"open in the log: {is_open}, in the world: {wanted}"]


def _check_checkpoint(folder: Path) -> list[str]:
    loaded = load_checkpoint(paths(folder).checkpoint)
    if loaded.checkpoint is None or loaded.broken:
        return ["the checkpoint cannot be read"]
    left = [path.name for path in folder.glob("*.tmp")]
    return [*(["something is still pending"] if loaded.checkpoint.pending else []), *left]


def _check_history(folder: Path) -> list[str]:
    checkpoint = load_checkpoint(paths(folder).checkpoint).checkpoint
    generation = checkpoint.known.generation if checkpoint else 0
    parts = {path.name: path.read_text() for path in (folder / "state").glob("part-*.json")}
    wanted = {f"part-{number}.json": f"{number}\n" for number in range(1, generation + 1)}
    return [] if parts == wanted else [f"the history of {generation} runs is {parts}"]
