"""What acting would come to in a run that writes nothing."""

from dataclasses import replace

from flows.ledger.checkpoint import read_known
from flows.run.attend import Attention
from flows.run.conclude import to_recommended
from flows.run.gather import Inputs
from flows.run.result import RunReport
from flows.settings import Settings
from schemas.numbers import Automation
from schemas.run import Judgement


def preview_acting(report: RunReport, settings: Settings, inputs: Inputs, judgement: Judgement) -> RunReport:
    """Return the report with what would be decided on what the last run left; as it is where acting is off."""
    if settings.actions.automation is Automation.OFF:
        return report
    from flows.run.acting.round import Given, act_in_run

    checkpoint = settings.checkpoint.absolute()
    known = read_known(checkpoint) if checkpoint.parent.is_dir() else None
    attention: Attention | None = report.attention
    given = Given(
        inputs=inputs,
        judgement=judgement,
        recommended=to_recommended(judgement),
        episodes=tuple(known.episodes.values()) if known else (),
        acknowledgements=attention.given if attention else (),
        before=known.acting if known else None,
        as_of=report.as_of,
    )
    acting = act_in_run(settings, given, is_live=False)
    return replace(report, acting=acting, notes=(*report.notes, *acting.notes))
