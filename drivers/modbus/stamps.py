"""The times of records, in whichever form a meter writes them."""

from __future__ import annotations

import numpy as np

from drivers.load_profile import FIELDS, Form, Stamp
from drivers.modbus.decode import UInt8s
from drivers.profile import Order
from gateway.core.clock import HOUR, SECOND
from gateway.core.model import Bools, Int64s

_CENTURY = 2000
_LAST = {"month": 12, "day": 31, "hour": 23, "minute": 59, "second": 59}


def times(stamp: Stamp, order: Order, raw: UInt8s) -> tuple[Int64s, Bools]:
    """(int64[n] µs UTC, bool[n] whether such a time exists) of the fields uint8[n, 2 * words] of n records.

    order: of a count that says nothing of its own.
    """
    offset = round(stamp.utc_offset_h * HOUR)
    if stamp.form is Form.SECONDS:
        since = int(np.datetime64(f"{stamp.since}-01-01", "s").astype(np.int64))
        places = list((stamp.order or order).permutation(stamp.words))
        count = np.ascontiguousarray(raw[:, places]).view(">u4")[:, 0].astype(np.int64)
        return (since + count) * SECOND - offset, np.ones(len(raw), np.bool_)
    parts, possible = _parts(stamp, raw)
    columns: dict[str, Int64s] = {name: parts[:, i] for i, name in enumerate(stamp.fields)}
    columns.setdefault("second", np.zeros(len(raw), np.int64))
    for name, last in _LAST.items():
        possible &= columns[name] <= last
    possible &= (columns["month"] >= 1) & (columns["day"] >= 1)
    year, month, day, hour, minute, second = (np.where(possible, columns[name], 1) for name in FIELDS)
    year = np.where(year < 100, _CENTURY + year, year)
    possible &= year < 10_000
    months = np.where(possible, year - 1970, 0) * 12 + month - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    days = first + (day - 1)
    possible &= days.astype("datetime64[M]").astype(np.int64) == months  # 30 February is in March
    seconds = days.astype(np.int64) * 86_400 + hour * 3600 + minute * 60 + second
    return seconds * SECOND - offset, possible


def _parts(stamp: Stamp, raw: UInt8s) -> tuple[Int64s, Bools]:
    """(int64[n, fields], bool[n] whether all their digits are digits)."""
    n = len(raw)
    if stamp.form is Form.WORDS:
        return np.ascontiguousarray(raw).view(">u2").astype(np.int64), np.ones(n, np.bool_)
    parts = raw[:, : len(stamp.fields)].astype(np.int64)
    if stamp.form is Form.BYTES:
        return parts, np.ones(n, np.bool_)
    named = [i for i, name in enumerate(stamp.fields) if name in FIELDS]
    high, low = parts >> 4, parts & 0xF
    digits = np.logical_and.reduce(((high <= 9) & (low <= 9))[:, named], axis=1)
    return 10 * high + low, digits
