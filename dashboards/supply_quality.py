"""The dashboard "Supply quality": voltage, unbalance, frequency, power factor, and where they are worst."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import variables
from dashboards.board import board, section
from dashboards.codes import coded
from dashboards.panels import COUNT, SHARE, TIME, alarm, figures, fixed, rows, series, steps
from dashboards.panels_more import (
    CELSIUS,
    KVA,
    MINUTES_COLUMN,
    RATIO,
    SHORT,
    event_columns,
    incident_rows,
    stacked,
    to_meter,
    to_transformer,
)
from dashboards.values import BAD, CALM, WARNING
from dashboards.words import Words

_DAYS = "Of the local days that begin in the range, as they were accounted."


def build(words: Words) -> Dashboard:
    dashboard = board(
        words,
        "supply-quality",
        title="Supply quality",
        description="Voltage, unbalance, frequency and power factor against the national standards, and"
        " where they are worst.",
        since="now-14d",
        refresh="5m",
        choices=(variables.feeder(words),),
    )
    for part in (_now, _voltage, _other, _worst):
        dashboard = part(words, dashboard)
    return dashboard


def _now(words: Words, dashboard: Dashboard) -> Dashboard:
    now = figures(
        words,
        "Supply quality now",
        "quality_now",
        description="Compliance: share of the observed time of metering points within GB/T 12325 on the"
        " last whole local day; points out of limits: those with any such time. Incidents of supply"
        " quality, and events of meters, that go on; incidents are those of the whole network.",
        unit="locale",
        columns={
            "Compliance, last whole day": SHARE,
            "Open incidents": alarm(WARNING),
            "Points out of limits": alarm(WARNING),
        },
    ).thresholds(steps(CALM))
    standard = figures(
        words,
        "EN 50160, week before the end of the range",
        "quality_en50160",
        description="Points that meet what EN 50160 asks of voltage: 95 % of the week's 10-min means"
        " within 10 % of nominal, and all of them within +10/−15 %. A point that reports every 15 min"
        " gives a mean for two of three windows.",
        unit="locale",
        columns={"Share that meets it": SHARE},
    ).thresholds(steps(CALM))
    incidents = incident_rows(
        words,
        "Incidents of supply quality",
        "quality_incidents",
        description="Found in means of ten minutes: one cause is one incident, at the widest place that is"
        " affected. Those that go on first, then what overlaps the range. Of the whole network; exercises"
        " are left out.",
    )
    return section(
        words,
        dashboard,
        "At a glance",
        now.span(14).height(4),
        standard.span(10).height(4),
        incidents.span(24).height(7),
    )


def _voltage(words: Words, dashboard: Dashboard) -> Dashboard:
    compliance = series(
        words,
        "Voltage compliance by day",
        "voltage_compliance_daily",
        description="Share of the observed time of metering points within GB/T 12325, by local day. Lost"
        " phases are interruptions, not voltages, and are left out.",
        unit="percentunit",
    )
    spread = series(
        words,
        "Voltages",
        "quality_voltages",
        description="Hourly means of all phases of all metering points of the whole network, as shares of"
        " nominal: what a twentieth of them was below, the middle, what a twentieth was above. Dead phases"
        " are left out. Limits: GB/T 12325 on one phase.",
        unit="percentunit",
        dashed=("Lower limit", "Upper limit"),
    )
    minutes = stacked(
        series(
            words,
            "Time out of limits by day",
            "quality_minutes_daily",
            description="Hours of single metering points with a phase too low or too high, or lost"
            " altogether, summed by local day. Of three phases any one counts for all.",
            unit="h",
            columns={
                "Too low": fixed(CALM),
                "Too high": fixed(WARNING),
                "Phase lost": fixed(BAD),
            },
        )
    )
    sags = stacked(
        series(
            words,
            "Sags and swells by day",
            "quality_sags_daily",
            description="Runs of readings below 90 % and above 110 % of nominal. What lies between two"
            " readings is not seen: a lower bound.",
            unit="locale",
        )
    )
    worst = rows(
        words,
        "Voltage by transformer, the worst first",
        "voltage_worst",
        description=f"{_DAYS} Minutes are summed over the metering points below.",
        columns={
            "Transformer": to_transformer(words),
            "Compliance": SHARE,
            "Points": COUNT,
            "Too low": MINUTES_COLUMN,
            "Too high": MINUTES_COLUMN,
        },
    )
    points = rows(
        words,
        "Metering points, the worst first",
        "quality_worst_points",
        description=f"{_DAYS} By the time out of limits. Means: of ten minutes, the lowest and highest as"
        " shares of nominal.",
        columns={
            "Device": to_meter(words),
            "Transformer": to_transformer(words),
            "Customers": COUNT,
            "Compliance": SHARE,
            "Too low": MINUTES_COLUMN,
            "Too high": MINUTES_COLUMN,
            "Phase lost": MINUTES_COLUMN,
            "Lowest mean": RATIO,
            "Highest mean": RATIO,
            "Sags": SHORT,
            "Swells": SHORT,
        },
    )
    return section(
        words,
        dashboard,
        "Voltage",
        compliance.max(1).decimals(2).span(6).height(8),
        spread.max_data_points(500).interval("1h").decimals(1).span(6).height(8),
        minutes.decimals(0).span(6).height(8),
        sags.span(6).height(8),
        worst.span(10).height(9),
        points.span(14).height(9),
    )


def _other(words: Words, dashboard: Dashboard) -> Dashboard:
    unbalance = series(
        words,
        "Voltage unbalance by day",
        "quality_unbalance_daily",
        description="Shares of the time with a known negative-sequence unbalance that were above what GB/T"
        " 15543 allows for long (2 %) and for short (4 %). From phase voltages it is an upper bound.",
        unit="percentunit",
        columns={"Above 2 %": fixed(WARNING), "Above 4 %": fixed(BAD)},
    )
    frequency = series(
        words,
        "Frequency by day",
        "quality_frequency_daily",
        description="The lowest and highest that anybody measured on a local day, and the band of the"
        " configuration (GB/T 15945). One meter alone proves nothing: incidents need more than half of them.",
        unit="hertz",
        dashed=("Lower limit", "Upper limit"),
    )
    factor = rows(
        words,
        "Power factor below its limit",
        "quality_power_factor",
        description=f"{_DAYS} Customers of a class with a limit, the furthest below it first. The factor"
        " is of a day's energies; time below: minutes under load, of all minutes under load.",
        columns={
            "Device": to_meter(words),
            "Power factor": {"decimals": 3},
            "Limit": {"decimals": 2},
            "Time below": RATIO,
            "Days below": COUNT,
            "Days": COUNT,
        },
    )
    return section(
        words,
        dashboard,
        "Unbalance, frequency, power factor",
        unbalance.min(0).decimals(1).span(8).height(8),
        frequency.decimals(2).span(8).height(8),
        factor.span(8).height(8),
    )


def _worst(words: Words, dashboard: Dashboard) -> Dashboard:
    standard = rows(
        words,
        "Points that do not meet EN 50160",
        "quality_en50160_points",
        description="Over the week before the end of the range, the fewest 10-min means within 10 % of"
        " nominal first.",
        columns={
            "Device": to_meter(words),
            "Transformer": to_transformer(words),
            "Means": COUNT,
            "Means within 10 %": RATIO,
            "Means beyond +10/−15 %": COUNT,
            "Lowest mean": RATIO,
            "Highest mean": RATIO,
        },
    )
    loads = rows(
        words,
        "Load of transformers, the highest first",
        "quality_loads",
        description=f"{_DAYS} Peak: of the rating, as measured at the transformer. Minutes above the"
        " shares of the rating that the configuration names, of reverse power, and of heat.",
        columns={
            "Transformer": to_transformer(words),
            "Rated": KVA,
            "Peak of rating": RATIO,
            "Heavy load": MINUTES_COLUMN,
            "Overload": MINUTES_COLUMN,
            "Fed back": MINUTES_COLUMN,
            "Highest temperature": CELSIUS,
            "Too hot": MINUTES_COLUMN,
        },
    )
    kinds = rows(
        words,
        "Events of meters by kind",
        "quality_events_kinds",
        description="Conditions of meters or of one of their phases (DL/T 698.45): those that go on now"
        " and on how many devices, and those that began in the range.",
        columns={
            "Event": coded(words, "meter_event") | {"custom.width": 170},
            "Going on": COUNT,
            "Devices": COUNT,
            "Begun in the range": COUNT,
        },
    )
    events = rows(
        words,
        "Events that go on",
        "quality_events",
        description="At this moment, severe ones first, then the newest. The value is the one furthest"
        " beyond the limit, in the unit of the kind.",
        columns={"Since": TIME, "Device": to_meter(words), "Transformer": to_transformer(words)}
        | event_columns(words),
    )
    return section(
        words,
        dashboard,
        "Worst points, loads and events",
        standard.span(12).height(8),
        loads.span(12).height(8),
        kinds.span(8).height(8),
        events.span(16).height(8),
    )
