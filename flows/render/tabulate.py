"""Rows on a terminal: a table where it fits, a paragraph for each row where it does not."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def tabulate(
    console: Console, headings: Sequence[str], rows: Sequence[Sequence[Text]], title: str | None = None
) -> RenderableType:
    """Return the rows under their headings, or each as its first cell with the others, named, below it."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title=title, title_justify="left", pad_edge=False)
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    unbounded = console.options.update(max_width=10_000)
    if Measurement.get(console, unbounded, table).maximum <= console.width:
        return table
    heads = [Text(title, style="italic")] if title else []
    return Group(*heads, *(part for row in rows for part in _paragraph(headings, row)))


def _paragraph(headings: Sequence[str], row: Sequence[Text]) -> tuple[RenderableType, RenderableType]:
    named = [
        Text.assemble((f"{heading} ".lstrip(), "dim"), cell)
        for heading, cell in zip(headings[1:], row[1:], strict=True)
        if cell.plain
    ]
    return Text(row[0].plain, style="bold", overflow="fold"), Padding(Text(", ").join(named), (0, 0, 0, 2))
