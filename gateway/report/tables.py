"""Tables that page and CSV files share: columns with a key, a heading and a kind, rows of plain values."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal, TypeAlias

from gateway.core.clock import format_time
from gateway.report import figures
from gateway.report.words import Words

Value: TypeAlias = str | int | float | bool | None
Kind: TypeAlias = Literal[
    "text",  # as it is
    "term",  # a name of the model, said in the language on the page
    "count",
    "minutes",  # bad: rounded up
    "left",  # good: cut
    "good",  # a share, cut
    "bad",  # a share, rounded up
    "rate",  # a plain index, rounded up
    "plain",  # a number that is neither good nor bad
    "length",  # µs on the page, seconds in the file
    "time",
    "day",
    "flag",
]

NUMBERS = frozenset({"count", "minutes", "left", "good", "bad", "rate", "plain", "length"})
_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Column:
    """`key` heads it in the CSV file, `heading` on the page; `digits` on the page only."""

    key: str
    heading: str
    kind: Kind = "count"
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Table:
    """`name` is that of its file; each row has a value for each column. `empty`: what the page says without rows."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    note: str = ""
    empty: str = ""

    def column(self, key: str) -> list[Value]:
        at = [column.key for column in self.columns].index(key)
        return [row[at] for row in self.rows]

    def only(self, *keys: str, rows: Sequence[Sequence[Value]] | None = None, title: str = "") -> Table:
        """Some columns for the page, and other rows or another order of them."""
        at = [[column.key for column in self.columns].index(key) for key in keys]
        return Table(
            self.name,
            title or self.title,
            [self.columns[i] for i in at],
            [[row[i] for i in at] for row in (self.rows if rows is None else rows)],
            self.note,
            self.empty,
        )


def shown(value: Value, column: Column, words: Words, zone: tzinfo) -> str:
    """As the page has it."""
    if value is None:
        return figures.NONE
    if isinstance(value, str):
        return words.term(value) if column.kind == "term" else value
    if column.kind == "flag":
        return words("yes") if value else words("no")
    if column.kind in ("time", "day"):
        return (figures.moment if column.kind == "time" else figures.day)(int(value), zone)
    return _figure(value, column)


def _figure(value: float, column: Column) -> str:
    if column.kind == "good":
        return figures.percent(value, column.digits)
    if column.kind == "bad":
        return figures.percent_at_most(value, column.digits)
    if column.kind in ("minutes", "rate"):
        return figures.up(value, column.digits)
    if column.kind == "left":
        return figures.down(value, column.digits)
    if column.kind == "length":
        return figures.length(int(value))
    return f"{value:,.{column.digits}f}" if column.kind == "plain" else figures.count(value)


def csv_of(table: Table) -> bytes:
    """UTF-8, comma, CRLF, a header. Numbers as exact as they are known, times as ISO 8601 in UTC.

    Text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([column.key for column in table.columns])
    writer.writerows(
        [_cell(value, column) for value, column in zip(row, table.columns, strict=True)] for row in table.rows
    )
    return out.getvalue().encode("utf-8", "replace")


def dictionary(tables: Sequence[Table], words: Words) -> Table:
    """What each column of each file is."""
    columns = [
        Column("file", words("File"), "text"),
        Column("column", words("Column"), "text"),
        Column("kind", words("Kind"), "text"),
        Column("heading", words("Heading in the report"), "text"),
        Column("table", words("Table"), "text"),
    ]
    rows = [(f"{t.name}.csv", c.key, _KINDS[c.kind], c.heading, t.title) for t in tables for c in t.columns]
    return Table("columns", words("Columns"), columns, rows)


_KINDS: dict[Kind, str] = {
    "text": "text",
    "term": "word",
    "count": "number",
    "minutes": "minutes",
    "left": "number",
    "good": "share",
    "bad": "share",
    "rate": "number",
    "plain": "number",
    "length": "seconds",
    "time": "time UTC",
    "day": "time UTC",
    "flag": "true or false",
}


def _cell(value: Value, column: Column) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value.replace("\x00", "\ufffd")
        begins = text.lstrip()
        blank = text[: len(text) - len(begins)]
        return f"'{text}" if begins.startswith(_FORMULA) or set("\t\r") & set(blank) else text
    if isinstance(value, bool):
        return "true" if value else "false"
    if column.kind in ("time", "day"):
        return format_time(int(value))
    return repr(value / 1e6) if column.kind == "length" else repr(value)
