"""The way to a target: certificates, credentials, and that nothing leads a format to another place."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from alerts.exchange import Answer, Line, LineError, Reply
from alerts.formats import FORMATS, Format
from alerts.line import MAX_BODY, below
from alerts.webhook import Endpoint, open_session
from gateway.core.clock import ManualClock, SystemClock
from gateway.core.errors import InvalidInputError
from gateway.core.ticket import Delivery
from simulator.receiver import Receiver
from tests.alerting import AT, SECRET, target
from tests.integration.webhook_rig import Authority, message

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    monkeypatch.setenv("DESK_PASSWORD", "correct horse")
    monkeypatch.setenv("DESK_TOKEN", "tok-7f3a")


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def send(url: str, **changes: Any) -> Reply:
    chosen = target(url, **changes)
    async with open_session(2) as session:
        return await Endpoint(chosen, frozenset({chosen.host}), SystemClock()).send(session, message())


async def ask(
    url: str, work: Callable[[Line], Awaitable[Answer]], *, timeout_s: float = 5, **changes: Any
) -> Answer:
    chosen = target(url, timeout_s=timeout_s, **changes)
    async with open_session(2) as session:
        return await work(Endpoint(chosen, frozenset({chosen.host})).line(session))


# -- certificates -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


async def test_a_private_authority_is_trusted_where_it_is_named(authority: Authority) -> None:
    async with Receiver(SECRET, tls=authority.serving()) as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        assert await send(url, ca_file=authority.file) == Reply(status=204)
        unknown = await send(url)
        assert (unknown.status, receiver.counts.requests) == (None, 1)
        assert "CERTIFICATE_VERIFY_FAILED" in unknown.error


@pytest.mark.parametrize(("host", "days"), [("elsewhere", 2), ("localhost", -1)])
async def test_a_wrong_name_or_an_expired_certificate_is_refused(
    authority: Authority, host: str, days: int
) -> None:
    async with Receiver(SECRET, tls=authority.serving(host, days=days)) as receiver:
        reply = await send(receiver.url.replace("127.0.0.1", "localhost"), ca_file=authority.file)
        assert (reply.status, receiver.counts.requests) == (None, 0)
        wanted = "expired" if days < 0 else "localhost"
        assert wanted in reply.error


async def test_plain_http_where_tls_was_wanted_is_refused() -> None:
    async with Receiver(SECRET) as receiver:
        reply = await send(receiver.url.replace("http://", "https://"))
        assert (reply.status, receiver.counts.requests) == (None, 0)


async def test_a_client_certificate_is_shown_where_one_is_configured(
    authority: Authority, tmp_path: Path
) -> None:
    clients = Authority(tmp_path, "clients")
    cert, key = clients.issue("gateway")
    async with Receiver(SECRET, tls=authority.serving(clients=clients)) as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        assert await send(url, ca_file=authority.file, client_cert=cert, client_key=key) == Reply(status=204)
        without = await send(url, ca_file=authority.file)
        assert (without.status, receiver.counts.requests) == (None, 1)
        foreign = authority.issue("stranger")
        reply = await send(url, ca_file=authority.file, client_cert=foreign[0], client_key=foreign[1])
        assert (reply.status, receiver.counts.requests) == (None, 1)


def test_certificates_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    cert, _ = authority.issue("one")
    _, other_key = authority.issue("two")
    (tmp_path / "nonsense.pem").write_text("nothing")
    faulty: tuple[tuple[dict[str, Any], str], ...] = (
        ({"ca_file": tmp_path / "absent.pem"}, "ca_file"),
        ({"ca_file": tmp_path / "nonsense.pem"}, "ca_file"),
        ({"client_cert": cert, "client_key": other_key}, "client_key"),
        ({"client_cert": cert, "client_key": tmp_path / "absent.key"}, "client_key"),
        ({"client_cert": tmp_path / "nonsense.pem", "client_key": other_key}, "client_cert"),
    )
    for changes, named in faulty:
        with pytest.raises(InvalidInputError, match=f"target desk: .*{named}"):
            Endpoint(target(**changes), frozenset({"desk.example"}))


def test_a_key_with_a_password_is_a_fault_and_not_a_question(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.issue("locked")
    locked = tmp_path / "locked.key"
    authority._run("ec", "-in", str(key), "-aes256", "-passout", "pass:sesame", "-out", str(locked))
    with pytest.raises(InvalidInputError, match="protected by a password"):
        Endpoint(target(client_cert=cert, client_key=locked), frozenset({"desk.example"}))


# -- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"bearer_token": {"env": "DESK_TOKEN"}}, "Bearer tok-7f3a"),
        (
            {"basic_auth": {"user": "gätewäy", "password": {"env": "DESK_PASSWORD"}}},
            f"Basic {base64.b64encode('gätewäy:correct horse'.encode()).decode()}",
        ),
        ({}, None),
    ],
)
async def test_credentials_are_shown_and_go_no_further(
    changes: dict[str, object], wanted: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where the receiver quotes them."""
    caplog.set_level(logging.DEBUG)
    seen: list[str | None] = []

    async def parrot(request: web.Request) -> web.Response:
        seen.append(request.headers.get("authorization"))
        assert "webhook-signature" in request.headers
        return web.Response(status=500, text=f"you said {seen[-1]}, correct horse")

    async with serving(parrot) as url:
        reply = await send(url, **changes)
    assert seen == [wanted]
    assert reply.status == 500
    for hidden in ("tok-7f3a", "correct horse") if wanted else ():
        if hidden in str(wanted) or "basic_auth" in changes:
            assert hidden not in reply.error + caplog.text
    if wanted:
        assert wanted.split(" ")[1] not in reply.error


