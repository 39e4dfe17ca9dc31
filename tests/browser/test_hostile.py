"""The page among hostile data and in bad circumstances: what anybody wrote is text, whoever is gone is forgotten."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from playwright.async_api import Browser, Page, Route, expect

from gateway import api
from gateway.api.access import identity
from gateway.core.access import AuditEntry, Role
from tests.browser.cases_world import sign_in
from tests.browser.conftest import watch_of
from tests.integration.case_world import SECRET, SECRET_VARIABLE, post, world
from tests.signing import make_token

WEB = Path(api.__file__).parent / "web"
MARKUP = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>&lt;b&gt;{{7*7}}"
ODD = "\u202etxt.exe\u2066 \u200b\ufeff\U0001f469\u200d\U0001f525\n\r\tשלום\x00 " + MARKUP + "W" * 10_000
ODD_ID = "/../?a=%00#\u202e<i>'\""
OURS = re.compile(r"^(\d{4}-\d\d-\d\dT|[0-9a-f]{24}$)")
CODES = frozenset(
    [
        "kind",
        "kinds",
        "state",
        "from_state",
        "to_state",
        "action",
        "what",
        "supply",
        "role",
        "csrf",
        "next",
        "revision",
        "index",
        "span",
        "comparator",
        "origin",
        "phases",
        "possible",
        "protocol",
        "sustained",
        "subject",
    ]
)
IDS = frozenset(["id", "ids", "node", "device", "incident", "ticket", "parent", "via", "target"])


def poisoned(told: Any, key: str = "") -> Any:
    """The same answer with the worst that whoever wrote its texts might have written."""
    if isinstance(told, dict):
        return {name: poisoned(value, name) for name, value in told.items()}
    if isinstance(told, list):
        return [poisoned(value, key) for value in told]
    if not isinstance(told, str) or not told or key in CODES or OURS.match(told):
        return told
    return told + (ODD_ID if key in IDS else ODD)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)


async def poison(route: Route) -> None:
    asked = route.request
    url = unquote(asked.url)
    if asked.method != "GET" or "/api/events" in url:
        await route.continue_()
        return
    clean = asked.url
    for form in (quote(ODD_ID, safe=""), quote(ODD_ID, safe="'")):  # as the page writes them in an address
        clean = clean.replace(form, "")
    answer = await route.fetch(url=clean)
    if answer.status != 200:
        await route.fulfill(response=answer)
        return
    await route.fulfill(
        status=200,
        content_type="application/json",
        headers={"etag": answer.headers.get("etag", "")},
        body=json.dumps(poisoned(await answer.json())),
    )


async def harm(page: Page) -> list[str]:
    """Markup that came alive, text that turns other text, and whatever sticks out on a narrow window and a wide one."""
    found = await page.evaluate(
        "[...document.querySelectorAll('img, body script, i, [onerror], [style*=url]')].map((node) => node.outerHTML)"
    )
    if re.search("[\u202a-\u202e\u2066\u2067]", await page.evaluate("document.body.textContent")):
        found.append("text is turned round")
    for width in (320, 1440):
        await page.set_viewport_size({"width": width, "height": 600})
        wide = await page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found.append(f"{wide} pixels at {width}")
    return [what[:200] for what in found]


async def test_nothing_that_anybody_wrote_is_more_than_text(postgres_url: str, page: Page) -> None:
    alerts: list[str] = []
    harmed: dict[str, list[str]] = {}
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    async with world(postgres_url) as there:
        await there.outage("I1", "T1", (1, 4))
        ticket = await there.ticket_of("I1")
        _, token = await make_token(there.store, Role.ADMIN)
        await page.route("**/api/**", poison)
        await sign_in(page, there.url, token)
        odd = quote(ODD_ID, safe="")
        for where, ready in {
            "#/now": ".case-row",
            f"#/incident/I1{odd}": "#detail .evidence",
            f"#/ticket/{ticket}{odd}": "#detail .steps li",
            f"#/node/T1{odd}": "#detail .node-list li",
            f"#/device/M1{odd}": "#detail .facts dd",
            "#/tickets": ".ticket-row",
            "#/devices": "#devices .device-row",
            "#/deliveries": "#deliveries .row",
            "#/gateway": "#gateway .facts dd",
        }.items():
            await page.evaluate("where => { location.hash = where; }", where)
            await expect(page.locator(ready).first, where).to_be_visible(timeout=20_000)
            if found := await harm(page):
                harmed[where] = found
        assert (harmed, alerts) == ({}, [])
        await page.goto("about:blank")


async def test_any_address_leads_somewhere(postgres_url: str, page: Page) -> None:
    watch_of(page).expect("40[04]|414|431|422|ERR_")
    async with world(postgres_url) as there:
        _, token = await make_token(there.store, Role.VIEWER)
        await sign_in(page, f"{there.url}/#/toString/x", token)
        for view in ("incident", "ticket", "node", "device"):
            for name in (
                "<script>alert(1)</script>",
                "\x00",
                "..",
                "../..",
                "a/b?c#d",
                "x" * 200_000,
                "\ud7ff\u202e",
            ):
                await page.evaluate("where => { location.hash = where; }", f"#/{view}/{quote(name, safe='')}")
                await expect(page.locator("#detail-root")).to_contain_text(
                    re.compile(
                        "There is no|There is none|no such|answered|does not answer|nothing is known",
                        re.IGNORECASE,
                    )
                )
                assert await harm(page) == [], (view, name[:20])
        for hash_ in (
            "#/constructor/x",
            "#/__proto__/x",
            "#/hasOwnProperty",
            "#/node/%E0%A4%A",
            "#",
            "#/now/x",
            "#////",
        ):
            await page.evaluate("where => { location.hash = where; }", hash_)
            await expect(page.locator("#incidents")).to_be_visible()
            await expect(page.locator("#detail")).to_be_hidden()
        await page.goto("about:blank")


async def test_a_sign_in_that_is_over_takes_everything_along_but_what_was_typed(
    postgres_url: str, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "TRUSTED_S", 0.0)
    watch_of(page).expect("401")
    dialog, comment = page.locator("dialog[open]"), re.compile("^Comment: ticket")

    async def ask() -> None:
        await page.locator("#detail").get_by_role("button", name=comment).click(timeout=20_000)

    async def revoke(name: str) -> None:
        entry = AuditEntry(at=there.clock.at, actor="x", action="token.revoke", outcome="done")
        await there.store.access.revoke(name, entry)
        await expect(page.locator("#sign-in")).to_be_visible(timeout=20_000)

    async with world(postgres_url) as there:
        await there.outage("I1", "T1", (1, 4))
        ticket = await there.ticket_of("I1")
        async with there.client(name="Wu Gang") as other:
            await post(other, f"/api/tickets/{ticket}/dispatch", {"crew": "Zebra"}, match="*")
        token, text = await make_token(there.store, name="Li Wei")
        again, text_again = await make_token(there.store, name="Li Wei")
        _, somebody = await make_token(there.store, name="Qian")
        await sign_in(page, f"{there.url}/#/incident/I1", text)
        async with page.expect_popup() as opened:
            await page.evaluate("void open('/#/now')")
        window = await opened.value
        await expect(window.locator("#who-name")).to_contain_text("Li Wei")
        await ask()
        grown = await growth(page)
        assert grown["Nodes"] < 60, grown
        assert grown["JSEventListeners"] < 20, grown
        await dialog.locator("textarea").fill("half a sentence")
        await revoke(token.id)
        await expect(page.locator("#sign-in-why")).to_contain_text(
            "It is kept until you have signed in again"
        )
        await expect(dialog).to_have_count(0)
        await expect(window.locator("#sign-in")).to_be_visible(timeout=20_000)
        for left in (page, window):
            kept = await left.evaluate("document.documentElement.outerHTML")
            assert not [
                word for word in ("Zebra", "half a", "Li Wei", "T1", "M4", "Outage at") if word in kept
            ]
        await page.locator("#token").fill(text_again)
        await page.keyboard.press("Enter")
        await ask()
        await expect(dialog.locator("textarea")).to_have_value("half a sentence")
        await expect(dialog.locator(".act-trouble")).to_contain_text("It has not been sent")
        await expect(window.locator("#who-name"), "the other window goes along").to_contain_text("Li Wei")
        await revoke(again.id)
        await page.locator("#token").fill(somebody)
        await page.keyboard.press("Enter")
        await ask()
        await expect(dialog.locator("textarea"), "what somebody else typed is nobody's").to_have_value("")
        await expect(window.locator("#who-name")).to_contain_text("Qian")
        await page.keyboard.press("Escape")
        await page.locator("#sign-out").click()
        await expect(window.locator("#sign-in")).to_be_visible()
        await window.close()
        await page.goto("about:blank")


async def growth(page: Page) -> dict[str, float]:
    """By how much the page has grown after hundreds of updates of everything that it shows."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    update = """async (times) => {
      const store = await import("/web/core/store.js");
      for (let i = 0; i < times; i += 1) {
        for (const topic of ["summary", "incidents", "tickets", "freshness"]) store.tell(topic);
        await new Promise((done) => setTimeout(done, 4));
      }
    }"""

    async def measured() -> dict[str, float]:
        await session.send("HeapProfiler.collectGarbage")
        told = await session.send("Performance.getMetrics")
        return {one["name"]: one["value"] for one in told["metrics"]}

    await page.evaluate(update, 20)
    before = await measured()
    await page.evaluate(update, 500)
    after = await measured()
    await session.detach()
    return {name: after[name] - before[name] for name in ("Nodes", "JSEventListeners")}


BLANK = "<!doctype html><p id=news></p><ul id=list></ul>"


async def alone(page: Page) -> None:
    """The page's modules without a gateway: the test answers in its place."""

    async def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/web/"):
            await route.fulfill(path=WEB / path.removeprefix("/web/"), content_type="text/javascript")
        else:
            await route.fulfill(body=BLANK, content_type="text/html")

    await page.route("http://feederline.test/**", answer)
    await page.goto("http://feederline.test/")


