"""One message for one outage: when it opens, changes and ends, and never the same again."""

from datetime import timedelta

from schemas.episode import Target
from schemas.outage import News, Trouble
from schemas.words import Severity
from stages.tell import tell_outages
from tests.episodes import NOON

HOUR = timedelta(hours=1)
MQTT, ZIGBEE, WEB = Target("piha", "mqtt"), Target("piha", "zigbee"), Target("vps", "web")


def trouble(target, root=None, severity=Severity.ERROR, signature="redeploy"):
    return Trouble(target=target, root=root or target, severity=severity, signature=signature, text="it is broken.")


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
    said = tell([trouble(MQTT), trouble(ZIGBEE, root=MQTT)], [trouble(ZIGBEE)], [])

    assert [[news for news, _ in run] for run in said] == [[News.OPENED], [News.CHANGED], [News.RESOLVED]]
    assert said[2][0][1] == "mqtt on piha resolved"


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

    assert (len(message.body.splitlines()), message.title) == (13, "mqtt on piha error opened (+500 more)")
