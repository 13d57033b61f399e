"""What acting would come to in a run that writes nothing."""

from datetime import datetime
from typing import TYPE_CHECKING

from flows.ledger.checkpoint import Known, read_known
from flows.run.attention import Attention
from flows.run.conclude import to_recommended
from flows.run.gather import Inputs
from flows.run.result import RunReport
from flows.settings import Settings
from schemas.numbers import Automation
from schemas.run import Judgement

if TYPE_CHECKING:
    from flows.run.acting.round import Round


def preview_acting(report: RunReport, settings: Settings, inputs: Inputs, judgement: Judgement) -> RunReport:
    """Return the report with what would be decided on what the last run left; as it is where acting is off."""
    attention = report.attention
    acting = think_of_acting(settings, inputs, judgement, attention, None, report.as_of)
    if acting is None:
        return report
    seen = attention and attention.with_repairs(acting.repairing, is_partial=report.is_partial)
    return report._replace(acting=acting, attention=seen, notes=(*report.notes, *acting.notes))


def think_of_acting(
    settings: Settings,
    inputs: Inputs,
    judgement: Judgement,
    attention: Attention | None,
    known: Known | None,
    as_of: datetime,
) -> "Round | None":
    """Return what would be decided on what the last run left (`known`, else its checkpoint); None where acting is off."""
    if settings.actions.automation is Automation.OFF:
        return None
    from flows.run.acting.round import Given, act_in_run

    if known is None:
        known = read_known(settings.places.checkpoint)
    given = Given(
        inputs=inputs,
        judgement=judgement,
        recommended=to_recommended(judgement),
        episodes=tuple(known.episodes.values()) if known else (),
        acknowledgements=attention.given if attention else (),
        before=known.acting if known else None,
        as_of=as_of,
    )
    return act_in_run(settings, given, is_live=False)
