"""The dashboard "Supply reliability": are we inside the targets, what uses them up, where and when."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models.common import GraphDrawStyle, StackingMode

from dashboards import links, variables
from dashboards.board import board, section
from dashboards.panels import (
    COUNT,
    MINUTES,
    SHARE,
    Column,
    figures,
    fixed,
    heat_map,
    in_words,
    linked,
    rows,
    series,
    targets,
    threshold_from,
)
from dashboards.values import BAD, CALM, GOOD, PLANNED, WARNING
from dashboards.words import Words

_BASIS = (
    "IEEE 1366 over the metering points of the device list. Sustained is what lasts longer than the threshold in the"
    " table of indices; its minutes belong to the window in which it began, whole, once it has ended."
    " Unknown supply is neither on nor off and has its own share."
)
_GOING_ON = "What still goes on joins when it ends, and stands apart until then."
_POLLED = "Where interruptions are found by polling, SAIFI is a lower bound, CAIDI an upper bound and MAIFI incomplete."
_RELIABILITY: Column = {"unit": "percentunit", "decimals": 4, "custom.width": 105}
_PER_CUSTOMER: Column = {"decimals": 4, "custom.width": 95}
_LENGTH: Column = {"unit": MINUTES, "decimals": 2, "custom.width": 110}
_HOURS: Column = {"unit": "suffix:h", "decimals": 4, "custom.width": 105}
_CUSTOMER_MINUTES: Column = {"unit": "locale", "decimals": 0, "custom.width": 130}
_UNKNOWN: Column = {"unit": "percentunit", "decimals": 4, "custom.width": 120}
_INDICES: dict[str, Column] = {
    "ASAI": _RELIABILITY,
    "SAIDI": _LENGTH,
    "SAIFI": _PER_CUSTOMER,
    "CAIDI": _LENGTH,
    "MAIFI": _PER_CUSTOMER,
}


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
    dashboard = _places(words, dashboard)
    dashboard = _major_events(words, dashboard)
    return _dlt_836(words, dashboard)


def _targets(words: Words, dashboard: Dashboard) -> Dashboard:
    asai = (
        figures(
            words,
            "Supply reliability (ASAI)",
            "asai",
            description=(
                "Share of customer time with supply. Green from the target of the window on.",
                "A window without a target of its own is held to that of the month.",
                _GOING_ON,
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
                _GOING_ON,
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
            "Allowed": _CUSTOMER_MINUTES,
            "Spent": _CUSTOMER_MINUTES,
            "Left": _CUSTOMER_MINUTES,
            "Burn rate": {"decimals": 2, "custom.width": 90},
            "Forecast": {"custom.width": 100},
        },
    )
    burn = series(
        words,
        "Budget of this month",
        "budget_burn",
        description="Customer minutes without supply of this calendar month, together by the end of each day, against"
        " what its targets allow. Above the even pace the budget will not last. What still goes on is spent.",
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
            _BASIS,
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
            _BASIS,
            "SAIFI counts an interruption that still goes on at once. MAIFI counts what was too short to be sustained.",
            _POLLED,
        ),
        columns=_INDICES
        | {
            "Window": in_words(words, "window"),
            "From": {"unit": "dateTimeAsIso", "custom.width": 165},
            "To": {"unit": "dateTimeAsIso", "custom.width": 165},
            "Customers served": COUNT,
            "ASAI target": SHARE,
            "Still off": COUNT,
            "Customer minutes so far": _CUSTOMER_MINUTES,
            "Unknown share": _UNKNOWN,
            "Sustained": {"custom.width": 95},
        },
    )
    by_kind = rows(
        words,
        "Faults and planned outages apart",
        "indices_by_kind",
        description=("The same indices of faults alone and of planned outages alone.", _BASIS),
        columns=_INDICES
        | {
            "Window": in_words(words, "window"),
            "Interruptions": in_words(words, "interruption_kind", colored=False),
            "Customer interruptions": COUNT,
            "Customer minutes": _CUSTOMER_MINUTES,
            "Still off": COUNT,
        },
    )
    monthly = rows(
        words,
        "Indices by month",
        "indices_monthly",
        description=(
            "Of the last twelve calendar months, this one so far. MAIFI_E counts a sequence of reclosings once.",
            _BASIS,
            _POLLED,
        ),
        columns=_INDICES
        | {
            "Month": {"custom.width": 90},
            "ASAI": _RELIABILITY
            | {"color": {"mode": "thresholds"}, "custom.cellOptions": {"type": "color-text"}},
            "MAIFI_E": _PER_CUSTOMER,
            "Customer minutes": _CUSTOMER_MINUTES,
            "Unknown share": _UNKNOWN,
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


def _places(words: Words, dashboard: Dashboard) -> Dashboard:
    heat = heat_map(
        words,
        "Customer minutes by day and feeder",
        "feeder_heat",
        description="Customer minutes without supply by the local day on which they began; what still goes on counts so"
        " far. The thirty feeders with the most in the range shown, or those chosen above.",
        unit="locale",
    )
    worst = rows(
        words,
        "Worst feeders",
        "worst_feeders",
        description=(
            "By the customer minutes that began in the range shown, what still goes on included.",
            "Only the feeders chosen above; the indices are those of a feeder's own customers.",
            _BASIS,
        ),
        columns=_INDICES
        | {
            "Feeder": linked(
                links.dashboard(words, "Transformer and feeder", "transformer-feeder", feeder="feeder_id"),
                links.page(words, "node", "feeder_id"),
            ),
            "Customers": COUNT,
            "Customer minutes": _CUSTOMER_MINUTES,
            "Share of all": {
                "unit": "percentunit",
                "decimals": 1,
                "min": 0,
                "max": 1,
                **fixed(CALM),
                "custom.cellOptions": {"type": "gauge", "mode": "basic"},
                "custom.minWidth": 150,
            },
            "Still off": COUNT,
            "Unknown share": _UNKNOWN,
        },
    )
    return section(
        words,
        dashboard,
        "Where and when",
        heat.span(24).height(10),
        worst.span(24).height(9),
    )


def _major_events(words: Words, dashboard: Dashboard) -> Dashboard:
    limit = figures(
        words,
        "Limit of major event days",
        "major_event_limit",
        description="T_MED of IEEE 1366 (2.5 beta): a day whose SAIDI exceeds it is a major event day. By the days with"
        " interruptions of up to five years before the range shown; provisional while fewer years are known.",
        unit="locale",
        decimals=1,
        columns={
            "Limit (T_MED)": {"unit": MINUTES, "decimals": 2, **fixed(CALM)},
            "Days with interruptions": {"decimals": 0, **fixed(CALM)},
            "Years known": {"decimals": 1, **fixed(CALM)},
        },
    )
    split = rows(
        words,
        "With and without major event days",
        "major_event_split",
        description="The range shown, split; all of it is always told. Ended interruptions only, each with the day on"
        " which it began.",
        columns={
            "Which days": in_words(words, "day_split"),
            "SAIDI": _LENGTH,
            "SAIFI": _PER_CUSTOMER,
            "CAIDI": _LENGTH,
            "Customer interruptions": COUNT,
            "Customer minutes": _CUSTOMER_MINUTES,
        },
    )
    days = rows(
        words,
        "Days by their outage time",
        "major_event_days",
        description="Days of the range shown on which interruptions began, most minutes per customer first.",
        columns={
            "Day": {"custom.width": 100},
            "Kind": in_words(words, "day_kind"),
            "SAIDI": _LENGTH,
            "Limit (T_MED)": _LENGTH,
            "Customer interruptions": COUNT,
            "Customer minutes": _CUSTOMER_MINUTES,
        },
    )
    return section(
        words,
        dashboard,
        "Major event days",
        limit.span(6).height(7),
        split.span(9).height(7),
        days.span(9).height(7),
    )


def _dlt_836(words: Words, dashboard: Dashboard) -> Dashboard:
    table = rows(
        words,
        "Indices by DL/T 836",
        "indices_dlt_836",
        description="By the names and in the hours of DL/T 836: 1 is all interruptions, F faults, S planned ones, with"
        " the standard's own threshold. On the basis of medium voltage a transformer counts as one user, and is off"
        " when all of its points are.",
        columns={
            "Window": in_words(words, "window"),
            "Basis": in_words(words, "basis"),
            "ASAI-1": _RELIABILITY,
            "SAIDI-1": _HOURS,
            "SAIDI-F": _HOURS,
            "SAIDI-S": _HOURS,
            "SAIFI-1": _PER_CUSTOMER,
            "SAIFI-F": _PER_CUSTOMER,
            "SAIFI-S": _PER_CUSTOMER,
            "Hours × users": {"unit": "locale", "decimals": 2},
            "Longer than": {"unit": "suffix:s", "custom.width": 100},
        },
    )
    return section(words, dashboard, "DL/T 836", table.span(24).height(7), folded=True)
