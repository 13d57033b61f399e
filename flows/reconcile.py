"""The reconcile flow: the run of `supervisor reconcile` as a Prefect flow, for schedules and for the run page."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.orchestration.own_flow import flow
from flows.orchestration.parameters import AsOf, ParameterPath, gather_settings
from flows.orchestration.prefect_events import publish_events
from flows.orchestration.run_page import find_next_run, label_run, locate_history, name_run, publish_artifacts
from flows.orchestration.tasks import TaskStep
from flows.render.report_file import ReportFile
from flows.run.cycle import reconcile_with
from flows.run.gather import InputReader
from flows.run.result import RunReport
from flows.settings import Settings
from flows.text.escape import show
from flows.text.spoken import spoken_clock
from schemas.words import Outcome


@flow(name="reconcile", flow_run_name="reconciling")
def reconcile(
    inventory: ParameterPath | None = None,
    world: ParameterPath | None = None,
    as_of: AsOf | None = None,
    dry_run: bool = False,
) -> State[RunReport]:
    """Compare desired with actual, recommend, append what changed to the event log, and show it on the run page.

    Settings come from `supervisor.yaml` and the environment of the machine that runs it. Called from Python, it returns the
    `RunReport`. The run ends Completed, Skipped, Failed or Busy, as the report says.
    """
    return run_in_flow(lambda _: TaskStep(), {"inventory": inventory, "world": world}, as_of, dry_run=dry_run)


def run_in_flow(
    make_step: Callable[[Settings], TaskStep], paths: dict[str, Path | None], as_of: datetime | None, *, dry_run: bool
) -> State[RunReport]:
    """Do the run inside a flow run, and return the state that the flow run ends in."""
    settings = gather_settings(paths)
    reader = InputReader(settings, is_caching=not dry_run)
    report = reconcile_with(make_step(settings), settings, as_of, dry_run=dry_run, read=reader.read_inputs)
    report = report if dry_run else ReportFile(settings).write(report)
    _show_run(report, settings, dry_run=dry_run)
    return end_state(report)


def _show_run(report: RunReport, settings: Settings, *, dry_run: bool) -> None:
    """Tell Prefect of the run. All is recorded by now: where the API is gone, the run has still succeeded."""
    logger, next_at = get_run_logger(), None
    try:
        label_run(report, dry_run=dry_run)
        history = locate_history(settings.history_root(), settings.history_url)
        publish_artifacts(report, history, settings.web.url, dry_run=dry_run)
        publish_events(report.events)
        next_at = find_next_run()
    except Exception as error:  # noqa: BLE001 - whatever a server that goes away makes of a request
        logger.warning("the run is recorded, but Prefect could not be told all of it: %s", show(error))
    logger.info("%s%s", name_run(report), f"; the next run is at {spoken_clock(next_at)}" if next_at else "")


def end_state(report: RunReport) -> State[Any]:
    """Return the state that the flow run ends in: what the run came to, not only that it ended.

    It is named by the fleet's state, so that a page of green "Completed" does not hide an unstable fleet.
    """
    if report.outcome is Outcome.SKIPPED:
        return Completed(name="Skipped", message=show(report.error), data=report)
    if report.emit_error is not None:
        return Failed(message=f"{name_run(report)}, but not recorded: {show(report.emit_error)}", data=report)
    if report.outcome is Outcome.FAILED:
        return Failed(message=show(report.error), data=report)
    return Completed(name=report.state.capitalize() if report.state else None, message=name_run(report), data=report)
