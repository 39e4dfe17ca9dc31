"""Telling intervals and what was found of readings, as they are made: one JSON object, or tables for people."""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TextIO

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from gateway.cli.vee.work import Found
from gateway.core.clock import SECOND
from gateway.core.inventory import Inventory
from gateway.core.meterdata import IntervalEdit, Intervals, IntervalStatus, Rule
from gateway.core.model import Int64s
from processors.vee.editing import covered

_SHOWN = 50


class Outcome:
    """Tells intervals as they are made, and keeps count of them."""

    def __init__(self, inventory: Inventory, edits: Sequence[IntervalEdit]) -> None:
        self._ids = inventory.ids
        self.unused = list(edits)
        self._status: Counter[str] = Counter()
        self._rules: Counter[str] = Counter()
        self._marks: Counter[str] = Counter()
        self._kwh: dict[str, dict[str, float]] = {}
        self._devices: set[int] = set()

    def write(self, found: Iterator[Found], rows: int, out: TextIO) -> None:
        """One JSON object on one line, written as it is made. Rows of which something was found wait in a file."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as aside:
            out.write('{"intervals": [')
            begun = told = False
            for one in found:
                self._count(one)
                for text in self._told(one.intervals):
                    out.write(f", {text}" if begun else text)
                    begun = True
                for text in self._told_rows(one):
                    aside.write(f", {text}" if told else text)
                    told = True
            out.write('], "readings": [')
            aside.seek(0)
            while block := aside.read(1 << 16):
                out.write(block)
            out.write(f'], "summary": {json.dumps(self.summary(rows), allow_nan=False)}}}\n')

    def show(self, found: Iterator[Found], rows: int) -> None:
        """A table of what there is, and of the first intervals that are not simply valid."""
        table = Table(
            "Device", "Start", "Quantity", "Raw", "Value", "Status", "Rules", title="Not simply valid"
        )
        table.box = box.SIMPLE  # leaves the words more room
        for column in table.columns:
            column.overflow = "fold"  # narrow terminals break figures and words, and lose none
        table.columns[1].no_wrap = True
        table.columns[-1].min_width = 13
        shown = 0
        for one in found:
            self._count(one)
            intervals = one.intervals
            for i in np.flatnonzero(
                (intervals.status != IntervalStatus.VALID) | (intervals.rules != 0)
            ).tolist():
                if shown == _SHOWN:
                    break
                shown += 1
                table.add_row(
                    self._ids[intervals.device[i]],
                    _times(intervals.start[i : i + 1])[0],
                    intervals.quantity,
                    _figure(intervals.raw[i]),
                    _figure(intervals.value[i]),
                    IntervalStatus(int(intervals.status[i])).word,
                    ", ".join(Rule(int(intervals.rules[i])).words),
                )
        console = Console()
        if shown:
            console.print(table)
        summary = self.summary(rows)
        counts = ", ".join(
            f"{self._status[status.word]:,} {status.word}" for status in reversed(IntervalStatus)
        )
        console.print(f"{rows:,} rows of {summary['devices']} devices: {counts} intervals.", highlight=False)
        for name, many in self._rules.most_common():
            console.print(f"  {name}: {many:,}", highlight=False)

    def summary(self, rows: int) -> dict[str, object]:
        return {
            "rows": rows,
            "devices": len(self._devices),
            "intervals": self._status.total(),
            **{status.word: self._status[status.word] for status in reversed(IntervalStatus)},
            "rules": dict(sorted(self._rules.items())),
            "readings": dict(sorted(self._marks.items())),
            "energy": {
                quantity: {word: round(total, 6) for word, total in sorted(by.items())}
                for quantity, by in sorted(self._kwh.items())
            },
            "edits_without_intervals": len(self.unused),
        }

    def _count(self, one: Found) -> None:
        intervals = one.intervals
        self._devices.update(np.unique(one.rows.device).tolist())
        energy = self._kwh.setdefault(intervals.quantity, defaultdict(float))
        for status in IntervalStatus:
            mine = intervals.status == status
            self._status[status.word] += int(mine.sum())
            if status is not IntervalStatus.MISSING:
                energy[status.word] += float(np.nansum(intervals.value[mine]))
        _tally(self._rules, intervals.rules)
        _tally(self._marks, one.marks)
        self.unused = [
            edit
            for edit in self.unused
            if edit.quantity != intervals.quantity or not covered(intervals, edit)
        ]

    def _told(self, intervals: Intervals) -> Iterator[str]:
        words = _Words()
        status = {int(one): one.word for one in IntervalStatus}
        for device, start, end, raw, value, stands, rules in zip(
            intervals.device.tolist(),
            _times(intervals.start),
            _times(intervals.end),
            intervals.raw.tolist(),
            intervals.value.tolist(),
            intervals.status.tolist(),
            intervals.rules.tolist(),
            strict=True,
        ):
            yield (
                f'{{"device": {words.name(self._ids[device])}, "start": "{start}", "end": "{end}", '
                f'"quantity": "{intervals.quantity}", "raw": {_number(raw)}, "value": {_number(value)}, '
                f'"status": "{status[stands]}", "rules": {words.rules(rules)}}}'
            )

    def _told_rows(self, one: Found) -> Iterator[str]:
        words = _Words()
        for i in np.flatnonzero(one.marks).tolist():
            yield (
                f'{{"line": {one.line[i]}, "device": {words.name(self._ids[one.rows.device[i]])}, '
                f'"at": "{_times(one.rows.measured_at[i : i + 1])[0]}", "quantity": "{one.rows.quantity}", '
                f'"rules": {words.rules(int(one.marks[i]))}}}'
            )


class _Words:
    """Names and rules as JSON, each made once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._rules: dict[int, str] = {}

    def name(self, text: str) -> str:
        if text not in self._names:
            self._names[text] = json.dumps(text)
        return self._names[text]

    def rules(self, flags: int) -> str:
        if flags not in self._rules:
            self._rules[flags] = json.dumps(Rule(flags).words)
        return self._rules[flags]


def _tally(counter: Counter[str], flags: Int64s) -> None:
    kinds, many = np.unique(flags, return_counts=True)
    for kind, count in zip(kinds.tolist(), many.tolist(), strict=True):
        for word in Rule(kind).words:
            counter[word] += count


def _times(at: Int64s) -> list[str]:
    """ISO 8601 in UTC; of whole seconds without a fraction."""
    if (at % SECOND == 0).all():
        texts = np.datetime_as_string((at // SECOND).astype("M8[s]"))
    else:
        texts = np.datetime_as_string(at.astype("M8[us]"))
    return [f"{text}Z" for text in texts.tolist()]


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else "null"


def _figure(value: float) -> str:
    return f"{value:,.3f}" if math.isfinite(value) else "–"
