"""The backfill flow: `supervisor backfill` as a Prefect flow, a task for each month of the past."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from prefect import get_run_logger, runtime, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import AwareDatetime

from flows.errors import SettingsError
from flows.ledger.history_writer import hold_history
from flows.orchestration.own_flow import flow
from flows.orchestration.parameters import Jobs, ParameterPath, gather_settings
from flows.past.day import Day, group_days
from flows.past.make_days import Backfiller, DayDone, make_days
from flows.past.sources import choose_inventories, find_snapshots, make_judge, open_snapshots
from flows.settings import Settings
from flows.text.escape import show, show_line

MOST_PROBLEMS = 20


@flow(name="backfill")
def backfill(
    source: ParameterPath | None = None,
    inventory: ParameterPath | None = None,
    inventory_git: ParameterPath | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    jobs: Jobs = 1,
) -> int:
    """Judge each snapshot of a source at its own moment, write the history, and return how many were judged.

    The source is the archive in the state folder where nothing else is said. On a task runner of several processes the
    months are made at once.

    Run again, it does what is missing. The live event log and checkpoint are never touched. A snapshot that cannot be
    read is logged and passed over.
    """
    settings = gather_settings({"inventory": inventory})
    source = source or settings.state_dir
    if runtime.deployment.id is not None:
        _check_places(settings, source, inventory_git)
    with open_snapshots(source.absolute(), settings.limits) as snapshots:
        days = group_days(find_snapshots(snapshots, since, until))
        snapshots.close()
        judge = make_judge(settings, snapshots, choose_inventories(settings, inventory_git, snapshots))
        work = Backfiller(judge, settings.history_root())
        with hold_history(settings.places):
            done = _make_months(work, days, jobs)
        judge.close()
    return _log(done, snapshots.problems)


def _make_months(work: Backfiller, days: list[Day], jobs: int) -> list[DayDone]:
    """Make the history a month a task, and show how far it is."""
    progress = create_progress_artifact(0.0, key="backfill", description="days of the past")
    months = {name: list(group) for name, group in groupby(days, key=lambda day: f"{day.day:%Y-%m}")}
    done: list[DayDone] = []
    for month in _run_months(work, months, jobs):
        done += month
        update_progress_artifact(progress, 100.0 * len(done) / len(days))  # type: ignore[arg-type]
    return done


def _run_months(work: Backfiller, months: dict[str, list[Day]], jobs: int) -> Iterator[list[DayDone]]:
    """Run here and in order, unless the flow's task runner has other processes: what is read is not for threads."""
    tasks = {name: backfill_month.with_options(name=name) for name in months}
    context = FlowRunContext.get()
    if context is None or isinstance(context.task_runner, ThreadPoolTaskRunner):
        yield from (tasks[name](work, days, jobs) for name, days in months.items())
        return
    futures = [tasks[name].submit(work, days, jobs) for name, days in months.items()]
    yield from (
        future.result() for future in futures
    )  # one by one: to be told of those done waits for ever on a lost cluster


def _check_places(settings: Settings, source: Path, inventory_git: Path | None) -> None:
    """Keep a deployment, whose parameters anyone with the API can set, to the snapshots and inventory that are ours."""
    if not source.resolve().is_relative_to(settings.state_dir.resolve()):
        raise SettingsError(f"parameter source: {show(source)} is not in the state folder, {settings.state_dir}")
    if inventory_git is not None and not inventory_git.resolve().is_relative_to(settings.inventory.resolve()):
        raise SettingsError(f"parameter inventory_git: {show(inventory_git)} is not in {settings.inventory}")


@task(cache_policy=NO_CACHE, persist_result=False, retries=1)
def backfill_month(work: Backfiller, days: list[Day], jobs: int) -> list[DayDone]:
    """Make the history of some days; what a failed attempt did is not done again."""
    return list(make_days(work, days, jobs))


def _log(done: list[DayDone], passed_over: tuple[str, ...]) -> int:
    logger = get_run_logger()
    for text in passed_over[:MOST_PROBLEMS]:
        logger.warning("passed over %s", show_line(text))
    problems = [problem for one in done for problem in one.problems]
    for problem in problems[:MOST_PROBLEMS]:
        logger.warning("passed over %s: %s", problem.as_of.isoformat(), show_line(problem.problem))
    judged, known = sum(one.judged_count for one in done), sum(one.known_count for one in done)
    logger.info("%d judged, %d known already, %d passed over, %d days", judged, known, len(problems), len(done))
    return judged
