"""The history: written whole, read once, merged without anyone noticing."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.errors import EmitError, HistoryError
from flows.files.storage import LocalStorage
from flows.ledger.history import Kept, ask_history, find_damage, scan_history
from flows.ledger.history_check import DamagedHistoryWarning, stem_of
from flows.ledger.history_days import DayFiles, day_folder, dump_list, parse_list, read_day
from flows.ledger.history_writer import (
    commit,
    compact,
    derive_run_id,
    merge_day,
    prepare_run,
    sweep_temporaries,
    write_day,
    write_run,
)
from schemas.desired import Desired
from schemas.frame import columns
from schemas.history import TABLES, History, RunFacts
from schemas.run import Judgement
from stages.record import record_runs
from tests.helpers.frames import NOON, actual, desired, frame, judged

DAY = NOON.date()


@cache
def mosquitto_missing() -> tuple[Desired, Judgement]:
    """Return what is asked for, and what follows where a part of it is not there."""
    want = desired("piha/mosquitto", "piha/web")
    return want, judged(want, actual("piha/web"))


def a_run(minutes: int = 0, **facts: object) -> History:
    """Return the history rows of a run that finds mosquitto missing, so many minutes after noon."""
    moment = NOON + timedelta(minutes=minutes)
    want, judgement = mosquitto_missing()
    now = pl.lit(moment, dtype=pl.Datetime("us", "UTC"))
    moved = Judgement(*(found.with_columns(as_of=now) for found in judgement))  # type: ignore[arg-type]
    row = {"as_of": moment, "run_id": derive_run_id("in", "rules", moment), "outcome": "completed", "source": "live"}
    prints = dict.fromkeys(("rules_fingerprint", "inventory_fingerprint", "world_fingerprint"), "f")
    row = {**row, **prints, "input_fingerprint": hashlib.sha256(str(minutes).encode()).hexdigest(), **facts}
    return record_runs(frame(RunFacts, {}, [row]), want, moved)


def rows(root: Path | str, table: str = "runs") -> pl.DataFrame:
    return ask_history(lambda: scan_history(root, table).sort("as_of").collect(), root)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_run_is_read_as_it_was_written(tmp_path):
    written = a_run()

    write_run(tmp_path, written)

    assert {table: rows(tmp_path, table).equals(getattr(written, table)) for table in TABLES} == dict.fromkeys(
        TABLES, True
    )


def test_a_run_knows_what_was_monitored(tmp_path):
    assert a_run().runs["monitored_targets"].to_list() == [["piha/mosquitto", "piha/web"]]


def test_a_run_written_again_replaces_itself(tmp_path):
    write_run(tmp_path, a_run())
    before = files(tmp_path)

    write_run(tmp_path, a_run())

    assert files(tmp_path) == before


def test_two_runs_on_the_same_unchanged_world_are_two_runs(tmp_path):
    write_run(tmp_path, a_run(0, input_fingerprint="same"))
    write_run(tmp_path, a_run(5, input_fingerprint="same"))

    assert rows(tmp_path).height == 2


def test_a_run_id_follows_from_its_input_rules_and_moment():
    ids = {derive_run_id(*given) for given in [("a", "b", NOON), ("a", "b", NOON), ("a", "c", NOON), ("x", "b", NOON)]}

    assert len(ids) == 3


def test_a_prepared_run_is_not_seen_before_its_rename(tmp_path):
    pending = prepare_run(tmp_path, a_run())
    assert rows(tmp_path).is_empty()

    commit(pending)
    commit(pending)

    assert rows(tmp_path).height == 1


def test_the_run_itself_is_renamed_last(tmp_path):
    assert [pending.final.parts[-3] for pending in prepare_run(tmp_path, a_run())] == [
        "drift",
        "recommendations",
        "runs",
    ]


def test_what_a_dead_run_left_is_swept_and_what_is_promised_is_kept(tmp_path):
    dead, promised = prepare_run(tmp_path, a_run(0)), prepare_run(tmp_path, a_run(5))

    swept = sweep_temporaries(tmp_path, keep=frozenset(pending.temporary for pending in promised))

    assert swept == len(dead)
    assert all(pending.temporary.exists() for pending in promised)


def test_what_a_process_that_lives_is_writing_is_not_swept(tmp_path):
    folder = tmp_path / day_folder("runs", DAY)
    folder.mkdir(parents=True)
    living, ended = (folder / f".merged-1.parquet.{process}.tmp" for process in (os.getppid(), 2**22 + 1))
    for path in (living, ended):
        path.touch()

    assert sweep_temporaries(tmp_path) == 1
    assert living.exists()


def test_a_full_disk_is_a_clear_error(tmp_path):
    (tmp_path / "history").write_text("a file where the folder should be")

    with pytest.raises(EmitError, match="history"):
        prepare_run(tmp_path, a_run())


def test_a_skipped_run_has_a_row_and_no_state(tmp_path):
    facts = a_run().runs
    row = {name: facts[name][0] for name in RunFacts.to_schema().columns} | {"outcome": "skipped"}

    write_run(tmp_path, record_runs(frame(RunFacts, {}, [row])))

    assert rows(tmp_path).select("outcome", "state").rows() == [("skipped", None)]


def test_since_is_within_and_until_is_not(tmp_path):
    for minutes in (0, 5, 10):
        write_run(tmp_path, a_run(minutes))

    found = scan_history(tmp_path, "runs", NOON + timedelta(minutes=5), NOON + timedelta(minutes=10)).collect()

    assert found["as_of"].to_list() == [NOON + timedelta(minutes=5)]


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-9)), timezone(timedelta(hours=14))])
def test_a_period_over_several_days_begins_and_ends_at_its_moments(tmp_path, zone):
    hours = range(0, 96, 8)
    for hour in hours:
        write_run(tmp_path, a_run(60 * hour))
    since, until = (NOON + timedelta(hours=hour) for hour in (16, 72))

    found = scan_history(tmp_path, "runs", since.astimezone(zone), until.astimezone(zone)).collect()

    assert sorted(found["as_of"]) == [NOON + timedelta(hours=hour) for hour in hours if 16 <= hour < 72]


def test_what_was_read_to_check_a_day_is_asked_once_and_read_anew_after(tmp_path):
    write_run(tmp_path, a_run())
    write_run(tmp_path, a_run(1))
    kept = Kept()
    assert not find_damage(tmp_path, kept=kept)
    merge_day(LocalStorage(tmp_path), "runs", DAY)

    def ask(kept: Kept) -> list[int]:
        scan = scan_history(tmp_path, "runs", without=(), names=["as_of"], kept=kept)
        assert len(read_day(LocalStorage(tmp_path), "runs", DAY).active) == 1
        return sorted(moment.minute for moment in scan.collect()["as_of"])

    assert ask(kept) == ask(kept) == [0, 1]
    assert not kept._days.keys() & {("runs", DAY)}


def test_a_run_that_is_written_during_the_check_is_not_told_without_its_drift(tmp_path, monkeypatch):
    write_run(tmp_path, a_run())
    written = iter([a_run(1)])

    def read_and_write(*asked: Any) -> DayFiles:
        found = read_day(*asked)
        for run in written:
            write_run(tmp_path, run)
        return found

    monkeypatch.setattr("flows.ledger.history.read_day", read_and_write)
    kept = Kept()
    find_damage(tmp_path, kept=kept)

    runs, drift = (scan_history(tmp_path, table, without=(), kept=kept).collect() for table in ("runs", "drift"))
    assert next(written, None) is None
    assert {*runs["run_id"]} <= {*drift["run_id"]}


def test_no_more_is_kept_than_there_is_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.ledger.history.KEPT_BYTES", 5000)
    kept = Kept()
    for path in ("a", "b"):
        kept.keep(path, bytes(3000))
    (tmp_path / "b").write_bytes(b"read")

    assert [kept.read_small(LocalStorage(tmp_path), path) for path in ("a", "b")] == [bytes(3000), b"read"]


@pytest.mark.parametrize(("at_once", "small_bytes"), [(1, 0), (2, 128 * 1024), (500, 0), (500, 128 * 1024)])
def test_the_columns_that_are_wanted_are_the_same_however_the_files_are_read(
    tmp_path, monkeypatch, at_once, small_bytes
):
    day = 24 * 60
    for minutes in (0, 1, day, day + 1, day + 2, 2 * day):
        write_run(tmp_path, a_run(minutes))
    merge_day(LocalStorage(tmp_path), "runs", DAY)
    monkeypatch.setattr("flows.ledger.history.AT_ONCE", at_once)
    monkeypatch.setattr("flows.ledger.history.SMALL_BYTES", small_bytes)
    period = (NOON + timedelta(minutes=1), NOON + timedelta(days=2))

    for table, names in (("runs", ["run_id", "state"]), ("drift", ["service", "run_id"])):
        wanted = scan_history(tmp_path, table, *period, names=names).collect()
        assert wanted.sort("run_id").equals(
            scan_history(tmp_path, table, *period).select(names).collect().sort("run_id")
        )
        assert wanted.height == 4
    assert scan_history(tmp_path, "runs", NOON + timedelta(days=9), names=["run_id"]).collect().columns == ["run_id"]


def test_compaction_leaves_one_file_a_table_and_the_same_rows(tmp_path):
    for minutes in (0, 5, 10):
        write_run(tmp_path, a_run(minutes))
    before = {table: rows(tmp_path, table) for table in TABLES}

    assert compact(tmp_path, DAY + timedelta(days=1)) == 3

    assert len(files(tmp_path)) == 3
    assert all(rows(tmp_path, table).equals(before[table]) for table in TABLES)


def test_compaction_leaves_the_day_that_is_not_over(tmp_path):
    write_run(tmp_path, a_run(0))
    write_run(tmp_path, a_run(5))

    assert compact(tmp_path, DAY) == 0


def test_compaction_gives_the_same_bytes_in_whatever_order_the_runs_came(tmp_path):
    for place, order in (("one", (0, 5, 10)), ("other", (10, 0, 5))):
        for minutes in order:
            write_run(tmp_path / place, a_run(minutes))
            compact(tmp_path / place, DAY + timedelta(days=1))

    assert files(tmp_path / "one") == files(tmp_path / "other")


def test_a_run_that_comes_late_is_merged_the_next_time(tmp_path):
    write_run(tmp_path, a_run(0))
    write_run(tmp_path, a_run(5))
    compact(tmp_path, DAY + timedelta(days=1))
    write_run(tmp_path, a_run(10))

    assert rows(tmp_path).height == 3
    compact(tmp_path, DAY + timedelta(days=1))
    assert rows(tmp_path).height == 3
    assert len(files(tmp_path)) == 3


class Dying(LocalStorage):
    """A storage whose process dies at its n-th change."""

    def __init__(self, root: Path, survives: int) -> None:
        super().__init__(root)
        self.survives = survives

    def write(self, path, data):
        self._live()
        super().write(path, data)

    def remove(self, path):
        self._live()
        super().remove(path)

    def _live(self):
        self.survives -= 1
        if self.survives < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("survives", range(7))
def test_a_merge_that_dies_loses_and_doubles_nothing_and_is_completed(tmp_path, survives):
    for minutes in (0, 5, 10):
        write_run(tmp_path / "dying", a_run(minutes))
        write_run(tmp_path / "living", a_run(minutes))
    try:
        merge_day(Dying(tmp_path / "dying", survives), "runs", DAY)
    except KeyboardInterrupt:
        assert survives < 6

    assert rows(tmp_path / "dying").height == 3
    compact(tmp_path / "dying", DAY + timedelta(days=1))
    compact(tmp_path / "living", DAY + timedelta(days=1))
    assert files(tmp_path / "dying") == files(tmp_path / "living")


def test_a_run_written_again_after_its_day_was_merged_counts_once(tmp_path):
    for minutes in (0, 5):
        write_run(tmp_path, a_run(minutes))
    compact(tmp_path, DAY + timedelta(days=1))
    write_run(tmp_path, a_run(5))

    assert rows(tmp_path).height == 2
    assert rows(tmp_path, "drift").height == 2


class Vanishing(LocalStorage):
    """A storage in which a merge happens between the two listings of a day."""

    happened = False

    def files(self, path):
        names = super().files(path)
        if not self.happened:
            self.happened = True
            merge_day(LocalStorage(self.root), "runs", DAY)
            return names[:1]
        return names


def test_a_listing_that_a_merge_ran_through_is_made_again(tmp_path):
    for minutes in (0, 5):
        write_run(tmp_path, a_run(minutes))

    found = read_day(Vanishing(tmp_path), "runs", DAY)

    assert [name.partition("-")[0] for name in found.active] == ["merged"]


def test_a_question_is_asked_again_when_a_file_went_meanwhile(tmp_path):
    for minutes in (0, 5):
        write_run(tmp_path, a_run(minutes))
    merged = []

    def question():
        scan = scan_history(tmp_path, "runs")
        if not merged:
            merged.append(compact(tmp_path, DAY + timedelta(days=1)))
        return scan.collect().height

    assert ask_history(question, tmp_path) == 2


def test_a_day_written_twice_has_the_same_bytes(tmp_path):
    day = History(*(pl.concat(both) for both in zip(a_run(0), a_run(5), strict=True)))
    write_day(tmp_path, DAY, day)
    before = files(tmp_path)

    write_day(tmp_path, DAY, day)

    assert files(tmp_path) == before
    assert len(before) == 3


def test_a_day_is_added_to_what_live_runs_wrote(tmp_path):
    write_run(tmp_path, a_run(0))

    write_day(tmp_path, DAY, a_run(5))

    assert rows(tmp_path).height == 2
    assert len(files(tmp_path)) == 3


def without_sum(root: Path) -> Path:
    """Return the one file of the runs of a day, named as an earlier version did: its content may be anybody's."""
    [file] = (root / day_folder("runs", DAY)).iterdir()
    return file.rename(file.with_name(f"{stem_of(file.name)}.parquet"))


