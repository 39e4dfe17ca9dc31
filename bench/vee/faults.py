"""What faults of registers add to energy, or take from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.vee.world import BEFORE, DAYS, FROM, SLOT, TOP, World, readings, validated, values_of
from gateway.core.meterdata import ChangeOf, Intervals, IntervalStatus, MeterChange, Registers, Rule
from gateway.core.model import Bools, Float64s, Int64s, Quality

FAULTS = (
    "none", "rollover", "exchange", "reset", "sentinel", "transient zero", "spike", "duplicate", "unordered",
    "multiplier",
)  # fmt: skip
_ALL_ONES = float(2**32 - 1) / 100


def fault(world: World, history: Intervals, kind: str, seed: int) -> dict[str, float | int]:
    """Shares of what was used, by meter over the ten days: `false` energy that intervals told as measured have and that
    nobody used, and `lost` the reverse; `estimated_false`, `estimated_lost` the same of estimated intervals, which are
    told as such; `suspect_false` of those that a rule doubts. of_delta: the greatest difference of the intervals' sum
    from what the register counted.
    """
    first, last = BEFORE * 96, (BEFORE + DAYS) * 96
    window = world.register[:, first : last + 1].copy()
    true = np.diff(window, axis=1)
    rng = np.random.default_rng([seed, 33, FAULTS.index(kind)])
    registers, changes = _spoil(kind, window, rng, first)
    made = validated(world, registers, first, last, history=history, changes=changes)
    n = len(window)
    off = np.nan_to_num(values_of(made, n)) - true
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
        window += (TOP - 0.5 * (window[rows, at - 1] + window[rows, at])).round(3)[:, None]
        return readings(np.where(window >= TOP, window - TOP, window).round(3), first), changes
    if kind in {"exchange", "reset"}:  # in the middle of an interval
        half = 0.5 * (window[rows, at - 1] + window[rows, at])
        anew: Float64s = np.multiply(rng.uniform(0, 50, n), kind == "exchange", dtype=np.float64)
        spoilt = np.where(later, (window - half[:, None] + anew[:, None]).round(3), window)
        when = FROM + (first + at) * SLOT - SLOT // 2
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
        return readings(spoilt, first), changes
    if kind == "multiplier":  # nobody told: from there on the register counts 40 times as fast
        spoilt = np.where(later, before[:, None] + 40 * (window - before[:, None]), window).round(3)
        return readings(spoilt, first), changes
    clean = readings(window, first)
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
