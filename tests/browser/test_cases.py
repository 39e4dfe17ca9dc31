"""Incidents and tickets as people see them: who is off, since when, why we think so, and who works on it."""

from __future__ import annotations

import json
import re

from playwright.async_api import Page, expect

from gateway.core.clock import HOUR, ManualClock, parse_time
from tests.browser.cases_world import crowd
from tests.browser.conftest import ARTEFACTS, barriers, pictures, themed_barriers
from tests.integration import story
from tests.integration.test_api_server import opened, serving

AT = parse_time("2026-03-15T12:00:00Z")

_WORKED_ON = """
update feederline.ticket
   set acknowledged_at = opened_at + interval '1 minute', dispatched_at = opened_at + interval '3 minutes',
       state = 'estimated', crew = 'Crew <b>7</b>', restoration_estimated_at = opened_at + interval '2 hours'
 where ticket_id = 'tic-2';
insert into feederline.ticket_transition (ticket_id, revision, at, action, from_state, to_state, actor, reason, detail)
select ticket_id, 2, acknowledged_at, 'acknowledge', 'predicted', 'predicted', 'Chen Yu', '', '{}'::jsonb
  from feederline.ticket where ticket_id = 'tic-2'
union all
select ticket_id, 3, dispatched_at, 'dispatch', 'predicted', 'dispatched', 'Chen Yu', 'from the depot',
       '{"crew": "Crew <b>7</b>"}'
  from feederline.ticket where ticket_id = 'tic-2'
union all
select ticket_id, 4, dispatched_at, 'estimate', 'dispatched', 'estimated', 'Chen Yu', '',
       '{"restoration_estimated_at": "2026-03-15T13:50:00Z"}'
  from feederline.ticket where ticket_id = 'tic-2';
update feederline.incident
   set evidence = '{"members": 10, "reported": 9, "back": 0, "silent": 1, "customers_off": 50, "last_gasp": 8,
                    "zero_voltage": 1,
                    "first_report": "2026-03-15T11:50:00Z", "last_report": "2026-03-15T11:50:40Z", "other_outages": 0,
                    "other_feeders": 0, "direct": "FTU-<i>1</i>: busbar dead", "asked": 3, "unanswered": 2}'
 where incident_id = 'inc-2';
update feederline.incident set parent = 'inc-2' where incident_id = 'inc-3';
"""


_NAME = re.compile(
    r"^Outage at <b>Weir</b> \(T2\)\. 50 off\. 10 min, since .*severity 1 of 3\. North › North 1\. "
    r"Crew <b>7</b> on the way, supply promised by .*, no\. 2\. arrival due in 3[45] min\. <img src=x"
)
_TOLD = (
    "50 off, 10 min, since",
    r"50\d customer minutes",
    "97\u00a0% sure, direct evidence",
    "For direct evidence: terminal FTU-<i>1</i>: busbar dead",
    "For 8 of 10 meters sent a last gasp",
    "For 2 of 3 that were asked did not answer",
    "Against 1 of 3 that were asked answered",
    "Also 1 meter said nothing: concluded from the others",
    "First report",
    "40 s later",
    "Concluded",
    "Crew <b>7</b> on the way, supply promised by",
    "response kept",
    "arrival due in 3[45] min",
    "0 of 1 message delivered; trying again after 2 attempts: desk answered 503",
    "Followed by Communications lost at Mill Lane",
    "You may look, not act",
)


async def test_the_story_is_told(postgres_url: str, page: Page) -> None:
    connection = await story.migrated(postgres_url)
    await story.tell(connection, AT)
    await connection.execute(_WORKED_ON)
    await connection.close()
    async with opened(postgres_url) as store, serving(store, clock=ManualClock(AT)) as url:
        await page.goto(url)
        rows = page.locator("#incidents .case-row")
        await expect(rows).to_have_count(2)
        outage = rows.filter(has_text="<b>Weir</b>")
        await expect(outage).to_have_attribute("aria-posinset", "1")
        await expect(outage).to_have_attribute("aria-label", _NAME)
        await expect(rows.nth(1)).to_contain_text("5 unknown")

        await outage.click()
        detail = page.locator("#detail")
        await expect(detail.locator(".headline")).to_have_text("Outage at <b>Weir</b> (T2)")
        for words in _TOLD:
            await expect(detail).to_contain_text(re.compile(words))
        members = detail.locator(".member")
        await expect(members.first).to_contain_text("off since")
        await expect(detail.locator(".members")).to_have_attribute("aria-label", "Members")
        await expect(detail.locator(".actions button")).to_have_count(0)
        assert await page.locator("img, #inside b:not(.unseen), #inside i").count() == 0, "markup stays text"
        assert await themed_barriers(page) == []
        await pictures(page, "cases-incident")
        await detail.get_by_role("link", name="Ticket no. 2").click()
        await expect(detail.locator(".headline")).to_have_text("No. 2: Outage at T2")
        await expect(detail.locator(".steps li").nth(1)).to_contain_text(
            "Crew <b>7</b>; from the depot (Chen Yu)"
        )
        await page.get_by_role("link", name="Tickets").click()
        await expect(page.locator("#tickets .case-row")).to_have_count(2)
        await page.locator("#tickets .case-row").first.click()
        await expect(detail.locator(".headline")).to_have_text("No. 2: Outage at T2")
        assert await barriers(page) == []
        await page.goto("about:blank")
    async with opened(postgres_url) as store, serving(store, clock=ManualClock(AT + HOUR)) as url:
        await page.goto(url)
        await expect(rows.first).to_contain_text("arrival late by 25 min")
        await page.goto("about:blank")


