"""What became of an evening: for each trouble what was done about it, and each start that a person would call wrong."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Row = dict[str, Any]
WELL = "healthy"


def tell(folder: Path) -> str:
    """Return the account; of what was seen so far, where the evening still goes on."""
    evening = Account(
        troubles=[*_read([folder / "troubles.jsonl"])],
        truth=[*_read([folder / "truth.jsonl"])],
        records=sorted(
            _read((folder / "home" / "state_dir" / "actions" / "journal").glob("*.jsonl")), key=lambda r: r["n"]
        ),
    )
    return "\n".join(evening.lines())


def _read(paths: Iterable[Path]) -> Iterator[Row]:
    for path in paths:
        yield from map(json.loads, path.read_text().splitlines())


def _at(row: Row) -> datetime:
    return datetime.fromisoformat(row["at"])


def _target(row: Row) -> str:
    return f"{row['node']}/{row['service']}"


@dataclass
class Account:
    """What was written down of one evening."""

    troubles: list[Row]
    truth: list[Row]
    """What each container was, whenever that changed, as its own engine said."""
    records: list[Row]

    def lines(self) -> Iterator[str]:
        """Yield the account, a line each."""
        intents = {row["intent_id"]: _target(row) for row in self.records if row["kind"] == "proposed"}
        self.about = {
            row["n"]: intents.get(row.get("intent_id"), _target(row) if "node" in row else "") for row in self.records
        }
        begun = [row for row in self.troubles if row["what"] == "begins" and not row["problem"]]
        yield from self._head(begun)
        results: Counter[str] = Counter()
        for row in begun:
            became, line = self._of(row, begun)
            results[became] += 1
            yield line
        yield ""
        yield "troubles: " + ", ".join(f"{count} {word}" for word, count in results.most_common())
        yield from self._starts()

    def _head(self, begun: list[Row]) -> Iterator[str]:
        first, last = self.troubles[0], max(self.troubles[-1]["at"], self.truth[-1]["at"], self.records[-1]["at"])
        minutes = (datetime.fromisoformat(last) - _at(first)).total_seconds() / 60
        kinds = len({row["trouble"] for row in begun})
        yield f"{minutes:.0f} minutes seen, {len(begun)} troubles of {kinds} kinds (seed {first['seed']}); not the default: {first['rule']} {first['numbers']}"
        yield ""

    def _of(self, trouble: Row, begun: list[Row]) -> tuple[str, str]:
        """Return in a word and in a line what became of a trouble, until the next one of the same target."""
        begins, target = _at(trouble), _target(trouble)
        is_same = (row for row in begun if _target(row) == target and _at(row) > begins)
        until = min((_at(row) for row in is_same), default=datetime.max.replace(tzinfo=begins.tzinfo))
        is_node = trouble["service"] == "all"
        mine = [
            row for row in self.records
            if begins <= _at(row) < until and (self.about[row["n"]].startswith(f"{trouble['node']}/") if is_node else self.about[row["n"]] == target)
        ]  # fmt: skip
        ended = next(
            (
                row
                for row in self.troubles
                if row["what"] == "ends" and _target(row) == target and begins < _at(row) < until
            ),
            None,
        )
        if is_node and ended:  # what goes wrong on the node much later is another story
            mine = [row for row in mine if (_at(row) - _at(ended)).total_seconds() < 120]
        said = [*self._say(mine, begins)]
        said += [f"{_after(ended, begins)} ended by the generator"] if ended else []
        well = None if is_node else self._well_at(target, begins, until)
        said += [f"{_after(well, begins)} well"] if well else []
        word = _judge({row["kind"] for row in mine}, {row.get("outcome") for row in mine})
        return word, f"{begins:%H:%M:%S} {trouble['trouble']:26} {target:14} {word:18} {'; '.join(said)}"

    def _say(self, mine: list[Row], begins: datetime) -> Iterator[str]:
        """Yield what was done, in words; of refusals for one reason the first, with their number."""
        refusals = Counter(row["why"] for row in mine if row["kind"] == "refused")
        verbs = {row["intent_id"]: f"{row['verb']} {row['number']}" for row in mine if row["kind"] == "started"}
        for row in mine:
            phrase = _phrase(row, verbs)
            if row["kind"] == "refused":
                count = refusals.pop(row["why"], 0)
                phrase = f"refused {count} times ({row['why']})" if count else None
            if phrase:
                yield f"{_after(row, begins)} {phrase}"

    def _well_at(self, target: str, begins: datetime, until: datetime) -> Row | None:
        seen = [row for row in self.truth if row["target"] == target and begins < _at(row) < until]
        bad = next((place for place, row in enumerate(seen) if row["word"] != WELL), len(seen))
        return next((row for row in seen[bad:] if row["word"] == WELL), None)

    def _word_at(self, target: str, moment: datetime) -> str:
        return next(
            (row["word"] for row in reversed(self.truth) if row["target"] == target and _at(row) <= moment), "unseen"
        )

    def _starts(self) -> Iterator[str]:
        starts = [row for row in self.records if row["kind"] == "started"]
        per_intent = Counter(row["intent_id"] for row in starts)
        outcomes = Counter(row["outcome"] for row in self.records if row["kind"] == "verified")
        yield f"starts: {len(starts)}, of one intent at most {max(per_intent.values(), default=0)}; outcomes: {dict(outcomes)}"
        yield f"escalated: {sum(row['kind'] == 'escalated' for row in self.records)}; refused by the look before: {sum(row['kind'] == 'refused' for row in self.records)}"
        wrong = [*self._find_wrong(starts)]
        yield f"starts that a person would call wrong: {len(wrong)}"
        yield from wrong

    def _find_wrong(self, starts: list[Row]) -> Iterator[str]:
        for row in starts:
            target, moment = _target(row), _at(row)
            word = self._word_at(target, moment)
            if row["verb"] != "diagnostics" and word == WELL:
                yield f"  {moment:%H:%M:%S} {row['verb']} of {target}, which was well"
            if self._is_held(target, moment):
                yield f"  {moment:%H:%M:%S} {row['verb']} of {target}, which was held"
        for intent_id in {row["intent_id"] for row in starts}:
            made = self._containers_started(intent_id)
            if made > 1:
                yield f"  intent {intent_id[:12]} started its container {made} times"

    def _is_held(self, target: str, moment: datetime) -> bool:
        said = [
            row
            for row in self.records
            if row["kind"] in {"hold", "release"} and row["target"] == target and _at(row) < moment
        ]
        return bool(said) and said[-1]["kind"] == "hold" and datetime.fromisoformat(said[-1]["until"]) > moment

    def _containers_started(self, intent_id: str) -> int:
        """Return how often the target's container was started between the start and the end of an attempt."""
        start = next(row for row in self.records if row["kind"] == "started" and row["intent_id"] == intent_id)
        end = next(
            (row for row in self.records if row["kind"] in {"ended", "lost"} and row["intent_id"] == intent_id), None
        )
        is_loop = start["verb"] == "diagnostics"
        if end is None or is_loop:
            return 0
        moments = {row["started_at"] for row in self.truth if row["target"] == _target(start) and "started_at" in row}
        return sum(
            _at(start) <= datetime.fromisoformat(moment[:26] + "+00:00") <= _at(end)
            for moment in moments
            if len(moment) > 26
        )


def _phrase(row: Row, verbs: dict[str, str]) -> str | None:
    match row["kind"]:
        case "started":
            return f"{verbs[row['intent_id']]} starts"
        case "ended" | "lost" if row["result"] != "done":
            return str(row["result"])
        case "verified":
            return str(row["outcome"])
        case "escalated":
            return f"needs a person ({row['reason']})"
        case "relapsed":
            return "relapsed"
    return None


def _after(row: Row, begins: datetime) -> str:
    return f"+{(_at(row) - begins).total_seconds():.0f}s"


def _judge(kinds: set[str], outcomes: set[str | None]) -> str:
    if "escalated" in kinds:
        return "escalated"
    if "recovered" in outcomes:
        return "repaired"
    if "started" in kinds:
        return "tried"
    return "refused" if "refused" in kinds else "left alone"
