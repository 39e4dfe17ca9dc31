"""What people do on the page: tickets driven to their end, incidents and interruptions put right, refusals told."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Request, Route, expect

from gateway.core.access import Role
from tests.browser.cases_world import sign_in
from tests.browser.conftest import barriers, themed_barriers, watch_of
from tests.integration.case_world import SECRET, SECRET_VARIABLE, World, get, post, world
from tests.signing import make_token


@pytest_asyncio.fixture(loop_scope="session")
async def there(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """I1 at T1 with M1 (critical) and M4, IF at the feeder with M2 and M5; names of devices and nodes are markup."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with world(postgres_url) as found:
        await found.outage("I1", "T1", (1, 4))
        await found.outage("IF", "F", (2, 5))
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
            await connection.execute("update feederline.node set name = '<u>' || node_id || '</u>'")
            await connection.execute("update feederline.ticket set title = '<img src=x onerror=alert(1)>'")
        yield found


_WRITTEN = """
with moved as (update feederline.ticket set revision = revision + 1, customers = customers + %s
                where ticket_id = %s returning *)
insert into feederline.ticket_transition (ticket_id, revision, at, action, from_state, to_state, actor, origin,
                                          reason, detail)
select ticket_id, revision, updated_at, 'update', state, state, 'detector', 'detector', 'more', '{}' from moved
"""


