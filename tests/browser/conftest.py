"""A real browser for the page: Debian's Chromium driven by Playwright, and what every test holds against it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

ARTEFACTS = Path(os.environ.get("FEEDERLINE_ARTEFACTS", Path(__file__).parents[2] / "artefacts"))
WIDTHS = {"phone": (390, 844), "desk": (1440, 900), "wall": (3840, 2160)}
THEMES = ("dark", "light")


class Watch:
    """What a page complained of: errors in its console, refused by its policy, thrown and not caught."""

    def __init__(self, page: Page) -> None:
        self.told: list[str] = []
        self.expected: list[str] = []
        page.on(
            "console", lambda message: self.told.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: self.told.append(str(error)))

    def expect(self, pattern: str) -> None:
        """Errors that match are what the test is about, such as an answer of 401."""
        self.expected.append(pattern)

    def unexpected(self) -> list[str]:
        return [line for line in self.told if not any(re.search(known, line) for known in self.expected)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page of a desk's width that must not complain; `watch_of(page)` to expect what a test provokes."""
    width, height = WIDTHS["desk"]
    opened = await browser.new_page(viewport={"width": width, "height": height})
    watch = Watch(opened)
    _watches[opened] = watch
    yield opened
    del _watches[opened]
    assert watch.unexpected() == []


_watches: dict[Page, Watch] = {}


def watch_of(page: Page) -> Watch:
    return _watches[page]


async def pictures(page: Page, name: str) -> list[Path]:
    """The page as it is at every width in both themes, kept for people to look at."""
    folder = ARTEFACTS / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    before, made = page.viewport_size, []
    for theme in THEMES:
        await page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        for label, (width, height) in WIDTHS.items():
            await page.set_viewport_size({"width": width, "height": height})
            made.append(folder / f"{name}-{label}-{theme}.png")
            await page.screenshot(path=made[-1])
    if before is not None:
        await page.set_viewport_size(before)
    return made


async def barriers(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA: rule, where, and what to do about it."""
    found = await Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    )
    return [
        f"{violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
