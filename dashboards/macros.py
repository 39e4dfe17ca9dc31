"""Grafana's SQL macros for PostgreSQL, expanded as its datasource expands them, so that queries run without it.

Behaviour by https://grafana.com/docs/grafana/latest/datasources/postgres/ (Macros) and by what the plugin does where
the page is silent: arguments are split at commas and end at the first closing parenthesis; times are quoted text in
UTC; the interval's variables are replaced before the macros are, and a dashboard's variables before these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gateway.core.clock import format_time

_CALL = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_VARIABLE = re.compile(r"\$\{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-z]+))?\}")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a panel shows: the range in µs UTC and the step in milliseconds that Grafana chose for its width."""

    low: int
    high: int
    interval_ms: int = 60_000


Value: TypeAlias = str | Sequence[str]
"""A variable's one value, or those chosen of many."""

ALL = "'*'"
"""The raw text that stands for all values of a variable which offers them: Grafana puts it in as it is."""


def expand(
    sql: str, window: Window, *, timescale: bool = False, variables: Mapping[str, Value] | None = None
) -> str:
    """The SQL that reaches the database.

    timescale: the datasource's switch of that name.  variables: values of the dashboard's variables by name;
    `ALL` where all are chosen.

    Raises:
        ValueError: a macro or variable that is unknown, lacks arguments, or has a format that no query may use.
    """
    sql = sql.replace("$__searchFilter", "%")  # nothing typed yet
    sql = _VARIABLE.sub(lambda found: _variable(found, variables or {}, window), sql)
    sql = sql.replace("$__interval_ms", str(window.interval_ms))
    sql = sql.replace("$__interval", _step_text(window.interval_ms))

    def replaced(call: re.Match[str]) -> str:
        name = call[1]
        if name == "__timeGroup" and sql[call.end() : call.end() + 1] == ",":
            name = "__timeGroupAlias"  # queries written before Grafana 5.3 rely on it
        return _evaluate(name, [part.strip(" ") for part in call[2].split(",")], window, timescale)

    return _CALL.sub(replaced, sql)


def _variable(found: re.Match[str], variables: Mapping[str, Value], window: Window) -> str:
    """As https://grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax/ has it."""
    name, form = found[1], found[2]
    if name in ("__from", "__to") and form is None:
        return str((window.low if name == "__from" else window.high) // 1000)
    if name.startswith("__interval"):
        return f"${name}"  # replaced with those without braces
    if name not in variables:
        raise ValueError(f"unknown variable ${{{name}}}")
    value = variables[name]
    if value == ALL:
        return ALL
    values = [value] if isinstance(value, str) else list(value)
    match form:
        case "sqlstring":
            return ",".join("'" + one.replace("'", "''") + "'" for one in values)
        case "raw" | None if isinstance(value, str):
            return value
        case "csv":
            return ",".join(values)
        case _:
            raise ValueError(f"variable ${{{name}}} in the format {form}, which no query may use")


def _evaluate(name: str, arguments: list[str], window: Window, timescale: bool) -> str:
    low, high = f"'{format_time(window.low)}'", f"'{format_time(window.high)}'"
    low_s, high_s = window.low // 1_000_000, window.high // 1_000_000
    first = arguments[0]
    match name:
        case "__time":
            return f'{first} AS "time"'
        case "__timeEpoch":
            return f'extract(epoch from {first}) as "time"'
        case "__timeFilter":
            return f"{first} BETWEEN {low} AND {high}"
        case "__timeFrom":
            return low
        case "__timeTo":
            return high
        case "__timeGroup":
            seconds = _seconds(name, arguments)
            if timescale:
                return f"time_bucket('{seconds:.3f}s',{first})"
            return f"floor(extract(epoch from {first})/{seconds:g})*{seconds:g}"
        case "__unixEpochGroup":
            seconds = _seconds(name, arguments)
            return f"floor(({first})/{seconds:g})*{seconds:g}"
        case "__timeGroupAlias" | "__unixEpochGroupAlias":
            return f'{_evaluate(name.removesuffix("Alias"), arguments, window, timescale)} AS "time"'
        case "__unixEpochFilter":
            return f"{first} >= {low_s} AND {first} <= {high_s}"
        case "__unixEpochFrom":
            return str(low_s)
        case "__unixEpochTo":
            return str(high_s)
        case "__unixEpochNanoFilter":
            return f"{first} >= {window.low * 1000} AND {first} <= {window.high * 1000}"
        case "__unixEpochNanoFrom":
            return str(window.low * 1000)
        case "__unixEpochNanoTo":
            return str(window.high * 1000)
        case _:
            raise ValueError(f"unknown macro ${name}")


def _seconds(name: str, arguments: list[str]) -> float:
    if len(arguments) < 2:
        raise ValueError(f"macro ${name} needs a time column and an interval")
    try:
        return seconds_of(arguments[1].strip("'"))
    except ValueError as exc:
        raise ValueError(f"macro ${name}: {exc}") from None


def seconds_of(step: str) -> float:
    """Seconds of "5m". Raises ValueError."""
    found = _STEP.fullmatch(step)
    if found is None:
        raise ValueError(f"{step} is not an interval")
    return float(found[1]) * _UNIT_S[found[2]]


def _step_text(interval_ms: int) -> str:
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if interval_ms % size == 0:
            return f"{interval_ms // size}{unit}"
    return f"{interval_ms}ms"
