"""Entries to bytes and back, for the spool: a small msgpack header, then the columns as they lie in memory."""

from __future__ import annotations

import sys

import msgspec
import numpy as np

from gateway.core.model import (
    Batch,
    DeadLetter,
    Drill,
    Entry,
    Event,
    Instruction,
    MeterEvent,
    PlannedOutage,
    RejectedValue,
    Signal,
    Suspicion,
    Tick,
)


class _Header(msgspec.Struct, frozen=True, array_like=True):
    rows: int
    quantities: tuple[str, ...]
    source: str
    rejected: tuple[RejectedValue, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(_Header).decode
_records: dict[bytes, type[Signal | DeadLetter | Tick | PlannedOutage | Instruction | Drill | Suspicion]] = {
    b"S": Signal,
    b"D": DeadLetter,
    b"T": Tick,
    b"P": PlannedOutage,
    b"I": Instruction,
    b"E": Drill,
    b"U": Suspicion,
}
_decoders = {tag: msgspec.msgpack.Decoder(kind) for tag, kind in _records.items()}
_tags = {kind: tag for tag, kind in _records.items()}

if sys.byteorder != "little":  # pragma: no cover - the columns are written as they lie in memory
    raise ImportError("the spool's format is little-endian")


def encode(entry: Entry) -> bytes:
    """One entry as bytes; `decode` is its inverse, NaN and empty batches included."""
    if not isinstance(entry, Batch):
        return _tags[type(entry)] + _encode(entry)
    header = _encode(_Header(len(entry), entry.quantities, entry.source, entry.rejected))
    return b"".join(
        (
            b"B",
            len(header).to_bytes(4, "little"),
            header,
            entry.device.tobytes(),
            entry.measured_at.tobytes(),
            entry.received_at.tobytes(),
            entry.quality.tobytes(),
            entry.values.tobytes(),
        )
    )


def encode_event(event: Event | MeterEvent) -> bytes:
    """A conclusion as bytes, for keeping what could not be stored; never read back by the gateway."""
    return _encode(event)


def decode(data: bytes) -> Entry:
    """Raises ValueError (msgspec's own errors are such) for bytes that `encode` did not make."""
    tag = data[:1]
    if tag != b"B":
        try:
            return _decoders[tag].decode(memoryview(data)[1:])
        except KeyError:
            raise ValueError(f"unknown tag {tag!r}") from None
    start = 5 + int.from_bytes(data[1:5], "little")
    header = _decode_header(memoryview(data)[5:start])
    n, k = header.rows, len(header.quantities)
    if len(data) != start + n * (4 + 8 + 8 + 2 + 8 * k):
        raise ValueError(f"a batch of {n} rows and {k} quantities does not have {len(data)} bytes")
    marks = np.cumsum([start, 4 * n, 8 * n, 8 * n, 2 * n]).tolist()
    return Batch(
        quantities=header.quantities,
        device=np.frombuffer(data, np.int32, n, marks[0]),
        measured_at=np.frombuffer(data, np.int64, n, marks[1]),
        received_at=np.frombuffer(data, np.int64, n, marks[2]),
        quality=np.frombuffer(data, np.uint16, n, marks[3]),
        values=np.frombuffer(data, np.float64, n * k, marks[4]).reshape(n, k),
        source=header.source,
        rejected=header.rejected,
    )
