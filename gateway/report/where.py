"""Tables of where supply was lost and who lost it: feeders, districts, metering points, causes."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.report.budget import Share
from gateway.report.gather import Report
from gateway.report.tables import Column, Table
from gateway.report.words import Words


def place_tables(report: Report, words: Words) -> list[Table]:
    return [
        *places(report, words),
        heat(report, words),
        customers(report, words),
        causes(report, words),
    ]


def places(report: Report, words: Words) -> list[Table]:
    return [
        _shares("feeders", words("Feeders"), report.feeders, report, words),
        _shares("transformers", words("Transformers"), report.transformers, report, words),
        _shares("districts", words("Districts"), report.districts, report, words),
        _shares("areas", words("Areas"), report.areas, report, words),
        _shares("customer_classes", words("Customer classes"), report.classes, report, words),
    ]


def _shares(name: str, title: str, found: Sequence[Share], report: Report, words: Words) -> Table:
    return Table(
        name,
        title,
        [
            Column("key", title, "term" if name == "areas" else "text"),
            Column("name", words("Name"), "text"),
            Column("served", words("Customers served")),
            Column("customer_interruptions", words("Customer interruptions")),
            Column("customer_minutes", words("Customer minutes"), "minutes", 0),
            Column("open_customer_minutes", words("Still off, min so far"), "minutes", 0),
            Column("saidi_minutes", words("SAIDI, min"), "minutes"),
            Column("saifi", "SAIFI", "rate", 3),
            Column("asai", "ASAI", "good", 4),
            Column("of_all", words("Of all minutes"), "bad", 1),
            Column("of_asai_budget", words("Of own ASAI budget"), "bad", 0),
            Column("of_saidi_budget", words("Of own SAIDI budget"), "bad", 0),
            Column("over", words("Over budget"), "flag"),
        ],
        [
            (
                s.key,
                report.names.get(s.key, "") if name in ("feeders", "transformers") else "",
                s.served,
                s.customer_interruptions,
                s.customer_minutes,
                s.open_customer_minutes,
                s.saidi_minutes,
                s.saifi,
                s.asai,
                s.of_all,
                s.of_asai,
                s.of_saidi,
                s.over,
            )
            for s in found
        ],
    )


def heat(report: Report, words: Words) -> Table:
    return Table(
        "feeders_by_time",
        words("Customer minutes of the worst feeders by time"),
        [
            Column("feeder", words("Feeder"), "text"),
            Column("from", words("From"), "day"),
            Column("customer_minutes", words("Customer minutes"), "minutes", 0),
        ],
        [(h.key, h.period_from, h.minutes) for h in report.heat],
    )


def customers(report: Report, words: Words) -> Table:
    return Table(
        "customers",
        words("Metering points with interruptions"),
        [
            Column("device", words("Metering point"), "text"),
            Column("node", words("Node"), "text"),
            Column("transformer", words("Transformer"), "text"),
            Column("feeder", words("Feeder"), "text"),
            Column("priority", words("Priority"), "term"),
            Column("customers", words("Customers")),
            Column("interruptions", words("Interruptions")),
            Column("total_s", words("In total"), "length"),
            Column("longest_s", words("Longest"), "length"),
            Column("open_s", words("Still off since"), "length"),
        ],
        [
            (
                c.device,
                c.node,
                c.transformer,
                c.feeder,
                c.priority,
                c.customers,
                c.interruptions,
                c.total,
                c.longest,
                c.open,
            )
            for c in report.customers
        ],
        empty=words("Nobody was interrupted."),
    )


def causes(report: Report, words: Words) -> Table:
    total = sum(c.customer_minutes + c.open_customer_minutes for c in report.causes)
    return Table(
        "causes",
        words("Causes"),
        [
            Column("kind", words("Kind"), "term"),
            Column("cause", words("Cause"), "text"),
            Column("incidents", words("Incidents")),
            Column("customer_interruptions", words("Customer interruptions")),
            Column("customer_minutes", words("Customer minutes"), "minutes", 0),
            Column("open_customer_minutes", words("Still off, min so far"), "minutes", 0),
            Column("share", words("Of all minutes"), "bad", 1),
        ],
        [
            (
                c.kind,
                c.cause,
                c.incidents,
                c.customer_interruptions,
                c.customer_minutes,
                c.open_customer_minutes,
                (c.customer_minutes + c.open_customer_minutes) / total if total else None,
            )
            for c in report.causes
        ],
        empty=words("Nobody was interrupted."),
    )
