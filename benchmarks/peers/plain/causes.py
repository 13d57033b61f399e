"""What waits for what (SEMANTICS 5): unavailable dependencies, cycles, and the far ends of the chains."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.peers.plain.drift import Case, Drift
from benchmarks.peers.plain.inventory import Need, Target
from benchmarks.peers.plain.world import rank_of

BROKEN = {"missing_service", "unhealthy_service"}
Group = tuple[bool, tuple[Target, ...]]
"""Whether a need is of this node alone, and the instances of which one is enough."""
Instances = dict[str, dict[Target, None]]
"""The targets of each name, in their order."""


@dataclass
class Graph:
    """Who needs whom, and who of them is unavailable."""

    case: Case
    broken: set[Target] = field(default_factory=set)
    """Unavailable, wherever they are needed."""
    misplaced: set[Target] = field(default_factory=set)
    """Unavailable on their own node alone."""
    groups: dict[Target, list[Group]] = field(default_factory=dict)
    needed: dict[Target, list[Target]] = field(default_factory=dict)
    """Every instance that could serve a need of a service, jobs as well."""
    cycle: dict[Target, int] = field(default_factory=dict)
    """The number of the strongly connected component, dependencies first."""
    members: dict[int, list[Target]] = field(default_factory=dict)

    def is_unavailable(self, target: Target, *, is_local: bool) -> bool:
        """Return whether a dependency cannot be had."""
        return target in self.broken or (is_local and target in self.misplaced)


def build_graph(case: Case, drift: list[Drift]) -> Graph:
    """Return what needs what, with the cycles numbered."""
    graph = Graph(case)
    graph.broken = {row.target for row in drift if row.kind in BROKEN}
    graph.misplaced = {row.target for row in drift if row.kind == "misplaced_service"}
    graph.broken |= {target for target in case.desired.services if target[0] in case.offline} - graph.misplaced
    graph.broken |= set(unread_and_broken(case))
    instances: Instances = defaultdict(dict)
    for target in [*case.desired.services, *unread_with_record(case)]:
        instances[target[1]][target] = None
    for target, service in case.desired.services.items():
        groups = [(need, group_of(target, need, instances)) for need in service.needs]
        graph.needed[target] = [other for _, (_, candidates) in groups for other in candidates]
        graph.groups[target] = [group for need, group in groups if group[1] and may_block(case, need, group)]
    number_cycles(graph)
    return graph


def unread_with_record(case: Case) -> Iterator[Target]:
    """Yield what the inventory may ask for and cannot be read, where there is a record of it."""
    yield from (
        target
        for target in case.actual.services
        if target not in case.desired.services and case.desired.may_ask_for(target)
    )


def unread_and_broken(case: Case) -> Iterator[Target]:
    """Yield of these what is not well by its record."""
    for target in unread_with_record(case):
        status = case.actual.services[target].status
        if target[0] in case.offline or rank_of(status, "", case.rules) != "healthy":
            yield target


def group_of(target: Target, need: Need, instances: Instances) -> Group:
    """Return the instances that can serve a need."""
    everywhere, here = instances.get(need.name, {}), (target[0], need.name)
    is_local = need.scope == "local" or (need.scope == "anywhere" and here in everywhere)
    if is_local:
        return is_local, (here,) if here in everywhere else ()
    return is_local, tuple(everywhere)


def may_block(case: Case, need: Need, group: Group) -> bool:
    """Return whether a service may have to wait for a need: not for a job, but where it is for the job's end."""
    return need.waits_for_completion or not any(is_job(case, other) for other in group[1])


def is_job(case: Case, target: Target) -> bool:
    """Return whether a service runs and is done."""
    service = case.desired.services.get(target)
    return service is not None and bool(service.run)


def number_cycles(graph: Graph) -> None:
    """Number the strongly connected components, dependencies first (Tarjan's algorithm, without recursion)."""
    number: dict[Target, int] = {}
    low: dict[Target, int] = {}
    stack: list[Target] = []
    for root in graph.groups:
        path = [] if root in number else [(root, iter(successors(graph, root)))]
        while path:
            vertex, remaining = path[-1]
            if vertex not in number:
                number[vertex] = low[vertex] = len(number)
                stack.append(vertex)
            following = next(remaining, None)
            if following is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[vertex])
                if low[vertex] == number[vertex]:
                    close_cycle(graph, stack, vertex)
            elif following not in number:
                path.append((following, iter(successors(graph, following))))
            elif following not in graph.cycle:
                low[vertex] = min(low[vertex], number[following])


def successors(graph: Graph, target: Target) -> list[Target]:
    """Return every instance that could serve a need of a service."""
    return graph.needed.get(target, [])


def close_cycle(graph: Graph, stack: list[Target], last: Target) -> None:
    """Give the component on top of the stack its number."""
    identity, member = len(graph.members), None
    graph.members[identity] = []
    while member != last:
        member = stack.pop()
        graph.cycle[member] = identity
        graph.members[identity].append(member)


def trace(graph: Graph, disk: set[Target]) -> dict[Target, set[Target]]:
    """Return the far ends that each service waits for, which may be none.

    `disk` are the services that would be redeployed onto a disk without room: their node is one more thing they
    wait for. Of a cycle, what blocks one unavailable member from outside blocks every one.
    """
    causes: dict[Target, set[Target]] = {}
    for identity in sorted(graph.members):
        members = graph.members[identity]
        own = {member: blockers(graph, member, causes) for member in members}
        shared: set[Target] = set()
        if len(members) > 1:
            for member in members:
                is_stranded = member[0] in graph.case.offline
                shared |= {(member[0], "all")} if is_stranded else set()
                if is_stranded or member in graph.broken or member in graph.misplaced:
                    shared |= own[member]
        for member in members:
            causes[member] = own[member] | shared
        for member in members:
            if member in disk:
                causes[member] = causes[member] | {(member[0], "all")}
    return causes


def blockers(graph: Graph, target: Target, causes: dict[Target, set[Target]]) -> set[Target]:
    """Return the ends of the chains that begin with what a service needs, and is not of its own cycle."""
    found: set[Target] = set()
    for is_local, candidates in graph.groups.get(target, []):
        if not all(graph.is_unavailable(other, is_local=is_local) for other in candidates):
            continue
        for other in candidates:
            if graph.cycle.get(other) == graph.cycle[target]:
                continue
            if other[0] in graph.case.offline:
                found.add((other[0], "all"))
            else:
                found |= causes.get(other) or {other}
    return found
