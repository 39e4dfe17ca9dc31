"""`feederline dashboards deploy`: addresses, TLS, silence, what is no Grafana, and options that are wrong."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dashboards.deploy import client
from dashboards.deploy.client import Address, Grafana
from dashboards.deploy.wanted import Login
from gateway.core.errors import (
    ImpossibleError,
    InvalidInputError,
    UnavailableError,
)
from tests.grafana.deploying import (
    exit_code,
    few,
    grafana,
    run,
    writes_of,
)
from tests.grafana.standin import ADMIN, StandIn, serving
from tests.integration.test_api_tls import certificate

__all__ = ["few", "grafana"]


@pytest.mark.parametrize("version", ["11.5.9", "9.0.0", ""])
def test_a_grafana_that_is_too_old_is_left_alone(grafana: StandIn, version: str) -> None:
    grafana.version = version
    with pytest.raises(ImpossibleError, match=r"11\.6 or later is needed|does not tell its version"):
        run(grafana)
    assert grafana.writes == []


def test_a_later_grafana_does() -> None:
    with serving(StandIn(prefix="/tools/grafana")) as standin:
        standin.version = "12.1.0-pre"
        assert run(standin).complete
        assert standin.url.endswith("/tools/grafana/")
        standin.url = standin.url.rstrip("/")
        assert writes_of(standin) == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: web.Response(text="<html>log in</html>", content_type="text/html"), "is no Grafana"),
        (lambda: web.Response(text="<", content_type="application/json"), "is no Grafana"),
        (lambda: web.json_response([1]), "is no Grafana"),
        (lambda: web.json_response({"status": "ok"}), "is no Grafana"),
        (
            lambda: web.Response(status=302, headers={"Location": "https://sso.example/login"}),
            "sends on to https://sso.example/login",
        ),
    ],
)
def test_what_is_no_grafana_is_told_from_one(grafana: StandIn, answer: Any, told: str) -> None:
    async def instead(_: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = answer()
        return response

    grafana.before = instead
    with pytest.raises(ImpossibleError, match=told):
        run(grafana)


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        (
            "/api/health",
            lambda: web.Response(body=b"[" * 100_000, content_type="application/json"),
            "RecursionError",
        ),
        ("/api/frontend/settings", lambda: web.json_response([]), "AttributeError"),
        ("/api/folders/feederline", lambda: web.json_response({"uid": "feederline"}), "KeyError: 'title'"),
        ("/api/dashboards/uid/", lambda: web.json_response({"dashboard": None}), "AttributeError"),
        ("/api/v1/provisioning/policies", lambda: web.json_response({"routes": 5}), "TypeError"),
    ],
)
def test_answers_of_another_shape_are_told_and_nothing_is_changed(
    grafana: StandIn, path: str, answer: Any, told: str
) -> None:
    async def instead(request: web.Request) -> web.StreamResponse | None:
        response: web.StreamResponse | None = answer() if request.path.startswith(path) else None
        return response

    grafana.before = instead
    with pytest.raises(ImpossibleError, match=f"answers in another way.*{told}"):
        run(grafana)
    assert grafana.writes == []


@pytest.mark.parametrize(("part", "kind"), [(b" ", UnavailableError), (b" " * (1 << 20), ImpossibleError)])
def test_answers_without_end_are_left(
    grafana: StandIn, part: bytes, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_LARGEST", 4 << 20)

    async def instead(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while request.transport is not None and not request.transport.is_closing():
            await response.write(part)
            await asyncio.sleep(0.01)
        return response

    grafana.before = instead
    with pytest.raises(kind):
        run(grafana, timeout_s=0.3)


def test_what_a_server_says_is_shortened_and_holds_no_secret(grafana: StandIn) -> None:
    async def instead(request: web.Request) -> web.StreamResponse | None:
        if request.path != "/api/datasources" or request.method != "POST":
            return None
        said = f"\x1b[2J\u202e{request.headers['Authorization']} {await request.text()}"
        return web.json_response({"message": said + "no " * 1000}, status=400)

    grafana.before = instead
    with pytest.raises(ImpossibleError) as failed:
        run(grafana)
    text = str(failed.value)
    assert len(text) < 500
    assert not {"\x1b", "\u202e"} & set(text)
    for secret in (ADMIN, '"reads"', "desk.example/hooks"):
        assert secret not in text


def test_a_gateway_error_of_a_proxy_is_a_reason_to_try_again(grafana: StandIn) -> None:
    async def instead(_: web.Request) -> web.StreamResponse:
        return web.Response(status=502, text="<html>bad gateway</html>" * 50, content_type="text/html")

    grafana.before = instead
    with pytest.raises(UnavailableError, match="502: <html>") as failed:
        run(grafana)
    assert len(str(failed.value)) < 400


@pytest.mark.parametrize(
    ("status", "message", "kind", "told"),
    [
        (409, "a folder with the same name already exists", ImpossibleError, "another of that name"),
        (412, "The folder has been changed by someone else", UnavailableError, "deploy again"),
        (409, "a folder with the same uid already exists", UnavailableError, "deploy again"),
        (429, "Too many requests", UnavailableError, "429"),
        (400, "title cannot be empty", ImpossibleError, "does not take it"),
    ],
)
def test_refusals_are_told_apart(
    grafana: StandIn, status: int, message: str, kind: type[Exception], told: str
) -> None:
    async def instead(request: web.Request) -> web.StreamResponse | None:
        return web.json_response({"message": message}, status=status) if request.method == "POST" else None

    grafana.before = instead
    with pytest.raises(kind, match=told):
        run(grafana)


def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    standin = StandIn()
    standin.url = f"http://127.0.0.1:{port}/"
    with pytest.raises(UnavailableError, match=f"no Grafana answers at http://127.0.0.1:{port}/"):
        run(standin)


def test_silence_ends() -> None:
    """Somebody takes the connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []
        taking = threading.Thread(target=lambda: held.append(server.accept()[0]), daemon=True)
        taking.start()
        standin = StandIn()
        standin.url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(UnavailableError, match=r"did not answer within 0\.3 s"):
            run(standin, timeout_s=0.3)
        taking.join(5)
        for one in held:
            one.close()


