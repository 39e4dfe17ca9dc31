"""Loads a synthetic year of a district, made by the server, into a database of its own."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from bench.dashboards.statements import DAYS, VALUES, text

_ZONE = ZoneInfo("Asia/Shanghai")
_ROLLUPS = {
    "reading_15min": dt.timedelta(minutes=15),
    "reading_hourly": dt.timedelta(hours=1),
    "reading_daily": dt.timedelta(days=1),
}
_COMPRESSED_AFTER = dt.timedelta(days=7)
Say = Callable[[str], None]
Statement = sql.SQL | sql.Composed
Work = tuple[Statement, dict[str, object]]
Part = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """meters: of one customer each.  step_s: between two readings.  raw_days: of readings, intervals and quarter hours,
    the latest; rollups by the hour and the day, and accounts, are there for all `days`."""

    meters: int = 10_000
    days: int = 365
    step_s: int = 3600
    raw_days: int = 45
    per: int = 50

    def parameters(self, now: dt.datetime) -> dict[str, object]:
        transformers = -(-self.meters // self.per)
        return {
            "meters": transformers * self.per,
            "per": self.per,
            "transformers": transformers,
            "feeders": max(transformers // 10, 1),
            "now": now,
            "first": _midnight(now) - dt.timedelta(days=self.days),
            "years": self.days / 365,
            "step": dt.timedelta(seconds=self.step_s),
        }


def load(connection: psycopg.Connection, size: Size, *, timescale: bool, say: Say) -> dict[str, float]:
    """Fill a migrated, empty database up to now; seconds that each part took.

    On TimescaleDB rollups older than two days are put where the server keeps them, not reckoned from readings
    that would be dropped again, and what the policies would have compressed by now is compressed.
    """
    now = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    given = size.parameters(now)
    first, today = _midnight(now) - dt.timedelta(days=size.days), _midnight(now)
    recent = max(first, today - dt.timedelta(days=size.raw_days))
    took: dict[str, float] = {}

    def part(name: str, *work: Work) -> None:
        started = time.monotonic()
        for statement, parameters in work:
            cursor.execute(statement, parameters)
        took[name] = round(took.get(name, 0) + time.monotonic() - started, 1)
        say(f"{name}: {took[name]} s")

    cursor = psycopg.ClientCursor(connection)  # takes several statements at once
    connection.execute("select setseed(0.5)")
    connection.execute("set synchronous_commit = off")
    connection.execute("set timezone = 'Asia/Shanghai'")
    part("network", (sql.SQL(text("network")), given))
    part("incidents", (sql.SQL(text("incidents")), given))
    for name in DAYS:
        stretches = _stretches(first, today, 30)
        part(name, *((sql.SQL(text(name)), given | {"low": low, "high": high}) for low, high in stretches))
    part("interval", *_intervals(connection, given, recent, now, timescale=timescale))
    raw = recent if timescale else first
    if not timescale:
        connection.execute("select feederline.ensure_partitions(%s, %s)", [raw.date(), now.date()])
    for low, high in _stretches(raw, now, 5):
        part("reading", (_readings(), given | {"low": low, "high": high}))
    if timescale:
        for view in _ROLLUPS:
            _rollup(connection, view, given, (recent if view == "reading_15min" else first, today), part)
        _compress(connection, "reading", part)
        _compress(connection, "interval", part, dt.timedelta(days=45))
    part("sums", (sql.SQL("select feederline.sum_days(10000)"), {}), (sql.SQL(text("voltage_hour")), given))
    part("vacuum", (sql.SQL("vacuum analyze"), {}))
    return took


def _readings() -> sql.Composed:
    names, values = list(VALUES), list(VALUES.values())
    return sql.SQL(
        "insert into feederline.reading (device_key, measured_at, received_at, {}) select d, t, t, {} {}"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(map(sql.SQL, values)),
        sql.SQL(text("source")),
    )


def _intervals(
    connection: psycopg.Connection,
    given: dict[str, object],
    low: dt.datetime,
    high: dt.datetime,
    *,
    timescale: bool,
) -> Iterator[Work]:
    if not timescale:
        days = [low.date() + dt.timedelta(days=n) for n in range((high - low).days + 2)]
        connection.execute("select feederline.ensure_interval_partitions(%s)", [days])
    for start, end in _stretches(low, high, 7):
        yield sql.SQL(text("interval")), given | {"low": start, "high": end}


def _rollup(
    connection: psycopg.Connection,
    view: str,
    given: dict[str, object],
    span: tuple[dt.datetime, dt.datetime],
    part: Part,
) -> None:
    """Rows of the rollup, chunk by chunk and compressed where they are old; the server reckons the last two days."""
    low, till = span
    width = _ROLLUPS[view]
    till -= dt.timedelta(days=2)
    table, schema, name = _kept_in(connection, view)
    columns = [
        row[0]
        for row in connection.execute(
            "select column_name from information_schema.columns where table_schema = 'feederline' and table_name = %s "
            "order by ordinal_position",
            [view],
        )
    ]
    values = [_rolled(column, max(int(width / _step(given)), 1)) for column in columns]
    statement = sql.SQL("insert into {} ({}) select {} {}").format(
        table,
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(values),
        sql.SQL(text("source")),
    )
    for start, end in _stretches(low, till, 10):
        grid = given | {
            "low": _on_grid(start, width),
            "high": _on_grid(end, width),
            "step": max(width, _step(given)),
        }
        part(view, (statement, grid))
        _compress(connection, name, part, dt.timedelta(days=30), schema=schema, what=view)
    part(view, (sql.SQL("call refresh_continuous_aggregate({}, {}, null)").format(
        sql.Literal(f"feederline.{view}"), sql.Literal(_on_grid(till, dt.timedelta(days=1)))), {}))  # fmt: skip


def _rolled(column: str, samples: int) -> sql.Composable:
    if column == "device_key":
        return sql.SQL("d")
    if column == "bucket":
        return sql.SQL("t")
    if column == "samples":
        return sql.Literal(samples)
    quantity, _, how = column.rpartition("_")
    if quantity not in VALUES:
        return sql.SQL("null")
    value = sql.SQL(VALUES[quantity])
    return (
        value
        if how == "avg" or samples == 1
        else sql.SQL("{} * ({})").format(sql.Literal(0.98 if how == "min" else 1.02), value)
    )


def _kept_in(connection: psycopg.Connection, view: str) -> tuple[sql.Composable, str, str]:
    row = connection.execute(
        "select materialization_hypertable_schema, materialization_hypertable_name "
        "from timescaledb_information.continuous_aggregates where view_schema = 'feederline' and view_name = %s",
        [view],
    ).fetchone()
    assert row is not None
    return sql.Identifier(*row), row[0], row[1]


def _compress(
    connection: psycopg.Connection,
    table: str,
    part: Part,
    after: dt.timedelta = _COMPRESSED_AFTER,
    *,
    schema: str = "feederline",
    what: str | None = None,
) -> None:
    chunks = connection.execute(
        "select format('%%I.%%I', chunk_schema, chunk_name) from timescaledb_information.chunks "
        "where hypertable_schema = %s and hypertable_name = %s and not is_compressed "
        "and range_end < now() - %s::interval",
        [schema, table, after],
    ).fetchall()
    for (chunk,) in chunks:
        part(
            f"{what or table} compressed",
            (sql.SQL("select compress_chunk({}::regclass)").format(sql.Literal(chunk)), {}),
        )


def _stretches(low: dt.datetime, high: dt.datetime, days: int) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    while low < high:
        end = min(low + dt.timedelta(days=days), high)
        yield low, end
        low = end


def _midnight(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


def _on_grid(moment: dt.datetime, width: dt.timedelta) -> dt.datetime:
    """The bucket of a rollup that a moment lies in; days are UTC."""
    epoch = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    return moment - (moment - epoch) % width


def _step(given: dict[str, object]) -> dt.timedelta:
    step = given["step"]
    assert isinstance(step, dt.timedelta)
    return step
