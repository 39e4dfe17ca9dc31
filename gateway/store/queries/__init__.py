"""SQL in named files: `sql("ticket_insert")` is the text of `ticket_insert.sql`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import LiteralString, cast


@cache
def sql(name: str) -> LiteralString:
    """Raises FileNotFoundError for a name without a file."""
    text = files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return cast("LiteralString", text)  # the files are part of the program
