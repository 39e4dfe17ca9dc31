"""The benchmark runs and measures both sides; what it measures is for people, not for a test on a shared machine."""

from __future__ import annotations

from bench.modbus import run


async def test_the_benchmark_measures_both_sides_of_both_shapes() -> None:
    result = await run(seconds=0.5, connections=2, devices=10, many_connections=8, many_devices=8)
    many = result["many_endpoints"]
    assert isinstance(many, dict)
    for figures in (result, many):
        for key in (
            "values_per_second",
            "polls_per_second",
            "rows_per_batch",
            "cpu_seconds_per_million_values",
            "raw_values_per_second",
            "ratio",
        ):
            value = figures[key]
            assert isinstance(value, (int, float))
            assert value > 0
