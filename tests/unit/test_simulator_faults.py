from __future__ import annotations

import numpy as np
import pytest

from gateway.core.clock import SECOND
from simulator.district import District
from simulator.faults import Farewell, Faults
from simulator.layout import build

AT = 1_780_000_000 * SECOND


@pytest.fixture(scope="module")
def district() -> District:
    return build(120, seed=2)


def dark_nodes(faults: Faults, district: District, at: int) -> set[str]:
    mask = faults.dark(at).mask
    return {district.network.ids[i] for i in np.flatnonzero(mask)}


def test_everything_below_a_fault_is_dark_for_as_long_as_it_lasts(district: District) -> None:
    faults = Faults(district.network)
    faults.begin("F1-S1", AT, until=AT + 10 * SECOND)
    part = district.network.subtree(district.network.index("F1-S1"))
    assert dark_nodes(faults, district, AT - 1) == set()
    assert dark_nodes(faults, district, AT) == set(district.network.ids[part])
    assert dark_nodes(faults, district, AT + 10 * SECOND - 1) == set(district.network.ids[part])
    assert dark_nodes(faults, district, AT + 10 * SECOND) == set()


def test_ending_the_upper_fault_leaves_the_lower_one_dark(district: District) -> None:
    faults = Faults(district.network)
    service = district.network.ids[district.node[0]]
    faults.begin("F1", AT)
    faults.begin(service, AT + SECOND)
    assert faults.end("F1", AT + 2 * SECOND) == 1
    assert dark_nodes(faults, district, AT + 2 * SECOND) == {service}
    assert faults.end("F1", AT + 3 * SECOND) == 0


def test_part_of_a_fault_may_be_fed_some_other_way(district: District) -> None:
    faults, network = Faults(district.network), district.network
    faults.begin("F1", AT, until=AT + 10 * SECOND)
    below = network.ids[network.subtree(network.index("F1"))]
    first, second = (name for name in below if name in district.transformers[:2])
    assert faults.end(first, AT + SECOND) == 1
    fed = set(network.ids[network.subtree(network.index(first))])
    assert dark_nodes(faults, district, AT + SECOND - 1) == set(below)
    assert dark_nodes(faults, district, AT + SECOND) == set(below) - fed
    assert faults.end(first, AT + 2 * SECOND) == 0
    assert faults.active(AT) != faults.active(AT + SECOND)
    assert faults.end(second, AT + 3 * SECOND) == 1
    assert not dark_nodes(faults, district, AT + 3 * SECOND) & fed
    assert dark_nodes(faults, district, AT + 10 * SECOND) == set()
    assert faults.end("F1", AT + 4 * SECOND) == 1
    assert dark_nodes(faults, district, AT + 4 * SECOND) == set()


def test_impossible_faults_are_refused(district: District) -> None:
    faults = Faults(district.network)
    with pytest.raises(KeyError):
        faults.begin("nowhere", AT)
    with pytest.raises(ValueError, match="phases"):
        faults.begin("F1", AT, phases="AD")
    with pytest.raises(ValueError, match="cannot end"):
        faults.begin("F1", AT, until=AT)
    assert faults.active(AT) == ()


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.7, 1.0])
def test_the_delivery_rate_decides_how_many_are_heard(rate: float) -> None:
    devices = np.arange(4_000, dtype=np.int32)
    when, who = Farewell(delivery_rate=rate, gasp_delay_s=5.0).gasps(1, 1, devices, AT)
    assert len(set(who.tolist())) / len(devices) == pytest.approx(rate, abs=0.03)
    assert (np.diff(when) >= 0).all()


def test_gasps_are_delayed_and_sometimes_repeated() -> None:
    farewell = Farewell(delivery_rate=1.0, gasp_delay_s=5.0, repeat_rate=0.25, repeat_after_s=20.0)
    when, who = farewell.gasps(1, 1, np.arange(4_000, dtype=np.int32), AT)
    first = when[when < AT + 5 * SECOND]
    assert len(first) == 4_000
    assert first.min() < AT + SECOND / 10
    assert first.max() > AT + 4.9 * SECOND
    assert len(who) - 4_000 == pytest.approx(1_000, abs=120)
    assert when[len(first) :].min() >= AT + 20 * SECOND


def test_the_same_run_loses_the_same_gasps_and_the_next_outage_others() -> None:
    devices, farewell = np.arange(200, dtype=np.int32), Farewell()
    heard = [
        set(farewell.gasps(seed, n, devices, AT)[1].tolist()) for seed, n in ((1, 1), (1, 1), (1, 2), (2, 1))
    ]
    assert heard[0] == heard[1]
    assert heard[0] != heard[2]
    assert heard[0] != heard[3]


def test_every_meter_says_when_supply_is_back() -> None:
    when, who = Farewell(restore_delay_s=2.0).greetings(1, 2, np.arange(50, dtype=np.int32), AT)
    assert sorted(who.tolist()) == list(range(50))
    assert ((when >= AT) & (when < AT + 2 * SECOND)).all()


def test_settings_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="delivery_rate"):
        Farewell(delivery_rate=1.1)
    with pytest.raises(ValueError, match="gasp_delay_s"):
        Farewell(gasp_delay_s=-1)
