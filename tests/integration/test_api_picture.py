"""The network to draw, and its state: whole and in part, packed, told once."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import aiohttp
import pytest

from gateway.api.supply.part import Encoded, Moment, Part
from gateway.core.access import Role
from gateway.core.clock import SECOND
from gateway.core.model import IncidentKind
from tests.integration.case_world import SECRET, SECRET_VARIABLE, get, world
from tests.integration.store_world import T0, small_network

PICTURE, STATE = "/api/network/picture", "/api/network/state"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    monkeypatch.setattr("gateway.api.supply.picture.STATE_KEPT_S", 0.0)


async def test_the_whole_network_and_who_is_off(postgres_url: str) -> None:
    async with world(postgres_url) as there, there.client(Role.VIEWER) as client:
        told = await get(client, PICTURE)
        network = small_network()
        assert told["ids"] == list(network.ids)
        assert told["names"] == [""] * 5
        assert [told["kinds"][kind] for kind in told["kind"]] == [
            "substation",
            "feeder",
            *["transformer"] * 3,
        ]
        assert told["parent"] == [-1, 0, 1, 1, 1]
        assert told["customers"] == told["devices"] == [0, 0, 2, 2, 2]
        assert told["lat"] == told["lon"] == [None] * 5
        quiet = await get(client, STATE)
        assert quiet["revision"] == told["revision"]
        assert [quiet[name] for name in ("off", "planned", "unknown", "incidents")] == [[], [], [], []]

        await there.outage("I0", "T1", (1, 4), at=T0)
        await there.outage("I1", "T2", (2,), at=T0 + SECOND, kind=IncidentKind.PLANNED_OUTAGE)
        now = await get(client, STATE)
        assert now["off"] == [[3, 2, "2026-03-01T08:00:00Z"], [4, 1, "2026-03-01T08:00:01Z"]]
        assert now["planned"] == [[4, 1, "2026-03-01T08:00:01Z"]]
        assert [(one["node"], one["id"], one["kind"], one["state"]) for one in now["incidents"]] == [
            (3, "I0", "outage", "open"),
            (4, "I1", "planned_outage", "open"),
        ]


async def test_a_part_is_numbered_anew_and_sees_nothing_else(postgres_url: str) -> None:
    async with world(postgres_url) as there:
        await there.outage("I0", "T0", (0, 3), at=T0)
        await there.outage("I2", "T2", (2, 5), at=T0 + SECOND)
        expected: dict[tuple[str, ...], tuple[list[str], list[int], list[int], list[str]]] = {
            ("T2",): (["T2"], [-1], [0], ["I2"]),
            ("T2", "T1"): (["T1", "T2"], [-1, -1], [1], ["I2"]),
            ("F", "T0"): (["F", "T0", "T1", "T2"], [-1, 0, 0, 0], [1, 3], ["I0", "I2"]),
            ("gone",): ([], [], [], []),
        }
        tags = set()
        for below, (ids, parent, off, incidents) in expected.items():
            async with there.client(Role.VIEWER, below=below) as client:
                told, state = await get(client, PICTURE), await get(client, STATE)
            assert (told["ids"], told["parent"]) == (ids, parent), below
            assert all(
                len(told[name]) == len(ids) for name in ("names", "kind", "customers", "devices", "lat")
            )
            assert [row[0] for row in state["off"]] == off, below
            assert [one["id"] for one in state["incidents"]] == incidents, below
            assert state["revision"] == told["revision"]
            tags.add(told["revision"])
        assert len(tags) == len(expected)


async def test_what_is_known_is_not_sent_again_and_what_is_sent_is_packed(postgres_url: str) -> None:
    async with world(postgres_url) as there, there.client(Role.VIEWER) as client:
        raw = aiohttp.ClientSession(
            there.url, headers=client.headers, auto_decompress=False, skip_auto_headers=["accept-encoding"]
        )

        async def ask(path: str, **headers: str) -> tuple[int, Any, aiohttp.ClientResponse]:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            async with raw.get(path, headers=given) as answer:
                body = await answer.read()
                return answer.status, body, answer

        async with raw:
            for path in (PICTURE, STATE):
                status, plain, answer = await ask(path)
                tag = answer.headers["etag"]
                assert (status, answer.headers.get("content-encoding")) == (200, None)
                assert answer.headers["cache-control"] == "private, no-cache"
                assert {"accept-encoding", "authorization", "cookie"} <= set(
                    answer.headers["vary"].split(", ")
                )
                for accepted in ("gzip", "br, gzip;q=0.5", "*"):
                    status, packed, answer = await ask(path, accept_encoding=accepted)
                    assert answer.headers["content-encoding"] == "gzip"
                    assert json.loads(gzip.decompress(packed)).keys() == json.loads(plain).keys()
                for accepted in ("br", "gzip;q=0", "GZIP ; Q=0.000", "identity", "," * 9000):
                    assert (await ask(path, accept_encoding=accepted))[1] == plain or path == STATE
                for match in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
                    status, body, answer = await ask(path, if_none_match=match)
                    assert (status, body, answer.headers["etag"]) == (304, b"", tag), match
                for match in ('"x"', "", tag[:-2], '"*"', 'W/"x",' * 2000, "x" * 20_000):
                    assert (await ask(path, if_none_match=match))[0] == 200, match
            before = (await ask(STATE))[2].headers["etag"]
            await there.outage("I0", "T0", (0, 3), at=T0)
            status, _, answer = await ask(STATE, if_none_match=before)
            assert status == 200
            assert answer.headers["etag"] != before
            assert (await ask(PICTURE, if_none_match=before))[0] == 200


async def test_a_state_is_told_once_however_many_ask(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Part] = []
    tell = Part.state

    def counted(part: Part, moment: Moment) -> Encoded:
        made.append(part)
        return tell(part, moment)

    monkeypatch.setattr(Part, "state", counted)
    monkeypatch.setattr("gateway.api.supply.picture.STATE_KEPT_S", 60.0)
    async with world(postgres_url) as there, there.client(Role.VIEWER) as client:
        answers = await asyncio.gather(*[get(client, STATE) for _ in range(12)])
    assert len(made) == 1
    assert all(answer == answers[0] for answer in answers)


async def test_nothing_can_be_chosen_and_a_node_keeps_its_name(postgres_url: str) -> None:
    async with world(postgres_url) as there, there.client(Role.VIEWER) as client:
        for path in (PICTURE, STATE):
            refused = await get(client, path, 422, below="T0")
            assert refused["faults"] == ["below: there is no such parameter"]
            async with aiohttp.ClientSession(there.url) as stranger:
                await get(stranger, path, 401)
        assert (await get(client, "/api/network/T0"))["id"] == "T0"
