"""YAML without its surprises: one document of text keys, lists and YAML 1.2 scalars, each with its place."""

import re
from typing import Any

import yaml

from flows.errors import SupervisorError
from flows.sources.formats.yaml_tree import Bounds, Fault, Node, TreeBuilder
from flows.sources.names import quote

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]")
LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class YamlFaultError(SupervisorError):
    """A file is not the YAML that is read here; `faults` holds each reason with its place.

    `root` is what was read all the same, for whoever looks for further faults; none where the file ends in the middle.
    """

    def __init__(self, faults: list[Fault], root: Node | None = None) -> None:
        """Keep them in their order."""
        super().__init__("; ".join(f"{fault.line}:{fault.column}: {fault.problem}" for fault in faults))
        self.faults = faults
        self.root = root


def parse_yaml(data: bytes, limits: Bounds, *, with_aliases: bool = False) -> Node | None:
    """Return the one document; none where the file is empty or holds only comments.

    Refused: what is not UTF-8, control characters, tags, keys that are no text or come twice, more than one document,
    and more depth or values than the limits allow; anchors, aliases and merge keys, or with aliases those that come to
    more than ten times the values as written, before anything is written out. Raises `YamlFaultError`, whose texts never
    hold the source line: it could be a secret.
    """
    text = _decode(data)
    builder = TreeBuilder(limits, with_aliases=with_aliases)
    try:
        # The parser gives event after event and does not recurse, so that a limit stops it before it can fall.
        for event in yaml.parse(text, Loader=LOADER):
            builder.take(event)
            if builder.is_stopped:
                break
    except yaml.MarkedYAMLError as error:
        builder.faults.append(_explain(error, text))
    except (yaml.YAMLError, ValueError):
        # The pure Python scanner raises ValueError for an escape beyond Unicode.
        builder.faults.append(Fault(1, 1, "not YAML"))
    if not builder.faults:
        builder.finish()
    if builder.faults:
        # With aliases the tree may be larger than what is allowed: nobody may walk it.
        raise YamlFaultError(builder.faults, None if with_aliases else builder.root)
    return builder.root


def to_plain(node: Node | None) -> Any:
    """Return the values alone: dictionaries, lists and scalars."""
    if node is None:
        return None
    if isinstance(node.value, dict):
        return {key: to_plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [to_plain(item) for item in node.value]
    return node.value


def _decode(data: bytes) -> str:
    """Return the text of UTF-8 without control characters; the byte order mark is dropped."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "UTF-16, not UTF-8" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "not UTF-8"
        before = error.object[: error.start].decode("utf-8", "replace")
        raise YamlFaultError([_place(before, f"{kind}: the byte at offset {error.start} cannot be read")]) from None
    if found := FORBIDDEN.search(text):
        problem = f"the control character {found[0]!a} is not allowed"
        raise YamlFaultError([_place(text[: found.start()], problem)])
    return text


def _place(before: str, problem: str) -> Fault:
    """Return a fault that stands behind the given text."""
    lines = LINE_END.split(before)
    return Fault(len(lines), len(lines[-1]) + 1, problem)


def _explain(error: yaml.MarkedYAMLError, text: str) -> Fault:
    """Return the parser's own problem; the source line that it would print with it is left out."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = LINE_END.split(text)
    if line <= len(lines) and lines[line - 1][:column].lstrip(" ").startswith("\t"):
        return Fault(line, column, "a tab cannot indent; use spaces")
    told = [part for part in (error.problem, error.context) if part]
    return Fault(line, column, quote(" ".join(told) or "not YAML", 200).strip("'\""))
