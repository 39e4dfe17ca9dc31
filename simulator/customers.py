"""What some customers do beside the ordinary: generate, charge a car, move out, go on holiday, bypass their meter."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import msgspec
import numpy as np

from gateway.core.clock import DAY, HOUR
from gateway.core.model import Bools, Float64s, Int64s
from simulator.district import CLASSES, District
from simulator.noise import uniform

NEVER = 1 << 62
"""A time that does not come, µs."""

STOLEN = 0.75
"""Of what flows to the thief, the share that goes round the meter."""
THEFT_DAYS, VACANT_DAYS, HOLIDAY_DAYS = 10, 14, 7
"""How long ago it began; how long a holiday is."""

_IDLE = 0.01  # of its use is left where nobody is
_CHARGER_W, _PANEL_W = 3_500.0, 4_000.0
_CHARGERS, _PANELS, _AWAY = 0.06, 0.03, 0.02  # of the homes
_WANTED = 0.18  # of a transformer's load: what the thief takes, near enough
_LEAST = 0.06


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Customers:
    """Columns of the M metering points. Times are µs UTC.

    charger_w, panel_w: float64[M], 0 for none;  tapped_from: int64[M], from when on the meter counts only its share
    of what flows;  away_from, away_till: int64[M], when nobody is there.
    """

    charger_w: Float64s
    panel_w: Float64s
    tapped_from: Int64s
    away_from: Int64s
    away_till: Int64s

    @staticmethod
    def ordinary(meters: int) -> Customers:
        """Nobody does any of it."""
        return Customers(
            charger_w=np.zeros(meters),
            panel_w=np.zeros(meters),
            tapped_from=np.full(meters, NEVER),
            away_from=np.full(meters, NEVER),
            away_till=np.full(meters, NEVER),
        )

    def counted(self, at: int) -> Float64s:
        """float64[M]: the share of what flows that the meter counts."""
        return np.where(at >= self.tapped_from, 1.0 - STOLEN, 1.0)

    def present(self, at: int) -> Float64s:
        """float64[M]: the share of its ordinary use."""
        return np.where((at >= self.away_from) & (at < self.away_till), _IDLE, 1.0)

    def charging(self, seed: int, local: int) -> Float64s:
        """float64[M] W: on about half of the evenings, each for hours of its own. local: µs of local time."""
        rows = np.flatnonzero(self.charger_w)
        day, hour = local // DAY, local % DAY / HOUR
        start = 18.5 + 2.5 * uniform(seed, 31, rows)
        hours = 1.5 + 1.5 * uniform(seed, 32, rows * 100_003 + day)
        plugged = uniform(seed, 33, rows * 100_003 + day) < 0.55
        watts = np.zeros(len(self.charger_w))
        watts[rows] = self.charger_w[rows] * (plugged & (hour >= start) & (hour < start + hours))
        return watts

    def generating(self, seed: int, local: int) -> Float64s:
        """float64[M] W: by day, less under each day's clouds."""
        day, hour = local // DAY, local % DAY / HOUR
        sun = max(0.0, float(np.sin(np.pi * (hour - 6) / 12))) ** 1.3 if 6 < hour < 18 else 0.0
        clear = 0.25 + 0.75 * float(uniform(seed, 34, [day])[0])
        return self.panel_w * (sun * clear)

    def thieves(self) -> list[int]:
        """Rows whose meters are bypassed."""
        return np.flatnonzero(self.tapped_from < NEVER).tolist()

    def vacant(self) -> list[int]:
        """Rows where nobody will come back."""
        return np.flatnonzero((self.away_from < NEVER) & (self.away_till == NEVER)).tolist()


