"""Reading a small strict YAML file of ours: every value where it stands, every fault with its place, all at once."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from flows.errors import SupervisorError
from flows.files.foreign import FileContent, FileFaultError, MissingFileError, read_file
from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml
from flows.sources.formats.yaml_tree import Node
from flows.sources.names import quote
from schemas.limits import Limits
from schemas.policy import FaultSeverity, PolicyFault

Value = TypeVar("Value")


class Findings:
    """The faults of one file, in the order of their finding."""

    def __init__(self, file: str) -> None:
        """Begin without any."""
        self.file = file
        self.faults: list[PolicyFault] = []

    @property
    def has_errors(self) -> bool:
        """Return whether the file cannot be used."""
        return any(fault.severity is FaultSeverity.ERROR for fault in self.faults)

    def has_errors_in(self, node: Node | None) -> bool:
        """Return whether a value, or one of those in it, cannot be used."""
        wrong = {(fault.line, fault.column) for fault in self.faults if fault.severity is FaultSeverity.ERROR}
        return node is not None and any((part.line, part.column) in wrong for part in _walk(node))

    def in_order(self) -> tuple[PolicyFault, ...]:
        """Return them by their places; those about the whole file come first."""
        return tuple(sorted(self.faults, key=lambda fault: (fault.line or 0, fault.column or 0)))

    def error(self, node: Node | None, problem: str) -> None:
        """Note that the file cannot be used, and where."""
        self._add(FaultSeverity.ERROR, node, problem)

    def warn(self, node: Node | None, problem: str) -> None:
        """Note that something is odd, and where."""
        self._add(FaultSeverity.WARNING, node, problem)

    def _add(self, severity: FaultSeverity, node: Node | None, problem: str) -> None:
        line, column = (node.line, node.column) if node else (None, None)
        self.faults.append(PolicyFault(severity, self.file, line, column, problem))

    def mapping(self, node: Node | None, what: str, known: Iterable[str] | None = None) -> dict[str, Node]:
        """Return the items of a mapping, without those of unknown keys, which are faults; of what is none, nothing."""
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.error(node, f"{what}: expected a mapping, found {_name(node)}")
            return {}
        if known is None:
            return node.value
        names = list(known)
        for key in node.value.keys() - set(names):
            self.error(node.value[key], f"unknown key {show(key)}{suggest(key, names)}")
        return {key: item for key, item in node.value.items() if key in names}

    def items(self, node: Node | None, what: str) -> list[Node]:
        """Return the items of a list; a single value is a list of one; an empty list, which would match nothing, a fault."""
        if node is None:
            return []
        if isinstance(node.value, dict) or node.value is None:
            self.error(node, f"{what}: expected a list, found {_name(node)}")
            return []
        if node.value == []:
            self.error(node, f"{what}: the list is empty; leave the key out, or name something")
        return node.value if isinstance(node.value, list) else [node]

    def text(self, node: Node, what: str) -> str | None:
        """Return a text that is not blank."""
        if isinstance(node.value, str) and node.value.strip():
            return node.value.strip()
        self.error(node, f"{what}: expected text, found {_name(node)}")
        return None

    def word(self, node: Node, what: str, known: Iterable[str]) -> str | None:
        """Return one of the known words."""
        names = list(known)
        value = node.value if isinstance(node.value, str) else spell(node.value)
        if value in names:
            return value
        self.error(node, f"{what}: {show(value)} is none of {', '.join(names)}{suggest(value, names)}")
        return None

    def words(self, node: Node | None, what: str, known: Iterable[str]) -> tuple[str, ...]:
        """Return those of a list that are known words."""
        names = list(known)
        found = (self.word(item, what, names) for item in self.items(node, what))
        return tuple(word for word in found if word is not None)

    def read(self, node: Node, what: str, reader: Callable[[object], Value], value: object) -> Value | None:
        """Return what a reader makes of a value; its ValueError is a fault."""
        try:
            return reader(value)
        except ValueError as error:
            self.error(node, f"{what}: {error}")
            return None


def load_tree(path: Path, findings: Findings, trusted: frozenset[int] | None) -> Node | None:
    """Return the document of a file; none where it is absent or empty.

    What cannot be read is noted. `trusted` are the users who may own it besides root; with None, anyone may.
    """
    limits = Limits()
    try:
        content = read_file(path.absolute(), max_bytes=limits.max_inventory_file_bytes)
    except MissingFileError:
        return None
    except FileFaultError as error:
        findings.error(None, error.problem)
        return None
    if trusted is not None:
        _check_trust(path, content, findings, trusted)
    try:
        return parse_yaml(content.data, limits)
    except YamlFaultError as error:
        for line, column, problem in error.faults:
            findings.error(Node(None, line or 1, column or 1), problem)
        return error.root


def _check_trust(path: Path, content: FileContent, findings: Findings, trusted: frozenset[int]) -> None:
    try:
        found = path.lstat()
    except OSError as error:
        findings.error(None, f"cannot be looked at: {error.strerror}")
        return
    if found.st_ino != content.stamp.inode:
        findings.error(None, "changes while it is read; try again")
    if found.st_uid not in {0, *trusted}:
        findings.error(None, f"belongs to user {found.st_uid}, who is not trusted with it; chown it to root")
    if found.st_mode & 0o022:
        findings.error(None, "its group or others can write to it; chmod go-w")


def _walk(node: Node) -> Iterator[Node]:
    yield node
    parts = node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    for part in parts:
        yield from _walk(part)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean cooldown` where a known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}" if close else ""


def show(text: str) -> str:
    """Return a plain word as it is, any other text between quotes, escaped."""
    return text if text.isascii() and text.isprintable() and text and " " not in text else quote(text)


def spell(value: object) -> str:
    """Return a scalar as YAML writes it; a list or a mapping by its name."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def _name(node: Node) -> str:
    return show(spell(node.value)) if not isinstance(node.value, list | dict) else spell(node.value)


class PolicyFileError(SupervisorError):
    """A file of the policy cannot be used; its text is one line for each fault."""

    def __init__(self, faults: Iterable[PolicyFault]) -> None:
        """Keep them."""
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
