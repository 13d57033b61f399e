"""What a run does to the open episodes (SEMANTICS 7)."""

import time
from datetime import timedelta

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from schemas.episode import Episode, Key, Target
from schemas.words import ALL, FLEET, Action, DriftKind, EmitMode, EventType, HeldBy, Resolution, Severity, Transition
from stages import transition
from stages.transition import decide_transitions
from tests.helpers.episodes import DAY, NOON, judged, recommended

WEB = Target("piha", "web")
MISSING = DriftKind.MISSING_SERVICE


def decide(episodes, judgement, **options):
    return decide_transitions(episodes, judgement, reminder_interval=DAY, **options)


def opened(*rows, **rest):
    return decide({}, judged(*(rows or (recommended(),)), **rest)).episodes


def told(transitions):
    return [(change.transition, change.resolution) for change in transitions.changes]


def test_a_new_recommendation_opens_an_episode():
    assert told(decide({}, judged(recommended()))) == [(Transition.OPENED, None)]


def test_the_same_recommendation_again_is_no_event():
    assert told(decide(opened(), judged(recommended(), as_of=NOON + DAY / 2))) == []


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"severity": Severity.CRITICAL}, id="severity"),
        pytest.param({"kinds": [MISSING, DriftKind.UNRESOLVED_INCIDENT]}, id="kinds"),
    ],
)
def test_another_severity_or_set_of_kinds_is_a_change(other):
    assert told(decide(opened(), judged(recommended(**other)))) == [(Transition.CHANGED, None)]


def test_ten_thousand_open_episodes_take_ten_times_as_long_as_a_thousand():
    def taken_s(count, **rest):
        rows = [recommended(f"s{number}") for number in range(count)]
        services = frozenset(row.target for row in rows)
        after = judged(*rows, monitored=services, unread_dependencies=services, **rest)
        episodes = opened(*rows, monitored=services)
        begun = time.process_time()
        decide(episodes, after)
        return time.process_time() - begun

    unreadable = {"unreadable_nodes": frozenset({"piha"}), "bad_entries": frozenset({Target("piha", "s1")})}
    assert taken_s(10_000, **unreadable) < 40 * max(taken_s(1000, **unreadable), 0.005)


def test_the_order_of_kinds_is_no_change():
    kinds = [MISSING, DriftKind.FAILED_DEPLOYMENT]

    assert told(decide(opened(recommended(kinds=kinds)), judged(recommended(kinds=kinds[::-1])))) == []


def test_a_reminder_comes_when_its_interval_has_passed():
    assert told(decide(opened(), judged(recommended(), as_of=NOON + DAY))) == [(Transition.REMINDER, None)]


def test_an_interval_of_zero_never_reminds():
    later = judged(recommended(), as_of=NOON + 100 * DAY)

    assert decide_transitions(opened(), later, reminder_interval=timedelta(0)).changes == ()


def test_after_the_clock_was_set_back_reminders_count_from_then():
    years_ago = NOON - 3650 * DAY
    first = decide(opened(), judged(recommended(), as_of=years_ago))

    assert told(first) == []
    assert told(decide(first.episodes, judged(recommended(), as_of=years_ago + DAY / 2))) == []
    assert told(decide(first.episodes, judged(recommended(), as_of=years_ago + DAY))) == [(Transition.REMINDER, None)]


@pytest.mark.parametrize(
    ("judgement", "resolution"),
    [
        pytest.param(judged(), Resolution.DRIFT_RESOLVED, id="no drift any more"),
        pytest.param(judged(monitored=frozenset()), Resolution.REMOVED_FROM_DESIRED_STATE, id="not desired"),
        pytest.param(judged(nodes=frozenset({"vps"})), Resolution.REMOVED_FROM_DESIRED_STATE, id="node not desired"),
        pytest.param(judged(unmonitored=frozenset({WEB})), Resolution.REMOVED_FROM_DESIRED_STATE, id="not monitored"),
        pytest.param(judged(recommended(action=Action.DIAGNOSTICS)), Resolution.SUPERSEDED, id="another action"),
        pytest.param(
            judged(is_world_stale=True, nodes=frozenset()),
            Resolution.REMOVED_FROM_DESIRED_STATE,
            id="stale, not desired",
        ),
    ],
)
def test_an_episode_ends_with_its_reason(judgement, resolution):
    first, *_ = decide(opened(), judgement).changes

    assert (first.transition, first.resolution) == (Transition.RESOLVED, resolution)
    assert first.episode.event_type is EventType.RECONCILE_RESOLVED


