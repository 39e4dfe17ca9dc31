"""Whatever is missing or wrong in between: no energy is invented, and intervals add up to what the register counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.clock import MINUTE
from gateway.core.meterdata import IntervalStatus
from tests.unit.vee_cases import SLOT, T0, made, meters, registers

N = 200
uses = st.lists(st.floats(0.01, 5.0).map(lambda value: round(value, 2)), min_size=N, max_size=N)
nothing = st.sampled_from([float("nan"), 0.0, 4294967295.0, 42949672.95, -1.0, 99999.0])
wrongs = st.dictionaries(st.integers(1, N - 1), nothing, max_size=120)


@settings(max_examples=20, deadline=None)
@given(uses, wrongs)
def test_intervals_add_up_to_the_register_whatever_is_no_value(
    use: list[float], wrong: dict[int, float]
) -> None:
    register = 10_000 + np.concatenate([[0.0], np.cumsum(use)])
    read = register.copy()
    for place, value in wrong.items():
        read[place] = value
    found = made(registers(read), N)
    good = np.setdiff1d(np.arange(N + 1), list(wrong))
    for low, high in zip(good[:-1].tolist(), good[1:].tolist(), strict=True):
        assert found.value[low:high].sum() == pytest.approx(
            register[high] - register[low], rel=1e-3, abs=1e-6
        )
    assert found.value.sum() == pytest.approx(register[-1] - register[0], rel=1e-6)
    assert (found.value >= 0).all()


@settings(max_examples=20, deadline=None)
@given(uses, st.integers(2, N - 3), st.sampled_from(["rollover", "reset", "exchange up", "exchange down"]))
def test_no_energy_comes_of_what_happens_to_a_register(use: list[float], seam: int, what: str) -> None:
    capacity = 100_000.0
    begin = {"rollover": capacity - float(np.sum(use[:seam])) + use[seam - 1] / 2}.get(what, 50_000.0)
    register = begin + np.concatenate([[0.0], np.cumsum(use)])
    shift = {
        "rollover": -capacity,
        "reset": -register[seam],
        "exchange up": 20_000.0,
        "exchange down": -30_000.0,
    }[what]
    read = register.copy()
    read[seam:] += shift
    found = made(registers(read), N, of=meters({"register_digits": "5", "max_demand_kw": "40"}))
    elsewhere = np.delete(np.arange(N), seam - 1)
    assert found.value[elsewhere] == pytest.approx(np.array(use)[elsewhere], abs=1e-6)
    if what == "rollover":
        assert found.value[seam - 1] == pytest.approx(use[seam - 1], abs=1e-6)
    else:
        beside = use[seam - 2], use[seam]
        assert min(beside) - 1e-6 <= found.value[seam - 1] <= max(beside) + 1e-6
        assert found.status[seam - 1] == IntervalStatus.ESTIMATED


@settings(max_examples=20, deadline=None)
@given(
    uses,
    st.lists(st.integers(-4 * 60, 4 * 60), min_size=N + 1, max_size=N + 1),
    st.sets(st.integers(1, N - 1)),
)
def test_readings_at_any_time_add_up_over_whole_stretches(
    use: list[float], late: list[int], lost: set[int]
) -> None:
    at = T0 + SLOT * np.arange(N + 1) + MINUTE // 60 * np.array(late)
    at[0], at[-1] = T0, T0 + N * SLOT
    register = 10_000 + np.concatenate([[0.0], np.cumsum(use)])
    kept = np.setdiff1d(np.arange(N + 1), list(lost))
    found = made(registers(register[kept], at[kept]), N)
    assert found.value.sum() == pytest.approx(register[-1] - register[0], rel=1e-6)
    assert (found.value >= -1e-9).all()


@settings(max_examples=20, deadline=None)
@given(uses, wrongs, st.randoms(use_true_random=False))
def test_neither_neighbours_nor_the_order_of_rows_matter(
    use: list[float], wrong: dict[int, float], chance: object
) -> None:
    register = 10_000 + np.concatenate([[0.0], np.cumsum(use)])
    read = register.copy()
    for place, value in wrong.items():
        read[place] = value
    alone = made(registers(read), N)
    times = T0 + SLOT * np.arange(N + 1)
    rows = list(range(2 * (N + 1)))
    chance.shuffle(rows)  # type: ignore[attr-defined]
    both = registers(
        np.concatenate([register, read])[rows],
        np.tile(times, 2)[rows],
        device=np.repeat([0, 1], N + 1)[rows],
        received=np.tile(times, 2)[rows],
    )
    found = made(both, N, of=meters({}, {}))
    assert found.value[:N] == pytest.approx(np.array(use), abs=1e-6)
    assert found.value[N:] == pytest.approx(alone.value, abs=1e-6, nan_ok=True)
    assert found.status[N:].tolist() == alone.status.tolist()
    assert found.rules[N:].tolist() == alone.rules.tolist()
