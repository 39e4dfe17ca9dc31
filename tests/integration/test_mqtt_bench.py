"""The benchmark runs, and every figure comes with the raw limit of the same run."""

from __future__ import annotations

from bench.mqtt import run


async def test_both_qualities_of_service_are_measured() -> None:
    result = await run(messages=500, rounds=1)
    for name in ("qos0", "qos1"):
        figures = result[name]
        assert isinstance(figures, dict)
        assert figures["messages_per_second"] > 0
        assert figures["raw_messages_per_second"] > 0
        assert figures["cpu_seconds_per_million_values"] > 0
        assert figures["ratio"] > 0
