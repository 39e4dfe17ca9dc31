"""Live, and honest about it: the stream cut and refused, the gateway gone, answers refused, a browser's wrong clock."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page, Request, Route, expect

from gateway.core.access import Role
from gateway.core.clock import HOUR, MINUTE, to_datetime
from gateway.core.model import IncidentKind
from tests.browser.cases_world import sign_in
from tests.browser.conftest import watch_of, without_barriers
from tests.browser.test_shell import plain
from tests.integration.case_world import NOW, SECRET, SECRET_VARIABLE, get, post, world
from tests.proxy import Proxy
from tests.signing import make_token
from tests.waiting import until

LIVE = re.compile(r"^Live, last update \d s ago$")
STALE = re.compile(r"^Not current: last update \d+ s ago$")


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)


async def test_changes_come_by_the_stream_and_what_was_missed_when_it_is_back(
    postgres_url: str, page: Page
) -> None:
    watch_of(page).expect("ERR_")
    async with world(postgres_url) as there, Proxy(there.url.removeprefix("http://")) as proxy:
        _, token = await make_token(there.store)
        await proxy.open()
        streams: list[Request] = []
        page.on("request", lambda asked: streams.append(asked) if asked.url.endswith("/api/events") else None)
        lists: list[str] = []
        page.on("request", lambda asked: lists.append(asked.url) if "state=live" in asked.url else None)
        await sign_in(page, f"http://127.0.0.1:{proxy.port}", token)
        fresh, news = page.locator("#freshness-text"), page.locator("#news")
        await expect(fresh).to_have_text(LIVE)
        await expect(page.locator("#incidents")).to_contain_text("Nothing is open.")
        before = len(lists)
        await there.outage("I1", "T1", (1, 4))
        rows = page.locator("#incidents .case-row")
        await expect(rows).to_have_count(1)
        await expect(page.locator("#sentence")).to_contain_text("2 customers are without supply since")
        await expect(news).to_contain_text("New: Outage at T1")
        assert len(lists) == before, "only what changed is read"
        async with there.client(name="Wu Gang") as other:
            await post(
                other, f"/api/tickets/{await there.ticket_of('I1')}/dispatch", {"crew": "Crew 7"}, match="*"
            )
        await expect(page.locator("#sentence")).to_contain_text("Crew 7 is on the way.")

        await proxy.cut()
        await there.outage("I2", "T2", (2, 5))
        await expect(fresh).to_have_text(STALE, timeout=15_000)
        await expect(page.locator("#trouble")).to_contain_text("The gateway does not answer.")
        await expect(page.locator("#sentence")).to_contain_text("Last known at 1 Mar 2026")
        await expect(page.locator("body")).to_have_class(re.compile("not-current"))
        await expect(news).to_have_text(STALE)
        spoken = await news.text_content()
        await expect(fresh).not_to_have_text(spoken or "")
        assert await news.text_content() == spoken, "it counts on without being spoken again"
        await expect(rows).to_have_count(1)
        await without_barriers(page)
        await proxy.open()
        await expect(fresh).to_have_text(LIVE, timeout=15_000)
        await expect(page.locator("#trouble")).to_be_hidden()
        await expect(rows).to_have_count(2)
        await expect(news).to_contain_text("Live again")
        again = [(await asked.all_headers()).get("last-event-id") for asked in streams]
        assert again[0] is None
        assert again[-1], "it goes on from the last event that it had"
        await page.goto("about:blank")


async def test_where_streams_and_answers_are_refused_it_asks_and_says_so(
    postgres_url: str, page: Page
) -> None:
    """Beside that the browser's clock is five hours fast, then slow: ages and clocks go by the gateway's."""
    watch_of(page).expect("429|503")
    refused = {"summary": 0}

    async def no_stream(route: Route) -> None:
        await route.fulfill(
            status=429, json={"detail": "too many streams are open"}, headers={"retry-after": "30"}
        )

    async def summary(route: Route) -> None:
        if refused["summary"]:
            await route.fulfill(
                status=refused["summary"],
                json={"detail": "the database is away"},
                headers={"retry-after": "1"},
            )
        else:
            await route.continue_()

    await page.route("**/api/events", no_stream)
    await page.route("**/api/summary", summary)
    async with world(postgres_url) as there:
        await there.outage("I1", "T1", (1, 4))
        there.clock.advance(10 * MINUTE)
        _, token = await make_token(there.store)
        await page.clock.install(time=to_datetime(NOW + 5 * HOUR))
        await sign_in(page, there.url, token)
        fresh = page.locator("#freshness-text")
        await expect(fresh).to_have_text(re.compile("^Asking every few seconds, last update"))
        row = page.locator("#incidents .case-row").first
        await expect(row).to_contain_text("20 min")
        await expect(page.locator("#sentence")).to_contain_text("2 customers are without supply since 08:00")
        await there.outage("I2", "T2", (2, 5))
        await expect(page.locator("#incidents .case-row")).to_have_count(2, timeout=10_000)
        refused["summary"] = 503
        await expect(page.locator("#trouble")).to_contain_text("the database is away")
        await expect(fresh).to_have_text(STALE, timeout=15_000)
        refused["summary"] = 0
        await expect(fresh).to_have_text(re.compile("^Asking every few seconds"), timeout=10_000)
        await page.clock.set_system_time(to_datetime(NOW - 9 * HOUR))
        await expect(row).to_contain_text("20 min")
        async with there.client(Role.VIEWER) as client:
            assert len((await get(client, "/api/incidents", state="live"))["incidents"]) == 2
        await page.goto("about:blank")


async def test_a_storm_does_not_talk_for_minutes_and_a_view_that_is_left_asks_no_more(
    postgres_url: str, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url.split("/api/")[-1]) if "/api/" in one.url else None)
    async with world(postgres_url) as there:
        _, token = await make_token(there.store, Role.VIEWER)
        await sign_in(page, f"{there.url}/#/deliveries", token)
        await expect(page.locator(".targets .target")).to_have_count(2)
        await page.get_by_role("link", name="Now", exact=True).click()
        await expect(page.locator("#incidents-title")).to_be_focused()
        asked.clear()
        kinds = ("outage", "phase_loss", "communications_loss", "power_quality", "usage_anomaly")
        for node in range(3):
            for kind in kinds:
                await there.outage(f"{kind}-{node}", f"T{node}", (node,), kind=IncidentKind(kind), at=NOW)
        await expect(page.locator("#incidents-title .count")).to_have_text("15", timeout=15_000)
        assert not [path for path in asked if path.startswith(("deliveries", "targets", "devices"))]
        await until(lambda: _settled(page))
        text = plain(await page.locator("#news").text_content())
        assert len(text) < 400, "a storm does not talk for minutes"
        await page.goto("about:blank")


async def _settled(page: Page) -> bool:
    before = await page.locator("#news").text_content()
    await asyncio.sleep(0.5)
    return before == await page.locator("#news").text_content()
