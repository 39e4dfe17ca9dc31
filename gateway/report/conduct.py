"""Sections of the page about what was done and how far it may be believed."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from gateway.report.figures import count, day, length, percent, percent_at_most, up
from gateway.report.gather import Report
from gateway.report.markup import el
from gateway.report.parts import Paper, Tables, figure, notes, section
from gateway.report.plots import bars_plot
from gateway.report.tables import Table

_CAUSES = 10


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
