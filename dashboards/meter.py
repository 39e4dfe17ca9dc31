"""The dashboard "Meter": everything that is known of one device."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import links, variables
from dashboards.board import board, section
from dashboards.charts import states
from dashboards.codes import coded
from dashboards.meter_records import records
from dashboards.panels import (
    COUNT,
    SHARE,
    TIME,
    Column,
    alarm,
    figures,
    in_words,
    linked,
    rows,
    series,
    steps,
)
from dashboards.panels_more import (
    SCORE,
    phases,
    to_incident,
    to_place,
    to_transformer,
)
from dashboards.values import BAD, CALM, WARNING
from dashboards.words import Words

_SECONDS: Column = {"unit": "s", "decimals": 0}


def build(words: Words) -> Dashboard:
    dashboard = board(
        words,
        "meter",
        title="Meter",
        description="One meter, terminal or sensor: its supply, what it measures and counts, and what is"
        " made of it.",
        since="now-2d",
        refresh="1m",
        choices=(variables.device(words),),
    )
    dashboard = _now(words, dashboard)
    dashboard = _readings(words, dashboard)
    return records(words, dashboard)


def _now(words: Words, dashboard: Dashboard) -> Dashboard:
    now = figures(
        words,
        "This device now",
        "meter_now",
        description="Supply: of a metering point; empty for a device that serves nobody. Age: since the"
        " last reading of the last two days. Collected: intervals measured of those expected, on the last"
        " whole local day. Score: of the last judged day of which the stream was told.",
        unit="short",
        columns={
            "Supply": in_words(words, "supply_state"),
            "Since": TIME,
            "Age of the last reading": _SECONDS,
            "Collected, last whole day": SHARE,
            "Usage score": SCORE,
            "Open incidents": alarm(BAD),
        },
    ).thresholds(steps(CALM))
    what = rows(
        words,
        "What it is",
        "meter_identity",
        description="From the device list. The place leads to the operations page, the transformer to its"
        " dashboard.",
        columns={
            "Device": linked(links.page(words, "device", "Device")),
            "Kind": coded(words, "device_kind"),
            "Listed": in_words(words, "yes_no"),
            "Place": to_place(words),
            "Transformer": to_transformer(words),
            "Nominal voltage": {"unit": "volt"},
            "Reports every": _SECONDS,
            "Customers": COUNT,
            "Priority": in_words(words, "priority"),
        },
    )
    supply = states(
        words,
        "Supply state",
        "meter_supply",
        description="On, off or unknown over time, by the account: what operators corrected holds. Off"
        " wins over unknown; while the gateway itself was away nobody knew. Empty before the field was"
        " first heard.",
        of="supply_state",
    )
    spells = rows(
        words,
        "Interruptions and unknown times",
        "meter_spells",
        description="As they are accounted for, newest first. Those of withdrawn incidents and those that"
        " an operator voided do not count in any index.",
        columns={
            "From": TIME,
            "To": TIME,
            "Duration": _SECONDS,
            "Supply": in_words(words, "supply_state") | to_incident(words),
            "Kind": in_words(words, "interruption_kind"),
            "Customers": COUNT,
            "Corrected": in_words(words, "yes_no"),
            "Does not count": in_words(words, "yes_no"),
            "Incident": in_words(words, "incident_state") | to_incident(words),
        },
    )
    return section(
        words,
        dashboard,
        "Supply",
        now.span(24).height(4),
        what.span(24).height(4),
        supply.span(24).height(5),
        spells.span(24).height(7),
    )


def _readings(words: Words, dashboard: Dashboard) -> Dashboard:
    last = rows(
        words,
        "Last readings",
        "meter_last",
        description="The newest value of each quantity, of the last 50 rows within two days. Marked: one"
        " of these rows is not good throughout: a value that is none, an implausible one, or a time that"
        " had to be assumed.",
        columns={
            "Quantity": coded(words, "quantity"),
            "Value": {"decimals": 3, "custom.width": 120},
            "Unit": {"custom.width": 70},
            "Measured at": TIME,
            "Marked": in_words(words, "yes_no") | {"custom.width": 80},
        },
    )
    voltage = series(
        words,
        "Voltages",
        "meter_voltage",
        description="Phase to neutral. Means of each step, with the lowest and highest single reading of"
        " any phase. Limits: GB/T 12325 for supply on one phase or on three, from the configuration.",
        unit="volt",
        dashed=("Lower limit", "Upper limit"),
        columns=phases(),
    )
    current = series(
        words,
        "Currents",
        "meter_current",
        description="Means of each step by phase; the neutral only where a point stands for less than 15"
        " minutes.",
        unit="amp",
        columns={name: of for name, of in phases().items() if name.startswith("Phase")},
    )
    power = series(
        words,
        "Power",
        "meter_power",
        description="Means of each step, with the extremes of the active power in it. Below zero is sent"
        " out.",
        unit="watt",
        columns={
            "Lowest": phases()["Lowest"],
            "Highest": phases()["Highest"],
            "Reactive power": {"unit": "voltampreact"},
        },
    )
    factor = series(
        words,
        "Power factor",
        "meter_power_factor",
        description="As measured: means and the lowest of each step. Limit: that of the customer's class,"
        " where it has one, of the days accounted in the last week.",
        unit="short",
        dashed=("Lower limit",),
        columns={"Lowest": phases()["Lowest"]},
    )
    frequency = series(
        words,
        "Frequency",
        "meter_frequency",
        description="As measured: mean, lowest and highest of each step, and the band of the configuration.",
        unit="hertz",
        dashed=("Lower limit", "Upper limit"),
        columns={"Lowest": phases()["Lowest"], "Highest": phases()["Highest"]},
    )
    conditions = series(
        words,
        "Temperature and unbalance",
        "meter_conditions",
        description="The highest of each step, where the device measures it, with the limits of the"
        " configuration. The temperature is drawn against the left axis, the voltage unbalance against the"
        " right one.",
        unit="celsius",
        dashed=("Limit of temperature", "Limit of unbalance"),
        columns={
            "Voltage unbalance": {"unit": "percent", "custom.axisPlacement": "right"},
            "Limit of unbalance": {"unit": "percent", "custom.axisPlacement": "right"},
            "Limit of temperature": {"color": {"mode": "fixed", "fixedColor": WARNING}},
        },
    )
    points = 500
    return section(
        words,
        dashboard,
        "Readings",
        last.span(8).height(9),
        voltage.max_data_points(points).interval("10s").decimals(1).span(16).height(9),
        power.max_data_points(points).interval("10s").span(8).height(8),
        current.max_data_points(points).interval("10s").span(8).height(8),
        factor.max_data_points(points).interval("10s").decimals(2).span(8).height(8),
        frequency.max_data_points(points).interval("10s").decimals(2).span(12).height(7),
        conditions.max_data_points(points).interval("10s").span(12).height(7),
    )
