"""The detector goes on with another inventory a moment later: nobody was absent, so nothing may say that it was."""

from __future__ import annotations

import pytest

from gateway.core.inventory import Device, Inventory
from gateway.core.model import IncidentState, SignalKind
from gateway.core.network import Network
from processors.outage.detector import OutageDetector
from tests.unit.outage_cases import faults
from tests.unit.test_outage_changes import CHANGES, METERS, SETTINGS, STORIES, Player, world


def grown(*, below: str = "T1") -> Inventory:
    """The world with a transformer of three meters more, and two more meters at a new node below a known one."""
    old = world()
    kinds = ["substation", "feeder", "transformer", "transformer"]
    nodes = [("S", ""), ("F", "S"), ("T2", "F"), ("T1", "F")]
    nodes += [(f"N{i}", "T2" if i >= METERS else "T1") for i in range(METERS + 2)]
    nodes += [("T3", "F"), ("P", below)]
    kinds += ["service"] * (METERS + 2) + ["transformer", "section"]
    network = Network([name for name, _ in nodes], [above for _, above in nodes], kinds)
    devices = [old.device(key) for key in range(len(old))]
    devices += [Device(id=f"A{i}", node="T3", interval_s=5) for i in range(3)]
    devices += [Device(id=f"B{i}", node="P", interval_s=5) for i in range(2)]
    return Inventory(devices, network, known=old.ids)


def reload(player: Player, inventory: Inventory) -> None:
    """Another inventory, within one second of stream time."""
    state = player.detector.snapshot()
    player.detector = OutageDetector(inventory, SETTINGS)
    player.detector.restore(state)
    assert player.detector.open_ids() == {incident.id for incident in player.live()}


def known(player: Player) -> set[str]:
    return set(player.incidents)


ALL = {**CHANGES, "grown": grown(), "grown elsewhere": grown(below="T2")}


@pytest.mark.parametrize("change", ALL)
@pytest.mark.parametrize("story", STORIES)
def test_every_story_ends_after_a_reload(story: str, change: str) -> None:
    before = faults()
    player = Player(world())
    STORIES[story](player)
    reload(player, ALL[change])
    player.tick(3)
    player.well(90)
    player.ended()
    assert faults() == before


@pytest.mark.parametrize("change", ALL)
def test_nothing_is_made_up_where_all_is_well(change: str) -> None:
    player = Player(world())
    player.well(12)
    reload(player, ALL[change])
    player.well(60)
    assert known(player) == set()


def test_who_is_new_and_has_not_spoken_yet_tells_nothing() -> None:
    player = Player(world())
    player.well(12)
    reload(player, grown())
    player.well(60, but=tuple(range(len(world()), len(grown()))))
    assert [incident for incident in player.incidents.values() if incident.kind == "outage"] == []


def test_an_outage_goes_on_as_it_was_and_new_ones_below_are_no_other() -> None:
    player = Player(world())
    STORIES["opened"](player)
    (before,) = player.live()
    reload(player, grown())
    first_new = len(world())
    player.say(SignalKind.LAST_GASP, first_new + 3, first_new + 4)
    player.well(10, but=(*before.devices, first_new + 3, first_new + 4))
    (after,) = player.outages()
    assert (after.id, after.node, after.started_at) == (before.id, "T1", before.started_at)
    assert set(after.devices) == {*before.devices, first_new + 3, first_new + 4}
    player.well(60)
    player.ended()
    assert known(player) == {before.id}


def test_an_outage_that_begins_around_the_reload_is_found_with_all_of_its_evidence() -> None:
    player = Player(world())
    player.well(4)
    player.say(SignalKind.LAST_GASP, 0, 1)
    player.tick()
    reload(player, grown(below="T2"))
    player.say(SignalKind.LAST_GASP, 2, 4)
    player.tick(8)
    (incident,) = player.live()
    assert (incident.node, incident.state) == ("T1", IncidentState.OPEN)
    assert set(incident.devices) >= {0, 1, 2, 4}


def test_who_was_gone_and_comes_back_begins_anew() -> None:
    player = Player(world())
    player.well(8)
    reload(player, CHANGES["most meters gone"])
    player.well(40, but=(0, 1, 2, 3, 4))
    reload(player, world())
    player.well(60)
    assert known(player) == set()
    player.say(SignalKind.LAST_GASP, 0, 1, 2, 4)
    player.tick(8)
    assert [incident.node for incident in player.live()] == ["T1"]
