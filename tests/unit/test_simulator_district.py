from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gateway.core.inventory import Inventory
from gateway.core.network import NodeKind
from gateway.csvfiles import load_devices, load_network
from simulator.layout import build


@pytest.mark.parametrize("meters", [4, 30, 200, 1000])
def test_every_meter_hangs_on_a_service_of_its_own_below_its_transformer(meters: int) -> None:
    district = build(meters, seed=3)
    network = district.network
    assert len(district.meters) == meters
    assert len(set(district.node.tolist())) == meters
    assert (network.kind[district.node] == NodeKind.SERVICE).all()
    parents = network.parent[district.node]
    assert (parents == district.transformer_node[district.transformer]).all()
    assert [network.ids[n] for n in parents[:1]] == [district.transformers[district.transformer[0]]]


def test_two_hundred_meters_make_a_district_of_the_expected_size() -> None:
    district = build(200, seed=1)
    customers = np.bincount(district.transformer)
    assert 6 <= len(district.transformers) <= 10
    assert len(district.feeders) >= 2
    assert customers.min() >= 10
    assert customers.max() <= 60
    assert district.concentrated.sum() == len(district.transformers) // 2
    kinds = {NodeKind(k) for k in district.network.kind}
    assert kinds == set(NodeKind)


def test_the_same_seed_gives_the_same_district_and_another_seed_another() -> None:
    first, again, other = build(150, seed=7), build(150, seed=7), build(150, seed=8)
    assert first.devices == again.devices
    assert first.nodes == again.nodes
    assert (first.mean_w == again.mean_w).all()
    assert first.devices != other.devices


def test_the_devices_pass_the_inventorys_checks_and_serve_what_they_say() -> None:
    district = build(300, seed=2)
    inventory = Inventory(district.devices, district.network)
    apartments = [d.customers for d in district.meters if d.customers > 1]
    assert inventory.served == sum(d.customers for d in district.meters)
    assert apartments
    assert {d.priority for d in district.meters} == {"", "important", "critical"}
    for key in inventory.of_protocol("modbus"):
        device = inventory.device(key)
        if device.kind == "meter":
            via = inventory.device(int(inventory.via[key]))
            assert via.kind == "concentrator"
            assert inventory.transformer()[key] == district.network.index(via.node)


def test_phases_of_meters_are_those_of_their_services_and_balance_over_the_district() -> None:
    district = build(1000, seed=5)
    phases = {node.id: node.phases for node in district.nodes}
    assert all(phases[d.node] == d.phases for d in district.meters)
    single = [d.phases for d in district.meters if len(d.phases) == 1]
    assert all(single.count(letter) > len(single) / 4 for letter in "ABC")
    assert any(d.phases == "ABC" for d in district.meters)


def test_the_files_are_read_back_by_the_gateways_own_reader(tmp_path: Path) -> None:
    district = build(60, seed=4)
    polled = {d.id: "127.0.0.1:5020/1" for d in district.devices if d.protocol == "modbus"}
    network_file, devices_file = district.write(tmp_path, polled)
    network = load_network(network_file)
    inventory = load_devices(devices_file, network)
    assert network.ids == district.network.ids
    assert [inventory.device(k).id for k in range(len(inventory))] == [d.id for d in district.devices]
    assert inventory.device(0).attributes["customer_class"] == district.meters[0].attributes["customer_class"]
    assert inventory.nominal_v[0] == 220.0
    assert np.abs(network.lat - district.network.lat).max() < 1e-6


@pytest.mark.parametrize("meters", [0, 3, 100_001])
def test_a_district_of_an_impossible_size_is_refused(meters: int) -> None:
    with pytest.raises(ValueError, match="between 4 and 100000"):
        build(meters, seed=1)


@pytest.mark.parametrize("meters", [20, 40, 200, 1000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_there_is_a_lateral_with_several_transformers_and_a_concentrator_elsewhere(
    meters: int, seed: int
) -> None:
    district = build(meters, seed)
    network = district.network
    behind = network.ancestor_of_kind(NodeKind.FUSE)[district.transformer_node] == network.index("F1-L1")
    assert 2 <= behind.sum() <= 3
    assert behind.sum() < len(behind)
    assert district.concentrated[behind].any()
    assert district.concentrated[district.feeder > 0].any()


def test_terminals_may_be_left_out_behind_fuses() -> None:
    everywhere, trunk = build(400, seed=1), build(400, seed=1, terminals="trunk")
    fuse = trunk.network.ancestor_of_kind(NodeKind.FUSE)[trunk.transformer_node]
    on_busbars = {d.node for d in trunk.devices if d.id.startswith("TT")}
    assert on_busbars == {name for name, above in zip(trunk.transformers, fuse, strict=True) if above < 0}
    assert 0 < len(on_busbars) < len(trunk.transformers)
    assert {d.node for d in everywhere.devices if d.id.startswith("TT")} == set(everywhere.transformers)
    assert trunk.meters == everywhere.meters
