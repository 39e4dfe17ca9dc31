"""Register readings in a CSV file: read once, checked whole, and laid aside by device so that little is in memory.

Rows go to temporary files, those of one device all to the same one. What is worked on at once is one of these, so
memory is bounded by its size and not by the file's; only the readings of a single device have to fit.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gateway.core.clock import parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Inventory
from gateway.core.model import Float64s, Int32s, Int64s
from gateway.core.quantities import BY_NAME, QUANTITIES
from processors.vee.meters import UNITS

REGISTERS = tuple(quantity.name for quantity in QUANTITIES if quantity.kind == "register")
ROWS_AT_ONCE = 150_000
"""Rows of one temporary file, about: what is in memory at once."""

_NEEDED = ("device_id", "measured_at")
_OPTIONAL = ("received_at", "multiplier", "unit")
_BLOCK = 20_000  # rows read at once
_MOST_FAULTS = 1000
_MOST_TIMES = 200_000  # that are remembered
_MOST_COLUMNS = 100
_ROW_BYTES = 40  # of a row of CSV, about
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Rows of readings, in the order of the file.

    line: int64[n];  device: int32[n];  measured_at, received_at: int64[n] µs UTC;  unit, multiplier: float64[n], NaN
    where nothing is written;  values: float64[n, k] as written;  read: bool[n, k], whether anything is written.
    """

    quantities: tuple[str, ...]
    line: Int64s
    device: Int32s
    measured_at: Int64s
    received_at: Int64s
    unit: Float64s
    multiplier: Float64s
    values: Float64s
    read: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.line)


