"""The detector's state as bytes and back. Devices are written by name: a changed inventory still restores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from gateway.core.model import Instruction
from processors.quality.conditions import COLUMNS, INITIAL
from processors.quality.stories import Story

if TYPE_CHECKING:
    from processors.quality.detector import QualityDetector

MAGIC = b"feederline-quality-2\n"


class _State(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    judged: int
    length: int
    ids: list[str]
    columns: dict[str, list[tuple[bytes | None, bytes]]]  # which rows (None: all), values
    stories: list[Story]
    muted: list[tuple[int, str]]
    out_of_frequency: dict[str, int]
    instructions: list[Instruction]
    again: list[str]
    absences: dict[str, int]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


def _by_column(column: npt.NDArray[np.generic]) -> list[npt.NDArray[np.generic]]:
    return [column] if column.ndim == 1 else list(column.T)


def _packed(column: npt.NDArray[np.generic], name: str) -> list[tuple[bytes | None, bytes]]:
    """Most rows of most columns are as they were at first: then only the others are written, with their numbers."""
    found: list[tuple[bytes | None, bytes]] = []
    for part in _by_column(column):
        at_first = INITIAL.get(name, 0)
        same = np.isnan(part.astype(np.float64)) if math.isnan(at_first) else part == at_first
        rows = np.flatnonzero(~same)
        if 4 * len(rows) < len(part):
            found.append((rows.tobytes(), part[rows].tobytes()))
        else:
            found.append((None, part.tobytes()))
    return found


def save(detector: QualityDetector) -> bytes:
    windows, book = detector.windows, detector.book
    state = _State(
        at=detector.at,
        judged=detector.judged,
        length=windows.length,
        ids=list(detector.inventory.ids),
        columns={name: _packed(getattr(windows, name), name) for name in COLUMNS},
        stories=[book.stories[place] for place in sorted(book.stories)],
        muted=sorted(book.muted),
        out_of_frequency=book.frequencies.runs,
        instructions=detector.instructions,
        again=sorted(detector.again),
        absences=windows.absences,
    )
    return MAGIC + _encode(state)


def load(data: bytes, detector: QualityDetector) -> None:
    """Fill a fresh detector. Raises ValueError: not a snapshot of this detector and version."""
    if not data.startswith(MAGIC):
        raise ValueError("not a snapshot of the quality detector, or of another version of it")
    try:
        state = _decode(memoryview(data)[len(MAGIC) :])
    except msgspec.DecodeError as exc:
        raise ValueError(f"damaged snapshot of the quality detector: {exc}") from exc
    windows, book, inventory = detector.windows, detector.book, detector.inventory
    rows = {name: row for row, name in enumerate(inventory.ids)}
    new = np.array([rows.get(name, -1) for name in state.ids], np.int64)
    for name, (dtype, _) in COLUMNS.items():
        parts = _by_column(getattr(windows, name))
        for part, (which, values) in zip(parts, state.columns[name], strict=True):
            at = np.arange(len(new)) if which is None else np.frombuffer(which, np.int64)
            known = new[at] >= 0
            part[new[at[known]]] = np.frombuffer(values, dtype)[known]
    detector.at = state.at
    detector.judged = state.judged
    if state.length != windows.length:  # windows of another length go on as windows of none
        detector.judged = -1
        windows.drop()
    for story in state.stories:
        story.members = [int(new[key]) for key in story.members if new[key] >= 0]
        book.stories[story.place] = story
    book.muted = set(state.muted)
    book.frequencies.runs = dict(state.out_of_frequency)
    detector.instructions = list(state.instructions)
    detector.again = set(state.again)
    windows.absences = dict(state.absences)
