"""Tables of reliability: indices, splits, targets, comparison, days."""

from __future__ import annotations

from gateway.report.gather import Report
from gateway.report.tables import Column, Table, Value
from gateway.report.words import Words
from gateway.store.accounts import Account, Dlt836
from gateway.store.views import Indices, Reliability

Row = tuple[Value, ...]


def supply_tables(report: Report, words: Words) -> list[Table]:
    return [
        indices(report, words),
        dlt(report, words),
        split(report, words),
        major_days(report, words),
        targets(report, words),
        months(report, words),
        comparison(report, words),
        days(report, words),
    ]


def indices(report: Report, words: Words) -> Table:
    by_kind = [report.reliability.all, report.reliability.fault, report.reliability.planned]
    rows: list[Row] = [
        (name, "lv", *values)
        for name, values in zip(_names(by_kind[0]), zip(*map(_values, by_kind), strict=True), strict=True)
    ]
    if report.medium:
        rows += [
            (name, "mv", *(getattr(account, field) for account in report.medium)) for name, field in _MEDIUM
        ]
    return Table(
        "indices",
        words("Indices (IEEE 1366)"),
        [
            Column("index", words("Index"), "term"),
            Column("basis", words("Basis"), "term"),
            Column("all", words("All"), "plain", 6),
            Column("fault", words("Fault"), "plain", 6),
            Column("planned", words("Planned"), "plain", 6),
        ],
        rows,
    )


_MEDIUM = (
    ("ASAI", "asai"),
    ("SAIDI_min", "saidi_minutes"),
    ("SAIFI", "saifi"),
    ("CAIDI_min", "caidi_minutes"),
    ("interruptions", "customer_interruptions"),
    ("minutes", "customer_minutes"),
)


def _names(found: Indices) -> list[str]:
    return [
        "ASAI",
        "SAIDI_min",
        "SAIFI",
        "CAIDI_min",
        "CAIFI",
        "MAIFI",
        "MAIFI_E",
        *(f"CEMI {n}" for n in found.cemi),
        *(f"CELID_s {hours} h" for hours in found.celid_s),
        *(f"CELID_t {hours} h" for hours in found.celid_t),
        "interruptions",
        "minutes",
        "open_customers",
        "open_minutes",
    ]


def _values(found: Indices) -> list[Value]:
    return [
        found.asai,
        found.saidi_minutes,
        found.saifi,
        found.caidi_minutes,
        found.caifi,
        found.maifi,
        found.maifi_e,
        *found.cemi.values(),
        *found.celid_s.values(),
        *found.celid_t.values(),
        found.customer_interruptions,
        found.customer_minutes,
        found.open.customers,
        found.open.customer_minutes,
    ]


def dlt(report: Report, words: Words) -> Table:
    fields = (
        ("ASAI-1", "asai_1"),
        ("SAIDI-1_h", "saidi_1_hours"),
        ("SAIDI-F_h", "saidi_f_hours"),
        ("SAIDI-S_h", "saidi_s_hours"),
        ("SAIFI-1", "saifi_1"),
        ("SAIFI-F", "saifi_f"),
        ("SAIFI-S", "saifi_s"),
        ("customer_hours", "customer_hours"),
        ("customer_hours_F", "customer_hours_f"),
        ("customer_hours_S", "customer_hours_s"),
    )

    def of(found: Dlt836, field: str) -> Value:
        value: float | None = getattr(found, field)
        return value

    return Table(
        "dlt_836",
        words("The same by DL/T 836, in hours"),
        [
            Column("index", words("Index"), "term"),
            Column("low_voltage", words("Low-voltage users"), "plain", 6),
            Column("medium_voltage", words("Medium-voltage users"), "plain", 6),
        ],
        [(name, of(report.dlt, field), of(report.dlt_medium, field)) for name, field in fields],
    )


def split(report: Report, words: Words) -> Table:
    major = report.major
    return Table(
        "major_event_split",
        words("With and without major event days"),
        [
            Column("days", words("Days"), "term"),
            Column("customer_interruptions", words("Customer interruptions")),
            Column("customer_minutes", words("Customer minutes"), "minutes", 0),
            Column("saifi", "SAIFI", "rate", 4),
            Column("saidi_minutes", words("SAIDI, min"), "minutes"),
            Column("caidi_minutes", words("CAIDI, min"), "minutes"),
        ],
        [
            (name, p.customer_interruptions, p.customer_minutes, p.saifi, p.saidi_minutes, p.caidi_minutes)
            for name, p in (("all", major.all), ("normal", major.normal), ("major", major.major))
        ],
    )


