"""Who gets in, who does not, and what is on record of it: on real sockets, with a real database."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, cast

import aiohttp
import psycopg
import pytest
from msgspec import structs

from gateway.api.access import auditing, identity
from gateway.api.app import create_app
from gateway.api.settings import AccessSettings, ApiSettings
from gateway.core.access import ROLES, AuditEntry, Role
from gateway.core.clock import DAY, HOUR, MINUTE, ManualClock, parse_time, to_datetime
from gateway.core.errors import UnavailableError
from gateway.store import Store
from gateway.store.access import Access
from tests.integration.store_world import ready_store, rows, small_network
from tests.integration.test_api_server import StandInSink, StandInState, serving
from tests.signing import bearer, make_token, signed
from tests.waiting import until

NOW = parse_time("2026-03-15T12:00:00Z")
NOBODY = "fdl_" + "0" * 12 + "_" + "x" * 43
WINDOW = {"reference": "WO1", "node": "T0", "from": "2026-03-20T09:00:00Z", "to": "2026-03-20T12:00:00Z"}
QUICK = {"actor_per_s": 10_000, "address_per_s": 10_000, "failures_per_minute": 10_000}


@asynccontextmanager
async def site(
    database: str, *, api: dict[str, Any] | None = None, **access: Any
) -> AsyncIterator[tuple[Store, str, ManualClock]]:
    """Nobody gets in without credentials, unless the test says otherwise."""
    clock = ManualClock(NOW)
    given = AccessSettings.model_validate({"limits": QUICK, **access})
    async with ready_store(database) as store:
        settings = ApiSettings.model_validate({"port": 0, **(api or {})})
        async with serving(store, settings=settings, access=given, clock=clock) as url:
            yield store, url, clock


async def status(url: str, path: str = "/api/session", method: str = "GET", **given: Any) -> int:
    async with aiohttp.ClientSession(url) as client, client.request(method, path, **given) as answer:
        await answer.read()
        return answer.status


async def denied(store: Store, reason: str) -> list[AuditEntry]:
    """What is on record of attempts that were denied for that reason, once there is something."""

    async def found() -> list[AuditEntry]:
        entries = [view.entry for view in await store.access.audit_entries(outcome="denied", limit=1000)]
        return [entry for entry in entries if entry.detail["reason"] == reason]

    told: list[AuditEntry] = await until(found, what=f"{reason} on record")
    return told


async def test_every_route_but_health_and_sign_in_wants_credentials(postgres_url: str) -> None:
    async with site(postgres_url) as (store, url, _), aiohttp.ClientSession(url) as client:
        admin = await signed(store, Role.ADMIN)
        async with client.get("/api/openapi.json", headers=admin) as answer:
            paths = (await answer.json())["paths"]
        asked = 0
        for path, methods in paths.items():
            for method in methods:
                # Service systems sign what they call back with; signing in is what gives credentials.
                if path.startswith(("/health", "/api/callbacks")) or (method, path) == (
                    "post",
                    "/api/session",
                ):
                    continue
                async with client.request(method, path.replace("{", "").replace("}", "")) as answer:
                    assert answer.status == 401, (method, path)
                    assert answer.headers["www-authenticate"].startswith("Bearer")
                asked += 1
        assert asked > 15
        for where in ("/api/openapi.json", "/metrics"):
            assert await status(url, where) == 401
            assert await status(url, where, headers=admin) == 200
        for where in ("/health/live", "/health/ready", "/", "/web/core/signin.js"):
            assert await status(url, where) == 200, where


async def test_what_roles_may_do(postgres_url: str) -> None:
    async with site(postgres_url) as (store, url, _):
        headers = {role: await signed(store, role, name=role.word) for role in Role}
        for role in Role:
            assert await status(url, "/api/summary", headers=headers[role]) == 200
            expected = 202 if role >= Role.OPERATOR else 403
            said = {"headers": headers[role], "json": [WINDOW]}
            assert await status(url, "/api/planned-outages", "POST", **said) == expected, role
        (entry, *_) = await denied(store, "role")
        assert (entry.actor, entry.role, entry.action) == ("viewer", "viewer", "POST")
        assert (entry.object, entry.address) == ("/api/planned-outages", "127.0.0.1")


async def test_wrong_expired_and_revoked_tokens_are_one_answer(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "TRUSTED_S", 0.0)
    async with site(postgres_url) as (store, url, clock):
        token, text = await make_token(store, name="Wu", created_at=NOW, days=2)
        other, _ = await make_token(store, name="other", created_at=NOW)
        mixed = text.replace(token.id, other.id)
        answers = set()
        async with aiohttp.ClientSession(url) as client:

            async def answer(given: str) -> tuple[int, str]:
                async with client.get("/api/session", headers={"Authorization": given}) as told:
                    return told.status, (await told.json())["detail"] if told.status != 200 else ""

            assert (await answer(f"Bearer {text}"))[0] == 200
            for wrong in (NOBODY, mixed, text[:-1], text + "x", "", "a.b.c", "x" * 8000, "fdl_é"):
                answers.add(await answer(f"Bearer {wrong}"))
            answers.add(await answer("Basic d3U6d3U="))
            clock.advance(2 * DAY)
            answers.add(await answer(f"Bearer {text}"))
            clock.advance(-2 * DAY)
            entry = AuditEntry(at=NOW, actor="Chen", action="token.revoke", object=token.id, outcome="done")
            await store.access.revoke(token.id, entry)
            answers.add(await answer(f"Bearer {text}"))
        assert len(answers) == 1, answers
        assert answers.pop()[0] == 401
        assert {entry.actor for entry in await denied(store, "token revoked")} == {"Wu"}
        assert {entry.token for entry in await denied(store, "token expired")} == {token.id}
        (kept,) = [one for one in await store.access.tokens() if one.id == token.id]
        assert (kept.revoked_by, kept.last_used_at) == ("Chen", NOW)


async def test_taking_a_token_back_is_felt_within_seconds(postgres_url: str) -> None:
    async with site(postgres_url) as (store, url, _):
        token, text = await make_token(store)
        assert await status(url, headers=bearer(text)) == 200
        entry = AuditEntry(at=NOW, actor="Chen", action="token.revoke", object=token.id, outcome="done")
        await store.access.revoke(token.id, entry)

        async def refused() -> bool:
            return await status(url, headers=bearer(text)) == 401

        await until(refused, 2 * identity.TRUSTED_S + 3, "the token is refused")


async def test_this_machine_may_what_its_role_may_and_nobody_behind_a_proxy(postgres_url: str) -> None:
    api = {"hosts": ["ops.example.org"]}
    async with site(postgres_url, api=api, loopback_role="operator") as (store, url, _):
        async with aiohttp.ClientSession(url) as client, client.get("/api/session") as answer:
            told = await answer.json()
            assert (told["name"], told["role"], told["csrf"]) == ("loopback", "operator", None)
        assert await status(url, "/api/planned-outages", "POST", json=[WINDOW]) == 202
        elsewhere = {"Origin": "http://127.0.0.1:1"}
        assert await status(url, "/api/planned-outages", "POST", json=[WINDOW], headers=elsewhere) == 403
        for headers in (
            {"X-Forwarded-For": "192.0.2.1"},
            {"Forwarded": "for=192.0.2.1"},
            {"Via": "1.1 proxy"},
            {"X-Real-IP": "127.0.0.1"},
            {"Host": "ops.example.org"},
            {"Authorization": f"Bearer {NOBODY}"},
        ):
            assert await status(url, headers=headers) == 401, headers
        assert [view.entry.actor for view in await store.access.audit_entries(outcome="done")][:1] == [
            "loopback"
        ]


async def test_a_cookie_of_another_gateway_changes_nothing_on_this_machine(postgres_url: str) -> None:
    async with site(postgres_url, loopback_role="viewer") as (_, url, _clock):
        stale = {"Cookie": "feederline=" + "x" * 43}
        assert await status(url, headers=stale) == 200
        assert await status(url, "/api/planned-outages", "POST", json=[WINDOW], headers=stale) == 403
    async with site(postgres_url) as (_, url, _clock):
        assert await status(url, headers=stale) == 401


async def test_an_audit_entry_that_cannot_be_stored_holds_up_no_other(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ready_store(postgres_url) as store:
        clock = ManualClock(NOW)
        trail = auditing.AuditTrail(store.access, clock)
        good = AuditEntry(at=NOW, actor="Li", action="x", outcome="done")
        for entry in (good, structs.replace(good, outcome="nonsense"), structs.replace(good, actor="Wu")):
            trail.denied(entry, entry.actor + entry.outcome)
        await trail.write(structs.replace(good, outcome="nonsense"))
        running = asyncio.create_task(trail.run())

        async def both() -> bool:
            return {view.entry.actor for view in await store.access.audit_entries()} == {"Li", "Wu"}

        await until(both, what="the entries that can be stored")
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "nonsense", False),
    ],
)
def test_a_party_of_version_6_has_many_addresses(one: str, other: str, same: bool) -> None:
    assert (identity.neighbourhood(one) == identity.neighbourhood(other)) == same


async def test_whom_a_proxy_speaks_for_is_believed_of_known_proxies_only(postgres_url: str) -> None:
    async with site(postgres_url, api={"proxies": ["127.0.0.1", "10.1.0.0/16"]}) as (store, url, _):
        chain = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7, 10.1.2.3"}
        assert await status(url, headers={**bearer(NOBODY), **chain}) == 401
        (entry,) = await denied(store, "unknown token")
        assert entry.address == "198.51.100.7"
        assert await status(url, headers={**bearer(NOBODY), "X-Forwarded-For": "nonsense, ::1x"}) == 401
    async with site(postgres_url) as (store, url, clock):
        clock.advance(HOUR)
        assert await status(url, headers={**bearer(NOBODY), **chain}) == 401

        async def recent() -> list[str]:
            found = await store.access.audit_entries(outcome="denied", limit=1)
            return [view.entry.address for view in found if view.entry.at > NOW]

        assert await until(recent, what="the attempt on record") == ["127.0.0.1"]


async def test_signing_in_and_out_on_the_page(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "TRUSTED_S", 0.0)
    async with site(postgres_url) as (store, url, _):
        token, text = await make_token(store, name="Li Wei", below=["T0"], created_at=NOW)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(url, cookie_jar=jar) as client:
            for wrong in ({"token": NOBODY}, {"token": ""}):
                assert (await client.post("/api/session", json=wrong)).status == 401
            assert (await client.post("/api/session", json={"token": 7})).status == 422
            foreign = {"Origin": "https://elsewhere.example"}
            assert (await client.post("/api/session", json={"token": text}, headers=foreign)).status == 403
            assert (await client.get("/api/summary")).status == 401
            async with client.post("/api/session", json={"token": text}) as answer:
                assert answer.status == 201
                cookie = answer.headers["set-cookie"].lower()
                told = await answer.json()
            for word in ("httponly", "samesite=strict", "path=/", "max-age=43200"):
                assert word in cookie
            assert "domain" not in cookie
            assert (told["name"], told["role"], told["below"]) == ("Li Wei", "operator", ["T0"])
            assert told["expires_at"] == "2026-03-16T00:00:00Z"
            async with client.get("/api/session") as answer:
                assert await answer.json() == told
            assert (await client.get("/api/summary")).status == 200

            for headers in ({}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": "é"}):
                async with client.post("/api/planned-outages", json=[WINDOW], headers=headers) as answer:
                    assert answer.status == 403
                    assert "X-CSRF-Token" in (await answer.json())["detail"]
            csrf = {"X-CSRF-Token": told["csrf"]}
            assert (await client.post("/api/planned-outages", json=[WINDOW], headers=csrf)).status == 202
            assert (await client.delete("/api/session")).status == 403
            out = [client.delete("/api/session", headers=csrf) for _ in range(5)]
            assert {answer.status for answer in await asyncio.gather(*out)} <= {204, 401}
            assert (await client.get("/api/session")).status == 401
        done = [view.entry for view in await store.access.audit_entries(actor="Li Wei", outcome="done")]
        assert [(entry.action, entry.origin) for entry in done] == [
            ("session.end", "page"), ("planned_outage.announce", "page"), ("session.begin", "page")
        ]  # fmt: skip
        assert {entry.token for entry in done} == {token.id}
        assert await rows(postgres_url, "select count(*) from access_session") == [(0,)]


@pytest.mark.parametrize("ending", ["idle", "long", "revoked", "expired"])
async def test_a_session_ends(postgres_url: str, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setattr(identity, "TRUSTED_S", 0.0)
    async with site(postgres_url, session={"idle_s": 600, "longest_s": 3600}) as (store, url, clock):
        days = 0.02 if ending == "expired" else 90  # some 29 minutes
        token, text = await make_token(store, created_at=NOW, days=days)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(url, cookie_jar=jar) as client:
            assert (await client.post("/api/session", json={"token": text})).status == 201

            async def there() -> bool:
                return (await client.get("/api/session")).status == 200

            async def seen() -> bool:
                return await rows(postgres_url, "select seen_at from access_session") == [(at,)]

            for _ in range(2):
                clock.advance(9 * MINUTE)
                assert await there()
                at = to_datetime(clock.now())
                await until(seen, what="when it was seen is kept")
            if ending == "idle":
                clock.advance(11 * MINUTE)
            elif ending == "revoked":
                entry = AuditEntry(
                    at=NOW, actor="Chen", action="token.revoke", object=token.id, outcome="done"
                )
                await store.access.revoke(token.id, entry)
            else:
                for _ in range(6):
                    clock.advance(8 * MINUTE)
                    await there()
            assert not await there()
        await store.access.prune_sessions(clock.now() + DAY)
        assert await rows(postgres_url, "select count(*) from access_session") == [(0,)]


async def test_too_many_wrong_credentials_are_put_off_and_neighbours_are_not(postgres_url: str) -> None:
    async with site(postgres_url, limits={**QUICK, "failures_per_minute": 3}) as (store, url, _):
        good = await signed(store)
        assert await status(url, headers=good) == 200
        assert [await status(url, headers=bearer(NOBODY)) for _ in range(5)] == [401, 401, 401, 429, 429]
        async with aiohttp.ClientSession(url) as client:
            async with client.get("/api/session", headers=bearer(NOBODY)) as answer:
                assert 1 <= int(answer.headers["retry-after"]) <= 60
            _, text = await make_token(store)
            assert (await client.post("/api/session", json={"token": text})).status == 429
        assert await status(url, headers=bearer(text)) == 429, "not yet known to be good"
        assert await status(url, headers=good) == 200
        assert await status(url) == 401, "who brings nothing has guessed nothing"
        assert await denied(store, "failures of address")


async def test_rates_of_actors_and_addresses_are_limited(postgres_url: str) -> None:
    limits = {"actor_per_s": 0.2, "address_per_s": 0.5, "failures_per_minute": 10_000}
    async with site(postgres_url, limits=limits) as (store, url, _):
        one, other = await signed(store, name="one"), await signed(store, name="other")
        assert [await status(url, headers=one) for _ in range(3)] == [200, 200, 429]
        assert await status(url, headers=other) == 200
        assert await status(url, headers=other) == 429 or await status(url, headers=other) == 429
        assert {await status(url, "/health/live") for _ in range(9)} == {200}
        assert 429 in {await status(url, "/web/page.js") for _ in range(9)}
        assert {entry.actor for entry in await denied(store, "rate of actor")} == {"one"}
        assert {entry.actor for entry in await denied(store, "rate of address")} == {""}


async def test_bodies_are_counted_while_they_come(postgres_url: str) -> None:
    async with site(postgres_url, limits={**QUICK, "body_mb": 0.01}) as (store, url, _):
        headers = await signed(store)
        port = int(url.rsplit(":", 1)[1])

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(1000):
                yield b"x" * 1024

        large: dict[str, Any] = {"data": b"x" * 20_000, "headers": {**headers, "content-type": "text/csv"}}
        assert await status(url, "/api/planned-outages", "POST", **large) == 413
        large["data"] = endless()
        try:
            assert await status(url, "/api/planned-outages", "POST", **large) == 413
        except aiohttp.ClientOSError:
            pass  # cut off while it still sent: refused all the same
        for path in ("/api/session", "/api/interruptions/corrections"):
            content = {"content-type": "application/json"}
            assert await status(url, path, "POST", data=b"x" * 20_000, headers={**headers, **content}) == 413
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/session HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n")
        writer.write(b"content-type: application/json\r\n\r\n" + b"400\r\n" + b"y" * 1024 + b"\r\n")
        for _ in range(12):
            writer.write(b"400\r\n" + b"y" * 1024 + b"\r\n")
        await writer.drain()
        async with asyncio.timeout(10):
            assert b" 413 " in await reader.readline()
        writer.close()
        assert await denied(store, "body")
        assert await status(url, "/api/planned-outages", "POST", json=[WINDOW], headers=headers) == 202


async def test_a_flood_of_denied_attempts_fills_no_table(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "MOST_ROWS", 5)
    async with site(postgres_url, api={"proxies": ["127.0.0.1"]}) as (store, url, clock):
        async with aiohttp.ClientSession(url) as client:
            for i in range(300):
                headers = {**bearer(NOBODY), "X-Forwarded-For": f"198.51.100.{i % 30}"}
                async with client.get(f"/api/tickets/{i}", headers=headers) as answer:
                    assert answer.status == 401
            assert len(await denied(store, "unknown token")) <= 6
            clock.advance(2 * MINUTE)

            async def summed() -> bool:
                entries = await denied(store, "unknown token")
                return sum(int(e.detail.get("count", 1)) for e in entries) == 300

            await until(summed, what="all 300 attempts as numbers")
        entries = await denied(store, "unknown token")
        assert len(entries) <= 12
        (many,) = [e for e in entries if e.address == auditing.MANY and "count" in e.detail]
        assert many.detail["count"] == 249
        assert 1 <= len(many.detail["attempts"]) <= 10


async def test_secrets_are_in_no_log_and_no_answer(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with site(postgres_url, limits={**QUICK, "failures_per_minute": 20}) as (store, url, _):
        token, text = await make_token(store, created_at=NOW)
        secret = text.rsplit(token.id + "_", maxsplit=1)[1]
        answers: list[str] = []
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(url, cookie_jar=jar) as client:

            async def ask(method: str, path: str, **given: Any) -> str:
                async with client.request(method, path, **given) as answer:
                    answers.append(
                        f"{await answer.text()} {[v for k, v in answer.headers.items() if k.lower() != 'set-cookie']}"
                    )
                    return answer.headers.get("set-cookie", "")

            cookie = (await ask("POST", "/api/session", json={"token": text})).split("=", 1)[1].split(";")[0]
            for given in (text + "x", text[:-1], f"{text} {text}", text.upper()):
                await ask("GET", "/api/session", headers=bearer(given))
                await ask("GET", "/api/tickets", headers={"Authorization": given})
                await ask("POST", "/api/session", json={"token": given, "more": text})
                await ask("POST", "/api/session", json={"token": [text]})
                await ask("POST", "/api/session", data=f'{{"token": "{text}')
                await ask("POST", "/api/planned-outages", json=[text], headers={"X-CSRF-Token": text})
            await ask("GET", f"/api/tickets/{text}", headers=bearer(NOBODY))
            await ask("GET", f"/api/{text}/x")
            await ask("GET", "/api/tickets", headers=bearer(text), params={"limit": "zero"})
            await ask("POST", "/api/planned-outages", headers=bearer(text), json=[{"reference": 1}])
        told = await rows(postgres_url, "select a::text from audit a")
        kept = await rows(
            postgres_url, "select t::text from access_token t union select s::text from access_session s"
        )
        everything = "\n".join(
            [
                *answers,
                caplog.text,
                *(str(record.__dict__) for record in caplog.records),
                str(told),
                str(kept),
            ]
        )
        assert len(answers) == 29
        for hidden in (secret, cookie):
            assert len(hidden) == 43
            assert hidden not in everything


async def test_audit_is_for_ever_and_grafana_sees_nothing(postgres_url: str) -> None:
    async with site(postgres_url) as (store, _, _):
        await make_token(store)
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn:
            await conn.execute("set search_path = feederline")
            for statement in ("update audit set actor = 'me'", "delete from audit", "truncate audit"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    await conn.execute(statement.encode())
            for role in ("feederline_writer", "feederline_api"):
                await conn.execute(f"set role {role}".encode())
                for statement in (
                    "delete from access_token",
                    "delete from audit",
                    "update audit set actor = ''",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        await conn.execute(statement.encode())
                await conn.execute(b"select * from audit, access_token, access_session")
            await conn.execute(b"set role feederline_grafana")
            for table in ("audit", "access_token", "access_session"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    await conn.execute(f"select * from {table}".encode())


async def test_audit_is_listed_by_what_one_looks_for(postgres_url: str) -> None:
    async with site(postgres_url) as (store, _, _):
        for i in range(5):
            await store.access.audit(
                [
                    AuditEntry(
                        at=NOW + i,
                        actor="Li" if i % 2 else "Wu",
                        action="ticket.close",
                        object=f"T{i}",
                        outcome="done",
                        detail={"n": i},
                    )
                ]
            )
        found = await store.access.audit_entries(actor="Li")
        assert [view.entry.detail["n"] for view in found] == [3, 1]
        assert [v.entry.object for v in await store.access.audit_entries(before=NOW + 3, limit=2)] == [
            "T2",
            "T1",
        ]
        assert [
            v.entry.object for v in await store.access.audit_entries(thing="T4", action="ticket.close")
        ] == ["T4"]
        assert await store.access.audit_entries(outcome="denied") == []


def documented() -> list[tuple[str, str, Role]]:
    """Method, path with `*`, role: as docs/access.md has it."""
    text = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
    rows_of = re.findall(r"(?m)^\| (viewer|operator|engineer|admin) \| (.*) \|$", text)
    assert [role for role, _ in rows_of] == [role.word for role in Role]
    return [
        (method, path, ROLES[role])
        for role, said in rows_of
        for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (\S+)`", said)
    ]


async def test_the_documented_roles_are_those_that_routes_want(postgres_url: str) -> None:
    async with site(postgres_url) as (store, url, _), aiohttp.ClientSession(url) as client:
        async with client.get("/api/openapi.json", headers=await signed(store, Role.ADMIN)) as answer:
            paths = (await answer.json())["paths"]
        viewer, wrong = await signed(store, Role.VIEWER), []
        for path, methods in paths.items():
            if path.startswith(("/health", "/api/callbacks", "/api/events")):
                continue
            for method in sorted(set(methods) - {"parameters"}):
                if (method, path) == ("post", "/api/session"):
                    continue
                async with client.request(
                    method, path.replace("{", "").replace("}", ""), headers=viewer
                ) as answer:
                    refusal = (await answer.text()) if answer.status == 403 else ""
                said = re.search(r"needs the role (\w+);", refusal)
                wanted = ROLES[said[1]] if said else Role.VIEWER
                told = [role for m, p, role in documented() if m == method.upper() and fnmatch(path, p)]
                if not told or max(told) != wanted:
                    wrong.append((method, path, wanted, told))
        assert wrong == []


class Away:
    """A database that is away."""

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        raise UnavailableError("away")


async def test_what_waits_for_the_audit_log_outlives_a_reload(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with ready_store(postgres_url) as store:
        trail = auditing.AuditTrail(cast(Access, Away()), ManualClock(NOW))
        for database in (None, store.access):
            if database is not None:
                trail.move(database)
            async with running(store, trail):
                await trail.write(AuditEntry(at=NOW, actor=f"{database is None}", action="x", outcome="done"))
        assert {view.entry.actor for view in await store.access.audit_entries()} == {"True", "False"}
        trail.close()
        assert "lost" not in caplog.text
        trail.move(cast(Access, Away()))
        await trail.write(AuditEntry(at=NOW, actor="Li", action="x", outcome="done"))
        trail.close()
        assert "audit entries are lost" in caplog.text


@asynccontextmanager
async def running(store: Store, trail: auditing.AuditTrail) -> AsyncIterator[None]:
    """An application over that trail, from its start to its end."""
    app = create_app(
        store,
        settings=ApiSettings(port=0),
        state=StandInState(),
        sink=StandInSink(),
        network=small_network(),
        trail=trail,
    )
    async with app.router.lifespan_context(app):
        yield


async def test_signing_in_counts_as_asking(postgres_url: str) -> None:
    limits = QUICK | {"actor_per_s": 0.2}
    async with site(postgres_url, limits=limits) as (store, url, _):
        _, text = await make_token(store, name="eager")
        given = [await status(url, "/api/session", "POST", json={"token": text}) for _ in range(3)]
        assert given == [201, 201, 429]
        assert {entry.actor for entry in await denied(store, "rate of actor")} == {"eager"}
