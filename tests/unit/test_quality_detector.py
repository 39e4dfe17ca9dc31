"""Incidents of supply quality: who they concern, when they open and close, however the stream is cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    Batch,
    Event,
    Float64s,
    Incident,
    IncidentKind,
    IncidentState,
    Instruction,
    Order,
    Quality,
)
from gateway.core.network import Network
from gateway.recovery import Adopting
from processors.quality.detector import QualityDetector
from processors.quality.settings import QualitySettings

START = 1_772_352_000 * SECOND
FEEDERS, TRANSFORMERS, METERS = 3, 3, 4


def inventory() -> Inventory:
    ids, parents, kinds = ["S"], [""], ["substation"]
    attributes: list[dict[str, str]] = [{}]
    devices = []
    for f in range(FEEDERS):
        ids.append(f"F{f}")
        parents.append("S")
        kinds.append("feeder")
        attributes.append({})
        for t in range(TRANSFORMERS):
            name = f"T{f}{t}"
            ids.append(name)
            parents.append(f"F{f}")
            kinds.append("transformer")
            attributes.append({"rated_kva": "100"})
            devices.append(Device(id=f"X{f}{t}", node=name, kind="terminal", customers=0))
            for m in range(METERS):
                ids.append(f"H{f}{t}{m}")
                parents.append(name)
                kinds.append("service")
                attributes.append({})
                devices.append(Device(id=f"M{f}{t}{m}", node=f"H{f}{t}{m}"))
    return Inventory(devices, Network(ids, parents, kinds, attributes=attributes))


PLACES = inventory()
QUANTITIES = ("voltage_a", "voltage_b", "voltage_c", "frequency", "active_power", "temperature")
Shape = Callable[[Float64s, int], None]


def minute(number: int, shape: Shape, quality: int = 0) -> Batch:
    """A reading of every device in that minute of the stream; `shape` makes of good values what they are to be."""
    n = len(PLACES)
    values = np.tile([230.0, 230.0, 230.0, 50.0, 20e3, 40.0], (n, 1))
    shape(values, number)
    at = START + number * MINUTE + np.arange(n) * 1000
    return Batch.of(QUANTITIES, np.arange(n), at, values, quality=np.full(n, quality))


def key(*names: str) -> list[int]:
    return [i for i, device in enumerate(PLACES.ids) if device.startswith(names)]


def play(detector: QualityDetector, minutes: range, shape: Shape, quality: int = 0) -> list[Event]:
    events: list[Event] = []
    for number in minutes:
        detector.observe(minute(number, shape, quality))
        events += detector.advance(START + (number + 1) * MINUTE)
    return events


def setting(quantity: str, value: float, *names: str, until: int = 10**9, frm: int = 0) -> Shape:
    columns = [i for i, name in enumerate(QUANTITIES) if name.startswith(quantity)]

    def shape(values: Float64s, number: int) -> None:
        if frm <= number < until:
            values[np.ix_(key(*names), columns)] = value

    return shape


def fresh(settings: QualitySettings | None = None) -> QualityDetector:
    return QualityDetector(PLACES, settings or QualitySettings())


def told(events: Sequence[Event]) -> list[tuple[str, str]]:
    return [(event.change.value, event.incident.node) for event in events]


def test_one_meter_is_its_own_incident_from_a_mean_out_of_limits_to_one_inside() -> None:
    events = play(fresh(), range(45), setting("voltage_b", 205.0, "M000", until=20))
    assert told(events) == [("opened", "H000"), ("closed", "H000")]
    incident = events[0].incident
    assert incident.kind is IncidentKind.POWER_QUALITY
    assert incident.phases == "B"
    assert incident.customers == 1
    assert incident.devices == tuple(key("M000"))
    assert incident.started_at == START
    assert incident.detected_at == START + 11 * MINUTE
    assert incident.evidence["worst"] == 205.0
    assert incident.evidence["limit"] == pytest.approx(213.9)
    assert "the lowest 205.0 V at M000, limit 213.9 V (10-min means)" in incident.summary
    assert events[1].incident.state is IncidentState.CLOSED
    assert events[1].incident.restored_at == START + 31 * MINUTE
    assert events[1].incident.id == incident.id


@pytest.mark.parametrize(
    ("names", "node", "members", "customers"),
    [
        (["M00"], "T00", 4, 4),  # all meters
        (["M000", "M001"], "T00", 2, 2),  # half of those observed
        (["X00", "M000"], "T00", 2, 1),  # the terminal, not contradicted
        (["M00", "M01", "M02"], "F0", 12, 12),
        (["M0", "M1"], "S", 24, 24),
    ],
)
def test_what_most_below_a_place_share_is_one_incident_of_that_place(
    names: list[str], node: str, members: int, customers: int
) -> None:
    events = play(fresh(), range(12), setting("voltage", 250.0, *names))
    assert told(events) == [("opened", node)]
    assert len(events[0].incident.devices) == members
    assert events[0].incident.customers == customers
    assert "above its limit" in events[0].incident.summary


def test_a_terminal_that_its_meters_contradict_says_nothing_of_them() -> None:
    assert play(fresh(), range(12), setting("voltage", 200.0, "X00")) == []


def test_both_directions_at_once_are_two_incidents() -> None:
    def shape(values: Float64s, number: int) -> None:
        setting("voltage_a", 250.0, "M00")(values, number)
        setting("voltage_b", 205.0, "M00")(values, number)

    limits = QualitySettings(unbalance_percent=50)
    assert told(play(fresh(limits), range(12), shape)) == [("opened", "T00"), ("opened", "T00")]


def test_a_transformer_is_merged_into_its_feeder_and_comes_back_alone() -> None:
    def shape(values: Float64s, number: int) -> None:
        setting("voltage", 205.0, "M00")(values, number)
        setting("voltage", 205.0, "M01", "M02", frm=10, until=20)(values, number)

    events = play(fresh(), range(35), shape)
    assert told(events) == [
        ("opened", "T00"),
        ("opened", "F0"),
        ("merged", "T00"),
        ("opened", "T00"),
        ("closed", "F0"),
    ]
    assert events[2].incident.parent == events[1].incident.id
    assert events[3].incident.id != events[0].incident.id


def test_many_voltages_are_a_handful_of_incidents() -> None:
    meters = key("M")
    some = np.random.default_rng(3).choice(meters, len(meters) // 2, replace=False)

    def shape(values: Float64s, number: int) -> None:
        values[some, :3] = 205.0

    events = play(fresh(), range(60), shape)
    assert told(events) == [("opened", "S")]
    assert events[0].incident.devices == tuple(sorted(some.tolist()))


@pytest.mark.parametrize("volts", [0.0, 100.0])
def test_supply_that_is_off_is_no_matter_of_its_quality(volts: float) -> None:
    shape = setting("voltage_a", volts, "M00", until=25)
    assert play(fresh(), range(60), shape) == []  # the way back through 30 % of it included


def test_a_phase_that_comes_back_low_counts_once_it_is_above_the_threshold() -> None:
    def shape(values: Float64s, number: int) -> None:
        setting("voltage_a", 0.0, "M000", until=10)(values, number)
        setting("voltage_a", 170.0, "M000", frm=10)(values, number)

    assert play(fresh(), range(40), shape) == []  # 74 %: lost until above 80 %


@pytest.mark.parametrize("flag", [Quality.REDELIVERED, Quality.CLOCK_SUSPECT])
def test_rows_of_doubt_make_no_incident(flag: Quality) -> None:
    assert play(fresh(), range(12), setting("voltage", 250.0, "M00"), int(flag)) == []


def test_a_dip_within_a_mean_and_a_mean_of_too_few_readings_make_none() -> None:
    assert play(fresh(), range(25), setting("voltage", 205.0, "M00", until=2)) == []
    detector = fresh()
    for number in range(4):
        detector.observe(minute(number, setting("voltage", 205.0, "M00")))
    assert detector.advance(START + 12 * MINUTE) + detector.advance(START + 25 * MINUTE) == []


def test_hold_counts_means_in_a_row() -> None:
    limits = QualitySettings(hold_s=1200)
    assert told(play(fresh(limits), range(12), setting("voltage", 250.0, "M00"))) == []
    events = play(fresh(limits), range(25), setting("voltage", 250.0, "M00"))
    assert told(events) == [("opened", "T00")]
    assert events[0].incident.started_at == START


def test_frequency_is_one_incident_of_the_substation() -> None:
    events = play(fresh(), range(35), setting("frequency", 50.3, "M", "X", until=15))
    assert told(events) == [("opened", "S"), ("closed", "S")]
    assert "50.30 Hz" in events[0].incident.summary
    assert play(fresh(), range(12), setting("frequency", 49.0, "M000")) == []  # one meter against all


@pytest.mark.parametrize(
    ("quantity", "value", "words"),
    [
        ("active_power", 130e3, "T01 overloaded since 00:00:00".lower()),
        ("active_power", -30e3, "t01 feeds power back"),
        ("temperature", 90.0, "t01 too hot"),
    ],
)
def test_what_a_terminal_tells_of_its_transformer(quantity: str, value: float, words: str) -> None:
    detector = fresh()
    assert play(detector, range(-20, 0), lambda values, number: None) == []
    events = play(detector, range(45), setting(quantity, value, "X01", until=20))
    assert told(events)[0] == ("opened", "T01")
    assert told(events)[-1] == ("closed", "T01")
    assert "T01" in events[0].incident.summary
    assert words.split()[1] in events[0].incident.summary
    assert events[0].incident.customers == METERS


def test_heat_that_rises_fast_is_told_below_the_limit() -> None:
    def shape(values: Float64s, number: int) -> None:
        setting("temperature", 72.0, "X01", frm=30, until=40)(values, number)

    assert told(play(fresh(), range(42), shape)) == [("opened", "T01")]


def test_registered_generation_may_feed_back() -> None:
    listed = [PLACES.device(k) for k in range(len(PLACES))]
    from msgspec.structs import replace

    listed[1] = replace(listed[1], attributes={"generation_kw": "50"})
    detector = QualityDetector(Inventory(listed, PLACES.network), QualitySettings())
    assert play(detector, range(12), setting("active_power", -30e3, "X00")) == []


def test_what_a_person_says_is_followed() -> None:
    detector = fresh()
    (opened,) = play(detector, range(12), setting("voltage", 205.0, "M00"))

    def say(order: Order) -> None:
        word = Instruction(
            id="i", incident=opened.incident.id, order=order, received_at=0, by="ann", reason="known"
        )
        detector.instruct(word)

    say(Order.CONFIRM)
    (confirmed,) = play(detector, range(12, 13), setting("voltage", 205.0, "M00"))
    assert confirmed.incident.confirmed_by == "ann"
    assert confirmed.incident.confidence == 1.0
    say(Order.CANCEL)
    events = play(detector, range(13, 40), setting("voltage", 205.0, "M00"))
    assert told(events) == [("cancelled", "T00")]
    assert events[0].incident.ended_by == "ann"
    assert play(detector, range(40, 60), setting("voltage", 230.0, "M00")) == []
    assert told(play(detector, range(60, 75), setting("voltage", 205.0, "M00"))) == [("opened", "T00")]


def test_members_that_fall_silent_leave_the_incident() -> None:
    detector = fresh(QualitySettings(forget_s=3600))
    play(detector, range(12), setting("voltage", 205.0, "M00"))
    events: list[Event] = []
    for number in range(12, 90):
        events += detector.advance(START + (number + 1) * MINUTE)
    assert told(events) == [("closed", "T00")]
    assert "not observed any more" in events[0].incident.summary


def storm(values: Float64s, number: int) -> None:
    generator = np.random.default_rng(number // 7)
    values[:, :3] += generator.normal(0, 12, (len(values), 3))
    values[:, 3] += generator.normal(0, 0.15)
    values[:, 4] *= generator.normal(3, 2, len(values))
    values[generator.random(len(values)) < 0.05, :3] = 0.0


def test_however_cut_and_restored_the_same_comes_out() -> None:
    plain = play(fresh(), range(90), storm)
    assert len(plain) > 10
    generator = np.random.default_rng(8)
    detector, events, waiting = fresh(), [], []
    for number in range(90):
        waiting.append(minute(number, storm))
        whole = waiting[0]
        cut = int(generator.integers(0, len(whole)))
        for part in (slice(0, cut), slice(cut, None)):
            detector.observe(
                Batch.of(QUANTITIES, whole.device[part], whole.measured_at[part], whole.values[part])
            )
        waiting.clear()
        if number % 9 == 4:
            state = detector.snapshot()
            detector = fresh()
            detector.restore(state)
        events += detector.advance(START + (number + 1) * MINUTE)
    assert events == plain


def test_rows_of_several_windows_in_one_batch_are_as_rows_in_turn() -> None:
    batches = [minute(number, storm) for number in range(60)]
    one = Batch.of(
        QUANTITIES,
        np.concatenate([b.device for b in batches]),
        np.concatenate([b.measured_at for b in batches]),
        np.concatenate([b.values for b in batches]),
    )
    together, apart = fresh(), fresh()
    together.observe(one)
    for batch in batches:
        apart.observe(batch)
    assert together.snapshot() == apart.snapshot()
    at = START + 62 * MINUTE
    together.advance(at - 11 * MINUTE)
    apart.advance(at - 11 * MINUTE)
    assert together.advance(at) == apart.advance(at)


def test_late_rows_change_nothing() -> None:
    detector = fresh()
    play(detector, range(12), lambda values, number: None)
    before = detector.snapshot()
    detector.observe(minute(3, setting("voltage", 250.0, "M")))
    assert detector.snapshot() == before


@pytest.mark.parametrize("state", [b"", b"feederline-outage-6\n", b"feederline-quality-1\n\xc1"])
def test_a_damaged_snapshot_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="snapshot of the quality detector"):
        fresh().restore(state)


def adopted(incident: Incident) -> QualityDetector:
    detector = fresh()
    assert isinstance(detector, Adopting)
    detector.adopt([incident], [])
    assert detector.open_ids() == {incident.id}
    return detector


def test_incidents_of_the_database_go_on_under_their_ids() -> None:
    shape = setting("voltage", 205.0, "M00", until=40)
    (opened,) = play(fresh(), range(12), shape)
    events = play(adopted(opened.incident), range(12, 60), shape)
    assert {event.incident.id for event in events} == {opened.incident.id}
    assert told(events)[-1] == ("closed", "T00")
    assert events[-1].incident.revision > opened.incident.revision


def test_what_could_not_be_stored_is_told_again() -> None:
    detector = fresh()
    (opened,) = play(detector, range(12), setting("voltage", 205.0, "M00"))
    detector.republish([opened.incident.id, "another"])
    (again,) = detector.advance(START + 12 * MINUTE)
    assert again.incident.revision == opened.incident.revision + 1
    assert again.incident.devices == opened.incident.devices
