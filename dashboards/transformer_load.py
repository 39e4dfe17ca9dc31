"""Of the dashboard "Transformer and feeder": load against rating and outlook, heat, losses."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.board import section
from dashboards.panels import TIME, Column, fixed, properties, rows, series
from dashboards.panels_more import CELSIUS, DAY, KVA, MINUTES_COLUMN, RATIO, phases
from dashboards.query import Sql
from dashboards.values import CALM, WARNING
from dashboards.words import Words

_POINTS = 500
_QUIET: Column = {"custom.lineStyle": {"fill": "dot", "dash": [2, 4]}}


def load(words: Words, dashboard: Dashboard) -> Dashboard:
    rating = series(
        words,
        "Load against rating",
        "transformer_load",
        description="Apparent power as its terminal measures it, else of active and reactive power. Above"
        " the lower line the load is heavy, above the upper one it is too much, by the configuration and"
        " the rated_kva of the network.",
        unit="kvoltamp",
        dashed=("Heavy load", "Overload"),
        columns={"Highest": _QUIET, "Heavy load": fixed(WARNING)},
    )
    outlook = (
        series(
            words,
            "Load and outlook",
            "transformer_outlook",
            description="Active power measured, what was or is to be expected by interval, and its upper"
            " quantile. The outlook is made for the coming local day: let the range end tomorrow to see it.",
            unit="kwatt",
            dashed=("Rated",),
            columns={"Upper quantile": _QUIET, "Expected": fixed(CALM)},
        )
        .with_target(Sql("transformer_power", ref_id="B", series=True))
        .override_by_name("Measured", properties({"displayName": words("Measured"), "custom.lineWidth": 2}))
    )
    current = series(
        words,
        "Currents by phase",
        "transformer_current",
        description="As its terminal measures: means of each step; the neutral only where a point stands"
        " for less than 15 minutes.",
        unit="amp",
        columns={name: of for name, of in phases().items() if name.startswith("Phase")},
    )
    heat = series(
        words,
        "Temperature",
        "transformer_temperature",
        description="The highest of each step, where its terminal measures it, and the limit of the"
        " configuration.",
        unit="celsius",
        dashed=("Upper limit",),
    )
    loss = series(
        words,
        "Loss of its area by day",
        "transformer_loss",
        description="Energy supplied less what the meters below counted, over what was supplied; of"
        " intervals in which all of it was measured. Technical: what the area's own history explains."
        " High: by the configuration.",
        unit="percentunit",
        dashed=("High loss",),
    )
    days = rows(
        words,
        "Load by day",
        "transformer_days",
        description="By local day as its terminal measured. Heavy load and overload: minutes above the"
        " shares of the rating that the configuration names. Fed back: minutes of reverse power.",
        columns={
            "Day": DAY,
            "Mean load": KVA,
            "Peak load": KVA,
            "Peak of rating": RATIO,
            "Peak at": TIME,
            "Heavy load": MINUTES_COLUMN,
            "Overload": MINUTES_COLUMN,
            "Longest overload": MINUTES_COLUMN,
            "Fed back": MINUTES_COLUMN,
            "Most fed back": {"unit": "kwatt", "decimals": 1},
            "Highest temperature": CELSIUS,
            "Too hot": MINUTES_COLUMN,
            "Observed": MINUTES_COLUMN,
        },
    )
    return section(
        words,
        dashboard,
        "Load and loss",
        rating.max_data_points(_POINTS).interval("1m").decimals(1).span(12).height(8),
        outlook.max_data_points(_POINTS).interval("15m").decimals(1).span(12).height(8),
        current.max_data_points(_POINTS).interval("1m").decimals(1).span(8).height(7),
        heat.max_data_points(_POINTS).interval("1m").decimals(1).span(8).height(7),
        loss.decimals(1).span(8).height(7),
        days.span(24).height(7),
    )
