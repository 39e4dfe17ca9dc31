"""The sections of the page after the summary, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from gateway.core.clock import DAY
from gateway.report import figures
from gateway.report.figures import count, day, length, minutes, moment, percent, percent_at_most, up
from gateway.report.gather import Report
from gateway.report.markup import el
from gateway.report.parts import Paper, figure, notes, section
from gateway.report.plots import DayBar, bars_plot, days_plot, heat_plot, months_plot
from gateway.report.tables import Table, Value

Tables = Mapping[str, Table]
Chapter = Callable[[Report, Tables, Paper], Element]

_CAUSES = 10


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


def causes(report: Report, tables: Tables, paper: Paper) -> Element:
    words = paper.words
    rows = [
        (
            f"{words.term(c.kind)}: {c.cause or words('no cause on record')}",
            c.customer_minutes + c.open_customer_minutes,
        )
        for c in report.causes
    ]
    top = rows[:_CAUSES]
    if rest := sum(value for _, value in rows[_CAUSES:]):
        top.append((words("all others"), rest))
    return section(
        "causes",
        words("Causes"),
        figure(bars_plot(top, words), words("Customer minutes; what is still off is counted so far."))
        if top
        else None,
        paper.table(tables["causes"], without_empty=("open_customer_minutes",)),
        notes(words("A cause is what a correction says, else what those on site wrote on the ticket.")),
    )


def clocks(_: Report, tables: Tables, paper: Paper) -> Element:
    words = paper.words
    table = tables["clocks"]
    whole = [row for row in table.rows if row[2] == "all"]
    parts = [row for row in table.rows if row[2] != "all"]
    keys = [c.key for c in table.columns]
    short = [k for k in keys if k not in ("severity", "area", "limit_minutes")]
    return section(
        "clocks",
        words("Response clocks"),
        paper.table(table.only(*short, rows=whole, title=words("All severities and areas"))),
        paper.table(table.only(*keys, rows=parts, title=words("By severity and area")), most=40)
        if parts
        else None,
        notes(
            words(
                "Kept: done in time. Missed: late, or ran out undone. Over first: supply was back or the "
                "ticket over before it ran out; not in the share. Share kept = kept / (kept + missed). "
                "Times are of what was done, from the opening of the ticket or its last reopening."
            )
        ),
    )


def work(report: Report, tables: Tables, paper: Paper) -> Element:
    words = paper.words
    s = report.suspicions
    false = sum(i.incidents for i in report.incidents if i.state.value == "cancelled")
    total = sum(i.incidents for i in report.incidents)
    return section(
        "work",
        words("Incidents, tickets, inspections"),
        el(
            "p",
            words(
                "{false} of {all} incidents were cancelled as false ({share}).",
                false=count(false),
                all=count(total),
                share=percent_at_most(false / total if total else None, 1),
            ),
        ),
        paper.table(tables["tickets"], most=40),
        paper.table(tables["incidents"], most=40),
        el(
            "p",
            words(
                "Devices that the daily look at usage spoke of: {devices}; times in all: {n}.",
                devices=count(s.devices),
                n=count(s.suspicions),
            ),
        ),
        paper.table(tables["inspections"]),
    )


def measured(report: Report, tables: Tables, paper: Paper) -> Element:
    words = paper.words
    collection, voltage = tables["collection"], tables["voltage"]
    whole = report.collection[0] if report.collection else None
    told = ""
    if whole is not None and whole.expected:
        told = words(
            "Of {expected} intervals expected {collected} were measured ({rate}; target {target}), "
            "{estimated} estimated, {missing} are missing; persons set {edited}.",
            expected=count(whole.expected),
            collected=count(whole.collected),
            rate=percent(whole.rate, 3),
            target=f"{whole.target * 100:.6g} %",
            estimated=f"{count(whole.estimated)} ({percent_at_most(whole.estimated / whole.expected, 3)})",
            missing=f"{count(whole.missing)} ({percent_at_most(whole.missing / whole.expected, 3)})",
            edited=f"{count(whole.edited)} ({percent_at_most(whole.edited / whole.expected, 3)})",
        )
    return section(
        "measured",
        words("Meter data and supply quality"),
        el("p", told) if told else None,
        paper.table(
            _named(collection, words("All"), ("key", *[c.key for c in collection.columns[2:]])), most=12
        ),
        paper.table(
            _named(voltage, words("All"), tuple(c.key for c in voltage.columns if c.key != "place")), most=12
        ),
        notes(words("Compliance: (1 − minutes out of limits / minutes observed) × 100 %.")),
        paper.table(tables["transformer_loads"], most=10),
    )


def _named(table: Table, whole: str, keys: Sequence[str]) -> Table:
    rows = [[row[0], whole if row[0] == "all" else row[1], *row[2:]] for row in table.rows]
    return Table(table.name, table.title, table.columns, rows, table.note, table.empty).only(*keys)


def drills(report: Report, tables: Tables, paper: Paper) -> Element:
    words, zone, due = paper.words, ZoneInfo(report.zone), report.drill_due_at
    if due is None:
        told = words("None was ever held; one is due every {days} days.", days=report.drill_every_days)
    elif due <= min(report.high, report.at):
        told = words(
            "One is due every {days} days: at the end of the period it had been due since {due}.",
            days=report.drill_every_days,
            due=day(due, zone),
        )
    else:
        told = words(
            "One is due every {days} days, the next {due}: the duty is met.",
            days=report.drill_every_days,
            due=day(due, zone),
        )
    return section("drills", words("Drills"), el("p", told), paper.table(tables["drills"]))


def doubts(report: Report, tables: Tables, paper: Paper) -> Element:
    words = paper.words
    r, d = report.reliability, report.doubts
    away = sum(a.ended_at - a.started_at for a in report.absences)
    polled = report.polled_share
    said = [
        words(
            "Supply was unknown for {minutes} customer minutes, {share} of all: communications were lost, "
            "or the gateway was away. While the gateway is away everybody is unknown.",
            minutes=up(r.unknown_customer_minutes),
            share=percent_at_most(r.unknown_share),
        ),
        words(
            "Absences of the gateway itself: {n}, {length} together.",
            n=count(len(report.absences)),
            length=length(away),
        )
        if report.absences
        else words("The gateway was never away."),
        words(
            "Corrections: {n}; interruptions of this account that they changed: {changed}.",
            n=count(len(report.corrections)),
            changed=count(sum(c.changed for c in report.corrections)),
        ),
        words(
            "Readings came too late for {too_late} intervals that were final; {dead} messages could not "
            "be understood, {rejected} values were none.",
            too_late=count(d.too_late),
            dead=count(d.dead_letters),
            rejected=count(d.rejected_values),
        ),
        words("Devices with wrong clocks: {n}.", n=count(len(report.clock_faults))),
    ]
    if polled:
        said.append(
            words(
                "{share} of customers are behind metering points that are asked: short interruptions "
                "between two answers are not seen, and both ends of others are found late.",
                share=percent_at_most(polled, 1),
            )
        )
    short = (
        "made_at",
        "made_by",
        "incident",
        "device",
        "started_at",
        "ended_at",
        "voided",
        "kind",
        "cause",
        "reason",
        "changed",
    )
    return section(
        "doubts",
        words("How far these figures can be trusted"),
        el("ul", [el("li", text) for text in said], class_="summary"),
        paper.table(
            tables["corrections"].only(*short),
            most=20,
            without_empty=("started_at", "ended_at", "voided", "kind", "cause", "device"),
        ),
        paper.table(tables["edits"], most=10),
        paper.table(tables["absences"], most=10),
        paper.table(tables["clock_faults"], most=10),
        paper.table(tables["protocols"]),
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
