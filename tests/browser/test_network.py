"""The network on the page: one tree seen in three ways, small and large, with places and without."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import Locator, Page, Route, expect

from gateway.core.clock import SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import IncidentKind, SupplyState
from tests.browser.conftest import barriers, pictures, themed_barriers
from tests.browser.network_world import LONG, MARKUP, district, large, network_world
from tests.integration.case_world import SECRET, SECRET_VARIABLE, World
from tests.integration.store_world import T0

MOST_ROWS = 120  # of a tree of any size that are in the document
MOST_SHAPES = 12_000  # that a canvas draws of a network of any size


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)


def below(inventory: Inventory, node: str) -> tuple[int, ...]:
    """Keys of the meters at services below a transformer."""
    return tuple(
        key
        for key in range(len(inventory))
        if inventory.device(key).kind == "meter" and inventory.device(key).node.startswith(f"{node}-")
    )


def row(page: Page, name: str) -> Locator:
    return page.locator(
        ".tree-row", has=page.locator(".tree-name", has_text=re.compile(f"^{re.escape(name)}$"))
    )


async def trouble(there: World, inventory: Inventory) -> None:
    """T01 off, T02 in part, T03 in part as announced, T04 not to be heard."""
    off, partly, planned, silent = (below(inventory, f"T0{k}") for k in range(1, 5))
    await there.outage("I1", "T01", off, at=T0)
    await there.outage("I2", "T02", partly[:2], at=T0 + SECOND)
    await there.outage("I3", "T03", planned[:3], at=T0 + 2 * SECOND, kind=IncidentKind.PLANNED_OUTAGE)
    await there.outage(
        "I4",
        "T04",
        silent,
        at=T0 + 3 * SECOND,
        kind=IncidentKind.COMMUNICATIONS_LOSS,
        supply=SupplyState.UNKNOWN,
    )


async def shown(page: Page, view: str) -> Locator:
    """The canvas of a view, when it has drawn something."""
    await page.get_by_role("tab", name=view).click()
    canvas = page.locator(".network-panel:not([hidden]) canvas")
    await expect(canvas).to_have_attribute("data-shapes", re.compile(r"^[1-9]"))
    return canvas


async def test_one_network_in_three_views(postgres_url: str, page: Page) -> None:
    inventory = district(120, renamed={"T02": MARKUP, "T03": LONG}, T05=None)
    async with network_world(postgres_url, inventory) as there:
        await trouble(there, inventory)
        await page.goto(there.url)
        tree = page.get_by_role("tree", name="Network")

        # The way to trouble is open, and each state is a word and a shape.
        for name, state, words in (
            ("Lakeside substation", "partly", r"^\d+ off, 3 planned off, \d+ unknown$"),
            ("Transformer 1", "off", r"^\d+ off$"),
            (MARKUP, "partly", r"^\d off$"),
            (LONG, "planned", r"^\d planned off$"),
            ("Transformer 4", "silent", r"^\d+ unknown$"),
        ):
            await expect(row(page, name).locator(".tree-state")).to_have_text(re.compile(words))
            await expect(row(page, name).locator(".mark-of")).to_have_class(f"mark-of {state}")
        assert await page.locator(".network img, .network b").count() == 0
        first, last = row(page, "Transformer 1"), row(page, "Feeder 2")
        assert await first.get_attribute("aria-level") == "6"
        assert [await last.get_attribute(f"aria-{name}") for name in ("setsize", "posinset", "level")] == [
            "2",
            "2",
            "2",
        ]
        assert await first.get_attribute("aria-expanded") == "false"

        # By keyboard alone: down, into a branch, out of it, by the letters of a name, and to the node itself.
        await tree.focus()
        active = page.locator(".tree-row.active")
        await tree.press("Home")
        await expect(active.locator(".tree-name")).to_have_text("Lakeside substation")
        await tree.press("ArrowRight")
        await expect(active.locator(".tree-name")).to_have_text("Feeder 1")
        for letter in "transformer 1":
            await tree.press(letter if letter != " " else "Space")
        await expect(active.locator(".tree-name")).to_have_text("Transformer 1")
        await tree.press("ArrowRight")
        await expect(active).to_have_attribute("aria-expanded", "true")
        await tree.press("ArrowRight")
        await expect(active.locator(".tree-name")).to_have_text("Transformer 1, service 1")
        assert await tree.get_attribute("aria-activedescendant") == await active.get_attribute("id")
        await tree.press("ArrowLeft")
        await tree.press("ArrowLeft")
        await expect(active).to_have_attribute("aria-expanded", "false")
        await tree.press("Enter")
        await expect(page).to_have_url(re.compile(r"#/node/T01$"))

        # The node in detail; what is selected here is selected everywhere.
        detail = page.locator("#detail")
        await expect(detail.locator(".node-title")).to_have_text("Transformer 1")
        await expect(detail.locator(".facts")).to_contain_text("kVA")
        await expect(detail.locator(".facts")).to_contain_text(
            re.compile(r"Off\d+ since 1 Mar 2026, .* \(10 min")
        )
        await expect(detail.locator(".node-path")).to_contain_text("Lakeside substation")
        await expect(detail.get_by_role("link", name="Outage")).to_have_attribute("href", "#/incident/I1")
        await expect(
            detail.locator(".node-part", has_text="Devices here").get_by_role("link").first
        ).to_be_visible()
        await expect(first).to_have_attribute("aria-selected", "true")
        for view in ("One-line", "Map"):
            canvas = await shown(page, view)
            await expect(canvas).to_have_attribute("data-selected", "T01")
            await canvas.press("n")
            await expect(page).not_to_have_url(re.compile(r"#/node/T01$"))
            await canvas.press("p")
            for key in ("+", "ArrowRight", "ArrowDown", "-", "0"):
                await canvas.press(key)
            await page.evaluate("location.hash = '#/node/T01'")
        canvas = await shown(page, "One-line")
        await canvas.press("0")
        await canvas.click(position={"x": 26, "y": 27})
        await expect(page).to_have_url(re.compile(r"#/node/SS1$"))
        await expect(
            detail.locator(".node-part", has_text="Incidents below").get_by_role("link")
        ).to_have_count(4)

        # An incident that is opened elsewhere shows where it is.
        await page.get_by_role("tab", name="Tree").click()
        await page.evaluate("location.hash = '#/incident/I2'")
        await expect(page.locator(".tree-row.lit .tree-name").first).to_have_text(MARKUP)

        # Only trouble, and by name or id.
        told = page.locator(".network-told")
        await page.get_by_label("Only trouble").check()
        await expect(told).to_have_text(re.compile(r"^\d+ nodes fit\.$"))
        await expect(row(page, "Feeder 1, recloser 1")).to_have_count(0)
        await expect(row(page, "Transformer 1, service 1")).to_be_visible()
        await page.get_by_label("Only trouble").uncheck()
        search = page.get_by_label("Search the network by name or id")
        await search.fill("t05-03")
        await expect(told).to_have_text("1 node fits.")
        await expect(row(page, "Transformer 5, service 3")).to_be_visible()

        # Who is without supply changes, and so does the page, by itself.
        await expect(row(page, "Transformer 5").locator(".tree-state")).to_have_text("on")
        await there.outage("I5", "T05", below(inventory, "T05"), at=T0 + 4 * SECOND)
        await expect(row(page, "Transformer 5").locator(".tree-state")).to_have_text(re.compile(r"^\d+ off$"))
        await search.fill("")
        await expect(told).to_have_text("141 nodes")

        await page.evaluate("location.hash = '#/node/T03'")
        await expect(detail.locator(".node-title")).to_have_text(LONG)
        for view in ("Tree", "One-line", "Map"):
            await page.get_by_role("tab", name=view).click()
            if view == "Map":
                await expect(page.locator(".map-note")).to_have_text(
                    re.compile(r"140 of 141 nodes have coordinates; the other 1 are in the tree")
                )
            if view != "Tree":  # it is on the pictures of everything else
                await pictures(page, f"network-{view.lower()}")
            look = themed_barriers if view == "Tree" else barriers  # canvases are alike to axe
            assert await look(page) == [], view

        # Without any coordinates the map says so, and everything else is as it was.
        async def nowhere(route: Route) -> None:
            answer = await route.fetch()
            picture = await answer.json()
            nothing = [None] * len(picture["ids"])
            await route.fulfill(response=answer, body=json.dumps(picture | {"lat": nothing, "lon": nothing}))

        await page.route("**/api/network/picture", nowhere)
        await page.reload()
        await expect(row(page, "Transformer 1")).to_be_visible()
        await page.get_by_role("tab", name="Map").click()
        await expect(page.locator(".map-note")).to_contain_text("No node has coordinates")
        await expect(page.locator(".map canvas")).to_be_hidden()
        await odd_places(page)
        await page.goto("about:blank")


async def test_a_hundred_thousand_nodes(postgres_url: str, page: Page) -> None:
    inventory = large()
    assert len(inventory.network) >= 100_000
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/network/" in request.url else None)
    async with network_world(postgres_url, inventory, known=50) as there:
        await there.outage("I1", "T00001", below(inventory, "T00001"), at=T0)
        await page.goto(there.url)
        tree = page.get_by_role("tree", name="Network")
        rows = page.locator(".tree-row")
        await expect(row(page, "Transformer 1").locator(".tree-state")).to_have_text("25 off", timeout=20_000)
        await expect(page.locator(".network-told")).to_have_text("100,011 nodes")
        await tree.focus()
        for key in (
            "End",
            "*",
            "End",
            "ArrowRight",
            "*",
            "End",
            "ArrowRight",
            "*",
            "End",
            "PageUp",
            "Home",
            "End",
        ):
            await tree.press(key)
            assert await rows.count() < MOST_ROWS, key
        search = page.get_by_label("Search the network by name or id")
        await search.fill("house 25")
        await expect(page.locator(".network-told")).to_have_text(re.compile(r"^3,\d\d\d nodes fit\.$"))
        await search.fill("t03802-25")
        await expect(row(page, "T03802, house 25")).to_be_visible()
        await search.fill("")
        for view, most in (("One-line", 600), ("Map", MOST_SHAPES)):
            canvas = await shown(page, view)
            box = await canvas.bounding_box()
            assert box is not None
            await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
            for _ in range(14):
                await page.mouse.wheel(0, -240)
                await page.evaluate("() => new Promise(requestAnimationFrame)")
                assert 0 < int(await canvas.get_attribute("data-shapes") or 0) < most, view
            await canvas.press("0")
            await page.evaluate("location.hash = '#/node/T02000-7'")
            await expect(canvas).to_have_attribute("data-selected", "T02000-7")
            await page.evaluate("location.hash = '#/now'")
        await page.get_by_role("tab", name="Tree").click()
        before = len(asked)
        await there.outage("I2", "T00002", below(inventory, "T00002")[:2], at=T0 + SECOND)
        await expect(row(page, "Fuse of feeder 1").locator(".tree-state")).to_have_text("27 off")
        assert len(asked) > before
        assert sum(url.endswith("/picture") for url in asked) == 1, "the picture is asked for once"
        await page.goto("about:blank")


PLACES = """
async (nodes) => {
  const { placesOf, clusters } = await import("/web/network/places.js");
  const column = (k) => Float64Array.from(nodes, (node) => node[k] ?? NaN);
  const found = placesOf({ count: nodes.length, lat: column(0), lon: column(1) });
  const together = found.having.length ? clusters(found, 100) : null;
  return {
    having: [...found.having], missing: found.missing, odd: found.odd, box: found.box,
    x: [...found.x], count: together ? [...together.count] : [],
  };
}
"""


async def odd_places(page: Page) -> None:
    """What is made of coordinates that are missing, impossible, all alike, around 180°, or far away."""

    async def places(*nodes: tuple[float | None, float | None]) -> dict[str, object]:
        found: dict[str, object] = await page.evaluate(PLACES, [list(node) for node in nodes])
        return found

    def wide(found: dict[str, object]) -> float:
        box = found["box"]
        assert isinstance(box, list)
        return float(max(box[2] - box[0], box[3] - box[1]))

    none = await places((None, None), (30.0, None), (0.0, 0.0), (91.0, 5.0), (float("inf"), 5.0))
    assert (none["having"], none["missing"], none["box"]) == ([], 5, None)
    assert none["odd"] == ["2 outside the range of coordinates", "1 at 0, 0, taken as unknown"]
    assert (await places())["having"] == []
    same = await places((30.0, 120.0), (30.0, 120.0), (30.0, 120.0))
    assert (same["odd"], same["count"]) == (["all at the same place"], [3])
    across = await places((10.0, 179.99), (10.0, -179.99), (10.01, 180.0), (10.01, -180.0))
    assert wide(across) < 4000, "the sheet is cut elsewhere than at 180°"
    near = [(30 + k / 1000, 120 + k / 1000) for k in range(9)]
    far = await places(*near, (-30.0, -60.0))
    assert far["odd"] == ["1 far from the others"]
    assert wide(far) < 50_000
    pole = await places((90.0, 0.1), (89.999, 120.0), (89.999, -120.0))
    assert wide(pole) < 1e6
