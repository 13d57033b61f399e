"""Compose files and forms, jobs, and what stacks are called (SEMANTICS 2, second edition)."""

import pytest

from flows.errors import InventoryError
from flows.sources.inventory.desired import build_desired, read_inventory
from flows.sources.inventory.files import COMPOSE_FILES, InventoryFiles
from flows.text.values import read_as
from schemas.canonical import hash_canonical
from schemas.limits import Limits
from schemas.rules import Rules

LIMITS = Limits()
STACK = "services: {server: {depends_on: [db]}, db: }"


def at(contents, **rules):
    encoded = {path: text.encode() for path, text in contents.items()}
    return build_desired(InventoryFiles(encoded), LIMITS, rules=read_as(Rules, rules))


def asked(text, **rules):
    return at({"hosts/n/services.yaml": text}, **rules)


def names(wanted):
    return wanted.services["service"].to_list()


def needs(wanted):
    return wanted.dependencies.select("service", "dependency", "scope").rows()


def runs(wanted):
    return dict(wanted.services.select("service", "run").rows())


def problems(wanted, *, warnings=False):
    return wanted.unread.filter(is_warning=warnings)["problem"].to_list()


@pytest.mark.parametrize("place", ["hosts/n", "hosts/n/immich"])
@pytest.mark.parametrize("name", COMPOSE_FILES)
def test_a_compose_file_of_a_node_or_of_a_folder_in_it_is_read(place, name):
    wanted = at({f"{place}/{name}": STACK})

    stack = place.rpartition("/")[2]
    assert wanted.services.select("service", "stack", "file").rows() == [
        (service, stack, f"{place}/{name}") for service in ("db", "server")
    ]
    assert wanted.unread.is_empty()


def test_of_several_compose_files_of_a_folder_the_first_counts():
    wanted = at({"hosts/n/compose.yml": "services: {a: }", "hosts/n/docker-compose.yml": "services: ["})

    assert names(wanted) == ["a"]
    assert wanted.unread.is_empty()


def test_a_name_that_two_stacks_use_is_told_apart_and_looked_for_in_its_own_file_first():
    wanted = at({"hosts/nas/immich/compose.yaml": STACK, "hosts/nas/paperless/compose.yaml": STACK})

    assert names(wanted) == ["immich-db", "immich-server", "paperless-db", "paperless-server"]
    assert needs(wanted) == [
        ("immich-server", "immich-db", "anywhere"),
        ("paperless-server", "paperless-db", "anywhere"),
    ]
    assert wanted.unread.is_empty()


def test_the_platforms_own_file_keeps_its_names():
    wanted = at({"hosts/n/services.yaml": "{services: {db: {depends_on: [server]}}}", "hosts/n/compose.yaml": STACK})

    assert wanted.services.select("service", "stack").rows() == [("db", None), ("n-db", "n"), ("server", "n")]
    assert needs(wanted) == [("db", "server", "anywhere"), ("server", "n-db", "anywhere")]


def test_a_name_that_is_claimed_twice_even_so_costs_its_service():
    wanted = at(
        {
            "hosts/n/services.yaml": "[a-db]",
            "hosts/n/a/compose.yaml": STACK,
            "hosts/n/b/compose.yaml": "services: {db: }",
        }
    )

    assert names(wanted) == ["b-db", "server"]
    assert wanted.unread.select("node", "service", "file").rows() == [
        ("n", "a-db", "hosts/n/a/compose.yaml"),
        ("n", "a-db", "hosts/n/services.yaml"),
    ]


def test_a_bad_entry_uses_its_name_as_well():
    wanted = at({"hosts/n/a/compose.yaml": "services: {db: 5, web: }", "hosts/n/b/compose.yaml": "services: {db: }"})

    assert names(wanted) == ["b-db", "web"]
    assert wanted.unread["service"].to_list() == ["a-db"]


def test_a_compose_file_that_cannot_be_read_leaves_open_what_else_its_node_asks_for():
    wanted = at({"hosts/n/services.yaml": "[web]", "hosts/n/a/compose.yaml": "services: ["})

    assert names(wanted) == ["web"]
    assert wanted.nodes["is_readable"].to_list() == [False]
    assert wanted.unread.select("file", "node", "service").rows() == [("hosts/n/a/compose.yaml", "n", None)]


def test_compose_files_are_off_where_settings_say_so():
    wanted = at({"hosts/n/services.yaml": "[web]", "hosts/n/a/compose.yaml": "services: ["}, compose=False)

    assert names(wanted) == ["web"]
    assert wanted.unread.is_empty()