MANY = 1000
_WATCH = """
() => {
  window.seen = { long: [], frames: [], most: 0 };
  new PerformanceObserver((list) => seen.long.push(...list.getEntries().map((e) => Math.round(e.duration))))
    .observe({ type: "longtask" });
  let last = performance.now();
  const frame = (now) => {
    seen.frames.push(now - last);
    last = now;
    seen.most = Math.max(seen.most, document.querySelectorAll("#incidents .case-row").length);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
"""
_FIGURES = """
() => {
  const frames = seen.frames.toSorted((a, b) => a - b);
  return { frames: frames.length, median: frames[frames.length >> 1], p95: frames[Math.floor(frames.length * 0.95)],
           longest: frames.at(-1), long: seen.long };
}
"""
_SCROLL = """
async () => {
  const list = document.querySelector("#incidents .case-rows");
  const end = list.scrollHeight - list.clientHeight;
  for (let i = 0; i <= 60; i += 1) {
    list.scrollTop = end * i / 60;
    await new Promise(requestAnimationFrame);
  }
  list.scrollTop = Math.round(end / 2);
}
"""


async def test_a_thousand_open_incidents_stay_smooth(postgres_url: str, page: Page) -> None:
    connection = await story.migrated(postgres_url)
    await crowd(connection, AT, MANY)
    async with opened(postgres_url) as store, serving(store, clock=ManualClock(AT)) as url:
        await page.goto(url)
        rows, container = page.locator("#incidents .case-row"), page.locator("#incidents .case-rows")
        await expect(page.locator("#incidents-title")).to_contain_text("1,000")
        assert await rows.count() < 40
        await expect(rows.first).to_have_attribute("aria-setsize", "1000")
        await page.evaluate(_WATCH)
        await page.evaluate(_SCROLL)
        figures = {"scrolling": await page.evaluate(_FIGURES)}
        await container.focus()
        await page.keyboard.press("PageDown")
        await page.keyboard.press("ArrowDown")
        active = await container.get_attribute("aria-activedescendant")
        name = await page.locator(f"#{active} .name").inner_text()
        before = await container.evaluate("list => list.scrollTop")

        # Two hundred at once: who reads stays where they are, and the keyboard with them.
        await page.evaluate("() => { seen.long = []; seen.frames = []; }")
        await connection.execute(
            "update feederline.incident set summary = 'told anew', revision = 2 where incident_id in"
            " (select incident_id from feederline.ticket where number <= 200)"
        )
        await page.wait_for_function(
            "async () => [...(await import('/web/core/store.js')).incidents().values()]"
            ".filter((incident) => incident.summary === 'told anew').length === 200"
        )
        await page.wait_for_function("() => seen.frames.length > 60")
        figures["update of 200"] = await page.evaluate(_FIGURES)
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        (ARTEFACTS / "cases-frames.json").write_text(json.dumps(figures, indent=2))
        await expect(container).to_be_focused()
        assert (
            await page.locator(
                f"#{await container.get_attribute('aria-activedescendant')} .name"
            ).inner_text()
            == name
        )
        assert await container.evaluate("list => list.scrollTop") == before
        assert await page.evaluate("seen.most") < 40
        assert await page.evaluate("document.querySelectorAll('*').length") < 2000

        await page.get_by_role("searchbox", name="Place, crew, #ticket").fill("street 77")
        await expect(page.locator("#incidents-title")).to_contain_text("11 of 1,000")
        await page.keyboard.press("ArrowDown")
        await expect(container).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#incidents-title")).to_have_text("Open incidents 1,000")
        await page.get_by_role("combobox", name="Kind").select_option("communications_loss")
        await expect(page.locator("#incidents .empty")).to_have_text("Nothing that is open fits the filter.")
        await page.get_by_role("link", name="Tickets").click()
        await expect(page.locator("#tickets-title")).to_contain_text("1,000")
        assert await page.locator("#tickets .case-row").count() < 40
        await page.get_by_role("combobox", name="Severity").select_option("1")
        await expect(page.locator("#tickets-title")).to_contain_text("333 of 1,000")
        await page.goto("about:blank")
    await connection.close()
