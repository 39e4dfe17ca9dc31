"""Supply quality on bad field data: no incident without a cause, and none ended or begun anew without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import GATEWAY, Batch, Entry, Event, Incident, Signal, SignalKind, Tick
from gateway.core.network import Network
from processors.quality.detector import QualityDetector
from processors.quality.settings import QualitySettings

START = 1_772_352_000 * SECOND
QUANTITIES = (
    "voltage_a", "voltage_b", "voltage_c", "voltage_unbalance", "frequency", "active_power", "apparent_power",
    "temperature",
)  # fmt: skip
Told = Mapping[str, float]
Readings = Callable[[int], Mapping[str, Told]]


def places(
    meters: int = 4,
    *,
    interval_s: int = 60,
    transformers: int = 1,
    rated: str = "100",
    without: Sequence[str] = (),
) -> Inventory:
    """A feeder of transformers T0 … with a terminal X0 … and meters M0-0 … each."""
    ids, parents, kinds = ["S", "F"], ["", "S"], ["substation", "feeder"]
    devices = []
    for t in range(transformers):
        ids.append(f"T{t}")
        parents.append("F")
        kinds.append("transformer")
        devices.append(Device(id=f"X{t}", node=f"T{t}", kind="terminal", customers=0, interval_s=interval_s))
        for m in range(meters):
            ids.append(f"H{t}-{m}")
            parents.append(f"T{t}")
            kinds.append("service")
            devices.append(Device(id=f"M{t}-{m}", node=f"H{t}-{m}", interval_s=interval_s))
    attributes = [{"rated_kva": rated} if kind == "transformer" else {} for kind in kinds]
    listed = [device for device in devices if device.id not in without]
    return Inventory(
        listed, Network(ids, parents, kinds, attributes=attributes), known=[d.id for d in devices]
    )


def fresh(inventory: Inventory) -> QualityDetector:
    return QualityDetector(inventory, QualitySettings(forget_s=3600))


def batch(inventory: Inventory, at: int, readings: Mapping[str, Told]) -> Batch:
    rows = [[told.get(name, np.nan) for name in QUANTITIES] for told in readings.values()]
    keys = [inventory.ids.index(name) for name in readings]
    return Batch.of(QUANTITIES, keys, np.full(len(keys), at), rows)


def run(detector: QualityDetector, minutes: range, readings: Readings, *, late_s: int = 0) -> list[Event]:
    """At each of these minutes what `readings` gives, a tick every minute."""
    events = []
    for number in range(minutes.start, minutes.stop):
        at = START + number * MINUTE
        if number in minutes:
            detector.observe(batch(detector.inventory, at + late_s * SECOND, readings(number)))
        events += detector.advance(at + MINUTE)
    return events


def play(
    detector: QualityDetector, minutes: range, readings: Readings, *, late_s: int = 0
) -> list[tuple[str, str]]:
    """What was told then, and where."""
    events = run(detector, minutes, readings, late_s=late_s)
    return [(event.change.value, event.incident.node) for event in events]


def volts(value: float, *names: str, **more: float) -> Readings:
    told = {"voltage_a": value, "voltage_b": value, "voltage_c": value, **more}
    return lambda _: dict.fromkeys(names, told)


def silence(_: int) -> Mapping[str, Told]:
    return {}


def signal(kind: SignalKind, minute: int, *, device: int = GATEWAY, since: int | None = None) -> Signal:
    occurred = None if since is None else START + since * MINUTE
    return Signal(
        kind=kind, device=device, received_at=START + minute * MINUTE, occurred_at=occurred, source="mqtt:a"
    )


LOW, GOOD = volts(205.0, "M0-0"), volts(230.0, "M0-0")


def test_one_reading_of_a_quarter_of_an_hour_is_no_mean_and_two_are() -> None:
    slow = places(interval_s=900)

    def once(number: int) -> Mapping[str, Told]:
        return LOW(0) if number == 30 else GOOD(0)

    assert play(fresh(slow), range(0, 180, 15), once) == []
    detector = fresh(slow)
    assert play(detector, range(0, 60, 15), LOW) == [("opened", "H0-0")]
    assert play(detector, range(60, 75, 15), GOOD) == []
    assert play(detector, range(75, 120, 15), GOOD) == [("closed", "H0-0")]


def test_two_readings_that_are_far_apart_are_not_in_a_row() -> None:
    detector = fresh(places(interval_s=900))
    assert play(detector, range(0, 15, 15), LOW) == []
    assert play(detector, range(15, 300, 15), silence) == []
    assert play(detector, range(300, 315, 15), LOW) == []


def test_meters_that_report_by_the_hour_do_not_leave_in_between() -> None:
    detector = fresh(places(interval_s=3600))
    told = []
    for hour in range(8):
        told += play(detector, range(60 * hour, 60 * hour + 60, 60), LOW, late_s=120 * hour)
    assert told == [("opened", "H0-0")]


def test_while_the_gateway_is_away_nothing_ends() -> None:
    detector = fresh(places())
    assert play(detector, range(12), LOW) == [("opened", "H0-0")]
    detector.notice(signal(SignalKind.GATEWAY_DOWN, 300, since=12))
    detector.notice(signal(SignalKind.GATEWAY_UP, 300, since=300))
    assert play(detector, range(300, 330), LOW) == []
    assert play(detector, range(330, 360), GOOD) == [("closed", "H0-0")]


def test_while_the_broker_is_away_nothing_ends_and_when_it_is_back_who_stays_silent_leaves() -> None:
    detector = fresh(places())
    assert play(detector, range(12), LOW) == [("opened", "H0-0")]
    detector.notice(signal(SignalKind.CONNECTION_LOST, 12))
    assert play(detector, range(12, 200), silence) == []
    restored = fresh(detector.inventory)
    restored.restore(detector.snapshot())
    restored.notice(signal(SignalKind.CONNECTION_MADE, 200))
    assert play(restored, range(200, 240), silence) == []
    assert play(restored, range(240, 290), silence) == [("closed", "H0-0")]


def test_an_outage_or_a_loss_of_communications_does_not_end_it() -> None:
    detector = QualityDetector(places(), QualitySettings())
    assert play(detector, range(12), LOW) == [("opened", "H0-0")]
    assert play(detector, range(12, 200), silence) == []
    assert play(detector, range(200, 240), LOW) == []
    assert play(detector, range(240, 22 * 60), silence) == []
    (closed,) = run(detector, range(22 * 60, 30 * 60), silence)
    assert "not observed any more" in closed.incident.summary
    assert closed.incident.restored_at is None


def test_an_old_incident_of_the_database_stays_until_means_say_otherwise() -> None:
    (opened,) = run(fresh(places()), range(12), LOW)
    detector = fresh(places())
    detector.adopt([opened.incident], [])
    assert play(detector, range(305, 340), LOW) == [("updated", "H0-0")]
    assert play(detector, range(340, 360), GOOD) == [("closed", "H0-0")]


def test_a_mean_in_which_supply_failed_or_came_back_says_nothing() -> None:
    """Supply is back at minute 13, with all that waited for it switched on; meanwhile there was no reading."""
    detector = fresh(places())
    key = detector.inventory.ids.index("M0-0")
    assert play(detector, range(8), GOOD) == []
    detector.notice(signal(SignalKind.LAST_GASP, 8, device=key))
    detector.notice(signal(SignalKind.POWER_RESTORED, 14, device=key, since=13))
    assert play(detector, range(8, 13), silence) == []
    assert play(detector, range(13, 20), LOW) == []
    assert play(detector, range(20, 50), GOOD) == []


@pytest.mark.parametrize(
    "told",
    [
        {"active_power": 50e6},  # mW for W
        {"apparent_power": 50e6},
        {"active_power": -50e3},  # never drew any: its transformers of current are reversed
        {"active_power": -50e6},
        {"active_power": 40e3, "apparent_power": 1e300},
        {"temperature": 49.0},  # on a cold night before, 5
        {"voltage_a": 5773.0, "voltage_b": 5773.0, "voltage_c": 5773.0},
        {"voltage_a": 400.0, "voltage_b": 400.0, "voltage_c": 400.0},
        {"voltage_unbalance": float("inf"), "frequency": 1e12},
    ],
)
def test_units_and_signs_that_are_wrong_open_nothing(told: Told) -> None:
    detector = fresh(places())
    assert play(detector, range(-30, 0), lambda _: {"X0": {"temperature": 5.0}}) == []
    assert play(detector, range(60), lambda _: {"X0": told, "M0-0": told, "M0-1": told}) == []


def test_a_rating_of_nothing_is_none() -> None:
    detector = fresh(places(rated="0"))
    drawn, back = {"X0": {"active_power": 50e3}}, {"X0": {"active_power": -50e3}}
    assert play(detector, range(20), lambda _: drawn) == []
    assert play(detector, range(20, 40), lambda _: back) == []


def test_apparent_power_that_is_less_than_active_power_was_not_measured() -> None:
    told = {"X0": {"active_power": 130e3, "apparent_power": 130.0}}
    assert play(fresh(places()), range(12), lambda _: told) == [("opened", "T0")]


@pytest.mark.parametrize(
    ("told", "events"),
    [
        ({"M0-0": 49.0}, []),  # the only one
        ({"M0-0": 49.0, "M0-1": 50.0}, []),
        ({"M0-0": 49.0, "M0-1": 50.0, "X0": 50.0}, []),
        ({"M0-0": 49.0, "M0-1": 51.0, "M0-2": 49.0, "X0": 51.0}, []),
        ({"M0-0": 49.7, "M0-1": 49.7}, [("opened", "S")]),
        ({"M0-0": 50.3, "M0-1": 50.3, "X0": 50.0}, [("opened", "S")]),
        ({"M0-0": 50.2, "M0-1": 49.8}, []),  # the limit itself is within it
    ],
)
def test_frequency_is_what_more_than_half_agree_upon(
    told: Mapping[str, float], events: list[tuple[str, str]]
) -> None:
    readings = {name: {"frequency": hertz} for name, hertz in told.items()}
    assert play(fresh(places()), range(12), lambda _: readings) == events


def test_frequency_that_nobody_tells_any_more_is_over_at_last() -> None:
    detector = fresh(places())
    off = {name: {"frequency": 49.7} for name in ("M0-0", "M0-1")}
    assert play(detector, range(12), lambda _: off) == [("opened", "S")]
    assert play(detector, range(12, 60), silence) == []
    (closed,) = run(detector, range(60, 100), silence)
    assert "not observed any more" in closed.incident.summary


def test_frequency_of_the_database_goes_on_until_somebody_tells_it() -> None:
    off = {name: {"frequency": 49.7} for name in ("M0-0", "M0-1")}
    good = {name: {"frequency": 50.0} for name in ("M0-0", "M0-1")}
    (opened,) = run(fresh(places()), range(12), lambda _: off)
    detector = fresh(places())
    detector.adopt([opened.incident], [])
    assert play(detector, range(300, 340), silence) == [("updated", "S")]
    assert play(detector, range(340, 360), lambda _: good) == [("closed", "S")]


@pytest.mark.parametrize(("name", "told", "opens"), [
    ("M0-0", {}, False),  # phases of a meter alone: the neutral may have shifted
    ("M0-0", {"voltage_unbalance": 2.6}, True),
    ("M0-0", {"voltage_unbalance": 2.0}, False),
    ("X0", {}, True),  # on the busbar it has not
])  # fmt: skip
def test_unbalance_is_told_where_it_is_known(name: str, told: Told, opens: bool) -> None:
    """√(ΣU²−ΣUU′)/ΣU of 216, 230 and 236 V is 2.6 %; all are within ±7 % of 230 V."""
    row = {"voltage_a": 216.0, "voltage_b": 230.0, "voltage_c": 236.0, **told}
    assert bool(play(fresh(places()), range(12), lambda _: {name: row})) is opens


def test_meters_here_and_there_are_not_their_feeder() -> None:
    many = places(transformers=24)
    low = {"voltage_a": 205.0, "voltage_b": 205.0, "voltage_c": 205.0}
    good = dict.fromkeys(low, 230.0)

    def stray(_: int) -> Mapping[str, Told]:
        return {name: low if name.endswith("-0") and int(name[1:-2]) < 5 else good for name in many.ids}

    assert play(fresh(many), range(12), stray) == [("opened", f"H{t}-0") for t in range(5)]


def test_a_hot_place_may_become_usual() -> None:
    detector = fresh(places())
    assert play(detector, range(30), lambda _: {"X0": {"temperature": 35.0}}) == []
    hot: Readings = lambda _: {"X0": {"temperature": 62.0}}  # noqa: E731
    assert play(detector, range(30, 45), hot) == [("opened", "T0")]
    assert play(detector, range(45, 240), hot) == []
    assert play(detector, range(240, 24 * 60), hot) == [("closed", "T0")]
    assert play(detector, range(24 * 60, 25 * 60), lambda _: {"X0": {"temperature": 86.0}})[-1:] == [
        ("opened", "T0")
    ]


def test_a_device_that_is_taken_out_leaves_and_the_others_go_on() -> None:
    both = volts(205.0, "M0-0", "M1-0")
    detector = fresh(places(transformers=2))
    assert play(detector, range(12), both) == [("opened", "H0-0"), ("opened", "H1-0")]
    changed = fresh(places(transformers=2, without=["M0-0"]))
    changed.restore(detector.snapshot())
    assert play(changed, range(12, 40), both) == [("closed", "H0-0")]


def test_meters_that_have_no_voltage_elsewhere_are_judged_by_what_they_have() -> None:
    network = Network(["T", "H"], ["", "T"], ["transformer", "service"])
    one = Inventory([Device(id="m", node="H", phases="C")], network)
    row = {"voltage_a": 200.0, "voltage_b": 0.0, "voltage_c": 0.0}
    (opened,) = run(fresh(one), range(12), lambda _: {"m": row})
    assert opened.incident.phases == "C"
    assert opened.incident.evidence["limit"] == pytest.approx(207.0)  # −10 % on one phase


_SIGNALS = (
    SignalKind.GATEWAY_DOWN, SignalKind.GATEWAY_UP, SignalKind.CONNECTION_LOST, SignalKind.CONNECTION_MADE,
    SignalKind.LAST_GASP, SignalKind.POWER_RESTORED,
)  # fmt: skip
_SMALL = places(3, interval_s=300, transformers=2)


def stream(seed: int) -> list[Entry]:
    """Ticks every five minutes; between them rows of any devices, late and unordered, and signals."""
    random = np.random.default_rng(seed)
    likely = random.choice([230.0, 205.0, 260.0, 150.0, 0.0], 2)
    entries: list[Entry] = []
    for tick in range(int(random.integers(4, 40))):
        at = START + tick * 5 * MINUTE
        n = int(random.integers(0, 16))
        values = np.full((n, len(QUANTITIES)), np.nan)
        values[:, :3] = random.choice([*likely, 213.9, 246.1, np.nan], (n, 1))
        values[:, 4] = random.choice([50.0, 50.3, 198.0, np.nan])
        values[:, 5] = random.choice([-40e3, 20e3, 130e3], n)
        values[:, 7] = random.choice([40.0, 70.0, 90.0], n)
        ages = random.choice([0, 1, 7, 20, 90, -3], n).astype(np.int64)
        keys = random.integers(0, len(_SMALL), n)
        entries.append(Batch.of(QUANTITIES, keys, at - ages * MINUTE, values, received_at=np.full(n, at)))
        if random.random() < 0.2:
            kind = _SIGNALS[int(random.integers(len(_SIGNALS)))]
            own = kind in (SignalKind.LAST_GASP, SignalKind.POWER_RESTORED)
            entries.append(Signal(kind=kind, device=1 if own else GATEWAY, received_at=at, source="mqtt:a"))
        entries.append(Tick(at=at + 4 * MINUTE))
    return entries


def feed(detector: QualityDetector, entry: Entry) -> list[Event]:
    match entry:
        case Batch():
            detector.observe(entry)
        case Signal():
            detector.notice(entry)
        case Tick():
            return detector.advance(entry.at)
    return []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(2, 7))
def test_however_a_stream_is_cut_and_restored_the_same_comes_out(seed: int, cut: int, every: int) -> None:
    entries = stream(seed)
    whole, parts = fresh(_SMALL), fresh(_SMALL)
    plain = [event for entry in entries for event in feed(whole, entry)]
    told: list[Event] = []
    for i, entry in enumerate(entries):
        if isinstance(entry, Batch):
            for at in range(0, len(entry), cut):
                some = slice(at, at + cut)
                parts.observe(
                    Batch.of(
                        QUANTITIES,
                        entry.device[some],
                        entry.measured_at[some],
                        entry.values[some],
                        received_at=entry.received_at[some],
                    )
                )
        else:
            told += feed(parts, entry)
        if i % every == 0:
            state, parts = parts.snapshot(), fresh(_SMALL)
            parts.restore(state)
    assert told == plain
    standing: dict[str, Incident] = {}
    for event in plain:
        assert (event.change.value == "opened") is (event.incident.id not in standing)
        standing[event.incident.id] = event.incident
    assert {i for i, incident in standing.items() if incident.state.value == "open"} == whole.open_ids()