def cast(district: District, now: int, *, offset: int) -> tuple[District, Customers]:
    """Give roles to some: one thief and one vacancy under transformers that are measured, and a few others anywhere.

    offset: of local time, µs. The district's devices then say what their customers have registered: `generation_kw`,
    and a contract that allows for a charger. Where no transformer is measured there is no thief.
    """
    seed, rows = district.seed, np.arange(len(district.node))
    today = (now + offset) // DAY * DAY - offset
    customers = Customers.ordinary(len(rows))
    home = (district.klass == CLASSES.index("residential")) & np.array(
        [d.customers == 1 for d in district.meters]
    )
    free = home.copy()
    measured = _measured(district)
    thief = _thief(district, measured[district.transformer])
    if thief is not None:
        customers.tapped_from[thief] = today - THEFT_DAYS * DAY
        free[thief] = False
    empty = _vacancy(district, free, measured, thief)
    if empty is not None:
        customers.away_from[empty] = today - VACANT_DAYS * DAY + 10 * HOUR
        free[empty] = False
    lot = uniform(seed, 35, rows)
    chargers = free & (lot < _CHARGERS) & _room(district, free & (lot < _CHARGERS))
    customers.charger_w[chargers] = _CHARGER_W
    panels = free & (lot >= _CHARGERS) & (lot < _CHARGERS + _PANELS)
    customers.panel_w[panels] = _PANEL_W
    away = free & (lot >= 1 - _AWAY)
    begun = today - (HOLIDAY_DAYS + 1 + (20 * uniform(seed, 36, rows)).astype(np.int64)) * DAY
    customers.away_from[away] = begun[away]
    customers.away_till[away] = begun[away] + HOLIDAY_DAYS * DAY
    return _registered(district, customers), customers


def _measured(district: District) -> Bools:
    """bool[T]: transformers with a terminal on their busbar."""
    there = {d.node for d in district.devices if d.kind == "terminal"}
    return np.array([name in there for name in district.transformers], np.bool_)


def _thief(district: District, below: Bools) -> int | None:
    """Who of these would take the wanted share of its transformer's load, as near as there is one."""
    single = np.array([d.customers == 1 for d in district.meters], np.bool_)
    load = np.bincount(district.transformer, district.mean_w, len(district.transformers))
    share = STOLEN * district.mean_w / load[district.transformer]
    fit = below & single & (district.klass < 2) & (share > _LEAST)
    if not fit.any():
        return None
    return int(np.argmin(np.where(fit, np.abs(share - _WANTED), np.inf)))


def _vacancy(district: District, free: Bools, measured: Bools, thief: int | None) -> int | None:
    """The home of the most ordinary use under another measured transformer; where there is none, under the thief's."""
    fit = free & measured[district.transformer]
    if thief is not None:
        elsewhere = fit & (district.transformer != district.transformer[thief])
        fit = elsewhere if elsewhere.any() else fit
    if not fit.any():
        return None
    usual = float(np.median(district.mean_w[fit]))
    return int(np.argmin(np.where(fit, np.abs(district.mean_w - usual), np.inf)))


def _room(district: District, wanting: Bools) -> Bools:
    """bool[M]: as many of these under each transformer as a tenth of its rating feeds."""
    first: dict[int, int] = {}
    room = np.zeros(len(wanting), np.bool_)
    for row in np.flatnonzero(wanting).tolist():
        t = int(district.transformer[row])
        first[t] = first.get(t, 0) + 1
        room[row] = first[t] * _CHARGER_W <= 0.1 * district.rated_va[t]
    return room


def _registered(district: District, customers: Customers) -> District:
    devices = list(district.devices)
    for row in np.flatnonzero((customers.charger_w > 0) | (customers.panel_w > 0)).tolist():
        told = devices[row].attributes
        contract = float(told["contract_kw"]) + customers.charger_w[row] / 1e3
        panel = customers.panel_w[row] / 1e3
        more = {"contract_kw": f"{contract:g}", "generation_kw": f"{panel:g}" if panel else ""}
        devices[row] = msgspec.structs.replace(devices[row], attributes={**told, **more})
    return dataclasses.replace(district, devices=tuple(devices))
