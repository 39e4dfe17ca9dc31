"""The alarm that a target does not get its messages: raised once, told to the others, cleared once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from alerts import metrics
from alerts.formats import FORMATS, AlarmNotice, Format, Message
from alerts.targets import TargetSettings
from gateway.alarms import Alarms
from gateway.core.clock import DAY, MINUTE, SECOND, ManualClock
from gateway.core.ticket import Delivery
from gateway.store import Store
from tests.alerting import AT, SECRET, settings, target
from tests.integration.store_world import ready_store, rows
from tests.integration.webhook_rig import message, metric, put


def _in_full(notice: AlarmNotice) -> Message:
    fields = {name: getattr(notice, name) for name in ("late_target", "count", "oldest_at", "error", "at")}
    return Message(body=json.dumps({**fields, "options": dict(notice.options)}).encode())


@pytest.fixture(autouse=True)
def _world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    FORMATS.add("plain-alarm", Format(ticket=lambda _: None, alarm=_in_full, check=lambda _: []))
    FORMATS.add("no-alarm", Format(ticket=lambda _: None))
    yield
    for name in ("plain-alarm", "no-alarm"):
        del FORMATS._parts[name]
    for gauge in (metrics.LATE, metrics.DISABLED, metrics.LATE_TARGETS):
        gauge.clear()


def watcher(name: str, **changes: Any) -> TargetSettings:
    return target(name=name, about=["ticket", "alarm"], format="plain-alarm", **changes)


def alarms(store: Store, clock: ManualClock) -> Alarms:
    chosen = settings(
        target(),
        watcher("chat", options={"room": "ops"}),
        watcher("pager"),
        target(name="other"),
        target(name="mute", about=["alarm"], format="no-alarm"),
    )
    return Alarms(store.lateness, chosen, clock)


async def told(store: Store, *, at: int) -> list[tuple[Delivery, dict[str, Any]]]:
    """Alarm messages that wait, oldest first; they are delivered by asking."""
    found = []
    outbox = store.outbox(["chat", "pager", "other", "mute"])
    while claimed := await outbox.claim(at=at, lease=SECOND, limit=10):
        for each in claimed:
            if each.subject.startswith("alarm/"):
                found.append((each, json.loads(each.body)))
            await outbox.delivered(each, at=at, status=204)
    return found


async def test_raised_once_and_cleared_once(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = ManualClock(AT + MINUTE)
    async with ready_store(database_url) as store:
        await put(store, message("a"), message("b", created_at=AT + 90 * SECOND))
        (first, _) = await store.outbox(["desk"]).claim(at=AT + 100 * SECOND, lease=SECOND, limit=9)
        await store.outbox().failed(first, at=AT, next_at=AT + DAY, error="500: database down")
        watching = alarms(store, clock)
        await watching.look()
        assert (watching.troubles, await told(store, at=clock.now())) == ((), [])

        clock.at = AT + 2 * MINUTE
        await watching.look()
        messages = await told(store, at=clock.now())
        assert {each.target for each, _ in messages} == {"chat", "pager"}
        assert [body["options"] for each, body in messages if each.target == "chat"] == [{"room": "ops"}]
        assert {(b["late_target"], b["count"], b["oldest_at"], b["error"]) for _, b in messages} == {
            ("desk", 1, AT, "500: database down")
        }
        (trouble,) = watching.troubles
        assert "target desk does not get its messages; late: 1, the oldest of " in trouble
        assert "500: database down" in trouble
        assert metric("feederline_alerts_late_deliveries", target="desk") == 1

        clock.advance(2 * MINUTE)
        await watching.look()
        await alarms(store, clock).look()  # after a restart
        assert await told(store, at=clock.now()) == []
        assert metric("feederline_alerts_late_deliveries", target="desk") == 2
        assert metric("feederline_alerts_late_alarms_total", target="desk") == 1

        outbox = store.outbox(["desk"])
        for delivery in await outbox.claim(at=AT + DAY, lease=SECOND, limit=9):
            await outbox.delivered(delivery, at=clock.now(), status=204)
        await watching.look()
        await alarms(store, clock).look()
        cleared = await told(store, at=clock.now())
        assert [(each.target, body["count"]) for each, body in cleared] == [("chat", 0), ("pager", 0)]
        assert {each.subject for each, _ in cleared} == {each.subject for each, _ in messages}
        assert {each.revision for each, _ in cleared} == {2}
        assert watching.troubles == ()
        assert metric("feederline_alerts_late_deliveries", target="desk") == 0

        await put(store, message("c", created_at=clock.now()))
        clock.advance(2 * MINUTE)
        await watching.look()
        assert len(await told(store, at=clock.now())) == 2, "another time, another alarm"
    said = [r.message for r in caplog.records if r.name == "gateway.alarms"]
    assert said == [
        "messages do not get through to a target",
        "messages get through to a target again",
        "messages do not get through to a target",
    ]


async def test_two_gateways_raise_one_alarm(database_url: str) -> None:
    clock = ManualClock(AT + 3 * MINUTE)
    async with ready_store(database_url) as one, ready_store(database_url) as two:
        await put(one, message("a"))
        await asyncio.gather(*(alarms(store, clock).look() for store in (one, two, one, two)))
        assert len(await told(one, at=clock.now())) == 2
        assert metric("feederline_alerts_late_alarms_total", target="desk") == 1


async def test_a_disabled_target_is_an_alarm_at_once_and_until_it_is_enabled(postgres_url: str) -> None:
    clock = ManualClock(AT + SECOND)
    async with ready_store(postgres_url) as store:
        await put(store, message("a"))
        outbox = store.outbox(["desk"])
        (gone,) = await outbox.claim(at=AT, lease=SECOND, limit=9)
        await outbox.disable("desk", at=clock.now(), reason="410: closed down")
        await outbox.failed(gone, at=clock.now(), next_at=None, error="410: closed down")
        watching = alarms(store, clock)
        await watching.look()
        assert [body["error"] for _, body in await told(store, at=clock.now())] == ["410: closed down"] * 2
        (trouble,) = watching.troubles
        assert trouble.startswith("target desk is disabled since ")
        assert metric("feederline_alerts_target_disabled", target="desk") == 1
        clock.advance(MINUTE)
        assert await store.targets.enable("desk", at=clock.now(), by="wu") == 1
        await watching.look()
        assert await told(store, at=clock.now()) == [], "nothing has arrived there yet"
        assert metric("feederline_alerts_target_disabled", target="desk") == 0
        (again,) = await outbox.claim(at=clock.now(), lease=SECOND, limit=9)
        await outbox.delivered(again, at=clock.now(), status=204)
        await watching.look()
        assert [body["count"] for _, body in await told(store, at=clock.now())] == [0, 0]
        assert watching.troubles == ()


async def test_what_is_given_up_clears_no_alarm(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = ManualClock(AT + 2 * MINUTE)
    async with ready_store(database_url) as store:
        await put(store, message("a"))
        watching, outbox = alarms(store, clock), store.outbox(["desk"])
        await watching.look()
        assert len(await told(store, at=clock.now())) == 2
        (lost,) = await outbox.claim(at=clock.now(), lease=SECOND, limit=9)
        await outbox.failed(lost, at=clock.now(), next_at=None, error="answered 500")
        clock.advance(MINUTE)
        await watching.look()
        (trouble,) = watching.troubles
        assert "target desk has got nothing since the alarm of " in trouble
        assert trouble.endswith("dead letters: 1")

        assert await store.deliveries.replay(at=clock.now(), by="wu", delivery=lost.id) == 1
        await watching.look()
        assert await told(store, at=clock.now()) == [], "sent once more is not arrived"
        (again,) = await outbox.claim(at=clock.now(), lease=SECOND, limit=9)
        await outbox.failed(again, at=clock.now(), next_at=None, error="answered 500")

        await put(store, message("b", created_at=clock.now()))
        clock.advance(SECOND)
        (other,) = await outbox.claim(at=clock.now(), lease=SECOND, limit=9)
        await outbox.delivered(other, at=clock.now(), status=204)
        await watching.look()
        assert [body["count"] for _, body in await told(store, at=clock.now())] == [0, 0]
        assert watching.troubles == ()
    assert caplog.messages.count("messages get through to a target again") == 1


async def test_one_delivery_before_a_target_died_for_good_clears_no_alarm(postgres_url: str) -> None:
    clock = ManualClock(AT + 2 * MINUTE)
    async with ready_store(postgres_url) as store:
        await put(store, message("a"), message("b"))
        watching, outbox = alarms(store, clock), store.outbox(["desk"])
        await watching.look()
        one, two = await outbox.claim(at=clock.now(), lease=DAY, limit=9)
        await outbox.delivered(one, at=clock.now(), status=204)
        await outbox.failed(two, at=clock.now(), next_at=AT + DAY, error="answered 500")
        clock.at = AT + DAY
        (two,) = await outbox.claim(at=clock.now(), lease=DAY, limit=9)
        await outbox.failed(two, at=clock.now(), next_at=None, error="answered 500")
        await watching.look()
        assert any("target desk has got nothing since" in trouble for trouble in watching.troubles)
        assert {body["count"] for _, body in await told(store, at=clock.now())} == {2}, "not cleared"


async def test_alarms_raise_no_alarms(postgres_url: str) -> None:
    """Two targets that hear of each other's trouble, and neither answers."""
    clock = ManualClock(AT + 2 * MINUTE)
    async with ready_store(postgres_url) as store:
        await put(store, message("a"))
        watching = alarms(store, clock)
        for _ in range(5):
            await watching.look()
            clock.advance(5 * MINUTE)
        waiting = await store.deliveries.page()
        assert {d.target for d in waiting if d.subject.startswith("alarm/")} == {"chat", "pager"}
        assert {d.subject.split("/")[1] for d in waiting if d.subject.startswith("alarm/")} == {"desk"}
        assert len(waiting) == 3
        assert metric("feederline_alerts_late_deliveries", target="pager") == 1, "it is late all the same"
        assert any("target pager does not get its messages" in trouble for trouble in watching.troubles)


