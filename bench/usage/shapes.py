"""What use looks like over a year by kind of customer: the simulator's classes, or profiles measured for simbench.

A source gives, for each day of the year, relative demand of its profiles in slots; over the year each has the mean 1.
The year is one that begins on a Friday, as the one of simbench does.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from gateway.core.model import Float64s, Int64s

DAYS = 365
FIRST_WEEKDAY = 4  # Friday; Monday is 0
CLASSES = ("residential", "commercial", "industrial", "agricultural", "public")
_BANK_HOLIDAYS = (0, 45, 46, 47, 48, 49, 94, 120, 121, 165, 273, 274, 275, 276, 358, 359)
_SETS = ("0", "1", "2")  # simbench's scenarios; the profiles are the same in all, and the smallest has them
_OF_CLASS = {  # simbench's names of measured load profiles begin like this
    "residential": ("H0-",),
    "commercial": ("G0-", "G1-", "G4-", "G5-", "G6-"),
    "industrial": ("G3-", "BL-"),
    "agricultural": ("L0-", "L1-", "L2-"),
    "public": ("G2-",),
}

_HOURS = {  # relative demand of hours 0 … 23 on a working day, and on a day off
    "residential": (
        ("45 38 34 32 33 42 70 95 85 65 58 62 78 68 60 60 70 95 130 155 150 125 95 65",
         "52 44 38 35 34 38 52 75 98 105 102 104 115 104 92 88 90 105 132 150 146 124 98 70"),
        ("40 34 31 30 31 50 98 110 60 42 38 40 48 44 40 42 58 100 150 175 160 130 90 58",
         "55 46 40 36 34 36 48 72 100 112 110 112 122 108 96 90 92 108 130 146 142 122 100 74"),
        ("50 44 40 38 38 44 62 84 98 100 98 108 125 112 98 94 96 108 122 132 124 105 82 62",
         "52 46 41 38 38 42 58 82 100 104 102 110 124 112 98 94 96 106 120 130 122 104 84 64"),
        ("95 82 68 52 42 36 38 44 52 58 62 70 84 80 74 76 84 102 126 148 160 162 148 122",
         "104 92 78 60 46 38 36 40 50 66 80 92 104 98 90 88 92 106 126 144 152 152 140 122"),
    ),
    "commercial": (
        ("30 28 28 28 30 35 50 80 120 150 160 160 150 155 160 158 150 145 140 130 105 75 50 35",
         "30 28 28 28 29 32 42 66 102 132 142 142 134 136 140 138 132 128 120 108 88 64 46 34"),
        ("24 23 23 23 24 28 44 92 160 190 195 188 150 180 190 186 170 120 60 42 34 30 27 25",
         "23 23 23 23 23 24 25 27 29 31 32 32 31 31 31 30 29 28 27 26 25 24 24 23"),
    ),
    "industrial": (
        ("75 72 70 70 72 80 95 125 135 138 138 125 110 130 138 138 132 115 100 95 92 88 84 78",
         "52 50 50 50 50 52 55 60 64 66 66 64 60 62 64 64 62 60 58 56 55 54 53 52"),
        ("100 99 98 98 98 100 102 104 105 105 104 102 101 103 104 104 103 101 100 99 99 99 100 100",
         "94 94 93 93 93 94 95 96 97 97 97 96 95 96 96 96 96 95 95 94 94 94 94 94"),
    ),
    "agricultural": (
        ("40 40 45 60 95 140 165 160 140 115 95 80 70 75 90 115 140 155 140 105 80 60 50 42",
         "42 42 46 62 96 138 160 154 134 110 92 80 72 76 90 112 136 150 136 104 80 62 52 44"),
    ),
    "public": (
        ("60 58 56 56 58 65 85 110 130 135 135 128 120 125 130 128 120 112 108 105 98 88 75 65",
         "58 56 55 55 56 58 62 68 72 74 74 73 72 72 73 73 72 74 78 82 80 76 68 62"),
    ),
}  # fmt: skip


class Source(Protocol):
    """Where the daily shapes come from."""

    name: str
    slots: int  # of a day

    def of_class(self, klass: int) -> Int64s:
        """The profiles that customers of a class have."""
        ...

    def day(self, day: int) -> Float64s:
        """Relative demand: float64[profiles, slots]."""
        ...

    def sun(self, day: int) -> Float64s:
        """Output of photovoltaics per rated power: float64[slots]."""
        ...


def working(day: int) -> bool:
    return (day + FIRST_WEEKDAY) % 7 < 5 and day % DAYS not in _BANK_HOLIDAYS


class Simulated:
    """The simulator's classes of customers, households in four ways of life; work and days off, season and weather."""

    name = "simulator"

    def __init__(self, slots: int) -> None:
        self.slots = slots
        names = [(klass, way) for klass in CLASSES for way in range(len(_HOURS[klass]))]
        self._klass = np.array([CLASSES.index(klass) for klass, _ in names])
        hours = np.array([[[float(v) for v in text.split()] for text in _HOURS[k][w]] for k, w in names])
        hours /= (5 * hours[:, 0].mean(axis=1) + 2 * hours[:, 1].mean(axis=1))[:, None, None] / 7
        at = (np.arange(slots) + 0.5) * 24 / slots - 0.5
        low = np.floor(at).astype(int)
        part = at - low
        self._shape = hours[:, :, low % 24] * (1 - part) + hours[:, :, (low + 1) % 24] * part

    def of_class(self, klass: int) -> Int64s:
        return np.flatnonzero(self._klass == klass)

    def day(self, day: int) -> Float64s:
        shape: Float64s = self._shape[:, 0 if working(day) else 1]
        return shape

    def sun(self, day: int) -> Float64s:
        """A clear day at 35° north; clouds are the population's."""
        hour = (np.arange(self.slots) + 0.5) * 24 / self.slots
        season = np.cos(2 * np.pi * (day - 172) / DAYS)
        half = 6 + 1.2 * season
        high = np.cos(np.pi / 2 * np.clip((hour - 12.5) / half, -1, 1))
        output: Float64s = (0.6 + 0.15 * season) * high**1.3
        return output


