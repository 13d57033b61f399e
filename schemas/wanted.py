"""What the inventory says to the observer: the services that it asks for, and how to find what runs for each."""

from typing import Annotated

import polars as pl

from schemas.frame import Frame, field
from schemas.look_words import Run, SelectorKind
from schemas.words import ALL


class WantedService(Frame):
    """One service that the inventory asks for on one node."""

    node: str
    service: str
    is_monitored: bool
    run: Annotated[pl.Enum, Run] = field(nullable=True)
    """How it runs, where it is a job."""
    every_s: pl.Float64 = field(nullable=True)
    """How often the job has to complete, in seconds."""
    least_replicas: pl.Int64 = field(nullable=True)
    """How many good containers of a part make the part good; null: all that there are."""

    class Config(Frame.Config):
        """The frame's name in messages, and what makes a row one of its kind."""

        name = "wanted_service"
        unique = ["node", "service"]


class Selector(Frame):
    """One way in which an entry of the inventory names what runs for it."""

    node: str
    service: str
    kind: Annotated[pl.Enum, SelectorKind]
    value: str
    """A container's name, a project, a unit, a probe's address; names in lower case."""
    part: str = field(nullable=True)
    """The Compose service, where only one of the project is meant."""
    expect: str = field(nullable=True)
    """What a probe of HTTP accepts: `200-399`."""
    line: pl.Int32
    """Where `services.yaml` says so, from 1."""

    class Config(Frame.Config):
        """The frame's name in messages."""

        name = "selector"


def usable_name(text: str | pl.Expr) -> pl.Expr:
    """Return a name as a record of the world may bear it, null where none can be made.

    Lower case; whatever is none of `a-z 0-9 . _ -` becomes a dash. At most 63 characters: cut ones would collide.
    """
    named = pl.col(text) if isinstance(text, str) else text
    made = named.str.to_lowercase().str.replace_all(r"[^a-z0-9._-]+", "-").str.strip_chars_start("._-")
    made = made.str.strip_chars_end("-")
    return pl.when(made.str.contains(r"^[a-z0-9][a-z0-9._-]{0,62}$") & (made != ALL)).then(made)
