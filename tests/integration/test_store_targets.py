"""Budgets, major event days, DL/T 836 and wrong clocks: SQL against the pure functions and the goldens."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import msgspec
import pytest

from gateway.core.clock import DAY, HOUR, MINUTE, parse_time
from gateway.core.model import (
    GATEWAY,
    Batch,
    Commit,
    Event,
    IncidentKind,
    IncidentState,
    Quality,
    Signal,
    SignalKind,
)
from gateway.store import Store
from processors.interruptions import major_events
from processors.interruptions.targets import DEFAULTS, Spent, standing
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, small_inventory

CASES = Path(__file__).parent.parent / "cases" / "indices"
YEAR = 365 * DAY
MONTH = parse_time("2026-03-01T00:00:00Z")


def dark(name: str, start: int, minutes: float | None, **more: object) -> Event:
    return outage(
        name,
        node=name,
        started_at=start,
        ended_at=None if minutes is None else start + round(minutes * MINUTE),
        **{  # type: ignore[arg-type]
            "devices": (0,),
            "state": IncidentState.OPEN if minutes is None else IncidentState.CLOSED,
            **more,
        },
    )


async def tell(store: Store, *events: Event) -> None:
    await store.write(Commit(events=list(events)), PlainDesk(), SPOOL)


@pytest.mark.parametrize(("minutes", "state"), [(6.0, "met"), (50.0, "at_risk"), (400.0, "missed")])
async def test_budgets_are_those_of_the_pure_functions(database_url: str, minutes: float, state: str) -> None:
    at = MONTH + 10 * DAY
    async with ready_store(database_url) as store:
        await tell(
            store,
            dark("A", MONTH + DAY, minutes),
            dark("B", MONTH - 40 * DAY, 200),
            dark("C", MONTH - 400 * DAY, 6000),
            dark("D", at - 6 * MINUTE, None, devices=(1,)),
        )
        found = {(t.span, t.index): t for t in await store.accounts.targets(at)}
    assert set(found) == {(t.span.value, t.index) for t in DEFAULTS}
    for target in DEFAULTS:
        month = target.span.value == "month"
        wanted = standing(
            target,
            Spent(
                served=6,
                length=31 * DAY if month else YEAR,
                elapsed=10 * DAY if month else YEAR,
                customer_minutes=minutes + (0 if month else 200),
                open_customer_minutes=6,
            ),
        )
        state_ = found[target.span.value, target.index]
        said = msgspec.structs.asdict(wanted)
        said.pop("target")
        assert {k: getattr(state_, k) for k in said if k != "state"} == pytest.approx(
            {k: v for k, v in said.items() if k != "state"}, rel=1e-9
        )
        assert state_.state == wanted.state
        assert state_.target == target.value
    assert found["month", "saidi"].state == state


async def test_a_window_is_held_from_where_observation_began(postgres_url: str) -> None:
    began, at = MONTH + 5 * DAY, MONTH + 6 * DAY
    async with ready_store(postgres_url) as store:
        await store.put_settings({"target_rolling_year_asai": "", "target_month_asai": 0.9995})
        await store.write(Commit(at=began, upto=1), PlainDesk(), SPOOL)
        await tell(store, dark("A", began + HOUR, 60))
        found = {(t.span, t.index): t for t in await store.accounts.targets(at)}
    assert set(found) == {("month", "asai"), ("month", "saidi")}
    asai = found["month", "asai"]
    assert (asai.window_from, asai.window_to) == (began, MONTH + 31 * DAY)
    assert asai.elapsed_share == pytest.approx(1 / 26)
    assert asai.budget_minutes == pytest.approx(0.0005 * 6 * 26 * 1440)
    assert asai.forecast_minutes == pytest.approx(60 * 26)


async def test_major_event_days_of_the_golden(database_url: str) -> None:
    with (CASES / "med_days.csv").open(newline="") as lines:
        history = [(parse_time(f"{day}T00:00:00Z"), float(saidi)) for day, saidi in [*csv.reader(lines)][1:]]
    golden = json.loads((CASES / "med_days.json").read_text())
    everybody = tuple(range(60))
    async with ready_store(database_url, small_inventory(60)) as store:
        await tell(
            store,
            *(dark(f"H{i}", day, 60 * saidi) for i, (day, saidi) in enumerate(history)),
            dark("N", MONTH + HOUR, 60 * 3),
            dark("M", MONTH + DAY, 40, devices=everybody),
            dark("O", MONTH + 2 * DAY, None),
        )
        found = await store.accounts.major_events(MONTH, MONTH + 31 * DAY, at=MONTH + 4 * DAY)
    assert {name: getattr(found, name) for name in golden} == pytest.approx(golden, rel=1e-8)
    wanted = major_events.limit([saidi for _, saidi in history])
    assert found.t_med_minutes == pytest.approx(wanted.t_med_minutes, rel=1e-12)
    assert (found.provisional, found.history_days) == (True, 10)
    assert [(day.saidi_minutes, day.major) for day in found.days] == [(3, False), (40, True), (0, False)]
    assert (found.all.saidi_minutes, found.normal.saidi_minutes, found.major.saidi_minutes) == (43, 3, 40)
    assert (found.all.customer_interruptions, found.major.customer_interruptions) == (62, 60)


async def test_without_a_past_there_is_no_limit(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await tell(store, dark("A", MONTH + HOUR, 300))
        found = await store.accounts.major_events(MONTH, MONTH + 31 * DAY, at=MONTH + 4 * DAY)
    assert (found.t_med_minutes, found.provisional, found.days[0].major) == (None, True, False)


async def test_dlt_836_names_and_hours(postgres_url: str) -> None:
    """Four minutes are sustained there; the medium-voltage basis counts transformers."""
    async with ready_store(postgres_url) as store:
        await tell(
            store,
            dark("A", T0, 4),
            dark("B", T0, 120, devices=(1, 4)),
            dark("C", T0, 60, devices=(2,), kind=IncidentKind.PLANNED_OUTAGE),
        )
        end = MONTH + 2 * DAY
        low = await store.accounts.dlt_836(MONTH, end, at=end)
        medium = await store.accounts.dlt_836(MONTH, end, at=end, basis="mv")
    hours = 4 / 60 + 4 + 1
    assert low.customer_hours == pytest.approx(hours)
    assert (low.saidi_1_hours, low.saidi_f_hours, low.saidi_s_hours) == pytest.approx(
        (hours / 6, (hours - 1) / 6, 1 / 6)
    )
    assert (low.saifi_1, low.asai_1) == pytest.approx((4 / 6, 1 - hours / (6 * 48)))
    # M1 and M4 are all there is below T1.
    assert (medium.customer_hours, medium.saidi_1_hours, medium.threshold_s) == pytest.approx((2, 2 / 3, 180))


async def test_wrong_clocks_are_listed(database_url: str) -> None:
    at = T0 + 10 * HOUR

    def gasp(device: int, received: int, error: int, detail: str = "") -> Signal:
        return Signal(
            kind=SignalKind.LAST_GASP,
            device=device,
            received_at=received,
            occurred_at=received + error,
            detail=detail,
        )

    signals = [
        gasp(0, T0, -2 * HOUR),
        gasp(0, T0 + HOUR, 40 * MINUTE),
        gasp(1, T0, -20 * MINUTE),  # gasps are repeated for so long
        gasp(2, T0 - 20 * HOUR, -2 * HOUR),  # more than a day ago
        gasp(3, T0, -2 * HOUR, detail="retained"),
        gasp(4, T0 + 5 * HOUR, -2 * HOUR),  # had waited for the gateway
        Signal(
            kind=SignalKind.GATEWAY_DOWN, device=GATEWAY, received_at=T0 + 5 * HOUR, occurred_at=T0 + 2 * HOUR
        ),
        Signal(
            kind=SignalKind.GATEWAY_UP, device=GATEWAY, received_at=T0 + 5 * HOUR, occurred_at=T0 + 5 * HOUR
        ),
    ]
    batch = Batch.of(
        ("voltage_a",), [5, 1], [T0, T0], [[230.0], [230.0]],
        quality=[Quality.CLOCK_SUSPECT | Quality.PARTIAL, Quality.TIME_ASSUMED],
    )  # fmt: skip
    async with ready_store(database_url) as store:
        await store.write(Commit(signals=signals, batches=[batch]), PlainDesk(), SPOOL)
        found = await store.accounts.clock_faults(at)
    assert [(f.device, f.node, f.signals, f.readings, f.error_s) for f in found] == [
        ("M0", "T0", 2, 0, 2400.0),
        ("M5", "T2", 0, 1, None),
    ]
    assert found[0].last_at == T0 + HOUR
