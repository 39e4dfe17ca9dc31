"""Suspicions and readings become incidents for inspection: opened with reason, followed, closed, taken back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from gateway.core.clock import DAY, HOUR, MINUTE
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    Batch,
    Change,
    Event,
    IncidentKind,
    IncidentState,
    Instruction,
    Order,
    Reason,
    Suspicion,
)
from gateway.core.network import Network
from gateway.core.ports import Suspecting
from gateway.recovery import Adopting
from processors.usage.detector import UsageDetector
from processors.usage.settings import UsageSettings

NOW = 20_000 * DAY
NETWORK = Network(
    ["S", "T1", "T2", "H1", "H2", "H3"],
    ["", "S", "S", "T1", "T1", "T2"],
    ["substation", "transformer", "transformer", "service", "service", "service"],
)
DEVICES = [
    Device(id="M1", node="H1", attributes={"contract_kw": "5"}),
    Device(id="M2", node="H2", attributes={"generation_kw": "3"}),
    Device(id="M3", node="H3"),
    Device(id="A1", node="T1", kind="terminal", customers=0),
]
INVENTORY = Inventory(DEVICES, NETWORK)
M1, M2, M3, A1 = range(4)
DROP = Reason(rule="lasting_drop", weight=2.5, words="Use has been lower.", figures={"drop": 0.6})
TAMPER = Reason(rule="tamper", weight=3.0, words="A cover was opened.")
BALANCE = Reason(rule="loss_rose_with_drop", weight=4.0, words="The loss rose.")
LOSS = Reason(rule="area_loss", weight=6.0, words="Energy is lost.")


def detector(**changes: float) -> UsageDetector:
    return UsageDetector(INVENTORY, UsageSettings(**changes))


def suspicion(device: int, score: float, *reasons: Reason, day: int = 0) -> Suspicion:
    until = NOW + day * DAY
    return Suspicion(
        device=device,
        received_at=until,
        since=NOW - 5 * DAY,
        until=until,
        score=score,
        reasons=reasons,
    )


def says(
    found: UsageDetector, device: int, score: float, *reasons: Reason, day: int = 0, at: int | None = None
) -> list[Event]:
    found.suspect(suspicion(device, score, *reasons, day=day))
    return found.advance(NOW + day * DAY if at is None else at)


def rows(device: int, minutes: Sequence[int], **values: float) -> Batch:
    return Batch.of(
        tuple(values),
        [device] * len(minutes),
        [NOW + m * MINUTE for m in minutes],
        [list(values.values())] * len(minutes),
    )


def test_it_is_what_the_pipeline_takes() -> None:
    assert isinstance(detector(), Suspecting)
    assert isinstance(detector(), Adopting)


def test_two_kinds_of_evidence_open_an_incident_that_tells_what_to_look_at() -> None:
    (event,) = says(detector(), M1, 0.8, DROP, TAMPER)
    incident = event.incident
    assert (event.change, incident.kind, incident.node) == (Change.OPENED, IncidentKind.USAGE_ANOMALY, "H1")
    assert (incident.devices, incident.customers, incident.confidence) == ((M1,), 1, 0.8)
    assert incident.started_at == NOW - 5 * DAY
    assert "Inspection advised at M1" in incident.summary
    assert "A cover was opened." in incident.summary
    assert not any(word in incident.summary.lower() for word in ("theft", "stolen", "fraud", "guilty"))
    assert [each["rule"] for each in incident.evidence["reasons"]] == ["tamper", "lasting_drop"]


@pytest.mark.parametrize("reasons", [(DROP,), (BALANCE,), ()])
def test_one_kind_of_evidence_opens_nothing_whatever_the_score(reasons: tuple[Reason, ...]) -> None:
    assert not says(detector(), M1, 0.99, *reasons)


def test_one_kind_with_the_balance_agreeing_opens() -> None:
    assert says(detector(), M1, 0.85, BALANCE, DROP)
    assert not says(detector(), M1, 0.7, BALANCE, DROP)


def test_two_kinds_that_honest_people_may_show_open_nothing() -> None:
    night = Reason(rule="night_floor", weight=3.0, words="What runs all night fell.")
    assert not says(detector(), M1, 0.95, DROP, night)


def test_only_material_changes_are_told() -> None:
    found = detector()
    says(found, M1, 0.82, DROP, TAMPER)
    assert not says(found, M1, 0.84, DROP, TAMPER, day=1)
    (more,) = says(found, M1, 0.95, DROP, TAMPER, BALANCE, day=2)
    assert (more.change, more.incident.revision, more.incident.confidence) == (Change.UPDATED, 2, 0.95)


def test_an_earlier_days_word_changes_nothing() -> None:
    found = detector()
    says(found, M1, 0.95, DROP, TAMPER, day=3)
    assert not says(found, M1, 0.01, day=2, at=NOW + 3 * DAY)


def test_it_closes_after_the_score_stayed_low() -> None:
    found = detector()
    (opened,) = says(found, M1, 0.9, DROP, TAMPER)
    assert [e.change for e in says(found, M1, 0.05, day=1)] == [Change.UPDATED]
    assert not any(says(found, M1, 0.05, day=day) for day in range(2, 8))
    (closed,) = says(found, M1, 0.05, day=8)
    assert (closed.change, closed.incident.id) == (Change.CLOSED, opened.incident.id)
    assert closed.incident.ended_at == NOW + 8 * DAY
    assert not found.open_ids()


def test_a_score_that_rises_again_keeps_it_open() -> None:
    found = detector()
    says(found, M1, 0.9, DROP, TAMPER)
    says(found, M1, 0.05, day=1)
    says(found, M1, 0.3, DROP, day=7)
    assert not [e for e in says(found, M1, 0.05, day=8) if e.change is Change.CLOSED]


def test_low_and_never_heard_of_again_it_closes_too() -> None:
    found = detector()
    says(found, M1, 0.9, DROP, TAMPER)
    says(found, M1, 0.05, day=1)
    assert not found.advance(NOW + 7 * DAY)
    assert [e.change for e in found.advance(NOW + 8 * DAY)] == [Change.CLOSED]


def tell(found: UsageDetector, event: Event, order: Order, at: int) -> list[Event]:
    found.instruct(
        Instruction(
            id="i1",
            incident=event.incident.id,
            order=order,
            received_at=at,
            by="crew 4",
            reason="sealed, all in order",
        )
    )
    return found.advance(at)


def test_who_was_inspected_and_cleared_is_left_alone() -> None:
    found = detector(rest_days=30)
    (opened,) = says(found, M1, 0.9, DROP, TAMPER)
    (ended,) = tell(found, opened, Order.CANCEL, NOW + HOUR)
    assert (ended.incident.state, ended.incident.ended_by) == (IncidentState.CANCELLED, "crew 4")
    assert not says(found, M1, 0.95, DROP, TAMPER, day=20)
    (again,) = says(found, M1, 0.95, DROP, TAMPER, day=31)
    assert again.incident.id != opened.incident.id


def test_a_person_confirms() -> None:
    found = detector()
    (opened,) = says(found, M1, 0.9, DROP, TAMPER)
    (told,) = tell(found, opened, Order.CONFIRM, NOW + HOUR)
    assert (told.incident.confirmed_by, told.incident.revision) == ("crew 4", 2)
    assert not tell(found, opened, Order.CONFIRM, NOW + 2 * HOUR)
    assert not tell(found, opened, Order.SPLIT, NOW + 3 * HOUR)


def test_an_area_is_told_of_at_its_transformer_until_a_customer_stands_out() -> None:
    found = detector()
    (area,) = says(found, A1, 0.6, LOSS)  # no customer is named: less is enough
    assert (area.incident.node, area.incident.customers) == ("T1", 2)
    opened, merged = says(found, M1, 0.9, DROP, BALANCE, day=1)
    assert (merged.change, merged.incident.parent) == (Change.MERGED, opened.incident.id)
    assert not says(found, A1, 0.8, LOSS, day=2)
    assert says(found, M3, 0.9, DROP, BALANCE, day=2)  # below another transformer: no business of it


LASTS = range(0, 21, 5)


@pytest.mark.parametrize(
    ("device", "values", "rule"),
    [
        (M1, {"breaker_closed": 0, "active_power": 300}, "use_after_disconnection"),
        (M1, {"voltage_a": 5, "current_a": 4}, "current_without_voltage"),
        (M1, {"active_power_a": 500, "active_power_b": -400, "active_power_c": 500}, "phase_reversed"),
    ],
)
def test_what_readings_show_for_long_joins_what_the_daily_look_says(
    device: int, values: dict[str, float], rule: str
) -> None:
    found = detector(open_score=0.3)
    found.observe(rows(device, LASTS, **values))
    assert not found.advance(NOW + 30 * MINUTE)  # alone it is no incident
    (event,) = says(found, device, 0.15, DROP, at=NOW + HOUR)
    assert rule in {each["rule"] for each in event.incident.evidence["reasons"]}


@pytest.mark.parametrize(
    ("device", "values"),
    [
        (M1, {"breaker_closed": 0, "active_power": 3}),
        (M1, {"breaker_closed": 1, "active_power": 3000}),
        (M1, {"voltage_a": 5, "current_a": 0.1}),
        (M1, {"voltage_a": 230, "current_a": 4}),
        (M2, {"active_power_a": 500, "active_power_b": -400, "active_power_c": 500}),  # it generates
        (M1, {"active_power_a": -500, "active_power_b": -400, "active_power_c": -500}),
        (M1, {"active_power": 5100}),
        (M3, {"active_power": 50_000}),  # no contract capacity is registered
    ],
)
def test_what_is_in_order_is_no_evidence(device: int, values: dict[str, float]) -> None:
    found = detector()
    found.observe(rows(device, LASTS, **values))
    assert not found.live.reasons(device, NOW + HOUR)


def test_a_short_moment_a_gap_and_old_readings_are_no_evidence() -> None:
    found = detector()
    found.observe(rows(M1, [0, 5, 10], active_power=7000))
    found.observe(rows(M1, [12], active_power=100))
    found.observe(rows(M1, [14, 20], active_power=7000))
    found.observe(rows(M1, [200], active_power=7000))  # nothing was heard in between
    found.observe(rows(M1, [30, 50], active_power=7000))  # came late
    assert not found.live.reasons(M1, NOW + 4 * HOUR)


def test_near_the_limit_it_is_not_over_before_it_is_clearly_below() -> None:
    found = detector()
    found.observe(rows(M1, [0, 5], active_power=5600))
    found.observe(rows(M1, [10], active_power=5000))
    found.observe(rows(M1, [16], active_power=5600))
    assert found.live.reasons(M1, NOW + HOUR)


def test_evidence_of_readings_fades() -> None:
    found = detector(open_score=0.3)
    found.observe(rows(M1, LASTS, voltage_a=5, current_a=4))
    says(found, M1, 0.15, DROP, at=NOW + HOUR)
    assert found.open_ids()
    (event,) = found.advance(NOW + 8 * DAY)
    assert (event.change, event.incident.confidence) == (Change.UPDATED, 0.15)
    assert [e.change for e in found.advance(NOW + 15 * DAY + HOUR)] == [Change.CLOSED]


# -- the fold ----------------------------------------------------------------------------------------------------------


def stream(seed: int) -> list[Batch | Suspicion | int]:
    """Days of readings, suspicions and ticks."""
    rng = np.random.default_rng(seed)
    entries: list[Batch | Suspicion | int] = []
    menu = [(DROP, TAMPER), (DROP,), (BALANCE, DROP), ()]
    for step in range(40):
        at = NOW + step * 6 * HOUR
        n = int(rng.integers(1, 9))
        entries.append(
            Batch.of(
                ("active_power", "breaker_closed"),
                rng.integers(0, 3, n),
                at + np.sort(rng.integers(0, 90, n)) * MINUTE,
                np.column_stack([rng.choice([0, 400, 9000], n), rng.choice([0, 1], n)]),
            )
        )
        for device in range(4):
            if rng.random() < 0.4:
                reasons = (LOSS,) if device == A1 else menu[int(rng.integers(4))]
                entries.append(suspicion(device, float(rng.random()), *reasons, day=step // 4))
        entries.append(at + 2 * HOUR)
    return entries


def play(entries: Sequence[Batch | Suspicion | int], *, cut: bool = False, keep: int = 0) -> list[Event]:
    found, events = detector(close_days=2), []
    for i, entry in enumerate(entries):
        if isinstance(entry, Suspicion):
            found.suspect(entry)
        elif isinstance(entry, int):
            events += found.advance(entry)
        else:
            for part in [[j] for j in range(len(entry))] if cut else [list(range(len(entry)))]:
                found.observe(
                    Batch.of(
                        entry.quantities, entry.device[part], entry.measured_at[part], entry.values[part]
                    )
                )
        if keep and i % keep == 0:
            state = found.snapshot()
            found = detector(close_days=2)
            found.restore(state)
    return events


@effort(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_however_cut_and_kept_the_same_comes_of_it(seed: int, keep: int) -> None:
    entries = stream(seed)
    plain = play(entries)
    assert plain
    assert plain == play(entries, cut=True)
    assert plain == play(entries, keep=keep)


def test_a_changed_inventory_still_restores() -> None:
    found = detector()
    says(found, M1, 0.9, DROP, TAMPER)
    (lost,) = says(found, M2, 0.9, DROP, TAMPER)
    other = UsageDetector(Inventory([DEVICES[2], DEVICES[0]], NETWORK, known=["M3", "M1"]), UsageSettings())
    other.restore(found.snapshot())
    assert len(other.open_ids()) == 2
    (closed,) = other.advance(NOW + HOUR)
    assert (closed.incident.id, closed.change) == (lost.incident.id, Change.CLOSED)
    other.suspect(suspicion(1, 0.5, DROP, TAMPER, day=1))
    (event,) = other.advance(NOW + DAY)
    assert event.incident.devices == (1,)


@pytest.mark.parametrize("state", [b"", b"something else", b"feederline-usage-1\n\xc1"])
def test_what_is_no_snapshot_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        detector().restore(state)


def test_open_incidents_of_the_database_are_gone_on_with() -> None:
    (opened,) = says(detector(), M1, 0.9, DROP, TAMPER)
    found = detector()
    found.advance(NOW + DAY)
    found.adopt([opened.incident])
    assert found.open_ids() == {opened.incident.id}
    assert not found.advance(NOW + DAY)
    (told,) = says(found, M1, 0.3, DROP, day=2)
    assert (told.incident.id, told.incident.revision) == (opened.incident.id, 2)


def test_what_could_not_be_stored_is_told_again() -> None:
    found = detector()
    (opened,) = says(found, M1, 0.9, DROP, TAMPER)
    found.republish([opened.incident.id])
    (again,) = found.advance(NOW + MINUTE)
    assert (again.incident.id, again.incident.revision) == (opened.incident.id, 2)
    assert not found.advance(NOW + 2 * MINUTE)
