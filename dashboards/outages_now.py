"""The dashboard "Outages now": who is off, since when, who works on it, how supply comes back."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models.common import LineInterpolation

from dashboards import links, variables
from dashboards.board import board, section
from dashboards.charts import bars, gauges
from dashboards.panels import (
    COUNT,
    MINUTES,
    TIME,
    Column,
    alarm,
    figures,
    fixed,
    in_words,
    linked,
    rows,
    series,
    steps,
)
from dashboards.values import BAD, CALM, GOOD, RESTORED, WARNING
from dashboards.words import Words

_NARROW: Column = {"custom.width": 80}


def build(words: Words) -> Dashboard:
    dashboard = board(
        words,
        "outages-now",
        title="Outages now",
        description="Who is without supply, since when, who works on it, and how supply comes back.",
        since="now-24h",
        refresh="30s",
        choices=(variables.incident(words),),
    )
    dashboard = _supply(words, dashboard)
    dashboard = _incidents(words, dashboard)
    return _work(words, dashboard)


def _supply(words: Words, dashboard: Dashboard) -> Dashboard:
    now = figures(
        words,
        "Customers now",
        "customers_now",
        description="Off: without supply by evidence. Unknown: nothing is heard that would tell; never counted as on,"
        " nor as off. On: everybody else who is served.",
        unit="locale",
        columns={"Off": alarm(BAD), "Unknown": alarm(WARNING)},
    ).thresholds(steps(CALM))
    work = figures(
        words,
        "What goes on",
        "open_work",
        description="Open outages and lost phases, planned ones included; work orders that are not finished; those of"
        " them of which a clock ran out; metering points of important customers that are off. Exercises are left out.",
        unit="locale",
        columns={"Late tickets": alarm(BAD), "Important customers off": alarm(BAD)},
    ).thresholds(steps(CALM))
    over_time = series(
        words,
        "Customers off and unknown",
        "supply_over_time",
        description="The most at once within each step, by when supply went and came, not by when that was heard. While"
        " the gateway itself was away, everybody who is not known to be off is unknown.",
        unit="locale",
        columns={
            "Off": {**fixed(BAD), "custom.fillOpacity": 25},
            "Unknown": {**fixed(WARNING), "custom.fillOpacity": 10},
        },
    )
    by_feeder = gauges(
        words,
        "Customers without supply by feeder",
        "off_by_feeder",
        description="At this moment, the feeders with the most first. Off by evidence; unknown where nothing is heard"
        " that would tell.",
        unit="locale",
        each_row=True,
        columns={"Off": fixed(BAD), "Unknown": fixed(WARNING)},
    )
    curve = series(
        words,
        "Restoration",
        "restoration",
        description="How many customers had lost supply by then, how many of them have it again, how many are still"
        " off. Of the incident chosen above, from its start on; with All, of every interruption that began in the range"
        " shown. Who loses it twice counts twice.",
        unit="locale",
        columns={
            "Lost supply": fixed("text"),
            "Have it again": {**fixed(RESTORED), "custom.fillOpacity": 20},
            "Still off": {**fixed(BAD), "custom.lineWidth": 2},
        },
    )
    return section(
        words,
        dashboard,
        "Supply",
        now.span(12).height(5),
        work.span(12).height(5),
        over_time.line_interpolation(LineInterpolation.STEP_AFTER)
        .max_data_points(500)
        .interval("10s")
        .min(0)
        .span(16)
        .height(8),
        by_feeder.span(8).height(8),
        curve.line_interpolation(LineInterpolation.STEP_AFTER)
        .max_data_points(500)
        .interval("10s")
        .min(0)
        .span(24)
        .height(8),
    )


def _incidents(words: Words, dashboard: Dashboard) -> Dashboard:
    incident, ticket = links.page(words, "incident", "incident_id"), links.page(words, "ticket", "ticket_id")
    place = linked(links.page(words, "node", "node_id"))
    going_on = rows(
        words,
        "Open incidents",
        "open_incidents",
        description="What detectors hold to be going on, most customers first, with the evidence in words. Restored:"
        " supply is back by what was heard, a sample is still to be verified. Exercises are left out.",
        columns={
            "Since": TIME,
            "Kind": in_words(words, "incident_kind") | linked(incident) | {"custom.width": 150},
            "State": in_words(words, "incident_state") | {"custom.width": 130},
            "Place": place,
            "Phases": _NARROW,
            "Customers": COUNT,
            "Confidence": {"unit": "percentunit", "decimals": 0, "custom.width": 100},
            "Evidence": {"custom.minWidth": 260},
            "Ticket": linked(ticket) | _NARROW,
            "Work": in_words(words, "ticket_state") | {"custom.width": 140},
        },
    )
    important = rows(
        words,
        "Important customers without supply",
        "important_off",
        description="Metering points of critical and important customers and of public welfare that are off, or of"
        " which nobody knows, in the order in which supply is guaranteed.",
        columns={
            "Device": linked(
                links.dashboard(words, "Meter", "meter", device="Device"),
                links.page(words, "device", "Device"),
            ),
            "Priority": in_words(words, "priority") | {"custom.width": 110},
            "Supply": in_words(words, "supply_state") | linked(incident) | {"custom.width": 90},
            "Since": TIME,
            "Place": place,
            "Customers": COUNT,
        },
    )
    over = rows(
        words,
        "Outages that ended",
        "outages_over",
        description="In the range shown, the latest first, momentary and planned ones too. Cause: as those on site"
        " found it.",
        columns={
            "Began": TIME,
            "Until": TIME,
            "Lasted": {"unit": MINUTES, "decimals": 1, "custom.width": 110},
            "Kind": in_words(words, "incident_kind", colored=False) | linked(incident),
            "Place": place,
            "Customers": COUNT,
            "Ticket": linked(ticket) | _NARROW,
            "Cause": {},
        },
    )
    return section(
        words,
        dashboard,
        "Incidents",
        going_on.span(24).height(9),
        important.span(10).height(8),
        over.span(14).height(8),
    )


def _work(words: Words, dashboard: Dashboard) -> Dashboard:
    ticket = linked(links.page(words, "ticket", "ticket_id"))
    by_state = bars(
        words,
        "Tickets by state",
        "tickets_by_state",
        description="Work orders that are not finished. Late: a clock ran out, and what it limits has not been done"
        " since. Due soon: one was warned of. Exercises are left out.",
        unit="locale",
        stacked=True,
        columns={
            "State": in_words(words, "ticket_state", colored=False),
            "Late": fixed(BAD),
            "Due soon": fixed(WARNING),
            "In time": fixed(GOOD),
        },
    )
    clocks = rows(
        words,
        "Clocks that run",
        "ticket_clocks",
        description="By when somebody has to have answered, be there and have supply back, by severity and area from"
        " the configuration; what runs out first comes first. They run from the ticket's opening, or its last"
        " reopening.",
        columns={
            "Ticket": ticket | _NARROW,
            "Clock": in_words(words, "clock"),
            "Standing": in_words(words, "clock_state") | {"custom.width": 90},
            "Due at": TIME,
            "Left": {"unit": MINUTES, "decimals": 0, "custom.width": 95},
            "State": in_words(words, "ticket_state") | {"custom.width": 140},
            "Severity": _NARROW,
            "Customers": COUNT,
            "Crew": {"custom.width": 120},
        },
    )
    tickets = rows(
        words,
        "Open tickets",
        "open_tickets",
        description="Work orders that are not finished, most severe (1) and longest open first, with the last step of"
        " each.",
        columns={
            "Ticket": ticket | _NARROW,
            "State": in_words(words, "ticket_state") | {"custom.width": 140},
            "Severity": _NARROW,
            "Title": linked(links.page(words, "incident", "incident_id")) | {"custom.minWidth": 220},
            "Customers": COUNT,
            "Opened": TIME,
            "Supply promised for": TIME,
            "Crew": {"custom.width": 120},
            "Last step": TIME,
            "By": {"custom.width": 110},
        },
    )
    return section(
        words,
        dashboard,
        "Work",
        by_state.span(8).height(9),
        clocks.span(16).height(9),
        tickets.span(24).height(9),
    )
