"""Validation of meter data: how wrong estimates are by length of gap, what faults of registers add, and its speed.

Register readings of a quarter-hour each, of the simulator's customers (or simbench's, see bench/usage/shapes.py), go
through `processors.vee.validate` as the gateway's book would hand them over: four weeks first, whose intervals are the
history, then ten days with gaps or faults. The raw limit is one `np.diff` over the same readings.

    feederline bench vee
    python -m bench.vee --meters 2000 --seed 5 --markdown
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TextIO
from zoneinfo import ZoneInfo

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from bench.usage.population import Population
from bench.usage.shapes import Source, source
from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import ChangeOf, Intervals, IntervalStatus, MeterChange, Registers, Rule
from gateway.core.model import Bools, Float64s, Int64s, Quality
from gateway.core.network import Network
from processors.vee.meters import Meters
from processors.vee.settings import VeeSettings
from processors.vee.validate import validate

SEED = 20_260  # of the published tables; nothing was tuned on it
LENGTHS = {
    "30 min": 2, "1 h": 4, "2 h": 8, "6 h": 24, "12 h": 48, "1 d": 96, "3 d": 288, "7 d": 672,
}  # fmt: skip
FAULTS = (
    "none", "rollover", "exchange", "reset", "sentinel", "transient zero", "spike", "duplicate", "unordered",
    "multiplier",
)  # fmt: skip
_SLOT = 15 * MINUTE
_BEFORE, _DAYS = 28, 10
_FROM = 1_609_430_400 * SECOND  # 2021-01-01 in Shanghai
_DIGITS = 5
_TOP = 10.0**_DIGITS
_ALL_ONES = float(2**32 - 1) / 100
_ZONE = ZoneInfo("Asia/Shanghai")
_QUANTITY = "energy_import"


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """register: float64[n, slots + 1], what the meters show at each quarter of an hour from `_FROM` on, in kWh."""

    inventory: Inventory
    register: Float64s
    peak_kw: Float64s


async def run(
    *, meters: int = 1_000, seed: int = SEED, shapes: str = "simulator", rounds: int = 5
) -> dict[str, object]:
    """Returns `gaps` by length, `faults` by kind and `throughput`."""
    given = source(shapes, 96)
    if given is None:
        raise ModuleNotFoundError("simbench is not installed: pip install -e '.[bench]'")
    world = _world(meters, seed, given)
    history = _validated(world, _readings(world.register[:, : _BEFORE * 96 + 1], 0), 0, _BEFORE * 96)
    return {
        "meters": meters,
        "seed": seed,
        "shapes": given.name,
        "gaps": _gaps(world, history, seed),
        "faults": {kind: _fault(world, history, kind, seed) for kind in FAULTS},
        "throughput": _throughput(world, history, rounds),
    }


def _world(n: int, seed: int, shapes: Source) -> World:
    days = _BEFORE + _DAYS
    population = Population(n, days + 60, seed, shapes, settled=days + 1)
    use = np.concatenate([population.use(30 + day).drawn for day in range(days)], axis=1)
    rng = np.random.default_rng([seed, 31])
    start = rng.uniform(1_000, 0.6 * _TOP, n)
    register = np.round(start[:, None] + np.cumsum(np.pad(use, ((0, 0), (1, 0))), axis=1), 3)
    peak = use.max(axis=1) * 4
    network = Network(["S", "T"], ["", "S"], ["substation", "transformer"])
    listed = [
        Device(
            id=f"M{i}",
            node="T",
            interval_s=900,
            attributes={"register_digits": str(_DIGITS), "max_demand_kw": f"{2 * peak[i] + 3:.1f}"},
        )
        for i in range(n)
    ]
    return World(Inventory(listed, network), register, peak)


def _readings(register: Float64s, first: int) -> Registers:
    """All that is not NaN, in order of meter and time; `first`: slot of the first column."""
    row, column = np.nonzero(~np.isnan(register))
    at = _FROM + (first + column) * _SLOT
    return Registers(
        quantity=_QUANTITY,
        device=row.astype(np.int32),
        measured_at=at,
        received_at=at + 20 * SECOND,
        value=register[row, column],
        quality=np.zeros(len(row), np.uint16),
    )


def _validated(
    world: World,
    registers: Registers,
    first: int,
    last: int,
    *,
    history: Intervals | None = None,
    changes: tuple[MeterChange, ...] = (),
    settings: VeeSettings | None = None,
) -> Intervals:
    settings = settings or VeeSettings()
    keys = np.arange(len(world.inventory.ids), dtype=np.int32)
    return validate(
        registers,
        Meters.of(world.inventory, keys, settings),
        _FROM + first * _SLOT,
        _FROM + last * _SLOT,
        settings=settings,
        zone=_ZONE,
        changes=changes,
        history=history,
    )


def _gaps(world: World, history: Intervals, seed: int) -> dict[str, dict[str, float | None]]:
    """Mean error of an estimated interval as a share of mean use, by what estimated it; `open`: no reading follows."""
    first, last = _BEFORE * 96, (_BEFORE + _DAYS) * 96
    window = world.register[:, first : last + 1]
    true = np.diff(window, axis=1)
    n, slots = true.shape
    table: dict[str, dict[str, float | None]] = {}
    for k, (name, length) in enumerate(LENGTHS.items()):
        rng = np.random.default_rng([seed, 32, k])
        begin: Int64s = rng.integers(1, slots - length, n)
        inside = np.arange(slots)[None, :] - begin[:, None]
        gap = (inside >= 0) & (inside < length)
        closed = np.where(
            (np.arange(slots + 1) > begin[:, None]) & (np.arange(slots + 1) < (begin + length)[:, None]),
            np.nan,
            window,
        )
        ours = _values(_validated(world, _readings(closed, first), first, last, history=history), n)
        rows = np.arange(n)
        flat = (window[rows, begin + length] - window[rows, begin])[:, None] / length
        open_ = np.where(np.arange(slots + 1) > (slots - length), np.nan, window)
        ahead = _values(_validated(world, _readings(open_, first), first, last, history=history), n)
        end = np.arange(slots) >= slots - length
        held = np.repeat(true[:, slots - length - 1, None], length, axis=1)
        table[name] = {
            "estimated": _error(ours[gap], true[gap]),
            "linear": _error(np.broadcast_to(flat, true.shape)[gap], true[gap]),
            "of_sum": _worst(np.nan_to_num(ours).sum(axis=1), true.sum(axis=1)),
            "open_estimated": _error(ahead[:, end], true[:, end]),
            "open_last_value": _error(held, true[:, end]),
            "open_filled": float(np.mean(~np.isnan(ahead[:, end]))),
        }
    return table


def _error(ours: Float64s, true: Float64s) -> float | None:
    known = ~np.isnan(ours)
    return float(np.abs(ours - true)[known].sum() / true[known].sum()) if known.any() else None


def _worst(ours: Float64s, true: Float64s) -> float:
    return float(np.max(np.abs(ours - true) / np.maximum(true, 1.0)))


def _values(intervals: Intervals, n: int) -> Float64s:
    return intervals.value.reshape(n, -1)


def _fault(world: World, history: Intervals, kind: str, seed: int) -> dict[str, float | int]:
    """Shares of what was used, by meter over the ten days: `false` energy that intervals told as measured have and that
    nobody used, and `lost` the reverse; `estimated_false`, `estimated_lost` the same of estimated intervals, which are
    told as such; `suspect_false` of those that a rule doubts. of_delta: the greatest difference of the intervals' sum
    from what the register counted.
    """
    first, last = _BEFORE * 96, (_BEFORE + _DAYS) * 96
    window = world.register[:, first : last + 1].copy()
    true = np.diff(window, axis=1)
    rng = np.random.default_rng([seed, 33, FAULTS.index(kind)])
    registers, changes = _spoil(kind, window, rng, first)
    made = _validated(world, registers, first, last, history=history, changes=changes)
    n = len(window)
    off = np.nan_to_num(_values(made, n)) - true
    status, rules = made.status.reshape(n, -1), made.rules.reshape(n, -1)
    estimated = (status == IntervalStatus.ESTIMATED) | (status == IntervalStatus.MISSING)
    suspect = status == IntervalStatus.SUSPECT
    used = true.sum()
    own = np.maximum(true.sum(axis=1), 1.0)

    def share(rows: Bools, sign: int) -> float:
        by_meter = np.where(rows, sign * off, 0.0).sum(axis=1)
        return float(np.where(by_meter > _ROUNDING, by_meter, 0.0).sum() / used)

    return {
        "false": share(~estimated & ~suspect, 1),
        "lost": share(~estimated & ~suspect, -1),
        "suspect_false": share(suspect, 1),
        "estimated_false": share(estimated, 1),
        "estimated_lost": share(estimated, -1),
        "of_delta": float(np.max(np.abs(off.sum(axis=1)) / own)),
        "marked_meters": int(((rules & int(_MARKS)) != 0).any(axis=1).sum()),
        "meters": n,
    }


_ROUNDING = 0.01  # kWh: what rounding of registers to 1 Wh may come to in ten days
_MARKS = (
    Rule.NO_VALUE | Rule.DUPLICATE | Rule.UNORDERED | Rule.MULTIPLIER | Rule.ROLLOVER | Rule.RESET | Rule.EXCHANGE
    | Rule.REVERSE | Rule.SPIKE | Rule.HIGH | Rule.NEGATIVE
)  # fmt: skip


def _spoil(
    kind: str, window: Float64s, rng: np.random.Generator, first: int
) -> tuple[Registers, tuple[MeterChange, ...]]:
    """Every meter suffers it once, some time within the window."""
    n, columns = window.shape
    at: Int64s = rng.integers(96, columns - 96, n)
    rows = np.arange(n)
    later = np.arange(columns)[None, :] >= at[:, None]
    before = window[rows, at - 1]
    changes: tuple[MeterChange, ...] = ()
    if kind == "rollover":
        window += (_TOP - 0.5 * (window[rows, at - 1] + window[rows, at])).round(3)[:, None]
        return _readings(np.where(window >= _TOP, window - _TOP, window).round(3), first), changes
    if kind in {"exchange", "reset"}:  # in the middle of an interval
        half = 0.5 * (window[rows, at - 1] + window[rows, at])
        anew: Float64s = np.multiply(rng.uniform(0, 50, n), kind == "exchange", dtype=np.float64)
        spoilt = np.where(later, (window - half[:, None] + anew[:, None]).round(3), window)
        when = _FROM + (first + at) * _SLOT - _SLOT // 2
        if kind == "exchange":
            changes = tuple(
                MeterChange(
                    device=int(r),
                    at=int(when[r]),
                    of=ChangeOf.EXCHANGE,
                    before=float(half[r]),
                    after=float(anew[r]),
                )
                for r in rows
            )
        return _readings(spoilt, first), changes
    if kind == "multiplier":  # nobody told: from there on the register counts 40 times as fast
        spoilt = np.where(later, before[:, None] + 40 * (window - before[:, None]), window).round(3)
        return _readings(spoilt, first), changes
    clean = _readings(window, first)
    place = rows * columns + at
    if kind in {"sentinel", "transient zero", "spike"}:
        value = clean.value.copy()
        value[place] = {"sentinel": _ALL_ONES, "transient zero": 0.0}.get(kind, 0.0)
        if kind == "spike":
            value[place] = before + rng.uniform(50, 5_000, n)
        quality = clean.quality.copy()
        if kind == "sentinel":
            half = place[::2]  # half of the drivers' profiles know the sentinel, half do not
            value[half] = np.nan
            quality[half] = int(Quality.NO_VALUE)
        return replace(clean, value=value, quality=quality), changes
    if kind == "duplicate":
        order = np.sort(np.concatenate([np.arange(len(clean)), place]), kind="stable")
        twice = np.flatnonzero(np.diff(order) == 0) + 1
        value = clean.value[order]
        value[twice] += 7.0
        return replace(_take(clean, order), value=value), changes
    if kind == "unordered":
        order = np.arange(len(clean))
        order[place], order[place + 5] = place + 5, place
        return _take(clean, order), changes
    return clean, changes


def _take(registers: Registers, order: Int64s) -> Registers:
    return replace(
        registers,
        **{
            name: getattr(registers, name)[order]
            for name in ("device", "measured_at", "received_at", "value", "quality")
        },
    )


def _throughput(world: World, history: Intervals, rounds: int) -> dict[str, float | int]:
    """Ten days of readings validated, and the plain difference of the same readings, in turns; CPU seconds."""
    first, last = _BEFORE * 96, (_BEFORE + _DAYS) * 96
    registers = _readings(world.register[:, first : last + 1], first)
    ours, raw = [], []
    for _ in range(rounds):
        raw.append(_timed(partial(np.diff, registers.value)))
        ours.append(_timed(partial(_validated, world, registers, first, last, history=history)))
    return {
        "readings": len(registers),
        "readings_per_second": len(registers) / statistics.median(ours),
        "raw_readings_per_second": len(registers) / statistics.median(raw),
        "ratio": statistics.median(r / o for r, o in zip(raw, ours, strict=True)),
    }


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def tables(result: Mapping[str, object]) -> Iterable[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """Title, heading and rows of each."""
    gaps, faults = _map(result["gaps"]), _map(result["faults"])
    yield (
        "Error of estimates by length of gap",
        [
            "gap",
            "estimated",
            "linear",
            "no reading follows: estimated",
            "last value",
            "of these filled",
            "day's sum off",
        ],
        [[name, *(_cell(_map(row)[key]) for key in _GAP_COLUMNS)] for name, row in gaps.items()],
    )
    yield (
        "Faults of registers",
        [
            "fault",
            "false",
            "lost",
            "doubted: false",
            "estimated: false",
            "lost",
            "off the register",
            "meters marked",
        ],
        [[name, *(_cell(_map(row)[key]) for key in _FAULT_COLUMNS)] for name, row in faults.items()],
    )
    yield "Speed", ["", ""], [[key, _cell(value)] for key, value in _map(result["throughput"]).items()]


_GAP_COLUMNS = ("estimated", "linear", "open_estimated", "open_last_value", "open_filled", "of_sum")
_FAULT_COLUMNS = (
    "false",
    "lost",
    "suspect_false",
    "estimated_false",
    "estimated_lost",
    "of_delta",
    "marked_meters",
)


def show(result: Mapping[str, object], *, out: TextIO | None = None) -> None:
    """Print what `run` returned, to standard output if not told otherwise."""
    console = Console(file=out or sys.stdout, width=160, highlight=False)
    for title, head, rows in tables(result):
        table = Table(*head, title=title, title_justify="left", box=box.SIMPLE)
        for row in rows:
            table.add_row(*row)
        console.print(table)


def markdown(result: Mapping[str, object]) -> str:
    """The tables as they stand in docs/usage-accuracy.md."""
    return "\n\n".join(
        f"### {title}\n\n"
        + "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
        for title, head, rows in tables(result)
    )


def _map(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"figures are a dictionary, not {value!r}")
    return value


def _cell(value: object) -> str:
    if value is None:
        return "·"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1_000 else f"{value:.2e}" if 0 < value < 1e-3 else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.vee", description=__doc__)
    parser.add_argument("--meters", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--shapes", default="simulator", choices=("simulator", "simbench"))
    parser.add_argument("--markdown", action="store_true", help="the tables of docs/usage-accuracy.md")
    given = parser.parse_args()
    result = asyncio.run(run(meters=given.meters, seed=given.seed, shapes=given.shapes))
    print(markdown(result) if given.markdown else json.dumps(result))


if __name__ == "__main__":
    main()
