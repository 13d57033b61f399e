"""The first inventory of a node, from what runs there: valid, without a secret, and nominal at once (OBSERVER 8)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from flows.engines.looked import RawLook, SeenContainerRow
from flows.observer.frames import frame_containers, frame_units
from schemas.frame import empty
from schemas.look_words import SelectorKind, WordClass
from schemas.wanted import Selector, WantedService, usable_name
from stages.attribute import attribute_containers
from stages.container_word import word_containers
from stages.unit_word import word_units

QUADLET = "systemd-"
PLAIN = re.compile(r"[a-z][a-z0-9-]*(?:/[a-z0-9-]+)?", re.ASCII)
RESERVED = frozenset({"on", "off", "yes", "no", "true", "false", "null", "y", "n"})


@dataclass(frozen=True)
class Entry:
    """One service of the inventory to be."""

    name: str
    runtime: Mapping[str, str]
    run: str | None = None
    needs: tuple[str, ...] = ()
    why_not: str | None = None
    """Why it is not monitored: it did not run well when this was written."""

    @property
    def advice(self) -> str:
        """Say why it is not monitored, and how it will be."""
        return f"{self.why_not}; take 'monitor: false' out when it should run."

    def lines(self) -> Iterator[str]:
        """Yield the lines of its YAML, two spaces deep."""
        if self.why_not:
            yield f"  # {self.advice}"
        if not (self.runtime or self.run or self.needs or self.why_not):
            yield f"  {quote(self.name)}: {{}}"
            return
        yield f"  {quote(self.name)}:"
        if self.runtime:
            yield f"    runtime: {{{', '.join(f'{key}: {quote(value)}' for key, value in self.runtime.items())}}}"
        if self.run:
            yield f"    run: {self.run}"
        if self.needs:
            yield "    depends_on:"
            yield f"      local: [{', '.join(map(quote, self.needs))}]"
        if self.why_not:
            yield "    monitor: false"


@dataclass
class _Group:
    """The containers of one Compose service, or one that is of none."""

    project: str | None
    service: str | None
    label: str | None = None
    """The name that a label of the containers' own gives them, which wins over any selector."""
    rows: list[SeenContainerRow] = field(default_factory=list)


def quote(text: str) -> str:
    """Return a text as YAML reads it back: plain only where no reader could take it for something else."""
    if PLAIN.fullmatch(text) and text not in RESERVED:
        return text
    return (
        '"'
        + "".join(char if char.isprintable() and char not in '"\\' else f"\\u{ord(char):04x}" for char in text)
        + '"'
    )


def propose_services(
    look: RawLook, units: Iterable[tuple[str, bool]], *, by_project: bool = False
) -> tuple[list[Entry], list[str]]:
    """Return the entries of a node, sorted, and a sentence for each container that has none.

    `units` are systemd's, each with whether a timer starts it. One-offs, swarm's, and what tools look after are left out.
    """
    groups, left_out = _group(look, by_project=by_project)
    words = _word(look)
    named, nameless = _name(groups)
    by_service = {(group.project, group.service): name for name, group in named.items()}
    entries = [_propose(name, group, words, by_service, by_project=by_project) for name, group in named.items()]
    taken = {entry.name for entry in entries}
    entries += [entry for entry in _propose_units(look, units) if entry.name not in taken]
    return sorted(entries, key=lambda entry: entry.name), left_out + nameless


def _group(look: RawLook, *, by_project: bool) -> tuple[list[_Group], list[str]]:
    groups: dict[tuple[str | None, ...], _Group] = {}
    left_out = []
    for source in look.sources:
        for row in source.containers:
            if row.is_oneoff or row.is_ignored:
                continue
            if row.swarm_service:
                left_out.append(f"{row.name}: of a swarm, whose services are not read yet")
                continue
            label = _usable(row.declared_service) if row.declared_service is not None else None
            if row.declared_service is not None and label is None:
                left_out.append(f"{row.name}: no usable name can be made of its label supervisor.service")
                continue
            group = _group_of(row, label, by_project=by_project)
            key = (group.project, group.service, label or (None if group.project else row.name))
            groups.setdefault(key, group).rows.append(row)
    return list(groups.values()), left_out


