"""What a run would decide now, with nothing written."""

from flows.ledger.checkpoint import Known, read_known
from flows.run.attend import habits_of, prints_of, read_before, remark
from flows.run.decide import Decision, decide
from flows.run.gather import Inputs
from flows.settings import Settings


def read_last(settings: Settings) -> Known:
    """Return what the runs before left; nothing where there was none."""
    return read_known(settings.places.checkpoint) or Known()


def decide_now(settings: Settings, inputs: Inputs, known: Known | None = None) -> Decision:
    """Return what a run on these inputs would decide, with its remarks among the notes."""
    last = known or read_last(settings)
    before, notes = read_before(settings, last.episodes, last.last_run)
    rules, habits, prints = settings.rules(), habits_of(settings), prints_of(inputs)
    decision = decide(inputs.desired, inputs.actual, rules, before, habits, prints, elsewhere=inputs.elsewhere)
    attention = decision.attention
    noted = attention._replace(notes=(*notes, *remark(attention.acknowledged)))
    return decision._replace(attention=noted)
