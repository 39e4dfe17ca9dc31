"""Columns and shapes that the dashboards of devices, places and meter data have in common."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, table, timeseries
from grafana_foundation_sdk.models.common import GraphDrawStyle, LineInterpolation, StackingMode

from dashboards import links
from dashboards.codes import coded
from dashboards.panels import COUNT, MINUTES, TIME, Column, fixed, in_words, linked, rows
from dashboards.query import columns as columns_of
from dashboards.values import BAD, CALM, GOOD, WARNING
from dashboards.words import Words

KWH: Column = {"unit": "kwatth", "decimals": 2, "custom.width": 110}
KVA: Column = {"unit": "kvoltamp", "decimals": 1, "custom.width": 110}
MINUTES_COLUMN: Column = {"unit": MINUTES, "decimals": 0, "custom.width": 100}
SECONDS: Column = {"unit": "s", "decimals": 1, "custom.width": 110}
RATIO: Column = {"unit": "percentunit", "decimals": 1, "custom.width": 110}
CELSIUS: Column = {"unit": "celsius", "decimals": 1}
WIDE: Column = {"custom.minWidth": 260}
SHORT: Column = {"custom.width": 80}
DAY: Column = {"custom.width": 110}
SCORE: Column = {"decimals": 2, "custom.width": 80, "min": 0, "max": 1}


def to_meter(words: Words) -> Column:
    """Of a column "Device" with the id of one."""
    return linked(
        links.dashboard(words, "All that is known of this device", "meter", device="Device"),
        links.page(words, "device", "Device"),
    ) | {"custom.minWidth": 110}


def to_transformer(words: Words) -> Column:
    """Of a column "Transformer" with the id of one."""
    return linked(
        links.dashboard(
            words, "This transformer and its feeder", "transformer-feeder", transformer="Transformer"
        ),
        links.page(words, "node", "Transformer"),
    ) | {"custom.minWidth": 110}


def to_place(words: Words) -> Column:
    """Of a column that names the node whose id is in `node_id`."""
    return linked(links.page(words, "node", "node_id"))


def to_ticket(words: Words) -> Column:
    return linked(links.page(words, "ticket", "ticket_id")) | SHORT


def to_incident(words: Words) -> Column:
    return linked(links.page(words, "incident", "incident_id"))


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """As bars that stand on each other."""
    return (
        panel.draw_style(GraphDrawStyle.BARS)
        .fill_opacity(70)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        .min(0)
    )


def stepped(panel: timeseries.Panel) -> timeseries.Panel:
    """As values that hold until the next one."""
    return panel.line_interpolation(LineInterpolation.STEP_AFTER).min(0)


def phases() -> dict[str, Column]:
    """Colours of the phases, and of the extremes beside them."""
    extreme: Column = {"custom.lineStyle": {"fill": "dot", "dash": [2, 4]}, **fixed("text")}
    return {
        "Phase A": fixed("yellow"),
        "Phase B": fixed(GOOD),
        "Phase C": fixed(CALM),
        "Lowest": extreme,
        "Highest": extreme,
    }


def supply_colors() -> dict[str, Column]:
    return {
        "Off": {**fixed(BAD), "custom.fillOpacity": 25},
        "Unknown": {**fixed(WARNING), "custom.fillOpacity": 10},
    }


def incident_rows(words: Words, title: str, query: str, *, description: str) -> table.Panel:
    """Incidents with place, evidence and ticket, each leading to the operations page."""
    columns: dict[str, Column] = {
        "Condition": coded(words, "condition") | to_incident(words) | {"custom.width": 130},
        "Since": TIME,
        "Until": TIME,
        "Kind": in_words(words, "incident_kind") | to_incident(words) | {"custom.width": 150},
        "State": in_words(words, "incident_state") | to_incident(words) | {"custom.width": 130},
        "Place": to_place(words),
        "Customers": COUNT,
        "Evidence": WIDE,
        "Ticket": to_ticket(words),
        "Ticket state": in_words(words, "ticket_state") | {"custom.width": 140},
    }
    there = {name: of for name, of in columns.items() if name in columns_of(query)}
    return rows(words, title, query, description=description, columns=there)


def event_columns(words: Words) -> dict[str, Column]:
    """Of rows that are events of meters."""
    return {
        "Event": coded(words, "meter_event") | {"custom.width": 170},
        "Phase": SHORT,
        "Severe": in_words(words, "yes_no") | SHORT,
        "Furthest value": {"decimals": 2, "custom.width": 120},
        "Limit": {"decimals": 2, "custom.width": 100},
        "Found by": coded(words, "event_source"),
    }