def test_tls_where_there_is_none(grafana: StandIn) -> None:
    grafana.url = grafana.url.replace("http://", "https://")
    with pytest.raises(UnavailableError, match="does not speak TLS"):
        run(grafana)


def test_a_certificate_of_ones_own_authority(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with serving(StandIn(), tls=context) as standin:
        with pytest.raises(UnavailableError, match="--ca-file"):
            run(standin)
        assert standin.writes == []
        assert run(standin, ca_file=cert).complete
    (tmp_path / "none.pem").write_text("no certificate")
    for wrong in ("none.pem", "missing.pem"):
        with pytest.raises(InvalidInputError, match="--ca-file"):
            Grafana("https://127.0.0.1/", Login(token="t"), ca_file=tmp_path / wrong)


def test_a_login_is_not_sent_where_others_can_read_it() -> None:
    with pytest.raises(InvalidInputError, match="is not encrypted"):
        Grafana("http://grafana.example/", Login(token="t"))
    Grafana("http://grafana.example/", Login(token="t"), plain_http=True).close()
    Grafana("http://[::1]:3000/", Login(token="t")).close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://host/grafana/", "https://host/grafana/"),
        ("https://host/grafana", "https://host/grafana/"),
        ("http://[::1]:3000", "http://[::1]:3000/"),
        ("HTTPS://Host:8443//a//", "https://host:8443/a/"),
    ],
)
def test_addresses_are_taken_as_people_write_them(url: str, told: str) -> None:
    assert str(Address.of(url)) == told


@pytest.mark.parametrize(
    "url",
    ["", "grafana.example", "ftp://host/", "https://", "https://u:p@host/", "https://host/?orgId=1", "https://h/#x",
     "http://host:99999/", "http://[::1/", "https://ho st/", "http://h\\x/"],
)  # fmt: skip
def test_odd_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="--url"):
        Address.of(url)


def test_every_fault_of_the_options_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("FEEDERLINE_GRAFANA_TOKEN", raising=False)
    arguments = [
        "--url", "grafana", "--database", "db/feederline", "--alerts-to", "desk", "--alerts-email", "nobody",
        "--database-password-file", str(tmp_path / "none"), "--folder", " x",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["feederline", "dashboards", "deploy", *arguments])
    assert exit_code() == 2
    said = capsys.readouterr().err
    for option in ("--token-file", "--database 'db/feederline'", "--database-user", str(tmp_path / "none"),
                   "--folder", "--alerts-to", "--alerts-email", "--url"):  # fmt: skip
        assert option in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--user", "admin", "--token-file", "x"],
        ["--user", "a:b"],
        ["--password-file", "x"],
        ["--database-user", "u"],
        ["--language", "fr"],
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEEDERLINE_GRAFANA_TOKEN", "two words" if "--language" in arguments else "t")
    words = ["feederline", "dashboards", "deploy", "--url", "http://127.0.0.1:1/", *arguments]
    monkeypatch.setattr(sys, "argv", words)
    assert exit_code() == 2
    assert arguments[0] in capsys.readouterr().err