async def _gateway_writes(url: str, ticket: str, more: int) -> None:
    """So many customers more in a ticket, as the gateway counts them."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(_WRITTEN, (more, ticket))


def _button(page: Page, label: str) -> Locator:
    return page.locator("#detail").get_by_role("button", name=f"{label}: ticket no. 1")


async def _answer(page: Page, **said: str) -> None:
    """Fill in what is asked for and send it by the keyboard."""
    dialog = page.locator("dialog[open]")
    for name, text in said.items():
        await dialog.locator(f"[name={name}]").fill(text)
    await dialog.locator("button.send").focus()
    await page.keyboard.press("Enter")


async def test_a_ticket_is_driven_from_open_to_closed(there: World, page: Page, postgres_url: str) -> None:
    name = await there.ticket_of("I1")
    _, operator = await make_token(there.store)
    dialog, detail, trouble = (
        page.locator("dialog[open]"),
        page.locator("#detail"),
        page.locator(".act-trouble"),
    )
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    async with there.client(name="Wu Gang") as other:

        async def ticket() -> Any:
            return await get(other, f"/api/tickets/{name}")

        # By keyboard: into the list, down to the incident, into its detail, onto its button.
        await sign_in(page, there.url, operator)
        rows = page.locator("#incidents .case-rows")
        await expect(rows.locator(".case-row")).to_have_count(2)
        await rows.focus()
        await page.keyboard.press("Home")
        await expect(page.locator("#incidents .case-row.active")).to_contain_text("Outage at <u>T1</u> (T1)")
        await page.keyboard.press("Enter")
        await expect(detail.locator(".headline")).to_have_text("Outage at <u>T1</u> (T1)")
        await page.keyboard.press("Escape")
        await expect(detail).to_be_hidden()
        await expect(rows).to_be_focused()
        await page.keyboard.press("Enter")
        await _button(page, "Acknowledge").focus()
        await page.keyboard.press("Enter")
        await expect(dialog.locator(".means")).to_contain_text("The clock for the response stops")
        await expect(dialog.locator(".about")).to_have_text("<img src=x onerror=alert(1)>. It is predicted.")
        await page.keyboard.press("Escape")
        await expect(_button(page, "Acknowledge")).to_be_focused()
        assert (await ticket())["acknowledged_at"] is None, "nothing is done before it is confirmed"
        await _button(page, "Acknowledge").click()
        await _answer(page, reason="on it <b>now</b>")
        await expect(page.locator("#news")).to_contain_text("Acknowledge, ticket no. 1: done.")
        await expect(_button(page, "Acknowledge")).to_have_count(0)
        await expect(detail).to_contain_text("on it <b>now</b> (Li Wei)")
        await expect(detail.locator(".clocks")).to_contain_text("response kept")

        # Somebody else is faster; what they did is told, and only then it is sent again. A double click sends once.
        watch_of(page).expect("412|422|409")
        await _button(page, "Dispatch").click()
        await post(other, f"/api/tickets/{name}/comment", {"reason": "mind the dog"})
        await _answer(page, crew="Crew <s>7</s>")
        await expect(trouble).to_contain_text(
            "Somebody else was faster, look again. The ticket is predicted now; last: comment by Wu Gang"
        )
        assert (await ticket())["dispatched_at"] is None
        before = len(sent)
        await dialog.locator("button.send").dblclick()
        await expect(dialog).to_have_count(0)
        assert len(sent) == before + 1
        await expect(detail.locator(".worker").first).to_contain_text("Crew <s>7</s> on the way")
        assert [(s["action"], s["origin"]) for s in (await ticket())["transitions"]][-1] == (
            "dispatch",
            "page",
        )

        await _button(page, "Promise a time").click()
        await _answer(page)
        await expect(dialog.locator("input:invalid")).to_have_attribute("name", "restoration_estimated_at")
        await dialog.locator("[name=restoration_estimated_at]").fill("2020-01-01T00:00:00")
        await _answer(page)
        await expect(trouble).to_contain_text("Supply is back by: must be after 1 Mar")
        await dialog.get_by_role("button", name="+1 h").click()
        assert await themed_barriers(page) == []
        await _answer(page)
        await expect(detail.locator(".worker").first).to_contain_text("supply promised by ")
        assert (await ticket())["restoration_estimated_at"] == "2026-03-01T09:11:00Z"

        # What the gateway alone writes stops nobody who works on it; whoever ends it reads what has changed.
        await _button(page, "On site").click()
        await _gateway_writes(postgres_url, name, 1)
        await _answer(page)
        await expect(detail.locator(".worker").first).to_contain_text("on site")
        await _button(page, "Restored").click()
        await _gateway_writes(postgres_url, name, 3)
        await _answer(page, cause="a branch on the line")
        await expect(trouble).to_contain_text(
            re.compile(
                r"Nobody else has acted, but the gateway wrote on meanwhile: (\d+) customers in place of \d+\."
            )
        )
        await _answer(page)
        await expect(page.locator("#incidents .case-row", has_text="T1")).to_contain_text(
            "restored by Crew <s>7</s>, to be verified"
        )

        # The answer is lost on its way: what is sent again names what was read, so that nothing is done twice.
        watch_of(page).expect("ERR_FAILED")

        async def lose(route: Route) -> None:
            await route.fetch()
            await route.abort()

        await page.route("**/comment", lose)
        await _button(page, "Comment").click()
        await _answer(page, reason="only once")
        await expect(trouble).to_contain_text("It may have been done or not")
        await page.unroute("**/comment")
        await _answer(page)
        await expect(trouble).to_contain_text("last: comment by Li Wei")
        await page.keyboard.press("Escape")
        assert [s["reason"] for s in (await ticket())["transitions"]].count("only once") == 1

        # The right moment is lost: what is possible now is offered instead.
        await _button(page, "Close ticket").click()
        await post(other, f"/api/tickets/{name}/close", {"cause": "fuse"}, match="*")
        await _answer(page)
        await expect(trouble).to_contain_text("Possible now: Reopen, Comment.")
        await expect(dialog.locator("button.send")).to_be_hidden()
        await dialog.get_by_role("button", name="Reopen").click()
        await _answer(page, reason="the meter still says off")
        await expect(detail.locator(".worker").first).to_contain_text("Reopened, taken up, nobody sent yet")
        await _button(page, "Close ticket").click()
        await _answer(page, cause="fuse, replaced")
        await expect(_button(page, "Reopen")).to_be_visible()
        assert ((await ticket())["state"], (await ticket())["cause"]) == ("closed", "fuse, replaced")
        assert await page.locator("img, #inside u, #inside s").count() == 0, "markup stays text"


async def test_an_incident_and_its_interruptions_are_put_right(there: World, page: Page) -> None:
    _, operator = await make_token(there.store)
    dialog, detail, trouble = (
        page.locator("dialog[open]"),
        page.locator("#detail"),
        page.locator(".act-trouble"),
    )
    async with there.client(name="Wu Gang") as other:
        await sign_in(page, f"{there.url}/#/incident/I1", operator)

        def order(label: str) -> Locator:
            return detail.get_by_role("button", name=f"{label}: Outage at")

        await order("Confirm").click()
        await _answer(page, reason="seen from the road")
        await expect(detail.locator(".evidence")).to_contain_text("confirmed by Li Wei")
        await expect(order("Confirm")).to_have_count(0)

        # First what it would change; only what was shown is done.
        await detail.get_by_role("button", name="Correct interruptions").click()
        watch_of(page).expect("422")
        await _answer(
            page,
            device="M1",
            started_at="2026-03-01T08:02:00",
            ended_at="2026-03-01T08:01:00",
            reason="log of the breaker",
        )
        await expect(trouble).not_to_be_empty()
        await dialog.locator("[name=ended_at]").fill("")
        await _answer(page)
        await expect(dialog.locator(".shown")).to_contain_text("This would change 1 interruption:")
        await expect(dialog.locator(".effects")).to_contain_text("M1")
        assert (await get(other, "/api/interruptions/corrections"))["corrections"] == []
        assert await barriers(page) == []
        await dialog.locator("[name=started_at]").fill("2026-03-01T08:03:00")
        await expect(dialog.locator("button.send")).to_have_text("Show what changes")
        await dialog.locator("button.send").dblclick()
        await expect(dialog.locator("button.send")).to_have_text("Correct for good")
        assert (await get(other, "/api/interruptions/corrections"))["corrections"] == [], (
            "a double click looks once"
        )
        await _answer(page)
        await expect(dialog).to_have_count(0)
        await expect(detail.locator(".corrections")).to_contain_text(
            "Li Wei: M1: began 1 Mar 2026, 08:03:00 (1 interruption changed). log of the breaker"
        )
        (made,) = (await get(other, "/api/interruptions/corrections"))["corrections"]
        assert (made["by"], made["device"], made["started_at"]) == ("Li Wei", "M1", "2026-03-01T08:03:00Z")

        # Merged into the outage of its feeder, by choosing from those that the gateway would take.
        await order("Merge").click()
        await expect(dialog.locator("select option")).to_have_count(2)
        await dialog.locator("select").select_option("IF")
        await _answer(page)
        await expect(detail.locator(".chip").first).to_have_text("merged")
        await detail.locator(".links").get_by_role("link", name="Outage at <u>F</u>").click()
        await expect(detail.locator(".headline")).to_have_text("Outage at <u>F</u> (F)")
        await expect(page.locator("#incidents .case-row")).to_have_count(1)
        await order("Split").click()
        await _answer(page, node="S")
        await expect(trouble).to_contain_text("Place to split off")
        await _answer(page, node="T2")
        await expect(trouble).not_to_be_empty()
        await page.keyboard.press("Escape")
        there.detector.deaf = True
        await order("Withdraw").click()
        await expect(dialog.locator(".means")).to_contain_text(
            "The interruptions of its 2 devices do not count"
        )
        await _answer(page, reason="works on the line")
        await expect(page.locator("#news")).to_contain_text("taken, the effect will follow")


async def test_who_may_only_look_sees_no_buttons_and_is_refused_when_forcing_them(
    there: World, page: Page
) -> None:
    name = await there.ticket_of("I1")
    _, viewer = await make_token(there.store, Role.VIEWER, name="Zhang Min")
    await sign_in(page, f"{there.url}/#/incident/I1", viewer)
    detail = page.locator("#detail")
    await expect(detail).to_contain_text(
        "You may look, not act: Zhang Min is a viewer. An operator works on it."
    )
    await expect(detail.locator(".actions button")).to_have_count(0)
    watch_of(page).expect("403")
    forced = """
    async ([path, body]) => {
      const { send } = await import("/web/core/api.js");
      return send("POST", path, body, { ifMatch: "*" }).then(() => 200, (error) => error.status);
    }
    """
    for path, body in (
        (f"/api/tickets/{name}/close", {}),
        ("/api/incidents/I1/cancel", {"reason": "no"}),
        ("/api/incidents/I1/corrections", {"voided": True, "reason": "no"}),
    ):
        assert await page.evaluate(forced, [path, body]) == 403
    async with there.client() as client:
        assert (await get(client, f"/api/tickets/{name}"))["state"] == "predicted"
