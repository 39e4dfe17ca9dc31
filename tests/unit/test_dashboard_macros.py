"""Grafana's macros in the dashboards' SQL, expanded as Grafana does."""

from __future__ import annotations

import pytest

from dashboards.macros import Window, expand
from gateway.core.clock import parse_time

WINDOW = Window(low=parse_time("2017-04-21T05:01:17Z"), high=parse_time("2017-04-21T05:06:17.5Z"))


@pytest.mark.parametrize(
    ("macro", "expansion"),
    [
        ("$__time(at)", 'at AS "time"'),
        ("$__timeEpoch(at)", 'extract(epoch from at) as "time"'),
        ("$__timeFilter(at)", "at BETWEEN '2017-04-21T05:01:17Z' AND '2017-04-21T05:06:17.5Z'"),
        ("$__timeFrom()", "'2017-04-21T05:01:17Z'"),
        ("$__timeTo()", "'2017-04-21T05:06:17.5Z'"),
        ("$__timeGroup(at,'5m')", "floor(extract(epoch from at)/300)*300"),
        ("$__timeGroup(at , '5m', NULL) as t", "floor(extract(epoch from at)/300)*300 as t"),
        ("$__timeGroup(at,'5m'), x", 'floor(extract(epoch from at)/300)*300 AS "time", x'),
        ("$__timeGroupAlias(at,'5m')", 'floor(extract(epoch from at)/300)*300 AS "time"'),
        ("$__timeGroup(at,$__interval)", "floor(extract(epoch from at)/60)*60"),
        ("$__unixEpochFilter(at)", "at >= 1492750877 AND at <= 1492751177"),
        ("$__unixEpochFrom() $__unixEpochTo()", "1492750877 1492751177"),
        ("$__unixEpochNanoFrom()", "1492750877000000000"),
        ("$__unixEpochGroup(at,'5m')", "floor((at)/300)*300"),
        ("$__unixEpochGroupAlias(at,'5m')", 'floor((at)/300)*300 AS "time"'),
        ("$__interval $__interval_ms", "1m 60000"),
        ("make_interval(secs => 5)", "make_interval(secs => 5)"),
    ],
)
def test_macro_expands_as_documented(macro: str, expansion: str) -> None:
    assert expand(macro, WINDOW) == expansion


def test_time_group_with_the_timescale_switch() -> None:
    assert expand("$__timeGroup(at,'5m')", WINDOW, timescale=True) == "time_bucket('300.000s',at)"


@pytest.mark.parametrize("wrong", ["$__timegroup(at)", "$__timeGroup(at)", "$__timeGroup(at,'soon')"])
def test_macro_that_grafana_would_refuse_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="macro"):
        expand(wrong, WINDOW)
