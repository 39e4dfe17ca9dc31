"""Tables of work: clocks kept, outcomes of tickets and incidents, inspections, drills."""

from __future__ import annotations

from collections import Counter

from alerts.work import Work, work_of
from gateway.report.gather import Report
from gateway.report.tables import Column, Table
from gateway.report.words import Words
from gateway.store.drills import DrillReport


def work_tables(report: Report, words: Words) -> list[Table]:
    return [
        clocks(report, words),
        tickets(report, words),
        incidents(report, words),
        inspections(report, words),
        drills(report, words),
    ]


def clocks(report: Report, words: Words) -> Table:
    return Table(
        "clocks",
        words("Response clocks"),
        [
            Column("work", words("Work"), "term"),
            Column("clock", words("Clock"), "term"),
            Column("severity", words("Severity"), "text"),
            Column("area", words("Area"), "term"),
            Column("limit_minutes", words("Limit, min"), "plain", 0),
            Column("tickets", words("Tickets")),
            Column("kept", words("Kept")),
            Column("missed", words("Missed")),
            Column("moot", words("Over first")),
            Column("running", words("Running")),
            Column("share_kept", words("Share kept"), "good", 1),
            Column("median_minutes", words("Median, min"), "minutes", 0),
            Column("p90_minutes", words("90 %, min"), "minutes", 0),
            Column("worst_minutes", words("Worst, min"), "minutes", 0),
        ],
        [
            (
                c.work.value,
                c.clock,
                str(c.severity) if c.severity else "all",
                c.area or "all",
                c.limit_minutes,
                c.tickets,
                c.kept,
                c.missed,
                c.moot,
                c.running,
                c.share,
                c.median_minutes,
                c.p90_minutes,
                c.worst_minutes,
            )
            for c in report.clocks
        ],
        empty=words("No ticket was opened."),
    )


def tickets(report: Report, words: Words) -> Table:
    found = Counter((work_of(t.kind), t.state, t.ended_by) for t in report.tickets)
    totals = Counter((work_of(t.kind), t.state) for t in report.tickets)
    return Table(
        "tickets",
        words("Tickets by work and outcome"),
        [
            Column("work", words("Work"), "term"),
            Column("state", words("Outcome"), "term"),
            Column("tickets", words("Tickets")),
            Column("by_detector", words("Over by the detector's word")),
            Column("by_people", words("Over by people's word")),
        ],
        [
            (
                work.value,
                state.value,
                n,
                sum(k for (w, s, by), k in found.items() if (w, s) == (work, state) and by == "detector"),
                sum(
                    k
                    for (w, s, by), k in found.items()
                    if (w, s) == (work, state) and by not in ("", "detector")
                ),
            )
            for (work, state), n in sorted(
                totals.items(), key=lambda item: (list(Work).index(item[0][0]), -item[1])
            )
        ],
        empty=words("No ticket was opened."),
    )


def incidents(report: Report, words: Words) -> Table:
    return Table(
        "incidents",
        words("Incidents by kind and outcome"),
        [
            Column("kind", words("Kind"), "term"),
            Column("state", words("Outcome"), "term"),
            Column("incidents", words("Incidents")),
            Column("by_people", words("Ended by people")),
            Column("tickets", words("With a ticket")),
        ],
        [(i.kind.value, i.state.value, i.incidents, i.by_people, i.tickets) for i in report.incidents],
        empty=words("There was no incident."),
    )


def inspections(report: Report, words: Words) -> Table:
    found = Counter((t.state, t.cause) for t in report.tickets if work_of(t.kind) is Work.INSPECTION)
    return Table(
        "inspections",
        words("Inspections of unusual usage"),
        [
            Column("state", words("Outcome"), "term"),
            Column("cause", words("Found"), "text"),
            Column("tickets", words("Tickets")),
        ],
        [(state.value, cause, n) for (state, cause), n in sorted(found.items(), key=lambda item: -item[1])],
        empty=words("No inspection was asked for."),
    )


def drills(report: Report, words: Words) -> Table:
    return Table(
        "drills",
        words("Drills held"),
        [
            Column("drill", words("Drill"), "text"),
            Column("node", words("Node"), "text"),
            Column("starts_at", words("Began"), "time"),
            Column("by", words("By"), "text"),
            Column("reason", words("Reason"), "text"),
            Column("detected_s", words("Detected after"), "length"),
            Column("ticket_s", words("Ticket after"), "length"),
            Column("acknowledged_s", words("Acknowledged after"), "length"),
            Column("closed_s", words("Closed after"), "length"),
            Column("passed", words("Message delivered"), "flag"),
        ],
        [
            (
                d.drill.id,
                d.drill.node,
                d.drill.starts_at,
                d.drill.by,
                d.drill.reason,
                _since(d, d.detected_at),
                _since(d, d.opened_at),
                _since(d, d.acknowledged_at),
                _since(d, d.closed_at),
                passed(d),
            )
            for d in report.drills
        ],
        empty=words("No drill was held."),
    )


def passed(report: DrillReport) -> bool:
    """As `feederline drill` judges it: every target that was to hear of it got a message."""
    targets = {message.target for message in report.deliveries}
    reached = {message.target for message in report.deliveries if message.delivered_at is not None}
    return bool(targets) and targets == reached


def _since(report: DrillReport, at: int | None) -> int | None:
    return None if at is None else max(0, at - report.drill.starts_at)
