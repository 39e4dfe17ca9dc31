"""The page in a real browser, where one is installed: shows the story, keeps markup harmless, says when it is old."""

from __future__ import annotations

import asyncio
import html
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from gateway.api.access import identity
from gateway.api.settings import AccessSettings
from gateway.core.access import AuditEntry, Role
from gateway.core.clock import HOUR, ManualClock, SystemClock, parse_time
from tests.integration import story
from tests.integration.case_world import SECRET, SECRET_VARIABLE, get, post, world
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


async def test_a_ticket_shows_how_far_people_are_and_what_its_clocks_say(
    postgres_url: str, browser: str, tmp_path: Path
) -> None:
    connection = await story.migrated(postgres_url)
    await story.tell(connection, STREAM_AT)
    await connection.execute(
        """
        update feederline.ticket
           set acknowledged_at = opened_at + interval '1 minute', dispatched_at = opened_at + interval '3 minutes',
               crew = 'Crew <b>7</b>', restoration_estimated_at = opened_at + interval '2 hours'
         where ticket_id = 'tic-2'
        """
    )
    await connection.execute(
        """
        insert into feederline.ticket_transition (ticket_id, revision, at, action, from_state, to_state, actor, reason,
                                                  detail)
        select ticket_id, 2, acknowledged_at, 'acknowledge', state, state, 'Chen Yu', '', '{}'::jsonb
          from feederline.ticket where ticket_id = 'tic-2'
        union all
        select ticket_id, 3, dispatched_at, 'dispatch', state, 'dispatched', 'Chen Yu', 'from the depot',
               '{"crew": "Crew <b>7</b>"}'
          from feederline.ticket where ticket_id = 'tic-2'
        union all
        select ticket_id, 4, dispatched_at, 'estimate', 'dispatched', 'estimated', 'Chen Yu', '',
               '{"restoration_estimated_at": "2026-03-15T14:00:00Z"}'
          from feederline.ticket where ticket_id = 'tic-2'
        """
    )
    await connection.close()
    async with opened(postgres_url) as store:
        async with serving(store, clock=ManualClock(STREAM_AT)) as url:
            dom, console = await _look(browser, url, tmp_path / "due")
        async with serving(store, clock=ManualClock(STREAM_AT + HOUR)) as url:
            late, _ = await _look(browser, url, tmp_path / "late")
    text = _text(dom)
    assert console == []
    assert re.search(r"taken up \d\d:\d\d:00; Crew <b>7</b> sent \d\d:\d\d:00; supply promised for ", text)
    assert re.search(r"\d\d:\d\d:00 acknowledged Chen Yu", text)
    assert "dispatched Crew <b>7</b>; from the depot (Chen Yu)" in text
    assert re.search(r"estimated supply promised for 15 Mar 2026, \d\d:00:00 \(Chen Yu\)", text)
    assert "arrival due in 35 min 0 s arrival limit due in 50 min 0 s restoration due in 7 h 50 min" in text
    assert "response" not in text  # it was kept
    assert 'class="late"' not in dom
    assert (
        "arrival late by 25 min 0 s arrival limit late by 10 min 0 s restoration due in 6 h 50 min"
        in _text(late)
    )


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


_CARD = "document.querySelector('#ticket-list .card')"
_BUTTONS = f"[...{_CARD}.querySelectorAll('.actions button')].map((b) => b.textContent).join()"
_TROUBLE = "document.getElementById('act-trouble').textContent"


def _signing_in(token: str) -> str:
    return (
        f"document.getElementById('token').value = '{token}';"
        "document.getElementById('sign-in').requestSubmit()"
    )


def _press(label: str) -> str:
    return (
        f"[...{_CARD}.querySelectorAll('.actions button')].find((b) => b.textContent === '{label}').click()"
    )


def _say(**said: str) -> str:
    fields = "".join(
        f"document.querySelector('#act-form [name={k}]').value = {v!r};" for k, v in said.items()
    )
    return fields + "document.getElementById('act-send').click()"


