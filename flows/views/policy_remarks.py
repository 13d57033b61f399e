"""What is odd about a policy beside its inventory, its executor and its settings (ACTIONS 12.5): warnings, no errors."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from flows.settings import Settings
from flows.sources.policy.findings import Findings, suggest
from flows.sources.policy.matches import literals
from flows.sources.policy.policy_file import ReadPolicy
from flows.sources.policy.rule_faults import place_of
from flows.views.policy_reach import Reach
from schemas.desired import Desired
from schemas.match import Match, is_glob
from schemas.policy import Policy, numbers_of

SHOWN = 5


def remark_on_settings(read: ReadPolicy, settings: Settings, findings: Findings) -> None:
    """Note what the settings make of it: a deadline that no run can meet, no separation of users, a clock for tests."""
    actions = settings.actions
    if not actions.decider_uids or set(actions.decider_uids) & set(actions.executor_uids or actions.decider_uids):
        findings.warn(None, "one user decides, approves and acts: nothing is separated (decider_uids, executor_uids)")
    if actions.clock is not None:
        findings.warn(None, f"the setting actions.clock is on ({actions.clock}): no time is real, it is for tests")
    least, numbers = 2 * settings.serve_interval, actions.numbers()
    if numbers.verify_within < least:
        findings.warn(
            None, f"actions.verify_within ({_s(numbers.verify_within)}) {_too_short(settings.serve_interval)}"
        )
    for rule, node in read.places:
        used = numbers_of(rule, numbers).verify_within
        if used < least and "verify_within" in dict(rule.numbers):
            place = place_of(node, "verify_within")
            findings.warn(place, f"verify_within: {_s(used)} {_too_short(settings.serve_interval)}")


def remark_on_inventory(read: ReadPolicy, desired: Desired, findings: Findings) -> None:
    """Note what is matched by name, and no inventory has."""
    known = _known(desired)
    lines = [(rule.match, node) for rule, node in read.places]
    if isinstance(read.policy, Policy):
        ceilings = zip(read.policy.ceilings, read.ceiling_places, strict=True)
        lines += [(ceiling.match, node) for ceiling, node in ceilings]
        for what, name in _named_nodes(read.policy):
            if name not in known["node"]:
                findings.warn(None, f"{what}: no inventory has the node {name}{suggest(name, known['node'])}")
        for what, name in _named_targets(read.policy):
            if name not in known["target"]:
                findings.warn(None, f"{what}: no inventory has {name}{suggest(name, known['target'])}")
    for match, node in lines:
        for key, name in _strangers(match, known):
            place = place_of(place_of(node, "match"), key)
            findings.warn(place, f"{key}: no inventory has {name}{suggest(name, known[key])}")


def remark_on_executor(read: ReadPolicy, reached: Sequence[Reach], *, is_able: bool, findings: Findings) -> None:
    """Note which targets of automatic rules the executor does not offer."""
    for rule, node in read.places:
        lacking = [reach.target for reach in reached if reach.rule == rule and "executor_line" in reach.missing]
        if lacking and is_able:
            findings.warn(node, f"the executor offers nothing for {_shorten(lacking)}")
    if not is_able and any(reach.rule is not None for reach in reached):
        findings.warn(None, "no executor said within 24 h what it can do: nothing starts until one runs")


def _known(desired: Desired) -> dict[str, set[str]]:
    services = desired.services
    texts = {
        key: {text.lower() for text in services[key].drop_nulls().unique()}
        for key in ("role", "exposure", "deployment_model")
    }
    targets = {f"{node}/{service}" for node, service in services.select("node", "service").iter_rows()}
    nodes = set(desired.nodes["node"])
    return texts | {
        "node": nodes | {"fleet"},
        "service": set(services["service"]) | {"all"},
        "target": targets | {f"{node}/all" for node in nodes} | {"fleet/all"},
        "node_role": {role.lower() for roles in desired.nodes["roles"].to_list() for role in roles or ()},
    }


def _strangers(match: Match, known: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    for key, names in known.items():
        yield from ((key, name) for name in literals(match, key) if name not in names)


def _named_nodes(policy: Policy) -> Iterator[tuple[str, str]]:
    for name, nodes in policy.domains:
        yield from ((f"domains.{name}", node) for node in nodes)
    for entry in policy.failovers:
        yield from ((f"failover of {entry.target}", node) for node in (entry.target.partition("/")[0], *entry.to))


def _named_targets(policy: Policy) -> Iterator[tuple[str, str]]:
    yield from (("failover", entry.target) for entry in policy.failovers)
    yield from (("protected", target) for target in policy.protected if not is_glob(target))
    for group in policy.groups:
        yield from ((f"group {group.name}", target) for target in group.targets if not is_glob(target))


def _too_short(interval: timedelta) -> str:
    return f"is shorter than two runs of 'supervisor serve' (serve_interval {_s(interval)}): no success could be seen"


def _s(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"


def _shorten(names: Iterable[str]) -> str:
    given = list(names)
    more = f" and {len(given) - SHOWN} more" if len(given) > SHOWN else ""
    return ", ".join(given[:SHOWN]) + more
