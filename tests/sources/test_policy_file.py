"""`policy.yaml` is read as a whole, strictly, with every fault in its place."""

from datetime import timedelta

import pytest

from flows.sources.policy.policy_file import read_policy
from schemas.match import Comparison
from schemas.numbers import Automation, Numbers
from schemas.policy import DEFAULT_PROTECTED, BrokenPolicy, Failover, FaultSeverity, Group, Need, Policy, numbers_of
from schemas.verb import Mode, Verb

SPEC = """\
version: 1
zone: Europe/Berlin                     # of windows; default UTC
windows:
  night: {days: [mon-fri], from: "01:00", to: "05:00"}
  friday: {days: [fri], from: "22:00", to: "06:00"}        # over midnight: belongs to Friday
  holidays: {dates: ["2026-12-20", "2027-01-06"]}          # both days included
freeze: [holidays]                      # denies everywhere
domains: {rack: [saturn, vps]}          # at most one open attempt in each; a node in none is its own
groups: {etcd: {targets: ["*/etcd"], min_available: majority}}     # or a count
failover: {"piha/zigbee2mqtt": {to: [saturn], singleton: true}}
protected: ["*/control-plane"]
ceilings:
  - {match: {node: ["chelsty-*"]}, mode: approve, reason: "LTE site: a person decides"}
rules:
  - id: brokers
    match: {action: [container_restart, redeploy], service: [mosquitto, "*-broker"], severity: "<=error", blast_radius: "<=5"}
    mode: auto
    ladder: [restart, restart, redeploy, diagnostics]
    when: {allow: [night, friday]}
    needs: [no_open_incident]
  - {id: rest, match: {}, mode: suggest}
"""


DEFAULTS = Numbers()


def read(tmp_path, text, *, trusted=None, numbers=DEFAULTS):
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    return read_policy(file, numbers, trusted)


def told(found, severity=FaultSeverity.ERROR):
    return [str(fault)[str(fault).index("policy.yaml") :] for fault in found.faults if fault.severity is severity]


def test_a_policy_is_read_as_it_is_written(tmp_path):
    found = read(tmp_path, SPEC)

    assert found.faults == ()
    policy = found.policy
    assert isinstance(policy, Policy)
    brokers, rest = policy.rules
    assert (brokers.rule_id, brokers.mode, brokers.needs) == ("brokers", Mode.AUTO, (Need.NO_OPEN_INCIDENT,))
    assert brokers.ladder == (Verb.RESTART, Verb.RESTART, Verb.REDEPLOY, Verb.DIAGNOSTICS)
    assert brokers.match.get("service") == ("mosquitto", "*-broker")
    assert brokers.match.get("severity") == (Comparison("<=", 2),)
    assert brokers.match.get("blast_radius") == (Comparison("<=", 5),)
    assert rest.match.keys == ()
    schedule = policy.schedule_of(brokers)
    assert [window.zone for window in (*schedule.allow, *schedule.deny)] == ["Europe/Berlin"] * 3
    assert policy.domains_of("vps") == policy.domains_of("saturn") != policy.domains_of("piha")
    assert policy.groups == (Group(name="etcd", targets=("*/etcd",)),)
    assert policy.failover_of("piha/zigbee2mqtt") == Failover(target="piha/zigbee2mqtt", to=("saturn",), singleton=True)
    assert policy.ceilings[0].reason == "LTE site: a person decides"


def test_a_file_that_is_not_there_is_a_policy_without_rules(tmp_path):
    found = read_policy(tmp_path / "policy.yaml", Numbers(), frozenset())

    assert isinstance(found.policy, Policy)
    assert (found.policy.rules, found.policy.protected, found.faults) == ((), DEFAULT_PROTECTED, ())


