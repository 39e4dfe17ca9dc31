"""What the gateway writes down for dashboards beside the stream: its condition, sums, the page's address."""

from __future__ import annotations

import psycopg
import pytest

from gateway.api.settings import ApiSettings
from gateway.api.state import Condition, DriverState
from gateway.core.clock import DAY, HOUR, MINUTE, SECOND, ManualClock, to_datetime
from gateway.core.errors import UnavailableError
from gateway.minutes import Minutes
from gateway.store import Store
from gateway.store import migrate as module
from gateway.store.settings import DatabaseSettings
from gateway.store.writer import Written
from gateway.totals import Summing
from tests.integration import story

NOW = 1_772_352_000 * SECOND


async def _all(url: str, text: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return await (await connection.execute(text.encode())).fetchall()


async def test_a_minute_tells_how_the_gateway_is_and_what_it_took(database_url: str) -> None:
    connection = await story.migrated(database_url)
    await connection.close()
    async with Store.open(DatabaseSettings(url=database_url)) as store:
        clock = ManualClock(NOW + 20 * SECOND)
        drivers = tuple(
            DriverState(name=name, state=state, detail="")
            for name, state in (("a", "running"), ("b", "waiting"))
        )
        condition = Condition(
            started_at=NOW, stream_at=NOW, spool_bytes=7, lag_entries=3, drivers=drivers, alarms=("late",)
        )
        reasons = ["not yet"]
        minutes = Minutes(store.minutes, lambda: condition, lambda: reasons, clock)
        store.minutes.count(Written(inserted=5, merged=1, duplicates=2, signals=4))
        await minutes.note()
        store.minutes.count(Written(inserted=1))
        reasons.clear()
        await minutes.note()  # within the same minute, as after a restart
        clock.advance(MINUTE)
        store.sole.trouble = "another gateway writes"
        with pytest.raises(UnavailableError):
            await minutes.note()
        store.minutes.count(Written(inserted=2))
        store.sole.trouble = ""
        clock.advance(MINUTE)
        await minutes.note()
        told = await _all(database_url, "select * from feederline.gateway_minute order by at")
        assert told == [
            (to_datetime(NOW), to_datetime(NOW), 3, 7, 9, 7, 4, 1, 1, True, 1),
            (to_datetime(NOW + 2 * MINUTE), to_datetime(NOW), 3, 7, 2, 2, 0, 1, 1, True, 1),
        ]
        clock.advance(100 * DAY)
        await minutes.note()
        clock.advance(MINUTE - 100 * DAY)  # somebody set it right
        await minutes.note()
        ats = await _all(database_url, "select at from feederline.gateway_minute order by at")
        assert ats == [(to_datetime(NOW + minute * MINUTE),) for minute in (0, 2, 3)]
        hours = await _all(database_url, "select hour, minutes from feederline.gateway_hour")
        assert hours == [(to_datetime(NOW), 3)]
        await store.maintain(NOW + 401 * DAY)
        assert await _all(database_url, "select at from feederline.gateway_minute") == []
        assert await _all(database_url, "select hour from feederline.gateway_hour") == []


async def test_the_gateway_sums_days_and_hours_with_its_own_rights(database_url: str) -> None:
    connection = await story.migrated(database_url)
    await story.tell_all(connection, NOW)
    async with Store.open(DatabaseSettings(url=database_url)) as store:
        clock = ManualClock(NOW)
        summing = Summing(store.totals, clock)
        await summing.work()
        assert await _all(database_url, "select * from feederline.day_stale") == []
        assert await _all(database_url, "select count(*) > 0 from feederline.collection_total") == [(True,)]
        (made,) = await _all(database_url, "select count(*) from feederline.hour_total")
        await summing.work()
        assert await _all(database_url, "select count(*) from feederline.hour_total") == [made]
        clock.advance(2 * HOUR)
        await summing.work()
        assert await _all(database_url, "select count(*) - 2 from feederline.hour_total") == [made]
        ahead = "update feederline.hour_total set made_at = made_at + interval '9 days', readings = -1 where hour >= %s"
        await connection.execute(ahead.encode(), [to_datetime(NOW - 6 * HOUR)])
        await summing.work()  # after the clock was set right
        wrong = "select count(*) from feederline.hour_total where readings < 0 or made_at > '{}'"
        assert await _all(database_url, wrong.format(to_datetime(NOW + 2 * HOUR))) == [(0,)]
    await connection.close()


@pytest.mark.parametrize(
    "wrong", ["operations.example", "ftp://operations.example", "https://x.example/?a=1"]
)
def test_the_pages_address_is_one(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        ApiSettings(public_url=wrong)


def test_the_pages_address_has_no_slash_at_its_end() -> None:
    assert (
        ApiSettings(public_url="https://operations.example/feeder/").public_url
        == "https://operations.example/feeder"
    )


@pytest.mark.before_migrations
async def test_a_database_from_before_is_brought_up_with_its_days_marked(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the account holds by then is summed like what comes later."""
    real, roles = module.migrations, module._roles

    async def none(conn: psycopg.AsyncConnection) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(module, "migrations", lambda *, timescale: real(timescale=timescale)[:14])
    monkeypatch.setattr(module, "_roles", none)  # they name tables of later
    connection = await story.migrated(database_url)
    day = {
        "half": 10,
        "meters": 20,
        "nominal": 230.0,
        "today": to_datetime(NOW),
        "yesterday": to_datetime(NOW - DAY),
    }
    for statement in (story._NODES, story._DEVICES, story._METER_DATA[0]):
        await connection.execute(statement, day)
    monkeypatch.setattr(module, "migrations", real)
    monkeypatch.setattr(module, "_roles", roles)
    done = await module.migrate(connection, DatabaseSettings(url=database_url))
    await connection.close()
    assert done.applied[0] == "dashboards"
    assert await _all(database_url, "select count(*) from feederline.day_stale") == [(2,)]
    before = await _all(
        database_url, "select day, sum(expected) from feederline.collection_by_day group by 1 order by 1"
    )
    async with Store.open(DatabaseSettings(url=database_url)) as store:
        while await store.totals.sum_day():
            pass
    assert await _all(database_url, "select * from feederline.day_stale") == []
    after = await _all(
        database_url, "select day, sum(expected) from feederline.collection_by_day group by 1 order by 1"
    )
    assert before == after == [(to_datetime(NOW - DAY), 20 * 96), (to_datetime(NOW), 20 * 96)]
