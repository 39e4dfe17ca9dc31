"""The reliability report against the API's own figures, on both servers; and `feederline report` with bad input."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import sys
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import psycopg
import pytest
import yaml

from alerts.settings import SlaSettings
from gateway.cli import main
from gateway.core.clock import DAY, HOUR, MINUTE, format_time, parse_time, to_datetime
from gateway.core.errors import InvalidInputError, RefusedError, UnavailableError
from gateway.report.budget import Share
from gateway.report.gather import Report, gather
from gateway.report.span import SpanKind, span_of
from gateway.report.words import Words
from gateway.report.write import files_of
from gateway.store import Store
from gateway.store.accounts import Account, Place
from gateway.store.snapshot import snapshot
from processors.interruptions.periods import midnight
from tests.integration.report_world import FORMULA, LONG, MARCH, MARKUP, NOW, SINCE, ZONE, world
from tests.integration.store_world import settings_for, small_inventory
from tests.integration.test_api_server import opened

DOCS = Path(__file__).parents[2] / "docs" / "report.md"


async def told(url: str, kind: SpanKind, text: str, at: int = NOW) -> Report:
    async with snapshot(settings_for(url)) as seen:
        return await gather(seen, span_of(kind, text), at=at, sla=SlaSettings(), drill_every_days=183)


async def agrees(store: Store, report: Report, at: int) -> None:
    """Every figure is the API's own."""
    low, high = report.low, report.high
    assert report.reliability == await store.reports.reliability(low, high, at=at)
    assert list(report.days) == await store.reports.reliability_daily(low, high, at=at)
    assert report.dlt == await store.accounts.dlt_836(low, high, at=at)
    assert report.dlt_medium == await store.accounts.dlt_836(low, high, at=at, basis="mv")
    assert report.major == await store.accounts.major_events(low, high, at=at)
    places: list[tuple[tuple[Share, ...], Place]] = [
        (report.feeders, "feeder"),
        (report.transformers, "transformer"),
        (report.districts, "district"),
        (report.classes, "customer_class"),
    ]
    for shares, place in places:
        accounts = await store.accounts.by(place, low, high, at=at)
        assert [_sums(share) for share in shares] == [_sums(account) for account in accounts]
    assert list(report.collection) == await store.meterdata.collection(low, high)
    assert list(report.voltage_feeders) == await store.quality.compliance(low, high, place="feeder")


def _sums(one: Share | Account) -> tuple[object, ...]:
    spent = (one.customer_minutes, one.open_customer_minutes, one.customer_interruptions)
    return one.key, one.served, *spent, one.saidi_minutes, one.saifi, one.asai, one.unknown_share


def adds_up(report: Report) -> None:
    """What is told by customer, cause, area and time is the whole."""
    found = report.reliability.all
    minutes, still = found.customer_minutes, found.open.customer_minutes
    assert minutes > 0
    for parts in (report.causes, report.areas, report.classes, report.districts, report.feeders):
        assert sum(p.customer_minutes for p in parts) == pytest.approx(minutes, rel=1e-12)
        assert sum(p.open_customer_minutes for p in parts) == pytest.approx(still, rel=1e-12)
        assert sum(p.customer_interruptions for p in parts) == found.customer_interruptions
    assert sum(h.minutes for h in report.heat) == pytest.approx(minutes + still, rel=1e-12)
    assert sum(c.total * c.customers for c in report.customers) / 60e6 == pytest.approx(minutes, rel=1e-12)
    served = report.reliability.served
    (cemi,) = found.cemi.values()
    assert sum(c.customers for c in report.customers if c.interruptions >= 3) == round((cemi or 0) * served)
    (celid,) = found.celid_t.values()
    hours = float(next(iter(found.celid_t)))
    assert sum(c.customers for c in report.customers if c.total >= hours * HOUR) == round(
        (celid or 0) * served
    )


