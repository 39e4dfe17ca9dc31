"""The page as somebody finds it who has never seen it: how things stand in words, signing in, the keyboard, themes."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from gateway.api.access import identity
from gateway.api.settings import AccessSettings
from gateway.core.access import AuditEntry
from gateway.core.clock import HOUR, ManualClock, SystemClock, parse_time
from tests.browser.conftest import pictures, watch_of, without_barriers
from tests.integration import story
from tests.integration.test_api_server import StandInState, opened, serving
from tests.signing import make_token

AT = parse_time("2026-03-15T12:00:00Z")
STRANGER = "fdl_000000000000_" + "x" * 43


def plain(text: str | None) -> str:
    return " ".join((text or "").replace("\u00a0", " ").split())


async def test_how_things_stand_is_said_in_words_and_figures(postgres_url: str, page: Page) -> None:
    async with opened(postgres_url) as store:
        async with serving(store, clock=ManualClock(AT)) as url:
            await page.goto(url)
            sentence, news = page.locator("#sentence"), page.locator("#news")
            await expect(sentence).to_have_text(
                re.compile(r"^No customer is listed\. Nothing is known yet about 99\.9.% this month\.$")
            )
            await expect(page.locator("#asai .value")).to_have_text("no data")
            await page.goto("about:blank")
        connection = await story.migrated(postgres_url)
        await story.tell(connection, AT)
        async with serving(store, clock=ManualClock(AT)) as url:
            await page.goto(url)
            await expect(page.locator("#freshness-text")).to_have_text(
                re.compile(r"^Live, last update \d s ago$")
            )
            assert plain(await sentence.text_content()) == (
                "50 customers are without supply since 11:50; 5 unknown. Nobody has been sent yet; the ticket is not "
                "acknowledged. Inside 99.9 % this month: 55 % of its budget is left."
            )
            shown = plain(await page.locator("#figures").text_content())
            for words in (
                "Customers off now50without supplyof 100 customers served",
                "Customers unknown5not heard of",
                "(SAIDI)15.00 minwill be missed when open outages end: target 15 min",
                "(ASAI)99.9281 %met: target 99.90 %55 % of the month's budget left",
                "open outages add 5.00 min so far; the month's budget is overspent by 34 %",
                "this month: planned 0.00 min and faults 15.00 min of SAIDI",
                "supply unknown 0.0012 % of the time",
            ):
                assert words in shown, shown
            assert await page.evaluate("!document.body.classList.contains('not-current')")
            assert await page.locator("img, b").count() == 0, "markup stays text"
            assert plain(await news.text_content()) == "", "what is on the page already is not spoken"
            await without_barriers(page)
            await pictures(page, "now")
            await connection.execute(
                "update feederline.ticket set acknowledged_at = opened_at, dispatched_at = opened_at, "
                "arrived_at = opened_at, crew = 'Crew <b>7</b>', revision = 2, state = 'on_site' "
                "where ticket_id = 'tic-2'"
            )
            await connection.execute("delete from feederline.interruption where incident_id = 'inc-2'")
            await page.goto("about:blank")
        async with serving(store, clock=ManualClock(AT)) as url:
            await page.goto(f"{url}/#/gateway")
            await expect(page.locator("#saidi")).to_have_class("figure warn")
            assert "at risk: 32.07 min at this rate, target 15 min" in plain(
                await page.locator("#saidi .verdict").text_content()
            )
            assert plain(await sentence.text_content()) == (
                "No customer is known to be without supply; 5 unknown. Crew <b>7</b> is on site. "
                "Inside 99.9 % this month: 66 % of its budget is left."
            )
            for words in ("3 entries", "4 KiB", "connecting: broker does not answer", "none yet", "due now"):
                await expect(page.locator("#gateway")).to_contain_text(words)
            await without_barriers(page)
            await page.goto("about:blank")
        await connection.close()
        async with serving(store, clock=ManualClock(AT + HOUR)) as url:
            await page.goto(url)
            await expect(page.locator("#freshness-text")).to_have_text(
                "Not current: the gateway is 3600 s behind the field"
            )
            await expect(page.locator("body")).to_have_class(re.compile("not-current"))
            await expect(sentence).to_have_text(
                re.compile(r"^Last known at 15 Mar 2026, \d\d:00:00: No customer")
            )
            await page.goto("about:blank")


async def test_signing_in_going_on_where_one_was_and_out(
    postgres_url: str, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "TRUSTED_S", 0.0)
    watch_of(page).expect("401")
    form, inside, field = page.locator("#sign-in"), page.locator("#inside"), page.locator("#token")
    connection = await story.migrated(postgres_url)
    await story.tell(connection, AT)
    await connection.close()
    async with opened(postgres_url) as store:
        token, text = await make_token(store, name="Li <b>Wei</b>")
        async with serving(store, clock=SystemClock(), access=AccessSettings()) as url:
            await page.goto(f"{url}/#/deliveries")
            await expect(form).to_be_visible()
            await expect(field).to_be_focused()
            await expect(inside).to_be_hidden()
            await expect(page.locator("#who")).to_be_hidden()
            await without_barriers(page)
            await page.keyboard.type(STRANGER)
            await page.keyboard.press("Enter")
            await expect(page.locator("#sign-in-trouble")).to_contain_text("not known")
            await expect(field).to_have_value("")
            await field.fill(text)
            await page.keyboard.press("Enter")
            await expect(form).to_be_hidden()
            await expect(page.locator("#who-name")).to_have_text("Li <b>Wei</b> (operator)")
            await expect(page.locator("#main")).to_be_focused()
            await expect(page.locator("#deliveries .row")).to_have_count(2)
            assert await page.evaluate("document.cookie") == "", "no script reads the cookie"
            await page.reload()
            await expect(page.locator("#deliveries .row")).to_have_count(2)

            at = SystemClock().now()
            entry = AuditEntry(at=at, actor="Wu", action="token.revoke", object=token.id, outcome="done")
            await store.access.revoke(token.id, entry)
            await expect(form).to_be_visible()
            await expect(inside).to_be_hidden()
            await expect(page.locator("#sign-in-why")).to_contain_text("Your sign-in is over")
            for secret in ("Mill Lane", "Weir", "desk answered 503"):
                kept = page.locator("#inside *", has_text=secret)
                assert await kept.count() == 0, await kept.last.evaluate("node => node.outerHTML")
            assert "customers" not in plain(await page.locator("#sentence").text_content())
            assert page.url.endswith("#/deliveries")
            _, part = await make_token(store, below=["T0"])
            await field.fill(part)
            await page.keyboard.press("Enter")
            await expect(page.locator("#deliveries")).to_be_visible()
            await expect(page.locator("#deliveries")).to_contain_text(
                "Targets are told of the whole network only"
            )
            await expect(page.locator("#asai .note")).to_have_text("not told for a part of the network")
            await expect(page.locator("#basis")).to_contain_text("at or below T0")
            await expect(page.locator("#off .note")).to_have_text(re.compile("^of 0 customers"))
            await expect(page.locator("#trouble")).to_be_hidden()
            await page.locator("#sign-out").click()
            await expect(form).to_be_visible()
            await expect(page.locator("#sign-in-why")).to_have_text("")
            await page.goto("about:blank")


async def test_the_keyboard_is_enough_and_the_theme_stays(postgres_url: str, page: Page) -> None:
    connection = await story.migrated(postgres_url)
    await story.tell(connection, AT)
    long = "Nordostbahnhofsvorplatzumspannstation" * 6
    await connection.execute(
        "update feederline.incident set summary = %s where incident_id = 'inc-3'", [long]
    )
    await connection.close()
    state = StandInState()
    state.reasons = [f"the broker {long} does not answer"]
    async with opened(postgres_url) as store, serving(store, clock=ManualClock(AT), state=state) as url:
        await page.goto(url)
        await expect(page.locator("#trouble")).to_contain_text("The gateway is not ready:")
        await page.keyboard.press("Tab")
        await expect(page.locator("#skip")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        link = page.get_by_role("link", name="Gateway", exact=True)
        await link.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#gateway-title")).to_be_focused()
        await expect(link).to_have_attribute("aria-current", "page")
        await expect(page.locator("nav [aria-current]")).to_have_count(1)
        await page.go_back()
        await expect(page.locator("#incidents-title")).to_be_focused()
        rows = page.locator("#incidents .virtual")
        await rows.focus()
        await page.keyboard.press("End")
        await page.keyboard.press("Enter")
        await expect(page.locator("#detail")).to_be_focused()
        assert "#/incident/" in page.url
        await expect(page.locator("#detail")).to_contain_text("Nordost")
        await without_barriers(page)
        await page.keyboard.press("Escape")
        await expect(page.locator("#detail")).to_be_hidden()
        await expect(rows).to_be_focused()
        toggle = page.locator("#theme")
        before = await page.evaluate("document.documentElement.dataset.theme")
        await toggle.click()
        await page.reload()
        assert await page.evaluate("document.documentElement.dataset.theme") != before
        await page.goto("about:blank")