@pytest.mark.parametrize(
    "judgement",
    [
        pytest.param(judged(held={WEB: {MISSING: HeldBy.OFFLINE_NODE}}), id="its drift is held back"),
        pytest.param(
            judged(recommended(action=Action.INCIDENT_REVIEW), held={WEB: {MISSING: HeldBy.DEPLOYMENT_IN_FLIGHT}}),
            id="its drift is held back, and its target has another action",
        ),
        pytest.param(judged(held={WEB: {DriftKind.UNHEALTHY_SERVICE: HeldBy.OFFLINE_NODE}}), id="other drift is held"),
        pytest.param(judged(bad_entries=frozenset({WEB})), id="its entry is unreadable"),
        pytest.param(
            judged(recommended(action=Action.DIAGNOSTICS), bad_entries=frozenset({WEB})), id="and nothing else opens"
        ),
        pytest.param(judged(monitored=frozenset(), unreadable_nodes=frozenset({"piha"})), id="unknown, not undesired"),
        pytest.param(judged(nodes=frozenset(), is_topology_readable=False), id="its node may be in the topology"),
        pytest.param(judged(is_world_stale=True), id="the world is stale"),
    ],
)
def test_no_data_leaves_an_episode_suspended(judgement):
    transitions = decide(opened(), judgement)

    assert [change for change in transitions.changes if change.episode.action is Action.REDEPLOY] == []
    assert [key.service for key in transitions.suspended] == ["web"]


def test_a_suspended_episode_is_not_reminded_of():
    held = judged(held={WEB: {MISSING: HeldBy.OFFLINE_NODE}}, as_of=NOON + 9 * DAY)

    assert told(decide(opened(), held)) == []


def test_a_child_that_heals_while_its_parent_is_down_is_resolved():
    parent = recommended(ALL, action=Action.FAILOVER_REVIEW, kinds=[DriftKind.OFFLINE_NODE])

    assert told(decide(opened(), judged(parent))) == [
        (Transition.RESOLVED, Resolution.DRIFT_RESOLVED),
        (Transition.OPENED, None),
    ]


def test_what_can_be_read_of_a_node_opens_and_resolves_as_ever():
    unread = frozenset({"piha"})

    assert told(decide({}, judged(recommended(), unreadable_nodes=unread))) == [(Transition.OPENED, None)]
    assert told(decide(opened(), judged(unreadable_nodes=unread))) == [(Transition.RESOLVED, Resolution.DRIFT_RESOLVED)]


def test_a_node_that_dies_while_its_file_cannot_be_read_is_told():
    dead = recommended(ALL, action=Action.FAILOVER_REVIEW, kinds=[DriftKind.OFFLINE_NODE])

    assert told(decide({}, judged(dead, unreadable_nodes=frozenset({"piha"})))) == [(Transition.OPENED, None)]


def test_a_review_of_a_node_that_needs_its_file_is_suspended_and_only_what_does_not_opens_beside_it():
    review = recommended(ALL, action=Action.NODE_REVIEW, kinds=[DriftKind.NODE_SUSPECT])
    dead = recommended(ALL, action=Action.FAILOVER_REVIEW, kinds=[DriftKind.OFFLINE_NODE])
    unseen = recommended(ALL, action=Action.OBSERVER_REVIEW, kinds=[DriftKind.UNREADABLE_OBSERVATION])
    unread = {"unreadable_nodes": frozenset({"piha"})}

    assert told(decide(opened(review), judged(dead, **unread))) == [(Transition.OPENED, None)]
    assert told(decide(opened(review), judged(unseen, **unread))) == []


