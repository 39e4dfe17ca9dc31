"""Readings into the database: rows gathered into columns, columns into PostgreSQL's binary COPY format.

Everything is an array operation over all rows of a commit; nothing loops per row or per value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql as compose

from gateway.core.errors import NotStorableError
from gateway.core.model import Batch, Bools, Float64s, Int32s, Int64s
from gateway.core.quantities import INDEX
from gateway.store.queries import sql

KEYS = ("device_key", "measured_at", "received_at", "quality")
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_POSTGRES_EPOCH = 946_684_800_000_000  # 2000-01-01 in µs since 1970; the binary format counts from there
_EARLIEST, _LATEST = -210_866_803_200_000_000, 9_223_371_331_200_000_000  # what a timestamptz can hold
_ROWS_PER_PIECE = 8192


class Rows(NamedTuple):
    """Rows of readings under the database's device keys.

    quantities: k names;  device: int32[n];  measured_at, received_at: int64[n];  quality: int32[n];
    values: float64[n, k].
    """

    quantities: tuple[str, ...]
    device: Int32s
    measured_at: Int64s
    received_at: Int64s
    quality: Int32s
    values: Float64s


class Stored(NamedTuple):
    """What became of rows: new ones, ones that filled gaps of a row that was there, ones that said nothing new."""

    inserted: int = 0
    merged: int = 0
    duplicates: int = 0


def gather(batches: Sequence[Batch], keys: Int32s) -> Rows:
    """All batches as one set of rows over the union of their quantities.

    `keys[i]` is the database's key of local device i.

    Raises:
        NotStorableError: a device or a time that the database has no room for.
    """
    names = tuple(sorted({name for batch in batches for name in batch.quantities}, key=INDEX.__getitem__))
    device = np.concatenate([b.device for b in batches])
    measured_at = np.concatenate([b.measured_at for b in batches])
    received_at = np.concatenate([b.received_at for b in batches])
    if len(device) and (device.min() < 0 or device.max() >= len(keys)):
        raise NotStorableError(f"readings of devices outside the inventory's {len(keys)} keys")
    for times in (measured_at, received_at):
        if len(times) and (times.min() < _EARLIEST or times.max() > _LATEST):
            raise NotStorableError("readings with times outside the years that a timestamp can hold")
    if all(b.quantities == names for b in batches):
        values = np.concatenate([b.values for b in batches])
    else:
        values = np.full((len(device), len(names)), np.nan)
        column = {name: j for j, name in enumerate(names)}
        start = 0
        for b in batches:
            values[start : start + len(b), [column[name] for name in b.quantities]] = b.values
            start += len(b)
    quality = np.concatenate([b.quality for b in batches]).astype(np.int32)
    return Rows(names, keys[device], measured_at, received_at, quality, values)


def unite(rows: Rows) -> tuple[Rows, Stored]:
    """Rows of the same device and time become one; where both carry a value the first stays.

    Returns the rows in order of first arrival, and how many rows went into others (`merged`) or said nothing new.
    """
    if not _doubles(rows):
        return rows, Stored()
    order = np.lexsort((rows.measured_at, rows.device))  # stable: arrival order within equals
    device, at = rows.device[order], rows.measured_at[order]
    first = np.flatnonzero(np.concatenate([[True], (device[1:] != device[:-1]) | (at[1:] != at[:-1])]))
    n = len(order)
    given = np.zeros(n, np.bool_)
    given[first] = True
    values = np.full((len(first), len(rows.quantities)), np.nan)
    place = np.arange(n)
    for j in range(len(rows.quantities)):
        column = rows.values[order, j]
        giver = np.minimum.reduceat(np.where(np.isnan(column), n, place), first)
        found = giver < n
        values[found, j] = column[giver[found]]
        given[giver[found]] = True
    quality = np.bitwise_or.reduceat(rows.quality[order], first)
    arrival = np.argsort(order[first], kind="stable")
    keep = order[first][arrival]
    united = Rows(
        rows.quantities,
        rows.device[keep],
        rows.measured_at[keep],
        rows.received_at[keep],
        quality[arrival],
        values[arrival],
    )
    merged = int(given.sum()) - len(first)
    return united, Stored(0, merged, n - len(first) - merged)


def _doubles(rows: Rows) -> bool:
    """May any two rows share device and time? Equal pairs have equal mixes; unequal ones almost never."""
    with np.errstate(over="ignore"):
        mix = rows.measured_at.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + rows.device.astype(np.uint64)
    mix.sort()
    return bool((mix[1:] == mix[:-1]).any())


def encode(rows: Rows) -> Iterator[memoryview]:
    """The rows in binary COPY format, piece by piece, without header and trailer. NaN becomes null."""
    for start in range(0, len(rows.device), _ROWS_PER_PIECE):
        part = slice(start, start + _ROWS_PER_PIECE)
        yield _piece(
            Rows(
                rows.quantities,
                rows.device[part],
                rows.measured_at[part],
                rows.received_at[part],
                rows.quality[part],
                rows.values[part],
            )
        )


def _layout(k: int) -> np.dtype[np.void]:
    """One row of k values, none of them null: a count of columns, then length and content of each."""
    fields: list[tuple[str, str] | tuple[str, object, tuple[int]]] = [
        ("columns", ">i2"),
        ("device_length", ">i4"),
        ("device", ">i4"),
        ("measured_length", ">i4"),
        ("measured_at", ">i8"),
        ("received_length", ">i4"),
        ("received_at", ">i8"),
        ("quality_length", ">i4"),
        ("quality", ">i4"),
        ("values", np.dtype([("length", ">i4"), ("value", ">f8")]), (k,)),
    ]
    return np.dtype(fields)


def _piece(rows: Rows) -> memoryview:
    n, k = rows.values.shape
    table = np.empty(n, _layout(k))
    table["columns"] = len(KEYS) + k
    table["device_length"] = table["quality_length"] = 4
    table["measured_length"] = table["received_length"] = 8
    table["device"] = rows.device
    table["measured_at"] = rows.measured_at - _POSTGRES_EPOCH
    table["received_at"] = rows.received_at - _POSTGRES_EPOCH
    table["quality"] = rows.quality
    null: Bools = np.isnan(rows.values)
    cells = table["values"]
    cells["value"] = rows.values
    if not null.any():
        cells["length"] = 8
        return table.view(np.uint8).data
    cells["length"] = np.where(null, -1, 8)
    # A null has no content: its eight bytes go. All fields are whole 16-bit words, so the mask is over those.
    words: npt.NDArray[np.uint16] = table.view(np.uint16).reshape(n, -1)
    keep = np.ones(words.shape, np.bool_)
    keep[:, -6 * k :].reshape(n, k, 6)[:, :, 2:] = ~null[:, :, None]
    return words[keep].view(np.uint8).data


async def copy(conn: psycopg.AsyncConnection, rows: Rows) -> Stored:
    """Write the rows within the caller's transaction, whatever of them is there already.

    The fast path is a COPY into the table itself. A row that is there already takes all of them through a staging
    table: what is new is inserted, gaps of existing rows are filled, and nothing stored is ever overwritten.
    """
    rows, within = unite(rows)
    n = len(rows.device)
    if n == 0:
        return within
    try:
        async with conn.transaction():
            await _copy_into(conn, "reading", rows)
        return Stored(n, within.merged, within.duplicates)
    except psycopg.errors.UniqueViolation:
        pass
    await conn.execute(sql("reading_staging"))
    await _copy_into(conn, "reading_staging", rows)
    inserted = (await conn.execute(_statement("reading_insert", rows.quantities))).rowcount
    merged = 0
    if inserted < n and rows.quantities:
        merged = (await conn.execute(_statement("reading_fill", rows.quantities))).rowcount
    await conn.execute(sql("reading_staging_drop"))
    if inserted == merged == 0:
        return Stored(0, 0, n + within.merged + within.duplicates)  # all of it was there, parts included
    return Stored(inserted, within.merged + merged, within.duplicates + n - inserted - merged)


async def _copy_into(conn: psycopg.AsyncConnection, table: str, rows: Rows) -> None:
    statement = compose.SQL(sql("reading_copy")).format(
        table=compose.Identifier(table), columns=_columns(rows.quantities)
    )
    async with conn.cursor() as cur, cur.copy(statement) as out:
        await out.write(HEADER)
        for piece in encode(rows):
            await out.write(piece)
        await out.write(TRAILER)


def _columns(quantities: Sequence[str]) -> compose.Composed:
    return compose.SQL(", ").join(map(compose.Identifier, (*KEYS, *quantities)))


def _statement(name: str, quantities: Sequence[str]) -> compose.Composed:
    """A statement over the columns of just these quantities, which are names of the one list."""
    each = [compose.Identifier(q) for q in quantities]
    fill = compose.SQL("{0} = coalesce(reading.{0}, excluded.{0})")
    lacks = compose.SQL("(reading.{0} is null and excluded.{0} is not null)")
    return compose.SQL(sql(name)).format(
        columns=_columns(quantities),
        fill=compose.SQL(", ").join(fill.format(q) for q in each),
        lacks=compose.SQL(" or ").join(lacks.format(q) for q in each),
    )
