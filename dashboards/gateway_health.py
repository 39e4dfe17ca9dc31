"""The dashboard "Gateway health": is everything heard, stored and told."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.board import board, section
from dashboards.charts import states
from dashboards.codes import CODES, coded, mappings
from dashboards.gateway_doubts import doubtful
from dashboards.panels import (
    COUNT,
    TIME,
    Column,
    alarm,
    figures,
    fixed,
    properties,
    rows,
    series,
    steps,
)
from dashboards.panels_more import SECONDS, SHORT, stacked, stepped, to_meter, to_ticket
from dashboards.values import BAD, CALM, GOOD, WARNING
from dashboards.words import Words

_POINTS = 400


def build(words: Words) -> Dashboard:
    dashboard = board(
        words,
        "gateway-health",
        title="Gateway health",
        description="Whether the field is heard, what was heard is stored, and those who have to know are"
        " told.",
        since="now-6h",
        refresh="1m",
    )
    for part in (_condition, _devices, _deliveries, doubtful):
        dashboard = part(words, dashboard)
    return dashboard


def _fine(panel: timeseries.Panel) -> timeseries.Panel:
    return panel.max_data_points(_POINTS).interval("1m").min(0)


def _condition(words: Words, dashboard: Dashboard) -> Dashboard:
    now = figures(
        words,
        "The gateway now",
        "gateway_now",
        description="As the gateway last wrote it down, which it does once a minute: whether it was ready,"
        " how long ago that was, how far storing is behind hearing, what waits in its spool, and targets"
        " that do not get their messages.",
        unit="locale",
        columns={
            "Ready": {"mappings": mappings(words, "readiness")},
            "Last heard of": {"unit": "s", "decimals": 0} | _from(180, BAD),
            "Behind": {"unit": "s", "decimals": 0},
            "Spool": {"unit": "decbytes", "decimals": 1},
            "Alarms": alarm(BAD),
        },
    ).thresholds(steps(CALM))
    ready = states(
        words,
        "Readiness",
        "gateway_ready",
        description="Ready: it hears, stores, and is not far behind. Away: for more than two minutes"
        " nothing was written down, so no gateway wrote to this database.",
        of="supply_state",
    ).mappings(mappings(words, "gateway"))
    rates = _fine(
        series(
            words,
            "Readings a minute",
            "gateway_rates",
            description="Rows of readings taken from the spool, those of them that were new to the"
            " database, and signals; means of the minutes of each step. What is sent again counts as in"
            " and not as written.",
            unit="locale",
        )
    )
    measured = series(
        words,
        "Readings by time of measurement",
        "readings_per_minute",
        description="Rows of readings stored per minute, by when they were measured and not by when they"
        " came: late ones fill their place later. Only whole steps are drawn.",
        unit="locale",
    )
    lag = _fine(
        series(
            words,
            "Behind the field",
            "gateway_lag",
            description="Entries heard and not stored yet, and how old the newest stored moment of the"
            " stream is: the most within each step. Nothing is lost meanwhile: it waits in the spool.",
            unit="locale",
            columns={"Behind": {"unit": "s", "custom.axisPlacement": "right"}},
        )
    )
    spool = _fine(
        series(
            words,
            "Spool",
            "gateway_spool",
            description="Bytes held on disk until they are in the database: the most within each step. It"
            " has a limit in the configuration; at the limit sources are made to wait.",
            unit="decbytes",
        )
    )
    drivers = _fine(
        stepped(
            series(
                words,
                "Drivers and alarms",
                "gateway_drivers",
                description="Drivers that run, those that failed and wait to be started again, and targets"
                " that do not get their messages: the least and the most within each step.",
                unit="locale",
                columns={
                    "Drivers that run": fixed(GOOD),
                    "Drivers that wait": fixed(WARNING),
                    "Alarms": fixed(BAD),
                },
            )
        )
    )
    return section(
        words,
        dashboard,
        "Gateway",
        now.span(14).height(4),
        ready.span(10).height(4),
        rates.span(12).height(7),
        measured.max_data_points(_POINTS).interval("1m").min(0).span(12).height(7),
        lag.span(8).height(7),
        spool.span(8).height(7),
        drivers.span(8).height(7),
    )


def _from(value: float, color: str) -> Column:
    return {
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": None, "color": CALM}, {"value": value, "color": color}],
        }
    }


def _devices(words: Words, dashboard: Dashboard) -> Dashboard:
    kinds = rows(
        words,
        "Devices by kind and state",
        "devices_by_state",
        description="Listed devices. Off and unknown: their supply, by the account. Silent: nothing"
        " measured for three of its intervals, 15 minutes at least, though nothing says that its supply is"
        " gone. A concentrator is heard through what hangs on it.",
        columns={
            "Kind": coded(words, "device_kind"),
            "On": COUNT,
            "Off": COUNT,
            "Unknown": COUNT,
            "Silent": COUNT,
            "Devices": COUNT,
        },
    )
    silent = rows(
        words,
        "Silent devices, by what they hang on",
        "devices_silent",
        description="Most first: many behind one concentrator have one cause. The device named is the"
        " first of them.",
        columns={
            "Kind": coded(words, "device_kind"),
            "Devices": COUNT,
            "Customers": COUNT,
            "Device": to_meter(words),
            "Transformers": COUNT,
        },
    )
    signals = stacked(
        series(
            words,
            "Signals by kind",
            "signals_over_time",
            description="Last gasps, restore messages, polls without answer and what else devices and the"
            " field side say or fail to say, by when they were received.",
            unit="locale",
        )
    )
    for code, value in CODES["signal"].items():
        signals = signals.override_by_name(code, properties({"displayName": words(value.text)}))
    return section(
        words,
        dashboard,
        "Devices",
        kinds.span(8).height(8),
        silent.span(8).height(8),
        signals.max_data_points(120).interval("1m").span(8).height(8),
    )


def _deliveries(words: Words, dashboard: Dashboard) -> Dashboard:
    by_target = rows(
        words,
        "Messages by target",
        "deliveries_by_target",
        description="Those of the range, and all that wait. Given up: to be sent again by a person, on the"
        " operations page. Half within, nearly all (95 %) within: from the making of a message to its"
        " acceptance.",
        columns={
            "Waiting": COUNT,
            "Oldest waiting": TIME,
            "Dead": COUNT | alarm(BAD) | {"custom.cellOptions": {"type": "color-text"}},
            "Delivered": COUNT,
            "Last delivered": TIME,
            "Half within": SECONDS,
            "Nearly all within": SECONDS,
            "Most tries": COUNT,
            "Disabled since": TIME,
            "Alarm since": TIME,
        },
    )
    over_time = stacked(
        series(
            words,
            "Messages over time",
            "deliveries_over_time",
            description="By when they were made, and by what has become of them since.",
            unit="locale",
            columns={"Delivered": fixed(GOOD), "Waiting": fixed(WARNING), "Dead": fixed(BAD)},
        )
    )
    stuck = rows(
        words,
        "Messages that did not get through",
        "deliveries_stuck",
        description="Given up in the range, or waiting, oldest first. Last answer: the HTTP status; empty"
        " where none came.",
        columns={
            "Made": TIME,
            "State": coded(words, "delivery"),
            "Ticket": to_ticket(words),
            "Tries": SHORT,
            "Last answer": SHORT,
            "Next try": TIME,
        },
    )
    return section(
        words,
        dashboard,
        "Messages to service systems",
        by_target.span(24).height(6),
        over_time.max_data_points(120).interval("1m").span(10).height(7),
        stuck.span(14).height(7),
    )