def _group_of(row: SeenContainerRow, label: str | None, *, by_project: bool) -> _Group:
    """Return the group that a container makes, still empty."""
    if label is not None:
        return _Group(None, None, label)
    if row.project is None or row.compose_service is None:
        return _Group(None, None)
    return _Group(row.project, None if by_project else row.compose_service)


def _name(groups: list[_Group]) -> tuple[dict[str, _Group], list[str]]:
    """Return the groups by name: alone where it is unique, else with the project before it."""
    short = [_usable(_short(group)) for group in groups]
    named: dict[str, _Group] = {}
    nameless = []
    for group, alone in sorted(zip(groups, short, strict=True), key=lambda pair: (str(pair[1]), str(pair[0].project))):
        name = alone if alone and short.count(alone) == 1 else _usable(_long(group))
        if name is None or name in named:
            nameless.append(f"{group.rows[0].name}: no name of its own can be made for it")
        else:
            named[name] = group
    return named, nameless


def _short(group: _Group) -> str:
    return group.label or group.service or group.project or group.rows[0].name.lower().removeprefix(QUADLET)


def _long(group: _Group) -> str:
    return f"{group.project}-{group.service}" if group.project and group.service else group.rows[0].name


def _usable(text: str) -> str | None:
    return pl.select(usable_name(pl.lit(text))).item()  # type: ignore[no-any-return]  # of one cell


def _word(look: RawLook) -> Mapping[str, tuple[str, str]]:
    """Return class and word of each container that counts, by its id."""
    wanted = WantedService.validate(empty(WantedService))
    seen = attribute_containers(frame_containers([look], {}), wanted, Selector.validate(empty(Selector)))
    parts = word_containers(seen, wanted)
    return {row[0]: (row[1], row[2]) for row in parts.select("container_id", "word_class", "word").iter_rows()}


def _propose(
    name: str,
    group: _Group,
    words: Mapping[str, tuple[str, str]],
    by_service: Mapping[tuple[str | None, str | None], str],
    *,
    by_project: bool,
) -> Entry:
    counted = [words[row.container_id] for row in group.rows if row.container_id in words]
    bad = sorted(word for word_class, word in counted if word_class == WordClass.BAD)
    is_job = bool(counted) and all(word == "completed" for _, word in counted)
    found = (by_service.get((group.project, need)) for row in group.rows for need in row.needs)
    needs = sorted({need for need in found if need is not None and need != name})
    if group.label is not None:
        runtime = {}
    elif group.project is None:
        runtime = {"container": group.rows[0].name}
    else:
        runtime = {"project": group.project} | ({} if by_project else {"compose_service": group.service or ""})
    return Entry(
        name=name,
        runtime=runtime,
        run="once" if is_job else None,
        needs=tuple(needs),
        why_not=f"It was '{bad[0]}' when this was written" if bad or not counted else None,
    )


def _propose_units(look: RawLook, units: Iterable[tuple[str, bool]]) -> Iterator[Entry]:
    named = {unit: (_usable(unit.removesuffix(".service")), is_timed) for unit, is_timed in units}
    rows = [
        {"node": look.node, "service": name, "kind": SelectorKind.UNIT, "value": unit, "line": 1}
        for unit, (name, _) in named.items()
        if name
    ]
    selectors = Selector.validate(pl.DataFrame(rows, schema=empty(Selector).schema))
    parts = word_units(frame_units([look], {}), WantedService.validate(empty(WantedService)), selectors)
    for unit, word, word_class in parts.select("slot", "word", "word_class").sort("slot").iter_rows():
        name, is_timed = named[unit]
        run = "scheduled" if is_timed else "once" if word == "completed" else None
        why_not = f"It was '{word}' when this was written" if word_class == WordClass.BAD else None
        yield Entry(name=name or unit, runtime={"unit": unit}, run=run, why_not=why_not)
