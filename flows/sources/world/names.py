"""Names as the world writes them: brought to the inventory's spelling, aliases applied, each worked out once."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from flows.sources.names import explain_name, normalize_name, quote
from schemas.limits import Limits
from schemas.words import ALL

Target = tuple[str, ...]
"""A node, or a node and a service."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]*).*", re.DOTALL)
_PORT = re.compile(r":[0-9]+$")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")


class UnusableNameError(Exception):
    """A record's key or fields name nothing; the text says why."""


def dangling_aliases(aliases: Mapping[str, str], known_nodes: Collection[str]) -> dict[str, str]:
    """Return the aliases whose target no inventory names, as they are written: they are reported, not used."""
    known = set(known_nodes)
    return {alias: aliases[alias] for alias in sorted(aliases) if normalize_name(aliases[alias]) not in known}


class WorldNames:
    """Reads names; an alias counts where its target is a known node."""

    def __init__(
        self,
        aliases: Mapping[str, str],
        known_nodes: Collection[str],
        limits: Limits,
        *,
        match_short_names: bool = True,
    ) -> None:
        """Keep the aliases that lead to a known node."""
        dangling = dangling_aliases(aliases, known_nodes)
        pairs = ((alias, target) for alias, target in aliases.items() if alias not in dangling)
        self._aliases = {normalize_name(alias): normalize_name(target) for alias, target in pairs}
        self._known = frozenset(known_nodes)
        self._match_short_names = match_short_names
        self._max_length = limits.max_name_length
        self._max_key_length = limits.max_key_length
        # A batch names the same few targets in every snapshot; a bound keeps a hostile world from filling the memory.
        self.read_node = lru_cache(65_536)(self._read_node)
        self.read_service = lru_cache(65_536)(self._read_service)
        self.read_target = lru_cache(65_536)(self._read_target)
        self.is_cut = lru_cache(65_536)(self._is_cut)

    def is_exact(self, text: str) -> bool:
        """Return whether a node's name is an alias or a known node just so, and was not cut to one."""
        name = normalize_name(text)
        return name in self._aliases or name in self._known

    def _is_cut(self, text: str) -> bool:
        """Return whether a usable node's name was taken for a known node that it is not just so."""
        return not self.is_exact(text) and self.read_node(text) in self._known

    def _read_node(self, text: str) -> str:
        """Return the node's name in the inventory's spelling; raises `UnusableNameError`."""
        name = self._normalized(text)
        if name not in self._aliases and name not in self._known:
            name = self._cut(name)
        return self._checked(self._aliases.get(name, name), "node")

    def _cut(self, name: str) -> str:
        """Return the known name in what an observer writes: an address of the web, a port, a domain around it."""
        scheme = _SCHEME.fullmatch(name)
        left = _PORT.sub("", scheme[1] if scheme else name).removesuffix(".")
        if left in self._aliases or left in self._known or not self._match_short_names or _ADDRESS.fullmatch(left):
            return left
        label = left.partition(".")[0]
        return label if label in self._known else left

    def _read_service(self, text: str) -> str:
        """Return the service's name, without the slash that Docker puts before it; raises `UnusableNameError`."""
        return self._checked(normalize_name(self._normalized(text).lstrip("/")), "service")

    def _read_target(self, key: str) -> Target:
        """Return node and service of `node/service`, split at its first `/`; raises `UnusableNameError`."""
        node, slash, service = key.partition("/")
        if not slash:
            raise UnusableNameError(f"the key {quote(key)} is not '<node>/<service>'")
        return self.read_node(node), self.read_service(service)

    def _normalized(self, text: str) -> str:
        """Return the name in its one spelling; its length is looked at before anything else is done with it."""
        if len(text) > self._max_key_length:
            raise UnusableNameError(
                f"the name {quote(text)} has {len(text)} characters; at most {self._max_key_length} are allowed"
            )
        return normalize_name(text)

    def _checked(self, name: str, what: str) -> str:
        problem = explain_name(name, self._max_length, what)
        if problem is not None:
            raise UnusableNameError(problem)
        return name


def field_text(record: Mapping[str, object], *names: str) -> str:
    """Return the first of the fields that is there; raises `UnusableNameError` where none is, or it is no text."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str):
            return value
        if value is not None:
            break
    raise UnusableNameError(f"no usable '{names[0]}'")


def incident_service(record: Mapping[str, object], names: WorldNames) -> str:
    """Return the incident's service, `all` where it is about its node."""
    service = record.get("service")
    if service is None or (isinstance(service, str) and normalize_name(service) in {"", ALL}):
        return ALL
    return names.read_service(field_text(record, "service"))
