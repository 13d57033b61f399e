"""What a run concludes is made column by column, and is what its rows say one by one."""

from datetime import timedelta

from hypothesis import event, given, settings

from flows.run.conclude import recommended_by_run
from schemas.actual import Actual
from schemas.episode import Recommended
from schemas.words import Action, DriftKind, EventType, Severity
from tests.helpers.frames import NOON, batch, judged
from tests.helpers.strategies import inventories, worlds


def told_one_by_one(row):
    return Recommended(
        recommendation_id=row["recommendation_id"],
        event_type=EventType(row["event_type"]),
        action=Action(row["action"]),
        severity=Severity(row["severity"]),
        node=row["node"],
        service=row["service"],
        reason=row["reason"],
        causing_kinds=tuple(map(DriftKind, row["causing_kinds"])),
        unblocked_by=row["unblocked_by"],
        drift_ids=tuple(row["drift_ids"]),
        root_causes=tuple(row["root_causes"]),
        blast_radius=row["blast_radius"],
    )


@settings(max_examples=max(4, settings().max_examples // 5))
@given(want=inventories(), have=worlds(), later=worlds())
def test_each_run_of_a_batch_has_its_recommendations(want, have, later):
    moved = Actual(*(rows.with_columns(as_of=NOON + timedelta(minutes=1)) for rows in later))
    judgement = judged(want, batch(have, moved))

    found = recommended_by_run(judgement)

    rows = judgement.recommendations.rows(named=True)
    event(f"{len(found)} runs recommend something")
    assert [as_of for as_of, of_run in found.items() for _ in of_run] == [row["as_of"] for row in rows]
    assert [row._replace(evidence=()) for of_run in found.values() for row in of_run] == [*map(told_one_by_one, rows)]
    assert all(type(row.action) is Action for of_run in found.values() for row in of_run)
