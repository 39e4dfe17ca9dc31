"""What the judgement of customers and the energy balance of transformer areas tell each other, in columns.

Devices are integer keys of `core.inventory.Inventory`, areas are network indices of transformers, times are µs UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gateway.core.model import Float64s, Int32s, Int64s, Reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drops:
    """Customers whose use has fallen and stayed low, as the judgement of customers finds them.

    customer: int32[n];  kwh_per_day: float64[n], positive, by how much it is lower;  since: int64[n] µs UTC.
    """

    customer: Int32s
    kwh_per_day: Float64s
    since: Int64s

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaEvidence:
    """What the energy balance says of customers: one row for each of whom it says something.

    device: int32[n] device keys, rising, each once;  area: int32[n] network index of its transformer;
    since: int64[n] µs UTC, −1 where it cannot be told;  rules: k names;  weights: float64[n, k], what each rule adds
    to the log-odds, 0 where it says nothing, negative where it speaks for the customer;  figures: name -> float64[n],
    NaN where there is none;  sentences: rule -> its sentence with the figures' names in braces.
    """

    device: Int32s
    area: Int32s
    since: Int64s
    rules: tuple[str, ...]
    weights: Float64s
    figures: Mapping[str, Float64s]
    sentences: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.device)

    @property
    def weight(self) -> Float64s:
        """float64[n]: what all rules together add to the log-odds of each."""
        total: Float64s = self.weights.sum(axis=1)
        return total

    def row_of(self, devices: Int32s) -> Int32s:
        """int32[len(devices)]: the row of each, −1 where the balance says nothing of it."""
        if not len(self):
            return np.full(len(devices), -1, np.int32)
        place = np.minimum(np.searchsorted(self.device, devices), len(self) - 1)
        return np.where(self.device[place] == devices, place, -1).astype(np.int32)

    def reasons(self, device: int) -> tuple[Reason, ...]:
        """What is said of one customer, strongest first; empty for one of whom nothing is said."""
        row = int(self.row_of(np.array([device], np.int32))[0])
        if row < 0:
            return ()
        told = {name: float(column[row]) for name, column in self.figures.items()}
        told = {name: value for name, value in told.items() if not np.isnan(value)}
        found = [
            Reason(
                rule=rule,
                weight=float(self.weights[row, j]),
                words=self.sentences[rule].format_map(_Known(told)),
                figures=told,
            )
            for j, rule in enumerate(self.rules)
            if self.weights[row, j]
        ]
        return tuple(sorted(found, key=lambda reason: -abs(reason.weight)))

    @staticmethod
    def nothing(rules: tuple[str, ...] = ()) -> AreaEvidence:
        return AreaEvidence(
            device=np.empty(0, np.int32),
            area=np.empty(0, np.int32),
            since=np.empty(0, np.int64),
            rules=rules,
            weights=np.empty((0, len(rules))),
            figures={},
            sentences={},
        )


class _Known(dict[str, float]):
    """A figure that is not there is told as "nan"."""

    def __missing__(self, key: str) -> float:
        return float("nan")