def test_a_rule_has_numbers_of_its_own(tmp_path):
    policy = read(tmp_path, "rules: [{id: a, match: {}, mode: auto, cooldown: 2h, act_after_worlds: 5}]\n").policy

    assert isinstance(policy, Policy)
    used = numbers_of(policy.rules[0], Numbers(settle=timedelta(seconds=7)))
    assert (used.cooldown, used.act_after_worlds, used.settle) == (timedelta(hours=2), 5, timedelta(seconds=7))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("rules:\n  - id: a\n    match: {}\n    mode: auto\n    coldown: 1h\n", "policy.yaml:5:5 unknown key coldown; did you mean cooldown", id="misspelt"),
        pytest.param("rules:\n  - {match: {}, mode: auto}\n", "policy.yaml:2:5 a rule without an id; give it a short name that explanations can use", id="no id"),
        pytest.param("rules:\n  - {id: a, match: {node: x}, mode: auto}\n  - {id: a, match: {}, mode: auto}\n", "policy.yaml:3:6 the id a comes twice; each rule has its own", id="twice"),
        pytest.param('rules: [{id: a, match: {service: "db-[0-9]"}, mode: auto}]\n', "policy.yaml:1:25 service: db-[0-9] is no glob; it holds the letters of a name, '*' and '?'", id="glob"),
        pytest.param("zone: Europe/Berlinn\n", "policy.yaml:1:1 zone: 'Europe/Berlinn' is no time zone such as UTC or Europe/Berlin", id="zone"),
        pytest.param("windows: {night: {from: 9pm}}\n", "policy.yaml:1:19 window night: from: expected a time of day in quotes, from '00:00' to '23:59', found '9pm'", id="window"),
        pytest.param("windows: {night: {day: [mon]}}\n", "policy.yaml:1:19 window night: day: unknown key; did you mean days; a window has days, from, to, dates, zone", id="key of a window"),
        pytest.param("windows: {night: {}}\nfreeze: [nihgt]\n", "policy.yaml:2:10 freeze: no window is named nihgt; did you mean night", id="no such window"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, when: {allow: [day]}}]\n", "policy.yaml:1:55 allow: no window is named day", id="no such window of a rule"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, cooldown: soon}]\n", "policy.yaml:1:40 cooldown: expected a duration such as 90s, 15m or 24h, found soon", id="duration"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, approvals: 0}]\n", "policy.yaml:1:40 approvals: expected a whole number from 1 on, found 0", id="count"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, approvals: true}]\n", "policy.yaml:1:40 approvals: expected a whole number from 1 on, found true", id="a truth for a count"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, cooldown: true}]\n", "policy.yaml:1:40 cooldown: expected a duration such as 90s, 15m or 24h, found true", id="a truth for a duration"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, act_after: 9999999d}]\n", "policy.yaml:1:40 act_after: expected a duration such as 90s, 15m or 24h, found 9999999d", id="a duration that no calendar holds"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, timeout: 0s}]\n", "policy.yaml:1:40 timeout: expected a duration such as 90s, 15m or 24h, found 0s", id="a time-out of nothing"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, class: dangerous}]\n", "policy.yaml:1:28 mode: what is dangerous is never automatic; write approve", id="dangerous"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, ladder: [failover]}]\n", "policy.yaml:1:28 mode: failover is dangerous, and never automatic; write approve", id="failover"),
        pytest.param("rules: [{id: a, match: {action: disk_cleanup}, mode: auto, ladder: [cleanup, restart]}]\n", "policy.yaml:1:78 ladder: restart fits none of the actions that this rule can match", id="fits nothing"),
        pytest.param("rules: [{id: a, match: {drift_kind: failed_deployment}, mode: auto, ladder: [restart]}]\n", "policy.yaml:1:78 ladder: restart cures none of the kinds of drift that this rule can match", id="cures nothing"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, verify_within: 80s}]\n", "policy.yaml:1:40 verify_within: 80 s leave no time to recover; settle and confirm_span alone take 90 s", id="no time"),
        pytest.param("rules:\n- id: a\n  match:\n    # service: db\n  mode: auto\n", "policy.yaml:3:3 match: expected a mapping, found null; write 'match: {}' for all", id="nothing left of a match"),
        pytest.param("rules: []\nceilings: [{match: null, mode: approve}]\n", "policy.yaml:2:13 match: expected a mapping, found null; write 'match: {}' for all", id="nothing left of a ceiling's"),
        pytest.param("rules: [{id: a, match: {}, mode: auto, when: null}]\n", "policy.yaml:1:40 when: expected a mapping, found null; leave the key out for any time", id="nothing left of when"),
        pytest.param("rules:\n- id: a\n  match: {}\n  mode: auto\n  when:\n    allow:\n      # - night\n", "policy.yaml:6:5 allow: expected a list, found null", id="nothing left of allow"),
        pytest.param("rules: [{id: a, match: {}, mode: automatic}]\n", "policy.yaml:1:28 mode: automatic is none of observe, suggest, approve, auto; did you mean auto", id="mode"),
        pytest.param("rules: [{id: a, match: {severity: '>=bad'}, mode: auto}]\n", "policy.yaml:1:25 severity: bad is none of info, warning, error, critical", id="comparison"),
        pytest.param("rules: &r [{id: a, match: {}, mode: auto}]\n", "policy.yaml:1:8 anchors are not read; remove the '&' and its name", id="anchor"),
        pytest.param("zone: UTC\nzone: UTC\n", "policy.yaml:2:1 the key 'zone' comes twice, first in line 1; remove one", id="duplicate"),
        pytest.param("version: 2\n", "policy.yaml:1:1 version: expected 1, found 2", id="version"),
        pytest.param("version: '1'\n", "policy.yaml:1:1 version: expected 1, found '1'", id="version as text"),
        pytest.param("- a\n", "policy.yaml:1:1 a policy: expected a mapping, found a list", id="a list"),
        pytest.param('rules:\n  - {id: A, match: {service: "*"}, mode: auto}\n  - {id: B, match: {service: "db-*"}, mode: observe}\n', "policy.yaml:3:5 the rule B never decides, covered by A in line 2, whose mode auto is higher; move it up", id="believed to be protected"),
    ],
)  # fmt: skip
def test_each_fault_is_told_with_its_place(tmp_path, text, expected):
    found = read(tmp_path, text)

    assert expected in told(found)
    assert isinstance(found.policy, BrokenPolicy)


