"""What keeps the past in order, as flows with schedules of their own: backfill, compact, prune-archive."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.futures import as_completed
from pydantic import AwareDatetime, Field

from flows.backfill_days import Backfiller, DayDone
from flows.past_day import Day, group_days, within
from flows.past_sources import choose_inventories, make_judge, open_snapshots
from flows.reconcile import check_inside
from flows.render.escape import markdown
from flows.settings import load_settings
from flows.sinks.archive import edit_archive, shrink_archive
from flows.sinks.history import compact as compact_days
from flows.sources.archive import open_archive
from flows.tasks import as_task

MOST_PROBLEMS = 100


def make_day(work: Backfiller, day: Day) -> DayDone:
    """Make the history of one day."""
    return work(day)


@flow(name="backfill", persist_result=False, log_prints=False)
def backfill(source: Path | None = None, since: AwareDatetime | None = None, until: AwareDatetime | None = None) -> int:
    """Judge the snapshots that the history does not have, a day a task, and return how many there were.

    `source` is the state folder (its archive) where nothing else is said. The event log and the checkpoint are never
    touched, and run again it does what is missing.
    """
    settings = load_settings().settings
    check_inside("source", source, settings.state_dir)
    with open_snapshots((source or settings.state_dir).absolute(), settings.limits) as snapshots:
        days = group_days(within(snapshots.list_snapshots(), since, until))
        snapshots.close()
        judge = make_judge(settings, snapshots, choose_inventories(settings, None, snapshots))
        with closing(Backfiller(judge, settings.history_root())) as work:
            done = _make_days(work, days)
    _report(done)
    return sum(one.judged_count for one in done)


def _make_days(work: Backfiller, days: list[Day]) -> list[DayDone]:
    """Have each day made by a task on the flow's task runner, and show how far it is."""
    progress = create_progress_artifact(0.0, key="backfill-progress", description=f"{len(days)} days")
    task = as_task(make_day).with_options(task_run_name="{day.day}")
    done: list[DayDone] = []
    for future in as_completed([task.submit(work, day) for day in days]):
        done.append(future.result())
        update_progress_artifact(progress, 100 * len(done) / len(days))  # type: ignore[arg-type]
    return sorted(done, key=lambda one: one.day.day)


def _report(done: list[DayDone]) -> None:
    judged, known = sum(one.judged_count for one in done), sum(one.known_count for one in done)
    problems = [problem for one in done for problem in one.problems]
    lines = [f"{judged} judged, {known} known already, {len(problems)} passed over, {len(done)} days"]
    lines += [f"* {one.as_of:%Y-%m-%d %H:%M:%S}: {markdown(one.problem)}" for one in problems[:MOST_PROBLEMS]]
    create_markdown_artifact("\n".join(lines), key="backfill-summary", description=lines[0])
    get_run_logger().info(lines[0])


@flow(name="compact", persist_result=False, log_prints=False)
def compact() -> int:
    """Merge the history's files of each day that is over, and return how many there were."""
    merged = compact_days(load_settings().settings.history_root(), datetime.now(UTC).date())
    get_run_logger().info("merged %d day(s) of a table", merged)
    return merged


@flow(name="prune-archive", persist_result=False, log_prints=False)
def prune_archive(
    older_than_days: Annotated[int, Field(ge=1)] = 400, max_size_mb: Annotated[int, Field(ge=1)] | None = None
) -> int:
    """Drop archived worlds by age and by size, but never the newest, and return how many went."""
    settings = load_settings().settings
    before = datetime.now(UTC) - timedelta(days=older_than_days)
    with open_archive(settings.state_dir):
        pass
    with edit_archive(settings.state_dir) as archive:
        gone = archive.prune(before, max_size_mb * 1_000_000 if max_size_mb else None)
    shrink_archive(settings.state_dir)
    get_run_logger().info("dropped %d world(s)", gone)
    return gone