class Faults:
    """What is wrong with a file: the first thousand by line, and how many there are."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._told: list[tuple[int, str]] = []
        self._more = 0

    def add(self, line: int, text: str) -> None:
        if len(self._told) < _MOST_FAULTS:
            self._told.append((line, text))
        else:
            self._more += 1

    @property
    def lines(self) -> list[str]:
        told = [f"{self.name} line {line}: {text}" for line, text in sorted(self._told)]
        return [*told, f"{self.name}: {self._more} more faults"] if self._more else told


class Partitions:
    """The rows of a file in temporary files of `folder`, rows of one device all in the same."""

    def __init__(self, folder: Path, quantities: tuple[str, ...], many: int) -> None:
        self.quantities = quantities
        self._files = [folder / f"{i}.rows" for i in range(many)]
        self._kind = np.dtype(
            [
                ("line", "i8"), ("device", "i4"), ("measured_at", "i8"), ("received_at", "i8"), ("unit", "f8"),
                ("multiplier", "f8"), ("values", "f8", (len(quantities),)), ("read", "?", (len(quantities),)),
            ]
        )  # fmt: skip
        self.rows = 0

    def open(self, stack: ExitStack) -> list[BinaryIO]:
        return [stack.enter_context(file.open("wb")) for file in self._files]

    def lay_aside(self, rows: Rows, files: Sequence[BinaryIO]) -> None:
        table = np.empty(len(rows), self._kind)
        for name in self._kind.names or ():
            table[name] = getattr(rows, name)
        place = rows.device % len(files)
        order = np.argsort(place, kind="stable")
        ends = np.searchsorted(place[order], np.arange(len(files) + 1))
        for file, low, high in zip(files, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            if high > low:
                file.write(table[order[low:high]].tobytes())
        self.rows += len(rows)

    def __iter__(self) -> Iterator[Rows]:
        for file in self._files:
            table = np.fromfile(file, self._kind)
            if len(table):
                yield Rows(
                    quantities=self.quantities,
                    **{name: np.ascontiguousarray(table[name]) for name in self._kind.names or ()},
                )


def partition(
    file: Path,
    inventory: Inventory,
    folder: Path,
    *,
    received_at: int,
    advance: Callable[[int], None],
) -> Partitions:
    """Read `file` once; `received_at` holds where the file does not say. `advance` is told the bytes read so far.

    Raises:
        InvalidInputError: every fault with its line: columns that are missing or unknown, devices that are not listed,
        times, values, units and multipliers that cannot be read.
    """
    faults = Faults(file.name)
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(file.open("rb"))
            if raw.peek(2).startswith(_GZIP):
                raise InvalidInputError([f"{file.name}: is compressed; decompress it first (gunzip)"])
            text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            reader = csv.reader(text, strict=True)
            header = _header(reader, file.name)
            quantities = tuple(name for name in header if name in REGISTERS)
            many = -(-file.stat().st_size // (_ROW_BYTES * ROWS_AT_ONCE)) or 1
            parts = Partitions(folder, quantities, min(many, 500))
            files = parts.open(stack)
            read = _Reader(header, quantities, inventory, faults, received_at)
            line = 2
            while block := _block(reader, line, faults):
                parts.lay_aside(read.rows(block), files)
                line = block[-1][0] + 1
                advance(raw.tell())
    except OSError as exc:
        raise InvalidInputError([f"{file}: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise InvalidInputError([f"{file.name}: is not UTF-8 ({exc.reason})"]) from exc
    if faults.lines:
        raise InvalidInputError(faults.lines)
    return parts


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    """Titles of the columns; those of quantities that no register counts are taken, and not read."""
    try:
        first = next(reader, None)
    except csv.Error as exc:
        raise InvalidInputError([f"{name} line 1: {exc}"]) from exc
    if first is None:
        raise InvalidInputError([f"{name}: is empty"])
    header = [title.strip() for title in first]
    if len(header) > _MOST_COLUMNS:
        raise InvalidInputError([f"{name} line 1: {len(header)} columns; at most {_MOST_COLUMNS} are taken"])
    known = {*_NEEDED, *_OPTIONAL, *BY_NAME}
    problems = [f"column {title} is missing" for title in _NEEDED if title not in header]
    if not any(title in REGISTERS for title in header):
        problems.append(f"there is no column of a register: {', '.join(REGISTERS)}")
    twice = sorted({title for title in header if title and header.count(title) > 1})
    problems += [f"column {title} stands there twice" for title in twice]
    unknown = [title for title in dict.fromkeys(header) if title and title not in known]
    problems += [f"column {title} is unknown" for title in unknown]
    problems += ["a column has no name"] if "" in header else []
    if problems:
        wanted = ",".join((*_NEEDED, "energy_import"))
        raise InvalidInputError([f"{name} line 1: {'; '.join(problems)}; wanted: {wanted}[,…]"])
    return header


def _block(reader: Iterator[list[str]], line: int, faults: Faults) -> list[tuple[int, list[str]]]:
    """The next rows with their lines."""
    found: list[tuple[int, list[str]]] = []
    try:
        for fields in islice(reader, _BLOCK):
            found.append((line, fields))
            line = reader.line_num + 1  # type: ignore[attr-defined]
    except csv.Error as exc:
        faults.add(line, f"{exc}; nothing is read from here on")
    return found


class _Reader:
    """Turns rows of text into columns; what cannot be read is told, and its row is left out."""

    def __init__(
        self,
        header: Sequence[str],
        quantities: tuple[str, ...],
        inventory: Inventory,
        faults: Faults,
        received_at: int,
    ) -> None:
        self._header, self._quantities, self._faults = header, quantities, faults
        self._received_at = received_at
        self._keys: Mapping[str, int] = {
            name: key for key, name in enumerate(inventory.ids) if inventory.key(name) is not None
        }
        self._times: dict[str, int] = {}

    def rows(self, block: Sequence[tuple[int, list[str]]]) -> Rows:
        width = len(self._header)
        fit = []
        for line, fields in block:
            if len(fields) == width:
                fit.append((line, fields))
            elif any(field.strip() for field in fields):
                self._faults.add(line, f"{len(fields)} fields where the header has {width}")
        lines = [line for line, _ in fit]
        columns = (
            dict(zip(self._header, zip(*(fields for _, fields in fit), strict=True), strict=True))
            if fit
            else {}
        )
        n, k = len(fit), len(self._quantities)
        values, read = np.full((n, k), np.nan), np.zeros((n, k), np.bool_)
        for i, name in enumerate(self._quantities):
            texts = columns.get(name, ())
            read[:, i] = [bool(text.strip()) for text in texts]
            values[:, i] = self._numbers(name, texts, lines)
        received = self._moments(
            "received_at", columns.get("received_at", ("",) * n), lines, self._received_at
        )
        return Rows(
            quantities=self._quantities,
            line=np.array(lines, np.int64),
            device=self._devices(columns.get("device_id", ()), lines),
            measured_at=self._moments("measured_at", columns.get("measured_at", ()), lines, None),
            received_at=received,
            unit=self._units(columns.get("unit", ("",) * n), lines),
            multiplier=self._multipliers(columns.get("multiplier", ("",) * n), lines),
            values=values,
            read=read,
        )

    def _devices(self, texts: Sequence[str], lines: Sequence[int]) -> Int32s:
        keys = np.array([self._keys.get(text.strip(), -1) for text in texts], np.int32)
        for i in np.flatnonzero(keys < 0).tolist():
            name = texts[i].strip()
            self._faults.add(lines[i], f"device_id {name!r} is not listed" if name else "device_id is empty")
        return keys

    def _moments(self, title: str, texts: Sequence[str], lines: Sequence[int], default: int | None) -> Int64s:
        known, found = self._times, np.zeros(len(texts), np.int64)
        if len(known) > _MOST_TIMES:
            known.clear()
        for i, text in enumerate(texts):
            at = known.get(text)
            if at is None:
                bare = text.strip()
                if not bare and default is not None:
                    at = default
                else:
                    try:
                        at = known[text] = parse_time(bare)
                    except ValueError as exc:
                        self._faults.add(lines[i], f"{title}: {exc}" if bare else f"{title} is empty")
                        at = 0
            found[i] = at
        return found

    def _numbers(self, title: str, texts: Sequence[str], lines: Sequence[int]) -> Float64s:
        found = np.full(len(texts), np.nan)
        for i, text in enumerate(texts):
            bare = text.strip()
            if bare:
                try:
                    if "_" in bare:
                        raise ValueError
                    found[i] = float(bare)
                except ValueError:
                    self._faults.add(lines[i], f"{title} {bare!r} is not a number")
        return found

    def _multipliers(self, texts: Sequence[str], lines: Sequence[int]) -> Float64s:
        found = self._numbers("multiplier", texts, lines)
        for i in np.flatnonzero(~((found > 0) & (found <= 1e9)) & ~np.isnan(found)).tolist():
            self._faults.add(lines[i], f"multiplier {texts[i].strip()} is not above 0 and at most 1e9")
        for i in np.flatnonzero(np.isnan(found)).tolist():
            if texts[i].strip().lower() in ("nan", "+nan", "-nan"):
                self._faults.add(lines[i], f"multiplier {texts[i].strip()!r} is not a number")
        return found

    def _units(self, texts: Sequence[str], lines: Sequence[int]) -> Float64s:
        known: dict[str, float] = {"": np.nan}
        found = np.full(len(texts), np.nan)
        for i, text in enumerate(texts):
            if text not in known:
                word = text.strip()
                if word and word.lower() not in UNITS:
                    self._faults.add(
                        lines[i], f"unit {word!r} is not one of kWh, Wh, MWh, kvarh, varh, Mvarh"
                    )
                    continue
                known[text] = UNITS.get(word.lower(), np.nan)
            found[i] = known[text]
        return found
