"""The page in a real browser, where one is installed: shows the story, keeps markup harmless, says when it is old."""

from __future__ import annotations

import asyncio
import html
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.api.access import identity
from gateway.api.settings import AccessSettings
from gateway.core.access import AuditEntry
from gateway.core.clock import HOUR, ManualClock, SystemClock, parse_time
from tests.integration import story
from tests.integration.test_api_server import opened, serving
from tests.signing import make_token
from tests.waiting import until

STREAM_AT = parse_time("2026-03-15T12:00:00Z")  # of the stand-in gateway


@pytest.fixture
def browser() -> str:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    return program


async def _look(browser: str, url: str, profile: Path) -> tuple[str, list[str]]:
    """The page's markup once it has asked, and what stands in the browser's console."""
    process = await asyncio.create_subprocess_exec(
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
        f"--user-data-dir={profile}", "--virtual-time-budget=3000", "--dump-dom", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return out.decode(), [line for line in err.decode(errors="replace").splitlines() if "CONSOLE" in line]


def _text(dom: str) -> str:
    body = re.sub(r"(?s)<(script|noscript).*?</\1>", "", dom)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


async def test_page_tells_the_story(postgres_url: str, browser: str, tmp_path: Path) -> None:
    connection = await story.migrated(postgres_url)
    await story.tell(connection, STREAM_AT)
    await connection.close()
    async with opened(postgres_url) as store:
        async with serving(store, clock=ManualClock(STREAM_AT)) as url:
            dom, console = await _look(browser, url, tmp_path / "live")
        async with serving(store, clock=ManualClock(STREAM_AT + HOUR)) as url:
            late, _ = await _look(browser, url, tmp_path / "late")
    text = _text(dom)
    assert console == []
    assert "Live, last update" in text
    assert "Customers off now 50 without supply of 100 customers served" in text
    assert "Customers unknown now 5 not heard of" in text
    assert "Average outage time (SAIDI) 15.00 min will be missed when open outages end: target 15 min" in text
    assert "1 meter does not answer, its siblings do" in text
    assert "No. 2: Outage at T2 predicted" in text
    assert "trying again after 2 attempts: desk answered 503" in text
    assert "&lt;img src=x" in dom
    assert not re.search(r"<img|<b>", dom)
    assert '<p id="no-incidents" class="empty" hidden="">' in dom
    assert "not-current" not in dom
    assert "Not current: the gateway is 3600 s behind the field" in _text(late)
    assert re.search(r'<body class="not-current"', late)


async def test_a_target_that_will_not_hold_is_at_risk(
    postgres_url: str, browser: str, tmp_path: Path
) -> None:
    connection = await story.migrated(postgres_url)
    await story.tell(connection, STREAM_AT)
    await connection.execute("delete from feederline.interruption where incident_id = 'inc-2'")
    await connection.close()
    async with opened(postgres_url) as store, serving(store, clock=ManualClock(STREAM_AT)) as url:
        dom, console = await _look(browser, url, tmp_path)
    assert console == []
    assert '<div id="saidi" class="figure warn">' in dom
    assert "(SAIDI) 15.00 min at risk: 32.07 min at this rate, target 15 min" in _text(dom)


async def test_page_without_anything_stored(postgres_url: str, browser: str, tmp_path: Path) -> None:
    async with opened(postgres_url) as store, serving(store, clock=SystemClock()) as url:
        dom, console = await _look(browser, url, tmp_path)
    assert console == []
    assert '<p id="no-incidents" class="empty">' in dom
    assert "Supply reliability (ASAI) no data" in _text(dom)


class Tab:
    """A page in a browser that a test can drive, over its debugging socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def run(self, script: str) -> object:
        """What an expression of the page's own language gives."""
        self._number += 1
        asked = {"expression": script, "returnByValue": True, "awaitPromise": True}
        await self._socket.send_json({"id": self._number, "method": "Runtime.evaluate", "params": asked})
        while True:
            told = await self._socket.receive_json(timeout=30)
            if told.get("id") == self._number:
                if "error" in told:  # the page that was asked is being left for another
                    return None
                assert "exceptionDetails" not in told["result"], told
                return told["result"]["result"].get("value")

    async def shows(self, script: str) -> None:
        """Wait until that is so; there may be nothing yet while a page is loaded."""

        async def true() -> bool:
            return bool(await self.run(f"(() => {{ try {{ return {script} }} catch {{ return false }} }})()"))

        await until(true, 20, script)


@asynccontextmanager
async def opened_in(browser: str, url: str, profile: Path) -> AsyncIterator[Tab]:
    process = await asyncio.create_subprocess_exec(
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
        f"--user-data-dir={profile}", url,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as client:
            port_file = profile / "DevToolsActivePort"

            async def page() -> str | None:
                if not port_file.exists() or not (text := port_file.read_text()):
                    return None
                async with client.get(f"http://127.0.0.1:{text.splitlines()[0]}/json") as answer:
                    found = await answer.json()
                return next((p["webSocketDebuggerUrl"] for p in found if p["url"].startswith(url)), None)

            async with client.ws_connect(str(await until(page, 30, "the browser's page"))) as socket:
                yield Tab(socket)
    finally:
        process.kill()
        await process.wait()


async def test_signing_in_and_out(
    postgres_url: str, browser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "TRUSTED_S", 0.0)
    hidden = "document.getElementById('{}').hidden".format
    async with opened(postgres_url) as store:
        token, text = await make_token(store, name="Li <b>Wei</b>")
        async with (
            serving(store, clock=SystemClock(), access=AccessSettings()) as url,
            opened_in(browser, url, tmp_path) as tab,
        ):
            await tab.shows(f"!{hidden('sign-in')} && {hidden('main')} && {hidden('who')}")
            enter = (
                "document.getElementById('token').value = '{}';"
                "document.getElementById('sign-in').requestSubmit()"
            ).format
            await tab.run(enter("fdl_000000000000_" + "x" * 43))
            await tab.shows("document.getElementById('sign-in-trouble').textContent.includes('not known')")
            assert await tab.run("document.getElementById('token').value") == ""
            await tab.run(enter(text))
            await tab.shows(f"{hidden('sign-in')} && !{hidden('main')}")
            await tab.shows("document.getElementById('who-name').textContent === 'Li <b>Wei</b> (operator)'")
            assert await tab.run("document.cookie") == "", "no script reads the cookie"
            await tab.run("window.before = true; location.reload()")
            await tab.shows(f"!window.before && !{hidden('who')} && !{hidden('sign-out')}")
            await tab.run("document.getElementById('sign-out').click()")
            await tab.shows(f"!{hidden('sign-in')} && {hidden('main')}")
            await tab.run(enter(text))
            await tab.shows(f"!{hidden('main')}")
            at = SystemClock().now()
            entry = AuditEntry(at=at, actor="Wu", action="token.revoke", object=token.id, outcome="done")
            await store.access.revoke(token.id, entry)
            await tab.shows(f"!{hidden('sign-in')} && {hidden('main')}")
            _, part = await make_token(store, below=["T0"])
            await tab.run(enter(part))
            await tab.shows(
                "document.querySelector('#asai .note').textContent === 'not told for a part of the network'"
                "&& document.getElementById('basis').textContent.includes('at or below T0')"
                "&& document.querySelector('#off .note').textContent.startsWith('of 0 customers')"
                "&& document.getElementById('trouble').hidden"
            )
