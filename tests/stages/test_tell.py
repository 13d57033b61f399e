"""One message for one outage: when it opens, changes and ends, and never the same again."""

from datetime import timedelta

from schemas.episode import Target
from schemas.outage import News, Trouble
from schemas.words import Severity
from stages.tell import tell_outages
from tests.helpers.episodes import NOON

HOUR = timedelta(hours=1)
MQTT, ZIGBEE, WEB = Target("piha", "mqtt"), Target("piha", "zigbee"), Target("vps", "web")


def trouble(target, root=None, severity=Severity.ERROR, signature="redeploy", opened_at=NOON):
    text = "it is broken."
    return Trouble(
        target=target, root=root or target, severity=severity, opened_at=opened_at, signature=signature, text=text
    )


def tell(*runs, silenced=frozenset()):
    """Return the (news, title) of the messages of each run; a run is the troubles that are open then."""
    outages, said = {}, []
    for hour, troubles in enumerate(runs):
        found = tell_outages(outages, troubles, silenced, NOON + hour * HOUR)
        outages = found.outages
        said.append([(message.news, message.title) for message in found.messages])
    return said


def test_an_outage_is_told_once_with_what_waits_for_it():
    both = [trouble(MQTT), trouble(ZIGBEE, root=MQTT)]

    assert tell(both, both) == [[(News.OPENED, "mqtt on piha error opened (+1 more)")], []]


def test_two_causes_are_two_outages():
    assert [news for news, _ in tell([trouble(MQTT), trouble(WEB)])[0]] == [News.OPENED, News.OPENED]


def test_what_joins_or_changes_is_told_as_a_change():
    said = tell(
        [trouble(MQTT)], [trouble(MQTT), trouble(ZIGBEE, root=MQTT)], [trouble(MQTT), trouble(ZIGBEE, signature="x")]
    )

    assert [[news for news, _ in run] for run in said] == [[News.OPENED], [News.CHANGED], [News.CHANGED]]


def test_an_outage_ends_when_all_of_it_has():
    said = tell([trouble(MQTT), trouble(ZIGBEE, root=MQTT)], [trouble(MQTT)], [])

    assert [[news for news, _ in run] for run in said] == [[News.OPENED], [News.CHANGED], [News.RESOLVED]]
    assert said[2][0][1] == "mqtt on piha resolved after 2 h"


def test_one_that_comes_back_is_told_again():
    assert [news for news, _ in tell([trouble(MQTT)], [], [trouble(MQTT)])[2]] == [News.OPENED]


def test_what_is_acknowledged_is_not_told_and_ends_without_a_word():
    assert tell([trouble(MQTT)], silenced=frozenset({MQTT})) == [[]]

    outages = tell_outages({}, [trouble(MQTT)], frozenset(), NOON).outages
    assert tell_outages(outages, [trouble(MQTT)], frozenset({MQTT}), NOON) == ((), {})


def test_a_change_says_what_ended_and_since_when_it_is_open():
    outages = tell_outages({}, [trouble(MQTT), trouble(ZIGBEE, root=MQTT)], frozenset(), NOON).outages
    (message,) = tell_outages(outages, [trouble(MQTT)], frozenset(), NOON + HOUR).messages

    assert message.body.splitlines() == [
        "mqtt on piha: it is broken.",
        "resolved: zigbee on piha",
        "open since 2026-05-01 12:00 UTC",
    ]


def test_a_message_stays_short_however_large_the_outage():
    troubles = [trouble(Target("piha", f"s{number}"), root=MQTT) for number in range(500)]
    (message,) = tell_outages({}, troubles, frozenset(), NOON).messages

    assert (len(message.body.splitlines()), message.title) == (13, "s0 on piha error opened (+499 more)")


def test_a_message_is_named_by_the_worst_that_is_open_now_and_dated_from_its_opening():
    outages = tell_outages({}, [trouble(MQTT), trouble(ZIGBEE, root=MQTT)], frozenset(), NOON).outages
    later = [
        trouble(MQTT),
        trouble(ZIGBEE, root=MQTT, severity=Severity.CRITICAL, signature="x", opened_at=NOON + HOUR),
    ]
    (message,) = tell_outages(outages, later, frozenset(), NOON + HOUR).messages

    assert message.title == "zigbee on piha critical changed (+1 more)"
    assert message.body.endswith("open since 2026-05-01 13:00 UTC")


def test_what_waited_for_one_that_is_well_belongs_to_what_it_waits_for_now():
    first = [trouble(MQTT), trouble(WEB), trouble(ZIGBEE, root=MQTT)]
    outages = tell_outages({}, first, frozenset(), NOON).outages
    told = tell_outages(outages, [trouble(WEB), trouble(ZIGBEE, root=WEB)], frozenset(), NOON + HOUR)

    assert [message.title for message in told.messages] == [
        "mqtt on piha resolved after 1 h",
        "web on vps error changed (+1 more)",
    ]
    assert told.messages[0].body == "resolved: mqtt on piha"
    assert set(told.outages) == {WEB}


def test_after_an_acknowledgement_ran_out_it_is_still_open_since_then():
    (message,) = tell_outages({}, [trouble(MQTT)], frozenset(), NOON + HOUR).messages

    assert message.title == "mqtt on piha error still open since 2026-05-01 12:00 UTC"


def test_what_nobody_asks_for_any_more_is_not_resolved():
    outages = tell_outages({}, [trouble(MQTT), trouble(ZIGBEE, root=MQTT)], frozenset(), NOON).outages
    (message,) = tell_outages(outages, [], frozenset(), NOON + HOUR, removed={MQTT, ZIGBEE}).messages

    assert message.title == "mqtt on piha no longer asked for"
    assert "resolved" not in message.body
