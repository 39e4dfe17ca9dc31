"""Whom the loss of an area points at, for whom it speaks, and what accuses nobody below."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import DAY
from gateway.core.model import Float64s, Int32s
from gateway.core.usage import AreaEvidence, Drops
from processors.balance import findings
from processors.balance.guests import look
from processors.balance.suspects import AreaWindow, rank
from tests.unit.balance_world import SETTINGS, SLOTS, START, World, world

FROM = 30
LATER = slice(FROM * SLOTS, None)


def looked_into(played: World, drops: Drops | None = None) -> tuple[AreaEvidence, list[findings.AreaFinding]]:
    judged, book, areas = played.judged()
    windows = [played.window(row, areas) for row in judged.worst(100).tolist()]
    evidence = rank(judged, book, areas, windows, drops, settings=SETTINGS)
    found = findings.find(judged, book, areas, windows, evidence, played.inventory, settings=SETTINGS)
    return evidence, found


def weight(evidence: AreaEvidence, device: int) -> float:
    row = int(evidence.row_of(np.array([device], np.int32))[0])
    return float(evidence.weight[row]) if row >= 0 else 0.0


def others(evidence: AreaEvidence, *devices: int) -> Float64s:
    return evidence.weight[~np.isin(evidence.device, devices)]


def test_part_of_the_load_past_the_meter_is_found_by_its_own_ups_and_downs() -> None:
    played = world(days=45)
    thief = played.key(0, 3)
    played.sold[0, 3, LATER] *= 0.5
    evidence, found = looked_into(played)
    assert weight(evidence, thief) >= 4
    assert others(evidence, thief).max(initial=0) <= 0
    [first] = [r for r in evidence.reasons(thief) if r.rule == "loss_follows_use"]
    np.testing.assert_allclose(first.figures["lost_share"], 0.5, atol=0.08)
    stolen = (played.used - played.sold)[0, 3, LATER].mean() * 24
    np.testing.assert_allclose(first.figures["attributed_kwh"], stolen, rtol=0.25)
    assert "as if 5" in first.words or "as if 4" in first.words
    assert found == []


def test_a_whole_bypass_is_found_by_the_hours_it_lacks() -> None:
    played = world(days=45)
    thief = played.key(1, 5)
    played.sold[1, 5, LATER] = 0.0
    evidence, found = looked_into(played)
    assert weight(evidence, thief) >= 2.5
    assert others(evidence, thief).max(initial=0) <= 0
    assert [r.rule for r in evidence.reasons(thief)] == ["loss_rose_with_drop"]
    assert found == []


def test_tampered_nights_are_found() -> None:
    played = world(days=45, seed=1)
    night = (np.arange(played.used.shape[2]) % SLOTS < 28) & (np.arange(played.used.shape[2]) >= FROM * SLOTS)
    big = int(played.used[0].mean(axis=1).argmax())
    played.sold[0, big, night] *= 0.1
    evidence, _ = looked_into(played)
    assert weight(evidence, played.key(0, big)) >= 2.5


def test_a_slow_meter_since_ever_is_found_without_any_change() -> None:
    played = world(days=45)
    big = int(played.used[2].mean(axis=1).argmax())
    played.sold[2, big] *= 0.6
    evidence, _ = looked_into(played)
    assert weight(evidence, played.key(2, big)) >= 2
    assert others(evidence, played.key(2, big)).max(initial=0) <= 0


def test_a_vacancy_is_spoken_for_by_the_loss_that_did_not_rise() -> None:
    played = world(days=45)
    empty, thief = played.key(0, 7), played.key(0, 3)
    for side in (played.used, played.sold):
        side[0, 7, LATER] = 0.0
        side[1, 2, LATER] *= 0.2
    played.sold[0, 3, LATER] *= 0.4
    drops = Drops(
        customer=np.array([empty, played.key(1, 2)], np.int32),
        kwh_per_day=np.array(
            [
                played.used[0, 7, : FROM * SLOTS].mean() * 24,
                played.used[1, 2, : FROM * SLOTS].mean() * 24 * 0.8,
            ]
        ),
        since=np.full(2, START + FROM * DAY),
    )
    evidence, _ = looked_into(played, drops)
    assert weight(evidence, empty) <= -2
    assert weight(evidence, played.key(1, 2)) <= -2
    assert weight(evidence, thief) >= 3
    assert evidence.reasons(empty)[0].rule == "no_loss_with_drop"


def test_a_drop_that_is_lost_speaks_against_the_customer_without_a_look_into_the_area() -> None:
    played = world(days=45)
    played.sold[0, 3, LATER] = 0.0
    judged, book, areas = played.judged()
    size = played.used[0, 3].mean() * 24
    drops = Drops(
        customer=np.array([3], np.int32), kwh_per_day=np.array([size]), since=np.array([START + FROM * DAY])
    )
    evidence = rank(judged, book, areas, (), drops, settings=SETTINGS)
    assert weight(evidence, 3) >= 2.5
    assert len(rank(judged, book, areas, settings=SETTINGS)) == 0
    recent = Drops(customer=drops.customer, kwh_per_day=drops.kwh_per_day, since=np.array([START + 45 * DAY]))
    assert len(rank(judged, book, areas, (), recent, settings=SETTINGS)) == 0


def test_a_tapped_line_accuses_the_area_and_nobody_below() -> None:
    played = world(days=45)
    played.extra[3, LATER] = 0.6
    evidence, found = looked_into(played)
    assert others(evidence).max(initial=0) <= 0
    assert [f.kind for f in found] == ["area_loss"]
    _, _, areas = played.judged()
    [told] = findings.suspicions(found, areas, received_at=5, until=START + 45 * DAY)
    assert played.inventory.ids[told.device] == "X3"
    assert (told.since, told.received_at) == (START + FROM * DAY, 5)
    assert told.score > 0.5
    assert told.reasons[0].rule == "area_loss"
    assert "tapped before the meters" in told.reasons[0].words


def test_a_failed_transformer_at_the_supply_accuses_nobody() -> None:
    played = world(days=45)
    played.factor[0] *= 1.5
    played.factor[1, LATER] *= 0.66
    played.sold[0, 3, LATER] *= 0.7
    evidence, found = looked_into(played)
    assert len(evidence) == 0
    assert {(f.kind, f.node) for f in found} == {("supply_meter", 2), ("supply_meter", 3)}
    assert "current transformer" in found[0].words


def test_a_meter_below_another_transformer_is_a_matter_of_records() -> None:
    played = world(areas=4, days=45)
    big = int(played.used[2].mean(axis=1).argmax())
    moved = played.used[2, big].copy()
    played.used[2, big] = 0.0
    played.extra[3] += moved
    evidence, found = looked_into(played)
    [one] = found
    assert (one.kind, one.device) == ("topology", played.key(2, big))
    assert (played.inventory.network.ids[one.node], played.inventory.network.ids[one.other]) == ("T2", "T3")
    assert others(evidence).max(initial=0) <= 0
    assert findings.suspicions(found, played.judged()[2], received_at=1, until=2) == []


def test_what_a_neighbour_loses_is_the_guest_s_and_not_of_who_lives_alike() -> None:
    played = world(areas=4, days=45)
    big = int(played.used[2].mean(axis=1).argmax())
    moved = played.used[2, big].copy()
    played.used[3, 4] = moved * np.random.default_rng(3).gamma(16, 1 / 16, moved.shape)  # lives much like it
    played.sold[3, 4] = played.used[3, 4]
    played.used[2, big] = 0.0
    played.extra[3] += moved
    judged, book, areas = played.judged()
    windows = [played.window(row, areas) for row in judged.worst(100).tolist()]
    there = next(one for one in look(windows, judged, areas) if one.seen.row == 3)
    np.testing.assert_allclose(there.found.guests_kwh, moved.mean() * 24, rtol=0.2)
    evidence = rank(judged, book, areas, windows, settings=SETTINGS)
    assert weight(evidence, played.key(3, 4)) <= 0
    alone = look([w for w in windows if w.node == there.window.node], judged, areas)
    assert np.isfinite(alone[0].found.share[4])  # what was said without the neighbour


def test_a_drop_that_came_before_the_loss_rose_is_none_of_its_causes() -> None:
    played = world(days=60)
    earlier, size = 18, played.used[0, 3].mean() * 24
    played.sold[0, 3, LATER] = 0.0
    judged, book, areas = played.judged()

    def said(day: int) -> float:
        drops = Drops(
            customer=np.array([7], np.int32),
            kwh_per_day=np.array([size]),
            since=np.array([START + day * DAY]),
        )
        return weight(rank(judged, book, areas, (), drops, settings=SETTINGS), 7)

    assert said(FROM) > 2
    assert said(earlier) < 0


def test_a_meter_on_another_phase_than_registered_is_seen_by_its_voltage() -> None:
    played = world(areas=1, members=3, days=20)
    judged, book, areas = played.judged()
    plain = played.window(0, areas, days=7)
    random = np.random.default_rng(4)
    n = len(plain.start)
    busbar = 230 + np.cumsum(random.normal(0, 0.1, n)) + random.normal(0, 1.0, (3, n))
    own = busbar[[0, 2, 1]] - 1 + random.normal(0, 0.3, (3, n))
    phases: Int32s = np.array([1, 2, 7], np.int32)
    window = AreaWindow(
        node=plain.node,
        customer=plain.customer,
        start=plain.start,
        hours=plain.hours,
        kwh=plain.kwh,
        supplied=plain.supplied,
        voltage=own,
        supply_voltage=busbar,
        phases=phases,
    )
    evidence = rank(judged, book, areas, [window], settings=SETTINGS)
    found = findings.find(judged, book, areas, [window], evidence, played.inventory, settings=SETTINGS)
    assert [(f.kind, f.device, f.figures["phase"]) for f in found] == [("phase", 1, 2.0)]
    assert "phase C" in found[0].words


def test_evidence_of_nobody_has_no_rows() -> None:
    nothing = AreaEvidence.nothing()
    assert nothing.row_of(np.arange(3, dtype=np.int32)).tolist() == [-1, -1, -1]
    assert nothing.reasons(1) == ()
    assert len(nothing.weight) == 0
