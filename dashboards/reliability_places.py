"""The lower sections of "Supply reliability": where and when, major event days, DL/T 836."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import links
from dashboards.board import section
from dashboards.charts import heat_map
from dashboards.panels import COUNT, MINUTES, figures, fixed, in_words, linked, rows
from dashboards.reliability_columns import (
    BASIS,
    CUSTOMER_MINUTES,
    HOURS,
    INDICES,
    LENGTH,
    PER_CUSTOMER,
    RELIABILITY,
    UNKNOWN,
)
from dashboards.values import CALM
from dashboards.words import Words


def places(words: Words, dashboard: Dashboard) -> Dashboard:
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
            BASIS,
        ),
        columns=INDICES
        | {
            "Feeder": linked(
                links.dashboard(words, "Transformer and feeder", "transformer-feeder", feeder="feeder_id"),
                links.page(words, "node", "feeder_id"),
            ),
            "Customers": COUNT,
            "Customer minutes": CUSTOMER_MINUTES,
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
            "Unknown share": UNKNOWN,
        },
    )
    return section(
        words,
        dashboard,
        "Where and when",
        heat.span(24).height(10),
        worst.span(24).height(9),
    )


def major_events(words: Words, dashboard: Dashboard) -> Dashboard:
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
            "SAIDI": LENGTH,
            "SAIFI": PER_CUSTOMER,
            "CAIDI": LENGTH,
            "Customer interruptions": COUNT,
            "Customer minutes": CUSTOMER_MINUTES,
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
            "SAIDI": LENGTH,
            "Limit (T_MED)": LENGTH,
            "Customer interruptions": COUNT,
            "Customer minutes": CUSTOMER_MINUTES,
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


def dlt_836(words: Words, dashboard: Dashboard) -> Dashboard:
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
            "ASAI-1": RELIABILITY,
            "SAIDI-1": HOURS,
            "SAIDI-F": HOURS,
            "SAIDI-S": HOURS,
            "SAIFI-1": PER_CUSTOMER,
            "SAIFI-F": PER_CUSTOMER,
            "SAIFI-S": PER_CUSTOMER,
            "Hours × users": {"unit": "locale", "decimals": 2},
            "Longer than": {"unit": "suffix:s", "custom.width": 100},
        },
    )
    return section(words, dashboard, "DL/T 836", table.span(24).height(7), folded=True)
