"""What the executor can do is written down whole, however much it is."""

import json

from flows.executor.claim import split_offers
from flows.ledger.actions.journals import MAX_LINE
from schemas.executor_record import Capabilities, Offer
from schemas.ledger import write_record
from schemas.verb import Verb
from tests.helpers.acting_home import Home


def offers(count):
    named = (f"node{number // 100}/service-with-a-long-name-{number}" for number in range(count))
    return tuple(Offer(verb=Verb.DIAGNOSTICS, target=name, step_hash="f" * 64) for name in named)


def test_what_fits_into_one_record_is_one():
    all_of_it = Capabilities(offers=offers(1000))

    assert split_offers(all_of_it) == (all_of_it,)


def test_what_does_not_comes_in_parts_of_which_each_fits():
    all_of_it = Capabilities(offers=offers(12_000), self=("node1/supervisor",))
    parts = split_offers(all_of_it)

    assert len(parts) > 2
    assert tuple(offer for part in parts for offer in part.offers) == all_of_it.offers
    assert parts[-1].self == all_of_it.self
    assert max(len(json.dumps(write_record(part))) for part in parts) < MAX_LINE - 1000


def test_a_fleet_whose_offers_are_more_than_a_line_is_acted_upon(tmp_path, monkeypatch):
    from flows.executor import claim

    monkeypatch.setattr(claim, "PART_BYTES", 600)
    home = Home(tmp_path)
    home.configure(start_grace="0s")
    home.propose()
    assert home.run("act", "--once").code == 0

    assert len(home.records("capabilities")) > 2
    assert len(home.calls()) == 1
