"""Interruption records as a table: `event_id,start,end,customers,kind` and what else was written beside them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND, parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import Bools, Int64s
from processors.interruptions.spells import OPEN

COLUMNS = ("event_id", "start", "end", "customers", "kind")
KINDS = ("fault", "planned")

_USUAL = "0000-00-00T00:00:00Z"
_FIRST = parse_time("0001-01-01T00:00:00Z")  # arrays know a year 0, which parse_time does not
_WHOLE = re.compile(r"[+-]?[0-9]+")
_Column = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Records:
    """One row per restoration step, in columns of n rows.

    event, device: int64 index into `events`, `devices`, which are in code-point order; device −1 where none is named;
    started_at, ended_at: int64 µs, OPEN while still off;  customers: int64;  planned: bool;
    attributes: every other column by name, n texts each.
    """

    event: Int64s
    started_at: Int64s
    ended_at: Int64s
    customers: Int64s
    planned: Bools
    device: Int64s
    events: tuple[str, ...]
    devices: tuple[str, ...]
    attributes: Mapping[str, _Column]

    def __len__(self) -> int:
        return len(self.event)

    def repeated(self) -> int:
        """How many rows that name no device are, to the letter, there already."""
        nameless = np.flatnonzero(self.device < 0)
        numbers = (self.event, self.started_at, self.ended_at, self.customers, self.planned)
        texts = [np.array(column, object)[nameless].tolist() for column in self.attributes.values()]
        return len(nameless) - len(
            set(zip(*(column[nameless].tolist() for column in numbers), *texts, strict=True))
        )


def read_records(data: bytes, name: str, *, served: int | None = None) -> Records:
    """The records in a UTF-8 CSV file's bytes; `name` is how faults call the file.

    `served`, where given, is the most customers that a row may have. Blank rows are passed over.

    Raises:
        InvalidInputError: every fault, in order of lines: `interruptions.csv line 7: …`.
    """
    header, rows, lines, faults = _table(data, name)
    columns: dict[str, _Column] = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {}

    def column(wanted: str) -> _Column:
        return columns.get(wanted, ("",) * len(rows))

    found: list[tuple[int, str]] = [*faults]
    found += [
        (line, "event_id is empty") for line, text in zip(lines, column("event_id"), strict=True) if not text
    ]
    started_at = _times("start", column("start"), lines, found)
    ended_at = _times("end", column("end"), lines, found)
    for i in np.flatnonzero(ended_at < started_at).tolist():
        if started_at[i] != OPEN:
            found.append((lines[i], f"ends at {column('end')[i]}, before its start at {column('start')[i]}"))
    customers = _customers(column("customers"), lines, served, found)
    kinds = column("kind")
    found += [
        (line, f"kind {kind!r} is not one of {', '.join(KINDS)}")
        for line, kind in zip(lines, kinds, strict=True)
        if kind not in KINDS
    ]
    if found:
        found.sort(key=lambda fault: fault[0])
        raise InvalidInputError(f"{name} line {line}: {fault}" for line, fault in found)
    events, event = _codes(column("event_id"))
    devices, device = _codes(column("device"))
    return Records(
        event=event,
        started_at=started_at,
        ended_at=ended_at,
        customers=customers,
        planned=np.array([kind == "planned" for kind in kinds], np.bool_),
        device=device,
        events=events,
        devices=devices,
        attributes={name: column(name) for name in header if name not in {*COLUMNS, "device"}},
    )


def _table(data: bytes, name: str) -> tuple[list[str], list[list[str]], list[int], list[tuple[int, str]]]:
    """Header, rows of stripped fields, their lines, and rows of a wrong length as faults."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise InvalidInputError([f"{name} line {line}: byte {exc.start} is not UTF-8"]) from exc
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise InvalidInputError([f"{name} line {line}: there is a NUL character"])
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [title.strip() for title in next(reader, [])]
    except csv.Error as exc:
        raise InvalidInputError([f"{name} line 1: {exc}"]) from exc
    problems = [f"column {title} is missing" for title in COLUMNS if title not in header]
    problems += [
        f"column {t} stands there twice" for t in sorted({t for t in header if header.count(t) > 1}) if t
    ]
    problems += ["a column has no name"] if "" in header else []
    if problems:
        raise InvalidInputError([f"{name} line 1: {'; '.join(problems)}; wanted: {','.join(COLUMNS)}"])
    rows: list[list[str]] = []
    lines: list[int] = []
    faults: list[tuple[int, str]] = []
    width = len(header)
    line = reader.line_num + 1
    try:
        for fields in reader:
            stripped = [field.strip() for field in fields]
            if len(stripped) == width and any(stripped):
                rows.append(stripped)
                lines.append(line)
            elif any(stripped):
                faults.append((line, f"{len(stripped)} fields where the header has {width}"))
            line = reader.line_num + 1
    except csv.Error as exc:
        faults.append((line, f"{exc}; nothing is read from here on"))
    return header, rows, lines, faults