def test_faults_of_credentials_are_told_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_TOKEN", "two words")
    monkeypatch.setenv("DESK_SECRET", "whsec_not!base64")
    with pytest.raises(InvalidInputError) as caught:
        Endpoint(target(bearer_token={"env": "DESK_TOKEN"}), frozenset())
    assert [fault.split(": ")[1] for fault in caught.value.faults] == [
        "host desk.example is not on allow_hosts",
        "secret",
        "bearer_token",
    ]
    assert "two words" not in str(caught.value)
    assert "not!base64" not in str(caught.value)


# -- where a format may go --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "wanted"),
    [
        ("", {}, "https://desk.example/base/?k=1"),
        ("api/now/table", {}, "https://desk.example/base/api/now/table?k=1"),
        ("a b/ü?#%2e", {}, "https://desk.example/base/a%20b/%C3%BC%3F%23%252e?k=1"),
        ("x", {"sysparm_query": "a=b^c"}, "https://desk.example/base/x?k=1&sysparm_query=a%3Db%5Ec"),
        ("https:evil.example", {}, "https://desk.example/base/https%3Aevil.example?k=1"),
        ("@evil.example", {}, "https://desk.example/base/%40evil.example?k=1"),
    ],
)
def test_every_path_stays_below_the_address(path: str, query: dict[str, str], wanted: str) -> None:
    assert (
        URL(wanted, encoded=True).raw_path
        == below(URL("https://desk.example/base/?k=1"), path, query).raw_path
    )
    made = below(URL("https://desk.example/base/?k=1"), path, query)
    assert (made.host, made.scheme, dict(made.query)) == ("desk.example", "https", {"k": "1", **query})


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "/x",
        "//evil.example/x",
        "a//b",
        ".",
        "a/",
        "a\\b",
        "a\r\nb",
        "a\0",
        "https://evil.example/",
    ],
)
def test_paths_that_lead_out_are_refused(path: str) -> None:
    with pytest.raises(LineError, match="refused"):
        below(URL("https://desk.example/base"), path, {})


async def test_several_requests_share_the_time_out_and_the_credentials() -> None:
    seen: list[tuple[str, str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, request.headers.get("authorization")))
        if request.method == "PATCH":
            await asyncio.Event().wait()  # for ever
        return web.json_response({"sys_id": "abc"}, headers={"X-Total": "1", "Set-Cookie": "a=b"})

    async def work(line: Line) -> Answer:
        found = await line.request("GET", "table/incident", query={"id": "a/b"})
        assert (found.status, found.headers["x-total"], found.body) == (200, "1", b'{"sys_id": "abc"}')
        return await line.request(
            "PATCH", "table/incident/abc", body=b"{}", headers={"Authorization": "theirs"}
        )

    async with serving(answer) as url:
        with pytest.raises(LineError, match=r"no answer within 0\.3 s"):
            await ask(f"{url}/api", work, timeout_s=0.3, bearer_token={"env": "DESK_TOKEN"})
    assert seen == [
        ("GET", "/api/table/incident?id=a/b", "Bearer tok-7f3a"),
        ("PATCH", "/api/table/incident/abc", "Bearer tok-7f3a"),
    ]


async def test_a_format_cannot_name_another_host_in_its_headers() -> None:
    async def nothing(_: web.Request) -> web.Response:
        raise AssertionError("nobody was to come here")

    async with serving(nothing) as url:
        with pytest.raises(ValueError, match="must not set host"):
            await ask(url, lambda line: line.request("POST", headers={"Host": "evil.example"}))


async def test_a_long_answer_is_cut_off_and_a_torn_one_is_still_an_answer() -> None:
    async def long(request: web.Request) -> web.StreamResponse:
        if request.path == "/long":
            return web.Response(body=b"x" * (2 * MAX_BODY))
        response = web.StreamResponse(status=201)
        response.content_length = 100
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(long) as url:
        assert len((await ask(url, lambda line: line.request("GET", "long"))).body) == MAX_BODY
        torn = await ask(url, lambda line: line.request("GET", "torn"))
        assert (torn.status, torn.body) == (201, b"half")


async def test_a_body_that_never_ends_does_not_turn_an_acceptance_into_a_failure() -> None:
    async def dribble(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=200)
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()  # for ever
        return response

    async with serving(dribble) as url:
        assert await send(url, timeout_s=0.3) == Reply(status=200)


# -- formats with an exchange of their own ----------------------------------------------------------------------------


@pytest.fixture
def _broken_format() -> Iterator[None]:
    async def exchange(line: Line, delivery: Delivery) -> Reply:
        answer = await line.request("POST", body=delivery.body)
        raise KeyError(answer.body)

    FORMATS.add("broken", Format(ticket=lambda _: None, exchange=exchange))
    yield
    del FORMATS._parts["broken"]


@pytest.mark.usefixtures("_broken_format")
async def test_a_format_that_stumbles_over_an_answer_is_a_failed_try(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def accept(_: web.Request) -> web.Response:
        return web.Response(text="surprise")

    async with serving(accept) as url:
        assert await send(url, format="broken") == Reply(status=None, error="format broken failed: KeyError")
    assert "format failed on an answer" in caplog.messages


async def test_signed_headers_are_of_now() -> None:
    chosen = target()
    async with open_session(1) as session:
        line = Endpoint(chosen, frozenset({chosen.host}), ManualClock(AT)).line(session)
        assert line.signed(message())["webhook-timestamp"] == str(AT // 1_000_000)
