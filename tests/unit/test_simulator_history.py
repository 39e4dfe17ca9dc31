"""Weeks of load profiles: registers that go on without a break, and a theft that only the transformer sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND, parse_time
from gateway.core.model import Float64s
from simulator.customers import STOLEN, THEFT_DAYS, VACANT_DAYS, Customers, cast
from simulator.district import District
from simulator.faults import Dark
from simulator.history import History, as_shown, column_of
from simulator.layout import build
from simulator.load import Load

OFFSET = 8 * HOUR
NOW = parse_time("2026-03-27T10:20:30+08:00")
DAYS = 30


@pytest.fixture(scope="module")
def world() -> tuple[District, Customers]:
    return cast(build(200, seed=1, terminals="trunk"), NOW, offset=OFFSET)


@pytest.fixture(scope="module")
def past(world: tuple[District, Customers]) -> tuple[History, Load]:
    district, customers = world
    load = Load(district, customers=customers)
    return History(load, NOW - DAYS * DAY, NOW), load


def registers(history: History) -> Float64s:
    return np.stack(history._values)


def by_day(history: History) -> Float64s:
    """kWh, import less export, of each whole local day: float64[days, M + T]."""
    at = history.at
    midnights = np.flatnonzero((at + OFFSET) % DAY == 0)
    net = registers(history)[midnights, 0] - registers(history)[midnights, 1]
    return np.diff(net, axis=0)


def test_registers_are_of_full_hours_and_only_rise(past: tuple[History, Load]) -> None:
    history, _ = past
    assert (np.diff(history.at) == HOUR).all()
    assert (history.at % HOUR == 0).all()
    assert (history.at[0], history.at[-1]) == (NOW - DAYS * DAY + HOUR - (NOW % HOUR), NOW - NOW % HOUR)
    assert (np.diff(registers(history), axis=0) >= 0).all()


def test_the_same_seed_gives_the_same_past(world: tuple[District, Customers]) -> None:
    district, customers = world
    one, other = (History(Load(district, customers=customers), NOW - 2 * DAY, NOW) for _ in range(2))
    assert (registers(one) == registers(other)).all()


def test_live_registers_go_on_where_the_past_ends_and_the_profile_with_them(
    world: tuple[District, Customers],
) -> None:
    district, customers = world
    load = Load(district, customers=customers)
    history = History(load, NOW - DAY, NOW)
    last, count = registers(history)[-1], len(history.at)
    lit = Dark(np.zeros(len(district.network), np.uint8))
    moment = NOW
    while moment < NOW - NOW % HOUR + HOUR + MINUTE:
        moment += 10 * SECOND
        shot = load.snapshot(moment, lit)
        history.note(load)
    assert (shot.meters["energy_import"] >= last[0, : len(district.node)]).all()
    assert len(history.at) == count + 1
    at, values = history.between(0, NOW, NOW + HOUR)
    assert at.tolist() == [NOW - NOW % HOUR + HOUR]
    used = values[0, 0] - last[0, 0]
    assert used == pytest.approx(by_hour_before(history), rel=1.5)


def by_hour_before(history: History) -> float:
    hourly = np.diff(registers(history)[:, 0, 0])
    return float(hourly.mean())


def test_one_takes_round_the_meter_what_the_transformer_counts(
    world: tuple[District, Customers], past: tuple[History, Load]
) -> None:
    district, customers = world
    (thief,) = customers.thieves()
    t = int(district.transformer[thief])
    days, below = by_day(past[0]), np.flatnonzero(district.transformer == t)
    supplied, sold = days[:, len(district.node) + t], days[:, below].sum(axis=1)
    loss = 1 - sold / supplied
    before, after = loss[:-THEFT_DAYS], loss[-THEFT_DAYS:]
    assert ((before > 0.003) & (before < 0.04)).all()
    assert ((after > 0.08) & (after < 0.4)).all()
    kept = days[-THEFT_DAYS:, thief].mean() / days[:-THEFT_DAYS, thief].mean()
    assert kept == pytest.approx(1 - STOLEN, abs=0.08)


def test_one_moves_out_and_the_transformer_sees_it_too(
    world: tuple[District, Customers], past: tuple[History, Load]
) -> None:
    district, customers = world
    (empty,) = customers.vacant()
    (thief,) = customers.thieves()
    t = int(district.transformer[empty])
    assert t != district.transformer[thief]
    days, below = by_day(past[0]), np.flatnonzero(district.transformer == t)
    assert days[-VACANT_DAYS + 1 :, empty].max() < 0.05 * days[: -VACANT_DAYS - 1, empty].min()
    loss = 1 - days[:, below].sum(axis=1) / days[:, len(district.node) + t]
    assert ((loss > 0.003) & (loss < 0.04)).all()


def test_panels_feed_in_by_day_and_chargers_load_in_the_evening(
    world: tuple[District, Customers], past: tuple[History, Load]
) -> None:
    district, customers = world
    panels, chargers = np.flatnonzero(customers.panel_w), np.flatnonzero(customers.charger_w)
    assert len(panels)
    assert len(chargers)
    hourly = np.diff(registers(past[0]), axis=0)
    hour = ((past[0].at[:-1] + OFFSET) % DAY) // HOUR
    assert hourly[:, 1][(hour > 9) & (hour < 14)][:, panels].sum() > 0
    assert hourly[:, 1][(hour < 5) | (hour > 19)][:, panels].sum() == 0
    others = np.setdiff1d(np.arange(len(district.node)), panels)
    assert hourly[:, 1][:, others].sum() == 0
    evening, noon = (hour >= 19) & (hour < 23), (hour >= 10) & (hour < 14)
    homes = np.flatnonzero((district.klass == 0) & (customers.charger_w == 0) & (customers.panel_w == 0))
    with_car, ordinary = (
        hourly[evening, 0][:, those].sum() / hourly[noon, 0][:, those].sum() for those in (chargers, homes)
    )
    assert with_car > 1.3 * ordinary


def test_devices_say_what_is_registered(world: tuple[District, Customers]) -> None:
    district, customers = world
    for row, device in enumerate(district.meters):
        assert device.attributes.get("generation_kw", "") == ("4" if customers.panel_w[row] else "")
        if customers.charger_w[row]:
            assert float(device.attributes["contract_kw"]) >= 4 + customers.charger_w[row] / 1e3


@pytest.mark.parametrize("meters", [4, 20, 40, 100])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_there_is_a_thief_in_small_districts_too(meters: int, seed: int) -> None:
    district, customers = cast(build(meters, seed, terminals="trunk"), NOW, offset=OFFSET)
    assert len(customers.thieves()) == 1
    assert set(customers.thieves()).isdisjoint(customers.vacant())
    taken = (customers.tapped_from < NOW) | (customers.away_from < NOW)
    assert not (taken & ((customers.charger_w > 0) | (customers.panel_w > 0))).any()
    assert len(district.meters) == meters


def test_the_archive_holds_what_devices_would_show(
    world: tuple[District, Customers], past: tuple[History, Load], tmp_path: Path
) -> None:
    district, _ = world
    past[0].write(tmp_path / "history.npz", district)
    with np.load(tmp_path / "history.npz") as archive:
        names, table = archive["device"].tolist(), archive["energy_import"]
        assert (archive["at"] == past[0].at).all()
        assert archive["energy_export"].shape == table.shape
    columns = column_of(district)
    assert names == list(columns)
    exact = registers(past[0])[:, 0, [columns[name] for name in names]]
    assert np.abs(table - exact).max() < 0.02
    assert (np.diff(table, axis=0) >= 0).all()
    three = next(i for i, d in enumerate(district.meters) if d.profile == "acrel-adw300")
    assert table[0, three] * 100 == pytest.approx(round(table[0, three] * 100), abs=1e-6)


def test_what_is_shown_never_falls() -> None:
    rising = np.linspace(8000, 8000.01, 400).reshape(-1, 1, 1) * np.ones((1, 2, 3))
    told = as_shown(rising, ["", "eastron-sdm120", "acrel-adw300"])
    assert (np.diff(told, axis=0) >= 0).all()
    assert len(np.unique(told[:, 0, 1])) < 30  # a float32 holds no more
