"""Devices on the page: many thousands of them, found, read and left by keyboard; concentrators; names of any kind."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from gateway.core.clock import MINUTE
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Commit
from gateway.core.network import Network
from tests.browser.conftest import pictures, watch_of, without_barriers
from tests.browser.network_world import LONG, MARKUP, network_world
from tests.integration.case_world import NOW, SECRET, SECRET_VARIABLE
from tests.integration.store_world import voltages

METERS = 20_000
ODD = f"odd/#?&%20 {MARKUP}"


def town() -> Inventory:
    """A concentrator with meters on one transformer, a device with an odd name on another, and many thousands more."""
    network = Network(
        ["S", "F", "T0", "T1", "T2"], ["", "S", "F", "F", "F"],
        ["substation", "feeder", "transformer", "transformer", "transformer"], names=["S", "F", LONG, MARKUP, "Weir"],
    )  # fmt: skip
    devices = [Device(id="C1", node="T0", kind="concentrator", customers=0, protocol="modbus")]
    devices += [Device(id=f"B{i}", node="T0", via="C1", attributes={"meter_no": f"N{i}"}) for i in range(5)]
    devices += [Device(id=ODD, node="T1", priority="critical", customers=3)]
    devices += [Device(id=f"M{i:05}", node="T2") for i in range(METERS)]
    return Inventory(devices, network)


async def test_devices_are_found_among_many_thousands(
    postgres_url: str, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    watch_of(page).expect("404")
    listed = town()
    async with network_world(postgres_url, listed, known=50) as there:
        await there.outage("I1", "T1", (6,))
        await there.write(Commit(batches=[voltages([1, 2, 7], NOW - MINUTE, [230, 230, 230])], at=NOW))
        await page.goto(f"{there.url}/#/devices")
        rows, found = page.locator(".device-row"), page.locator(".found")
        await expect(found).to_have_text("200 and more found")
        health = page.locator(".health")
        await expect(health.locator(".kinds tr").first).to_have_text("meters20,00619,9601045")
        await expect(health.locator(".hub")).to_contain_text("5 devices behind it: 3 silent")
        await expect(health.locator(".hub")).to_contain_text("last heard")
        await without_barriers(page)
        await pictures(page, "devices")

        box = page.locator(".device-rows")
        for count in range(400, 1400, 200):
            await box.evaluate("node => { node.scrollTop = node.scrollHeight }")
            await expect(found).to_have_text(f"{count:,} and more found")
        assert await rows.count() < 60, "only what is seen is in the document"

        text = page.get_by_label("Id, or name of the place")
        await text.fill("mill")
        await expect(found).to_have_text("7 found")
        await text.fill("odd/")
        await expect(found).to_have_text("1 found")
        await expect(rows.first).to_contain_text(ODD)
        await expect(rows.first).to_contain_text("off")
        await box.focus()
        await page.keyboard.press("Home")
        await page.keyboard.press("Enter")
        detail = page.locator("#detail")
        await expect(detail.locator("h2")).to_have_text(ODD)
        for words in (
            "off",
            "10 min",
            MARKUP,
            "meter, critical",
            "3 customers, phases ABC",
            "none in the last 35 days",
            "1 min",
        ):
            await expect(detail).to_contain_text(words)
        assert await page.locator("img, #inside b").count() == 0, "markup stays text"
        await without_barriers(page)
        await page.reload()
        await expect(detail.locator("h2")).to_have_text(ODD)
        await detail.get_by_role("link", name="the incident").click()
        await expect(detail).to_contain_text("Outage at")
        await page.keyboard.press("Escape")
        await expect(detail).to_be_hidden()
        await page.get_by_role("link", name="Devices", exact=True).click()
        await expect(found).to_have_text("200 and more found")
        await page.locator("#devices").get_by_label("State").select_option("silent")
        await expect(found).to_have_text("45 found")
        await page.goto(f"{there.url}/#/device/C1")
        await expect(detail).to_contain_text("5 devices: 0 off, 0 unknown, 3 silent")
        await page.goto(f"{there.url}/#/device/nobody")
        await expect(detail).to_contain_text("There is no such device")
        await page.goto("about:blank")
