"""Rows on a terminal: always a table where one fits; columns are shortened, then dropped, as kubectl and gh do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column, and what becomes of it where the terminal is too narrow for all."""

    heading: str
    drop: int = 0
    """The highest is left out first; 0 never is."""
    short: Callable[[str], str] | None = None
    """How a cell is said in fewer letters; tried before anything is left out."""
    cut: int = 0
    """Letters after which a cell may end in an ellipsis, where that spares leaving something out; 0: never."""
    is_number: bool = False


def tabulate(
    console: Console, columns: Sequence[Column | str], rows: Sequence[Sequence[Text]], title: str | None = None
) -> RenderableType:
    """Return the rows under their headings, in as many of the columns as the terminal has room for.

    Where there is no room even for those that are never left out, each row is its first cell with the others below it.
    """
    named = [Column(column) if isinstance(column, str) else column for column in columns]
    fitted = fit(named, rows, console.width)
    if fitted is None:
        heads = [Text(title, style="bold")] if title else []
        return Group(*heads, *(part for row in rows for part in _paragraph(named, row)))
    kept, cells = fitted
    table = Table(
        box=None, padding=(0, GAP, 0, 0), header_style="dim", title=title, title_justify="left", title_style="bold",
        pad_edge=False,
    )  # fmt: skip
    for column in kept:
        table.add_column(column.heading, justify="right" if column.is_number else "left", no_wrap=True)
    for row in cells:
        table.add_row(*row)
    return table


def fit(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int
) -> tuple[list[Column], list[list[Text]]] | None:
    """Return the columns and cells for so many letters; None where the obligatory ones do not fit."""
    table = _Cells(list(columns), [list(row) for row in rows])
    for _ in range(len(columns) * 2 + 1):
        if table.width <= width:
            return table.columns, table.rows
        if not (table.shorten() or table.cut(width) or table.drop()):
            return None
    return None


class _Cells:
    """A table on its way to fewer letters."""

    def __init__(self, columns: list[Column], rows: list[list[Text]]) -> None:
        self.columns = columns
        self.rows = rows

    @property
    def widths(self) -> list[int]:
        return [
            max(len(column.heading), *(row[place].cell_len for row in self.rows), 0)
            for place, column in enumerate(self.columns)
        ]

    @property
    def width(self) -> int:
        return sum(self.widths) + GAP * (len(self.columns) - 1)

    def shorten(self) -> bool:
        """Say the cells of all columns that have a short way in it; return whether there was one."""
        found = [place for place, column in enumerate(self.columns) if column.short is not None]
        for place in found:
            say = self.columns[place].short
            for row in self.rows if say is not None else ():
                row[place] = Text(say(row[place].plain), style=row[place].style)  # type: ignore[misc]
            self.columns[place] = replace(self.columns[place], short=None)
        return bool(found)

    def cut(self, width: int) -> bool:
        """Cut the cells of the columns that may be, the widest first, where that is enough; return whether it is."""
        widths = self.widths
        least = [
            min(max(column.cut, len(column.heading)), wide) if column.cut else wide
            for column, wide in zip(self.columns, widths, strict=True)
        ]
        excess = self.width - width
        if sum(widths) - sum(least) < excess:
            return False
        for _ in range(excess):
            place = max(range(len(widths)), key=lambda place: (widths[place] > least[place], widths[place]))
            widths[place] -= 1
        self.rows = [[_cut(cell, wide) for cell, wide in zip(row, widths, strict=True)] for row in self.rows]
        return True

    def drop(self) -> bool:
        """Leave out the column that is needed least; return whether there was one."""
        place = max(range(len(self.columns)), key=lambda place: self.columns[place].drop)
        if not self.columns[place].drop:
            return False
        self.columns.pop(place)
        for row in self.rows:
            row.pop(place)
        return True


def _cut(cell: Text, width: int) -> Text:
    kept = cell.copy()
    kept.truncate(width, overflow="ellipsis")
    return kept


def _paragraph(columns: Sequence[Column], row: Sequence[Text]) -> Iterator[RenderableType]:
    named = [
        Text.assemble((f"{column.heading} ".lstrip(), "dim"), cell)
        for column, cell in zip(columns[1:], row[1:], strict=True)
        if cell.plain
    ]
    yield Text(row[0].plain, style="bold", overflow="fold")
    yield Padding(Text(", ").join(named), (0, 0, 0, 2))
