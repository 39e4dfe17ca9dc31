"""The dashboard "Supply reliability": are we inside the targets, what uses them up, where and when."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models.common import GraphDrawStyle, StackingMode

from dashboards import variables
from dashboards.board import board, section
from dashboards.panels import (
    COUNT,
    MINUTES,
    SHARE,
    figures,
    fixed,
    in_words,
    rows,
    series,
    targets,
    threshold_from,
)
from dashboards.reliability_columns import (
    BASIS,
    CUSTOMER_MINUTES,
    GOING_ON,
    INDICES,
    PER_CUSTOMER,
    POLLED,
    RELIABILITY,
    UNKNOWN,
)
from dashboards.reliability_places import dlt_836, major_events, places
from dashboards.values import BAD, GOOD, PLANNED, WARNING
from dashboards.words import Words


def build(words: Words) -> Dashboard:
    dashboard = board(
        words,
        "supply-reliability",
        title="Supply reliability",
        description="Reliability against its targets, what uses up their budgets, and where.",
        since="now-30d",
        refresh="5m",
        choices=(variables.feeder(words),),
    )
    dashboard = _targets(words, dashboard)
    dashboard = _indices(words, dashboard)
    dashboard = places(words, dashboard)
    dashboard = major_events(words, dashboard)
    return dlt_836(words, dashboard)


def _targets(words: Words, dashboard: Dashboard) -> Dashboard:
    asai = (
        figures(
            words,
            "Supply reliability (ASAI)",
            "asai",
            description=(
                "Share of customer time with supply. Green from the target of the window on.",
                "A window without a target of its own is held to that of the month.",
                GOING_ON,
            ),
            unit="percentunit",
            decimals=4,
        )
        .with_target(targets())
        .with_target(targets("year"))
        .with_transformation(threshold_from(("base", BAD), ("asai_target", GOOD), column="This month so far"))
        .with_transformation(
            threshold_from(("base", BAD), ("asai_target_year", GOOD), column="Last 12 months", ref_id="year")
        )
    )
    saidi = (
        figures(
            words,
            "Average outage time this month (SAIDI)",
            "saidi_month",
            description=(
                "Minutes without supply of the average customer in this calendar month so far. Red from the target on.",
                GOING_ON,
            ),
            unit=MINUTES,
            decimals=2,
        )
        .with_target(targets())
        .with_transformation(threshold_from(("base", GOOD), ("saidi_target_minutes", BAD)))
    )
    budgets = rows(
        words,
        "Error budgets",
        "budgets",
        description="Customer minutes that each target allows in its window, and what interruptions have used of them,"
        " those that still go on included. Burn rate 1: the budget will just last. Forecast: where the window ends at"
        " the rate so far. At risk: that would miss the target.",
        columns={
            "Window": in_words(words, "target_span"),
            "Target of": {"custom.width": 85},
            "From": {"unit": "dateTimeAsIso", "custom.width": 165},
            "To": {"unit": "dateTimeAsIso", "custom.width": 165},
            "Target": {"custom.width": 80},
            "State": in_words(words, "target_state") | {"custom.width": 80},
            "Left share": {
                "unit": "percentunit",
                "decimals": 1,
                "min": 0,
                "max": 1,
                "color": {"mode": "continuous-RdYlGr"},
                "custom.cellOptions": {"type": "gauge", "mode": "basic"},
                "custom.minWidth": 160,
            },
            "Allowed": CUSTOMER_MINUTES,
            "Spent": CUSTOMER_MINUTES,
            "Left": CUSTOMER_MINUTES,
            "Burn rate": {"decimals": 2, "custom.width": 90},
            "Forecast": {"custom.width": 100},
        },
    )
    burn = series(
        words,
        "Budget of this month",
        "budget_burn",
        description="Customer minutes without supply of this calendar month, summed by the days on which the"
        " interruptions began, against what its targets allow. Above the even pace the budget will not last. What"
        " still goes on is spent.",
        unit="locale",
        dashed=("Allowed by SAIDI", "Allowed by ASAI"),
        columns={
            "Spent": {**fixed(WARNING), "custom.fillOpacity": 20, "custom.lineWidth": 2},
            "Even pace of the tighter target": fixed(GOOD),
            "Allowed by ASAI": fixed("dark-red"),
        },
    )
    daily = series(
        words,
        "Average outage time by day (SAIDI)",
        "saidi_daily",
        description=(
            "Minutes without supply of the average customer, by the day on which they began.",
            BASIS,
        ),
        unit=MINUTES,
        columns={"Faults": fixed(BAD), "Planned": fixed(PLANNED), "Still going on": fixed(WARNING)},
    )
    return section(
        words,
        dashboard,
        "Inside the targets?",
        asai.span(7).height(6),
        saidi.span(6).height(6),
        budgets.span(11).height(6),
        burn.time_from("now/M").min(0).span(12).height(8),
        daily.draw_style(GraphDrawStyle.BARS)
        .fill_opacity(70)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        .min(0)
        .span(12)
        .height(8),
    )


def _indices(words: Words, dashboard: Dashboard) -> Dashboard:
    by_window = rows(
        words,
        "Indices by window",
        "indices",
        description=(
            BASIS,
            "SAIFI counts an interruption that still goes on at once. MAIFI counts what was too short to be sustained.",
            POLLED,
        ),
        columns=INDICES
        | {
            "Window": in_words(words, "window"),
            "From": {"unit": "dateTimeAsIso", "custom.width": 165},
            "To": {"unit": "dateTimeAsIso", "custom.width": 165},
            "Customers served": COUNT,
            "ASAI target": SHARE,
            "Still off": COUNT,
            "Customer minutes so far": CUSTOMER_MINUTES,
            "Unknown share": UNKNOWN,
            "Sustained": {"custom.width": 95},
        },
    )
    by_kind = rows(
        words,
        "Faults and planned outages apart",
        "indices_by_kind",
        description=("The same indices of faults alone and of planned outages alone.", BASIS),
        columns=INDICES
        | {
            "Window": in_words(words, "window"),
            "Interruptions": in_words(words, "interruption_kind", colored=False),
            "Customer interruptions": COUNT,
            "Customer minutes": CUSTOMER_MINUTES,
            "Still off": COUNT,
        },
    )
    monthly = rows(
        words,
        "Indices by month",
        "indices_monthly",
        description=(
            "Of the last twelve calendar months, this one so far. MAIFI_E counts a sequence of reclosings once.",
            BASIS,
            POLLED,
        ),
        columns=INDICES
        | {
            "Month": {"custom.width": 90},
            "ASAI": RELIABILITY
            | {"color": {"mode": "thresholds"}, "custom.cellOptions": {"type": "color-text"}},
            "MAIFI_E": PER_CUSTOMER,
            "Customer minutes": CUSTOMER_MINUTES,
            "Unknown share": UNKNOWN,
        },
    )
    unknown = series(
        words,
        "Unknown share by day",
        "unknown_daily",
        description="Share of all customer time of each day of which nobody knows whether there was supply: nothing was"
        " heard that would tell, or the gateway itself was away. It counts neither as supplied nor as interrupted;"
        " the more of it there is, the less the other figures say.",
        unit="percentunit",
        columns={"Unknown share": fixed(WARNING)},
    )
    return section(
        words,
        dashboard,
        "Indices",
        by_window.span(24).height(6),
        by_kind.span(24).height(8),
        monthly.with_target(targets())
        .with_transformation(threshold_from(("base", BAD), ("asai_target", GOOD), column="ASAI"))
        .span(14)
        .height(10),
        unknown.draw_style(GraphDrawStyle.BARS).fill_opacity(70).decimals(3).min(0).span(10).height(10),
    )
