"""Communications losses: one at the farthest hop that is silent as a whole, whatever lies nearer."""

from __future__ import annotations

import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Incident, IncidentKind, IncidentState, SupplyState
from processors.outage.evidence import Evidence
from tests.unit.outage_cases import faults
from tests.unit.outage_life import METERS, NETWORK, SETTINGS, T0, T1, T2, T3, T4, Life, inventory

LOSS, OUTAGE = IncidentKind.COMMUNICATIONS_LOSS, IncidentKind.OUTAGE
OPEN, CLOSED, MERGED = IncidentState.OPEN, IncidentState.CLOSED, IncidentState.MERGED
NEAR = [*range(3)]  # behind modem m1


@pytest.fixture(autouse=True)
def _no_fault() -> object:
    before = faults()
    yield
    assert faults() == before


def attributes(key: int) -> dict[str, str]:
    """T1 and T2 are heard through cell 4711, half of T1 through modem m1 there; the others through cell 4712."""
    cell = "4711" if key < 12 else "4712"
    return {"cell": cell, "modem": "m1"} if key in NEAR else {"cell": cell}


def field() -> Life:
    life = Life(inventory(attributes))
    life.until(2)
    return life


def paths(life: Life, *states: IncidentState) -> dict[str, Incident]:
    return {str(i.evidence.get("path", "")): i for i in life.of(LOSS, *states)}


def test_a_silent_cell_is_one_loss_and_nobody_is_off() -> None:
    life = field()
    life.off |= {*T1, *T2}
    life.tick(60)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.node, incident.devices) == (LOSS, "U1", (*T1, *T2))
    assert incident.summary.startswith("everything heard through cell 4711 silent since 08:01:5")
    assert {row.state for row in life.rows.values()} == {SupplyState.UNKNOWN}


def test_a_silent_modem_is_told_apart_from_its_cell_and_becomes_part_of_it() -> None:
    life = field()
    life.off |= set(NEAR)
    life.tick(50)
    near = paths(life)["modem:m1"]
    assert near.devices == tuple(NEAR)
    life.off |= {*T1, *T2}
    life.tick(60)
    (wide,) = paths(life, OPEN).values()
    assert (wide.evidence["path"], wide.devices) == ("cell:4711", (*T1, *T2))
    near = life.incidents[near.id]
    assert (near.state, near.parent) == (MERGED, wide.id)
    assert near.summary.endswith("part of a wider loss.")
    assert wide.started_at == near.started_at
    spans = life.time(wide)
    assert max(start for ((start, _),) in (spans[key] for key in NEAR)) < 2.1
    assert min(start for ((start, _),) in (spans[key] for key in T2)) > 2.5
    assert life.time(near) == {}


def test_a_silent_device_is_alone_until_all_of_its_cell_is() -> None:
    life = field()
    life.off.add(7)
    life.tick(50)
    assert [i.devices for i in paths(life, OPEN).values()] == [(7,)]
    life.off |= {*T1, *T2}
    life.tick(60)
    assert [(path, i.devices) for path, i in paths(life, OPEN).items()] == [("cell:4711", (*T1, *T2))]


def test_everything_silent_is_the_session() -> None:
    life = field()
    life.off |= set(range(METERS))
    life.tick(60)
    (incident,) = life.incidents.values()
    assert incident.evidence["path"] == "source:mqtt:b"
    assert len(incident.devices) == METERS


def test_dark_evidence_makes_an_outage_of_it_back_dated() -> None:
    life = Life(inventory(lambda key: {"cell": f"47{key // 6}"}))
    life.until(2)
    life.off |= {*T1}
    life.tick(60)
    (loss,) = life.of(LOSS, OPEN)
    lost_at = life.at - 60 * SECOND
    for key in T1:
        life.read(key, volts=0.0, at=lost_at + 5 * SECOND)
    life.tick(12)
    (outage,) = life.of(OUTAGE)
    assert (outage.node, outage.started_at) == ("T1", lost_at + 5 * SECOND)
    loss = life.incidents[loss.id]
    assert (loss.state, loss.parent) == (MERGED, outage.id)
    assert loss.summary.endswith("then found to be without supply.")
    until = round((lost_at + 5 * SECOND - T0) / MINUTE, 2)
    assert [end for ((_, end),) in life.time(loss).values()] == [until] * 6


def test_a_silent_cell_beside_an_outage_is_told_apart_from_it() -> None:
    life = field()
    life.lose(T3)
    life.tick(15)
    life.off |= {*T1, *T2}
    life.tick(60)
    assert [(i.node, i.devices) for i in life.of(OUTAGE)] == [("T3", tuple(T3))]
    assert [(path, i.devices) for path, i in paths(life).items()] == [("cell:4711", (*T1, *T2))]


def test_who_is_still_silent_when_the_cell_is_heard_again_is_so_for_its_own_reasons() -> None:
    life = field()
    life.off |= {*T1, *T2}
    life.tick(60)
    life.off = {3, 4, 5}
    life.tick(120)
    (cell,) = [i for i in life.of(LOSS) if i.evidence.get("path") == "cell:4711"]
    assert cell.state is CLOSED
    own = life.of(LOSS, OPEN)
    assert sorted(d for i in own for d in i.devices) == [3, 4, 5]
    for key in (3, 4, 5):  # no time is told twice
        rows = [row for row in life.rows.values() if row.device == key and row.ended_at != row.started_at]
        first, second = sorted(rows, key=lambda row: row.started_at)
        assert first.ended_at is not None
        assert first.ended_at <= second.started_at


def test_two_cells_silent_one_after_the_other_are_two_losses_while_others_are_heard() -> None:
    devices = inventory(lambda key: {"cell": f"47{1 + key // 6}"})
    life = Life(devices)
    life.until(2)
    life.off |= {*T1, *T4}
    life.tick(60)
    assert {path: i.devices for path, i in paths(life, OPEN).items()} == {
        "cell:471": tuple(T1),
        "cell:474": tuple(T4),
    }


def test_a_concentrators_cell_is_that_of_the_meters_behind_it() -> None:
    devices = [
        Device(id="C1", node="T1", kind="concentrator", customers=0, attributes={"cell": "1"}),
        Device(id="C2", node="T2", kind="concentrator", customers=0, attributes={"cell": "1"}),
        Device(id="M0", node="N0", via="C1"),
        Device(id="M1", node="N1", via="C1", attributes={"cell": "2"}),
        Device(id="M2", node="N2", via="C2"),
        Device(id="M3", node="N3", attributes={"cell": "2", "modem": "alone"}),
    ]
    evidence = Evidence(Inventory(devices, NETWORK), SETTINGS)
    names = {index: name for name, index in evidence.paths.items()}
    hops = [[names.get(i, "") for i in hop.tolist()] for hop in evidence.hops]
    assert hops[0] == ["via:C1", "via:C2", "via:C1", "via:C1", "via:C2", ""]
    assert hops[1] == [""] * 6
    assert hops[2] == ["cell:1", "cell:1", "cell:1", "cell:2", "cell:1", "cell:2"]
    assert [names[i] for i in evidence.path.tolist()][-1] == "cell:2"
