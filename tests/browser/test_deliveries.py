"""What service systems were told, on the page: what was given up, why, and sending it once more by those who may."""

from __future__ import annotations

import psycopg
import pytest
from playwright.async_api import Page, expect

from gateway.core.access import Role
from gateway.core.clock import SECOND
from tests.browser.cases_world import sign_in
from tests.browser.conftest import barriers, pictures, watch_of, without_barriers
from tests.integration.case_world import NOW, SECRET, SECRET_VARIABLE, get, post, world
from tests.integration.store_world import T0
from tests.signing import make_token

WHY = "desk answered 410 <b>Gone</b>: " + "Nordostbahnhofsvorplatzumspannstation" * 4


async def test_what_was_given_up_is_sent_again_by_those_who_may(
    postgres_url: str, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    watch_of(page).expect("409|403")
    async with world(postgres_url) as there:
        for i in range(3):
            await there.outage(f"I{i}", f"T{i}", (i, i + 3), at=T0 + i * SECOND)
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
            await connection.execute(
                "update feederline.delivery set state = 'dead', attempts = 7, last_error = %s where target = 'desk'",
                [WHY],
            )
        await there.store.targets.disable("desk", at=NOW, by="dispatcher", reason="it answered 410 Gone")
        _, viewer = await make_token(there.store, Role.VIEWER)
        _, engineer = await make_token(there.store, Role.ENGINEER, name="Wang Fang")
        rows, target = page.locator("#deliveries .row"), page.locator(".target").filter(has_text="desk")
        again = rows.get_by_role("button", name="Send again")
        await sign_in(page, f"{there.url}/#/deliveries", viewer)
        await expect(rows).to_have_count(6)
        await expect(target).to_contain_text("disabled: it wants no more")
        await expect(target).to_contain_text("it answered 410 Gone")
        await expect(page.locator("#deliveries button:visible")).to_have_count(0)
        await page.locator("#sign-out").click()
        await page.locator("#token").fill(engineer)
        await page.keyboard.press("Enter")
        await page.locator("#deliveries").get_by_label("State").select_option("dead")
        await expect(rows).to_have_count(3)
        await expect(rows.first).to_contain_text(f"given up after 7 attempts: {WHY}")
        assert await page.locator("#inside b").count() == 0, "markup stays text"
        await without_barriers(page)
        await pictures(page, "deliveries")

        dialog, trouble = page.locator("dialog[open]"), page.locator("dialog[open] .act-trouble")
        await again.first.click()
        await expect(dialog).to_contain_text("The same message is sent once more")
        assert await barriers(page) == []
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await again.first.click()
        await dialog.get_by_role("button", name="Send again").click()
        await expect(trouble).to_contain_text("target desk is disabled; enable it first")
        await dialog.get_by_role("button", name="Back").click()
        await target.get_by_role("button", name="Enable").click()
        await dialog.get_by_label("What could not be sent meanwhile").select_option("no")
        await dialog.get_by_role("button", name="Enable").click()
        await expect(page.locator("#deliveries .pane-trouble")).to_have_text(
            "desk is enabled; 0 messages are sent again."
        )
        await again.first.click()
        await dialog.get_by_role("button", name="Send again").click()
        await expect(rows).to_have_count(2)
        async with there.client(Role.ENGINEER, name="Chen Yu") as other:
            dead = (await get(other, "/api/deliveries", state="dead"))["deliveries"]
            await target.get_by_role("button", name="Send all given up again").click()
            await post(other, f"/api/deliveries/{dead[0]['id']}/replay")
            await dialog.get_by_role("button", name="Send all").click()
            await expect(page.locator("#deliveries .pane-trouble")).to_have_text(
                "1 message is sent to desk again."
            )
            await expect(page.locator("#deliveries")).to_contain_text("There is no such message.")
            sent = (await get(other, "/api/deliveries", target="desk"))["deliveries"]
            assert sorted(one["replayed_by"] for one in sent) == ["Chen Yu", "Wang Fang", "Wang Fang"]
        await page.goto("about:blank")