async def test_figures_are_those_of_the_api(database_url: str) -> None:
    async with world(database_url) as store:
        spans: list[tuple[SpanKind, str]] = [("month", "2026-03"), ("year", "2026")]
        for kind, text in spans:
            report = await told(database_url, kind, text)
            await agrees(store, report, NOW)
            adds_up(report)
        assert report.so_far
        assert report.cut
        assert [m.label for m in report.months] == ["2026-01", "2026-02", "2026-03", "2026-04"]
        assert (report.months[0].window_from, report.months[-1].window_to) == (SINCE, NOW)
        await _stands_as_the_targets_do(store, report)
        report = await told(database_url, "month", "2026-03")
        assert report.before is not None
        assert report.year_before is None, "nothing was observed then"
        assert (len(report.absences), len(report.corrections), len(report.drills)) == (2, 3, 1)
        assert {c.made_by for c in report.corrections} == {"Wang Fang", "+Lin"}
        assert {c.cause for c in report.causes} >= {"storm", "cable fault"}
        assert report.drill_due_at == MARCH + 11 * DAY + 183 * DAY
        assert sum(t.tickets for t in report.incidents) == len(report.tickets)
        whole = [c for c in report.clocks if not c.severity and c.clock == "restoration"]
        assert sum(c.tickets for c in whole) == sum(t.kind != "usage_anomaly" for t in report.tickets)
        assert report.polled_share == pytest.approx(1 / 3)


