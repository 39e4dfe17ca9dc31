"""SQL in named files: `sql("ticket_insert")` is the text of `ticket_insert.sql`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import LiteralString


@cache
def sql(name: str) -> LiteralString:
    """Raises FileNotFoundError for a name without a file."""
    return read(files(__name__).joinpath(f"{name}.sql"))


def read(file: Traversable) -> LiteralString:
    """Text of a file that is part of the program, and as good as written in it."""
    text: LiteralString = file.read_text(encoding="utf-8")
    return text
