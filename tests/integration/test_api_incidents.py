"""Incidents over HTTP: found, looked into, and a person's word over the detectors'."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.api.cases import instruct
from gateway.core.access import Role
from gateway.core.model import Commit, IncidentKind, IncidentState, Instruction
from tests.integration.case_world import SECRET, SECRET_VARIABLE, World, get, post, world
from tests.integration.store_world import outage, rows


@pytest.fixture
async def there(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """I0 at T0 with M0 and M3, I1 at T1 with M1 and M4, feeder outage IF with M2 and M5."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    monkeypatch.setattr(instruct, "WAIT_S", 0.5)
    async with world(postgres_url) as found:
        await found.outage("I0", "T0", (0, 3))
        await found.outage("I1", "T1", (1, 4))
        await found.outage("IF", "F", (0, 1, 2, 5))
        yield found


async def test_filters(there: World) -> None:
    async def ids(**parameters: str) -> set[str]:
        return {i["id"] for i in (await get(client, "/api/incidents", **parameters))["incidents"]}

    async with there.client(Role.VIEWER) as client:
        assert await ids() == {"I0", "I1", "IF"}
        assert await ids(below="F") == {"I0", "I1", "IF"}
        assert await ids(below="T1") == {"I1"}
        assert await ids(kind="momentary") == set()
        assert await ids(drill="false", state="live") == {"I0", "I1", "IF"}
        assert await ids(text="meters dark", parent="none") == set()
        await get(client, "/api/incidents", 422, kind="fire")
    async with there.client(Role.VIEWER, below=["T0", "T2"]) as client:
        assert await ids() == {"I0"}
        await get(client, "/api/incidents/IF", 404)
        await get(client, "/api/incidents/IF/members", 404)
        await get(client, "/api/incidents/IF/timeline", 404)


async def test_an_incident_says_where_what_it_costs_and_who_works_on_it(there: World) -> None:
    name = await there.ticket_of("IF")
    async with there.client(name="Chen Yu") as client:
        one = await get(client, "/api/incidents/IF")
        assert [place["id"] for place in one["places"]] == ["S", "F"]
        assert one["places"][1]["kind"] == "feeder"
        assert (one["customers_off"], one["customers_unknown"]) == (4, 0)
        assert one["customer_minutes"] == 4 * 10
        assert (one["ticket_state"], one["severity"], one["crew"], one["late"]) == ("predicted", 1, "", False)
        await post(client, f"/api/tickets/{name}/dispatch", {"crew": "Crew 7"}, match="*")
        promise = {"restoration_estimated_at": "2026-03-01T12:00:00Z"}
        await post(client, f"/api/tickets/{name}/estimate", promise, match="*")
        (one,) = (await get(client, "/api/incidents", below="F", text="IF"))["incidents"]
        assert (one["ticket_state"], one["crew"]) == ("estimated", "Crew 7")
        assert one["restoration_estimated_at"] == promise["restoration_estimated_at"]
    async with there.client(Role.VIEWER, below=["T0"]) as client:
        (one,) = (await get(client, "/api/incidents"))["incidents"]
        assert [place["id"] for place in one["places"]] == ["T0"], "what lies above is not theirs to see"
        assert one["path"] == "T0"


async def test_members_are_paged(there: World) -> None:
    async with there.client(Role.VIEWER) as client:
        first = await get(client, "/api/incidents/IF/members", limit="3")
        assert [m["device"] for m in first["members"]] == ["M0", "M1", "M2"]
        assert first["members"][1]["priority"] == "critical"
        assert first["members"][1]["supply"] == "off"
        rest = await get(client, "/api/incidents/IF/members", limit="3", after=first["next"])
        assert [m["device"] for m in rest["members"]] == ["M5"]
        assert rest["next"] is None


async def test_a_persons_word_goes_through_the_stream(there: World, postgres_url: str) -> None:
    async with there.client(name="Chen Yu") as client:
        one = await get(client, "/api/incidents/I0")
        assert one["possible"] == ["confirm", "cancel", "merge", "split"]
        said = await post(client, "/api/incidents/I0/confirm", {"reason": "seen"}, match=1)
        assert (said["done"], said["incident"]["confirmed_by"]) == (True, "Chen Yu")
        (word,) = there.detector.entries
        assert isinstance(word, Instruction)
        assert (word.by, word.reason, word.order) == ("Chen Yu", "seen", "confirm")
        refused = await post(client, "/api/incidents/I0/confirm", None, 409, match=2)
        assert refused["possible"] == ["cancel", "merge", "split"]
        said = await post(client, "/api/incidents/I1/merge", {"into": "I0"}, match=1)
        assert (said["incident"]["state"], said["incident"]["parent"]) == ("merged", "I0")
        refused = await post(client, "/api/incidents/I1/cancel", {"reason": "no"}, 409, match=2)
        assert refused["possible"] == []
        await post(client, "/api/incidents/IF/split", {"node": "T1"}, match=1)
        await post(client, "/api/incidents/I0/cancel", {"reason": "a mistake"}, match=2)
        happened = (await get(client, "/api/incidents/I0/timeline"))["timeline"]
    what = [step["what"] for step in happened]
    assert {"incident.started", "instruction.confirm", "instruction.cancel", "ticket.open"} <= set(what)
    assert await rows(
        postgres_url,
        "select action, object from audit where actor = 'Chen Yu' and outcome = 'done' order by 1",
    ) == [
        ("incident.cancel", "I0"),
        ("incident.confirm", "I0"),
        ("incident.merge", "I1"),
        ("incident.split", "IF"),
    ]


