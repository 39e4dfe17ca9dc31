"""What the reference shows is held to work: receiver, messages, configuration, lists, callbacks."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from aiohttp import web

import alerts
from alerts.callbacks import Caller
from alerts.formats import FORMATS
from alerts.formats.facts import TICKET_TYPES
from alerts.formats.jira import JiraOptions
from alerts.formats.options import CALLBACK_ACTIONS
from alerts.formats.servicenow import ServiceNowOptions
from alerts.formats.template import ALARM_NAMES, STORM_NAMES, TICKET_NAMES, TemplateOptions
from alerts.settings import AlertSettings
from alerts.webhook import Endpoint, open_session
from gateway.core.clock import SystemClock
from tests.alerting import OTHER_SECRET, SECRET, target
from tests.notices import delivery, notice

ROOT = Path(alerts.__file__).parent
PAGE = (ROOT.parent / "docs" / "webhooks.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


RECEIVER, CALL = blocks("python")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(("number", "schema"), [(0, "ticket"), (1, "storm"), (2, "alarm"), (3, "callback")])
def test_the_messages_shown_fit_their_schemas(number: int, schema: str) -> None:
    document = json.loads((ROOT / "schema" / f"{schema}.v1.json").read_text())
    jsonschema.Draft202012Validator(document).validate(json.loads(blocks("json")[number]))


def test_the_secrets_made_as_shown_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make secrets")
    _, *lines = blocks("sh")[0].splitlines()
    shown = AlertSettings.model_validate(yaml.safe_load(blocks("yaml")[0])["alerts"]).targets[0]
    for line in lines:
        name, _, _ = line.removeprefix("export ").partition("=")
        said = subprocess.run(
            ["sh", "-c", f'{line}; printf %s "${name}"'], capture_output=True, text=True, check=True
        )
        monkeypatch.setenv(name, said.stdout)
    Endpoint(shown, frozenset({shown.host}))
    Caller(shown)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_configurations_shown_are_accepted(text: str) -> None:
    assert AlertSettings.model_validate(yaml.safe_load(text)["alerts"]).targets


def test_every_format_is_shown() -> None:
    shown = {
        target.get("format", "standard")
        for text in blocks("yaml")
        for target in yaml.safe_load(text)["alerts"]["targets"]
    }
    assert shown == set(FORMATS)
    assert set(re.findall(r"^\| `(\w+)` \| ", PAGE.split("\n## ")[0], re.MULTILINE)) == set(FORMATS)


def test_the_lists_are_what_there_is() -> None:
    assert set(re.findall(r"^\| `(ticket\.\w+)` \|", PAGE, re.MULTILINE)) == set(TICKET_TYPES)
    for name, names in (("ticket", TICKET_NAMES), ("storm", STORM_NAMES), ("alarm", ALARM_NAMES)):
        (row,) = re.findall(rf"^\| {name} \| (.*) \|$", section("Templates"), re.MULTILINE)
        assert tuple(re.findall(r"`(\w+)`", row)) == names
    (row,) = re.findall(r"^\| `action` \| (.*?);", section("Calling back"), re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", row)) == CALLBACK_ACTIONS


@pytest.mark.parametrize(
    ("title", "model"),
    [
        ("ServiceNow", ServiceNowOptions),
        ("Jira Service Management", JiraOptions),
        ("Templates", TemplateOptions),
    ],
)
def test_every_option_has_a_row(title: str, model: Any) -> None:
    table = section(title).split("| option |")[1].split("\n\n")[0]
    firsts = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(firsts))) == sorted(model.model_fields)


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        RECEIVER,
        env={**os.environ, "PORT": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            yield process, int((await process.stdout.readline()).split()[-1])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_receiver_shown_verifies_what_we_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    monkeypatch.setenv("OTHER_SECRET", OTHER_SECRET)
    assert len([line for line in RECEIVER.splitlines() if line.strip()]) <= 25  # about twenty lines
    async with receiver() as (process, port), open_session(1) as session:
        good = target(f"http://127.0.0.1:{port}/")
        forged = target(f"http://127.0.0.1:{port}/", secret={"env": "OTHER_SECRET"})
        statuses = []
        for chosen in (forged, good, good):
            endpoint = Endpoint(chosen, frozenset({chosen.host}))
            reply = await endpoint.send(session, delivery(notice(), chosen))
            statuses.append(reply.status)
        assert statuses == [401, 204, 204]
        process.terminate()
        assert process.stdout is not None
        said = (await process.stdout.read()).decode().splitlines()
    assert said == ["ticket.opened Outage below transformer T12 (Market Street), 48 customers"]


@asynccontextmanager
async def gateway(got: list[tuple[dict[str, str], bytes]]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        got.append((dict(request.headers), await request.read()))
        return web.Response(status=200)

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"detail": "not now", "possible": ["reopen"]}, status=409)

    app = web.Application()
    app.router.add_post("/api/callbacks/desk", take)
    app.router.add_post("/api/callbacks/desk/refused", refuse)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/callbacks/desk"
    finally:
        await runner.cleanup()


async def called(url: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CALL,
        "1017",
        env={**os.environ, "DESK_CALLBACK_SECRET": SECRET, "URL": url},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode().strip()


async def test_the_callback_shown_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACK_SECRET", SECRET)
    caller = Caller(target(callback_secret={"env": "BACK_SECRET"}))
    got: list[tuple[dict[str, str], bytes]] = []
    async with gateway(got) as url, asyncio.timeout(20):
        assert await called(url) == (0, "200")
        assert await called(f"{url}/refused") == (1, '409 {"detail": "not now", "possible": ["reopen"]}')
    ((headers, body),) = got
    made = caller.read(headers, body, now=SystemClock().now())
    assert made.request is not None
    assert (made.number, made.request.action, made.request.reason) == (1017, "close", "fuse base replaced")


_SERVICENOW_STANDS_IN = """
const crypto = require("crypto");
const row = {
  correlation_id: "inc-1", state: "6", number: "INC0010023", close_notes: "电缆 \\u007f replaced", sys_mod_count: "4",
};
const current = {getUniqueValue: () => "c0ffee", getValue: (name) => row[name]};
const previous = {};
const gs = {getProperty: (name) => ({"feederline.callback_key": process.env.CALLBACK_KEY})[name]};
class GlideCertificateEncryption {
  generateMac(key, algorithm, data) {
    if (algorithm !== "HmacSHA256") throw new Error(algorithm);
    return crypto.createHmac("sha256", Buffer.from(key, "base64")).update(data, "latin1").digest("base64");
  }
}
const sent = {headers: {}};
const sn_ws = {RESTMessageV2: class {
  setHttpMethod(method) { sent.method = method; }
  setEndpoint(url) { sent.url = url; }
  setRequestHeader(name, value) { sent.headers[name] = value; }
  setRequestBody(body) { sent.body = body; }
  executeAsync() { console.log(JSON.stringify(sent)); }
}};
"""


async def test_the_business_rule_shown_signs_as_we_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node to run the script")
    (script,) = blocks("javascript")
    monkeypatch.setenv("BACK_SECRET", SECRET)
    process = await asyncio.create_subprocess_exec(
        node,
        "-e",
        _SERVICENOW_STANDS_IN + script,
        env={**os.environ, "CALLBACK_KEY": SECRET.removeprefix("whsec_")},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        said, _ = await process.communicate()
    sent = json.loads(said)
    assert (sent["method"], sent["url"]) == ("post", "https://ops.example/api/callbacks/servicenow")
    caller = Caller(target(format="servicenow", callback_secret={"env": "BACK_SECRET"}))
    made = caller.read(sent["headers"], sent["body"].encode(), now=SystemClock().now())
    assert made.request is not None
    assert (made.incident, made.request.action, made.request.reason) == (
        "inc-1",
        "close",
        "电缆 \x7f replaced",
    )
    shown = json.loads(blocks("json")[4])
    assert set(shown) == set(json.loads(sent["body"]))
