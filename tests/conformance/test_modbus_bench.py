"""The benchmark runs and measures both sides; what it measures is for people, not for a test on a shared machine."""

from __future__ import annotations

from bench.modbus import run


async def test_the_benchmark_measures_both_sides() -> None:
    result = await run(seconds=0.5, connections=2, devices=10)
    for key in (
        "throughput",
        "polls_per_second",
        "cpu_seconds_per_million_values",
        "raw_throughput",
        "ratio",
    ):
        value = result[key]
        assert isinstance(value, (int, float))
        assert value > 0