def test_an_unjudged_silence_suspends_the_failover_review():
    dead = recommended(ALL, action=Action.FAILOVER_REVIEW, kinds=[DriftKind.OFFLINE_NODE])
    unseen = recommended(ALL, action=Action.OBSERVER_REVIEW, kinds=[DriftKind.UNREADABLE_OBSERVATION])

    assert told(decide(opened(dead), judged(unseen, unjudged_nodes=frozenset({"piha"})))) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([recommended()], [], id="while it has drift"),
        pytest.param([], [(Transition.RESOLVED, Resolution.DRIFT_RESOLVED)], id="it is well again"),
    ],
)
def test_unread_dependencies_keep_what_waits_from_becoming_a_redeploy(rows, expected):
    delayed = recommended(action=Action.DELAYED_DEPLOYMENT)

    assert told(decide(opened(delayed), judged(*rows, unread_dependencies=frozenset({WEB})))) == expected


def test_a_failed_deployment_that_has_left_the_window_has_expired():
    failed = recommended(kinds=[DriftKind.FAILED_DEPLOYMENT])
    aged = judged(held={WEB: {DriftKind.FAILED_DEPLOYMENT: None}}, expired=frozenset({WEB}))

    assert told(decide(opened(failed), aged)) == [(Transition.RESOLVED, Resolution.EXPIRED)]


def test_other_root_causes_are_a_change():
    before = opened(recommended(action=Action.DELAYED_DEPLOYMENT, root_causes=("piha/db",)))

    same = decide(before, judged(recommended(action=Action.DELAYED_DEPLOYMENT, root_causes=("piha/db",))))
    other = decide(before, judged(recommended(action=Action.DELAYED_DEPLOYMENT, root_causes=("piha/mqtt",))))

    assert (told(same), told(other)) == ([], [(Transition.CHANGED, None)])


def test_an_episode_of_an_earlier_version_learns_its_root_causes_without_an_event():
    old = {key: row._replace(root_causes=None) for key, row in opened(recommended()).items()}

    first = decide(old, judged(recommended(root_causes=("piha/db",))))

    assert told(first) == []
    assert [row.root_causes for row in first.episodes.values()] == [("piha/db",)]


def test_a_stale_world_opens_its_own_episode_and_ends_it():
    stale = recommended(ALL, FLEET, Action.OBSERVER_REVIEW, kinds=[DriftKind.STALE_WORLD])
    first = decide(opened(), judged(stale, is_world_stale=True))

    assert told(first) == [(Transition.OPENED, None)]
    assert told(decide(first.episodes, judged(recommended()))) == [(Transition.RESOLVED, Resolution.DRIFT_RESOLVED)]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Action.INVENTORY_REVIEW, DriftKind.UNEXPECTED_SERVICE),
        (Action.INCIDENT_REVIEW, DriftKind.UNRESOLVED_INCIDENT),
    ],
)
def test_what_was_never_desired_is_resolved_and_not_removed(action, kind):
    ghost = recommended("ghost", action=action, kinds=[kind])

    assert told(decide(opened(ghost), judged())) == [(Transition.RESOLVED, Resolution.DRIFT_RESOLVED)]


def test_the_same_id_of_two_targets_is_two_episodes():
    one, other = recommended("c", "a-b"), recommended("b-c", "a")

    assert one.recommendation_id == other.recommendation_id
    assert len(decide({}, judged(one, other)).changes) == 2


def test_two_worlds_in_turn_give_four_ids():
    episodes: dict[Key, Episode] = {}
    ids = set()
    for rows in ([recommended()], [], [recommended()], []):
        transitions = decide(episodes, judged(*rows, input_fingerprint=str(len(rows))))
        episodes = transitions.episodes
        ids |= {change.event_id for change in transitions.changes}

    assert len(ids) == 4
    assert [episode.seq for episode in episodes.values()] == [4]