def test_an_older_file_without_a_column_reads_null(tmp_path):
    write_run(tmp_path, a_run(0))
    old = without_sum(tmp_path)
    pl.read_parquet(old).drop("host", "world_age_s").write_parquet(old)
    write_run(tmp_path, a_run(5))

    assert rows(tmp_path)["world_age_s"].null_count() == 1


def test_a_newer_file_with_a_column_more_is_read_without_it(tmp_path):
    write_run(tmp_path, a_run(0))
    new = without_sum(tmp_path)
    pl.read_parquet(new).with_columns(mood=pl.lit("fine")).write_parquet(new)

    assert rows(tmp_path).equals(a_run(0).runs)


def test_a_column_of_another_type_leaves_its_day_out_by_name(tmp_path):
    write_run(tmp_path, a_run(0))
    file = without_sum(tmp_path)
    pl.read_parquet(file).with_columns(world_age_s=pl.lit("old")).write_parquet(file)

    with pytest.warns(DamagedHistoryWarning, match="world_age_s"):
        assert rows(tmp_path).is_empty()


@pytest.mark.parametrize("table", TABLES)
def test_a_day_with_a_damaged_file_says_nothing_in_any_table(tmp_path, table):
    write_run(tmp_path, a_run(0))
    write_run(tmp_path, a_run(24 * 60))
    [file] = (tmp_path / day_folder(table, DAY)).iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    with pytest.warns(DamagedHistoryWarning, match=re.escape(str(file))):
        assert [rows(tmp_path, each).height for each in TABLES] == [1, 1, 1]


