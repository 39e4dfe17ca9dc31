"""The sections of the page after the summary, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from gateway.core.clock import DAY
from gateway.report import figures
from gateway.report.conduct import causes, clocks, doubts, drills, measured, work
from gateway.report.figures import count, day, minutes, moment, percent_at_most, up
from gateway.report.gather import Report
from gateway.report.markup import el
from gateway.report.parts import Paper, Tables, figure, notes, section
from gateway.report.plots import DayBar, days_plot, heat_plot, months_plot
from gateway.report.tables import Table, Value

Chapter = Callable[[Report, Tables, Paper], Element]


def targets(report: Report, tables: Tables, paper: Paper) -> Element:
    words, zone = paper.words, ZoneInfo(report.zone)
    table = tables["targets"]
    keys = [
        "window",
        "index",
        "target",
        "budget_minutes",
        "spent_minutes",
        "open_minutes",
        "left_minutes",
        "spent_share",
    ]
    keys += ["elapsed_share", "state"]
    allowed = report.allowed.get("saidi")
    first = report.days[0].day if report.days else report.low
    ends = (
        report.months[-1].end if report.months else report.high
    )  # budgets are those of months that have begun
    bars = [
        DayBar(
            day(d.day, zone)[5:],
            (d.saidi_minutes or 0.0),
            d.open.customer_minutes / d.served if d.served else 0.0,
        )
        for d in report.days
    ]
    return section(
        "targets",
        words("Targets"),
        paper.table(_written(table.only(*keys)), most=30, without_empty=("open_minutes",)),
        notes(
            words(
                "Budget: (1 − ASAI) × customers × time, or SAIDI × customers. What is still off is spent "
                "too. A rolling year of which less was observed is the year that begins with the "
                "observation."
            )
        ),
        figure(
            days_plot(bars, allowed, max(len(bars), round((ends - first) / DAY)), words),
            words(
                "Bars: minutes per customer by the day on which the interruptions began (hollow: still "
                "off). Black line: their sum. Red: budget, and dashed the even pace to it."
            ),
        ),
        paper.table(tables["feeders"].only(*_PLACE, title=words("Feeders: who used how much"))),
        _of_several(paper, tables["districts"].only(*_LESS, title=words("Districts: who used how much"))),
        _of_several(paper, tables["areas"].only(*_LESS, title=words("Areas: who used how much"))),
        _of_several(
            paper, tables["customer_classes"].only(*_LESS, title=words("Customer classes: who used how much"))
        ),
        notes(
            words(
                "A group's own budget is what the targets allow its customers; over budget means beyond "
                "the smaller one. Districts: the attribute of that name, else the substation."
            )
        ),
    )


_PLACE = (
    "key", "name", "served", "customer_interruptions", "customer_minutes", "open_customer_minutes", "saidi_minutes",
    "asai", "of_all", "of_asai_budget", "of_saidi_budget", "over",
)  # fmt: skip
_LESS = tuple(key for key in _PLACE if key not in ("name", "open_customer_minutes"))


def _of_several(paper: Paper, table: Table) -> list[Element]:
    """A table of one group without a name tells nothing."""
    return paper.table(table) if any(table.column("key")) else []


def _written(table: Table) -> Table:
    """Targets as people write them."""
    rows: list[list[Value]] = []
    for row in table.rows:
        cells = dict(zip([c.key for c in table.columns], row, strict=True))
        value = cells["target"]
        assert isinstance(value, (int, float))
        cells["target"] = f"{value * 100:.6g} %" if cells["index"] == "asai" else f"{value:g} min"
        rows.append(list(cells.values()))
    return Table(table.name, table.title, table.columns, rows, table.note, table.empty)


def indices(report: Report, tables: Tables, paper: Paper) -> Element:
    words, r, zone = paper.words, report.reliability, ZoneInfo(report.zone)
    inclusive = r.comparator == ">="
    basis = words(
        "Basis: an interruption is sustained when it lasts at least {s} s."
        if inclusive
        else "Basis: an interruption is sustained when it lasts longer than {s} s.",
        s=f"{r.threshold_s:g}",
    )
    polled = report.polled_share
    t_med = report.major.t_med_minutes
    return section(
        "indices",
        words("Indices and their basis"),
        notes(
            words.join(
                [
                    basis,
                    words(
                        "Window {low} to {high}, days begin at midnight in {zone}; {served} customers "
                        "served, those listed now.",
                        low=moment(r.window_from, zone),
                        high=moment(r.window_to, zone),
                        zone=report.zone,
                        served=count(r.served),
                    ),
                    words(
                        "An interruption belongs to the day it began, with all its minutes. lv: "
                        "low-voltage users, each metering point's customers; mv: medium-voltage users, "
                        "each transformer one."
                    ),
                ]
            )
        ),
        paper.table(_figures(tables["indices"]), most=40),
        notes(
            words(
                "{share} of customers are behind metering points that are asked at intervals and do not "
                "report by themselves. For these SAIFI is a lower bound, CAIDI an upper bound, and MAIFI "
                "cannot be computed: its zero means that nothing was looked at.",
                share=percent_at_most(polled, 1),
            )
            if polled
            else ""
        ),
        paper.table(_figures(tables["dlt_836"]), most=40),
        notes(
            words(
                "Sustained by DL/T 836: {comparator} {s} s. -1: all interruptions, -F: faults, -S: "
                "planned ones; customer hours: the sum of hours × users.",
                comparator=r.comparator,
                s=f"{report.dlt.threshold_s:g}",
            )
        ),
        paper.table(tables["major_event_split"]),
        notes(
            words(
                "No limit for major event days (T_MED) can be told: it takes two days with interruptions "
                "before, and there are {days}.",
                days=count(report.major.history_days),
            )
            if t_med is None
            else words(
                "T_MED is {t_med} (2.5 β; α {alpha}, β {beta}) from {days} days with interruptions since "
                "{since}.",
                t_med=minutes(t_med, 4),
                alpha=f"{report.major.alpha:.4f}",
                beta=f"{report.major.beta:.4f}",
                days=count(report.major.history_days),
                since=day(report.major.history_from, zone),
            ),
            words("Provisional: less than five years are known.") if report.major.provisional else "",
        ),
        paper.table(tables["major_event_days"], most=10),
    )


_SHARES = ("ASAI", "CEMI", "CELID")
_COUNTS = ("interruptions", "open_customers")


def _figures(table: Table) -> Table:
    """Each row as its index wants to be read: shares in per cent, counts whole."""
    keys = [c.key for c in table.columns]
    first = 2 if "basis" in keys else 1
    rows: list[list[Value]] = []
    for row in table.rows:
        name = str(row[0])
        text: Callable[[float | None], str]
        if name.startswith("ASAI"):
            text = figures.percent
        elif name.startswith(_SHARES):
            text = figures.percent_at_most
        elif name in _COUNTS:
            text = count
        elif "minutes" in name or "hours" in name:
            text = _two
        else:
            text = _four
        rows.append([*row[:first], *(text(v if isinstance(v, (int, float)) else None) for v in row[first:])])
    return Table(table.name, table.title, table.columns, rows, table.note, table.empty)


def _two(value: float | None) -> str:
    return up(value, 2)


def _four(value: float | None) -> str:
    return up(value, 4)


def rate(value: float | None) -> str:
    return up(value, 3)


def compared(report: Report, tables: Tables, paper: Paper) -> Element:
    words = paper.words
    target = next((t.value for t in report.targets if t.index == "asai"), None)
    return section(
        "compared",
        words("Compared with before"),
        paper.table(tables["comparison"]),
        notes("" if report.before or report.year_before else words("No earlier period was observed.")),
        figure(
            months_plot([(m.label, m.account.asai) for m in report.year], target, words),
            words(
                "Bars hang from 100 %: the longer, the more time without supply. Red line: the target of "
                "a month."
            ),
        ),
    )


def places(report: Report, tables: Tables, paper: Paper) -> Element:
    words, zone = paper.words, ZoneInfo(report.zone)
    r = report.reliability.all
    starts = sorted({h.period_from for h in report.heat})
    rows = list(dict.fromkeys(s.key for s in report.feeders if s.key in {h.key for h in report.heat}))
    cells = {(rows.index(h.key), starts.index(h.period_from)): h.minutes for h in report.heat}
    form = (
        slice(5, 7)
        if report.heat_period == "month"
        else slice(8, 10)
        if report.span.kind == "month"
        else slice(5, 10)
    )
    customers = tables["customers"]
    at = [c.key for c in customers.columns]

    def longest(row: Sequence[Value]) -> tuple[float, ...]:
        values = [row[at.index("longest_s")], row[at.index("open_s")]]
        return (-max([v for v in values if isinstance(v, int)], default=0),)

    shown = (
        "device",
        "feeder",
        "transformer",
        "priority",
        "customers",
        "interruptions",
        "total_s",
        "longest_s",
        "open_s",
    )
    levels = [
        words("{share} of customers had {n} or more interruptions (CEMI).", share=percent_at_most(share), n=n)
        for n, share in r.cemi.items()
    ]
    levels += [
        words("{share} had one of {h} h or more (CELID_s).", share=percent_at_most(share), h=h)
        for h, share in r.celid_s.items()
    ]
    levels += [
        words("{share} had {h} h or more in total (CELID_t).", share=percent_at_most(share), h=h)
        for h, share in r.celid_t.items()
    ]
    return section(
        "places",
        words("Where and whom"),
        figure(
            heat_plot(rows, [day(s, zone)[form] for s in starts], cells, words),
            words(
                "The {n} feeders with most customer minutes, by the day or month in which interruptions "
                "began.",
                n=len(rows),
            ),
        )
        if rows
        else None,
        paper.table(
            tables["transformers"].only(*_PLACE, title=words("Transformers with most customer minutes")),
            most=10,
        ),
        el("p", words.join(levels)),
        paper.table(
            customers.only(*shown, title=words("Metering points with most interruptions")),
            most=10,
            without_empty=("priority", "open_s"),
        ),
        paper.table(
            customers.only(
                *shown,
                rows=sorted(customers.rows, key=longest),
                title=words("Metering points with the longest interruption"),
            ),
            most=10,
            without_empty=("priority", "open_s"),
        ),
    )


ALL: tuple[Chapter, ...] = (
    targets,
    indices,
    compared,
    places,
    causes,
    clocks,
    work,
    measured,
    drills,
    doubts,
)
