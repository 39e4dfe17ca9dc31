"""What another inventory would change is told truly; a file cut short is not taken for what is meant."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.inventory import Device, Inventory
from gateway.core.network import Network
from gateway.inventoryimport import Change, compare, device_row


def inventory(
    devices: Sequence[Device],
    nodes: Sequence[tuple[str, str]] = (("S", ""), ("T", "S")),
    known: Sequence[str] = (),
) -> Inventory:
    names, parents = [name for name, _ in nodes], [above for _, above in nodes]
    kinds = ["substation" if not above else "transformer" for above in parents]
    return Inventory(devices, Network(names, parents, kinds, lat=[1.0] * len(names)), known=known)


def meters(count: int, node: str = "T") -> list[Device]:
    return [Device(id=f"M{i}", node=node) for i in range(count)]


def test_added_changed_retired_kept() -> None:
    before = inventory(meters(4))
    moved = Device(id="M1", node="S", attributes={"area": "rural"})
    after = inventory(
        [*meters(1), moved, Device(id="M3", node="T"), Device(id="N", node="T")], known=before.ids
    )
    found = compare(before, after)
    assert found.nodes.counts == {"added": 0, "changed": 0, "retired": 0, "kept": 2}
    assert found.devices.added == ("N",)
    assert found.devices.retired == ("M2",)
    assert found.devices.kept == 2
    assert found.devices.changed == (
        Change(id="M1", before={"node_id": "T", "area": ""}, after={"node_id": "S", "area": "rural"}),
    )


def test_nodes_that_move_are_changed_and_devices_on_them_are_not() -> None:
    before = inventory(meters(2), [("S", ""), ("R", ""), ("T", "S"), ("U", "S")])
    after = inventory(meters(2), [("S", ""), ("R", ""), ("T", "R"), ("V", "S")])
    found = compare(before, after)
    assert found.nodes.changed == (Change(id="T", before={"parent_id": "S"}, after={"parent_id": "R"}),)
    assert (found.nodes.added, found.nodes.retired, found.nodes.kept) == (("V",), ("U",), 2)
    assert found.devices.counts == {"added": 0, "changed": 0, "retired": 0, "kept": 2}


def test_ordinary_is_the_word_for_an_empty_priority() -> None:
    before = inventory([Device(id="M", node="T"), Device(id="N", node="T", priority="critical")])
    after = inventory(
        [Device(id="M", node="T", priority="ordinary"), Device(id="N", node="T", priority="lifeline")]
    )
    assert after.priority.tolist() == before.priority.tolist() == [0, 3]
    assert compare(before, after).devices.counts == {"added": 0, "changed": 0, "retired": 0, "kept": 2}


def test_a_retired_device_keeps_its_row_and_is_not_listed() -> None:
    after = inventory(meters(2), known=["M1", "gone", "M0"])
    assert (len(after), after.listed) == (3, 2)


def test_a_place_without_coordinates_is_the_same_as_itself() -> None:
    network = Network(["S"], [""], ["substation"])
    assert compare(Inventory([], network), Inventory([], network)).nodes.kept == 1


def test_everything_is_new_where_there_was_nothing_and_comes_back_after_it_was_gone() -> None:
    assert compare(None, inventory(meters(3))).devices.added == ("M0", "M1", "M2")
    gone = inventory([], known=["M0", "M1"])
    assert compare(gone, inventory(meters(2), known=["M0", "M1"])).devices.added == ("M0", "M1")


@pytest.mark.parametrize(
    ("before", "gone", "share", "refused"),
    [
        (100, 10, 0.1, False), (100, 11, 0.1, True), (20, 5, 0.1, False), (20, 6, 0.1, True), (6, 6, 0.1, True),
        (100, 50, 0.5, False), (100, 100, 1.0, False), (100, 6, 0.0, True), (5, 5, 0.0, False),
    ],
)  # fmt: skip
def test_more_than_a_share_needs_consent(before: int, gone: int, share: float, refused: bool) -> None:
    found = compare(inventory(meters(before)), inventory(meters(before - gone)))
    assert bool(found.needs_consent(share)) is refused
    if refused:
        assert found.needs_consent(share)[0].startswith(f"{gone} of {before} devices would be retired")


def test_nodes_are_guarded_as_well() -> None:
    places = [("S", ""), *((f"T{i}", "S") for i in range(19))]
    found = compare(inventory([], places), inventory([], places[:10]))
    (why,) = found.needs_consent(0.1)
    assert why.startswith("10 of 20 nodes would be retired, more than 10%; if that is meant, allow it (")


_devices = st.dictionaries(
    st.sampled_from([f"M{i}" for i in range(8)]),
    st.tuples(st.sampled_from("ST"), st.integers(0, 2), st.sampled_from(["", "rural"])),
)


def listed(rows: dict[str, tuple[str, int, str]]) -> list[Device]:
    return [
        Device(id=name, node=node, customers=customers, attributes={"area": area} if area else {})
        for name, (node, customers, area) in rows.items()
    ]


@given(_devices, _devices)
def test_the_difference_leads_from_one_to_the_other(
    first: dict[str, tuple[str, int, str]], second: dict[str, tuple[str, int, str]]
) -> None:
    before = inventory(listed(first))
    found = compare(before, inventory(listed(second), known=before.ids)).devices
    rows = {device.id: dict(device_row(device)) for device in listed(first)}
    goal = {device.id: dict(device_row(device)) for device in listed(second)}
    for name in found.retired:
        del rows[name]
    for change in found.changed:
        assert change.before != change.after
        assert change.before == {column: rows[change.id].get(column, "") for column in change.before}
        rows[change.id] |= change.after
    for name in found.added:
        assert name not in rows
        rows[name] = goal[name]
    known = {name: {k: v for k, v in row.items() if v != ""} for name, row in rows.items()}
    assert known == {name: {k: v for k, v in row.items() if v != ""} for name, row in goal.items()}
    assert found.kept + len(found.changed) + len(found.retired) == len(first)
