"""`observe --check`: for each node what works, and what to do about what does not; writes nothing."""

import asyncio
from collections.abc import Iterator

from flows.engines.address import find_local_address, list_local_addresses
from flows.engines.looked import RawLook, SourceLook
from flows.engines.units import SOURCE as SYSTEMD
from flows.observer.looker import NodeLooker
from flows.observer.node_plan import NodePlan
from flows.observer.observer import Observer
from flows.observer.parts import SOURCE as PART
from flows.observer.plan_faults import find_doubles, warn_of_plain
from flows.settings import Settings
from schemas.look_words import ReasonClass
from schemas.spoken import count

ADVICE = {
    ReasonClass.TIMEOUT: "is it on, and is its engine hung? try 'ping', then 'docker -H ADDRESS ps'",
    ReasonClass.REFUSED: "is the engine, or sshd, running there, and on that port?",
    ReasonClass.RESET: "look again; if it stays, read the engine's log",
    ReasonClass.NO_ROUTE: "check its network and its power",
    ReasonClass.DNS: "check the name, or write the address instead",
    ReasonClass.SOCKET: "run 'ssh HOST docker ps' by hand; AllowStreamLocalForwarding of its sshd must not be 'no'",
    ReasonClass.NO_SOCKET: "start the engine, or name its socket with observe.docker in its node.yaml",
    ReasonClass.ENGINE_DOWN: "the host is up: start its engine",
    ReasonClass.PERMISSION: "let this user open the socket, best by a proxy that only looks (docs/observing.md)",
    ReasonClass.AUTH: "check user and key; for a proxy, which paths it allows (docs/observing.md)",
    ReasonClass.HOST_KEY: "compare the host key, and connect once by hand as this user",
    ReasonClass.TLS: "check the files under observe.tls in its node.yaml",
    ReasonClass.PROTOCOL: "check the address: what answers there is no engine",
    ReasonClass.CONFIG: "mend what is said above",
}
"""What to do, by the class of the reason."""
NO_PART = "does 'supervisor observe --part' run on the node, and does what it prints come to where observe.part says?"
ADVICE_OF_SOURCE = {
    (
        SYSTEMD,
        ReasonClass.ENGINE_DOWN,
    ): "try 'systemctl status' there; where it has no systemd, take observe.systemd and its units out",
    (PART, ReasonClass.NO_SOCKET): NO_PART,
    (PART, ReasonClass.TIMEOUT): NO_PART,
    (
        PART,
        ReasonClass.PROTOCOL,
    ): "look at the part: it is what 'supervisor observe --part --node NAME' prints, by this version",
}
"""What to do where what failed is no engine."""


async def check_nodes(settings: Settings) -> tuple[list[str], bool]:
    """Return the lines, and whether everything works; raises `InventoryError`."""
    observer = Observer(settings, lambda _: None)
    plan = observer.read_plan()
    lookers = await observer.refresh_lookers()
    try:
        looks = await asyncio.gather(*(looker.look() for looker in lookers.values()))
    finally:
        await observer.close()
    lines = [line for look in sorted(looks, key=lambda look: look.node) for line in _describe(look)]
    problems = [*plan.problems, *find_doubles(plan)]
    lines += [f"inventory: {problem}" for problem in problems] + warn_of_plain(plan)
    is_fine = not problems and all(source.reason_class is None for look in looks for source in look.sources)
    return lines, is_fine


async def look_here() -> tuple[str, bool]:
    """Return what the engine of this machine says of itself, and whether it answers."""
    text = find_local_address()
    if text is None:
        return f"no socket of an engine; looked for {', '.join(list_local_addresses())}", False
    looker = NodeLooker(NodePlan(node="here", addresses=(text,), is_here=True), (), ())
    try:
        look = await looker.look()
    finally:
        await looker.close()
    source = next(source for source in look.sources if source.source == text)
    if source.reason_class is None:
        return f"{text}: {_what(source)}, {look.took_ms} ms", True
    return f"{text}: {source.reason_class}: {source.reason}; {ADVICE[source.reason_class]}", False


def _describe(look: RawLook) -> Iterator[str]:
    for source in look.sources:
        if source.reason_class is None:
            yield f"{look.node}: ok: {source.source}: {_what(source)}, {look.took_ms} ms"
        else:
            yield f"{look.node}: {source.reason_class}: {source.source}: {source.reason}"
            known = ADVICE_OF_SOURCE.get((source.source, source.reason_class))
            yield f"    {known or ADVICE[source.reason_class]}"


def _what(source: SourceLook) -> str:
    if source.kind:
        skew = f", clock {source.skew_s:+.0f} s" if source.skew_s is not None and abs(source.skew_s) > 5 else ""
        return f"{source.kind} {source.version} (API {source.api}), {count(len(source.containers), 'container')}{skew}"
    if source.units:
        return count(len(source.units), "unit")
    answered = sum(probe.is_ok for probe in source.probes)
    return f"{answered} of {count(len(source.probes), 'probe')} answered" if source.probes else "it answers"
