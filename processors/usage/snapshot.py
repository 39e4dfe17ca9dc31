"""The detector's state as bytes and back. Devices are written by name: a changed inventory still restores."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from gateway.core.model import Incident, Instruction
from processors.usage.cases import Case
from processors.usage.live import COLUMNS, Live

MAGIC = b"feederline-usage-1\n"


class State(msgspec.Struct, kw_only=True):
    at: int
    ids: list[str]
    live: dict[str, bytes]
    live_touched: list[int]
    touched: list[int]
    waiting: list[Instruction]
    cases: list[Case]
    left: list[Incident]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(State).decode


def save(state: State) -> bytes:
    return MAGIC + _encode(state)


def load(data: bytes) -> State:
    """Raises ValueError for bytes that are not a snapshot of this detector and version."""
    if not data.startswith(MAGIC):
        raise ValueError("not a snapshot of the usage detector, or of another version of it")
    try:
        return _decode(memoryview(data)[len(MAGIC) :])
    except msgspec.DecodeError as exc:
        raise ValueError(f"damaged snapshot of the usage detector: {exc}") from exc


def columns(live: Live) -> dict[str, bytes]:
    """Readings' times of all devices; conditions only of those that show or showed one."""
    shows = np.flatnonzero((live.since > 0).any(axis=1) | (live.seen > 0).any(axis=1))
    rest = {name: getattr(live, name)[shows].tobytes() for name in COLUMNS if name != "last"}
    return {"last": live.last.tobytes(), "shows": shows.astype(np.int64).tobytes(), **rest}


def fill(live: Live, saved: dict[str, bytes], new: npt.NDArray[np.int64]) -> None:
    """Fill fresh columns; new[old key] is the key now, −1 for none. Raises ValueError for columns of other sizes."""
    try:
        old = np.flatnonzero(new >= 0)
        live.last[new[old]] = np.frombuffer(saved["last"], np.int64)[old]
        shows = np.frombuffer(saved["shows"], np.int64)
        there = new[shows] >= 0
        keys = new[shows[there]]
        for name in COLUMNS:
            if name != "last":
                column = getattr(live, name)
                column[keys] = np.frombuffer(saved[name], column.dtype).reshape(-1, column.shape[1])[there]
    except (KeyError, IndexError) as exc:
        raise ValueError(f"damaged snapshot of the usage detector: {exc}") from exc