async def test_a_ticket_is_driven_on_the_page(
    postgres_url: str, browser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    closed = "!document.getElementById('act').open"
    async with world(postgres_url) as there:
        await there.outage("I1", "T1", (1, 4))
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
            await connection.execute("update feederline.ticket set title = '<img src=x onerror=alert(1)>'")
        name = await there.ticket_of("I1")
        _, operator = await make_token(there.store)
        async with there.client(name="Wu Gang") as other, opened_in(browser, there.url, tmp_path) as tab:

            async def ticket() -> Any:
                return await get(other, f"/api/tickets/{name}")

            await tab.shows("!document.getElementById('sign-in').hidden")
            await tab.run(_signing_in(operator))
            await tab.shows(f"{_BUTTONS}.includes('Acknowledge,Dispatch,On site')")
            await tab.run(_press("Acknowledge"))
            assert await tab.run("document.getElementById('act-ticket').textContent.includes('<img src=x')")
            await tab.run("document.getElementById('act-leave').click()")
            assert (await ticket())["acknowledged_at"] is None, "nothing is done before it is confirmed"
            await tab.run(_press("Acknowledge"))
            await tab.run(_say(reason="on it <b>now</b>"))
            await tab.shows(f"{closed} && !{_BUTTONS}.includes('Acknowledge')")
            await tab.shows(
                "document.getElementById('news').textContent === 'Acknowledge, ticket no. 1: done.'"
            )
            await tab.shows(f"{_CARD}.textContent.includes('on it <b>now</b> (Li Wei)')")
            await tab.shows(f"{_CARD}.contains(document.activeElement)")

            await tab.run(_press("Dispatch"))
            await post(other, f"/api/tickets/{name}/comment", {"reason": "mind the dog"})
            await tab.run(_say(crew="Crew 7"))
            await tab.shows(
                f"{_TROUBLE}.startsWith('Somebody else was faster, look again. The ticket is')"
                f" && {_TROUBLE}.includes('last: comment by Wu Gang')"
            )
            assert (await ticket())["dispatched_at"] is None
            await tab.run(_say())
            await tab.shows(f"{closed} && {_CARD}.textContent.includes('dispatchedCrew 7 (Li Wei)')")
            seen = await ticket()
            assert (seen["state"], seen["crew"]) == ("dispatched", "Crew 7")
            assert [(s["action"], s["origin"]) for s in seen["transitions"]][-1] == ("dispatch", "page")

            await tab.run(_press("Promise a time"))
            await tab.run(_say())
            assert not await tab.run(closed)
            assert await tab.run(
                "document.querySelector('#act-form input:invalid').name === 'restoration_estimated_at'"
            )
            await tab.run(_say(restoration_estimated_at="2020-01-01T00:00"))
            await tab.shows(
                f"{_TROUBLE}.startsWith('Supply is back by (time of this computer): must be after 1 Mar')"
            )
            await tab.run("document.getElementById('act-leave').click()")

            await tab.run(_press("Comment"))
            await post(other, f"/api/tickets/{name}/close", {"cause": "fuse"}, match="*")
            await tab.run(_say(reason="a word"))
            await tab.shows(f"{closed} && {_BUTTONS} === 'Reopen,Comment'")
            dom = str(await tab.run("document.documentElement.outerHTML"))
            assert "&lt;img src=x" in dom
            assert not re.search(r"<img|<b>", dom)


async def test_who_has_lost_the_right_moment_is_told_what_is_possible(
    postgres_url: str, browser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with world(postgres_url) as there:
        await there.outage("I1", "T1", (1, 4))
        name = await there.ticket_of("I1")
        _, operator = await make_token(there.store)
        async with there.client(name="Wu Gang") as other, opened_in(browser, there.url, tmp_path) as tab:
            await tab.shows("!document.getElementById('sign-in').hidden")
            await tab.run(_signing_in(operator))
            await tab.shows(f"{_BUTTONS}.includes('Dispatch')")
            await tab.run(_press("Dispatch"))
            await post(other, f"/api/tickets/{name}/close", {"cause": "fuse"}, match="*")
            await tab.run(_say(crew="Crew 7"))
            await tab.shows(f"{_TROUBLE}.includes('Possible now: Reopen, Comment.')")
            await tab.run(_say())
            await tab.shows(f"{_TROUBLE} === 'Not possible as things are. Possible now: Reopen, Comment.'")


async def test_who_may_only_read_sees_no_buttons_and_may_sign_in_to_do_more(
    postgres_url: str, browser: str, tmp_path: Path
) -> None:
    connection = await story.migrated(postgres_url)
    await story.tell(connection, STREAM_AT)
    await connection.close()
    async with opened(postgres_url) as store:
        _, operator = await make_token(store)
        _, viewer = await make_token(store, Role.VIEWER)
        async with (
            serving(store, clock=ManualClock(STREAM_AT)) as url,
            opened_in(browser, url, tmp_path) as tab,
        ):
            for who, buttons in (("", ""), (viewer, ""), (operator, "Confirm,Acknowledge,Dispatch,")):
                if who:
                    await tab.shows("!document.getElementById('sign-in-open').hidden")
                    await tab.run("document.getElementById('sign-in-open').click()")
                    assert await tab.run("document.activeElement.id") == "token"
                    await tab.run(_signing_in(who))
                    await tab.shows("!document.getElementById('sign-out').hidden")
                await tab.shows(f"{_CARD}.textContent.includes('No. 2')")
                await tab.shows(f"{_BUTTONS}.startsWith('{buttons}')")
                assert bool(await tab.run(_BUTTONS)) == bool(buttons)
                assert await tab.run("document.getElementById('sign-in').hidden")
                await tab.run("document.getElementById('sign-out').click()")
