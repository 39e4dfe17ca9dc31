"""The accuracy benchmark: scenarios are what they say, hearing loses what it should, the score is as defined."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from bench.accuracy.hearing import Hearing, micros
from bench.accuracy.networks import Grid, load
from bench.accuracy.play import Play, play, ticks
from bench.accuracy.scenarios import KINDS, draw
from bench.accuracy.score import Outcome, score
from bench.accuracy.sweep import figures, run
from bench.accuracy.truth import WARM_UP_S, Scenario, Truth
from gateway.core.errors import InvalidInputError
from gateway.core.model import (
    Batch,
    Change,
    Drill,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Instruction,
    Interruption,
    PlannedOutage,
    Purpose,
    Question,
    Signal,
    SignalKind,
    SupplyState,
)
from gateway.core.network import NodeKind


@pytest.fixture(scope="module")
def grid() -> Grid:
    return load("district")


class Listener:
    """A detector that concludes nothing and keeps what it was told, in order."""

    name = "listener"

    def __init__(self) -> None:
        self.entries: list[Batch | Signal] = []
        self.times: list[int] = []
        self.asks: list[Question] = []

    def observe(self, batch: Batch) -> None:
        self.entries.append(batch)

    def notice(self, signal: Signal) -> None:
        self.entries.append(signal)

    def plan(self, planned: PlannedOutage) -> None: ...

    def instruct(self, instruction: Instruction) -> None: ...

    def exercise(self, drill: Drill) -> None: ...

    def advance(self, at: int) -> list[Event]:
        self.times.append(at)
        return []

    def questions(self) -> list[Question]:
        asks, self.asks = self.asks, []
        return asks

    def reset(self) -> None: ...

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None: ...

    @property
    def signals(self) -> list[Signal]:
        return [entry for entry in self.entries if isinstance(entry, Signal)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_scenario_is_drawn_the_same_again_and_its_truths_lie_within_what_is_off(
    grid: Grid, kind: str
) -> None:
    one, two = draw(grid, kind, 3), draw(grid, kind, 3)
    assert one.changes == two.changes
    assert [t.node for t in one.truths] == [t.node for t in two.truths]
    assert one.changes[0] >= WARM_UP_S
    off = {key for spell in one.spells for key in spell.keys.tolist()}
    for truth in one.truths:
        assert len(truth.points)
        assert set(truth.points.tolist()) <= off
        assert truth.start < truth.end <= one.length
    assert bool(one.truths) == bool(one.spells)


def test_other_seeds_draw_other_scenarios(grid: Grid) -> None:
    assert len({draw(grid, "transformer", seed).truths[0].node for seed in range(20)}) > 5


def test_as_many_gasps_come_as_the_delivery_rate_says(grid: Grid) -> None:
    scenario = draw(grid, "feeder", 1)
    publishing = [k for k in scenario.truths[0].points.tolist() if not grid.polled[k]]
    for p in (0.2, 0.9):
        hearing = Hearing(grid, scenario, p)
        heard = {s.device for s in hearing.signals if s.kind is SignalKind.LAST_GASP}
        assert len(heard) / len(publishing) == pytest.approx(p, abs=0.12)


def test_no_meter_without_supply_reports_and_a_polled_one_is_answered_for(grid: Grid) -> None:
    scenario = draw(grid, "fuse", 2)
    spell = scenario.spells[0]
    hearing = Hearing(grid, scenario, 0.9999)
    rows = hearing.readings
    sent = rows.received - 3.0
    within = np.isin(rows.device, spell.keys) & (sent > spell.start) & (rows.received < spell.end)
    assert not within.any()
    polled = spell.keys[grid.polled[spell.keys]]
    failed = {s.device for s in hearing.signals if s.kind is SignalKind.TARGET_FAILED}
    assert set(polled.tolist()) <= failed


def test_a_lost_phase_is_measured_by_three_phase_meters_and_darkens_the_others(grid: Grid) -> None:
    scenario = draw(grid, "phase", 1)
    spell = scenario.spells[0]
    phases = grid.inventory.phases[spell.keys]
    hearing = Hearing(grid, scenario, 0.5)
    rows = hearing.readings
    within = (rows.received > spell.start + 5) & (rows.received < spell.end)
    three = np.isin(rows.device, spell.keys[phases == 7]) & within
    assert three.any()
    volts = rows.values[three]
    phase = {1: 0, 2: 1, 4: 2}[spell.mask]
    assert (volts[:, phase] < 20).all()
    assert (np.delete(volts, phase, axis=1) > 200).all()
    single = np.isin(rows.device, spell.keys[phases == spell.mask]) & within
    assert not single.any()


def test_nothing_is_heard_of_a_lost_cell_until_it_is_back(grid: Grid) -> None:
    scenario = draw(grid, "cell", 4)
    silence = scenario.silences[0]
    hearing = Hearing(grid, scenario, 0.5)
    rows = hearing.readings
    within = (
        np.isin(rows.device, silence.keys)
        & (rows.received > silence.start + 3)
        & (rows.received < silence.end)
    )
    assert not within.any()
    assert not hearing.told


def test_time_stands_still_while_the_gateway_is_away_and_it_says_so_when_back(grid: Grid) -> None:
    scenario = draw(grid, "absence_calm", 2)
    away = scenario.absence
    assert away is not None
    listener = Listener()
    play(Hearing(grid, scenario, 0.5), listener)
    assert not [at for at in listener.times if micros(away.start) <= at < micros(away.end)]
    gone = [s for s in listener.signals if s.kind is SignalKind.GATEWAY_UP]
    assert [s.received_at for s in gone] == [micros(away.end)]
    assert listener.times == sorted(listener.times)


def test_everything_heard_is_played_once_and_before_its_tick(grid: Grid) -> None:
    scenario = draw(grid, "transformer", 5)
    hearing = Hearing(grid, scenario, 0.5)
    listener = Listener()
    play(hearing, listener)
    end = ticks(scenario)[-1]
    batches = [entry for entry in listener.entries if isinstance(entry, Batch)]
    assert sum(map(len, batches)) == int((hearing.readings.received <= end).sum())
    assert len(listener.signals) == int((hearing.signal_at <= end).sum())


@pytest.mark.parametrize(("powered", "kind"), [(True, SignalKind.PING_OK), (False, SignalKind.PING_FAILED)])
def test_who_is_asked_answers_by_its_supply(grid: Grid, powered: bool, kind: SignalKind) -> None:
    scenario = draw(grid, "feeder", 1)
    spell = scenario.spells[0]
    keys = [k for k in spell.keys.tolist() if grid.askable[k] and not grid.polled[k]]
    now = spell.start - 100.0 if powered else spell.start + 10.0
    hearing = Hearing(grid, scenario, 0.5)
    answers = [hearing.answer(_question(k), now) for k in keys]
    kinds = [a[1].kind for a in answers if a is not None and isinstance(a[1], Signal)]
    assert len(kinds) == len(keys)
    assert kinds.count(kind) > 0.85 * len(kinds)


def _question(key: int) -> Question:
    return Question(device=key, incident="one", purpose=Purpose.CONFIRM, asked_at=0)


# -- score -----------------------------------------------------------------------------------------------------------


def _told(
    keys: list[int],
    node: str,
    start: float,
    end: float,
    *,
    name: str = "one",
    kind: IncidentKind = IncidentKind.OUTAGE,
    state: IncidentState = IncidentState.CLOSED,
    parent: str = "",
) -> list[Event]:
    incident = Incident(
        id=name,
        kind=kind,
        node=node,
        phases="ABC",
        state=IncidentState.OPEN,
        started_at=micros(start),
        detected_at=micros(start + 10),
        customers=len(keys),
        devices=tuple(keys),
        parent=parent,
        confidence=0.9,
        summary="",
    )
    rows = tuple(
        Interruption(
            incident=name,
            device=k,
            step=0,
            state=SupplyState.OFF,
            started_at=micros(start),
            ended_at=micros(end),
        )
        for k in keys
    )
    opened = Event(at=micros(start + 10), change=Change.OPENED, incident=incident)
    last = structs.replace(incident, state=state, ended_at=micros(end), revision=2)
    change = Change.CLOSED if state is IncidentState.CLOSED else Change.CANCELLED
    return [opened, Event(at=micros(end), change=change, incident=last, interruptions=rows)]


@pytest.fixture(scope="module")
def outage(grid: Grid) -> tuple[Hearing, Truth]:
    scenario = draw(grid, "transformer", 1)
    return Hearing(grid, scenario, 0.8), scenario.truths[0]


def _scored(outage: tuple[Hearing, Truth], events: list[Event]) -> Outcome:
    return score(outage[0], Play(events))


def test_an_outage_told_as_it_was_is_found_exactly(outage: tuple[Hearing, Truth], grid: Grid) -> None:
    truth = outage[1]
    node = grid.inventory.network.ids[truth.node]
    outcome = _scored(outage, _told(truth.points.tolist(), node, truth.start + 2, truth.end))
    (found,) = outcome.truths
    assert (found.found, found.node_exact, found.kind_right) == (True, True, True)
    assert found.start_error_s == pytest.approx(2.0)
    assert found.delay_s == pytest.approx(12.0)
    assert (found.member_precision, found.member_recall) == (1.0, 1.0)
    assert (outcome.false, outcome.false_tickets, outcome.misses) == (0, 0, [])


def test_half_of_the_points_find_it_and_fewer_do_not(outage: tuple[Hearing, Truth]) -> None:
    truth = outage[1]
    points = truth.points.tolist()
    half, fewer = points[: -(-len(points) // 2)], points[: len(points) // 2 - 1]
    assert _scored(outage, _told(half, "SS1", truth.start, truth.end)).truths[0].found
    outcome = _scored(outage, _told(fewer, "SS1", truth.start, truth.end))
    assert not outcome.truths[0].found
    assert (outcome.false, outcome.invented, outcome.superfluous_tickets) == (1, 0, 1)


def test_a_second_incident_about_the_same_is_false_unless_it_is_a_part_of_the_first(
    outage: tuple[Hearing, Truth],
) -> None:
    truth = outage[1]
    points = truth.points.tolist()
    first = _told(points, "SS1", truth.start, truth.end)
    part = _told(points[:2], "SS1", truth.start, truth.end, name="two", parent="one")
    beside = _told(points[:2], "SS1", truth.start, truth.end, name="two")
    assert _scored(outage, first + part).false == 0
    assert _scored(outage, first + beside).false == 1


def test_an_outage_of_living_meters_is_invented_and_so_is_its_ticket(
    outage: tuple[Hearing, Truth], grid: Grid
) -> None:
    truth = outage[1]
    others = np.setdiff1d(grid.points, truth.points)[:5].tolist()
    stands = _scored(outage, _told(others, "SS1", truth.start, truth.end))
    assert (stands.false, stands.invented, stands.false_tickets) == (1, 1, 1)
    state = IncidentState.CANCELLED
    late = _scored(outage, _told(others, "SS1", truth.start, truth.start + 80, state=state))
    assert (late.false, late.false_tickets) == (0, 1)
    soon = _scored(outage, _told(others, "SS1", truth.start, truth.start + 60, state=state))
    assert (soon.false, soon.false_tickets) == (0, 0)


def test_silence_called_an_outage_is_counted(grid: Grid) -> None:
    scenario = draw(grid, "cell", 4)
    silence = scenario.silences[0]
    hearing = Hearing(grid, scenario, 0.5)
    keys = silence.keys.tolist()
    told = _told(keys, "SS1", silence.start, silence.end)
    assert score(hearing, Play(told)).silence_called_outage == 1
    kind = IncidentKind.COMMUNICATIONS_LOSS
    right = score(hearing, Play(_told(keys, "SS1", silence.start, silence.end, kind=kind)))
    assert (right.silence_called_outage, right.false) == (0, 0)


def test_figures_have_no_share_of_nothing() -> None:
    outcome = Outcome(kind="calm", seed=0, p=0.5, network="district")
    assert (figures([outcome])["recall"], figures([outcome])["precision"]) == (None, None)


# -- all of it -------------------------------------------------------------------------------------------------------


async def test_a_sweep_comes_to_the_same_figures_again() -> None:
    once, again = [
        await run(networks=("district",), kinds=("transformer", "cell"), scenarios=2, rates=(0.8,), jobs=1)
        for _ in range(2)
    ]
    assert once["by_kind"] == again["by_kind"]
    assert (once["plays"], once["scenarios"]) == (2, 2)


async def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="unknown kind 'flood'"):
        await run(kinds=("flood",))
    with pytest.raises(InvalidInputError, match="unknown network 'atlantis'"):
        load("atlantis")


@pytest.mark.parametrize(
    ("name", "transformers", "loads"), [("schutterwald", 14, 2757), ("oberrhein", 147, 870)]
)
def test_pandapower_networks_become_trees(name: str, transformers: int, loads: int) -> None:
    pytest.importorskip("pandapower", reason="the extra `bench` is not installed")
    grid = load(name)
    network = grid.inventory.network
    assert int((network.kind == NodeKind.TRANSFORMER).sum()) == transformers
    assert len(grid.points) == loads
    assert grid.below(0)[0] == grid.points[0]


def test_a_scenario_without_changes_still_lasts(grid: Grid) -> None:
    assert Scenario(kind="calm", seed=0).length > WARM_UP_S
    assert len(ticks(draw(grid, "calm", 0))) > 100
