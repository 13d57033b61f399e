"""`report_file`: each run writes its report anew, for a web server to hand out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flows.errors import SupervisorError
from flows.files.own import replace_file
from flows.run.result import RunReport
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.views.fleet_page import KnownPast

PERIOD = timedelta(days=30)
PAST_LASTS = timedelta(minutes=1)
"""In a process that runs again and again, the history is read no more often."""


@dataclass
class ReportFile:
    """Writes the reports of one process's runs; it fails no run."""

    settings: Settings
    _past: "KnownPast | None" = None
    _past_at: datetime | None = None

    def write(self, report: RunReport) -> RunReport:
        """Write a run's report where the settings say so; return the run, with a note of what went wrong."""
        if self.settings.report_file is None:
            return report
        from flows.render.html import to_html
        from flows.views.fleet_page import page_of_run

        try:
            page = page_of_run(self.settings, report, PERIOD, self._read_past(report.as_of))
            text = to_html(page, is_renewed=True)
            replace_file(self.settings.report_file.absolute(), text.encode(), 0o644)
        except SupervisorError as error:
            return report._replace(notes=(*report.notes, f"report: {error}"))
        return report

    def _read_past(self, as_of: datetime) -> "KnownPast":
        from flows.past.study import read_past

        if self._past is None or self._past_at is None or as_of - self._past_at >= PAST_LASTS:
            self._past, self._past_at = read_past(self.settings, as_of - PERIOD, as_of), as_of
        return self._past
