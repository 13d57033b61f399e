"""What the inventory's readers share: they take one file's tree apart, and collect every fault of it with its place."""

import difflib
from functools import lru_cache

from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml
from flows.sources.formats.yaml_tree import Fault, Node
from flows.sources.names import explain_name, normalize_name, quote
from schemas.limits import Limits

Mapping = dict[str, Node]


class TreeReader:
    """One file's values, and its faults and warnings so far."""

    def __init__(self, limits: Limits) -> None:
        """Begin without a fault."""
        self.limits = limits
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []

    def parse(self, data: bytes) -> Node | None:
        """Return the file's root; none where it holds nothing, or is no YAML, which is then a fault."""
        try:
            return parse_yaml(data, self.limits, with_aliases=True)
        except YamlFaultError as error:
            self.faults += error.faults
            return None

    def fault(self, at: Node, problem: str) -> None:
        """Keep a fault."""
        self.faults.append(Fault(at.line, at.column, problem))

    def warn(self, at: Node, problem: str) -> None:
        """Keep a warning: something that is probably not what was meant, and hides nothing."""
        self.warnings.append(Fault(at.line, at.column, problem))

    def name(self, text: object, at: Node, what: str) -> str | None:
        """Return the normalized name of a `node` or a `service`; none where it is a fault."""
        if not isinstance(text, str):
            hint = "; quote it" if isinstance(text, int | float) else ""
            self.fault(at, f"expected the name of a {what}, found {describe_word(text)}{hint}")
            return None
        problem = explain_name(text, self.limits.max_name_length, what)
        if problem is not None:
            self.fault(at, problem)
            return None
        return normalize_name(text)

    def warn_of_near_misses(self, items: Mapping, known: tuple[str, ...]) -> None:
        """Warn of keys that are not read, and are spelled almost like one that is."""
        for key, node in items.items():
            if key not in known and (meant := suggest(key, known)):
                self.warn(node, f"{quote(key)} is not read; did you mean '{meant}'?")

    def listed_faults(self) -> tuple[Fault, ...]:
        """Return the faults in the order of their places; beyond the limit they are counted, not listed."""
        ordered = sorted(self.faults, key=lambda fault: (fault.line or 0, fault.column or 0))
        limit = self.limits.max_faults_per_file
        rest = [Fault(None, None, f"and {len(ordered) - limit} more faults")] if len(ordered) > limit else []
        return tuple(ordered[:limit] + rest)


@lru_cache(maxsize=4096)
def suggest(key: str, known: tuple[str, ...]) -> str | None:
    """Return the known key that this one nearly is; none where there is no such key."""
    plain = key.strip().lower().replace("-", "_")
    return next(iter(difflib.get_close_matches(plain, known, n=1, cutoff=0.85)), None)


def describe(value: object) -> str:
    """Return what kind of value it is, for a message; never the value, which may be a secret in the wrong place."""
    if value is None:
        return "nothing"
    if isinstance(value, bool | str):
        return "a text" if isinstance(value, str) else "true or false"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "a number"


def describe_word(value: object) -> str:
    """Return what a value is where a word of the inventory's own is expected, which is no secret."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {quote(value)}"
    return f"the number {value}" if isinstance(value, int | float) else describe(value)