@pytest.mark.parametrize("most_held_bytes", [0, 16 * 1024 * 1024])
@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_of_files_without_a_sum_the_one_that_cannot_be_read_is_named(tmp_path, monkeypatch, damaged, most_held_bytes):
    monkeypatch.setattr("flows.ledger.history_check.MOST_HELD_BYTES", most_held_bytes)
    for minutes in range(3):
        write_run(tmp_path, a_run(minutes))
    written = sorted((tmp_path / day_folder("runs", DAY)).iterdir())
    places = [path.rename(path.with_name(f"{n}.parquet")) for n, path in enumerate(written)]
    places[damaged].write_bytes(places[damaged].read_bytes()[:-9])

    assert f"{damaged}.parquet: cannot be read: " in find_damage(tmp_path)[DAY]


def damages(data: bytes) -> Iterator[bytes]:
    """Give a file as disks and programs damage it: a bit, a sector, an end, all of it."""
    places = range(0, len(data), max(1, len(data) // 6))
    yield from (data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :] for place in places)
    yield from (data[:place] for place in places)
    yield from (data[:place] + b"\0" * 512 + data[place + 512 :] for place in places)
    yield data + b"\n"


def test_no_damage_changes_what_the_history_says_or_what_compaction_keeps(tmp_path):
    """Every file of a history, damaged in every way: the day is left out by name, or nothing is different."""
    for minutes in (0, 5, 24 * 60):
        write_run(tmp_path, a_run(minutes))
    merge_day(LocalStorage(tmp_path), "drift", DAY)
    whole = {table: rows(tmp_path, table) for table in TABLES}
    other_day = {table: found.filter(pl.col("as_of").dt.date() != DAY) for table, found in whole.items()}
    points = 0
    for name, data in files(tmp_path).items():
        if str(DAY) not in name:
            continue
        for damaged in damages(data):
            (tmp_path / name).write_bytes(damaged)
            assert list(find_damage(tmp_path)) == [DAY], name
            before = files(tmp_path)
            if name.startswith("history/drift") is False:
                with pytest.raises(HistoryError, match="not merged"):
                    compact(tmp_path, DAY + timedelta(days=1))
                assert all(files(tmp_path)[each] == before[each] for each in before if name.split("/")[1] in each)
            with pytest.warns(DamagedHistoryWarning):
                assert all(rows(tmp_path, table).equals(other_day[table]) for table in TABLES)
            (tmp_path / name).write_bytes(data)
            points += 1
            for table in TABLES:
                if name.split("/")[1] != table:
                    merge_day(LocalStorage(tmp_path), table, DAY)

    assert points > 50
    assert all(rows(tmp_path, table).equals(whole[table]) for table in TABLES)


def test_a_damaged_list_of_what_is_merged_leaves_its_day_out(tmp_path):
    for minutes in (0, 5):
        write_run(tmp_path, a_run(minutes))
    with suppress(KeyboardInterrupt):
        merge_day(Dying(tmp_path, 2), "runs", DAY)
    [listed] = (tmp_path / day_folder("runs", DAY)).glob("*.json")
    data = listed.read_bytes()

    for damaged in damages(data):
        if damaged.strip() == data:
            continue
        listed.write_bytes(damaged)
        assert list(find_damage(tmp_path)) == [DAY]


def test_a_list_of_an_earlier_version_is_read():
    assert parse_list(b'["a.parquet", "b.parquet"]') == {"a.parquet", "b.parquet"}
    assert parse_list(dump_list(["b.parquet", "a.parquet"])) == {"a.parquet", "b.parquet"}


def test_a_file_of_an_earlier_version_is_read_and_gets_a_sum_when_it_is_merged(tmp_path):
    write_run(tmp_path, a_run(0))
    without_sum(tmp_path)
    write_run(tmp_path, a_run(5))

    assert rows(tmp_path).height == 2
    compact(tmp_path, DAY + timedelta(days=1))
    assert rows(tmp_path).height == 2
    assert find_damage(tmp_path) == {}


def test_a_damaged_day_is_left_as_it_is_when_a_day_is_added(tmp_path):
    write_run(tmp_path, a_run(0))
    [file] = (tmp_path / day_folder("drift", DAY)).iterdir()
    file.write_bytes(b"")
    before = files(tmp_path)

    with pytest.raises(HistoryError, match=re.escape(str(file))):
        write_day(tmp_path, DAY, a_run(5))
    assert files(tmp_path) == before


def test_a_torn_file_does_not_keep_other_days_from_being_merged(tmp_path):
    for minutes in (0, 5, 24 * 60, 24 * 60 + 5):
        write_run(tmp_path, a_run(minutes))
    torn = min((tmp_path / day_folder("runs", DAY)).iterdir())
    torn.write_bytes(b"")

    with pytest.raises(HistoryError, match=rf"{re.escape(str(torn))}[^\n]*\ndays that are not merged: 1; that are: 5"):
        compact(tmp_path, DAY + timedelta(days=2))


def test_no_history_has_no_rows(tmp_path):
    assert rows(tmp_path / "never").columns == list(TABLES["runs"].to_schema().columns)


def test_the_manual_documents_every_column():
    page = (Path(__file__).parents[2] / "docs" / "past.md").read_text()
    rows = dict(re.findall(r"^\| `(runs|drift|recommendations)` \| [^|]+ \| (.+) \|$", page, re.MULTILINE))

    assert {table: re.findall(r"`(\w+)`", rows[table]) for table in TABLES} == {
        table: columns(schema) for table, schema in TABLES.items()
    }
