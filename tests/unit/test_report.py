"""The report's pure parts: spans, clocks, budgets, figures, tables, words, markup, files."""

from __future__ import annotations

import ast
import csv
import io
import string
from collections.abc import Iterator
from datetime import UTC, date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.settings import SlaSettings
from alerts.work import Work
from gateway.core.clock import DAY, HOUR, MINUTE, parse_time
from gateway.core.errors import FeederlineError, InvalidInputError
from gateway.core.model import IncidentKind
from gateway.core.ticket import Ticket, TicketState
from gateway.report import figures
from gateway.report.budget import held, shares, targets_of
from gateway.report.clocks import ClockKept, clocks_kept
from gateway.report.markup import clean, document, el
from gateway.report.plots import DayBar, bars_plot, days_plot, heat_plot, months_plot
from gateway.report.span import span_of
from gateway.report.tables import Column, Table, csv_of, shown
from gateway.report.words import TERMS, Words, chinese
from gateway.report.write import writable, write
from gateway.store.accounts import Account
from gateway.store.reporting import AreaAccount
from processors.interruptions.targets import Span as TargetSpan
from processors.interruptions.targets import State

AT = parse_time("2026-03-01T08:00:00Z")
SLA = SlaSettings()
EN = Words("en")
SOURCES = sorted((Path(__file__).parents[2] / "gateway" / "report").glob("*.py"))


# spans


@pytest.mark.parametrize(
    ("kind", "text", "first", "end", "before", "year_before"),
    [
        ("month", "2026-01", date(2026, 1, 1), date(2026, 2, 1), "2025-12", "2025-01"),
        ("month", "2026-12", date(2026, 12, 1), date(2027, 1, 1), "2026-11", "2025-12"),
        ("quarter", "2026-Q1", date(2026, 1, 1), date(2026, 4, 1), "2025-Q4", "2025-Q1"),
        ("quarter", "2026-Q4", date(2026, 10, 1), date(2027, 1, 1), "2026-Q3", "2025-Q4"),
        ("year", "2026", date(2026, 1, 1), date(2027, 1, 1), "2025", "2025"),
    ],
)
def test_spans(kind: Any, text: str, first: date, end: date, *, before: str, year_before: str) -> None:
    span = span_of(kind, text)
    assert (span.label, span.first, span.end) == (text, first, end)
    assert (span.before().label, span.year_before().label) == (before, year_before)
    low, high = span.bounds(ZoneInfo("Asia/Shanghai"))
    assert high - low == (end - first).days * DAY
    assert span.months()[0].first == first
    assert span.months()[-1].end == end


