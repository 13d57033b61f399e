"""The episodes of a replay: opened by what is recommended in a run, and closed by the end of its drift."""

from collections.abc import Collection, Iterable
from datetime import datetime

from schemas.episode import REMEMBERED_OPENINGS, Episode, Key, Recommended, Target, open_episode


class Episodes:
    """All episodes so far, the closed ones too."""

    def __init__(self) -> None:
        """Begin without any."""
        self._rows: dict[Key, Episode] = {}

    def follow(self, recommended: Iterable[Recommended], drifting: Collection[Target], as_of: datetime) -> None:
        """Open what is recommended anew, and close what has no drift any more or another recommendation."""
        by_key = {row.key: row for row in recommended}
        with_other = {row.target for row in by_key.values()}
        for key, episode in self._rows.items():
            if (
                episode.is_open
                and key not in by_key
                and (episode.target in with_other or episode.target not in drifting)
            ):
                self._rows[key] = episode._replace(is_open=False)
        for key, row in by_key.items():
            before = self._rows.get(key)
            if before is None or not before.is_open:
                openings = (*(before.openings if before else ()), as_of)[-REMEMBERED_OPENINGS:]
                self._rows[key] = open_episode(row, openings)

    def list_open(self) -> frozenset[tuple[Key, datetime]]:
        """Return which are open, and since when."""
        return frozenset((key, episode.opened_at) for key, episode in self._rows.items() if episode.is_open)

    def list_remembered(self) -> list[Episode]:
        """Return those that a run knows of."""
        return [row for row in self._rows.values() if row.is_open or row.openings]
