"""Every query of the dashboards on the demo's database, with Grafana's role, as Grafana asks when they are opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from dashboards import query
from dashboards.macros import ALL, Value, expand
from dashboards.opened import dashboards
from gateway.core.clock import DAY, SystemClock

NOTHING_AMISS = frozenset({
    "deliveries_stuck", "unreadable", "unreadable_over_time", "clock_faults", "gateway_absences", "meter_clock",
    "collection_worst", "open_gaps", "gap_daily", "gap_devices", "meter_gaps", "load_risk",
    "meter_events", "transformer_events", "quality_events", "quality_events_kinds", "quality_incidents",
})  # fmt: skip
SUPPLY_IS_BACK = frozenset({
    "off_by_feeder", "important_off", "devices_silent", "open_incidents", "open_tickets", "tickets_by_state",
    "ticket_clocks",
})  # fmt: skip
NOBODY_DID_IT = frozenset({"interval_edits", "meter_changes"})
NO_WHOLE_DAY = frozenset({
    "voltage_compliance_daily", "quality_minutes_daily", "quality_sags_daily", "voltage_worst", "quality_worst_points",
    "quality_unbalance_daily", "quality_frequency_daily", "quality_power_factor", "quality_en50160_points",
    "quality_loads", "meter_quality", "meter_conditions",
})  # fmt: skip
"""Of supply quality, which meters of the demo have measured for a minute."""
NO_TERMINALS = frozenset({
    "transformer_load", "transformer_outlook", "transformer_power", "transformer_current", "transformer_temperature",
    "transformer_days", "transformer_voltage", "transformer_unbalance",
})  # fmt: skip
"""They are at the heads of feeders, so that a fuse has to be inferred."""
JUDGED_LATER = frozenset({
    "area_findings", "area_loss_daily", "area_losses", "meter_intervals", "meter_reasons", "meter_usage",
    "quality_voltages", "transformer_loss", "usage_now", "usage_outcomes", "usage_rules", "usage_scores_daily",
    "usage_scores_top", "usage_tickets", "usage_watchlist",
})  # fmt: skip
"""The gateway makes intervals and hours of five weeks in the background, and judges usage by them."""
ELSEWHERE = frozenset({"transformer_incidents"})
"""The fuse lies above the transformer that is looked at."""
MAY_BE_EMPTY = (
    NOTHING_AMISS | SUPPLY_IS_BACK | NOBODY_DID_IT | NO_WHOLE_DAY | NO_TERMINALS | JUDGED_LATER | ELSEWHERE
)


async def empty_panels(url: str, where: Mapping[str, Value]) -> set[str]:
    """Names of queries that found nothing on the panels that ask them.

    where: what one looks at in place of a variable's first choice.  Runs all queries there are, those of variables and
    alert rules too.  Raises psycopg.Error where one cannot be asked.
    """
    now = SystemClock().now()
    names = {query.text(name): name for name in query.names()}
    empty: set[str] = set()
    async with await psycopg.AsyncConnection.connect(
        url, autocommit=True, row_factory=dict_row
    ) as connection:
        await connection.execute("set role feederline_grafana")
        await connection.execute("set default_transaction_read_only = on")
        await connection.execute("set search_path = public")

        async def column(sql: str) -> Sequence[str]:
            return [str(row.get("__value", next(iter(row.values())))) for row in await _rows(connection, sql)]

        for dashboard in dashboards():
            chosen = await dashboard.choose(column, now - dashboard.range_us, now)
            chosen |= {name: value for name, value in where.items() if name in chosen}
            for panel in dashboard.panels:
                window = panel.window(now - dashboard.range_us, now)
                sql = expand(panel.sql, window, variables=chosen)
                if panel.sql in names and not await _rows(connection, sql):
                    empty.add(names[panel.sql])
        shown = {panel.sql for dashboard in dashboards() for panel in dashboard.panels}
        everything: dict[str, Value] = dict.fromkeys(("feeder", "district", "incident"), ALL)
        for sql in names.keys() - shown:
            window = dashboards()[0].panels[0].window(now - DAY, now)
            await _rows(connection, expand(sql, window, variables={**everything, **where}))
    return empty


async def _rows(connection: psycopg.AsyncConnection[DictRow], sql: str) -> list[dict[str, Any]]:
    return await (await connection.execute(sql.encode())).fetchall()