async def test_answers_of_others_and_late_answers_are_not_shown(page: Page) -> None:
    await alone(page)
    found = await page.evaluate("""async () => {
      const store = await import("/web/core/store.js");
      const asked = [];
      window.fetch = (path) => new Promise((resolve) => asked.push((body, type = "application/json") => resolve(
        new Response(typeof body === "string" ? body : JSON.stringify(body), { headers: { "content-type": type } }))));
      const summary = (off) => ({ at: "2026-03-01T08:00:00Z", gateway: {}, customers: { off } });
      const outcome = (promise) => promise.then(() => "taken", (error) => error.constructor.name);
      const one = async (...answer) => {
        const waits = outcome(store.readSummary());
        asked.at(-1)(...answer);
        return waits;
      };
      const out = {};
      const [first, second] = [store.readSummary(), store.readSummary()];
      asked[1](summary(2));
      await second;
      asked[0](summary(1));
      await first;
      out.overtaken = store.summary().customers.off;
      out.refused = [await one("<html>sign in to the Wi-Fi", "text/html"), await one('{"at": "2026-'), await one([]),
        await one("null"), await one({}), await one("{}", "text/html"), await one({ ...summary(9), at: "soon" })];
      out.still = store.summary().customers.off;
      const late = store.readSummary();
      store.forget();
      asked.at(-1)(summary(3));
      await late;
      out.of_before = store.summary();

      let answered = asked.length;
      const whole = outcome(store.readAll());
      for (let i = 0; i < 50; i += 1) {
        while (answered < asked.length) asked[answered++]({ incidents: [], tickets: [], next: "the same for ever" });
        await new Promise((done) => setTimeout(done));
      }
      out.endless = [await whole, asked.length < 30];
      answered = asked.length;
      const all = store.readAll();
      for (const reply of asked.slice(answered)) reply({ incidents: [], tickets: [], next: null });
      await all;
      const row = (revision, state) => ({ id: "I", revision, state, updated_at: "" });
      const older = store.reload("incident", "I");
      await new Promise((done) => setTimeout(done, 5));
      const newer = store.reload("incident", "I");
      asked.at(-1)(row(5, "closed"));
      await newer;
      asked.at(-2)(row(4, "open"));
      await older;
      out.risen = store.incidents().size;

      const list = document.getElementById("list");
      const { keyed, element } = await import("/web/core/dom.js");
      for (let i = 0; i < 9; i += 1) {
        keyed(list, ["a", "a", "b", "a"], (text) => text, (text) => element("li", "", text), () => {});
      }
      out.doubles = list.textContent;
      return out;
    }""")
    assert found == {
        "overtaken": 2,
        "refused": ["NoAnswer"] * 7,
        "still": 2,
        "of_before": None,
        "endless": ["NoAnswer", True],
        "risen": 0,
        "doubles": "aaba",
    }


