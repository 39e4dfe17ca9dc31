"""The reliability report in a real browser: nothing in the way of anybody, nothing from elsewhere, a sane print."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Page, Request

from alerts.settings import SlaSettings
from gateway.report.gather import gather
from gateway.report.span import span_of
from gateway.report.words import Words
from gateway.report.write import files_of, write
from gateway.store.snapshot import snapshot
from tests.browser.conftest import ARTEFACTS, barriers
from tests.integration.report_world import NOW, world
from tests.integration.store_world import settings_for


async def test_the_page_and_its_print(page: Page, postgres_url: str, tmp_path: Path) -> None:
    async with world(postgres_url, feeders=3, count=12, days=1), snapshot(settings_for(postgres_url)) as seen:
        report = await gather(
            seen, span_of("month", "2026-03"), at=NOW, sla=SlaSettings(), drill_every_days=183
        )
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    for language in ("en", "zh"):
        folder = tmp_path / language
        write(folder, files_of(report, Words("zh" if language == "zh" else "en")))
        await page.goto((folder / "report.html").as_uri())
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits the window"
        pictures = ARTEFACTS / "screenshots"
        pictures.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=pictures / f"report-{language}.png", full_page=True)
        printed = await page.pdf(
            path=pictures / f"report-{language}.pdf", prefer_css_page_size=True, print_background=True
        )
        assert 4 <= len(re.findall(rb"/Type /Page\b", printed)) <= 14
        assert b"/MediaBox [0 0 594" in printed or b"/MediaBox [0 0 595" in printed, "A4"
    assert all(url.startswith("file:") for url in asked)
    assert len(asked) == 2
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
        "a phone scrolls tables alone"
    )
    assert await barriers(page) == []
