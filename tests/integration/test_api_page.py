"""The page in a real browser, where one is installed: shows the story, keeps markup harmless, says when it is old."""

from __future__ import annotations

import asyncio
import html
import re
import shutil
from pathlib import Path

import pytest

from gateway.core.clock import HOUR, ManualClock, SystemClock, parse_time
from tests.integration import story
from tests.integration.test_api_server import opened, serving

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


async def test_page_without_anything_stored(postgres_url: str, browser: str, tmp_path: Path) -> None:
    async with opened(postgres_url) as store, serving(store, clock=SystemClock()) as url:
        dom, console = await _look(browser, url, tmp_path)
    assert console == []
    assert '<p id="no-incidents" class="empty">' in dom
    assert "Supply reliability (ASAI) no data" in _text(dom)