@pytest.mark.parametrize(
    ("kind", "text"),
    [("month", t) for t in ("2026-13", "2026-00", "2026-3", "26-03", "2026-03 ", "2026-Q1", "٢٠٢٦-03", "1999-12")]
    + [("quarter", t) for t in ("2026-Q5", "2026-Q0", "2026-1", "2026Q1", "")]
    + [("year", t) for t in ("2026-03", "20260", "0026", "9999", "year")],
)  # fmt: skip
def test_what_is_no_span_is_told_so(kind: Any, text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        span_of(kind, text)


# clocks


def ticket(**changes: Any) -> Ticket:
    plain = Ticket(
        id="t",
        incident="i",
        kind=IncidentKind.OUTAGE,
        state=TicketState.CLOSED,
        severity=1,
        node="n",
        title="",
        customers=1,
        opened_at=AT,
        updated_at=AT,
        area="urban",
        clocks_from=AT,
    )
    return msgspec.structs.replace(plain, **changes)


def whole(found: list[ClockKept], clock: str) -> ClockKept:
    return next(c for c in found if c.clock == clock and not c.severity)


def test_a_clock_is_kept_missed_over_first_or_running() -> None:
    limit = 45  # urban, severity 1
    tickets = [
        ticket(arrived_at=AT + limit * MINUTE, restored_at=AT + HOUR),  # the last moment is in time
        ticket(arrived_at=AT + limit * MINUTE + 1, restored_at=AT + HOUR),
        ticket(restored_at=AT + 10 * MINUTE),  # nobody needed to come
        ticket(restored_at=AT + 10 * MINUTE, arrived_at=AT + 20 * MINUTE),  # came when it was over
        ticket(restored_at=AT + 50 * MINUTE),  # over, but by then somebody should have been there
        ticket(clocks_from=AT + 2 * HOUR, state=TicketState.REOPENED),  # the clock runs
        ticket(state=TicketState.CONFIRMED),  # it ran out and nobody came
    ]
    found = whole(clocks_kept(tickets, SLA, at=AT + 2 * HOUR + MINUTE), "arrival")
    assert (found.kept, found.missed, found.moot, found.running) == (1, 3, 2, 1)
    assert (found.tickets, found.share, found.limit_minutes) == (7, 0.25, limit)
    assert found.median_minutes == 45
    assert found.worst_minutes == pytest.approx(45 + 1 / MINUTE)


def test_clocks_by_work_severity_and_area() -> None:
    tickets = [
        ticket(acknowledged_at=AT + i * MINUTE, severity=1 + i % 3, area=("urban", "", "moor")[i % 3])
        for i in range(1, 11)
    ]
    tickets.append(ticket(kind=IncidentKind.USAGE_ANOMALY, acknowledged_at=AT + DAY, severity=3))
    found = clocks_kept(tickets, SLA, at=AT + 2 * DAY)
    response = whole(found, "response")
    assert (response.tickets, response.median_minutes, response.p90_minutes, response.worst_minutes) == (
        10,
        5,
        9,
        10,
    )
    assert response.limit_minutes is None, "severities have limits of their own"
    assert {c.area for c in found if c.severity} == {"urban"}, "an area that is none counts as the default"
    groups = [c for c in found if c.clock == "response" and c.severity and c.work is Work.REPAIR]
    assert sum(c.tickets for c in groups) == 10
    assert [c.limit_minutes for c in groups] == [60, 60, 120]
    inspection = [c for c in found if c.work is Work.INSPECTION]
    assert {c.clock for c in inspection} == {"response", "arrival"}, "it has no clock for restoration"
    assert clocks_kept([], SLA, at=AT) == []


# budgets


def account(
    key: str = "F1", minutes: float = 0.0, still: float = 0.0, served: int = 100, days: int = 30
) -> Account:
    return Account(
        key=key, name=None, kind=None, period_from=AT, period_to=AT + days * DAY, served=served,
        customer_interruptions=1, customer_minutes=minutes, momentary_interruptions=0, momentary_events=0,
        open_customers=0, open_customer_minutes=still, unknown_customer_minutes=0.0, saifi=0.01,
        saidi_minutes=minutes / served if served else None, caidi_minutes=None, asai=None,
        maifi=0.0, maifi_e=0.0, unknown_share=0.0,
    )  # fmt: skip


def test_a_month_against_its_targets() -> None:
    targets = targets_of(
        {"target_month_asai": ("0.999", 0.999), "target_month_saidi_minutes": ("", None)}, TargetSpan.MONTH
    )
    assert [t.index for t in targets] == ["asai"], "no target is no target"
    month = held("2026-03", account(minutes=4000.0, still=320.0), targets, end=AT + 30 * DAY)
    (standing,) = month.standings
    assert standing.budget_minutes == pytest.approx(4320)
    assert (standing.spent_minutes, standing.state, month.over) == (4320, State.MET, True)
    running = held("2026-03", account(minutes=4000.0, days=15), targets, end=AT + 30 * DAY)
    assert (running.over, running.standings[0].state) == (False, State.AT_RISK)
    assert held("2026-03", account(served=0), targets, end=AT + 30 * DAY).standings == ()


def test_who_used_how_much() -> None:
    nobody = {"served": 0, "customer_interruptions": 0, "open_customers": 0}
    area = AreaAccount(area="urban", customer_minutes=0.0, open_customer_minutes=0.0, **nobody)
    found = shares(
        "feeder",
        [account("F1", 900.0, 600.0), account("F2", 500.0), area],
        {"asai": 43.2, "saidi": 15.0},
        elapsed=30 * DAY,
    )
    assert [s.of_all for s in found] == [0.75, 0.25, 0]
    assert [s.over for s in found] == [False, False, False], "just spent is not overspent"
    assert [s.of_saidi for s in found] == [1.0, pytest.approx(1 / 3), None]
    assert shares("feeder", [account("F1", 1501.0)], {"asai": 43.2, "saidi": 15.0}, elapsed=DAY)[0].over


# figures


def test_nothing_is_rounded_in_our_favour() -> None:
    assert figures.percent(0.99999996) == "99.9999\u00a0%"
    assert figures.percent(0.9997) == "99.9700\u00a0%", "floating point takes nothing away"
    assert figures.percent(1.0) == "100.0000\u00a0%"
    assert figures.percent_at_most(1e-9) == "0.0001\u00a0%"
    assert figures.percent(1 - 1e-15) == "99.9999\u00a0%", "however little it lacks"
    assert figures.percent(1 - 1e-15, 0) == "99\u00a0%"
    assert figures.percent_at_most(1e-15) == "0.0001\u00a0%"
    assert figures.up(5e-324, 2) == "0.01"
    assert figures.up(float("inf")) == figures.down(float("nan")) == "–"
    assert figures.percent_at_most(0.0) == "0.0000\u00a0%"
    assert figures.minutes(15.0001) == "15.01\u00a0min"
    assert figures.minutes(12.34) == "12.34\u00a0min"
    assert figures.down(-0.5) == "−1"
    assert figures.up(1234.1) == "1,235"
    assert figures.length(1) == "1\u00a0min"
    assert figures.length(25 * HOUR) == "1\u00a0d 1\u00a0h"
    assert figures.percent(None) == figures.length(None) == figures.count(None) == "–"


@given(st.floats(0, 1))
def test_shares_are_cut_or_raised(share: float) -> None:
    def read(text: str) -> float:
        return float(text.split("\u00a0", maxsplit=1)[0].replace(",", "")) / 100

    assert read(figures.percent(share)) <= share + 2e-12
    assert read(figures.percent_at_most(share)) >= share - 2e-12
    assert (read(figures.percent(share)) == 1) == (share == 1)
    assert (read(figures.percent_at_most(share)) == 0) == (share == 0)


# tables


NASTY = [
    "=1+1",
    "+49",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    '=HYPERLINK("http://x")',
    'a,b\n"c"',
    "ok",
    "\x00=1",
    "\u00a0\u3000=1",
    "\v\f@SUM(A1)",
    " \t=1",
]


def test_files_are_harmless_and_exact() -> None:
    columns = [
        Column("name", "Name", "text"),
        Column("x", "X", "minutes"),
        Column("at", "At", "time"),
        Column("s", "S", "length"),
    ]
    rows = [(name, 0.1 + 0.2, AT, 90_500_000) for name in NASTY] + [("", -1.5, None, None)]
    made = csv_of(Table("t", "T", columns, rows))
    read = list(csv.reader(io.StringIO(made.decode("utf-8"), newline="")))
    assert read[0] == ["name", "x", "at", "s"]
    for (name, *rest), text in zip(read[1:], [*NASTY, ""], strict=True):
        assert name.removeprefix("'") == text.replace("\x00", "\ufffd")
        assert not name.lstrip().startswith(("=", "+", "-", "@"))
        assert not name.startswith(("\t", "\r"))
        if text:
            assert rest == ["0.30000000000000004", "2026-03-01T08:00:00Z", "90.5"]
    assert read[-1] == ["", "-1.5", "", ""], "a number below zero stays a number"


def test_cells_on_the_page() -> None:
    zone = ZoneInfo("Asia/Shanghai")

    def cell(value: Any, kind: Any, digits: int = 2) -> str:
        return shown(value, Column("k", "K", kind, digits), EN, zone)

    assert cell(AT, "time") == "2026-03-01 16:00"
    assert cell(True, "flag") == "yes"
    assert cell("at_risk", "term") == "at risk"
    assert cell("a name of theirs", "term") == "a name of theirs"
    assert cell(0.99999, "good", 1) == "99.9\u00a0%"
    assert cell(0.00001, "bad", 1) == "0.1\u00a0%"
    assert cell(None, "minutes") == "–"


# words


def texts() -> Iterator[str]:
    """Every text that the report says: constants given to `words(…)`, and the terms."""
    yield from TERMS.values()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name == "words":
                said = node.args[0]
                for part in (said.body, said.orelse) if isinstance(said, ast.IfExp) else (said,):
                    assert isinstance(part, ast.Constant), (
                        f"{source.name}:{node.lineno} says what cannot be looked up"
                    )
                    yield str(part.value)


def test_chinese_has_every_text_and_no_other() -> None:
    assert set(texts()) == set(chinese())


def test_chinese_fills_in_the_same() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    assert [k for k, v in chinese().items() if fields(k) != fields(v)] == []
    assert Words("zh")("{n} customer interruptions", n=3) == "停电户次 3"
    assert Words("zh").term("asai") == "供电可靠率 ASAI"


# markup


class Reader(HTMLParser):
    """Tags that are there, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_text_never_becomes_markup(text: str) -> None:
    reader = Reader()
    reader.feed(document(el("html", el("body", el("p", text, el("b", text), title=text)))).decode())
    assert reader.tags == ["html", "body", "p", "b"]
    expected = clean(text) * 2
    assert reader.text.strip() == expected.strip()


def test_what_turns_or_hides_text_is_shown() -> None:
    assert clean("a\u202eb\u200b\x00\x1b[31m") == "a\ufffdb\ufffd\ufffd\ufffd[31m"
    assert clean("中文 é\n") == "中文 é\n"


# plots


def test_plots_are_described_and_bear_nothing_and_much() -> None:
    much = [DayBar(f"{i}", 1e-9 * i, 1e6 * (i % 2)) for i in range(366)]
    cells = {(i, j): 10.0 ** (i - 9) for i in range(20) for j in range(92)}
    plots = [
        days_plot([], None, 31, EN),
        days_plot(much, 15.0, 366, EN),
        days_plot([DayBar("03-01", 0.0, 0.0)], 15.0, 31, EN),
        months_plot([("2026-03", None)], None, EN),
        months_plot([("2026-03", 1.0)], 0.999, EN),
        months_plot([("2026-03", 0.0)] * 12, 0.999999, EN),
        bars_plot([("<b>" * 200, 0.0)], EN),
        bars_plot([], EN),
        heat_plot([], [], {}, EN),
        heat_plot(["F1"], ["01"], {(0, 0): 5.0}, EN),
        heat_plot([f"F{i}" for i in range(20)], [str(i) for i in range(92)], cells, EN),
    ]  # fmt: skip
    for plot in plots:
        made = document(plot).decode()
        names = str(plot.get("aria-labelledby")).split()
        assert [e.get("id") for e in plot[:2]] == names
        assert all(e.text for e in plot[:1])
        assert "nan" not in made.lower()
        assert "inf" not in made.lower()
        for shape in plot.iter("rect"):
            assert float(shape.get("width", 0)) >= 0
            assert float(shape.get("height", 0)) >= 0


# files


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert writable(folder) is None
    write(folder, {"one": b"1", "two": b"2"})
    write(folder, {"one": b"11", "two": b"22"})
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"one": b"11", "two": b"22"}
    (folder / "taken").mkdir()
    with pytest.raises(InvalidInputError, match="taken: is a folder"):
        write(folder, {"one": b"111", "two": b"222", "taken": b""})
    (folder / "taken").rmdir()
    with pytest.raises(FeederlineError):  # the last of them cannot be written
        write(folder, {"one": b"111", "two": b"222", "no/where": b""})
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"one": b"11", "two": b"22"}
    (folder / ".report-of-one-that-was-killed").mkdir()
    write(folder, {"one": b"111"})
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"one": b"111", "two": b"22"}
    file = tmp_path / "file"
    file.write_text("")
    assert "too long" in str(writable(tmp_path / ("x" * 300)))
    assert writable(file) == f"{file} is not a folder"
    assert writable(file / "below") == f"{file} is not a folder"
    with pytest.raises(InvalidInputError):
        write(file, {"one": b""})


def test_years_begin_in_their_zone() -> None:
    assert (
        span_of("year", "2026").bounds(UTC)[0] - span_of("year", "2026").bounds(ZoneInfo("Asia/Shanghai"))[0]
        == 8 * HOUR
    )