async def test_the_hour_that_is_there_twice_stays_the_one_that_was_meant(browser: Browser) -> None:
    page = await browser.new_page(timezone_id="Europe/Berlin")
    await alone(page)
    said = await page.evaluate("""async () => {
      const { field, said } = await import("/web/cases/fields.js");
      return ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-03-29T01:00:00Z"].map((value) => {
        const made = field({ name: "at", label: "", kind: "time", value });
        const before = said([made]).at;
        made.input.value = "2026-10-25T03:00:00";
        return [before, said([made]).at];
      });
    }""")
    wanted = ("2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z", "2026-03-29T01:00:00.000Z")
    assert said == [[kept, "2026-10-25T02:00:00.000Z"] for kept in wanted]
    await page.close()


async def test_a_storm_is_no_reason_to_storm_back_and_silence_is_noticed(page: Page) -> None:
    """50 incidents a second for 20 s, each told of twice, as its ticket is; by a clock that the test moves."""
    await page.clock.install()
    await alone(page)
    await page.evaluate("""async () => {
      window.asked = [];
      window.streams = [];
      window.EventSource = class extends EventTarget {
        constructor() { super(); this.readyState = 1; streams.push(this); }
        close() { this.readyState = 2; }
        say(name, data = {}) { this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) })); }
      };
      window.EventSource.CLOSED = 2;
      const iso = () => new Date().toISOString();
      let running = 0;
      window.most = 0;
      window.fetch = (path) => new Promise((resolve) => {
        asked.push(path);
        most = Math.max(most, running += 1);
        const id = path.split("/").at(-1);
        const body = path.startsWith("/api/summary")
          ? { at: iso(), customers: {}, ready: true, reasons: [], gateway: { stream_at: iso() } }
          : path.includes("?") ? { incidents: [], tickets: [], next: null }
            : { id, revision: 1, state: "open", updated_at: "" };
        setTimeout(() => { running -= 1; resolve(Response.json(body)); }, 200);
      });
      window.live = await import("/web/core/live.js");
      live.setUp();
      live.start();
    }""")
    await page.clock.run_for(1000)
    await page.evaluate("""() => {
      streams[0].say("resync");
      let count = 0;
      const storm = setInterval(() => {
        const id = `I${count += 1}`;
        for (const what of ["incident", "ticket", "incident", "ticket"]) {
          streams[0].say("change", { what, id, revision: 1 });
        }
        if (count === 1000) clearInterval(storm);
      }, 20);
      asked.length = 0;
    }""")
    await page.clock.run_for(21_000)
    asked, most = await page.evaluate("[asked.length, most]")
    assert asked < 250, f"{asked} questions for 4000 changes"
    assert most < 30, f"{most} at once"
    for _ in range(3):
        await page.clock.run_for(15_000)
        await page.evaluate("streams.at(-1).say('beat')")
    assert await page.evaluate("streams.length") == 1
    assert (await page.evaluate("live.freshness().text")).startswith("Live")
    await page.clock.run_for(42_000)
    assert await page.evaluate("[streams.length, streams[0].readyState]") == [2, 2]
    assert (await page.evaluate("live.freshness().text")).startswith("Asking every few seconds")
