"""Restarts into a changed world: another device list, another network, other settings, or only the database left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.clock import SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    GATEWAY,
    Batch,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Interruption,
    Signal,
    SignalKind,
)
from gateway.core.network import Network
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings
from processors.outage.story import Story
from tests.unit.outage_cases import faults

T0 = parse_time("2026-03-01T08:00:00Z")
SETTINGS = OutageSettings(
    collecting_s=4,
    sustained_s=20,
    verify_s=30,
    remainder_s=20,
    last_gasp_wait_s=3,
    join_s=30,
    verify_sample=2,
    reclose_s=6,
)
OTHER = OutageSettings(
    collecting_s=9, verify_s=1, remainder_s=5, verify_sample=3, silence_intervals=5, min_score=8, reclose_s=6
)
METERS = 6
_LIVE = (IncidentState.OPEN, IncidentState.RESTORED)


def world(
    *, without: tuple[str, ...] = (), moved: tuple[str, ...] = (), transformer: bool = True
) -> Inventory:
    """Six meters below T1, two below T2, a terminal at each; the keys are the same in every world."""
    nodes = [("S", "", "substation"), ("F", "S", "feeder"), ("T2", "F", "transformer")]
    nodes += [("T1", "F", "transformer")] if transformer else []
    home = "T1" if transformer else "T2"
    nodes += [(f"N{i}", "T2" if i >= METERS else home, "service") for i in range(METERS + 2)]
    network = Network(
        [n for n, _, _ in nodes], [above for _, above, _ in nodes], [kind for _, _, kind in nodes]
    )
    devices = [
        Device(
            id=f"M{i}", node="T2" if f"M{i}" in moved else f"N{i}", via="C" if i in (4, 5) else "", interval_s=5
        )
        for i in range(METERS + 2)
    ]  # fmt: skip
    devices += [Device(id="X", node=home, kind="terminal", customers=0, interval_s=5)]
    devices += [Device(id="Y", node="F", kind="terminal", customers=0, interval_s=5)]
    devices += [Device(id="C", node=home, kind="concentrator", customers=0, interval_s=5)]
    known = [device.id for device in devices]
    listed = [device for device in devices if device.id not in without]
    if "C" in without:
        listed = [
            Device(id=d.id, node=d.node, kind=d.kind, customers=d.customers, interval_s=5) for d in listed
        ]
    return Inventory(listed, network, known=known)


CHANGES = {
    "nothing": world(),
    "a meter gone": world(without=("M0",)),
    "most meters gone": world(without=("M0", "M1", "M2", "M3", "M4")),
    "all of a transformer gone": world(without=("M0", "M1", "M2", "M3", "M4", "M5")),
    "terminal and concentrator gone": world(without=("X", "C")),
    "meters moved": world(moved=("M0", "M1", "M2")),
    "transformer gone": world(transformer=False),
    "much at once": world(without=("M1", "X"), moved=("M0",), transformer=False),
}


class Player:
    """Feeds a detector second by second and keeps what the database would have of its events."""

    def __init__(self, inventory: Inventory) -> None:
        self.detector = OutageDetector(inventory, SETTINGS)
        self.at = T0
        self.incidents: dict[str, Incident] = {}
        self.rows: dict[tuple[str, int, int], Interruption] = {}
        self.events: list[Event] = []

    def tick(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.at += SECOND
            self.keep(self.detector.advance(self.at))

    def keep(self, events: list[Event]) -> None:
        self.events += events
        for event in events:
            held = self.incidents.get(event.incident.id)
            assert held is None or (held.state in _LIVE and event.incident.revision > held.revision)
            self.incidents[event.incident.id] = event.incident
            self.rows |= {(row.incident, row.device, row.step): row for row in event.interruptions}
        places = [incident.node for incident in self.outages() if incident.state is IncidentState.OPEN]
        assert len(set(places)) == len(places)

    def live(self) -> list[Incident]:
        return [incident for incident in self.incidents.values() if incident.state in _LIVE]

    def outages(self) -> list[Incident]:
        return [incident for incident in self.live() if incident.kind is IncidentKind.OUTAGE]

    def read(self, *devices: int, volts: float = 230.0, breaker: float = 1.0) -> None:
        row = [volts, volts, volts, breaker]
        quantities = ("voltage_a", "voltage_b", "voltage_c", "breaker_closed")
        at = [self.at] * len(devices)
        self.detector.observe(Batch.of(quantities, devices, at, [row] * len(devices), source="mqtt:b"))

    def say(self, kind: SignalKind, *devices: int) -> None:
        for device in devices:
            own = self.at if kind is SignalKind.LAST_GASP else None
            self.detector.notice(
                Signal(kind=kind, device=device, received_at=self.at, occurred_at=own, source="mqtt:b")
            )

    def well(self, seconds: int, but: tuple[int, ...] = ()) -> None:
        """Every listed device reports supply each other second."""
        for second in range(seconds):
            if second % 2 == 0:
                keys = np.flatnonzero(self.detector.inventory.node >= 0).tolist()
                self.read(*(key for key in keys if key not in but))
            self.tick()

    def restart(
        self, inventory: Inventory, how: str = "snapshot", settings: OutageSettings = SETTINGS
    ) -> None:
        """A new gateway: from the snapshot, or from nothing but the database."""
        state = self.detector.snapshot()
        self.detector = OutageDetector(inventory, settings)
        if how == "snapshot":
            self.detector.restore(state)
        assert not how.startswith("snapshot") or self.detector.open_ids() == {i.id for i in self.live()}
        orphans = [i for i in self.live() if i.id not in self.detector.open_ids()]
        lived = {incident.id for incident in self.live()}
        self.detector.adopt(orphans, [row for row in self.rows.values() if row.incident in lived])
        down, self.at = self.at, self.at + 20 * SECOND
        for kind, at in ((SignalKind.GATEWAY_DOWN, down), (SignalKind.GATEWAY_UP, self.at)):
            self.detector.notice(Signal(kind=kind, device=GATEWAY, received_at=self.at, occurred_at=at))

    def ended(self) -> None:
        assert self.live() == []
        assert [row for row in self.rows.values() if row.ended_at is None] == []
        assert all(row.ended_at is None or row.ended_at >= row.started_at for row in self.rows.values())


def opened(player: Player) -> None:
    """T1 lost supply."""
    player.well(4)
    player.say(SignalKind.LAST_GASP, 0, 1, 2, 4)
    player.tick(8)
    assert [i.node for i in player.live()] == ["T1"]


def restored(player: Player) -> None:
    opened(player)
    player.well(3)
    assert [i.state for i in player.live()] == ["restored"]


def nested(player: Player) -> None:
    """Supply is back but for M1, which is judged apart."""
    opened(player)
    player.well(30, but=(1,))
    assert len(player.live()) == 2


def lost(player: Player) -> None:
    """The concentrator and M0 are silent."""
    player.well(4)
    player.well(24, but=(0, 4, 5, 10))
    assert {i.kind for i in player.live()} == {IncidentKind.COMMUNICATIONS_LOSS}
    assert len(player.live()) == 2


def tripped(player: Player) -> None:
    """The feeder's breaker opened after T1 had been restored."""
    restored(player)
    player.read(9, breaker=0.0)
    player.tick(2)
    assert "F" in {i.node for i in player.live() if i.state is IncidentState.OPEN}


