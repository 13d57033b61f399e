"""What people must hear of a run's escalations: what was tried, and what diagnostics collected."""

from collections.abc import Mapping

from flows.ledger.actions.journals import Journals, read_journals
from flows.ledger.actions.outputs import read_output
from flows.ledger.actions.places import ActionPlace
from flows.text.spoken import said
from schemas.attempt import Attempt
from schemas.book import Book
from schemas.episode import Target
from schemas.ledger_words import WHY_HUMAN
from schemas.problem import Problem
from schemas.verb import Verb

MOST_LINES = 20
MOST_CHARACTERS = 200


def describe_plights(place: ActionPlace, book: Book) -> Mapping[Target, str]:
    """Return for each target whose problem needs a person why, what was tried, and what diagnostics collected."""
    escalated = {target: problem for target, problem in book.problems.items() if problem.escalated is not None}
    if not escalated:
        return {}
    journals = read_journals(place)
    return {target: _describe(place, journals, problem) for target, problem in sorted(escalated.items())}


def _describe(place: ActionPlace, journals: Journals, problem: Problem) -> str:
    tried = ", ".join(f"{one.verb}: {said(one.outcome or 'open')}" for one in problem.attempts) or "nothing was tried"
    why = WHY_HUMAN[problem.escalated] if problem.escalated else ""
    lines = [f"needs a person: {why} ({tried}); 'supervisor policy explain {'/'.join(problem.target)}'"]
    looks = [attempt for attempt in problem.attempts if attempt.verb is Verb.DIAGNOSTICS]
    return "\n".join([*lines, *(_collected(place, journals, looks[-1]) if looks else ())])


def _collected(place: ActionPlace, journals: Journals, look: Attempt) -> list[str]:
    """Return the last lines that were collected; another user than the executor's has the one line of the journal."""
    output = read_output(place, look.intent_id)
    if output is None:
        records = (line.record for line in journals.lines if line.record.get("kind") == "ended")
        output = next((str(row.get("line") or "") for row in records if row.get("intent_id") == look.intent_id), "")
    lines = [line[:MOST_CHARACTERS] for line in output.splitlines() if line.strip()]
    return ["collected:", *lines[-MOST_LINES:]] if lines else []
