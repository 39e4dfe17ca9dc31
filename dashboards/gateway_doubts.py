"""Of the dashboard "Gateway health": what could not be understood, wrong clocks, and what is behind."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.board import section
from dashboards.codes import coded
from dashboards.panels import COUNT, TIME, Column, rows, series
from dashboards.panels_more import stacked, to_meter, to_transformer
from dashboards.words import Words

_LONG: Column = {"unit": "s", "decimals": 0, "custom.width": 110}


def doubtful(words: Words, dashboard: Dashboard) -> Dashboard:
    over_time = stacked(
        series(
            words,
            "Dead letters and rejected values over time",
            "unreadable_over_time",
            description="Messages that could not be understood, by when they came, and values that are no"
            " values, by when they were measured. Both are kept as they came; dashboards may not see them.",
            unit="locale",
        )
    )
    unreadable = rows(
        words,
        "Dead letters and rejected values",
        "unreadable",
        description="In the range, by source and reason, or by quantity and reason with the first device,"
        " most first.",
        columns={
            "Quantity": coded(words, "quantity"),
            "Reason": coded(words, "rejection"),
            "Times": COUNT,
            "Devices": COUNT,
            "Device": to_meter(words),
            "Last": TIME,
        },
    )
    clocks = rows(
        words,
        "Devices whose clock is wrong",
        "clock_faults",
        description="Within the last day: signals dated further from reception than the configuration"
        " allows, readings whose own time cannot be. What the gateway's own absence explains is left out.",
        columns={
            "Device": to_meter(words),
            "Kind": coded(words, "device_kind"),
            "Transformer": to_transformer(words),
            "Off by": _LONG,
            "Signals": COUNT,
            "Readings": COUNT,
            "Last": TIME,
        },
    )
    book = rows(
        words,
        "The book of meter data",
        "book_progress",
        description="Until when each step of the daily work on meter data is done. A local day is closed"
        " when its readings are there or late, then judged, then the load of the coming day is foretold;"
        " final is what only people change.",
        columns={
            "Step": coded(words, "book_step"),
            "Done until": TIME,
            "Ago": _LONG,
            "Days to be done again": COUNT,
        },
    )
    absences = rows(
        words,
        "When the gateway was away",
        "gateway_absences",
        description="Times in which it could not hear the field; everybody's supply was unknown then, and"
        " nobody's outage began because of it.",
        columns={"From": TIME, "To": TIME, "Duration": _LONG},
    )
    return section(
        words,
        dashboard,
        "What is doubtful or lacks",
        over_time.max_data_points(120).interval("1m").span(8).height(8),
        unreadable.span(16).height(8),
        clocks.span(10).height(7),
        book.span(8).height(7),
        absences.span(6).height(7),
    )
