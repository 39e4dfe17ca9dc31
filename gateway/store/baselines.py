"""What is usual of each customer, a row of fixed width each: in by binary COPY, out as one block of bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from psycopg import sql as compose

from gateway.core.model import Int32s
from gateway.store.book import Book
from gateway.store.columns import copy_in
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import when

Float32s = npt.NDArray[np.float32]

_AT_ONCE = 50_000  # customers
_ARRAY_HEADER = 20


class KeptBaselines(NamedTuple):
    """device, number: int32[n];  state: float32[n, width]."""

    device: Int32s
    number: Int32s
    state: Float32s


class BaselineTable(Book):
    async def put_baselines(
        self, device: Int32s, number: Int32s, state: Float32s, *, version: int, at: int
    ) -> None:
        """Take over what is usual of these customers, in the place of what stood: number int32[n], state
        float32[n, width]. Some tens of thousands are one transaction; what was interrupted is put again."""
        keys = self._devices().column(device)
        block = np.ascontiguousarray(state, "<f4")
        rows = block.view(f"V{4 * block.shape[1]}").ravel()
        given = {"version": version, "at": when(at)}
        with boundary("writing baselines"):
            for first in range(0, len(keys), _AT_ONCE):
                part = slice(first, first + _AT_ONCE)
                async with self._pool.connection() as conn, conn.transaction():
                    await conn.execute(sql("usage_baseline_staging"))
                    columns = (keys[part], number[part].astype(np.int32), rows[part])
                    await copy_in(conn, compose.SQL(sql("usage_baseline_copy")), columns)
                    await conn.execute(sql("usage_baseline_put"), given)
                    await conn.execute(sql("usage_baseline_staging_drop"))

    async def baselines(self, devices: Int32s, *, version: int, width: int) -> KeptBaselines:
        """What is kept of these customers under this version and width, rising by device; others are left out."""
        known = self._devices()
        keys = known.column(devices)
        found: list[KeptBaselines] = []
        with boundary("reading baselines"):
            for first in range(0, len(keys), _AT_ONCE):
                given = {
                    "devices": keys[first : first + _AT_ONCE].tolist(),
                    "version": version,
                    "bytes": 4 * width,
                }
                async with self._pool.connection() as conn, conn.cursor(binary=True) as cur:
                    await cur.execute(sql("usage_baseline_columns"), given)
                    result = cur.pgresult
                    block = None if result is None else result.get_value(0, 2)
                    if result is None or block is None:
                        continue
                    device, number = (_integers(result.get_value(0, i)) for i in (0, 1))
                    state = np.frombuffer(block, "<f4").reshape(-1, width).astype(np.float32)
                    found.append(KeptBaselines(known.local_column(device), number, state))
        if not found:
            return KeptBaselines(
                np.empty(0, np.int32), np.empty(0, np.int32), np.empty((0, width), np.float32)
            )
        device, number, state = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.argsort(device, kind="stable")
        return KeptBaselines(device[order], number[order], state[order])


def _integers(data: bytes | None) -> Int32s:
    cells = np.frombuffer(data or b"", np.dtype([("length", ">i4"), ("value", ">i4")]), offset=_ARRAY_HEADER)
    return cells["value"].astype(np.int32)
