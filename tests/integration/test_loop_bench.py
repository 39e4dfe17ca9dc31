"""The benchmark of the whole loop, in small: every outage is told once, and every leg has its figures."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bench.loop import run
from bench.loop.field import METERS, SPREAD_S, faults
from bench.loop.trace import Life


async def test_every_outage_is_told_once_and_every_leg_is_measured() -> None:
    result = await run(minutes=0.05, rate=100, readings=50, collecting_s=2.5, rounds=5)
    assert result["incidents"] == result["told"] == 5
    assert result["lost"] == dict.fromkeys(("gasps", "readings", "outages", "messages", "refused"), 0)
    assert result["doubled"] == dict.fromkeys(("outages", "tickets", "messages", "effects"), 0)
    delays, raw = result["delay_ms"], result["raw_ms"]
    assert isinstance(delays, dict)
    assert isinstance(raw, dict)
    assert list(delays) == [
        "whole",
        "field_to_gateway",
        "spooled_and_stored",
        "window_to_conclusion",
        "conclusion_to_ticket_committed",
        "ticket_committed_to_desk",
        "conclusion_to_desk",
        "desk_to_noted",
    ]
    assert list(raw) == ["spool", "commit", "post"]
    for spread in (*delays.values(), *raw.values()):
        assert list(spread) == ["p50", "p95", "p99", "max"]
        assert all(low <= high for low, high in pairwise(spread.values()))
    assert result["p99_ms"] == delays["whole"]["p99"]
    assert isinstance(result["ratio"], float)
    assert result["ratio"] > 0


async def test_a_load_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no faults"):
        await run(minutes=0, rate=100)


def test_faults_are_the_same_for_the_same_seed_and_within_their_time() -> None:
    plan = faults(50, 0.5, seed=3)
    assert plan == faults(50, 0.5, seed=3)
    assert plan != faults(50, 0.5, seed=4)
    assert len({fault.transformer for fault in plan}) == 50
    assert all(0 <= fault.at_s <= 30 for fault in plan)
    for fault in plan:
        assert [after for after, _ in fault.gasps] == sorted(after for after, _ in fault.gasps)
        assert all(0 <= after <= SPREAD_S for after, _ in fault.gasps)
        assert {meter for _, meter in fault.gasps} == {f"{fault.transformer}M{i}" for i in range(METERS)}


def test_legs_add_up() -> None:
    life = Life(
        sent_at=1_000,
        received_at=2_000,
        stored_at=9_000,
        detected_at=10_250_000,
        committed_at=10_300_000,
        arrived_at=10_320_000,
        noted_at=10_325_000,
    )
    legs = life.legs(10_000_000)
    assert legs["whole"] == 318.0
    assert legs["whole"] == legs["window_to_conclusion"] + legs["conclusion_to_desk"]
    assert legs["conclusion_to_desk"] == (
        legs["conclusion_to_ticket_committed"] + legs["ticket_committed_to_desk"]
    )
    untracked = life._replace(stored_at=0, committed_at=0).legs(10_000_000)
    assert set(legs) - set(untracked) == {
        "spooled_and_stored",
        "conclusion_to_ticket_committed",
        "ticket_committed_to_desk",
    }
