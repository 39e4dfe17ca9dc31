"""The dashboard "Transformer and feeder": from the feeder down to the metering points below one"
" transformer."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import links, variables
from dashboards.board import board, section
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
    KVA,
    RATIO,
    SCORE,
    event_columns,
    incident_rows,
    phases,
    stepped,
    supply_colors,
    to_meter,
    to_place,
    to_transformer,
)
from dashboards.transformer_load import load
from dashboards.values import BAD, CALM, WARNING
from dashboards.words import Words

_POINTS = 500


def build(words: Words) -> Dashboard:
    dashboard = board(
        words,
        "transformer-feeder",
        title="Transformer and feeder",
        description="The transformers of a feeder, and all that is known of one of them and of who hangs"
        " on it.",
        since="now-2d",
        refresh="1m",
        choices=(variables.feeder(words), variables.one_transformer(words)),
    ).time("now-2d", "now+1d")
    for part in (_feeder, _now, load, _voltage, _points):
        dashboard = part(words, dashboard)
    return dashboard


def _feeder(words: Words, dashboard: Dashboard) -> Dashboard:
    transformers = rows(
        words,
        "Transformers of the feeder",
        "feeder_transformers",
        description="Customers now; peak, compliance and loss of the last local day that was accounted. A"
        " click on a transformer shows it below. Peak: of its rating, as its terminal measured. Loss: of"
        " recent balances.",
        columns={
            "Transformer": to_transformer(words),
            "Customers": COUNT,
            "Off": COUNT | alarm(BAD) | {"custom.cellOptions": {"type": "color-text"}},
            "Unknown": COUNT | alarm(WARNING) | {"custom.cellOptions": {"type": "color-text"}},
            "Open incidents": COUNT,
            "Rated": KVA,
            "Peak of rating": RATIO,
            "Compliance": SHARE,
            "Loss": RATIO,
        },
    )
    power = series(
        words,
        "Measured load by feeder",
        "feeder_load",
        description="Active power of the transformers of each feeder as their terminals measure it,"
        " summed. Transformers without a measurement in a step lack in its sum, so it is a lower bound.",
        unit="kwatt",
    )
    risk = rows(
        words,
        "Load to be expected above rating",
        "load_risk",
        description="Transformers and feeders whose load (kW) may go beyond what they are rated for today or"
        " tomorrow: the upper quantile of the outlook does, or even what is expected. Of the whole network.",
        columns={
            "Node": linked(links.page(words, "node", "Node")) | {"custom.minWidth": 110},
            "Kind": in_words(words, "node_kind"),
            "From": TIME,
            "To": TIME,
            "Expected": _KW,
            "Upper quantile": _KW,
            "Rated": _KW,
            "Expected share": RATIO,
            "By what is expected": in_words(words, "yes_no"),
        },
    )
    return section(
        words,
        dashboard,
        "Feeder",
        transformers.span(24).height(8),
        power.max_data_points(_POINTS).interval("1m").decimals(1).span(12).height(7),
        risk.span(12).height(7),
    )


_KW: Column = {"unit": "kwatt", "decimals": 1, "custom.width": 110}


def _now(words: Words, dashboard: Dashboard) -> Dashboard:
    now = figures(
        words,
        "This transformer now",
        "transformer_now",
        description="Customers below it by supply state; its load of the last reading within an hour, as"
        " its terminal measures it; the loss of its area by the last balance.",
        unit="locale",
        columns={
            "Off": alarm(BAD),
            "Unknown": alarm(WARNING),
            "Load": {"unit": "kvoltamp", "decimals": 1},
            "Of rating": {"unit": "percentunit", "decimals": 0},
            "Loss": {"unit": "percentunit", "decimals": 1},
        },
    ).thresholds(steps(CALM))
    supply = stepped(
        series(
            words,
            "Customers without supply below it",
            "transformer_supply",
            description="Off by evidence, and those of whom nobody knows, by when supply went and came. Of"
            " the account: what operators corrected holds.",
            unit="locale",
            columns=supply_colors(),
        )
    )
    incidents = incident_rows(
        words,
        "Incidents at and below it",
        "transformer_incidents",
        description="Incidents of the range at this transformer or a place below it, newest first, with"
        " the work order. What lies above it, such as its feeder's, is on the operations page. Exercises"
        " are left out.",
    )
    return section(
        words,
        dashboard,
        "Transformer",
        now.span(24).height(4),
        supply.span(8).height(8),
        incidents.span(16).height(8),
    )


def _voltage(words: Words, dashboard: Dashboard) -> Dashboard:
    busbar = series(
        words,
        "Voltages on its busbar",
        "transformer_voltage",
        description="Phase to neutral as its terminal measures: means by phase, and the lowest and highest"
        " reading. Limits: GB/T 12325 for supply on three phases, from the configuration.",
        unit="volt",
        dashed=("Lower limit", "Upper limit"),
        columns=phases(),
    )
    below = series(
        words,
        "Voltages at its customers",
        "transformer_point_voltage",
        description="Of all phases of all metering points below it, as shares of nominal: the lowest, the"
        " middle and the highest of each step. Dead phases are left out. Limits: GB/T 12325 for supply on"
        " one phase.",
        unit="percentunit",
        dashed=("Lower limit", "Upper limit"),
        columns={"Median": {"custom.lineWidth": 2}},
    )
    unbalance = series(
        words,
        "Unbalance",
        "transformer_unbalance",
        description="Voltage: negative sequence as measured, else computed from phase voltages, an upper"
        " bound (GB/T 15543: 2 %). Current: the furthest phase from the mean of the three, over that mean;"
        " it has no limit here.",
        unit="percent",
        dashed=("Limit of voltage unbalance",),
        columns={"Current unbalance": {"custom.axisPlacement": "right"}},
    )
    return section(
        words,
        dashboard,
        "Voltage and unbalance",
        busbar.max_data_points(_POINTS).interval("10s").decimals(1).span(8).height(8),
        below.max_data_points(_POINTS).interval("1m").decimals(1).span(8).height(8),
        unbalance.max_data_points(_POINTS).interval("1m").decimals(1).span(8).height(8),
    )


def _points(words: Words, dashboard: Dashboard) -> Dashboard:
    points = rows(
        words,
        "Customers below it",
        "transformer_points",
        description="Metering points: those without supply first, then the worst voltage. Last reading:"
        " within a day. Compliance and lowest mean: of the last day accounted. Collected: on the last"
        " whole local day.",
        columns={
            "Device": to_meter(words),
            "Place": to_place(words),
            "Customers": COUNT,
            "Priority": in_words(words, "priority"),
            "Supply": in_words(words, "supply_state"),
            "Since": TIME,
            "Last reading": TIME,
            "Compliance, last day": SHARE,
            "Lowest mean": RATIO,
            "Collected, last day": SHARE,
            "Usage score": SCORE,
        },
    )
    events = rows(
        words,
        "Events of its meters",
        "transformer_events",
        description="Conditions of meters or phases below it that overlap the range: what goes on first,"
        " then the newest. The value is the one furthest beyond the limit, in the unit of the kind.",
        columns={"From": TIME, "To": TIME, "Device": to_meter(words)} | event_columns(words),
    )
    return section(
        words, dashboard, "Customers and events", points.span(24).height(10), events.span(24).height(8)
    )