STORIES = {"opened": opened, "restored": restored, "nested": nested, "lost": lost, "tripped": tripped}


@pytest.mark.parametrize("how", ["snapshot", "database"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("story", STORIES)
def test_every_story_ends_in_a_changed_world(story: str, change: str, how: str) -> None:
    before = faults()
    player = Player(world())
    STORIES[story](player)
    player.restart(CHANGES[change], how)
    player.tick(3)
    player.well(90)
    player.ended()
    assert faults() == before


@pytest.mark.parametrize("story", STORIES)
def test_settings_may_change_between_snapshot_and_restore(story: str) -> None:
    before = faults()
    player = Player(world())
    STORIES[story](player)
    player.restart(world(), settings=OTHER)
    player.well(90)
    player.ended()
    assert faults() == before


def test_members_that_are_gone_were_off_until_the_list_was_changed() -> None:
    player = Player(world())
    opened(player)
    left_at = player.at
    player.restart(CHANGES["a meter gone"])
    player.tick(2)
    assert player.rows[player.live()[0].id, 0, 0].ended_at == left_at
    assert 0 not in player.live()[0].devices
    player.well(60)
    player.ended()


def test_an_outage_that_nobody_is_left_in_is_closed_at_once() -> None:
    player = Player(world())
    opened(player)
    player.restart(CHANGES["all of a transformer gone"])
    player.tick()
    (incident,) = player.incidents.values()
    assert (incident.state, incident.devices) == (IncidentState.CLOSED, (0, 1, 2, 3, 4, 5))
    player.ended()


def test_two_outages_at_one_place_are_one_after_taking_over() -> None:
    player = Player(world())
    opened(player)
    (mine,) = player.live()
    twin = Incident(
        id="inc-twin", kind=mine.kind, node=mine.node, phases=mine.phases, state=mine.state, customers=6,
        started_at=mine.started_at, detected_at=mine.detected_at, devices=mine.devices, confidence=0.9, summary="",
        revision=3,
    )  # fmt: skip
    rows = [
        Interruption(incident=twin.id, device=key, step=0, state="off", started_at=T0, ended_at=None)  # type: ignore[arg-type]
        for key in twin.devices
    ]
    player.detector.adopt([twin], rows)
    (event,) = player.detector.advance(player.at + SECOND)
    assert (event.incident.id, event.incident.state, event.incident.revision) == (
        twin.id,
        IncidentState.CLOSED,
        4,
    )
    assert {(row.device, row.ended_at) for row in event.interruptions} == {(key, T0) for key in twin.devices}
    assert player.detector.open_ids() == {mine.id}


def test_what_could_not_be_stored_is_told_again_whole() -> None:
    player = Player(world())
    restored(player)
    player.say(SignalKind.LAST_GASP, 0, 1, 2, 4)
    player.tick(8)
    (incident,) = player.live()
    rows = {key: row for key, row in player.rows.items() if row.ended_at != row.started_at}
    assert {step for _, _, step in rows} == {0, 1}
    player.detector.republish([incident.id, "inc-unknown"])
    (event,) = player.detector.advance(player.at + SECOND)
    assert event.incident.revision == incident.revision + 1
    assert {(row.incident, row.device, row.step): row for row in event.interruptions} == rows
    assert player.detector.advance(player.at + 2 * SECOND) == []


def test_one_story_that_cannot_be_followed_is_withdrawn_and_judged_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    player, before = Player(world()), faults()
    opened(player)
    player.say(SignalKind.LAST_GASP, 6)
    player.tick()
    player.read(7)
    player.tick(5)
    first, second = player.outages()

    def fails(slot: int, story: Story, at: int) -> None:
        if story.id == first.id:
            raise ZeroDivisionError("for the test")

    monkeypatch.setattr(player.detector.follower, "_follow_outage", fails)
    player.read(0)
    player.tick(2)
    monkeypatch.undo()
    assert faults() == before + 1
    assert player.incidents[first.id].state is IncidentState.CANCELLED
    assert player.incidents[second.id].state is IncidentState.OPEN
    player.tick(12)
    assert {i.node for i in player.outages()} == {"N6", "N1", "N2", "N4"}
    player.well(90)
    player.ended()


def test_one_step_that_fails_does_not_keep_the_others_from_concluding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    player, before = Player(world()), faults()
    player.well(4)

    def fails(at: int) -> None:
        raise ZeroDivisionError("for the test")

    monkeypatch.setattr(player.detector.direct, "conclude", fails)
    player.say(SignalKind.LAST_GASP, 0, 1, 2, 4)
    player.tick(8)
    assert [i.node for i in player.live()] == ["T1"]
    assert faults() == before + 8


_act = st.sampled_from(
    ["gasp", "zero", "live", "restore", "breaker", "session lost", "session made", "will", "tick"]
)
_acts = st.lists(st.tuples(_act, st.integers(0, METERS + 4)), max_size=25)


# M1 leaves the feeder's outage as a fault of its own and is taken back into it: with a further step.
REJOINED = (
    [("gasp", 1)] * 5
    + [("restore", 0), ("tick", 0), ("tick", 0)]
    + [("gasp", 0)] * 4
    + [("gasp", 2), ("gasp", 0)]
)


def do(player: Player, acts: list[tuple[str, int]]) -> None:
    for act, device in acts:
        match act:
            case "gasp":
                player.say(SignalKind.LAST_GASP, device)
            case "zero":
                player.read(device, volts=0.0)
            case "live":
                player.read(device, (device + 1) % METERS)
            case "restore":
                player.say(SignalKind.POWER_RESTORED, device)
            case "breaker":
                player.read(8 + device % 2, breaker=0.0)
            case "session lost":
                player.say(SignalKind.CONNECTION_LOST, GATEWAY)
            case "session made":
                player.say(SignalKind.CONNECTION_MADE, GATEWAY)
            case "will":
                player.say(SignalKind.CONNECTION_LOST, device)
            case _:
                player.tick(6)
        player.tick()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(STORIES)),
    _acts,
    st.sampled_from(sorted(CHANGES)),
    _acts,
    st.sampled_from(["snapshot", "database"]),
)
@example("tripped", REJOINED, "a meter gone", [], "database")
def test_whatever_happens_around_a_change_everything_ends(
    story: str, first: list[tuple[str, int]], change: str, second: list[tuple[str, int]], how: str
) -> None:
    before = faults()
    player = Player(world())
    STORIES[story](player)
    do(player, first)
    player.restart(CHANGES[change], how)
    do(player, second)
    player.well(150)
    player.ended()
    assert faults() == before