def _times(title: str, texts: _Column, lines: Sequence[int], faults: list[tuple[int, str]]) -> Int64s:
    """OPEN where there is none, and where there is a fault."""
    times = np.full(len(texts), OPEN, np.int64)
    usual = _usual(texts)
    times[usual] = _seconds(texts, usual)
    for i in np.flatnonzero(times == OPEN).tolist():
        text = texts[i]
        if text or title == "start":
            try:
                times[i] = parse_time(text)
            except ValueError as exc:
                faults.append(
                    (lines[i], f"{title} is empty" if not text else f"{title} {_reason(text, exc)}")
                )
    return times


def _usual(texts: _Column) -> npt.NDArray[np.intp]:
    """Which texts have the form 2026-01-01T00:00:00Z, that arrays of them can be read at once."""
    there = np.flatnonzero(np.fromiter((len(text) == len(_USUAL) for text in texts), np.bool_, len(texts)))
    letters = (
        np.array([texts[i] for i in there.tolist()], f"U{len(_USUAL)}")
        .view(np.uint32)
        .reshape(-1, len(_USUAL))
    )
    model = np.array([_USUAL]).view(np.uint32)
    digit = model == ord("0")
    fits = np.where(digit, (letters >= ord("0")) & (letters <= ord("9")), letters == model)
    return there[fits.all(axis=1)]


def _seconds(texts: _Column, usual: npt.NDArray[np.intp]) -> Int64s:
    """Times of the usual form as µs; all OPEN if one of them is no time, for the slow way to find it."""
    try:
        times = np.array([texts[i][:-1] for i in usual.tolist()], "M8[s]").astype(np.int64) * SECOND
    except ValueError:
        return np.full(len(usual), OPEN, np.int64)
    return np.where(times < _FIRST, OPEN, times)


def _reason(text: str, exc: ValueError) -> str:
    return str(exc) if text in str(exc) else f"{text!r}: {exc}"


def _customers(
    texts: _Column, lines: Sequence[int], served: int | None, faults: list[tuple[int, str]]
) -> Int64s:
    customers = np.zeros(len(texts), np.int64)
    most = 10**9 if served is None else served
    for i, text in enumerate(texts):
        if not _WHOLE.fullmatch(text):
            faults.append(
                (lines[i], f"customers {text!r} is not a whole number" if text else "customers is empty")
            )
        elif text.startswith("-") and text.strip("-0"):
            faults.append((lines[i], f"customers {text} is negative"))
        elif len(text) > 18 or int(text) > most:
            faults.append((lines[i], f"customers {text} is more than the {most} that are served"))
        else:
            customers[i] = int(text)
    return customers


def _codes(texts: _Column) -> tuple[tuple[str, ...], Int64s]:
    """(names in code-point order, index of each row's name, −1 where it is empty)."""
    names = tuple(sorted(set(texts) - {""}))
    index = {name: i for i, name in enumerate(names)}
    index[""] = -1
    return names, np.fromiter((index[text] for text in texts), np.int64, len(texts))
