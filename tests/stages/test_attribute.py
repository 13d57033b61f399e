"""OBSERVER 3: the first hit wins, and a guess that could have been another says so."""

import pytest

from stages.attribute import attribute_containers
from tests.helpers.looks import composed, containers, selectors, wanted


def attributed(row, want=(), by=()):
    found = attribute_containers(containers(row), wanted(*want), selectors(*by))
    return found.row(0, named=True)


@pytest.mark.parametrize("left_out", ["is_oneoff", "is_ignored"])
def test_what_is_run_once_by_hand_or_ignored_counts_for_nothing(left_out):
    rows = containers({"name": "web", left_out: True})

    assert attribute_containers(rows, wanted("web"), selectors()).is_empty()


PROJECT = {"service": "shop", "kind": "project", "value": "shop"}
PART = {"service": "front", "kind": "project", "value": "shop", "part": "web"}
NAMED = {"service": "named", "kind": "container", "value": "shop-web-1"}


@pytest.mark.parametrize(
    ("row", "want", "by", "service", "how"),
    [
        pytest.param(
            composed("shop", "web", declared_service="Front"), ["web"], [NAMED, PROJECT], "front", "label", id="label"
        ),
        pytest.param(composed("shop", "web"), ["web"], [PROJECT, NAMED], "named", "container", id="container's name"),
        pytest.param(composed("shop", "web"), ["web"], [PROJECT], "shop", "project", id="project"),
        pytest.param(composed("shop", "web"), [], [PROJECT, PART], "front", "project", id="one service of a project"),
        pytest.param(composed("shop", "db"), [], [PROJECT, PART], "shop", "project", id="the others of the project"),
        pytest.param(composed("shop", "web"), ["web", "shop"], [], "web", "compose_service", id="guess: service"),
        pytest.param({"name": "systemd-web"}, ["web"], [], "web", "container_name", id="guess: Podman's unit"),
        pytest.param({"name": "Web"}, ["web"], [], "web", "container_name", id="guess: upper case"),
        pytest.param(
            {"name": "web.1.x", "swarm_service": "web"}, ["web"], [], "web", "swarm_service", id="guess: swarm"
        ),
        pytest.param(composed("shop", "db"), ["shop"], [], "shop", "project_name", id="guess: project"),
        pytest.param({"name": "my_app"}, ["my-app"], [], "my_app", "none", id="an underscore is no dash"),
        pytest.param(composed("shop", "web"), [], [], "shop-web", "none", id="unexpected"),
        pytest.param(composed("web", "web"), [], [], "web", "none", id="unexpected, both equal"),
        pytest.param(
            {"name": "web.1.x", "swarm_service": "shop_web"}, [], [], "shop_web", "none", id="unexpected, of a swarm"
        ),
        pytest.param({"name": "Portainer"}, [], [], "portainer", "none", id="unexpected, no project"),
    ],
)
def test_the_first_hit_in_the_order_wins(row, want, by, service, how):
    found = attributed(row, want, by)

    assert (found["service"], found["attributed_by"]) == (service, how)


def test_a_name_in_upper_case_with_dots_is_found_by_the_inventorys_name():
    found = attributed({"name": "My.Web"}, by=[{"service": "web", "kind": "container", "value": "my.web"}])

    assert found["service"] == "web"


def test_a_guess_does_not_add_to_a_service_that_says_what_it_is():
    found = attributed(composed("blog", "web"), ["web"], [{**PART, "service": "web"}])

    assert found["service"] == "blog-web"


def test_an_ambiguous_guess_has_a_note_that_says_what_to_do():
    found = attributed(composed("shop", "web"), ["web", "shop"])

    assert found["note"] == (
        "container shop-web-1 of piha could be of shop (project) or web (compose service): counted for web;"
        " say which with the label supervisor.service"
    )


def test_what_is_selected_has_no_note():
    assert attributed(composed("shop", "web"), ["web", "shop"], [NAMED])["note"] is None


@pytest.mark.parametrize(
    ("label", "service"),
    [
        ('sp ace/slash\n"q"', "sp-ace-slash-q"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 300, None),
        ("Ünï", "n"),
        ("all", None),
        ("", None),
        ("%%%", None),
    ],
)
def test_a_label_is_made_a_name_or_a_note(label, service):
    found = attributed({"declared_service": label})

    assert found["service"] == service
    assert (found["note"] is None) == (service is not None)
