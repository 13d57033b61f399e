"""OBSERVER 2.3 and 2.4: what is kept, for how long, and what is dated anew."""

from dataclasses import replace

from schemas.look_words import WordClass
from stages.carry import carry_services
from tests.helpers.observed import look, service


def test_what_cannot_be_looked_at_keeps_its_word_and_its_time():
    known = service(10.0, word="exited")

    carried = carry_services({"web": known}, {}, look(40.0, unseen_sources=("docker",)))
    again = carry_services(carried, {}, look(70.0, unseen_sources=("docker",)))

    assert again["web"] == replace(known, stale_since=40.0)


def test_what_was_seen_by_a_way_that_is_no_more_is_kept_while_the_new_one_fails():
    carried = carry_services({"web": service(10.0)}, {}, look(40.0, sources=("ssh",), unseen_sources=("ssh",)))

    assert carried["web"].stale_since == 40.0


def test_another_source_that_fails_does_not_make_it_stale():
    carried = carry_services(
        {"web": service(10.0)},
        {"web": service(100.0)},
        look(100.0, sources=("docker", "systemd"), unseen_sources=("systemd",)),
    )

    assert (carried["web"].stale_since, carried["web"].last_seen) == (None, 100.0)


def test_a_node_that_is_seen_again_is_stale_no_more():
    stale = service(10.0, stale_since=40.0)

    assert carry_services({"web": stale}, {"web": service(70.0)}, look(70.0))["web"].stale_since is None


def test_what_a_good_look_does_not_show_is_kept_for_one_look():
    once = carry_services({"web": service(10.0)}, {}, look(40.0))
    twice = carry_services(once, {}, look(45.0))

    assert (once["web"].gone_looks, once["web"].last_seen) == (1, 10.0)
    assert twice["web"].gone_looks == 2


def test_a_quiet_service_is_dated_anew_once_a_minute():
    known = service(0.0)

    assert carry_services({"web": known}, {"web": service(59.0)}, look(59.0))["web"].last_seen == 0.0
    assert carry_services({"web": known}, {"web": service(60.0)}, look(60.0))["web"].last_seen == 60.0


def test_a_service_that_changed_is_dated_at_once():
    carried = carry_services({"web": service(0.0)}, {"web": service(5.0, word="exited")}, look(5.0))

    assert (carried["web"].last_seen, carried["web"].since) == (5.0, 5.0)


def test_what_settles_keeps_its_beginning_under_another_word():
    created = service(0.0, word="created", word_class=WordClass.SETTLING)
    starting = service(30.0, word="starting", word_class=WordClass.SETTLING)

    after = carry_services({"web": created}, {"web": starting}, look(30.0))["web"]

    assert (after.status, after.word, after.since, after.last_seen) == ("starting", "starting", 0.0, 30.0)


def test_a_status_that_stays_keeps_its_beginning():
    carried = carry_services({"web": service(0.0, word="exited")}, {"web": service(90.0, word="exited")}, look(90.0))

    assert carried["web"].since == 0.0
