"""Load profiles: registers of meters and transformers as they stood at full intervals, weeks back and from now on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.core.clock import HOUR, MINUTE
from gateway.core.model import Float64s, Int64s
from simulator.district import District
from simulator.load import Load
from simulator.registers import MAPS, shown

KEPT = ("energy_import", "energy_export")
_STEP = 20 * MINUTE  # the load's slow wandering has its supports there
_FORMAT_DECIMALS = 4  # of what publishing devices say


class History:
    """Registers of M meters and T transformers at the multiples of `interval` µs since 1970: `at` int64[K] and
    `values` float64[K, 2, M + T] kWh, import and export."""

    def __init__(self, load: Load, since: int, now: int, *, interval: int = HOUR) -> None:
        """Runs `load` from `since` to `now`; its registers go on from there. 35 days of 1,000 meters take a second."""
        self.interval = interval
        first = -(-since // interval) * interval
        self._at: list[int] = []
        self._values: list[Float64s] = []
        load.begin(min(first, now))
        for at in range(first, now + 1, interval):
            if self._at:
                self._run(load, at)
            self._at.append(at)
            self._values.append(_registers(load))
        self._run(load, now)
        self._last = (now, _registers(load))

    def _run(self, load: Load, till: int) -> None:
        while (at := load.reached) < till:
            load.run(min(till, (at // _STEP + 1) * _STEP))

    def note(self, load: Load) -> None:
        """Keep what the registers stood at when an interval ended since the last call, between then and now by time."""
        (then, before), now = self._last, load.reached
        after = _registers(load)
        for at in range((then // self.interval + 1) * self.interval, now + 1, self.interval):
            self._at.append(at)
            self._values.append(before + (after - before) * ((at - then) / (now - then)))
        self._last = (now, after)

    def between(self, column: int, frm: int, till: int) -> tuple[Int64s, Float64s]:
        """(at int64[k], values float64[k, 2]) of a meter, or of transformer t as column M + t, within [frm, till)."""
        first, end = np.searchsorted(self._at, [frm, till]).tolist()
        rows = [values[:, column] for values in self._values[first:end]]
        return np.array(self._at[first:end], np.int64), np.array(rows, np.float64).reshape(-1, 2)

    def record(self, column: int, number: int) -> tuple[int, tuple[float, float]]:
        """(at, (import, export)) of the record with this number, the oldest being 0."""
        imported, exported = self._values[number][:, column].tolist()
        return self._at[number], (imported, exported)

    def __len__(self) -> int:
        return len(self._at)

    @property
    def at(self) -> Int64s:
        return np.array(self._at, np.int64)

    def write(self, path: Path, district: District) -> None:
        """As a NumPy archive: `device` names [D], `at` int64[K], `energy_import` and `energy_export` float64[K, D], as
        the devices show them."""
        columns = column_of(district)
        devices = [d for d in district.devices if d.id in columns]
        table: npt.NDArray[np.float64] = np.stack(self._values)[:, :, [columns[d.id] for d in devices]]
        table = as_shown(table, [d.profile if d.protocol == "modbus" else "" for d in devices])
        names = np.array([d.id for d in devices])
        np.savez(path, device=names, at=self.at, energy_import=table[:, 0], energy_export=table[:, 1])


def column_of(district: District) -> dict[str, int]:
    """Column of each meter and each transformer's terminal."""
    count = len(district.meters)
    columns = {d.id: i for i, d in enumerate(district.meters)}
    places = {name: count + t for t, name in enumerate(district.transformers)}
    rest = district.devices[count:]
    return columns | {d.id: places[d.node] for d in rest if d.kind == "terminal" and d.node in places}


def as_shown(table: Float64s, profiles: Sequence[str]) -> Float64s:
    """[K, 2, D] as devices of these types show it: rounded as their registers are, so that no later reading is less."""
    told = np.round(table, _FORMAT_DECIMALS)
    for profile in set(profiles) & MAPS.keys():
        those = [i for i, name in enumerate(profiles) if name == profile]
        for k, quantity in enumerate(KEPT):
            told[:, k, those] = shown(profile, quantity, table[:, k, those])
    return told


def _registers(load: Load) -> Float64s:
    meters, transformers = load.registers
    return np.concatenate([meters[:2], transformers[:2]], axis=1)
