"""The demo's story on the page: from a blown fuse to a closed ticket, by an operator; a viewer may only look.

And the dashboards' queries over what it left in the database.
"""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, Page, expect

from dashboards import query
from gateway.core.access import Role
from tests.browser.conftest import Watch, pictures
from tests.browser.demo_dashboards import MAY_BE_EMPTY, empty_panels
from tests.browser.demo_world import demo
from tests.waiting import until

SOON_MS = 60_000
CREW = "Crew 7"
MEMBER = "M01"  # behind the fuse


async def _say(page: Page, action: str, **said: str) -> None:
    """Press the ticket's button for `action`, fill in what it asks for, and confirm."""
    await page.locator("#detail").get_by_role("button", name=re.compile(f"^{action}: ticket")).click()
    dialog = page.locator("dialog[open]")
    for name, text in said.items():
        await dialog.locator(f"[name={name}]").fill(text)
    await dialog.locator("button.send").click()
    await expect(dialog).to_have_count(0, timeout=SOON_MS)


async def test_from_a_blown_fuse_to_a_closed_ticket(
    postgres_url: str, tmp_path: Path, page: Page, browser: Browser
) -> None:
    async with demo(tmp_path, postgres_url) as scene:
        sentence, detail = page.locator("#sentence"), page.locator("#detail")
        await page.goto(scene.url)
        await page.get_by_role("button", name="Sign in").click()  # this machine may look without it
        await page.locator("#token").fill(await scene.token("Li Wei", Role.OPERATOR))
        await page.keyboard.press("Enter")
        await expect(page.locator("#who-name")).to_contain_text("Li Wei (operator)")
        await expect(sentence).to_contain_text("customers have supply", timeout=SOON_MS)

        # Who is off, since when, why we think so: it comes without a touch.
        await scene.district.ask("fault", node=scene.plot.fuse)
        await scene.district.ask("cut_comms", device=scene.plot.concentrator)
        rows = page.locator("#incidents .case-row")
        outage, lost = (
            rows.filter(has_text=f"({scene.plot.fuse})"),
            rows.filter(has_text="Communications lost"),
        )
        await expect(outage).to_contain_text("reported loss of supply", timeout=SOON_MS)
        await expect(lost).to_contain_text("whether they have supply is unknown", timeout=SOON_MS)
        await expect(sentence).to_contain_text(
            re.compile(r"customers are without supply.* since \d\d:\d\d; \d+ unknown")
        )
        await expect(sentence).to_contain_text("obody has been sent", timeout=SOON_MS)
        await outage.click()
        await expect(detail).to_contain_text("loss of supply")

        # A viewer sees the same, has no buttons, and is refused where the page is gone round.
        viewer = await browser.new_page()
        watch = Watch(viewer)
        await viewer.goto(f"{scene.url}/{page.url[len(scene.url) + 1 :]}")
        await expect(viewer.locator("#detail")).to_contain_text("loss of supply", timeout=SOON_MS)
        await expect(
            viewer.locator("#detail").get_by_role("button", name=re.compile("^(Acknowledge|Dispatch)"))
        ).to_have_count(0)
        token = await scene.token("Wu Gang", Role.VIEWER)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as forced:
            async with forced.get(f"{scene.url}/api/tickets") as response:
                (ticket,) = (await response.json())["tickets"]
            async with forced.post(
                f"{scene.url}/api/tickets/{ticket['id']}/acknowledge", json={}
            ) as response:
                assert response.status == 403

        # Who is working on it.
        await _say(page, "Acknowledge")
        await _say(page, "Dispatch", crew=CREW)
        await expect(sentence).to_contain_text(f"{CREW} is on the way", timeout=SOON_MS)
        await _say(page, "On site")
        await expect(sentence).to_contain_text(f"{CREW} is on site", timeout=SOON_MS)
        await expect(viewer.locator("#sentence")).to_contain_text(f"{CREW} is on site", timeout=SOON_MS)
        await pictures(page, "story")

        # Supply is back: the gateway hears it, verifies, and closes.
        await scene.district.ask("restore", node=scene.plot.fuse)
        await scene.district.ask("mend_comms", device=scene.plot.concentrator)
        await expect(detail).to_contain_text(re.compile("closed", re.IGNORECASE), timeout=SOON_MS)
        await expect(sentence).to_contain_text("customers have supply", timeout=SOON_MS)
        await expect(rows.filter(has_text="Outage")).to_have_count(0, timeout=SOON_MS)
        await expect(rows.filter(has_text="Communications lost")).to_have_count(0, timeout=SOON_MS)
        await viewer.close()
        await page.goto("about:blank")  # no complaints when the gateway ends
        assert watch.unexpected() == []

        # What is left in the database fills the dashboards, as Grafana asks it.
        looked_at = {"device": MEMBER, "transformer": scene.plot.transformers[0]}

        async def full() -> bool:
            return await empty_panels(scene.database, looked_at) <= MAY_BE_EMPTY

        # The book closes the days of five weeks in the background.
        await until(full, timeout_s=90, what="every panel that the demo fills to have rows")
        assert set(query.names()) >= MAY_BE_EMPTY
