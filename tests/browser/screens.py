"""The README's pictures of the page, made anew from the demo: `python -m tests.browser.screens`."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, Page, async_playwright, expect

from gateway.core.access import Role
from gateway.embedded import embedded_postgres
from tests.browser.demo_world import Scene, demo

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SOON_MS = 90_000
DESK, PHONE = (1440, 900), (390, 844)


async def _shoot(page: Page, name: str) -> None:
    """JPEG would blur the type; PNG of a page with few colours is small enough."""
    await page.mouse.move(0, 0)
    await page.evaluate("document.activeElement?.blur()")
    # The page has drawn a second of its own since it last read: what moves with the second stands.
    await expect(page.locator("#freshness-text")).to_contain_text("last update 1 s ago", timeout=SOON_MS)
    await page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


async def _opened(browser: Browser, scene: Scene, size: tuple[int, int], token: str) -> Page:
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme="dark")
    await page.goto(scene.url)
    await page.get_by_role("button", name="Sign in").click()
    await page.locator("#token").fill(token)
    await page.keyboard.press("Enter")
    await expect(page.locator("#who-name")).to_contain_text("operator")
    return page


async def _worked_on(scene: Scene, token: str) -> None:
    """The outage's ticket is taken up, and a crew is on its way."""
    async with aiohttp.ClientSession(scene.url, headers={"Authorization": f"Bearer {token}"}) as desk:
        async with desk.get("/api/tickets", params={"state": "live"}) as answer:
            (ticket,) = [t for t in (await answer.json())["tickets"] if t["kind"] == "outage"]
        for action, said in (("acknowledge", {}), ("dispatch", {"crew": "Crew 7"})):
            path = f"/api/tickets/{ticket['id']}/{action}"
            async with desk.post(path, json=said, headers={"If-Match": "*"}) as answer:
                answer.raise_for_status()


async def take(browser: Browser, scene: Scene) -> None:
    """An outage that a crew drives to and lost communications elsewhere: at a desk, on a phone, on the map."""
    token = await scene.token("Li Wei", Role.OPERATOR)
    page = await _opened(browser, scene, DESK, token)
    await scene.district.ask("fault", node=scene.plot.fuse)
    await scene.district.ask("cut_comms", device=scene.plot.concentrator)
    outage = page.locator("#incidents .case-row", has_text=f"({scene.plot.fuse})")
    await expect(outage).to_contain_text("due in", timeout=SOON_MS)
    await expect(page.locator("#incidents .case-row", has_text="Communications lost")).to_be_visible(
        timeout=SOON_MS
    )
    await _worked_on(scene, token)
    await expect(page.locator("#sentence")).to_contain_text("Crew 7 is on the way", timeout=SOON_MS)
    await outage.click()
    await expect(page.locator("#detail")).to_contain_text(re.compile("sent a last gasp"))
    await _shoot(page, "page-dark")
    await page.get_by_role("tab", name="Map").click()
    await page.locator("#theme").click()
    await _shoot(page, "page-map")
    phone = await _opened(browser, scene, PHONE, token)
    await expect(phone.locator("#sentence")).to_contain_text("Crew 7 is on the way")
    await _shoot(phone, "page-phone")


async def main() -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        (folder / "demo").mkdir()
        with embedded_postgres(folder / "database", durable=False) as database:
            async with demo(folder / "demo", database) as scene, async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
                await take(browser, scene)
                await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