async def test_what_the_detectors_have_not_done_yet_is_taken(there: World) -> None:
    there.detector.deaf = True
    async with there.client() as client:
        said = await post(client, "/api/incidents/I0/cancel", {"reason": "no"}, 202, match=1)
    assert (said["done"], said["incident"]["state"]) == (False, "open")


async def test_what_makes_no_sense_never_reaches_the_stream(there: World) -> None:
    await there.write(
        Commit(events=[outage("IL", kind=IncidentKind.COMMUNICATIONS_LOSS, node="T2", devices=(2,))])
    )
    await there.write(
        Commit(
            events=[
                outage("IE", node="T2", devices=(5,), state=IncidentState.CLOSED, ended_at=there.clock.at)
            ]
        )
    )
    async with there.client() as client:
        path = "/api/incidents/I0"
        await post(client, f"{path}/confirm", None, 428)
        assert (await post(client, f"{path}/confirm", None, 412, match=7))["revision"] == 1
        await post(client, f"{path}/cancel", {}, 422, match=1)
        await post(client, f"{path}/merge", {"into": "I0"}, 422, match=1)
        await post(client, f"{path}/merge", {"into": "none"}, 404, match=1)
        await post(client, f"{path}/merge", {"into": "IL"}, 422, match=1)
        await post(client, f"{path}/merge", {"into": "IE"}, 409, match=1)
        await post(client, f"{path}/split", {"node": "F"}, 422, match=1)
        await post(client, f"{path}/split", {"node": "nowhere"}, 422, match=1)
        await post(client, "/api/incidents/IF/split", {"node": "F"}, 422, match=1)
        await post(client, "/api/incidents/IE/cancel", {"reason": "no"}, 409, match=1)
        refused = await post(client, "/api/incidents/IL/merge", {"into": "I0"}, 409, match=1)
        assert refused["possible"] == ["confirm", "cancel"]
    async with there.client(below=["T0"]) as client:
        await post(client, "/api/incidents/I1/confirm", None, 404, match=1)
        await post(client, f"{path}/merge", {"into": "IF"}, 404, match=1)
    async with there.client(Role.VIEWER) as client:
        await post(client, f"{path}/confirm", None, 403, match=1)
        assert (await get(client, path))["possible"] == []
    assert there.detector.entries == []


@pytest.mark.parametrize("kind", [IncidentKind.POWER_QUALITY, IncidentKind.USAGE_ANOMALY])
async def test_what_was_inspected_can_be_confirmed_or_withdrawn(there: World, kind: IncidentKind) -> None:
    await there.write(Commit(events=[outage("IU", kind=kind, node="T2", devices=(2,))]))
    async with there.client() as client:
        assert (await get(client, "/api/incidents/IU"))["possible"] == ["confirm", "cancel"]
        confirmed = await post(client, "/api/incidents/IU/confirm", None, match=1)
        assert confirmed["incident"]["possible"] == ["cancel"]
        withdrawn = await post(client, "/api/incidents/IU/cancel", {"reason": "nothing found"}, match=2)
        assert withdrawn["incident"]["state"] == "cancelled"
        refused = await post(client, "/api/incidents/IU/merge", {"into": "I0"}, 409, match=3)
        assert refused["possible"] == []


async def test_of_many_who_read_the_same_revision_one_is_heard(there: World, postgres_url: str) -> None:
    async with there.client() as client:
        ticket = await there.ticket_of("I1")
        for path, name in ((f"/api/incidents/{'I0'}", "I0"), (f"/api/tickets/{ticket}", ticket)):
            async with client.get(path) as answer:
                read = answer.headers["etag"]

            async def confirm(path: str = path, read: str = read) -> int:
                async with client.post(f"{path}/confirm", json={}, headers={"if-match": read}) as answer:
                    return answer.status

            assert sorted(await asyncio.gather(*(confirm() for _ in range(6)))) == [200, *[412] * 5]
            told = await rows(
                postgres_url, f"select count(*) from audit where object = '{name}' and outcome = 'done'"
            )
            assert told == [(1,)]
    assert len(there.detector.entries) == 2
