"""From files to conclusions: what SEMANTICS and CONTRACT say of an input, derived by hand."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from flows.render.document import to_json
from flows.sources.formats.instants import parse_instant
from schemas.words import Outcome
from tests.helpers.fleet_on_disk import BAD, NOON, OK, UP, WEB, advice_of, ago, drift_of, events_of, reconcile, write

pytestmark = pytest.mark.wide

FIVE = "services: [s1, s2, s3, s4, s5]"


def deployments(*rows):
    """Return `deployments.json` of service `web` on node `a`: status and time of each."""
    records = [{"node": "A", "service": "Web", "status": status, "started_at": time} for status, time in rows]
    return {"world/deployments.json": {f"c{number}": record for number, record in enumerate(records)}}


def incident(**fields):
    record = {"id": "inc-1-a-web", "node": "a", "service": "web", "status": "active", "severity": "warning"}
    return {"world/incidents.json": {"inc-1-a-web": {**record, **fields}}}


@pytest.mark.parametrize(
    "text",
    [
        "services: [web, DB]",
        "services:\n- Web\n- name: db",
        "services: {web: null, db: {}}",
        "services:\n  web:\n  ' DB ':\n    unknown: [1, {a: b}]",
        "- web\n- db",
        "web: {}\ndb: {role: x}",
        "services: {web: {monitor: true}, db: {}, off: {monitor: false}, out: {enabled: false}}",
    ],
)
def test_every_spelling_of_a_service_list_is_read(tmp_path, text):
    report = reconcile(tmp_path, {"a": text}, {"A/Web": {"status": " Healthy "}})

    assert drift_of(report) == ["missing_service a/db error None"]
    assert advice_of(report) == ["redeploy-a-db required error 0"]
    assert report.exit_code == 2


@pytest.mark.parametrize(
    ("hosts", "services", "nodes", "expected"),
    [
        pytest.param(
            WEB,
            {},
            None,
            ["missing_service a/web error observer_suspect", "observer_suspect fleet/all critical None"],
            id="no record at all",
        ),
        pytest.param({"a": "services: {web: {monitor: false}}"}, {}, None, [], id="no record, and nothing monitored"),
        pytest.param(
            {"a": FIVE, "b": "services: [t1, t2, t3]"},
            {f"a/s{number}": OK for number in range(1, 6)},
            None,
            [f"missing_service b/t{number} error node_suspect" for number in (1, 2, 3)]
            + ["node_suspect b/all error None"],
            id="all three of a node",
        ),
        pytest.param(
            {"a": "services: [x]", "b": FIVE},
            {"a/x": OK},
            {"a": UP},
            [f"missing_service b/s{number} error offline_node" for number in range(1, 6)]
            + ["offline_node b/all critical None"],
            id="five of an offline node are not the observer's fault",
        ),
        pytest.param(
            WEB,
            {"web": {"node": "A", "service": "web"}, "a/db": OK},
            None,
            ["unexpected_service a/db info None", "unreadable_observation a/web warning None"],
            id="only the key is unusable",
        ),
        pytest.param(
            WEB,
            '{"a/web": {"status": "ok"}, "a/web": {"status": "bad"}, "x/y": {"status": "ok"}}',
            None,
            ["unexpected_service x/y info None", "unreadable_observation a/web warning None"],
            id="a key that comes twice",
        ),
        pytest.param(WEB, {"a/web": {**OK, "node": "b", "service": "db"}}, None, [], id="the key wins over the fields"),
        pytest.param(
            WEB,
            [{"node": "A", "service": "WEB", "status": "bad"}],
            [{"node": "A", **UP}],
            ["unhealthy_service a/web error None"],
            id="lists of objects",
        ),
        pytest.param(
            WEB,
            {"a/web": OK},
            {"a": "online"},
            ["observer_suspect fleet/all critical None", "unreadable_observation a/all warning observer_suspect"],
            id="a node's record set aside, and there is no other",
        ),
    ],
)
def test_what_the_world_shows_is_this_drift(tmp_path, hosts, services, nodes, expected):
    assert drift_of(reconcile(tmp_path, hosts, services, nodes)) == expected


@pytest.mark.parametrize(
    ("files", "service", "expected", "advice"),
    [
        pytest.param(deployments(("started", ago(minutes=9))), BAD,
                     ["unhealthy_service a/web error deployment_in_flight"], [], id="in flight"),
        pytest.param(deployments(("started", ago(minutes=10))), BAD,
                     ["unhealthy_service a/web error None"], ["redeploy-a-web required error 0"], id="no longer in flight"),
        pytest.param(deployments(("failed", ago(minutes=2)), ("pending", ago(minutes=9))), OK,
                     ["failed_deployment a/web warning deployment_in_flight"], [], id="failed, and in flight"),
        pytest.param(deployments(("completed", ago(minutes=1)), ("failed", ago(hours=1))), OK, [], [], id="failed before"),
        pytest.param(deployments(("failed", ago(hours=1)), ("completed", "junk")), OK,
                     ["failed_deployment a/web warning None"], ["redeploy-a-web recommended warning 0"],
                     id="a success without a time comes first"),
        pytest.param(deployments(("error", ago(minutes=1)), ("failure", ago(hours=99)), ("Failed", ago(hours=98))), OK,
                     ["failed_deployment a/web critical None"], ["diagnostics-a-web blocked critical 0"], id="three in a row"),
        pytest.param(incident(trigger_type="x", severity="Critical"), BAD,
                     ["unhealthy_service a/web error None", "unresolved_incident a/web critical None"],
                     ["redeploy-a-web required critical 0"], id="an incident raises the severity"),
        pytest.param(incident(trigger_type="MQTT_unreachable"), BAD,
                     ["unhealthy_service a/web error None", "unresolved_incident a/web warning None"],
                     ["container-restart-a-web required error 0"], id="an incident asks for a restart"),
        pytest.param(incident(trigger_type="mqtt_unreachable", status="Resolved"), BAD,
                     ["unhealthy_service a/web error None"], ["redeploy-a-web required error 0"], id="a closed incident"),
        pytest.param(incident(service=None), OK,
                     ["unresolved_incident a/all warning None"], ["incident-review-a-all recommended warning 0"],
                     id="an incident of the node"),
        pytest.param(incident(node="elsewhere"), OK, [], [], id="an incident of no node of ours"),
        pytest.param({**incident(), **deployments(("running", ago(minutes=1)))}, BAD,
                     ["unhealthy_service a/web error deployment_in_flight", "unresolved_incident a/web warning None"],
                     ["incident-review-a-web recommended warning 0"], id="a deployment does not hold back an incident"),
    ],
)  # fmt: skip
def test_deployments_and_incidents_mean_this(tmp_path, files, service, expected, advice):
    report = reconcile(tmp_path, WEB, {"a/web": service}, files=files)

    assert drift_of(report) == expected
    assert advice_of(report) == advice


@pytest.mark.parametrize("last_update", [901, 901.5], ids=["an integer", "a float"])
@pytest.mark.parametrize(
    "form", [lambda age: NOON.timestamp() - age, lambda age: ago(seconds=age)], ids=["epoch", "ISO"]
)
def test_a_world_older_than_its_limit_holds_back_everything(tmp_path, last_update, form):
    report = reconcile(
        tmp_path,
        WEB,
        {"a/web": BAD, "x/y": OK},
        {},
        files={"world/runtime-summary.json": {"last_update": form(last_update)}},
    )

    held = {row.split()[0]: row.split()[-1] for row in drift_of(report)}
    assert held.pop("stale_world") == "None"
    assert set(held.values()) == {"stale_world"}
    assert {"unhealthy_service", "unexpected_service", "observer_suspect"} <= set(held)
    assert [row.rsplit(" ", 1)[0] for row in advice_of(report)] == ["observer-review-fleet-all blocked critical"]


@pytest.mark.parametrize(
    ("services", "world", "expected"),
    [
        pytest.param(
            "services:\n  web: {depends_on: [l, r]}\n  l: {depends_on: [base]}\n  r: {depends_on: [base]}\n  base:",
            {"a/web": BAD, "a/l": BAD, "a/r": BAD, "a/base": BAD},
            [*[f"delayed-deployment-a-{name} blocked error 0 a/base" for name in ("l", "r", "web")],
             "redeploy-a-base required error 3"],
            id="a diamond",
        ),
        pytest.param(
            "services:\n  x: {depends_on: [y]}\n  y: {depends_on: [x, z]}\n  z:",
            {"a/x": BAD, "a/y": BAD, "a/z": BAD},
            [*[f"delayed-deployment-a-{name} blocked error 0 a/z" for name in "xy"], "redeploy-a-z required error 2"],
            id="a cycle, and a service behind it",
        ),
        pytest.param(
            "services:\n  web: {depends_on: {external: [db]}}\n  db:\n  z:",
            {"a/web": BAD, "a/db": BAD, "a/z": OK, "b/db": OK},
            ["redeploy-a-db required error 0", "redeploy-a-web required error 0"],
            id="one instance is enough",
        ),
        pytest.param(
            "services:\n  web: {depends_on: {external: [db], local: [db]}}\n  db:",
            {"a/web": BAD, "a/db": BAD, "b/db": OK},
            ["delayed-deployment-a-web blocked error 0 a/db", "redeploy-a-db required error 1"],
            id="needed on this node as well",
        ),
        pytest.param(
            "services:\n  web: {depends_on: {local: [db]}}",
            {"a/web": BAD, "b/db": BAD},
            ["redeploy-a-web required error 0", "redeploy-b-db required error 0"],
            id="a local one is not looked for elsewhere",
        ),
        pytest.param(
            "services:\n  web: {depends_on: [cache, DB]}\n  cache: {monitor: false}",
            {"a/web": BAD, "b/db": BAD},
            ["delayed-deployment-a-web blocked error 0 b/db", "redeploy-b-db required error 1"],
            id="an unmonitored one is available, another one is found on any node",
        ),
    ],
)  # fmt: skip
def test_dependencies_are_blamed(tmp_path, services, world, expected):
    assert advice_of(reconcile(tmp_path, {"a": services, "b": "services: [db]"}, {"b/db": OK, **world})) == expected


def test_an_instance_in_a_cycle_that_is_up_is_enough(tmp_path):
    hosts = {"a": "services: {web: {depends_on: {external: [db]}}}", "b": "services: {db: {depends_on: [web]}}"}
    report = reconcile(tmp_path, {**hosts, "c": "services: [db]"}, {"a/web": BAD, "b/db": OK, "c/db": BAD})

    assert advice_of(report) == ["redeploy-a-web required error 0", "redeploy-c-db required error 0"]


def test_an_unreadable_host_makes_the_run_partial_and_never_0(tmp_path):
    report = reconcile(tmp_path, {"a": "services: [web", "b": "services: [x]"}, {"a/web": BAD, "b/x": OK})

    assert drift_of(report) == []
    assert (report.outcome, report.exit_code) == (Outcome.PARTIAL, 1)


@pytest.mark.parametrize(
    "name", ["nodes.json", "services.json", "deployments.json", "incidents.json", "runtime-summary.json"]
)
@pytest.mark.parametrize("content", ["", '{"a/web": {"sta', "3"], ids=["empty", "cut", "a number"])
def test_an_unreadable_world_file_skips_the_run_and_leaves_no_trace_but_a_note(tmp_path, name, content):
    report = reconcile(tmp_path, WEB, {"a/web": BAD}, files={f"world/{name}": content}, dry_run=False)

    assert report.outcome == Outcome.SKIPPED
    assert name in (report.error or "")
    assert not (tmp_path / "log").exists()
    assert not (tmp_path / "checkpoint").exists()


def test_an_episode_lives_through_suspension_and_ends_once(tmp_path):
    hosts = {"a": "services: [web, db]", "b": "services: []"}
    nodes = {"a": UP, "b": UP}
    runs = [
        ({"a/web": BAD, "a/db": OK}, nodes, hosts),
        ({"a/web": BAD, "a/db": OK}, {"b": UP}, hosts),
        ("{", nodes, hosts),
        ({"a/web": BAD, "a/db": OK}, nodes, {**hosts, "a": "services: [web"}),
        ({"a/web": OK, "a/db": BAD}, {"b": UP}, hosts),
        ({"a/web": OK, "a/db": BAD}, nodes, hosts),
        ({"a/web": OK, "a/db": BAD}, nodes, {**hosts, "a": "services: [web]"}),
    ]
    for number, (services, shown, asked) in enumerate(runs):
        reconcile(tmp_path, asked, services, shown, as_of=NOON + timedelta(minutes=5 * number), dry_run=False)

    assert events_of(tmp_path) == [
        "opened redeploy-a-web",
        "opened failover-review-a-all",
        "resolved failover-review-a-all drift_resolved",
        "resolved redeploy-a-web drift_resolved",
        "opened failover-review-a-all",
        "resolved failover-review-a-all drift_resolved",
        "opened redeploy-a-db",
        "resolved redeploy-a-db removed_from_desired_state",
    ]


def test_another_action_supersedes_the_episode(tmp_path):
    for number, files in enumerate([{}, incident(severity="critical"), incident(trigger_type="mqtt_unreachable")]):
        as_of = NOON + timedelta(minutes=5 * number)
        reconcile(tmp_path, WEB, {"a/web": BAD}, files=files, as_of=as_of, dry_run=False)

    assert events_of(tmp_path) == [
        "opened redeploy-a-web",
        "changed redeploy-a-web",
        "resolved redeploy-a-web superseded",
        "opened container-restart-a-web",
    ]


def test_aliases_come_with_quotes_and_lead_to_a_node(tmp_path):
    aliases = '\'{"Node-2": "A", "node-3": "gone"}\''
    report = reconcile(tmp_path, WEB, {"NODE-2/web": OK, "node-3/x": OK}, {"node-2": UP}, node_alias_map=aliases)

    assert drift_of(report) == ["unexpected_service node-3/x info None"]
    assert "'gone'" in report.notes[0]


@pytest.mark.parametrize("never", [None, "", 0, -1], ids=repr)
def test_a_node_that_was_never_seen_is_judged_by_its_status_alone(tmp_path, never):
    assert drift_of(reconcile(tmp_path, WEB, {"a/web": OK}, {"a": {**UP, "last_seen": never}})) == []


@pytest.mark.parametrize("garbage", ["garbage", True, [], {}, "2026-13-99T00:00:00Z"], ids=repr)
def test_a_doubtful_time_of_a_node_is_drift_and_no_death(tmp_path, garbage):
    assert parse_instant(garbage) is None
    report = reconcile(tmp_path, WEB, {"a/web": OK}, {"a": {**UP, "last_seen": garbage}})

    assert drift_of(report) == ["unreadable_observation a/all warning None"]


@pytest.mark.parametrize(
    "capabilities",
    ["operational: {connectivity: intermittent}", "capabilities: {operational: {connectivity: Intermittent}}"],
)
def test_an_intermittent_node_has_a_longer_grace(tmp_path, capabilities):
    write(tmp_path / "hosts/a/capabilities.yaml", capabilities)
    silences = {minutes: {"a": {**UP, "last_seen": ago(minutes=minutes)}} for minutes in (59, 61)}
    drift = [drift_of(reconcile(tmp_path, WEB, {"a/web": OK}, nodes)) for nodes in silences.values()]

    assert drift == [[], ["offline_node a/all critical None"]]


@pytest.mark.parametrize("year", [1, 1970, 9999])
def test_any_moment_can_be_judged_at(tmp_path, year):
    as_of = datetime(year, 1, 1, tzinfo=UTC) if year < 9999 else datetime.max.replace(tzinfo=UTC)
    summary = {"world/runtime-summary.json": {"last_update": NOON.timestamp()}}

    assert reconcile(tmp_path, WEB, {"a/web": OK}, files=summary, as_of=as_of).outcome is Outcome.COMPLETED


def test_a_moment_in_another_zone_is_the_same_moment(tmp_path):
    paris = NOON.astimezone(timezone(timedelta(hours=2)))
    here, there = (list(to_json(reconcile(tmp_path, WEB, {"a/web": BAD}, as_of=as_of))) for as_of in (NOON, paris))

    assert here == there