def test_all_faults_are_told_at_once_in_order(tmp_path):
    found = read(tmp_path, "zone: X\nversion: 3\nzone: Y\nrules: [{id: a, match: {nod: x}, mod: auto}]\n")

    assert [line.partition(" ")[0] for line in told(found)] == [
        "policy.yaml:1:1",
        "policy.yaml:2:1",
        "policy.yaml:3:1",
        "policy.yaml:4:9",
        "policy.yaml:4:25",
        "policy.yaml:4:34",
    ]


def test_a_rule_that_never_decides_is_odd_where_nobody_is_misled(tmp_path):
    found = read(tmp_path, "rules:\n- {id: a, match: {}, mode: suggest}\n- {id: b, match: {node: x}, mode: auto}\n")

    assert isinstance(found.policy, Policy)
    assert told(found) == []
    assert told(found, FaultSeverity.WARNING) == [
        "policy.yaml:3:3 the rule b never decides, covered by a in line 2; move it up, or remove it"
    ]


def test_a_list_of_nothing_restricts_nothing(tmp_path):
    rules = "rules: [{id: a, match: {}, mode: auto, ladder: [], needs: [], when: {allow: [], deny: []}}]"
    empty = read(tmp_path, f"{rules}\nfreeze: []\nceilings: []\n")

    assert empty.faults == ()
    assert empty.policy == read(tmp_path, "rules: [{id: a, match: {}, mode: auto}]\n").policy


def test_a_line_that_cannot_be_read_covers_nothing(tmp_path):
    found = read(tmp_path, "rules:\n- {id: a, match: {nod: x}, mode: auto}\n- {id: b, match: {}, mode: observe}\n")

    assert told(found) == ["policy.yaml:2:19 unknown key nod; did you mean node"]


def test_the_narrow_rule_above_the_wide_one_is_well(tmp_path):
    text = 'rules:\n- {id: B, match: {service: "db-*"}, mode: observe}\n- {id: A, match: {service: "*"}, mode: auto}\n'

    assert read(tmp_path, text).faults == ()


def test_a_file_that_others_can_write_to_is_not_trusted(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(SPEC)
    file.chmod(0o664)

    assert told(read_policy(file, Numbers(), frozenset({0}))) == [
        "policy.yaml: its group or others can write to it; chmod go-w"
    ]
    assert isinstance(read_policy(file, Numbers(), None).policy, Policy)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "real.yaml").write_text(SPEC)
    (tmp_path / "policy.yaml").symlink_to(tmp_path / "real.yaml")

    assert isinstance(read_policy(tmp_path / "policy.yaml", Numbers(), None).policy, BrokenPolicy)


def test_the_fingerprint_is_of_what_is_said_and_of_the_numbers(tmp_path):
    first = read(tmp_path, SPEC).policy.fingerprint
    moved = read(
        tmp_path, "# a remark\nprotected: ['*/control-plane']\n" + SPEC.replace('protected: ["*/control-plane"]\n', "")
    ).policy.fingerprint
    changed = read(tmp_path, SPEC.replace("01:00", "01:01")).policy.fingerprint
    numbers = read(tmp_path, SPEC, numbers=Numbers(automation=Automation.AUTO)).policy.fingerprint

    assert first == moved
    assert len({first, changed, numbers}) == 3
