"""The bench of supply quality and meter events, in small: its shape, and that steady supply is steady."""

from __future__ import annotations

from bench.quality import run


async def test_it_tells_both_detectors_against_plain_comparisons() -> None:
    found = await run(devices=500, rows=200, rounds=12)
    assert found["devices"] == 500
    for name in ("quality", "meter_events", "both"):
        speed = found[f"{name}_readings_per_second"]
        assert isinstance(speed, float)
        assert found[f"{name}_values_per_second"] == speed * 16
    assert isinstance(found["ratio"], float)
    assert found["ratio"] > 0
    assert isinstance(found["meter_events_snapshot_bytes"], int)
    assert found["meter_events_snapshot_bytes"] < 500 * 40  # nobody has anything going on
