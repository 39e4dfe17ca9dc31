"""A closed day is judged: balances, baselines and scores are in the database, and the stream is told once."""

from __future__ import annotations

import numpy as np
from msgspec import structs

from gateway.core.clock import DAY, HOUR, MINUTE
from gateway.core.meterdata import ChangeOf, MeterChange
from gateway.core.model import Batch, Change, Commit, IncidentKind, IncidentState
from processors.usage.baseline import VERSION, WIDTH, BaselineRows, Baselines
from tests.integration.meterdata_world import MONDAY, World, district, world
from tests.integration.store_world import SPOOL, PlainDesk, outage, rows

DAYS = 14
THIEF, FROM = "M0-1", 10  # from the eleventh day on it shows a fifth of what it uses
CUSTOMERS = [f"M0-{i}" for i in range(6)]


def used(rng: np.random.Generator, hours: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    shape = 0.4 + 0.3 * np.sin(np.arange(hours) % 24 / 24 * 2 * np.pi)
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = shape * rng.uniform(0.8, 1.2, hours)
    return found


async def fill(at: World, days: int) -> None:
    """Hourly registers of six customers and of the terminal that feeds them, of which one is not told everything."""
    rng = np.random.default_rng(7)
    hours = days * 24
    use = {name: used(rng, hours) for name in CUSTOMERS}
    use["TTU0"] = sum(use.values(), np.zeros(hours)) * 1.02
    use[THIEF][FROM * 24 :] *= 0.2
    times = MONDAY + np.arange(hours + 1) * HOUR
    for name, hourly in use.items():
        counted = 1000 + np.concatenate([[0.0], np.cumsum(hourly)])
        volts = np.full(len(times), 230.0)
        keys = np.full(len(times), at.inventory.key(name), np.int32)
        await at.put(
            [Batch.of(("energy_import", "voltage_a"), keys, times, np.column_stack([counted, volts]))]
        )


async def test_a_theft_is_found_by_its_drop_and_the_balance_and_told_once(postgres_url: str) -> None:
    now = MONDAY + DAYS * DAY + 5 * HOUR
    async with world(
        postgres_url,
        district(6),
        vee={"interval_s": 3600},
        usage={"least_days": 7, "tell_score": 0.02},
        balance={"least_days": 4, "coverage": 0.3},
    ) as at:
        await fill(at, DAYS)
        await at.look(now)
        keeping = at.store.bookkeeping
        assert await keeping.reached("judged") == MONDAY + DAYS * DAY == await keeping.reached("closed")
        assert await rows(postgres_url, "select count(*) from area_loss_day") == [(DAYS,)]
        assert await rows(postgres_url, "select count(*) from usage_baseline") == [(len(CUSTOMERS),)]

        last = [one for one in at.suspicions if one.until == MONDAY + DAYS * DAY]
        worst = max(last, key=lambda one: one.score)
        assert at.inventory.ids[worst.device] == THIEF
        assert abs(worst.since - (MONDAY + FROM * DAY)) <= 3 * DAY
        assert len({reason.rule for reason in worst.reasons}) >= 2, "its own drop, and the loss of its area"
        assert all(one.score < worst.score for one in last if one is not worst)
        highest = (
            "select device_id from usage_day join device using (device_key) order by day desc, score desc"
        )
        assert await rows(postgres_url, f"{highest} limit 1") == [(THIEF,)]

        told = len(at.suspicions)
        await at.look(now + MINUTE)
        assert len(at.suspicions) == told
        await at.judge_again(MONDAY + (DAYS - 1) * DAY)
        await at.look(now + 2 * MINUTE)
        assert len(at.suspicions) == told, "judged again, the day says what it said before"
        assert await keeping.again("judge") == []


async def test_a_day_that_is_not_complete_is_judged_when_it_is_old_enough(postgres_url: str) -> None:
    async with world(postgres_url, district(6), vee={"interval_s": 3600}) as at:
        await fill(at, 1)
        silent = MONDAY + DAY + 30 * HOUR
        await at.look(silent)
        keeping = at.store.bookkeeping
        assert await keeping.reached("judged") == MONDAY + DAY, "that one was complete"
        assert await keeping.reached("closed") == MONDAY + 2 * DAY
        await at.look(MONDAY + 2 * DAY + 36 * HOUR)
        assert await keeping.reached("judged") == MONDAY + 2 * DAY


async def test_who_was_cleared_or_has_another_meter_is_learned_anew(postgres_url: str) -> None:
    now = MONDAY + DAYS * DAY + 5 * HOUR
    async with world(postgres_url, district(6), vee={"interval_s": 3600}) as at:
        await fill(at, DAYS)
        cleared, exchanged = MONDAY + 12 * DAY + HOUR, MONDAY + 13 * DAY
        event = outage("cleared", kind=IncidentKind.USAGE_ANOMALY, state=IncidentState.CANCELLED)
        incident = structs.replace(
            event.incident,
            node="T0",
            devices=(at.inventory.key("M0-2") or 0,),
            started_at=MONDAY,
            detected_at=MONDAY,
            ended_at=cleared,
            ended_by="an inspector",
            ended_reason="nothing found",
        )
        event = structs.replace(event, at=cleared, change=Change.CANCELLED, incident=incident)
        await at.store.write(Commit(events=[event], upto=at.seq, at=cleared), PlainDesk(), SPOOL)
        change = MeterChange(
            device=at.inventory.key("M0-3") or 0,
            at=exchanged,
            of=ChangeOf.EXCHANGE,
            by="a fitter",
            reason="old",
        )
        assert await at.store.meterdata.record_change(change, at=exchanged)
        keeping = at.store.bookkeeping
        names = [at.inventory.ids[key] for key in await keeping.anew(MONDAY, now)]
        assert names == ["M0-2", "M0-3"]
        assert [at.inventory.ids[key] for key in await keeping.anew(cleared, exchanged)] == ["M0-2"]
        await at.look(now)
        devices = np.array([at.inventory.key(name) for name in CUSTOMERS], np.int32)
        kept = await at.store.usage.baselines(devices, version=VERSION, width=WIDTH)
        days = Baselines.of_rows(
            BaselineRows(device=kept.device, number=kept.number, state=kept.state), devices
        ).expected(int(kept.number.max()))
        known = {name: bool(np.isfinite(row).any()) for name, row in zip(CUSTOMERS, days, strict=True)}
        assert known["M0-1"]
        assert not known["M0-3"], "its only day with this meter is not settled yet"


async def test_an_open_breaker_all_day_is_a_disconnection_and_one_read_in_the_evening_is_none(
    database_url: str,
) -> None:
    async with world(database_url, district(3)) as at:
        every = MONDAY + np.arange(0, 24 * 60, 60) * MINUTE
        for name, times, state in (
            ("M0-0", every, 0.0),
            ("M0-1", every[20:], 0.0),
            ("M0-2", every, 1.0),
        ):
            keys = np.full(len(times), at.inventory.key(name), np.int32)
            volts = np.full(len(times), 230.0)
            await at.put(
                [
                    Batch.of(
                        ("voltage_a", "breaker_closed"),
                        keys,
                        times,
                        np.column_stack([volts, np.full(len(times), state)]),
                    )
                ]
            )
        devices = np.array([at.inventory.key(f"M0-{i}") for i in range(3)], np.int32)
        live = np.full(3, 132.0)
        found, seen, power, _, cut = await at.store.meterdata.phases(devices, live, MONDAY, MONDAY + DAY)
        order = np.argsort(found)
        assert found[order].tolist() == devices.tolist()
        assert cut[order].tolist() == [True, False, False]
        assert seen[order].tolist() == [1.0, 1.0, 1.0]
        assert np.isnan(power).all()
