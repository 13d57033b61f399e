"""The rows that an inventory comes to, before they are frames: with the file that each is of."""

from typing import Any, NamedTuple

from flows.sources.inventory.entry_hash import NULL, hash_list

Row = tuple[Any, ...]


class Place(NamedTuple):
    """Where rows come from: the node and the stack that a file is of, and how the rows name the file."""

    node: str
    stack: str | None
    file: str


class NodeRow(NamedTuple):
    """What is known of a node; the hash is made of its documents."""

    node: str
    file: str
    is_readable: bool = True
    is_monitored: bool = True
    connectivity: str | None = None
    is_intermittent: bool = False
    is_best_effort: bool = False
    has_readable_capabilities: bool = True
    has_inventory: bool = False
    roles: tuple[str, ...] = ()
    topology: str = NULL
    capabilities: str = NULL
    document: str = NULL

    def to_row(self) -> Row:
        """Return the columns of `DesiredNode`."""
        return (
            self.node,
            self.is_monitored,
            self.connectivity,
            self.is_intermittent,
            self.is_best_effort,
            self.has_readable_capabilities,
            self.is_readable,
            self.has_inventory,
            self.roles,
            hash_list(self.topology, self.capabilities, self.document),
            self.file,
        )


class UnreadRow(NamedTuple):
    """A row of `Unread`."""

    file: str
    line: int | None
    column: int | None
    problem: str
    node: str | None
    service: str | None
    is_warning: bool

    def __str__(self) -> str:
        """Return `file:line:column: problem`."""
        place = [str(part) for part in (self.file, self.line, self.column) if part is not None]
        return f"{':'.join(place)}: {self.problem}"


def by_place(row: UnreadRow) -> tuple[str, int, int]:
    """Return what rows are put in order by: file, line, column."""
    return row.file, row.line or 0, row.column or 0
