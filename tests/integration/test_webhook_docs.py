"""The reference shows a receiver and a message; both are held to work."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

import alerts
from alerts.desk import Desk
from alerts.settings import AlertSettings
from alerts.webhook import Endpoint, open_session
from tests.alerting import AT, OTHER_SECRET, SECRET, district, outage, settings, target

PAGE = (Path(alerts.__file__).parent.parent / "docs" / "webhooks.md").read_text()


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


def test_the_message_shown_fits_the_schema() -> None:
    schema = json.loads((Path(alerts.__file__).parent / "schema" / "ticket.v1.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(block("json")))


def test_the_configuration_shown_is_accepted() -> None:
    chosen = AlertSettings.model_validate(yaml.safe_load(block("yaml"))["alerts"])
    assert chosen.targets[0].host == "desk.example"


async def test_the_receiver_shown_verifies_what_we_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    monkeypatch.setenv("OTHER_SECRET", OTHER_SECRET)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        block("python"),
        env={**os.environ, "PORT": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20), open_session(1) as session:
            port = int((await process.stdout.readline()).split()[-1])
            good = target(f"http://127.0.0.1:{port}/")
            forged = target(f"http://127.0.0.1:{port}/", secret={"env": "OTHER_SECRET"})
            (delivery,) = Desk(district(), settings(good)).open(outage(), number=1, at=AT).deliveries
            statuses = []
            for chosen in (forged, good, good):
                endpoint = Endpoint(chosen, frozenset({chosen.host}))
                reply = await endpoint.send(session, delivery)
                statuses.append(reply.status)
            assert statuses == [401, 204, 204]
            process.terminate()
            said = (await process.stdout.read()).decode().splitlines()
        assert said == ["ticket.opened Outage below transformer T12 (Market Street), 48 customers"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
