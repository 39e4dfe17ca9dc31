"""Events of meters: begun, grown severe and ended once each, by readings and by what meters say."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Float64s, MeterEvent, MeterEventKind, Quality, Signal, SignalKind
from gateway.core.network import Network
from gateway.core.ports import Noting
from processors.meterevents.conditions import judge
from processors.meterevents.detector import MeterEventDetector
from processors.meterevents.screen import screen
from processors.meterevents.settings import MeterEventSettings
from processors.meterevents.slots import SLOTS

Kind = MeterEventKind
START = 1_772_352_000 * SECOND
STEP = 30 * SECOND
THREE, ONE, SOLAR, CT, TERMINAL = range(5)
PLACES = Inventory(
    [
        Device(id="three", node="H", attributes={"imax_a": "80"}),
        Device(id="one", node="H", phases="B"),
        Device(id="solar", node="H", phases="C", attributes={"generation_kw": "5"}),
        Device(id="ct", node="H", attributes={"ct_ratio": "200/5"}),
        Device(id="terminal", node="T", kind="terminal", customers=0),
    ],
    Network(["T", "H"], ["", "T"], ["transformer", "service"]),
)
QUANTITIES = (
    "voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "current_n", "active_power",
    "active_power_a", "active_power_b", "active_power_c", "power_factor",
)  # fmt: skip
GOOD: dict[str, float] = dict.fromkeys(QUANTITIES[:3], 230.0) | dict.fromkeys(QUANTITIES[3:6], 4.0)


def fresh(settings: MeterEventSettings | None = None) -> MeterEventDetector:
    return MeterEventDetector(PLACES, settings or MeterEventSettings())


def reading(device: int, at: int, *, quality: int = 0, **values: float) -> Batch:
    row = [values.get(name, np.nan) for name in QUANTITIES]
    return Batch.of(QUANTITIES, [device], [at], [row], quality=[quality])


def play(
    detector: MeterEventDetector, device: int, *rows: dict[str, float], frm: int = 0, quality: int = 0
) -> list[MeterEvent]:
    """One row every half minute, a tick after each; the events told."""
    told: list[MeterEvent] = []
    for i, row in enumerate(rows, frm):
        detector.observe(reading(device, START + i * STEP, quality=quality, **row))
        assert detector.advance(START + i * STEP + SECOND) == []
        told += detector.notes()
    assert detector.notes() == []
    return told


SINGLE = {"voltage_a": 230.0, "current_a": 4.0}
CASES: list[tuple[MeterEventKind, int, dict[str, float], str]] = [
    (Kind.VOLTAGE_LOSS, THREE, GOOD | {"voltage_b": 170.0}, "B"),
    (Kind.UNDER_VOLTAGE, THREE, GOOD | {"voltage_c": 170.0}, "C"),
    (Kind.OVER_VOLTAGE, ONE, SINGLE | {"voltage_a": 280.0}, "B"),
    (Kind.PHASE_BREAK, THREE, GOOD | {"voltage_a": 0.0, "current_a": 0.0}, "A"),
    (Kind.CURRENT_LOSS, THREE, GOOD | {"current_a": 0.0}, "A"),
    (Kind.REVERSE_POWER, THREE, GOOD | {"active_power_c": -300.0}, "C"),
    (Kind.REVERSE_POWER, ONE, SINGLE | {"active_power": -300.0}, ""),
    (Kind.OVERLOAD, ONE, SINGLE | {"active_power": 17e3}, ""),
    (Kind.VOLTAGE_UNBALANCE, THREE, GOOD | {"voltage_a": 150.0}, ""),
    (Kind.CURRENT_UNBALANCE, THREE, GOOD | {"current_a": 2.0}, ""),
    (Kind.LOW_POWER_FACTOR, ONE, SINGLE | {"power_factor": -0.2}, ""),
    (Kind.NEUTRAL_CURRENT, ONE, SINGLE | {"current_n": 6.0}, ""),
    (Kind.NEUTRAL_CURRENT, THREE, GOOD | {"current_n": 1.0}, ""),
    (Kind.CURRENT_WITHOUT_VOLTAGE, ONE, SINGLE | {"voltage_a": 10.0}, ""),
]


def well(device: int) -> dict[str, float]:
    if device != THREE:
        return SINGLE | {"active_power": 900.0, "power_factor": 0.9, "current_n": 4.0}
    return GOOD | dict.fromkeys(QUANTITIES[8:11], 900.0) | {"current_n": 0.1}


@pytest.mark.parametrize(("kind", "device", "row", "phase"), CASES)
def test_a_condition_is_told_after_its_delay_and_its_end_too(
    kind: MeterEventKind, device: int, row: dict[str, float], phase: str
) -> None:
    detector = fresh()
    assert isinstance(detector, Noting)
    assert play(detector, device, well(device), row, row, frm=-1) == []
    (begun,) = [e for e in play(detector, device, row, frm=2) if e.kind is kind]
    assert (begun.device, begun.phase, begun.started_at, begun.ended_at) == (device, phase, START, None)
    assert begun.source == "readings"
    assert begun.limit is not None
    assert begun.extreme is not None
    assert play(detector, device, row, well(device), well(device), frm=3) == []
    (ended,) = [e for e in play(detector, device, well(device), frm=6) if e.kind is kind]
    assert ended.started_at == START
    assert ended.ended_at == START + 4 * STEP
    assert play(detector, device, well(device), well(device), frm=7) == []


LIMITS: list[tuple[MeterEventKind, int, str, tuple[float, float, float, float]]] = [
    # by hand from DL/T 698.45, Un = 230 V, Ib = 5 A: within, beyond, still so, over
    (Kind.VOLTAGE_LOSS, THREE, "voltage_a", (179.4, 179.3, 195.5, 195.6)),  # 78 %, 85 %
    (Kind.UNDER_VOLTAGE, THREE, "voltage_a", (179.4, 179.3, 188.3, 188.4)),  # 78 %, ×1.05
    (Kind.UNDER_VOLTAGE, THREE, "voltage_a", (137.9, 138.1, 150.0, 137.9)),  # dead below 60 %
    (Kind.OVER_VOLTAGE, ONE, "voltage_a", (276.0, 276.1, 262.3, 262.1)),  # 120 %, ×0.95
    (Kind.PHASE_BREAK, THREE, "voltage_b", (138.0, 137.9, 144.8, 145.0)),  # 60 %, ×1.05
    (Kind.CURRENT_LOSS, THREE, "current_c", (0.025, 0.024, 0.026, 0.027)),  # 0.5 % of Ib
    (Kind.REVERSE_POWER, ONE, "active_power", (-5.75, -5.76, -5.47, -5.45)),  # 0.5 % of Ib·Un
    (Kind.OVERLOAD, ONE, "active_power", (16560.0, 16561.0, 15733.0, 15731.0)),  # 1.2 · 60 A · Un
    (Kind.OVERLOAD, THREE, "active_power_a", (22080.0, 22081.0, 20977.0, 20975.0)),  # 1.2 · 80 A · Un
    (Kind.OVERLOAD, THREE, "active_power", (66240.0, 66241.0, 62929.0, 62927.0)),  # of all three
    (Kind.VOLTAGE_UNBALANCE, THREE, "voltage_a", (161.1, 161.0, 164.4, 164.5)),  # 30 %, 28.5 %
    (Kind.CURRENT_UNBALANCE, THREE, "current_a", (2.81, 2.8, 2.86, 2.87)),
    (Kind.LOW_POWER_FACTOR, ONE, "power_factor", (0.3, -0.299, 0.315, -0.316)),
    (Kind.NEUTRAL_CURRENT, ONE, "current_n", (3.21, 3.19, 3.23, 3.25)),  # 20 % of 4 A, 19 %
    (Kind.NEUTRAL_CURRENT, THREE, "current_n", (0.8, 0.81, 0.77, 0.75)),
    (Kind.CURRENT_WITHOUT_VOLTAGE, ONE, "voltage_a", (138.0, 137.9, 137.9, 138.1)),
    (Kind.CURRENT_WITHOUT_VOLTAGE, ONE, "current_a", (0.25, 0.26, 0.24, 0.23)),  # 5 % of Ib
]


@pytest.mark.parametrize(("kind", "device", "quantity", "values"), LIMITS)
def test_limits_and_where_a_condition_is_over(
    kind: MeterEventKind, device: int, quantity: str, values: tuple[float, float, float, float]
) -> None:
    detector = fresh()
    base = (GOOD if device == THREE else SINGLE) | {"current_n": np.nan}
    if kind is Kind.CURRENT_WITHOUT_VOLTAGE and quantity == "current_a":
        base |= {"voltage_a": 10.0}
    batch = Batch.of(
        QUANTITIES,
        [device] * 4,
        START + np.arange(4),
        [[(base | {quantity: value}).get(name, np.nan) for name in QUANTITIES] for value in values],
    )
    found = judge(batch, np.arange(4), detector.facts, detector.settings)
    phase = "abc".find(quantity[-1]) if quantity[-2] == "_" else -1  # whose channel it is
    slot = next(i for i, slot in enumerate(SLOTS) if slot.kind is kind and slot.phase in (phase, -1))
    holds, over = found.holds[:, slot], found.over[:, slot]
    assert holds[:2].tolist() == [False, True]
    assert over[1:].tolist() == [False, False, True]


def test_good_readings_and_what_is_shorter_than_the_delay_are_nothing() -> None:
    low = GOOD | {"voltage_b": 170.0}
    assert play(fresh(), THREE, *[well(THREE)] * 5) == []
    assert play(fresh(), THREE, low, low, well(THREE), low, low, well(THREE), well(THREE)) == []


def test_an_end_that_does_not_last_is_none() -> None:
    low = GOOD | {"voltage_b": 170.0}
    detector = fresh()
    assert len(play(detector, THREE, low, low, low)) == 2  # voltage loss and under-voltage
    assert play(detector, THREE, well(THREE), well(THREE), low, well(THREE), low, frm=3) == []


def test_an_outage_is_no_event_of_the_meter() -> None:
    dead = dict.fromkeys(QUANTITIES[:3], 0.0) | dict.fromkeys(QUANTITIES[3:6], 0.0)
    assert play(fresh(), THREE, *[dead] * 10) == []
    assert play(fresh(), ONE, *[{"voltage_a": 0.0, "current_a": 0.0}] * 10) == []


def test_phases_that_a_meter_does_not_have_are_none_of_its() -> None:
    row = {"voltage_a": np.nan, "voltage_b": 230.0, "voltage_c": 0.0, "current_c": 3.0}
    assert play(fresh(), ONE, *[row] * 5) == []


def test_registered_generation_may_feed_back_and_terminals_are_no_meters() -> None:
    row = SINGLE | {"active_power": -2000.0}
    assert play(fresh(), SOLAR, *[row] * 5) == []
    assert play(fresh(), TERMINAL, *[GOOD | {"voltage_a": 100.0}] * 5) == []


def test_limits_are_those_of_the_primary_side() -> None:
    watts = {"active_power": 3 * 230.0 * 240.0}  # 240 A through transformers of 200/5: Imax is 6 × 40
    assert play(fresh(), CT, *[GOOD | watts] * 5) == []
    kinds = {event.kind for event in play(fresh(), CT, *[GOOD | {"active_power": 210e3}] * 5)}
    assert Kind.OVERLOAD in kinds


def test_it_grows_severe_once_and_ends_with_its_extreme() -> None:
    part, most = GOOD | {"current_a": 2.0}, GOOD | {"current_a": 0.2}
    detector = fresh()
    (begun,) = play(detector, THREE, part, part, part)
    assert (begun.severe, begun.extreme, begun.limit) == (False, 50.0, 30.0)
    (severe,) = play(detector, THREE, most, most, part, frm=3)
    assert (severe.severe, severe.extreme, severe.started_at) == (True, 95.0, START)
    (ended,) = play(detector, THREE, *[well(THREE)] * 3, frm=6)
    assert (ended.severe, ended.extreme) == (True, 95.0)


def test_a_clock_at_fault_is_told_and_ends_by_a_time_of_its_own() -> None:
    detector = fresh()
    (begun,) = play(detector, ONE, *[SINGLE] * 3, quality=int(Quality.CLOCK_SUSPECT))
    assert (begun.kind, begun.extreme) == (Kind.CLOCK_FAULT, None)
    assert play(detector, ONE, *[SINGLE] * 4, frm=3, quality=int(Quality.TIME_ASSUMED)) == []
    (ended,) = play(detector, ONE, *[SINGLE] * 3, frm=7)
    assert ended.ended_at == START + 7 * STEP


def test_what_is_not_plausible_of_a_marked_row_is_no_value() -> None:
    row = GOOD | {"voltage_a": 1e7, "voltage_b": 0.0}
    (broken,) = [
        e
        for e in play(fresh(), THREE, row, row, row, quality=int(Quality.OUT_OF_RANGE))
        if e.kind is not Kind.VOLTAGE_UNBALANCE and e.kind is not Kind.VOLTAGE_LOSS
    ]
    assert (broken.kind, broken.phase) == (Kind.PHASE_BREAK, "B")


def test_two_readings_that_are_days_apart_confirm_nothing() -> None:
    low = GOOD | {"voltage_b": 170.0}
    detector = fresh()
    assert play(detector, THREE, low) == []
    assert play(detector, THREE, low, frm=10_000) == []
    begun = play(detector, THREE, low, low, frm=10_001)
    assert {event.started_at for event in begun} == {START + 10_000 * STEP}
    assert play(detector, THREE, well(THREE), frm=10_003) == []
    ended = play(detector, THREE, *[well(THREE)] * 3, frm=20_000)
    assert {event.ended_at for event in ended} == {START + 20_000 * STEP}


def test_a_row_that_may_be_an_old_one_says_nothing() -> None:
    low = GOOD | {"voltage_b": 170.0}
    assert play(fresh(), THREE, *[low] * 5, quality=int(Quality.REDELIVERED)) == []


def test_a_meter_that_sends_0_v_for_phases_it_does_not_have_is_judged_by_its_own() -> None:
    row = {"voltage_a": 230.0, "voltage_b": 0.0, "voltage_c": 0.0, "current_a": 4.0, "current_b": 0.0}
    assert play(fresh(), ONE, *[row] * 5) == []
    (begun,) = play(fresh(), ONE, *[row | {"voltage_a": 280.0}] * 3)
    assert (begun.kind, begun.phase) == (Kind.OVER_VOLTAGE, "B")


def signal(detail: str, at: int, kind: SignalKind = SignalKind.METER_EVENT) -> Signal:
    return Signal(kind=kind, device=THREE, received_at=at + SECOND, occurred_at=at, detail=detail)


def hear(detector: MeterEventDetector, *signals: Signal) -> list[MeterEvent]:
    for each in signals:
        detector.notice(each)
    detector.advance(START)
    return detector.notes()


def test_what_a_meter_tells_of_itself() -> None:
    detector = fresh()
    (begun,) = hear(detector, signal("cover_open", 1000), signal("cover_open", 2000))
    assert (begun.kind, begun.started_at, begun.ended_at, begun.source) == (
        Kind.COVER_OPEN,
        1000,
        None,
        "device",
    )
    (ended,) = hear(detector, signal("cover_open end; shut", 5000))
    assert (ended.started_at, ended.ended_at) == (1000, 5000)
    assert hear(detector, signal("cover_open", 1000)) == []  # a repeat from before
    (alone,) = hear(detector, signal("under_voltage end B; 171 V", 7000))
    assert (alone.kind, alone.phase, alone.started_at, alone.ended_at) == (
        Kind.UNDER_VOLTAGE,
        "B",
        7000,
        7000,
    )
    (tampered,) = hear(detector, signal("magnetic field", 9000, SignalKind.TAMPER))
    assert (tampered.kind, tampered.ended_at) == (Kind.MAGNETIC_FIELD, 9000)
    assert hear(detector, signal("nonsense", 9000), signal("", 9000)) == []


def wild(number: int) -> tuple[Float64s, list[int]]:
    generator = np.random.default_rng(number)
    n = len(PLACES)
    values = np.zeros((n, len(QUANTITIES)))
    values[:, :3] = generator.choice([0.0, 100.0, 170.0, 230.0, 290.0], (n, 3), p=[0.1, 0.1, 0.2, 0.5, 0.1])
    values[:, 3:7] = generator.choice([0.0, 1.0, 4.0, 40.0], (n, 4))
    values[:, 7:11] = generator.choice([-500.0, 0.0, 900.0, 30e3], (n, 4))
    values[:, 11] = generator.uniform(-1, 1, n)
    values[generator.random(values.shape) < 0.1] = np.nan
    return values, generator.choice([0, 0, 2, 8], n).tolist()


def test_however_cut_and_restored_the_same_comes_out() -> None:
    settings = MeterEventSettings(delay_s=45)
    n = len(PLACES)
    rows = [wild(number // 3) for number in range(150)]
    jitter = np.random.default_rng(5).integers(-40, 40, 150) * SECOND  # some rows are late
    at = [START + number * STEP + int(jitter[number]) for number in range(150)]
    plain, cut = fresh(settings), fresh(settings)
    told: list[MeterEvent] = []
    again: list[MeterEvent] = []
    for number in range(0, 150, 5):
        part = range(number, number + 5)
        plain.observe(
            Batch.of(
                QUANTITIES,
                np.tile(np.arange(n), 5),
                np.repeat([at[i] for i in part], n),
                np.concatenate([rows[i][0] for i in part]),
                received_at=np.full(5 * n, START + 200 * MINUTE),
                quality=np.concatenate([rows[i][1] for i in part]),
            )
        )
        for i in part:
            for device in range(n):
                cut.observe(
                    Batch.of(
                        QUANTITIES,
                        [device],
                        [at[i]],
                        rows[i][0][device],
                        received_at=[START + 200 * MINUTE],
                        quality=[rows[i][1][device]],
                    )
                )
            if i % 7 == 0:
                state = cut.snapshot()
                cut = fresh(settings)
                cut.restore(state)
        for detector, events in ((plain, told), (cut, again)):
            detector.advance(START + number)
            events += detector.notes()
    assert len(told) > 30
    assert {event.kind for event in told} >= {Kind.VOLTAGE_LOSS, Kind.REVERSE_POWER, Kind.CLOCK_FAULT}
    assert again == told


def test_whatever_holds_is_let_through_by_the_screen() -> None:
    detector, n = fresh(), len(PLACES)
    rows = [wild(number) for number in range(400)]
    batch = Batch.of(
        QUANTITIES,
        np.tile(np.arange(n), 400),
        np.repeat(START + np.arange(400), n),
        np.concatenate([values for values, _ in rows]),
        quality=np.concatenate([quality for _, quality in rows]),
    )
    everything = np.arange(len(batch))
    holds = judge(batch, everything, detector.facts, detector.settings).holds.any(axis=1)
    let_through = screen(batch, everything, detector.facts, detector.settings)
    assert holds.any()
    assert not (holds & ~let_through).any()


def test_a_meter_that_is_well_again_holds_no_memory() -> None:
    detector = fresh()
    play(detector, THREE, *[GOOD | {"voltage_b": 170.0}] * 4, *[well(THREE)] * 4)
    assert len(detector.table.busy) == 0


@pytest.mark.parametrize("state", [b"", b"feederline-quality-1\n", b"feederline-meter-events-1\n\xc1"])
def test_a_damaged_snapshot_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="snapshot of the meter event detector"):
        fresh().restore(state)
