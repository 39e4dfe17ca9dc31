"""Incidents and tickets as people see them: who is off, since when, why we think so, and who works on it."""

from __future__ import annotations

import re

import psycopg
import pytest
from playwright.async_api import Page, expect

from gateway.core.clock import HOUR, ManualClock, parse_time
from tests.browser.cases_world import crowd
from tests.browser.conftest import THEMES, barriers, pictures
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
select ticket_id, 3, dispatched_at, 'dispatch', 'predicted', 'dispatched', 'Chen Yu', 'from the depot', '{"crew": "Crew <b>7</b>"}'
  from feederline.ticket where ticket_id = 'tic-2'
union all
select ticket_id, 4, dispatched_at, 'estimate', 'dispatched', 'estimated', 'Chen Yu', '',
       '{"restoration_estimated_at": "2026-03-15T13:50:00Z"}'
  from feederline.ticket where ticket_id = 'tic-2';
update feederline.incident
   set evidence = '{"members": 10, "reported": 9, "back": 0, "silent": 1, "customers_off": 50, "last_gasp": 8, "zero_voltage": 1,
                    "first_report": "2026-03-15T11:50:00Z", "last_report": "2026-03-15T11:50:40Z", "other_outages": 0,
                    "other_feeders": 0, "direct": "FTU-<i>1</i>: busbar dead", "asked": 3, "unanswered": 2}'
 where incident_id = 'inc-2';
update feederline.incident set parent = 'inc-2' where incident_id = 'inc-3';
"""


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
        await expect(outage).to_have_attribute("aria-label", re.compile(r"^Outage at <b>Weir</b> \(T2\)\. 50 off\. 10 min, since .*"
            r"severity 1 of 3\. North › North 1\. No\. 2: Crew <b>7</b> on the way, back by .*arrival due in 35 min 0 s\. <img src=x"))  # fmt: skip
        await expect(rows.nth(1)).to_contain_text("5 unknown")
        await pictures(page, "cases-list")

        await outage.click()
        detail = page.locator("#detail")
        await expect(detail.locator(".headline")).to_have_text("Outage at <b>Weir</b> (T2)")
        for words in (
            "50 off, 10 min, since", "500 customer minutes", "97 % sure, direct evidence", "8 of 10 meters sent a last gasp",
            "direct evidence: terminal FTU-<i>1</i>: busbar dead", "2 of 3 that were asked did not answer",
            "1 of 3 that were asked answered", "1 meter said nothing: concluded from the others", "First report",
            "Last report", "40 s later", "Concluded", "Crew <b>7</b> on the way", "response kept", "arrival due in 35 min 0 s",
            "0 of 1 message delivered; trying again after 2 attempts: desk answered 503", "Followed by",
            "You may look, not act",
        ):  # fmt: skip
            await expect(detail).to_contain_text(words.replace(" %", "\u00a0%"))
        members = detail.locator(".member")
        await expect(members.first).to_contain_text("off since")
        await expect(detail.locator(".members")).to_have_attribute("aria-label", "Members")
        await expect(detail.locator(".actions button")).to_have_count(0)
        assert await page.locator("img, #inside b:not(.unseen), #inside i").count() == 0, "markup stays text"
        for theme in THEMES:
            await page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            assert await barriers(page) == []
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
        await pictures(page, "cases-ticket")
    async with opened(postgres_url) as store, serving(store, clock=ManualClock(AT + HOUR)) as url:
        await page.goto(url)
        await expect(rows.first).to_contain_text("arrival late by 25 min 0 s")
