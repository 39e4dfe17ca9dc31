"""The dashboard "Meter data": is everything collected, what lacks and why, what validation made of it."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import variables
from dashboards.board import board, section
from dashboards.codes import coded
from dashboards.panels import (
    COUNT,
    SHARE,
    TIME,
    Column,
    figures,
    fixed,
    rows,
    series,
    targets,
    threshold_from,
)
from dashboards.panels_more import KWH, stacked, to_meter, to_transformer
from dashboards.values import BAD, CALM, GOOD, WARNING
from dashboards.words import Words

_COLLECTED = (
    "Collected: intervals that were measured, of those expected since a device is listed or heard."
    " Estimates never count. Days are local, and rise as late readings come."
)
_CAUSES: dict[str, Column] = dict.fromkeys(
    ("Lacking", "Without supply", "Device", "Communications", "Gateway"), COUNT
)


def build(words: Words) -> Dashboard:
    dashboard = board(
        words,
        "meter-data",
        title="Meter data",
        description="Collection against its target, gaps and their causes, and how energy was come by.",
        since="now-14d",
        refresh="5m",
        choices=(variables.feeder(words),),
    )
    for part in (_collection, _lacking, _validation):
        dashboard = part(words, dashboard)
    return dashboard


def _collection(words: Words, dashboard: Dashboard) -> Dashboard:
    rate = (
        figures(
            words,
            "Collection rate",
            "collection_rate",
            description=f"Of the whole network. Green from the target on. {_COLLECTED}",
            unit="percentunit",
            decimals=3,
        )
        .with_target(targets())
        .with_transformation(threshold_from(("base", BAD), ("collection_target", GOOD)))
    )
    daily = series(
        words,
        "Collection rate by day",
        "collection_daily",
        description=f"{_COLLECTED} The target is that of the configuration.",
        unit="percentunit",
        dashed=("Target",),
    )
    causes = stacked(
        series(
            words,
            "What lacks, by cause and day",
            "collection_causes",
            description="Intervals not collected as shares of those expected: the point was without"
            " supply, the device itself gave nothing, it could not be reached, or the gateway was away.",
            unit="percentunit",
            columns={
                "Without supply": fixed(BAD),
                "Device": fixed(WARNING),
                "Communications": fixed(CALM),
                "Gateway": fixed("purple"),
            },
        )
    )
    status = stacked(
        series(
            words,
            "Intervals by status",
            "interval_daily",
            description="Shares of the intervals expected on each local day, by how they stand now."
            " Measured holds those that a rule doubts (suspect), too; edited ones are apart, whether they"
            " were measured or not.",
            unit="percentunit",
            columns={
                "Measured": fixed(GOOD),
                "Estimated": fixed(CALM),
                "Edited": fixed("purple"),
                "Missing": fixed(BAD),
            },
        )
    )
    return section(
        words,
        dashboard,
        "Collection",
        rate.span(4).height(8),
        daily.decimals(2).max(1).span(7).height(8),
        causes.decimals(2).span(7).height(8),
        status.max(1).decimals(1).span(6).height(8),
    )


def _lacking(words: Words, dashboard: Dashboard) -> Dashboard:
    places = rows(
        words,
        "Concentrators and feeders, the least collected first",
        "collection_places",
        description="On the last whole local day: by concentrator, and by feeder for devices that are read"
        " directly. Intervals that lack, and by what cause.",
        columns={"Of": coded(words, "place"), "Devices": COUNT, "Collected": SHARE} | _CAUSES,
    )
    worst = rows(
        words,
        "Devices, the least collected first",
        "collection_worst",
        description="Of the local days that begin in the range: intervals expected and not collected, how"
        " many of them were estimated, and by what cause they lack.",
        columns={
            "Device": to_meter(words),
            "Transformer": to_transformer(words),
            "Collected": SHARE,
            "Lacking": COUNT,
            "Estimated": COUNT,
            "Without supply": COUNT,
            "Device's own": COUNT,
            "Communications": COUNT,
        },
    )
    causes = rows(
        words,
        "Open gaps by cause",
        "open_gaps",
        description="Stretches that were expected, not collected, and have not come since. Meters that keep a"
        " load profile are asked for them again. Of the whole network.",
        columns={
            "Cause": coded(words, "gap_cause"),
            "Gaps": COUNT,
            "Devices": COUNT,
            "Intervals": COUNT,
            "Asked for again": COUNT,
            "Oldest": TIME,
        },
    )
    daily = stacked(
        series(
            words,
            "Intervals of gaps by day",
            "gap_daily",
            description="By the local day on which the gap began: what has come since, by being asked for"
            " again or by itself, and what still lacks.",
            unit="locale",
            columns={"Come since": fixed(GOOD), "Still lacking": fixed(BAD)},
        )
    )
    devices = rows(
        words,
        "Devices with open gaps",
        "gap_devices",
        description="Those that most intervals lack of still, with how often they were asked for again.",
        columns={
            "Device": to_meter(words),
            "Transformer": to_transformer(words),
            "Gaps": COUNT,
            "Intervals": COUNT,
            "Oldest": TIME,
            "Newest": TIME,
            "Asked for again": COUNT,
            "Last asked": TIME,
            "Causes": coded(words, "gap_cause"),
        },
    )
    return section(
        words,
        dashboard,
        "What lacks",
        places.span(12).height(8),
        worst.span(12).height(8),
        causes.span(8).height(8),
        daily.span(6).height(8),
        devices.span(10).height(8),
    )


def _validation(words: Words, dashboard: Dashboard) -> Dashboard:
    energy = rows(
        words,
        "Energy by status, last whole day",
        "energy_by_status",
        description="Imported energy (kWh) of the last whole local day that was accounted, and how much of it"
        " was estimated rather than measured. Of the whole network.",
        columns={
            "Status": coded(words, "status_name"),
            "Intervals": COUNT,
            "Share of intervals": SHARE,
            "Energy": KWH,
            "Share of energy": SHARE,
        },
    )
    rules = rows(
        words,
        "What validation found, last whole day",
        "interval_rules",
        description="Intervals of imported energy of which a rule of validation, estimation or editing"
        " (VEE) says something, on the last whole local day. An interval may have several rules.",
        columns={
            "Rule": coded(words, "rule") | {"custom.minWidth": 160},
            "Intervals": COUNT,
            "Devices": COUNT,
            "Energy": KWH,
        },
    )
    edits = rows(
        words,
        "Energy put by hand",
        "interval_edits",
        description="What people said of the energy of a stretch in the range, newest first, and why."
        " Without a value it takes back what was said before. Nothing here is ever deleted.",
        columns={
            "At": TIME,
            "Device": to_meter(words),
            "Quantity": coded(words, "quantity"),
            "From": TIME,
            "To": TIME,
            "Energy": KWH,
        },
    )
    return section(
        words,
        dashboard,
        "Validation, estimation, editing",
        energy.span(12).height(8),
        rules.span(12).height(8),
        edits.span(24).height(7),
    )