async def test_a_target_that_a_person_disables_is_no_alarm_but_is_said(postgres_url: str) -> None:
    clock = ManualClock(AT + SECOND)
    async with ready_store(postgres_url) as store:
        await store.targets.disable("desk", at=clock.now(), by="wu", reason="moves house")
        await put(store, message("a"))
        watching = alarms(store, clock)
        clock.advance(5 * MINUTE)
        await watching.look()
        assert await told(store, at=clock.now()) == []
        (trouble,) = watching.troubles
        assert "(moves house)" in trouble


async def test_a_replayed_message_is_not_late_at_once(postgres_url: str) -> None:
    clock = ManualClock(AT + DAY)
    async with ready_store(postgres_url) as store:
        await put(store, message("a"))
        outbox = store.outbox(["desk"])
        (dead,) = await outbox.claim(at=AT, lease=SECOND, limit=9)
        await outbox.failed(dead, at=AT, next_at=None, error="500")
        assert await store.deliveries.replay(at=clock.now(), by="wu", delivery=dead.id) == 1
        watching = alarms(store, clock)
        await watching.look()
        assert watching.troubles == ()
        clock.advance(2 * MINUTE)
        await watching.look()
        assert len(watching.troubles) == 1


async def test_messages_for_nobody_become_dead_letters_in_time(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at once: a gateway with the configuration of before may be sending them still."""
    clock = ManualClock(AT + MINUTE)
    async with ready_store(postgres_url) as store:
        await put(store, message("a", to="former"), message("a"))
        await alarms(store, clock).look()
        assert {d.state for d in await store.deliveries.page()} == {"pending"}
        clock.advance(MINUTE)
        await alarms(store, clock).look()
        states = {d.target: (d.state, d.last_error) for d in await store.deliveries.page()}
        assert states["former"] == ("dead", "no target of this name is configured")
        assert states["desk"] == ("pending", None)
    assert "messages for targets that are not configured are among the dead letters" in caplog.messages


async def test_the_role_of_the_gateway_suffices(postgres_url: str) -> None:
    """What dispatch and alarms write is granted to the group that the gateway acts as."""
    clock = ManualClock(AT + 5 * MINUTE)
    async with ready_store(postgres_url) as store:
        await put(store, message("a"), message("b", to="chat"))
        (found,) = await rows(
            postgres_url, "select count(*) from pg_roles where rolname = 'feederline_writer'"
        )
        assert found == (1,)
        async with store._pool.connection() as conn:
            acting = await (await conn.execute("select current_user")).fetchone()
        assert acting == ("feederline_writer",)
        outbox = store.outbox()
        first, *_ = await outbox.claim(at=clock.now(), lease=SECOND, limit=9)
        await outbox.delivered(msgspec.structs.replace(first), at=clock.now(), status=200, reference="INC1")
        await outbox.disable("pager", at=clock.now(), reason="410")
        await outbox.hurry("desk", at=clock.now())
        await alarms(store, clock).look()