def major_days(report: Report, words: Words) -> Table:
    return Table(
        "major_event_days",
        words("Days with interruptions, worst first"),
        [
            Column("day", words("Day"), "day"),
            Column("customer_interruptions", words("Customer interruptions")),
            Column("customer_minutes", words("Customer minutes"), "minutes", 0),
            Column("saidi_minutes", words("SAIDI, min"), "minutes", 3),
            Column("t_med_minutes", words("T_MED, min"), "plain", 3),
            Column("major", words("Major event day"), "flag"),
        ],
        [
            (
                d.day,
                d.customer_interruptions,
                d.customer_minutes,
                d.saidi_minutes,
                report.major.t_med_minutes,
                d.major,
            )
            for d in sorted(report.major.days, key=lambda d: (-d.customer_minutes, d.day))
        ],
        empty=words("No day had interruptions."),
    )


def targets(report: Report, words: Words) -> Table:
    rows: list[Row] = [
        (
            month.label,
            s.target.index,
            s.target.value,
            month.window_from,
            month.end,
            s.budget_minutes,
            s.spent_minutes,
            s.open_minutes,
            s.left_minutes,
            s.spent_share,
            s.elapsed_share,
            s.forecast,
            s.state.value,
        )
        for month in (*report.months, report.rolling)
        if month is not None
        for s in month.standings
    ]
    return Table(
        "targets",
        words("Targets and their budgets, in customer minutes"),
        [
            Column("window", words("Window"), "term"),
            Column("index", words("Index"), "term"),
            Column("target", words("Target"), "plain", 4),
            Column("window_from", words("From"), "day"),
            Column("window_to", words("To"), "day"),
            Column("budget_minutes", words("Budget"), "left", 0),
            Column("spent_minutes", words("Spent"), "minutes", 0),
            Column("open_minutes", words("Of it still off"), "minutes", 0),
            Column("left_minutes", words("Left"), "left", 0),
            Column("spent_share", words("Used"), "bad", 1),
            Column("elapsed_share", words("Time passed"), "good", 1),
            Column("forecast", words("Forecast"), "plain", 6),
            Column("state", words("State"), "term"),
        ],
        rows,
        empty=words("No target is set."),
    )


def months(report: Report, words: Words) -> Table:
    return Table(
        "months",
        words("The twelve months up to the end"),
        [
            Column("month", words("Month"), "text"),
            Column("from", words("From"), "day"),
            Column("to", words("To"), "day"),
            *_account_columns(words),
        ],
        [(m.label, m.window_from, m.window_to, *_account(m.account)) for m in report.year],
    )


def _account_columns(words: Words) -> list[Column]:
    return [
        Column("served", words("Customers served")),
        Column("customer_interruptions", words("Customer interruptions")),
        Column("customer_minutes", words("Customer minutes"), "minutes", 0),
        Column("open_customer_minutes", words("Still off, min so far"), "minutes", 0),
        Column("saifi", "SAIFI", "rate", 4),
        Column("saidi_minutes", words("SAIDI, min"), "minutes"),
        Column("asai", "ASAI", "good", 4),
        Column("unknown_share", words("Unknown"), "bad", 4),
    ]


def _account(a: Account) -> Row:
    return (
        a.served,
        a.customer_interruptions,
        a.customer_minutes,
        a.open_customer_minutes,
        a.saifi,
        a.saidi_minutes,
        a.asai,
        a.unknown_share,
    )


def comparison(report: Report, words: Words) -> Table:
    spans = [(report.span.label, report.reliability)]
    spans += [(c.span.label, c.reliability) for c in (report.before, report.year_before) if c is not None]
    return Table(
        "comparison",
        words("Compared with earlier periods"),
        [
            Column("period", words("Period"), "text"),
            Column("from", words("From"), "day"),
            Column("to", words("To"), "day"),
            Column("asai", "ASAI", "good", 4),
            Column("saidi_minutes", words("SAIDI, min"), "minutes"),
            Column("saidi_fault_minutes", words("of it faults"), "minutes"),
            Column("saidi_planned_minutes", words("of it planned"), "minutes"),
            Column("saifi", "SAIFI", "rate", 4),
            Column("caidi_minutes", words("CAIDI, min"), "minutes"),
            Column("unknown_share", words("Unknown"), "bad", 4),
        ],
        [(label, *_compared(found)) for label, found in spans],
    )


def _compared(r: Reliability) -> Row:
    a = r.all
    return (
        r.window_from,
        r.window_to,
        a.asai,
        a.saidi_minutes,
        r.fault.saidi_minutes,
        r.planned.saidi_minutes,
        a.saifi,
        a.caidi_minutes,
        r.unknown_share,
    )


def days(report: Report, words: Words) -> Table:
    return Table(
        "days",
        words("Day by day"),
        [Column("day", words("Day"), "day"), *_account_columns(words)],
        [
            (
                d.day,
                d.served,
                d.customer_interruptions,
                d.customer_minutes,
                d.open.customer_minutes,
                d.saifi,
                d.saidi_minutes,
                d.asai,
                d.unknown_share,
            )
            for d in report.days
        ],
    )