class Simbench:
    """The measured load profiles of simbench: quarter-hours of a year, per kind of customer."""

    name = "simbench"

    def __init__(self, slots: int, folder: Path) -> None:
        self.slots = slots
        loads, sun = _read(folder, slots)
        chosen = [
            (CLASSES.index(k), name)
            for k, heads in _OF_CLASS.items()
            for name in loads
            if name.startswith(heads)
        ]
        self._klass = np.array([klass for klass, _ in chosen])
        year = np.stack([loads[name] for _, name in chosen])
        self._year: Float64s = year / year.mean(axis=(1, 2), keepdims=True)
        self._sun: Float64s = sun

    def of_class(self, klass: int) -> Int64s:
        return np.flatnonzero(self._klass == klass)

    def day(self, day: int) -> Float64s:
        shape: Float64s = self._year[:, day % DAYS]
        return shape

    def sun(self, day: int) -> Float64s:
        output: Float64s = self._sun[day % DAYS]
        return output


def simbench_folder() -> Path | None:
    """Where simbench keeps its data; None where it is not installed. Nothing of it is imported."""
    found = importlib.util.find_spec("simbench")
    for place in (found.submodule_search_locations or ()) if found else ():
        for number in _SETS:
            folder = Path(place) / "networks" / f"1-complete_data-mixed-all-{number}-sw"
            if (folder / "LoadProfile.csv").exists():
                return folder
    return None


def source(name: str, slots: int) -> Source | None:
    """The source of that name; None where its data is not installed."""
    if name == Simulated.name:
        return Simulated(slots)
    folder = simbench_folder()
    return Simbench(slots, folder) if folder else None


@lru_cache(maxsize=2)
def _read(folder: Path, slots: int) -> tuple[dict[str, Float64s], Float64s]:
    loads = _columns(
        folder / "LoadProfile.csv", "_pload", tuple(h for heads in _OF_CLASS.values() for h in heads)
    )
    sun = _columns(folder / "RESProfile.csv", "", ("PV3",))
    return {name: _days(column, slots) for name, column in loads.items()}, _days(sun["PV3"], slots)


def _columns(path: Path, end: str, heads: tuple[str, ...]) -> dict[str, Float64s]:
    with path.open(encoding="utf-8") as file:
        names = file.readline().strip().split(";")
        wanted = [i for i, name in enumerate(names) if name.startswith(heads) and name.endswith(end)]
        table = np.loadtxt(file, delimiter=";", usecols=wanted, max_rows=DAYS * 96)
    table = table.reshape(len(table), -1)
    return {names[i].removesuffix(end): table[:, k] for k, i in enumerate(wanted)}


def _days(column: Float64s, slots: int) -> Float64s:
    days: Float64s = column.reshape(DAYS, slots, -1).mean(axis=2)
    return days
