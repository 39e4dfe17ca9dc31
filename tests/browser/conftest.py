"""A real browser for the page: Debian's Chromium driven by Playwright, and what every test holds against it.

One browser serves all tests of a process, each with a context of its own. Therefore they all run on the session's event
loop, and asynchronous fixtures beside them have to say `loop_scope="session"`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Page, async_playwright, expect

HERE = Path(__file__).parent
ARTEFACTS = Path(os.environ.get("FEEDERLINE_ARTEFACTS", HERE.parents[1] / "artefacts"))
WIDTHS = {
    "phone": (390, 844),
    "desk": (1440, 900),
    "wall": (2560, 1440),
}  # a picture of 4K costs thrice as much
THEMES = ("dark", "light")
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")

expect.set_options(timeout=20_000)  # a busy machine is slow; who waits in vain for longer has found a mistake


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


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


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page of a desk's width that must not complain; `watch_of(page)` to expect what a test provokes."""
    width, height = WIDTHS["desk"]
    opened = await browser.new_page(viewport={"width": width, "height": height})
    watch = Watch(opened)
    _watches[opened] = watch
    yield opened
    del _watches[opened]
    await opened.close()
    assert watch.unexpected() == []


_watches: dict[Page, Watch] = {}


def watch_of(page: Page) -> Watch:
    return _watches[page]


async def dress(page: Page, theme: str) -> None:
    await page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)


async def pictures(page: Page, name: str) -> list[Path]:
    """The page as it is at every width in both themes, kept for people to look at."""
    folder = ARTEFACTS / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    before, made = page.viewport_size, []
    for theme in THEMES:
        await dress(page, theme)
        for label, (width, height) in WIDTHS.items():
            await page.set_viewport_size({"width": width, "height": height})
            made.append(folder / f"{name}-{label}-{theme}.png")
            await page.screenshot(path=made[-1])
    if before is not None:
        await page.set_viewport_size(before)
    return made


async def barriers(page: Page, *, rules: Sequence[str] = _RULES) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA: rule, where, and what to do about it. `rules`: tags or names."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    options = {"runOnly": [*rules], "resultTypes": ["violations"]}
    found = await page.evaluate("async (options) => (await axe.run(options)).violations", options)
    return [
        f"{violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
    ]


async def themed_barriers(page: Page) -> list[str]:
    """Those in every theme: all rules in the first, and in the others what a theme can change."""
    found = []
    for theme in THEMES:
        await dress(page, theme)
        rules = _RULES if theme == THEMES[0] else ("color-contrast",)
        found += [f"{theme}: {barrier}" for barrier in await barriers(page, rules=rules)]
    return found


async def without_barriers(page: Page) -> None:
    """For everybody, in every theme, on a phone and at a desk; and nothing reaches out of the window."""
    before = page.viewport_size
    for label in ("phone", "desk"):
        await page.set_viewport_size({"width": WIDTHS[label][0], "height": WIDTHS[label][1]})
        assert await themed_barriers(page) == [], label
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), label
    if before is not None:
        await page.set_viewport_size(before)