async def _stands_as_the_targets_do(store: Store, report: Report) -> None:
    """What is so far is what the page shows now, to the last digit."""
    assert report.rolling is not None
    states = {(s.span, s.index): s for s in await store.accounts.targets(NOW)}
    for held, span in ((report.months[-1], "month"), (report.rolling, "rolling_year")):
        for ours in held.standings:
            theirs = states[span, ours.target.index]
            assert (held.window_from, held.end) == (theirs.window_from, theirs.window_to)
            assert (ours.spent_minutes, ours.open_minutes) == (theirs.spent_minutes, theirs.open_minutes)
            assert ours.budget_minutes == pytest.approx(theirs.budget_minutes, rel=1e-12)
            assert ours.forecast == pytest.approx(theirs.forecast, rel=1e-12)
            assert ours.state.value == theirs.state


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.references: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        outward = ("src", "href", "action", "style")
        self.references += [value or "" for name, value in attrs if name in outward or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.before_migrations
async def test_files_and_the_command(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "feederline.yaml"
    config.write_text(
        yaml.safe_dump({"database": {"url": settings_for(postgres_url).url}, "targets": {"time_zone": ZONE}})
    )

    async def run(*options: str) -> tuple[int | None, str, str]:
        monkeypatch.setattr(sys, "argv", ["feederline", "report", "-c", str(config), *options])
        code = None
        try:
            await asyncio.to_thread(main)
        except SystemExit as exc:
            code = int(exc.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    code, _, err = await run("--month", "2026-03", "--out", str(tmp_path / "none"))
    assert (code, "no Feederline schema" in err) == (1, True), err
    async with world(postgres_url, count=30, days=3):
        out = tmp_path / "made" / "march"
        code, last, err = await run("--month", "2026-03", "--out", str(out), "--json")
        assert code == 0, err
        said = json.loads(last.splitlines()[-1])
        assert said["targets"][0]["month"] == "2026-03"
        assert sorted(said["files"]) == sorted(str(path) for path in out.iterdir())
        _harmless(out)
        _documented(out)
        code, _, err = await run("--quarter", "2026-Q1", "--language", "zh", "--out", str(out))
        assert (code, "replace those of an earlier run" in err) == (0, True), err
        page = (out / "report.html").read_text(encoding="utf-8")
        assert "供电可靠率" in page
        assert 'lang="zh-Hans"' in page
        code, _, err = await run("--month", "2025-12", "--out", str(tmp_path / "none"))
        assert (code, "observation began" in err) == (2, True), err
        (tmp_path / "file").write_text("")
        wrong = ["--month", "2026-13", "--year", "9999", "--out", str(tmp_path / "file")]
        code, _, err = await run(*wrong)
        assert code == 2
        assert [line.split(" ")[1] for line in err.splitlines()] == [
            "name",
            "--month:",
            "--year:",
            "--out",
        ], "all at once"
        code, _, err = await run("--month", "2199-01")
        assert (code, "lies ahead" in err) == (2, True)
        config.write_text("database: {url: 5, pool: 1}\n")
        code, _, err = await run("--month", "2026-3")
        assert (code, err.count("feederline.yaml"), "--month" in err) == (2, 2, True), err
        config.unlink()
        code, _, err = await run("--month", "2026-03")
        assert (code, "feederline.yaml" in err) == (2, True), err
    assert not (tmp_path / "none").exists()


def _harmless(out: Path) -> None:
    reader = Reader()
    page = (out / "report.html").read_text(encoding="utf-8")
    reader.feed(page)
    assert "script" not in reader.tags
    assert reader.references == []
    assert "http" not in page.replace("http-equiv", "").replace(FORMULA, "").replace(
        FORMULA.replace('"', "&quot;"), ""
    )
    assert reader.tags["svg"] == 4
    assert MARKUP in reader.text
    assert LONG not in reader.text, "cut on the page"
    with (out / "feeders.csv").open(encoding="utf-8", newline="") as file:
        names = {row["name"] for row in csv.DictReader(file)}
    assert {"'" + FORMULA, MARKUP, LONG} <= names
    with (out / "corrections.csv").open(encoding="utf-8", newline="") as file:
        assert {row["made_by"] for row in csv.DictReader(file)} == {"Wang Fang", "'+Lin"}


def _documented(out: Path) -> None:
    """Each file and column has its line in the documentation, in its order."""
    described = {
        cells[1].strip().strip("`"): cells[2].replace("`", "").replace(" ", "").split(",")
        for line in DOCS.read_text(encoding="utf-8").splitlines()
        if len(cells := line.split("|")) > 3 and cells[1].strip().endswith(".csv`")
    }
    made = {
        path.name: next(csv.reader([path.read_text(encoding="utf-8").splitlines()[0]]))
        for path in out.glob("*.csv")
    }
    assert made == described


async def test_a_large_network_is_cut_on_the_page_and_whole_in_the_files(postgres_url: str) -> None:
    async with world(postgres_url, feeders=300, count=20, days=1):
        report = await told(postgres_url, "month", "2026-03")
    files = files_of(report, Words("en"))
    assert files["transformers.csv"].count(b"\r\n") == 1 + 900
    assert b"and 285 more; all in feeders.csv" in files["report.html"]
    assert len(files["report.html"]) < 300_000


async def test_nothing_to_tell_is_told_so(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        with pytest.raises(RefusedError, match="not heard anything yet"):
            await told(postgres_url, "month", "2026-03")
        await store.put_settings({"observed_since": format_time(SINCE)})
        with pytest.raises(RefusedError, match="no customers are listed"):
            await told(postgres_url, "month", "2026-03")
        await store.sync_inventory(small_inventory())
        for text, at, said in (
            ("2027-01", NOW, "lies ahead"),
            ("2026-01", parse_time("2026-01-10T00:00:00Z"), "observation began"),
        ):
            with pytest.raises(InvalidInputError, match=said):
                await told(postgres_url, "month", text, at)
        quiet = await told(postgres_url, "month", "2026-02")
        assert quiet.reliability.all.asai == 1
        for words in (Words("en"), Words("zh")):
            assert len(files_of(quiet, words)) == 31
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn:
            minute = "insert into feederline.gateway_minute values (%s, %s, 0, 0, 0, 0, 0, 0, 0, true, 0)"
            for at in (MARCH - 9 * DAY, MARCH - 8 * DAY):
                heard = at if at < MARCH - 8 * DAY else None  # it started once more, and heard nothing yet
                await conn.execute(minute.encode(), [to_datetime(at), heard and to_datetime(heard)])
        deaf = await told(postgres_url, "month", "2026-02")
        assert (deaf.deaf, deaf.heard_until) == (True, MARCH - 9 * DAY)
        for words in (Words("en"), Words("zh")):
            page = files_of(deaf, words)["report.html"].decode()
            assert re.search(r'class="notice">[^<]*2026-02-19 16:00', page)
        assert not (await told(postgres_url, "month", "2026-02", MARCH - 9 * DAY + MINUTE)).deaf
        just = await told(postgres_url, "month", "2026-03", midnight(date(2026, 3, 1)) + 1)
        assert just.so_far
        assert b"svg" in files_of(just, Words("en"))["report.html"]
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn:
            await conn.execute(
                "delete from feederline.migration where version = (select max(version) from feederline.migration)"
            )
        with pytest.raises(RefusedError, match="older version"):
            await told(postgres_url, "month", "2026-02")


async def test_it_reads_and_sees_one_moment(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        await store.sync_inventory(small_inventory())
        async with snapshot(settings_for(postgres_url)) as seen:
            before = await seen.reporting.settings()
            await store.put_settings({"asai_target": 0.5})
            assert await seen.reporting.settings() == before
            pool = seen.reporting._pool
            async with pool.connection() as conn:
                row = await (
                    await conn.execute("select current_user, current_setting('transaction_read_only')")
                ).fetchone()
        assert row == ("feederline_api", "on")
    with pytest.raises(UnavailableError, match="no database at"):
        async with snapshot(settings_for("postgresql://postgres@127.0.0.1:1/none")):
            pass