def test_the_same_run_again_makes_the_same_events():
    assert decide({}, judged(recommended())) == decide({}, judged(recommended()))


def test_emit_mode_all_writes_every_recommendation_and_every_end():
    rows = [recommended(), recommended("db")]
    first = decide({}, judged(*rows), emit_mode=EmitMode.ALL)

    assert told(first) == [(Transition.CURRENT, None)] * 2
    assert told(decide(first.episodes, judged(rows[0]), emit_mode=EmitMode.ALL)) == [
        (Transition.RESOLVED, Resolution.DRIFT_RESOLVED),
        (Transition.CURRENT, None),
    ]


def test_emit_mode_none_writes_nothing_and_forgets_nothing():
    episodes = opened()

    assert decide(episodes, judged(), emit_mode=EmitMode.NONE) == ((), episodes, frozenset())


NODES = st.sampled_from(["piha", "vps", "lost", FLEET])
ROWS = st.lists(
    st.builds(
        recommended,
        st.sampled_from(["web", "db", ALL]),
        NODES,
        st.sampled_from([Action.REDEPLOY, Action.FAILOVER_REVIEW, Action.DELAYED_DEPLOYMENT]),
        st.sampled_from([Severity.ERROR, Severity.CRITICAL]),
        st.sampled_from([(MISSING,), (MISSING, DriftKind.UNHEALTHY_SERVICE), (DriftKind.UNHEALTHY_SERVICE, MISSING)]),
        root_causes=st.sampled_from([(), ("vps/db",), ("vps/db", "vps/mqtt"), ("vps/mqtt", "vps/db")]),
    ),
    max_size=6,
)
UNREAD = st.fixed_dictionaries(
    {},
    optional={
        "unreadable_nodes": st.just(frozenset({"vps"})),
        "bad_entries": st.just(frozenset({WEB})),
        "unjudged_nodes": st.just(frozenset({"piha"})),
        "unread_dependencies": st.just(frozenset({WEB})),
        "is_topology_readable": st.just(False),
    },
)


@given(first=ROWS, then=ROWS, unread=UNREAD)
def test_what_is_all_read_is_decided_as_if_each_episode_was_asked_what_it_needs(first, then, unread):
    before, judgement = opened(*first), judged(*then, as_of=NOON + DAY, **unread)
    found = decide(before, judgement)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transition, "_is_all_read", lambda _: False)
        asked = decide(before, judgement)

    event("all read" if not unread else "something unread")
    assert found == asked


@given(first=ROWS, then=ROWS)
def test_events_come_by_their_keys_and_nothing_that_stays_the_same_has_one(first, then):
    before = opened(*first)
    found = decide(before, judged(*then))

    wanted = {row.key: row for row in then}
    same = {key for key, row in wanted.items() if key in before and is_told_by(before[key], row)}
    ended = [change for change in found.changes if change.transition is Transition.RESOLVED]
    risen = found.changes[len(ended) :]
    event(f"{len(same)} stay the same")
    assert [change.episode.key for change in risen] == sorted(wanted.keys() - same)
    assert [change.episode.key for change in ended] == sorted(change.episode.key for change in ended)
    assert all(found.episodes[key] is before[key] for key in same)
    assert found.suspended == before.keys() - wanted.keys() - {change.episode.key for change in ended}


def is_told_by(episode, row):
    """Return whether an open episode tells what the recommendation does, in whatever order."""
    said = (row.severity, {*row.causing_kinds}, {*row.root_causes})
    return (episode.severity, {*episode.causing_kinds}, {*episode.root_causes}) == said


@pytest.mark.parametrize("action", [action for action in Action if action is not Action.REDEPLOY])
def test_any_other_action_for_the_target_takes_the_episodes_place(action):
    [ended, risen] = decide(opened(), judged(recommended(action=action))).changes

    assert (ended.resolution, risen.episode.action) == (Resolution.SUPERSEDED, action)