def test_a_folder_of_a_node_that_settings_ignore_is_no_stack():
    wanted = at({"hosts/n/services.yaml": "[web]", "hosts/n/_old/compose.yaml": "services: ["})

    assert wanted.unread.is_empty()


def test_a_compose_file_has_its_services_under_that_key():
    with pytest.raises(InventoryError, match="there is no key 'services'"):
        at({"hosts/n/compose.yaml": "networks: {a: {}}"})


def test_a_list_of_services_is_no_form_of_compose():
    with pytest.raises(InventoryError, match="'services': expected a mapping, found a list"):
        at({"hosts/n/compose.yaml": "services: [web]"})


def test_compose_files_are_found_in_a_folder(tmp_path):
    for path in ("hosts/n/immich/compose.yaml", "hosts/n/runtime/web/docker-compose.yml", "hosts/n/.git/compose.yaml"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(STACK)
    (tmp_path / "hosts/common").mkdir()
    (tmp_path / "hosts/common/global.nix").write_text("{}")
    (tmp_path / "hosts/quiet").mkdir()
    (tmp_path / "hosts/quiet/paths.yaml").write_text("{}")

    wanted = read_inventory(tmp_path, LIMITS)

    assert wanted.services["file"].unique().to_list() == ["hosts/n/immich/compose.yaml"]
    assert wanted.nodes["node"].to_list() == ["n", "quiet"]
    assert "hosts/common" in wanted.unread["file"].to_list()


def test_a_link_in_place_of_a_stack_is_told_and_one_to_anything_else_is_nothing(tmp_path):
    for path in ("shop/compose.yaml", "hosts/n/services.yaml"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(STACK)
    (tmp_path / "hosts/n/shop").symlink_to("../../shop")
    (tmp_path / "hosts/n/up").symlink_to("..")

    told = read_inventory(tmp_path, LIMITS).unread.select("file", "node", "problem").rows()

    link = "a symbolic link to '../../shop', which is not followed; put the folder itself there"
    assert told == [("hosts/n/shop", "n", link)]


@pytest.mark.parametrize(
    ("options", "dependency"),
    [
        ("depends_on: {db: {condition: service_healthy}}", ("db", "local")),
        ("depends_on: {db: }", ("db", "local")),
        ("depends_on: {local: {condition: service_started}}", ("local", "local")),
        ("links: ['db:alias']", ("db", "local")),
        ("links: [db]", ("db", "local")),
        ("network_mode: 'service:db'", ("db", "local")),
        ("network_mode: 'container:db'", ("db", "local")),
        ("ipc: 'service:db'", ("db", "local")),
        ("pid: 'service:db'", ("db", "local")),
        ("volumes_from: ['db:ro']", ("db", "local")),
        ("volumes_from: ['container:db:rw']", ("db", "local")),
    ],
)
def test_every_form_in_which_a_service_needs_another_of_its_node_is_a_dependency(options, dependency):
    assert needs(asked(f"services: {{web: {{{options}}}}}")) == [("web", *dependency)]


@pytest.mark.parametrize(
    "options", ["network_mode: host", "ipc: shareable", "pid: host", "links: []", "network_mode: "]
)
def test_what_is_shared_with_no_service_is_no_dependency(options):
    assert needs(asked(f"services: {{web: {{{options}}}}}")) == []


def test_a_containers_name_in_a_dependency_is_its_services():
    wanted = asked("services: {vpn: {container_name: Gluetun}, web: {network_mode: 'container:gluetun'}}")

    assert needs(wanted) == [("web", "vpn", "local")]


def test_a_dependency_in_two_forms_is_one_and_waits_for_completion_if_any_does():
    wanted = asked("services: {web: {depends_on: {db: {condition: service_completed_successfully}}, links: [db]}}")

    assert wanted.dependencies.select("dependency", "is_completion").rows() == [("db", True)]


@pytest.mark.parametrize(
    ("options", "profiles", "is_asked_for"),
    [
        ("profiles: [debug]", [], False),
        ("profiles: [debug, x]", ["debug"], True),
        ("profiles: debug", ["other"], False),
        ("profiles: []", [], True),
        ("deploy: {replicas: 0}", [], False),
        ("deploy: {replicas: '0'}", [], False),
        ("deploy: {replicas: 2}", [], True),
        ("deploy: ", [], True),
        ("scale: 0", [], False),
        ("scale: 1", [], True),
    ],
)
def test_what_compose_would_not_start_is_not_desired(options, profiles, is_asked_for):
    wanted = asked(f"services: {{web: {{{options}}}, other: }}", profiles=profiles)

    assert ("web" in names(wanted)) is is_asked_for


@pytest.mark.parametrize("word", ["no", "off", "'false'", "No", "n", "false", "'off'"])
def test_a_boolean_may_be_written_as_yaml_1_1_does(word):
    wanted = asked(f"services: {{a: {{monitor: {word}}}, b: {{monitor: 'yes'}}, c: {{enabled: on}}}}")

    assert wanted.services["is_monitored"].to_list() == [False, True, True]


def test_anchors_and_merge_keys_are_read():
    wanted = asked(
        "x-base: &base {depends_on: [db], monitor: no}\nservices:\n  web: {<<: *base, monitor: yes}\n  db:\n"
    )

    assert needs(wanted) == [("web", "db", "anywhere")]
    assert wanted.services["is_monitored"].all()


@pytest.mark.parametrize(("options", "mode"), [("run: once", "once"), ("run: scheduled", "scheduled"), ("", "service")])
def test_a_job_says_how_it_runs(options, mode):
    assert runs(asked(f"services: {{job: {{{options}}}}}")) == {"job": mode}


DONE = "{condition: service_completed_successfully}"


@pytest.mark.parametrize("restart", ['"no"', "no", "false", "off"])
def test_what_is_never_restarted_and_awaited_until_it_is_done_is_a_job(restart):
    wanted = asked(f"services: {{init: {{restart: {restart}}}, web: {{depends_on: {{init: {DONE}}}}}}}")

    assert runs(wanted) == {"init": "once", "web": "service"}


@pytest.mark.parametrize(
    ("init", "condition"),
    [("restart: always", DONE), ("restart: 'no'", "{condition: service_started}"), ("", DONE)],
)
def test_either_of_both_alone_makes_no_job(init, condition):
    assert (
        runs(asked(f"services: {{init: {{{init}}}, web: {{depends_on: {{init: {condition}}}}}}}"))["init"] == "service"
    )


def test_a_job_of_a_stack_is_awaited_in_its_own_stack():
    job = f"services: {{init: {{restart: no}}, web: {{depends_on: {{init: {DONE}}}}}}}"
    wanted = at({"hosts/n/a/compose.yaml": job, "hosts/n/b/compose.yaml": "services: {init: {restart: no}}"})

    assert runs(wanted) == {"a-init": "once", "b-init": "service", "web": "service"}


def test_a_service_has_the_names_of_its_containers():
    wanted = asked("services: {plex: {container_name: /Plex-Media}, cp: {containers: [cp-ui, CP-Observer]}}")

    assert wanted.names.rows() == [("n", "cp", "cp-observer"), ("n", "cp", "cp-ui"), ("n", "plex", "plex-media")]


def test_a_containers_name_that_is_none_is_a_warning():
    wanted = asked("services: {plex: {container_name: '${NAME}'}}")

    assert names(wanted) == ["plex"]
    assert "'container_name': '${NAME}' cannot name a service" in problems(wanted, warnings=True)[0]


WINDOW = "maintenance: [{days: [sat], from: '22:00', to: '04:00'}]"


def test_maintenance_is_read_at_a_service_in_node_yaml_and_in_the_settings():
    wanted = at(
        {"hosts/n/services.yaml": f"services:\n  web:\n    {WINDOW}\n", "hosts/n/node.yaml": f"node:\n  {WINDOW}\n"},
        maintenance=[{"from": "01:00", "to": "02:00", "zone": "Europe/Berlin"}],
        naive_timezone="Asia/Tokyo",
    )

    everyday = list(range(7))
    assert wanted.maintenance.select("node", "service", "days", "from_min", "to_min", "zone").sort(
        "from_min"
    ).rows() == [
        (None, None, everyday, 60, 120, "Europe/Berlin"),
        ("n", None, [5], 1320, 240, "Asia/Tokyo"),
        ("n", "web", [5], 1320, 240, "Asia/Tokyo"),
    ]


def test_a_window_that_cannot_be_read_is_a_fault_and_shut():
    wanted = at(
        {
            "hosts/n/services.yaml": "services: {web: {maintenance: [{from: 5}]}}",
            "hosts/n/node.yaml": "maintenance:\n  - {days: [funday]}\n",
        }
    )

    assert names(wanted) == ["web"]
    assert wanted.maintenance.is_empty()
    assert wanted.nodes["is_readable"].all()
    assert wanted.unread.select("file", "line", "node", "service", "is_warning").rows() == [
        ("hosts/n/node.yaml", 2, None, None, False),
        ("hosts/n/services.yaml", 1, None, None, False),
    ]


@pytest.mark.parametrize(
    "contents",
    [{"hosts/n/node.yaml": "monitor: no"}, {"inventory/topology.yaml": "nodes: {n: {monitor: 'off'}, m: }"}],
    ids=["node.yaml", "topology"],
)
def test_a_node_is_unmonitored_where_its_file_or_the_topology_says_so(contents):
    wanted = at({"hosts/n/services.yaml": "[web]", "hosts/m/services.yaml": "[web]", **contents})

    assert dict(wanted.nodes.select("node", "is_monitored").rows()) == {"m": True, "n": False}


def test_a_node_knows_its_roles_its_effort_and_whether_it_says_what_it_asks_for():
    wanted = at(
        {
            "hosts/n/capabilities.yaml": "operational: {availability_target: best-effort}",
            "inventory/topology.yaml": "nodes: {n: {roles: [nas, edge]}, router: , phone: {services: []}}",
        }
    )

    columns = wanted.nodes.select("node", "roles", "is_best_effort", "has_inventory")
    assert columns.rows() == [
        ("n", ["edge", "nas"], True, True),
        ("phone", [], False, True),
        ("router", [], False, False),
    ]


def test_unreadable_capabilities_are_told_and_taken_for_intermittent():
    wanted = at({"hosts/n/services.yaml": "[web]", "hosts/n/capabilities.yaml": "capabilities: ["})

    assert wanted.nodes.select("is_intermittent", "has_readable_capabilities", "is_readable").rows() == [
        (True, False, True)
    ]


def test_an_unreadable_service_file_leaves_its_services_without_those_dependencies():
    wanted = at({"hosts/n/services.yaml": "[web, db]", "services/web/service.yaml": "service: ["})

    assert wanted.services.select("service", "has_readable_dependencies").rows() == [("db", True), ("web", False)]


def test_a_service_has_its_role_its_exposure_and_its_deployment_model():
    wanted = asked(
        "services:\n  web:\n    role: app\n    exposure: public\n    deployment_model: docker-compose\n  db: {role: 5}\n"
    )

    assert wanted.services.select("role", "exposure", "deployment_model").rows() == [
        (None, None, None),
        ("app", "public", "docker-compose"),
    ]


@pytest.mark.parametrize(
    ("path", "text", "is_changed"),
    [
        pytest.param("hosts/n/services.yaml", "services:\n  web: {role: b}\n  db:\n", True, id="its entry"),
        pytest.param(
            "hosts/n/services.yaml", "services:\n  # a word\n  web: {role: a}\n  db: 5\n", False, id="another's"
        ),
        pytest.param("services/web/service.yaml", "service: {ports: [80]}", True, id="its service.yaml"),
        pytest.param("services/db/service.yaml", "service: {ports: [80]}", False, id="another service.yaml"),
    ],
)
def test_the_hash_of_a_service_changes_with_what_the_inventory_says_of_it(path, text, is_changed):
    before = {"hosts/n/services.yaml": "services:\n  web: {role: a}\n  db:\n"}

    def hash_of(wanted):
        return wanted.services.filter(service="web")["desired_hash"].item()

    assert (hash_of(at(before)) != hash_of(at({**before, path: text}))) is is_changed


def test_the_hash_is_of_the_entry_and_the_service_file_as_they_are_read():
    contents = {
        "hosts/n/services.yaml": "services:\n  web: {ports: [80], role: a}\n  db:\n",
        "services/web/service.yaml": "service: {name: web, odd: [1, null]}\n",
    }

    hashes = dict(at(contents).services.select("service", "desired_hash").iter_rows())

    document = {"service": {"name": "web", "odd": [1, None]}}
    assert hashes == {
        "web": hash_canonical([{"ports": [80], "role": "a"}, document]),
        "db": hash_canonical([None, None]),
    }


@pytest.mark.parametrize(
    "contents",
    [
        {"hosts/n/node.yaml": "owner: me"},
        {"hosts/n/capabilities.yaml": "a: 1"},
        {"inventory/topology.yaml": "nodes: {n: {roles: [x]}}"},
    ],
    ids=str,
)
def test_the_hash_of_a_node_changes_with_what_the_inventory_says_of_it(contents):
    before = {"hosts/n/services.yaml": "[web]"}

    assert at(before).nodes["desired_hash"].item() != at({**before, **contents}).nodes["desired_hash"].item()
