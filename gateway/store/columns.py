"""Whole columns between the database and NumPy: one array per column out, binary COPY of fixed-width rows in.

A row of a result set costs the client microseconds, an element of an array next to nothing; so queries for columns give
one row of `array_agg`s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql as compose

from gateway.core.errors import NotStorableError
from gateway.core.model import Int64s
from gateway.store.readings import HEADER, TRAILER

Column: TypeAlias = npt.NDArray[np.int16] | npt.NDArray[np.int32] | Int64s | npt.NDArray[np.float64]

EPOCH = 946_684_800_000_000
"""2000-01-01 in µs since 1970; PostgreSQL's binary formats count from there."""
_EARLIEST, _LATEST = -210_866_803_200_000_000, 9_223_371_331_200_000_000
_ARRAY_HEADER = 20  # dimensions, whether there are nulls, type, length and lower bound of the one dimension
_ROWS_PER_PIECE = 16_384


def stamps(times: Int64s) -> Int64s:
    """µs since 1970 as the binary format of timestamptz has them. Raises NotStorableError for times it cannot hold."""
    if len(times) and (times.min() < _EARLIEST or times.max() > _LATEST):
        raise NotStorableError("times outside the years that a timestamp can hold")
    return times - EPOCH


async def fetch(
    conn: psycopg.AsyncConnection,
    query: compose.Composed | compose.SQL,
    given: Mapping[str, object],
    types: Sequence[str],
) -> list[npt.NDArray[np.generic]]:
    """The columns of a query that gives one row of arrays without nulls in them.

    types: of each array's elements: "i2", "i4", "i8", "f8", or "t8" for timestamptz (int64 µs since 1970). An array
    that is null is an empty one.
    """
    async with conn.cursor(binary=True) as cur:
        await cur.execute(query, given)
        result = cur.pgresult
        if result is None or result.ntuples != 1:
            raise psycopg.InterfaceError("a query for columns gave no single row")
        return [_column(result.get_value(0, i), of) for i, of in enumerate(types)]


def _column(data: bytes | None, of: str) -> npt.NDArray[np.generic]:
    kind = "i8" if of == "t8" else of
    if data is None or len(data) < _ARRAY_HEADER:
        return np.empty(0, kind)
    cells = np.frombuffer(data, np.dtype([("length", ">i4"), ("value", f">{kind}")]), offset=_ARRAY_HEADER)
    column = cells["value"].astype(kind)
    return column + EPOCH if of == "t8" else column


async def copy_in(
    conn: psycopg.AsyncConnection, query: compose.Composed | compose.SQL, columns: Sequence[Column]
) -> None:
    """Rows into a COPY … FROM STDIN (FORMAT binary), one value of each column, none of them null; times as `stamps`."""
    fields: list[tuple[str, str]] = [("columns", ">i2")]
    for i, column in enumerate(columns):
        fields += [(f"length_{i}", ">i4"), (f"value_{i}", column.dtype.newbyteorder(">").str)]
    layout = np.dtype(fields)
    n = len(columns[0])
    async with conn.cursor() as cur, cur.copy(query) as out:
        await out.write(HEADER)
        for start in range(0, n, _ROWS_PER_PIECE):
            part = slice(start, min(start + _ROWS_PER_PIECE, n))
            table = np.empty(part.stop - start, layout)
            table["columns"] = len(columns)
            for i, column in enumerate(columns):
                table[f"length_{i}"] = column.dtype.itemsize
                table[f"value_{i}"] = column[part]
            await out.write(table.view(np.uint8).data)
        await out.write(TRAILER)
