from __future__ import annotations

import numpy as np
import pytest

from gateway.core.clock import HOUR, MINUTE, SECOND, parse_time
from gateway.core.network import phase_mask
from simulator.district import NOMINAL_V, District
from simulator.faults import Dark, Faults
from simulator.layout import build
from simulator.load import Load
from simulator.noise import uniform, wander

NOON = parse_time("2026-03-02T12:00:00+08:00")


@pytest.fixture(scope="module")
def district() -> District:
    return build(300, seed=11)


def all_on(district: District) -> Dark:
    return Dark(np.zeros(len(district.network), np.uint8))


def test_demand_depends_on_seed_and_time_only(district: District) -> None:
    one, other = Load(district), Load(build(300, seed=11))
    one.snapshot(NOON, all_on(district))
    assert (one.demand(NOON + HOUR) == other.demand(NOON + HOUR)).all()
    assert (one.demand(NOON) != one.demand(NOON + HOUR)).any()
    assert (Load(build(300, seed=12)).demand(NOON).sum()) != one.demand(NOON).sum()


def test_homes_use_more_in_the_evening_than_at_night_and_their_mean_is_kept(district: District) -> None:
    load = Load(district)
    homes = district.klass == 0
    day = np.array([load.demand(NOON + h * HOUR)[homes].sum() for h in range(24)])  # from noon on
    assert day[7] > 2 * day[15]  # 19:00 against 03:00
    assert day.mean() == pytest.approx(district.mean_w[homes].sum(), rel=0.1)


def test_powers_currents_and_voltages_agree(district: District) -> None:
    meters = Load(district).snapshot(NOON, all_on(district)).meters
    from_phases = sum(
        meters[f"voltage_{p}"] * meters[f"current_{p}"] * meters[f"power_factor_{p}"] for p in "abc"
    )
    assert from_phases == pytest.approx(meters["active_power"])
    assert np.hypot(meters["active_power"], meters["reactive_power"]) == pytest.approx(
        meters["apparent_power"]
    )
    assert ((meters["voltage_a"] > 0.9 * NOMINAL_V) & (meters["voltage_a"] < 1.07 * NOMINAL_V)).all()
    single = district.single
    assert (meters["voltage_b"][single] == 0).all()
    assert (meters["voltage_b"][~single] > 0.9 * NOMINAL_V).all()


def test_voltage_follows_load(district: District) -> None:
    load = Load(district)
    moments = [NOON + 15 * MINUTE * k for k in range(48)]
    shots = [load.snapshot(at, all_on(district)) for at in moments]
    for t in range(len(district.transformers)):
        power = np.array([s.terminals["active_power"][t] for s in shots])
        voltage = np.array([sum(s.terminals[f"voltage_{p}"][t] for p in "abc") for s in shots])
        assert np.corrcoef(power, voltage)[0, 1] < -0.3
    last = shots[-1]
    behind = [last.terminals[f"voltage_{p}"].max() for p in "abc"]
    assert last.meters["voltage_a"].min() < min(behind)


def test_energy_registers_integrate_the_power_shown(district: District) -> None:
    load = Load(district)
    before = load.snapshot(NOON, all_on(district))
    expected = np.zeros(len(district.node))
    register, power = before.meters["energy_import"], before.meters["active_power"]
    for k in range(1, 61):
        now = load.snapshot(NOON + k * SECOND, all_on(district))
        expected += (power + now.meters["active_power"]) / 2 / 3600 / 1000
        assert (now.meters["energy_import"] >= register).all()
        register, power = now.meters["energy_import"], now.meters["active_power"]
    assert register - before.meters["energy_import"] == pytest.approx(expected, abs=1e-9)
    through = now.terminals["energy_import"] - before.terminals["energy_import"]
    lost = 1 - np.bincount(district.transformer, weights=expected) / through
    assert ((lost > 0.002) & (lost < 0.06)).all()  # in the lines


def test_nothing_flows_where_there_is_no_supply_and_registers_stand_still(district: District) -> None:
    faults = Faults(district.network)
    faults.begin(district.transformers[0], NOON)
    load = Load(district)
    load.snapshot(NOON, faults.dark(NOON))
    first = load.snapshot(NOON + SECOND, faults.dark(NOON))
    later = load.snapshot(NOON + HOUR, faults.dark(NOON))
    below = district.transformer == 0
    assert (later.alive == ~below).all()
    assert later.supplied.tolist() == [False] + [True] * (len(district.transformers) - 1)
    for quantity in ("voltage_a", "current_a", "active_power", "frequency"):
        assert (later.meters[quantity][below] == 0).all()
        assert later.terminals[quantity][0] == 0
    stood = later.meters["energy_import"] == first.meters["energy_import"]
    assert (stood == below).all()
    assert later.terminals["battery_ok"][0] == 1


def test_a_lost_phase_darkens_only_who_hangs_on_it(district: District) -> None:
    faults = Faults(district.network)
    faults.begin(district.transformers[1], NOON, phases="B")
    shot = Load(district).snapshot(NOON, faults.dark(NOON))
    below = district.transformer == 1
    letters = np.array([phase_mask(d.phases) for d in district.meters])
    assert (shot.alive == ~(below & (letters == 2))).all()
    three = below & ~district.single
    assert (shot.meters["voltage_b"][three] == 0).all()
    assert (shot.meters["voltage_a"][three] > 200).all()
    assert shot.supplied.all()


def test_a_feeders_head_reports_its_own_fault_and_not_one_further_down(district: District) -> None:
    faults = Faults(district.network)
    faults.begin("F1", NOON)
    faults.begin(district.transformers[-1], NOON)
    heads = Load(district).snapshot(NOON, faults.dark(NOON)).feeders
    assert heads["breaker_closed"].tolist() == [0.0] + [1.0] * (len(district.feeders) - 1)
    assert heads["fault_indicator"].tolist() == [1.0] + [0.0] * (len(district.feeders) - 1)
    assert heads["voltage_a"][0] == 0
    assert heads["voltage_a"][1] == pytest.approx(5975, rel=0.02)


def test_noise_is_even_and_smooth() -> None:
    numbers = uniform(1, 1, np.arange(20_000))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert numbers.mean() == pytest.approx(0.5, abs=0.01)
    assert numbers.std() == pytest.approx(12**-0.5, abs=0.01)
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.03
    steps = np.array([wander(1, 2, [5], t * SECOND, MINUTE)[0] for t in range(300)])
    assert np.abs(np.diff(steps)).max() < 0.06
    assert np.ptp(steps) > 0.3
